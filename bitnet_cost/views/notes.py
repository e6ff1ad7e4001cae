"""The notes below the tables: what changes an answer, what supports it, what it leaves out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bitnet_cost.errors import MissingPrice
from bitnet_cost.inputs.cited import WEAK, Same
from bitnet_cost.inputs.precision import OWN
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.intervals import RANGES, carbon_interval, cost_interval, is_measured
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import (
    brief,
    change_words,
    digits,
    grouped_digits,
    percent,
    span,
    whole_percent,
    with_commas,
    with_prefix,
)
from bitnet_cost.tables import Note, distinct
from bitnet_cost.told import Array
from bitnet_cost.views import drafting, effects, honesty, quality, ranges
from bitnet_cost.views.effects import classes_met, limited, met
from bitnet_cost.views.verdict import Verdict, filled, listed, precision_name, than

# Codes of notes, those first that change most how the numbers are to be read; others follow in their order.
ORDER = (
    "positions", "draft", "load", "busy", "facility", "turned", "refused", "power", "left-out", "file", "caveat",
    "band", "time-ends", "tornado", "signs", "substitute", "accumulator", "papers", "beyond", "measured",
    "differences", "quality",
)  # fmt: skip
OF_ONE_CELL = {"caveat", "refused", "facility", "battery", "busy"}
"""Codes of the notes that are of one cell each."""
TURNED = 2  # figures that are named with what they decide between
MEASURED = 3  # devices whose errors have a note each
CELLS = 8  # from more cells on, notes that are of one cell each are left out


def notes(answer: Answer, verdict: Verdict | None = None) -> tuple[Note, ...]:
    """The notes below the tables, in order of how much they change the reading, each text once."""
    found = [*(_of_verdict(verdict) if verdict else ()), *ranges.range_notes(answer), *_of_answer(answer)]
    undecided = verdict is not None and any(d is not None and d.undecided for d in verdict.differences)
    found += [*honesty.explained(answer.results, undecided), honesty.closing(answer)]
    if len(answer.results) > CELLS:
        found = [note for note in found if note.code not in OF_ONE_CELL]
    places = {code: i for i, code in enumerate(ORDER)}
    return tuple(sorted(distinct(note for note in found if note.text), key=lambda n: places.get(n.code, len(ORDER))))


def _of_verdict(verdict: Verdict) -> Iterator[Note]:
    """What decides, and what the signs of its table mean."""
    turned = verdict.turned_by
    if len(turned) > TURNED:
        yield Note("turned", filled("turned by many", figures=listed(list(turned))))
    else:
        for figure, names in turned.items():
            yield Note("turned", filled("turned", figure=figure, names=listed(names)))
    yield from _accumulators(verdict)
    yield from _papers(verdict)
    if any(d is not None for d in verdict.differences):
        timed = any(r.timing is not None for r in verdict.results)
        also = ", and each assumed figure of the runtime alone" if timed else ""
        yield Note("differences", f"Ranges of a difference move every price on both sides at once{also}.")


def _papers(verdict: Verdict) -> Iterator[Note]:
    """What the first needs against FP32 at technology nodes, which is how articles put it."""
    parts, name = [], ""
    for place in verdict.places:
        full = next((r for r in place.ranked if r.precision.name == "fp32"), None)
        pair = place.lead
        if full is None or pair is None or full in pair or full.hardware.has_clock:
            continue
        name, narrow, wide = precision_name(pair[0].precision.name), verdict.moved_of(pair[0]), verdict.moved_of(full)
        text = f"{change_words(verdict.differ(pair[0], full).nominal)} {verdict.at(place)}"
        if narrow is not None and wide is not None:
            text += f" ({whole_percent(verdict.differ(narrow, wide).nominal)} with memory traffic)"
        parts.append(text)
    if parts:
        yield Note("papers", f"Against fp32, as articles put it, {name} needs {listed(parts)}.")


def _of_answer(answer: Answer) -> list[Note]:
    """Accumulators, wider scopes, shapes, refusals, how sure, what is not counted."""
    results = answer.results
    found = [*drafting.pays(results), *_elementwise(answer)]
    if all(not r.hardware.has_clock for r in results):
        found.append(_beyond())
    for r in {r.architecture.name: r for r in results}.values():
        found += _model(r, {each.precision.name for each in results})
    found += [*effects.traced(results), *effects.substitutes(results)]
    found += [
        Note("caveat" if r.has_energy else "refused", f"{r.precision.name} at {r.hardware.name}: {r.reason}.")
        for r in results if r.reason
    ]  # fmt: skip
    found += effects.left_out(results)
    found += [*effects.outside_facilities(results), *effects.scaled_nodes(results)]
    found += [_facility(r) for r in results if r.has_energy and r.facility and r.runtime]
    found += [_battery(r) for r in results if r.has_energy and r.timing and r.hardware.battery]
    if answer.requests_per_day is not None:
        found += [
            _busy(r, answer.requests_per_day) for r in results
            if r.has_energy and r.timing and (int(r.workload.batch) > 1 or not answer.loads)
        ]  # fmt: skip
    return [*found, *quality.notes(results), *validated(answer), *how_sure(results)]


def _model(result: Result, precisions: set[str]) -> Iterator[Note]:
    """What a model's shape rests on, how long it may be, and what is left out of it."""
    model = result.architecture
    if model.nominal_parameters:
        parameters = with_commas(result.footprint.total_parameters)
        shape = f"{model.depth} layers of width {model.hidden_size}, {parameters} parameters"
        text = f"{model.name}: nominal size; operations and stored bytes from the shape of {shape}."
        yield Note("nominal", text)
    longest = int(result.workload.prompt) + int(result.workload.generate) - 1
    if model.max_positions and longest > model.max_positions:
        most, asked = with_commas(model.max_positions), with_commas(longest)
        yield Note("positions", f"{model.name} was made for {most} positions; {asked} are asked for.")
    yield from (Note("left-out", text) for text in model.left_out(precisions))
    if OWN in precisions and model.checkpoint:
        yield Note("file", f"file: {model.name} as its files store it, {model.checkpoint.weights}.")
    if any(layer.moe for layer in model.layers):
        yield Note("routing", f"{model.name}: routing over experts is taken as uniform.")


