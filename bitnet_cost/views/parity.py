"""Modelled against measured as a page, log over log, a colour and a sign for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bitnet_cost.numerals import percent, with_commas
from bitnet_cost.tables import Report
from bitnet_cost.views import figures
from bitnet_cost.views.page import Page, how_to_reproduce, one_chart


def parity_page(report: Report, rows: Sequence[dict[str, Any]], document: dict[str, Any], command: str) -> Page:
    """Every figure over its measured value, and the line on which both are equal; below it the errors by class.

    ``rows`` have ``class``, ``measured``, ``modelled``, ``model``, ``hardware``, ``runtime`` and ``conditions``.
    """
    groups: dict[str, list[tuple[float, float, str]]] = {}
    for r in rows:
        words = f"{r['model']}\n{r['hardware']}, {r['runtime']}, {r['precision']}\n{r['conditions']}"
        groups.setdefault(r["class"], []).append((r["measured"], r["modelled"], words))
    errors = sorted(abs(r["modelled"] / r["measured"] - 1) for r in rows)
    middle = percent(errors[len(errors) // 2], 1)
    finding = f"Half of {with_commas(len(rows))} figures, modelled against measured, are within {middle} %"
    figure = figures.parity_figure(groups, "measured (s, J, W, GB or a ratio, by class)", "modelled")
    return Page(
        replace(report, tables=report.tables[1:]),
        (one_chart("measured", "How right is the model?", finding, report.tables[0], figure),), document, rows,
        how_to_reproduce(command),
        tables_heading="Errors by device and precision, the worst rows, and what is left out", charts_first=True,
    )  # fmt: skip
