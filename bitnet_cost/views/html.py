"""A page as one offline file: markup from jinja2 with autoescape, no network.

The Content-Security-Policy names the file's own scripts and style by their hashes; nothing else may run, nothing is
fetched. What a choice shows is in the file as Python made it, and the script picks; charts with thousands of choices it
makes of the page's data, as Python makes the one that the page opens with. Where there are choices, these, plotly.js
and the downloads travel as base64 of their gzip, which the script unpacks.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any

from bitnet_cost import __version__
from bitnet_cost.garbage import uncollected
from bitnet_cost.tables import Table
from bitnet_cost.views.charts import Chart
from bitnet_cost.views.figures import Drawing, template
from bitnet_cost.views.offline import escaped, hash_of, json_text, packed_text
from bitnet_cost.views.page import Page
from bitnet_cost.views.records import csv_text
from bitnet_cost.words import Plotly

HERE = Path(__file__).resolve().parent
SCRIPTS = ("numerals.js", "figures.js", "charts.js", "overview.js", "operators.js", "report.js")
PLOTLY = HERE / "vendor" / "plotly-basic.min.js"
_EMPTY = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # of the style sheet that plotly.js fills by script


@cache
def _library() -> tuple[str, str]:
    """plotly.js as base64 of its gzip, and the hash of its text."""
    text = PLOTLY.read_text("utf-8")
    return packed_text(text), hash_of(text)


@uncollected()
def as_html(page: Page, plotly: Plotly = "inline") -> str:
    """The page as the text of one HTML file; with ``none`` its tables and no charts."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    figures = plotly == "inline" and any(shown.figure for chart in page.charts for shown in chart.shown)
    library, library_hash = _library() if figures else ("", "")
    packed = figures or bool(page.choices)
    style = (HERE / "templates" / "report.css").read_text("utf-8")
    script = "\n".join((HERE / "templates" / name).read_text("utf-8") for name in SCRIPTS[0 if packed else -1 :])
    scripts = [f"'{h}'" for h in (hash_of(script), library_hash) if h]
    policy = (
        f"default-src 'none'; script-src {' '.join(scripts)}; style-src '{hash_of(style)}' '{_EMPTY}';"
        " style-src-attr 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    held: dict[str, Any] = {"json": page.document, "csv": csv_text(list(page.rows)) if page.rows else ""}
    if packed:
        held["choices"] = _choices(page, figures)
    close = packed_text if packed else escaped
    opening = []
    for c in page.charts:
        shown = c.shown[page.index(c.by)]
        height = 0 if shown.figure is None else shown.figure.sized().height
        opening.append((c, shown, shown.headings[page.index(c.headed_by)], height))
    return environment.get_template("report.html.j2").render(
        page=page, policy=policy, style=Markup(style), script=Markup(script),  # our own files
        library=library, held={name: Markup(close(json_text(data))) for name, data in held.items()}, packed=packed,
        version=__version__, markup=Markup, opening=opening, figures=figures,
    )  # fmt: skip


def _choices(page: Page, figures: bool) -> dict[str, Any]:
    """What every choice shows, as the script reads it; looks and headings of tables once each."""
    heads, looks = _Pool(), _Pool()

    def table(t: Table) -> list[Any]:
        return [t.title, heads.place(tuple((c.heading, c.figures) for c in t.columns)), t.rows]

    def figure(f: Drawing | None) -> tuple[Any, ...] | None:
        if f is None or not figures:
            return None
        layout, traces, *rest = f
        return layout, [(looks.place(look), own) for look, own in traces], *rest

    def every(c: Chart) -> dict[str, Any]:
        return {
            "by": c.by, "headed": (*c.by, *c.headed_by), "headings": [h for s in c.shown for h in s.headings],
            "tables": [table(s.table) for s in c.shown], "figures": [figure(s.figure) for s in c.shown],
            "words": [(s.title, s.words) for s in c.shown], "row": c.row_of,
        }  # fmt: skip

    return {
        "charts": {c.name: {"by": c.by} if c.scripted else every(c) for c in page.charts},
        "heads": list(heads), "looks": [look.as_plotly() for look in looks], "template": template() if figures else {},
        "data": page.data,
    }  # fmt: skip


class _Pool(dict[Any, int]):
    """Things that many share, each once, and their places."""

    def place(self, thing: Hashable) -> int:
        """The place of a thing, which is added where it is new."""
        return self.setdefault(thing, len(self))
