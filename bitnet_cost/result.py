"""The data that engine and views share: operators, counts, activity, footprint, and the result of one evaluation.

Arrays are ``[phase, op, n]`` where n runs over the flattened grid of the workload; a single estimate has n = 1, so
one evaluation and a million are the same lines of code. Sums run in one fixed order (`ordered_sum`), so that an
element of a grid equals the single estimate to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, ValuesView
from dataclasses import dataclass, field
from functools import cache, cached_property, reduce
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bitnet_cost import registry
from bitnet_cost.frames import Library
from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility, Range
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Array, Workload
from bitnet_cost.told import array, filled, is_told, named, zeros
from bitnet_cost.words import Accumulator, Parallel, Scope

SPECIAL_QUANTITIES = ("exp", "tanh", "erf", "div", "sqrt")
_SPECIAL_ACTIONS = (*SPECIAL_QUANTITIES, "unpack")


Basis = tuple[str, *tuple[float, ...]]
"""A quantity of the workload, by name, with its numbers: ``("tokens",)``, ``("pairs", 4096.0)``."""

PASSES: Basis = ("passes",)

EXACT = 2.0**53
"""Whole numbers up to here, 9.0e15, are exact as floats; above they are rounded to 53 bits."""

Term = tuple[str, Basis, float]
"""``(quantity, basis, coefficient)``: so much of a quantity for each unit of a basis, in one layer."""


KernelKind = Literal[
    "product", "experts", "attention", "norm", "rope", "activation", "residual", "quantise", "dequantise",
    "elementwise", "host",
]  # fmt: skip
Fusion = Literal["no", "projections", "always"]
TensorKind = Literal["embedding", "head", "query", "key", "value", "output", "down", "plain", "other"]
Backward = Literal["product", "elementwise", "none"]


class Traits(NamedTuple):
    """What is asked of an operator beyond its terms, decided where a layer is built: nothing asks for its name."""

    kernel: KernelKind = "product"  # what it runs as; with the precision this gives the class of kernels
    fused: Fusion = "no"  # whether it runs in the kernel of an operator before it: where a runtime fuses projections
    split: bool = True  # whether tensor-parallel devices share it; else each of them does all of it
    summed: bool = False  # whether sums of the residual stream over devices are closed after each of its parts
    scores: bool = False  # whether it works on the scores of attention, one for each query-key pair
    tensor: TensorKind = "other"  # what its weights are to a quantiser of checkpoints; plain ones stay as they are
    backward: Backward = "product"  # gradients of the input and of the weights, one pass like the forward one, or none


class Operator(NamedTuple):
    """One operator of a run of identical layers, and the parameters it owns.

    ``role`` is what a precision decides on: linear, attention, lm_head, embedding or elsewhere.
    """

    name: str
    group: str
    role: str
    repeat: int
    terms: tuple[Term, ...]
    weights: int = 0  # resident weights of one layer
    bias: int = 0  # resident biases of one layer
    matrices: int = 0  # weight matrices of one layer, which share a shape
    shape: tuple[int, int] = (0, 0)  # inputs, outputs of one matrix
    parameter: str = ""  # role under which the weights are listed
    bias_parameter: str = "bias"
    parts: int = 1  # separate invocations in one layer, e.g. two norms
    layer: int = 0  # the first of its layers
    traits: Traits = Traits()

    def has(self, *quantities: str) -> bool:
        """Whether it has any of some quantities."""
        return any(quantity in quantities for quantity, _, _ in self.terms)


def ordered_sum(values: Array, axis: int) -> Array:
    """Sum along an axis strictly from first to last, whatever the other axes hold.

    NumPy's own sum adds pairwise along contiguous memory, so that its last bits depend on the shape of the grid;
    Python's carries what rounding lost from 3.12 on, so that they would depend on the version.

    >>> ordered_sum(np.array([[1e16], [1.0], [1.0]]), axis=0).tolist()
    [1e+16]
    """
    if values.shape[axis] == 0:
        return np.zeros(values.shape[:axis] + values.shape[axis + 1 :])
    if values.strides[axis] >= 512 and values.flags.c_contiguous:
        rows: Array = np.add.reduce(values, axis=axis)  # whole rows of memory are added one after the other
        return rows
    sums = np.add.accumulate(values, axis=axis)
    last: Array = sums[-1] if axis == 0 else sums[:, -1] if axis == 1 else sums[:, :, -1]
    return last


def over_phases(values: Array) -> Array:
    """Sum over phases, in order.  ``values`` [phase, ...]  ->  [...]"""
    found: Array = reduce(np.add, values)
    return found


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
    grows: bool = False  # a pass attends to one position more than the one before


class Bases(Mapping[Basis, Array]):
    """What a workload repeats: quantities by basis, ``[phase, n]`` each, in one array.

    ``table`` is [basis, phase, n].
    """

    __slots__ = ("_rows", "names", "table")

    def __init__(self, names: tuple[Basis, ...], table: Array) -> None:
        self.names, self.table = names, table
        self._rows: dict[Basis, int] = {}

    @property
    def rows(self) -> dict[Basis, int]:
        """Where each basis stands."""
        if not self._rows:
            self._rows = {basis: row for row, basis in enumerate(self.names)}
        return self._rows

    def of(self, names: tuple[Basis, ...]) -> Array:
        """Some of them, in their order.  [basis, phase, n]"""
        if names is self.names or names == self.names:
            return self.table
        rows = self.rows
        some: Array = self.table[[rows[basis] for basis in names]]
        return some

    def __getitem__(self, basis: Basis) -> Array:
        found: Array = self.table[self.rows[basis]]
        return found

    def __iter__(self) -> Iterator[Basis]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


Coefficients = dict[str, dict[Basis, Array]]
"""``{quantity: {basis: [op]}}``: what an operator's layers need in all for each unit of a basis."""


