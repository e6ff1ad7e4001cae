"""GGUF files: the model of a header, exact bytes, and headers that are none."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost import api
from bitnet_cost.engine.checkpoint import gguf_tensor_bytes
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.readers import catalog
from bitnet_cost.readers.gguf import read_gguf
from tests.gguf_files import Row, fields_of, gguf_bytes, rows_of, write_gguf

KINDS = [
    ("llama-3.2-1b", "llama", "q4_k_m"), ("llama-3.2-3b", "llama", "iq3_xs"), ("qwen2.5-0.5b", "qwen2", "q5_k_m"),
    ("qwen3-0.6b", "qwen3", "q2_k"), ("gemma-2b", "gemma", "q6_k"), ("mixtral-8x7b", "llama", "q4_k_m"),
    ("qwen3-30b-a3b", "qwen3moe", "iq2_xxs"), ("tinyllama-1.1b", "llama", "q8_0"), ("llama-3.1-8b", "llama", "bf16"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "mixture"), KINDS)
def test_a_header_gives_the_model_and_its_bytes(tmp_path: Path, name: str, kind: str, mixture: str) -> None:
    model = catalog.model(name)
    found = catalog.model(str(write_gguf(tmp_path / "model.gguf", model, kind, mixture)))
    assert found.layers == model.layers
    assert (found.vocab_size, found.lm_head) == (model.vocab_size, model.lm_head)
    result = api.estimate(found, "cmos-7nm", "file")
    assert result.parameters == api.estimate(model, "cmos-7nm", "fp16").parameters
    assert result.footprint.total_weight_bits / 8 == gguf_tensor_bytes(model, mixture) + 4 * 64  # rope_freqs


HEADERS: list[tuple[str, str, dict[str, int], str]] = [
    ("gpt-oss", "gpt-oss-20b", {"attention.head_count": 64, "attention.head_count_kv": 8, "attention.key_length": 64, "feed_forward_length": 2880, "expert_feed_forward_length": 2880, "expert_count": 32, "expert_used_count": 4, "attention.sliding_window": 128}, "attn_q.bias"),
    ("gemma3", "gemma-3-1b", {"attention.head_count": 4, "attention.head_count_kv": 1, "attention.key_length": 256, "feed_forward_length": 6912, "attention.sliding_window": 512}, "attn_q_norm.weight"),
    ("deepseek2", "deepseek-v2-lite", {"attention.head_count": 16, "attention.head_count_kv": 1, "attention.key_length": 576, "attention.value_length": 512, "attention.key_length_mla": 192, "attention.value_length_mla": 128, "attention.kv_lora_rank": 512, "rope.dimension_count": 64, "feed_forward_length": 10944, "expert_feed_forward_length": 1408, "expert_count": 64, "expert_used_count": 6, "expert_shared_count": 2, "leading_dense_block_count": 1}, ""),
    ("deepseek2", "deepseek-v3", {"attention.head_count": 128, "attention.head_count_kv": 1, "attention.key_length": 576, "attention.value_length": 512, "attention.key_length_mla": 192, "attention.value_length_mla": 128, "attention.kv_lora_rank": 512, "attention.q_lora_rank": 1536, "rope.dimension_count": 64, "feed_forward_length": 18432, "expert_feed_forward_length": 2048, "expert_count": 256, "expert_used_count": 8, "expert_shared_count": 1, "leading_dense_block_count": 3}, "exp_probs_b.bias"),
    ("phi3", "phi-3-mini-4k", {"attention.head_count": 32, "attention.head_count_kv": 32, "feed_forward_length": 8192, "attention.sliding_window": 2047, "rope.dimension_count": 96}, ""),
    ("mamba", "mamba-130m", {"attention.head_count": 0, "feed_forward_length": 0, "ssm.conv_kernel": 4, "ssm.inner_size": 1536, "ssm.state_size": 16, "ssm.time_step_rank": 48}, ""),
    ("gpt2", "gpt2", {"attention.head_count": 12, "feed_forward_length": 3072}, ""),
    ("olmo2", "olmo2-7b", {"attention.head_count": 32, "attention.head_count_kv": 32, "feed_forward_length": 11008}, "attn_q_norm.weight"),
    ("command-r", "command-r-35b", {"attention.head_count": 64, "attention.head_count_kv": 64, "feed_forward_length": 22528}, ""),
    ("falcon", "falcon-7b", {"attention.head_count": 71, "attention.head_count_kv": 1, "feed_forward_length": 18176}, ""),
    ("bloom", "bloom-560m", {"attention.head_count": 16, "feed_forward_length": 4096}, ""),
    ("gptneox", "pythia-160m", {"attention.head_count": 12, "feed_forward_length": 3072, "rope.dimension_count": 16}, "attn_qkv.bias"),
    ("phi2", "phi-2", {"attention.head_count": 32, "attention.head_count_kv": 32, "feed_forward_length": 10240, "rope.dimension_count": 32}, "attn_q.bias"),
    ("qwen2moe", "qwen1.5-moe-a2.7b", {"attention.head_count": 16, "attention.head_count_kv": 16, "feed_forward_length": 5632, "expert_feed_forward_length": 1408, "expert_shared_feed_forward_length": 5632, "expert_count": 60, "expert_used_count": 4}, "attn_q.bias"),
    ("bitnet-b1.58", "bitnet-b1.58-2b4t", {"attention.head_count": 20, "attention.head_count_kv": 5, "feed_forward_length": 6912}, ""),
    ("qwen2", "qwen2.5-7b", {"attention.head_count": 28, "attention.head_count_kv": 4, "feed_forward_length": 18944}, "attn_q.bias"),
    ("gemma2", "gemma-2-9b", {"attention.head_count": 16, "attention.head_count_kv": 8, "feed_forward_length": 14336, "attention.key_length": 256, "attention.sliding_window": 4096}, ""),
    ("llama", "mistral-7b-v0.3", {"attention.head_count": 32, "attention.head_count_kv": 8, "feed_forward_length": 14336}, ""),
    ("falcon", "falcon-40b", {"attention.head_count": 128, "attention.head_count_kv": 8, "feed_forward_length": 32768}, "attn_norm_2.weight"),
    ("llama", "mixtral-8x22b", {"attention.head_count": 48, "attention.head_count_kv": 8, "feed_forward_length": 16384, "expert_count": 8, "expert_used_count": 2}, ""),
    ("qwen3", "qwen3-4b", {"attention.head_count": 32, "attention.head_count_kv": 8, "attention.key_length": 128, "feed_forward_length": 9728}, "attn_q_norm.weight"),
]  # fmt: skip
"""Architecture, model, fields of the header, and a tensor of the first layer that says more than the fields."""


@pytest.mark.parametrize(("kind", "name", "fields", "tensor"), HEADERS)
def test_the_fields_of_a_header_mean_the_model(
    tmp_path: Path, kind: str, name: str, fields: dict[str, int], tensor: str
) -> None:
    model = catalog.model(name)
    whole: dict[str, Any] = {f"{kind}.{field}": value for field, value in fields.items()}
    whole |= {"general.architecture": kind, f"{kind}.block_count": model.depth,
              f"{kind}.embedding_length": model.hidden_size}  # fmt: skip
    rows: list[Row] = [("token_embd.weight", (model.hidden_size, model.vocab_size), "q4_k")]
    if model.lm_head and not model.lm_head.tied:
        rows.append(("output.weight", (model.hidden_size, model.vocab_size), "q6_k"))
    if tensor:
        rows.append((f"blk.0.{tensor}", (64,), "f32"))
    file = tmp_path / "model.gguf"
    file.write_bytes(gguf_bytes(whole, rows))
    found = read_gguf(file)
    assert found.layers == model.layers
    assert (found.lm_head, found.norm, found.rotary) == (model.lm_head, model.norm, model.rotary)


def test_the_bytes_of_a_mixture_by_name_and_of_a_file_are_read_alike(tmp_path: Path) -> None:
    model = catalog.model("gemma-2-2b")
    file = catalog.model(str(write_gguf(tmp_path / "model.gguf", model, "gemma2", "q4_k_m")))
    by_file, by_name = api.estimate(file, "l4", "file"), api.estimate(model, "l4", "q4_k_m")
    assert by_file.activity.weight_bits.sum() == pytest.approx(by_name.activity.weight_bits.sum(), rel=1e-12)


def test_the_sum_is_the_files_under_any_names_of_tensors(tmp_path: Path) -> None:
    model = catalog.model("llama-3.2-1b")
    rows = [(name.replace("attn_q.", "strange."), shape, form) for name, shape, form in rows_of(model, "q4_k_m")]
    file = tmp_path / "model.gguf"
    file.write_bytes(gguf_bytes(fields_of(model, "llama"), rows))
    found = api.estimate(str(file), "cmos-7nm", "file")
    assert found.footprint.total_weight_bits / 8 == pytest.approx(gguf_tensor_bytes(model, "q4_k_m") + 256, abs=1e-3)
    assert "not_counted" not in found.footprint.weight_bits


def test_commands_of_files_take_it(tmp_path: Path, bitnet_cost: Any) -> None:
    file = write_gguf(tmp_path / "model.gguf", catalog.model("llama-3.2-1b"), "llama", "q4_k_m")
    assert "model model: no fault found" in bitnet_cost("check", file).out
    assert "1,235,814,400 parameters" in bitnet_cost("show", file).out
    own = tmp_path / "own.yaml"
    bitnet_cost("import", file, "-o", own)
    of_yaml, of_file = (api.estimate(str(path), "cmos-7nm", "file") for path in (own, file))
    assert of_yaml.footprint.total_weight_bits == of_file.footprint.total_weight_bits


def test_parts_of_a_file_are_read_together(tmp_path: Path) -> None:
    model = catalog.model("llama-3.2-1b")
    rows = list(rows_of(model, "q4_k_m"))
    fields = fields_of(model, "llama") | {"split.count": 2}
    first, second = (tmp_path / f"m-0000{n}-of-00002.gguf" for n in (1, 2))
    first.write_bytes(gguf_bytes(fields, rows[:80]))
    with pytest.raises(BitnetCostError, match=r"m-00002-of-00002\.gguf is not beside it"):
        read_gguf(first)
    second.write_bytes(gguf_bytes({"split.count": 2}, rows[80:]))
    found = api.estimate(read_gguf(first), "cmos-7nm", "file")
    assert found.footprint.total_weight_bits / 8 == gguf_tensor_bytes(model, "q4_k_m") + 256


def _with_count(place: int, count: int) -> bytes:
    data = bytearray(gguf_bytes({"general.architecture": "llama"}, [("a", (1,), "f32")]))
    data[place : place + 8] = struct.pack("<Q", count)
    return bytes(data)


HOSTILE: list[tuple[bytes, str]] = [
    (b"", "is not a GGUF file"),
    (b"GGML" + bytes(40), "is not a GGUF file"),
    (b"GGUF", "ends too early"),
    (b"GGUF" + struct.pack("<I", 1) + bytes(40), "version 1"),
    (b"GGUF" + struct.pack(">I", 3) + bytes(40), "big-endian"),
    (_with_count(8, 2**62), "tensors; no model has more"),
    (_with_count(16, 2**62), "keys; no model has more"),
    (_with_count(24, 2**63), "ends too early"),
    (gguf_bytes({}, []), "without general.architecture"),
    (gguf_bytes({"general.architecture": "clip"}, []), "'clip', which is not known"),
    (gguf_bytes({"general.architecture": "llama"}, []), "hidden_size"),
    (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**60), "more than"),
    (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 10, 2**60), "ends too early"),
    (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 2**60), "array of values of type 9"),
    (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 99), "type 99"),
    (gguf_bytes({}, [("a", (2**40, 2**40), "f32")]), "larger than any model"),
    (gguf_bytes({}, [("a", (1,), "f32"), ("a", (1,), "f32")]), "twice"),
]


@pytest.mark.parametrize(("data", "message"), HOSTILE)
def test_a_hostile_header_is_bad_input(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(data)
    with pytest.raises(BitnetCostError, match=message):
        read_gguf(file)


def test_every_prefix_of_a_header_is_bad_input(tmp_path: Path) -> None:
    model = catalog.model("llama-3.2-1b")
    fields: dict[str, Any] = {key: value for key, value in fields_of(model, "llama").items() if "tokenizer" not in key}
    data = gguf_bytes(fields, list(rows_of(model, "q4_k_m"))[:3])
    file = tmp_path / "m.gguf"
    for end in range(1, len(data)):
        file.write_bytes(data[:end])
        with pytest.raises(BitnetCostError):
            read_gguf(file)
