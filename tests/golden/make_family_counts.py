#!/usr/bin/env python3
# ruff: noqa
# mypy: ignore-errors
"""Count every family's reference class, as published by default and as small odd variants, on the meta device.

    pip install torch transformers
    python make_family_counts.py --out family_counts.json

For each model type: the configuration that the class has by default, and ``--odd`` small ones with options drawn at
random (flags turned, widths, depths, heads and lists of layers changed). Written down are the configuration as
`save_pretrained` writes it, parameters by section, and multiply-accumulates of a prefill and of one decode step (half of
what PyTorch's FlopCounterMode counts, eager attention, experts as tokens times experts per token). What a class refuses
to build or to run is left out. Nothing is downloaded.
"""

import argparse
import copy
import json
import os
import random
import re
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.auto import modeling_auto as auto

MAPS = (
    auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES,
    auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
)
SEQ2SEQ = {
    "bart": "BartForConditionalGeneration",
    "mbart": "MBartForConditionalGeneration",
    "marian": "MarianMTModel",
    "pegasus": "PegasusForConditionalGeneration",
    "blenderbot": "BlenderbotForConditionalGeneration",
    "blenderbot-small": "BlenderbotSmallForConditionalGeneration",
    "plbart": "PLBartForConditionalGeneration",
    "whisper": "WhisperForConditionalGeneration",
    "bert": "BertForMaskedLM",
    "roberta": "RobertaForMaskedLM",
    "xlm-roberta": "XLMRobertaForMaskedLM",
    "electra": "ElectraForMaskedLM",
    "camembert": "CamembertForMaskedLM",
    "data2vec-text": "Data2VecTextForMaskedLM",
    "ernie": "ErnieForMaskedLM",
    "megatron-bert": "MegatronBertForMaskedLM",
}
CLASSES = {
    kind: each[0] if isinstance(each, (tuple, list)) else each for m in reversed(MAPS) for kind, each in m.items()
} | SEQ2SEQ

# What a section's parameters are called, then what the classes are that hold them; the first that fits counts.
NAMES = (
    ("attention", r"relative_attention_bias"),
    ("norm", r"(?i)norm|ln_?[\df]|\bln_f|ln_attn|ln_mlp|\.pre_ln|ln_out"),
    (
        "head",
        r"(^|\.)(lm_head|embed_out|head|decoder\.(weight|bias)$|cls|classifier|score|qa_outputs|vocab_(transform|projector)|generator_|predictions|pooler|pre_classifier|classification_head|discriminator_|project_out|altup_unembed)",
    ),
    (
        "embedding",
        r"embed|wte|wpe|shared\.weight|rel_embeddings|per_layer_model|encoder\.conv|altup_projections|project_in",
    ),
    ("expert", r"\.experts\."),
)
CLASSES_OF = (
    ("recurrent", r"Mamba|Mixer|DeltaNet|Lightning|ShortConv|RecurrentBlock|DeltaAttention|Rwkv.*Attention"),
    ("attention", r"Attention|Attn"),
)


def section(name, model):
    found = next((kind for kind, pattern in NAMES if re.search(pattern, name)), None)
    if found:
        return found
    classes, module = [], model
    for part in name.split(".")[:-1]:
        module = getattr(module, part)
        if not type(module).__name__.endswith("DecoderLayer"):
            classes.append(type(module).__name__)
    return next(
        (kind for kind, pattern in CLASSES_OF if any(re.search(pattern, c) for c in classes[1:])), "feed_forward"
    )