def _accumulators(verdict: Verdict) -> Iterator[Note]:
    """What the accumulator that was not asked for makes of the lead in arithmetic at technology nodes."""
    parts, lead, other = [], "", "paper"
    for place in verdict.places:
        pair = place.lead
        if pair is None or place.results[0].hardware.has_clock or not any(r.precision.linear.accumulator for r in pair):
            continue
        other = "int32" if pair[0].accumulator == "paper" else "paper"
        first, second = (verdict.revise(r, accumulator=other) for r in pair)
        if first is not None and second is not None:
            names = [precision_name(r.precision.name) for r in pair]
            lead = f"{names[0]} needs"
            change = verdict.differ(first, second).nominal
            parts.append(f"{change_words(change)} {than(change)} {names[1]} {verdict.at(place)}")
    if not parts:
        return
    if other == "int32":
        text = f"Additions cost what articles charge. With INT32 accumulators {lead} {listed(parts)}."
    else:
        text = "Integer products accumulate in INT32. With additions as articles charge them (--accumulator paper)"
        text += f" {lead} {listed(parts)}."
    yield Note("accumulator", text)


def _elementwise(answer: Answer) -> list[Note]:
    """What the next wider scope would add to matrix products alone."""
    added: dict[str, tuple[float, str]] = {}
    for r in answer.results:
        if r.scope != "arithmetic" or not r.has_energy or r.shape:
            continue
        try:
            more = float(r.within("compute").energy_j) / float(r.energy_j) - 1
        except MissingPrice:
            continue
        if math.isfinite(more) and more > added.get(r.hardware.name, (0.0, ""))[0]:
            added[r.hardware.name] = (more, r.precision.name)
    if not added:
        return []
    parts = [f"up to {percent(more)} % ({precision}) at {hardware}" for hardware, (more, precision) in added.items()]
    text = f"Elementwise work (--scope compute) would add {limited(parts)}"
    if any(r.scope != "arithmetic" for r in answer.results):
        text = f"{text[:-1]}; rows of wider scopes hold it."
    return [Note("elementwise", text)]


def _beyond() -> Note:
    """What comes on top of the energy at technology nodes."""
    text = "A node has no clock and no static power: a whole system saves less. For its time and energy name a device,"
    return Note("beyond", f"{text} as in -H h100-sxm-80gb.")


# What an answer holds, and the class of measured rows that says how right it is.
_HELD = {
    "energy": "energy per token", "energy-program": "energy per token of another program",
    "decode-1": "decode at batch 1", "decode-64": "decode at batch 2 to 64", "decode-other": "decode",
    "prefill": "prefill", "power": "power",
    "serving-rate-dense": "time per token of a server", "serving-energy-dense": "energy per token of a server",
    "serving-rate-moe": "time per token of a server with experts",
    "serving-energy-moe": "energy per token of a server with experts", "serving-step": "time per token under load",
    "memory": "memory", "operators-time": "single products",
}  # fmt: skip


def validated(answer: Answer) -> list[Note]:
    """For every device and runtime: how far off the model was on measured rows, or that there were none."""
    found = []
    experts = any(layer.moe for r in answer.results for layer in r.architecture.layers)
    if len(answer.accuracy) > MEASURED:
        scored = [classes["energy"].median for classes in answer.accuracy.values() if "energy" in classes]
        text = f"Measured energy is scored on {len(scored)} of {len(answer.accuracy)} devices"
        if scored:
            text += f", met within {brief(min(scored))} to {brief(max(scored))}% in the median"
        return [Note("measured", f"{text}; an estimate of one device gives its errors.")]
    for (hardware, runtime), classes in answer.accuracy.items():
        held = {n: s for n, s in classes.items() if experts or not n.endswith("-moe")}
        parts = [met(what, held[name]) for name, what in _HELD.items() if name in held]
        text = f"No measured row of {hardware} with {runtime} is scored.{_left_out(answer)}"
        if parts:
            text = f"On {hardware} with {runtime} the model meets measured {classes_met(parts, 1)}"
        found.append(Note("measured", text))
    return found


