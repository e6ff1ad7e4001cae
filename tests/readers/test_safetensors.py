"""Safetensors files: exact bytes by header, an index with and without its parts, and what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost import api
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.readers import catalog

WIDTH, LAYERS, FFN, KV, WORDS = 256, 3, 512, 128, 1000
LLAMA = {
    "model_type": "llama", "hidden_size": WIDTH, "intermediate_size": FFN, "num_hidden_layers": LAYERS,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": WORDS, "tie_word_embeddings": False,
}  # fmt: skip
SHAPES = {
    "self_attn.q_proj": (WIDTH, WIDTH), "self_attn.k_proj": (KV, WIDTH), "self_attn.v_proj": (KV, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH), "mlp.gate_proj": (FFN, WIDTH), "mlp.up_proj": (FFN, WIDTH),
    "mlp.down_proj": (WIDTH, FFN),
}  # fmt: skip
Tensor = tuple[str, str, tuple[int, ...], int]


def plain() -> list[Tensor]:
    """Name, type, shape and bytes of the tensors of the model in 16 bits."""
    found: list[Tensor] = [(f"{name}.weight", "BF16", (WORDS, WIDTH), 2 * WORDS * WIDTH) for name in
                           ("model.embed_tokens", "lm_head")]  # fmt: skip
    found.append(("model.norm.weight", "BF16", (WIDTH,), 2 * WIDTH))
    for layer in range(LAYERS):
        place = f"model.layers.{layer}."
        found += [(f"{place}{name}.weight", "BF16", (WIDTH,), 2 * WIDTH) for name in
                  ("input_layernorm", "post_attention_layernorm")]  # fmt: skip
        found += [(f"{place}{name}.weight", "BF16", shape, 2 * shape[0] * shape[1]) for name, shape in SHAPES.items()]
    return found


def awq() -> list[Tensor]:
    """The same with the layers as AutoAWQ packs them: 4 bits in words of 32, scales and zero points for 64."""
    found: list[Tensor] = []
    for name, form, shape, size in plain():
        module = name.removesuffix(".weight")
        if not any(module.endswith(end) for end in SHAPES):
            found.append((name, form, shape, size))
            continue
        rows, columns = shape
        found += [
            (f"{module}.qweight", "I32", (columns, rows // 8), columns * rows // 2),
            (f"{module}.qzeros", "I32", (columns // 64, rows // 8), columns // 64 * rows // 2),
            (f"{module}.scales", "F16", (columns // 64, rows), columns // 64 * rows * 2),
        ]
    return found


def write(path: Path, tensors: list[Tensor]) -> Path:
    """A file without its weights."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, form, shape, size in tensors:
        header[name] = {"dtype": form, "shape": list(shape), "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    return path


def config(folder: Path, **more: Any) -> None:
    (folder / "config.json").write_text(json.dumps(LLAMA | more), "utf-8")


def bytes_of(path: Path) -> float:
    return float(api.estimate(str(path), "cmos-7nm", "file").footprint.total_weight_bits) / 8


@pytest.mark.parametrize("tensors", [plain(), awq()], ids=["bf16", "awq"])
def test_the_bytes_of_a_header(tmp_path: Path, tensors: list[Tensor]) -> None:
    quantised = {"quant_method": "awq", "bits": 4, "group_size": 64}
    config(tmp_path, **({"quantization_config": quantised} if len(tensors) > 40 else {}))
    file = write(tmp_path / "model.safetensors", tensors)
    assert bytes_of(file) == bytes_of(tmp_path) == sum(size for *_, size in tensors)
    found = api.estimate(str(file), "cmos-7nm", "file")
    by_name = api.estimate(str(file), "cmos-7nm", "bf16")
    assert found.parameters == by_name.parameters
    if len(tensors) < 40:
        assert found.footprint.total_weight_bits == by_name.footprint.total_weight_bits
        assert "not_counted" not in found.footprint.weight_bits


def test_what_the_model_does_not_count_is_held_beside_it(tmp_path: Path) -> None:
    config(tmp_path)
    spare: Tensor = ("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", (32,), 128)
    file = write(tmp_path / "model.safetensors", [*plain(), spare])
    found = api.estimate(str(file), "cmos-7nm", "file")
    assert found.footprint.weight_bits["not_counted"] == 8 * 128


def index(folder: Path, tensors: list[Tensor], total: int | None = None) -> Path:
    parts = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, (name, *_) in enumerate(tensors)}
    file = folder / "model.safetensors.index.json"
    size = sum(size for *_, size in tensors) if total is None else total
    file.write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": parts}), "utf-8")
    return file


