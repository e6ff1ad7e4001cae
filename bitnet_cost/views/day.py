"""What the requests of a day cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bitnet_cost.ledger.result import Answer, Result
from bitnet_cost.numerals import figures_of, fixed, with_commas
from bitnet_cost.tables import Table, headed
from bitnet_cost.views.groups import alike
from bitnet_cost.views.verdict import hardware_name, precision_name

KWH = 3.6e6  # J


def day_sentence(answer: Answer) -> str:
    """That batches change a day of requests, and by how much; "" where they were asked for in batches."""
    alone = {_key(r): r for r in answer.results}
    pairs = [(alone[_key(r)], r) for r in answer.batched]
    if not pairs:
        return ""
    first, batched = min(pairs, key=lambda pair: answer.day(pair[1]).energy_j)
    one, many = (answer.day(r).energy_j / KWH for r in (first, batched))
    name, batch = precision_name(batched.precision.name), int(batched.workload.batch)
    where = f"{name} on the {hardware_name(batched.hardware)}"
    return (
        f"Served one by one, {with_commas(answer.requests_per_day or 0.0)} requests a day take {figures_of(one)} kWh in"
        f" {where}, and in batches of {batch}, as servers work, {figures_of(many)} kWh: batching saves"
        f" {figures_of(one / many)}-fold."
    )


def _key(result: Result) -> tuple[str, str, str]:
    return result.architecture.name, result.hardware.name, result.precision.name


def day_tables(answer: Answer) -> list[Table]:
    """What the requests of a day cost; one table for each scope, one by one and in batches."""
    groups = alike([r for r in (*answer.results, *answer.batched) if r.has_energy], lambda r: r.scope)
    return [day_table(answer, group, f", scope {group[0].scope}" if len(groups) > 1 else "") for group in groups]


def day_table(answer: Answer, results: Sequence[Result], which: str = "") -> Table:
    """What the requests of a day cost in a day and a year of 365 days, in results of one scope."""
    days = [answer.day(r) for r in results]
    energy, carbon, cost = ([getattr(day, name) for day in days] for name in ("energy_j", "carbon_g", "cost_usd"))
    columns: dict[str, tuple[Sequence[float | None], int, float, Callable[[float], str]]] = {
        "kWh a day": (energy, 1, KWH, figures_of), "kWh a year": (energy, 365, KWH, figures_of),
        "kg CO2e a day": (carbon, 1, 1e3, figures_of), "t CO2e a year": (carbon, 365, 1e6, figures_of),
        "USD a day": (cost, 1, 1.0, partial(fixed, places=2)), "USD a year": (cost, 365, 1.0, with_commas),
    }  # fmt: skip
    # carbon and cost only where they were asked for
    kept = {heading: column for heading, column in columns.items() if any(value is not None for value in column[0])}
    texts = [["-" if v is None else form(v * n / unit) for v in values] for values, n, unit, form in kept.values()]
    named = [(r.hardware.name, r.precision.name, str(r.workload.batch)) for r in results]
    rows = [(*names, *cells) for names, *cells in zip(named, *texts, strict=True)]
    title = f"{with_commas(answer.requests_per_day or 0.0)} requests a day{which}"
    return Table(title, headed("hardware", "precision", "batch", *kept, texts=2), tuple(rows))
