"""The cells of an answer over a small grid of batches and contexts, as plain data: what a reader of a page can choose.

Every list of points runs over batches, then contexts. What cannot be computed at a point is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.difference import Paired
from bitnet_cost.engine.estimate import measure, priced
from bitnet_cost.engine.time_figures import energies_with_each
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.workload import LIMITS, Workload
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.contract import saving
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.intervals import WITH_POWER, ratio_factors
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import several_to_digits
from bitnet_cost.studies.ranges import judged
from bitnet_cost.told import Array
from bitnet_cost.views.groups import alike, place_of
from bitnet_cost.words import Scope

CURVE = tuple(2**i for i in range(7))  # batches that are drawn beside those to choose from
SENSITIVE = 40  # cells up to which what is assumed about time moves at every point; beyond, at the one asked for
Mask = NDArray[np.bool_]
Against = list[tuple[str, float, float, float] | None]  # rival, and the ratio to it: low, nominal, high


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


def _list(values: Array, exact: int = 0) -> list[float | None]:
    """Figures with five significant digits, the one at ``exact`` whole; None where there is none."""
    flat = np.asarray(values, dtype=float).ravel().tolist()
    found: list[float | None] = [v if isfinite(v) else None for v in several_to_digits(flat, 5)]
    found[exact] = flat[exact] if isfinite(flat[exact]) else None
    return found


def grid(answer: Answer) -> dict[str, Any]:
    """Energy by component and scope, memory, time, and what each needs against its strongest rival, over a grid.

    ``batches`` can be chosen, ``curve`` is drawn; ``at`` is the point that was asked for, whose figures are whole, the
    others having five digits. ``cells`` are in the order of the answer's results. Memory in bytes; energies in J, as
    [low, nominal, high]. ``parts`` of the scopes between the first and the last follow from the last's.
    """
    first = answer.results[0]
    batches, contexts = axes(first.workload)
    each = first.devices if first.scenario.parallel == "data" else 1  # devices that take whole sequences
    curve = [batch for batch in sorted({*CURVE, *batches}) if batch % each == 0]
    at = curve.index(int(first.workload.batch)) * len(contexts) + contexts.index(int(first.workload.prompt))

    @cache
    def counted(model: str, generate: int) -> OpCounts:
        like = next(r for r in answer.results if r.architecture.name == model)
        wide = replace(
            like.workload, batch=np.array(curve)[:, None], prompt=np.array(contexts)[None, :], generate=generate
        )
        return count_ops(like.architecture, wide)

    runs = [_run(r, counted(r.architecture.name, int(r.workload.generate))) for r in answer.results]
    narrow = [{s: run.within(s) for s in _scopes(r)} for r, run in zip(answer.results, runs, strict=True)]
    cells = [_cell(at, r, run, within) for r, run, within in zip(answer.results, runs, narrow, strict=True)]
    index = {id(r): i for i, r in enumerate(answer.results)}
    for place in alike(answer.results, place_of):
        own = {r.precision.name: index[id(r)] for r in place}
        timed = _at_ends({n: runs[i] for n, i in own.items()}) if len(cells) <= SENSITIVE else None
        for scope in _scopes(place[0]):
            priced_in = {n: narrow[i][scope] for n, i in own.items() if scope in cells[i].get("scopes", {})}
            for name, found in _against(priced_in, timed if scope in WITH_POWER else None).items():
                cells[own[name]]["scopes"][scope]["against"] = found
    if len(cells) > SENSITIVE:
        _as_judged(answer, cells, at)
    return {"batches": batches, "curve": curve, "contexts": contexts, "at": at, "cells": cells}


def _as_judged(answer: Answer, cells: Sequence[dict[str, Any]], at: int) -> None:
    """At the point asked for, the ranges of the verdict."""
    verdict, index = judged(answer), {id(r): i for i, r in enumerate(answer.results)}
    for place in verdict.places:
        ranked = [r for r in place.ranked if id(r) in index]
        for r in ranked if len(ranked) > 1 else []:
            other, found = ranked[r is ranked[0]], cells[index[id(r)]]["scopes"][r.scope]["against"]
            change = place.differ(r, other)
            found[at] = (other.precision.name, 1 + change.low, 1 + change.nominal, 1 + change.high)


def _run(result: Result, counts: OpCounts) -> Result:
    """A cell over the grid, in the widest scope it answers; without an energy where it has no price."""
    asked = result.scenario.but(workload=counts.workload, scope=_scopes(result)[-1])
    measured = measure(asked, counts=counts)
    try:
        return priced(measured)
    except BitnetCostError:
        return replace(measured, reason="no price")


def _scopes(result: Result) -> tuple[Scope, ...]:
    return tuple(
        s for s in result.hardware.scopes if s != "facility" or result.facility is not None or result.scope == s
    )


def _fits(found: Result) -> Mask:
    return np.ones(found.counts.points, dtype=bool) if found.fits is None else np.asarray(found.fits).ravel()


def _cell(at: int, result: Result, found: Result, within: dict[Scope, Result]) -> dict[str, Any]:
    """One cell of `grid`, and the same within each scope."""
    values: dict[str, Any] = {"needs": _list(found.footprint.on_each(result.devices) / 8, at)}
    if not found.has_energy:
        return values
    fits = _fits(found)
    if found.timing is not None:
        for name, column in (("seconds", "latency_s"), ("tokens_per_s", "tokens_per_s")):
            values[name] = _list(np.where(fits, METRICS[column].of(found), np.nan), at)
    scopes: dict[str, Any] = {}
    for scope, narrow in within.items():
        try:
            parts = narrow.by_component
        except BitnetCostError:  # a package priced by time may have no prices of its actions
            continue
        scopes[scope] = {"energy": [_list(v, at) for v in np.where(fits, sum(parts.values()), np.nan)]}
        if scope in ("arithmetic", list(within)[-1]) or found.hardware.priced == "time":
            scopes[scope]["parts"] = {n: _list(np.where(fits, v[1], np.nan), at) for n, v in parts.items()}
    values["scopes"] = scopes
    return values


class Ends(NamedTuple):
    """Results on one hardware with each figure of the runtime that is assumed at its ends."""

    paired: Paired
    results: dict[str, Result]
    energies: dict[str, Array]  # [n, end]  [J]

    def ratios(self, one: str, other: str) -> Array:
        """The energy of one over another's at each end that moves it.  [n, end]"""
        moving = self.paired.moving(self.results[one], self.results[other])
        found: Array = (self.energies[one] / self.energies[other])[:, moving]
        return found


