"""A server simulated request by request agrees with the closed form of `engine.load`: a second witness, not the product.

The simulation knows only what a step and a prompt take; the queue, the batch and the waiting come about by themselves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from bitnet_cost.engine.load import largest_rate, steady
from bitnet_cost.inputs.load import Load
from bitnet_cost.ledger.load import Pace
from tests.test_load import ALONE, INSIDE, paced

REQUESTS = 900
WARM = 150  # requests before anything is counted


class Seen(NamedTuple):
    """What a simulation came to: means over requests, and over steps."""

    batch: float
    busy: float
    tpot_s: float
    ttft_s: float


def simulated(pace: Pace, load: Load, rate: float, *, inside: bool, lengths: str = "fixed", seed: int = 7) -> Seen:
    """Requests one by one: prompts before the next step, or in it; steps until each has all its tokens."""
    random = np.random.default_rng(seed)
    arrive = np.cumsum(random.exponential(1 / rate, REQUESTS))
    mean = load.generate - 1
    steps = np.full(REQUESTS, mean) if lengths == "fixed" else random.geometric(1 / mean, REQUESTS)
    batches = np.arange(pace.places + 1.0)
    step_s, prompt_s = (np.interp(batches, pace.batches, table) for table in (pace.step_s, pace.prompt_s))
    now, came = 0.0, 0
    left: dict[int, int] = {}
    waiting: list[int] = []
    first, last = np.zeros(REQUESTS), np.zeros(REQUESTS)
    counted, busy = [], 0.0
    while len(last.nonzero()[0]) < REQUESTS:
        while came < REQUESTS and arrive[came] <= now:
            waiting.append(came)
            came += 1
        taken = waiting[: min(len(waiting), pace.places - len(left)) if inside else int(len(left) < pace.places)]
        if not taken and not left:
            now = arrive[came]
            continue
        del waiting[: len(taken)]
        alone = not left
        spent = len(taken) * (pace.alone_s if alone else prompt_s[len(left)])
        if left and (inside or not taken):
            spent += step_s[len(left)]
            counted += [len(left)] * (min(left) > WARM)
            for one in list(left):
                left[one] -= 1
                if not left[one]:
                    last[one] = now + spent
                    del left[one]
        now += spent
        busy += spent
        for one in taken:
            first[one], left[one] = now, int(steps[one])
    kept = slice(WARM, REQUESTS - WARM)
    tpot = ((last - first) / steps)[kept] if lengths == "fixed" else (last - first)[kept].sum() / steps[kept].sum()
    return Seen(float(np.mean(counted)), busy / now, float(np.mean(tpot)), float(np.mean((first - arrive)[kept])))


@pytest.mark.parametrize("runtime", [ALONE, INSIDE])
@pytest.mark.parametrize("use", [0.05, 0.3, 0.6, 0.85])
def test_the_closed_form_is_what_a_server_does(runtime: str, use: float) -> None:
    load = Load(1.0, max_batch=64)
    _agrees(load, runtime, use)


@pytest.mark.parametrize("runtime", [ALONE, INSIDE])
def test_lengths_that_vary(runtime: str) -> None:
    _agrees(Load(1.0, max_batch=64, cv2=1.0), runtime, 0.5)


@pytest.mark.parametrize("places", [1, 4])
def test_few_places(places: int) -> None:
    _agrees(Load(1.0, max_batch=places), ALONE, 0.5)


def _agrees(load: Load, runtime: str, use: float) -> None:
    one, pace = paced(runtime, load)
    rate = use * largest_rate(pace, load)
    found = steady(pace, load, np.array([rate]), one.runtime)
    seen = simulated(pace, load, rate, inside=runtime == INSIDE, lengths="geometric" if load.cv2 else "fixed")
    assert found.batch[0] == pytest.approx(seen.batch, rel=0.07)
    assert found.busy[0] == pytest.approx(seen.busy, rel=0.03)
    assert found.tpot_s[0] == pytest.approx(seen.tpot_s, rel=0.04)
    assert found.ttft_s[0] == pytest.approx(seen.ttft_s, rel=0.12)
