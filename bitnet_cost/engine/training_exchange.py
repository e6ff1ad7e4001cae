"""What devices send each other in a training step, over which link, and how long they wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.engine.parallel import sums_of
from bitnet_cost.engine.training_memory import (
    adapter_weights,
    bytes_each,
    device_parameters,
    in_layers,
    linear_in,
    over,
    plus,
)
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.exchange import exchange_seconds
from bitnet_cost.formulas.training import largest_stage, ring_share
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import EnergyPerOperation, Same
from bitnet_cost.inputs.hardware import Hardware, Interconnect
from bitnet_cost.inputs.training import Plan, TrainingFormat, TrainingRuntime
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.told import Array, holds_everywhere

INSIDE, BETWEEN = "interconnect.write", "network.write"  # the action of a bit that leaves a node


class Traffic(NamedTuple):
    """What one kind of parallelism sends: bytes of each device in a step, messages, and the devices it spans."""

    sent: Any
    messages: Any
    spans: Any
    hidden: float  # share that work hides


@dataclass(frozen=True, slots=True)
class Sent:
    """What all devices send in a step."""

    bits: dict[str, Array]  # by action, all devices
    hardware: Hardware  # that prices them
    blocking: Any  # seconds that layers wait for
    gradients: Any  # seconds of the exchange of gradients and weights
    hidden: float

    def exposed(self, work: Array) -> Array:
        """Seconds that no work hides: gradients hide behind the backward pass, gathered weights behind both."""
        seconds: Array = self.blocking + np.maximum(self.gradients * (1 - self.hidden), self.gradients - work)
        return seconds


def exchanged(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime,
    hardware: Hardware, between: Interconnect | None,
) -> Sent:  # fmt: skip
    """The exchange of a step.

    Tensor-parallel devices close two sums a layer forward and two backward (Shoeybi et al., Megatron-LM, 2019,
    arXiv:1909.08053, section 3); a gather and a scatter of sequence parallelism send as much (Korthikanti et al., 2022,
    arXiv:2205.05198, section 4.2.2). Stages hand on the residual stream and its gradient. Data-parallel devices sum
    gradients, and with ZeRO gather weights (Rajbhandari et al., 2020, arXiv:1910.02054, section 7). Context-parallel
    ones pass keys and values round (Liu et al., Ring Attention, 2023, arXiv:2310.01889); experts take and give back
    tokens twice forward and twice backward.

    Raises:
        BitnetCostError: more devices than a node joins, and nothing between nodes.
    """
    link, plan = hardware.interconnect, plan.flat
    if link is None or holds_everywhere(plan.devices <= 1):
        return Sent({}, hardware, 0.0, 0.0, 1.0)
    blocking, gradients = _blocking(model, counts, plan, form, runtime), _gradients(model, counts, plan, form, runtime)
    bits: dict[str, Any] = {}
    waits: Any = 0.0
    seconds_of_gradients: Any = 0.0
    for number, traffic in enumerate((*blocking, *gradients)):
        sent = traffic.sent * 8 + plan.seq * 0  # of each point
        inside = traffic.spans + plan.devices * 0 <= link.devices
        seconds: Any = None
        for name, way in ((INSIDE, link), (BETWEEN, between)):
            here = inside if name == INSIDE else ~inside
            if not here.any():
                continue
            if way is None:
                most = int(np.max(plan.devices))
                raise BitnetCostError(f"devices: {most} are more than the {link.devices} that a node joins")
            bits[name] = bits.get(name, 0.0) + np.where(here, sent, 0.0) * plan.devices
            latency = way.latency.value if way.latency else None
            took = exchange_seconds(sent, way.bandwidth.value, traffic.messages, latency)
            seconds = took if seconds is None else np.where(here, took, seconds)
        if number >= len(blocking):
            seconds_of_gradients = seconds_of_gradients + seconds
        else:
            waits = waits + seconds * (1 - traffic.hidden)
    return Sent(bits, _with_network(hardware, between), waits, seconds_of_gradients, runtime.overlap.value)


def _with_network(hardware: Hardware, between: Interconnect | None) -> Hardware:
    """Hardware whose actions hold the price of a bit between nodes; the same is made once."""
    return hardware if between is None else _joined(Same(hardware), Same(between))


@lru_cache(maxsize=64)
def _joined(one: Same, other: Same) -> Hardware:
    hardware: Hardware = one.it
    bit = other.it.energy
    price = EnergyPerOperation.model_construct(**dict(bit))
    return hardware.model_copy(update={"actions": hardware.actions | {BETWEEN: price}})


def _blocking(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime
) -> list[Traffic]:
    """What a layer or a stage waits for."""
    stream = plan.micro_batch * plan.seq / plan.cp * model.hidden_size * form.width
    share = largest_stage(model.depth, plan.pp) / model.depth
    passes = 3 if plan.recompute == "full" else 2
    found = []
    if plan.tp > 1:
        sums = _sums(Same(counts.operators)) * share * passes * plan.micro_batches
        found.append(Traffic(sums * 2 * ring_share(plan.tp) * stream, 2 * sums, plan.tp, runtime.tensor_overlap.value))
    if plan.pp > 1:
        hops = 2.0 * plan.virtual_stages * plan.micro_batches
        each = stream / (plan.tp if runtime.sequence_parallel else 1)
        found.append(Traffic(hops * each, hops, plan.devices, runtime.overlap.value))
    if plan.cp > 1:
        written = plus(*(linear_in(op, kv_write=1.0) for op in counts.operators))
        keys = over(written, counts.bases) * form.width / plan.cp / plan.tp
        layers = float(sum(op.repeat for op in counts.operators if op.traits.tensor == "key")) or model.depth
        around = plan.cp - 1
        sent = 3 * around * keys * share * plan.micro_batches  # keys and values forward, and their gradients too
        messages = 3 * around * layers * share * plan.micro_batches
        found.append(Traffic(sent, messages, plan.tp * plan.cp, runtime.overlap.value))
    if plan.ep > 1:
        taken = plus(*(
            linear_in(op, inputs=1.0) for op in counts.operators
            if op.traits.kernel == "experts" and op.traits.tensor != "down" and op.traits.fused == "no"
        ))  # fmt: skip
        routed = over(taken, counts.bases)
        layers = float(sum(layer.repeat for layer in model.layers if layer.moe))
        times = 4 * share * plan.micro_batches
        sent = times * routed * form.width * ring_share(plan.ep) / plan.cp / plan.tp
        found.append(Traffic(sent, times * layers, plan.tp * plan.cp * plan.ep, runtime.overlap.value))
    return found


def _gradients(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime
) -> list[Traffic]:
    """What data-parallel devices sum and gather."""
    shards = plan.shards
    if holds_everywhere(shards <= 1):
        return []
    layers, tables, head, experts = device_parameters(model, counts, plan)
    owned = layers + max(tables, head) if plan.pp > 1 else layers + tables + head
    if plan.lora is not None:
        trained = sum(adapter_weights(op, plan.lora) for op in counts.operators if in_layers(model, op))
        owned = trained / plan.tp / plan.pp
    _, gradient, _ = bytes_each(plan, form, runtime)
    narrow, ring = form.width, ring_share(shards)
    if plan.ep > 1:  # few devices hold the same experts
        owned = owned - experts * (1 - ring_share(np.floor(shards / plan.ep)) / np.where(shards > 1, ring, 1.0))
    if plan.zero == 3:
        sent = ring * owned * (2 * narrow + gradient) * plan.micro_batches
    elif plan.zero:
        sent = ring * owned * (gradient + narrow)
    else:
        sent = 2 * ring * owned * gradient
    messages = float(model.depth) * (3 if plan.zero == 3 else 1) / plan.pp * np.where(shards > 1, 1.0, 0.0)
    return [Traffic(sent, messages, np.floor(plan.devices / plan.pp), runtime.overlap.value)]


@lru_cache(maxsize=64)
def _sums(operators: Same) -> float:
    return float(sums_of(operators.it).sum())
