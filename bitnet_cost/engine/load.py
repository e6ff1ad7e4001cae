"""Serving under load: the batch that a rate of requests settles at, and what time and energy follow from it.

A step and a prompt are the engine's own (`Pace`); arrivals are Poisson (`formulas.queueing`). Sequences decode together
while prompts interrupt them, so that R requests per second keep ``L = R (G - 1) T(B) / (1 - R p)`` sequences there,
with T(B) the step at B of them, p the seconds that a prompt adds, and B the mean of L while there are any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.estimate import cannot_share, does_not_fit, evaluate, measure, prepare
from bitnet_cost.engine.load_tables import (
    Engine,
    held,
    held_by,
    paces,
    places_of,
    ranks_of,
    steps_in,
)
from bitnet_cost.formulas.queueing import mean_batch
from bitnet_cost.inputs.load import SECONDS_OF_DAY, Load
from bitnet_cost.inputs.ranges import Factors, RangeKind
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger import load_record  # noqa: F401  # registers the columns of what is made here
from bitnet_cost.ledger.contract import contract
from bitnet_cost.ledger.intervals import by_batch, factors
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.ledger.result import Result
from bitnet_cost.ledger.steady import Between, Lines, Pace, Steady
from bitnet_cost.told import Array

CLOSE = 1e-15  # what the next step will be, relative to the sequences: two steps in a row by half the curve over slope
STRAIGHT = 0.05  # of that, times the sequences, at least: no curve is one parabola
LEVEL = 1e-3  # a slope is at least this steep
SECANTS = 8  # rounds before intervals are halved
WAITING = "waiting"  # a second in which nothing runs


def steady(pace: Pace, rates: Array) -> Steady:
    """What one copy settles at for each rate; a rate beyond the largest is served at the largest.  ``rates`` [n]"""
    if not pace.load.steps:
        rate = np.minimum(rates, pace.largest)
        lines = pace.lines(np.zeros(rate.shape, dtype=np.intp))
        return Steady(pace, rate, rates >= pace.largest, np.zeros_like(rate), lines)
    knots, served = pace.knots, np.minimum(rates, pace.largest)
    at = np.clip(np.searchsorted(knots.rates, served), 1, len(knots.rates) - 1) - 1
    lines = pace.lines(knots.starts[at])
    between = Between(knots.sequences[at], knots.sequences[at + 1], knots.work[at], knots.bends[at], knots.curves[at])
    found, close = settled(pace, rates, pace.largest, lines, between)
    if close.all():
        return found
    halved = _halved(pace, lines, between, found.rate)
    return replace(found, sequences=np.where(close, found.sequences, halved))


def settled(
    pace: Pace, rates: Array, largest: Array | float, lines: Lines, between: Between, secants: int = SECANTS
) -> tuple[Steady, NDArray[np.bool_]]:
    """What one copy settles at between two knots of its tables, and at which rates that is known to the last bits."""
    rate = np.minimum(rates, largest)
    late = rates >= largest
    sequences, close = _sequences(pace, lines, between, rate, secants)
    if pace.prefill is None:  # then all places are taken, if no fewer of them serve as many
        full = late & (between.high >= pace.places)
        sequences, close = np.where(full, between.high, sequences), close | full
    return Steady(pace, rate, late, sequences, lines), close


def over(result: LoadResult, rates: Array) -> LoadResult:
    """The same copies at other rates."""
    load = replace(result.load, rate=rates)
    if result.pace is None or result.replicas is None:
        return replace(result, load=load)
    copies = np.full(len(rates), result.replicas[0])
    return replace(result, load=load, steady=steady(result.pace, rates / copies), replicas=copies)


def with_ends(result: LoadResult) -> LoadResult:
    """The result with what its copies settle at where all steps and prompts are at an end of their 90 % interval."""
    times = factors(result.full, "time")
    if times is None or result.pace is None or result.replicas is None:
        return result
    rates = result.load.rates / result.replicas
    fast, slow = (steady(_paced(result.pace, times, end), rates) for end in (0, 1))
    return replace(result, fast=fast, slow=slow)


def _paced(pace: Pace, times: dict[RangeKind, Factors], end: int) -> Pace:
    """The pace with all times at one end of their interval."""
    step, prompt = (by_batch(times, pace.batches, phase)[end] for phase in ("decode", "prefill"))
    return replace(
        pace,
        step_s=pace.step_s * step,
        prompt_s=pace.prompt_s * prompt,
        alone_s=pace.alone_s * float(prompt[0]),
        prefill=pace.prefill and pace.prefill._replace(prompt_s=pace.prefill.prompt_s * float(prompt[0])),
    )


def within(pace: Pace) -> float:
    """The largest rate of one copy at which the times asked for are kept; 0: none.  [1/s]"""
    most, load = pace.largest, pace.load
    if load.slo_ttft is None and load.slo_tpot is None:
        return most

    def kept(rates: Array) -> NDArray[np.bool_]:
        at, found = steady(pace, rates), np.ones(len(rates), dtype=np.bool_)
        if load.slo_tpot is not None and load.steps:
            found &= at.tpot_of(load.percentile) <= load.slo_tpot
        return found if load.slo_ttft is None else found & at.ttft_within(load.slo_ttft, load.percentile)

    low, high = 0.0, most
    if not kept(np.array([most * 1e-9])).all():
        return 0.0
    for _ in range(15):  # sixteen parts at once: as many bits as 60 halves
        ends = low + (high - low) * np.linspace(0, 1, 17)
        last = int(np.argmin(np.append(kept(ends[1:-1]), False)))
        low, high = float(ends[last]), float(ends[last + 1])
    return low


def can_serve(asked: Scenario) -> bool:
    """Whether `serve` has an answer to requests with the numbers of a question's first point: tokens are generated."""
    alone = ranks_of(asked) > 1 and not any(layer.moe for layer in asked.model.layers)  # those are copies of a model
    return int(asked.workload.flat()[2][0]) > 1 and not alone


