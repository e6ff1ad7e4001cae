"""Measured rows: CSV files of the catalogue and of users."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from bitnet_cost.errors import InvalidFile
from bitnet_cost.inputs.accuracy import Reasons
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.measurement import (
    Decoders,
    LoadMeasurement,
    Measured,
    Measurement,
    SystemMeasurement,
    TrainingMeasurement,
)
from bitnet_cost.readers import catalog
from bitnet_cost.readers.csv_file import parse_csv
from bitnet_cost.readers.yaml_file import read_text, read_yaml

R = TypeVar("R", Measurement, TrainingMeasurement, LoadMeasurement, SystemMeasurement)


@cache
def sources() -> Measured:
    """Where the catalogue's rows come from.

    Raises:
        BitnetCostError: an installation without its data, or an invalid file.
    """
    path = catalog.place("measured/sources.yaml")
    return catalog.validate(read_yaml(path), Measured, path)


@cache
def reasons() -> Reasons:
    """Why the model is off where it is most.

    Raises:
        BitnetCostError: an installation without its data, or an invalid file.
    """
    path = catalog.place("measured/reasons.yaml")
    return catalog.validate(read_yaml(path), Reasons, path)


@cache
def rows() -> tuple[Measurement, ...]:
    """Every measured row of the catalogue, in the order of its files."""
    return tuple(row for path in sorted(catalog.place("measured/").glob("*.csv")) for row in read_rows(path))


@cache
def product_rows() -> tuple[Measurement, ...]:
    """Single products that constants are solved from and that are never scored: none of them is among `rows`."""
    files = sorted(catalog.place("measured/products/").glob("*.csv"))
    return tuple(row for path in files for row in read_rows(path))


def used() -> frozenset[str]:
    """Ids of the rows that a constant or a figure of the catalogue came from; none of them may be scored."""
    return catalog.constants().rows | {row for part in sources().used for row in part.rows}


@cache
def training_rows() -> tuple[TrainingMeasurement, ...]:
    """Every measured row of training, in the order of the files."""
    files = sorted(catalog.place("measured/training/").glob("*.csv"))
    return tuple(row for path in files for row in read_rows(path, TrainingMeasurement))


@cache
def load_rows() -> tuple[LoadMeasurement, ...]:
    """Every measured row of a server under load, in the order of the files."""
    files = sorted(catalog.place("measured/load/").glob("*.csv"))
    return tuple(row for path in files for row in read_rows(path, LoadMeasurement))


@cache
def system_rows() -> tuple[SystemMeasurement, ...]:
    """Every measured row of a whole system at the most that it serves, in the order of the files."""
    files = sorted(catalog.place("measured/systems/").glob("*.csv"))
    return tuple(row for path in files for row in read_rows(path, SystemMeasurement))


@cache
def decoders() -> Decoders:
    """Sizes of the decoders that rows of training name and the catalogue does not have."""
    path = catalog.place("measured/training/models.yaml")
    return catalog.validate(read_yaml(path), Decoders, path)


def read_rows(path: Path, kind: type[R] = Measurement) -> list[R]:  # type: ignore[assignment]  # R is it then
    """The rows of a CSV file, its header being the fields of ``kind``.

    Raises:
        InvalidFile: names the line and the column.
    """
    found = []
    for number, cells in enumerate(parse_csv(read_text(path), path)[1], 2):
        try:
            found.append(kind.model_validate({k: _value(k, v, kind) for k, v in cells.items() if v != ""}))
        except (ValidationError, ValueError) as error:
            what = error.errors()[0] if isinstance(error, ValidationError) else None
            where = ".".join(map(str, what["loc"])) if what else ""
            text = what["msg"] if what else str(error)
            raise InvalidFile(path, f"line {number}, {where}", text) from None
    return found


def _value(name: str, text: str, kind: type[Input]) -> str | int | float:
    """A cell as its field wants it, which takes no text for a number."""
    wanted = re.findall(r"\w+", str(kind.model_fields[name].annotation)) if name in kind.model_fields else []
    if "int" in wanted:
        return int(text)
    return float(text) if "float" in wanted else text
