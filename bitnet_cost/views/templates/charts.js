// Charts that have a figure for each of hundreds of choices, made when one is chosen from the numbers of the model that
// the page holds: as the functions of the same names in bitnet_cost/views make them, which a test asks beside these.
"use strict";
const FEW = 6, DASHES = 6; // as in charts.py and charts_parts.py
const KINDS = { mac: "arithmetic", mul: "arithmetic", add: "arithmetic", special: "arithmetic", static: "static and waiting", facility: "the facility" };
const AT_NODES = { mul: "multiplying", add: "adding", special: "special functions" };
const HALF = 0.005;

// What some data holds, of a choice.
const three = (value) => significant(value);
const commas = (count) => grouped(String(count));
const nameOf = (data, name) => data.names[name] ?? name;
const cellOf = (data, at) => data.cells[data.places[`${at.model}\n${at.hardware}\n${at.precision}`]];
const pointOf = (data, at, batches = data.batches) => batches.indexOf(at.batch) * data.contexts.length + data.contexts.indexOf(at.context);
const onNode = (data) => data.hardware.every((name) => data.capacities[name] === null);
const atWords = (data, hardware) => `${data.capacities[hardware] === null ? "at" : "on the"} ${nameOf(data, hardware)}`;
const undecided = ([, low, , high]) => low - 1 < HALF && high - 1 > -HALF;
const againstOf = (cell, scope, k) => cell?.scopes?.[scope]?.against?.[k] ?? null;
const headed = (heads, words) => heads.map((head, i) => [head, !words.includes(i)]);
const pointWords = (data, at, several = data.models.length > 1) => `${several ? `${at.model}, ` : ""}batch ${commas(at.batch)}, ${commas(at.context)} tokens in`;
function unitOf(data, at, hardware) {
  const generate = data.generate[`${at.model}\n${hardware}`];
  return generate > 1 ? ["token", at.batch * generate] : ["sequence", at.batch];
}
function partsOf(cell, scope, k) {
  const scopes = cell.scopes ?? {};
  if (!(scope in scopes)) return [];
  let parts = Object.entries(scopes[scope].parts ?? {});
  if (!scopes[scope].parts) {
    const outside = scope === "memory" ? ["static", "facility"] : ["facility"];
    parts = Object.entries(Object.values(scopes).at(-1).parts)
      .filter(([name]) => (scope === "compute" ? ["mul", "add", "mac", "special"].includes(name) : !outside.includes(name)));
  }
  return parts.filter(([, values]) => values[k] !== null).map(([name, values]) => [name, values[k]]);
}
function missing(data, cell, at, hardware) {
  const capacity = data.capacities[hardware], needs = cell.needs[pointOf(data, at)];
  if (capacity !== null && needs > capacity) return `does not fit: ${withPrefix(needs, "B")} of ${withPrefix(capacity, "B")}`;
  if (!Object.keys(cell.scopes ?? {}).length) return "no price";
  return at.scope in cell.scopes ? "-" : "no answer in this scope";
}
const label = (x, y, text, colour = "ink", more = {}) => {
  const { bold = false, side = "", brief = null, gap = 9, weak = false } = more;
  return [x, y, text, colour, bold, side, brief, gap, weak];
};
const drawing = (layout, traces, more) => {
  const { level = null, rem = 24, labels = [], lines = [], words = [], brief = null } = more;
  return [layout, traces, level, null, rem, labels, lines, words, brief];
};
const named = (name, x, y, more = {}) => ({ name: markup(name), x, y, ...more });
const UNMARKED = { hoverinfo: "skip", hovertemplate: null };

function byKind(parts, node) {
  const found = new Map();
  for (const [name, joules] of parts) {
    const kind = (node && AT_NODES[name]) || KINDS[name] || "memory";
    found.set(kind, (found.get(kind) ?? 0) + joules);
  }
  return found;
}
const total = (values) => [...values].reduce((sum, value) => sum + value, 0);

