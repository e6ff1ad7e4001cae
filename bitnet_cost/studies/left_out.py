"""Devices left out one at a time: how far off the model is on a device whose rows had no part in its constants.

For every device with measured rows, the factors that hold for all devices of its runtimes are solved again without its
rows (linear in them around the committed ones, see `tangents`; prompt lengths of tasks are no device's and stay). The
device is then what it would be had it never been measured: the prices of its profile, those factors, and the waiting
power of the other devices. Every row of the device is scored, those that constants came from too: here none has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.calibration import EVERY_DEVICE, Constants, DeviceConstants, RuntimeConstants
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.ranges import LeftOut
from bitnet_cost.numerals import digits, fixed, with_commas
from bitnet_cost.readers import catalog
from bitnet_cost.studies.accuracy import spread_of
from bitnet_cost.studies.calibration import FIXED, SPREAD, Rows, informed
from bitnet_cost.studies.measured import Quantity, calibration_ids, grouped
from bitnet_cost.studies.tangents import Tangent, errors, refit, tangents
from bitnet_cost.tables import Column, Note, Report, Table, headed

QUANTITIES: dict[Quantity, str] = {"seconds": "time", "power_w": "power", "energy_j_per_token": "energy"}
SERVER = "server-"  # before a quantity of a server
TARGETS = {"time": (12.0, 35.0), "power": (10.0, 25.0), "energy": (15.0, 35.0)}  # percent: median, nine in ten
TITLES = {"time": "time", "power": "power", "energy": "energy per token"}
Kind = tuple[str, str]  # runtime, class of devices


@dataclass(frozen=True, slots=True)
class Missed:
    """One measured quantity of a device that was left out."""

    row: Measurement
    quantity: Quantity
    log_error: float  # logarithm of modelled over measured

    @property
    def error(self) -> float:
        """Modelled over measured, less 1."""
        return float(np.expm1(self.log_error))


def shared_tangents(parts: Sequence[Rows], every: RuntimeConstants, names: Sequence[str]) -> list[Tangent]:
    """Times of rows of one runtime near the factors that hold for all devices, powers where prices are measured."""
    found = []
    for part in parts:
        known = catalog.constants().of_device(part.profile.name) or DeviceConstants(hardware=part.profile.name)
        own = catalog.constants().of(part.profile, part.software) or every
        found += [
            t for t in tangents([part], every.model_copy(update={"active": own.active}), known, names)
            if t.quantity == "seconds" or (t.quantity == "power_w" and part.has_measured_prices)
        ]  # fmt: skip
    return found


def without(
    device: str, kind: Kind, found: Sequence[Tangent], every: RuntimeConstants, names: Sequence[str],
    constants: Constants,
) -> RuntimeConstants:  # fmt: skip
    """The factors of a runtime had a device never been measured."""
    near = {name: float(getattr(every, name)) for name in names}
    others = [t for t in found if t.row.hardware != device]
    # Slopes are taken at the factors of all rows: they say nothing of factors further off than one may stray.
    at, stray = np.log(list(near.values())), np.array([SPREAD[name] for name in names])
    factors = np.exp(np.clip(refit(others, near, near, SPREAD), at - stray, at + stray)).tolist()
    measured_on = [c for c in constants.runtimes if c.runtime == kind[0] and not c.hardware.startswith(EVERY_DEVICE)]
    waiting = [c.active for c in measured_on if c.hardware != device]
    active = float(np.median(waiting)) if waiting else 1.0
    return RuntimeConstants(hardware=device, runtime=kind[0], active=active, **dict(zip(names, factors, strict=True)))


def left_out(rows: Sequence[Measurement], progress: Callable[[str], object] = lambda line: None) -> list[Missed]:
    """Every quantity of every device of graphics processors, scored without that device's rows.

    A device with rows of one runtime alone whose figures are measured on single kernels (`FIXED`) is none: nothing of
    it was solved, so that leaving it out changes nothing.
    """
    constants, chosen = catalog.constants(), calibration_ids(rows)
    parts = [
        Rows(members, constants.prompts)
        for group, members in grouped(r for r in rows if not r.left_out and r.phase != "exchange").items()
        if catalog.hardware(group[1]).device_class in ("gpu", "igpu") and group[3] not in FIXED
    ]
    found: list[Missed] = []
    for kind in dict.fromkeys(part.kind for part in parts):
        own = [part for part in parts if part.kind == kind]
        every = constants.every(*kind) or RuntimeConstants(hardware=EVERY_DEVICE + kind[1], runtime=kind[0])
        used = [_only(part, chosen) for part in own if any(r.id in chosen for r in part.members)]
        names = informed(used) if used else []
        near = shared_tangents(used, every, names)
        for device in dict.fromkeys(part.profile.name for part in own):
            solved = without(device, kind, near, every, names, constants)
            bare = DeviceConstants(hardware=device)
            found += [
                Missed(row, quantity, error)
                for part in own if part.profile.name == device
                for row, quantity, error in errors(part, solved, bare) if np.isfinite(error)
            ]  # fmt: skip
        progress(f"{kind[0]}: {len(used)} groups of rows")
    return found


def _only(part: Rows, ids: frozenset[str]) -> Rows:
    """The rows of a group that constants may be taken from."""
    members = [r for r in part.members if r.id in ids]
    return Rows(members, catalog.constants().prompts, part.profile, part.software)


def summary(found: Sequence[Missed]) -> LeftOut:
    """Errors over all devices and of each, by quantity; those of servers apart over all."""
    served = [m for m in found if m.row.phase == "serving"]
    alone = [m for m in found if m.row.phase != "serving"]
    classes = _spreads(alone) | {f"{SERVER}{name}": spread for name, spread in _spreads(served).items()}
    devices = {d: _spreads([m for m in found if m.row.hardware == d]) for d in sorted({m.row.hardware for m in found})}
    return LeftOut(classes=classes, devices=devices)


def _spreads(found: Sequence[Missed]) -> dict[str, Spread]:
    parts = {word: [m.error for m in found if m.quantity == quantity] for quantity, word in QUANTITIES.items()}
    return {word: spread_of(errors) for word, errors in parts.items() if errors}


def missed_targets(found: LeftOut) -> list[str]:
    """Quantities of runs at a fixed batch that miss their target."""
    return [name for name, (median, p90) in TARGETS.items()
            if (s := found.classes.get(name)) is not None and (s.median > median or s.p90 > p90)]  # fmt: skip


def report(found: LeftOut) -> Report:
    """Errors over all devices with their targets, and of each device."""
    whole, each = [], []
    for name, s in found.classes.items():
        quantity = name.removeprefix(SERVER)
        target = TARGETS.get(name)
        words = "-" if target is None else " / ".join(digits(t, 6) for t in target)
        met = "" if target is None else "NO" if name in missed_targets(found) else "yes"
        whole.append((TITLES[quantity] + (" of a server" if name != quantity else ""), *_printed(s), words, met))
    for device, quantities in found.devices.items():
        each += [(device, TITLES[name], *_printed(s)) for name, s in quantities.items()]
    heads = ("n", "median %", "p90 %", "bias %")
    tables = (
        Table("All devices", (*headed("quantity", *heads, "target"), Column("met", False)), tuple(whole)),
        Table("By device", headed("device", "quantity", *heads, texts=2), tuple(each)),
    )
    time = found.classes["time"]
    text = f"{len(found.devices)} devices, each scored as if it had never been measured: times at a fixed batch are off"
    text += f" by {fixed(time.median, 1)}% in the median and by {fixed(time.p90, 1)}% nine times in ten"
    text += f" ({with_commas(time.n)} rows)."
    return Report("Devices left out of calibration, one at a time", text, tables, (Note("left-out", _NOTE),))


_NOTE = (
    "The factors of a runtime are solved again without the rows of a device, all of which are then scored with the"
    " prices of its profile. A runtime that was measured on one or two devices alone is left with little; servers of"
    " vLLM are such."
)


def _printed(s: Spread) -> tuple[str, str, str, str]:
    return str(s.n), fixed(s.median, 1), fixed(s.p90, 1), fixed(s.bias, 1, sign=True)


def rows_of(found: LeftOut) -> list[dict[str, Any]]:
    """Errors of each device and quantity as flat rows."""
    return [
        {"device": device, "quantity": name, **s.model_dump()}
        for device, quantities in found.devices.items() for name, s in quantities.items()
    ]  # fmt: skip


def document(found: LeftOut) -> dict[str, Any]:
    """The errors as JSON data."""
    targets = {name: {"median": median, "p90": p90} for name, (median, p90) in TARGETS.items()}
    return {"schema": "bitnet-cost/left-out-1", **found.model_dump(), "targets": targets}
