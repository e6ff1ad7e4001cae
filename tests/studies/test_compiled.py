"""Compiled cells of sweeps: every column equal to the engine's, to the bit, and what cannot be compiled says why."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitnet_cost.engine import load_traced
from bitnet_cost.engine.load import copies_of, over
from bitnet_cost.front import Front
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.sweep import options
from bitnet_cost.ledger.load_record import LOAD_METRICS
from bitnet_cost.readers import catalog
from bitnet_cost.studies import load_sweep, running, sweep_columns, sweep_parts
from bitnet_cost.studies import sweep as sweeps
from tests.conftest import Ran

POINTS = 2000
CELLS: dict[str, dict[str, Any]] = {
    "a device": {"models": "llama-2-7b", "hardware": "h100-sxm-80gb", "precisions": "bf16"},
    "a node": {"models": "gpt3-175b", "hardware": "cmos-45nm", "precisions": "bitnet"},
    "a node with its memory": {"models": "llama-2-7b", "hardware": "cmos-7nm", "precisions": "fp16", "scopes": ["memory"]},
    "what fits for some": {"models": "llama-2-7b", "hardware": "l4", "precisions": "fp16"},
    "what never fits": {"models": "gpt3-175b", "hardware": "l4", "precisions": "fp16"},
    "windows": {"models": "mistral-7b", "hardware": "h100-sxm-80gb", "precisions": "w4a16"},
    "experts": {"models": "mixtral-8x7b", "hardware": "h100-sxm-80gb", "precisions": "int4"},
    "latent attention": {"models": "deepseek-v2-lite", "hardware": "a100-sxm-80gb", "precisions": "fp16"},
    "a state space": {"models": "mamba-2.8b", "hardware": "h100-sxm-80gb", "precisions": "bf16"},
    "an encoder": {"models": "bert-large", "hardware": "h100-sxm-80gb", "precisions": "fp16"},
    "several devices": {"models": "llama-2-70b", "hardware": "h100-sxm-80gb", "precisions": "fp8", "devices": [4]},
    "stages": {"models": "llama-2-70b", "hardware": "h100-sxm-80gb", "precisions": "bf16", "devices": [4],
               "parallel": "pipeline"},
    "whole sequences": {"models": "llama-2-7b", "hardware": "h100-sxm-80gb", "precisions": "bf16", "devices": [2],
                        "parallel": "data"},
    "varied figures": {"models": "mistral-7b", "hardware": "h100-sxm-80gb", "precisions": "fp8", "vary": {
        "hierarchy.hbm.bandwidth": ["1 TB/s", "5 TB/s"], "hierarchy.hbm.capacity": ["20 GB", "90 GB"],
        "power.static": [30.0, 200.0], "runtime.kernels.linear.bandwidth": [0.5, 0.9]}},
    "a varied price": {"models": "llama-2-7b", "hardware": "cmos-7nm", "precisions": "fp16",
                       "vary": {"actions.add.fp32": [1e-12, 2e-12]}},
    "a host's part": {"models": "llama-2-7b", "hardware": "rtx-4090", "precisions": "bf16", "offload": "layers=3"},
    "drafted tokens": {"models": "llama-2-7b", "hardware": "h100-sxm-80gb", "precisions": "bf16",
                       "draft": "tinyllama-1.1b", "accept": 0.7},
    "a part of the energy": {"models": "llama-2-7b", "hardware": "h100-sxm-80gb", "precisions": "int8",
                             "scopes": ["compute"]},
}  # fmt: skip


def plan(**asked: Any) -> sweeps.Plan:
    names = {"models": ["llama-2-7b"], "precisions": ["bf16"], "hardware": ["h100-sxm-80gb"]}
    return load_sweep.plan(sweeps.of_options(options(**(names | asked))))


def drawn(points: int, *, encoder: bool) -> dict[str, np.ndarray[Any, Any]]:
    """Random numbers of a workload, single tokens among them.  Each [n]"""
    draw = np.random.default_rng(5)
    generate = np.where(draw.random(points) < 0.1, 1, draw.integers(1, 1000, points))
    return {
        "batch": draw.integers(1, 200, points) * 2.0,
        "prompt": np.floor(10 ** draw.uniform(0, 5.5, points)),
        "generate": np.ones(points) if encoder else generate.astype(float),
    }


STEPS: dict[str, dict[str, Any]] = {
    "stages": {"models": ["llama-3.2-1b"], "hardware": ["a100-sxm-80gb"], "devices": [8, 16, 64, 12],
               "training": {"seq": [512, 4096, 131072], "micro_batch": [1, 2, 64], "global_batch": [256, 300], "tp": [4],
                            "pp": [2], "zero": [1], "tokens": 1e9}},
    "a batch that follows": {"models": ["llama-2-7b"], "precisions": ["bitnet-b1.58"], "devices": [8, 16, 64],
                             "training": {"seq": [512, 4096], "micro_batch": [1, 2], "tp": [8], "zero": [1]}},
    "one device": {"models": ["gpt2"], "hardware": ["v100-sxm-16gb"], "precisions": ["fp32"],
                   "training": {"seq": [128, 100], "micro_batch": [1, 8, 4096], "optimizer": ["muon"]}},
    "experts between nodes": {"models": ["qwen3-30b-a3b"], "devices": [16, 32, 64], "training": {
        "seq": [1024, 2048], "ep": [4], "pp": [4], "zero": [1], "global_batch": [64, 96, 100]}},
    "gathered weights": {"models": ["qwen3-30b-a3b"], "precisions": ["fp8"], "devices": [8, 16, 32], "training": {
        "seq": [1024, 2048], "ep": [4], "tp": [2], "zero": [3], "recompute": ["full"]}},
    "sequences in parts": {"models": ["llama-3.1-8b"], "devices": [8, 16, 64], "training": {
        "seq": [1023, 2048], "cp": [2], "pp": [4], "virtual_stages": [2], "recompute": ["selective"],
        "global_batch": [64, 96, 100]}},
    "adapters": {"models": ["llama-3.1-8b"], "hardware": ["h200-sxm-141gb"], "precisions": ["int4"],
                 "training": {"lora": 16, "micro_batch": [1, 2], "seq": [100, 200]}},
    "a node": {"models": ["gpt3-125m"], "hardware": ["cmos-7nm"], "precisions": ["bitnet"], "scopes": ["memory"],
               "training": {"seq": [512, 2048], "global_batch": [4, 8]}},
    "varied figures": {"models": ["gpt2"], "training": {}, "vary": {
        "power.static": [100.0, 150.0], "hierarchy.hbm.bandwidth": ["2 TB/s", "3 TB/s"],
        "runtime.kernels.linear.compute": [0.5, 0.7]}},
}  # fmt: skip


@pytest.mark.parametrize("fast", [True, False], ids=["machine code", "NumPy"])
@pytest.mark.parametrize("name", CELLS)
def test_every_column_is_the_engines_to_the_bit(name: str, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = catalog.model(CELLS[name]["models"]).kind == "encoder"
    asked = {k: [v] if isinstance(v, str) and k in ("models", "hardware", "precisions") else v
             for k, v in CELLS[name].items()}  # fmt: skip
    whole = plan(**asked, batch=[1, 2], prompt=[10, 600], **({} if encoder else {"generate": [1, 200]}))
    varied = {path: np.random.default_rng(6).choice(whole.varied[path], POINTS) for path in whole.inner}
    assert set(varied) == set(asked.get("vary", ()))
    the_same_as_the_engine(whole, drawn(POINTS, encoder=encoder), varied, fast, monkeypatch)


@pytest.mark.parametrize("fast", [True, False], ids=["machine code", "NumPy"])
@pytest.mark.parametrize("name", STEPS)
def test_every_column_of_training_steps_too(name: str, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plan(**STEPS[name])
    numbers, varied = whole.slice(0, whole.points)
    the_same_as_the_engine(whole, numbers, varied, fast, monkeypatch)


def the_same_as_the_engine(
    whole: sweeps.Plan, numbers: Any, varied: Any, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare all columns of some points of the first cell, compiled or by NumPy on the graph, with the engine's."""
    monkeypatch.setattr(sweeps, "TRACED_FROM", 1)
    monkeypatch.setattr(sweeps, "COMPILED_FROM", 1 if fast else 10**9)
    cell = whole.cell(0)
    traced = whole.traced(cell, frozenset(whole.known))
    assert (traced.slow is None) == fast
    found = traced.figures(whole.numbers(cell, numbers) | varied)
    assert found is not None
    part = sweep_parts.Part(whole, cell, 0, whole.needed, Front())
    wanted = part.evaluated(numbers, varied)
    names = {*found, *wanted}
    assert len(names) >= 8
    points = next(iter(found.values())).size
    ours, theirs = (part.filled(numbers, varied | given, names, points) for given in (found, wanted))
    for column in names:
        one, other = (sweep_columns.as_array(values[column], points) for values in (ours, theirs))
        exact = one.tolist() == other.tolist() if one.dtype == object else np.array_equal(one, other, equal_nan=True)
        assert exact, column


