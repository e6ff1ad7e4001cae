"""The operators of a model: counts, and the energy of each precision beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import in_columns, percent, with_prefix
from bitnet_cost.tables import Note, Report, Table, headed
from bitnet_cost.told import Array
from bitnet_cost.views import honesty
from bitnet_cost.views.groups import alike, by_row, describe, name_of, place_of
from bitnet_cost.views.notes import notes


def layers_report(answer: Answer) -> Report:
    """The per-operator table: counts, and the energy of each precision beside each other."""
    tables = [operators_table(cells) for cells in alike(answer.results, place_of)]
    first = answer.results[0]
    name = first.architecture.title or first.architecture.name
    top = max(answer.results, key=lambda r: float(r.mac))
    text = f"{name} runs {with_prefix(float(top.mac), 'MAC')} for {describe(top)};"
    text += f" {percent(_group_share(top, 'linear'))} % of them meet weights of the layers."
    found = [Note("rounded", line) for line in [honesty.rounded(answer)] if line]
    found += [*honesty.explained(answer.results), honesty.closing(answer)]
    return Report(f"{name}: operators", text, tuple(tables), (*notes(answer), *found))


def _group_share(result: Result, group: str) -> float:
    mac = result.counts["mac"]
    mine = [i for i, op in enumerate(result.counts.operators) if op.group == group]
    whole = float(mac.sum())
    return float(mac[:, mine].sum()) / whole if whole else 0.0


def operators_table(cells: Sequence[Result]) -> Table:
    """One row per phase and operator of a model; with one precision its actions, with several their energies."""
    first, single = cells[0], len(cells) == 1
    columns: list[tuple[str, str, Array]] = [("MAC", "", first.counts["mac"])]
    if single:
        columns += [(kind.upper(), "", first.actions(kind)) for kind in ("mul", "add", "special")]
    columns += [(("energy" if single else r.precision.name) + honesty.mark(r), "J", r.by_operator[1]) for r in cells]
    rows = by_row(first.counts, [values for _, _, values in columns], name_of)
    _, *totals = [sum(column) for column in zip(*rows.values(), strict=True)]
    sums = zip(*(row[1:] for row in rows.values()), totals, strict=True)
    headings, (*texts, whole) = in_columns(
        (head, unit, each) for (head, unit, _), each in zip(columns, sums, strict=True)
    )
    several_phases = len({phase for phase, _ in rows}) > 1
    body = []
    for ((phase, name), row), shown in zip(rows.items(), texts, strict=True):
        share = [percent(row[-1] / totals[-1]) if totals[-1] else "-"] * single
        body.append((*[phase] * several_phases, name, str(int(row[0])), *shown, *share))
    footer = ("total", *[""] * (1 + several_phases), *whole, *["100.00"] * single)
    head = ["phase"] * several_phases + ["operator", "x"]
    title = f"{first.architecture.name} at {first.hardware.name}, scope {first.scope}: {describe(first)}"
    if single:
        title = f"{first.precision.name}: {title}"
    return Table(title, headed(*head, *headings, *["share %"] * single, texts=len(head) - 1), tuple(body), footer)
