"""A training step: forward, backward, optimiser and exchange as phases of one ledger.

Counted are those of a prefill with logits at every position; the backward pass follows from the traits of operators:

- a product: the gradients of its input and of its weights, each as many MACs as the product; of frozen weights the
  first alone, and twice the adapters';
- attention: four products where the forward pass has two, five where the scores are made again;
- elementwise work: twice the forward's (a derivative and a product for each entry), a look-up one addition.

What is made again instead of kept is added to the backward pass. The rows of a step are those of the forward pass, then
the same operators backward, then the optimiser, the exchange and the time that devices wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bitnet_cost.engine.activity import actions_of, product_format
from bitnet_cost.engine.counts import bases_of, coefficients_of
from bitnet_cost.engine.device import floor_of
from bitnet_cost.engine.estimate import check_scope
from bitnet_cost.engine.parallel import sums_of
from bitnet_cost.engine.timing import REACHED_BANDWIDTH, REACHED_RATE
from bitnet_cost.engine.training_exchange import Sent, exchanged
from bitnet_cost.engine.training_memory import (
    adapter_weights,
    bytes_each,
    class_of,
    counted,
    in_layers,
    model_parameters,
    step_memory,
)
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.cap import boosted, cap_stretch
from bitnet_cost.formulas.roofline import waiting
from bitnet_cost.formulas.training import bubble_share, largest_stage, orthogonalisation_macs
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import EnergyPerOperation, Rate
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware, Interconnect
from bitnet_cost.inputs.precision import FORMAT_BITS, Precision
from bitnet_cost.inputs.training import MOMENT_BYTES, Plan, StepKernelClass, TrainingFormat, TrainingRuntime
from bitnet_cost.ledger.arrays import Bases, Basis
from bitnet_cost.ledger.contract import Entries, Ledger, tariff
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator, Term, Traits
from bitnet_cost.ledger.training import StepCounts, StepSeconds, TrainingResult
from bitnet_cost.numerals import with_commas, with_prefix
from bitnet_cost.told import Array
from bitnet_cost.words import Scope

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
    linear = float(sum(op.weights * op.repeat for op in ops if op.role == "linear"))
    products = float(sum(op.weights * op.repeat for op in ops if op.role in ("linear", "lm_head", "elsewhere")))

    def per_pass(name: str, work: dict[str, int], entries: float) -> Operator:
        terms: list[Term] = [(quantity, ("passes",), times * entries) for quantity, times in work.items()]
        return Operator(name, "elementwise", "elsewhere", 1, (*terms, ("inputs", ("passes",), entries)), traits=plain)

    if form.quantised != "no" and linear:
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
            found.append(
                (op._replace(name=f"{op.name}_adapter_{name}", terms=tuple(body), weights=0, bias=0, matrices=0), "linear")
            )
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
    ), "quantise"  # fmt: skip


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
    makes again in any case.
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
    extra += [found for op in served for found in _quantising(op, form, runtime)]
    kinds = [*(class_of(op) for op in served), *(kind for _, kind in extra)]
    ops = [*served, *(op for op, _ in extra)]
    coefficients = coefficients_of(tuple(ops))
    whole = OpCounts(tuple(ops), counts.phases, coefficients, _some(counts, coefficients), counts.workload)
    runs = plan.micro_batches * plan.dp  # micro-batches of a step on all devices
    rows: list[Row] = []
    forward_macs = model_macs = run_macs = 0.0
    for i, (op, kind) in enumerate(zip(ops, kinds, strict=True)):
        macs = float(whole["mac"][0, i, 0])
        factor = backward_factor(op, plan, form, fused=fused)
        again = repeated(model, op, plan, fused=fused)
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
    weights = float(counts["weights"][0, i, 0])
    if kind == "linear" or kind == "attention":
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
        macs = sum(
            orthogonalisation_macs(*o.shape) * o.matrices * o.repeat for o in counts.operators if o.role == "linear"
        )
        terms: tuple[Term, ...] = (("mac", ("optimizer step",), macs * copies), ("reduce", ("optimizer step",), macs))
        spun = Operator("orthogonalise", "linear", "linear", 1, terms)
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


# --- time and energy -------------------------------------------------------------------------------------------------


def with_training_formats(hardware: Hardware, form: TrainingFormat) -> Hardware:
    """Hardware that also runs TF32, where its BF16 products tell of tensor units: at half of their rate.

    Raises:
        BitnetCostError: no BF16 products.
    """
    if "mul.tf32" not in form.compute.linear.recipe or not hardware.has_clock:
        return hardware
    rate, price = hardware.rates.get("bf16"), hardware.actions.get("mac.bf16")
    if rate is None or price is None:
        raise BitnetCostError(f"precision 'tf32': {hardware.name!r} has no rate and price of BF16 that it follows from")
    note = {"basis": "assumed", "note": "TF32: half the rate of BF16, twice its energy"}
    slower = Rate.model_validate({**dict(rate), **{n: getattr(rate, n) / 2 for n in ("value", "low", "high")}, **note})
    dearer = EnergyPerOperation.model_validate(
        {**dict(price), **{n: getattr(price, n) * 2 for n in ("value", "low", "high")}, **note}
    )
    return hardware.model_copy(
        update={"rates": hardware.rates | {"tf32": slower}, "actions": hardware.actions | {"mac.tf32": dearer}}
    )


def rate_of(op: Operator, form: TrainingFormat, hardware: Hardware) -> float:
    """Peak rate of an operator's products; infinite where it has none, or runs them beside plain elementwise work."""
    computed = product_format(op, form.compute)
    if computed is None or op.traits.kernel in ("elementwise", "embedding"):
        return np.inf
    executed = hardware.executed(computed)
    return np.inf if executed is None else hardware.rates[executed].value / 2


