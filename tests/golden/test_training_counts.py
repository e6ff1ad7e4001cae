"""Forward and backward passes of a training step equal a trace of the reference implementations, to the unit."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from bitnet_cost.engine.training_memory import counted, over
from bitnet_cost.engine.training_step import step_of
from bitnet_cost.inputs.training import plan_of, training_format
from bitnet_cost.readers import catalog
from tests.conftest import Ran

from .golden_data import HERE, SCENARIOS, architecture, golden

RUNS = {"train_b1_s512": "prefill_b1_s512", "train_b4_s128": "prefill_b4_s128"}
CONVOLVED = "ssm_conv1d"
RECOMPUTED, ADAPTED = "backward_with_recomputation", "lora_16"


@cache
def traced() -> dict[str, Any]:
    """MACs of the steps that were measured: by model, run and pass, by role."""
    found: dict[str, Any] = json.loads((HERE / "training_counts.json").read_text())["models"]
    return found


MODELS = sorted(traced())


def passes(name: str, run: str, **others: Any) -> dict[str, dict[str, int]]:
    """MACs by role that we count forward and backward."""
    batch, seq, *_ = SCENARIOS[RUNS[run]]
    model = architecture(name)
    plan = plan_of(micro_batch=batch, seq=seq, counting="traced", **others)
    form = training_format(catalog.precision("bf16"))
    counts = counted(model, plan)
    made = step_of(model, counts, plan, form, catalog.training_runtime("eager"))
    found: dict[str, dict[str, int]] = {"forward": {}, "backward": {}}
    for row in made.rows:
        if row.macs:
            (macs,) = over(row.macs, counts.bases)
            assert macs == int(macs)
            of = found["backward" if row.phase else "forward"]
            of[row.op.name] = of.get(row.op.name, 0) + int(macs)
    return found


def test_every_kind_of_model_is_here() -> None:
    models = [architecture(name) for name in MODELS]
    assert len(models) == 36
    assert any(m.kind == "encoder" for m in models)
    assert sum(any(layer.moe for layer in m.layers) for m in models) >= 5
    assert sum(name.startswith("bitnet") for name in MODELS) == 3


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", MODELS)
def test_macs_of_a_step(name: str, run: str) -> None:
    ours, measured = passes(name, run), traced()[name][run]
    assert ours["forward"] == measured["forward"] == golden()[name]["macs"][RUNS[run]]
    back = dict(measured["backward"])
    if CONVOLVED in back:  # the counter takes the weights of a depthwise convolution for those of a full one
        ahead = measured["forward"][CONVOLVED]
        channels = next(layer.state_space.inner_size for layer in architecture(name).layers if layer.state_space)
        assert back[CONVOLVED] == ahead * (1 + channels)
        back[CONVOLVED] = 2 * ahead
    assert ours["backward"] == back


@pytest.mark.parametrize("name", [n for n in MODELS if RECOMPUTED in traced()[n]["train_b4_s128"]])
def test_macs_with_every_layer_run_again(name: str) -> None:
    ours = passes(name, "train_b4_s128", recompute="full")
    assert sum(ours["backward"].values()) == traced()[name]["train_b4_s128"][RECOMPUTED]


@pytest.mark.parametrize("name", [n for n in MODELS if ADAPTED in traced()[n]["train_b4_s128"]])
def test_macs_with_adapters_over_a_frozen_base(name: str) -> None:
    ours = passes(name, "train_b4_s128", lora=16)
    assert {which: sum(macs.values()) for which, macs in ours.items()} == traced()[name]["train_b4_s128"][ADAPTED]


@pytest.mark.parametrize("name", ["gpt2", "llama-3-8b", "mixtral-8x7b", "bert-base", "bitnet-b1.58-2b4t"])
def test_the_command_counts_as_the_counter(bitnet_cost: Callable[..., Ran], name: str) -> None:
    measured = traced()[{"bert-base": "bert-base-uncased", "bitnet-b1.58-2b4t": "bitnet-b1.58-2b-4t"}.get(name, name)]
    whole = measured["train_b4_s128"]
    words = ("--counting", "traced", "--seq", "128", "--micro-batch", "4", "-p", "bf16,bitnet-b1.58", "-f", "json")
    found = json.loads(bitnet_cost("train", name, *words).out)
    for record, counts in zip(found["records"], found["counts"], strict=True):
        assert counts["forward_mac"] == sum(whole["forward"].values())
        assert counts["backward_mac"] == sum(whole["backward"].values())
        assert counts["recomputed_mac"] == 0
        flop = 2 * (counts["forward_mac"] + counts["backward_mac"])
        assert record["model_flop_per_token"] * 512 == flop
