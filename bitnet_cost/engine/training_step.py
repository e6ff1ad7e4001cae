"""A training step: forward, backward, optimiser and exchange as phases of one ledger.

Counted are those of a prefill with logits at every position; the backward pass follows from the traits of operators:

- a product: the gradients of its input and of its weights, each as many MACs as the product; of frozen weights the
  first alone, and twice the adapters';
- attention: four products where the forward pass has two, five where scores are recomputed;
- elementwise work: twice the forward's (a derivative and a product for each entry), a look-up one addition.

What is recomputed instead of kept is added to the backward pass. The rows of a step are those of the forward pass, then
the same operators backward, then the optimiser, the exchange and the time that devices wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bitnet_cost.engine.counts import bases_of, coefficients_of
from bitnet_cost.engine.training_memory import (
    adapter_weights,
    bytes_each,
    class_of,
    in_layers,
    model_parameters,
)
from bitnet_cost.engine.training_recompute import keeps_products, kept_products
from bitnet_cost.formulas.training import orthogonalisation_macs
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.training import MOMENT_BYTES, Plan, StepKernelClass, TrainingFormat, TrainingRuntime
from bitnet_cost.ledger.arrays import Bases, Basis
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator, Term, Traits
from bitnet_cost.ledger.training import StepCounts
from bitnet_cost.told import Array

PHASES = ("forward", "backward", "optimizer", "exchange")
STEP: Basis = ("step",)
LOSS: dict[str, float] = {"exp": 1, "add": 2, "mul": 1}  # cross entropy per logit: maximum and sum, exponential, scale
OPTIMIZER_WORK: dict[str, dict[str, float]] = {  # elementwise, per parameter
    "adamw": {"mul": 9, "add": 4, "sqrt": 1, "div": 1},
    "adamw-8bit": {"mul": 13, "add": 8, "sqrt": 1, "div": 1},
    "sgd": {"mul": 3, "add": 2},
    "muon": {"mul": 4, "add": 3},
}
# Quantising in training, per weight and pass: mean (centring too, where binary), scale, round, clamp, straight through.
WEIGHT_WORK = {"binary": {"add": 6, "mul": 2}, "ternary": {"add": 5, "mul": 2}, "fp8": {"add": 2, "mul": 1}}
INPUT_WORK = {"binary": {"add": 5, "mul": 2}, "ternary": {"add": 5, "mul": 2}, "fp8": {"add": 2, "mul": 1}}


@dataclass(frozen=True, slots=True)
class Row:
    """One operator in one phase, for one micro-batch."""

    op: Operator
    kind: StepKernelClass
    phase: int
    macs: float  # that run
    bits: float  # moved, half in, half out
    layered: bool  # one of the layers', which a pipeline divides
    ways: float  # tensor- and context-parallel devices that share it, instead of repeating it
    passes: bool = True  # runs for every micro-batch


def _named(phase: str, terms: Sequence[Term], factor: dict[str, float] | float) -> tuple[Term, ...]:
    """Terms in a phase of their own, each quantity times its factor."""
    found = []
    for quantity, basis, times in terms:
        by = factor.get(quantity, 0.0) if isinstance(factor, dict) else factor
        if by:
            found.append((quantity, (f"{phase} {basis[0]}", *basis[1:]), times * by))
    return tuple(found)


def _extra(
    model: Architecture, ops: Sequence[Operator], plan: Plan, form: TrainingFormat, runtime: TrainingRuntime | None
) -> list[tuple[Operator, StepKernelClass]]:
    """Work of training that no inference has: the loss, weights cast or quantised on each pass, adapters."""
    found: list[tuple[Operator, StepKernelClass]] = []
    plain = Traits("elementwise", backward="none")
    if model.lm_head is not None:
        terms: list[Term] = [(name, ("logits",), times * model.vocab_size) for name, times in LOSS.items()]
        terms.append(("inputs", ("logits",), model.vocab_size))
        loss = Operator("loss", "elementwise", "elsewhere", 1, tuple(terms), layer=model.depth,
                        traits=Traits("elementwise", backward="elementwise"))  # fmt: skip
        found.append((loss, "loss"))

    def held(*roles: str) -> float:
        """Weights of products that a device works on, experts divided."""
        found = 0.0
        for op in ops:
            if op.role in roles and op.matrices:
                found += op.weights * op.repeat / (plan.ep if op.traits.kernel == "experts" else 1)
        return found

    linear, products = held("linear"), held("linear", "lm_head", "elsewhere")

    def per_pass(name: str, work: dict[str, int], entries: float) -> Operator:
        terms: list[Term] = [(quantity, ("passes",), times * entries) for quantity, times in work.items()]
        return Operator(name, "elementwise", "elsewhere", 1, (*terms, ("inputs", ("passes",), entries)), traits=plain)

    if form.quantised != "no" and linear:
        kind: StepKernelClass = "cast" if form.quantised == "fp8" else "weight_quantise"
        # weights in FP8 are kept from the first micro-batch of a step to its last
        once = plan.micro_batches if form.quantised == "fp8" else 1
        found.append((per_pass("weight_quantise", WEIGHT_WORK[form.quantised], linear / once), kind))
    if plan.lora is None and runtime is not None and runtime.weights_wide and not form.wide:
        found.append((per_pass("weight_cast", {}, products), "weight_cast"))
    for op in ops:
        for name, inputs, outputs in (("down", op.shape[0], plan.lora), ("up", plan.lora, op.shape[1])):
            if not adapter_weights(op, plan.lora) or not inputs or not outputs:
                continue
            run = _macs_term(op)
            size = inputs * outputs * run[1] / (op.shape[0] * op.shape[1])
            body: list[Term] = [
                ("mac", run[0], size), ("reduce", run[0], size),
                ("inputs", run[0], float(inputs)), ("outputs", run[0], float(outputs)), ("weights", ("passes",), size),
            ]  # fmt: skip
            beside = f"{op.name}_adapter_{name}"
            found.append((op._replace(name=beside, terms=tuple(body), weights=0, bias=0, matrices=0), "linear"))
    return found


def _macs_term(op: Operator) -> tuple[Basis, float]:
    return next((basis, times) for quantity, basis, times in op.terms if quantity == "mac")


def _quantising(
    op: Operator, form: TrainingFormat, runtime: TrainingRuntime | None
) -> Iterator[tuple[Operator, StepKernelClass]]:
    """The quantising of a product's input; fused projections share theirs."""
    shared = op.traits.fused == "projections" and (runtime is None or runtime.fused_projections)
    if form.quantised == "no" or op.role != "linear" or shared:
        return
    terms: list[Term] = []
    for quantity, basis, times in op.terms:
        if quantity == "inputs":
            terms += [(name, basis, by * times) for name, by in INPUT_WORK[form.quantised].items()]
            terms += [("inputs", basis, times), ("div", basis, times / op.shape[0])]
    traits = Traits("quantise", backward="none")
    yield op._replace(
        name=f"{op.name}_quantise", group="elementwise", role="elsewhere", terms=tuple(terms), weights=0, bias=0,
        matrices=0, traits=traits,
    ), "cast" if form.quantised == "fp8" else "quantise"  # fmt: skip


