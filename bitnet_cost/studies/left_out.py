"""Devices left out one at a time: how far off the model is on a device whose rows had no part in its constants.

For every device with measured rows the factors that hold for all devices of its runtimes are solved again without its
rows, then those of each other device, then the trends that a device without rows follows (linear in the factors around
the committed ones, see `tangents`; prompt lengths of tasks are no device's and stay). The device is then what it would
be had it never been measured: the prices of its profile, those factors and trends, and the waiting power of the other
devices. Every row of the device is scored, those that constants came from too: here none has.

So it is with families of models on servers: factors are solved again without the rows of a family, on all devices, and
all of its rows are scored. A device that has no other rows is then one without; prices and waiting power stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.calibration import EVERY_DEVICE, Constants, DeviceConstants, RuntimeConstants
from bitnet_cost.inputs.hardware import GPUS
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.ranges import FamiliesLeftOut, LeftOut
from bitnet_cost.numerals import digits, fixed, with_commas
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies.accuracy import ERRORS, class_of, error_texts, spread_of
from bitnet_cost.studies.accuracy_classes import CLASSES
from bitnet_cost.studies.calibration import FIXED, OWN, SPREAD, Rows, informed, set_aside, with_trends
from bitnet_cost.studies.measured import ALONE, Point, Quantity, grouped
from bitnet_cost.studies.product_calibration import every_device, products_by_kind
from bitnet_cost.studies.tangents import Tangent, errors, refit, tangents
from bitnet_cost.tables import Column, Note, Report, Table, headed

QUANTITIES: dict[Quantity, str] = {"seconds": "time", "power_w": "power", "energy_j_per_token": "energy"}
SERVER, PRODUCT = "server-", "product-"  # before a quantity of a server, of a product alone
TARGETS = {"time": (12.0, 35.0), "power": (10.0, 25.0), "energy": (15.0, 35.0)}  # percent: median, nine in ten
TITLES = {"time": "time", "power": "power", "energy": "energy per token"}
BEFORE = {"": "", SERVER: " of a server", PRODUCT: " of a product alone"}
Kind = tuple[str, str]  # runtime, class of devices
Left = Callable[[Measurement], bool]  # whether a row is left out
# Of the runtimes whose figures are measured on single kernels: those devices, and what only they say nothing of.
KERNELS_OF = {"cuda-graph": {"h100-sxm-80gb": (), "h200-sxm-141gb": ("bf16", "fp16")}}
# Those of many devices: one that is left out takes the mean of the others.
SHARED = {"vllm-kernels", "tensorrt-llm-kernels", "traced-kernels"}


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


@dataclass(frozen=True, slots=True)
class Solved:
    """The constants of one runtime on one device or on all of a class, and the rows that they come from near them."""

    constants: RuntimeConstants
    rows: tuple[Tangent, ...]

    def again(self, expected: RuntimeConstants, names: Sequence[str], spread: dict[str, float], left: Left) -> Solved:
        """The same without some rows.

        Slopes say nothing of factors further off than one may stray, so that none goes there.
        """
        near, held = ({n: float(getattr(c, n)) for n in names} for c in (self.constants, expected))
        at, stray = np.log(list(near.values())), np.array([spread[n] for n in names])
        found = refit([t for t in self.rows if not left(t.row)], near, held, spread)
        factors = np.exp(np.clip(found, at - stray, at + stray)).tolist()
        return Solved(self.constants.model_copy(update=dict(zip(names, factors, strict=True))), self.rows)


def solved(parts: Sequence[Rows], known: RuntimeConstants, names: Sequence[str]) -> Solved:
    """Constants with the times of their rows near them, powers where prices are measured."""
    found: list[Tangent] = []
    for part in parts:
        device = catalog.constants().of_device(part.profile.name) or DeviceConstants(hardware=part.profile.name)
        active = known.active
        if known.hardware.startswith(EVERY_DEVICE):
            active = (catalog.constants().of(part.profile, part.software) or known).active
        found += [
            t for t in tangents([part], known.model_copy(update={"active": active}), device, names)
            if t.quantity == "seconds" or (t.quantity == "power_w" and part.has_measured_prices)
        ]  # fmt: skip
    return Solved(known, tuple(found))


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What the rows of one runtime on one class of devices make of it."""

    names: tuple[str, ...]  # of the factors that they say something of
    every: Solved
    devices: dict[str, Solved]
    powered: frozenset[str]  # devices whose waiting power comes from rows

    def without(self, device: str) -> Constants:
        """The constants of the runtime had a device never been measured."""
        every, others = self._again(lambda row: row.hardware == device)
        waiting = [part.active for part in others if part.hardware in self.powered]
        every = every.model_copy(update={"active": float(np.median(waiting)) if waiting else 1.0})
        return with_trends(Constants(note="without one device", runtimes=[every, *others]))

    def without_family(self, family: str) -> Constants:
        """The constants of the runtime had no model of a family been measured."""
        every, others = self._again(lambda row: family_of(row.model) == family)
        return with_trends(Constants(note="without one family", runtimes=[every, *others]))

    def _again(self, left: Left) -> tuple[RuntimeConstants, list[RuntimeConstants]]:
        """Those of every device without some rows, and those of each device that has others."""
        unmoved = RuntimeConstants(hardware=self.every.constants.hardware, runtime=self.every.constants.runtime)
        every = self.every.again(unmoved, self.names, SPREAD, left).constants
        known = [one for one in self.devices.values() if not all(left(t.row) for t in one.rows)]
        return every, [one.again(every, self.names, OWN, left).constants for one in known]


