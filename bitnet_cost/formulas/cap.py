"""A board's limit of power."""

from __future__ import annotations

import numpy as np

from bitnet_cost.told import Array, named

BOOST = 1.25
"""Energy of a product in tensor units at full clocks over that at the clocks which a board's limit leaves a large one
alone, at which prices were measured: 2.09 pJ a MAC over 1.67 in BF16, 1.17 over 0.94 in FP8, on an H200
(`benchmarks/device/limit_h200.csv`)."""

SLOWEST = 2 - 1 / BOOST
"""Time of such a product at the limit over that at full clocks: 1.20 in BF16, 1.21 in FP8, likewise."""

HELD = 0.985
"""Mean power of a GPU at its limit over the limit, which its controller stays below: of single products 0.97 to 0.99 on
an H200, 0.99 on a B200, 0.98 on a GB200 (`benchmarks/device/limit_h200.csv`, `layer_powers.csv`)."""


def limited(
    products: Array | float, others: Array, clocked: Array | float, fixed: Array, room: Array | float
) -> tuple[Array, Array]:
    """How much longer work takes under a limit of power, and what its products spend over what they are priced at.

    The board's controller lowers clocks until the mean power of some 100 ms is at the limit
    (nvmlClocksEventReasonSwPowerCap, NVML API reference; kernels that draw little let the others beside them run
    faster: with an idle fifth of the time, an H200 draws its limit as before and products take 0.90 of their time,
    whether they take turns within 1 or 60 ms). Voltage falls with the clocks, and the dynamic energy of a circuit goes
    as its square (Chandrakasan et al., Low-power CMOS digital design, 1992, doi:10.1109/4.126534): of a product that
    takes s times as long as at full clocks it was measured as ``BOOST (2 - s)``, down to the clocks of the prices. So
    ``BOOST (2 - s) products + others = room (fixed + s clocked)``, solved for s; beyond `SLOWEST` all takes longer.

    Energies are at prices, [J], seconds at full clocks, ``clocked`` those of work that waits for arithmetic; ``room``
    is the limit less the floor of power, [W]. Where there is none, as of figures that vary together, no time can be
    computed.

    >>> one = np.array([1.0])
    >>> [float(x[0]) for x in limited(100.0, 50 * one, one, 0 * one, 500.0)]  # 175 W of 500 W
    [1.0, 1.25]
    >>> [round(float(x[0]), 3) for x in limited(676.0, 0 * one, one, 0 * one, 560.0)]  # BF16, 4,096 by 8,192 by 8,192
    [1.207, 1.0]
    >>> [round(float(x[0]), 3) for x in limited(676.0, 0 * one, one, 0.3 * one, 560.0)]  # with pauses beside it
    [1.064, 1.146]
    >>> [float(x[0]) for x in limited(0.0, 1200 * one, 0.0, 2 * one, 400.0)]  # 600 W of 400 W, in no tensor units
    [1.5, 1.0]
    """
    spent, needed = BOOST * products, room * clocked + BOOST * products
    slower = (2 * spent + others - room * fixed) / np.where(needed > 0, needed, 1.0)
    slower = named(np.minimum(np.maximum(slower, 1.0), SLOWEST), "time over that at full clocks", "1", local=True)
    dearer: Array = named(BOOST * (2 - slower), "energy of products over that at prices", "1", local=True)
    seconds = fixed + clocked
    least = (dearer * products + others) / np.where(room > 0, room, np.nan)
    worked = seconds > 0
    longer = np.maximum(fixed + slower * clocked, least)
    stretch: Array = np.where(worked, np.maximum(1.0, longer / np.where(worked, seconds, 1.0)), 1.0)
    return stretch, dearer
