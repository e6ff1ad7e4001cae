"""A page as one offline file: markup from jinja2 with autoescape, data as one JSON block, no network.

The Content-Security-Policy names the file's own scripts and style by their hashes; nothing else may run, nothing is
fetched. plotly.js travels compressed, as text, where the script draws charts; the page's own script unpacks it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bitnet_cost import __version__
from bitnet_cost.tables import Report
from bitnet_cost.views.page import Page, choice_words
from bitnet_cost.words import Plotly

HERE = Path(__file__).resolve().parent
PLOTLY = HERE / "vendor" / "plotly-basic.min.js"
_EMPTY = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # of the style sheet that plotly.js fills by script


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@cache
def _library() -> tuple[str, str]:
    """plotly.js as base64 of its gzip, and the hash of its text."""
    text = PLOTLY.read_text("utf-8")
    packed = gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode("ascii"), _hash(text)


def as_html(page: Page, plotly: Plotly = "inline") -> str:
    """The page as the text of one HTML file; with ``none`` its tables and no charts."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    style, script = ((HERE / "templates" / name).read_text("utf-8") for name in ("report.css", "report.js"))
    drawn = plotly == "inline" and any(not chart.drawing for chart in page.charts)
    library, library_hash = _library() if drawn else ("", "")
    scripts = [f"'{h}'" for h in (_hash(script), library_hash) if h]
    policy = (
        f"default-src 'none'; script-src {' '.join(scripts)}; style-src '{_hash(style)}' '{_EMPTY}';"
        " style-src-attr 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template("report.html.j2").render(
        page=page, policy=policy, style=Markup(style), script=Markup(script),  # our own files
        library=library, data=Markup(_embedded(page.data)), version=__version__, markup=Markup,
        where=choice_words(page.data["state"]) if page.choices else "",  # escaped
    )  # fmt: skip


def fragment(report: Report) -> str:
    """A report as markup for a notebook's cell: no script, no style, nothing fetched."""
    from markupsafe import escape

    parts = [f"<p>{escape(report.sentence)}</p>"]
    for table in report.tables:
        side = ["right" if column.figures else "left" for column in table.columns]

        def row(cells: Sequence[str], tag: str, side: list[str] = side) -> str:
            made = (f'<{tag} style="text-align:{s}">{escape(c)}</{tag}>' for c, s in zip(cells, side, strict=True))
            return f"<tr>{''.join(made)}</tr>"

        head = row([column.heading for column in table.columns], "th")
        body = "".join(row(cells, "td") for cells in (*table.rows, *([table.footer] if table.footer else [])))
        caption = f"<caption>{escape(table.title)}</caption>"
        parts.append(f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>")
    parts += [f"<p><small>{escape(note.text)}</small></p>" for note in report.notes]
    return "".join(parts)


def _embedded(data: dict[str, Any]) -> str:
    """JSON that cannot end its element: `<`, `>`, `&` and line separators are escaped."""
    text = json.dumps(_packed(data), separators=(",", ":"), allow_nan=False, ensure_ascii=False, default=_plain)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _plain(value: Any) -> Any:
    return value.item()


def _packed(data: dict[str, Any]) -> dict[str, Any]:
    """The data with like rows as columns and figures as lists; ``operations`` share what is alike in cells."""
    packed = {key: value for key, value in data.items() if key != "operations"}
    document = dict(packed.get("document", {}))
    for key, rows in document.items():
        if key == "operations" and rows:
            document[key] = _operations(rows)
        elif isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            document[key] = {"$fields": list(rows[0]), "$rows": [list(row.values()) for row in rows]}
    if "inputs" in document:
        document["inputs"] = _short(document["inputs"])
    return packed | {"document": document}


_FIGURE = ("value", "low", "high", "basis", "source", "note")


def _short(value: Any) -> Any:
    """The same with figures as ``{"$": [value, low, ...]}``."""
    if isinstance(value, dict):
        if tuple(value) == _FIGURE:
            return {"$": list(value.values())}
        return {key: _short(part) for key, part in value.items()}
    return value


_OWN = ("record", "energy_j", "seconds", "bound")


def _operations(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of operators by record: a block of what several records share, and what is each one's own."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["record"], []).append(row)
    shared = [name for name in rows[0] if name not in _OWN]
    blocks: dict[str, int] = {}
    kept: list[list[list[Any]]] = []
    records: list[list[Any]] = []
    for record, members in groups.items():
        block = [[row[name] for name in shared] for row in members]
        key = json.dumps(block, default=_plain)
        if key not in blocks:
            blocks[key] = len(kept)
            kept.append(block)
        records.append([record, blocks[key], *([row[name] for row in members] for name in _OWN[1:])])
    return {"$names": list(rows[0]), "$shared": shared, "$own": _OWN[1:], "$blocks": kept, "$records": records}