def test_points_that_decide_otherwise_go_to_the_engine() -> None:
    whole = plan(batch="1:400:400", prompt=[10, 600], generate="1:200:200")
    fast = sweep_parts.traced_cell(Same(whole), 0)
    assert not isinstance(fast, str)
    numbers = {"batch": np.ones(3), "prompt": np.full(3, 9.0), "generate": np.ones(3)}
    assert fast.figures(numbers) is None
    assert fast.figures(numbers | {"generate": np.array([1.0, 1.0, 2.0])}) is not None


@pytest.mark.parametrize("how", [
    {"objectives": [{"column": "latency_s"}, {"column": "energy_per_token_j"}], "pareto": True, "where": ["fits"]},
    {"objectives": [{"column": "tokens_per_s", "goal": "max"}], "top": 7},
    {"where": ["fits and latency_s < 0.2 and reason != 'x'"]},
    {"columns": ["batch", "fits", "reason", "energy_j", "model"]},
])  # fmt: skip
def test_a_sweep_is_the_same_compiled_or_not(how: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plan(batch="1:512:32:log", prompt="1:60000:40:log", generate="1:100:80", **how)
    tables = []
    for traced, compiled, way in ((1, 1, "compiled"), (1, 10**9, "by NumPy"), (10**9, 10**9, "operator by operator")):
        monkeypatch.setattr(sweeps, "TRACED_FROM", traced)
        monkeypatch.setattr(sweeps, "COMPILED_FROM", compiled)
        sweep_parts.traced_cell.cache_clear()
        assert way in sweep_parts.engine_notes(whole)[0]
        parts = list(running.Runner(whole, workers=1).every())
        tables.append({
            name: np.concatenate([sweep_columns.as_array(part[name], rows) for rows, part in parts]) for name in whole.columns
        })  # fmt: skip
    *ours, engine = tables
    for table, name in product(ours, whole.columns):
        one, other = table[name], engine[name]
        assert one.size == other.size > 0
        if one.dtype == object:
            assert one.tolist() == other.tolist()
        else:
            assert np.array_equal(one, other, equal_nan=True)


def test_the_command_says_what_is_compiled(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    asked = ("sweep", "-m", "gemma-2b", "-H", "l4", "-p", "fp16", "--engine-notes", "-o", str(tmp_path / "a.csv"))
    few = bitnet_cost(*asked, "--batch", "1,2")
    assert "1 of 1 cells: the engine, operator by operator; a cell has fewer than 20,000 points" in few.err
    many = bitnet_cost(
        *asked, "--batch", "1:400:400", "--prompt", "1:300:300", "--top", "1", "--objective", "min energy_j"
    )
    assert "engine: 1 of 1 cells: compiled" in many.err


LOADS: dict[str, dict[str, Any]] = {  # many places, few, as many as fit, experts on devices of their own, batches filled
    "many places": {"load": {"rate": "0.01:50:2000:log", "max_batch": 256}, "generate": [1, 2, 300]},
    "few places": {"load": {"rate": "0.01:9:2000:log", "max_batch": 5, "cv2": 1.0}, "generate": [20, 300]},
    "what fits": {"load": {"rate": "0.01:9:2000:log", "cached": 9}, "prompt": [700, 9000, 30000], "hardware": ["l4"]},
    "data parallel": {"load": {"rate": "0.1:9:2000", "max_batch": 96}, "models": ["deepseek-v2-lite"], "devices": [4],
                      "parallel": "data", "prompt": [900]},
    "filled batches": {"load": {"rate": "0.1:90:2000", "static_cache": 2000}, "prompt": [99, 900],
                       "runtimes": ["cuda-graph"], "hardware": ["h100-sxm-80gb"]},
}  # fmt: skip
OF_LOADS = frozenset(
    ("tpot_s", "energy_per_token_j", "busy", "mean_batch", "stable", "tokens_per_s", "power_w", "prefill_s", "decode_s",
     "max_rate_per_s", "prompt_energy_j", "steps_energy_j", "waiting_energy_j", "reason")
)  # fmt: skip


@pytest.mark.parametrize("compiled", [1, 10**9], ids=["machine code", "NumPy"])
@pytest.mark.parametrize("given", LOADS.values(), ids=list(LOADS))
def test_loads_by_graphs_are_single_answers_to_the_bit(
    given: dict[str, Any], compiled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "TRACED_FROM", 1)
    monkeypatch.setattr(sweeps, "COMPILED_FROM", compiled)
    monkeypatch.setattr(load_traced, "TRACED_FROM", dict.fromkeys(load_traced.TRACED_FROM, 1))
    monkeypatch.setattr(load_traced, "COMPILED_FROM", compiled)
    whole = plan(**({"prompt": [100, 900], "generate": 200, "precisions": ["int8"]} | given))
    assert isinstance(whole, load_sweep.LoadPlan)
    asked = whole.cell(0).asked
    copies = load_sweep.Copies(asked, whole)
    cell, engine, by_engine = load_sweep.LoadCell(copies, OF_LOADS), copies.columns, list[int]()

    def columns(numbers: Any, wanted: Any) -> Any:
        by_engine.extend(numbers["generate"][numbers["generate"] > 1])
        return engine(numbers, wanted)

    monkeypatch.setattr(copies, "columns", columns)
    served, alone, points = 0, dict[Any, Any](), math.prod(whole.lengths)
    for first, last in ((0, points), (777, min(2345, points))):  # and a block that cuts two lengths
        numbers: Any = whole.slice(first, last)[0]
        found = cell.figures(numbers)
        assert found is not None
        for row in range(0, last - first, 197):
            prompt, generate, rate = (numbers[name][row] for name in load_sweep.AXES)
            if (prompt, generate) not in alone:
                (alone[prompt, generate],) = copies_of(
                    asked, [load_sweep.load_of(whole.load, int(prompt), int(generate))]
                )
            copy = alone[prompt, generate]
            one = over(copy, np.array([rate]))
            served += copy.pace is not None
            for name in OF_LOADS:
                value, single = found[name][row], LOAD_METRICS[name].of(one)
                single = np.ravel(single)[0] if isinstance(single, np.ndarray) else single
                if LOAD_METRICS[name].kind == "figure":
                    single = np.nan if single is None or not np.isfinite(single) else single
                    assert value == single or np.isnan([value, single]).all(), (name, prompt, generate, rate)
                elif name == "stable":
                    assert value == bool(single)
    assert served
    assert not by_engine or given["hardware"] == ["l4"]  # where some do not fit


def test_a_front_of_loads_is_the_same_by_graphs_or_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plan(
        load={"rate": "0.1:30:300:log", "max_batch": 60}, prompt="100:900:20", generate=[1, 40, 80], pareto=True,
        objectives=[{"column": "tpot_s"}, {"column": "energy_per_token_j"}], where=["busy < 0.95"],
    )  # fmt: skip
    tables = []
    for traced, compiled, way in ((1, 1, "compiled"), (1, 10**9, "by NumPy"), (10**9, 10**9, "operator by operator")):
        monkeypatch.setattr(sweeps, "TRACED_FROM", traced)
        monkeypatch.setattr(sweeps, "COMPILED_FROM", compiled)
        sweep_parts.traced_cell.cache_clear()
        load_sweep._copies.cache_clear()
        assert way in sweep_parts.engine_notes(whole)[0]
        tables.append(running.Runner(whole, workers=1).reduced_rows())
    *ours, (rows, engine) = tables
    assert rows > 100
    for count, table in ours:
        assert count == rows
        for name, column in engine.items():
            assert np.array_equal(table[name], column, equal_nan=column.dtype.kind == "f"), name


def test_what_is_not_compiled_says_why() -> None:
    steps = plan(training={"seq": "1:8000:8000", "micro_batch": list(range(1, 21))})
    assert sweep_parts.engine_notes(steps) == ["engine: 1 of 1 cells: compiled"]
    few = plan(load={"rate": "0.1:9:100"})
    assert "the engine, operator by operator; figures vary, or a cell has fewer" in sweep_parts.engine_notes(few)[0]
    powers = plan(vary={"rates.bf16": {"first": "500 TFLOP/s", "last": "900 TFLOP/s", "points": 30000}}, training={})
    assert "power is not for told numbers" in sweep_parts.engine_notes(powers)[0]
