"""What kernels calculate that no result needs: tiles not full, waves not full, masked pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np

from bitnet_cost.formulas.launches import idle_multiprocessors, padded_queries, tile_rows, within_rows
from bitnet_cost.formulas.pairs import rectangle_share
from bitnet_cost.formulas.tiling import EMPTY, last_wave, missed_share, wave_share
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.runtime import Kernel, RuntimeProfile
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array, array


class Tiled(NamedTuple):
    """An operator of attention whose kernel gives a tile of one head's queries to a multiprocessor."""

    row: int
    queries: int  # of a tile
    width: float  # entries of a query in all layers
    multiprocessors: int


# Of each product: row of the table, outer side as it is launched, whether tensor-parallel devices share that.
Sides = tuple[tuple[int, float, bool], ...]
INNER = ("output", "down")  # matrices whose inputs tensor-parallel devices share
ENTRY = 2  # bytes of an input of a product in blocks


class Waves(NamedTuple):
    """Products whose tiles run in waves."""

    columns: Sides
    multiprocessors: int

    def of(self, rows: list[int]) -> Waves:
        """Those of some operators of the table."""
        return self._replace(columns=_moved(self.columns, rows))

    def unfilled(self, tokens: Array, devices: int) -> Iterator[tuple[int, Array]]:
        """How much longer each takes for some ``tokens`` than if every multiprocessor worked to the end."""
        for row, wide, shared in self.columns:
            share = wave_share(tokens, wide / devices if shared else wide, self.multiprocessors)
            yield row, np.maximum(1.0, 1.0 / share)


class Blocks(NamedTuple):
    """Products whose result is made in blocks of few entries, in waves."""

    columns: Sides
    tile: tuple[int, int]  # rows and outputs of a block
    multiprocessors: int
    each: int  # blocks that a multiprocessor works on at once
    inputs: tuple[tuple[float, bool], ...]  # of each product, and whether tensor-parallel devices share them
    keeps: float = np.inf  # entries of a block's rows that stay near

    def of(self, rows: list[int]) -> Blocks:
        """Those of some operators of the table."""
        inputs = tuple(compress(self.inputs, (row in rows for row, _, _ in self.columns)))
        return self._replace(columns=_moved(self.columns, rows), inputs=inputs)

    def unfilled(self, tokens: Array, devices: int) -> Iterator[tuple[int, Array]]:
        """How much longer each takes for some ``tokens`` than if the last wave were full."""
        tall, high = self.tall(tokens), np.minimum(tokens, self.tile[0])
        for (row, outer, shared), (inner, parted) in zip(self.columns, self.inputs, strict=True):
            wide = np.ceil((outer / devices if shared else outer) / self.tile[1])
            missed = missed_share(high * (inner / devices if parted else inner), self.keeps)
            yield row, last_wave(tall * wide, self.multiprocessors, self.each, missed)

    def tall(self, tokens: Array) -> Array:
        """Blocks that some tokens fill, the last one not whole."""
        return np.maximum(np.ceil(tokens / self.tile[0]), 1.0)


def waves_of(
    ops: tuple[Operator, ...], kernels: Sequence[Kernel | None], runtime: RuntimeProfile, hardware: Hardware
) -> Waves | None:
    """Those of a run; None where no kernel has them, or the device does not say its multiprocessors."""
    rows, _ = products_with("waves", ops, kernels)
    if hardware.multiprocessors is None or not rows:
        return None
    return Waves(outer_sides(ops, rows, runtime), hardware.multiprocessors)


def blocks_of(
    ops: tuple[Operator, ...], kernels: Sequence[Kernel | None], runtime: RuntimeProfile, hardware: Hardware
) -> Blocks | None:
    """Those of a run whose kernel works on several at once, of one class of kernels; None as in `waves_of`."""
    rows, kernel = products_with("blocks", ops, kernels)
    if hardware.multiprocessors is None or kernel is None:
        return None
    tile = (kernel.reads_rows or 1, kernel.reads_outputs or 1)
    keeps = kernel.keeps / ENTRY if kernel.keeps else np.inf
    return Blocks(outer_sides(ops, rows, runtime), tile, hardware.multiprocessors, kernel.blocks or 1,
                  inner_sides(ops, rows), keeps)  # fmt: skip


class Few(NamedTuple):
    """Products of few rows whose kernel is another, of smaller blocks."""

    blocks: Blocks
    most: int  # rows
    slower: float | Array  # how much longer a full wave of them takes

    def of(self, rows: list[int]) -> Few:
        """Those of some operators of the table."""
        return self._replace(blocks=self.blocks.of(rows))

    def padding(self, tokens: Array) -> Array:
        """How much longer they take for some ``tokens`` than full tiles of the other kernel."""
        return (1.0 + self.empty(tokens)) * self.slower

    def empty(self, tokens: Array) -> Array:
        """Rows of their tiles that hold no token, over those that hold one."""
        return self.blocks.tall(tokens) * self.blocks.tile[0] / np.maximum(tokens, 1.0) - 1.0


