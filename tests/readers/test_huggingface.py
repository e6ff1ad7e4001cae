"""Reading a config.json: real files, what files leave out, and what is refused."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitnet_cost import estimate
from bitnet_cost.engine.footprint import parameters_by_role
from bitnet_cost.engine.operators import operators
from bitnet_cost.errors import BitnetCostError, InvalidFile
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.readers import catalog
from bitnet_cost.readers.huggingface import FAMILIES, architecture_from_config, read_config
from bitnet_cost.readers.json_file import parse_json
from bitnet_cost.readers.yaml_file import parse_yaml
from bitnet_cost.views.model_yaml import model_yaml
from tests.golden.golden_data import CONFIGS, cached, config, golden, macs

ROOT = Path(__file__).resolve().parents[2]
LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100,
    "intermediate_size": 128, "num_key_value_heads": 2,
}  # fmt: skip
MAMBA2: dict[str, Any] = {
    "model_type": "mamba2", "hidden_size": 64, "num_hidden_layers": 2, "num_heads": 16, "head_dim": 8,
    "vocab_size": 100, "n_groups": 1,
}  # fmt: skip


HYBRID: dict[str, Any] = {
    "model_type": "nemotron_h", "hidden_size": 64, "num_hidden_layers": 5, "num_attention_heads": 4, "vocab_size": 100,
    "intermediate_size": 128, "num_key_value_heads": 2, "head_dim": 24, "mamba_num_heads": 8, "mamba_head_dim": 10,
    "n_groups": 2, "hybrid_override_pattern": "M-M*-",
}  # fmt: skip
LLAMA4: dict[str, Any] = LLAMA | {
    "model_type": "llama4_text", "num_hidden_layers": 8, "intermediate_size_mlp": 200, "num_local_experts": 4,
    "head_dim": 16,
}  # fmt: skip


def test_layers_that_attend_to_pictures_wait_in_memory() -> None:
    """Llama 3.2 Vision of 11B: Llama 3.1 8B, eight more layers with two gates each, and eight rows of the table."""
    text = {
        "model_type": "mllama_text_model", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 40,
        "num_attention_heads": 32, "vocab_size": 128256, "cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38],
    }  # fmt: skip
    outer = {"model_type": "mllama", "text_config": text, "vision_config": {"hidden_size": 7}}
    seen, plain = (
        estimate(model, hardware="h100-sxm-80gb", precision="bf16")
        for model in (architecture_from_config(outer, name="seen", source="here"), "llama-3.1-8b")
    )
    layer = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336 + 2 * 4096 + 2 * 128 + 2
    assert seen.parameters == plain.parameters + 8 * layer + 8 * 4096
    for same in ("mac", "energy_j", "token_rates"):
        assert getattr(seen, same) == getattr(plain, same)
    assert seen.footprint.kv_bits == plain.footprint.kv_bits


def read(config: dict[str, Any]) -> Architecture:
    return architecture_from_config(config, name="tiny", source="test", file="config.json")


def total(architecture: Architecture) -> int:
    return sum(parameters_by_role(operators(architecture)).values())


# --- real files -----------------------------------------------------------------------------------------------------


def test_a_file_and_its_folder_are_read_alike() -> None:
    folder = CONFIGS / "gpt2"
    assert read_config(folder).layers == read_config(folder / "config.json").layers
    assert read_config(folder).name == "gpt2"
    assert catalog.model(str(folder)) == read_config(folder)
    assert catalog.model(str(folder / "config.json")).seen == "own"


@pytest.mark.parametrize("name", sorted(json.loads((CONFIGS / "provenance.json").read_text())))
def test_published_totals(name: str) -> None:
    known = json.loads((CONFIGS / "provenance.json").read_text())[name]
    count = known.get("parameters_published")
    if isinstance(count, int) and "text_config" not in config(name):
        assert total(read(config(name))) == count


def test_the_catalogue_is_what_the_importer_writes() -> None:
    script = ROOT / "scripts" / "import_models.py"
    ran = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_catalogue_spans_what_people_run() -> None:
    totals = [total(catalog.model(name)) for name in catalog.names("model")]
    assert len(totals) >= 60
    assert min(totals) < 100e6
    assert max(totals) > 1e12


@pytest.mark.parametrize("name", sorted(golden()))
def test_yaml_round_trip(name: str) -> None:
    model = read(config(name))
    assert Architecture.model_validate(parse_yaml(model_yaml(model)).data) == model


# --- what files leave out, and other spellings ----------------------------------------------------------------------


def test_irrelevant_fields_change_nothing() -> None:
    noise = {"bos_token_id": 1, "auto_map": {"a": "b"}, "id2label": {"0": "x"}, "rope_theta": 1e6, "note": None}
    assert read(LLAMA | noise) == read(LLAMA)


def test_a_left_out_query_rank_is_not_a_null_one() -> None:
    latent = config("deepseek-v3") | {"q_lora_rank": None}
    assert read(latent).layers[0].latent_attention.q_rank is None  # type: ignore[union-attr]
    del latent["q_lora_rank"]
    assert read(latent).layers[0].latent_attention.q_rank == 1536  # type: ignore[union-attr]


def test_class_defaults() -> None:
    mistral = LLAMA | {"model_type": "mistral", "num_attention_heads": 8}
    del mistral["num_key_value_heads"]
    attention = read(mistral).layers[0].attention
    assert attention is not None
    assert (attention.kv_heads, attention.window) == (None, 4096)  # eight by default, and eight query heads
    assert read(mistral | {"sliding_window": None}).layers[0].attention == attention.model_copy(update={"window": None})


def test_original_files_of_falcon() -> None:
    """Falcon-7B and 40B as TII's own code wrote them, against the files of today."""
    seven = {"model_type": "RefinedWebModel", "hidden_size": 4544, "n_layer": 32, "n_head": 71, "vocab_size": 65024}
    seven |= {"multi_query": True, "parallel_attn": True, "bias": False, "alibi": False}
    assert read(seven).layers == read(config("falcon-7b")).layers
    forty = {"model_type": "RefinedWeb", "hidden_size": 8192, "n_layer": 60, "n_head": 128, "n_head_kv": 8}
    forty |= {"vocab_size": 65024, "parallel_attn": True, "bias": False, "alibi": False}
    assert read(forty).layers == read(config("falcon-40b")).layers


