"""What devices settle at under load: tables of steps and prompts, and the times and energies that follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.formulas.queueing import (
    STATES,
    Wait,
    bunching,
    full_chance,
    full_chances,
    mean_batch,
    place_wait,
    sequences_at,
    sequences_spread,
    served_rate,
)
from bitnet_cost.formulas.sums import sum_in_order
from bitnet_cost.inputs.load import Load
from bitnet_cost.told import Array

NOMINAL = 1  # of low, nominal and high
FIRST = 6  # batches up to which work bends most
START = 20  # knots up to there


class Prefill(NamedTuple):
    """Devices of a copy that only take prompts in, and hand their cache on."""

    workers: int  # that each take one prompt at a time
    prompt_s: float
    moved_s: float  # of the cache, to the devices that decode
    waiting_w: Array  # of all of them while nothing runs  [bound]


class Between(NamedTuple):
    """Two knots of sequences between which all tables are straight lines, and a settled number of them is sought."""

    low: Array
    high: Array
    work: Array  # at the low one: seconds that all of them need for a request's steps, those of its prompt for each
    bend: Array  # of work over sequences
    curve: Array  # of the parabola that work is as well in the middle


class Lines(NamedTuple):
    """Tables between two of their batches: what they are at the first, and what each sequence more adds.  [2, ...]"""

    first: Array
    step_s: Array
    prompt_s: Array
    step_j: Array  # [bound, 2, ...]
    prompt_j: Array

    def at(self, line: Array, batch: Array) -> Array:
        """A table at a batch."""
        found: Array = line[0] + line[1] * (batch - self.first)
        return found


class Knots(NamedTuple):
    """Numbers of sequences between which all tables are straight lines: what they take, and what they are brought by.

    Of several loads side by side, with as many places, the first axis of all but ``sequences`` and ``starts``.
    """

    sequences: Array  # [m]
    starts: NDArray[np.intp]  # where the lines of each stretch between two of them begin among the batches  [m - 1]
    work: Array  # [..., m]
    rates: Array  # [..., m]
    bends: Array  # [..., m - 1]
    curves: Array  # half the second derivative of work, as its middle tells  [..., m - 1]


@dataclass(frozen=True, eq=False)
class Pace:
    """What a step takes at each batch, and what a prompt adds: all that the queue needs of the engine.

    Several loads may stand side by side: tables then have an axis of loads before the last, figures are ``[load, 1]``,
    and properties of a single one are not theirs.
    """

    load: Load
    inside: bool  # prompts run in the steps of others, else alone between them
    places: int  # most sequences of a step
    batches: Array  # mean sequences in a step, [k]
    step_s: Array  # [k]
    step_j: Array  # [bound, k]
    prompt_s: Array  # what a prompt adds while others decode, [k]
    prompt_j: Array  # [bound, k]
    alone_s: float  # a prompt where nothing decodes
    alone_j: Array  # [bound]
    waiting_w: Array  # of all devices while nothing runs, in scopes that hold it  [bound]
    prefill: Prefill | None = None  # prompts are taken in elsewhere, and add nothing to the steps

    def of(self, number: int, load: Load, places: int) -> Pace:
        """The pace of one of several side by side, which has as many places or fewer."""
        k = int(np.searchsorted(self.batches, places)) + 1
        step_s, step_j, prompt_s, prompt_j = (
            table[..., number, :k] for table in (self.step_s, self.step_j, self.prompt_s, self.prompt_j)
        )
        alone: Any = self.alone_s
        return Pace(
            load, self.inside, places, self.batches[:k], step_s, step_j, prompt_s, prompt_j,
            float(alone[number, 0]), self.alone_j[:, number, 0], self.waiting_w,
        )  # fmt: skip

    def at(self, table: Array, batch: Array) -> Array:
        """A row of the table at some batches: a batch is a whole number at any time, its mean lies between two."""
        at = np.clip(np.searchsorted(self.batches, batch) - 1, 0, max(len(self.batches) - 2, 0))
        start, each = self.line(table, at)
        found: Array = start + each * (batch - self.batches[at])
        return found

    def line(self, table: Array, starts: NDArray[np.intp], loads: Any = ...) -> Array:
        """A table from some of its batches on, as far as the next: what it is there, and what each sequence more adds.

        Of all loads that stand side by side, or of one for each of ``starts``.  [2, ..., n]
        """
        first = table[loads, starts]
        if len(self.batches) == 1:
            return np.stack((first, 0 * first))
        apart = self.batches[starts + 1] - self.batches[starts]
        return np.stack((first, (table[loads, starts + 1] - first) / apart))

    def lines(self, starts: NDArray[np.intp]) -> Lines:
        """All tables from some of their batches on."""
        times = (self.line(table, starts) for table in (self.step_s, self.prompt_s))
        joules = (np.stack([self.line(row, starts) for row in rows]) for rows in (self.step_j, self.prompt_j))
        return Lines(self.batches[starts], *times, *joules)

    def prompt_at(self, sequences: Array, batch: Array) -> Array:
        """Seconds that a prompt adds: in part of the time it finds none that decodes.  [n]"""
        with_others = sequences / batch
        return with_others * self.at(self.prompt_s, batch) + (1 - with_others) * self.alone_s

    def token_s(self, sequences: Array) -> Array:
        """Seconds per token with a number of sequences, at the rate that keeps them; see `served_rate`."""
        batch = mean_batch(sequences, self.places)
        prompts = sequences * self.prompt_at(sequences, batch) / self.load.steps
        token: Array = self.at(self.step_s, batch) + prompts
        return token

    def departures_grow(self, sequences: Array) -> Array:
        """Requests per second more that are done with one sequence more.  [1/s]"""
        ends = np.maximum(sequences * 0.9 - 0.1, 1e-6), np.maximum(sequences * 1.1 + 0.1, 2e-6)
        low, high = (each / (self.load.steps * self.token_s(each)) for each in ends)
        grows: Array = np.maximum((high - low) / (ends[1] - ends[0]), 1e-12)
        return grows

    @cached_property
    def decoded_rate(self) -> float:
        """The rate at which all places are taken.  [1/s]"""
        return float(served_rate(float(self.places), self.load.steps, self.step_s[-1], self.prompt_s[-1]))

    @cached_property
    def largest(self) -> float:
        """The largest stable rate of one copy: all places taken, or no time without prompts.  [1/s]"""
        prefill = self.prefill
        return self.decoded_rate if prefill is None else min(self.decoded_rate, prefill.workers / prefill.prompt_s)

    @property
    def place_s(self) -> float:
        """Seconds after which another place is free where all are taken: a prompt inside a step keeps one as well."""
        return 1 / self.decoded_rate + (float(self.step_s[-1]) / self.places if self.inside else 0.0)

    @property
    def work_cv2(self) -> float:
        """What the work of requests varies by: their prompts and answers do so each on its own."""
        prompts = self.decoded_rate * float(self.prompt_s[-1])
        return self.load.cv2 * (prompts**2 + (1 - prompts) ** 2)

    @cached_property
    def full(self) -> Array:
        """How often requests find all places taken: `full_chances`."""
        late = np.arange(max(1, self.places - STATES), self.places + 1.0)
        steps = float(max(self.load.steps, 1) * self.step_s[-1])
        prompts = self.places * float(self.prompt_s[-1]) / steps
        return full_chances(late, self.at(self.step_s, late), prompts, self.load.cv2)

    @cached_property
    def knots(self) -> Knots:
        """What the fixed point is found between."""
        ends = sequences_at(self.batches, self.places)
        sequences = np.unique(np.concatenate((np.linspace(0.0, ends[:FIRST].max(), START), ends, [float(self.places)])))
        middles = (sequences[:-1] + sequences[1:]) / 2
        work, middle = (self._work(each) for each in (sequences, middles))
        starts = np.clip(np.searchsorted(ends, sequences[:-1], side="right") - 1, 0, max(len(self.batches) - 2, 0))
        rates = np.maximum.accumulate(sequences / work, axis=-1)
        apart = np.diff(sequences)
        curves = 2 * (work[..., :-1] - 2 * middle + work[..., 1:]) / apart**2
        return Knots(sequences, starts, work, rates, np.diff(work) / apart, curves)

    def _work(self, sequences: Array) -> Array:
        """Seconds that all of some sequences need for a request's steps, and those of its prompt for each."""
        batch = mean_batch(sequences, self.places)
        found: Array = self.load.steps * self.at(self.step_s, batch) + sequences * self.prompt_at(sequences, batch)
        return found


