"""The output formats: one line each. A command offers what it found in several shapes; a format takes one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from bitnet_cost.result import Report

Shape = Literal["reports", "document", "rows", "page"]


class Offer(NamedTuple):
    """What a command found, made in the shape that is asked for; None: the command has no such shape."""

    reports: Callable[[], Sequence[Report]] | None = None  # a sentence, tables, notes
    document: Callable[[], Any] | None = None  # plain data
    rows: Callable[[], list[dict[str, Any]]] | None = None  # plain data of one shape each
    page: Callable[[], str] | None = None  # an HTML file


class Format(NamedTuple):
    """The shape that a format takes, and how it writes it."""

    takes: Shape
    text_of: Callable[[Any], str]


def _plain_text(reports: Sequence[Report]) -> str:
    from bitnet_cost.views.table import as_text

    return "\n".join(map(as_text, reports))


def _markdown(reports: Sequence[Report]) -> str:
    from bitnet_cost.views.table import as_markdown

    return "\n".join(map(as_markdown, reports))


def _json(document: Any) -> str:
    from bitnet_cost.views.records import json_text

    return json_text(document)


def _csv(rows: list[dict[str, Any]]) -> str:
    from bitnet_cost.views.records import csv_text

    return csv_text(rows) if rows else ""


FORMATS: dict[str, Format] = {
    "table": Format("reports", _plain_text),
    "json": Format("document", _json),
    "csv": Format("rows", _csv),
    "markdown": Format("reports", _markdown),
    "html": Format("page", str),
}


def names(*shapes: Shape) -> list[str]:
    """The formats that take one of some shapes."""
    return [name for name, chosen in FORMATS.items() if chosen.takes in shapes]


def text_of(name: str, offer: Offer) -> str:
    """What a command found, in one of the formats that take a shape it has."""
    chosen = FORMATS[name]
    return chosen.text_of(getattr(offer, chosen.takes)())
