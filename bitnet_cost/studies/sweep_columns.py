"""Columns of a sweep's points: rows chosen, grids of axes, single values spread over all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.told import Array

Columns = dict[str, Any]  # arrays [n]; a word, or a value of `vary`, that holds for all rows is no array


def select_rows(columns: Columns, rows: NDArray[np.intp]) -> Columns:
    """Some rows of columns."""
    return {name: values[rows] if isinstance(values, np.ndarray) else values for name, values in columns.items()}


def grid_of(axes: Sequence[Array], start: int, stop: int) -> list[Array]:
    """The values of axes at some points of their grid, the last axis innermost.  Each [stop - start]

    >>> [values.tolist() for values in grid_of([np.array([1.0, 2.0]), np.array([7.0, 8.0, 9.0])], 1, 5)]
    [[1.0, 1.0, 2.0, 2.0], [8.0, 9.0, 7.0, 8.0]]
    """
    if not axes:
        return []
    *outer, inner = axes
    length = len(inner)
    first, last = start // length, -(-stop // length)
    start, stop = start - first * length, stop - first * length
    values = grid_of(outer, first, last)
    if last - first == 1:
        return [*(np.full(stop - start, value[0]) for value in values), inner[start:stop]]
    return [*(np.repeat(value, length)[start:stop] for value in values), np.tile(inner, last - first)[start:stop]]


def among(values: NDArray[Any], rows: NDArray[np.intp], points: int) -> NDArray[Any]:
    """Values of some rows among all: NaN, no or None elsewhere.  [n]"""
    found = np.full(
        points, np.nan if values.dtype.kind == "f" else None if values.dtype.kind == "O" else 0, values.dtype
    )
    found[rows] = values
    return found


def as_array(values: Any, points: int) -> NDArray[Any]:
    """A column as an array, also where one value stands for all rows.  [n]"""
    if isinstance(values, np.ndarray):
        return values
    found = np.empty(points, dtype=object if values is None or isinstance(values, str) else None)
    found[:] = values
    return found
