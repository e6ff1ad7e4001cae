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
from functools import lru_cache
from typing import Any

import numpy as np

from bitnet_cost.engine.counts import bases_of, coefficients_of
from bitnet_cost.engine.training_memory import (
    Columns,
    adapter_weights,
    bytes_each,
    class_of,
    in_layers,
    linear_in,
    multiple,
    over,
    plus,
)
from bitnet_cost.engine.training_recompute import keeps_products, kept_products
from bitnet_cost.formulas.training import orthogonalisation_macs
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.training import MOMENT_BYTES, Plan, StepKernelClass, TrainingFormat, TrainingRuntime
from bitnet_cost.ledger.arrays import PASSES, Bases, Basis, Linear
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator, Term, Traits
from bitnet_cost.ledger.training import StepCounts
from bitnet_cost.told import Array, array, zeros

PHASES = ("forward", "backward", "optimizer", "exchange")
PRODUCTS = "products"  # before the basis of a product's
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
    macs: Columns  # that run
    bits: Columns  # moved, half in, half out
    layered: bool  # one of the layers', which a pipeline divides
    ways: Any  # tensor- and context-parallel devices that share it, instead of repeating it


def _named(phase: str, terms: Sequence[Term], factor: dict[str, float] | float) -> tuple[Term, ...]:
    """Terms in a phase of their own, each quantity times its factor; products apart, whose clocks a limit lowers."""
    found = []
    for quantity, basis, times in terms:
        by = factor.get(quantity, 0.0) if isinstance(factor, dict) else factor
        if by:
            kind = f"{phase} {PRODUCTS}" if quantity == "mac" else phase
            found.append((quantity, (f"{kind} {basis[0]}", *basis[1:]), times * by))
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

    if form.quantised not in ("no", "fp8") and linear:
        found.append((per_pass("weight_quantise", WEIGHT_WORK[form.quantised], linear), "weight_quantise"))
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


def frozen(op: Operator, plan: Plan) -> bool:
    """Whether an operator has weights without gradients; a tied head has the table's."""
    return plan.lora is not None and (op.weights > 0 or op.role == "lm_head")


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
    if frozen(op, plan):
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


@dataclass(frozen=True, eq=False, slots=True)
class Work:
    """What a step does, for any numbers of its plan: rows by phase, those of the layers first in each."""

    rows: tuple[Row, ...]
    macs: Linear  # that each device runs in each row, in one micro-batch
    bits: Linear  # that it moves
    moved: tuple[Columns, ...]  # the same by phase
    whole: tuple[Columns, Columns, Columns]  # MACs of the forward pass, of the model, and that run

    def of_phase(self, phase: int, *, layered: bool | None = None) -> slice:
        """The rows of a phase: all, those of the layers, or the others."""
        some = [i for i, row in enumerate(self.rows) if row.phase == phase and layered in (None, row.layered)]
        return slice(some[0], some[-1] + 1) if some else slice(0, 0)


def column(values: Sequence[Any]) -> Array:
    """A figure of each row: numbers, or arrays over the points.  [row, 1] or [row, n]"""
    shape = np.broadcast_shapes(*map(np.shape, values))
    return array([np.broadcast_to(value, shape) for value in values] if shape else values).reshape(len(values), -1)


def work_of(
    model: Architecture, counts: OpCounts, layout: Plan, form: TrainingFormat, runtime: TrainingRuntime | None
) -> Work:
    """All rows of a step but the exchange; the same is made once."""
    return _work(Same(model), Same(counts.operators), layout.layout, Same(form), Same(runtime))


