"""Sweeps: a grid of design points, cut into partitions that are each a pure function of the plan and a number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from bitnet_cost import __version__
from bitnet_cost.engine.compiled import Cell as CompiledCell
from bitnet_cost.engine.compiled import Traced
from bitnet_cost.engine.estimate import cannot_share, check_scope
from bitnet_cost.engine.grid import components_of, figures, swept
from bitnet_cost.engine.trace import Swept, Trace
from bitnet_cost.errors import BitnetCostError, suggested
from bitnet_cost.filters import Filter
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import explain
from bitnet_cost.inputs.drafting import MTP, check_draft, own_draft, rounds_of
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.scenario import Scenario, usual_generate
from bitnet_cost.inputs.sweep import Sweep, whole_numbers
from bitnet_cost.inputs.workload import Speculative, Workload
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.numerals import with_commas
from bitnet_cost.readers import catalog, machines
from bitnet_cost.registry import Metric
from bitnet_cost.studies.sweep_columns import Columns, among, as_array, grid_of, select_rows
from bitnet_cost.studies.varied import broadcasts, unit_of, unit_varied, values_of, varied_to
from bitnet_cost.told import Array

CHUNK = 2048  # points evaluated at once: their arrays stay in the second-level cache
PARTITION = 32 * CHUNK  # points of one task
BLOCK = 2 * CHUNK  # the same for a graph, which holds few arrays at a time
SHORT = 128  # points of a row below which NumPy's calls take most of the time
TRACED_FROM = 20_000  # points of a cell that are worth the hundredths of a second in which it is traced
COMPILED_FROM = 100_000  # and those that are worth the tenth of a second in which it is compiled
TRIES = 200  # combinations of names that are tried before a sweep begins, to refuse one without an answer
WORDS = ("model", "hardware", "runtime", "precision", "scope", "reason")
AXES = ("devices", "batch", "prompt", "generate")


class Cell(NamedTuple):
    """One combination of names, devices, scope and varied figures, for any workload."""

    asked: Any  # a `Scenario`, or a `TrainingScenario`
    varied: dict[str, float]  # those that are no axis of the arrays


@dataclass(frozen=True)
class Plan:
    """A sweep with everything that its names mean: partitions depend on nothing else.

    Raises:
        BitnetCostError: see `plan`.
    """

    spec: Sweep
    models: tuple[Architecture, ...]
    precisions: tuple[Precision, ...]
    settings: tuple[Any, ...]  # one for each hardware and runtime, of the first model and precision
    axes: dict[str, NDArray[np.int64] | None]  # of whole numbers, the last of them innermost; None: the usual one
    varied: dict[str, Array]  # values by path, in SI
    layouts_are: ClassVar[str] = "devices"
    _metrics: ClassVar[Mapping[str, Metric]] = METRICS
    _words: ClassVar[tuple[str, ...]] = WORDS

    @cached_property
    def inner(self) -> tuple[str, ...]:
        """Varied figures that are an axis of the arrays, as batch and prompt are, where these alone make short ones.

        They are the last, so that the order of the points is the same; each other makes cells of its own.
        """
        if math.prod(1 if axis is None else len(axis) for axis in self.axes.values()) >= CHUNK // 4:
            return ()
        paths = list(self.varied)
        first = len(paths)
        while first and all(broadcasts(asked, paths[first - 1]) for asked in self.settings):
            first -= 1
        return tuple(paths[first:])

    @cached_property
    def layouts(self) -> tuple[Any, ...]:
        """How devices share a model: here their number."""
        return tuple(self.spec.devices)

    @cached_property
    def radices(self) -> tuple[int, ...]:
        """How many there are of each name: model, precision, setting, layout, scope, and each varied figure."""
        names = (len(self.models), len(self.precisions), len(self.settings), len(self.layouts))
        outer = (len(values) for path, values in self.varied.items() if path not in self.inner)
        return (*names, len(self.spec.scopes or [0]), *outer)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Values of the inner figures and of the axes in one cell."""
        figures = (len(self.varied[path]) for path in self.inner)
        return *figures, *(1 if axis is None else len(axis) for axis in self.axes.values())

    @property
    def reducing(self) -> bool:
        """Whether only a front or the best are kept."""
        return self.spec.pareto or self.spec.top is not None

    @property
    def points(self) -> int:
        """Points of the grid that are evaluated."""
        every = math.prod(self.radices) * math.prod(self.lengths)
        return min(every, self.spec.limit or every)

    @cached_property
    def partition_points(self) -> int:
        """Points of one partition: more where there are many and only a front or the best is sent back."""
        return PARTITION * (8 if self.reducing and math.prod(self.lengths) >= 64 * PARTITION else 1)

    @property
    def slices(self) -> int:
        """Partitions of one cell."""
        return -(-math.prod(self.lengths) // self.partition_points)

    @property
    def partitions(self) -> int:
        """Partitions of the grid, the last one perhaps cut by the limit."""
        whole, rest = divmod(self.points, math.prod(self.lengths))
        return whole * self.slices + -(-rest // self.partition_points)

    def span(self, number: int) -> tuple[int, int, int]:
        """``(cell, start, stop)`` of a partition, the points counted within its cell."""
        cell, part = divmod(number, self.slices)
        each = math.prod(self.lengths)
        start = part * self.partition_points
        return cell, start, min(start + self.partition_points, each, self.points - cell * each)

    def cell(self, number: int) -> Cell:
        """The names and varied figures of a cell.

        Raises:
            BitnetCostError: a varied figure outside what its profile accepts.
        """
        digits = []
        for radix in reversed(self.radices):
            number, digit = divmod(number, radix)
            digits.append(digit)
        model, precision, setting, layout, scope_number, *varied = reversed(digits)
        outer = [path for path in self.varied if path not in self.inner]
        values = {path: float(self.varied[path][i]) for path, i in zip(outer, varied, strict=True)}
        names = {"model": self.models[model], "precision": self.precisions[precision]}
        asked = varied_to(self.question(self.settings[setting].but(**names), self.layouts[layout]), values)
        scope = self.spec.scopes[scope_number] if self.spec.scopes else asked.hardware.default_scope
        return Cell(asked.but(scope=scope), values)

    def question(self, names: Any, layout: Any) -> Any:
        """The question of some names and a layout, for any numbers."""
        found = names.but(devices=layout)
        if self.spec.draft is None:
            return found
        draft = own_draft(found.model) if self.spec.draft == MTP else found.draft
        check_draft(draft, found.model, found.parallel)
        return found.but(draft=draft)

    def slice(self, start: int, stop: int) -> tuple[dict[str, Array | None], dict[str, Array]]:
        """The numbers of some points, None for the usual one, and the values of a cell's inner figures.  Each [n]"""
        return self._named(grid_of(self._values, start, stop))

    def at(self, rows: NDArray[np.intp]) -> tuple[dict[str, Array | None], dict[str, Array]]:
        """The same of any points of a cell, by their number."""
        indexes = np.unravel_index(rows, self.lengths)
        return self._named([values[i] for values, i in zip(self._values, indexes, strict=True)])

    @property
    def _values(self) -> list[Array]:
        """Inner figures and axes of a cell."""
        axes = (*(self.varied[path] for path in self.inner), *self.axes.values())
        return [np.zeros(1) if axis is None else np.asarray(axis, dtype=np.float64) for axis in axes]

    def _named(self, values: list[Array]) -> tuple[dict[str, Array | None], dict[str, Array]]:
        varied = dict(zip(self.inner, values, strict=False))
        numbers = zip(self.axes.items(), values[len(varied) :], strict=True)
        return {name: None if axis is None else value for (name, axis), value in numbers}, varied

    def evaluate(self, cell: Cell, numbers: Mapping[str, Array | None], varied: dict[str, Array]) -> Columns:
        """Columns of some points of a cell.

        Raises:
            BitnetCostError: see `figures`.
        """
        check_scope(cell.asked.hardware, cell.asked.scope or cell.asked.hardware.default_scope)
        given = self.numbers(cell, numbers)
        odd = self.unshared(cell, given)
        if not odd.any() or odd.all():
            return self._figures(cell, given, varied)
        even, parts = np.flatnonzero(~odd), (given, varied)
        found = self._figures(cell, *(select_rows(part, even) for part in parts))
        reasons = as_array(found.pop("reason"), even.size)
        found = {name: among(values, even, odd.size) for name, values in found.items()}
        found["reason"] = among(reasons, even, odd.size)
        for batch in np.unique(given["batch"][odd]):
            alone = replace(Workload(), batch=int(batch))
            found["reason"][given["batch"] == batch] = cannot_share(cell.asked.but(workload=alone))
        return found

    def unshared(self, cell: Cell, given: Columns) -> NDArray[np.bool_]:
        """Which batches are no whole sequences for each device, where devices take those.  [n], or []"""
        asked = cell.asked
        return np.asarray(given["batch"] % asked.devices > 0 if asked.parallel == "data" else False)

    def _figures(self, cell: Cell, given: Columns, varied: Columns) -> Columns:
        return figures(self.asked(cell, given, varied), varied=bool(varied))

    def asked(self, cell: Cell, given: Columns, varied: Columns) -> Scenario:
        """The question of some points of a cell."""
        work = Workload(**given, attention=self.spec.attention, logits=self.spec.logits, counting=self.spec.counting,
                        speculative=self.rounds)  # fmt: skip
        found: Scenario = varied_to(cell.asked, varied).but(workload=work)
        return found

    def traced(self, cell: Cell, wanted: frozenset[str]) -> Traced:
        """Some columns of a cell as one function of its numbers.

        Raises:
            BitnetCostError: why the engine has to evaluate it.
        """
        points = math.prod(self.lengths)
        if points < TRACED_FROM:
            raise BitnetCostError(f"a cell has fewer than {with_commas(TRACED_FROM)} points")
        # A point that generates most: what is decided of it is decided of all points together.
        ends = {name: None if axis is None else np.array([float(axis.max())]) for name, axis in self.axes.items()}
        varied = {path: float(self.varied[path][0]) for path in self.inner}
        try:
            graph = self.graph_of(cell, ends, varied)
        except TypeError as fault:
            raise BitnetCostError(f"a formula cannot be traced ({fault})") from None
        return CompiledCell(graph, wanted, fast=points >= COMPILED_FROM)

    def graph_of(self, cell: Cell, numbers: Mapping[str, Array | None], varied: Mapping[str, float]) -> Swept:
        """The graph of a cell at the numbers of one point.

        Raises:
            BitnetCostError: what the engine refuses.
            TypeError: a formula that cannot be traced.
        """
        return Trace().swept(self.asked(cell, self.numbers(cell, numbers), {}), varied)

    @cached_property
    def row(self) -> tuple[int, frozenset[str]]:
        """The innermost axes that together have points enough for an array: how many, and their names."""
        length, names = 1, list[str]()
        for name, values in reversed(list(zip((*self.inner, *self.axes), self.lengths, strict=True))):
            if length >= SHORT:
                break
            length, names = length * values, [*names, name]
        return length, frozenset(names)

    @property
    def rounds(self) -> Speculative | None:
        """How tokens are drafted and checked."""
        return rounds_of(self.spec.draft, self.spec.accept, self.spec.draft_tokens)

    def numbers(self, cell: Cell, numbers: Mapping[str, Array | None]) -> Columns:
        """The numbers with those that were left open.  Each [n]"""
        usual = usual_generate(cell.asked.model, cell.asked.hardware)
        points = next(iter(axis for axis in numbers.values() if axis is not None)).size
        return {name: np.full(points, float(usual)) if axis is None else axis for name, axis in numbers.items()}

    def names_of(self, cell: Cell) -> Columns:
        """The words of a cell, and its devices."""
        asked = cell.asked
        return {
            "model": asked.model.name, "hardware": asked.hardware.name, "precision": asked.precision.name,
            "runtime": asked.runtime.runtime if asked.runtime else None, "scope": asked.scope, "reason": None,
            "devices": asked.devices,
        }  # fmt: skip

    @cached_property
    def components(self) -> tuple[str, ...]:
        """Components of the energy that some hardware of the plan has, each once."""
        return tuple(dict.fromkeys(name for asked in self.settings for name in components_of(asked.hardware)))

    @cached_property
    def known(self) -> tuple[str, ...]:
        """All columns, in their order."""
        parts = tuple(f"energy_{name}_j" for name in self.components)
        return (*self._words[:-1], *self.varied, *AXES, *(metric.name for metric in swept()), *parts, "reason")

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that are written, in the order asked for."""
        return tuple(self.spec.columns) if self.spec.columns is not None else self.known

    @cached_property
    def filters(self) -> tuple[Filter, ...]:
        """The filters."""
        return tuple(Filter(text, self.known, self._words) for text in self.spec.where)

    @cached_property
    def needed(self) -> frozenset[str]:
        """The columns of kept rows: those that are written, and those that decide between rows of several parts."""
        return frozenset((*self.columns, *(o.column for o in self.spec.objectives)))

    @cached_property
    def deciding(self) -> frozenset[str]:
        """The columns that say which rows are kept; all that are needed, where no front or best does."""
        tested = frozenset[str]().union(*(f.columns for f in self.filters))
        return tested | (frozenset(o.column for o in self.spec.objectives) if self.reducing else self.needed)

    def kind_of(self, column: str) -> str:
        """``word``, ``whole``, ``bool`` or ``figure``."""
        kind = self._metrics[column].kind if column in self._metrics else "figure"
        return kind if kind in ("word", "whole", "bool") else "figure"

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The written columns and what they hold."""
        return {name: self.kind_of(name) for name in self.columns}

    def units(self) -> dict[str, str]:
        """Unit of each written column; words have none."""
        found = {}
        for column in self.columns:
            if column in self.varied:
                found[column] = unit_varied(self.settings, column)
            elif self.kind_of(column) != "word":
                found[column] = self._metrics[column].unit if column in self._metrics else unit_of(column)
                found[column] = found[column] or "bool"
        return found

    @property
    def drafts(self) -> tuple[Architecture, ...]:
        """The model that drafts tokens, where one is named."""
        return tuple({s.draft.name: s.draft for s in self.settings[:1] if s.draft is not None}.values())

    def inputs(self) -> dict[str, Any]:
        """Everything that went in, as plain data: what a reader needs to evaluate a row again."""
        return {
            "schema": "bitnet-cost/sweep/1",
            "version": __version__,
            "spec": self.spec.model_dump(exclude_none=True),
            "units": self.units(),
            "models": {m.name: m.model_dump(exclude_none=True) for m in (*self.models, *self.drafts)},
            "precisions": {p.name: p.model_dump(exclude_none=True) for p in self.precisions},
            "hardware": {s.hardware.name: s.hardware.model_dump(exclude_none=True) for s in self.settings},
            "runtimes": {r.name: r.model_dump(exclude_none=True) for s in self.settings if (r := s.runtime)},
        }


def plan(spec: Sweep) -> Plan:
    """A sweep with its names looked up, and everything refused that can be before a point is evaluated.

    Raises:
        BitnetCostError: an unknown name or column, a bad filter, axis or path, a runtime for a technology node, or
            names of which no combination can be evaluated.
    """
    hardware = [catalog.hardware(name) for name in catalog.once("hardware", spec.hardware)]
    models = tuple(catalog.model(name) for name in catalog.once("model", spec.models))
    precisions = tuple(catalog.precision(name) for name in catalog.once("precision", spec.precisions))
    draft = None if spec.draft in (None, MTP) else catalog.model(str(spec.draft))
    settings = tuple(
        Scenario(
            model=models[0], precision=precisions[0], hardware=device, runtime=software,
            accumulator=spec.accumulator, parallel=spec.parallel, offload=spec.offload, draft=draft,
        )
        for profile in hardware
        for name in (spec.runtimes or [""])
        for device, software in (machines.setting(profile, name or None, spec.offload),)
    )  # fmt: skip
    found = Plan(
        spec.model_copy(update={"devices": list(dict.fromkeys(spec.devices))}),
        models,
        precisions,
        settings,
        {
            "batch": whole_numbers("batch", spec.batch),
            "prompt": whole_numbers("prompt", spec.prompt),
            "generate": None if spec.generate is None else whole_numbers("generate", spec.generate),
        },
        {path: values_of(path, values, settings) for path, values in spec.vary.items()},
    )
    check(found)
    return found


def check(found: Plan) -> None:
    """Refuse columns that a sweep does not have, and names of which no combination can be evaluated.

    Raises:
        BitnetCostError: with what there is.
    """
    spec = found.spec
    names = [("columns", c) for c in spec.columns or ()] + [("objectives", o.column) for o in spec.objectives]
    for place, column in names:
        if column not in found.known:
            hint = suggested(column, found.known, f"; there are {', '.join(found.known)}")
            raise BitnetCostError(f"{place}: {column!r} is not a column{hint}")
        if place == "objectives" and found.kind_of(column) in ("word", "bool"):
            raise BitnetCostError(f"objectives: {column!r} is not a figure")
    _ = found.filters
    _refuse_empty(found)


def _refuse_empty(found: Plan) -> None:
    """Raise the first fault if no combination of names can be evaluated, of the first `TRIES`."""
    first: BitnetCostError | None = None
    step = math.prod(found.radices[5:])  # one of each varied figure will do
    for number in islice(range(0, math.prod(found.radices), step), TRIES):
        try:
            cell = found.cell(number)
            found.evaluate(cell, *found.slice(0, 1))
            return
        except BitnetCostError as fault:
            first = first or fault
    if first is not None:
        raise first


def of_file(name: str, update: dict[str, Any]) -> Sweep:
    """A sweep from a YAML file, with what the command line adds.

    Raises:
        BitnetCostError: an unreadable or invalid file.
    """
    path = Path(name)
    document = catalog.read(path)
    if isinstance(document.data, dict):
        named = {
            kind: [_beside(path, kind, name) for name in document.data[kind]]
            for kind in ("models", "precisions", "hardware", "runtimes")
            if isinstance(document.data.get(kind), list)
        }
        document = document._replace(data={**document.data, **named, **update})
    return catalog.validate(document, Sweep, path)


def _beside(file: Path, kind: str, name: Any) -> Any:
    """A name as it is, a file that a sweep names relative to the sweep's."""
    return str(catalog.beside(file, kind, name)) if isinstance(name, str) and catalog.is_path(name) else name


def of_options(update: dict[str, Any]) -> Sweep:
    """A sweep from options alone.

    Raises:
        BitnetCostError: names that are missing, or options that exclude each other.
    """
    try:
        return Sweep.model_validate(update)
    except ValidationError as error:
        where, what = explain(error, {}, Sweep)
        raise BitnetCostError(f"{where}: {what}" if where else what) from None
