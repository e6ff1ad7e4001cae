"""Training from Python, as a page, and explained."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bitnet_cost
from bitnet_cost import BitnetCostError, Facility, TrainingAnswer, explain, load_hardware, load_model, train
from bitnet_cost.engine.training_explain import cells
from bitnet_cost.engine.training_spread import step_spread
from bitnet_cost.registry import STEP_METRICS
from tests.conftest import Ran

EXPLAINED: dict[str, dict[str, Any]] = {
    "pipeline": {"model": "llama-3.1-8b", "devices": 32, "tp": 2, "pp": 2, "zero": 1, "global_batch": 64},
    "run": {"model": "gpt2", "precisions": "tf32", "tokens": "1B",
            "facility": Facility(pue=1.2, carbon_g_per_j=1e-4, usd_per_j=1e-8, usd_per_device_hour=2.0)},
    "experts": {"model": "qwen3-30b-a3b", "precisions": "fp8", "devices": 64, "tp": 2, "ep": 4, "zero": 3,
                "global_batch": 64},
    "adapters": {"model": "llama-3.1-8b", "precisions": "int4", "lora": 8, "recompute": "full"},
    "node": {"model": "gpt2", "hardware": "cmos-7nm", "precisions": "bitnet", "scope": "memory"},
}  # fmt: skip


@pytest.mark.parametrize("case", EXPLAINED)
def test_every_column_follows_from_what_is_printed(case: str) -> None:
    (result,) = train(**{"precisions": "bf16", **EXPLAINED[case]}).results
    answered = [cell for cell in cells() if STEP_METRICS[cell].of(result) is not None]
    assert len(answered) >= 10
    for cell in answered:
        told = explain(result, cell)
        assert told.value == STEP_METRICS[cell].of(result), cell
        assert told.steps[-1].name == cell


def test_lines_of_an_explanation_recompute(bitnet_cost: Callable[..., Ran]) -> None:
    """Each line is an expression that a reader can calculate, the last of them the column."""
    words = ("train", "gpt2", "-p", "bitnet-b1.58", "--micro-batch", "4")
    (record,) = json.loads(bitnet_cost(*words, "-f", "json").out)["records"]
    for cell in ("step_s", "energy_step_j", "memory_per_device_bytes", "mfu"):
        steps = json.loads(bitnet_cost(*words, "--cell", cell, "-f", "json").out)["steps"]
        for step in steps:
            plain = re.sub(r"\bx\b", "*", step["expression"])
            names = {"max": max, "min": min, "floor": math.floor, "ceil": math.ceil, "sqrt": lambda v: v**0.5}
            found = eval(plain, {"__builtins__": {}}, names)  # our own text
            assert found == pytest.approx(step["value"], rel=1e-12), step["name"]
        assert steps[-1]["value"] == record[cell]


def test_what_cannot_be_explained_says_why(bitnet_cost: Callable[..., Ran]) -> None:
    for words, says in (
        (["gpt2", "--cell", "days"], "cell: days cannot be computed; give --tokens"),
        (["gpt2", "--cell", "step"], "did you mean 'step_s'?"),
        (["gpt2", "-H", "cmos-7nm", "--cell", "step_s"], "a technology node has no clock"),
        (["llama-3.1-8b", "--cell", "energy_step_j"], "does not fit"),
        (["gpt2", "--cell", "step_s", "-f", "html"], "an explanation is text"),
    ):
        ended = bitnet_cost("train", *words)
        assert ended.code == 2
        assert says in ended.err


def test_an_answer_from_python_is_that_of_the_command(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    answer = train("gpt2", ["l4", "cmos-7nm"], ["fp16", "bitnet"], tokens="10B", micro_batch=2)
    words = ("train", "gpt2", "-H", "l4,cmos-7nm", "-p", "fp16,bitnet", "--tokens", "10B", "--micro-batch", "2")
    assert answer.to_records() == json.loads(bitnet_cost(*words, "-f", "json").out)["records"]
    assert str(answer).split()[:12] == bitnet_cost(*words).out.split()[:12]
    answer.report(tmp_path / "page.html")
    assert bitnet_cost(*words, "-o", str(tmp_path / "other.html")).code == 0
    ours, theirs = ((tmp_path / name).read_text("utf-8") for name in ("page.html", "other.html"))
    for page in (ours, theirs):
        for question in ("Where does the time of a step go?", "What fills the memory?", "Where does the energy of a"):
            assert question in page
        assert "http" not in page.partition("<script")[2].partition("src=")[2]  # nothing is fetched


def test_charts_and_frames_of_an_answer() -> None:
    answer = train("gpt2")
    assert isinstance(answer, TrainingAnswer)
    for chart in ("time", "memory", "energy"):
        assert len(answer.plot(chart).data) > 2
    with pytest.raises(BitnetCostError, match="chart: 'speed' is not known"):
        answer.plot("speed")
    assert list(answer.to_dataframe().columns) == list(STEP_METRICS)


def test_draws_scatter_around_the_answer(bitnet_cost: Callable[..., Ran]) -> None:
    wide, narrow = train("gpt2", "l4").results
    found = step_spread(wide, 3000)
    assert found == step_spread(wide, 3000)  # of two evaluations, by the seed alone
    assert found is not None
    assert found.step_s is not None
    assert wide.seconds is not None
    assert wide.energy is not None
    assert found.step_s[0] < wide.seconds.total < found.step_s[2]
    assert found.energy_step_j[0] < wide.energy[1] < found.energy_step_j[2]
    assert found != step_spread(wide, 3000, seed=1)
    node = train("gpt2", "cmos-7nm", "bitnet").results[0]
    of_node = step_spread(node, 500)
    assert of_node is not None
    assert of_node.step_s is None
    assert node.energy is not None
    assert node.energy[0] < of_node.energy_step_j[0] < of_node.energy_step_j[2] < node.energy[2]
    ended = bitnet_cost("train", "gpt2", "-H", "l4", "--draws", "3000", "-f", "json")
    first, second = json.loads(ended.out)["spreads"]
    assert first == json.loads(json.dumps(found._asdict()))
    assert second["energy_step_j"] == list((step_spread(narrow, 3000) or found).energy_step_j)
    printed = bitnet_cost("train", "gpt2", "-H", "l4", "--draws", "3000").out
    assert "in 90 % of 3,000 draws" in " ".join(printed.split())
    assert bitnet_cost("train", "gpt2", "--draws", "0").code == 2


def test_loaded_inputs_are_taken() -> None:
    own = load_hardware("l4").model_copy(update={"name": "mine"})
    (record,) = train(load_model("gpt2"), own, bitnet_cost.load_precision("bf16")).to_records()
    (named,) = train("gpt2", "l4", "bf16").to_records()
    ends = {name for name in named if name.endswith(("_low_j", "_high_j"))}  # of a card that no one measured
    assert ends
    assert record == named | {"hardware": "mine"} | {name: record[name] for name in ends}
    assert all(record[name] <= named[name] for name in ends if name.endswith("_low_j"))
    assert all(record[name] >= named[name] for name in ends if name.endswith("_high_j"))


@pytest.mark.parametrize("given", [
    {"tokens": "x"}, {"lora": "a"}, {"zero": "1"}, {"devices": 2.5}, {"runtime": 3}, {"facility": 3}, {"scope": "x"},
    {"recompute": "x"}, {"seq": [1, 2]}, {"dp": 0}, {"precisions": []}, {"baseline": 4},
])  # fmt: skip
def test_bad_options_are_named(given: dict[str, Any]) -> None:
    with pytest.raises(BitnetCostError):
        train("gpt2", **given)


def test_several_nodes_have_a_range(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("train", "llama-3.1-8b", "-p", "bf16", "--devices", "64", "--zero", "1", "--tokens", "1e12")
    done = bitnet_cost(*words, "--draws", "100", "--price", "0.2")
    assert (done.code, done.err) == (0, "")
    assert "USD of electricity." in done.out.partition("\n\n")[0]
    paid = ("break-even", "llama-3.1-8b", "-H", "h100-sxm-80gb", "--by", "served-tokens", "--tokens", "1T")
    assert "on 64 H100 SXM" in bitnet_cost(*paid, "--training-devices", "64").out


def test_what_fits_in_no_precision_is_said_once(bitnet_cost: Callable[..., Ran]) -> None:
    done = bitnet_cost("train", "llama-3.1-8b", "--devices", "64", "-p", "bf16,bitnet-b1.58").out
    assert done.startswith("Llama 3.1 8B in bf16 or bitnet-b1.58 does not fit: needs ")
    assert " ".join(done.split()).count("would hold it") == 1


def test_the_first_line_is_of_the_hardware_that_needs_least(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("train", "7B", "-H", "h100-sxm-80gb,b200", "-p", "bf16,fp8", "--devices", "auto", "--tokens", "1e12")
    rows = json.loads(bitnet_cost(*words, "-f", "json").out)["records"]
    least = min(rows, key=lambda r: r["energy_per_token_j"])
    assert (least["hardware"], least["devices"]) == ("b200", 1)
    text = bitnet_cost(*words, "--notes").out
    first, _, rest = " ".join(text.split()).partition(" 7B (GPT-3-like shape), training: ")
    assert f"in {least['precision']} on 1T tokens takes {least['days']:.0f} days and " in first
    assert " on one B200 SXM. Of those asked there it needs least energy: " in first
    other = min((r for r in rows if r["hardware"] != "b200"), key=lambda r: r["energy_per_token_j"])
    logs = [[math.log(r[f"energy_step_{end}_j"]) for end in ("low", "high")] for r in (least, other)]
    (middle, half), (other_middle, other_half) = (((low + high) / 2, (high - low) / 2) for low, high in logs)
    undecided = other_middle - middle < math.hypot(half, other_half)  # a step has as many tokens on both
    assert ("Whether fp8 on the H100 SXM needs more is undecided." in first) is undecided
    assert "h100-sxm-80gb, 2 devices" in rest
    assert "fp8 against bf16 on the H100 SXM: " in rest


def test_one_bit_is_told_of_the_hardware_of_the_first_line(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("train", "llama-3.2-1b", "-H", "h100-sxm-80gb,h200-sxm-141gb", "-p", "bf16,bitnet-b1.58")
    wide, narrow = json.loads(bitnet_cost(*words, "-f", "json").out)["records"][2:]
    head = " ".join(bitnet_cost(*words).out.partition("\n\n")[0].split())
    assert "on one H200 SXM takes" in head
    more = 100 * (narrow["energy_step_j"] / wide["energy_step_j"] - 1)
    assert f"bitnet-b1.58 needs {more:.0f}% more energy than bf16" in head


def test_power_above_the_limit_of_a_board_is_explained(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("train", "llama-3.1-8b", "-H", "b200", "-p", "bf16", "--devices", "8", "--zero", "3")
    row = json.loads(bitnet_cost(*words, "-f", "json").out)["records"][0]
    links = "what links draw is not held by it and comes on top" in " ".join(bitnet_cost(*words, "--notes").out.split())
    assert links is (row["power_w"] > 8 * 1000)


def test_the_first_line_says_what_is_trained_beside_a_frozen_model(bitnet_cost: Callable[..., Ran]) -> None:
    for words, first in (([], "training a LoRA of rank 16 on"), (["--tokens", "1e9"], "Training a LoRA of rank 16 on")):
        assert first in bitnet_cost("train", "llama-3.1-8b", "-H", "h100-sxm-80gb", "--lora", "16", *words).out
    assert bitnet_cost("train", "llama-3.1-405b", "--lora", "16").out.startswith(
        "A LoRA of rank 16 on Llama 3.1 405B in"
    )
