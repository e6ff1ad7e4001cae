"""A report on a terminal, or as plain text and Markdown where it is piped."""

from __future__ import annotations

import textwrap

from bitnet_cost.result import Report, Table

WIDTH = 80


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


def as_text(report: Report) -> str:
    """The report as plain text, for pipes and files: the sentence first, tables within `WIDTH`, notes last.

    Laid out here in a few lines, since loading a terminal library would cost a fifth of a command's run.
    """
    blocks = [_wrapped(report.sentence)]
    blocks += ["\n".join([*([_wrapped(t.title)] if t.title else []), *_text_rows(t)]) for t in report.tables]
    if report.notes:
        blocks.append("\n".join(_wrapped(note) for note in report.notes))
    return "\n\n".join(blocks) + "\n"


def _wrapped(text: str, width: int = WIDTH) -> str:
    return "\n".join(textwrap.wrap(text, width))


def column_widths(table: Table, width: int = WIDTH) -> list[int]:
    """Width of each column: as wide as its cells; where a table is too wide, its longest columns of text give way.

    A heading wraps rather than widen a column beyond its longest word.
    """
    cells = [
        [*(row[i] for row in table.rows), table.footer[i] if table.footer else ""] for i in range(len(table.columns))
    ]
    longest = [max(len(cell) for cell in column) for column in cells]
    words = [max((len(word) for word in column.heading.split()), default=0) for column in table.columns]
    spare = width - 2 * (len(longest) - 1)
    widths = [max(a, len(c.heading)) for a, c in zip(longest, table.columns, strict=True)]
    if sum(widths) > spare:
        widths = [max(a, b) for a, b in zip(longest, words, strict=True)]
    texts = [i for i, column in enumerate(table.columns) if not column.figures]
    for least in (12, 8):
        for flexible in sorted(texts, key=lambda i: -widths[i]):
            over = sum(widths) - spare
            if over > 0:
                widths[flexible] = min(widths[flexible], max(words[flexible], least, widths[flexible] - over))
    return widths


def within(table: Table, width: int = WIDTH) -> tuple[Table, str]:
    """The table without the last columns of figures that ``width`` has no room for, and a line that names them.

    >>> from bitnet_cost.result import Column
    >>> wide = Table("", (Column("name", False), Column("J"), Column("tokens/s")), (("l4", "1.25", "264.4"),))
    >>> within(wide, 20)[1], within(wide, 13)[1]
    ('', 'No room for tokens/s; -f markdown prints every column.')
    """
    kept = list(range(len(table.columns)))
    found = table
    while sum(column_widths(found, width)) + 2 * (len(kept) - 1) > width:
        figures = [i for i in kept if table.columns[i].figures]
        if len(figures) < 2:
            break
        kept.remove(figures[-1])

        def pick(cells: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(cells[i] for i in kept)

        found = Table(
            table.title, tuple(table.columns[i] for i in kept), tuple(pick(row) for row in table.rows),
            pick(table.footer) if table.footer else None,
        )  # fmt: skip
    gone = [column.heading for i, column in enumerate(table.columns) if i not in kept]
    return found, f"No room for {', '.join(gone)}; -f markdown prints every column." if gone else ""


def _text_rows(table: Table) -> list[str]:
    table, left_out = within(table)
    widths = column_widths(table)

    def lines(cells: tuple[str, ...]) -> list[str]:
        wrapped = [textwrap.wrap(cell, w) or [""] for cell, w in zip(cells, widths, strict=True)]
        height = max(len(part) for part in wrapped)
        rows = []
        for line in range(height):
            parts = [
                (part[line] if line < len(part) else "").rjust(w)
                if c.figures
                else (part[line] if line < len(part) else "").ljust(w)
                for part, w, c in zip(wrapped, widths, table.columns, strict=True)
            ]
            rows.append("  ".join(parts).rstrip())
        return rows

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    body = [line for row in table.rows for line in lines(row)]
    footer = [rule, *lines(table.footer)] if table.footer else []
    headings = lines(tuple(c.heading for c in table.columns))
    return [*headings, rule, *body, *footer, *([_wrapped(left_out)] if left_out else [])]


def as_terminal(report: Report) -> str:
    """The report with weights and dimming for a terminal; the same cells and widths as `as_text`."""
    import io

    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    stream = io.StringIO()
    console = Console(file=stream, width=WIDTH, force_terminal=True, highlight=False, emoji=False, markup=False)
    console.print(Text(report.sentence, style="bold"))
    for table in report.tables:
        console.print()
        if table.title:
            console.print(Text(table.title, style="italic"))
        table, left_out = within(table)  # noqa: PLW2901
        grid = RichTable(
            box=box.SIMPLE_HEAD, show_edge=False, show_footer=table.footer is not None, padding=(0, 1, 0, 0)
        )
        footer = table.footer or ("",) * len(table.columns)
        for column, total, width in zip(table.columns, footer, column_widths(table), strict=True):
            grid.add_column(
                Text(column.heading), footer=Text(total), justify="right" if column.figures else "left", width=width,
                overflow="fold", header_style="bold", footer_style="bold",
            )  # fmt: skip
        for row in table.rows:
            grid.add_row(*(Text(cell) for cell in row))  # text, not markup: a name may hold brackets
        console.print(grid)
        if left_out:
            console.print(Text(left_out, style="dim"))
    if report.notes:
        console.print()
    for note in report.notes:
        console.print(Text(note, style="dim"))
    return stream.getvalue()
