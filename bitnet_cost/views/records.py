"""Results as records: the JSON and CSV that programs read. Names carry their SI unit; what cannot be said is null."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bitnet_cost import __version__
from bitnet_cost.inputs.workload import Array
from bitnet_cost.result import Answer, Fit, Result, longest_wait
from bitnet_cost.views.honesty import left_out, rounded

SCHEMA = "bitnet-cost/1"
FIELDS = (
    "model", "parameters", "hardware", "runtime", "precision", "scope", "batch", "prompt", "generate", "attention",
    "logits", "counting", "devices", "mac", "mul", "add", "special", "ideal_weights_bytes", "weights_bytes",
    "kv_cache_bytes", "peak_activation_bytes", "footprint_bytes", "capacity_bytes", "fits", "energy_j",
    "energy_low_j", "energy_high_j", "energy_per_token_j", "saving", "saving_low", "saving_high", "baseline",
    "prefill_s", "decode_s", "latency_s", "tokens_per_s", "power_w", "bound", "carbon_g", "cost_usd", "reason",
)  # fmt: skip
NO_CLOCK = "technology node: no clock, no capacity"


def _number(value: Any) -> float | int | None:
    """A JSON number: whole counts as integers, what is not finite as null."""
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def _count(value: Any) -> int:
    return round(float(value))


def _float(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def record(result: Result) -> dict[str, Any]:
    """One record of a single point (grid shape ``()``)."""
    workload, memory = result.workload, result.footprint
    low, nominal, high = (_float(x) for x in result.energy_bounds)
    saving = [None, None, None] if result.saving is None else [_float(x) for x in result.saving]
    tokens = int(workload.batch) * int(workload.generate)
    kinds = {kind: _count(float(result.actions(kind).sum())) for kind in ("mul", "add", "special")}
    values: dict[str, Any] = dict.fromkeys(FIELDS)
    values |= {
        "model": result.architecture.name,
        "parameters": result.parameters,
        "hardware": result.hardware.name,
        "precision": result.precision.name,
        "scope": result.scope,
        "batch": int(workload.batch),
        "prompt": int(workload.prompt),
        "generate": int(workload.generate),
        "attention": workload.attention,
        "logits": workload.logits,
        "counting": workload.counting,
        "devices": result.devices,
        "mac": _count(result.mac),
        **kinds,
        "ideal_weights_bytes": _number(memory.ideal_bits / 8),
        "weights_bytes": _number(memory.total_weight_bits / 8),
        "kv_cache_bytes": _number(memory.kv_bits[0] / 8),
        "peak_activation_bytes": _number(memory.activation_bits[0] / 8),
        "footprint_bytes": _number(memory.on_each(result.devices)[0] * result.devices / 8),
        "energy_j": nominal,
        "energy_low_j": low,
        "energy_high_j": high,
        "energy_per_token_j": nominal / tokens if nominal is not None and workload.generate > 1 else None,
        "saving": saving[1],
        "saving_low": saving[0],
        "saving_high": saving[2],
        "baseline": result.baseline,
        "reason": result.reason or (NO_CLOCK if result.hardware.kind == "technology" else None),
    }
    capacity = result.capacity_bits
    if capacity is not None:
        values |= {
            "runtime": result.runtime.runtime if result.runtime else None,
            "capacity_bytes": _number(capacity * result.devices / 8),
            "fits": bool(result.fits),
        }
    if result.timing is not None:
        latency = float(result.timing.total[0])
        values |= {
            "prefill_s": float(result.timing.by_phase[0, 0]),
            "decode_s": float(result.timing.decode[0]),
            "latency_s": latency,
            "tokens_per_s": result.tokens_per_s,
            "power_w": _device_energy(result) / latency
            if nominal is not None and result.scope in ("device", "facility")
            else None,
            "carbon_g": None if result.carbon_g is None else _float(result.carbon_g),
            "cost_usd": None if result.cost_usd is None else _float(result.cost_usd),
            "bound": result.timing.bound,
        }
    return values


def _device_energy(result: Result) -> float:
    """Energy of the device itself, without the facility around it.  [J]"""
    return sum(float(values[1, 0]) for name, values in result.by_component.items() if name != "facility")


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
    for p, phase in enumerate(counts.phases):
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
            row[name] = _number(row[name])
        row["energy_j"] = _float(row["energy_j"])
    return list(rows.values())


def components(result: Result, index: int) -> list[dict[str, Any]]:
    """Energy of each component within the record's scope."""
    return [
        {"record": index, "component": name, "energy_j": _float(values[1, 0])}
        for name, values in result.by_component.items()
    ]


def inputs(answer: Answer) -> dict[str, Any]:
    """Everything that went in, each model, precision and profile once."""
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
            "generate": int(first.workload.generate),
            "logits": first.workload.logits,
            "counting": first.workload.counting,
        },
        "accumulator": first.accumulator,
        **({"parallel": first.parallel} if first.devices > 1 else {}),
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


def document(answer: Answer) -> dict[str, Any]:
    """The JSON document of an answer."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "records": [record(r) for r in answer.results],
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


def as_json(answer: Answer) -> str:
    """The document as JSON text."""
    return json_text(document(answer))


def json_text(data: Any) -> str:
    """Strict JSON: no NaN, no infinity."""
    return json.dumps(data, indent=1, allow_nan=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Rows of one shape as CSV; null is an empty cell."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if v is None else v for k, v in row.items()})
    return stream.getvalue()


def as_csv(answer: Answer) -> str:
    """The records as CSV."""
    rows = [record(r) for r in answer.results]
    if answer.requests_per_day is not None:
        rows = [
            row | {k: v for k, v in day.items() if k != "record"} for row, day in zip(rows, days(answer), strict=True)
        ]
    return csv_text(rows)


def days(answer: Answer) -> list[dict[str, Any]]:
    """What the requests of a day cost, one row per record; null where a record has no energy."""
    rows = []
    for index, result in enumerate(answer.results):
        day = answer.day(result) if result.joules else None
        rows.append(
            {
                "record": index, "requests_per_day": answer.requests_per_day,
                "energy_j_per_day": None if day is None else _float(day.energy_j),
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
                "weights_bytes": _number(r.footprint.total_weight_bits / 8),
                "footprint_bytes": _number(r.footprint.bits[0] / 8), "capacity_bytes": _number(capacity / 8),
                "fits": bool(r.fits), "largest_batch": f.batch, "longest_prompt": f.positions,
                "devices": r.devices_needed,
            }
        )  # fmt: skip
    return rows
