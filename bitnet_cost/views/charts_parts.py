"""Charts of what is needed: memory against capacity, components of the energy, the batch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial

from bitnet_cost.numerals import (
    prefix_of,
    significant,
    used,
    whole_percent,
    with_commas,
    with_prefix,
)
from bitnet_cost.views.charts import (
    FEW,
    Choice,
    Data,
    Shown,
    against_at,
    apart,
    at_words,
    cell_of,
    chart,
    groups,
    hardware_at,
    linear,
    missing,
    name_of,
    on_a_device,
    on_a_node,
    parts_at,
    point_index,
    point_words,
    several,
    short,
    table_of,
    three,
    undecided,
    unit_at,
)
from bitnet_cost.views.figures import Axis, Drawing, Label, Layout, Look, log_axis, plain, trace
from bitnet_cost.views.verdict import listed

KINDS = {"mac": "arithmetic", "mul": "arithmetic", "add": "arithmetic", "special": "arithmetic",
          "static": "static and waiting", "facility": "the facility"}  # fmt: skip
LINES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")  # one for each piece of hardware
_AT_NODES = {"mul": "multiplying", "add": "adding", "special": "special functions"}
RAMP = {"memory": "c3", "static and waiting": "c4", "arithmetic": "c1", "the facility": "c2",
         "multiplying": "c1", "adding": "c3", "special functions": "c2"}  # fmt: skip

ALIKE = 0.05  # sizes that differ by as much or less are told by one


@chart(
    "Does it fit?", "model", "batch", "context", answers=on_a_device, row_of="hardware",
    note="Memory: weights as stored with scales and packing, KV cache, widest activations. The command fit searches"
    " for the largest batch and the longest prompt.",
)  # fmt: skip
def _fit(data: Data, at: Choice) -> Shown:
    """What every precision needs, and what the devices hold."""
    k = point_index(data, at)
    devices = {h: facts["capacity"] for h, facts in data["hardware"].items() if facts["capacity"] is not None}
    needs = {
        (h, p): cell["needs"][k]
        for h in devices for p in data["precisions"] if (cell := cell_of(data, at, hardware=h, precision=p))
    }  # fmt: skip
    sizes_of: dict[str, list[float]] = {}
    for (_, p), size in needs.items():
        sizes_of.setdefault(p, []).append(size)
    own = {p: _most_common(sizes) for p, sizes in sizes_of.items()}  # software without a kernel stores wider formats
    held = {p: sum(n <= devices[h] for (h, q), n in needs.items() if q == p) for p in own}
    rows = [
        (h, with_prefix(has, "B"), *("-" if (h, p) not in needs else used(needs[h, p] / has) for p in own))
        for h, has in sorted(devices.items(), key=lambda item: -item[1])
    ]  # fmt: skip
    title = f"Share of the memory that {at['model']} needs, {point_words(data, at)}; above 100 % it does not fit"
    table = table_of(title, ["hardware", "capacity", *(f"{p} %" for p in own)], rows)
    few, unit = len(devices) <= FEW, ("GB", 1e9) if max(own.values()) > 2e8 else ("MB", 1e6)
    sizes = {p: size / unit[1] for p, size in own.items()}
    end = 1.3 * max(sizes.values())
    drawn, labels = [], []
    for i, (p, size) in enumerate(sizes.items()):
        text = f"{name_of(data, p)}: {with_prefix(own[p], 'B')}, fits {held[p]} of {len(devices)}"
        look = Look("bar", 0, colour=data["looks"][p][0], worded=True, listed=False, opacity=1.0 if held[p] else 0.45)
        drawn.append(trace(look, name_of(data, p), [short(size)], [i], width=0.62, customdata=[plain(text)]))
        note = f", fits {held[p]} of {len(devices)}" if not few else "" if held[p] else ", does not fit"
        labels.append(Label(size, i, three(size) + note, "ink", True, "right", gap=6, brief=three(size)))
    inside = sorted((has / unit[1], h) for h, has in devices.items() if few and has / unit[1] <= end)
    lines, words = [], []
    for level, (x, h) in enumerate(inside):
        lines.append({"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1,
                      "line": {"width": 1.5, "color": "var(--ink)"}})  # fmt: skip
        words.append({"x": x, "yref": "paper", "y": 1, "yshift": 4 + 15 * (level % 3), "yanchor": "bottom",
                      "text": f"<b>{plain(name_of(data, h))} {three(x)}</b>", "showarrow": False})  # fmt: skip
    top = 12 + 16 * min(3, len(inside))
    up = Axis("", names=tuple(map(partial(name_of, data), own)))
    layout = Layout(linear(unit[0], end), up, legend=False, top=top)
    figure = Drawing(
        layout, tuple(drawn), rem=4.4 + top / 16 + 2.2 * len(own), labels=tuple(labels), lines=tuple(lines),
        words=tuple(words),
    )  # fmt: skip
    beyond = [f"{name_of(data, h)} {three(has / unit[1])}" for h, has in devices.items() if has / unit[1] > end]
    what = f"{unit[0]}, {point_words(data, at)}."
    differ = any(abs(size / own[p] - 1) > ALIKE for p, sizes_at in sizes_of.items() for size in sizes_at)
    what += " As most devices store it." if differ else ""
    what += " Lines: what a device holds." if inside else ""
    what += f" Beyond the axis: {listed(beyond)}." if beyond and few else ""
    whose = f" of {name_of(data, at['model'])}" if len(data["choices"]["model"]) > 1 else ""
    heading = _fit_heading(data, devices, needs, held, whose)
    return Shown((heading,), table, figure, "Memory against capacity" if few else "Memory by precision", what)


def _most_common(sizes: Sequence[float]) -> float:
    """The size that is most often met, of those the first; sizes of about the same count as one.

    >>> _most_common([7.4, 2.52, 2.53, 2.52])
    2.52
    """
    count = Counter(sizes)
    return max(count, key=lambda size: sum(n for other, n in count.items() if abs(other / size - 1) <= ALIKE))


def _fit_heading(
    data: Data, devices: dict[str, float], needs: dict[tuple[str, str], float], held: dict[str, int], whose: str
) -> str:
    """What fits where; of whom, where a page has several models."""
    failing = [(h, p) for (h, p), size in needs.items() if size > devices[h]]
    where = f" {at_words(data, next(iter(devices)))}" if len(devices) == 1 else " every device"
    if not failing:
        return f"{'Everything' if len(held) > 1 else name_of(data, next(iter(held)))}{whose} fits{where}"
    if len(failing) == len(needs):
        one = name_of(data, failing[0][1])
        return f"Nothing{whose} fits" if len(needs) > 1 else f"{one}{whose} does not fit{where}"
    if len(devices) <= FEW and len(failing) <= 4:
        lost = {h: listed([name_of(data, p) for other, p in failing if other == h]) for h, _ in failing}
        return f"Everything{whose} fits except {listed([f'{names} {at_words(data, h)}' for h, names in lost.items()])}"
    most, least = max(held, key=held.__getitem__), min(held, key=held.__getitem__)
    fits = f"{name_of(data, most)}{whose} fits {held[most]} of {len(devices)} devices"
    return f"{fits}, {name_of(data, least)} {held[least]}"


@chart(
    "Where does the energy go?", "model", "hardware", "scope", "batch", "context", headed_by=("precision",),
    at_once=True, scripted=True,
)  # fmt: skip
def _energy(data: Data, at: Choice) -> Shown:
    """Components of the energy, by hardware and precision."""
    k, scope, hardware = point_index(data, at), at["scope"], hardware_at(data, at)
    joined, node = len(hardware) > 1, on_a_node(data)
    found: dict[tuple[str, str], dict[str, float]] = {}
    for h in hardware:
        unit, per = ("run", 1) if node else unit_at(data, at, h)
        for p in data["precisions"]:
            cell = cell_of(data, at, hardware=h, precision=p)
            if cell:
                found[h, p] = {n: e / per for n, e in parts_at(cell, scope, k).items()}
    totals = {key: sum(parts.values()) for key, parts in found.items()}
    prefix, scale = prefix_of(max(totals.values(), default=0.0))
    components = list(dict.fromkeys(n for parts in found.values() for n in parts))
    names: list[str] = []
    heads: list[int] = []
    rows: list[tuple[str, ...]] = []
    labels = []
    bars: dict[str, list[tuple[float, int, str]]] = {}
    for (h, p), parts in found.items():
        if joined and (not rows or rows[-1][0] != h):
            heads.append(len(names))
            names.append(name_of(data, h))
        y, why = len(names), missing(data, cell_of(data, at, hardware=h, precision=p), at, h)
        names.append(name_of(data, p))
        cells = [significant(parts.get(n), scale, 4) for n in components]
        total = significant(totals[h, p], scale, 4) if parts else why.partition(":")[0]
        rows.append((*([h] * joined), p, *cells, total))
        text = three(totals[h, p] / scale) if parts else why
        labels.append(Label(totals[h, p] / scale, y, text, "ink" if parts else "no", side="right", gap=6,
                            brief=text.partition(":")[0]))  # fmt: skip
        for kind, e in _by_kind(parts, node).items():
            bars.setdefault(kind, []).append((e, y, f"{name_of(data, p)} {at_words(data, h)}"))
    drawn = []
    for kind in (n for n in RAMP if n in bars):
        words = [plain(f"{where}: {kind} {with_prefix(e, 'J', 3)}") for e, _, where in bars[kind]]
        look = kind_look(kind)
        across, up = [short(e / scale) for e, *_ in bars[kind]], [y for _, y, _ in bars[kind]]
        drawn.append(trace(look, kind, across, up, customdata=words, width=0.72))
    end = 1.16 * max(totals.values(), default=1.0) / scale
    axis = Axis("", names=tuple(names), heads=tuple(heads))
    layout = Layout(linear(f"{prefix}J per {unit}", end or 1.0), axis, legend=len(drawn) > 1, right=24)
    figure = Drawing(layout, tuple(drawn), labels=tuple(labels), rem=5 + 1.4 * len(names), lines=groups(heads))
    title = f"Energy per {unit} by component"
    heads_of = [*["hardware"] * joined, "precision", *(f"{n} {prefix}J" for n in components), f"total {prefix}J"]
    caption = f"{title}, {at['model']}, batch {at['batch']}, {at['context']} tokens in, scope {scope}"
    table = table_of(caption, heads_of, rows, range(1 + joined))
    headings = tuple(_energy_heading(data, found, p, hardware) for p in data["precisions"])
    what = f"{prefix}J, {point_words(data, at)}, {data['scope_words'].get(scope, scope)}."
    return Shown(headings, table, figure if drawn else None, title, what)


def kind_look(kind: str) -> Look:
    """The bars of a kind of energy."""
    return Look("bar", 0, colour=RAMP[kind], worded=True)


def _by_kind(parts: dict[str, float], node: bool) -> dict[str, float]:
    """Components as a reader tells them apart: arithmetic, memory, static; at a node what the arithmetic does."""
    found: dict[str, float] = {}
    for n, e in parts.items():
        kind = _AT_NODES.get(n) if node else None
        kind = kind or KINDS.get(n, "memory")
        found[kind] = found.get(kind, 0.0) + e
    return found


def _energy_heading(
    data: Data, found: dict[tuple[str, str], dict[str, float]], precision: str, hardware: Sequence[str]
) -> str:
    """What takes most of the energy in a precision, on each piece of hardware."""
    most: dict[str, list[tuple[str, float]]] = {}
    for h in hardware:
        parts = _by_kind(found.get((h, precision), {}), on_a_node(data))
        if sum(parts.values()):
            top = max(parts, key=parts.__getitem__)
            most.setdefault(top, []).append((h, parts[top] / sum(parts.values())))
    clauses = []
    for kind, places in sorted(most.items(), key=lambda item: -len(item[1])):
        low, high = (whole_percent(pick(share for _, share in places)) for pick in (min, max))
        where = listed([at_words(data, h) for h, _ in places])
        if len(places) > 2:
            where = f"at {len(places)} nodes" if on_a_node(data) else f"on {len(places)} of {len(hardware)} devices"
        clauses.append(f"{kind} takes {low if low == high else f'{low} to {high}'} of the energy {where}")
    if not clauses:
        return f"{name_of(data, precision)} has no energy here"
    return f"In {name_of(data, precision)}, {listed(clauses)}"


@chart(
    "How does the batch change the answer?", "model", "precision", "hardware", "scope", "context", at_once=True,
    answers=several, scripted=True,
    note="Below 1x it needs less than the strongest of the others at that batch. Bands: every price moves for both"
    " sides at once, and so does what is assumed about time.",
)  # fmt: skip
def _batch(data: Data, at: Choice) -> Shown:
    """A precision's energy over that of its strongest rival, by batch."""
    grid, p, scope, name = data["grid"], at["precision"], at["scope"], name_of(data, at["precision"])
    step, offset = len(grid["contexts"]), grid["contexts"].index(at["context"])
    drawn, labels, rows, values = [], [], [], [1.0]
    leads: dict[str, list[int]] = {}
    known: dict[str, list[int]] = {}
    for number, h in enumerate(hardware_at(data, at)):
        cell = cell_of(data, at, hardware=h)
        found = [(b, against_at(cell, scope, i * step + offset)) for i, b in enumerate(grid["curve"])]
        found = [(b, each) for b, each in found if each is not None]
        if not found:
            continue
        known[h], leads[h] = [b for b, _ in found], [b for b, each in found if each[2] < 1 and not undecided(each)]
        x = [b for b, _ in found]
        low, ratio, high = ([each[i] for _, each in found] for i in (1, 2, 3))
        values += [*low, *high]
        band, line, signs = batch_looks(data["looks"][p][0], LINES[number % len(LINES)])
        drawn.append(trace(band, name_of(data, h), [*x, *reversed(x)], [*map(short, low), *map(short, reversed(high))]))
        drawn.append(trace(line, name_of(data, h), x, list(map(short, ratio)), hoverinfo="skip", hovertemplate=None))
        for hollow, look in enumerate(signs):
            marks = [(b, *each) for b, each in found if undecided(each) is bool(hollow)]
            words = [plain(f"{name} {at_words(data, h)}, against {name_of(data, each[1])}") for each in marks]
            across, up = [each[0] for each in marks], [short(each[3]) for each in marks]
            drawn += [trace(look, name_of(data, h), across, up, words)] if marks else []
        labels.append(Label(x[-1], ratio[-1], name_of(data, h), "ink", True, "right", gap=10))
        for b, (rival, least, middle, most) in found:
            shown = f"{three(middle)}x", f"{three(least)} to {three(most)}x"
            rows.append((name_of(data, h), with_commas(b), name_of(data, rival), *shown))
    title = f"{name} against its strongest rival by batch, {at['context']} tokens in, scope {scope}"
    table = table_of(title, ["hardware", "batch", "rival", "energy over the rival's", "range"], rows, (0, 2))
    batches = grid["curve"]
    ends = math.log10(batches[0]) - 0.05, math.log10(batches[-1]) + 0.05
    axis = Axis("batch (sequences that run together)", True, tuple(batches), tuple(map(with_commas, batches)), (), ends)
    right = min(150, 26 + 7 * max((len(label.text) for label in labels), default=0))
    layout = Layout(axis, log_axis("energy over the rival's", values, suffix="x"), legend=False, right=right)
    figure = Drawing(layout, tuple(drawn), level=1.0, labels=tuple(apart(labels, values)), rem=23)
    text = "Log scales. Hollow: undecided, the range holds 1x."
    text += "" if data["all_ranges"] else " What is assumed about time moves at the batch and context asked for alone."
    title = f"{name}'s energy over that of its strongest rival at that batch"
    return Shown((_batch_heading(data, p, known, leads),), table, figure if drawn else None, title, text)


