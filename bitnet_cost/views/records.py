"""Records as the JSON and CSV that programs read. Names carry their SI unit; what cannot be computed is null."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitnet_cost import __version__
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.ledger.answers import Answer, Fit
from bitnet_cost.ledger.counted import Activity, OpCounts
from bitnet_cost.ledger.intervals import RANGES, carbon_interval, cost_interval, is_measured
from bitnet_cost.ledger.result import Result, runs_of_kind
from bitnet_cost.registry import figure, size
from bitnet_cost.told import Array
from bitnet_cost.views.groups import has_figures, name_of, rows_of
from bitnet_cost.views.honesty import rounded, uncounted
from bitnet_cost.views.verdict import Verdict

SCHEMA = "bitnet-cost/1"


AMOUNTS = ("mac", "mul", "add", "special", "weight_bytes", "activation_bytes", "kv_bytes")


class OperationTable(NamedTuple):
    """What operators do in a result, a row per phase and operator; runs of layers with the same operator are one row.

    ``rows`` are the phase, the operator, its group, and its layers; ``amounts`` are [column, row], columns as in
    `AMOUNTS`. Results that count the same have the same ``rows`` and ``amounts``, as objects too.
    """

    rows: list[tuple[str, str, str, int]]
    amounts: list[list[float]]
    energy_j: list[float | None]
    seconds: list[float] | None
    bound: list[str | None] | None


def operation_table(result: Result) -> OperationTable:
    """The operators of a result."""
    counts, timing = result.counts, result.timing
    counted = (
        _counted(Same(counts), Same(result.activity)) if result.draft is None
        else _tabled(counts, result.activity, result.actions)
    )  # fmt: skip
    waits = {} if timing is None else timing.waits
    columns = [result.by_operator[1], *([] if timing is None else [timing.seconds, *waits.values()])]
    own = np.array([column[:, :, 0] for column in columns])
    rows = rows_of(counts, has_figures(own) | counted.filled, name_of)
    energy, *times = rows.sums(own)
    names, amounts = _amounts(Same(counts), Same(counted), Same(rows))
    bound = None
    if timing is not None:
        spent = np.array(times[1:])
        longest, which = spent.max(0).tolist(), list(waits)
        bound = [which[i] if most else None for i, most in zip(spent.argmax(0).tolist(), longest, strict=True)]
    seconds = times[0].tolist() if times else None
    return OperationTable(names, amounts, list(map(figure, energy.tolist())), seconds, bound)


class _Counted(NamedTuple):
    """Amounts of each operator, and which operators have any.  [column, phase, op], [phase, op]"""

    table: Array
    filled: NDArray[np.bool_]


def _tabled(counts: OpCounts, activity: Activity, actions: Callable[[str], Array]) -> _Counted:
    moved = (activity.weight_bits / 8, activity.activation_bits / 8, activity.kv_bits / 8)
    columns = (counts["mac"], *(actions(kind) for kind in ("mul", "add", "special")), *moved)
    table = np.array([column[:, :, 0] for column in columns])
    return _Counted(table, has_figures(table))


@lru_cache(maxsize=256)  # a model in its precisions, on devices that run the same formats
def _counted(counts: Same, activity: Same) -> _Counted:
    return _tabled(counts.it, activity.it, partial(runs_of_kind, counts, activity))


@lru_cache(maxsize=256)
def _amounts(counts: Same, counted: Same, rows: Same) -> tuple[list[tuple[str, str, str, int]], list[list[float]]]:
    group = {op.name: op.group for op in reversed(counts.it.operators)}
    found = zip(rows.it.names, rows.it.repeats, strict=True)
    return [(*name, group[name[1]], repeat) for name, repeat in found], rows.it.sums(counted.it.table).tolist()


def operations(result: Result, index: int) -> list[dict[str, Any]]:
    """One row per phase and operator; see `OperationTable`."""
    found = operation_table(result)
    nothing = [None] * len(found.rows)
    own = found.energy_j, found.seconds or nothing, found.bound or nothing
    each = zip(found.rows, zip(*found.amounts, strict=True), *own, strict=True)
    return [
        {
            "record": index, "phase": phase, "op": name, "group": group, "repeat": repeat,
            **dict(zip(AMOUNTS, map(size, amounts), strict=True)),
            "energy_j": energy, "seconds": seconds, "bound": bound,
        }
        for (phase, name, group, repeat), amounts, energy, seconds, bound in each
    ]  # fmt: skip


def components(result: Result, index: int) -> list[dict[str, Any]]:
    """Energy of each component within the record's scope."""
    return [
        {"record": index, "component": name, "energy_j": figure(values[1, 0])}
        for name, values in result.by_component.items()
    ]


