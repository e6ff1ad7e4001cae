"""Requests that come at random: how many are worked on at once, how long they wait, which rate is the largest.

Arrivals are Poisson. A server has ``places`` for sequences that decode together; work is stretched where prompts
interrupt it. Arrays broadcast.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
    """Mean wait of those that find all of several places taken, each kept for ``stay`` seconds.  [s]

    Sakasegawa, An approximation formula Lq = alpha rho^beta / (1 - rho), Annals of the Institute of Statistical
    Mathematics 29 (1977), eq. 2.5: exact for one place and exponential stays, and it grows without limit as the
    ``use`` of the places nears 1.

    >>> float(place_wait(np.float64(0.5), 1, np.float64(1.0), 1.0))  # of half of the requests: `place_chance`
    2.0
    """
    return stay / (places * (1 - use)) * (1 + cv2) / 2


def place_chance(use: Number, places: int) -> Any:
    """Share of requests that find all places taken, likewise: Sakasegawa's wait is this times `place_wait`.

    >>> float(place_chance(0.5, 1))
    0.5
    """
    return use ** (np.sqrt(2.0 * (places + 1)) - 1)


def sequences_spread(rate: Number, grows: Number) -> Any:
    """Standard deviation of the sequences that decode, of what a request meets on average while it decodes.

    Near where they settle, departures grow by ``grows`` per second with each sequence more: a variance of
    ``rate / grows``, that of M/M/inf where nothing is shared. A stay sees the mean over its own time, which two moments
    of it share in part (M/D/inf: correlation ``1 - t / stay``): 2/3 of that variance. Both: Cox and Miller, The Theory
    of Stochastic Processes (1965), sections 4.4 and 7.4.

    >>> round(float(sequences_spread(6.0, 1.0)), 6)
    2.0
    """
    return np.sqrt(rate / grows * (2 / 3))


class Wait(NamedTuple):
    """A wait as a sum of independent parts: what all take, a queue, a queue for a place, the rest of a step.

    A queue's wait is 0 but for the share of requests that find one, and exponential for those: exact for one server and
    exponential service, else an approximation (Tijms, Stochastic Models: An Algorithmic Approach, 1994, section 4.2).
    Times in seconds, each [n].
    """

    sure: Number
    queued: Number = 0.0  # share that finds a queue of prompts
    queue: Number = 0.0  # what those wait there on average
    full: Number = 0.0  # share that finds no place
    place: Number = 0.0
    met: Number = 0.0  # share that meets a step
    rest: Number = 0.0  # longest that a step lasts from then; any part of it is as likely

    @property
    def mean(self) -> Any:
        """The mean wait.  [s]"""
        return self.sure + self.queued * self.queue + self.full * self.place + self.met * self.rest / 2

    def above(self, seconds: Number) -> Any:
        """Share of requests that wait longer, beyond what all take.

        >>> float(Wait(0.0, 0.5, 1.0).above(0.0)), float(Wait(0.0, met=1.0, rest=2.0).above(0.5))
        (0.5, 0.75)
        """
        one, two = (np.maximum(each, 1e-9) for each in (self.queue, self.place))
        two = np.where(np.abs(one - two) < 1e-6 * two, two * (1 + 1e-5), two)
        both = self.queued * self.full / (one - two)
        tails = ((self.queued * (1 - self.full) + both * one, one), (self.full * (1 - self.queued) - both * two, two))
        rest, later = np.maximum(self.rest, 1e-12), np.maximum(seconds - self.rest, 0.0)
        without = sum(weight * np.exp(-seconds / mean) for weight, mean in tails)
        after = sum(weight * mean * (np.exp(-later / mean) - np.exp(-seconds / mean)) for weight, mean in tails)
        with_step = np.maximum(1 - seconds / rest, 0.0) + after / rest
        return self.met * with_step + (1 - self.met) * without

    def percentile(self, percent: float) -> Any:
        """The wait that that many of 100 requests do not exceed.  [s]

        >>> round(float(Wait(1.0, 0.5, 1.0).percentile(90)), 6), round(float(np.log(5)), 6)
        (2.609438, 1.609438)
        """
        beyond = 1 - percent / 100
        low = np.zeros(np.shape(self.mean))
        high = (self.rest + 40 * (self.queue + self.place)) * np.ones_like(low)  # exp(-40): none waits longer
        for _ in range(48):
            middle = (low + high) / 2
            longer = self.above(middle) > beyond
            low, high = np.where(longer, middle, low), np.where(longer, high, middle)
        return self.sure + high