def _left_out(answer: Answer) -> str:
    """How far off the model was on devices that were left out of its calibration; empty where none says so."""
    named = {"time": "time", "energy": "energy per token"}
    parts = [
        f"{text} by {brief(s.median)}% in the median and {brief(s.p90)}% nine times in ten"
        for name, text in named.items() if (s := answer.left_out.get(name))
    ]  # fmt: skip
    return f" Devices left out of calibration one at a time were off in {', in '.join(parts)}." if parts else ""


def _busy(result: Result, requests_per_day: float) -> Note:
    """How many devices the requests of a day keep busy."""
    assert result.timing is not None
    seconds = float(result.timing.total[0]) * requests_per_day / int(result.workload.batch)
    kept = seconds * result.devices / 86400
    text = f"{result.precision.name} at {result.hardware.name}: {grouped_digits(kept, 3)} devices busy all day, every"
    return Note("busy", f"{text} batch full; energy between requests is not included.")


def _facility(result: Result) -> Note:
    """Emissions and money of one answer, and what they rest on."""
    facility = result.facility
    assert facility is not None
    parts = []
    host, server = result.hardware.host, result.hardware.price("server.power")
    if facility.pue != 1 or (result.scope == "facility" and server is None):
        applies = "" if result.scope == "facility" else " (--scope facility applies it)"
        parts.append(f"PUE {brief(facility.pue)}{applies}")
    if host is not None and server is not None:
        each = with_prefix(server[1] * result.hardware.of_server, "W")
        passed = "" if host.supply is None else f", supplies pass on {whole_percent(host.supply.value)}"
        parts.append(f"host {facility.host}: {each} a device{passed}")
    if result.carbon_bounds is not None:
        of = [facility.grid] if facility.carbon_g_per_j is not None else []
        grams = facility.embodied_of(result.hardware.embodied)
        if grams is not None:
            of.append(f"{brief(grams / 1e3)} kg a device over {brief(facility.lifetime_years)} years of work")
        parts.append(f"{_charged(carbon_interval(result), 'g CO2e')} ({'; '.join(of)})")
    if facility.embodied_g == "profile":
        figure = result.hardware.embodied
        if figure is None:
            parts.append("no figure for making the device in its profile")
        else:
            low, high = figure.low / 1e3, figure.high / 1e3
            parts.append(f"making it {span(low, high, 6)} kg, {figure.basis}")
    if result.cost_bounds is not None:
        parts.append(f"{_charged(cost_interval(result), 'USD')}, of {facility.paid_for} (a price has no range)")
    charged = result.carbon_bounds is not None or result.cost_bounds is not None
    ends = f"; ranges are {RANGES[is_measured(result)]}" if charged else ""
    text = f"{result.precision.name} at {result.hardware.name}: {', '.join(parts)}{ends}." if parts else ""
    return Note("facility", text)


def _charged(interval: Array | None, unit: str) -> str:
    """A nominal figure with the ends of its range."""
    if interval is None:
        return ""
    least, value, most = (digits(x) for x in interval[:, 0].tolist())
    return f"{value} {unit}, {least} to {most}"


def _battery(result: Result) -> Note:
    """Tokens on one charge, where a device has a battery."""
    battery = result.hardware.battery
    assert battery is not None
    tokens = int(result.workload.batch) * int(result.workload.generate)
    each = float(result.energy_j) / tokens
    charge, tokens_on_it = digits(battery.value / 3600, 3), with_commas(battery.value / each)
    text = f"{result.precision.name} at {result.hardware.name}: a full battery of {charge} Wh gives {tokens_on_it}"
    return Note("battery", f"{text} tokens; screen, radio and losses not counted.")


def how_sure(results: Sequence[Result]) -> list[Note]:
    """The last line: what the figures rest on, weak ones named."""
    bases: dict[str, set[str]] = {}
    sources: dict[str, None] = {}
    priced = dict.fromkeys((Same(r.hardware), action) for r in results for action in r.prices)
    for hardware, action in priced:
        bases.setdefault(str(hardware.it.basis(action)), set()).add(action)
        figure = hardware.it.figure(action)
        if figure is not None:
            source = hardware.it.sources[figure.source]
            if source.seen != "own":
                sources[f"{source.author.split(',')[0]} {source.year}"] = None
    if not bases:
        return []
    kinds = []
    for basis in (name for name in ("measured", "published", *WEAK) if name in bases):
        actions = sorted(bases[basis])
        named = f" ({', '.join(actions[:4])}{' ...' if len(actions) > 4 else ''})" if basis in WEAK else ""
        kinds.append(f"{len(actions)} {basis}{named}")
    ranges = "Ranges: energy with all prices low or high; saving with each price moved alone, and all together."
    cited = ", ".join(sources) or "own"
    return [Note("prices", f"{ranges} Prices: {', '.join(kinds)} ({cited}); 'bitnet-cost show NAME' prints each.")]
