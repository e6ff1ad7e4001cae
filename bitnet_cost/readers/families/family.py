"""What a row says of a family, and the usual spellings of its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from bitnet_cost.inputs.architecture import Activation, AltUp, Classifier, LatentAttention, Layer, Norm, PerLayerInput
from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.fields import Field, Fields
from bitnet_cost.readers.families.patterns import every_layer

T = TypeVar("T")
Rule = Callable[[Fields, int], T]  # reads the file, given the number of layers or of heads


@dataclass(frozen=True, kw_only=True)
class Experts:
    """How a family spells its mixture of experts."""

    count: Field
    per_token: Field
    size: Field = usual.EXPERT_SIZE
    sparse: Rule[list[bool]] = every_layer
    shared_size: Field | None = None
    shared_count: Field | None = None  # shared experts of the routed width, built as one
    shared_gate: bool = False
    gated: bool = True
    bias: bool = False
    router_bias: bool = False
    optional: bool = False  # a file that says no experts, or none at all, is dense
    latent: Field | None = None
    correction: bool = False  # a correction of scores that is in the parameters
    scales: bool = False
    beside_dense: bool = False  # the dense part runs as well: an expert that all tokens share


@dataclass(frozen=True, kw_only=True)
class Family:
    """One row: the spelling, the class's defaults, and the parts it builds. The defaults here are Llama's."""

    hidden_size: Field = usual.HIDDEN_SIZE
    layers: Field | Callable[[Fields], int] = usual.LAYERS
    heads: Field = usual.HEADS
    vocab_size: Field = usual.VOCABULARY
    positions: Field = usual.POSITIONS
    position_table: int | None = None  # None: no table; else rows beyond the positions
    token_types: Field | None = None
    embedding_width: Field | None = None
    embedding_norm: bool = False
    spare_rows: int = 0  # of the token table, beyond the vocabulary
    latent: Callable[[Family, Fields, int], LatentAttention] | None = None  # in place of attention, given the heads
    blocks: Callable[[Family, Fields, int, int], list[Layer]] | None = None  # all layers, given width and depth
    kv_heads: Field | Rule[int] | None = usual.KV_HEADS  # None: as many as heads
    head_dim: Field | None = usual.HEAD_DIM  # None: hidden_size / heads, the file is not asked
    floor_head: bool = False  # hidden_size / heads is rounded down
    rotary: bool = True
    rotated: Rule[list[bool]] = every_layer  # which layers have rotary positions at all
    rotary_share: Field | None = None
    rotary_dim: Field | None = None
    alibi: Field | bool = False
    fused: bool = False  # q, k and v are stored as one matrix
    repeated_cache: Field | bool = False
    qkv_bias: Field | bool = False
    o_bias: Field | bool | None = None  # None: as q, k and v
    qk_norm: Literal["none", "head", "per_head", "width"] = "none"
    qk_norm_if: Field | bool = True
    qk_norm_kind: Norm | None = None
    k_bias: bool | None = None
    gate: Field | bool = False  # an output gate of attention
    buckets: Field | None = None  # of relative positions, in the first layer
    bucket_tables: bool = False  # in all layers
    sub_norm: bool = False
    sinks: bool = False
    softcap: Field | None = None
    logit_softcap: Field | None = None
    window: Field | None = None
    window_if: Field | bool = True
    windowed: Rule[list[bool]] = every_layer
    layer_types: str | None = None  # what a layer with a window is called in `layer_types`, if the class reads that
    kinds: Rule[list[str]] | None = None  # what mixes positions in each layer, where that is not always attention
    mixers: Mapping[str, Callable[[Family, Fields, int], dict[str, Any]]] = field(default_factory=dict)  # by kind
    linear_norms: Callable[[Fields], bool] | None = None
    ffn_size: Field | None = usual.FFN_SIZE  # None, or null in the file: 4 x hidden_size
    ffn_halves: bool = False  # the field counts the up and the gate projection as one matrix
    gated: Field | bool = True
    activation: Field | Activation = usual.ACTIVATION
    ffn_bias: Field | bool = False
    experts: Experts | None = None
    norm: Norm = "rmsnorm"
    norm_weights: Field | bool = True
    norms: int | Rule[int] = 2
    first_norms: int | None = None  # of the first layer, where it has fewer
    final_norm: bool | Rule[bool] = True
    tied: Field | bool = usual.UNTIED
    head_bias: Field | bool = False
    head_transform: bool = False
    transform_bias: bool = True
    spare_bias: bool = True  # a second bias is stored where such a head is untied
    pooled: frozenset[str] = frozenset()  # classes that have a dense layer on one position: `heads.ENDINGS`
    pooled_norm: bool = False
    pretraining: Classifier | None = None  # what a class for pre-training has beside the output matrix
    pretraining_head: bool = True  # whether it has that matrix
    narrow_tables: bool = False
    relative: Callable[[Fields], int] | None = None  # rows of a table of relative positions (DeBERTa)
    relative_kinds: Callable[[Fields], tuple[str, ...]] | None = None
    relative_bias: bool = True
    relative_norm: bool = False  # whether `norm_rel_ebd` is read
    position_table_if: Callable[[Fields], bool] | None = None
    per_layer: Callable[[Fields], PerLayerInput | None] | None = None
    altup: Callable[[Fields], AltUp] | None = None
    encoder: Family | None = None  # of an encoder-decoder; the row itself is the decoder
    frames: Field | None = None
    frequencies: Field | None = None
    groups: Field | None = None  # layers that have weights of their own; the others share them (ALBERT)
    classified_with_bias: bool = False
    kind: Literal["decoder", "encoder", "encoder-decoder"] = "decoder"
    assumed: Mapping[str, Any] = field(default_factory=dict)  # what this class takes, before any default of a `Field`
    nested: Mapping[str, Any] = field(default_factory=dict)  # the same inside a multimodal file, which leaves it out
    refuses: tuple[str, ...] = ()  # fields that, when set, build parts which are not known here
    rewrite: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None  # other spellings of a whole file
    needs: tuple[str, ...] = ()  # flags that are true in every published file; false builds parts that are not known
    remark: str = ""  # what the class does and an `Architecture` cannot say
