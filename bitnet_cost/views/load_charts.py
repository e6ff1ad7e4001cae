"""Charts of a served load over its rate: energy, time of a token, time to the first; and energy against time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.numerals import figures_of, with_prefix
from bitnet_cost.tables import Table, headed
from bitnet_cost.told import Array
from bitnet_cost.views.charts import Chart, apart
from bitnet_cost.views.figures import Drawing, Label, Layout, Look, family_looks, log_axis, trace
from bitnet_cost.views.page import one_chart
from bitnet_cost.views.verdict import hardware_name, listed, precision_name

RATES = 12  # rows of a table
DASHES = ("solid", "dash", "dot", "dashdot")  # of the hardware


class Line(NamedTuple):
    """One chart: what it asks and is called, the figure along the rate, its axis."""

    name: str
    question: str
    title: str
    of: Callable[[LoadResult], Array]
    unit: str
    scale: float


def _energy(r: LoadResult) -> Array:
    return np.array([]) if r.steady is None else r.steady.energy_j[1] / r.load.generate


def _token(r: LoadResult) -> Array:
    return np.array([]) if r.steady is None or not r.load.steps else r.steady.tpot_s


def _first(r: LoadResult) -> Array:
    return np.array([]) if r.steady is None else r.steady.ttft_s


LINES = (
    Line("energy", "What does a token cost at each rate?", "Energy per generated token", _energy, "J", 1.0),
    Line("latency", "How long does a token take at each rate?", "Mean time per token", _token, "ms", 1e3),
    Line("ttft", "How long until the first token?", "Mean time to the first token, waiting included", _first, "ms",
         1e3),
)  # fmt: skip


def load_charts(curves: Sequence[LoadResult], asked: float | None) -> tuple[Chart, ...]:
    """The charts of results over many rates; ``asked`` is the rate that was asked for."""
    served = [r for r in curves if r.steady is not None]
    if not served:
        return ()
    return (
        *(_chart(line, served, asked) for line in LINES if any(line.of(r).size for r in served)),
        *([_front(served)] if served[0].load.steps else []),
    )  # fmt: skip


def _looks(served: Sequence[LoadResult]) -> dict[int, tuple[Look, str]]:
    """How each result is drawn, and its name."""
    paint = family_looks({r.precision.name: r.precision for r in served}.values())
    names = list(dict.fromkeys(r.hardware.name for r in served))
    found = {}
    for number, r in enumerate(served):
        colour = paint[r.precision.name][0].removeprefix("var(--").removesuffix(")")
        where = f" on {hardware_name(r.hardware)}" if len(names) > 1 else ""
        dash = DASHES[names.index(r.hardware.name) % len(DASHES)]
        found[number] = Look("scatter", number, colour=colour, dash=dash), precision_name(r.precision.name) + where
    return found


def _chart(line: Line, served: Sequence[LoadResult], asked: float | None) -> Chart:
    """A figure along the rate, a line for each result that ends at its largest stable rate."""
    traces, labels, rows, ends, every = [], [], [], [], []
    looks = _looks(served)
    for number, r in enumerate(served):
        look, name = looks[number]
        rate, value = r.load.rates, line.of(r) * line.scale
        kept = np.isfinite(value) & (rate <= r.of_all(r.largest))
        x, y = rate[kept], value[kept]
        if not len(x):
            continue
        every += y.tolist()
        traces.append(trace(look, name, x.tolist(), y.tolist()))
        traces.append(trace(look._replace(mode="markers", listed=False, sign="x", size=8), name, [x[-1]], [y[-1]]))
        labels.append(Label(float(x[-1]), float(y[-1]), name, look.colour, True, "right", gap=8))
        ends.append((name, float(r.of_all(r.largest)[0]), float(y.min())))
        shown = np.unique(np.round(np.linspace(0, len(x) - 1, min(RATES, len(x)))).astype(int))
        rows += [(name, figures_of(float(x[i])), figures_of(float(y[i]))) for i in shown.tolist()]
    across = log_axis("requests a second", [float(v) for r in served for v in r.load.rates], 0.02)
    right = 24 + 7 * max((len(label.text) for label in labels), default=0)
    layout = Layout(across, log_axis(line.unit, every), legend=False, right=right)
    figure = Drawing(layout, tuple(traces), mark=asked, labels=tuple(apart(labels, every)))
    table = Table(line.title, headed("precision", "requests/s", line.unit), tuple(rows))
    note = "A cross is the largest stable rate: beyond it a queue grows without limit."
    note += "" if asked is None else " Dark line: the rate asked for."
    return one_chart(
        line.name, line.question, _finding(line, ends), table, figure, note, line.title, "Log scales; less is better."
    )


def _finding(line: Line, ends: Sequence[tuple[str, float, float]]) -> str:
    """The least of each result, and where it ends."""
    unit, scale = ("J", 1.0) if line.unit == "J" else ("s", 1e-3)
    least = min(ends, key=lambda end: end[2])
    most = max(ends, key=lambda end: end[1])
    text = f"{least[0]} gets down to {with_prefix(least[2] * scale, unit, 3)}"
    return f"{text}; {most[0]} serves the most, {figures_of(most[1])} requests a second"


def _front(served: Sequence[LoadResult]) -> Chart:
    """Energy of a token against its time along the rate: what none beats in both is drawn bold."""
    looks = _looks(served)
    points: list[tuple[float, float, int, float]] = []
    traces: list[Any] = []
    for number, r in enumerate(served):
        look, name = looks[number]
        x, y = _token(r) * 1e3, _energy(r)
        kept = np.isfinite(_first(r)) & (r.load.rates <= r.of_all(r.largest))
        traces.append(trace(look, name, x[kept].tolist(), y[kept].tolist()))
        points += list(zip(x[kept].tolist(), y[kept].tolist(), [number] * int(kept.sum()), r.load.rates[kept].tolist(),
                           strict=True))  # fmt: skip
    front: list[tuple[float, float, int, float]] = []
    for point in sorted(points):
        if not front or point[1] < front[-1][1]:
            front.append(point)
    names = list(dict.fromkeys(looks[number][1] for _, _, number, _ in front))
    for number in dict.fromkeys(number for _, _, number, _ in front):
        mine = [(x, y) for x, y, which, _ in front if which == number]
        look, name = looks[number]
        traces.append(trace(look._replace(mode="markers", listed=False, sign="circle", size=7), name,
                            *zip(*mine, strict=True)))  # fmt: skip
    layout = Layout(
        log_axis("ms a token", [p[0] for p in points]), log_axis("J a token", [p[1] for p in points]), legend=True
    )
    step = max(1, len(front) // RATES)
    rows = [(looks[n][1], figures_of(rate), figures_of(x), figures_of(y)) for x, y, n, rate in front[::step]]
    table = Table("The front", headed("precision", "requests/s", "ms", "J"), tuple(rows))
    return one_chart(
        "pareto", "What does speed cost?", f"On the front: {listed(names)}", table, Drawing(layout, tuple(traces)),
        "Each line runs from few requests to the largest stable rate; dots: no other is faster and takes less.",
        "Energy of a token against its time", "Log scales; less is better.",
    )  # fmt: skip
