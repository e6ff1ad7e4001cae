"""The header of safetensors files, and the index of several: which tensors there are, and their bytes.

https://github.com/huggingface/safetensors, README, section Format: eight bytes with the length of a JSON object of
name, type, shape and offsets. The weights behind it are never read. The model is that of the config.json beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bitnet_cost.errors import BitnetCostError, InvalidFile, printable
from bitnet_cost.inputs.architecture import Architecture, Checkpoint
from bitnet_cost.inputs.precision import OWN
from bitnet_cost.numerals import with_commas
from bitnet_cost.readers.json_file import parse_json, read_json
from bitnet_cost.readers.module_names import HEAD, MODULES, layers_by_operator, module_in_layer
from bitnet_cost.readers.stored import Listed, dominant, file_precision
from bitnet_cost.readers.yaml_file import regular_size

HEADER = 8_000_000  # bytes; the largest shards list some 10,000 tensors in 2 MB
INDEX = 32_000_000
SHARDS = 2_000
INDEX_NAME = "model.safetensors.index.json"

WIDTHS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
"""Bits of an entry, by the name of its type (safetensors/src/tensor.rs, `Dtype`)."""

_NAMED = {
    "embed_tokens": "embed_tokens", "wte": "embed_tokens", "word_embeddings": "embed_tokens", "wpe": "embed_positions",
    "position_embeddings": "embed_positions", "token_type_embeddings": "embed_token_type", "lm_head": "lm_head",
    "embed_out": "lm_head", "input_layernorm": "norm", "post_attention_layernorm": "norm", "ln_1": "norm",
    "ln_2": "norm", "pre_feedforward_layernorm": "norm", "post_feedforward_layernorm": "norm", "q_norm": "qk_norm",
    "k_norm": "qk_norm", "q_a_layernorm": "q_norm", "kv_a_layernorm": "kv_norm", "router": "router",
    "attn_sub_norm": "attn_sub_norm", "ffn_sub_norm": "ffn_sub_norm", "sinks": "attn_sinks",
}  # fmt: skip
"""Operators by the last component of a module that holds their weights, beside those of `MODULES`."""


def read_tensors(file: Path) -> list[Listed]:
    """The tensors that the header of one file lists.

    Raises:
        BitnetCostError: no such file, or a header that no file of a model has.
    """
    size = regular_size(file)
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 10 or length > size - 8 or length > HEADER:
                raise InvalidFile(
                    file, "", "is not a safetensors file: its first eight bytes are no length of a header"
                )
            text = stream.read(length).decode("utf-8", "strict")
    except (OSError, UnicodeDecodeError):
        raise InvalidFile(file, "", "is not a safetensors file: its header is not text") from None
    found = []
    for name, given in parse_json(text, file).items():
        if name == "__metadata__":
            continue
        tensor: dict[str, Any] = given if isinstance(given, dict) else {}
        form, shape, offsets = (tensor.get(key, []) for key in ("dtype", "shape", "data_offsets"))
        whole = isinstance(shape, list) and len(shape) < 9 and all(type(n) is int and 0 <= n <= 10**13 for n in shape)
        places = isinstance(offsets, list) and len(offsets) == 2 and all(type(n) is int for n in offsets)
        if not (isinstance(form, str) and whole and places and 0 <= offsets[0] <= offsets[1] <= 10**16):
            raise InvalidFile(file, name[:80], "has no type, shape and offsets of a tensor")
        size, entries = offsets[1] - offsets[0], math.prod(shape)
        if form not in WIDTHS or 8 * size != entries * WIDTHS[form]:
            known = f"{size} bytes for {entries} entries" if form in WIDTHS else "not a type of tensors"
            raise InvalidFile(file, name[:80], f"{form[:20]!r}: {known}")
        found.append(Listed(name, form.lower(), entries, size))
    return found


def read_index(file: Path) -> tuple[list[Listed], int]:
    """The tensors of all parts next to an index, and the bytes of all as the index has them.

    The list is empty where a part is missing.

    Raises:
        BitnetCostError: not an index, or a part that is not in the index's folder.
    """
    data = parse_json(_text(file), file)
    parts, about = data.get("weight_map"), data.get("metadata")
    if not isinstance(parts, dict) or not all(isinstance(part, str) for part in parts.values()):
        raise InvalidFile(file, "weight_map", "is missing: an index of safetensors names the file of each tensor there")
    total = about.get("total_size") if isinstance(about, dict) else None
    if type(total) is not int or not 0 < total <= 10**16:
        raise InvalidFile(file, "metadata.total_size", "is missing: it has the bytes of all tensors")
    names = sorted(set(parts.values()))
    if len(names) > SHARDS or not all(re.fullmatch(r"[\w.-]{1,200}", name) for name in names):
        raise InvalidFile(file, "weight_map", "names parts that are not files of its own folder")
    beside = [file.parent / name for name in names]
    if not all(part.is_file() for part in beside):
        return [], total
    return [tensor for part in beside for tensor in read_tensors(part)], total


def _text(file: Path) -> str:
    regular_size(file, INDEX)
    try:
        return file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise BitnetCostError(f"{file}: is not a UTF-8 text file") from None


def is_index(name: str) -> bool:
    """Whether a file is an index of safetensors by its name."""
    return name.lower().endswith(".safetensors.index.json")


def with_weights(model: Architecture, file: Path) -> Architecture:
    """A model whose own precision is what its weight file, or the index of several, lists.

    Raises:
        BitnetCostError: see `read_tensors` and `read_index`.
    """
    if is_index(file.name):
        tensors, total = read_index(file)
    else:
        tensors, total = read_tensors(file), 0
        match = re.search(r"-(\d{5})-of-(\d{5})\.safetensors$", file.name)
        if match and int(match[2]) > 1:
            raise InvalidFile(file, "", f"is part {int(match[1])} of {int(match[2])}; give {INDEX_NAME} beside it")
    held = model.checkpoint or Checkpoint()
    scheme = held.stored
    if not tensors:
        if scheme is None:
            scheme = file_precision([], lambda name: "", f"safetensors, {with_commas(total)} bytes", file.name)
        stored = scheme.model_copy(update={"total_bytes": total})
        words = held.weights or "safetensors"
    else:
        words = held.weights or f"safetensors, mostly {dominant(tensors).upper()}"
        stored = file_precision(tensors, _operators_of(model), words, printable(file.name), scheme)
    changed = {"weights": words, "precision": OWN, "stored": stored}
    return model.model_copy(update={"checkpoint": held.model_copy(update=changed)})


def _operators_of(model: Architecture) -> Callable[[str], str]:
    """The operators that a tensor of a model belongs to, joined by ``+``."""
    present = layers_by_operator(model)
    wide = any(layer.attention and layer.attention.qk_norm == "width" for layer in model.layers)

    def found(name: str) -> str:
        module, _, parameter = name.rpartition(".")
        inner = module_in_layer(module)
        last = module.rpartition(".")[2] or parameter
        named = [op for op in present if inner in MODULES[op].paths] if inner else []
        if inner and inner.endswith(".experts"):  # all experts in one tensor
            ends = ("gate", "up") if "gate_up" in parameter else ("down",) if "down" in parameter else ()
            named = [f"expert_{end}" for end in ends if f"expert_{end}" in present]
            parameter = "bias" if "bias" in parameter else parameter
        if not named and parameter == "sinks":
            return "attn_sinks"
        if not named:
            named = _elsewhere(module, last, wide)
        return "+".join(named) + (".bias" if named and parameter == "bias" else "")

    return found


def _elsewhere(module: str, last: str, wide: bool) -> list[str]:
    """The operator of a module that is no linear layer of a block."""
    if module in HEAD:
        return ["lm_head"]
    if wide and last in ("q_norm", "k_norm"):
        return [last]
    if last in ("norm", "ln_f", "final_layernorm") and module_in_layer(module) is None:
        return ["final_norm"]
    if last == "gate" and module.rpartition(".")[0].rpartition(".")[2] in ("mlp", "block_sparse_moe", "moe"):
        return ["router"]
    return [_NAMED[last]] if last in _NAMED else []


def beside(folder: Path) -> Path | None:
    """The index of a folder's safetensors, or its only file of them; None where it holds no weights."""
    index = folder / INDEX_NAME
    if index.is_file():
        return index
    single = folder / "model.safetensors"
    return single if single.is_file() else None


def described(folder: Path) -> dict[str, Any]:
    """ModelOpt's ``hf_quant_config.json`` of a folder, as a ``quantization_config``; empty where there is none."""
    file = folder / "hf_quant_config.json"
    return {"quant_method": "modelopt", **read_json(file)} if file.is_file() else {}
