"""The output formats: one line each. A command offers what it found in several shapes; a format takes one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from os.path import splitext
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bitnet_cost.errors import BitnetCostError

if TYPE_CHECKING:
    from bitnet_cost.tables import Report

Shape = Literal["reports", "document", "rows", "page"]


class Offer(NamedTuple):
    """What a command found, made in the shape that is asked for; None: the command has no such shape."""

    reports: Callable[[], Sequence[Report]] | None = None  # a sentence, tables, notes
    document: Callable[[], Any] | None = None  # plain data
    rows: Callable[[], list[dict[str, Any]]] | None = None  # plain data of one shape each
    page: Callable[[], str] | None = None  # an HTML file


class OutputFormat(NamedTuple):
    """The shape that a format takes, how it writes it, and the endings of its files beside its name."""

    takes: Shape
    text_of: Callable[[Any], str | Iterator[str]]
    endings: tuple[str, ...] = ()


def _plain_text(reports: Sequence[Report]) -> str:
    from bitnet_cost.views.table import as_text

    return "\n".join(map(as_text, reports))


def _markdown(reports: Sequence[Report]) -> str:
    from bitnet_cost.views.table import as_markdown

    return "\n".join(map(as_markdown, reports))


def _latex(reports: Sequence[Report]) -> str:
    from bitnet_cost.views.latex import as_latex

    return "\n".join(map(as_latex, reports))


def _json(document: Any) -> Iterator[str]:
    from bitnet_cost.views.records import json_chunks

    return json_chunks(document)


def _csv(rows: list[dict[str, Any]]) -> str:
    from bitnet_cost.views.records import csv_text

    return csv_text(rows) if rows else ""


OUTPUT_FORMATS: dict[str, OutputFormat] = {
    "table": OutputFormat("reports", _plain_text, ("txt", "text")),
    "json": OutputFormat("document", _json),
    "csv": OutputFormat("rows", _csv),
    "markdown": OutputFormat("reports", _markdown, ("md",)),
    "latex": OutputFormat("reports", _latex, ("tex",)),
    "html": OutputFormat("page", str, ("html", "htm")),
}


def format_names(*shapes: Shape) -> list[str]:
    """The formats that take one of some shapes."""
    return [name for name, chosen in OUTPUT_FORMATS.items() if chosen.takes in shapes]


def text_in_format(name: str, offer: Offer) -> str | Iterator[str]:
    """What a command found, in one of the formats that take a shape it has: a text, or the chunks of one."""
    chosen = OUTPUT_FORMATS[name]
    return chosen.text_of(getattr(offer, chosen.takes)())


def format_name(asked: str, output: str | None, offer: Offer) -> str:
    """The format that was asked for; where none was, the one that the ending of the file says, else a table.

    Plain text may hold any format, and so may a file of another ending where one was asked for.

    Raises:
        BitnetCostError: an ending that says another format than was asked for, that the command does not offer, or
            that is none of them.

    >>> text = Offer(reports=list, document=dict)
    >>> format_name("", "a.json", text), format_name("", None, text), format_name("json", "a.txt", text)
    ('json', 'table', 'json')
    >>> format_name("json", "a.dat", text)
    'json'
    """
    ending = splitext(output)[1][1:].lower() if output else ""
    if not ending:
        return asked or "table"
    says = next((name for name, form in OUTPUT_FORMATS.items() if ending in (name, *form.endings)), None)
    if asked:
        if says not in (None, "table", asked):
            raise BitnetCostError(
                f"output: {output} ends as {says} does, and --format says {asked}; change one of them"
            )
        return asked
    offered = [name for name, form in OUTPUT_FORMATS.items() if getattr(offer, form.takes) is not None]
    if says not in offered:
        ends = ", ".join(f".{next(iter(OUTPUT_FORMATS[name].endings), name)}" for name in offered)
        raise BitnetCostError(
            f"output: {output}: .{ending} is not an ending of this command; write {ends}, or add --format"
        )
    return str(says)
