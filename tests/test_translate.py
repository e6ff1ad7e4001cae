"""A graph gives the engine's bits in Python and compiled; `tests/browser/test_graph.py` asks a browser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bitnet_cost import api
from bitnet_cost.engine.trace import Trace
from bitnet_cost.told import Graph, Node, OutsideGuards, array, evaluated
from bitnet_cost.told.translate import arrays, compiled, packed, python, python_text, slopes
from tests.traces import drawn, other_points


@pytest.mark.parametrize("seed", range(5))
def test_cells_of_all_commands_are_the_engines_to_the_bit(seed: int) -> None:
    """5 times 10 answers with 10 cells each: 500 cells."""
    cells = 0
    for title, roots, wanted in drawn(seed, answers=10):
        numbers = list(roots.values())
        again = [float(value) for value in evaluated(numbers, {})]
        assert again == list(wanted.values()), title
        inputs = _graph(numbers).inputs
        printed = python(numbers, list(inputs))(*(node.value for node in inputs.values()))
        assert printed == tuple(wanted.values()), title
        machine = [float(values[0]) for values in compiled(numbers, ["batch"])(_batch(numbers))]
        assert machine == list(wanted.values()), title
        cells += len(wanted)
    assert cells >= 95


def _graph(numbers: list[Node | float]) -> Graph:
    return next(number.graph for number in numbers if isinstance(number, Node))


def _batch(numbers: list[Node | float]) -> float:
    return float(_graph(numbers).inputs["batch"].value)


def test_conditions_may_be_multiplied() -> None:
    graph = Graph()
    one, other = graph.input("one", 3.0), graph.input("other", 2.0)
    both: Any = (one < other) * (one < 9.0)
    rest: Any = (both + 1.0) * other - one * 0.5
    run, numbers = arrays([rest + other * 2.0], ["one", "other"]), (np.array([1.0, 5.0]), np.array([2.0, 4.0]))
    assert [run(*numbers)[0].tolist() for _ in range(2)] == [[7.5, 9.5]] * 2


def test_python_has_every_operation_as_numpy_has_it() -> None:
    """Quotients by 0, what is no number, what is infinite: other readings leave them to the processor."""
    graph = Graph()
    one: Any = graph.input("one", 3.0)
    other: Any = graph.input("other", 2.0)
    with np.errstate(all="ignore"):
        operations = [one + other, one - other, one * other, one / other, 1.0 / other, one / 0.0]
    operations += [one < other, one <= other, one > other, one >= other]
    operations += [function(one, other) for function in (np.maximum, np.minimum)]
    operations += [np.maximum(1.0, one), np.minimum(one, -0.5), np.where(one <= other, one, other / one)]
    operations += [function(one) for function in (np.floor, np.ceil, np.sqrt)]
    roots = [*operations, operations[0] * operations[1] - operations[3], 4.0]
    run = python(roots, ["one", "other"])
    values = (0.0, 1.0, -2.5, 3.75, 1e300, -1e300, 5e-324, np.inf, -np.inf, np.nan)
    for first in values:
        for second in values:
            found = run(first, second)
            assert found is not None
            wanted = evaluated(roots, {"one": first, "other": second})
            assert np.array_equal(np.array(found, float), np.array(wanted, float), equal_nan=True), (first, second)


def test_python_gives_nothing_where_a_condition_fails() -> None:
    graph = Graph()
    width: Any = graph.input("width", 3.0)
    chosen: Any = np.where(width > 1.0, width, width * 2.0)
    text = python_text([chosen], ["width"], [(width > 1.0, True)])
    assert "*" not in text  # what is known is not calculated
    run = python([chosen], ["width"], [(width > 1.0, True), (width > 9.0, False)])
    assert [run(value) for value in (2.0, 1.0, 9.0, 9.5)] == [(2.0,), None, (9.0,), None]


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
