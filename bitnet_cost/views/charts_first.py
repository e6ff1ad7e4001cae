"""The first screen of a report: all devices, or technology nodes, and precisions in one chart, the best beside it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from bitnet_cost.numerals import (
    change_range,
    change_words,
    prefix_of,
    with_prefix,
)
from bitnet_cost.tables import Table
from bitnet_cost.views.charts import (
    FEW,
    Choice,
    Data,
    Shown,
    against_at,
    at_words,
    cell_of,
    chart,
    energy_at,
    groups,
    missing,
    name_of,
    on_a_device,
    point_index,
    point_words,
    several,
    short,
    table_of,
    three,
    undecided,
    unit_at,
    with_nodes,
)
from bitnet_cost.views.figures import Axis, Drawing, Label, Layout, Look, log_axis, plain, trace
from bitnet_cost.views.verdict import listed


def _subject(data: Data, cells: dict[str, dict[str, Any]], scope: str, k: int) -> str:
    """What a device's row speaks of: its best 1-bit precision, else the one that needs least; empty where none does."""
    found = {p: e[1] for p, cell in cells.items() if (e := energy_at(cell, scope, k)) is not None}
    narrow = {p: e for p, e in found.items() if p in data["one_bit"]}
    return min(narrow or found, key=(narrow or found).__getitem__, default="")


def _best_table(data: Data, at: Choice, hardware: Sequence[str]) -> Table:
    """The best precision on each, and what 1-bit needs against its strongest rival; the least energy first."""
    k, along, scope, rows = point_index(data, at), point_index(data, at, "curve"), at["scope"], []
    for h in hardware:
        cells = {p: cell_of(data, at, hardware=h, precision=p) for p in data["precisions"]}
        found = {p: e for p, cell in cells.items() if (e := energy_at(cell, scope, k)) is not None}
        _, tokens = unit_at(data, at, h)
        if not found:
            why = {missing(data, cell, at, h).partition(":")[0] for cell in cells.values() if cell}
            rows.append((math.inf, (name_of(data, h), "\n".join(sorted(why)) or "-", "-")))
            continue
        best = min(found, key=lambda p: found[p][1])
        mark = data["marks"][data["index"][at["model"], h, best]]
        rate = cells[best].get("tokens_per_s", {k: None})[k]
        # where two cannot be told apart neither is the best
        tied = [p for p in found if p != best and undecided(against_at(cells[p], scope, along))]
        names = [name_of(data, p) for p in (best, *sorted(tied, key=lambda p: found[p][1]))]
        name = listed(names if len(names) < 4 else [names[0], f"{len(names) - 1} others"], "or")
        energy = with_prefix(found[best][1] / tokens, "J", 3).replace(" ", f"{mark}\u00a0")
        least = f"{name}\n{energy}{'' if rate is None else f', {three(rate)}/s'}"
        subject = _subject(data, cells, scope, k)
        against = against_at(cells[subject], scope, along)
        needs = "-"
        if against is not None:
            rival, low, ratio, high = against
            lead = "undecided" if undecided(against) else change_words(ratio - 1)
            than = "against" if undecided(against) else "as" if "as much" in lead else "than"
            needs = f"{lead} {than} {name_of(data, rival)}\n{change_range(low - 1, high - 1)}"
        rows.append((found[best][1] / tokens, (name_of(data, h), least, needs)))
    rows.sort(key=lambda row: row[0])
    narrow = [p for p in data["precisions"] if p in data["one_bit"]]
    subject = name_of(data, narrow[0]) if len(narrow) == 1 else "1-bit" if narrow else "the best"
    kind = "node" if data["hardware"][hardware[0]]["capacity"] is None else "device"
    heads = [kind, "least energy", f"{subject} needs"] if len(data["precisions"]) > 1 else [kind, "energy"]
    return table_of(f"Best precision on each {kind}", heads, [row[: len(heads)] for _, row in rows], (0, 1))


_Mark = tuple[float, float, str, str, float, float]  # rate, energy, precision, rank, low and high end of the energy


