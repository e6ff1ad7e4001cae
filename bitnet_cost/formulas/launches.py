"""Launches of kernels, and the host that issues them."""

from __future__ import annotations

import numpy as np

from bitnet_cost.formulas.experts import decay
from bitnet_cost.told import Array


def launch_seconds(overhead: float, per_input: float, inputs: float) -> float:
    """Seconds of one launch in which too little runs to matter; some kernels walk their inner dimension.  [s]

    >>> launch_seconds(2e-6, 1e-9, 1000)
    3e-06
    """
    return overhead + per_input * inputs


def unpacking_seconds(slots: float, operations: Array | float) -> Array | float:
    """Seconds of widening one packed weight with slots of units that do ``operations`` a second, two to a slot.  [s]

    Shifts, masks and conversions issue beside or instead of multiply-adds, a weight at a time, of many bits or few: a
    product of few tokens waits for them where its bytes arrive sooner. Frantar et al., MARLIN, 2024, arXiv:2408.11743,
    section 3; Kim et al., Who Says Elephants Can't Run, 2022, arXiv:2211.10017, section 3.

    >>> unpacking_seconds(4, 64e12)
    1.25e-13
    """
    return slots * 2 / operations


def within_rows(rows: Array, most: Array | float) -> Array:
    """1 for a pass of at most ``most`` rows, 0 for one of more: a kernel of few tokens gives way to one of tiles.

    >>> within_rows(np.array([1.0, 8.0, 9.0, 512.0]), 8.0).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    found: Array = np.minimum(np.maximum(most + 1.0 - rows, 0.0), 1.0)
    return found


def packing_seconds(weights: Array, reading: Array | float, rows: Array, most: Array | float = 1.0) -> Array:
    """Seconds in which a product of several rows lays its weights out in panels, before it multiplies.  [s]

    ``reading`` is the time that copying one weight takes. Up to ``most`` rows read them where they are. Goto, van de
    Geijn, Anatomy of High-Performance Matrix Multiplication, 2008, doi:10.1145/1356052.1356053, section 4.

    >>> packing_seconds(np.array([1e6, 1e6, 1e6]), 2e-10, np.array([1.0, 2.0, 64.0])).tolist()
    [0.0, 0.0002, 0.0002]
    """
    panels: Array = weights * reading * (1.0 - within_rows(rows, most))
    return panels


ROWS_OF_ONE = 8  # rows of a tile that take as long as a token without one


def tile_rows(tokens: Array, tile: Array | float) -> Array:
    """Rows that a product of some tokens takes as long as, where tiles have at least ``tile`` rows.

    Few tokens reuse nothing from registers: each takes as long as `ROWS_OF_ONE` rows of a tile, until a tile is
    cheaper. NVIDIA, Matrix Multiplication Background User's Guide, 2023 (tile quantization).

    >>> tile_rows(np.array([1.0, 4.0, 16.0, 100.0]), 56).tolist()
    [8.0, 32.0, 56.0, 100.0]
    """
    rows: Array = np.maximum(tokens, np.minimum(tokens * ROWS_OF_ONE, tile))
    return rows


def padded_queries(queries: Array, tile: int) -> Array:
    """How much more attention calculates where a kernel takes queries in whole tiles.

    >>> [float(padded_queries(np.float64(q), 64)) for q in (1, 96, 128)]
    [64.0, 1.3333333333333333, 1.0]
    """
    more: Array = np.ceil(queries / tile) * tile / np.maximum(queries, 1.0)
    return more


def idle_multiprocessors(queries: Array, tile: int, heads: Array, units: int) -> Array:
    """How much longer attention takes whose kernel gives each multiprocessor a tile of one head's queries.

    ``queries`` of a sequence, ``heads`` of all sequences together. A tile takes all its keys one after the other; with
    fewer tiles than ``units`` the others idle. Dao et al., Flash-Decoding for long-context inference, 2023
    (pytorch.org/blog/flash-decoding).

    >>> [float(idle_multiprocessors(np.float64(q), 64, np.float64(32), 128)) for q in (1, 64, 256)]
    [4.0, 4.0, 1.0]
    """
    longer: Array = np.maximum(1.0, units / np.maximum(heads * np.ceil(queries / tile), 1.0))
    return longer


def shared_steps(prompts: Array) -> Array:
    """Share of a busy server's steps that carry prompts, of which each has ``prompts`` in mean: 1 - exp(-prompts).

    A prompt begins where a sequence ends, and those end independently. Decoding rides along with it: Agrawal et al.,
    SARATHI, 2023, arXiv:2308.16369, section 4.2 (decode-maximal batches).

    >>> [round(float(shared_steps(np.float64(x))), 3) for x in (0.1, 1.0)]
    [0.095, 0.632]
    """
    share: Array = 1.0 - decay(-1.0 * prompts)
    return share


def host_seconds(per_pass: float, per_sequence: float, batch: Array) -> Array:
    """Seconds of one pass in which the host prepares it.  [s]

    >>> float(host_seconds(0.5, 0.25, np.float64(2.0)))
    1.0
    """
    return per_pass + per_sequence * batch


def host_wait(host: Array, device: Array) -> Array:
    """Seconds that a device waits for a host that prepares while it works.  [s]

    >>> host_wait(np.array([5.0, 1.0]), np.array([2.0, 2.0])).tolist()
    [3.0, 0.0]
    """
    beyond: Array = np.maximum(0.0, host - device)
    return beyond
