"""Layers and operators that a precision sets apart are counted in their own format."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import bitnet_cost
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.readers import catalog

MIXED = Path(__file__).parents[2] / "docs" / "examples" / "mixed-precision.yaml"
ATTENTION = 2 * 2048 * 2048 + 2 * 2048 * 512  # weights of q, o, k, v of a layer of Llama 3.2 1B, which has 16
FEED_FORWARD = 3 * 2048 * 8192


def mixed(*apart: dict[str, object]) -> Precision:
    data = yaml.safe_load(MIXED.read_text("utf-8"))
    return Precision.model_validate(data | {"apart": list(apart)})


def test_bytes_by_hand() -> None:
    """Of 16 layers two stay in FP16; of 14 attention takes 1 byte a weight, the rest a quarter, with FP16 scales."""
    own, plain = (bitnet_cost.estimate("llama-3.2-1b", "h100-sxm-80gb", p) for p in (str(MIXED), "fp16"))
    scales = 2 * (2048 + 512 + 512 + 2048) + 2 * 3  # a channel of each projection; one for a feed-forward matrix
    less = 14 * (ATTENTION * (2 - 1) + FEED_FORWARD * (2 - 0.25) - scales)
    assert plain.to_records()[0]["weights_bytes"] - own.to_records()[0]["weights_bytes"] == pytest.approx(
        less, rel=1e-12
    )


def test_macs_are_those_of_their_formats() -> None:
    """A token's products: FP16 in two layers, INT8 in the projections of 14, additions in their feed-forward parts."""
    result = bitnet_cost.estimate("llama-3.2-1b", "cmos-45nm", str(MIXED), prompt=1, generate=1)
    found: dict[str, float] = {}
    for name, column in result.activity.arithmetic.items():
        found[name] = float(column.sum())
    assert found["mul.int8"] == 14 * ATTENTION
    assert found["mul.fp16"] >= 2 * (ATTENTION + FEED_FORWARD)
    assert found["add.int8"] > 14 * FEED_FORWARD * 0.99


@pytest.mark.parametrize("apart", [{}, {"first": 16}, {"first": 5, "last": 11}, {"first": 20, "last": 20}])
@pytest.mark.parametrize("form", ["w8a8", "fp16", "w4a16"])
def test_all_layers_apart_are_the_other_precision(apart: dict[str, int], form: str) -> None:
    one = bitnet_cost.estimate("llama-3.2-1b", "h100-sxm-80gb", mixed({**apart, "linear": form}))
    other = bitnet_cost.estimate("llama-3.2-1b", "h100-sxm-80gb", form)
    for column in ("energy_j", "latency_s", "weights_bytes"):
        assert one.to_records()[0][column] == pytest.approx(other.to_records()[0][column], rel=1e-12), column


def test_an_operator_that_no_model_has_is_refused_by_name() -> None:
    with pytest.raises(BitnetCostError, match="no operator is named queries; this model has q, k, v, o"):
        bitnet_cost.estimate("llama-3.2-1b", "h100-sxm-80gb", mixed({"operators": ["queries"], "linear": "fp16"}))
    with pytest.raises(ValueError, match="'ternery' is not a format"):
        mixed({"linear": "ternery"})


def test_every_device_answers_in_every_precision_or_names_the_price_it_lacks() -> None:
    """A twentieth of all pairs, each device and each precision among them."""
    devices, precisions = catalog.names("hardware"), catalog.names("precision")
    for i, device in enumerate(devices):
        for precision in precisions[i % 20 :: 20]:
            try:
                result = bitnet_cost.estimate("gpt2", device, precision)
            except BitnetCostError as fault:
                assert "has no price for action" in str(fault) or "has no rate" in str(fault), (device, precision)
            else:
                assert float(result.energy_j) > 0 or not result.fits, (device, precision)