def _marks(data: Data, at: Choice, h: str, unit: str) -> tuple[list[_Mark], list[tuple[str, str, str]]]:
    """What a device has of each precision; device, precision and reason of those without an answer there."""
    ranks, k, per = _ranks(data, at, h), point_index(data, at), unit_at(data, at, h)[1]
    found: list[_Mark] = []
    absent = []
    for p in data["precisions"]:
        cell = cell_of(data, at, hardware=h, precision=p)
        if p not in ranks:
            if cell:
                absent.append((h, p, missing(data, cell, at, h)))
            continue
        rank, energy = ranks[p]
        rate = cell.get("tokens_per_s", {k: None})[k]
        if unit == "sequence" and cell.get("seconds"):
            rate = at["batch"] / cell["seconds"][k]
        if rate is not None:
            low, value, high = (e / per for e in energy)
            found.append((rate, value, p, rank, low, high))
    return found, absent


def _ranks(data: Data, at: Choice, hardware: str) -> dict[str, tuple[str, tuple[float, ...]]]:
    """Whether each precision with an energy there is ``least``, ``tied`` or ``more``, and its energy."""
    k, along, scope = point_index(data, at), point_index(data, at, "curve"), at["scope"]
    cells = {p: cell_of(data, at, hardware=hardware, precision=p) for p in data["precisions"]}
    found = {p: e for p, cell in cells.items() if (e := energy_at(cell, scope, k)) is not None}
    if not found:
        return {}
    best = min(found, key=lambda p: found[p][1])
    tied = {p for p in found if p != best and undecided(against_at(cells[p], scope, along))}
    rank = {p: "tied" if p in tied or (p == best and tied) else "more" for p in found}
    rank[best] = "tied" if tied else "least" if len(found) > 1 else "more"
    return {p: (rank[p], e) for p, e in found.items()}


def _sign(data: Data, precision: str, rank: str, many: bool = False) -> Look:
    """The mark of a precision: its family's colour and shape, hollow where undecided."""
    colour, shape = data["looks"][precision]
    hollow = rank == "tied" and not shape.endswith("open")
    return Look(
        "scatter", 0, "markers", size=7 if many else 10, sign=shape + ("-open" if hollow else ""), colour=colour,
        worded=True, opacity=0.55 if many and rank == "more" else 1.0,
    )  # fmt: skip


def overview_looks(data: Data) -> dict[str, Any]:
    """The looks of `_overview`, for few cells and for many: of each precision by its rank, the line, the ring."""
    return {
        "marks": [
            {p: {rank: _sign(data, p, rank, many).as_plotly() for rank in ("least", "tied", "more")}
             for p in data["precisions"]}
            for many in (False, True)
        ],
        "line": _LINE.as_plotly(), "rings": [ring.as_plotly() for ring in _RINGS.values()],
    }  # fmt: skip


def _whiskers(look: Look, bounds: Sequence[tuple[float, ...]]) -> dict[str, Any]:
    """Bars from low to high, of (low, nominal, high)."""
    return {
        "type": "data", "symmetric": False, "thickness": 1.3, "width": 3, "color": look.paint + "8c",
        "array": [short(high - value) for _, value, high in bounds],
        "arrayminus": [short(value - low) for low, value, _ in bounds],
    }  # fmt: skip


_LINE = Look("scatter", None, listed=False, opacity=0.35)
_RINGS = {m: Look("scatter", None, "markers", size=13 if m else 21, sign="circle-open", listed=False) for m in (0, 1)}
MANY = 32  # cells from which on marks are small
NAMED = 12  # of many devices, those with the least energy have their names in the chart


