"""Imports go downwards only, strictly; engine, views and readers never import one another; the heavy load late."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

from scripts.house import ENTRANCES, House, circles_of
from tests.conftest import ROOT

# From the top down, as CONTRIBUTING.md draws them: files and folders of the package. None imports one of its own floor.
FLOORS = (
    ("commands", "looks"),
    ("api", "listing"),
    ("studies",),
    ("engine", "views"),
    ("ledger", "readers", "filters", "front"),
    ("inputs", "formulas", "registry"),
    ("told", "units", "tables", "frames", "questions", "shown"),
    ("errors", "words", "numerals", "garbage"),
)
WINGS = ("engine", "views", "readers")

# What breaks the rules and is to go: an entry that is no longer needed fails. Rooms that import one of their own floor
# or of one above, and circles of modules.
KNOWN_UPWARD: set[tuple[str, str]] = set()
KNOWN_CIRCLES: set[tuple[str, ...]] = set()

HOUSE = House(ROOT)


def floor_of(room: str) -> int:
    """Counted from the top."""
    found = [i for i, rooms in enumerate(FLOORS) if room in rooms]
    assert found, f"{room} has no floor; give it one here and in CONTRIBUTING.md"
    return found[0]


def test_every_room_has_one_floor_and_the_drawing_is_the_same() -> None:
    named = [room for rooms in FLOORS for room in rooms]
    assert sorted(named) == sorted(HOUSE.rooms.keys() - set(ENTRANCES))
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## How the code is laid out")[2]
    drawn: list[set[str]] = []
    for number, rooms in re.findall(r"^ {3}([\d ]{2}) {2}(\w.*)$", text.partition("\n## ")[0], re.MULTILINE):
        if number.strip():
            drawn.append(set())
        # A floor's files, or a folder with what is in it.
        drawn[-1] |= set(re.findall(r"(\w+)(?:\.py|/)(?:\s|$)", re.sub(r"/ .*", "/", rooms)))
    assert drawn == [set(rooms) for rooms in FLOORS]


def test_imports_go_downwards() -> None:
    upward = {
        (room, other)
        for room, others in HOUSE.rooms.items()
        for other in others - set(ENTRANCES)
        if room not in ENTRANCES and floor_of(other) <= floor_of(room)
    }
    assert upward == KNOWN_UPWARD


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert {tuple(circle) for circle in circles_of(HOUSE.graph)} == KNOWN_CIRCLES


def test_the_wings_never_meet() -> None:
    for wing in WINGS:
        assert not HOUSE.rooms[wing] & set(WINGS), f"{wing} imports another of {WINGS}"


def test_the_engine_is_pure() -> None:
    banned = {"os", "sys", "io", "pathlib", "subprocess", "socket", "yaml", "rich", "typer"}
    for path in (ROOT / "bitnet_cost" / "engine").rglob("*.py"):
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
    assert not loaded_by("--help") & {"numpy", "pydantic", "yaml", "rich", "plotly", "jinja2"}


def test_an_estimate_loads_no_html() -> None:
    assert not loaded_by("estimate", "gpt3-125m") & {"plotly", "jinja2"}
