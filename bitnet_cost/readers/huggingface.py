"""A Hugging Face ``config.json`` into an `Architecture`, exactly, or refused by name.

A family (``model_type``) is one row of `FAMILIES`: which fields the file spells, what the class of that family takes
where the file leaves one out, and which parts the class builds. The rows were read from the configuration and
modelling code of Hugging Face transformers 5.23.0 (https://github.com/huggingface/transformers), or of the code that
a model comes with where transformers has no class for it (qwen, phi3small, phi-msft, minicpm, RefinedWeb). Every row
but phi3small is held against a trace of its class, or of one that builds the same (tests/golden, tests/readers).
Nothing is guessed from ratios or from a model's name: what the shape needs must stand in the file, and a field that
contradicts another is refused. What a class does and an `Architecture` cannot say goes into the note.

A file is counted as the language model with its output matrix (``...ForCausalLM``, BERT's ``ForMaskedLM``), whatever
head it was saved with. Of a multimodal file only the language model is read.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, TypeVar

from pydantic import ValidationError

from bitnet_cost.errors import BitnetCostError, InvalidFile, nearest, printable
from bitnet_cost.inputs.architecture import (
    MOST_LAYERS,
    Activation,
    Architecture,
    Attention,
    Checkpoint,
    Embedding,
    FeedForward,
    Head,
    LatentAttention,
    Layer,
    MixtureOfExperts,
    Norm,
    StateSpace,
    qualified_name,
)
from bitnet_cost.inputs.cited import explain
from bitnet_cost.readers.json_file import read_json

MOST_WIDTH = 10**7
MOST_POSITIONS = 10**10

_ACTIVATIONS: dict[str, Activation] = {
    "silu": "silu",
    "swish": "silu",
    "relu": "relu",
    "relu2": "relu2",
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}


class Field(NamedTuple):
    """A field of the file, by its spellings, and what the class takes where the file leaves it out."""

    names: tuple[str, ...]
    default: Any
    required: bool
    inverted: bool = False  # a flag that says what is not there


def field(*names: str, default: Any = None) -> Field:
    """A field that may be left out."""
    return Field(names, default, required=False)


def unless(*names: str, default: bool) -> Field:
    """A flag that says what is not there; it may be left out."""
    return Field(names, default, required=False, inverted=True)


def required(*names: str) -> Field:
    """A field that must stand in the file."""
    return Field(names, None, required=True)


class Fields:
    """The fields of one file, checked as they are read. A fault names the file, the field, and what it should be."""

    def __init__(self, data: Mapping[str, Any], file: object, model_type: str, nested: Mapping[str, Any]) -> None:
        self.data = data
        self.file = file
        self.model_type = model_type
        self.nested = nested

    def refuse(self, name: str, what: str) -> NoReturn:
        """Raise the fault of one field."""
        raise InvalidFile(self.file, name, what)

    def value(self, wanted: Field) -> tuple[str, Any]:
        """The spelling found and the value, or the default. Two spellings of one field must agree."""
        found = [name for name in wanted.names if name in self.data]
        if not found:
            name = wanted.names[0]
            if name in self.nested:
                return name, self.nested[name]
            if wanted.required:
                spelt = "".join(f" (or {other!r})" for other in wanted.names[1:])
                close = nearest(name, [key for key in self.data if key not in _KNOWN_NAMES])
                hint = f"; did you mean it by {close!r}?" if close else ""
                self.refuse(name, f"is missing{spelt}; model_type {self.model_type!r} needs it{hint}")
            return name, wanted.default
        values = [self.data[name] for name in found]
        if any(value != values[0] for value in values[1:]):
            self.refuse(found[0], f"{_short(values[0])} contradicts {found[1]} {_short(values[1])}")
        return found[0], values[0]

    def optional(self, wanted: Field, *, least: int = 1, most: int = MOST_WIDTH) -> int | None:
        """A whole number, or None where the file says null or the class leaves it open."""
        name, value = self.value(wanted)
        if value is None and not wanted.required:
            return None
        if type(value) is not int or not least <= value <= most:
            self.refuse(name, f"{_short(value)}: expected a whole number from {least} to {most}")
        return value

    def whole(self, wanted: Field, *, least: int = 1, most: int = MOST_WIDTH) -> int:
        """A whole number."""
        number = self.optional(wanted, least=least, most=most)
        if number is None:
            self.refuse(
                wanted.names[0],
                f"is {'null' if wanted.names[0] in self.data else 'missing'}; expected a whole number",
            )
        return number

    def flag(self, wanted: Field | bool) -> bool:
        """True or false; null is false, as in the classes."""
        if isinstance(wanted, bool):
            return wanted
        name, value = self.value(wanted)
        value = False if value is None else value
        if not isinstance(value, bool):
            self.refuse(name, f"{_short(value)}: expected true or false")
        return value != wanted.inverted

    def numbers(self, name: str) -> list[int] | None:
        """A list of whole numbers, or None where the file gives none."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > MOST_LAYERS or any(type(i) is not int for i in value):
            self.refuse(name, f"{_short(value)}: expected a list of whole numbers")
        return value

    def activation(self, wanted: Field | Activation) -> Activation:
        """An activation function by its name in the class."""
        if isinstance(wanted, str):
            return wanted
        name, value = self.value(wanted)
        value = wanted.default if value is None else value
        if not isinstance(value, str) or value not in _ACTIVATIONS:
            self.refuse(name, f"{_short(value)}: expected one of {', '.join(_ACTIVATIONS)}")
        return _ACTIVATIONS[value]

    def share(self, wanted: Field) -> float:
        """A share above 0 and up to 1. Newer files hold it under ``rope_parameters``."""
        fields = self
        for group in ("rope_parameters", "rope_scaling"):
            inner = self.data.get(group)
            if isinstance(inner, dict) and any(n in inner and n not in self.data for n in wanted.names):
                fields = Fields(inner, self.file, self.model_type, {})
                break
        name, value = fields.value(wanted)
        if type(value) not in (int, float) or not 0 < value <= 1:
            self.refuse(name, f"{_short(value)}: expected a number above 0 and up to 1")
        return float(value)


T = TypeVar("T")
Rule = Callable[[Fields, int], T]  # reads the file, given the number of layers or of heads


# --- rules: which layers are what, where a constant or one field does not say it ------------------------------------


def every_layer(fields: Fields, layers: int) -> list[bool]:
    """All alike (Mistral; Mixtral's experts)."""
    return [True] * layers


def alternating(fields: Fields, layers: int) -> list[bool]:
    """Sliding, full, sliding ... (Gemma 2, gpt-oss)."""
    return [(i + 1) % 2 > 0 for i in range(layers)]


