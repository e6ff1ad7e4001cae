"""Hybrids: attention in some layers, a recurrence or a short convolution in the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bitnet_cost.inputs.architecture import (
    DeltaRule,
    FeedForward,
    GatedRecurrence,
    Layer,
    LightningAttention,
    ShortConvolution,
    Wkv,
)
from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.decoders import QWEN3
from bitnet_cost.readers.families.family import Experts, Family
from bitnet_cost.readers.families.fields import Fields, field, required
from bitnet_cost.readers.families.latent import DEEPSEEK_V3, without_rotation
from bitnet_cost.readers.families.parts import attention
from bitnet_cost.readers.families.patterns import ATTENTION, listed_kinds, listed_or_first, sparse_steps
from bitnet_cost.readers.families.state_space import heads_of_mamba2, selective

LINEAR = "linear_attention"
PICTURES = "cross_attention"


# --- what mixes positions beside attention --------------------------------------------------------------------------


def delta_rule(family: Family, fields: Fields, hidden: int) -> dict[str, Any]:
    """The gated delta rule of Qwen."""
    rule = DeltaRule(
        key_heads=fields.whole(field("linear_num_key_heads", default=16)),
        value_heads=fields.whole(field("linear_num_value_heads", default=32)),
        key_dim=fields.whole(field("linear_key_head_dim", default=128)),
        value_dim=fields.whole(field("linear_value_head_dim", default=128)),
        conv_kernel=fields.whole(field("linear_conv_kernel_dim", default=4), most=1024),
    )
    return {"delta_rule": rule}


def attends_to_pictures(family: Family, fields: Fields, hidden: int) -> dict[str, Any]:
    """A layer that attends to a picture, without which it is passed by (Llama 3.2 Vision)."""
    found = attention(family, fields, hidden, fields.whole(family.heads), False)
    return {"attention": found.model_copy(update={"qk_norm": "head"}), "idle": True, "gates": 2}


def picture_layers(fields: Fields, layers: int) -> list[str]:
    """Those that ``cross_attention_layers`` lists attend to pictures."""
    among = frozenset(fields.numbers("cross_attention_layers") or [])
    return [PICTURES if i in among else ATTENTION for i in range(layers)]


def kimi_delta(family: Family, fields: Fields, hidden: int) -> dict[str, Any]:
    """Kimi Delta Attention, whose gates have the rank of a head."""
    heads, width = (
        fields.whole(field("linear_num_heads", default=32)),
        fields.whole(field("linear_head_dim", default=128)),
    )
    kernel = fields.whole(field("linear_conv_kernel_dim", default=4), most=1024)
    rule = DeltaRule(
        key_heads=heads, value_heads=heads, key_dim=width, value_dim=width, conv_kernel=kernel, gate_rank=width
    )
    return {"delta_rule": rule}


def lightning(family: Family, fields: Fields, hidden: int) -> dict[str, Any]:
    """The linear attention of MiniMax-01."""
    heads = fields.whole(family.heads)
    width = fields.optional(usual.HEAD_DIM) or hidden // heads
    chunk = fields.whole(field("block_size", default=256))
    return {"lightning": LightningAttention(heads=heads, head_dim=width, chunk=chunk)}


def short_convolution(family: Family, fields: Fields, hidden: int) -> dict[str, Any]:
    """The convolution of LFM2."""
    taps = fields.whole(field("conv_L_cache", default=3), most=1024)
    return {"convolution": ShortConvolution(conv_kernel=taps, bias=fields.flag(field("conv_bias", default=False)))}


def gated_recurrence(family: Family, fields: Fields, hidden: int) -> dict[str, Any]:
    """The RG-LRU of RecurrentGemma, with a block of its gates for each head."""
    unit = GatedRecurrence(
        width=fields.optional(field("lru_width")) or hidden,
        blocks=fields.whole(family.heads),
        conv_kernel=fields.whole(field("conv1d_width", default=4), most=1024),
    )
    return {"recurrence": unit}


def mamba(family: Family, fields: Fields, hidden: int) -> dict[str, Any]:
    """Mamba with norms on the step size, B and C (Jamba)."""
    return {"state_space": selective(fields, hidden, "mamba_", small_norms="rmsnorm")}


def mamba2(family: Family, fields: Fields, hidden: int) -> dict[str, Any]:
    """Mamba-2, its fields spelled with a prefix (Bamba, Granite 4)."""
    return {"state_space": heads_of_mamba2(fields, fields.whole(field("mamba_expand", default=2)) * hidden)}


def beside_attention(family: Family, fields: Fields, hidden: int, depth: int) -> list[Layer]:
    """Mamba-2 and attention read the same input, side by side (Falcon-H1)."""
    from bitnet_cost.readers.families.parts import attention, dense

    inner = fields.optional(field("mamba_d_ssm")) or fields.whole(field("mamba_expand", default=2)) * hidden
    space = heads_of_mamba2(fields, inner, gate_norm=fields.flag(field("mamba_rms_norm", default=False)))
    mixer = attention(family, fields, hidden, fields.whole(family.heads), False)
    return [Layer(repeat=depth, attention=mixer, state_space=space, ffn=dense(family, fields, hidden))]


def rwkv(family: Family, fields: Fields, hidden: int, depth: int) -> list[Layer]:
    """Time mixing and channel mixing (RWKV-4)."""
    mixing = Wkv(width=fields.optional(field("attention_hidden_size")) or hidden)
    size = fields.optional(field("intermediate_size")) or 4 * hidden
    channels = FeedForward(size=size, activation="relu2", receptance=True)
    return [Layer(repeat=depth, wkv=mixing, ffn=channels)]


# --- which layers are what ------------------------------------------------------------------------------------------


def three_linear_in_four(fields: Fields, layers: int) -> list[str]:
    """Every ``full_attention_interval``-th layer attends, the others are linear (Qwen3-Next)."""
    period = fields.whole(field("full_attention_interval", default=4))
    return [LINEAR if (i + 1) % period else ATTENTION for i in range(layers)]


def every_other_linear(fields: Fields, layers: int) -> list[str]:
    """Attention, linear, attention ... unless ``attn_type_list`` says 1 for attention (MiniMax-01)."""
    listed = fields.numbers("attn_type_list")
    if listed is not None and len(listed) == layers:
        return [ATTENTION if kind else LINEAR for kind in listed]
    return [LINEAR if i % 2 else ATTENTION for i in range(layers)]


def kimi_kinds(fields: Fields, layers: int) -> list[str]:
    """``linear_attn_config`` numbers its layers from 1; without it each fourth attends (Kimi Linear)."""
    given = fields.data.get("linear_attn_config")
    full = given.get("full_attn_layers") if isinstance(given, dict) else None
    if isinstance(full, list):
        return [ATTENTION if i + 1 in full else LINEAR for i in range(layers)]
    return [LINEAR if (i + 1) % 4 else ATTENTION for i in range(layers)]


def periodic_attention(fields: Fields, layers: int) -> list[str]:
    """Every ``attn_layer_period``-th layer from ``attn_layer_offset`` on attends (Jamba)."""
    period = fields.whole(field("attn_layer_period", default=8))
    offset = fields.whole(field("attn_layer_offset", default=4), least=0)
    return [ATTENTION if i % period == offset else "mamba" for i in range(layers)]


def listed_attention(fields: Fields, layers: int) -> list[str]:
    """The layers of ``attn_layer_indices`` attend (Bamba)."""
    full = frozenset(fields.numbers("attn_layer_indices") or ())
    return [ATTENTION if i in full else "mamba" for i in range(layers)]


def periodic_experts(fields: Fields, layers: int) -> list[bool]:
    """Every ``expert_layer_period``-th layer from ``expert_layer_offset`` on has experts (Jamba)."""
    period = fields.whole(field("expert_layer_period", default=2))
    offset = fields.whole(field("expert_layer_offset", default=1), least=0)
    return [i % period == offset for i in range(layers)]


def all_but_dense(fields: Fields, layers: int) -> list[bool]:
    """The first ``num_dense_layers`` have no experts (LFM2-MoE)."""
    first = fields.whole(field("num_dense_layers", default=2), least=0)
    return [i >= first for i in range(layers)]


def rotated_if_named(fields: Fields, layers: int) -> list[bool]:
    """Positions turn where ``position_embedding_type`` says rope (Granite 4)."""
    return [fields.data.get("position_embedding_type") == "rope"] * layers


def block_types(fields: Fields, layers: int) -> list[str]:
    """``block_types`` over and over (RecurrentGemma)."""
    kinds = fields.data.get("block_types") or ["recurrent", "recurrent", "attention"]
    if not isinstance(kinds, list) or any(kind not in ("recurrent", "attention") for kind in kinds):
        fields.refuse("block_types", "expected a list of 'recurrent' and 'attention'")
    return [ATTENTION if kinds[i % len(kinds)] == "attention" else "recurrent" for i in range(layers)]


def full_of(fields: Fields, layers: int) -> list[str]:
    """The layers of ``full_attn_idxs`` attend, or all (LFM2)."""
    full = fields.numbers("full_attn_idxs")
    return [ATTENTION if full is None or i in full else "conv" for i in range(layers)]


def lfm2_size(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """``intermediate_size`` is of a plain layer: a gated one has two thirds, up to a multiple (LFM2)."""
    size = data.get("block_ff_dim", data.get("intermediate_size"))
    if data.get("block_auto_adjust_ff_dim", True) is True and type(size) is int:
        share, multiple = data.get("block_ffn_dim_multiplier", 1.0), data.get("block_multiple_of", 256)
        size = int(2 * size / 3)
        if type(share) in (int, float) and type(multiple) is int and 0 < share < 100 and multiple > 0:
            size = multiple * -(-int(share * size) // multiple)
    return {**data, "intermediate_size": size}


def kimi_spelling(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Kimi's own file nests the linear layers' fields and spells the experts' differently."""
    given = data.get("linear_attn_config")
    if not isinstance(given, dict):
        return data
    names = {
        "num_heads": "linear_num_heads",
        "head_dim": "linear_head_dim",
        "short_conv_kernel_size": "linear_conv_kernel_dim",
    }
    return {**{new: given[old] for old, new in names.items() if old in given}, **data}


