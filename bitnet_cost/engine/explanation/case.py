"""One result as it is worked through: its operators' terms, and what its devices do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from bitnet_cost.engine.activity import executed_recipe, recipes
from bitnet_cost.engine.activity import on_device as formats_on_device
from bitnet_cost.engine.device import turn_of
from bitnet_cost.engine.estimate import prepared_for
from bitnet_cost.engine.explanation.bases import amount
from bitnet_cost.engine.explanation.work import Expression, Part, Work, product
from bitnet_cost.engine.parallel import Share, repeated
from bitnet_cost.engine.timing import Schedule
from bitnet_cost.errors import BitnetCostError, nearest
from bitnet_cost.result import Activity, OpCounts, Operator, Result

Keep = Callable[[int, int], bool]  # (phase, operator) -> whether it belongs to the cell


def every(p: int, i: int) -> bool:
    """Keeps all phases and operators."""
    return True


class Turn(NamedTuple):
    """What one device does, or one turn of a pipeline, and how it runs there."""

    counts: OpCounts
    activity: Activity  # with the bits that it moves
    plan: Schedule
    share: Share | None  # None: one device


@dataclass(frozen=True)
class Case:
    """A result, the steps so far, and the turn of its devices; ``label`` stands before the names of its steps."""

    work: Work
    result: Result
    turn: Turn | None  # None: a technology node, or a model that does not fit
    label: str = ""

    @property
    def counts(self) -> OpCounts:
        """What one device, or turn, does."""
        return self.turn.counts if self.turn else self.result.counts

    @property
    def turns(self) -> float:
        """How often that runs in all."""
        return float(self.turn.share.turns[0]) if self.turn and self.turn.share else 1.0

    @property
    def together(self) -> str:
        """What the turns make up, in words."""
        return "all turns" if self.result.parallel == "pipeline" else "all devices"

    @property
    def chunk(self) -> float | None:
        """Tokens of one pass of a prefill at most, where the runtime cuts it."""
        chunk = self.result.runtime.cut(self.result.architecture.kind) if self.result.runtime else None
        return None if chunk is None else float(chunk)

    def name(self, p: int, i: int) -> str:
        """A phase and an operator, as they stand before the name of a step."""
        return f"{self.label}{self.counts.phases[p]} {self.counts.operators[i].name}"

    def cells(self, keep: Keep = every) -> list[tuple[int, int]]:
        """Phases and operators, in order."""
        counts = self.counts
        return [(p, i) for p in range(len(counts.phases)) for i in range(len(counts.operators)) if keep(p, i)]

    def terms(self, p: int, i: int, quantity: str, *each: Part, whole: bool = False) -> list[Expression]:
        """What an operator has of a quantity, times ``each``: layers x coefficient x amount, divided among devices.

        ``whole``: over all devices, not in one turn.
        """
        counts = self.result.counts if whole else self.counts
        op = counts.operators[i]
        found = []
        for name, basis, coefficient in op.terms:
            if name != quantity:
                continue
            times = amount(self.work, counts, p, basis, self.label, self.chunk)
            if not times:
                continue
            factors: list[Part] = [float(op.repeat), *_shape(op, name, float(coefficient)), times, *each]
            found.append(product(*factors, over=[] if whole else self.divided(op)))
        return found

    def divided(self, op: Operator) -> list[Part]:
        """The number of tensor-parallel devices that an operator is divided among, if it is."""
        several = self.result.devices > 1 and self.turn is not None and self.result.parallel == "tensor"
        return [float(self.result.devices)] if several and not repeated(op) else []

    def recipe(self, i: int) -> dict[str, dict[str, float]]:
        """What an operator costs: ``{quantity: {action: times}}``, on a device in the formats that it runs."""
        result, op = self.result, self.counts.operators[i]
        plain = recipes((op,), result.precision, result.accumulator)[0]
        if result.hardware.kind == "device":
            if op.group not in ("elementwise", "embedding"):
                plain = executed_recipe(op, result.precision, result.hardware.executed)
            plain = formats_on_device(plain, result.hardware.executed)
        return {quantity: dict(actions) for quantity, actions in plain.items()}


def case_of(work: Work, result: Result, label: str = "") -> Case:
    """A result to be worked through."""
    if result.timing is None:
        return Case(work, result, None, label)
    ready = prepared_for(result)
    assert ready.plan is not None
    counts, activity, bits, share = turn_of(result, ready.part, ready.plan)
    movements = dict(zip(ready.plan.places, bits, strict=True))
    if share is not None:
        movements["interconnect.write"] = share.sent_bits
    return Case(work, result, Turn(counts, replace(activity, movement=movements), ready.plan, share), label)


def _shape(op: Operator, quantity: str, coefficient: float) -> list[float]:
    """A coefficient as inputs x outputs where the matrix of an operator shows them."""
    inputs, outputs = op.shape
    size = {"mac": inputs * outputs, "weights": inputs * outputs, "reduce": (inputs - 1) * outputs}.get(quantity, 0)
    if size and coefficient % size == 0:
        copies = coefficient / size
        first = inputs - 1 if quantity == "reduce" else inputs
        return [float(first), float(outputs), *([copies] if copies != 1 else [])]
    return [coefficient]


def selected(case: Case, cell: str) -> Keep:
    """The phases and operators that ``KIND:NAME`` or ``KIND:PHASE:NAME`` means, NAME an operator or a group.

    All where it names none.

    Raises:
        BitnetCostError: no such operator, group or phase.
    """
    rest = cell.partition(":")[2]
    if not rest:
        return every
    counts = case.counts
    phase, _, name = rest.rpartition(":")
    names, groups = {op.name for op in counts.operators}, {op.group for op in counts.operators}
    known = {"op": names, "group": groups}.get(cell.partition(":")[0], names | groups)
    if name not in known or (phase and phase not in counts.phases):
        close = nearest(name, known)
        hint = f" Did you mean {close!r}?" if close else f" There are {', '.join(sorted(known))}."
        what = "phase" if name in known else "group" if cell.startswith("group") else "operator"
        hint = f" There are {', '.join(counts.phases)}." if what == "phase" else hint
        raise BitnetCostError(f"cell: {cell!r}: no such {what} here.{hint}")

    def keep(p: int, i: int) -> bool:
        op = counts.operators[i]
        mine = op.name == name if name in names and known is not groups else op.group == name
        return mine and (not phase or counts.phases[p] == phase)

    return keep
