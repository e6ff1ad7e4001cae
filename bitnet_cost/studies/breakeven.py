"""When one precision saves a given amount against another: batch, context, and shares of the energy.

Each answer has its range: over draws of what measured runs were off by, of which both precisions share a part, or where
none were measured of every price, the same for both, with time held; and with every figure at one end, prices low and
time fast, or prices high and time slow, again the same for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import get_args

import numpy as np

from bitnet_cost.engine.breakeven import Curve, crossings, first_beyond, middle_and_tails, share_at, shares_at
from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.estimate import against, evaluate
from bitnet_cost.engine.fit import fit
from bitnet_cost.engine.uncertainty import at_end, drawn_energies
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.savings import saved
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.answers import Crossing, Turning
from bitnet_cost.ledger.intervals import is_measured
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import brief, change_words, digits, with_commas
from bitnet_cost.readers import catalog, machines
from bitnet_cost.told import Array
from bitnet_cost.words import BreakEvenAxis, Distribution

Parts = dict[str, Array]  # energy of static power, of memory, and of the rest
MOST_DRAWS = 10_000
MOST = {"batch": 4096, "context": 131_072}  # on a technology node, which has no memory to fill


@dataclass(frozen=True)
class Draws:
    """How the ranges of a crossing are drawn."""

    count: int = 1000
    seed: int = 0
    distribution: Distribution = "triangular"

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_DRAWS:  # of a whole curve each
            raise BitnetCostError(f"draws: {self.count} is not a whole number from 1 to {MOST_DRAWS}")

    def energies(self, results: Sequence[Result]) -> list[dict[str, Array]]:
        """Energies of results over the draws; see `drawn_energies`."""
        return drawn_energies(results, self.count, self.seed, self.distribution)


@dataclass(frozen=True)
class Question:
    """Two precisions on one device with one runtime, and the saving that is wanted of the first."""

    pair: tuple[Scenario, Scenario]  # alike but for their precision
    wanted: float
    draws: Draws

    @property
    def where(self) -> tuple[str, str | None]:
        """Names of the hardware and of its runtime."""
        asked = self.pair[0]
        return asked.hardware.name, asked.runtime.runtime if asked.runtime else None

    @property
    def names(self) -> tuple[str, str]:
        """Names of the two precisions."""
        return self.pair[0].precision.name, self.pair[1].precision.name

    @cached_property
    def ends(self) -> list[list[Scenario]]:
        """The scenario of each precision with every figure low and fast, then high and slow."""
        least = self.results(replace(self.workload, batch=1, prompt=1), self.pair)
        return [[at_end(r, way) for r in least] for way in ("fast", "slow")]

    @property
    def workload(self) -> Workload:
        """The work asked for."""
        return self.pair[0].workload

    def results(self, workload: Workload, pair: Sequence[Scenario]) -> list[Result]:
        """Both precisions at a workload, which may be a grid."""
        counts = count_ops(pair[0].model, workload)
        return [evaluate(asked.but(workload=workload), counts=counts) for asked in pair]

    def along(self, axis: BreakEvenAxis, values: Array) -> Workload:
        """The workload with other batches, or other lengths of its prompt."""
        return replace(self.workload, batch=values) if axis == "batch" else replace(self.workload, prompt=values)

    def savings(self, axis: BreakEvenAxis, pair: Sequence[Scenario]) -> Callable[[Array], Array]:
        """The saving along an axis, NaN where either has no energy."""

        def saving(values: Array) -> Array:
            results = self.results(self.along(axis, values), pair)
            found = against(results[0], results[1]).saving
            return np.full(values.shape, np.nan) if found is None else np.asarray(found[1], dtype=np.float64)

        return saving

    def turning(self, nominal: float, drawn: Array, ends: Sequence[float]) -> Turning:
        """How far an answer moves."""
        d = self.draws
        band, measured = middle_and_tails(drawn), all(map(is_measured, self.results(self.workload, self.pair)))
        return Turning(d.count, d.seed, d.distribution, nominal, band, (ends[0], ends[1]), measured)


def runtimes_of(hardware: Hardware, asked: Sequence[str]) -> list[str | None]:
    """Runtimes to answer for: those asked for, 'all' that run models on its class, else its own; [None] for a node."""
    if not hardware.has_clock:
        return [None]
    if "all" not in asked:
        return [*asked] or [hardware.runtime]
    of_class = [n for n in catalog.names("runtime") if n.endswith(f"-{hardware.device_class}")]
    return [r.runtime for n in of_class if not (r := catalog.entry("runtime", n, RuntimeProfile)).products_alone]


def find(
    asked: Scenario, baseline: Precision, *, wanted: float, axes: Sequence[BreakEvenAxis] = get_args(BreakEvenAxis),
    runtimes: Sequence[str] = (), draws: Draws | None = None,
) -> list[Crossing]:  # fmt: skip
    """Where the saving crosses what is wanted along each axis, with each runtime, and the shares that would do it.

    Raises:
        BitnetCostError: a precision against itself, a wanted saving that is none, a missing price, absurd draws.
    """
    if asked.precision.name == baseline.name:
        raise BitnetCostError(f"baseline: {baseline.name!r} saves nothing against itself; choose another --baseline")
    if not -10 <= wanted < 1:
        raise BitnetCostError(f"saving: {brief(100 * wanted)} % is not a saving; expected a number below 100")
    axes = [axis for axis in axes if not (asked.model.bidirectional and axis == "context")]
    if not axes:
        raise BitnetCostError(f"axis: {asked.model.name} is an encoder, which keeps no context; ask --axis batch")
    found = []
    for name in runtimes_of(asked.hardware, runtimes):
        device, software = machines.setting(asked.hardware, name)
        first = asked.but(hardware=device, runtime=software)
        question = Question((first, first.but(precision=baseline)), wanted, draws or Draws())
        crossings_here = [*(_along(question, axis) for axis in axes), *_shares(question)]
        found += [replace(crossing, software=software) for crossing in crossings_here]
    return found


def _along(asked: Question, axis: BreakEvenAxis) -> Crossing:
    high = MOST[axis]
    if asked.pair[0].runtime is not None:
        fits = [fit(each) for each in asked.pair]
        high = min(f.batch if axis == "batch" else f.positions for f in fits)
        if axis == "context":
            high = min(high, 1_000_000)
        if high < 1:
            without = [f.result.precision.name for f in fits if not (f.batch if axis == "batch" else f.positions)]
            why = f"{without[0]} does not fit" if len(without) == 1 else "neither precision fits"
            return Crossing(*asked.where, axis, asked.wanted, (), why, (), (), "footprint")
    curve = crossings(asked.savings(axis, asked.pair), 1, high, asked.wanted)
    at = tuple(float(c[2]) for c in curve.crossings)
    method = "brackets on whole numbers" + ("" if curve.rising or curve.falling else "; the curve is not monotone")
    turning = None if np.all(np.isnan(curve.values)) else _turning(asked, axis, curve, high)
    found = Crossing(
        *asked.where, axis, asked.wanted, at, "", tuple(curve.at.tolist()),
        tuple(curve.values.tolist()), method, turning=turning,
    )  # fmt: skip
    return replace(found, verdict=_verdict(found, asked.names))


def _turning(asked: Question, axis: BreakEvenAxis, curve: Curve, high: int) -> Turning:
    """How far the first crossing of a curve moves; of a curve without one, whether there is one in a draw."""
    falling = not curve.crossings or curve.crossings[0][3] < curve.crossings[0][1]

    def first(found: Curve) -> float:
        return float(first_beyond(found.at, found.values[None], asked.wanted, falling=falling)[0])

    ends = [first(crossings(asked.savings(axis, end), 1, high, asked.wanted)) for end in asked.ends]
    results = asked.results(asked.along(axis, curve.at), asked.pair)
    new, old = (sum(parts.values()) for parts in asked.draws.energies(results))
    drawn = np.where(np.isnan(curve.values), np.nan, saved(new, old))
    return asked.turning(first(curve), first_beyond(curve.at, drawn, asked.wanted, falling=falling), ends)


def _verdict(found: Crossing, pair: tuple[str, str]) -> str:
    """Where the saving is what is wanted, with the savings on both sides of the first crossing."""
    if found.turning is None:
        return f"{pair[0]} or {pair[1]} has no energy"
    text = f"{pair[0]} needs {amount(found.wanted)} {pair[1]} {reach(found)}"
    if not found.at:
        known = [value for value in found.saving if not math.isnan(value)]
        return f"{text} ({change_words(-max(known))} to {change_words(-min(known))})"
    at = found.axis_values.index(found.at[0])
    change = [change_words(-found.saving[i]) for i in (at - 1, at)]
    if change[0] == change[1]:
        return text
    sides = [f"{words} at {with_commas(found.axis_values[i])}" for words, i in zip(change, (at - 1, at), strict=True)]
    return f"{text} ({', '.join(sides)})"


def amount(wanted: float) -> str:
    """What is wanted of the energy, in words before the name of the baseline.

    >>> amount(0.5), amount(0), amount(-0.2), amount(-5)  # doctest: +NORMALIZE_WHITESPACE
    ('at least 50% less energy than', 'at most as much energy as', 'at most 20% more energy than',
     'at most 6 times the energy of')
    """
    if wanted > 0:
        return f"at least {brief(100 * wanted)}% less energy than"
    if wanted <= -1:
        return f"at most {brief(1 - wanted)} times the energy of"
    return f"at most {brief(-100 * wanted)}% more energy than" if wanted else "at most as much energy as"


def _claimed(wanted: float) -> str:
    return f"'{change_words(-wanted)} energy'" if wanted else "'no more energy'"


def spans(found: Crossing) -> list[tuple[float, float]]:
    """From where to where along its axis a saving is what is wanted: first and last whole number of each stretch."""
    first, last = found.axis_values[0], found.axis_values[-1]
    known = next(value for value in found.saving if not math.isnan(value))
    ends = [first, *found.at] if known >= found.wanted else list(found.at)
    ends += [last + 1] if len(ends) % 2 else []
    return [(start, end - 1) for start, end in zip(ends[::2], ends[1::2], strict=True)]


def reach(found: Crossing) -> str:
    """Where along its axis a saving is what is wanted, in words.

    >>> def along(axis, at, saving):
    ...     return Crossing("x", None, axis, 0.5, at, "", (1.0, 4.0, 9.0), saving, "")
    >>> reach(along("batch", (), (0.6, 0.6, 0.6))), reach(along("batch", (), (0.1, 0.1, 0.1)))
    ('at every batch up to 9', 'at no batch up to 9')
    >>> reach(along("batch", (4.0,), (0.6, 0.4, 0.4))), reach(along("context", (4.0,), (0.1, 0.6, 0.6)))
    ('up to batch 3', 'from prompts of 4 tokens on')
    """
    most, tokens = with_commas(found.axis_values[-1]), "" if found.axis == "batch" else " tokens"
    one, some = ("batch", "batch") if found.axis == "batch" else ("prompt", "prompts of")
    stretches = spans(found)
    if not stretches:
        return f"at no {one} up to {most}{tokens}"
    (start, end), *more = stretches
    if more:
        each = [f"{with_commas(a)} to {with_commas(b)}" if a < b else with_commas(a) for a, b in stretches[:3]]
        rest = f", and {len(stretches) - 3} stretches more" if len(stretches) > 3 else ""
        return f"at {some} {', '.join(each[:-1])} and {each[-1]}{tokens}{rest}"
    if start == found.axis_values[0]:
        whole = end == found.axis_values[-1]
        return f"at every {one} up to {most}{tokens}" if whole else f"up to {some} {with_commas(end)}{tokens}"
    if end == found.axis_values[-1]:
        return f"from {some} {with_commas(start)}{tokens} on"
    return f"at {some} {with_commas(start)} to {with_commas(end)}{tokens}"


def _shares(asked: Question) -> list[Crossing]:
    """Shares of the baseline's energy, at the workload asked for, that would make the saving what is wanted."""
    results = asked.results(asked.workload, asked.pair)
    if not all(r.has_energy for r in results):
        return []
    new, old = (_parts(r) for r in results)
    energies = asked.draws.energies(results)
    drawn = [
        _grouped(r, {name: energy[:, 0] for name, energy in parts.items()})
        for r, parts in zip(results, energies, strict=True)
    ]
    ends = [[_parts(r) for r in asked.results(asked.workload, end)] for end in asked.ends]
    whole_saved = float(_saved(new, old))
    where, wanted, pair = asked.where, asked.wanted, asked.names
    found = []
    for part in ("static", "memory"):
        whole = float(sum(old.values()))
        if not old[part] or old[part] >= whole * (1 - 1e-12):  # no part, or the whole: nothing to trade
            continue
        own, rest = (float(x) for x in _split(part, new, old))
        now = float(old[part]) / whole
        share = share_at(wanted, own, rest)
        solved = "at no share" if share is None else f"at a share of {digits(100 * share, 3)}%"
        text = (
            f"{part} is {digits(100 * now, 3)}% of {pair[1]}'s energy and needs {change_words(-own)}, the rest"
            f" {change_words(-rest)}: the whole needs {change_words(-wanted)} {solved}"
        )
        turning = asked.turning(
            float(shares_at(wanted, *_split(part, new, old))),
            shares_at(wanted, *_split(part, drawn[0], drawn[1])),
            [float(shares_at(wanted, *_split(part, end[0], end[1]))) for end in ends],
        )
        found.append(Crossing(*where, f"{part} share", wanted, () if share is None else (share,), text,
                              (0.0, 1.0), (rest, own), "closed form", now, turning))  # fmt: skip
    stays = share_at(wanted, 0.0, whole_saved) if whole_saved > 0 else None
    if stays is None:
        text = _unmet(wanted, whole_saved, pair, found)
    else:
        text = (
            f"{_claimed(wanted)} holds while at most {digits(100 * stays, 3)}% of {pair[1]}'s energy"
            f" does not shrink and the rest needs the modelled {change_words(-whole_saved)}"
        )
    turning = asked.turning(
        float(_staying(wanted, _saved(new, old))),
        _staying(wanted, _saved(drawn[0], drawn[1])),
        [float(_staying(wanted, _saved(end[0], end[1]))) for end in ends],
    )
    found.append(
        Crossing(*where, "share that stays", wanted, () if stays is None else (stays,), text, (0.0, 1.0),
                 (whole_saved, 0.0), "closed form: 1 - wanted / modelled", turning=turning)
    )  # fmt: skip
    return found