def test_original_file_of_phi() -> None:
    old = {"model_type": "phi-msft", "n_embd": 2560, "n_head": 32, "n_layer": 32, "n_inner": None, "n_head_kv": None}
    old |= {"n_positions": 2048, "vocab_size": 51200, "rotary_dim": 32, "activation_function": "gelu_new"}
    assert read(old).layers == read(config("phi-2")).layers


def test_older_spelling_of_bloom() -> None:
    spelt = {"model_type": "bloom", "n_embed": 64, "n_layer": 2, "num_attention_heads": 4, "vocab_size": 100}
    modern = {"model_type": "bloom", "hidden_size": 64, "num_hidden_layers": 2, "n_head": 4, "vocab_size": 100}
    assert read(spelt) == read(modern)


def test_a_multimodal_file_is_its_language_model() -> None:
    text = {key: value for key, value in LLAMA.items() if key != "num_key_value_heads"}
    outer = {"model_type": "llava", "text_config": text, "vision_config": {"hidden_size": 7}}
    assert read(outer).layers == read(text).layers
    assert "vision parts" in read(outer).note
    assert read(outer | {"tie_word_embeddings": True}).lm_head.tied  # type: ignore[union-attr]


def test_feed_forward_blocks_that_follow_one_another_are_layers_of_their_own() -> None:
    """Nemotron-3's pattern begins with, or repeats, blocks without a mixer: each is a layer with one norm."""
    layers = read(HYBRID | {"hybrid_override_pattern": "-M--*"}).layers
    assert [(layer.mixers, layer.ffn is not None, layer.norms) for layer in layers] == [
        ([], True, 1), (["state_space"], True, 2), (["attention"], False, 1)
    ]  # fmt: skip
    assert [layer.repeat for layer in layers] == [2, 1, 1]


def test_a_multimodal_file_may_leave_out_what_its_class_knows() -> None:
    """LLaVA-1.5 7B's language model says little more than that it is a Llama."""
    outer = {"model_type": "llava", "text_config": {"model_type": "llama", "vocab_size": 32064}}
    assert total(read(outer)) == 6738415616 + 2 * 64 * 4096


