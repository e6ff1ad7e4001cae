"""The charts of a report: each a question, a finding, a figure and a table, for every choice that a reader can make.

A chart is one registered function, and needs no other line anywhere. It gets the data of a page and a choice, which
holds the selectors of its ``by`` alone, and gives what is shown. Where the heading depends on more selectors than
figure and table do, it gives a heading for each value of these, ``headed_by``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

from bitnet_cost.numerals import (
    digits,
    fixed,
    percent,
    prefix_of,
    significant,
    to_digits,
    used,
    with_commas,
    with_prefix,
)  # fmt: skip
from bitnet_cost.tables import Column, Table
from bitnet_cost.views import figures
from bitnet_cost.views.figures import Axis, Drawing, Layout, Look, log_axis, plain, trace

Data = dict[str, Any]
Choice = dict[str, Any]
NAMES = {
    "mul": "multiplying", "add": "adding", "mac": "multiply-accumulate", "special": "special functions",
    "static": "static power", "facility": "the facility",
}  # fmt: skip
FLOOR = -100  # savings below it are cut off, their figure in the bar
_COMPUTE = ("mul", "add", "mac", "special")


@dataclass(frozen=True, eq=False, repr=False)
class Shown:
    """What a chart shows for a choice: a heading for each value of ``headed_by``, a table, and a figure if any."""

    headings: tuple[str, ...]
    table: Table
    figure: Drawing | None


@dataclass(frozen=True, eq=False, repr=False)
class Chart:
    """A question, and what is shown for each choice: of the selectors ``by`` in their order, the last fastest.

    A heading is chosen by ``headed_by`` as well. ``row_of``: the selector whose value marks a row of the table.
    ``drawing`` is markup in place of the figures. A registered chart shows what it would ``make`` of some data.
    """

    name: str
    question: str
    shown: tuple[Shown, ...] = ()
    by: tuple[str, ...] = ()
    headed_by: tuple[str, ...] = ()
    note: str = ""
    row_of: str = ""
    drawing: str = ""
    make: Callable[..., Shown] = Shown
    answers: Callable[[Data], bool] = lambda data: True

    def of(self, data: Data) -> Chart:
        """The chart of some data, for every choice."""
        choices = product(*(data["choices"][name] for name in self.by))
        return replace(self, shown=tuple(self.make(data, dict(zip(self.by, each, strict=True))) for each in choices))

    def heights(self, *widths: float) -> list[float]:
        """Height that every figure has room in, for boxes of some widths.  [px] -> [rem]"""
        tallest = {(f.rem, *(o["name"] for _, o in f.traces)): f for s in self.shown if (f := s.figure) is not None}
        return [max((f.height(width) for f in tallest.values()), default=0.0) for width in widths]


CHARTS: dict[str, Chart] = {}


def chart(question: str, *by: str, **more: Any) -> Callable[[Callable[[Data, Choice], Shown]], Callable[..., Shown]]:
    """Register a function as a chart by its name; ``more`` are fields of `Chart`."""

    def register(make: Callable[[Data, Choice], Shown]) -> Callable[..., Shown]:
        name = make.__name__.removeprefix("_")
        CHARTS[name] = Chart(name, question, by=by, make=make, **more)
        return make

    return register


def on_a_device(data: Data) -> bool:
    """Whether anything has a clock and a capacity."""
    return any(facts["capacity"] is not None for facts in data["hardware"].values())


def index_of(data: Data, at: Choice) -> int:
    """The place of a chosen cell among the records."""
    found: int = data["index"][at["model"], at["hardware"], at["precision"]]
    return found


def cell_of(data: Data, at: Choice, **other: str) -> dict[str, Any]:
    """A chosen cell over the grid."""
    found: dict[str, Any] = data["grid"]["cells"][index_of(data, at | other)]
    return found


def point_index(data: Data, at: Choice) -> int:
    """Index of the chosen batch and context."""
    grid = data["grid"]
    return int(grid["batches"].index(at["batch"]) * len(grid["contexts"]) + grid["contexts"].index(at["context"]))


def generated_tokens(data: Data, at: Choice) -> int:
    """Tokens that a sequence generates there."""
    found: int = data["generate"][at["model"], at["hardware"]]
    return found


@lru_cache(maxsize=1 << 16)
def _short(value: float | None) -> float | None:
    """A figure to draw, with the digits that tables print."""
    return None if value is None else to_digits(value, 4)


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


def missing(data: Data, cell: dict[str, Any], at: Choice) -> str:
    """Why a cell cannot be computed, in a word or three."""
    capacity = data["hardware"][at["hardware"]]["capacity"]
    if capacity is not None and cell["needs"][point_index(data, at)] > capacity:
        return "does not fit"
    if not cell.get("scopes"):
        return "no price"
    return "no answer at this scope" if at["scope"] not in cell["scopes"] else "-"


def _table(title: str, heads: Sequence[str], rows: Iterable[tuple[str, ...]], words: Sequence[int] = (0,)) -> Table:
    return Table(title, tuple(Column(h, i not in words) for i, h in enumerate(heads)), tuple(rows))


def _where(at: Choice) -> str:
    return f"{at['model']} at {at['hardware']}, batch {at['batch']}, {at['context']} tokens in"


@chart(
    "Where does the energy go?", "model", "hardware", "scope", "batch", "context", headed_by=("precision",),
)  # fmt: skip
def _energy(data: Data, at: Choice) -> Shown:
    """Components of the energy, by precision."""
    k, scope, hardware = point_index(data, at), at["scope"], at["hardware"]
    cells = {p: cell_of(data, at, precision=p) for p in data["precisions"]}
    found = {p: parts_at(cell, scope, k) for p, cell in cells.items()}
    names = list(dict.fromkeys(n for parts in found.values() for n in parts))
    totals = {p: sum(parts.values()) for p, parts in found.items()}
    prefix, scale = prefix_of(max(totals.values(), default=0.0))
    rows, headings = [], []
    for p, parts in found.items():
        if not parts:
            why = missing(data, cells[p], at)
            rows.append((p, *["-"] * len(names), why))
            headings.append(f"{p} has no energy at {hardware}: {why}")
            continue
        rows.append((p, *(significant(parts.get(n), scale, 4) for n in names), significant(totals[p], scale, 4)))
        most = max(parts, key=lambda n: parts[n])
        headings.append(
            f"In {p} at {hardware}, {NAMES.get(most, most)} takes {percent(parts[most] / totals[p], 1)} % of the"
            f" energy (scope {scope})"
        )
    table = _table(
        f"Energy by component: {_where(at)}, scope {scope}",
        ["precision", *(f"{n} {prefix}J" for n in names), f"total {prefix}J"], rows,
    )  # fmt: skip
    layout = Layout(Axis(f"energy, {prefix}J"), Axis("", names=tuple(found)))
    drawn = tuple(
        trace(Look("bar", i), n, [_short(parts[n] / scale) if n in parts else None for parts in found.values()], found)
        for i, n in enumerate(names)
    )
    return Shown(tuple(headings), table, Drawing(layout, drawn) if drawn else None)


@chart(
    "What does precision buy?", "model", "hardware", "batch", "context", headed_by=("precision", "scope"),
    note="Whiskers and p5, p50, p95: 1,000 draws of every price within its range (seed 0), both energies of a draw"
    " priced alike. Low and high: each price at its low or high alone, and all together. Bars end at -100 %;"
    " the figure is printed in them.",
)  # fmt: skip
def _saving(data: Data, at: Choice) -> Shown:
    """Savings by scope and precision, with their bands and ranges."""
    k, hardware = point_index(data, at), at["hardware"]
    base = data["baselines"].get((at["model"], hardware))
    rows, drawn, headings = [], [], []
    least = 0.0
    for number, p in enumerate(data["precisions"]):
        if p == base:
            headings += [f"{base} is the baseline: choose another precision to see what it saves"] * len(data["scopes"])
            continue
        said = dict.fromkeys(data["scopes"], f"No saving of {p} at {hardware} can be computed at this point")
        bars: list[tuple[Any, ...]] = []
        for scope, values in cell_of(data, at, precision=p).get("scopes", {}).items():
            if not values.get("saving") or values["saving"][1][k] is None:
                continue
            low, value, high = (float(v[k]) for v in values["saving"])
            band = [float(v[k]) for v in values["band"]]
            rows.append((p, scope, percent(value), *(percent(v, 1) for v in (*band, low, high))))
            least = min(least, value)
            cut = f"<b>\u25c4 {fixed(100 * value, 0, grouping=False)} %</b>" if 100 * value < FLOOR else ""
            bars.append((scope, _short(100 * value), cut, *(_short(100 * max(0.0, s * (v - value)))
                         for s, v in ((1, band[2]), (-1, band[0])))))  # fmt: skip
            more, ends = ("", band[::2]) if value >= 0 else (" more", [-band[2], -band[0]])
            said[scope] = (
                f"At {hardware}, {p} {'costs' if more else 'saves'} {percent(abs(value), 1)} %{more} energy (p5 to p95"
                f" {percent(ends[0], 1)} to {percent(ends[1], 1)}) against {base}, scope {scope}"
            )
        headings += said.values()
        if bars:
            scopes, values, cuts, up, down = zip(*bars, strict=True)
            error = {"type": "data", "symmetric": False, "array": up, "arrayminus": down}
            drawn.append(trace(Look("bar", number), p, values, scopes, cuts if any(cuts) else (), error_x=error))
    heads = ["precision", "scope", "saving %", "p5 %", "p50 %", "p95 %", "low %", "high %"]
    table = _table(f"Savings against {base or 'no baseline'}: {_where(at)}", heads, rows, (0, 1))
    across = Axis(f"energy saved against {base or '-'}, %", span=(FLOOR, 100.0) if 100 * least < FLOOR else None)
    layout = Layout(across, Axis("", names=tuple(data["scopes"])), "group")
    return Shown(tuple(headings), table, Drawing(layout, tuple(drawn)) if drawn else None)


@chart(
    "What binds each operator?", "model", "precision", "hardware", answers=on_a_device,
    note="Per-operator rows are of the batch and context asked for; the choice of batch and context does not move them."
    " Bytes are what an operator needs at least once: what stays in a cache lifts it above the roof of the memory.",
)  # fmt: skip
def _roofline(data: Data, at: Choice) -> Shown:
    """Operators at the point asked for: operations per byte, rate reached, and what binds."""
    rows: list[tuple[str, ...]] = []
    waits: dict[str, float] = {}
    marks: dict[str, list[tuple[float, float, str]]] = {}
    for row in data["operations"].get(index_of(data, at), ()):
        if not row["seconds"]:
            continue
        waits[row["bound"]] = waits.get(row["bound"], 0.0) + row["seconds"]
        if not row["mac"]:
            continue
        moved = row["weight_bytes"] + row["activation_bytes"] + row["kv_bytes"]
        intensity, rate = 2 * row["mac"] / moved, 2 * row["mac"] / row["seconds"]
        rows.append(
            (
                row["phase"], row["op"], significant(intensity, 1.0, 4),
                significant(rate, 1e12, 4), significant(row["seconds"], 1e-3, 4), row["bound"] or "-",
            )
        )  # fmt: skip
        mark = (to_digits(intensity, 4), to_digits(rate / 1e12, 4), plain(f"{row['op']}: {row['bound']}"))
        marks.setdefault(row["phase"], []).append(mark)
    what, grid = f"{at['precision']} at {at['hardware']}", data["grid"]
    heading = f"No time can be computed for {what}"
    if waits:
        bound = max(waits, key=lambda n: waits[n])
        heading = f"{what} waits for {bound} in {percent(waits[bound] / sum(waits.values()), 1)} % of its time"
    title = (
        f"Operators of {at['model']} in {what}, batch {grid['batches'][0]}, {grid['contexts'][grid['at']]} tokens in"
    )
    table = _table(title, ["phase", "operator", "op/byte", "Top/s", "ms", "bound"], rows, (0, 1, 5))
    drawn = [*_roofs(data["hardware"][at["hardware"]])] if marks else []
    for number, (phase, found) in enumerate(marks.items()):
        x, y, words = zip(*found, strict=True)
        drawn.append(trace(Look("scatter", number, "markers", size=10, worded=True), phase, x, y, words))
    xs, ys = ([v for _, own in drawn for v in own[way]] for way in ("x", "y"))
    layout = Layout(log_axis("operations per byte moved", xs), log_axis("Top/s", ys))
    return Shown((heading,), table, Drawing(layout, tuple(drawn)) if drawn else None)


def _roofs(facts: dict[str, Any]) -> list[tuple[Look, dict[str, Any]]]:
    """A line for each rate of products, over the slope of the memory; formats of one rate share theirs."""
    forms: dict[float, list[str]] = {}
    slope = facts["bandwidth"]
    if not slope:
        return []
    for form, rate in facts["rates"].items():
        forms.setdefault(rate, []).append(form)
    end = _short(max(1e4, 10 * max(forms) / slope))
    return [
        trace(
            Look("scatter", number), f"roof of {', '.join(forms[rate])}", [0.1, _short(rate / slope), end],
            [_short(v / 1e12) for v in (0.1 * slope, rate, rate)],
        )
        for number, rate in enumerate(sorted(forms, reverse=True), 2)
    ]  # fmt: skip


@chart("Does it fit?", "model", "precision", "batch", "context", answers=on_a_device, row_of="hardware")
def _fit(data: Data, at: Choice) -> Shown:
    """What every device holds and what is needed."""
    k, what = point_index(data, at), f"{at['model']} in {at['precision']}"
    devices = {h: facts["capacity"] for h, facts in data["hardware"].items() if facts["capacity"] is not None}
    found = [(has, cell_of(data, at, hardware=h)["needs"][k], h) for h, has in devices.items()]
    found.sort(key=lambda device: -device[0])
    held = [(has, h) for has, needs, h in found if needs <= has]
    heading = f"{len(held)} of {len(found)} devices hold {what}"
    if len(found) == 1:
        has, _, name = found[0]
        heading = f"{name} ({with_prefix(has, 'B')}) {'holds' if held else 'does not hold'} {what}"
    elif held:
        has, smallest = min(held)
        heading += f"; the smallest is {smallest} ({with_prefix(has, 'B')})"
    rows = [
        (h, with_prefix(needs, "B"), with_prefix(has, "B"), used(needs / has),
         "fits" if needs <= has else "does not fit")
        for has, needs, h in found
    ]  # fmt: skip
    title = f"Memory: {what}, batch {at['batch']}, {at['context']} tokens in"
    table = _table(title, ["hardware", "needs", "capacity", "memory %", "verdict"], rows, (0, 4))
    sizes = [_short(size / 1e9) for has, needs, _ in found for size in (has, needs)]
    layout = Layout(log_axis("GB", sizes), Axis("", names=tuple(h for *_, h in found)))
    drawn = []
    for fits, sign, number in ((True, "circle", 2), (False, "x", 5)):
        mine = [(_short(needs / 1e9), h) for has, needs, h in found if (needs <= has) is fits]
        if mine:
            look = Look("scatter", number, "markers", sign=sign)
            drawn.append(trace(look, "needs, fits" if fits else "needs, does not fit", *zip(*mine, strict=True)))
    capacity = Look("scatter", None, "markers", size=14, sign="line-ns-open")
    drawn.append(trace(capacity, "capacity", [_short(has / 1e9) for has, *_ in found], [h for *_, h in found]))
    return Shown((heading,), table, Drawing(layout, tuple(drawn), rem=max(12.0, 5 + 1.15 * len(found))))


def _by_size(data: Data) -> dict[str, dict[str, dict[str, Any]]]:
    """Rows of models of 125M to 1T parameters by size, then by precision."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in data["sizes"]:
        found.setdefault(row["size"], {})[row["precision"]] = row
    return found


