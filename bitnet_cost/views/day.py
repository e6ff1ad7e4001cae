"""What the requests of a day cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.result import Day, Result
from bitnet_cost.numerals import figures_of, fixed, with_commas
from bitnet_cost.tables import Table, headed
from bitnet_cost.units import KWH
from bitnet_cost.views.groups import alike
from bitnet_cost.views.verdict import hardware_name, listed, precision_name

if TYPE_CHECKING:
    from bitnet_cost.ledger.load import LoadResult


def day_sentence(answer: Answer) -> str:
    """What the requests of a day take as they come, and what they would take at the batch given; "" without a load."""
    days = [(load, day, r) for load, r in _served(answer) if (day := load.of_day) is not None]
    if not days:
        return ""
    days.sort(key=lambda one: one[1].energy_j)
    load, day, given = days[0]
    near = [
        f"{figures_of(other_day.energy_j / KWH)} in {precision_name(other.precision.name)}"
        for other, other_day, _ in days[1:]
        if (saved := load.saving_on(other)) is not None and saved.min() < 0 and other.hardware is load.hardware
    ]
    apart = f" (not told apart from {listed(near, 'or')})" if near else ""
    batch = int(given.workload.batch)
    alone = "one by one" if batch == 1 else f"in full batches of {with_commas(batch)}"
    cards, steady = int(load.cards[0]) if load.cards is not None else 0, load.steady
    at_once = "" if steady is None else f", {figures_of(float(steady.batch[0]))} at a time"
    return (
        f"As they come, {with_commas(answer.requests_per_day or 0.0)} requests a day need"
        f" {'one' if cards == 1 else with_commas(cards)} {hardware_name(load.hardware)} and"
        f" {figures_of(day.energy_j / KWH)} kWh in {precision_name(load.precision.name)}{apart}{at_once} and waiting"
        f" included; {alone} they would take {figures_of(answer.day(given).energy_j / KWH)} kWh."
    )


def _served(answer: Answer) -> list[tuple[LoadResult, Result]]:
    """Each load with the result of the same place and precision."""
    results = {_key(r.scenario): r for r in answer.results}
    return [(load, results[_key(load.scenario)]) for load in answer.loads]


def _key(asked: Scenario) -> tuple[str, str, str]:
    return asked.model.name, asked.hardware.name, asked.precision.name


def load_batch(load: LoadResult) -> str:
    """The batch that a load settles at, as a cell."""
    return "-" if load.steady is None else f"{figures_of(float(load.steady.batch[0]))} (load)"


def day_tables(answer: Answer) -> list[Table]:
    """What the requests of a day cost; one table for each scope, at the batch given and as they come."""
    groups = alike([r for r in answer.results if r.has_energy], lambda r: r.scope)
    return [day_table(answer, group, f", scope {group[0].scope}" if len(groups) > 1 else "") for group in groups]


def day_table(answer: Answer, results: Sequence[Result], which: str = "") -> Table:
    """What the requests of a day cost in a day and a year of 365 days, in results of one scope."""
    scope = results[0].scope
    loads = [(load, day) for load in answer.loads if load.scope == scope and (day := load.of_day) is not None]
    days = [*(answer.day(r) for r in results), *(day for _, day in loads)]
    named = [(r.hardware.name, r.precision.name, str(r.workload.batch)) for r in results]
    named += [(load.hardware.name, load.precision.name, load_batch(load)) for load, _ in loads]
    title = f"{with_commas(answer.requests_per_day or 0.0)} requests a day{which}"
    return cost_table(title, named, days)


def cost_table(title: str, named: Sequence[tuple[str, ...]], days: Sequence[Day]) -> Table:
    """Energy, emissions and money of days and years; ``named`` are hardware, precision and batch."""
    energy, carbon, cost = ([getattr(day, name) for day in days] for name in ("energy_j", "carbon_g", "cost_usd"))
    columns: dict[str, tuple[Sequence[float | None], int, float, Callable[[float], str]]] = {
        "kWh a day": (energy, 1, KWH, figures_of), "kWh a year": (energy, 365, KWH, figures_of),
        "kg CO2e a day": (carbon, 1, 1e3, figures_of), "t CO2e a year": (carbon, 365, 1e6, figures_of),
        "USD a day": (cost, 1, 1.0, partial(fixed, places=2)), "USD a year": (cost, 365, 1.0, with_commas),
    }  # fmt: skip
    # carbon and cost only where they were asked for
    kept = {heading: column for heading, column in columns.items() if any(value is not None for value in column[0])}
    texts = [["-" if v is None else form(v * n / unit) for v in values] for values, n, unit, form in kept.values()]
    rows = [(*names, *cells) for names, *cells in zip(named, *texts, strict=True)]
    return Table(title, headed("hardware", "precision", "batch", *kept, texts=2), tuple(rows))