def test_the_class_decides_beside_the_model_type() -> None:
    bitnet = read(LLAMA | {"architectures": ["BitnetForCausalLM"]}).layers[0]
    assert bitnet.attention is not None
    assert bitnet.attention.sub_norm
    assert read(LLAMA | {"architectures": ["LlamaForCausalLM"]}) == read(LLAMA)


def test_partial_rotary_under_either_name() -> None:
    phi = LLAMA | {"model_type": "phi"}
    newer = phi | {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.25}}
    assert read(newer).layers == read(phi | {"partial_rotary_factor": 0.25}).layers
    assert read(phi).layers[0].attention.rotary_dim == 8  # type: ignore[union-attr]


# --- families of their own shape ------------------------------------------------------------------------------------


def test_the_first_qwen_series_counts_gate_and_up_as_one() -> None:
    seven = config("qwen-7b")
    as_later = {"model_type": "qwen2", "intermediate_size": 11008, "num_key_value_heads": 32}
    (ours,), (later,) = read(seven).layers, read(seven | as_later).layers
    assert ours.attention is not None
    assert ours.attention.model_copy(update={"fused": False}) == later.attention
    assert ours.ffn == later.ffn
    biased = read(seven | {"no_bias": False}).layers[0]
    assert (biased.attention.o_bias, biased.ffn.bias) == (True, True)  # type: ignore[union-attr]
    assert read(seven | {"no_bias": None}).layers[0] == biased


def test_phi_3_small_says_what_is_not_exact() -> None:
    small = read(config("phi-3-small"))
    assert total(small) == 7392272384
    assert "block-sparse" in small.note


@pytest.mark.parametrize(("name", "published"), [("llama-4-scout", 108641793536), ("llama-4-maverick", 401583781376)])
def test_llama_4_is_what_the_vision_parts_leave(name: str, published: int) -> None:
    """The vision encoder and its projector have 871,932,416 parameters (Llama4ForConditionalGeneration)."""
    assert total(read(config(name))) == published - 871932416


def test_llama_4_turns_and_cuts_three_layers_in_four() -> None:
    kinds = {
        (layer.attention.window, layer.attention.rotary_dim, layer.moe is not None): layer.repeat  # type: ignore[union-attr]
        for layer in read(LLAMA4 | {"interleave_moe_layer_step": 2}).layers
    }
    assert kinds == {(8192, None, False): 4, (8192, None, True): 2, (None, 0, True): 2}
    types = ["chunked_attention"] * 3 + ["full_attention"]
    spelt_out = {"moe_layers": [1, 3, 5, 7], "no_rope_layers": [1, 1, 1, 0] * 2, "layer_types": types * 2}
    assert read(LLAMA4 | spelt_out) == read(LLAMA4 | {"interleave_moe_layer_step": 2})
    assert read(LLAMA4 | {"no_rope_layers": []}) == read(LLAMA4)
    unlike = read(LLAMA4 | {"layer_types": ["full_attention"] * 8})
    assert [layer.attention.rotary_dim for layer in unlike.layers] == [None, 0]  # type: ignore[union-attr]


def test_llama_4_is_read_from_its_multimodal_file() -> None:
    text = {key: value for key, value in LLAMA4.items() if key != "model_type"}
    outer = read({"model_type": "llama4", "text_config": text})
    assert outer.layers == read(LLAMA4).layers
    assert "vision parts" in outer.note
    assert "chunks" in outer.note


