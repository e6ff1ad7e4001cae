"""How wide a 90 % interval is: from errors of scored rows, each judged by intervals that its model had no part in.

No constant is taken from a row that is scored, so that its error is one of a new row. Errors are logarithms of modelled
over measured. Of a kind of run, of one runtime in it, and of one device of that runtime the errors have a bias and a
size; those of a device are weighed as if `PRIOR` models of the level above were among its own (James, W. and Stein,
C., Estimation with quadratic loss, Proc. 4th Berkeley Symposium, 1961). The errors over their sizes are alike
everywhere in a kind, and nine of ten of them keep one bound. Each is taken with the bias and the size that the others
give (Barber, R. F. et al., Predictive inference with the jackknife+, Annals of Statistics 49, 2021), in folds of whole
models: a question is nearly always about another model.

How many measured figures an interval holds is counted the same way, by intervals that were solved without the model.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import exp, log, sqrt
from statistics import median
from typing import NamedTuple, get_args

import numpy as np

from bitnet_cost.engine.operators import operators
from bitnet_cost.inputs.measurement import Measurement, TrainingMeasurement
from bitnet_cost.inputs.ranges import (
    DECODE_KINDS,
    SMALL,
    STEPS,
    Factors,
    Held,
    RangedQuantity,
    RangeKind,
    decode_kind,
    fixed_kind,
    places_of,
    step_kind,
)  # fmt: skip
from bitnet_cost.ledger.intervals import left_between, uncorrelated
from bitnet_cost.ledger.operators import parameters_in
from bitnet_cost.numerals import to_digits
from bitnet_cost.readers import catalog
from bitnet_cost.studies.measured import Point, Quantity, is_large

PRIOR = 4.0  # models of the level above that those of a runtime, and of a device, are weighed with
SHARE = 0.9  # of the figures that a range is to hold
LEAST = 0.01  # narrower than the meters: logarithm
FOLDS = 10
FEWEST = 10  # figures of which the nine-in-ten is not the largest
ENOUGH = 25  # figures of a kind of step; below them those of the kinds nearest to it count too,
MODELS = 8  # and so below as many models: what one is off by is common to its figures, and a question is of another
QUANTITIES: dict[Quantity, RangedQuantity] = {"seconds": "time", "energy_j_per_token": "energy", "energy_j": "energy"}
NEAR: tuple[tuple[RangeKind, ...], ...] = (DECODE_KINDS, (*STEPS, "fp32"))  # kinds that stand in for one another


@dataclass(frozen=True, slots=True)
class Error:
    """What one figure of a row is off by."""

    row: Measurement | TrainingMeasurement
    measured: Quantity
    kind: RangeKind
    value: float  # logarithm of modelled over measured
    places: tuple[str, str, str]  # where its interval is looked up, the narrowest first

    @classmethod
    def of(cls, row: Measurement | TrainingMeasurement, measured: Quantity, value: float) -> Error:
        """The error of a row's figure."""
        return cls(row, measured, kind_of(row), value, places_of(row.hardware, row.runtime))

    @property
    def quantity(self) -> RangedQuantity:
        """Whether it is of a time or of an energy."""
        return QUANTITIES[self.measured]

    @property
    def part(self) -> str:
        """The part of its kind that is scored alone and counts alike: energies of large products are."""
        if self.kind != "product" or self.quantity != "energy" or not isinstance(self.row, Measurement):
            return ""
        return "large" if is_large(self.row) else ""

    def place_in(self, known: Container[str]) -> str:
        """The narrowest of its places that is known."""
        return next(place for place in self.places if place in known)


class Level(NamedTuple):
    """The errors of a kind, of a runtime or of a device."""

    bias: float
    size: float  # mean distance from the bias


class Interval(NamedTuple):
    """Where nine of ten errors are: logarithms of modelled over measured."""

    low: float
    high: float

    @classmethod
    def of(cls, factors: Factors) -> Interval:
        """The interval of factors on what is modelled.

        >>> [round(end, 2) for end in Interval.of(Interval(-0.1, 0.2).factors)]
        [-0.1, 0.2]
        """
        low, high = factors
        return cls(-log(high), -log(low))

    @property
    def factors(self) -> Factors:
        """The same as factors on what is modelled."""
        return to_digits(exp(-self.high), 3), to_digits(exp(-self.low), 3)

    @property
    def middle(self) -> float:
        """What is off in the middle of it."""
        return (self.low + self.high) / 2

    @property
    def half(self) -> float:
        """Half of it."""
        return (self.high - self.low) / 2

    def longer(self, times: float) -> Interval:
        """The same a number of times as long."""
        return Interval(self.low * times, self.high * times)

    def times(self, error: float) -> float:
        """How many times as long it has to be to hold an error."""
        return error / (self.high if error > 0 else self.low)


Longer = Mapping[RangeKind, float]  # times
NONE_LONGER: dict[RangedQuantity, Longer] = {}
Together = Callable[[Error], str]  # what is left out at once
Kinds = dict[tuple[RangedQuantity, RangeKind], list[Error]]


