"""The figures of a cell of a sweep as one function of its numbers: traced once, translated, equal to the bit.

The engine decides some things once for all points that it is given, as whether any of them generates more than one
token. `Cell` decides as it did: where the points at hand would turn a guard of its graph, the engine is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, Protocol

import numpy as np

from bitnet_cost.engine.trace import Swept
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.told import Array
from bitnet_cost.told.translate import arrays, compiled

Row = tuple[int, Collection[str]]  # points of a row, and the numbers that differ within it


class Traced(Protocol):
    """Columns of points of a cell by a graph."""

    @property
    def inputs(self) -> Sequence[str]:
        """The names of its numbers."""

    @property
    def slow(self) -> str | None:
        """Why it is not in machine code; None: it is."""

    def figures(self, numbers: Mapping[str, Array], row: Row | None = None) -> dict[str, Any] | None:
        """The columns that were asked for; None: the engine is to be asked."""


class Cell:
    """A question for any numbers of its workload or plan and its figures: in machine code, else by NumPy on its graph.

    Args:
        swept: the graph of a question at one point; it holds where the same is decided as there.
        wanted: the columns that are asked for, of those that `engine.grid` gives.
        fast: whether machine code is worth its time.
    """

    def __init__(self, swept: Swept, wanted: Collection[str], *, fast: bool) -> None:
        self._reason, self._why = "reason" in wanted, swept.why
        self._limits = [why for _, why in swept.limits] if self._reason else []
        roots = {name: root for name, root in swept.columns.items() if name in wanted}
        self.inputs: Sequence[str] = list(swept.graph.inputs)
        self._names = list(roots)
        self._guards = [outcome for _, outcome in swept.graph.guards]
        limits = [holds for holds, _ in swept.limits] if self._reason else []
        self._graph = swept.graph
        self._every = every = [*roots.values(), *limits, *(node for node, _ in swept.graph.guards)]
        self.slow: str | None = None if fast else "too few points to compile"
        if fast:
            try:
                self._run = compiled(every, self.inputs)
                return
            except BitnetCostError as fault:
                self.slow = str(fault)
        self._run = arrays(every, self.inputs)

    @cached_property
    def operations(self) -> int:
        """How many of the graph a point takes: what `benchmarks` compares cells by."""
        return sum(bool(node.op) for node in self._graph.needed(self._every))

    def figures(self, numbers: Mapping[str, Array], row: Row | None = None) -> dict[str, Any] | None:
        """The columns that were asked for, as `engine.grid.figures` has them; None: they are decided otherwise.

        ``row``: the points are whole rows of this length, within which only the numbers of these names differ.
        """
        given = [numbers[name] for name in self.inputs]
        points = given[0].size
        shape: tuple[int, ...] = (points,)
        if row is not None and self.slow:
            length, inner = row
            shape = (points // length, length)
            given = [
                value.reshape(shape)[:1] if name in inner else value.reshape(shape)[:, :1]
                for name, value in zip(self.inputs, given, strict=True)
            ]
        every = iter(self._run(*given))
        values = [np.broadcast_to(value, shape).reshape(points) for value in islice(every, len(self._names))]
        limits = list(islice(every, len(self._limits)))
        if any(bool(np.any(condition)) != outcome for condition, outcome in zip(every, self._guards, strict=True)):
            return None
        found: dict[str, Any] = {
            name: value.astype(bool) if name in METRICS and METRICS[name].kind == "bool" else value
            for name, value in zip(self._names, values, strict=True)
        }
        if self._reason:
            found["reason"] = self._why
        for holds, why in zip(reversed(limits), reversed(self._limits), strict=True):
            if not np.all(holds):
                if not isinstance(found["reason"], np.ndarray):
                    found["reason"] = np.full(points, self._why, dtype=object)
                found["reason"][~np.broadcast_to(holds, shape).reshape(points).astype(bool)] = why
        return found
