"""A training step as an answer: its plan, its memory by part, its seconds by phase, its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bitnet_cost.formulas.sums import sum_in_order
from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.training import Plan, TrainingFormat, TrainingRuntime
from bitnet_cost.ledger.contract import Ledger, contract
from bitnet_cost.words import Scope


class StepMemory(NamedTuple):
    """Bytes on the device that holds most."""

    weights: float
    gradients: float
    optimizer: float
    activations: float = 0.0
    logits: float = 0.0
    casts: float = 0.0  # copies of weights: cast to 16 bits and kept, or gathered from others
    peak: float = 0.0

    @property
    def kept(self) -> float:
        """Activations with logits and copies."""
        return self.activations + self.logits + self.casts


class StepSeconds(NamedTuple):
    """Seconds of a step by phase."""

    forward: float
    backward: float
    optimizer: float
    exchange: float  # what no work hides
    bubble: float

    @property
    def total(self) -> float:
        """Seconds of the step."""
        return self.forward + self.backward + self.optimizer + self.exchange + self.bubble


class StepCounts(NamedTuple):
    """Multiply-accumulates of a step on all devices: what the mathematics needs, and what runs."""

    forward: float
    model: float  # forward and backward once
    run: float  # with what is recomputed


@dataclass(frozen=True, eq=False, repr=False)
class TrainingResult:
    """One training step of a model in a format on devices."""

    model: Architecture
    precision: Precision
    hardware: Hardware
    runtime: TrainingRuntime | None
    form: TrainingFormat
    plan: Plan
    scope: Scope
    parameters: float
    trained: float
    counts: StepCounts
    memory: StepMemory
    facility: Facility | None = None
    seconds: StepSeconds | None = None
    ledger: Ledger | None = None
    capped: bool = False
    baseline: str | None = None
    saving: tuple[float, float, float] | None = None
    reason: str | None = None
    between: str = ""  # the link between nodes
    errors: Mapping[str, Spread] = field(default_factory=dict)  # on measured steps, by class

    @property
    def capacity(self) -> float | None:
        """Bytes of a device; None at a technology node."""
        return self.hardware.memory.size / 8 if self.hardware.has_clock else None

    @property
    def fits(self) -> bool | None:
        """Whether the device that holds most holds it."""
        return None if self.capacity is None else self.memory.peak <= self.capacity

    @property
    def energy(self) -> tuple[float, float, float] | None:
        """Low, nominal and high energy of a step, all devices.  [J]"""
        if self.ledger is None:
            return None
        low, nominal, high = sum_in_order(list(contract(self.ledger, "component", self.scope).values()))[:, 0].tolist()
        return low, nominal, high

    @property
    def steps(self) -> float | None:
        """Steps of the whole run; None without its tokens."""
        return None if self.plan.tokens is None else self.plan.tokens / self.plan.step_tokens

    @property
    def days(self) -> float | None:
        """Days of the whole run."""
        return None if self.steps is None or self.seconds is None else self.steps * self.seconds.total / 86400

    @property
    def run_energy(self) -> tuple[float, float, float] | None:
        """Low, nominal and high energy of the whole run.  [J]"""
        energy, steps = self.energy, self.steps
        return None if energy is None or steps is None else (energy[0] * steps, energy[1] * steps, energy[2] * steps)

    @property
    def carbon(self) -> float | None:
        """Emissions of the whole run, with the making of the devices where it is known.  [g]"""
        energy, site = self.run_energy, self.facility
        if energy is None or site is None:
            return None
        making = site.embodied_range(self.hardware.embodied)
        if site.carbon_g_per_j is None and making is None:
            return None
        made = making[1] * self.device_seconds if making is not None and self.device_seconds is not None else 0.0
        return energy[1] * self.pue * (site.carbon_g_per_j or 0.0) + made

    @property
    def cost(self) -> float | None:
        """Electricity and devices of the whole run.  [USD]"""
        energy, site = self.run_energy, self.facility
        if energy is None or site is None or (site.usd_per_j is None and site.usd_per_device_s is None):
            return None
        rent = (site.usd_per_device_s or 0.0) * (self.device_seconds or 0.0)
        return energy[1] * self.pue * (site.usd_per_j or 0.0) + rent

    @property
    def device_seconds(self) -> float | None:
        """Seconds of all devices in the whole run."""
        return None if self.days is None else self.days * 86400 * self.plan.devices

    @property
    def pue(self) -> float:
        """What the facility multiplies the energy of devices by, beyond what the scope holds already."""
        return 1.0 if self.facility is None or self.scope == "facility" else self.facility.pue

    @property
    def utilisation(self) -> tuple[float, float] | None:
        """Shares of the devices' peak in the format computed in: of what a model needs, and of what runs."""
        if self.seconds is None:
            return None
        form = next(a.partition(".")[2] for a in self.form.compute.linear.recipe if a.startswith("mul."))
        executed = self.hardware.executed(form)
        if executed is None:
            return None
        peak = self.hardware.rates[executed].value / 2 * self.plan.devices * self.seconds.total
        return self.counts.model / peak, self.counts.run / peak
