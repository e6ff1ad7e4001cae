"""Energy against published quality: figures of one table at a time, and those that no other beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.front import efficient
from bitnet_cost.inputs.quality import Published
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import column_figures, fixed, signed_change
from bitnet_cost.tables import Look, Note, Report, Table, headed
from bitnet_cost.views import honesty, quality
from bitnet_cost.views.estimate import names_of
from bitnet_cost.views.families import family_of
from bitnet_cost.views.groups import alike, describe_briefly, place_of
from bitnet_cost.views.notes import notes
from bitnet_cost.views.verdict import Verdict, hardware_name, listed, per_token, precision_name

EFFICIENT = "+"
MANY = 4  # names from which on the sentence has the first and the last alone
Evaluation = tuple[str, str, str, str]


class Point(NamedTuple):
    """A result, its best figure in a table, and of how many methods; efficient: none there beats it in both."""

    result: Result
    figure: Published
    methods: int
    efficient: bool

    @property
    def weak(self) -> bool:
        """Whether the figure was only recalled, or part of the energy rests on assumed or scaled prices."""
        return self.figure.weak or bool(honesty.mark(self.result))

    @property
    def joules(self) -> float:
        """Energy of a generated token, or of the run where none is generated.  [J]"""
        return float(self.result.energy_j) * per_token(self.result)

    @property
    def name(self) -> str:
        """The precision as sentences call it, with what it keeps at what energy."""
        return f"{precision_name(self.result.precision.name)} ({fixed(self.figure.value, quality.places(self.figure))})"


def covered(
    known: Mapping[tuple[str, str], Mapping[Evaluation, tuple[Published, int]]],
) -> dict[Evaluation, dict[tuple[str, str], tuple[Published, int]]]:
    """Published figures of two or more cells by table, metric and set, the one with most cells first."""
    found: dict[Evaluation, dict[tuple[str, str], tuple[Published, int]]] = {}
    for cell, figures in known.items():
        for evaluation, best in figures.items():
            found.setdefault(evaluation, {})[cell] = best

    def order(evaluation: Evaluation) -> tuple[int, int, int]:
        cells = found[evaluation]
        place = quality.FIRST.index(evaluation[3]) if evaluation[3] in quality.FIRST else len(quality.FIRST)
        return -len(cells), place, -sum(methods for _, methods in cells.values())

    return {each: found[each] for each in sorted(found, key=order) if len(found[each]) > 1}


def worse(figure: Published) -> float:
    """A figure turned so that less is better."""
    return figure.value if figure.metric == "perplexity" else -figure.value


def best_of(figures: Sequence[Published]) -> dict[Evaluation, tuple[Published, int]]:
    """The best figure of each table, metric and set, and of how many methods it is."""
    groups = alike(figures, lambda f: f.evaluation)
    return {group[0].evaluation: (min(group, key=worse), len(group)) for group in groups}


def points(results: Sequence[Result]) -> dict[Evaluation, list[Point]]:
    """What has an energy and a figure, by table, metric and set, the one with most precisions first.

    Figures of different tables are never together: tests, contexts and software differ. Of a piece of hardware,
    those are efficient that no other beats in both energy and quality.
    """
    found: dict[Evaluation, list[tuple[Result, Published, int]]] = {}
    for r in results:
        for evaluation, (figure, methods) in best_of(r.quality).items() if r.has_energy else ():
            found.setdefault(evaluation, []).append((r, figure, methods))
    made = {evaluation: _with_front(cells) for evaluation, cells in found.items()}

    def order(evaluation: Evaluation) -> tuple[Any, ...]:
        mine = made[evaluation]
        place = quality.FIRST.index(evaluation[3]) if evaluation[3] in quality.FIRST else len(quality.FIRST)
        covered = {(p.result.architecture.name, p.result.precision.name) for p in mine}
        return -len(covered), any(p.figure.weak for p in mine), place, -sum(p.methods for p in mine)

    return {evaluation: made[evaluation] for evaluation in sorted(made, key=order)}


def _with_front(cells: Sequence[tuple[Result, Published, int]]) -> list[Point]:
    made = []
    for group in alike(cells, lambda cell: place_of(cell[0])[1:]):
        values = np.array([[float(r.energy_j) * per_token(r), worse(f)] for r, f, _ in group])
        made += [Point(r, f, n, bool(on)) for (r, f, n), on in zip(group, efficient(values), strict=True)]
    return made


def by_quality_report(answer: Answer, verdict: Verdict) -> Report:
    """What no other beats in energy and quality, the table of figures that says so, and those of other tables."""
    found = points(answer.results)
    title = f"{names_of(answer.results)}: energy against quality"
    if not found:
        sentence = f"No figure of quality is published for {names_of(answer.results)} in the precisions asked for."
        return Report(title, sentence, (), notes(answer, verdict))
    first, *others = found.values()
    unknown = dict.fromkeys(
        f"{precision_name(r.precision.name)}" for r in answer.results
        if not any(p.result is r for p in first) and r.has_energy
    )  # fmt: skip
    also = f"Not in that table, so not compared: {listed(list(unknown))}." if unknown else ""
    text = f"Quality is {quality.evaluated(first[0].figure)} of {quality.located(first[0].figure)}:"
    text += f" {first[0].figure.conditions}."
    signs = f"{EFFICIENT} efficient: nothing else on its device needs less energy and keeps more quality; of several"
    signs += " methods at the same bits, the best counts. Other tables are other tests, and are not mixed in."
    return Report(
        title, _sentence(first), (_table(first),), (Note("conditions", text), Note("marks", signs),
        *notes(answer, verdict)), also, tuple(_table(group) for group in others if len(group) > 1),
    )  # fmt: skip


def _sentence(found: Sequence[Point]) -> str:
    """What keeps most, what needs less energy for less of it, and what is beaten in both, on the first device."""
    group, *others = alike(found, lambda p: place_of(p.result)[1:])
    front = sorted((p for p in group if p.efficient), key=lambda p: worse(p.figure))
    several = len({p.result.architecture.name for p in group}) > 1
    names = {id(p): f"{p.result.architecture.name} in {p.name}" if several else p.name for p in group}
    hardware = group[0].result.hardware
    text = (
        f"By {quality.evaluated(found[0].figure)} {'on the' if hardware.has_clock else 'at'} {hardware_name(hardware)}"
    )
    text += f" {names[id(front[0])]} is best"
    saved = [f"{names[id(p)][:-1]}, {signed_change(p.joules / front[0].joules - 1)})" for p in front[1:]]
    if saved:
        text += f"; less energy for less quality: {listed(saved if len(saved) < MANY else [saved[0], saved[-1]])}"
    beaten = [names[id(p)] for p in group if not p.efficient]
    if beaten:
        text += f"; {listed(beaten[:MANY])} {'is' if len(beaten) == 1 else 'are'} beaten in both"
    return f"{text}; other hardware below." if others else f"{text}."


def _table(found: Sequence[Point]) -> Table:
    places = alike(sorted(found, key=lambda p: p.joules), lambda p: place_of(p.result)[1:])
    several = len({p.result.architecture.name for p in found}) > 1
    unit, energies = column_figures([p.joules for group in places for p in group], "J", 3)
    cells = iter(energies)
    rows: list[tuple[str, ...]] = []
    looks = []
    for group in places:
        best = min(group, key=lambda p: (worse(p.figure), p.joules))
        if len(places) > 1:
            rows.append((group[0].result.hardware.name,))
            looks.append(Look())
        for p in group:
            mark = honesty.mark(p.result)
            model = [p.result.architecture.name] if several else []
            rows.append((
                EFFICIENT if p.efficient else "", *model, p.result.precision.name, next(cells) + mark,
                "base" if p is best else signed_change(p.joules / best.joules - 1),
                fixed(p.figure.value, quality.places(p.figure)) + "*" * p.figure.weak, quality.loss(p.figure),
                p.figure.method,
            ))  # fmt: skip
            looks.append(Look("bold" if p.efficient else "", family_of(p.result.precision).dark_text))
    figure, first = found[0].figure, found[0].result
    per = "/token" if any(per_token(p.result) != 1 for p in found) else "/run"
    words = headed(EFFICIENT, *(["model"] if several else []), "precision", texts=3)
    title = f"{names_of([p.result for p in found])}: {describe_briefly(first)}; {quality.evaluated(figure)} of"
    title += f" {quality.located(figure)}"
    heads = (*words, *headed(unit + per, "vs best", quality.SHORT[figure.metric], "loss", texts=0))
    return Table(title, (*heads, *headed("method")), tuple(rows), looks=tuple(looks))


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Every point as data: energy, figure, its loss, and whether it is efficient among those of its table."""
    return [
        {
            "model": p.result.architecture.name, "hardware": p.result.hardware.name,
            "precision": p.result.precision.name,
            "energy_per_token_j" if per_token(p.result) != 1 else "energy_j": p.joules,
            **{k: v for k, v in p.figure._asdict().items() if k not in ("model", "precision")},
            "loss": p.figure.loss, "efficient": p.efficient,
        }
        for group in points(answer.results).values() for p in group
    ]  # fmt: skip
