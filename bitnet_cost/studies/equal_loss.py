"""What a model costs, and what the size of equal loss costs in another precision, by every law, per hardware.

A size such as 7B takes at equal loss the shape that the other size has; any other decoder keeps its layers and gets
more of them, or fewer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.difference import Paired, revised
from bitnet_cost.engine.estimate import against, evaluate, measure
from bitnet_cost.engine.footprint import parameters_by_role
from bitnet_cost.engine.operators import operators
from bitnet_cost.errors import BitnetCostError, MissingPrice
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.difference import Difference
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog
from bitnet_cost.readers.size import LARGEST, SMALLEST, parse_size
from bitnet_cost.shown import Shown
from bitnet_cost.studies.scaling_laws import EqualSize, equal_sizes, training_tokens
from bitnet_cost.views.law_words import size_text

BOUNDS = ("low", "nominal", "high")
UNKNOWN = "not known"


@dataclass(frozen=True, eq=False)
class Priced:
    """What one law's size costs on one hardware, against the wide model."""

    size: EqualSize
    results: tuple[Result | None, Result | None, Result | None]  # at the low, nominal and high size
    change: Difference | None  # of energy, over sizes and prices; None where a size has no energy

    @property
    def nominal(self) -> Result | None:
        """At the size that the law itself gives."""
        return self.results[1]

    @property
    def unpriced(self) -> bool:
        """Whether there is no energy for another reason than that it does not fit."""
        return self.nominal is not None and not self.nominal.has_energy and not unfit(self.nominal)


@dataclass(frozen=True, eq=False)
class Place:
    """One hardware in one scope: the wide model, and every law's size in the other precision."""

    wide: Result
    priced: tuple[Priced, ...]

    @property
    def verdict(self) -> str:
        """``cheaper``, ``dearer`` or ``undecided``, for energy: what every law says over its whole range.

        A law by which no size, or none that fits, has this loss says ``dearer``. ``not known`` where a price is
        missing, or the wide model itself does not fit.
        """
        signs = {_sign(p) for p in self.priced} if self.wide.has_energy else {UNKNOWN}
        return signs.pop() if len(signs) == 1 else "undecided"

    @property
    def changes(self) -> list[Difference]:
        """Of the laws whose sizes have an energy, the least first."""
        return sorted((p.change for p in self.priced if p.change is not None), key=lambda c: c.nominal)


@dataclass(frozen=True, eq=False, repr=False)
class EqualLoss(Shown):
    """Laws side by side, and what follows on each hardware."""

    model: Architecture
    wide: Precision
    narrow: Precision
    parameters: float  # of the wide model
    tokens: float
    sizes: tuple[EqualSize, ...]
    places: tuple[Place, ...]

    def _line(self) -> str:
        return f"{self.narrow.name} at the loss of {self.model.name} in {self.wide.name}, {len(self.known)} laws"

    def to_records(self) -> list[dict[str, Any]]:
        """The record of every model that was priced, with its ``law`` and the end of the law's range it is at.

        ``size_of`` is ``low``, ``nominal`` or ``high``; both are None for the wide model.
        """
        rows = []
        for place in self.places:
            rows.append({"law": None, "size_of": None} | place.wide.to_records()[0])
            for p in place.priced:
                for end, r in zip(BOUNDS, p.results, strict=True):
                    if r is not None:
                        rows.append({"law": p.size.name, "size_of": end} | r.to_records()[0])
        return rows

    @property
    def known(self) -> list[EqualSize]:
        """Laws that have an answer."""
        return [s for s in self.sizes if s.known]


def unfit(result: Result) -> bool:
    """Whether a result does not fit its device."""
    return result.fits is not None and not bool(result.fits)


def _sign(priced: Priced) -> str:
    change = priced.change
    if change is None:
        return UNKNOWN if priced.unpriced else "dearer"
    return "undecided" if change.undecided else "cheaper" if change.nominal < 0 else "dearer"


def of_size(model: Architecture, parameters: float) -> Architecture | None:
    """A model of another size in the same shape, see the head of this module; None beyond what can be a size."""
    if not SMALLEST <= parameters <= LARGEST:
        return None
    name = size_text(parameters, 3)
    if parse_size(model.name) is not None:
        return catalog.model(name)
    ratio = parameters / sum(parameters_by_role(operators(model)).values())
    layers = [each.model_copy(update={"repeat": max(1, round(each.repeat * ratio))}) for each in model.layers]
    title = f"{name} of {model.title}'s layers"
    return model.model_copy(update={"name": f"{model.name}-{name.lower()}", "title": title, "layers": layers})


