"""Traits of operators say what their names said: the rules by name, beside the traits, until those are gone."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from bitnet_cost.engine.checkpoint import _DOWN, _PLAIN, _VALUES
from bitnet_cost.engine.counts import operators
from bitnet_cost.engine.parallel import repeated
from bitnet_cost.engine.timing import _FUSED, kernel_class
from bitnet_cost.readers import catalog
from bitnet_cost.words import Counting

PRECISIONS = ("fp16", "int8", "int4", "bitnet-b1.58", "bitnet", "w4a8kv8", "fp8")


def by_trait(op: Any, precision: Any) -> str | None:
    kernel, linear = op.traits.kernel, precision.linear
    if kernel == "dequantise":
        return None
    if kernel == "quantise":
        return "quantise" if linear.rescale in ("product", "elementwise") else None
    if kernel not in ("product", "experts"):
        return None if op.traits.scores else str(kernel)
    if op.role == "lm_head" and precision.bits_of("lm_head") < 8:
        return "dequantised"
    narrow = linear.rescale == "elementwise"
    if kernel == "experts":
        return "experts-w8a8" if narrow else "experts"
    if op.role != "linear" or linear.weights.bits >= 8:
        return "w8a8" if narrow and op.role == "linear" else "linear"
    return "dequantised" if linear.rescale == "weights" else "lowbit"


def tensor_of(parameter: str) -> str:
    if parameter in (*_VALUES, *_DOWN, *_PLAIN):
        return "value" if parameter in _VALUES else "down" if parameter in _DOWN else "plain"
    return {"q": "query", "k": "key", "o": "output", "lm_head": "head", "embed_tokens": "embedding"}.get(
        parameter, "other"
    )


@pytest.mark.parametrize("counting", get_args(Counting))
def test_traits_are_the_rules_by_name(counting: Counting) -> None:
    precisions = [catalog.precision(name) for name in PRECISIONS]
    for name in catalog.names("model"):
        ops = operators(catalog.model(name), counting)
        names, first = {op.name for op in ops}, 0
        for op in ops:
            traits = op.traits
            for precision in precisions:
                assert by_trait(op, precision) == kernel_class(op, precision), (name, op)
            fuses = "projections" if _FUSED.get(op.name) in names else "no"
            assert traits.fused == ("always" if op.name in ("attn_context", "softmax") else fuses), (name, op)
            assert traits.split == (not repeated(op)), (name, op)
            assert traits.summed == (op.name == "residual"), (name, op)
            assert traits.scores == (op.name == "softmax"), (name, op)
            if op.matrices or op.parameter == "ssm_conv1d":
                assert traits.tensor == tensor_of(op.parameter), (name, op)
            assert op.layer == first, (name, op)
            first += op.repeat if op.name == "residual" else 0
