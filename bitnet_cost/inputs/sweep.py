"""Sweeps: a grid of design points, what is kept of it, and what is written."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence, Sized
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bitnet_cost import questions
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.drafting import rounds_of
from bitnet_cost.inputs.training import tokens_of
from bitnet_cost.inputs.workload import LIMITS
from bitnet_cost.numerals import brief
from bitnet_cost.words import (
    Accumulator,
    AttentionSpan,
    Counting,
    Logits,
    Master,
    Optimizer,
    Parallel,
    Recompute,
    Scope,
)

MOST_VALUES = 1_000_000  # of one axis


class Range(Input):
    """Evenly spaced values, both ends included."""

    first: float | str = Field(description="first value; of a profile's figure with its unit, or in SI")
    last: float | str = Field(description="last value")
    points: int = Field(ge=2, le=MOST_VALUES, description="how many values")
    scale: Literal["linear", "log"] = Field("linear", description="equal steps, or equal ratios")

    def values(self, first: float, last: float) -> NDArray[np.float64]:
        """The values between two ends in SI.  [points]

        Raises:
            BitnetCostError: ends that are not positive on a logarithmic scale, or not finite.

        >>> Range(first=1, last=100, points=3, scale="log").values(1, 100).tolist()
        [1.0, 10.0, 100.0]
        """
        if not (math.isfinite(first) and math.isfinite(last)):
            raise BitnetCostError(f"range {brief(first)} to {brief(last)}: expected finite numbers")
        if self.scale == "linear":
            return np.linspace(first, last, self.points)
        if first <= 0 or last <= 0:
            raise BitnetCostError(f"range {brief(first)} to {brief(last)}: a logarithmic scale takes positive ends")
        return np.geomspace(first, last, self.points)


OF_INFERENCE = (
    "batch",
    "prompt",
    "generate",
    "attention",
    "logits",
    "counting",
    "accumulator",
    "parallel",
    "offload",
    "draft",
)
Whole = int | list[int] | Range
Varied = float | str | list[float | str] | Range


class Objective(Input):
    """A column to be small or large."""

    column: str = Field(min_length=1, description="a column of figures")
    goal: Literal["min", "max"] = Field("min", description="whether less or more is better")


class TrainingAxes(Input):
    """How the steps of a sweep over training are divided: layouts are loops, numbers are axes."""

    seq: Whole | None = Field(None, description=questions.SEQ.description)
    micro_batch: Whole = Field(questions.MICRO_BATCH.default, description=questions.MICRO_BATCH.description)
    global_batch: Whole | None = Field(None, description=questions.GLOBAL_BATCH.description)
    tp: list[int] = Field([questions.TP.default], min_length=1, description=questions.TP.description)
    pp: list[int] = Field([questions.PP.default], min_length=1, description=questions.PP.description)
    cp: list[int] = Field([questions.CP.default], min_length=1, description=questions.CP.description)
    ep: list[int] = Field([questions.EP.default], min_length=1, description=questions.EP.description)
    zero: list[int] = Field([questions.ZERO.default], min_length=1, description=questions.ZERO.description)
    virtual_stages: list[int] = Field(
        [questions.VIRTUAL_STAGES.default], min_length=1, description=questions.VIRTUAL_STAGES.description
    )
    recompute: list[Recompute] = Field(
        [questions.RECOMPUTE.default], min_length=1, description=questions.RECOMPUTE.description
    )
    optimizer: list[Optimizer] = Field(
        [questions.OPTIMIZER.default], min_length=1, description=questions.OPTIMIZER.description
    )
    master: Master = Field(questions.MASTER.default, description=questions.MASTER.description)
    lora: int | None = Field(None, description=questions.LORA.description)
    tokens: float | None = Field(None, gt=0, lt=1e18, description=questions.TOKENS.description)


class LoadAxes(Input):
    """The requests of a sweep over loads: their rate is an axis, as are prompt and generate."""

    rate: list[float] | float | Range = Field(description=questions.RATE.description)
    cached: int = Field(questions.CACHED.default, ge=0, description=questions.CACHED.description)
    cv2: float = Field(questions.CV2.default, ge=0, description=questions.CV2.description)
    max_batch: int | None = Field(None, ge=1, description=questions.MAX_BATCH.description)
    static_cache: int | None = Field(None, ge=2, description=questions.STATIC_CACHE.description)

    @property
    def rates(self) -> NDArray[np.float64]:
        """Requests per second.

        Raises:
            BitnetCostError: one that is no number above 0.
        """
        axis: Any = self.rate
        if isinstance(self.rate, Range):
            if isinstance(self.rate.first, str) or isinstance(self.rate.last, str):
                raise BitnetCostError("rate: a range of rates takes no unit")
            axis = self.rate.values(self.rate.first, self.rate.last)
        found = np.unique(np.atleast_1d(np.asarray(axis, dtype=np.float64)))
        if not (found.size and np.all(np.isfinite(found)) and found[0] > 0):
            raise BitnetCostError("rate: takes numbers of requests per second above 0")
        return found


class Sweep(Input):
    """A grid of design points. Names and devices are loops; batch, prompt, generate are axes.

    With ``training`` the points are training steps: layouts are loops, devices and the numbers of a step are axes.

    The order of points is that of the fields: models outermost, generate innermost.
    """

    name: str = Field("sweep", pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60, description="id of the study")
    title: str = Field("", description="in words")
    models: list[str] = Field(min_length=1, description="catalogue names, files or sizes")
    precisions: list[str] = Field(min_length=1, description="catalogue names, files or w<bits>a<bits>")
    hardware: list[str] = Field(min_length=1, description="catalogue names or files")
    runtimes: list[str] | None = Field(None, description="software on devices; left out: each device's default")
    devices: list[int] = Field([1], min_length=1, max_length=1000, description="devices that share a model")
    scopes: list[Scope] | None = Field(None, description=questions.SCOPE.description)
    vary: dict[str, Varied] = Field(
        default_factory=dict, description="figures of a profile by path, e.g. hierarchy.hbm.bandwidth, power.static"
    )
    training: TrainingAxes | None = Field(None, description="sweep over training steps; left out: over inference")
    load: LoadAxes | None = Field(None, description="sweep over requests as they come; left out: over batches")
    batch: Whole = Field(questions.BATCH.default, description=questions.BATCH.description)
    prompt: Whole = Field(questions.PROMPT.default, description=questions.PROMPT.description)
    generate: Whole | None = Field(None, description=questions.GENERATE.description)
    attention: AttentionSpan | None = Field(None, description=questions.ATTENTION.description)
    logits: Logits = Field(questions.LOGITS.default, description=questions.LOGITS.description)
    counting: Counting = Field(questions.COUNTING.default, description=questions.COUNTING.description)
    accumulator: Accumulator = Field(questions.ACCUMULATOR.default, description=questions.ACCUMULATOR.description)
    parallel: Parallel = Field(questions.PARALLEL.default, description=questions.PARALLEL.description)
    offload: str | None = Field(questions.OFFLOAD.default, description=questions.OFFLOAD.description)
    draft: str | None = Field(None, description=questions.DRAFT.description)
    accept: float | None = Field(None, description=questions.ACCEPT.description)
    draft_tokens: int | None = Field(None, description=questions.DRAFT_TOKENS.description)
    where: list[str] = Field(default_factory=list, description="filters; a row is kept where all hold")
    objectives: list[Objective] = Field(default_factory=list, description="columns to be small or large")
    pareto: bool = Field(
        False, description="keep the front: no other point is as good in all objectives and better in one"
    )
    top: int | None = Field(None, ge=1, le=1_000_000, description="keep the best by the first objective")
    columns: list[str] | None = Field(None, description="columns to write; left out: all")
    limit: int | None = Field(None, ge=1, description="evaluate only the first points of the grid")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.pareto or self.top) and not self.objectives:
            raise ValueError("pareto and top need objectives, e.g. min latency_s")
        if self.pareto and self.top:
            raise ValueError("pareto and top exclude each other; ask for one of them")
        rounds_of(self.draft, self.accept, self.draft_tokens)
        if self.load is not None and (self.training is not None or self.batch != 1):
            raise ValueError("load: a load has no batch, and is not of training")
        given = [n for n in OF_INFERENCE if getattr(self, n) != type(self).model_fields[n].default]
        if self.training is not None and given:
            raise ValueError(f"{given[0]} is of inference; a training step has seq, micro-batch and global batch")
        return self


def whole_numbers(name: str, axis: Whole) -> NDArray[np.int64]:
    """The values of an axis of whole numbers, rounded, each once, in their order.  [k]

    Raises:
        BitnetCostError: a number outside what a workload takes.

    >>> whole_numbers("batch", Range(first=1, last=64, points=4, scale="log")).tolist()
    [1, 4, 16, 64]
    """
    if isinstance(axis, Range):
        if isinstance(axis.first, str) or isinstance(axis.last, str):
            raise BitnetCostError(f"{name}: a range of whole numbers takes no unit")
        wanted: Any = np.rint(axis.values(axis.first, axis.last))
    else:
        listed = axis if isinstance(axis, list) else [axis]
        wanted = np.array([min(max(value, 0), 2**53) for value in listed], dtype=np.float64)  # of any size until here
    if not len(wanted):
        raise BitnetCostError(f"{name}: has no values")
    most = LIMITS.get(name, 10**8)
    if not bool(np.all((wanted >= 1) & (wanted <= most))):
        raise BitnetCostError(f"{name}: takes whole numbers from 1 to {most}")
    _, first = np.unique(wanted, return_index=True)
    found: NDArray[np.int64] = wanted[np.sort(first)].astype(np.int64)
    return found


def parse_axis(text: str) -> Any:
    """An axis as the command line gives it, in the form that `Sweep` reads.

    ``A,B,C`` lists values; ``A:B:N`` is N values between A and B, ``A:B:N:log`` with equal ratios. A value with a
    unit stays text.

    >>> parse_axis("1,2,8"), parse_axis("128:8192:7:log")["scale"], parse_axis("3350 GB/s")
    ([1, 2, 8], 'log', ['3350 GB/s'])

    Raises:
        BitnetCostError: neither of these.
    """
    parts = text.split(":")
    if len(parts) == 1:
        return [_number(part) for part in text.split(",")]
    usage = f"{text!r} is not an axis; write A,B,C or FIRST:LAST:POINTS or FIRST:LAST:POINTS:log"
    if len(parts) not in (3, 4) or (len(parts) == 4 and parts[3] not in ("log", "linear")):
        raise BitnetCostError(usage)
    points = _number(parts[2])
    if not isinstance(points, int):
        raise BitnetCostError(usage)
    scale = parts[3] if len(parts) == 4 else "linear"
    return {"first": _number(parts[0]), "last": _number(parts[1]), "points": points, "scale": scale}


def _number(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text.strip()


def options(**given: Any) -> dict[str, Any]:
    """What the command line or a Python caller gives, in the form that `Sweep` reads; what was left out is left out.

    >>> options(batch="1,2", devices=2, vary=["power.static=100:200:3"], objectives="max tokens_per_s", top=None)
    {'batch': [1, 2], 'devices': [2], \
'vary': {'power.static': {'first': 100, 'last': 200, 'points': 3, 'scale': 'linear'}}, \
'objectives': [{'column': 'tokens_per_s', 'goal': 'max'}]}

    Raises:
        BitnetCostError: an axis or an objective that is none.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value  # noqa: PLW2901
        if value is None or (isinstance(value, Sized) and len(value) == 0 and name != "training"):
            continue
        if name in ("batch", "prompt", "generate"):
            found[name] = _axis(value)
        elif name == "devices":
            found[name] = [value] if isinstance(value, int) else _axis(value)
            if not isinstance(found[name], list):
                raise BitnetCostError("devices: takes a list such as 1,2,4")
        elif name == "training":
            found[name] = _training(value)
        elif name == "load":
            found[name] = {key: _axis(each) if key == "rate" else each for key, each in value.items()}
        elif name == "vary":
            pairs = value.items() if isinstance(value, Mapping) else map(_varied, _several(value))
            found[name] = {path: _axis(axis) for path, axis in pairs}
        elif name == "objectives":
            found[name] = [_objective(goal) if isinstance(goal, str) else goal for goal in _several(value)]
        elif name == "columns":
            found[name] = [part.strip() for part in value.split(",")] if isinstance(value, str) else _several(value)
        elif name in ("models", "precisions", "hardware", "runtimes"):
            found[name] = [os.fspath(each) if isinstance(each, os.PathLike) else each for each in _several(value)]
        elif name in ("scopes", "where"):
            found[name] = _several(value)
        else:
            found[name] = value
    return found


