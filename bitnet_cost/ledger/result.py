"""The result of one evaluation: what engine and views share.

Arrays are ``[phase, op, n]`` where n runs over the flattened grid of the workload; a single estimate has n = 1, so
one evaluation and a million are the same lines of code. Sums run in one fixed order (`ordered_sum`), so that an
element of a grid equals the single estimate to the last bit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from bitnet_cost import registry
from bitnet_cost.errors import UnsupportedScope
from bitnet_cost.formulas.sums import ordered_sum, sum_in_order
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.division import refusal, shareable
from bitnet_cost.inputs.facility import Facility, Range
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.offload import cannot_offload
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Speculative, Workload
from bitnet_cost.ledger.arrays import Bounds
from bitnet_cost.ledger.contract import (
    PARTS,
    POINTS_KEPT,
    Ledger,
    Prices,
    component_of,
    contract,
    energy_by_action,
    energy_by_phase,
    narrowed,
)
from bitnet_cost.ledger.counted import Activity, Footprint, OpCounts, Timing, devices_that_hold
from bitnet_cost.ledger.rows import Rows
from bitnet_cost.numerals import with_prefix
from bitnet_cost.shown import Shown, Theme, drawn
from bitnet_cost.told import EXACT, Array, array, decided, is_told, named, read_only
from bitnet_cost.words import Accumulator, Parallel, Scope

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from bitnet_cost.inputs.quality import Published


@dataclass(frozen=True, eq=False, repr=False)
class Result(Rows):
    """One evaluation: architecture x precision x hardware x workload, with everything that went in.

    Energies are contractions of its ``ledger`` within its scope; None: none can be computed, and ``reason`` says why.
    """

    scenario: Scenario
    counts: OpCounts
    activity: Activity
    footprint: Footprint
    ledger: Ledger | None = None
    baseline: str | None = None
    _saving: Callable[[Result], Bounds] | None = None  # makes `saving`
    reason: str | None = None  # why there is no energy
    timing: Timing | None = None  # devices
    quality: tuple[Published, ...] = ()  # what is published for this model in this precision
    draft: Result | None = None  # what drafts tokens for it: its part of all of this
    plain: Result | None = None  # the same without a draft

    def _line(self) -> str:
        name = self.scenario._line()
        if self.shape:
            return f"{name} over {' x '.join(map(str, self.shape))} workloads"
        return f"{name}, {with_prefix(float(self.energy_j), 'J') if self.has_energy else self.reason}"

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
    def has_energy(self) -> bool:
        """Whether there is an energy; else `reason` says why not."""
        return self.ledger is not None

    def within(self, scope: Scope) -> Result:
        """The same run read in another scope, and the saving with it.

        Raises:
            UnsupportedScope: the hardware has no such scope, or a technology node was not asked what moves.
        """
        if scope not in self.hardware.scopes:
            raise UnsupportedScope(f"scope {scope!r}: {self.hardware.name!r} answers {', '.join(self.hardware.scopes)}")
        if scope == "memory" != self.scope and self.has_energy and not self.hardware.has_clock:
            raise UnsupportedScope(f"scope {scope!r}: in {self.scope!r} what moves was not counted; ask in {scope!r}")
        found = handed_on(self, replace(self, scenario=self.scenario.but(scope=scope)), "fits")
        if self.ledger is not None and PARTS[scope] < PARTS[self.scope] and "by_component" in self.__dict__:
            parts = narrowed(self.by_component, self.ledger, self.scope, scope)
            if parts is not None:
                found.__dict__["by_component"] = parts
        return found

    @cached_property
    def prices(self) -> Prices:
        """Low, nominal and high price of each action of the scope.  [J]"""
        return {} if self.ledger is None else self.ledger.prices(self.scope)

    @cached_property
    def runs(self) -> dict[str, Array]:
        """How often each action of the scope runs.  Each [n]"""
        return {} if self.ledger is None else contract(self.ledger, "action", self.scope)

    @property
    def tables(self) -> dict[str, Array]:
        """Bits that move at each memory level, and seconds that each power is drawn.  Each [phase, op, n]"""
        held = () if self.ledger is None else self.ledger.entries
        return {action: table for entries in held for action, table in entries.each(kept=True).items()}

    @cached_property
    def saving(self) -> Bounds | None:
        """Share of the baseline's energy that is saved; None without one.  [bound, *grid]"""
        return None if self._saving is None else self._saving(self)

    @cached_property
    def by_operator(self) -> Array:
        """Energy of each operator, components summed.  [bound, phase, op, n]  [J]"""
        if self.ledger is None:
            return np.full((3, len(self.counts.phases), len(self.counts.operators), self.counts.points), np.nan)
        return sum_in_order(list(contract(self.ledger, "operator", self.scope).values()))

    @cached_property
    def by_component(self) -> dict[str, Array]:
        """Energy of each component, phases and operators summed.  Each [bound, n]  [J]"""
        return {} if self.ledger is None else contract(self.ledger, "component", self.scope)

    @cached_property
    def energy_by_phase(self) -> dict[str, Array]:
        """Nominal energy of each phase, operators and components summed.  Each [n]  [J]"""
        if self.ledger is None:
            return {}
        names = [phase.name for phase in self.counts.phases]
        return dict(zip(names, energy_by_phase(self.ledger, self.scope), strict=True))

    @cached_property
    def energy_bounds(self) -> Array:
        """Low, nominal and high energy, the sum over components.  [bound, *grid]  [J]"""
        if not self.has_energy:
            return np.full((3, *self.shape), np.nan)
        return sum_in_order(list(self.by_component.values())).reshape(3, *self.shape)

    @property
    def energy_j(self) -> Array:
        """Nominal energy of the whole workload within the scope.  [*grid]  [J]"""
        nominal: Array = self.energy_bounds[1]
        return nominal

    @cached_property
    def fits(self) -> NDArray[np.bool_] | None:
        """Whether everything resident fits the device's memory; None for a technology node.  [*grid]"""
        capacity = self.capacity_bits
        return None if capacity is None else self.fits_in(capacity)

    def fits_in(self, capacity: float) -> NDArray[np.bool_]:
        """Whether everything resident fits that many bits of each device, if they can share the model.  [*grid]"""
        if self.not_shared is not None:
            return np.zeros(self.shape, dtype=np.bool_)
        fits: NDArray[np.bool_] = self.footprint.on_each(self.devices) <= capacity
        if self.host_capacity_bits is not None:
            fits = np.where(self.host_bits <= self.host_capacity_bits, fits, False)
        return fits.reshape(self.shape)

    @property
    def rounds(self) -> Speculative | None:
        """How tokens are drafted and checked."""
        return self.workload.speculative

    @property
    def offload(self) -> str | None:
        """The part of the model that the host keeps in its memory."""
        return self.scenario.offload

    @property
    def host_bits(self) -> Array:
        """Bits of weights and cache in the host's memory.  [n]"""
        return self.footprint.host_bits + np.zeros(self.counts.points)

    @property
    def host_capacity_bits(self) -> float | None:
        """Bits of the host's memory, where it keeps a part of the model."""
        host = self.hardware.host
        return host.memory.size if host is not None and self.offload is not None else None

    @property
    def token_rates(self) -> Array | None:
        """Tokens generated per second of the decode, all sequences together; NaN without one.  [n]"""
        if self.timing is None:
            return None
        sequences, _, generate = self.workload.flat()
        decode = self.timing.of_phase("decode")
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(decode > 0, sequences * (generate - 1) / decode, np.nan)

    @property
    def tokens_per_s(self) -> float | None:
        """The rate of a single point; None where nothing is decoded."""
        rates = self.token_rates
        return None if rates is None or np.isnan(rates[0]) else float(rates[0])

    @property
    def not_shared(self) -> str | None:
        """Why its devices cannot share the model; None: they can."""
        part = cannot_offload(self.offload, self.architecture, self.hardware, self.parallel)
        return part or refusal(self.architecture, self.devices, self.parallel, padded=self.scenario.pads_heads)

    @property
    def devices_needed(self) -> int | None:
        """The fewest such devices that hold the smallest point and can share the model: all activations on each.

        None for a technology node, and where no number does.
        """
        capacity, memory = self.capacity_bits, self.footprint
        if capacity is None:
            return None
        allowed = shareable(
            self.architecture, self.parallel, padded=self.scenario.pads_heads
        )  # more of them never hold more each
        at = bisect_left(allowed, True, key=lambda n: decided(memory.on_each(n) <= capacity))
        found = allowed[at] if at < len(allowed) else None
        if found is None or not is_told(memory.kv_bits):
            return found
        held = (memory.on_each(found) - memory.on_every) * found
        least = named(array([float(found)]), "least number that can share the model")
        return cast(int, np.maximum(devices_that_hold(held, memory.on_every, capacity), least).item())

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
        """Emissions of the electricity and of making the devices, where they are given.  [bound, *grid]  [g]

        Low, nominal and high: prices, carbon intensity and emissions of making it at their lows, or at their highs.
        """
        site = self.facility
        return None if site is None else self._charged(site.carbon_range, site.embodied_range(self.hardware.embodied))

    @property
    def cost_bounds(self) -> Array | None:
        """Cost of the electricity and of the devices' time, where their prices are given.  [bound, *grid]  [USD]

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

    @property
    def water_l(self) -> Array | None:
        """Water that making the electricity takes, where the zone's is known.  [*grid]  [L]"""
        per_joule = None if self.facility is None else self.facility.water_l_per_j
        return None if per_joule is None or not self.has_energy else self.energy_bounds[1] * per_joule

    def _charged(self, per_joule: Range | None, per_device_second: Range | None) -> Array | None:
        if not self.has_energy:
            return None
        each = [None if figures is None else array(figures) for figures in (per_joule, per_device_second)]
        wide = (3, *[1] * len(self.shape))
        parts = [] if each[0] is None else [self.energy_bounds * each[0].reshape(wide)]
        if each[1] is not None and self.timing is not None:
            parts.append(self.timing.total.reshape(self.shape) * self.devices * each[1].reshape(wide))
        return sum(parts[1:], parts[0]) if parts else None

    def to_records(self) -> list[dict[str, Any]]:
        """One record for each point of the grid, in its order: the columns of ``registry.METRICS`` in plain figures.

        They are the records of ``-f json``; what cannot be computed is None. ``quality`` is a list beside the columns:
        each published figure of this model in this precision, empty where none is known.
        """
        figures = [figure.record for figure in self.quality]
        return [row | {"quality": figures} for row in self._columns]

    @cached_property
    def _columns(self) -> list[dict[str, Any]]:
        return registry.records_of(self, self.counts.points)

    def plot(self, x: str | None = None, y: str | None = None, *, theme: Theme = "light") -> Figure:
        """A figure of plotly: where the energy goes; over a grid the column ``y`` along the column ``x``.

        Args:
            x: a column of the records, over a grid; the axis that varies if left out.
            y: likewise; energy per token, or energy, if left out.
            theme: ``light`` or ``dark``.

        Raises:
            BitnetCostError: a column that is not there, or one for a single point; nothing to draw.
        """
        return drawn(self, theme, x=x, y=y)

    @property
    def mac(self) -> Array:
        """Multiply-accumulates of the mathematics, independent of what runs them.  [*grid]"""
        found = self.counts.total("mac")
        if self.draft is not None:
            found = found + self.draft.mac.ravel()
        return found.reshape(self.shape)

    @property
    def rounded(self) -> bool:
        """Whether a count is above what a float holds exactly, for any point."""
        runs = [self.actions(kind).sum((0, 1)) for kind in ("mul", "add", "special")]
        return bool(np.any(np.array([self.mac.ravel(), *runs]) > EXACT))

    def actions(self, kind: str) -> Array:
        """How often actions of a kind (mul, add, mac, special) run, elementwise work included.  [phase, op, n]

        Widening packed weights is listed among the energy of special functions; it is none.
        """
        few = self.counts.points <= POINTS_KEPT
        find = runs_of_kind if few else runs_of_kind.__wrapped__
        found: Array = find(Same(self.counts), Same(self.activity), kind)
        if self.draft is not None:
            drafted = ordered_sum(self.draft.actions(kind), 1)[:, None]
            found = np.concatenate((found[:, :-1], drafted), axis=1)
        return found


