"""A profile that extends another: what it gives replaces, what it leaves out stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bitnet_cost.errors import BitnetCostError, InvalidFile
from bitnet_cost.readers.document import Document

MAX_CHAIN = 8
_OWN = ("name", "extends")  # never inherited


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes``: sections are merged key by key, a figure is replaced whole, its range and source too.

    What is null is left out: a memory level or a rate that the base has and this one has not.

    >>> base = {"rates": {"fp16": {"value": "1 TFLOP/s", "low": "1 TFLOP/s", "basis": "assumed"}}, "note": "old"}
    >>> merged(base, {"rates": {"fp16": {"value": "2 TFLOP/s"}, "int8": {"value": "4 TOP/s"}}})
    {'rates': {'fp16': {'value': '2 TFLOP/s'}, 'int8': {'value': '4 TOP/s'}}, 'note': 'old'}
    >>> merged(base, {"rates": {"fp16": None, "int8": {"value": "4 TOP/s"}}})
    {'rates': {'int8': {'value': '4 TOP/s'}}, 'note': 'old'}
    """
    found = dict(base)
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
            continue
        old = found.get(key)
        sections = isinstance(old, dict) and isinstance(value, dict) and "basis" not in old and "basis" not in value
        found[key] = merged(old, value) if sections else value  # type: ignore[arg-type]
    return found


def extended(document: Document, base: dict[str, Any], path: Path) -> Document:
    """The document with what it takes from the profile that it extends.

    Raises:
        InvalidFile: no name of its own, or a source that would change what the base's figures cite.
    """
    for key in ("name", "title"):
        if key not in document.data:
            raise InvalidFile(path, key, "is missing; a profile that extends another has its own")
    ours, theirs = document.data.get("sources"), base["sources"]
    for key, source in ours.items() if isinstance(ours, dict) else ():
        if source != theirs.get(key, source):
            what = f"is another source in {base['name']!r}, whose figures cite it; rename it"
            raise InvalidFile(path, f"sources.{key}", what)
    found = merged({k: v for k, v in base.items() if k not in _OWN}, document.data)
    own = ours.keys() if isinstance(ours, dict) else ()
    if isinstance(found.get("sources"), dict):  # a base's source is dropped with the last figure that cites it
        cited = set(cited_sources({k: v for k, v in found.items() if k != "sources"}))
        found["sources"] = {key: source for key, source in found["sources"].items() if key in cited or key in own}
    return Document(found, document.lines)


def cited_sources(data: Any) -> Iterator[str]:
    """Every source that figures cite."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "source" and isinstance(value, str):
                yield value
            yield from cited_sources(value)


def chain_of(document: Document, path: Path, chain: tuple[Path, ...]) -> tuple[str, tuple[Path, ...]]:
    """What a document extends, and the files so far.

    Raises:
        InvalidFile: not a name, a circle, or a chain longer than `MAX_CHAIN`.
    """
    name, here = document.data["extends"], path.resolve()
    if not isinstance(name, str):
        raise InvalidFile(path, "extends", f"is {name!r}; expected the name or the file of a hardware profile")
    if here in chain:
        raise InvalidFile(path, "extends", "refers to itself")
    if len(chain) >= MAX_CHAIN:
        raise BitnetCostError(f"{path}: extends: more than {MAX_CHAIN} profiles build on each other")
    return name, (*chain, here)
