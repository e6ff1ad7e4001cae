"""Savings along an axis as a page: a chart and its table for each axis of whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bitnet_cost import __version__
from bitnet_cost.numerals import percent
from bitnet_cost.result import Crossing
from bitnet_cost.tables import Report, Table
from bitnet_cost.views.drawing import drawing, trace
from bitnet_cost.views.page import Chart, Page

_ACROSS = {"batch": "batch (sequences)", "context": "context (prompt tokens)"}


def page(report: Report, found: Sequence[Crossing], document: dict[str, Any], own: str | None, command: str) -> Page:
    """One chart for each axis, a line for each runtime; ``own`` is the runtime that the headings speak of."""
    names = list(dict.fromkeys(_name(c) for c in found))
    drawn = {axis: [c for c in found if c.axis == axis and len(c.axis_values) > 2] for axis in _ACROSS}
    drawn = {axis: mine for axis, mine in drawn.items() if mine}
    charts = tuple(_chart(axis, mine, report.tables[0], own) for axis, mine in drawn.items())
    figures = {axis: _drawing(axis, mine, names) for axis, mine in drawn.items()}
    rest = replace(report, tables=report.tables[1:] if charts else report.tables, notes=report.notes[:-1])
    return Page(
        rest, (), charts, (), (), (report.notes[-1].text.removeprefix("Not counted: "),),
        (("Command", command), ("Version", f"bitnet-cost {__version__}")),
        {"document": document, "figures": figures},
        tables_heading="Shares of the energy, and how far each answer moves",
    )  # fmt: skip


def _name(c: Crossing) -> str:
    return c.runtime or c.hardware


def _chart(axis: str, mine: Sequence[Crossing], table: Table, own: str | None) -> Chart:
    """The finding for one runtime, and the rows of all of them."""
    told = next((c for c in mine if c.runtime == own), mine[0])
    finding = f"Along {axis}{f', with {told.runtime}' if told.runtime else ''}: {told.verdict}"
    rows = tuple(row for row in table.rows if row[1] == axis)
    note = f"Dotted: the {percent(told.wanted, 1)} % wanted. A sign on a line: where it crosses that."
    return Chart(axis, f"Along {axis}, where does the saving end?", finding, replace(table, rows=rows), note)


def _drawing(axis: str, mine: Sequence[Crossing], names: Sequence[str]) -> dict[str, Any]:
    traces = []
    for c in mine:
        look, name = names.index(_name(c)), _name(c)
        points = [(x, 100 * s) for x, s in zip(c.axis_values, c.saving, strict=True)]
        traces.append(trace(name, c.axis_values, [None if math.isnan(s) else s for _, s in points], look))
        marked = [(x, s) for x, s in points if x in c.at]
        if marked:
            across, up = zip(*marked, strict=True)
            traces.append(trace(name, across, up, look, "markers", listed=False))
    return drawing(
        traces, _ACROSS[axis], "energy saved, %", logarithmic=(True, False), level=100 * mine[0].wanted
    )  # fmt: skip