def one_in_pattern(fields: Fields, layers: int) -> list[bool]:
    """Every sixth layer attends fully, or every ``sliding_window_pattern``-th (Gemma 3)."""
    pattern = fields.whole(field("sliding_window_pattern", default=6))
    return [(i + 1) % pattern > 0 for i in range(layers)]


def above_max_window_layers(fields: Fields, layers: int) -> list[bool]:
    """The first ``max_window_layers`` attend fully, if windows are used at all (Qwen2, Qwen3)."""
    first = fields.whole(field("max_window_layers", default=28), least=0)
    return [i >= first for i in range(layers)]


def odd_below_max_window_layers(fields: Fields, layers: int) -> list[bool]:
    """Every other layer of the first ``max_window_layers`` (Qwen2-MoE)."""
    last = fields.whole(field("max_window_layers", default=28), least=0)
    return [(i + 1) % 2 > 0 and i < last for i in range(layers)]


def sparse_steps(fields: Fields, layers: int) -> list[bool]:
    """Every ``decoder_sparse_step``-th layer holds experts, but those of ``mlp_only_layers`` (Qwen)."""
    step = fields.whole(field("decoder_sparse_step", default=1))
    without = frozenset(fields.numbers("mlp_only_layers") or [])
    return [(i + 1) % step == 0 and i not in without for i in range(layers)]


def interleaved(fields: Fields, layers: int) -> list[bool]:
    """The layers of ``moe_layers`` hold experts, or every ``interleave_moe_layer_step``-th (Llama 4)."""
    step = fields.whole(field("interleave_moe_layer_step", default=1))
    listed = fields.numbers("moe_layers")
    routed = frozenset(range(step - 1, layers, step) if listed is None else listed)
    return [i in routed for i in range(layers)]


def three_in_four(fields: Fields, layers: int) -> list[bool]:
    """Layers with a 1 in ``no_rope_layers``; if that is empty, all but each ``no_rope_layer_interval``-th (Llama 4)."""
    interval = fields.whole(field("no_rope_layer_interval", default=4))
    listed = fields.numbers("no_rope_layers")
    if not listed:
        return [(i + 1) % interval > 0 for i in range(layers)]
    if len(listed) != layers or not set(listed) <= {0, 1}:
        fields.refuse("no_rope_layers", f"{_short(listed)}: expected a 1 or a 0 for each of the {layers} layers")
    return [number == 1 for number in listed]


def dense_first(default: int) -> Rule[list[bool]]:
    """The first ``first_k_dense_replace`` layers are dense (DeepSeek)."""

    def rule(fields: Fields, layers: int) -> list[bool]:
        first = fields.whole(field("first_k_dense_replace", default=default), least=0)
        return [i >= first for i in range(layers)]

    return rule


def multi_query(fields: Fields, heads: int) -> int:
    """One key-value head unless ``multi_query`` is false (GPT-BigCode)."""
    return 1 if fields.flag(field("multi_query", default=True)) else heads


def falcon_kv_heads(default_new: bool, default_multi: bool) -> Rule[int]:
    """``num_kv_heads`` counts in the new decoder and without ``multi_query`` only; else one head is shared."""

    def rule(fields: Fields, heads: int) -> int:
        own = fields.optional(field("num_kv_heads", "n_head_kv")) or heads
        new = fields.flag(field("new_decoder_architecture", default=default_new))
        return own if new or not fields.flag(field("multi_query", default=default_multi)) else 1

    return rule


def falcon_norms(default_new: bool, default_parallel: bool) -> Rule[int]:
    """Sequential: two norms. Parallel: one shared norm; the new decoder has one each, unless told otherwise."""

    def rule(fields: Fields, heads: int) -> int:
        own = fields.optional(field("num_ln_in_parallel_attn"), most=2)
        new = fields.flag(field("new_decoder_architecture", default=default_new))
        parallel = fields.flag(field("parallel_attn", default=default_parallel))
        if new and not parallel:
            fields.refuse("parallel_attn", "false contradicts new_decoder_architecture, whose parts run in parallel")
        if own == 2 and not new:
            fields.refuse("num_ln_in_parallel_attn", "2 needs new_decoder_architecture")
        return own or (1 if parallel and not new else 2)

    return rule


def opt_final_norm(fields: Fields, layers: int) -> bool:
    """A final norm stands after pre-norm layers only, and old checkpoints leave it out."""
    before = fields.flag(field("do_layer_norm_before", default=True))
    return before and not fields.flag(field("_remove_final_layer_norm", default=False))


# --- rows -----------------------------------------------------------------------------------------------------------


HIDDEN_SIZE = required("hidden_size")
LAYERS = required("num_hidden_layers")
HEADS = required("num_attention_heads")
VOCABULARY = required("vocab_size")
POSITIONS = field("max_position_embeddings", default=2048)
KV_HEADS = field("num_key_value_heads")
HEAD_DIM = field("head_dim")
FFN_SIZE = required("intermediate_size")
FOUR_TIMES = field("n_inner")
ACTIVATION = field("hidden_act", default="silu")
UNTIED = field("tie_word_embeddings", default=False)
TIED = field("tie_word_embeddings", default=True)
ATTENTION_BIAS = field("attention_bias", default=False)


@dataclass(frozen=True, kw_only=True)
class Experts:
    """How a family spells its mixture of experts."""

    count: Field
    per_token: Field
    size: Field
    sparse: Rule[list[bool]] = every_layer
    shared_size: Field | None = None
    shared_count: Field | None = None  # shared experts of the routed width, built as one
    shared_gate: bool = False
    gated: bool = True
    bias: bool = False
    router_bias: bool = False


