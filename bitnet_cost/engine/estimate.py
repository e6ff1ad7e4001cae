"""Count, then price: the whole model in a few lines."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from bitnet_cost.engine.activity import count_actions
from bitnet_cost.engine.cost import price, prices_of, saving
from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.footprint import footprint
from bitnet_cost.engine.timing import capped, movement, roofline
from bitnet_cost.errors import UnsupportedScope
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware, Scope
from bitnet_cost.inputs.precision import Accumulator, Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.result import OpCounts, Result, ordered_sum
from bitnet_cost.units import with_prefix

NO_CLOCK = (
    "is a technology node: it has prices per operation and no clock, so no time, no static power, no system around it"
)
SCOPES: dict[Scope, str] = {
    "arithmetic": "the matrix products alone, as in the papers",
    "compute": "matrix products and elementwise work",
    "memory": "and all data movement",
    "device": "and static power x time",
    "facility": "times the facility's PUE",
}


def check_scope(hardware: Hardware, scope: Scope) -> None:
    """Refuse a scope that the hardware cannot answer.

    Raises:
        UnsupportedScope: with the reason.
    """
    if hardware.kind == "technology":
        if scope in ("device", "facility"):
            raise UnsupportedScope(f"scope {scope!r}: {hardware.name!r} {NO_CLOCK}. It answers arithmetic, compute.")
        if scope == "memory":
            raise UnsupportedScope(
                f"scope {scope!r}: how software moves data is a device's matter; {hardware.name!r} is a technology"
                " node. It answers arithmetic, compute."
            )
    elif scope not in SCOPES:
        raise UnsupportedScope(f"scope {scope!r} is not modelled yet; {hardware.name!r} answers {', '.join(SCOPES)}.")


def measure(
    architecture: Architecture, precision: Precision, hardware: Hardware, workload: Workload, *,
    scope: Scope | None = None, accumulator: Accumulator = "paper", counts: OpCounts | None = None,
    runtime: RuntimeProfile | None = None, facility: Facility | None = None,
) -> Result:  # fmt: skip
    """Counts, actions and memory, not yet priced: what is known whatever the hardware's figures are.

    ``counts`` of the same architecture and workload save counting again. A device needs its ``runtime``.

    Raises:
        BitnetCostError: a convention that the architecture excludes.
    """
    if counts is None:
        counts = count_ops(architecture, workload)
    on_device = hardware.kind == "device"
    return Result(
        architecture=architecture,
        precision=precision,
        hardware=hardware,
        workload=counts.workload,
        scope=scope or hardware.default_scope,
        accumulator=accumulator,
        counts=counts,
        activity=count_actions(counts, precision, accumulator, hardware.executed if on_device else None),
        footprint=footprint(architecture, precision, counts),
        runtime=runtime if on_device else None,
        facility=facility,
    )


def priced(result: Result) -> Result:
    """The result with its energy, and on a device its time. What does not fit a device gets neither, and a reason.

    Raises:
        UnsupportedScope: the hardware cannot answer the scope.
        MissingPrice: an action of the precision has no price.
    """
    hardware, precision = result.hardware, result.precision
    check_scope(hardware, result.scope)
    if hardware.kind == "technology":
        prices = prices_of(result.activity, hardware, precision, result.scope)
        return replace(result, prices=prices, joules=price(result.activity, prices, result.scope))
    assert result.runtime is not None
    moved = movement(result.counts, result.activity, precision, hardware, result.runtime)
    activity = replace(result.activity, movement=moved)
    prices = prices_of(activity, hardware, precision, "memory")
    fits = result.fits
    assert fits is not None
    if not np.any(fits):
        return replace(result, activity=activity, reason=does_not_fit(result))
    timing = roofline(result.counts, activity, precision, hardware, result.runtime)
    if hardware.priced == "actions":
        dynamic = sum(ordered_sum(values[1], 1) for values in price(activity, prices, "memory").values())
        timing = capped(timing, np.asarray(dynamic), hardware)
    activity = replace(activity, static={"static.power": timing.seconds})
    if hardware.priced == "time" and result.scope in (
        "device",
        "facility",
    ):  # the package's power includes every action
        activity = replace(activity, arithmetic={}, elementwise={}, movement={})
    prices = prices_of(activity, hardware, precision, result.scope)
    joules = price(activity, prices, result.scope)
    if result.scope == "facility" and result.facility is not None:
        joules["facility"] = (result.facility.pue - 1) * replace(result, joules=joules).by_operator
    if not np.all(fits):
        outside = np.logical_not(fits).ravel()
        for values in joules.values():
            values[..., outside] = np.nan
        timing.seconds[..., outside] = np.nan
    return replace(result, activity=activity, prices=prices, joules=joules, timing=timing)


def does_not_fit(result: Result) -> str:
    """By how much a single point does not fit, and how many devices would hold it."""
    capacity = result.capacity_bits
    assert capacity is not None
    needed = float(np.min(result.footprint.bits))
    factor, devices = needed / capacity, math.ceil(needed / capacity)
    return (
        f"does not fit: needs {with_prefix(needed / 8, 'B')} of {with_prefix(capacity / 8, 'B')},"
        f" {factor:.3g} times; {devices:,} such devices would hold it"
    )


def evaluate(
    architecture: Architecture, precision: Precision, hardware: Hardware, workload: Workload, *,
    scope: Scope | None = None, accumulator: Accumulator = "paper", runtime: RuntimeProfile | None = None,
) -> Result:  # fmt: skip
    """Memory and energy of one model in one precision on one piece of hardware, over a workload's whole grid.

    Raises:
        UnsupportedScope, MissingPrice, BitnetCostError: see `priced` and `measure`.
    """
    return priced(
        measure(architecture, precision, hardware, workload, scope=scope, accumulator=accumulator, runtime=runtime)
    )


def against(result: Result, baseline: Result) -> Result:
    """The result with its saving over a baseline of the same scope and workload; its own saving is 0."""
    shape = (3, *result.shape)
    if result.precision == baseline.precision:
        zeros = np.zeros(shape)
        return replace(result, baseline=baseline.precision.name, saving=zeros)
    found = saving(result.activity, baseline.activity, {**baseline.prices, **result.prices}, result.scope)
    return replace(result, baseline=baseline.precision.name, saving=found.reshape(shape))
