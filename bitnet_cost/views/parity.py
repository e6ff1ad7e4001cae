"""Modelled against measured as a page, log over log, a colour and a sign for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bitnet_cost import __version__
from bitnet_cost.numerals import percent
from bitnet_cost.tables import Report
from bitnet_cost.views.drawing import drawing, trace
from bitnet_cost.views.page import Chart, Page


def page(report: Report, rows: Sequence[dict[str, Any]], document: dict[str, Any], command: str) -> Page:
    """Every figure over its measured value, and the line on which both are equal; below it the errors by class.

    ``rows`` have ``class``, ``measured``, ``modelled``, ``model``, ``hardware``, ``runtime`` and ``conditions``.
    """
    traces = []
    for look, kind in enumerate(dict.fromkeys(row["class"] for row in rows)):
        mine = [row for row in rows if row["class"] == kind]
        words = [f"{r['model']}\n{r['hardware']}, {r['runtime']}, {r['precision']}\n{r['conditions']}" for r in mine]
        measured, modelled = ([r[name] for r in mine] for name in ("measured", "modelled"))
        traces.append(trace(kind, measured, modelled, look, "markers", words=words))
    ends = [min(r["measured"] for r in rows), max(r["measured"] for r in rows)]
    traces.append(trace("equal", ends, ends, None))
    across = "measured (s, J, W, GB or a ratio, by class)"
    errors = sorted(abs(r["modelled"] / r["measured"] - 1) for r in rows)
    middle = percent(errors[len(errors) // 2], 1)
    finding = f"Half of {len(rows):,} figures, modelled against measured, are within {middle} %"
    chart = Chart("measured", "How right is the model?", finding, report.tables[0])
    return Page(
        replace(report, tables=report.tables[1:]), (), (chart,), (), (), (),
        (("Command", command), ("Version", f"bitnet-cost {__version__}")),
        {"document": document, "figures": {"measured": drawing(traces, across, "modelled", logarithmic=(True, True))}},
        tables_heading="Errors by device and precision, the worst rows, and what is left out",
    )  # fmt: skip
