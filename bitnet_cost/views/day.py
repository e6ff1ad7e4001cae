"""What the requests of a day cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bitnet_cost.ledger.result import Answer, Result
from bitnet_cost.numerals import fixed, grouped_digits, with_commas
from bitnet_cost.tables import Table, headed
from bitnet_cost.views.groups import alike


def day_tables(answer: Answer) -> list[Table]:
    """What the requests of a day cost; one table for each scope."""
    groups = alike([r for r in answer.results if r.has_energy], lambda r: r.scope)
    return [day_table(answer, group, f", scope {group[0].scope}" if len(groups) > 1 else "") for group in groups]


def day_table(answer: Answer, results: Sequence[Result], which: str = "") -> Table:
    """What the requests of a day cost in a day and a year of 365 days, in results of one scope."""
    days = [answer.day(r) for r in results]
    energy, carbon, cost = ([getattr(day, name) for day in days] for name in ("energy_j", "carbon_g", "cost_usd"))
    columns: dict[str, tuple[Sequence[float | None], int, float, Callable[[float], str]]] = {
        "kWh a day": (energy, 1, 3.6e6, grouped_digits), "kWh a year": (energy, 365, 3.6e6, grouped_digits),
        "kg CO2e a day": (carbon, 1, 1e3, grouped_digits), "t CO2e a year": (carbon, 365, 1e6, grouped_digits),
        "USD a day": (cost, 1, 1.0, partial(fixed, places=2)), "USD a year": (cost, 365, 1.0, with_commas),
    }  # fmt: skip
    # carbon and cost only where they were asked for
    kept = {heading: column for heading, column in columns.items() if any(value is not None for value in column[0])}
    texts = [["-" if v is None else form(v * n / unit) for v in values] for values, n, unit, form in kept.values()]
    rows = [(r.hardware.name, r.precision.name, *cells) for r, *cells in zip(results, *texts, strict=True)]
    title = f"{with_commas(answer.requests_per_day or 0.0)} requests a day{which}"
    return Table(title, headed("hardware", "precision", *kept, texts=2), tuple(rows))