@pytest.mark.parametrize(
    ("said", "weights", "precision"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "GPTQ, 4 bit, groups of 128", "file"),
        ({"quant_method": "awq", "w_bit": 3}, "AWQ, 3 bit, groups of 128", "file"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes, INT8", "file"),
        ({"quant_method": "bitnet"}, "BitNet, ternary", "file"),
        ({"quant_method": "mxfp4"}, "MXFP4, 4 bit", "file"),
        ({"quant_method": "fp8", "fmt": "e4m3"}, "FP8", "file"),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"group_0": {
                "weights": {"num_bits": 8, "type": "int"}, "input_activations": {"num_bits": 8}}}},
            "compressed-tensors, 8 bit", "file",
        ),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"group_0": {
                "weights": {"num_bits": 8, "type": "float"}}}},
            "compressed-tensors, FP8", "file",
        ),
        ({"quant_method": "nobodys"}, "nobodys", ""),
        ("something", "a format that its quantization_config does not name", ""),
    ],
)  # fmt: skip
def test_quantised_weights_are_told(said: Any, weights: str, precision: str) -> None:
    found = read(LLAMA | {"quantization_config": said})
    assert found.checkpoint is not None
    assert (found.checkpoint.weights, found.checkpoint.precision) == (weights, precision)
    (told,) = found.left_out(["fp16"])
    assert f"weights in {weights};" in told
    if precision:
        assert f"-p {precision}" in told
        assert found.left_out(["fp16", precision]) == []
        assert found.own(catalog.precision(precision)) == found.checkpoint.stored
    else:
        with pytest.raises(BitnetCostError, match="which no precision here describes"):
            found.own(catalog.precision("file"))
    assert total(found) == total(read(LLAMA))
    assert Architecture.model_validate(parse_yaml(model_yaml(found)).data) == found


def test_layers_for_further_tokens_are_told() -> None:
    (told,) = read(LLAMA | {"num_nextn_predict_layers": 1}).left_out()
    assert "1 layer for multi-token prediction (num_nextn_predict_layers), which no answer counts" in told
    assert read(LLAMA | {"num_nextn_predict_layers": 0, "quantization_config": None}).checkpoint is None
    with pytest.raises(InvalidFile, match="num_nextn_predict_layers"):
        read(LLAMA | {"num_nextn_predict_layers": "one"})


def test_a_feed_forward_block_joins_the_mixer_before_it() -> None:
    layers = read(HYBRID).layers
    assert [(bool(x.state_space), bool(x.ffn), x.norms, x.repeat) for x in layers] == [
        (True, True, 2, 1), (True, False, 1, 1), (False, True, 2, 1),
    ]  # fmt: skip
    space = layers[0].state_space
    assert space is not None
    assert (space.inner_size, space.heads, space.groups, space.chunk) == (80, 8, 2, 128)
    assert not read(HYBRID).rotary
    listed = {
        key: value for key, value in HYBRID.items() if key not in ("hybrid_override_pattern", "num_hidden_layers")
    }
    for names in (("mamba", "attention"), ("linear_attention", "full_attention")):
        blocks = [names[0], "mlp", names[0], names[1], "mlp"]
        assert read(listed | {"layers_block_type": blocks}) == read(HYBRID)


def test_a_hybrid_may_hold_experts_without_a_gate() -> None:
    widths = {"moe_intermediate_size": 36, "moe_shared_expert_intermediate_size": 48}
    moe = read(HYBRID | widths | {"hybrid_override_pattern": "MEM*E"}).layers[0].moe
    assert moe is not None
    assert (moe.gated, moe.size, moe.shared_size, moe.activation) == (False, 36, 48, "relu2")


