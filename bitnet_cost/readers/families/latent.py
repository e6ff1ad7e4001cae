"""DeepSeek and similar models: latent attention, whose cache is one compressed vector a token, and experts."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.inputs.architecture import Indexer, LatentAttention
from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.family import Experts, Family
from bitnet_cost.readers.families.fields import Fields, field, short
from bitnet_cost.readers.families.patterns import listed_or_first


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


def without_rotation(family: Family, fields: Fields, heads: int) -> LatentAttention:
    """Latent attention whose layers have no positions (Kimi Linear)."""
    return latent_attention(family, fields, heads).model_copy(update={"rotary": False})


def indexed_attention(family: Family, fields: Fields, heads: int) -> LatentAttention:
    """Latent attention to the keys that an indexer keeps (DeepSeek-V3.2, GLM-5)."""
    indexer = Indexer(
        heads=fields.whole(field("index_n_heads", default=64)),
        head_dim=fields.whole(field("index_head_dim", default=128)),
        kept=fields.whole(field("index_topk", default=2048)),
    )
    kinds = fields.data.get("indexer_types")
    for i, kind in enumerate(kinds if isinstance(kinds, list) else ()):
        if kind != "full":
            fields.refuse(f"indexer_types.{i}", f"{short(kind)}: layers that share an indexer are not known here")
    return latent_attention(family, fields, heads).model_copy(update={"indexer": indexer})


# fmt: off
_DEEPSEEK_V2 = Family(
    latent=latent_attention, qkv_bias=usual.ATTENTION_BIAS, ffn_bias=usual.MLP_BIAS,
    experts=Experts(
        count=field("n_routed_experts", "num_experts", default=64), per_token=usual.PER_TOKEN, sparse=listed_or_first,
        shared_count=field("n_shared_experts", default=2),
    ),
)
DEEPSEEK_V3 = replace(
    _DEEPSEEK_V2, positions=usual.POSITIONS(4096), ffn_bias=False, assumed={"first_k_dense_replace": 3},
    experts=Experts(
        count=field("n_routed_experts", "num_local_experts", default=256), per_token=usual.PER_TOKEN(8),
        sparse=listed_or_first, shared_count=field("n_shared_experts", default=1),
    ),
)
DENSE = replace(DEEPSEEK_V3, experts=None)
FAMILIES: dict[str, Family] = {
    "deepseek_v2": _DEEPSEEK_V2,
    "deepseek_v3": DEEPSEEK_V3,
    "kimi_k2": DEEPSEEK_V3,
    "deepseek_v32": replace(DEEPSEEK_V3, latent=indexed_attention),
    "glm_moe_dsa": replace(
        DEEPSEEK_V3, latent=indexed_attention,
        assumed={"first_k_dense_replace": 3, "q_lora_rank": 2048, "qk_nope_head_dim": 192, "v_head_dim": 256,
                 "index_n_heads": 32},
    ),
    "glm4_moe_lite": replace(
        DEEPSEEK_V3, assumed={"first_k_dense_replace": 1, "q_lora_rank": 768, "qk_nope_head_dim": 192,
                               "v_head_dim": 256, "n_routed_experts": 64, "num_experts_per_tok": 4},
    ),
    "youtu": replace(DENSE, tied=usual.TIED),
    "minicpm3": replace(
        DENSE, tied=usual.TIED, positions=usual.POSITIONS(32768), ffn_bias=usual.MLP_BIAS,
        assumed={"q_lora_rank": 768, "kv_lora_rank": 256, "qk_nope_head_dim": 64, "qk_rope_head_dim": 32,
                 "v_head_dim": 64},
    ),
}
# fmt: on
