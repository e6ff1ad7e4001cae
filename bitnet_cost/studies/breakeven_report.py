"""Break-even points in words, tables and records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bitnet_cost.engine.counts import NOT_COUNTED, count_ops
from bitnet_cost.engine.timing import kernel_class
from bitnet_cost.inputs.cited import WEAK
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.result import Crossing, Turning
from bitnet_cost.numerals import percent, with_commas
from bitnet_cost.readers import catalog
from bitnet_cost.studies.breakeven import state
from bitnet_cost.tables import Note, Report, Table, headed
from bitnet_cost.views.honesty import MARK, beyond, mark_basis
from bitnet_cost.views.ranges import DISTRIBUTIONS


def report(asked: Scenario, baseline: Precision, found: Sequence[Crossing]) -> Report:
    """Each answer in words, by runtime and axis, and what ran."""
    model, hardware, precision, workload = asked.model, asked.hardware, asked.precision, asked.workload
    scope = asked.scope or hardware.default_scope
    wanted = percent(found[0].wanted, 1)
    name = model.title or model.name
    text = f"{name} at {hardware.name}, scope {scope}: " + _sentence(hardware, precision, baseline, found)
    title = f"Where {precision.name} saves {wanted} % against {baseline.name}, scope {scope}"
    work = f"batch {workload.batch}, {workload.prompt} tokens in, {workload.generate} out, unless it is the axis"
    line = f"Energy of scope {scope}, of the whole run, and so per token: both generate the same tokens."
    notes = [Note("scope", f"{line} {work.capitalize()}.")]
    if scope == "facility":
        line = "PUE 1: a facility multiplies both energies alike, so every saving is that of scope device."
        notes.append(Note("facility", line))
    longest = model.max_positions
    if longest and any(c.axis == "context" and c.axis_values and c.axis_values[-1] > longest for c in found):
        line = f"{model.name} was made for {with_commas(longest)} positions; context is tried as far as both fit."
        notes.append(Note("positions", line))
    notes += _kernels(asked, (precision, baseline), found)
    own = [c for c in found if c.axis == "share that stays"]
    claims = {c.verdict for c in own if c.runtime in (None, hardware.runtime)} or {c.verdict for c in own[:1]}
    notes += [Note("claim", f"Claim: {claim}.") for claim in sorted(claims)]
    line = "Batch and context: the model on a grid of whole numbers, each crossing narrowed to neighbours."
    notes.append(Note("method", f"{line} Shares: closed form, the savings of the parts held."))
    notes += _ranges(found)
    notes.append(Note("not-counted", beyond(scope, NOT_COUNTED, list(filter(None, [hardware.not_reached(scope)])))))
    tables = (_axes_table(found, title), _shares_table(found, precision, baseline), _turning_table(found))
    return Report(title, text, tuple(t for t in tables if t.rows), tuple(notes))


def _sentence(hardware: Hardware, precision: Precision, baseline: Precision, found: Sequence[Crossing]) -> str:
    """The answer along the first axis, for the device's own runtime where it is among those asked for."""
    mine = [c for c in found if c.axis == found[0].axis]
    own = next((c for c in mine if c.runtime == hardware.runtime), mine[0])
    text = f"{precision.name} against {baseline.name}{f' with {own.runtime}' if own.runtime else ''}"
    saves = own.turning is not None and "share" not in own.axis
    text += f" {own.verdict.removeprefix(precision.name + ' ')}." if saves else f": {own.verdict}."
    if own.turning is not None:
        (low, _, high), ends = own.turning.band, own.turning.ends
        drawn, least, most = turning_span(own, low, high), place(own, ends[0]), place(own, ends[1])
        if drawn == least == most == place(own, own.turning.nominal):
            text += " The same holds in nine of ten draws of every price, and with all figures low or high."
        else:
            text += f" In nine of ten draws of every price it {drawn}; with all figures low it {least}, with all high"
            text += f" it {most}."
    return text + (_by_runtime(mine) if len(mine) > 1 else "")


