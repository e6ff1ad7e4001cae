"""What differs between precisions on one piece of hardware, by prices and by what is assumed about time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.estimate import against, evaluate
from bitnet_cost.engine.time_figures import energies_at_ends, time_figures
from bitnet_cost.errors import BitnetCostError, MissingPrice
from bitnet_cost.inputs.cited import WEAK, Figure
from bitnet_cost.ledger.difference import Difference
from bitnet_cost.ledger.intervals import is_measured
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import Array

UNMEASURED = "runtime.kernels.lowbit."  # kernels for bits that no measured row is of


def weak_figures(results: Sequence[Result]) -> dict[str, Figure]:
    """Figures of the runtime that are assumed or scaled and may move a difference of two of the results, by path."""
    within = UNMEASURED if all(map(is_measured, results)) else "runtime."
    found = {path: figure for r in results for path, figure in time_figures(r).items()}
    return {path: figure for path, figure in found.items() if path.startswith(within) and figure.basis in WEAK}


class Paired:
    """Results of one model and work on one hardware in one scope, each with an energy of a single point."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = results

    @cached_property
    def ends(self) -> list[tuple[str, float]]:
        """Low and high of every one of `weak_figures`."""
        weak = weak_figures(self.results)
        return [(path, end) for path, figure in weak.items() for end in (figure.low, figure.high)]

    @cached_property
    def _energies(self) -> dict[int, Array]:
        """Energy of each result with each of those figures at each of its ends.  [J]"""
        return {id(r): energies_at_ends(r, self.ends) for r in self.results} if self.ends else {}

    def moving(self, result: Result, other: Result) -> NDArray[np.bool_]:
        """Which of the ends move the difference of two results: of kernels without a range of their own.  [end]"""
        within = UNMEASURED if is_measured(result) and is_measured(other) else "runtime."
        return np.array([path.startswith(within) for path, _ in self.ends], dtype=bool)

    def difference(self, result: Result, other: Result) -> Difference:
        """What changes from one result to another; see `Difference`.

        Raises:
            BitnetCostError: one of them has no energy.
        """
        compared = against(result, other).saving
        if compared is None:
            raise BitnetCostError(f"{result.reason or other.reason}: nothing to compare")
        least, nominal, most = (float(bound) for bound in compared)
        low, high = -most, -least
        turned_by = None
        moving = self.moving(result, other)
        if moving.any():
            ends = [end for end, moves in zip(self.ends, moving, strict=True) if moves]
            changes = (self._energies[id(result)] / self._energies[id(other)] - 1)[moving]
            moved = Difference(-nominal, float(changes.min()), float(changes.max()))
            if moved.undecided and not Difference(-nominal, low, high).undecided:
                turning = changes.argmax() if nominal > 0 else changes.argmin()
                turned_by = ends[int(turning)][0].removeprefix("runtime.").removeprefix("kernels.")
            low, high = min(low, moved.low), max(high, moved.high)
        return Difference(-nominal, low, high, turned_by)


def revised(result: Result, **changed: Any) -> Result | None:
    """The same run asked with other fields of its scenario; None where that has no price."""
    asked = result.scenario.but(**changed)
    try:
        return evaluate(asked, counts=None if "workload" in changed else result.counts)
    except MissingPrice:
        return None
