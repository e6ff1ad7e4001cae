"""Sweeps over training steps: rows are the single steps, to the bit; what is refused, named and reduced."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost import BitnetCostError, sweep
from bitnet_cost.registry import STEP_METRICS
from bitnet_cost.studies import sweep as sweeps
from bitnet_cost.studies import training_sweep
from bitnet_cost.studies.training import Terms, train
from bitnet_cost.views.training import record
from tests.conftest import Ran

PLAN = ("seq", "micro_batch", "global_batch", "devices", "tp", "pp", "cp", "ep", "zero", "recompute", "optimizer")
LAYOUTS: dict[str, dict[str, Any]] = {
    "dense": {
        "models": "llama-3.2-1b", "hardware": "a100-sxm-80gb", "precisions": ["bf16", "bitnet-b1.58"],
        "devices": [8, 64],
        "training": {"seq": [512, 4096], "micro_batch": [1, 2], "global_batch": 256, "tp": [1, 4], "pp": [1, 2],
                     "zero": [0, 1], "tokens": "1B"},
    },
    "experts": {
        "models": "qwen3-30b-a3b", "hardware": "h100-sxm-80gb", "precisions": ["fp8"], "devices": [16, 32],
        "training": {"seq": 1024, "ep": [1, 4], "tp": [2], "zero": [3], "recompute": ["none", "full"]},
    },
    "one device": {
        "models": ["gpt2", "bert-base"], "hardware": "v100-sxm-16gb", "precisions": ["fp32", "bitnet"],
        "training": {"seq": 128, "micro_batch": [1, 8, 4096], "optimizer": ["adamw", "muon"]},
    },
    "adapters": {
        "models": "llama-3.1-8b", "hardware": "h200-sxm-141gb", "precisions": ["int4"],
        "training": {"lora": 16, "micro_batch": [1, 2]},
    },
    "node": {
        "models": "gpt3-125m", "hardware": "cmos-7nm", "precisions": ["fp32", "bitnet"], "scopes": ["compute", "memory"],
        "training": {"seq": [512, 2048], "global_batch": [4, 8]},
    },
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_the_single_steps_to_the_bit(layout: str) -> None:
    asked = LAYOUTS[layout]
    rows = sweep(**asked).to_records()
    assert rows
    for row in rows:
        assert row["reason"] == (None if row["fits"] is not False else "does not fit")
        one = record(train(
            row["model"], [row["hardware"]], [row["precision"]], Terms(row["runtime"], row["scope"]),
            lora=asked["training"].get("lora"), tokens=row["tokens"], **{name: row[name] for name in PLAN},
        )[0])  # fmt: skip
        for name, value in one.items():
            if name not in ("baseline", "saving", "reason"):
                assert row[name] == value, (name, row)


def test_components_are_the_energy() -> None:
    for row in sweep(**LAYOUTS["dense"]).to_records():
        parts = [value for name, value in row.items() if name.startswith("energy_") and name.endswith("_j")
                 and name not in STEP_METRICS and value is not None]  # fmt: skip
        assert sum(parts) == pytest.approx(row["energy_step_j"], rel=1e-12)


def test_figures_that_vary_are_those_of_a_profile_with_them() -> None:
    """The axes are short, so that figures of hardware and runtime are arrays beside them."""
    vary = {"power.static": ["100 W", "150 W"], "hierarchy.hbm.bandwidth": ["2 TB/s", "3 TB/s"],
            "runtime.kernels.linear.compute": [0.5, 0.7]}  # fmt: skip
    asked: dict[str, Any] = {"models": "gpt2", "hardware": "h100-sxm-80gb", "precisions": "bf16"}
    whole = training_sweep.plan(sweeps.of_options({
        "models": ["gpt2"], "hardware": ["h100-sxm-80gb"], "precisions": ["bf16"], "vary": vary, "training": {},
    }))  # fmt: skip
    assert len(whole.inner) == 3
    rows = sweep(**asked, vary=vary, training={}).to_records()
    assert len(rows) == 8
    for row in rows:
        one = sweep(**asked, vary={path: row[path] for path in vary}, training={"seq": row["seq"]}).to_records()
        assert one == [row]
    assert len({row["energy_step_j"] for row in rows}) == 8


def test_numbers_that_exclude_one_another_are_rows_with_their_reason() -> None:
    rows = sweep(
        models="gpt2", hardware="l4", precisions="bf16", devices=[1, 2, 3], training={"tp": [2], "micro_batch": [1, 2],
        "global_batch": 3},
    ).to_records()  # fmt: skip
    told = {(row["devices"], row["micro_batch"]): row["reason"] for row in rows}
    assert told[2, 1] is None
    assert told[1, 1] == told[3, 2] == "devices: is not a multiple of tp x pp x cp"
    assert told[2, 2] == "global-batch: is not a multiple of micro-batch x dp"
    assert all((row["step_s"] is None) is (row["reason"] is not None) for row in rows)
    assert not any(row["fits"] for row in rows if row["reason"])


def test_what_does_not_fit_has_its_memory_and_no_time() -> None:
    big, small = sweep(
        models="llama-3.1-8b", hardware="h100-sxm-80gb", precisions="bf16", devices=[1, 8], training={"zero": [3]}
    ).to_records()  # fmt: skip
    assert (big["fits"], small["fits"]) == (False, True)
    assert big["step_s"] is None
    assert big["memory_per_device_bytes"] > big["capacity_bytes"]


def test_a_front_is_of_training_columns() -> None:
    grid = sweep(**LAYOUTS["dense"])
    front = grid.front("min step_s", "min energy_per_token_j").to_records()
    rows = [row for row in grid.to_records() if row["fits"]]
    assert 0 < len(front) < len(rows)
    assert min(row["step_s"] for row in rows) == min(row["step_s"] for row in front)
    (best,) = grid.top(1, "max tokens_per_s").to_records()
    assert best["tokens_per_s"] == max(row["tokens_per_s"] for row in rows)
    assert grid.units["energy_kwh"] == "kWh"


def test_the_command_writes_columns_of_the_contract(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    words = ["-m", "175B", "-H", "h100-sxm-80gb", "-p", "bf16", "--training", "--devices", "512,1024", "--tp", "8",
             "--pp", "8,16", "--micro-batch", "1,2", "--global-batch", "1536", "--tokens", "300B"]  # fmt: skip
    ended = bitnet_cost("sweep", *words, "--where", "fits and mfu > 0.1", "-o", str(path))
    assert ended.code == 0
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert rows
    names = [name for name in STEP_METRICS if name not in ("baseline", "saving")]
    assert [name for name in rows[0] if name in names] == names
    assert all(float(row["days"]) > 0 for row in rows)


@pytest.mark.parametrize(("words", "says"), [
    (["--seq", "512"], "--seq is of training; add --training"),
    (["--training", "--batch", "2"], "batch is of inference"),
    (["--training", "--zero", "3", "--pp", "2"], "zero: stage 3 does not work with a pipeline"),
    (["--training", "--tp", "0"], "tp: 0 is not a whole number"),
    (["--training", "--pp", "64"], "pp: 64 stages are more than the 12 layers"),
    (["--training", "--columns", "latency_s"], "columns: 'latency_s' is not a column"),
    (["--training", "--seq", "0"], "seq: takes whole numbers from 1"),
    (["--training", "--tokens", "many"], "tokens: 'many' is not a number"),
    (["--training", "-p", "int4"], "precision 'int4' has no gradients"),
    (["--training", "-H", "cmos-7nm", "--tp", "2"], "is a technology node; it trains alone"),
])  # fmt: skip
def test_nonsense_is_refused_by_name(bitnet_cost: Callable[..., Ran], words: list[str], says: str) -> None:
    given = [*(["-H", "l4"] if "-H" not in words else []), *(["-p", "bf16"] if "-p" not in words else [])]
    ended = bitnet_cost("sweep", "-m", "gpt2", *given, *words, "--dry-run")
    assert ended.code == 2
    assert says in ended.err


def test_a_study_of_training_is_refused_where_it_asks_of_inference() -> None:
    with pytest.raises(BitnetCostError, match="prompt is of inference"):
        sweep({"models": ["gpt2"], "hardware": ["l4"], "precisions": ["bf16"], "training": {}, "prompt": 8})
