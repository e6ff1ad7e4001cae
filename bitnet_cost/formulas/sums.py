"""Sums in one fixed order: it is part of the number."""

from __future__ import annotations

import numpy as np

from bitnet_cost.told import Array


def ordered_sum(values: Array, axis: int) -> Array:
    """Sum along an axis strictly from first to last, independent of the other axes.

    NumPy's own sum adds pairwise along contiguous memory, so that its last bits depend on the shape of the grid;
    Python's carries what rounding lost from 3.12 on, so that they would depend on the version.

    >>> ordered_sum(np.array([[1e16], [1.0], [1.0]]), axis=0).tolist()
    [1e+16]
    """
    if values.shape[axis] == 0:
        return np.zeros(values.shape[:axis] + values.shape[axis + 1 :])
    if values.strides[axis] >= 512 and values.flags.c_contiguous:
        rows: Array = np.add.reduce(values, axis=axis)  # whole rows of memory are added one after the other
        return rows
    if axis < values.ndim - 1 and values.shape[-1] >= 64:  # NumPy goes through other layouts column by column
        return sum_in_order(np.moveaxis(values, axis, 0))
    sums = np.add.accumulate(values, axis=axis)
    last: Array = sums[-1] if axis == 0 else sums[:, -1] if axis == 1 else sums[:, :, -1]
    return last


def over_phases(values: Array) -> Array:
    """Sum over phases, in order.  ``values`` [phase, ...]  ->  [...]"""
    return sum_in_order(values)


def sum_in_order(parts: list[Array] | Array) -> Array:
    """The sum of arrays, from first to last."""
    result: Array = parts[0]
    for part in parts[1:]:
        result = result + part
    return result


def total(values: Array) -> Array:
    """Sum of ``[phase, op, n]`` over phases and operators, in order.  [n]"""
    return ordered_sum(values.reshape(-1, values.shape[-1]), 0)
