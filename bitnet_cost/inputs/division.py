"""What several devices can share of a model, and how far: whole heads, whole experts, whole layers, whole sequences."""

from __future__ import annotations

from functools import lru_cache

from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Same
from bitnet_cost.numerals import with_commas
from bitnet_cost.words import Parallel

MOST = 1024  # devices that share one model


def refusal(model: Architecture, devices: int, parallel: Parallel) -> str | None:
    """Why a model cannot be shared so, in words; None: it can.

    A tensor-parallel device has whole query heads, and whole key-value heads, which are repeated where the devices are
    a multiple of them (Shoeybi et al., Megatron-LM, 2019, arXiv:1909.08053, section 3; Pope et al., Efficiently
    Scaling Transformer Inference, 2022, arXiv:2211.05102, section 3.3). A size alone, as 70B, leaves its heads open.
    """
    if devices == 1:
        return None
    if parallel == "pipeline":
        many = devices > model.depth
        return f"{devices} stages are more than the {model.depth} layers of {model.name}" if many else None
    for layer in model.layers:
        if parallel != "tensor" and layer.moe is not None and layer.moe.experts % devices:
            return f"{devices} devices do not divide the {layer.moe.experts} experts of {model.name}"
        if parallel == "data" or model.nominal_parameters is not None:
            continue
        query = layer.attention or layer.latent_attention
        if query is not None and query.heads % devices:
            return f"{devices} devices do not divide the {query.heads} heads of {model.name}"
        cached = layer.attention.kv_heads if layer.attention else None
        if cached and cached % devices and devices % cached:
            return f"{devices} devices and the {cached} key-value heads of {model.name} do not divide"
        ssm = layer.state_space
        if ssm is not None and (ssm.heads or ssm.inner_size) % devices:
            what = f"{ssm.heads} heads" if ssm.heads else f"{with_commas(ssm.inner_size)} channels"
            return f"{devices} devices do not divide the {what} of the state space of {model.name}"
    if parallel == "expert" and not any(layer.moe for layer in model.layers):
        return f"{model.name} has no experts"
    return None


@lru_cache(maxsize=1024)
def _shareable(model: Same, parallel: Parallel) -> tuple[int, ...]:
    return tuple(n for n in range(1, MOST + 1) if refusal(model.it, n, parallel) is None)


def shareable(model: Architecture, parallel: Parallel) -> tuple[int, ...]:
    """Numbers of devices that can share a model so, up to a thousand or so."""
    return _shareable(Same(model), parallel)


def advice(model: Architecture, devices: int, parallel: Parallel) -> str:
    """Numbers of devices near one that is refused which are not, and the way that has no such rule."""
    allowed = shareable(model, parallel)
    numbers = [n for n in allowed if 1 < n < devices][-3:] + [n for n in allowed if n > devices][:1]
    ways = [f"--devices {', '.join(map(str, numbers))}"] if numbers else []
    if parallel in ("tensor", "expert") and devices <= model.depth:
        ways.append("--parallel pipeline")
    return " or ".join(ways)