def span_of(column: Array) -> slice | None:
    """From the first to the last entry that is not zero; None where all are."""
    some = filled(column)
    rows = np.flatnonzero(some if some.ndim == 1 else some.any(axis=1))
    return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else None


class _Term(NamedTuple):
    """Coefficients of consecutive operators for one basis; ``fresh`` where no term before has any of them."""

    basis: Basis
    rows: slice
    column: Array  # [row, 1], or [row, n]
    fresh: bool


class Linear:
    """A figure of each operator that is linear in what the workload repeats: coefficients by basis, [op] or [op, n]."""

    __slots__ = ("columns", "rows", "size", "terms")

    def __init__(self, columns: Iterable[tuple[Basis, Array]], size: int) -> None:
        self.size = size
        merged: dict[Basis, Array] = {}  # coefficients of one basis are added before they meet it, at every point
        for basis, column in columns:
            merged[basis] = merged[basis] + column if basis in merged else column
        self.columns = tuple(merged.items())
        some = np.zeros(size, dtype=bool)
        terms = []
        for basis, column in self.columns:  # only where there is something: most bases belong to few operators
            rows = span_of(column)
            if rows is not None:
                part = column[rows] if column.ndim == 2 else column[rows, None]
                terms.append(_Term(basis, rows, part, not some[rows].any()))
                some[rows] = True
        self.terms = tuple(terms)
        self.rows = span_of(some) or slice(0, 0)  # from the first to the last operator that has any

    def of(self, rows: list[int]) -> Linear:
        """The figure of some operators."""
        return Linear([(basis, column[rows]) for basis, column in self.columns], len(rows))

    def over(self, bases: Bases, out: Array | None = None) -> Array:
        """The figure where the workload's bases are known.  [phase, op, n]"""
        _, phases, points = bases.table.shape
        columns = [column for _, _, column, _ in self.terms]
        found: Array = zeros((phases, self.size, points), bases.table, *columns) if out is None else out
        for basis, rows, column, fresh in self.terms:
            part = found[:, rows]
            if fresh:
                part[...] = column * bases[basis][:, None]
            else:
                part += column * bases[basis][:, None]
        return found


