"""Experts that a pass visits."""

from __future__ import annotations

from functools import cache

import numpy as np

from bitnet_cost.told import Array, shown_as


def touched_experts(experts: int, per_token: int, tokens: Array) -> Array:
    """Expected number of distinct experts that a pass over ``tokens`` tokens visits.  [expert]

    Uniform, independent routing: E (1 - (1 - k/E)^tokens).

    >>> round(float(touched_experts(8, 2, np.float64(1))), 12)
    2.0
    >>> round(float(touched_experts(8, 2, np.float64(64))), 6)
    8.0
    """
    if per_token == experts:
        return experts + tokens * 0.0
    touched: Array = experts * (1.0 - decay(tokens * logarithm_of_rest(per_token / experts)))
    return touched


@cache
def logarithm_of_rest(share: float) -> float:
    """log(1 - share) for a share from 0 to 1, from sums and products alone: the same bits on every processor.

    log(1 - s) = -2 artanh(s / (2 - s)), the series of which converges from s = 0 to where few are left.

    >>> [bool(abs(logarithm_of_rest(share) / np.log(1 - share) - 1) < 1e-15) for share in (0.5, 0.875)]
    [True, True]
    """
    part = share / (2.0 - share)
    found, squared = 0.0, part * part
    for term in range(301, 0, -2):
        found = found * squared + 1.0 / term
    return -2.0 * part * found


def decay(x: Array) -> Array:
    """exp(x) for x <= 0, from sums and products alone: the same bits on every processor and in every language.

    The last bit of a library's exp depends on both. A Taylor series to the 14th term of x / 64, squared six times, is
    right to 3e-14; below -40 the answer is 4e-18, which is nothing beside 1.

    >>> bool(abs(decay(np.float64(-1.0)) / np.exp(-1) - 1) < 1e-13), float(decay(np.float64(0.0)))
    (True, 1.0)
    """
    part = np.maximum(x, -40.0) / 64
    found = 1.0 + part / 14
    for term in range(13, 0, -1):
        found = 1.0 + found * part / term
    for _ in range(6):
        found = found * found
    powers: Array = shown_as(found, "exp", x)
    return powers
