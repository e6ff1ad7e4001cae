"""The architecture: what a model's layers are made of. One class per concept, and no other schema beside it.

Identical layers are one `Layer` with a ``repeat``. A layer has a mixer (attention, latent attention, a state space or
another recurrence; attention may run beside a state space) and at most one feed-forward part (dense or mixture of
experts), or the feed-forward part alone.
"""

from collections.abc import Collection
from typing import Literal, Self

from pydantic import Field, model_validator

from bitnet_cost.errors import BitnetCostError, labelled
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.precision import OWN, Precision, as_in_file
from bitnet_cost.numerals import with_commas
from bitnet_cost.shown import Shown

Activation = Literal["relu", "relu2", "gelu", "gelu_tanh", "silu", "xielu"]
Norm = Literal["rmsnorm", "layernorm", "layernorm_no_bias", "no_weights"]

_WIDTH = 10_000_000  # believable limits, far above any model and far below what would overflow
_COUNT = 100_000
MOST_LAYERS = 2_000  # of a model: checkpoint files are predicted tensor by tensor


class Attention(Input):
    """Softmax attention: multi-head, multi-query or grouped-query."""

    heads: int = Field(gt=0, le=_COUNT, description="query heads")
    kv_heads: int | None = Field(None, gt=0, le=_COUNT, description="key and value heads; left out: as heads")
    head_dim: int | None = Field(None, gt=0, le=_WIDTH, description="width of a head; left out: hidden_size / heads")
    qkv_bias: bool = Field(False, description="biases on the q, k and v projections")
    o_bias: bool = Field(False, description="bias on the output projection")
    window: int | None = Field(None, gt=0, le=10**9, description="keys a query attends to at most, itself included")
    rotary_dim: int | None = Field(
        None, ge=0, le=_WIDTH, description="rotated entries of a head; left out: all with rotary positions"
    )
    qk_norm: Literal["none", "head", "per_head", "width"] = Field(
        "none", description="norm on q and k: of each head with shared or with own weights, or over all heads at once"
    )
    sub_norm: bool = Field(False, description="norm before the output projection (BitNet's SubLN)")
    sinks: bool = Field(False, description="one learned sink logit per head")
    softcap: bool = Field(False, description="scores pass through a scaled tanh")
    alibi: bool = Field(False, description="a linear bias is added to every score")
    fused: bool = Field(False, description="q, k and v are one matrix in checkpoints (no effect on counts)")
    repeated_cache: bool = Field(
        False, description="the reference implementation caches keys and values once per query head (traced counting)"
    )
    k_bias: bool | None = Field(None, description="bias on the k projection alone; left out: as q and v")
    gate: bool = Field(False, description="a projection of the output's width, through a sigmoid, multiplies it")
    qk_norm_kind: Norm | None = Field(None, description="kind of the norm on q and k; left out: the model's")
    v_norm: bool = Field(False, description="a norm without weights on v")
    value_is_key: bool = Field(False, description="no v projection: values are the keys before norm and rotation")
    cache_of_another: bool = Field(
        False, description="no k and v of its own: reads those that an earlier layer has cached"
    )
    position_buckets: int = Field(
        0, ge=0, le=_COUNT, description="rows of a table of relative positions, an entry per head, added to scores"
    )
    positions: Literal["own", "shared"] = Field("own", description="that table is this layer's, or an earlier one's")
    relative_rows: int = Field(
        0, ge=0, le=_WIDTH, description="rows of the table of relative positions that scores are made with (DeBERTa)"
    )
    relative_terms: int = Field(0, ge=0, le=2, description="terms of those scores: content to position, and back")
    relative_own: bool = Field(False, description="the table has projections of its own; else those of q and k")
    relative_key_bias: bool = Field(True, description="a bias on the table's projection to keys")

    @model_validator(mode="after")
    def _grouped(self) -> Self:
        if self.kv_heads is not None and self.heads % self.kv_heads:
            raise ValueError(f"kv_heads {self.kv_heads} does not divide heads {self.heads}")
        return self


class Indexer(Input):
    """Lightning indexer of sparse attention: small heads score every key, and the best are attended to.

    DeepSeek-AI, DeepSeek-V3.2, 2025, arXiv:2512.02556, section 2.1, eq. 1-2.
    """

    heads: int = Field(gt=0, le=_COUNT, description="heads of the indexer")
    head_dim: int = Field(gt=0, le=_WIDTH, description="width of its heads; one key of this width is cached")
    kept: int = Field(gt=0, le=10**9, description="keys that a query attends to at most")


