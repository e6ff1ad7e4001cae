"""The clocks that a board's limit of power leaves: how long phases take, and what their products in tensor units spend.

Shares of a peak that kernels reach are those at full clocks; prices of products are those at the limit (see
`formulas.cap.limited`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.engine.timing import Schedule
from bitnet_cost.formulas.cap import BOOST, HELD, limited
from bitnet_cost.formulas.sums import ordered_sum, sum_in_order
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.ledger.arrays import Bases, Basis, Linear, Stack
from bitnet_cost.ledger.contract import Entries, Tariff
from bitnet_cost.ledger.counted import Actions, Timing
from bitnet_cost.told import Array, holds_everywhere, is_told, named

OTHER_UNITS = ("mac.fp32", "mac.int32")


class Spent(NamedTuple):
    """Products in tensor units: MACs, [action, phase, n], and their energy at prices, [phase, n].

    ``empty`` rows of tiles spend so much more, [phase, op, n]: the ``padding`` MACs, with the energy ``besides``.
    """

    work: Boosted
    bases: Bases
    macs: Array
    energy: Array  # with what empty rows spend
    empty: Array | None = None
    padding: Array | float = 0.0
    besides: Array | float = 0.0

    def beyond(self, dearer: Array, turns: float | Array) -> Entries:
        """What they spend beyond their prices, as MACs: ``dearer`` times their energy is spent.  [phase, n]"""
        work, bases, more, empty = self.work, self.bases, dearer - 1, self.empty
        spent = self.macs * more + self.padding * dearer

        def tables() -> Array:
            each = more[:, None, :] if empty is None else more[:, None, :] + empty * dearer[:, None, :]
            return work.macs.over(bases) * each

        return Entries(4, work.actions, tables, spent, turns)


@dataclass(frozen=True, eq=False, slots=True)
class Boosted:
    """Products of a device whose clocks follow its power: MACs in tensor units by action, of operators and of all."""

    actions: tuple[str, ...]
    macs: Stack
    sums: Stack

    def spent(self, bases: Bases, whole: Tariff, empty: Array | None = None) -> Spent:
        """What they, and ``empty`` rows of their tiles, spend where the workload's bases and their prices are known."""
        macs: Array = self.sums.over(bases)[:, :, 0]
        energy = self._priced(macs, whole)
        if empty is None:
            return Spent(self, bases, macs, energy)
        padding = ordered_sum(self.macs.over(bases) * empty, 2)
        besides = self._priced(padding, whole)
        return Spent(self, bases, macs, energy + besides, empty, padding, besides)

    def _priced(self, macs: Array, whole: Tariff) -> Array:
        """Energy of MACs at prices.  [phase, n]"""
        return sum_in_order([n * whole.prices[action][1] for action, n in zip(self.actions, macs, strict=True)])


def boosted(part: Actions, bases: tuple[Basis, ...], plan: Schedule, hardware: Hardware) -> Boosted | None:
    """The products in tensor units of what one device does; None where prices hold at any clocks.

    Those of GPUs follow its power: on other devices no product was measured beside pauses.
    """
    if hardware.device_class != "gpu" or hardware.priced != "actions" or hardware.device_power.cap is None:
        return None
    inside = np.array([float(kernel is None or kernel.units is None) for kernel in plan.kernels])
    columns: dict[str, list[tuple[Basis, Array]]] = {}
    for (product, quantity, action), times in part.columns.items():
        if product and action.startswith("mac.") and action not in OTHER_UNITS:
            of = part.coefficients.get(quantity, {})
            columns.setdefault(action, []).extend((basis, each * times * inside) for basis, each in of.items())
    if not columns:
        return None
    place = {basis: i for i, basis in enumerate(bases)}  # in one order, so that one point and many are summed alike
    every = [Linear(sorted(each, key=lambda part: place[part[0]]), len(inside)) for each in columns.values()]
    sums = [Linear([(basis, ordered_sum(column[:, None], 0)) for basis, column in one.columns], 1) for one in every]
    return Boosted(tuple(columns), Stack(every, bases), Stack(sums, bases))


def room_of(hardware: Hardware) -> Any:
    """Power above the floor that the limit leaves, infinite where there is none.  [W]"""
    power = hardware.device_power
    if power.cap is None:
        return np.inf
    return power.cap.value * (HELD if hardware.device_class == "gpu" else 1.0) - power.static.value


def clocked(
    timing: Timing, dynamic: Array, hardware: Hardware, products: Array | None, shared: Array | None = None
) -> tuple[Timing, Array]:
    """The timing under the board's limit, and what products spend over what they are priced at, [phase, n].

    ``dynamic`` is the dynamic energy of each phase at its prices, [phase, n], of it ``products`` those in tensor units
    of a device whose clocks follow its power. Prompts that share steps reach the limit together with the ``shared``
    ones, see `timing.riding`.
    """
    seconds, none = timing.by_phase, np.zeros(np.shape(dynamic))
    if hardware.device_power.cap is None:
        return timing, 1.0 + none
    for phase, spent_j, takes in zip(timing.phases, dynamic, seconds, strict=True) if is_told(dynamic) else ():
        named(spent_j, f"{phase.name} energy above the floor at prices", "J")
        named(takes, f"{phase.name} seconds before the limit of power", "s")
    room, work, by_clock = room_of(hardware), none, none
    if products is not None:
        if holds_everywhere(BOOST * products + (dynamic - products) <= room * seconds):
            return timing, BOOST + none
        work, by_clock = products, ordered_sum(np.where(timing.compute > timing.memory, timing.compute, 0.0), 1)
    parts = work, dynamic - work, by_clock, seconds - by_clock
    stretch, dearer = limited(*parts, room)
    if shared is not None:
        energy, others, slowed, steady = (part[0] + shared * part[1] for part in parts)
        longer, spent = limited(energy, others, slowed, steady, room)
        added = longer * (slowed + steady) - shared * (stretch[1] * seconds[1])
        own = (spent * energy - shared * (dearer[1] * work[1])) / np.where(work[0] > 0, work[0], 1.0)
        stretch = np.stack((np.maximum(added / seconds[0], 1.0), stretch[1]))
        dearer = np.stack((np.where(work[0] > 0, own, 1.0), dearer[1]))
    if holds_everywhere(stretch <= 1):
        return timing, dearer
    return replace(timing, seconds=timing.seconds * stretch[:, None, :], stretch=stretch), dearer
