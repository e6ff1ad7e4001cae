"""Several devices: what one of them does, what passes between them, and how the whole follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.formulas.exchange import all_reduce_factor, pipeline_turns
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.ledger.arrays import Coefficients
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array, array, named


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


def split(ops: tuple[Operator, ...], coefficients: Coefficients, devices: int) -> Coefficients:
    """The coefficients of one of ``devices``: its part of what is split, all of what each repeats."""
    share = np.array([1 / devices if op.traits.split else 1.0 for op in ops])
    return {name: {b: column * share for b, column in of.items()} for name, of in coefficients.items()}


def sums_of(ops: tuple[Operator, ...]) -> Array:
    """Sums of the residual stream in one pass that close what several devices did a part of.  [op]"""
    return np.array([float(op.parts * op.repeat) if op.traits.summed else 0.0 for op in ops])


def tensor_share(counts: OpCounts, devices: int, bits: float) -> Share:
    """One of ``devices`` that split every matrix; ``bits`` is the width of the residual stream's entries.

    Each does its part of the products, of the heads and of what follows them, and all of the norms, residuals and
    routers. An all-reduce of the residual stream closes every sum, two a layer (Shoeybi et al., Megatron-LM, 2019,
    arXiv:1909.08053, section 3).
    """
    part = replace(counts, coefficients=split(counts.operators, counts.coefficients, devices))
    summed = sums_of(counts.operators)
    sent: Array = counts["outputs"] * (summed > 0)[:, None] * (bits * all_reduce_factor(devices))
    exchanges = summed[:, None] * counts.passes[:, None, :]
    return Share(part, sent, exchanges, np.full(counts.points, float(devices)), np.ones_like(counts.passes))


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
    return Share(turn, turn["outputs"] * hops * bits, exchanges, turns, wait)
