"""A size such as ``175B``: the nominal count, and a GPT-3-like shape for what needs one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture, Attention, Embedding, FeedForward, Head, Layer, Product

SMALLEST, LARGEST = 10**7, 10**15
_SIZE = re.compile(r"([-+]?(?:[0-9]{1,20}(?:\.[0-9]{1,20})?|\.[0-9]{1,20})(e[-+]?[0-9]{1,3})?)([KMBT]?)", re.IGNORECASE)
_SCALE = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def parse_size(text: str) -> int | None:
    """Parameters that a size names; None when the text is not a size. A number without K, M, B or T has an exponent.

    >>> parse_size("175B"), parse_size("6.7b"), parse_size("7e9"), parse_size("gpt2"), parse_size("7")
    (175000000000, 6700000000, 7000000000, None, None)

    Raises:
        BitnetCostError: a size below 10M or above 1000T.
    """
    match = _SIZE.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    exact = float(match[1]) * _SCALE[match[3].upper()]
    if not SMALLEST <= exact <= LARGEST:
        raise BitnetCostError(f"size {text!r}: expected 10M to 1000T (10^7 to 10^15 parameters)")
    return round(exact)


_PRODUCT = re.compile(r"linear-([1-9][0-9]{0,6})x([1-9][0-9]{0,6})(?:x([1-9][0-9]{0,2}))?")


def single_product(name: str) -> Architecture | None:
    """The architecture of ``linear-<outputs>x<inputs>[x<copies>]``, one matrix product; None for another name.

    Several copies run one after the other, as benchmarks do that keep a cache from holding the weights.

    >>> found = single_product("linear-13824x2560x60")
    >>> found.hidden_size, found.layers[0].product.outputs, found.layers[0].repeat
    (2560, 13824, 60)
    """
    match = _PRODUCT.fullmatch(name)
    if match is None:
        return None
    outputs, inputs, copies = (int(part or 1) for part in match.groups())
    return Architecture(
        name=name, title=f"product of {outputs} x {inputs} weights", source="the name itself", seen="own",
        hidden_size=inputs, vocab_size=1, final_norm=False, rotary=False,
        layers=[Layer(repeat=copies, product=Product(outputs=outputs), norms=0)],
    )  # fmt: skip


_ALL_REDUCE = re.compile(r"all-reduce-([1-9][0-9]{0,10})")


def all_reduced_bytes(name: str) -> int | None:
    """Bytes of the vector that ``all-reduce-<bytes>`` sums over devices; None for another name.

    >>> all_reduced_bytes("all-reduce-8192")
    8192
    """
    match = _ALL_REDUCE.fullmatch(name)
    return int(match[1]) if match else None


def count(layers: int, width: int, vocabulary: int, positions: int) -> int:
    """Parameters of a GPT-3-like decoder with tied embeddings: 12 L d^2 + 13 L d + 2 d + (V + P) d.

    Four attention and two FFN matrices (4 d^2 and 8 d^2), their biases (9 d) and two LayerNorms (4 d) a layer.

    >>> count(12, 768, 50257, 1024)
    124439808
    """
    return 12 * layers * width**2 + 13 * layers * width + 2 * width + (vocabulary + positions) * width


def architecture_of_size(name: str, parameters: int, table: Mapping[int, Architecture]) -> Architecture:
    """A shape for a nominal count: an entry of GPT-3's table within 3 %, else interpolated.

    ``table`` maps nominal counts to shapes. Layers by log-interpolation of the table over its nominal counts, extended
    along its last segments; then the width, a multiple of 128, whose count comes closest. Heads are 128 wide.

    Source: Brown et al., Language Models are Few-Shot Learners, 2020, arXiv:2005.14165, Table 2.1.
    """
    name = name.upper().replace("+", "").replace("E", "e")
    name = f"0{name}" if name.startswith(".") else name
    update = {"name": name, "nominal_parameters": parameters}
    for nominal, entry in table.items():
        if abs(parameters - nominal) <= 0.03 * nominal:
            note = f"nominal size; operations and stored bytes from the shape of {entry.name}"
            title = f"{name} (shape of {entry.title})"
            return entry.model_copy(update=update | {"title": title, "note": note})
    known = [(math.log(nominal), math.log(table[nominal].depth)) for nominal in sorted(table)]
    layers = max(1, round(math.exp(_interpolate(math.log(parameters), known))))
    base = table[max(table)]
    vocabulary, positions = base.vocab_size, base.embedding.positions
    # 12 L d^2 + (13 L + 2 + V + P) d = N for d, then the nearest multiples of 128 on both sides
    slope = 13 * layers + 2 + vocabulary + positions
    root = (-slope + math.sqrt(slope**2 + 48 * layers * parameters)) / (24 * layers)
    below = max(1, int(root // 128))
    width = min(
        (128 * below, 128 * (below + 1)), key=lambda d: abs(count(layers, d, vocabulary, positions) - parameters)
    )
    return Architecture(
        name=name,
        title=f"{name} (GPT-3-like shape)",
        source=base.source,
        seen=base.seen,
        note="nominal size; operations and stored bytes from a shape interpolated in GPT-3's Table 2.1",
        hidden_size=width,
        vocab_size=vocabulary,
        max_positions=base.max_positions,
        norm="layernorm",
        rotary=False,
        embedding=Embedding(positions=positions),
        layers=[
            Layer(
                repeat=layers,
                attention=Attention(heads=width // 128, qkv_bias=True, o_bias=True),
                ffn=FeedForward(size=4 * width, activation="gelu_tanh", bias=True),
            )
        ],
        lm_head=Head(tied=True),
        nominal_parameters=parameters,
    )


def _interpolate(x: float, points: Sequence[tuple[float, float]]) -> float:
    """Piecewise linear through the points, the outer segments continued.

    Points of equal height at the ends (GPT-3's 350M to 1.3B all have 24 layers) are flat in between as printed.
    """
    i = next((i for i, (px, _) in enumerate(points[1:-1], 1) if x < px), len(points) - 1)
    (x0, y0), (x1, y1) = points[i - 1], points[i]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
