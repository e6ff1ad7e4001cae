"""The figures of a cell of a sweep as one function of its numbers: traced once, translated, equal to the bit.

The engine decides some things once for all points that it is given, as whether any of them generates more than one
token. `Cell` decides as it did: where the points at hand would turn a guard of its graph, the engine is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.trace import WORKLOAD, Trace, numbers_of
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.record import METRICS, UNFIT, reason_where_it_fits
from bitnet_cost.told import Array, Node
from bitnet_cost.told.translate import compiled


class Cell:
    """A question for any batch, prompt and generated tokens, in machine code.

    Args:
        asked: a question with the numbers of one point; its graph holds where the same is decided as there.
        wanted: the columns that are asked for, of those that `engine.grid.figures` gives.

    Raises:
        BitnetCostError: what the engine refuses, or llvmlite is not installed.
        TypeError: a formula that cannot be traced.
    """

    def __init__(self, asked: Scenario, wanted: Collection[str]) -> None:
        trace = Trace()
        told = trace.swept(asked)
        columns, self._why = numbers_of(told), reason_where_it_fits(told)
        self._partly = "reason" in wanted and told.has_energy and told.fits is not None
        roots: dict[str, Node | float] = {name: root for name, root in columns.items() if name in wanted}
        if self._partly:
            roots["fits"] = columns["fits"]
        self._reason = "reason" in wanted
        self._names = list(roots)
        self._guards = [outcome for _, outcome in trace.graph.guards]
        self._run = compiled([*roots.values(), *(node for node, _ in trace.graph.guards)], list(WORKLOAD))

    def figures(self, numbers: Mapping[str, Array]) -> dict[str, NDArray[Any] | str | None] | None:
        """The columns that were asked for, as `engine.grid.figures` has them; None: they are decided otherwise."""
        with np.errstate(all="ignore"):
            every = self._run(*(numbers[name] for name in WORKLOAD))
        values = every[: len(self._names)]
        for condition, outcome in zip(every[len(values) :], self._guards, strict=True):
            if bool(condition.any()) != outcome:
                return None
        found: dict[str, Any] = {
            name: value.astype(bool) if METRICS.get(name) and METRICS[name].kind == "bool" else value
            for name, value in zip(self._names, values, strict=True)
        }
        if self._reason:
            found["reason"] = self._why
        if self._partly and not found["fits"].all():
            found["reason"] = np.full(found["fits"].size, self._why, dtype=object)
            found["reason"][~found["fits"]] = UNFIT
        return found
