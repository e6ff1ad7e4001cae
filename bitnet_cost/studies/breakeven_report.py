"""Break-even points in words, tables and records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bitnet_cost.engine.counts import NOT_COUNTED, count_ops
from bitnet_cost.engine.kernels import kernel_class
from bitnet_cost.inputs.cited import WEAK
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.answers import Crossing, Turning
from bitnet_cost.numerals import change_words, digits, percent, signed_change, with_commas
from bitnet_cost.studies.breakeven import amount, reach, spans
from bitnet_cost.tables import Note, Report, Table, headed
from bitnet_cost.views.honesty import MARK, beyond, mark_basis
from bitnet_cost.views.ranges import DISTRIBUTIONS
from bitnet_cost.views.verdict import hardware_name, listed, precision_name
from bitnet_cost.words import Scope


def report(asked: Scenario, baseline: Precision, found: Sequence[Crossing]) -> Report:
    """Each answer in words, by runtime and axis, and what ran."""
    model, hardware, precision = asked.model, asked.hardware, asked.precision
    pair = (precision_name(precision.name), precision_name(baseline.name))
    scope = asked.scope or hardware.default_scope
    axes, shares = ([c for c in found if ("share" in c.axis) == share] for share in (False, True))
    own = next((c.runtime for c in axes if c.runtime == hardware.runtime), axes[0].runtime)
    mine = [c for c in axes if c.runtime == own]
    where = f"on one {hardware_name(hardware)}" if hardware.has_clock else f"at {hardware_name(hardware)}"
    setting = f"{where}{f' with {own}' if own else ''}, scope {scope}"
    if all(c.turning is None for c in mine):
        what = f"{model.title or model.name} in {pair[0]} against {pair[1]}"
        text = f"No break-even can be computed for {what}, {setting}: {mine[0].verdict}."
    else:
        what = f"{amount(found[0].wanted)}{'' if found[0].wanted <= -1 else ' in'} {pair[1]}"
        text = f"{model.title or model.name} in {pair[0]} needs {what} {_reached(mine, asked.workload)}: {setting}."
    also = _by_runtime(axes) if len({c.runtime for c in axes}) > 1 else _moved(mine)
    notes = _notes(asked, baseline, found, scope)
    title = f"Where {precision.name} needs {amount(found[0].wanted)} {baseline.name}"
    saved = f"Shares of {baseline.name}'s energy, how {precision.name} changes them, and at which the saving is reached"
    tables, details = _axes_table(axes, title), _shares_table(shares, saved)
    return Report(
        title, text, (tables,) if tables.rows else (), tuple(notes), also, (details,) if details.rows else ()
    )  # fmt: skip


def _reached(mine: Sequence[Crossing], work: Workload) -> str:
    """Where along batch and prompt the saving is what is wanted, with the best there is where it is nowhere."""
    parts = []
    for c in mine:
        if c.turning is None:
            parts.append(c.verdict)
            continue
        best = max(range(len(c.saving)), key=lambda i: -math.inf if math.isnan(c.saving[i]) else c.saving[i])
        most = f" ({change_words(-c.saving[best])} at {with_commas(c.axis_values[best])})" if not spans(c) else ""
        parts.append(f"{f'at batch {with_commas(int(work.batch))} ' if c.axis == 'context' else ''}{reach(c)}{most}")
    return ", and ".join(dict.fromkeys(parts))


def _moved(mine: Sequence[Crossing]) -> str:
    """How far the answers move with the figures."""
    answers = [(c, c.turning) for c in mine if c.turning is not None]
    moved = [(c, t) for c, t in answers if len({_moves(c, v) for v in (t.band, t.ends, (t.nominal,))}) > 1]
    if not moved:
        drawn_of = DRAWN[answers[0][1].measured] if answers else ""
        return f"It holds in nine of ten draws of {drawn_of}, and with every figure at either end." if answers else ""
    drawn, ends = (
        [_moves(c, values).replace("all", f"the {'last' if falls(c) else 'first'} tried") for c, values in places]
        for places in ([(c, t.band) for c, t in moved], [(c, t.ends) for c, t in moved])
    )
    of = [
        f"the {'last' if falls(c) else 'first'} such {_ONE[c.axis]}{' of the first stretch' if len(c.at) > 1 else ''}"
        for c, _ in moved
    ]
    named = listed([f"{name} is {move}" for name, move in zip(of, drawn, strict=True)])
    return (
        f"In nine of ten draws of {DRAWN[moved[0][1].measured]} {named}; with every figure at one end, {listed(ends)}."
    )


def _by_runtime(axes: Sequence[Crossing]) -> str:
    """What holds along the first axis with each runtime, those of one answer together, the longest reach first."""
    groups: dict[str, list[Crossing]] = {}
    for c in sorted(
        (c for c in axes if c.axis == axes[0].axis), key=lambda c: -(c.turning.nominal if c.turning else 0.0)
    ):
        words = c.verdict if c.turning is None else reach(c) if spans(c) else f"at no {_ONE[c.axis]}"
        groups.setdefault(words, []).append(c)
    parts = [f"{words} with {listed([str(c.runtime) for c in members])}" for words, members in groups.items()]
    return f"By runtime: {'; '.join(parts)}."


DRAWN = {True: "what measured runs were off by", False: "every price"}
_ONE = {"batch": "batch", "context": "prompt"}


def falls(crossing: Crossing) -> bool:
    """Whether a saving is less than what is wanted from its first crossing on; else it is less up to there."""
    if not crossing.at:
        return True
    at = crossing.axis_values.index(crossing.at[0])
    return crossing.saving[at] < crossing.wanted


def turning_place(crossing: Crossing, value: float) -> str:
    """Up to where, or from where on, the saving is what is wanted, in a table; the share at which it is that.

    >>> batch = Crossing("x", None, "batch", 0.5, (), "", (1.0, 9.0), (0.6, 0.6), "")
    >>> [turning_place(batch, x) for x in (1.0, 7.0, math.inf)]
    ['none', 'to 6', 'all']
    """
    if "share" in crossing.axis:
        return "none" if _no_share(crossing, value) else f"{digits(100 * value, 3)}%"
    start = crossing.axis_values[0]
    if falls(crossing):
        return "all" if math.isinf(value) else "none" if value <= start else f"to {with_commas(value - 1)}"
    return "none" if math.isinf(value) else "all" if value <= start else f"from {with_commas(value)}"


def _moves(crossing: Crossing, values: Sequence[float]) -> str:
    """The least and the most of some places, in a table; one where both are the same.

    >>> batch = Crossing("x", None, "batch", 0.5, (), "", (1.0, 9.0), (0.6, 0.6), "")
    >>> _moves(batch, (7.0, 3.0)), _moves(batch, (1.0, 7.0)), _moves(batch, (3.0, math.inf))
    ('2 to 6', 'none to 6', '2 to all')
    """
    first, last = (turning_place(crossing, value) for value in (min(values), max(values)))
    if first == last:
        return first.removeprefix("to ").removeprefix("from ")
    return " to ".join(text.removeprefix("to ").removeprefix("from ") for text in (first, last))


def _axes_table(axes: Sequence[Crossing], title: str) -> Table:
    """Where batch and prompt reach, how far that moves, and the least and the most energy over the axis."""
    body = []
    for c in axes:
        if c.turning is None:
            continue
        known = [x for x in c.saving if not math.isnan(x)]
        stretches = spans(c)
        reached = turning_place(c, c.turning.nominal) + (f" +{len(stretches) - 1}" if len(stretches) > 1 else "")
        over = f"{signed_change(-max(known))} to {signed_change(-min(known))}"
        moves = (_moves(c, c.turning.band), _moves(c, c.turning.ends))
        body.append((c.runtime or "-", _ONE[c.axis], reached, *moves, over, with_commas(c.axis_values[-1])))
    heads = ("runtime", "axis", "reached", "9 of 10 draws", "at the ends", "along it", "tried to")
    return _short(Table(title, headed(*heads, texts=2), tuple(body)), 5)


def _shares_table(shares: Sequence[Crossing], title: str) -> Table:
    """Shares of the baseline's energy at which the saving is what is wanted."""
    body = []
    for c in shares:
        rest, own = c.saving
        at = turning_place(c, c.at[0]) if c.at else "none"
        now = "-" if c.now is None else turning_place(c, c.now)
        moves = ("-", "-") if c.turning is None else (_moves(c, c.turning.band), _moves(c, c.turning.ends))
        body.append((c.runtime or "-", c.axis, now, signed_change(-own), signed_change(-rest), at, *moves))
    wanted = f"{digits(100 * shares[0].wanted, 3)}%" if shares else ""
    heads = ("runtime", "part", "now", "it", "rest", f"{wanted} saved", "9 of 10 draws", "at the ends")
    return _short(Table(title, headed(*heads, texts=2), tuple(body)), -1)


