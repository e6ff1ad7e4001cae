// Numbers as bitnet_cost/numerals.py prints them; a test asks both. Ties go to the even digit, as Python rounds.
"use strict";
const STEPS = [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3], ["", 1], ["m", 1e-3], ["µ", 1e-6], ["n", 1e-9], ["p", 1e-12]];
const grouped = (text) => text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
function even(text, exact, places) { // a tie, which toFixed rounds up, goes to the even digit
  const tie = /^50*$/.test(exact.slice(exact.indexOf(".") + 1 + places));
  return tie && "13579".includes(text.at(-1)) ? (Number(text) - 10 ** -places).toFixed(places) : text;
}
const fixed = (value, places) => (value < 0 ? "-" : "") + even(Math.abs(value).toFixed(places), Math.abs(value).toFixed(60), places);
function digits(value, count) {
  if (!value) return "0";
  const [mantissa, power] = value.toExponential(count - 1).split("e"), away = Math.abs(power);
  if (power >= -4 && power < count) return fixed(value, count - 1 - power).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  return `${Number(even(mantissa, value.toExponential(60).split("e")[0], count - 1))}e${power < 0 ? "-" : "+"}${String(away).padStart(2, "0")}`;
}
const prefixOf = (value) => (!value || !Number.isFinite(value) ? STEPS[4] : STEPS.find(([, scale]) => Math.abs(value) >= scale * 0.99995) || STEPS[8]);
const withPrefix = (value, unit) => `${digits(value / prefixOf(value)[1], 3)} ${prefixOf(value)[0]}${unit}`;
function significant(value, scale = 1, count = 3) {
  const scaled = value / scale;
  if (!Number.isFinite(value)) return "-";
  if (scaled === 0) return "0";
  if (Math.abs(scaled) < 0.0001) return "<0.0001";
  if (Math.abs(scaled) >= 1e7) return scaled.toExponential(count - 1).replace(/e([+-])(\d)$/, "e$10$2");
  return grouped(fixed(scaled, Math.min(4, Math.max(0, count - 1 - Math.floor(Math.log10(Math.abs(scaled)))))));
}
function tick(value) {
  if (value >= 1e-3 && value < 1e5) return grouped(digits(value, 6));
  const [mantissa, power] = value.toExponential(5).split("e");
  return `${Number(mantissa)}e${Number(power)}`;
}
const largest = (values) => Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
function columnFigures(values, unit) {
  const [prefix, scale] = prefixOf(largest(values));
  return [prefix + unit, values.map((value) => significant(value, scale))];
}
function onePrefix(values) {
  const sizes = values.filter((value) => value && Number.isFinite(value)).map(Math.abs), step = prefixOf(largest(sizes));
  return !sizes.length || Math.min(...sizes) / step[1] >= 0.001 ? step : null;
}
function wholePercent(share) {
  const size = Math.abs(100 * share);
  if (size >= 90 && size < 100) return `${fixed(Math.min(size, 99.9), 1)}%`;
  return `${size >= 0.05 && size < 0.95 ? fixed(size, 1) : grouped(fixed(size, 0))}%`;
}
const times = (change) => grouped(digits(1 + change, 3));
function signedChange(change) {
  if (change >= 4) return `x${times(change)}`;
  const text = change < 0 ? wholePercent(change) : `${fixed(100 * change, change >= 0.0005 && change < 0.0095 ? 1 : 0)}%`;
  return text === "0%" ? text : `${change < 0 ? "-" : "+"}${text}`;
}
function changeRange(low, high) {
  if (high >= 4) return `x${times(low)} to ${times(high)}`;
  return `${[low, high].map((end) => {
    const text = fixed(100 * end, end < -0.99 ? 1 : 0);
    return Number(text) === 0 ? "0" : (end < 0 ? "" : "+") + text;
  }).join(" to ")}%`;
}
function changeWords(change) {
  if (change < 0) return `${wholePercent(change)} less`;
  const factor = digits(1 + change, 2);
  if (change < 0.95) return `${fixed(100 * change, change > 0 && change < 0.0095 ? 1 : 0)}% more`;
  return factor === "2" ? "twice as much" : `${grouped(digits(Number(factor), 6))} times as much`;
}
