"""Solve constants of devices and runtimes from measured rows: factors on the figures of their files.

Times first: for every runtime and class of devices the factors that serve all of them; then those of each device with
rows of its own, held to the former by a penalty. Where rows leave prompt lengths open, these and the former factors are
solved on devices whose prices are measured. Then prices: floor, memory and MAC of each device from energies and powers,
held to the profile's figures, those that are measured more tightly. Least squares of the logarithm of modelled over
measured (`solving.solve`); a factor is worth a penalty of one residual of `SIGMA` for each of its `SPREAD`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bitnet_cost.engine.estimate import priced
from bitnet_cost.inputs.calibration import (
    EVERY_DEVICE,
    Constants,
    CounterConstants,
    DeviceConstants,
    RuntimeConstants,
    Trait,
    traits,
)
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.hardware import GPUS, Hardware
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import brief, to_digits
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies.measured import Quantity, calibration_ids, counted, grouped, memory_of, read
from bitnet_cost.studies.solving import Fit, Vector, solve

SIGMA = 0.06  # believable noise of a time, as a logarithm
POWER_SIGMA = 0.08
PROGRAM_SIGMA = 0.3  # by how much another program may draw more at the same work, as a logarithm: hardly held
MEMORY_SIGMA = 0.02
# How far a factor may stray, as a logarithm: of a runtime on all devices, and of one device from those.
SPREAD = {
    "bandwidth": 0.25, "compute": 0.35, "dequantised": 0.4, "dequantised_compute": 0.6, "w8a8": 0.4,
    "w8a8_compute": 0.5, "experts": 0.2, "experts_compute": 0.5, "experts_overhead": 0.7, "experts_sequence": 0.7,
    "experts_w8a8": 0.7, "attention": 0.4, "attention_compute": 0.6, "attention_kv8": 0.4, "cache_repeats": 1.5,
    "scan": 0.4, "overhead": 0.6, "per_pass": 1.0, "per_sequence": 0.5, "link": 0.6, "link_latency": 1.0,
}  # fmt: skip
OWN = {name: 0.7 * spread for name, spread in SPREAD.items()}
PRICES = {"static": 0.2, "memory": 0.25, "mac": 0.3, "mac_fp8": 0.3, "mac_int8": 0.3}
ACTIVE = 0.7
PROMPT = 0.5  # of a task's prompt length, where rows give none
COUNTER = {"cache": (1.0, 0.5), "context_gb": (0.1, 1.5)}  # expected value and spread
# Runtimes of single kernels, or solved by hand.
FIXED = {
    "cuda-graph", "vllm-kernels", "tensorrt-llm-kernels", "traced-kernels", "synchronised", "bitnet.cpp",
    "fastertransformer", "qnn", "bitsandbytes",
}  # fmt: skip
RESTARTS = 2  # most times that a search begins again far away
NONE = Constants(note="none")


@dataclass(frozen=True, slots=True)
class Calibration:
    """The constants of measured rows, and the fits that they are rounded from."""

    constants: Constants
    times: dict[tuple[str, str], Fit]  # by hardware, or *CLASS, and runtime
    prices: dict[str, Fit]  # by hardware; ``active:RUNTIME`` is on the power of kernels that wait
    counters: dict[str, Fit]  # by source


class Rows:
    """Rows of one model, device, runtime and precision, counted once and timed again and again.

    Args:
        members: the rows, all of one `Group`.
        prompts: mean prompt tokens of tasks whose rows give none; those of the sources if left out.
        hardware: the device to solve; the catalogue's of the rows' name if left out.
        runtime: the same of the runtime.
    """

    def __init__(
        self, members: Sequence[Measurement], prompts: Mapping[str, int] | None = None,
        hardware: Hardware | None = None, runtime: RuntimeProfile | None = None,
    ) -> None:  # fmt: skip
        self.members = members
        self.profile = hardware or catalog.hardware(members[0].hardware)
        self.software = runtime or catalog.runtime(members[0].runtime, str(self.profile.device_class))
        self.result = counted(members, self.profile, self.software, prompts or {})

    @cached_property
    def tasks(self) -> set[str]:
        """Tasks whose prompt lengths the rows leave open."""
        return {row.task for row in self.members if row.prompt is None}

    @property
    def kind(self) -> tuple[str, str]:
        """The runtime and the class of devices."""
        return self.software.runtime, self.software.device_class

    @property
    def has_measured_prices(self) -> bool:
        """Whether the device's floor and prices were measured, so that its power tells how busy it was."""
        return self.profile.power is not None and self.profile.power.static.basis == "measured"

    @property
    def tells_waiting(self) -> bool:
        """Whether powers say what kernels of the device draw that wait."""
        power = self.profile.power
        waits = power is not None and power.active is not None
        return waits and self.has_measured_prices and any(row.power_w is not None for row in self.members)

    def with_prompts(self, prompts: Mapping[str, int]) -> Rows:
        """The same rows with the prompt lengths of their tasks."""
        return Rows(self.members, prompts, self.profile, self.software) if self.tasks & set(prompts) else self

    def priced(self, hardware: Hardware, software: RuntimeProfile) -> Result:
        """The rows on a device and in a runtime with other figures."""
        return priced(replace(self.result, scenario=self.result.scenario.but(hardware=hardware, runtime=software)))

    def residuals(
        self, hardware: Hardware, software: RuntimeProfile, sigmas: Mapping[Quantity, float], more: float = 1.0
    ) -> Iterator[float]:
        """Logarithms of modelled over measured in units of noise, of the quantities in ``sigmas``; 0 if no fit.

        The program draws ``more`` times what is modelled.
        """
        result = self.priced(hardware, software)
        for row, answer in zip(self.members, read(result, self.members, NONE), strict=True):
            for quantity, sigma in sigmas.items():
                value = getattr(row, quantity)
                if value is not None:
                    ratio = more * answer[quantity] / value
                    yield float(np.log(ratio) / sigma) if np.isfinite(ratio) else 0.0


