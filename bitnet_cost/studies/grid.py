"""The cells of an answer over a small grid of batches and contexts, as plain data: what a reader of a page can choose.

Every list of points runs over batches, then contexts. What cannot be computed at a point is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.estimate import evaluate, measure, priced
from bitnet_cost.engine.footprint import footprint
from bitnet_cost.engine.uncertainty import PERCENTILES, draw_prices, levers
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.savings import saved, saving_bounds
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.workload import LIMITS, Workload
from bitnet_cost.ledger.contract import paired
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.ledger.result import Answer, Result
from bitnet_cost.numerals import to_digits
from bitnet_cost.readers import catalog
from bitnet_cost.told import Array
from bitnet_cost.words import Scope

DRAWS = 1000
SIZED = 6  # pieces of hardware up to which models of every size are run on each
SIZES = ("125M", "350M", "1.3B", "6.7B", "13B", "70B", "175B", "1T")
Mask = NDArray[np.bool_]


def axes(workload: Workload) -> tuple[list[int], list[int]]:
    """Batches and prompts around one point: the point, 8 and 64 times its batch; a quarter and 4 times its prompt.

    >>> axes(Workload(1, 512, 128)), axes(Workload(1, 3, 1))
    (([1, 8, 64], [128, 512, 2048]), ([1, 8, 64], [3, 12, 48]))
    """
    batch, prompt = int(workload.batch), int(workload.prompt)
    contexts = [prompt // 4, prompt, prompt * 4] if prompt >= 4 else [prompt, prompt * 4, prompt * 16]
    return (
        [b for b in (batch, batch * 8, batch * 64) if b <= LIMITS["batch"]],
        [c for c in contexts if c <= LIMITS["prompt"]],
    )


def _plain(value: float, digits: int | None) -> float | None:
    if not np.isfinite(value):
        return None
    return float(value) if digits is None else to_digits(value, digits)


def _list(values: Array, exact: int = 0) -> list[float | None]:
    """Figures with five significant digits, the one at ``exact`` whole; None where there is none."""
    flat = np.asarray(values, dtype=float).ravel().tolist()
    return [_plain(v, None if i == exact else 5) for i, v in enumerate(flat)]


def grid(answer: Answer) -> dict[str, Any]:
    """Energy by component and scope, savings, memory, time and power of every cell over the grid of `axes`.

    ``at`` is the point that was asked for; its figures are whole, the others have five digits. ``cells`` are in the
    order of the answer's results. Memory in bytes; energies in J, as [low, nominal, high]; savings as [least, nominal,
    most], and their ``band`` as the percentiles of `DRAWS` draws. ``parts`` of the scopes between the first and the
    last follow from the last's.
    """
    first = answer.results[0]
    batches, contexts = axes(first.workload)
    counted: dict[tuple[str, int], OpCounts] = {}
    run: dict[tuple[str, str, str], Result] = {}

    def on_grid(result: Result, precision: Precision) -> Result:
        key = (result.architecture.name, result.hardware.name, precision.name)
        if key not in run:
            generate = int(result.workload.generate)
            shape = (result.architecture.name, generate)
            if shape not in counted:
                wide = replace(
                    result.workload, batch=np.array(batches)[:, None], prompt=np.array(contexts)[None, :],
                    generate=generate,
                )  # fmt: skip
                counted[shape] = count_ops(result.architecture, wide)
            run[key] = _run(result, precision, counted[shape])
        return run[key]

    at = contexts.index(int(first.workload.prompt))
    drawn = Drawn()
    cells = []
    for result in answer.results:
        base = result.precision if result.baseline == result.precision.name else _precision(answer, result.baseline)
        found = on_grid(result, result.precision)
        cells.append(_cell(at, result, found, None if base is None else on_grid(result, base), drawn))
    return {"batches": batches, "contexts": contexts, "at": at, "cells": cells}


def _precision(answer: Answer, name: str | None) -> Precision | None:
    if name is None:
        return None
    known = next((r.precision for r in answer.results if r.precision.name == name), None)
    if known is not None:
        return known
    try:
        return catalog.precision(name)
    except BitnetCostError:  # a user's own file, by its name alone
        return None


def _run(result: Result, precision: Precision, counts: OpCounts) -> Result:
    """A cell over the grid, in the widest scope it answers; without an energy where it has no price."""
    asked = result.scenario.but(precision=precision, workload=counts.workload, scope=_scopes(result)[-1])
    measured = measure(asked, counts=counts)
    try:
        return priced(measured)
    except BitnetCostError:
        return replace(measured, reason="no price")


def _scopes(result: Result) -> tuple[Scope, ...]:
    return tuple(s for s in result.hardware.scopes if s != "facility" or result.facility is not None)


def _cell(at: int, result: Result, found: Result, base: Result | None, drawn: Drawn) -> dict[str, Any]:
    """One cell of `grid`."""
    memory = found.footprint
    points = found.counts.points
    values: dict[str, Any] = {"needs": _list(memory.on_each(result.devices) / 8, at)}
    fits: Mask = np.ones(points, dtype=bool) if found.fits is None else np.asarray(found.fits).ravel()
    if not found.has_energy:
        return values
    if found.timing is not None:
        shown = {"seconds": "latency_s", "tokens_per_s": "tokens_per_s", "power_w": "power_w"}
        values |= {name: _list(np.where(fits, METRICS[column].of(found), np.nan), at) for name, column in shown.items()}
    scopes: dict[str, Any] = {}
    for scope in _scopes(result):
        narrow = found.within(scope)
        try:
            parts = narrow.by_component
        except BitnetCostError:  # a package priced by time may have no prices of its actions
            continue
        whole = np.where(fits, sum(parts.values()), np.nan)
        scopes[scope] = {"energy": [_list(v, at) for v in whole]}
        if scope in ("arithmetic", _scopes(result)[-1]) or found.hardware.priced == "time":
            scopes[scope]["parts"] = {n: _list(np.where(fits, v[1], np.nan), at) for n, v in parts.items()}
        if base is not None and base.has_energy:
            scopes[scope] |= _saving(at, narrow, base, scope, fits, drawn)
    values["scopes"] = scopes
    return values


class Drawn:
    """Prices of each piece of hardware drawn from their ranges, once; two precisions are priced with the same draws."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], Array] = {}

    def __call__(self, hardware: Hardware, actions: Sequence[str]) -> Array:
        """The draws of these actions.  [action, draw]  [J]"""
        new = [a for a in actions if (hardware.name, a) not in self._of]
        for action, prices in zip(new, draw_prices(levers(hardware, new), DRAWS, seed=0), strict=True):
            self._of[hardware.name, action] = prices
        return np.array([self._of[hardware.name, a] for a in actions])


