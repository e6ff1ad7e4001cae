"""Launches of kernels, and the host that issues them."""

from __future__ import annotations

import numpy as np

from bitnet_cost.told import Array


def launch_seconds(overhead: float, per_input: float, inputs: float) -> float:
    """Seconds of one launch in which too little runs to matter; some kernels walk their inner dimension.  [s]

    >>> launch_seconds(2e-6, 1e-9, 1000)
    3e-06
    """
    return overhead + per_input * inputs


def host_seconds(per_pass: float, per_sequence: float, batch: Array) -> Array:
    """Seconds of one pass in which the host prepares it.  [s]

    >>> float(host_seconds(0.5, 0.25, np.float64(2.0)))
    1.0
    """
    return per_pass + per_sequence * batch


def host_wait(host: Array, device: Array) -> Array:
    """Seconds that a device waits for a host that prepares while it works.  [s]

    >>> host_wait(np.array([5.0, 1.0]), np.array([2.0, 2.0])).tolist()
    [3.0, 0.0]
    """
    beyond: Array = np.maximum(0.0, host - device)
    return beyond
