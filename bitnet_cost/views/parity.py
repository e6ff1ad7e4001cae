"""Modelled over measured figures as a page, by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bitnet_cost.numerals import with_commas
from bitnet_cost.tables import Report
from bitnet_cost.views.charts_trust import error_figure, median_error
from bitnet_cost.views.page import Page, how_to_reproduce, one_chart


def parity_page(report: Report, rows: Sequence[dict[str, Any]], document: dict[str, Any], command: str) -> Page:
    """Every figure over its measured value, by class; below it the errors.

    ``rows`` have ``class``, ``measured``, ``modelled``, ``model``, ``hardware``, ``runtime`` and ``conditions``.
    """
    groups: dict[str, list[tuple[float, float, str]]] = {}
    for r in rows:
        words = f"{r['model']}\n{r['hardware']}, {r['runtime']}, {r['precision']}\n{r['conditions']}"
        groups.setdefault(r["class"], []).append((r["measured"], r["modelled"], words))
    count, middle = median_error((r["measured"], r["modelled"]) for r in rows)
    finding = f"Within {middle} of the measurement for half of {with_commas(count)} figures"
    figure = error_figure(groups)
    drawn = one_chart(
        "measured", "How right is the model?", finding, report.tables[0], figure,
        title="Model over measurement, one dot a row", words="Log scale. Bar: median of the class.",
    )  # fmt: skip
    return Page(
        replace(report, tables=report.tables[1:]),
        (drawn,), document, rows, how_to_reproduce(command),
        tables_heading="Errors by device and precision, the worst rows, and what is left out",
    )  # fmt: skip
