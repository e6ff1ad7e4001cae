"""The partitions of a sweep: which rows of some points are kept, and how the engine or a compiled cell finds them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.engine.compiled import Traced
from bitnet_cost.errors import BitnetCostError, MissingPrice
from bitnet_cost.front import Front, best, pareto
from bitnet_cost.inputs.cited import Same
from bitnet_cost.studies.sweep import BLOCK, CHUNK, PARTITION, TRIES, Cell, Plan
from bitnet_cost.studies.sweep_columns import Columns, as_array, select_rows
from bitnet_cost.told import Array

FEW = 8 * CHUNK  # rows that are completed at once


def partition(whole: Plan, number: int) -> tuple[int, Columns]:
    """Rows of one partition that are kept: how many, and their columns. A pure function of its arguments.

    Of a front or the best they are those that decide between the rows of several partitions; see `completed`.
    """
    index, start, stop = whole.span(number)
    if start >= stop:
        return 0, {}
    fast = traced_cell(Same(whole), index)
    early = whole.deciding if not isinstance(fast, str) else whole.deciding | whole.needed
    part = part_of(whole, index, early)
    found = joined(whole, list(part.blocks(start, stop, None if isinstance(fast, str) else fast)))
    if whole.reducing:
        return len(found["index"]), {name: found[name] for name in (*sorted(whole.deciding), "index")}
    return len(found["index"]), part.completed(found)


def completed(whole: Plan, kept: Columns) -> Columns:
    """Rows of a front or the best of all partitions with the columns that are written, in their order."""
    if not kept:
        return kept
    if whole.needed <= whole.deciding or not len(kept["index"]):
        return {name: kept.get(name, np.zeros(0)) for name in (*sorted(whole.needed), "index")}
    index = kept["index"]
    order = np.argsort(index, kind="stable")  # points of a cell one after the other, whichever is the best
    cells = index[order] // math.prod(whole.lengths)
    starts = np.flatnonzero(np.diff(cells, prepend=-1)).tolist()
    parts: list[Columns] = []
    for first, last in zip(starts, [*starts[1:], len(index)], strict=True):
        part = part_of(whole, int(cells[first]), whole.deciding)
        several = (order[at : min(at + FEW, last)] for at in range(first, last, FEW))
        parts.extend(part.completed(select_rows(kept, rows)) for rows in several)
    together = concatenated(parts)
    return select_rows({name: as_array(values, len(index)) for name, values in together.items()}, np.argsort(order))


@lru_cache(maxsize=4)
def traced_cell(whole: Same, index: int) -> Traced | str:
    """What decides about the rows of a cell of a plan, as a function of its numbers, or why the engine is asked."""
    try:
        found: Traced = whole.it.traced(whole.it.cell(index), whole.it.deciding)
        return found
    except BitnetCostError as fault:
        return str(fault).splitlines()[0]


def engine_notes(whole: Plan) -> list[str]:
    """How the cells of a sweep are evaluated, of the first `TRIES`: compiled, or by NumPy and why."""
    cells = min(math.prod(whole.radices), TRIES)
    ways = [traced_cell(Same(whole), index) for index in range(cells)]
    reasons = Counter(
        f"the engine, operator by operator; {way}" if isinstance(way, str)
        else f"its graph, by NumPy; {way.slow}" if way.slow else "compiled" for way in ways
    )  # fmt: skip
    of = f"the first {cells}" if cells < math.prod(whole.radices) else f"{cells}"
    return [f"engine: {count} of {of} cells: {reason}" for reason, count in reasons.items()]


def part_of(whole: Plan, index: int, early: frozenset[str]) -> Part:
    """What is the same for all points of a cell."""
    return Part(whole, whole.cell(index), index * math.prod(whole.lengths), early, Front())


class Part(NamedTuple):
    """What is the same for all points of a partition."""

    whole: Plan
    cell: Cell
    offset: int  # of the cell's first point in the grid
    early: frozenset[str]  # columns that are made of all points; the others are made of what is kept
    front: Front

    def blocks(self, start: int, stop: int, fast: Traced | None) -> Iterator[Columns]:
        """The kept rows among some points with their early columns and ``index``, block by block."""
        length, inner = self.whole.row
        in_rows = length <= BLOCK
        step = CHUNK if fast is None else PARTITION if not fast.slow else BLOCK // length * length if in_rows else BLOCK
        first = start
        while first < stop:
            last = min((first // step + 1) * step, stop)
            numbers, varied = self.whole.slice(first, last)
            given = None
            if fast is not None:
                whole_rows = in_rows and first % length == 0 and last % length == 0
                every: Columns = numbers | varied
                if any(every.get(name) is None for name in fast.inputs):  # one that is the usual
                    every = self.whole.numbers(self.cell, numbers) | varied
                if not self.whole.unshared(self.cell, every).any():
                    given = fast.figures(every, (length, inner) if whole_rows else None)
            if given is None:
                given = self.evaluated(numbers, varied)
            yield self._kept(first, last - first, numbers, varied | given)
            first = last

    def _kept(self, first: int, points: int, numbers: Columns, given: Columns) -> Columns:
        """The rows of a block that the filters keep, and a front or the best where they are asked for."""
        found = self.filled(numbers, given, self.early, points)
        rows: Any = None
        for condition in self.whole.filters:
            holds = condition(found, points)
            rows = holds if rows is None else rows & holds
        kept = {name: found[name] for name in self.early}
        kept["index"] = np.arange(self.offset + first, self.offset + first + points)
        if rows is not None and not rows.all():
            kept = select_rows(kept, np.flatnonzero(rows))
        return reduced(self.whole, kept, self.front)

    def completed(self, kept: Columns) -> Columns:
        """Kept rows with the columns that are needed further on."""
        whole, points = self.whole, len(kept["index"])
        found = kept
        if not whole.needed <= self.early:
            numbers, varied = whole.at(kept["index"] - self.offset)
            late = self.evaluated(numbers, varied) if points else {}
            found = self.filled(numbers, varied | late, whole.needed, points) | {"index": kept["index"]}
        return {name: found[name] for name in (*sorted(whole.needed), "index")}

    def evaluated(self, numbers: Mapping[str, Array | None], varied: dict[str, Array]) -> Columns:
        """Columns of some points by the engine, or why there are none."""
        try:
            return self.whole.evaluate(self.cell, numbers, varied)
        except MissingPrice as fault:
            return {**fault.figures, "reason": f"no {fault.lacking}"}
        except BitnetCostError as fault:
            return {"reason": str(fault).splitlines()[0]}

    def filled(self, numbers: Columns, given: Columns, names: Collection[str], points: int) -> Columns:
        """Figures with the words and the numbers of their cell, and with the columns that say nothing."""
        whole = self.whole
        found = whole.names_of(self.cell) | self.cell.varied | given
        if not found.keys() >= {*names}:
            found = found | whole.numbers(self.cell, numbers) | given
        for name in names:
            if name not in found:
                found[name] = None if whole.kind_of(name) in ("bool", "word") else np.full(points, np.nan)
        return found


def reduced(whole: Plan, columns: Columns, front: Front | None = None) -> Columns:
    """The rows on the front, or the best, where the sweep asks for them; else all. ``front`` is that of rows before."""
    spec = whole.spec
    if not whole.reducing:
        return columns
    points = len(columns["index"])
    signs = [1.0 if o.goal == "min" else -1.0 for o in spec.objectives]
    values = np.empty((len(signs), points)).T  # each objective contiguous
    for i, (objective, sign) in enumerate(zip(spec.objectives, signs, strict=True)):
        values[:, i] = columns[objective.column]
        values[:, i] *= sign
    if spec.top is None:
        return select_rows(columns, pareto(values) if front is None else front.add(values))
    return select_rows(columns, best(values[:, 0], spec.top))


def joined(whole: Plan, parts: Sequence[Columns]) -> Columns:
    """Rows of several parts as one, reduced to what the sweep asks for; of one part, as they are."""
    return reduced(whole, concatenated(parts)) if len(parts) > 1 else parts[0] if parts else {}


def concatenated(parts: Sequence[Columns]) -> Columns:
    """Rows of several parts as one; what is the same in all of them stays a single value."""
    found: Columns = {}
    for name, values in parts[0].items():
        several = [part[name] for part in parts]
        alone = all(not isinstance(v, np.ndarray) and v == values for v in several)
        found[name] = values if alone else np.concatenate([as_array(part[name], len(part["index"])) for part in parts])
    return found
