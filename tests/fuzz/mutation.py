"""Inputs made worse in a few places, by a seeded generator: as trees of keys and values, and as bytes.

A tree is what a file or a command line is made of: YAML and JSON as parsed, CSV as rows of cells, short texts as
tokens. A changed tree is written as JSON, which is YAML too.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

LONGEST = 20_000  # bytes of an input; readers' own limits have tests of their own

SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 7, 2**31, 2**53 + 1, 2**63, 2**64, 10**9, 10**19, 10**400, -(10**400), 0.0, -0.0,
    0.5, 1e-320, 5e-324, 1e300, 1.7e308, -1e308, float("inf"), float("-inf"), float("nan"), "", " ", "nan", "inf",
    "1e999", "-1e999", "1e308 GB", "1e-400 pJ", "0 W", "9" * 500, "1_0", "٣", "１２", "x" * 300, "\x00", "\x1b[31mred",
    "\x1b]0;t\x07", "\u202eabc", "\ud800", "\u2028", "\r\n", "\t", "é", "Ω", "µ", "'", '"', "{{7*7}}", "%s%n", "../x.yaml",
    "/etc/passwd", "./own.yaml", "own.yaml", "=cmd()", "<script>", "true", "null", "~", "-", "--", "[]", "{}", [], {},
    [[]], {"": ""}, [None], "gpt2", "l4", "cmos-45nm", "fp16", "bitnet", "w4a4", "w1.58a8kv8", "1T", "linear-8x8",
)  # fmt: skip

_TEXTS = (
        ".inf", "-.inf", ".nan", "NaN", "Infinity", "1e999", "9" * 60, "0", "-", "- ", "? ", ": ", "---\n", "...\n", "&a ",
        "*a", "<<: ", "!!python/object/apply:os.system ", "!!binary ", "!x ", "|\n", ">-\n", "{", "}", "[", "]", "[" * 30,
        '"', "'", '"\\u001b[31m"', '"\\ud800"', "\ufeff", "\x00", "\x1b[31m", "\u202e", "\u2028", "\x85", "\r", "\n", "\t",
        "#", "%YAML 1.1\n", ",", ";", "(", ")", "**", "~", "not ", " and ", " or ", " in ", "==", "<", ".", "\ud800", "é",
)  # fmt: skip
TOKENS = [*(text.encode("utf-8", "surrogatepass") for text in _TEXTS), b"\xff", b"\xc3(", b"\x80"]


class Form(NamedTuple):
    """How bytes become a tree, and a tree bytes."""

    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


def _json(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _csv_read(data: bytes) -> Any:
    return list(csv.reader(io.StringIO(data.decode("utf-8"))))


def _csv_write(tree: Any) -> bytes:
    stream = io.StringIO()
    rows = tree if isinstance(tree, list) else [tree]
    csv.writer(stream, lineterminator="\n").writerows(row if isinstance(row, list) else [row] for row in rows)
    return stream.getvalue().encode("utf-8", "surrogatepass")


def _tokens(data: bytes) -> Any:
    return re.findall(r"\w+|\W", data.decode("utf-8", "surrogateescape"))


def _joined(tree: Any) -> bytes:
    parts = tree if isinstance(tree, list) else [tree]
    return "".join(part if isinstance(part, str) else str(part)[:600] for part in parts).encode(
        "utf-8", "surrogatepass"
    )


JSON = Form(json.loads, _json)
CSV = Form(_csv_read, _csv_write)
TEXT = Form(_tokens, _joined)


def _no_tree(data: bytes) -> Any:
    raise ValueError("bytes alone")


BYTES = Form(_no_tree, bytes)


def keys_of(tree: Any) -> Iterator[str]:
    """Every key of a tree: the dictionary of its kind."""
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from keys_of(value)
    if isinstance(tree, dict):
        yield from tree


def mutated(data: bytes, random: Random, form: Form, others: Sequence[bytes], known: Sequence[str]) -> bytes:
    """One to four changes, mostly of the tree; ``others`` are inputs to take parts from, ``known`` are keys."""
    for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
        try:
            if random.random() < 0.2:
                raise ValueError  # bytes for a change
            tree = form.read(data)
            other = form.read(random.choice(others)) if random.random() < 0.1 else tree
            data = form.write(_changed(tree, random, other, known))
        except (ValueError, OverflowError, RecursionError, csv.Error):
            data = _scrambled(data, random, others)
    return data[:LONGEST]


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every ``(container, key or index)`` of a tree."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        inner = (
            list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        )
        found += [(node, key) for key, _ in inner]
        waiting += [value for _, value in inner]
    return found


def _changed(tree: Any, random: Random, other: Any, known: Sequence[str]) -> Any:
    places = _places(tree)
    if not places:
        return random.choice(SCALARS)
    container, key = random.choice(places)
    value = container[key]
    kind = random.randrange(11)
    if kind <= 2:
        container[key] = random.choice(SCALARS)
    elif kind == 3:
        del container[key]
    elif kind == 4:
        away, place = random.choice(_places(other) or places)
        container[key] = json.loads(json.dumps(away[place]))
    elif kind == 5 and isinstance(container, dict):
        container[random.choice(known) if known else ""] = container.pop(key)
    elif kind == 6 and isinstance(container, dict):
        container[random.choice(known) if known else ""] = random.choice(SCALARS)
    elif kind in (5, 6):
        container.insert(key, random.choice((value, *SCALARS)))
    elif kind == 7:
        container[key] = _nested(value, random)
    elif kind == 8 and isinstance(container, list):
        container += [value] * random.choice((1, 2, 30))
    else:
        container[key] = _nudged(value, random)
    return tree


def _nested(value: Any, random: Random) -> Any:
    for _ in range(random.choice((1, 2, 30))):
        value = [value] if random.random() < 0.5 else {"a": value}
    return value


def _nudged(value: Any, random: Random) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return random.choice(
            (value + 1, value - 1, -value, value * 10**6, value // 2, 10**7, 10**5, float(value % 2**60))
        )
    if isinstance(value, float):
        return random.choice(
            (value * 1e6, value * 1e-6, -value, value + 1e-9, round(value) if abs(value) < 1e300 else 0)
        )
    if isinstance(value, str):
        if not value:
            return random.choice(SCALARS)
        at = random.randrange(len(value) + 1)
        insert = random.choice(("", " ", "9", "e9", "-", ".", "\x1b", "\u0301", value, value[:1] * 70))
        return value[:at] + insert + value[at + random.randrange(3) :]
    return random.choice((list(value), str(value)[:50]))


def _scrambled(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    kind = random.randrange(7)
    if kind == 0:
        return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + data[at + random.randrange(1, 40) :]
    if kind == 2:
        end = min(len(data), at + random.randrange(1, 200))
        return data[:end] + data[at:end] * random.choice((1, 2, 20)) + data[end:]
    if kind == 3:
        other = random.choice(others)
        return data[:at] + other[random.randrange(len(other) + 1) :]
    return data[:at] + random.choice(TOKENS) + data[at + random.choice((0, 0, 1, 3)) :]