def _at_ends(place: dict[str, Result]) -> Ends | None:
    """Energies of each on one hardware at the ends of what is assumed of the runtime; None: nothing, or one alone."""
    priced_ones = {name: r.within("device") for name, r in place.items() if r.has_energy and r.hardware.has_clock}
    paired = Paired(list(priced_ones.values()))
    ends = paired.ends
    if len(priced_ones) < 2 or not ends:
        return None
    each = {n: energies_with_each(r, ends).reshape(r.counts.points, len(ends)) for n, r in priced_ones.items()}
    return Ends(paired, priced_ones, each)


def _against(place: dict[str, Result], timed: Ends | None) -> dict[str, Against]:
    """What each precision on one hardware needs against the strongest of the others, over the grid.

    Prices move for both sides at once, and so does what is assumed about time; see `engine.difference`.
    """
    if len(place) < 2:
        return {}
    names = list(place)
    energies = np.array([np.where(_fits(r), r.energy_bounds.reshape(3, -1)[1], np.inf) for r in place.values()])
    order = np.argsort(energies, axis=0, kind="stable")

    @cache
    def ratio(a: int, b: int) -> Array:
        """Low, nominal and high of the energy of one over another's.  [bound, n]"""
        mine, other = place[names[a]], place[names[b]]
        if a > b:
            return 1 / ratio(b, a)[::-1]
        if mine.ledger is None or other.ledger is None:
            return np.full((3, energies.shape[1]), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            low, nominal, high = 1 - saving(mine.ledger, other.ledger, mine.scope)[::-1]
            ends = ratio_factors(mine, other)
            if ends is not None:
                low, high = nominal * ends
            each = None if timed is None else timed.ratios(names[a], names[b])
            if each is not None and each.shape[1]:
                low, high = np.minimum(low, each.min(1)), np.maximum(high, each.max(1))
        return np.array([low, nominal, high])

    @cache
    def rounded(a: int, b: int) -> list[list[float]]:
        flat = several_to_digits(ratio(a, b).T.ravel().tolist(), 7)
        return [flat[k : k + 3] for k in range(0, len(flat), 3)]

    found: dict[str, Against] = {}
    for i, name in enumerate(names):
        rivals = np.where(order[0] == i, order[1], order[0])
        known = np.isfinite(energies[i]) & np.isfinite(np.take_along_axis(energies, rivals[None], 0)[0])
        found[name] = [
            (names[j], *rounded(i, j)[k]) if known[k] else None for k, j in enumerate(rivals.tolist())
        ]  # fmt: skip
    return found
