"""Training by names: models, hardware, precisions of the catalogue, and the plan that follows from what is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from bitnet_cost.engine import training
from bitnet_cost.engine.training_fit import MOST, Tried, lighter_plan, smallest_plan
from bitnet_cost.errors import BitnetCostError, either
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.training import Plan, TrainingRuntime, plan_of, tf32, tokens_of, training_format
from bitnet_cost.ledger.contract import saving
from bitnet_cost.ledger.intervals import ratio_of, saved_within
from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.numerals import with_commas
from bitnet_cost.readers import catalog, machines
from bitnet_cost.words import Scope

ON_DEVICES, ON_NODES = ("bf16", "bitnet-b1.58"), ("fp32", "bf16", "bitnet")
DEVICE = "h100-sxm-80gb"
BETWEEN_NODES = "infiniband-ndr"
SEVERAL_NODES = 16  # devices; beyond them recomputation is tried too
LORA = 16  # the rank that is tried where nothing else is given


def precision(name: str | Precision) -> Precision:
    """A precision by name or file, TF32 among them, which only products of training have."""
    if isinstance(name, Precision):
        return name
    return tf32() if name.lower() == "tf32" else catalog.precision(name)


class Terms(NamedTuple):
    """How training is priced, and where."""

    runtime: str | None = None
    scope: Scope | None = None
    baseline: str | Precision | None = None
    facility: Facility | None = None
    link: str | None = None
    between: str | None = None


def train(
    model: str | Architecture, hardware: Sequence[str | Hardware] = (DEVICE,),
    precisions: Sequence[str | Precision] = (), terms: Terms | None = None, devices: int | str | None = None,
    **plan: Any,
) -> list[TrainingResult]:  # fmt: skip
    """Training steps of one model in each precision on each hardware, each against the baseline's.

    ``plan`` are fields of `Plan`; ``devices`` may be ``auto``: the fewest that hold it.

    Raises:
        BitnetCostError: an unknown name, numbers that exclude one another, a format without gradients.
    """
    terms = terms or Terms()
    architecture = model if isinstance(model, Architecture) else catalog.model(model)
    if plan.get("tokens") is not None:
        plan["tokens"] = tokens_of(plan["tokens"])
    found: list[TrainingResult] = []
    for name in hardware:
        profile = profile_of(name, terms.link, terms.facility.host if terms.facility else None)
        names = precisions or (ON_DEVICES if profile.has_clock else ON_NODES)
        given = [architecture.own(precision(each)) for each in names]
        formats = list({each.name: each for each in given}.values())
        auto, ep = devices == "auto", 1 if plan.get("ep") is None else plan["ep"]
        if auto and plan.get("dp") is None:  # the plan to begin with is too small for experts that are spread
            plan_of(dp=ep if type(ep) is int and ep > 0 else 1, ep=ep).check(architecture)
            asked = _plan(architecture, devices, plan | {"ep": 1})
        else:
            asked, ep = (made := _plan(architecture, devices, plan)), made.ep
        software = machines.training_software(profile, terms.runtime, several=asked.devices > 1 or auto)
        place = _Place(architecture, profile, software, asked, auto, ep)
        results = [_one(place, each, terms) for each in formats]
        against = formats[0] if len(formats) > 1 else None
        against = against if terms.baseline is None else architecture.own(precision(terms.baseline))
        base = next((r for r in results if against is not None and r.precision.name == against.name), None)
        if base is None and against is not None:
            base = _one(place, against, terms)
        found += [_saved(r, base) for r in results]
    return found


class _Place(NamedTuple):
    """A model on hardware, with a plan."""

    model: Architecture
    profile: Hardware
    software: TrainingRuntime | None
    plan: Plan
    auto: bool
    ep: int  # devices that experts are spread over, of a plan that is to be found


def _plan(model: Architecture, devices: int | str | None, given: dict[str, Any]) -> Plan:
    """The plan; a sequence is 2,048 tokens where none is given, or as many as the model was made for."""
    if isinstance(devices, str) and devices != "auto":
        if not devices.isdigit():
            raise BitnetCostError(f"devices: {devices!r} is neither a number nor 'auto'")
        devices = int(devices)
    if given.get("seq") is None:
        given = given | {"seq": usual_seq(model)}
    many = None if devices == "auto" else devices
    return plan_of(devices=many, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]


def profile_of(name: str | Hardware, link: str | None = None, host: str | None = None) -> Hardware:
    """Hardware by name, as its measured rows have it; ``link`` joins several, ``host`` is the server around them."""
    found = machines.linked(name if isinstance(name, Hardware) else catalog.hardware(name), link)
    return machines.trainer(found, host) if found.has_clock else found


def half_format(hardware: Hardware) -> str:
    """The 16-bit format that hardware trains in."""
    return "bf16" if hardware.has_clock or "mul.bf16" in hardware.actions else "fp16"


def usual_seq(model: Architecture) -> int:
    """Tokens of a sequence where none are given: 2,048, or as many as the model was made for."""
    return min(2048, model.max_positions or 2048)


def _one(place: _Place, asked: Precision, terms: Terms) -> TrainingResult:
    """One result; where it does not fit, its reason names the fewest devices on which it would."""
    model, profile, software, plan, auto, ep = place
    form = training_format(asked, lora=plan.lora, half=half_format(profile))
    if auto and software is not None:
        plan.check(model)
        smallest = smallest_plan(model, form, profile, software, plan, ep)
        if smallest is None:
            again = _smallest(Tried(model, form, profile, software), plan, ep)
            why = f"devices: no plan of up to {with_commas(MOST)} {profile.name} holds {model.name}"
            raise BitnetCostError(why if again is None else f"{why}; take --recompute full")
        plan = smallest
    name, between = catalog.link(terms.between or BETWEEN_NODES)
    found = training.train(model, asked, form, profile, software, plan, terms.scope, between, terms.facility)
    errors = catalog.accuracy().of_training(profile.name, software.name) if software is not None else {}
    found = replace(found, between=name, errors=errors)
    if found.reason is not None and software is not None:
        more = _would_fit(Tried(model, form, profile, software), asked, plan, terms.runtime)
        found = replace(found, reason=f"{found.reason}; {more}")
    return found


def _would_fit(tried: Tried, asked: Precision, plan: Plan, runtime: str | None) -> str:
    """What would hold a step that does not fit: more devices, or on those given a change of the plan, or adapters."""
    several = tried._replace(runtime=catalog.training_runtime(runtime or machines.SEVERAL))
    change = lighter_plan(tried, plan)
    ways = [] if change is None else [" ".join(f"--{k.replace('_', '-')} {v}" for k, v in change.items())]
    for name in dict.fromkeys((asked.name, "nf4-double") if plan.lora is None else ()):
        form = training_format(precision(name), lora=LORA, half=half_format(tried.hardware))
        if tried._replace(form=form).holds(replace(plan, lora=LORA)):
            ways.append(f"--lora {LORA}" + (f" -p {name}" if name != asked.name else ""))
            break
    here = either(ways) if ways else ""
    alone = replace(plan, devices=plan.cp, dp=1, tp=1, pp=1, ep=1, virtual_stages=1)
    smallest = _smallest(several, alone, plan.ep)
    if smallest is None:
        return f"{here} would hold it" if here else f"no plan of up to {with_commas(MOST)} such devices would hold it"
    options = layout(smallest) + (" --recompute full" if smallest.recompute != plan.recompute else "")
    if smallest.devices <= plan.devices:
        return f"{here or f'--devices {smallest.devices}{options}'} would hold it"
    given = "this one" if plan.devices == 1 else "those given"
    text = f"{with_commas(smallest.devices)} such devices would hold it{' with' if options else ''}{options}"
    return f"{text}, {given} with {here}" if here else text


def _smallest(tried: Tried, plan: Plan, ep: int) -> Plan | None:
    """The plan with fewest devices; with full recomputation where that takes less than half as many."""
    found = smallest_plan(*tried, plan, ep)
    if plan.recompute == "full" or (found is not None and found.devices <= SEVERAL_NODES):
        return found
    again = smallest_plan(*tried, replace(plan, recompute="full"), ep)
    return again if again is not None and (found is None or again.devices * 2 < found.devices) else found


def layout(plan: Plan) -> str:
    """The options of a plan that are not 1, as they are typed."""
    parts = [f" --{name} {getattr(plan, name)}" for name in ("tp", "pp", "cp", "ep") if getattr(plan, name) > 1]
    return "".join(parts) + (f" --zero {plan.zero}" if plan.zero else "")


def _saved(result: TrainingResult, base: TrainingResult | None) -> TrainingResult:
    """The result with what it saves on the baseline; tokens of a step may differ, so a token is compared."""
    if base is None:
        return result
    if result is base or result.precision.name == base.precision.name:
        known = result.ledger is not None
        return replace(result, baseline=base.precision.name, saving=(0.0, 0.0, 0.0) if known else None)
    if result.ledger is None or base.ledger is None or result.plan.step_tokens != base.plan.step_tokens:
        return replace(result, baseline=base.precision.name)
    low, nominal, high = saving(result.ledger, base.ledger, result.scope)[:, 0].tolist()
    one, other = result.factors("energy"), base.factors("energy")
    if result.ranges is not None and one is not None and other is not None:
        low, nominal, high = saved_within(nominal, ratio_of(one, other, result.ranges.shared)).tolist()
    return replace(result, baseline=base.precision.name, saving=(low, nominal, high))
