"""A report on a terminal: the lines of the plain one, with weight and colour by rich, which loads only here."""

from __future__ import annotations

import re
from io import StringIO

from rich.console import Console
from rich.text import Text

from bitnet_cost.tables import Report
from bitnet_cost.views.table import styled_lines, width_of_terminal

BAR = re.compile(r"#* *\|#*>?")
STYLES = {"verdict": "bold", "head": "#8D98A4", "rule": "#8D98A4", "dim": "#8D98A4", "bold": "bold"}


def as_terminal(report: Report, width: int | None = None) -> str:
    """The report with weight and colour, by default as wide as the terminal or as ``COLUMNS`` says.

    Colour never says anything alone: without it the text is that of `views.table.as_text`.
    """
    wide = width_of_terminal() if width is None else width
    console = Console(file=StringIO(), width=wide, force_terminal=True, highlight=False, legacy_windows=False)
    with console.capture() as shown:
        for line in styled_lines(report, wide):
            text = Text("  ").join(_drawn(piece, STYLES.get(kind, kind)) for piece, kind in line)
            text.rstrip()
            console.print(text, no_wrap=True, overflow="ignore", crop=False)
    return shown.get()


def _drawn(piece: str, style: str) -> Text:
    """A piece of a line; the marks of a bar are painted over, so that it is an area of the row's colour."""
    text = Text(piece, style)
    if style and BAR.fullmatch(piece.rstrip()):
        colour = style.rsplit(maxsplit=1)[-1]
        text.highlight_regex("#+", f"{colour} on {colour}")
    return text
