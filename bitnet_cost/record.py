"""The record: one point of a result in plain figures. JSON, CSV, tables, frames and sweeps share it.

A column is one function of a `Result`, registered by `column` under its own name, in the order in which records list
them. A new metric is one such function: its entry says how it is headed, printed, sorted and marked in every format,
and with ``swept`` every sweep has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bitnet_cost.formulas.sums import total
from bitnet_cost.inputs.workload import Array
from bitnet_cost.registry import METRICS, column
from bitnet_cost.result import Result

__all__ = ["METRICS", "column"]  # who reads them here has every column in its place

NO_CLOCK = "technology node: no clock, no capacity"
WITH_POWER = ("device", "facility")  # scopes that hold all energy of a device


# --- the question --------------------------------------------------------------------------------------------------


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


@column("whole", "1", views=("grid",))
def batch(result: Result) -> Array:
    """Sequences that run together"""
    return result.workload.flat()[0]


@column("whole", "1", views=("grid",))
def prompt(result: Result) -> Array:
    """Prompt tokens of each sequence"""
    return result.workload.flat()[1]


@column("whole", "1", views=("grid",))
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
    """Multiply-accumulates of the mathematics, independent of what runs them"""
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


@column("size", "byte", swept=True, heading="memory", short="memory", views=("compare", "grid"))
def footprint_bytes(result: Result) -> Array:
    """Everything resident, on all devices together"""
    return result.footprint.on_each(result.devices) * result.devices / 8


@column("size", "byte", swept=True, better="more")
def capacity_bytes(result: Result) -> float | None:
    """Memory of all devices, less what the runtime keeps"""
    capacity = result.capacity_bits
    return None if capacity is None else capacity * result.devices / 8


@column("bool", swept=True, better="more")
def fits(result: Result) -> Any:
    """Whether everything resident fits"""
    return result.fits


# --- energy ---------------------------------------------------------------------------------------------------------


def _energy(result: Result, bound: int) -> Array | None:
    found: Array = result.energy_bounds.reshape(3, -1)[bound]
    return found if result.by_component else None


@column(unit="J", swept=True, heading="", rests_on=("prices",), views=("compare", "money", "grid"))
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


@column(unit="J/token", swept=True, heading="", rests_on=("prices",), short="energy", views=("compare", "money"))
def energy_per_token_j(result: Result) -> Array | None:
    """Energy / (B G), where more than one token is generated"""
    energy = _energy(result, 1)
    sequences, _, steps = result.workload.flat()
    return None if energy is None else np.where(steps > 1, energy / (sequences * steps), np.nan)


def _saving(result: Result, bound: int) -> Array | None:
    return None if result.saving is None else result.saving[bound]


@column(unit="1", better="more", printing="percent", rests_on=("prices",), views=("compare", "grid"))
def saving(result: Result) -> Array | None:
    """1 - E / E of the baseline, nominal"""
    return _saving(result, 1)


@column(unit="1", better="more", printing="percent")
def saving_low(result: Result) -> Array | None:
    """The same, each price where it saves least"""
    return _saving(result, 0)


@column(unit="1", better="more", printing="percent")
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


@column(unit="s", swept=True, heading="latency", rests_on=("runtime",), short="latency", views=("grid",))
def latency_s(result: Result) -> Array | None:
    """Time of prefill and decode"""
    return None if result.timing is None else result.timing.total


@column(
    unit="token/s",
    swept=True,
    better="more",
    heading="tokens/s",
    printing="plain",
    rests_on=("runtime",),
    short="tokens",
    views=("compare", "grid"),
)
def tokens_per_s(result: Result) -> Array | None:
    """Tokens generated per second of the decode, all sequences together"""
    return result.token_rates


@column(
    unit="W",
    swept=True,
    heading="power W",
    printing="plain",
    rests_on=("prices", "runtime"),
    short="power",
    views=("compare",),
)
def power_w(result: Result) -> Array | None:
    """Energy of the devices / latency, in the scopes that hold all of it"""
    if result.timing is None or not result.by_component or result.scope not in WITH_POWER:
        return None
    parts = [values[1] for name, values in result.by_component.items() if name != "facility"]
    found: Array = sum(parts[1:], parts[0]) / result.timing.total
    return found


@column("word")
def bound(result: Result) -> list[str | None] | None:
    """What most of the time waits for"""
    return None if result.timing is None else result.timing.bounds


# --- the world around -----------------------------------------------------------------------------------------------


@column(unit="g", heading="CO2e", rests_on=("prices",), short="carbon", views=("money",))
def carbon_g(result: Result) -> Array | None:
    """Emissions of the electricity and of making the devices, where given"""
    return result.carbon_g if result.timing is not None else None


@column(unit="USD", heading="cost", rests_on=("prices",), short="cost", views=("money",))
def cost_usd(result: Result) -> Array | None:
    """Cost of the electricity and of the devices' time, where given"""
    return result.cost_usd if result.timing is not None else None


@column("word")
def reason(result: Result) -> str | list[str | None] | None:
    """Why something cannot be computed, in a few words"""
    if not result.hardware.has_clock:
        return result.reason or NO_CLOCK
    why, inside = result.reason, result.fits
    if not result.has_energy and why:
        return why
    if result.has_energy and result.scope not in WITH_POWER:
        part = f"no power: scope {result.scope} is a part of the energy"
        why = f"{why}; {part}" if why else part
    return None if inside is None else [why if fit else "does not fit" for fit in inside.ravel().tolist()]
