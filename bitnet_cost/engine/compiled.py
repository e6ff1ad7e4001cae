"""The figures of a cell of a sweep as one function of its numbers: traced once, translated, equal to the bit.

The engine decides some things once for all points that it is given, as whether any of them generates more than one
token. `Cell` decides as it did: where the points at hand would turn a guard of its graph, the engine is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from bitnet_cost.engine.trace import WORKLOAD, Trace, numbers_of
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.record import METRICS, UNFIT, reason_where_it_fits
from bitnet_cost.told import Array, Node
from bitnet_cost.told.translate import arrays, compiled

Row = tuple[int, Collection[str]]  # points of a row, and the numbers that differ within it


class Cell:
    """A question for any numbers of its workload and its figures: in machine code, else by NumPy on its graph.

    Args:
        asked: a question with the numbers of one point; its graph holds where the same is decided as there.
        varied: figures by path that are numbers too, at that point.
        wanted: the columns that are asked for, of those that `engine.grid.figures` gives.
        fast: whether machine code is worth its time.

    Raises:
        BitnetCostError: what the engine refuses.
        TypeError: a formula that cannot be traced.
    """

    def __init__(self, asked: Scenario, varied: Mapping[str, float], wanted: Collection[str], *, fast: bool) -> None:
        trace = Trace()
        told = trace.swept(asked, varied)
        columns, self._why = numbers_of(told), reason_where_it_fits(told)
        self._partly = "reason" in wanted and told.has_energy and told.fits is not None
        roots: dict[str, Node | float] = {name: root for name, root in columns.items() if name in wanted}
        if self._partly:
            roots["fits"] = columns["fits"]
        self._reason = "reason" in wanted
        self._names, self._inputs = list(roots), [*WORKLOAD, *varied]
        self._guards = [outcome for _, outcome in trace.graph.guards]
        every = [*roots.values(), *(node for node, _ in trace.graph.guards)]
        self.slow: str | None = None if fast else "too few points to compile"
        if fast:
            try:
                self._run = compiled(every, self._inputs)
                return
            except BitnetCostError as fault:
                self.slow = str(fault)
        self._run = arrays(every, self._inputs)

    def figures(self, numbers: Mapping[str, Array], row: Row | None = None) -> dict[str, Any] | None:
        """The columns that were asked for, as `engine.grid.figures` has them; None: they are decided otherwise.

        ``row``: the points are whole rows of this length, within which only the numbers of these names differ.
        """
        given, points = [numbers[name] for name in self._inputs], numbers["batch"].size
        shape: tuple[int, ...] = (points,)
        if row is not None and self.slow:
            length, inner = row
            shape = (points // length, length)
            given = [
                value.reshape(shape)[:1] if name in inner else value.reshape(shape)[:, :1]
                for name, value in zip(self._inputs, given, strict=True)
            ]
        every = self._run(*given)
        for condition, outcome in zip(every[len(self._names) :], self._guards, strict=True):
            if bool(np.any(condition)) != outcome:
                return None
        found: dict[str, Any] = {}
        for name, value in zip(self._names, every, strict=False):
            values = np.broadcast_to(value, shape).reshape(points)
            found[name] = values.astype(bool) if name in METRICS and METRICS[name].kind == "bool" else values
        if self._reason:
            found["reason"] = self._why
        if self._partly and not found["fits"].all():
            found["reason"] = np.full(found["fits"].size, self._why, dtype=object)
            found["reason"][~found["fits"]] = UNFIT
        return found
