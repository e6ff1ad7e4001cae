"""Random files and options that are valid: models, hardware, precisions, runtimes, and the words of a question.

All of it is a tree of plain values, so that it is written as YAML or JSON and a failing one can be made smaller.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any

Tree = dict[str, Any]

SOURCES: Tree = {"me": {"author": "An author", "title": "A title", "year": 2026, "where": "here", "seen": "own"}}
FORMATS = ("fp32", "fp16", "bf16", "fp8")
SPECIAL = ("exp", "tanh", "erf", "div", "sqrt", "unpack")
CATALOGUE_MODELS = (
    "gpt2", "smollm-135m", "bert-base", "mamba-370m", "llama-2-7b", "gemma-2-9b", "deepseek-v2-lite", "gpt-oss-20b",
    "linear-64x64", "bitnet-b1.58-2b4t", "gpt3-175b",
)  # fmt: skip
CATALOGUE_HARDWARE = (
    "cmos-45nm", "cmos-7nm", "l4", "t4", "h100-sxm-80gb", "jetson-agx-orin", "apple-m1-gpu-7c", "raspberry-pi-5",
    "tpu-v5e", "mi300x", "cortex-m55-ethos-u55", "gap8", "rtx-4090", "snapdragon-8-gen-3", "v100-sxm-16gb",
)  # fmt: skip
CATALOGUE_PRECISIONS = (
    "fp32", "fp16", "bf16", "fp8", "int8", "int4", "bitnet", "bitnet-b1.58", "nf4", "nvfp4", "mxfp4", "q4_k_m", "q2_k",
    "tq1_0", "awq-g32", "int3",
)  # fmt: skip
RUNTIMES = {
    "gpu": ("vllm", "tensorrt-llm", "eager", "llama.cpp", "cuda-graph", "sglang"), "cpu": ("llama.cpp", "bitnet.cpp", "t-mac"),
}  # fmt: skip


def log_uniform(random: Random, low: float, high: float) -> float:
    """A number between two, any order of magnitude as likely as another; four digits, which a person can read."""
    return float(f"{math.exp(random.uniform(math.log(low), math.log(high))):.4g}")


def whole(random: Random, low: int, high: int) -> int:
    """A whole number between two, any order of magnitude as likely; both ends occur."""
    return min(high, max(low, round(math.exp(random.uniform(math.log(low), math.log(high))))))


def maybe(random: Random, chance: float, **given: Any) -> Tree:
    """Some entries, or none."""
    return given if random.random() < chance else {}


def figure(value: float, unit: str, random: Random | None = None) -> Tree:
    """A figure with its range: exact, or some of what is believable around it."""
    low, high = (value, value) if random is None else (value * random.uniform(0.3, 1), value * random.uniform(1, 3))
    texts = {name: f"{number:.4g} {unit}" for name, number in (("low", low), ("value", value), ("high", high))}
    return texts | {"basis": "assumed", "source": "me"}


# --- models --------------------------------------------------------------------------------------------------------


def model(random: Random) -> Tree:
    """A model of any mixers, small enough that an answer takes milliseconds."""
    kind = random.choices(("decoder", "encoder", "encoder-decoder"), (8, 1, 1))[0]
    hidden = 8 * whole(random, 2, 1024)
    layers = [layer(random, kind, hidden) for _ in range(whole(random, 1, 4))]
    found: Tree = {
        "name": "own-model", "source": "made up", "seen": "own", "kind": kind, "hidden_size": hidden,
        "vocab_size": whole(random, 2, 300_000), "norm": random.choice(["rmsnorm", "layernorm", "layernorm_no_bias"]),
        "rotary": random.random() < 0.7, "layers": layers,
        **maybe(random, 0.3, max_positions=whole(random, 64, 200_000)), **maybe(random, 0.1, linear_norms=True),
        **maybe(random, 0.2, state_bits=random.choice([16, 32])), **maybe(random, 0.2, final_norm=False),
    }  # fmt: skip
    embedding = {
        **maybe(random, 0.3, positions=whole(random, 1, 4096)), **maybe(random, 0.1, token_types=2),
        **maybe(random, 0.2, norm=True), **maybe(random, 0.1, width=8 * whole(random, 1, 128)),
    }  # fmt: skip
    if embedding:
        found["embedding"] = embedding
    if kind == "encoder-decoder":
        found["encoder"] = {"layers": [layer(random, "encoder", hidden)], **maybe(random, 0.2, frames=1500)}
    if random.random() < (0.9 if kind != "encoder" else 0.5):
        found["lm_head"] = {
            "tied": random.random() < 0.4, **maybe(random, 0.2, bias=True), **maybe(random, 0.1, softcap=True),
            **maybe(random, 0.1, transform=True),
        }  # fmt: skip
    elif random.random() < 0.5:
        found["classifier"] = {"labels": random.randrange(4), **maybe(random, 0.4, pooled=True)}
    if "width" in embedding and found.get("lm_head", {}).get("tied"):
        found["lm_head"]["tied"] = False
    return found


def layer(random: Random, kind: str, hidden: int) -> Tree:
    """A run of layers of one mixer, and what follows it."""
    found: Tree = {"repeat": whole(random, 1, 24), "norms": random.choice([1, 2, 2, 4])}
    mixers = {
        "attention": attention, "latent_attention": latent, "state_space": state_space, "delta_rule": delta_rule,
        "lightning": lightning, "recurrence": recurrence, "wkv": wkv, "convolution": convolution,
    }  # fmt: skip
    name = "attention" if kind == "encoder" else random.choices(list(mixers), (12, 3, 3, 2, 1, 1, 1, 1))[0]
    found[name] = mixers[name](random, hidden)
    if name == "attention" and kind == "decoder" and random.random() < 0.1:
        found["state_space"] = state_space(random, hidden)
    if kind == "encoder-decoder":
        found["cross_attention"] = attention(random, hidden)
        found["cross_attention"].pop("window", None)
    after = random.choices(("ffn", "moe", None), (7, 3, 1))[0]
    if after == "ffn":
        found["ffn"] = {"size": whole(random, 8, 4 * hidden), **_feed_forward(random), **maybe(random, 0.1, sub_norm=True)}  # fmt: skip
    elif after == "moe":
        experts = whole(random, 1, 256)
        found["moe"] = {
            "experts": experts, "experts_per_token": whole(random, 1, min(experts, 16)), "size": whole(random, 8, hidden),
            **_feed_forward(random), **maybe(random, 0.3, shared_size=whole(random, 8, hidden)),
            **maybe(random, 0.2, router_bias=True), **maybe(random, 0.1, latent_size=whole(random, 8, hidden)),
        }  # fmt: skip
    return found


def _feed_forward(random: Random) -> Tree:
    activations = ["relu", "relu2", "gelu", "gelu_tanh", "silu", "xielu"]
    return {"activation": random.choice(activations), "gated": random.random() < 0.5, **maybe(random, 0.2, bias=True)}


def attention(random: Random, hidden: int) -> Tree:
    """Softmax attention; query heads are a multiple of those of keys."""
    kv_heads = whole(random, 1, 16)
    width = 2 * whole(random, 1, 128)
    return {
        "heads": kv_heads * whole(random, 1, 8), "kv_heads": kv_heads, "head_dim": width,
        **maybe(random, 0.2, qkv_bias=True), **maybe(random, 0.2, o_bias=True), **maybe(random, 0.25, window=whole(random, 1, 8192)),
        **maybe(random, 0.2, rotary_dim=2 * random.randint(0, width // 2)), **maybe(random, 0.1, sinks=True),
        **maybe(random, 0.2, qk_norm=random.choice(["head", "per_head", "width"])), **maybe(random, 0.1, softcap=True),
        **maybe(random, 0.1, alibi=True), **maybe(random, 0.1, gate=True), **maybe(random, 0.1, sub_norm=True),
    }  # fmt: skip


def latent(random: Random, hidden: int) -> Tree:
    """Latent attention, with or without an indexer."""
    indexer = {"heads": whole(random, 1, 64), "head_dim": 2 * whole(random, 1, 64), "kept": whole(random, 1, 4096)}
    return {
        "heads": whole(random, 1, 128), "kv_rank": whole(random, 8, 512), "nope_dim": whole(random, 2, 128),
        "rope_dim": 2 * whole(random, 1, 32), "value_dim": whole(random, 2, 128),
        **maybe(random, 0.5, q_rank=whole(random, 8, 1536)), **maybe(random, 0.3, indexer=indexer), **maybe(random, 0.1, bias=True),
    }  # fmt: skip


def state_space(random: Random, hidden: int) -> Tree:
    """Mamba or Mamba-2."""
    found: Tree = {"state_size": whole(random, 1, 256), "conv_kernel": whole(random, 1, 8)}
    if random.random() < 0.5:
        return found | {"inner_size": 2 * hidden, "dt_rank": whole(random, 1, 256)}
    groups = whole(random, 1, 8)
    heads = groups * whole(random, 1, 16)
    return found | {"inner_size": heads * whole(random, 1, 128), "heads": heads, "groups": groups, "chunk": whole(random, 1, 512)}  # fmt: skip


def delta_rule(random: Random, hidden: int) -> Tree:
    """Gated delta rule."""
    keys = whole(random, 1, 16)
    return {
        "key_heads": keys, "value_heads": keys * whole(random, 1, 4), "key_dim": whole(random, 2, 128),
        "value_dim": whole(random, 2, 128), "conv_kernel": whole(random, 1, 8), **maybe(random, 0.3, gate_rank=whole(random, 1, 128)),
    }  # fmt: skip


def lightning(random: Random, hidden: int) -> Tree:
    """Linear attention."""
    return {"heads": whole(random, 1, 64), "head_dim": whole(random, 2, 128), "chunk": whole(random, 1, 512)}


def recurrence(random: Random, hidden: int) -> Tree:
    """RG-LRU."""
    blocks = whole(random, 1, 16)
    return {"width": blocks * whole(random, 1, 256), "blocks": blocks, "conv_kernel": whole(random, 1, 8)}


def wkv(random: Random, hidden: int) -> Tree:
    """Time mixing of RWKV-4."""
    return {"width": hidden}


def convolution(random: Random, hidden: int) -> Tree:
    """A gated short convolution."""
    return {"conv_kernel": whole(random, 1, 8)}


# --- hardware, precisions, runtimes --------------------------------------------------------------------------------


def device(random: Random) -> Tree:
    """A device with prices for all that the catalogue's precisions run."""
    formats = ["fp32", "fp16", *random.sample(["bf16", "fp8", "int8", "int4", "int32"], random.randint(0, 5))]
    peak = log_uniform(random, 1e9, 1e15)
    static = log_uniform(random, 0.01, 200)
    # Nearest first, each smaller, faster and cheaper than the next.
    capacity, bandwidth = log_uniform(random, 1e6, 2e11), log_uniform(random, 1e8, 1e13)
    price = log_uniform(random, 0.5, 50)
    levels = {"ram": level(random, capacity, bandwidth, price)}
    for name in random.sample(["sram", "l2", "scratch-1"], random.choice([0, 1, 1, 2])):
        capacity, bandwidth = capacity * log_uniform(random, 1e-4, 1), bandwidth * log_uniform(random, 1, 30)
        price *= random.uniform(0.02, 1)
        levels = {name: level(random, capacity, bandwidth, price), **levels}
    power = {
        "static": figure(static, "W", random),
        **maybe(random, 0.5, idle=figure(static * random.random(), "W")), **maybe(random, 0.3, active=figure(log_uniform(random, 0.01, 200), "W")),
        **maybe(random, 0.3, between=figure(static * random.uniform(0.5, 1), "W")),
        **maybe(random, 0.6, cap=figure(static * random.uniform(1.05, 10), "W")),
    }  # fmt: skip
    link = {
        "energy": figure(log_uniform(random, 0.1, 100), "pJ/bit", random), "bandwidth": figure(log_uniform(random, 1, 1000), "GB/s", random),
        "devices": whole(random, 2, 16), **maybe(random, 0.5, latency=figure(log_uniform(random, 0.1, 100), "us")),
    }  # fmt: skip
    return {
        "name": "own-device", "title": "Own", "kind": "device", "device_class": "gpu", "runtime": random.choice(RUNTIMES["gpu"]),
        "sources": SOURCES, "actions": actions(random, formats), "special_functions": special(random), "hierarchy": levels,
        "rates": {name: figure(peak * random.choice([0.25, 0.5, 1, 2]), "FLOP/s", random) for name in formats},
        "executes": {name: random.choice(formats) for name in ("bf16", "fp8", "int8", "int4", "int2", "int1") if name not in formats},
        "power": power, **maybe(random, 0.7, interconnect=link), **maybe(random, 0.3, multiprocessors=whole(random, 1, 200)),
        **maybe(random, 0.2, embodied=figure(150, "kg")), **maybe(random, 0.2, battery=figure(50, "kJ")),
    }  # fmt: skip


