"""A law fitted to published losses: for papers that print the form and the points, but no constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.scaling import loss_of_size
from bitnet_cost.inputs.laws import Law
from bitnet_cost.numerals import digits, fixed
from bitnet_cost.readers import laws
from bitnet_cost.readers.laws import Point
from bitnet_cost.tables import Note, Report, Table, headed
from bitnet_cost.told import Array
from bitnet_cost.views.law_words import size_text

DRAWS, SEED = 1000, 0
EXPONENTS = np.geomspace(0.05, 2.0, 400)
UNIT = 1e9  # parameters of the fit's N, so that scales are losses at 1B


@dataclass(frozen=True, eq=False)
class Fitted:
    """a N^-b + c with one exponent for every precision, by least squares; each draw is a fit to other noise."""

    points: tuple[Point, ...]
    precisions: tuple[str, ...]
    exponent: float
    scales: tuple[float, ...]  # at 1B parameters, by precision  [nat/token]
    floors: tuple[float, ...]
    residual: float  # standard deviation of a point around the fit  [nat/token]
    free: int  # points less constants
    drawn: Array  # exponent, scales, floors  [constant, draw]

    def constants(self, precision: str) -> dict[str, float]:
        """Constants of `loss_of_size` for one precision, N in single parameters."""
        i = self.precisions.index(precision)
        return _single(self.exponent, self.scales[i], self.floors[i])

    def draws(self, precision: str) -> list[dict[str, float]]:
        """The same of every draw."""
        i, n = self.precisions.index(precision), len(self.precisions)
        return [_single(d[0], d[1 + i], d[1 + n + i]) for d in self.drawn.T.tolist()]


def _single(exponent: float, scale: float, floor: float) -> dict[str, float]:
    return {"scale": scale * UNIT**exponent, "exponent": exponent, "floor": floor}


def fit(points: Sequence[Point]) -> Fitted:
    """The fit, and `DRAWS` more to losses that are off by as much as the points are from it.

    The exponent is searched for on a grid; for each, scales and floors follow linearly.

    Raises:
        BitnetCostError: no more points than constants.
    """
    precisions = tuple(dict.fromkeys(p.precision.name for p in points))
    free = len(points) - 2 * len(precisions) - 1
    if free < 1:
        raise BitnetCostError(f"fit-law: {len(points)} points do not fix {len(points) - free} constants and an error")
    losses = np.array([p.loss for p in points])
    of = np.array([[p.precision.name == name for name in precisions] for p in points], dtype=float)
    sizes = np.array([p.parameters / UNIT for p in points])
    designs = [np.hstack([of * (sizes**-b)[:, None], of]) for b in EXPONENTS]
    solvers = [np.linalg.pinv(design) for design in designs]

    def best(targets: Array) -> Array:
        """Exponent, scales and floors of each column of targets.  [constant, column]"""
        found = [solver @ targets for solver in solvers]
        errors = [((d @ x - targets) ** 2).sum(0) for d, x in zip(designs, found, strict=True)]
        least = np.argmin(errors, axis=0)
        return np.array([[EXPONENTS[k], *found[k][:, j]] for j, k in enumerate(least)]).T

    constants = best(losses[:, None])[:, 0]
    n = len(precisions)
    scales, floors = constants[1 : 1 + n], constants[1 + n :]
    modelled = of @ scales * sizes ** -constants[0] + of @ floors
    residual = float(np.sqrt(((modelled - losses) ** 2).sum() / free))
    noise = np.random.default_rng(SEED).normal(0.0, residual, (len(points), DRAWS))
    drawn = best(modelled[:, None] + noise)
    return Fitted(
        tuple(points), precisions, float(constants[0]), tuple(scales.tolist()), tuple(floors.tolist()), residual, free,
        drawn,
    )  # fmt: skip


@cache
def fitted(name: str) -> Fitted:
    """The fit of a law of the catalogue.

    Raises:
        BitnetCostError: no such law, or one whose constants are published.
    """
    law = laws.laws().laws[laws.named(name)]
    if law.points is None:
        fits = [other for other, each in laws.laws().laws.items() if each.points is not None]
        raise BitnetCostError(f"fit-law: the constants of {name} are published; fitted here: {', '.join(fits)}")
    return fit(laws.points(law.points))


def report(name: str, found: Fitted) -> Report:
    """Constants with their range, and every point beside the fit."""
    law: Law = laws.laws().laws[name]
    low, high = np.percentile(found.drawn, [5, 95], axis=1)
    n = len(found.precisions)
    names = ["exponent b", *(f"scale a, {p}" for p in found.precisions), *(f"floor c, {p}" for p in found.precisions)]
    values = [found.exponent, *found.scales, *found.floors]
    rows = tuple(
        (what, digits(v, 3), f"{digits(lo, 3)} to {digits(hi, 3)}")
        for what, v, lo, hi in zip(names, values, low, high, strict=True)
    )
    cells = []
    for p in found.points:
        modelled = loss_of_size(p.parameters, **found.constants(p.precision.name))
        errors = fixed(modelled - p.loss, 4, sign=True)
        cells.append((p.method, size_text(p.parameters), fixed(p.loss, 4), fixed(modelled, 4), errors))
    sentence = (
        f"{law.title}: L(N) = a N^-{digits(found.exponent, 2)} + c, N in billions, on {len(found.points)} points of "
        f"{n} precisions; a point is off by {digits(found.residual, 2)} nats."
    )
    notes = (
        Note("error", f"Ranges hold nine of ten fits to {DRAWS} draws of the points around the fit; with {found.free} "
             "points more than constants they are rough."),
        Note("source", f"{law.source} ({law.seen}). {law.note}"),
    )  # fmt: skip
    points = Table("Points", headed("model", "size", "loss, nats", "fitted", "error", texts=1), tuple(cells))
    return Report(law.title, sentence, (Table("Constants", headed("constant", "value", "range"), rows), points), notes)


def document(name: str, found: Fitted) -> dict[str, Any]:
    """The fit as plain data; N in single parameters."""
    low, high = (end.tolist() for end in np.percentile(found.drawn, [5, 95], axis=1))
    return {
        "schema": "bitnet-cost/law-fit-1", "law": name, "exponent": found.exponent, "exponent_low": low[0],
        "exponent_high": high[0], "residual_nats": found.residual, "points_less_constants": found.free,
        "precisions": {p: found.constants(p) for p in found.precisions}, "points": rows(found),
    }  # fmt: skip


def rows(found: Fitted) -> list[dict[str, Any]]:
    """Every point with its fitted loss."""
    return [
        {
            "precision": p.precision.name, "method": p.method, "parameters": p.parameters, "loss": p.loss,
            "fitted": loss_of_size(p.parameters, **found.constants(p.precision.name)),
        }
        for p in found.points
    ]  # fmt: skip