def inputs(answer: Answer) -> dict[str, Any]:
    """Everything that went in, each model, precision and profile once.

    What records differ in is null here; each of them has its own.
    """
    first = answer.results[0]
    models = {r.architecture.name: r for r in answer.results}
    accuracy = [
        {"hardware": hardware, "runtime": runtime, "class": name, **s.model_dump()}
        for (hardware, runtime), classes in answer.accuracy.items()
        for name, s in classes.items()
    ]
    software = {r.runtime.name: r.runtime for r in answer.results if r.runtime}
    runtimes = {name: runtime.model_dump(exclude_none=True) for name, runtime in software.items()}
    precisions, hardware = (
        {name: part.model_dump(exclude_none=True) for name, part in {of(r).name: of(r) for r in answer.results}.items()}
        for of in (attrgetter("precision"), attrgetter("hardware"))
    )
    work = first.workload
    return {
        "workload": {
            "batch": int(work.batch), "prompt": int(work.prompt),
            "generate": _shared(answer, lambda r: int(r.workload.generate)),
            "attention": _shared(answer, lambda r: r.workload.attention), "logits": work.logits,
            "counting": work.counting,
        },
        "scope": _shared(answer, lambda r: r.scope), "accumulator": first.accumulator, "devices": first.devices,
        **({"parallel": first.parallel} if first.devices > 1 else {}),
        **({"offload": first.offload} if first.offload else {}),
        **({"draft": _draft(first)} if first.draft else {}),
        **({"facility": _facility(first.facility)} if first.facility else {}),
        "models": {
            name: {
                "shape_parameters": r.footprint.total_parameters,
                "parameters_by_role": r.footprint.parameters,
                **r.architecture.model_dump(exclude_none=True),
            }
            for name, r in models.items()
        },
        "precisions": precisions, "hardware": hardware,
        **({"runtimes": runtimes, "accuracy": accuracy} if runtimes else {}),
    }  # fmt: skip


def _draft(result: Result) -> dict[str, Any]:
    """What drafts tokens, and how."""
    rounds, model = result.rounds, result.scenario.draft
    found = {} if rounds is None else {"tokens": rounds.tokens, "accept": rounds.accept}
    return found if model is None else found | {"model": model.model_dump(exclude_none=True)}


def _shared(answer: Answer, of: Callable[[Result], Any]) -> Any:
    """What all results have in common; None where they differ."""
    found = {of(r) for r in answer.results}
    return found.pop() if len(found) == 1 else None


def _facility(site: Facility) -> dict[str, Any]:
    """The fields of a facility, as Python users give them; the grid with its range and source."""
    zone = site.zone
    grid = None if zone is None else {
        "name": zone.name, **zone.figure.model_dump(), "cited": zone.source.model_dump(exclude_none=True)
    }  # fmt: skip
    plain = {field.name: getattr(site, field.name) for field in fields(site)}
    return plain | {"zone": grid}


def operation_rows(answer: Answer) -> Iterator[dict[str, Any]]:
    """The operations of every result, in the order of the records."""
    return (row for i, r in enumerate(answer.results) for row in operations(r, i))


def verdict_part(verdict: Verdict) -> dict[str, Any]:
    """What an answer says first, and by how much each result differs from the rival."""
    rows = [
        {"hardware": r.hardware.name, "model": r.architecture.name, "precision": r.precision.name, "change": d.nominal,
         "change_low": d.low, "change_high": d.high, "undecided": d.undecided, "turned_by": d.turned_by}
        for r, d in zip(verdict.results, verdict.differences, strict=True) if d is not None
    ]  # fmt: skip
    return {"sentence": verdict.sentence, "also": verdict.also, "rival": verdict.rival, "differences": rows}


