"""Figures of profiles that a sweep varies: their values, their units, and how a question has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.cited import Figure, model_at
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Question
from bitnet_cost.inputs.sweep import Range, Varied
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.numerals import brief, with_prefix
from bitnet_cost.told import Array
from bitnet_cost.units import parse

Q = TypeVar("Q", bound=Question)


def varied_to(asked: Q, values: Mapping[str, float | Array]) -> Q:
    """The scenario with varied figures at some values; one of the runtime where there is none changes nothing.

    Raises:
        BitnetCostError: see `Scenario.at`.
    """
    for path, value in values.items():
        if not asked.lacks(path):
            asked = asked.at(path, value)
    return asked


def broadcasts(asked: Question, path: str) -> bool:
    """Whether a figure may be an array: all but an on-chip capacity, on which it rests where weights are read from."""
    *_, last = asked.hardware.hierarchy or [""]
    on_chip = path.startswith("hierarchy.") and path.endswith(".capacity") and path != f"hierarchy.{last}.capacity"
    return isinstance(asked.figure(path), Figure) and not on_chip


def unit_of(column: str) -> str:
    """Unit of a column of a sweep, from its name alone; empty where it has none or is not known.

    >>> [unit_of(name) for name in ("latency_s", "energy_sram_j", "hierarchy.hbm.bandwidth", "power.static", "model")]
    ['s', 'J', 'bit/s', 'W', '']
    >>> unit_of("runtime.kernels.linear.bandwidth"), unit_of("anything")
    ('1', '')
    """
    if column in METRICS:
        return METRICS[column].unit
    if "." not in column:
        return "J" if column.startswith("energy_") and column.endswith("_j") else ""
    first, _, rest = column.partition(".")
    profile, path = (RuntimeProfile, rest) if first == "runtime" else (Hardware, column)
    found = model_at(profile, tuple(path.split(".")))
    return found.dimension.si or "1" if found is not None and issubclass(found, Figure) else ""


def bare_numbers(vary: Mapping[str, Varied], settings: Sequence[Any]) -> list[str]:
    """What plain numbers of a varied figure mean, where the figure has a unit: they are in SI, which few expect."""
    found = []
    for path, asked in vary.items():
        first = asked.first if isinstance(asked, Range) else asked[0] if isinstance(asked, list) else asked
        unit = unit_varied(settings, path)
        if isinstance(first, str) or unit in ("", "1", "SI"):
            continue
        bits = unit.startswith("bit")
        read = with_prefix(first / 8, unit.replace("bit", "B", 1)) if bits else with_prefix(first, unit)
        found.append(
            f"vary: {path}: plain numbers are {unit}; {brief(first)} is {read}. A unit may be written, as in '{read}'"
        )
    return found


def unit_varied(settings: Sequence[Any], path: str) -> str:
    """Unit of a varied figure; SI where no profile says."""
    found = settings[0].figure(path)
    return found.dimension.si or "1" if isinstance(found, Figure) else "SI"


def values_of(path: str, asked: Varied, settings: Sequence[Any]) -> Array:
    """The values of a varied figure in SI, each once, every profile of the sweep having such a figure.

    Raises:
        BitnetCostError: a path that a profile does not have, a unit of another dimension.
    """
    figure: Any = None
    root, _, below = path.partition(".")
    for one in settings:
        if root == "runtime" and (one.runtime is None or not below):
            raise BitnetCostError(f"vary: {path}: {one.hardware.name!r} has no such figure")
        if root != "runtime" and root in type(one).model_fields:
            one.at(f"hardware.{path}", 1.0)  # not one of a profile: refused
        figure = one.figure(path)
        now = figure.value if isinstance(figure, Figure) else figure
        one.at(path, float(now) if isinstance(now, int | float) else 1.0)

    def number(value: float | str) -> float:
        if not isinstance(value, str):
            return float(value)
        if not isinstance(figure, Figure):
            raise BitnetCostError(f"vary: {path}: {value!r} has a unit; this field takes a plain number")
        try:
            return parse(value, figure.dimension)
        except BitnetCostError as fault:
            raise BitnetCostError(f"vary: {path}: {fault}") from None

    if isinstance(asked, Range):
        found = asked.values(number(asked.first), number(asked.last))
    else:
        found = np.array([number(v) for v in (asked if isinstance(asked, list) else [asked])])
    if not len(found):
        raise BitnetCostError(f"vary: {path}: has no values")
    for value in (found.min(), found.max()):
        settings[-1].at(path, float(value))
    return found
