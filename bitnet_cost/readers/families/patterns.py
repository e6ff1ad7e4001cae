"""Rules that several families share: which layers are what, where a constant or one field does not say it."""

from __future__ import annotations

from bitnet_cost.readers.families.fields import Fields, field


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


def sparse_steps(fields: Fields, layers: int) -> list[bool]:
    """Every ``decoder_sparse_step``-th layer holds experts, but those of ``mlp_only_layers`` (Qwen)."""
    step = fields.whole(field("decoder_sparse_step", default=1))
    without = frozenset(fields.numbers("mlp_only_layers") or [])
    return [(i + 1) % step == 0 and i not in without for i in range(layers)]
