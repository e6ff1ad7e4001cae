"""Questions, each on its hardware in its precision, to their answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, get_args

from bitnet_cost.engine.counts import NOT_COUNTED, count_ops
from bitnet_cost.engine.estimate import against, check_devices, check_scope, check_sharing, evaluate
from bitnet_cost.engine.fit import fit, widest
from bitnet_cost.errors import BitnetCostError, MissingPrice, check_word, quoted
from bitnet_cost.garbage import uncollected
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.drafting import MTP, check_draft, own_draft, rounds_of
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import GPUS, Hardware
from bitnet_cost.inputs.offload import parse_offload
from bitnet_cost.inputs.precision import OWN, Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import GENERATE_ON_DEVICES, Scenario, usual_generate
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.answers import Answer, Fit
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog, machines
from bitnet_cost.readers.given import Name, distinct, load_model, loaded
from bitnet_cost.studies.cells import Cell, baseline_in, offload_that_fits, with_what_fits
from bitnet_cost.words import Accumulator, Parallel, Scope

_SCOPES, _ACCUMULATORS, _PARALLEL = (tuple(get_args(words)) for words in (Scope, Accumulator, Parallel))


def with_own(precisions: Sequence[str], models: Sequence[Architecture]) -> list[str]:
    """The usual precisions, and next to FP16 the one that the files of all models are stored in where they have one."""
    if not all(model.checkpoint and model.checkpoint.stored for model in models):
        return list(precisions)
    place = list(precisions).index("fp16") + 1
    return [*precisions[:place], OWN, *precisions[place:]]


def check_options(
    *, scope: Any = None, accumulator: Any = "paper", parallel: Any = "tensor", facility: Any = None,
    runtime: Any = None, devices: int = 1, offload: Any = None,
) -> None:  # fmt: skip
    """Refuse what would be taken for another word further on, or be left unread; ``devices`` go with the hardware.

    Raises:
        BitnetCostError: names the option and what it takes.
    """
    if scope is not None:
        check_word("scope", scope, _SCOPES)
    check_word("accumulator", accumulator, _ACCUMULATORS)
    check_word("parallel", parallel, _PARALLEL)
    parse_offload(offload)
    if facility is not None and not isinstance(facility, Facility):
        raise BitnetCostError(f"facility: {quoted(facility)} is not a Facility; write it as in Facility(pue=1.2)")
    if runtime is not None and (runtime == "" or not isinstance(runtime, str | RuntimeProfile)):
        raise BitnetCostError(f"runtime: {quoted(runtime)} is neither a name nor a runtime")


def drafting_model(draft: Name | Architecture | None, model: Architecture, parallel: str) -> Architecture | None:
    """What drafts tokens for a model.

    Raises:
        BitnetCostError: an unknown name, or a model that cannot.
    """
    if draft is None:
        return None
    found = own_draft(model) if draft == MTP else load_model(draft)
    check_draft(found, model, parallel)
    return found


def scenarios(
    models: Sequence[Architecture],
    hardware: Sequence[Hardware],
    precisions: Sequence[Precision],
    workload: Workload,
    *,
    runtime: str | RuntimeProfile | None = None,
    usual: bool = False,
    draft: Name | Architecture | None = None,
    accept: float | None = None,
    draft_tokens: int | None = None,
    **common: Any,
) -> list[Scenario]:
    """Every model on every hardware in every precision, in this order.

    Args:
        models: loaded, as hardware and precisions are.
        hardware: without the constants that measured rows give it.
        precisions: innermost.
        workload: of all.
        runtime: software on the devices; each one's default if left out.
        usual: decoders on devices generate the usual number of tokens instead of the workload's.
        draft: what drafts tokens, see `estimate`.
        accept: probability that a drafted token is accepted.
        draft_tokens: drafted in each round.
        common: other fields of every `Scenario`, as ``scope`` and ``devices``.

    Raises:
        BitnetCostError: names in the place of inputs, two inputs of one name, bad options, devices that nothing joins.
    """
    check_options(runtime=runtime, **common)
    models = distinct("models", loaded("models", models, Architecture))
    hardware = distinct("hardware", loaded("hardware", hardware, Hardware))
    precisions = distinct("precisions", loaded("precisions", precisions, Precision))
    if not isinstance(workload, Workload):
        raise BitnetCostError("workload: is a Workload; 'compare' takes its parts")
    if draft is not None or accept is not None or draft_tokens is not None:
        workload = replace(workload, speculative=rounds_of(draft, accept, draft_tokens))
    drafts = {model.name: drafting_model(draft, model, common.get("parallel", "tensor")) for model in models}
    longer = replace(workload, generate=GENERATE_ON_DEVICES) if usual else workload
    for profile in hardware:
        check_devices(profile, common.get("devices", 1))
        check_scope(profile, common.get("scope") or profile.default_scope)
    site = common.get("facility")
    host = None if site is None else site.host
    settings = [machines.setting(profile, runtime, common.get("offload"), host) for profile in hardware]
    found = [
        Scenario.of(
            model=model, precision=precision, hardware=device, runtime=software,
            workload=longer if usual_generate(model, device) > 1 else workload,
            draft=drafts[model.name], **common,
        )
        for model in models for device, software in settings for precision in precisions
    ]  # fmt: skip
    check_sharing(found)
    return found


@uncollected()
def answer(asked: Sequence[Scenario], *, baseline: Precision | None = None) -> Answer:
    """The answer to every scenario, those of one model and hardware side by side and alike but for their precision.

    `scenarios` makes them. Savings refer to the baseline of a model and hardware.

    Of several cells, one without a price is a result with its ``reason`` and no energy; where the baseline has none
    on some hardware, the results there have their ``reason`` and no saving.
    The baseline is the one given, else FP32 on technology nodes and FP16 on devices (BF16 where that is asked for and
    FP16 is not), else the widest precision that has an energy.

    Raises:
        BitnetCostError: bad input, or MissingPrice where the only cell or its baseline has no price.
    """
    asked = loaded("scenarios", asked, Scenario)
    if not isinstance(baseline, Precision | None):
        raise BitnetCostError("baseline: is a loaded precision; 'compare' takes names")
    results: list[Result] = []
    faults: list[MissingPrice] = []
    baselines: dict[tuple[str, str], Result] = {}
    counted: dict[tuple[str, int], OpCounts] = {}
    for place, members in groupby(asked, lambda one: (one.model.name, one.hardware.name)):
        first, *others = members
        work = (first.model.name, id(first.workload))
        counts = counted[work] = counted.get(work) or count_ops(first.model, first.workload)
        cell = Cell(first, counts)
        row = [cell.refused_or_priced(one, faults) for one in (first, *others)]
        reference = baseline_in(cell, row, baseline, faults)
        if reference is not None:
            baselines[place] = reference
        for result in row:
            if result.draft is not None and result.has_energy:
                result = replace(result, plain=evaluate(result.scenario.plain))  # noqa: PLW2901
            if not result.has_energy and result.fits is not None and not result.fits:
                result = with_what_fits(cell, result)  # noqa: PLW2901
            results.append(against(result, reference) if reference and result.has_energy else result)
    if faults and len(results) == 1:
        raise faults[0]
    run_on = {(r.hardware.name, r.runtime.runtime): (r.hardware, r.runtime) for r in results if r.runtime}
    held = {
        names: catalog.accuracy().of(*names) if machines.is_shipped(*pair) else {} for names, pair in run_on.items()
    }
    unmeasured = any(
        r.runtime and not held.get((r.hardware.name, r.runtime.runtime)) and r.hardware.device_class in GPUS
        for r in results
    )
    known = catalog.ranges() if unmeasured else None
    return Answer(
        tuple(results), NOT_COUNTED, accuracy=held, baselines=baselines,
        left_out={} if known is None else known.errors.classes,
        asked_baseline=None if baseline is None else baseline.name,
    )  # fmt: skip


def fitting(asked: Sequence[Scenario]) -> list[Fit]:
    """What fits each device in each precision.

    Raises:
        BitnetCostError: a technology node, which has no memory to fit.
    """
    found = [fit(one) for one in _with_capacity(asked)]
    return [f if f.result.fits else replace(f, offload=offload_that_fits(f.result.scenario)) for f in found]


def fitting_models(asked: Sequence[Scenario]) -> list[Result]:
    """Of each model on each device the widest precision that fits, or the one that needs least where none does.

    Raises:
        BitnetCostError: a technology node, which has no memory to fit.
    """
    cells: dict[tuple[str, str], list[Scenario]] = {}
    for one in _with_capacity(asked):
        cells.setdefault((one.hardware.name, one.model.name), []).append(one)
    return [widest(cell) for cell in cells.values()]


def _with_capacity(asked: Sequence[Scenario]) -> list[Scenario]:
    """Scenarios on devices; encoders generate nothing."""
    node = next((one.hardware.name for one in asked if not one.hardware.has_clock), None)
    if node is not None:
        raise BitnetCostError(f"{node!r} is a technology node: it has no capacity that a model could fit")
    return [one.but(workload=replace(one.workload, generate=1)) if one.model.bidirectional else one for one in asked]