def _training(value: Any) -> Any:
    """The axes of training: numbers as axes, layouts as lists; what was left out is left out."""
    if not isinstance(value, Mapping):
        return value
    found = {}
    for name, each in value.items():
        if each is None:
            continue
        if name in ("seq", "micro_batch", "global_batch"):
            found[name] = _axis(each)
        elif name in ("tp", "pp", "cp", "ep", "zero", "virtual_stages"):
            found[name] = [each] if isinstance(each, int) else _axis(each)
            if not isinstance(found[name], list):
                raise BitnetCostError(f"{name.replace('_', '-')}: takes a list such as 1,2,4")
        else:
            found[name] = _several(each) if name in ("recompute", "optimizer") else each
        if name == "tokens":
            found[name] = tokens_of(each)
    return found


def _several(value: Any) -> list[Any]:
    """One or several as a list; what is neither becomes the one whose kind `Sweep` then refuses."""
    return [value] if isinstance(value, str | os.PathLike | Mapping) or not _iterable(value) else list(value)


def _iterable(value: Any) -> bool:
    return hasattr(value, "__iter__")


def _axis(value: Any) -> Any:
    """An axis in the form that `Sweep` reads: text is parsed, arrays, ranges and tuples become lists."""
    if isinstance(value, str):
        return parse_axis(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, Sequence) else value


def _varied(text: str) -> tuple[str, Any]:
    path, equals, axis = text.partition("=") if isinstance(text, str) else ("", "", "")
    if not equals or not path or not axis:
        raise BitnetCostError(f"vary: {text!r} is not PATH=AXIS, as in hierarchy.hbm.bandwidth='1 TB/s:4 TB/s:7'")
    return path, parse_axis(axis)


def _objective(text: str) -> dict[str, str]:
    words = text.split()
    goal, column = (words[0], words[1]) if len(words) == 2 else ("min", text.strip())
    if goal not in ("min", "max") or not column:
        raise BitnetCostError(f"objective: {text!r} is not 'min COLUMN' or 'max COLUMN'")
    return {"column": column, "goal": goal}