def node(random: Random) -> Tree:
    """A technology node: prices, no clock."""
    found: Tree = {
        "name": "own-node", "title": "Own", "kind": "technology", "sources": SOURCES, "actions": actions(random, []), "special_functions": special(random)
    }  # fmt: skip
    if random.random() < 0.7:
        found["hierarchy"] = {
            name: level(random, None, None, log_uniform(random, 0.01, 50))
            for name in ("sram", "dram")[random.randint(0, 1) :]
        }
    return found


def actions(random: Random, units: list[str]) -> Tree:
    """Prices of products and sums of every format, and of both in one step where a unit runs it."""
    kinds = [f"fp{n}" for n in (32, 16, 8)] + ["bf16"] + [f"int{n}" for n in (32, 16, 8, 4, 2, 1)]
    base = log_uniform(random, 0.01, 10)
    return {
        f"{stem}.{kind}": figure(base * random.uniform(0.2, 5), "pJ", random)
        for kind in kinds
        for stem in ("mul", "add", "unpack", *(["mac"] if kind in units else []))
    }


def special(random: Random) -> Tree:
    """Special functions as products and sums."""
    return {
        name: {"mul": random.randint(0, 20), "add": random.randint(0, 20), "low_factor": 0.3, "high_factor": 3, "basis": "assumed", "source": "me"}
        for name in SPECIAL
    }  # fmt: skip


