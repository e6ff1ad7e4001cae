"""A result over a grid, as a notebook shows it: its first points, a column each."""

from __future__ import annotations

from bitnet_cost.ledger.record import METRICS
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import with_commas
from bitnet_cost.tables import Column, Note, Report, Table

MOST_POINTS = 50


def grid_report(result: Result) -> Report:
    """A result over a grid: memory, energy and time of its first points, a column each."""
    records = result.to_records()
    shown = records[:MOST_POINTS]
    columns = []
    for name, metric in METRICS.items():
        values = [row[name] for row in shown]
        if "grid" in metric.views and any(value is not None for value in values):
            heading, texts = metric.texts(values)
            columns.append((f"{heading} on {result.baseline}" if name == "saving" else heading, texts))
    heads = tuple(Column(heading) for heading, _ in columns)
    more = len(records) - len(shown)
    note = (
        (Note("more", f"{with_commas(more)} more points: to_dataframe() and to_records() have them."),) if more else ()
    )
    name = f"{result.architecture.name} in {result.precision.name} at {result.hardware.name}"
    sentence = f"{name}, scope {result.scope}, over a grid of {' x '.join(map(str, result.shape))} points."
    body = tuple(zip(*(printed for _, printed in columns), strict=True))
    return Report(name, sentence, (Table("", heads, body),), note)
