"""Rules that several families share: which layers are what, where a constant or one field does not say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bitnet_cost.readers.families.fields import Fields, field, short

ATTENTION = "full_attention"
"""A layer that mixes positions by attention, with a window or without; other kinds are of `Family.mixers`."""


def all_but_each(period: int, *names: str) -> Callable[[Fields, int], list[bool]]:
    """All layers but each ``period``-th, or as many as one of the fields ``names`` says (OLMo 3, Cohere 2)."""

    def found(fields: Fields, layers: int) -> list[bool]:
        each = fields.whole(field(*names, default=period)) if names else period
        return [(i + 1) % each > 0 for i in range(layers)]

    return found


def listed_kinds(
    otherwise: Callable[[Fields, int], list[str]], names: Mapping[str, str], *spellings: str
) -> Callable[[Fields, int], list[str]]:
    """The kind of each layer by the file's own list, in ``names`` as files call them; ``otherwise`` without one."""

    def found(fields: Fields, layers: int) -> list[str]:
        spelling = next((s for s in spellings or ("layer_types",) if fields.data.get(s) is not None), None)
        if spelling is None:
            return otherwise(fields, layers)
        kinds = fields.data[spelling]
        if not isinstance(kinds, list) or len(kinds) != layers:
            counted = f"{len(kinds)} entries" if isinstance(kinds, list) else short(kinds)
            fields.refuse(spelling, f"{counted}: expected a list with one entry for each of the {layers} layers")
        for i, kind in enumerate(kinds):
            if not isinstance(kind, str) or kind not in names:
                fields.refuse(f"{spelling}.{i}", f"{short(kind)}: expected one of {', '.join(names)}")
        return [names[kind] for kind in kinds]

    return found


def every_layer(fields: Fields, layers: int) -> list[bool]:
    """All alike (Mistral; Mixtral's experts)."""
    return [True] * layers


def alternating(fields: Fields, layers: int) -> list[bool]:
    """Sliding, full, sliding ... (Gemma 2, gpt-oss)."""
    return [(i + 1) % 2 > 0 for i in range(layers)]


def one_in_pattern(fields: Fields, layers: int) -> list[bool]:
    """Every sixth layer attends fully, or every ``sliding_window_pattern``-th (Gemma 3)."""
    pattern = fields.whole(field("sliding_window_pattern", default=6))
    return [(i + 1) % pattern > 0 for i in range(layers)]


def above_max_window_layers(fields: Fields, layers: int) -> list[bool]:
    """The first ``max_window_layers`` attend fully, if windows are used at all (Qwen2, Qwen3)."""
    first = fields.whole(field("max_window_layers", default=28), least=0)
    return [i >= first for i in range(layers)]


def odd_below_max_window_layers(fields: Fields, layers: int) -> list[bool]:
    """Every other layer of the first ``max_window_layers`` (Qwen2-MoE)."""
    last = fields.whole(field("max_window_layers", default=28), least=0)
    return [(i + 1) % 2 > 0 and i < last for i in range(layers)]


def listed_or_first(fields: Fields, layers: int) -> list[bool]:
    """Layers that ``mlp_layer_types`` calls sparse; without it, all but ``first_k_dense_replace`` at the beginning."""
    kinds = fields.data.get("mlp_layer_types")
    if kinds is None:
        first = fields.whole(field("first_k_dense_replace", default=0), least=0)
        return [i >= first for i in range(layers)]
    if not isinstance(kinds, list) or len(kinds) != layers or any(kind not in ("dense", "sparse") for kind in kinds):
        fields.refuse(
            "mlp_layer_types", f"{short(kinds)}: expected 'dense' or 'sparse' for each of the {layers} layers"
        )
    return [kind == "sparse" for kind in kinds]


def sparse_steps(fields: Fields, layers: int) -> list[bool]:
    """Every ``decoder_sparse_step``-th layer holds experts, but those of ``mlp_only_layers`` (Qwen)."""
    step = fields.whole(field("decoder_sparse_step", default=1))
    without = frozenset(fields.numbers("mlp_only_layers") or [])
    return [(i + 1) % step == 0 and i not in without for i in range(layers)]
