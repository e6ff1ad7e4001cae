"""Products in FP4 where a device has such units, and attention that reads a grouped cache again."""

from __future__ import annotations

import pytest

from bitnet_cost import estimate
from bitnet_cost.formulas.cap import BOOST
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.readers import catalog, machines


def asked(hardware: str, precision: str) -> Scenario:
    device, software = machines.setting(catalog.hardware(hardware), "tensorrt-llm")
    return Scenario(
        model=catalog.model("llama-3.1-8b"), precision=catalog.precision(precision), hardware=device, runtime=software,
        workload=Workload(prompt=2048, generate=2),
    )  # fmt: skip


@pytest.mark.parametrize("precision", ["nvfp4", "mxfp4"])
def test_a_precision_multiplies_in_fp4_only_where_units_are(precision: str) -> None:
    here, there = asked("b200", precision), asked("h100-sxm-80gb", precision)
    assert list(here.precision.linear.recipe) == ["mul.fp4", "add.fp32"]
    assert list(there.precision.linear.recipe) == ["mul.bf16", "add.bf16"]
    moved = there.but(hardware=here.hardware, runtime=here.runtime)
    assert moved.precision == here.precision
    assert here.but(hardware=there.hardware, runtime=there.runtime).precision == there.precision
    assert here.but(precision=catalog.precision("bf16")).precision == catalog.precision("bf16")


def test_fp4_products_cost_their_price_and_run_at_their_rate() -> None:
    device = catalog.hardware("b200")
    found = {
        name: estimate("linear-16384x16384", "b200", name, prompt=16384, generate=1, runtime="tensorrt-llm")
        for name in ("bf16", "nvfp4")
    }
    constants = catalog.constants().of_device("b200")
    scale = constants.mac if constants else 1.0
    for name, action in (("bf16", "mac.bf16"), ("nvfp4", "mac.fp4")):
        at_limit = 16384.0**3 * device.actions[action].value * scale
        alone = found[name].within("compute").by_component["mac"][1, 0]
        on_device = found[name].within("device").by_component["mac"][1, 0]
        assert at_limit * 0.999 < alone < at_limit * 1.001
        assert at_limit * 0.999 < on_device < at_limit * BOOST * 1.001  # one that repeats would meet the limit
    assert "special" not in found["bf16"].by_component or not found["bf16"].by_component["special"][1, 0]
    assert found["nvfp4"].by_component["special"][1, 0] > 0  # what quantises the activations
    assert found["nvfp4"].timing is not None
    assert found["bf16"].timing is not None
    assert 2 < float(found["bf16"].timing.total[0] / found["nvfp4"].timing.total[0]) < 6


def test_a_grouped_cache_is_read_again_from_the_chip() -> None:
    """Mistral's 32 heads share 8 cached ones: the share of the other three of each four reads is L2's."""
    software = catalog.runtime("vllm-2024", "gpu")
    repeats = software.kernel("attention").cache_repeats
    assert repeats is not None
    once = software.model_copy(update={"kernels": software.kernels | {
        "attention": software.kernel("attention").model_copy(update={"cache_repeats": None})
    }})  # fmt: skip
    for model, groups in (("mistral-7b", 4), ("llama-2-7b", 1)):
        again, plain = (
            estimate(model, "a100-sxm-80gb", "fp16", batch=16, prompt=2048, generate=2, runtime=runtime)
            for runtime in (software, once)
        )
        assert again.timing is not None
        assert plain.timing is not None
        more, less = again.timing.by_phase[1, 0], plain.timing.by_phase[1, 0]
        cache = 16 * 2049 * 2 * 32 * (32 // groups) * 128 * 16  # bits of keys and values
        level = catalog.hardware("a100-sxm-80gb").hierarchy["l2"]
        share = software.kernel("attention").bandwidth
        assert share is not None
        expected = (groups - 1) * repeats.value * cache / (level.rate * share.value)
        assert more - less == pytest.approx(expected, rel=0.02, abs=1e-12)