def calibrated(parts: Sequence[Rows], kind: Kind) -> Calibrated:
    """The constants of one runtime and class of devices beside the rows they come from, as `calibrate` has them."""
    constants, names = catalog.constants(), informed(parts) if parts else []
    every = constants.every(*kind) or RuntimeConstants(hardware=EVERY_DEVICE + kind[1], runtime=kind[0])
    certain = [
        part for part in parts
        if part.has_measured_prices or not any(p.tasks for p in parts)
    ]  # fmt: skip
    devices = {}
    for name in dict.fromkeys(part.profile.name for part in parts):
        own = [part for part in parts if part.profile.name == name]
        devices[name] = solved(own, constants.of(own[0].profile, own[0].software) or every, names)
    powered = frozenset(part.profile.name for part in parts if any(row.power_w for row in part.members))
    return Calibrated(tuple(names), solved(certain, every, names), devices, powered)


def left_out(rows: Sequence[Measurement], progress: Callable[[str], object] = lambda line: None) -> list[Missed]:
    """Every quantity of every device of graphics processors, scored without that device's rows.

    Of a runtime whose figures are measured on single kernels (`FIXED`) the other devices are scored as they are. A
    runtime that one device alone gave its constants is not: no answer is given without any row of its runtime.
    """
    prompts = catalog.constants().prompts
    asked = [
        r for r in rows
        if not r.left_out and r.phase != "exchange" and not (r.runtime in SHARED and r.id in measured.used())
    ]  # fmt: skip
    parts = [
        Rows(members, prompts)
        for group, members in grouped(asked).items()
        if catalog.hardware(group[1]).device_class in GPUS
        and (group[3] not in FIXED - SHARED or (group[3] in KERNELS_OF and _elsewhere(members[0])))
    ]
    used = [part.with_prompts(prompts) for part in set_aside(rows)[0]]
    found: list[Missed] = []
    products = products_by_kind(rows) if any(part.kind[0] in SHARED for part in parts) else {}
    for kind in dict.fromkeys(part.kind for part in parts):
        known = calibrated([part for part in used if part.kind == kind], kind)
        own = [part for part in parts if part.kind == kind]
        if len(known.devices) == 1:
            own = [part for part in own if part.profile.name not in known.devices]
        for device in dict.fromkeys(part.profile.name for part in own):
            constants = known.without(device)
            if kind in products:
                every = every_device(kind, products[kind], device)
                constants = constants.model_copy(update={"runtimes": [every]})
            found += _missed([part for part in own if part.profile.name == device], constants)
        progress(f"{kind[0]}: {len(own)} groups of rows")
    return found


