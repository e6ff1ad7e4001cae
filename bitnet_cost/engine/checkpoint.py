"""File sizes of common checkpoints, from an architecture alone.

safetensors holds every parameter in one format. GGUF files of llama.cpp hold matrices in a mixture of types that the
quantiser chooses by a matrix's role and layer, and vectors (norms, biases) in FP32. Rules as of llama.cpp,
src/llama-quant.cpp (https://github.com/ggml-org/llama.cpp), `llama_tensor_get_type_impl`, without an importance matrix.
The text of the vocabulary is not in an architecture; its size is estimated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bitnet_cost.engine.operators import operators
from bitnet_cost.errors import BitnetCostError, suggested
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.ledger.operators import Operator, TensorKind

BLOCKS: dict[str, tuple[int, int]] = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "q8_0": (32, 34), "q4_0": (32, 18), "q5_0": (32, 22),
    "q4_k": (256, 144), "q5_k": (256, 176), "q6_k": (256, 210), "tq1_0": (256, 54), "tq2_0": (256, 66),
    "i2_s": (4, 1),
}  # fmt: skip
"""Entries and bytes of one block: llama.cpp, ggml/src/ggml-common.h; I2_S: microsoft/BitNet, 2 bits an entry."""

SAFETENSORS = {"safetensors-f16": "f16", "safetensors-bf16": "bf16", "safetensors-f32": "f32"}
GGUF = {
    "gguf-f16": "f16", "gguf-q8_0": "q8_0", "gguf-q4_0": "q4_0", "gguf-q4_k_m": "q4_k", "gguf-tq1_0": "tq1_0",
    "gguf-tq2_0": "tq2_0", "gguf-i2_s": "i2_s",
}  # fmt: skip
FORMATS = (*SAFETENSORS, *GGUF)


class Tensor(NamedTuple):
    """One weight matrix of a layer (``copies``: one per expert), or vectors if it has one column."""

    kind: TensorKind
    rows: int
    columns: int
    copies: int
    layer: int


def tensors(architecture: Architecture) -> Iterator[Tensor]:
    """Every stored tensor, layer by layer. Tied weights are stored once.

    >>> from bitnet_cost.inputs.architecture import Architecture
    >>> tiny = Architecture.model_validate(dict(name="tiny", source="doctest", seen="own", hidden_size=8,
    ...     vocab_size=10, layers=[dict(repeat=2, attention=dict(heads=2), ffn=dict(size=32, activation="gelu"))]))
    >>> [(tensor.kind, tensor.layer) for tensor in tensors(tiny) if tensor.kind in ("embedding", "value")]
    [('embedding', 0), ('value', 0), ('value', 1)]
    """
    for operator in operators(architecture):
        for layer in range(operator.layer, operator.layer + operator.repeat):
            yield from _of_layer(operator, layer)


def _of_layer(operator: Operator, layer: int) -> Iterator[Tensor]:
    """The tensors that one operator stores in one layer."""
    kind = operator.traits.tensor
    if operator.matrices and kind != "plain":
        inputs, outputs = operator.shape
        # a table's rows are its entries; a product's matrix is stored output by output
        rows, columns = (inputs, outputs) if operator.group == "embedding" else (outputs, inputs)
        yield Tensor(kind, rows, columns, operator.matrices, layer)
    elif operator.weights:
        yield Tensor("plain", operator.weights, 1, max(1, operator.matrices), layer)
    if operator.bias:
        yield Tensor("plain", operator.bias, 1, 1, layer)


# --- safetensors ----------------------------------------------------------------------------------------------------


def safetensors_header(tensors_stored: int) -> int:
    """Bytes of a safetensors header: a length of 8 bytes, and JSON of name, type, shape and offsets.  [byte]

    About 112 bytes a tensor: 32,288 bytes for the 290 tensors of Qwen2.5-0.5B, 36,848 for the 323 of Llama-2-7B.
    https://github.com/huggingface/safetensors, README, section Format.

    >>> safetensors_header(290)
    32488
    """
    return 8 + 112 * tensors_stored


def safetensors_bytes(architecture: Architecture, format: str) -> int:
    """Bytes of a model's safetensors: every parameter in one format, and the header.  [byte]"""
    entry = BLOCKS[format][1]
    stored = list(tensors(architecture))
    entries = sum(_entries(tensor) for tensor in stored)
    return entry * entries + safetensors_header(sum(tensor.copies for tensor in stored))


def _entries(tensor: Tensor) -> int:
    """Parameters of a tensor; vectors hold the whole run of an operator's weights."""
    return tensor.rows * tensor.columns * (tensor.copies if tensor.columns > 1 else 1)


# --- GGUF -----------------------------------------------------------------------------------------------------------


def use_more_bits(layer: int, layers: int) -> bool:
    """Whether Q4_K_M gives a layer's value and down projections six bits: the outer eighths, and each third between.

    llama.cpp, src/llama-quant.cpp, lambda `use_more_bits`, integer division.

    >>> sum(use_more_bits(layer, 32) for layer in range(32))
    16
    """
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def compatible(kind: str, columns: int) -> str:
    """A type whose blocks divide a row, the chosen one if they do.

    llama.cpp, src/llama-quant.cpp, `tensor_type_fallback`.

    >>> compatible("q4_k", 4096), compatible("q4_k", 5460), compatible("tq1_0", 5472), compatible("q6_k", 896)
    ('q4_k', 'f16', 'q4_0', 'q8_0')
    """
    if columns % BLOCKS[kind][0] == 0:
        return kind
    smaller = {"q4_k": "q5_0", "q5_k": "q8_0", "q6_k": "q8_0", "tq1_0": "q4_0", "tq2_0": "q4_0"}.get(kind, "f16")
    return smaller if columns % BLOCKS[smaller][0] == 0 else "f16"


