"""90 % intervals of an answer on a device: how far measured figures were from modelled ones of its kind.

Each kind of run has two factors by runtime and device (`RuntimeRanges`): nine of ten measured figures are between
modelled x low and modelled x high. Of two precisions on one device the errors are correlated; what they share cancels
in a saving. A technology node has no measured runs: its ranges are those of its prices.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any

import numpy as np

from bitnet_cost.inputs.ranges import DECODES, MORE, SMALL, Factors, RangedQuantity, RangeKind, fixed_kind
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import Array, array, decided

WITH_POWER = ("device", "facility")  # scopes that hold all energy of a device, which is what was measured


def factors(result: Result, quantity: RangedQuantity) -> dict[RangeKind, Factors] | None:
    """The factors of a result's kinds of run: one where its question decides it, else by phase and batch.

    None where nothing measured tells: technology nodes, runtimes from files, kinds without measured figures.
    """
    known = None if result.runtime is None else result.runtime.ranges
    if known is None or result.timing is None:
        return None
    found = known.of(quantity, result.precision.linear.weights.bits)
    kind = fixed_kind(
        result.architecture, result.precision, result.hardware.device_class, bool(result.workload.staggered),
        decided(result.footprint.total_parameters < SMALL),
    )  # fmt: skip
    if kind is not None:
        return {kind: found[kind]} if kind in found else None
    return {step: found[step] for step in ("prefill", *(name for _, name in DECODES), MORE)}


def by_batch(found: dict[RangeKind, Factors], result: Result, phase: str) -> Array:
    """The factors of a phase at each point.  [end, n], or one point for all"""
    fixed = next(iter(found.values())) if len(found) == 1 else found["prefill"] if phase == "prefill" else None
    factor: Array = np.array(fixed or found[MORE])[:, None]
    if fixed is None:
        batch = result.workload.flat()[0]
        for most, kind in reversed(DECODES):
            factor = np.where(batch <= most, np.array(found[kind])[:, None], factor)
    return factor


def of_energy(found: dict[RangeKind, Factors], result: Result) -> Array:
    """The factors on an energy at each point: of the decode where there is one.  [end, n], or one point for all"""
    if len(found) == 1:
        return by_batch(found, result, "decode")
    steps = result.workload.flat()[2]
    return np.where(steps > 1, by_batch(found, result, "decode"), by_batch(found, result, "prefill"))


def energy_interval(result: Result) -> Array:
    """Low, nominal and high energy: a 90 % interval, or all prices at their low and high.  [bound, n]  [J]"""
    bounds: Array = result.energy_bounds.reshape(3, -1)
    found = factors(result, "energy") if result.scope in WITH_POWER else None
    if found is None or not result.has_energy:
        return bounds
    low, high = of_energy(found, result)
    return array([bounds[1] * low, bounds[1], bounds[1] * high])


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
        less, more = by_batch(found, result, phase.name)
        low, high = low + seconds * less, high + seconds * more
    return array([low, result.timing.total, high])


def in_logs(ends: Factors) -> tuple[float, float]:
    """Middle and half width of an interval's logarithm."""
    return log(ends[0] * ends[1]) / 2, log(ends[1] / ends[0]) / 2


def ratio_of(one: Factors, other: Factors, shared: float) -> Factors:
    """The factors on the ratio of two figures whose errors are correlated.

    Their logarithms' half widths a and b leave sqrt((1 - c) (a^2 + b^2)) at a correlation c.

    >>> [round(end, 3) for end in ratio_of((0.8, 1.25), (0.8, 1.25), 0.5)]
    [0.8, 1.25]
    """
    (middle, a), (other_middle, b) = in_logs(one), in_logs(other)
    half = sqrt((1 - shared) * (a**2 + b**2))
    at = middle - other_middle
    return min(1.0, exp(at - half)), max(1.0, exp(at + half))


def ratio_factors(result: Result, other: Result) -> Array | None:
    """The factors on the ratio of two energies of one device and work: what both errors share cancels.  [end, n]

    None where nothing measured tells.
    """
    one, other_one = (factors(r, "energy") if r.scope in WITH_POWER else None for r in (result, other))
    if one is None or other_one is None or result.runtime is None or result.runtime.ranges is None:
        return None
    shared = result.runtime.ranges.shared
    ratios = {
        kind: ratio_of(
            one.get(kind, next(iter(one.values()))), other_one.get(kind, next(iter(other_one.values()))), shared
        )
        for kind in max(one, other_one, key=len)  # FP32 is of one kind in every phase
    }
    return of_energy(ratios, result)


def saving_interval(result: Result, other: Result, nominal: Array) -> Array | None:
    """Low, nominal and high of what one result saves of another's energy: a 90 % interval.  [bound, n]

    None where nothing measured tells.
    """
    found = ratio_factors(result, other)
    if found is None:
        return None
    left, (low, high) = 1 - nominal, found
    return array([1 - left * high, nominal, 1 - left * low])
