"""The engine run on told numbers: the graph of an answer.

What is free is asked for: the numbers of the workload always; with ``figures`` every cited figure of the hardware, the
runtime and the electricity; with ``paths`` those alone that are at them, as `Scenario.at` takes them; with ``shapes``
the factors that a count is made of, so that 96 x 12288 x 12288 is no single number. The graph of all of it explains,
the first evaluates fastest.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from bitnet_cost.engine.estimate import measure, prepare, priced
from bitnet_cost.engine.grid import columns_of, columns_of_step, limits_of_step
from bitnet_cost.engine.operators import operators
from bitnet_cost.engine.training import training_step
from bitnet_cost.engine.training_step import PHASES
from bitnet_cost.engine.uncertainty import levers
from bitnet_cost.inputs.cited import CarbonIntensity, Figure, Input, Source
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware, Interconnect
from bitnet_cost.inputs.scenario import Question, Scenario
from bitnet_cost.inputs.training import TrainingScenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.answers import Lever
from bitnet_cost.ledger.arrays import Basis
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.ledger.record import UNFIT, reason_where_it_fits
from bitnet_cost.ledger.result import Result
from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.numerals import brief, digits
from bitnet_cost.told import Graph, Node, array, named
from bitnet_cost.units import KWH

WORKLOAD = {"batch": "sequence", "prompt": "token", "generate": "token"}
STEP = {"seq": "token", "micro_batch": "sequence", "global_batch": "sequence"}
UNITS = {
    "mac": "MAC", "reduce": "add", "tokens": "token", "pairs": "pair", "passes": "pass", "keys": "position",
    "logits": "position", "experts": "expert",
}  # fmt: skip

ENDS = ("value", "low", "high")  # of a figure

In = TypeVar("In", bound=Input)
Q = TypeVar("Q", bound=Question)


class Swept(NamedTuple):
    """A cell of a sweep as a graph: its columns, and where there are none."""

    graph: Graph
    columns: dict[str, Node | float]
    limits: list[tuple[Node | float, str]]  # what holds of a point that can be computed, and why it cannot elsewhere
    why: str | None = None  # something cannot be computed of points within all limits


@dataclass
class Trace:
    """A graph, and the constants and sources behind its inputs by their names."""

    figures: bool = False
    shapes: bool = False
    paths: tuple[str, ...] = ()
    site: bool = False
    graph: Graph = field(default_factory=Graph)
    constants: dict[str, Lever] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)

    def of(self, result: Result, before: str = "", *, lean: bool = False) -> Result:
        """The question of a result, a single point, asked again of told numbers; ``before`` begins their names.

        ``lean``: without the operators that only count, as in a sweep.
        """
        self.graph.before = before
        architecture, hardware, runtime = result.architecture, result.hardware, result.runtime
        site, ops = result.facility, None
        if self.figures:
            hardware = self._hardware(hardware, result.prices)
            runtime = None if runtime is None else self._cited(runtime, "runtime", runtime.sources)
            site = None if site is None else self._facility(site)
        if self.site and site is not None:
            site = self._surroundings(site)
        if self.shapes:
            if architecture.nominal_parameters is not None:
                nominal = self.graph.input("parameters", architecture.nominal_parameters)
                architecture = architecture.model_copy(update={"nominal_parameters": nominal})
            ops = tuple(self._operator(op) for op in operators(architecture, result.workload.counting))
        workload = self._workload(result.workload.for_kind(architecture.kind))
        asked = result.scenario.but(
            model=architecture, hardware=hardware, runtime=runtime, workload=workload, facility=site
        )
        for path in self.paths:
            asked = asked.at(path, self._at(path, asked.figure(path)))
        lasting = not (self.figures or self.shapes or self.paths)
        ready = prepare(asked, lean=lean and ops is None, lasting=lasting, ops=ops)
        for (_, action), terms in ready.part.folded.items():
            for basis, times in terms:
                if _adds(times):
                    named(times, f"{action} for each of {basis_text(basis)}", "1")
        with np.errstate(all="ignore"):
            told = priced(measure(asked, prepared=ready), ready)
        label(told)
        return told

    def of_step(self, result: TrainingResult) -> TrainingResult:
        """A training step, a single point, taken again with told numbers: of its plan, and every cited figure."""
        asked = result.scenario
        own = {action for action in result.prices if asked.hardware.price(action) is not None}
        plan = asked.plan.with_numbers(**{
            name: self.graph.input(name, float(getattr(asked.plan, name)), unit) for name, unit in STEP.items()
        })  # fmt: skip
        told = asked.but(
            plan=plan, hardware=self._hardware(asked.hardware, own),
            runtime=asked.runtime and self._cited(asked.runtime, "runtime", asked.runtime.sources),
            between=asked.between and self._link(asked.between),
        )  # fmt: skip
        with np.errstate(all="ignore"):
            found = training_step(told, lasting=False)
        label_step(found)
        return found

    def _link(self, link: Interconnect) -> Interconnect:
        """What joins nodes, its figures told."""
        figures = {name: getattr(link, name) for name in ("energy", "bandwidth", "latency")}
        return link.model_copy(update={
            name: self._figure(figure, Lever.of(f"{name} between nodes", figure), None)
            for name, figure in figures.items() if figure is not None
        })  # fmt: skip

    def columns(self, result: Result) -> dict[str, Node | float]:
        """The columns of a sweep, each a number of the graph."""
        return numbers_of(self.of(result, lean=True))

    def swept(self, asked: Scenario, varied: Mapping[str, float]) -> Swept:
        """A cell of a sweep, a single point, asked of told numbers of its workload and for its ``varied`` figures.

        Raises:
            BitnetCostError: see `measure` and `priced`.
            TypeError: a formula that forgets what a number is made of.
        """
        told = self.priced_at(asked, varied)
        fitting = told.has_energy and told.fits is not None
        limits = _numbers([(told.fits, UNFIT)] if fitting else [])
        return Swept(self.graph, numbers_of(told), limits, reason_where_it_fits(told))

    def priced_at(self, asked: Scenario, varied: Mapping[str, float], *, lean: bool = True) -> Result:
        """The answer to a single point with told numbers of its workload and for its ``varied`` figures.

        ``lean``: see `of`.

        Raises:
            BitnetCostError: see `measure` and `priced`.
            TypeError: a formula that forgets what a number is made of.
        """
        asked = asked.but(workload=self._workload(asked.workload.for_kind(asked.model.kind)))
        asked = self._varied(asked, varied)
        ready = prepare(asked, lean=lean, lasting=not varied)
        with np.errstate(all="ignore"):
            return priced(measure(asked, prepared=ready), ready)

    def swept_steps(self, asked: TrainingScenario, varied: Mapping[str, float]) -> Swept:
        """The same of training steps whose plan has told numbers.

        Raises:
            BitnetCostError: see `training_step`.
            TypeError: a formula that forgets what a number is made of.
        """
        with np.errstate(all="ignore"):
            told = training_step(self._varied(asked, varied), lasting=not varied)
            columns = {name: np.ravel(values)[0] for name, values in columns_of_step(told).items()}
            return Swept(self.graph, columns, _numbers(limits_of_step(told)))

    def _varied(self, asked: Q, varied: Mapping[str, float]) -> Q:
        """A question whose figures at some paths are inputs."""
        for path, value in varied.items():
            if not asked.lacks(path):
                asked = asked.at(path, np.array([value]))
                told = array([self.graph.input(path, value)])
                asked = asked.at(path, asked.figure(path).model_copy(update=dict.fromkeys(ENDS, told)))
        return asked

    # -- inputs --

    def _workload(self, asked: Workload) -> Workload:
        numbers = zip(WORKLOAD.items(), asked.flat(), strict=True)
        told = (array([self.graph.input(name, float(value[0]), unit)]) for (name, unit), value in numbers)
        return asked.with_numbers(*told)

    def _figure(self, figure: Figure, lever: Lever, source: Source | None) -> Figure:
        """A figure whose numbers are inputs, listed among the constants."""
        self.constants[lever.name] = lever
        if source is not None:
            self.sources[lever.name] = source
        values = {"value": lever.nominal}
        values |= {} if lever.low == lever.high else {"low": lever.low, "high": lever.high}
        ends = {"value": "", "low": " at its low", "high": " at its high"}
        told = {key: self.graph.input(f"{lever.name}{ends[key]}", value, lever.unit) for key, value in values.items()}
        return figure.model_copy(update={"low": told["value"], "high": told["value"], **told})

    def _at(self, path: str, figure: Figure) -> Figure:
        """The figure at a path with its numbers as inputs: its value, and its ends where it has a range."""
        return self._figure(figure, Lever.of(path, figure), None)

    def _surroundings(self, site: Facility) -> Facility:
        """A facility whose three numbers are inputs as the command takes them: ``pue``, ``carbon`` and ``price``."""
        found = copy.copy(site)
        numbers = {"carbon_g_per_j": ("carbon", "g/kWh"), "usd_per_j": ("price", "USD/kWh")}
        told = {name: self.graph.input(word, (getattr(site, name) or 0.0) * KWH, unit) / KWH
                for name, (word, unit) in numbers.items()}  # fmt: skip
        for name, value in (told | {"pue": self.graph.input("pue", site.pue), "zone": None}).items():
            object.__setattr__(found, name, value)
        return found

    def _cited(self, model: In, place: str, sources: dict[str, Source]) -> In:
        """An input whose figures are told, each under its place."""

        def told_in(part: Any, here: str) -> Any:
            if isinstance(part, Figure):
                return self._figure(part, Lever.of(here, part), sources[part.source])
            if isinstance(part, dict):
                return {key: told_in(value, f"{here}.{key}") for key, value in part.items()}
            return self._cited(part, here, sources) if isinstance(part, Input) else part

        fields = type(model).model_fields.keys() - {"sources", "alternatives", "special_functions", "actions"}
        return model.model_copy(
            update={name: told_in(getattr(model, name), f"{place}.{name}") for name in sorted(fields)}
        )

    def _hardware(self, hardware: Hardware, prices: Iterable[str]) -> Hardware:
        """A profile whose figures are told: those that price an action under its name, the others under their place."""
        found, priced_actions = self._cited(hardware, "device", hardware.sources), {}
        for lever in levers(hardware, sorted({*prices, *hardware.actions})):
            # A special function is priced by those of other actions: its price becomes a figure like theirs.
            cited = hardware.figure(lever.name) or next(iter(hardware.actions.values()))
            priced_actions[lever.name] = self._figure(cited, lever, hardware.sources[lever.source])
        return found.model_copy(update={"actions": priced_actions})

    def _facility(self, site: Facility) -> Facility:
        """A facility whose carbon intensity, if it is a zone's, is told."""
        if site.zone is None:
            return site
        figure, name = site.zone.figure, f"electricity of {site.zone.name}, {site.zone.figure.year}"
        lever = Lever.of(name, figure)
        told = self._figure(figure, lever, site.zone.source)
        found = copy.copy(site)
        object.__setattr__(found, "carbon_g_per_j", told.value)
        object.__setattr__(found, "zone", replace(site.zone, figure=cast("CarbonIntensity", told)))
        return found

    def _operator(self, op: Operator) -> Operator:
        """An operator whose coefficients and weights are products of the sizes that they follow from."""
        terms = tuple((quantity, basis, self._product(op, quantity, times)) for quantity, basis, times in op.terms)
        return op._replace(terms=terms, weights=self._product(op, "weights", op.weights))

    def _product(self, op: Operator, quantity: str, coefficient: float) -> Any:
        """A coefficient as inputs x outputs where an operator's matrix divides it: easier to read, the same value."""
        inputs, outputs = op.shape
        first = inputs - 1 if quantity == "reduce" else inputs
        if quantity in ("mac", "weights", "reduce") and first * outputs and coefficient % (first * outputs) == 0:
            return self._literal(first) * self._literal(outputs) * (coefficient / (first * outputs))
        return self._literal(coefficient) if coefficient else coefficient

    def _literal(self, value: float) -> Node:
        return self.graph.input(digits(value, 17), float(value))


