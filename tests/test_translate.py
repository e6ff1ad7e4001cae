"""A graph gives the engine's bits in Python and compiled; `tests/browser/test_graph.py` asks a browser."""

from __future__ import annotations

import numpy as np
import pytest

from bitnet_cost import api
from bitnet_cost.engine.trace import Trace
from bitnet_cost.told import Graph, Node, OutsideGuards, array, evaluated
from bitnet_cost.told.translate import compiled, packed, slopes
from tests.traces import drawn, other_points


@pytest.mark.parametrize("seed", range(5))
def test_cells_of_all_commands_are_the_engines_to_the_bit(seed: int) -> None:
    """5 times 10 answers with 10 cells each: 500 cells."""
    cells = 0
    for title, roots, wanted in drawn(seed, answers=10):
        numbers = list(roots.values())
        python = [float(value) for value in evaluated(numbers, {})]
        assert python == list(wanted.values()), title
        machine = [float(values[0]) for values in compiled(numbers, ["batch"])(_batch(numbers))]
        assert machine == list(wanted.values()), title
        cells += len(wanted)
    assert cells >= 95


def _batch(numbers: list[Node | float]) -> float:
    graph = next(number.graph for number in numbers if isinstance(number, Node))
    return float(graph.inputs["batch"].value)


@pytest.mark.parametrize("model", ["llama-2-7b", "mistral-7b", "mixtral-8x7b", "mamba-2.8b", "deepseek-v2-lite"])
def test_compiled_code_is_the_graph_at_other_points(model: str) -> None:
    result = api.estimate(model, "h100-sxm-80gb", "bitnet-b1.58", batch=4)
    roots = list(Trace().columns(result).values())
    points = other_points(7, 1003)
    machine = compiled(roots, list(points))(*points.values())
    for one, other in zip(machine, evaluated(roots, dict(points)), strict=True):
        assert np.array_equal(one, np.broadcast_to(other, one.shape), equal_nan=True)


def test_packed_data_is_plain() -> None:
    graph = Graph()
    width = graph.input("width", 3.0)
    data = packed({"area": width * width, "limit": float("inf"), "one": 1.0})
    assert data["inputs"] == {"width": 3.0}
    assert data["nodes"] == [3, -1, -1]
    assert data["constants"] == ["inf", 1.0]
    assert data["roots"] == {"area": 3, "limit": 1, "one": 2}


def test_slopes_are_differences() -> None:
    result = api.estimate("llama-2-7b", "h100-sxm-80gb", "int8", batch=3)
    root = Trace(figures=True).columns(result)["energy_j"]
    assert isinstance(root, Node)
    found = slopes(root)
    for name in ("hbm.read", "static.power", "device.hierarchy.hbm.bandwidth", "runtime.kernels.linear.overhead"):
        here = root.graph.inputs[name].value
        (less,), (more,) = (evaluated([root], {name: here * factor}) for factor in (1 - 1e-6, 1 + 1e-6))
        assert found[name] == pytest.approx((more - less) / (2e-6 * here), rel=1e-4)


def test_a_guard_travels() -> None:
    result = api.estimate("llama-2-7b", "h100-sxm-80gb", "int8", generate=1)
    columns = Trace().columns(result)
    assert packed(columns)["guards"]
    with pytest.raises(OutsideGuards):
        evaluated(list(columns.values()), {"generate": array([2.0]).astype(float)})
