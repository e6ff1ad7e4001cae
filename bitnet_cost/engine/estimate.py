"""Count, then price: the whole model in a few lines."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from bitnet_cost.engine.activity import count_actions
from bitnet_cost.engine.cost import price, prices_of, saving
from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.footprint import footprint
from bitnet_cost.engine.timing import capped, exchanged_bits, movement, roofline, share_of_one
from bitnet_cost.errors import BitnetCostError, UnsupportedScope
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware, Scope
from bitnet_cost.inputs.precision import FORMAT_BITS, Accumulator, Precision
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
    if scope not in SCOPES:
        raise UnsupportedScope(f"scope {scope!r} is not known; expected {', '.join(SCOPES)}.")
    if hardware.kind == "technology":
        if scope in ("device", "facility"):
            raise UnsupportedScope(f"scope {scope!r}: {hardware.name!r} {NO_CLOCK}. It answers arithmetic, compute.")
        if scope == "memory":
            raise UnsupportedScope(
                f"scope {scope!r}: how software moves data is a device's matter; {hardware.name!r} is a technology"
                " node. It answers arithmetic, compute."
            )


def measure(
    architecture: Architecture, precision: Precision, hardware: Hardware, workload: Workload, *,
    scope: Scope | None = None, accumulator: Accumulator = "paper", counts: OpCounts | None = None,
    runtime: RuntimeProfile | None = None, facility: Facility | None = None, devices: int = 1,
) -> Result:  # fmt: skip
    """Counts, actions and memory, not yet priced: what is known whatever the hardware's figures are.

    ``counts`` of the same architecture and workload save counting again. A device needs its ``runtime``.
    Several ``devices`` work tensor-parallel.

    Raises:
        BitnetCostError: a convention that the architecture excludes; devices that nothing joins.
    """
    check_devices(hardware, devices)
    if counts is None:
        counts = count_ops(architecture, workload)
    on_device = hardware.kind == "device"
    executed = hardware.executed if on_device else None
    part = share_of_one(counts, devices) if devices > 1 else counts
    shared = count_actions(part, precision, accumulator, executed)
    return Result(
        architecture=architecture,
        precision=precision,
        hardware=hardware,
        workload=counts.workload,
        scope=scope or hardware.default_scope,
        accumulator=accumulator,
        counts=counts,
        activity=shared.times(devices) if devices > 1 else shared,
        footprint=footprint(architecture, precision, counts),
        runtime=runtime if on_device else None,
        facility=facility,
        devices=devices,
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
    devices = result.devices
    counts = share_of_one(result.counts, devices) if devices > 1 else result.counts  # of one device, up to the timing
    activity = result.activity.times(1 / devices) if devices > 1 else result.activity
    moved = movement(counts, activity, precision, hardware, result.runtime)
    if devices > 1:
        moved["interconnect.write"] = exchanged_bits(result.counts, devices, float(FORMAT_BITS[precision.elsewhere]))
    activity = replace(activity, movement=moved)
    prices = prices_of(activity, hardware, precision, "memory")
    fits = result.fits
    assert fits is not None
    if not np.any(fits):
        return replace(result, activity=activity, reason=does_not_fit(result))
    timing = roofline(counts, activity, precision, hardware, result.runtime)
    if hardware.priced == "actions":
        dynamic = sum(ordered_sum(values[1], 1) for values in price(activity, prices, "memory").values())
        timing = capped(timing, np.asarray(dynamic), hardware)
    activity = replace(activity, static={"static.power": timing.seconds})
    if devices > 1:
        activity = activity.times(devices)
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
    needed = float(np.min(result.footprint.on_each(result.devices)))
    factor = needed / capacity
    each = "" if result.devices == 1 else f" on each of {result.devices} devices"
    needs, has = with_prefix(needed / 8, "B"), with_prefix(capacity / 8, "B")
    text = f"does not fit: needs {needs} of {has}{each}, {factor:.3g} times"
    enough = result.devices_needed
    if enough:
        return f"{text}; {enough:,} such devices would hold it"
    return f"{text}; {math.ceil(factor):,} such devices would hold it in all, but none the activations whole"


def check_devices(hardware: Hardware, devices: int) -> None:
    """Refuse several devices that nothing joins.

    Raises:
        BitnetCostError: not a whole number from 1, a technology node, no interconnect, or more than it joins.
    """
    if type(devices) is not int or not 1 <= devices <= 100_000:
        raise BitnetCostError(f"devices: {devices!r} is not a whole number from 1 to 100000")
    if devices == 1:
        return
    if hardware.interconnect is None:
        what = "is a technology node" if hardware.kind == "technology" else "has no interconnect"
        raise BitnetCostError(f"devices: {hardware.name!r} {what}; it runs alone")
    if devices > hardware.interconnect.devices:
        most = hardware.interconnect.devices
        raise BitnetCostError(f"devices: the interconnect of {hardware.name!r} joins {most}, not {devices}")


def evaluate(
    architecture: Architecture, precision: Precision, hardware: Hardware, workload: Workload, *,
    scope: Scope | None = None, accumulator: Accumulator = "paper", counts: OpCounts | None = None,
    runtime: RuntimeProfile | None = None, facility: Facility | None = None, devices: int = 1,
) -> Result:  # fmt: skip
    """Memory and energy of one model in one precision on one piece of hardware, over a workload's whole grid.

    Raises:
        UnsupportedScope, MissingPrice, BitnetCostError: see `priced` and `measure`.
    """
    measured = measure(
        architecture, precision, hardware, workload, scope=scope, accumulator=accumulator, counts=counts,
        runtime=runtime, facility=facility, devices=devices,
    )  # fmt: skip
    return priced(measured)


def against(result: Result, baseline: Result) -> Result:
    """The result with its saving over a baseline of the same scope and workload; its own saving is 0."""
    shape = (3, *result.shape)
    if result.precision == baseline.precision:
        zeros = np.zeros(shape)
        return replace(result, baseline=baseline.precision.name, saving=zeros)
    found = saving(result.activity, baseline.activity, {**baseline.prices, **result.prices}, result.scope)
    return replace(result, baseline=baseline.precision.name, saving=found.reshape(shape))
