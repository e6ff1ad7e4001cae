"""A trace of any cell is the engine: to the bit, at the point where it was traced and at others."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bitnet_cost import api
from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.engine.grid import figures
from bitnet_cost.engine.trace import Trace
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Speculative, Workload
from bitnet_cost.readers import catalog, machines
from bitnet_cost.told import Graph, Node, OutsideGuards, array, decided, digest, evaluated
from bitnet_cost.words import Counting

MODELS, HARDWARE = catalog.names("model"), catalog.names("hardware")
PRECISIONS = (
    "fp32", "fp16", "bf16", "fp8", "int8", "int4", "bitnet", "bitnet-b1.58", "bitnet-a4.8", "w4a8kv8", "w2a8", "w3a16",
)  # fmt: skip


def compared(draw: random.Random, model: str, *, everything: bool) -> int:
    """Compare a random cell of a model with its trace; returns how many columns were compared."""
    architecture, precision = catalog.model(model), catalog.precision(draw.choice(PRECISIONS))
    hardware, runtime = machines.setting(catalog.hardware(draw.choice(HARDWARE)), None)
    device = hardware.kind == "device"
    link, devices = hardware.interconnect, 1
    if link is not None and draw.random() < 0.4:
        devices = draw.choice([n for n in (2, 4, 8) if n <= link.devices] or [1])
    generate = 1 if architecture.kind == "encoder" else draw.choice([1, 2, 128, 700])
    countings: tuple[Counting, ...] = ("serving", "serving", "serving", "traced")
    counting = draw.choice(countings)
    work = Workload(draw.choice([1, 2, 32]), draw.choice([1, 512, 5000]), generate, None,
                    draw.choice(["last", "all", "none"]), counting)  # fmt: skip
    scope = draw.choice(["arithmetic", "compute", "memory", *(["device"] if device else [])])
    asked: dict[str, Any] = {
        "runtime": runtime,
        "devices": devices,
        "parallel": draw.choice(["tensor", "pipeline"]),
        "scope": scope,
    }
    if hardware.device_class == "gpu" and draw.random() < 0.4:
        hardware, asked["offload"] = machines.hosted(hardware), draw.choice(["experts", "layers=1", "kv"])
    if architecture.kind == "decoder" and asked["parallel"] == "tensor" and draw.random() < 0.3:
        asked["draft"] = architecture.model_copy(update={"name": "smaller", "layers": architecture.layers[-1:]})
        rounds = Speculative(draw.choice([1, 3]), draw.choice([0.0, 0.6, 1.0]))
        work = replace(work, speculative=rounds)
    draws = np.random.default_rng(draw.randrange(10**6))
    many = 40
    steps = draws.integers(2, 900, many) if generate > 1 else np.ones(many)
    wide = Workload(draws.integers(1, 200, many), draws.integers(1, 6000, many), steps, None, work.logits, counting,
                    speculative=work.speculative)  # fmt: skip
    try:
        question = Scenario(model=architecture, precision=precision, hardware=hardware, workload=work, **asked)
        single, here, there = evaluate(question), figures(question), figures(question.but(workload=wide))
    except BitnetCostError:
        return 0
    for found in (here, there):
        found.pop("reason", None)  # words are no graphs
    trace = Trace(figures=everything, shapes=everything)
    columns = trace.columns(single)
    assert here.keys() <= columns.keys()
    roots = [columns[name] for name in here]
    for found, wanted in zip(evaluated(roots, {}), here.values(), strict=True):
        assert np.array_equal(np.float64(found), wanted.ravel()[0], equal_nan=True)
    batch, prompt, generated = wide.flat()
    roots = [columns[name] for name in there if name in columns]
    points = evaluated(roots, {"batch": batch, "prompt": prompt, "generate": generated})
    for name, found in zip((name for name in there if name in columns), points, strict=True):
        wanted = np.asarray(there[name], dtype=float).ravel()
        assert np.array_equal(np.broadcast_to(np.asarray(found, dtype=float), many), wanted, equal_nan=True), name
    return len(here)


@pytest.mark.parametrize("first", range(0, len(MODELS), 20))
def test_every_model_somewhere(first: int) -> None:
    draw = random.Random(first)
    models = MODELS[first : first + 20]
    assert sum(compared(draw, model, everything=False) for model in models) > 2.5 * len(models)


@pytest.mark.parametrize("seed", range(4))
def test_figures_and_shapes_free(seed: int) -> None:
    draw = random.Random(seed)
    assert sum(compared(draw, draw.choice(MODELS), everything=True) for _ in range(10)) > 30


def test_any_figure_may_move() -> None:
    """A graph whose figures are free is the engine at another bandwidth, to the bit."""
    result = api.estimate("llama-2-7b", "h100-sxm-80gb", "int8")
    latency = Trace(figures=True).columns(result)["latency_s"]
    assert isinstance(latency, Node)
    timing = evaluate(result.scenario.at("hierarchy.hbm.bandwidth", 2e13)).timing
    assert timing is not None
    assert evaluated([latency], {"device.hierarchy.hbm.bandwidth": 2e13}) == [timing.total[0]]


def test_a_told_number_is_never_lost() -> None:
    batch = Graph().input("batch", 3.0)
    lossy: tuple[Any, ...] = (float, int, bool)
    for cast in lossy:
        with pytest.raises(TypeError, match="told number"):
            cast(batch)
    with pytest.raises(TypeError, match="not for told numbers"):
        np.exp(array([batch]))
    with pytest.raises(TypeError, match="not for told numbers"):
        np.einsum("i->", array([batch]))
    with pytest.raises(TypeError, match="told number"):
        np.zeros(1)[:] = array([batch])


def test_a_graph_says_where_it_does_not_hold() -> None:
    graph = Graph()
    bits = graph.input("bits", 2.0)
    cost = bits * 3 if decided(bits < 8) else bits * 5
    assert evaluated([cost], {"bits": 7.0}) == [21.0]
    with pytest.raises(OutsideGuards):
        evaluated([cost], {"bits": 9.0})


def test_equal_expressions_are_one_node_and_one_digest() -> None:
    def cost(graph: Graph) -> Node:
        batch, prompt = graph.input("batch", 2.0), graph.input("prompt", 5.0)
        found: Node = batch * prompt + prompt * batch
        return found

    graph = Graph()
    assert cost(graph) is cost(graph)
    assert len(graph.nodes) == 4
    assert digest([cost(graph)]) == digest([cost(Graph())])
    assert digest([cost(graph)]) != digest([cost(graph) + 1])
