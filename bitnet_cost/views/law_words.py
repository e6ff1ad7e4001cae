"""Sizes and scaling laws in words and tables."""

from __future__ import annotations

import math
from typing import Any

from bitnet_cost.inputs.laws import Law
from bitnet_cost.numerals import digits


def size_text(parameters: float) -> str:
    """Parameters as model names have them.

    >>> size_text(4.83e9), size_text(7e9), size_text(3.04e10), size_text(1.2e12), size_text(math.inf)
    ('4.8B', '7B', '30B', '1.2T', 'none')
    """
    if math.isinf(parameters):
        return "none"
    scale, letter = next((s, x) for s, x in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (0, "")) if parameters >= s)
    return f"{digits(parameters / (scale or 1), 3 if parameters / (scale or 1) >= 100 else 2)}{letter}"


def row(name: str, law: Law) -> dict[str, Any]:
    """A law as a row of the list that people read."""
    low, high = law.parameters
    weights = [side.weight_bits for side in law.sides if side.weight_bits is not None]
    bits = " to ".join(map(str, law.bits)) if law.bits else ", ".join(digits(b, 3) for b in weights) or "of its points"
    return {
        "name": name, "law": law.title, "form": law.form, "bits": bits,
        "parameters": f"{size_text(low)} to {size_text(high)}",
        "source": law.source.partition(",")[0] + (" (recalled)" if law.seen == "memory" else ""),
    }  # fmt: skip