NUMBERS = {
    "hidden_size": (48, 64),
    "n_embd": (48,),
    "d_model": (48,),
    "dim": (48,),
    "num_hidden_layers": (5, 8),
    "n_layer": (5,),
    "n_layers": (5,),
    "num_layers": (5,),
    "num_decoder_layers": (4,),
    "encoder_layers": (3,),
    "decoder_layers": (4,),
    "num_attention_heads": (4, 8),
    "n_head": (4,),
    "n_heads": (4,),
    "num_heads": (4, 8),
    "encoder_attention_heads": (4,),
    "decoder_attention_heads": (8,),
    "num_key_value_heads": (2, 4),
    "head_dim": (12, 16),
    "d_kv": (12,),
    "intermediate_size": (80, 96),
    "n_inner": (80,),
    "hidden_dim": (80,),
    "d_ff": (80,),
    "ffn_dim": (80,),
    "encoder_ffn_dim": (80,),
    "decoder_ffn_dim": (64,),
    "ffn_hidden_size": (96,),
    "moe_intermediate_size": (28, 32),
    "shared_expert_intermediate_size": (36,),
    "shared_intermediate_size": (36,),
    "moe_shared_expert_intermediate_size": (36,),
    "intermediate_size_mlp": (72,),
    "num_experts": (8, 6),
    "num_local_experts": (8,),
    "n_routed_experts": (8,),
    "moe_num_experts": (8,),
    "num_experts_per_tok": (2, 3),
    "moe_k": (3,),
    "num_experts_per_token": (3,),
    "top_k_experts": (2,),
    "n_group": (1,),
    "topk_group": (1,),
    "num_expert_group": (1,),
    "kv_lora_rank": (16,),
    "q_lora_rank": (18,),
    "qk_nope_head_dim": (12,),
    "qk_rope_head_dim": (8,),
    "v_head_dim": (10,),
    "sliding_window": (16, 700),
    "vocab_size": (211, 256),
    "max_position_embeddings": (1024,),
    "n_positions": (1024,),
    "max_seq_len": (1024,),
    "linear_num_key_heads": (2,),
    "linear_num_value_heads": (4,),
    "linear_key_head_dim": (8,),
    "linear_value_head_dim": (12,),
    "linear_num_heads": (4,),
    "linear_head_dim": (8,),
    "mamba_n_heads": (8,),
    "mamba_d_head": (12, 16),
    "mamba_d_state": (8,),
    "mamba_d_ssm": (96,),
    "mamba_num_heads": (8,),
    "mamba_head_dim": (12,),
    "ssm_state_size": (8,),
    "n_groups": (2,),
    "mamba_n_groups": (1, 2),
    "mamba_dt_rank": (5,),
    "state_size": (8,),
    "time_step_rank": (3,),
    "lru_width": (64, 48),
    "embedding_size": (24, 48),
    "type_vocab_size": (1, 2, 3),
    "index_n_heads": (2,),
    "index_head_dim": (16,),
    "index_topk": (64,),
    "moe_latent_size": (20,),
    "hidden_size_per_layer_input": (8, 0),
    "vocab_size_per_layer_input": (99,),
    "num_kv_shared_layers": (2, 0),
    "laurel_rank": (4,),
    "altup_num_inputs": (3,),
    "global_head_dim": (24,),
    "num_global_key_value_heads": (1,),
    "rotary_dim": (8,),
    "first_k_dense_replace": (1, 0),
    "num_dense_layers": (1,),
    "n_shared_experts": (1, 2),
    "num_shared_experts": (1, 2),
    "moe_num_shared_experts": (1, 2),
    "attn_layer_period": (3,),
    "attn_layer_offset": (1,),
    "window_size": (32,),
    "position_buckets": (16,),
    "max_relative_positions": (20,),
    "relative_attention_num_buckets": (16,),
    "num_mel_bins": (20,),
    "max_source_positions": (60,),
    "max_target_positions": (1024,),
    "conv_L_cache": (3, 4),
    "full_attention_interval": (3,),
    "num_hidden_groups": (1, 2),
    "word_embed_proj_dim": (24,),
    "expand": (2,),
    "attention_hidden_size": (64,),
}
KEPT = {
    "tie_word_embeddings", "attention_bias", "mlp_bias", "use_bias", "bias", "use_qk_norm", "qk_layernorm", "use_qkv_bias", "use_parallel_residual",
    "attn_output_gate", "attention_k_eq_v", "enable_moe_block", "use_double_wide_mlp", "attention_out_bias", "lm_head_bias", "mamba_proj_bias", "mamba_conv_bias",
    "mamba_rms_norm", "projectors_bias", "conv_bias", "use_conv_bias", "relative_attention", "share_att_key", "position_biased_input", "is_gated_act", "parallel_attn", "multi_query",
    "new_decoder_architecture", "alibi", "do_layer_norm_before", "qkv_bias", "enable_bias", "use_sliding_window", "moe", "norm_bias", "classifier_bias", "decoder_bias", "use_post_norm",
}  # fmt: skip
LISTED = (
    "layer_types",
    "no_rope_layers",
    "mlp_layer_types",
    "indexer_types",
    "layers_block_type",
    "attention_layers",
    "full_attn_idxs",
    "block_types",
    "hybrid_layer_ids",
    "per_layer_config",
    "activation_sparsity_pattern",
    "moe_layers",
)
SHAPES = ("qk_head_dim", "hybrid_override_pattern")


