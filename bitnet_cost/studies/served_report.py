"""After how many generated tokens a training is paid for, in words, tables and records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bitnet_cost.formulas.training import compute_optimal_tokens
from bitnet_cost.numerals import change_words, figures_of, prefix_of, short_count, with_commas
from bitnet_cost.studies.breakeven_report import DRAWN, draws_of
from bitnet_cost.studies.served import Repayment
from bitnet_cost.tables import Note, Report, Table, headed
from bitnet_cost.views.training import NOT_COUNTED, energy_of_run
from bitnet_cost.views.verdict import hardware_name, precision_name

if TYPE_CHECKING:
    from bitnet_cost.views.page import Page


def own(found: Sequence[Repayment]) -> Repayment:
    """The answer for the device's own runtime, else the first."""
    return next((r for r in found if r.new.runtime and r.new.runtime.runtime == r.new.hardware.runtime), found[0])


def report(found: Sequence[Repayment]) -> Report:
    """The answer for the device's own runtime in words, a row for each runtime, and how it was found."""
    first = own(found)
    model = first.new.architecture
    title = f"{model.title or model.name}: generated tokens that pay for its training in {first.new.precision.name}"
    table = _table(title, [r for r in found if r.reason is None])
    return Report(title, sentence(first), (table,) if table.rows else (), tuple(_notes(first)), _also(first))


def page(found: Sequence[Repayment], command: str) -> Page:
    """The answer as a page: energy of both models over the tokens that use generates."""
    from bitnet_cost.views.curve import Spending, payback_page

    r = own(found)
    name, old, spent = r.new.precision.name, r.old.precision.name, r.spent or (0.0, 0.0)
    both = (
        Spending(f"{name}, trained and used", 0.0 if r.trained is None else r.trained[1], spent[0]),
        Spending(f"{old}, used", 0.0, spent[1]),
    )
    return payback_page(report(found), both, math.inf if r.tokens is None else r.tokens, document(found), command)


def sentence(r: Repayment) -> str:
    """After how many generated tokens training is paid, or that it never is."""
    new, old = r.new, r.old
    model, name = new.architecture.title or new.architecture.name, precision_name(new.precision.name)
    if r.tokens is None or r.spent is None:
        return f"No break-even can be computed for {model} in {name} against {old.precision.name}: {r.reason}."
    where = f"one {hardware_name(new.hardware)}" if new.hardware.has_clock else hardware_name(new.hardware)
    where += f" with {new.runtime.runtime}" if new.runtime else ""
    change = change_words(r.spent[0] / r.spent[1] - 1)
    paid = "its training" if r.plain is None else "what its training takes beyond plain training"
    on = f"on {short_count(r.training.plan.tokens or 0)} tokens"
    verb, after = ("has paid", f" after {short_count(r.tokens)} generated tokens")
    if not math.isfinite(r.tokens):
        verb, after = "never pays", ""
    than = "as" if change.endswith("as much") else "than"
    return (
        f"{model} in {name} {verb} for {paid} {on}{after}: in use it needs {change} energy {than}"
        f" {old.precision.name} ({where}, batch {with_commas(int(new.workload.batch))}, scope {new.scope})."
    )


def _also(r: Repayment) -> str:
    """What was paid, how far the answer moves, and how long use takes that long."""
    if r.trained is None or r.band is None:
        return ""
    plan, place = r.training.plan, r.training.hardware
    beyond = "" if r.plain is None else f" beyond that in {r.plain.precision.name}"
    many = "one" if plan.devices == 1 else with_commas(plan.devices)
    where = f"on {many} {hardware_name(place)}" if place.has_clock else f"at {hardware_name(place)}"
    low, _, high = r.band
    moves = f"is paid after {_count(low)} to {_count(high)}" if math.isfinite(low) else "never is paid"
    parts = [
        f"Training takes {energy_of_run(r.trained[1])}{beyond} {where}",
        f"in nine of ten draws of {DRAWN[r.measured]} it {moves}",
    ]
    if r.years is not None:
        took = f"{figures_of(r.years * 365.25)} days" if r.years < 1 else f"{figures_of(r.years)} years"
        parts.append(f"one device in use, always busy, generates that many in {took}")
    return "; ".join(parts) + "."