def answer_document(
    answer: Answer, verdict: Verdict | None = None, *, gather: Callable[[Iterator[Any]], Iterable[Any]] = list,
    operations: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """The JSON document of an answer.

    Args:
        answer: the answer.
        verdict: what it says first.
        gather: how the many rows are held; ``iter``: not at all, for `json_chunks` makes each as it is written.
        operations: whether they are there; a page holds them apart, and its script puts them in their place.
    """
    return {
        "schema": SCHEMA,
        "version": __version__,
        "records": answer.to_records(),
        **({"days": days(answer)} if answer.requests_per_day is not None else {}),
        **_ranges(answer),
        **_ends(answer),
        "operations": gather(operation_rows(answer)) if operations else None,
        "components": gather(row for i, r in enumerate(answer.results) for row in components(r, i)),
        "inputs": inputs(answer),
        "not_counted": uncounted(answer),
        **({"rounded": text} if (text := rounded(answer)) else {}),
        **({"verdict": verdict_part(verdict)} if verdict is not None else {}),
    }


def _ranges(answer: Answer) -> dict[str, Any]:
    """Bands and tornados, where they were asked for."""
    if not answer.spreads and not answer.swings:
        return {}
    from bitnet_cost.views import ranges

    found = {"monte_carlo": ranges.spread_rows(answer)} if answer.spreads else {}
    return found | ({"sensitivity": ranges.swing_rows(answer)} if answer.swings else {})


def _ends(answer: Answer) -> dict[str, Any]:
    """What the low and high ends of each record on a device are, and those of its emissions and money."""
    found = []
    for i, r in enumerate(answer.results):
        if r.timing is not None:
            ends: dict[str, Any] = {"record": i, "ends": RANGES[is_measured(r)]}
            for name, unit, of in (("carbon", "g", carbon_interval(r)), ("cost", "usd", cost_interval(r))):
                low, high = (None, None) if of is None else of[::2, 0].tolist()
                ends |= {f"{name}_low_{unit}": low, f"{name}_high_{unit}": high}
            found.append(ends)
    return {"ranges": found} if found else {}


def json_text(data: Any) -> str:
    """Strict JSON: no NaN, no infinity."""
    return "".join(json_chunks(data))


def json_chunks(data: Any) -> Iterator[str]:
    """Strict JSON a row at a time: answers of thousands of results are longer than memory should hold.

    An iterator in a document is a list whose rows are made as they are written.

    >>> "".join(json_chunks({"rows": iter([{"a": 1}, 2])})) == json_text({"rows": [{"a": 1}, 2]})
    True
    """
    yield from _chunks(data, "\n", levels=2)  # the parts of a document, the rows of a part
    yield "\n"


def _chunks(value: Any, line: str, levels: int) -> Iterator[str]:
    """A value item by item down to some levels, below them at once; ``line`` begins a new one."""
    if levels == 0 or not isinstance(value, dict | list | Iterator):
        yield _encoded(value).replace("\n", line)  # a word has none: JSON writes it as an escape
        return
    if isinstance(value, dict):
        opening, closing = "{}"
        items = ((f"{_STRICT.encode(str(key))}: ", each) for key, each in value.items())
    else:
        opening, closing = "[]"
        items = (("", each) for each in value)
    before = opening
    for name, each in items:
        yield f"{before}{line} {name}"
        yield from _chunks(each, line + " ", levels - 1)
        before = ","
    yield opening + closing if before == opening else line + closing


def _encoded(value: Any) -> str:
    """A value as `_STRICT` writes it; a row of plain values at once, by the encoder that cannot indent."""
    if not value or not isinstance(value, dict):
        return _STRICT.encode(value)
    nested = any(isinstance(each, dict | list | tuple) and each for each in value.values())
    return _STRICT.encode(value) if nested else f"{{\n {_ROW.encode(value)[1:-1]}\n}}"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


_STRICT = json.JSONEncoder(indent=1, allow_nan=False, default=_plain)
_ROW = json.JSONEncoder(separators=(",\n ", ": "), allow_nan=False, default=_plain)


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Rows of one shape as CSV; null is an empty cell, true and false as in JSON."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: _cell(v) for k, v in row.items()})
    return stream.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


def answer_rows(answer: Answer) -> list[dict[str, Any]]:
    """The records for CSV: no lists of quality, and each with its day of requests where one was asked for."""
    found = [{name: value for name, value in row.items() if name != "quality"} for row in answer.to_records()]
    if answer.requests_per_day is None:
        return found
    return [row | {k: v for k, v in day.items() if k != "record"} for row, day in zip(found, days(answer), strict=True)]


def days(answer: Answer) -> list[dict[str, Any]]:
    """What the requests of a day cost, one row per record; null where a record has no energy.

    Where no batch is given they are served as they come: ``mean_batch`` and ``replicas`` say how.
    """
    loads = {id(load.scenario): load for load in answer.loads}
    served = [loads.get(id(r.scenario)) if int(r.workload.batch) == 1 else None for r in answer.results]
    days = [
        load.of_day if load is not None else answer.day(r) if r.has_energy else None
        for r, load in zip(answer.results, served, strict=True)
    ]
    settled = [
        {} if load is None or load.steady is None or load.replicas is None
        else {"mean_batch": float(load.steady.batch[0]), "replicas": int(load.replicas[0])}
        for load in served
    ]  # fmt: skip
    return [
        {
            "record": index, **settled[index], "requests_per_day": answer.requests_per_day,
            "energy_j_per_day": day and figure(day.energy_j), "carbon_g_per_day": day and day.carbon_g,
            "cost_usd_per_day": day and day.cost_usd,
        }
        for index, day in enumerate(days)
    ]  # fmt: skip


def fit_rows(fits: Sequence[Fit]) -> list[dict[str, Any]]:
    """What fits, one row per hardware and precision."""
    return [
        held_row(f.result)
        | {"largest_batch": f.batch, "longest_prompt": f.positions, "devices": f.result.devices_needed}
        for f in fits
    ]


def held_row(r: Result) -> dict[str, Any]:
    """What is resident, against what there is; on several devices how many share it."""
    shared = {} if r.devices == 1 else {"shared_by": r.devices}
    return {
        "model": r.architecture.name, "hardware": r.hardware.name, "precision": r.precision.name,
        "batch": int(r.workload.batch), "prompt": int(r.workload.prompt), "generate": int(r.workload.generate),
        **shared,
        "weights_bytes": size(r.footprint.total_weight_bits / 8), "footprint_bytes": size(r.footprint.bits[0] / 8),
        "capacity_bytes": size((r.capacity_bits or 0.0) / 8), "fits": bool(r.fits),
    }  # fmt: skip