def _short(table: Table, less: int) -> Table:
    """The table without its first column where every row has the same in it, else without another, for its room."""
    gone = less if len({row[0] for row in table.rows}) > 1 else 0
    kept = [i for i in range(len(table.columns)) if i != gone]
    return replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
    )


def _notes(asked: Scenario, baseline: Precision, found: Sequence[Crossing], scope: Scope) -> list[Note]:
    """What ran, the claim, the question, and how the answers were found."""
    model, hardware, work = asked.model, asked.hardware, asked.workload
    kernels = _kernels(asked, (asked.precision, baseline), found)
    one = len(kernels) == 1
    notes = list(kernels) if one else []
    own = [c for c in found if c.axis == "share that stays"]
    claims = {c.verdict for c in own if c.runtime in (None, hardware.runtime)} or {c.verdict for c in own[:1]}
    notes += [Note("claim", f"{claim[0].upper()}{claim[1:]}.") for claim in sorted(claims)]
    batch, prompt, generate = (with_commas(int(n)) for n in (work.batch, work.prompt, work.generate))
    line = f"Energy of scope {scope}, of the whole run: batch {batch}, {prompt} tokens in, {generate} out, unless it is"
    notes.append(Note("scope", f"{line} the axis."))
    notes += [] if one else kernels
    if scope == "facility":
        line = "PUE 1: a facility multiplies both energies alike, so every saving is that of scope device."
        notes.append(Note("facility", line))
    longest = model.max_positions
    if longest and any(c.axis == "context" and c.axis_values and c.axis_values[-1] > longest for c in found):
        line = f"{model.name} was made for {with_commas(longest)} positions; prompts are tried as far as both fit."
        notes.append(Note("positions", line))
    notes += _ranges(found)
    line = "Batch and prompt: the model on a grid of whole numbers, each crossing narrowed to neighbours."
    notes.append(Note("method", f"{line} Shares: closed form, the changes of the parts held."))
    notes.append(Note("not-counted", beyond(scope, NOT_COUNTED, list(filter(None, [hardware.not_reached(scope)])))))
    return notes