function energy(data, at, hardware) {
  const k = pointOf(data, at), node = onNode(data), joined = hardware.length > 1, cells = [];
  let unit = "run", per = 1;
  for (const h of hardware) {
    if (!node) [unit, per] = unitOf(data, at, h);
    for (const p of data.precisions) {
      const cell = cellOf(data, { ...at, hardware: h, precision: p });
      if (cell) cells.push({ h, p, cell, parts: partsOf(cell, at.scope, k).map(([name, joules]) => [name, joules / per]) });
    }
  }
  const totals = cells.map(({ parts }) => total(parts.map(([, joules]) => joules)));
  const most = Math.max(0, ...totals), [prefix, scale] = prefixOf(most);
  const components = [...new Set(cells.flatMap(({ parts }) => parts.map(([name]) => name)))];
  const names = [], heads = [], rows = [], labels = [], bars = new Map();
  cells.forEach(({ h, p, cell, parts }, i) => {
    if (joined && (!rows.length || rows.at(-1)[0] !== h)) {
      heads.push(names.length);
      names.push(nameOf(data, h));
    }
    const y = names.length, why = missing(data, cell, at, h), of = Object.fromEntries(parts), none = !parts.length;
    names.push(nameOf(data, p));
    const whole = none ? why.split(":")[0] : significant(totals[i], scale, 4);
    rows.push([...(joined ? [h] : []), p, ...components.map((name) => (name in of ? significant(of[name], scale, 4) : "-")), whole]);
    const text = none ? why : three(totals[i] / scale);
    labels.push(label(totals[i] / scale, y, text, none ? "no" : "ink", { side: "right", gap: 6, brief: text.split(":")[0] }));
    for (const [kind, joules] of byKind(parts, node)) {
      if (!bars.has(kind)) bars.set(kind, []);
      bars.get(kind).push([joules, y, `${nameOf(data, p)} ${atWords(data, h)}`]);
    }
  });
  const drawn = Object.entries(data.looks.energy).filter(([kind]) => bars.has(kind)).map(([kind, look]) => [look, named(
    kind, bars.get(kind).map(([joules]) => short(joules / scale)), bars.get(kind).map(([, y]) => y),
    { customdata: bars.get(kind).map(([joules, , where]) => plain(`${where}: ${kind} ${withPrefix(joules, "J")}`)), width: 0.72 },
  )]);
  const up = ["", false, [], [], names, null, heads], end = (1.16 * (totals.length ? Math.max(...totals) : 1)) / scale || 1;
  const lines = heads.slice(1).map((y) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y - 0.55, y1: y - 0.55, layer: "between", line: { width: 1, color: "var(--line)" } }));
  const layout = [linearAxis(`${prefix}J per ${unit}`, end), up, "stack", drawn.length > 1, false, 12, 24];
  const title = `Energy per ${unit} by component`, columns = [...(joined ? ["hardware"] : []), "precision", ...components.map((n) => `${n} ${prefix}J`), `total ${prefix}J`];
  return {
    heading: energyHeading(data, at, cells, hardware, node), title, words: `${prefix}J, ${pointWords(data, at)}, ${data.scope_words[at.scope] ?? at.scope}.`,
    table: [`${title}, ${at.model}, batch ${at.batch}, ${at.context} tokens in, scope ${at.scope}`, headed(columns, joined ? [0, 1] : [0]), rows],
    figure: drawn.length ? drawing(layout, drawn, { rem: 5 + 1.4 * names.length, labels, lines }) : null,
  };
}
function energyHeading(data, at, cells, hardware, node) {
  const most = new Map();
  for (const { h, p, parts } of cells) {
    const kinds = [...byKind(parts, node)], whole = total(kinds.map(([, joules]) => joules));
    if (p !== at.precision || !whole) continue;
    const top = kinds.reduce((best, one) => (one[1] > best[1] ? one : best));
    if (!most.has(top[0])) most.set(top[0], []);
    most.get(top[0]).push([h, top[1] / whole]);
  }
  const clauses = [...most].sort((a, b) => b[1].length - a[1].length).map(([kind, places]) => {
    const shares = places.map(([, share]) => share), [low, high] = [Math.min(...shares), Math.max(...shares)].map(wholePercent);
    const many = node ? `at ${places.length} nodes` : `on ${places.length} of ${hardware.length} devices`;
    const where = places.length > 2 ? many : listed(places.map(([h]) => atWords(data, h)));
    return `${kind} takes ${low === high ? low : `${low} to ${high}`} of the energy ${where}`;
  });
  const name = nameOf(data, at.precision);
  return clauses.length ? `In ${name}, ${listed(clauses)}` : `${name} has no energy here`;
}

