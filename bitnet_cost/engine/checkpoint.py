"""File sizes of common checkpoints, from an architecture alone.

safetensors holds every parameter in one format. GGUF files of llama.cpp hold matrices in a mixture of types that the
quantiser chooses by a matrix's role and layer (`engine.mixtures`), and vectors (norms, biases) in FP32.
The text of the vocabulary is not in an architecture; its size is estimated.
"""

from __future__ import annotations

from collections.abc import Iterator

from bitnet_cost.engine.mixtures import Tensor, Whole, stored_bytes, tensors_of
from bitnet_cost.engine.operators import operators
from bitnet_cost.errors import BitnetCostError, suggested
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.gguf import BLOCKS, MIXTURES

SAFETENSORS = {"safetensors-f16": "f16", "safetensors-bf16": "bf16", "safetensors-f32": "f32"}
GGUF = tuple(f"gguf-{name}" for name in MIXTURES)
FORMATS = (*SAFETENSORS, *GGUF)
_SHOWN = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "q3_k_m", "q2_k", "iq2_xxs", "tq2_0", "tq1_0", "i2_s")
USUAL = (*SAFETENSORS, *(f"gguf-{name}" for name in _SHOWN))
"""Formats that most files have; those in between are near them."""


def tensors(architecture: Architecture) -> Iterator[Tensor]:
    """Every stored tensor, layer by layer. Tied weights are stored once.

    >>> from bitnet_cost.inputs.architecture import Architecture
    >>> tiny = Architecture.model_validate(dict(name="tiny", source="doctest", seen="own", hidden_size=8,
    ...     vocab_size=10, layers=[dict(repeat=2, attention=dict(heads=2), ffn=dict(size=32, activation="gelu"))]))
    >>> [(tensor.kind, tensor.layer) for tensor in tensors(tiny) if tensor.kind in ("embedding", "value")]
    [('embedding', 0), ('value', 0), ('value', 1)]
    """
    for operator in operators(architecture):
        yield from tensors_of(operator)


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


def vocabulary_bytes(entries: int) -> int:
    """Estimated metadata of a GGUF file: the vocabulary.  [byte]

    Per entry the text with its length (about 15 bytes), a score and a kind (4 each); a byte-pair vocabulary, which is
    what those above some 33,000 entries are, adds its merges, about 22. Seen: 0.74 MB for Llama-2's 32,000,
    1.8 MB for 50,000, 5.9 MB for Qwen's 152,000, 7.8 MB for Llama-3's 128,256.

    >>> vocabulary_bytes(32000), vocabulary_bytes(128256)
    (736000, 5771520)
    """
    return entries * (23 if entries <= 33_000 else 45)


def gguf_tensor_bytes(architecture: Architecture, mixture: str) -> int:
    """Bytes of the tensors of a GGUF file, vocabulary and header left out.  [byte]

    Vectors (norms, biases) stay in FP32. An I2_S tensor has 32 bytes for its scale.
    """
    whole = Whole.of(architecture)
    return sum(stored_bytes(mixture, tensor, whole) for tensor in tensors(architecture))


def checkpoint_bytes(architecture: Architecture, format: str) -> int:
    """Size of a checkpoint file in one of `FORMATS`.  [byte]

    Raises:
        BitnetCostError: a format that is not among them.
    """
    if format in SAFETENSORS:
        return safetensors_bytes(architecture, SAFETENSORS[format])
    if format in GGUF:
        names = 64 * sum(1 for _ in tensors(architecture))  # name, shape, type and offset of each tensor
        return (
            gguf_tensor_bytes(architecture, format.removeprefix("gguf-"))
            + vocabulary_bytes(architecture.vocab_size)
            + names
        )
    hint = suggested(format, FORMATS, f"; choose from {', '.join(FORMATS)}")
    raise BitnetCostError(f"checkpoint format {format!r} is not known{hint}")
