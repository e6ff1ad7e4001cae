"""What parts of a layer need: terms (quantity, basis, coefficient) of products, norms, activations, attention, scans.

1 MAC is one multiplication and one addition. Compare, max, round and clamp count as one addition each; divisions,
roots, exponentials, tanh and erf as special functions.
"""

from __future__ import annotations

from typing import NamedTuple

from bitnet_cost.inputs.architecture import Attention
from bitnet_cost.ledger.arrays import PASSES, Basis
from bitnet_cost.ledger.operators import Term

TOKENS: Basis = ("tokens",)
LOGITS: Basis = ("logits",)


def dense(
    inputs: int, outputs: int, *, bias: bool = False, copies: int = 1, basis: Basis = TOKENS,
    touched: Basis = PASSES,
) -> list[Term]:  # fmt: skip
    """Terms of a product with a weight matrix, ``[m, k] x [k, n]``: MUL = m k n, ADD = m (k-1) n + m n for a bias.

    Wang et al., BitNet, 2023, arXiv:2310.11453, eq. 15-17. ``copies`` products run per token (experts).

    >>> [(quantity, times) for quantity, _, times in dense(3, 2, bias=True)][:3]
    [('mac', 6), ('reduce', 4), ('bias', 2)]
    """
    terms: list[Term] = [
        ("mac", basis, copies * inputs * outputs),
        ("reduce", basis, copies * (inputs - 1) * outputs),
        ("bias", basis, copies * outputs * bias),
        ("inputs", basis, copies * inputs),
        ("outputs", basis, copies * outputs),
        ("weights", touched, inputs * outputs),
        ("bias_weights", touched, outputs * bias),
    ]
    return [term for term in terms if term[2]]


class Norms(NamedTuple):
    """Elementwise work of a norm per vector, and its parameters."""

    terms: list[Term]
    weights: int
    bias: int


def norm(kind: str, width: int, vectors: int, basis: Basis = TOKENS, groups: int = 1) -> Norms:
    """Terms of ``vectors`` norms over ``width`` entries; ``groups`` distinct sets of weights.

    RMSNorm (Zhang & Sennrich, 2019, arXiv:1910.07467): d squares, d-1 additions, a mean, an epsilon, a root and a
    reciprocal, d scalings, d gains. LayerNorm (Ba et al., 2016, arXiv:1607.06450) subtracts the mean and adds a bias.

    >>> {quantity: times for quantity, _, times in norm("rmsnorm", 8, 1).terms}
    {'mul': 25, 'add': 8, 'sqrt': 1, 'div': 1, 'inputs': 8, 'outputs': 8}
    """
    gain = 0 if kind == "no_weights" else width
    bias = width if kind == "layernorm" else 0
    if kind == "rmsnorm":
        mul, add = 2 * width + 1 + gain, width
    else:
        mul, add = 2 * width + 2 + gain, 3 * width - 1 + bias
    terms: list[Term] = [
        ("mul", basis, vectors * mul),
        ("add", basis, vectors * add),
        ("sqrt", basis, vectors),
        ("div", basis, vectors),
        ("inputs", basis, vectors * width),
        ("outputs", basis, vectors * width),
    ]
    return Norms(terms, groups * gain, groups * bias)


# Work per element of an activation function.
ACTIVATIONS: dict[str, dict[str, int]] = {
    "relu": {"add": 1},
    "relu2": {"add": 1, "mul": 1},
    "silu": {"exp": 1, "add": 1, "div": 1, "mul": 1},  # x / (1 + exp(-x))
    "gelu": {"erf": 1, "mul": 3, "add": 1},  # x/2 (1 + erf(x / sqrt 2))
    "xielu": {"exp": 1, "add": 4, "mul": 4},  # Huang & Schlag, 2024, arXiv:2411.13010, eq. 9
    "gelu_tanh": {"tanh": 1, "mul": 6, "add": 2},  # x/2 (1 + tanh(a (x + b x^3)))
}


def activation(kind: str, width: int, *, gated: bool, basis: Basis = TOKENS) -> list[Term]:
    """Terms of an activation function over ``width`` entries, and of the gate's product.

    >>> {quantity: times for quantity, _, times in activation("silu", 2, gated=True)}
    {'exp': 2, 'add': 2, 'div': 2, 'mul': 4, 'inputs': 4, 'outputs': 2}
    """
    work = dict(ACTIVATIONS[kind])
    if gated:
        work["mul"] = work.get("mul", 0) + 1
    terms: list[Term] = [(quantity, basis, times * width) for quantity, times in work.items()]
    return [*terms, ("inputs", basis, width * (1 + gated)), ("outputs", basis, width)]


def softmax(heads: int, pairs: Basis, attention: Attention | None = None) -> list[Term]:
    """Terms of the softmax over scores: scale, maximum, subtract, exponential, sum, and normalise.

    >>> {quantity: times for quantity, _, times in softmax(2, ("pairs",))}
    {'mul': 4, 'add': 6, 'exp': 2, 'div': 2}
    """
    capped, biased = bool(attention and attention.softcap), bool(attention and attention.alibi)
    terms: list[Term] = [
        ("mul", pairs, heads * (4 if capped else 2)),
        ("add", pairs, heads * (4 if biased else 3)),
        ("exp", pairs, heads),
        ("div", TOKENS, heads),
    ]
    return [*terms, ("tanh", pairs, heads)] if capped else terms


def chunked_scan(inner: int, state: int, heads: int, chunk: float) -> list[Term]:
    """Products of the scan in chunks, as the reference implementation of Mamba-2 runs a prefill.

    Inside a chunk of L positions, per head of width p and state n: scores C B^T (L^2 n), their product with x
    (L^2 p), the chunk's state (L n p) and the output from the state before it (L n p); then every state from all
    chunks before ((c + 1)^2 n p for c chunks). A decode step is the recurrence, n p.

    Dao & Gu, Transformers are SSMs, 2024, arXiv:2405.21060, section 6, listing 1; the last, short chunk is padded.

    >>> [(basis[0], times) for _, basis, times in chunked_scan(12, 4, 3, 8.0)]
    [('chunk_pairs', 24), ('chunk_tokens', 96), ('chunk_states', 48), ('decode_tokens', 48)]
    """
    return [
        ("mac", ("chunk_pairs", chunk), heads * state + inner),
        ("mac", ("chunk_tokens", chunk), 2 * inner * state),
        ("mac", ("chunk_states", chunk), inner * state),
        ("mac", ("decode_tokens",), inner * state),
    ]
