"""Equal loss in words, tables and plain data: which is cheaper, by which law, and where a law extrapolates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bitnet_cost.engine.counts import NOT_COUNTED
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import (
    change_range,
    change_words,
    column_figures,
    digits,
    figures_of,
    fixed,
    in_words,
    signed_change,
    whole_percent,
)
from bitnet_cost.studies.equal_loss import UNKNOWN, EqualLoss, Place, Priced, unfit
from bitnet_cost.studies.scaling_laws import WIDE_BITS, EqualSize
from bitnet_cost.tables import Column, Note, Report, Table, headed
from bitnet_cost.views import honesty
from bitnet_cost.views.groups import alike, describe_briefly
from bitnet_cost.views.law_words import size_text
from bitnet_cost.views.verdict import (
    ENERGY,
    NAMED,
    hardware_name,
    held_bits,
    listed,
    per_token,
    place_words,
    precision_name,
)
from bitnet_cost.views.verdict_table import UNDECIDED

NEVER = "no size has this loss"


def report(found: EqualLoss) -> Report:
    """The verdict, sizes by law, and a table of costs for each hardware."""
    hardware = alike(found.places, lambda p: p.wide.hardware.name)
    costs = tuple(_costs_table(found, group) for group in hardware)
    few = len(hardware) <= NAMED
    title = f"{found.model.name}: {found.narrow.name} at the loss of {found.wide.name}"
    tables = (_sizes_table(found), *(costs if few else (_summary_table(found, hardware),)))
    details = (_laws_table(found), *(() if few else costs))
    return Report(title, _sentence(found, hardware), tables, tuple(_notes(found)), details=details)


def _sentence(found: EqualLoss, hardware: Sequence[Sequence[Place]]) -> str:
    """Which is cheaper at the same loss, place by place; then how large the other has to be, and how far that holds."""
    sizes = sorted(s.parameters[1] for s in found.known)
    least, most = size_text(sizes[0]), size_text(sizes[-1])
    takes = least if least == most else f"{least} or more" if math.isinf(sizes[-1]) else f"{least} to {most}"
    if math.isinf(sizes[0]):
        takes = "more than any number of"
    outside = sum(bool(s.beyond) for s in found.known)
    which = "each" if outside == len(sizes) else in_words(outside)
    beyond = f", {which} of them asked beyond what it was fitted on" if outside else ""
    clauses = "; ".join(_on(found, group, i == 0) for i, group in enumerate(hardware))
    if len(hardware) > NAMED:
        clauses = _counted(found, [group[0] for group in hardware])
    laws = f"{in_words(len(sizes))} law{'s' if len(sizes) > 1 else ''}"
    name = _name(found.narrow)
    trained = f" if trained in {found.narrow.name}" if _trained_only(found.narrow) else ""
    return (
        f"Cheaper at the loss of {found.model.name} in {found.wide.name}: {clauses}. "
        f"{name} takes {takes} parameters for that loss{trained}, by {laws}{beyond}."
    )


def _counted(found: EqualLoss, places: Sequence[Place]) -> str:
    """On how many of many pieces of hardware each verdict holds."""
    verdicts = [_cheaper(found, place) for place in places]
    parts = [f"{verdict} on {verdicts.count(verdict)}" for verdict in sorted(set(verdicts), key=verdicts.count)[::-1]]
    return f"{listed(parts)} of {len(places)} pieces of hardware"


def _on(found: EqualLoss, group: Sequence[Place], named: bool) -> str:
    """The cheaper one on one hardware, on a technology node with and without memory traffic."""
    wide = group[0].wide
    where = place_words(wide.hardware, wide.devices, hardware_name(wide.hardware))
    if not wide.has_energy:
        return f"no answer {where} ({wide.precision.name}: {wide.reason})"
    words = f"{_cheaper(found, group[0])} {where} ({_by(found, group[0], named)})"
    if len(group) > 1:
        words += f", {_cheaper(found, group[1])} once memory traffic counts ({_by(found, group[1], False)})"
    return words


def _trained_only(precision: Precision) -> bool:
    """Whether models are mostly quantised to a precision after training, of which no law of the catalogue is."""
    return 2 < precision.information_bits < WIDE_BITS


def _cheaper(found: EqualLoss, place: Place) -> str:
    verdict = place.verdict
    return verdict if verdict in ("undecided", UNKNOWN) else _name(found.narrow if verdict == "cheaper" else found.wide)


def _name(precision: Precision) -> str:
    return precision_name(precision.name)


def _by(found: EqualLoss, place: Place, named: bool) -> str:
    """What the other precision needs, from the law that is kindest to it to the least kind."""
    ends = [change.nominal for change in (place.changes[:1] + place.changes[-1:])]
    if not ends:
        return "no price" if place.verdict == UNKNOWN else "by no law does its size exist and fit"
    if max(ends) < 0:
        words = list(dict.fromkeys(whole_percent(end) for end in reversed(ends)))
        by = f"{words[0].removesuffix('%')} to {words[1]} less" if len(words) > 1 else f"{words[0]} less"
    else:
        by = " to ".join(dict.fromkeys(map(change_words, ends)))
    what = ENERGY.get(place.wide.scope, "energy") if place.wide.scope != "memory" else ""
    lost = len(place.priced) - len(place.changes)
    unfit = f", and by {in_words(lost)} law{'s' if lost > 1 else ''} its size does not fit" if lost else ""
    return f"{f'{_name(found.narrow)} needs ' * named}{by} {what}".rstrip() + unfit


def _sizes_table(found: EqualLoss) -> Table:
    """Loss of the wide model, what the other loses at its size, the size of equal loss, and where that extrapolates."""
    rows = []
    for s in found.sizes:
        if not s.known:
            continue
        low, nominal, high = s.parameters
        times = "-" if math.isinf(nominal) else f"{digits(nominal / found.parameters, 2)}x"
        rows.append((
            s.law.title + _mark(s), fixed(s.loss or 0.0, 2), fixed(s.gap or 0.0, 3, sign=True), size_text(nominal),
            _range(s, low, high), times,
            ", ".join(dict.fromkeys(b.partition(":")[0].partition(" ")[0] for b in s.beyond)),
        ))  # fmt: skip
    columns = (
        Column("law", False), Column("nats"), Column("gap"), Column("size"), Column("range"), Column("times"),
        Column("extrapolates in", False),
    )  # fmt: skip
    title = f"Size of {found.narrow.name} with the loss of {found.model.name} in {found.wide.name}"
    return Table(title, columns, tuple(rows))


def _range(s: EqualSize, low: float, high: float) -> str:
    """The range of a size; laws without printed errors are known to their digits alone."""
    texts = [size_text(low), size_text(high)]
    if texts[0] == texts[1]:
        errors = s.law.points or any(c.error for side in s.law.sides for c in side.constants.values())
        if not errors:
            return "not known"
        texts = [size_text(low, 3), size_text(high, 3)]
    return f"{texts[0]} or more" if math.isinf(high) else " to ".join(texts)


def _mark(s: EqualSize) -> str:
    return honesty.MARK if s.law.seen == "memory" else ""


def _costs_table(found: EqualLoss, group: Sequence[Place]) -> Table:
    """What both cost on one hardware: the wide model, then every law's size."""
    first = group[0].wide
    name = hardware_name(first.hardware)
    runtime = f", {first.runtime.runtime}" if first.runtime else ""
    title = f"{name}: {describe_briefly(first)}{runtime}"
    if not first.has_energy:
        return Table(title, headed("model"), ((f"{found.model.name} {found.wide.name}: {first.reason}",),))
    lead = [f"{found.model.name} {found.wide.name}", *(p.size.law.title for p in group[0].priced)]
    sizes = ["", *(size_text(p.size.parameters[1]) for p in group[0].priced)]
    columns, cells = [Column("by", False), Column("size")], [lead, sizes]
    for place in group:
        results = [place.wide, *(p.nominal for p in place.priced)]
        unit, texts = column_figures([_energy(r) for r in results], "J", 3)
        texts = [text + (honesty.mark(r) if r and r.has_energy else "") for text, r in zip(texts, results, strict=True)]
        words = {"arithmetic": "arithm. ", "compute": "compute "}.get(first.scope, "")
        words = words if place is group[0] else "+ memory "
        per = "/token" if per_token(first) != 1 else "/run" if first.hardware.has_clock else ""
        columns += [Column(words + unit + per), Column(f"vs {found.wide.name}"), Column("range")]
        cells += [texts, ["base", *map(_changed, place.priced)], ["", *map(_changes, place.priced)]]
    rows = [first, *(p.nominal for p in group[0].priced)]
    if first.hardware.has_clock:
        unit, texts = column_figures([None if r is None else held_bits(r) / 8 for r in rows], "B", 3)
        columns += [Column("tokens/s"), Column(unit)]
        cells += [[figures_of(r.tokens_per_s) if r is not None else "-" for r in rows], texts]
    return Table(title, tuple(columns), tuple(zip(*cells, strict=True)))


