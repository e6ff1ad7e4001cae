"""GPT-2 and similar models: LayerNorm, no gates, biases; learned, ALiBi or rotary positions."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.family import Family
from bitnet_cost.readers.families.fields import Fields, field, required, short

_MULTI_QUERY = field("multi_query", default=True)
_NEW_DECODER = field("new_decoder_architecture", default=False)


def multi_query(fields: Fields, heads: int) -> int:
    """One key-value head unless ``multi_query`` is false (GPT-BigCode)."""
    return 1 if fields.flag(_MULTI_QUERY) else heads


def falcon_kv_heads(fields: Fields, heads: int) -> int:
    """``num_kv_heads`` counts in the new decoder and without ``multi_query`` only; else one head is shared."""
    own = fields.optional(field("num_kv_heads", "n_head_kv")) or heads
    return own if fields.flag(_NEW_DECODER) or not fields.flag(_MULTI_QUERY) else 1


def falcon_norms(fields: Fields, heads: int) -> int:
    """Sequential: two norms. Parallel: one shared norm; the new decoder has one each, unless told otherwise."""
    own = fields.optional(field("num_ln_in_parallel_attn"), most=2)
    new, parallel = fields.flag(_NEW_DECODER), fields.flag(field("parallel_attn", default=True))
    if new and not parallel:
        fields.refuse("parallel_attn", "false contradicts new_decoder_architecture, whose parts run in parallel")
    if own == 2 and not new:
        fields.refuse("num_ln_in_parallel_attn", "2 needs new_decoder_architecture")
    return own or (1 if parallel and not new else 2)


def opt_final_norm(fields: Fields, layers: int) -> bool:
    """A final norm follows pre-norm layers only, and old checkpoints leave it out."""
    before = fields.flag(field("do_layer_norm_before", default=True))
    return before and not fields.flag(field("_remove_final_layer_norm", default=False))


def local_layers(fields: Fields, layers: int) -> list[bool]:
    """Layers that attend locally: every other one, or as ``attention_layers`` or ``attention_types`` say (GPT-Neo)."""
    listed = fields.data.get("attention_layers")
    if listed is None:
        types = fields.data.get("attention_types")
        if types is None:
            return [i % 2 == 1 for i in range(layers)]
        try:
            listed = [kind for kinds, times in types for _ in range(min(int(times), layers)) for kind in kinds]
        except (TypeError, ValueError):
            fields.refuse("attention_types", f"{short(types)}: expected a list of [[kinds], times]")
    if not isinstance(listed, list) or len(listed) != layers or any(k not in ("global", "local") for k in listed):
        fields.refuse(
            "attention_layers", f"{short(listed)}: expected 'global' or 'local' for each of the {layers} layers"
        )
    return [kind == "local" for kind in listed]


def mpt_kv_heads(fields: Fields, heads: int) -> int:
    """All heads; what else ``attn_config`` may say builds parts that are not known here (MPT)."""
    given = fields.data.get("attn_config")
    for name, usual_value in (("alibi", True), ("qk_ln", False), ("kv_n_heads", heads)):
        if isinstance(given, dict) and given.get(name, usual_value) not in (usual_value, None):
            fields.refuse(f"attn_config.{name}", f"{short(given[name])}: builds parts that are not known here")
    return heads


_N_LAYER, _N_HEAD = required("n_layer", "num_hidden_layers"), required("n_head", "num_attention_heads")
_BIAS, _USE_BIAS = field("bias", default=False), field("use_bias", default=True)
_ENABLE_BIAS = field("enable_bias", default=True)

# fmt: off
GPT = Family(kv_heads=None, head_dim=None, norm="layernorm", gated=False, qkv_bias=True, ffn_bias=True, tied=usual.TIED)
_GPT2 = replace(
    GPT, hidden_size=required("n_embd", "hidden_size"), layers=_N_LAYER, heads=_N_HEAD,
    positions=field("n_positions", "max_position_embeddings", default=1024), position_table=0, rotary=False, fused=True,
    ffn_size=field("n_inner"), activation=usual.GPT_ACTIVATION, refuses=("add_cross_attention",),
)
_PHI = replace(
    GPT, kv_heads=usual.KV_HEADS, head_dim=usual.HEAD_DIM, norms=1, head_bias=True, tied=usual.UNTIED, qk_norm="head",
    qk_norm_if=field("qk_layernorm", default=False), activation=usual.ACTIVATION("gelu_new"),
    rotary_share=field("partial_rotary_factor", default=0.5),
)
_FALCON = replace(
    GPT, layers=required("num_hidden_layers", "n_layer"), heads=required("num_attention_heads", "n_head"),
    hidden_size=required("hidden_size", "n_embed"), kv_heads=falcon_kv_heads, norms=falcon_norms,
    alibi=field("alibi", default=False), fused=True, repeated_cache=_NEW_DECODER, qkv_bias=_BIAS, ffn_bias=_BIAS,
    ffn_size=field("ffn_hidden_size"), activation=field("activation", default="gelu"),
)

FAMILIES: dict[str, Family] = {
    "gpt2": _GPT2,
    "gpt_bigcode": replace(_GPT2, kv_heads=multi_query, activation=usual.GPT_ACTIVATION("gelu_pytorch_tanh")),
    "gpt_neox": replace(
        GPT, fused=True, qkv_bias=usual.ATTENTION_BIAS(True), activation=usual.ACTIVATION("gelu"), tied=usual.UNTIED,
        rotary_share=field("rotary_pct", "partial_rotary_factor", default=0.25),
    ),
    "opt": replace(
        GPT, position_table=2, rotary=False, embedding_width=field("word_embed_proj_dim"),
        norm_weights=field("layer_norm_elementwise_affine", default=True), final_norm=opt_final_norm,
        qkv_bias=_ENABLE_BIAS, ffn_bias=_ENABLE_BIAS, ffn_size=required("ffn_dim"),
        activation=usual.GPT_ACTIVATION("relu"),
    ),
    "bloom": replace(
        GPT, hidden_size=required("hidden_size", "n_embed"), layers=_N_LAYER, heads=_N_HEAD,
        positions=field("seq_length", default=2048), embedding_norm=True, rotary=False, alibi=True, fused=True,
        ffn_size=None, activation="gelu_tanh",
    ),
    "falcon": _FALCON,
    # the forms in which TII's own code wrote Falcon-7B and the RW models, and Falcon-40B
    "RefinedWebModel": replace(_FALCON, assumed={"multi_query": False, "parallel_attn": False}),
    "RefinedWeb": replace(_FALCON, assumed={"multi_query": False, "new_decoder_architecture": True}),
    "phi": _PHI,
    # the form in which Microsoft's own code for Phi-1.5 and Phi-2 wrote its files
    "phi-msft": replace(
        _PHI, hidden_size=required("n_embd"), layers=required("n_layer"), heads=required("n_head"),
        kv_heads=field("n_head_kv"), head_dim=None, positions=field("n_positions", default=2048),
        ffn_size=field("n_inner"), activation=usual.GPT_ACTIVATION, rotary_share=None,
        rotary_dim=field("rotary_dim", default=32),
    ),
    "gptj": (_GPTJ := replace(
        _GPT2, position_table=None, rotary=True, rotary_dim=field("rotary_dim", default=64), norms=1, qkv_bias=False,
        fused=False, head_bias=True, tied=usual.UNTIED, positions=field("n_positions", default=2048),
    )),
    "codegen": replace(_GPTJ, fused=True),
    "gpt_neo": replace(
        GPT, layers=required("num_layers", "num_hidden_layers"), heads=required("num_heads", "num_attention_heads"),
        position_table=0, rotary=False, qkv_bias=False, o_bias=True, ffn_size=field("intermediate_size"),
        activation=usual.GPT_ACTIVATION, window=field("window_size", default=256), windowed=local_layers,
    ),
    "mpt": replace(
        GPT, hidden_size=required("d_model", "hidden_size"), layers=required("n_layers", "num_hidden_layers"),
        heads=required("n_heads", "num_attention_heads"), positions=field("max_seq_len", default=2048), alibi=True,
        fused=True, norm="layernorm_no_bias", qkv_bias=False, ffn_bias=False, ffn_size=None, activation="gelu",
        refuses=("ffn_config",), kv_heads=mpt_kv_heads,
    ),
    "openai-gpt": replace(
        _GPT2, final_norm=False, positions=field("n_positions", default=512),
        activation=field("afn", default="gelu_new"),
    ),
    "biogpt": replace(
        GPT, rotary=False, position_table=2, positions=usual.POSITIONS(1024), activation=usual.ACTIVATION("gelu"),
    ),
    "xglm": replace(
        GPT, hidden_size=required("d_model"), layers=required("num_layers"), heads=required("attention_heads"),
        rotary=False, ffn_size=required("ffn_dim"), activation=usual.GPT_ACTIVATION("gelu"),
    ),
    "persimmon": replace(
        GPT, kv_heads=None, fused=True, qk_norm="head", qk_norm_if=field("qk_layernorm", default=True),
        positions=usual.POSITIONS(16384), activation=usual.ACTIVATION("relu2"), tied=usual.UNTIED,
        rotary_share=field("partial_rotary_factor", default=0.5),
    ),
    "starcoder2": replace(
        GPT, kv_heads=usual.KV_HEADS(2), head_dim=usual.HEAD_DIM, positions=usual.POSITIONS(4096), qkv_bias=_USE_BIAS,
        ffn_bias=_USE_BIAS, activation=usual.ACTIVATION("gelu_pytorch_tanh"), window=usual.WINDOW,
    ),
}
# fmt: on
