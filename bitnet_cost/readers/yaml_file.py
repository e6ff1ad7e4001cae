"""YAML read strictly: plain data, no tags, no aliases, no duplicate keys, bounded size and depth.

PyYAML's C parser yields the events; the few lines here that build data from them leave out what a
figure file has no use for, so that nothing in a file is ever executed and nothing can explode.
Scalars follow the JSON-like core of YAML 1.2: ``yes`` is text, ``010`` is ten, ``1e3`` is a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bitnet_cost.errors import CONTROL, BitnetCostError, InvalidFile
from bitnet_cost.numerals import with_commas

MAX_BYTES = 2_000_000
MAX_DEPTH = 24
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
MAX_TEXT = 20_000  # characters of one text
MAX_VALUES = 100_000  # a fifth of a second; the largest file of the catalogue has 2,000

_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"), ".NaN": float("nan"),
}  # fmt: skip


class Document(NamedTuple):
    """Plain data and, for messages, the line on which each path of it begins."""

    data: Any
    lines: dict[tuple[str | int, ...], int]


def regular_size(path: Path, limit: int | None = None) -> int:
    """Bytes of a regular file; of one that is not read, nothing else is asked.  [byte]

    Raises:
        BitnetCostError: missing, a folder, not a regular file, or larger than the limit.
    """
    try:
        if path.is_dir():
            raise BitnetCostError(f"{path}: is a folder; a file is wanted here")
        if not path.exists():
            raise BitnetCostError(f"{path}: no such file")
        if not path.is_file():
            raise BitnetCostError(f"{path}: is not a regular file")
        size = path.stat().st_size
    except OSError as error:
        raise BitnetCostError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a NUL byte in the name
        raise BitnetCostError(f"{str(path)!r}: is not a file name") from error
    if limit is not None and size > limit:
        raise _too_large(path, size, limit)
    return size


def _too_large(path: Path, size: int, limit: int) -> BitnetCostError:
    most = f"a file of this kind has at most {with_commas(limit / 1e6)} MB"
    return BitnetCostError(f"{path}: has {with_commas(size / 1e6)} MB; {most}")


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """Read a small UTF-8 text file.

    Raises:
        BitnetCostError: missing, a folder, not a regular file, too large, not text, or empty.
    """
    regular_size(path, limit)
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)  # a file may grow, or hide its size as those under /proc do
    except OSError as error:
        raise BitnetCostError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > limit:
        raise _too_large(path, len(content), limit)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BitnetCostError(f"{path}: is not a UTF-8 text file (byte {error.start} is not text)") from error
    if not text.strip():
        raise BitnetCostError(f"{path}: is empty")
    return text


def read_yaml(path: Path) -> Document:
    """Read one YAML document from a file.

    Raises:
        BitnetCostError: see `read_text`; or InvalidFile with the line of what is not accepted.
    """
    return parse_yaml(read_text(path), path)


def parse_yaml(text: str, name: object = "<text>") -> Document:
    r"""Build plain data from YAML text.

    >>> parse_yaml("a: {b: [1, 2.5, yes]}").data
    {'a': {'b': [1, 2.5, 'yes']}}
    >>> parse_yaml("a: 1\na: 2")
    Traceback (most recent call last):
    ...
    bitnet_cost.errors.InvalidFile: <text>: line 2
      key 'a' appears twice
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(yaml.parse(text, Loader=loader), name).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        if "nesting" in problem:  # a parser with a limit of its own may read ahead, and meet it before ours is reached
            raise InvalidFile(name, where, TOO_DEEP) from error
        raise InvalidFile(name, where, f"not valid YAML: {problem}") from error


class _Builder:
    """Builds data from parser events, refusing what is not plain."""

    def __init__(self, events: Iterator[Any], name: object) -> None:
        self.events = events
        self.name = name
        self.lines: dict[tuple[str | int, ...], int] = {}

    def document(self) -> Document:
        data: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.refuse(event, "a second document begins; a file contains one")
                data = self.node(next(self.events), ())
        return Document(data, self.lines)

    def node(self, event: Any, path: tuple[str | int, ...]) -> Any:
        self.lines[path] = event.start_mark.line + 1
        if len(self.lines) > MAX_VALUES:
            self.refuse(event, f"contains more than {with_commas(MAX_VALUES)} values")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self.refuse(event, "anchors and aliases are not accepted; write the value out")
        if event.tag not in (None, "!"):
            self.refuse(event, f"the tag {event.tag!r} is not accepted; plain values only")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if len(path) >= MAX_DEPTH:
            self.refuse(event, TOO_DEEP)
        build: Callable[..., Any] = self.mapping if isinstance(event, yaml.MappingStartEvent) else self.sequence
        return build(path)

    def mapping(self, path: tuple[str | int, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self.refuse(event, "a key must be plain text")
            key = self.text(event)
            if key in result:
                self.refuse(event, f"key {key!r} appears twice")
            if key == "<<":
                self.refuse(event, "merge keys are not accepted; write the values out")
            result[key] = self.node(next(self.events), (*path, key))
        return result

    def sequence(self, path: tuple[str | int, ...]) -> list[Any]:
        result: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            result.append(self.node(event, (*path, len(result))))
        return result

    def scalar(self, event: Any) -> object:
        text = self.text(event)
        if not event.implicit[0]:  # quoted or block text
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        return text

    def text(self, event: Any) -> str:
        """The text of a scalar. Escapes can bring in what the parser refuses as such: no terminal shall see it."""
        text: str = event.value
        if len(text) > MAX_TEXT:
            self.refuse(
                event, f"contains a text of {with_commas(len(text))} characters; at most {with_commas(MAX_TEXT)}"
            )
        control = CONTROL.search(text)
        if control:
            self.refuse(event, f"contains the control character U+{ord(control[0]):04X}; plain text only")
        return text

    def refuse(self, event: Any, what: str) -> None:
        raise InvalidFile(self.name, f"line {event.start_mark.line + 1}", what)
