"""What a ``config.json`` says of its stored weights and of further layers: nothing is counted by it, nothing hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bitnet_cost.errors import InvalidFile
from bitnet_cost.inputs.architecture import MOST_LAYERS, Checkpoint
from bitnet_cost.readers.families.fields import short

_BITS = ("bits", "w_bit", "nbits", "num_bits")  # of a weight, as the methods spell it
_CLOSEST = {"fp8": "fp8", "fbgemm_fp8": "fp8", "mxfp4": "mxfp4", "bitnet": "bitnet-b1.58"}  # by method
_WORDS = {"bitnet": "BitNet, ternary", "mxfp4": "MXFP4, 4 bit"}
_MULTI_TOKEN = ("num_nextn_predict_layers", "num_mtp_layers", "mtp_num_hidden_layers")


def checkpoint(config: Mapping[str, Any], file: object) -> Checkpoint | None:
    """What the file says of its weights and of further layers: it changes no count, and an answer must not hide it."""
    weights, precision = _quantised(config.get("quantization_config"))
    name, further = next(((n, config[n]) for n in _MULTI_TOKEN if config.get(n) is not None), ("", 0))
    if type(further) is not int or not 0 <= further <= MOST_LAYERS:
        raise InvalidFile(file, name, f"{short(further)}: expected a whole number from 0 to {MOST_LAYERS}")
    parts = f"{further} layer{'s' if further > 1 else ''} for multi-token prediction ({name})" if further else ""
    return Checkpoint(weights=weights, precision=precision, parts=parts) if weights or parts else None


def _quantised(given: Any) -> tuple[str, str]:
    """The format of quantised weights in words, and the precision that comes closest; nothing where there is none."""
    if given is None or given == {}:
        return "", ""
    method = given.get("quant_method") if isinstance(given, dict) else None
    if not isinstance(method, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,30}", method):
        return "a format that its quantization_config does not name", ""
    words = method.upper() if len(method) <= 5 else method
    bits, floating = _weight_bits(given)
    if bits is not None and not floating:
        return f"{words}, {bits} bit", f"w{bits}a{_activation_bits(given)}"
    if bits == 8:
        return f"{words}, FP8", "fp8"
    return _WORDS.get(method, words), _CLOSEST.get(method, "")


def _weight_bits(given: Mapping[str, Any]) -> tuple[int | None, bool]:
    """Bits of a weight, where the configuration says them, and whether they are of a floating-point number."""
    weights = _first_group(given).get("weights")
    for holder in (given, weights if isinstance(weights, dict) else {}):
        for name in _BITS:
            if type(bits := holder.get(name)) is int and 1 <= bits <= 16:
                return bits, holder.get("type") == "float"
    for name, bits in (("load_in_4bit", 4), ("load_in_8bit", 8)):
        if given.get(name) is True:
            return bits, False
    return None, False


def _activation_bits(given: Mapping[str, Any]) -> int:
    """Bits of the activations that meet the weights: 16 where they are not quantised too."""
    inputs = _first_group(given).get("input_activations")
    bits = inputs.get("num_bits") if isinstance(inputs, dict) else None
    return bits if type(bits) is int and 1 <= bits <= 16 else 16


def _first_group(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first group of compressed-tensors, which holds the linear layers."""
    groups = given.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, dict) else None
    return first if isinstance(first, dict) else {}
