"""A profile of the machine that was measured: rates, bandwidth, launches and prices solved from its rows.

The same least squares that solve the shipped constants (`studies.calibration`): factors on the figures of a relative,
each held to it by a penalty so wide that rows decide where they say anything. A fifth of the rows is kept aside and
scores what came out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.engine.estimate import priced
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.calibration import RuntimeConstants, scaled, with_prices
from bitnet_cost.inputs.cited import Figure
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.numerals import digits, with_prefix
from bitnet_cost.readers import benchmarks, catalog, machines
from bitnet_cost.readers.csv_file import parse_csv
from bitnet_cost.readers.yaml_file import read_text
from bitnet_cost.studies.benchmarking import SIZES, Row, copies, read_rows
from bitnet_cost.studies.calibration import NONE, POWER_SIGMA, SIGMA, Rows
from bitnet_cost.studies.measured import Quantity, grouped, read
from bitnet_cost.studies.solving import Fit, Vector, solve
from bitnet_cost.tables import Column, Note, Report, Table
from bitnet_cost.views.model_yaml import figure_of, rate_unit, yaml_text

FREE = 1.5  # how far a factor may stray, as a logarithm: four times either way costs one residual
SHEET = 0.2  # the same of a rate whose peak a data sheet gives: a product that waits for power says nothing of it
PRICE = 0.7  # the same of a price: products at full power say what floor and MACs cost together, less what each does
KEPT = 5  # one row in five is kept aside and scores the others
NINETY = 1.645  # standard errors of a 90 % interval
LEAST_RANGE = 0.02  # no figure is known better than the machine repeats it
SOURCE = "measured-here"
VARIANTS = {"nvl", "pcie", "ti", "super", "laptop", "max", "pro", "ultra", "96gb", "500w"}


class Figures(NamedTuple):
    """What is solved, as factors on a relative's figures."""

    bandwidth: float = 1.0
    overhead: float = 1.0
    rates: Mapping[str, float] = {}
    memory: float = 1.0
    macs: Mapping[str, float] = {}
    packing: float = 1.0

    @classmethod
    def of(cls, factors: Mapping[str, float]) -> Figures:
        """From names such as ``rate.bf16``."""
        parts: dict[str, Any] = {"rates": {}, "macs": {}}
        for name, factor in factors.items():
            kind, _, form = name.partition(".")
            if form:
                parts[f"{kind}s"][form] = factor
            else:
                parts[kind] = factor
        return cls(**parts)

    def hardware_of(self, profile: Hardware) -> Hardware:
        """The profile with these figures."""
        name = list(profile.hierarchy)[-1]
        rates = {form: scaled(rate, self.rates.get(form, 1.0)) for form, rate in profile.rates.items()}
        priced_alike = with_prices(
            profile, 1.0, self.memory, lambda action: self.macs.get(action.removeprefix("mac."), 1.0)
        )
        level = priced_alike.hierarchy[name]
        assert level.bandwidth is not None
        level = level.model_copy(update={"bandwidth": scaled(level.bandwidth, self.bandwidth)})
        changed = {"hierarchy": priced_alike.hierarchy | {name: level}, "rates": rates}
        return priced_alike.model_copy(update=changed)

    def runtime_of(self, software: RuntimeProfile) -> RuntimeProfile:
        """The runtime with these launches of products; rows say nothing of other kernels."""
        constants = RuntimeConstants(hardware="one", runtime="one", products=self.overhead, packing=self.packing)
        return constants.runtime_of(software)


@dataclass(frozen=True, slots=True)
class OwnMachine:
    """What rows of a machine lead to.

    Args:
        profile: the relative with what was solved.
        software: the same of the runtime.
        fit: factors on the relative's figures.
        errors: modelled over measured less 1, of the rows that were kept aside, by quantity.
        used: rows that the figures were solved from.
    """

    name: str
    like: str
    profile: Hardware
    software: RuntimeProfile
    fit: Fit
    errors: Mapping[Quantity, Sequence[float]]
    used: int
    idle: Row | None
    memory_bytes: int | None
    what: str


