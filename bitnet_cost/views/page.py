"""What one offline page holds, as data: the report, charts with their tables, assumptions, how to reproduce.

`charts` makes heading and table of each chart from the same data that the page embeds, for one choice of model,
precision, hardware, scope, batch and context; ``templates/report.js`` does the same when the choice changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bitnet_cost.numerals import percent, prefix_of, significant, used, with_prefix
from bitnet_cost.tables import Column, Report, Table

Data = dict[str, Any]
State = dict[str, Any]
NAMES = {
    "mul": "multiplying", "add": "adding", "mac": "multiply-accumulate", "special": "special functions",
    "static": "static power", "facility": "the facility",
}  # fmt: skip
_COMPUTE = ("mul", "add", "mac", "special")


@dataclass(frozen=True, eq=False, repr=False)
class Chart:
    """A question, its finding as the heading, and the numbers.

    ``drawing`` is markup that `bitnet_cost.views.scatter` made; without one, the script draws what ``name`` says, or
    the figure of that name in the page's data.
    """

    name: str
    question: str
    heading: str
    table: Table
    note: str = ""
    drawing: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Cited:
    """A source: in words, a link where its locator is one, and how it was seen."""

    key: str
    text: str
    link: str
    seen: str


@dataclass(frozen=True, eq=False, repr=False)
class Page:
    """One page. ``data`` is embedded as JSON; ``choices`` are the selectors with their values.

    Charts that ``data`` holds as ``figures`` (`bitnet_cost.views.drawing`) come before the report's tables.
    """

    report: Report
    findings: tuple[str, ...]
    charts: tuple[Chart, ...]
    assumptions: tuple[Table, ...]
    sources: tuple[Cited, ...]
    not_counted: tuple[str, ...]
    reproduce: tuple[tuple[str, str], ...]
    data: Data = field(default_factory=dict)
    choices: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    numbers: tuple[tuple[str, str], ...] = ()
    tables_heading: str = "The tables beside the model"


def find(data: Data, state: State, **other: str) -> dict[str, Any]:
    """The cell of a choice; empty where there is none."""
    wanted = [{**state, **other}[name] for name in ("model", "hardware", "precision")]
    for key, cell in zip(data["cells"], data["grid"]["cells"], strict=True):
        if key == wanted:
            found: dict[str, Any] = cell
            return found
    return {}


def point(data: Data, state: State) -> int:
    """Index of the chosen batch and context."""
    grid = data["grid"]
    row = grid["batches"].index(state["batch"])
    return int(row * len(grid["contexts"]) + grid["contexts"].index(state["context"]))


def parts_at(cell: dict[str, Any], scope: str, k: int) -> dict[str, float]:
    """Energy of each component at a point, within a scope.  [J]"""
    scopes = cell.get("scopes", {})
    if scope not in scopes:
        return {}
    parts = scopes[scope].get("parts")
    if parts is None:
        parts = scopes[list(scopes)[-1]]["parts"]
        outside = {"memory": ("static", "facility")}.get(scope, ("facility",))
        parts = {n: v for n, v in parts.items() if (n in _COMPUTE if scope == "compute" else n not in outside)}
    return {n: v[k] for n, v in parts.items() if v[k] is not None}


def missing(data: Data, cell: dict[str, Any], state: State, hardware: str) -> str:
    """Why a cell has no figure, in a word or three."""
    capacity = data["hardware"][hardware]["capacity"]
    if cell and capacity is not None and cell["needs"][point(data, state)] > capacity:
        return "does not fit"
    if not cell.get("scopes"):
        return "no price"
    return "no answer at this scope" if state["scope"] not in cell["scopes"] else "-"


def _table(title: str, heads: list[str], rows: Sequence[tuple[str, ...]], texts: int = 1) -> Table:
    return Table(title, tuple(Column(h, i >= texts) for i, h in enumerate(heads)), tuple(rows))


def where_words(data: Data, state: State) -> str:
    """The choice in words."""
    return f"{state['model']} at {state['hardware']}, batch {state['batch']}, {state['context']} tokens in"


def choice_words(state: State) -> str:
    """The whole choice in words."""
    return (
        f"{state['model']} in {state['precision']} at {state['hardware']}, scope {state['scope']}, batch"
        f" {state['batch']}, {state['context']} tokens in"
    )


def energy_chart(data: Data, state: State) -> tuple[str, Table]:
    """Components of the energy, by precision."""
    k, names, found = point(data, state), [], {}
    for p in data["precisions"]:
        found[p] = parts_at(find(data, state, precision=p), state["scope"], k)
        names += [n for n in found[p] if n not in names]
    totals = {p: sum(parts.values()) for p, parts in found.items()}
    prefix, scale = prefix_of(max(totals.values(), default=0.0))
    rows = []
    for p, parts in found.items():
        if not parts:
            why = missing(data, find(data, state, precision=p), state, state["hardware"])
            rows.append((p, *["-"] * len(names), why))
            continue
        rows.append((p, *(significant(parts.get(n), scale, 4) for n in names), significant(totals[p], scale, 4)))
    own = found[state["precision"]]
    if own:
        most = max(own, key=lambda n: own[n])
        share = own[most] / totals[state["precision"]]
        heading = f"In {state['precision']} at {state['hardware']}, {NAMES.get(most, most)} takes {percent(share, 1)} %"
        heading += f" of the energy (scope {state['scope']})"
    else:
        why = missing(data, find(data, state), state, state["hardware"])
        heading = f"{state['precision']} has no energy at {state['hardware']}: {why}"
    heads = ["precision", *(f"{n} {prefix}J" for n in names), f"total {prefix}J"]
    return heading, _table(f"Energy by component: {where_words(data, state)}, scope {state['scope']}", heads, rows)


def saving_chart(data: Data, state: State) -> tuple[str, Table]:
    """Savings by scope and precision, with their bands and ranges."""
    k, rows, heading = point(data, state), [], ""
    base = data["baselines"].get(f"{state['model']}|{state['hardware']}")
    for p in data["precisions"]:
        if p == base:
            continue
        for scope, values in find(data, state, precision=p).get("scopes", {}).items():
            saving = values.get("saving")
            if not saving or saving[1][k] is None:
                continue
            low, value, high = (float(v[k]) for v in saving)
            band = [float(v[k]) for v in values["band"]]
            rows.append((p, scope, percent(value), *(percent(v, 1) for v in (*band, low, high))))
            if (p, scope) == (state["precision"], state["scope"]):
                verb = "saves" if value >= 0 else "costs"
                ends = band[::2] if value >= 0 else [-band[2], -band[0]]
                more = "" if value >= 0 else " more"
                heading = f"At {state['hardware']}, {p} {verb} {percent(abs(value), 1)} %{more} energy (p5 to p95"
                heading += f" {percent(ends[0], 1)} to {percent(ends[1], 1)}) against {base}, scope {scope}"
    if not heading:
        if state["precision"] == base:
            heading = f"{base} is the baseline: choose another precision to see what it saves"
        else:
            heading = f"No saving of {state['precision']} at {state['hardware']} can be said at this point"
    heads = ["precision", "scope", "saving %", "p5 %", "p50 %", "p95 %", "low %", "high %"]
    return heading, _table(f"Savings against {base or 'no baseline'}: {where_words(data, state)}", heads, rows, 2)


def roofline_chart(data: Data, state: State) -> tuple[str, Table]:
    """Operators at the point asked for: operations per byte, rate reached, and what binds."""
    index = data["cells"].index([state[n] for n in ("model", "hardware", "precision")])
    rows: list[tuple[str, ...]] = []
    waits: dict[str, float] = {}
    whole = 0.0
    for row in data["operations"]:
        if row["record"] != index or not row["seconds"]:
            continue
        whole += row["seconds"]
        waits[row["bound"]] = waits.get(row["bound"], 0.0) + row["seconds"]
        if not row["mac"]:
            continue
        moved = row["weight_bytes"] + row["activation_bytes"] + row["kv_bytes"]
        rate = 2 * row["mac"] / row["seconds"]
        rows.append(
            (
                row["phase"], row["op"], significant(2 * row["mac"] / moved, 1.0, 4),
                significant(rate, 1e12, 4), significant(row["seconds"], 1e-3, 4), row["bound"] or "-",
            )
        )  # fmt: skip
    if waits:
        bound = max(waits, key=lambda n: waits[n])
        heading = f"{state['precision']} at {state['hardware']} waits for {bound} in {percent(waits[bound] / whole, 1)}"
        heading += " % of its time"
    else:
        heading = f"No time can be said for {state['precision']} at {state['hardware']}"
    grid = data["grid"]
    title = f"Operators of {state['model']} in {state['precision']} at {state['hardware']}, batch {grid['batches'][0]},"
    title += f" {grid['contexts'][grid['at']]} tokens in"
    heads = ["phase", "operator", "op/byte", "Top/s", "ms", "bound"]
    table = _table(title, heads, rows, 2)
    return heading, Table(table.title, (*table.columns[:-1], Column("bound", False)), table.rows)


def fit_chart(data: Data, state: State) -> tuple[str, Table]:
    """What every device holds and what is needed."""
    k, rows = point(data, state), []
    held: list[tuple[float, str]] = []
    for h, facts in data["hardware"].items():
        cell = find(data, state, hardware=h)
        if not cell or facts["capacity"] is None:
            continue
        needs, has = cell["needs"][k], facts["capacity"]
        fits = needs <= has
        held += [(has, h)] if fits else []
        row = (h, with_prefix(needs, "B"), with_prefix(has, "B"), used(needs / has), "fits" if fits else "does not fit")
        rows.append((has, row))
    rows.sort(key=lambda row: -row[0])
    what = f"{state['model']} in {state['precision']}"
    heading = f"{len(held)} of {len(rows)} devices hold {what}"
    if len(rows) == 1:
        name, _, has_words, *_ = rows[0][1]
        heading = f"{name} ({has_words}) {'holds' if held else 'does not hold'} {what}"
    elif held:
        has, smallest = min(held)
        heading += f"; the smallest is {smallest} ({with_prefix(has, 'B')})"
    title = f"Memory: {state['model']} in {state['precision']}, batch {state['batch']}, {state['context']} tokens in"
    table = _table(title, ["hardware", "needs", "capacity", "memory %", "verdict"], [row for _, row in rows])
    return heading, Table(table.title, (*table.columns[:-1], Column("verdict", False)), table.rows)


def size_chart(data: Data, state: State) -> tuple[str, Table]:
    """Memory of models of 125M to 1T parameters, by precision."""
    k, largest = point(data, state), ""
    capacity = data["hardware"][state["hardware"]]["capacity"]
    sizes: dict[str, dict[str, float]] = {}
    for row in data["sizes"]:
        sizes.setdefault(row["size"], {})[row["precision"]] = row["needs"][k]
    rows = []
    for size, needs in sizes.items():
        rows.append((size, *(with_prefix(needs[p], "B") for p in data["precisions"])))
        if capacity is not None and needs[state["precision"]] <= capacity:
            largest = size
    min_size, max_size = next(iter(sizes)), list(sizes)[-1]
    if capacity is None:
        ends = [with_prefix(sizes[size][state["precision"]], "B") for size in (min_size, max_size)]
        heading = f"In {state['precision']}, memory grows from {ends[0]} ({min_size}) to {ends[1]} ({max_size})"
    elif largest:
        heading = f"In {state['precision']}, {state['hardware']} holds models up to {largest}"
    else:
        heading = f"In {state['precision']}, {state['hardware']} holds none of these sizes"
    each = f" on each of {data['devices']} devices" if data["devices"] > 1 else ""
    title = f"Memory by size{each}, GPT-3-like shapes: batch {state['batch']}, {state['context']} tokens in"
    return heading, _table(title, ["parameters", *data["precisions"]], rows)


def growth_chart(data: Data, state: State) -> tuple[str, Table]:
    """Energy and tokens per second of models of 125M to 1T parameters, by precision."""
    k, hardware = point(data, state), state["hardware"]
    tokens = state["batch"] * data["generate"][f"{state['model']}|{hardware}"]
    unit = "token" if tokens > state["batch"] else "sequence"
    timed = data["hardware"][hardware]["capacity"] is not None and unit == "token"
    sizes: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    for row in data["sizes"]:
        run = row["run"].get(hardware)
        energy, rate = (None, None) if run is None else (run[0][k], run[1][k])
        each = None if energy is None else energy / (tokens if unit == "token" else state["batch"])
        sizes.setdefault(row["size"], {})[row["precision"]] = (each, rate)
    rows, mine = [], []
    for size, found in sizes.items():
        energies = [found[p][0] for p in data["precisions"]]
        rates = [significant(found[p][1], 1.0, 4) for p in data["precisions"]] if timed else []
        rows.append((size, *("-" if e is None else with_prefix(e, "J") for e in energies), *rates))
        each = found[state["precision"]][0]
        mine += [] if each is None else [(size, each)]
    if len(mine) > 1:
        (small, least), (large, most) = mine[0], mine[-1]
        heading = f"At {hardware}, a {unit} in {state['precision']} takes {with_prefix(least, 'J')} at {small} and"
        heading += f" {with_prefix(most, 'J')} at {large}"
    elif any(hardware in row["run"] for row in data["sizes"]):
        heading = f"Fewer than two of these sizes have an energy in {state['precision']} at {hardware}"
    else:
        known = next(iter(data["sizes"][0]["run"]))
        heading = f"Models of every size were run at {known} alone; choose it to see them"
    title = f"Energy per {unit}{' and tokens/s' if timed else ''} by size at {hardware}: batch {state['batch']},"
    title += f" {state['context']} tokens in"
    heads = ["parameters", *(f"{p} energy" for p in data["precisions"])]
    heads += [f"{p} tokens/s" for p in data["precisions"]] if timed else []
    return heading, _table(title, heads, rows)


def point_chart(data: Data, state: State) -> tuple[str, Table]:
    """Energy per token, tokens per second and memory over batch and context."""
    grid, cell = data["grid"], find(data, state)
    generate, scope = data["generate"][f"{state['model']}|{state['hardware']}"], state["scope"]
    energy = cell.get("scopes", {}).get(scope, {}).get("energy")
    rows, at_context = [], {}
    for i, batch in enumerate(grid["batches"]):
        for j, context in enumerate(grid["contexts"]):
            k = i * len(grid["contexts"]) + j
            total = energy[1][k] if energy else None
            each = None if total is None else total / (batch * generate)
            if context == state["context"] and each is not None:
                at_context[batch] = each
            tokens = cell.get("tokens_per_s", [None] * (k + 1))[k]
            why = missing(data, cell, {**state, "batch": batch, "context": context}, state["hardware"])
            shown = why if each is None else with_prefix(each, "J")
            rows.append(
                (str(batch), str(context), shown, significant(tokens, 1.0, 4), with_prefix(cell["needs"][k], "B"))
            )
    unit = "token" if generate > 1 else "sequence"
    if len(at_context) > 1:
        first, last = min(at_context), max(at_context)
        less = at_context[first] / at_context[last]
        heading = f"From batch {first} to {last}, energy a {unit} at {state['hardware']} "
        if abs(less - 1) < 0.005:
            heading += "stays as it is"
        else:
            heading += f"{'falls' if less > 1 else 'grows'} by a factor of {max(less, 1 / less):.3g}"
    else:
        heading = f"Batches cannot be compared: {state['precision']} has fewer than two answers at this context"
    title = f"Batch and context: {state['model']} in {state['precision']} at {state['hardware']}, scope {scope}"
    return heading, _table(title, ["batch", "tokens in", f"energy per {unit}", "tokens/s", "memory"], rows)


def tornado_chart(data: Data, state: State) -> tuple[str, Table]:
    """The figures that move the energy most, each alone at its low and at its high."""
    found = data["swings"][data["cells"].index([state[n] for n in ("model", "hardware", "precision")])]
    cell, scope, rows = find(data, state), found["scope"], []
    whole = cell["scopes"][scope]["energy"][1][data["grid"]["at"]] if found["rows"] else 0.0
    prefix, scale = prefix_of(max((e for row in found["rows"] for e in row[1:3]), default=0.0))
    for lever, low, high, *saving in found["rows"]:
        name, span, basis, source = data["levers"][lever]
        ends = (significant(low, scale, 4), significant(high, scale, 4), percent(abs(high - low) / whole, 1))
        saved = "-" if saving[0] is None else f"{percent(saving[0], 1)} to {percent(saving[1], 1)}"
        rows.append((name, span, *ends, saved, basis, source))
    if rows:
        name, _, _, _, share, _, basis, _ = rows[0]
        heading = f"{name} ({basis}) moves the energy of {state['precision']} at {state['hardware']} most: by {share} %"
        heading += " over its range"
    else:
        heading = f"No figure moves {state['precision']} at {state['hardware']}, which has no energy there"
    grid = data["grid"]
    title = f"What moves it: {state['model']} in {state['precision']} at {state['hardware']}, scope {scope}, batch"
    title += f" {grid['batches'][0]}, {grid['contexts'][grid['at']]} tokens in"
    heads = [
        "figure",
        "low to high",
        f"{prefix}J at low",
        f"{prefix}J at high",
        "moves %",
        "saving %",
        "basis",
        "source",
    ]
    table = _table(title, heads, rows)
    words = tuple(Column(heading, False) for heading in heads[-2:])
    return heading, Table(table.title, (*table.columns[:-2], *words), table.rows)


def parity_chart(data: Data, state: State) -> tuple[str, Table]:
    """Errors on measured rows, by class."""
    parity = data["parity"]
    errors = sorted(abs(modelled / measured - 1) for _, measured, modelled in parity["points"])
    middle = errors[len(errors) // 2]
    heading = f"Half of {len(errors):,} measured figures are met within {percent(middle, 1)} %"
    rows = [
        (c["title"], f"{c['n']:,}", f"{c['median']:.1f}", f"{c['p90']:.1f}", f"{c['bias']:+.1f}")
        for c in parity["classes"]
    ]
    heads = ["measured", "rows", "median error %", "nine in ten %", "bias %"]
    return heading, _table("Modelled against measured, rows that nothing was taken from", heads, rows)


CHARTS: dict[str, tuple[str, Callable[[Data, State], tuple[str, Table]], str]] = {
    "energy": ("Where does the energy go?", energy_chart, ""),
    "saving": (
        "What does precision buy?", saving_chart,
        "Whiskers and p5, p50, p95: 1,000 draws of every price within its range (seed 0), both energies of a draw"
        " priced alike. Low and high: each price at its low or high alone, and all together. Bars end at -100 %;"
        " their figure stands in them.",
    ),
    "roofline": (
        "What binds each operator?", roofline_chart,
        "Per-operator rows are of the batch and context asked for; the choice of batch and context does not move them."
        " Bytes are what an operator needs at least once: what stays in a cache lifts it above the roof of the memory.",
    ),
    "fit": ("Does it fit?", fit_chart, ""),
    "size": ("How does memory grow with size?", size_chart, "Shapes like GPT-3's, so a named model differs a little."),
    "growth": ("How does energy grow with size?", growth_chart, "A dash: does not fit, or has no price."),
    "point": ("How does it scale with batch and context?", point_chart, ""),
    "tornado": (
        "Which figure matters?", tornado_chart,
        "Each figure alone at its low and at its high, of the batch, context and scope asked for. Prices move at fixed"
        " time; bandwidths, rates, shares and launches move the time as well. What moves 0.0 % moves the baseline, and"
        " so the saving. Weak: assumed, or scaled from elsewhere.",
    ),
    "parity": ("How right is the model?", parity_chart, ""),
}  # fmt: skip


def charts(data: Data) -> tuple[Chart, ...]:
    """Every chart that the data can answer, at the default choice."""
    timed = any(facts["capacity"] is not None for facts in data["hardware"].values())
    left_out = set() if timed else {"roofline", "fit"}
    left_out |= set() if data["parity"]["points"] else {"parity"}
    made = []
    for name, (question, make, note) in CHARTS.items():
        if name not in left_out:
            heading, table = make(data, data["state"])
            made.append(Chart(name, question, heading, table, note))
    return tuple(made)


def numbers(data: Data, state: State) -> tuple[tuple[str, str], ...]:
    """The chosen cell in a few figures."""
    cell, k = find(data, state), point(data, state)
    why = missing(data, cell, state, state["hardware"])
    scope = cell.get("scopes", {}).get(state["scope"], {})
    low, energy, high = (v[k] for v in scope["energy"]) if scope else (None, None, None)
    generate = data["generate"][f"{state['model']}|{state['hardware']}"]
    saving = scope.get("saving")
    capacity = data["hardware"][state["hardware"]]["capacity"]
    needs = cell["needs"][k]
    prefix, scale = prefix_of(energy or 0.0)
    span = "" if energy is None else f" ({significant(low, scale, 3)} to {significant(high, scale, 3)})"
    timed = "no clock" if capacity is None else why

    def figure(name: str, unit: str) -> str:
        value = cell.get(name, [None] * (k + 1))[k]
        return (
            timed
            if value is None
            else with_prefix(value, unit)
            if unit == "s"
            else f"{significant(value, 1.0, 4)} {unit}"
        )

    found = (
        ("memory", with_prefix(needs, "B") + ("" if capacity is None else f", {used(needs / capacity)}")
         + ("" if capacity is None else " %" if needs / capacity < 10 else "")),
        ("energy", why if energy is None else f"{significant(energy, scale, 4)} {prefix}J{span}"),
        ("energy per token", "-" if generate == 1 else why if energy is None
         else with_prefix(energy / (state["batch"] * generate), "J")),
        ("saving", "-" if not saving or saving[1][k] is None else f"{percent(saving[1][k])} %"),
        ("tokens/s", figure("tokens_per_s", "").strip()),
        ("time", figure("seconds", "s")),
        ("power", figure("power_w", "W")),
    )  # fmt: skip
    return tuple((name, unbroken(value)) for name, value in found)


def unbroken(text: str) -> str:
    r"""A figure with its unit on one line: lines break after a comma or before a bracket alone.

    >>> unbroken("2.517 GB, 3.0 %"), unbroken("no clock")
    ('2.517\xa0GB, 3.0\xa0%', 'no clock')
    """
    return re.sub(r"(?<!,) (?!\()", "\u00a0", text) if re.search(r"\d", text) else text