def backward_factor(op: Operator, plan: Plan, form: TrainingFormat, *, fused: bool) -> dict[str, float] | float:
    """How much of each quantity an operator's backward pass has, over its forward pass.

    >>> from bitnet_cost.ledger.operators import Operator, Traits
    >>> scores = Operator("", "attention", "attention", 1, (), traits=Traits("attention"))
    >>> backward_factor(scores, Plan(), None, fused=True)
    2.5
    """
    if op.group == "embedding":
        return {"outputs": 1.0, "add": 1.0}
    if op.traits.backward == "none":
        return 0.0
    if op.traits.backward == "elementwise":
        return 2.0
    if op.traits.kernel == "attention":
        return 2.5 if fused else 2.0
    if plan.lora is not None and op.weights:
        return 1.0
    return 2.0


def repeated(model: Architecture, op: Operator, plan: Plan, *, fused: bool) -> float:
    """How often the backward pass runs an operator forward again.

    Full recomputation runs the layers again; selective one the scores and what follows from them, which fused attention
    recomputes in any case.
    """
    if not in_layers(model, op):
        return 0.0
    if plan.recompute == "full":
        return 1.0
    attends = op.traits.kernel == "attention" or op.traits.scores
    return 1.0 if plan.recompute == "selective" and attends and not fused else 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """What a step does: its rows, their operators with terms by phase, and what one micro-batch counts."""

    rows: tuple[Row, ...]
    bases: Bases  # of a step on all devices
    counts: StepCounts


