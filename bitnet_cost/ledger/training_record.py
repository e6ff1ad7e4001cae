"""The record of a training step in plain figures: JSON, CSV, tables, frames and sweeps share its columns.

They are registered here as those of an answer are in `record`, in a registry of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.registry import STEP_METRICS, Kind, Metric
from bitnet_cost.units import KWH, OPERATIONS_PER_MAC

__all__ = ["STEP_METRICS"]  # who reads them here has every column in its place


def _register(
    name: str, kind: Kind, unit: str, description: str, of: Callable[[TrainingResult], Any], **shown: Any
) -> None:
    STEP_METRICS[name] = Metric(name, kind, unit, description, of, **{"swept": kind != "word", **shown})


def _plan(name: str, description: str, kind: Kind = "whole") -> None:
    _register(name, kind, "" if kind == "word" else "1", description, lambda r: getattr(r.plan, name), swept=False)


# --- the question --------------------------------------------------------------------------------------------------

_register("model", "word", "", "Catalogue name of the model", lambda r: r.model.name)
_register("parameters", "whole", "1", "Parameters, tied ones once", lambda r: r.parameters)
_register("hardware", "word", "", "Catalogue name of the hardware", lambda r: r.hardware.name)
_register("runtime", "word", "", "Software of training", lambda r: None if r.runtime is None else r.runtime.name)
_register("precision", "word", "", "Name of the precision", lambda r: r.precision.name)
_register("scope", "word", "", "What the energy holds", lambda r: r.scope)
_plan("devices", "Devices that train together")
_plan("dp", "Data-parallel copies")
_plan("tp", "Devices that split every matrix")
_plan("pp", "Stages of the pipeline")
_plan("cp", "Devices that split a sequence")
_plan("ep", "Devices that experts are spread over")
_plan("zero", "Stage of ZeRO")
_plan("seq", "Tokens of a sequence")
_plan("micro_batch", "Sequences of one pass")
_plan("global_batch", "Sequences of an optimiser step")
_plan("recompute", "What the backward pass recomputes: none, selective or full", "word")
_plan("optimizer", "Optimiser", "word")
_plan("tokens", "Tokens of the whole run", "size")


# --- time ----------------------------------------------------------------------------------------------------------


def _seconds(name: str, phase: str, description: str) -> None:
    _register(name, "figure", "s", description, lambda r: None if r.seconds is None else getattr(r.seconds, phase))


_seconds("forward_s", "forward", "Time of forward passes in a step")
_seconds("backward_s", "backward", "Time of backward passes in a step")
_seconds("optimizer_s", "optimizer", "Time of the optimiser in a step")
_seconds("exchange_s", "exchange", "Time of exchanges that no work hides")
_seconds("bubble_s", "bubble", "Time in which stages wait for the pipeline to fill and drain")
_seconds("step_s", "total", "Time of one optimiser step of the global batch")


def _rate(r: TrainingResult) -> Any:
    return None if r.seconds is None else r.plan.step_tokens / r.seconds.total


def _model_flop(r: TrainingResult) -> Any:
    return OPERATIONS_PER_MAC * r.counts.model


_register("tokens_per_s", "figure", "token/s", "Tokens trained on per second, all devices", _rate, better="more")
_register("tokens_per_s_per_device", "figure", "token/s", "The same for each device",
    lambda r: None if r.seconds is None else _rate(r) / r.plan.devices, better="more")  # fmt: skip
_register("model_flop_per_token", "figure", "FLOP/token", "Operations of the model a token, nothing recomputed",
    lambda r: _model_flop(r) / r.plan.step_tokens)  # fmt: skip
_register("tflops_per_device", "figure", "TFLOP/s", "The same per second, of each device",
    lambda r: None if r.seconds is None else _model_flop(r) / r.seconds.total / r.plan.devices / 1e12,
    better="more")  # fmt: skip
_register("mfu", "figure", "1", "Share of the peak that the model's operations use",
    lambda r: r.utilisation and r.utilisation[0], better="more")  # fmt: skip
_register("hfu", "figure", "1", "The same with what is recomputed",
    lambda r: r.utilisation and r.utilisation[1], better="more")  # fmt: skip


# --- memory --------------------------------------------------------------------------------------------------------

_register("weights_bytes", "size", "byte", "Weights on the device that holds most", lambda r: r.memory.weights)
_register("gradients_bytes", "size", "byte", "Gradients there", lambda r: r.memory.gradients)
_register("optimizer_bytes", "size", "byte", "Master weights and moments there", lambda r: r.memory.optimizer)
_register("activation_bytes", "size", "byte", "Activations, logits and copies kept for the backward pass there",
    lambda r: r.memory.kept)  # fmt: skip
_register("memory_per_device_bytes", "size", "byte", "Peak of all of it there", lambda r: r.memory.peak)
_register("capacity_bytes", "size", "byte", "Memory of a device", lambda r: r.capacity, better="more")
_register("fits", "bool", "", "Whether the device that holds most holds it", lambda r: r.fits, better="more")


# --- energy, and the whole run -------------------------------------------------------------------------------------


def _energy(r: TrainingResult, bound: int) -> Any:
    return None if r.energy is None else r.energy[bound]


_register("energy_step_j", "figure", "J", "Energy of a step, all devices, nominal", lambda r: _energy(r, 1))
_register("energy_step_low_j", "figure", "J", "The same, low end of its 90 % interval; without rows all prices low",
    lambda r: _energy(r, 0))  # fmt: skip
_register("energy_step_high_j", "figure", "J", "The same, high end of its 90 % interval; without rows all prices high",
    lambda r: _energy(r, 2))  # fmt: skip
_register("power_w", "figure", "W", "Energy of a step / its time, all devices",
    lambda r: None if r.energy is None or r.seconds is None else r.energy[1] / r.seconds.total)  # fmt: skip
_register("energy_per_token_j", "figure", "J/token", "Energy of a step / its tokens",
    lambda r: None if r.energy is None else r.energy[1] / r.plan.step_tokens)  # fmt: skip
_register("days", "figure", "day", "Days of the whole run", lambda r: r.days)
_register("energy_kwh", "figure", "kWh", "Energy of the whole run, with the facility's PUE",
    lambda r: r.run_energy and r.run_energy[1] * r.pue / KWH)  # fmt: skip
_register("carbon_kg", "figure", "kg", "Emissions of the whole run, where given",
    lambda r: None if r.carbon is None else r.carbon / 1e3)  # fmt: skip
_register("cost_usd", "figure", "USD", "Cost of the whole run, where given", lambda r: r.cost)
_register("baseline", "word", "", "Precision that the saving refers to", lambda r: r.baseline)
_register("saving", "figure", "1", "1 - energy / energy of the baseline, nominal",
    lambda r: r.saving and r.saving[1], swept=False, better="more", printing="percent")  # fmt: skip
_register("reason", "word", "", "Why there is no time and energy", lambda r: r.reason)