def level(random: Random, capacity: float | None, bandwidth: float | None, price: float) -> Tree:
    """A level of the memory; without a clock where no bandwidth is given."""
    found = {"read": figure(price, "pJ/bit", random), "write": figure(price * random.uniform(1, 2), "pJ/bit", random)}
    if capacity is not None and bandwidth is not None:
        found |= {"capacity": figure(capacity, "B"), "bandwidth": figure(bandwidth, "B/s", random)}
    return found


def precision(random: Random) -> Tree:
    """A precision: what is stored, and what its products are made of."""
    bits = random.choice([1, 1.58, 2, 3, 4, 5, 6, 8, 16, 32])
    scale_per = "none" if bits >= 16 else random.choice(["tensor", "channel", "group"])
    storage = {
        "bits": bits, "information_bits": bits, "scale_per": scale_per,
        **({} if scale_per == "none" else {"scale_bits": random.choice([8, 16, 32])}),
        **({"group": random.choice([16, 32, 64, 128])} if scale_per == "group" else {}),
    }  # fmt: skip
    recipe: Tree = random.choice(
        [{"mul.fp16": 1, "add.fp16": 1}, {"mul.int8": 1, "add.accumulator": 1}, {"add.accumulator": 1}, {"mul.fp32": 1, "add.fp32": 1}]
    )  # fmt: skip
    integer = "add.accumulator" in recipe
    return {
        "name": "own-precision", "title": "Own", "source": "me", "sources": SOURCES,
        "linear": {
            "weights": storage, "activation_bits": random.choice([4, 8]) if integer else 16, "recipe": recipe,
            "rescale": random.choice(["product", "elementwise"] if integer else ["none", "weights"]),
            **({"accumulator": random.choice(["add.int8", "add.int32"])} if integer else {}),
            **maybe(random, 0.2, zero_fraction=round(random.random(), 3)),
        },
        **{role: random.choice(FORMATS[:3]) for role in ("attention", "elsewhere", "embedding", "lm_head")},
        "kv_bits": random.choice([1, 2, 4, 8, 16, 32]),
    }  # fmt: skip


