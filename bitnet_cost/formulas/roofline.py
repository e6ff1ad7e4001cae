"""The roofline: an operator takes the longer of its arithmetic and of its memory traffic.

Williams et al., Roofline, CACM 52(4), 2009.
"""

from __future__ import annotations

import numpy as np

from bitnet_cost.formulas.pairs import growing_pairs
from bitnet_cost.told import Array, named


def sum_of_maxima(
    compute: Array, memory: Array, fixed: Array, prompt: Array, steps: Array, window: Array | None = None
) -> Array:
    """Sum over decode steps of max(c k, m k + f), k = min(P + i, window) keys attended, i = 1 ... steps.  [s]

    ``compute`` and ``memory`` are the sums of c k and m k over all steps, ``fixed`` that of f. The lines cross at most
    once, at k* = f / (c - m): steps below it wait for memory, those above for arithmetic. From the step that fills the
    window on, all are alike.

    >>> one = np.array([1.0])
    >>> total = sum_of_maxima(18 * one, 6 * one, 12 * one, 1 * one, 3 * one)        # k = 2, 3, 4; c 2, m 2/3, f 4
    >>> bool(abs(total[0] - (16 / 3 + 6 + 8)) < 1e-12)                              # max(4, 16/3), max(6, 6), 8
    True
    >>> total = sum_of_maxima(16 * one, 16 / 3 * one, 12 * one, one, 3 * one, 3 * one)  # k = 2, 3, 3
    >>> bool(abs(total[0] - (16 / 3 + 6 + 6)) < 1e-12)
    True
    """
    growing = steps
    keys = growing_pairs(prompt, steps, np.inf if window is None else window)
    if window is not None:
        growing = np.minimum(np.maximum(window - prompt, 0.0), steps)
    least, fewest = np.where(steps > 0, steps, 1.0), np.where(keys > 0, keys, 1.0)  # no step: nothing to divide
    gap = (compute - memory) / fewest
    crossing = np.where(gap > 0, fixed / least / np.where(gap > 0, gap, 1.0), np.inf)
    below = np.minimum(np.maximum(np.floor(crossing) - prompt, 0.0), growing)
    in_them = growing_pairs(prompt, below)
    if window is not None:
        alike = np.where(crossing >= window, steps - growing, 0.0)
        below, in_them = below + alike, in_them + alike * window
    below = named(below, "steps that wait for memory", "step", local=True)
    share, part = named(in_them / fewest, "share of keys in them", "1", local=True), below / least
    total: Array = memory * share + fixed * part + compute * (1 - share)
    return total


def partly_overlapped(arithmetic: Array, memory: Array, walk: Array) -> Array:
    """Seconds of a product whose arithmetic, traffic and walk along its inner dimension overlap in part.  [s]

    The root of the sum of squares: the longest where the others are short, between the longest, as if all ran at once,
    and the sum, as if one waited for the other. Limits of a rate blended by a power: Churchill & Usagi, A general
    expression for the correlation of rates of transfer, AIChE Journal 18(6), 1972, doi:10.1002/aic.690180606, eq. 1.

    >>> float(partly_overlapped(np.float64(2.0), np.float64(3.0), np.float64(6.0)))
    7.0
    """
    both: Array = np.sqrt(arithmetic * arithmetic + memory * memory + walk * walk)
    return both


def waiting(busy: Array, compute: Array, memory: Array) -> Array:
    """Seconds of a kernel in which it draws power and waits: beyond what arithmetic and memory need at their peaks.

    ``compute`` and ``memory`` are what a kernel needs at the rates at which prices were measured.  [s]

    >>> float(waiting(np.float64(5.0), np.float64(2.0), np.float64(3.0)))
    2.0
    """
    beyond: Array = np.maximum(busy - np.maximum(compute, memory), 0.0)
    return beyond
