"""A report on a terminal, by rich: imported only where a person reads the answer."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich import box
from rich import table as rich_tables
from rich.console import Console
from rich.text import Text

from bitnet_cost.tables import Report, Table
from bitnet_cost.views.compare import BEST
from bitnet_cost.views.honesty import MARK
from bitnet_cost.views.table import PROSE, column_widths, width_of_terminal, within, wrapped


def as_terminal(report: Report, width: int | None = None, encoding: str = "utf-8") -> str:
    """The report with weight and colour, by default as wide as the terminal or as ``COLUMNS`` says."""
    wide = width_of_terminal() if width is None else width
    console = Console(file=StringIO(), width=wide, force_terminal=True, highlight=False, legacy_windows=False)
    ascii_only = not encoding.lower().startswith("utf")
    with console.capture() as shown:
        _prose(console, report.sentence, "bold")
        for table in report.tables:
            kept, left_out = within(table, wide)
            console.print()
            _prose(console, table.title, "italic")
            console.print(_table(kept, wide, ascii_only))
            _prose(console, left_out, "dim")
        if report.notes:
            console.print()
        for note in report.notes:
            _prose(console, note.text, "dim")
    return shown.get()


def _prose(console: Console, text: str, style: str) -> None:
    if text:
        console.print(Text(text, style), width=min(console.width, PROSE))


_ASCII = box.Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)


def _table(table: Table, width: int, ascii_only: bool) -> rich_tables.Table:
    """A table whose columns are as wide as in plain text, so that no figure and no name is broken."""
    widths = column_widths(table, width)
    made = rich_tables.Table(
        box=_ASCII if ascii_only else box.SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0),
        show_footer=table.footer is not None, header_style="bold", footer_style="bold",
    )  # fmt: skip

    def cells(row: Sequence[str]) -> list[Text]:
        parts = zip(row, widths, table.columns, strict=True)
        return [Text("\n".join(wrapped(cell, w, column.figures)), _style(cell)) for cell, w, column in parts]

    heads, feet = cells([column.heading for column in table.columns]), cells(table.footer or [""] * len(widths))
    for column, head, foot, w in zip(table.columns, heads, feet, widths, strict=True):
        made.add_column(head, foot, justify="right" if column.figures else "left", width=w, no_wrap=True)
    for row in table.rows:
        made.add_row(*cells(row))
    return made


def _style(cell: str) -> str:
    """Green for the best of a column, yellow for a figure that rests on weak ones."""
    return "green" if cell.startswith(BEST) and len(cell) > 1 else "yellow" if cell.endswith(MARK) else ""
