"""Ranges of an answer: draws and swings of each of its results, against the baseline that its savings refer to."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache

from bitnet_cost.engine.difference import Paired, revised
from bitnet_cost.engine.uncertainty import spread, swings
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.difference import Difference
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import brief
from bitnet_cost.studies.progress import Progress
from bitnet_cost.views.groups import alike, place_of
from bitnet_cost.views.verdict import Verdict
from bitnet_cost.words import Distribution


def baseline_of(answer: Answer, result: Result) -> Result | None:
    """What the saving of a result refers to."""
    return answer.baselines.get(place_of(result))


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


def check_requests(per_day: float | None) -> None:
    """Refuse requests of a day that are no number above 0.

    Raises:
        BitnetCostError: with the number.
    """
    if per_day is not None and not 0 < per_day <= 1e15:
        raise BitnetCostError(f"requests-per-day: {brief(per_day)} is not a number above 0, up to 1e15")


def with_day(answer: Answer, requests: float | None) -> Answer:
    """The answer with the requests of a day, at the batch given and as a server takes them that come at random.

    Raises:
        BitnetCostError: no number above 0, or a technology node, which has no clock and no power between requests.
    """
    check_requests(requests)
    if requests is None:
        return answer
    from bitnet_cost.engine.load import can_serve, serve
    from bitnet_cost.inputs.load import SECONDS_OF_DAY, Load

    node = next((r.hardware.name for r in answer.results if not r.hardware.has_clock), None)
    if node is not None:
        raise BitnetCostError(
            f"requests-per-day: {node!r} is a technology node: without a clock there is no telling how many devices a"
            " day needs or what they draw; name a device, as in -H h100-sxm-80gb"
        )
    served = [
        serve(r.scenario, Load(requests / SECONDS_OF_DAY, int(r.workload.prompt), int(r.workload.generate), requests,
                               replicas="auto"))
        for r in answer.results
        if r.has_energy and can_serve(r.scenario)
    ]  # fmt: skip
    return replace(answer, requests_per_day=requests, loads=tuple(one for one in served if one.steady is not None))


@lru_cache(maxsize=2)  # a report and its page ask for the same
def judged(answer: Answer) -> Verdict:
    """The verdict on an answer, from what its results differ by; see `views.verdict`.

    The baseline is among the results where a reader names it, and where there is one precision alone.
    """
    results: list[Result] = []
    places: dict[int, Paired] = {}
    for group in alike(answer.results, place_of):
        baseline, names = baseline_of(answer, group[0]), {r.precision.name for r in group}
        wanted = answer.asked_baseline is not None or len(group) == 1
        if wanted and baseline is not None and baseline.has_energy and baseline.precision.name not in names:
            group.append(baseline)
        results += group
        answered = [r for r in group if r.has_energy]
        places |= dict.fromkeys(map(id, answered), Paired(answered))

    def differ(result: Result, other: Result) -> Difference:
        place = places.get(id(result)) or Paired([result, other])
        return place.difference(result, other)

    return Verdict(results, cache(differ), cache(revised), answer.asked_baseline)
