"""A result over a grid, as a notebook shows it: its first points, a column each."""

from __future__ import annotations

from bitnet_cost.numerals import figures, percent, whole
from bitnet_cost.result import Result
from bitnet_cost.tables import Column, Note, Report, Table

MOST_POINTS = 50


def grid_report(result: Result) -> Report:
    """A result over a grid: memory, energy and time of its first points, a column each."""
    records = result.to_records()
    shown = records[:MOST_POINTS]
    columns = [(name, [whole(row[name]) for row in shown]) for name in ("batch", "prompt", "generate")]
    for field, name, unit in (
        ("footprint_bytes", "memory ", "B"), ("energy_j", "energy ", "J"), ("latency_s", "latency ", "s"),
        ("tokens_per_s", "", "tokens/s"),
    ):  # fmt: skip
        values = [row[field] for row in shown]
        if any(value is not None for value in values):
            prefixed, printed = figures(values, unit)
            columns.append((name + prefixed, printed))
    if result.saving is not None:
        columns.append((f"saving % on {result.baseline}", [percent(row["saving"]) for row in shown]))
    heads = tuple(Column(heading) for heading, _ in columns)
    more = len(records) - len(shown)
    note = (Note("more", f"{whole(more)} more points: to_dataframe() and to_records() have them."),) if more else ()
    name = f"{result.architecture.name} in {result.precision.name} at {result.hardware.name}"
    sentence = f"{name}, scope {result.scope}, over a grid of {' x '.join(map(str, result.shape))} points."
    body = tuple(zip(*(printed for _, printed in columns), strict=True))
    return Report(name, sentence, (Table("", heads, body),), note)
