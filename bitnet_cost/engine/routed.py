"""Routed experts on the device that is worked hardest: the others wait for it, and its rows are padded to tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bitnet_cost.engine.kernels import launches_of, stacked
from bitnet_cost.formulas.experts import fullest_rows, fullest_visits, laid_out_rows, padded_rows, share_visited
from bitnet_cost.inputs.runtime import Kernel, RuntimeProfile
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array, array
from bitnet_cost.words import Parallel


class Routing(NamedTuple):
    """How an operator of experts is routed."""

    experts: int
    per_token: int

    @classmethod
    def of(cls, op: Operator) -> Routing | None:
        """That of an operator; None: it has no experts."""
        if op.traits.kernel != "experts":
            return None
        numbers = ([int(n) for n in basis[1:]] for _, basis, _ in op.terms if basis[0].endswith("experts"))
        return next((cls(*found[-2:]) for found in numbers), None)


# Bits that pass between two grouped products for each input of the second one: two results of the first are written and
# read in 16, the activation is written and read in 16, and written in 8.
BETWEEN_PRODUCTS = 2 * 2 * 16 + 2 * 16 + 8


class Uneven(NamedTuple):
    """Work of the fullest device over that of the mean one, [phase, op, n], 1 where nothing is routed."""

    arithmetic: Array  # rows are padded, too
    weights: Array
    tokens: Array  # of all passes, those of routed operators; 0 elsewhere
    slower: Array  # times in which tiles read over that of small ones
    laid_out: Array  # bits between two products beside those of routed rows, where all room is worked on; 0 elsewhere


def uneven(counts: OpCounts, kernels: Sequence[Kernel | None], devices: int, parallel: Parallel) -> Uneven | None:
    """How much more the fullest of some devices does; None where nothing is routed.

    Devices that have whole experts (`expert`, `data`) differ in what is routed to them; those that have a part of each,
    or other layers, do not.
    """
    routings = [Routing.of(op) for op in counts.operators]
    if not any(routings):
        return None
    apart = devices if parallel in ("expert", "data") else 1
    one, none = np.ones_like(counts.passes), np.zeros_like(counts.passes)
    parts: list[Sequence[Array]] = []
    for op, routing, kernel in zip(counts.operators, routings, kernels, strict=True):
        if routing is None:
            parts.append((one, one, none, one, none))
            continue
        tokens = counts.bases[next(basis for quantity, basis, _ in op.terms if quantity == "mac")]
        each = tokens / np.maximum(counts.passes, 1.0)
        worked = each > 0
        rows = fullest_rows(routing.experts, routing.per_token, each, apart)
        visited = fullest_visits(routing.experts, routing.per_token, each, apart)
        share = share_visited(routing.experts, routing.per_token, each) * (routing.experts / apart)
        mean = np.where(worked, each * (routing.per_token / apart), 1.0)
        large = each > routing.experts / apart
        slower, beside = one, none
        if kernel is not None and kernel.laid_out and kernel.large_tile is not None:
            room = laid_out_rows(routing.experts, routing.per_token, each, apart, kernel.large_tile)
            padded = room * _slower(kernel)
            if op.traits.tensor == "down":
                width = op.shape[0] * op.repeat * BETWEEN_PRODUCTS * (apart / devices)
                beside = np.where(worked, (room - mean) * counts.passes * width, 0.0)
        elif kernel is not None and kernel.tiles_by_experts and kernel.tile and kernel.large_tile:
            few, many = padded_rows(rows, visited, kernel.tile), padded_rows(rows, visited, kernel.large_tile)
            padded = np.where(large, many * _slower(kernel), few)
            if kernel.bandwidth is not None and kernel.large_bandwidth is not None:
                slower = np.where(large, kernel.bandwidth.value / kernel.large_bandwidth.value, 1.0)
        else:
            padded = _tiled(rows, visited, kernel)
        weights = np.where(worked, visited / np.where(worked, share, 1.0), 1.0)
        parts.append((np.where(worked, padded / mean, 1.0), weights, tokens, slower, beside))
    return Uneven(*(array(list(part)).swapaxes(0, 1) for part in zip(*parts, strict=True)))


def _slower(kernel: Kernel) -> float:
    """Times that a row takes in large tiles over that in small ones."""
    if kernel.compute is None or kernel.large_compute is None:
        return 1.0
    slower: float = kernel.compute.value / kernel.large_compute.value
    return slower


def _tiled(rows: Array, visited: Array, kernel: Kernel | None) -> Array:
    """Rows that a kernel works on at the rate of its small tiles, in small or large ones, whichever take less time."""
    if kernel is None or kernel.tile is None:
        return rows
    small = padded_rows(rows, visited, kernel.tile)
    if kernel.large_tile is None:
        return small
    least: Array = np.minimum(small, padded_rows(rows, visited, kernel.large_tile) * _slower(kernel))
    return least


def sorting_of(ops: tuple[Operator, ...], kernels: Sequence[Kernel | None], runtime: RuntimeProfile) -> Array | None:
    """Seconds of kernels that sort, gather, quantise and sum routed rows: of a pass, a token, a decoding sequence.

    They work, so that the device draws more than between kernels. None where nothing is routed. A kernel that is
    launched for each expert takes its time as often, though most have no rows (Lin, moe wna16 marlin kernel, 2025,
    github.com/vllm-project/vllm/pull/14447, on what it replaces).  [3, op, 1]
    """
    if not any(op.traits.kernel == "experts" for op in ops):
        return None
    found: list[list[float | Array]] = [[], [], []]
    for op, kernel in zip(ops, kernels, strict=True):
        launches = launches_of(op, kernel, runtime) * op.repeat if kernel and op.traits.kernel == "experts" else 0.0
        routing = Routing.of(op)
        experts = routing.experts if kernel and kernel.each_expert and routing else 1
        figures = (kernel.overhead, kernel.per_token, kernel.per_sequence) if kernel else (None, None, None)
        for row, figure, times in zip(found, figures, (experts, 1, 1), strict=True):
            row.append(launches * times * figure.value if figure else 0.0)
    return np.stack(np.broadcast_arrays(*(stacked(row) for row in found)))


def sorted_seconds(counts: OpCounts, sorting: Array, tokens: Array) -> Array:
    """Seconds in which rows of routed tokens are sorted to their experts and back.  [phase, op, n]"""
    decoding = np.array([0.0 if phase.prompts else 1.0 for phase in counts.phases])[:, None, None]
    seconds: Array = sorting[0] * counts.passes[:, None, :] + (sorting[1] + sorting[2] * decoding) * tokens
    return seconds
