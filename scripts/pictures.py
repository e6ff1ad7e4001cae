"""What a command shows on a terminal, as an SVG for the pages: nothing is fetched, letters are those of the reader."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

TEMPLATE = """<svg class="terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, "DejaVu Sans Mono", monospace; }}
.{unique_id}-title {{ font: 18px sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
DARK = TerminalTheme((18, 22, 27), (230, 234, 238), [(0, 0, 0)] * 8, [(0, 0, 0)] * 8)


class Screen(StringIO):
    """What a command writes to where it believes that it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def terminal(path: Path, command: str, shown: str, width: int = 80) -> str:
    """The SVG of what a command printed on a terminal, its escape sequences among it; ``path`` names its parts."""
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True, legacy_windows=False)
    console.print(Text(f"$ {command}\n"))
    console.print(Text.from_ansi(shown.rstrip()), no_wrap=True)
    return console.export_svg(title="bitnet-cost", theme=DARK, code_format=TEMPLATE, unique_id=path.stem)
