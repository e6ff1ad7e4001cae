"""What operators say of themselves: kernels, fusion, tensor parallelism, checkpoints, gradients."""

from __future__ import annotations

import pytest

from bitnet_cost.engine.kernels import kernel_class
from bitnet_cost.engine.operators import operators
from bitnet_cost.ledger.operators import Traits
from bitnet_cost.readers import catalog


@pytest.mark.parametrize(
    ("model", "name", "traits"),
    [
        ("llama-2-7b", "q", Traits("product", tensor="query")),
        ("llama-2-7b", "k", Traits("product", "projections", tensor="key")),
        ("llama-2-7b", "up", Traits("product", "projections", tensor="up")),
        ("gpt2", "up", Traits("product", tensor="up")),
        ("nemotron-nano-9b-v2", "up", Traits("product", tensor="up")),  # no gate in its layers: a kernel of its own
        ("nemotron-nano-9b-v2", "ssm_gate", Traits("activation", backward="elementwise")),
        ("llama-2-7b", "down", Traits("product", tensor="down")),
        ("llama-2-7b", "attn_context", Traits("attention", "always")),
        ("llama-2-7b", "softmax", Traits("attention", "always", scores=True, backward="elementwise")),
        ("llama-2-7b", "norm", Traits("norm", split=False, backward="elementwise")),
        ("qwen3-8b", "qk_norm", Traits("norm", backward="elementwise")),
        ("llama-2-7b", "residual", Traits("residual", split=False, summed=True, backward="elementwise")),
        ("llama-2-7b", "ffn_quantise", Traits("quantise", split=False, backward="none")),
        ("mixtral-8x7b", "expert_up", Traits("experts", "projections", tensor="up")),
        ("mixtral-8x7b", "router", Traits("product", split=False, tensor="plain")),
        ("deepseek-v3", "kv_b", Traits("product", tensor="value")),
        ("mamba-130m", "ssm_conv1d", Traits("elementwise", tensor="plain")),
        ("gpt2", "embed_positions", Traits("elementwise", split=False, tensor="plain", backward="elementwise")),
        ("llama-2-7b", "lm_head", Traits("product", tensor="head")),
    ],
)
def test_operators_carry_traits(model: str, name: str, traits: Traits) -> None:
    (found,) = {op.traits for op in operators(catalog.model(model)) if op.name == name}
    assert found == traits


@pytest.mark.parametrize(
    ("precision", "classes"),
    [
        ("fp16", ("linear", "linear", None)),
        ("int8", ("w8a8-int8", "linear", "quantise-int8")),
        ("fp8", ("w8a8", "linear", "quantise-w8a8")),
        ("fp8-block", ("w8a8-blocks", "linear", "quantise-blocks")),
        ("w8a16", ("dequantised-int8", "linear", None)),
        ("fp32", ("linear-fp32", "linear-fp32", None)),
        ("int4", ("dequantised-int4", "linear", None)),
        ("nvfp4", ("dequantised", "linear", None)),
        ("w3a16", ("dequantised-narrow", "linear", None)),
        ("bitnet-b1.58", ("lowbit", "linear", "quantise")),
    ],
)
def test_a_precision_decides_the_class_of_a_product(precision: str, classes: tuple[str | None, ...]) -> None:
    ops = {op.name: op for op in operators(catalog.model("llama-2-7b"))}
    chosen = catalog.precision(precision)
    assert tuple(kernel_class(ops[name], chosen) for name in ("q", "lm_head", "attn_quantise")) == classes
    assert kernel_class(ops["attn_dequantise"], chosen) == ("rescale" if precision == "int8" else None)


def test_layers_of_operators_follow_one_another() -> None:
    model = catalog.model("gemma-2-2b")
    runs = [(op.layer, op.repeat) for op in operators(model) if op.traits.summed]
    assert [first for first, _ in runs] == [sum(repeat for _, repeat in runs[:i]) for i in range(len(runs))]
    assert sum(repeat for _, repeat in runs) == operators(model)[-1].layer == model.depth


def test_operands_of_4_bits_in_blocks_run_classes_of_their_own() -> None:
    """Where a runtime does not list them, they are those of 8 bits."""
    ops = {op.name: op for op in operators(catalog.model("llama-2-7b"))}
    native = catalog.precision("nvfp4").on(("fp4",))
    assert [kernel_class(ops[name], native) for name in ("q", "attn_quantise")] == ["w4a4", "quantise-blocks"]
    listed = catalog.runtime("vllm", "gpu").listed
    assert [listed("w4a4"), listed("quantise-blocks")] == ["w8a8", listed("quantise-w8a8")]
