"""Names in, results out: what the command line and Python users call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bitnet_cost.engine.counts import NOT_COUNTED, count_ops
from bitnet_cost.engine.estimate import against, check_scope, evaluate, measure, priced
from bitnet_cost.engine.fit import fit
from bitnet_cost.errors import BitnetCostError, MissingPrice
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware, Parallel, Scope
from bitnet_cost.inputs.precision import Accumulator, Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.workload import AttentionSpan, Counting, Logits, Workload
from bitnet_cost.readers import catalog
from bitnet_cost.result import Answer, Fit, OpCounts, Result

FIT_PRECISIONS = ("fp32", "fp16", "int8", "int4", "bitnet-b1.58", "bitnet")
CLASSIC_HARDWARE = ("cmos-45nm", "cmos-7nm")
CLASSIC_PRECISIONS = ("fp32", "fp16", "int8", "bitnet")
COMPARED_PRECISIONS = ("fp16", "int8", "int4", "bitnet-b1.58")
DEFAULT_BASELINE = "fp32"
GENERATE_ON_DEVICES = 128


def estimate(
    model: str | Architecture,
    hardware: str | Hardware = "cmos-45nm",
    precision: str | Precision = "bitnet",
    *,
    batch: Any = 1,
    prompt: Any = 512,
    generate: Any = 1,
    attention: AttentionSpan | None = None,
    logits: Logits = "last",
    counting: Counting = "serving",
    scope: Scope | None = None,
    accumulator: Accumulator = "paper",
    baseline: str | Precision | None = None,
    runtime: str | RuntimeProfile | None = None,
    facility: Facility | None = None,
    devices: int = 1,
    parallel: Parallel = "tensor",
    link: str | None = None,
) -> Result:
    """Memory and energy of one model in one precision on one piece of hardware.

    ``batch``, ``prompt`` and ``generate`` may be arrays that broadcast; every figure of the result then has their
    shape, and an element equals the single estimate to the last bit. With a ``baseline`` the result has its
    `saving`, as ``[least, nominal, most]``.

    >>> result = estimate("llama-2-7b", "cmos-45nm", "fp16", attention="full", logits="all")
    >>> result.parameters, round(2 * float(result.mac) / 1e12, 4)
    (6738415616, 6.9031)

    Raises:
        BitnetCostError: an unknown name, an invalid file or number, a missing price, a scope that cannot be answered.
    """
    workload = Workload(batch, prompt, generate, attention, logits, counting)
    architecture = catalog.model(model) if isinstance(model, str) else model
    profile = catalog.hardware(hardware) if isinstance(hardware, str) else hardware
    chosen = catalog.precision(precision) if isinstance(precision, str) else precision

    profile, software = setting(catalog.linked(profile, link), runtime)

    def priced_in(what: Precision, counts: OpCounts | None = None) -> Result:
        return evaluate(
            architecture, what, profile, workload, scope=scope, accumulator=accumulator, counts=counts,
            runtime=software, facility=facility, devices=devices, parallel=parallel,
        )  # fmt: skip

    result = priced_in(chosen)
    if baseline is None:
        return result
    other = catalog.precision(baseline) if isinstance(baseline, str) else baseline
    return against(result, priced_in(other, result.counts))


def runtime_of(hardware: Hardware, asked: str | RuntimeProfile | None) -> RuntimeProfile | None:
    """The runtime on a device: the one asked for, else the device's default; None for a technology node.

    Raises:
        BitnetCostError: a runtime asked of a technology node, or one that does not exist for the device's class.
    """
    if hardware.kind == "technology":
        if asked is not None:
            raise BitnetCostError(f"runtime: {hardware.name!r} is a technology node; no software runs on it")
        return None
    if isinstance(asked, RuntimeProfile):
        return asked
    assert hardware.device_class is not None
    return catalog.runtime(asked or str(hardware.runtime), hardware.device_class)


def setting(hardware: Hardware, asked: str | RuntimeProfile | None) -> tuple[Hardware, RuntimeProfile | None]:
    """Hardware and its runtime (see `runtime_of`), with the constants that measured rows gave them.

    A runtime that is given as such, or read from a file, is taken as it is.
    """
    software = runtime_of(hardware, asked)
    given = isinstance(asked, RuntimeProfile) or (asked is not None and catalog.is_path(asked))
    return (hardware, software) if software is None or given else catalog.tuned(hardware, software)


def answer(
    models: Sequence[Architecture],
    hardware: Sequence[Hardware],
    precisions: Sequence[Precision],
    workload: Workload,
    *,
    scope: Scope | None = None,
    accumulator: Accumulator = "paper",
    baseline: Precision | None = None,
    runtime: str | RuntimeProfile | None = None,
    generate_on_devices: int | None = None,
    facility: Facility | None = None,
    devices: int = 1,
    parallel: Parallel = "tensor",
    usual_baseline: str = DEFAULT_BASELINE,
) -> Answer:
    """Every model on every hardware in every precision, each against the baseline of its model and hardware.

    A cell that has no price is a result with its ``reason`` and no energy, as long as another cell has one.
    ``generate_on_devices`` replaces the workload's generated tokens for decoders on devices.
    The baseline is the one given, else ``usual_baseline``, else the widest asked precision that has an energy.

    Raises:
        BitnetCostError: bad input, or MissingPrice where no cell at all has an energy.
    """
    results: list[Result] = []
    faults: list[MissingPrice] = []
    accumulated: dict[tuple[str, str, str], float] = {}
    wider: dict[tuple[str, str, str], float] = {}
    baselines: dict[tuple[str, str], Result] = {}
    for architecture in models:
        counted: dict[str, OpCounts] = {}
        for profile in hardware:
            check_scope(profile, scope or profile.default_scope)
            asked = workload
            if generate_on_devices and profile.kind == "device" and architecture.kind == "decoder":
                asked = replace(workload, generate=generate_on_devices)
            if profile.kind not in counted:
                counted[profile.kind] = count_ops(architecture, asked)
            device, software = setting(profile, runtime)
            cell = _Cell(
                architecture,
                device,
                asked,
                counted[profile.kind],
                scope,
                software,
                facility,
                devices,
                parallel,
            )
            row = [cell.refused_or_priced(precision, accumulator, faults) for precision in precisions]
            reference = _baseline(cell, row, baseline, accumulator, usual_baseline)
            if reference is not None:
                baselines[architecture.name, profile.name] = reference
            for result in row:
                if result.fits is not None and not result.fits:
                    result = _with_what_fits(cell, result)  # noqa: PLW2901
                results.append(against(result, reference) if reference and result.joules else result)
                if not result.joules or result.shape:
                    continue
                key = (architecture.name, profile.name, result.precision.name)
                adds = profile.kind == "technology" and result.precision.linear.accumulator is not None
                if reference and reference.joules and adds and accumulator == "paper":
                    exact = cell.saving(result.precision, reference.precision, "int32")
                    if exact is not None:
                        accumulated[key] = exact
                if result.scope == "arithmetic":
                    wider[key] = _energy_in(result, "compute")
    if faults and len(faults) == len(results):
        raise faults[0]
    held = {
        (r.hardware.name, r.runtime.runtime): catalog.accuracy().of(r.hardware.name, r.runtime.runtime)
        for r in results
        if r.runtime
    }
    return Answer(tuple(results), accumulated, wider, NOT_COUNTED, accuracy=held, baselines=baselines)


@dataclass(frozen=True)
class _Cell:
    """One model on one hardware, counted once, to be priced in one precision after another."""

    architecture: Architecture
    hardware: Hardware
    workload: Workload
    counts: OpCounts
    scope: Scope | None
    runtime: RuntimeProfile | None
    facility: Facility | None
    devices: int
    parallel: Parallel

    def priced(self, precision: Precision, accumulator: Accumulator) -> Result:
        return priced(self.measured(precision, accumulator))

    def refused_or_priced(self, precision: Precision, accumulator: Accumulator, faults: list[MissingPrice]) -> Result:
        measured = self.measured(precision, accumulator)
        try:
            return priced(measured)
        except MissingPrice as fault:
            faults.append(fault)
            return replace(measured, reason=f"no price for {fault.action}")

    def saving(self, precision: Precision, baseline: Precision, accumulator: Accumulator) -> float | None:
        """Nominal saving with another accumulator; None where that has no price."""
        try:
            found = against(self.priced(precision, accumulator), self.priced(baseline, accumulator))
        except MissingPrice:
            return None
        return None if found.saving is None else float(found.saving[1])

    def measured(self, precision: Precision, accumulator: Accumulator) -> Result:
        """What is known before pricing."""
        return measure(
            self.architecture, precision, self.hardware, self.workload,
            scope=self.scope, accumulator=accumulator, counts=self.counts, runtime=self.runtime,
            facility=self.facility, devices=self.devices, parallel=self.parallel,
        )  # fmt: skip


def _baseline(
    cell: _Cell, row: list[Result], asked: Precision | None, accumulator: Accumulator, usual: str
) -> Result | None:
    """The result that savings refer to: the asked one, else the usual, else the widest that has an energy."""
    if asked is not None:
        return cell.priced(asked, accumulator)
    widest = catalog.precision(usual)
    default = next((r for r in row if r.precision is widest), None) or cell.refused_or_priced(widest, accumulator, [])
    if default.joules:
        return default
    answered = [r for r in row if r.joules]
    return max(answered, key=lambda r: r.precision.linear.weights.bits, default=None)


def _with_what_fits(cell: _Cell, result: Result) -> Result:
    """A result that does not fit, its reason naming the widest precision that would."""
    for name in FIT_PRECISIONS:
        other = catalog.precision(name)
        narrower = other.linear.weights.bits < result.precision.linear.weights.bits
        if narrower and cell.measured(other, "paper").fits:
            return replace(result, reason=f"{result.reason}, or {name} would fit one")
    return result


def _energy_in(result: Result, scope: Scope) -> float:
    try:
        return float(priced(replace(result, scope=scope)).energy_j)
    except MissingPrice:
        return float("nan")


def fitting(
    model: Architecture,
    hardware: Sequence[Hardware],
    precisions: Sequence[Precision],
    workload: Workload,
    runtime: str | RuntimeProfile | None = None,
) -> list[Fit]:
    """What fits each device in each precision.

    Raises:
        BitnetCostError: a technology node, which has no memory to fit; an encoder asked to generate.
    """
    found = []
    for profile in hardware:
        if profile.kind == "technology":
            raise BitnetCostError(f"{profile.name!r} is a technology node: it has no capacity that a model could fit")
        asked = replace(workload, generate=1) if model.kind == "encoder" else workload
        device, software = setting(profile, runtime)
        found += [fit(model, precision, device, asked, software) for precision in precisions]
    return found


def _answer_html(found: Answer) -> str:
    """The answer's report, for a notebook."""
    from bitnet_cost.views.html import fragment
    from bitnet_cost.views.report import estimate_report

    return fragment(estimate_report(found))


def _result_html(found: Result) -> str:
    """The report of a single point, for a notebook; of a grid its shape alone."""
    if found.shape:
        return f"<p>Result over a grid of shape {found.shape}</p>"
    return _answer_html(Answer((found,), {}, {}, NOT_COUNTED))


# Set here, since the floors keep result.py from the views.
setattr(Answer, "_repr_html_", _answer_html)  # noqa: B010
setattr(Result, "_repr_html_", _result_html)  # noqa: B010
