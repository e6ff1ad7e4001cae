"""The answer of an estimate: one sentence, memory by precision, energy by hardware and precision, notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bitnet_cost.ledger.result import Answer, Result
from bitnet_cost.numerals import percent, with_prefix
from bitnet_cost.tables import Report
from bitnet_cost.views import honesty, ranges
from bitnet_cost.views.day import day_tables
from bitnet_cost.views.energy import breakdown_table, component_table, energy_tables, time_table
from bitnet_cost.views.groups import alike, by_time
from bitnet_cost.views.memory import memory_tables
from bitnet_cost.views.notes import notes


def estimate_report(answer: Answer) -> Report:
    """Memory by precision, energy by hardware and precision, and for a single cell where its energy goes."""
    results = answer.results
    tables = memory_tables(results)
    tables += [time_table(g) for g in by_time(results) if any(r.timing is not None or r.reason for r in g)]
    tables += energy_tables(results)
    if len(results) == 1 and results[0].has_energy:
        tables.append(breakdown_table(results[0]))
        if results[0].runtime or results[0].scope == "memory":
            tables.append(component_table(results[0]))
    if answer.requests_per_day is not None:
        tables += day_tables(answer)
    tables += ranges.range_tables(answer)
    below = (*ranges.range_notes(answer), *notes(answer), *honesty.explained(results), honesty.closing(answer))
    return Report(_title(results), sentence(results), tuple(tables), below)


def _title(results: Sequence[Result]) -> str:
    names = list(dict.fromkeys(r.architecture.title or r.architecture.name for r in results))
    return f"{', '.join(names)}: memory and energy by precision"


def sentence(results: Sequence[Result]) -> str:
    """The answer in a sentence with units: the narrowest precision against the baseline."""
    answered = [r for r in results if r.has_energy]
    subject = min(answered or results, key=lambda r: r.footprint.total_weight_bits)
    name = subject.architecture.title or subject.architecture.name
    stored = with_prefix(subject.footprint.total_weight_bits / 8, "B")
    text = f"{name} in {subject.precision.name} stores {stored} of weights"
    wide = max(results, key=lambda r: r.footprint.total_weight_bits)
    if wide.precision.name != subject.precision.name and wide.architecture.name == subject.architecture.name:
        text += f" instead of {with_prefix(wide.footprint.total_weight_bits / 8, 'B')} in {wide.precision.name}"
    same = [
        r for r in answered if r.precision.name == subject.precision.name and r.architecture == subject.architecture
    ]
    if not same:
        where = f" at {subject.hardware.name}" if len({r.hardware.name for r in results}) > 1 else ""
        return f"{text}. No energy can be computed{where}: {subject.reason}."
    compared = [r for r in same if r.saving is not None and r.baseline != r.precision.name]
    clauses = [
        f"its {_work(group[0])} {' and '.join(map(_saved, group))} than {group[0].baseline}"
        for group in alike(compared, lambda r: (_work(r), r.baseline))
    ]
    clauses = clauses or [f"its {_work(group[0])} {' and '.join(map(_needed, group))}" for group in alike(same, _work)]
    return f"{text}; {'; '.join(clauses)}."


def _work(result: Result) -> str:
    """What the energy of a result's scope is needed for, with its verb."""
    said = {"arithmetic": "matrix products need", "compute": "arithmetic needs", "memory": "arithmetic and memory need"}
    return said.get(result.scope, "whole run needs")


def _saved(result: Result) -> str:
    return f"{_less(float(np.asarray(result.saving)[1]))} energy at {result.hardware.name}"


def _needed(result: Result) -> str:
    return f"{with_prefix(float(result.energy_j), 'J')} at {result.hardware.name}"


def _less(saving: float) -> str:
    return f"{percent(abs(saving))} % {'less' if saving >= 0 else 'more'}"
