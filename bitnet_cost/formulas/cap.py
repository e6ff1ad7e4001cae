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
