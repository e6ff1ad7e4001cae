"""Sums in one fixed order, and figures that are linear in what a workload repeats.

Arrays are ``[phase, op, n]`` where n runs over the flattened grid of the workload; a single estimate has n = 1, so
one evaluation and a million are the same lines of code. Sums run in one fixed order (`ordered_sum`), so that an
element of a grid equals the single estimate to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, ValuesView
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np

from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.shown import Shown
from bitnet_cost.told import Array, filled, is_told, read_only, zeros

Basis = tuple[str, *tuple[float, ...]]
"""A quantity of the workload, by name, with its numbers: ``("tokens",)``, ``("pairs", 4096.0)``."""


PASSES: Basis = ("passes",)


Coefficients = dict[str, dict[Basis, Array]]
"""``{quantity: {basis: [op]}}``: what an operator's layers need in all for each unit of a basis."""


class Bases(Mapping[Basis, Array], Shown):
    """What a workload repeats: quantities by basis, ``[phase, n]`` each, in one array.

    ``table`` is [basis, phase, n].
    """

    __slots__ = ("names", "table")

    def __init__(self, names: tuple[Basis, ...], table: Array) -> None:
        self.names, self.table = names, read_only(table)

    def of(self, names: tuple[Basis, ...]) -> Array:
        """Some of them, in their order.  [basis, phase, n]"""
        if names is self.names or names == self.names:
            return self.table
        some: Array = self.table[[self.names.index(basis) for basis in names]]
        return some

    def __getitem__(self, basis: Basis) -> Array:
        found: Array = self.table[self.names.index(basis)]
        return found

    def __iter__(self) -> Iterator[Basis]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def span_of(column: Array) -> slice | None:
    """From the first to the last entry that is not zero; None where all are."""
    some = filled(column)
    rows = np.flatnonzero(some if some.ndim == 1 else some.any(axis=1))
    return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else None


class _Term(NamedTuple):
    """Coefficients of consecutive operators for one basis; ``fresh`` where no term before has any of them."""

    basis: Basis
    rows: slice
    column: Array  # [row, 1], or [row, n]
    fresh: bool


class Linear(Shown):
    """A figure of each operator that is linear in what the workload repeats: coefficients by basis, [op] or [op, n]."""

    def __init__(self, columns: Iterable[tuple[Basis, Array]], size: int) -> None:
        self.size = size
        merged: dict[Basis, Array] = {}  # coefficients of one basis are added before they meet it, at every point
        for basis, column in columns:
            merged[basis] = merged[basis] + column if basis in merged else column
        self.columns = read_only(tuple(merged.items()))

    @cached_property
    def terms(self) -> tuple[_Term, ...]:
        """The coefficients of each basis, only where there is something: most bases belong to few operators."""
        some = np.zeros(self.size, dtype=bool)
        terms = []
        for basis, column in self.columns:
            rows = span_of(column)
            if rows is not None:
                part = column[rows] if column.ndim == 2 else column[rows, None]
                terms.append(_Term(basis, rows, part, not some[rows].any()))
                some[rows] = True
        return tuple(terms)

    @cached_property
    def rows(self) -> slice:
        """From the first to the last operator that has any."""
        spans = [term.rows for term in self.terms] or [slice(0, 0)]
        return slice(min(span.start for span in spans), max(span.stop for span in spans))

    def of(self, rows: list[int]) -> Linear:
        """The figure of some operators."""
        return Linear([(basis, column[rows]) for basis, column in self.columns], len(rows))

    def over(self, bases: Bases, out: Array | None = None) -> Array:
        """The figure where the workload's bases are known.  [phase, op, n]"""
        _, phases, points = bases.table.shape
        columns = [column for _, _, column, _ in self.terms]
        found: Array = zeros((phases, self.size, points), bases.table, *columns) if out is None else out
        for basis, rows, column, fresh in self.terms:
            part = found[:, rows]
            if fresh:
                part[...] = column * bases[basis][:, None]
            else:
                part += column * bases[basis][:, None]
        return found


