"""Bits that a tiled product reads again."""

from __future__ import annotations

from typing import Any

import numpy as np


def tiled_bits(weight: Any, activation: Any, accumulator: Any, capacity: Any) -> Any:
    """Bits that cross into a level for each MAC of a product too large for it: 2 sqrt(b_w b_a b_acc / S).  [bit/MAC]

    A tile of r x c sums that stays in S = r c b_acc takes in r activations and c weights for r c MAC, b_a / c + b_w / r
    bits each, which is least where both are equal. With equal widths it is 2 m n k / sqrt(S elements) in all, which no
    order of a product undercuts: Hong & Kung, I/O complexity: the red-blue pebble game, STOC 1981,
    doi:10.1145/800076.802486; the constant 2: Smith et al., A tight I/O lower bound for matrix multiplication, 2019,
    arXiv:1702.02017.

    >>> float(tiled_bits(16, 16, 16, capacity=65536))  # 8 KiB hold 4096 sums, 64 x 64: 64 + 64 entries for 64 x 64 MAC
    0.5
    >>> float(tiled_bits(1, 8, 32, capacity=65536))  # 2048 sums; 1-bit weights come sqrt(16) times cheaper than 16-bit
    0.125
    """
    return 2 * np.sqrt(weight * activation * accumulator / capacity)
