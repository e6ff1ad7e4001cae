"""What a host keeps of a model in its own memory, and reads it from over its link to the device."""

from __future__ import annotations

import re
from typing import NamedTuple

from bitnet_cost.errors import BitnetCostError, quoted
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.numerals import with_commas
from bitnet_cost.words import Parallel

DISCRETE = ("gpu", "tpu")  # classes of devices whose memory is not their host's


class Offload(NamedTuple):
    """A part of a model: its routed experts, the weights of its last layers, or its cache."""

    experts: bool = False
    layers: int = 0
    kv: bool = False


NOTHING = Offload()


def parse_offload(text: str | None) -> Offload:
    """The part that is named.

    Raises:
        BitnetCostError: another word.

    >>> parse_offload("layers=8"), parse_offload(None) == NOTHING
    (Offload(experts=False, layers=8, kv=False), True)
    """
    if text is None:
        return NOTHING
    found = re.fullmatch(r"layers=([1-9][0-9]{0,6})", text) if isinstance(text, str) else None
    if found:
        return Offload(layers=int(found[1]))
    if text not in ("experts", "kv"):
        raise BitnetCostError(f"offload: {quoted(text)} is no part of a model; give experts, layers=N (N from 1) or kv")
    return Offload(experts=text == "experts", kv=text == "kv")


def cannot_offload(text: str | None, model: Architecture, hardware: Hardware, parallel: Parallel) -> str | None:
    """Why a part of a model cannot stay in a host's memory, in words; None: it can, or none is asked for."""
    part = parse_offload(text)
    if part == NOTHING:
        return None
    if not hardware.has_clock:
        return f"{hardware.name!r} is a technology node: it has no memory that something could be moved out of"
    if hardware.device_class not in DISCRETE:
        return f"the memory of {hardware.name!r} is its host's own: there is no other to move {text} to"
    if part.experts and not any(layer.moe for layer in model.layers):
        return f"{model.name} has no experts; give layers=N or kv"
    if part.kv and not model.generates:
        return f"{model.name} keeps no cache; give layers=N"
    if part.layers > model.depth:
        return f"{with_commas(part.layers)} layers are more than the {with_commas(model.depth)} of {model.name}"
    if part.layers and model.encoder:
        return f"{model.name} has layers of two kinds; give kv"
    if part.layers and parallel == "pipeline":
        return (
            "the last layers are the last stage of a pipeline, which the others would wait for; take --parallel tensor"
        )
    if part.layers and any(layer.shared for layer in model.layers):
        return f"the layers of {model.name} share weights, which none of them has alone"
    return None


def divided(model: Architecture, text: str | None) -> Architecture:
    """The model with a run of layers of their own for those whose weights the host keeps.

    >>> from bitnet_cost.inputs.architecture import Architecture
    >>> tiny = Architecture.model_validate(dict(name="tiny", source="doctest", seen="own", hidden_size=8,
    ...     vocab_size=10, layers=[dict(repeat=4, attention=dict(heads=2), ffn=dict(size=32, activation="gelu"))]))
    >>> [layer.repeat for layer in divided(tiny, "layers=1").layers]
    [3, 1]
    """
    return model.cut_after(model.depth - parse_offload(text).layers)
