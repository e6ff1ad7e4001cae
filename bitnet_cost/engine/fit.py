"""What fits: the largest batch and longest context that a device's memory holds, by bisection; the widest format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.estimate import measure, priced
from bitnet_cost.errors import MissingPrice
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import LIMITS
from bitnet_cost.ledger.answers import Fit
from bitnet_cost.ledger.result import Result


def largest(fits: Callable[[int], bool], limit: int) -> int:
    """The largest n from 0 to ``limit`` for which ``fits(n)``, fits being true up to some n and false above.

    >>> largest(lambda n: n * n <= 50, 1000), largest(lambda n: False, 9), largest(lambda n: True, 9)
    (7, 0, 9)
    """
    low, high = 0, 1
    while high <= limit and fits(high):
        low, high = high, high * 2
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def fit(asked: Scenario) -> Fit:
    """The largest batch at the workload's lengths, and the longest prompt at its batch."""
    here = measure(asked)
    if asked.offload or asked.draft:  # how fast it is decides whether that helps
        with suppress(MissingPrice):
            here = priced(here)
    whole = asked.devices if asked.parallel == "data" else 1  # each has sequences of its own
    return Fit(
        here,
        whole * largest(lambda n: bool(result_at(here, batch=n * whole).fits), LIMITS["batch"] // whole),
        largest(lambda n: bool(result_at(here, prompt=n).fits), LIMITS["prompt"]),
    )


def result_at(result: Result, **numbers: int) -> Result:
    """What is resident at another batch or prompt; not priced."""
    return measure(result.scenario.but(workload=replace(result.workload, **numbers)))  # type: ignore[arg-type]


def widest(asked: Sequence[Scenario]) -> Result:
    """Of one model on one device in several precisions what fits and needs most; where none fits, what needs least."""
    counts = count_ops(asked[0].model, asked[0].workload)
    found = sorted((measure(one, counts=counts) for one in asked), key=lambda r: float(r.footprint.bits[0]))
    return next((r for r in reversed(found) if r.fits), found[0])
