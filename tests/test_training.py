"""Training: counts against published totals, memory against published formulas, plans that are refused, the command."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.training import train as train_step
from bitnet_cost.engine.training_memory import bytes_each, counted, layer_bytes
from bitnet_cost.engine.training_step import step_of
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.training import compute_of_tokens, state_bytes
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.training import Plan, plan_of, training_format
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.readers import catalog, electricity
from bitnet_cost.studies.training import Terms, precision, train
from bitnet_cost.words import Scope
from tests.conftest import Ran

RECORD = [
    "model",
    "parameters",
    "hardware",
    "runtime",
    "precision",
    "scope",
    "devices",
    "dp",
    "tp",
    "pp",
    "cp",
    "ep",
    "zero",
    "seq",
    "micro_batch",
    "global_batch",
    "recompute",
    "optimizer",
    "tokens",
    "forward_s",
    "backward_s",
    "optimizer_s",
    "exchange_s",
    "bubble_s",
    "step_s",
    "tokens_per_s",
    "tokens_per_s_per_device",
    "model_flop_per_token",
    "tflops_per_device",
    "mfu",
    "hfu",
    "weights_bytes",
    "gradients_bytes",
    "optimizer_bytes",
    "activation_bytes",
    "memory_per_device_bytes",
    "capacity_bytes",
    "fits",
    "energy_step_j",
    "energy_step_low_j",
    "energy_step_high_j",
    "power_w",
    "energy_per_token_j",
    "days",
    "energy_kwh",
    "carbon_kg",
    "cost_usd",
    "baseline",
    "saving",
    "reason",
]

# Brown et al., Language Models are Few-Shot Learners, 2020, arXiv:2005.14165, table D.1: FLOP of 300 billion tokens.
GPT3_D1 = {
    "gpt3-125m": 2.25e20, "gpt3-350m": 6.41e20, "gpt3-760m": 1.37e21, "gpt3-1.3b": 2.38e21, "gpt3-2.7b": 4.77e21, "gpt3-6.7b": 1.20e22, "gpt3-13b": 2.31e22,
    "gpt3-175b": 3.14e23,
}  # fmt: skip
# Rajbhandari et al., ZeRO, 2020, arXiv:1910.02054, table 1: GB on each device, 7.5 billion parameters, by devices.
ZERO_TABLE = {
    1: (120, 120, 120), 4: (52.5, 41.3, 30), 16: (35.6, 21.6, 7.5), 64: (31.4, 16.6, 1.88), 256: (30.4, 15.4, 0.47),
    1024: (30.1, 15.1, 0.12),
}  # fmt: skip
# Korthikanti et al., 2022, arXiv:2205.05198, table 3: hidden size, heads, layers, tensor, pipeline, micro-batch.
MEGATRON = {"22B": (6144, 64, 48, 8, 1, 4), "175B": (12288, 96, 96, 8, 8, 1), "530B": (20480, 128, 105, 8, 35, 1),
            "1T": (25600, 160, 128, 8, 64, 1)}  # fmt: skip


def gpt(hidden: int, heads: int, layers: int) -> Architecture:
    ffn = {"size": 4 * hidden, "activation": "gelu", "gated": False, "bias": True}
    layer = {"repeat": layers, "attention": {"heads": heads, "qkv_bias": True, "o_bias": True}, "ffn": ffn}
    return Architecture.model_validate({
        "name": "gpt", "source": "the tests", "seen": "own", "hidden_size": hidden, "vocab_size": 51200,
        "norm": "layernorm", "rotary": False, "embedding": {"positions": 2048}, "layers": [layer],
        "lm_head": {"tied": True},
    })  # fmt: skip


def step(
    model: str, form: str = "bf16", device: str = "h100-sxm-80gb", runtime: str = "megatron", **plan: object
) -> TrainingResult:
    asked = plan_of(**plan)  # type: ignore[arg-type]
    chosen = precision(form)
    return train_step(
        catalog.model(model), chosen, training_format(chosen, lora=asked.lora), catalog.hardware(device),
        catalog.training_runtime(runtime), asked, between=catalog.links().links["infiniband-ndr"],
    )  # fmt: skip


# --- counting ---


@pytest.mark.parametrize("name", GPT3_D1)
def test_the_table_of_training_compute_of_gpt3(name: str) -> None:
    model = catalog.model(name)
    parameters = count_ops(model, Workload(logits="all")).operators
    total = sum(op.repeat * (op.weights + op.bias) for op in parameters)
    assert compute_of_tokens(total, 300e9) == pytest.approx(GPT3_D1[name], rel=0.02)


@pytest.mark.parametrize("name", ["gpt3-125m", "gpt3-6.7b", "llama-2-7b", "llama-3.1-8b"])
def test_six_n_d_within_its_corrections(name: str) -> None:
    """6 N of the matrices that multiply, the tied head among them, and attention: 6 x 2 x layers x width x mean keys."""
    model = catalog.model(name)
    plan = plan_of(seq=2048)
    counts = counted(model, plan)
    products = sum(op.repeat * op.shape[0] * op.shape[1] * (op.matrices or 1) for op in counts.operators
                   if op.traits.kernel == "product" and op.shape[0])  # fmt: skip
    attention = sum(
        layer.repeat * 2 * layer.attention.heads * model.head_dim(layer.attention) for layer in model.layers
        if layer.attention
    ) * (2048 + 1) / 2  # fmt: skip
    made = step_of(model, counts, plan, training_format(precision("bf16")), catalog.training_runtime("megatron"))
    assert made.counts.model * 2 / 2048 == pytest.approx(6 * (products + attention), rel=1e-12)
    assert made.counts.model == pytest.approx(3 * made.counts.forward, rel=1e-12)


def test_experts_count_the_tokens_routed_to_them() -> None:
    model = catalog.model("mixtral-8x7b")
    plan = plan_of(seq=2048)
    counts = counted(model, plan)
    made = step_of(model, counts, plan, training_format(precision("bf16")), catalog.training_runtime("megatron"))
    active = 12.9e9  # Mistral AI, Mixtral of experts, 2024, arXiv:2401.04088, section 1: 13B active
    assert made.counts.model * 2 / 2048 / 6 == pytest.approx(active, rel=0.06)


def test_recomputation_adds_a_forward_pass_of_the_layers() -> None:
    none, full = (step("gpt3-1.3b", recompute=r) for r in ("none", "full"))
    assert none.seconds is not None
    assert full.seconds is not None
    assert none.energy is not None
    assert full.energy is not None
    assert full.seconds.backward > none.seconds.backward
    assert full.counts.model == none.counts.model
    assert 1.2 < full.counts.run / none.counts.run < 1.34
    assert full.memory.activations < none.memory.activations / 5


def test_unfused_attention_is_what_selective_recomputation_repeats() -> None:
    runs = [step("gpt3-1.3b", "bf16", runtime="megatron-2022", recompute=r) for r in ("none", "selective", "full")]
    macs = [r.counts.run for r in runs]
    assert macs[0] < macs[1] < macs[2]
    held = [r.memory.activations for r in runs]
    assert held[0] > held[1] > held[2]
    fused = [step("gpt3-1.3b", recompute=r).counts.run for r in ("none", "selective")]
    assert fused[0] == fused[1]


# --- memory ---


def published_bytes(
    tokens: int, seq: int, hidden: int, heads: int, tensor: int = 1, *, sequence_parallel: bool = False,
    scores: bool = True,
) -> float:  # fmt: skip
    """Bytes that a layer of GPT keeps for its backward pass in 16 bits, with dropout: s b h (34 + 5 a s / h).

    With t tensor-parallel devices s b h (10 + 24/t + 5 a s/(h t)); with sequence parallelism all of it over t.
    Korthikanti et al., Reducing Activation Recomputation, 2022, arXiv:2205.05198, table 2. Without ``scores`` they are
    recomputed (selective), and 5 a s / h is left out.  ``tokens`` = s b
    """
    whole = 0 if sequence_parallel else 10
    shared = (34 - whole + (5 * heads * seq / hidden if scores else 0)) / tensor
    return tokens * hidden * (whole + shared)


@pytest.mark.parametrize("size", MEGATRON)
@pytest.mark.parametrize(("sequence", "recompute"), [(False, "none"), (True, "none"), (True, "selective")])
def test_activations_as_published(size: str, sequence: bool, recompute: str) -> None:
    hidden, heads, layers, tp, _, micro = MEGATRON[size]
    model = gpt(hidden, heads, layers)
    runtime = catalog.training_runtime("megatron-2022").model_copy(update={"sequence_parallel": sequence})
    plan = Plan(2048, micro, micro, tp, 1, tp, recompute=recompute)  # type: ignore[arg-type]
    found = layer_bytes(model, counted(model, plan), plan, runtime, training_format(precision("fp16"))) / layers
    expected = published_bytes(
        micro * 2048, 2048, hidden, heads, tp, sequence_parallel=sequence, scores=recompute == "none"
    )
    assert found == pytest.approx(expected, rel=0.03)


def test_full_recomputation_keeps_the_input_of_a_layer() -> None:
    model = gpt(12288, 96, 96)
    plan = Plan(2048, 1, 1, recompute="full")
    runtime = catalog.training_runtime("megatron-2022")
    found = layer_bytes(model, counted(model, plan), plan, runtime, training_format(precision("fp16")))
    assert found == 96 * 2 * 2048 * 12288  # table 2: 2 s b h


@pytest.mark.parametrize("devices", ZERO_TABLE)
def test_the_table_of_zero(devices: int) -> None:
    for stage, expected in enumerate(ZERO_TABLE[devices], 1):
        found = sum(state_bytes(7.5e9, 2, 2, 12, devices, stage)) / 1e9
        digits = max(0.0051, 0.051 * (expected >= 3))  # half a unit of the last printed digit
        assert found == pytest.approx(expected, abs=digits)


def test_bytes_of_a_parameter() -> None:
    form, plan = training_format(precision("bf16")), Plan()
    assert sum(bytes_each(plan, form, catalog.training_runtime("eager"))) == 16
    assert sum(bytes_each(plan, form, catalog.training_runtime("megatron"))) == 18
    assert sum(bytes_each(plan, training_format(precision("fp32")), catalog.training_runtime("eager"))) == 16
    assert sum(bytes_each(Plan(master="none"), form, catalog.training_runtime("megatron"))) == 12
    eight = Plan(optimizer="adamw-8bit")
    assert sum(bytes_each(eight, form, catalog.training_runtime("eager"))) == 10


def test_one_bit_holds_what_wide_training_holds() -> None:
    wide, narrow = step("gpt3-1.3b", "bf16"), step("gpt3-1.3b", "bitnet-b1.58")
    assert wide.memory == narrow.memory


def test_division_holds_less_each() -> None:
    whole = step("gpt3-13b", devices=8, dp=8).memory
    plans: tuple[dict[str, Any], ...] = ({"tp": 8}, {"pp": 8}, {"dp": 8, "zero": 3}, {"dp": 8, "zero": 1})
    for plan in plans:
        part = step("gpt3-13b", devices=8, **plan).memory
        assert part.peak < whole.peak


def test_a_pipeline_that_layers_do_not_divide_goes_at_the_pace_of_its_largest_stage() -> None:
    five, four = (step("gpt3-13b", devices=p, pp=p, global_batch=36).seconds for p in (9, 12))  # of 40 layers
    assert five is not None
    assert four is not None
    assert five.forward == pytest.approx(four.forward * 5 / 4, rel=0.01)


# --- time and energy ---


def test_parts_of_a_step_are_its_sum_and_energy_its_components() -> None:
    found = step("llama-3.2-1b", devices=8, tp=2, zero=1, global_batch=16)
    assert found.seconds is not None
    assert found.energy is not None
    assert sum(found.seconds) == pytest.approx(found.seconds.total, rel=1e-12)
    low, nominal, high = found.energy
    assert low < nominal < high
    assert nominal / found.seconds.total / 8 <= 701  # the board's limit


def test_one_bit_takes_longer_in_training() -> None:
    """Own steps on an H100, eager: 1.42 to 1.51 times the time, 1.25 to 1.35 times the energy."""
    wide, narrow = (
        step("bitnet-b1.58-700m", form, runtime="eager", micro_batch=8) for form in ("bf16", "bitnet-b1.58")
    )
    assert wide.seconds is not None
    assert narrow.seconds is not None
    assert wide.energy is not None
    assert narrow.energy is not None
    assert 1.34 < narrow.seconds.total / wide.seconds.total < 1.55
    assert 1.17 < narrow.energy[1] / wide.energy[1] < 1.43


def test_interleaving_shrinks_the_bubble_and_holds_more() -> None:
    plan: dict[str, Any] = {"devices": 8, "pp": 8, "global_batch": 32}
    plain, interleaved = step("gpt3-13b", **plan), step("gpt3-13b", virtual_stages=5, **plan)
    assert plain.seconds is not None
    assert interleaved.seconds is not None
    assert interleaved.seconds.bubble < plain.seconds.bubble / 4
    assert interleaved.memory.activations > plain.memory.activations


def test_adapters_over_a_frozen_base() -> None:
    frozen = step("llama-3.1-8b", "int4", runtime="eager", lora=16)
    full = step("llama-3.1-8b", "bf16", runtime="eager")
    assert frozen.fits
    assert not full.fits
    assert frozen.trained < 0.01 * frozen.parameters
    assert frozen.counts.model < 0.72 * full.counts.model  # a third of the products' gradients is left out


# --- the command ---


@pytest.mark.parametrize(("words", "says"), [
    (["--devices", "8", "--tp", "3"], "devices: dp x tp x pp x cp is 2 x 3 x 1 x 1 = 6, not 8"),
    (["--dp", "2", "--global-batch", "5"], "global-batch: 5 is not a multiple of micro-batch x dp"),
    (["--devices", "64", "--pp", "64"], "pp: 64 stages are more than the 32 layers"),
    (["--devices", "5", "--tp", "5"], "tp: 5 devices do not divide the 32 heads"),
    (["--devices", "8", "--pp", "2", "--zero", "3"], "zero: stage 3 does not"),
    (["-p", "int4"], "precision 'int4' has no gradients"),
    (["--ep", "2", "--dp", "2"], "ep: llama-3.1-8b has no experts"),
    (["--seq", "0"], "seq: 0 is not a whole number"),
    (["--tokens", "many"], "tokens: 'many' is not a number"),
    (["--runtime", "vllm"], "vllm"),
    (["-H", "cmos-45nm", "--devices", "2"], "is a technology node"),
])  # fmt: skip
def test_nonsense_is_refused_by_name(bitnet_cost: Callable[..., Ran], words: list[str], says: str) -> None:
    ended = bitnet_cost("train", "llama-3.1-8b", *words)
    assert ended.code == 2
    assert says in ended.err
    assert ended.err.startswith("error: ")
    assert not ended.out


def test_records_have_the_names_of_the_contract_in_its_order(bitnet_cost: Callable[..., Ran]) -> None:
    ended = bitnet_cost("train", "llama-3.2-1b", "-f", "json")
    record = json.loads(ended.out)["records"][0]
    assert list(record) == RECORD
    assert record["days"] is None
    assert record["energy_kwh"] is None
    rows = list(csv.reader(io.StringIO(bitnet_cost("train", "llama-3.2-1b", "-f", "csv").out)))
    assert rows[0] == RECORD
    assert len(rows) == 3


def test_totals_of_a_run(bitnet_cost: Callable[..., Ran]) -> None:
    words = (
        "175B",
        "--tokens",
        "300B",
        "-H",
        "h100-sxm-80gb",
        "--devices",
        "1024",
        "--tp",
        "8",
        "--pp",
        "8",
        "-p",
        "bf16",
    )
    ended = bitnet_cost("train", *words, "--pue", "1.1", "--carbon", "100", "--price", "0.1", "-f", "json")
    record = json.loads(ended.out)["records"][0]
    assert record["fits"]
    assert record["days"] == pytest.approx(300e9 / record["tokens_per_s"] / 86400)
    assert record["carbon_kg"] == pytest.approx(record["energy_kwh"] * 0.1)
    assert record["cost_usd"] == pytest.approx(record["energy_kwh"] * 0.1)
    assert record["step_s"] == pytest.approx(
        sum(record[f"{phase}_s"] for phase in ("forward", "backward", "optimizer", "exchange", "bubble"))
    )


def test_what_does_not_fit_names_the_devices_that_would() -> None:
    found = train("llama-3.1-8b", precisions=["bf16"])[0]
    assert found.reason is not None
    assert "such devices would hold it" in found.reason
    assert found.energy is None
    auto = train("llama-3.1-8b", precisions=["bf16"], devices="auto")[0]
    assert auto.fits
    assert auto.plan.devices > 1


@pytest.mark.parametrize("device", ["h100-sxm-80gb", "v100-sxm-16gb", "cmos-7nm"])
def test_a_saving_is_that_of_the_energies(device: str) -> None:
    wide, narrow = train("gpt2", [device], ["bf16", "bitnet-b1.58"])
    assert wide.energy is not None
    assert narrow.energy is not None
    assert narrow.saving is not None
    assert narrow.saving[1] == pytest.approx(1 - narrow.energy[1] / wide.energy[1], abs=1e-9)
    assert wide.saving == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("form", ["fp32", "tf32", "fp16", "bf16", "fp8", "bitnet", "bitnet-b1.58", "w1.58a8"])
def test_every_format_that_has_gradients_is_trained(form: str) -> None:
    found = step("gpt2", form, runtime="eager")
    assert found.energy is not None
    assert found.utilisation is not None
    assert 0 < found.utilisation[0] <= found.utilisation[1] < 1


@pytest.mark.parametrize("optimizer", ["adamw", "adamw-8bit", "sgd", "muon"])
def test_every_optimiser_steps(optimizer: str) -> None:
    found = step("gpt2", runtime="eager", optimizer=optimizer)
    assert found.seconds is not None
    assert found.seconds.optimizer > 0


def test_every_model_of_the_catalogue_is_counted() -> None:
    for name in catalog.names("model"):
        model = catalog.model(name)
        plan = plan_of(seq=128)
        form = training_format(precision("bitnet-b1.58"))
        made = step_of(model, counted(model, plan), plan, form, catalog.training_runtime("eager"))
        assert made.counts.model == pytest.approx(3 * made.counts.forward, rel=1e-9)


def test_experts_divide_their_weights() -> None:
    alone, shared = (step("qwen3-30b-a3b", devices=8, ep=ep, zero=3, global_batch=8) for ep in (1, 8))
    assert shared.memory.weights == pytest.approx(alone.memory.weights, rel=1e-9)  # by ZeRO 3, or by ep and ZeRO 3
    one = step("qwen3-30b-a3b", devices=8, ep=8, zero=1, global_batch=8)
    assert one.memory.weights < step("qwen3-30b-a3b", devices=8, zero=1, global_batch=8).memory.weights / 4


def test_nodes_answer_their_scopes() -> None:
    scopes: tuple[Scope, ...] = ("arithmetic", "compute", "memory")
    for scope in scopes:
        found = train("gpt3-125m", ["cmos-7nm"], ["fp32", "bitnet"], Terms(scope=scope))
        assert all(r.energy is not None and r.seconds is None for r in found)
    with pytest.raises(BitnetCostError, match="technology node"):
        train("gpt3-125m", ["cmos-7nm"], terms=Terms(scope="device"))


def billed(bitnet_cost: Callable[..., Ran], *words: str) -> dict[str, Any]:
    base = ("train", "llama-2-7b", "-p", "bf16", "--devices", "8", "--zero", "3", "--tokens", "2T", "-f", "json")
    record: dict[str, Any] = json.loads(bitnet_cost(*base, *words).out)["records"][0]
    return record


def test_days_energy_carbon_and_money_by_hand(bitnet_cost: Callable[..., Ran]) -> None:
    """Each from the step alone: seconds and joules of a step, a million tokens in 512 sequences of 2,048."""
    step = billed(bitnet_cost)
    steps = 2e12 / (512 * 2048)
    kwh = step["energy_step_j"] * steps / 3.6e6
    hours = step["step_s"] * steps / 3600
    assert step["days"] == pytest.approx(hours / 24)
    assert step["energy_kwh"] == pytest.approx(kwh)
    assert step["carbon_kg"] is None
    assert step["cost_usd"] is None
    site = billed(bitnet_cost, "--pue", "1.2", "--carbon", "344", "--price", "0.25")
    assert site["energy_step_j"] == step["energy_step_j"]  # of the devices; the facility's is in the totals
    assert site["energy_kwh"] == pytest.approx(kwh * 1.2)
    assert site["carbon_kg"] == pytest.approx(kwh * 1.2 * 0.344)
    assert site["cost_usd"] == pytest.approx(kwh * 1.2 * 0.25)
    rented = billed(bitnet_cost, "--price", "0.25", "--device-hour", "2")
    assert rented["cost_usd"] == pytest.approx(kwh * 0.25 + 8 * hours * 2)
    made = billed(bitnet_cost, "--embodied", "150", "--lifetime", "4")
    of_making = 8 * 150 * hours / (4 * 365.25 * 24)
    assert made["carbon_kg"] == pytest.approx(of_making)
    both = billed(bitnet_cost, "--embodied", "150", "--lifetime", "4", "--carbon", "344", "--pue", "1.2")
    assert both["carbon_kg"] == pytest.approx(of_making + kwh * 1.2 * 0.344)
    zone = billed(bitnet_cost, "--carbon", "deu")
    assert zone["carbon_kg"] == pytest.approx(kwh * electricity.carbon_intensity("deu")[0] * 3600)


def test_the_scope_of_a_facility_holds_its_overhead_once(bitnet_cost: Callable[..., Ran]) -> None:
    device = billed(bitnet_cost, "--pue", "1.3", "--carbon", "100")
    facility = billed(bitnet_cost, "--pue", "1.3", "--carbon", "100", "--scope", "facility")
    assert facility["energy_step_j"] == pytest.approx(1.3 * device["energy_step_j"])
    assert facility["energy_kwh"] == pytest.approx(device["energy_kwh"])
    assert facility["carbon_kg"] == pytest.approx(device["carbon_kg"])


def test_making_of_a_profile_is_its_own(bitnet_cost: Callable[..., Ran]) -> None:
    own = catalog.hardware("h100-sxm-80gb").embodied
    found = billed(bitnet_cost, "--embodied", "profile")
    assert own is not None
    assert found["carbon_kg"] == pytest.approx(own.value / 1e3 * 8 * found["days"] / (3 * 365.25))


def test_totals_without_tokens_are_none_and_say_so(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("train", "gpt2", "-p", "bf16", "--carbon", "world", "--price", "0.1")
    record = json.loads(bitnet_cost(*words, "-f", "json").out)["records"][0]
    assert record["carbon_kg"] is record["cost_usd"] is record["days"] is None
    assert "--tokens" in bitnet_cost(*words, "--notes").out


# --- a runtime of one's own ---


@pytest.mark.parametrize(("text", "says"), [
    ("extends: egaer", "no training runtime is called 'egaer'"),
    ("extends: eager\nlogit_bytes: many", "own.yaml: logit_bytes (line 4)"),
    ("extends: eager\nlogit_byte: 12", "did you mean 'logit_bytes'?"),
    ("extends: eager\noverlap: {value: 80 GB, basis: assumed, source: guess}", "this field wants ratio"),
    ("extends: ./own.yaml", "own.yaml: extends\n  refers to itself"),
])  # fmt: skip
def test_a_faulty_runtime_is_told(bitnet_cost: Callable[..., Ran], tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "own.yaml").write_text(f"name: own\ntitle: My own\n{text}\n", "utf-8")
    for ended in (bitnet_cost("check", tmp_path / "own.yaml"),
                  bitnet_cost("train", "gpt2", "--runtime", tmp_path / "own.yaml")):  # fmt: skip
        assert ended.code in (1, 2)
        assert says in ended.err


def test_a_runtime_of_a_file_trains(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own\ntitle: My own\nextends: eager\nlogit_bytes: 12\n", "utf-8")
    assert "training runtime own: no fault" in bitnet_cost("check", tmp_path / "own.yaml").out
    words = ("train", "gpt2", "-p", "bf16", "-f", "json")
    own, eager = (
        json.loads(bitnet_cost(*words, "--runtime", name).out)["records"][0]
        for name in (tmp_path / "own.yaml", "eager")
    )
    assert own["runtime"] == "own"
    assert eager["activation_bytes"] - own["activation_bytes"] == 2 * own["seq"] * 50257
    assert own["step_s"] == eager["step_s"]


def test_training_runtimes_are_listed_and_shown(bitnet_cost: Callable[..., Ran]) -> None:
    rows = json.loads(bitnet_cost("list", "runtimes", "training", "-f", "json").out)
    assert {row["runtime"] for row in rows} == set(catalog.names("training-runtime"))
    for row in rows[::4]:
        assert "training runtime" in bitnet_cost("show", row["runtime"]).out