def _summary_table(found: EqualLoss, hardware: Sequence[Sequence[Place]]) -> Table:
    """One row for each of many pieces of hardware: the cheaper one, and the change by the laws at either end."""
    rows = []
    for first, *_ in hardware:
        ends = [signed_change(c.nominal) for c in (first.changes[:1] + first.changes[-1:])] or ["-", "-"]
        why = "" if first.wide.has_energy else "does not fit" if unfit(first.wide) else str(first.wide.reason)
        rows.append((first.wide.hardware.name, _cheaper(found, first) + (f": {why}" if why else ""), *ends))
    heads = (*headed("hardware", "cheaper", texts=2), Column("least"), Column("most"))
    title = f"Energy of {found.narrow.name} against {found.wide.name} at the same loss, by the laws at either end"
    return Table(title, heads, tuple(rows))


def _energy(r: Result | None) -> float | None:
    return None if r is None or not r.has_energy else float(r.energy_j) * per_token(r)


def _changed(p: Priced) -> str:
    if p.change is None:
        if p.unpriced:
            return "no price"
        return "none" if math.isinf(p.size.parameters[1]) else "no fit"
    return UNDECIDED if p.change.undecided else signed_change(p.change.nominal)


def _changes(p: Priced) -> str:
    if p.change is None:
        return ""
    if math.isinf(p.change.high):
        return f"{change_range(p.change.low, p.change.low).partition(' to ')[0].removesuffix('%')}% or more"
    return change_range(p.change.low, p.change.high)


