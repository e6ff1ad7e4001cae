"""What every view renders: a report is one sentence, tables of text, and notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, eq=False, repr=False)
class Column:
    """A column of a table: its heading, and whether it holds figures."""

    heading: str
    figures: bool = True


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """A table of text: what every view renders."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    footer: tuple[str, ...] | None = None


class Note(NamedTuple):
    """A line below the tables: what it is about, in a word that code decides on, and the text, which it never reads."""

    code: str
    text: str


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """One answer in a sentence, tables, and notes below them."""

    title: str
    sentence: str
    tables: tuple[Table, ...]
    notes: tuple[Note, ...] = ()


def headed(*headings: str, texts: int = 1) -> tuple[Column, ...]:
    """Columns of these headings; the first ``texts`` of them hold words, the others figures."""
    return tuple(Column(heading, figures=i >= texts) for i, heading in enumerate(headings))


def distinct(notes: Iterable[Note]) -> list[Note]:
    """Notes in their order, each text once."""
    found: dict[str, Note] = {}
    for note in notes:
        found.setdefault(note.text, note)
    return list(found.values())
