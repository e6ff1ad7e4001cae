"""Break-evens as a page: savings along each axis of whole numbers; energy over the tokens that use generates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.ledger.answers import Crossing
from bitnet_cost.numerals import brief, short_count
from bitnet_cost.tables import Report, Table
from bitnet_cost.units import KWH
from bitnet_cost.views.charts import Chart, apart
from bitnet_cost.views.figures import Drawing, Label, Layout, Look, log_axis, trace
from bitnet_cost.views.page import Page, how_to_reproduce, one_chart

DRAWN = 8  # lines that a legend tells apart
_AXES = {"batch": "batch", "context": "prompt"}  # as the table has them
_ACROSS = {"batch": "batch (sequences)", "context": "context (prompt tokens)"}


def curve_page(
    report: Report, found: Sequence[Crossing], document: dict[str, Any], own: str | None, command: str
) -> Page:
    """One chart for each axis, a line for each runtime; ``own`` is the runtime that the headings speak of."""
    report = report.whole
    drawn = {axis: [c for c in found if c.axis == axis and len(c.axis_values) > 2] for axis in _ACROSS}
    charts = tuple(_chart(axis, mine, report.tables[0], own) for axis, mine in drawn.items() if mine)
    rest = replace(report, tables=report.tables[1:] if charts else report.tables, notes=report.notes[:-1])
    listed = [c.items() for c in document["crossings"]]
    rows = [{k: " ".join(map(str, v)) if isinstance(v, list) else v for k, v in items} for items in listed]
    return Page(
        rest, charts, document, rows, how_to_reproduce(command),
        not_counted=(report.notes[-1].text.removeprefix("Not counted: "),),
        tables_heading="Shares of the energy, and how far each answer moves",
    )  # fmt: skip


class Spending(NamedTuple):
    """Energy of one model after some generated tokens: what training took, and what each of them adds.  [J]"""

    name: str
    trained: float
    each: float


def payback_page(
    report: Report, both: tuple[Spending, Spending], paid: float, document: dict[str, Any], command: str
) -> Page:
    """Energy of a model that was trained for its use, and of one that was at hand; ``paid`` is where they meet."""
    report = report.whole
    charts: tuple[Chart, ...] = ()
    if report.tables:
        meets = math.isfinite(paid)
        finding = f"Paid after {short_count(paid)} generated tokens" if meets else "Use never pays for the training"
        note = "Training is paid where the lines meet." if meets else "The lines do not meet."
        question, title = "When has use paid for the training?", "Energy spent, training and use together"
        figure, words = _spending(both, paid), "Log scales; less is better."
        charts = (one_chart("payback", question, finding, report.tables[0], figure, note, title, words),)
    rest = replace(report, tables=report.tables[1:], notes=report.notes[:-1])
    left_out = (report.notes[-1].text.removeprefix("Not counted: "),)
    return Page(
        rest, charts, document, document["records"], how_to_reproduce(command), not_counted=left_out,
        tables_heading="What training and use are",
    )  # fmt: skip


def _spending(both: tuple[Spending, Spending], paid: float) -> Drawing:
    """A line for each model over a range of tokens around where training weighs as much as use."""
    middle = paid if 0 < paid < math.inf else max(s.trained for s in both) / max(s.each for s in both)
    tokens = np.geomspace(max(middle, 1.0) / 300, max(middle, 1.0) * 300, 61)
    traces = [
        trace(Look("scatter", number), s.name, tokens.tolist(), ((s.trained + s.each * tokens) / KWH).tolist())
        for number, s in enumerate(both)
    ]
    y = [e for _, series in traces for e in series["y"]]
    layout = Layout(log_axis("generated tokens", tokens.tolist(), 0.02), log_axis("kWh", y), legend=True)
    return Drawing(layout, tuple(traces), mark=paid if 0 < paid < math.inf else None)


def _name(c: Crossing) -> str:
    return c.runtime or c.hardware


def _chart(axis: str, mine: Sequence[Crossing], table: Table, own: str | None) -> Chart:
    """The finding for one runtime, and the rows of all of them."""
    told = next((c for c in mine if c.runtime == own), mine[0])
    finding = f"{told.verdict}{f', with {told.runtime}' if told.runtime else ''}"
    column = [c.heading for c in table.columns].index("axis")
    rows = tuple(row for row in table.rows if row[column] == _AXES[axis])
    note = f"Dark line: the {brief(100 * told.wanted)}% wanted. A mark on a line: where it crosses that."
    question = f"Along the {_AXES[axis]}, where does the saving end?"
    drawn = sorted(mine, key=lambda c: c is not told)[:DRAWN]
    note += f" Drawn: {len(drawn)} of {len(mine)} runtimes." if len(drawn) < len(mine) else ""
    title, words = f"Energy over the baseline's, along the {_AXES[axis]}", "Log scales; less is better."
    return one_chart(axis, question, finding, replace(table, rows=rows), _figure(drawn), note, title, words)


def _figure(mine: Sequence[Crossing]) -> Drawing:
    """What is left of the baseline's energy, a line with its name for each runtime."""
    traces, labels, left = [], [], [1 - mine[0].wanted, 1.0]
    for number, c in enumerate(mine):
        points = [(x, None if math.isnan(s) else 1 - s) for x, s in zip(c.axis_values, c.saving, strict=True)]
        left += [y for _, y in points if y is not None]
        traces.append(trace(Look("scatter", number), _name(c), *zip(*points, strict=True)))
        marked = [(x, y) for x, y in points if x in c.at]
        if marked:
            look = Look("scatter", number, "markers", listed=False)
            traces.append(trace(look, _name(c), *zip(*marked, strict=True)))
        ends = [(x, y) for x, y in points if y is not None]
        labels += [Label(*ends[-1], _name(c), "ink", True, "right", gap=8)] if ends and len(mine) > 1 else []
    across = log_axis(_ACROSS[mine[0].axis], [x for c in mine for x in c.axis_values], 0.02)
    right = 24 + 7 * max((len(label.text) for label in labels), default=0)
    layout = Layout(across, log_axis("energy over the baseline's", left, suffix="x"), legend=False, right=right)
    return Drawing(layout, tuple(traces), level=1 - mine[0].wanted, labels=tuple(apart(labels, left)))
