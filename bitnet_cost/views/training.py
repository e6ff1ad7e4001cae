"""What training costs, in words, tables and records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bitnet_cost import __version__
from bitnet_cost.inputs.accuracy import ALL
from bitnet_cost.inputs.cited import WEAK
from bitnet_cost.ledger.contract import saving
from bitnet_cost.ledger.intervals import HEADING, MOVED, RANGES, surely_more
from bitnet_cost.ledger.training import StepSpread, TrainingResult
from bitnet_cost.numerals import (
    change_range,
    change_words,
    figures_of,
    prefix_of,
    range_of,
    short_count,
    signed_change,
    whole_percent,
    with_commas,
    with_prefix,
)
from bitnet_cost.tables import Look, Note, Report, Table, headed
from bitnet_cost.views.effects import classes_met, met
from bitnet_cost.views.records import SCHEMA
from bitnet_cost.views.verdict import hardware_name, listed

ONE_BIT = ("binary", "ternary")
NOT_COUNTED = (
    "reading and shuffling data, checkpoints, evaluation, restarts after faults",
    "clipping and norms of gradients",
    "network switches and storage",
)


def uncounted(results: Sequence[TrainingResult]) -> list[str]:
    """What no figure of the answer holds."""
    return [*NOT_COUNTED, *([] if results[0].hardware.housed else ["hosts (--host)"])]


def record(result: TrainingResult) -> dict[str, Any]:
    """A result as programs read it; what cannot be computed is null."""
    return result.to_records()[0]


def document(results: Sequence[TrainingResult], spreads: Sequence[StepSpread | None] = ()) -> dict[str, Any]:
    """The answer as one JSON document, with all that went in."""
    first = results[0]
    drawn = {"spreads": [each and each._asdict() for each in spreads]} if spreads else {}
    runtimes = {r.runtime.name: r.runtime.model_dump(exclude_none=True) for r in results if r.runtime}
    return {
        "schema": SCHEMA, "version": __version__, "records": [record(r) for r in results], **drawn,
        "ranges": [_ranges(r) for r in results],
        "counts": [_counts(r) for r in results],
        "inputs": {
            "model": first.model.model_dump(exclude_none=True, exclude_defaults=True),
            "precisions": {r.precision.name: r.precision.model_dump(exclude_none=True) for r in results},
            "hardware": {r.hardware.name: r.hardware.model_dump(exclude_none=True) for r in results},
            "runtimes": runtimes,
        },
        "not_counted": uncounted(results),
    }  # fmt: skip


def _ranges(r: TrainingResult) -> dict[str, Any]:
    """What the ends of its energies are, and the ranges of its time and of what the whole run emits and costs."""
    low, high = (None, None) if r.time is None else (float(r.time[0]), float(r.time[2]))
    found = {"energy": RANGES[r.factors("energy") is not None], "step_low_s": low, "step_high_s": high}
    for name, unit, times, bounds in zip(("carbon", "cost"), ("kg", "usd"), (1e-3, 1.0), r.charged, strict=True):
        if bounds is not None:
            found |= {f"{name}_{end}_{unit}": float(bounds[at, 0]) * times for end, at in (("low", 0), ("high", 2))}
    return found


def _counts(result: TrainingResult) -> dict[str, Any]:
    """MACs of a step on all devices: what the model needs, and what is repeated to save memory."""
    counts = result.counts
    return {
        "hardware": result.hardware.name, "precision": result.precision.name, "counting": result.plan.counting,
        "forward_mac": round(counts.forward),
        "backward_mac": round(counts.model - counts.forward), "recomputed_mac": round(counts.run - counts.model),
    }  # fmt: skip


def report(results: Sequence[TrainingResult], spreads: Sequence[StepSpread | None] = ()) -> Report:
    """The verdict, a row for each result, memory by part, notes."""
    first = results[0]
    plan, name = first.plan, first.model.title or first.model.name
    work = f"{with_commas(plan.seq)} tokens a sequence, micro-batch {plan.micro_batch}"
    work += f", global batch {with_commas(plan.global_batch)}"
    lora = f", LoRA of rank {plan.lora}" if plan.lora else ""
    title = f"{name}, training: {work}{lora}"
    tables = [_steps(results, title)]
    if any(r.capacity for r in results):
        tables.append(_memory(results))
    details = [_phases(results)] if any(r.seconds for r in results) else []
    return Report(
        title,
        _sentence(results),
        tuple(tables),
        (*_drawn(results, spreads), *_notes(results)),
        _also(results),
        tuple(details),
    )


def _ranked(results: Sequence[TrainingResult]) -> list[TrainingResult]:
    """Results with an energy, the least for a token first; 1-bit training has a sentence of its own."""
    priced = [r for r in results if r.energy is not None]
    wide = [r for r in priced if r.form.quantised not in ONE_BIT]
    return sorted(wide or priced, key=lambda r: _per_token(r)[1])


def _per_token(r: TrainingResult) -> tuple[float, float, float]:
    """Least, nominal and most energy of a token.  [J]"""
    low, nominal, high = (float(e) / r.plan.step_tokens for e in r.energy or (0.0, 0.0, 0.0))
    return low, nominal, high


def _shown(results: Sequence[TrainingResult]) -> TrainingResult:
    """The result that the first line is of: what needs least energy."""
    return next(iter(_ranked(results)), results[0])


def _lead(results: Sequence[TrainingResult]) -> list[str]:
    """By how much the result of the first line leads the next precision on its hardware, and other hardware."""
    if not (ranked := _ranked(results)):
        return []
    first = ranked[0]
    rival = next((r for r in ranked[1:] if r.hardware.name == first.hardware.name), None)
    other = next((r for r in ranked if r.hardware.name != first.hardware.name), None)
    parts = (
        [] if rival is None else [_over(first, rival, "Of those asked" if other is None else "Of those asked there")]
    )
    if other is not None:
        elsewhere = f"{other.precision.name} {_at(other)}"
        if not surely_more(_per_token(other), _per_token(first)):
            parts.append(f"Whether {elsewhere} needs more is undecided")
        else:
            more = change_words(_per_token(other)[1] / _per_token(first)[1] - 1)
            parts.append(f"{elsewhere} needs {more} energy")
    return [part for part in parts if part]


def _at(r: TrainingResult) -> str:
    return f"{'on the' if r.hardware.has_clock else 'at'} {hardware_name(r.hardware)}"


def _over(first: TrainingResult, rival: TrainingResult, among: str) -> str:
    """By how much one needs less than another on its hardware, every price moved on both sides at once."""
    if first.ledger is None or rival.ledger is None:
        return ""
    low, nominal, high = saving(first.ledger, rival.ledger, first.scope)[:, 0].tolist()
    if low <= 0 <= high:
        return f"Its energy and that of {rival.precision.name} cannot be told apart"
    text = f"{among} it needs least energy: {change_words(-nominal)} than {rival.precision.name}"
    if first.seconds is None or rival.seconds is None:
        return text
    return f"{text}, and {change_words(first.seconds.total / rival.seconds.total - 1)} time"


def _alike(one: TrainingResult, other: TrainingResult) -> bool:
    """Whether two results are the same one, or have no answer on one hardware for the same reason."""
    return one is other or (one.reason, one.hardware.name) == (other.reason, other.hardware.name)


def _sentence(results: Sequence[TrainingResult]) -> str:
    """Days and energy of the run or of a step, whether it fits, on how many devices it would."""
    r = _shown(results)
    name, plan = r.model.title or r.model.name, r.plan
    name = f"a LoRA of rank {plan.lora} on {name}" if plan.lora else name
    many = hardware_name(r.hardware)
    if r.hardware.has_clock:
        many = f"one {many}" if plan.devices == 1 else f"{with_commas(plan.devices)} x {many}"
    if r.energy is None:
        names = [other.precision.name for other in results if _alike(other, r)]
        return f"{name[:1].upper()}{name[1:]} in {listed(names, 'or')} {r.reason}."
    if r.days is not None and r.run_energy is not None:
        spent = energy_of_run(r.run_energy[1] * r.pue)
        tokens = short_count(plan.tokens or 0)
        return (
            f"Training {name} in {r.precision.name} on {tokens} tokens takes {_duration(r.days)} and {spent} on {many}."
        )
    each = f"{with_prefix(r.energy[1] / plan.step_tokens, 'J', 3)} a token"
    if r.seconds is None:
        spent = "" if r.run_energy is None else f", {energy_of_run(r.run_energy[1])} in all"
        return f"Training {name} in {r.precision.name} needs {each} at {many} (scope {r.scope}){spent}."
    rate = figures_of(plan.step_tokens / r.seconds.total)
    fits = "It fits: " if r.fits else ""
    return (
        f"{fits}training {name} in {r.precision.name} on {many} takes {with_prefix(r.seconds.total, 's', 3)} and"
        f" {with_prefix(r.energy[1], 'J', 3)} a step: {rate} tokens/s, {each}."
    )


def _duration(days: float) -> str:
    """Days of work, less than one in hours."""
    if days < 1:
        return f"{figures_of(days * 24)} hours"
    return f"{figures_of(days)} {'day' if days == 1 else 'days'}"


def energy_of_run(joules: float) -> str:
    """The energy of a run in MWh, a small one in kWh."""
    mwh = joules / 3.6e9
    return f"{figures_of(mwh)} MWh" if mwh >= 1 else f"{figures_of(mwh * 1e3)} kWh"


def _also(results: Sequence[TrainingResult]) -> str:
    """What 1-bit does not save in training, and what does not fit."""
    parts = [*_bill(_shown(results)), *_lead(results)]
    one_bit = [r for r in results if r.form.quantised in ONE_BIT]
    here = _shown(results).hardware.name
    narrow = next((r for r in one_bit if r.hardware.name == here), next(iter(one_bit), None))
    if narrow is not None:
        held = "1-bit saves nothing in training: weights, gradients and moments stay wide, products run in 16 bits"
        base = next((r for r in results if r.form.quantised == "no" and _comparable(r, narrow)), None)
        if base is not None and base.energy and narrow.energy:
            more = narrow.energy[1] / base.energy[1] - 1
            times = change_words(more) if more else "as much"
            than = "energy as" if times.endswith("as much") else "energy than"
            held += f"; {narrow.precision.name} needs {times} {than} {base.precision.name}"
            if narrow.saving is not None and narrow.baseline == base.precision.name and narrow.saving[0] < 0:
                held += f" ({change_range(-narrow.saving[2], -narrow.saving[0])})"
        parts.append(held)
    shown = _shown(results)
    missing = [r for r in results if r.reason is not None and not _alike(r, shown)]
    parts += [f"{r.precision.name} on the {hardware_name(r.hardware)} {r.reason}" for r in missing[:1]]
    return ". ".join(parts) + "." if parts else ""


def _bill(r: TrainingResult) -> list[str]:
    """Emissions and money of the run, where a site was given."""
    parts = []
    if r.carbon is not None:
        tonnes = r.carbon / 1e6
        parts.append(f"{figures_of(tonnes)} t CO2e" if tonnes >= 1 else f"{figures_of(tonnes * 1e3)} kg CO2e")
    if r.cost is not None:
        parts.append(f"{figures_of(r.cost)} USD" + (f" of {r.facility.paid_for}" if r.facility else ""))
    return [f"That is {' and '.join(parts)}"] if parts else []


def _comparable(one: TrainingResult, other: TrainingResult) -> bool:
    """Whether two results differ in what is quantised alone."""
    same = one.form.compute.linear.recipe == other.form.compute.linear.recipe
    return same and one.hardware.name == other.hardware.name and one.plan.step_tokens == other.plan.step_tokens


def _steps(results: Sequence[TrainingResult], title: str) -> Table:
    """A row for each result: time, rate, use, energy."""
    totals = any(r.steps is not None for r in results)
    clock = any(r.hardware.has_clock for r in results)
    measured = any(r.factors("energy") is not None for r in results)
    prefix, scale = prefix_of(min((r.energy[1] / r.plan.step_tokens for r in results if r.energy), default=1.0))
    timed = ("s/step", "tokens/s", "MFU %", "W each") if clock else ()
    heads = ("precision", *timed, f"{prefix}J/token", "vs base", *(("days", "MWh") if totals else (HEADING[measured],)))

    def cells(r: TrainingResult) -> tuple[str, ...]:
        if r.energy is None:
            return ("does not fit",)
        tokens, utilisation, total = r.plan.step_tokens, r.utilisation, r.seconds.total if r.seconds else None
        each = r.energy[1] / total / r.plan.devices if total else None
        rate, used = total and tokens / total, utilisation and 100 * utilisation[0]
        low, nominal, high = (figures_of(e / tokens / scale) for e in r.energy)
        run = r.run_energy
        spent = figures_of(run and run[1] * r.pue / 3.6e9)
        last = (figures_of(r.days), spent) if totals else (f"{low} to {high}",)
        return (*(map(figures_of, (total, rate, used, each)) if clock else ()), nominal, _difference(r), *last)

    return _grouped(title, heads, results, cells)


def _grouped(
    title: str, heads: Sequence[str], results: Sequence[TrainingResult],
    cells: Callable[[TrainingResult], tuple[str, ...]],
) -> Table:  # fmt: skip
    """A table of results, below the name of their hardware where there are several."""
    names = {r.hardware.name: r.plan.devices for r in results}
    unlike = len(set(names.values())) > 1
    rows: list[tuple[str, ...]] = []
    looks = []
    for name, many in names.items():
        if len(names) > 1:
            rows.append((f"{name}, {with_commas(many)} device{'s' * (many != 1)}" if unlike else name,))
            looks.append(Look("head"))
        for r in results:
            if r.hardware.name == name:
                rows.append((f"{'  ' * (len(names) > 1)}{r.precision.name}", *cells(r)))
                looks.append(Look())
    return Table(title, headed(*heads), tuple(rows), looks=tuple(looks))


def _difference(r: TrainingResult) -> str:
    if r.saving is None:
        return "-"
    return "base" if r.baseline == r.precision.name else signed_change(-r.saving[1])


def _memory(results: Sequence[TrainingResult]) -> Table:
    """Memory by part on the device that holds most."""
    heads = ("precision", "weights", "gradients", "optimizer", "activations", "peak GB", "of GB", "fits")

    def cells(r: TrainingResult) -> tuple[str, ...]:
        m = r.memory
        parts = (m.weights, m.gradients, m.optimizer, m.kept, m.peak, r.capacity)
        return (*(figures_of(None if b is None else b / 1e9) for b in parts), "yes" if r.fits else "no")

    devices = [r for r in results if r.capacity is not None]
    return _grouped("Memory of the device that holds most, GB", heads, devices, cells)


def _phases(results: Sequence[TrainingResult]) -> Table:
    """Seconds of a step by phase."""
    heads = ("precision", "forward", "backward", "optimizer", "exchange", "bubble", "step")

    def cells(r: TrainingResult) -> tuple[str, ...]:
        return () if r.seconds is None else tuple(map(figures_of, (*r.seconds, r.seconds.total)))

    return _grouped("Seconds of a step by phase", heads, [r for r in results if r.seconds is not None], cells)


def _drawn(results: Sequence[TrainingResult], spreads: Sequence[StepSpread | None]) -> list[Note]:
    """How far each result scatters over its draws."""
    found = []
    for r, spread in zip(results, spreads, strict=False):
        if spread is None:
            continue
        low, middle, high = spread.energy_step_j
        each = f"{range_of(low, high, middle)} {prefix_of(middle)[0]}J"
        time = ""
        if spread.step_s is not None:
            low, middle, high = spread.step_s
            time = f" and {range_of(low, high, middle)} {prefix_of(middle)[0]}s"
        where = f"{r.precision.name} on {r.hardware.name}"
        many, of = with_commas(spread.draws), "what measured steps were off by" if spread.measured else "every figure"
        found.append(
            Note(
                "spread",
                f"{where}: {each}{time} a step in 90 % of {many} draws of {of}.",
            )
        )
    return found


def _notes(results: Sequence[TrainingResult]) -> list[Note]:
    first = _shown(results)
    plan, runtime = first.plan, first.runtime
    notes = []
    if runtime is not None:
        weak = sorted(
            {f"{name}.{what}" for name, kernel in runtime.kernels.items() for what in ("bandwidth", "compute")
             if (figure := getattr(kernel, what)) is not None and figure.basis in WEAK}
        )  # fmt: skip
        text = f"Runtime {runtime.name}: {runtime.title}."
        notes.append(Note("runtime", f"{text} {len(weak)} of its shares are assumed." if weak else text))
    others = [r for r in results if r.reason is not None and not _alike(r, first)]
    notes += [Note("fit", f"{r.precision.name} on {r.hardware.name} {r.reason}.") for r in others]
    notes.append(Note("states", _states(first)))
    if plan.devices > 1 or plan.tokens:
        parts = f"dp {plan.dp}, tp {plan.tp}, pp {plan.pp}, cp {plan.cp}, ep {plan.ep}, ZeRO {plan.zero}"
        batches = f"{with_commas(plan.micro_batches)} micro-batches, {with_commas(plan.step_tokens)} tokens in a step"
        notes.append(Note("plan", f"{parts}; {batches}.{_network(first)}"))
    if first.facility is not None and plan.tokens is None:
        notes.insert(0, Note("totals", "Emissions and money are of a whole run: give its --tokens."))
    longest = first.model.max_positions
    if longest is not None and plan.seq > longest:
        notes.append(Note("positions", f"{first.model.name} was made for {with_commas(longest)} positions."))
    if first.capped:
        limit = first.hardware.device_power.cap
        text, watts = "The board's limit of power stretches the step", record(first)["power_w"]
        if limit is not None and watts is not None and watts > limit.value * first.plan.devices:
            text += "; what links draw is not held by it and comes on top"
        notes.append(Note("cap", f"{text}."))
    for r in results:
        if r.saving is not None and r.baseline != r.precision.name:
            low, high = -r.saving[2], -r.saving[0]
            where = f" {_at(r)}" if len({each.hardware.name for each in results}) > 1 else ""
            text = f"{r.precision.name} against {r.baseline}{where}: {change_range(low, high)} energy"
            notes.append(Note("range", f"{text}, {MOVED[r.factors('energy') is not None]}."))
    if runtime is not None:
        notes.append(Note("measured", _held(first, runtime.name)))
    if plan.counting == "traced":
        ahead, behind = (
            with_commas(macs) for macs in (first.counts.forward, first.counts.model - first.counts.forward)
        )
        notes.append(Note("counting", f"Counting traced: {ahead} MACs forward and {behind} backward in a step."))
    pairs = "every score of attention, masked or not" if plan.counting == "traced" else "attention causal"
    text = f"MFU counts products once forward and twice backward, {pairs}, over the peak of the format computed in"
    notes.append(Note("mfu", f"{text}; what is recomputed counts in HFU."))
    notes.append(Note("not-counted", f"Not counted: {'; '.join(uncounted(results))}."))
    return notes


_HELD = {
    "training-time-own": "time on one or two GPUs", "training-time-dense": "time of dense models as published",
    "training-time-moe": "time of mixtures of experts as published", "training-energy-own": "energy",
    "training-energy-node": "energy of whole nodes", "training-memory-own": "memory",
    "training-memory-published": "memory as published",
}  # fmt: skip


def _held(r: TrainingResult, runtime: str) -> str:
    """How far off the model was on measured steps of the device and runtime, else on those of all."""
    experts = any(layer.moe for layer in r.model.layers)
    every = [name for name in r.errors if name.startswith(ALL)]
    parts = []
    for name, what in _HELD.items():
        found = r.errors.get(f"{ALL}{name}" if every else name)
        if found and (experts or not name.endswith("-moe")):
            parts.append(met(what, found))
    if not every:
        return f"On {r.hardware.name} with {runtime} the model meets steps measured: {classes_met(parts, 3)}"
    text = f"No measured step of {r.hardware.name} with {runtime} is scored"
    return f"{text}; on others the model meets {classes_met(parts, 3)}" if parts else f"{text}."


def _network(r: TrainingResult) -> str:
    """Which link joins nodes, where a step needs one."""
    link = r.hardware.interconnect
    return "" if link is None or r.plan.devices <= link.devices else f" Between nodes: {r.between}."


def _states(r: TrainingResult) -> str:
    """Which bytes a parameter has."""
    if r.plan.lora is not None:
        held = r.form.stored.name if r.form.stored is not None else "16 bits"
        share = whole_percent(r.trained / r.parameters)
        return f"The base is frozen in {held}; adapters of rank {r.plan.lora} are trained, {share} of the parameters."
    if r.form.wide:
        kind = "weights, gradients and moments in FP32"
    elif r.plan.master == "none":
        kind = "16-bit weights and gradients without a wide master"
    elif r.runtime is None or r.runtime.weights_wide:
        kind = "FP32 weights cast on each pass"
    else:
        summed = "16" if r.runtime.gradient_bytes < 4 else "32"
        kind = f"16-bit weights beside FP32 masters, gradients summed in {summed} bits"
    return f"States: {kind}; {r.plan.optimizer}."
