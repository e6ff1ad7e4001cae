"""Names in, results out: what the command line and Python users call."""

from __future__ import annotations

import os
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
from bitnet_cost.inputs.workload import AttentionSpan, Counting, Logits, Workload, usual_attention
from bitnet_cost.readers import catalog
from bitnet_cost.result import Answer, Comparison, Fit, OpCounts, Result

FIT_PRECISIONS = ("fp32", "fp16", "int8", "int4", "bitnet-b1.58", "bitnet")
CLASSIC_HARDWARE = ("cmos-45nm", "cmos-7nm")
CLASSIC_PRECISIONS = ("fp32", "fp16", "int8", "bitnet")
COMPARED_PRECISIONS = ("fp16", "int8", "int4", "bitnet-b1.58")
DEFAULT_BASELINE = "fp32"
GENERATE_ON_DEVICES = 128


Name = str | os.PathLike[str]


def _word(name: Name) -> str:
    """A name, or a path in a form that is never taken for one."""
    if isinstance(name, str):
        return name
    path = os.fspath(name)
    return path if catalog.is_path(path) else os.path.join(os.curdir, path)


def load_model(name: Name) -> Architecture:
    """A model: a catalogue name, a YAML file, a Hugging Face ``config.json`` or its folder, or a size such as ``175B``.

    Raises:
        BitnetCostError: an unknown name, an unreadable or invalid file, an absurd size.

    >>> load_model("llama-2-7b").hidden_size, load_model("175B").nominal_parameters
    (4096, 175000000000)
    """
    return catalog.model(_word(name))


def load_hardware(name: Name, *, link: str | None = None, prices: str = "own") -> Hardware:
    """A hardware profile: a catalogue name or a YAML file. Figures are in SI and carry range, basis and source.

    Args:
        name: of the profile.
        link: what joins several devices, from the catalogue's interconnects; the profile's own if left out.
        prices: other published values of the same profile, by their name.

    Raises:
        BitnetCostError: an unknown name, link or prices, an unreadable or invalid file.

    >>> load_hardware("cmos-45nm").actions["add.int8"].value  # J; Horowitz 2014: 0.03 pJ
    3e-14
    """
    return catalog.linked(catalog.hardware(_word(name)), link).with_prices(prices)


def load_precision(name: Name) -> Precision:
    """A precision: a catalogue name, a YAML file, or a name of the grammar ``w<bits>a<bits>[kv<bits>]``.

    Raises:
        BitnetCostError: an unknown name, an unreadable or invalid file.

    >>> load_precision("bitnet-b1.58").linear.weights.bits, load_precision("w4a8kv8").linear.activation_bits
    (2.0, 8.0)
    """
    return catalog.precision(_word(name))


def _generated(model: Architecture, hardware: Hardware) -> int:
    """Tokens generated where nobody says how many."""
    return GENERATE_ON_DEVICES if hardware.kind == "device" and model.kind == "decoder" else 1