@lru_cache(maxsize=64)
def _work(same: Same, every: Same, plan: Plan, of_form: Same, software: Same) -> Work:
    model, operators, form, runtime = same.it, every.it, of_form.it, software.it
    # a tracing counter sees reference classes, which keep their scores
    fused = plan.counting != "traced" and (runtime is None or runtime.fused_attention)
    extra = _extra(model, operators, plan, form, runtime)
    served = [op for op in operators if op.traits.kernel not in ("quantise", "dequantise")]
    if "mul.tf32" in form.compute.linear.recipe:  # the head too
        served = [op._replace(role="linear") if op.role == "lm_head" else op for op in served]
    extra += [found for op in served for found in _quantising(op, form, runtime)]
    rows: list[Row] = []
    forward: Columns = {}
    needed: Columns = {}
    run: Columns = {}
    every_op = [*((op, class_of(op)) for op in served), *extra]
    kept = kept_products([op for op, _ in every_op])
    for (op, kind), held in zip(every_op, kept, strict=True):
        macs = linear_in(op, mac=1.0)
        factor = backward_factor(op, plan, form, fused=fused)
        again = repeated(model, op, plan, fused=fused)
        if keeps_products(plan, runtime):
            again = float(in_layers(model, op) and not held and op.traits.fused != "always")
        back = factor if isinstance(factor, float) else 0.0
        least = 2.0 if op.traits.kernel == "attention" else back
        forward = plus(forward, macs)
        needed = plus(needed, multiple(macs, 1 + least))
        run = plus(run, multiple(macs, 1 + back + again))
        ahead, behind = _bits(op, kind, plan, form, runtime)
        layered = in_layers(model, op)
        shared = op.traits.split or (runtime is not None and runtime.sequence_parallel)
        ways = float((plan.tp if shared else 1) * plan.cp)
        copies = plan.tp * plan.cp / ways
        rows.append(Row(op._replace(terms=_named("forward", op.terms, copies)), kind, 0, macs, ahead, layered, ways))
        terms = _named("backward", op.terms, copies * factor if isinstance(factor, float) else factor)
        terms += _named("backward", op.terms, copies * again)
        if terms or behind:
            moved = plus(behind, multiple(ahead, again))
            rows.append(Row(op._replace(terms=terms), kind, 1, multiple(macs, back + again), moved, layered, ways))
    rows += _optimizer_rows(operators, plan, form, runtime)
    rows.sort(key=lambda row: (row.phase, not row.layered))
    macs_of_device = [multiple(row.macs, 1 / row.ways) for row in rows]
    bits_of_device = [multiple(row.bits, 1 / row.ways) for row in rows]
    pairs = list(zip(rows, bits_of_device, strict=True))
    by_phase = tuple(plus(*(bits for row, bits in pairs if row.phase == phase)) for phase in range(3))
    return Work(tuple(rows), _linear(macs_of_device), _linear(bits_of_device), by_phase, (forward, needed, run))