def asked(
    files: Sequence[Path], name: str, like: str | None, runtime: str | None, given: tuple[str | None, str | None]
) -> Asked:
    """What files of rows ask for: those of `calibrate measure`, and of other benchmarks.

    Args:
        files: CSV files.
        name: of the profile.
        like: the relative; found by the name of the measured device if left out.
        runtime: of the rows; the relative's for whole models, framework kernels for products on a GPU.
        given: model and precision of rows that name none.

    Raises:
        BitnetCostError: a name of the catalogue, a file that cannot be read or is of no known kind, or rows of several
            devices.
    """
    if catalog.has("hardware", name):
        raise BitnetCostError(f"--name: {name!r} is taken by the catalogue; give your own a name of its own")
    texts = [(str(file), read_text(file)) for file in files]
    others = [(path, text) for path, text in texts if benchmarks.is_benchmark(parse_csv(text, path)[0])]
    own = [row for path, text in texts if (path, text) not in others for row in read_rows(text, path)]
    devices = sorted({row.device for row in own})
    if len(devices) > 1:
        raise BitnetCostError(f"rows are of several devices: {', '.join(devices)}; fit one at a time")
    base = relative(own, like)
    whole = catalog.hardware(base)
    if not whole.has_clock:
        raise BitnetCostError(f"--like: {base!r} is a technology node; a machine is like a device")
    software = runtime or (_runtime_of(whole) if own else str(whole.runtime))
    told = benchmarks.Given(base, software, *given)
    found = [*products(own, base, software)]
    for path, text in others:
        found += benchmarks.rows(text, path, told)
    what = f"{devices[0]}, {own[0].library}" if own else f"{whole.title}, as {', '.join(p for p, _ in texts)} has it"
    idle = next((row for row in own if row.what == "idle"), None)
    memory = next((row.memory_bytes for row in own if row.what == "device"), None)
    fastest: dict[str, float] = {}
    for row in own:
        if row.what == "product" and row.tokens and row.inputs and row.outputs and row.seconds:
            reached = 2.0 * row.tokens * row.inputs * row.outputs / row.seconds
            fastest[row.format] = max(reached, fastest.get(row.format, 0.0))
    small = next((row.power_w for row in own if row.what == "launch"), None)
    return Asked(found, name, base, software, what, idle, memory, small, fastest)


def products(rows: Iterable[Row], hardware: str, runtime: str) -> list[Measurement]:
    """Rows of products as measured rows of a model that is one matrix product, its weights beyond the caches.

    >>> row = Row("bf16-8x4096x14336", "product", "H200", "torch", "bf16", 8, 4096, 14336, 5e-5)
    >>> products([row], "h200-sxm-141gb", "cuda-graph")[0].model
    'linear-14336x4096x4'
    """
    found = []
    for row in rows:
        if row.what != "product" or row.format not in SIZES or not (row.tokens and row.inputs and row.outputs):
            continue
        many = copies(SIZES[row.format], row.inputs, row.outputs)
        found.append(
            Measurement(
                id=row.id, source=SOURCE, model=f"linear-{row.outputs}x{row.inputs}x{many}", hardware=hardware,
                runtime=runtime, precision=row.format, batch=row.tokens, prompt=1, generate=2, phase="product",
                seconds=row.seconds, energy_j_per_token=row.energy_j,
            )
        )  # fmt: skip
    return found


