"""One model on one piece of hardware in several precisions: what each needs, against which, and what else would fit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bitnet_cost.engine.estimate import cannot_share, measure, prepare, priced
from bitnet_cost.errors import MissingPrice
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog, machines, quality

FIT_PRECISIONS = ("fp32", "fp16", "int8", "int4", "bitnet-b1.58", "bitnet")
USUAL_BASELINES = ("fp16", "bf16")  # on devices; the first that is asked for, else the first
NODE_BASELINE = "fp32"


@dataclass(frozen=True, eq=False)
class Cell:
    """One model on one hardware, counted once, to be priced in one precision after another."""

    asked: Scenario  # of any of the precisions
    counts: OpCounts
    _fits: dict[str, bool] = field(default_factory=dict)

    def fits(self, precision: Precision) -> bool:
        """Whether it fits in a precision."""
        if precision.name not in self._fits:
            found = measure(self.asked.but(precision=precision), counts=self.counts).fits
            self._fits[precision.name] = bool(found)
        return self._fits[precision.name]

    def refused_or_priced(self, asked: Scenario, faults: list[MissingPrice]) -> Result:
        """The energy in one of its precisions, or why there is none; a price that is missing joins the faults."""
        ready = prepare(asked)
        measured = measure(asked, counts=self.counts, prepared=ready)
        measured = replace(measured, quality=quality.published(asked.model.name, asked.precision.name))
        try:
            return priced(measured, ready)
        except MissingPrice as fault:
            faults.append(fault)
            return replace(measured, reason=f"no {fault.lacking}")


def baseline_in(cell: Cell, row: list[Result], asked: Precision | None, faults: list[MissingPrice]) -> Result | None:
    """The result that savings refer to: the asked one, else the usual one, else the widest that has an energy.

    The usual one is priced for it if need be; the widest is of the row.
    """
    if asked is not None:
        return cell.refused_or_priced(cell.asked.but(precision=asked), faults)
    in_row = {r.precision.name: r for r in row}
    names = USUAL_BASELINES if cell.asked.hardware.has_clock else (NODE_BASELINE,)
    name = next((n for n in names if n in in_row), names[0])
    usual = in_row.get(name) or cell.refused_or_priced(cell.asked.but(precision=catalog.precision(name)), [])
    if usual.has_energy:
        return usual
    answered = [r for r in row if r.has_energy]
    return max(answered, key=lambda r: r.precision.linear.weights.bits, default=None)


def with_what_fits(cell: Cell, result: Result) -> Result:
    """A result that does not fit, its reason naming the widest precision that would."""
    for name in FIT_PRECISIONS:
        other = catalog.precision(name)
        narrower = other.linear.weights.bits < result.precision.linear.weights.bits
        if narrower and cell.fits(other):
            needed = result.devices_needed
            promised = needed is not None and needed <= result.hardware.joined_at_most
            so_many = "one" if result.devices == 1 else f"these {result.devices}"
            return replace(result, reason=f"{result.reason}{', or' if promised else ';'} {name} would fit {so_many}")
    offload = offload_that_fits(result.scenario)
    return replace(result, reason=f"{result.reason}; one would with --offload {offload}") if offload else result


def offload_that_fits(asked: Scenario) -> str | None:
    """What the host would have to keep for a model to fit one device: its experts, or nothing that helps."""
    if asked.offload is not None or asked.devices > 1 or not any(layer.moe for layer in asked.model.layers):
        return None
    host = asked.but(hardware=machines.hosted(asked.hardware), offload="experts")
    return host.offload if cannot_share(host) is None and measure(host).fits else None