def family_of(model: str) -> str:
    """The family of a model: the first word of its name.

    >>> family_of("llama-3.1-70b"), family_of("gpt-oss-20b")
    ('llama', 'gpt')
    """
    return model.split("-", maxsplit=1)[0]


def families_left_out(
    rows: Sequence[Measurement], progress: Callable[[str], object] = lambda line: None
) -> list[Missed]:
    """Every quantity of servers, scored without the rows of its model's family.

    A family is not scored with a runtime that no other was measured with.
    """
    prompts = catalog.constants().prompts
    parts = [
        Rows(members, prompts)
        for members in grouped(r for r in rows if r.phase == "serving" and not r.left_out).values()
    ]
    used = [part.with_prompts(prompts) for part in set_aside(rows)[0]]
    found: list[Missed] = []
    for kind in dict.fromkeys(part.kind for part in parts):
        known = calibrated([part for part in used if part.kind == kind], kind)
        measured_families = {family_of(t.row.model) for t in known.every.rows}
        own = [part for part in parts if part.kind == kind]
        for family in dict.fromkeys(family_of(part.members[0].model) for part in own):
            if measured_families - {family}:
                these = [part for part in own if family_of(part.members[0].model) == family]
                found += _missed(these, known.without_family(family), priced=True)
        progress(f"{kind[0]}: {len(own)} groups of rows")
    return found


def _elsewhere(row: Measurement) -> bool:
    """Whether a row of a runtime of measured kernels has no part in them."""
    apart = KERNELS_OF[row.runtime].get(row.hardware)
    return apart is None or (row.precision in apart and row.devices == 1)


def _missed(parts: Sequence[Rows], constants: Constants, priced: bool = False) -> Iterator[Missed]:
    """Errors with these constants; devices are ``priced`` as their rows have it, else as their profiles."""
    for part in parts:
        device = part.profile.name
        prices = catalog.constants().of_device(device) if priced else None
        software = constants.of(part.profile, part.software)
        software = software or RuntimeConstants(hardware=device, runtime=part.software.runtime)
        for row, quantity, error in errors(part, software, prices or DeviceConstants(hardware=device)):
            if np.isfinite(error):
                yield Missed(row, quantity, error)


def summary(found: Sequence[Missed]) -> LeftOut:
    """Errors over all devices and of each, by quantity; those of servers and of products alone apart."""
    devices = {d: _spreads([m for m in found if m.row.hardware == d]) for d in sorted({m.row.hardware for m in found})}
    return LeftOut(classes=_spreads(found), devices=devices)


def summary_of_families(found: Sequence[Missed]) -> FamiliesLeftOut:
    """Errors by class of measured rows, over all families and of each."""
    families = sorted({family_of(m.row.model) for m in found})
    own = {name: _of_class([m for m in found if family_of(m.row.model) == name]) for name in families}
    return FamiliesLeftOut(classes=_of_class(found), families=own)


def _of_class(found: Sequence[Missed]) -> dict[str, Spread]:
    parts: dict[str, list[float]] = {}
    for m in found:
        parts.setdefault(class_of(Point(m.row, m.quantity, 1.0, 1.0)), []).append(m.error)
    return {name: spread_of(parts[name]) for name in CLASSES if name in parts}