def odd(kind, draw):
    """A small configuration of a class with options drawn at random."""
    cls = transformers.CONFIG_MAPPING[kind]
    full = cls().to_dict()
    wanted = {}
    for name, value in full.items():
        if name in NUMBERS and (isinstance(value, int) or value is None) and not isinstance(value, bool):
            if value is not None or draw.random() < 0.3:
                wanted[name] = draw.choice(NUMBERS[name])
        elif name in KEPT and isinstance(value, bool) and draw.random() < 0.35:
            wanted[name] = not value
    if full.get("pad_token_id"):
        wanted["pad_token_id"] = 0
    depth = next((wanted[n] for n in ("num_hidden_layers", "n_layer", "n_layers", "num_layers") if n in wanted), None)
    for name in ("layer_types", "layers_block_type", "mlp_layer_types"):
        kinds = sorted(set(full.get(name) or ()))
        if kinds and depth and draw.random() < 0.6:
            wanted[name] = [draw.choice(kinds) for _ in range(depth)]
            if name == "layer_types" and "full_attention" in kinds:
                wanted[name][-1] = "full_attention"
    if kind.startswith("deberta"):
        wanted["pos_att_type"] = draw.choice(([], ["c2p"], ["p2c"], ["p2c", "c2p"]))
        wanted["norm_rel_ebd"] = draw.choice(("none", "layer_norm"))
    if kind in ("t5", "mt5", "umt5"):
        wanted.pop("is_gated_act", None)
        wanted["feed_forward_proj"] = draw.choice(("relu", "gated-gelu", "gated-silu"))
    if kind == "nemotron_h":
        wanted["layers_block_type"] = [
            draw.choice(("linear_attention", "moe", "full_attention", "mlp")) for _ in range(6)
        ]
    heads = wanted.get("num_attention_heads")
    if heads and wanted.get("num_key_value_heads") and "kv_lora_rank" in wanted:
        wanted["num_key_value_heads"] = heads
    return wanted


def build(kind, wanted, device="meta"):
    kind, _, other = kind.partition(":")
    config = transformers.CONFIG_MAPPING[kind](**copy.deepcopy(wanted))
    name = other or CLASSES[kind]
    config.architectures = [name]
    for each in (config, getattr(config, "text_config", None)):
        if each is not None:
            each._attn_implementation = "eager"
            each._experts_implementation = "batched_mm"
    with torch.device(device):
        model = getattr(transformers, name)._from_config(config, attn_implementation="eager")
    if getattr(model, "_can_set_experts_implementation", lambda: False)():
        model.set_experts_implementation("batched_mm")
    model.tie_weights()
    return model.eval(), config, name


def parameters(model):
    found, kinds = {}, {}
    for name, p in model.named_parameters(remove_duplicate=False):
        kinds.setdefault(id(p), (p, set()))[1].add(section(name, model))
    for p, names in kinds.values():  # a tied table is the embedding's
        kind = "embedding" if "embedding" in names else names.pop()
        found[kind] = found.get(kind, 0) + p.numel()
    return found


