"""Savings along an axis as a page: a chart and its table for each axis of whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bitnet_cost.ledger.result import Crossing
from bitnet_cost.numerals import brief
from bitnet_cost.tables import Report, Table
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
