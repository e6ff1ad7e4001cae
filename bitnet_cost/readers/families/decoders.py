"""Llama and similar models: RMSNorm, rotary positions, gated feed-forward parts, grouped keys and values."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.family import Family
from bitnet_cost.readers.families.fields import field, required, unless
from bitnet_cost.readers.families.patterns import above_max_window_layers, alternating, one_in_pattern

# fmt: off
LLAMA = Family(
    qkv_bias=usual.ATTENTION_BIAS, ffn_bias=usual.MLP_BIAS,
    nested={"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000,
            "intermediate_size": 11008},
)
MISTRAL = Family(kv_heads=usual.KV_HEADS(8), positions=usual.POSITIONS(131072), window=usual.WINDOW(4096))
QWEN2 = Family(
    kv_heads=usual.KV_HEADS(32), positions=usual.POSITIONS(32768), qkv_bias=True, o_bias=False,
    window=usual.WINDOW(4096), window_if=field("use_sliding_window", default=False), windowed=above_max_window_layers,
    layer_types="sliding_attention",
)
QWEN3 = replace(QWEN2, head_dim=usual.HEAD_DIM(128), qkv_bias=usual.ATTENTION_BIAS, o_bias=None, qk_norm="head")
_GEMMA = Family(
    kv_heads=usual.KV_HEADS(16), head_dim=usual.HEAD_DIM(256), positions=usual.POSITIONS(8192),
    qkv_bias=usual.ATTENTION_BIAS, tied=usual.TIED,
    activation="gelu_tanh",  # the first files say "gelu"; the class runs the tanh form all the same
    refuses=("use_bidirectional_attention",),
)
_GEMMA2 = replace(
    _GEMMA, kv_heads=usual.KV_HEADS(4), norms=4, activation=field("hidden_activation", default="gelu_pytorch_tanh"),
    softcap=field("attn_logit_softcapping", default=50.0), logit_softcap=field("final_logit_softcapping", default=30.0),
    window=usual.WINDOW(4096), windowed=alternating, layer_types="sliding_attention",
)

FAMILIES: dict[str, Family] = {
    "llama": LLAMA,
    # MiniCPM is a Llama with scaled activations; its class leaves tying to the library's default of the time
    "minicpm": replace(LLAMA, tied=usual.TIED, refuses=("num_experts",)),
    "mistral": MISTRAL,
    # the first series, in its own code
    "qwen": Family(
        kv_heads=None, head_dim=field("kv_channels", default=128), positions=usual.POSITIONS(8192), fused=True,
        rotary_share=field("rotary_pct", default=1.0), qkv_bias=True, o_bias=unless("no_bias", default=True),
        ffn_bias=unless("no_bias", default=True), ffn_halves=True, activation="silu",
    ),
    "qwen2": QWEN2,
    "qwen3": QWEN3,
    "gemma": _GEMMA,
    "gemma2": _GEMMA2,
    "gemma3_text": replace(
        _GEMMA2, positions=usual.POSITIONS(131072), qk_norm="head", windowed=one_in_pattern,
        softcap=field("attn_logit_softcapping"), logit_softcap=field("final_logit_softcapping"),
        nested={"vocab_size": 262208, "num_attention_heads": 8},
    ),
    "phi3": Family(
        fused=True, positions=usual.POSITIONS(4096), window=usual.WINDOW,
        rotary_share=field("partial_rotary_factor", default=1.0),
    ),
    # in its own code, which has only one activation function, x sigmoid(1.702 x)
    "phi3small": Family(
        kv_heads=usual.KV_HEADS(8), head_dim=None, positions=usual.POSITIONS(8192), fused=True, norm="layernorm",
        qkv_bias=True, ffn_bias=True, ffn_size=required("ff_intermediate_size"), activation="silu", tied=usual.TIED,
        refuses=("ff_dim_multiplier",),
        remark="block-sparse layers are counted with full attention: the cache is exact, scores are exact within the "
        "local blocks (1024 keys in Phi-3-small) and too many beyond, in those layers 4.3 times at 8192; gegelu is "
        "counted as a gated silu, a few elementwise operations less",
    ),
    "cohere": Family(
        positions=usual.POSITIONS(8192), norm="layernorm_no_bias", norms=1, qkv_bias=usual.ATTENTION_BIAS,
        qk_norm="per_head", qk_norm_if=field("use_qk_norm", default=False), tied=usual.TIED,
    ),
    "olmo2": Family(qkv_bias=usual.ATTENTION_BIAS, qk_norm="width"),
    "bitnet": Family(
        kv_heads=usual.KV_HEADS(5), qkv_bias=usual.ATTENTION_BIAS, sub_norm=True, activation=usual.ACTIVATION("relu2"),
    ),
}
# fmt: on

# The published BitNet b1.58 reproductions say "llama" and name a class of their own: a Llama with sub-norms.
ARCHITECTURES: dict[tuple[str, str], Family] = {("llama", "BitnetForCausalLM"): replace(LLAMA, sub_norm=True)}
"""Classes that build something else than their ``model_type`` does, by both names."""
