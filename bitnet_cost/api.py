"""Names in, results out: what the command line and Python users call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bitnet_cost.engine.counts import NOT_COUNTED, count_ops
from bitnet_cost.engine.estimate import against, check_scope, measure, priced
from bitnet_cost.errors import MissingPrice
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware, Scope
from bitnet_cost.inputs.precision import Accumulator, Precision
from bitnet_cost.inputs.workload import AttentionSpan, Counting, Logits, Workload
from bitnet_cost.readers import catalog
from bitnet_cost.result import Answer, OpCounts, Result

CLASSIC_HARDWARE = ("cmos-45nm", "cmos-7nm")
CLASSIC_PRECISIONS = ("fp32", "fp16", "int8", "bitnet")
DEFAULT_BASELINE = "fp32"


def estimate(
    model: str | Architecture,
    hardware: str | Hardware = "cmos-45nm",
    precision: str | Precision = "bitnet",
    *,
    batch: Any = 1,
    prompt: Any = 512,
    generate: Any = 1,
    attention: AttentionSpan | None = None,
    logits: Logits = "last",
    counting: Counting = "serving",
    scope: Scope | None = None,
    accumulator: Accumulator = "paper",
    baseline: str | Precision | None = None,
) -> Result:
    """Memory and energy of one model in one precision on one piece of hardware.

    ``batch``, ``prompt`` and ``generate`` may be arrays that broadcast; every figure of the result then has their
    shape, and an element equals the single estimate to the last bit. With a ``baseline`` the result has its
    `saving`, as ``[least, nominal, most]``.

    >>> result = estimate("llama-2-7b", "cmos-45nm", "fp16", attention="full", logits="all")
    >>> result.parameters, round(2 * float(result.mac) / 1e12, 4)
    (6738415616, 6.9031)

    Raises:
        BitnetCostError: an unknown name, an invalid file or number, a missing price, a scope that cannot be answered.
    """
    workload = Workload(batch, prompt, generate, attention, logits, counting)
    architecture = catalog.model(model) if isinstance(model, str) else model
    profile = catalog.hardware(hardware) if isinstance(hardware, str) else hardware
    chosen = catalog.precision(precision) if isinstance(precision, str) else precision

    def priced_in(what: Precision) -> Result:
        return priced(measure(architecture, what, profile, workload, scope=scope, accumulator=accumulator))

    result = priced_in(chosen)
    if baseline is None:
        return result
    other = catalog.precision(baseline) if isinstance(baseline, str) else baseline
    return against(result, priced_in(other))


def answer(
    models: Sequence[Architecture],
    hardware: Sequence[Hardware],
    precisions: Sequence[Precision],
    workload: Workload,
    *,
    scope: Scope | None = None,
    accumulator: Accumulator = "paper",
    baseline: Precision | None = None,
) -> Answer:
    """Every model on every hardware in every precision, each against the baseline of its model and hardware.

    A cell that has no price is a result with its ``reason`` and no energy, as long as another cell has one.
    The baseline is the one given, else FP32, else the widest asked precision that has an energy.

    Raises:
        BitnetCostError: bad input, or MissingPrice where no cell at all has an energy.
    """
    results: list[Result] = []
    faults: list[MissingPrice] = []
    accumulated: dict[tuple[str, str, str], float] = {}
    wider: dict[tuple[str, str, str], float] = {}
    for architecture in models:
        counts = count_ops(architecture, workload)
        for profile in hardware:
            check_scope(profile, scope or profile.default_scope)
            cell = _Cell(architecture, profile, workload, counts, scope)
            row = [cell.refused_or_priced(precision, accumulator, faults) for precision in precisions]
            reference = _baseline(cell, row, baseline, accumulator)
            for result in row:
                results.append(against(result, reference) if reference and result.joules else result)
                if not result.joules or result.shape:
                    continue
                key = (architecture.name, profile.name, result.precision.name)
                if reference and result.precision.linear.accumulator and accumulator == "paper":
                    exact = cell.saving(result.precision, reference.precision, "int32")
                    if exact is not None:
                        accumulated[key] = exact
                if result.scope == "arithmetic":
                    wider[key] = _energy_in(result, "compute")
    if not any(result.joules for result in results):
        raise faults[0]
    return Answer(tuple(results), accumulated, wider, NOT_COUNTED)


@dataclass(frozen=True)
class _Cell:
    """One model on one hardware, counted once, to be priced in one precision after another."""

    architecture: Architecture
    hardware: Hardware
    workload: Workload
    counts: OpCounts
    scope: Scope | None

    def priced(self, precision: Precision, accumulator: Accumulator) -> Result:
        return priced(self._measured(precision, accumulator))

    def refused_or_priced(self, precision: Precision, accumulator: Accumulator, faults: list[MissingPrice]) -> Result:
        measured = self._measured(precision, accumulator)
        try:
            return priced(measured)
        except MissingPrice as fault:
            faults.append(fault)
            return replace(measured, reason=f"no price for {fault.action}")

    def saving(self, precision: Precision, baseline: Precision, accumulator: Accumulator) -> float | None:
        """Nominal saving with another accumulator; None where that has no price."""
        try:
            found = against(self.priced(precision, accumulator), self.priced(baseline, accumulator))
        except MissingPrice:
            return None
        return None if found.saving is None else float(found.saving[1])

    def _measured(self, precision: Precision, accumulator: Accumulator) -> Result:
        return measure(
            self.architecture, precision, self.hardware, self.workload,
            scope=self.scope, accumulator=accumulator, counts=self.counts,
        )  # fmt: skip


def _baseline(cell: _Cell, row: list[Result], asked: Precision | None, accumulator: Accumulator) -> Result | None:
    """The result that savings refer to: the asked one, else FP32, else the widest that has an energy."""
    if asked is not None:
        return cell.priced(asked, accumulator)
    widest = catalog.precision(DEFAULT_BASELINE)
    default = next((r for r in row if r.precision is widest), None) or cell.refused_or_priced(widest, accumulator, [])
    if default.joules:
        return default
    answered = [r for r in row if r.joules]
    return max(answered, key=lambda r: r.precision.linear.weights.bits, default=None)


def _energy_in(result: Result, scope: Scope) -> float:
    try:
        return float(priced(replace(result, scope=scope)).energy_j)
    except MissingPrice:
        return float("nan")