@chart(
    "Which precision needs the least energy, and how fast is it?", "model", "scope", "batch", "context",
    answers=on_a_device, first=True, scripted=True,
)  # fmt: skip
def _overview(data: Data, at: Choice) -> Shown:
    """Energy a token against tokens a second, of all devices and precisions."""
    devices = [h for h, facts in data["hardware"].items() if facts["capacity"] is not None]
    many, few = len(data["precisions"]) * len(devices) > MANY, len(devices) <= FEW
    unit = max((unit_at(data, at, h)[0] for h in devices), key=len)
    points: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    paths: list[tuple[float | None, float | None]] = []
    rings, labels, absent, named = [], [], [], []
    for h in devices:
        mine, without = _marks(data, at, h, unit)
        absent += without
        for rate, value, p, rank, low, high in mine:
            points.setdefault((p, rank), []).append((rate, low, value, high, h))
        paths += [(short(x), short(y)) for x, y, *_ in mine] + [(None, None)]
        for x, y, p, rank, *_ in mine:
            if rank == "least":
                rings.append((x, y))
                text, colour = f"{name_of(data, p)} {three(y)} J", f"{data['looks'][p][0]}t"
                labels += [Label(x, y, text, colour, True, gap=14, brief=name_of(data, p))] if few else []
        if few:
            labels += [
                Label(x, y, name_of(data, p), f"{data['looks'][p][0]}t", weak=True)
                for x, y, p, rank, *_ in mine if rank != "least"
            ]  # fmt: skip
        if mine and few:  # the name of a device above its highest mark; of many, beside their best alone
            x, *_, high = max(mine, key=lambda m: m[5])
            labels.insert(0, Label(x, high, name_of(data, h), "ink", True, "above", gap=5))
        elif mine:
            best = min(mine, key=lambda m: m[1])
            named.append((best[1], Label(*best[:2], name_of(data, h), "ink", True, weak=True, brief="")))
    labels += [label for _, label in sorted(named, key=lambda each: each[0])[:NAMED]]
    joined = few and any(x is not None for x, _ in paths)
    drawn = [trace(_LINE, "of one device", *zip(*paths, strict=True))] if joined else []
    shown: set[str] = set()
    for (p, rank), rows in points.items():
        look = _sign(data, p, rank, many)._replace(listed=p not in shown)
        shown.add(p)
        bars = {} if many and rank == "more" else {"error_y": _whiskers(look, [row[1:4] for row in rows])}
        texts = [plain(f"{name_of(data, p)} {at_words(data, h)}") for *_, h in rows]
        across, up = [short(row[0]) for row in rows], [short(row[2]) for row in rows]
        drawn.append(trace(look, name_of(data, p), across, up, texts, **bars))
    if rings:
        ring = trace(
            _RINGS[many], "least on its device", *zip(*rings, strict=True), hoverinfo="skip", hovertemplate=None
        )
        drawn.append(ring)
    speeds = [row[0] for rows in points.values() for row in rows]
    spans = [v for rows in points.values() for row in rows for v in row[1:4]]
    rates = f"{unit}s per second"
    lane = _lane(data, absent)
    layout = Layout(
        log_axis(rates, speeds, 0.1), log_axis(f"J per {unit}", spans, 0.07), top=lane.top,
        legend=not few and len(shown) > 1,
    )  # fmt: skip
    what = f"Energy per {'generated token' if unit == 'token' else 'sequence'} against speed"
    words = f"J per {unit}, {data['scope_words'].get(at['scope'], at['scope'])}, {point_words(data, at)}; log scales."
    words += " Whiskers: all prices at their lows, or highs."
    words += " Ring: least on its device; hollow: undecided." if several(data) else ""
    figure = Drawing(
        layout, tuple(drawn), labels=tuple(labels), lines=lane.boxes, words=lane.words, brief=lane.brief,
        rem=24 + max(0, lane.top - 46) / 16,
    )  # fmt: skip
    heading = "Best precision on each device" if several(data) else "Energy on each device"
    return Shown((heading,), _best_table(data, at, devices), figure if points else None, what, words)


class _Lane(NamedTuple):
    """What cannot be drawn, above the axes: marks, words for a wide and a narrow chart, and their room.  [px]"""

    boxes: tuple[dict[str, Any], ...]
    words: tuple[dict[str, Any], ...]
    brief: tuple[dict[str, Any], ...]
    top: int


