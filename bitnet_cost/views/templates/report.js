"use strict";
// Everything that is shown was printed and drawn by Python; this picks what a choice shows, sorts tables and saves files.
(() => {
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  const form = document.querySelector("form");
  const selects = form ? [...form.querySelectorAll("select")] : [];
  const opened = Object.fromEntries(selects.map((select) => [select.name, select.value]));
  let held = null; // what every choice shows
  if (!window.DecompressionStream && document.querySelector("[data-packed]")) return; // the page as it is without a script

  async function text(name) {
    const box = $("held-" + name);
    if (!box || !("packed" in box.dataset)) return box ? box.textContent : "";
    const bytes = Uint8Array.from(atob(box.textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  function made(tag, words, name = "") {
    const element = document.createElement(tag);
    element.textContent = words;
    element.className = name;
    return element;
  }

  // What is chosen: the place of the chosen values of some selectors among all, the last selector fastest.
  const place = (names) => names.reduce((found, name) => {
    const select = form.elements.namedItem(name);
    return found * select.options.length + select.selectedIndex;
  }, 0);

  function show() {
    if (!held) return;
    for (const box of document.querySelectorAll("[data-of]")) box.textContent = form.elements.namedItem(box.dataset.of).value;
    if (form) {
      const tiles = held.tiles[place(selects.map((select) => select.name))];
      document.querySelectorAll("#numbers dd").forEach((box, i) => { box.textContent = tiles[i]; });
    }
    for (const [name, chart] of Object.entries(held.charts)) {
      const heading = chart.headings[place(chart.headed)], at = place(chart.by);
      $("h-" + name).textContent = heading;
      if ($("f-" + name)) $("f-" + name).textContent = heading;
      fill($("t-" + name), chart.tables[at], chart.row && form.elements.namedItem(chart.row).value);
      draw($("d-" + name), chart.figures[at]);
    }
  }
  function fill(table, [title, head, rows], marked) {
    const columns = held.heads[head];
    table.caption.textContent = title;
    table.parentElement.setAttribute("aria-label", title);
    table.tHead.rows[0].replaceChildren(...columns.map(([words, figures]) => {
      const th = made("th", words, figures ? "n" : "");
      th.scope = "col";
      return th;
    }));
    table.tBodies[0].replaceChildren(...rows.map((row) => {
      const tr = made("tr", "", row[0] === marked ? "chosen" : "");
      tr.append(...row.map((words, i) => made(i ? "td" : "th", words, columns[i][1] ? "n" : "")));
      tr.cells[0].scope = "row";
      return tr;
    }));
    sortable(table);
  }
  function dark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function draw(box, figure) {
    if (!box || !window.Plotly) return;
    box.hidden = !figure;
    if (!figure) return;
    const theme = dark() ? "dark" : "light", [layout, traces, shapes] = figure;
    // plotly.js writes into what it is given
    const [data, own] = structuredClone([
      traces.map((trace) => ({ ...held.looks[theme][trace.look], ...trace })),
      { ...held.layouts[layout], ...shapes, template: held.templates[theme] },
    ]);
    window.Plotly.react(box, data, own, { displayModeBar: false, responsive: true });
  }

  // Sorting: a button in every heading.
  const SCALE = { T: 1e12, G: 1e9, M: 1e6, k: 1e3, "": 1, m: 1e-3, "\u00b5": 1e-6, n: 1e-9, p: 1e-12 };
  function keyOf(words) {
    const match = /^[*^]?(<)?([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)(x)?(?:\s+([TGMkm\u00b5np]?)(B|J|s|W)\b)?/.exec(words);
    if (!match) return null;
    const value = Number(match[2].replace(/,/g, "")) * (match[5] ? SCALE[match[4] || ""] : 1) * (match[3] ? 100 : 1);
    return match[1] ? value / 2 : value;
  }
  function sortable(table) {
    for (const th of table.tHead.rows[0].cells) {
      const words = th.textContent, button = made("button", words || "sign");
      button.type = "button";
      button.addEventListener("click", () => sortBy(table, th));
      th.setAttribute("aria-sort", "none");
      th.dataset.words = words; // printed in its place: a button is not repeated on the next sheet
      th.replaceChildren(button);
    }
  }
  function sortBy(table, th) {
    const up = th.getAttribute("aria-sort") !== "ascending", i = th.cellIndex, sign = up ? 1 : -1;
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", other === th ? (up ? "ascending" : "descending") : "none");
    const figures = th.classList.contains("n");
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, words: row.cells[i].textContent, key: figures ? keyOf(row.cells[i].textContent) : null }));
    rows.sort((a, b) => {
      if (figures && (a.key === null || b.key === null)) return (a.key === null) - (b.key === null);
      return sign * (figures ? a.key - b.key : a.words.localeCompare(b.words, "en", { numeric: true }));
    });
    table.tBodies[0].append(...rows.map((entry) => entry.row));
  }

  // Downloads.
  function save(name, type, words) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([words], { type }));
    link.download = name;
    document.body.append(link); link.click(); link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 5000);
  }
  const read = async (name) => JSON.parse((await text(name)) || "null");
  $("json").addEventListener("click", async () => save("bitnet-cost.json", "application/json", JSON.stringify(await read("json"), null, 1) + "\n"));
  $("csv").addEventListener("click", async () => save("bitnet-cost.csv", "text/csv", await read("csv")));

  // The choice, and its deep link.
  function link() {
    const changed = selects.filter((select) => select.value !== opened[select.name]).map((select) => [select.name, select.value]);
    history.replaceState(null, "", changed.length ? "#" + new URLSearchParams(changed) : location.pathname + location.search);
  }
  function choose(values) {
    for (const [name, value] of values) {
      const select = selects.find((one) => one.name === name);
      if (select && [...select.options].some((option) => option.value === value)) select.value = value;
    }
  }
  const linked = () => (location.hash.includes("=") ? new URLSearchParams(location.hash.slice(1)) : []);
  if (form) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", () => { link(); show(); });
    $("reset").addEventListener("click", () => { choose(Object.entries(opened)); link(); show(); });
    addEventListener("hashchange", () => { choose(linked()); show(); });
  }

  // Light, dark, or as the system.
  const THEMES = { "": "as the system", light: "light", dark: "dark" };
  function turn(theme) {
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    show();
  }
  $("theme").addEventListener("click", () => {
    const order = Object.keys(THEMES), next = order[(order.indexOf(root.dataset.theme || "") + 1) % order.length];
    $("theme").textContent = `Theme: ${THEMES[next]}`;
    turn(next);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  // On paper the charts are light, as wide as a sheet and no longer.
  let theme;
  function resize(maximum, sizeOf) {
    for (const box of document.querySelectorAll(".js-plotly-plot")) {
      box.style.maxHeight = maximum;
      window.Plotly.relayout(box, sizeOf(box));
    }
  }
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    turn("light");
    resize("800px", (box) => ({ width: 640, height: box.clientHeight })); // one sheet
  });
  addEventListener("afterprint", () => {
    resize("", () => ({ width: null, height: null }));
    turn(theme);
  });

  async function start() {
    choose(linked());
    held = await read("choices");
    const library = await text("library"); // its hash is named by the page's policy
    if (library) document.head.append(made("script", library));
    show();
  }
  root.classList.add("ready");
  start().finally(() => {
    for (const table of document.querySelectorAll("table")) if (!table.tHead.querySelector("button")) sortable(table);
    root.dataset.drawn = "yes";
  });
})();
