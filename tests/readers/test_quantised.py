"""Quantisation configurations as precisions: stored bits by hand, names of modules, and what is no configuration."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost import api
from bitnet_cost.errors import BitnetCostError, InvalidFile
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.readers import catalog
from bitnet_cost.readers.huggingface import architecture_from_config
from bitnet_cost.readers.module_names import meant
from bitnet_cost.readers.quantised import METHODS
from bitnet_cost.readers.safe_regex import Budget, Expression
from tests.golden.golden_data import HERE

SIZES: list[dict[str, Any]] = json.loads((HERE / "stored_sizes.json").read_text("utf-8"))["rows"]

LLAMA = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24,
    "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 32768, "tie_word_embeddings": False,
    "torch_dtype": "float16",
}  # fmt: skip
MIXTURE = {
    "model_type": "qwen3_moe", "hidden_size": 512, "intermediate_size": 1024, "moe_intermediate_size": 256,
    "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 1000,
    "num_experts": 8, "num_experts_per_tok": 2, "tie_word_embeddings": False, "dtype": "bfloat16",
}  # fmt: skip
LATENT = {
    "model_type": "deepseek_v3", "hidden_size": 512, "intermediate_size": 1024, "moe_intermediate_size": 256,
    "num_hidden_layers": 4, "num_attention_heads": 4, "vocab_size": 1000, "n_routed_experts": 8,
    "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 1, "q_lora_rank": 128,
    "kv_lora_rank": 64, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32, "n_group": 1,
    "topk_group": 1, "tie_word_embeddings": False,
}  # fmt: skip


def model(config: dict[str, Any], quantised: object) -> Architecture:
    return architecture_from_config({**config, "quantization_config": quantised}, name="own", source="tests")


def stored(config: dict[str, Any], quantised: object) -> Precision:
    found = model(config, quantised)
    return found.own(catalog.precision("file"))


def bytes_of(config: dict[str, Any], quantised: object) -> float:
    return float(api.estimate(model(config, quantised), "cmos-7nm", "file").footprint.total_weight_bits) / 8


@pytest.mark.parametrize("row", SIZES, ids=lambda row: f"{row['model']}-{row['precision']}")
def test_published_sizes_of_stored_weights(row: dict[str, Any]) -> None:
    result = api.estimate(row["model"], "cmos-7nm", row["precision"])
    assert float(result.footprint.total_weight_bits) / 8 == pytest.approx(row["bytes"], rel=row["within"], abs=0)


def test_a_gptq_file_in_groups_of_32() -> None:
    assert bytes_of(LLAMA, {"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": True}) == 1_112_477_696


LAYER = 2 * 2048 * 2048 + 2 * 2048 * 512 + 3 * 2048 * 8192  # weights of a layer
REST = 2 * (2 * 32768 * 2048 + (2 * 24 + 1) * 2048)  # bytes of tables and norms in 16 bits

BITS = [
    ({"quant_method": "gptq", "bits": 4, "group_size": 32}, 4 + 20 / 32),
    ({"quant_method": "gptq", "bits": 8, "group_size": 128, "sym": False}, 8 + 24 / 128),
    ({"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": True, "version": "gemm"}, 4 + 20 / 64),
    ({"quant_method": "auto-round", "bits": 2, "group_size": 128, "sym": True}, 2 + 18 / 128),
    ({"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}}, 4 + 32 / 64),
    ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, 4.5),
    ({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}, 4 + 8.125 / 64),
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8 + 32 / 128**2),
    ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized", "ignore": ["lm_head"],
      "config_groups": {"group_0": {"targets": ["Linear"], "weights": {
          "num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}}}}, 4.5),
    ({"quant_method": "compressed-tensors", "format": "pack-quantized", "ignore": ["lm_head"],
      "config_groups": {"group_0": {"targets": ["Linear"], "weights": {
          "num_bits": 4, "type": "int", "strategy": "group", "group_size": 128, "symmetric": True}}}}, 4 + 16 / 128),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]}, 4.5),
    ({"quant_method": "quark", "exclude": ["lm_head"], "global_quant_config": {"weight": {
        "dtype": "fp4", "qscheme": "per_group", "group_size": 32, "scale_format": "e8m0"}}}, 4.25),
    ({"quant_method": "torchao", "quant_type": "int4_weight_only"}, 4 + 32 / 128),
]  # fmt: skip


@pytest.mark.parametrize(("quantised", "bits"), BITS, ids=lambda value: str(value)[:50])
def test_stored_bits_by_hand(quantised: dict[str, Any], bits: float) -> None:
    assert bytes_of(LLAMA, quantised) == pytest.approx(24 * LAYER * bits / 8 + REST, rel=1e-12)


CHANNELS = 24 * (2 * 2048 + 2 * 512 + 2 * 8192 + 2048)  # output channels of the layers

BY_CHANNEL = [
    ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8, 32 * CHANNELS),
    ({"quant_method": "fbgemm_fp8"}, 8, 32 * CHANNELS),
    ({"quant_method": "gptq", "bits": 4, "group_size": -1}, 4, 20 * CHANNELS),
    ({"quant_method": "eetq"}, 8, 16 * CHANNELS),
    ({"quant_method": "fp8"}, 8, 32 * 24 * 7),
    ({"quant_method": "bitnet"}, 2, 16 * 24 * 7),
    ({"quant_method": "modelopt", "quant_algo": "FP8", "exclude_modules": ["lm_head"]}, 8, 32 * 24 * 7),
]  # fmt: skip


@pytest.mark.parametrize(("quantised", "bits", "scales"), BY_CHANNEL, ids=lambda value: str(value)[:40])
def test_stored_bits_with_one_scale_to_a_channel_or_matrix(quantised: dict[str, Any], bits: int, scales: int) -> None:
    assert bytes_of(LLAMA, quantised) == (24 * LAYER * bits + scales) / 8 + REST


def test_the_output_matrix_is_converted_where_nothing_excludes_it() -> None:
    quantised = {"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": []}
    excluded = quantised | {"exclude_modules": ["lm_head"]}
    assert bytes_of(LLAMA, excluded) - bytes_of(LLAMA, quantised) == 32768 * 2048 * (16 - 4.5) / 8
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    assert bytes_of(LLAMA, gptq) - bytes_of(LLAMA, gptq | {"lm_head": True}) == 32768 * 2048 * (16 - 4 - 20 / 128) / 8


def test_modules_that_are_left_as_they_were() -> None:
    fp8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    for names in (
        ["self_attn"],
        ["model.layers.*.self_attn"],
        ["re:.*self_attn.*"],
        [r"model\.layers\.\d+\.self_attn"],
    ):
        assert stored(LLAMA, fp8 | {"modules_to_not_convert": names}).kept == dict.fromkeys("qkvo", 1.0)
    assert stored(LLAMA, fp8 | {"ignored_layers": ["model.layers.0.", "model.layers.23."]}).kept["down"] == 2 / 24
    exact = [f"model.layers.{i}.mlp.down_proj" for i in range(6)]
    assert stored(LLAMA, fp8 | {"modules_to_not_convert": exact}).kept == {"down": 0.25}
    left = bytes_of(LLAMA, fp8 | {"modules_to_not_convert": exact})
    assert left - bytes_of(LLAMA, fp8) == pytest.approx(6 * 2048 * 8192 * (8 - 32 / 128**2) / 8)
    assert stored(LLAMA, fp8 | {"modules_to_not_convert": ["gate", "vision_tower", "lm_head"]}).kept == {}


def test_a_layer_that_is_left_multiplies_in_its_own_format() -> None:
    fp8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    left = api.estimate(model(LLAMA, fp8 | {"modules_to_not_convert": ["self_attn", "mlp"]}), "cmos-7nm", "file")
    plain = api.estimate(model(LLAMA, fp8), "cmos-7nm", "fp16")
    assert "mul.fp8" not in left.activity.arithmetic
    assert left.activity.arithmetic["mul.fp16"].sum() == plain.activity.arithmetic["mul.fp16"].sum()


def test_experts_and_shared_experts_by_regular_expression() -> None:
    # the configuration of Kimi-K2.5: only routed experts are converted
    group = {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32}}
    quantised = {
        "quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"group_0": group},
        "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*",
                   r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"],
    }  # fmt: skip
    kept = stored(LATENT, quantised).kept
    assert set(kept) == {
        "q_a", "q_b", "kv_a", "kv_b", "o", "gate", "up", "down", "shared_expert_gate", "shared_expert_up",
        "shared_expert_down",
    }  # fmt: skip
    assert set(kept.values()) == {1.0}


def test_other_bits_for_some_modules() -> None:
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    dynamic = {"-:.*self_attn.*": {}, r"+:.*\.down_proj": {"bits": 8, "group_size": 64}}
    found = stored(LLAMA, gptq | {"dynamic": dynamic})
    assert found.kept == dict.fromkeys("qkvo", 1.0)
    assert found.tensors == {"down": 8 + 24 / 64}
    mixed = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": {
        f"model.layers.{i}.mlp.{name}": {"quant_algo": "FP8" if name == "down_proj" else "NVFP4"}
        for i in range(24) for name in ("gate_proj", "up_proj", "down_proj")}}  # fmt: skip
    found = stored(LLAMA, mixed)
    assert found.tensors == {"gate": 4.5, "up": 4.5, "down": 8.0}
    assert found.kept == dict.fromkeys("qkvo", 1.0)


def test_names_of_what_is_beside_the_layers_mean_none_of_them() -> None:
    fp8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    names = ["mtp.layers.0.mlp.down_proj", "model.visual.blocks.0.mlp.down_proj", "vision_tower.layers.1.mlp.up_proj"]
    assert stored(LLAMA, fp8 | {"ignore": names}).kept == {}
    assert stored(LLAMA, fp8 | {"ignore": ["model.language_model.layers.0.mlp.down_proj"]}).kept == {"down": 1 / 24}


def test_layers_of_quark_with_bits_of_their_own() -> None:
    experts = {"*block_sparse_moe.experts": {"weight": {"dtype": "fp4", "qscheme": "per_group"}}}
    found = stored(MIXTURE, {"quant_method": "quark", "global_quant_config": {}, "layer_quant_config": experts})
    assert found.kept == {**dict.fromkeys("qkvo", 1.0)}
    assert found.tensors == dict.fromkeys(("expert_gate", "expert_up", "expert_down"), 4.25)
    stages = [{"dtype": "fp8_e4m3", "qscheme": "per_tensor"}, {"dtype": "int4", "qscheme": "per_channel"}]
    found = stored(LLAMA, {"quant_method": "quark", "global_quant_config": {"weight": stages}, "exclude": ["lm_head"]})
    assert (found.linear.weights.bits, found.linear.weights.scale_per) == (4, "channel")


def test_groups_of_modelopt_by_the_names_of_modules() -> None:
    fp8 = {
        "weights": {"num_bits": 8, "type": "float"},
        "targets": [f"model.layers.{i}.mlp.down_proj" for i in range(24)],
    }
    fp4 = {"weights": {"num_bits": 4, "type": "float", "group_size": 16},
           "targets": [f"model.layers.{i}.mlp.up_proj" for i in range(12)]}  # fmt: skip
    given = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "ignore": []}
    found = stored(LLAMA, given | {"config_groups": {"group_0": fp8, "group_1": fp4}})
    assert found.tensors == {"down": 8.0, "up": 0.5 * 4.5 + 0.5 * 16}
    assert set(found.kept) == {"q", "k", "v", "o", "gate"}


def test_experts_of_another_type_beside_the_method() -> None:
    found = stored(MIXTURE | {"expert_dtype": "fp4"}, {"quant_method": "fp8", "weight_block_size": [128, 128]})
    assert found.tensors == dict.fromkeys(("expert_gate", "expert_up", "expert_down"), 4.25)
    assert found.kept == {}


def test_the_cache_as_its_scheme_says() -> None:
    scheme = {"num_bits": 8, "type": "float", "strategy": "tensor"}
    group = {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": "channel"},
             "input_activations": {"num_bits": 8}}  # fmt: skip
    quantised = {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, "ignore": ["lm_head"]}
    assert stored(LLAMA, quantised).kv_bits == 16
    found = stored(LLAMA, quantised | {"kv_cache_scheme": scheme})
    assert (found.kv_bits, found.linear.recipe, found.linear.activation_bits) == (8, {"mul.fp8": 1, "add.fp32": 1}, 8)
    nvidia = {"quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "group_size": 16}, "producer": {}}
    assert stored(LLAMA, {"quant_method": "modelopt", **nvidia}).kv_bits == 8


def test_a_ternary_file_that_holds_16_bits() -> None:
    online = {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"}
    assert stored(LLAMA, online).linear.weights.bits == 16
    assert stored(LLAMA, online).linear.recipe == {"add.accumulator": 1}


def test_an_unknown_method_is_named_and_has_no_precision() -> None:
    found = model(LLAMA, {"quant_method": "aqlm", "in_group_size": 8})
    assert found.left_out(["fp16"]) == [
        "own: its files hold weights in aqlm; no precision here is known to be theirs. Answers are in the one asked for."
    ]
    with pytest.raises(BitnetCostError, match="precision 'file': the file of own holds weights in aqlm"):
        api.estimate(found, "cmos-7nm", "file")
    with pytest.raises(BitnetCostError, match="says nothing of its weights"):
        api.estimate("gpt2", "cmos-7nm", "file")


def test_the_file_is_asked_beside_fp16_where_there_is_one(bitnet_cost: Any) -> None:
    text = bitnet_cost("estimate", "gpt-oss-20b", "-H", "cmos-7nm", "-f", "json").out
    assert [row["precision"] for row in json.loads(text)["records"]] == ["fp32", "fp16", "file", "int8", "bitnet"]


FAULTS = [
    ({"quant_method": "gptq", "bits": "four"}, "quantization_config.bits"),
    ({"quant_method": "gptq", "bits": 4, "group_size": -2}, "quantization_config.group_size"),
    ({"quant_method": "fp8", "weight_block_size": [0, 128]}, "weight_block_size"),
    ({"quant_method": "fp8", "modules_to_not_convert": [1]}, "modules_to_not_convert"),
    ({"quant_method": "compressed-tensors"}, "config_groups"),
    ({"quant_method": "modelopt", "quant_algo": "FP2"}, "quant_algo"),
    ({"quant_method": "quark"}, "global_quant_config"),
    ({"quant_method": "fp8", "modules_to_not_convert": ["re:("]}, "is not a regular expression"),
    ({"quant_method": "fp8", "modules_to_not_convert": [r"re:(a)\1"]}, "looks back"),
    ({"quant_method": "fp8", "modules_to_not_convert": ["re:" + "(" * 2000]}, "at most 1000"),
    ({"quant_method": "fp8", "modules_to_not_convert": ["x"] * 100_001}, "names; at most"),
]  # fmt: skip


@pytest.mark.parametrize(("quantised", "message"), FAULTS, ids=lambda value: str(value)[:40])
def test_what_is_no_configuration_is_named(quantised: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFile, match=message):
        model(LLAMA, quantised)


@pytest.mark.parametrize("value", [None, True, -1, 10**30, 1.5, "x" * 300, [], {}, [[]], {"a": {}}])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_any_value_in_any_field_is_read_or_refused(method: str, value: object) -> None:
    fields = ("bits", "group_size", "weight_block_size", "ignore", "modules_to_not_convert", "config_groups", "dynamic",
              "quant_config", "global_quant_config", "quant_algo", "kv_cache_scheme", "quant_type", "weights",
              "extra_config", "quantized_layers", "quantization", "layer_quant_config", "lm_head")  # fmt: skip
    for field in fields:
        try:
            model(LLAMA, {"quant_method": method, field: value})
        except InvalidFile as fault:
            assert "\n" not in str(fault.args[0]) or len(str(fault)) < 600


@pytest.mark.parametrize(
    "text", ["(a+)+$", "((a*)*)*$", "(.*a?)*x", "(.*){1,200}x", "(?:a{1000}){1000}b", "(?=(a+)+$)x"]
)
def test_no_expression_of_a_file_takes_long(text: str) -> None:
    before = time.perf_counter()
    quantised = {"quant_method": "fp8", "modules_to_not_convert": [f"re:{text}[0-9]?"]}
    try:
        model(LLAMA, quantised)
        Expression(text, Budget()).matches("a" * 500 + "!")
    except BitnetCostError as fault:
        assert "takes too long" in str(fault)
    assert time.perf_counter() - before < 10  # some 0.1 s alone; the bound is for a machine that does other work


def test_the_importer_keeps_what_the_file_is_stored_in(tmp_path: Path, bitnet_cost: Any) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(LLAMA | {"quantization_config": BITS[0][0]}), "utf-8")
    own = tmp_path / "own.yaml"
    bitnet_cost("import", config, "-o", own)
    of_file, of_yaml = (bitnet_cost("estimate", f, "-p", "file", "-H", "l4", "-f", "csv").out for f in (config, own))
    assert of_file.split(",", 1)[1] == of_yaml.split(",", 1)[1]


def test_names_of_modules_are_compared_by_components() -> None:
    found = model(MIXTURE, None)
    assert meant(["gate"], found).layers == {}
    assert meant(["mlp.experts"], found).layers == dict.fromkeys(("expert_gate", "expert_up", "expert_down"), 1.0)
    assert meant(["model.layers.2.mlp.experts.7.up_proj"], found).layers == {"expert_up": 0.25}
    assert meant(["*.mlp.experts*"], found).layers == meant(["mlp.experts"], found).layers
    assert meant(["model.layers.[01].*"], found).layers["q"] == 0.5
