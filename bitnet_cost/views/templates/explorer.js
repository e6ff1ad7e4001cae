// The explorer: what is asked, the graph that answers it, and the words and marks that show it. Numbers are roots of graphs
// (evaluateGraph); this ranks them, fills the sentences of views/verdict.py, and holds no formula of its own.
(async () => {
  const $ = (id) => document.getElementById(id), packs = $("data").textContent.split("\n"); // what is asked with, and graphs
  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
  }
  const held = await unpacked(packs[0]);
  const { precisions, devices, models, places, start, limits, sentences } = held;
  const CURVE = [1, 2, 4, 8, 16, 32, 64, 128, 256];
  const known = new Map(); // graphs, unpacked once
  let asked = null, ready = null; // the question, and the place and the graph that answer it

  // --- the question ---------------------------------------------------------------------------------------------------

  const opening = () => ({ model: 0, device: 0, devices: start.devices, batch: start.batch, prompt: start.prompt, generate: start.generate,
    pue: start.pue, carbon: start.carbon, price: start.price, on: precisions.map(() => true), set: {} });
  const SITE = {
    pue: { label: "PUE", unit: "", least: 1, most: 10, stops: [1, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.5, 3] },
    carbon: { label: "Grid carbon", unit: "g/kWh", least: 0, most: 5000, stops: [0, 10, 20, 30, 50, 80, 100, 150, 200, 250, 300, 400, 500, 600, 800, 1000] },
    price: { label: "Electricity", unit: "USD/kWh", least: 0, most: 100, stops: [0, 0.02, 0.03, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1] },
  };
  const WORK = { batch: ["Batch", 10], prompt: ["Tokens in", 17], generate: ["Tokens out", 14] };
  function workload(key) {
    const stops = [1];
    for (let n = 1; n <= WORK[key][1]; n++) stops.push(...(n > 1 ? [2 ** n * 0.75, 2 ** n] : [2]));
    return { label: WORK[key][0], unit: "", least: 1, most: limits[key], stops, whole: true };
  }
  function rounds(field) { // round numbers over two decades, and the profile's own
    const own = Number(field.shown), found = [own];
    for (let power = Math.floor(Math.log10(own)) - 1; power <= Math.log10(own) + 1; power++) {
      for (const mantissa of [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]) found.push(Number(`${mantissa}e${power}`));
    }
    return [...new Set(found)].filter((x) => x >= own / 10 && x <= own * 10 && inside(x, field)).sort((x, y) => x - y);
  }
  const si = (number, field) => Number((number * field.scale).toPrecision(15)); // as bitnet_cost/units.py reads it
  const inside = (number, field) => si(number, field) >= field.least && si(number, field) <= field.most;
  const place = () => places[`${asked.model}/${asked.device}/${asked.devices}`];
  const figures = () => devices[asked.device].figures;

  // --- fields: a number and its slider --------------------------------------------------------------------------------

  function field(key, spec, value, change) {
    const box = made("div", { class: "f" }), id = `n-${key}`, row = made("div", { class: "row" });
    const label = made("label", { for: id }, spec.label), number = made("input", { type: "number", id, step: spec.whole ? "1" : "any", inputmode: "decimal" });
    const slider = made("input", { type: "range", id: `r-${key}`, min: "0", max: String(spec.stops.length - 1), step: "1", "aria-label": `${spec.label}, slider` });
    const fault = made("p", { class: "fault", id: `x-${key}`, role: "alert" });
    number.setAttribute("aria-describedby", fault.id);
    if (spec.unit) label.append(" ", made("span", {}, spec.unit));
    row.append(label, number);
    box.append(row, slider, fault);
    const slide = () => {
      const own = Number(number.value), near = (x) => Math.abs(Math.log((x + 1e-9) / (own + 1e-9)));
      slider.value = String(spec.stops.reduce((best, x, i) => (near(x) < near(spec.stops[best]) ? i : best), 0));
      slider.setAttribute("aria-valuetext", `${number.value} ${spec.unit}`.trim());
    };
    const good = () => number.value !== "" && (!spec.whole || Number.isInteger(Number(number.value))) && (spec.check ? spec.check(Number(number.value)) : Number(number.value) >= spec.least && Number(number.value) <= spec.most);
    number.value = value;
    slide();
    number.addEventListener("input", () => {
      const fine = good();
      number.setAttribute("aria-invalid", String(!fine));
      fault.textContent = fine ? "" : spec.range;
      if (!fine) return;
      slide();
      change(number.value);
      answer();
    });
    slider.addEventListener("input", () => {
      number.value = String(spec.stops[slider.value]);
      number.dispatchEvent(new Event("input"));
    });
    return box;
  }
  function named(spec) {
    return { ...spec, range: `${spec.whole ? "A whole number from" : "From"} ${spec.least.toLocaleString("en")} to ${spec.most.toLocaleString("en")}` };
  }
  const counts = () => Object.keys(places).map((key) => key.split("/").map(Number)).filter(([m, d]) => m === asked.model && d === asked.device)
    .map((key) => key[2]).sort((x, y) => x - y);
  function fields() {
    const most = { label: "Devices", unit: "", least: 1, most: 100000, stops: counts(), whole: true };
    const work = Object.keys(WORK).filter((key) => key !== "generate" || (place() || { graphs: {} }).graphs.more !== undefined || !place());
    $("work").replaceChildren(...work.map((key) => field(key, named(workload(key)), asked[key], (text) => { asked[key] = Number(text); })),
      field("devices", named(most), asked.devices, (text) => { asked.devices = Number(text); }));
    $("site").replaceChildren(...Object.entries(SITE).map(([key, spec]) => field(key, named(spec), asked[key], (text) => { asked[key] = Number(text); })));
    movable();
  }
  function movable() { // the figures of the device that the graph of this place knows
    const groups = {}, names = ready ? ready.graph.inputs : {};
    for (const [path, spec] of Object.entries(figures())) {
      if (!(path in names)) continue;
      const most = { ...spec, stops: rounds(spec), check: (x) => inside(x, spec),
        range: `From ${digits(spec.least / spec.scale, 3)} to ${digits(spec.most / spec.scale, 3)} ${spec.unit}` };
      (groups[spec.heading] ||= []).push(field(path, most, asked.set[path] ?? spec.shown, (text) => {
        if (Number(text) === Number(spec.shown)) delete asked.set[path]; // the profile's own, with its range
        else asked.set[path] = text;
      }));
    }
    const open = [...document.querySelectorAll("#figures details")].filter((box) => box.open).map((box) => box.dataset.of);
    $("figures").replaceChildren(...Object.entries(groups).map(([heading, boxes]) => {
      const box = made("details", { "data-of": heading });
      box.open = open.includes(heading);
      box.append(made("summary", {}, heading), ...boxes);
      return box;
    }));
  }

  // --- the answer -----------------------------------------------------------------------------------------------------

  async function graphAt(index) {
    if (!known.has(index)) known.set(index, await unpacked(packs[1 + index]));
    return known.get(index);
  }
  const side = () => {
    const here = place(), index = here && here.graphs[asked.generate > 1 ? "more" : "one"];
    return index === undefined ? null : index;
  };
  function values() { // what the graph's inputs are, the same in every lane
    const found = { batch: asked.batch, prompt: asked.prompt, generate: asked.generate, pue: asked.pue, carbon: asked.carbon, price: asked.price };
    for (const [path, text] of Object.entries(asked.set)) {
      found[path] = found[`${path} at its low`] = found[`${path} at its high`] = si(Number(text), figures()[path]); // exact, and assumed
      found[`weak ${path}`] = 1;
    }
    return found;
  }
  // One lane for the question itself, then one for each end of each weak figure; the same for every batch of the curve.
  function evaluated(graph) {
    const ends = Object.entries(ready.place.weak).filter(([path]) => !(path in asked.set) && path in graph.inputs)
      .flatMap(([path, range]) => range.map((end) => [path, end]));
    const batches = [asked.batch, ...CURVE], width = ends.length + 1, lanes = batches.length * width, found = values();
    found.batch = Float64Array.from({ length: lanes }, (_, k) => batches[Math.floor(k / width)]);
    for (const path of new Set(ends.map(([name]) => name))) {
      const own = found[path] ?? graph.inputs[path];
      found[path] = Float64Array.from({ length: lanes }, (_, k) => {
        const end = ends[(k % width) - 1];
        return end && end[0] === path ? end[1] : own;
      });
    }
    const roots = evaluateGraph(graph, found, lanes);
    return roots && batches.map((batch, i) => judged(batch, (name, k = 0) => (typeof roots[name] === "number" ? roots[name] : roots[name][i * width + k]), ends));
  }
  // Who needs the least, and by how much: the choices of views/verdict.py among the numbers of one batch.
  function judged(batch, root, ends) {
    const cells = precisions.map((p, i) => ({ i, ...p, refused: ready.place.refused[i] })).filter((cell) => asked.on[cell.i]);
    for (const cell of cells) {
      for (const name of cell.refused ? [] : ready.names) cell[name] = root(`${cell.i}:${name}`);
    }
    const ranked = cells.filter((cell) => !cell.refused && cell.fits && Number.isFinite(cell.total)).sort((x, y) => x.total - y.total);
    const differences = new Map();
    function differ(one, other) {
      const key = `${one.i}/${other.i}`;
      if (!differences.has(key)) {
        const low = -root(`${key}:most`), high = -root(`${key}:least`), nominal = -root(`${key}:nominal`);
        const both = [one, other].every((cell) => ready.place.measured.includes(cell.i)), within = both ? held.unmeasured : "runtime.";
        const moving = ends.flatMap(([path], k) => (path.startsWith(within) ? [[path, root(`${key}:change`, k + 1)]] : []));
        const changes = moving.map(([, change]) => change), least = Math.min(...changes), most = Math.max(...changes);
        const undecided = (from, to) => from < held.half && to > -held.half; // as it is printed
        const turned = undecided(least, most) && !undecided(low, high) ? moving[changes.indexOf(nominal < 0 ? most : least)][0] : "";
        const range = { low: Math.min(low, least), high: Math.max(high, most) };
        differences.set(key, { nominal, ...range, undecided: undecided(range.low, range.high), turned });
      }
      return differences.get(key);
    }
    const tied = ranked.filter((cell, k) => !k || differ(cell, ranked[0]).undecided);
    const winner = ranked.length > 1 && tied.length === 1 ? ranked[0] : null;
    const oneBit = ranked.find((cell) => cell.oneBit), rival = ranked.find((cell) => !cell.oneBit);
    const base = ranked.length > 1 ? rival || ranked[0] : null; // what the column of differences is against
    return { batch, cells, ranked, tied, winner, oneBit, rival, base, differ };
  }

  // --- words ----------------------------------------------------------------------------------------------------------

  const filled = (name, slots = {}) => sentences[name].replace(/\{(\w+)\}/g, (_, slot) => slots[slot]);
  const listed = (words) => (words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join(""));
  const count = (number) => grouped(String(number));
  const unit = () => (asked.generate > 1 ? " a token" : "");
  function needs(cell, where = "") {
    const scale = prefixOf(cell.energy)[1]; // the ends are in the unit of what they are the ends of
    const ends = [cell.low / scale, cell.high / scale].map((end) => (end < 999.5 ? digits(end, 3) : significant(end))).join(" to ");
    return filled("needs", { energy: withPrefix(cell.energy, "J"), unit: unit(), ends, where, rate: cell.rate > 0 ? filled("rate", { rate: significant(cell.rate) }) : "" });
  }
  function sentence(found) {
    const { where, what } = ready.place, { cells, ranked, tied, winner, oneBit, rival, differ } = found;
    const model = models[asked.model][1], first = ranked[0];
    if (!cells.length) return "Choose at least one precision.";
    if (!first) {
      const least = cells.filter((cell) => !cell.refused).sort((x, y) => x.stored - y.stored)[0];
      if (!least) return `No energy can be computed ${where}: ${cells[0].refused}.`;
      return filled("none", { model, where, narrowest: cells.length > 1 ? `even ${least.words}` : "it", needs: withPrefix(least.needs, "B"), has: withPrefix(least.capacity, "B") });
    }
    if (ranked.length === 1) {
      if (cells.length === 1) return filled("alone", { lead: `${model} in ${first.words}`, what: "", parts: needs(first, ` ${where}`), more: "" });
      const fits = cells.some((cell) => cell !== first && !cell.refused && !cell.fits);
      return filled("only", { count: String(cells.length), names: first.words, verb: fits ? "fits" : "has a price", where, needs: needs(first) });
    }
    const here = where + (found.batch > 1 ? filled("batch", { batch: count(found.batch) }) : "");
    function rest(others) {
      const wide = others.find((cell) => !cell.oneBit), nearest = rival && others.includes(rival) ? rival : wide;
      const shown = [nearest, others.find((cell) => cell.oneBit)].filter(Boolean).sort((x, y) => x.total - y.total);
      return listed(shown.map((cell, k) => `${cell.words}${k ? "" : " needs"} ${changeWords(differ(cell, first).nominal)}`));
    }
    if (!winner) {
      const base = tied.includes(rival) ? rival : first; // and the next that is surely behind it
      const behind = ranked.find((cell) => !tied.includes(cell) && !differ(cell, base).undecided);
      const more = behind ? `${behind.words} needs ${changeWords(differ(behind, base).nominal)}` : "";
      const names = listed(tied.map((cell) => cell.words));
      return filled("undecided", { where: here, names, what, rest: more ? filled("than", { rest: more, than: more.endsWith("as much") ? "as" : "than", first: base.words }) : "" });
    }
    const slots = { first: first.words, what, where: here };
    if (!first.oneBit) return filled("least", { ...slots, rest: rest(ranked.slice(1)), why: oneBit ? devices[asked.device].noUnit : "" });
    const others = ranked.slice(1), other = rival && others.includes(rival) ? rival : others.find((cell) => !cell.oneBit) || others[0];
    return filled("lead", { ...slots, change: changeWords(differ(first, other).nominal), other: other.words, strongest: ranked.length > 2 ? filled("strongest") : "" });
  }
  function also({ cells, ranked, winner }) {
    if (ranked.length < 2) return "";
    const parts = [], timed = ranked.filter((cell) => cell.rate > 0).sort((x, y) => y.rate - x.rate);
    if (timed.length > 1) {
      const [first, second] = timed;
      const rate = significant(first.rate), other = significant(second.rate);
      parts.push(filled(rate === other ? "both fastest" : "fastest", { first: first.words, also: first === winner ? "also " : "", rate, other, second: second.words }));
    }
    const [first, second] = cells.filter((cell) => !cell.refused).sort((x, y) => x.bits - y.bits);
    const size = withPrefix(first.bits, "B"), other = withPrefix(second.bits, "B");
    parts.push(filled(size === other ? "both smallest" : "smallest", { first: first.words, size, other, second: second.words }));
    return `${parts.join("; ")}.`;
  }
  function turned({ ranked, tied, differ }) { // what the answer hangs on
    const found = {};
    for (const cell of tied.slice(1)) {
      const figure = differ(cell, ranked[0]).turned.replace("runtime.", "").replace("kernels.", "");
      if (figure) found[figure] = [...new Set([...(found[figure] || []), ranked[0].words, cell.words])];
    }
    const names = Object.keys(found);
    if (names.length > held.named) return filled("turned by many", { figures: listed(names) });
    return names.map((figure) => filled("turned", { figure, names: listed(found[figure]) })).join(" ");
  }
  const why = (cell) => {
    if (cell.refused) return cell.refused;
    const [size, texts] = columnFigures([cell.needs, cell.capacity], "B");
    return `does not fit: needs ${texts[0]} of ${texts[1]} ${size}`;
  };

  // --- table and charts -----------------------------------------------------------------------------------------------

  function table({ cells, ranked, winner, base, differ }) {
    const of = (name) => ranked.map((cell) => cell[name]), energies = of("energy"), step = onePrefix(energies);
    const per = asked.generate > 1 ? "/token" : "", many = asked.generate > 1 ? "1M tokens" : "run";
    const column = (heading, unit, name) => {
      const [printed, texts] = columnFigures(of(name), unit);
      return [`${heading} ${printed}`.trim(), texts, name];
    };
    const energy = step ? [step[0] + "J", energies.map((x) => significant(x, step[1]))] : ["energy", energies.map((x) => withPrefix(x, "J"))];
    const columns = [
      [energy[0] + per, energy[1].map((text, k) => text + (ranked[k].mark ? "*" : "")), "energy"],
      ["range", ranked.map((cell) => [cell.low, cell.high].map((x) => (step ? significant(x / step[1]) : withPrefix(x, "J"))).join(" to ")), ""],
    ];
    if (base) {
      const changes = ranked.map((cell) => (cell === base ? null : differ(cell, base)));
      columns.push([`vs ${base.name}`, changes.map((c) => (c ? (c.undecided ? "=" : signedChange(c.nominal)) : "base")), ""]);
      columns.push(["range", changes.map((c) => (c ? changeRange(c.low, c.high) : "")), "hide"]);
    }
    columns.push(of("rate").some((x) => x > 0) ? ["tokens/s", of("rate").map((x) => significant(x)), "rate"] : ["time", of("latency").map((x) => withPrefix(x, "s")), "latency"]);
    columns.push(column("", "B", "bits"), column(`${many}:`, "Wh", "wh"), column("", "g CO₂e", "carbon"));
    if (asked.price) columns.push(column("", "USD", "cost"));
    const head = made("tr");
    head.append(made("th", { scope: "col" }, "precision"), ...columns.map(([heading, , name]) => made("th", { scope: "col", "data-of": name }, heading)));
    const rows = [...ranked, ...cells.filter((cell) => !ranked.includes(cell))].map((cell) => {
      const row = made("tr", cell === winner ? { class: "w" } : {}), k = ranked.indexOf(cell), name = made("th", { scope: "row" });
      name.append(made("span", { "data-family": cell.family }, cell.name));
      row.append(name);
      if (k < 0) row.append(made("td", { colspan: String(columns.length), class: "no" }, why(cell)));
      else row.append(...columns.map(([, texts, of]) => {
        const box = made("td", { "data-of": of });
        box.append(of in cell ? Object.assign(made("data", { value: String(cell[of]) }, texts[k])) : texts[k]);
        return box;
      }));
      return row;
    });
    $("head").replaceChildren(head);
    $("rows").replaceChildren(...rows);
  }
  const hollow = (cell) => precisions.findIndex((p) => p.family === cell.family) !== cell.i;
  const mark = (cell, x, y) => markAt(x, y, cell, hollow(cell), `${cell.words}: ${needs(cell)}`);
  const widths = {};
  function measured() { // before anything is written: a page is laid out once
    for (const id of ["bars", "curve", "joules", "seconds"]) widths[id] = Math.max(280, $(id).parentNode.clientWidth);
  }
  function bars({ cells, ranked, winner }) {
    const row = 46, top = 10, height = top + cells.length * row + 28, width = widths.bars, { add, parts, done } = canvas("bars", width, height);
    const left = Math.max(56, 8 * Math.max(...cells.map((cell) => cell.words.length)) + 14), right = 18;
    const low = Math.min(...ranked.map((cell) => cell.low)), high = Math.max(...ranked.map((cell) => cell.high));
    const from = TICKS.findLast((t) => t <= low) || low / 2, to = TICKS.find((t) => t >= high) || high * 2;
    const x = logScale(from, to, left, width - left - right);
    for (const t of ranked.length ? fewer(ticksBetween(from, to), 7) : []) {
      add("line", { x1: x(t), x2: x(t), y1: top, y2: height - 26, class: "g" });
      add("text", { x: x(t), y: height - 8, class: "ax", "text-anchor": "middle" }, withPrefix(t, "J"));
    }
    [...ranked, ...cells.filter((cell) => !ranked.includes(cell))].forEach((cell, k) => {
      const y = top + k * row + 28;
      add("text", { x: left - 10, y: y + 4, class: "lab", "text-anchor": "end", "data-family": cell.family }, cell.words);
      if (!ranked.includes(cell)) return add("text", { x: left + 2, y: y + 4, class: "no" }, why(cell));
      add("path", { d: `M${x(cell.low)} ${y}H${x(cell.high)}M${x(cell.low)} ${y - 4}v8M${x(cell.high)} ${y - 4}v8`, class: "wh", "data-family": cell.family });
      if (cell === winner) add("circle", { cx: x(cell.energy), cy: y, r: 11, class: "ring" });
      parts.push(mark(cell, x(cell.energy), y));
      return add("text", { x: x(cell.energy), y: y - 14, class: cell === winner ? "val b" : "val", "text-anchor": "middle" }, withPrefix(cell.energy, "J"));
    });
    done();
  }
  function curve([now, ...along]) {
    const height = 10 + Math.max(3, now.cells.length) * 46 + 28, width = widths.curve, { add, parts, done } = canvas("curve", width, height);
    const subject = now.oneBit || precisions.map((p, i) => ({ ...p, i })).find((p) => p.oneBit && asked.on[p.i]);
    const left = 46, right = 14, top = 10, bottom = 34;
    const points = along.map((at) => ({ at, own: at.oneBit, rival: at.rival })).filter(({ own, rival }) => own && rival)
      .map(({ at, own, rival }) => ({ batch: at.batch, rival, own, ...at.differ(own, rival) }));
    $("curve-title").textContent = subject ? `${subject.words} against its strongest rival, by batch` : "1 bit against its strongest rival, by batch";
    if (points.length < 2) {
      add("text", { x: 0, y: height / 2, class: "no" }, subject ? "Needs a rival that fits." : "Needs a 1-bit precision.");
      return done();
    }
    const ends = points.flatMap((p) => [1 + p.low, 1 + p.high]), from = TICKS.findLast((t) => t <= Math.min(0.5, ...ends)), to = TICKS.find((t) => t >= Math.max(2, ...ends));
    const x = logScale(1, CURVE.at(-1), left, width - left - right), y = logScale(from, to, height - bottom, top + bottom - height);
    for (const t of ticksBetween(from, to)) {
      add("line", { x1: left, x2: width - right, y1: y(t), y2: y(t), class: t === 1 ? "zero" : "g" });
      add("text", { x: left - 8, y: y(t) + 4, class: "ax", "text-anchor": "end" }, `${digits(t, 3)}×`);
    }
    for (const batch of CURVE) add("text", { x: x(batch), y: height - bottom + 18, class: "ax", "text-anchor": "middle" }, String(batch));
    const line = (name, all) => all.map((p) => `${x(p.batch).toFixed(1)} ${y(1 + p[name]).toFixed(1)}`).join("L");
    add("path", { d: `M${line("high", points)}L${line("low", [...points].reverse())}Z`, class: "band", "data-family": points[0].own.family });
    add("path", { d: `M${line("nominal", points)}`, class: "ln", "data-family": points[0].own.family });
    add("text", { x: width - right, y: y(1) + 16, class: "ax halo", "text-anchor": "end" }, `below 1×: ${points[0].own.words} needs less`);
    if (now.oneBit && now.rival && now.batch <= CURVE.at(-1)) {
      const change = now.differ(now.oneBit, now.rival), here = x(now.batch), late = here > width / 2;
      add("line", { x1: here, x2: here, y1: top, y2: height - bottom, class: "cur" });
      parts.push(mark(now.oneBit, here, y(Math.min(to, Math.max(from, 1 + change.nominal)))));
      add("text", { x: here + (late ? -10 : 10), y: top + 10, class: "val b", "text-anchor": late ? "end" : "start" }, `batch ${now.batch}: ${digits(1 + change.nominal, 3)}× ${now.rival.words}`);
    }
    return done();
  }

  // What the program found of requests as they come, when the page was made: [rates, joules, seconds] by precision.
  const served = () => Object.entries((place() || {}).load || {}).filter(([i]) => asked.on[i]).map(([i, figures]) => ({ ...precisions[i], figures }));
  function loads() {
    const curves = served(), first = opening();
    if (!curves.length) return;
    const same = ["prompt", "generate", "pue"].every((key) => asked[key] === first[key]) && !Object.keys(asked.set).length;
    say("loads-of", `Requests that come at random, ${count(first.prompt)} tokens in and ${count(first.generate)} out${same ? "" : ", as this page opened: what you moved since is not in these two charts"}. The batch is a result; bitnet-cost load has first tokens, percentiles and days.`);
    overRates("joules", widths.joules, curves, 1, "J");
    overRates("seconds", widths.seconds, curves, 2, "s");
  }

  // --- all of it ------------------------------------------------------------------------------------------------------

  const chosen = () => precisions.filter((_, i) => asked.on[i]);
  function command() {
    const here = place(), words = [here ? here.command : held.commands[`${asked.model}/${asked.device}`], ...chosen().map((p) => p.option)];
    if (chosen().length === 1) words.push(chosen()[0].option.replace(/^-p/, "--baseline")); // alone, also there
    words.push(`-b ${asked.batch} --prompt ${asked.prompt}`, ...(asked.generate ? [`--generate ${asked.generate}`] : []), `--devices ${asked.devices}`);
    words.push(`--pue ${asked.pue} --carbon ${asked.carbon} --price ${asked.price}`);
    for (const [path, text] of Object.entries(asked.set)) words.push(`--set ${figures()[path].option}='${text} ${figures()[path].unit}'`);
    return words.join(" ");
  }
  function say(id, words) { // only what is new is read aloud
    if ($(id).textContent !== words) $(id).textContent = words;
  }
  function show() {
    $("loads").hidden = !served().length;
    measured();
    const found = ready && evaluated(ready.graph), work = `batch ${count(asked.batch)}, ${count(asked.prompt)} tokens in, ${count(asked.generate)} out${asked.devices > 1 ? `, on ${asked.devices} devices` : ""}`;
    say("kick", `${models[asked.model][1]} · ${devices[asked.device].short} · ${work}`);
    document.body.classList.toggle("outside", !found);
    say("verdict", found ? sentence(found[0]) : `Outside what this page holds, ${place() ? "more than one token out" : `1${counts().length > 1 ? `, ${counts().slice(1).join(", ")}` : ""} of this device`}: run the command below.`);
    say("also", found ? also(found[0]) : "");
    say("turned", found ? turned(found[0]) : "");
    if (found) {
      table(found[0]);
      if (found[0].cells.length) bars(found[0]);
      curve(found);
      loads();
      for (const cell of precisions.map((_, i) => found[0].cells.find((c) => c.i === i))) {
        if (cell) $(`size-${cell.i}`).textContent = cell.refused ? "no price" : withPrefix(cell.bits, "B");
      }
    }
    say("command", command());
    say("energy-title", asked.generate > 1 ? "Energy per generated token" : "Energy of the run");
    for (const slider of document.querySelectorAll("[data-twin]")) {
      slider.value = $(`r-${slider.dataset.twin}`).value;
      $("twin-out").textContent = count(asked[slider.dataset.twin]);
    }
    keep();
  }
  let serial = 0;
  async function answer() {
    const index = side(), mine = ++serial;
    if (!ready || ready.index !== index || ready.place !== place()) {
      const graph = index === null ? null : await graphAt(index);
      if (mine !== serial) return; // asked again meanwhile
      const before = ready && Object.keys(ready.graph.inputs).join();
      const names = graph && [...new Set(Object.keys(graph.roots).filter((name) => /^\d+:/.test(name)).map((name) => name.split(":")[1]))];
      ready = graph && { graph, index, place: place(), names };
      if (ready && before !== Object.keys(graph.inputs).join()) movable();
    }
    show();
    document.documentElement.dataset.drawn = "";
  }

  // --- the address ----------------------------------------------------------------------------------------------------

  let waiting = 0;
  function keep() {
    clearTimeout(waiting);
    waiting = setTimeout(() => history.replaceState(null, "", `#${address()}`), 200);
  }
  function address() {
    const words = new URLSearchParams({ model: models[asked.model][0], device: devices[asked.device].name });
    for (const key of ["devices", "batch", "prompt", "generate", "pue", "carbon", "price"]) words.set(key, String(asked[key]));
    words.set("precisions", chosen().map((p) => p.name).join(","));
    for (const [path, text] of Object.entries(asked.set)) words.set(path, text);
    return words.toString();
  }
  function restore() {
    const words = new URLSearchParams(location.hash.slice(1)), index = (all, name) => Math.max(0, all.findIndex((each) => (each.name || each[0]) === name));
    asked = opening();
    asked.model = index(models, words.get("model"));
    asked.device = index(devices, words.get("device"));
    for (const [key, spec] of [...Object.keys(WORK).map((key) => [key, workload(key)]), ["devices", { least: 1, most: 100000, whole: true }], ...Object.entries(SITE)]) {
      const number = Number(words.get(key));
      if (words.has(key) && number >= spec.least && number <= spec.most && (!spec.whole || Number.isInteger(number))) asked[key] = number;
    }
    if (words.has("precisions")) asked.on = precisions.map((p) => words.get("precisions").split(",").includes(p.name));
    for (const [path, text] of words) {
      if (Object.hasOwn(figures(), path) && text.trim() !== "" && inside(Number(text), figures()[path])) asked.set[path] = String(Number(text));
    }
    $("model").selectedIndex = asked.model;
    $("device").selectedIndex = asked.device;
    for (const box of document.querySelectorAll("#precisions input")) box.checked = asked.on[box.value];
    fields();
    return answer();
  }

  function moved() { // another model or device: other fields, and figures of another profile
    asked.model = $("model").selectedIndex;
    if (asked.device !== $("device").selectedIndex) asked.set = {};
    asked.device = $("device").selectedIndex;
    if (!place()) asked.devices = 1;
    fields();
    answer();
  }
  $("model").addEventListener("change", moved);
  $("device").addEventListener("change", moved);
  for (const box of document.querySelectorAll("#precisions input")) {
    box.addEventListener("change", () => {
      asked.on[box.value] = box.checked;
      answer();
    });
  }
  for (const slider of document.querySelectorAll("[data-twin]")) {
    slider.max = String(workload(slider.dataset.twin).stops.length - 1);
    slider.addEventListener("input", () => {
      const own = $(`r-${slider.dataset.twin}`);
      own.value = slider.value;
      own.dispatchEvent(new Event("input"));
    });
  }
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  $("reset").addEventListener("click", () => {
    history.replaceState(null, "", "#");
    restore();
  });
  $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("command").textContent);
      say("copied", "Copied.");
    } catch {
      getSelection().selectAllChildren($("command")); // a browser that lets no page write to the clipboard
      say("copied", "Selected: copy it with the keyboard.");
    }
  });
  const dark = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement;
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const tell = () => say("theme", isDark() ? "Light" : "Dark");
  $("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });
  tell();
  addEventListener("hashchange", restore);
  addEventListener("resize", () => ready && show());
  restore();
})();
