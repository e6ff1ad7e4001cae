"""What a run does before it is priced: counts, activity, memory and time, by phase and operator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.formulas.sums import ordered_sum, total
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.arrays import PASSES, Bases, Basis, Coefficients, Later, Linear, Stack
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.numerals import with_commas, with_prefix
from bitnet_cost.shown import Shown
from bitnet_cost.told import Array, is_told, named, read_only

Count = Callable[[Array, Array], Array]
"""A number of one sequence, from its prompt and its generated tokens.  [n]"""


Attended = Callable[[Array, Array, str, float], Array]
"""The same, from the span of attention (causal, full) and the window too."""


class Phase(NamedTuple):
    """A phase of a workload, a row of every table: passes that are alike, and what a sequence does in them."""

    name: str
    passes: Count  # forward passes; none: the workload has no such phase
    width: Count  # new tokens in each of them
    pairs: Attended  # query-key pairs of one head
    keys: Attended  # cached positions that are read, each once a pass
    prompts: bool = False  # takes whole prompts in, in one pass, before which nothing is cached
    cut: bool = False  # a runtime may cut a pass into several of fewer tokens
    fills: bool = False  # fills and drains a pipeline; else its stages stay busy
    grows: bool = False  # a pass attends to ``advance`` positions more than the one before
    advance: Array | float = 1.0
    ahead: float = 0.0  # positions that the first such pass attends to beyond the prompt and one advance
    reach: float = 0.0  # positions that its queries reach back together beyond a window

    def __repr__(self) -> str:
        return f"<Phase: {self.name}>"


@dataclass(frozen=True, eq=False, repr=False)
class OpCounts(Shown):
    """What the mathematics needs: coefficients of the operators times bases of the workload.

    A quantity is multiplied out when it is first asked for, ``[phase, op, n]``.
    """

    operators: tuple[Operator, ...]
    phases: tuple[Phase, ...]
    coefficients: Coefficients
    bases: Bases
    workload: Workload
    full_passes: Array | None = None  # of each phase, were all as wide as the widest; None: they are  [phase, n]
    derived: dict[str, OpCounts] = field(init=False, default_factory=dict)  # made once; see `cut_prefill`, `with_rows`
    _made: dict[str, Array] = field(init=False, default_factory=dict)

    @cached_property
    def passes(self) -> Array:
        """Forward passes of each phase: one prefill unless it is cut, G - 1 steps.  [phase, n]"""
        return self.bases[PASSES]

    def row_of(self, phase: str) -> int:
        """Where a phase stands."""
        return [each.name for each in self.phases].index(phase)

    def __getitem__(self, quantity: str) -> Array:
        """A quantity, zero where no operator has it."""
        found = self._made.get(quantity)
        if found is None:
            found = self._made[quantity] = read_only(self.times(quantity, 1.0))
        return found

    def __contains__(self, quantity: str) -> bool:
        return quantity in self.coefficients

    def times(self, quantity: str, each: Array | float) -> Array:
        """A quantity times a figure of each operator, ``[op]`` or one for all.  [phase, op, n]"""
        columns = [(basis, column * each) for basis, column in self.coefficients.get(quantity, {}).items()]
        return Linear(columns, len(self.operators)).over(self.bases)

    @property
    def quantities(self) -> dict[str, Array]:
        """Every quantity that an operator has."""
        return {quantity: self[quantity] for quantity in self.coefficients}

    @property
    def points(self) -> int:
        """Number of points of the grid."""
        return int(self.bases.table.shape[-1])

    def total(self, quantity: str) -> Array:
        """Sum over phases and operators.  [n]"""
        return total(self[quantity])

    def named(self, table: Array, what: str, unit: str) -> Array:
        """A table, its told numbers named by phase, operator and what it holds.  [phase, op, n]"""
        if is_told(table):
            for phase, of_phase in zip(self.phases, table, strict=True):
                for op, value in zip(self.operators, of_phase, strict=True):
                    named(value, f"{phase.name} {op.name}, {what}", unit)
        return table


@dataclass(frozen=True, repr=False, slots=True)
class Actions(Shown):
    """What operators do in a precision on some hardware, for any workload.

    ``columns`` is ``{(of a product, quantity, action): [op]}``, times per unit of the quantity; ``folded`` the same
    summed over operators: ``{(of a product, action): [(basis, times)]}``. ``bits`` are what each operator moves:
    weights, inputs, outputs, what it reads of the KV cache, what it writes.
    """

    coefficients: Coefficients
    columns: dict[tuple[bool, str, str], Array]
    folded: dict[tuple[bool, str], list[tuple[Basis, float]]]
    bits: Stack
    of_tariffs: dict[Any, Any] = field(default_factory=dict)  # what any prices are folded with, by the parts they price

    @property
    def size(self) -> int:
        """Number of operators."""
        return self.bits.figures[0].size

    def of(self, rows: list[int], coefficients: Coefficients) -> Actions:
        """The tables of some operators, which have these coefficients; what is folded stays that of all."""
        columns = {key: column[rows] for key, column in self.columns.items()}
        return Actions(coefficients, columns, self.folded, self.bits.of(rows))


@dataclass(frozen=True, eq=False, repr=False)
class Activity(Shown):
    """How often the actions of the datapath run, and the bits that operators move. Every array is ``[phase, op, n]``.

    ``arithmetic`` holds the actions of the matrix products, ``elementwise`` those of everything else. ``bits`` are what
    each operator moves at least: weights once per pass, inputs, outputs, what it reads of the KV cache and what it
    writes.  [5, phase, op, n]
    """

    arithmetic: Mapping[str, Array]
    elementwise: Mapping[str, Array]
    bits: Array

    @property
    def weight_bits(self) -> Array:
        """Bits of weights, once per pass."""
        found: Array = self.bits[0]
        return found

    @property
    def passing_bits(self) -> Array:
        """Bits that enter operators and that leave them, unfused.  [2, phase, op, n]"""
        found: Array = self.bits[1:3]
        return found

    @property
    def activation_bits(self) -> Array:
        """Bits that enter and leave operators, unfused."""
        found: Array = self.bits[1] + self.bits[2]
        return found

    @property
    def kv_read_bits(self) -> Array:
        """Bits read from the KV cache, once per pass."""
        found: Array = self.bits[3]
        return found

    @property
    def kv_write_bits(self) -> Array:
        """Bits written to the KV cache."""
        found: Array = self.bits[4]
        return found

    @property
    def kv_bits(self) -> Array:
        """Bits read from and written to the KV cache."""
        found: Array = self.bits[3] + self.bits[4]
        return found

    def times(self, factor: float | Array) -> Activity:
        """The activity of as many turns that do the same.  ``factor`` [n] or a number"""

        def grown(part: Mapping[str, Array]) -> dict[str, Array]:
            return {action: runs * factor for action, runs in part.items()}

        return Activity(
            Later(lambda: grown(self.arithmetic)), Later(lambda: grown(self.elementwise)), self.bits * factor
        )


def sum_of_roles(bits_of: Mapping[str, float]) -> float:
    """A sum, one role after the other; Python's own carries what rounding lost."""
    found = 0.0
    for bits in bits_of.values():
        found = found + bits
    return found


