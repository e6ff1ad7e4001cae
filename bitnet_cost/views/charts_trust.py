"""Charts of what an answer rests on: what binds it, its sensitivity, how right the model is; and a day of requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bitnet_cost.numerals import (
    change_range,
    change_words,
    fixed,
    significant,
    to_digits,
    whole_percent,
    with_commas,
)
from bitnet_cost.units import KWH, OPERATIONS_PER_MAC
from bitnet_cost.views.charts import (
    Choice,
    Data,
    Shown,
    apart,
    at_words,
    chart,
    linear,
    name_of,
    on_a_device,
    short,
    table_of,
    three,
    undecided,
)
from bitnet_cost.views.figures import Axis, Drawing, Label, Layout, Look, log_axis, plain, trace


@chart(
    "What binds each operator?", "model", "precision", "hardware", answers=on_a_device, scripted=True,
    note="Of the batch and context asked for. Bytes are what an operator needs at least once: what stays in a cache"
    " lifts it above the roof of the memory.",
)  # fmt: skip
def _roofline(data: Data, at: Choice) -> Shown:
    """Operators at the point asked for: operations per byte, rate reached, and what binds."""
    rows: list[tuple[str, ...]] = []
    waits: dict[str, float] = {}
    marks: dict[str, list[tuple[float, float, str]]] = {}
    place = data["index"].get((at["model"], at["hardware"], at["precision"]))
    for phase, op, seconds, bound, mac, moved in () if place is None else _timed(data["operations"](place)):
        waits[bound] = waits.get(bound, 0.0) + seconds
        if not mac:
            continue
        intensity, rate = OPERATIONS_PER_MAC * mac / moved, OPERATIONS_PER_MAC * mac / seconds
        rows.append(
            (
                phase, op, significant(intensity, 1.0, 4), significant(rate, 1e12, 4), significant(seconds, 1e-3, 4),
                bound or "-",
            )
        )  # fmt: skip
        mark = (to_digits(intensity, 4), to_digits(rate / 1e12, 4), plain(f"{op}: {bound}"))
        marks.setdefault(phase, []).append(mark)
    what = f"{name_of(data, at['precision'])} {at_words(data, at['hardware'])}"
    heading = f"No time can be computed for {what}"
    if waits:
        bound = max(waits, key=lambda n: waits[n])
        heading = f"{what} waits for {bound} in {whole_percent(waits[bound] / sum(waits.values()))} of its time"
    title = f"Operators of {at['model']} in {at['precision']} at {at['hardware']}"
    table = table_of(title, ["phase", "operator", "op/byte", "Top/s", "ms", "bound"], rows, (0, 1, 5))
    drawn, labels = _roofs(data["hardware"][at["hardware"]]) if marks else ([], [])
    for number, (phase, found) in enumerate(marks.items()):
        x, y, words = zip(*found, strict=True)
        drawn.append(trace(phase_look(number), phase, x, y, words))
    xs, ys = ([v for _, own in drawn for v in own[way]] for way in ("x", "y"))
    right = 16 + 7 * max((len(label.text) for label in labels), default=0)
    layout = Layout(log_axis("operations per byte moved", xs, 0.02), log_axis("Top/s", ys, 0.09), right=right)
    figure = Drawing(layout, tuple(drawn), labels=tuple(labels)) if drawn else None
    return Shown(
        (heading,),
        table,
        figure,
        "Rate of each operator against its operations per byte",
        "Log scales. Lines: what memory and peak rates allow.",
    )


ROOF = Look("scatter", None, listed=False, opacity=0.6)


def phase_look(number: int) -> Look:
    """The marks of a phase."""
    return Look("scatter", number, "markers", size=9, worded=True)


def _timed(found: Any) -> Iterator[tuple[str, str, float, str, float, float]]:
    """Rows of operators that take time: phase, name, seconds, bound, MACs, bytes."""
    for (phase, op, *_), mac, weights, activations, cache, seconds, bound in zip(
        found.rows, *(found.amounts[i] for i in (0, 4, 5, 6)), found.seconds or (), found.bound or (), strict=False
    ):
        if seconds:
            yield phase, op, seconds, bound, mac, weights + activations + cache


def _roofs(facts: dict[str, Any]) -> tuple[list[tuple[Look, dict[str, Any]]], list[Label]]:
    """A line for each rate of products, over the slope of the memory; formats of one rate share theirs."""
    forms: dict[float, list[str]] = {}
    slope = facts["bandwidth"]
    if not slope:
        return [], []
    for form, rate in facts["rates"].items():
        forms.setdefault(rate, []).append(form)
    end = to_digits(max(1e4, 10 * max(forms) / slope), 4)
    lines = [
        trace(ROOF, f"roof of {', '.join(forms[rate])}", [0.1, short(rate / slope), end],
              [short(v / 1e12) for v in (0.1 * slope, rate, rate)])
        for rate in sorted(forms, reverse=True)
    ]  # fmt: skip
    labels = [Label(end, rate / 1e12, ", ".join(names[:3]), "mu", side="right", gap=5) for rate, names in forms.items()]
    return lines, apart(labels, [0.1 * slope / 1e12, *(rate / 1e12 for rate in forms)])


_BASIS = {"measured": "\u25cf", "published": "\u25d0", "scaled": "\u25d0", "assumed": "\u25cb"}


@chart(
    "Which figure affects the answer most?", "model", "precision", "hardware",
    answers=lambda data: bool(data["levers"]),
    note="Each figure alone at its low and at its high, for both sides at once; batch, context and scope as asked for."
    " \u25cf measured, \u25d0 published or scaled, \u25cb assumed.",
)  # fmt: skip
def _tornado(data: Data, at: Choice) -> Shown:
    """The figures that move the ratio to the strongest rival most, each alone at its low and at its high."""
    name, where = name_of(data, at["precision"]), at_words(data, at["hardware"])
    found = data["swings"].get(data["index"].get((at["model"], at["hardware"], at["precision"])))
    if not found or not found["rows"]:
        heading = f"No figure moves {name} {where}: it has no energy there"
        if found is None and not data["all_ranges"]:
            heading = f"Sensitivity of many cells is that of 1-bit precisions: {name} {where} has none"
        return Shown((heading,), table_of("Sensitivity", ["figure"], ()), None)
    rival, ratio = found["rival"], found["ratio"]
    rows, names, labels, across, bases, texts, crossing = [], [], [], [], [], [], []
    for y, (lever, *ends) in enumerate(found["rows"]):
        what, span, basis, source = data["levers"][lever]
        least, most = sorted(ends)
        shown = change_range(least - 1, most - 1)
        rows.append((what, span, shown, basis, source))
        names.append(f"{_BASIS.get(basis.removeprefix('weak: '), '')}\u00a0{what}, {span}")
        crossing += [what] if undecided((rival, least, ratio, most)) else []
        across.append(short(most - least))
        bases.append(short(least))
        texts.append(plain(f"{what}: {shown}"))
        labels += [Label(least, y, f"{three(least)}x", "mu", side="left", brief="", gap=4),
                   Label(most, y, f"{three(most)}x", "mu", side="right", brief="", gap=4)]  # fmt: skip
    look = Look("bar", 0, colour="c3", worded=True, listed=False)
    drawn = trace(look, "range", across, list(range(len(rows))), base=bases, customdata=texts, width=0.62)
    title = f"{name}'s energy over {name_of(data, rival) if rival else 'its own'}{chr(39) + 's' if rival else ''}, each"
    title += " figure at its low and its high"
    axis = log_axis("energy over the rival's" if rival else "energy over the nominal one",
                    [v for _, *ends in found["rows"] for v in ends] + [1.0], 0.12, suffix="x")  # fmt: skip
    layout = Layout(axis, Axis("", names=tuple(names)), legend=False, right=40)
    whose = f"{at['precision']}{f' against {rival}' if rival else ''} at {at['hardware']}"
    heads = ["figure", "low to high", "difference", "basis", "source"]
    table = table_of(f"Sensitivity of {whose}", heads, rows, (0, 3, 4))
    dotted = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": ratio, "x1": ratio,
              "line": {"width": 1.2, "color": "var(--mu)", "dash": "dot"}}  # fmt: skip
    figure = Drawing(
        layout, (drawn,), mark=1.0, labels=tuple(labels), rem=4.5 + 2.1 * len(names), lines=(dotted,) if rival else ()
    )
    heading = f"{rows[0][0]} moves the energy of {name} {where} most: {rows[0][2]}"
    if rival:
        heading = _turning(data, at, found, crossing)
    return Shown((heading,), table, figure, title, f"Log scale. Dotted: as computed, {three(ratio)}x." if rival else "")


def _turning(data: Data, at: Choice, found: dict[str, Any], crossing: Sequence[str]) -> str:
    """Whether a figure alone turns the difference from the rival."""
    name, rival, where = name_of(data, at["precision"]), name_of(data, found["rival"]), at_words(data, at["hardware"])
    if found["undecided"]:
        by = f"{crossing[0]} alone turns it" if crossing else "no figure alone turns it, several together do"
        return f"Undecided between {name} and {rival} {where}: {by}"
    lead = change_words(found["ratio"] - 1)
    lead = f"{name} needs {lead} {'as' if 'as much' in lead else 'than'} {rival} {where}"
    return f"{crossing[0]} alone can turn it: {lead}" if crossing else f"No figure alone turns it: {lead}"


def median_error(pairs: Iterable[tuple[float, float]]) -> tuple[int, str]:
    """How many figures were measured, and within what half of them are met; of pairs (measured, modelled).

    The only median of all: of figures with four digits, as the committed ones of a page have them.

    >>> median_error([(1.0, 1.1), (2.0, 2.1), (4.0, 4.1)])
    (3, '5.0%')
    """
    errors = sorted(abs(to_digits(modelled, 4) / to_digits(measured, 4) - 1) for measured, modelled in pairs)
    return len(errors), f"{fixed(100 * errors[len(errors) // 2], 1)}%"


def error_figure(groups: dict[str, list[tuple[float, float, str]]]) -> Drawing:
    """Model over measurement by class, one dot a row: (measured, modelled, words); a bar at each median."""
    drawn, middles, spans = [], [], [0.5, 2.0]
    dot = Look("scatter", None, "markers", size=4, opacity=0.55, colour="mu", listed=False, worded=True)
    for y, points in enumerate(groups.values()):
        ratios = [to_digits(modelled / measured, 3) for measured, modelled, _ in points]
        # dots of one class side by side, in an order that repeats
        offsets = [round(0.6 * ((0.618034 * i) % 1) - 0.3, 2) for i in range(len(ratios))]
        drawn.append(trace(dot, "row", ratios, [y + o for o in offsets], [plain(words) for *_, words in points]))
        middles.append((sorted(ratios)[len(ratios) // 2], y))
        spans += ratios
    bar = Look("scatter", None, "markers", size=17, sign="line-ns-open", listed=False)
    over = "%{text}<br>median: %{x}x<extra></extra>"
    across, up = [x for x, _ in middles], [y for _, y in middles]
    drawn.append(trace(bar, "median", across, up, list(map(plain, groups)), hovertemplate=over))
    layout = Layout(
        log_axis("model over measurement", spans, 0.03, suffix="x"), Axis("", names=tuple(groups)), legend=False
    )
    line = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": 1, "x1": 1,
            "line": {"width": 1, "color": "var(--mu)"}}  # fmt: skip
    return Drawing(layout, tuple(drawn), lines=(line,), rem=5 + 1.75 * len(groups))


@chart(
    "How right is the model?", answers=lambda data: bool(data["parity"]["points"]),
    note="Rows that no constant was taken from. The finding is of all rows; the classes have their own.",
)  # fmt: skip
def _parity(data: Data, at: Choice) -> Shown:
    """Model over measurement, and the errors by class."""
    classes, points = data["parity"]["classes"], data["parity"]["points"]
    count, middle = median_error((measured, modelled) for _, measured, modelled in points)
    rows = [
        (c["title"], with_commas(c["n"]), *(fixed(c[n], 1, sign=n == "bias") for n in ("median", "p90", "bias")))
        for c in classes
    ]
    heads = ["measured", "rows", "median error %", "nine in ten %", "bias %"]
    table = table_of("Modelled against measured, rows not used for calibration", heads, rows)
    groups: dict[str, list[tuple[float, float, str]]] = {}
    for number, measured, modelled in points:
        groups.setdefault(classes[number]["title"], []).append((measured, modelled, ""))
    heading = f"Within {middle} of the measurement for half of {with_commas(count)} figures"
    words = "1x: model and measurement agree. Log scale; bar: median of the class."
    return Shown((heading,), table, error_figure(groups), "Model over measurement, one dot a row", words)


@chart("What does a day of requests cost?", answers=lambda data: bool(data["days"]))
def _day(data: Data, at: Choice) -> Shown:
    """Energy of a day by hardware and precision."""
    days, requests = data["days"], with_commas(data["requests_per_day"])
    several_batches = len({d["batch"] for d in days}) > 1
    names, labels, drawn, rows = [], [], [], []
    values = [d["energy_j"] / KWH for d in days]
    for y, (d, kwh) in enumerate(zip(days, values, strict=True)):
        batch = f", batch {d['batch']}" if several_batches else ""
        names.append(f"{name_of(data, d['precision'])} {at_words(data, d['hardware'])}{batch}")
        look = Look("bar", 0, colour=data["looks"][d["precision"]][0], worded=True, listed=False)
        text = plain(f"{names[-1]}: {three(kwh)} kWh a day")
        drawn.append(trace(look, names[-1], [short(kwh)], [y], width=0.66, customdata=[text]))
        labels.append(Label(kwh, y, three(kwh), side="right", gap=6))
        rows.append((d["hardware"], d["precision"], d["batch"], significant(kwh, 1.0, 4)))
    layout = Layout(linear("kWh a day", 1.15 * max(values)), Axis("", names=tuple(names)), legend=False, right=40)
    least, most = (values.index(pick(values)) for pick in (min, max))
    heading = f"A day takes {three(values[least])} kWh, {names[least]}"
    if len(days) > 1:
        heading = (
            f"A day takes from {three(values[least])} kWh, {names[least]}, to {three(values[most])}, {names[most]}"
        )
    table = table_of(
        f"Energy of {requests} requests a day", ["hardware", "precision", "batch", "kWh a day"], rows, (0, 1)
    )
    figure = Drawing(layout, tuple(drawn), labels=tuple(labels), rem=5 + 1.6 * len(names))
    words = f"kWh, {requests} requests; as they were asked, and in batches where that was one by one."
    return Shown(
        (heading,),
        table,
        figure,
        "Energy of a day's requests",
        words if several_batches else f"kWh, {requests} requests.",
    )
