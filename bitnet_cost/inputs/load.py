"""Requests that a model is to serve: how often they come, how long they are, and how fast answers are to be."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bitnet_cost.errors import BitnetCostError, quoted
from bitnet_cost.inputs.workload import LIMITS
from bitnet_cost.shown import Shown
from bitnet_cost.told import decided, is_told

SECONDS_OF_DAY = 86400
MOST_REPLICAS = 10**6


@dataclass(frozen=True, repr=False, eq=False)
class Load(Shown):
    """Requests, and how fast they are to be answered.

    Args:
        rate: requests per second, a number or an array of one axis; of a day with a peak its highest.
        requests_per_day: of which energy, carbon and cost of a day are; None: those of the rate.
        peak: highest rate of the day / its mean.
        prompt: tokens of a prompt, on average.
        generate: tokens generated, on average; the first comes with the prompt.
        cached: tokens of each prompt whose keys and values are there already: no work, but memory.
        cv2: squared coefficient of variation of prompts and of answers: 0 all alike, 1 as exponential lengths.
        max_batch: most sequences in a step; None: as many as fit the memory.
        static_cache: positions of a cache that each step reads whole, full or not; None: what is there is read.
        slo_ttft: time to the first token that is to be kept.  [s]
        slo_tpot: time per token after it, likewise.  [s]
        percentile: of requests that keep them, as 99; None: their mean does.
        replicas: copies that share the load; ``auto``: as few as serve it within the times wanted.
        prefill_devices: devices of each copy that only take prompts in; None: the same ones do both.

    Raises:
        BitnetCostError: a number outside of what it can be.
    """

    rate: Any
    prompt: int = 512
    generate: int = 128
    requests_per_day: float | None = None
    peak: float = 1.0
    cached: int = 0
    cv2: float = 0.0
    max_batch: int | None = None
    static_cache: int | None = None
    slo_ttft: float | None = None
    slo_tpot: float | None = None
    percentile: float | None = None
    replicas: int | Literal["auto"] = 1
    prefill_devices: int | None = None

    def __post_init__(self) -> None:
        rates = np.asarray(self.rate)
        numeric = rates.dtype.kind in "iuf" and rates.ndim <= 1 and rates.size > 0
        if not numeric or not bool(np.all((rates > 0) & np.isfinite(rates))):
            raise BitnetCostError(f"rate: {quoted(self.rate)} is not a number of requests per second above 0")
        for name, least, most in (
            ("prompt", 1, LIMITS["prompt"]), ("generate", 1, LIMITS["generate"]), ("max_batch", 1, LIMITS["batch"]),
            ("static_cache", 2, LIMITS["prompt"]), ("prefill_devices", 1, 10**5), ("cached", 0, LIMITS["prompt"]),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not (type(value) is int and least <= value <= most):
                flag = name.replace("_", "-")
                raise BitnetCostError(f"{flag}: {quoted(value)} is not a whole number from {least} to {most}")
        for name in ("slo_ttft", "slo_tpot"):
            value = getattr(self, name)
            if value is not None and not _above_0(value):
                raise BitnetCostError(f"{name.replace('_', '-')}: {quoted(value)} is not a number of seconds above 0")
        if self.percentile is not None:
            if not (_above_0(self.percentile) and 1 <= self.percentile <= 99.99):
                raise BitnetCostError(f"percentile: {quoted(self.percentile)} is not a number from 1 to 99.99")
            if self.slo_ttft is None and self.slo_tpot is None:
                raise BitnetCostError("percentile: is of the times asked for; give --slo-ttft or --slo-tpot")
        if not (isinstance(self.cv2, int | float) and 0 <= self.cv2 <= 100):
            raise BitnetCostError(f"cv2: {quoted(self.cv2)} is not a number from 0 to 100")
        if not (_above_0(self.peak) and 1 <= self.peak <= 1000):
            raise BitnetCostError(f"peak: {quoted(self.peak)} is not highest rate / mean rate; expected 1 to 1000")
        if self.cached >= self.prompt:
            raise BitnetCostError(f"cached: {self.cached} tokens leave none of a prompt of {self.prompt} to work on")
        if self.static_cache is not None and self.static_cache < self.positions:
            raise BitnetCostError(
                f"static-cache: {self.static_cache} positions are fewer than the {self.positions} of a request"
            )
        known = self.replicas == "auto" or (type(self.replicas) is int and 1 <= self.replicas <= MOST_REPLICAS)
        if not known:
            raise BitnetCostError(f"replicas: {quoted(self.replicas)} is neither 'auto' nor a whole number from 1")

    @property
    def rates(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The rates as an array.  [n]"""
        return self.rate if is_told(self.rate) else np.asarray(self.rate, dtype=np.float64).reshape(-1)

    def with_numbers(self, **numbers: Any) -> Load:
        """The same with other rates or lengths, which may be arrays or told: nothing is checked."""
        found = copy.copy(self)
        for name, value in numbers.items():
            object.__setattr__(found, name, value)
        return found

    @property
    def decodes(self) -> bool:
        """Whether answers have more than their first token."""
        return decided(self.generate > 1)

    @property
    def positions(self) -> int:
        """Positions of the cache that a request takes in the end."""
        return self.prompt + self.generate - 1

    @property
    def steps(self) -> int:
        """Decode steps of a request on average."""
        return self.generate - 1


def _above_0(value: Any) -> bool:
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return real and 0 < float(value) < math.inf
