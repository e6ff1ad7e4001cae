"""Hardware x precision side by side: ranked, filtered, the best of each column and the efficient rows marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bitnet_cost.errors import BitnetCostError, UnknownName
from bitnet_cost.filters import Filter
from bitnet_cost.record import METRICS, record
from bitnet_cost.result import Answer, Column, Report, Result, Table
from bitnet_cost.units import with_prefix
from bitnet_cost.views.groups import alike, describe
from bitnet_cost.views.report import figures, memory_share, notes, percent, significant, used

Row = tuple[Result, dict[str, Any]]
DEFAULT_SORT = "energy_per_token_j"
BEST, EFFICIENT = "*", "+"
# Columns of which more is better; of all others the least comes first.
_MORE = ("saving", "saving_low", "saving_high", "tokens_per_s", "capacity_bytes", "fits")
_SHORT = {
    "energy": "energy_per_token_j", "tokens": "tokens_per_s", "memory": "footprint_bytes", "power": "power_w",
    "carbon": "carbon_g", "cost": "cost_usd", "latency": "latency_s",
}  # fmt: skip


def chosen(answer: Answer, sort: str | None = None, condition: str | None = None) -> Answer:
    """The answer's results that meet a condition, in order of a column.

    ``sort`` is a column of the records or a short name (energy, tokens, memory, power, carbon, cost, latency), best
    first; a leading ``-`` turns it round. What has no such figure comes last either way; what generates nothing has no
    energy per token, and stands by its energy after those that have. Models stay together.

    Raises:
        UnknownName: no such column. BitnetCostError: a condition that cannot be read, or that nothing meets.
    """
    rows: list[Row] = [(r, record(r)) for r in answer.results]
    if condition is not None:
        rows = _kept(rows, condition)
        if not rows:
            raise BitnetCostError(f"where: none of {len(answer.results)} cells meets {condition!r}")
    turned = sort is not None and sort.startswith("-")
    column = (sort or DEFAULT_SORT).removeprefix("-")
    column = _SHORT.get(column, column)
    if column not in METRICS:
        hint = f"There are {', '.join(_SHORT)}, and the names of a record (-f json)."
        raise UnknownName("column", column, [*_SHORT, *METRICS], hint=hint)
    ranked: list[Row] = []
    for figure in (column, "energy_j") if column == DEFAULT_SORT else (column,):
        given = [row for row in rows if row[1][figure] is not None]
        ranked += sorted(given, key=lambda row: row[1][figure], reverse=(column in _MORE) != turned)
        rows = [row for row in rows if row[1][figure] is None]
    order = list(dict.fromkeys(r.architecture.name for r in answer.results))
    ranked = sorted([*ranked, *rows], key=lambda row: order.index(row[0].architecture.name))
    return replace(answer, results=tuple(r for r, _ in ranked))


def _kept(rows: list[Row], condition: str) -> list[Row]:
    """The rows that meet a condition."""
    words = [name for name, metric in METRICS.items() if metric.kind == "word"]
    test = Filter(condition, METRICS, words)
    columns = {}
    for name in test.columns:
        values = [values[name] for _, values in rows]
        kind = object if name in words else bool if METRICS[name].kind == "bool" else float  # None: no, and NaN
        columns[name] = np.array(values, dtype=kind)
    return [row for row, holds in zip(rows, test(columns, len(rows)), strict=True) if holds]


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
    if values["capacity_bytes"] is None:
        return "no clock"
    return "-"


def efficient(rows: Sequence[dict[str, Any]]) -> list[bool]:
    """Pareto-efficient records: none other needs no more energy and memory, gives no fewer tokens/s, and wins in one.

    >>> point = {"energy_per_token_j": 1.0, "tokens_per_s": 9.0, "footprint_bytes": 5, "energy_j": 1.0}
    >>> efficient([point, point | {"energy_per_token_j": 2.0}, point | {"energy_per_token_j": 2.0, "tokens_per_s": 10}])
    [True, False, True]
    """
    energy = energy_field(rows)

    def point(values: dict[str, Any]) -> tuple[float, float, float] | None:
        if values[energy] is None:
            return None
        return (values[energy], -(values["tokens_per_s"] or 0.0), values["footprint_bytes"])

    points = [point(values) for values in rows]
    given = [p for p in points if p is not None]
    return [
        p is not None and not any(q != p and all(a <= b for a, b in zip(q, p, strict=True)) for q in given)
        for p in points
    ]


def energy_field(rows: Sequence[dict[str, Any]]) -> str:
    """Energy per token, or of the whole run where nothing is generated."""
    generating = any(values["energy_per_token_j"] is not None for values in rows)
    return "energy_per_token_j" if generating else "energy_j"


@dataclass(frozen=True)
class _Shown:
    heading: str
    field: str
    unit: str
    missing: Callable[[dict[str, Any]], str]


def compare_table(cells: Sequence[Row], title: str, money: bool = False) -> Table:
    """One row per cell: memory, energy, saving, tokens/s and power, or with ``money`` carbon and cost."""
    rows = [values for _, values in cells]
    energy = energy_field(rows)
    first = _Shown("J/token" if energy == "energy_per_token_j" else "J", energy, "", lambda v: why(v) or "-")
    if money:
        shown = [first, _Shown("CO2e g", "carbon_g", "g", lambda v: why(v) or no_time(v)),
                 _Shown("USD", "cost_usd", "", lambda v: why(v) or no_time(v))]  # fmt: skip
    else:
        shown = [
            first, _Shown("saving %", "saving", "%", lambda v: "-"),
            _Shown("tokens/s", "tokens_per_s", "", no_time), _Shown("power W", "power_w", "", no_time),
        ]  # fmt: skip
    front = efficient(rows)
    columns: list[list[str]] = [[EFFICIENT if on else "" for on in front]]
    columns += [[r.hardware.name for r, _ in cells], [r.precision.name for r, _ in cells]]
    headings = [Column(EFFICIENT, False), Column("hardware", False), Column("precision", False)]
    if not money:
        sizes: list[float] = [memory_share(r) for r, _ in cells]
        heading, printed = "memory %", ["-" if r.capacity_bits is None else used(memory_share(r)) for r, _ in cells]
        if all(r.capacity_bits is None for r, _ in cells):
            heading, printed = figures([v["footprint_bytes"] for v in rows], "B")
            sizes = [v["footprint_bytes"] for v in rows]
        columns.append(_marked(sizes, printed, least=True, among=rows))
        headings.append(Column(heading))
    for column in shown:
        heading, printed = _printed(column, rows)
        values = [v[column.field] for v in rows]
        if column.field == "saving":
            values = [v["saving"] if v["baseline"] == usual_baseline(rows) else None for v in rows]
        printed = [
            column.missing(v) if v[column.field] is None else text for v, text in zip(rows, printed, strict=True)
        ]
        columns.append(_marked(values, printed, least=column.field not in ("saving", "tokens_per_s")))
        headings.append(Column(heading))
    return Table(title, tuple(headings), tuple(zip(*columns, strict=True)))


def _printed(column: _Shown, rows: Sequence[dict[str, Any]]) -> tuple[str, list[str]]:
    values = [v[column.field] for v in rows]
    if column.unit == "%":
        usual = usual_baseline(rows)
        shown = [v["saving"] if v["baseline"] == usual else None for v in rows]
        texts = [
            "base" if v["baseline"] == v["precision"] == usual else percent(value)
            for v, value in zip(rows, shown, strict=True)
        ]
        return column.heading, texts
    if column.field in ("energy_per_token_j", "energy_j"):
        unit, texts = figures(values, "J")
        return unit + column.heading.removeprefix("J"), texts
    return column.heading, [significant(value, 1.0, 4) for value in values]


def usual_baseline(rows: Sequence[dict[str, Any]]) -> str | None:
    """The precision that most savings refer to; where it does not fit, savings are against another (JSON has them)."""
    given = [v["baseline"] for v in rows if v["baseline"]]
    return max(dict.fromkeys(given), key=given.count, default=None)


def _marked(
    values: Sequence[float | None], texts: Sequence[str], *, least: bool, among: Sequence[dict[str, Any]] | None = None
) -> list[str]:
    """The best figure of a column behind a sign; of rows with an answer where ``among`` gives them."""
    given = [
        v for i, v in enumerate(values)
        if v is not None and (among is None or among[i]["energy_j"] is not None)
    ]  # fmt: skip
    if len(given) < 2:
        return list(texts)
    best = min(given) if least else max(given)
    return [
        BEST + text if value == best and text != "base" and (among is None or among[i]["energy_j"] is not None)
        else text
        for i, (value, text) in enumerate(zip(values, texts, strict=True))
    ]  # fmt: skip


def compare_report(answer: Answer) -> Report:
    """One table per model, scope and workload, rows as they are ranked; carbon and cost, where known, in a second."""
    rows: list[Row] = [(r, record(r)) for r in answer.results]
    tables = []
    values = {id(r): v for r, v in rows}
    for group in alike(answer.results, lambda r: (r.architecture.name, r.scope, describe(r))):
        tables += _tables([(r, values[id(r)]) for r in group])
    names = list(dict.fromkeys(r.architecture.title or r.architecture.name for r, _ in rows))
    signs = (
        f"{BEST} best of the column, of cells with an answer; {EFFICIENT} efficient: no other cell is as good in"
        " energy, tokens/s and memory and better in one."
    )
    refused = {f"{r.precision.name} at {r.hardware.name}: {r.reason}" for r in answer.results if not r.joules}
    kept = [note for note in notes(answer) if note.removesuffix(".") not in refused]
    kept = [note for note in kept if not note.startswith(("Held to", "Not held", *_per_cell(answer)))]
    return Report(f"{', '.join(names)}: hardware side by side", sentence(rows), tuple(tables), (signs, *kept))


def _per_cell(answer: Answer) -> tuple[str, ...]:
    """Starts of the notes that are of one cell each; with many cells there would be hundreds."""
    if len(answer.results) <= 8:
        return ()
    starts = {f"{r.hardware.name} has no unit" for r in answer.results}
    return (*starts, *{f"{r.precision.name} at {r.hardware.name}:" for r in answer.results})


def _tables(cells: Sequence[Row]) -> list[Table]:
    first = cells[0][0]
    model, scope = first.architecture.name, first.scope
    usual = usual_baseline([v for _, v in cells])
    saving = f"; saving on {usual} where that has an answer" if usual else ""
    title = f"{model}, scope {scope}: {describe(first)}{saving}"
    tables = [compare_table(cells, title)]
    if any(v["carbon_g"] is not None or v["cost_usd"] is not None for _, v in cells):
        tables.append(compare_table(cells, f"{model}: carbon and cost of the whole run", money=True))
    return tables


def sentence(rows: Sequence[Row]) -> str:
    """How many cells have an answer, and which is best in energy and in speed."""
    answered = [(r, v) for r, v in rows if v["energy_j"] is not None]
    names = list(dict.fromkeys(r.architecture.title or r.architecture.name for r, _ in rows))
    name = f"{len(names)} models" if len(names) > 3 else ", ".join(names)
    devices = len({r.hardware.name for r, _ in rows})
    precisions = len({r.precision.name for r, _ in rows})
    text = f"{name} on {devices} {_plural('piece', devices)} of hardware in {precisions}"
    text += f" {_plural('precision', precisions)}: {len(answered)} of {len(rows)} cells have an answer"
    if not answered:
        return f"{text}."
    scope = answered[0][0].scope
    same = [(r, v) for r, v in answered if r.scope == scope]
    energy = energy_field([v for _, v in same])
    least, values = min(same, key=lambda row: row[1][energy] if row[1][energy] is not None else float("inf"))
    per = " a token" if energy == "energy_per_token_j" else ""

    def cell(r: Result) -> str:
        whose = f"{r.architecture.name} in " if len(names) > 1 else ""
        return f"({whose}{r.precision.name} at {r.hardware.name})"

    within = f" within scope {scope}" if len(same) < len(answered) else ""
    text += f"; least energy{within} {with_prefix(values[energy], 'J')}{per} {cell(least)}"
    timed = [(r, v) for r, v in same if v["tokens_per_s"] is not None]
    if timed:
        fastest, values = max(timed, key=lambda row: float(row[1]["tokens_per_s"]))
        text += f", most tokens {values['tokens_per_s']:,.4g} /s {cell(fastest)}"
    return f"{text}."


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + "s"
