"""Scaling laws of the catalogue, and published losses of models that were trained alike, by size and precision."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.laws import Gap, Laws
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.quality import Quality
from bitnet_cost.readers import catalog, quality, spelling
from bitnet_cost.readers.size import parse_size
from bitnet_cost.readers.yaml_file import read_yaml


@cache
def laws() -> Laws:
    """Every law.

    Raises:
        BitnetCostError: an invalid file.
    """
    path = spelling.root(quality.FOLDER) / f"{quality.LAWS}.yaml"
    return catalog.validate(read_yaml(path), Laws, path)


class Point(NamedTuple):
    """A published loss: a model of a size, trained in a precision."""

    parameters: float
    precision: Precision
    method: str
    loss: float  # nat/token: the logarithm of the printed perplexity
    baseline: float | None  # of the same table's baseline at the same size


@cache
def _points(file: str, tables: tuple[str, ...], evaluated: str) -> tuple[Point, ...]:
    path = spelling.root(quality.FOLDER) / f"{file}.yaml"
    found = catalog.validate(read_yaml(path), Quality, path)
    points: list[Point] = []
    for name in tables:
        table = found.tables[name]
        cells = [c for c in table.cells() if c[2:4] == ("perplexity", evaluated)]
        base = {model: value for model, method, _, _, value in cells if method == table.baseline}
        for model, method, _, _, value in cells:
            size = parse_size(model)
            if size is None or method not in found.methods:
                continue
            wide = base.get(model) if method != table.baseline else None
            precision = catalog.precision(found.methods[method])
            points.append(Point(size, precision, method, math.log(value), None if wide is None else math.log(wide)))
    return tuple(points)


def points(of: Gap) -> tuple[Point, ...]:
    """The losses of some tables.

    Raises:
        BitnetCostError: an invalid file, or no such table.
    """
    return _points(of.file, tuple(of.tables), of.set)


def gaps() -> Iterator[tuple[Gap, Point]]:
    """Losses of tables with a baseline that was trained alike."""
    for gap in laws().gaps:
        yield from ((gap, point) for point in points(gap) if point.baseline is not None)


def named(name: str) -> str:
    """The law of a name.

    Raises:
        BitnetCostError: there is none.
    """
    known = laws().laws
    if name not in known:
        raise BitnetCostError(f"law: nothing is called {name!r}; there are {', '.join(known)}")
    return name