def _over_size(
    sizes: dict[str, dict[str, dict[str, Any]]], lines: dict[str, list[float | None]], up: str
) -> tuple[list[tuple[Look, dict[str, Any]]], Layout, list[float]]:
    """A line for each precision over the number of parameters; also the parameters."""
    across = [next(iter(rows.values()))["parameters"] for rows in sizes.values()]
    drawn = []
    for number, (p, values) in enumerate(lines.items()):
        known = [(x, y, f"{p}, {size}") for x, y, size in zip(across, values, sizes, strict=True) if y is not None]
        if known:
            drawn.append(trace(Look("scatter", number, "lines+markers", worded=True), p, *zip(*known, strict=True)))
    axis = Axis("parameters", log=True, ticks=tuple(across), texts=tuple(sizes))
    return drawn, Layout(axis, log_axis(up, [y for values in lines.values() for y in values])), across


@chart(
    "How does memory grow with size?", "hardware", "batch", "context", headed_by=("precision",),
    note="Shapes like GPT-3's, so a named model differs a little.",
)  # fmt: skip
def _size(data: Data, at: Choice) -> Shown:
    """Memory of models of 125M to 1T parameters, by precision."""
    k, hardware = point_index(data, at), at["hardware"]
    capacity, sizes = data["hardware"][hardware]["capacity"], _by_size(data)
    needs = {p: {name: rows[p]["needs"][k] for name, rows in sizes.items()} for p in data["precisions"]}
    headings = []
    for p, mine in needs.items():
        held = [name for name, need in mine.items() if capacity is not None and need <= capacity]
        (small, least), *_, (large, most) = mine.items()
        if capacity is None:
            ends = f"from {with_prefix(least, 'B')} ({small}) to {with_prefix(most, 'B')} ({large})"
            headings.append(f"In {p}, memory grows {ends}")
        else:
            held_words = f"models up to {held[-1]}" if held else "none of these sizes"
            headings.append(f"In {p}, {hardware} holds {held_words}")
    each = f" on each of {data['devices']} devices" if data["devices"] > 1 else ""
    title = f"Memory by size{each}, GPT-3-like shapes: batch {at['batch']}, {at['context']} tokens in"
    rows = [(name, *(with_prefix(needs[p][name], "B") for p in needs)) for name in sizes]
    lines = {p: [_short(need / 1e9) for need in mine.values()] for p, mine in needs.items()}
    drawn, layout, across = _over_size(sizes, lines, "GB")
    if capacity is not None:
        level = [_short(capacity / 1e9)] * 2
        drawn.append(trace(Look("scatter", None), f"capacity of {hardware}", [across[0], across[-1]], level))
    return Shown(tuple(headings), _table(title, ["parameters", *needs], rows), Drawing(layout, tuple(drawn)))


