"""Figures that set time on a device, and energies with each of them at another value, all of a result in one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from bitnet_cost.engine.estimate import Prepared, measure, prepare, priced
from bitnet_cost.engine.kernels import classes_of
from bitnet_cost.inputs.cited import Bandwidth, Duration, Figure, Rate, Ratio, Same, figures_in, put_each, walk
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.arrays import Bases
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import Array


def time_figures(result: Result) -> dict[str, Figure]:
    """Every figure with a range that sets time on the device of a result, by its path. Empty for a technology node.

    Kernels of classes that the model does not run are left out.
    """
    if result.runtime is None:
        return {}
    ops = Same(result.counts.operators)
    return _time_figures(ops, Same(result.precision), Same(result.hardware), Same(result.runtime), result.devices == 1)


@lru_cache(maxsize=2048)  # every cell of a page, whose figures move one by one, then in pairs
def _time_figures(ops: Same, precision: Same, hardware: Same, runtime: Same, alone: bool) -> dict[str, Figure]:
    software: RuntimeProfile = runtime.it
    used = classes_of(ops.it, precision.it, hardware.it)
    names = {software.listed(name) for name in used if name is not None} | {"cache"}
    unused = {f"runtime.kernels.{name}." for name in software.kernels if name not in names}
    unused |= {"interconnect."} if alone else set()
    every = (*_timing_figures(hardware), *_timing_figures(runtime, "runtime"))
    found = {path: figure for path, figure in every if not path.startswith(tuple(unused))}
    power = hardware.it.power
    if power is not None and power.cap is not None and power.cap.low <= 1.1 * power.static.value:
        found.pop("power.cap", None)  # a cap that leaves nothing to work with is none
    return found


@lru_cache(maxsize=1024)  # every device and its software, of all cells on it
def _timing_figures(owner: Same, above: str = "") -> tuple[tuple[str, Figure], ...]:
    """Figures of an input with a range that set time, by path, of all its kernels."""
    return tuple(
        (path, figure) for path, figure in figures_in(owner.it, above)
        if (isinstance(figure, Bandwidth | Rate | Duration | Ratio) or path == "power.cap")
        and figure.low != figure.high and not path.endswith(".workspace") and not path.startswith("alternatives.")
    )  # fmt: skip


def at_values(asked: Scenario, values: Mapping[str, float | Array]) -> Scenario:
    """The scenario with figures at other nominal values, or one for each point of a grid; their ranges stay."""
    for path, value in values.items():
        asked = asked.at(path, asked.figure(path).model_copy(update={"value": value}))
    return asked


def revalued(result: Result, asked: Scenario, ready: Prepared | None = None) -> Result:
    """What was counted for a result, asked of another scenario of the same model and work; ``ready`` is made for it.

    Raises:
        BitnetCostError: see `priced`.
    """
    return priced(measure(asked, counts=result.counts, prepared=ready), ready)


def energies_with_each(result: Result, values: Sequence[tuple[str, float]]) -> Array:
    """Energy with one figure of time at another value, one after the other, as one grid.  [point * n]  [J]

    The figures become arrays over the points of a grid that is each point n times.

    Raises:
        BitnetCostError: see `priced`.
    """
    n, counts, asked = len(values), result.counts, result.scenario
    batch, prompt, generate = (np.repeat(v, n) for v in result.workload.flat())
    workload = replace(result.workload, batch=batch, prompt=prompt, generate=generate)
    wide = replace(
        counts, workload=workload, bases=Bases(counts.bases.names, np.repeat(counts.bases.table, n, axis=-1))
    )
    moved = _one_by_one(Same(asked.hardware), Same(asked.runtime), tuple(values), counts.points)
    priced_as, asked = asked.hardware, asked.model_copy(update={**moved, "workload": workload})
    ready = replace(prepare(asked, once=True), lasting=False, priced_as=priced_as)
    return revalued(replace(result, counts=wide), asked, ready).energy_j


@lru_cache(maxsize=512)  # every device of a comparison, of all models in all precisions that run the same kernels
def _one_by_one(hardware: Same, runtime: Same, values: tuple[tuple[str, float], ...], points: int) -> dict[str, Any]:
    """Hardware and runtime with one figure at another value, one after the other, at each of some points."""
    both = {"hardware": hardware.it, "runtime": runtime.it}
    places: dict[str, list[int]] = {}
    for i, (path, _) in enumerate(values):
        places.setdefault(path, []).append(i)
    moved = []
    for path, own in places.items():
        way, figure = walk(both, path if path.startswith("runtime.") else f"hardware.{path}")
        column = np.full((points, len(values)), figure.value, dtype=np.float64)
        column[:, own] = [values[i][1] for i in own]
        moved.append((way, figure.model_copy(update={"value": column.ravel()})))
    return put_each(moved) if moved else both


def energies_at_ends(result: Result, ends: Sequence[tuple[str, float]]) -> Array:
    """Energy of a single point with one figure of time at an end, one after the other; see `energies_with_each`.  [J]

    The figures may be those of another result on the same hardware: what no kernel of this one has moves nothing here.
    """
    mine, usual = time_figures(result), float(result.energy_j)
    if not any(path in mine for path, _ in ends):
        return np.full(len(ends), usual)
    known = _at_each_end(Same(result))
    if any(path in mine and (path, end) not in known for path, end in ends):  # of another software
        return energies_with_each(result, ends)
    return np.array([known.get(each, usual) for each in ends])


@lru_cache(maxsize=1024)  # every cell of a page, which is compared with several
def _at_each_end(result: Same) -> dict[tuple[str, float], float]:
    """Energy of a single point with each of its figures of time at its low and at its high.  [J]"""
    figures = time_figures(result.it).items()
    ends = [(path, end) for path, figure in figures for end in (figure.low, figure.high)]
    return dict(zip(ends, energies_with_each(result.it, ends).tolist(), strict=True)) if ends else {}