def informed(rows: Sequence[Rows]) -> list[str]:
    """Names of the factors on times that rows can say something of."""
    precisions = {r.result.precision.name: r.result.precision for r in rows}.values()
    dequantised = any(p.linear.weights.bits < 8 for p in precisions)
    w8a8 = any(p.linear.rescale == "elementwise" for p in precisions)
    experts = any(layer.moe for r in rows for layer in r.result.architecture.layers)
    link = any(r.result.devices > 1 for r in rows)
    within = {
        "dequantised": dequantised, "dequantised_compute": dequantised, "w8a8": w8a8, "w8a8_compute": w8a8,
        **dict.fromkeys(("experts", "experts_compute", "experts_overhead", "experts_sequence"), experts),
        "experts_w8a8": experts and w8a8,
        "attention_kv8": any("attention-kv8" in r.software.kernels and r.result.precision.kv_bits <= 8 for r in rows),
        "cache_repeats": any(r.software.kernel("attention").cache_repeats for r in rows),
        "scan": any("scan" in r.software.kernels and r.result.architecture.recurrent for r in rows),
        "per_pass": any(r.software.per_pass for r in rows),
        "per_sequence": any(r.software.per_sequence for r in rows),
        "link": link, "link_latency": link,
    }  # fmt: skip
    return [name for name in SPREAD if within.get(name, True)]