def _widths(op: Operator) -> tuple[float, ...]:
    """Sides of an operator's matrices; of attention the width of a head: what it multiplies for a pair and a head."""
    return op.shape if op.matrices else ()


def reached_share(row: Row, head: float, form: TrainingFormat, runtime: TrainingRuntime) -> float:
    """Share of the peak rate that a row's products reach.

    Rows of matrices should begin at multiples of 16 bytes, as tensor units want them. Attention reaches more with heads
    of 128 than of 64; between them in proportion.
    """
    kernel = runtime.kernel(row.kind)
    if kernel.compute is None:
        return 1.0
    sides = (head,) if row.kind == "attention" else _widths(row.op)
    if kernel.unaligned and form.width == 2 and any(side * 2 % 16 for side in sides):
        return kernel.unaligned.value
    share = kernel.backward_compute if row.phase == 1 and kernel.backward_compute else kernel.compute
    if row.kind == "attention" and kernel.narrow:
        lost = (1 - kernel.narrow.value / kernel.compute.value) * (128 - min(max(head, 64.0), 128.0)) / 64
        return share.value * (1 - lost)
    return share.value


def head_width(model: Architecture) -> float:
    """Width of a head of the model's first attention; 128 where it has none."""
    for layer in model.layers:
        if layer.attention is not None:
            return float(model.head_dim(layer.attention))
        if layer.latent_attention is not None:
            return float(layer.latent_attention.nope_dim + layer.latent_attention.rope_dim)
    return 128.0


def gaps(row: Row, runtime: TrainingRuntime) -> float:
    """Seconds between the kernels of a row, in one micro-batch."""
    if runtime.launch is None:
        return 0.0
    op = row.op
    fused = op.traits.fused == "always" or (op.traits.fused == "projections" and runtime.fused_projections)
    return 0.0 if fused else runtime.kernel(row.kind).launches * op.parts * op.repeat * runtime.launch.value


def _seconds(
    row: Row, share: float, form: TrainingFormat, hardware: Hardware, runtime: TrainingRuntime
) -> tuple[float, float]:
    """Seconds of arithmetic and of memory that a row needs on one device, in one micro-batch."""
    reached = hardware.memory.rate * runtime.kernel(row.kind).bandwidth.value
    if runtime.ceiling is not None and row.kind not in ("linear", "attention"):
        reached = min(reached, runtime.ceiling.value)
    return row.macs / row.ways / (rate_of(row.op, form, hardware) * share), row.bits / row.ways / reached


def _pace(rows: Sequence[Row], busy: Array, phase: int, model: Architecture, plan: Plan) -> float:
    """Seconds of a micro-batch in one phase on the slowest stage: the largest, or the last with the head."""
    layered = sum(float(t) for row, t in zip(rows, busy, strict=True) if row.phase == phase and row.layered)
    rest = sum(float(t) for row, t in zip(rows, busy, strict=True) if row.phase == phase and not row.layered)
    if plan.pp == 1:
        return layered + rest
    chunks = plan.pp * plan.virtual_stages
    largest = largest_stage(model.depth, chunks) * plan.virtual_stages
    last = model.depth // chunks * plan.virtual_stages
    return max(layered * largest / model.depth, layered * last / model.depth + rest)


