"""Figures of many points: the columns of full records, from one evaluation over a workload's grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.estimate import measure, prepare, priced
from bitnet_cost.engine.training import training_step
from bitnet_cost.engine.training_exchange import BETWEEN, INSIDE
from bitnet_cost.errors import MissingPrice
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.training import TrainingScenario
from bitnet_cost.ledger.contract import component_of
from bitnet_cost.ledger.record import METRICS, UNFIT, reason_where_it_fits
from bitnet_cost.ledger.result import Result
from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.ledger.training_record import STEP_METRICS
from bitnet_cost.registry import Metric
from bitnet_cost.told import holds_everywhere

EXCHANGED = tuple(map(component_of, (INSIDE, BETWEEN)))


def swept() -> tuple[Metric, ...]:
    """Columns of the records that are cheap over many points, in their order."""
    return tuple(metric for metric in METRICS.values() if metric.swept)


def components_of(hardware: Hardware) -> tuple[str, ...]:
    """Components that an energy at some hardware can have."""
    return (
        "mul",
        "add",
        "mac",
        "special",
        *hardware.hierarchy,
        "interconnect",
        *(["host"] if hardware.host else []),
        "static",
    )


def figures(asked: Scenario, *, varied: bool = False) -> dict[str, NDArray[Any]]:
    """Columns of full records: energy with its components, time, memory, fit. NaN where a record says nothing.  [n]

    The figures are those of single estimates, to the bit. Figures of the hardware and of the runtime may be ``varied``:
    arrays over the points.

    Raises:
        BitnetCostError: see `measure`; a missing price is a ``MissingPrice`` that has ``figures``, what is known
            without prices.
    """
    ready = prepare(asked, lean=True, lasting=not varied)
    result = measure(asked, prepared=ready)
    try:
        result = priced(result, ready)
    except MissingPrice as fault:
        fault.figures = columns_of(result)
        raise
    return columns_of(result) | {"reason": _reasons(result)}


def _reasons(result: Result) -> Any:
    """Why something cannot be computed, as single estimates say it: one for all points, or an array.  [n]

    A point that does not fit has no figures there: the row has them in columns of its own.
    """
    inside, why = result.fits, reason_where_it_fits(result)
    if inside is None or not result.hardware.has_clock:
        return why
    if not result.has_energy:
        return UNFIT if why and why.startswith(UNFIT) else why
    if inside.all():
        return why
    reasons = np.full(inside.size, why, dtype=object)
    reasons[~inside.ravel()] = UNFIT
    return reasons


def step_figures(asked: TrainingScenario, *, varied: bool = False) -> dict[str, NDArray[Any]]:
    """Columns of full records of training steps, and their energy by component.  Each [n]

    NaN where numbers exclude one another or a step does not fit; ``reason`` says which rule, else None. Figures of
    hardware and runtime may be ``varied``.

    Raises:
        BitnetCostError: see `training_step`.
    """
    with np.errstate(all="ignore"):
        result = training_step(asked, lasting=not varied)
        found, limits = columns_of_step(result), limits_of_step(result)
    points = asked.plan.flat.seq.size
    reasons = np.full(points, None)
    for holds, why in reversed(limits):
        reasons[~np.broadcast_to(holds, (points,))] = why
    return {name: np.broadcast_to(values, (points,)) for name, values in found.items()} | {"reason": reasons}


def columns_of_step(result: TrainingResult) -> dict[str, Any]:
    """The swept columns of training steps, and their energy by component.  Each [n], or a number of all"""
    allowed: Any = np.True_
    for rule in result.plan.rules():
        allowed = allowed & rule.holds
    found = {}
    for metric in STEP_METRICS.values():
        values = metric.of(result) if metric.swept else None
        if values is None:
            continue
        if metric.kind == "bool":
            values = values & allowed
        elif metric.kind != "whole" and not holds_everywhere(np.asanyarray(allowed)):  # those are of the model alone
            values = np.where(allowed, values, np.nan)
        found[metric.name] = values
    for name, (_, joules, _) in result.by_component.items():
        # as of a single step, which has no part for what is not sent, where others in the grid send something
        found[f"energy_{name}_j"] = np.where(joules > 0, joules, np.nan) if name in EXCHANGED else joules
    return found


def limits_of_step(result: TrainingResult) -> list[tuple[Any, str]]:
    """What holds where a step can be computed, and why it cannot elsewhere; what is told first comes first."""
    limits = [(rule.holds, f"{rule.place}: {rule.fault}") for rule in result.plan.rules()]
    return limits if result.fits is None else [*limits, (result.fits, UNFIT)]


def columns_of(result: Result) -> dict[str, NDArray[Any]]:
    """What can be computed of a result in the columns of `swept`, and energy by component.  Each [n]"""
    points, found = result.counts.points, {}
    for metric in swept():
        values = metric.of(result)
        if values is not None:
            found[metric.name] = values if isinstance(values, np.ndarray) else np.full(points, values)
    return found | {f"energy_{name}_j": values[1] for name, values in result.by_component.items()}