def few_of(
    ops: tuple[Operator, ...], kernels: Sequence[Kernel | None], runtime: RuntimeProfile, hardware: Hardware
) -> Few | None:
    """Those of a run, of one class of kernels; None as in `waves_of`."""
    rows, kernel = products_with("few_tile", ops, kernels)
    if hardware.multiprocessors is None or kernel is None:
        return None
    high, wide = kernel.few_tile or (1, 1)
    sides = outer_sides(ops, rows, runtime)
    blocks = Blocks(sides, (high, wide), hardware.multiprocessors, 1, inner_sides(ops, rows))
    slower = kernel.compute.value / kernel.few_compute.value if kernel.compute and kernel.few_compute else 1.0
    return Few(blocks, kernel.few_rows or 0, slower)


def products_with(
    figure: str, ops: tuple[Operator, ...], kernels: Sequence[Kernel | None]
) -> tuple[list[int], Kernel | None]:
    """Rows of the products whose kernel has a figure, and the kernel of the first."""
    pairs = enumerate(zip(ops, kernels, strict=True))
    rows = [i for i, (op, kernel) in pairs if kernel and getattr(kernel, figure) and op.shape[1]]
    return rows, kernels[rows[0]] if rows else None


def _moved(columns: Sides, rows: list[int]) -> Sides:
    """Those of some operators of the table, at their places among these."""
    return tuple((rows.index(row), wide, shared) for row, wide, shared in columns if row in rows)


def outer_sides(ops: tuple[Operator, ...], rows: list[int], runtime: RuntimeProfile) -> Sides:
    """Outer sides of the products in some ``rows`` as they are launched.

    A product that runs as one with the one before it, whose input it shares, adds its outer side to it.
    """
    first, leading, together = rows[0], {}, dict.fromkeys(rows, 0.0)
    for i in rows:
        if ops[i].traits.fused != "projections" or not runtime.fused_projections:
            first = i
        leading[i] = first
        together[first] += ops[i].shape[1]
    shared = {i: ops[i].traits.split and ops[i].traits.tensor not in INNER for i in rows}
    return tuple((i, together[leading[i]], shared[i]) for i in rows)


def inner_sides(ops: tuple[Operator, ...], rows: list[int]) -> tuple[tuple[float, bool], ...]:
    """Inputs of the products in some ``rows``, and whether tensor-parallel devices share them."""
    return tuple((float(ops[i].shape[0]), ops[i].traits.split and ops[i].traits.tensor in INNER) for i in rows)


def query_tiles(ops: tuple[Operator, ...], kernels: Sequence[Kernel | None], hardware: Hardware) -> tuple[Tiled, ...]:
    """Operators whose kernels work on tiles of queries; none where the device does not say its multiprocessors."""
    units = hardware.multiprocessors
    if units is None:
        return ()
    found = []
    for i, (op, kernel) in enumerate(zip(ops, kernels, strict=True)):
        if kernel and kernel.query_tile and op.has("kv_read"):
            width = next(each for quantity, _, each in op.terms if quantity == "kv_read") / op.cached_heads
            found.append(Tiled(i, kernel.query_tile, width * op.repeat, units))
    return tuple(found)


def unfused(ops: tuple[Operator, ...], kernels: Sequence[Kernel | None]) -> Array | None:
    """Whether an operator is a product of attention whose scores go to memory: its rectangle is calculated.  [op, 1]"""
    found = [
        bool(k and k.bytes_per_pair is not None and op.group == "attention" and op.has("mac"))
        for op, k in zip(ops, kernels, strict=True)
    ]
    return np.array(found)[:, None] if any(found) else None