def macs(model, config, kind, step):
    """Half the FLOPs of a prefill of 512 tokens, or of one token after 511."""
    vocabulary = getattr(config, "vocab_size", None) or config.text_config.vocab_size
    device = next(model.parameters()).device
    ids = torch.ones(1, 512, dtype=torch.long, device=device)
    given = {"input_ids": ids}
    if config.is_encoder_decoder:
        given["decoder_input_ids"] = ids
        if kind.startswith("whisper"):
            given = {
                "input_features": torch.zeros(1, config.num_mel_bins, 2 * config.max_source_positions, device=device),
                "decoder_input_ids": ids,
            }
    with torch.no_grad():
        if step:
            first = model(**{k: v[:, :511] if v is ids else v for k, v in given.items()}, use_cache=True)
            cache = {k: first[k] for k in ("past_key_values", "cache_params") if first.get(k) is not None}
            if not cache:
                return None
            given = {"input_ids": ids[:, :1]}
            if config.is_encoder_decoder:
                given = {"decoder_input_ids": ids[:, :1], "encoder_outputs": (first["encoder_last_hidden_state"],)}
            given |= cache
        counter = FlopCounterMode(display=False)
        with counter:
            model(**given)
    return counter.get_total_flops() // 2


# classes that run every expert on every token, which no server does
ALL_EXPERTS = {"llama4_text"}


# fields that change no shape, which would triple the file
LEFT_OUT = frozenset((
    "_name_or_path", "bos_token_id", "eos_token_id", "pad_token_id", "initializer_range", "label2id", "rope_theta",
    "dropout", "attention_dropout", "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "use_cache",
    "decoder_start_token_id", "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens", "router_aux_loss_coef",
    "resid_pdrop", "embd_pdrop", "attn_pdrop", "hidden_dropout", "time_step_limit", "initializer_factor", "init_std",
    "scale_embedding", "transformers_version", "dtype", "_attn_implementation", "_experts_implementation",
    "_attn_implementation_autoset",
))  # fmt: skip


def measured(kind, wanted):
    model, config, name = build(kind, wanted)
    saved = json.loads(json.dumps(config.to_diff_dict(), default=str))
    saved |= {"model_type": config.model_type, "architectures": [name]}
    saved = {name: value for name, value in saved.items() if name not in LEFT_OUT}
    found = {"config": saved, "parameters": parameters(model)}
    for key, step in (("prefill", False), ("decode", True)):
        try:
            found[key] = None if kind in ALL_EXPERTS else macs(model, config, kind, step)
        except Exception as error:  # a class that needs numbers, or whose cache is of another form
            try:
                if sum(found["parameters"].values()) > 5e6:
                    raise
                found[key] = macs(build(kind, wanted, "cpu")[0], config, kind, step)
            except Exception as error:
                found[key] = None
                print(f"  {kind} {key}: {type(error).__name__}: {str(error)[:100]}", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help="model types, or TYPE:CLASS; all that have a language model")
    parser.add_argument("--odd", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-default", action="store_true")
    parser.add_argument("--out", default="family_counts.json")
    arguments = parser.parse_args()
    models = {}
    for kind in arguments.kinds or sorted(CLASSES):
        draw = random.Random(f"{kind}{arguments.seed}")
        wanted = [] if arguments.no_default else [{}]
        for i in range(12 * arguments.odd):
            wanted.append(odd(kind, draw) if kind in transformers.CONFIG_MAPPING else {})
        done = 0
        for i, each in enumerate(wanted):
            if done > arguments.odd - arguments.no_default or ":" in kind and done:
                break
            name = kind if not each else f"{kind}-odd{done}"
            try:
                models[name] = measured(kind, each)
                done += 1
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                if i == 0 or os.environ.get("VERBOSE"):
                    print(f"FAILED {name}: {type(error).__name__}: {str(error)[:120]}", file=sys.stderr, flush=True)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(model)}" for name, model in models.items())
    with open(arguments.out, "w") as file:
        file.write(f'{{\n "versions": {json.dumps(versions)},\n "models": {{\n{lines}\n }}\n}}\n')


if __name__ == "__main__":
    main()