@dataclass(frozen=True, eq=False)
class Steady:
    """What the devices of one copy settle at for each rate. Each [n]; a figure is calculated where it is read."""

    pace: Pace
    rate: Array  # served: at most the largest
    late: NDArray[np.bool_]  # rates at which no queue ends
    sequences: Array  # that decode, on average over all time
    lines: Lines  # of the tables there

    @cached_property
    def batch(self) -> Array:
        """Sequences in a step."""
        found: Array = mean_batch(self.sequences, self.pace.places)
        return found

    @cached_property
    def step_s(self) -> Array:
        """A step at the batch."""
        return self.lines.at(self.lines.step_s, self.batch)

    @cached_property
    def prompt_s(self) -> Array:
        """What a prompt adds."""
        with_others = self.lines.at(self.lines.prompt_s, self.batch)
        found: Array = self.decoding * with_others + (1 - self.decoding) * self.pace.alone_s
        return found

    @cached_property
    def stretch(self) -> Array:
        """Share of the time that steps have for themselves."""
        return 1 - self.rate * self.prompt_s

    @cached_property
    def decoding(self) -> Array:
        """Share of the time between prompts in which sequences decode."""
        return self.sequences / self.batch

    @cached_property
    def busy(self) -> Array:
        """Share of the time in which something runs."""
        return 1 - self.stretch * (1 - self.decoding)

    @cached_property
    def tpot_s(self) -> Array:
        """Mean time per token after the first."""
        return self.step_s / np.where(self.stretch > 0, self.stretch, np.nan)

    # --- energy of a request ---

    def _parts(self, bound: int) -> dict[str, Array]:
        """Prompt, steps, and its share of the time without work.  [J]"""
        pace, none = self.pace, 1 - self.decoding
        inside = self.lines.at(self.lines.prompt_j[bound], self.batch)
        waiting = pace.waiting_w[bound] * ((1 - self.busy) / self.rate)
        if pace.prefill is not None:
            working = self.rate * pace.prefill.prompt_s / pace.prefill.workers
            waiting = waiting + pace.prefill.waiting_w[bound] * ((1 - working) / self.rate)
        return {
            "prompt": self.decoding * inside + none * pace.alone_j[bound],
            "steps": self.lines.at(self.lines.step_j[bound], self.batch) * (pace.load.steps / self.batch),
            "waiting": waiting,
        }

    @cached_property
    def nominal(self) -> dict[str, Array]:
        """Its parts at nominal prices.  [J]"""
        return self._parts(NOMINAL)

    @cached_property
    def joules(self) -> Array:
        """Their sum.  [J]"""
        return sum_in_order(list(self.nominal.values()))

    @cached_property
    def parts_j(self) -> dict[str, Array]:
        """The parts at low, nominal and high prices.  [bound, n] each"""
        bounds = [self._parts(0), self.nominal, self._parts(2)]
        return {name: np.stack([part[name] for part in bounds]) for name in self.nominal}

    @cached_property
    def energy_j(self) -> Array:
        """Their sum.  [bound, n]"""
        return sum_in_order(list(self.parts_j.values()))

    # --- the first token ---

    @cached_property
    def wait(self) -> Wait:
        """Of which the time to the first token is the mean."""
        pace, rate = self.pace, self.rate
        own = self._elsewhere() if pace.prefill else self._inside() if pace.inside else self._alone()
        use, place = rate / pace.decoded_rate, pace.place_s
        with np.errstate(divide="ignore", invalid="ignore"):
            # The largest rate is that of steps and prompts: a place that is kept for longer is never sooner at its end.
            use = np.minimum(rate * place, (1 + use) / 2)
            until_free = place_wait(use, pace.places, place, pace.work_cv2)
            return own._replace(full=full_chance(use, pace.full), place=until_free)

    def _alone(self) -> Wait:
        """Where prompts run one by one between steps.

        A prompt waits for those before it, and where any decodes for half a step, be it that which runs when it comes,
        be it one that those before it waited for (an M/G/1 queue whose server takes vacations: Levy and Yechiali,
        Management Science 22(2), 1975; Fuhrmann and Cooper, Operations Research 33(5), 1985).
        """
        use = self.rate * self.prompt_s
        return Wait(0 * use, self.prompt_s, self.pace.load.cv2, use=use, met=self.decoding, rest=self.step_s)

    def _elsewhere(self) -> Wait:
        """Where other devices take prompts in: their queue, the prompt, its cache moved."""
        prefill = self.pace.prefill
        if prefill is None:
            return Wait(np.zeros_like(self.rate))
        use = self.rate / prefill.workers * prefill.prompt_s
        return Wait(prefill.moved_s + 0 * use, prefill.prompt_s, self.pace.load.cv2, use=use)

    def _inside(self) -> Wait:
        """Where prompts run in the next step: what is left of this one, and the next whole.

        Steps with prompts are longer and more often met; the next holds the prompts that came while this one ran.
        """
        rate, prompt, met, cv2 = self.rate, self.prompt_s, self.decoding, self.pace.load.cv2
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.step_s / self.stretch
            spread = rate * mean * prompt**2 * (1 + cv2)  # variance of a step: prompts in it come at random
            longer = mean + spread / mean  # of a step that is met
        own = (1 - met) * self.pace.alone_s + met * prompt
        return Wait(met * self.step_s, own, cv2, others=met * rate * longer, met=met, rest=longer)

    @cached_property
    def ttft_s(self) -> Array:
        """Mean time to the first token; infinite where a queue grows."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.late, np.inf, self.wait.mean)

    def ttft_of(self, percent: float | None) -> Array:
        """Time to the first token: its mean, or what that many of 100 requests do not exceed.  [n]  [s]"""
        if percent is None:
            return self.ttft_s
        return np.where(self._served, self._settled.percentile(percent), np.inf)

    def ttft_within(self, limit: float, percent: float | None) -> NDArray[np.bool_]:
        """Whether the time to the first token is kept, by its mean or by that many of 100 requests.  [n]"""
        if percent is None:
            return np.asarray(self.ttft_s <= limit)
        return np.asarray(self._served & self._settled.within(limit, percent))

    @property
    def _served(self) -> NDArray[np.bool_]:
        return np.isfinite(self.ttft_s)

    @property
    def _settled(self) -> Wait:
        """The wait where no queue grows, none elsewhere."""
        return Wait(*(np.where(self._served, part, 0.0) for part in self.wait))

    @cached_property
    def spread(self) -> Array:
        """Standard deviation of the sequences that a request meets."""
        pace, rate = self.pace, self.rate
        grow = pace.departures_grow(self.sequences) if pace.load.steps else np.inf
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Array = sequences_spread(rate, grow, bunching(rate * self.prompt_s, pace.load.cv2))
        return found

    def tpot_of(self, percent: float | None) -> Array:
        """Time per token, likewise: each request's is one mean, at the sequences it meets.  [n]  [s]

        Those spread as a normal variable, and are limited by the places.
        """
        pace = self.pace
        if percent is None or not pace.load.steps:
            return self.tpot_s
        met = self.sequences + NormalDist().inv_cdf(percent / 100) * self.spread
        there = pace.token_s(np.clip(met, 0.0, float(pace.places)))
        return self.tpot_s * there / pace.token_s(self.sequences)
