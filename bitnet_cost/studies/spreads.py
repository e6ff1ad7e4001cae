"""How wide a 90 % interval is: errors of rows that were set aside, each judged by constants that it had no part in.

A constant is solved from the rows that a rule sets aside, and fits those better than others. So each of them is judged
by the constants that rows of other models and precisions on its device and runtime would have given (Allen, D. M., The
relationship between variable selection and data augmentation and a method for prediction, Technometrics 16, 1974), and
on a device that was left out by those of the other devices. The half width of a kind of run is the size of the
logarithm that nine of ten of these errors keep: no row that is scored has a part in it. A runtime is narrower or wider
than all as its own errors are, weighed as if `PRIOR` rows of the others were among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, exp
from typing import get_args

import numpy as np

from bitnet_cost.inputs.calibration import DeviceConstants, RuntimeConstants
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.ranges import RangedQuantity, RangeKind, Ranges, Width, decode_kind, fixed_kind
from bitnet_cost.numerals import to_digits
from bitnet_cost.readers import catalog
from bitnet_cost.studies.calibration import ACTIVE, FIXED, OWN, PRICES, Rows, informed
from bitnet_cost.studies.left_out import left_out, summary
from bitnet_cost.studies.measured import Quantity, calibration_ids, grouped, points
from bitnet_cost.studies.tangents import PRICED, refit, tangents

PRIOR = 10.0  # rows of all runtimes that one runtime's own errors are weighed with
SHARE = 0.9  # of the figures that a range is to hold
LEAST = 1.01  # narrower than the meters
QUANTITY: dict[Quantity, RangedQuantity] = {"seconds": "time", "energy_j_per_token": "energy"}
STEPS: tuple[RangeKind, ...] = ("prefill", "decode-1", "decode-64", "decode-more")
ENOUGH = 20  # figures of a kind of step; below them those of the other kinds of steps count too
FEWEST = 10  # figures of which the nine-in-ten is not the largest


@dataclass(frozen=True, slots=True)
class Error:
    """One error of a set-aside row, judged without it: the logarithm of modelled over measured."""

    row: Measurement
    quantity: Quantity
    value: float


Group = Callable[[Measurement], object]  # rows of one value are left out together


def _of_precision(row: Measurement) -> object:
    return row.model, row.precision


def _of_model(row: Measurement) -> object:
    return row.model


def kind_of(row: Measurement) -> RangeKind:
    """The kind of run that a row measured."""
    device_class = catalog.hardware(row.hardware).device_class
    found = fixed_kind(catalog.model(row.model), catalog.precision(row.precision), device_class, row.phase == "serving")
    return found or ("prefill" if row.phase == "prefill" else decode_kind(row.batch))


def judged_alone(
    parts: Sequence[Rows], runtime: RuntimeConstants, device: DeviceConstants, group: Group
) -> list[Error]:
    """Errors of the rows of one device and runtime, each by constants solved without its group.

    Times, powers and energies are one linear problem here, of the factors on times and on prices at once; the error of
    the committed constants is moved by what leaving the rows of its group out moves.
    """
    constants = catalog.constants()
    every = constants.every(*parts[0].kind)
    priced = any(getattr(row, q) is not None for part in parts for row in part.members for q in PRICED)
    times = informed(parts)
    prices = list(PRICES) if priced and not parts[0].has_measured_prices else []
    names = [*times, *prices, *(["active"] if priced else [])]
    spread = {name: OWN[name] for name in times} | {name: PRICES[name] for name in prices} | {"active": ACTIVE}
    near = {name: float(getattr(device if name in PRICES else runtime, name)) for name in names}
    expected = {name: float(getattr(every, name)) if every and name in times else 1.0 for name in names}
    found = tangents(parts, runtime, device, names)
    with_all = refit(found, near, expected, spread)
    errors: list[Error] = []
    for left in dict.fromkeys(group(t.row) for t in found):
        moved = refit([t for t in found if group(t.row) != left], near, expected, spread) - with_all
        errors += [Error(t.row, t.quantity, t.error + float(t.slope @ moved)) for t in found if group(t.row) == left]
    return errors


def alone(rows: Sequence[Measurement], group: Group = _of_precision) -> list[Error]:
    """Errors of every set-aside row by constants that it had no part in; as they are where nothing was solved."""
    constants, chosen = catalog.constants(), calibration_ids(rows)
    aside = [row for row in rows if row.id in chosen and row.phase != "exchange"]
    solved: dict[tuple[str, str], list[Rows]] = {}
    fixed: list[Measurement] = []
    for of, members in grouped(aside).items():
        if catalog.hardware(of[1]).device_class in ("gpu", "igpu") and of[3] not in FIXED:
            solved.setdefault((of[1], of[3]), []).append(Rows(members, constants.prompts))
        else:
            fixed += members
    errors = [
        Error(p.row, p.quantity, float(np.log(p.modelled / p.measured)))
        for p in points(fixed) if not p.left_out and isinstance(p.row, Measurement)
    ]  # fmt: skip
    for (hardware, runtime), parts in solved.items():
        known = constants.of(parts[0].profile, parts[0].software)
        device = constants.of_device(hardware) or DeviceConstants(hardware=hardware)
        errors += judged_alone(parts, known or RuntimeConstants(hardware=hardware, runtime=runtime), device, group)
    return errors


def nine_in_ten(sizes: Iterable[float]) -> float:
    """The size that a new error keeps nine times in ten: the ceil(0.9 (n + 1))-th smallest of n, at most the largest.

    Vovk, V., Gammerman, A. and Shafer, G., Algorithmic learning in a random world, 2005, chapter 2.

    >>> nine_in_ten([0.1] * 8 + [0.2]), nine_in_ten([0.1] * 18 + [0.2])
    (0.2, 0.1)
    """
    found = sorted(sizes)
    return found[min(len(found), ceil(SHARE * (len(found) + 1) - 1e-9)) - 1]


def _width(n: int, log_width: float) -> Width:
    return Width(n=n, factor=max(LEAST, to_digits(exp(log_width), 3)))


Kinds = dict[RangedQuantity, dict[RangeKind, Width]]
Sized = tuple[str, float]  # a runtime, and the size of the logarithm of an error


def widths(
    errors: Mapping[RangeKind, Sequence[Sized]],
) -> tuple[dict[RangeKind, Width], dict[str, dict[RangeKind, Width]]]:
    """The width of each kind over all runtimes, and of each runtime with rows of it."""
    of_all: dict[RangeKind, Width] = {}
    of_one: dict[str, dict[RangeKind, Width]] = {}
    for kind in get_args(RangeKind):
        own = list(errors.get(kind, ()))
        if kind in STEPS and len(own) < ENOUGH:
            own = [e for step in STEPS for e in errors.get(step, ())]
        if len(own) < FEWEST:
            continue
        mean = float(np.mean([size for _, size in own]))
        scale: dict[str, tuple[int, float]] = {}
        for runtime in dict.fromkeys(name for name, _ in own):
            sizes = [size for name, size in own if name == runtime]
            scale[runtime] = len(sizes), (PRIOR * mean + sum(sizes)) / (PRIOR + len(sizes)) / mean
        of_all[kind] = _width(len(own), nine_in_ten(size for _, size in own))
        whole = nine_in_ten(size / scale[name][1] for name, size in own)
        for runtime, (n, factor) in scale.items():
            of_one.setdefault(runtime, {})[kind] = _width(n, whole * factor)
    return of_all, of_one


def by_kind(errors: Iterable[Error], quantity: Quantity) -> dict[RangeKind, list[Sized]]:
    """Sizes of the errors of one quantity by kind, with their runtime."""
    found: dict[RangeKind, list[Sized]] = {}
    for e in errors:
        if e.quantity == quantity:
            found.setdefault(kind_of(e.row), []).append((e.row.runtime, abs(e.value)))
    return found


def shared(errors: Sequence[Error]) -> float:
    """Correlation of the errors of two precisions in one run: the part that a saving cancels.

    Of set-aside rows of one source, model, device, number of devices, runtime, phase and kind, each judged without its
    model in any precision. From medians, so that a few rows of another kind pull little: 1 - d^2 / 2 s^2 of the
    median difference d and the median size s (root mean square of the two).
    """
    alike: dict[tuple[object, ...], list[Error]] = {}
    for e in errors:
        if e.quantity in QUANTITY and e.row.phase != "product":
            r = e.row
            key = (r.source, r.model, r.hardware, r.devices, r.runtime, r.phase, kind_of(r), e.quantity)
            alike.setdefault(key, []).append(e)
    pairs = np.array([
        (one.value, other.value)
        for members in alike.values() for one, other in combinations(members, 2)
        if one.row.precision != other.row.precision
    ]).reshape(-1, 2)  # fmt: skip
    if len(pairs) < FEWEST:
        return 0.0
    differs, size = np.median(np.abs(pairs[:, 0] - pairs[:, 1])), np.median(np.sqrt((pairs**2).mean(1)))
    return to_digits(float(np.clip(1 - (differs / size) ** 2 / 2, 0.0, 0.95)), 2)


def ranges(rows: Sequence[Measurement], progress: Callable[[str], object] = lambda line: None) -> Ranges:
    """The spreads of errors, and the errors on devices left out."""
    chosen = calibration_ids(rows)
    errors = alone(rows)
    progress(f"{len(errors)} figures of rows that were set aside, each judged without its row")
    missed = left_out(rows, progress)
    far = [Error(m.row, m.quantity, m.log_error) for m in missed if m.row.id in chosen]
    own: Kinds = {}
    away: Kinds = {}
    runtimes: dict[str, Kinds] = {}
    for quantity, name in QUANTITY.items():
        own[name], each = widths(by_kind(errors, quantity))
        away[name], _ = widths(by_kind(far, quantity))
        for runtime, found in each.items():
            runtimes.setdefault(runtime, {})[name] = found
    _complete(own, {})
    _complete(away, own)
    return Ranges(
        own=own, runtimes=runtimes, left_out=away, devices=_devices(rows),
        fewest_bits=_fewest_bits(rows), together=_together(errors),
        shared=shared(alone(rows, _of_model)),         errors=summary(missed),
    )  # fmt: skip


def _complete(found: Kinds, least: Kinds) -> None:
    """Kinds without figures of their own: times as the widest step of a batch, energies of GPUs as times.

    None is narrower than in ``least``. Energies of bare products and of hosts are left to their prices.
    """
    for quantity in QUANTITY.values():
        known = found[quantity]
        for kind in get_args(RangeKind):
            if quantity == "energy" and kind in ("product", "host"):
                continue
            steps = [found["time"][step] for step in STEPS]
            others = steps if quantity == "time" else [found["time"][kind]]
            floor = [least[quantity][kind]] if kind in least.get(quantity, {}) else []
            if kind not in known:
                known[kind] = max(others, key=_factor)
            known[kind] = max([known[kind], *floor], key=_factor)


def _factor(width: Width) -> float:
    return width.factor


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


def _together(errors: Sequence[Error]) -> float:
    """Correlation of the errors of time and of energy of rows that have both."""
    known = {(e.row.id, e.quantity): e.value for e in errors}
    pairs = [(value, known[row, "seconds"]) for (row, quantity), value in known.items()
             if quantity == "energy_j_per_token" and (row, "seconds") in known]  # fmt: skip
    return to_digits(float(np.corrcoef(np.array(pairs).T)[0, 1]), 2) if len(pairs) > 2 else 0.0