@chart(
    "How does energy grow with size?", "model", "hardware", "batch", "context", headed_by=("precision",),
    note="A dash: does not fit, or has no price.",
)  # fmt: skip
def _growth(data: Data, at: Choice) -> Shown:
    """Energy and tokens per second of models of 125M to 1T parameters, by precision."""
    k, hardware, sizes = point_index(data, at), at["hardware"], _by_size(data)
    tokens = at["batch"] * generated_tokens(data, at)
    unit, of = ("token", tokens) if tokens > at["batch"] else ("sequence", at["batch"])
    timed = data["hardware"][hardware]["capacity"] is not None and unit == "token"
    energies: dict[str, list[float | None]] = {}
    rates: dict[str, list[float | None]] = {}
    headings = []
    for p in data["precisions"]:
        run = [rows[p]["run"].get(hardware) for rows in sizes.values()]
        energies[p] = [None if found is None or found[0][k] is None else found[0][k] / of for found in run]
        rates[p] = [None if found is None else found[1][k] for found in run]
        mine = [(name, each) for name, each in zip(sizes, energies[p], strict=True) if each is not None]
        if len(mine) > 1:
            (small, least), *_, (large, most) = mine
            ends = f"{with_prefix(least, 'J')} at {small} and {with_prefix(most, 'J')} at {large}"
            headings.append(f"At {hardware}, a {unit} in {p} takes {ends}")
        elif any(hardware in row["run"] for row in data["sizes"]):
            headings.append(f"Fewer than two of these sizes have an energy in {p} at {hardware}")
        else:
            known = next(iter(data["sizes"][0]["run"]))
            headings.append(f"Models of every size were run at {known} alone; choose it to see them")
    rows = [
        (name, *("-" if energies[p][i] is None else with_prefix(energies[p][i] or 0.0, "J") for p in energies),
         *(significant(rates[p][i], 1.0, 4) for p in rates if timed))
        for i, name in enumerate(sizes)
    ]  # fmt: skip
    title = f"Energy per {unit}{' and tokens/s' if timed else ''} by size at {hardware}: batch {at['batch']},"
    title += f" {at['context']} tokens in"
    heads = ["parameters", *(f"{p} energy" for p in energies), *(f"{p} tokens/s" for p in rates if timed)]
    lines = {p: [_short(each) for each in found] for p, found in energies.items()}
    drawn, layout, _ = _over_size(sizes, lines, f"J per {unit}")
    return Shown(tuple(headings), _table(title, heads, rows), Drawing(layout, tuple(drawn)) if drawn else None)


