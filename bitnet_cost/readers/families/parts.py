"""Parts of a layer, from what a row says and what the file says."""

from __future__ import annotations

from collections.abc import Collection

from bitnet_cost.errors import either
from bitnet_cost.inputs.architecture import Attention, FeedForward, MixtureOfExperts
from bitnet_cost.readers.families.family import Experts, Family
from bitnet_cost.readers.families.fields import Field, Fields, short


def dense(family: Family, fields: Fields, hidden: int) -> FeedForward:
    """The feed-forward part of layers without experts."""
    size = (fields.optional(family.ffn_size) if family.ffn_size else None) or 4 * hidden
    return FeedForward(
        size=size // 2 if family.ffn_halves else size,
        gated=fields.flag(family.gated),
        activation=fields.activation(family.activation),
        bias=fields.flag(family.ffn_bias),
        sub_norm=family.sub_norm,
    )


def attention(family: Family, fields: Fields, hidden: int, heads: int, alibi: bool) -> Attention:
    """Attention without a window; heads that do not fit the width or each other are refused."""
    kv_heads = heads
    if isinstance(family.kv_heads, Field):
        name, _ = fields.value(family.kv_heads)
        kv_heads = fields.optional(family.kv_heads) or heads
    elif family.kv_heads is not None:
        name, kv_heads = "num_kv_heads", family.kv_heads(fields, heads)
    if heads % kv_heads:
        fields.refuse(name, f"{kv_heads} does not divide {family.heads.names[0]} {heads}")
    head_dim = fields.optional(family.head_dim) if family.head_dim else None
    if head_dim is None and family.floor_head:
        head_dim = max(1, hidden // heads)
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
        o_bias=fields.flag(family.qkv_bias if family.o_bias is None else family.o_bias),
        rotary_dim=None if rotated == width else rotated,
        qk_norm=family.qk_norm if fields.flag(family.qk_norm_if) else "none",
        sub_norm=family.sub_norm,
        sinks=family.sinks,
        softcap=fields.turns_on(family.softcap),
        alibi=alibi,
        gate=fields.flag(family.gate),
        k_bias=family.k_bias,
        qk_norm_kind=family.qk_norm_kind,
        fused=family.fused,
        repeated_cache=kv_heads < heads and fields.flag(family.repeated_cache),
    )


def experts(row: Experts, fields: Fields, plain: FeedForward) -> MixtureOfExperts | None:
    """Experts with the activation function of the dense part; None where the file may say that there are none."""
    if row.optional and not fields.optional(row.count, least=0):
        return None
    size = fields.whole(row.size)
    shared = fields.whole(row.shared_size, least=0) if row.shared_size else 0
    if row.shared_count:
        shared = size * (fields.optional(row.shared_count, least=0) or 0)
    if row.beside_dense:
        shared = plain.size
    count, chosen = fields.whole(row.count), fields.whole(row.per_token)
    if chosen > count:
        fields.refuse(row.per_token.names[0], f"{chosen} exceeds the {count} experts of {row.count.names[0]}")
    return MixtureOfExperts(
        experts=count,
        experts_per_token=chosen,
        size=size,
        gated=row.gated,
        activation=plain.activation,
        bias=row.bias,
        router_bias=row.router_bias,
        shared_size=shared or None,
        shared_bias=bool(shared) and plain.bias,
        shared_gate=row.shared_gate and bool(shared),
        score_correction=row.correction,
        latent_size=fields.optional(row.latent) if row.latent else None,
        router_scales=row.scales,
    )


def windows(family: Family, fields: Fields, depth: int) -> tuple[int | None, list[bool]]:
    """The sliding window, and which layers have it."""
    nowhere = [False] * depth
    if family.window is None:
        return None, nowhere
    used = fields.flag(family.window_if)
    window = fields.optional(family.window, least=1 if used else 0, most=10**9)
    if not family.layer_types or fields.data.get("layer_types") is None:
        windowed = family.windowed(fields, depth)
    else:
        windowed = _layer_types(fields, depth, family.layer_types, family.mixers)
    return (window, windowed) if used and window else (None, nowhere)


def _layer_types(fields: Fields, depth: int, windowed: str, others: Collection[str] = ()) -> list[bool]:
    """Which layers have a window by the file's own list."""
    kinds = fields.data["layer_types"]
    if not isinstance(kinds, list) or len(kinds) != depth:
        counted = f"{len(kinds)} entries" if isinstance(kinds, list) else short(kinds)
        fields.refuse("layer_types", f"{counted}: expected a list with one entry for each of the {depth} layers")
    known = ("full_attention", windowed, *others)
    for i, kind in enumerate(kinds):
        if kind not in known:
            fields.refuse(f"layer_types.{i}", f"{short(kind)}: expected {either(map(repr, known))}")
    return [kind == windowed for kind in kinds]
