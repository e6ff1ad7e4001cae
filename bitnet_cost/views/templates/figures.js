// Drawings of bitnet_cost/views/figures.py as plotly.js reads them, field by field as they are there: axes, room, labels.
"use strict";
const FREE = ["right", "left", "below", "above"]; // sides of a label, the first that is free
const markup = (words) => String(words).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const plain = (words) => markup(words).replace(/\n/g, "<br>");
const short = (value) => (value === null ? null : Number(digits(value, 4)));

function wrapped(text, width) { // broken at spaces and behind hyphens between letters
  const lines = [];
  for (const word of text.split(/[\t\n\v\f\r ]+/).filter(Boolean)) {
    word.split(/(?<=\w[A-Za-z_]-)(?=\w+[A-Za-z_])/).forEach((part, i) => {
      const joined = lines.length ? lines.at(-1) + (i ? "" : " ") + part : part;
      if (lines.length && joined.length <= width) lines[lines.length - 1] = joined;
      else lines.push(part);
    });
  }
  return lines.slice(0, 4);
}
function axisNames([, , , , names, , heads], narrow) {
  const each = names.map((name) => wrapped(name, narrow ? 18 : 44).map(markup).join("<br>"));
  return each.map((text, i) => (heads.includes(i) ? `<b>${text}</b>` : text));
}
function axisOf(axis, narrow, across) {
  const [title, log, ticks, texts, names, span] = axis, found = { title: { text: markup(title), standoff: across ? 8 : 6 } };
  if (log) found.type = "log";
  if (names.length) {
    Object.assign(found, { showgrid: false, ticks: "", tickfont: { size: 13, color: "var(--ink)" }, tickvals: names.map((_, i) => i),
      ticktext: axisNames(axis, narrow), range: [names.length - 0.4, -0.6] });
    return found;
  }
  const kept = (_, i) => !(narrow && ticks.length > 5) || i % 2 === 0;
  if (ticks.length) Object.assign(found, { tickvals: ticks.filter(kept), ticktext: texts.filter(kept) });
  if (span) found.range = span;
  return found;
}
// The height of a drawing, and the room around its axes, that of its legend among it.
function roomOf([[, up, , legend, , top, right], traces, , , rem], narrow) {
  const names = legend ? traces.filter(([look]) => look.showlegend).map(([, own]) => own.name) : [];
  const each = 46 + 7 * Math.max(0, ...names.map((name) => name.length)), width = (narrow ? 350 : 672) - 80;
  const lines = names.length ? 22 * Math.ceil(names.length / Math.max(1, Math.floor(width / each))) : 0;
  const above = top + lines + (lines ? 6 : 0), sides = axisNames(up.with(6, []), narrow).map((name) => name.split("<br>"));
  let height = Math.round(16 * rem) + lines, left = 66;
  if (sides.length) {
    height = Math.max(height, above + 46 + (15 * Math.max(...sides.map((one) => one.length)) + 4) * sides.length);
    left = 14 + Math.round(6.9 * Math.max(...sides.flat().map((line) => line.length)));
  }
  return { height, margin: { l: Math.max(left, 30), r: right, t: above, b: 46 } };
}
const lineAt = (way, value) => ({
  type: "line", [way === "y" ? "xref" : "yref"]: "paper", [way === "y" ? "x0" : "y0"]: 0, [way === "y" ? "x1" : "y1"]: 1,
  [`${way}0`]: value, [`${way}1`]: value, line: { width: 1.5, color: "var(--ink)" },
});
// A drawing, whose looks are plotly's, in one piece.
function figureOf(drawing, narrow, template) {
  const [layout, traces, level, mark, , , lines, words, brief] = drawing, [x, y, bars, legend, even, top] = layout;
  const { height, margin } = roomOf(drawing, narrow), inside = Math.max(1, height - margin.t - 46);
  const shapes = [...(level === null ? [] : [lineAt("y", level)]), ...(mark === null ? [] : [lineAt("x", mark)]), ...lines];
  const found = {
    xaxis: axisOf(x, narrow, true), yaxis: axisOf(y, narrow, false), barmode: bars, showlegend: legend, hovermode: "closest",
    margin, height, shapes, annotations: [...placed(drawing, narrow, height, margin), ...(narrow && brief !== null ? brief : words)], template,
  };
  if (even) found.legend = { itemsizing: "constant" };
  if (legend && top) found.legend = { ...found.legend, y: 1 + top / inside };
  return { data: traces.map(([look, own]) => ({ ...look, ...own })), layout: found };
}