def step_of(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime | None
) -> Step:
    """All rows of a step but the exchange."""
    fused = runtime is None or runtime.fused_attention
    extra = _extra(model, counts.operators, plan, form, runtime)
    served = [op for op in counts.operators if op.traits.kernel not in ("quantise", "dequantise")]
    if "mul.tf32" in form.compute.linear.recipe:  # the head too
        served = [op._replace(role="linear") if op.role == "lm_head" else op for op in served]
    extra += [found for op in served for found in _quantising(op, form, runtime)]
    kinds = [*(class_of(op) for op in served), *(kind for _, kind in extra)]
    ops = [*served, *(op for op, _ in extra)]
    coefficients = coefficients_of(tuple(ops))
    whole = OpCounts(tuple(ops), counts.phases, coefficients, _some(counts, coefficients), counts.workload)
    runs = plan.micro_batches * plan.dp  # micro-batches of a step on all devices
    rows: list[Row] = []
    forward_macs = model_macs = run_macs = 0.0
    kept = kept_products(ops)
    for i, (op, kind) in enumerate(zip(ops, kinds, strict=True)):
        macs = float(whole["mac"][0, i, 0])
        factor = backward_factor(op, plan, form, fused=fused)
        again = repeated(model, op, plan, fused=fused)
        if keeps_products(plan, runtime):
            again = float(in_layers(model, op) and not kept[i] and op.traits.fused != "always")
        back = factor if isinstance(factor, float) else 0.0
        least = 2.0 if op.traits.kernel == "attention" else back
        forward_macs += macs * runs
        model_macs += macs * (1 + least) * runs
        run_macs += macs * (1 + back + again) * runs
        ahead, behind = _bits(whole, i, kind, plan, form, runtime)
        layered = in_layers(model, op)
        shared = op.traits.split or (runtime is not None and runtime.sequence_parallel)
        ways = (plan.tp if shared else 1) * plan.cp
        copies = plan.tp * plan.cp / ways
        more = _named("forward", op.terms, copies)
        rows.append(Row(op._replace(terms=more), kind, 0, macs, ahead, layered, ways))
        terms = _named("backward", op.terms, copies * factor if isinstance(factor, float) else factor)
        terms += _named("backward", op.terms, copies * again)
        if terms or behind:
            rows.append(Row(op._replace(terms=terms), kind, 1, macs * (back + again), behind + again * ahead, layered,
                            ways))  # fmt: skip
    rows += _optimizer_rows(counts, plan, form, runtime)
    bases = _step_bases(rows, whole, runs)
    return Step(tuple(rows), bases, StepCounts(forward_macs, model_macs, run_macs))


def _some(counts: OpCounts, coefficients: dict[str, dict[Basis, Array]]) -> Bases:
    """The bases that some coefficients need, of those that were counted."""
    names = tuple(basis for basis in bases_of(coefficients) if basis in counts.bases.names)
    return Bases(names, counts.bases.of(names))


