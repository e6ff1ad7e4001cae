"""Count, then price: the whole model in a few lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bitnet_cost.engine.activity import count_actions
from bitnet_cost.engine.cost import price, prices_of, saving
from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.footprint import footprint
from bitnet_cost.errors import UnsupportedScope
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware, Scope
from bitnet_cost.inputs.precision import Accumulator, Precision
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.result import Result

NO_CLOCK = "is a technology node: it has prices per operation and no clock, so no time, no static power, no system around it"
SCOPES: dict[Scope, str] = {
    "arithmetic": "the matrix products alone, as in the papers",
    "compute": "matrix products and elementwise work",
}


def check_scope(hardware: Hardware, scope: Scope) -> None:
    """Refuse a scope that the hardware cannot answer.

    Raises:
        UnsupportedScope: with the reason.
    """
    if scope in ("device", "facility"):
        raise UnsupportedScope(f"scope {scope!r}: {hardware.name!r} {NO_CLOCK}. It answers {', '.join(SCOPES)}.")
    if scope not in SCOPES:
        raise UnsupportedScope(f"scope {scope!r}: data movement is not modelled yet. Scopes answered: {', '.join(SCOPES)}.")


def evaluate(
    architecture: Architecture,
    precision: Precision,
    hardware: Hardware,
    workload: Workload,
    *,
    scope: Scope | None = None,
    accumulator: Accumulator = "paper",
) -> Result:
    """Memory and energy of one model in one precision on one piece of hardware, over a workload's whole grid.

    Raises:
        MissingPrice: an action of the precision has no price.
        UnsupportedScope: the hardware cannot answer the scope.
        BitnetCostError: a convention that the architecture excludes.
    """
    scope = scope or hardware.default_scope
    check_scope(hardware, scope)
    counts = count_ops(architecture, workload)
    activity = count_actions(counts, precision, accumulator)
    prices = prices_of(activity, hardware, precision, scope)
    joules = price(activity, prices, scope)
    return Result(
        architecture=architecture,
        precision=precision,
        hardware=hardware,
        workload=counts.workload,
        scope=scope,
        accumulator=accumulator,
        counts=counts,
        activity=activity,
        footprint=footprint(architecture, precision, counts),
        prices=prices,
        joules=joules,
    )


def against(result: Result, baseline: Result) -> Result:
    """The result with its saving over a baseline of the same scope and workload; its own saving is 0."""
    shape = (3, *result.shape)
    if result.precision == baseline.precision:
        zeros = np.zeros(shape)
        return replace(result, baseline=baseline.precision.name, saving=zeros)
    energies = (result.energy_j.ravel(), baseline.energy_j.ravel())
    found = saving(result.activity, baseline.activity, result.prices, baseline.prices, result.scope, energies)
    return replace(result, baseline=baseline.precision.name, saving=found.reshape(shape))
