"""Sweeps over loads: the rate of requests, their prompts and answers are axes; a batch is a result."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np

from bitnet_cost.engine.compiled import Cell as CompiledCell
from bitnet_cost.engine.compiled import Row
from bitnet_cost.engine.estimate import check_scope
from bitnet_cost.engine.load import copies_of, over
from bitnet_cost.engine.load_tables import decode_steps, held, of_decode, places_of
from bitnet_cost.engine.trace import WORKLOAD, Swept, Trace
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.sweep import LoadAxes, Sweep, whole_numbers
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.ledger.load_record import LOAD_METRICS
from bitnet_cost.ledger.record import UNFIT
from bitnet_cost.numerals import with_commas
from bitnet_cost.registry import Metric
from bitnet_cost.studies import sweep, training_sweep
from bitnet_cost.studies.sweep import Cell
from bitnet_cost.studies.sweep_columns import Columns
from bitnet_cost.studies.varied import varied_to
from bitnet_cost.told import Array

TOGETHER = 16  # lengths whose steps are evaluated at once
KEPT = 1000  # lengths whose steps are kept
Length = tuple[int, int]  # of a prompt and an answer
GENERATE = 128
WORDS = ("model", "hardware", "runtime", "precision", "scope", "reason")
LEFT_OUT = ("saving", "slo_", "within_slo", "replicas", "cards")  # of one copy, without a baseline or an objective
KNOWN = tuple(name for name, metric in LOAD_METRICS.items() if metric.swept and not name.startswith(LEFT_OUT))
AXES = ("prompt", "generate", "rate_per_s")


@dataclass(frozen=True)
class LoadPlan(sweep.Plan):
    """A sweep over loads with everything that its names mean; copies of a model share nothing, so one is swept."""

    _metrics: ClassVar[Mapping[str, Metric]] = LOAD_METRICS
    _words: ClassVar[tuple[str, ...]] = WORDS

    @cached_property
    def known(self) -> tuple[str, ...]:
        """All columns, in their order."""
        return (*WORDS[:-1], *self.varied, *AXES[:2], *KNOWN, "reason")

    def cell(self, number: int) -> Cell:
        """The names and varied figures of a cell, one object for all who ask.

        Raises:
            BitnetCostError: a varied figure outside what its profile accepts.
        """
        return _cell(Same(self), number)

    def traced(self, cell: Cell, wanted: frozenset[str]) -> LoadCell:
        """Some columns of a cell, of which the steps are one function of batch and lengths.

        Raises:
            BitnetCostError: why the engine has to evaluate them.
        """
        found = _copies(Same(cell.asked), Same(self))
        if found.graph is None:
            raise BitnetCostError(f"figures vary, or a cell has fewer than {with_commas(sweep.TRACED_FROM)} points")
        return LoadCell(found, found.graph.slow, wanted)

    def evaluate(self, cell: Cell, numbers: Mapping[str, Array | None], varied: dict[str, Array]) -> Columns:
        """Columns of some points of a cell.

        Raises:
            BitnetCostError: see `copies_of`.
        """
        asked = varied_to(cell.asked, varied)
        check_scope(asked.hardware, asked.scope or asked.hardware.default_scope)
        return _copies(Same(asked), Same(self)).columns(numbers, self.deciding | self.needed)

    @property
    def load(self) -> LoadAxes:
        """What the sweep asks of its requests.

        Raises:
            BitnetCostError: nothing.
        """
        if self.spec.load is None:
            raise BitnetCostError("load: is left out")
        return self.spec.load


class Copies:
    """Copies of the model for prompts and answers of any lengths: what no rate changes is found once for each.

    What a step takes is one function of batch and lengths where a cell has points enough, the engine's else.

    Raises:
        BitnetCostError: see `priced_at`; a formula that cannot be traced.
    """

    def __init__(self, asked: Scenario, whole: LoadPlan) -> None:
        self._asked, self._whole = asked, whole
        self._known: dict[Length, LoadResult] = {}
        self.graph: CompiledCell | None = None
        points = math.prod(whole.lengths)
        if whole.inner or points < sweep.TRACED_FROM:
            return
        longest = load_of(whole.load, *(int(np.asarray(whole.axes[name])[-1]) for name in AXES[:2]))
        places = max(places_of(asked, [longest])[0], 1)
        trace = Trace()
        try:
            told = of_decode(trace.priced_at(asked.but(workload=held(asked, longest, places)), {}))
        except TypeError as fault:
            raise BitnetCostError(f"a formula cannot be traced ({fault})") from None
        rows = {str(row): value for row, (value,) in enumerate(told)}
        self.graph = CompiledCell(Swept(trace.graph, rows, []), rows, fast=points >= sweep.COMPILED_FROM)

    def _steps(self, asked: Scenario) -> Array:
        found = self.graph and self.graph.figures(dict(zip(WORKLOAD, asked.workload.flat(), strict=True)))
        return np.stack(list(found.values())) if found else decode_steps(asked)

    def of(self, lengths: Collection[Length]) -> dict[Length, LoadResult]:
        """The copies of some lengths.

        Raises:
            BitnetCostError: see `copies_of`.
        """
        if len(self._known) > KEPT:
            self._known.clear()
        fresh = [each for each in dict.fromkeys(lengths) if each not in self._known]
        for alone in (False, True):  # an answer of one token has no steps
            some = [each for each in fresh if (each[1] == 1) == alone]
            for first in range(0, len(some), TOGETHER):
                part = some[first : first + TOGETHER]
                loads = [load_of(self._whole.load, *each) for each in part]
                self._known |= zip(part, copies_of(self._asked, loads, self._steps), strict=True)
        return self._known

    def columns(self, numbers: Mapping[str, Array | None], wanted: Collection[str]) -> Columns:
        """Some columns, and the reason, of points one after the other, those of one prompt and answer together."""
        prompt, generate, rate = (np.asarray(numbers[name]) for name in AXES)
        found: Columns = {name: np.full(rate.size, self._whole.kind_of(name) != "bool" and np.nan) for name in KNOWN
                          if name in wanted}  # fmt: skip
        found |= {"prompt": prompt, "generate": generate, "reason": np.full(rate.size, None)}
        starts = np.flatnonzero((np.diff(prompt, prepend=-1) != 0) | (np.diff(generate, prepend=-1) != 0)).tolist()
        lengths = [(int(prompt[at]), int(generate[at])) for at in starts]
        copies = self.of(lengths)
        for length, start, stop in zip(lengths, starts, [*starts[1:], rate.size], strict=True):
            _fill({name: column[start:stop] for name, column in found.items()}, copies[length], rate[start:stop])
        return found


class LoadCell:
    """Some columns of a cell of a sweep over loads as a function of its points."""

    inputs = AXES

    def __init__(self, copies: Copies, slow: str | None, wanted: frozenset[str]) -> None:
        self._copies, self.slow, self._wanted = copies, slow, wanted

    def figures(self, numbers: Mapping[str, Array], row: Row | None = None) -> dict[str, Any] | None:
        """The columns; rows are not looked at."""
        return self._copies.columns(numbers, self._wanted)


@lru_cache(maxsize=4)
def _copies(asked: Same, whole: Same) -> Copies:
    return Copies(asked.it, whole.it)


@lru_cache(maxsize=8)
def _cell(whole: Same, number: int) -> Cell:
    return sweep.Plan.cell(whole.it, number)


def load_of(axes: LoadAxes, prompt: int, generate: int) -> Load:
    """Requests of some lengths, at any rate."""
    return Load(1.0, prompt, generate, **axes.model_dump(exclude={"rate"}))


def _fill(found: Columns, copy: LoadResult, rates: Array) -> None:
    """Write the columns of the points of one prompt and answer."""
    if copy.pace is None:
        found["reason"][:] = UNFIT if (copy.reason or "").startswith(UNFIT) else copy.reason
    result = over(copy, rates)
    for name in found.keys() & KNOWN:
        value = LOAD_METRICS[name].of(result)
        if value is not None:
            found[name][:] = value
            if found[name].dtype.kind == "f":  # infinite where a load is not served: null, as in a record
                found[name][~np.isfinite(found[name])] = np.nan


def plan(spec: Sweep) -> sweep.Plan:
    """A sweep with its names looked up, over loads where it asks for them; see `sweep.plan`.

    Raises:
        BitnetCostError: see `sweep.plan`; a technology node, which has no rate.
    """
    if spec.load is None:
        return training_sweep.plan(spec)
    given = sweep.plan(spec.model_copy(update={"load": None, "columns": None, "objectives": [], "where": []}))
    node = next((s.hardware.name for s in given.settings if not s.hardware.has_clock), None)
    if node is not None:
        raise BitnetCostError(f"hardware: {node!r} is a technology node: it has no clock, so no rate")
    lengths: dict[str, Any] = {
        "prompt": whole_numbers("prompt", spec.prompt),
        "generate": whole_numbers("generate", GENERATE if spec.generate is None else spec.generate),
        "rate_per_s": spec.load.rates,
    }
    found = LoadPlan(spec, given.models, given.precisions, given.settings, lengths, given.varied)
    sweep.check(found)
    return found