def _saving(
    at: int, found: Result, base: Result, scope: Scope, fits: Mask, drawn: Drawn
) -> dict[str, list[list[float | None]]]:
    """Saving and band of a cell in a scope; empty where the baseline has no answer in it."""
    if found.ledger is None or base.ledger is None:
        return {}
    other = base.within(scope)
    try:
        prices = {**other.prices, **found.prices}
    except BitnetCostError:
        return {}
    actions, ours, theirs = paired(found.ledger, base.ledger, scope)
    both = fits if other.fits is None else fits & np.asarray(other.fits).ravel()
    values = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = saving_bounds(ours, theirs, np.array([prices[a] for a in actions]))
        bounds[:, ~both] = np.nan
        values["saving"] = [_list(v, at) for v in bounds]
        if found.precision.name != base.precision.name:
            draws = drawn(found.hardware, actions).T
            band = np.percentile(saved(draws @ ours, draws @ theirs), PERCENTILES, axis=0)
            band[:, ~both] = np.nan
            values["band"] = [[_plain(x, 4) for x in v.tolist()] for v in band]
    return values


def by_size(answer: Answer, opening: Result) -> list[dict[str, Any]]:
    """Models of `SIZES` in every precision of the answer, over the grid of `axes`: bytes of memory, and what they cost.

    ``run`` is energy of the whole run and tokens per second by hardware: of all where there are at most `SIZED`, else
    of the piece that a page opens with. None where nothing can be computed.
    """
    workload = answer.results[0].workload
    batches, contexts = axes(workload)
    at = contexts.index(int(workload.prompt))
    precisions = {r.precision.name: r.precision for r in answer.results}
    generate = max(int(r.workload.generate) for r in answer.results)
    wide = Workload(np.array(batches)[:, None], np.array(contexts)[None, :], generate)
    own = [r for r in answer.results if r.architecture.name == opening.architecture.name]
    if len({r.hardware.name for r in own}) > SIZED:
        own = [r for r in own if r.hardware.name == opening.hardware.name]
    rows = []
    for size in SIZES:
        model = catalog.model(size)
        counts = count_ops(model, wide)
        for precision in precisions.values():
            found = footprint(model, precision, counts)
            parameters = model.nominal_parameters or found.total_parameters
            rows.append(
                {
                    "size": size,
                    "parameters": parameters,
                    "precision": precision.name,
                    "needs": _list(found.on_each(opening.devices) / 8, at),
                    "run": {
                        r.hardware.name: _sized(at, r, model, counts)
                        for r in own
                        if r.precision.name == precision.name and int(r.workload.generate) == generate
                    },
                }
            )
    return rows


def _sized(at: int, like: Result, model: Architecture, counts: OpCounts) -> list[list[float | None]] | None:
    """Energy of a run and tokens per second of a model on the hardware and in the precision of another result."""
    try:
        found = evaluate(
            like.scenario.but(model=model, workload=counts.workload, scope=like.scope, facility=None), counts=counts
        )
    except BitnetCostError:
        return None
    if not found.has_energy:
        return None
    rate = np.full(counts.points, np.nan) if found.timing is None else METRICS["tokens_per_s"].of(found)
    return [_list(found.energy_j, at), _list(rate, at)]
