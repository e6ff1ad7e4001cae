"""YAML files of any kind: what one is, and its content."""

from __future__ import annotations

from pathlib import Path

from bitnet_cost.errors import InvalidFile
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.schema import KINDS
from bitnet_cost.readers import catalog

# Keys that only one kind of file has.
_MARKS = {
    "actions": "hardware", "rates": "hardware", "layers": "model", "linear": "precision",
    "weights_wide": "training-runtime", "logit_bytes": "training-runtime", "kernels": "runtime", "tables": "study",
    "models": "sweep",
}  # fmt: skip


def load_any(path: Path) -> tuple[str, Input]:
    """What a YAML file of ours is, and its content.

    Raises:
        BitnetCostError: an unreadable or invalid file, or none of the kinds.
    """
    document = catalog.read(path)
    keys = document.data if isinstance(document.data, dict) else ()
    kind = next((kind for mark, kind in _MARKS.items() if mark in keys), None)
    if kind is None:
        wanted = ", ".join(f"{mark}: ({kind})" for mark, kind in _MARKS.items() if mark not in ("logit_bytes", "rates"))
        what = "is not a model, hardware profile, precision, runtime, study or sweep; expected one of the keys"
        raise InvalidFile(path, "", f"{what} {wanted}")
    return kind, catalog.own(kind, document, KINDS[kind], path)
