"""Hold measured servers under load against the model."""

from __future__ import annotations

from functools import cache

import numpy as np

from bitnet_cost.engine.load import copies_of, over
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.measurement import LoadMeasurement, Measurement
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.ledger.load_record import LOAD_METRICS
from bitnet_cost.numerals import brief
from bitnet_cost.readers import catalog, machines, measured
from bitnet_cost.studies.load import Terms, serving
from bitnet_cost.studies.measured import Point, Quantity, grouped, precision_of, workload_of

COLUMNS: dict[Quantity, str] = {
    "tpot_s": "tpot_s", "ttft_s": "ttft_s", "mean_batch": "mean_batch", "power_w": "power_w",
    "energy_j_per_token": "energy_per_token_j",
}  # fmt: skip
SERVED: tuple[Quantity, ...] = ("tpot_s", "mean_batch", "power_w", "energy_j_per_token")
SHARED = {"source", "model", "hardware", "devices", "runtime", "precision", "generate", "power_w", "left_out",
          "energy_j_per_token"}  # fmt: skip
QUEUED = 0.8  # of the largest rate: beyond it the wait is that of a window of seconds, not of a steady state


def points() -> list[Point]:
    """Every measured quantity of a server under load beside the modelled one."""
    found = [point for group in _kept_busy() for point in _at_its_rate(group)]
    for row in measured.load_rows():
        for quantity in COLUMNS:
            value = getattr(row, quantity)
            if value is None:
                continue
            ours, why = _figure(row, quantity)
            found.append(Point(row, quantity, value, ours, row.left_out or why))
    return found


def _kept_busy() -> list[list[Measurement]]:
    """Rows of servers at a mean batch whose tokens per second are known, from power and energy, by what they run."""
    rows = [row for row in measured.rows() if row.phase == "serving" and row.power_w and row.energy_j_per_token]
    return list(grouped(rows).values())


def _at_its_rate(rows: list[Measurement]) -> list[Point]:
    """Servers of one group as a load of the requests that they completed: batch, time, power, energy."""
    first = rows[0]
    profile, software = machines.setting(catalog.hardware(first.hardware), first.runtime)
    asked = Scenario(
        model=catalog.model(first.model), precision=precision_of(first), hardware=profile,
        runtime=software, workload=Workload(1), devices=first.devices, parallel=first.parallel,
    )  # fmt: skip
    loads = [
        Load((row.power_w or 0.0) / (row.energy_j_per_token or 1.0) / row.generate, int(prompt), row.generate)
        for row, prompt in zip(rows, workload_of(rows).flat()[1], strict=True)
    ]
    found, used = [], measured.used()
    for row, load, copy in zip(rows, loads, copies_of(asked, loads), strict=True):
        beside = LoadMeasurement(
            id=f"{row.id}-load", tpot_s=row.seconds, mean_batch=row.batch, rate=load.rates[0], prompt=load.prompt,
            **row.model_dump(include=SHARED),
        )  # fmt: skip
        result = over(copy, load.rates)
        why = row.left_out or (copy.reason or "").partition(":")[0]
        for quantity in SERVED:
            ours = LOAD_METRICS[COLUMNS[quantity]].of(result)
            found.append(Point(beside, quantity, getattr(beside, quantity), np.nan if ours is None else float(ours[0]),
                               why, row.id in used))  # fmt: skip
    return found


def _figure(row: LoadMeasurement, quantity: Quantity) -> tuple[float, str]:
    """The modelled figure, and why it is not scored; empty where it is."""
    try:
        result = served(row)
    except BitnetCostError as fault:
        return np.nan, str(fault).splitlines()[0]
    late = quantity == "ttft_s" and row.rate > QUEUED * result.largest
    value = _record(result)[COLUMNS[quantity]]
    return np.nan if value is None else value, "a queue that a window of seconds does not see settle" if late else ""


@cache
def served(row: LoadMeasurement) -> LoadResult:
    """What the model says of a row.

    Raises:
        BitnetCostError: an unknown name, a missing price.
    """
    (result,) = serving(row.model, [row.hardware], [row.precision], _load(row), Terms(row.runtime, devices=row.devices))
    return result


def _record(result: LoadResult) -> dict[str, float | None]:
    return result.to_records()[0]


def _load(row: LoadMeasurement) -> Load:
    return Load(row.rate, row.prompt, row.generate, max_batch=row.max_batch, static_cache=row.static_cache)


def kind_of(point: Point) -> str:
    """The class of a measured quantity of a server under load."""
    names = {"tpot_s": "token", "ttft_s": "first-token", "mean_batch": "batch", "power_w": "power"}
    name = names.get(point.quantity, "energy")
    if point.row.source.startswith("mlenergy"):
        return f"load-busy-{name}"
    return f"load-{name}" if point.row.source.startswith("own-") else "load-published"


def conditions(row: LoadMeasurement) -> str:
    """How a row was measured, in words."""
    limit = f", at most {row.max_batch}" if row.max_batch else ""
    return f"{row.devices} x, {brief(row.rate)} requests/s, {row.prompt} > {row.generate}{limit}"
