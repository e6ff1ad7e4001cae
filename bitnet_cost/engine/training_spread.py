"""How far a training step scatters: draws of what measured steps were off by, as of other answers.

Where none were measured, of every price and of every figure that sets time.
"""

from __future__ import annotations

import numpy as np

from bitnet_cost.engine.training import training_step
from bitnet_cost.engine.uncertainty import draw_prices, levers, normals, off_by, percentiles_of
from bitnet_cost.formulas.sums import sum_in_order
from bitnet_cost.inputs.cited import Bandwidth, Duration, Figure, Rate, Ratio
from bitnet_cost.inputs.facility import overhead_in
from bitnet_cost.inputs.training import NUMBERS
from bitnet_cost.ledger.answers import Lever
from bitnet_cost.ledger.contract import contract
from bitnet_cost.ledger.training import StepSpread, TrainingResult
from bitnet_cost.told import Array
from bitnet_cost.words import Distribution

CHUNK = 2048  # draws evaluated at once


def _time_figures(result: TrainingResult) -> dict[str, Figure]:
    """Figures with a range that set the time of a step, by path."""
    return {
        path: figure for path, figure in result.scenario.figures()
        if figure.low < figure.high and not path.startswith("alternatives.")
        and (isinstance(figure, Bandwidth | Rate | Duration | Ratio) or path == "power.cap")
    }  # fmt: skip


def step_spread(
    result: TrainingResult, draws: int, seed: int = 0, distribution: Distribution = "triangular"
) -> StepSpread | None:
    """Percentiles of time and energy of one step; None where it has no energy.

    Each draw is a point of one evaluation, whose figures are arrays; prices are those of `draw_prices`, so that
    precisions on one device share their draws.

    Raises:
        BitnetCostError: a number of draws or a seed that is none.
    """
    if result.ledger is None or result.energy is None:
        return None
    times, energies = result.factors("time"), result.factors("energy")
    if result.ranges is not None and result.seconds is not None and times is not None and energies is not None:
        middle = result.seconds.total, result.energy[1]
        normal = normals(result.ranges, result.precision, draws, seed, "training")
        time, energy = (
            percentiles_of(nominal * off_by(np.array(ends)[:, None], each)[:, 0])
            for nominal, ends, each in zip(middle, (times, energies), normal, strict=True)
        )
        return StepSpread(draws, seed, distribution, time, energy, measured=True)
    figures = _time_figures(result) if result.seconds is not None else {}
    moving = [Lever.of(path, f) for path, f in figures.items()]
    drawn_times = dict(zip(figures, draw_prices(moving, draws, seed, distribution), strict=True))
    actions = sorted(contract(result.ledger, "action", result.scope))
    prices = draw_prices(levers(result.hardware, actions), draws, seed, distribution)
    seconds, spent_j = [], []
    for first in range(0, draws, CHUNK):
        part = slice(first, min(first + CHUNK, draws))
        drawn = _at(result, {path: values[part] for path, values in drawn_times.items()}, part.stop - first)
        if drawn.ledger is None:
            return None
        runs = contract(drawn.ledger, "action", result.scope)
        spent = [runs[action] * price for action, price in zip(actions, prices[:, part], strict=True)]
        spent_j.append(sum_in_order(spent))
        seconds += [] if drawn.seconds is None else [drawn.seconds.total]
    factor = overhead_in(result.scope, result.facility, result.hardware.host)
    return StepSpread(
        draws, seed, distribution, percentiles_of(np.concatenate(seconds)) if seconds else None,
        percentiles_of(np.concatenate(spent_j) * factor),
    )  # fmt: skip


def _at(result: TrainingResult, values: dict[str, Array], points: int) -> TrainingResult:
    """The step at some values of figures, one for each point."""
    asked = result.scenario
    for path, drawn in values.items():
        asked = asked.at(path, asked.figure(path).model_copy(update={"value": drawn}))
    plan = result.plan.flat
    alike = plan.with_numbers(**{name: np.full(points, getattr(plan, name)[0]) for name in NUMBERS})
    return training_step(asked.but(plan=alike), lasting=False)
