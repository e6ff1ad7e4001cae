"""What has rows: a result, and the results of a question as one table."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

from bitnet_cost.frames import Library
from bitnet_cost.registry import METRICS, Metric, frame
from bitnet_cost.shown import Shown, Theme, drawn, write_report

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


class Rows(Shown):
    """Base of what has records: plain figures under the names of ``_metrics``."""

    __slots__ = ()
    _metrics: ClassVar[Mapping[str, Metric]] = METRICS

    def to_records(self) -> list[dict[str, Any]]:
        """The records, those of ``-f json``; what cannot be computed is None."""
        raise NotImplementedError

    def to_dataframe(self, library: Library | None = None) -> Any:
        """The records as a data frame of pandas, or of polars.

        Args:
            library: ``pandas`` or ``polars``; None: pandas where it is installed, else polars.

        Raises:
            BitnetCostError: none of them is installed.
        """
        return frame(self.to_records(), library, self._metrics)

    def report(self, path: str | PathLike[str]) -> None:
        """Write the page of ``-f html``: one HTML file that works offline.

        Raises:
            BitnetCostError: a grid, a name that ends otherwise, a place that cannot be written.
        """
        write_report(self, path)


class Answers(Rows):
    """Base of the results of one question."""

    __slots__ = ()
    results: tuple[Any, ...]

    def to_records(self) -> list[dict[str, Any]]:
        """The records of all results, in their order: those of ``-f json``."""
        return [row for result in self.results for row in result.to_records()]

    def plot(self, chart: str | None = None, *, theme: Theme = "light") -> Figure:
        """A figure of plotly: the first of the page's charts.

        Args:
            chart: another of them, as the page names it; a wrong name lists them.
            theme: ``light`` or ``dark``.

        Raises:
            BitnetCostError: an unknown chart, or nothing to draw.
        """
        return drawn(self, theme, chart=chart)
