"""The chart of energy against published quality, of one table of figures, with what no other beats in both."""

from __future__ import annotations

import numpy as np

from bitnet_cost.front import efficient
from bitnet_cost.inputs.quality import Published
from bitnet_cost.numerals import fixed, significant
from bitnet_cost.views import quality
from bitnet_cost.views.by_quality import EFFICIENT, worse
from bitnet_cost.views.charts import (
    Choice,
    Data,
    Shown,
    at_words,
    cell_of,
    chart,
    energy_at,
    name_of,
    point_index,
    point_words,
    short,
    table_of,
    unit_at,
)
from bitnet_cost.views.figures import Drawing, Label, Layout, Look, log_axis, plain, trace

FRONT = Look("scatter", None, listed=False, opacity=0.45, dash="dot")


def quality_look(data: Data, precision: str, weak: bool) -> Look:
    """The mark of a precision, hollow where its figure or its energy is weak."""
    colour, shape = data["looks"][precision]
    sign = shape.removesuffix("-open") + "-open" * weak
    return Look("scatter", 0, "markers", size=11, sign=sign, colour=colour, worded=True, listed=False)


def better(figure: Published) -> str:
    """Where the better figures are."""
    return "lower" if figure.metric == "perplexity" else "higher"


@chart(
    "What quality is left at which energy?", "hardware", "scope", "batch", "context",
    answers=lambda data: bool(data["evaluations"]), scripted=True,
    note="Figures of one published table, best method of each precision; nothing is interpolated, and other tables are"
    " other tests. Hollow: recalled, or an energy of which 1% or more rests on assumed or scaled prices.",
)  # fmt: skip
def _quality(data: Data, at: Choice) -> Shown:
    """Energy against perplexity or accuracy on one device."""
    k, cells = point_index(data, at), next(iter(data["evaluations"].values()))
    several = len({model for model, _ in cells}) > 1
    first = next(iter(cells.values()))[0]
    found = []
    for (model, precision), (figure, _) in cells.items():
        energy = energy_at(cell_of(data, at, model=model, precision=precision), at["scope"], k)
        if energy is not None:
            unit, tokens = unit_at(data, at | {"model": model}, at["hardware"])
            found.append((energy[1] / tokens, figure, model, precision))
    unit = unit if found else "token"
    found.sort(key=lambda each: each[0])
    front = efficient(np.array([[joules, worse(f)] for joules, f, *_ in found]).reshape(-1, 2))
    drawn, labels, rows = [], [], []
    for (joules, f, model, precision), on in zip(found, front, strict=True):
        weak = bool(data["marks"][data["index"][model, at["hardware"], precision]]) or f.weak
        name = (f"{model} " if several else "") + name_of(data, precision)
        look = quality_look(data, precision, weak)
        words = plain(f"{name}: {fixed(f.value, quality.places(f))}, {f.method}")
        drawn.append(trace(look, name, [short(joules)], [f.value], [words]))
        labels.append(Label(short(joules) or 0.0, f.value, name, f"{look.colour}t", bool(on), weak=not on))
        text = fixed(f.value, quality.places(f)) + "*" * f.weak
        rows.append((EFFICIENT if on else "", name, significant(joules, 1.0, 3), text, quality.loss(f)))
    on = [(short(j), f.value) for (j, f, *_), kept in zip(found, front, strict=True) if kept]
    if len(on) > 1:
        drawn.insert(0, trace(FRONT, "efficient", *zip(*on, strict=True), hoverinfo="skip", hovertemplate=None))
    values = [f.value for _, f, *_ in found]
    up = quality.evaluated(first)
    layout = Layout(log_axis(f"J per {unit}", [j for j, *_ in found], 0.12), log_axis(up, values, 0.12), legend=False)
    title = f"{up[0].upper()}{up[1:]} against energy {at_words(data, at['hardware'])}"
    point = point_words(data | {"choices": {"model": ()}}, at)
    words = f"{quality.located(first)}; left and {better(first)} is better; {point}; log scales."
    heads = [EFFICIENT, "precision", f"J/{unit}", quality.SHORT[first.metric], "loss"]
    beaten = sum(not row[0] for row in rows)
    heading = f"{len(rows) - beaten} of {len(rows)} are efficient: nothing needs less energy and keeps more quality"
    drawing = Drawing(layout, tuple(drawn), labels=tuple(labels)) if found else None
    return Shown((heading,), table_of(title, heads, rows, (0, 1)), drawing, title, words)
