"""The tensors that a weight file lists, as the precision that the file is stored in. The weights are never read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from bitnet_cost.inputs.cited import Source
from bitnet_cost.inputs.gguf import BLOCKS
from bitnet_cost.inputs.precision import OWN, Format, LinearPrecision, Precision, WeightStorage, parse_name

PLAIN: dict[str, Format] = {"f16": "fp16", "bf16": "bf16", "f32": "fp32"}
"""Types of tensors that are not quantised."""

TERNARY = ("tq1_0", "tq2_0", "i2_s")


class Listed(NamedTuple):
    """One tensor as a file lists it."""

    name: str
    form: str  # type, in small letters
    entries: int
    size: int  # bytes


def file_precision(
    tensors: Iterable[Listed],
    operators_of: Callable[[str], str],
    words: str,
    file: str,
    scheme: Precision | None = None,
) -> Precision:
    """The precision of a file: the bytes of each operator's weights, exactly.

    ``operators_of`` gives the operators that a tensor belongs to, joined by ``+``, or nothing where the model has none
    for it; its bytes are then held beside the rest. The arithmetic is that of ``scheme``, else of the widest part of
    the matrices of the layers.
    """
    held: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    bits: Counter[str] = Counter()
    beside, tables = 0, {"embed_tokens": 0.0, "lm_head": 0.0}
    for tensor in tensors:
        named = operators_of(tensor.name)
        if not named:
            beside += tensor.size
            continue
        held[named] += tensor.size
        if named in tables and tensor.entries:
            tables[named] = min(max(8 * tensor.size / tensor.entries, 1.0), 32.0)
        if tensor.entries > 1 and not named.endswith(".bias") and "norm" not in named:
            forms[tensor.form] += tensor.entries
            bits[tensor.form] += 8 * tensor.size
    where = Source(author="the file", title=words, year=2026, where=file[:200], seen="own")
    common: dict[str, Any] = {
        "stored_bytes": dict(held),
        "uncounted_bytes": beside,
        "source": "file",
        "sources": {"file": where},
    }
    if scheme is not None:
        return scheme.model_copy(update=common)
    quantised = {form: count for form, count in forms.items() if form not in PLAIN}
    form = max(quantised or forms or {"f16": 1}, key=lambda form: (quantised or forms or {"f16": 1})[form])
    narrow = sum(quantised.values()) * 2 > sum(forms.values())
    plain = PLAIN.get(form, "fp16")
    width = bits[form] / forms[form] if forms[form] else 16.0
    if narrow and form in TERNARY:
        usual = parse_name("w1.58a8")
        assert usual is not None
        linear = usual.linear.model_copy(
            update={"weights": WeightStorage(bits=min(max(width, 1.6), 32.0), information_bits=1.585)}
        )
    else:
        nominal = min(max(width, 1.0), 32.0)
        linear = LinearPrecision(
            weights=WeightStorage(bits=nominal, information_bits=nominal),
            activation_bits=32 if plain == "fp32" else 16,
            recipe={f"mul.{plain}": 1.0, f"add.{plain}": 1.0},
            rescale="weights" if narrow else "none",
        )
    return Precision(
        name=OWN, title=f"as its file stores it: {words}", note="bytes of each tensor as the file lists them",
        linear=linear, attention="fp16" if plain == "fp32" else plain, elsewhere=plain, embedding=plain, lm_head=plain,
        embedding_bits=tables["embed_tokens"] or None, lm_head_bits=tables["lm_head"] or tables["embed_tokens"] or None,
        kv_bits=16, **common,
    )  # fmt: skip


def dominant(tensors: Iterable[Listed]) -> str:
    """The type that most bytes have."""
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.form] += tensor.size
    return max(sizes, key=lambda form: sizes[form], default="")


def bytes_of(form: str, entries: int) -> int:
    """Bytes of a tensor of a GGUF type.  [byte]

    >>> bytes_of("q4_k", 4096 * 256)
    589824
    """
    block, size = BLOCKS[form]
    return -(-entries // block) * size