class LatentAttention(Input):
    """Multi-head latent attention (DeepSeek-AI, DeepSeek-V2, 2024, arXiv:2405.04434, section 2.1)."""

    heads: int = Field(gt=0, le=_COUNT, description="query heads")
    q_rank: int | None = Field(
        None, gt=0, le=_WIDTH, description="rank of the query's compression; left out: one plain q"
    )
    kv_rank: int = Field(gt=0, le=_WIDTH, description="rank of the key-value latent, which is what is cached")
    nope_dim: int = Field(gt=0, le=_WIDTH, description="entries of a query head without position")
    rope_dim: int = Field(
        gt=0, le=_WIDTH, description="rotated entries of a query head; their key is shared by all heads"
    )
    value_dim: int = Field(gt=0, le=_WIDTH, description="width of a value head")
    bias: bool = Field(False, description="biases on q_a, kv_a and the output projection")
    rotary: bool = Field(True, description="positions turn the shared key and its part of the queries")
    indexer: Indexer | None = Field(None, description="chooses the keys that are attended to")


class ShortConvolution(Input):
    """Gated causal convolution of few taps, a channel each (Liquid AI, LFM2, 2025, arXiv:2511.23404, section 2)."""

    conv_kernel: int = Field(gt=0, le=1024, description="taps of the causal convolution")
    bias: bool = Field(False, description="biases on both projections and on the convolution")


class DeltaRule(Input):
    """Gated delta rule (Yang et al., Gated Delta Networks, 2024, arXiv:2412.06464, eq. 10).

    With ``gate_rank`` it is Kimi Delta Attention (Kimi Team, Kimi Linear, 2025, arXiv:2510.26692, section 3), whose
    decay is one per channel of a key.
    """

    key_heads: int = Field(gt=0, le=_COUNT, description="query and key heads")
    value_heads: int = Field(gt=0, le=_COUNT, description="value heads, each with a state of its own")
    key_dim: int = Field(gt=0, le=_WIDTH, description="width of a query and key head")
    value_dim: int = Field(gt=0, le=_WIDTH, description="width of a value head")
    conv_kernel: int = Field(gt=0, le=1024, description="taps of the causal convolution over q, k and v")
    gate_rank: int | None = Field(
        None, gt=0, le=_WIDTH, description="rank of the projections of decay and output gate; left out: a full gate"
    )
    chunk: int = Field(64, gt=0, le=_WIDTH, description="chunk length of the reference implementation's prefill")

    @model_validator(mode="after")
    def _grouped(self) -> Self:
        if self.value_heads % self.key_heads:
            raise ValueError(f"key_heads {self.key_heads} does not divide value_heads {self.value_heads}")
        return self


class LightningAttention(Input):
    """Linear attention with a fixed decay per head, normed and gated (MiniMax-01, 2025, arXiv:2501.08313, section 2.2).

    Qin et al., Lightning Attention-2, 2024, arXiv:2401.04658.
    """

    heads: int = Field(gt=0, le=_COUNT, description="query, key and value heads")
    head_dim: int = Field(gt=0, le=_WIDTH, description="width of a head")
    chunk: int = Field(256, gt=0, le=_WIDTH, description="block length of the prefill")


class GatedRecurrence(Input):
    """Real-gated linear recurrent unit, RG-LRU (De et al., Griffin, 2024, arXiv:2402.19427, section 2.4)."""

    width: int = Field(gt=0, le=_WIDTH, description="channels of the recurrence")
    blocks: int = Field(gt=0, le=_COUNT, description="blocks of the two gates' block-diagonal matrices")
    conv_kernel: int = Field(gt=0, le=1024, description="taps of the causal convolution")


class Wkv(Input):
    """Time mixing of RWKV-4 (Peng et al., RWKV, 2023, arXiv:2305.13048, eq. 11-15)."""

    width: int = Field(gt=0, le=_WIDTH, description="width of receptance, key and value")


