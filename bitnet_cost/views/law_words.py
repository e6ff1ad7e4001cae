"""Sizes and scaling laws in words and tables."""

from __future__ import annotations

import math
from typing import Any

from bitnet_cost.inputs.laws import Law
from bitnet_cost.numerals import digits


def size_text(parameters: float, figures: int = 2) -> str:
    """Parameters as names of models have them, in some significant figures, from 100 on in three.

    >>> size_text(4.83e9), size_text(7e9), size_text(3.04e10, 3), size_text(1.15e11), size_text(math.inf)
    ('4.8B', '7B', '30.4B', '115B', 'none')
    """
    if math.isinf(parameters):
        return "none"
    scale, letter = next((s, x) for s, x in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (0.0, "")) if parameters >= s)
    scaled = parameters / (scale or 1)
    return f"{digits(scaled, max(figures, 3) if scaled >= 99.5 else figures)}{letter}"


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
