"""The operators of a model: counts, and the energy of each precision beside each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bitnet_cost.inputs.workload import Array
from bitnet_cost.numerals import figures, percent, with_prefix
from bitnet_cost.result import Answer, Result
from bitnet_cost.tables import Note, Report, Table, headed
from bitnet_cost.views import honesty
from bitnet_cost.views.groups import describe
from bitnet_cost.views.notes import notes


def layers_report(answer: Answer) -> Report:
    """The per-operator table: counts, and the energy of each precision beside each other."""
    tables = []
    for model in dict.fromkeys(r.architecture.name for r in answer.results):
        for hardware in dict.fromkeys(r.hardware.name for r in answer.results):
            cells = [r for r in answer.results if r.architecture.name == model and r.hardware.name == hardware]
            if cells:
                tables.append(operators_table(cells))
    first = answer.results[0]
    name = first.architecture.title or first.architecture.name
    top = max(answer.results, key=lambda r: float(r.mac))
    text = (
        f"{name} runs {with_prefix(float(top.mac), 'MAC')} for {describe(top)}; "
        f"{percent(_group_share(top, 'linear'))} % of them meet weights of the layers."
    )
    rounded = honesty.rounded(answer)
    closing = [
        *([Note("rounded", rounded)] if rounded else []),
        *honesty.explained(answer.results),
        honesty.closing(answer),
    ]
    return Report(f"{name}: operators", text, tuple(tables), (*notes(answer), *closing))


def _group_share(result: Result, group: str) -> float:
    mac = result.counts["mac"]
    mine = [i for i, op in enumerate(result.counts.operators) if op.group == group]
    whole = float(mac.sum())
    return float(mac[:, mine].sum()) / whole if whole else 0.0


def operators_table(cells: Sequence[Result]) -> Table:
    """One row per phase and operator of a model; with one precision its actions, with several their energies."""
    first = cells[0]
    merged: dict[tuple[str, str], list[float]] = {}
    repeats: dict[tuple[str, str], int] = {}
    columns: list[tuple[str, str, Array]] = [("MAC", "", first.counts["mac"])]
    if len(cells) == 1:
        columns += [(kind.upper(), "", first.actions(kind)) for kind in ("mul", "add", "special")]
    columns += [
        ((r.precision.name if len(cells) > 1 else "energy") + honesty.mark(r), "J", r.by_operator[1]) for r in cells
    ]
    for p, (phase, *_) in enumerate(first.counts.phases):
        for i, op in enumerate(first.counts.operators):
            values = [float(column[p, i, 0]) for _, _, column in columns]
            if not any(v for v in values if math.isfinite(v)):
                continue
            row = merged.setdefault((phase, op.name), [0.0] * len(columns))
            repeats[phase, op.name] = repeats.get((phase, op.name), 0) + op.repeat
            for j, value in enumerate(values):
                row[j] += value
    totals = [sum(row[j] for row in merged.values()) for j in range(len(columns))]
    texts, headings = [], []
    for j, (heading, unit, _) in enumerate(columns):
        prefix, printed = figures([*(row[j] for row in merged.values()), totals[j]], unit)
        headings.append(f"{heading} {prefix}".strip())
        texts.append(printed)
    single = len(cells) == 1
    shares = [percent(row[-1] / totals[-1]) if totals[-1] else "-" for row in merged.values()] if single else []
    several_phases = len({phase for phase, _ in merged}) > 1
    body = []
    for i, (phase, name) in enumerate(merged):
        lead = [phase] * several_phases + [name, str(repeats[phase, name])]
        body.append((*lead, *(column[i] for column in texts), *([shares[i]] if single else [])))
    footer = (
        *["total"],
        *[""] * (1 + several_phases),
        *(column[-1] for column in texts),
        *(["100.00"] if single else []),
    )
    head = ["phase"] * several_phases + ["operator", "x"]
    title = f"{first.architecture.name} at {first.hardware.name}, scope {first.scope}: {describe(first)}"
    if single:
        title = f"{first.precision.name}: {title}"
    table = headed(*head, *headings, *(["share %"] if single else []), texts=len(head) - 1)
    return Table(title, table, tuple(body), footer)