def fit_times(
    rows: Sequence[Rows], start: Mapping[str, float], spread: Mapping[str, float], tasks: Sequence[str] = (),
    known: Mapping[str, float] | None = None, restarts: int = 0,
) -> Fit:  # fmt: skip
    """Factors that bring the times of rows near the measured ones, held to ``start``; others stay as there.

    With ``tasks`` their prompt lengths too, one for all devices and models, under ``prompt:TASK``. Power counts as well
    where prices are measured: a device that waits for its host draws less than one that works on prompts, and than one
    whose kernels wait. What those draw is solved beside the times: held at the profile's figure it would turn waiting
    kernels into a host that is waited for, or the other way round, until powers agree.
    """
    names = [*informed(rows), *["active"] * any(part.tells_waiting for part in rows)]
    lengths = {f"prompt:{task}": float(measured.sources().tasks[task].prompt) for task in tasks}
    counted_rows: dict[tuple[int, ...], Sequence[Rows]] = {tuple(round(n) for n in lengths.values()): rows}

    def residuals(x: Vector) -> list[float]:
        values = np.exp(x).tolist()
        factors = dict(start) | dict(zip(names, values, strict=False))
        constants = RuntimeConstants(hardware="one", runtime="one", **factors)
        asked = tuple(round(v) for v in values[len(names) :])
        if asked not in counted_rows:
            prompts = dict(zip(tasks, asked, strict=True))
            counted_rows[asked] = [part.with_prompts(prompts) for part in rows]
        found: list[float] = []
        for part in counted_rows[asked]:
            sigmas: dict[Quantity, float] = {"power_w": POWER_SIGMA} if part.has_measured_prices else {}
            hardware, software = constants.hardware_of(part.profile), constants.runtime_of(part.software)
            found += part.residuals(hardware, software, sigmas | {"seconds": SIGMA})
        return found

    expected = {name: start.get(name, 1.0) for name in names} | lengths
    fit = solve(
        residuals,
        expected,
        dict(spread) | {"active": ACTIVE} | dict.fromkeys(lengths, PROMPT),
        list(lengths),
        known=known,
        restarts=restarts,
    )
    return replace(fit, values=dict(start) | fit.values)


def fit_prices(rows: Sequence[Rows], known: Mapping[str, RuntimeConstants], others: Sequence[Rows] = ()) -> Fit:
    """Factors on a device's prices, unless measured, and under ``active:RUNTIME`` on its waiting power.

    Args:
        rows: those of one device.
        known: its constants by runtime.
        others: rows of it of another program, which draws ``more`` times what is modelled: they say how prices
            compare, not how high they are. Either counts as much as the other, however many rows it has.
    """
    every = (*rows, *others)
    here, beside = (sum(len(part.members) for part in each) for each in (rows, others))
    counts = (max(1.0, beside / here) ** 0.5, max(1.0, here / beside) ** 0.5 if others else 1.0)
    formats = {f"mac_{part.result.precision.linear.format}" for part in every}
    names = [] if rows[0].has_measured_prices else [n for n in PRICES if not n.endswith("8") or n in formats]
    runtimes = list(dict.fromkeys(part.software.runtime for part in every))
    spread = {name: PRICES[name] for name in names} | {f"active:{runtime}": ACTIVE for runtime in runtimes}
    spread |= {"more": PROGRAM_SIGMA} if others else {}
    sigmas: dict[Quantity, float] = {"power_w": POWER_SIGMA, "energy_j_per_token": 2 * POWER_SIGMA}

    def residuals(x: Vector) -> list[float]:
        values = dict(zip(spread, np.exp(x).tolist(), strict=True))
        prices = DeviceConstants(hardware="one", **{name: values[name] for name in names})
        found: list[float] = []
        for part in every:
            runtime = part.software.runtime
            constants = known[runtime].model_copy(update={"active": values[f"active:{runtime}"]})
            hardware = constants.hardware_of(prices.hardware_of(part.profile))
            apart = part in others
            off = part.residuals(
                hardware, constants.runtime_of(part.software), sigmas, values["more"] if apart else 1.0
            )
            found += [counts[apart] * each for each in off]
        return found

    return solve(residuals, dict.fromkeys(spread, 1.0), spread)