def estimate(
    model: Name | Architecture,
    hardware: Name | Hardware = "cmos-45nm",
    precision: Name | Precision = "bitnet",
    *,
    batch: Any = 1,
    prompt: Any = 512,
    generate: Any = None,
    attention: AttentionSpan | None = None,
    logits: Logits = "last",
    counting: Counting = "serving",
    scope: Scope | None = None,
    accumulator: Accumulator = "paper",
    baseline: Name | Precision | None = None,
    runtime: str | RuntimeProfile | None = None,
    facility: Facility | None = None,
    devices: int = 1,
    parallel: Parallel = "tensor",
    link: str | None = None,
) -> Result:
    """Memory, energy and on a device time of one model in one precision on one piece of hardware.

    Arrays for ``batch``, ``prompt`` and ``generate`` broadcast to a grid; every figure of the result then has its
    shape, and an element equals the single estimate to the last bit.

    Args:
        model: see `load_model`.
        hardware: see `load_hardware`. A technology node has prices and no clock, a device has both.
        precision: see `load_precision`.
        batch: sequences that run together.
        prompt: tokens of each prompt.
        generate: tokens generated per sequence, the first by the prefill; 128 for decoders on devices, else 1, if
            left out.
        attention: pairs scored in the prefill, ``causal`` or ``full``; causal, for encoders full, if left out.
        logits: positions of the prefill that get logits: ``last``, ``all`` or ``none``.
        counting: ``serving``, what good serving software does, or ``traced``, the convention of a tracing counter.
        scope: what the energy holds: ``arithmetic``, ``compute``, ``memory``, ``device`` or ``facility``; arithmetic
            on technology nodes, device on devices, if left out.
        accumulator: price integer additions as papers do (``paper``) or as ``int32``.
        baseline: a precision; the result then has its ``saving``, as ``[least, nominal, most]``.
        runtime: software on a device; the device's default if left out.
        facility: PUE, carbon intensity and prices around a device.
        devices: how many share the model.
        parallel: how they do: ``tensor`` splits every matrix, ``pipeline`` the layers.
        link: what joins them; the device's own if left out.

    Returns:
        A `Result`: ``energy_j`` [J], ``energy_bounds`` [J], ``timing`` [s], ``footprint`` [bit], counts and all that
        went in; `to_records` and `to_dataframe` give the names and units of ``-f json``.

    Raises:
        BitnetCostError: an unknown name, an invalid file or number, a missing price, a scope that cannot be answered.

    >>> result = estimate("llama-2-7b", "cmos-45nm", "fp16", attention="full", logits="all")
    >>> result.parameters, round(2 * float(result.mac) / 1e12, 4)
    (6738415616, 6.9031)
    """
    architecture = model if isinstance(model, Architecture) else load_model(model)
    profile = catalog.linked(hardware, link) if isinstance(hardware, Hardware) else load_hardware(hardware, link=link)
    chosen = precision if isinstance(precision, Precision) else load_precision(precision)
    steps = _generated(architecture, profile) if generate is None else generate
    workload = Workload(batch, prompt, steps, attention or usual_attention(architecture.kind), logits, counting)
    profile, software = setting(profile, runtime)

    def priced_in(what: Precision, counts: OpCounts | None = None) -> Result:
        return evaluate(
            architecture, what, profile, workload, scope=scope, accumulator=accumulator, counts=counts,
            runtime=software, facility=facility, devices=devices, parallel=parallel,
        )  # fmt: skip

    result = priced_in(chosen)
    if baseline is None:
        return result
    other = baseline if isinstance(baseline, Precision) else load_precision(baseline)
    return against(result, priced_in(other, result.counts))


