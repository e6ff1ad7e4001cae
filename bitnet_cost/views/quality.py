"""What is published on the quality that a model keeps in a precision: a line below an answer, and rows of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bitnet_cost.inputs.quality import Published
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import brief, significant
from bitnet_cost.tables import Note

FIRST = ("wikitext2", "c4", "average", "mmlu")  # sets that a line is on, the first of them that there is
NAMES = {
    "wikitext2": "WikiText-2", "c4": "C4", "wikitext2+c4": "WikiText-2 and C4", "average": "mean", "mmlu": "MMLU",
}  # fmt: skip
USUAL = ("GPTQ", "AWQ")  # methods that most checkpoints are made with: of several, a line is on theirs
UNKNOWN = 3  # cells without a figure that are named


def row(figure: Published) -> dict[str, Any]:
    """A figure as a row of the list that people read."""
    loss = figure.loss
    return {
        "model": figure.model, "method": figure.method, "metric": figure.metric, "set": figure.set,
        "value": brief(figure.value), "baseline": _or_dash(figure.baseline_value),
        "loss": "-" if loss is None else significant(loss, 1.0, 3),
        "source": figure.source.partition(";")[0] + (" (recalled)" if figure.seen == "memory" else ""),
    }  # fmt: skip


def _or_dash(value: float | None) -> str:
    return "-" if value is None else brief(value)


def notes(results: Sequence[Result]) -> Iterator[Note]:
    """For every model: one published figure of each precision against its own baseline, or that there is none."""
    cells = {(r.architecture.name, r.precision.name): r.quality for r in results}
    for model in dict.fromkeys(model for model, _ in cells):
        of_model = {precision: figures for (name, precision), figures in cells.items() if name == model}
        known = [_told(precision, figures) for precision, figures in of_model.items() if figures]
        if known:
            yield Note("quality", f"Quality of {model}, published: {'; '.join(known)}.")
        without = [precision for precision, figures in of_model.items() if not figures]
        if without:
            named = ", ".join(without[:UNKNOWN]) + (" ..." if len(without) > UNKNOWN else "")
            yield Note("quality", f"Quality is not known for {model} in {named}: no published figure.")


def _told(precision: str, figures: Sequence[Published]) -> str:
    """The figure of a precision that says most: one with a baseline, on the set that most papers use."""
    figure = min(figures, key=_order)
    what = f"{NAMES.get(figure.set, figure.set)} {figure.metric}"
    percent = "%" if figure.metric == "accuracy" else ""
    text = f"{precision} {what} {brief(figure.value)}{percent}"
    if figure.baseline_value is not None and figure.precision not in ("fp16", "bf16", "fp32"):
        text += f" against {brief(figure.baseline_value)}{percent}"
    weak = ", recalled" if figure.seen == "memory" else ""
    return f"{text} ({figure.method}, {figure.source.partition(';')[0]}{weak})"


def _order(figure: Published) -> tuple[int, bool, bool, int, bool]:
    sets = FIRST.index(figure.set) if figure.set in FIRST else len(FIRST)
    kept = ("opened", "second-hand", "memory").index(figure.seen)
    return (
        kept,
        figure.baseline_value is None,
        figure.metric != "perplexity",
        sets,
        not any(w in figure.method for w in USUAL),
    )