# Classes that tests/golden does not hold, measured in the same way: FlopCounterMode over transformers 5.23.0, torch
# 2.13.0. Parameters, MACs of a prompt of 512 tokens and of a step of 8 sequences after 1023, cache entries after 64.
SMALL: dict[str, Any] = {
    "hidden_size": 96, "num_attention_heads": 4, "vocab_size": 211, "max_position_embeddings": 4096,
    "intermediate_size": 160,
}  # fmt: skip
NEMOTRON = SMALL | {
    "model_type": "nemotron_h", "num_key_value_heads": 2, "head_dim": 32, "mamba_num_heads": 8, "mamba_head_dim": 20,
    "ssm_state_size": 24, "n_groups": 2, "chunk_size": 64, "conv_kernel": 3,
}  # fmt: skip
SCOUT = SMALL | {
    "model_type": "llama4_text", "num_key_value_heads": 2, "head_dim": 32, "num_hidden_layers": 8,
    "intermediate_size_mlp": 200, "num_local_experts": 4, "num_experts_per_tok": 2,
}  # fmt: skip
TRACED: dict[str, tuple[dict[str, Any], int, int, int, int]] = {
    "pattern": (
        NEMOTRON | {"hybrid_override_pattern": "M-MM*-*M-", "num_hidden_layers": 9},
        436448, 409031680, 7649536, 64 * 256 + 18432,
    ),
    "list": (
        NEMOTRON | {
            "layers_block_type": ["attention", "mlp", "mamba", "linear_attention", "mlp"], "mlp_bias": True,
            "use_bias": True, "use_conv_bias": False,
        },
        254976, 217565696, 4028672, 64 * 128 + 9216,
    ),
    "experts": (
        NEMOTRON | {
            "hybrid_override_pattern": "MEM*EM-", "n_routed_experts": 8, "num_experts_per_tok": 3,
            "moe_intermediate_size": 44, "moe_shared_expert_intermediate_size": 52,
        },
        437352, 283676416, 4851968, 64 * 128 + 13824,
    ),
    "defaults": (
        SMALL | {
            "model_type": "nemotron_h", "mamba_num_heads": 8, "num_attention_heads": 16,
            "hybrid_override_pattern": "M*-",
        },
        1019608, 1753069568, 42127616, 64 * 2048 + 75776,
    ),
    "all sparse": (SCOUT, 2183328, 1643528192, 34068736, 64 * 1024),
    "interleaved": (
        SCOUT | {
            "interleave_moe_layer_step": 2, "no_rope_layer_interval": 3, "attention_bias": True,
            "attention_chunk_size": 600,
        },
        1493408, 1288847360, 23316736, 64 * 1024,
    ),
    "listed": (
        SCOUT | {"moe_layers": [0, 5], "no_rope_layers": [1, 0, 0, 1, 1, 1, 0, 1], "tie_word_embeddings": True},
        1123968, 1111506944, 25755904, 64 * 1024,
    ),
    "layer types": (
        SCOUT | {
            "num_hidden_layers": 3, "layer_types": ["chunked_attention", "full_attention", "chunked_attention"],
            "attention_chunk_size": 100, "no_rope_layers": [1, 1, 0],
        },
        844128, 622804992, 9092352, 64 * 384,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TRACED)
def test_against_a_trace_of_the_class(case: str) -> None:
    """Llama 4's class runs every expert on every token."""
    file, parameters, prompt, step, entries = TRACED[case]
    model = read(file)
    assert total(model) == parameters
    run = file["num_local_experts"] // file["num_experts_per_tok"] if file["model_type"] == "llama4_text" else 1
    for scenario, measured in (("prefill_b1_s512", prompt), ("decode_b8_past1023", step)):
        ours = macs(model, scenario)
        assert sum(count * (run if role.startswith("expert_") else 1) for role, count in ours.items()) == measured
    assert cached(model, 1, 64) == entries


def test_nemotron_nano_12b() -> None:
    assert total(read(config("nemotron-nano-12b-v2"))) == 12310001152  # as traced; the model card says 12.31B


# --- what is refused ------------------------------------------------------------------------------------------------

REQUIRED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named_with_its_family(name: str) -> None:
    with pytest.raises(InvalidFile, match=rf"(?s){name}.*is missing.*'llama'"):
        read({key: value for key, value in LLAMA.items() if key != name})


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("opt-125m", "ffn_dim"), ("qwen1.5-moe-a2.7b", "moe_intermediate_size"), ("mixtral-8x7b", "intermediate_size"),
        ("qwen1.5-moe-a2.7b", "shared_expert_intermediate_size"), ("deepseek-v3", "moe_intermediate_size"),
        ("gemma-3-1b", "num_attention_heads"), ("gemma-3-1b", "vocab_size"), ("gpt2", "n_head"),
        ("bloom-7b1", "n_layer"), ("deepseek-v2", "num_experts_per_tok"), ("mamba2-130m", "num_heads"),
        ("phi-3-small", "ff_intermediate_size"), ("nemotron-nano-9b-v2", "hybrid_override_pattern"),
        ("nemotron-nano-9b-v2", "mamba_num_heads"),
    ],
)  # fmt: skip
def test_widths_that_the_class_does_not_derive_must_stand_there(name: str, missing: str) -> None:
    with pytest.raises(InvalidFile, match=missing):
        read({key: value for key, value in config(name).items() if key != missing})


BAD_NUMBERS = [0, -1, True, 64.0, float("nan"), float("inf"), "64", None, [], {}, 10**9, 10**60]


