"""A report as plain text and Markdown, for pipes and files; `terminal` shows the same table to a person."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from bitnet_cost.tables import Column, Look, Report, Table, wrap

WIDTH = 80  # of pipes and files
LEAST = 40  # a narrower terminal is written to as if it had this many
PROSE = 100  # longer lines of text are hard to read, however wide a terminal is
LONGEST_WORD = 24  # characters of a word that a column of text keeps whole


def as_markdown(report: Report) -> str:
    """The report as Markdown."""
    lines = [f"# {report.title}", "", report.sentence, *([report.also] if report.also else []), ""]
    for table in report.tables:
        lines += [f"**{table.title}**", ""] if table.title else []
        lines += [*_markdown_rows(table), ""]
    lines += [f"- {note.text}" for note in report.notes]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_rows(table: Table) -> list[str]:
    def row(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    lines = [row(tuple(c.heading for c in table.columns))]
    lines.append("|" + "|".join(" ---: " if c.figures else " --- " for c in table.columns) + "|")
    lines += [row(cells) for cells in table.full_rows]
    if table.footer:
        lines.append(row(tuple(f"**{cell}**" if cell else "" for cell in table.footer)))
    return lines


def as_text(report: Report, width: int = WIDTH) -> str:
    """The report as plain text: the sentence first, tables within ``width``, notes last; for pipes and files.

    Laid out here in a few lines, so that a pipe gets the same bytes from every version of a terminal library.
    """
    return "".join(f"{line}\n" for line in _laid_out(report, width))


def width_of_terminal() -> int:
    """Columns of the terminal, or what ``COLUMNS`` says; `WIDTH` where neither is known."""
    return max(LEAST, shutil.get_terminal_size((WIDTH, 24)).columns)


def _laid_out(report: Report, width: int) -> Iterator[str]:
    """Every line."""
    return ("  ".join(cell for cell, _ in line).rstrip() for line in styled_lines(report, width))


Piece = tuple[str, str]  # text, and what it is: see `STYLES` of `terminal`


def styled_lines(report: Report, width: int) -> Iterator[list[Piece]]:
    """Every line as pieces, two spaces between them, each with what it is."""
    prose = min(width, PROSE)
    yield from ([(line, "verdict")] for line in wrap(report.sentence, prose))
    yield from ([(line, "")] for line in wrap(report.also, prose))
    for table in report.tables:
        yield []
        yield from ([(line, "dim")] for line in wrap(table.title, prose))
        shown, left_out = within(table, width)
        yield from _table_lines(shown, width)
        yield from ([(line, "dim")] for line in wrap(left_out, prose))
    if report.notes:
        yield []
    for note in report.notes:
        wrapped_note = wrap(note.text, prose, initial_indent="- ", subsequent_indent="  ")
        yield from ([(line, "dim")] for line in wrapped_note)


# A space, or a word up to a hyphen with more behind it; not within a figure or a date such as 1e-5 and 2024-10-23.
_HARD_SPACE = "\xa0"
_BREAKS = re.compile(r"(\s+|(?<![^\s-])[^\s-]+-+(?!(?<=\d-)\d|(?<=\d[eE]-)\d)(?=[^\s-]))")


class _Text(textwrap.TextWrapper):
    """Breaks text at spaces and behind hyphens; a longer word only where it is alone too long."""

    wordsep_re = _BREAKS


def wrapped(cell: str, width: int, figures: bool) -> list[str]:
    """The lines of a cell. A figure is never broken, and text that is indented stays so.

    >>> wrapped("apple-m1-pro-gpu-14c", 15, False), wrapped("does not fit", 8, True), wrapped("-1.5e-05", 4, True)
    (['apple-m1-pro-', 'gpu-14c'], ['does not', 'fit'], ['-1.5e-05'])
    >>> wrapped("  bitnet-b1.58", 10, False)
    ['  bitnet-', '  b1.58']
    """
    if figures:
        lines = wrap(_bound(cell), width, break_long_words=False, break_on_hyphens=False)
        return [line.replace(_HARD_SPACE, " ") for line in lines] or [""]
    indent = " " * (len(cell) - len(cell.lstrip()))
    return _Text(width, subsequent_indent=indent).wrap(cell) or [""]


def _bound(cell: str) -> str:
    """A cell whose figures keep their units, and the ends of a range a line each.

    >>> _bound("16.3 to 23.4 J").replace(_HARD_SPACE, "_"), _bound("none to 5").replace(_HARD_SPACE, "_")
    ('16.3_to 23.4_J', 'none_to 5')
    """
    return re.sub(r"(?<=[0-9*]) | (?=to\b)", _HARD_SPACE, cell)


def _least(cells: Sequence[str], figures: bool) -> int:
    """The least width that keeps the words of a column whole."""
    pieces = (piece for cell in cells for piece in (_bound(cell).split(" ") if figures else _BREAKS.split(cell)))
    longest = max((len(piece.strip()) for piece in pieces), default=0)
    return longest if figures else min(longest, LONGEST_WORD)


def column_widths(table: Table, width: int = WIDTH) -> list[int]:
    """Width of each column: as wide as its cells; where a table is too wide, its longest columns give way.

    A heading wraps rather than widen a column beyond its longest word. Long text gives way first, then cells of
    several words among the figures, then what is left of the text.
    """
    cells = [
        [*(row[i] for row in table.rows if _whole(row, i, table)), table.footer[i] if table.footer else ""]
        for i in range(len(table.columns))
    ]
    longest = [max(len(cell) for cell in column) for column in cells]
    heads = (_bound(column.heading) if column.figures else column.heading for column in table.columns)
    words = [max(map(len, re.split(r"[ \n]+", head))) for head in heads]
    spare = width - 2 * (len(longest) - 1)
    widths = [max(a, len(c.heading)) for a, c in zip(longest, table.columns, strict=True)]
    if sum(widths) > spare:
        widths = [max(a, b) for a, b in zip(longest, words, strict=True)]
    kept = [max(a, _least(c, column.figures)) for a, c, column in zip(words, cells, table.columns, strict=True)]
    kept = [k if column.heading else a for k, a, column in zip(kept, longest, table.columns, strict=True)]  # bars
    for figures, floor in ((False, 12), (True, 0), (False, 0)):
        least = {i: max(kept[i], floor) for i, c in enumerate(table.columns) if c.figures == figures}
        _narrow(widths, least, spare)
    return widths


def _whole(row: tuple[str, ...], i: int, table: Table) -> bool:
    """Whether a row has a cell of its own in a column: the last of a shorter row spans what is left."""
    return i < len(row) - (len(row) < len(table.columns))


def _narrow(widths: list[int], least: dict[int, int], spare: int) -> None:
    """Take from the widest of some columns, one by one, until all have room or each has its least width.

    >>> widths = [30, 12, 9, 5]
    >>> _narrow(widths, {0: 8, 1: 8}, 30)
    >>> widths
    [8, 8, 9, 5]
    """
    for i, floor in least.items():
        widths[i] = min(widths[i], max(spare, floor))
    while sum(widths) > spare:
        giving = [i for i in least if widths[i] > least[i]]
        if not giving:
            return
        widths[max(giving, key=lambda i: widths[i])] -= 1


def within(table: Table, width: int = WIDTH) -> tuple[Table, str]:
    """The table without what ``width`` has no room for, bars and then the last figures, and a line that names those.

    >>> from bitnet_cost.tables import Column
    >>> wide = Table("", (Column("name", False), Column("J"), Column("tokens/s")), (("l4", "1.25", "264.4"),))
    >>> within(wide, 20)[1], within(wide, 13)[1]
    ('', 'No room for tokens/s; -f markdown prints every column.')
    """
    kept = list(range(len(table.columns)))
    found = table
    while sum(column_widths(found, width)) + 2 * (len(kept) - 1) > width:
        bars = [i for i in kept if not table.columns[i].heading]
        figures = [i for i in kept if table.columns[i].figures]
        if not bars and len(figures) < 2:
            break
        kept.remove((bars or figures)[-1])

        def pick(cells: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(cells[i] for i in kept if i < len(cells))

        found = Table(
            table.title, tuple(table.columns[i] for i in kept), tuple(pick(row) for row in table.rows),
            pick(table.footer) if table.footer else None, table.looks,
        )  # fmt: skip
    gone = [column.heading for i, column in enumerate(table.columns) if i not in kept and column.heading]
    return found, f"No room for {', '.join(gone)}; -f markdown prints every column." if gone else ""


def _table_lines(table: Table, width: int) -> Iterator[list[Piece]]:
    """The lines of a table that `within` has given its columns."""
    widths = column_widths(table, width)

    def lines(cells: Sequence[str], look: Look, head: bool = False) -> Iterator[list[Piece]]:
        own = len(cells) - (len(cells) < len(widths))
        parts = [wrapped(*cell) for cell in zip(cells[:own], widths, (c.figures for c in table.columns), strict=False)]
        for number, line in enumerate(zip_longest(*parts, fillvalue="")):
            pieces = [
                (_placed(text, w, c), "head" if head else look.weight or ("dim" if c.heading.endswith("range") else ""))
                for text, w, c in zip(line, widths, table.columns, strict=False)
            ]
            if look.colour and look.weight != "dim":
                texts = [i for i, c in enumerate(table.columns) if not c.figures]
                bars = [i for i in texts if not table.columns[i].heading]
                for at in (max(i for i in texts if i not in bars), *bars):
                    pieces[at] = pieces[at][0], f"{look.weight} {look.colour}".strip()
            if own < len(cells) and not number:
                pieces.append((cells[own], look.weight))
            yield pieces
        if not own:
            yield [(cells[0], look.weight)]

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    plain = Look()
    yield from lines([c.heading for c in table.columns], plain, head=True)
    yield [(rule, "rule")]
    for row, look in zip_longest(table.rows, table.looks, fillvalue=plain):
        yield from lines(row, look)
    if table.footer:
        yield [(rule, "rule")]
        yield from lines(table.footer, Look("bold"))


def _placed(text: str, width: int, column: Column) -> str:
    return text.rjust(width) if column.figures else text.ljust(width)
