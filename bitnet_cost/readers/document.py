"""A file's plain data with the lines it came from, and what it holds at most."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_DEPTH = 24
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
MAX_TEXT = 20_000  # characters of one text
MAX_VALUES = 100_000  # a fifth of a second; the largest file of the catalogue has 2,000


class Document(NamedTuple):
    """Plain data and, for messages, the line on which each path of it begins."""

    data: Any
    lines: dict[tuple[str | int, ...], int]