def runtime(random: Random) -> Tree:
    """A runtime of GPUs."""

    def kernel(launches: int) -> Tree:
        return {
            "launches": launches, "overhead": figure(log_uniform(random, 0.1, 100), "us", random),
            "bandwidth": figure(random.uniform(0.1, 1), "x"), **maybe(random, 0.7, compute=figure(random.uniform(0.05, 1), "x")),
        }  # fmt: skip

    others = [
        "dequantised",
        "lowbit",
        "w8a8",
        "experts",
        "attention",
        "norm",
        "rope",
        "activation",
        "residual",
        "cache",
        "quantise",
    ]
    kernels = {name: kernel(random.randint(0, 3)) for name in random.sample(others, random.randint(0, 6))}
    return {
        "name": "own-gpu", "runtime": "own", "device_class": "gpu", "title": "Own", "fused_projections": random.random() < 0.5,
        "kernels": {"linear": kernel(1), "elementwise": kernel(random.randint(0, 4)), **kernels}, "sources": SOURCES,
        **maybe(random, 0.5, per_pass=figure(log_uniform(random, 0.001, 10), "ms", random)),
        **maybe(random, 0.2, per_prefill=figure(log_uniform(random, 0.001, 10), "ms", random)),
        **maybe(random, 0.3, per_sequence=figure(log_uniform(random, 0.001, 1), "ms")), **maybe(random, 0.3, overlapped=True),
        **maybe(random, 0.6, chunk=whole(random, 1, 16384)), **maybe(random, 0.5, workspace=figure(random.uniform(0, 0.3), "x")),
        **maybe(random, 0.2, cache_copies=2), **maybe(random, 0.2, logits_bits=random.choice([16, 32])),
    }  # fmt: skip


