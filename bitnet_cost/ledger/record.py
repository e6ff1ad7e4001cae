"""The record: one point of a result in plain figures. JSON, CSV, tables, frames and sweeps share it.

A column is a row of data that `register` takes (name, kind, unit, description, what reads it of a result, how it is
shown), or a function that `column` registers under its own name, in the order in which records list them. A new metric
is one such entry: it says how it is headed, printed, sorted and marked in every format, and with ``swept`` every sweep
has it.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from bitnet_cost.formulas.speculation import expected_tokens
from bitnet_cost.formulas.sums import total
from bitnet_cost.ledger.intervals import WITH_POWER, energy_interval, time_interval
from bitnet_cost.ledger.operators import active_parameters, parameters_in
from bitnet_cost.ledger.result import Result
from bitnet_cost.registry import METRICS, column, register
from bitnet_cost.told import Array

__all__ = ["METRICS", "column"]  # who reads them here has every column in its place

NO_CLOCK = "technology node: no clock, no capacity"
UNFIT = "does not fit"


# --- the question --------------------------------------------------------------------------------------------------

register("model", "word", "", "Catalogue name of the model", lambda r: r.architecture.name)
register("parameters", "whole", "1", "Parameters: nominal where a size was asked for, else exact",
    lambda r: r.parameters)  # fmt: skip
register("hardware", "word", "", "Catalogue name of the hardware", lambda r: r.hardware.name)
register("runtime", "word", "", "Software on a device", lambda r: None if r.runtime is None else r.runtime.runtime)
register("precision", "word", "", "Name of the precision", lambda r: r.precision.name)
register("scope", "word", "", "What the energy holds", lambda r: r.scope)
register("batch", "whole", "1", "Sequences that run together", lambda r: r.workload.flat()[0], views=("grid",))
register("prompt", "whole", "1", "Prompt tokens of each sequence", lambda r: r.workload.flat()[1], views=("grid",))
register("generate", "whole", "1", "Generated tokens of each sequence, the first from the prefill",
    lambda r: r.workload.flat()[2], views=("grid",))  # fmt: skip
register("attention", "word", "", "Pairs scored in the prefill: causal or full", lambda r: r.workload.attention)
register("logits", "word", "", "Prefill positions that get logits", lambda r: r.workload.logits)
register("counting", "word", "", "Counting convention", lambda r: r.workload.counting)
register("devices", "whole", "1", "Devices that share the model", lambda r: r.devices)

register("draft", "word", "", "Model that drafts tokens", lambda r: r.draft and r.draft.architecture.name)
register("draft_tokens", "whole", "1", "Tokens drafted in each round", lambda r: r.rounds and r.rounds.tokens)
register("accept", "figure", "1", "Probability that a drafted token is accepted",
    lambda r: r.rounds and r.rounds.accept)  # fmt: skip
register("tokens_per_step", "figure", "1", "Tokens that a pass of the model yields in the mean",
    lambda r: r.rounds and expected_tokens(r.rounds.accept, r.rounds.tokens))  # fmt: skip
register("offload", "word", "", "Part of the model that the host keeps in its memory", lambda r: r.offload)


# --- what the mathematics needs, and what runs ----------------------------------------------------------------------

register("mac", "count", "1", "Multiply-accumulates of the mathematics, independent of what runs them",
    lambda r: r.mac.ravel())  # fmt: skip
register("mul", "count", "1", "Multiplications that run, elementwise work included", lambda r: total(r.actions("mul")))
register("add", "count", "1", "Additions that run, elementwise work included", lambda r: total(r.actions("add")))
register("special", "count", "1", "Special functions that run: exponentials, divisions, roots",
    lambda r: total(r.actions("special")))  # fmt: skip


# --- memory ---------------------------------------------------------------------------------------------------------

register("ideal_weights_bytes", "size", "byte", "Parameters x information bits, what articles quote",
    lambda r: r.footprint.ideal_bits / 8)  # fmt: skip
register("weights_bytes", "size", "byte", "Stored weights: packing, scales and the parts in 16 bits",
    lambda r: r.footprint.total_weight_bits / 8, swept=True)  # fmt: skip
register("kv_cache_bytes", "size", "byte", "KV cache of P+G-1 positions", lambda r: r.footprint.kv_bits / 8, swept=True)
register("peak_activation_bytes", "size", "byte", "Peak activations of one layer, attention fused",
    lambda r: r.footprint.activation_bits / 8, swept=True)  # fmt: skip
register("footprint_bytes", "size", "byte", "Everything resident, on all devices together",
    lambda r: r.footprint.on_each(r.devices) * r.devices / 8,
    swept=True, heading="memory", short="memory", views=("compare", "grid"))  # fmt: skip

register("host_bytes", "size", "byte", "Weights and cache in the host's memory", lambda r: r.host_bits / 8, swept=True)


@column("size", "byte", swept=True, better="more")
def capacity_bytes(result: Result) -> float | None:
    """Memory of all devices, less what the runtime keeps"""
    capacity = result.capacity_bits
    return None if capacity is None else capacity * result.devices / 8


register("fits", "bool", "", "Whether everything resident fits", lambda r: r.fits, swept=True, better="more")


# --- energy ---------------------------------------------------------------------------------------------------------


def _energy(result: Result, bound: int) -> Array | None:
    if not result.by_component:
        return None
    found: Array = (result.energy_bounds.reshape(3, -1) if bound == 1 else energy_interval(result))[bound]
    return found


register("energy_j", "figure", "J", "Energy of the whole workload within the scope, nominal",
    lambda r: _energy(r, 1), swept=True, heading="", rests_on=("prices",),
    views=("compare", "money", "grid"))  # fmt: skip
register("energy_low_j", "figure", "J", "The same, low end of its 90 % interval; without rows all prices low",
    lambda r: _energy(r, 0), swept=True)  # fmt: skip
register("energy_high_j", "figure", "J", "The same, high end of its 90 % interval; without rows all prices high",
    lambda r: _energy(r, 2), swept=True)  # fmt: skip


@column(unit="J/token", swept=True, heading="", rests_on=("prices",), short="energy", views=("compare", "money"))
def energy_per_token_j(result: Result) -> Array | None:
    """Energy / (B G), where more than one token is generated"""
    energy = _energy(result, 1)
    sequences, _, steps = result.workload.flat()
    return None if energy is None else np.where(steps > 1, energy / (sequences * steps), np.nan)


@column(unit="J/token", swept=True, rests_on=("prices",))
def energy_per_input_token_j(result: Result) -> Array | None:
    """Energy of the prefill / (B P)"""
    sequences, prompt, _ = result.workload.flat()
    energy = result.energy_by_phase.get("prefill")
    return None if energy is None else energy / (sequences * prompt)


@column(unit="J/token", swept=True, rests_on=("prices",))
def energy_per_output_token_j(result: Result) -> Array | None:
    """Energy of the decode / (B (G - 1)), the first token being the prefill's; none where nothing is decoded"""
    sequences, _, generate = result.workload.flat()
    energy = result.energy_by_phase.get("decode")
    if energy is None:
        return None if not result.has_energy else np.full(result.counts.points, np.nan)
    steps = sequences * (generate - 1)
    return np.where(steps > 0, energy / np.where(steps > 0, steps, 1.0), np.nan)


