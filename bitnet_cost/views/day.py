"""What the requests of a day cost."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.numerals import fixed, grouped, with_commas
from bitnet_cost.result import Answer, Result
from bitnet_cost.tables import Table, headed
from bitnet_cost.views.groups import alike


def day_tables(answer: Answer) -> list[Table]:
    """What the requests of a day cost; one table for each scope."""
    groups = alike([r for r in answer.results if r.has_energy], lambda r: r.scope)
    return [day_table(answer, group, f", scope {group[0].scope}" if len(groups) > 1 else "") for group in groups]


def day_table(answer: Answer, results: Sequence[Result], which: str = "") -> Table:
    """What the requests of a day cost in a day and a year of 365 days, in results of one scope."""
    rows = []
    for r in results:
        day = answer.day(r)
        carbon = "-" if day.carbon_g is None else grouped(day.carbon_g / 1e3)
        cost = "-" if day.cost_usd is None else fixed(day.cost_usd, 2)
        rows.append(
            (
                r.hardware.name,
                r.precision.name,
                grouped(day.energy_j / 3.6e6),
                grouped(day.energy_j * 365 / 3.6e6),
                carbon,
                "-" if day.carbon_g is None else grouped(day.carbon_g * 365 / 1e6),
                cost,
                "-" if day.cost_usd is None else with_commas(day.cost_usd * 365),
            )
        )
    columns = headed(
        "hardware",
        "precision",
        "kWh a day",
        "kWh a year",
        "kg CO2e a day",
        "t CO2e a year",
        "USD a day",
        "USD a year",
        texts=2,
    )
    # carbon and cost only where they were asked for
    said = [i for i in range(len(columns)) if not rows or any(row[i] != "-" for row in rows)]
    kept = tuple(tuple(row[i] for i in said) for row in rows)
    title = f"{with_commas(answer.requests_per_day or 0.0)} requests a day{which}"
    return Table(title, tuple(columns[i] for i in said), kept)