@cache
def parameters_of(model: str) -> int:
    """Parameters of a model of the catalogue."""
    return sum(parameters_in(operators(catalog.model(model))).values())


def kind_of(row: Measurement | TrainingMeasurement) -> RangeKind:
    """The kind of run that a row measured."""
    if isinstance(row, TrainingMeasurement):
        return "training"
    served, device_class = row.phase == "serving", catalog.hardware(row.hardware).device_class
    small = served and parameters_of(row.model) < SMALL
    found = fixed_kind(catalog.model(row.model), catalog.precision(row.precision), device_class, served, small)
    return found or step_kind("prefill" if row.phase == "prefill" else decode_kind(row.batch), device_class)


def errors_of(points: Iterable[Point]) -> list[Error]:
    """Errors of the scored points that an interval is printed for."""
    return [
        Error.of(p.row, p.quantity, float(np.log(p.modelled / p.measured)))
        for p in points if p.scored and is_ranged(p) and isinstance(p.row, Measurement | TrainingMeasurement)
    ]  # fmt: skip


def is_ranged(point: Point) -> bool:
    """Whether an interval is printed for a figure: time and energy of a run, not of an exchange or of a step's part.

    Whole nodes with their hosts are more than what is printed.
    """
    row = point.row
    if isinstance(row, TrainingMeasurement):
        return point.quantity in QUANTITIES and row.part == "step" and row.whole == "devices"
    return point.quantity in QUANTITIES and isinstance(row, Measurement) and row.phase != "exchange"


def model_of(error: Error) -> str:
    """What is left out together where devices have rows."""
    return error.row.model


def device_of(error: Error) -> str:
    """What is left out together where they have none."""
    return error.row.hardware


def nine_in_ten(sizes: Iterable[float]) -> float:
    """The size that nine of ten keep, between two neighbours where it is neither's.

    >>> round(nine_in_ten([0.1] * 8 + [0.2, 0.3]), 3)
    0.21
    """
    return float(np.quantile(list(sizes), SHARE))


def nine_in_ten_of_each(parts: Mapping[str, Sequence[float]]) -> float:
    """The size that nine of ten keep where each part counts as much as any other; of one part `nine_in_ten`.

    An interval of all holds each category only by chance (Vovk, V., Conditional validity of inductive conformal
    predictors, Machine Learning 92, 2013, doi:10.1007/s10994-013-5355-6, who gives each its own). Here it is one for
    all, but no larger category outweighs another.

    >>> nine_in_ten_of_each({"": [0.1] * 8 + [0.2, 0.3]}), nine_in_ten_of_each({"": [0.1] * 20, "large": [0.1, 0.9]})
    (0.21, 0.66)
    """
    sizes, weights = np.array(sorted((s, 1 / len(own)) for own in parts.values() for s in own)).T
    before = np.cumsum(weights) - weights
    return float(np.interp(SHARE, before / before[-1], sizes))


def folds(errors: Sequence[Error], together: Together) -> list[list[int]]:
    """Positions of errors by fold, as even as may be: what belongs together is in one.  [fold][position]"""
    parts: dict[str, list[int]] = {}
    for i, e in enumerate(errors):
        parts.setdefault(together(e), []).append(i)
    found: list[list[int]] = [[] for _ in range(min(FOLDS, len(parts)))]
    for name in sorted(parts, key=lambda name: (-len(parts[name]), name)):
        min(found, key=len).extend(parts[name])
    return found


def split(errors: Sequence[Error], together: Together) -> Iterable[tuple[list[Error], list[Error]]]:
    """The errors of each fold, and the others."""
    for part in folds(errors, together):
        inside = set(part)
        yield [errors[i] for i in part], [e for i, e in enumerate(errors) if i not in inside]


def levels(errors: Sequence[Error], together: Together) -> dict[str, Level]:
    """Bias and size of the errors everywhere, of each runtime and of each of its devices, shrunk to the level above."""
    found = {"": Level(0.0, 0.0)}
    for depth in (1, 2, 3):
        parts: dict[str, list[Error]] = {}
        for e in errors:
            parts.setdefault(e.places[-depth], []).append(e)
        for place, own in parts.items():
            above = own[0].places[1 - depth] if depth > 1 else ""
            groups = len({together(e) for e in own})
            share = groups / (PRIOR + groups) if above else 1.0
            bias = (1 - share) * found[above].bias + share * median(e.value for e in own) if above else 0.0
            mean = sum(abs(e.value - bias) for e in own) / len(own)
            found[place] = Level(bias, (1 - share) * found[above].size + share * mean)
    return found


