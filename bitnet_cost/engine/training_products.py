"""What products of a training step reach: the waves that their tiles fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bitnet_cost.formulas.training import wave_share
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.training import Plan, TrainingRuntime
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array

if TYPE_CHECKING:
    from bitnet_cost.engine.training_step import Row


def _sides(op: Operator, plan: Plan) -> tuple[float, float]:
    """Inner and outer side of a product on one of the tensor-parallel devices."""
    inner, outer = op.shape
    ways = plan.expert_tp if op.traits.kernel == "experts" else plan.tp
    if op.traits.tensor in ("output", "down"):
        return inner / ways, float(outer)
    return float(inner), outer / (ways if op.traits.split else 1)


def _runs_with(op: Operator, runtime: TrainingRuntime) -> bool:
    """Whether a product runs as one with the one before it, whose input it shares."""
    return op.traits.fused == "projections" and runtime.fused_projections


def filled(rows: Sequence[Row], plan: Plan, hardware: Hardware, runtime: TrainingRuntime) -> Array:
    """Share of the multiprocessors at work in each row's products; 1 where it has none.  [row]

    Forward a product's result is tokens by its outer side, backward tokens by its inner side, and the two sides of the
    weights. Experts have the tokens that are routed to each of them, from all devices that they are spread over.
    """
    found = np.ones(len(rows))
    if hardware.multiprocessors is None:
        return found
    units = hardware.multiprocessors
    products = [(i, row) for i, row in enumerate(rows) if row.op.matrices and row.op.shape[0] and row.macs]
    leading, outer = {}, np.zeros(len(rows))
    latest: dict[int, int] = {}
    for i, row in products:
        first = latest[row.phase] if _runs_with(row.op, runtime) else i
        latest[row.phase] = leading[i] = first
        outer[first] += _sides(row.op, plan)[1]
    tokens: float = plan.micro_batch * plan.seq / plan.cp
    for i, row in products:
        inner, wide = _sides(rows[leading[i]].op, plan)[0], outer[leading[i]]
        if row.phase == 0 and row.kind == "experts":
            each = row.op.shape[0] * row.op.shape[1] * row.op.matrices * row.op.repeat
            routed = row.macs / each / plan.cp * plan.ep
        many = routed if row.kind == "experts" else tokens
        if row.phase == 0:
            found[i] = wave_share(many, wide, units)
        else:
            found[i] = 2 / (1 / wave_share(many, inner, units) + 1 / wave_share(inner, wide, units))
    return found
