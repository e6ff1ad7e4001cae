// The operators of every cell: the chart of what binds them, as charts_trust.py makes it, and their rows of the document.
"use strict";
// Rows of a record, with the names of the document.
function operationsOf({ columns, kinds, bounds, cells }, record) {
  const [kind, energy, seconds, bound] = cells[record], [rows, amounts] = kinds[kind];
  return rows.map(([phase, op, group, repeat], i) => ({
    record, phase, op, group, repeat, ...Object.fromEntries(columns.map((name, of) => [name, amounts[of][i]])),
    energy_j: energy[i], seconds: seconds && seconds[i], bound: bound && bounds[bound[i]],
  }));
}
function roofline(data, at) {
  const place = data.places[`${at.model}\n${at.hardware}\n${at.precision}`], rows = [], waits = new Map(), marks = new Map();
  const timed = place === undefined ? [] : operationsOf(data.operations, place).filter(({ seconds }) => seconds);
  for (const { phase, op, seconds, bound, mac, weight_bytes: weights, activation_bytes: passing, kv_bytes: cache } of timed) {
    waits.set(bound, (waits.get(bound) ?? 0) + seconds);
    if (!mac) continue;
    const intensity = (2 * mac) / (weights + passing + cache), rate = (2 * mac) / seconds;
    rows.push([phase, op, significant(intensity, 1, 4), significant(rate, 1e12, 4), significant(seconds, 1e-3, 4), bound ?? "-"]);
    if (!marks.has(phase)) marks.set(phase, []);
    marks.get(phase).push([short(intensity), short(rate / 1e12), plain(`${op}: ${bound}`)]);
  }
  const what = `${nameOf(data, at.precision)} ${atWords(data, at.hardware)}`;
  let heading = `No time can be computed for ${what}`;
  if (waits.size) {
    const [bound, most] = [...waits].reduce((best, one) => (one[1] > best[1] ? one : best));
    heading = `${what} waits for ${bound} in ${wholePercent(most / total(waits.values()))} of its time`;
  }
  const [drawn, labels] = marks.size ? roofs(data.looks.roof, data.roofs[at.hardware]) : [[], []];
  [...marks].forEach(([phase, found], i) => {
    drawn.push([data.looks.phases[i], named(phase, found.map(([x]) => x), found.map(([, y]) => y), { text: found.map(([, , text]) => text) })]);
  });
  const [xs, ys] = ["x", "y"].map((way) => drawn.flatMap(([, own]) => own[way])), right = 16 + 7 * Math.max(0, ...labels.map((one) => one[2].length));
  const layout = [logAxis("operations per byte moved", xs, 0.02), logAxis("Top/s", ys, 0.09), "stack", true, false, 12, right];
  return {
    heading, title: "Rate of each operator against its operations per byte", words: "Log scales. Lines: what memory and peak rates allow.",
    table: [`Operators of ${at.model} in ${at.precision} at ${at.hardware}`, headed(["phase", "operator", "op/byte", "Top/s", "ms", "bound"], [0, 1, 5]), rows],
    figure: drawn.length ? drawing(layout, drawn, { labels }) : null,
  };
}
// A line for each rate of products, over the slope of the memory; formats of one rate share theirs.
function roofs(look, [slope, rates]) {
  if (!slope) return [[], []];
  const forms = new Map();
  for (const [form, rate] of Object.entries(rates)) forms.set(rate, [...(forms.get(rate) ?? []), form]);
  const heights = [...forms.keys()], end = short(Math.max(1e4, (10 * Math.max(...heights)) / slope));
  const lines = [...heights].sort((a, b) => b - a).map((rate) =>
    [look, named(`roof of ${forms.get(rate).join(", ")}`, [0.1, short(rate / slope), end], [0.1 * slope, rate, rate].map((v) => short(v / 1e12)))]);
  const labels = [...forms].map(([rate, names]) => label(end, rate / 1e12, names.slice(0, 3).join(", "), "mu", { side: "right", gap: 5 }));
  return [lines, apart(labels, [(0.1 * slope) / 1e12, ...heights.map((rate) => rate / 1e12)])];
}
CHARTED.roofline = roofline;
