"""Ranges of an answer: draws and swings of each of its results, against the baseline that its savings refer to."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from bitnet_cost.engine.difference import Place, with_memory
from bitnet_cost.engine.uncertainty import spread, swings
from bitnet_cost.ledger.difference import Difference
from bitnet_cost.ledger.result import Answer, Result
from bitnet_cost.studies.progress import Progress
from bitnet_cost.views.groups import alike
from bitnet_cost.views.verdict import Verdict
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


def judged(answer: Answer) -> Verdict:
    """The verdict on an answer, from what its results differ by; see `views.verdict`."""
    places: dict[int, Place] = {}
    for group in alike([r for r in answer.results if r.has_energy], lambda r: (r.architecture.name, r.hardware.name)):
        places |= dict.fromkeys(map(id, group), Place(group))

    def differ(result: Result, other: Result) -> Difference:
        place = places.get(id(result)) or Place([result, other])
        return place.difference(result, other)

    return Verdict(answer.results, cache(differ), cache(with_memory), answer.asked_baseline)