class StateSpace(Input):
    """Selective state-space block: Mamba (arXiv:2312.00752), or Mamba-2 (arXiv:2405.21060) with ``heads``."""

    inner_size: int = Field(gt=0, le=_WIDTH, description="width inside the block")
    state_size: int = Field(gt=0, le=_WIDTH, description="state entries per channel")
    conv_kernel: int = Field(gt=0, le=1024, description="taps of the causal convolution")
    dt_rank: int | None = Field(None, gt=0, le=_WIDTH, description="rank of the step-size projection (Mamba)")
    heads: int | None = Field(None, gt=0, le=_COUNT, description="heads (Mamba-2)")
    groups: int = Field(1, gt=0, le=_COUNT, description="groups that share B and C (Mamba-2)")
    chunk: int = Field(256, gt=0, le=_WIDTH, description="chunk length of the scan (Mamba-2)")
    bias: bool = Field(False, description="biases on the in and out projections")
    conv_bias: bool = Field(True, description="bias on the convolution")
    gate_norm: bool = Field(True, description="a norm beside the gate (Mamba-2)")
    small_norms: Norm | None = Field(None, description="kind of norms on the step size, B and C, if any (Jamba)")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.dt_rank is None) == (self.heads is None):
            raise ValueError("give dt_rank (Mamba) or heads (Mamba-2), one of the two")
        if self.heads is not None and self.inner_size % self.heads:
            raise ValueError(f"heads {self.heads} does not divide inner_size {self.inner_size}")
        if self.heads is not None and self.heads % self.groups:
            raise ValueError(f"groups {self.groups} does not divide heads {self.heads}")
        return self


class FeedForward(Input):
    """Dense feed-forward part: up, (gate,) down."""

    size: int = Field(gt=0, le=_WIDTH, description="width between up and down")
    gated: bool = Field(False, description="a gate projection multiplies the up projection")
    activation: Activation = Field(description="activation function")
    bias: bool = Field(False, description="biases on every projection")
    sub_norm: bool = Field(False, description="norm before the down projection (BitNet's SubLN)")
    receptance: bool = Field(
        False, description="mixed with the token before, and gated by a projection of its own (channel mixing of RWKV)"
    )


class MixtureOfExperts(Input):
    """Routed experts, with or without an expert that every token shares. Routing is taken as uniform."""

    experts: int = Field(gt=0, le=_COUNT, description="routed experts")
    experts_per_token: int = Field(gt=0, le=_COUNT, description="experts that one token visits")
    size: int = Field(gt=0, le=_WIDTH, description="width of one expert")
    gated: bool = Field(True, description="a gate projection multiplies the up projection")
    activation: Activation = Field(description="activation function")
    bias: bool = Field(False, description="biases in every expert")
    router_bias: bool = Field(False, description="bias on the router")
    shared_size: int | None = Field(None, gt=0, le=_WIDTH, description="width of the shared expert, if there is one")
    shared_gate: bool = Field(False, description="the shared expert has a sigmoid gate of its own")
    shared_bias: bool = Field(False, description="biases in the shared expert")
    score_correction: bool = Field(False, description="a learned correction of each expert's score, in the parameters")
    latent_size: int | None = Field(
        None, gt=0, le=_WIDTH, description="width that routed experts work in, projected to and from; left out: hidden"
    )
    router_scales: bool = Field(False, description="a gain on the router's input, and a scale of each expert (Gemma 4)")

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.experts_per_token > self.experts:
            raise ValueError(f"experts_per_token {self.experts_per_token} exceeds experts {self.experts}")
        if (self.shared_gate or self.shared_bias) and self.shared_size is None:
            raise ValueError("shared_gate or shared_bias without shared_size")
        return self


class Product(Input):
    """One matrix product and nothing else: what benchmarks of single kernels run."""

    outputs: int = Field(gt=0, le=_WIDTH, description="width of the result; the hidden size is that of the operand")


MIXERS = (
    "attention", "latent_attention", "state_space", "delta_rule", "lightning", "recurrence", "wkv", "convolution",
    "product",
)  # fmt: skip
"""What mixes the positions of a sequence in a layer: fields of `Layer`."""


