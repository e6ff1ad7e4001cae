"""Answers made of several results: what a question holds, how sure it is, and why a cell holds what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.ledger.result import Day, Result
from bitnet_cost.ledger.rows import Answers
from bitnet_cost.numerals import cell, with_commas
from bitnet_cost.shown import Shown, Theme, drawn
from bitnet_cost.told.arithmetic import Step

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from bitnet_cost.inputs.cited import Figure as CitedFigure
    from bitnet_cost.ledger.load import LoadResult


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Shown):
    """What one precision leaves room for. 0: not even one; a limit of `Workload`: as many as may be asked for."""

    result: Result  # at the batch and prompt asked for
    batch: int  # most sequences of the prompt asked for
    positions: int  # longest prompt of the batch asked for, generated tokens on top
    offload: str | None = None  # what the host would have to keep for it to fit where it does not

    def _line(self) -> str:
        return f"{self.result.scenario._line()}, batch up to {with_commas(self.batch)}"


@dataclass(frozen=True, eq=False, repr=False)
class Answer(Answers):
    """The results of one question, each against the same baseline where there is one, and what a reader must know."""

    results: tuple[Result, ...]
    not_counted: tuple[str, ...]
    requests_per_day: float | None = None
    accuracy: dict[tuple[str, str], dict[str, Spread]] = field(default_factory=dict)  # (hardware, runtime) -> class
    left_out: dict[str, Spread] = field(default_factory=dict)  # by quantity, where a device has no rows
    baselines: dict[tuple[str, str], Result] = field(default_factory=dict)  # (model, hardware) -> what savings refer to
    swings: tuple[tuple[Swing, ...], ...] = ()  # of each result, largest first; empty where not asked for
    spreads: tuple[Band | None, ...] = ()  # of each result; empty where not asked for
    asked_baseline: str | None = None  # the precision that the reader asked to compare with
    sorted_by: str | None = None  # the column of the records that the results are ranked by, where it is not energy
    loads: tuple[LoadResult, ...] = ()  # the requests of a day as they come, for each result that can serve them

    def _line(self) -> str:
        names = dict.fromkeys(r.architecture.name for r in self.results)
        return f"{len(self.results)} results of {', '.join(names)}"

    def day(self, result: Result) -> Day:
        """What the requests of a day cost in one of the results, each batch being served as it stands."""
        batches = (self.requests_per_day or 0.0) / int(result.workload.batch)
        carbon, cost = result.carbon_g, result.cost_usd
        return Day(
            float(result.energy_j) * batches,
            None if carbon is None else float(carbon) * batches,
            None if cost is None else float(cost) * batches,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Answer):
    """An answer whose results stand side by side, ranked."""


@dataclass(frozen=True, repr=False, slots=True)
class Lever(Shown):
    """A figure that can move within its range, and what it moves with.

    ``moves_with`` is the source whose figures share one quantile, or the figure's own name.
    """

    name: str  # an action (``add.int8``), or the place of a figure (``kernels.lowbit.compute``)
    low: float
    nominal: float
    high: float
    unit: str
    basis: str
    source: str
    moves_with: str

    @classmethod
    def of(cls, name: str, figure: CitedFigure) -> Lever:
        """A figure of an input that moves alone."""
        unit = figure.dimension.si
        return cls(name, figure.low, figure.value, figure.high, unit, figure.basis, figure.source, name)


@dataclass(frozen=True, eq=False, repr=False)
class Swing(Shown):
    """What one figure does to an answer, alone, at its low and at its high.  Energy [J], saving [1]"""

    lever: Lever
    energy: tuple[float, float]
    saving: tuple[float, float] | None
    size: float  # the larger of the relative swings of energy and of what is left of the baseline's


@dataclass(frozen=True, eq=False, repr=False)
class Band(Shown):
    """How far an answer scatters: percentiles of draws [p5, p50, p95], and bounds [least, nominal, most]."""

    draws: int
    seed: int
    distribution: str
    energy: tuple[float, float, float]
    energy_bounds: tuple[float, float, float]
    saving: tuple[float, float, float] | None
    saving_extremes: tuple[float, float, float] | None  # every price at whichever end is worst, or best
    seconds: tuple[float, float, float] | None  # fast end, nominal, slow end of every figure of time
    energy_scenarios: tuple[float, float] | None  # energy at the fast and low, and at the slow and high ends
    carbon: tuple[float, float, float] | None = None  # of the electricity and of making the devices  [g]
    carbon_bounds: tuple[float, float, float] | None = None
    cost: tuple[float, float, float] | None = None  # at prices without a range  [USD]
    cost_bounds: tuple[float, float, float] | None = None
    latency: tuple[float, float, float] | None = None  # time of the draws, where runs of the runtime were measured  [s]


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Shown):
    """Why a cell holds what it holds."""

    title: str
    cell: str
    value: float | None
    unit: str
    formula: tuple[str, ...]
    constants: tuple[Lever, ...]
    steps: tuple[Step, ...]
    sources: tuple[str, ...]
    conventions: tuple[str, ...]
    not_counted: tuple[str, ...]

    def plot(self, *, theme: Theme = "light") -> Figure:
        """A figure of plotly: how far each constant may be from its nominal value, and how it is known.

        Raises:
            BitnetCostError: no constant has a range.
        """
        return drawn(self, theme)

    def _line(self) -> str:
        value = "nothing" if self.value is None else cell(self.value, 6)
        return f"{self.title}, {value} {self.unit}".removesuffix(" 1")


@dataclass(frozen=True, repr=False, slots=True)
class Turning(Shown):
    """How far a crossing moves: over draws of measured errors, or of every price, and with all figures at one end.

    Along an axis, the number from which the saving is beyond what is wanted; infinite: not at all. Of a share of the
    energy, the share; outside 0 to 1: none.
    """

    draws: int
    seed: int
    distribution: str
    nominal: float
    band: tuple[float, float, float]  # p5, p50, p95 of the draws
    ends: tuple[float, float]  # every price low and every figure of time fast; every price high and those slow
    measured: bool = False  # draws of what measured runs were off by, the part that both precisions share in each


@dataclass(frozen=True, eq=False, repr=False)
class Crossing(Shown):
    """Where one precision stops saving a given amount against another along one axis."""

    hardware: str
    runtime: str | None
    axis: str  # batch, context, static share ...
    wanted: float
    at: tuple[float, ...]  # where the saving crosses what is wanted
    verdict: str
    axis_values: tuple[float, ...]
    saving: tuple[float, ...]  # NaN where either does not fit; of a share: with none of the part, with all of it
    method: str
    now: float | None = None  # the share at the workload asked for
    turning: Turning | None = None
    software: RuntimeProfile | None = None  # the runtime of that name, which may be a file's
