// The chart of the first screen, as charts_first.py makes it: all devices and precisions, and the best on each beside it.
"use strict";
const MANY = 32, NAMED = 12; // as there
function energyOf(cell, scope, k) { // low, nominal, high
  const found = cell?.scopes?.[scope]?.energy.map((bound) => bound[k]);
  return found && found[1] !== null ? found : null;
}
const leastBy = (list, value) => list.reduce((best, one) => (value(one) < value(best) ? one : best));

// The precisions on a device: each with its cell, its energy if any, and its rank; those with an energy that lead, or are tied.
function ranked(data, at, h) {
  const k = pointOf(data, at), along = pointOf(data, at, data.curve);
  const all = data.precisions.map((p) => ({ p, cell: cellOf(data, { ...at, hardware: h, precision: p }) })).filter(({ cell }) => cell);
  for (const one of all) {
    one.energy = energyOf(one.cell, at.scope, k);
    one.against = againstOf(one.cell, at.scope, along);
    one.rate = one.cell.tokens_per_s?.[k] ?? null;
  }
  const found = all.filter(({ energy }) => energy), best = found.length ? leastBy(found, ({ energy }) => energy[1]) : null;
  const tied = found.filter((one) => one !== best && one.against && undecided(one.against));
  for (const one of found) one.rank = tied.includes(one) || (one === best && tied.length) ? "tied" : one === best && found.length > 1 ? "least" : "more";
  return { all, found, best, tied };
}

function bestRow(data, at, h, { all, found, best, tied }) {
  const [, tokens] = unitOf(data, at, h), short1 = nameOf(data, h);
  if (!found.length) {
    const why = new Set(all.map(({ cell }) => missing(data, cell, at, h).split(":")[0]));
    return [Number.MAX_VALUE, [short1, [...why].sort().join("\n") || "-", "-"]];
  }
  const others = [...tied].sort((a, b) => a.energy[1] - b.energy[1]), names = [best, ...others].map(({ p }) => nameOf(data, p));
  const name = listed(names.length < 4 ? names : [names[0], `${names.length - 1} others`], "or");
  const mark = data.marks[data.places[`${at.model}\n${h}\n${best.p}`]], joules = best.energy[1] / tokens;
  const least = `${name}\n${withPrefix(joules, "J").replaceAll(" ", `${mark}\u00a0`)}${best.rate === null ? "" : `, ${three(best.rate)}/s`}`;
  const narrow = found.filter(({ p }) => data.one_bit.includes(p)), subject = leastBy(narrow.length ? narrow : found, ({ energy }) => energy[1]);
  let needs = "-";
  if (subject.against) {
    const [rival, low, ratio, high] = subject.against, open = undecided(subject.against), lead = open ? "undecided" : changeWords(ratio - 1);
    const than = open ? "against" : lead.includes("as much") ? "as" : "than";
    needs = `${lead} ${than} ${nameOf(data, data.precisions[rival])}\n${changeRange(low - 1, high - 1)}`;
  }
  return [joules, [short1, least, needs]];
}
function bestTable(data, at, devices, ranks) {
  const rows = devices.map((h) => bestRow(data, at, h, ranks.get(h))).sort((a, b) => (a[0] === b[0] ? 0 : a[0] - b[0]));
  const subject = data.one_bit.length === 1 ? nameOf(data, data.one_bit[0]) : data.one_bit.length ? "1-bit" : "the best";
  const heads = data.precisions.length > 1 ? ["device", "least energy", `${subject} needs`] : ["device", "energy"];
  return ["Best precision on each device", headed(heads, [0, 1]), rows.map(([, row]) => row.slice(0, heads.length))];
}