// Labels, each on the first side on which it covers no mark and no label before it.
function placed([[x, y], traces, , , , labels], narrow, height, room) {
  const width = narrow ? 350 : 672, log = (value, axis) => (axis[1] && value > 0 ? Math.log10(value) : value);
  const place = (value, axis, start, stop) => {
    const [low, high] = axis[4].length ? [axis[4].length - 0.4, -0.6] : axis[5] || [0, 1];
    return start + ((stop - start) * (log(value, axis) - low)) / (high - low || 1);
  };
  const across = (value) => place(value, x, room.l, width - room.r), up = (value) => place(value, y, height - room.b, room.t);
  const shown = labels.filter((label) => !narrow || label[6] !== "");
  const [marks, thin] = shown.some((label) => !label[5]) ? obstacles(traces, across, up) : [[], []];
  thin.push(...Array(3).fill([0, 0, room.l - 4, height])); // the words of the axis
  const cost = (box) => {
    const covered = (boxes) => boxes.filter((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3]).length;
    const beyond = box[0] < 2 || box[2] > width - 2 || box[1] < 0 || box[3] > height - 40;
    return 100 * beyond + 10 * covered(marks) + covered(thin);
  };
  const found = [];
  for (const label of shown) {
    const [at, level, long, , bold, side, brief, gap, weak] = label, text = narrow && brief !== null ? brief : long;
    if (!text) continue;
    const size = [(6.6 + 0.8 * bold) * text.length, 15], tried = (side ? [side] : FREE).map((one) => [boxOf(across(at), up(level), size, one, gap), one]);
    const costs = tried.map(([box]) => (side ? 0 : cost(box))), best = costs.indexOf(Math.min(...costs));
    if (costs[best] >= 10 && (weak || narrow)) continue;
    marks.push(tried[best][0]);
    found.push(annotation(label, text, tried[best][1], log(at, x), log(level, y)));
  }
  return found;
}
function annotation([, , , colour, bold, , , gap], text, side, x, y) {
  const [xshift, yshift] = { right: [gap, 0], left: [-gap, 0], above: [0, gap], below: [0, -gap] }[side];
  const [xanchor, yanchor] = { right: ["left", "middle"], left: ["right", "middle"], above: ["center", "bottom"] }[side] || ["center", "top"];
  return { x, y, text: bold ? `<b>${markup(text)}</b>` : markup(text), showarrow: false, xanchor, yanchor, xshift, yshift, font: { color: `var(--${colour})` } };
}
function boxOf(x, y, [wide, high], side, gap) {
  if (side === "right" || side === "left") {
    const left = side === "right" ? x + gap : x - gap - wide;
    return [left, y - high / 2, left + wide, y + high / 2];
  }
  const top = side === "above" ? y - gap - high : y + gap;
  return [x - wide / 2, top, x + wide / 2, top + high];
}
function obstacles(traces, across, up) { // boxes of the marks, and of their whiskers
  const marks = [], thin = [];
  for (const [look, own] of traces) {
    if (look.type === "bar" || !look.mode.includes("markers")) continue;
    own.x.forEach((x, i) => {
      const y = own.y[i], half = look.marker.size / 2, bars = own.error_y;
      if (x === null || y === null) return;
      marks.push([across(x) - half, up(y) - half, across(x) + half, up(y) + half]);
      if (bars) thin.push([across(x) - 2, up(y + bars.array[i]), across(x) + 2, up(Math.max(y - bars.arrayminus[i], y * 1e-3))]);
    });
  }
  return [marks, thin];
}

// Axes with round ticks.
const listed = (words, last = "and") => (words.length > 1 ? `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}` : words.join(""));
const stepBelow = (size) => { const decade = 10 ** Math.floor(Math.log10(size)); return decade * Math.max(...[1, 2, 5].filter((s) => s * decade <= size)); };
function linearAxis(title, end) {
  const step = stepBelow(end / 3), ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => Number(digits(i * step, 6)));
  return [title, false, ticks, ticks.map((v) => (v === 0 ? "0" : tick(v))), [], [0, end], []];
}
function logTicks(low, high, most = 8) {
  const first = Math.floor(Math.log10(low)), decades = Array.from({ length: Math.ceil(Math.log10(high)) + 1 - first }, (_, i) => first + i);
  let found = [];
  for (const steps of [[1], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    const closer = decades.flatMap((d) => steps.map((s) => Number(`${s}e${d}`))).filter((v) => low <= v && v <= high);
    if (closer.length > most && found.length >= 2) break;
    found = closer;
    if (found.length >= 3 && steps.length >= 3) break;
  }
  if (found.length < 3 && high < 2 * low) {
    const step = stepBelow((high - low) / 2), from = Math.ceil(low / step);
    found = Array.from({ length: Math.max(0, Math.floor(high / step) - from + 1) }, (_, i) => Number(digits((from + i) * step, 6)));
  }
  const every = Math.ceil(found.length / most);
  return found.length ? found.filter((_, i) => i % every === 0) : [low];
}
function logAxis(title, values, pad = 0.06, suffix = "") {
  const given = values.filter((v) => v !== null && v > 0 && Number.isFinite(v)).map(Math.log10);
  if (!given.length) return [title, true, [], [], [], null, []];
  const low = Math.min(...given), high = Math.max(...given), free = Math.max(pad * (high - low), 0.04);
  const span = [Math.max(low - free, -300), Math.min(high + free, 308.24)], ticks = logTicks(10 ** span[0], 10 ** span[1]);
  return [title, true, ticks, ticks.map((v) => tick(v) + suffix), [], span, []];
}
function apart(labels, values, least = 0.055) { // labels at the right end of lines, moved apart
  if (!labels.length) return [];
  const ends = values.map(Math.log10), top = Math.max(...ends), span = (top - Math.min(...ends)) * 1.1 || 1;
  const ranked = [...labels].sort((a, b) => a[1] - b[1]), heights = [];
  for (const label of ranked) heights.push(heights.length ? Math.max(Math.log10(label[1]), heights.at(-1) + least * span) : Math.log10(label[1]));
  let above = Math.max(top, Math.log10(ranked.at(-1)[1])) + least * span;
  for (let i = heights.length - 1; i >= 0; i--) above = heights[i] = Math.min(heights[i], above - least * span);
  return ranked.map((label, i) => label.with(1, 10 ** heights[i]));
}
