"""The record: what one point of a result comes to, in plain figures. JSON, CSV, tables, frames and sweeps share it.

A column is one function of a `Result`, registered by `column` under its own name, in the order in which records list
them. It returns what all points share, an array ``[n]`` over the flattened grid, or None where nothing can be said.
A new metric is one such function: every format shows it, and with ``swept`` every sweep has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from bitnet_cost.frames import Library, dataframe
from bitnet_cost.inputs.workload import Array
from bitnet_cost.result import Result, total

NO_CLOCK = "technology node: no clock, no capacity"
WITH_POWER = ("device", "facility")  # scopes that hold all energy of a device

Kind = Literal["word", "whole", "count", "size", "bool", "figure"]
"""What a column holds: a word; a whole number; how often something happens; bytes; true or false; a real number."""


class Metric(NamedTuple):
    """One column of the records."""

    name: str
    kind: Kind
    unit: str  # empty for words
    description: str
    of: Callable[[Result], Any]
    swept: bool  # cheap over many points: sweeps have it too


METRICS: dict[str, Metric] = {}


def column(
    kind: Kind = "figure", unit: str = "", *, swept: bool = False
) -> Callable[[Callable[[Result], Any]], Callable[[Result], Any]]:
    """Register a function of a result as the column of its name."""

    def register(function: Callable[[Result], Any]) -> Callable[[Result], Any]:
        name, text = function.__name__, function.__doc__ or ""
        METRICS[name] = Metric(name, kind, unit, text.partition("\n")[0].rstrip("."), function, swept)
        return function

    return register


def rows(result: Result) -> list[dict[str, Any]]:
    """One record for each point of a result's grid, in its order; what cannot be said is None.  [n]"""
    points = result.counts.points
    columns = [_cells(metric, metric.of(result), points) for metric in METRICS.values()]
    return [dict(zip(METRICS, values, strict=True)) for values in zip(*columns, strict=True)]


def record(result: Result) -> dict[str, Any]:
    """The record of a single point (grid shape ``()``)."""
    (found,) = rows(result)
    return found


def frame(records: list[dict[str, Any]], library: Library | None = None) -> Any:
    """Records as a data frame: words as text, whole numbers as integers, all other figures as floats.

    Raises:
        BitnetCostError: neither pandas nor polars is installed.
    """
    kinds = {name: str(metric.kind) for name, metric in METRICS.items()}
    return dataframe({name: [row[name] for row in records] for name in METRICS}, kinds, library)


def _cells(metric: Metric, found: Any, points: int) -> list[Any]:
    values = found.ravel().tolist() if isinstance(found, np.ndarray) else found
    values = values if isinstance(values, list) else [values] * points
    plain = _PLAIN[metric.kind]
    return [None if value is None else plain(value) for value in values]


def figure(value: Any) -> float | None:
    """A real number; None where it is not finite.

    >>> figure(1), figure(float("inf"))
    (1.0, None)
    """
    number = float(value)
    return number if math.isfinite(number) else None


def size(value: Any) -> float | int | None:
    """A figure that is an integer where it is whole, and None where it is not finite.

    >>> size(21.0), size(21.5), size(float("nan"))
    (21, 21.5, None)
    """
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


_PLAIN: dict[Kind, Callable[[Any], Any]] = {
    "word": str, "whole": int, "count": lambda value: round(float(value)), "size": size, "bool": bool,
    "figure": figure,
}  # fmt: skip


# --- what was asked -------------------------------------------------------------------------------------------------


@column("word")
def model(result: Result) -> str:
    """Catalogue name of the model"""
    return result.architecture.name


@column("whole", "1")
def parameters(result: Result) -> int:
    """Parameters: nominal where a size was asked for, else exact"""
    return result.parameters


@column("word")
def hardware(result: Result) -> str:
    """Catalogue name of the hardware"""
    return result.hardware.name


@column("word")
def runtime(result: Result) -> str | None:
    """Software on a device"""
    return None if result.runtime is None else result.runtime.runtime


@column("word")
def precision(result: Result) -> str:
    """Name of the precision"""
    return result.precision.name


@column("word")
def scope(result: Result) -> str:
    """What the energy holds"""
    return result.scope


@column("whole", "1")
def batch(result: Result) -> Array:
    """Sequences that run together"""
    return result.workload.flat()[0]


@column("whole", "token")
def prompt(result: Result) -> Array:
    """Prompt tokens of each sequence"""
    return result.workload.flat()[1]


@column("whole", "token")
def generate(result: Result) -> Array:
    """Generated tokens of each sequence, the first from the prefill"""
    return result.workload.flat()[2]


@column("word")
def attention(result: Result) -> str | None:
    """Pairs scored in the prefill: causal or full"""
    return result.workload.attention


@column("word")
def logits(result: Result) -> str:
    """Prefill positions that get logits"""
    return result.workload.logits


@column("word")
def counting(result: Result) -> str:
    """Counting convention"""
    return result.workload.counting


@column("whole", "1")
def devices(result: Result) -> int:
    """Devices that share the model"""
    return result.devices


# --- what the mathematics needs, and what runs ----------------------------------------------------------------------


@column("count", "1")
def mac(result: Result) -> Array:
    """Multiply-accumulates of the mathematics, whatever runs them"""
    return result.counts.total("mac")


@column("count", "1")
def mul(result: Result) -> Array:
    """Multiplications that run, elementwise work included"""
    return total(result.actions("mul"))


@column("count", "1")
def add(result: Result) -> Array:
    """Additions that run, elementwise work included"""
    return total(result.actions("add"))


