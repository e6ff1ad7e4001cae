"""Rows of operators: how a product, a norm or elementwise work becomes one, and what most of them are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from bitnet_cost.engine.terms import LOGITS, TOKENS, dense, norm
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.ledger.arrays import PASSES, Basis
from bitnet_cost.ledger.operators import Backward, KernelKind, Operator, Section, Term, Traits
from bitnet_cost.words import Counting

# What most operators are. Tensor-parallel devices share products, heads and columns of the feed-forward part, and each
# does all of the norms and of what else works on the whole residual stream.
PRODUCT, FUSED = Traits(), Traits(fused="projections")
ATTENTION = Traits("attention")
ELEMENTWISE = Traits("elementwise", split=False, backward="elementwise")
REPEATED = Traits(split=False)  # the same on each device: what follows needs all of its columns
ROUTER, DOWN = Traits(split=False, tensor="plain"), Traits(tensor="down")
GATE, UP = Traits(tensor="up"), Traits(fused="projections", tensor="up")
SCAN = Traits("elementwise")  # products that run beside plain elementwise work, in kernels like it
SOFTMAX = Traits("attention", fused="always", scores=True, backward="elementwise")
ACTIVATION = Traits("activation", backward="elementwise")


def runs_as(
    kernel: KernelKind, *, split: bool = False, summed: bool = False, backward: Backward = "elementwise"
) -> Traits:
    """Traits of elementwise work that has kernels of its own."""
    return Traits(kernel, split=split, summed=summed, backward=backward)


class Copies(NamedTuple):
    """Matrices of a product: how many run for a token, how many weights and biases are stored, when they are read."""

    run: int = 1
    stored: int = 1
    biases: int = 1
    touched: Basis = PASSES
    basis: Basis = TOKENS  # vectors that pass through


ONE, AT_LOGITS = Copies(), Copies(touched=("logit_passes",), basis=LOGITS)


class Rows:
    """Collects the operators of an architecture, layer by layer."""

    def __init__(self, architecture: Architecture, counting: Counting) -> None:
        self.architecture = architecture
        self.hidden = architecture.hidden_size
        self.counting = counting
        self.operators: list[Operator] = []
        self.first, self.repeat = 0, 1  # the layers of the run
        self.shared = False  # whether they have the weights of earlier ones
        self.idle = False  # whether their weights wait for what text does not bring
        self.section: Section = "embedding"
        self.part: tuple[str, tuple[float, ...]] = ("", ())  # what bases are renamed to: of an encoder, or a decoder's

    def add(
        self, name: str, group: str, role: str, terms: Iterable[Term], *, traits: Traits = ELEMENTWISE, **owned: Any
    ) -> None:
        """An operator of the layers that are built; ``owned`` are its parameters and parts, fields of `Operator`."""
        named = {"parameter": name, **owned}
        named.setdefault("section", "norm" if named["parameter"] == "norm_weight" else self.section)
        if self.shared:
            named |= {"weights": 0, "bias": 0, "matrices": 0}
        if self.idle:  # what is left of it are its parameters
            terms, named["parts"] = (), 0
            if not (named.get("weights") or named.get("bias")):
                return
        placed = tuple((quantity, self.placed(basis), times) for quantity, basis, times in terms)
        self.operators.append(
            Operator(name, group, role, self.repeat, placed, layer=self.first, traits=traits, **named)
        )

    def placed(self, basis: Basis) -> Basis:
        """A basis as an encoder has it, or a decoder behind one."""
        part, own = self.part
        if not part or basis[0].startswith(("cross", "encoder")):
            return basis
        return cast(Basis, (part + basis[0], *own, *basis[1:]))

    def linear(
        self, name: str, inputs: int, outputs: int, *, bias: bool = False, role: str = "linear", copies: Copies = ONE,
        traits: Traits = PRODUCT, cached_heads: int = 0,
    ) -> None:  # fmt: skip
        """A product with a weight matrix, or with one of several. The cache keeps outputs of ``cached_heads``."""
        group = "head" if role == "lm_head" else "linear"
        if role == "linear" and self.architecture.linear_norms:
            self.norm(f"{name}_norm", inputs, copies.run, groups=copies.stored, kind="rmsnorm")
        body = dense(inputs, outputs, bias=bias, copies=copies.run, basis=copies.basis, touched=copies.touched)
        if cached_heads:
            body.append(("kv_write", copies.basis, outputs))
        self.add(name, group, role, body, weights=copies.stored * inputs * outputs,
                 bias=copies.biases * outputs * bias, matrices=copies.stored, shape=(inputs, outputs),
                 cached_heads=cached_heads, traits=traits)  # fmt: skip

    def elementwise(
        self, name: str, terms: Iterable[Term], weights: int = 0, bias: int = 0, parts: int = 1,
        traits: Traits = ELEMENTWISE,
    ) -> None:  # fmt: skip
        """Elementwise work, whose parameters are those of a norm."""
        self.add(name, "elementwise", "elsewhere", terms, weights=weights, bias=bias, parameter="norm_weight",
                 bias_parameter="norm_bias", parts=parts, traits=traits)  # fmt: skip

    def norm(
        self, name: str, width: int, vectors: int = 1, kind: str | None = None, groups: int | None = None,
        split: bool = False,
    ) -> None:  # fmt: skip
        """Norms of vectors, of which ``groups`` have weights of their own."""
        norms = norm(kind or self.architecture.norm, width, vectors, groups=vectors if groups is None else groups)
        # norms of the whole width are separate; those of heads run together
        parts = vectors if groups is None else min(groups, 2)
        self.elementwise(name, norms.terms, norms.weights, norms.bias, parts, runs_as("norm", split=split))

    def quantisation(self, part: str, vectors: int, inputs: int, outputs: int) -> None:
        """Rows that cost something only where the precision quantises activations."""
        rows = [("quantise", TOKENS, inputs), ("quantise_rows", TOKENS, vectors)]
        self.elementwise(f"{part}_quantise", rows, parts=vectors, traits=runs_as("quantise", backward="none"))
        self.elementwise(
            f"{part}_dequantise", [("dequantise", TOKENS, outputs)], parts=vectors,
            traits=runs_as("dequantise", backward="none"),
        )  # fmt: skip
