"""The operators of an architecture, layer by layer, each with its terms, its parameters and its traits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from bitnet_cost.engine.terms import LOGITS, TOKENS, activation, chunked_scan, dense, norm, softmax
from bitnet_cost.inputs.architecture import (
    Architecture,
    Attention,
    FeedForward,
    LatentAttention,
    Layer,
    MixtureOfExperts,
    StateSpace,
)
from bitnet_cost.ledger.arrays import PASSES, Basis
from bitnet_cost.ledger.operators import Backward, KernelKind, Operator, TensorKind, Term, Traits
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


class _Builder:
    """Collects the operators of an architecture, layer by layer."""

    def __init__(self, architecture: Architecture, counting: Counting) -> None:
        self.architecture = architecture
        self.hidden = architecture.hidden_size
        self.counting = counting
        self.operators: list[Operator] = []
        self.first, self.repeat = 0, 1  # the layers of the run

    def add(
        self, name: str, group: str, role: str, terms: Iterable[Term], *, traits: Traits = ELEMENTWISE, **owned: Any
    ) -> None:
        """An operator of the layers that are built; ``owned`` are its parameters and parts, fields of `Operator`."""
        named = {"parameter": name, **owned}
        self.operators.append(
            Operator(name, group, role, self.repeat, tuple(terms), layer=self.first, traits=traits, **named)
        )

    def linear(
        self, name: str, inputs: int, outputs: int, *, bias: bool = False, role: str = "linear", copies: Copies = ONE,
        terms: Iterable[Term] = (), traits: Traits = PRODUCT, cached_heads: int = 0,
    ) -> None:  # fmt: skip
        """A product with a weight matrix, or with one of several."""
        group = "head" if role == "lm_head" else "linear"
        body = dense(inputs, outputs, bias=bias, copies=copies.run, basis=copies.basis, touched=copies.touched)
        self.add(name, group, role, [*body, *terms], weights=copies.stored * inputs * outputs,
                 bias=copies.biases * outputs * bias, matrices=copies.stored, shape=(inputs, outputs),
                 cached_heads=cached_heads, traits=traits)  # fmt: skip

    def elementwise(
        self, name: str, terms: Iterable[Term], weights: int = 0, bias: int = 0, parts: int = 1,
        traits: Traits = ELEMENTWISE,
    ) -> None:  # fmt: skip
        self.add(name, "elementwise", "elsewhere", terms, weights=weights, bias=bias, parameter="norm_weight",
                 bias_parameter="norm_bias", parts=parts, traits=traits)  # fmt: skip

    def norm(
        self, name: str, width: int, vectors: int = 1, kind: str | None = None, groups: int | None = None,
        split: bool = False,
    ) -> None:  # fmt: skip
        norms = norm(kind or self.architecture.norm, width, vectors, groups=vectors if groups is None else groups)
        # norms of the whole width are separate; those of heads run together
        parts = vectors if groups is None else min(groups, 2)
        self.elementwise(name, norms.terms, norms.weights, norms.bias, parts, runs_as("norm", split=split))

    def quantisation(self, part: str, vectors: int, inputs: int, outputs: int) -> None:
        """Rows that cost something only where the precision quantises activations."""
        rows = [("quantise", TOKENS, inputs), ("quantise_rows", TOKENS, vectors)]
        self.elementwise(f"{part}_quantise", rows, parts=vectors, traits=runs_as("quantise", backward="none"))
        self.elementwise(
            f"{part}_dequantise", [("dequantise", TOKENS, outputs)], traits=runs_as("dequantise", backward="none")
        )

    # -- parts of a model --

    def embedding(self) -> None:
        model, table = self.architecture, self.architecture.embedding
        width = table.width or self.hidden
        added: list[Term] = [("outputs", TOKENS, width), ("add", TOKENS, width)]
        tables: list[tuple[str, int, int, list[Term], TensorKind]] = [
            ("embed_tokens", model.vocab_size, width, added[:1], "embedding"),
            ("embed_positions", table.positions, self.hidden, added, "plain"),
            ("embed_token_type", table.token_types, self.hidden, added, "plain"),
        ]
        for name, rows, columns, terms, kind in tables:
            if rows:
                self.add(name, "embedding", "embedding", terms, weights=rows * columns, shape=(rows, columns),
                         matrices=1, traits=ELEMENTWISE._replace(tensor=kind))  # fmt: skip
        if width != self.hidden:
            self.linear("embed_proj", width, self.hidden, role="elsewhere")
        if table.norm:
            self.norm("embedding_norm", self.hidden)

    def layer(self, layer: Layer) -> None:
        self.repeat = layer.repeat
        hidden = self.hidden
        if layer.product:
            self.linear("product", hidden, layer.product.outputs)
            self.quantisation("product", 1, hidden, layer.product.outputs)
            return
        if layer.norms:
            self.norm("norm", hidden, layer.norms)
        if layer.attention:
            self.attention(layer.attention)
        elif layer.latent_attention:
            self.latent_attention(layer.latent_attention)
        elif layer.state_space:
            self.state_space(layer.state_space)
        if layer.ffn:
            self.feed_forward(layer.ffn)
        elif layer.moe:
            self.experts(layer.moe)
        adds = 2 if layer.ffn or layer.moe else 1
        moved = [("inputs", TOKENS, 2 * adds * hidden), ("outputs", TOKENS, adds * hidden)]
        self.elementwise("residual", [("add", TOKENS, adds * hidden), *moved], parts=adds,
                         traits=runs_as("residual", summed=True))  # fmt: skip

    def attention(self, attention: Attention) -> None:
        hidden, heads = self.hidden, attention.heads
        kv_heads, width = attention.kv_heads or attention.heads, self.architecture.head_dim(attention)
        queries, keys = heads * width, kv_heads * width
        window = () if attention.window is None else (float(attention.window),)
        pairs, cached = ("pairs", *window), ("keys", *window)
        bias = attention.qkv_bias
        write = [("kv_write", TOKENS, keys)]
        self.linear("q", hidden, queries, bias=bias, traits=PRODUCT._replace(tensor="query"))
        made = FUSED._replace(tensor="key"), FUSED._replace(tensor="value")
        for name, traits in zip("kv", made, strict=True):
            self.linear(name, hidden, keys, bias=bias, terms=write, traits=traits, cached_heads=kv_heads)
        if attention.qk_norm in ("head", "per_head"):
            vectors = heads + kv_heads
            self.norm("qk_norm", width, vectors, groups=2 if attention.qk_norm == "head" else vectors, split=True)
        elif attention.qk_norm == "width":
            self.norm("q_norm", queries)
            self.norm("k_norm", keys)
        rotated = (heads + kv_heads) * self.architecture.rotary_dim(attention)
        if rotated:
            self.rope(rotated)
        self.scores(heads, width, pairs, cached, kv_heads)
        self.elementwise("softmax", softmax(heads, pairs, attention), traits=SOFTMAX)
        if attention.sinks:
            self.add("attn_sinks", "elementwise", "elsewhere", [("exp", TOKENS, heads), ("add", TOKENS, heads)],
                     weights=heads)  # fmt: skip
        if attention.sub_norm:
            self.norm("attn_sub_norm", queries)
        self.linear("o", queries, hidden, bias=attention.o_bias, traits=PRODUCT._replace(tensor="output"))
        self.quantisation("attn", 2, hidden + queries, queries + 2 * keys + hidden)

    def rope(self, entries: int) -> None:
        """Rotary positions (Su et al., RoFormer, 2021, arXiv:2104.09864, eq. 34): 2 MUL and 1 ADD per entry."""
        moved = [("inputs", TOKENS, entries), ("outputs", TOKENS, entries)]
        self.elementwise("rope", [("mul", TOKENS, 2 * entries), ("add", TOKENS, entries), *moved], parts=2,
                         traits=runs_as("rope", split=True))  # fmt: skip

    def scores(self, heads: int, width: int, pairs: Basis, cached: Basis, kv_heads: int) -> None:
        """Scores Q K^T and context P V of fused attention. A context entry sums as many products as keys attended."""
        self.add("attn_scores", "attention", "attention", [
            ("mac", pairs, heads * width),
            ("reduce", pairs, heads * (width - 1)),
            ("inputs", TOKENS, heads * width),
            ("kv_read", cached, kv_heads * width),
        ], traits=ATTENTION, cached_heads=kv_heads)  # fmt: skip
        self.add("attn_context", "attention", "attention", [
            ("mac", pairs, heads * width),
            ("reduce", pairs, heads * width),
            ("reduce", TOKENS, -heads * width),
            ("outputs", TOKENS, heads * width),
            ("kv_read", cached, kv_heads * width),
        ], traits=ATTENTION._replace(fused="always"), cached_heads=kv_heads)  # fmt: skip

    def latent_attention(self, mla: LatentAttention) -> None:
        hidden, heads, rank, rope = self.hidden, mla.heads, mla.kv_rank, mla.rope_dim
        query = mla.nope_dim + rope
        if mla.q_rank is None:
            self.linear("q", hidden, heads * query, traits=PRODUCT._replace(tensor="query"))
        else:
            self.linear("q_a", hidden, mla.q_rank, bias=mla.bias, traits=REPEATED)
            self.norm("q_norm", mla.q_rank)
            self.linear("q_b", mla.q_rank, heads * query)
        self.linear("kv_a", hidden, rank + rope, bias=mla.bias, terms=[("kv_write", TOKENS, rank + rope)],
                    cached_heads=1)  # fmt: skip
        self.norm("kv_norm", rank)
        self.rope((heads + 1) * rope)
        expanded = heads * (mla.nope_dim + mla.value_dim)
        terms = [
            ("inputs", TOKENS, rank),
            ("outputs", TOKENS, expanded),
            ("weights", PASSES, rank * expanded),
        ]
        if self.counting == "traced":  # every cached position is expanded again in each step
            for basis in (("prefill_tokens",), ("decode_pairs",)):
                terms += [("mac", basis, rank * expanded), ("reduce", basis, (rank - 1) * expanded)]
            score, context = query, mla.value_dim
        else:  # absorbed in decode: q W_UK, then (P C) W_UV, at one product per token
            terms += [
                ("mac", TOKENS, rank * expanded),
                ("reduce", ("prefill_tokens",), (rank - 1) * expanded),
                ("reduce", ("decode_tokens",), heads * ((mla.nope_dim - 1) * rank + (rank - 1) * mla.value_dim)),
            ]
            score, context = rank + rope, rank
        self.add("kv_b", "linear", "linear", terms, weights=rank * expanded, matrices=1, shape=(rank, expanded),
                 traits=PRODUCT._replace(tensor="value"))  # fmt: skip
        first, later = ("prefill_pairs",), ("decode_pairs",)
        self.add("attn_scores", "attention", "attention", [
            ("mac", first, heads * query), ("reduce", first, heads * (query - 1)),
            ("mac", later, heads * score), ("reduce", later, heads * (score - 1)),
            ("inputs", TOKENS, heads * query), ("kv_read", ("keys",), rank + rope),
        ], traits=ATTENTION, cached_heads=1)  # fmt: skip
        self.elementwise("softmax", softmax(heads, ("pairs",)), traits=SOFTMAX)
        value = mla.value_dim
        self.add("attn_context", "attention", "attention", [
            ("mac", first, heads * value), ("reduce", first, heads * value),
            ("reduce", ("prefill_tokens",), -heads * value),
            ("mac", later, heads * context), ("reduce", later, heads * context),
            ("reduce", ("decode_tokens",), -heads * context),
            ("outputs", TOKENS, heads * value),
        ], traits=ATTENTION._replace(fused="always"))  # fmt: skip
        self.linear("o", heads * value, hidden, bias=mla.bias, traits=PRODUCT._replace(tensor="output"))
        self.quantisation("attn", 4, hidden + (mla.q_rank or 0) + rank + heads * value,
                          heads * query + (mla.q_rank or 0) + rank + rope + expanded + hidden)  # fmt: skip

    def state_space(self, ssm: StateSpace) -> None:
        """Gu & Dao, Mamba, 2023, arXiv:2312.00752, section 3; Dao & Gu, 2024, arXiv:2405.21060, section 6."""
        hidden, inner, state = self.hidden, ssm.inner_size, ssm.state_size
        rank = ssm.dt_rank or 0  # Mamba has one: it is checked where a model is read
        if ssm.heads is None:
            entering, convolved, small = 2 * inner, inner, inner * state + inner
        else:
            shared = 2 * ssm.groups * state
            entering, convolved, small = 2 * inner + shared + ssm.heads, inner + shared, 2 * ssm.heads
        self.linear("ssm_in_proj", hidden, entering, bias=ssm.bias)
        positions = ("convolved", float(ssm.conv_kernel))
        self.add("ssm_conv1d", "state_space", "elsewhere", [
            ("mac", positions, convolved * ssm.conv_kernel),
            ("reduce", positions, convolved * (ssm.conv_kernel - 1)),
            ("bias", positions, convolved * ssm.conv_bias),
            ("inputs", TOKENS, convolved), ("outputs", TOKENS, convolved),
            ("weights", PASSES, convolved * (ssm.conv_kernel + ssm.conv_bias)),
        ], weights=convolved * ssm.conv_kernel, bias=convolved * ssm.conv_bias,
            traits=SCAN._replace(tensor="plain"))  # fmt: skip
        self.elementwise("activation", activation("silu", convolved, gated=False), traits=ACTIVATION)
        if ssm.heads is None:
            self.linear("ssm_x_proj", inner, rank + 2 * state)
            self.linear("ssm_dt_proj", rank, inner, bias=True)
        moved = [("inputs", TOKENS, convolved), ("outputs", TOKENS, inner)]
        if ssm.heads is not None and self.counting == "traced":
            scan = chunked_scan(inner, state, ssm.heads, float(ssm.chunk))
        else:
            scan = [("mac", TOKENS, inner * state), ("reduce", TOKENS, inner * (state - 1))]
        # the state is read and written in every step, in FP32: two entries of a 16-bit cache
        held: list[Term] = [(way, ("decode_tokens",), 2 * inner * state) for way in ("kv_read", "kv_write")]
        self.add("ssm_scan", "state_space", "elsewhere", [*scan, *moved, *held], traits=SCAN)
        steps = inner if ssm.heads is None else ssm.heads  # softplus and decay, per channel or per head
        decays = inner * state if ssm.heads is None else ssm.heads
        self.add("ssm_A_log", "elementwise", "elsewhere", [
            ("exp", TOKENS, 2 * steps + decays), ("add", TOKENS, 2 * steps + inner * state + inner),
            ("mul", TOKENS, decays + 3 * inner * state + inner), ("weights", PASSES, small),
        ], weights=small - (inner if ssm.heads is None else ssm.heads))  # fmt: skip
        self.add("ssm_D", "elementwise", "elsewhere", [], weights=inner if ssm.heads is None else ssm.heads)
        if ssm.heads is not None:
            self.add("ssm_dt", "elementwise", "elsewhere", [("add", TOKENS, ssm.heads)], weights=ssm.heads)
            self.norm("ssm_norm", inner, kind="rmsnorm")
        self.elementwise("ssm_gate", activation("silu", inner, gated=True), traits=ACTIVATION)
        self.linear("ssm_out_proj", inner, hidden, bias=ssm.bias)
        self.quantisation("ssm", 2, hidden + inner, entering + hidden)

    def feed_forward(self, ffn: FeedForward) -> None:
        hidden, size = self.hidden, ffn.size
        if ffn.gated:
            self.linear("gate", hidden, size, bias=ffn.bias, traits=GATE)
        self.linear("up", hidden, size, bias=ffn.bias, traits=UP if ffn.gated else GATE)
        self.elementwise("activation", activation(ffn.activation, size, gated=ffn.gated), traits=ACTIVATION)
        if ffn.sub_norm:
            self.norm("ffn_sub_norm", size)
        self.linear("down", size, hidden, bias=ffn.bias, traits=DOWN)
        self.quantisation("ffn", 2, hidden + size, size * (1 + ffn.gated) + hidden)

    def experts(self, moe: MixtureOfExperts) -> None:
        """Routed experts: arithmetic for the tokens routed, weights read for the experts touched, all resident."""
        hidden, size, chosen = self.hidden, moe.size, moe.experts_per_token
        touched = ("experts", float(moe.experts), float(chosen))
        self.linear("router", hidden, moe.experts, bias=moe.router_bias, role="elsewhere", traits=ROUTER)
        routing = [
            ("exp", TOKENS, moe.experts), ("div", TOKENS, moe.experts),
            ("add", TOKENS, moe.experts * (1 + chosen)),
        ]  # fmt: skip
        self.elementwise("routing", routing)
        up = UP if moe.gated else GATE
        for name, inputs, outputs, traits in [("expert_gate", hidden, size, GATE)] * moe.gated + [
            ("expert_up", hidden, size, up),
            ("expert_down", size, hidden, DOWN),
        ]:
            self.linear(name, inputs, outputs, bias=moe.bias, copies=Copies(chosen, moe.experts, moe.experts, touched),
                        traits=traits._replace(kernel="experts"))  # fmt: skip
        self.elementwise("activation", activation(moe.activation, chosen * size, gated=moe.gated), traits=ACTIVATION)
        shared = moe.shared_size or 0
        if shared:
            for name, inputs, outputs, traits in [("shared_expert_gate", hidden, shared, GATE)] * moe.gated + [
                ("shared_expert_up", hidden, shared, up),
                ("shared_expert_down", shared, hidden, DOWN),
            ]:
                self.linear(name, inputs, outputs, bias=moe.shared_bias, traits=traits)
            shared_work = activation(moe.activation, shared, gated=moe.gated)
            self.elementwise("shared_activation", shared_work, traits=ACTIVATION)
            if moe.shared_gate:
                self.linear("shared_expert_router", hidden, 1, role="elsewhere", traits=ROUTER)
        summed = chosen + bool(shared)
        self.elementwise("combine", [
            ("mul", TOKENS, (chosen + moe.shared_gate) * hidden), ("add", TOKENS, (summed - 1) * hidden),
            ("inputs", TOKENS, summed * hidden), ("outputs", TOKENS, hidden),
        ])  # fmt: skip
        width = chosen * size + shared
        self.quantisation("ffn", 1 + chosen + bool(shared), hidden + width, width * (1 + moe.gated) + summed * hidden)

    def head(self) -> None:
        model, head = self.architecture, self.architecture.lm_head
        if head is None:
            return
        width = model.embedding.width or self.hidden
        if head.transform:
            self.linear("mlm_transform", self.hidden, self.hidden, bias=True, role="elsewhere",
                        copies=AT_LOGITS)  # fmt: skip
            self.elementwise("mlm_activation", activation("gelu", self.hidden, gated=False, basis=LOGITS),
                             traits=runs_as("activation"))  # fmt: skip
            norms = norm(model.norm, self.hidden, 1, basis=LOGITS)
            self.elementwise("mlm_norm", norms.terms, norms.weights, norms.bias, traits=runs_as("norm"))
        if width != self.hidden:
            self.linear("embed_proj", self.hidden, width, role="elsewhere", copies=AT_LOGITS)
        tied = AT_LOGITS._replace(stored=int(not head.tied))
        self.linear("lm_head", width, model.vocab_size, bias=head.bias, role="lm_head", copies=tied,
                    traits=PRODUCT._replace(tensor="head"))  # fmt: skip
        if head.spare_bias:
            self.add("lm_head_spare_bias", "head", "elsewhere", [], bias=model.vocab_size, parameter="lm_head",
                     traits=PRODUCT)  # fmt: skip
        if head.softcap:
            capped = [("tanh", LOGITS, model.vocab_size), ("mul", LOGITS, 2 * model.vocab_size)]
            self.elementwise("logit_softcap", capped)


def operators(architecture: Architecture, counting: Counting = "serving") -> tuple[Operator, ...]:
    """The operators of an architecture, in the order in which they run.

    >>> from bitnet_cost.inputs.architecture import Architecture
    >>> tiny = Architecture.model_validate(dict(name="tiny", source="doctest", seen="own", hidden_size=8,
    ...     vocab_size=10, layers=[dict(repeat=2, attention=dict(heads=2), ffn=dict(size=32, activation="gelu"))]))
    >>> [o.name for o in operators(tiny) if o.group == "linear"]
    ['q', 'k', 'v', 'o', 'up', 'down']
    """
    builder = _Builder(architecture, counting)
    builder.embedding()
    for layer in architecture.layers:
        builder.layer(layer)
        builder.first += layer.repeat
    builder.repeat = 1
    if architecture.final_norm:
        builder.norm("final_norm", architecture.hidden_size)
    builder.head()
    return tuple(builder.operators)