def serve(asked: Scenario, load: Load) -> LoadResult:
    """What a load takes on copies of the model, for each of its rates.

    Raises:
        MissingPrice, UnsupportedScope: see `evaluate`.
    """
    (found,) = copies_of(asked, [load])
    tempo = found.pace
    if tempo is None:
        return found
    most, least = tempo.largest, within(tempo)
    copies = np.full(len(load.rates), load.replicas if load.replicas != "auto" else 1)
    if load.replicas == "auto":
        copies = np.maximum(1, np.floor(load.rates / most) + 1)  # a rate below the largest, not at it
        if least < most:
            copies = np.maximum(copies, np.ceil(load.rates / least)) if least else copies
    day = None
    if load.requests_per_day is not None:
        day = steady(tempo, load.requests_per_day / SECONDS_OF_DAY / copies)
    at = steady(tempo, load.rates / copies)
    return replace(found, steady=at, day=day, replicas=copies, within=least)


def copies_of(asked: Scenario, loads: Sequence[Load], engine: Engine | None = None) -> list[LoadResult]:
    """A copy of the model for each of several loads, at no rate yet; all are held in one result of their memory.

    Raises:
        MissingPrice, UnsupportedScope: see `evaluate`.
    """
    one_each = asked.but(workload=Workload(ranks_of(asked)))
    if why := cannot_share(one_each):
        one = measure(asked.but(workload=held(asked, loads[0], 1)))
        return [LoadResult(asked, load, one, reason=why) for load in loads]
    places = places_of(asked, loads)
    least = [np.array([max(each, 1.0)]) for each in places]
    full = measure(asked.but(workload=held_by(asked, loads, least)))
    some = [load for load, each in zip(loads, places, strict=True) if each]
    tempos = iter(paces(asked, some, [each for each in places if each], engine) if some else ())
    why = does_not_fit(full, float(full.capacity_bits or 0.0))
    return [
        LoadResult(asked, load, full, number, tempo, largest=tempo.largest, within=tempo.largest, replicas=np.ones(1))
        if each and (tempo := next(tempos))
        else LoadResult(asked, load, full, number, reason=why)
        for number, (load, each) in enumerate(zip(loads, places, strict=True))
    ]