def _by_runtime(mine: Sequence[Crossing]) -> str:
    """What holds with each runtime along one axis, those of one answer together."""
    groups: dict[str, list[Crossing]] = {}
    for c in mine:
        kind = c.verdict if c.turning is None else "falls" if c.at and falls(c) else place(c, c.turning.nominal)
        groups.setdefault(kind, []).append(c)
    parts = []
    for kind, members in groups.items():
        words = kind if members[0].turning is None else f"it {kind}"
        if kind == "falls":
            first = sorted(c.at[0] for c in members)
            words = f"it {turning_span(members[0], first[0], first[-1])}"
        parts.append(f"with {', '.join(str(c.runtime) for c in members)} {words}")
    return f" By runtime: {'; '.join(parts)}."


def falls(crossing: Crossing) -> bool:
    """Whether a saving is less than what is wanted from its first crossing on; else it is less up to there."""
    if not crossing.at:
        return True
    at = crossing.axis_values.index(crossing.at[0])
    return crossing.saving[at] < crossing.wanted


def place(crossing: Crossing, value: float) -> str:
    """Where the saving turns, in words.

    >>> batch = Crossing("x", None, "batch", 0.5, (), "", (1.0, 9.0), (0.6, 0.6), "")
    >>> [place(batch, x) for x in (1.0, math.inf)]
    ['saves less than 50.0 % from batch 1 on', 'saves at least 50.0 % at every batch asked for']
    """
    if "share" in crossing.axis:
        return turning_place(crossing, value)
    return state(crossing.axis, crossing.wanted, value, falling=falls(crossing))


def turning_place(crossing: Crossing, value: float) -> str:
    """From where on the saving is less than what is wanted, in a table; the share at which it is that.

    >>> batch = Crossing("x", None, "batch", 0.5, (), "", (1.0, 9.0), (0.6, 0.6), "")
    >>> [turning_place(batch, x) for x in (1.0, 7.0, math.inf)]
    ['1', '7', 'never']
    """
    if "share" in crossing.axis:
        return f"{percent(value, 1)} %" if 0 <= value <= 1 else "none"
    start = crossing.axis_values[0]
    if falls(crossing):
        return "never" if math.isinf(value) else with_commas(value)
    return with_commas(start) if math.isinf(value) else "never" if value <= start else f"to {with_commas(value - 1)}"


def turning_span(crossing: Crossing, first: float, last: float) -> str:
    """From one place to another; one of them where both are the same."""
    one, other = place(crossing, first), place(crossing, last)
    if one == other:
        return one
    if "share" in crossing.axis:
        return f"{one} to {other}"
    if math.isinf(last):
        return f"{one} at one end and {other} at the other"
    return one.removesuffix(" on") + f" to {with_commas(last)} on"


def _turning_table(found: Sequence[Crossing]) -> Table:
    """How far each answer moves."""
    body = []
    for c in found:
        t = c.turning
        if t is not None:
            body.append((c.runtime or "-", c.axis, *(turning_place(c, x) for x in (t.nominal, *t.band, *t.ends))))
    heads = ("runtime", "axis", "nominal", "p5", "p50", "p95", "all low", "all high")
    wanted = percent(found[0].wanted, 1)
    title = f"How far it moves: from where on less than {wanted} % is saved, and the shares, over draws and at the ends"
    return Table(title, headed(*heads, texts=2), tuple(body))


def _ranges(found: Sequence[Crossing]) -> list[Note]:
    """What the ranges of the answers hold."""
    t: Turning | None = next((c.turning for c in found if c.turning), None)
    if t is None:
        return []
    shape = DISTRIBUTIONS[t.distribution]
    return [Note(
        "band", f"p5 to p95: {with_commas(t.draws)} draws of every price, {shape} over its range, seed {t.seed}, the"
        " same for both precisions, time held; along an axis between the points of the grid. All low: every price low"
        " and every figure of time fast; all high: every price high and those slow. 'never': at least as much is"
        " saved at every value asked for; 'none': no share from 0 to 100 %.",
    )]  # fmt: skip


