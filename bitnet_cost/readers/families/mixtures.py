"""Mixtures of experts over ordinary attention."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.decoders import MISTRAL, QWEN2, QWEN3
from bitnet_cost.readers.families.family import Experts, Family
from bitnet_cost.readers.families.fields import Fields, field, required, short
from bitnet_cost.readers.families.patterns import alternating, every_layer, odd_below_max_window_layers, sparse_steps


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


# fmt: off
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
    "qwen3_moe": replace(
        QWEN3, kv_heads=usual.KV_HEADS(4), head_dim=usual.HEAD_DIM, windowed=every_layer, layer_types=None,
        experts=Experts(
            count=field("num_experts", "num_local_experts", default=128), per_token=usual.PER_TOKEN(8),
            sparse=sparse_steps,
        ),
    ),
    "llama4_text": Family(
        kv_heads=usual.KV_HEADS(8), head_dim=usual.HEAD_DIM(128), positions=usual.POSITIONS(131072),
        qkv_bias=usual.ATTENTION_BIAS, rotated=three_in_four, windowed=three_in_four,
        window=field("attention_chunk_size", default=8192), layer_types="chunked_attention",
        ffn_size=field("intermediate_size_mlp", default=16384),
        experts=Experts(
            count=field("num_local_experts", default=16), per_token=usual.PER_TOKEN(1), size=usual.FFN_SIZE,
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
}
# fmt: on
