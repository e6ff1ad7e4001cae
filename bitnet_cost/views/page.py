"""What one offline page holds, as data: the report, charts with their tables, assumptions, how to reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bitnet_cost import __version__
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.tables import Report, Table
from bitnet_cost.views import charts_first, charts_parts, charts_quality, charts_trust  # noqa: F401  each registers its charts, in this order
from bitnet_cost.views.charts import CHARTS, Chart, Data, Shown
from bitnet_cost.views.figures import Drawing

Choices = dict[str, list[tuple[str, str]]]  # the values of each selector, and how they read


def one_chart(
    name: str, question: str, heading: str, table: Table, figure: Drawing | None, note: str = "", title: str = "",
    words: str = "",
) -> Chart:  # fmt: skip
    """A chart without a choice."""
    return Chart(name, question, (Shown((heading,), table, figure, title, words),), note=note)


@dataclass(frozen=True, eq=False, repr=False)
class Cited:
    """A source: in words, a link where its locator is one, and how it was seen."""

    key: str
    text: str
    link: str
    seen: str


@dataclass(frozen=True, eq=False, repr=False)
class Page:
    """One page. ``document`` and ``rows`` are what can be taken from it as JSON and as CSV.

    ``data`` is what its script makes charts of; ``question`` is the question in a line; ``choices`` are the selectors
    with their values, ``opening`` the choice that the page opens with.
    """

    report: Report
    charts: tuple[Chart, ...]
    document: dict[str, Any]
    rows: Sequence[dict[str, Any]]
    reproduce: tuple[tuple[str, str], ...]
    assumptions: tuple[Table, ...] = ()
    sources: tuple[Cited, ...] = ()
    not_counted: tuple[str, ...] = ()
    choices: Choices = field(default_factory=dict)
    opening: dict[str, str] = field(default_factory=dict)
    tables_heading: str = "The tables beside the model"
    question: str = ""
    data: dict[str, Any] | None = None

    def index(self, by: Sequence[str]) -> int:
        """Where the opening choice of some selectors is among what is shown for all."""
        found = 0
        for name in by:
            values = [value for value, _ in self.choices[name]]
            found = found * len(values) + values.index(self.opening[name])
        return found

    def drawn(self, name: str) -> dict[str, Any]:
        """One chart as the page opens with it: its ``figure``, and its ``title`` with what it was asked for.

        Raises:
            BitnetCostError: no chart of that name, or nothing to draw.
        """
        found = {chart.name: chart.shown[self.index(chart.by)] for chart in self.charts}
        if name not in found:
            raise BitnetCostError(f"--figure: the page has no chart {name!r}; it has {', '.join(found)}")
        shown = found[name]
        if shown.figure is None:
            raise BitnetCostError(f"--figure {name}: has nothing to draw; {shown.headings[0]}")
        return {"figure": shown.figure, "title": f"{shown.title or self.report.title} ({self.question})"}


def how_to_reproduce(command: str) -> tuple[tuple[str, str], ...]:
    """How to make a page again: the command and the version."""
    return ("Command", command), ("Version", f"bitnet-cost {__version__}")


def charts(data: Data) -> tuple[Chart, ...]:
    """Every chart that the data can answer, for every choice."""
    return tuple(chart.of(data) for chart in CHARTS.values() if chart.answers(data))
