"""What a training step holds on a device: weights, gradients, states, and what the backward pass needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.footprint import resident
from bitnet_cost.engine.training_recompute import keeps_products, kept_results
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.training import in_flight, largest_stage, state_bytes
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.training import MOMENT_BYTES, Plan, StepKernelClass, TrainingFormat, TrainingRuntime
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.ledger.training import StepMemory

CLASSES: dict[str, StepKernelClass] = {
    "product": "linear", "experts": "experts", "attention": "attention", "norm": "norm", "rope": "rope",
    "activation": "activation", "residual": "residual", "quantise": "quantise",
}  # fmt: skip


def class_of(op: Operator) -> StepKernelClass:
    """The class of kernels that an operator runs in."""
    return "combine" if op.name == "combine" else CLASSES.get(op.traits.kernel, "elementwise")


def counted(model: Architecture, plan: Plan) -> OpCounts:
    """The forward pass of one micro-batch: whole sequences, with logits at every position."""
    return count_ops(model, Workload(plan.micro_batch, plan.seq, 1, None, "all"))


def in_layers(model: Architecture, op: Operator) -> bool:
    """Whether an operator is one of the layers', not of embedding or head."""
    return op.group != "embedding" and op.layer < model.depth


def adapter_weights(op: Operator, rank: int | None) -> float:
    """Trained weights of low-rank adapters beside an operator's matrices.

    Hu et al., LoRA, 2021, arXiv:2106.09685, section 4.1: r (inputs + outputs) for each matrix.
    """
    if rank is None or op.role != "linear":
        return 0.0
    return float(rank * (op.shape[0] + op.shape[1]) * op.matrices * op.repeat)


def check_rank(model: Architecture, counts: OpCounts, plan: Plan) -> None:
    """Refuse adapters of a higher rank than the matrices beside which they are.

    Raises:
        BitnetCostError: with the smallest side of a matrix, and the operator that has it; or no matrix at all.
    """
    if plan.lora is None:
        return
    sides = [(min(op.shape), op.name) for op in counts.operators if adapter_weights(op, 1)]
    least, name = min(sides, default=(0, ""))
    if not sides:
        raise BitnetCostError(f"lora: {model.name} has no matrix in its layers that an adapter could be beside")
    if plan.lora > least:
        side = f"{least:g}, the smaller side of {name!r} of {model.name}"
        raise BitnetCostError(f"lora: a rank of {plan.lora} is above {side}")


def kept_bytes(op: Operator, counts: OpCounts, row: int, runtime: TrainingRuntime, form: TrainingFormat) -> float:
    """Bytes that an operator keeps for its backward pass, all its layers, before anything is divided.

    A product keeps its input, unless the operator before it has kept the same one; attention its queries, keys and
    values; others what their kernels keep.  [byte]
    """
    kind = class_of(op)
    entries = float(counts["inputs"][0, row, 0])
    scale = runtime.wide_kept.value if form.wide else 1.0
    if kind in ("linear", "experts"):
        shared = op.traits.fused == "projections" or op.role == "elsewhere" or op.group == "head"
        return 0.0 if shared else entries * form.width
    if op.traits.scores:
        full = float(counts["exp"][0, row, 0]) * (2.0 if counts.workload.attention != "full" else 1.0)
        return 0.0 if runtime.fused_attention else full * runtime.score_bytes
    if kind == "attention":
        if not entries:
            return 0.0
        keys = sum(float(counts["kv_write"][0, i, 0]) for i in _beside(op, counts.operators))
        return (entries + keys) * form.width
    if kind in ("quantise",) or op.group == "embedding":
        return 0.0
    return entries * runtime.kernel(kind).kept_bytes * scale


def _beside(op: Operator, ops: Sequence[Operator]) -> list[int]:
    """Rows of the same layers that write keys and values."""
    return [i for i, other in enumerate(ops) if other.layer == op.layer and other.has("kv_write")]