# --- a question ----------------------------------------------------------------------------------------------------


def question(random: Random) -> Tree:
    """Files or names, and options, of one question; ``words`` of a command are made of them."""
    hardware: Any = random.choices((device, node, None), (6, 2, 3))[0]
    chosen: Tree = {
        "model": model(random) if random.random() < 0.7 else random.choice(CATALOGUE_MODELS),
        "hardware": hardware(random) if hardware else random.choice(CATALOGUE_HARDWARE),
        "precision": precision(random) if random.random() < 0.4 else a_precision(random),
        "baseline": a_precision(random),
    }
    if isinstance(chosen["hardware"], dict) and chosen["hardware"]["kind"] == "device" and random.random() < 0.6:
        chosen["runtime"] = runtime(random) if random.random() < 0.7 else random.choice(RUNTIMES["gpu"])
    encoder = (isinstance(chosen["model"], dict) and chosen["model"]["kind"] == "encoder") or chosen[
        "model"
    ] == "bert-base"
    chosen["options"] = {
        "batch": whole(random, 1, 512), "prompt": whole(random, 1, 20_000), "generate": 1 if encoder else whole(random, 1, 2_000),
        **maybe(random, 0.15, scope=random.choice(["arithmetic", "compute", "memory", "device", "facility"])),
        **maybe(random, 0.1, attention="full"), **maybe(random, 0.1, logits=random.choice(["last", "all", "none"])),
        **maybe(random, 0.1, counting="traced"), **maybe(random, 0.1, accumulator="int32"),
        **maybe(random, 0.2, devices=random.choice([2, 2, 3, 4, 8])), **maybe(random, 0.1, pue=round(random.uniform(1, 2), 3)),
        **maybe(random, 0.1, carbon=random.choice(["deu", "world", "344.5", "0"])), **maybe(random, 0.1, price="0.2"),
    }  # fmt: skip
    if random.random() < 0.1:
        chosen["options"]["offload"] = random.choice(["experts", "kv", "layers=1", "layers=3"])
    if random.random() < 0.05 and not encoder:
        draft = {"draft": random.choice(["smollm-135m", "gpt2", "mtp"]), "accept": round(random.random(), 3)}
        chosen["options"] |= draft | maybe(random, 0.5, **{"draft-tokens": random.randint(1, 8)})
    if "devices" in chosen["options"]:
        chosen["options"] |= maybe(random, 0.5, parallel=random.choice(["tensor", "pipeline", "expert", "data"]))
    return chosen