@chart(
    "How does it scale with batch and context?", "model", "precision", "hardware", "scope", headed_by=("context",),
)  # fmt: skip
def _point(data: Data, at: Choice) -> Shown:
    """Energy per token, tokens per second and memory over batch and context."""
    grid, cell = data["grid"], cell_of(data, at)
    generate, scope = generated_tokens(data, at), at["scope"]
    unit = "token" if generate > 1 else "sequence"
    whole = cell.get("scopes", {}).get(scope, {}).get("energy")
    batches, contexts = grid["batches"], grid["contexts"]
    none = [None] * (len(batches) * len(contexts))
    each = [
        None if total is None else total / (batch * generate)
        for total, (batch, _) in zip(whole[1] if whole else none, product(batches, contexts), strict=True)
    ]
    rows = []
    for k, (batch, context) in enumerate(product(batches, contexts)):
        energy_each = each[k]
        shown = (
            missing(data, cell, {**at, "batch": batch, "context": context})
            if energy_each is None else with_prefix(energy_each, "J")
        )  # fmt: skip
        tokens = significant(cell.get("tokens_per_s", none)[k], 1.0, 4)
        rows.append((str(batch), str(context), shown, tokens, with_prefix(cell["needs"][k], "B")))
    lines = {context: each[j :: len(contexts)] for j, context in enumerate(contexts)}
    headings = []
    for line in lines.values():
        known = [(batch, value) for batch, value in zip(batches, line, strict=True) if value is not None]
        if len(known) < 2:
            headings.append(f"Batches cannot be compared: {at['precision']} has fewer than two answers at this context")
            continue
        (first, most), *_, (last, least) = known
        less = most / least
        change = f"{'falls' if less > 1 else 'grows'} by a factor of {digits(max(less, 1 / less), 3)}"
        change = "does not change" if abs(less - 1) < 0.005 else change
        headings.append(f"From batch {first} to {last}, energy a {unit} at {at['hardware']} {change}")
    title = f"Batch and context: {at['model']} in {at['precision']} at {at['hardware']}, scope {scope}"
    table = _table(title, ["batch", "tokens in", f"energy per {unit}", "tokens/s", "memory"], rows)
    drawn = tuple(
        trace(Look("scatter", number, "lines+markers"), f"{context} tokens in", batches, [_short(v) for v in line])
        for number, (context, line) in enumerate(lines.items())
    )
    across = Axis("batch", log=True, ticks=tuple(batches), texts=tuple(map(str, batches)))
    layout = Layout(across, log_axis(f"J per {unit}", [_short(v) for v in each]))
    return Shown(tuple(headings), table, Drawing(layout, drawn) if whole and any(each) else None)


