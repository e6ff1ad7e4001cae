"""The answer of an estimate: the verdict, the table that proves it, notes; tables of the parts for who looks closer."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.result import Result
from bitnet_cost.tables import Report
from bitnet_cost.views import quality, ranges
from bitnet_cost.views.day import day_sentence, day_tables
from bitnet_cost.views.energy import breakdown_table, component_table, energy_tables, time_table
from bitnet_cost.views.groups import by_time
from bitnet_cost.views.memory import memory_tables
from bitnet_cost.views.notes import notes
from bitnet_cost.views.verdict import Verdict
from bitnet_cost.views.verdict_table import verdict_tables


def estimate_report(answer: Answer, verdict: Verdict) -> Report:
    """The verdict and its table, what a reader asks for besides; as details memory, time and energy by part."""
    results = answer.results
    asked = [*(day_tables(answer) if answer.requests_per_day is not None else []), *ranges.range_tables(answer)]
    details = [*memory_tables(results), *energy_tables(results)]
    details += [time_table(g) for g in by_time(results) if any(r.timing is not None or r.reason for r in g)]
    if len(results) == 1 and results[0].has_energy:
        details.append(breakdown_table(results[0]))
        if results[0].runtime or results[0].scope == "memory":
            details.append(component_table(results[0]))
    title, first = f"{names_of(results)}: memory and energy by precision", day_sentence(answer)
    tables = (*verdict_tables(verdict), *quality.tables(results), *asked)
    sentence = f"{first} {verdict.sentence}".lstrip()
    return Report(title, sentence, tables, notes(answer, verdict), verdict.also, tuple(details))


def names_of(results: Sequence[Result]) -> str:
    """The models of an answer."""
    return ", ".join(dict.fromkeys(r.architecture.title or r.architecture.name for r in results))
