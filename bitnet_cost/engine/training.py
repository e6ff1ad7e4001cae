"""A training step on devices, or at a technology node: its seconds, and the ledger that prices it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bitnet_cost.engine.activity import actions_of, product_format
from bitnet_cost.engine.counts import coefficients_of
from bitnet_cost.engine.device import floor_of
from bitnet_cost.engine.estimate import check_scope
from bitnet_cost.engine.storage import stored_of
from bitnet_cost.engine.timing import REACHED_BANDWIDTH, REACHED_RATE
from bitnet_cost.engine.training_exchange import exchanged
from bitnet_cost.engine.training_memory import (
    bytes_each,
    counted,
    model_parameters,
    step_memory,
)
from bitnet_cost.engine.training_step import PHASES, Row, Step, step_of, trained_parameters
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.cap import boosted, cap_stretch
from bitnet_cost.formulas.roofline import waiting
from bitnet_cost.formulas.training import bubble_share, largest_stage
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware, Interconnect
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.training import Plan, TrainingFormat, TrainingRuntime
from bitnet_cost.ledger.contract import Entries, Ledger, tariff
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator, Traits
from bitnet_cost.ledger.training import StepMemory, StepSeconds, TrainingResult
from bitnet_cost.numerals import with_prefix
from bitnet_cost.told import Array
from bitnet_cost.words import Scope

MEASURED_RATE = 494.5e12  # of 16-bit products, on the device at which shares were measured  [MAC/s]


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
    ends = ("value", "low", "high")
    slower = rate.model_copy(update={**note, **{n: getattr(rate, n) / 2 for n in ends}})
    dearer = price.model_copy(update={**note, **{n: getattr(price, n) * 2 for n in ends}})
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


class Setting(NamedTuple):
    """What a step runs in, and on."""

    form: TrainingFormat
    hardware: Hardware
    runtime: TrainingRuntime


def _widths(op: Operator) -> tuple[float, ...]:
    """Sides of an operator's matrices; of attention the width of a head: what it multiplies for a pair and a head."""
    return op.shape if op.matrices else ()


def reached_share(row: Row, head: float, setting: Setting) -> float:
    """Share of the peak rate that a row's products reach.

    Rows of matrices should begin at multiples of 16 bytes, as tensor units want them. Attention reaches more with heads
    of 128 than of 64; between them in proportion. Kernels keep up less with faster units.
    """
    form, hardware, runtime = setting
    kernel = runtime.kernel(row.kind)
    if kernel.compute is None:
        return 1.0
    sides = (head,) if row.kind == "attention" else _widths(row.op)
    if kernel.unaligned and form.width == 2 and any(side * 2 % 16 for side in sides):
        return kernel.unaligned.value
    share = kernel.backward_compute if row.phase == 1 and kernel.backward_compute else kernel.compute
    reached = share.value
    if row.kind == "attention" and kernel.narrow:
        lost = (1 - kernel.narrow.value / kernel.compute.value) * (128 - min(max(head, 64.0), 128.0)) / 64
        reached *= 1 - lost
    rate = hardware.rates.get("bf16") or hardware.rates.get("fp16")
    if kernel.fall and form.width == 2 and rate is not None:
        reached = min(0.9, reached * (2 * MEASURED_RATE / rate.value) ** kernel.fall)
    return reached


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


def _seconds(row: Row, share: float, setting: Setting) -> tuple[float, float]:
    """Seconds of arithmetic and of memory that a row needs on one device, in one micro-batch."""
    form, hardware, runtime = setting
    reached = hardware.memory.rate * runtime.kernel(row.kind).bandwidth.value
    if runtime.ceiling is not None and row.kind not in ("linear", "experts", "attention"):
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
    chosen = scope or hardware.default_scope
    check_scope(hardware, chosen)
    plan.check(model)
    counts = counted(model, plan)
    hardware = with_training_formats(hardware, form)
    step = step_of(model, counts, plan, form, runtime)
    if runtime is None:
        return _at_node(model, precision, form, hardware, plan, chosen, counts, step)
    if hardware.device_class != "gpu":
        raise BitnetCostError(
            f"hardware: training runtimes are of GPUs; none is known for {hardware.name!r}, a {hardware.device_class}"
        )
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


