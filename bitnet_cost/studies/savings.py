"""What fewer bits save, measured beside modelled: every pair of rows that differ in their precision alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from bitnet_cost.formulas.savings import saved
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.numerals import digits, fixed
from bitnet_cost.studies.measured import Point, Quantity
from bitnet_cost.tables import Column, Table, headed

WIDE = ("bf16", "fp16")
WIDEST = "fp32"
QUANTITIES: dict[Quantity, str] = {"energy_j_per_token": "energy", "seconds": "time"}
TARGETS = {"energy": (3.0, 8.0, 3.0), "time": (4.0, 15.0, 3.0)}  # points in the median, nine in ten; % of wrong sign
RUNS = {"prefill": "prefill", "decode": "decode", "request": "whole requests", "serving": "servers"}
NOTE = (
    "Saved is 1 less the narrower precision's figure over the wider one's, in percent; errors are in points of it."
    " Pairs are rows of one source, model, device, runtime and load, neither used for constants: 16 bits against 32,"
    " anything narrower against 16. A wrong sign says that a precision saves where it costs more, or the reverse."
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A figure in two precisions, everything else alike."""

    wide: Point
    narrow: Point

    @property
    def measured(self) -> float:
        """Share that the narrower precision saves, as measured."""
        return float(saved(self.narrow.measured, self.wide.measured))

    @property
    def modelled(self) -> float:
        """The same as modelled."""
        return float(saved(self.narrow.modelled, self.wide.modelled))

    @property
    def error(self) -> float:
        """Modelled less measured, in points."""
        return 100 * (self.modelled - self.measured)

    @property
    def reversed(self) -> bool:
        """Whether the model says saving where more was measured, or the other way round."""
        return (self.measured > 0) != (self.modelled > 0)


def pairs(found: Iterable[Point]) -> list[Pair]:
    """Every pair of scored rows of runs of a model.

    The length of a server's answers is what its requests made it, so that two runs with the same load are alike.
    """
    alike: dict[tuple[object, ...], dict[str, list[Point]]] = {}
    for p in found:
        r = p.row
        if p.scored and p.quantity in QUANTITIES and isinstance(r, Measurement) and r.phase in RUNS:
            lengths = () if r.phase == "serving" else (r.prompt, r.generate)
            key = (p.quantity, r.source, r.model, r.hardware, r.devices, r.parallel, r.runtime, r.batch, r.phase,
                   r.task, r.logits, *lengths)  # fmt: skip
            alike.setdefault(key, {}).setdefault(r.precision, []).append(p)
    pairs = []
    for members in alike.values():
        wide = [p for name in WIDE for p in members.get(name, ())]
        narrow = [p for name, points in members.items() if name not in (*WIDE, WIDEST) for p in points]
        pairs += [Pair(*two) for two in (*product(members.get(WIDEST, ()), wide), *product(wide, narrow))]
    return pairs


def spread(found: Sequence[Pair]) -> dict[str, float]:
    """Pairs, median and nine-in-ten size of the error, signed median in points, and the share of wrong signs in %."""
    errors = np.array([pair.error for pair in found])
    size = np.abs(errors)
    figures = {
        "median": np.median(size), "p90": np.quantile(size, 0.9), "bias": np.median(errors),
        "wrong_sign": 100 * np.mean([pair.reversed for pair in found]),
    }  # fmt: skip
    return {"n": len(found)} | {name: round(float(value), 1) for name, value in figures.items()}


def spreads(found: Sequence[Pair]) -> dict[str, dict[str, dict[str, float]]]:
    """The same by quantity and kind of run, and over all runs."""
    known: dict[str, dict[str, dict[str, float]]] = {}
    for quantity, word in QUANTITIES.items():
        of = [pair for pair in found if pair.wide.quantity == quantity]
        runs = {"all runs": of} | {
            name: [pair for pair in of if pair.wide.row.phase == phase] for phase, name in RUNS.items()
        }  # fmt: skip
        known[word] = {name: spread(members) for name, members in runs.items() if members}
    return known


def table(found: Sequence[Pair]) -> Table:
    """Errors of savings by quantity and kind of run."""
    rows = []
    for word, runs in spreads(found).items():
        for run, s in runs.items():
            target = TARGETS[word] if run == "all runs" else None
            words, met = "", ""
            if target is not None:
                words = " / ".join(digits(t, 6) for t in target)
                held = (s[name] <= most for name, most in zip(("median", "p90", "wrong_sign"), target, strict=True))
                met = "yes" if all(held) else "NO"
            rows.append((word, run, str(s["n"]), fixed(s["median"], 1), fixed(s["p90"], 1),
                         fixed(s["bias"], 1, sign=True), fixed(s["wrong_sign"], 1), words, met))  # fmt: skip
    heads = headed("saved", "run", "pairs", "median", "p90", "bias", "wrong %", "target", texts=2)
    return Table("Savings of fewer bits, off by points", (*heads, Column("met", False)), tuple(rows))
