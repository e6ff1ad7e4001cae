"""The operators of an architecture, layer by layer, each with its terms, its parameters and its traits."""

from __future__ import annotations

from bitnet_cost.engine import recurrent
from bitnet_cost.engine.rows import (
    ACTIVATION,
    AT_LOGITS,
    ATTENTION,
    DOWN,
    ELEMENTWISE,
    FUSED,
    GATE,
    PRODUCT,
    REPEATED,
    ROUTER,
    SOFTMAX,
    UP,
    Copies,
    Rows,
    runs_as,
)
from bitnet_cost.engine.terms import LOGITS, TOKENS, activation, norm, softmax
from bitnet_cost.inputs.architecture import (
    MIXERS,
    AltUp,
    Architecture,
    Attention,
    Classifier,
    Encoder,
    FeedForward,
    Indexer,
    LatentAttention,
    Layer,
    MixtureOfExperts,
    PerLayerInput,
    Product,
)
from bitnet_cost.ledger.arrays import PASSES, Basis
from bitnet_cost.ledger.operators import Operator, TensorKind, Term
from bitnet_cost.words import Counting


class _Builder(Rows):
    """The parts of a model, each as its rows."""

    def embedding(self) -> None:
        model, table = self.architecture, self.architecture.embedding
        width = table.width or self.hidden
        other = width if table.narrow else self.hidden
        added: list[Term] = [("outputs", TOKENS, width), ("add", TOKENS, width)]
        tables: list[tuple[str, int, int, list[Term], TensorKind]] = [
            ("embed_tokens", model.vocab_size + table.spare_rows, width, added[:1], "embedding"),
            ("embed_positions", table.positions, other, added, "plain"),
            ("embed_token_type", table.token_types, other, added, "plain"),
            ("embed_relative", table.relative, self.hidden, [], "plain"),
        ]
        for name, rows, columns, terms, kind in tables:
            if rows:
                self.add(name, "embedding", "embedding", terms, weights=rows * columns, shape=(rows, columns),
                         matrices=1, traits=ELEMENTWISE._replace(tensor=kind))  # fmt: skip
        if table.norm and table.narrow:
            self.norm("embedding_norm", width)
        if width != self.hidden:
            self.linear("embed_proj", width, self.hidden, bias=table.narrow, role="elsewhere")
        if table.per_layer:
            self.per_layer_tables(table.per_layer)
        if model.altup:
            self.linear("altup_in", self.hidden, (model.altup.streams - 1) * self.hidden)
        if table.relative_norm:
            norms = norm(model.norm, self.hidden, max(1, table.relative), basis=PASSES, groups=1)
            self.elementwise("relative_norm", norms.terms, norms.weights, norms.bias, traits=runs_as("norm"))
        if table.norm and not table.narrow:
            self.norm("embedding_norm", self.hidden)

    def per_layer_tables(self, table: PerLayerInput) -> None:
        """The table that holds an input for each layer, and what the token's own embedding adds to it."""
        width = self.architecture.depth * table.width
        self.add("embed_per_layer", "embedding", "embedding", [("outputs", TOKENS, width)],
                 weights=table.vocab_size * width, shape=(table.vocab_size, width), matrices=1,
                 traits=ELEMENTWISE._replace(tensor="embedding"))  # fmt: skip
        self.linear("per_layer_model", self.hidden, width)
        self.norm("per_layer_norm", table.width, self.architecture.depth, groups=1, kind="rmsnorm")

    def altup(self, altup: AltUp) -> None:
        """Prediction of the streams before a layer and their correction after it, and the low-rank residual."""
        hidden, n = self.hidden, altup.streams
        self.linear("altup_router", hidden, n, role="elsewhere", traits=ROUTER)
        self.norm("altup_norm", hidden, 2, groups=1)
        self.add("altup_streams", "elementwise", "elsewhere", [
            ("mac", TOKENS, n * n * (n + 1) + hidden * (n * n + n)), ("add", TOKENS, 2 * n * hidden),
            ("mul", TOKENS, (n + 1) * hidden), ("inputs", TOKENS, 2 * n * hidden), ("outputs", TOKENS, 2 * n * hidden),
            ("weights", PASSES, n * n * (n + 1) + hidden),
        ], weights=n * n * (n + 1) + hidden)  # fmt: skip
        self.linear("laurel_left", hidden, altup.rank)
        self.linear("laurel_right", altup.rank, hidden)
        self.norm("laurel_norm", hidden)

    def layer(self, layer: Layer) -> None:
        self.repeat, self.shared, self.idle = layer.repeat, layer.shared, layer.idle
        hidden = self.hidden
        if layer.product:
            self.product(layer.product)
            return
        if layer.norms:
            self.norm("norm", hidden, layer.norms)
        self.section = "attention"
        for name in layer.mixers:
            if name not in _ATTENTIONS:
                self.section = "recurrent"
            _MIXERS[name](self, getattr(layer, name))
        self.section = "attention"
        if layer.cross_attention:
            self.cross_attention(layer.cross_attention)
        self.section = "feed_forward"
        if self.architecture.altup:
            self.altup(self.architecture.altup)
        if table := self.architecture.embedding.per_layer:
            self.linear("per_layer_gate", hidden, table.width)
            part = layer.ffn or layer.moe
            form = part.activation if part else "gelu_tanh"
            self.elementwise("per_layer_activation", activation(form, table.width, gated=True), traits=ACTIVATION)
            self.linear("per_layer_out", table.width, hidden)
        if layer.ffn:
            self.feed_forward(layer.ffn)
        elif layer.moe:
            self.experts(layer.moe)
        adds = bool(layer.mixers) + bool(layer.cross_attention) + bool(layer.ffn or layer.moe)
        moved = [("inputs", TOKENS, 2 * adds * hidden), ("outputs", TOKENS, adds * hidden)]
        if layer.gates:
            self.add("gates", "elementwise", "elsewhere", [("mul", TOKENS, layer.gates * hidden)], weights=layer.gates)
        self.elementwise("residual", [("add", TOKENS, adds * hidden), *moved], parts=adds,
                         traits=runs_as("residual", summed=True))  # fmt: skip

    def product(self, product: Product) -> None:
        """A bare matrix product."""
        self.linear("product", self.hidden, product.outputs)
        self.quantisation("product", 1, self.hidden, product.outputs)

    def attention(self, attention: Attention) -> None:
        hidden, heads = self.hidden, attention.heads
        kv_heads, width = attention.kv_heads or attention.heads, self.architecture.head_dim(attention)
        queries, keys = heads * width, kv_heads * width
        window = () if attention.window is None else (float(attention.window),)
        pairs, cached = ("pairs", *window), ("keys", *window)
        bias = attention.qkv_bias
        k_bias = bias if attention.k_bias is None else attention.k_bias
        self.linear("q", hidden, queries, bias=bias, traits=PRODUCT._replace(tensor="query"))
        vectors, own = heads, not attention.cache_of_another
        if own:
            made = FUSED._replace(tensor="key"), FUSED._replace(tensor="value")
            for name, biased, traits in zip("kv", (k_bias, bias), made, strict=True):
                if name == "k" or not attention.value_is_key:
                    self.linear(name, hidden, keys, bias=biased, traits=traits, cached_heads=kv_heads)
            vectors += kv_heads
        if attention.gate:
            self.linear("attn_gate", hidden, queries, bias=bias, traits=FUSED)
        kind = attention.qk_norm_kind
        if attention.qk_norm in ("head", "per_head"):
            groups = 1 + own if attention.qk_norm == "head" else vectors
            self.norm("qk_norm", width, vectors, groups=groups, split=True, kind=kind)
        elif attention.qk_norm == "width":
            self.norm("q_norm", queries, kind=kind)
            if own:
                self.norm("k_norm", keys, kind=kind)
        if attention.v_norm and own:
            self.norm("v_norm", width, kv_heads, kind="no_weights", groups=1, split=True)
        rotated = vectors * self.architecture.rotary_dim(attention)
        if rotated:
            self.rope(rotated)
        self.scores(heads, width, pairs, cached, kv_heads)
        self.elementwise("softmax", softmax(heads, pairs, attention), traits=SOFTMAX)
        if attention.position_buckets:
            table = attention.position_buckets * heads * (attention.positions == "own")
            self.add("attn_positions", "elementwise", "elsewhere", [("add", pairs, heads)], weights=table)
        if attention.relative_rows:
            self.relative(attention, queries)
        if attention.sinks:
            self.add("attn_sinks", "elementwise", "elsewhere", [("exp", TOKENS, heads), ("add", TOKENS, heads)],
                     weights=heads)  # fmt: skip
        if attention.gate:
            self.elementwise("attn_output_gate", activation("silu", queries, gated=True), traits=ACTIVATION)
        if attention.sub_norm:
            self.norm("attn_sub_norm", queries)
        self.linear("o", queries, hidden, bias=attention.o_bias, traits=PRODUCT._replace(tensor="output"))
        self.quantisation("attn", 2, hidden + queries, queries + 2 * keys + hidden)

    def encoder(self, encoder: Encoder) -> None:
        """The layers that read the source, once in a prefill."""
        hidden, frames = self.hidden, float(encoder.frames or 0)
        self.part, self.section = ("encoder_", (frames,)), "embedding"
        if encoder.frequencies:  # at twice the positions that the second convolution, of stride 2, leaves
            for name, channels, twice in (("conv1", encoder.frequencies, 2), ("conv2", hidden, 1)):
                self.add(name, "linear", "elsewhere", [
                    ("mac", TOKENS, twice * 3 * channels * hidden),
                    ("reduce", TOKENS, twice * (3 * channels - 1) * hidden), ("bias", TOKENS, twice * hidden),
                    ("inputs", TOKENS, 2 * channels), ("outputs", TOKENS, twice * hidden),
                    ("weights", PASSES, (3 * channels + 1) * hidden),
                ], weights=3 * channels * hidden, bias=hidden)  # fmt: skip
        elif self.architecture.embedding.width is None:
            self.add("embed_source", "embedding", "embedding", [("outputs", TOKENS, hidden)])
        if encoder.positions:
            added: list[Term] = [("outputs", TOKENS, hidden), ("add", TOKENS, hidden)]
            self.add("embed_positions", "embedding", "embedding", added, weights=encoder.positions * hidden)
        if encoder.embedding_norm:
            self.norm("embedding_norm", hidden)
        for layer in encoder.layers:
            self.layer(layer)
            self.first += layer.repeat
        self.repeat, self.shared = 1, False
        if encoder.final_norm:
            self.norm("encoder_norm", hidden)

    def cross_attention(self, attention: Attention) -> None:
        """Attention to what the encoder made: its keys and values are calculated once, and stay.

        Vaswani et al., Attention Is All You Need, 2017, arXiv:1706.03762, section 3.2.3.
        """
        hidden, heads = self.hidden, attention.heads
        frames = float(self.architecture.encoder.frames or 0) if self.architecture.encoder else 0.0
        width = self.architecture.head_dim(attention)
        kv_heads = attention.kv_heads or heads
        queries, keys = heads * width, kv_heads * width
        source: Basis = ("encoder_tokens", frames)
        once = Copies(touched=("encoder_passes", frames), basis=source)
        k_bias = attention.qkv_bias if attention.k_bias is None else attention.k_bias
        self.linear("cross_q", hidden, queries, bias=attention.qkv_bias, traits=PRODUCT._replace(tensor="query"))
        self.linear("cross_k", hidden, keys, bias=k_bias, copies=once, cached_heads=kv_heads,
                    traits=PRODUCT._replace(tensor="key"))  # fmt: skip
        self.linear("cross_v", hidden, keys, bias=attention.qkv_bias, copies=once, cached_heads=kv_heads,
                    traits=FUSED._replace(tensor="value"))  # fmt: skip
        pairs: Basis = ("cross_pairs", frames, float(frames == 0))
        cached: Basis = ("cross_keys", frames)
        self.add("cross_scores", "attention", "attention", [
            ("mac", pairs, queries), ("reduce", pairs, heads * (width - 1)), ("inputs", TOKENS, queries),
            ("kv_read", cached, keys),
        ], traits=ATTENTION, cached_heads=kv_heads)  # fmt: skip
        self.elementwise("cross_softmax", softmax(heads, pairs), traits=SOFTMAX)
        self.add("cross_context", "attention", "attention", [
            ("mac", pairs, queries), ("reduce", pairs, queries), ("reduce", TOKENS, -queries),
            ("outputs", TOKENS, queries), ("kv_read", cached, keys),
        ], traits=ATTENTION._replace(fused="always"), cached_heads=kv_heads)  # fmt: skip
        self.linear("cross_o", queries, hidden, bias=attention.o_bias, traits=PRODUCT._replace(tensor="output"))
        self.quantisation("cross", 2, hidden + queries, queries + hidden)

    def relative(self, attention: Attention, width: int) -> None:
        """Scores by relative positions: a table projected as q and k are, against the keys and queries.

        He et al., DeBERTa, 2020, arXiv:2006.03654, eq. 4. The projections of the table run once in each pass.
        """
        rows, terms, heads = attention.relative_rows, attention.relative_terms, attention.heads
        each = rows * width
        own = attention.relative_own
        biased = (attention.relative_key_bias, True)[:terms]
        self.add("attn_relative", "linear", "elsewhere", [
            ("mac", PASSES, terms * each * self.hidden), ("reduce", PASSES, terms * each * (self.hidden - 1)),
            ("inputs", PASSES, rows * self.hidden), ("outputs", PASSES, terms * each),
            ("weights", PASSES, terms * width * self.hidden),
        ], weights=own * terms * width * self.hidden, bias=own * sum(biased) * width,
            matrices=own * terms, shape=(self.hidden, width), traits=PRODUCT._replace(split=True))  # fmt: skip
        self.add("attn_relative_scores", "attention", "attention", [
            ("mac", TOKENS, terms * each), ("reduce", TOKENS, terms * (each - rows * heads)),
            ("inputs", TOKENS, terms * width), ("outputs", TOKENS, terms * rows * heads),
        ], traits=ATTENTION)  # fmt: skip

    def rope(self, entries: int) -> None:
        """Rotary positions (Su et al., RoFormer, 2021, arXiv:2104.09864, eq. 34): 2 MUL and 1 ADD per entry."""
        moved = [("inputs", TOKENS, entries), ("outputs", TOKENS, entries)]
        self.elementwise("rope", [("mul", TOKENS, 2 * entries), ("add", TOKENS, entries), *moved], parts=2,
                         traits=runs_as("rope", split=True))  # fmt: skip

    def scores(self, heads: int, width: int, pairs: Basis, cached: Basis, kv_heads: int) -> None:
        """Scores Q K^T and context P V of fused attention. A context entry sums as many products as keys attended."""
        shared = ATTENTION._replace(grouped=heads // kv_heads)
        self.add("attn_scores", "attention", "attention", [
            ("mac", pairs, heads * width),
            ("reduce", pairs, heads * (width - 1)),
            ("inputs", TOKENS, heads * width),
            ("kv_read", cached, kv_heads * width),
        ], traits=shared, cached_heads=kv_heads)  # fmt: skip
        self.add("attn_context", "attention", "attention", [
            ("mac", pairs, heads * width),
            ("reduce", pairs, heads * width),
            ("reduce", TOKENS, -heads * width),
            ("outputs", TOKENS, heads * width),
            ("kv_read", cached, kv_heads * width),
        ], traits=shared._replace(fused="always"), cached_heads=kv_heads)  # fmt: skip

    def latent_attention(self, mla: LatentAttention) -> None:
        hidden, heads, rank, rope = self.hidden, mla.heads, mla.kv_rank, mla.rope_dim
        query = mla.nope_dim + rope
        if mla.q_rank is None:
            self.linear("q", hidden, heads * query, traits=PRODUCT._replace(tensor="query"))
        else:
            self.linear("q_a", hidden, mla.q_rank, bias=mla.bias, traits=REPEATED)
            self.norm("q_norm", mla.q_rank)
            self.linear("q_b", mla.q_rank, heads * query)
        self.linear("kv_a", hidden, rank + rope, bias=mla.bias, cached_heads=1)
        self.norm("kv_norm", rank)
        if mla.rotary:
            self.rope((heads + 1) * rope)
        # the reference implementation scores all keys, and masks those that are not kept
        attended = () if mla.indexer is None or self.counting == "traced" else (float(mla.indexer.kept),)
        if mla.indexer:
            self.indexer(mla.indexer, mla.q_rank or hidden)
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
        first, later = ("prefill_pairs", *attended), ("decode_pairs", *attended)
        self.add("attn_scores", "attention", "attention", [
            ("mac", first, heads * query), ("reduce", first, heads * (query - 1)),
            ("mac", later, heads * score), ("reduce", later, heads * (score - 1)),
            ("inputs", TOKENS, heads * query), ("kv_read", ("keys", *attended), rank + rope),
        ], traits=ATTENTION, cached_heads=1)  # fmt: skip
        self.elementwise("softmax", softmax(heads, ("pairs", *attended)), traits=SOFTMAX)
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

    def indexer(self, indexer: Indexer, query: int) -> None:
        """Scores of every key by small heads, which choose what attention reads; a key of one head is cached.

        DeepSeek-AI, DeepSeek-V3.2, 2025, arXiv:2512.02556, eq. 1: a weighted sum over heads of relu(q k). All
        devices make the same choice, each with all of these heads.
        """
        heads, width = indexer.heads, indexer.head_dim
        self.linear("index_q", query, heads * width, traits=REPEATED)
        self.linear("index_k", self.hidden, width, cached_heads=1)
        self.norm("index_norm", width, kind="layernorm")
        self.linear("index_weights", self.hidden, heads, role="elsewhere", traits=ROUTER)
        self.add("index_scores", "attention", "attention", [
            ("mac", ("pairs",), heads * (width + 1)), ("reduce", ("pairs",), heads * width - 1),
            ("inputs", TOKENS, heads * width), ("kv_read", ("keys",), width),
        ], traits=ATTENTION._replace(split=False), cached_heads=1)  # fmt: skip
        self.elementwise("index_choice", [("add", ("pairs",), heads + 1)],
                         traits=SOFTMAX._replace(scores=False, split=False))  # fmt: skip

    def feed_forward(self, ffn: FeedForward) -> None:
        hidden, size = self.hidden, ffn.size
        if ffn.receptance:  # Peng et al., RWKV, 2023, arXiv:2305.13048, eq. 18-20
            self.add("channel_shift", "elementwise", "elsewhere", [
                ("mul", TOKENS, 4 * hidden), ("add", TOKENS, 4 * hidden), ("inputs", TOKENS, hidden),
                ("outputs", TOKENS, 2 * hidden), ("weights", PASSES, 2 * hidden),
            ], weights=2 * hidden)  # fmt: skip
            self.linear("receptance", hidden, hidden)
            self.elementwise("receptance_gate", activation("silu", hidden, gated=True), traits=ACTIVATION)
        if ffn.gated:
            self.linear("gate", hidden, size, bias=ffn.bias, traits=GATE)
        self.linear("up", hidden, size, bias=ffn.bias, traits=UP if ffn.gated else GATE)
        self.elementwise("activation", activation(ffn.activation, size, gated=ffn.gated), traits=ACTIVATION)
        if ffn.activation == "xielu":
            self.add("activation_constants", "elementwise", "elsewhere", [], weights=2)
        if ffn.sub_norm:
            self.norm("ffn_sub_norm", size)
        self.linear("down", size, hidden, bias=ffn.bias, traits=DOWN)
        self.quantisation("ffn", 2, hidden + size, size * (1 + ffn.gated) + hidden)

    def experts(self, moe: MixtureOfExperts) -> None:
        """Routed experts: arithmetic for the tokens routed, weights read for the experts touched, all resident."""
        hidden, size, chosen = self.hidden, moe.size, moe.experts_per_token
        touched = ("experts", float(moe.experts), float(chosen))
        if moe.router_scales:
            self.norm("router_norm", hidden)
            self.add("expert_scales", "elementwise", "elsewhere", [("mul", TOKENS, chosen)], weights=moe.experts)
        self.linear("router", hidden, moe.experts, bias=moe.router_bias, role="elsewhere", traits=ROUTER)
        routing = [
            ("exp", TOKENS, moe.experts), ("div", TOKENS, moe.experts),
            ("add", TOKENS, moe.experts * (1 + chosen)),
        ]  # fmt: skip
        self.elementwise("routing", routing)
        if moe.score_correction:
            self.add("router_correction", "elementwise", "elsewhere", [("add", TOKENS, moe.experts)],
                     weights=moe.experts)  # fmt: skip
        inner = moe.latent_size or hidden
        if moe.latent_size:
            self.linear("latent_down", hidden, inner)
        up = UP if moe.gated else GATE
        for name, inputs, outputs, traits in [("expert_gate", inner, size, GATE)] * moe.gated + [
            ("expert_up", inner, size, up),
            ("expert_down", size, inner, DOWN),
        ]:
            self.section = "expert"
            self.linear(name, inputs, outputs, bias=moe.bias, copies=Copies(chosen, moe.experts, moe.experts, touched),
                        traits=traits._replace(kernel="experts"))  # fmt: skip
            self.section = "feed_forward"
        self.elementwise("activation", activation(moe.activation, chosen * size, gated=moe.gated), traits=ACTIVATION)
        if moe.latent_size:
            self.linear("latent_up", inner, hidden)
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
        if model.classifier:
            self.classifier(model.classifier)
        if head is None:
            return
        width = model.embedding.width or self.hidden
        if head.transform:
            # ALBERT's and ELECTRA's go to the width of their tables
            self.linear("mlm_transform", self.hidden, width, bias=head.transform_bias, role="elsewhere",
                        copies=AT_LOGITS)  # fmt: skip
            self.elementwise("mlm_activation", activation("gelu", width, gated=False, basis=LOGITS),
                             traits=runs_as("activation"))  # fmt: skip
            norms = norm(model.norm, width, 1, basis=LOGITS)
            self.elementwise("mlm_norm", norms.terms, norms.weights, norms.bias, traits=runs_as("norm"))
        elif width != self.hidden:
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

    def classifier(self, found: Classifier) -> None:
        """A pooled vector of each sequence, and scores of labels."""
        # decoders' classes score every position, and choose one after it
        whole = found.every_position or (self.counting == "traced" and self.architecture.kind == "decoder")
        copies = Copies() if whole else Copies(basis=("sequences",))
        if found.pooled:
            self.linear("pooler", self.hidden, self.hidden, bias=found.pooled_bias, role="elsewhere", copies=copies)
            self.elementwise("pooler_activation", [("tanh", copies.basis, self.hidden)])
            if found.pooled_norm:
                norms = norm(self.architecture.norm, self.hidden, 1, basis=copies.basis)
                self.elementwise("pooler_norm", norms.terms, norms.weights, norms.bias, traits=runs_as("norm"))
        if found.labels:
            self.linear("classifier", self.hidden, found.labels, bias=found.bias, role="elsewhere", copies=copies)


_ATTENTIONS = ("attention", "latent_attention")
_MIXERS = {
    **{name: getattr(_Builder, name) for name in ("attention", "latent_attention", "product")},
    **{name: getattr(recurrent, name) for name in MIXERS if hasattr(recurrent, name)},
}
"""What adds the rows of each field of `Layer` that mixes positions."""


def operators(architecture: Architecture, counting: Counting = "serving") -> tuple[Operator, ...]:
    """The operators of an architecture, in the order in which they run.

    >>> from bitnet_cost.inputs.architecture import Architecture
    >>> tiny = Architecture.model_validate(dict(name="tiny", source="doctest", seen="own", hidden_size=8,
    ...     vocab_size=10, layers=[dict(repeat=2, attention=dict(heads=2), ffn=dict(size=32, activation="gelu"))]))
    >>> [o.name for o in operators(tiny) if o.group == "linear"]
    ['q', 'k', 'v', 'o', 'up', 'down']
    """
    builder = _Builder(architecture, counting)
    if encoder := architecture.encoder:
        builder.encoder(encoder)
        builder.part = ("started_", ()) if counting == "serving" and encoder.frames is None else ("", ())
    builder.section, builder.shared = "embedding", architecture.embedding.of_another
    builder.embedding()
    for layer in architecture.layers:
        builder.layer(layer)
        builder.first += layer.repeat
    builder.repeat, builder.shared, builder.idle, builder.section = 1, False, False, "head"
    if architecture.final_norm:
        builder.norm("final_norm", architecture.hidden_size)
    if architecture.altup:
        width = architecture.hidden_size
        builder.linear("altup_out", width, (architecture.altup.streams - 1) * width)
    builder.head()
    return tuple(builder.operators)
