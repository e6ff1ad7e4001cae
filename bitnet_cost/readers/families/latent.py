"""DeepSeek and similar models: latent attention, whose cache is one compressed vector a token, and experts."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.inputs.architecture import LatentAttention
from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.family import Experts, Family
from bitnet_cost.readers.families.fields import Fields, field


def dense_first(fields: Fields, layers: int) -> list[bool]:
    """The first ``first_k_dense_replace`` layers are dense (DeepSeek)."""
    first = fields.whole(field("first_k_dense_replace", default=0), least=0)
    return [i >= first for i in range(layers)]


def latent_attention(family: Family, fields: Fields, heads: int) -> LatentAttention:
    """Keys and values of every head come from one latent vector; part of a key turns with its position."""
    kv_heads = fields.optional(usual.KV_HEADS)
    if kv_heads is not None and kv_heads != heads:
        fields.refuse("num_key_value_heads", f"{kv_heads}: latent attention has a key per query head, {heads} here")
    return LatentAttention(
        heads=heads,
        q_rank=fields.optional(field("q_lora_rank", default=1536)),
        kv_rank=fields.whole(field("kv_lora_rank", default=512)),
        nope_dim=fields.whole(field("qk_nope_head_dim", default=128)),
        rope_dim=fields.whole(field("qk_rope_head_dim", default=64)),
        value_dim=fields.whole(field("v_head_dim", default=128)),
        bias=fields.flag(family.qkv_bias),
    )


# fmt: off
_DEEPSEEK_V2 = Family(
    latent=latent_attention, qkv_bias=usual.ATTENTION_BIAS, ffn_bias=usual.MLP_BIAS,
    experts=Experts(
        count=field("n_routed_experts", "num_experts", default=64), per_token=usual.PER_TOKEN, sparse=dense_first,
        shared_count=field("n_shared_experts", default=2),
    ),
)
_DEEPSEEK_V3 = replace(
    _DEEPSEEK_V2, positions=usual.POSITIONS(4096), ffn_bias=False, assumed={"first_k_dense_replace": 3},
    experts=Experts(
        count=field("n_routed_experts", "num_local_experts", default=256), per_token=usual.PER_TOKEN(8),
        sparse=dense_first, shared_count=field("n_shared_experts", default=1),
    ),
)
FAMILIES: dict[str, Family] = {"deepseek_v2": _DEEPSEEK_V2, "deepseek_v3": _DEEPSEEK_V3, "kimi_k2": _DEEPSEEK_V3}
# fmt: on
