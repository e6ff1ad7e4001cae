"""Sweeps from Python: a grid that is evaluated as it is read, chunk by chunk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.frames import Library, dataframe
from bitnet_cost.inputs.sweep import Objective, Range, Sweep, options
from bitnet_cost.numerals import with_commas
from bitnet_cost.registry import figure
from bitnet_cost.shown import Shown, Theme, drawn
from bitnet_cost.studies.load_sweep import plan
from bitnet_cost.studies.running import Runner, run
from bitnet_cost.studies.sweep import Plan, of_file, of_options
from bitnet_cost.studies.sweep_columns import Columns, as_array
from bitnet_cost.tables import Report, Table, headed
from bitnet_cost.words import Accumulator, AttentionSpan, Counting, Logits, Parallel, Scope

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Names = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Axis = int | str | Sequence[int] | NDArray[Any] | Range | Mapping[str, Any]
Objectives = str | Sequence[str | Objective | Mapping[str, Any]]
Chunk = dict[str, NDArray[Any]]


AXES = {"batch": "batches", "rate_per_s": "rates", "prompt": "prompts", "generate": "generates", "seq": "sequences",
        "micro_batch": "micro-batches", "global_batch": "global batches"}  # fmt: skip


class Grid(Shown):
    """A grid of design points. Nothing is evaluated before rows are asked for.

    Iterating yields chunks: columns by name, arrays ``[rows]`` of one length. A chunk has the kept rows of at most
    65,536 points of one combination of names; with one worker no more than one is held. `front` and `top` reduce as
    they stream, and yield one chunk. Only `to_dataframe` and `to_records` hold everything at once.

    Words are text or None; devices, batch, prompt and generate are whole numbers; figures are in SI (see `units`), NaN
    where a record says nothing. Rows equal single estimates to the bit, in the order of the grid.
    """

    def __init__(self, whole: Plan, workers: int = 1) -> None:
        self._plan, self._workers = whole, workers

    @property
    def points(self) -> int:
        """Points that are evaluated, before filters."""
        return self._plan.points

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return self._plan.columns

    @property
    def units(self) -> dict[str, str]:
        """Unit of each column; words have none."""
        return self._plan.units()

    @property
    def inputs(self) -> dict[str, Any]:
        """Everything that went in, as plain data."""
        return self._plan.inputs()

    def __iter__(self) -> Iterator[Chunk]:
        for count, part in Runner(self._plan, workers=self._workers).every():
            if count:
                yield {name: self._column(name, part, count) for name in self.columns}

    def _column(self, name: str, part: Columns, rows: int) -> NDArray[Any]:
        values = as_array(part[name], rows)
        return values.astype(np.int64) if self._plan.kind_of(name) == "whole" else values

    def front(self, *objectives: str) -> Grid:
        """The Pareto front of the whole grid: rows that no other is as good as in all objectives and better in one.

        Args:
            objectives: ``min COLUMN`` or ``max COLUMN``; left out: those of the study.

        Raises:
            BitnetCostError: no objectives, or a column that is not a figure.
        """
        return self._reduced(objectives, pareto=True, top=None)

    def top(self, count: int, objective: str | None = None) -> Grid:
        """The best rows of the whole grid by one objective, best first; see `front`."""
        return self._reduced(() if objective is None else (objective,), pareto=False, top=count)

    def _reduced(self, objectives: Sequence[str], **how: Any) -> Grid:
        update = {**self._plan.spec.model_dump(), **how, **options(objectives=list(objectives))}
        return Grid(plan(of_options(update)), self._workers)

    def write(self, file: str | os.PathLike[str], *, resume: bool = False) -> int:
        """Stream into a ``.parquet`` or ``.csv`` file, only when complete, or into a folder of Parquet parts.

        Parquet holds the units and `inputs`. A folder is named with a trailing separator, or exists; with ``resume``
        the parts that are there are left alone.

        Returns:
            The rows written.

        Raises:
            BitnetCostError: another suffix, a place that cannot be written, a folder of another sweep, no pyarrow.
        """
        rows, _ = run(self._plan, os.fspath(file), resume=resume, workers=self._workers)
        return rows

    def forecast(self) -> dict[str, float]:
        """``points``, and about how many ``seconds`` and ``bytes`` of Parquet the whole will take, from a sample."""
        return Runner(self._plan, workers=self._workers).forecast()

    def to_dataframe(self, library: Library | None = None) -> Any:
        """All kept rows in memory, as a data frame of pandas (first choice) or polars; see `Result.to_dataframe`.

        Raises:
            BitnetCostError: neither is installed.
        """
        kinds = {name: self._plan.kind_of(name) for name in self.columns}
        return dataframe(self._together(), kinds, library)

    def to_records(self) -> list[dict[str, Any]]:
        """All kept rows in memory, as dicts of plain figures; None where a record says nothing."""
        columns = self.columns_of_rows()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def plot(
        self, x: str | None = None, y: str | None = None, colour: str | None = None, *, theme: Theme = "light"
    ) -> Figure:
        """A figure of plotly of all kept rows, a line for each series, those that none beats with a ring.

        Args:
            x: a column; the first objective, else tokens per second, if left out.
            y: a column; the second objective, else energy per token, if left out.
            colour: the column that names the series; precision, hardware or model, the first that differs, if left out.
            theme: ``light`` or ``dark``.

        Raises:
            BitnetCostError: a column that is not there or holds no figures, or nothing to draw.
        """
        return drawn(self, theme, x=x, y=y, colour=colour)

    def columns_of_rows(self) -> dict[str, list[Any]]:
        """All kept rows in memory, by column, as plain figures."""
        return {name: _plain(values) for name, values in self._together().items()}

    def _together(self) -> Chunk:
        chunks = list(self)
        return {n: np.concatenate([c[n] for c in chunks]) if chunks else np.array([]) for n in self.columns}

    def _line(self) -> str:
        axes = " x ".join(f"{n} {name}" for name, n in self._lengths().items())
        return f"{_points(self.points)} of {axes}"

    def _lengths(self) -> dict[str, int]:
        whole = self._plan
        outer = (path for path in whole.varied if path not in whole.inner)
        names = ("models", "precisions", "hardware", whole.layouts_are, "scopes", *outer)
        every = dict(zip(names, whole.radices, strict=True))
        every |= dict(zip((*whole.inner, *(AXES.get(axis, axis) for axis in whole.axes)), whole.lengths, strict=True))
        return {name: count for name, count in every.items() if count > 1} or {"point": 1}

    def outline(self) -> Report:
        """What the grid spans, as a table; evaluates nothing."""
        lengths = tuple((name, with_commas(count)) for name, count in self._lengths().items())
        table = Table("", headed("axis", "values"), lengths, ("points", with_commas(self.points)))
        text = f"A grid of {_points(self.points)}, evaluated as it is read."
        return Report("Grid", text, (table,))


def _points(count: int) -> str:
    return f"{with_commas(count)} point{'s' * (count != 1)}"


def _plain(values: NDArray[Any]) -> list[Any]:
    return list(map(figure, values.tolist())) if values.dtype.kind == "f" else list(values.tolist())


def sweep(
    study: str | os.PathLike[str] | Mapping[str, Any] | Sweep | None = None,
    *,
    models: Names | None = None,
    precisions: Names | None = None,
    hardware: Names | None = None,
    runtimes: Names | None = None,
    devices: Axis | None = None,
    scopes: Scope | Sequence[Scope] | None = None,
    vary: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    load: Mapping[str, Any] | None = None,
    batch: Axis | None = None,
    prompt: Axis | None = None,
    generate: Axis | None = None,
    attention: AttentionSpan | None = None,
    logits: Logits | None = None,
    counting: Counting | None = None,
    accumulator: Accumulator | None = None,
    parallel: Parallel | None = None,
    offload: str | None = None,
    draft: str | None = None,
    accept: float | None = None,
    draft_tokens: int | None = None,
    where: str | Sequence[str] | None = None,
    objectives: Objectives | None = None,
    pareto: bool | None = None,
    top: int | None = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    workers: int = 1,
) -> Grid:
    """A grid of design points over names, workload axes, and any figure of a profile; streamed, see `Grid`.

    Args:
        study: a YAML file or its fields (`inputs.sweep.Sweep`); keywords replace its fields.
        models: catalogue names, files or sizes; one or several.
        precisions: catalogue names, files or ``w<bits>a<bits>``.
        hardware: catalogue names or files.
        runtimes: software on devices; each device's default if left out.
        devices: how many share a model.
        scopes: what the energy holds; each hardware's default if left out.
        vary: figures of a profile by path, in SI or with a unit: ``{"hierarchy.hbm.bandwidth": ["2 TB/s", "4 TB/s"]}``.
        training: sweep over training steps, as in ``{"seq": 2048, "micro_batch": [1, 2], "tp": [1, 8]}``
            (`inputs.sweep.TrainingAxes`); columns are then those of `train`, and batch, prompt, generate left out.
        load: sweep over requests as they come, as in ``{"rate": "0.1:20:100:log"}`` (`inputs.sweep.LoadAxes`); prompt
            and generate are axes too, columns those of `load`.
        batch: sequences together: a number, several (list, range, array), or an axis as the command takes it
            (``"1:256:64:log"``).
        prompt: tokens of each prompt, likewise.
        generate: tokens generated, likewise; 128 for decoders on devices, else 1, if left out.
        attention: ``causal`` or ``full``; each model's own if left out.
        logits: positions of the prefill that get logits: ``last``, ``all`` or ``none``.
        counting: ``serving`` or ``traced``.
        accumulator: price integer additions as papers do (``paper``) or as ``int32``.
        parallel: how several devices share a model.
        offload: the part of the model that the host keeps in its memory: ``experts``, ``layers=N`` or ``kv``.
        draft: model that drafts tokens, or ``mtp``, the model's own layer for it.
        accept: probability that a drafted token is accepted.
        draft_tokens: drafted in each round; 5, or 1 for ``mtp``, if left out.
        where: filters, as in ``"fits and latency_s < 5"``; a row is kept where all hold.
        objectives: columns to be small or large, as ``"min energy_per_token_j"``, for `Grid.front` and `Grid.top`.
        pareto: keep the front alone, as `Grid.front` does; ``top`` keeps the best.
        top: see ``pareto``.
        columns: the columns wanted; all if left out.
        limit: evaluate the first points of the grid alone.
        workers: processes. More than one needs a script that guards its start with ``__name__ == "__main__"``.

    Raises:
        BitnetCostError: an unknown name or column, a bad axis, filter or file, or names of which no combination can be
            evaluated. A single combination that cannot be is rows with their ``reason``.

    >>> grid = sweep(models="gemma-2b", hardware="l4", precisions=["fp16", "w4a16"], batch=[1, 8], prompt="128:512:2")
    >>> grid.points, grid.units["latency_s"]
    (8, 's')
    >>> [(row["precision"], row["batch"]) for row in grid.top(2, "max tokens_per_s").to_records()]
    [('w4a16', 8), ('w4a16', 8)]
    """
    update = options(
        models=models, precisions=precisions, hardware=hardware, runtimes=runtimes, devices=devices, scopes=scopes,
        vary=vary, training=training, load=load, batch=batch, prompt=prompt, generate=generate,
        attention=attention, logits=logits, counting=counting,
        accumulator=accumulator, parallel=parallel, offload=offload, draft=draft,
        accept=accept, draft_tokens=draft_tokens, where=where,
        objectives=objectives, pareto=pareto, top=top, columns=columns, limit=limit,
    )  # fmt: skip
    axes = {
        "models": models, "precisions": precisions, "hardware": hardware, "runtimes": runtimes, "devices": devices,
        "scopes": scopes, "batch": batch, "prompt": prompt, "generate": generate,
    }  # fmt: skip
    for name, value in axes.items():
        if value is not None and name not in update:  # an empty one; the usual one is another question
            raise BitnetCostError(f"{name}: none are given; leave it out for the usual ones, or name one")
    if type(workers) is not int or not 1 <= workers <= 1024:
        raise BitnetCostError(f"workers: {workers!r} is not a whole number from 1 to 1024")
    if study is not None and not isinstance(study, str | os.PathLike | Mapping | Sweep):
        raise BitnetCostError(f"study: {study!r} is neither a file nor the fields of a sweep")
    if isinstance(study, str | os.PathLike):
        return Grid(plan(of_file(os.fspath(study), update)), workers)
    given = study.model_dump() if isinstance(study, Sweep) else options(**(study or {}))
    return Grid(plan(of_options({**given, **update})), workers)