def compare(
    models: Name | Architecture | Sequence[Name | Architecture],
    hardware: Name | Hardware | Sequence[Name | Hardware] | None = None,
    precisions: Name | Precision | Sequence[Name | Precision] | None = None,
    *,
    batch: int = 1,
    prompt: int = 512,
    generate: int | None = None,
    scope: Scope | None = None,
    baseline: Name | Precision | None = None,
    runtime: str | RuntimeProfile | None = None,
    facility: Facility | None = None,
    devices: int = 1,
    parallel: Parallel = "tensor",
    prices: str | Sequence[str] | None = None,
    sort: str | None = None,
    where: str | None = None,
) -> Comparison:
    """Every model on every hardware in every precision, ranked: the rows of ``bitnet-cost compare``.

    Args:
        models: one or several, see `load_model`. Models stay together, in their order.
        hardware: one or several, see `load_hardware`; every device of the catalogue if left out.
        precisions: one or several, see `load_precision`; FP16, INT8, INT4 and BitNet b1.58 if left out.
        batch: sequences that run together.
        prompt: tokens of each prompt.
        generate: tokens generated per sequence; 128 for decoders if left out.
        scope: what the energy holds; each hardware's default if left out.
        baseline: what savings refer to; FP16 if left out, else the widest precision that has an energy.
        runtime: software on the devices; each one's default if left out.
        facility: PUE, carbon intensity and prices around the devices.
        devices: how many share a model.
        parallel: how they do: ``tensor`` or ``pipeline``.
        prices: other published values of the profiles, by name; each makes rows of its own.
        sort: a column of the records, or energy, tokens, memory, power, carbon, cost, latency; best first, ``-COLUMN``
            turned round. Energy per token if left out.
        where: a filter of records, as in ``"fits and tokens_per_s > 20"``.

    Returns:
        A `Comparison`: ``results``, `to_records`, `to_dataframe`; in a notebook, its tables. A cell that does not fit
        or has no price is a record with its ``reason``.

    Raises:
        BitnetCostError: bad input, a filter that nothing meets, or no cell that has a price.

    >>> found = compare("llama-2-7b", ["h100-sxm-80gb", "l4"], ["fp16", "int4"], sort="tokens")
    >>> [(row["hardware"], row["precision"]) for row in found.to_records()][0]
    ('h100-sxm-80gb', 'int4')
    """
    from bitnet_cost.views.compare import chosen

    architectures = [m if isinstance(m, Architecture) else load_model(m) for m in _each(models)]
    named = [h if isinstance(h, Hardware) else load_hardware(h) for h in _each(hardware or catalog.devices())]
    profiles = [profile.with_prices(name) for profile in named for name in _each(prices or "own")]
    wanted = [p if isinstance(p, Precision) else load_precision(p) for p in _each(precisions or COMPARED_PRECISIONS)]
    reference = load_precision(baseline) if isinstance(baseline, str | os.PathLike) else baseline
    decoders = all(model.kind == "decoder" for model in architectures)
    steps = GENERATE_ON_DEVICES if generate is None and decoders else generate
    found = answer(
        architectures, profiles, wanted, Workload(batch, prompt, 1 if steps is None else steps), scope=scope,
        baseline=reference, runtime=runtime, facility=facility, devices=devices, parallel=parallel,
        usual_baseline=COMPARED_PRECISIONS[0], generate_on_devices=GENERATE_ON_DEVICES if steps is None else None,
    )  # fmt: skip
    return Comparison(**vars(chosen(found, sort, where)))


def _each(given: Any) -> list[Any]:
    """One or several, each once."""
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return list({each if isinstance(each, str) else id(each): each for each in several}.values())


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
    with_memory: dict[tuple[str, str, str], float] = {}
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
                with_memory |= _with_memory(cell, row, reference, accumulator)
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
    return Answer(
        tuple(results), accumulated, wider, NOT_COUNTED, accuracy=held, baselines=baselines, with_memory=with_memory
    )


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


def _with_memory(
    cell: _Cell, row: list[Result], reference: Result, accumulator: Accumulator
) -> dict[tuple[str, str, str], float]:
    """What the narrowest precision of a technology node saves with memory traffic, where the scope leaves that out."""
    profile = cell.hardware
    if profile.kind != "technology" or not profile.hierarchy or not reference.joules or reference.scope == "memory":
        return {}
    answered = [r for r in row if r.joules and not r.shape]
    narrowest = min(answered, key=lambda r: r.footprint.total_weight_bits, default=None)
    if narrowest is None or narrowest.precision == reference.precision:
        return {}
    saved = replace(cell, scope="memory").saving(narrowest.precision, reference.precision, accumulator)
    return {} if saved is None else {(cell.architecture.name, profile.name, narrowest.precision.name): saved}


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


def _html(found: Result | Answer) -> str:
    """What a notebook shows: the tables of an answer; of a result over a grid, its records."""
    from bitnet_cost.views.compare import compare_report
    from bitnet_cost.views.html import fragment
    from bitnet_cost.views.report import estimate_report, grid_report

    if isinstance(found, Comparison):
        return fragment(compare_report(found))
    if isinstance(found, Answer):
        return fragment(estimate_report(found))
    if found.shape:
        return fragment(grid_report(found))
    return fragment(estimate_report(Answer((found,), {}, {}, NOT_COUNTED)))


for _shown in (Result, Answer):  # set here, since the floors keep result.py from the views
    setattr(_shown, "_repr_html_", _html)  # noqa: B010
