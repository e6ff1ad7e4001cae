"""Ranges of an answer: draws and swings of each of its results, against the baseline that its savings refer to."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.engine.uncertainty import spread, swings
from bitnet_cost.result import Answer, Result
from bitnet_cost.words import Distribution


def baseline_of(answer: Answer, result: Result) -> Result | None:
    """What the saving of a result refers to."""
    return answer.baselines.get((result.architecture.name, result.hardware.name))


def with_spreads(answer: Answer, draws: int, seed: int = 0, distribution: Distribution = "triangular") -> Answer:
    """The answer with the percentiles and bounds of each result; see `engine.uncertainty.spread`.

    Raises:
        BitnetCostError: a number of draws or a seed that is none.
    """
    found = tuple(spread(r, baseline_of(answer, r), draws, seed, distribution) for r in answer.results)
    return replace(answer, spreads=found)


def with_swings(answer: Answer) -> Answer:
    """The answer with what moves each result most; see `engine.uncertainty.swings`."""
    return replace(answer, swings=tuple(tuple(swings(r, baseline_of(answer, r))) for r in answer.results))
