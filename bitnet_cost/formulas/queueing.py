"""Requests that come at random: how many are worked on at once, how long they wait, which rate is the largest.

Arrivals are Poisson. A server has ``places`` for sequences that decode together; work is stretched where prompts
interrupt it. Arrays broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bitnet_cost.told import Array

Number = Array | float

TERMS = 32  # beyond as many places the time with none is below 1e-13 where they bind


def served_rate(sequences: Number, steps: Number, step: Number, prompt: Number) -> Any:
    """Requests per second that keep a number of sequences decoding on average.  [1/s]

    In a second ``1 - R p`` are left for steps, R requests take ``steps`` of ``step`` seconds, and by Little's law (A
    proof for the queuing formula L = lambda W, Operations Research 9(3), 1961, eq. 1) they keep
    ``L = R steps step / (1 - R p)`` sequences there; solved for R. With all places taken it is the largest stable rate.

    >>> served_rate(4.0, 100.0, 0.01, 0.05)  # 4 / (1 + 0.2): 0.83 s of 3.33 steps at once, 0.17 s of prompts
    3.3333333333333335
    """
    return sequences / (steps * step + sequences * prompt)


def mean_batch(sequences: Number, places: int) -> Any:
    """Sequences there on average while any is there, from how many there are on average: the M/M/c queue.

    Erlang, Solution of some problems in the theory of probabilities of significance in automatic telephone exchanges
    (1917): nothing is there in a share ``1 / (sum of a^n/n! below c + a^c/c! c/(c - a))`` of the time, exp(-a) where
    places do not bind; the average is over the rest. It is 1 where few come, and c where all places are taken.

    >>> mean_batch(np.array([0.0, 0.5, 1.0]), 1).tolist()
    [1.0, 1.0, 1.0]
    >>> bool(abs(mean_batch(np.float64(2.0), 64) - 2 / (1 - np.exp(-2.0))) < 1e-9)
    True
    """
    if places > TERMS:
        return np.where(sequences > 0, sequences / np.maximum(-np.expm1(-sequences), 5e-324), 1.0)
    beyond = np.maximum(1 - sequences / places, 0.0)
    below: Number = 1.0  # a nested sum, all times what is left of the last place, so that nothing is divided by 0
    above = beyond + sequences / places
    for term in range(places - 1, 0, -1):
        above, below = beyond + sequences / term * above, above
    return above / below


def queue_wait(rate: Number, service: Number, cv2: Number) -> Any:
    """Mean wait for one server that takes one request after the other.  [s]

    Pollaczek 1930, Khinchine 1932: ``R E[S^2] / (2 (1 - R E[S]))``, with ``E[S^2] = E[S]^2 (1 + cv2)``.

    >>> queue_wait(0.5, 1.0, 0.0), queue_wait(0.5, 1.0, 1.0)
    (0.5, 1.0)
    """
    return rate * service**2 * (1 + cv2) / (2 * (1 - rate * service))


def place_wait(use: Number, places: int, stay: Number, cv2: Number) -> Any:
    """Mean wait for one of several places, each of which is kept for ``stay`` seconds.  [s]

    Sakasegawa, An approximation formula Lq = alpha rho^beta / (1 - rho), Annals of the Institute of Statistical
    Mathematics 29 (1977), eq. 2.5: exact for one place and exponential stays, and it grows without limit as the
    ``use`` of the places nears 1.

    >>> float(place_wait(np.float64(0.5), 1, np.float64(1.0), 1.0))
    1.0
    """
    power = use ** (np.sqrt(2.0 * (places + 1)) - 1)
    return power / (places * (1 - use)) * stay * (1 + cv2) / 2
