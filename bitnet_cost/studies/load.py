"""Serving under load by names: which devices of the catalogue serve a load, and how many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.engine.estimate import check_devices, check_scope, measure
from bitnet_cost.engine.kernels import kernel_class
from bitnet_cost.engine.load import over, serve, with_ends, with_runs
from bitnet_cost.engine.load_tables import held
from bitnet_cost.errors import BitnetCostError, MissingPrice, quoted
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import WEAK
from bitnet_cost.inputs.division import shareable
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.load import SECONDS_OF_DAY, Load
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.sweep import Range, parse_axis
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.load import End, LoadResult
from bitnet_cost.numerals import digits, to_digits, with_prefix
from bitnet_cost.readers import catalog, machines
from bitnet_cost.words import Parallel, Scope

DEVICE = "h100-sxm-80gb"
PRECISIONS = ("fp16", "int8", "int4", "bitnet-b1.58")
DRAWN = 120  # rates of a chart


class Terms(NamedTuple):
    """Where a load is served, and how it is priced."""

    runtime: str | None = None
    scope: Scope | None = None
    baseline: str | Precision | None = None
    facility: Facility | None = None
    devices: int | str = "auto"
    parallel: Parallel = "tensor"
    link: str | None = None


def load_of(rate: Any, requests_per_day: float | None, **rest: Any) -> Load:
    """The load from a rate, or from the requests of a day.

    Copies are as many as it takes where a day or a time is asked for, else one.

    Raises:
        BitnetCostError: both, or neither; a number outside of what it can be.
    """
    if (rate is None) == (requests_per_day is None):
        both = "" if rate is None else ", not both"
        raise BitnetCostError(f"rate: give requests per second (--rate) or of a day (--requests-per-day){both}")
    if requests_per_day is not None:
        if not (isinstance(requests_per_day, int | float) and 0 < requests_per_day <= 1e15):
            raise BitnetCostError(f"requests-per-day: {quoted(requests_per_day)} is not a number above 0, up to 1e15")
        rate = requests_per_day * rest.get("peak", 1.0) / SECONDS_OF_DAY
    elif isinstance(rate, str):
        rate = _rates(rate)
    if rest.get("replicas") is None:
        asked = requests_per_day is not None or rest.get("slo_ttft") or rest.get("slo_tpot")
        rest["replicas"] = "auto" if asked else 1
    elif isinstance(rest["replicas"], str) and rest["replicas"].isdigit():
        rest["replicas"] = int(rest["replicas"])
    return Load(rate, requests_per_day=requests_per_day, **rest)


def _rates(text: str) -> Any:
    """One rate, or an axis of them; what is no number is left to `Load`."""
    axis = parse_axis(text)
    if isinstance(axis, dict):
        words = [end for end in (axis["first"], axis["last"]) if isinstance(end, str)]
        return words[0] if words else Range(**axis).values(axis["first"], axis["last"])
    return axis[0] if len(axis) == 1 else axis


def serving(
    model: str | Architecture, hardware: Sequence[str | Hardware], precisions: Sequence[str | Precision], load: Load,
    terms: Terms | None = None,
) -> list[LoadResult]:  # fmt: skip
    """A load served in each precision on each hardware, each against the baseline where one is given.

    Raises:
        BitnetCostError: an unknown name, a technology node, an encoder, a missing price where it is the only one.
    """
    terms = terms or Terms()
    architecture = model if isinstance(model, Architecture) else catalog.model(model)
    if architecture.bidirectional:
        raise BitnetCostError(f"load: {architecture.name} is an encoder and generates no tokens; 'estimate' prices it")
    found: list[LoadResult] = []
    for name in hardware:
        profile = machines.linked(name if isinstance(name, Hardware) else catalog.hardware(name), terms.link)
        if not profile.has_clock:
            raise BitnetCostError(f"hardware: {profile.name!r} is a technology node: it has no clock, so no rate")
        check_scope(profile, terms.scope or profile.default_scope)
        device, software = machines.setting(
            profile, terms.runtime, host=terms.facility.host if terms.facility else None
        )
        given = [each if isinstance(each, Precision) else catalog.precision(each) for each in precisions]
        first = Scenario(
            model=architecture, precision=given[0], hardware=device, runtime=software, workload=Workload(1),
            scope=terms.scope, parallel=terms.parallel, facility=terms.facility,
        )  # fmt: skip
        faults: list[MissingPrice] = []
        results = [_priced(first.but(precision=each), load, terms, faults) for each in given]
        if faults and len(hardware) * len(given) == 1:
            raise faults[0]
        if len(results) > 1 and len(load.rates) == 1:
            results = [replace(r, ends=_ends(r)) for r in results]
        base = _baseline(results, first, load, terms)
        known = {} if software is None else catalog.accuracy().of_load(device.name, software.runtime)
        found += [replace(_saved(with_ends(r), base), errors=known) for r in results]
    return found


def _priced(asked: Scenario, load: Load, terms: Terms, faults: list[MissingPrice]) -> LoadResult:
    """A result, or why it has no price."""
    try:
        return with_runs(_one(asked, load, terms))
    except MissingPrice as fault:
        faults.append(fault)
        full = measure(asked.but(workload=held(asked, load, 1)))
        return LoadResult(asked, load, full, reason=f"no {fault.lacking}")


def _ends(result: LoadResult) -> tuple[End, ...]:
    """What each assumed share of the kernels that its products run in does, alone."""
    runtime = result.scenario.runtime
    if result.steady is None or runtime is None:
        return ()
    classes = {
        kernel_class(op, result.precision, result.hardware)
        for op in result.full.counts.operators
        if op.group == "linear"
    }
    found = []
    for name in sorted(classes & runtime.kernels.keys() - {None}, key=str):
        for share in ("bandwidth", "compute"):
            figure = getattr(runtime.kernels[name], share) if name else None
            if figure is not None and figure.basis in WEAK:
                path = f"kernels.{name}.{share}"
                ends = [serve(result.scenario.at(f"runtime.{path}", end), result.load) for end in
                        (figure.low, figure.high)]  # fmt: skip
                found.append(End(path, (_energy(ends[0]), _energy(ends[1]))))
    return tuple(found)


def _energy(result: LoadResult) -> float:
    served = result.steady is not None and result.stable is not None and bool(result.stable.all())
    return float(result.steady.energy_j[1, 0]) if served and result.steady is not None else float("inf")


def _baseline(results: Sequence[LoadResult], first: Scenario, load: Load, terms: Terms) -> LoadResult:
    """What savings refer to: the baseline given, else 16 bits where they are served, else the first that is."""
    names = {r.precision.name: r for r in results}
    if terms.baseline is None:
        served = {name: r for name, r in names.items() if r.steady is not None} or names
        return next((served[name] for name in ("fp16", "bf16") if name in served), next(iter(served.values())))
    given = terms.baseline if isinstance(terms.baseline, Precision) else catalog.precision(terms.baseline)
    return names.get(given.name) or with_runs(_one(first.but(precision=given), load, terms))


def _saved(result: LoadResult, base: LoadResult) -> LoadResult:
    """The result with what a request saves on the baseline's; on its own, nothing at either end."""
    saving = result.saving_on(base)
    if saving is not None and result.precision.name == base.precision.name:
        saving = np.zeros_like(saving)
    return replace(result, baseline=base.precision.name, saving=saving)