# fmt: off
_QWEN = replace(
    QWEN3, kv_heads=usual.KV_HEADS(2), head_dim=usual.HEAD_DIM(256), gate=field("attn_output_gate", default=True),
    window=None, layer_types=None, rotary_share=field("partial_rotary_factor", default=0.25),
    kinds=listed_kinds(three_linear_in_four, {LINEAR: LINEAR, ATTENTION: ATTENTION}), mixers={LINEAR: delta_rule},
)
_QWEN_EXPERTS = Experts(
    count=field("num_experts", default=512), per_token=usual.PER_TOKEN(10), sparse=sparse_steps,
    shared_size=required("shared_expert_intermediate_size"), shared_gate=True, optional=True,
)
_JAMBA_EXPERTS = Experts(
    count=field("num_experts", default=16), per_token=usual.PER_TOKEN(2), size=usual.FFN_SIZE, sparse=periodic_experts,
)
_LFM2 = Family(
    kv_heads=usual.KV_HEADS(8), positions=usual.POSITIONS(128000),
    tied=field("tie_word_embeddings", "tie_embedding", default=True),
    qk_norm="head", ffn_size=field("intermediate_size"), activation="silu", rewrite=lfm2_size,
    kinds=listed_kinds(full_of, {"conv": "conv", ATTENTION: ATTENTION}), mixers={"conv": short_convolution},
)

