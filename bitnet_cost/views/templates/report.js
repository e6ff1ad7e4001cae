"use strict";
// This picks what a choice shows, sorts tables and saves files. Python printed it, or charts.js makes it of the page's data.
(() => {
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  const form = document.querySelector("form");
  const selects = form ? [...form.querySelectorAll("select")] : [];
  const opened = Object.fromEntries(selects.map((select) => [select.name, select.value]));
  let held = null; // what every choice shows
  let paper = 0; // px of a sheet, while printing
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
    for (const [name, chart] of Object.entries(held.charts)) {
      const { heading, title, words, table, figure } = chosen(name, chart);
      $("h-" + name).textContent = heading;
      if ($("c-" + name)) $("c-" + name).textContent = title;
      if ($("w-" + name)) $("w-" + name).textContent = words;
      fill($("t-" + name), table, chart.row && form.elements.namedItem(chart.row).value);
      draw($("d-" + name), figure);
    }
  }
  function chosen(name, chart = held.charts[name]) {
    if (!chart.tables) {
      const { batch, context, ...names } = Object.fromEntries(selects.map((select) => [select.name, select.value]));
      const at = { ...names, batch: Number(batch), context: Number(context) };
      return CHARTED[name](held.data, at, chart.by.includes("hardware") ? [at.hardware] : held.data.hardware);
    }
    const at = place(chart.by), [title, words] = chart.words[at], [caption, head, rows] = chart.tables[at], drawn = chart.figures[at];
    const figure = drawn && drawn.with(1, drawn[1].map(([look, own]) => [held.looks[look], own]));
    return { heading: chart.headings[place(chart.headed)], title, words, table: [caption, held.heads[head], rows], figure };
  }
  function fill(table, [title, columns, rows], marked) {
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
  // A figure in the colours of the page; plotly.js writes into what it is given, so each is a copy.
  function whole(figure, colours, width) {
    return JSON.parse(JSON.stringify(figureOf(figure, width < 560, held.template)).replace(/"var\((--\w+)\)(\w\w)?"/g,
      (_, name, alpha) => `"${colours.getPropertyValue(name).trim()}${alpha || ""}"`));
  }
  function draw(box, figure) {
    if (!box || !window.Plotly) return;
    box.hidden = box.nextElementSibling.hidden = !figure;
    if (!figure) return;
    const { data, layout } = whole(figure, getComputedStyle(root), paper || box.clientWidth);
    if (paper) layout.width = paper;
    window.Plotly.react(box, data, layout, { displayModeBar: false, responsive: !paper });
  }
  // A chart as a file: wide, on a light ground, with its title.
  async function picture(name, format) {
    const { title, words, figure: drawn } = chosen(name);
    const before = root.dataset.theme;
    root.dataset.theme = "light";
    const figure = whole(drawn, getComputedStyle(root), 720);
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
    const lines = `${document.querySelector(".asked").textContent}. ${words}`.replace(/(.{1,105})( |$)/g, "$1<br>");
    figure.layout.title = { text: escaped(title), font: { size: 15 }, x: 0.02, xref: "container", y: 1, yref: "container", yanchor: "top", pad: { t: 10 },
      subtitle: { text: lines.split("<br>").map(escaped).join("<br>"), font: { size: 12 } } };
    const room = 34 + 15 * lines.split("<br>").length;
    figure.layout.margin.t += room;
    figure.layout.height += room;
    figure.layout.width = 720;
    figure.layout.paper_bgcolor = "#ffffff";
    const link = document.createElement("a");
    link.href = await window.Plotly.toImage(figure, { format, width: 720, height: figure.layout.height, scale: format === "png" ? 2 : 1 });
    link.download = `bitnet-cost-${name}.${format}`;
    document.body.append(link); link.click(); link.remove();
  }
  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", () => picture(button.dataset.save, button.dataset.as));
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
    if (table.querySelector("tr.group")) return; // rows belong below their heads
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
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, words: row.cells[i]?.textContent ?? "" }))
      .map((entry) => ({ ...entry, key: figures ? keyOf(entry.words) : null }));
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
  $("copy").addEventListener("click", async (event) => {
    await navigator.clipboard.writeText($("command").textContent);
    event.target.textContent = "Copied";
  });
  const read = async (name) => JSON.parse((await text(name)) || "null");
  $("json").addEventListener("click", async () => {
    const found = await read("json"), operations = held?.data?.operations;
    if (operations) found.operations = operations.cells.flatMap((_, record) => operationsOf(operations, record));
    save("bitnet-cost.json", "application/json", JSON.stringify(found, null, 1) + "\n");
  });
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
  let narrow;
  addEventListener("resize", () => { if (narrow !== (narrow = root.clientWidth < 600)) show(); });
  // On paper the charts are light and as wide as a sheet, and every table is open.
  let theme, folded;
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    paper = 690;
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const box of folded) box.open = true;
    turn("light");
  });
  addEventListener("afterprint", () => {
    paper = 0;
    for (const box of folded) box.open = false;
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
    narrow = root.clientWidth < 600;
    for (const table of document.querySelectorAll("table")) if (!table.tHead.querySelector("button")) sortable(table);
    root.dataset.drawn = "yes";
  });
})();
