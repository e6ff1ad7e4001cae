"""Ranges of an answer: draws and swings of each of its results, against the baseline that its savings refer to."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.engine.uncertainty import spread, swings
from bitnet_cost.ledger.result import Answer, Result
from bitnet_cost.studies.progress import Progress
from bitnet_cost.words import Distribution


def baseline_of(answer: Answer, result: Result) -> Result | None:
    """What the saving of a result refers to."""
    return answer.baselines.get((result.architecture.name, result.hardware.name))


def with_spreads(
    answer: Answer, draws: int, seed: int = 0, distribution: Distribution = "triangular", watched: bool = False
) -> Answer:
    """The answer with the percentiles and bounds of each result; see `engine.uncertainty.spread`.

    Where somebody watches, stderr shows how far it is.

    Raises:
        BitnetCostError: a number of draws or a seed that is none.
    """
    progress, found = Progress(draws * len(answer.results), "draws", watched), []
    try:
        for r in answer.results:
            found.append(spread(r, baseline_of(answer, r), draws, seed, distribution))
            progress.add(draws)
    finally:
        progress.close()
    return replace(answer, spreads=tuple(found))


def with_swings(answer: Answer) -> Answer:
    """The answer with what moves each result most; see `engine.uncertainty.swings`."""
    return replace(answer, swings=tuple(tuple(swings(r, baseline_of(answer, r))) for r in answer.results))
