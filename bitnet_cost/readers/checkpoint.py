"""What a ``config.json`` says of its stored weights and of further layers: nothing is counted by it, nothing hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bitnet_cost.errors import InvalidFile
from bitnet_cost.inputs.architecture import MOST_LAYERS, Architecture, Checkpoint
from bitnet_cost.inputs.precision import OWN
from bitnet_cost.readers.families.fields import short
from bitnet_cost.readers.quantised import METHODS, method_of, stored_precision

_MULTI_TOKEN = ("num_nextn_predict_layers", "num_mtp_layers", "mtp_num_hidden_layers")


def checkpoint(config: Mapping[str, Any], architecture: Architecture, file: object) -> Checkpoint | None:
    """What the file says of its weights and of further layers: it changes no count, and an answer must not hide it."""
    given, weights, stored = config.get("quantization_config"), "", None
    if isinstance(given, dict) and method_of(given) in METHODS:
        weights, stored = stored_precision(given, config, architecture, file)
    elif given is not None and given != {}:
        method = method_of(given)
        weights = method or "a format that its quantization_config does not name"
    name, further = next(((n, config[n]) for n in _MULTI_TOKEN if config.get(n) is not None), ("", 0))
    if type(further) is not int or not 0 <= further <= MOST_LAYERS:
        raise InvalidFile(file, name, f"{short(further)}: expected a whole number from 0 to {MOST_LAYERS}")
    parts = f"{further} layer{'s' if further > 1 else ''} for multi-token prediction ({name})" if further else ""
    if not (weights or parts):
        return None
    return Checkpoint(weights=weights[:80], precision=OWN if stored else "", parts=parts,
                      multi_token=further or None, stored=stored)  # fmt: skip
