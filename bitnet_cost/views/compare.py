"""Hardware x precision side by side: ranked, filtered, the best of each column and the efficient rows marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bitnet_cost import front
from bitnet_cost.errors import BitnetCostError, UnknownName
from bitnet_cost.filters import Filter
from bitnet_cost.garbage import uncollected
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import column_figures, percent, used
from bitnet_cost.registry import Metric, View, records_of
from bitnet_cost.tables import Column, Note, Report, Table
from bitnet_cost.views import honesty, quality
from bitnet_cost.views.estimate import names_of
from bitnet_cost.views.groups import alike, describe, lettered, others_of
from bitnet_cost.views.memory import memory_share
from bitnet_cost.views.notes import notes
from bitnet_cost.views.verdict import Verdict, precision_name
from bitnet_cost.views.verdict_table import verdict_tables

CellRow = tuple[Result, dict[str, Any]]
DEFAULT_SORT = "energy_per_token_j"
NEEDS = {"carbon_g": "--carbon", "cost_usd": "--price or --device-hour", "water_l": "--carbon"}
BEST, EFFICIENT = "^", "+"  # a weak figure has the mark of `honesty`, as in every table


def ranking(answer: Answer, sort: str | None = None, condition: str | None = None) -> Answer:
    """The answer's results that meet a condition, in order of a column.

    ``sort`` is a column of the records or a short name (energy, tokens, memory, power, carbon, cost, latency), best
    first; a leading ``-`` turns it round. What has no such figure comes last either way, and where nothing has one the
    order is by energy; what generates nothing has no energy per token, and is ranked by its energy after those that
    have. Models stay together.

    Raises:
        UnknownName: no such column. BitnetCostError: a condition that cannot be read, or that nothing meets.
    """
    results = answer.results if condition is None else _kept(answer.results, condition)
    if condition is not None and not results:
        raise BitnetCostError(f"where: none of {len(answer.results)} cells meets {condition!r}")
    turned = sort is not None and sort.startswith("-")
    column = (sort or DEFAULT_SORT).removeprefix("-")
    short = {metric.short: name for name, metric in METRICS.items() if metric.short}
    column = short.get(column, column)
    if column not in METRICS:
        there_are = f"{', '.join(short)}, and the names of a record (-f json)"
        raise UnknownName("column", column, [*short, *METRICS], there_are=there_are)
    read = {name: METRICS[name] for name in (column, DEFAULT_SORT, "energy_j")}
    rows: list[CellRow] = [(r, records_of(r, r.counts.points, read)[0]) for r in results]
    by = column if any(values[column] is not None for _, values in rows) else DEFAULT_SORT
    ranked: list[CellRow] = []
    for figure in (by, "energy_j") if by == DEFAULT_SORT else (by,):
        given = [row for row in rows if row[1][figure] is not None]
        ranked += sorted(given, key=lambda row: row[1][figure], reverse=(METRICS[by].better == "more") != turned)
        rows = [row for row in rows if row[1][figure] is None]
    order = list(dict.fromkeys(r.architecture.name for r in answer.results))
    ranked = sorted([*ranked, *rows], key=lambda row: order.index(row[0].architecture.name))
    named = None if turned or column == DEFAULT_SORT else column
    return replace(answer, results=tuple(r for r, _ in ranked), sorted_by=named)


def _kept(results: Sequence[Result], condition: str) -> Sequence[Result]:
    """The results that meet a condition."""
    words = [name for name, metric in METRICS.items() if metric.kind == "word"]
    test = Filter(condition, METRICS, words)
    columns = {}
    read = {name: METRICS[name] for name in test.columns}
    rows = [records_of(r, r.counts.points, read)[0] for r in results]
    for name in test.columns:
        values = [values[name] for values in rows]
        kind = object if name in words else bool if METRICS[name].kind == "bool" else float  # None: no, and NaN
        columns[name] = np.array(values, dtype=kind)
    return [result for result, holds in zip(results, test(columns, len(results)), strict=True) if holds]


def why(values: dict[str, Any]) -> str:
    """Why a record has no energy, in a word or three; empty where it has one.

    >>> why({"energy_j": None, "fits": False}), why({"energy_j": None, "fits": True}), why({"energy_j": 1.0})
    ('does not fit', 'no price', '')
    """
    if values["energy_j"] is not None:
        return ""
    return "does not fit" if values.get("fits") is False else "no price"


def no_time(values: dict[str, Any]) -> str:
    """Why a record has no time, in a word or two."""
    return "no clock" if values["capacity_bytes"] is None else "-"


def on_front(rows: Sequence[dict[str, Any]]) -> list[bool]:
    """Pareto-efficient records: none other needs no more energy and memory, gives no fewer tokens/s, and wins in one.

    >>> point = {"energy_per_token_j": 1.0, "tokens_per_s": 9.0, "footprint_bytes": 5, "energy_j": 1.0}
    >>> on_front([point, point | {"energy_per_token_j": 2.0}, point | {"energy_per_token_j": 2.0, "tokens_per_s": 10}])
    [True, False, True]
    """
    energy = energy_field(rows)
    points = [(v[energy], -(v["tokens_per_s"] or 0.0), v["footprint_bytes"]) for v in rows]  # None becomes NaN
    return [bool(on) for on in front.efficient(np.array(points, dtype=np.float64))]


def energy_field(rows: Sequence[dict[str, Any]]) -> str:
    """Energy per token, or of the whole run where nothing is generated."""
    generating = any(values["energy_per_token_j"] is not None for values in rows)
    return "energy_per_token_j" if generating else "energy_j"


_Shown = tuple[Column, list[str]]  # a column and its cells


def compare_table(cells: Sequence[CellRow], title: str, view: View = "compare") -> Table:
    """One row per cell; its columns are those of the registry that the view has: memory, energy, saving and so on."""
    shown: list[_Shown] = [
        (Column(EFFICIENT, False), [EFFICIENT if on else "" for on in on_front([v for _, v in cells])]),
        (Column("hardware", False), [r.hardware.name for r, _ in cells]),
        (Column("precision", False), [r.precision.name for r, _ in cells]),
    ]
    other = {"energy_per_token_j", "energy_j"} - {energy_field([v for _, v in cells])}
    for name, metric in METRICS.items():
        if view not in metric.views or name in other:
            continue
        if view == "money" and all(v[name] is None for _, v in cells):  # only what a facility was given for
            continue
        shown.append(_OF_THEIR_OWN.get(name, partial(_column, metric=metric))(cells))
    columns, texts = zip(*shown, strict=True)
    return Table(title, columns, tuple(zip(*texts, strict=True)))


def _memory(cells: Sequence[CellRow]) -> _Shown:
    """What is resident, as a share of what the device holds; in bytes where none holds anything."""
    sizes = [memory_share(r) for r, _ in cells]
    heading, texts = "memory %", ["-" if r.capacity_bits is None else used(memory_share(r)) for r, _ in cells]
    if all(r.capacity_bits is None for r, _ in cells):
        sizes = [v["footprint_bytes"] for _, v in cells]
        heading, texts = column_figures(sizes, "B")
    answered = [None if v["energy_j"] is None else size for size, (_, v) in zip(sizes, cells, strict=True)]
    return Column(heading), _marked(answered, texts, least=True)


def _savings(cells: Sequence[CellRow]) -> _Shown:
    """The saving of each record, those on another precision than most with a letter."""
    letters = lettered(v["baseline"] for _, v in cells if v["saving"] is not None)
    values, texts = [], []
    for _, v in cells:
        own = v["saving"] is None or v["baseline"] == v["precision"]
        values.append(None if own else v["saving"])
        texts.append("base" if own and v["saving"] is not None else percent(v["saving"]))
        texts[-1] += "" if own else letters[v["baseline"]]
    best = _marked(values, texts, least=False) if len(letters) == 1 else texts  # on one precision they have an order
    return Column("saving %"), best


def _column(cells: Sequence[CellRow], metric: Metric) -> _Shown:
    """A column with its best figure marked, words where there is none, and weak figures marked.

    Where all figures are weak, the heading bears the mark.
    """
    values = [v[metric.name] for _, v in cells]
    heading, texts = metric.texts(values)
    marks = [honesty.mark_of(r, metric) * (v[metric.name] is not None) for r, v in cells]
    if any(marks) and all(mark for mark, value in zip(marks, values, strict=True) if value is not None):
        heading, marks = heading + honesty.MARK, [""] * len(marks)
    best = _marked(values, texts, least=metric.better == "less")
    shown = [
        _missing(v, metric) if value is None else text + mark
        for value, text, mark, (_, v) in zip(values, best, marks, cells, strict=True)
    ]
    return Column(heading), shown


def _missing(values: dict[str, Any], metric: Metric) -> str:
    """Why a record has no value in a column: no clock for what takes time, else no energy."""
    return no_time(values) if "runtime" in metric.rests_on else why(values) or no_time(values)


_OF_THEIR_OWN: dict[str, Callable[[Sequence[CellRow]], _Shown]] = {"footprint_bytes": _memory, "saving": _savings}
"""Columns whose cells say more than their figure: a share of the memory, the baseline of a saving."""


def _marked(values: Sequence[float | None], texts: Sequence[str], *, least: bool) -> list[str]:
    """The best figure of a column behind a sign, where there are two or more."""
    given = [value for value in values if value is not None]
    if len(given) < 2:
        return list(texts)
    best = min(given) if least else max(given)
    return [BEST + text if value == best else text for value, text in zip(values, texts, strict=True)]


def first_by(column: str, cells: Sequence[CellRow], verdict: Verdict) -> str:
    """The cell that is first by the column that the reader sorts by, in a sentence; what the column lacks otherwise."""
    metric = METRICS[column]
    given = [(r, v) for r, v in cells if v[column] is not None]
    if not given:
        needs = f": give {NEEDS[column]}" if column in NEEDS else ""
        return f"The order is by energy, as no cell has {metric.words}{needs}."
    if metric.kind in ("word", "bool") or len(cells) < 2:
        return ""
    result, values = given[0]
    heading, (figure,) = metric.texts([values[column]])
    where = verdict.at(next(place for place in verdict.places if result in place.results))
    best = "Highest" if metric.better == "more" else "Lowest"
    unit = heading.removeprefix(metric.heading).strip()
    return f"{best} {metric.words}: {precision_name(result.precision.name)} {where}, {figure} {unit}".strip() + "."


@uncollected()
def compare_report(answer: Answer, verdict: Verdict) -> Report:
    """The verdict and its table; carbon and cost where they are known; as details every column of every cell."""
    rows: list[CellRow] = [(r, r.to_records()[0]) for r in answer.results]
    values = {id(r): v for r, v in rows}
    groups = alike(answer.results, lambda r: (r.architecture.name, r.scope, describe(r)))
    found = [_tables([(r, values[id(r)]) for r in group]) for group in groups]
    signs = f"{BEST} best of the column, of cells with an answer; {EFFICIENT} efficient: no other cell is as good in"
    signs += " energy, tokens/s and memory and better in one."
    ordered = first_by(answer.sorted_by, rows, verdict) if answer.sorted_by else ""
    also = verdict.also if len(verdict.places) == 1 or not ordered else ""  # one first of all devices is enough
    return Report(
        f"{names_of(answer.results)}: hardware side by side", verdict.sentence,
        (*verdict_tables(verdict), *quality.tables(answer.results),
         *(table for tables in found for table in tables[1:])),
        (*notes(answer, verdict), Note("marks", signs)), f"{ordered} {also}".strip(),
        tuple(tables[0] for tables in found),
    )  # fmt: skip


def _tables(cells: Sequence[CellRow]) -> list[Table]:
    first = cells[0][0]
    model, scope = first.architecture.name, first.scope
    usual, others = others_of(lettered(v["baseline"] for _, v in cells if v["saving"] is not None))
    saving = f"; saving on {usual}{others}" if usual else ""
    title = f"{model}, scope {scope}: {describe(first)}{saving}"
    tables = [compare_table(cells, title)]
    if any(v["carbon_g"] is not None or v["cost_usd"] is not None for _, v in cells):
        tables.append(compare_table(cells, f"{model}: carbon and cost of the whole run", view="money"))
    return tables
