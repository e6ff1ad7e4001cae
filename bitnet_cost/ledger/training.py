"""A training step as an answer: its plan, its memory by part, its seconds by phase, its ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.formulas.sums import sum_in_order
from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.ranges import Factors, RangedQuantity, RuntimeRanges
from bitnet_cost.inputs.training import Plan, TrainingFormat, TrainingRuntime, TrainingScenario
from bitnet_cost.ledger.contract import Ledger, Prices, contract
from bitnet_cost.ledger.intervals import WITH_POWER, charged
from bitnet_cost.ledger.rows import Answers, Rows
from bitnet_cost.registry import STEP_METRICS, records_of
from bitnet_cost.told import Array
from bitnet_cost.words import Distribution, Scope


class StepMemory(NamedTuple):
    """Bytes on the device that holds most: a number each, or arrays over the points of a grid."""

    weights: Any
    gradients: Any
    optimizer: Any
    activations: Any = 0.0
    logits: Any = 0.0
    casts: Any = 0.0  # copies of weights: cast to 16 bits and kept, or gathered from others
    peak: Any = 0.0

    @property
    def kept(self) -> Any:
        """Activations with logits and copies."""
        return self.activations + self.logits + self.casts


class StepSeconds(NamedTuple):
    """Seconds of a step by phase: a number each, or arrays over the points of a grid."""

    forward: Any
    backward: Any
    optimizer: Any
    exchange: Any  # what no work hides
    bubble: Any

    @property
    def total(self) -> Any:
        """Seconds of the step."""
        return self.forward + self.backward + self.optimizer + self.exchange + self.bubble


class StepCounts(NamedTuple):
    """Multiply-accumulates of a step on all devices: what the mathematics needs, and what runs."""

    forward: Any
    model: Any  # forward and backward once
    run: Any  # with what is recomputed


@dataclass(frozen=True, eq=False, repr=False)
class TrainingResult(Rows):
    """One training step of a model in a format on devices, or many: figures are numbers, or arrays [n]."""

    scenario: TrainingScenario
    hardware: Hardware  # with the formats of training, and what joins nodes
    parameters: float
    trained: float
    counts: StepCounts
    memory: StepMemory
    seconds: StepSeconds | None = None
    ledger: Ledger | None = None
    stretch: Array | None = None  # [phase, n]: how much the board's limit of power stretches a phase
    baseline: str | None = None
    saving: tuple[float, float, float] | None = None
    reason: str | None = None
    between: str = ""  # the link between nodes
    errors: Mapping[str, Spread] = field(default_factory=dict)  # on measured steps, by class
    _metrics = STEP_METRICS

    @property
    def model(self) -> Architecture:
        """The model trained."""
        return self.scenario.model

    @property
    def precision(self) -> Precision:
        """The precision asked for."""
        return self.scenario.precision

    @property
    def runtime(self) -> TrainingRuntime | None:
        """The software of a device."""
        return self.scenario.runtime

    @property
    def form(self) -> TrainingFormat:
        """How the precision is trained."""
        return self.scenario.form

    @property
    def plan(self) -> Plan:
        """How a step is divided."""
        return self.scenario.plan

    @property
    def scope(self) -> Scope:
        """What the energy holds."""
        return self.scenario.scope or self.hardware.default_scope

    @property
    def facility(self) -> Facility | None:
        """What is around the devices."""
        return self.scenario.facility

    def _line(self) -> str:
        return f"training {self.scenario._line()}"

    def to_records(self) -> list[dict[str, Any]]:
        """Its record: that of ``bitnet-cost train -f json``."""
        return records_of(self, 1, STEP_METRICS)

    @property
    def prices(self) -> Prices:
        """Low, nominal and high price of each action of the scope; empty without an energy.  [J]"""
        return {} if self.ledger is None else self.ledger.tariff(self.scope).prices

    def shaped(self) -> TrainingResult:
        """The same with plain numbers where it is of a single point."""
        if self.plan.shape:
            return self
        return replace(
            self, counts=StepCounts(*_first(self.counts)), memory=StepMemory(*_first(self.memory)),
            seconds=None if self.seconds is None else StepSeconds(*_first(self.seconds)),
        )  # fmt: skip

    @property
    def possible(self) -> Any:
        """Which points meet the rules of a plan, and fit."""
        found = self.memory.peak <= (np.inf if self.capacity is None else self.capacity)
        for rule in self.plan.rules() if self.plan.shape else ():
            found = found & rule.holds
        return found

    @property
    def capped(self) -> bool:
        """Whether the board's limit of power stretches forward and backward passes."""
        return self.stretch is not None and bool((self.stretch[:2] > 1).any())

    @property
    def capacity(self) -> float | None:
        """Bytes of a device; None at a technology node."""
        return self.hardware.memory.size / 8 if self.hardware.has_clock else None

    @property
    def fits(self) -> Any:
        """Whether the device that holds most holds it."""
        return None if self.capacity is None else self.memory.peak <= self.capacity

    @cached_property
    def by_component(self) -> dict[str, Array]:
        """Energy of a step by component, empty without one.  Each [bound, n]  [J]"""
        return {} if self.ledger is None else contract(self.ledger, "component", self.scope)

    @property
    def ranges(self) -> RuntimeRanges | None:
        """The 90 % intervals of measured steps of its runtime."""
        return None if self.runtime is None else self.runtime.ranges

    def factors(self, quantity: RangedQuantity) -> Factors | None:
        """What nine of ten measured steps were between, over what is modelled; None where nothing measured tells."""
        if self.ranges is None or (quantity == "energy" and self.scope not in WITH_POWER):
            return None
        return self.ranges.of(quantity, self.precision.linear.weights.bits).get("training")

    @cached_property
    def energy(self) -> tuple[Any, Any, Any] | None:
        """Low, nominal and high energy of a step, all devices: a 90 % interval, or prices at their ends.  [J]"""
        if self.ledger is None:
            return None
        low, nominal, high = sum_in_order(list(self.by_component.values()))
        if found := self.factors("energy"):
            low, high = nominal * found[0], nominal * found[1]
        return (low, nominal, high) if self.plan.shape else (low[0], nominal[0], high[0])

    @property
    def time(self) -> tuple[Any, Any, Any] | None:
        """Low, nominal and high time of a step: a 90 % interval; None where nothing measured tells.  [s]"""
        found = self.factors("time")
        if self.seconds is None or found is None:
            return None
        return self.seconds.total * found[0], self.seconds.total, self.seconds.total * found[1]

    @property
    def steps(self) -> Any:
        """Steps of the whole run; None without its tokens."""
        return None if self.plan.tokens is None else self.plan.tokens / self.plan.step_tokens

    @property
    def days(self) -> Any:
        """Days of the whole run."""
        return None if self.steps is None or self.seconds is None else self.steps * self.seconds.total / 86400

    @property
    def run_energy(self) -> tuple[Any, Any, Any] | None:
        """Low, nominal and high energy of the whole run.  [J]"""
        energy, steps = self.energy, self.steps
        return None if energy is None or steps is None else (energy[0] * steps, energy[1] * steps, energy[2] * steps)

    @property
    def carbon(self) -> Any:
        """Emissions of the whole run, with the making of the devices where it is known.  [g]"""
        energy, site = self.run_energy, self.facility
        if energy is None or site is None:
            return None
        return site.emitted(energy[1] * self.pue, self.device_seconds, self.hardware.embodied)

    @property
    def cost(self) -> Any:
        """Electricity and devices of the whole run.  [USD]"""
        energy, site = self.run_energy, self.facility
        if energy is None or site is None:
            return None
        return site.paid(energy[1] * self.pue, self.device_seconds)

    @property
    def charged(self) -> list[Array | None]:
        """Low, nominal and high emissions and cost of the whole run of one plan.  [bound, 1] each  [g], [USD]"""
        if self.run_energy is None or self.device_seconds is None or self.seconds is None:
            return [None, None]
        times = self.time or (self.seconds.total,) * 3
        joules, held = (np.array(each, dtype=np.float64).reshape(3, -1) for each in (self.run_energy, times))
        seconds = held * (self.device_seconds / self.seconds.total)
        return charged(self.facility, self.hardware.embodied, joules * self.pue, seconds)

    @property
    def device_seconds(self) -> Any:
        """Seconds of all devices in the whole run."""
        return None if self.days is None else self.days * 86400 * self.plan.devices

    @property
    def pue(self) -> float:
        """What the facility multiplies the energy of devices by, beyond what the scope holds already."""
        return 1.0 if self.facility is None or self.scope == "facility" else self.facility.pue

    @property
    def utilisation(self) -> tuple[Any, Any] | None:
        """Shares of the devices' peak in the format computed in: of what a model needs, and of what runs."""
        if self.seconds is None:
            return None
        form = next(a.partition(".")[2] for a in self.form.compute.linear.recipe if a.startswith("mul."))
        executed = self.hardware.executed(form)
        if executed is None:
            return None
        peak = self.hardware.mac_rate(executed) * self.plan.devices * self.seconds.total
        return self.counts.model / peak, self.counts.run / peak


Range = tuple[float, float, float]


class StepSpread(NamedTuple):
    """Percentiles of time and energy of a step over draws of every figure: 5, 50 and 95."""

    draws: int
    seed: int
    distribution: Distribution
    step_s: Range | None  # None at a technology node
    energy_step_j: Range
    measured: bool = False  # draws of what measured steps were off by


@dataclass(frozen=True, eq=False, repr=False)
class TrainingAnswer(Answers):
    """The training steps of one question, each against the same baseline where there is one."""

    _metrics = STEP_METRICS

    results: tuple[TrainingResult, ...]
    spreads: tuple[StepSpread | None, ...] = ()  # of each result; empty where not asked for

    def _line(self) -> str:
        return f"{len(self.results)} training steps of {self.results[0].model.name}"


def _first(arrays: Iterable[Any]) -> Iterator[Any]:
    return (each[0] for each in arrays)
