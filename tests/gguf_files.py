"""GGUF headers for tests, written as ggml-org/ggml, docs/gguf.md says; no weights follow them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bitnet_cost.engine.mixtures import Tensor, Whole, mixed_type, tensors_of
from bitnet_cost.engine.operators import operators
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.gguf import NUMBERS

TYPES = {form: number for number, form in NUMBERS.items()}
Row = tuple[str, tuple[int, ...], str]
"""Name, shape (the row's length first) and type of a tensor."""


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if value and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    return struct.pack("<IIQ", 9, 4, len(value)) + struct.pack(f"<{len(value)}I", *value)


def gguf_bytes(fields: Mapping[str, Any], rows: list[Row], version: int = 3) -> bytes:
    """A header."""
    found = b"GGUF" + struct.pack("<IQQ", version, len(rows), len(fields))
    found += b"".join(_text(name) + _value(value) for name, value in fields.items())
    for name, shape, form in rows:
        found += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, TYPES[form], 0)
    return found


_NAMES = {
    "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up",
    "down": "ffn_down", "expert_gate": "ffn_gate_exps", "expert_up": "ffn_up_exps", "expert_down": "ffn_down_exps",
    "router": "ffn_gate_inp",
}  # fmt: skip


def rows_of(model: Architecture, mixture: str) -> Iterator[Row]:
    """The tensors of a model as llama.cpp names and quantises them: a decoder with separate projections."""
    whole = Whole.of(model)
    yield "rope_freqs.weight", (64,), "f32"
    for op in operators(model):
        for tensor in tensors_of(op):
            yield from _named(op.name, tensor, model, mixture, whole)


def _named(name: str, tensor: Tensor, model: Architecture, mixture: str, whole: Whole) -> Iterator[Row]:
    place, hidden = f"blk.{tensor.layer}.", model.hidden_size
    if name == "norm":
        yield from ((f"{place}{norm}.weight", (hidden,), "f32") for norm in ("attn_norm", "ffn_norm"))
    elif name == "qk_norm":
        width = tensor.rows // 2
        yield from ((f"{place}{norm}.weight", (width,), "f32") for norm in ("attn_q_norm", "attn_k_norm"))
    elif name == "final_norm":
        yield "output_norm.weight", (hidden,), "f32"
    elif name == "router":
        yield f"{place}ffn_gate_inp.weight", (hidden, tensor.rows // hidden), "f32"
    elif tensor.columns == 1:
        yield f"{place}{_NAMES[name]}.bias", (tensor.rows,), "f32"
    else:
        stem = {"embed_tokens": "token_embd", "lm_head": "output"}.get(name) or place + _NAMES[name]
        shape = (tensor.columns, tensor.rows, *([tensor.copies] if tensor.copies > 1 else []))
        yield f"{stem}.weight", shape, mixed_type(mixture, tensor, whole)


def fields_of(model: Architecture, kind: str) -> dict[str, Any]:
    """The fields of a header of a model with one kind of layer."""
    layer = model.layers[0]
    attention = layer.attention
    assert attention is not None
    found: dict[str, Any] = {
        "general.architecture": kind, "general.name": model.name, f"{kind}.block_count": model.depth,
        f"{kind}.embedding_length": model.hidden_size, f"{kind}.context_length": model.max_positions or 4096,
        f"{kind}.attention.head_count": attention.heads,
        f"{kind}.attention.head_count_kv": attention.kv_heads or attention.heads,
        f"{kind}.attention.key_length": model.head_dim(attention),
        "tokenizer.ggml.tokens": ["a"] * 5_000, "tokenizer.ggml.scores": [0] * 5_000,
    }  # fmt: skip
    if layer.ffn:
        found[f"{kind}.feed_forward_length"] = layer.ffn.size
    if layer.moe:
        found |= {f"{kind}.expert_count": layer.moe.experts, f"{kind}.expert_used_count": layer.moe.experts_per_token,
                  f"{kind}.feed_forward_length": layer.moe.size,
                  f"{kind}.expert_feed_forward_length": layer.moe.size}  # fmt: skip
    return found


def write_gguf(path: Path, model: Architecture, kind: str, mixture: str) -> Path:
    """The header that a model's file would have."""
    path.write_bytes(gguf_bytes(fields_of(model, kind), list(rows_of(model, mixture))))
    return path
