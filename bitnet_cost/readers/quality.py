"""Published figures of quality by model and precision: what is printed somewhere, and nothing in between."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bitnet_cost.readers import catalog, spelling

if TYPE_CHECKING:
    from bitnet_cost.inputs.quality import Published, Quality

FOLDER = "quality"
LAWS = "laws"  # the one file of the folder that holds no figures
SAME = {"w4a16": "int4", "w8a8": "int8"}
"""Precisions that are another of the catalogue by a second name: bits, scales and groups are the same."""


@cache
def _tables(file: str) -> Quality:
    from bitnet_cost.inputs.quality import Quality  # late: of most models no file says anything

    return catalog.shipped(f"{FOLDER}/{file}.yaml", Quality)


@cache
def figures(file: str) -> tuple[Published, ...]:
    """The figures of one file.

    Raises:
        BitnetCostError: an invalid file.
    """
    return tuple(_tables(file).figures())


def files() -> list[str]:
    """Names of the files, by alphabet."""
    return sorted(path.stem for path in spelling.root(FOLDER).glob("*.yaml") if path.stem != LAWS)


def every() -> list[Published]:
    """All figures of the catalogue, file by file.

    Raises:
        BitnetCostError: an invalid file.
    """
    return [figure for file in files() for figure in figures(file)]


@cache
def _text(file: str) -> bytes:
    return (spelling.root(FOLDER) / f"{file}.yaml").read_bytes()


@cache
def published(model: str, precision: str) -> tuple[Published, ...]:
    """The figures of a model in a precision, opened sources first; empty where none is published.

    Only files that name the model are parsed: every answer asks.

    Raises:
        BitnetCostError: an invalid file.
    """
    precision = SAME.get(precision, precision)
    found = [
        figure for file in files() if model.encode() in _text(file)
        for figure in figures(file) if (figure.model, figure.precision) == (model, precision)
    ]  # fmt: skip
    order = ("opened", "second-hand", "memory")
    return tuple(sorted(found, key=lambda figure: order.index(figure.seen)))


@cache
def _cells(file: str) -> dict[tuple[str, str, str, str], tuple[float, str]]:
    return {
        (model, method, metric, evaluated): (value, "memory" if method in table.recalled else table.seen)
        for table in _tables(file).tables.values() for model, method, metric, evaluated, value in table.cells()
    }  # fmt: skip


def cell(file: str, place: tuple[str, str, str, str]) -> tuple[float, str] | None:
    """A printed cell by model and method as its table names them, metric and set; and how it was seen.

    Raises:
        BitnetCostError: an invalid file.
    """
    return _cells(file).get(place)