def draws_of(distribution: str, who: str, share: str, *, measured: bool) -> str:
    """What draws are of: what measured runs were off by, or prices, the same for all ``who``."""
    if measured:
        return f"{DRAWN[True]}, of which {share} share a part"
    return f"{DRAWN[False]}, {DISTRIBUTIONS[distribution]} over its range, the same for {who}, time held"


def _ranges(found: Sequence[Crossing]) -> list[Note]:
    """What the ranges of the answers hold."""
    t: Turning | None = next((c.turning for c in found if c.turning), None)
    if t is None:
        return []
    of = draws_of(t.distribution, "both precisions", "both precisions", measured=t.measured)
    return [Note(
        "band", f"9 of 10 draws: {with_commas(t.draws)} draws of {of}, seed"
        f" {t.seed}; along an axis between the points of the grid. At the ends:"
        " every price low and every figure of time fast, or prices high and those slow. 'all': at every value tried;"
        " 'none': at no value tried, at no share from 0 to 100%; +1: one stretch more. Along it: change of the energy.",
    )]  # fmt: skip


def _kernels(asked: Scenario, pair: tuple[Precision, Precision], found: Sequence[Crossing]) -> list[Note]:
    """What the linear layers of both run as, with each runtime."""
    notes, weak = [], False
    linear = next((op for op in count_ops(asked.model, asked.workload).operators if op.role == "linear"), None)
    for name, software in {c.runtime: c.software for c in found if c.software is not None}.items():
        parts = []
        for precision in pair:
            kind = kernel_class(linear, precision, asked.hardware) if linear else None
            if kind is None:
                continue
            kernel = software.kernel(kind)
            reached = [(what, f) for what, f in (("bandwidth", kernel.bandwidth), ("rate", kernel.compute)) if f]
            shares = [f"{percent(f.value, 0)}% of the {what}{mark_basis(f.basis)}" for what, f in reached]
            weak = weak or any(f.basis in WEAK for _, f in reached)
            parts.append(f"{precision.name} in {kind} kernels at {' and '.join(shares)}")
        notes.append(Note("kernels", f"{name}: {'; '.join(parts)}."))
    if weak:
        notes[-1] = Note("kernels", f"{notes[-1].text} {MARK} an assumed or scaled figure.")
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
        f"at_{name}": None if value is None or math.isinf(value) or _no_share(c, value) else value
        for name, value in zip(("p5", "p50", "p95", "all_low", "all_high"), values, strict=True)
    }
    words = None if t is None else f"9 of 10 draws: {_moves(c, t.band)}; at the ends: {_moves(c, t.ends)}"
    return fields | {
        "range": words, "ranges": t and f"draws of {DRAWN[t.measured]}",
        "draws": t and t.draws, "seed": None if t is None else t.seed,
        "distribution": t and t.distribution,
    }  # fmt: skip


def _no_share(c: Crossing, value: float) -> bool:
    return "share" in c.axis and not 0 <= value <= 1