def layer_bytes(
    model: Architecture, counts: OpCounts, plan: Plan, runtime: TrainingRuntime, form: TrainingFormat
) -> float:
    """Bytes that all layers keep of one micro-batch on each of the devices that share it.  [byte]

    Tensor-parallel devices share what attention, the activation, and the products behind them keep, and with sequence
    parallelism the rest too. With full recomputation a layer keeps its input alone, with selective one all but the
    scores.
    """
    whole = plan.micro_batch * plan.seq * model.hidden_size * form.width
    shared = plan.tp if runtime.sequence_parallel else 1
    if plan.recompute == "full":
        wide = 2.0 if casts_weights(plan, form, runtime) else 1.0  # the residual stream is in FP32 there
        return model.depth * whole * wide / shared / plan.cp
    if keeps_products(plan, runtime):
        return kept_results(counts, model.depth, form.width, whole, plan, shared)
    found = 0.0
    for row, op in enumerate(counts.operators):
        if not in_layers(model, op) or (op.traits.scores and plan.recompute == "selective"):
            continue
        behind = op.traits.tensor in ("output", "down") or class_of(op) in ("attention", "activation", "rope")
        ways = plan.tp if behind else shared
        found += kept_bytes(op, counts, row, runtime, form) / ways
    return found / plan.cp


def casts_weights(plan: Plan, form: TrainingFormat, runtime: TrainingRuntime) -> bool:
    """Whether weights are held in FP32 and cast on each pass; a frozen base, or one without masters, has 16 bits."""
    return runtime.weights_wide and not form.wide and plan.master == "fp32" and plan.lora is None


def dequantised_bytes(counts: OpCounts, form: TrainingFormat) -> float:
    """Bytes of the largest matrix of a frozen base in 16 bits, where it is stored in fewer: one at a time.  [byte]"""
    if form.stored is None:
        return 0.0
    return max((2.0 * op.shape[0] * op.shape[1] for op in counts.operators if op.role == "linear"), default=0.0)


class Owned(NamedTuple):
    """Weights on one device of the largest, first and last stage: of layers, tables and head; experts are of layers."""

    layers: float
    tables: float
    head: float
    experts: float


def device_parameters(model: Architecture, counts: OpCounts, plan: Plan) -> Owned:
    """What a device owns before ZeRO divides anything."""
    layers = tables = head = tied = experts = 0.0
    for op in counts.operators:
        owned = float(op.repeat * (op.weights + op.bias)) / plan.tp
        if op.traits.kernel == "experts":
            owned *= plan.tp / plan.expert_tp / plan.ep
            experts += owned
        if op.group == "embedding":
            tables += owned
            tied += owned if op.traits.tensor == "embedding" else 0.0
        elif op.layer >= model.depth:
            head += owned
        else:
            layers += owned
    if plan.pp > 1 and model.lm_head is not None and model.lm_head.tied:
        head += tied  # the last stage holds the table again
    share = largest_stage(model.depth, plan.pp) / model.depth
    return Owned(layers * share, tables, head, experts * share)


def bytes_each(plan: Plan, form: TrainingFormat, runtime: TrainingRuntime | None) -> tuple[float, float, float]:
    """Bytes of weights, gradients and optimiser states of a trained parameter.

    16 where FP32 weights are cast on each pass, 18 where 16-bit weights stand beside FP32 masters and gradients are
    summed in FP32; 12 without masters, 8 where framework optimisers make moments in the format of the weights.  [byte]
    """
    moments = MOMENT_BYTES[plan.optimizer]
    if form.wide:
        return 4.0, 4.0, moments
    if plan.master == "none":
        narrow = runtime is not None and runtime.weights_wide and plan.optimizer != "adamw-8bit"
        return 2.0, 2.0, moments / 2 if narrow else moments
    if runtime is None or runtime.weights_wide:
        return 4.0, 4.0, moments
    return 2.0, runtime.gradient_bytes, 4.0 + moments