def _axes_table(found: Sequence[Crossing], title: str) -> Table:
    """Crossings of batch and context: one row per runtime and axis, only the first crossing in figures."""
    body = []
    for c in found:
        if len(c.axis_values) < 1 or "share" in c.axis:
            continue
        known = [x for x in c.saving if not math.isnan(x)]
        span = f"{percent(min(known), 1)} to {percent(max(known), 1)}" if known else "-"
        at, before, after, more = "-" if c.turning is None else turning_place(c, c.turning.nominal), "", "", ""
        if c.at:
            i = c.axis_values.index(c.at[0])
            before, after = percent(c.saving[i - 1]), percent(c.saving[i])
            more = str(len(c.at) - 1) if len(c.at) > 1 else ""
        body.append((c.runtime or "-", c.axis, at, before, after, more, span, with_commas(c.axis_values[-1])))
    heads = ("runtime", "axis", "less from", "before %", "there %", "more crossings", "saving % over axis", "up to")
    return Table(title, headed(*heads, texts=2), tuple(body))


def _shares_table(found: Sequence[Crossing], precision: Precision, baseline: Precision) -> Table:
    """Shares of the baseline's energy at which the saving is what is wanted."""
    body = []
    for c in found:
        if "share" in c.axis:
            rest, own = c.saving
            at = percent(c.at[0]) if c.at else "none"
            body.append((c.runtime or "-", c.axis, percent(c.now, 1), percent(own, 1), percent(rest, 1), at))
    wanted = percent(found[0].wanted, 1)
    heads = ("runtime", "part", "now %", "it saves %", "rest saves %", f"{wanted} % saved at %")
    title = f"Shares of {baseline.name}'s energy, and the one at which {precision.name} saves {wanted} %"
    return Table(title, headed(*heads, texts=2), tuple(body))


def _kernels(asked: Scenario, pair: tuple[Precision, Precision], found: Sequence[Crossing]) -> list[Note]:
    """What the linear layers of both run as, with each runtime."""
    notes, weak = [], False
    linear = next((op for op in count_ops(asked.model, asked.workload).operators if op.role == "linear"), None)
    for name in dict.fromkeys(c.runtime for c in found if c.runtime):
        _, software = catalog.setting(asked.hardware, name)
        if software is None:
            continue
        parts = []
        for precision in pair:
            kind = kernel_class(linear, precision) if linear else None
            if kind is None:
                continue
            kernel = software.kernel(kind)
            reached = [(what, f) for what, f in (("bandwidth", kernel.bandwidth), ("rate", kernel.compute)) if f]
            shares = [f"{percent(f.value, 0)} % of the {what}{mark_basis(f.basis)}" for what, f in reached]
            weak = weak or any(f.basis in WEAK for _, f in reached)
            parts.append(f"{precision.name} in {kind} kernels at {' and '.join(shares)}")
        notes.append(Note("kernels", f"{name}: {'; '.join(parts)}."))
    if weak:
        notes.append(Note("weak", f"{MARK} an assumed or scaled figure."))
    return notes


def rows(found: Sequence[Crossing]) -> list[dict[str, Any]]:
    """Crossings as records; where a range has no crossing, its end is null and the words say which."""
    return [
        {
            "hardware": c.hardware, "runtime": c.runtime, "axis": c.axis, "wanted_saving": c.wanted,
            "at": list(c.at), "verdict": c.verdict, "method": c.method, "axis_values": list(c.axis_values),
            "saving": [None if math.isnan(x) else x for x in c.saving], **_turning_fields(c),
        }
        for c in found
    ]  # fmt: skip


def _turning_fields(c: Crossing) -> dict[str, Any]:
    t = c.turning
    values = (None,) * 5 if t is None else (*t.band, *t.ends)
    fields: dict[str, Any] = {
        f"at_{name}": None if value is None or math.isinf(value) or turning_place(c, value) == "none" else value
        for name, value in zip(("p5", "p50", "p95", "all_low", "all_high"), values, strict=True)
    }
    words = None if t is None else f"p5 to p95: {turning_span(c, t.band[0], t.band[2])}"
    words = words if t is None else f"{words}; all low: {place(c, t.ends[0])}; all high: {place(c, t.ends[1])}"
    return fields | {
        "range": words, "draws": t and t.draws, "seed": None if t is None else t.seed,
        "distribution": t and t.distribution,
    }  # fmt: skip
