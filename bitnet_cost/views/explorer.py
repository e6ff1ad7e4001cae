"""The explorer as one offline file: controls, answer, and the graphs that its script evaluates.

The Content-Security-Policy names the file's own script and style by their hashes; nothing else may run, nothing is
fetched, and nothing is made from text at run time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bitnet_cost import __version__
from bitnet_cost.views import families
from bitnet_cost.views.offline import hash_of, json_text, packed_text

TEMPLATES = Path(__file__).resolve().parent / "templates"
SCRIPTS = ("graph.js", "numerals.js", "drawings.js", "explorer.js")
FAMILIES = (families.FP32, families.WIDE, families.EIGHT, families.FOUR, families.TWO, families.ONE)


def as_explorer(data: dict[str, Any]) -> str:
    """What `studies.explore` found as the text of one HTML file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    script = "\n".join((TEMPLATES / name).read_text("utf-8") for name in SCRIPTS)
    style = environment.get_template("explorer.css.j2").render(families=FAMILIES)
    parts = [{name: part for name, part in data.items() if name != "graphs"}, *data["graphs"]]
    held = "\n".join(packed_text(json_text(part), 9) for part in parts)
    policy = (
        f"default-src 'none'; script-src '{hash_of(script)}'; style-src '{hash_of(style)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    return environment.get_template("explorer.html.j2").render(
        data=data, held=held, policy=policy, version=__version__,
        style=Markup(style), script=Markup(script),  # our own files
    )  # fmt: skip