def _one(asked: Scenario, load: Load, terms: Terms) -> LoadResult:
    """One result; of ``auto`` devices the number that serves it with the fewest in all, the first that holds it."""
    devices = terms.devices
    if devices != "auto":
        if isinstance(devices, str):
            if not devices.isdigit():
                raise BitnetCostError(f"devices: {devices!r} is neither a number nor 'auto'")
            devices = int(devices)
        check_devices(asked.hardware, devices)
        if asked.parallel == "data" and devices > 1 and not any(layer.moe for layer in asked.model.layers):
            return _copied(asked, load, devices)
        return _would_keep([serve(asked.but(devices=devices), load)])
    ways = [
        n for n in shareable(asked.model, asked.parallel, padded=asked.pads_heads)
        if n <= asked.hardware.joined_at_most and (load.prefill_devices or 0) % n == 0
    ]  # fmt: skip
    holding = [n for n in ways if _holds(asked.but(devices=n), load)]
    if not holding:
        return serve(asked, load)
    first = serve(asked.but(devices=holding[0]), load)
    if load.replicas != "auto" and first.within:
        return first
    tried = [first, *(serve(asked.but(devices=n), load) for n in holding[1:])]
    kept = [r for r in tried if r.within]
    return min(kept, key=_cards) if kept else _would_keep(tried)


def _copied(asked: Scenario, load: Load, devices: int) -> LoadResult:
    """Deployments of devices with sequences of their own: each is a copy of a model that has no experts."""
    one = asked.but(devices=1)
    if load.replicas != "auto":
        return _would_keep([serve(one, replace(load, replicas=load.replicas * devices))])
    found = serve(one, load)
    if found.replicas is None or not found.within:
        return _would_keep([found])
    whole = int(-(-found.replicas.max() // devices)) * devices
    return serve(one, replace(load, replicas=whole))


def _holds(asked: Scenario, load: Load) -> bool:
    return bool(measure(asked.but(workload=held(asked, load, 1))).fits)


def _cards(result: LoadResult) -> float:
    return float("inf") if result.cards is None else float(result.cards.max())


def _would_keep(tried: Sequence[LoadResult]) -> LoadResult:
    """The first of those that keep no time that was asked for, with what a lone request takes at best."""
    first, load = tried[0], tried[0].load
    if first.within or first.steady is None:
        return first
    best = min((r for r in tried if r.steady is not None), key=lambda r: r.beyond)
    where = "1 device" if best.each == 1 else f"{best.each} devices"
    parts = []
    limits = (("ttft", load.slo_ttft, "to its first token"), ("tpot", load.slo_tpot, "a token"))
    for time, (name, limit, what) in zip(best.alone, limits, strict=True):
        if limit is not None and time > limit:
            least, would = with_prefix(time, "s", 3), digits(to_digits(time * 1.05, 2), 2)
            parts.append(
                f"cannot keep {with_prefix(limit, 's')} {what}: a lone request takes {least} on {where} at"
                f" best; --slo-{name} {would} could be kept"
            )
    return replace(first, reason="; ".join(parts) or "keeps the times asked for at no rate")


def curves(results: Sequence[LoadResult]) -> tuple[list[LoadResult], float | None]:
    """The results over many rates, for charts, and the rate that was asked for; a curve that was asked for is itself.

    Copies are as many as they are, so that the curve ends at the largest rate of all.
    """
    if results[0].points > 1:
        return list(results), None
    ends = [float(r.of_all(r.largest)[0]) for r in results if r.steady is not None]
    rates = np.geomspace(min(ends) / 500, max(ends), DRAWN) if ends else np.ones(1)
    return [over(r, rates) for r in results], float(results[0].load.rates[0])