def train(
    model: Architecture, precision: Precision, form: TrainingFormat, hardware: Hardware,
    runtime: TrainingRuntime | None, plan: Plan, scope: Scope | None = None, between: Interconnect | None = None,
    facility: Facility | None = None,
) -> TrainingResult:  # fmt: skip
    """One training step: its memory, its time, its energy. ``between`` joins nodes.

    Raises:
        BitnetCostError: a plan that the model or the hardware does not allow; an action without a price.
    """
    chosen = scope or ("facility" if facility is not None and hardware.has_clock else hardware.default_scope)
    check_scope(hardware, chosen)
    plan.check(model)
    counts = counted(model, plan)
    hardware = with_training_formats(hardware, form)
    step = step_of(model, counts, plan, form, runtime)
    if runtime is None:
        return _at_node(model, precision, form, hardware, plan, chosen, counts, step)
    if plan.devices > 1 and hardware.interconnect is None:
        raise BitnetCostError(f"devices: {hardware.name!r} has no interconnect; it trains alone")
    memory = step_memory(model, counts, plan, form, runtime)
    result = TrainingResult(
        model, precision, hardware, runtime, form, plan, chosen, model_parameters(counts),
        trained_parameters(counts, plan), step.counts, memory, facility,
    )  # fmt: skip
    if not result.fits:
        needs, has = with_prefix(memory.peak, "B"), with_prefix(float(result.capacity or 0), "B")
        each = "" if plan.devices == 1 else " on a device"
        return replace(result, reason=f"does not fit: needs {needs} of {has}{each}")
    return _timed(result, counts, step, between)


def _timed(result: TrainingResult, counts: OpCounts, step: Step, between: Interconnect | None) -> TrainingResult:
    """The result with its seconds and its ledger."""
    model, plan, form, runtime = result.model, result.plan, result.form, result.runtime
    assert runtime is not None  # noqa: S101  # devices have one
    sent = exchanged(model, counts, plan, form, runtime, result.hardware, between)
    hardware = sent.hardware
    rows = step.rows
    head = head_width(model)
    reached = np.array([reached_share(row, head, form, runtime) for row in rows])
    each = np.array([
        _seconds(row, share, form, hardware, runtime) for row, share in zip(rows, reached, strict=True)
    ])  # fmt: skip
    worked = each.max(axis=1)
    busy = worked + np.array([gaps(row, runtime) for row in rows])
    shares = np.array([runtime.kernel(row.kind).bandwidth.value for row in rows])
    waits = np.array(waiting(worked, each[:, 0] * reached / REACHED_RATE, each[:, 1] * shares / REACHED_BANDWIDTH))
    # of a step: how often a row runs on a device, and on how many devices
    runs = np.array([plan.micro_batches if row.passes else 1.0 for row in rows])
    doing = np.array([
        plan.dp * plan.tp * plan.cp if row.passes else float(plan.devices) for row in rows
    ])  # fmt: skip
    phases = np.array([row.phase for row in rows])
    ops = (*(row.op for row in rows), _WAITING)
    coefficients = coefficients_of(ops)
    actions = actions_of(ops, coefficients, form.compute, "paper", hardware.executed)
    main = list(hardware.hierarchy)[-1]
    places = (f"{main}.read", f"{main}.write", *sent.bits)
    moved = np.zeros((len(places), len(PHASES), len(ops), 1))
    for i, row in enumerate(rows):
        moved[:2, row.phase, i, 0] = row.bits / row.ways * runs[i] * doing[i] / 2
    for i, bits in enumerate(sent.bits.values(), 2):
        moved[i, 3, -1, 0] = bits
    others = (*places, *floor_of(hardware))
    bill = tariff(actions, hardware, form.name, 2, others, lasting=False)
    prices = np.array([bill.prices[action][1] for action in places])
    dynamic = bill.by_phase(step.bases)[:, 0] + (moved.sum(axis=2)[:, :, 0] * prices[:, None]).sum(axis=0)
    power = hardware.device_power
    drawn = np.zeros((2, len(PHASES), len(ops), 1))  # busy and waiting seconds of all devices
    for i, row in enumerate(rows):
        drawn[0, row.phase, i, 0] = busy[i] * runs[i] * doing[i]
        drawn[1, row.phase, i, 0] = waits[i] * runs[i] * doing[i]
    if power.active is not None and hardware.priced == "actions":
        dynamic = dynamic + power.active.value * drawn[1].sum(axis=1)[:, 0]
    stretch = np.ones(len(PHASES))
    if power.cap is not None and hardware.priced == "actions":
        held = drawn[0].sum(axis=1)[:, 0]
        room = power.cap.value - power.static.value
        stretch = np.array(cap_stretch(dynamic, held, room))
        tensor = product_format(_PRODUCT, form.compute)
        if tensor in ("bf16", "fp16", "fp8", "tf32"):
            macs = bill.by_phase(step.bases)[:2].sum()  # nearly all of it products
            longer, dearer = boosted(float(macs), float(dynamic[:2].sum() - macs), float(held[:2].sum()), room)
            stretch[:2] = longer
            hardware = _dearer(hardware, dearer)
    forward, backward = (
        _pace(rows, busy, phase, model, plan) * plan.micro_batches * float(stretch[phase]) for phase in (0, 1)
    )
    optimizer = float(busy[phases == 2].sum() * stretch[2])
    bubble = (forward + backward) * bubble_share(plan.pp, plan.micro_batches, plan.virtual_stages)
    exposed = sent.exposed(backward)
    seconds = StepSeconds(forward, backward, optimizer, exposed, bubble if plan.pp > 1 else 0.0)
    drawn[0] *= stretch[:, None, None]
    idle = max(seconds.total * plan.devices - float(drawn[0].sum()), 0.0)
    drawn_between = np.zeros((1, len(PHASES), len(ops), 1))
    drawn_between[0, 3, -1, 0] = idle
    entries = [Entries(3, places, lambda: moved, moved.sum(axis=2))]
    floor = floor_of(hardware)
    entries.append(Entries(4, ("static.power",), lambda: drawn[:1], drawn[:1].sum(axis=2)))
    waiting_power = "static.between" if "static.between" in floor else "static.power"
    entries.append(Entries(4, (waiting_power,), lambda: drawn_between, drawn_between.sum(axis=2)))
    if "static.waiting" in floor:
        entries.append(Entries(4, ("static.waiting",), lambda: drawn[1:], drawn[1:].sum(axis=2)))
    pue = result.facility.pue if result.facility is not None else None
    ledger = Ledger(actions, step.bases, tuple(entries), hardware, form.name, None, None, pue, lasting=False)
    spent = {kind: float(sum(busy[i] * runs[i] * doing[i] for i, row in enumerate(rows) if row.kind == kind)) for kind
             in dict.fromkeys(row.kind for row in rows)}  # fmt: skip
    return replace(
        result, hardware=hardware, seconds=seconds, ledger=ledger, capped=bool((stretch[:2] > 1).any()), shares=spent,
    )  # fmt: skip