class Load(NamedTuple):
    """What each row takes: seconds of one device in one micro-batch, and how often it runs on all of them.  [row]"""

    busy: Array
    waits: Array  # of it, beyond what the device needs at its peaks
    runs: Array

    def table(self, rows: Sequence[Row], each: Array) -> Array:
        """A figure of each run, of a step on all devices.  [phase, op, 1]"""
        found = np.zeros((len(PHASES), len(rows) + 1, 1))
        for i, row in enumerate(rows):
            found[row.phase, i, 0] = each[i] * self.runs[i]
        return found


def _load(model: Architecture, rows: Sequence[Row], plan: Plan, setting: Setting) -> Load:
    """The load of each row; see `reached_share` and `gaps`."""
    runtime = setting.runtime
    head = head_width(model)
    reached = np.array([reached_share(row, head, setting) for row in rows])
    each = np.array([_seconds(row, share, setting) for row, share in zip(rows, reached, strict=True)])
    worked = each.max(axis=1)
    shares = np.array([runtime.kernel(row.kind).bandwidth.value for row in rows])
    waits = np.array(waiting(worked, each[:, 0] * reached / REACHED_RATE, each[:, 1] * shares / REACHED_BANDWIDTH))
    ranks = plan.dp * plan.tp * plan.cp
    runs = np.array([float(plan.micro_batches * ranks if row.passes else plan.devices) for row in rows])
    return Load(worked + np.array([gaps(row, runtime) for row in rows]), waits, runs)


def _limited(
    dynamic: Array, products: Array, held: Array, hardware: Hardware, form: TrainingFormat
) -> tuple[Array, float]:
    """How much longer each phase takes under the board's limit, and how much more products spend than at it.

    ``dynamic`` energy, of it ``products``, and ``held`` seconds are of all devices, by phase.  [phase]
    """
    power = hardware.device_power
    if power.cap is None or hardware.priced != "actions":
        return np.ones(len(PHASES)), 1.0
    room = power.cap.value - power.static.value
    stretch = np.array(cap_stretch(dynamic, held, room))
    if product_format(_PRODUCT, form.compute) == "fp32":  # not in tensor units
        return stretch, 1.0
    worked, rest = float(products[:2].sum()), float((dynamic - products)[:2].sum())
    longer, dearer = boosted(worked, rest, float(held[:2].sum()), room)
    stretch[:2] = longer
    return stretch, float(dearer)


