"""What products of a training step reach: the waves that their tiles fill."""

from __future__ import annotations

from typing import Any

from bitnet_cost.engine.training_memory import over
from bitnet_cost.engine.training_step import PHASES, Row, Work
from bitnet_cost.formulas.tiling import wave_share
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.training import Plan, TrainingRuntime
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array, array, named


def _sides(op: Operator, plan: Plan) -> tuple[Any, Any]:
    """Inner and outer side of a product on one of the tensor-parallel devices."""
    inner, outer = op.shape
    ways = plan.expert_tp if op.traits.kernel == "experts" else plan.tp
    if op.traits.tensor in ("output", "down"):
        return inner / ways, float(outer)
    return float(inner), outer / (ways if op.traits.split else 1)


def _runs_with(op: Operator, runtime: TrainingRuntime) -> bool:
    """Whether a product runs as one with the one before it, whose input it shares."""
    return op.traits.fused == "projections" and runtime.fused_projections


def filled(work: Work, counts: OpCounts, plan: Plan, hardware: Hardware, runtime: TrainingRuntime) -> Array:
    """Share of the multiprocessors at work in each row's products; 1 where it has none.  [row, n]

    Forward a product's result is tokens by its outer side, backward tokens by its inner side, and the two sides of the
    weights. Experts have the tokens that are routed to each of them, from all devices that they are spread over.
    """
    rows, units = work.rows, hardware.multiprocessors
    tokens = plan.micro_batch * plan.seq / plan.cp
    found: list[Any] = [tokens * 0 + 1.0] * len(rows)
    if units is None:
        return array(found)
    leading: dict[int, int] = {}
    outer: dict[int, Any] = {}
    latest: dict[int, int] = {}
    for i, row in enumerate(rows):
        if not row.op.matrices or not row.op.shape[0] or not row.macs:
            continue
        first = latest[row.phase] if _runs_with(row.op, runtime) else i
        latest[row.phase] = leading[i] = first
        outer[first] = outer.get(first, 0.0) + _sides(row.op, plan)[1]
    routed = {row.op.name: _routed(row, counts, plan) for row in rows if row.kind == "experts" and row.phase == 0}
    for i, first in leading.items():
        row = rows[i]
        inner, wide = _sides(rows[first].op, plan)[0], outer[first]
        many = routed[row.op.name] if row.kind == "experts" else tokens
        share = wave_share(many, wide, units)
        if row.phase:
            share = 2 / (1 / wave_share(many, inner, units) + 1 / wave_share(inner, wide, units))
        found[i] = named(share + tokens * 0, f"{PHASES[row.phase]} {row.op.name}, share of units at work", "1")
    return array(found)


def _routed(row: Row, counts: OpCounts, plan: Plan) -> Any:
    """Tokens that each expert works on at once, from all devices that experts are spread over."""
    each = row.op.shape[0] * row.op.shape[1] * row.op.matrices * row.op.repeat
    return over(row.macs, counts.bases) / each / plan.cp * plan.ep
