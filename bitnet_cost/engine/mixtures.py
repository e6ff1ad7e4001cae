"""The type that a GGUF file gives each matrix of a model: the rule of llama.cpp, per tensor.

`bitnet_cost.inputs.gguf` holds what each mixture chooses; here are the conditions, and what they depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.gguf import ALWAYS, BLOCKS, FALLBACK, MIXTURES, Choice
from bitnet_cost.ledger.operators import Operator, TensorKind


class Tensor(NamedTuple):
    """One weight matrix of a layer (``copies``: one per expert), or vectors if it has one column."""

    kind: TensorKind
    rows: int
    columns: int
    copies: int
    layer: int


class Whole(NamedTuple):
    """What the choice of a type depends on, of a whole model."""

    layers: int
    experts: int
    tied: bool
    sharing: float  # query heads to a key and value head
    fused: bool = False  # queries, keys and values are one matrix, which counts as values

    @classmethod
    def of(cls, architecture: Architecture) -> Whole:
        """What a mixture asks of a model.

        llama.cpp stores latent attention as keys and values of one head, which all queries share.
        """
        attentions = [layer.attention for layer in architecture.layers if layer.attention]
        latent = [layer.latent_attention.heads for layer in architecture.layers if layer.latent_attention]
        return cls(
            layers=architecture.depth,
            experts=max((layer.moe.experts for layer in architecture.layers if layer.moe), default=1),
            tied=bool(architecture.lm_head and architecture.lm_head.tied),
            sharing=max([*(a.heads / (a.kv_heads or a.heads) for a in attentions[:1]), *latent], default=1),
            fused=any(a.fused for a in attentions),
        )


def use_more_bits(layer: int, layers: int) -> bool:
    """Whether Q4_K_M gives a layer's value and down projections six bits: the outer eighths, and each third between.

    llama.cpp, src/llama-quant.cpp, lambda `use_more_bits`, integer division.

    >>> sum(use_more_bits(layer, 32) for layer in range(32))
    16
    """
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


CONDITIONS: dict[str, Callable[[int, Whole], bool]] = {
    ALWAYS: lambda layer, whole: True,
    "more bits": lambda layer, whole: use_more_bits(layer, whole.layers),
    "more bits of eight": lambda layer, whole: whole.experts == 8 and use_more_bits(layer, whole.layers),
    "first eighth": lambda layer, whole: layer < whole.layers // 8,
    "first sixteenth": lambda layer, whole: layer < whole.layers // 16,
    "first 2": lambda layer, whole: layer < 2,
    "first 4": lambda layer, whole: layer < 4,
    "middle": lambda layer, whole: whole.layers // 8 <= layer < 7 * whole.layers // 8,
    "grouped": lambda layer, whole: whole.sharing >= 4,
    "four experts": lambda layer, whole: whole.experts >= 4,
}
"""What a choice of a type may depend on, by its name in `MIXTURES`."""


def _chosen(choice: Choice, layer: int, whole: Whole, otherwise: str) -> str:
    return next((form for name, form in choice if CONDITIONS[name](layer, whole)), otherwise)


def compatible(form: str, columns: int) -> str:
    """A type whose blocks divide a row, the given one if they do.

    llama.cpp, src/llama-quant.cpp, `tensor_type_fallback`.

    >>> compatible("q4_k", 4096), compatible("q4_k", 5460), compatible("tq1_0", 5472), compatible("q6_k", 896)
    ('q4_k', 'f16', 'q4_0', 'q8_0')
    """
    if columns % BLOCKS[form][0] == 0:
        return form
    smaller = FALLBACK.get(form, "f16")
    return smaller if columns % BLOCKS[smaller][0] == 0 else "f16"


def mixed_type(name: str, tensor: Tensor, whole: Whole) -> str:
    """Type of one matrix in a mixture: llama.cpp, src/llama-quant.cpp, `llama_tensor_get_type_impl`.

    Falcon's exceptions are left out.

    >>> dense = Whole(layers=32, experts=1, tied=False, sharing=4)
    >>> [mixed_type("q4_k_m", Tensor(kind, 4096, 4096, 1, 0), dense) for kind in ("query", "value", "down", "head")]
    ['q4_k', 'q6_k', 'q6_k', 'q6_k']
    """
    mixture, kind = MIXTURES[name], tensor.kind
    base = mixture.base
    if kind == "head" or (kind == "embedding" and whole.tied):
        fits = tensor.columns % BLOCKS[base][0] == 0
        return compatible(mixture.head if fits else "q8_0", tensor.columns)
    if kind == "embedding":
        return compatible(mixture.table or base, tensor.columns)
    if whole.fused and kind in ("query", "key"):
        kind = "value"
    form = _chosen(getattr(mixture, kind, ()), tensor.layer, whole, base)
    if kind == "value" and whole.layers == 80 and whole.sharing > 1 and form in ("q3_k", "q4_k"):
        form = "q5_k"  # llama.cpp's type 70B: few value heads, cheap bits
    if whole.experts == 8:
        form = dict(mixture.eight).get(kind, form)
    if tensor.copies > 1:
        form = _chosen(mixture.experts, tensor.layer, whole, form)
    return compatible(form, tensor.columns)


def stored_bytes(name: str, tensor: Tensor, whole: Whole) -> int:
    """Bytes of a tensor, all its copies. Vectors stay in FP32; an I2_S tensor has 32 bytes for its scale.  [byte]

    >>> dense = Whole(layers=32, experts=1, tied=False, sharing=4)
    >>> stored_bytes("q4_k_m", Tensor("query", 4096, 4096, 1, 0), dense) / 4096**2 * 8
    4.5
    """
    if tensor.columns == 1:
        return 4 * tensor.rows
    form = mixed_type(name, tensor, whole)
    entries, size = BLOCKS[form]
    return tensor.copies * (tensor.rows * tensor.columns // entries * size + 32 * (form == "i2_s"))


def tensors_of(op: Operator) -> Iterator[Tensor]:
    """The tensors that one operator stores, layer by layer: its weights, then its biases."""
    for layer in range(op.layer, op.layer + op.repeat):
        kind = op.traits.tensor
        if op.matrices and kind != "plain":
            inputs, outputs = op.shape
            # a table's rows are its entries; a product's matrix is stored output by output
            rows, columns = (inputs, outputs) if op.group == "embedding" else (outputs, inputs)
            yield Tensor(kind, rows, columns, op.matrices, layer)
        elif op.weights:
            yield Tensor("plain", op.weights, 1, max(1, op.matrices), layer)
        if op.bias:
            yield Tensor("plain", op.bias, 1, 1, layer)