@dataclass(frozen=True, kw_only=True)
class Family:
    """One row: the spelling, the class's defaults, and the parts it builds. The defaults here are Llama's."""

    hidden_size: Field = HIDDEN_SIZE
    layers: Field = LAYERS
    heads: Field = HEADS
    vocab_size: Field = VOCABULARY
    positions: Field = POSITIONS
    position_table: int | None = None  # None: no table; else rows beyond the positions
    token_types: Field | None = None
    embedding_width: Field | None = None
    embedding_norm: bool = False
    mixer: Literal["attention", "latent", "mamba", "mamba2", "hybrid"] = "attention"
    kv_heads: Field | Rule[int] | None = KV_HEADS  # None: as many as heads
    head_dim: Field | None = HEAD_DIM  # None: hidden_size / heads, whatever the file says
    rotary: bool = True
    rotated: Rule[list[bool]] = every_layer  # which layers have rotary positions at all
    rotary_share: Field | None = None
    rotary_dim: Field | None = None
    alibi: Field | bool = False
    fused: bool = False  # q, k and v are stored as one matrix
    repeated_cache: Field | bool = False
    qkv_bias: Field | bool = False
    o_bias: Field | bool = False
    qk_norm: Literal["none", "head", "per_head", "width"] = "none"
    qk_norm_if: Field | bool = True
    sub_norm: bool = False
    sinks: bool = False
    softcap: Field | None = None
    logit_softcap: Field | None = None
    window: Field | None = None
    window_if: Field | bool = True
    windowed: Rule[list[bool]] = every_layer
    layer_types: str | None = None  # what a layer with a window is called in `layer_types`, if the class reads that
    ffn_size: Field | None = FFN_SIZE  # None, or null in the file: 4 x hidden_size
    ffn_halves: bool = False  # the field counts the up and the gate projection as one matrix
    gated: bool = True
    activation: Field | Activation = ACTIVATION
    ffn_bias: Field | bool = False
    experts: Experts | None = None
    q_rank: int = 1536
    norm: Norm = "rmsnorm"
    norm_weights: Field | bool = True
    norms: int | Rule[int] = 2
    final_norm: bool | Rule[bool] = True
    tied: Field = UNTIED
    head_bias: bool = False
    head_transform: bool = False
    kind: Literal["decoder", "encoder"] = "decoder"
    nested: Mapping[str, Any] | None = None  # what the class takes inside a multimodal file, which leaves it out
    refuses: tuple[str, ...] = ()  # fields that, when set, build parts which are not known here
    remark: str = ""  # what the class does and an `Architecture` cannot say


def _positions(default: int, *names: str) -> Field:
    return field("max_position_embeddings", *names, default=default)


_LLAMA = Family(
    qkv_bias=ATTENTION_BIAS,
    o_bias=ATTENTION_BIAS,
    ffn_bias=field("mlp_bias", default=False),
    nested={
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 32000,
        "intermediate_size": 11008,
    },
)
_MISTRAL = Family(
    kv_heads=field("num_key_value_heads", default=8),
    positions=_positions(131072),
    window=field("sliding_window", default=4096),
)
_QWEN2 = Family(
    kv_heads=field("num_key_value_heads", default=32),
    positions=_positions(32768),
    qkv_bias=True,
    window=field("sliding_window", default=4096),
    window_if=field("use_sliding_window", default=False),
    windowed=above_max_window_layers,
    layer_types="sliding_attention",
)
_QWEN2_MOE = replace(
    _QWEN2,
    kv_heads=field("num_key_value_heads", default=16),
    qkv_bias=field("qkv_bias", default=True),
    windowed=odd_below_max_window_layers,
    experts=Experts(
        count=field("num_experts", default=60),
        per_token=field("num_experts_per_tok", default=4),
        size=required("moe_intermediate_size"),
        sparse=sparse_steps,
        shared_size=required("shared_expert_intermediate_size"),
        shared_gate=True,
    ),
)
_QWEN3 = replace(
    _QWEN2,
    head_dim=field("head_dim", default=128),
    qkv_bias=ATTENTION_BIAS,
    o_bias=ATTENTION_BIAS,
    qk_norm="head",
)
_QWEN3_MOE = replace(
    _QWEN3,
    kv_heads=field("num_key_value_heads", default=4),
    head_dim=field("head_dim"),
    windowed=every_layer,
    layer_types=None,
    experts=Experts(
        count=field("num_experts", "num_local_experts", default=128),
        per_token=field("num_experts_per_tok", default=8),
        size=required("moe_intermediate_size"),
        sparse=sparse_steps,
    ),
)
_GEMMA = Family(
    kv_heads=field("num_key_value_heads", default=16),
    head_dim=field("head_dim", default=256),
    positions=_positions(8192),
    qkv_bias=ATTENTION_BIAS,
    o_bias=ATTENTION_BIAS,
    tied=TIED,
    activation="gelu_tanh",  # the first files say "gelu"; the class runs the tanh form whatever they say
    refuses=("use_bidirectional_attention",),
)
_GEMMA2 = replace(
    _GEMMA,
    kv_heads=field("num_key_value_heads", default=4),
    norms=4,
    activation=field("hidden_activation", default="gelu_pytorch_tanh"),
    softcap=field("attn_logit_softcapping", default=50.0),
    logit_softcap=field("final_logit_softcapping", default=30.0),
    window=field("sliding_window", default=4096),
    windowed=alternating,
    layer_types="sliding_attention",
)
_GEMMA3 = replace(
    _GEMMA2,
    positions=_positions(131072),
    qk_norm="head",
    windowed=one_in_pattern,
    softcap=field("attn_logit_softcapping"),
    logit_softcap=field("final_logit_softcapping"),
    nested={"vocab_size": 262208, "num_attention_heads": 8},
)
_PHI = Family(
    norm="layernorm",
    norms=1,
    gated=False,
    qkv_bias=True,
    o_bias=True,
    ffn_bias=True,
    head_bias=True,
    qk_norm="head",
    qk_norm_if=field("qk_layernorm", default=False),
    activation=field("hidden_act", default="gelu_new"),
    rotary_share=field("partial_rotary_factor", default=0.5),
)
_FALCON = Family(
    layers=required("num_hidden_layers", "n_layer"),
    heads=required("num_attention_heads", "n_head"),
    hidden_size=required("hidden_size", "n_embed"),
    kv_heads=falcon_kv_heads(False, True),
    head_dim=None,
    alibi=field("alibi", default=False),
    repeated_cache=field("new_decoder_architecture", default=False),
    fused=True,
    norm="layernorm",
    norms=falcon_norms(False, True),
    gated=False,
    qkv_bias=field("bias", default=False),
    o_bias=field("bias", default=False),
    ffn_bias=field("bias", default=False),
    ffn_size=field("ffn_hidden_size"),
    activation=field("activation", default="gelu"),
    tied=TIED,
)
_GPT2 = Family(
    hidden_size=required("n_embd", "hidden_size"),
    layers=required("n_layer", "num_hidden_layers"),
    heads=required("n_head", "num_attention_heads"),
    kv_heads=None,
    head_dim=None,
    positions=field("n_positions", "max_position_embeddings", default=1024),
    position_table=0,
    rotary=False,
    fused=True,
    norm="layernorm",
    gated=False,
    qkv_bias=True,
    o_bias=True,
    ffn_bias=True,
    ffn_size=FOUR_TIMES,
    activation=field("activation_function", default="gelu_new"),
    tied=TIED,
    refuses=("add_cross_attention",),
)
_DEEPSEEK_V2 = Family(
    mixer="latent",
    qkv_bias=ATTENTION_BIAS,
    ffn_bias=field("mlp_bias", default=False),
    experts=Experts(
        count=field("n_routed_experts", "num_experts", default=64),
        per_token=field("num_experts_per_tok"),
        size=required("moe_intermediate_size"),
        sparse=dense_first(0),
        shared_count=field("n_shared_experts", default=2),
    ),
)
_DEEPSEEK_V3 = replace(
    _DEEPSEEK_V2,
    positions=_positions(4096),
    ffn_bias=False,
    experts=Experts(
        count=field("n_routed_experts", "num_local_experts", default=256),
        per_token=field("num_experts_per_tok", default=8),
        size=required("moe_intermediate_size"),
        sparse=dense_first(3),
        shared_count=field("n_shared_experts", default=1),
    ),
)

