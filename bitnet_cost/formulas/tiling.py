"""What a tiled product reads again, and the waves that its tiles fill."""

from __future__ import annotations

from typing import Any

import numpy as np

TILE = (256, 128)  # entries of a product's result that one multiprocessor works on at once


def read_again(size: Any, tile: Any) -> Any:
    """How often a product reads an operand beyond once, whose other operand is cut into tiles along ``size``.

    A block makes the sums of one tile, and blocks share nothing: NVIDIA, Matrix Multiplication Background User's Guide,
    2023, section 2 (tiling).

    >>> [float(read_again(rows, 16)) for rows in (1.0, 16.0, 17.0, 512.0)]
    [0.0, 0.0, 1.0, 31.0]
    >>> float(read_again(512.0, np.inf))  # no tiles
    0.0
    """
    return np.maximum(np.ceil(size / tile), 1.0) - 1


def missed_share(tile: Any, kept: Any) -> Any:
    """Share of a tile, read again for each tile of the other operand, that a cache which keeps ``kept`` of it misses.

    A loop over more than a cache holds misses all of it where the oldest line makes room, and less where any line does
    (Smith & Goodman, A study of instruction cache organizations and replacement policies, ISCA 1983, the loop model):
    a line outlives the misses m of a round with exp(-m x), x = tile / kept, so that m = 0.37, 0.58 and 0.80 at an x of
    1.25, 1.5 and 2. That is 1 + W(-x exp(-x)) / x with Lambert's W, which no sums and products give. Instead a straight
    line up to all of it at twice: 0.12 less than the model at 1.3, 0.2 more at 2, within 0.06 from 3 on. The runtime
    with ``keeps`` was solved with it; between the two no figure of `measured/` moves by more than 2.6 %.

    >>> [float(missed_share(np.float64(tile), 128.0)) for tile in (64.0, 128.0, 160.0, 256.0, 512.0)]
    [0.0, 0.0, 0.25, 1.0, 1.0]
    """
    beyond = (tile - kept) / np.maximum(kept, 1.0)
    return np.minimum(1.0, np.maximum(0.0, beyond))


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


def wave_share(rows: Any, columns: Any, units: int) -> Any:
    """Share of the multiprocessors that work, on average, while a product's result is made tile by tile.

    Tiles run in waves of one a multiprocessor, and the last wave is not full; tiles at an edge are not full either.
    With fewer tiles than multiprocessors, several share a tile along the inner side. NVIDIA, Matrix Multiplication
    Background User's Guide, 2023, sections 3.1 and 3.2 (tile and wave quantisation).

    >>> round(float(wave_share(2048, 7168, 108)), 2), round(float(wave_share(8192, 7168, 108)), 2)
    (0.83, 0.98)
    """
    tall, wide = np.ceil(rows / TILE[0]), np.ceil(columns / TILE[1])
    tiles = tall * wide
    tiles = tiles * np.maximum(1.0, np.floor(units / tiles))
    full = rows * columns / (tall * TILE[0] * wide * TILE[1])
    return full * tiles / (np.ceil(tiles / units) * units)
