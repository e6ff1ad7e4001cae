"""Serving under load as an answer: what the devices settle at for each rate, and what a day of it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.formulas.savings import saving_bounds
from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.facility import overhead_in
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.load import SECONDS_OF_DAY, Load
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.ranges import Factors, RangeKind
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.contract import Prices
from bitnet_cost.ledger.intervals import by_batch, charged, correlation, energy_factors, ratio_of, saved_within
from bitnet_cost.ledger.result import Day, Result
from bitnet_cost.ledger.rows import Answers, Rows
from bitnet_cost.ledger.steady import Pace, Steady
from bitnet_cost.registry import LOAD_METRICS, records_of
from bitnet_cost.told import Array, array
from bitnet_cost.words import Scope


class End(NamedTuple):
    """What an assumed figure of the runtime does at its low and at its high, alone."""

    figure: str
    energy_j: tuple[float, float]  # of a request; infinite where the load is not served


@dataclass(frozen=True, eq=False, repr=False)
class LoadResult(Rows):
    """A load served by copies of a model in one precision on devices; for each rate, arrays [n].

    Without ``steady`` nothing is served, and ``reason`` says why.
    """

    scenario: Scenario
    load: Load
    full: Result  # what is resident with all places taken, or where not even one is there
    number: int = 0  # of it in what is resident, of several loads
    pace: Pace | None = None
    steady: Steady | None = None  # of one copy
    day: Steady | None = None  # of one copy at the mean rate of a day
    replicas: Array | None = None  # copies that share each rate  [n]
    largest: float = 0.0  # stable rate of one copy
    within: float = 0.0  # rate of one copy at which the times asked for are kept
    runs: dict[str, Array] = field(default_factory=dict)  # how often each action runs for a request  [n]
    prices: Prices = field(default_factory=dict)
    baseline: str | None = None
    saving: Array | None = None  # [bound, n]
    reason: str | None = None
    errors: Mapping[str, Spread] = field(default_factory=dict)  # on measured servers under load, by class
    fast: Steady | None = None  # of one copy, all steps at the fast end of their 90 % interval
    slow: Steady | None = None
    ends: tuple[End, ...] = ()  # at either end of each assumed share of its kernels of products
    _metrics = LOAD_METRICS

    def _line(self) -> str:
        return f"serving {self.scenario._line()}"

    def to_records(self) -> list[dict[str, Any]]:
        """One record for each rate, in their order: those of ``bitnet-cost load -f json``."""
        return records_of(self, self.points, LOAD_METRICS)

    @property
    def precision(self) -> Precision:
        """Formats of weights, activations and KV cache."""
        return self.scenario.precision

    @property
    def hardware(self) -> Hardware:
        """The device."""
        return self.scenario.hardware

    @property
    def scope(self) -> Scope:
        """What the energy holds."""
        return self.full.scope

    @property
    def points(self) -> int:
        """Rates."""
        return len(self.load.rates)

    @property
    def cards(self) -> Any:
        """Devices of all copies.  [n]"""
        return self.of_all(self.each)

    @property
    def each(self) -> int:
        """Devices of one copy, those that only take prompts in among them."""
        return self.scenario.devices + (self.load.prefill_devices or 0)

    @property
    def stable(self) -> NDArray[np.bool_] | None:
        """Whether no queue grows without limit.  [n]"""
        if self.replicas is None:
            return None
        stable: NDArray[np.bool_] = self.load.rates / self.replicas < self.largest
        return stable

    @property
    def alone(self) -> tuple[float, float]:
        """Seconds to the first token and per token of a request that is alone: the least that they can be."""
        if self.pace is None:
            return np.inf, np.inf
        pace = self.pace
        first = pace.alone_s if pace.prefill is None else pace.prefill.prompt_s + pace.prefill.moved_s
        return first, float(pace.step_s[0])

    @property
    def beyond(self) -> float:
        """How many times as long as the times asked for a request takes that is alone; above 1: no rate keeps them."""
        limits = (self.load.slo_ttft, self.load.slo_tpot if self.load.steps else None)
        return max(time / limit if limit else 0.0 for time, limit in zip(self.alone, limits, strict=True))

    def tpot_of(self, percent: float) -> Array | None:
        """Time per token that that many of 100 requests do not exceed; None where there is none.  [n]  [s]"""
        if self.pace is None or self.steady is None or not self.load.steps:
            return None
        return self.steady.tpot_of(percent)

    @property
    def kept(self) -> NDArray[np.bool_] | None:
        """Whether the times asked for are kept; None where none are.  [n]"""
        if self.replicas is None or (self.load.slo_ttft is None and self.load.slo_tpot is None):
            return None
        kept: NDArray[np.bool_] = self.load.rates / self.replicas <= self.within
        return kept

    def of_all(self, figure: Any) -> Any:
        """What is so of one copy, of all of them; None where nothing is served.  [n]"""
        return None if self.replicas is None else figure * self.replicas

    @property
    def pue(self) -> float:
        """What the scope multiplies the energy of devices by."""
        return float(overhead_in(self.scope, self.scenario.facility, self.hardware.host))

    @cached_property
    def measured(self) -> dict[RangeKind, Factors] | None:
        """What nine of ten measured energies of such runs were between, over modelled; None where nothing tells."""
        return energy_factors(self.full)

    def energy_at(self, at: Steady) -> Array:
        """Low, nominal and high energy of a request: a 90 % interval, or prices at their ends.  [bound, n]  [J]

        Prompts and steps are off together, so that their ends add up; time without work is at the ends of its price.
        """
        if self.measured is None:
            return at.energy_j
        prompt, steps = (by_batch(self.measured, at.batch, phase) for phase in ("prefill", "decode"))
        parts = at.parts_j
        low, high = (
            parts["prompt"][1] * prompt[end] + parts["steps"][1] * steps[end] + parts["waiting"][2 * end]
            for end in (0, 1)
        )
        return array([low, at.energy_j[1], high])

    @property
    def energy_j(self) -> Array | None:
        """The same at the rates asked for; None where nothing is served."""
        return None if self.steady is None else self.energy_at(self.steady)

    @cached_property
    def days_energy(self) -> Any:
        """What a day takes: its requests at their mean rate, or a day at the rate asked for.  [bound, n]  [J]"""
        at = self.day or self.steady
        if at is None:
            return None
        return self.energy_at(at) * (self.load.requests_per_day or self.of_all(at.rate * SECONDS_OF_DAY))

    def saving_on(self, other: LoadResult) -> Array | None:
        """Least, nominal and most that a request saves on another's.  [bound, n]; None where either is not served.

        A 90 % interval: what the errors of two precisions on one device share cancels. Where nothing was measured, each
        price moved on both sides at once.
        """
        mine_j, other_j = self.energy_j, other.energy_j
        if self.steady is None or other.steady is None or mine_j is None or other_j is None:
            return None
        nominal = 1 - mine_j[1] / other_j[1]
        ranges = None if self.scenario.runtime is None else self.scenario.runtime.ranges
        if ranges is not None and self.measured is not None and other.measured is not None:
            alike = self.hardware.name == other.hardware.name
            shared = correlation(ranges, self.precision, other.precision) if alike else 0.0
            ratio = ratio_of(mine_j[::2] / mine_j[1], other_j[::2] / other_j[1], shared)
            return saved_within(nominal, ratio)
        if self.hardware.name != other.hardware.name:  # each has prices of its own
            ends = 1 - self.steady.energy_j / other.steady.energy_j
            return np.stack((ends.min(0), nominal, ends.max(0)))
        actions = sorted(self.runs.keys() | other.runs.keys())
        none = np.zeros(self.points)
        mine, base = (array([r.runs.get(action, none) for action in actions]) for r in (self, other))
        prices = other.prices | self.prices
        found = saving_bounds(mine, base, array([prices[action] for action in actions]))
        saving: Array = found + (nominal - found[1])  # runs are of the mean batch, energies of the batches beside it
        return saving

    @property
    def of_day(self) -> Day | None:
        """What the requests of a day cost, the time between them included; None where none are served."""
        if self.steady is None:
            return None
        paid = (None if each is None else float(np.max(each[1])) for each in self.charged_day)
        return Day(float(self.days_energy[1, 0]), *paid)

    @cached_property
    def charged_request(self) -> list[Array | None]:
        """Low, nominal and high emissions and cost of a request, and of the time that devices are held for it."""
        if self.steady is None:
            return [None, None]
        return self.charged(self.energy_at(self.steady), self.each / self.steady.rate)

    @cached_property
    def charged_day(self) -> list[Array | None]:
        """The same of a day."""
        if self.steady is None:
            return [None, None]
        return self.charged(self.days_energy, self.of_all(self.each * float(SECONDS_OF_DAY)))

    def charged(self, energy: Array, seconds: Array | float) -> list[Array | None]:
        """Emissions and money of an energy and of seconds that one device is held.  [bound, n] each  [g], [USD]"""
        site = self.scenario.facility
        joules = energy * (1.0 if site is None or self.scope == "facility" else site.pue)
        return charged(site, self.hardware.embodied, joules, seconds * np.ones_like(joules))


@dataclass(frozen=True, eq=False, repr=False)
class LoadAnswer(Answers):
    """A load served in each precision on each hardware: a record for each rate."""

    _metrics = LOAD_METRICS

    results: tuple[LoadResult, ...]

    def _line(self) -> str:
        return f"{len(self.results)} ways to serve {self.results[0].scenario.model.name}"
