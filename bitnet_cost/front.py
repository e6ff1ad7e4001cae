"""What is kept of many rows, also as they stream: the Pareto front, or the best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.told import Array

MANY = 1000  # rows from which most are dropped before the rest is sorted
TOGETHER = 32  # rows that follow one another, of which often none can be on a front


def pareto(values: Array) -> NDArray[np.intp]:
    """Rows on the front of objectives that are all to be small, in their order; rows with NaN are never on it.  [k]

    A row is off the front where another is no larger in every objective and smaller in one; of equal rows the first
    stays. ``values`` is [n, objective].

    >>> pareto(np.array([[1.0, 5.0], [2.0, 2.0], [2.0, 2.0], [3.0, 3.0], [5.0, 1.0]])).tolist()
    [0, 1, 4]
    """
    if values.shape[1] == 2:
        return _of_two(values[:, 0], values[:, 1])
    rows = np.flatnonzero(~np.isnan(values).any(axis=1))
    if values.shape[1] == 1:
        return best(values[:, 0], 1)
    found = values[rows]
    order = np.lexsort((rows, *found.T[::-1]))  # what dominates a row comes before it
    rows, found = rows[order], found[order]
    front: list[NDArray[np.intp]] = [rows[:0]]
    while len(rows):
        front.append(rows[:1])
        beaten = (found[0] <= found).all(axis=1)  # the first is no larger in all: equal or dominated
        rows, found = rows[~beaten], found[~beaten]
    return np.sort(np.concatenate(front))


def _of_two(first: Array, last: Array) -> NDArray[np.intp]:
    """The front of two objectives, as rows in order: by the first, each that is below all before it in the last."""
    rows = np.arange(len(first)) if len(first) < MANY else _left_by_some(first, last)
    first, last = first[rows], last[rows]
    order = np.argsort(first, kind="stable")  # rows often are in order already, piece by piece: not by both at once
    in_order = first[order]
    if (in_order[1:] == in_order[:-1]).any():
        order = np.lexsort((last, first))  # stable: of equal rows the first
    order = order[~(np.isnan(first) | np.isnan(last))[order]]
    below = last[order]
    kept = np.ones(len(order), dtype=bool)
    kept[1:] = below[1:] < np.minimum.accumulate(below)[:-1]
    return np.sort(rows[order[kept]])


def _left_by_some(first: Array, last: Array) -> NDArray[np.intp]:
    """Rows that the front of a sample does not beat: its best compromise drops most of them, the others the rest."""
    step = len(first) // 500
    some = _of_two(first[::step][:500], last[::step][:500]) * step
    if not len(some):
        return np.arange(len(first))
    by_first = some[np.argsort(first[some])]
    x, y = first[by_first], last[by_first]
    near = _near(x, y, first, last)
    first, last = first[near], last[near]
    beaten = (first[::step] >= x[:, None]) & (last[::step] >= y[:, None])
    good = int(np.argmax(beaten.sum(axis=1)))
    rows = np.flatnonzero((first < x[good]) | (last <= y[good]))
    return near[rows[_unbeaten(x, y, first[rows], last[rows])]]


def _near(x: Array, y: Array, first: Array, last: Array) -> NDArray[np.intp]:
    """Rows without those that lie together where a row of a sorted front ``x, y`` beats all that they could be.  [k]

    >>> x, y = np.array([1.0, 2.0]), np.array([2.0, 1.0])
    >>> _near(x, y, np.append(np.full(64, 3.0), 2.0), np.append(np.full(32, 0.5), np.full(33, 1.5))).tolist()[-2:]
    [31, 64]
    """
    whole = len(first) // TOGETHER * TOGETHER
    corner = [np.fmin.reduce(values[:whole].reshape(-1, TOGETHER), axis=1) for values in (first, last)]
    left = np.repeat(_unbeaten(x, y, *corner), TOGETHER)
    return np.concatenate((np.flatnonzero(left), np.arange(whole, len(first))))


def _unbeaten(x: Array, y: Array, first: Array, last: Array) -> NDArray[np.bool_]:
    """Which points no row of a sorted front ``x, y`` beats; those that equal one of it are not beaten.  [n]"""
    before = np.searchsorted(x, first, side="right") - 1
    found: NDArray[np.bool_] = (before < 0) | (last < y[before]) | ((last == y[before]) & (first == x[before]))
    return found


class Front:
    """The front of rows that stream by, for those that may still be on it.

    >>> front = Front()
    >>> front.add(np.array([[1.0, 5.0], [2.0, 2.0]])).tolist(), front.add(np.array([[2.0, 2.0], [3.0, 1.0]])).tolist()
    ([0, 1], [1])
    """

    def __init__(self) -> None:
        self._values: Array | None = None  # of two objectives, by the first

    def add(self, values: Array) -> NDArray[np.intp]:
        """Rows that no row before them, here or in what was added before, beats or equals, in their order.  [k]"""
        if values.shape[1] != 2:
            return pareto(values)
        if self._values is None or not len(self._values):
            rows = pareto(values)
            both = values[rows]
        else:
            x, y = self._values.T
            rows = _near(x, y, *values.T) if len(values) >= MANY else np.arange(len(values))
            both = values[rows]
            before = np.searchsorted(x, both[:, 0], side="right") - 1
            new = (before < 0) | (both[:, 1] < y[before])  # equal ones are there already
            rows, both = rows[new], both[new]
            alone = pareto(both)
            if not len(alone):
                return alone
            rows, both = rows[alone], both[alone]
            both = both[np.argsort(both[:, 0], kind="stable")]
            both = np.concatenate((self._values[_unbeaten(both[:, 0], both[:, 1], x, y)], both))
        self._values = both[np.argsort(both[:, 0], kind="stable")]  # two parts in order
        return rows


def efficient(values: Array) -> NDArray[np.bool_]:
    """Which rows no other beats, equal ones all: the front of `pareto` and what equals a row of it.  [n]

    >>> efficient(np.array([[1.0, 5.0], [2.0, 2.0], [2.0, 2.0], [3.0, 3.0], [np.nan, 0.0]])).tolist()
    [True, True, True, False, False]
    """
    front = values[pareto(values)]
    equal: NDArray[np.bool_] = (values[:, None] == front[None]).all(axis=2).any(axis=1)
    return equal


def best(values: Array, count: int) -> NDArray[np.intp]:
    """The ``count`` rows of the smallest value, smallest first, the earlier of equals first; never NaN.  [k]

    >>> best(np.array([3.0, 1.0, np.nan, 1.0]), 3).tolist()
    [1, 3, 0]
    """
    rows = np.flatnonzero(~np.isnan(values))
    if len(rows) > count:
        limit = np.partition(values[rows], count - 1)[count - 1]
        rows = rows[values[rows] <= limit]
    return rows[np.argsort(values[rows], kind="stable")[:count]]
