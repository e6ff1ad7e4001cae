"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const FIGURE = ["value", "low", "high", "basis", "source", "note"];
  const data = JSON.parse($("data").textContent);
  const doc = unpacked(data.document);
  const state = data.state ? { ...data.state } : null;
  const opened = state ? { ...state } : null;
  const FLOOR = -100; // savings below it are cut off, their figure in the bar
  const COMPUTE = ["mul", "add", "mac", "special"];
  const NAMES = { mul: "multiplying", add: "adding", mac: "multiply-accumulate", special: "special functions", static: "static power", facility: "the facility" };
  const STEPS = [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3], ["", 1], ["m", 1e-3], ["\u00b5", 1e-6], ["n", 1e-9], ["p", 1e-12]];

  // The document as `-f json` prints it.
  function unpacked(packed) {
    const found = {};
    for (const [key, value] of Object.entries(packed)) {
      if (value && value.$rows) {
        found[key] = value.$rows.map((row) => Object.fromEntries(value.$fields.map((name, i) => [name, row[i]])));
      } else if (value && value.$records) {
        found[key] = [];
        for (const [record, block, ...own] of value.$records) {
          value.$blocks[block].forEach((shared, i) => {
            const row = {};
            for (const name of value.$names) {
              if (name === "record") row[name] = record;
              else if (value.$own.includes(name)) row[name] = own[value.$own.indexOf(name)][i];
              else row[name] = shared[value.$shared.indexOf(name)];
            }
            found[key].push(row);
          });
        }
      } else found[key] = value;
    }
    if (found.inputs) found.inputs = longer(found.inputs);
    return found;
  }
  function longer(value) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    if ("$" in value) return Object.fromEntries(FIGURE.map((name, i) => [name, value.$[i]]));
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, longer(part)]));
  }

  // Figures, printed as the tables of the command line print them (views/report.py, units.py).
  function prefixOf(value) {
    if (!value || !Number.isFinite(value)) return ["", 1];
    return STEPS.find((step) => Math.abs(value) >= step[1] * 0.99995) || STEPS[STEPS.length - 1];
  }
  function grouped(text) {
    const [whole, rest] = text.split(".");
    return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",") + (rest ? "." + rest : "");
  }
  // Python rounds a tie to the even digit, toFixed up; only exact binary fractions tie, so their digits end.
  function fixed(value, places) {
    const long = Math.abs(value).toFixed(places + 60), cut = long.length - 60;
    const down = long.slice(0, cut).replace(/\.$/, "");
    if (/^50*$/.test(long.slice(cut)) && Number(down[down.length - 1]) % 2 === 0) return (value < 0 ? "-" : "") + down;
    return value.toFixed(places);
  }
  function significant(value, scale, digits) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "-";
    const scaled = value / scale;
    if (scaled === 0) return "0";
    if (Math.abs(scaled) < 0.0001) return "<0.0001";
    return grouped(fixed(scaled, Math.min(4, Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(scaled)))))));
  }
  function general(value, digits) {
    const places = digits - 1 - Math.floor(Math.log10(Math.abs(value)));
    const plain = places >= 0 && places < 20 ? fixed(value, places) : "";
    const text = plain && Math.abs(Number(plain)) < 10 ** digits ? plain : value.toPrecision(digits);
    if (!text.includes("e")) return String(Number(text));
    return text.replace(/\.?0*e/, "e").replace(/e([+-])(\d)$/, "e$10$2");
  }
  function withPrefix(value, unit) {
    const [prefix, scale] = prefixOf(value);
    return `${general(value / scale, 4)} ${prefix}${unit}`;
  }
  function percent(value, places = 2) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "-";
    const text = fixed(100 * value, places);
    return value < 1 && Number(text) >= 100 ? (100 - 10 ** -places).toFixed(places) : text;
  }
  const used = (share) => (share >= 10 ? grouped(String(Number(general(share, 3)))) + "x" : percent(share, 1));

  // The chosen cell.
  const find = (other) => {
    const s = { ...state, ...other };
    const i = data.cells.findIndex(([m, h, p]) => m === s.model && h === s.hardware && p === s.precision);
    return i < 0 ? {} : data.grid.cells[i];
  };
  const point = (s = state) => data.grid.batches.indexOf(s.batch) * data.grid.contexts.length + data.grid.contexts.indexOf(s.context);
  function partsAt(cell, scope, k) {
    const scopes = cell.scopes || {};
    if (!(scope in scopes)) return {};
    let parts = scopes[scope].parts;
    if (!parts) {
      const names = Object.keys(scopes);
      parts = scopes[names[names.length - 1]].parts;
      const keep = { compute: (n) => COMPUTE.includes(n), memory: (n) => n !== "static" && n !== "facility" }[scope] || ((n) => n !== "facility");
      parts = Object.fromEntries(Object.entries(parts).filter(([n]) => keep(n)));
    }
    return Object.fromEntries(Object.entries(parts).map(([n, v]) => [n, v[k]]).filter(([, v]) => v !== null));
  }
  function missing(cell, hardware, s = state) {
    const capacity = data.hardware[hardware].capacity;
    if (cell.needs && capacity !== null && cell.needs[point(s)] > capacity) return "does not fit";
    if (!cell.scopes || !Object.keys(cell.scopes).length) return "no price";
    return s.scope in cell.scopes ? "-" : "no answer at this scope";
  }
  const total = (parts) => Object.values(parts).reduce((a, b) => a + b, 0);
  const words = () => `${state.model} at ${state.hardware}, batch ${state.batch}, ${state.context} tokens in`;
  const generate = () => data.generate[`${state.model}|${state.hardware}`];

  // Drawing: colours that most colour-blind readers tell apart, patterns and signs beside them.
  const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#8c8c8c"];
  const PATTERNS = ["", "/", "x", "-", "\\", "+", "|", "."];
  const SIGNS = ["circle", "square", "diamond", "cross", "triangle-up", "star", "x"];
  const DASHES = ["solid", "dash", "longdash", "dot", "dashdot"];
  // The look of a series: 8, 7 and 5 have no common factor, so that 40 lines and 56 signs differ in colour or form.
  const look = (i) => ({
    marker: { color: i === null ? css("--ink") : COLOURS[i % 8], symbol: i === null ? "circle-open" : SIGNS[i % 7], size: 8 },
    line: { color: i === null ? css("--ink") : COLOURS[i % 8], dash: i === null ? "solid" : DASHES[i % 5], width: i === null ? 1 : 2 },
  });
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const bar = (i) => ({ color: COLOURS[i % 8], pattern: { shape: PATTERNS[i % 8], fillmode: "overlay", fgcolor: "#ffffff", fgopacity: 0.55, size: 7, solidity: 0.25 } });
  // Ticks of a logarithmic axis: whole powers of ten, and 1, 2 and 5 where they are few.
  function ticks(values) {
    const given = values.filter((v) => v > 0), low = Math.min(...given) / 1.2, high = Math.max(...given) * 1.2, found = [];
    if (!given.length) return {};
    const decades = Math.log10(high / low), steps = decades > 3 ? [1] : [1, 2, 5], every = decades > 7 ? 2 : 1;
    for (let d = Math.floor(Math.log10(low)); d <= Math.ceil(Math.log10(high)); d += 1) {
      if (d % every === 0) for (const step of steps) found.push(Number(`${step}e${d}`));
    }
    return { tickvals: found, ticktext: found.map((v) => (v >= 1e-3 && v < 1e5 ? grouped(String(v)) : v.toExponential(0).replace("+", ""))) };
  }
  function draw(name, traces, layout) {
    const box = $("d-" + name);
    if (!box || !window.Plotly) return;
    box.hidden = !traces.some((trace) => trace.x.some((value) => value !== null && value !== undefined));
    if (box.hidden) return;
    const axis = { gridcolor: css("--line"), zerolinecolor: css("--line"), automargin: true };
    const narrow = box.clientWidth < 560;
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: css("--ink"), family: "inherit", size: narrow ? 11 : 13 },
      margin: { l: 8, r: 12, t: 12, b: 8 }, legend: { orientation: "h", traceorder: "normal", y: 1.02, yanchor: "bottom", x: 0, itemclick: false, itemdoubleclick: false }, barmode: "stack",
      hoverlabel: { namelength: -1 }, dragmode: false,
    };
    const axisOf = (own, which) => {
      const found = { ...axis, ...own, title: { ...own.title, font: { size: base.font.size } } };
      return own.type === "log" && !own.tickvals ? { ...found, ...ticks(traces.flatMap((trace) => trace[which])) } : found;
    };
    const merged = { ...base, ...layout, xaxis: axisOf(layout.xaxis, "x"), yaxis: axisOf(layout.yaxis, "y") };
    window.Plotly.react(box, traces, merged, { displayModeBar: false, responsive: true });
  }

  const CHARTS = {
    energy() {
      const k = point(), names = [], found = {};
      for (const p of data.precisions) {
        found[p] = partsAt(find({ precision: p }), state.scope, k);
        for (const n of Object.keys(found[p])) if (!names.includes(n)) names.push(n);
      }
      const most = Math.max(0, ...Object.values(found).map(total));
      const [prefix, scale] = prefixOf(most);
      const rows = data.precisions.map((p) => Object.keys(found[p]).length
        ? [p, ...names.map((n) => significant(found[p][n], scale, 4)), significant(total(found[p]), scale, 4)]
        : [p, ...names.map(() => "-"), missing(find({ precision: p }), state.hardware)]);
      const own = found[state.precision];
      let heading = `${state.precision} has no energy at ${state.hardware}: ${missing(find(), state.hardware)}`;
      if (Object.keys(own).length) {
        const top = Object.keys(own).reduce((a, b) => (own[b] > own[a] ? b : a));
        heading = `In ${state.precision} at ${state.hardware}, ${NAMES[top] || top} takes ${percent(own[top] / total(own), 1)} % of the energy (scope ${state.scope})`;
      }
      draw("energy", names.map((n, i) => ({
        type: "bar", orientation: "h", name: n, y: data.precisions, x: data.precisions.map((p) => (found[p][n] === undefined ? null : found[p][n] / scale)),
        marker: bar(i), hovertemplate: `%{y}: ${n} %{x:.4g} ${prefix}J<extra></extra>`,
      })), { xaxis: { title: { text: `energy, ${prefix}J` } }, yaxis: { autorange: "reversed", type: "category" } });
      return { heading, title: `Energy by component: ${words()}, scope ${state.scope}`, heads: ["precision", ...names.map((n) => `${n} ${prefix}J`), `total ${prefix}J`], rows, texts: [0] };
    },
    saving() {
      const k = point(), base = data.baselines[`${state.model}|${state.hardware}`], rows = [], traces = [];
      let heading = "";
      data.precisions.forEach((p) => {
        if (p === base) return;
        const xs = [], ys = [], up = [], down = [];
        for (const [scope, values] of Object.entries(find({ precision: p }).scopes || {})) {
          const [low, value, high] = values.saving ? values.saving.map((v) => v[k]) : [null, null, null];
          if (value === null) continue;
          const band = values.band.map((v) => v[k]);
          rows.push([p, scope, percent(value), ...[...band, low, high].map((v) => percent(v, 1))]);
          xs.push(100 * value); ys.push(scope); up.push(100 * Math.max(0, band[2] - value)); down.push(100 * Math.max(0, value - band[0]));
          if (p === state.precision && scope === state.scope) {
            const ends = value < 0 ? [-band[2], -band[0]] : [band[0], band[2]];
            heading = `At ${state.hardware}, ${p} ${value < 0 ? "costs" : "saves"} ${percent(Math.abs(value), 1)} %${value < 0 ? " more" : ""} energy (p5 to p95 ${percent(ends[0], 1)} to ${percent(ends[1], 1)}) against ${base}, scope ${scope}`;
          }
        }
        const i = data.precisions.indexOf(p);
        traces.push({
          type: "bar", orientation: "h", name: p, x: xs, y: ys, marker: bar(i), text: xs.map((x) => (x < FLOOR ? `<b>\u25c4 ${fixed(x, 0)} %</b>` : "")), textposition: "inside", insidetextanchor: "start", textfont: { color: "#000" }, error_x: { type: "data", symmetric: false, array: up, arrayminus: down, color: css("--ink") },
          hovertemplate: `${p}, %{y}: %{x:.4g} %<extra></extra>`,
        });
      });
      if (!heading) {
        heading = state.precision === base ? `${base} is the baseline: choose another precision to see what it saves`
          : `No saving of ${state.precision} at ${state.hardware} can be said at this point`;
      }
      const clipped = traces.some((trace) => trace.x.some((x) => x < FLOOR));
      draw("saving", traces, { barmode: "group", xaxis: { title: { text: `energy saved against ${base || "-"}, %` }, ...(clipped ? { range: [FLOOR, 100] } : {}) }, yaxis: { autorange: "reversed", type: "category" } });
      return { heading, title: `Savings against ${base || "no baseline"}: ${words()}`, heads: ["precision", "scope", "saving %", "p5 %", "p50 %", "p95 %", "low %", "high %"], rows, texts: [0, 1] };
    },
    roofline() {
      const index = data.cells.findIndex(([m, h, p]) => m === state.model && h === state.hardware && p === state.precision);
      const rows = [], waits = {}, marks = {};
      let whole = 0;
      for (const row of doc.operations) {
        if (row.record !== index || !row.seconds) continue;
        whole += row.seconds;
        waits[row.bound] = (waits[row.bound] || 0) + row.seconds;
        if (!row.mac) continue;
        const intensity = (2 * row.mac) / (row.weight_bytes + row.activation_bytes + row.kv_bytes), rate = (2 * row.mac) / row.seconds;
        rows.push([row.phase, row.op, significant(intensity, 1, 4), significant(rate, 1e12, 4), significant(row.seconds, 1e-3, 4), row.bound || "-"]);
        const mark = marks[row.phase] || (marks[row.phase] = { x: [], y: [], text: [] });
        mark.x.push(intensity); mark.y.push(rate / 1e12); mark.text.push(`${row.op}: ${row.bound}`);
      }
      let heading = `No time can be said for ${state.precision} at ${state.hardware}`;
      if (whole) {
        const bound = Object.keys(waits).reduce((a, b) => (waits[b] > waits[a] ? b : a));
        heading = `${state.precision} at ${state.hardware} waits for ${bound} in ${percent(waits[bound] / whole, 1)} % of its time`;
      }
      const facts = data.hardware[state.hardware], traces = [];
      if (facts.bandwidth) {
        const roofs = new Map(); // formats of one rate share a roof
        for (const [form, rate] of Object.entries(facts.rates)) roofs.set(rate, [...(roofs.get(rate) || []), form]);
        const end = Math.max(1e4, 10 * Math.max(...roofs.keys()) / facts.bandwidth);
        [...roofs].sort((one, other) => other[0] - one[0]).forEach(([rate, forms], i) => traces.push({
          type: "scatter", mode: "lines", name: `roof of ${forms.join(", ")}`, x: [0.1, rate / facts.bandwidth, end], y: [0.1 * facts.bandwidth / 1e12, rate / 1e12, rate / 1e12],
          line: look(i + 2).line, hovertemplate: `roof of ${forms.join(", ")}: %{y:.4g} Top/s<extra></extra>`,
        }));
      }
      Object.entries(marks).forEach(([phase, mark], i) => traces.push({
        type: "scatter", mode: "markers", name: phase, ...mark, marker: { color: COLOURS[i], symbol: SIGNS[i], size: 10, line: { color: css("--paper"), width: 1 } },
        hovertemplate: "%{text}<br>%{x:.4g} op/byte, %{y:.4g} Top/s<extra></extra>",
      }));
      draw("roofline", traces, { xaxis: { type: "log", title: { text: "operations per byte moved" } }, yaxis: { type: "log", title: { text: "Top/s" } } });
      return {
        heading, title: `Operators of ${state.model} in ${state.precision} at ${state.hardware}, batch ${data.grid.batches[0]}, ${data.grid.contexts[data.grid.at]} tokens in`,
        heads: ["phase", "operator", "op/byte", "Top/s", "ms", "bound"], rows, texts: [0, 1, 5],
      };
    },
    fit() {
      const k = point(), rows = [], held = [];
      for (const [h, facts] of Object.entries(data.hardware)) {
        const cell = find({ hardware: h });
        if (!cell.needs || facts.capacity === null) continue;
        const needs = cell.needs[k], has = facts.capacity;
        if (needs <= has) held.push([has, h]);
        rows.push([has, needs, [h, withPrefix(needs, "B"), withPrefix(has, "B"), used(needs / has), needs <= has ? "fits" : "does not fit"]]);
      }
      rows.sort((a, b) => b[0] - a[0]);
      let heading = `${held.length} of ${rows.length} devices hold ${state.model} in ${state.precision}`;
      if (held.length) {
        const [has, smallest] = held.reduce((a, b) => (b[0] < a[0] || (b[0] === a[0] && b[1] < a[1]) ? b : a));
        heading += `; the smallest is ${smallest} (${withPrefix(has, "B")})`;
      }
      if (rows.length === 1) heading = `${rows[0][2][0]} (${rows[0][2][2]}) ${held.length ? "holds" : "does not hold"} ${state.model} in ${state.precision}`;
      const names = rows.map((row) => row[2][0]), box = $("d-fit");
      if (box) box.style.height = `${Math.max(14, 7 + 1.15 * rows.length)}rem`;
      const split = [true, false].map((fits) => {
        const mine = rows.filter((row) => (row[1] <= row[0]) === fits);
        return {
          type: "scatter", mode: "markers", name: fits ? "needs, fits" : "needs, does not fit", y: mine.map((row) => row[2][0]), x: mine.map((row) => row[1] / 1e9),
          marker: { symbol: fits ? "circle" : "x", size: 9, color: COLOURS[fits ? 2 : 5] }, hovertemplate: "%{y}: needs %{x:.4g} GB<extra></extra>",
        };
      });
      draw("fit", [...split, {
        type: "scatter", mode: "markers", name: "capacity", y: names, x: rows.map((row) => row[0] / 1e9), marker: { symbol: "line-ns-open", size: 14, color: css("--ink"), line: { width: 3 } },
        hovertemplate: "%{y}: has %{x:.4g} GB<extra></extra>",
      }], { xaxis: { type: "log", title: { text: "GB (logarithmic)" } }, yaxis: { range: [names.length - 0.4, -0.6], type: "category", categoryorder: "array", categoryarray: names, dtick: 1 } });
      return { heading, title: `Memory: ${state.model} in ${state.precision}, batch ${state.batch}, ${state.context} tokens in`, heads: ["hardware", "needs", "capacity", "memory %", "verdict"], rows: rows.map((row) => row[2]), texts: [0, 4], chosen: state.hardware };
    },
    size() {
      const k = point(), capacity = data.hardware[state.hardware].capacity, sizes = {}, parameters = {};
      for (const row of data.sizes) { (sizes[row.size] = sizes[row.size] || {})[row.precision] = row.needs[k]; parameters[row.size] = row.parameters; }
      let largest = "";
      const rows = Object.entries(sizes).map(([size, needs]) => {
        if (capacity !== null && needs[state.precision] <= capacity) largest = size;
        return [size, ...data.precisions.map((p) => withPrefix(needs[p], "B"))];
      });
      let heading = `In ${state.precision}, ${state.hardware} holds none of these sizes`;
      const names = Object.keys(sizes), ends = [names[0], names[names.length - 1]];
      if (capacity === null) heading = `In ${state.precision}, memory grows from ${ends.map((size) => `${withPrefix(sizes[size][state.precision], "B")} (${size})`).join(" to ")}`;
      else if (largest) heading = `In ${state.precision}, ${state.hardware} holds models up to ${largest}`;
      const xs = Object.values(parameters);
      const traces = data.precisions.map((p, i) => ({
        type: "scatter", mode: "lines+markers", name: p, x: xs, y: Object.values(sizes).map((needs) => needs[p] / 1e9), ...look(i),
        hovertemplate: `${p}, %{x:.4s}: %{y:.4g} GB<extra></extra>`,
      }));
      if (capacity !== null) traces.push({ type: "scatter", mode: "lines", name: `capacity of ${state.hardware}`.slice(0, 60), x: [xs[0], xs[xs.length - 1]], y: [capacity / 1e9, capacity / 1e9], line: { color: css("--ink"), dash: "dash", width: 2 }, hoverinfo: "name" });
      draw("size", traces, { xaxis: { type: "log", title: { text: "parameters" }, tickvals: xs, ticktext: Object.keys(sizes) }, yaxis: { type: "log", title: { text: "GB" } } });
      return { heading, title: `Memory by size${data.devices > 1 ? ` on each of ${data.devices} devices` : ""}, GPT-3-like shapes: batch ${state.batch}, ${state.context} tokens in`, heads: ["parameters", ...data.precisions], rows, texts: [0] };
    },
    growth() {
      const k = point(), tokens = state.batch * generate(), unit = tokens > state.batch ? "token" : "sequence";
      const timed = data.hardware[state.hardware].capacity !== null && unit === "token";
      const sizes = {}, parameters = {}, mine = [];
      for (const row of data.sizes) {
        const run = row.run[state.hardware], energy = run ? run[0][k] : null;
        (sizes[row.size] = sizes[row.size] || {})[row.precision] = [energy === null ? null : energy / (unit === "token" ? tokens : state.batch), run ? run[1][k] : null];
        parameters[row.size] = row.parameters;
      }
      const rows = Object.entries(sizes).map(([size, found]) => {
        if (found[state.precision][0] !== null) mine.push([size, found[state.precision][0]]);
        return [size, ...data.precisions.map((p) => (found[p][0] === null ? "-" : withPrefix(found[p][0], "J"))), ...(timed ? data.precisions.map((p) => significant(found[p][1], 1, 4)) : [])];
      });
      let heading = `Models of every size were run at ${Object.keys(data.sizes[0].run)[0]} alone; choose it to see them`;
      if (mine.length > 1) {
        const [small, least] = mine[0], [large, most] = mine[mine.length - 1];
        heading = `At ${state.hardware}, a ${unit} in ${state.precision} takes ${withPrefix(least, "J")} at ${small} and ${withPrefix(most, "J")} at ${large}`;
      } else if (data.sizes.some((row) => state.hardware in row.run)) heading = `Fewer than two of these sizes have an energy in ${state.precision} at ${state.hardware}`;
      const xs = Object.values(parameters);
      draw("growth", data.precisions.map((p, i) => {
        const ys = Object.values(sizes).map((found) => found[p][0]);
        return {
          type: "scatter", mode: "lines+markers", name: p, x: xs.filter((_, j) => ys[j] !== null), y: ys.filter((y) => y !== null), ...look(i),
          hovertemplate: `${p}, %{x:.4s}: %{y:.4s}J<extra></extra>`,
        };
      }), { xaxis: { type: "log", title: { text: "parameters" }, tickvals: xs, ticktext: Object.keys(sizes) }, yaxis: { type: "log", title: { text: `J per ${unit}` } } });
      return {
        heading, title: `Energy per ${unit}${timed ? " and tokens/s" : ""} by size at ${state.hardware}: batch ${state.batch}, ${state.context} tokens in`,
        heads: ["parameters", ...data.precisions.map((p) => `${p} energy`), ...(timed ? data.precisions.map((p) => `${p} tokens/s`) : [])], rows, texts: [0],
      };
    },
    tornado() {
      const index = data.cells.findIndex(([m, h, p]) => m === state.model && h === state.hardware && p === state.precision);
      const g = data.grid, found = data.swings[index], [prefix, scale] = prefixOf(Math.max(0, ...found.rows.flatMap((row) => row.slice(1, 3))));
      const whole = found.rows.length ? find().scopes[found.scope].energy[1][g.at] : 0;
      const rows = found.rows.map(([lever, low, high, least, most]) => {
        const [name, span, basis, source] = data.levers[lever];
        return [name, span, significant(low, scale, 4), significant(high, scale, 4), percent(Math.abs(high - low) / whole, 1), least === null ? "-" : `${percent(least, 1)} to ${percent(most, 1)}`, basis, source];
      });
      const heading = rows.length ? `${rows[0][0]} (${rows[0][6]}) moves the energy of ${state.precision} at ${state.hardware} most: by ${rows[0][4]} % over its range`
        : `No figure moves ${state.precision} at ${state.hardware}, which has no energy there`;
      const drawn = found.rows.filter((row) => Math.abs(row[2] - row[1]) > 5e-4 * whole); // the others move the baseline alone
      const labels = drawn.map(([lever]) => data.levers[lever].map(escaped)).map(([name, , basis, source]) => `${name}<br>${basis}, ${source}`);
      const end = (name, i, colour) => ({
        type: "bar", orientation: "h", name, y: labels, x: drawn.map((row) => (row[i] - whole) / scale), base: drawn.map(() => whole / scale), width: 0.6, marker: bar(colour),
        customdata: drawn.map((row) => row[i] / scale), hovertemplate: `%{y}<br>${name}: %{customdata:.4g} ${prefix}J<extra></extra>`,
      });
      draw("tornado", [end("figure at its low", 1, 0), end("figure at its high", 2, 1)], {
        barmode: "overlay", xaxis: { title: { text: `energy, ${prefix}J; nominal ${significant(whole, scale, 4)}` } }, yaxis: { autorange: "reversed", type: "category" },
        shapes: [{ type: "line", xref: "x", yref: "paper", x0: whole / scale, x1: whole / scale, y0: 0, y1: 1, line: { color: css("--ink"), width: 1 } }],
      });
      return {
        heading, title: `What moves it: ${state.model} in ${state.precision} at ${state.hardware}, scope ${found.scope}, batch ${g.batches[0]}, ${g.contexts[g.at]} tokens in`,
        heads: ["figure", "low to high", `${prefix}J at low`, `${prefix}J at high`, "moves %", "saving %", "basis", "source"], rows, texts: [0, 6, 7],
      };
    },
    point() {
      const g = data.grid, cell = find(), n = generate(), energy = ((cell.scopes || {})[state.scope] || {}).energy;
      const rows = [], at = [], lines = {};
      g.batches.forEach((batch, i) => g.contexts.forEach((context, j) => {
        const k = i * g.contexts.length + j, whole = energy ? energy[1][k] : null, each = whole === null ? null : whole / (batch * n);
        if (context === state.context && each !== null) at.push([batch, each]);
        const line = lines[context] || (lines[context] = { x: [], y: [] });
        line.x.push(batch); line.y.push(each);
        rows.push([String(batch), String(context), each === null ? missing(cell, state.hardware, { ...state, batch, context }) : withPrefix(each, "J"),
          significant(cell.tokens_per_s ? cell.tokens_per_s[k] : null, 1, 4), withPrefix(cell.needs[k], "B")]);
      }));
      const unit = n > 1 ? "token" : "sequence";
      let heading = `Batches cannot be compared: ${state.precision} has fewer than two answers at this context`;
      if (at.length > 1) {
        const [first, last] = [at[0], at[at.length - 1]], less = first[1] / last[1];
        heading = `From batch ${first[0]} to ${last[0]}, energy a ${unit} at ${state.hardware} `;
        heading += Math.abs(less - 1) < 0.005 ? "stays as it is" : `${less > 1 ? "falls" : "grows"} by a factor of ${general(Math.max(less, 1 / less), 3)}`;
      }
      draw("point", Object.entries(lines).map(([context, line], i) => ({
        type: "scatter", mode: "lines+markers", name: `${context} tokens in`, ...line, ...look(i),
        hovertemplate: `batch %{x}, ${context} tokens in: %{y:.4g} J<extra></extra>`,
      })), { xaxis: { type: "log", title: { text: "batch" }, tickvals: g.batches }, yaxis: { type: "log", title: { text: `J per ${unit}` } } });
      return { heading, title: `Batch and context: ${state.model} in ${state.precision} at ${state.hardware}, scope ${state.scope}`, heads: ["batch", "tokens in", `energy per ${unit}`, "tokens/s", "memory"], rows, texts: [0] };
    },
    parity() {
      const points = data.parity.points, ends = [Math.min(...points.map((p) => p[1])), Math.max(...points.map((p) => p[1]))];
      const traces = [{
        type: "scatter", mode: "markers", x: points.map((p) => p[1]), y: points.map((p) => p[2]), text: points.map((p) => data.parity.classes[p[0]].title), marker: { size: 5, opacity: 0.5, color: css("--mark") },
        hovertemplate: "%{text}<br>measured %{x:.4g}, modelled %{y:.4g}<extra></extra>", showlegend: false,
      }];
      traces.push({ type: "scatter", mode: "lines", name: "equal", x: ends, y: ends, line: { color: css("--ink"), width: 1 }, hoverinfo: "skip", showlegend: false });
      draw("parity", traces, { hovermode: "closest", xaxis: { type: "log", title: { text: "measured (s, J, W, GB or a ratio)" } }, yaxis: { type: "log", title: { text: "modelled" } } });
      return null;
    },
  };
  // Points and lines that came with the page (views/drawing.py). The box grows with its legend.
  function drawFigure(name, figure) {
    const box = $("d-" + name), listed = figure.traces.filter((trace) => trace.listed);
    if (!box) return;
    const each = 60 + 7 * Math.max(...listed.map((trace) => trace.name.length));
    const rows = Math.ceil(listed.length / Math.max(1, Math.floor(box.clientWidth / each)));
    box.style.height = `${24 + 1.4 * rows}rem`;
    const axis = (own) => ({ title: { text: escaped(own.title) }, ...(own.log ? { type: "log" } : {}) });
    const many = Math.max(...figure.traces.map((trace) => trace.x.length)) > 50;
    const traces = figure.traces.map((trace) => {
      const { marker, line } = look(trace.look), alone = trace.mode === "markers";
      return {
        type: "scatter", mode: trace.mode, name: escaped(trace.name), x: trace.x, y: trace.y, showlegend: trace.listed,
        marker: { ...marker, size: trace.look === null ? 13 : alone && many && trace.listed ? 6 : 9, opacity: alone && many && trace.listed ? 0.65 : 1 },
        line: { ...line, shape: trace.step }, text: trace.words.map((words) => escaped(words).replace(/\n/g, "<br>")),
        hovertemplate: (trace.words.length ? "%{text}" : escaped(trace.name)) + "<br>%{x:.4g}, %{y:.4g}<extra></extra>",
      };
    });
    const level = { type: "line", xref: "paper", x0: 0, x1: 1, y0: figure.level, y1: figure.level, line: { color: css("--ink"), width: 1, dash: "dot" } };
    draw(name, traces, { hovermode: "closest", showlegend: listed.length > 1, xaxis: axis(figure.x), yaxis: axis(figure.y), shapes: figure.level === null ? [] : [level] });
  }
  // plotly.js reads some tags in texts; names stay text.
  function escaped(text) { return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); }

  function fill(table, made) {
    table.caption.textContent = made.title;
    const cellOf = (text, i, head) => {
      const cell = document.createElement(head || (i === 0) ? "th" : "td");
      cell.textContent = text;
      if (!made.texts.includes(i)) cell.className = "n";
      return cell;
    };
    const line = document.createElement("tr");
    made.heads.forEach((text, i) => { const th = cellOf(text, i, true); th.scope = "col"; line.append(th); });
    table.tHead.replaceChildren(line);
    table.tBodies[0].replaceChildren(...made.rows.map((row) => {
      const tr = document.createElement("tr");
      row.forEach((text, i) => { const cell = cellOf(text, i, false); if (i === 0) cell.scope = "row"; tr.append(cell); });
      if (made.chosen && row[0] === made.chosen) tr.className = "chosen";
      return tr;
    }));
    table.parentElement.setAttribute("aria-label", made.title);
    sortable(table);
  }

  function numbers() {
    const cell = find(), k = point(), why = missing(cell, state.hardware), scope = (cell.scopes || {})[state.scope];
    const [low, energy, high] = scope ? scope.energy.map((v) => v[k]) : [null, null, null];
    const n = generate(), capacity = data.hardware[state.hardware].capacity, needs = cell.needs[k], [prefix, scale] = prefixOf(energy || 0);
    const timed = capacity === null ? "no clock" : why;
    const figure = (name, unit) => {
      const value = cell[name] ? cell[name][k] : null;
      return value === null ? timed : unit === "s" ? withPrefix(value, unit) : `${significant(value, 1, 4)} ${unit}`.trim();
    };
    const saving = scope && scope.saving ? scope.saving[1][k] : null;
    const share = needs / capacity;
    return [
      ["memory", withPrefix(needs, "B") + (capacity === null ? "" : `, ${used(share)}${share < 10 ? " %" : ""}`)],
      ["energy", energy === null ? why : `${significant(energy, scale, 4)} ${prefix}J (${significant(low, scale, 3)} to ${significant(high, scale, 3)})`],
      ["energy per token", n === 1 ? "-" : energy === null ? why : withPrefix(energy / (state.batch * n), "J")],
      ["saving", saving === null ? "-" : `${percent(saving)} %`],
      ["tokens/s", figure("tokens_per_s", "")], ["time", figure("seconds", "s")], ["power", figure("power_w", "W")],
    ];
  }

  // A figure stays with its unit: lines break after a comma or before a bracket (views/page.py).
  const unbroken = (text) => (/\d/.test(text) ? text.replace(/(?<!,) (?!\()/g, "\u00a0") : text);

  function show() {
    if (state) {
      $("where").textContent = `${state.model} in ${state.precision} at ${state.hardware}, scope ${state.scope}, batch ${state.batch}, ${state.context} tokens in`;
      $("numbers").replaceChildren(...numbers().map(([name, value]) => {
        const box = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
        dt.textContent = name; dd.textContent = unbroken(value); box.append(dt, dd);
        return box;
      }));
    }
    for (const [name, make] of Object.entries(CHARTS)) {
      if (!$(name)) continue;
      const made = make();
      if (!made) continue;
      $("h-" + name).textContent = made.heading;
      if ($("f-" + name)) $("f-" + name).textContent = made.heading + ".";
      fill($("t-" + name), made);
    }
    for (const [name, figure] of Object.entries(data.figures || {})) drawFigure(name, figure);
  }

  // Sorting: a button in every heading.
  const SCALE = Object.fromEntries(STEPS);
  function keyOf(text) {
    const match = /^[*^]?(<)?([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)(x)?(?:\s+([TGMkm\u00b5np]?)(B|J|s|W)\b)?/.exec(text);
    if (!match) return null;
    const value = Number(match[2].replace(/,/g, "")) * (match[5] ? SCALE[match[4] || ""] : 1) * (match[3] ? 100 : 1);
    return match[1] ? value / 2 : value;
  }
  function sortable(table) {
    for (const th of table.tHead.rows[0].cells) {
      const words = th.textContent, button = document.createElement("button");
      button.type = "button"; button.textContent = words || "sign";
      button.addEventListener("click", () => sortBy(table, th));
      th.setAttribute("aria-sort", "none");
      th.dataset.words = words; // printed in its place: a button is not repeated on the next sheet
      th.replaceChildren(button);
    }
  }
  function sortBy(table, th) {
    const up = th.getAttribute("aria-sort") !== "ascending", i = th.cellIndex, sign = up ? 1 : -1;
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", other === th ? (up ? "ascending" : "descending") : "none");
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.cells[i].textContent, key: th.classList.contains("n") ? keyOf(row.cells[i].textContent) : null }));
    const figures = th.classList.contains("n");
    rows.sort((a, b) => {
      if (figures && (a.key === null || b.key === null)) return (a.key === null) - (b.key === null);
      return sign * (figures ? a.key - b.key : a.text.localeCompare(b.text, "en", { numeric: true }));
    });
    table.tBodies[0].append(...rows.map((entry) => entry.row));
  }

  // Downloads.
  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    document.body.append(link); link.click(); link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 5000);
  }
  const quoted = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  function csv() {
    const days = doc.days || [], rows = (doc.records || doc.cells || doc.rows || doc.crossings).map((record, i) => {
      const { record: _, ...day } = days[i] || {};
      return { ...record, ...day };
    });
    const names = Object.keys(rows[0]);
    return [names.join(","), ...rows.map((row) => names.map((name) => quoted(Array.isArray(row[name]) ? row[name].join(" ") : row[name])).join(","))].join("\n") + "\n";
  }
  $("json").addEventListener("click", () => save("bitnet-cost.json", "application/json", JSON.stringify(doc, null, 1) + "\n"));
  $("csv").addEventListener("click", () => save("bitnet-cost.csv", "text/csv", csv()));

  // The choice, and its deep link.
  const form = document.querySelector("form");
  function link() {
    const changed = Object.entries(state).filter(([name, value]) => value !== opened[name]);
    history.replaceState(null, "", changed.length ? "#" + new URLSearchParams(changed) : location.pathname + location.search);
  }
  function read() {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return;
    for (const [name, value] of new URLSearchParams(hash)) {
      const select = form.elements.namedItem(name);
      if (name in opened && select && [...select.options].some((option) => option.value === value)) {
        select.value = value;
        state[name] = typeof opened[name] === "number" ? Number(value) : value;
      }
    }
  }
  if (form) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => {
      const name = event.target.name;
      state[name] = typeof opened[name] === "number" ? Number(event.target.value) : event.target.value;
      link(); show();
    });
    $("reset").addEventListener("click", () => {
      Object.assign(state, opened);
      for (const [name, value] of Object.entries(opened)) form.elements.namedItem(name).value = String(value);
      link(); show();
    });
    addEventListener("hashchange", () => { read(); show(); });
  }

  // Light, dark, or as the system.
  const THEMES = { "": "as the system", light: "light", dark: "dark" };
  $("theme").addEventListener("click", () => {
    const order = Object.keys(THEMES), root = document.documentElement;
    const next = order[(order.indexOf(root.dataset.theme || "") + 1) % order.length];
    if (next) root.dataset.theme = next; else delete root.dataset.theme;
    $("theme").textContent = `Theme: ${THEMES[next]}`;
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  // On paper the charts are light, as wide as a sheet and no longer.
  let theme;
  addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    show();
    for (const box of document.querySelectorAll(".js-plotly-plot")) {
      box.style.maxHeight = "800px"; // one sheet
      window.Plotly.relayout(box, { width: 640, height: box.clientHeight });
    }
  });
  addEventListener("afterprint", () => {
    if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
    for (const box of document.querySelectorAll(".js-plotly-plot")) {
      box.style.maxHeight = "";
      window.Plotly.relayout(box, { width: null, height: null });
    }
    show();
  });

  // plotly.js lies in the file as compressed text; unpacked it is a script whose hash the page's policy names.
  async function library() {
    const packed = $("library");
    if (!packed || !window.DecompressionStream) return;
    const bytes = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
    const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
  }

  document.documentElement.classList.add("ready");
  for (const table of document.querySelectorAll("table")) if (!("live" in table.dataset) || !state) sortable(table);
  if (form) read();
  library().finally(() => {
    show();
    for (const table of document.querySelectorAll("table[data-live]")) if (!table.tHead.querySelector("button")) sortable(table);
    document.documentElement.dataset.drawn = "yes";
  });
})();