class Layer(Input):
    """A run of identical layers."""

    repeat: int = Field(gt=0, le=MOST_LAYERS, description="number of identical layers")
    attention: Attention | None = Field(None, description="softmax attention")
    latent_attention: LatentAttention | None = Field(None, description="multi-head latent attention")
    state_space: StateSpace | None = Field(None, description="state-space block")
    delta_rule: DeltaRule | None = Field(None, description="gated delta rule")
    lightning: LightningAttention | None = Field(None, description="linear attention with a fixed decay")
    recurrence: GatedRecurrence | None = Field(None, description="gated linear recurrence")
    wkv: Wkv | None = Field(None, description="time mixing of RWKV")
    convolution: ShortConvolution | None = Field(None, description="gated short convolution")
    product: Product | None = Field(None, description="a bare matrix product, measured alone")
    cross_attention: Attention | None = Field(None, description="attention to what the encoder made of the prompt")
    ffn: FeedForward | None = Field(None, description="dense feed-forward part")
    moe: MixtureOfExperts | None = Field(None, description="mixture of experts")
    norms: int = Field(2, ge=0, le=16, description="norms of the residual stream's width in the layer")
    shared: bool = Field(False, description="has the weights of an earlier layer")
    idle: bool = Field(False, description="its weights are in memory, but text alone does not run it: pictures do")
    gates: int = Field(0, ge=0, le=16, description="learned numbers that scale what it adds to the residual stream")

    @property
    def mixers(self) -> list[str]:
        """The fields of the mixers that it has."""
        return [name for name in MIXERS if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        mixers = self.mixers
        if (len(mixers) > 1 and mixers != ["attention", "state_space"]) or not (mixers or self.ffn or self.moe):
            raise ValueError(f"wants one of {', '.join(MIXERS)}; has {mixers or 'none'}")
        if self.product and (self.ffn or self.moe or self.norms):
            raise ValueError("a bare product has nothing beside it: no ffn, no moe, and 'norms: 0'")
        if self.ffn is not None and self.moe is not None:
            raise ValueError("has both ffn and moe; one layer takes one of them")
        return self


class PerLayerInput(Input):
    """Embeddings of a token that each layer has for itself (Google, Gemma 3n model card, 2025)."""

    width: int = Field(gt=0, le=_WIDTH, description="width of one layer's")
    vocab_size: int = Field(gt=0, le=10**9, description="rows of their table")


class AltUp(Input):
    """Parallel residual streams, one of which a layer works on (Baykal et al., 2023, arXiv:2301.13310, alg. 1).

    With a low-rank residual beside attention (Menghani et al., LAuReL, 2024, arXiv:2411.07501, section 2.2), as in
    Gemma 3n.
    """

    streams: int = Field(gt=1, le=64, description="residual streams")
    rank: int = Field(gt=0, le=_WIDTH, description="rank of the low-rank residual")


class Embedding(Input):
    """The input tables."""

    positions: int = Field(0, ge=0, le=10**9, description="rows of the learned position table; 0: none")
    token_types: int = Field(0, ge=0, le=_COUNT, description="rows of the token-type table; 0: none")
    width: int | None = Field(None, gt=0, le=_WIDTH, description="width of the tables where it is not the hidden size")
    spare_rows: int = Field(0, ge=0, le=_COUNT, description="rows of the token table beyond the vocabulary")
    of_another: bool = Field(False, description="the tables are another model's, and not stored again")
    norm: bool = Field(False, description="a norm follows the sum of the tables")
    relative: int = Field(0, ge=0, le=_WIDTH, description="rows of a table of relative positions; 0: none")
    relative_norm: bool = Field(False, description="a norm on the table of relative positions")
    per_layer: PerLayerInput | None = Field(None, description="tables that each layer has for itself")
    narrow: bool = Field(
        False, description="the other tables and the norm have the width of the token table, and a bias leads from it"
    )


class Encoder(Input):
    """What reads the input of an encoder-decoder once, both ways; its width, norms and vocabulary are the decoder's."""

    layers: list[Layer] = Field(min_length=1, max_length=200, description="runs of identical layers")
    positions: int = Field(0, ge=0, le=10**9, description="rows of its learned position table; 0: none")
    embedding_norm: bool = Field(False, description="a norm follows the sum of its tables")
    final_norm: bool = Field(True, description="a norm follows its last layer")
    frames: int | None = Field(
        None, gt=0, le=10**6, description="positions that it reads of every sound; left out: the prompt"
    )
    frequencies: int | None = Field(
        None,
        gt=0,
        le=_WIDTH,
        description="rows of the spectrogram that two convolutions of 3 taps read first (Whisper)",
    )

    @property
    def depth(self) -> int:
        """Number of layers."""
        return sum(layer.repeat for layer in self.layers)


class Head(Input):
    """The output matrix."""

    tied: bool = Field(description="shares the token table's weights")
    bias: bool = Field(False, description="a bias per vocabulary entry")
    spare_bias: bool = Field(False, description="a second such bias, stored and not used (untied BERT)")
    transform: bool = Field(
        False, description="dense layer, activation and norm before it (BERT's masked-language head)"
    )
    softcap: bool = Field(False, description="logits pass through a scaled tanh")
    transform_bias: bool = Field(True, description="biases on that dense layer")


class Classifier(Input):
    """What follows the layers in place of an output matrix: nothing, a pooled vector, scores of labels."""

    labels: int = Field(0, ge=0, le=_COUNT, description="scores; 0: none")
    bias: bool = Field(False, description="a bias per score")
    every_position: bool = Field(False, description="scores of every position, not one of a sequence")
    pooled: bool = Field(False, description="dense layer of the hidden width before the scores, one of a sequence")
    pooled_bias: bool = Field(True, description="bias on that dense layer")
    pooled_norm: bool = Field(False, description="a norm after it")


class Checkpoint(Input):
    """What the files of a model hold beyond its shape, and an answer leaves out."""

    weights: str = Field(default="", max_length=80, description="format of weights that are stored quantised, in words")
    precision: str = Field(default="", max_length=60, description="precision that comes closest to them")
    parts: str = Field(default="", max_length=200, description="parts that are not counted, in words")
    multi_token: int | None = Field(
        default=None, ge=1, le=MOST_LAYERS, description="layers for multi-token prediction, which --draft mtp runs"
    )
    stored: Precision | None = Field(default=None, description="the precision that its files are stored in: -p file")

    def holding(self, more: str) -> Self:
        """The same, and further parts that are not counted."""
        return self.model_copy(update={"parts": " and ".join(part for part in (self.parts, more) if part)})


class Architecture(Shown, Input):
    """A transformer or state-space language model, complete enough to count every parameter and operation."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80, description="catalogue id")
    title: str = Field(default="", description="name as people write it")
    source: str = Field(min_length=2, description="where the hyper-parameters come from")
    seen: Literal["opened", "second-hand", "memory", "own"] = Field(
        description="opened: the source was read; second-hand: quoted elsewhere; memory: recalled; own: the user's"
    )
    note: str = Field(default="", description="what a reader should know")
    kind: Literal["decoder", "encoder", "encoder-decoder"] = Field(
        "decoder", description="causal decoder, bidirectional encoder, or both, the prompt being the encoder's"
    )
    hidden_size: int = Field(gt=0, le=_WIDTH, description="width of the residual stream")
    vocab_size: int = Field(gt=0, le=10**9, description="rows of the token table")
    max_positions: int | None = Field(None, gt=0, le=10**10, description="longest context the model was made for")
    norm: Norm = Field("rmsnorm", description="kind of norm")
    final_norm: bool = Field(True, description="a norm follows the last layer")
    rotary: bool = Field(True, description="rotary positions on q and k")
    linear_norms: bool = Field(
        False, description="each linear layer norms its input, with weights of its own (use_rms_norm of BitNet's files)"
    )
    state_bits: Literal[16, 32] | None = Field(
        None, description="bits of an entry of a cached recurrent state; left out: those of the KV cache"
    )
    altup: AltUp | None = Field(None, description="parallel residual streams")
    embedding: Embedding = Field(default_factory=Embedding, description="the input tables")
    layers: list[Layer] = Field(min_length=1, max_length=200, description="runs of identical layers")
    encoder: Encoder | None = Field(None, description="what reads the prompt, of an encoder-decoder")
    lm_head: Head | None = Field(None, description="the output matrix; left out: none")
    classifier: Classifier | None = Field(None, description="what is there in place of an output matrix")
    checkpoint: Checkpoint | None = Field(None, description="what its files hold and an answer leaves out")
    nominal_parameters: int | None = Field(
        None, gt=0, le=10**15, description="the count a size such as 175B stands for, where it names no exact model"
    )

    @model_validator(mode="after")
    def _not_too_deep(self) -> Self:
        depth = self.depth + (self.encoder.depth if self.encoder else 0)
        if depth > MOST_LAYERS:
            raise ValueError(f"{with_commas(depth)} layers in all; at most {with_commas(MOST_LAYERS)}")
        return self

    @model_validator(mode="after")
    def _encoder_read(self) -> Self:
        crossed = any(layer.cross_attention for layer in self.layers)
        if not (self.kind == "encoder-decoder") == (self.encoder is not None) == crossed:
            raise ValueError("kind 'encoder-decoder', encoder and cross_attention in layers need one another")
        return self

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        for layer in [*self.layers, *(self.encoder.layers if self.encoder else ())]:
            attention = layer.attention
            if attention and attention.head_dim is None and self.hidden_size % attention.heads:
                raise ValueError(
                    f"heads {attention.heads} does not divide hidden_size {self.hidden_size}; "
                    "give head_dim where a head is not hidden_size / heads wide"
                )
            if attention and (attention.rotary_dim or 0) > self.head_dim(attention):
                raise ValueError(
                    f"rotary_dim {attention.rotary_dim} exceeds the head's width {self.head_dim(attention)}"
                )
        return self

    def head_dim(self, attention: Attention) -> int:
        """Width of one query, key or value head."""
        return attention.head_dim or self.hidden_size // attention.heads

    def rotary_dim(self, attention: Attention) -> int:
        """Entries of a head that rotary positions turn."""
        if not self.rotary:
            return 0
        return self.head_dim(attention) if attention.rotary_dim is None else attention.rotary_dim

    def left_out(self, precisions: Collection[str] = ()) -> list[str]:
        """What the model's files hold and an answer in some precisions leaves out, a sentence each."""
        held, found = self.checkpoint, []
        if held is None:
            return []
        known = [held.precision] if held.precision else []
        if held.stored is not None and not held.stored.linear.multiplies:
            known.append("bitnet-b1.58")  # the same weights, packed as the software does
        asked = any(f"{name}-".startswith(f"{own}-") for name in precisions for own in known)
        if held.weights and not asked:
            how = (
                f"ask for them with -p {held.precision}"
                if held.precision
                else "no precision here is known to be theirs"
            )
            found.append(
                f"{self.name}: its files hold weights in {held.weights}; {how}. Answers are in the one asked for."
            )
        if held.parts:
            found.append(f"{self.name}: its files also hold {held.parts}, which no answer counts.")
        return found

    def own(self, precision: Precision) -> Precision:
        """A precision, and in the place of ``-p file`` the one that this model's files are stored in.

        Raises:
            BitnetCostError: ``-p file`` of a model whose files are not known to be stored in anything but 16 bits.
        """
        if precision.name != OWN or precision is not as_in_file():
            return precision
        if self.checkpoint is not None and self.checkpoint.stored is not None:
            return self.checkpoint.stored
        held = self.checkpoint.weights if self.checkpoint else ""
        what = f"holds weights in {held}, which no precision here describes" if held else "says nothing of its weights"
        raise BitnetCostError(
            f"precision 'file': the file of {self.name} {what}"
            + labelled(
                it_is_read_from="a quantization_config in config.json, a .gguf or .safetensors file",
                choose="-p fp16, or another of bitnet-cost list precisions",
            )
        )

    @property
    def generates(self) -> bool:
        """Whether it is made to generate tokens: encoders, base models and classifiers are not."""
        return not self.bidirectional and self.classifier is None

    @property
    def bidirectional(self) -> bool:
        """Whether every position attends to all others: an encoder, which generates nothing."""
        return self.kind == "encoder"

    def cut_after(self, first: int) -> "Architecture":
        """The model with a run of layers that ends with the ``first`` of them, where it has more."""
        runs: list[Layer] = []
        before = first
        for layer in self.layers:
            if 0 < before < layer.repeat:
                runs += [layer.model_copy(update={"repeat": n}) for n in (before, layer.repeat - before)]
            else:
                runs.append(layer)
            before -= layer.repeat
        return self if len(runs) == len(self.layers) else self.model_copy(update={"layers": runs})

    @property
    def is_product(self) -> bool:
        """Whether it is a matrix product and nothing else."""
        return any(layer.product for layer in self.layers)

    @property
    def recurrent(self) -> bool:
        """Whether a layer folds positions into a state, in place of a cache of them."""
        return any({*layer.mixers} - {"attention", "latent_attention"} for layer in self.layers)

    @property
    def depth(self) -> int:
        """Number of layers."""
        return sum(layer.repeat for layer in self.layers)


def qualified_name(text: str, otherwise: str = "model") -> str:
    """A catalogue id made of any text: letters without their accents; ``otherwise`` where nothing is left.

    >>> qualified_name("My Model (v2)"), qualified_name("mon modèle é"), qualified_name("模型")
    ('my-model-v2', 'mon-modele-e', 'model')
    """
    from unicodedata import combining, normalize

    plain = (c for c in normalize("NFKD", text[:1000].lower()) if not combining(c))
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in plain)
    return "-".join(p for p in kept.split("-") if p)[:80].strip("._-") or otherwise
