"""Several devices: what one of them does, what passes between them, and how the whole follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.kernels import query_heads
from bitnet_cost.engine.routed import Routing
from bitnet_cost.formulas.exchange import all_reduce_factor, copies_sent, pipeline_turns
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.ledger.arrays import Coefficients
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array, array, named
from bitnet_cost.words import Parallel

WEIGHTS, CACHE = ("weights", "bias_weights"), ("kv_read", "kv_write")


@dataclass(frozen=True, slots=True)
class Share:
    """What one device (tensor-parallel) or one turn of a pipeline does.

    All devices together run its activity ``turns`` times, and a phase takes its seconds times ``wait``.
    """

    counts: OpCounts
    sent_bits: Array  # that each device sends, [phase, op, n]
    exchanges: Array  # messages that are waited for, [phase, op, n]
    turns: Array  # [n]
    wait: Array  # [phase, n]
    devices: int
    parallel: Parallel


def ways(op: Operator, quantity: str, parallel: Parallel) -> float:
    """Among how many devices a quantity of an operator can be divided at most; what more of them do is repeated.

    Tensor-parallel devices have whole key-value heads and all of a latent cache. With data-parallel attention each
    has all weights but those of the experts, and sequences of its own.
    """
    if parallel == "pipeline" or (parallel == "data" and op.traits.kernel == "experts"):
        return math.inf
    if parallel == "data":
        return 1 if quantity in WEIGHTS else math.inf
    if op.cached_heads and (quantity in CACHE or op.has("kv_write")):
        return op.cached_heads
    return math.inf if op.traits.split else 1


def stored_ways(op: Operator, parallel: Parallel) -> float:
    """The same of its weights as they are stored: a table is divided by rows, which one device looks up."""
    table = op.role == "embedding" and parallel in ("tensor", "expert")
    return math.inf if table else ways(op, "weights", parallel)


class Parts(NamedTuple):
    """Into what devices divide a model: as many parts each as it has ``cores``, heads whole or ``filled`` up."""

    devices: int
    parallel: Parallel
    cores: int = 1
    filled: bool = False


def parts_of(devices: int, parallel: Parallel, hardware: Hardware, runtime: RuntimeProfile | None) -> Parts:
    """Those of devices with their runtime; only tensor-parallel software divides a model among cores."""
    if parallel != "tensor":
        return Parts(devices, parallel)
    return Parts(devices, parallel, hardware.cores, runtime is not None and runtime.pads_heads)


def split(ops: tuple[Operator, ...], coefficients: Coefficients, parts: Parts) -> Coefficients:
    """The coefficients of one of several devices: its parts of what is divided, all of what each part repeats.

    Of heads that the parts do not divide each does as many as the fullest.
    """
    many = parts.devices * parts.cores
    heads = {op.layer: round(query_heads(op)) for op in ops if op.has("kv_read")} if parts.filled else {}

    def share(op: Operator, quantity: str) -> float:
        most = ways(op, quantity, parts.parallel)
        whole = heads.get(op.layer, many) if math.isinf(most) else int(most)
        if parts.filled and op.section == "attention" and whole > 1:
            return parts.cores * math.ceil(whole / many) / whole
        return parts.cores / min(many, most)

    return {
        name: {basis: column * np.array([share(op, name) for op in ops]) for basis, column in of.items()}
        for name, of in coefficients.items()
    }


def sums_of(ops: tuple[Operator, ...]) -> Array:
    """Sums of the residual stream in one pass that close what several devices did a part of.  [op]"""
    return np.array([float(op.parts * op.repeat) if op.traits.summed else 0.0 for op in ops])


def tensor_share(counts: OpCounts, parts: Parts, bits: float) -> Share:
    """One of the devices that split every matrix, or have whole experts each; ``bits`` is the residual stream's width.

    Each does its part of the products, of the heads and of what follows them, and all of the norms, residuals and
    routers; see `split`. An all-reduce of the residual stream closes every sum, two a layer
    (Shoeybi et al., Megatron-LM, 2019, arXiv:1909.08053, section 3). Whole experts leave the sums as they are: each
    device adds what its experts made.
    """
    part, devices = replace(counts, coefficients=split(counts.operators, counts.coefficients, parts)), parts.devices
    summed = sums_of(counts.operators)
    sent: Array = counts["outputs"] * (summed > 0)[:, None] * (bits * all_reduce_factor(devices))
    exchanges = summed[:, None] * counts.passes[:, None, :]
    return Share(part, sent, exchanges, np.full(counts.points, float(devices)), np.ones_like(counts.passes),
                 devices, parts.parallel)  # fmt: skip


def data_share(counts: OpCounts, devices: int, bits: float) -> Share:
    """One of ``devices`` with sequences of their own, that share the experts alone.

    A token goes once to each device that has one of its experts, and its results come back: two exchanges of all with
    all in a layer of experts (Lepikhin et al., GShard, 2020, arXiv:2006.16668, section 3.2), and none in another.
    """
    ops = counts.operators
    part = replace(counts, coefficients=split(ops, counts.coefficients, Parts(devices, "data")))
    routed = {op.layer: routing.per_token for op in ops if (routing := Routing.of(op))}
    copies = np.array([
        2 * copies_sent(devices, routed[op.layer]) / op.parts if op.traits.summed and op.layer in routed else 0.0
        for op in ops
    ])  # fmt: skip
    sent: Array = counts["outputs"] * copies[:, None] * (bits / devices)
    turns = np.array([2.0 * op.repeat for op in ops]) * (copies > 0)
    return Share(
        part, sent, turns[:, None] * counts.passes[:, None, :], np.full(counts.points, float(devices)),
        np.ones_like(counts.passes), devices, "data",
    )  # fmt: skip


def pipeline_share(architecture: Architecture, counts: OpCounts, devices: int, bits: float) -> Share:
    """One turn of a pipeline of ``devices`` stages: a micro-batch that passes all of them.

    The batch is cut into as many micro-batches as there are stages, or sequences if fewer, all of their mean size,
    which need not be whole. In decode each stage works for another micro-batch, and a token of every sequence comes
    out in the time of one turn. A prefill of m equal micro-batches takes (N + m - 1) / N turns, the pipeline being
    filled and drained (Huang et al., GPipe, 2019, arXiv:1811.06965, section 2.3); of unequal ones all pass the first
    stage, and the largest then the N - 1 others. Weights are read once per turn. The residual stream passes N - 1
    times a turn.
    """
    batch, _, _ = counts.workload.flat()
    cut = np.minimum(batch, devices)
    largest = np.ceil(batch / cut)
    turns = np.ceil(batch / largest)
    asked = counts.workload.one_of(turns)
    turn = count_ops(architecture, asked, counts.operators, counts.coefficients, counts.bases.names)
    sums = sums_of(turn.operators)
    hops = ((sums > 0) * (devices - 1) / max(float(sums.sum()), 1.0))[:, None]
    exchanges = sums[:, None] / max(float(sums.sum()), 1.0) * (devices - 1) * turn.passes[:, None, :]
    filling = named(pipeline_turns(batch, largest, turns, devices), "turns of the pipeline", "turn", local=True)
    wait = array([filling if phase.fills else np.ones(turn.points) for phase in turn.phases])
    return Share(turn, turn["outputs"] * hops * bits, exchanges, turns, wait, devices, "pipeline")
