#!/usr/bin/env python3
# ruff: noqa
# mypy: ignore-errors
"""Measure more models as make_counts.py does, and store only what the tests compare.

    python make_more_counts.py ../configs odd_configs.json --out more_counts.json

A folder holds ``<name>/config.json``; a file holds ``{name: config}``. Three kinds of file that transformers has no
class for are run as what they are built like: kimi_k2 as DeepSeek-V3, minicpm as Llama, and a "llama" file whose
architecture is BitnetForCausalLM as BitNet (the same matrices and sub-norms). A multimodal Gemma 3 is run as its
language model. Models that counts.json has already are left out.
"""

import argparse
import json
import sys
from pathlib import Path

import make_counts
import torch
import transformers

make_counts.MODEL_TYPE_ALIAS["minicpm"] = "llama"


def language_model(config):
    """The config of the class that the model is run with."""
    config = dict(config)
    kind, architecture = config["model_type"], config["architectures"][0]
    if "text_config" in config:
        config = {
            "tie_word_embeddings": config.get("tie_word_embeddings", True),
            **config["text_config"],
            "model_type": "gemma3_text",
            "architectures": ["Gemma3ForCausalLM"],
        }
    elif architecture == "BitnetForCausalLM":
        config |= {"model_type": "bitnet", "architectures": ["BitNetForCausalLM"]}
    elif kind == "minicpm":
        config["architectures"] = ["LlamaForCausalLM"]
    return config


def forward(model, ids, cache=None, use_cache=True, **kw):
    """make_counts.forward, with Mamba-2 taking its cache as Mamba does."""
    if model.config.model_type in ("mamba", "mamba2"):
        if cache is not None:
            kw["cache_params"] = cache
        out = model(input_ids=ids, use_cache=use_cache, **kw)
        return out, getattr(out, "cache_params", None)
    return original_forward(model, ids, cache, use_cache, **kw)


original_forward, original_check = make_counts.forward, make_counts.check
make_counts.forward = forward
make_counts.check = lambda record, config: config.model_type == "mamba2" or original_check(record, config)


def compact(record):
    """Parameters, MACs by role, and cache sizes of one record."""
    parameters = record["params"]
    keys = ("total", "embedding", "tied", "active_per_token", "by_role", "bias_by_role")
    out = {"params": {key: parameters[key] for key in keys}}
    out["macs"] = {
        scenario: run and {role: flops // 2 for role, flops in run["by_role"].items()}
        for scenario, run in record["flops"].items()
        if "last_logit" not in scenario
    }
    last = record["flops"].get("prefill_b1_s512_last_logit_only")
    if last:
        out["last_logit_macs"] = last["macs"]
    cache = record["kv_cache"]
    if cache:
        fields = ("elements_per_token", "fixed_state_elements", "derived_from_kv_heads_bytes_per_token_fp16")
        out["kv_cache"] = {key: cache[key] for key in fields if key in cache}
        out["kv_cache_elements_after"] = record["kv_cache_elements_after"]
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--all", action="store_true", help="every scenario, not one prefill and one step")
    parser.add_argument("--out", type=Path, default=Path("more_counts.json"))
    arguments = parser.parse_args()
    if not arguments.all:
        make_counts.PREFILL[:] = [("prefill_b1_s512", 1, 512)]
        make_counts.DECODE[:] = [("decode_b1_past511", 1, 511)]
    known = json.loads((Path(__file__).parent / "counts.json").read_text())["models"]
    configs = {}
    for source in arguments.sources:
        if source.is_dir():
            configs |= {f.parent.name: json.loads(f.read_text()) for f in sorted(source.glob("*/config.json"))}
        else:
            configs |= json.loads(source.read_text())
    models = {}
    for name, config in configs.items():
        if name in known:
            continue
        try:
            models[name] = compact(make_counts.measure(name, language_model(config), None))
        except Exception as error:
            print(f"FAILED {name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(model)}" for name, model in models.items())
    head = f'"versions": {json.dumps(versions)}'
    arguments.out.write_text(f'{{\n {head},\n "models": {{\n{lines}\n }}\n}}\n')


if __name__ == "__main__":
    main()