class Tiles(NamedTuple):
    """Where kernels of a runtime work on whole tiles."""

    queries: tuple[Tiled, ...]  # attention that takes queries in tiles
    waves: Waves | None  # products whose tiles run in waves; None: nowhere
    blocks: Blocks | None  # the same of small blocks
    few: Few | None  # the same where there are few rows
    rows: Array | None  # rows of a product's tile, 1 where it has none, [op, 1]; None: nowhere
    beyond: Array | None  # tokens up to which another kernel runs, without such tiles, [op, 1]; None: nowhere
    chunk: float  # tokens of a pass of a prefill at most

    def of(self, rows: list[int]) -> Tiles:
        """The same of some operators."""
        queries = tuple(tile._replace(row=rows.index(tile.row)) for tile in self.queries)
        return Tiles(queries, self.waves and self.waves.of(rows), self.blocks and self.blocks.of(rows),
                     self.few and self.few.of(rows), None if self.rows is None else self.rows[rows],
                     None if self.beyond is None else self.beyond[rows], self.chunk)  # fmt: skip

    def passed(self, tokens: Array) -> Array:
        """Tokens of a pass, a prompt cut into chunks, of those of a whole one, [phase, 1, n].  [phase, n]"""
        return np.minimum(tokens[:, 0], self.chunk)

    def empty(self, counts: OpCounts, operators: int) -> Array | None:
        """Energy of rows of tiles without a token, over that of those with one; None: nowhere.  [phase, op, n]"""
        if self.few is None:
            return None
        tokens = self.passed(rows_of(counts))
        spent = EMPTY * self.few.empty(tokens) * within_rows(tokens, self.few.most)
        rows = {row for row, _, _ in self.few.blocks.columns}
        return np.stack([spent if row in rows else np.zeros(spent.shape) for row in range(operators)], 1)

    def worked(self, counts: OpCounts, shape: tuple[int, ...], devices: int) -> tuple[Array, Array]:
        """How much longer products take where kernels work on whole tiles, and how much of it units idle.

        Both are factors, [phase, op, n]: of the arithmetic that fills tiles, and of the units that have no tile.
        ``devices`` divide each matrix.
        """
        _, prompt, generate = counts.workload.flat()
        widths = array([phase.width(prompt, generate) for phase in counts.phases])
        tokens, padded = rows_of(counts), np.ones(shape)
        if self.rows is not None:
            filled = tile_rows(tokens, self.rows) / np.maximum(tokens, 1.0)
            if self.beyond is not None:
                filled = filled + (1.0 - filled) * within_rows(tokens, self.beyond)
            padded = padded * filled
        padding, idle = list(padded.swapaxes(0, 1)), list(np.ones(shape).swapaxes(0, 1))
        brought = counts["inputs"] + counts["outputs"]
        for row, tile, width, units in self.queries:
            heads = brought[:, row] / np.maximum(counts.passes * widths, 1.0) / width
            padding[row] = padding[row] * padded_queries(widths, tile)
            idle[row] = idle[row] * idle_multiprocessors(widths, tile, heads, units)
        passed = self.passed(tokens)
        if self.waves is not None:
            prompts = np.array([phase.prompts for phase in counts.phases])[:, None]
            for row, longer in self.waves.unfilled(passed, devices):
                idle[row] = idle[row] * np.where(prompts, longer, 1.0)
        if self.few is not None:
            within, filled = within_rows(passed, self.few.most), self.few.padding(passed)
            for row, longer in self.few.blocks.unfilled(passed, devices):
                padding[row] = padding[row] + (filled - padding[row]) * within
                idle[row] = idle[row] * (1.0 + (longer - 1.0) * within)
        if self.blocks is not None:  # few tokens take as long as a tile before it matters how many blocks they fill
            for row, longer in self.blocks.unfilled(passed, devices):
                idle[row] = idle[row] * np.maximum(1.0, longer / padding[row])
        return np.stack(padding, 1), np.stack(idle, 1)


def tiles_of(
    ops: tuple[Operator, ...], kernels: Sequence[Kernel | None], runtime: RuntimeProfile, hardware: Hardware
) -> Tiles | None:
    """Those of a run; None where no kernel has any."""
    rows = [float(k.row_tile or 1) if k else 1.0 for k in kernels]
    queries, waves = query_tiles(ops, kernels, hardware), waves_of(ops, kernels, runtime, hardware)
    blocks, few = blocks_of(ops, kernels, runtime, hardware), few_of(ops, kernels, runtime, hardware)
    if not (queries or waves or blocks or few or any(k and k.row_tile for k in kernels)):
        return None
    padded = array(rows)[:, None] if any(k and k.row_tile for k in kernels) else None
    beyond = [float(k.few_rows or 0) if k and k.row_tile else 0.0 for k in kernels]
    return Tiles(queries, waves, blocks, few, padded, array(beyond)[:, None] if any(beyond) else None,
                 float(runtime.chunk or np.inf))  # fmt: skip


def rows_of(counts: OpCounts) -> Array:
    """Tokens of a pass, which are the rows of its products.  [phase, 1, n]"""
    batch, prompt, generate = counts.workload.flat()
    return (array([phase.width(prompt, generate) for phase in counts.phases]) * batch)[:, None]


def rectangles(counts: OpCounts, runtime: RuntimeProfile) -> Array:
    """Pairs that unfused attention calculates over those attended.  [phase, 1, n]"""
    _, prompt, _ = counts.workload.flat()
    causal = counts.workload.attention == "causal"
    masked = rectangle_share(prompt, runtime.chunk or np.inf) if causal else np.ones_like(prompt)
    return array([masked if phase.prompts else np.ones_like(prompt) for phase in counts.phases])[:, None]
