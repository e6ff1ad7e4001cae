"""JSON read strictly: UTF-8, one object, no duplicate keys, bounded size, depth and digits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from bitnet_cost.errors import InvalidFile
from bitnet_cost.readers.document import MAX_DEPTH, TOO_DEEP
from bitnet_cost.readers.yaml_file import read_text

MAX_BYTES = 4_000_000  # real files reach some 100 kB; long label and rope tables make them that large
MAX_DIGITS = 400


def read_json(path: Path) -> dict[str, Any]:
    """Read the one object that a JSON file holds.

    Raises:
        BitnetCostError: missing, a folder, too large, empty or not text; InvalidFile: not strict JSON.
    """
    return parse_json(read_text(path, MAX_BYTES), path)


def parse_json(text: str, name: object = "<text>") -> dict[str, Any]:
    """Build plain data from JSON text. ``Infinity`` and ``NaN`` are read, because real files hold them.

    >>> parse_json('{"n_layer": 2, "limits": [0.0, Infinity]}')
    {'n_layer': 2, 'limits': [0.0, inf]}
    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    bitnet_cost.errors.InvalidFile: <text>: key 'a' appears twice
    """

    def refuse(what: str) -> NoReturn:
        raise InvalidFile(name, "", what)

    def whole(digits: str) -> int:
        # Python needs quadratic time for the digits of an integer, and JSON sets no limit to them
        if len(digits) > MAX_DIGITS:
            refuse(f"contains a number of {len(digits)} digits; no figure of a model has more than {MAX_DIGITS}")
        return int(digits)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            refuse(f"key {twice[:60]!r} appears twice")
        return built

    try:
        data = json.loads(text, parse_int=whole, object_pairs_hook=unique)
    except RecursionError:
        refuse(f"is {TOO_DEEP}")
    except json.JSONDecodeError as error:
        raise InvalidFile(name, f"line {error.lineno}", f"not valid JSON: {error.msg}") from None
    if not isinstance(data, dict):
        refuse(f"contains a {type(data).__name__}; expected one object, {{...}}")
    level: list[Any] = [data]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _children(outer)]
    if level:
        refuse(f"is {TOO_DEEP}")
    return data


def _children(node: Any) -> list[Any]:
    """Objects and arrays inside an object or array."""
    values = node.values() if isinstance(node, dict) else node
    return [value for value in values if isinstance(value, dict | list)]
