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
from bitnet_cost.result import OpCounts, Result

NO_CLOCK = (
    "is a technology node: it has prices per operation and no clock, so no time, no static power, no system around it"
)
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
        raise UnsupportedScope(
            f"scope {scope!r}: data movement is not modelled yet. Scopes answered: {', '.join(SCOPES)}."
        )


def measure(
    architecture: Architecture, precision: Precision, hardware: Hardware, workload: Workload, *,
    scope: Scope | None = None, accumulator: Accumulator = "paper", counts: OpCounts | None = None,
) -> Result:  # fmt: skip
    """Counts, actions and memory, not yet priced: what is known whatever the hardware's figures are.

    ``counts`` of the same architecture and workload save counting again.

    Raises:
        BitnetCostError: a convention that the architecture excludes.
    """
    if counts is None:
        counts = count_ops(architecture, workload)
    return Result(
        architecture=architecture,
        precision=precision,
        hardware=hardware,
        workload=counts.workload,
        scope=scope or hardware.default_scope,
        accumulator=accumulator,
        counts=counts,
        activity=count_actions(counts, precision, accumulator),
        footprint=footprint(architecture, precision, counts),
    )


def priced(result: Result) -> Result:
    """The result with its energy.

    Raises:
        UnsupportedScope: the hardware cannot answer the scope.
        MissingPrice: an action of the precision has no price.
    """
    check_scope(result.hardware, result.scope)
    prices = prices_of(result.activity, result.hardware, result.precision, result.scope)
    return replace(result, prices=prices, joules=price(result.activity, prices, result.scope))


def evaluate(
    architecture: Architecture, precision: Precision, hardware: Hardware, workload: Workload, *,
    scope: Scope | None = None, accumulator: Accumulator = "paper",
) -> Result:  # fmt: skip
    """Memory and energy of one model in one precision on one piece of hardware, over a workload's whole grid.

    Raises:
        UnsupportedScope, MissingPrice, BitnetCostError: see `priced` and `measure`.
    """
    return priced(measure(architecture, precision, hardware, workload, scope=scope, accumulator=accumulator))


def against(result: Result, baseline: Result) -> Result:
    """The result with its saving over a baseline of the same scope and workload; its own saving is 0."""
    shape = (3, *result.shape)
    if result.precision == baseline.precision:
        zeros = np.zeros(shape)
        return replace(result, baseline=baseline.precision.name, saving=zeros)
    found = saving(result.activity, baseline.activity, {**baseline.prices, **result.prices}, result.scope)
    return replace(result, baseline=baseline.precision.name, saving=found.reshape(shape))
