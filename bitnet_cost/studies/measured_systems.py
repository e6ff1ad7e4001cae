"""Hold whole systems, measured at the most that they serve, against the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bitnet_cost.engine.load import copies_of, over, within
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.division import shareable
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.measurement import SystemMeasurement
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.ledger.load_record import LOAD_METRICS
from bitnet_cost.readers import catalog, machines, measured
from bitnet_cost.studies.measured import Point, Quantity, at_the_wall
from bitnet_cost.words import Parallel

QUANTITIES: tuple[Quantity, ...] = ("tokens_per_s", "energy_j_per_token")
PERCENT = 99  # of requests that keep the times: MLPerf, inference_rules.adoc, Server
WAYS: tuple[Parallel, ...] = ("tensor", "expert", "data")  # in which devices share a copy

System = tuple[str, str, int, str, str, float | None]


def points() -> list[Point]:
    """Tokens per second and energy per token of each system beside the modelled ones."""
    alike: dict[System, list[SystemMeasurement]] = {}
    for row in measured.system_rows():
        shared = -row.devices if row.each is None else row.each  # where a copy's devices are known, others do not count
        key = (row.model, row.hardware, shared, row.runtime, row.precision, row.kv_bits)
        alike.setdefault(key, []).append(row)
    return [point for rows in alike.values() for point in _points(rows)]


def kind_of(point: Point) -> str:
    """The class of a measured quantity of a whole system."""
    return "load-mlperf" if point.quantity == "tokens_per_s" else "load-mlperf-energy"


def conditions(row: SystemMeasurement) -> str:
    """How a row was measured, in words."""
    return f"{row.entry}, {row.scenario}, {row.devices} x, {row.prompt} > {row.generate}"


def _points(rows: Sequence[SystemMeasurement]) -> Iterator[Point]:
    """Those of results of one system."""
    first, why = rows[0], "does not fit"
    loads = {_numbers(row): _load(row) for row in rows}
    try:
        best = dict(zip(loads, most_of(first, list(loads.values())), strict=True))
    except BitnetCostError as fault:
        best, why = dict.fromkeys(loads), str(fault).splitlines()[0]
    for row in rows:
        served = best[_numbers(row)]
        ours = dict.fromkeys(QUANTITIES, np.nan) if served is None else _figures(served, row.devices)
        for quantity in QUANTITIES:
            value = getattr(row, quantity)
            if value is not None:
                yield Point(row, quantity, value, ours[quantity], row.left_out or ("" if served is not None else why))


def _numbers(row: SystemMeasurement) -> tuple[float | None, ...]:
    """What tells loads of one system apart."""
    return row.prompt, row.generate, row.slo_ttft, row.slo_tpot


def _load(row: SystemMeasurement) -> Load:
    limited = row.slo_ttft is not None or row.slo_tpot is not None
    return Load(
        1.0, row.prompt, row.generate, slo_ttft=row.slo_ttft, slo_tpot=row.slo_tpot,
        percentile=PERCENT if limited else None,
    )  # fmt: skip


def most_of(row: SystemMeasurement, loads: Sequence[Load]) -> list[LoadResult | None]:
    """For each load one copy at the most that it serves, of the division that serves the most; None: none fits.

    Raises:
        BitnetCostError: an unknown name, a missing price.
    """
    ways = [copies_of(asked, loads) for asked in divisions(row)]
    return [_best([way[i] for way in ways], row.devices) for i in range(len(loads))]


def divisions(row: SystemMeasurement) -> list[Scenario]:
    """Every way in which the devices of a system share copies: as many as are joined, without rest."""
    profile, software = machines.setting(catalog.hardware(row.hardware), row.runtime)
    precision = catalog.precision(row.precision)
    if row.kv_bits is not None:
        precision = precision.model_copy(update={"kv_bits": row.kv_bits})
    one = Scenario(
        model=catalog.model(row.model), precision=precision, hardware=profile, runtime=software, workload=Workload(1)
    )
    routed = any(layer.moe for layer in one.model.layers)
    found = []
    for way in WAYS if routed else WAYS[:1]:
        for each in shareable(one.model, way, padded=one.pads_heads):
            fits = each <= profile.joined_at_most and row.devices % each == 0 and row.each in (None, each)
            if fits and (each > 1 or way == WAYS[0]):
                found.append(one.but(devices=each, parallel=way))
    return found


def _best(copies: Sequence[LoadResult], devices: int) -> LoadResult | None:
    """The copy whose division serves most, at its largest rate that keeps the times."""

    def of_all(copy: LoadResult, rate: float) -> float:
        return rate * devices / copy.each

    most, best = 0.0, None
    for copy in sorted(copies, key=lambda copy: -of_all(copy, copy.largest)):
        if copy.pace is None or of_all(copy, copy.largest) <= most:
            break  # times to keep only lower what those left serve
        rate = within(copy.pace)
        if of_all(copy, rate) > most:
            most, best = of_all(copy, rate), over(copy, np.array([rate]))
    return best


def _figures(served: LoadResult, devices: int) -> dict[Quantity, float]:
    """Tokens per second of the whole system, and energy per token at the wall."""
    tokens = float(served.load.rates[0]) * served.load.generate * devices / served.each
    joules = LOAD_METRICS["energy_per_token_j"].of(served)
    assert joules is not None  # a copy that serves has a price
    return {
        "tokens_per_s": tokens, "energy_j_per_token": at_the_wall(float(joules[0]), 1 / tokens, devices),
    }  # fmt: skip