def _linear(rows: Sequence[Columns]) -> Linear:
    """Figures of several rows.  [row]"""
    names = dict.fromkeys(basis for row in rows for basis in row)
    return Linear([(basis, column([row.get(basis, 0.0) for row in rows])) for basis in names], len(rows))


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """A step with its numbers: what it repeats on all devices, and what one of its counts are."""

    work: Work
    bases: Bases
    counts: StepCounts

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of the work."""
        return self.work.rows


def step_of(
    model: Architecture, counts: OpCounts, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime | None
) -> Step:
    """All of a step but the exchange, over the numbers of its plan."""
    work, plan = work_of(model, counts, plan, form, runtime), plan.flat
    runs = plan.micro_batches * plan.dp  # micro-batches of a step on all devices
    copies = plan.shards if plan.zero == 0 else plan.shards * 0 + 1.0  # of the optimiser's work
    of_step = StepCounts(*(over(columns, counts.bases) * runs for columns in work.whole))
    return Step(work, _step_bases(work.rows, counts, runs, copies), of_step)


def _bits(
    op: Operator, kind: StepKernelClass, plan: Plan, form: TrainingFormat, runtime: TrainingRuntime | None
) -> tuple[Columns, Columns]:
    """Bits that an operator moves forward and backward in one micro-batch, on all devices that share it."""
    products = kind in ("linear", "experts", "attention")
    if (op.traits.scores and not products) or (kind == "attention" and not op.has("inputs", "outputs")):  # scores alone
        unfused = runtime is not None and not runtime.fused_attention and op.traits.scores
        each = 4.0 * form.width if unfused else 0.0  # written, read and written by the softmax, and read
        whole = 1.0 if plan.counting == "traced" else 2.0  # masked scores are written too
        return linear_in(op, exp=whole * each * 8), linear_in(op, exp=whole * each * 16)
    if products:
        narrow = 1.0 if form.quantised == "fp8" and op.role == "linear" else form.width
        held = form.stored.linear.weights.bits / 8 if form.stored is not None and op.role == "linear" else narrow
        gradient = 0.0 if frozen(op, plan) else 4.0 + narrow  # a weight's, added up in FP32
        share = 8.0 / (plan.ep if kind == "experts" else 1)
        return (
            linear_in(op, inputs=narrow * 8, outputs=form.width * 8, weights=held * share),
            linear_in(op, inputs=2 * narrow * 8, outputs=2 * form.width * 8, weights=(held + gradient) * share),
        )
    if runtime is None:
        each = form.width * 8
        return linear_in(op, inputs=each, outputs=each), linear_in(op, inputs=2 * each, outputs=2 * each)
    kernel, wide = runtime.kernel(kind), runtime.wide.value if form.wide else 1.0
    if kernel.bytes_per_entry is None:
        ahead = linear_in(op, inputs=form.width * 8, outputs=form.width * 8)
    else:
        ahead = linear_in(op, inputs=kernel.bytes_per_entry * wide * 8)
    if kernel.backward_bytes_per_entry is None:
        return ahead, {} if op.traits.backward == "none" else multiple(ahead, 2.0)
    return ahead, linear_in(op, inputs=kernel.backward_bytes_per_entry * wide * 8)


def _optimizer_rows(
    operators: Sequence[Operator], plan: Plan, form: TrainingFormat, runtime: TrainingRuntime | None
) -> list[Row]:  # fmt: skip
    """The optimiser's work on all parameters; `step_of` says how many devices repeat it."""
    trained = trained_parameters(operators, plan)
    work: list[Term] = [(name, STEP, each * trained) for name, each in OPTIMIZER_WORK[plan.optimizer].items()]
    op = Operator("optimizer", "elementwise", "elsewhere", 1, _named("optimizer", work, 1.0),
                  traits=Traits("elementwise", backward="none"))  # fmt: skip
    weights, gradients, states = bytes_each(plan, form, runtime)
    master = states - MOMENT_BYTES[plan.optimizer]
    added = master or weights
    bits = 8 * trained * (gradients + 2 * added + 2 * MOMENT_BYTES[plan.optimizer] + (weights if master else 0.0))
    ways = float(plan.tp * plan.pp)  # of the whole model: devices that hold a part of it, before ZeRO divides it
    rows = [Row(op, "optimizer", 2, {}, {PASSES: bits}, False, ways)]
    if form.quantised == "fp8" and plan.lora is None:  # once a step: weights in FP8 last from the first micro-batch on
        linear = sum(o.weights * o.repeat for o in operators if o.role == "linear" and o.matrices)
        kernel = None if runtime is None else runtime.kernel("cast").bytes_per_entry
        body = [(name, STEP, each * linear) for name, each in WEIGHT_WORK["fp8"].items()]
        cast = op._replace(name="weight_quantise", terms=_named("optimizer", body, 1.0))
        rows.append(Row(cast, "cast", 2, {}, {PASSES: 8 * linear * (5.0 if kernel is None else kernel)}, False, ways))
    if plan.optimizer == "muon":
        products = [o for o in operators if o.role == "linear"]
        sides = [(o, o.shape) for o in products] if plan.lora is None else [
            (o, (side, plan.lora)) for o in products for side in o.shape
        ]  # fmt: skip
        macs = sum(orthogonalisation_macs(*shape) * o.matrices * o.repeat for o, shape in sides)
        terms = _named("optimizer", [("mac", STEP, macs), ("reduce", STEP, macs)], 1.0)
        spun = Operator("orthogonalise", "linear", "linear", 1, terms, shape=(1, 1))
        rows.append(Row(spun, "linear", 2, {PASSES: macs}, {}, False, ways))
    return rows


def trained_parameters(operators: Sequence[Operator], plan: Plan) -> float:
    """Parameters that the optimiser changes: all, or those of the adapters."""
    if plan.lora is None:
        return float(sum(op.repeat * (op.weights + op.bias) for op in operators))
    return float(sum(adapter_weights(op, plan.lora) for op in operators))


def _step_bases(rows: Sequence[Row], counts: OpCounts, runs: Array, copies: Array) -> Bases:
    """What a step repeats on all devices, by phase.  [basis, phase, n]"""
    names = _names(tuple(row.op for row in rows))
    found = zeros((len(names), len(PHASES), counts.points), runs)
    for i, (name, *numbers) in enumerate(names):
        phase, _, basis = name.partition(" ")
        if basis:  # else the passes that every table has
            basis = basis.removeprefix(f"{PRODUCTS} ")
            found[i, PHASES.index(phase)] = copies if basis == STEP[0] else runs * counts.bases[(basis, *numbers)][0]
    return Bases(names, found)


@lru_cache(maxsize=64)
def _names(ops: tuple[Operator, ...]) -> tuple[Basis, ...]:
    return bases_of(coefficients_of(ops))


def clocked(bases: Bases, dearer: Array) -> Bases:
    """The same where each product counts as ``dearer`` ones at the clocks at which it was priced.  [n]"""
    products = np.array([f" {PRODUCTS} " in name for name, *_ in bases.names])
    return Bases(bases.names, bases.table * np.where(products[:, None, None], dearer, 1.0))