# A Mamba block and a feed-forward block, each with its norm, are one layer here.
_NEMOTRON_H = Family(
    mixer="hybrid",
    layers=field("num_hidden_layers"),
    positions=_positions(4096),
    kv_heads=field("num_key_value_heads", default=8),
    head_dim=field("head_dim", default=128),
    rotary=False,
    gated=False,
    activation=field("mlp_hidden_act", default="relu2"),
    ffn_bias=field("mlp_bias", default=False),
    experts=Experts(
        count=field("n_routed_experts", "num_local_experts", default=8),
        per_token=field("num_experts_per_tok", default=2),
        size=required("moe_intermediate_size"),
        shared_size=required("moe_shared_expert_intermediate_size"),
        gated=False,
    ),
    refuses=("attention_bias", "mamba_proj_bias", "moe_latent_size"),
)
_LLAMA4 = Family(
    kv_heads=field("num_key_value_heads", default=8),
    head_dim=field("head_dim", default=128),
    positions=_positions(131072),
    qkv_bias=ATTENTION_BIAS,
    o_bias=ATTENTION_BIAS,
    rotated=three_in_four,
    window=field("attention_chunk_size", default=8192),
    windowed=three_in_four,
    layer_types="chunked_attention",
    ffn_size=field("intermediate_size_mlp", default=16384),
    experts=Experts(
        count=field("num_local_experts", default=16),
        per_token=field("num_experts_per_tok", default=1),
        size=required("intermediate_size"),
        sparse=interleaved,
        shared_size=required("intermediate_size"),
    ),
    remark="attention in chunks is counted as a window of a chunk's length: exact within the first chunk, and beyond "
    "it up to twice the keys of those layers; the norm without weights that use_qk_norm adds to q and k is left out",
)

