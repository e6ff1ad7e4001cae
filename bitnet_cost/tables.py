"""What every view renders: a report is one sentence, tables of text, and notes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

MOST_OF_A_WORD = 500
NOTES_SHOWN = 3  # below an answer that was not asked for all of them


def wrap(text: str, width: int, **how: Any) -> list[str]:
    """The lines of a text, broken at spaces and behind hyphens; a word that no language has anywhere.

    >>> wrap("a well-known figure", 7), [len(line) for line in wrap("x" * 2000, 900)]
    (['a well-', 'known', 'figure'], [900, 900, 200])
    """
    hyphens = how.pop("break_on_hyphens", True) and max(map(len, text.split()), default=0) <= MOST_OF_A_WORD
    return textwrap.wrap(text, width, break_on_hyphens=hyphens, **how)  # a search for hyphens takes a word's square


@dataclass(frozen=True, eq=False, repr=False)
class Column:
    """A column of a table: its heading, and whether it holds figures."""

    heading: str
    figures: bool = True


class Look(NamedTuple):
    """How a row is shown where there is weight and colour, which never say anything that the words do not."""

    weight: str = ""  # bold: it wins; dim: it has no answer; head: a heading of the rows below it
    colour: str = ""  # of its first word


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """A table of text: what every view renders. In a row with fewer cells than columns the last one spans the rest."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    footer: tuple[str, ...] | None = None
    looks: tuple[Look, ...] = ()  # of the rows, where they differ

    @property
    def full_rows(self) -> tuple[tuple[str, ...], ...]:
        """The rows, each with a cell for every column."""
        return tuple((*row, *[""] * (len(self.columns) - len(row))) for row in self.rows)


class Note(NamedTuple):
    """A line below the tables: what it is about, in a word that code decides on, and the text, which it never reads."""

    code: str
    text: str


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """One answer in a sentence, tables, and notes below them, those first that change most how it is to be read."""

    title: str
    sentence: str
    tables: tuple[Table, ...]
    notes: tuple[Note, ...] = ()
    also: str = ""  # what else a reader must know, in a line
    details: tuple[Table, ...] = ()  # tables for those who look closer

    @property
    def whole(self) -> Report:
        """The report with its details among the tables."""
        return replace(self, tables=(*self.tables, *self.details), details=())

    def brief(self, most: int = NOTES_SHOWN, rest: str = "--notes") -> Report:
        """The report without its details and with few notes, the last of which says how to get the ``rest``."""
        left = len(self.notes) - most
        more = [f"{left} more {'note' if left == 1 else 'notes'}"] * (left > 0)
        more += [f"{len(self.details)} {'table' if len(self.details) == 1 else 'tables'}"] * bool(self.details)
        kept = list(self.notes[:most])
        if more:
            last = kept.pop() if kept else Note("more", "")
            kept.append(Note(last.code, f"{last.text} {' and '.join(more)}: {rest}".lstrip()))
        return replace(self, notes=tuple(kept), details=())


def headed(*headings: str, texts: int = 1) -> tuple[Column, ...]:
    """Columns of these headings; the first ``texts`` of them hold words, the others figures."""
    return tuple(Column(heading, figures=i >= texts) for i, heading in enumerate(headings))


def distinct(notes: Iterable[Note]) -> list[Note]:
    """Notes in their order, each text once."""
    found: dict[str, Note] = {}
    for note in notes:
        found.setdefault(note.text, note)
    return list(found.values())
