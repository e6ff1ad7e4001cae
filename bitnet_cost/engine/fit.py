"""What fits: the largest batch and the longest context that a device's memory holds, found by bisection."""

from __future__ import annotations

from collections.abc import Callable

from bitnet_cost.engine.estimate import measure
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.workload import LIMITS, Workload
from bitnet_cost.result import Fit, Result


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


def fit(
    architecture: Architecture,
    precision: Precision,
    hardware: Hardware,
    workload: Workload,
    runtime: RuntimeProfile | None,
    devices: int = 1,
) -> Fit:
    """The largest batch at the workload's lengths, and the longest prompt at its batch."""

    def result(batch: int, prompt: int) -> Result:
        asked = Workload(batch, prompt, workload.generate, workload.attention, workload.logits, workload.counting)
        return measure(architecture, precision, hardware, asked, runtime=runtime, devices=devices)

    def holds(batch: int, prompt: int) -> bool:
        return bool(result(batch, prompt).fits)

    return Fit(
        result(workload.batch, workload.prompt),
        largest(lambda n: holds(n, workload.prompt), LIMITS["batch"]),
        largest(lambda n: holds(workload.batch, n), LIMITS["prompt"]),
    )