def _bits(
    counts: OpCounts, i: int, kind: StepKernelClass, plan: Plan, form: TrainingFormat,
    runtime: TrainingRuntime | None,
) -> tuple[float, float]:  # fmt: skip
    """Bits that an operator moves forward and backward in one micro-batch, on all devices that share it."""
    op = counts.operators[i]
    entries, left = float(counts["inputs"][0, i, 0]), float(counts["outputs"][0, i, 0])
    weights = float(counts["weights"][0, i, 0]) / (plan.ep if kind == "experts" else 1)
    if kind in ("linear", "experts", "attention"):
        narrow = 1.0 if form.quantised == "fp8" and op.role == "linear" else form.width
        held = form.stored.linear.weights.bits / 8 if form.stored is not None and op.role == "linear" else narrow
        passing = entries * narrow + left * form.width
        if kind == "attention" and not entries and not left:
            pairs = float(counts["exp"][0, i, 0]) * 2
            each = 0.0 if runtime is None or runtime.fused_attention or not op.traits.scores else 8.0
            return pairs * each * 8, pairs * each * 16
        gradient = 0.0 if plan.lora is not None and op.weights else 4.0 + narrow  # a weight's, added up in FP32
        return (passing + weights * held) * 8, (2 * passing + weights * (held + gradient)) * 8
    if op.traits.scores:
        pairs = float(counts["exp"][0, i, 0]) * 2
        each = 0.0 if runtime is None or runtime.fused_attention else 8.0
        return pairs * each * 8, pairs * each * 16
    if runtime is None:
        return (entries + left) * form.width * 8, 2 * (entries + left) * form.width * 8
    kernel, wide = runtime.kernel(kind), runtime.wide.value if form.wide else 1.0
    ahead = (entries + left) * form.width if kernel.bytes_per_entry is None else entries * kernel.bytes_per_entry * wide
    if kernel.backward_bytes_per_entry is None:
        return ahead * 8, (0.0 if op.traits.backward == "none" else 2 * ahead) * 8
    return ahead * 8, entries * kernel.backward_bytes_per_entry * wide * 8


def _optimizer_rows(
    counts: OpCounts, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime | None
) -> list[Row]:  # fmt: skip
    """The optimiser's work on all parameters: once, or on every data-parallel device where it is not divided."""
    trained = trained_parameters(counts, plan)
    copies = float(plan.dp * plan.cp) if plan.zero == 0 else 1.0
    work: list[Term] = [(name, STEP, each * trained * copies) for name, each in OPTIMIZER_WORK[plan.optimizer].items()]
    op = Operator("optimizer", "elementwise", "elsewhere", 1, _named("optimizer", work, 1.0),
                  traits=Traits("elementwise", backward="none"))  # fmt: skip
    weights, gradients, states = bytes_each(plan, form, runtime)
    master = states - MOMENT_BYTES[plan.optimizer]
    added = master or weights
    bits = 8 * trained * (gradients + 2 * added + 2 * MOMENT_BYTES[plan.optimizer] + (weights if master else 0.0))
    # of the whole model: `Row.ways` divides it over the devices that hold a part of it
    shards = plan.tp * plan.pp * (plan.dp * plan.cp if plan.zero else 1)
    rows = [Row(op, "optimizer", 2, 0.0, bits, False, float(shards), passes=False)]
    if plan.optimizer == "muon":
        linear = [o for o in counts.operators if o.role == "linear"]
        sides = [(o, o.shape) for o in linear] if plan.lora is None else [
            (o, (side, plan.lora)) for o in linear for side in o.shape
        ]  # fmt: skip
        macs = sum(orthogonalisation_macs(*shape) * o.matrices * o.repeat for o, shape in sides)
        terms: tuple[Term, ...] = (("mac", ("optimizer step",), macs * copies), ("reduce", ("optimizer step",), macs))
        spun = Operator("orthogonalise", "linear", "linear", 1, terms, shape=(1, 1))
        rows.append(Row(spun, "linear", 2, macs, 0.0, False, float(shards), passes=False))
    return rows


def trained_parameters(counts: OpCounts, plan: Plan) -> float:
    """Parameters that the optimiser changes: all, or those of the adapters."""
    if plan.lora is None:
        return model_parameters(counts)
    return float(sum(adapter_weights(op, plan.lora) for op in counts.operators))


def _step_bases(rows: Sequence[Row], counts: OpCounts, runs: float) -> Bases:
    """What a step repeats on all devices, by phase.  [basis, phase, 1]"""
    names = bases_of(coefficients_of(tuple(row.op for row in rows)))
    table = np.zeros((len(names), len(PHASES), 1))
    for i, (name, *numbers) in enumerate(names):
        phase, _, basis = name.partition(" ")
        if not basis:
            continue  # the passes that every table has
        repeats = 1.0 if basis == "step" else runs * float(counts.bases[(basis, *numbers)][0, 0])
        table[i, PHASES.index(phase)] = repeats
    return Bases(names, table)