def price(asked: Sequence[Scenario], narrow: Precision, tokens: float | None = None) -> EqualLoss:
    """What a model costs in its precision, and what the size of equal loss costs in another, by every law.

    Args:
        asked: the wide model on each hardware, all of one model and precision.
        narrow: the other precision.
        tokens: of training; see `equal_sizes`.

    Raises:
        BitnetCostError: precisions that no law has, no dense decoder, or a price missing on the only hardware.
    """
    model, wide = asked[0].model, asked[0].precision
    dense = all(layer.ffn is not None and layer.state_space is None for layer in model.layers)
    if model.bidirectional or not dense:
        raise BitnetCostError(f"at-equal-loss: {model.name}: the laws are of dense decoders; name one, or a size as 7B")
    roles = parameters_by_role(operators(model))
    whole = float(model.nominal_parameters or sum(roles.values()))
    outside = float(sum(roles.get(role, 0) for role in ("embed_tokens", "lm_head")))
    sizes = equal_sizes(whole, wide, narrow, embeddings=outside, tokens=tokens)
    if not any(s.known for s in sizes):
        lacks = ", ".join(dict.fromkeys(s.reason for s in sizes))
        raise BitnetCostError(
            f"at-equal-loss: no law gives the size of {narrow.name} with the loss of {wide.name}: the laws {lacks}; "
            "'bitnet-cost list laws' has them"
        )
    pricing = _Pricing(narrow, sizes, {n: of_size(model, n) for s in sizes if s.known for n in s.parameters})
    places: list[Place] = []
    for one in asked:
        place = pricing.place(one)
        moved = _with_memory(place)
        places += [place] if moved is None else [place, moved]
    if len(asked) == 1 and not any(r.has_energy or unfit(r) for r in _nominal(places[0])):
        evaluate(asked[0].but(precision=narrow if places[0].wide.has_energy else wide))  # says which price is missing
    return EqualLoss(model, wide, narrow, whole, training_tokens(whole, tokens), sizes, tuple(places))


def _nominal(place: Place) -> list[Result]:
    """What decides whether there is an answer: the other precision's results, or the wide one where it has none."""
    return [p.nominal for p in place.priced if p.nominal is not None] if place.wide.has_energy else [place.wide]


@dataclass(frozen=True)
class _Pricing:
    """The models of every size, and what each was counted as: the same on every hardware."""

    narrow: Precision
    sizes: Sequence[EqualSize]
    models: dict[float, Architecture | None]
    counted: dict[tuple[str, int], OpCounts] = field(default_factory=dict)

    def place(self, asked: Scenario) -> Place:
        """One hardware, every law; no results where the wide model has no energy."""
        wide = self._result(asked)
        if not wide.has_energy:
            return Place(wide, tuple(Priced(size, (None, None, None), None) for size in self.sizes if size.known))
        found = [
            (size, [None if (m := self.models[n]) is None
                    else against(self._result(asked.but(model=m, precision=self.narrow)), wide)
                    for n in size.parameters])
            for size in self.sizes if size.known
        ]  # fmt: skip
        return _place(against(wide, wide), found)

    def _result(self, asked: Scenario) -> Result:
        """The result, without an energy where a price is missing."""
        work = (asked.model.name, id(asked.workload))
        counts = self.counted[work] = self.counted.get(work) or count_ops(asked.model, asked.workload)
        try:
            return evaluate(asked, counts=counts)
        except MissingPrice as fault:
            return replace(measure(asked, counts=counts), reason=f"no {fault.lacking}")


def _with_memory(place: Place) -> Place | None:
    """The same at a technology node with memory traffic; None elsewhere."""
    if place.wide.hardware.has_clock or place.wide.scope not in ("arithmetic", "compute"):
        return None
    if not place.wide.hardware.hierarchy:
        return None
    wide = revised(place.wide, scope="memory")
    if wide is None:
        return None
    return _place(wide, [
        (p.size, [None if r is None or (m := revised(r, scope="memory")) is None else against(m, wide)
                  for r in p.results])
        for p in place.priced
    ])  # fmt: skip


def _place(wide: Result, found: Sequence[tuple[EqualSize, list[Result | None]]]) -> Place:
    """Each law's results with the change of energy over them."""
    paired = Paired([wide, *(r for _, results in found for r in results if r is not None and r.has_energy)])
    return Place(wide, tuple(
        Priced(size, (results[0], results[1], results[2]), _change(paired, wide, results)) for size, results in found
    ))  # fmt: skip


def _change(paired: Paired, wide: Result, found: Sequence[Result | None]) -> Difference | None:
    """From the least of the smallest size to the most of the largest; None where a size has no energy."""
    each = [paired.difference(r, wide) if r is not None and r.has_energy else None for r in found]
    if each[1] is None:
        return None
    known = [c for c in each if c is not None]
    most = math.inf if None in each else max(c.high for c in known)
    return Difference(each[1].nominal, min(c.low for c in known), most)
