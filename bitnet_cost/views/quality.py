"""What is published on the quality that a model keeps in a precision: a table beside the saving, and rows of a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import brief, fixed
from bitnet_cost.tables import Note, Table, headed
from bitnet_cost.views.groups import alike

if TYPE_CHECKING:
    from bitnet_cost.inputs.quality import Published

FIRST = (
    "wikitext2",
    "wikitext2+c4",
    "c4",
    "validation",
    "average",
    "mmlu",
)  # sets that a row is on, the first of them that there is
NAMES = {
    "wikitext2": "WikiText-2", "c4": "C4", "wikitext2+c4": "WikiText-2 and C4", "average": "mean", "mmlu": "MMLU",
    "ptb": "PTB", "lambada": "LAMBADA", "hellaswag": "HellaSwag", "winogrande": "WinoGrande", "piqa": "PIQA",
    "boolq": "BoolQ", "arc-easy": "ARC easy", "arc-challenge": "ARC challenge",
}  # fmt: skip
USUAL = ("GPTQ", "AWQ")  # methods that most checkpoints are made with: of several, a row is on theirs
WIDE = ("fp16", "bf16", "fp32")  # what tables compare with
SHORT = {"perplexity": "ppl", "accuracy": "%"}
SEEN = ("opened", "second-hand", "memory")
MODELS = 3  # models that have a table each
UNKNOWN = "; quality not known"
Cells = Mapping[str, "Sequence[Published]"]  # of a model, by precision


def evaluated(figure: Published) -> str:
    """What a figure is, as in WikiText-2 perplexity."""
    return f"{NAMES.get(figure.set, figure.set)} {figure.metric}"


def cited(figure: Published) -> str:
    """Where a figure is from: the paper or the repository, and whether it was only recalled."""
    return figure.source.partition(";")[0].partition(",")[0] + (" (recalled)" if figure.weak else "")


def located(figure: Published) -> str:
    """Where a figure is from, with its table."""
    return f"{cited(figure)}, {figure.table}"


def loss(figure: Published) -> str:
    """What is worse than in the baseline, in the metric's own unit; a dash where the table has none."""
    return "-" if figure.loss is None else fixed(figure.loss + 0.0, places(figure))


def row(figure: Published) -> dict[str, Any]:
    """A figure as a row of the list that people read."""
    return {
        "model": figure.model, "method": figure.method, "figure": f"{figure.set} {SHORT[figure.metric]}",
        "value": brief(figure.value), "loss": loss(figure),
        "source": cited(figure),
    }  # fmt: skip


def places(figure: Published) -> int:
    """Decimals of a figure and its baseline: as many as are printed, two of a perplexity at least, three at most.

    >>> from bitnet_cost.inputs.quality import Published
    >>> places(Published("", "", "", "accuracy", "", 65.0, 64.5, "", "", "", ""))
    1
    """
    values = [v for v in (figure.value, figure.baseline_value) if v is not None]
    printed = max(len(fixed(v, 3).rstrip("0").partition(".")[2]) for v in values)
    return max(printed, 2) if figure.metric == "perplexity" else printed


def of_model(cells: Cells) -> dict[str, Published]:
    """The figure of each precision of a model that says most; precisions without one are left out.

    Figures of one table are preferred, since only they may be compared: those of the table that has most of the
    precisions. Where it has several methods, the one that most checkpoints are made with.
    """
    shared: dict[tuple[str, ...], set[str]] = {}
    for precision, figures in cells.items():
        for figure in figures:
            shared.setdefault(figure.evaluation, set()).add(precision)

    def order(figure: Published) -> tuple[Any, ...]:
        place = FIRST.index(figure.set) if figure.set in FIRST else len(FIRST)
        return (
            SEEN.index(figure.seen), figure.baseline_value is None, -len(shared[figure.evaluation]),
            place, figure.metric != "perplexity", not any(name in figure.method for name in USUAL),
        )  # fmt: skip

    first = min((f for figures in cells.values() for f in figures), key=order, default=None)
    return {
        precision: min(figures, key=lambda f: (first is None or f.evaluation != first.evaluation, *order(f)))
        for precision, figures in cells.items() if figures
    }  # fmt: skip


def known(results: Sequence[Result]) -> bool:
    """Whether any published figure is of these results."""
    return any(r.quality for r in results)


def tables(results: Sequence[Result]) -> list[Table]:
    """For each of a few models: a published figure of each precision, its loss against its own baseline, its source."""
    models = alike(results, lambda r: r.architecture.name)
    if len(models) > MODELS:
        return []
    return [
        table(group[0].architecture.title or group[0].architecture.name, _cells(group))
        for group in models if known(group)
    ]  # fmt: skip


def _cells(results: Sequence[Result]) -> Cells:
    return {r.precision.name: r.quality for r in results}


def table(model: str, cells: Cells) -> Table:
    """The published figures of a model by precision, those without one in the last row."""
    found = of_model(cells)
    figures = list(found.values())
    same = len({(f.metric, f.set) for f in figures}) == 1
    rows: list[tuple[str, ...]] = []
    for precision, f in found.items():
        base = precision in WIDE and f.loss == 0
        kind = [] if same else [evaluated(f)]
        rows.append((precision, *kind, fixed(f.value, places(f)), "base" if base else loss(f), f.method, cited(f)))
    without = [precision for precision, figures in cells.items() if not figures]
    if without:
        rows.append((", ".join(without), "not known: no published figure"))
    heads = (*headed("precision", *([] if same else ["of"]), texts=2 - same), *headed("value", "loss", texts=0))
    title = f"Quality of {model}, published"
    title += f": {evaluated(figures[0])}" if same else ""
    return Table(title, (*heads, *headed("method", "source", texts=2)), tuple(rows))


def notes(results: Sequence[Result]) -> Iterator[Note]:
    """How figures of quality are to be read, and the conditions of those that are shown."""
    if not known(results):
        return
    figures = [f for g in alike(results, lambda r: r.architecture.name) for f in of_model(_cells(g)).values()]
    text = "Quality: loss is perplexity risen, or accuracy fallen, against 16 bits in the same table"
    if len({f.evaluation for f in figures}) > 1:
        text += "; tables of different sources are not compared with one another"
    yield Note("quality", f"{text}.")
    for conditions, where in {f.conditions: cited(f) for f in figures}.items():
        yield Note("conditions", f"{where}: {conditions}.")
