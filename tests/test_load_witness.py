"""A server simulated request by request agrees with the closed form of `engine.load`: a second witness, not the product.

The simulation knows only what a step and a prompt take; the queue, the batch and the waiting come about by themselves.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
import pytest

from bitnet_cost.engine.load import steady, within
from bitnet_cost.formulas.queueing import Wait
from bitnet_cost.inputs.load import Load
from bitnet_cost.ledger.steady import Pace
from tests.test_load import ALONE, INSIDE, paced

REQUESTS = 900
WARM = 150  # requests before anything is counted


class Seen(NamedTuple):
    """What a simulation came to: means over requests, and over steps."""

    batch: float
    busy: float
    tpot_s: float
    ttft_s: float
    tpots: np.ndarray  # of each request
    ttfts: np.ndarray


def simulated(pace: Pace, load: Load, rate: float, *, inside: bool, requests: int = REQUESTS, seed: int = 7) -> Seen:
    """Requests one by one: prompts before the next step, or in it; steps until each has all its tokens."""
    random = np.random.default_rng(seed)
    arrive = np.cumsum(random.exponential(1 / rate, requests))
    mean, fixed = load.generate - 1, not load.cv2
    steps = np.full(requests, mean) if fixed else random.geometric(1 / mean, requests)
    long = np.ones(requests) if fixed else random.exponential(1, requests)  # prompts, over their mean
    batches = np.arange(pace.places + 1.0)
    step_s, prompt_s = (np.interp(batches, pace.batches, table).tolist() for table in (pace.step_s, pace.prompt_s))
    comes, answers, lengths = arrive.tolist(), steps.tolist(), long.tolist()
    now, came, done, ran = 0.0, 0, 0, 0
    left: list[tuple[int, int]] = []  # a heap: the step after which each has all its tokens
    waiting: deque[int] = deque()
    first, last = np.zeros(requests), np.zeros(requests)
    counted, busy = [], 0.0
    while done < requests:
        while came < requests and comes[came] <= now:
            waiting.append(came)
            came += 1
        many = min(len(waiting), pace.places - len(left)) if inside else int(bool(waiting) and len(left) < pace.places)
        if not many and not left:
            now = comes[came]
            continue
        taken = [waiting.popleft() for _ in range(many)]
        spent = sum(lengths[one] for one in taken) * (prompt_s[len(left)] if left else pace.alone_s)
        if left and (inside or not taken):
            spent, ran = spent + step_s[len(left)], ran + 1
            counted += [len(left)] * (done > WARM)
            while left and left[0][0] <= ran:
                last[heappop(left)[1]], done = now + spent, done + 1
        now += spent
        busy += spent
        for one in taken:
            first[one] = now
            heappush(left, (ran + answers[one], one))
    kept = slice(WARM, requests - WARM)
    tpot = ((last - first) / steps)[kept] if fixed else (last - first)[kept].sum() / steps[kept].sum()
    waits, each = (first - arrive)[kept], ((last - first) / steps)[kept]
    return Seen(float(np.mean(counted)), busy / now, float(np.mean(tpot)), float(np.mean(waits)), each, waits)


@pytest.mark.parametrize("runtime", [ALONE, INSIDE])
@pytest.mark.parametrize("use", [0.05, 0.3, 0.6, 0.85])
def test_the_closed_form_is_what_a_server_does(runtime: str, use: float) -> None:
    load = Load(1.0, max_batch=64)
    _agrees(load, runtime, use)


@pytest.mark.parametrize("runtime", [ALONE, INSIDE])
@pytest.mark.parametrize("use", [0.5, 0.9])
def test_lengths_that_vary(runtime: str, use: float) -> None:
    _agrees(Load(1.0, max_batch=64, cv2=1.0), runtime, use)


@pytest.mark.parametrize("places", [1, 4])
def test_few_places(places: int) -> None:
    _agrees(Load(1.0, max_batch=places), ALONE, 0.5)


@pytest.mark.parametrize("runtime", [ALONE, INSIDE])
@pytest.mark.parametrize(("use", "cv2"), [(0.3, 0.0), (0.6, 0.0), (0.5, 1.0)])
def test_percentiles_are_those_of_single_requests(runtime: str, use: float, cv2: float) -> None:
    load = Load(1.0, max_batch=64, cv2=cv2)
    _one, pace = paced(runtime, load)
    rate = use * pace.largest
    found = steady(pace, np.array([rate]))
    runs = [simulated(pace, load, rate, inside=runtime == INSIDE, seed=seed) for seed in (7, 8, 9)]
    tpots, ttfts = (np.concatenate([getattr(run, name) for run in runs]) for name in ("tpots", "ttfts"))
    for percent, of_token, of_first in ((50, 0.06, 0.12), (90, 0.06, 0.12), (99, 0.12, 0.15)):
        if not cv2:  # a short answer meets few steps, which its time per token is the mean of
            assert found.tpot_of(percent)[0] == pytest.approx(np.percentile(tpots, percent), rel=of_token)
        assert found.ttft_of(percent)[0] == pytest.approx(np.percentile(ttfts, percent), rel=of_first)


@pytest.mark.parametrize("cv2", [0.0, 0.5])
def test_a_wait_is_the_sum_of_its_parts(cv2: float) -> None:
    random, many = np.random.default_rng(1), 200_000

    def prompts(count: np.ndarray) -> np.ndarray:  # the time of each count: gamma variables add up to one
        return random.gamma(count / cv2, 0.02 * cv2) if cv2 else 0.02 * count

    wait = Wait(0.01, 0.02, cv2, 0.4, 0.3, 0.2, 0.1, 0.8, 0.03)
    drawn = 0.01 + prompts(np.ones(many)) + prompts(random.poisson(0.3, many).astype(float))
    drawn += random.exponential(0.1, many) * (random.random(many) < 0.2)
    drawn += random.uniform(0, 0.03, many) * (random.random(many) < 0.8)
    ahead = random.geometric(0.6, many) - 1  # of a queue, as Pollaczek and Khinchine: each what is left of a prompt
    left = random.random((many, ahead.max())) * (
        random.gamma(1 / cv2 + 1, 0.02 * cv2, (many, ahead.max())) if cv2 else 0.02  # one that is met is longer
    )
    drawn += np.where(np.arange(ahead.max()) < ahead[:, None], left, 0).sum(1)
    assert wait.mean == pytest.approx(drawn.mean(), rel=0.01)
    for percent in (10, 50, 90, 99):
        assert float(wait.percentile(percent)) == pytest.approx(np.percentile(drawn, percent), rel=0.02)


@pytest.mark.parametrize(("places", "cv2"), [(1, 1.0), (4, 1.0), (16, 1.0)])
def test_many_places_wait_as_erlang_says(places: int, cv2: float) -> None:
    load = Load(1.0, prompt=1, max_batch=places, cv2=cv2)  # prompts of one token, so that steps are nearly alone
    _one, pace = paced(ALONE, load)
    pace = replace(pace, prompt_s=pace.prompt_s * 0, alone_s=0.0, step_s=pace.step_s * 0 + 0.01)
    found = steady(pace, 0.7 * np.array([pace.largest]))
    offered = 0.7 * places
    terms = np.cumprod([1.0, *(offered / n for n in range(1, places + 1))])
    queue = terms[-1] / 0.3
    assert np.ravel(found.wait.full)[0] == pytest.approx(queue / (terms[:-1].sum() + queue), rel=0.01)  # Erlang C
    assert np.ravel(found.wait.place)[0] == pytest.approx(load.steps * 0.01 / (places * 0.3), rel=1e-9)


@pytest.mark.parametrize("use", [0.3, 0.9])
def test_a_wait_is_within_a_limit_where_its_percentile_is(use: float) -> None:
    wait = Wait(0.01, 0.02, 0.5, use=use, met=0.8, rest=0.03, full=0.2, place=0.05)
    for percent in (50, 90, 99):
        limit = float(wait.percentile(percent))
        assert wait.within(limit * (1 + 1e-6), percent)
        assert not wait.within(limit * (1 - 1e-6), percent)
    assert not wait.within(0.005, 50)


def test_objectives_on_a_percentile_are_kept_by_it() -> None:
    load = Load(1.0, max_batch=64, slo_ttft=0.06, slo_tpot=0.013, percentile=99)
    _one, pace = paced(ALONE, load)
    rate = within(pace)
    at = steady(pace, np.array([rate, rate * 1.01]))
    first, each = at.ttft_of(99), at.tpot_of(99)
    assert first[0] <= 0.06
    assert each[0] <= 0.013
    assert first[1] > 0.06 or each[1] > 0.013
    assert rate < within(replace(pace, load=Load(1.0, max_batch=64, slo_ttft=0.06, slo_tpot=0.013)))


def _agrees(load: Load, runtime: str, use: float) -> None:
    _one, pace = paced(runtime, load)
    rate = use * pace.largest
    found = steady(pace, np.array([rate]))
    requests = REQUESTS * (
        1 if use < 0.8 else 20 if use < 0.9 else 80
    )  # full periods are long: few of them mean little
    seen = simulated(pace, load, rate, inside=runtime == INSIDE, requests=requests)
    assert found.batch[0] == pytest.approx(seen.batch, rel=0.07)
    assert found.busy[0] == pytest.approx(seen.busy, rel=0.03)
    assert found.tpot_s[0] == pytest.approx(seen.tpot_s, rel=0.04)
    # Where places bind, few periods are full: the simulation's mean has an error of its own, by means of ten parts.
    error = np.std([part.mean() for part in np.array_split(seen.ttfts, 10)]) / 3
    assert found.ttft_s[0] == pytest.approx(seen.ttft_s, abs=max(0.08 * seen.ttft_s, 2 * error))
