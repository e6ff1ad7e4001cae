"""Emissions and money worked out: of the electricity, of the devices' time, and of a day's requests."""

from __future__ import annotations

from bitnet_cost.engine.explanation.case import Case
from bitnet_cost.engine.explanation.energy import Formula, energy
from bitnet_cost.engine.explanation.time import Phases
from bitnet_cost.engine.explanation.work import Part, product, total
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.facility import Facility

SECONDS_OF_A_YEAR = (365.25, 86400.0)


def latency(case: Case) -> float:
    """Seconds of both phases."""
    phases = Phases(case)
    prefill = phases.phase(0, f"{case.label}prefill_s")
    if len(case.counts.phases) == 1:
        return prefill
    return case.work.step(f"{case.label}latency_s", "s", total([prefill, phases.phase(1, f"{case.label}decode_s")]))


def charge(case: Case, cell: str) -> tuple[Formula, float]:
    """What a run emits (``carbon_g``) or costs (``cost_usd``)."""
    result, site = case.result, case.result.facility
    wanted = result.carbon_g if cell == "carbon_g" else result.cost_usd
    if site is None or wanted is None:
        option = "--carbon" if cell == "carbon_g" else "--price"
        raise BitnetCostError(
            f"cell: {cell} has no figure{f'; give {option}' if result.joules else f': {result.reason}'}"
        )
    terms, formula = (_carbon if cell == "carbon_g" else _money)(case, site)
    return formula, case.work.step(cell, "g" if cell == "carbon_g" else "USD", total(terms), float(wanted))


def _carbon(case: Case, site: Facility) -> tuple[list[Part], Formula]:
    formula: Formula = (
        "carbon = energy x carbon intensity (g/kWh / 3.6e6), plus device seconds x embodied emissions / lifetime",
    )
    terms: list[Part] = []
    if site.carbon_g_per_j is not None:
        more, joules = energy(case, "energy_j")
        if site.zone is not None:
            zone = site.zone
            name = f"electricity of {zone.name}, {zone.figure.year}"
            case.work.figure(name, zone.figure, {zone.figure.source: zone.source})
        formula = (*formula, *more)
        terms.append(product(joules, site.carbon_g_per_j))
    grams = site.embodied_of(case.result.hardware.embodied)
    if grams is not None and case.result.timing is not None:
        if site.embodied_g == "profile" and case.result.hardware.embodied is not None:
            case.work.figure("device.embodied", case.result.hardware.embodied, case.result.hardware.sources)
        years = product(site.lifetime_years, *SECONDS_OF_A_YEAR)
        terms.append(product(latency(case), float(case.result.devices), grams, over=[years]))
    return terms, formula


def _money(case: Case, site: Facility) -> tuple[list[Part], Formula]:
    formula: Formula = ("cost = energy x price of electricity, plus device seconds x price of device time",)
    terms: list[Part] = []
    if site.usd_per_j is not None:
        more, joules = energy(case, "energy_j")
        formula = (*formula, *more)
        terms.append(product(joules, site.usd_per_j))
    if site.usd_per_device_hour is not None and case.result.timing is not None:
        each = product(latency(case), float(case.result.devices), site.usd_per_device_hour, over=[3600.0])
        terms.append(each)
    return terms, formula


PER_DAY = {f"{cell}_per_{span}": cell for cell in ("energy_j", "carbon_g", "cost_usd") for span in ("day", "year")}


def per_day(case: Case, cell: str, requests: float | None) -> tuple[Formula, float]:
    """What the requests of a day, or of a year of 365 days, need, emit or cost.

    Raises:
        BitnetCostError: no number of requests was given.
    """
    if requests is None:
        raise BitnetCostError(f"cell: {cell} has no figure; give --requests-per-day")
    one = PER_DAY[cell]
    formula, value = energy(case, one) if one == "energy_j" else charge(case, one)
    batch = float(int(case.result.workload.batch))
    batches = product(requests, over=[batch]) if batch != 1 else total([requests])
    unit = {"energy_j": "J", "carbon_g": "g", "cost_usd": "USD"}[one]
    days = [365.0] if cell.endswith("year") else []
    return (*formula, "per day = one run x requests / batch"), case.work.step(
        cell, unit, product(value, batches, *days)
    )