def numbers_of(told: Result) -> dict[str, Node | float]:
    """The columns of a sweep of a told result, each a number of its graph."""
    with np.errstate(all="ignore"):
        return {name: column.ravel()[0] for name, column in columns_of(told).items()}


def _numbers(limits: list[tuple[Any, str]]) -> list[tuple[Node | float, str]]:
    """Limits of a single point."""
    return [(np.ravel(holds)[0], why) for holds, why in limits]


def _adds(value: Any) -> bool:
    """Whether a number is a sum; a product of sizes is its own name, and may be of others too."""
    return isinstance(value, Node) and value.op == "+"


def basis_text(basis: Basis) -> str:
    """A basis in words: ``pairs 4096``."""
    return " ".join([basis[0].replace("_", " "), *(brief(number) for number in basis[1:])])


def label(result: Result) -> None:
    """Name the numbers of a told result by what they are of: phase, operator, action, component."""
    counts = result.counts
    for basis, values in counts.bases.items():
        text = basis_text(basis)
        for phase, value in zip(counts.phases, values, strict=True):
            named(value, f"{phase.name} {text}", UNITS.get(basis[0], "1"))
    counts.named(counts["mac"], "MAC", "MAC")
    for action, table in result.tables.items():
        unit = "s" if action.startswith("static") else "MAC" if action.startswith("mac.") else "bit"
        counts.named(table, f"{action} at higher clocks" if unit == "MAC" else action, unit)
    if result.timing is not None:
        counts.named(result.timing.waiting, "waiting", "s")
        counts.named(result.timing.seconds, "seconds", "s")
        for phase, spent, stretch in zip(counts.phases, result.timing.by_phase, result.timing.stretch, strict=True):
            named(stretch, f"{phase.name} stretch of the power cap", "1")
            named(spent, f"{phase.name}_s", "s")
    memory = result.footprint
    for role, stored in memory.weight_bits.items():
        if _adds(stored):
            named(stored, f"bits of {role}", "bit")
    named(memory.kv_bits, "bits of the KV cache", "bit")
    named(memory.activation_bits, "bits of activations", "bit")
    for component, joules in result.by_component.items():
        for energy, words in zip(joules, (" at low prices", "", " at high prices"), strict=True):
            named(energy, f"energy of {component}{words}", "J")


def label_step(result: TrainingResult) -> None:
    """Name the numbers of a told training step by what they are of: phase, part of the memory, component."""
    for basis, values in result.ledger.bases.items() if result.ledger is not None else ():
        for value in values:
            named(value, f"repeats of {basis_text(basis)}", "1")
    for phase, seconds in (result.seconds._asdict() if result.seconds is not None else {}).items():
        named(seconds, f"{phase}_s", "s")
    for phase, stretch in zip(PHASES, result.stretch if result.stretch is not None else (), strict=False):
        named(stretch, f"{phase} stretch of the power cap", "1")
    for part, held in result.memory._asdict().items():
        named(held, f"memory of {part}" if part != "peak" else "peak memory", "B")
    for part, macs in result.counts._asdict().items():
        named(macs, {"forward": "MAC forward", "model": "MAC of the model", "run": "MAC that run"}[part], "MAC")
    for component, joules in result.by_component.items():
        for energy, words in zip(joules, (" at low prices", "", " at high prices"), strict=True):
            named(energy, f"energy of {component}{words}", "J")
