"""Low-bit products and FP32 attention in plain framework steps: their regimes, and how they follow their figures."""

import pytest

from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.contract import contract
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog, machines


def step(model: str, precision: str, batch: int, prompt: int, phase: str = "decode", **asked: str) -> float:
    """Seconds of one pass."""
    return float(run(model, precision, batch, prompt, phase, **asked).timing.by_phase[-1, 0])  # type: ignore[union-attr]


def run(
    model: str, precision: str, batch: int, prompt: int, phase: str = "decode", hardware: str = "h200-sxm-141gb",
    runtime: str = "cuda-graph",
) -> Result:  # fmt: skip
    device, software = machines.setting(catalog.hardware(hardware), runtime)
    generate = 2 if phase == "decode" else 1
    return evaluate(
        Scenario(model=catalog.model(model), precision=catalog.precision(precision), hardware=device, runtime=software,
                 workload=Workload(batch, prompt, generate))
    )  # fmt: skip


def test_int4_of_a_plain_framework_is_made_for_few_tokens() -> None:
    gains = [step("llama-3-8b", "bf16", n, 512) / step("llama-3-8b", "int4", n, 512) for n in (1, 8, 64)]
    assert gains[0] > 1.3
    assert 0.7 < gains[1] < 1
    assert gains[2] < 0.3
    assert step("llama-3-8b", "int4", 1, 2048, "prefill") > 10 * step("llama-3-8b", "bf16", 1, 2048, "prefill")
    fused = [step("llama-3-8b", p, 1, 2048, "prefill", runtime="vllm") for p in ("bf16", "int4")]
    assert fused[1] < 2 * fused[0]  # an engine has a kernel for many tokens


@pytest.mark.parametrize(("precision", "least", "most"), [("fp8", 0.9, 1.2), ("int8", 0.6, 0.8)])
def test_quantising_apart_takes_what_narrow_products_save(precision: str, least: float, most: float) -> None:
    plain = [step("llama-3-8b", p, 1, 512, "prefill") for p in ("bf16", precision)]
    assert least < plain[0] / plain[1] < most
    fused = [step("llama-3-8b", p, 1, 512, "prefill", runtime="tensorrt-llm") for p in ("bf16", precision)]
    assert fused[0] / fused[1] > most


def test_fp32_attention_waits_for_a_tile_of_one_query_and_for_multiprocessors_without_one() -> None:
    per_key = [step("llama-2-7b", "fp32", n, 4096) - step("llama-2-7b", "fp32", n, 512) for n in (1, 4, 8)]
    assert per_key[1] == pytest.approx(per_key[0], rel=0.03)  # 32 and 128 heads on 132 multiprocessors
    assert 1.8 < per_key[2] / per_key[1] < 2.1
    fp16 = step("llama-2-7b", "fp16", 1, 4096) - step("llama-2-7b", "fp16", 1, 512)
    assert per_key[0] > 10 * fp16


def test_shared_keys_and_values_are_copied_for_every_query_head_in_fp32() -> None:
    result = run("llama-3-8b", "fp32", 8, 512)
    names = [op.name for op in result.counts.operators]
    moved = {name: result.timing.memory[-1, names.index(name), 0] for name in ("attn_scores", "attn_context")}  # type: ignore[union-attr]
    own = run("llama-2-7b", "fp32", 8, 512)
    names = [op.name for op in own.counts.operators]
    assert moved["attn_scores"] > 3 * own.timing.memory[-1, names.index("attn_scores"), 0]  # type: ignore[union-attr]


def test_two_bits_take_as_long_to_unpack_as_three() -> None:
    times = [step("llama-2-70b", p, 1, 64, runtime="tensorrt-llm") for p in ("w2a16", "w3a16", "int4")]
    assert times[0] == pytest.approx(times[1], rel=0.02)
    assert times[2] < times[1]


def test_tiles_of_int4_read_activations_for_each_8_outputs_and_weights_for_each_16_rows() -> None:
    shapes = ((4096, 6144), (4096, 4096), (4096, 28672), (14336, 4096))  # of a layer of Llama-3-8B
    l2, hbm = [], []
    for batch in (16, 17, 32):
        ledger = run("llama-3-8b", "int4", batch, 1, "prefill").ledger
        assert ledger is not None
        runs = contract(ledger, "action", "device")
        l2.append(float(runs["l2.read"][0]))
        hbm.append(float(runs["hbm.read"][0]))
    activations = 32 * sum(16 * inputs * (outputs / 8 - 1) for inputs, outputs in shapes)  # bits a token
    assert (l2[2] - l2[1]) / 15 == pytest.approx(activations, rel=0.02)
    weights = 32 * 4 * sum(inputs * outputs for inputs, outputs in shapes)
    again = l2[1] - l2[0] + hbm[1] - hbm[0] - activations
    assert again == pytest.approx(weights, rel=0.08)  # scales and zeros of groups with them
