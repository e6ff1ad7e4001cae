"""Counts against independent witnesses: published totals, other formulas, brute force."""

from __future__ import annotations

import numpy as np
import pytest

import bitnet_cost
from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.footprint import parameters_by_role
from bitnet_cost.engine.operators import operators
from bitnet_cost.formulas.experts import touched_experts
from bitnet_cost.formulas.pairs import decode_pairs, prefill_pairs
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.readers import catalog


def parameters(name: str) -> int:
    return sum(parameters_by_role(operators(catalog.model(name))).values())


# Totals of the published checkpoints.
PUBLISHED = {
    "llama-2-7b": 6_738_415_616,
    "llama-2-13b": 13_015_864_320,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "mistral-7b": 7_241_732_096,
    "gpt2": 124_439_808,
    "bert-base": 109_514_298,
    "bert-large": 335_174_458,
    "bitnet-b1.58-2b4t": 2_412_820_480,
    "llama-3.2-1b": 1_235_814_400,
    "gemma-3-1b": 999_885_952,
    "qwen2.5-1.5b": 1_543_714_304,
    "smollm2-1.7b": 1_711_376_384,
    "opt-6.7b": 6_658_473_984,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_exact(name: str) -> None:
    assert parameters(name) == PUBLISHED[name]


def test_gpt3_sizes_are_those_of_the_paper() -> None:
    """Brown et al. 2020, Table 2.1, prints two or three digits."""
    printed = {
        "125m": 125e6,
        "350m": 350e6,
        "760m": 760e6,
        "1.3b": 1.3e9,
        "2.7b": 2.7e9,
        "6.7b": 6.7e9,
        "13b": 13e9,
        "175b": 175e9,
    }
    for size, count in printed.items():
        assert parameters(f"gpt3-{size}") == pytest.approx(count, rel=0.02)
    assert round(parameters("gpt3-175b") / 1e9, 1) == 174.6


def test_llama_2_7b_takes_6_9031_tflop() -> None:
    result = bitnet_cost.estimate("llama-2-7b", precision="fp16", prompt=512, attention="full", logits="all")
    assert round(2 * float(result.mac) / 1e12, 4) == 6.9031


@pytest.mark.parametrize("name", ["gpt3-175b", "llama-2-7b", "llama-2-70b", "opt-6.7b", "bitnet-b1.58-2b4t"])
def test_an_independent_formula(name: str) -> None:
    """MACs = weights that a token meets x tokens + 2 x layers x query width x pairs."""
    model = catalog.model(name)
    counts = count_ops(model, Workload(3, 70, 41))
    roles = parameters_by_role(operators(model))
    matrices = sum(n for role, n in roles.items() if not role.startswith(("embed", "norm", "bias", "lm_head")))
    attention = model.layers[0].attention
    assert attention
    width = attention.heads * model.head_dim(attention)
    head = model.hidden_size * model.vocab_size
    pairs = 3 * (70 * 71 // 2 + sum(70 + i for i in range(1, 41)))
    expected = matrices * 3 * 110 + 2 * model.depth * width * pairs + head * 3 * 41
    assert float(counts.total("mac")[0]) == expected


@pytest.mark.parametrize("window", [1, 5, 64, np.inf])
@pytest.mark.parametrize("span", ["causal", "full"])
def test_pairs_against_counting_them(window: float, span: str) -> None:
    for prompt in (1, 4, 63, 64, 65, 200):
        keys = range(1, prompt + 1) if span == "causal" else [prompt] * prompt
        assert prefill_pairs(np.array(float(prompt)), span, window) == sum(min(k, window) for k in keys)
        for generate in (1, 2, 70):
            counted = sum(min(prompt + i, window) for i in range(1, generate))
            assert decode_pairs(np.array(float(prompt)), np.array(float(generate)), window) == counted


def test_touched_experts_against_rolling_dice() -> None:
    random = np.random.default_rng(0)
    for experts, chosen, tokens in ((8, 2, 3), (64, 6, 20), (16, 16, 1)):
        rolls = [
            len(set().union(*(random.choice(experts, chosen, replace=False) for _ in range(tokens))))
            for _ in range(3000)
        ]
        assert touched_experts(experts, chosen, np.array(float(tokens))) == pytest.approx(np.mean(rolls), rel=0.02)


def tiny(**fields: object) -> Architecture:
    layer = {"repeat": 1, "attention": {"heads": 1}, "ffn": {"size": 7, "activation": "relu", "bias": True}}
    base = {
        "name": "tiny",
        "source": "test",
        "seen": "own",
        "hidden_size": 4,
        "vocab_size": 9,
        "layers": [layer],
        "rotary": False,
    }
    return Architecture.model_validate(base | fields)


def row(counts: OpCounts, name: str, quantity: str, phase: int = 0) -> float:
    index = [op.name for op in counts.operators].index(name)
    return float(counts[quantity][phase, index, 0])


def test_multiplications_and_additions_of_a_product() -> None:
    """[m, k] x [k, n]: MUL = m k n, ADD = m (k-1) n, and m n for a bias; m = 2 x 5 tokens."""
    result = bitnet_cost.estimate(tiny(), "cmos-45nm", "fp32", batch=2, prompt=5)
    names = [op.name for op in result.counts.operators]
    mul, add = result.actions("mul")[0, :, 0], result.actions("add")[0, :, 0]
    assert mul[names.index("up")] == 10 * 4 * 7
    assert add[names.index("up")] == 10 * 3 * 7 + 10 * 7
    assert mul[names.index("q")] == 10 * 4 * 4
    assert add[names.index("q")] == 10 * 3 * 4
    # scores of one head: every causal pair is a sum of 4 products; context sums as many products as keys attended
    assert mul[names.index("attn_scores")] == 2 * 15 * 4
    assert add[names.index("attn_scores")] == 2 * 15 * 3
    assert add[names.index("attn_context")] == 2 * sum(k - 1 for k in range(1, 6)) * 4


def test_one_bit_only_adds_and_rescales() -> None:
    """BitNet, eq. 18: no multiplication inside; m k to quantise the input and m n to scale the output, in FP16."""
    result = bitnet_cost.estimate(tiny(), "cmos-45nm", "bitnet", prompt=5)
    index = [op.name for op in result.counts.operators].index("up")
    assert result.activity.arithmetic["mul.fp16"][0, index, 0] == 5 * 4 + 5 * 7
    assert result.activity.arithmetic["add.int8"][0, index, 0] == 5 * 3 * 7 + 5 * 7
    exact = bitnet_cost.estimate(tiny(), "cmos-45nm", "bitnet", prompt=5, accumulator="int32")
    assert "add.int8" not in exact.activity.arithmetic
    assert exact.activity.arithmetic["add.int32"][0, index, 0] == 5 * 3 * 7 + 5 * 7


def test_attention_never_becomes_one_bit() -> None:
    for precision in ("int8", "bitnet", "bitnet-b1.58", "w4a8", "bitnet-a4.8"):
        result = bitnet_cost.estimate(tiny(), "cmos-45nm", precision, prompt=5)
        index = [op.name for op in result.counts.operators].index("attn_scores")
        assert result.activity.arithmetic["mul.fp16"][0, index, 0] == 15 * 4


def test_a4_8_keeps_eight_bits_before_o_and_down() -> None:
    result = bitnet_cost.estimate(tiny(), "cmos-45nm", "bitnet-a4.8", prompt=5)
    names = [op.name for op in result.counts.operators]
    narrow, wide = result.activity.arithmetic["add.int4"][0, :, 0], result.activity.arithmetic["add.int8"][0, :, 0]
    assert {n for n, x in zip(names, narrow, strict=True) if x} == {"q", "k", "v", "up"}
    assert {n for n, x in zip(names, wide, strict=True) if x} == {"o", "down"}


def test_conventions_are_the_workloads() -> None:
    model = catalog.model("gpt2")
    causal, full = (count_ops(model, Workload(1, 100, attention=a)) for a in ("causal", "full"))
    assert row(full, "attn_scores", "mac") / row(causal, "attn_scores", "mac") == 100 * 100 / 5050
    for logits, positions in (("last", 1), ("all", 100), ("none", 0)):
        counts = count_ops(model, Workload(1, 100, 4, logits=logits))  # type: ignore[arg-type]
        assert row(counts, "lm_head", "mac") == positions * 768 * 50257
        assert row(counts, "lm_head", "mac", phase=1) == (3 if positions else 0) * 768 * 50257


def test_windows_limit_what_is_attended_and_cached() -> None:
    near, far = (catalog.model(name) for name in ("mistral-7b", "llama-3-8b"))
    assert near.layers[0].attention
    window = near.layers[0].attention.window
    assert window == 4096
    long = Workload(1, 3 * window, 2)
    assert row(count_ops(near, long), "attn_scores", "mac", 1) == 32 * 4096 * window
    assert row(count_ops(far, long), "attn_scores", "mac", 1) == 32 * 4096 * (3 * window + 1)
    kv = [
        float(bitnet_cost.estimate(m, precision="fp16", prompt=3 * window).footprint.kv_bits[0]) / 8
        for m in (near, far)
    ]
    assert kv == [2 * 32 * 1024 * window * 2, 2 * 32 * 1024 * 3 * window * 2]


def test_kv_cache_is_per_kv_head() -> None:
    result = bitnet_cost.estimate("llama-2-70b", precision="fp16", prompt=100, generate=29)
    assert float(result.footprint.kv_bits[0]) / 8 == 128 * 327_680  # P + G - 1 positions
    assert float(bitnet_cost.estimate("bert-base", precision="fp16").footprint.kv_bits[0]) == 0


def test_sizes() -> None:
    exact = catalog.model("175B")
    assert exact.nominal_parameters == 175_000_000_000
    assert exact.layers == catalog.model("gpt3-175b").layers
    for text, nominal in (("30B", 30e9), ("70b", 70e9), ("1T", 1e12), ("1000T", 1e15), ("4B", 4e9)):
        model = catalog.model(text)
        counted = sum(parameters_by_role(operators(model)).values())
        assert model.nominal_parameters == nominal
        assert model.hidden_size % 128 == 0
        assert counted == pytest.approx(nominal, rel=0.04)
        for width in (model.hidden_size - 128, model.hidden_size + 128):  # no other width comes closer
            from bitnet_cost.readers.size import count

            other = count(model.depth, width, model.vocab_size, model.embedding.positions)
            assert abs(other - nominal) >= abs(counted - nominal)
