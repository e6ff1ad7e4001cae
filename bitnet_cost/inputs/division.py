"""What several devices can share of a model, and how far: whole heads, whole experts, whole layers, whole sequences."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from bitnet_cost.inputs.architecture import Architecture, Layer
from bitnet_cost.inputs.cited import Same
from bitnet_cost.numerals import with_commas
from bitnet_cost.words import Parallel

MOST = 1024  # devices that share one model


def whole_parts(layer: Layer, width: int) -> Iterator[tuple[int, str]]:
    """What a tensor-parallel device has whole in a layer: how many there are, and what they are called.

    A recurrence is divided by its heads, or by channels where each goes its own way. ``width`` is that of the residual
    stream.
    """
    for found in (layer.attention, layer.latent_attention, layer.cross_attention):
        if found:
            yield found.heads, "heads"
    if ssm := layer.state_space:
        yield ssm.heads or ssm.inner_size, f"{'heads' if ssm.heads else 'channels'} of the state space"
    if layer.delta_rule:
        yield layer.delta_rule.key_heads, "key heads of the delta rule"
    if layer.lightning:
        yield layer.lightning.heads, "heads of the linear attention"
    if layer.recurrence:
        yield layer.recurrence.blocks, "blocks of the recurrence"
    if layer.wkv:
        yield layer.wkv.width, "channels of the time mixing"
    if layer.convolution:
        yield width, "channels of the convolution"


def refusal(model: Architecture, devices: int, parallel: Parallel, *, padded: bool = False) -> str | None:
    """Why a model cannot be shared so, in words; None: it can, with its heads filled up where they may be ``padded``.

    A tensor-parallel device has whole query heads, and whole key-value heads, which are repeated where the devices are
    a multiple of them (Shoeybi et al., Megatron-LM, 2019, arXiv:1909.08053, section 3; Pope et al., Efficiently
    Scaling Transformer Inference, 2022, arXiv:2211.05102, section 3.3). A size alone, as 70B, leaves its heads open.
    """
    if devices == 1:
        return None
    if parallel == "pipeline":
        many = devices > model.depth
        return f"{devices} stages are more than the {model.depth} layers of {model.name}" if many else None
    for layer in (*(model.encoder.layers if model.encoder else ()), *model.layers):
        if parallel != "tensor" and layer.moe is not None and layer.moe.experts % devices:
            return f"{devices} devices do not divide the {layer.moe.experts} experts of {model.name}"
        if parallel == "data" or (padded and parallel == "tensor") or model.nominal_parameters is not None:
            continue
        for count, what in whole_parts(layer, model.hidden_size):
            if count % devices:
                return f"{devices} devices do not divide the {with_commas(count)} {what} of {model.name}"
        for cached in [found.kv_heads for found in (layer.attention, layer.cross_attention) if found]:
            if cached and cached % devices and devices % cached:
                return f"{devices} devices and the {cached} key-value heads of {model.name} do not divide"
    if parallel == "expert" and not any(layer.moe for layer in model.layers):
        return f"{model.name} has no experts"
    return None


@lru_cache(maxsize=1024)
def _shareable(model: Same, parallel: Parallel, padded: bool) -> tuple[int, ...]:
    return tuple(n for n in range(1, MOST + 1) if refusal(model.it, n, parallel, padded=padded) is None)


def shareable(model: Architecture, parallel: Parallel, *, padded: bool = False) -> tuple[int, ...]:
    """Numbers of devices that can share a model so, up to a thousand or so."""
    return _shareable(Same(model), parallel, padded)


def advice(model: Architecture, devices: int, parallel: Parallel, most: int) -> str:
    """What to take instead of devices that are refused: numbers that a link joins, and the way without such a rule."""
    allowed = [n for n in shareable(model, parallel) if n <= most]
    numbers = [n for n in allowed if 1 < n < devices][-3:] + [n for n in allowed if n > devices][:1]
    ways = [f"--devices {', '.join(map(str, numbers))}"] if numbers else []
    if parallel in ("tensor", "expert") and devices <= model.depth:
        ways.append("--parallel pipeline")
    return " or ".join(ways)
