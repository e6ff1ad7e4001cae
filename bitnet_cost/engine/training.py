"""A training step on devices, or at a technology node: its seconds, and the ledger that prices it.

Numbers of the plan are arrays [n] over the points of a grid, and figures of the hardware may be; one step has n = 1.
Rows of a step (`training_step`) follow from names and layout, and are made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.engine.activity import actions_of, product_format
from bitnet_cost.engine.clocks import room_of
from bitnet_cost.engine.counts import coefficients_of
from bitnet_cost.engine.device import floor_of
from bitnet_cost.engine.estimate import check_scope
from bitnet_cost.engine.kernels import REACHED_BANDWIDTH, REACHED_RATE
from bitnet_cost.engine.storage import stored_of
from bitnet_cost.engine.training_exchange import exchanged
from bitnet_cost.engine.training_memory import bytes_each, check_rank, counted, model_parameters, over, step_memory
from bitnet_cost.engine.training_products import filled
from bitnet_cost.engine.training_step import PHASES, Row, Step, Work, clocked, column, step_of, trained_parameters
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.cap import limited
from bitnet_cost.formulas.roofline import waiting
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.formulas.training import bubble_share, largest_stage
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.facility import Facility, overhead
from bitnet_cost.inputs.hardware import Hardware, Interconnect
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.training import Plan, TrainingFormat, TrainingRuntime, TrainingScenario
from bitnet_cost.ledger import training_record  # noqa: F401  # registers the columns of what is made here
from bitnet_cost.ledger.arrays import Bases, Linear
from bitnet_cost.ledger.contract import Entries, Ledger, tariff
from bitnet_cost.ledger.counted import Actions, OpCounts
from bitnet_cost.ledger.operators import Operator, Traits
from bitnet_cost.ledger.training import StepMemory, StepSeconds, TrainingResult
from bitnet_cost.numerals import with_prefix
from bitnet_cost.told import Array, Node, decided, holds_everywhere, is_told, named, zeros
from bitnet_cost.words import Scope

MEASURED_RATE = 494.5e12  # of 16-bit products, on the device at which shares were measured  [MAC/s]


def with_training_formats(hardware: Hardware, form: TrainingFormat) -> Hardware:
    """Hardware that also runs TF32, where its BF16 products tell of tensor units: at half of their rate.

    Raises:
        BitnetCostError: no BF16 products.
    """
    if "mul.tf32" not in form.compute.linear.recipe or not hardware.has_clock:
        return hardware
    return _with_tf32(Same(hardware))


@lru_cache(maxsize=16)
def _with_tf32(profile: Same) -> Hardware:
    hardware: Hardware = profile.it
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


def rate_of(op: Operator, form: TrainingFormat, hardware: Hardware) -> Any:
    """Peak rate of an operator's products; infinite where it has none, or runs them beside plain elementwise work."""
    computed = product_format(op, form.compute)
    if computed is None or op.traits.kernel in ("elementwise", "embedding"):
        return np.inf
    executed = hardware.executed(computed)
    return np.inf if executed is None else hardware.mac_rate(executed)


class Setting(NamedTuple):
    """What a step runs in, and on."""

    form: TrainingFormat
    hardware: Hardware
    runtime: TrainingRuntime


def _widths(op: Operator) -> tuple[float, ...]:
    """Sides of an operator's matrices; of attention the width of a head: what it multiplies for a pair and a head."""
    return op.shape if op.matrices else ()


def reached_share(row: Row, head: float, setting: Setting) -> Any:
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
    if kernel.fp8_compute and form.quantised == "fp8" and row.op.role == "linear":
        share = kernel.fp8_compute
    else:
        share = kernel.backward_compute if row.phase == 1 and kernel.backward_compute else kernel.compute
    reached = share.value
    if row.kind == "attention" and kernel.narrow:
        lost = (1 - kernel.narrow.value / kernel.compute.value) * (128 - min(max(head, 64.0), 128.0)) / 64
        reached = reached * (1 - lost)
    rate = hardware.rates.get("bf16") or hardware.rates.get("fp16")
    if kernel.fall and form.width == 2 and rate is not None:
        reached = np.minimum(0.9, reached * _kept(rate.value, kernel.fall))
    return reached


