"""Solve what kernels of single products reach, by runtime, class of kernels and device: factors on their figures.

First the factors that serve all devices of a runtime, then those of each device, held to the former by a penalty: a
device with few rows keeps the mean (shrinkage; Efron & Morris, Data analysis using Stein's estimator, JASA 70, 1975,
doi:10.1080/01621459.1975.10479864). Rows are those of ``measured/products/``, which are never scored. A product is
timed by the engine once at the runtime's figures, and by the same formulas again at others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bitnet_cost.engine.clocks import room_of
from bitnet_cost.engine.kernels import kernel_class
from bitnet_cost.formulas.cap import limited
from bitnet_cost.formulas.roofline import partly_overlapped
from bitnet_cost.inputs.calibration import EVERY_DEVICE, Constants, KernelFactors, RuntimeConstants
from bitnet_cost.inputs.cited import Figure
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.runtime import Kernel, KernelClass
from bitnet_cost.ledger.contract import contract
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import to_digits
from bitnet_cost.readers import measured
from bitnet_cost.studies.calibration import Rows
from bitnet_cost.studies.measured import alone_at, bare_product, calibration_ids, grouped, is_burst
from bitnet_cost.studies.solving import Vector, solve

RUNTIMES = frozenset(
    ("tensorrt-llm-kernels", "vllm-kernels", "traced-kernels", "synchronised")
)  # of products one by one
SIGMA = 0.1  # noise of a time, as a logarithm: a library has a kernel for one size and none for its neighbour
# How far a factor may stray, as a logarithm: of a class of kernels on all devices, and of one device from those.
SPREAD = {"overhead": 1.0, "per_input": 1.5, "bandwidth": 0.3, "compute": 0.6}
OWN = {"overhead": 0.4, "per_input": 0.6, "bandwidth": 0.15, "compute": 0.3}


@dataclass(frozen=True, slots=True)
class Pieces:
    """What products of one class of kernels take at a runtime's figures, in seconds, one entry a row."""

    ids: list[str]
    kernel: Kernel
    seconds: Vector  # measured
    launch: Vector
    walk: Vector
    memory: Vector
    compute: Vector
    rest: Vector  # of what narrows their inputs
    products: Vector  # energy of their MACs, and what else is spent above the floor, at prices; none in bursts  [J]
    others: Vector
    room: Vector  # power that the board's limit leaves above the floor  [W]
    least: Vector  # seconds at the rates of the prices, beyond which a kernel waits
    active: Vector  # what it draws then  [W]

    def at(self, factors: KernelFactors) -> Vector:
        """Seconds with other figures."""
        kernel = factors.of(self.kernel)
        launch = self.launch * _times(kernel.overhead, self.kernel.overhead)
        memory = self.memory / _times(kernel.bandwidth, self.kernel.bandwidth)
        compute = self.compute / _times(kernel.compute, self.kernel.compute)
        busy = partly_overlapped(compute, memory, self.walk * factors.per_input)
        both = np.maximum(launch, busy) if self.kernel.issued else launch + busy
        whole, clocked = both + self.rest, np.where(compute > memory, compute, 0.0)
        others = self.others + self.active * np.maximum(busy - self.least, 0.0)
        stretch, _ = limited(self.products, others, clocked, whole - clocked, self.room)
        seconds: Vector = whole * stretch
        return seconds


Kind = tuple[str, str]  # runtime, class of devices
Products = dict[KernelClass, list[tuple[str, Pieces]]]


def _times(figure: Figure | None, before: Figure | None) -> float:
    """How many times what it was a figure is."""
    return figure.value / before.value if figure is not None and before is not None else 1.0


def pieces_of(part: Rows) -> tuple[KernelClass, Pieces]:
    """The class of kernels that products run as, and what they take."""
    index = bare_product(part.result)
    op = part.result.counts.operators[index or 0]
    name = part.software.listed(kernel_class(op, part.result.precision, part.profile) or "linear")
    kernel = part.software.kernel(name)
    base = part.priced(part.profile, part.software)
    found = [_row(base, kernel, row, i) for i, row in enumerate(part.members)]
    columns = (np.array(values) for values in zip(*found, strict=True))
    return name, Pieces([row.id for row in part.members], kernel, *columns)