def test_an_index_with_its_parts_and_without(tmp_path: Path) -> None:
    config(tmp_path, quantization_config={"quant_method": "awq", "bits": 4, "group_size": 64})
    tensors = awq()
    file = index(tmp_path, tensors)
    exact = sum(size for *_, size in tensors)
    assert bytes_of(file) == pytest.approx(exact, rel=1e-12)
    for part in (0, 1):
        write(tmp_path / f"model-0000{part + 1}-of-00002.safetensors", tensors[part::2])
    assert bytes_of(file) == bytes_of(tmp_path) == exact
    with pytest.raises(BitnetCostError, match=r"is part 1 of 2; give model\.safetensors\.index\.json"):
        bytes_of(tmp_path / "model-00001-of-00002.safetensors")


def test_modelopt_says_it_in_a_file_of_its_own(tmp_path: Path) -> None:
    config(tmp_path)
    given = {"producer": {"name": "modelopt"}, "quantization": {
        "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "group_size": 16, "exclude_modules": ["lm_head"]}}  # fmt: skip
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(given), "utf-8")
    found = catalog.model(str(tmp_path)).own(catalog.precision("file"))
    assert (found.linear.weights.group, found.kv_bits, found.lm_head_bits) == (16, 8, None)


def test_experts_that_share_a_tensor(tmp_path: Path) -> None:
    mixture = {
        "model_type": "gpt_oss", "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "head_dim": 16,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "num_local_experts": 4,
        "num_experts_per_tok": 2, "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": []},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(mixture), "utf-8")
    place = "model.layers.0.mlp.experts."
    packed = [
        (f"{place}gate_up_proj_blocks", "U8", (4, 128, 2, 16), 4 * 128 * 32),
        (f"{place}gate_up_proj_scales", "U8", (4, 128, 2), 4 * 128 * 2),
        (f"{place}gate_up_proj_bias", "BF16", (4, 128), 4 * 128 * 2),
        (f"{place}down_proj_blocks", "U8", (4, 64, 2, 16), 4 * 64 * 32),
        (f"{place}down_proj_scales", "U8", (4, 64, 2), 4 * 64 * 2),
    ]
    found = catalog.model(str(write(tmp_path / "model.safetensors", packed))).own(catalog.precision("file"))
    assert found.stored_bytes == {
        "expert_gate+expert_up": 4 * 128 * 34, "expert_gate+expert_up.bias": 1024, "expert_down": 4 * 64 * 34,
    }  # fmt: skip


HOSTILE: list[tuple[bytes, str]] = [
    (b"", "is not a safetensors file"),
    (b"\xff" * 64, "is not a safetensors file"),
    ((2**40).to_bytes(8, "little") + b"{}", "is not a safetensors file"),
    ((4).to_bytes(8, "little") + b"\xff\xfe\xfd\xfc", "header is not text"),
    ((4).to_bytes(8, "little") + b"[{}]", "expected one object"),
    ((9).to_bytes(8, "little") + b'{"a": 1} ', "has no type, shape and offsets"),
    ((54).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', "has no type, shape"),
]


@pytest.mark.parametrize(("data", "message"), HOSTILE)
def test_a_hostile_header_is_bad_input(tmp_path: Path, data: bytes, message: str) -> None:
    config(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(BitnetCostError, match=message):
        catalog.model(str(tmp_path / "model.safetensors"))


def test_an_index_leads_to_no_other_folder(tmp_path: Path) -> None:
    config(tmp_path)
    file = tmp_path / "model.safetensors.index.json"
    for parts, message in (
        ({"a": "../x.safetensors"}, "not files of its own folder"),
        ([], "weight_map"),
        ({}, "total"),
    ):
        file.write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": parts}), "utf-8")
        with pytest.raises(BitnetCostError, match="total_size" if parts != [] else message):
            catalog.model(str(file))
        file.write_text(json.dumps({"metadata": {"total_size": 9}, "weight_map": parts}), "utf-8")
        if parts:
            with pytest.raises(BitnetCostError, match=message):
                catalog.model(str(file))
