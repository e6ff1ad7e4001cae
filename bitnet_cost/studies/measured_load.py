"""Hold measured servers under load against the model."""

from __future__ import annotations

from functools import cache

import numpy as np

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.measurement import LoadMeasurement
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.readers import measured
from bitnet_cost.studies.load import Terms, serving
from bitnet_cost.studies.measured import Point, Quantity

COLUMNS: dict[Quantity, str] = {
    "tpot_s": "tpot_s", "ttft_s": "ttft_s", "mean_batch": "mean_batch", "power_w": "power_w",
    "energy_j_per_token": "energy_per_token_j",
}  # fmt: skip
QUEUED = 0.8  # of the largest rate: beyond it the wait is that of a window of seconds, not of a steady state


def points() -> list[Point]:
    """Every measured quantity of a server under load beside the modelled one."""
    found: list[Point] = []
    for row in measured.load_rows():
        for quantity in COLUMNS:
            value = getattr(row, quantity)
            if value is None:
                continue
            ours, why = _figure(row, quantity)
            found.append(Point(row, quantity, value, ours, row.left_out or why))
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
    if not point.row.source.startswith("own-"):
        return "load-published"
    names = {"tpot_s": "token", "ttft_s": "first-token", "mean_batch": "batch", "power_w": "power"}
    return f"load-{names.get(point.quantity, 'energy')}"


def conditions(row: LoadMeasurement) -> str:
    """How a row was measured, in words."""
    limit = f", at most {row.max_batch}" if row.max_batch else ""
    return f"{row.devices} x, {row.rate:g} requests/s, {row.prompt} > {row.generate}{limit}"
