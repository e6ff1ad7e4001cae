"""Measured rows as linear functions of the constants: what a calibration without some of them would have said.

Around the committed constants the logarithm of modelled over measured is nearly linear in those of the factors. So a
fit without a row, or without a device, is a small linear problem with the penalties and the damping of
`solving.solve`, where the fit itself evaluates the model some hundred times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.estimate import priced
from bitnet_cost.inputs.calibration import DeviceConstants, RuntimeConstants
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.studies.calibration import MEMORY_SIGMA, NONE, POWER_SIGMA, SIGMA, Rows
from bitnet_cost.studies.measured import Quantity, read
from bitnet_cost.studies.solving import STEP, solve

NOISE: dict[Quantity, float] = {
    "seconds": SIGMA, "power_w": POWER_SIGMA, "energy_j_per_token": 2 * POWER_SIGMA, "memory_gb": MEMORY_SIGMA,
}  # fmt: skip

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tangent:
    """One measured quantity of a row near given constants."""

    row: Measurement
    quantity: Quantity
    error: float  # logarithm of modelled over measured
    slope: Vector  # its change with the logarithm of each factor


def evaluated(part: Rows, runtime: RuntimeConstants, device: DeviceConstants) -> Iterator[dict[Quantity, float]]:
    """The figures of rows of one group with these constants."""
    hardware = runtime.hardware_of(device.hardware_of(part.profile))
    asked = part.result.scenario.but(hardware=hardware, runtime=runtime.runtime_of(part.software))
    return read(priced(replace(part.result, scenario=asked)), part.members, NONE)


def errors(part: Rows, runtime: RuntimeConstants, device: DeviceConstants) -> list[tuple[Measurement, Quantity, float]]:
    """Logarithms of modelled over measured of every quantity that rows of one group have; NaN where nothing fits."""
    return [
        (row, quantity, float(np.log(answer[quantity] / value)))
        for row, answer in zip(part.members, evaluated(part, runtime, device), strict=True)
        for quantity in NOISE
        if quantity != "memory_gb" and (value := getattr(row, quantity)) is not None
    ]


def tangents(
    parts: Sequence[Rows], runtime: RuntimeConstants, device: DeviceConstants, names: Sequence[str]
) -> list[Tangent]:
    """Every quantity of rows near constants of one device and runtime.

    Args:
        parts: the rows.
        runtime: the constants on times, and on waiting power.
        device: those on prices.
        names: fields of either: the factors that may move.
    """

    def all_errors(name: str | None = None) -> list[tuple[Measurement, Quantity, float]]:
        moved = [
            known.model_copy(update={name: getattr(known, name) * float(np.exp(STEP))})
            if name is not None and name in type(known).model_fields
            else known
            for known in (runtime, device)
        ]
        return [found for part in parts for found in errors(part, moved[0], moved[1])]  # type: ignore[arg-type]

    base = all_errors()
    beside = [[error for *_, error in all_errors(name)] for name in names]
    slopes = (np.array(beside).T - np.array([error for *_, error in base])[:, None]) / STEP if base else []
    return [
        Tangent(row, quantity, error, slope)
        for (row, quantity, error), slope in zip(base, slopes, strict=True)
        if np.isfinite(error) and np.isfinite(slope).all()
    ]


def refit(
    found: Sequence[Tangent], near: Mapping[str, float], expected: Mapping[str, float], spread: Mapping[str, float]
) -> Vector:
    """Logarithms of the factors that serve these tangents best, each held to what is expected of it.

    Args:
        found: the tangents, at the factors ``near``.
        near: the factors that slopes were taken at, in their order.
        expected: the factors that the penalty holds to.
        spread: how far each may stray, as a logarithm.
    """
    if not found:
        return np.log(list(expected.values()))
    at = np.log(list(near.values()))
    noise = np.array([NOISE[t.quantity] for t in found])
    errors_there, slopes = np.array([t.error for t in found]), np.array([t.slope for t in found])
    fit = solve(lambda x: ((errors_there + slopes @ (x - at)) / noise).tolist(), expected, spread)
    return np.log(list(fit.values.values()))
