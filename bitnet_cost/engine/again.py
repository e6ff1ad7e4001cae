"""Answers to a question that is asked again, of other numbers: by its graph, printed as a function in plain Python.

The graph gives what most readers want: energy by component, phase and operator, time by phase, memory, the saving. All
else that a `Result` holds is the engine's own, which is asked when it is first read. Either is the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from bitnet_cost.engine.asked import Asked, Numbers
from bitnet_cost.engine.estimate import against
from bitnet_cost.engine.trace import WORKLOAD, Trace
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.arrays import Bounds
from bitnet_cost.ledger.counted import Footprint, Timing
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import Array, Node, array, is_told
from bitnet_cost.told.translate import python

READ_AGAIN = 120
"""Breakdowns by operator that the engine makes before a graph of them is worth its time: 30 to 121 take as long."""

Figures = tuple[float, ...]
R = TypeVar("R")


def told(asked: Asked, scenario: Scenario) -> tuple[Result, list[tuple[Node | float, bool]]]:
    """The answer of told numbers to a question, and the conditions on which it holds.

    Raises:
        BitnetCostError: there is no energy.
        TypeError: a formula that cannot be traced.
    """
    trace, questions = Trace(), [scenario]
    if asked.baseline is not None:
        questions.append(scenario.but(precision=asked.baseline))
    results = [trace.priced_at(question, {}, lean=False) for question in questions]
    if not all(result.has_energy for result in results):
        raise BitnetCostError("there is no energy")
    with np.errstate(all="ignore"):
        found = against(*results) if asked.baseline is not None else results[0]
        fitting = [(fits, True) for r in results if r.fits is not None for fits in np.ravel(r.fits).tolist()]
    return found, [*fitting, *trace.graph.guards]


class _Roots:
    """Numbers of a graph, and how what holds them is made of their values."""

    def __init__(self) -> None:
        self.every: list[Node | float] = []

    def maker(self, value: Any) -> Callable[[Figures], Any]:
        """What makes a number or an array, told or not."""
        if not is_told(value):
            return lambda _: value
        first = len(self.every)
        if isinstance(value, Node):
            self.every.append(value)
            return lambda figures: np.float64(figures[first])
        self.every += value.ravel().tolist()
        last, shape = len(self.every), value.shape
        return lambda figures: np.array(figures[first:last]).reshape(shape)

    def by_name(self, values: dict[str, Any]) -> Callable[[Figures], dict[str, Array]]:
        """What makes arrays of one shape by name."""
        names, made = tuple(values), self.maker(array(list(values.values())))
        return lambda figures: dict(zip(names, made(figures), strict=True))


class Printed:
    """A question as a function of its numbers: where the same is decided as of those that it is traced with.

    Raises:
        BitnetCostError: there is no energy.
        TypeError: a formula that cannot be traced.
    """

    def __init__(self, asked: Asked, numbers: Numbers) -> None:
        self.asked, self._traced_at = asked, asked.at(numbers)
        answer, conditions = told(asked, self._traced_at)
        roots, timing = _Roots(), answer.timing
        memory = {each.name: getattr(answer.footprint, each.name) for each in fields(Footprint)}
        self._repeated = {most: roots.maker(bits) for most, bits in memory.pop("repeated").items()}
        self._memory = {name: roots.maker(value) for name, value in memory.items()}
        self.by_component, self.energy_by_phase = map(roots.by_name, (answer.by_component, answer.energy_by_phase))
        self.saving = None if answer.saving is None else roots.maker(answer.saving)
        self.seconds = None if timing is None else roots.maker(timing.by_phase)
        self.phases = () if timing is None else tuple(phase.name for phase in timing.phases)
        self.baseline = answer.baseline
        self._figures = python(roots.every, list(WORKLOAD), conditions)
        self._reads = 0
        self._of_operators: tuple[Callable[..., Figures | None], Callable[[Figures], Array]] | None = None

    def at(self, numbers: Numbers) -> Result | None:
        """The answer at a point; None: something is decided otherwise."""
        figures = self._figures(*map(float, numbers))
        return None if figures is None else _result_at(_Point(self, numbers, figures))

    def footprint(self, figures: Figures) -> Footprint:
        """What is resident."""
        repeated = {most: made(figures) for most, made in self._repeated.items()}
        return Footprint(**{name: made(figures) for name, made in self._memory.items()}, repeated=repeated)

    def by_operator(self, numbers: Numbers) -> Array | None:
        """Energy of each operator; None of the first, of which the engine is to be asked."""
        if self._of_operators is None:
            self._reads += 1
            if self._reads <= READ_AGAIN:
                return None
            answer, conditions = told(self.asked, self._traced_at)
            roots = _Roots()
            made = roots.maker(answer.by_operator)
            self._of_operators = python(roots.every, list(WORKLOAD), conditions), made
        run, made = self._of_operators
        figures = run(*map(float, numbers))
        return None if figures is None else made(figures)


class _Point:
    """Some numbers of a question: figures by its graph, and the engine's answer once it is asked."""

    def __init__(self, of: Printed, numbers: Numbers, figures: Figures) -> None:
        self.of, self.numbers, self.figures = of, numbers, figures

    @cached_property
    def scenario(self) -> Scenario:
        return self.of.asked.at(self.numbers)

    @cached_property
    def engine(self) -> Result:
        return self.of.asked.by_engine(self.scenario)


