"""The measures of the package's shape see what they should, and only that."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.house import MEASURES, House, circles_of, longest_chain


def house(tmp_path: Path, **modules: str) -> House:
    """A package of a few modules; ``__`` in a name is a folder."""
    for name, text in modules.items():
        path = tmp_path / "bitnet_cost" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return House(tmp_path)


def counted(built: House, words: str) -> int:
    return next(m for m in MEASURES if words in m.words).value(built)


@pytest.mark.parametrize(
    ("words", "found", "passed"),
    [
        ("phase by its number", "a.by_phase[0]", "a.by_phase[p]"),
        ("phase by its number", "a.by_operator[1, 1]", "a.by_operator[1]"),
        ("phase by its number", "len(a.phases) > 1", "len(a.groups) > 1"),
        ("phase by its number", "x if p else y", "x if q else y"),
        ("operator's name", "op.name == 'softmax'", "op.name == name"),
        ("operator's name", "'norm' in op.name", "hardware.name == 'l4'"),
        ("operator's name", "op.name.endswith('_quantise')", "op.group == 'linear'"),
        ("operator's name", "_SPLIT.get(op.name)", "wider.get(op.name)"),
        (".kind", "hardware.kind == 'device'", "row.kind == 'word'"),
        ("printers", "def f(x): return f'{x:,.3g}'", "def f(x): return f'{x:<10}'"),
        ("printers", "def f(x): return format(x, '.2f')", "def f(x): return f'U+{x:04X}'"),
        ("asserts", "assert a", "a.assert_it()"),
        ("walkers", "def f(path): return path.split('.')", "def f(path): return path.split('/')"),
        ("ten or more", "def f(a, b, c, d, e, f, g, h, *, i, j): ...", "def f(a, b, c, d, e, f, g, h, *, i): ..."),
    ],
)
def test_what_is_counted(words: str, found: str, passed: str, tmp_path: Path) -> None:
    base = 1 if words == "printers" else 0
    assert counted(house(tmp_path / "found", engine__a=found), words) == base + 1
    assert counted(house(tmp_path / "passed", engine__a=passed), words) == base


def test_imports_inside_functions_count_and_those_for_types_do_not(tmp_path: Path) -> None:
    built = house(
        tmp_path, cli="from bitnet_cost.engine import a\n", engine__a="def f():\n    from bitnet_cost.engine.b import x\n",
        engine__b="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bitnet_cost.engine.a import f\nx = 1\n",
        units="import math\n",
    )  # fmt: skip
    assert built.graph == {"cli": {"engine/a"}, "engine/a": {"engine/b"}, "engine/b": set(), "units": set()}
    assert longest_chain(built.rooms) == ["cli", "engine"]
    assert not circles_of(built.graph)


def test_a_circle_is_one_floor() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert circles_of(graph) == [["b", "c"]]
    assert longest_chain(graph) == ["a", "b = c", "d"]
