"""Files that are no model are named for what they are, with what to give instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.readers import catalog

JSON: list[tuple[dict[str, Any], str]] = [
    ({"peft_type": "LORA", "r": 16, "base_model_name_or_path": "org/base"}, "an adapter of rank 16 over 'org/base'"),
    ({"dim": 4096, "n_layers": 32, "n_heads": 32, "norm_eps": 1e-5, "vocab_size": -1}, "is a params.json"),
    ({"version": "1.0", "pre_tokenizer": {}, "model": {}}, "is a tokenizer; give the config.json"),
    ({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>"}, "is a tokenizer's configuration"),
    ({"_from_model_config": True, "eos_token_id": 2}, "is a generation_config.json"),
    ({"metadata": {}, "weight_map": {}}, "is an index of weight files"),
    ({"image_processor_type": "CLIPImageProcessor"}, "image processor"),
    ({"bits": 4, "group_size": 128, "desc_act": False}, "is a quantisation's configuration without a model"),
    ({"producer": {}, "quantization": {}}, "hf_quant_config.json"),
    ({"_class_name": "UNet", "_diffusers_version": "0.2"}, "diffusion model"),
    ({f"word{i}": i for i in range(200)}, "is a vocabulary"),
    ({"bos_token": "<s>", "eos_token": "</s>"}, "special tokens"),
    ({"something": 1}, "model_type"),
]


@pytest.mark.parametrize(("data", "words"), JSON)
def test_other_json_is_named(tmp_path: Path, data: dict[str, Any], words: str) -> None:
    file = tmp_path / "some.json"
    file.write_text(json.dumps(data), "utf-8")
    with pytest.raises(BitnetCostError, match=words):
        catalog.model(str(file))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("pytorch_model.bin", b"PK\x03\x04" + bytes(20), "is a checkpoint of PyTorch"),
        ("model.pt", b"xxxx", "is a checkpoint of PyTorch"),
        ("model.onnx", b"\x08\x08", "is an ONNX graph"),
        ("tokenizer.model", b"\x0a\x0e", "is a tokenizer's model"),
        ("old", b"tjgg" + bytes(20), "is a GGML file"),
        ("sha256-1234", b"GGUF" + bytes(20), "is a GGUF file"),
    ],
)
def test_other_files_are_named(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(BitnetCostError, match=words):
        catalog.model(str(file))


def test_a_folder_says_what_it_holds_instead(tmp_path: Path) -> None:
    for name, words in (("params.json", "it holds params.json"), ("a.gguf", "it holds a.gguf; name that file")):
        (tmp_path / name).write_bytes(b"{}")
        with pytest.raises(BitnetCostError, match=words):
            catalog.model(str(tmp_path))


def test_a_hub_id_that_is_not_here_is_told_what_is_wanted() -> None:
    with pytest.raises(BitnetCostError, match=r"config\.json") as caught:
        catalog.model("org/unheard-of-model")
    assert "bitnet-cost[hub]" in str(caught.value)
