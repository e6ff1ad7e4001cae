"""What an operator is: its terms, the parameters it owns, and its traits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from bitnet_cost.inputs.cited import Same
from bitnet_cost.ledger.arrays import Basis

Term = tuple[str, Basis, float]
"""``(quantity, basis, coefficient)``: so much of a quantity for each unit of a basis, in one layer."""


KernelKind = Literal[
    "product", "experts", "attention", "norm", "rope", "activation", "residual", "quantise", "dequantise",
    "elementwise", "host", "draft",
]  # fmt: skip


Fusion = Literal["no", "projections", "always"]


TensorKind = Literal["embedding", "head", "query", "key", "value", "output", "up", "down", "plain", "other"]


Section = Literal["embedding", "attention", "recurrent", "feed_forward", "expert", "norm", "head"]
"""Where parameters are, as a breakdown names it: shared experts and routers are in the feed-forward part."""

Backward = Literal["product", "elementwise", "none"]


class Traits(NamedTuple):
    """What an operator is beyond its terms, decided where a layer is built: nothing asks for its name."""

    kernel: KernelKind = "product"  # what it runs as; with the precision this gives the class of kernels
    fused: Fusion = "no"  # whether it runs in the kernel of an operator before it: where a runtime fuses projections
    split: bool = True  # whether tensor-parallel devices share it; else each of them does all of it
    summed: bool = False  # whether sums of the residual stream over devices are closed after each of its parts
    scores: bool = False  # whether it works on the scores of attention, one for each query-key pair
    tensor: TensorKind = "other"  # what its weights are to a quantiser of checkpoints; plain ones stay as they are
    grouped: int = 1  # query heads that read the same cached head
    backward: Backward = "product"  # gradients of the input and of the weights, one pass like the forward one, or none


class Operator(NamedTuple):
    """One operator of a run of identical layers, and the parameters it owns.

    ``role`` is what a precision decides on: linear, attention, lm_head, embedding or elsewhere.
    """

    name: str
    group: str
    role: str
    repeat: int
    terms: tuple[Term, ...]
    weights: int = 0  # resident weights of one layer
    bias: int = 0  # resident biases of one layer
    matrices: int = 0  # weight matrices of one layer, which share a shape
    shape: tuple[int, int] = (0, 0)  # inputs, outputs of one matrix
    parameter: str = ""  # role under which the weights are listed
    bias_parameter: str = "bias"
    parts: int = 1  # separate invocations in one layer, e.g. two norms
    layer: int = 0  # the first of its layers
    cached_heads: int = 0  # key-value heads that it makes or reads, of which a device has whole ones; a latent is one
    traits: Traits = Traits()
    section: Section = "feed_forward"

    def has(self, *quantities: str) -> bool:
        """Whether it has any of some quantities."""
        return any(quantity in quantities for quantity, _, _ in self.terms)


def parameters_in(operators: tuple[Operator, ...]) -> Mapping[Section, int]:
    """Parameters of each section, biases with their products, tied weights once; their sum is the model's count."""
    return _parameters_in(Same(operators))


@lru_cache(maxsize=64)  # many models side by side, each record of which asks for every section
def _parameters_in(operators: Same) -> dict[Section, int]:
    found: dict[Section, int] = dict.fromkeys(get_args(Section), 0)
    for op in operators.it:
        found[op.section] = found[op.section] + op.repeat * (
            op.weights + op.bias
        )  # a told number has no place to add to
    return found


def active_parameters(operators: tuple[Operator, ...]) -> int:
    """Parameters less those of the routed experts that a token does not visit; tables count whole."""
    return _active_parameters(Same(operators))


@lru_cache(maxsize=64)
def _active_parameters(operators: Same) -> int:
    idle = 0
    for op in operators.it:
        for quantity, basis, _ in op.terms:
            if quantity == "weights" and basis[0].endswith("experts"):
                *_, experts, chosen = (int(number) for number in basis[1:])
                idle += op.repeat * (op.weights + op.bias) // experts * (experts - chosen)
    return sum(_parameters_in(operators).values()) - idle
