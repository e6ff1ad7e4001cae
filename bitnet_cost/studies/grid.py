"""The cells of an answer over a small grid of batches and contexts, as plain data: what a reader of a page can choose.

Every list of points runs over batches, then contexts. What cannot be computed at a point is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
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
from bitnet_cost.formulas.savings import saved
from bitnet_cost.formulas.sums import sum_in_order
from bitnet_cost.inputs.workload import LIMITS, Workload
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.contract import savings
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.intervals import WITH_POWER, ratio_factors
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.ledger.result import Result, energy_of_actions
from bitnet_cost.numerals import many_to_digits
from bitnet_cost.studies.ranges import judged
from bitnet_cost.told import Array
from bitnet_cost.views.groups import alike, place_of
from bitnet_cost.words import Scope

CURVE = tuple(2**i for i in range(7))  # batches that are drawn beside those to choose from
SENSITIVE = 40  # cells up to which what is assumed about time moves at every point; beyond, at the one asked for
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


class _Rows:
    """Rows of figures, which `numbers` rounds all at once: one pass over those of all cells."""

    def __init__(self) -> None:
        self._rows: list[tuple[list[Any], Array]] = []

    def add(self, values: Array) -> list[Any]:
        """A list that is filled later: with the figures of a row, None where there is none."""
        found: list[Any] = []
        self._rows.append((found, values))
        return found

    def fill(self, digits: int, exact: int | None = None) -> None:
        """Every list with a number of significant digits, but the figure at ``exact`` of each, which is whole."""
        if not self._rows:
            return
        table = np.array([values for _, values in self._rows])
        rounded = many_to_digits(table.ravel(), digits).reshape(table.shape)
        if exact is not None:
            rounded[:, exact] = table[:, exact]
        figures: Any = rounded.tolist()
        for (to_fill, _), row in zip(self._rows, figures, strict=True):
            to_fill.extend(value if isfinite(value) else None for value in row)


def grid(answer: Answer) -> dict[str, Any]:
    """Energy by component and scope, memory, time, and what each needs against its strongest rival, over a grid.

    ``batches`` can be chosen; what each needs against its rival is along the ``curve`` of batches, of which they are
    some, and ``at`` is the point of that which was asked for. There figures are whole, elsewhere they have five digits.
    ``cells`` are in the order of the answer's results. Memory in bytes; energies in J, as [low, nominal, high].
    ``parts`` of the scopes between the first and the last follow from the last's.
    """
    first = answer.results[0]
    batches, contexts = axes(first.workload)
    each = first.devices if first.scenario.parallel == "data" else 1  # devices that take whole sequences
    curve = [batch for batch in sorted({*CURVE, *batches}) if batch % each == 0]
    asked = contexts.index(int(first.workload.prompt))  # of the first batch that can be chosen
    at = curve.index(int(first.workload.batch)) * len(contexts) + asked
    chosen = np.array([curve.index(b) * len(contexts) + i for b in batches for i in range(len(contexts))])

    @cache
    def counted(model: str, generate: int) -> OpCounts:
        like = next(r for r in answer.results if r.architecture.name == model)
        wide = replace(
            like.workload, batch=np.array(curve)[:, None], prompt=np.array(contexts)[None, :], generate=generate
        )
        return count_ops(like.architecture, wide)

    runs = [_run(r, counted(r.architecture.name, int(r.workload.generate))) for r in answer.results]
    narrow = [_within(r, run) for r, run in zip(answer.results, runs, strict=True)]
    rows = _Rows()
    cells = [_cell(chosen, run, within, rows) for run, within in zip(runs, narrow, strict=True)]
    rows.fill(5, asked)
    index = {id(r): i for i, r in enumerate(answer.results)}
    ratios, drawn = _Rows(), []
    for place in alike(answer.results, place_of):
        own = {r.precision.name: index[id(r)] for r in place}
        timed = _at_ends({n: runs[i] for n, i in own.items()}) if len(cells) <= SENSITIVE else None
        for scope in _scopes(place[0]):
            priced_in = {n: narrow[i][scope] for n, i in own.items() if scope in cells[i].get("scopes", {})}
            for name, rivals, found in _against(priced_in, timed if scope in WITH_POWER else None):
                drawn.append((cells[own[name]]["scopes"][scope], rivals, ratios.add(found.ravel())))
    ratios.fill(7)
    for narrowed, rivals, flat in drawn:
        narrowed["against"] = [
            None if each is None else (rival, each, *flat[k : k + 2])
            for rival, each, k in zip(rivals, flat[::3], range(1, len(flat), 3), strict=True)
        ]
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


def _within(result: Result, run: Result) -> dict[Scope, Result]:
    """A run in each scope, the widest of which is its own, and tells what most of the others hold."""
    *scopes, _ = _scopes(result)
    with suppress(BitnetCostError):  # it may have no prices of its actions
        _ = run.by_component
    return {**{scope: run.within(scope) for scope in scopes}, run.scope: run}


def _scopes(result: Result) -> tuple[Scope, ...]:
    return tuple(
        s for s in result.hardware.scopes if s != "facility" or result.facility is not None or result.scope == s
    )


def _fits(found: Result) -> Mask:
    return np.ones(found.counts.points, dtype=bool) if found.fits is None else np.asarray(found.fits).ravel()


def _cell(chosen: NDArray[np.intp], found: Result, within: dict[Scope, Result], rows: _Rows) -> dict[str, Any]:
    """One cell of `grid` at the points to choose from, and the same within each scope."""
    values: dict[str, Any] = {"needs": rows.add(found.footprint.on_each(found.devices)[chosen] / 8)}
    if not found.has_energy:
        return values
    fits = _fits(found)[chosen]

    def listed(column: Array) -> list[float | None]:
        return rows.add(np.where(fits, column[chosen], np.nan))

    if found.timing is not None:
        values["seconds"] = listed(found.timing.total)
        values["tokens_per_s"] = listed(METRICS["tokens_per_s"].of(found))
    scopes: dict[str, Any] = {}
    for scope, narrow in within.items():
        try:
            parts = narrow.by_component
        except BitnetCostError:  # a package priced by time may have no prices of its actions
            continue
        scopes[scope] = {"energy": list(map(listed, sum_in_order(list(parts.values()))))}
        if scope in ("arithmetic", list(within)[-1]) or found.hardware.priced == "time":
            scopes[scope]["parts"] = {name: listed(energy[1]) for name, energy in parts.items()}
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


def _against(place: dict[str, Result], timed: Ends | None) -> Iterator[tuple[str, list[str], Array]]:
    """What each precision on one hardware needs against the strongest of the others, over the grid.

    Its name, its rival at each point, and the ratio to that: low, nominal and high, NaN where either has no energy,
    [n, bound]. Prices move for both sides at once, and so does what is assumed about time; see `engine.difference`.
    """
    if len(place) < 2:
        return
    names = list(place)
    energies = np.array([np.where(_fits(r), r.energy_bounds.reshape(3, -1)[1], np.inf) for r in place.values()])
    order = np.argsort(energies, axis=0, kind="stable")

    rivals = [np.where(order[0] == i, order[1], order[0]) for i in range(len(names))]
    finite = np.isfinite(energies)
    known = [finite[i] & finite[of, np.arange(len(of))] for i, of in enumerate(rivals)]
    used = [
        (i, j) for i, (of, some) in enumerate(zip(rivals, known, strict=True)) for j in sorted({*of[some].tolist()})
    ]
    ratios = _ratios(list(place.values()), sorted({(min(pair), max(pair)) for pair in used}), timed)
    for i, name in enumerate(names):
        found = np.full((3, energies.shape[1]), np.nan)
        for j in (j for one, j in used if one == i):
            ratio = ratios[i, j] if i < j else 1 / ratios[j, i][::-1]
            found = np.where(known[i] & (rivals[i] == j), ratio, found)
        yield name, [names[j] for j in rivals[i].tolist()], found.T


def _ratios(
    place: Sequence[Result], pairs: Sequence[tuple[int, int]], timed: Ends | None
) -> dict[tuple[int, int], Array]:  # fmt: skip
    """Low, nominal and high of the energy of one over another's, of pairs of results on one hardware.  [bound, n]"""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = {(a, b): ratio_factors(place[a], place[b]) for a, b in pairs}
        by_prices = [pair for pair, factors in ends.items() if factors is None]
        ledgers = [r.ledger for r in place if r.ledger is not None]
        apart = savings(ledgers, by_prices, place[0].scope) if by_prices else ()
        found = {pair: 1 - saving[::-1] for pair, saving in zip(by_prices, apart, strict=True)}
        for (a, b), factors in ends.items():
            if factors is not None:
                nominal = 1 - saved(energy_of_actions(place[a]), energy_of_actions(place[b]))
                low, high = nominal * factors
                found[a, b] = np.array([low, nominal, high])
            each = None if timed is None else timed.ratios(place[a].precision.name, place[b].precision.name)
            if each is not None and each.shape[1]:
                low, nominal, high = found[a, b]
                found[a, b] = np.array([np.minimum(low, each.min(1)), nominal, np.maximum(high, each.max(1))])
    return found
