"""Records as the JSON and CSV that programs read. Names carry their SI unit; what cannot be computed is null."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from bitnet_cost import __version__
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.workload import Array
from bitnet_cost.ledger.counted import longest_wait
from bitnet_cost.registry import figure, size
from bitnet_cost.result import Answer, Fit, Result
from bitnet_cost.views.honesty import left_out, rounded

SCHEMA = "bitnet-cost/1"


def operations(result: Result, index: int) -> list[dict[str, Any]]:
    """One row per phase and operator; runs of layers with the same operator are one row."""
    counts, activity = result.counts, result.activity
    columns: dict[str, Array] = {
        "mac": counts["mac"],
        "mul": result.actions("mul"),
        "add": result.actions("add"),
        "special": result.actions("special"),
        "weight_bytes": activity.weight_bits / 8,
        "activation_bytes": activity.activation_bits / 8,
        "kv_bytes": activity.kv_bits / 8,
    }
    energy = result.by_operator[1]
    seconds = result.timing.seconds if result.timing is not None else None
    waits = result.timing.waits if result.timing is not None else {}
    waited: dict[tuple[str, str], dict[str, float]] = {}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for p, (phase, *_) in enumerate(counts.phases):
        for i, op in enumerate(counts.operators):
            values = {name: float(column[p, i, 0]) for name, column in columns.items()}
            took = seconds is not None and seconds[p, i, 0]
            if not any(values.values()) and not took:
                continue
            row = rows.get((phase, op.name))
            if row is None:
                row = rows[phase, op.name] = {
                    "record": index, "phase": phase, "op": op.name, "group": op.group, "repeat": 0,
                    **dict.fromkeys(columns, 0.0), "energy_j": 0.0, "seconds": None, "bound": None,
                }  # fmt: skip
            row["repeat"] += op.repeat
            for name, value in values.items():
                row[name] += value
            row["energy_j"] += float(energy[p, i, 0])
            if seconds is not None:
                row["seconds"] = (row["seconds"] or 0.0) + float(seconds[p, i, 0])
                sums = waited.setdefault((phase, op.name), dict.fromkeys(waits, 0.0))
                for name, values_of in waits.items():
                    sums[name] += float(values_of[p, i, 0])
                row["bound"] = longest_wait(sums)
    for row in rows.values():
        for name in columns:
            row[name] = size(row[name])
        row["energy_j"] = figure(row["energy_j"])
    return list(rows.values())


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
    runtimes = {r.runtime.name: r.runtime.model_dump(exclude_none=True) for r in answer.results if r.runtime}
    return {
        "workload": {
            "batch": int(first.workload.batch),
            "prompt": int(first.workload.prompt),
            "generate": _shared(answer, lambda r: int(r.workload.generate)),
            "attention": _shared(answer, lambda r: r.workload.attention),
            "logits": first.workload.logits,
            "counting": first.workload.counting,
        },
        "scope": _shared(answer, lambda r: r.scope),
        "accumulator": first.accumulator,
        "devices": first.devices,
        **({"parallel": first.parallel} if first.devices > 1 else {}),
        **({"facility": _facility(first.facility)} if first.facility else {}),
        "models": {
            name: {
                "shape_parameters": r.footprint.total_parameters,
                "parameters_by_role": r.footprint.parameters,
                **r.architecture.model_dump(exclude_none=True),
            }
            for name, r in models.items()
        },
        "precisions": {r.precision.name: r.precision.model_dump(exclude_none=True) for r in answer.results},
        "hardware": {r.hardware.name: r.hardware.model_dump(exclude_none=True) for r in answer.results},
        **({"runtimes": runtimes, "accuracy": accuracy} if runtimes else {}),
    }


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


def document(answer: Answer) -> dict[str, Any]:
    """The JSON document of an answer."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "records": answer.to_records(),
        **({"days": days(answer)} if answer.requests_per_day is not None else {}),
        **_ranges(answer),
        "operations": [row for i, r in enumerate(answer.results) for row in operations(r, i)],
        "components": [row for i, r in enumerate(answer.results) for row in components(r, i)],
        "inputs": inputs(answer),
        "not_counted": left_out(answer),
        **({"rounded": text} if (text := rounded(answer)) else {}),
    }


def _ranges(answer: Answer) -> dict[str, Any]:
    """Bands and tornados, where they were asked for."""
    if not answer.spreads and not answer.swings:
        return {}
    from bitnet_cost.views import ranges

    found = {"monte_carlo": ranges.spread_rows(answer)} if answer.spreads else {}
    return found | ({"sensitivity": ranges.swing_rows(answer)} if answer.swings else {})


def json_text(data: Any) -> str:
    """Strict JSON: no NaN, no infinity."""
    return json.dumps(data, indent=1, allow_nan=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


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


def rows(answer: Answer) -> list[dict[str, Any]]:
    """The records for CSV, each with its day of requests where one was asked for."""
    found = answer.to_records()
    if answer.requests_per_day is None:
        return found
    return [row | {k: v for k, v in day.items() if k != "record"} for row, day in zip(found, days(answer), strict=True)]


def days(answer: Answer) -> list[dict[str, Any]]:
    """What the requests of a day cost, one row per record; null where a record has no energy."""
    rows = []
    for index, result in enumerate(answer.results):
        day = answer.day(result) if result.has_energy else None
        rows.append(
            {
                "record": index, "requests_per_day": answer.requests_per_day,
                "energy_j_per_day": None if day is None else figure(day.energy_j),
                "carbon_g_per_day": None if day is None else day.carbon_g,
                "cost_usd_per_day": None if day is None else day.cost_usd,
            }
        )  # fmt: skip
    return rows


def fit_rows(fits: Sequence[Fit]) -> list[dict[str, Any]]:
    """What fits, one row per hardware and precision."""
    rows = []
    for f in fits:
        r, capacity = f.result, f.result.capacity_bits
        assert capacity is not None
        rows.append(
            {
                "model": r.architecture.name, "hardware": r.hardware.name, "precision": r.precision.name,
                "batch": int(r.workload.batch), "prompt": int(r.workload.prompt), "generate": int(r.workload.generate),
                "weights_bytes": size(r.footprint.total_weight_bits / 8),
                "footprint_bytes": size(r.footprint.bits[0] / 8), "capacity_bytes": size(capacity / 8),
                "fits": bool(r.fits), "largest_batch": f.batch, "longest_prompt": f.positions,
                "devices": r.devices_needed,
            }
        )  # fmt: skip
    return rows