class Stack:
    """Several figures of the same operators, worked out together.  ``names`` are the bases they may need."""

    __slots__ = ("_dense", "figures", "names")

    def __init__(self, figures: Iterable[Linear], names: tuple[Basis, ...]) -> None:
        self.figures, self.names = tuple(figures), names
        self._dense: Array | None = None

    def of(self, rows: list[int]) -> Stack:
        """The figures of some operators."""
        return Stack([figure.of(rows) for figure in self.figures], self.names)

    def over(self, bases: Bases) -> Array:
        """Each figure where the workload's bases are known.  [figure, phase, op, n]"""
        _, phases, points = bases.table.shape
        if points > 1:
            found = np.zeros((len(self.figures), phases, self.figures[0].size, points))
            for figure, out in zip(self.figures, found, strict=True):
                figure.over(bases, out)
            return found
        # At a single point a step of the interpreter costs more than a pass over zeros, and zeros change no sum.
        if self._dense is None:
            self._dense = self._table()
        return ordered_sum(self._dense * bases.of(self.names)[:, :, None, None], 0).swapaxes(0, 1)

    def _table(self) -> Array:
        """Coefficients of every figure.  [basis, 1, figure, op, 1]"""
        columns = [column for figure in self.figures for _, column in figure.columns]
        found = zeros((len(self.names), 1, len(self.figures), self.figures[0].size, 1), *columns)
        for i, figure in enumerate(self.figures):
            for basis, column in figure.columns:
                found[self.names.index(basis), 0, i, :, 0] += column.reshape(figure.size)
        return found


class Later(Mapping[str, Array]):
    """Arrays by name, made when the first of them is asked for. It is true: there is at least one."""

    def __init__(self, make: Callable[[], Mapping[str, Array]]) -> None:
        self._make: Callable[[], Mapping[str, Array]] | None = make
        self._made: Mapping[str, Array] = {}

    def _arrays(self) -> Mapping[str, Array]:
        if self._make is not None:
            self._made, self._make = self._make(), None
        return self._made

    def __getitem__(self, name: str) -> Array:
        return self._arrays()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays())

    def __len__(self) -> int:
        return len(self._arrays())

    def __bool__(self) -> bool:
        return True

    def values(self) -> ValuesView[Array]:
        """The arrays, without a look-up for each."""
        return self._arrays().values()


@dataclass(frozen=True, eq=False, repr=False)
class OpCounts:
    """What the mathematics needs: coefficients of the operators times bases of the workload.

    A quantity is multiplied out when it is first asked for, ``[phase, op, n]``.
    """

    operators: tuple[Operator, ...]
    phases: tuple[Phase, ...]
    coefficients: Coefficients
    bases: Bases
    workload: Workload
    derived: dict[str, OpCounts] = field(init=False, default_factory=dict)  # made once; see `cut_prefill`, `with_host`
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
            found = self._made[quantity] = self.times(quantity, 1.0)
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


def total(values: Array) -> Array:
    """Sum of ``[phase, op, n]`` over phases and operators, in order.  [n]"""
    return ordered_sum(values.reshape(-1, values.shape[-1]), 0)


@dataclass(frozen=True, eq=False, repr=False)
class Activity:
    """How often each hardware action runs. Every array is ``[phase, op, n]``.

    The parts widen with the scope: ``arithmetic`` holds the actions of the matrix products, ``elementwise`` those of
    everything else, ``movement`` the bits read and written at each memory level (``hbm.read``), ``static`` the seconds
    that the floor of power is drawn. ``runs`` are the sums of the first two over phases and operators, [n], folded
    before they are multiplied: the same figures without a table. ``bits`` are what each operator moves at least:
    weights once per pass, inputs, outputs, what it reads of the KV cache and what it writes.  [5, phase, op, n]
    """

    arithmetic: Mapping[str, Array]
    elementwise: Mapping[str, Array]
    bits: Array
    movement: dict[str, Array] = field(default_factory=dict)
    static: Mapping[str, Array] = field(default_factory=dict)
    runs: tuple[Mapping[str, Array], Mapping[str, Array]] = ({}, {})
    by_time: bool = False  # whether the power of the package includes every action, so that only seconds are priced

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
        """Arithmetic, elementwise work and bits of as many turns that do the same.  ``factor`` [n] or a number"""

        def grown(part: Mapping[str, Array]) -> dict[str, Array]:
            return {action: runs * factor for action, runs in part.items()}

        return Activity(
            Later(lambda: grown(self.arithmetic)),
            Later(lambda: grown(self.elementwise)),
            self.bits * factor,
            runs=(Later(lambda: grown(self.runs[0])), Later(lambda: grown(self.runs[1]))),
        )

    def within(self, scope: Scope) -> list[Mapping[str, Array]]:
        """The parts that a scope holds."""
        if self.by_time:
            return [{}, {}, {}, self.static][: PARTS[scope]]
        return [self.arithmetic, self.elementwise, self.movement, self.static][: PARTS[scope]]

    def runs_within(self, scope: Scope) -> list[Mapping[str, Array]]:
        """How often each action of a scope's parts runs, phases and operators summed.  Each [n]"""
        folded = [] if self.by_time else list(self.runs[: PARTS[scope]])
        apart = self.within(scope)[2:]
        summed = [{action: over_phases(ordered_sum(times, 1)) for action, times in part.items()} for part in apart]
        return [*folded, *summed]


