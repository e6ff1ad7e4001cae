"""Requests that come at random: how many are worked on at once, how long they wait, which rate is the largest.

Arrivals are Poisson. A server has ``places`` for sequences that decode together; work is stretched where prompts
interrupt it. Arrays broadcast.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb, factorial
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.formulas.sums import sum_in_order
from bitnet_cost.told import Array, decided, read_only

Number = Array | float

EXACT = 40.0  # from here on the time with none is below what a number holds
HALVES = 8  # of a number before its series, so often squared again after it
RISES = [(-1) ** k / factorial(k + 1) for k in range(11)]  # of (1 - exp(-t)) / t, to the last bit for t below 0.16
TERMS = 32  # beyond as many places the time with none is below 1e-13 where they bind
STATES = 1024  # numbers of sequences below all places that tell how often these are taken
FULL_USES = np.exp(-(np.linspace(5.5, 0, 300) ** 2))  # of what all places can do: close where they fill up
LEAST = 1e-12  # s; what is shorter takes no time
EULER_A = 18.4  # of Abate and Whitt: an error of exp(-18.4)
EULER = np.array(  # 15 terms, and Euler's mean of 11 more
    [(-1) ** k * (0.5 if k == 0 else sum(comb(11, j) for j in range(max(0, k - 15), 12)) / 2**11) for k in range(27)]
)


def served_rate(sequences: Number, steps: Number, step: Number, prompt: Number) -> Any:
    """Requests per second that keep a number of sequences decoding on average.  [1/s]

    In a second ``1 - R p`` are left for steps, R requests take ``steps`` of ``step`` seconds, and by Little's law (A
    proof for the queuing formula L = lambda W, Operations Research 9(3), 1961, eq. 1) they keep
    ``L = R steps step / (1 - R p)`` sequences there; solved for R. With all places taken it is the largest stable rate.

    >>> served_rate(4.0, 100.0, 0.01, 0.05)  # 4 / (1 + 0.2): 0.83 s of 3.33 steps at once, 0.17 s of prompts
    3.3333333333333335
    """
    return sequences / (steps * step + sequences * prompt)


def after_first(prompts: Number, steps: Number, batch: Number, generate: Number) -> Any:
    """Time per token of a request after its first, of a server that as many clients keep busy as a batch has.  [s]

    ``prompts`` and ``steps`` are the seconds of all prompts and of all steps of a batch. Between a request's tokens
    the others' prompts are worked on, not its own: one of a closed circle meets what the rest alone would be (Reiser
    and Lavenberg, Mean-value analysis of closed multichain queuing networks, Journal of the ACM 27(2), 1980).

    >>> round(after_first(0.8, 1.27, 8, 128), 6), after_first(0.1, 1.27, 1, 128)  # prompts of seven others, of none
    (0.015512, 0.01)
    """
    return (prompts * (batch - 1) / batch + steps) / (generate - 1)


def chance_of_any(mean: Number) -> Any:
    """How likely any of a Poisson number is there: 1 - exp(-mean), from sums and products alone.

    The last bit of a library's exp depends on the processor. A Taylor series of mean / 256, and as often
    ``1 - (1 - x)^2 = x (2 - x)`` as that was halved: right to 2e-15 of itself, also where few come.

    >>> [bool(abs(chance_of_any(np.float64(mean)) / -np.expm1(-mean) - 1) < 2e-15) for mean in (1e-9, 0.3, 3.0, 300.0)]
    [True, True, True, True]
    """
    part = np.minimum(mean, EXACT) * 0.5**HALVES
    series: Any = RISES[-1]
    for term in RISES[-2::-1]:
        series = series * part + term
    found = series * part
    for _ in range(HALVES):
        found = found * (2.0 - found)
    return found


def mean_batch(sequences: Number, places: Any) -> Any:
    """Sequences there on average while any is there, from how many there are on average: the M/M/c queue.

    Erlang, Solution of some problems in the theory of probabilities of significance in automatic telephone exchanges
    (1917): nothing is there in a share ``1 / (sum of a^n/n! below c + a^c/c! c/(c - a))`` of the time, exp(-a) where
    places do not bind; the average is over the rest. It is 1 where few come, and c where all places are taken.

    >>> mean_batch(np.array([0.0, 0.5, 1.0]), 1).tolist()
    [1.0, 1.0, 1.0]
    >>> bool(abs(mean_batch(np.float64(2.0), 64) - 2 / (1 - np.exp(-2.0))) < 1e-9)
    True
    """
    if decided(places > TERMS):
        if not decided(sequences < EXACT):
            return sequences
        return np.where(sequences > 0, sequences / np.maximum(chance_of_any(sequences), 5e-324), 1.0)
    beyond = np.maximum(1 - sequences / places, 0.0)
    below: Number = 1.0  # a nested sum, all times what is left of the last place, so that nothing is divided by 0
    above = beyond + sequences / places
    for term in range(places - 1, 0, -1):
        above, below = beyond + sequences / term * above, above
    return above / below


def sequences_at(batches: Array, places: int) -> Array:
    """How many sequences there are on average where the mean batch is given: `mean_batch` backwards.  [k]

    >>> round(float(sequences_at(np.array([1.0, 2 / (1 - np.exp(-2.0))]), 64)[1]), 12)
    2.0
    """
    few = batches[batches < EXACT]
    return np.concatenate((_found(few.tobytes(), min(places, TERMS + 1)), batches[len(few) :]))


@lru_cache(maxsize=64)
def _found(batches: bytes, places: int) -> Array:
    """The same of batches of which some time is left with none, by halves."""
    sought = np.frombuffer(batches)
    low, high = np.zeros_like(sought), sought.copy()
    for _ in range(60):
        middle = (low + high) / 2
        more = mean_batch(middle, places) < sought
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return read_only(np.where(sought > 1, high, 0.0))


def queue_wait(use: Number, service: Number, cv2: Number) -> Any:
    """Mean wait for one server that takes one request after the other, for a share ``use`` of the time.  [s]

    Pollaczek 1930, Khinchine 1932: ``R E[S^2] / (2 (1 - R E[S]))``, with ``E[S^2] = E[S]^2 (1 + cv2)`` and
    ``use = R E[S]``.

    >>> queue_wait(0.5, 1.0, 0.0), queue_wait(0.5, 1.0, 1.0)
    (0.5, 1.0)
    """
    return use * service * (1 + cv2) / (2 * (1 - use))


def bunching(use: Number, cv2: Number) -> Any:
    """Variance of the sequences that decode, over what it were if prompts took no time.

    Prompts interrupt the steps for a share ``use`` of the time, and others come meanwhile: steps see those of a busy
    period of M/G/1 come at once, of a variance ``b`` times their mean (their number: Takacs, Introduction to the Theory
    of Queues, 1962, section 1.4). Of batches that come at random and stay, ``1 + (b - 1) E[min(S, S')] / E[S]`` is left
    (Holman, Chaudhry and Kashyap, On the service system M^X/G/inf, European Journal of Operational Research 13, 1983):
    all of it where lengths are alike, half where they are exponential.

    >>> bunching(0.0, 1.0), bunching(0.5, 0.0)
    (1.0, 4.0)
    """
    batches = (1 + use**2 * cv2) / (1 - use) ** 2
    return 1 + (batches - 1) / (1 + cv2)


def full_chances(sequences: Array, steps: Array, prompts: float, cv2: float) -> Array:
    """Share of requests that find all places taken, in logarithms, at each of `FULL_USES` of the largest rate.  [use]

    ``steps`` are the seconds of a step at each of ``sequences``, whole numbers up to all places; ``prompts`` is the
    work of a prompt over that of the steps of a request when all are taken. All sequences progress at once, so that
    their number is a birth and death process with lengths of any kind (Kelly, Reversibility and Stochastic Networks,
    1979, section 3.3): departures grow as ``n / steps``, and ``P(n - 1) / P(n)`` is departures at n over arrivals.
    A variance that grows by `bunching` is a root of that: the density of a diffusion with the same drift (Cox and
    Miller, The Theory of Stochastic Processes, 1965, section 5.7). A request meets what an outside observer does.

    >>> one = np.ones(1)
    >>> round(float(full_chance(np.float64(0.5), full_chances(one, one, 0.0, 0.0))), 3)  # M/M/1
    0.5
    """
    departures = np.log(sequences / steps)
    ratios = np.cumsum((departures - departures[-1])[::-1])  # from all places taken downwards
    spread = bunching(FULL_USES * prompts / (1 + prompts), cv2)
    logs = np.log(FULL_USES / (1 + prompts * (1 - FULL_USES)))  # of arrivals over departures, between prompts
    terms = (ratios - logs[:, None] * np.arange(1.0, len(ratios) + 1)) / spread[:, None]
    beyond = -np.log(np.maximum(1 - FULL_USES, LEAST))  # a queue for places falls off as a power of the use
    every = np.concatenate((terms, beyond[:, None]), axis=1)
    most = every.max(1)
    found: Array = beyond - most - np.log(np.exp(every - most[:, None]).sum(1))
    return found


def full_chance(use: Number, chances: Array) -> Any:
    """Share of requests that find all places taken, at a ``use`` of the largest rate, from `full_chances`."""
    return np.exp(np.interp(np.log(np.maximum(use, FULL_USES[0])), np.log(FULL_USES), chances))


def place_wait(use: Number, places: int, place: Number, cv2: Number) -> Any:
    """Mean wait of those that find all places taken, of which one is free every ``place`` seconds.  [s]

    That of one server as fast as all places, times half of what lengths vary: Allen and Cunneen (Allen, Probability,
    Statistics and Queueing Theory, 1990, section 5.2.4). Lengths that are alike wait longer at many places, by up to
    24 % (Whitt, Approximations for the GI/G/m queue, Production and Operations Management 2(2), 1993, eq. 2.14, after
    Cosmetatos).

    >>> [float(place_wait(0.5, 1, 1.0, cv2)) for cv2 in (1.0, 0.0)]  # M/M/1, M/D/1
    [2.0, 1.0]
    """
    many = (places - 1) * (np.sqrt(4 + 5 * places) - 2) / (16 * places)
    alike = np.minimum(0.24, many * (1 - use) / use) * np.maximum(1 - cv2, 0.0)
    return place / (1 - use) * (1 + cv2) / 2 * (1 + alike)


def sequences_spread(rate: Number, grows: Number, bunched: Number) -> Any:
    """Standard deviation of the sequences that decode, of what a request meets on average while it decodes.

    Near where they settle, departures grow by ``grows`` per second with each sequence more: a variance of
    ``rate / grows``, that of M/M/inf where nothing is shared. A stay sees the mean over its own time, which two moments
    of it share in part (M/D/inf: correlation ``1 - t / stay``): 2/3 of that variance. Both: Cox and Miller, The Theory
    of Stochastic Processes (1965), sections 4.4 and 7.4. It grows by `bunching`.

    >>> round(float(sequences_spread(6.0, 1.0, 1.0)), 6)
    2.0
    """
    return np.sqrt(rate / grows * (2 / 3) * bunched)


class Wait(NamedTuple):
    """A wait as a sum of independent parts, of which the transform of the sum is the product.

    Prompts are gamma variables. Those that run one by one are a queue (Pollaczek and Khinchine), those that run in the
    same step are as many as come at random; a place is waited for as long as an exponential variable, by those that
    find none. Times in seconds, each [n].
    """

    sure: Number  # beside the prompt
    prompt: Number = 0.0  # that each prompt takes
    cv2: Number = 0.0  # of those times
    use: Number = 0.0  # share of the time in which prompts run one by one
    others: Number = 0.0  # prompts in the same step, on average
    full: Number = 0.0  # share that finds no place
    place: Number = 0.0  # that those wait on average
    met: Number = 0.0  # share that meets a step
    rest: Number = 0.0  # longest that a step lasts from then; any part of it is as likely

    @property
    def mean(self) -> Any:
        """The mean wait.  [s]"""
        prompts = self.prompt * (1 + self.others) + queue_wait(self.use, self.prompt, self.cv2)
        return self.sure + prompts + self.full * self.place + self.met * self.rest / 2

    def transform(self, s: Any) -> Any:
        """``E[exp(-s W)]`` of what is beyond ``sure`` and the shortest prompt, for complex s  [k, n]."""
        prompt, rest = s * np.maximum(self.prompt, LEAST), s * np.maximum(self.rest, LEAST)
        cv2 = np.maximum(self.cv2, 1e-6)
        one = (1 + prompt * cv2) ** (-1 / cv2)
        queue = (1 - self.use) / (1 - self.use * (1 - one) / prompt)  # each is what is left of one that runs
        same = np.exp(self.others * (one - 1)) * np.where(self.cv2 > 0, one, 1.0)
        place = 1 - self.full + self.full / (1 + s * self.place)
        return queue * same * place * (1 - self.met + self.met * -np.expm1(-rest) / rest)

    def above(self, seconds: Number) -> Any:
        """Share of requests that wait longer, beyond what all take.  ``seconds`` above 0

        Abate and Whitt, Numerical inversion of Laplace transforms of probability distributions, ORSA Journal on
        Computing 7(1), 1995: their algorithm EULER, within 1e-7 where the share is smooth.

        >>> round(float(Wait(0.0, full=0.5, place=1.0).above(1.0)), 6), round(float(np.exp(-1) / 2), 6)
        (0.18394, 0.18394)
        >>> round(float(Wait(0.0, met=1.0, rest=2.0).above(0.5)), 3)
        0.75
        """
        s = np.multiply.outer(EULER_A / 2 + 1j * np.pi * np.arange(len(EULER)), 1 / np.asarray(seconds))
        parts = ((1 - self.transform(s)) / s).real
        return np.exp(EULER_A / 2) / seconds * sum_in_order([w * part for w, part in zip(EULER, parts, strict=True)])

    def within(self, seconds: Number, percent: float) -> Any:
        """Whether that many of 100 requests wait no longer: what `percentile` finds, asked of one wait.

        >>> [bool(Wait(1.0, full=0.5, place=1.0).within(seconds, 90)) for seconds in (2.6, 2.62, 0.9)]
        [False, True, False]
        """
        rest = seconds - self.shortest
        return (rest > 0) & (self.above(np.where(rest > 0, rest, 1.0)) <= 1 - percent / 100)

    @property
    def shortest(self) -> Any:
        """The wait that every request has, that of its prompt where all are alike.  [s]"""
        return self.sure + np.where(self.cv2 > 0, 0.0, self.prompt)

    def percentile(self, percent: float) -> Any:
        """The wait that that many of 100 requests do not exceed.  [s]

        >>> round(float(Wait(1.0, full=0.5, place=1.0).percentile(90)), 6), round(float(np.log(5)), 6)
        (2.609438, 1.609438)
        """
        beyond, low = 1 - percent / 100, np.zeros(np.shape(self.mean))
        high = (self.mean - self.shortest + LEAST) / beyond  # Markov's inequality: no more of them wait longer
        for _ in range(44):
            middle = (low + high) / 2
            longer = self.above(middle) > beyond
            low, high = np.where(longer, middle, low), np.where(longer, high, middle)
        return self.shortest + high
