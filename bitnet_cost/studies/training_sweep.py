"""Sweeps over training steps: layouts are loops; devices, sequence, micro-batch and global batch are axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.estimate import check_scope
from bitnet_cost.engine.grid import components_of, step_figures
from bitnet_cost.engine.trace import Swept, Trace
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.sweep import Sweep, TrainingAxes, whole_numbers
from bitnet_cost.inputs.training import Plan, TrainingFormat, TrainingScenario, training_format, usual_batch
from bitnet_cost.ledger.training_record import STEP_METRICS
from bitnet_cost.readers import catalog, machines
from bitnet_cost.registry import Metric
from bitnet_cost.studies import sweep, training
from bitnet_cost.studies.sweep import Cell
from bitnet_cost.studies.sweep_columns import Columns
from bitnet_cost.studies.varied import values_of, varied_to
from bitnet_cost.told import Array, array

LAYOUT = ("tp", "pp", "cp", "ep", "zero", "virtual_stages", "recompute", "optimizer")
NOT_SWEPT = ("baseline", "saving")
WORDS = tuple(name for name, metric in STEP_METRICS.items() if metric.kind == "word" and name not in NOT_SWEPT)


def _form(precision: Precision, lora: int | None, half: str) -> TrainingFormat:
    """How a precision is trained; the same is made once, so that what follows from it is."""
    return _form_of(Same(precision), lora, half)


@cache
def _form_of(precision: Same, lora: int | None, half: str) -> TrainingFormat:
    return training_format(precision.it, lora=lora, half=half)


@dataclass(frozen=True)
class TrainingPlan(sweep.Plan):
    """A sweep over training steps with everything that its names mean."""

    layouts_are: ClassVar[str] = "layouts"
    _metrics: ClassVar[Mapping[str, Metric]] = STEP_METRICS
    _words: ClassVar[tuple[str, ...]] = WORDS

    @property
    def training(self) -> TrainingAxes:
        """What the sweep asks of its steps."""
        return self.spec.training or TrainingAxes.model_validate({})

    @property
    def drafts(self) -> tuple[Architecture, ...]:
        """None: training drafts no tokens."""
        return ()

    @cached_property
    def layouts(self) -> tuple[Plan, ...]:
        """How devices share a step, for any numbers."""
        asked = self.training
        other = {"master": asked.master, "lora": asked.lora, "tokens": asked.tokens}
        every = (dict(zip(LAYOUT, each, strict=True)) for each in product(*(getattr(asked, name) for name in LAYOUT)))
        return tuple(_layout(**each, **other) for each in every)

    @cached_property
    def known(self) -> tuple[str, ...]:
        """All columns, in their order."""
        names = [name for name in STEP_METRICS if name not in NOT_SWEPT]
        at = names.index("scope") + 1
        return (*names[:at], *self.varied, *names[at:-1], *(f"energy_{name}_j" for name in self.components), names[-1])

    @cached_property
    def components(self) -> tuple[str, ...]:
        """Components of the energy that some hardware of the plan has, each once."""
        return tuple(dict.fromkeys(c for asked in self.settings for c in (*components_of(asked.hardware), "network")))

    def question(self, names: TrainingScenario, layout: Plan) -> TrainingScenario:
        """The question of some names and a layout, for any numbers."""
        half = training.half_format(names.hardware)
        return names.but(plan=layout, form=_form(names.precision, layout.lora, half))

    def numbers(self, cell: Cell, numbers: Mapping[str, Array | None]) -> Columns:
        """The numbers with those that follow from others.  Each [n]"""
        plan: Plan = cell.asked.plan
        ranks, found = plan.tp * plan.pp * plan.cp, Columns(numbers)
        points = next(iter(axis for axis in numbers.values() if axis is not None)).size
        if found["devices"] is None:
            found["devices"] = np.full(points, float(ranks))
        if found["seq"] is None:
            found["seq"] = np.full(points, float(training.usual_seq(cell.asked.model)))
        found["dp"] = np.floor(found["devices"] / ranks)
        if found["global_batch"] is None:
            found["global_batch"] = usual_batch(found["micro_batch"] * found["dp"], plan.pp, found["seq"], plan.tokens)
        return found

    def graph_of(self, cell: Cell, numbers: Mapping[str, Array | None], varied: Mapping[str, float]) -> Swept:
        """The graph of a cell at the numbers of one point; those that are the same at all points are constants."""
        trace = Trace()
        told = {
            name: array([trace.graph.input(name, float(axis.max()))])
            for name, axis in self.axes.items()
            if axis is not None and axis.size > 1
        }
        asked = cell.asked.but(plan=cell.asked.plan.with_numbers(**self.numbers(cell, {**numbers, **told})))
        return trace.swept_steps(asked, varied)

    def unshared(self, cell: Cell, given: Columns) -> NDArray[np.bool_]:
        """None: what devices cannot share is a rule of a plan.  []"""
        return np.zeros((), dtype=bool)

    def evaluate(self, cell: Cell, numbers: Mapping[str, Array | None], varied: dict[str, Array]) -> Columns:
        """Columns of some points of a cell.

        Raises:
            BitnetCostError: see `step_figures`.
        """
        check_scope(cell.asked.hardware, cell.asked.scope or cell.asked.hardware.default_scope)
        plan = cell.asked.plan.with_numbers(**self.numbers(cell, numbers))
        return step_figures(varied_to(cell.asked, varied).but(plan=plan), varied=bool(varied))

    def names_of(self, cell: Cell) -> Columns:
        """The words and the layout of a cell."""
        asked: TrainingScenario = cell.asked
        plan = {name: getattr(asked.plan, name) for name in (*LAYOUT, "tokens") if name in STEP_METRICS}
        return {
            "model": asked.model.name, "hardware": asked.hardware.name, "precision": asked.precision.name,
            "runtime": asked.runtime.name if asked.runtime else None, "scope": asked.scope, "reason": None,
            **{name: np.nan if value is None else value for name, value in plan.items()},
        }  # fmt: skip


def _layout(**given: Any) -> Plan:
    """A plan without numbers.

    Raises:
        BitnetCostError: a layout that no numbers would allow.
    """
    found = Plan().with_numbers(**given)
    for name in ("tp", "pp", "cp", "ep", "virtual_stages"):
        if not 1 <= given[name] <= 10**8:
            raise BitnetCostError(f"{name.replace('_', '-')}: {given[name]} is not a whole number from 1 to 100000000")
    found.check_layout()
    return found


def plan(spec: Sweep) -> sweep.Plan:
    """A sweep with its names looked up, over training steps where it asks for them; see `sweep.plan`.

    Raises:
        BitnetCostError: see `sweep.plan`; a format that has no gradients; a layout that no numbers would allow.
    """
    if spec.training is None:
        return sweep.plan(spec)
    asked = spec.training
    models = tuple(catalog.model(name) for name in catalog.once("model", spec.models))
    precisions = tuple(training.precision(name) for name in catalog.once("precision", spec.precisions))
    between = catalog.links().links[training.BETWEEN_NODES]
    several = max(spec.devices, default=1) > 1 or any(max(getattr(asked, name)) > 1 for name in LAYOUT[:3])
    settings = []
    for name in catalog.once("hardware", spec.hardware):
        profile = training.profile_of(name)
        for software in spec.runtimes or [""]:
            form = _form(precisions[0], asked.lora, training.half_format(profile))
            settings.append(TrainingScenario(
                model=models[0], precision=precisions[0], hardware=profile, form=form, between=between,
                runtime=machines.training_software(profile, software or None, several=several),
            ))  # fmt: skip
    numbers = {"seq": asked.seq, "micro_batch": asked.micro_batch, "global_batch": asked.global_batch}
    devices = None if spec.devices == [1] else whole_numbers("devices", spec.devices)  # left out: those of a layout
    axes = {"devices": devices, **{
        name: None if axis is None else whole_numbers(name, axis) for name, axis in numbers.items()
    }}  # fmt: skip
    varied = {path: values_of(path, values, settings) for path, values in spec.vary.items()}
    found = TrainingPlan(spec, models, precisions, tuple(settings), axes, varied)
    for setting in settings:
        for precision in precisions:
            _form(precision, asked.lora, training.half_format(setting.hardware))
    sweep.check(found)
    return found