def sum_of_roles(bits_of: Mapping[str, float]) -> float:
    """A sum, one role after the other; Python's own carries what rounding lost."""
    found = 0.0
    for bits in bits_of.values():
        found = found + bits
    return found


# Parts of an activity that each scope holds.
PARTS: dict[Scope, int] = {"arithmetic": 1, "compute": 2, "memory": 3, "device": 4, "facility": 4}


@dataclass(frozen=True, eq=False, repr=False)
class Footprint:
    """Bits resident. Rows of ``parameters`` and ``weight_bits`` are parameter roles; arrays are ``[n]``."""

    parameters: dict[str, int]
    weight_bits: dict[str, float]
    scale_bits: float
    kv_bits: Array
    activation_bits: Array
    ideal_bits: float

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

    def on_each(self, devices: int) -> Array:
        """Bits on each of several devices that share weights and cache; each holds the activations whole.  [n]"""
        return (self.total_weight_bits + self.kv_bits) / devices + self.activation_bits


def devices_that_hold(shared_bits: Array, activation_bits: Array, capacity_bits: float) -> Array:
    """How many devices hold weights and cache among them, each the activations whole; infinite: none.  [n]

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
class Timing:
    """How long it takes on a device. ``seconds`` is [phase, op, n], stretched where power binds."""

    seconds: Array
    compute: Array  # time that products alone would need at the reached rate
    memory: Array  # time that moving bits alone would need
    overhead: Array  # launches
    link: Array  # what passes between devices
    waiting: Array  # time of kernels beyond what the peaks of the device need
    stretch: Array  # [phase, n]: how much the power cap stretches a phase; 1 where it does not bind
    phases: tuple[Phase, ...]

    def longer(self, factor: Array) -> Timing:
        """The timing where a phase takes ``factor`` times as long, [phase, n]."""
        wide = factor[:, None, :]
        return Timing(
            self.seconds * wide, self.compute * wide, self.memory * wide, self.overhead * wide, self.link * wide,
            self.waiting, self.stretch, self.phases,
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
        return {
            "compute": np.where(free & (self.compute > self.memory), busy, 0.0),
            "memory": np.where(free & (self.compute <= self.memory), busy, 0.0),
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
        """What most of the time waits for at each point; None where nothing takes time, or no time can be said.  [n]"""
        waits = {name: total(values).tolist() for name, values in self.waits.items()}
        points = [dict(zip(waits, each, strict=True)) for each in zip(*waits.values(), strict=True)]
        return [None if any(map(math.isnan, waits.values())) else longest_wait(waits) for waits in points]

    def of_phase(self, name: str) -> Array:
        """Seconds of a phase; 0 without one.  [n]"""
        found = (seconds for phase, seconds in zip(self.phases, self.by_phase, strict=True) if phase.name == name)
        return next(found, np.zeros(self.seconds.shape[-1]))

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


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """One evaluation: architecture x precision x hardware x workload, with everything that went in.

    ``joules[component]`` is ``[bound, phase, op, n]``, bounds being low, nominal and high, within ``scope``;
    ``spent[component]`` is its sum over phases and operators, [bound, n], from prices folded over actions.
    """

    scenario: Scenario
    counts: OpCounts
    activity: Activity
    footprint: Footprint
    prices: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    joules: Mapping[str, Array] = field(default_factory=dict)  # empty where no energy can be said
    spent: dict[str, Array] = field(default_factory=dict)
    baseline: str | None = None
    saving: Array | None = None  # [bound, *grid]: least, nominal, most
    reason: str | None = None  # why there is no energy
    timing: Timing | None = None  # devices

    @property
    def architecture(self) -> Architecture:
        """The model."""
        return self.scenario.model

    @property
    def precision(self) -> Precision:
        """Formats of weights, activations and KV cache."""
        return self.scenario.precision

    @property
    def hardware(self) -> Hardware:
        """Technology node or device."""
        return self.scenario.hardware

    @property
    def runtime(self) -> RuntimeProfile | None:
        """Software on a device."""
        return self.scenario.runtime

    @property
    def workload(self) -> Workload:
        """The work as it was counted, no convention left open."""
        return self.counts.workload

    @property
    def scope(self) -> Scope:
        """What the energy holds."""
        return self.scenario.scope or self.scenario.hardware.default_scope

    @property
    def accumulator(self) -> Accumulator:
        """Price of integer additions."""
        return self.scenario.accumulator

    @property
    def facility(self) -> Facility | None:
        """What turns energy and time into a site's."""
        return self.scenario.facility

    @property
    def devices(self) -> int:
        """Devices that share the model."""
        return self.scenario.devices

    @property
    def parallel(self) -> Parallel:
        """How several devices share the model."""
        return self.scenario.parallel

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the workload's grid."""
        return self.workload.shape

    @property
    def parameters(self) -> int:
        """The nominal count where a size was asked for, else the exact count."""
        nominal = self.architecture.nominal_parameters
        return self.footprint.total_parameters if nominal is None else nominal

    @property
    def not_reached(self) -> str | None:
        """What scope memory leaves out at a technology node; None elsewhere."""
        return self.hardware.not_reached(self.scope)

    @property
    def by_operator(self) -> Array:
        """Energy of each operator, components summed.  [bound, phase, op, n]  [J]"""
        if not self.joules:
            return np.full((3, len(self.counts.phases), len(self.counts.operators), self.counts.points), np.nan)
        return sum_in_order(list(self.joules.values()))

    @cached_property
    def by_component(self) -> dict[str, Array]:
        """Energy of each component, phases and operators summed.  Each [bound, n]  [J]"""
        return dict(self.spent)

    @cached_property
    def energy_bounds(self) -> Array:
        """Low, nominal and high energy.  [bound, *grid]  [J]

        The sum over components of `by_component`.
        """
        if not self.spent:
            return np.full((3, *self.shape), np.nan)
        return sum_in_order(list(self.spent.values())).reshape(3, *self.shape)

    @property
    def energy_j(self) -> Array:
        """Nominal energy of the whole workload within the scope.  [*grid]  [J]"""
        nominal: Array = self.energy_bounds[1]
        return nominal

    @property
    def fits(self) -> NDArray[np.bool_] | None:
        """Whether everything resident fits the device's memory; None for a technology node.  [*grid]"""
        capacity = self.capacity_bits
        if capacity is None:
            return None
        fits: NDArray[np.bool_] = (self.footprint.on_each(self.devices) <= capacity).reshape(self.shape)
        return fits

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens per second that a single point generates in its decode phase; None without one."""
        decode = 0.0 if self.timing is None else float(self.timing.of_phase("decode")[0])
        return int(self.workload.batch) * (int(self.workload.generate) - 1) / decode if decode else None

    @property
    def devices_needed(self) -> int | None:
        """How many such devices hold the smallest point: weights and cache shared, the activations whole on each.

        None for a technology node, and where no number does.
        """
        capacity, memory = self.capacity_bits, self.footprint
        if capacity is None:
            return None
        shared = memory.total_weight_bits + memory.kv_bits
        needed = devices_that_hold(shared, memory.activation_bits, capacity)
        if is_told(needed):
            return cast(int, needed.item())  # the number of an explanation
        return int(needed.min()) if np.isfinite(needed).any() else None

    @property
    def capacity_bits(self) -> float | None:
        """Bits of one device's memory, less what the runtime keeps as workspace; None for a technology node."""
        memory = self.hardware.memory.capacity if self.hardware.has_clock else None
        if memory is None:
            return None
        kept = self.runtime.workspace.value if self.runtime and self.runtime.workspace else 0.0
        return memory.value * (1 - kept)

    @property
    def carbon_bounds(self) -> Array | None:
        """Emissions of the electricity and of making the devices, as far as they were given.  [bound, *grid]  [g]

        Low, nominal and high: prices, carbon intensity and emissions of making it at their lows, or at their highs.
        """
        site = self.facility
        return None if site is None else self._charged(site.carbon_range, site.embodied_range(self.hardware.embodied))

    @property
    def cost_bounds(self) -> Array | None:
        """Cost of the electricity and of the devices' time, as far as their prices were given.  [bound, *grid]  [USD]

        Low, nominal and high of the energy; prices of electricity and of device time have no range.
        """
        site = self.facility
        if site is None:
            return None
        prices = [None if price is None else (price, price, price) for price in (site.usd_per_j, site.usd_per_device_s)]
        return self._charged(*prices)

    @property
    def carbon_g(self) -> Array | None:
        """Nominal emissions.  [*grid]  [g]"""
        bounds = self.carbon_bounds
        return None if bounds is None else bounds[1]

    @property
    def cost_usd(self) -> Array | None:
        """Nominal cost.  [*grid]  [USD]"""
        bounds = self.cost_bounds
        return None if bounds is None else bounds[1]

    def _charged(self, per_joule: Range | None, per_device_second: Range | None) -> Array | None:
        if not self.joules:
            return None
        each = [None if figures is None else array(figures) for figures in (per_joule, per_device_second)]
        wide = (3, *[1] * len(self.shape))
        parts = [] if each[0] is None else [self.energy_bounds * each[0].reshape(wide)]
        if each[1] is not None and self.timing is not None:
            parts.append(self.timing.total.reshape(self.shape) * self.devices * each[1].reshape(wide))
        return sum(parts[1:], parts[0]) if parts else None

    def to_records(self) -> list[dict[str, Any]]:
        """One record for each point of the grid, in its order: the columns of ``registry.METRICS`` in plain figures.

        They are the records of ``-f json``; what cannot be said is None.
        """
        return registry.rows(self, self.counts.points)

    def to_dataframe(self, library: Library | None = None) -> Any:
        """The records as a data frame of pandas, or of polars.

        Args:
            library: ``pandas`` or ``polars``; None: pandas where it is installed, else polars.

        Raises:
            BitnetCostError: none of them is installed.
        """
        return registry.frame(self.to_records(), library)

    @property
    def mac(self) -> Array:
        """Multiply-accumulates of the mathematics, whatever runs them.  [*grid]"""
        return self.counts.total("mac").reshape(self.shape)

    @property
    def rounded(self) -> bool:
        """Whether a count is above what a float holds exactly, for any point."""
        runs = [self.actions(kind).sum((0, 1)) for kind in ("mul", "add", "special")]
        return bool(np.any(np.array([self.mac.ravel(), *runs]) > EXACT))

    def actions(self, kind: str) -> Array:
        """How often actions of a kind (mul, add, mac, special) run, elementwise work included.  [phase, op, n]

        Widening packed weights is listed among the energy of special functions; it is none.
        """
        found = np.zeros((len(self.counts.phases), len(self.counts.operators), self.counts.points))
        for part in (self.activity.arithmetic, self.activity.elementwise):
            for action, times in part.items():
                if component_of(action) == kind and not action.startswith("unpack."):
                    found = found + times
        return found


