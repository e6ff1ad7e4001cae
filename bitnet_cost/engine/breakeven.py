"""Where one precision stops saving a given amount against another: closed forms for shares, brackets for the rest.

The saving of a whole is linear in the share of a part: with a share f of the baseline's energy in a part that saves a
and the rest saving b, the whole saves ``f a + (1 - f) b``. So shares have a closed form (`share_at`). Batch and context
have none, since kernels change what binds them along the way: `crossings` evaluates the model on a grid of whole
numbers, keeps every interval over which the saving crosses what is wanted, and halves those down to neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bitnet_cost.told import Array

SAMPLES = 129  # points of the first grid
SECTIONS = 33  # points of each refinement


def share_at(wanted: float, part: float, rest: float) -> float | None:
    """Share f of the baseline's energy in a part at which the whole saves ``wanted``: f part + (1 - f) rest = wanted.

    ``part`` and ``rest`` are the savings of both. None where no share from 0 to 1 does it. With ``part`` 0 this is the
    share that may stay in any precision, `ledger.contract.unshrinking_share`.

    >>> round(share_at(0.80, 0.0, 0.97), 4)     # at most 17.5 % of the energy may not scale
    0.1753
    >>> share_at(0.5, 0.6, 0.9) is None         # both parts save more
    True
    """
    share = float(shares_at(wanted, part, rest))
    return share if 0 <= share <= 1 else None


def shares_at(wanted: float, part: Array | float, rest: Array | float) -> Array:
    """`share_at` of many savings at once: infinite, or beyond 0 to 1, where no share does it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = np.subtract(rest, wanted) / np.subtract(rest, part)
    return np.nan_to_num(found, nan=np.inf)


class Curve(NamedTuple):
    """A curve over whole numbers, and where it crosses a level."""

    at: Array  # [n], rising
    values: Array  # [n], NaN where there is none
    crossings: tuple[tuple[int, float, int, float], ...]  # the last at or above, or below, and its neighbour beyond
    rising: bool  # nowhere falls, on the points evaluated
    falling: bool  # nowhere rises, on the points evaluated


def crossings(function: Callable[[Array], Array], low: int, high: int, level: float) -> Curve:
    """Every crossing of a level between ``low`` and ``high`` that a grid of `SAMPLES` whole numbers shows.

    ``function`` maps whole numbers [n] to values [n], NaN where there is none. Each interval whose ends lie on
    different sides is cut into `SECTIONS` until its ends are neighbours, so that each crossing found is exact; an
    interval that is crossed twice between two points of the grid goes unseen, and cannot exist where the curve is
    monotone. Ranges of up to `SAMPLES` numbers are evaluated whole.

    >>> curve = crossings(lambda n: 1 / n, 1, 1000, 0.3)
    >>> curve.crossings[0][0], curve.crossings[0][2], curve.falling
    (3, 4, True)
    """
    grid: Array = np.unique(np.round(np.geomspace(low, high, SAMPLES)))
    known: dict[float, float] = dict(zip(grid.tolist(), function(grid).tolist(), strict=True))

    def above(n: float) -> bool | None:
        value = known[n]
        return None if np.isnan(value) else value >= level

    pending = list(zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True))
    found = []
    while pending:
        start, end = pending.pop()
        first, second = above(start), above(end)
        if first is None or second is None or first == second:
            continue
        if end - start <= 1:
            found.append((int(start), known[start], int(end), known[end]))
            continue
        inner: Array = np.unique(np.round(np.linspace(start, end, SECTIONS)))
        known |= dict(zip(inner.tolist(), function(inner).tolist(), strict=True))
        pending += zip(inner[:-1].tolist(), inner[1:].tolist(), strict=True)
    at = np.array(sorted(known))
    values = np.array([known[n] for n in at.tolist()])
    steps = np.diff(values[~np.isnan(values)])
    slack = 1e-12 * (np.nanmax(np.abs(values)) if np.any(~np.isnan(values)) else 0.0)
    rising, falling = bool(np.all(steps >= -slack)), bool(np.all(steps <= slack))
    return Curve(at, values, tuple(sorted(found)), rising, falling)


def first_beyond(at: Array, values: Array, level: float, *, falling: bool) -> Array:
    """The whole number from which each curve is beyond a level: below it where ``falling``, else at or above it.

    ``values`` is [curve, n] over ``at`` [n], whole and rising; NaN is not beyond. Between two points a curve is taken
    as straight. Infinite where it never is beyond.  [curve]

    >>> at = np.array([1.0, 2.0, 10.0])
    >>> first_beyond(at, np.array([[9.0, 8.0, 0.0], [9.0, 8.0, 7.0], [1.0, 0.0, 0.0]]), 5.0, falling=True).tolist()
    [6.0, inf, 1.0]
    """
    with np.errstate(invalid="ignore"):
        beyond = values < level if falling else values >= level
    last = np.argmax(beyond, axis=1)
    first = np.maximum(last - 1, 0)
    rows = np.arange(len(values))
    before, after = values[rows, first], values[rows, last]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = at[first] + (level - before) / (after - before) * (at[last] - at[first])
    whole = np.floor(crossing) + 1 if falling else np.ceil(crossing)
    found: Array = np.where(last == 0, at[0], np.clip(whole, at[first] + 1, at[last]))
    return np.where(np.any(beyond, axis=1), found, np.inf)


def middle_and_tails(values: Array) -> tuple[float, float, float]:
    """The 5th, 50th and 95th percentile of values that may be infinite: each is one of them.

    >>> middle_and_tails(np.array([3.0, np.inf, 1.0, 2.0, 4.0]))
    (1.0, 3.0, inf)
    """
    ordered = np.sort(values)
    low, middle, high = (float(ordered[round(share * (len(ordered) - 1))]) for share in (0.05, 0.5, 0.95))
    return low, middle, high
