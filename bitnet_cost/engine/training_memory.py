"""What a training step holds on a device: weights, gradients, states, and what the backward pass needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.engine.counts import bases_of, coefficients_of, count_ops
from bitnet_cost.engine.footprint import resident
from bitnet_cost.engine.operators import operators
from bitnet_cost.engine.training_recompute import keeps_products, kept_products
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.sums import sum_in_order
from bitnet_cost.formulas.training import in_flight, largest_stage, state_bytes
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.training import MOMENT_BYTES, Plan, StepKernelClass, TrainingFormat, TrainingRuntime
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.arrays import Bases, Basis, Coefficients
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.ledger.training import StepMemory
from bitnet_cost.numerals import brief
from bitnet_cost.told import Array, filled
from bitnet_cost.words import Counting

CLASSES: dict[str, StepKernelClass] = {
    "product": "linear", "experts": "experts", "attention": "attention", "norm": "norm", "rope": "rope",
    "activation": "activation", "residual": "residual", "quantise": "quantise",
}  # fmt: skip


def class_of(op: Operator) -> StepKernelClass:
    """The class of kernels that an operator runs in."""
    return "combine" if op.name == "combine" else CLASSES.get(op.traits.kernel, "elementwise")


@lru_cache(maxsize=64)
def _counting(model: Same, counting: Counting) -> tuple[tuple[Operator, ...], Coefficients, tuple[Basis, ...]]:
    """Operators of a model, their coefficients, and the bases that these need."""
    ops = operators(model.it, counting)
    coefficients = coefficients_of(ops)
    return ops, coefficients, bases_of(coefficients)


def counted(model: Architecture, plan: Plan) -> OpCounts:
    """The forward pass of one micro-batch: whole sequences, with logits at every position."""
    asked = Workload(logits="all", counting=plan.counting).for_kind(model.kind)
    batch, seq, one = np.broadcast_arrays(plan.flat.micro_batch, plan.flat.seq, np.ones(1))
    return count_ops(model, asked.with_numbers(batch, seq, one), *_counting(Same(model), asked.counting))


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
        side = f"{brief(least)}, the smaller side of {name!r} of {model.name}"
        raise BitnetCostError(f"lora: a rank of {plan.lora} is above {side}")


Columns = dict[Basis, Any]
"""A figure of one operator's layers that is linear in what a micro-batch repeats: so much for each of a basis."""


def linear_in(op: Operator, **times: Any) -> Columns:
    """A figure of an operator's layers: quantities times a factor each.

    >>> linear_in(Operator("", "", "", 2, (("inputs", ("tokens",), 8.0), ("mac", ("tokens",), 64.0))), inputs=2.0)
    {('tokens',): 32.0}
    """
    found: Columns = {}
    for quantity, basis, each in op.terms:
        factor = times.get(quantity)
        if factor is not None and filled(factor).any():
            found[basis] = found.get(basis, 0.0) + op.repeat * each * factor
    return found


def multiple(columns: Columns, factor: Any) -> Columns:
    """A figure some times."""
    return {basis: each * factor for basis, each in columns.items()} if filled(factor).any() else {}


def plus(*several: Columns) -> Columns:
    """The sum of figures."""
    found: Columns = {}
    for columns in several:
        for basis, each in columns.items():
            found[basis] = found[basis] + each if basis in found else each
    return found


def over(columns: Columns, bases: Bases) -> Array:
    """The figure of the first phase of a workload.  [n]"""
    parts = [bases[basis][0] * each for basis, each in columns.items()]
    return sum_in_order(parts) if parts else np.zeros(bases.table.shape[-1])


def squares(counts: OpCounts) -> float:
    """Scores that software writes, where it writes them, over those counted: half of a square may be masked."""
    return 1.0 if counts.workload.attention == "full" or counts.workload.counting == "traced" else 2.0


def kept_bytes(op: Operator, ops: Sequence[Operator], runtime: TrainingRuntime, form: TrainingFormat) -> Columns:
    """Bytes that an operator keeps for its backward pass, all its layers, before anything is divided.

    A product keeps its input, unless the operator before it has kept the same one; attention its queries, keys and
    values; others what their kernels keep.  [byte]
    """
    kind = class_of(op)
    if kind in ("linear", "experts"):
        shared = op.traits.fused == "projections" or op.role == "elsewhere" or op.group == "head"
        return {} if shared else linear_in(op, inputs=form.width)
    if op.traits.scores:
        return {} if runtime.fused_attention else linear_in(op, exp=runtime.score_bytes)
    if kind == "attention":
        queries = linear_in(op, inputs=form.width)
        beside = (other for other in ops if other.layer == op.layer and other.has("kv_write"))
        return plus(queries, *(linear_in(other, kv_write=form.width) for other in beside)) if queries else {}
    if kind == "quantise" or op.group == "embedding":
        return {}
    return linear_in(op, inputs=runtime.kernel(kind).kept_bytes * (runtime.wide_kept.value if form.wide else 1.0))