function overview(data, at) {
  const k = pointOf(data, at), devices = data.hardware.filter((h) => data.capacities[h] !== null);
  const few = devices.length <= FEW, many = data.precisions.length * devices.length > MANY, looks = data.looks.overview;
  const unit = devices.map((h) => unitOf(data, at, h)[0]).reduce((a, b) => (b.length > a.length ? b : a));
  const points = new Map(), paths = [], rings = [], labels = [], leaders = [], absent = [], ranks = new Map();
  const colour = (p) => data.looks.colours[p];
  for (const h of devices) {
    const place = ranked(data, at, h), per = unitOf(data, at, h)[1], mine = [];
    ranks.set(h, place);
    for (const { p, cell, rank, energy, rate: tokens } of place.all) {
      if (!rank) { absent.push([h, p, missing(data, cell, at, h)]); continue; }
      const rate = unit === "sequence" && cell.seconds ? at.batch / cell.seconds[k] : tokens;
      if (rate === null) continue;
      const [low, value, high] = energy.map((joules) => joules / per), key = `${p}\n${rank}`;
      mine.push({ rate, value, p, rank, high });
      if (!points.has(key)) points.set(key, []);
      points.get(key).push({ rate, low, value, high, h });
    }
    paths.push(...mine.map(({ rate, value }) => [short(rate), short(value)]), [null, null]);
    for (const { rate, value, p, rank } of mine) {
      if (rank !== "least") continue;
      rings.push([rate, value]);
      if (few) labels.push(label(rate, value, `${nameOf(data, p)} ${three(value)} J`, colour(p), { bold: true, gap: 14, brief: nameOf(data, p) }));
    }
    if (few) labels.push(...mine.filter(({ rank }) => rank !== "least").map(({ rate, value, p }) => label(rate, value, nameOf(data, p), colour(p), { weak: true })));
    if (mine.length && few) {
      const { rate, high } = mine.reduce((top, one) => (one.high > top.high ? one : top));
      labels.unshift(label(rate, high, nameOf(data, h), "ink", { bold: true, side: "above", gap: 5 }));
    } else if (mine.length) {
      const { rate, value } = leastBy(mine, (one) => one.value);
      leaders.push([value, label(rate, value, nameOf(data, h), "ink", { bold: true, weak: true, brief: "" })]);
    }
  }
  labels.push(...leaders.sort((a, b) => a[0] - b[0]).slice(0, NAMED).map(([, one]) => one));
  const axes = (pairs) => [pairs.map(([x]) => x), pairs.map(([, y]) => y)], shown = new Set(), rows = [...points.values()].flat();
  const drawn = few && rows.length ? [[looks.line, named("of one device", ...axes(paths))]] : [];
  for (const [key, found] of points) {
    const [p, rank] = key.split("\n"), look = { ...looks.marks[Number(many)][p][rank], showlegend: !shown.has(p) };
    shown.add(p);
    const bars = many && rank === "more" ? {} : { error_y: whiskers(look, found) };
    const text = found.map(({ h }) => plain(`${nameOf(data, p)} ${atWords(data, h)}`));
    drawn.push([look, named(nameOf(data, p), found.map(({ rate }) => short(rate)), found.map(({ value }) => short(value)), { text, ...bars })]);
  }
  if (rings.length) drawn.push([looks.rings[Number(many)], named("least on its device", ...axes(rings), UNMARKED)]);
  const lane = laneOf(data, absent), several = data.precisions.length > 1;
  const layout = [logAxis(`${unit}s per second`, rows.map(({ rate }) => rate), 0.1), logAxis(`J per ${unit}`, rows.flatMap(({ low, value, high }) => [low, value, high]), 0.07),
    "stack", !few && shown.size > 1, false, lane.top, 18];
  return {
    heading: several ? "Best precision on each device" : "Energy on each device", title: `Energy per ${unit === "token" ? "generated token" : "sequence"} against speed`,
    words: `J per ${unit}, ${data.scope_words[at.scope] ?? at.scope}, ${pointWords(data, at)}; log scales. Whiskers: all prices at their lows, or highs.`
      + (several ? " Ring: least on its device; hollow: undecided." : ""),
    table: bestTable(data, at, devices, ranks),
    figure: rows.length ? drawing(layout, drawn, { ...lane, labels, rem: 24 + Math.max(0, lane.top - 46) / 16 }) : null,
  };
}
const whiskers = (look, found) => ({
  type: "data", symmetric: false, thickness: 1.3, width: 3, color: `${look.marker.color}8c`,
  array: found.map(({ value, high }) => short(high - value)), arrayminus: found.map(({ low, value }) => short(value - low)),
});

// What cannot be drawn, above the axes: marks, words for a wide and a narrow chart, and their room.
function laneOf(data, absent) {
  const groups = new Map(), count = new Map();
  for (const [h, p, why] of absent) {
    const [fault, ...more] = why.split(":"), key = `${h}\n${fault}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push([p, more.join(":")]);
    count.set(p, (count.get(p) ?? 0) + 1);
  }
  let lines = [], brief = [];
  for (const [key, pairs] of groups) {
    const [h, fault] = key.split("\n"), names = listed(pairs.map(([p]) => nameOf(data, p))), device = nameOf(data, h), alone = pairs.length === 1;
    const fails = fault !== "does not fit" ? `on the ${device}: ${fault}` : `do${alone ? "es" : ""} not fit the ${device}`;
    lines.push(`${names} ${fails}${alone && pairs[0][1] ? `:${pairs[0][1]}` : ""}`);
    brief.push(names.length < 24 ? `${names}: not on ${device}` : `${pairs.length} not on ${device}`);
  }
  if (lines.length > 3) {
    lines = [`does not fit, or has no price: ${[...count].map(([p, n]) => `${nameOf(data, p)} on ${n}`).join(", ")}`];
    brief = [`${absent.length} do not fit, or have no price`];
  }
  const ups = lines.map((_, i) => 16 + 20 * (lines.length - 1 - i)), paper = { xref: "paper", yref: "paper" };
  const written = (texts) => texts.map((text, i) => ({ ...paper, x: 0, y: 1, xshift: 18, yshift: ups[i], xanchor: "left", yanchor: "middle",
    showarrow: false, text: plain(text), font: { color: "var(--no)" } }));
  const boxes = ups.map((up) => ({ type: "rect", ...paper, xsizemode: "pixel", ysizemode: "pixel", xanchor: 0, yanchor: 1, x0: 2, x1: 12,
    y0: up - 5, y1: up + 5, line: { color: "var(--no)", width: 1.4, dash: "2.5px,2px" } }));
  return { lines: boxes, words: written(lines), brief: written(brief), top: 14 + 20 * lines.length + 6 * Boolean(lines.length) };
}
CHARTED.overview = overview;