def _lane(data: Data, absent: Sequence[tuple[str, str, str]]) -> _Lane:
    """Hardware, precision and reason of what cannot be drawn, a line for each device, or one for many."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for h, p, why in absent:
        groups.setdefault((h, why.partition(":")[0]), []).append((p, why.partition(":")[2]))
    lines, brief = [], []
    for (h, why), pairs in groups.items():
        names, device = listed([name_of(data, p) for p, _ in pairs]), name_of(data, h)
        fits = why != "does not fit"
        fails = f"on the {device}: {why}" if fits else f"do{'es' * (len(pairs) == 1)} not fit the {device}"
        lines.append(f"{names} {fails}" + (f":{pairs[0][1]}" if len(pairs) == 1 and pairs[0][1] else ""))
        brief.append(f"{names}: not on {device}" if len(names) < 24 else f"{len(pairs)} not on {device}")
    if len(lines) > 3:
        count = Counter(p for _, p, _ in absent)
        lines = [f"does not fit, or has no price: {', '.join(f'{name_of(data, p)} on {n}' for p, n in count.items())}"]
        brief = [f"{len(absent)} do not fit, or have no price"]
    ups = [16 + 20 * (len(lines) - 1 - i) for i in range(len(lines))]
    boxes = tuple(
        {"type": "rect", "xref": "paper", "yref": "paper", "xsizemode": "pixel", "ysizemode": "pixel", "xanchor": 0,
         "yanchor": 1, "x0": 2, "x1": 12, "y0": up - 5, "y1": up + 5,
         "line": {"color": "var(--no)", "width": 1.4, "dash": "2.5px,2px"}}
        for up in ups
    )  # fmt: skip
    wide, narrow = (
        tuple({"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xshift": 18, "yshift": up, "xanchor": "left",
               "yanchor": "middle", "showarrow": False, "text": plain(text), "font": {"color": "var(--no)"}}
              for up, text in zip(ups, each, strict=True))
        for each in (lines, brief)
    )  # fmt: skip
    return _Lane(boxes, wide, narrow, 14 + 20 * len(lines) + 6 * bool(lines))


@chart(
    "Which precision needs the least energy?", "model", "scope", "batch", "context", answers=with_nodes, first=True
)  # fmt: skip
def _nodes(data: Data, at: Choice) -> Shown:
    """Energy by technology node and precision, which have no clock."""
    names: list[str] = []
    labels, spans, heads = [], [], []
    points: dict[tuple[str, str], list[tuple[float, float, float, float, str]]] = {}
    nodes = [h for h, facts in data["hardware"].items() if facts["capacity"] is None]
    cells = [cell_of(data, at, hardware=h, precision=p) for h in nodes for p in data["precisions"]]
    scopes = {scope for cell in cells for scope in cell.get("scopes", ())}
    at = at if at["scope"] in scopes else at | {"scope": data["node_scope"]}  # of a device alone
    for h in nodes:
        ranks = _ranks(data, at, h)
        heads.append(len(names))
        names.append(name_of(data, h))
        for p in data["precisions"]:
            if p not in ranks:
                continue
            rank, energy = ranks[p]
            low, value, high = energy
            points.setdefault((p, rank), []).append((low, value, high, len(names), h))
            text, colour = with_prefix(value, "J", 3), f"{data['looks'][p][0]}t"
            labels.append(Label(high, len(names), text, colour, rank == "least", "right", gap=8))
            spans += [low, value, high]
            names.append(name_of(data, p))
    drawn = []
    rings = [(rows[1], rows[3]) for (_, rank), each in points.items() if rank == "least" for rows in each]
    prefix, scale = prefix_of(max(spans, default=0.0))
    for (p, rank), rows in points.items():
        look = _sign(data, p, rank)._replace(listed=False)
        texts = [plain(f"{name_of(data, p)} {at_words(data, h)}") for *_, h in rows]
        bars = _whiskers(look, [tuple(e / scale for e in row[:3]) for row in rows])
        across, up = [short(row[1] / scale) for row in rows], [row[3] for row in rows]
        drawn.append(trace(look, name_of(data, p), across, up, texts, error_x=bars))
    if rings:
        ring = Look("scatter", None, "markers", size=19, sign="circle-open", listed=False)
        x, y = [x / scale for x, _ in rings], [y for _, y in rings]
        drawn.append(trace(ring, "least", x, y, hoverinfo="skip", hovertemplate=None))
    labels = [label._replace(x=label.x / scale) for label in labels]
    axis = log_axis(f"{prefix}J of the whole run", [v / scale for v in spans], 0.08)
    layout = Layout(axis, Axis("", names=tuple(names), heads=tuple(heads)), legend=False, right=72)
    held = data["scope_words"].get(at["scope"], at["scope"])
    words = f"{prefix}J of the run, {held}, {point_words(data, at)}; log scale."
    words += " Whiskers: all prices at their lows, or highs."
    words += " Ring: least at its node; hollow: undecided." if several(data) else ""
    figure = Drawing(layout, tuple(drawn), labels=tuple(labels), rem=4 + 1.45 * len(names), lines=groups(heads))
    heading = "Best precision at each node" if several(data) else "Energy at each node"
    best = _best_table(data, at, nodes)
    return Shown((heading,), best, figure if points else None, "Energy by node and precision", words)
