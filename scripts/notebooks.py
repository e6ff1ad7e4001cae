"""The notebooks of ``docs/examples``, with what their cells show.

Cells run here, one after the other in one name space and an empty folder, so that no kernel is needed. Text and tables
are kept in the file; figures, 10 kB and more each, are drawn by who runs it.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bitnet_cost.shown import Shown


def executed(path: Path) -> str:
    """The text of a notebook whose cells have just run."""
    notebook = json.loads(path.read_text("utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    screen = patch.dict(os.environ, {"COLUMNS": "80"})
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), screen:
        number = 0
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                number += 1
                cell["execution_count"] = number
                cell["outputs"] = outputs_of("".join(cell["source"]), names, number)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def outputs_of(source: str, names: dict[str, Any], number: int = 1) -> list[dict[str, Any]]:
    """What a cell prints, and its last expression, as a notebook keeps them."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, shown = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    found: list[dict[str, Any]] = []
    if printed.getvalue():
        found.append({"name": "stdout", "output_type": "stream", "text": _lines(printed.getvalue())})
    if shown is not None and not hasattr(shown, "to_plotly_json"):
        data = {"text/html": _lines(shown._repr_html_())} if isinstance(shown, Shown) else {}
        data["text/plain"] = _lines(repr(shown))
        found.append({"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"})
    return found


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