def a_precision(random: Random) -> str:
    """A name of the catalogue, or one that is parsed."""
    if random.random() < 0.5:
        return random.choice(CATALOGUE_PRECISIONS)
    weight, activation = random.choice(["1", "1.58", "2", "3", "4", "6", "8", "16"]), random.choice(["4", "8", "16"])
    return f"w{weight}a{activation}" + random.choice(["", "kv4", "kv8"])


def answers(random: Random, kind: str) -> list[str]:
    """The words of `new`: answers to what it asks of a kind of file."""
    unit = {
        "memory": f"{whole(random, 1, 200)}GB",
        "bandwidth": f"{whole(random, 10, 8000)}GB/s",
        "power": f"{whole(random, 5, 1000)}W",
    }
    rates = [
        f"{name}={whole(random, 1, 2000)}T{per}"
        for name, per in (("fp16", "FLOP/s"), ("int8", "OP/s"), ("fp8", "FLOP/s"))
    ]
    kv_heads = whole(random, 1, 16)
    of: dict[str, Tree] = {
        "hardware": {**unit, "rates": ",".join(rates[: random.randint(1, 3)]), **maybe(random, 0.3, idle=f"{random.randint(1, 4)}W"),
                     **maybe(random, 0.3, year=str(random.randint(2015, 2026))), **maybe(random, 0.4, like=random.choice(["l4", "t4", "a100-sxm-80gb"]))},
        "model": {"layers": whole(random, 1, 100), "hidden": 64 * whole(random, 1, 128), "heads": kv_heads * whole(random, 1, 8),
                  "kv-heads": kv_heads, "gated": random.choice(["yes", "no"]), "ffn": whole(random, 8, 30_000),
                  "vocabulary": whole(random, 2, 300_000), "tied": random.choice(["yes", "no"])},
        "precision": {"weights": random.choice(["1", "1.58", "2", "4", "8", "16"]), "activations": random.choice(["4", "8", "16"]),
                      **maybe(random, 0.3, group=random.choice([32, 128])), **maybe(random, 0.4, kv=random.choice([4, 8, 16]))},
        "runtime": {"class": "gpu", **maybe(random, 0.5, like=random.choice(RUNTIMES["gpu"])), **maybe(random, 0.4, bandwidth="70%"),
                    **maybe(random, 0.4, chunk=whole(random, 1, 9000)), **maybe(random, 0.3, overhead="5us")},
    }  # fmt: skip
    given = {"name": f"own-{kind}", **of[kind]}
    return ["new", kind, *(word for name, value in given.items() for word in (f"--{name}", str(value)))]