def fit_counter(source: str, rows: Sequence[Rows]) -> tuple[CounterConstants, Fit]:
    """What the memory counter of a source holds beyond the model, from its rows."""
    own = [
        (part, i, row) for part in rows for i, row in enumerate(part.members) if row.source == source and row.memory_gb
    ]

    def residuals(x: Vector) -> list[float]:
        counter = CounterConstants(source=source, **dict(zip(COUNTER, np.exp(x).tolist(), strict=True)))
        return [
            float(np.log(memory_of(part.result, i, source, counter) / (row.memory_gb or np.nan)) / MEMORY_SIGMA)
            for part, i, row in own
        ]

    start, spread = ({name: pair[i] for name, pair in COUNTER.items()} for i in (0, 1))
    fit = solve(residuals, start, spread)
    return CounterConstants(source=source, rows=[row.id for _, _, row in own], **_rounded(fit.values)), fit


def calibrate(
    rows: Sequence[Measurement],
    progress: Callable[[str], object] = lambda line: None,
    before: Constants | None = None,
    products: Sequence[RuntimeConstants] = (),
) -> Calibration:
    """Constants of every device and runtime with rows among those that `calibration_ids` sets aside.

    Args:
        rows: all measured rows.
        progress: is called with a line for every device and runtime.
        before: constants whose misfit with the rows is told beside that of each fit of times.
        products: constants of the kernels of single products, by which energies of such rows are priced.
    """
    factors_before = {
        (entry.hardware, entry.runtime): entry.model_dump(
            exclude_defaults=True, exclude={"hardware", "runtime", "kernels", "trends", "rows"}
        )
        | {f"prompt:{task}": float(length) for task, length in (before.prompts if before else {}).items()}
        for entry in (before.runtimes if before else [])
    }
    usable, single = set_aside(rows)
    runtimes: list[RuntimeConstants] = []
    times: dict[tuple[str, str], Fit] = {}
    prompts: dict[str, int] = {}

    def enter(hardware: str, runtime: str, fit: Fit, ids: Sequence[str]) -> None:
        times[hardware, runtime] = fit
        factors: dict[str, Any] = dict(_rounded(fit.values))
        runtimes.append(RuntimeConstants(hardware=hardware, runtime=runtime, rows=list(ids), **factors))

    for runtime, device_class in dict.fromkeys((part.software.runtime, part.software.device_class) for part in usable):
        own = [
            part for part in usable if (part.software.runtime, part.software.device_class) == (runtime, device_class)
        ]
        tasks = sorted(t for t in set().union(*(part.tasks for part in own)) if measured.sources().tasks[t].solved)
        certain = [part for part in own if part.has_measured_prices or not tasks]
        every = f"{EVERY_DEVICE}{device_class}"
        shared = fit_times(certain, {}, SPREAD, tasks, factors_before.get((every, runtime)))
        factors = {name: value for name, value in shared.values.items() if not name.startswith("prompt:")}
        if tasks:
            found = {task: round(shared.values[f"prompt:{task}"]) for task in tasks}
            prompts |= found
            again = [part.with_prompts(found) for part in own]
            usable = [part for part in usable if part not in own] + again
            own = again
        enter(every, runtime, replace(shared, values=factors), ())
        for hardware in dict.fromkeys(part.profile.name for part in own):
            here = [part for part in own if part.profile.name == hardware]
            ids = [r.id for part in here for r in part.members if r.seconds is not None]
            enter(
                hardware,
                runtime,
                fit_times(here, factors, OWN, known=factors_before.get((hardware, runtime)), restarts=RESTARTS),
                ids,
            )
            progress(f"{runtime} {hardware} {len(here)}")
    runtimes += products
    devices, prices = _with_prices(usable, single, runtimes)
    sources = dict.fromkeys(row.source for part in usable for row in part.members if row.memory_gb)
    counters = {source: fit_counter(source, usable) for source in sources}
    constants = Constants(
        note="solved from rows that a rule on their ids sets aside; none of them is scored",
        prompts=prompts,
        runtimes=runtimes,
        devices=devices,
        counters=[counter for counter, _ in counters.values()],
    )
    constants = with_trends(constants)
    return Calibration(constants, times, prices, {source: fit for source, (_, fit) in counters.items()})


