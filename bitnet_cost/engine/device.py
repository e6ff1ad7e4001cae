"""A workload run on devices: what one of them does, how long it takes, and what all of them move and draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bitnet_cost.engine.activity import count_actions
from bitnet_cost.engine.clocks import Boosted, clocked
from bitnet_cost.engine.parallel import Share, data_share, parts_of, pipeline_share, tensor_share
from bitnet_cost.engine.timing import FROM_HOST, Schedule, cut_prefill, movement, roofline, slowed, steps_shared
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import FORMAT_BITS
from bitnet_cost.ledger.arrays import Stack
from bitnet_cost.ledger.contract import Entries, Tariff
from bitnet_cost.ledger.counted import Actions, Activity, OpCounts, Timing
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import Array


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Run:
    """What devices do in a workload."""

    counts: OpCounts  # of one device, in one of its turns
    activity: Activity  # of all devices
    timing: Timing
    turns: Array | None  # how often a device's turn runs in all; None: once
    entries: tuple[Entries, ...]  # bits that all devices move, and seconds that power is drawn


def places_of(result: Result, plan: Schedule) -> tuple[str, ...]:
    """The actions that move bits."""
    return (*plan.places, "interconnect.write") if result.devices > 1 else plan.places


def floor_of(hardware: Hardware, devices: int | Array) -> tuple[str, ...]:
    """The actions that a second of power is: of the floor, between kernels, of kernels that wait, of lit links."""
    power, link = hardware.device_power, hardware.interconnect
    waits = power.active is not None and hardware.priced == "actions"
    lit = link is not None and link.power is not None and bool(np.max(devices) > 1)
    return (
        "static.power", *("static.between",) * (power.between is not None), *("static.waiting",) * waits,
        *("interconnect.power",) * lit,
    )  # fmt: skip


def _share(result: Result) -> Share | None:
    if result.devices == 1:
        return None
    bits = float(FORMAT_BITS[result.precision.elsewhere])
    if result.parallel == "pipeline":
        return pipeline_share(result.architecture, result.counts, result.devices, bits)
    if result.parallel == "data":
        return data_share(result.counts, result.devices, bits)
    return tensor_share(result.counts, parts_of(result.devices, result.parallel, result.hardware, result.runtime), bits)


class Turn(NamedTuple):
    """What one device does, or one turn of a pipeline; on one device, all of it."""

    counts: OpCounts
    activity: Activity
    bits: Array  # moved at the schedule's places, [place, phase, op, n]
    share: Share | None  # of the work, where several devices have one


def turn_of(result: Result, actions: Actions, plan: Schedule) -> Turn:
    """The turn that the energy and time of a measured result are multiples of; see `run`."""
    share = _share(result)
    counts = cut_prefill(result.counts if share is None else share.counts, plan.runtime.cut(result.architecture.kind))
    activity = result.activity if share is None else count_actions(counts, actions)
    return Turn(counts, activity, movement(counts, activity, actions, plan), share)


def run(
    result: Result, actions: Actions, plan: Schedule, products: Stack, whole: Tariff, work: Boosted | None
) -> Run:  # fmt: skip
    """A measured result run on its devices.

    ``actions`` and ``products``, the seconds of the products, are those of one device, as is its ``work`` in tensor
    units; ``whole`` prices all that it does, for the limit of its power.
    """
    hardware = result.hardware
    counts, activity, bits, share = turn_of(result, actions, plan)
    places = plan.places
    moved = ordered_sum(bits, 2)  # [place, phase, n]
    if share is not None:
        places, moved = (*places, "interconnect.write"), np.concatenate((moved, ordered_sum(share.sent_bits, 1)[None]))
    timing = roofline(
        counts, activity, hardware, plan, slowed(products.over(counts.bases)[0], counts, plan), bits, share
    )
    factor: float | Array = 1.0 if share is None else share.turns
    clocks: list[Entries] = []
    if hardware.priced == "actions":
        nominal = whole.of_others[: len(moved), 1]  # the first of them are the places
        near = [i for i, place in enumerate(places) if place not in FROM_HOST]  # the board's limit holds no other power
        dynamic = whole.by_phase(counts.bases) + ordered_sum(moved[near] * nominal[near][:, None], 0)
        active = hardware.device_power.active
        if active is not None:
            dynamic = dynamic + active.value * timing.waited
        if "interconnect.power" in floor_of(hardware, result.devices):
            dynamic = dynamic + whole.prices["interconnect.power"][1] * timing.by_phase
        empty = plan.tiles.empty(counts, len(plan.kernels)) if plan.tiles is not None else None
        spent = None if work is None else work.spent(counts.bases, whole, empty)
        products_j = None if spent is None else spent.energy
        if spent is not None:
            dynamic = dynamic + spent.besides
        timing, dearer = clocked(timing, dynamic, hardware, products_j, steps_shared(counts, plan.runtime))
        clocks = [] if spent is None else [spent.beyond(dearer, factor)]
    if share is not None:
        activity, timing = activity.times(share.turns), timing.longer(share.wait)

    def tables() -> Array:
        return bits if share is None else np.concatenate((bits, share.sent_bits[None]))

    entries = (
        Entries(3, places, tables, moved, factor),
        *clocks,
        *_drawn(timing, hardware, result.devices, factor),
    )
    return Run(counts, activity, timing, None if share is None else share.turns, entries)


def _drawn(timing: Timing, hardware: Hardware, devices: int, turns: float | Array) -> list[Entries]:
    """Seconds of the floor of power, of the gaps between kernels, of kernels that wait, and of the host."""
    kinds = floor_of(hardware, devices)
    tables, sums = [timing.seconds], [timing.by_phase]
    if apart := "static.between" in kinds:
        gaps = np.minimum(timing.overhead, timing.seconds)
        tables, sums = [*tables, gaps], [*sums, ordered_sum(gaps, 1)]
    found = [Entries(4, kinds[: len(tables)], lambda: np.stack(tables), np.stack(sums), devices, apart)]
    if "static.waiting" in kinds:
        waited = timing.waited[None]
        found.append(Entries(4, ("static.waiting",), lambda: timing.waiting[None], waited, turns))
    if "interconnect.power" in kinds:
        found.append(Entries(4, ("interconnect.power",), lambda: timing.seconds[None], timing.by_phase[None], devices))
    if hardware.housed:
        found.append(Entries(5, ("server.power",), lambda: timing.seconds[None], timing.by_phase[None],
                             devices * hardware.of_server))  # fmt: skip
    return found