@dataclass(frozen=True, eq=False, repr=False)
class Footprint(Shown):
    """Bits resident. Rows of ``parameters`` and ``weight_bits`` are parameter roles; arrays are ``[n]``."""

    parameters: dict[str, int]
    weight_bits: dict[str, float]
    scale_bits: float
    kv_bits: Array
    activation_bits: Array
    ideal_bits: float
    repeated: dict[int, Array | float]  # bits of weights and cache by the devices that can divide them
    host_bits: Array | float = 0.0  # of weights and cache in the host's memory
    cores: int = 1  # parts of the model in each device

    def _line(self) -> str:
        return f"{with_commas(self.total_parameters)} parameters, {with_prefix(self.total_weight_bits / 8, 'B')} stored"

    @property
    def total_parameters(self) -> int:
        """Parameters of the shape, tied weights once."""
        return sum(self.parameters.values())

    @property
    def total_weight_bits(self) -> float:
        """Stored bits of all weights with their scales."""
        return sum_of_roles(self.weight_bits)

    @property
    def bits(self) -> Array:
        """Stored bits of weights, KV cache and peak activations.  [n]"""
        return self.on_each(1)

    def with_draft(self, draft: Footprint) -> Footprint:
        """What is resident with a model that drafts tokens: its weights and cache too; they do not run at once."""
        repeated = {
            most: self.repeated.get(most, 0.0) + draft.repeated.get(most, 0.0)
            for most in dict.fromkeys((*self.repeated, *draft.repeated))
        }
        return Footprint(
            self.parameters, self.weight_bits | {"draft": draft.total_weight_bits}, self.scale_bits,
            self.kv_bits + draft.kv_bits, np.maximum(self.activation_bits, draft.activation_bits), self.ideal_bits,
            repeated, self.host_bits, self.cores,
        )  # fmt: skip

    def on_each(self, devices: int) -> Array:
        """Bits on each of several devices that share weights and cache; each core holds all activations.  [n]

        What the host keeps is on none of them.

        What fewer than all cores can divide is in several of them: whole key-value heads, a latent cache, norms.
        """
        own, parts = (self.total_weight_bits + self.kv_bits - self.host_bits) / devices, devices * self.cores
        for most, bits in self.repeated.items():
            if most < parts:
                own = own + bits * (self.cores / most - 1 / devices)
        return own + self.on_every

    @property
    def on_every(self) -> Array:
        """Bits that each device has in full: the activations of each of its cores.  [n]"""
        return self.activation_bits * self.cores


