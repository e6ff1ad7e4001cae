"""What a meter shows of power that changes."""

from __future__ import annotations

WINDOW_S = 1.0
"""Seconds before a reading of which it is the mean  [s]

NVIDIA, NVML API reference, nvmlDeviceGetPowerUsage: "On Ampere (except GA100) or newer GPUs, the API returns power
averaged over 1 sec interval". Which GPUs do so was measured by Yang, Adamek & Armour, Part-time Power Measurements:
nvidia-smi's Lack of Attention, 2023, arXiv:2312.02741 (its tables are recalled, not looked up again).
"""


def shown_power(power: float, resting: float, rested: float) -> float:
    """Mean of what a meter shows over a run as long as its window, when the device rested before it.  [W]

    For ``rested`` seconds it drew ``resting`` watts, and before these the ``power`` of the run. A reading t seconds
    into the run holds min(rested, window - t) seconds of rest; the mean of that over the run is
    rested - rested^2 / (2 window).

    >>> shown_power(1000.0, 200.0, 1.0), shown_power(1000.0, 200.0, 0.5), shown_power(1000.0, 200.0, 0.0)
    (600.0, 700.0, 1000.0)
    """
    part = min(rested / WINDOW_S, 1.0)
    return power - (power - resting) * (part - part * part / 2)
