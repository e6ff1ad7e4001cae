"""90 % intervals of an answer on a device: how far measured figures were from modelled ones of its kind.

Each kind of run has a factor f by runtime (`RuntimeRanges`, from rows set aside): nine of ten measured figures
are between modelled / f and modelled x f. Of two precisions on one device the errors are correlated; what they share
cancels in a saving. A technology node has no measured runs: its ranges are those of its prices.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any

import numpy as np

from bitnet_cost.inputs.ranges import DECODES, MORE, RangedQuantity, RangeKind, fixed_kind
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import Array, array

WITH_POWER = ("device", "facility")  # scopes that hold all energy of a device, which is what was measured


def factors(result: Result, quantity: RangedQuantity) -> dict[RangeKind, float] | None:
    """The factors of a result's kinds of run: one where its question decides it, else by phase and batch.

    None where nothing measured tells: technology nodes, runtimes from files, kinds without measured figures.
    """
    known = None if result.runtime is None else result.runtime.ranges
    if known is None or result.timing is None:
        return None
    found = known.of(quantity, result.precision.linear.weights.bits)
    kind = fixed_kind(
        result.architecture, result.precision, result.hardware.device_class, bool(result.workload.staggered)
    )
    if kind is not None:
        return {kind: found[kind]} if kind in found else None
    return {step: found[step] for step in ("prefill", *(name for _, name in DECODES), MORE)}


def by_batch(found: dict[RangeKind, float], result: Result, phase: str) -> Any:
    """The factor of a phase at each point.  [n], or one number"""
    if len(found) == 1:
        return next(iter(found.values()))
    if phase == "prefill":
        return found["prefill"]
    batch = result.workload.flat()[0]
    factor: Any = found[MORE]
    for most, kind in reversed(DECODES):
        factor = np.where(batch <= most, found[kind], factor)
    return factor


def of_energy(found: dict[RangeKind, float], result: Result) -> Any:
    """The factor on an energy at each point: of the decode where there is one."""
    if len(found) == 1:
        return next(iter(found.values()))
    steps = result.workload.flat()[2]
    return np.where(steps > 1, by_batch(found, result, "decode"), found["prefill"])


def energy_interval(result: Result) -> Array:
    """Low, nominal and high energy: a 90 % interval, or all prices at their low and high.  [bound, n]  [J]"""
    bounds: Array = result.energy_bounds.reshape(3, -1)
    found = factors(result, "energy") if result.scope in WITH_POWER else None
    if found is None or not result.has_energy:
        return bounds
    factor = of_energy(found, result)
    return array([bounds[1] / factor, bounds[1], bounds[1] * factor])


def time_interval(result: Result) -> Array | None:
    """Low, nominal and high time of all phases, which are off together: a 90 % interval.  [bound, n]  [s]

    None where nothing measured tells.
    """
    found = factors(result, "time")
    if found is None or result.timing is None:
        return None
    low: Any = 0.0
    high: Any = 0.0
    for phase, seconds in zip(result.timing.phases, result.timing.by_phase, strict=True):
        factor = by_batch(found, result, phase.name)
        low, high = low + seconds / factor, high + seconds * factor
    return array([low, result.timing.total, high])


def ratio_factor(result: Result, other: Result) -> Any | None:
    """The factor on the ratio of two energies of one device and work: what both errors share cancels.  [n]

    Their logarithms' half widths a and b leave sqrt((1 - c) (a^2 + b^2)) at a correlation c. None where nothing
    measured tells.
    """
    one, other_one = (factors(r, "energy") if r.scope in WITH_POWER else None for r in (result, other))
    if one is None or other_one is None or result.runtime is None or result.runtime.ranges is None:
        return None
    own = 1 - result.runtime.ranges.shared
    pairs = {
        kind: (one.get(kind, next(iter(one.values()))), other_one.get(kind, next(iter(other_one.values()))))
        for kind in max(one, other_one, key=len)  # FP32 is of one kind in every phase
    }
    return of_energy({kind: exp(sqrt(own * (log(a) ** 2 + log(b) ** 2))) for kind, (a, b) in pairs.items()}, result)


def saving_interval(result: Result, other: Result, nominal: Array) -> Array | None:
    """Low, nominal and high of what one result saves of another's energy: a 90 % interval.  [bound, n]

    None where nothing measured tells.
    """
    factor = ratio_factor(result, other)
    if factor is None:
        return None
    left = 1 - nominal
    return array([1 - left * factor, nominal, 1 - left / factor])