def repriced(rows: Sequence[Measurement], known: Constants, hardware: Sequence[str]) -> Constants:
    """Constants with the prices of some devices solved again, times as they are known."""
    solved = {(part.hardware, part.runtime) for part in known.runtimes}
    usable, single = ([part for part in parts if part.profile.name in hardware] for parts in set_aside(rows))
    usable = [
        part.with_prompts(known.prompts) for part in usable if (part.profile.name, part.software.runtime) in solved
    ]
    runtimes = [part for part in known.runtimes if part.hardware in hardware]
    devices, _ = _with_prices(usable, single, runtimes)
    return known.model_copy(
        update={
            "runtimes": [part for part in known.runtimes if part.hardware not in hardware] + runtimes,
            "devices": [part for part in known.devices if part.hardware not in hardware] + devices,
        }
    )


def with_trends(constants: Constants) -> Constants:
    """Constants whose entries of every device say how the factors of those with rows follow what is known of them.

    Ridge regression (Hoerl and Kennard, Technometrics 12, 1970) of the logarithms of each device's factors over those
    of every device on `traits`, each slope held to 0 as by one device more: few relatives move a new device little.
    """
    runtimes = []
    for every in constants.runtimes:
        if every.hardware.startswith(EVERY_DEVICE):
            device_class = every.hardware.removeprefix(EVERY_DEVICE)
            own = [
                part for part in constants.runtimes
                if part.runtime == every.runtime and not part.hardware.startswith(EVERY_DEVICE)
                and catalog.hardware(part.hardware).device_class == device_class
            ]  # fmt: skip
            runtimes.append(every.model_copy(update={"trends": _trends(every, own)}))
        else:
            runtimes.append(every)
    return constants.model_copy(update={"runtimes": runtimes})


def _trends(every: RuntimeConstants, own: Sequence[RuntimeConstants]) -> dict[Trait, dict[str, float]]:
    """By trait the slope of every factor that moves, to a hundredth."""
    if not own:
        return {}
    known = [traits(catalog.hardware(part.hardware)) for part in own]
    names = list(known[0])
    x = np.array([[one[name] for name in names] for one in known])
    y = np.log([[getattr(part, name) / getattr(every, name) for name in SPREAD] for part in own])
    slopes = np.linalg.solve(x.T @ x + np.eye(len(names)), x.T @ y).round(2).tolist()
    found = ({name: slope for name, slope in zip(SPREAD, row, strict=True) if slope} for row in slopes)
    return {trait: moved for trait, moved in zip(names, found, strict=True) if moved}


def _with_prices(
    usable: Sequence[Rows], single: Sequence[Rows], runtimes: list[RuntimeConstants]
) -> tuple[list[DeviceConstants], dict[str, Fit]]:
    """Devices with their price factors, and the fits; the factors on waiting power join the ``runtimes``."""
    known = {(part.hardware, part.runtime) for part in runtimes}
    for hardware, runtime in dict.fromkeys((part.profile.name, part.software.runtime) for part in single):
        if (hardware, runtime) not in known:
            runtimes.append(RuntimeConstants(hardware=hardware, runtime=runtime))
    devices, active, prices = _priced_devices([*usable, *single], runtimes)
    for i, entry in enumerate(runtimes):
        of_runtime = [value for (_, runtime), value in active.items() if runtime == entry.runtime]
        others = float(np.median(of_runtime)) if of_runtime else entry.active
        factor = active.get((entry.hardware, entry.runtime)) or others
        runtimes[i] = entry.model_copy(update=_rounded({"active": factor}))
    return devices, prices