def _kept(rate: Any, fall: float) -> Any:
    """What kernels keep of their share at another peak rate; told, a figure of its own, since a power is no step."""
    if isinstance(rate, Node):
        return rate.graph.input("share that kernels keep at this rate", (2 * MEASURED_RATE / rate.value) ** fall)
    return (2 * MEASURED_RATE / rate) ** fall


def head_width(model: Architecture) -> float:
    """Width of a head of the model's first attention; 128 where it has none."""
    for layer in model.layers:
        if layer.attention is not None:
            return float(model.head_dim(layer.attention))
        if layer.latent_attention is not None:
            return float(layer.latent_attention.nope_dim + layer.latent_attention.rope_dim)
    return 128.0


def gaps(row: Row, runtime: TrainingRuntime) -> Any:
    """Seconds between the kernels of a row, in one micro-batch."""
    if runtime.launch is None:
        return 0.0
    op = row.op
    fused = op.traits.fused == "always" or (op.traits.fused == "projections" and runtime.fused_projections)
    return 0.0 if fused else runtime.kernel(row.kind).launches * op.parts * op.repeat * runtime.launch.value


def _bandwidth(row: Row, setting: Setting) -> Any:
    """Bits a second that a row's kernels reach."""
    runtime = setting.runtime
    reached = setting.hardware.memory.rate * runtime.kernel(row.kind).bandwidth.value
    if runtime.ceiling is not None and row.kind not in ("linear", "experts", "attention"):
        return np.minimum(reached, runtime.ceiling.value)
    return reached


class Reached(NamedTuple):
    """What rows take on one device: each [row, 1], or [row, n] where figures differ from point to point."""

    compute: Linear  # seconds of products alone, in one micro-batch
    memory: Linear  # seconds of moving bits alone
    at_rate: Array  # of them, what products take at the rate at which prices were measured
    at_bandwidth: Array
    gaps: Array  # seconds between kernels


def _reached(work: Work, model: Architecture, setting: Setting) -> Reached:
    """The figures of each row; the same are found once."""
    return _reached_once(Same(work), Same(model), *map(Same, setting))


