"""What differs between precisions on one piece of hardware, by prices and by what is assumed about time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from bitnet_cost.engine.estimate import against, evaluate
from bitnet_cost.engine.uncertainty import energies_with_each, time_figures
from bitnet_cost.errors import BitnetCostError, MissingPrice
from bitnet_cost.inputs.cited import WEAK
from bitnet_cost.ledger.difference import Difference
from bitnet_cost.ledger.intervals import WITH_POWER, factors
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import Array


class Paired:
    """Results of one model and work on one hardware in one scope, each with an energy of a single point."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = results

    @cached_property
    def ends(self) -> list[tuple[str, float]]:
        """Low and high of every figure of the runtime that is assumed or scaled, for any of the results."""
        found = {path: figure for r in self.results for path, figure in time_figures(r).items()}
        # where runs of the runtime were measured, their errors hold what is unsure of its kernels, save those for bits
        # that no row is of
        within = "runtime.kernels.lowbit." if self._measured else "runtime."
        weak = {p: f for p, f in found.items() if p.startswith(within) and f.basis in WEAK}
        return [(path, end) for path, figure in weak.items() for end in (figure.low, figure.high)]

    @property
    def _measured(self) -> bool:
        """Whether a range of measured errors is known of each."""
        return all(r.scope in WITH_POWER and factors(r, "energy") is not None for r in self.results)

    @cached_property
    def _energies(self) -> dict[int, Array]:
        """Energy of each result with each of those figures at each of its ends.  [J]"""
        return {id(r): energies_with_each(r, self.ends) for r in self.results} if self.ends else {}

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
        if self._energies:
            changes = self._energies[id(result)] / self._energies[id(other)] - 1
            moved = Difference(-nominal, float(changes.min()), float(changes.max()))
            if moved.undecided and not Difference(-nominal, low, high).undecided:
                turning = changes.argmax() if nominal > 0 else changes.argmin()
                turned_by = self.ends[int(turning)][0].removeprefix("runtime.").removeprefix("kernels.")
            low, high = min(low, moved.low), max(high, moved.high)
        return Difference(-nominal, low, high, turned_by)


def revised(result: Result, **changed: Any) -> Result | None:
    """The same run asked with other fields of its scenario; None where that has no price."""
    asked = result.scenario.but(**changed)
    try:
        return evaluate(asked, counts=None if "workload" in changed else result.counts)
    except MissingPrice:
        return None