def _unmet(wanted: float, modelled: float, pair: tuple[str, str], parts: Sequence[Crossing]) -> str:
    """A claim above what the model saves: false even where everything scales, true with other shares if there are."""
    text = f"{_claimed(wanted)} does not hold here: {pair[0]} needs {change_words(-modelled)} where all of"
    text += f" {pair[1]}'s energy shrinks as modelled; "
    other = [
        f"a {c.axis} of {digits(100 * c.at[0], 3)}% instead of {digits(100 * (c.now or 0.0), 3)}%"
        for c in parts
        if c.at
    ]
    return text + (
        f"it would with {' or '.join(other)}" if other else "no share of static power or memory makes it true"
    )


def _parts(result: Result) -> Parts:
    """Nominal energy of a point by static, memory and the rest.  [J]"""
    return _grouped(result, {name: values[1, 0] for name, values in result.by_component.items()})


def _grouped(result: Result, components: Mapping[str, Array]) -> Parts:
    found: Parts = dict.fromkeys(("static", "memory", "work"), np.zeros(()))
    for name, energy in components.items():
        part = "static" if name == "static" else "memory" if name in result.hardware.hierarchy else "work"
        found[part] = found[part] + energy
    return found


def _saved(new: Parts, old: Parts) -> Array:
    found: Array = saved(sum(new.values(), np.zeros(())), sum(old.values(), np.zeros(())))
    return found


def _split(part: str, new: Parts, old: Parts) -> tuple[Array, Array]:
    """What a part saves, and what the rest does."""
    rest = [sum((e for name, e in energies.items() if name != part), np.zeros(())) for energies in (new, old)]
    return saved(new[part], old[part]), saved(*rest)


def _staying(wanted: float, modelled: Array) -> Array:
    """The share that may stay for a claim to be true; below 0 where none may."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = np.where(modelled > 0, saved(wanted, modelled), -np.inf)
    return found