def _laws_table(found: EqualLoss) -> Table:
    """Where each law is from, and in what it is asked beyond its points."""
    rows = tuple((s.law.title, s.law.source, "; ".join(s.beyond) or s.reason or "-") for s in found.sizes)
    return Table("The laws", headed("law", "source", "beyond what it was fitted on", texts=3), rows)


def _notes(found: EqualLoss) -> list[Note]:
    """What changes most how the answer is to be read."""
    answer = priced_answer(found)
    unsure = any(p.change is not None and p.change.undecided for place in found.places for p in place.priced)
    notes = [
        Note("verdict", "One is cheaper where every law says so over the whole range of its size and of every price."),
        *honesty.explained(answer.results, unsure),
        Note("range", "Ranges of sizes: nine of ten values where errors are printed or fitted here, else what the last "
             "printed digit leaves open; not known: no error is printed and the digits leave nothing open."),
        Note("losses", "Losses of two laws are of different texts and cannot be compared; sizes can. Both models are "
             f"trained on the same {size_text(found.tokens)} tokens where a law depends on them; gap: what "
             f"{found.narrow.name} loses at the size of {found.model.name}, in nats."),
    ]  # fmt: skip
    carried = [s for s in found.known if any(b.startswith("gap") for b in s.beyond)]
    if carried:
        names = listed([s.law.title for s in carried])
        what = next(b for b in carried[0].beyond if b.startswith("gap"))
        notes.append(Note("gap", f"{names} know 16 bits alone: {what} at every size."))
    if _trained_only(found.narrow):
        text = f"The laws are of models trained in {found.narrow.name}; quantised after training, one loses otherwise."
        notes.append(Note("trained", text))
    lacking = [s for s in found.sizes if not s.known]
    if lacking:
        notes.append(Note("laws", f"Without an answer: {'; '.join(f'{s.law.title} {s.reason}' for s in lacking)}."))
    notes.append(honesty.closing(answer))
    notes += [Note("law", f"{s.law.title}: {s.law.source} ({s.law.seen}). {s.law.note}") for s in found.known]
    return notes


def priced_answer(found: EqualLoss) -> Answer:
    """Every model that was priced at the size that a law itself gives, as one answer."""
    results = [r for place in found.places for r in (place.wide, *(p.nominal for p in place.priced)) if r is not None]
    return Answer(tuple(results), NOT_COUNTED)


def document(found: EqualLoss) -> dict[str, Any]:
    """Plain data: the laws, the verdict at each place, and the record of every model that was priced."""
    return {
        "schema": "bitnet-cost/equal-loss-1", "model": found.model.name, "parameters": found.parameters,
        "baseline": found.wide.name, "precision": found.narrow.name, "tokens": found.tokens,
        "sentence": report(found).sentence, "laws": law_rows(found),
        "verdicts": [_verdict(p) for p in found.places], "records": found.to_records(),
    }  # fmt: skip


def law_rows(found: EqualLoss) -> list[dict[str, Any]]:
    """One row per law: null where no size has the loss, or the law has no answer."""
    rows = []
    for s in found.sizes:
        low, nominal, high = (None if math.isinf(n) else n for n in s.parameters)
        rows.append({
            "law": s.name, "title": s.law.title, "source": s.law.source, "seen": s.law.seen, "loss_nats": s.loss,
            "gap_nats": s.gap,
            "parameters": nominal, "parameters_low": low, "parameters_high": high,
            "ratio": None if nominal is None else nominal / found.parameters, "extrapolates": list(s.beyond),
            "reason": s.reason or (NEVER if nominal is None else None),
        })  # fmt: skip
    return rows


def _verdict(place: Place) -> dict[str, Any]:
    changes = {
        p.size.name: None if p.change is None else {
            "nominal": p.change.nominal, "low": p.change.low,
            "high": None if math.isinf(p.change.high) else p.change.high,
        } for p in place.priced
    }  # fmt: skip
    return {
        "hardware": place.wide.hardware.name, "scope": place.wide.scope, "verdict": place.verdict,
        "energy_change_by_law": changes,
    }  # fmt: skip
