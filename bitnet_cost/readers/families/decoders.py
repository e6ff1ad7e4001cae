"""Llama and similar models: RMSNorm, rotary positions, gated feed-forward parts, grouped keys and values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.family import Family
from bitnet_cost.readers.families.fields import Fields, field, required, unless
from bitnet_cost.readers.families.patterns import above_max_window_layers, all_but_each, alternating, one_in_pattern


def windowed_alone(otherwise: Callable[[Fields, int], list[bool]]) -> Callable[[Fields, int], list[bool]]:
    """Layers with a window turn positions, those that attend to all do not (Cohere 2, EXAONE 4)."""

    def found(fields: Fields, layers: int) -> list[bool]:
        kinds = fields.data.get("layer_types")
        return [kind != "full_attention" for kind in kinds] if isinstance(kinds, list) else otherwise(fields, layers)

    return found


def no_rope_layers(fields: Fields, layers: int) -> list[bool]:
    """Layers with a 1 in ``no_rope_layers``, or all but each ``no_rope_layer_interval``-th (SmolLM3)."""
    listed = fields.numbers("no_rope_layers")
    if listed is None:
        return all_but_each(4, "no_rope_layer_interval")(fields, layers)
    if len(listed) != layers:
        fields.refuse("no_rope_layers", f"{len(listed)} entries: expected one for each of the {layers} layers")
    return [number == 1 for number in listed]


def one_if_parallel(fields: Fields, heads: int) -> int:
    """Norms of a layer: one where both parts read the same (StableLM)."""
    return 1 if fields.flag(field("use_parallel_residual", default=False)) else 2


def four_if_after(fields: Fields, heads: int) -> int:
    """Norms of a layer: two more where ``use_post_norm`` adds one after each part (HyperCLOVA X)."""
    return 4 if fields.flag(field("use_post_norm", default=True)) else 2


def chatglm_kv_heads(fields: Fields, heads: int) -> int:
    """``multi_query_group_num`` counts where ``multi_query_attention`` is set (ChatGLM)."""
    shared = fields.flag(field("multi_query_attention", default=False))
    return fields.whole(field("multi_query_group_num", default=1)) if shared else heads


def all_but_each_first(period: int) -> Callable[[Fields, int], list[bool]]:
    """All layers but the first of each ``period`` (CWM)."""
    return lambda fields, layers: [i % period > 0 for i in range(layers)]


def norms_in_bitlinear(fields: Fields) -> bool:
    """Whether every replaced layer norms its input: ``use_rms_norm`` of a BitNet quantisation (`BitLinear`)."""
    given = fields.data.get("quantization_config")
    return isinstance(given, dict) and given.get("quant_method") == "bitnet" and given.get("use_rms_norm") is True


# fmt: off
LLAMA = Family(
    linear_norms=norms_in_bitlinear, qkv_bias=usual.ATTENTION_BIAS, ffn_bias=usual.MLP_BIAS,
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
OLMO2 = Family(qkv_bias=usual.ATTENTION_BIAS, qk_norm="width")
GLM = Family(
    kv_heads=usual.KV_HEADS(2), head_dim=usual.HEAD_DIM(128), positions=usual.POSITIONS(131072), o_bias=False,
    qkv_bias=usual.ATTENTION_BIAS(True), rotary_share=field("partial_rotary_factor", default=0.5),
)
_GEMMA = Family(
    kv_heads=usual.KV_HEADS(16), head_dim=usual.HEAD_DIM(256), positions=usual.POSITIONS(8192),
    qkv_bias=usual.ATTENTION_BIAS, tied=usual.TIED,
    activation="gelu_tanh",  # the first files say "gelu"; the class runs the tanh form all the same
    refuses=("use_bidirectional_attention",),
)
GEMMA2 = replace(
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
    "qwen2_vl_text": QWEN2,
    "qwen2_5_vl_text": QWEN2,
    "qwen2_5_omni_text": QWEN2,
    "qwen3": QWEN3,
    "qwen3_vl_text": QWEN3,
    "gemma": _GEMMA,
    "gemma2": GEMMA2,
    "gemma3_text": replace(
        GEMMA2, positions=usual.POSITIONS(131072), qk_norm="head", windowed=one_in_pattern,
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
    "cohere2": Family(
        positions=usual.POSITIONS(8192), norm="layernorm_no_bias", norms=1, qkv_bias=usual.ATTENTION_BIAS,
        tied=usual.TIED, window=usual.WINDOW(4096), windowed=(_THREE := all_but_each(4, "sliding_window_pattern")),
        rotated=windowed_alone(_THREE), layer_types="sliding_attention",
    ),
    "olmo": Family(norm="no_weights", qkv_bias=usual.ATTENTION_BIAS),
    "olmo2": OLMO2,
    "olmo3": replace(
        OLMO2, window=usual.WINDOW(4096), windowed=all_but_each(4), layer_types="sliding_attention",
        positions=usual.POSITIONS(65536),
    ),
    # Granite's multipliers scale activations; they have no parameters
    "granite": LLAMA,
    "smollm3": replace(
        LLAMA, kv_heads=usual.KV_HEADS(4), positions=usual.POSITIONS(32768), tied=usual.TIED, rotated=no_rope_layers,
        window=usual.WINDOW, window_if=field("use_sliding_window", default=False), layer_types="sliding_attention",
    ),
    "stablelm": (stablelm := Family(
        norm="layernorm", norms=one_if_parallel, qkv_bias=field("use_qkv_bias", default=False), o_bias=False,
        positions=usual.POSITIONS(4096), rotary_share=field("partial_rotary_factor", "rope_pct", default=0.25),
        qk_norm="per_head", qk_norm_kind="layernorm_no_bias", qk_norm_if=field("qk_layernorm", default=False),
    )),
    "stablelm_epoch": stablelm,
    "exaone": replace(
        LLAMA, layers=required("num_layers", "num_hidden_layers"), activation=usual.GPT_ACTIVATION("silu"),
    ),
    "exaone4": Family(
        qk_norm="head", rotated=windowed_alone(all_but_each(1)), window=usual.WINDOW(4096), windowed=all_but_each(4),
        layer_types="sliding_attention",
        positions=usual.POSITIONS(2048),
    ),
    "seed_oss": Family(
        kv_heads=usual.KV_HEADS(8), head_dim=usual.HEAD_DIM(128), qkv_bias=usual.ATTENTION_BIAS(True),
        o_bias=field("attention_out_bias", default=False), ffn_bias=usual.MLP_BIAS, positions=usual.POSITIONS(524288),
    ),
    "ministral": replace(MISTRAL, layer_types="sliding_attention"),
    "ministral3": replace(
        MISTRAL, positions=usual.POSITIONS(262144), window=usual.WINDOW, head_dim=usual.HEAD_DIM(128),
    ),
    "apertus": Family(
        gated=False, qk_norm="head", activation=usual.ACTIVATION("xielu"), qkv_bias=usual.ATTENTION_BIAS,
        positions=usual.POSITIONS(65536),
    ),
    "arcee": Family(
        gated=False, activation=usual.ACTIVATION("relu2"), qkv_bias=usual.ATTENTION_BIAS, ffn_bias=usual.MLP_BIAS,
        positions=usual.POSITIONS(4096),
    ),
    "glm": GLM,
    "glm4": replace(GLM, norms=4),
    "glm4v_text": replace(GLM, norms=4, head_dim=usual.HEAD_DIM),
    "glm_ocr_text": replace(GLM, norms=4, head_dim=usual.HEAD_DIM, qkv_bias=usual.ATTENTION_BIAS),
    # Zhipu's own code for ChatGLM2, ChatGLM3 and the first GLM-4
    "chatglm": Family(
        layers=required("num_layers"), vocab_size=required("padded_vocab_size"), kv_heads=chatglm_kv_heads,
        head_dim=field("kv_channels"), ffn_size=required("ffn_hidden_size"),
        positions=field("seq_length", default=2048),
        qkv_bias=field("add_qkv_bias", default=False), o_bias=field("add_bias_linear", default=False),
        ffn_bias=field("add_bias_linear", default=False), rotary_share=field("rotary_percent", default=0.5),
        activation="silu", refuses=("pre_seq_len",),
    ),
    "ernie4_5": (_ERNIE := Family(
        kv_heads=usual.KV_HEADS(2), head_dim=usual.HEAD_DIM(128), qkv_bias=field("use_bias", default=False),
        ffn_bias=field("use_bias", default=False), tied=usual.TIED, positions=usual.POSITIONS(131072),
    )),
    "paddleocr_vl_text": _ERNIE,
    "hunyuan_v1_dense": Family(
        qkv_bias=usual.ATTENTION_BIAS, qk_norm="head", positions=usual.POSITIONS(2048),
    ),
    "nemotron": Family(
        norm="layernorm", gated=False, activation=usual.ACTIVATION("relu2"), qkv_bias=usual.ATTENTION_BIAS,
        ffn_bias=usual.MLP_BIAS, rotary_share=field("partial_rotary_factor", default=0.5),
        positions=usual.POSITIONS(4096),
    ),
    "helium": replace(
        LLAMA, kv_heads=usual.KV_HEADS(20), head_dim=usual.HEAD_DIM(128), positions=usual.POSITIONS(4096), o_bias=False,
    ),
    # in their own code: a Llama with biases, or with q, k and v as one matrix
    "internlm": replace(LLAMA, qkv_bias=field("bias", default=True)),
    "internlm2": replace(LLAMA, qkv_bias=field("bias", default=True), fused=True),
    "internlm3": replace(
        LLAMA, qkv_bias=field("qkv_bias", "attention_bias", default=False), head_dim=usual.HEAD_DIM,
        o_bias=field("bias", "attention_bias", default=False), ffn_bias=field("bias", "mlp_bias", default=False),
    ),
    "mimo": QWEN2,
    "hyperclovax": replace(LLAMA, norms=four_if_after),
    "cwm": replace(
        LLAMA, kv_heads=usual.KV_HEADS(8), window=usual.WINDOW(8192), layer_types="sliding_attention", qkv_bias=False,
        windowed=all_but_each_first(4),
    ),
    "vaultgemma": replace(GEMMA2, norms=2),
    "bitnet": Family(
        kv_heads=usual.KV_HEADS(5), qkv_bias=usual.ATTENTION_BIAS, sub_norm=True, activation=usual.ACTIVATION("relu2"),
    ),
}
# fmt: on

# The published BitNet b1.58 reproductions say "llama" and name a class of their own: a Llama with sub-norms.
ARCHITECTURES: dict[tuple[str, str], Family] = {("llama", "BitnetForCausalLM"): replace(LLAMA, sub_norm=True)}
"""Classes that build something else than their ``model_type`` does, by both names."""