def _timed(result: TrainingResult, counts: OpCounts, step: Step, between: Interconnect | None) -> TrainingResult:
    """The result with its seconds and its ledger."""
    model, plan, form, runtime = result.model, result.plan, result.form, result.runtime
    if runtime is None:
        return result
    sent = exchanged(model, counts, plan, form, runtime, result.hardware, between)
    hardware, rows = sent.hardware, step.rows
    load = _load(model, rows, plan, Setting(form, hardware, runtime))
    ops = (*(row.op for row in rows), _WAITING)
    coefficients = coefficients_of(ops)
    stored = stored_of(model, form.compute, ops)
    actions = actions_of(ops, coefficients, form.compute, "paper", hardware.executed, stored)
    main, floor = list(hardware.hierarchy)[-1], floor_of(hardware)
    places = (f"{main}.read", f"{main}.write", *sent.bits)
    half = load.table(rows, np.array([row.bits / row.ways / 2 for row in rows]))
    moved = np.stack([half, half, *(np.zeros_like(half) for _ in sent.bits)])
    moved[2:, 3, -1, 0] = list(sent.bits.values())
    bill = tariff(actions, hardware, form.name, 2, (*places, *floor), lasting=False)
    prices = np.array([bill.prices[action][1] for action in places])
    drawn, waited = load.table(rows, load.busy), load.table(rows, load.waits)
    linear = bill.by_phase(step.bases)[:, 0]  # nearly all of it products
    dynamic = linear + (moved.sum(axis=2)[:, :, 0] * prices[:, None]).sum(axis=0)
    if "static.waiting" in floor:
        dynamic = dynamic + bill.prices["static.waiting"][1] * waited.sum(axis=1)[:, 0]
    stretch, dearer = _limited(dynamic, linear, drawn.sum(axis=1)[:, 0], hardware, form)
    # a product at full clocks counts as this many at the clocks at which it was priced
    coefficients["mac"] = {basis: column * dearer for basis, column in coefficients["mac"].items()}
    actions = actions_of(ops, coefficients, form.compute, "paper", hardware.executed, stored)
    forward, backward = (
        _pace(rows, load.busy, phase, model, plan) * plan.micro_batches * float(stretch[phase]) for phase in (0, 1)
    )
    bubble = (forward + backward) * bubble_share(plan.pp, plan.micro_batches, plan.virtual_stages)
    optimizer = float(drawn[2].sum()) / plan.devices * float(stretch[2])
    exposed = sent.exposed(backward + (forward if plan.zero == 3 else 0.0))
    seconds = StepSeconds(forward, backward, optimizer, exposed, bubble)
    drawn = drawn * stretch[:, None, None]
    idle = np.zeros_like(drawn)
    idle[3, -1, 0] = max(seconds.total * plan.devices - float(drawn.sum()), 0.0)
    entries = [_entries(3, places, moved)]
    if "static.between" in floor:
        entries.append(_entries(4, ("static.power", "static.between"), np.stack([drawn, idle])))
    else:
        entries.append(_entries(4, ("static.power",), (drawn + idle)[None]))
    if "static.waiting" in floor:
        entries.append(_entries(4, ("static.waiting",), waited[None]))
    pue = result.facility.pue if result.facility is not None else None
    ledger = Ledger(actions, step.bases, tuple(entries), hardware, form.name, None, None, pue, lasting=False)
    capped = bool((stretch[:2] > 1).any())
    return replace(result, hardware=hardware, seconds=seconds, ledger=ledger, capped=capped)


def _entries(part: int, actions: tuple[str, ...], table: Array) -> Entries:
    """Entries of a table [action, phase, op, 1]."""
    return Entries(part, actions, lambda: table, table.sum(axis=2))


_PRODUCT = Operator("", "linear", "linear", 1, ())
_WAITING = Operator("exchange", "host", "elsewhere", 1, (), traits=Traits("host", split=False, backward="none"))


def _at_node(
    model: Architecture, precision: Precision, form: TrainingFormat, hardware: Hardware, plan: Plan, scope: Scope,
    counts: OpCounts, step: Step,
) -> TrainingResult:  # fmt: skip
    """The energy of a step at a technology node: arithmetic, elementwise work, and what memory moves at least."""
    if plan.devices > 1:
        raise BitnetCostError(f"devices: {hardware.name!r} is a technology node; it trains alone")
    ops = tuple(row.op for row in step.rows)
    stored = stored_of(model, form.compute, ops)
    actions = actions_of(ops, coefficients_of(ops), form.compute, "paper", None, stored)
    entries: list[Entries] = []
    if scope == "memory":
        main = list(hardware.hierarchy)[-1]
        moved = np.zeros((2, len(PHASES), len(ops), 1))
        for i, row in enumerate(step.rows):
            moved[:, row.phase, i, 0] = row.bits * (plan.micro_batches if row.passes else 1) / 2
        entries = [_entries(3, (f"{main}.read", f"{main}.write"), moved)]
    ledger = Ledger(actions, step.bases, tuple(entries), hardware, form.name, lasting=False)
    ledger.tariff(scope)  # a missing price is told now
    each = bytes_each(plan, form, None)
    trained = trained_parameters(counts, plan)
    weights, gradients, states = (b * trained for b in each)
    memory = StepMemory(weights, gradients, states, peak=sum(each) * trained)
    return TrainingResult(
        model, precision, hardware, None, form, plan, scope, model_parameters(counts), trained, step.counts, memory,
        None, None, ledger,
    )  # fmt: skip
