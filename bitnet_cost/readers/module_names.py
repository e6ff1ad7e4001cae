"""Which operators the names in a quantisation configuration mean: ``lm_head``, ``model.layers.*.self_attn``, ...

The methods compare names in ways of their own (substrings, shell patterns, regular expressions from the beginning).
Here they are read by what their authors mean: a plain name is one or several components of a module's path, ``gate``
no part of ``gate_proj``; ``*`` means anything; all else that reads like a regular expression is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from typing import NamedTuple

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture, Layer
from bitnet_cost.readers.safe_regex import Budget, Expression

MOST_NAMES = 100_000  # of a list
MOST_PATTERNS = 200  # that are no plain names
_STEPS = 200_000  # comparisons of patterns with names, for a file

_ATTENTION = ("self_attn", "attn", "attention", "self_attention", "mixer")
_DENSE = ("mlp", "feed_forward", "ffn", "mixer")
_MIXTURE = ("mlp", "block_sparse_moe", "feed_forward", "moe", "mixer")
_STATE = ("mixer", "mamba")
_LINEAR = ("linear_attn", "self_attn")
_CROSS = ("encoder_attn", "EncDecAttention", "crossattention")


def _paths(blocks: Iterable[str], *ends: str) -> tuple[str, ...]:
    return tuple(f"{block}.{end}" for block in blocks for end in ends)


class Module(NamedTuple):
    """Where an operator's weights are in the modules of a layer, and which layers have it."""

    paths: tuple[str, ...]
    part: Callable[[Layer], object]


def _keys(layer: Layer) -> object:
    return layer.attention


def _query(layer: Layer) -> object:
    return layer.attention or (layer.latent_attention and layer.latent_attention.q_rank is None)


def _output(layer: Layer) -> object:
    return layer.attention or layer.latent_attention


def _latent(layer: Layer) -> object:
    return layer.latent_attention


def _narrow_query(layer: Layer) -> object:
    return layer.latent_attention and layer.latent_attention.q_rank


def _has(*path: str) -> Callable[[Layer], object]:
    """Whether a layer has a part, or a part of a part; also one that no layer is known to have."""

    def found(layer: Layer) -> object:
        part: object = layer
        for name in path:
            part = getattr(part, name, None)
        return part

    return found


def _shared(layer: Layer) -> object:
    return layer.moe and layer.moe.shared_size


def _experts(*ends: str) -> tuple[str, ...]:
    return _paths(_MIXTURE, *(f"experts.0.{end}" for end in ends), *(f"experts.{end}" for end in ends), "experts")


def _of_shared(end: str) -> tuple[str, ...]:
    return _paths(_MIXTURE, *(f"{name}.{end}" for name in ("shared_experts", "shared_expert")))