function batch(data, at, hardware) {
  const name = nameOf(data, at.precision), step = data.contexts.length, offset = data.contexts.indexOf(at.context), looks = data.looks.batch[at.precision];
  const drawn = [], labels = [], rows = [], values = [1], known = [];
  hardware.forEach((h, number) => {
    const cell = cellOf(data, { ...at, hardware: h }), where = nameOf(data, h);
    const found = data.curve.map((b, i) => [b, againstOf(cell, at.scope, i * step + offset)]).filter(([, each]) => each);
    if (!found.length) return;
    const x = found.map(([b]) => b), [low, ratio, high] = [1, 2, 3].map((i) => found.map(([, each]) => each[i]));
    known.push([h, x, found.filter(([, each]) => each[2] < 1 && !undecided(each)).map(([b]) => b)]);
    values.push(...low, ...high);
    drawn.push([looks.band, named(where, [...x, ...x.toReversed()], [...low, ...high.toReversed()].map(short))]);
    drawn.push([looks.lines[number % DASHES], named(where, x, ratio.map(short), UNMARKED)]);
    looks.marks.forEach((look, open) => {
      const marks = found.filter(([, each]) => undecided(each) === Boolean(open));
      const text = marks.map(([, [rival]]) => plain(`${name} ${atWords(data, h)}, against ${nameOf(data, data.precisions[rival])}`));
      if (marks.length) drawn.push([look, named(where, marks.map(([b]) => b), marks.map(([, each]) => short(each[2])), { text })]);
    });
    labels.push(label(x.at(-1), ratio.at(-1), where, "ink", { bold: true, side: "right", gap: 10 }));
    for (const [b, [rival, least, middle, most]] of found) {
      rows.push([where, commas(b), nameOf(data, data.precisions[rival]), `${three(middle)}x`, `${three(least)} to ${three(most)}x`]);
    }
  });
  const curve = data.curve, ends = [Math.log10(curve[0]) - 0.05, Math.log10(curve.at(-1)) + 0.05];
  const across = ["batch (sequences that run together)", true, curve, curve.map(commas), [], ends, []];
  const right = Math.min(150, 26 + 7 * Math.max(0, ...labels.map((one) => one[2].length)));
  const layout = [across, logAxis("energy over the rival's", values, 0.06, "x"), "stack", false, false, 12, right];
  const title = `${name} against its strongest rival by batch, ${at.context} tokens in, scope ${at.scope}`;
  return {
    heading: batchHeading(data, name, known), title: `${name}'s energy over that of its strongest rival at that batch`,
    words: `Log scales. Hollow: undecided, the range holds 1x.${data.all_ranges ? "" : " What is assumed about time moves at the batch and context asked for alone."}`,
    table: [title, headed(["hardware", "batch", "rival", "energy over the rival's", "range"], [0, 2]), rows],
    figure: drawn.length ? drawing(layout, drawn, { level: 1, labels: apart(labels, values), rem: 23 }) : null,
  };
}
function batchHeading(data, name, known) {
  if (!known.length) return `${name} has no rival with an energy here`;
  const groups = new Map();
  for (const [h, batches, sure] of known) {
    let words = "leads at some batches";
    if (sure.length === batches.length) words = "leads at every batch";
    else if (!sure.length) words = "leads at none of these batches";
    else if (sure.at(-1) === batches[sure.length - 1]) words = `leads up to batch ${commas(sure.at(-1))}`;
    else if (sure[0] === batches.at(-sure.length)) words = `leads from batch ${commas(sure[0])}`;
    if (!groups.has(words)) groups.set(words, []);
    groups.get(words).push(h);
  }
  const clauses = [...groups].map(([words, mine]) =>
    `${words} ${mine.length <= 3 ? listed(mine.map((h) => atWords(data, h))) : `on ${mine.length} of ${known.length}`}`);
  return `${name} ${clauses.join("; it ")}`;
}

function quality(data, at) {
  const { rows: published, title, located, short: unitShort, better, negative } = data.quality, k = pointOf(data, at), h = at.hardware, found = [];
  const several = new Set(published.map((one) => one.model)).size > 1;
  let unit = "token";
  for (const one of published) {
    const joules = cellOf(data, { ...at, ...one, hardware: h })?.scopes?.[at.scope]?.energy[1][k] ?? null;
    if (joules === null) continue;
    const [of, tokens] = unitOf(data, { ...at, model: one.model }, h), marked = data.marks[data.places[`${one.model}\n${h}\n${one.precision}`]];
    unit = of;
    found.push({ ...one, joules: joules / tokens, worse: negative ? -one.value : one.value, look: data.looks.quality[one.precision][marked || one.weak ? 1 : 0] });
  }
  found.sort((a, b) => a.joules - b.joules);
  const beats = (a, b) => a.joules <= b.joules && a.worse <= b.worse && (a.joules < b.joules || a.worse < b.worse);
  for (const one of found) Object.assign(one, { on: !found.some((other) => beats(other, one)), name: (several ? `${one.model} ` : "") + nameOf(data, one.precision) });
  const drawn = found.map((one) => [one.look, named(one.name, [short(one.joules)], [one.value], { text: [plain(`${one.name}: ${one.figure}, ${one.method}`)] })]);
  const labels = found.map((one) => label(short(one.joules), one.value, one.name, data.looks.colours[one.precision], { bold: one.on, weak: !one.on }));
  const rows = found.map((one) => [one.on ? "+" : "", one.name, three(one.joules), one.figure + (one.weak ? "*" : ""), one.loss]);
  const on = found.filter((one) => one.on);
  if (on.length > 1) drawn.unshift([data.looks.efficient, named("efficient", on.map((one) => short(one.joules)), on.map((one) => one.value), UNMARKED)]);
  const layout = [logAxis(`J per ${unit}`, found.map((one) => one.joules), 0.12), logAxis(title, found.map((one) => one.value), 0.12), "stack", false, false, 12, 18];
  const chart = `${title[0].toUpperCase()}${title.slice(1)} against energy ${atWords(data, h)}`;
  return {
    heading: `${on.length} of ${rows.length} are efficient: nothing needs less energy and keeps more quality`, title: chart,
    words: `${located}; left and ${better} is better; ${pointWords(data, at, false)}; log scales.`,
    table: [chart, headed(["+", "precision", `J/${unit}`, unitShort, "loss"], [0, 1]), rows],
    figure: found.length ? drawing(layout, drawn, { labels }) : null,
  };
}
const CHARTED = { energy, batch, quality };
