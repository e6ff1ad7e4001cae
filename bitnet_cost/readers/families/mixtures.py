"""Mixtures of experts over ordinary attention."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.decoders import LLAMA, MISTRAL, OLMO2, QWEN2, QWEN3
from bitnet_cost.readers.families.family import Experts, Family
from bitnet_cost.readers.families.fields import Fields, field, required, short
from bitnet_cost.readers.families.patterns import (
    alternating,
    every_layer,
    listed_or_first,
    odd_below_max_window_layers,
    sparse_steps,
)


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
        fields.refuse("no_rope_layers", f"{short(listed)}: expected a 1 or a 0 for each of the {layers} layers")
    return [number == 1 for number in listed]


def ernie_sparse(fields: Fields, layers: int) -> list[bool]:
    """From ``moe_layer_start_index`` to ``moe_layer_end_index``, each ``moe_layer_interval``-th layer (ERNIE 4.5)."""
    kinds = fields.data.get("mlp_layer_types")
    if kinds is not None:
        return listed_or_first(fields, layers)
    first = fields.whole(field("moe_layer_start_index", default=1), least=0)
    last = fields.whole(field("moe_layer_end_index", default=-1), least=-1)
    step = fields.whole(field("moe_layer_interval", default=1))
    return [first <= i <= (layers - 1 if last < 0 else last) and (i + 1) % step == 0 for i in range(layers)]


_LOCAL_EXPERTS = field("num_local_experts", "num_experts")

# fmt: off
_GRANITE_EXPERTS = Experts(count=_LOCAL_EXPERTS(8), per_token=usual.PER_TOKEN(2), size=usual.FFN_SIZE)
_GRANITE_MOE = Family(qkv_bias=usual.ATTENTION_BIAS, experts=_GRANITE_EXPERTS)
_GLM4_MOE = Family(
    floor_head=True,
    kv_heads=usual.KV_HEADS(8), positions=usual.POSITIONS(131072), qkv_bias=usual.ATTENTION_BIAS, o_bias=False,
    qk_norm="head", qk_norm_if=field("use_qk_norm", default=False),
    rotary_share=field("partial_rotary_factor", default=0.5), assumed={"first_k_dense_replace": 1},
    experts=Experts(
        count=field("n_routed_experts", "num_experts", "num_local_experts", default=128), per_token=usual.PER_TOKEN(8),
        sparse=listed_or_first, shared_count=field("n_shared_experts", "num_shared_experts", default=1),
    ),
)

FAMILIES: dict[str, Family] = {
    "mixtral": replace(
        MISTRAL, window=usual.WINDOW,
        experts=Experts(
            count=field("num_local_experts", "num_experts", default=8), per_token=usual.PER_TOKEN(2),
            size=usual.FFN_SIZE,
        ),
    ),
    "qwen2_moe": replace(
        QWEN2, kv_heads=usual.KV_HEADS(16), qkv_bias=field("qkv_bias", default=True),
        windowed=odd_below_max_window_layers,
        experts=Experts(
            count=field("num_experts", default=60), per_token=usual.PER_TOKEN(4), sparse=sparse_steps,
            shared_size=required("shared_expert_intermediate_size"), shared_gate=True,
        ),
    ),
    "qwen3_moe": (QWEN3_MOE := replace(
        QWEN3, kv_heads=usual.KV_HEADS(4), head_dim=usual.HEAD_DIM, windowed=every_layer, layer_types=None,
        experts=Experts(
            count=field("num_experts", "num_local_experts", default=128), per_token=usual.PER_TOKEN(8),
            sparse=sparse_steps,
        ),
    )),
    "qwen3_vl_moe_text": QWEN3_MOE,
    "qwen3_omni_moe_text": QWEN3_MOE,
    "aria_text": replace(
        LLAMA, experts=Experts(
            count=field("moe_num_experts", default=8), per_token=field("moe_topk", default=2), size=usual.FFN_SIZE,
            shared_count=field("moe_num_shared_experts", default=2),
        ),
    ),
    "llama4_text": Family(
        kv_heads=usual.KV_HEADS(8), head_dim=usual.HEAD_DIM(128), positions=usual.POSITIONS(131072),
        qkv_bias=usual.ATTENTION_BIAS, rotated=three_in_four, windowed=three_in_four,
        window=field("attention_chunk_size", default=8192), layer_types="chunked_attention",
        ffn_size=field("intermediate_size_mlp", default=16384), tied=usual.UNTIED,
        experts=Experts(
            optional=True, count=field("num_local_experts", default=16), per_token=usual.PER_TOKEN(1),
            size=usual.FFN_SIZE,
            sparse=interleaved, shared_size=usual.FFN_SIZE,
        ),
        remark="attention in chunks is counted as a window of a chunk's length: exact within the first chunk, and "
        "beyond it up to twice the keys of those layers; the norm without weights that use_qk_norm adds to q and k is "
        "left out",
    ),
    "gpt_oss": Family(
        kv_heads=usual.KV_HEADS(8), head_dim=usual.HEAD_DIM(64), positions=usual.POSITIONS(131072),
        qkv_bias=usual.ATTENTION_BIAS(True), sinks=True, window=usual.WINDOW(128), windowed=alternating,
        layer_types="sliding_attention",
        experts=Experts(
            count=field("num_local_experts", "num_experts", default=128), per_token=usual.PER_TOKEN(4),
            size=usual.FFN_SIZE, bias=True, router_bias=True,
        ),
    ),
    "olmoe": replace(
        OLMO2, positions=usual.POSITIONS(4096),
        experts=Experts(count=field("num_experts", default=64), per_token=usual.PER_TOKEN(8), size=usual.FFN_SIZE),
    ),
    "flex_olmo": replace(
        OLMO2, positions=usual.POSITIONS(4096),
        experts=Experts(count=field("num_experts", default=7), per_token=usual.PER_TOKEN(5), size=usual.FFN_SIZE),
    ),
    "phimoe": Family(
        kv_heads=usual.KV_HEADS(8), positions=usual.POSITIONS(131072), norm="layernorm", qkv_bias=usual.ATTENTION_BIAS,
        head_bias=field("lm_head_bias", default=False), window=usual.WINDOW,
        experts=Experts(count=_LOCAL_EXPERTS(16), per_token=usual.PER_TOKEN(2), size=usual.FFN_SIZE),
    ),
    "granitemoe": _GRANITE_MOE,
    "granitemoeshared": replace(
        _GRANITE_MOE, experts=replace(_GRANITE_EXPERTS, shared_size=field("shared_intermediate_size", default=0)),
    ),
    "glm4_moe": _GLM4_MOE,
    "glm4v_moe_text": _GLM4_MOE,
    "solar_open": replace(
        _GLM4_MOE, ffn_size=field("intermediate_size"), head_dim=usual.HEAD_DIM(128), assumed={}, rotary_share=None,
    ),
    "sarvam_moe": _GLM4_MOE,
    "dots1": replace(_GLM4_MOE, qk_norm_if=True, rotary_share=None, window=usual.WINDOW),
    "minimax_m2": Family(
        kv_heads=usual.KV_HEADS(8), head_dim=usual.HEAD_DIM(128), positions=usual.POSITIONS(196608), qk_norm="width",
        qk_norm_if=field("use_qk_norm", default=True), rotary_dim=field("rotary_dim"),
        experts=Experts(count=_LOCAL_EXPERTS(256), per_token=usual.PER_TOKEN(8), size=usual.FFN_SIZE),
    ),
    "ernie4_5_moe": Family(
        kv_heads=usual.KV_HEADS(4), positions=usual.POSITIONS(131072), qkv_bias=field("use_bias", default=False),
        ffn_bias=field("use_bias", default=False), tied=usual.TIED, head_bias=field("use_bias", default=False),
        experts=Experts(
            count=field("moe_num_experts", "num_experts", default=64),
            per_token=field("moe_k", "num_experts_per_tok", default=6),
            sparse=ernie_sparse, correction=True,
            shared_count=field("moe_num_shared_experts", "num_shared_experts", default=2),
        ),
    ),
}
# fmt: on
