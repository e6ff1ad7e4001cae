"""The plan with fewest devices that holds a training step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bitnet_cost.engine.training_memory import counted, step_memory
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.training import Plan, TrainingFormat, TrainingRuntime

MOST = 16384


def _plans(plan: Plan, node: int, runtime: TrainingRuntime) -> Iterator[Plan]:
    """Plans of more and more devices: data-parallel with ZeRO, then tensor-parallel in a node, then stages."""
    devices = 1
    while devices <= MOST:
        for pp in (1, 2, 4, 8, 16, 32, 64):
            for tp in (1, 2, 4, 8):
                dp, left = divmod(devices, tp * pp * plan.cp)
                if left or not dp or tp > node:
                    continue
                zero = max(plan.zero, 1 if pp > 1 else 3) if dp > 1 else plan.zero
                batch = plan.global_batch
                if batch % (plan.micro_batch * dp):
                    batch = plan.micro_batch * dp * (1 if pp == 1 else 4 * pp)
                try:
                    yield replace(
                        plan, devices=devices, dp=dp, tp=tp, pp=pp, ep=min(plan.ep, dp), zero=zero, global_batch=batch,
                        virtual_stages=1,
                    )  # fmt: skip
                except BitnetCostError:
                    continue
        devices *= 2


def smallest_plan(
    model: Architecture, form: TrainingFormat, hardware: Hardware, runtime: TrainingRuntime, plan: Plan
) -> Plan | None:
    """The plan with fewest devices, a power of two, on which a step fits; None where none does."""
    link = hardware.interconnect
    counts = counted(model, plan)
    for found in _plans(plan, 1 if link is None else link.devices, runtime):
        if found.devices > 1 and link is None:
            return None
        try:
            found.check(model)
        except BitnetCostError:
            continue
        if step_memory(model, counts, found, form, runtime).peak <= hardware.memory.size / 8:
            return found
    return None