def _saving(result: Result, bound: int) -> Array | None:
    return None if result.saving is None else result.saving[bound]


register("saving", "figure", "1", "1 - E / E of the baseline, nominal",
    lambda r: _saving(r, 1), better="more", printing="percent", rests_on=("prices",),
    views=("compare", "grid"))  # fmt: skip
register("saving_low", "figure", "1", "The same, low end of its 90 % interval or of its prices'",
    lambda r: _saving(r, 0), better="more", printing="percent")  # fmt: skip
register("saving_high", "figure", "1", "The same, high end of its 90 % interval or of its prices'",
    lambda r: _saving(r, 2), better="more", printing="percent")  # fmt: skip
register("baseline", "word", "", "Precision that the saving refers to", lambda r: r.baseline)


# --- time -----------------------------------------------------------------------------------------------------------

register("prefill_s", "figure", "s", "Time of the prefill",
    lambda r: None if r.timing is None else r.timing.of_phase("prefill"), swept=True)  # fmt: skip
register("decode_s", "figure", "s", "Time of the G - 1 decode steps",
    lambda r: None if r.timing is None else r.timing.of_phase("decode"), swept=True)  # fmt: skip
register("latency_s", "figure", "s", "Time of prefill and decode",
    lambda r: None if r.timing is None else r.timing.total,
    swept=True, heading="latency", rests_on=("runtime",), short="latency", views=("grid",))  # fmt: skip


