"""What is kept of many rows, also as they stream: the Pareto front, or the best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.told import Array


def pareto(values: Array) -> NDArray[np.intp]:
    """Rows on the front of objectives that are all to be small, in their order; rows with NaN are never on it.  [k]

    A row is off the front where another is no larger in every objective and smaller in one; of equal rows the first
    stays. ``values`` is [n, objective].

    >>> pareto(np.array([[1.0, 5.0], [2.0, 2.0], [2.0, 2.0], [3.0, 3.0], [5.0, 1.0]])).tolist()
    [0, 1, 4]
    """
    rows = np.flatnonzero(~np.isnan(values).any(axis=1))
    if not len(rows):
        return rows
    if values.shape[1] <= 2:
        return np.sort(_of_two(values[rows], rows))
    found = values[rows]
    order = np.lexsort((rows, *found.T[::-1]))  # what dominates a row comes before it
    rows, found = rows[order], found[order]
    front: list[NDArray[np.intp]] = []
    while len(rows):
        front.append(rows[:1])
        beaten = (found[0] <= found).all(axis=1)  # the first is no larger in all: equal or dominated
        rows, found = rows[~beaten], found[~beaten]
    return np.sort(np.concatenate(front))


def _of_two(values: Array, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """The front of one or two objectives: by the first, then each that is smaller in the second than all before."""
    last = values[:, -1]
    if len(rows) > 1000:  # most are beaten by one good point: drop them before sorting
        scaled = sum(np.argsort(np.argsort(column[:: len(rows) // 500])) for column in values.T)
        good = values[:: len(rows) // 500][int(np.argmin(scaled))]
        worse = (values >= good).all(axis=1) & (values > good).any(axis=1)
        rows, values, last = rows[~worse], values[~worse], last[~worse]
    order = np.lexsort((rows, last, values[:, 0]))
    sorted_last = last[order]
    before = np.concatenate(([np.inf], np.minimum.accumulate(sorted_last)[:-1]))
    if values.shape[1] == 1:
        return rows[order[:1]]
    kept = sorted_last < before
    kept[0] = True
    return rows[order[kept]]


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
        rows = np.flatnonzero(self._unbeaten(values))
        kept = rows[pareto(values[rows])]
        both = values[kept] if self._values is None else np.concatenate((self._values, values[kept]))
        both = both[pareto(both)]
        self._values = both[np.argsort(both[:, 0])]
        return kept

    def _unbeaten(self, values: Array) -> NDArray[np.bool_]:
        """Whether the row of the front before each is larger in the second objective: it is the smallest there."""
        if self._values is None or not len(self._values):
            return np.ones(len(values), dtype=bool)
        before = np.searchsorted(self._values[:, 0], values[:, 0], side="right") - 1
        unbeaten: NDArray[np.bool_] = (before < 0) | (values[:, 1] < self._values[before, 1])
        return unbeaten


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