@pytest.mark.parametrize("value", BAD_NUMBERS, ids=repr)
@pytest.mark.parametrize("name", REQUIRED)
def test_a_number_that_is_none_is_refused(name: str, value: object) -> None:
    if name == "vocab_size" and value == 10**9:
        return  # absurd and within the limit of the table
    with pytest.raises(InvalidFile, match=name):
        read(LLAMA | {name: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_size": 66}, "66 is not divisible by num_attention_heads 4"),
        ({"num_key_value_heads": 0}, "expected a whole number"),
        ({"num_key_value_heads": 3}, "3 does not divide num_attention_heads 4"),
        ({"model_type": "mistral", "sliding_window": "4096"}, "sliding_window"),
        ({"model_type": "mistral", "sliding_window": 0}, "sliding_window"),
        ({"model_type": "qwen2", "use_sliding_window": False, "sliding_window": "no"}, "sliding_window"),
        ({"model_type": "gemma2", "layer_types": ["full_attention"]}, "1 entries: .* each of the 2 layers"),
        ({"model_type": "gemma2", "layer_types": ["full_attention", "linear_attention"]}, "layer_types.1"),
        ({"model_type": "gemma2", "layer_types": "full_attention"}, "layer_types"),
        ({"tie_word_embeddings": "true"}, "expected true or false"),
        ({"attention_bias": 1}, "expected true or false"),
        ({"hidden_act": "snake"}, "'snake': expected one of silu"),
        ({"hidden_act": 5}, "hidden_act"),
        ({"model_type": "phi", "partial_rotary_factor": 2}, "expected a number above 0"),
        ({"model_type": "gemma2", "final_logit_softcapping": "x"}, "expected a positive number"),
        ({"model_type": "qwen3_moe", "moe_intermediate_size": 8, "mlp_only_layers": ["0"]}, "mlp_only_layers"),
        ({"model_type": "qwen3_moe", "moe_intermediate_size": 8, "decoder_sparse_step": 0}, "decoder_sparse_step"),
        ({"model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 3}, "3 exceeds the 2 experts"),
        ({"model_type": "gpt2", "n_embd": 32, "n_head": 4, "n_layer": 2}, "32 contradicts hidden_size 64"),
        ({"model_type": "falcon", "num_ln_in_parallel_attn": 2}, "needs new_decoder_architecture"),
        ({"model_type": "minicpm", "num_experts": 8}, "not known here"),
        ({"model_type": ["llama"]}, "model_type"),
        ({"model_type": None}, "model_type"),
        ({"model_type": "mistral3"}, "text_config"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidFile, match=words):
        read(LLAMA | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hybrid_override_pattern": "M-M*"}, "4 blocks contradict num_hidden_layers 5"),
        ({"hybrid_override_pattern": "M-Mx-"}, "expected a text of M"),
        ({"hybrid_override_pattern": "MEM*-"}, "moe_intermediate_size"),
        ({"hybrid_override_pattern": "", "num_hidden_layers": None}, "layers"),
        ({"layers_block_type": ["mamba", "lstm"]}, "layers_block_type.1"),
        ({"layers_block_type": "mamba"}, "expected a list of block types"),
        ({"n_groups": 3}, "3 does not divide mamba_num_heads 8"),
        ({"attention_bias": True}, "not known here"),
        ({"hybrid_override_pattern": "MEM*-", "moe_latent_size": 0}, "moe_intermediate_size"),
        ({**LLAMA4, "no_rope_layers": [1, 0]}, "for each of the 8 layers"),
        ({**LLAMA4, "no_rope_layers": [2] * 8}, "for each of the 8 layers"),
        ({**LLAMA4, "moe_layers": "all"}, "expected a list of whole numbers"),
        ({**LLAMA4, "layer_types": ["sliding_attention"] * 8}, "'full_attention' or 'chunked_attention'"),
        ({**config("phi-3-small"), "ff_dim_multiplier": 2}, "not known here"),
        ({**config("qwen-7b"), "no_bias": 1}, "expected true or false"),
    ],
)
def test_contradictions_of_single_families_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidFile, match=words):
        read(HYBRID | change)


def test_latent_attention_has_a_key_per_head() -> None:
    with pytest.raises(InvalidFile, match="num_key_value_heads"):
        read(config("deepseek-v3") | {"num_key_value_heads": 8})


@pytest.mark.parametrize(("change", "words"), [({"num_heads": 15}, "do not make"), ({"n_groups": 3}, "n_groups")])
def test_state_space_shapes_must_fit(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidFile, match=words):
        read(MAMBA2 | change)


def test_an_unknown_family_is_refused_by_name() -> None:
    with pytest.raises(InvalidFile, match=r"'qwne3' is not known; did you mean 'qwen3'"):
        read(LLAMA | {"model_type": "qwne3"})
    for other in ("qwen9", "zzzzzz", "zamba2", "xlm", "mbert"):  # never another architecture
        with pytest.raises(InvalidFile, match=rf"'{other}' is not known: its parts are not counted") as refused:
            read(LLAMA | {"model_type": other})
        assert "did you mean" not in str(refused.value)
    with pytest.raises(InvalidFile, match="did you mean it by 'hiden_size'"):
        read({("hiden_size" if key == "hidden_size" else key): value for key, value in LLAMA.items()})


TEXTS = {
    "empty": "",
    "blank": "  \n",
    "array": "[1, 2]",
    "number": "7",
    "cut": '{"model_type": "llama",',
    "twice": '{"model_type": "llama", "model_type": "llama"}',
    "deep": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "nested": '{"a":' * 100 + "1" + "}" * 100,
    "digits": '{"hidden_size": 1' + "0" * 5000 + "}",
    "long name": json.dumps({"model_type": "x" * 100_000}),
    "many layers": json.dumps(LLAMA | {"num_hidden_layers": 10**9}),
    "other layers": json.dumps(config("mamba-130m") | {"num_hidden_layers": 10**9}),
    "many types": json.dumps(LLAMA | {"model_type": "gemma2", "layer_types": ["full_attention"] * 100_000}),
    "surrogate": '{"model_type": "\\ud800"}',
}


@pytest.mark.parametrize("case", TEXTS)
def test_hostile_files_are_refused_quickly(case: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(TEXTS[case])
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(BitnetCostError) as caught:
        read_config(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.perf_counter() - began < 2
    assert peak < 50e6
    assert len(str(caught.value)) < len(str(file)) + 600


def test_files_that_are_no_text_or_far_too_large(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    with pytest.raises(BitnetCostError, match="without a config"):
        read_config(tmp_path)
    file.write_bytes(bytes(range(256)))
    with pytest.raises(BitnetCostError, match="not a UTF-8 text"):
        read_config(file)
    with file.open("wb") as sparse:
        sparse.truncate(100_000_000)
    with pytest.raises(BitnetCostError, match="100 MB"):
        read_config(file)


def test_most_layers_are_still_quick() -> None:
    began = time.perf_counter()
    read(LLAMA | {"model_type": "qwen2", "use_sliding_window": True, "num_hidden_layers": 2_000})
    assert time.perf_counter() - began < 1


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([1, 2, 4, 8, 64]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
OWN = ("qwen-7b", "phi-3-small", "nemotron-nano-9b-v2")
FIELDS = {name for kind in (*golden(), *OWN) for name in config(kind)} | set(config("llama-4-scout")["text_config"])
NAMES = sorted((FIELDS | {"layers_block_type", "moe_layers", "no_rope_layers"}) - {"model_type"})


@settings(max_examples=300, deadline=None)
@given(
    family=st.sampled_from([*FAMILIES, "gemma3", "llama4", "llava"]),
    changes=st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=5),
    dropped=st.sets(st.sampled_from(sorted(LLAMA)), max_size=1),
)
def test_any_values_are_read_or_refused(family: str, changes: dict[str, Any], dropped: set[str]) -> None:
    """Whatever stands in a file: an architecture that can be counted, or one clear message."""
    whole = LLAMA | MAMBA2 | {"moe_intermediate_size": 8, "shared_expert_intermediate_size": 8, "ffn_dim": 8}
    whole |= {"ff_intermediate_size": 8, "hybrid_override_pattern": "M*", "mamba_num_heads": 8, "head_dim": 8}
    file = {key: value for key, value in whole.items() if key not in dropped} | changes | {"model_type": family}
    try:
        model = read(file)
    except InvalidFile as error:
        message = str(error)
    else:
        message = ""
        assert total(model) > 0
        assert Architecture.model_validate(parse_yaml(model_yaml(model)).data) == model
    assert len(message) < 800


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_json_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidFile):
        assert isinstance(parse_json(text), dict)
