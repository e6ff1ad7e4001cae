"""Compiled cells of sweeps: every column equal to the engine's, to the bit, and what cannot be compiled says why."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bitnet_cost as package
from bitnet_cost.front import Front
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.sweep import options
from bitnet_cost.readers import catalog
from bitnet_cost.studies import running, sweep_columns, sweep_parts
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
    return sweeps.plan(sweeps.of_options(options(**(names | asked))))


def drawn(points: int, *, encoder: bool) -> dict[str, np.ndarray[Any, Any]]:
    """Random numbers of a workload, single tokens among them.  Each [n]"""
    draw = np.random.default_rng(5)
    generate = np.where(draw.random(points) < 0.1, 1, draw.integers(1, 1000, points))
    return {
        "batch": draw.integers(1, 200, points) * 2.0,
        "prompt": np.floor(10 ** draw.uniform(0, 5.5, points)),
        "generate": np.ones(points) if encoder else generate.astype(float),
    }


@pytest.mark.parametrize("fast", [True, False], ids=["machine code", "NumPy"])
@pytest.mark.parametrize("name", CELLS)
def test_every_column_is_the_engines_to_the_bit(name: str, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "TRACED_FROM", 1)
    monkeypatch.setattr(sweeps, "COMPILED_FROM", 1 if fast else 10**9)
    encoder = catalog.model(CELLS[name]["models"]).kind == "encoder"
    asked = {k: [v] if isinstance(v, str) and k in ("models", "hardware", "precisions") else v
             for k, v in CELLS[name].items()}  # fmt: skip
    whole = plan(**asked, batch=[1, 2], prompt=[10, 600], **({} if encoder else {"generate": [1, 200]}))
    cell = whole.cell(0)
    numbers = drawn(POINTS, encoder=encoder)
    varied = {path: np.random.default_rng(6).choice(whole.varied[path], POINTS) for path in whole.inner}
    assert set(varied) == set(asked.get("vary", ()))
    traced = whole.traced(cell, frozenset(whole.known))
    assert (traced.slow is None) == fast
    found = traced.figures(numbers | varied)
    assert found is not None
    part = sweep_parts.Part(whole, cell, 0, whole.needed, Front())
    wanted = part.evaluated(numbers, varied)
    names = {*found, *wanted}
    assert len(names) >= 8
    ours, theirs = (part.filled(numbers, given, names, POINTS) for given in (found, wanted))
    for column in names:
        one, other = (sweep_columns.as_array(values[column], POINTS) for values in (ours, theirs))
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


def test_training_steps_and_loads_say_that_the_engine_evaluates_them() -> None:
    for asked in ({"training": {"seq": "1:8000:8000", "micro_batch": [1, 2, 4]}}, {"load": {"rate": "0.1:9:30000"}}):
        grid = package.sweep(models="gemma-2b", hardware="h100-sxm-80gb", precisions="bf16", **asked)
        assert "the engine, operator by operator" in sweep_parts.engine_notes(grid._plan)[0]
