"""Sweeps over loads: the rate of requests, their prompts and answers are axes; a batch is a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.compiled import Cell as CompiledCell
from bitnet_cost.engine.estimate import check_scope
from bitnet_cost.engine.load import over, serve
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.sweep import LoadAxes, Sweep, whole_numbers
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.ledger.load_record import LOAD_METRICS
from bitnet_cost.ledger.record import UNFIT
from bitnet_cost.registry import Metric
from bitnet_cost.studies import sweep, training_sweep
from bitnet_cost.studies.sweep import Cell
from bitnet_cost.studies.sweep_columns import Columns
from bitnet_cost.studies.varied import varied_to
from bitnet_cost.told import Array

GENERATE = 128
WORDS = ("model", "hardware", "runtime", "precision", "scope", "reason")
LEFT_OUT = ("saving", "slo_", "within_slo", "replicas", "cards")  # of one copy, without a baseline or an objective
KNOWN = tuple(name for name, metric in LOAD_METRICS.items() if metric.swept and not name.startswith(LEFT_OUT))
AXES = ("prompt", "generate", "rate_per_s")


@dataclass(frozen=True)
class LoadPlan(sweep.Plan):
    """A sweep over loads with everything that its names mean; copies of a model share nothing, so one is swept."""

    _metrics: ClassVar[Mapping[str, Metric]] = LOAD_METRICS
    _words: ClassVar[tuple[str, ...]] = WORDS

    @cached_property
    def known(self) -> tuple[str, ...]:
        """All columns, in their order."""
        return (*WORDS[:-1], *self.varied, *AXES[:2], *KNOWN, "reason")

    def traced(self, cell: Cell, wanted: frozenset[str]) -> CompiledCell:
        """None: the engine evaluates it."""
        raise BitnetCostError("a load is found by steps, not by one formula")

    def evaluate(self, cell: Cell, numbers: Mapping[str, Array | None], varied: dict[str, Array]) -> Columns:
        """Columns of some points of a cell: rates of one prompt and answer together.

        Raises:
            BitnetCostError: see `serve`.
        """
        asked = varied_to(cell.asked, varied)
        check_scope(asked.hardware, asked.scope or asked.hardware.default_scope)
        prompt, generate, rate = (np.asarray(numbers[name]) for name in AXES)
        found: Columns = {name: np.full(rate.size, self.kind_of(name) != "bool" and np.nan) for name in KNOWN}
        found |= {"prompt": prompt, "generate": generate, "reason": np.full(rate.size, None)}
        if np.all(prompt == prompt[0]) and np.all(generate == generate[0]):
            self._fill(found, slice(None), asked, (int(prompt[0]), int(generate[0]), rate))
            return found
        lengths, which = np.unique(np.stack((prompt, generate)), axis=1, return_inverse=True)
        for number, (tokens, answer) in enumerate(lengths.T.tolist()):
            at = np.flatnonzero(which.ravel() == number)
            self._fill(found, at, asked, (int(tokens), int(answer), rate[at]))
        return found

    def _fill(self, found: Columns, at: NDArray[np.intp] | slice, asked: Any, numbers: tuple[int, int, Array]) -> None:
        """Write the columns of the points of one prompt and answer."""
        result = over(_copy(Same(asked), Same(self.load), *numbers[:2]), numbers[2])
        if result.steady is None:
            found["reason"][at] = UNFIT if (result.reason or "").startswith(UNFIT) else result.reason
        for name in KNOWN:
            value = LOAD_METRICS[name].of(result)
            if value is not None:
                found[name][at] = value
                if found[name].dtype.kind == "f":  # infinite where a load is not served: null, as in a record
                    found[name][~np.isfinite(found[name])] = np.nan

    @property
    def load(self) -> LoadAxes:
        """What the sweep asks of its requests.

        Raises:
            BitnetCostError: nothing.
        """
        if self.spec.load is None:
            raise BitnetCostError("load: is left out")
        return self.spec.load


@lru_cache(maxsize=8)
def _copy(asked: Same, axes: Same, prompt: int, generate: int) -> LoadResult:
    """A copy of the model for prompts and answers of some lengths, at any rate: what is known without it is found once.

    Raises:
        BitnetCostError: see `serve`.
    """
    return serve(asked.it, Load(1.0, prompt, generate, **axes.it.model_dump(exclude={"rate"})))


def plan(spec: Sweep) -> sweep.Plan:
    """A sweep with its names looked up, over loads where it asks for them; see `sweep.plan`.

    Raises:
        BitnetCostError: see `sweep.plan`; a technology node, which has no rate.
    """
    if spec.load is None:
        return training_sweep.plan(spec)
    given = sweep.plan(spec.model_copy(update={"load": None, "columns": None, "objectives": [], "where": []}))
    node = next((s.hardware.name for s in given.settings if not s.hardware.has_clock), None)
    if node is not None:
        raise BitnetCostError(f"hardware: {node!r} is a technology node: it has no clock, so no rate")
    lengths: dict[str, Any] = {
        "prompt": whole_numbers("prompt", spec.prompt),
        "generate": whole_numbers("generate", GENERATE if spec.generate is None else spec.generate),
        "rate_per_s": spec.load.rates,
    }
    found = LoadPlan(spec, given.models, given.precisions, given.settings, lengths, given.varied)
    sweep.check(found)
    return found
