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


def boosted(products: Array | float, others: Array | float, seconds: Array | float, room: float) -> tuple[Array, Array]:
    """How much longer work takes under a limit of power, and how much more its products spend than at the limit.

    At full clocks products spend `BOOST` times as much; clocks fall until the power is at the limit, and voltage with
    them: ``(BOOST - FALL (s - 1)) products + others = room seconds s``, solved for s. Dynamic energy of a circuit goes
    as the square of its voltage (Chandrakasan et al., Low-power CMOS digital design, 1992, doi:10.1109/4.126534).

    >>> [float(x) for x in boosted(100.0, 50.0, 1.0, 500.0)]  # 180 W of 500 W
    [1.0, 1.3]
    >>> [round(float(x), 3) for x in boosted(611.0, 0.0, 1.0, 557.0)]  # a product of 8192^3 on an H100
    [1.176, 1.072]
    """
    drawn = room * seconds
    longer = np.maximum(1.0, ((BOOST + FALL) * products + others) / (drawn + FALL * products))
    dearer: Array = np.maximum(1.0, BOOST - FALL * (longer - 1))
    lowest = (products + others) / drawn
    stretch: Array = np.where(dearer > 1, longer, np.maximum(longer, lowest))
    return stretch, dearer
