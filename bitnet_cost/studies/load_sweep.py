"""Sweeps over loads: the rate of requests, their prompts and answers are axes; a batch is a result."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np

from bitnet_cost.engine.compiled import Row
from bitnet_cost.engine.estimate import cannot_share, check_scope
from bitnet_cost.engine.load import copies_of, over
from bitnet_cost.engine.load_tables import PROMPTED, Engine, Side, paces_together, places_of, ranks_of
from bitnet_cost.engine.load_traced import ROWS, Points, Runs, TracedEngine
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.queueing import TERMS
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.sweep import LoadAxes, Sweep, whole_numbers
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.ledger.load_record import LOAD_METRICS
from bitnet_cost.ledger.record import UNFIT
from bitnet_cost.numerals import with_commas
from bitnet_cost.registry import Metric
from bitnet_cost.studies import sweep, training_sweep
from bitnet_cost.studies.sweep import WORDS, Cell
from bitnet_cost.studies.sweep_columns import Columns, among
from bitnet_cost.studies.varied import varied_to
from bitnet_cost.told import Array

TOGETHER = 16  # lengths whose steps are evaluated at once
LEAST_TOGETHER, MOST_TOGETHER = 64, 512  # the same where tables are made for a graph of all their rates
KEPT = 1000  # lengths whose steps are kept
Length = tuple[int, int]  # of a prompt and an answer
GENERATE = 128
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
        if self.inner or found.points < sweep.TRACED_FROM:
            raise BitnetCostError(f"figures vary, or a cell has fewer than {with_commas(sweep.TRACED_FROM)} points")
        return LoadCell(found, wanted)

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

    Where a cell has points enough, tables of steps and prompts are graphs.
    """

    def __init__(self, asked: Scenario, whole: LoadPlan) -> None:
        self.asked, self._whole = asked, whole
        self._known: dict[Length, LoadResult] = {}
        self._shared: dict[tuple[int, frozenset[str]], Points | None] = {}
        self.axis = np.asarray(whole.axes["rate_per_s"])
        self.lengths = math.prod(whole.lengths[len(whole.inner) : -1])
        self.points = self.lengths * len(self.axis)
        self.alone = bool(cannot_share(asked.but(workload=Workload(ranks_of(asked)))))
        self.engine = Engine(asked)
        if not whole.reducing:  # else few loads are asked for by themselves
            self.engine = self.traced(ROWS)

    def traced(self, rows: Collection[int]) -> Engine:
        """What finds some rows of tables, by graphs where a cell has points enough."""
        if self._whole.inner or self.points < sweep.TRACED_FROM or self.alone:
            return self.engine
        axes = (np.asarray(self._whole.axes[name]) for name in AXES[:2])
        longest = load_of(self._whole.load, *(max(int(axis[-1]), 2) for axis in axes))
        steps = self.lengths * max(places_of(self.asked, [longest])[0], 1)
        tables = {"fits": self.lengths, "steps": steps, "alone": self.lengths, "added": self.lengths * PROMPTED}
        return TracedEngine(self.asked, longest, tables, rows)

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
                self._known |= zip(part, copies_of(self.asked, loads, self.engine), strict=True)
        return self._known

    def columns(self, numbers: Mapping[str, Array | None], wanted: Collection[str]) -> Columns:
        """Some columns, and the reason, of points one after the other, those of one prompt and answer together."""
        prompt, generate, rate = (np.asarray(numbers[name]) for name in AXES)
        found: Columns = {name: np.full(rate.size, self._whole.kind_of(name) != "bool" and np.nan) for name in KNOWN
                          if name in wanted}  # fmt: skip
        found |= {"prompt": prompt, "generate": generate, "reason": np.full(rate.size, None)}
        starts = starts_of(prompt, generate)
        lengths = [(int(prompt[at]), int(generate[at])) for at in starts]
        copies = self.of(lengths)
        for length, start, stop in zip(lengths, starts, [*starts[1:], rate.size], strict=True):
            _fill({name: column[start:stop] for name, column in found.items()}, copies[length], rate[start:stop])
        return found

    def beside(self, lengths: Sequence[Length], engine: Engine) -> list[Side]:
        """Tables of those lengths that are served and have steps, side by side.

        Raises:
            BitnetCostError: see `copies_of`.
        """
        several = [i for i, (_, generate) in enumerate(lengths) if generate > 1]
        if not several:
            return []
        ends = [load_of(self._whole.load, end([lengths[i][0] for i in several]), end([lengths[i][1] for i in several]))
                for end in (min, max)]  # fmt: skip  # these hold, so all between do
        loads = [ends[0].with_numbers(prompt=lengths[i][0], generate=lengths[i][1]) for i in several]
        places = places_of(self.asked, loads, engine)
        kept = [at for at, each in enumerate(places) if each]
        if not kept:
            return []
        found = paces_together(self.asked, [loads[at] for at in kept], [places[at] for at in kept], engine)
        return [side._replace(numbers=[several[kept[at]] for at in side.numbers]) for side in found]

    def lengths_from(self, first: int, last: int) -> list[Length]:
        """Some prompts and answers, in the order of the grid."""
        prompts, answers = (np.asarray(self._whole.axes[name]) for name in AXES[:2])
        at = np.unravel_index(np.arange(first, min(last, self.lengths)), (len(prompts), len(answers)))
        return list(zip(prompts[at[0]].tolist(), answers[at[1]].tolist(), strict=True))

    @property
    def together(self) -> int:
        """Lengths whose tables are found at once: those of a partition, or as many as keep NumPy's calls few."""
        return min(max(self._whole.partition_points // len(self.axis), LEAST_TOGETHER), MOST_TOGETHER)

    def first_of(self, numbers: Mapping[str, Array | None]) -> int:
        """The number of the first of some points in its cell."""
        found = 0
        for name in AXES:
            axis = np.asarray(self._whole.axes[name])
            found = found * len(axis) + int(np.searchsorted(axis, np.asarray(numbers[name])[0]))
        return found

    def points_of(self, places: int, length: Length, wanted: frozenset[str]) -> Points | None:
        """What loads of as many places settle at as a graph; None: some of it is no function of told numbers."""
        key = (min(places, TERMS + 1), wanted)
        if key not in self._shared:
            try:
                copy = self.of([length])[length]
                self._shared[key] = Points(copy, wanted & {*KNOWN}, fast=self.points >= sweep.COMPILED_FROM)
            except BitnetCostError:
                self._shared[key] = None
        return self._shared[key]


class LoadCell:
    """Some columns of a cell of a sweep over loads as a function of its points."""

    inputs = AXES

    def __init__(self, copies: Copies, wanted: frozenset[str]) -> None:
        self.copies, self._wanted = copies, wanted
        self.slow = None if copies.points >= sweep.COMPILED_FROM else "too few points to compile"
        self._known: dict[int, dict[Points, Runs] | None] = {}

    def figures(self, numbers: Mapping[str, Array], row: Row | None = None) -> dict[str, Any] | None:
        """The columns, of points that follow one another in the grid; rows are not looked at."""
        try:
            return self._figures(numbers)
        except BitnetCostError:
            return None

    def _figures(self, numbers: Mapping[str, Array]) -> dict[str, Any]:
        copies, rates = self.copies, np.asarray(numbers["rate_per_s"])
        first, each = copies.first_of(numbers), copies.together * len(copies.axis)
        chunks = {at * each: self.runs_of(at) for at in range(first // each, (first + rates.size - 1) // each + 1)}
        graphs = {graph for by_graph in chunks.values() for graph in by_graph or ()}
        if not graphs or None in chunks.values():
            return copies.columns(numbers, self._wanted)
        found: dict[str, Any] = {}
        left = np.ones(rates.size, dtype=np.bool_)
        for graph in graphs:
            parts = [
                (by_graph or {}).get(graph, graph.nothing(each)).between(first - start, rates.size)
                for start, by_graph in chunks.items()
            ]
            close, values = graph.figures(Runs(*map(np.concatenate, zip(*parts, strict=True))), rates)
            for name, value in values.items():
                column = value != 0 if LOAD_METRICS[name].kind == "bool" else value
                found[name] = column if name not in found else np.where(close, column, found[name])
            left &= ~close
        if left.any():
            rows = np.flatnonzero(left)
            rest = copies.columns({name: np.asarray(numbers[name])[rows] for name in AXES}, self._wanted)
            for name, column in found.items():
                column[rows] = rest[name]
            found["reason"] = among(rest["reason"], rows, rates.size)
        elif "reason" in self._wanted:
            found["reason"] = np.full(rates.size, None)
        for column in found.values():
            if column.dtype.kind == "f" and not np.isfinite(column.sum()):  # of which a sum is finite, all are
                column[~np.isfinite(column)] = np.nan
        return found

    @cached_property
    def engine(self) -> Engine:
        """What finds those rows of tables that the columns are made of, as a first load tells."""
        copies = self.copies
        first = next((each for each in copies.lengths_from(0, copies.lengths) if each[1] > 1), None)
        copy = None if first is None else copies.of([first])[first]
        graph = copies.points_of(copy.pace.places, first, self._wanted) if first and copy and copy.pace else None
        return copies.traced(ROWS if graph is None else graph.rows)

    def runs_of(self, chunk: int) -> dict[Points, Runs] | None:
        """Rates between two knots of all lengths of a chunk by their graphs; None: some columns have none."""
        if chunk not in self._known:
            if len(self._known) > 1:
                self._known.clear()
            copies = self.copies
            lengths = copies.lengths_from(chunk * copies.together, (chunk + 1) * copies.together)
            by_graph: dict[Points | None, list[Side]] = {}
            for side in copies.beside(lengths, self.engine):
                graph = copies.points_of(side.pace.places, lengths[side.numbers[0]], self._wanted)
                by_graph.setdefault(graph, []).append(side)
            self._known[chunk] = (
                None
                if None in by_graph
                else {graph: graph.runs(sides, len(lengths), copies.axis) for graph, sides in by_graph.items() if graph}
            )
        return self._known[chunk]


def starts_of(prompt: Array, generate: Array) -> list[int]:
    """Where points of another prompt or answer begin."""
    changed = (np.diff(prompt, prepend=-1) != 0) | (np.diff(generate, prepend=-1) != 0)
    found: list[int] = np.flatnonzero(changed).tolist()
    return found


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
