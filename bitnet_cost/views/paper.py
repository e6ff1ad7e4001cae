"""The table of papers: models and precisions down, hardware across, with energies and savings."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import column_figures, signed_change
from bitnet_cost.tables import Column, Look, Report, Table
from bitnet_cost.views import honesty
from bitnet_cost.views.groups import alike, describe_briefly
from bitnet_cost.views.notes import notes
from bitnet_cost.views.verdict import Verdict, title_of

PARTS = ("mul", "add")  # of arithmetic, which papers print apart


def paper_report(answer: Answer, verdict: Verdict) -> Report:
    """The verdict, and one table for each scope and workload."""
    groups = alike(answer.results, lambda r: (r.scope, describe_briefly(r)))
    tables = tuple(_table(group) for group in groups)
    return Report(f"{tables[0].title}", verdict.sentence, tables, notes(answer, verdict), verdict.also)


def _table(results: Sequence[Result]) -> Table:
    by_hardware = alike(results, lambda r: r.hardware.name)
    keys = list(dict.fromkeys((title_of(r), r.precision.name) for r in results))
    columns = [Column("model", False), Column("precision", False)]
    body: dict[tuple[str, str], list[str]] = {key: [] for key in keys}
    for group in by_hardware:
        found = {(title_of(r), r.precision.name): r for r in group}
        for heading, cells in _columns(group):
            columns.append(Column(f"{group[0].hardware.name} {heading}"))
            texts = dict(zip(found, cells, strict=True))
            for key, row in body.items():
                row.append(texts.get(key, "-"))
    rows, before = [], ""
    for (model, precision), figures in body.items():
        rows.append((model if model != before else "", precision, *figures))
        before = model
    title = f"Energy, scope {results[0].scope}: {describe_briefly(results[0])}"
    return Table(title, tuple(columns), tuple(rows), looks=(Look(),) * len(rows))


def _columns(group: Sequence[Result]) -> list[tuple[str, list[str]]]:
    """Headings and cells of one piece of hardware: energy, its parts where they are all of it, and saving."""
    weak = [honesty.mark(r) if r.has_energy else "" for r in group]
    several = [{name: float(values[1, 0]) for name, values in r.by_component.items()} for r in group]
    energies = [[float(r.energy_j) if r.has_energy else None for r in group]]
    names = [""]
    if all(set(each) <= set(PARTS) for each in several):
        energies = [[each.get(part, 0.0) if each else None for each in several] for part in PARTS]
        names = [f"{part.upper()} " for part in PARTS]
    found = []
    for name, values in zip(names, energies, strict=True):
        unit, texts = column_figures(values, "J")
        found.append((name + unit, [text + mark for text, mark in zip(texts, weak, strict=True)]))
    own = [r.baseline == r.precision.name for r in group]
    savings = [None if r.saving is None else float(r.saving[1]) for r in group]
    baseline = next((str(r.baseline) for r in group if r.baseline), "")
    if baseline:
        change = [
            "base" if mine else "-" if saving is None else signed_change(-saving)
            for mine, saving in zip(own, savings, strict=True)
        ]
        found.append((f"vs {baseline}", change))
    return found