def with_runs(result: LoadResult) -> LoadResult:
    """The result with how often each action runs for a request, and its price: what differences are made of."""
    asked, load, pace, at = result.scenario, result.load, result.pace, result.steady
    if pace is None or at is None:
        return result
    ready = prepare(asked, lean=True)
    ranks = ranks_of(asked)
    steps = held(asked, load, at.batch if ranks == 1 else np.ceil(at.batch / ranks) * ranks)
    batch, prompt, _ = steps.flat()
    with_steps = evaluate(asked.but(workload=steps), prepared=ready)
    without = evaluate(asked.but(workload=steps.with_numbers(batch, prompt, np.ones_like(batch))), prepared=ready)
    alone = evaluate(asked.but(workload=Workload(ranks, load.prompt, 1)), prepared=ready)
    before, after, first = (_actions(r) for r in (without, with_steps, alone))
    shares = (
        load.steps / (batch * steps_in(load)),
        at.nominal["prompt"] / float(alone.energy_j),
    )
    found = {action: (after[action] - before.get(action, 0.0)) * shares[0] for action in after}
    for action, times in first.items():
        found[action] = found.get(action, 0.0) + times * shares[1]
    prices = dict(with_steps.prices) | dict(alone.prices)
    waiting = (1 - at.busy) / at.rate
    found[WAITING] = waiting
    low, nominal, high = pace.waiting_w.tolist()
    return replace(result, runs=found, prices=prices | {WAITING: (low, nominal, high)})


def _actions(result: Result) -> dict[str, Array]:
    return {} if result.ledger is None else contract(result.ledger, "action", result.scope)


# --- the fixed point -------------------------------------------------------------------------------------------------


def _sequences(
    pace: Pace, lines: Lines, between: Between, rate: Array, secants: int
) -> tuple[Array, NDArray[np.bool_]]:
    """Sequences that decode on average at each rate, and whether they are known to the last bits.  [n] each

    They are as many as it brings in the time that they take: ``L = R w(L)``, w the seconds of steps and prompts.
    Between two knots w is nearly a parabola: by secants, from where that is met. Each point stops where it is close by
    itself.
    """
    low, high, work, bend, curve = between
    steep = np.maximum(1 - rate * bend, LEVEL)
    chord = np.minimum(np.maximum(rate * (work - bend * low) / steep, low), high)
    above, below = chord - low, chord - high
    steep = np.maximum(1 - rate * (bend + curve * (above + below)), LEVEL)
    found = np.minimum(np.maximum(chord + rate * curve * above * below / steep, low), high)
    steep = np.maximum(1 - rate * (bend + curve * (found - low + (found - high))), LEVEL)
    was, before, close = _off(pace, lines, rate, found), high - low, found < 0
    curved = rate * np.maximum(curve, 0.0 - curve)
    for left in range(secants - 1, -1, -1):
        there = np.minimum(np.maximum(found - was / steep, low), high)
        step = there - found
        length = np.maximum(step, found - there)
        next_off = length * before * np.maximum(curved * there, STRAIGHT * steep)
        found, close = np.where(close, found, there), close | (next_off <= CLOSE * there * there * steep)
        if left:
            now = _off(pace, lines, rate, found)
            steep = np.maximum(np.where(length > 0, (now - was) / np.where(length > 0, step, 1.0), steep), LEVEL)
            was, before = now, length
    return found, close


def _halved(pace: Pace, lines: Lines, between: Between, rate: Array) -> Array:
    """The same by halves: where secants leave their knots."""
    low, high = between.low, between.high
    for _ in range(60):
        middle = (low + high) / 2
        less = _off(pace, lines, rate, middle) < 0
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return (low + high) / 2


def _off(pace: Pace, lines: Lines, rate: Array, sequences: Array) -> Array:
    """How many sequences there are more than the rate brings in the time that they take."""
    batch = mean_batch(sequences, pace.places)
    others = sequences / batch
    prompt = others * lines.at(lines.prompt_s, batch) + (1 - others) * pace.alone_s
    found: Array = sequences - rate * (pace.load.steps * lines.at(lines.step_s, batch) + sequences * prompt)
    return found