FAMILIES: dict[str, Family] = {
    "llama": _LLAMA,
    # MiniCPM is a Llama with scaled activations; its class leaves tying to the library's default of the time
    "minicpm": replace(_LLAMA, tied=TIED, refuses=("num_experts",)),
    "mistral": _MISTRAL,
    "mixtral": replace(
        _MISTRAL,
        window=field("sliding_window"),
        experts=Experts(
            count=field("num_local_experts", "num_experts", default=8),
            per_token=field("num_experts_per_tok", default=2),
            size=required("intermediate_size"),
        ),
    ),
    # the first series, in its own code
    "qwen": Family(
        kv_heads=None,
        head_dim=field("kv_channels", default=128),
        positions=_positions(8192),
        rotary_share=field("rotary_pct", default=1.0),
        fused=True,
        qkv_bias=True,
        o_bias=unless("no_bias", default=True),
        ffn_bias=unless("no_bias", default=True),
        ffn_halves=True,
        activation="silu",
    ),
    "qwen2": _QWEN2,
    "qwen2_moe": _QWEN2_MOE,
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3_MOE,
    "gemma": _GEMMA,
    "gemma2": _GEMMA2,
    "gemma3_text": _GEMMA3,
    "phi": _PHI,
    # the form in which Microsoft's own code for Phi-1.5 and Phi-2 wrote its files
    "phi-msft": replace(
        _PHI,
        hidden_size=required("n_embd"),
        layers=required("n_layer"),
        heads=required("n_head"),
        kv_heads=field("n_head_kv"),
        head_dim=None,
        positions=field("n_positions", default=2048),
        ffn_size=FOUR_TIMES,
        activation=field("activation_function", default="gelu_new"),
        rotary_share=None,
        rotary_dim=field("rotary_dim", default=32),
    ),
    "phi3": Family(
        fused=True,
        positions=_positions(4096),
        window=field("sliding_window"),
        rotary_share=field("partial_rotary_factor", default=1.0),
    ),
    # in its own code, which has only one activation function, x sigmoid(1.702 x)
    "phi3small": Family(
        kv_heads=field("num_key_value_heads", default=8),
        head_dim=None,
        positions=_positions(8192),
        fused=True,
        norm="layernorm",
        qkv_bias=True,
        o_bias=True,
        ffn_bias=True,
        ffn_size=required("ff_intermediate_size"),
        activation="silu",
        tied=TIED,
        refuses=("ff_dim_multiplier",),
        remark="block-sparse layers are counted with full attention: the cache is exact, scores are exact within the "
        "local blocks (1024 keys in Phi-3-small) and too many beyond, in those layers 4.3 times at 8192; gegelu is "
        "counted as a gated silu, a few elementwise operations less",
    ),
    "falcon": _FALCON,
    # the forms in which TII's own code wrote Falcon-7B and the RW models, and Falcon-40B
    "RefinedWebModel": replace(_FALCON, kv_heads=falcon_kv_heads(False, False), norms=falcon_norms(False, False)),
    "RefinedWeb": replace(
        _FALCON,
        kv_heads=falcon_kv_heads(True, False),
        norms=falcon_norms(True, True),
        repeated_cache=field("new_decoder_architecture", default=True),
    ),
    "gpt2": _GPT2,
    "gpt_bigcode": replace(
        _GPT2, kv_heads=multi_query, activation=field("activation_function", default="gelu_pytorch_tanh")
    ),
    "gpt_neox": Family(
        kv_heads=None,
        head_dim=None,
        fused=True,
        norm="layernorm",
        gated=False,
        ffn_bias=True,
        qkv_bias=field("attention_bias", default=True),
        o_bias=field("attention_bias", default=True),
        activation=field("hidden_act", default="gelu"),
        rotary_share=field("rotary_pct", "partial_rotary_factor", default=0.25),
    ),
    "opt": Family(
        kv_heads=None,
        head_dim=None,
        position_table=2,
        rotary=False,
        embedding_width=field("word_embed_proj_dim"),
        norm="layernorm",
        norm_weights=field("layer_norm_elementwise_affine", default=True),
        final_norm=opt_final_norm,
        gated=False,
        qkv_bias=field("enable_bias", default=True),
        o_bias=field("enable_bias", default=True),
        ffn_bias=field("enable_bias", default=True),
        ffn_size=required("ffn_dim"),
        activation=field("activation_function", default="relu"),
        tied=TIED,
    ),
    "bloom": Family(
        hidden_size=required("hidden_size", "n_embed"),
        layers=required("n_layer", "num_hidden_layers"),
        heads=required("n_head", "num_attention_heads"),
        kv_heads=None,
        head_dim=None,
        positions=field("seq_length", default=2048),
        embedding_norm=True,
        rotary=False,
        alibi=True,
        fused=True,
        norm="layernorm",
        gated=False,
        qkv_bias=True,
        o_bias=True,
        ffn_bias=True,
        ffn_size=None,
        activation="gelu_tanh",
        tied=TIED,
    ),
    "bert": Family(
        kind="encoder",
        kv_heads=None,
        head_dim=None,
        positions=_positions(512),
        position_table=0,
        rotary=False,
        token_types=field("type_vocab_size", default=2),
        embedding_norm=True,
        norm="layernorm",
        final_norm=False,
        gated=False,
        qkv_bias=True,
        o_bias=True,
        ffn_bias=True,
        activation=field("hidden_act", default="gelu"),
        tied=TIED,
        head_bias=True,
        head_transform=True,
        refuses=("add_cross_attention", "is_decoder"),
    ),
    "cohere": Family(
        positions=_positions(8192),
        norm="layernorm_no_bias",
        norms=1,
        qkv_bias=ATTENTION_BIAS,
        o_bias=ATTENTION_BIAS,
        qk_norm="per_head",
        qk_norm_if=field("use_qk_norm", default=False),
        tied=TIED,
    ),
    "olmo2": Family(qkv_bias=ATTENTION_BIAS, o_bias=ATTENTION_BIAS, qk_norm="width"),
    "starcoder2": Family(
        kv_heads=field("num_key_value_heads", default=2),
        positions=_positions(4096),
        norm="layernorm",
        gated=False,
        qkv_bias=field("use_bias", default=True),
        o_bias=field("use_bias", default=True),
        ffn_bias=field("use_bias", default=True),
        activation=field("hidden_act", default="gelu_pytorch_tanh"),
        window=field("sliding_window"),
        tied=TIED,
    ),
    "llama4_text": _LLAMA4,
    "deepseek_v2": _DEEPSEEK_V2,
    "deepseek_v3": _DEEPSEEK_V3,
    "kimi_k2": _DEEPSEEK_V3,
    "gpt_oss": Family(
        kv_heads=field("num_key_value_heads", default=8),
        head_dim=field("head_dim", default=64),
        positions=_positions(131072),
        qkv_bias=field("attention_bias", default=True),
        o_bias=field("attention_bias", default=True),
        sinks=True,
        window=field("sliding_window", default=128),
        windowed=alternating,
        layer_types="sliding_attention",
        experts=Experts(
            count=field("num_local_experts", "num_experts", default=128),
            per_token=field("num_experts_per_tok", default=4),
            size=required("intermediate_size"),
            bias=True,
            router_bias=True,
        ),
    ),
    "bitnet": Family(
        kv_heads=field("num_key_value_heads", default=5),
        qkv_bias=ATTENTION_BIAS,
        o_bias=ATTENTION_BIAS,
        sub_norm=True,
        activation=field("hidden_act", default="relu2"),
    ),
    "mamba": Family(mixer="mamba", positions=field("max_position_embeddings"), norms=1, tied=TIED),
    "mamba2": Family(mixer="mamba2", positions=field("max_position_embeddings"), norms=1, heads=required("num_heads")),
    "nemotron_h": _NEMOTRON_H,
}
"""Every family that is known, by the ``model_type`` of its files."""

# The published BitNet b1.58 reproductions say "llama" and name a class of their own: a Llama with sub-norms.
_BITNET_B158 = replace(_LLAMA, sub_norm=True)
ARCHITECTURES: dict[tuple[str, str], Family] = {("llama", "BitnetForCausalLM"): _BITNET_B158}
"""Classes that build something else than their ``model_type`` does, by both names."""

# fmt: off
MULTIMODAL = frozenset((
    "aya_vision", "gemma3", "idefics2", "idefics3", "internvl", "llama4", "llava", "llava_next", "llava_next_video",
    "llava_onevision", "mistral3", "paligemma", "smolvlm", "video_llava", "vipllava",
))
# fmt: on
"""Multimodal classes that hold a language model of `FAMILIES` under ``text_config``."""

_KNOWN_NAMES = frozenset(
    name
    for family in FAMILIES.values()
    for entry in vars(family).values()
    if isinstance(entry, Field)
    for name in entry.names
)


# --- reading --------------------------------------------------------------------------------------------------------


def read_config(path: Path) -> Architecture:
    """Read a ``config.json``, or the one in a folder.

    Raises:
        BitnetCostError: no such file, or one that is not read; the message says which field and what was expected.
    """
    file = path / "config.json" if os.path.isdir(path) else path
    if file is not path and not os.path.exists(file):
        raise BitnetCostError(f"{path}: is a folder without a config.json")
    folder = os.path.basename(os.path.dirname(os.path.realpath(file)))
    label = folder if file.name == "config.json" else file.stem
    return architecture_from_config(
        read_json(file), name=qualified_name(label), source=printable(f"{folder}/{file.name}"), file=file
    )