def relative(rows: Sequence[Row], like: str | None) -> str:
    """The shipped device that rows are of, or that is nearest: the one named, or found by the machine's own name.

    Raises:
        BitnetCostError: none is found.
    """
    if like is not None:
        return catalog.hardware(like).name
    device = next((row.device for row in rows), "")
    words = set(device.lower().replace("-", " ").replace("(r)", "").replace("(tm)", "").split())

    def alike(name: str) -> tuple[int, int]:
        """Words of a profile's name that the machine's has, less the variants that it has not."""
        parts = set(name.split("-"))
        return len(parts & words) - len(parts & VARIANTS - words), -len(name)

    named = [
        n for n in catalog.devices() if {w for w in n.split("-") if len(w) > 1 and any(c.isdigit() for c in w)} & words
    ]
    if named:
        return max(named, key=alike)
    if "epyc" in words or "ryzen" in words:
        return "amd-epyc-7v13"
    if words & {"intel", "xeon", "core"}:
        return "intel-i7-13700h"
    raise BitnetCostError(f"no shipped device is like {device!r}; name a relative with --like")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a profile is to be made of: measured rows, its name, the relative, the runtime, and what the machine is."""

    rows: Sequence[Measurement]
    name: str
    like: str
    runtime: str | None
    what: str
    idle: Row | None = None
    memory_bytes: int | None = None
    between: float | None = None  # power of small kernels, which is that between others.  [W]
    reached: Mapping[str, float] = field(default_factory=dict)  # the fastest product of each format.  [op/s]


def fit(asked: Asked, say: Callable[[str], None]) -> OwnMachine:
    """Solve a relative's figures from measured rows, a fifth of which is kept aside and scored.

    Raises:
        BitnetCostError: fewer than four rows, or rows of formats that the relative has no rate for.
    """
    base, rows = catalog.hardware(asked.like), asked.rows
    tuned = catalog.constants().of_device(base.name)
    start = (tuned.hardware_of(base) if tuned else base).model_copy(update={"name": asked.name})
    profile, software = machines.setting(start, asked.runtime or _runtime_of(base))
    assert software is not None  # a device's
    by_hash = sorted(rows, key=lambda row: sha256(row.id.encode()).hexdigest())
    kept, used = by_hash[: len(rows) // KEPT], by_hash[len(rows) // KEPT :]
    if len(used) < 4:
        raise BitnetCostError(f"{len(rows)} rows of products or steps; calibrate fit needs five or more")
    parts = [Rows(members, None, profile, software) for members in grouped(used).values()]
    forms = sorted({form for part in parts for form in _formats(part, profile)})
    say(f"{len(used)} rows to solve from, {len(kept)} kept aside; relative: {base.name}, {software.runtime}")
    spread = dict.fromkeys(["bandwidth", "overhead"], FREE)
    spread |= {f"rate.{form}": SHEET if base.device_class == "gpu" else FREE for form in forms}
    if software.kernel("linear").packing is not None:
        spread["packing"] = FREE
    noise: dict[Quantity, float] = {"seconds": SIGMA}
    if any(row.energy_j_per_token for row in used):  # together: a device at its limit is slower, by what its work costs
        prices = ["memory", *(f"mac.{form}" for form in forms if f"mac.{form}" in profile.actions)]
        spread |= dict.fromkeys(prices, PRICE)
        noise["energy_j_per_token"] = POWER_SIGMA
    floor, share = _floor(profile, asked.idle), software.kernel("linear").compute
    profile = with_prices(profile, floor, 1.0, lambda _: 1.0)
    if asked.between is not None:  # what is neither arithmetic nor memory draws what launches of small kernels do
        shown = {
            "value": asked.between,
            "low": 0.9 * asked.between,
            "high": 1.1 * asked.between,
            "note": "small kernels",
        }
        power = profile.device_power
        between = power.static.model_copy(update=shown | {"basis": "measured", "source": SOURCE})
        profile = profile.model_copy(update={"power": power.model_copy(update={"between": between})})
    expected = dict.fromkeys(spread, 1.0)
    for form in forms:  # a rate that was reached is where the search begins: from above it, power may seem to limit all
        if share is not None and asked.reached.get(form):
            expected[f"rate.{form}"] = min(1.0, asked.reached[form] / (share.value * profile.rates[form].value))
    found = solve(_residuals(parts, profile, software, list(spread), noise), expected, spread)
    figures = Figures.of(found.values)
    solved, launched = figures.hardware_of(profile), figures.runtime_of(software)
    errors: dict[Quantity, list[float]] = {}
    for members in grouped(kept).values():
        part = Rows(members, None, solved, launched)
        for row, answer in zip(members, read(priced(part.result), members, NONE), strict=True):
            for quantity in ("seconds", "energy_j_per_token"):
                value = getattr(row, quantity)
                if value is not None and np.isfinite(answer[quantity]):
                    errors.setdefault(quantity, []).append(answer[quantity] / value - 1)
    return OwnMachine(
        asked.name, base.name, solved, launched, found, errors, len(used), asked.idle, asked.memory_bytes, asked.what
    )


def _floor(profile: Hardware, idle: Row | None) -> float:
    """Factor on the power floor, which no product shows alone: in proportion to the power at rest."""
    resting = profile.device_power.idle
    return 1.0 if resting is None or idle is None or idle.power_w is None else idle.power_w / resting.value


def _runtime_of(hardware: Hardware) -> str:
    """Bare products on a GPU are framework kernels without a host between them."""
    return {"gpu": "cuda-graph", "cpu": "eager"}.get(str(hardware.device_class), str(hardware.runtime))


def _formats(part: Rows, profile: Hardware) -> set[str]:
    """Formats whose rate the products of rows run at."""
    precision = part.result.precision.name
    return {profile.executes.get(precision, precision)} & profile.rates.keys()


def _residuals(
    parts: Sequence[Rows], profile: Hardware, software: RuntimeProfile, names: Sequence[str],
    sigmas: Mapping[Quantity, float],
) -> Callable[[Vector], list[float]]:  # fmt: skip
    def residuals(x: Vector) -> list[float]:
        figures = Figures.of(dict(zip(names, np.exp(x).tolist(), strict=True)))
        hardware, launched = figures.hardware_of(profile), figures.runtime_of(software)
        return [value for part in parts for value in part.residuals(hardware, launched, sigmas)]

    return residuals


def machine_yaml(found: OwnMachine) -> str:
    """The profile as the YAML of a file that extends the relative: what was solved, each with its 90 % interval."""
    base = catalog.hardware(found.like)
    last = list(base.hierarchy)[-1]
    level: dict[str, Any] = {}
    if found.memory_bytes is not None:
        bits = found.memory_bytes * 8.0
        level["capacity"] = figure_of(bits, bits, bits, "bit", basis="measured", source=SOURCE)
    memory, power = found.profile.hierarchy[last], found.profile.device_power
    assert memory.bandwidth is not None
    level["bandwidth"] = _solved(found, "bandwidth", memory.bandwidth, "bit/s")
    if "memory" in found.fit.values:
        level |= {way: _solved(found, "memory", figure, "J/bit")
                  for way in ("read", "write") if (figure := getattr(memory, way)) is not None}  # fmt: skip
    floors = {}
    if power.between is not None and power.between.source == SOURCE:
        floors["between"] = _known(power.between.value, "W", 0.1, "small kernels")
    if found.idle is not None and found.idle.power_w is not None:
        note = f"as the power at rest: {found.like} x {digits(_floor(base, found.idle), 3)}"
        floors["static"] = _known(power.static.value, "W", 0.2, note) | {"basis": "scaled"}
        floors["idle"] = _known(found.idle.power_w, "W", 0.1)
    forms = [name.partition(".")[2] for name in found.fit.values if name.startswith("rate.")]
    macs = [name.partition(".")[2] for name in found.fit.values if name.startswith("mac.")]
    data = {
        "name": found.name, "extends": found.like, "title": found.what,
        "note": f"Solved from {found.used} rows of this machine; what is not here is the relative's.",
        **({"runtime": found.software.runtime} if found.software.runtime != base.runtime else {}),
        **({"actions": {f"mac.{form}": _solved(found, f"mac.{form}", found.profile.actions[f"mac.{form}"], "J")
                        for form in macs}} if macs else {}),
        "hierarchy": {last: level},
        "rates": {form: _solved(found, f"rate.{form}", found.profile.rates[form],
                                rate_unit(form)) for form in forms},
        **({"power": floors} if floors else {}),
        "sources": {SOURCE: {"author": "you", "title": "Measured with bitnet-cost calibrate",
                             "year": datetime.now(UTC).year, "where": found.what, "seen": "own"}},
    }  # fmt: skip
    return "# Written by bitnet-cost calibrate fit. Ranges are 90 % intervals of the fit.\n" + yaml_text(data)


def runtime_yaml(found: OwnMachine) -> str:
    """The runtime with the launches that were solved, as a file of its own."""
    name = f"{found.software.runtime}-{found.software.device_class}"
    data = dict(catalog.read(catalog.locate("runtime", name)).data)
    data |= {"name": f"{found.name}-runtime", "runtime": f"{found.name}-runtime"}
    data["note"] = f"{found.software.runtime} with the launches of {found.name}."
    kernels = {}
    for kernel, parts in data["kernels"].items():
        own = found.software.kernel(kernel)
        kernels[kernel] = {
            key: _again(part, figure) if (figure := _figure_of(own, key)) is not None else part
            for key, part in parts.items()
        }
    data["kernels"] = kernels
    return "# Written by bitnet-cost calibrate fit.\n" + yaml_text(data)


def _figure_of(kernel: object, key: str) -> Figure | None:
    figure = getattr(kernel, key, None)
    return figure if isinstance(figure, Figure) else None


def _again(part: dict[str, Any], figure: Figure) -> dict[str, Any]:
    """A figure of a file with the numbers that were solved."""
    unit = figure.dimension.si
    if unit:
        return part | figure_of(figure.value, figure.low, figure.high, unit)
    return part | {key: f"{digits(getattr(figure, key), 4)} x" for key in ("low", "value", "high")}


def _solved(found: OwnMachine, name: str, figure: Figure, unit: str) -> dict[str, Any]:
    return _known(figure.value, unit, _spread(found.fit, name), f"{_percent(found.fit.from_rows[name])} from rows")


def _known(value: float, unit: str, spread: float, note: str = "") -> dict[str, Any]:
    cited = {"basis": "measured", "source": SOURCE} | ({"note": note} if note else {})
    return figure_of(value, value * math.exp(-spread), value * math.exp(spread), unit, **cited)


def _spread(fitted: Fit, name: str) -> float:
    """Half of a factor's 90 % interval, as a logarithm."""
    return max(LEAST_RANGE, NINETY * fitted.sigma[name])


