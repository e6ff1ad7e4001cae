"""A question without its numbers, to be asked of any."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bitnet_cost.engine.estimate import against, check_sharing, evaluate
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import LIMITS, Workload
from bitnet_cost.ledger.result import Result

if TYPE_CHECKING:
    from bitnet_cost.inputs.quality import Published

Numbers = tuple[int, int, int]
"""Batch, prompt and generated tokens, of one point."""


class Asked(NamedTuple):
    """All that the words of a question name."""

    scenario: Scenario  # its workload has the conventions
    baseline: Precision | None
    quality: tuple[Published, ...]

    def at(self, numbers: tuple[Any, Any, Any]) -> Scenario:
        """The question of some numbers, which may be arrays.

        Raises:
            BitnetCostError: see `Workload`.
        """
        work = self.scenario.workload
        made = Workload(*numbers, work.attention, work.logits, work.counting, speculative=work.speculative)
        return self.scenario.but(workload=made)

    def by_engine(self, scenario: Scenario) -> Result:
        """The engine's answer to the question of some numbers.

        Raises:
            BitnetCostError: see `check_sharing` and `evaluate`.
        """
        check_sharing([scenario])
        result = replace(evaluate(scenario), quality=self.quality)
        if self.baseline is None:
            return result
        return against(result, evaluate(scenario.but(precision=self.baseline), counts=result.counts))

    def traceable(self, numbers: Numbers) -> bool:
        """Whether these are numbers of which a graph says all: the engine refuses others, or says why not."""
        batch, prompt, generate = numbers
        asked = self.scenario
        if asked.parallel == "data" and batch % asked.devices:  # devices take whole sequences
            return False
        most = 1 if asked.model.kind == "encoder" else LIMITS["generate"]
        return 1 <= batch <= LIMITS["batch"] and 1 <= prompt <= LIMITS["prompt"] and 1 <= generate <= most