def architecture_from_config(
    config: Mapping[str, Any],
    *,
    name: str,
    source: str,
    seen: Literal["opened", "second-hand", "memory", "own"] = "own",
    file: object = "<config>",
    title: str = "",
    note: str = "",
) -> Architecture:
    """The architecture that a configuration describes.

    >>> tiny = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    ...         "vocab_size": 100, "intermediate_size": 128, "num_key_value_heads": 2}
    >>> architecture_from_config(tiny, name="tiny", source="doctest").layers[0].attention
    Attention(heads=4, kv_heads=2, ...)
    >>> architecture_from_config({"model_type": "lama"}, name="tiny", source="doctest")
    Traceback (most recent call last):
    ...
    bitnet_cost.errors.InvalidFile: <config>: model_type
      'lama' is not known; did you mean 'llama'?
      Write the model of another family by hand: docs/extending.md, 'A model', has one to start from.

    Raises:
        InvalidFile: an unknown ``model_type``, a missing field, or one that contradicts another.
    """
    if not isinstance(config, Mapping):
        raise InvalidFile(file, "", f"holds a {type(config).__name__}; expected one object, {{...}}")
    outer, whole = config.get("model_type"), config
    multimodal = isinstance(outer, str) and outer in MULTIMODAL
    if multimodal:
        config = _language_model(config, file)
        note = note or "the language model of a multimodal one; vision parts are not counted"
    model_type = config.get("model_type")
    family = _family(config, model_type, file)
    assert isinstance(model_type, str)
    note = "; ".join(part for part in (note, family.remark) if part)
    nested = (family.nested or {}) if multimodal else {}
    about: dict[str, Any] = {"name": name, "title": title, "source": source, "seen": seen, "note": note}
    about["checkpoint"] = _checkpoint({**whole, **config}, file)
    fields = Fields(config, file, model_type, nested)
    try:
        return _architecture(family, fields, about)
    except ValidationError as error:
        where, what = explain(error, {}, Architecture)
        raise InvalidFile(file, where, what) from None


def _family(config: Mapping[str, Any], model_type: object, file: object) -> Family:
    """The row of a ``model_type``, or of the class that the file names where that builds something else."""
    if model_type is None:
        raise InvalidFile(file, "model_type", "is missing; it names the family, such as 'llama'")
    if not isinstance(model_type, str):
        raise InvalidFile(file, "model_type", f"{_short(model_type)}: expected a name such as 'llama'")
    named = config.get("architectures")
    if isinstance(named, list) and named and isinstance(named[0], str) and (model_type, named[0]) in ARCHITECTURES:
        return ARCHITECTURES[model_type, named[0]]
    if model_type in FAMILIES:
        return FAMILIES[model_type]
    close = nearest(model_type[:60], FAMILIES)
    hint = f"did you mean {close!r}?" if close else f"known: {', '.join(FAMILIES)}"
    by_hand = "Write the model of another family by hand: docs/extending.md, 'A model', has one to start from."
    raise InvalidFile(file, "model_type", f"{_short(model_type)} is not known; {hint}\n  {by_hand}")


_BITS = ("bits", "w_bit", "nbits", "num_bits")  # of a weight, as the methods spell it
_CLOSEST = {"fp8": "fp8", "fbgemm_fp8": "fp8", "mxfp4": "mxfp4", "bitnet": "bitnet-b1.58"}  # by method
_SAID = {"bitnet": "BitNet, ternary", "mxfp4": "MXFP4, 4 bit"}
_MULTI_TOKEN = ("num_nextn_predict_layers", "num_mtp_layers", "mtp_num_hidden_layers")


def _checkpoint(config: Mapping[str, Any], file: object) -> Checkpoint | None:
    """What the file says of its weights and of further layers: it changes no count, and an answer must not hide it."""
    weights, precision = _quantised(config.get("quantization_config"))
    name, further = next(((n, config[n]) for n in _MULTI_TOKEN if config.get(n) is not None), ("", 0))
    if type(further) is not int or not 0 <= further <= MOST_LAYERS:
        raise InvalidFile(file, name, f"{_short(further)}: expected a whole number from 0 to {MOST_LAYERS}")
    parts = f"{further} layer{'s' if further > 1 else ''} for multi-token prediction ({name})" if further else ""
    return Checkpoint(weights=weights, precision=precision, parts=parts) if weights or parts else None


def _quantised(given: Any) -> tuple[str, str]:
    """The format of quantised weights in words, and the precision that comes closest; nothing where there is none."""
    if given is None or given == {}:
        return "", ""
    method = given.get("quant_method") if isinstance(given, dict) else None
    if not isinstance(method, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,30}", method):
        return "a format that its quantization_config does not name", ""
    words = method.upper() if len(method) <= 5 else method
    bits, floating = _weight_bits(given)
    if bits is not None and not floating:
        return f"{words}, {bits} bit", f"w{bits}a{_activation_bits(given)}"
    if bits == 8:
        return f"{words}, FP8", "fp8"
    return _SAID.get(method, words), _CLOSEST.get(method, "")


def _weight_bits(given: Mapping[str, Any]) -> tuple[int | None, bool]:
    """Bits of a weight, where the configuration says them, and whether they are of a floating-point number."""
    weights = _first_group(given).get("weights")
    for holder in (given, weights if isinstance(weights, dict) else {}):
        for name in _BITS:
            if type(bits := holder.get(name)) is int and 1 <= bits <= 16:
                return bits, holder.get("type") == "float"
    for name, bits in (("load_in_4bit", 4), ("load_in_8bit", 8)):
        if given.get(name) is True:
            return bits, False
    return None, False


def _activation_bits(given: Mapping[str, Any]) -> int:
    """Bits of the activations that meet the weights: 16 where they are not quantised too."""
    inputs = _first_group(given).get("input_activations")
    bits = inputs.get("num_bits") if isinstance(inputs, dict) else None
    return bits if type(bits) is int and 1 <= bits <= 16 else 16