T = TypeVar("T")


def once(function: Callable[[Result], T]) -> Callable[[Result], T]:
    """A function of a result alone, calculated once for each: the result keeps what it gave."""
    name = f"{function.__module__}.{function.__qualname__}"  # no name of an attribute

    @wraps(function)
    def kept(result: Result) -> T:
        if name not in result.__dict__:
            result.__dict__[name] = function(result)
        found: T = result.__dict__[name]
        return found

    return kept


@once
def energy_of_actions(result: Result) -> Array:
    """Nominal energy, summed over actions in the order of their names: what savings are made of.  [n]  [J]"""
    return energy_by_action(result.runs, result.prices)


def handed_on(result: Result, found: Result, *names: str) -> Result:
    """Another result with figures of one that are the same there, as far as they were calculated."""
    found.__dict__.update({name: result.__dict__[name] for name in names if name in result.__dict__})
    return found


@lru_cache(maxsize=256)  # a model in its precisions, on devices that run the same formats
def runs_of_kind(counts: Same, activity: Same, kind: str) -> Array:
    """How often actions of a kind run, without those of a draft.  [phase, op, n]"""
    found = np.zeros((len(counts.it.phases), len(counts.it.operators), counts.it.points))
    for part in (activity.it.arithmetic, activity.it.elementwise):
        for action, times in part.items():
            if component_of(action) == kind and not action.startswith("unpack."):
                found = found + times
    return read_only(found)


@dataclass(frozen=True, repr=False, slots=True)
class Day(Shown):
    """What the requests of a day cost."""

    energy_j: float
    carbon_g: float | None
    cost_usd: float | None