@lru_cache(maxsize=16)
def _reached_once(same: Same, model: Same, form: Same, hardware: Same, runtime: Same) -> Reached:
    work, setting, head = same.it, Setting(form.it, hardware.it, runtime.it), head_width(model.it)
    shares = [reached_share(row, head, setting) for row in work.rows]
    products = column([rate_of(row.op, setting.form, setting.hardware) for row in work.rows]) * column(shares)
    bits = column([_bandwidth(row, setting) for row in work.rows])

    def seconds(figure: Linear, rates: Array) -> Linear:
        return Linear([(basis, each / rates) for basis, each in figure.columns], figure.size)

    return Reached(
        seconds(work.macs, products), seconds(work.bits, bits), column(shares) / REACHED_RATE,
        column([setting.runtime.kernel(row.kind).bandwidth.value for row in work.rows]) / REACHED_BANDWIDTH,
        column([gaps(row, setting.runtime) for row in work.rows]),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _actions(of_step: Same, form: Same, hardware: Same, model: Same) -> Actions:
    """The actions of a step's rows, and of the exchange, which counts nothing."""
    work: Work = of_step.it
    ops = (*(row.op for row in work.rows), _WAITING)
    stored = stored_of(model.it, form.it.compute, ops)
    return actions_of(ops, coefficients_of(ops), form.it.compute, "paper", hardware.it, stored)


def _pace(layered: Array, rest: Array, model: Architecture, plan: Plan) -> Array:
    """Seconds of a micro-batch in one phase on the slowest stage: the largest, or the last with the head.  [n]

    ``layered`` are those of all layers, ``rest`` of what is before and behind them.
    """
    if plan.pp == 1:
        return layered + rest
    chunks = plan.pp * plan.virtual_stages
    largest = largest_stage(model.depth, chunks) * plan.virtual_stages
    last = model.depth // chunks * plan.virtual_stages
    return np.maximum(layered * largest / model.depth, layered * last / model.depth + rest)


def train(
    model: Architecture, precision: Precision, form: TrainingFormat, hardware: Hardware,
    runtime: TrainingRuntime | None, plan: Plan, scope: Scope | None = None, between: Interconnect | None = None,
    facility: Facility | None = None,
) -> TrainingResult:  # fmt: skip
    """One training step: its memory, its time, its energy. ``between`` joins nodes.

    Raises:
        BitnetCostError: a plan that the model or the hardware does not allow; an action without a price.
    """
    return training_step(TrainingScenario(
        model=model, precision=precision, form=form, hardware=hardware, runtime=runtime, plan=plan, scope=scope,
        between=between, facility=facility,
    ))  # fmt: skip


def training_step(asked: TrainingScenario, *, lasting: bool = True) -> TrainingResult:
    """A training step, or many: numbers of the plan may be arrays, and so may figures that do not last.

    Of many, those that do not fit, or whose numbers exclude one another, have no seconds and no energy: NaN.

    Raises:
        BitnetCostError: a plan that the model or the hardware does not allow; an action without a price.
    """
    check_scope(asked.hardware, asked.scope or asked.hardware.default_scope)
    plan, runtime, form = asked.plan, asked.runtime, asked.form
    plan.check(asked.model)
    counts = counted(asked.model, plan)
    check_rank(asked.model, counts, plan)
    hardware = with_training_formats(asked.hardware, form)
    step = step_of(asked.model, counts, plan, form, runtime)
    parameters, trained = model_parameters(counts), trained_parameters(counts.operators, plan)
    several = decided(plan.flat.devices > 1)
    if runtime is None:
        if several:
            raise BitnetCostError(f"devices: {hardware.name!r} is a technology node; it trains alone")
        memory = _states_alone(form, plan, trained, counts.points)
        found = TrainingResult(asked, hardware, parameters, trained, step.counts, memory)
        return _at_node(found, counts, step, lasting).shaped()
    if hardware.device_class != "gpu":
        own = f"{hardware.name!r} of class {hardware.device_class!r}"
        raise BitnetCostError(f"hardware: training runtimes are of GPUs; none is known for {own}")
    if several and hardware.interconnect is None:
        raise BitnetCostError(f"devices: {hardware.name!r} has no interconnect; it trains alone")
    memory = step_memory(asked.model, counts, plan, form, runtime)
    result = TrainingResult(asked, hardware, parameters, trained, step.counts, memory)
    if plan.shape == () and not decided(result.possible):
        needs, has = with_prefix(float(memory.peak[0]), "B"), with_prefix(float(result.capacity or 0), "B")
        each = "" if plan.devices == 1 else " on a device"
        return replace(result.shaped(), reason=f"does not fit: needs {needs} of {has}{each}")
    return _timed(result, counts, step, lasting).shaped()


@dataclass(frozen=True, eq=False, slots=True)
class Load:
    """What devices do in the rows of a step: figures of one device in one micro-batch are [row, n]."""

    work: Work
    plan: Plan
    bases: Bases

    @property
    def runs(self) -> Array:
        """How often rows of a phase run in a step, on all devices.  [phase, n]"""
        plan = self.plan
        of_batches = plan.micro_batches * plan.dp * plan.tp * plan.cp
        return np.stack([of_batches, of_batches, plan.devices * 1.0])

    @property
    def optimizer_shards(self) -> Any:
        """Data-parallel devices that divide the optimiser's work.  [n]"""
        return self.plan.shards if self.plan.zero else 1.0

    def over(self, figure: Linear) -> Array:
        """A figure of each row.  [row, n]"""
        found: Array = figure.over(self.bases)[0]
        last = self.work.of_phase(2)
        if self.plan.zero:
            found[last] = found[last] / self.optimizer_shards
        return found

    def in_parts(self, rows: Array) -> list[tuple[Array, Array]]:
        """A figure of the layers and of the others, for each phase.  Each [n]"""
        parts = [[self.work.of_phase(phase, layered=which) for which in (True, False)] for phase in range(3)]
        return [(ordered_sum(rows[layered], 0), ordered_sum(rows[rest], 0)) for layered, rest in parts]

    def by_phase(self, sums: Sequence[Array]) -> Array:
        """A step on all devices, from one device in one micro-batch of each phase.  [phase, n]"""
        found = np.stack(sums) * self.runs
        return np.concatenate([found, found[:1] * 0])

    def bits(self) -> Array:
        """Bits that move.  [phase, n]"""
        forward, backward, optimizer = (over(columns, self.bases) for columns in self.work.moved)
        return self.by_phase([forward, backward, optimizer / self.optimizer_shards])

    def table(self, rows: Array) -> Array:
        """A figure by row, and of the exchange, of a step on all devices.  [phase, op, n]"""
        found = zeros((len(PHASES), len(rows) + 1, rows.shape[1]), rows)
        for phase, runs in enumerate(self.runs):
            some = self.work.of_phase(phase)
            found[phase, some] = rows[some] * runs
        return found

    def last(self, values: Array) -> Array:
        """A table of nothing but what the exchange has, the last row.  [phase, op, n]"""
        found = zeros((len(PHASES), len(self.work.rows) + 1, len(values)), values)
        found[3, -1] = values
        return found


def _limited(
    dynamic: Array, products: Array, held: Array, hardware: Hardware, form: TrainingFormat
) -> tuple[Array, Array]:
    """How much longer each phase takes under the board's limit, and how much more products spend than at it.

    ``dynamic`` energy, of it ``products``, and ``held`` seconds are of all devices, by phase.  [phase, n]
    """
    if hardware.device_power.cap is None or hardware.priced != "actions":
        return np.ones(held.shape), np.ones(held.shape[1:])
    room = room_of(hardware)
    none = 0.0 * held
    stretch, _ = limited(none, dynamic, none, held, room)
    if product_format(_PRODUCT, form.compute) == "fp32":  # not in tensor units
        return stretch, np.ones(held.shape[1:])
    worked, rest = (products[0] + products[1]), (dynamic - products)[0] + (dynamic - products)[1]
    longer, dearer = limited(worked, rest, held[0] + held[1], none[0], room)
    return np.stack([longer, longer, *stretch[2:]]), dearer


def _named(work: Work, seconds: Array) -> Array:
    """Seconds of rows, told ones named by phase and operator.  [row, n]"""
    for row, values in zip(work.rows, seconds if is_told(seconds) else (), strict=False):
        named(values, f"{PHASES[row.phase]} {row.op.name}, seconds in a micro-batch", "s")
    return seconds


def _timed(result: TrainingResult, counts: OpCounts, step: Step, lasting: bool) -> TrainingResult:
    """The result with its seconds and its ledger."""
    work, plan, form, runtime = step.work, result.plan.flat, result.form, result.runtime
    if runtime is None:
        return result
    sent = exchanged(result.model, counts, plan, form, runtime, result.hardware, result.scenario.between)
    hardware, floor = sent.hardware, floor_of(sent.hardware, plan.devices)
    load, reached = Load(work, plan, counts.bases), _reached(work, result.model, Setting(form, hardware, runtime))
    work_at_rate, memory = load.over(reached.compute), load.over(reached.memory)
    compute = work_at_rate if form.wide else work_at_rate / filled(work, counts, plan, hardware, runtime)
    busy = np.maximum(compute, memory)
    waits = waiting(busy, work_at_rate * reached.at_rate, memory * reached.at_bandwidth)
    busy = _named(work, busy + reached.gaps)
    actions = _actions(Same(work), Same(form), Same(hardware), Same(result.model))
    main = list(hardware.hierarchy)[-1]
    places = (f"{main}.read", f"{main}.write", *sent.bits)
    bill = tariff(actions, hardware, form.name, 2, (*places, *floor), lasting=lasting)
    parts = load.in_parts(busy)
    half, drawn = load.bits() / 2, load.by_phase([layered + rest for layered, rest in parts])
    waited = load.by_phase([layered + rest for layered, rest in load.in_parts(waits)])
    none = half[:3] * 0
    moved = np.stack([half, half, *(np.concatenate([none, bits[None]]) for bits in sent.bits.values())])
    linear = bill.by_phase(step.bases)  # nearly all of it products
    dynamic = linear + ordered_sum(moved * bill.of_others[: len(places), 1][:, None], 0)
    if "static.waiting" in floor:
        dynamic = dynamic + bill.prices["static.waiting"][1] * waited
    stretch, dearer = _limited(dynamic, linear, drawn, hardware, form)
    forward, backward = (
        _pace(*parts[phase], result.model, plan) * plan.micro_batches * stretch[phase] for phase in (0, 1)
    )
    bubble = (forward + backward) * bubble_share(plan.pp, plan.micro_batches, plan.virtual_stages)
    drawn = drawn * stretch
    exposed = sent.exposed(plan, forward, backward)
    seconds = StepSeconds(forward, backward, drawn[2] / plan.devices, exposed, bubble)
    idle = np.maximum(seconds.total * plan.devices - ordered_sum(drawn, 0), 0.0)
    idle_by_phase = np.concatenate([none, idle[None]])

    def places_by_row() -> Array:
        by_row = load.table(load.over(work.bits) / 2)
        return np.stack([by_row, by_row, *map(load.last, sent.bits.values())])

    def drawn_by_row() -> Array:
        return np.stack([load.table(busy) * stretch[:, None], load.last(idle)])

    entries = [Entries(3, places, places_by_row, moved)]
    if "static.between" in floor:
        entries.append(Entries(4, ("static.power", "static.between"), drawn_by_row, np.stack([drawn, idle_by_phase])))
    else:
        entries.append(Entries(4, ("static.power",), lambda: ordered_sum(drawn_by_row(), 0)[None],
                               (drawn + idle_by_phase)[None]))  # fmt: skip
    if "static.waiting" in floor:
        # kernels of an exchange wait for their link, as others for memory
        sending = exposed * plan.devices
        waited = np.concatenate([waited[:3], sending[None]])
        entries.append(Entries(4, ("static.waiting",), lambda: (load.table(waits) + load.last(sending))[None],
                               waited[None]))  # fmt: skip
    if "interconnect.power" in floor:
        entries.append(Entries(4, ("interconnect.power",), lambda: ordered_sum(drawn_by_row(), 0)[None],
                               (drawn + idle_by_phase)[None], np.where(plan.devices > 1, 1.0, 0.0)))  # fmt: skip
    if hardware.housed:
        entries.append(Entries(5, ("server.power",), lambda: ordered_sum(drawn_by_row(), 0)[None],
                               (drawn + idle_by_phase)[None], hardware.of_server))  # fmt: skip
    pue, possible = overhead(result.facility, hardware.host), result.possible
    inside = None if holds_everywhere(possible) or not result.plan.shape else possible
    repeated = clocked(step.bases, dearer)
    ledger = Ledger(actions, repeated, tuple(entries), hardware, form.name, None, inside, pue, lasting)
    if inside is not None:
        seconds = StepSeconds(*(np.where(inside, each, np.nan) for each in seconds))
    return replace(result, hardware=hardware, seconds=seconds, ledger=ledger, stretch=stretch)


_PRODUCT = Operator("", "linear", "linear", 1, ())
_WAITING = Operator("exchange", "host", "elsewhere", 1, (), traits=Traits("host", split=False, backward="none"))


def _states_alone(form: TrainingFormat, plan: Plan, trained: float, points: int) -> StepMemory:
    """Memory at a technology node: weights, gradients and states."""
    none = np.zeros(points)
    weights, gradients, states = (b * trained + none for b in bytes_each(plan, form, None))
    return StepMemory(weights, gradients, states, none, none, none, weights + gradients + states)


def _at_node(result: TrainingResult, counts: OpCounts, step: Step, lasting: bool) -> TrainingResult:
    """The energy of a step at a technology node: arithmetic, elementwise work, and what memory moves at least."""
    plan, hardware, work = result.plan.flat, result.hardware, step.work
    actions = _actions(Same(work), Same(result.form), Same(None), Same(result.model))
    entries: list[Entries] = []
    if result.scope == "memory":
        main = list(hardware.hierarchy)[-1]
        load = Load(work, plan, counts.bases)
        half = load.bits() / 2
        by_row = partial(load.table, load.over(work.bits) / 2)
        entries = [Entries(3, (f"{main}.read", f"{main}.write"), lambda: np.stack([by_row(), by_row()]),
                           np.stack([half, half]))]  # fmt: skip
    ledger = Ledger(actions, step.bases, tuple(entries), hardware, result.form.name, lasting=lasting)
    ledger.tariff(result.scope)  # a missing price is told now
    return replace(result, ledger=ledger)