def step_memory(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime
) -> StepMemory:
    """Bytes by part on the device that holds most: the first stage of a pipeline, or its last.  [byte]"""
    runtime = runtime if plan.lora is None else runtime.over_frozen()
    layers, tables, head, experts = device_parameters(model, counts, plan)
    each = bytes_each(plan, form, runtime)
    kept = layer_bytes(model, counts, plan, runtime, form) * largest_stage(model.depth, plan.pp) / model.depth
    # the layer whose forward pass is repeated keeps what it would have kept (Korthikanti et al., 2022, section 4.1)
    again = dequantised_bytes(counts, form) / plan.tp
    if plan.recompute == "full":
        again += layer_bytes(model, counts, replace(plan, recompute="none"), runtime, form) / model.depth
        if "activations" in runtime.not_held:
            kept = 0.0
    logits = 0.0
    if model.lm_head is not None:
        scale = 1.0 if form.width == 2 else 12 / 14
        share = plan.tp if runtime.sequence_parallel or plan.tp > 1 else 1
        logits = plan.micro_batch * plan.seq * model.vocab_size * runtime.logit_bytes * scale / share / plan.cp
    shards = plan.dp * plan.cp
    wide_weights = casts_weights(plan, form, runtime)
    first = in_flight(plan.pp, plan.micro_batches, plan.virtual_stages)
    beyond = max(again - logits, 0.0)  # logits are gone by then
    stages = [(layers + tables + head, kept + beyond, logits)] if plan.pp == 1 else [
        (layers + tables, kept * first + again, 0.0), (layers + head, kept + beyond, logits)
    ]  # fmt: skip
    found = []
    for owned, activations, of_logits in stages:
        if plan.lora is None:
            # experts are divided already: fewer devices hold the same ones
            dense = state_bytes(owned - experts, *each, shards, plan.zero)
            routed = state_bytes(experts, *each, plan.expert_copies, plan.zero)
            weights, gradients, states = (a + b for a, b in zip(dense, routed, strict=True))
        else:
            weights, gradients, states = _adapted(model, counts, plan, form, owned, each, shards)
        if "gradients" in runtime.not_held and plan.lora is None:
            gradients *= max(tables, head, layers / largest_stage(model.depth, plan.pp)) / owned
        if "states" in runtime.not_held:
            states = 0.0
        casts = 0.0
        if wide_weights and plan.recompute != "full":
            casts = 2.0 * layers / (shards if plan.zero >= 3 else 1)
        if plan.zero >= 3 and shards > 1:  # weights of the layer that is worked on, and of the next, are gathered
            width = 2.0 if form.stored is None else form.stored.linear.weights.bits / 8
            casts += 2 * width * layers / largest_stage(model.depth, plan.pp)
        back = activations + of_logits + casts
        # gradients appear while activations go, where no micro-batch before has left any
        freed = plan.micro_batches == 1 and runtime.weights_wide and shards == 1
        last = gradients + again  # when the first layer's are there, and it is worked on
        peak = weights + states + (max(last, back) if freed else gradients + back)
        if shards > 1 and plan.zero == 0 and runtime.weights_wide:
            peak += gradients  # buckets that are summed over devices, beside the gradients themselves
        found.append(StepMemory(weights, gradients, states, activations, of_logits, casts, peak))
    return max(found, key=lambda memory: memory.peak)


def _adapted(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, owned: float,
    each: tuple[float, float, float], shards: int,
) -> tuple[float, float, float]:  # fmt: skip
    """Bytes where a frozen base has adapters: the base as it is stored, states of the adapters alone."""
    stored = form.stored or form.compute
    base = resident(model, stored, counts.operators, counts.coefficients)
    whole = float(sum(base.parameters.values()))
    adapters = sum(adapter_weights(op, plan.lora) for op in counts.operators) * owned / whole
    weights, gradients, states = state_bytes(adapters, *each, shards, plan.zero)
    frozen = base.total_bits / 8 * owned / whole / (shards if plan.zero >= 3 else 1)
    return frozen + weights, gradients, states


def model_parameters(counts: OpCounts) -> float:
    """All parameters, tied ones once."""
    return float(np.sum([op.repeat * (op.weights + op.bias) for op in counts.operators]))