def layer_bytes(
    model: Architecture, counts: OpCounts, plan: Plan, runtime: TrainingRuntime, form: TrainingFormat
) -> Array:
    """Bytes that all layers keep of one micro-batch on each of the devices that share it.  [n]  [byte]

    Tensor-parallel devices share what attention, the activation, and the products behind them keep, and with sequence
    parallelism the rest too. With full recomputation a layer keeps its input alone, with selective one all but the
    scores.
    """
    shared = plan.tp if runtime.sequence_parallel else 1
    if plan.recompute == "full":
        wide = 2.0 if casts_weights(plan, form, runtime) else 1.0  # the residual stream is in FP32 there
        each = model.hidden_size * form.width * model.depth * wide
        of_inputs: Array = plan.flat.micro_batch * plan.flat.seq * each / shared / plan.cp
        return of_inputs
    if keeps_products(plan, runtime):
        stream = plan.flat.micro_batch * plan.flat.seq * model.hidden_size * form.width
        results = over(_kept_results(model, counts.operators, form.width, plan.tp, shared), counts.bases)
        held: Array = (model.depth * stream / shared + results) / plan.cp
        return held
    found: Columns = {}
    ops = counts.operators
    full = squares(counts)
    for op in ops:
        if not in_layers(model, op) or (op.traits.scores and plan.recompute == "selective"):
            continue
        behind = op.traits.tensor in ("output", "down") or class_of(op) in ("attention", "activation", "rope")
        ways = plan.tp if behind else shared
        found = plus(found, multiple(kept_bytes(op, ops, runtime, form), (full if op.traits.scores else 1.0) / ways))
    return over(found, counts.bases) / plan.cp


def _kept_results(model: Architecture, ops: Sequence[Operator], width: float, tp: int, shared: int) -> Columns:
    """Bytes of the results that are kept, of one micro-batch, before context-parallel devices share them.

    Tensor-parallel devices share results of products whose outer side they divide, ``shared`` the residual stream.
    """
    found: Columns = {}
    for op, kept in zip(ops, kept_products(ops), strict=True):
        if kept and in_layers(model, op):
            ways = shared if op.traits.tensor in ("output", "down") else tp
            found = plus(found, linear_in(op, outputs=width / ways))
    return found


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

    layers: Any
    tables: float
    head: float
    experts: Any


def device_parameters(model: Architecture, counts: OpCounts, plan: Plan) -> Owned:
    """What a device owns before ZeRO divides anything."""
    layers: Any = 0.0
    experts: Any = 0.0
    tables = head = tied = 0.0
    for op in counts.operators:
        owned: Any = float(op.repeat * (op.weights + op.bias)) / plan.tp
        if op.traits.kernel == "experts":
            owned = owned * plan.tp / plan.expert_tp / plan.ep
            experts = experts + owned
        if op.group == "embedding":
            tables += owned
            tied += owned if op.traits.tensor == "embedding" else 0.0
        elif op.layer >= model.depth:
            head += owned
        else:
            layers = layers + owned
    if plan.pp > 1 and model.lm_head is not None and model.lm_head.tied:
        head += tied  # the last stage holds the table again
    share = largest_stage(model.depth, plan.pp) / model.depth
    return Owned(layers * share, tables, head, experts * share)


def bytes_each(plan: Plan, form: TrainingFormat, runtime: TrainingRuntime | None) -> tuple[float, float, float]:
    """Bytes of weights, gradients and optimiser states of a trained parameter.

    16 where FP32 weights are cast on each pass, or where 16-bit weights and gradients stand beside FP32 masters; 18
    where their gradients are summed in FP32; 12 without masters, 8 where framework optimisers make moments in the
    format of the weights.  [byte]
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


def logits_bytes(model: Architecture, plan: Plan, runtime: TrainingRuntime, form: TrainingFormat) -> Array:
    """Bytes of a micro-batch's logits and of what the loss makes of them.  [n]"""
    scale = 1.0 if form.width == 2 else 12 / 14
    share = plan.tp if runtime.sequence_parallel or plan.tp > 1 else 1
    found: Array = plan.micro_batch * plan.seq * model.vocab_size * runtime.logit_bytes * scale / share / plan.cp
    return found