class _Later:
    """A field that is read of the engine's answer, or of a part of it, when it is first asked for."""

    def __init__(self, name: str, part: str | None) -> None:
        self.name, self.part = name, part

    def __get__(self, one: Any, owner: type) -> Any:
        if one is None:
            return self
        whole = one._point.engine
        found = one.__dict__[self.name] = getattr(getattr(whole, self.part) if self.part else whole, self.name)
        return found


def _plain(one: R) -> R:
    return one


def _of_engine(part: str | None) -> Callable[[type[R]], type[R]]:
    """Fields that are not known are read of the engine's answer. Made of all of them, as by `replace`, it is plain."""

    def completed(made: type[R]) -> type[R]:
        plain = made.__bases__[0]
        for each in fields(plain):
            if each.name not in vars(made):
                setattr(made, each.name, _Later(each.name, part))

        def reduced(one: Any, protocol: Any) -> Any:
            whole = one._point.engine
            return _plain, (getattr(whole, part) if part else whole,)

        made.__new__ = lambda _, *given, **named: plain(*given, **named)  # type: ignore[method-assign]
        made.__reduce_ex__ = reduced  # type: ignore[method-assign]
        made.__name__ = made.__qualname__ = plain.__name__  # it says what it is, not how it was made
        return made

    return completed


@_of_engine("timing")
class RepeatedTiming(Timing):
    """Times of which those of the phases are known before the engine is asked."""

    _point: _Point


def _timing_at(point: _Point) -> Timing | None:
    """The times of a point; None at a technology node."""
    if point.of.seconds is None:
        return None
    made = object.__new__(RepeatedTiming)
    made.__dict__.update(_point=point, names=point.of.phases, by_phase=point.of.seconds(point.figures))
    return made


@_of_engine(None)
class RepeatedResult(Result):
    """A result of which some figures are known before the engine is asked."""

    _point: _Point
    has_energy = True
    shape = ()

    @cached_property
    def scenario(self) -> Scenario:
        """The question."""
        return self._point.scenario

    @cached_property
    def workload(self) -> Workload:
        """The work, no convention left open."""
        return self.scenario.workload.for_kind(self.scenario.model.kind)

    @cached_property
    def footprint(self) -> Footprint:
        """What is resident."""
        return self._point.of.footprint(self._point.figures)

    @cached_property
    def timing(self) -> Timing | None:
        """How long it takes; None at a technology node."""
        return _timing_at(self._point)

    @cached_property
    def by_component(self) -> dict[str, Array]:
        """Energy of each component.  Each [bound, n]  [J]"""
        return self._point.of.by_component(self._point.figures)

    @cached_property
    def energy_by_phase(self) -> dict[str, Array]:
        """Nominal energy of each phase.  Each [n]  [J]"""
        return self._point.of.energy_by_phase(self._point.figures)

    @cached_property
    def by_operator(self) -> Array:
        """Energy of each operator.  [bound, phase, op, n]  [J]"""
        found = self._point.of.by_operator(self._point.numbers)
        return self._point.engine.by_operator if found is None else found


def _result_at(point: _Point) -> Result:
    """The answer at a point."""
    of, made = point.of, object.__new__(RepeatedResult)
    saving = None if of.saving is None else Bounds.of(of.saving(point.figures))
    made.__dict__.update(
        _point=point, baseline=of.baseline, saving=saving, reason=None, quality=of.asked.quality, plain=None
    )
    return made