@chart(
    "Which figure matters?", "model", "precision", "hardware",
    note="Each figure alone at its low and at its high, of the batch, context and scope asked for. Prices move at fixed"
    " time; bandwidths, rates, shares and launches move the time as well. What moves 0.0 % moves the baseline, and"
    " so the saving. Weak: assumed, or scaled from elsewhere.",
)  # fmt: skip
def _tornado(data: Data, at: Choice) -> Shown:
    """The figures that move the energy most, each alone at its low and at its high."""
    found, grid = data["swings"][index_of(data, at)], data["grid"]
    scope, what = found["scope"], f"{at['precision']} at {at['hardware']}"
    whole = cell_of(data, at)["scopes"][scope]["energy"][1][grid["at"]] if found["rows"] else 0.0
    prefix, scale = prefix_of(max((e for row in found["rows"] for e in row[1:3]), default=0.0))
    rows, labels = [], []
    ends: dict[str, list[float]] = {"figure at its low": [], "figure at its high": []}
    for lever, low, high, *saved in found["rows"]:
        name, span, basis, source = data["levers"][lever]
        printed = (significant(low, scale, 4), significant(high, scale, 4), percent(abs(high - low) / whole, 1))
        savings = "-" if saved[0] is None else f"{percent(saved[0], 1)} to {percent(saved[1], 1)}"
        rows.append((name, span, *printed, savings, basis, source))
        if abs(high - low) > 5e-4 * whole:  # the others move the baseline alone
            labels.append(plain(f"{name}\n{basis}, {source}"))
            for values, end in zip(ends.values(), (low, high), strict=True):
                values.append(end)
    heading = f"No figure moves {what}, which has no energy there"
    if rows:
        name, *_, share, _, basis, _ = rows[0]
        heading = f"{name} ({basis}) moves the energy of {what} most: by {share} % over its range"
    title = f"Sensitivity: {at['model']} in {what}, scope {scope}, batch {grid['batches'][0]},"
    title += f" {grid['contexts'][grid['at']]} tokens in"
    heads = ["figure", "low to high", f"{prefix}J at low", f"{prefix}J at high", "moves %", "saving %"]
    table = _table(title, [*heads, "basis", "source"], rows, (0, 6, 7))
    base = _short(whole / scale)
    drawn = tuple(
        trace(
            Look("bar", number, worded=True), name, [_short((v - whole) / scale) for v in values], labels,
            base=[base] * len(labels), width=0.6,
            customdata=[f"{name}: {significant(v, scale, 4)} {prefix}J" for v in values],
        )
        for number, (name, values) in enumerate(ends.items())
    )  # fmt: skip
    layout = Layout(Axis(f"energy, {prefix}J"), Axis("", names=tuple(labels)), "overlay")
    return Shown((heading,), table, Drawing(layout, drawn, mark=base) if labels else None)


@chart("How right is the model?", answers=lambda data: bool(data["parity"]["points"]))
def _parity(data: Data, at: Choice) -> Shown:
    """Modelled over measured figures, and the errors by class."""
    classes, drawn = data["parity"]["classes"], data["parity"]["points"]
    errors = sorted(abs(modelled / measured - 1) for _, measured, modelled in drawn)
    middle = percent(errors[len(errors) // 2], 1)
    heading = f"Half of {with_commas(len(errors))} measured figures are met within {middle} %"
    rows = [
        (c["title"], with_commas(c["n"]), *(fixed(c[n], 1, sign=n == "bias") for n in ("median", "p90", "bias")))
        for c in classes
    ]
    heads = ["measured", "rows", "median error %", "nine in ten %", "bias %"]
    table = _table("Modelled against measured, rows not used for calibration", heads, rows)
    groups: dict[str, list[tuple[float, float, str]]] = {}
    for number, measured, modelled in drawn:
        one = classes[number]
        groups.setdefault(one["name"], []).append((measured, modelled, one["title"]))
    return Shown((heading,), table, figures.parity_figure(groups, "measured (s, J, W, GB or a ratio)", "modelled"))
