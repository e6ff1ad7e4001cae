"""Count, then price: the whole model in a few lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np

from bitnet_cost.engine.activity import Runs, actions_of, check_rates, count_actions, forms_of
from bitnet_cost.engine.clocks import Boosted, boosted
from bitnet_cost.engine.counts import DRAFT, HOST, bases_of, coefficients_of, count_ops, with_rows
from bitnet_cost.engine.device import floor_of, places_of, run
from bitnet_cost.engine.footprint import NO_SOFTWARE, Resident, footprint, in_host, resident
from bitnet_cost.engine.kernels import Kind, kinds_of
from bitnet_cost.engine.operators import operators
from bitnet_cost.engine.parallel import Parts, parts_of, split
from bitnet_cost.engine.storage import Stored, stored_of
from bitnet_cost.engine.timing import Schedule, cut_prefill, needed_rows, schedule, streamed_from
from bitnet_cost.engine.traffic import Route, route, traffic
from bitnet_cost.errors import BitnetCostError, UnsupportedScope
from bitnet_cost.formulas.savings import saved
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.division import advice, refusal
from bitnet_cost.inputs.facility import overhead
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.offload import Offload, cannot_offload, parse_offload
from bitnet_cost.inputs.runtime import Holds
from bitnet_cost.inputs.scenario import Names, Scenario
from bitnet_cost.ledger import record  # noqa: F401  # registers the columns of what is made here
from bitnet_cost.ledger.arrays import Basis, Bounds, Coefficients, Linear, Stack
from bitnet_cost.ledger.contract import POINTS_KEPT, Entries, Ledger, saving, tariff
from bitnet_cost.ledger.counted import Actions, Activity, Footprint, OpCounts
from bitnet_cost.ledger.intervals import ratio_factors, saved_within
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.ledger.result import Result, energy_of_actions, handed_on
from bitnet_cost.numerals import digits, with_commas, with_prefix
from bitnet_cost.told import filled, holds_everywhere, is_told
from bitnet_cost.words import Accumulator, Counting, Parallel, Scope

NO_CLOCK = (
    "is a technology node: it has prices per operation and no clock, so no time, no static power, no system around it"
)
SCOPES: dict[Scope, str] = {
    "arithmetic": "the matrix products alone, as in the papers",
    "compute": "matrix products and elementwise work",
    "memory": "and all data movement",
    "device": "and static power x time",
    "facility": "times the facility's PUE",
}


ENERGIES = ("fits", "prices", "runs", "by_component", "energy_bounds")
"""Figures of a result that do not change with what its saving refers to."""


def check_scope(hardware: Hardware, scope: Scope) -> None:
    """Refuse a scope that the hardware cannot answer.

    Raises:
        UnsupportedScope: with the reason.
    """
    if scope not in SCOPES:
        raise UnsupportedScope(f"scope {scope!r} is not known; expected {', '.join(SCOPES)}.")
    if scope not in hardware.scopes:
        lacks = "lists no memory levels." if scope == "memory" else f"{NO_CLOCK}."
        if hardware.has_clock:
            lacks = "has no price of an action: its power holds all of them."
        raise UnsupportedScope(f"scope {scope!r}: {hardware.name!r} {lacks} It answers {', '.join(hardware.scopes)}.")


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Prepared:
    """All that follows from the names of an evaluation, for any numbers of the workload.

    ``folded`` is what the operators do, ``part`` what one of several devices does. With ``lean`` operators only those
    stand in tables that move, compute or launch something; the sums are the same, to the bit.
    """

    ops: tuple[Operator, ...]
    coefficients: Coefficients
    bases: tuple[Basis, ...]
    folded: Actions
    part: Actions
    weights: Resident
    plan: Schedule | None
    way: Route | None  # of a technology node's data
    compute: Stack | None  # seconds of the products at the rate that a device reaches: one figure
    work: Boosted | None  # its products in tensor units, where clocks follow its power
    lasting: bool  # whether the same names may be asked for again
    priced_as: Hardware | None = None  # whose prices hold, where figures of the hardware move that set time alone
    draft: Prepared | None = None  # of what drafts tokens


def prepare(
    asked: Scenario,
    *,
    lean: bool = False,
    lasting: bool = True,
    once: bool = False,
    ops: tuple[Operator, ...] | None = None,
) -> Prepared:
    """What `measure` and `priced` need of the names; see `Prepared`. The same inputs are prepared once.

    What is not ``lasting``, as figures that differ from point to point of a grid, is prepared each time. Of a
    question asked ``once`` only what others share with it is kept.
    """
    make = _prepared if lasting and not once else _prepared.__wrapped__
    found = make(asked.names, lean, lasting, ops)
    drafting = asked.drafting
    return found if drafting is None else replace(found, draft=prepare(drafting, lean=lean, lasting=lasting))


def _with_coefficients(ops: tuple[Operator, ...]) -> tuple[tuple[Operator, ...], Coefficients, tuple[Basis, ...]]:
    coefficients = coefficients_of(ops)
    return ops, coefficients, bases_of(coefficients)


@lru_cache(maxsize=64)  # many models side by side: they do not depend on precision or device
def _operators(
    model: Same, counting: Counting, more: tuple[Operator, ...]
) -> tuple[tuple[Operator, ...], Coefficients, tuple[Basis, ...]]:
    return _with_coefficients((*operators(model.it, counting), *more))


@lru_cache(maxsize=256)
def _forms(counted: Same, precision: Same, accumulator: Accumulator) -> tuple[str, ...]:
    return forms_of(counted.it[0], precision.it, accumulator)


@lru_cache(maxsize=256)  # a model in its precisions, on any device
def _held(
    model: Same, precision: Same, counted: Same, parallel: Parallel, kept: Offload, least: float
) -> tuple[tuple[Stored, ...], Resident]:
    ops, coefficients, _ = counted.it
    stored = stored_of(model.it, precision.it, ops, least)
    return stored, resident(model.it, precision.it, ops, coefficients, parallel, stored, kept)


class InFormats(NamedTuple):
    """What operators do, do on one of several devices, and run as, which is alike on many devices."""

    folded: Actions
    part: Actions
    kinds: tuple[Kind, ...]  # none on a technology node


@lru_cache(maxsize=256)  # every model of a comparison in four precisions, on devices that run the same formats
def _in_formats(
    precision: Same, counted: Same, accumulator: Accumulator, parts: Parts, runs: Runs, stored: Same
) -> InFormats:
    (ops, coefficients, _), chosen, hardware = counted.it, precision.it, runs.hardware
    folded = part = actions_of(ops, coefficients, chosen, accumulator, hardware, stored.it)
    if parts.devices > 1 and parts.parallel != "pipeline":
        part = actions_of(ops, split(ops, coefficients, parts), chosen, accumulator, hardware, stored.it)
    return InFormats(folded, part, kinds_of(ops, chosen, hardware) if hardware.has_clock else ())


@lru_cache(maxsize=1024)  # three models on every measured device in four precisions, over a page's grid once more
def _prepared(names: Names, lean: bool, lasting: bool, ops: tuple[Operator, ...] | None) -> Prepared:
    model, chosen, profile, software, counting, logits, accumulator, devices, parallel, offload, draft = names
    architecture, precision, hardware, runtime = model.it, chosen.it, profile.it, software.it
    on_device = hardware.has_clock
    if runtime is not None and runtime.products_alone and not architecture.is_product:
        raise BitnetCostError(
            f"runtime: {runtime.runtime!r} has figures of single products, each measured alone; {architecture.name!r} "
            f"is a whole model\n  leave it out for {hardware.runtime}, or name another"
        )
    waiting = (HOST,) if on_device and runtime is not None and runtime.waits_for_host else ()
    more = waiting if draft is None else (*waiting, DRAFT)
    # Figures that differ from point to point change no format: only told sizes, in ``ops``, are for this once.
    made: tuple[Any, ...] = _forms, _held, _in_formats
    forms, held, form = made if ops is None else [each.__wrapped__ for each in made]
    counted = Same(_operators(model, counting, more) if ops is None else _with_coefficients((*ops, *more)))
    ops, coefficients, bases = counted.it
    part_of_host = parse_offload(offload)
    runs = Runs(hardware, forms(counted, chosen, accumulator))
    parts = parts_of(devices, parallel, hardware, runtime)
    least = runtime.least_bits if runtime else 0.0
    stored, weights = held(model, chosen, counted, parts.parallel, part_of_host, least)
    folded, part, kinds = form(chosen, counted, accumulator, parts, runs, Same(stored))
    stored_bits = weights.total_bits
    plan = None
    if on_device and runtime is not None:
        streamed = None
        if offload is not None and hardware.host is not None:
            rows = in_host(part_of_host, ops, architecture.depth)
            streamed = streamed_from(hardware.host, part_of_host, rows, len(ops), devices)
        plan = schedule(ops, kinds, hardware, runtime, logits, stored_bits, streamed, lasting=lasting)
    way = None if on_device else route(ops, precision, hardware, stored, stored_bits)
    if lean and plan is not None:
        kept = needed_rows(ops, plan)
        ops = tuple(ops[i] for i in kept)

        def few(of_all: Coefficients) -> Coefficients:
            return {
                quantity: {basis: column[kept] for basis, column in of.items() if column[kept].any()}
                for quantity, of in of_all.items()
            }

        same = part is folded
        coefficients, folded, plan = few(coefficients), folded.of(kept, few(coefficients)), plan.of(kept)
        part = folded if same else part.of(kept, few(part.coefficients))
    compute = work = None
    if plan is not None:
        work = boosted(part, bases, plan, hardware)
        products = part.coefficients.get("mac", {}).items()
        taken = Linear([(basis, column[:, None] * plan.per_mac) for basis, column in products], len(ops))
        compute = Stack([taken], bases)
    return Prepared(ops, coefficients, bases, folded, part, weights, plan, way, compute, work, lasting)


@lru_cache(maxsize=128)  # a model in its precisions, on devices that run the same formats
def _activity(counts: Same, found: Same) -> Activity:
    return count_actions(counts.it, found.it)


@lru_cache(maxsize=128)  # a model in its precisions, in any software
def _footprint(
    model: Same, precision: Same, counts: Same, weights: Same, software: Holds, parallel: Parallel, part: Offload,
    cores: int,
) -> Footprint:  # fmt: skip
    return footprint(model.it, precision.it, counts.it, software, weights.it, parallel, part, cores)


def measure(asked: Scenario, *, counts: OpCounts | None = None, prepared: Prepared | None = None) -> Result:
    """Counts, actions and memory, not yet priced: what is known for any figures of the hardware.

    ``counts`` of the same architecture and workload save counting again, as does what was ``prepared`` from the same
    names. A device needs its ``runtime``.
    Several ``devices`` split every matrix, or the layers (``parallel``).

    Raises:
        BitnetCostError: a convention that the architecture excludes; devices that nothing joins.
    """
    check_devices(asked.hardware, asked.devices)
    ready = prepared or prepare(asked)
    architecture, runtime = asked.model, asked.runtime
    if counts is None:
        counts = count_ops(architecture, asked.workload, ready.ops, ready.coefficients, ready.bases)
    elif len(counts.operators) < len(ready.ops):
        counts = with_rows(counts, ready.ops[len(counts.operators) :])
    passes = counts if runtime is None else cut_prefill(counts, runtime.cut(architecture.kind))
    few = ready.lasting and counts.points <= POINTS_KEPT
    held = (_footprint if few else _footprint.__wrapped__)(
        Same(architecture), Same(asked.precision), Same(counts), Same(ready.weights),
        NO_SOFTWARE if runtime is None else runtime.holds(architecture.kind), asked.parallel,
        parse_offload(asked.offload), parts_of(asked.devices, asked.parallel, asked.hardware, runtime).cores,
    )  # fmt: skip
    drafting = asked.drafting
    draft = None if drafting is None else measure(drafting, prepared=ready.draft)
    return Result(
        scenario=asked,
        counts=counts,
        activity=(_activity if few else _activity.__wrapped__)(Same(passes), Same(ready.folded)),
        footprint=held if draft is None else held.with_draft(draft.footprint),
        draft=draft,
    )


def priced(result: Result, prepared: Prepared | None = None) -> Result:
    """The result with its energy, and on a device its time.

    What does not fit a device, or cannot be shared by several, gets neither, and a reason.

    Raises:
        UnsupportedScope: the hardware cannot answer the scope.
        MissingPrice: an action of the precision has no price.
    """
    if result.draft is None:
        return _priced(result, prepared)
    ready = prepared or prepare(result.scenario)
    found, draft = _priced(result, ready), priced(result.draft, ready.draft)
    if found.ledger is None or draft.ledger is None:
        return replace(found, ledger=None, timing=None, reason=found.reason or f"draft: {draft.reason}")
    both = None if found.timing is None or draft.timing is None else found.timing.with_draft(draft.timing)
    return replace(found, ledger=replace(found.ledger, draft=draft.ledger), timing=both, draft=draft)


def _priced(result: Result, prepared: Prepared | None) -> Result:
    """The same of the model alone."""
    hardware, precision, scope = result.hardware, result.precision, result.scope
    check_scope(hardware, scope)
    if why := cannot_share(result.scenario):
        return replace(result, reason=why)
    ready = prepared or prepare(result.scenario)
    plan, capacity = ready.plan, result.capacity_bits
    if plan is None or ready.compute is None or capacity is None:
        return _at_node(result, ready)
    by_time = hardware.priced == "time"  # its power holds every action
    if by_time:
        check_rates(result.counts.operators, precision, hardware)
    floor = floor_of(hardware, result.devices)
    work = () if ready.work is None else ready.work.actions
    actions = floor if by_time else (*places_of(result, plan), *work, *floor)
    prices, lasting = ready.priced_as or hardware, ready.lasting or ready.priced_as is not None
    whole = tariff(ready.part, prices, precision.name, 0 if by_time else 2, actions, lasting=lasting)
    fits = result.fits
    if fits is None or not filled(fits).any():
        return replace(result, reason=does_not_fit(result, float(np.max(capacity))))
    done = run(result, ready.part, plan, ready.compute, whole, ready.work)
    inside, timing = None if holds_everywhere(fits) else fits.ravel(), done.timing
    ledger = Ledger(
        ready.part, done.counts.bases, done.entries, prices, precision.name, done.turns, inside,
        overhead(result.facility, hardware.host), lasting,
    )  # fmt: skip
    if inside is not None:
        timing = replace(timing, seconds=np.where(inside, timing.seconds, np.nan))
    return handed_on(result, replace(result, activity=done.activity, timing=timing, ledger=ledger), "fits")


def _at_node(result: Result, ready: Prepared) -> Result:
    """The energy of a technology node: arithmetic, elementwise work, and in scope ``memory`` what moves."""
    entries: list[Entries] = []
    if result.scope == "memory" and ready.way is not None:
        bits = traffic(result.counts, result.activity, ready.way)
        entries = [Entries(3, ready.way.places, lambda: bits, ordered_sum(bits, 2))]
    ledger = Ledger(
        ready.folded, result.counts.bases, tuple(entries), result.hardware, result.precision.name,
        lasting=ready.lasting,
    )  # fmt: skip
    ledger.tariff(result.scope)  # a missing price is told now
    return replace(result, ledger=ledger)


def does_not_fit(result: Result, capacity: float) -> str:
    """By how much a single point does not fit, and how many devices would hold it where something joins them."""
    if is_told(result.footprint.on_each(result.devices)):
        return "does not fit"
    needed = float(np.min(result.footprint.on_each(result.devices)))
    if result.host_capacity_bits is not None and needed <= capacity:
        kept, room = (
            with_prefix(bits / 8, "B") for bits in (float(np.min(result.host_bits)), result.host_capacity_bits)
        )
        return f"does not fit its host: {kept} of {room} (--set host.memory.capacity=...)"
    factor = needed / capacity
    each = "" if result.devices == 1 else f" on each of {result.devices} devices"
    needs, has = with_prefix(needed / 8, "B"), with_prefix(capacity / 8, "B")
    text = f"does not fit: needs {needs} of {has}{each}, {digits(factor, 3)} times"
    enough, joined = result.devices_needed, result.hardware.joined_at_most
    if enough:
        more = f", more than the {with_commas(joined)} that its interconnect joins"
        many = ", but nothing joins them" if joined == 1 else more
        return f"{text}; {with_commas(enough)} such devices would hold it{many if enough > joined else ''}"
    if float(np.min(result.footprint.on_every)) >= capacity:
        whole = with_commas(math.ceil(factor))
        return f"{text}; {whole} such devices would hold the total, but none has room for its activations"
    text = f"{text}; no number of such devices holds it with what each repeats (--parallel {result.parallel})"
    other = next((way for way in OTHER_WAYS if _fits_shared(result.scenario, way)), None)
    return f"{text}; --parallel {other} would" if other else text


OTHER_WAYS: tuple[Parallel, ...] = ("data", "pipeline")


def _fits_shared(asked: Scenario, way: Parallel) -> bool:
    """Whether as many devices would hold it that share it in another way."""
    other = asked.but(parallel=way)
    return way != asked.parallel and cannot_share(other) is None and bool(np.any(measure(other).fits))


def check_devices(hardware: Hardware, devices: int) -> None:
    """Refuse several devices that nothing joins.

    Raises:
        BitnetCostError: not a whole number from 1, a technology node, no interconnect, or more than it joins.
    """
    if type(devices) is not int or not 1 <= devices <= 100_000:
        raise BitnetCostError(f"devices: {devices!r} is not a whole number from 1 to 100000")
    if devices == 1:
        return
    if hardware.interconnect is None:
        what = "has no interconnect" if hardware.has_clock else "is a technology node"
        raise BitnetCostError(f"devices: {hardware.name!r} {what}; it runs alone")
    if devices > hardware.interconnect.devices:
        most = hardware.interconnect.devices
        raise BitnetCostError(
            f"devices: the interconnect of {hardware.name!r} joins {most}, not {devices}; 'list links' has those that "
            "join more, for --link"
        )


def cannot_share(asked: Scenario) -> str | None:
    """Why devices cannot share the model with one another or their host, or its batch, as asked; None: they can."""
    if why := cannot_offload(asked.offload, asked.model, asked.hardware, asked.parallel):
        return why
    if asked.devices == 1:
        return None
    if why := refusal(asked.model, asked.devices, asked.parallel, padded=asked.pads_heads):
        joined = asked.hardware.interconnect
        way = advice(asked.model, asked.devices, asked.parallel, joined.devices if joined else asked.devices)
        return f"{why}; take {way}" if way else why
    batch = asked.workload.flat()[0]
    if asked.parallel == "data" and not is_told(batch) and (batch % asked.devices).any():
        odd = with_commas(int(batch[batch % asked.devices > 0][0]))
        return f"a batch of {odd} is no multiple of {asked.devices} devices that take whole sequences (--parallel data)"
    return None


def check_sharing(asked: Sequence[Scenario]) -> None:
    """Refuse devices that can share no model of those asked.

    Raises:
        BitnetCostError: what does not divide in the first of them, and what would.
    """
    reasons = [cannot_share(one) for one in asked]
    if reasons and all(reasons):
        first = asked[0]
        part = cannot_offload(first.offload, first.model, first.hardware, first.parallel)
        raise BitnetCostError(f"{'offload' if part else 'devices'}: {reasons[0]}")


def evaluate(asked: Scenario, *, counts: OpCounts | None = None, prepared: Prepared | None = None) -> Result:
    """Memory and energy of one model in one precision on one piece of hardware, over a workload's whole grid.

    Raises:
        UnsupportedScope, MissingPrice, BitnetCostError: see `priced` and `measure`.
    """
    ready = prepared or prepare(asked)
    return priced(measure(asked, counts=counts, prepared=ready), ready)


def against(result: Result, baseline: Result) -> Result:
    """The result with its saving over a baseline of the same scope and workload; its own saving is 0.

    No saving, and a reason, where either has no energy; NaN at points of a grid where either has none.
    """
    if result.ledger is None or baseline.ledger is None:
        lacks = baseline.reason or "no energy"
        lacks = f"has {lacks}" if lacks.startswith("no ") else lacks
        why = result.reason or f"no saving: baseline {baseline.precision.name} {lacks}"
        return replace(result, baseline=baseline.precision.name, _saving=None, reason=why)
    found = replace(result, baseline=baseline.precision.name, _saving=_Saved(baseline).of)
    return handed_on(result, found, *ENERGIES)


class _Saved(NamedTuple):
    """What a result saves of a baseline's energy, in the scope that the result is read in."""

    baseline: Result

    def of(self, result: Result) -> Bounds:
        baseline = self.baseline
        if baseline.scope != result.scope:
            baseline = baseline.within(result.scope)
        shape = (3, *result.shape)
        if result.precision == baseline.precision:
            none = np.where(result.energy_j >= 0, 0.0, np.nan)
            return Bounds.of(np.broadcast_to(none, shape).copy())
        ends = ratio_factors(result, baseline)
        found = (
            saving(cast(Ledger, result.ledger), cast(Ledger, baseline.ledger), result.scope) if ends is None
            else saved_within(saved(energy_of_actions(result), energy_of_actions(baseline)), ends)
        )  # fmt: skip
        known = (result.energy_bounds + baseline.energy_bounds).reshape(3, -1)[1] >= 0
        return Bounds.of(np.where(known, found, np.nan).reshape(shape))