class Stack(Shown):
    """Several figures of the same operators, calculated together.  ``names`` are the bases they may need."""

    __slots__ = ("_dense", "figures", "names")

    def __init__(self, figures: Iterable[Linear], names: tuple[Basis, ...]) -> None:
        self.figures, self.names = tuple(figures), names
        self._dense: Array | None = None

    def of(self, rows: list[int]) -> Stack:
        """The figures of some operators."""
        return Stack([figure.of(rows) for figure in self.figures], self.names)

    def over(self, bases: Bases) -> Array:
        """Each figure where the workload's bases are known.  [figure, phase, op, n]"""
        _, phases, points = bases.table.shape
        if points > 1:
            found = np.zeros((len(self.figures), phases, self.figures[0].size, points))
            for figure, out in zip(self.figures, found, strict=True):
                figure.over(bases, out)
            return found
        # At a single point a step of the interpreter costs more than a pass over zeros, and zeros change no sum.
        if self._dense is None:
            self._dense = read_only(self._table())
        return ordered_sum(self._dense * bases.of(self.names)[:, :, None, None], 0).swapaxes(0, 1)

    def _table(self) -> Array:
        """Coefficients of every figure.  [basis, 1, figure, op, 1]"""
        columns = [column for figure in self.figures for _, column in figure.columns]
        found = zeros((len(self.names), 1, len(self.figures), self.figures[0].size, 1), *columns)
        for i, figure in enumerate(self.figures):
            for basis, column in figure.columns:
                found[self.names.index(basis), 0, i, :, 0] += column.reshape(figure.size)
        return found


class Later(Mapping[str, Array], Shown):
    """Arrays by name, made when the first of them is asked for. It is true: there is at least one."""

    def __init__(self, make: Callable[[], Mapping[str, Array]]) -> None:
        self._make: Callable[[], Mapping[str, Array]] | None = make
        self._made: Mapping[str, Array] = {}

    def _arrays(self) -> Mapping[str, Array]:
        if self._make is not None:
            self._made, self._make = self._make(), None
        return self._made

    def __getstate__(self) -> dict[str, Any]:
        """The arrays: what makes them holds too much to be copied or sent to another process."""
        return {"_make": None, "_made": dict(self._arrays())}

    def __getitem__(self, name: str) -> Array:
        return self._arrays()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays())

    def __len__(self) -> int:
        return len(self._arrays())

    def __bool__(self) -> bool:
        return True

    def values(self) -> ValuesView[Array]:
        """The arrays, without a look-up for each."""
        return self._arrays().values()


class Bounds(np.ndarray[Any, np.dtype[Any]]):
    """Figures ``[bound, *grid]`` whose three bounds have names; what is made of them is a plain array.

    >>> saving = Bounds.of(np.array([0.1, 0.2, 0.4]))
    >>> float(saving.low), float(saving[1]), (1 - saving).tolist()
    (0.1, 0.2, [0.9, 0.8, 0.6])
    """

    @staticmethod
    def of(values: Array) -> Bounds:
        """Some values with names; told numbers keep their own kind of array."""
        found: Any = values if is_told(values) else values.view(Bounds)
        return cast(Bounds, found)

    @property
    def low(self) -> Any:
        """The least.  [*grid]"""
        return self[0]

    @property
    def nominal(self) -> Any:
        """At nominal figures.  [*grid]"""
        return self[1]

    @property
    def high(self) -> Any:
        """The most.  [*grid]"""
        return self[2]

    def __getitem__(self, key: Any) -> Any:
        return self.view(np.ndarray)[key]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **how: Any) -> Any:
        if "out" in how:
            how["out"] = tuple(map(_unnamed, how["out"]))
        return getattr(ufunc, method)(*map(_unnamed, inputs), **how)


def _unnamed(values: Any) -> Any:
    return values.view(np.ndarray) if isinstance(values, Bounds) else values