_PRODUCT = Operator("", "linear", "linear", 1, ())


def _dearer(hardware: Hardware, factor: float) -> Hardware:
    """Hardware whose tensor units spend more on a product."""
    actions = dict(hardware.actions)
    for name, price in hardware.actions.items():
        if name.startswith("mac.") and not name.startswith(("mac.fp32", "mac.int32")):
            ends = {n: getattr(price, n) * factor for n in ("value", "low", "high")}
            actions[name] = price.model_copy(update=ends)
    return hardware.model_copy(update={"actions": actions})


_WAITING = Operator("exchange", "host", "elsewhere", 1, (), traits=Traits("host", split=False, backward="none"))


def _at_node(
    model: Architecture, precision: Precision, form: TrainingFormat, hardware: Hardware, plan: Plan, scope: Scope,
    counts: OpCounts, step: Step,
) -> TrainingResult:  # fmt: skip
    """The energy of a step at a technology node: arithmetic, elementwise work, and what memory moves at least."""
    if plan.devices > 1:
        raise BitnetCostError(f"devices: {hardware.name!r} is a technology node; it trains alone")
    ops = tuple(row.op for row in step.rows)
    actions = actions_of(ops, coefficients_of(ops), form.compute, "paper", None)
    entries: list[Entries] = []
    if scope == "memory":
        main = list(hardware.hierarchy)[-1]
        moved = np.zeros((2, len(PHASES), len(ops), 1))
        for i, row in enumerate(step.rows):
            moved[:, row.phase, i, 0] = row.bits * (plan.micro_batches if row.passes else 1) / 2
        entries = [Entries(3, (f"{main}.read", f"{main}.write"), lambda: moved, moved.sum(axis=2))]
    ledger = Ledger(actions, step.bases, tuple(entries), hardware, form.name, lasting=False)
    ledger.tariff(scope)  # a missing price is told now
    from bitnet_cost.ledger.training import StepMemory

    each = bytes_each(plan, form, None)
    trained = trained_parameters(counts, plan)
    memory = StepMemory(*(b * trained for b in each), 0.0, 0.0, 0.0, sum(each) * trained)
    return TrainingResult(
        model, precision, hardware, None, form, plan, scope, model_parameters(counts), trained, step.counts, memory,
        None, None, ledger,
    )  # fmt: skip
