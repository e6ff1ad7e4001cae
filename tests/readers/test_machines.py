"""Software on devices: what it runs on, and what it holds weights in."""

from __future__ import annotations

import pytest

import bitnet_cost
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.readers import catalog, machines

PHONE = "snapdragon-8-gen-3"


def test_software_of_one_family_is_refused_on_another() -> None:
    said = "'qnn' runs on devices named snapdragon-..., not on 'apple-a17-pro'; leave it out for llama.cpp"
    with pytest.raises(BitnetCostError, match=said):
        bitnet_cost.estimate("llama-3-8b", "apple-a17-pro", "int4", runtime="qnn")
    with pytest.raises(BitnetCostError, match="'mlx' runs on devices named apple-"):
        machines.setting(catalog.hardware("ryzen-ai-max-395"), "mlx")


def test_weights_that_no_kernel_takes_are_held_moved_and_paid_for_in_more_bits() -> None:
    """By hand: every weight of a layer in 4 bits instead of 2, with what else there is as it was."""
    model = "bitnet-b1.58-2b4t"
    hardware, software = machines.setting(catalog.hardware(PHONE), "qnn")
    assert software is not None
    narrow = software.model_copy(update={"least_bits": 0.0})
    wide, packed = (
        bitnet_cost.estimate(model, hardware, "bitnet-b1.58-i2s", runtime=runtime, prompt=64, generate=2)
        for runtime in (software, narrow)
    )
    layers = sum(op.weights * op.repeat for op in wide.counts.operators if op.role == "linear")
    assert wide.footprint.total_weight_bits - packed.footprint.total_weight_bits == 2 * layers
    assert float((wide.activity.weight_bits - packed.activity.weight_bits).sum()) == pytest.approx(2 * 2 * layers)
    price = hardware.memory.read.value  # type: ignore[union-attr]
    static = hardware.device_power.static.value * float(wide.timing.total[0] - packed.timing.total[0])  # type: ignore[union-attr]
    assert float(wide.energy_j - packed.energy_j) == pytest.approx(2 * 2 * layers * price + static, rel=0.01)
    assert wide.footprint.ideal_bits == packed.footprint.ideal_bits
