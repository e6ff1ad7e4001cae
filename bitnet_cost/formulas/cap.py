"""A board's limit of power."""

from __future__ import annotations

import numpy as np

from bitnet_cost.told import Array


def cap_stretch(dynamic: Array, seconds: Array, room: Array | float) -> Array:
    """How much longer a phase takes under a limit of power: its dynamic energy / room over its seconds, at least 1.

    ``room`` is the limit less the floor of power.  [W]  Where there is none, as of figures that vary together, no time
    can be computed.

    >>> cap_stretch(np.array([1200.0, 300.0]), np.array([2.0, 1.0]), 400.0).tolist()  # 600 W and 300 W of 400 W
    [1.5, 1.0]
    """
    least = dynamic / np.where(room > 0, room, np.nan)
    worked = seconds > 0
    stretch: Array = np.where(worked, np.maximum(1.0, least / np.where(worked, seconds, 1.0)), 1.0)
    return stretch


BOOST, FALL = 1.3, 1.3
"""Energy of a product at full clocks over that at the clocks which a board's limit leaves, at which prices were
measured; and how fast it falls as a step becomes longer. From training steps that the rule on ids sets aside."""


def boosted(products: float, others: float, seconds: float, room: float) -> tuple[float, float]:
    """How much longer work takes under a limit of power, and how much more its products spend than at the limit.

    At full clocks products spend `BOOST` times as much; clocks fall until the power is at the limit, and voltage with
    them: ``(BOOST - FALL (s - 1)) products + others = room seconds s``, solved for s. Dynamic energy of a circuit goes
    as the square of its voltage (Chandrakasan et al., Low-power CMOS digital design, 1992, doi:10.1109/4.126534).

    >>> boosted(100.0, 50.0, 1.0, 500.0)  # 180 W of 500 W
    (1.0, 1.3)
    >>> [round(x, 3) for x in boosted(611.0, 0.0, 1.0, 557.0)]  # a product of 8192^3 on an H100
    [1.175, 1.072]
    """
    if room <= 0 or seconds <= 0:
        return float("nan"), 1.0
    longer = max(1.0, ((BOOST + FALL) * products + others) / (room * seconds + FALL * products))
    dearer = BOOST - FALL * (longer - 1)
    if dearer < 1:
        return (products + others) / (room * seconds), 1.0
    return longer, dearer
