"""What a browser makes of a packed graph is what the engine says, to the bit."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np

from bitnet_cost import api
from bitnet_cost.engine.trace import Trace
from bitnet_cost.readers.catalog import folder
from bitnet_cost.told import Graph, Node, evaluated
from bitnet_cost.told.translate import packed
from tests.traces import drawn, other_points

SCRIPT = (folder("model").parent / "bitnet_cost" / "views" / "templates" / "graph.js").read_text(encoding="utf-8")


def in_browser(browser: Any, graph: dict[str, Any], points: list[dict[str, float]]) -> list[dict[str, float]]:
    """The roots of a graph at some points, evaluated by the page's script."""
    page = browser.new_page()
    try:
        page.add_script_tag(content=SCRIPT)
        text = page.evaluate(
            "([graph, points]) => JSON.stringify(points.map(point => Object.fromEntries(Object.entries("
            "evaluateGraph(graph, point)).map(([name, x]) => [name, Number.isFinite(x) ? x : String(x)]))))",
            [graph, points],
        )
    finally:
        page.close()
    return [{name: float(value.replace("Infinity", "inf")) if isinstance(value, str) else value for name, value in
             point.items()} for point in json.loads(text)]  # fmt: skip


def test_cells_of_all_commands(browser: Any) -> None:
    for title, roots, wanted in drawn(99, answers=50):
        (found,) = in_browser(browser, packed(roots), [{}])
        assert found == wanted, title


def test_other_points(browser: Any) -> None:
    for model in ("llama-2-7b", "mixtral-8x7b", "mamba-2.8b"):
        roots = Trace().columns(api.estimate(model, "h100-sxm-80gb", "bitnet-b1.58", batch=4))
        points = other_points(11, 300)
        rows = [
            dict(zip(points, numbers, strict=True))
            for numbers in zip(*(v.tolist() for v in points.values()), strict=True)
        ]
        found = in_browser(browser, packed(roots), rows)
        for name, values in zip(roots, evaluated(list(roots.values()), dict(points)), strict=True):
            wanted = np.broadcast_to(values, len(rows))
            assert np.array_equal([point[name] for point in found], wanted, equal_nan=True), name


def test_lanes_are_points(browser: Any) -> None:
    """Numbers in lanes give what each gives alone; what no lane changes is one number."""
    graph = Graph()
    across: Any = graph.input("across", 3.0)
    along: Any = graph.input("along", 2.0)
    roots: dict[str, Node | float] = {
        "area": across * along,
        "most": np.maximum(across, along),
        "half": along / 2,
        "kept": cast("Node", np.where(across > 2, across, 7.0)),
    }
    page = browser.new_page()
    try:
        page.add_script_tag(content=SCRIPT)
        found = page.evaluate(
            "graph => Object.entries(evaluateGraph(graph, {across: Float64Array.of(1, 2, 3)}, 3))"
            ".map(([name, x]) => [name, typeof x === 'number' ? x : [...x]])",
            packed(roots),
        )
    finally:
        page.close()
    assert dict(found) == {"area": [2, 4, 6], "most": [2, 2, 3], "half": 1, "kept": [7, 7, 3]}
