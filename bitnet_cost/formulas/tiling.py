"""What a tiled product reads again, and the waves that its tiles fill."""

from __future__ import annotations

from typing import Any

import numpy as np

TILE = (256, 128)  # entries of a product's result that one multiprocessor works on at once
LAST_WAVE = (0.7, 0.4)
"""Of a wave's time that one takes at least that is not full, where blocks share a multiprocessor, if rows of a block
all stay near and if all are read again. Fewer blocks hide less of what they wait for, but have what the level behind
delivers to themselves. Times of 36 4-bit products of 16 to 512 tokens on an H200, of 4 to 0.1 waves beyond a whole one,
scatter by 3.0 % with these, by 4.3 % with 0.7 and by 3.3 % with 0.5 for all, which steps of narrow models rule out
(benchmarks/device/lowbit_h200.csv, tiles_h200.csv)."""


EMPTY = 0.45
"""Energy of a row of a tile that holds no token, over that of one that holds one: weights move to the units as before,
products are of zeros. An INT8 product of 64 tokens, whose tile is full, spends 0.50 to 0.65 of the price of 32 tokens
more than one of 32: six matrices on an H200 below its limit (benchmarks/device/lowbit_h200.csv, calibrate_h200.csv)."""


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

    1 - kept / tile, what is left of a loop of which a part stays: the least of any replacement (Belady, A study of
    replacement algorithms for a virtual-storage computer, IBM Systems Journal 5(2), 1966, MIN). Blocks that walk the
    same rows, each at a place of its own, come near it: one finds what another has just brought. A single walk misses
    more: all where the oldest line makes room, and where any line does the m of m = 1 - exp(-m tile / kept), 0.58 and
    0.80 at 1.5 and 2 (Smith & Goodman, A study of instruction cache organizations and replacement policies, ISCA 1983,
    the loop model). Powers of 4-bit products whose tiles are 0.5 to 5.4 times what is kept tell them apart: rows that
    constants are solved from scatter by 1.9 % with this, by 3.5 % with a line to all of it at twice.

    >>> [float(missed_share(np.float64(tile), 128.0)) for tile in (0.0, 64.0, 128.0, 256.0, 512.0)]
    [0.0, 0.0, 0.0, 0.5, 0.75]
    """
    return 1 - np.minimum(1.0, kept / np.maximum(tile, 1.0))


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


def last_wave(blocks: Any, units: int, each: int = 1, missed: Any = 0.0) -> Any:
    """How much longer some blocks take than if their last wave were full; ``units`` work on ``each`` at once.

    A wave of one block each takes as long with fewer blocks (NVIDIA, Matrix Multiplication Background User's Guide,
    2023, section 3.2, wave quantisation). Where a unit has several, fewer of them go faster: a wave takes as long as it
    is full, at least `LAST_WAVE`, for the ``missed`` share of a block's rows that is read again (`missed_share`).

    >>> [round(float(last_wave(np.float64(blocks), 132, 4)), 3) for blocks in (264, 528, 640, 8192)]  # 0.5 to 15.5
    [1.4, 1.0, 1.402, 1.012]
    >>> round(float(last_wave(np.float64(640), 132, 4, missed=1.0)), 3)
    1.155
    >>> float(last_wave(np.float64(198), 132))  # one and a half take as long as two
    1.3333333333333333
    """
    waves = blocks / (units * each)
    full = np.ceil(waves) - 1
    stays, again = LAST_WAVE
    return (full + np.maximum(waves - full, stays + (again - stays) * missed if each > 1 else 1.0)) / waves
