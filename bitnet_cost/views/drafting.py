"""What drafted tokens change, in words: how many a round yields, and whether it pays."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.formulas.speculation import expected_tokens
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import brief, digits, whole_percent
from bitnet_cost.tables import Note


def drafted_by(result: Result) -> str:
    """What drafts tokens, as the end of a line."""
    rounds, draft = result.rounds, result.scenario.draft
    if rounds is None or draft is None:
        return ""
    return f", {rounds.tokens} drafted by {draft.name}, accepted {brief(rounds.accept)}"


def pays(results: Sequence[Result]) -> list[Note]:
    """What a draft changes in each precision on each piece of hardware, and why where it does not pay."""
    found = []
    for r in results:
        if r.rounds is None or r.draft is None or r.plain is None or not (r.has_energy and r.plain.has_energy):
            continue
        own, plain = r.energy_by_phase.get("decode"), r.plain.energy_by_phase.get("decode")
        if own is None or plain is None:
            found.append(Note("draft", "Nothing is decoded: the first token is the prefill's, and no round is run."))
            continue
        where = f"{r.precision.name} at {r.hardware.name}"
        energy = whole_percent(float(own[0] / plain[0]))
        fast = None if r.tokens_per_s is None or r.plain.tokens_per_s is None else r.tokens_per_s / r.plain.tokens_per_s
        rate = "" if fast is None else f"{digits(fast, 3)} times the tokens/s, "
        good = float(own[0]) < float(plain[0]) if fast is None else fast > 1
        yields = digits(expected_tokens(r.rounds.accept, r.rounds.tokens), 3)
        text = (
            f"{rate}{energy} of the energy of decoding without it; a round of {r.rounds.tokens} yields {yields} tokens"
        )
        verdict = "pays" if good else "does not pay"
        found.append(Note("draft", f"The draft {verdict} in {where}: {text}{'' if good else why_not(r)}."))
    return found


def why_not(result: Result) -> str:
    """What eats what a round yields."""
    timing, draft = result.timing, result.draft
    if timing is None or draft is None or draft.timing is None:
        return ""
    whole, drafting = float(timing.of_phase("decode")[0]), float(draft.timing.of_phase("decode")[0])
    if drafting > whole / 2:
        return f", and drafting takes {whole_percent(drafting / whole)} of the time"
    row = result.counts.row_of("decode")
    waits = {name: float(values[row, :, 0].sum()) for name, values in timing.waits.items()}
    if waits["compute"] + waits["power"] > whole / 4:
        return ", and checking them waits for arithmetic, which a batch fills already"
    return ", fewer than a check and its drafts cost"