def intervals(errors: Sequence[Error], together: Together) -> dict[str, Interval]:
    """The interval of each place with errors of one kind of run."""
    sizes: dict[str, list[float]] = {}
    for inside, others in split(errors, together):
        known = levels(others or inside, together)
        for e in inside:
            level = known[e.place_in(known)]
            sizes.setdefault(e.part, []).append(abs(e.value - level.bias) / max(level.size, LEAST))
    bound = nine_in_ten_of_each(sizes)
    return {
        place: Interval(min(bias - bound * size, -LEAST), max(bias + bound * size, LEAST))
        for place, (bias, size) in levels(errors, together).items() if place
    }  # fmt: skip


def by_kind(errors: Sequence[Error]) -> Kinds:
    """Errors by quantity and kind of run; where a kind has few, of those nearest to it too."""
    found: Kinds = {}
    for quantity in get_args(RangedQuantity):
        of_kind: dict[RangeKind, list[Error]] = {}
        for e in errors:
            if e.quantity == quantity:
                of_kind.setdefault(e.kind, []).append(e)
        for kind in get_args(RangeKind):
            alone = of_kind.get(kind, [])
            wider = [[e for k in near for e in of_kind.get(k, [])] for near in NEAR if kind in near]
            many = [part for part in (alone, *wider) if len(part) >= ENOUGH]
            own = next((part for part in many if len({e.row.model for e in part}) >= MODELS), (*many, alone)[0])
            if len(own) >= FEWEST:
                found[quantity, kind] = own
    return found


@dataclass(frozen=True, slots=True)
class Judged:
    """An error beside the interval that its model had no part in."""

    error: Error
    interval: Interval

    @property
    def held(self) -> bool:
        """Whether the interval holds it."""
        return self.interval.low <= self.error.value <= self.interval.high

    def ends(self, modelled: float) -> tuple[float, float]:
        """The interval of the measured figure."""
        return modelled * exp(-self.interval.high), modelled * exp(-self.interval.low)


def judged(
    errors: Sequence[Error], together: Together = model_of, longer: Mapping[RangedQuantity, Longer] = NONE_LONGER
) -> list[Judged]:
    """Every error beside an interval solved without what belongs together with it, ``longer`` in some kinds of run."""
    found = []
    for (quantity, kind), own in by_kind(errors).items():
        times = longer.get(quantity, {}).get(kind, 1.0)
        for inside, others in split(own, together):
            known = intervals(others or inside, together)
            found += [Judged(e, known[e.place_in(known)].longer(times)) for e in inside if e.kind == kind]
    return found


def held_of(found: Iterable[Judged]) -> Held:
    """How many figures their intervals hold, and the median half width."""
    return _held([(j.held, j.interval.half) for j in found])


def _held(found: Sequence[tuple[bool, float]]) -> Held:
    """The same of logarithms, in percent to a tenth."""
    inside, halves = zip(*found, strict=True)
    return Held(
        n=len(found), held=round(100 * float(np.mean(inside)), 1),
        half_width=round(100 * float(np.expm1(np.median(halves))), 1),
    )  # fmt: skip


# --- two precisions -------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    """Two precisions of one run, and what their ratio is off by."""

    one: Judged
    other: Judged

    @property
    def halves(self) -> tuple[float, float]:
        """Half widths of the logarithms of both."""
        return self.one.interval.half, self.other.interval.half

    @property
    def own(self) -> float:
        """The least share of both errors that is their own, as a standard deviation, with which the ratio is held."""
        middle = self.one.interval.middle - self.other.interval.middle
        error = self.one.error.value - self.other.error.value - middle
        return sqrt(uncorrelated(*self.halves, error))

    def half(self, own: float) -> float:
        """Half the width of the logarithm of their ratio at such a share."""
        return float(left_between(*self.halves, 1 - own**2))


def pairs(found: Sequence[Judged]) -> list[Pair]:
    """Figures of one source, model, device and work in two precisions."""
    alike: dict[tuple[object, ...], list[Judged]] = {}
    for each in found:
        r = each.error.row
        if isinstance(r, Measurement) and each.error.kind != "product":
            key = (r.source, r.model, r.hardware, r.devices, r.runtime, r.phase, r.batch, r.prompt, r.generate, r.task)
            alike.setdefault((*key, each.error.quantity), []).append(each)
    return [
        Pair(one, other)
        for members in alike.values() for one, other in combinations(members, 2)
        if one.error.row.precision != other.error.row.precision
    ]  # fmt: skip


def apart(found: Sequence[Pair]) -> float:
    """The share of errors that is their own with which nine of ten ratios are held; 1 where there are few."""
    return min(1.0, nine_in_ten(p.own for p in found)) if len(found) >= FEWEST else 1.0


def held_ratios(found: Sequence[Pair]) -> Held | None:
    """How many ratios of two precisions their intervals hold, each solved without its model."""
    models = {p.one.error.row.model for p in found}
    own = {model: apart([p for p in found if p.one.error.row.model != model]) for model in models}
    rows = [(p.own <= own[p.one.error.row.model], p.half(own[p.one.error.row.model])) for p in found]
    return _held(rows) if rows else None
