"""Imports go downwards only; engine, views and readers never import one another; the heavy stay out of start-up."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "bitnet_cost"
FLOORS = {
    "errors": 1, "units": 1, "frames": 1, "words": 1, "front": 3,
    "inputs": 2,
    "result": 3, "record": 3, "filters": 3, "readers": 3,
    "engine": 4, "views": 4,
    "api": 5, "listing": 5, "checking": 5, "studies": 5,
    "cli": 6, "options": 6, "__main__": 7,
}  # fmt: skip
WINGS = ("engine", "views", "readers")


def part_of(module: str) -> str | None:
    """``bitnet_cost.engine.counts`` -> ``engine``; None for the package itself and for others."""
    head, _, rest = module.partition(".")
    return rest.partition(".")[0] or None if head == "bitnet_cost" else None


def imports(path: Path) -> set[str]:
    """Parts of the package that a file imports, wherever in the file."""
    found: set[str | None] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(part_of(node.module))
            if node.module == "bitnet_cost":
                found |= {alias.name for alias in node.names if alias.name in FLOORS}
        elif isinstance(node, ast.Import):
            found |= {part_of(alias.name) for alias in node.names}
    return {part for part in found if part}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        return  # the package's own names load late
    assert own in FLOORS, f"{own} has no floor; give it one here and in CONTRIBUTING.md"
    for other in imports(path):
        assert other in FLOORS, f"{path.name} imports {other}, which has no floor"
        assert FLOORS[other] <= FLOORS[own], f"{own} (floor {FLOORS[own]}) imports {other} (floor {FLOORS[other]})"
        if own in WINGS and other in WINGS:
            assert own == other, f"{own} imports {other}; these wings never meet"


def test_the_engine_is_pure() -> None:
    banned = {"os", "sys", "io", "pathlib", "subprocess", "socket", "yaml", "rich", "typer"}
    for path in (PACKAGE / "engine").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert not {str(n).partition(".")[0] for n in names} & banned, path
        calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        assert not calls & {"print", "open", "input"}, path


def loaded_by(*words: str) -> set[str]:
    code = (
        "import sys, contextlib, io\n"
        f"sys.argv = {['bitnet-cost', *words]!r}\n"
        "from bitnet_cost import cli\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): cli.main()\n"
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_help_loads_no_numerics() -> None:
    assert not loaded_by("--help") & {"numpy", "pydantic", "yaml", "rich.table", "plotly", "jinja2"}


def test_an_estimate_loads_no_html() -> None:
    assert not loaded_by("estimate", "gpt3-125m") & {"plotly", "jinja2"}