def batch_looks(colour: str, dash: str) -> tuple[Look, Look, tuple[Look, Look]]:
    """The band of a ratio along the batch, its line, its marks where it is decided, and where it is not."""
    band = Look("scatter", None, filled=True, listed=False, colour=colour)
    full = Look("scatter", 0, "markers", 8, listed=False, sign="circle", worded=True, colour=colour)
    return band, Look("scatter", 0, listed=False, colour=colour, dash=dash), (full, full._replace(sign="circle-open"))


def _batch_heading(data: Data, precision: str, known: dict[str, list[int]], leads: dict[str, list[int]]) -> str:
    """Up to which of the batches a precision's lead is sure, on each piece of hardware."""
    name = name_of(data, precision)
    if not known:
        return f"{name} has no rival with an energy here"
    groups: dict[str, list[str]] = {}
    for h, batches in known.items():
        sure = leads[h]
        if len(sure) == len(batches):
            words = "leads at every batch"
        elif not sure:
            words = "leads at none of these batches"
        elif sure == batches[: len(sure)]:
            words = f"leads up to batch {with_commas(sure[-1])}"
        elif sure == batches[-len(sure) :]:
            words = f"leads from batch {with_commas(sure[0])}"
        else:
            words = "leads at some batches"
        groups.setdefault(words, []).append(h)
    clauses = []
    for words, mine in groups.items():
        places = listed([at_words(data, h) for h in mine]) if len(mine) <= 3 else f"on {len(mine)} of {len(known)}"
        clauses.append(f"{words} {places}")
    return f"{name} {'; it '.join(clauses)}"
