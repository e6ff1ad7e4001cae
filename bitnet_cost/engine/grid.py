"""Figures of many points: the columns of full records, from one evaluation over a workload's grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.estimate import measure, prepare, priced
from bitnet_cost.errors import MissingPrice
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware, Parallel, Scope
from bitnet_cost.inputs.precision import Accumulator, Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.workload import Array, Workload

FIGURES = (
    "weights_bytes", "kv_cache_bytes", "peak_activation_bytes", "footprint_bytes", "capacity_bytes", "fits",
    "energy_j", "energy_low_j", "energy_high_j", "energy_per_token_j", "prefill_s", "decode_s", "latency_s",
    "tokens_per_s", "power_w",
)  # fmt: skip


def components_of(hardware: Hardware) -> tuple[str, ...]:
    """Components that an energy at some hardware can have."""
    return ("mul", "add", "mac", "special", *hardware.hierarchy, "interconnect", "static")


def figures(
    architecture: Architecture, precision: Precision, hardware: Hardware, workload: Workload, *,
    scope: Scope | None = None, accumulator: Accumulator = "paper", runtime: RuntimeProfile | None = None,
    devices: int = 1, parallel: Parallel = "tensor", varied: bool = False,
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Columns of full records: energy with its components, time, memory, fit. NaN where a record says nothing.  [n]

    The figures are those of single estimates, to the bit. Figures of the hardware and of the runtime may be ``varied``:
    arrays over the points.

    Raises:
        BitnetCostError: see `measure`; a missing price is a ``MissingPrice`` that has ``figures``, what is known
            without prices.
    """
    ready = prepare(
        architecture, precision, hardware, runtime, counting=workload.counting, logits=workload.logits,
        accumulator=accumulator, devices=devices, parallel=parallel, lean=True, lasting=not varied,
    )  # fmt: skip
    result = measure(
        architecture, precision, hardware, workload, scope=scope, accumulator=accumulator, runtime=runtime,
        devices=devices, parallel=parallel, prepared=ready,
    )  # fmt: skip
    memory = result.footprint
    points = result.counts.points
    found: dict[str, NDArray[Any]] = {
        "weights_bytes": np.full(points, memory.total_weight_bits / 8),
        "kv_cache_bytes": memory.kv_bits / 8,
        "peak_activation_bytes": memory.activation_bits / 8,
        "footprint_bytes": memory.on_each(devices) * devices / 8,
    }
    capacity, fits = result.capacity_bits, result.fits
    if capacity is not None and fits is not None:
        found["capacity_bytes"] = np.full(points, capacity * devices / 8)
        found["fits"] = fits
    try:
        result = priced(result, ready)
    except MissingPrice as fault:
        fault.figures = found
        raise
    if not result.spent:
        return found
    bounds = result.energy_bounds
    batch, _, generate = workload.flat()
    found["energy_low_j"], found["energy_j"], found["energy_high_j"] = bounds
    found["energy_per_token_j"] = np.where(generate > 1, bounds[1] / (batch * generate), np.nan)
    own: Array | None = None
    for name, values in result.by_component.items():
        found[f"energy_{name}_j"] = values[1]
        if name != "facility":
            own = values[1] if own is None else own + values[1]
    timing = result.timing
    if timing is not None and own is not None:
        phases = timing.by_phase
        decode, total = timing.decode, timing.total
        found |= {"prefill_s": phases[0], "decode_s": decode, "latency_s": total}
        with np.errstate(divide="ignore", invalid="ignore"):
            found["tokens_per_s"] = np.where(decode > 0, batch * (generate - 1) / decode, np.nan)
        if result.scope in ("device", "facility"):
            found["power_w"] = own / total
    return found
