"""Eight bits after training against one bit, on one page: memory, energy by scope, quality, training, hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.quality import Published
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import brief, change_words, fixed, signed_change, span, with_prefix
from bitnet_cost.tables import Note, Report, Table, headed
from bitnet_cost.views import honesty, quality
from bitnet_cost.views.effects import instead_of
from bitnet_cost.views.verdict import hardware_name, held_bits, per_token
from bitnet_cost.words import Scope


class Side(NamedTuple):
    """One side of a comparison: a precision, the published method whose quality it has, what training that takes."""

    precision: str
    method: str
    training: str
    source: str  # of what training takes


class Case(NamedTuple):
    """A model of one size, published with eight bits after training and with one bit, in one table where possible."""

    model: str
    eight: Side
    one: Side


_GPTQ = Side("w8a16", "QuantLM 8-bit", "none: GPTQ on a calibration set", "arXiv:2407.12327, appendix D")
_SMOOTH = Side(
    "int8", "W8A8 SmoothQuant", "none: calibrated, in its paper on 512 sentences", "arXiv:2211.10438, section 5.1"
)
_TRILM = Side("w1.58a16", "TriLM", "all of it: 300 billion tokens", "arXiv:2407.12327")
CASES = (
    Case("trilm-1.5b", _GPTQ, _TRILM),
    Case("trilm-3.9b", _GPTQ, _TRILM),
    Case("bitnet-paper-6.7b", _SMOOTH, Side("bitnet", "W1A8 BitNet", "all of it, from scratch", "arXiv:2310.11453")),
    Case("llama-2-13b", _SMOOTH, Side(
        "w1a16", "W1 OneBit", "distillation from the trained model", "xuyuzhuang11/OneBit, README.md")),
    Case("llama-2-70b", _SMOOTH, Side("w1a16", "W1.08g128 BiLLM", "none: post-training", "arXiv:2402.04291")),
)  # fmt: skip
PLACES: tuple[tuple[str, Scope], ...] = (
    ("cmos-7nm", "arithmetic"),
    ("cmos-7nm", "memory"),
    ("h100-sxm-80gb", "device"),
)
_WORDS = {"arithmetic": "arithmetic, 7 nm", "memory": "+ memory, 7 nm", "device": "device, H100"}
OWN = "this model"


class Answered(NamedTuple):
    """A case with its results on both sides, by scope, and the published figures of both."""

    case: Case
    eight: Mapping[str, Result]
    one: Mapping[str, Result]
    figures: tuple[Published | None, Published | None]

    def change(self, scope: str) -> float:
        """Energy of one bit over that of eight, less 1."""
        return float(self.one[scope].energy_j) / float(self.eight[scope].energy_j) - 1

    @property
    def lost(self) -> tuple[float, float] | None:
        """What both lose against 16 bits, where that is in one metric and set."""
        eight, one = self.figures
        if eight is None or one is None or (eight.metric, eight.set) != (one.metric, one.set):
            return None
        return None if eight.loss is None or one.loss is None else (eight.loss, one.loss)

    @property
    def memory(self) -> float:
        """Weights of one bit over those of eight."""
        return held_bits(self.one["arithmetic"]) / held_bits(self.eight["arithmetic"])


def figures_of(case: Case, published: Sequence[Published]) -> tuple[Published | None, Published | None]:
    """The figures of both sides: of one table, metric and set where there is one, else each with its own baseline."""

    def of(side: Side) -> list[Published]:
        found = [f for f in published if f.model == case.model and f.method == side.method]
        places = {name: i for i, name in enumerate(quality.FIRST)}
        found = [f for f in found if f.set in places and f.baseline_value is not None]
        return sorted(found, key=lambda f: places[f.set])

    eight, one = of(case.eight), of(case.one)
    for f in one:
        for g in eight:
            if f.evaluation == g.evaluation:
                return g, f
    for f in one:
        for g in eight:
            if (f.metric, f.set) == (g.metric, g.set):
                return g, f
    return (eight[0] if eight else None), (one[0] if one else None)


def eight_bit_report(answered: Sequence[Answered], devices: Sequence[Hardware]) -> Report:
    """What follows from all cases, and a table of each, every cell with its source."""
    memory, device = [a.memory for a in answered], [a.change("device") for a in answered]
    worse = [a for a in answered if (lost := a.lost) is not None and lost[1] > lost[0]]
    sentence = f"One bit stores {span(min(memory), max(memory), 2)} times the weights of eight bits after training and"
    sentence += f" needs {change_words(min(device))} to {change_words(max(device))} energy a token on the H100;"
    sentence += f" it loses more quality in {len(worse)} of {len(answered)} sizes."
    arithmetic, moved = ([a.change(scope) for a in answered] for scope in ("arithmetic", "memory"))
    also = f"Arithmetic alone goes from {signed_change(min(arithmetic))} to {signed_change(max(arithmetic))}, the"
    also += " latter where activations stay in 16 bits; with memory traffic"
    also += f" from {signed_change(min(moved))} to {signed_change(max(moved))}."
    notes = (
        Note("eight-bit", "Losses are against 16 bits in the table of each figure; where the two are of different"
             " tables, compare the losses, not the values."),
        Note("eight-bit", "OneBit and BiLLM are priced as w1a16, without their value vectors and second bits."),
        Note("eight-bit", f"* at least 1% of this energy rests on assumed or scaled prices. {OWN}: bitnet-cost, by its"
             " hardware profiles, batch 1: at 7 nm one pass of 512 tokens, on the device a token of 128 behind them."),
    )  # fmt: skip
    return Report(
        "Eight bits after training against one bit", sentence, (_summary(answered),), notes, also,
        tuple(_table(a, devices) for a in answered),
    )  # fmt: skip


def _summary(answered: Sequence[Answered]) -> Table:
    """A row for each size: one bit against eight, and what each loses against 16 bits."""
    rows = []
    for a in answered:
        title = a.eight["arithmetic"].architecture.title or a.case.model
        changes = (signed_change(a.change(scope)) for _, scope in PLACES)
        lost = ("-" if f is None else quality.loss(f) for f in a.figures)
        metric = next((quality.SHORT[f.metric] for f in a.figures if f is not None), "-")
        rows.append((title, a.case.one.method, f"x{fixed(a.memory, 2)}", *changes, *lost, metric))
    heads = (*headed("model", "1 bit by", texts=2), *headed("weights", "arithm.", "+ memory", "H100", texts=0))
    heads += (*headed("loss 8 bits", "loss 1 bit", texts=0), *headed("in"))
    return Table("One bit against eight bits after training", heads, tuple(rows))


def _table(found: Answered, devices: Sequence[Hardware]) -> Table:
    case, sides = found.case, (found.eight, found.one)
    first = found.eight["arithmetic"]
    rows = [("weights", *(with_prefix(held_bits(s["arithmetic"]) / 8, "B", 3) for s in sides), OWN)]
    for hardware, scope in PLACES:
        cells = (
            with_prefix(float(s[scope].energy_j) * per_token(s[scope]), "J", 3) + honesty.mark(s[scope]) for s in sides
        )
        rows.append((_WORDS[scope], *cells, f"{OWN}, {hardware}"))
    known = [f for f in found.figures if f is not None]
    what = dict.fromkeys(quality.evaluated(f) for f in known)
    rows.append((", ".join(what) or "quality", *map(_figure, found.figures), _sources(known)))
    rows.append(("training", case.eight.training, case.one.training, f"{case.eight.source}; {case.one.source}"))
    rows.append(("hardware", *(_support(s["device"], devices) for s in sides), "profiles of the catalogue"))
    title = f"{first.architecture.title or case.model}: {case.eight.method} against {case.one.method}"
    heads = headed("", f"8 bits ({case.eight.precision})", f"1 bit ({case.one.precision})", "source", texts=4)
    return Table(title, heads, tuple(rows))


def _figure(figure: Published | None) -> str:
    if figure is None:
        return "not known"
    base = figure.baseline_value
    against = "" if base is None else f", loss {quality.loss(figure)}"
    return fixed(figure.value, quality.places(figure)) + against


def _sources(figures: Sequence[Published]) -> str:
    return "; ".join(dict.fromkeys(quality.located(f) for f in figures)) or "-"


def _support(result: Result, devices: Sequence[Hardware]) -> str:
    """Whether the device has the unit, and how many of the catalogue's devices have it."""
    missing = instead_of(result.precision, result.hardware)
    name = hardware_name(result.hardware)
    text = f"{name}: own unit" if missing is None else f"{name}: runs as {missing[1]}"
    have = sum(instead_of(result.precision, h) is None for h in devices)
    return f"{text}; {brief(have)} of {len(devices)} devices have one"


def rows(report: Report) -> list[dict[str, str]]:
    """The cells of every table as data: the model with both methods, what, both sides and their source."""
    return [
        {"comparison": table.title, "what": what, "eight_bits": eight, "one_bit": one, "source": source}
        for table in report.details for what, eight, one, source in table.rows
    ]  # fmt: skip