def _table(title: str, answered: Sequence[Repayment]) -> Table:
    """Energy of a generated token in both precisions, and after how many of them training is paid."""
    spent = [r.spent or (0.0, 0.0) for r in answered]
    prefix, scale = prefix_of(min((min(each) for each in spent), default=1.0))
    old = answered[0].old.precision.name if answered else ""
    heads = ("runtime", f"{prefix}J/token", f"in {old}", "saved", "paid after", "9 of 10 draws", "years")

    def row(r: Repayment, each: tuple[float, float]) -> tuple[str, ...]:
        low, _, high = r.band or (math.inf,) * 3
        energies = (figures_of(joules / scale) for joules in (*each, each[1] - each[0]))
        moves = f"{_count(low)} to {_count(high)}" if math.isfinite(low) else "never"
        return r.new.runtime.runtime if r.new.runtime else "-", *energies, _count(r.tokens), moves, figures_of(r.years)

    return Table(title, headed(*heads), tuple(row(r, each) for r, each in zip(answered, spent, strict=True)))


def _count(tokens: float | None) -> str:
    return short_count(tokens) if tokens is not None and math.isfinite(tokens) else "never"


def _notes(r: Repayment) -> list[Note]:
    """What training and use are, what is paid, how ranges are drawn, what is left out."""
    made, work, drawn = r.training, r.new.workload, r.draws
    plan = made.plan
    usual = plan.tokens == compute_optimal_tokens(r.new.parameters)
    why = ", 20 a parameter (Hoffmann et al., 2022; most models now see far more)" if usual else ""
    text = f"Training: {short_count(plan.tokens or 0)} tokens{why} in {made.precision.name}"
    if made.runtime is not None:
        text += f", {with_commas(plan.devices)} {made.hardware.name} with {made.runtime.name}, ZeRO {plan.zero}"
    notes = [Note("training", f"{text}, {with_commas(plan.seq)} tokens a sequence.")]
    batch, prompt, steps = (with_commas(int(n)) for n in (work.batch, work.prompt, work.generate))
    text = f"Use: batch {batch}, {prompt} tokens in, {steps} out; a generated token bears its share of the prompt."
    notes.append(Note("use", f"{text} Fuller batches save less on each."))
    text = "Paid back is all of the training, as where a plain model is at hand; --training extra: what it takes more"
    if r.plain is not None:
        text = f"Paid back is only what training takes beyond that in {r.plain.precision.name}: one is trained anyway"
    notes.append(Note("paid", f"{text}. That both models are equally good is not implied."))
    of = draws_of(drawn.distribution, "training and both uses", "two precisions", measured=r.measured)
    notes.append(Note("band", f"9 of 10 draws: {with_commas(drawn.count)} draws of {of}; seed {drawn.seed}."))
    notes.append(Note("not-counted", f"Not counted: {'; '.join(NOT_COUNTED)}; runs that failed, or came before."))
    return notes


def rows(found: Sequence[Repayment]) -> list[dict[str, Any]]:
    """Answers as records; ``served_tokens`` is null where it is never paid, and ``never`` says so."""
    return [_record(r) for r in found]


def _record(r: Repayment) -> dict[str, Any]:
    work, made = r.new.workload, r.training
    trained, spent = r.trained or (None,) * 3, r.spent or (None,) * 2
    band = [value if value is not None and math.isfinite(value) else None for value in r.band or (None,) * 3]
    never = None if r.tokens is None else not math.isfinite(r.tokens)
    return {
        "model": r.new.architecture.name, "hardware": r.new.hardware.name,
        "runtime": r.new.runtime and r.new.runtime.runtime, "precision": r.new.precision.name,
        "baseline": r.old.precision.name, "scope": r.new.scope, "batch": int(work.batch), "prompt": int(work.prompt),
        "generate": int(work.generate), "training": "whole" if r.plain is None else "extra",
        "training_tokens": made.plan.tokens, "training_hardware": made.hardware.name,
        "training_runtime": made.runtime and made.runtime.name, "training_devices": made.plan.devices,
        "training_days": made.days, "training_energy_j": trained[1], "training_energy_p5_j": trained[0],
        "training_energy_p95_j": trained[2], "energy_per_token_j": spent[0], "baseline_energy_per_token_j": spent[1],
        "saved_per_token_j": r.saved, "served_tokens": None if never else r.tokens, "served_tokens_p5": band[0],
        "served_tokens_p50": band[1], "served_tokens_p95": band[2], "never": never, "device_years": r.years,
        "ranges": f"draws of {DRAWN[r.measured]}",
        "draws": r.draws.count, "seed": r.draws.seed, "distribution": r.draws.distribution, "verdict": sentence(r),
        "reason": r.reason,
    }  # fmt: skip


def document(found: Sequence[Repayment]) -> dict[str, Any]:
    """The answer as one JSON document."""
    return {"schema": "bitnet-cost/break-even-1", "by": "served-tokens", "records": rows(found)}
