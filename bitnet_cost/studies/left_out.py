"""Devices left out one at a time: how far off the model is on a device whose rows had no part in its constants.

For every device with measured rows, the factors that hold for all devices of its runtimes are solved again without its
rows (linear in them around the committed ones, see `tangents`; prompt lengths of tasks are no device's and stay). The
device is then what it would be had it never been measured: the prices of its profile, those factors, and the waiting
power of the other devices. Every row of the device is scored, those that constants came from too: here none has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.calibration import EVERY_DEVICE, Constants, DeviceConstants, RuntimeConstants
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.ranges import LeftOut
from bitnet_cost.readers import catalog
from bitnet_cost.studies.accuracy import spread_of
from bitnet_cost.studies.calibration import FIXED, SPREAD, Rows, informed
from bitnet_cost.studies.measured import Quantity, calibration_ids, grouped
from bitnet_cost.studies.tangents import Tangent, errors, refit, tangents

QUANTITIES: dict[Quantity, str] = {"seconds": "time", "power_w": "power", "energy_j_per_token": "energy"}
SERVER = "server-"  # before a quantity of a server
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
    factors = np.exp(refit(others, near, dict.fromkeys(names, 1.0), SPREAD)).tolist()
    waiting = [c.active for c in constants.runtimes
               if c.runtime == kind[0] and c.hardware != device and not c.hardware.startswith(EVERY_DEVICE)]  # fmt: skip
    active = float(np.median(waiting)) if waiting else 1.0
    return RuntimeConstants(
        hardware=device, runtime=kind[0], active=active, **dict(zip(names, factors, strict=True))
    )


def left_out(rows: Sequence[Measurement], progress: Callable[[str], object] = lambda line: None) -> list[Missed]:
    """Every quantity of every device of graphics processors, scored without that device's rows.

    A device with rows of one runtime alone whose figures are measured on single kernels (`FIXED`) is none: nothing of
    it was solved, so that leaving it out changes nothing.
    """
    constants, chosen = catalog.constants(), calibration_ids(rows)
    parts = [
        Rows(members, constants.prompts)
        for group, members in grouped(r for r in rows if not r.left_out).items()
        if catalog.hardware(group[1]).device_class in ("gpu", "igpu") and group[3] not in FIXED
    ]
    found: list[Missed] = []
    for kind in dict.fromkeys(part.kind for part in parts):
        own = [part for part in parts if part.kind == kind]
        every = next((c for c in constants.runtimes if (c.hardware, c.runtime) == (EVERY_DEVICE + kind[1], kind[0])),
                     RuntimeConstants(hardware=EVERY_DEVICE + kind[1], runtime=kind[0]))  # fmt: skip
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
