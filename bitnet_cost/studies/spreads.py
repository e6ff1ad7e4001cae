"""The committed ranges: widths of 90 % intervals, how much they hold, and the errors on devices left out.

Widths are those of `widths`: of scored rows on devices with rows, and of devices left out one at a time elsewhere. A
device that was never measured is not surer than those that were, nor is a server of a new model surer than one whose
family had no part in the constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import get_args

import numpy as np

from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.ranges import ANY, STEPS, RangedQuantity, RangeKind, Ranges, Widths
from bitnet_cost.numerals import to_digits
from bitnet_cost.readers import catalog
from bitnet_cost.studies import accuracy, left_out
from bitnet_cost.studies.measured import Point
from bitnet_cost.studies.widths import (
    QUANTITIES,
    Error,
    Interval,
    Judged,
    Together,
    apart,
    by_kind,
    device_of,
    errors_of,
    intervals,
    judged,
    model_of,
    nine_in_ten,
    pairs,
)  # fmt: skip

Table = dict[RangedQuantity, dict[RangeKind, Widths]]
MOST = 0.95  # of the figures of known families that an interval lengthened for new ones holds
LEAST = 0.86  # of those of each source that it holds, where there are as many as these
MANY = 25


def ranges(
    points: Sequence[Point], rows: Sequence[Measurement], progress: Callable[[str], object] = lambda line: None
) -> Ranges:
    """The widths of intervals, what they hold, and the errors on devices left out.

    Args:
        points: every measured quantity, of inference and of training.
        rows: those of inference.
        progress: what is told of each step.
    """
    errors = errors_of(points)
    progress(f"{len(errors)} figures, each judged without its model")
    missed = left_out.left_out(rows, progress)
    far = [Error.of(m.row, m.quantity, m.log_error) for m in missed if m.quantity in QUANTITIES]
    own, away = _table(errors, model_of), _table(far, device_of)
    _complete(own)
    served = left_out.families_left_out(rows, progress)
    new = [Error.of(m.row, m.quantity, m.log_error) for m in served if m.quantity in QUANTITIES]
    longer = _longer(own, [e for e in errors if e.kind.startswith("server-")], new)
    _lengthen(own, longer)
    _widen(away, own)
    found = judged(errors, longer=longer)
    return Ranges(
        own=own, longer=longer, left_out=away, held=accuracy.held(points, found), devices=_devices(rows),
        fewest_bits=_fewest_bits(rows), together=_together(errors),
        shared=_shared(found), left_out_shared=_shared(judged(far, device_of)), errors=left_out.summary(missed),
        families=left_out.summary_of_families(served),
    )  # fmt: skip


def _table(errors: Sequence[Error], together: Together) -> Table:
    """The widths of each kind of run by place; of devices none where they are what is left out."""
    found: Table = {quantity: {} for quantity in get_args(RangedQuantity)}
    for (quantity, kind), own in by_kind(errors).items():
        devices = {e.places[0] for e in own} if together is device_of else set()
        known = intervals(own, together)
        found[quantity][kind] = {place: known[place].factors for place in sorted(known) if place not in devices}
    return found


def _complete(found: Table) -> None:
    """Kinds without figures: times as the widest step of a batch, energies of GPUs as their times.

    Energies of bare products, of hosts, of accelerators and of training are left to their prices.
    """
    steps = [found["time"][step][ANY] for step in STEPS]
    for kind in get_args(RangeKind):
        found["time"].setdefault(kind, {ANY: max(steps, key=lambda ends: ends[1] / ends[0])})
        if kind not in ("product", "host", "accelerator", "prefill-other", "training"):
            found["energy"].setdefault(kind, found["time"][kind])


def _widen(found: Table, least: Table) -> None:
    """Every kind as wide as on devices with rows at least."""
    for quantity, kinds in least.items():
        for kind, widths in kinds.items():
            known = found[quantity].setdefault(kind, {})
            for place in sorted({*known, *(place for place in widths if " " not in place)}):
                own = widths.get(place, widths[ANY])
                far = known.get(place, known.get(ANY, own))
                known[place] = min(own[0], far[0]), max(own[1], far[1])


def _longer(found: Table, known: Sequence[Error], new: Sequence[Error]) -> dict[RangedQuantity, dict[RangeKind, float]]:
    """How many times as long the intervals of a kind have to be, at least once, to hold nine of ten of both errors.

    They are of models of a family that is known and of one that is new: a question is of either. No longer than what
    holds `MOST` of the known ones, each judged without its model, but that `LEAST` of those of a source are held: one
    that nearly all errors are of would else speak for the others.
    """
    longer: dict[RangedQuantity, dict[RangeKind, float]] = {}
    alone = judged(known)
    for (quantity, kind), both in by_kind([*known, *new]).items():
        widths = found[quantity][kind]
        every = [Interval.of(widths[e.place_in(widths)]).times(e.value) for e in both]
        own: dict[str, list[float]] = {}
        for j in alone:
            if (j.error.quantity, j.error.kind) == (quantity, kind):
                own.setdefault(j.error.row.source, []).append(j.interval.times(j.error.value))
        known_ones = [times for each in own.values() for times in each]
        enough = min(nine_in_ten(every), float(np.quantile(known_ones, MOST)) if known_ones else np.inf)
        least = [float(np.quantile(each, LEAST)) for each in own.values() if len(each) >= MANY]
        longer.setdefault(quantity, {})[kind] = to_digits(max(1.0, enough, *least), 3)
    return longer


def _lengthen(found: Table, longer: Mapping[RangedQuantity, Mapping[RangeKind, float]]) -> None:
    """Every interval of a kind as many times as long."""
    for quantity, kinds in longer.items():
        for kind, times in kinds.items():
            found[quantity][kind] = {
                place: (to_digits(low**times, 3), to_digits(high**times, 3))
                for place, (low, high) in found[quantity][kind].items()
            }


def _devices(rows: Sequence[Measurement]) -> dict[str, list[str]]:
    """Devices with rows by runtime."""
    found: dict[str, set[str]] = {}
    for row in rows:
        if not row.left_out:
            found.setdefault(row.runtime, set()).add(row.hardware)
    return {runtime: sorted(devices) for runtime, devices in sorted(found.items())}


def _fewest_bits(rows: Sequence[Measurement]) -> dict[str, float]:
    """Stored bits of the narrowest weights with rows, by runtime."""
    found: dict[str, float] = {}
    for row in rows:
        if not row.left_out:
            bits = catalog.precision(row.precision).linear.weights.bits
            found[row.runtime] = min(bits, found.get(row.runtime, bits))
    return dict(sorted(found.items()))


def _shared(found: Sequence[Judged]) -> float:
    """The correlation at which nine of ten ratios of two precisions are within what both are off by."""
    return to_digits(min(0.95, 1 - apart(pairs(found)) ** 2), 2)


def _together(errors: Sequence[Error]) -> float:
    """Correlation of the errors of time and of energy of rows that have both."""
    known = {(e.row.id, e.quantity): e.value for e in errors}
    found = [(value, known[row, "time"]) for (row, quantity), value in known.items()
             if quantity == "energy" and (row, "time") in known]  # fmt: skip
    return to_digits(float(np.corrcoef(np.array(found).T)[0, 1]), 2) if len(found) > 2 else 0.0