def report(found: OwnMachine) -> Report:
    """What was solved, how far rows determine it, and how the rows that were kept aside came out."""
    scored = {"seconds": "time", "energy_j_per_token": "energy"}
    told = [f"{scored[quantity]} within {_percent(float(np.median(np.abs(errors))))} in the median and "
            f"{_percent(float(np.quantile(np.abs(errors), 0.9)))} at nine in ten of {len(errors)}"
            for quantity, errors in found.errors.items()]  # fmt: skip
    first = f"{found.what}: " + ("; ".join(told) + " rows kept aside." if told else "no row was kept aside.")
    rows = []
    for name, factor in found.fit.values.items():
        value, unit = _value_of(found, name)
        shown = with_prefix(value, unit) if unit else f"{digits(value, 3)} x"
        sure = _percent(found.fit.from_rows[name])
        rows.append((name, shown, digits(factor, 3), _percent(_spread(found.fit, name)), sure))
    columns = (
        Column("figure", figures=False),
        Column("value"),
        Column("x relative"),
        Column("90 %, +-"),
        Column("from rows"),
    )
    note = Note("like", f"What rows say nothing of is as on {found.like}.")
    return Report(found.name, first, (Table("What was solved", columns, tuple(rows)),), (note,))


def _percent(share: float) -> str:
    return f"{digits(100 * share, 3)}%"


def _value_of(found: OwnMachine, name: str) -> tuple[float, str]:
    kind, _, form = name.partition(".")
    memory = found.profile.memory
    if kind == "rate":
        return found.profile.rates[form].value, "OP/s"
    if kind == "mac":
        return found.profile.actions[name].value, "J"
    if kind == "bandwidth" and memory.bandwidth is not None:
        return memory.bandwidth.value / 8, "B/s"
    if kind == "memory" and memory.read is not None:
        return memory.read.value, "J/bit"
    linear = found.software.kernel("linear")
    if kind == "packing" and linear.packing is not None:
        return linear.packing.value, ""
    overhead = linear.overhead
    return (overhead.value, "s") if overhead is not None else (found.fit.values[name], "")