class _Shape(NamedTuple):
    """What the choice of a type depends on, of a whole model."""

    layers: int
    experts: int
    tied: bool
    grouped: bool
    fused: bool = False


def output_type(base: str, columns: int) -> str:
    """Type of the output matrix, and of a token table that is also the output: Q6_K, or Q8_0 where rows do not fit.

    llama.cpp, src/llama-quant.cpp, category OUTPUT. bitnet.cpp leaves both tables in FP16 beside I2_S.

    >>> output_type("q4_k", 4096), output_type("q8_0", 4096), output_type("i2_s", 2560)
    ('q6_k', 'q8_0', 'f16')
    """
    if base in ("f16", "i2_s"):
        return "f16"
    return "q8_0" if base == "q8_0" or columns % BLOCKS[base][0] else "q6_k"


def mixed_type(base: str, tensor: Tensor, shape: _Shape) -> str:
    """Type of one matrix under a base type: llama.cpp, src/llama-quant.cpp, `llama_tensor_get_type_impl`.

    Falcon's exceptions are left out.

    >>> dense = _Shape(layers=32, experts=0, tied=False, grouped=True)
    >>> [mixed_type("q4_k", Tensor(kind, 4096, 4096, 1, 0), dense) for kind in ("query", "value", "down", "head")]
    ['q4_k', 'q6_k', 'q6_k', 'q6_k']
    """
    kind = tensor.kind
    if kind == "head" or (kind == "embedding" and shape.tied):
        return output_type(base, tensor.columns)
    if kind == "embedding":
        return {"tq1_0": "q4_k", "tq2_0": "q4_k", "i2_s": "f16"}.get(base, base)
    if base in ("f16", "i2_s"):
        return base
    if kind in ("value", "key") and shape.experts == 8:
        return "q8_0"
    if base != "q4_k":
        return base
    if kind in ("query", "key", "value") and shape.fused:
        return "q5_k"
    if kind in ("value", "down") and use_more_bits(tensor.layer, shape.layers):
        return "q6_k"
    if kind == "value" and shape.layers == 80 and shape.grouped:  # llama.cpp's type 70B: few value heads, cheap bits
        return "q5_k"
    return "q5_k" if kind == "output" and shape.experts == 8 else base


def vocabulary_bytes(entries: int) -> int:
    """Estimated metadata of a GGUF file: the vocabulary.  [byte]

    Per entry the text with its length (about 15 bytes), a score and a kind (4 each); a byte-pair vocabulary, which is
    what those above some 33,000 entries are, adds its merges, about 22. Seen: 0.74 MB for Llama-2's 32,000,
    1.8 MB for 50,000, 5.9 MB for Qwen's 152,000, 7.8 MB for Llama-3's 128,256.

    >>> vocabulary_bytes(32000), vocabulary_bytes(128256)
    (736000, 5771520)
    """
    return entries * (23 if entries <= 33_000 else 45)


def gguf_tensor_bytes(architecture: Architecture, base: str) -> int:
    """Bytes of the tensors of a GGUF file, vocabulary and header left out.  [byte]

    Vectors (norms, biases) stay in FP32. An I2_S tensor has 32 bytes for its scale.
    """
    attentions = [layer.attention for layer in architecture.layers if layer.attention]
    shape = _Shape(
        layers=architecture.depth,
        experts=max((layer.moe.experts for layer in architecture.layers if layer.moe), default=0),
        tied=bool(architecture.lm_head and architecture.lm_head.tied),
        grouped=any(a.kv_heads not in (None, a.heads) for a in attentions),
        fused=any(a.fused for a in attentions),
    )
    total = 0
    for tensor in tensors(architecture):
        if tensor.columns == 1:
            total += 4 * tensor.rows
            continue
        kind = compatible(mixed_type(base, tensor, shape), tensor.columns)
        entries, size = BLOCKS[kind]
        total += tensor.copies * (tensor.rows * tensor.columns // entries * size + 32 * (kind == "i2_s"))
    return total


def checkpoint_bytes(architecture: Architecture, format: str) -> int:
    """Size of a checkpoint file in one of `FORMATS`.  [byte]

    Raises:
        BitnetCostError: a format that is not among them.
    """
    if format in SAFETENSORS:
        return safetensors_bytes(architecture, SAFETENSORS[format])
    if format in GGUF:
        names = 64 * sum(1 for _ in tensors(architecture))  # name, shape, type and offset of each tensor
        return gguf_tensor_bytes(architecture, GGUF[format]) + vocabulary_bytes(architecture.vocab_size) + names
    hint = suggested(format, FORMATS, f"; choose from {', '.join(FORMATS)}")
    raise BitnetCostError(f"checkpoint format {format!r} is not known{hint}")