def sum_in_order(parts: list[Array]) -> Array:
    """The sum of arrays, from first to last."""
    result = parts[0]
    for part in parts[1:]:
        result = result + part
    return result


@cache
def component_of(action: str) -> str:
    """The component under which an action is listed.

    >>> component_of("mul.fp16"), component_of("exp.fp16")
    ('mul', 'special')
    """
    stem = action.partition(".")[0]
    return "special" if stem in _SPECIAL_ACTIONS else stem


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """What one precision leaves room for. 0: not even one; a limit of `Workload`: as many as may be asked for."""

    result: Result  # at the batch and prompt asked for
    batch: int  # most sequences of the prompt asked for
    positions: int  # longest prompt of the batch asked for, generated tokens on top


@dataclass(frozen=True, slots=True)
class Day:
    """What the requests of a day cost."""

    energy_j: float
    carbon_g: float | None
    cost_usd: float | None


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """The results of one question, each against the same baseline where there is one, and what a reader must know."""

    results: tuple[Result, ...]
    accumulated: dict[tuple[str, str, str], float]  # (model, hardware, precision) -> saving, other --accumulator
    wider: dict[tuple[str, str, str], float]  # (model, hardware, precision) -> energy of the next wider scope  [J]
    not_counted: tuple[str, ...]
    requests_per_day: float | None = None
    accuracy: dict[tuple[str, str], dict[str, Spread]] = field(default_factory=dict)  # (hardware, runtime) -> class
    baselines: dict[tuple[str, str], Result] = field(default_factory=dict)  # (model, hardware) -> what savings refer to
    swings: tuple[tuple[Swing, ...], ...] = ()  # of each result, largest first; empty where not asked for
    spreads: tuple[Band | None, ...] = ()  # of each result; empty where not asked for
    with_memory: dict[tuple[str, str, str], float] = field(default_factory=dict)  # key -> saving in scope memory

    def to_records(self) -> list[dict[str, Any]]:
        """The records of all results, in their order: those of ``-f json``."""
        return [row for result in self.results for row in result.to_records()]

    def to_dataframe(self, library: Library | None = None) -> Any:
        """The records as a data frame; see `Result.to_dataframe`.

        Raises:
            BitnetCostError: neither pandas nor polars is installed.
        """
        return registry.frame(self.to_records(), library)

    def day(self, result: Result) -> Day:
        """What the requests of a day cost in one of the results, each batch being served as it stands."""
        batches = (self.requests_per_day or 0.0) / int(result.workload.batch)
        carbon, cost = result.carbon_g, result.cost_usd
        return Day(
            float(result.energy_j) * batches,
            None if carbon is None else float(carbon) * batches,
            None if cost is None else float(cost) * batches,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Answer):
    """An answer whose results stand side by side, ranked."""


