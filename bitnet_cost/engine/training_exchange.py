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
    ports: Any = 1.0  # to other nodes, that its devices of a node use together


@dataclass(frozen=True, slots=True)
class Sent:
    """What all devices send in a step."""

    bits: dict[str, Array]  # by action, all devices
    hardware: Hardware  # that prices them
    blocking: Any  # seconds that layers wait for, of what they exchange
    whole: Any  # seconds of all that they exchange
    gradients: Any  # seconds of the exchange of gradients and weights
    hidden: float

    def exposed(self, plan: Plan, forward: Array, backward: Array) -> Array:
        """Seconds that no work hides. What hides cannot take longer than the work.

        Gathered weights of ZeRO's stage 3 hide behind both passes of every micro-batch. Gradients are else whole only
        in the last micro-batch's backward pass.
        """
        behind = forward + backward if plan.zero == 3 else backward / plan.micro_batches
        gradients = np.maximum(self.gradients * (1 - self.hidden), self.gradients - behind)
        seconds: Array = np.maximum(self.blocking, self.whole - forward - backward) + gradients
        return seconds


def exchanged(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime,
    hardware: Hardware, between: Interconnect | None,
) -> Sent:  # fmt: skip
    """The exchange of a step.

    Tensor-parallel devices close two sums a layer forward and two backward (Shoeybi et al., Megatron-LM, 2019,
    arXiv:1909.08053, section 3); a gather and a scatter of sequence parallelism send as much (Korthikanti et al., 2022,
    arXiv:2205.05198, section 4.2.2). Rings over several nodes leave each of them through the ports of all devices of
    the group there (NCCL has one ring a port). Stages hand on the residual stream and its gradient. Data-parallel
    devices sum gradients, and with ZeRO gather weights (Rajbhandari et al., 2020, arXiv:1910.02054, section 7).
    Context-parallel ones pass keys and values round (Liu et al., Ring Attention, 2023, arXiv:2310.01889); experts take
    and give back tokens twice forward and twice backward.

    Raises:
        BitnetCostError: more devices than a node joins, and nothing between nodes.
    """
    link, plan = hardware.interconnect, plan.flat
    if link is None or holds_everywhere(plan.devices <= 1):
        return Sent({}, hardware, 0.0, 0.0, 0.0, 1.0)
    blocking = _blocking(model, counts, plan, form, runtime)
    ports = max(1.0, link.devices / plan.tp)
    gradients = [t._replace(ports=ports) for t in _gradients(model, counts, plan, form, runtime)]
    inside_rate = link.bandwidth.value * runtime.link_bandwidth.value
    bits: dict[str, Any] = {}
    waits: Any = 0.0
    whole: Any = 0.0
    seconds_of_gradients: Any = 0.0
    for number, traffic in enumerate((*blocking, *gradients)):
        sent = traffic.sent * 8 + plan.seq * 0  # of each point
        spans = traffic.spans + plan.devices * 0
        inside, outside = spans <= link.devices, spans > link.devices
        seconds: Any = None
        for name, way, here, elsewhere in ((INSIDE, link, inside, outside), (BETWEEN, between, outside, inside)):
            if holds_everywhere(elsewhere):
                continue
            if way is None:
                most = int(np.max(plan.devices))
                raise BitnetCostError(f"devices: {most} are more than the {link.devices} that a node joins")
            bits[name] = bits.get(name, 0.0) + np.where(here, sent, 0.0) * plan.devices
            latency = way.latency.value if way.latency else None
            rate = inside_rate
            if name == BETWEEN:
                rate = np.minimum(rate, way.bandwidth.value * runtime.network_bandwidth.value * traffic.ports)
            took = exchange_seconds(sent, rate, traffic.messages, latency)
            seconds = took if seconds is None else np.where(here, took, seconds)
        if number >= len(blocking):
            seconds_of_gradients = seconds_of_gradients + seconds
        else:
            whole = whole + seconds
            waits = waits + seconds * (1 - traffic.hidden)
    bits = {name: bits[name] for name in (INSIDE, BETWEEN) if name in bits}  # in one order, also where it came second
    return Sent(bits, _with_network(hardware, between), waits, whole, seconds_of_gradients, runtime.overlap.value)


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
        each = stream / (plan.tp if runtime.sequence_parallel or runtime.scattered else 1)
        # 1F1B waits for what it sends and receives (Narayanan et al., 2021, arXiv:2104.04473, section 2.2); pieces of
        # a stage leave others to work on meanwhile
        hidden = runtime.overlap.value if plan.virtual_stages > 1 else 0.0
        found.append(Traffic(hops * each, hops, plan.devices, hidden))
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
        # pieces of a stage leave another micro-batch's work to do meanwhile
        hidden = runtime.overlap.value if plan.virtual_stages > 1 else runtime.experts_overlap.value
        found.append(Traffic(sent, times * layers, plan.cp * plan.ep * plan.expert_tp, hidden))
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
        owned = owned - experts * (1 - ring_share(plan.expert_copies) / np.where(shards > 1, ring, 1.0))
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
