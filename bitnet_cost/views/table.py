"""A report on a terminal, or as plain text and Markdown where it is piped."""

from __future__ import annotations

import textwrap

from bitnet_cost.result import Report, Table

WIDTH = 80
_NAME = 26  # longer texts wrap; names and figures never do


def as_markdown(report: Report) -> str:
    """The report as Markdown."""
    lines = [f"# {report.title}", "", report.sentence, ""]
    for table in report.tables:
        lines += [f"**{table.title}**", ""] if table.title else []
        lines += [*_markdown_rows(table), ""]
    lines += [f"- {note}" for note in report.notes]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_rows(table: Table) -> list[str]:
    def row(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    lines = [row(tuple(c.heading for c in table.columns))]
    lines.append("|" + "|".join(" ---: " if c.figures else " --- " for c in table.columns) + "|")
    lines += [row(cells) for cells in table.rows]
    if table.footer:
        lines.append(row(tuple(f"**{cell}**" if cell else "" for cell in table.footer)))
    return lines


def as_text(report: Report, *, width: int = WIDTH, colour: bool = False) -> str:
    """The report for a terminal: the sentence first, tables within ``width``, notes last."""
    import io

    from rich.console import Console
    from rich.text import Text

    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=colour, no_color=not colour, highlight=False, legacy_windows=False
    )
    for line in textwrap.wrap(report.sentence, width):
        console.print(Text(line, style="bold"), soft_wrap=True)
    for table in report.tables:
        console.print()
        if table.title:
            console.print(Text(table.title, style="italic"))
        _print_table(console, table)
    if report.notes:
        console.print()
    for note in report.notes:
        console.print(Text(note, style="dim"))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _print_table(console: object, table: Table) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    assert isinstance(console, Console)
    grid = RichTable(box=box.SIMPLE_HEAD, show_footer=table.footer is not None, pad_edge=False, padding=(0, 1))
    footer = table.footer or ("",) * len(table.columns)
    for i, (column, total) in enumerate(zip(table.columns, footer, strict=True)):
        longest = max((len(row[i]) for row in table.rows), default=0)
        grid.add_column(
            column.heading, footer=total, justify="right" if column.figures else "left", overflow="fold",
            header_style="bold", footer_style="bold", min_width=longest if longest <= _NAME else None,
        )  # fmt: skip
    for row in table.rows:
        grid.add_row(*row)
    console.print(grid)