MODULES: dict[str, Module] = {
    "q": Module(_paths(_ATTENTION, "q_proj", "qkv_proj", "c_attn", "query_key_value", "Wqkv"), _query),
    "k": Module(_paths(_ATTENTION, "k_proj", "qkv_proj", "c_attn", "query_key_value", "Wqkv"), _keys),
    "v": Module(_paths(_ATTENTION, "v_proj", "qkv_proj", "c_attn", "query_key_value", "Wqkv"), _keys),
    "o": Module(_paths(_ATTENTION, "o_proj", "out_proj", "dense", "c_proj"), _output),
    "q_a": Module(("self_attn.q_a_proj", "self_attn.fused_qkv_a_proj"), _narrow_query),
    "q_b": Module(("self_attn.q_b_proj",), _narrow_query),
    "kv_a": Module(("self_attn.kv_a_proj_with_mqa", "self_attn.fused_qkv_a_proj"), _latent),
    "kv_b": Module(("self_attn.kv_b_proj",), _latent),
    "gate": Module(_paths(_DENSE, "gate_proj", "gate_up_proj", "w1"), lambda layer: layer.ffn and layer.ffn.gated),
    "up": Module(_paths(_DENSE, "up_proj", "gate_up_proj", "w3", "fc1", "c_fc"), lambda layer: layer.ffn),
    "down": Module(_paths(_DENSE, "down_proj", "w2", "fc2", "c_proj"), lambda layer: layer.ffn),
    "expert_gate": Module(_experts("gate_proj", "gate_up_proj", "w1"), lambda layer: layer.moe and layer.moe.gated),
    "expert_up": Module(_experts("up_proj", "gate_up_proj", "w3"), lambda layer: layer.moe),
    "expert_down": Module(_experts("down_proj", "w2"), lambda layer: layer.moe),
    "shared_expert_gate": Module(_of_shared("gate_proj"), _shared),
    "shared_expert_up": Module(_of_shared("up_proj"), _shared),
    "shared_expert_down": Module(_of_shared("down_proj"), _shared),
    "ssm_in_proj": Module(_paths(_STATE, "in_proj"), lambda layer: layer.state_space),
    "ssm_x_proj": Module(_paths(_STATE, "x_proj"), lambda layer: layer.state_space),
    "ssm_dt_proj": Module(_paths(_STATE, "dt_proj"), lambda layer: layer.state_space),
    "ssm_out_proj": Module(_paths(_STATE, "out_proj"), lambda layer: layer.state_space),
    # parts that only some families have
    "attn_gate": Module(_paths(_ATTENTION, "g_proj", "gate_proj", "q_proj"), _has("attention", "gate")),
    "cross_q": Module(_paths(_CROSS, "q_proj", "q"), _has("cross_attention")),
    "cross_k": Module(_paths(_CROSS, "k_proj", "k"), _has("cross_attention")),
    "cross_v": Module(_paths(_CROSS, "v_proj", "v"), _has("cross_attention")),
    "cross_o": Module(_paths(_CROSS, "out_proj", "o"), _has("cross_attention")),
    "index_q": Module(("self_attn.indexer.wq_b",), _has("latent_attention", "indexer")),
    "index_k": Module(("self_attn.indexer.wk",), _has("latent_attention", "indexer")),
    "latent_down": Module(_paths(_MIXTURE, "fc1_latent_proj"), _has("moe", "latent_size")),
    "latent_up": Module(_paths(_MIXTURE, "fc2_latent_proj"), _has("moe", "latent_size")),
    "delta_qkv": Module(_paths(_LINEAR, "in_proj_qkvz", "in_proj_qkv", "q_proj", "k_proj", "v_proj"),
                        _has("delta_rule")),
    "delta_gate": Module(_paths(_LINEAR, "in_proj_qkvz", "in_proj_z"), _has("delta_rule")),
    "delta_ba": Module(_paths(_LINEAR, "in_proj_ba", "in_proj_b", "in_proj_a", "b_proj"), _has("delta_rule")),
    "delta_decay_a": Module(("self_attn.f_a_proj",), _has("delta_rule", "gate_rank")),
    "delta_decay_b": Module(("self_attn.f_b_proj",), _has("delta_rule", "gate_rank")),
    "delta_gate_a": Module(("self_attn.g_a_proj",), _has("delta_rule", "gate_rank")),
    "delta_gate_b": Module(("self_attn.g_b_proj",), _has("delta_rule", "gate_rank")),
    "delta_out": Module(_paths(_LINEAR, "out_proj", "o_proj"), _has("delta_rule")),
    "lightning_qkv": Module(_paths(_LINEAR, "qkv_proj"), _has("lightning")),
    "lightning_gate": Module(_paths(_LINEAR, "output_gate"), _has("lightning")),
    "lightning_out": Module(_paths(_LINEAR, "out_proj"), _has("lightning")),
    "lru_y": Module(("temporal_block.linear_y",), _has("recurrence")),
    "lru_x": Module(("temporal_block.linear_x",), _has("recurrence")),
    "lru_out": Module(("temporal_block.linear_out",), _has("recurrence")),
    "conv_in": Module(("conv.in_proj",), _has("convolution")),
    "conv_out": Module(("conv.out_proj",), _has("convolution")),
}  # fmt: skip
"""Linear layers by the operator that counts them, under the names that transformers gives them."""

HEAD, TABLE = ("lm_head", "output"), ("model.embed_tokens", "embed_tokens")
_STEMS = ("model.language_model.layers", "language_model.model.layers", "transformer.h", "backbone.layers",
          "model.layers")  # fmt: skip
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d{1,6})(?:\.(.+))?$")
_BESIDE = re.compile(r"(?:^|\.)(?:mtp|visual|vision\w*|audio\w*|multi_modal_projector|mm_projector|draft)(?:\.|$)")
"""Modules that are beside the language model's layers, though their own are called layers too."""
_OF_ONE_LAYER = re.compile(r"[0-9\[{?]|\\d")


class Shares(NamedTuple):
    """What part of each operator's layers some names mean, and whether they mean the output matrix."""

    layers: dict[str, float]
    head: bool


