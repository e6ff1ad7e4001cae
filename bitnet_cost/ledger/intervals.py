"""90 % intervals of an answer on a device: how far measured figures were from modelled ones of its kind.

Each kind of run has two factors by runtime and device (`RuntimeRanges`): nine of ten measured figures are between
modelled x low and modelled x high. Of two precisions on one device the errors are correlated; what they share cancels
in a saving. A technology node has no measured runs: its ranges are those of its prices. Emissions and money follow from
the intervals of energy and time, and from the ranges of what they are charged at.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from bitnet_cost.inputs.cited import Figure
from bitnet_cost.inputs.facility import Facility, Range
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.ranges import (
    DECODES,
    MORE,
    SMALL,
    STEPS,
    Factors,
    RangedQuantity,
    RangeKind,
    RuntimeRanges,
    fixed_kind,
    step_kind,
)
from bitnet_cost.ledger.result import Result, once
from bitnet_cost.told import Array, array, decided

RANGES = {True: "90 % intervals of measured errors", False: "the ends of prices"}  # what low and high are
HEADING = {True: "90% range", False: "price range"}
MOVED = {True: "in a 90 % interval of measured errors, less what both share",
         False: "every price moved on both sides at once"}  # what the range of a saving is  # fmt: skip
WITH_POWER = ("device", "facility")  # scopes that hold all energy of a device, which is what was measured


def factors(result: Result, quantity: RangedQuantity) -> dict[RangeKind, Factors] | None:
    """The factors of a result's kinds of run: one where its question decides it, else by phase and batch.

    None where nothing measured tells: technology nodes, runtimes from files, kinds without measured figures.
    """
    known = None if result.runtime is None else result.runtime.ranges
    if known is None:
        return None
    found = known.of(quantity, result.precision.linear.weights.bits)
    kind = fixed_kind(
        result.architecture, result.precision, result.hardware.device_class, bool(result.workload.staggered),
        decided(result.footprint.total_parameters < SMALL),
    )  # fmt: skip
    if kind is not None:
        return {kind: found[kind]} if kind in found else None
    kinds = {step: step_kind(step, result.hardware.device_class) for step in STEPS}
    return {step: found[own] for step, own in kinds.items()} if found.keys() >= set(kinds.values()) else None


@once
def energy_factors(result: Result) -> dict[RangeKind, Factors] | None:
    """Those of energies, in the scopes that hold all that was measured."""
    return factors(result, "energy") if result.scope in WITH_POWER else None


@once
def is_measured(result: Result) -> bool:
    """Whether its energy has an interval of measured errors, which holds what is unsure of its runtime's kernels."""
    return result.timing is not None and energy_factors(result) is not None


def by_batch(found: dict[RangeKind, Factors], batch: Array, phase: str) -> Array:
    """The factors of a phase at some batches.  [end, n], or one point for all"""
    fixed = next(iter(found.values())) if len(found) == 1 else found["prefill"] if phase == "prefill" else None
    factor: Array = np.array(fixed or found[MORE])[:, None]
    if fixed is None:
        for most, kind in reversed(DECODES):
            factor = np.where(batch <= most, np.array(found[kind])[:, None], factor)
    return factor


def of_energy(found: dict[RangeKind, Factors], result: Result) -> Array:
    """The factors on an energy at each point: of the decode where there is one.  [end, n], or one point for all"""
    batch, _, steps = result.workload.flat()
    if len(found) == 1:
        return by_batch(found, batch, "decode")
    return np.where(steps > 1, by_batch(found, batch, "decode"), by_batch(found, batch, "prefill"))


@once
def energy_interval(result: Result) -> Array:
    """Low, nominal and high energy: a 90 % interval, or all prices at their low and high.  [bound, n]  [J]"""
    bounds: Array = result.energy_bounds.reshape(3, -1)
    found = energy_factors(result)
    if found is None or not result.has_energy:
        return bounds
    low, high = of_energy(found, result)
    return array([bounds[1] * low, bounds[1], bounds[1] * high])


@once
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
        less, more = by_batch(found, result.workload.flat()[0], phase.name)
        low, high = low + seconds * less, high + seconds * more
    return array([low, result.timing.total, high])


