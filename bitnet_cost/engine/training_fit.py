"""Plans that hold a training step: that with fewest devices, and small changes of one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from bitnet_cost.engine.training_memory import counted, step_memory
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.training import Plan, TrainingFormat, TrainingRuntime, usual_batch
from bitnet_cost.ledger.counted import OpCounts

MOST = 16384
_POWERS = tuple(2**i for i in range(15))


def _plans(plan: Plan, node: int, ep: int) -> Iterator[Plan]:
    """Plans of more and more devices: data-parallel with ZeRO, then tensor-parallel in a node, then stages.

    Numbers above 1 are kept as they were given, others are powers of two; experts are spread over ``ep`` devices.
    """
    ways = (
        (dp * tp * pp * plan.cp, pp, tp, dp)
        for pp in ((plan.pp,) if plan.pp > 1 else _POWERS[:8])
        for tp in ((plan.tp,) if plan.tp > 1 else [t for t in _POWERS[:4] if t <= node])
        for dp in ((plan.dp,) if plan.dp > 1 else _POWERS)
    )
    for devices, pp, tp, dp in sorted(way for way in ways if way[0] <= MOST):
        zero = max(plan.zero, 1 if pp > 1 else 3) if dp > 1 else plan.zero
        batch, each = plan.global_batch, plan.micro_batch * dp
        if batch % each:
            batch = int(usual_batch(each, pp, plan.seq, plan.tokens))
        try:
            yield replace(
                plan, devices=devices, dp=dp, tp=tp, pp=pp, ep=ep, zero=zero, global_batch=batch,
                virtual_stages=plan.virtual_stages if plan.pp > 1 else 1,
            )  # fmt: skip
        except BitnetCostError:
            continue


class Tried(NamedTuple):
    """What a plan is tried for."""

    model: Architecture
    form: TrainingFormat
    hardware: Hardware
    runtime: TrainingRuntime

    def holds(self, plan: Plan, counts: OpCounts | None = None) -> bool:
        """Whether the device that holds most holds its part of a step, of which ``counts`` may be known."""
        try:
            plan.check(self.model)
        except BitnetCostError:
            return False
        counts = counts or counted(self.model, plan)
        peak = step_memory(self.model, counts, plan, self.form, self.runtime).peak
        return bool(peak <= self.hardware.memory.size / 8)


def lighter_plan(tried: Tried, plan: Plan) -> dict[str, Any] | None:
    """The least change of a plan, on the same devices, with which a step fits; None where none does."""
    stages = [stage for stage in (1, 2, 3) if stage > plan.zero and plan.dp > 1 and (stage < 3 or plan.pp == 1)]
    again: list[dict[str, Any]] = [] if plan.recompute == "full" else [{"recompute": "full"}]
    changes: list[dict[str, Any]] = [{"zero": stage} for stage in stages] + again
    changes += [{"zero": stage, **more} for stage in stages for more in again]
    if plan.micro_batch > 1:
        changes += [{"micro_batch": 1, **more} for more in ({}, *again)]
    for change in changes:
        try:
            if tried.holds(replace(plan, **change)):
                return change
        except BitnetCostError:
            continue
    return None


def smallest_plan(
    model: Architecture, form: TrainingFormat, hardware: Hardware, runtime: TrainingRuntime, plan: Plan,
    ep: int,
) -> Plan | None:  # fmt: skip
    """The plan with fewest devices on which a step fits; None where none of up to `MOST` does.

    ``ep``: devices that experts are spread over, which may be more than the plan to begin with has.
    """
    link = hardware.interconnect
    tried, counts = Tried(model, form, hardware, runtime), counted(model, plan)
    for found in _plans(plan, 1 if link is None else link.devices, ep):
        if found.devices > 1 and link is None:
            return None
        if tried.holds(found, counts):
            return found
    return None