def meant(patterns: Sequence[str], architecture: Architecture, budget: Budget | None = None) -> Shares:
    """The operators that names and patterns mean.

    >>> from bitnet_cost.inputs.architecture import Architecture
    >>> tiny = Architecture.model_validate(dict(name="tiny", source="doctest", seen="own", hidden_size=8,
    ...     vocab_size=10, layers=[dict(repeat=4, attention=dict(heads=2), ffn=dict(size=32, activation="gelu"))]))
    >>> meant(["lm_head", "re:.*self_attn.*", "model.layers.1.mlp.down_proj"], tiny)
    Shares(layers={'q': 1.0, 'k': 1.0, 'v': 1.0, 'o': 1.0, 'down': 0.25}, head=True)
    >>> meant(["model.layers.0*", "gate"], tiny).layers["up"]
    0.25

    Raises:
        BitnetCostError: too many names, or a pattern that cannot be read.
    """
    if len(patterns) > MOST_NAMES:
        raise BitnetCostError(f"{len(patterns)} names; at most {MOST_NAMES}")
    budget, depth = budget or Budget(), architecture.depth
    owners = layers_by_operator(architecture)
    exact: dict[str, set[int]] = {}
    by_rule: dict[str, set[int]] = {}
    head, rules, steps = False, 0, 0
    for text in dict.fromkeys(patterns):
        if text in HEAD:
            head = True
            continue
        if _BESIDE.search(text):
            continue
        named = _LAYER.search(text) if _is_plain(text) else None
        if named and named[2]:
            layer, path = int(named[1]), named[2].removesuffix(".weight")
            for name in owners:
                if layer < depth and any(_begins(own, path) for own in MODULES[name].paths):
                    exact.setdefault(name, set()).add(layer)
            continue
        rules += 1
        of_layers = depth if _OF_ONE_LAYER.search(text) else 1
        steps += of_layers * len(owners)
        if rules > MOST_PATTERNS or steps > _STEPS:
            raise BitnetCostError(f"{text[:60]!r} and the patterns before it are too many to compare with every layer")
        matches = _matcher(text, budget)
        head = head or any(matches(name) for name in HEAD)
        stem = next((stem for stem in _STEMS if stem in text.replace("\\", "")), _STEMS[-1])
        for name in owners:
            for layer in range(of_layers):
                if any(matches(f"{stem}.{layer}.{path}") for path in MODULES[name].paths):
                    by_rule.setdefault(name, set()).update([layer] if of_layers > 1 else range(depth))
    shares: dict[str, float] = {}
    for name, own in owners.items():
        ruled = by_rule.get(name, set())
        count = len(own) if len(ruled) == depth else len(ruled & own) + len(exact.get(name, set()) - (ruled & own))
        if count:
            shares[name] = min(1.0, count / len(own))
    return Shares(shares, head)


def layers_by_operator(architecture: Architecture) -> dict[str, set[int]]:
    """The layers of each operator of `MODULES` that a model has."""
    found = {name: _layers_with(module, architecture) for name, module in MODULES.items()}
    return {name: layers for name, layers in found.items() if layers}


def _layers_with(module: Module, architecture: Architecture) -> set[int]:
    """Layers that have an operator, as the architecture folds them."""
    found: set[int] = set()
    first = 0
    for layer in architecture.layers:
        if module.part(layer):
            found.update(range(first, first + layer.repeat))
        first += layer.repeat
    return found


def _is_plain(text: str) -> bool:
    return re.fullmatch(r"[\w.-]+", text) is not None


def module_in_layer(path: str) -> str | None:
    """A module's path inside its layer, the first expert for all; None outside the layers.

    >>> module_in_layer("model.layers.3.mlp.experts.17.down_proj")
    'mlp.experts.0.down_proj'
    """
    match = _LAYER.search(path)
    return _of_first_expert(match[2] or "") if match else None


def _of_first_expert(path: str) -> str:
    return re.sub(r"\.experts\.\d+(?=\.|$)", ".experts.0", path)


def _begins(path: str, part: str) -> bool:
    """Whether a module's path is a name or below it: every expert is as the first."""
    part = _of_first_expert(part)
    return path == part or path.startswith(f"{part}.")


def _matcher(text: str, budget: Budget) -> Callable[[str], bool]:
    """How a name or a pattern is compared with the whole path of a module."""
    if text.startswith("re:"):
        return Expression(text[3:], budget).matches
    if _is_plain(text):
        inner = f".{text.strip('.')}."
        return lambda name: inner in f".{name}."
    if re.search(r"[\\^$()|+{}]|\.\*", text):
        return Expression(text, budget).matches
    whole, below = Expression(translate(text), budget), Expression(translate(f"{text}.*"), budget)
    return lambda name: whole.matches(name) or below.matches(name)