def product(one: Array, other: Array) -> Array:
    """Low, nominal and high of the product of two figures that move apart, each bound first.

    The distances of their logarithms from the nominal ones add as squares: a figure without a range leaves the other's.

    >>> np.round(product(np.array([0.8, 1.0, 1.25]), np.array([2.0, 2.0, 2.0])), 9).tolist()
    [1.6, 2.0, 2.5]
    >>> np.round(product(np.array([0.8, 1.0, 1.25]), np.array([0.8, 1.0, 1.25])), 3).tolist()
    [0.729, 1.0, 1.371]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = [np.where(each[1] > 0, np.log(each / each[1]), 0.0) for each in (one, other)]
    signs = np.array([-1.0, 0.0, 1.0]).reshape(3, *[1] * (np.ndim(one) - 1))
    return array(one[1] * other[1] * np.exp(signs * np.hypot(*apart)))


def carbon_interval(result: Result) -> Array | None:
    """Low, nominal and high emissions: of the intervals of energy and time, and of what each is charged at.

    None where there are none.  [bound, n]  [g]
    """
    site = result.facility
    if site is None:
        return None
    making = site.embodied_range(result.hardware.embodied)
    return _charged(result, result.carbon_bounds, site.carbon_range, making)


def cost_interval(result: Result) -> Array | None:
    """Low, nominal and high cost: of the intervals of energy and time, at prices that have no range.

    None where there is none.  [bound, n]  [USD]
    """
    site = result.facility
    if site is None:
        return None
    return _charged(result, result.cost_bounds, exact(site.usd_per_j), exact(site.usd_per_device_s))


def _charged(
    result: Result, bounds: Array | None, per_joule: Range | None, per_device_second: Range | None
) -> Array | None:
    """What is charged for energy and for the time of devices, off together; ``bounds`` where nothing measured tells."""
    seconds = time_interval(result)
    if bounds is None or seconds is None or not is_measured(result):
        return None if bounds is None else bounds.reshape(3, -1)
    return at_prices((energy_interval(result), per_joule), (seconds * result.devices, per_device_second))


def exact(price: float | None) -> Range | None:
    """A price that has no range, as one."""
    return None if price is None else (price, price, price)


def at_prices(*amounts: tuple[Array, Range | None]) -> Array | None:
    """Low, nominal and high of what amounts cost together; None where no price is known.  ``amounts`` [bound, n]

    >>> at_prices((np.array([[1.0], [2.0], [4.0]]), (3.0, 3.0, 3.0)), (np.ones((3, 1)), None)).ravel().round(9).tolist()
    [3.0, 6.0, 12.0]
    """
    parts = [product(amount, np.array(price)[:, None]) for amount, price in amounts if price is not None]
    return sum(parts[1:], parts[0]) if parts else None


def charged(site: Facility | None, profile: Figure | None, joules: Array, seconds: Array) -> list[Array | None]:
    """Low, nominal and high emissions and cost of a facility's energy and of seconds of all devices.  [bound, n]

    Args:
        site: where they are; None: nothing is charged.
        profile: emissions of making one device, as its profile cites them.
        joules: energy of the facility.  [bound, n]  [J]
        seconds: of all devices.  [bound, n]  [s]
    """
    if site is None:
        return [None, None]
    return [
        at_prices((joules, site.carbon_range), (seconds, site.embodied_range(profile))),
        at_prices((joules, exact(site.usd_per_j)), (seconds, exact(site.usd_per_device_s))),
    ]


def in_logs(ends: Any) -> tuple[Any, Any]:
    """Middle and half width of an interval's logarithm; ends may be arrays."""
    return np.log(ends[0] * ends[1]) / 2, np.log(ends[1] / ends[0]) / 2


def left_between(one: Any, other: Any, shared: float) -> Any:
    """Half width of the logarithm of a ratio of two figures, from those of both and the correlation of their errors.

    The 90 % interval of a difference of normal variables: sqrt(a^2 + b^2 - 2 c a b).

    >>> [round(float(left_between(*given)), 3) for given in ((0.1, 0.1, 1.0), (0.3, 0.1, 1.0), (3.0, 4.0, 0.0))]
    [0.0, 0.2, 5.0]
    """
    return np.sqrt((one - other) ** 2 + 2 * (1 - shared) * one * other)


def uncorrelated(one: float, other: float, left: float) -> float:
    """1 less the correlation at which ``left`` is `left_between` two half widths; 0 where more is left at any.

    >>> [round(uncorrelated(0.3, 0.1, left), 3) for left in (0.1, float(left_between(0.3, 0.1, 0.25)))]
    [0.0, 0.75]
    """
    return max(0.0, left**2 - (one - other) ** 2) / (2 * one * other)


def ratio_of(one: Any, other: Any, shared: float) -> tuple[Any, Any]:
    """The factors on the ratio of two figures whose errors are correlated; factors may be arrays.

    >>> [round(float(end), 3) for end in ratio_of((0.8, 1.25), (0.8, 1.25), 0.5)]
    [0.8, 1.25]
    """
    (middle, a), (other_middle, b) = in_logs(one), in_logs(other)
    half = left_between(a, b, shared)
    at = middle - other_middle
    return np.minimum(1.0, np.exp(at - half)), np.maximum(1.0, np.exp(at + half))


def surely_more(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether one figure is more than another over the whole range of their ratio, of errors with nothing in common.

    Each is low, nominal and high.

    >>> surely_more((1.1, 1.4, 1.8), (0.65, 0.88, 1.19)), surely_more((0.9, 1.0, 1.1), (0.85, 0.95, 1.05))
    (True, False)
    """
    low, _ = ratio_of((one[0] / one[1], one[2] / one[1]), (other[0] / other[1], other[2] / other[1]), 0.0)
    return bool(one[1] / other[1] * low > 1)


def correlation(known: RuntimeRanges, *precisions: Precision) -> float:
    """Of the errors of two precisions on one device."""
    one, other = (known.common(precision.linear.weights.bits) for precision in precisions)
    return sqrt(one * other)


def ratio_factors(result: Result, other: Result) -> Array | None:
    """The factors on the ratio of two energies of one device and work: what both errors share cancels.  [end, n]

    None where nothing measured tells.
    """
    one, other_one = energy_factors(result), energy_factors(other)
    if one is None or other_one is None or result.runtime is None or result.runtime.ranges is None:
        return None
    shared = correlation(result.runtime.ranges, result.precision, other.precision)
    ratios = {
        kind: ratio_of(
            one.get(kind, next(iter(one.values()))), other_one.get(kind, next(iter(other_one.values()))), shared
        )
        for kind in max(one, other_one, key=len)  # FP32 is of one kind in every phase
    }
    return of_energy(ratios, result)


def saved_within(nominal: Any, ratio: Any) -> Array:
    """Least, nominal and most saving, from the factors on the ratio of both energies."""
    left, (low, high) = 1 - nominal, ratio
    return array([1 - left * high, nominal, 1 - left * low])
