"""What a meter shows of power that changes."""

from __future__ import annotations

WINDOW_S = 1.0
"""Seconds before a reading of which it is the mean (NVIDIA, NVML API reference, nvmlDeviceGetPowerUsage: on Ampere,
but GA100, and newer "the API returns power averaged over 1 sec interval"; the same was measured by Yang et al.,
Part-time Power Measurements, SC 2024, arXiv:2312.02741)."""


def shown_power(power: float, resting: float, rested: float) -> float:
    """Mean of what a meter shows over a run as long as its window, when the device rested before it.  [W]

    ``rested`` seconds it drew ``resting``, and before these what it draws in the run. A reading t seconds into the run
    holds min(rested, window - t) seconds of rest; the mean of that over the run is rested - rested^2 / (2 window).

    >>> shown_power(1000.0, 200.0, 1.0), shown_power(1000.0, 200.0, 0.5), shown_power(1000.0, 200.0, 0.0)
    (600.0, 700.0, 1000.0)
    """
    part = min(rested / WINDOW_S, 1.0)
    return power - (power - resting) * (part - part * part / 2)
