"""A saving worked out: both energies at the same prices, nominal or at the ends that make it least or most."""

from __future__ import annotations

from bitnet_cost.engine.cost import action_totals
from bitnet_cost.engine.estimate import against
from bitnet_cost.engine.explanation.case import case_of
from bitnet_cost.engine.explanation.energy import Energies, Formula, formulas, needs_energy
from bitnet_cost.engine.explanation.work import Work, less, product
from bitnet_cost.engine.uncertainty import extreme_prices
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.result import Result

Prices = dict[str, tuple[float, float, float]]


def saving(work: Work, result: Result, baseline: Result | None, cell: str) -> tuple[Formula, float]:
    """A saving of a record, its extremes, or the share of the baseline that must stay for a claim to be true."""
    needs_energy(result)
    if baseline is None or not baseline.joules:
        raise BitnetCostError(f"cell: {cell} needs a baseline that has an energy; choose --baseline")
    if result.precision == baseline.precision and not cell.startswith("must_stay"):
        return ("the baseline saves nothing on itself",), work.step(cell, "1", 0.0)
    prices = {**baseline.prices, **result.prices}
    formula = ["saving = 1 - energy / energy of the baseline, every price the same in both", *formulas(result)]
    chosen = {action: price[1] for action, price in prices.items()}
    wanted: float | None = None
    if cell in ("saving_low", "saving_high"):
        compared = result if result.saving is not None else against(result, baseline)
        assert compared.saving is not None
        wanted = float(compared.saving[0 if cell == "saving_low" else 2])
        chosen, words = _moved(result, baseline, prices, wanted)
        formula.append(f"each price alone at its low or high, then all together; the {cell[7:]}est is with {words}")
    elif cell in ("saving_least", "saving_most"):
        chosen = extreme_prices(result, baseline, most=cell == "saving_most")
        formula.append(f"each price at the end that makes the saving {cell[7:]}: no prices within the ranges leave it")
    energies = [
        Energies(case_of(work, r, f"{r.precision.name}: "), chosen).of_device("energy") for r in (result, baseline)
    ]
    name = "saving" if cell.startswith("must_stay") else cell
    saved = work.step(name, "1", less(1.0, product(energies[0], over=[energies[1]])), wanted)
    if not cell.startswith("must_stay"):
        return tuple(formula), saved
    text = cell.partition(":")[2]
    try:
        claim = float(text) / 100
    except ValueError:
        raise BitnetCostError(f"cell: {cell!r}: {text!r} is no percentage") from None
    if not claim <= saved or saved <= 0:
        raise BitnetCostError(f"cell: {cell}: the claim exceeds the modelled saving; no share makes it true")
    formula.append("a share f that does not scale makes it (1 - f) saving, so f = 1 - claim / saving")
    return tuple(formula), work.step(cell, "1", less(1.0, product(claim, over=[saved])))


def _moved(result: Result, baseline: Result, prices: Prices, wanted: float) -> tuple[dict[str, float], str]:
    """The prices, and in words which of them moved, that give the least or the most saving of the record."""
    nominal = {action: p[1] for action, p in prices.items()}
    tries = [(nominal, "all nominal")]
    for bound, word in ((0, "low"), (2, "high")):
        tries.append(({a: p[bound] for a, p in prices.items()}, f"all {word}"))
        tries += [(nominal | {a: p[bound]}, f"{a} {word}") for a, p in prices.items()]
    totals = [action_totals(r.activity, r.scope) for r in (result, baseline)]

    def saved(chosen: dict[str, float]) -> float:
        energy, base = (sum(chosen[a] * float(n[0]) for a, n in part.items()) for part in totals)
        return 1 - energy / base

    return min(tries, key=lambda t: abs(saved(t[0]) - wanted))