def _first_group(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first group of compressed-tensors, which holds the linear layers."""
    groups = given.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, dict) else None
    return first if isinstance(first, dict) else {}


def _language_model(config: Mapping[str, Any], file: object) -> Mapping[str, Any]:
    """The language model of a multimodal file. Where the outer file says whether the output is tied, it decides."""
    text, outer = config.get("text_config"), config["model_type"]
    if not isinstance(text, dict):
        raise InvalidFile(file, "text_config", f"{_short(text)}: model_type {outer!r} holds its language model there")
    assumed = {"model_type": f"{outer}_text"} if outer in ("gemma3", "llama4") else {}
    decided = {name: config[name] for name in ("tie_word_embeddings",) if name in config}
    return {**assumed, **text, **decided}


def _architecture(family: Family, fields: Fields, about: dict[str, Any]) -> Architecture:
    """Build what a row says from what the file says."""
    for name in family.refuses:
        if fields.data.get(name):
            fields.refuse(name, f"{_short(fields.data[name])}: builds parts that are not known here")
    hidden = fields.whole(family.hidden_size)
    depth = _depth(family, fields)
    positions = fields.optional(family.positions, most=MOST_POSITIONS)
    width = fields.optional(family.embedding_width) if family.embedding_width else None
    alibi = fields.flag(family.alibi)
    embedding = Embedding(
        positions=0 if family.position_table is None else (positions or 0) + family.position_table,
        token_types=fields.whole(family.token_types, least=0) if family.token_types else 0,
        width=None if width == hidden else width,
        norm=family.embedding_norm,
    )
    weighted, tied = fields.flag(family.norm_weights), fields.flag(family.tied)
    return Architecture(
        **about,
        kind=family.kind,
        hidden_size=hidden,
        vocab_size=fields.whole(family.vocab_size, most=10**9),
        max_positions=positions,
        norm=family.norm if weighted else "no_weights",
        final_norm=family.final_norm if isinstance(family.final_norm, bool) else family.final_norm(fields, depth),
        rotary=family.rotary and family.mixer in ("attention", "latent") and not alibi,
        embedding=embedding,
        layers=_layers(family, fields, hidden, depth, alibi),
        lm_head=Head(
            tied=tied,
            bias=family.head_bias,
            transform=family.head_transform,
            spare_bias=family.head_transform and not tied,
            softcap=_given(fields, family.logit_softcap),
        ),
    )


def _depth(family: Family, fields: Fields) -> int:
    """Number of layers; where the file lists them, the list decides, and a number beside it must agree."""
    if family.mixer != "hybrid":
        return fields.whole(family.layers, most=MOST_LAYERS)
    name, blocks = _blocks(fields)
    said = fields.optional(family.layers, most=MOST_LAYERS)
    if said not in (None, len(blocks)):
        fields.refuse(name, f"{len(blocks)} blocks contradict {family.layers.names[0]} {said}")
    return len(blocks)


def _given(fields: Fields, wanted: Field | None) -> bool:
    """Whether a number is set that turns a part on."""
    if wanted is None:
        return False
    name, value = fields.value(wanted)
    if value is not None and (type(value) not in (int, float) or not 0 < value < math.inf):
        fields.refuse(name, f"{_short(value)}: expected a positive number or null")
    return value is not None


def _layers(family: Family, fields: Fields, hidden: int, depth: int, alibi: bool) -> list[Layer]:
    """Runs of identical layers, in the order in which each kind first appears."""
    if family.mixer in ("mamba", "mamba2"):
        block = (_mamba if family.mixer == "mamba" else _mamba2)(family, fields, hidden)
        return [Layer(repeat=depth, state_space=block, norms=family.norms if isinstance(family.norms, int) else 1)]
    if family.mixer == "hybrid":
        return _hybrid(family, fields, hidden)
    heads = fields.whole(family.heads)
    norms = family.norms if isinstance(family.norms, int) else family.norms(fields, heads)
    latent = _latent(family, fields, heads) if family.mixer == "latent" else None
    attention = None if latent else _attention(family, fields, hidden, heads, alibi)
    dense = _dense(family, fields, hidden)
    moe = _experts(family.experts, fields, dense) if family.experts else None
    window, windowed = _windows(family, fields, depth)
    sparse = family.experts.sparse(fields, depth) if family.experts else repeat(False, depth)
    rotated = family.rotated(fields, depth)
    layers = []
    for (slides, routed, turned), count in Counter(zip(windowed, sparse, rotated, strict=True)).items():
        changes = {"window": window} if slides else {}
        changes |= {} if turned else {"rotary_dim": 0}
        mixer = attention.model_copy(update=changes) if attention else None
        layers.append(
            Layer(
                repeat=count,
                attention=mixer,
                latent_attention=latent,
                ffn=None if routed else dense,
                moe=moe if routed else None,
                norms=norms,
            )
        )
    return layers


def _hybrid(family: Family, fields: Fields, hidden: int) -> list[Layer]:
    """Blocks of one part each, after the file's pattern; a feed-forward block joins the mixer before it."""
    name, blocks = _blocks(fields)
    mixers: list[str] = []
    for i, block in enumerate(blocks):
        if block in "M*":
            mixers.append(block)
        elif not mixers or len(mixers[-1]) == 2:
            fields.refuse(name, f"a feed-forward block, number {i}, does not follow a Mamba or attention block")
        else:
            mixers[-1] += block
    attention = _attention(family, fields, hidden, fields.whole(family.heads), False) if "*" in blocks else None
    space = _mamba2(family, fields, hidden) if "M" in blocks else None
    dense = _dense(family, fields, hidden)
    moe = _experts(family.experts, fields, dense) if family.experts and "E" in blocks else None
    return [
        Layer(
            repeat=count,
            attention=attention if kind[0] == "*" else None,
            state_space=space if kind[0] == "M" else None,
            ffn=dense if kind[1:] == "-" else None,
            moe=moe if kind[1:] == "E" else None,
            norms=len(kind),
        )
        for kind, count in Counter(mixers).items()
    ]


_BLOCKS = {
    "mamba": "M", "linear_attention": "M", "attention": "*", "full_attention": "*", "mlp": "-", "moe": "E",
}  # fmt: skip


def _blocks(fields: Fields) -> tuple[str, str]:
    """The field that names the blocks, and the blocks as letters: M Mamba, * attention, - dense, E experts."""
    listed = fields.data.get("layers_block_type")
    if listed is not None:
        if not isinstance(listed, list) or len(listed) > MOST_LAYERS:
            fields.refuse("layers_block_type", f"{_short(listed)}: expected a list of block types")
        for i, kind in enumerate(listed):
            if not isinstance(kind, str) or kind not in _BLOCKS:
                fields.refuse(f"layers_block_type.{i}", f"{_short(kind)}: expected one of {', '.join(_BLOCKS)}")
        return "layers_block_type", "".join(_BLOCKS[kind] for kind in listed)
    name, pattern = fields.value(required("hybrid_override_pattern"))
    if not isinstance(pattern, str) or len(pattern) > MOST_LAYERS or not set(pattern) <= set("M*-E"):
        fields.refuse(name, f"{_short(pattern)}: expected a text of M, *, - and E")
    return name, pattern


def _dense(family: Family, fields: Fields, hidden: int) -> FeedForward:
    size = (fields.optional(family.ffn_size) if family.ffn_size else None) or 4 * hidden
    return FeedForward(
        size=size // 2 if family.ffn_halves else size,
        gated=family.gated,
        activation=fields.activation(family.activation),
        bias=fields.flag(family.ffn_bias),
        sub_norm=family.sub_norm,
    )


def _attention(family: Family, fields: Fields, hidden: int, heads: int, alibi: bool) -> Attention:
    kv_heads = heads
    if isinstance(family.kv_heads, Field):
        name, _ = fields.value(family.kv_heads)
        kv_heads = fields.optional(family.kv_heads) or heads
    elif family.kv_heads is not None:
        name, kv_heads = "num_kv_heads", family.kv_heads(fields, heads)
    if heads % kv_heads:
        fields.refuse(name, f"{kv_heads} does not divide {family.heads.names[0]} {heads}")
    head_dim = fields.optional(family.head_dim) if family.head_dim else None
    if head_dim is None and hidden % heads:
        hint = "; give head_dim where a head is not hidden_size / heads wide" if family.head_dim else ""
        fields.refuse(
            family.hidden_size.names[0], f"{hidden} is not divisible by {family.heads.names[0]} {heads}{hint}"
        )
    width = head_dim or hidden // heads
    rotated = None
    if family.rotary_share and not alibi:
        rotated = int(width * fields.share(family.rotary_share))
    elif family.rotary_dim:
        rotated = fields.optional(family.rotary_dim, most=width)
    return Attention(
        heads=heads,
        kv_heads=None if kv_heads == heads else kv_heads,
        head_dim=None if width * heads == hidden else width,
        qkv_bias=fields.flag(family.qkv_bias),
        o_bias=fields.flag(family.o_bias),
        rotary_dim=None if rotated == width else rotated,
        qk_norm=family.qk_norm if fields.flag(family.qk_norm_if) else "none",
        sub_norm=family.sub_norm,
        sinks=family.sinks,
        softcap=_given(fields, family.softcap),
        alibi=alibi,
        fused=family.fused,
        repeated_cache=kv_heads < heads and fields.flag(family.repeated_cache),
    )


def _latent(family: Family, fields: Fields, heads: int) -> LatentAttention:
    kv_heads = fields.optional(field("num_key_value_heads"))
    if kv_heads is not None and kv_heads != heads:
        fields.refuse("num_key_value_heads", f"{kv_heads}: latent attention has a key per query head, {heads} here")
    return LatentAttention(
        heads=heads,
        q_rank=fields.optional(field("q_lora_rank", default=family.q_rank)),
        kv_rank=fields.whole(field("kv_lora_rank", default=512)),
        nope_dim=fields.whole(field("qk_nope_head_dim", default=128)),
        rope_dim=fields.whole(field("qk_rope_head_dim", default=64)),
        value_dim=fields.whole(field("v_head_dim", default=128)),
        bias=fields.flag(family.qkv_bias),
    )


def _experts(row: Experts, fields: Fields, dense: FeedForward) -> MixtureOfExperts:
    size = fields.whole(row.size)
    shared = fields.whole(row.shared_size, least=0) if row.shared_size else 0
    if row.shared_count:
        shared = size * (fields.optional(row.shared_count, least=0) or 0)
    count, chosen = fields.whole(row.count), fields.whole(row.per_token)
    if chosen > count:
        fields.refuse(row.per_token.names[0], f"{chosen} exceeds the {count} experts of {row.count.names[0]}")
    return MixtureOfExperts(
        experts=count,
        experts_per_token=chosen,
        size=size,
        gated=row.gated,
        activation=dense.activation,
        bias=row.bias,
        router_bias=row.router_bias,
        shared_size=shared or None,
        shared_bias=bool(shared) and dense.bias,
        shared_gate=row.shared_gate and bool(shared),
    )


def _windows(family: Family, fields: Fields, depth: int) -> tuple[int | None, list[bool]]:
    """The sliding window, and which layers have it."""
    nowhere = [False] * depth
    if family.window is None:
        return None, nowhere
    used = fields.flag(family.window_if)
    window = fields.optional(family.window, least=1 if used else 0, most=10**9)
    if not family.layer_types or fields.data.get("layer_types") is None:
        windowed = family.windowed(fields, depth)
    else:
        windowed = _layer_types(fields, depth, family.layer_types)
    return (window, windowed) if used and window else (None, nowhere)


def _layer_types(fields: Fields, depth: int, windowed: str) -> list[bool]:
    """Which layers have a window by the file's own list."""
    kinds = fields.data["layer_types"]
    if not isinstance(kinds, list) or len(kinds) != depth:
        counted = f"{len(kinds)} entries" if isinstance(kinds, list) else _short(kinds)
        fields.refuse("layer_types", f"{counted}: expected a list with one entry for each of the {depth} layers")
    for i, kind in enumerate(kinds):
        if kind not in ("full_attention", windowed):
            fields.refuse(f"layer_types.{i}", f"{_short(kind)}: expected 'full_attention' or {windowed!r}")
    return [kind == windowed for kind in kinds]


def _mamba(family: Family, fields: Fields, hidden: int) -> StateSpace:
    expand = fields.whole(field("expand", default=2))
    name, rank = fields.value(field("time_step_rank", default="auto"))
    rank = math.ceil(hidden / 16) if rank == "auto" else fields.whole(field(name))
    return StateSpace(
        inner_size=fields.optional(field("intermediate_size")) or expand * hidden,
        state_size=fields.whole(field("state_size", default=16)),
        conv_kernel=fields.whole(field("conv_kernel", default=4), most=1024),
        dt_rank=rank,
        bias=fields.flag(field("use_bias", default=False)),
        conv_bias=fields.flag(field("use_conv_bias", default=True)),
    )


def _mamba2(family: Family, fields: Fields, hidden: int) -> StateSpace:
    """Beside attention (Nemotron-H) the names have a prefix, and the heads alone make the width."""
    hybrid = family.mixer == "hybrid"
    count, width = (required("mamba_num_heads"), "mamba_head_dim") if hybrid else (family.heads, "head_dim")
    heads, head_dim = fields.whole(count), fields.whole(field(width, default=64))
    inner = heads * head_dim if hybrid else fields.whole(field("expand", default=2)) * hidden
    if heads * head_dim != inner:
        fields.refuse("num_heads", f"{heads} heads of head_dim {head_dim} do not make expand x hidden_size, {inner}")
    groups = fields.whole(field("n_groups", *(("mamba_n_groups",) if hybrid else ()), default=8))
    if heads % groups:
        fields.refuse("n_groups", f"{groups} does not divide {count.names[0]} {heads}")
    return StateSpace(
        inner_size=inner,
        state_size=fields.whole(field("ssm_state_size" if hybrid else "state_size", default=128)),
        conv_kernel=fields.whole(field("conv_kernel", default=4), most=1024),
        heads=heads,
        groups=groups,
        chunk=fields.whole(field("chunk_size", default=128 if hybrid else 256)),
        bias=fields.flag(field("use_bias", default=False)),
        conv_bias=fields.flag(field("use_conv_bias", default=True)),
    )


def _short(value: object) -> str:
    """A value as a message shows it: never long, whatever the file holds."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return f"a number of {len(str(abs(value)))} digits"
    text = repr(value if not isinstance(value, str) else value[:60])
    return {"None": "null", "True": "true", "False": "false"}.get(text, text)
