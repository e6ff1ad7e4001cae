"""Data from the events of a YAML parser.

The few lines here leave out what a figure file has no use for, so that nothing in a file is ever executed and nothing
can explode. Scalars follow the JSON-like core of YAML 1.2: ``yes`` is text, ``010`` is ten, ``1e3`` is a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from bitnet_cost.errors import CONTROL, InvalidFile
from bitnet_cost.numerals import with_commas
from bitnet_cost.readers.document import MAX_DEPTH, MAX_TEXT, MAX_VALUES, TOO_DEEP, Document

_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"), ".NaN": float("nan"),
}  # fmt: skip


def document(events: Iterator[Any], name: object) -> Document:
    """Plain data from events.

    Raises:
        InvalidFile: the line of what is not plain.
    """
    return _Builder(events, name).document()


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