def set_aside(rows: Sequence[Measurement]) -> tuple[list[Rows], list[Rows]]:
    """Rows for constants, and those for prices alone, with power: of runtimes that stand, and of products alone.

    A device whose whole steps were metered takes no price from products, and how high its prices are not from rows
    of another program (`MeasuredSource.another_program`).
    """
    chosen = calibration_ids(rows)
    usable: list[Rows] = []
    single: list[Rows] = []
    for group, members in grouped(r for r in rows if r.id in chosen and r.phase != "exchange").items():
        if catalog.hardware(group[1]).device_class not in (*GPUS, "tpu"):
            continue
        if any(r.phase == "linear" for r in members):
            continue  # figures of profiles come from them, by hand
        alone = all(r.phase == "product" for r in members)
        if group[3] not in FIXED and not alone:
            usable.append(Rows(members))
        elif group[3] in FIXED and all(r.power_w for r in members):
            single.append(Rows(members))
    metered = {
        part.profile.name
        for part in (*usable, *single)
        if any(r.power_w and r.phase != "product" for r in part.members)
    }
    return usable, [part for part in single if part.members[0].phase != "product" or part.profile.name not in metered]


def _priced_devices(
    rows: Sequence[Rows], runtimes: Sequence[RuntimeConstants]
) -> tuple[list[DeviceConstants], dict[tuple[str, str], float], dict[str, Fit]]:
    """Devices with their price factors, the factors on waiting power by device and runtime, and the fits."""
    devices: list[DeviceConstants] = []
    active: dict[tuple[str, str], float] = {}
    prices: dict[str, Fit] = {}
    sources = measured.sources().sources
    for hardware in dict.fromkeys(part.profile.name for part in rows):
        ids = {id(part): [r.id for r in part.members if r.power_w or r.energy_j_per_token] for part in rows}
        metered = [part for part in rows if part.profile.name == hardware and ids[id(part)]]
        here = [part for part in metered if not sources[part.members[0].source].another_program]
        if not here:
            continue
        known = {part.runtime: part for part in runtimes if part.hardware == hardware}
        others = [part for part in metered if part not in here]
        prices[hardware] = fit_prices(here, known, others)
        factors: dict[str, Any] = _rounded(prices[hardware].values)
        factors.pop("more", None)
        waiting = {name: factors.pop(name) for name in [*factors] if name.startswith("active:")}
        found = DeviceConstants(hardware=hardware, **factors)
        active |= {(hardware, name.removeprefix("active:")): value for name, value in waiting.items()}
        used = [row for part in (*here, *others) for row in ids[id(part)]]
        devices.append(found.model_copy(update={"rows": used}))
    return devices, active, prices


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Factors with three digits, as the file has them."""
    return {name: to_digits(value, 3) for name, value in values.items()}


def text_of(constants: Constants) -> str:
    """The file of constants as text."""
    lengths = ", ".join(f"{task}: {length}" for task, length in constants.prompts.items())
    lines = [
        "# Written by python -m scripts.calibrate. Factors are on the figures of runtimes/ and hw_profiles/.",
        f"note: {constants.note!r}",
        f"prompts: {{{lengths}}}",
    ]
    for kind in ("runtimes", "devices", "counters"):
        lines.append(f"{kind}:")
        entries: Sequence[Input] = getattr(constants, kind)
        for entry in entries:
            known = entry.model_dump(exclude_defaults=True)
            rows = known.pop("rows", [])
            trends, kernels = known.pop("trends", {}), known.pop("kernels", {})
            words = [f"{k}: {v!r}" if isinstance(v, str) else f"{k}: {brief(v)}" for k, v in known.items()]
            lines.append(f"  - {{{', '.join(words)},")
            for name, figures in kernels.items():
                lines.append("     " + ("kernels: {" if name == next(iter(kernels)) else "  ") + _flow(name, figures))
                lines[-1] += "}," if name == list(kernels)[-1] else ","
            if trends:
                slopes = (_flow(trait, factors) for trait, factors in trends.items())
                lines.append(f"     trends: {{{', '.join(slopes)}}},")
            lines.append(f"     rows: [{', '.join(rows)}]}}")
    return "\n".join(lines) + "\n"


def _flow(name: str, figures: Mapping[str, float]) -> str:
    """A section of figures on one line."""
    return f"{name}: {{{', '.join(f'{key}: {brief(value)}' for key, value in figures.items())}}}"