def _time(result: Result, bound: int) -> Array | None:
    found = time_interval(result)
    return None if found is None else found[bound]


register("latency_low_s", "figure", "s", "The same, low end of its 90 % interval", lambda r: _time(r, 0), swept=True)
register("latency_high_s", "figure", "s", "The same, high end of its 90 % interval", lambda r: _time(r, 2), swept=True)


@column(
    unit="token/s", swept=True, better="more", heading="tokens/s", printing="plain", rests_on=("runtime",),
    short="tokens", views=("compare", "grid"),
)  # fmt: skip
def tokens_per_s(result: Result) -> Array | None:
    """Tokens generated per second of the decode, all sequences together"""
    return result.token_rates


@column(
    unit="W", swept=True, heading="power W", printing="plain", rests_on=("prices", "runtime"), short="power",
    views=("compare",),
)  # fmt: skip
def power_w(result: Result) -> Array | None:
    """Energy of the devices / latency, in the scopes that hold all of it"""
    if result.timing is None or not result.by_component or result.scope not in WITH_POWER:
        return None
    parts = [values[1] for name, values in result.by_component.items() if name not in ("server", "facility")]
    found: Array = sum(parts[1:], parts[0]) / result.timing.total
    return found


register("bound", "word", "", "What most of the time waits for",
    lambda r: None if r.timing is None else r.timing.bounds)  # fmt: skip


# --- the world around -----------------------------------------------------------------------------------------------

register("carbon_g", "figure", "g", "Emissions of the electricity and of making the devices, where given",
    lambda r: r.carbon_g if r.timing is not None else None,
    heading="CO2e", rests_on=("prices",), short="carbon", views=("money",))  # fmt: skip
register("cost_usd", "figure", "USD", "Cost of the electricity and of the devices' time, where given",
    lambda r: r.cost_usd if r.timing is not None else None,
    heading="cost", rests_on=("prices",), short="cost", views=("money",))  # fmt: skip
register("water_l", "figure", "L", "Water of making the electricity, where the zone's is known; not the site's cooling",
    lambda r: r.water_l if r.timing is not None else None,
    heading="water", rests_on=("prices",), short="water")  # fmt: skip


@column("word")
def reason(result: Result) -> str | list[str | None] | None:
    """Why something cannot be computed, in a few words"""
    why, inside = reason_where_it_fits(result), result.fits
    if not result.hardware.has_clock or (not result.has_energy and why):
        return why
    return None if inside is None else [why if fit else UNFIT for fit in inside.ravel().tolist()]


def reason_where_it_fits(result: Result) -> str | None:
    """Why something cannot be computed of all points of a result, or of those that fit."""
    if not result.hardware.has_clock:
        return result.reason or NO_CLOCK
    if result.has_energy and result.scope not in WITH_POWER:
        part = f"no power: scope {result.scope} is a part of the energy"
        return f"{result.reason}; {part}" if result.reason else part
    return result.reason


# --- where the parameters are ---------------------------------------------------------------------------------------

register("active_parameters", "whole", "1", "Parameters less those of routed experts that a token does not visit",
    lambda r: active_parameters(r.counts.operators))  # fmt: skip
for _section, _what in {
    "embedding": "input tables",
    "attention": "attention, its projections included",
    "recurrent": "state spaces, linear attention and convolutions",
    "feed_forward": "dense feed-forward parts, shared experts and routers",
    "expert": "routed experts, all of them",
    "norm": "norms",
    "head": "the output matrix, where it is not the token table, or a classifier",
}.items():
    register(f"{_section}_parameters", "whole", "1", f"Parameters of {_what}; of the shape that stands for a size",
        partial(lambda section, r: parameters_in(r.counts.operators)[section], _section))  # fmt: skip