def _row(base: Result, kernel: Kernel, row: Measurement, i: int) -> tuple[float, ...]:
    """Seconds of a row as `Pieces` has them."""
    timing = base.timing
    assert timing is not None  # priced
    (phase, (first, *others), _), steps = alone_at(base, row, i)
    inputs = base.counts.operators[first].shape[0]
    few = kernel.few_overhead if (row.prompt or 1) <= (kernel.few_rows or 0) else None
    launch = (kernel.overhead.value if kernel.overhead else 0.0) * (few.value if few else 1.0)
    walk = kernel.per_input.value * inputs if kernel.per_input else 0.0
    rest = float(timing.seconds[phase, others, i].sum() / timing.stretch[phase, i]) / steps
    room, power, macs, spent, waits = float(room_of(base.hardware)), base.hardware.device_power, 0.0, 0.0, 0.0
    busy, waited = (float(part[phase, first, i]) / steps for part in (timing.seconds, timing.waiting))
    busy = busy / float(timing.stretch[phase, i]) - float(timing.overhead[phase, first, i]) / steps
    if np.isfinite(room) and not is_burst(row):
        at, assumed = (phase, [first, *others], i), base.ledger
        assert assumed is not None
        priced, drawn = (contract(assumed, "operator", scope) for scope in ("compute", "device"))
        macs = float(priced["mac"][1][at].sum()) / steps
        spent = sum(float(energy[1][at].sum()) for name, energy in drawn.items() if name != "mac") / steps
        waits = power.active.value if power.active is not None else 0.0
        spent -= float(timing.seconds[at].sum()) / steps * power.static.value + waits * waited
    memory, compute = (float(part[phase, first, i]) / steps for part in (timing.memory, timing.compute))
    return row.seconds or np.nan, launch, walk, memory, compute, rest, macs, spent, min(room, 1e9), busy - waited, waits


def fit_kernels(parts: Sequence[Pieces], start: KernelFactors, spread: Mapping[str, float]) -> KernelFactors:
    """Factors that bring the times of products near the measured ones, held to ``start``."""

    def residuals(x: Vector) -> list[float]:
        factors = KernelFactors(**dict(zip(SPREAD, np.exp(x).tolist(), strict=True)))
        return [float(r) for part in parts for r in np.log(part.at(factors) / part.seconds) / SIGMA]

    found = solve(residuals, start.model_dump(), spread)
    return KernelFactors(**{name: to_digits(value, 3) for name, value in found.values.items()})


def chosen_rows(rows: Iterable[Measurement]) -> list[Measurement]:
    """Rows of single products that their kernels' factors come from.

    Those of ``measured/products/``; of a runtime without any there, measured ones that `calibration_ids` sets aside.
    """
    own = measured.product_rows()
    everything, known = list(rows), {row.runtime for row in own}
    ids = calibration_ids(everything)
    return [*own, *(row for row in everything if row.id in ids and row.runtime in RUNTIMES - known)]


def products_by_kind(rows: Iterable[Measurement]) -> dict[Kind, Products]:
    """What single products take, by runtime and class of devices, then by class of kernels, each with its device."""
    found: dict[Kind, Products] = {}
    for members in grouped(chosen_rows(rows)).values():
        part = Rows(members)
        name, pieces = pieces_of(part)
        found.setdefault(part.kind, {}).setdefault(name, []).append((part.profile.name, pieces))
    return found


def every_device(kind: Kind, products: Products, without: str = "") -> RuntimeConstants:
    """Constants of the kernels of every device of a runtime, as they are without the rows of one."""
    factors = {}
    for name, parts in products.items():
        others = [pieces for device, pieces in parts if device != without]
        factors[name] = fit_kernels(others, KernelFactors(), SPREAD)
    return RuntimeConstants(hardware=EVERY_DEVICE + kind[1], runtime=kind[0], kernels=factors)


def product_constants(
    rows: Iterable[Measurement], progress: Callable[[str], object] = lambda line: None
) -> list[RuntimeConstants]:
    """Constants of the kernels of single products: of every device of a runtime, then of each with rows."""
    constants = []
    for kind, classes in products_by_kind(rows).items():
        every = every_device(kind, classes)
        constants.append(every)
        for hardware in dict.fromkeys(device for parts in classes.values() for device, _ in parts):
            own = {name: [p for device, p in parts if device == hardware] for name, parts in classes.items()}
            solved = {name: fit_kernels(parts, every.kernels[name], OWN) for name, parts in own.items() if parts}
            scored = [row for parts in own.values() for p in parts for row in p.ids if row in _measured_ids()]
            kernels = {**every.kernels, **solved}
            constants.append(RuntimeConstants(hardware=hardware, runtime=kind[0], kernels=kernels, rows=scored))
            progress(f"{kind[0]} {hardware} {sum(map(len, own.values()))}")
    return constants


def _measured_ids() -> frozenset[str]:
    return frozenset(row.id for row in measured.rows())


def with_products(constants: Constants, products: Sequence[RuntimeConstants]) -> Constants:
    """Constants with those of single products in place of what they had; power of kernels that wait as it was."""
    known = {(part.hardware, part.runtime): part for part in constants.runtimes}
    runtimes = [part for part in constants.runtimes if not part.kernels and part.runtime not in RUNTIMES]
    for part in products:
        before = known.get((part.hardware, part.runtime))
        runtimes.append(part if before is None else part.model_copy(update={"active": before.active}))
    return constants.model_copy(update={"runtimes": runtimes})
