"""Gemma 3n and Gemma 4: layers that share keys and values, inputs of their own for each layer, wider heads in some."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from bitnet_cost.inputs.architecture import AltUp, FeedForward, Layer, PerLayerInput
from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.decoders import GEMMA2
from bitnet_cost.readers.families.family import Experts, Family
from bitnet_cost.readers.families.fields import Fields, field, short
from bitnet_cost.readers.families.parts import attention, dense, experts, windows
from bitnet_cost.readers.families.patterns import all_but_each

_SHARED_LAYERS = field("num_kv_shared_layers", default=0)


def per_layer_input(fields: Fields) -> PerLayerInput | None:
    """Embeddings that each layer has for itself, if their width is not 0."""
    width = fields.whole(field("hidden_size_per_layer_input", default=256), least=0)
    rows = fields.whole(field("vocab_size_per_layer_input", default=262144), most=10**9)
    return PerLayerInput(width=width, vocab_size=rows) if width else None


def altup(fields: Fields) -> AltUp:
    """Parallel streams and the low-rank residual (Gemma 3n)."""
    return AltUp(
        streams=fields.whole(field("altup_num_inputs", default=4), least=2, most=64),
        rank=fields.whole(field("laurel_rank", default=64)),
    )


def layers_of_gemma4(family: Family, fields: Fields, hidden: int, depth: int) -> list[Layer]:
    """Layers with a window and without, which differ in heads; the last ones may reuse keys and values."""
    window, windowed = windows(family, fields, depth)
    near = attention(family, fields, hidden, fields.whole(family.heads), False).model_copy(update={"v_norm": True})
    far = near.model_copy(update=_wide_heads(fields, windowed, near.heads))
    plain = dense(family, fields, hidden)
    double = fields.flag(field("use_double_wide_mlp", default=False))
    routed = fields.flag(field("enable_moe_block", default=False))
    moe = experts(family.experts, fields, plain) if routed and family.experts else None
    own = depth - fields.whole(_SHARED_LAYERS, least=0, most=depth - 1)
    norms = 4 + 3 * routed + bool(per_layer_input(fields))
    found = []
    for (slides, reuses), count in Counter((slides, i >= own) for i, slides in enumerate(windowed)).items():
        changes: dict[str, Any] = {"cache_of_another": reuses}
        mixer = (near if slides else far).model_copy(update=changes | ({"window": window} if slides else {}))
        ffn = plain.model_copy(update={"size": 2 * plain.size}) if double and reuses else plain
        found.append(Layer(repeat=count, attention=mixer, ffn=None if moe else ffn, moe=moe, norms=norms))
    return found


def _wide_heads(fields: Fields, windowed: list[bool], heads: int) -> dict[str, Any]:
    """What layers without a window have of their own: width of a head, key-value heads, values that are the keys."""
    given = fields.data.get("per_layer_config")
    first = f"{windowed.index(False):02d}" if False in windowed else ""
    listed = given.get(first, given.get(first.lstrip("0"))) if isinstance(given, dict) else None
    if listed is not None and not isinstance(listed, dict):
        fields.refuse(f"per_layer_config.{first}", f"{short(listed)}: expected an object")
    inner = Fields(listed, fields.file, fields.model_type, {}, fields.known) if listed else fields
    width = inner.whole(field("head_dim") if listed else field("global_head_dim", default=512))
    same = fields.flag(field("attention_k_eq_v", default=False))
    kv_heads = (
        inner.optional(usual.KV_HEADS if listed else field("num_global_key_value_heads")) if same or listed else None
    )
    groups = fields.data.get("rope_parameters")
    full = groups.get("full_attention") if isinstance(groups, dict) else None
    turned = full if isinstance(full, dict) else {"partial_rotary_factor": 0.25}
    rope = Fields(turned, fields.file, fields.model_type, {}, fields.known)
    share = rope.share(field("partial_rotary_factor", default=1.0))
    changes: dict[str, Any] = {"head_dim": width, "value_is_key": same, "rotary_dim": int(width * share)}
    return changes | ({"kv_heads": kv_heads} if kv_heads and heads % kv_heads == 0 else {})


def layers_of_gemma3n(family: Family, fields: Fields, hidden: int, depth: int) -> list[Layer]:
    """Layers with a window and without; the last ones reuse keys and values, and widths may differ."""
    window, windowed = windows(family, fields, depth)
    mixer = attention(family, fields, hidden, fields.whole(family.heads), False).model_copy(update={"v_norm": True})
    sizes = fields.data.get("intermediate_size")
    listed = fields.numbers("intermediate_size") if isinstance(sizes, list) else None
    if listed is not None and len(listed) != depth:
        fields.refuse("intermediate_size", f"{len(listed)} entries: expected one for each of the {depth} layers")
    widths = listed or [fields.whole(usual.FFN_SIZE)] * depth
    own = depth - fields.whole(_SHARED_LAYERS(15), least=0, most=depth - 1)
    kinds = Counter((slides, i >= own, size) for i, (slides, size) in enumerate(zip(windowed, widths, strict=True)))
    form = fields.activation(family.activation)
    return [
        Layer(
            repeat=count,
            attention=mixer.model_copy(update={"cache_of_another": reuses} | ({"window": window} if slides else {})),
            ffn=FeedForward(size=size, gated=True, activation=form),
            norms=5,
        )
        for (slides, reuses, size), count in kinds.items()
    ]


# fmt: off
_GEMMA4 = replace(
    GEMMA2, head_dim=usual.HEAD_DIM(256), positions=usual.POSITIONS(131072), qk_norm="head", window=usual.WINDOW(512),
    softcap=None, logit_softcap=field("final_logit_softcapping"), windowed=all_but_each(6), refuses=(),
    blocks=layers_of_gemma4, per_layer=per_layer_input,
    experts=Experts(
        count=field("num_experts", default=128), per_token=field("top_k_experts", "num_experts_per_tok", default=8),
        beside_dense=True, scales=True,
    ),
)
FAMILIES: dict[str, Family] = {
    "gemma4_text": _GEMMA4,
    "gemma3n_text": replace(
        _GEMMA4, kv_heads=usual.KV_HEADS(2), positions=usual.POSITIONS(32768), windowed=all_but_each(5),
        logit_softcap=field("final_logit_softcapping", default=30.0), blocks=layers_of_gemma3n, experts=None,
        altup=altup,
    ),
}
# fmt: on