FAMILIES: dict[str, Family] = {
    "mllama_text_model": Family(
        kv_heads=usual.KV_HEADS(8), positions=usual.POSITIONS(131072), kinds=picture_layers, spare_rows=8,
        mixers={PICTURES: attends_to_pictures}, remark="text alone passes by the layers that attend to pictures",
    ),
    "qwen3_next": replace(_QWEN, experts=_QWEN_EXPERTS),
    "qwen3_5_text": replace(_QWEN, ffn_size=usual.FFN_SIZE),
    "qwen3_5_moe_text": replace(
        _QWEN, ffn_size=field("intermediate_size"),
        experts=replace(_QWEN_EXPERTS, count=field("num_experts", default=256), per_token=usual.PER_TOKEN(8)),
    ),
    "kimi_linear": replace(
        DEEPSEEK_V3, latent=without_rotation, rotary=False, tied=False,
        positions=field("model_max_length", default=1048576),
        kinds=listed_kinds(kimi_kinds, {LINEAR: LINEAR, ATTENTION: ATTENTION}), mixers={LINEAR: kimi_delta},
        rewrite=kimi_spelling, assumed={"first_k_dense_replace": 1, "q_lora_rank": None},
        experts=Experts(
            count=field("num_experts", default=256), per_token=field("num_experts_per_token", default=8),
            sparse=listed_or_first, shared_count=field("num_shared_experts", default=1),
        ),
    ),
    "minimax": Family(
        kv_heads=usual.KV_HEADS(8), positions=usual.POSITIONS(131072), window=usual.WINDOW,
        rotary_dim=field("rotary_dim"),
        kinds=listed_kinds(every_other_linear, {LINEAR: LINEAR, ATTENTION: ATTENTION}), mixers={LINEAR: lightning},
        experts=Experts(count=field("num_local_experts", default=8), per_token=usual.PER_TOKEN(2), size=usual.FFN_SIZE),
    ),
    "recurrent_gemma": Family(
        head_dim=usual.HEAD_DIM, positions=usual.POSITIONS(None), tied=usual.TIED, o_bias=True,
        qkv_bias=usual.ATTENTION_BIAS,
        rotary_share=field("partial_rotary_factor", default=0.5), ffn_halves=True, ffn_bias=True,
        activation=field("hidden_activation", default="gelu_pytorch_tanh"),
        window=field("attention_window_size", default=2048),
        logit_softcap=field("logits_soft_cap", default=30.0), kinds=block_types, mixers={"recurrent": gated_recurrence},
    ),
    "jamba": Family(
        kv_heads=usual.KV_HEADS(8), positions=usual.POSITIONS(262144), rotary=False, experts=_JAMBA_EXPERTS,
        kinds=periodic_attention, mixers={"mamba": mamba},
    ),
    "bamba": Family(
        kv_heads=usual.KV_HEADS(8), positions=usual.POSITIONS(262144), qkv_bias=usual.ATTENTION_BIAS,
        ffn_bias=usual.MLP_BIAS, rotary_share=field("partial_rotary_factor", default=0.5),
        kinds=listed_attention, mixers={"mamba": mamba2},
    ),
    "granitemoehybrid": Family(
        positions=usual.POSITIONS(2048), qkv_bias=usual.ATTENTION_BIAS, rotated=rotated_if_named,
        ffn_size=field("shared_intermediate_size", default=1024),
        kinds=listed_kinds(
            lambda fields, layers: ["mamba"] * layers,
            {"mamba": "mamba", LINEAR: "mamba", "attention": ATTENTION, ATTENTION: ATTENTION},
            "layer_types", "layers_block_type",
        ),
        mixers={"mamba": mamba2},
        experts=Experts(
            count=field("num_local_experts", default=8), per_token=usual.PER_TOKEN(2), size=usual.FFN_SIZE,
            optional=True, shared_size=field("shared_intermediate_size", default=1024),
        ),
    ),
    "falcon_h1": Family(
        kv_heads=usual.KV_HEADS(8), positions=usual.POSITIONS(8192), qkv_bias=usual.ATTENTION_BIAS,
        ffn_bias=usual.MLP_BIAS, blocks=beside_attention, refuses=("projectors_bias", "mamba_proj_bias"),
    ),
    "rwkv": Family(
        blocks=rwkv, rotary=False, norm="layernorm", embedding_norm=True,
        positions=field("context_length", default=1024),
    ),
    "lfm2": _LFM2,
    "lfm2_moe": replace(
        _LFM2, rewrite=None, assumed={"first_k_dense_replace": 2},
        experts=Experts(
            count=field("num_experts", default=32), per_token=usual.PER_TOKEN(4),
            sparse=all_but_dense,
        ),
    ),
}
# fmt: on