def devices_that_hold(shared_bits: Array, activation_bits: Array, capacity_bits: float) -> Array:
    """How many devices hold weights and cache among them, each with all activations; infinite: none.  [n]

    >>> devices_that_hold(np.array([100.0]), np.array([2.0, 40.0]), 40.0).tolist()
    [3.0, inf]
    """
    room = capacity_bits - activation_bits
    enough = np.maximum(1.0, np.ceil(shared_bits / np.where(room > 0, room, 1.0)))
    found: Array = np.where(room > 0, enough, np.inf)
    return found


def longest_wait(waits: dict[str, float]) -> str | None:
    """The bound of most seconds; None where there are none."""
    longest = max(waits, key=lambda name: waits[name])
    return longest if waits[longest] else None


@dataclass(frozen=True, eq=False, repr=False)
class Timing(Shown):
    """How long it takes on a device. ``seconds`` is [phase, op, n], stretched where power binds."""

    seconds: Array
    compute: Array  # time that products alone would need at the reached rate
    memory: Array  # time that moving bits alone would need
    overhead: Array  # launches
    link: Array  # what passes between devices
    waiting: Array  # time of kernels beyond what the peaks of the device need
    stretch: Array  # [phase, n]: how much the power cap stretches a phase; 1 where it does not bind
    phases: tuple[Phase, ...]
    host: Array | float = 0.0  # of the time of memory, that of what the host's memory holds

    def _line(self) -> str:
        first = zip(self.names, self.by_phase[:, 0], strict=True)
        return ", ".join(f"{name} {with_prefix(seconds, 's')}" for name, seconds in first)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Those of the phases."""
        return tuple(phase.name for phase in self.phases)

    def longer(self, factor: Array) -> Timing:
        """The timing where a phase takes ``factor`` times as long, [phase, n]."""
        wide = factor[:, None, :]
        return Timing(
            self.seconds * wide, self.compute * wide, self.memory * wide, self.overhead * wide, self.link * wide,
            self.waiting, self.stretch, self.phases, self.host * wide,
        )  # fmt: skip

    def with_draft(self, draft: Timing) -> Timing:
        """The timing with that of a model that drafts tokens, its operators in the last row."""

        def both(own: Array, other: Array) -> Array:
            return np.concatenate((own[:, :-1], ordered_sum(other, 1)[:, None]), axis=1)

        return Timing(
            both(self.seconds, draft.seconds), both(self.compute, draft.compute), both(self.memory, draft.memory),
            both(self.overhead, draft.overhead), both(self.link, draft.link), both(self.waiting, draft.waiting),
            self.stretch, self.phases, self.host,
        )  # fmt: skip

    @property
    def waits(self) -> dict[str, Array]:
        """What each operator waits for: its seconds by the bound that sets them.  Each [phase, op, n]

        Launches are overhead; the rest is whichever of compute and memory takes longer, or power where the cap
        stretches the phase.
        """
        stretched = self.stretch[:, None, :]
        busy = self.seconds - self.overhead - self.link
        power = np.where(stretched > 1, self.seconds, 0.0)
        free = stretched <= 1
        streams = self.host > self.memory / 2
        return {
            "compute": np.where(free & (self.compute > self.memory), busy, 0.0),
            "memory": np.where(free & (self.compute <= self.memory) & ~streams, busy, 0.0),
            "host": np.where(free & (self.compute <= self.memory) & streams, busy, 0.0),
            "overhead": np.where(free, self.overhead, 0.0),
            "interconnect": np.where(free, self.link, 0.0),
            "power": power,
        }

    @property
    def bound(self) -> str | None:
        """What most of the time waits for, over all phases and operators; None where nothing takes time."""
        return longest_wait({name: float(values.sum()) for name, values in self.waits.items()})

    @property
    def bounds(self) -> list[str | None]:
        """What most of the time waits for at each point; None where nothing takes time, or there is no clock.  [n]"""
        waits = {name: total(values).tolist() for name, values in self.waits.items()}
        points = [dict(zip(waits, each, strict=True)) for each in zip(*waits.values(), strict=True)]
        return [None if any(map(math.isnan, waits.values())) else longest_wait(waits) for waits in points]

    def of_phase(self, name: str) -> Array:
        """Seconds of a phase; 0 without one.  [n]"""
        found = (seconds for phase, seconds in zip(self.names, self.by_phase, strict=True) if phase == name)
        return next(found, np.zeros(self.by_phase.shape[-1]))

    @cached_property
    def by_phase(self) -> Array:
        """Seconds of each phase.  [phase, n]"""
        return ordered_sum(self.seconds, 1)

    @cached_property
    def waited(self) -> Array:
        """Waiting of each phase.  [phase, n]"""
        return ordered_sum(self.waiting, 1)

    @cached_property
    def total(self) -> Array:
        """Seconds of all phases.  [n]"""
        return ordered_sum(self.by_phase, 0)
