// What the explorer's page is made of: elements, marks, logarithmic scales, and lines over rates. It knows nothing of the
// question, and prints numbers by numerals.js.
function made(tag, attributes = {}, words = undefined) {
  const element = tag.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (words !== undefined) element.textContent = words;
  return element;
}

const TICKS = Array.from({ length: 33 }, (_, k) => [1, 2, 5].map((m) => Number(`${m}e${k - 16}`))).flat();
const ticksBetween = (from, to) => TICKS.filter((t) => t >= from && t <= to);
function fewer(ticks, most, kept = []) { // powers of ten, and some more
  return ticks.length > most ? ticks.filter((t) => kept.includes(t) || t.toExponential().startsWith("1e")) : ticks;
}
function ticksOf(values, most) {
  const from = TICKS.findLast((t) => t <= Math.min(...values)), to = TICKS.find((t) => t >= Math.max(...values));
  return fewer(ticksBetween(from, to), most, [from, to]);
}
const logScale = (from, to, start, length) => (value) => start + (Math.log(value / from) / Math.log(to / from)) * length;

function canvas(id, width, height) {
  const drawing = document.getElementById(id), parts = [];
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  drawing.setAttribute("height", height);
  const add = (tag, attributes, words) => parts.push(made(`svg:${tag}`, attributes, words));
  return { add, parts, done: () => drawing.replaceChildren(...parts) };
}
function markAt(x, y, { shape, family }, hollow, words) {
  const shapes = { circle: `M${x - 6} ${y}a6 6 0 1 0 12 0a6 6 0 1 0-12 0Z`, "triangle-up": `M${x} ${y - 7}L${x + 6.5} ${y + 5}H${x - 6.5}Z`, diamond: `M${x} ${y - 7}L${x + 7} ${y}L${x} ${y + 7}L${x - 7} ${y}Z`,
    pentagon: `M${x} ${y - 7}L${x + 6.7} ${y - 2}L${x + 4} ${y + 6}H${x - 4}L${x - 6.7} ${y - 2}Z` };
  const mark = made("svg:path", { d: shapes[shape] || `M${x - 5.5} ${y - 5.5}h11v11h-11Z`, class: `m${hollow || shape.endsWith("open") ? " hollow" : ""}`, "data-family": family });
  mark.append(made("svg:title", {}, words));
  return mark;
}
// A line for each of some series, [rates, ...figures], up to a cross where it ends, with its name beside it.
function overRates(id, width, series, at, unit) {
  const height = 220, { add, done } = canvas(id, width, height), left = 58, top = 10, bottom = 34;
  const right = 16 + 8 * Math.max(...series.map((each) => each.words.length));
  const across = ticksOf(series.flatMap(({ figures }) => figures[0]), Math.floor((width - left - right) / 44)), up = ticksOf(series.flatMap(({ figures }) => figures[at]), 6);
  const x = logScale(across[0], across.at(-1), left, width - left - right), y = logScale(up[0], up.at(-1), height - bottom, top + bottom - height);
  for (const t of up) {
    add("line", { x1: left, x2: width - right, y1: y(t), y2: y(t), class: "g" });
    add("text", { x: left - 8, y: y(t) + 4, class: "ax", "text-anchor": "end" }, withPrefix(t, unit));
  }
  for (const t of across) add("text", { x: x(t), y: height - bottom + 18, class: "ax", "text-anchor": "middle" }, digits(t, 3));
  let below = -Infinity;
  for (const { figures, words, family } of [...series].sort((one, other) => y(one.figures[at].at(-1)) - y(other.figures[at].at(-1)))) {
    const end = x(figures[0].at(-1)), level = y(figures[at].at(-1));
    below = Math.max(level, below + 15);
    add("path", { d: `M${figures[0].map((rate, k) => `${x(rate).toFixed(1)} ${y(figures[at][k]).toFixed(1)}`).join("L")}`, class: "ln", "data-family": family });
    add("path", { d: `M${end - 5} ${level - 5}l10 10m0-10l-10 10`, class: "end", "data-family": family });
    add("text", { x: width - right + 12, y: below + 4, class: "lab", "data-family": family }, words);
  }
  done();
}
