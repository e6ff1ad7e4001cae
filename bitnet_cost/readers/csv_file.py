"""CSV read strictly: one heading a column, as many cells in each row, no control characters."""

from __future__ import annotations

import csv
import io

from bitnet_cost.errors import CONTROL, InvalidFile


def parse_csv(text: str, name: object = "<text>") -> tuple[list[str], list[dict[str, str]]]:
    r"""Headings, and the cells of each row by heading. Row i is line i + 2, unless a cell holds a line break.

    >>> parse_csv("id,seconds\na,0.5\n")
    (['id', 'seconds'], [{'id': 'a', 'seconds': '0.5'}])

    Raises:
        InvalidFile: names the line.
    """
    control = CONTROL.search(text.replace("\r\n", "\n"))
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise InvalidFile(name, f"line {line}", f"contains the control character U+{ord(control[0]):04X}")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        headings = next(reader, [])
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise InvalidFile(name, f"line {reader.line_num}", f"is not CSV: {error}") from None
    if len(set(headings)) < len(headings):
        raise InvalidFile(name, "line 1", "a heading appears twice")
    for line, row in enumerate(rows, 2):
        if len(row) != len(headings):
            raise InvalidFile(name, f"line {line}", f"has {len(row)} cells below {len(headings)} headings")
    return headings, [dict(zip(headings, row, strict=True)) for row in rows]