@dataclass(frozen=True, slots=True)
class Lever:
    """A figure that can move within its range, and what it moves with.

    ``moves_with`` is the source whose figures share one quantile, or the figure's own name.
    """

    name: str  # an action (``add.int8``), or the place of a figure (``kernels.lowbit.compute``)
    low: float
    nominal: float
    high: float
    unit: str
    basis: str
    source: str
    moves_with: str


@dataclass(frozen=True, eq=False, repr=False)
class Swing:
    """What one figure does to an answer, alone, at its low and at its high.  Energy [J], saving [1]"""

    lever: Lever
    energy: tuple[float, float]
    saving: tuple[float, float] | None
    size: float  # the larger of the relative swings of energy and of what is left of the baseline's


@dataclass(frozen=True, eq=False, repr=False)
class Band:
    """How far an answer scatters: percentiles of draws [p5, p50, p95], and bounds [least, nominal, most]."""

    draws: int
    seed: int
    distribution: str
    energy: tuple[float, float, float]
    energy_bounds: tuple[float, float, float]
    saving: tuple[float, float, float] | None
    saving_extremes: tuple[float, float, float] | None  # every price at whichever end is worst, or best
    seconds: tuple[float, float, float] | None  # fast end, nominal, slow end of every figure of time
    energy_scenarios: tuple[float, float] | None  # energy at the fast and low, and at the slow and high ends
    carbon: tuple[float, float, float] | None = None  # of the electricity and of making the devices  [g]
    carbon_bounds: tuple[float, float, float] | None = None
    cost: tuple[float, float, float] | None = None  # at prices without a range  [USD]
    cost_bounds: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of arithmetic: ``name = expression = value``, the expression in numbers, ``x``, ``+`` and so on."""

    name: str
    unit: str
    expression: str
    value: float


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Why a cell holds what it holds."""

    title: str
    cell: str
    value: float | None
    unit: str
    formula: tuple[str, ...]
    constants: tuple[Lever, ...]
    steps: tuple[Step, ...]
    sources: tuple[str, ...]
    conventions: tuple[str, ...]
    not_counted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turning:
    """How far a crossing moves with the figures: over draws of every price, and with all of them at one end.

    Along an axis, the number from which the saving is beyond what is wanted; infinite: not at all. Of a share of the
    energy, the share; outside 0 to 1: none.
    """

    draws: int
    seed: int
    distribution: str
    nominal: float
    band: tuple[float, float, float]  # p5, p50, p95 of the draws
    ends: tuple[float, float]  # every price low and every figure of time fast; every price high and those slow


@dataclass(frozen=True, eq=False, repr=False)
class Crossing:
    """Where one precision stops saving a given amount against another along one axis."""

    hardware: str
    runtime: str | None
    axis: str  # batch, context, static share ...
    wanted: float
    at: tuple[float, ...]  # where the saving crosses what is wanted
    verdict: str
    axis_values: tuple[float, ...]
    saving: tuple[float, ...]  # NaN where one of both does not fit; of a share: with none of the part, with all of it
    method: str
    now: float | None = None  # the share at the workload asked for
    turning: Turning | None = None