def _spreads(found: Sequence[Missed]) -> dict[str, Spread]:
    parts: dict[str, list[float]] = {before + word: [] for before in BEFORE for word in QUANTITIES.values()}
    for m in found:
        before = SERVER if m.row.phase == "serving" else PRODUCT if m.row.phase in ALONE else ""
        parts[before + QUANTITIES[m.quantity]].append(m.error)
    return {word: spread_of(errors) for word, errors in parts.items() if errors}


def title(name: str) -> str:
    """A class in words.

    >>> title("energy"), title("server-time"), title("product-energy")
    ('energy per token', 'time of a server', 'energy of a product alone')
    """
    before = next(b for b in (SERVER, PRODUCT, "") if name.startswith(b))
    words = TITLES[name.removeprefix(before)]
    return (words.removesuffix(" per token") if before == PRODUCT else words) + BEFORE[before]


def missed_targets(found: LeftOut) -> list[str]:
    """Quantities of runs at a fixed batch that miss their target."""
    return [name for name, (median, p90) in TARGETS.items()
            if (s := found.classes.get(name)) is not None and (s.median > median or s.p90 > p90)]  # fmt: skip


def report(found: LeftOut, families: FamiliesLeftOut | None = None) -> Report:
    """Errors over all devices with their targets, and of each device; then those of families left out."""
    whole, each = [], []
    for name, s in found.classes.items():
        target = TARGETS.get(name)
        words = "-" if target is None else " / ".join(digits(t, 6) for t in target)
        met = "" if target is None else "NO" if name in missed_targets(found) else "yes"
        whole.append((title(name), *error_texts(s), words, met))
    for device, quantities in found.devices.items():
        each += [(device, title(name), *error_texts(s)) for name, s in quantities.items()]
    tables = [
        Table("All devices", (*headed("quantity", *ERRORS, "target"), Column("met", False)), tuple(whole)),
        Table("By device", headed("device", "quantity", *ERRORS, texts=2), tuple(each)),
    ]
    if families is not None:
        classes = tuple((name, *error_texts(s)) for name, s in families.classes.items())
        own = [
            (family, name, *error_texts(s)) for family, part in families.families.items() for name, s in part.items()
        ]
        tables.append(Table("Servers, without the family of the model", headed("class", *ERRORS), classes))
        tables.append(Table("By family", headed("family", "class", *ERRORS, texts=2), tuple(own)))
    time = found.classes["time"]
    text = f"{len(found.devices)} devices, each scored as if it had never been measured: times at a fixed batch are off"
    text += f" by {fixed(time.median, 1)}% in the median and by {fixed(time.p90, 1)}% nine times in ten"
    text += f" ({with_commas(time.n)} rows)."
    return Report("Devices left out of calibration, one at a time", text, tuple(tables), (Note("left-out", _NOTE),))


_NOTE = (
    "The factors of a runtime, those of its other devices and the trends of these are solved again without the rows of"
    " a device, all of which are then scored with the prices of its profile. A runtime that was measured on few devices"
    " is left with little; servers of vLLM are such; one that was measured on that device alone is not"
    " scored there. Of products alone the device takes the mean of its runtime's kernels on the other devices."
)


def rows_of(found: LeftOut, families: FamiliesLeftOut | None = None) -> list[dict[str, Any]]:
    """Errors of each device and quantity, and of each family and class, as flat rows."""
    parts = [(name, "") for name in found.devices] + [("", name) for name in (families.families if families else ())]
    return [
        {"device": device, "family": family, "quantity": name, **s.model_dump()}
        for device, family in parts
        for name, s in (found.devices[device] if device or families is None else families.families[family]).items()
    ]


def document(found: LeftOut, families: FamiliesLeftOut | None = None) -> dict[str, Any]:
    """The errors as JSON data."""
    targets = {name: {"median": median, "p90": p90} for name, (median, p90) in TARGETS.items()}
    own = {} if families is None else {"families": families.model_dump()}
    return {"schema": "bitnet-cost/left-out-1", **found.model_dump(), **own, "targets": targets}
