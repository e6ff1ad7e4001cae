"""A workload run on devices: what one of them does, how long it takes, and what all of them move and draw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bitnet_cost.engine.activity import Actions, count_actions
from bitnet_cost.engine.cost import Tariff
from bitnet_cost.engine.parallel import Share, pipeline_share, tensor_share
from bitnet_cost.engine.timing import Schedule, capped, cut_prefill, movement, roofline
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import FORMAT_BITS
from bitnet_cost.inputs.workload import Array
from bitnet_cost.result import Activity, Later, OpCounts, Result, Stack, Timing, ordered_sum, over_phases


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Run:
    """What devices do in a workload. Sums over phases and operators are ``[n]``."""

    counts: OpCounts  # of one device, in one of its turns
    activity: Activity  # of all devices
    timing: Timing
    turns: float | Array  # how often a device's turn runs in all
    moved: dict[str, Array]  # bits that all devices move, by place
    still: dict[str, Array]  # seconds that the floor of power is drawn, by kind


def places_of(result: Result, plan: Schedule | None) -> tuple[str, ...]:
    """The actions that move bits."""
    assert plan is not None
    return (*plan.places, "interconnect.write") if result.devices > 1 else plan.places


def floor_of(hardware: Hardware) -> tuple[str, ...]:
    """The actions that a second of power is: of the floor, between kernels, of kernels that wait."""
    power = hardware.power
    assert power is not None
    waits = power.active is not None and hardware.priced == "actions"
    return ("static.power", *("static.between",) * (power.between is not None), *("static.waiting",) * waits)


def _share(result: Result) -> Share | None:
    if result.devices == 1:
        return None
    bits = float(FORMAT_BITS[result.precision.elsewhere])
    if result.parallel == "pipeline":
        return pipeline_share(result.architecture, result.counts, result.devices, bits)
    return tensor_share(result.counts, result.devices, bits)


class Turn(NamedTuple):
    """What one device does, or one turn of a pipeline; on one device, all of it."""

    counts: OpCounts
    activity: Activity
    bits: Array  # moved at the schedule's places, [place, phase, op, n]
    share: Share | None  # of the work, where several devices have one


def turn_of(result: Result, actions: Actions, plan: Schedule) -> Turn:
    """The turn that the energy and time of a measured result are multiples of; see `run`."""
    runtime, share = result.runtime, _share(result)
    assert runtime is not None
    counts = cut_prefill(result.counts if share is None else share.counts, runtime.cut(result.architecture.kind))
    activity = result.activity if share is None else count_actions(counts, actions)
    return Turn(counts, activity, movement(counts, activity, actions, runtime, plan), share)


def run(result: Result, actions: Actions, plan: Schedule, products: Stack, whole: Tariff) -> Run:
    """A measured result run on its devices.

    ``actions`` and ``products``, the seconds of the products, are those of one device; ``whole`` prices all that it
    does, for the limit of its power.
    """
    hardware, runtime = result.hardware, result.runtime
    assert runtime is not None
    counts, activity, bits, share = turn_of(result, actions, plan)
    moved = ordered_sum(bits, 2)  # [place, phase, n]
    movements = dict(zip(plan.places, bits, strict=True))
    if share is not None:
        movements["interconnect.write"] = share.sent_bits
        moved = np.concatenate((moved, ordered_sum(share.sent_bits, 1)[None]))
    timing = roofline(counts, activity, hardware, runtime, plan, products.over(counts.bases)[0], bits, share)
    if hardware.priced == "actions":
        nominal = whole.of_others[: len(moved), 1]  # the first of them are the places
        dynamic = whole.dynamic(counts.bases) + ordered_sum(moved * nominal[:, None], 0)
        assert hardware.power is not None
        if hardware.power.active is not None:
            dynamic = dynamic + hardware.power.active.value * timing.waited
        timing = capped(timing, dynamic, hardware)
    turns: float | Array = 1.0
    summed = over_phases(moved.swapaxes(0, 1))
    if share is not None:
        turns = share.turns
        activity, timing, summed = activity.times(turns), timing.longer(share.wait), summed * turns
        movements = {place: sent * turns for place, sent in movements.items()}
    still, apart = _still(timing, hardware, result.devices, turns)
    activity = replace(activity, movement=movements, static=apart)
    return Run(counts, activity, timing, turns, dict(zip(movements, summed, strict=True)), still)


def _still(timing: Timing, hardware: Hardware, devices: int, turns: float | Array) -> tuple[dict[str, Array], Later]:
    """Seconds that the floor of power is drawn, by kind: each [n], and each [phase, op, n]."""
    kinds = floor_of(hardware)
    gaps = np.minimum(timing.overhead, timing.seconds) if "static.between" in kinds else None
    found = {"static.power": over_phases(timing.by_phase) * devices}
    if gaps is not None:
        short = over_phases(ordered_sum(gaps, 1)) * devices
        found = {"static.power": found["static.power"] - short, "static.between": short}
    if "static.waiting" in kinds:
        found["static.waiting"] = over_phases(timing.waited) * turns

    def apart() -> dict[str, Array]:
        static = {"static.power": timing.seconds * devices}
        if gaps is not None:
            each = gaps * devices
            static = {"static.power": static["static.power"] - each, "static.between": each}
        if "static.waiting" in kinds:
            static["static.waiting"] = timing.waiting * turns
        return static

    return found, Later(apart)
