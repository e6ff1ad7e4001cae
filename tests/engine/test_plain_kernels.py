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
    each = [32 * 16 * inputs * (outputs / 8 - 1) for inputs, outputs in shapes]  # bits a token
    missed = each[-1] * (1 - 128 * 1024 / (16 * 14336 * 2))  # 16 rows of 4096 entries are kept, of more 128 KiB
    assert (l2[2] - l2[1]) / 15 == pytest.approx(missed, abs=0.02 * sum(each))
    weights = 32 * 4 * sum(inputs * outputs for inputs, outputs in shapes)
    again = l2[1] - l2[0] + hbm[1] - hbm[0] - missed
    assert again == pytest.approx(weights, rel=0.08)  # scales and zeros of groups with them


def arithmetic(result: Result, name: str) -> float:
    """Seconds in which the products of an operator calculate, of a run's last phase."""
    assert result.timing is not None
    return float(result.timing.compute[-1, [op.name for op in result.counts.operators].index(name), 0])


def test_products_of_a_prompt_run_in_waves_of_tiles() -> None:
    for hardware, narrow, wide in (("a100-sxm-80gb", 64 / 108, 224 / 324), ("rtx-4090", 1.0, 224 / 256)):
        found = run("llama-3-8b", "fp16", 1, 512, "prefill", hardware, "llama.cpp")  # tiles of 256 x 128
        per_mac = [arithmetic(found, name) / columns for name, columns in (("o", 4096), ("up", 14336))]
        assert per_mac[0] / per_mac[1] == pytest.approx(wide / narrow)


def test_attention_that_stores_scores_calculates_masked_pairs_too() -> None:
    per_pair = [
        arithmetic(run("llama-2-7b", "fp16", 1, n, "prefill", "a100-sxm-80gb", "llama.cpp"), "attn_scores")
        / n
        / (n + 1)
        for n in (512, 2048)
    ]
    assert per_pair[0] / per_pair[1] == pytest.approx((1024 / 513) / (2560 / 2049))  # passes of 512
    shapes = [("eager-fp32", n) for n in (512, 1024)]
    times = [arithmetic(run("opt-1.3b", "fp32", 1, n, "prefill", "l4", name), "attn_scores") for name, n in shapes]
    assert times[1] / times[0] == pytest.approx(4.0)  # no half is saved


def test_the_framework_has_one_kernel_for_a_layer_norm_and_eight_for_the_tanh_form() -> None:
    def moved(model: str, name: str) -> float:
        found = run(model, "fp32", 8, 512, "prefill", "h100-sxm-80gb", "eager-fp32")
        assert found.timing is not None
        i = [op.name for op in found.counts.operators].index(name)
        entries = sum(each for quantity, _, each in found.counts.operators[i].terms if quantity == "inputs")
        return float(found.timing.memory[0, i, 0] / entries / found.counts.operators[i].repeat)

    assert moved("gpt2-large", "activation") == pytest.approx(9 * moved("bert-large", "activation"))  # 72 and 8 bytes
    assert moved("gpt2-large", "norm") < moved("llama-2-7b", "norm") / 3


def test_weights_are_widened_for_prompts_and_not_for_a_few_rows() -> None:
    def gain(batch: int, prompt: int, phase: str) -> float:
        times = [step("llama-3-8b", p, batch, prompt, phase, hardware="a100-sxm-80gb", runtime="llama.cpp")
                 for p in ("fp16", "q4_k_m")]  # fmt: skip
        return times[0] / times[1]

    assert gain(1, 512, "prefill") < 0.85
    assert gain(1, 512, "decode") > 1.8


def test_inputs_that_a_multiprocessor_keeps_cost_no_power_and_no_time() -> None:
    """Mistral 7B, 512 tokens on an H200: the down projection's rows do not fit; of CodeLlama 34B hardly any do."""
    power = {}
    for model in ("tinyllama-1.1b", "mistral-7b", "codellama-34b"):
        result = run(model, "w4a16", 1, 512, "prefill")
        assert result.timing is not None
        power[model] = float(result.energy_j / result.timing.total[0])
    assert power["tinyllama-1.1b"] < power["mistral-7b"] < power["codellama-34b"]
    assert 1.2 < power["codellama-34b"] / power["tinyllama-1.1b"] < 1.6  # measured: 471 and 334 W
    per_weight = [step(m, "w4a16", 1, 512, "prefill") / n for m, n in (("mistral-7b", 6.98), ("codellama-34b", 33.2))]
    assert per_weight[0] == pytest.approx(per_weight[1], rel=0.05)


