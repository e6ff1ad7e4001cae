"""Training by names: models, hardware, precisions of the catalogue, and the plan that follows from what is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from bitnet_cost.engine import training
from bitnet_cost.engine.training_fit import MOST, smallest_plan
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.training import Plan, TrainingRuntime, plan_of, tf32, training_format
from bitnet_cost.ledger.contract import saving
from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.numerals import with_commas
from bitnet_cost.readers import catalog
from bitnet_cost.words import Scope

ON_DEVICES, ON_NODES = ("bf16", "bitnet-b1.58"), ("fp32", "bf16", "bitnet")
DEVICE = "h100-sxm-80gb"
BETWEEN_NODES = "infiniband-ndr"


def precision(name: str) -> Precision:
    """A precision by name or file, TF32 among them, which only products of training have."""
    return tf32() if name.lower() == "tf32" else catalog.precision(name)


class Terms(NamedTuple):
    """How training is priced, and where."""

    runtime: str | None = None
    scope: Scope | None = None
    baseline: str | None = None
    facility: Facility | None = None
    link: str | None = None


def train(
    model: str, hardware: Sequence[str] = (DEVICE,), precisions: Sequence[str] = (), terms: Terms | None = None,
    devices: int | str | None = None, **plan: Any,
) -> list[TrainingResult]:  # fmt: skip
    """Training steps of one model in each precision on each hardware, each against the baseline's.

    ``plan`` are fields of `Plan`; ``devices`` may be ``auto``: the fewest that hold it.

    Raises:
        BitnetCostError: an unknown name, numbers that exclude one another, a format without gradients.
    """
    terms = terms or Terms()
    architecture = catalog.model(model)
    found: list[TrainingResult] = []
    for name in hardware:
        profile = catalog.linked(catalog.hardware(name), terms.link)
        profile = catalog.setting(profile, None)[0] if profile.has_clock else profile
        names = list(dict.fromkeys(precisions or (ON_DEVICES if profile.has_clock else ON_NODES)))
        asked = _plan(architecture.max_positions, devices, plan)
        place = _Place(
            architecture,
            profile,
            _software(profile, terms.runtime, asked.devices > 1 or devices == "auto"),
            asked,
            devices == "auto",
        )
        results = [_one(place, architecture.own(precision(p)), terms) for p in names]
        against = terms.baseline or (names[0] if len(names) > 1 else None)
        base = next((r for r in results if r.precision.name == against), None)
        if base is None and against is not None:
            base = _one(place, architecture.own(precision(against)), terms)
        found += [_saved(r, base) for r in results]
    return found


class _Place(NamedTuple):
    """A model on hardware, with a plan."""

    model: Architecture
    profile: Hardware
    software: TrainingRuntime | None
    plan: Plan
    auto: bool


def _plan(longest: int | None, devices: int | str | None, given: dict[str, Any]) -> Plan:
    """The plan; a sequence is 2,048 tokens where none is given, or as many as the model was made for."""
    if isinstance(devices, str) and devices != "auto":
        if not devices.isdigit():
            raise BitnetCostError(f"devices: {devices!r} is neither a number nor 'auto'")
        devices = int(devices)
    if given.get("seq") is None:
        given = given | {"seq": min(2048, longest or 2048)}
    many = None if devices == "auto" else devices
    return plan_of(devices=many, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]


def _software(profile: Hardware, runtime: str | None, several: bool) -> TrainingRuntime | None:
    if not profile.has_clock:
        if runtime is not None:
            raise BitnetCostError(f"runtime: {profile.name!r} is a technology node; no software runs on it")
        return None
    return catalog.training_runtime(runtime or ("megatron" if several else "eager"))


def _one(place: _Place, asked: Precision, terms: Terms) -> TrainingResult:
    """One result; where it does not fit, its reason names the fewest devices on which it would."""
    model, profile, software, plan, auto = place
    half = "bf16" if profile.has_clock or "mul.bf16" in profile.actions else "fp16"
    form = training_format(asked, lora=plan.lora, half=half)
    if auto and software is not None:
        plan.check(model)
        smallest = smallest_plan(model, form, profile, software, plan)
        if smallest is None:
            raise BitnetCostError(f"devices: no plan of up to {with_commas(MOST)} {profile.name} holds {model.name}")
        plan = smallest
    between = catalog.links().links[BETWEEN_NODES]
    found = training.train(model, asked, form, profile, software, plan, terms.scope, between, terms.facility)
    if found.reason is None or software is None:
        return found
    smallest = smallest_plan(model, form, profile, software, plan)
    if smallest is None:
        return found
    if smallest.devices <= plan.devices:
        return replace(found, reason=f"{found.reason}; --devices {smallest.devices}{layout(smallest)} would hold it")
    many = f"{with_commas(smallest.devices)} such devices would hold it with{layout(smallest)}"
    return replace(found, reason=f"{found.reason}; {many}")


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
    return replace(result, baseline=base.precision.name, saving=(low, nominal, high))