@column("count", "1")
def special(result: Result) -> Array:
    """Special functions that run: exponentials, divisions, roots"""
    return total(result.actions("special"))


# --- memory ---------------------------------------------------------------------------------------------------------


@column("size", "byte")
def ideal_weights_bytes(result: Result) -> float:
    """Parameters x information bits, what articles quote"""
    return result.footprint.ideal_bits / 8


@column("size", "byte", swept=True)
def weights_bytes(result: Result) -> float:
    """Stored weights: packing, scales and the parts in 16 bits"""
    return result.footprint.total_weight_bits / 8


@column("size", "byte", swept=True)
def kv_cache_bytes(result: Result) -> Array:
    """KV cache of P+G-1 positions"""
    return result.footprint.kv_bits / 8


@column("size", "byte", swept=True)
def peak_activation_bytes(result: Result) -> Array:
    """Peak activations of one layer, attention fused"""
    return result.footprint.activation_bits / 8


@column("size", "byte", swept=True)
def footprint_bytes(result: Result) -> Array:
    """Everything resident, on all devices together"""
    return result.footprint.on_each(result.devices) * result.devices / 8


@column("size", "byte", swept=True)
def capacity_bytes(result: Result) -> float | None:
    """Memory of all devices, less what the runtime keeps"""
    capacity = result.capacity_bits
    return None if capacity is None else capacity * result.devices / 8


@column("bool", swept=True)
def fits(result: Result) -> Any:
    """Whether everything resident fits"""
    return result.fits


# --- energy ---------------------------------------------------------------------------------------------------------


def _energy(result: Result, bound: int) -> Array | None:
    found: Array = result.energy_bounds.reshape(3, -1)[bound]
    return found if result.spent else None


@column(unit="J", swept=True)
def energy_j(result: Result) -> Array | None:
    """Energy of the whole workload within the scope, nominal"""
    return _energy(result, 1)


@column(unit="J", swept=True)
def energy_low_j(result: Result) -> Array | None:
    """The same, all prices at their low"""
    return _energy(result, 0)


@column(unit="J", swept=True)
def energy_high_j(result: Result) -> Array | None:
    """The same, all prices at their high"""
    return _energy(result, 2)


@column(unit="J/token", swept=True)
def energy_per_token_j(result: Result) -> Array | None:
    """Energy / (B G), where more than one token is generated"""
    energy = _energy(result, 1)
    sequences, _, steps = result.workload.flat()
    return None if energy is None else np.where(steps > 1, energy / (sequences * steps), np.nan)


def _saving(result: Result, bound: int) -> Array | None:
    return None if result.saving is None else result.saving[bound]


@column(unit="1")
def saving(result: Result) -> Array | None:
    """1 - E / E of the baseline, nominal"""
    return _saving(result, 1)


@column(unit="1")
def saving_low(result: Result) -> Array | None:
    """The same, each price where it saves least"""
    return _saving(result, 0)


@column(unit="1")
def saving_high(result: Result) -> Array | None:
    """The same, each price where it saves most"""
    return _saving(result, 2)


@column("word")
def baseline(result: Result) -> str | None:
    """Precision that the saving refers to"""
    return result.baseline


# --- time -----------------------------------------------------------------------------------------------------------


@column(unit="s", swept=True)
def prefill_s(result: Result) -> Array | None:
    """Time of the prefill"""
    return None if result.timing is None else result.timing.of_phase("prefill")


@column(unit="s", swept=True)
def decode_s(result: Result) -> Array | None:
    """Time of the G - 1 decode steps"""
    return None if result.timing is None else result.timing.of_phase("decode")


@column(unit="s", swept=True)
def latency_s(result: Result) -> Array | None:
    """Time of prefill and decode"""
    return None if result.timing is None else result.timing.total


@column(unit="token/s", swept=True)
def tokens_per_s(result: Result) -> Array | None:
    """Tokens generated per second of the decode, all sequences together"""
    if result.timing is None:
        return None
    sequences, _, steps = result.workload.flat()
    decode = result.timing.of_phase("decode")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(decode > 0, sequences * (steps - 1) / decode, np.nan)


@column(unit="W", swept=True)
def power_w(result: Result) -> Array | None:
    """Energy of the devices / latency, in the scopes that hold all of it"""
    if result.timing is None or not result.spent or result.scope not in WITH_POWER:
        return None
    parts = [values[1] for name, values in result.by_component.items() if name != "facility"]
    found: Array = sum(parts[1:], parts[0]) / result.timing.total
    return found


@column("word")
def bound(result: Result) -> list[str | None] | None:
    """What most of the time waits for"""
    return None if result.timing is None else result.timing.bounds


# --- the world around -----------------------------------------------------------------------------------------------


@column(unit="g")
def carbon_g(result: Result) -> Array | None:
    """Emissions of the electricity and of making the devices, as far as given"""
    return result.carbon_g if result.timing is not None else None


@column(unit="USD")
def cost_usd(result: Result) -> Array | None:
    """Cost of the electricity and of the devices' time, as far as given"""
    return result.cost_usd if result.timing is not None else None


@column("word")
def reason(result: Result) -> str | list[str | None] | None:
    """Why something cannot be said, in a few words"""
    if not result.hardware.has_clock:
        return result.reason or NO_CLOCK
    why, inside = result.reason, result.fits
    if not result.joules and why:
        return why
    if result.joules and result.scope not in WITH_POWER:
        part = f"no power: scope {result.scope} is a part of the energy"
        why = f"{why}; {part}" if why else part
    return None if inside is None else [why if fit else "does not fit" for fit in inside.ravel().tolist()]