def test_a_head_in_16_bits_is_read_where_layers_of_4_bits_read_in_tiles() -> None:
    head = []
    for precision in ("bf16", "w4a16"):
        result = run("llama-3.2-1b", precision, 1, 512)
        names = [op.name for op in result.counts.operators]
        head.append(result.timing.memory[-1, names.index("lm_head"), 0])  # type: ignore[union-attr]
    assert head[0] == head[1] > 1e-4  # 0.5 GB


def test_steps_on_chip_are_bound_by_their_instructions() -> None:
    """Norms of 2,048 tokens of 2,048 entries: 59 us each on an H100, 45 of them in TinyLlama, most of what is not a product."""
    plain = [
        run("tinyllama-1.1b", "bf16", 1, 2048, "prefill", runtime=name) for name in ("cuda-graph", "cuda-graph-2026")
    ]
    names = [op.name for op in plain[0].counts.operators]
    norms = [r.timing.seconds[0, names.index("norm"), 0] for r in plain]  # type: ignore[union-attr]
    assert 44 * 45e-6 < norms[1] < 44 * 70e-6
    waits = [r.timing.waiting[0, names.index("norm"), 0] for r in plain]  # type: ignore[union-attr]
    assert waits[1] > 2 * waits[0]


def test_int8_products_of_few_tokens_run_in_waves_of_64_x_64() -> None:
    """As measured on an H200: 4096 x 4096 takes 11.4, 11.5 and 11.9 us with 32, 64 and 128 tokens, 4096 x 6144 19.0."""
    found = {n: run("mistral-7b", "int8", n, 64) for n in (32, 64, 128)}
    o = [arithmetic(result, "o") for result in found.values()]  # 64 and 128 tiles on 132 multiprocessors
    assert o[0] == pytest.approx(o[1]) == pytest.approx(o[2])
    q = [arithmetic(result, "q") * 6144 / 4096 for result in found.values()]  # with k and v 96 tiles, and 192
    assert q == pytest.approx([o[0], o[1], 2 * o[2]])


def test_int4_blocks_run_four_a_multiprocessor_and_widen_what_they_read() -> None:
    """4096 outputs are 512 blocks, of which 528 run at once; 5120 are 640, and their second wave takes 0.5 of a full one: of 14336 inputs a part is read again."""
    names = ("mistral-7b", "mistral-nemo-12b")
    inner = [catalog.model(name).layers[0].repeat * wide * outputs for name, wide, outputs in
             zip(names, (14336, 14336), (4096, 5120), strict=True)]  # fmt: skip
    per_weight = [arithmetic(run(name, "w4a16", 16, 64), "down") / n for name, n in zip(names, inner, strict=True)]
    widening = 2.3  # slots, beside one of each of 16 rows
    second = 0.7 - 0.3 * (1 - 128 * 1024 / (16 * 14336 * 2))
    longer = (16 * (1 + second) / (640 / 528) + widening) / (16 + widening)
    assert per_weight[1] / per_weight[0] == pytest.approx(longer)
    times = [arithmetic(run("mistral-7b", "w4a16", n, 64), "up") for n in (16, 64, 65)]
    assert times[1] == pytest.approx(4 * times[0], rel=0.05)  # each tile of 16 rows widens its weights
    assert times[2] - times[1] > 0.1 * times[0]


def test_one_token_of_a_batch_takes_shorter_launches() -> None:
    bf16 = [step("tinyllama-1.1b", "bf16", n, 64, runtime="cuda-graph-2026") for n in (1, 2)]
    fp8 = [step("tinyllama-1.1b", "fp8", n, 64, runtime="cuda-graph-2026") for n in (1, 2)]
    assert bf16[1] - bf16[0] > 0.1e-3
    assert fp8[1] - fp8[0] > bf16[1] - bf16[0]


def test_empty_rows_of_int8_tiles_spend_less_than_half_of_what_full_ones_do() -> None:
    """Of 4096 x 14336 with 32 tokens a tile of 64 is half empty; 64 and 128 tokens leave no row empty."""
    model, tokens = "linear-4096x14336x20", (32, 64, 128)
    runs = [run(model, "int8", n, 1, "prefill") for n in tokens]
    spent = [contract(result.ledger, "action", "device")["mac.int8"].sum() for result in runs if result.ledger]
    assert spent[0] / spent[1] == pytest.approx((1 + 0.45) / 2)
    assert spent[2] / spent[1] == pytest.approx(2)
    operator = [result.by_operator[1].sum() / result.energy_j.sum() for result in runs]
    assert operator == pytest.approx([1, 1, 1])
