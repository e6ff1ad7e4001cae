"""State spaces: Mamba, Mamba 2, and Nemotron-H, which mixes Mamba 2 with attention."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from bitnet_cost.inputs.architecture import MOST_LAYERS, Layer, StateSpace
from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.family import Experts, Family
from bitnet_cost.readers.families.fields import Field, Fields, field, required, short
from bitnet_cost.readers.families.parts import attention, dense, experts

_BLOCKS = {
    "mamba": "M", "linear_attention": "M", "attention": "*", "full_attention": "*", "mlp": "-", "moe": "E",
}  # fmt: skip


def selective(fields: Fields, hidden: int, prefix: str = "", **more: Any) -> StateSpace:
    """A block of Mamba; beside attention its fields have a prefix, and the state and taps other names."""
    state, taps = ("mamba_d_state", "mamba_d_conv") if prefix else ("state_size", "conv_kernel")
    expand = fields.whole(field(f"{prefix}expand", default=2))
    bias = field("mamba_proj_bias", default=False) if prefix else field("use_bias", default=False)
    name, rank = fields.value(field("mamba_dt_rank" if prefix else "time_step_rank", default="auto"))
    rank = math.ceil(hidden / 16) if rank == "auto" else fields.whole(field(name))
    return StateSpace(
        inner_size=(None if prefix else fields.optional(field("intermediate_size"))) or expand * hidden,
        state_size=fields.whole(field(state, default=16)),
        conv_kernel=fields.whole(field(taps, default=4), most=1024),
        dt_rank=rank,
        bias=fields.flag(bias),
        conv_bias=fields.flag(field("mamba_conv_bias" if prefix else "use_conv_bias", default=True)),
        **more,
    )


def _mamba(family: Family, fields: Fields, hidden: int, depth: int) -> list[Layer]:
    return [Layer(repeat=depth, state_space=selective(fields, hidden), norms=1)]


def _normed(family: Family, fields: Fields, hidden: int, depth: int) -> list[Layer]:
    """Mamba with norms without weights on the step size, B and C (Falcon-Mamba)."""
    return [Layer(repeat=depth, state_space=selective(fields, hidden, small_norms="no_weights"), norms=1)]


def heads_of_mamba2(fields: Fields, inner: int, *, gate_norm: bool = True) -> StateSpace:
    """A block of Mamba-2 beside attention, where ``mamba_d_head`` times ``mamba_n_heads`` make its width."""
    heads = fields.whole(field("mamba_n_heads", default=128))
    groups = fields.whole(field("mamba_n_groups", default=1))
    if inner % heads or heads % groups:
        fields.refuse(
            "mamba_n_heads", f"{heads} does not divide the width {inner}, or its groups {groups} not the heads"
        )
    return StateSpace(
        inner_size=inner,
        state_size=fields.whole(field("mamba_d_state", default=256)),
        conv_kernel=fields.whole(field("mamba_d_conv", default=4), most=1024),
        heads=heads,
        groups=groups,
        chunk=fields.whole(field("mamba_chunk_size", default=256)),
        bias=fields.flag(field("mamba_proj_bias", default=False)),
        conv_bias=fields.flag(field("mamba_conv_bias", default=True)),
        gate_norm=gate_norm,
    )


def _mamba2(family: Family, fields: Fields, hidden: int, depth: int) -> list[Layer]:
    heads, head_dim = fields.whole(family.heads), fields.whole(usual.HEAD_DIM(64))
    inner = fields.whole(field("expand", default=2)) * hidden
    if heads * head_dim != inner:
        fields.refuse("num_heads", f"{heads} heads of head_dim {head_dim} do not make expand x hidden_size, {inner}")
    block = _heads(fields, family.heads, heads, inner, "n_groups", state="state_size", chunk=256)
    return [Layer(repeat=depth, state_space=block, norms=1)]


def _heads(
    fields: Fields, count: Field, heads: int, inner: int, *groups_names: str, state: str, chunk: int
) -> StateSpace:
    """A block of Mamba 2, whose state is divided among heads."""
    groups = fields.whole(field(*groups_names, default=8))
    if heads % groups:
        fields.refuse("n_groups", f"{groups} does not divide {count.names[0]} {heads}")
    return StateSpace(
        inner_size=inner,
        state_size=fields.whole(field(state, default=128)),
        conv_kernel=fields.whole(field("conv_kernel", default=4), most=1024),
        heads=heads,
        groups=groups,
        chunk=fields.whole(field("chunk_size", default=chunk)),
        bias=fields.flag(field("use_bias", default=False)),
        conv_bias=fields.flag(field("use_conv_bias", default=True)),
    )


def _hybrid(family: Family, fields: Fields, hidden: int, depth: int) -> list[Layer]:
    """Blocks of one part each, after the file's pattern; a feed-forward block joins the mixer before it.

    Beside attention Mamba's names have a prefix, and its heads alone make the width.
    """
    _, blocks = _pattern(fields)
    mixers: list[str] = []
    for block in blocks:
        if block in "M*":
            mixers.append(block)
        elif not mixers or len(mixers[-1]) == 2:
            mixers.append(f" {block}")  # a feed-forward block that follows another is a layer of its own
        else:
            mixers[-1] += block
    mixer = attention(family, fields, hidden, fields.whole(family.heads), False) if "*" in blocks else None
    space = None
    if "M" in blocks:
        count = required("mamba_num_heads")
        heads = fields.whole(count)
        inner = heads * fields.whole(field("mamba_head_dim", default=64))
        space = _heads(fields, count, heads, inner, "n_groups", "mamba_n_groups", state="ssm_state_size", chunk=128)
    plain = dense(family, fields, hidden)
    moe = experts(family.experts, fields, plain) if family.experts and "E" in blocks else None
    return [
        Layer(
            repeat=count,
            attention=mixer if kind[0] == "*" else None,
            state_space=space if kind[0] == "M" else None,
            ffn=plain if kind[1:] == "-" else None,
            moe=moe if kind[1:] == "E" else None,
            norms=len(kind.strip()),
        )
        for kind, count in Counter(mixers).items()
    ]


def _number_of_blocks(fields: Fields) -> int:
    """The file lists its blocks, and a number beside the list must agree."""
    name, blocks = _pattern(fields)
    number = fields.optional(field("num_hidden_layers"), most=MOST_LAYERS)
    if number not in (None, len(blocks)):
        fields.refuse(name, f"{len(blocks)} blocks contradict num_hidden_layers {number}")
    return len(blocks)


def _pattern(fields: Fields) -> tuple[str, str]:
    """The field that names the blocks, and the blocks as letters: M Mamba, * attention, - dense, E experts."""
    listed = fields.data.get("layers_block_type")
    if listed is not None:
        if not isinstance(listed, list) or len(listed) > MOST_LAYERS:
            fields.refuse("layers_block_type", f"{short(listed)}: expected a list of block types")
        for i, kind in enumerate(listed):
            if not isinstance(kind, str) or kind not in _BLOCKS:
                fields.refuse(f"layers_block_type.{i}", f"{short(kind)}: expected one of {', '.join(_BLOCKS)}")
        return "layers_block_type", "".join(_BLOCKS[kind] for kind in listed)
    name, pattern = fields.value(required("hybrid_override_pattern"))
    if not isinstance(pattern, str) or len(pattern) > MOST_LAYERS or not set(pattern) <= set("M*-E"):
        fields.refuse(name, f"{short(pattern)}: expected a text of M, *, - and E")
    return name, pattern


# fmt: off
FAMILIES: dict[str, Family] = {
    "mamba": Family(blocks=_mamba, positions=usual.POSITIONS(None), rotary=False, tied=usual.TIED),
    "falcon_mamba": Family(blocks=_normed, positions=usual.POSITIONS(None), rotary=False, tied=usual.TIED),
    "mamba2": Family(blocks=_mamba2, positions=usual.POSITIONS(None), rotary=False, heads=required("num_heads")),
    # a Mamba block and a feed-forward block, each with its norm, are one layer here
    "nemotron_h": Family(
        blocks=_hybrid, layers=_number_of_blocks, positions=usual.POSITIONS(4096), kv_heads=usual.KV_HEADS(8),
        head_dim=usual.HEAD_DIM(128), rotary=False, gated=False, activation=field("mlp_hidden_act", default="relu2"),
        ffn_bias=usual.MLP_BIAS,
        experts=Experts(
            count=field("n_routed_experts", "num_local_experts", default=8), per_token=usual.PER_TOKEN(2), gated=False,
            shared_size=required("moe_shared_expert_intermediate_size"), latent=field("moe_latent_size"),
        ),
        refuses=("attention_bias", "mamba_proj_bias"),
    ),
}
# fmt: on