def step_memory(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime
) -> StepMemory:
    """Bytes by part on the device that holds most: the first stage of a pipeline, or its last.  Each [n]  [byte]"""
    plan, runtime = plan.flat, runtime if plan.lora is None else runtime.over_frozen()
    layers, tables, head, experts = device_parameters(model, counts, plan)
    each = bytes_each(plan, form, runtime)
    kept = layer_bytes(model, counts, plan, runtime, form) * largest_stage(model.depth, plan.pp) / model.depth
    none = np.zeros(counts.points)
    # the layer whose forward pass is repeated keeps what it would have kept (Korthikanti et al., 2022, section 4.1)
    again = none + dequantised_bytes(counts, form) / plan.tp
    if plan.recompute == "full":
        again = again + layer_bytes(model, counts, plan.with_numbers(recompute="none"), runtime, form) / model.depth
        if "activations" in runtime.not_held:
            kept = none
    logits = none if model.lm_head is None else logits_bytes(model, plan, runtime, form)
    wide_weights = casts_weights(plan, form, runtime)
    of_layer = layers / largest_stage(model.depth, plan.pp)
    first = in_flight(plan.pp, plan.micro_batches, plan.virtual_stages)
    beyond = np.maximum(again - logits, 0.0)  # logits are gone by then
    passed = none
    if "outputs" in runtime.held_besides:
        shared = plan.tp if runtime.sequence_parallel else 1
        passed = none + plan.micro_batch * plan.seq * model.hidden_size * form.width / shared / plan.cp
    stages = [(layers + tables + head, kept + beyond, logits)] if plan.pp == 1 else [
        (layers + tables, (kept + passed) * first + again, none), (layers + head, kept + beyond, logits)
    ]  # fmt: skip
    found = []
    for owned, activations, of_logits in stages:
        if plan.lora is None:
            # experts are divided already: fewer devices hold the same ones
            dense = state_bytes(owned - experts, *each, plan.shards, plan.zero)
            routed = state_bytes(experts, *each, plan.expert_copies, plan.zero)
            weights, gradients, states = (a + b + none for a, b in zip(dense, routed, strict=True))
        else:
            weights, gradients, states = (a + none for a in _adapted(model, counts, plan, form, owned, each))
        if "gradients" in runtime.not_held and plan.lora is None:
            gradients = gradients * np.maximum(max(tables, head), of_layer) / owned
        if "states" in runtime.not_held:
            states = none
        casts = none
        if wide_weights and plan.recompute != "full":
            casts = 2.0 * layers / (plan.shards if plan.zero >= 3 else 1) + none
        if plan.zero >= 3:  # weights of the layer that is worked on, and of the next, are gathered from other devices
            width = 2.0 if form.stored is None else form.stored.linear.weights.bits / 8
            casts = casts + np.where(plan.shards > 1, 2 * width * of_layer, 0.0)
        back = activations + of_logits + casts
        # gradients appear while activations go, where no micro-batch before has left any
        both = gradients + back
        if runtime.weights_wide:
            last = gradients + again  # when the first layer's are there, and it is worked on
            freed = np.where(plan.shards <= 1, np.maximum(last, back), both)
            both = np.where(plan.micro_batches <= 1, freed, both)
        if "wide gradients" in runtime.held_besides:  # activations are gone by then
            both = np.maximum(both, gradients + 4.0 * owned / (plan.shards if plan.zero else 1))
        peak = weights + states + both
        if plan.zero == 0 and runtime.weights_wide:
            # buckets that are summed over devices, beside the gradients themselves
            peak = peak + np.where(plan.shards > 1, gradients, 0.0)
        found.append(StepMemory(weights, gradients, states, activations, of_logits, casts, peak))
    if len(found) == 1:
        return found[0]
    one, other = found
    return StepMemory(*(np.where(other.peak > one.peak, b, a) for a, b in zip(one, other, strict=True)))


def _adapted(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, owned: float,
    each: tuple[float, float, float],
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Bytes where a frozen base has adapters: the base as it is stored, states of the adapters alone."""
    stored = form.stored or form.compute
    base = resident(model, stored, counts.operators, counts.coefficients)
    whole = float(sum(base.parameters.values()))
    adapters = sum(adapter_weights(op, plan.lora) for op in counts.operators) * owned / whole
    weights, gradients, states = state_bytes(adapters, *each, plan.shards, plan.zero)
    frozen = base.total_bits / 8 * owned / whole / (plan.shards if plan.zero >= 3 else 1)
    return frozen + weights, gradients, states


def model_parameters(counts: OpCounts) -> float:
    """All parameters, tied ones once."""
    return float(np.sum([op.repeat * (op.weights + op.bias) for op in counts.operators]))
