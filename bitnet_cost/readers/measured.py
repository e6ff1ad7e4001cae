"""Measured rows: CSV files of the catalogue and of users."""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from bitnet_cost.errors import CONTROL, InvalidFile
from bitnet_cost.inputs.measurement import Measured, Measurement
from bitnet_cost.readers import catalog
from bitnet_cost.readers.yaml_file import read_text, read_yaml

_INTEGERS = {"devices", "batch", "prompt", "generate"}
_NUMBERS = {"seconds", "energy_j_per_token", "power_w", "memory_gb"}


@cache
def sources() -> Measured:
    """Where the catalogue's rows come from.

    Raises:
        BitnetCostError: an installation without its data, or an invalid file.
    """
    path = catalog.place("measured/sources.yaml")
    return catalog.validate(read_yaml(path), Measured, path)


@cache
def rows() -> tuple[Measurement, ...]:
    """Every measured row of the catalogue, in the order of its files."""
    return tuple(row for path in sorted(catalog.place("measured/").glob("*.csv")) for row in read_rows(path))


def used() -> frozenset[str]:
    """Ids of the rows that a constant or a figure of the catalogue came from; none of them may be scored."""
    return catalog.constants().rows | {row for part in sources().used for row in part.rows}


def read_rows(path: Path) -> list[Measurement]:
    """The rows of a CSV file, its header being the fields of `Measurement`.

    Raises:
        InvalidFile: names the line and the column.
    """
    text = read_text(path)
    control = CONTROL.search(text.replace("\r\n", "\n"))
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise InvalidFile(path, f"line {line}", f"contains the control character U+{ord(control[0]):04X}")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    found = []
    try:
        headings = reader.fieldnames or []
        lines = list(reader)
    except csv.Error as error:
        raise InvalidFile(path, f"line {reader.line_num}", f"is not CSV: {error}") from None
    if len(set(headings)) < len(headings):
        raise InvalidFile(path, "line 1", "a heading appears twice")
    for number, cells in enumerate(lines, 2):
        if None in cells or None in cells.values():
            raise InvalidFile(path, f"line {number}", f"has a different number of cells from the {len(cells)} headings")
        try:
            found.append(Measurement.model_validate({k: _value(k, v) for k, v in cells.items() if v != ""}))
        except (ValidationError, ValueError) as error:
            what = error.errors()[0] if isinstance(error, ValidationError) else None
            where = ".".join(map(str, what["loc"])) if what else ""
            text = what["msg"] if what else str(error)
            raise InvalidFile(path, f"line {number}, {where}", text) from None
    return found


def _value(name: str, text: str) -> str | int | float:
    if name in _INTEGERS:
        return int(text)
    return float(text) if name in _NUMBERS else text
