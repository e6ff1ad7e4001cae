"""Loads of many lengths and rates as graphs: tables of steps and prompts, and what a rate settles at between knots.

The formulas are those of `load_tables`, `load` and `steady`, run on told numbers once: translated they give the bits of
single questions. What is not told, as the wait for a first token, is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.compiled import Cell
from bitnet_cost.engine.load import SECANTS as MOST_SECANTS
from bitnet_cost.engine.load import settled
from bitnet_cost.engine.load_tables import Engine, Side
from bitnet_cost.engine.trace import Swept
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.queueing import EXACT, TERMS
from bitnet_cost.garbage import uncollected
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.ledger.load_record import LOAD_METRICS
from bitnet_cost.ledger.steady import Between, Lines
from bitnet_cost.told import Array, Graph, array
from bitnet_cost.told.translate import arrays, compiled_runs

SECANTS = {1.0: 2, 2 * EXACT: 2}  # rounds for some sequences: nearly every rate is settled then, others take more
ROWS = range(4)  # seconds, and three bounds of energy
TRACED_FROM = {"fits": 500, "alone": 500, "steps": 5000, "added": 5000}  # numbers of tables that are worth a graph
COMPILED_FROM = 20_000  # and those that are worth machine code
NUMBERS = ("batch", "prompt", "generate")
Write = Callable[[Array, NDArray[np.int64], Sequence[Array], Array], None]


class TracedEngine(Engine):
    """What steps and prompts take, by graphs that the engine left, where there are numbers enough.

    Args:
        asked: the question.
        load: requests of any lengths, of more than one token.
        tables: about how many numbers of each kind will be asked for.
        rows: those of seconds and bounds of energy that are wanted; others are 0.
    """

    def __init__(self, asked: Scenario, load: Load, tables: Mapping[str, int], rows: Collection[int]) -> None:
        super().__init__(asked)
        self._load, self._tables, self._rows = load, tables, rows
        self._cells: dict[str, Cell | None] = {}

    def fits(self, loads: Sequence[Load], batches: Sequence[Array]) -> Any:
        """As the engine has it."""
        found = self._by("fits", loads, batches)
        return super().fits(loads, batches) if found is None else found[0] != 0

    def steps(self, loads: Sequence[Load], batches: Sequence[Array]) -> Array:
        """As the engine has it."""
        found = self._by("steps", loads, batches)
        return super().steps(loads, batches) if found is None else found

    def alone(self, loads: Sequence[Load]) -> Array:
        """As the engine has it."""
        found = self._by("alone", loads, [np.zeros(1)] * len(loads))
        return super().alone(loads) if found is None else found

    def added(self, loads: Sequence[Load], batches: Sequence[Array]) -> Array:
        """As the engine has it."""
        found = self._by("added", loads, batches)
        return super().added(loads, batches) if found is None else found

    def operations(self, what: str) -> int:
        """Operations of a graph for one number of its tables; 0: there is none."""
        cell = self._cells.get(what)
        return 0 if cell is None else cell.operations

    def _by(self, what: str, loads: Sequence[Load], batches: Sequence[Array]) -> Array | None:
        if what not in self._cells:
            self._cells[what] = self._traced(what) if self._tables.get(what, 0) >= TRACED_FROM[what] else None
        cell = self._cells[what]
        if cell is None:
            return None
        many = [len(batch) for batch in batches]
        lengths = ([float(getattr(load, name)) for load in loads] for name in NUMBERS[1:])
        given = dict(zip(NUMBERS, (np.concatenate(batches), *(np.repeat(each, many) for each in lengths)), strict=True))
        found = cell.figures({name: given[name] for name in cell.inputs})
        if found is None:
            return None
        rows = np.zeros((1 if what == "fits" else len(ROWS), len(given["batch"])))
        for row, values in found.items():
            rows[int(row)] = values
        return rows

    @uncollected()
    def _traced(self, what: str) -> Cell | None:
        graph = Graph()
        load = self._load.with_numbers(**{name: graph.input(name, getattr(self._load, name)) for name in NUMBERS[1:]})
        batch = array([graph.input("batch", 2.0)])
        engine = Engine(self.asked)
        _ = engine.ready
        try:
            with np.errstate(all="ignore"):
                told = engine.alone([load]) if what == "alone" else getattr(engine, what)([load], [batch])
        except TypeError:
            return None
        rows = {str(row): value for row, value in enumerate(np.ravel(told)) if what == "fits" or row in self._rows}
        return Cell(Swept(graph, rows, []), rows, fast=self._tables[what] >= COMPILED_FROM)


class Runs(NamedTuple):
    """Rates between the same two knots, run by run over the points of some loads."""

    each: Array  # numbers that a graph takes of each  [run, number]
    ends: NDArray[np.intp]  # the first points after them  [run]

    def between(self, first: int, points: int) -> Runs:
        """Those of some points, counted from the first of them."""
        start = int(np.searchsorted(self.ends, first, side="right"))
        stop = int(np.searchsorted(self.ends, first + points)) + 1
        return Runs(self.each[start:stop], np.clip(self.ends[start:stop] - first, 0, points))


class Graphed:
    """Some columns of a load as one function of its rate and what its run says, and whether they are settled.

    Args:
        example: a load that is served.
        wanted: columns.
        sequences: about how many decode, which decides how many steps find others.
        secants: rounds in which they are sought.

    Raises:
        BitnetCostError: a column that is no function of told numbers.
    """

    def __init__(self, example: LoadResult, wanted: Collection[str], sequences: float, secants: int) -> None:
        pace, graph = example.pace, Graph()
        if pace is None:
            raise BitnetCostError("load: nothing is served")

        def told(name: str, value: Any = 1.0) -> Any:
            return array([graph.input(name, float(value))])

        def told_line(table: str) -> Any:
            return array([told(f"{table} {end}") for end in (0, 1)])

        lines = Lines(
            told("first"), told_line("step_s"), told_line("prompt_s"),
            *(array([told_line(f"{table} {bound}") for bound in range(3)]) for table in ("step_j", "prompt_j")),
        )  # fmt: skip
        between = Between(told("low", sequences), told("high", sequences), told("work"), told("bend"), told("curve"))
        load = example.load.with_numbers(rate=told("rate_per_s"), prompt=told("prompt"), generate=told("generate", 2))
        none: Any = None  # a table itself is not told
        places = told("places", pace.places) if pace.places > TERMS else pace.places
        pace = replace(
            pace, load=load, places=places, batches=none, step_s=none, step_j=none, prompt_s=none, prompt_j=none,
            alone_s=told("alone_s"), alone_j=array([told(f"alone_j {bound}") for bound in range(3)]),
        )  # fmt: skip
        largest = told("largest", 2.0)  # more than the rate: else all places are taken, which decides what is traced
        full: Any = replace(example.full, counts=none, activity=none, footprint=none)
        try:
            with np.errstate(all="ignore"):
                steady, close = settled(pace, load.rates, largest, lines, between, secants)
                result = replace(
                    example, load=load, full=full, pace=pace, steady=steady, largest=largest, within=largest
                )
                found = {name: LOAD_METRICS[name].of(result) for name in sorted(wanted)}
        except (TypeError, AttributeError) as fault:
            raise BitnetCostError(f"a formula cannot be traced ({fault})") from None
        self.roots = {name: np.nan if value is None else np.ravel(value)[0] for name, value in found.items()}
        self.roots = {"": np.ravel(close)[0], **self.roots}
        nodes = graph.needed(self.roots.values())
        self.numbers = [node.names[0] for node in nodes if not node.op and node.names[0] != "rate_per_s"]
        self.operations = sum(bool(node.op) for node in nodes)


class Points:
    """Some columns of a load as functions of its rate, between any two knots of any lengths.

    Where steps always find others, fewer operations do. Arguments as `Graphed` has them, of a load with as many places
    as others have, or with more than `TERMS` as those.

    Raises:
        BitnetCostError: a column that is no function of told numbers.
    """

    @uncollected()
    def __init__(self, example: LoadResult, wanted: Collection[str], *, fast: bool) -> None:
        several = example.pace is not None and example.pace.places > TERMS
        self.graphs = [Graphed(example, wanted, *each) for each in list(SECANTS.items())[: 2 if several else 1]]
        self._longest = partial(Graphed, example, wanted, 1.0, MOST_SECANTS)
        self.names = list(dict.fromkeys(("low", *(name for graph in self.graphs for name in graph.numbers))))
        bounds = {int(rest[0]) for stem, *rest in map(str.split, self.names) if stem.endswith("_j")}
        self.rows = {0, *(1 + bound for bound in bounds)}  # of tables, of which the columns are made
        self.operations = [graph.operations for graph in self.graphs]
        self.slow = None if fast else "too few points to compile"
        if fast:
            try:
                self._ways = [
                    compiled_runs(list(graph.roots.values()), ["rate_per_s"], self.names) for graph in self.graphs
                ]
                return
            except BitnetCostError as fault:
                self.slow = str(fault)
        self._ways = [self._over_spans(self._by_numpy(graph)) for graph in self.graphs]

    @cached_property
    def _last(self) -> Callable[[Array, Array], Any]:
        """The same with all rounds of a search, for points that a few leave."""
        with uncollected():
            return self._by_numpy(self._longest())

    def _by_numpy(self, graph: Graphed) -> Callable[[Array, Array], Any]:
        run = arrays(list(graph.roots.values()), ["rate_per_s", *self.names])
        return lambda each, rates: [np.broadcast_to(value, rates.shape) for value in run(rates, *each.T)]

    def _over_spans(self, run: Callable[[Array, Array], Any]) -> Write:
        def write(each: Array, spans: NDArray[np.int64], given: Sequence[Array], found: Array) -> None:
            counts = spans[:, 1] - spans[:, 0]
            points = np.repeat(spans[:, 0] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
            found[:, points] = run(np.repeat(each, counts, axis=0), given[0][points])

        return write

    def nothing(self, points: int) -> Runs:
        """A run of no load."""
        return Runs(np.full((1, len(self.names)), np.nan), np.array([points]))

    def runs(self, sides: Sequence[Side], loads: int, axis: Array) -> Runs:
        """Rates of an axis between two knots of loads, one after the other; of those on no side a run of nothing."""
        runs = [_runs_of(side, self.names, axis) for side in sides]
        other = sorted({*range(loads)} - {i for side in sides for i in side.numbers})
        if other:
            nothing = np.full((len(other), len(self.names)), np.nan)
            runs.append((np.array(other), np.full(len(other), len(axis)), nothing))
        owner, counts, each = map(np.concatenate, zip(*runs, strict=True))
        order = np.argsort(owner, kind="stable") if len(runs) > 1 else slice(None)
        return Runs(each[order], np.cumsum(counts[order]))

    def figures(self, runs: Runs, rates: Array) -> tuple[NDArray[np.bool_], dict[str, Array]]:
        """Which points are settled, and columns of all.  ``rates`` [n]"""
        each, ends = runs
        found = np.empty((len(self.graphs[0].roots), rates.size))
        spans = np.stack((np.concatenate(([0], ends[:-1])), ends), axis=1)
        many = each[:, self.names.index("low")] >= EXACT
        for mine, write in zip((~many, many) if len(self._ways) > 1 else (many | True,), self._ways, strict=True):
            write(each[mine], spans[mine], [rates], found)
        close = found[0] != 0
        if not close.all():
            left = np.flatnonzero(~close)
            found[:, left] = self._last(each[np.searchsorted(ends, left, side="right")], rates[left])
            close = found[0] != 0
        return close, dict(zip(list(self.graphs[0].roots)[1:], found[1:], strict=True))


def _runs_of(side: Side, names: Sequence[str], axis: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Rates between two knots of a load, run by run: its place among those asked for, how many they are, and numbers.

    ``axis`` are all rates, in order.  [run], [run], [run, names]
    """
    pace, knots, largest = side.pace, side.pace.knots, side.decoded_rates
    own = len(knots.sequences) - (pace.places - np.array(side.places)[:, None])  # knots of each
    past = np.searchsorted(axis, knots.rates, side="right")  # rates up to a knot; the largest is served at most
    beyond = (knots.rates >= largest[:, None]) | (np.arange(past.shape[1]) >= own - 1)
    past = np.where(beyond, len(axis), past)
    past[:, 0] = 0
    counts = np.diff(past)
    of, at = np.nonzero(counts)
    start = knots.starts[at]

    @cache
    def line(stem: str, bound: str | None) -> Array:
        table: Array = getattr(pace, stem)
        return pace.line(table if bound is None else table[int(bound)], start, of)

    def number(name: str) -> Array:
        stem, *rest = name.split()
        if rest and stem.startswith(("step", "prompt")):
            *bound, end = rest
            found: Array = line(stem, bound[0] if bound else None)[int(end)]
            return found
        simple: dict[str, Callable[[], Array]] = {
            "low": lambda: knots.sequences[at], "high": lambda: knots.sequences[at + 1],
            "work": lambda: knots.work[of, at], "bend": lambda: knots.bends[of, at],
            "curve": lambda: knots.curves[of, at],
            "first": lambda: pace.batches[start], "places": lambda: np.array(side.places)[of],
            "alone_s": lambda: np.asarray(pace.alone_s)[of, 0], "alone_j": lambda: pace.alone_j[int(rest[0]), of, 0],
            "largest": lambda: largest[of], "prompt": lambda: np.asarray(pace.load.prompt)[of, 0],
            "generate": lambda: np.asarray(pace.load.generate)[of, 0],
        }  # fmt: skip
        return simple[stem]()

    each = np.empty((len(of), len(names)))
    for i, name in enumerate(names):
        each[:, i] = number(name)
    return np.asarray(side.numbers)[of], counts[of, at], each
