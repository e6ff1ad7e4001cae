"""The registry of columns: what a figure of a result is called, means, and how it is shown, each said once.

`record` registers the columns; terminal, Markdown, CSV, JSON, frames, sweeps, charts and pages read them here. Nothing
here knows what a result is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from bitnet_cost.frames import Library, dataframe
from bitnet_cost.numerals import figures_apart, percent, significant, with_commas

Kind = Literal["word", "whole", "count", "size", "bool", "figure"]
"""What a column holds: a word; a whole number; how often something happens; bytes; true or false; a real number."""
Better = Literal["less", "more"]
Printing = Literal["prefix", "plain", "percent"]
"""How figures are printed: in one prefix of the unit, which follows the heading; in the unit; in percent."""
RestsOn = Literal["prices", "runtime"]
View = Literal["compare", "money", "grid"]
"""Tables that are made of columns: cells side by side, their carbon and cost, the points of a grid."""


class Metric(NamedTuple):
    """One column of the records."""

    name: str
    kind: Kind
    unit: str  # empty for words
    description: str
    of: Callable[[Any], Any]
    swept: bool  # cheap over many points: sweeps have it too
    better: Better = "less"
    heading: str = ""  # in tables
    printing: Printing = "prefix"
    rests_on: tuple[RestsOn, ...] = ()  # whose weak figures mark it
    short: str = ""  # what ``--sort`` may call it
    views: tuple[View, ...] = ()  # tables that have it

    @property
    def words(self) -> str:
        """What an axis and a sentence call it."""
        own = self.heading.removesuffix(f" {self.unit}")
        return words_of(self.name, self.unit) if own in ("", self.name.replace("_", " ")) else own

    def texts(self, values: Sequence[Any]) -> tuple[str, list[str]]:
        """Its heading with the unit, and its figures as tables print them; '-' for None."""
        if self.kind == "whole":
            return self.heading, ["-" if value is None else with_commas(value) for value in values]
        if self.printing == "percent":
            return f"{self.heading} %", [percent(value) for value in values]
        if self.printing == "plain":
            return self.heading, [significant(value, 1.0, 4) for value in values]
        unit, texts = figures_apart(values, "B" if self.unit == "byte" else self.unit)
        return f"{self.heading} {unit}".strip(), texts


_ENDINGS = {"byte": "_bytes", "J": "_j", "J/token": "_j", "s": "_s", "W": "_w", "g": "_g", "USD": "_usd"}


def words_of(name: str, unit: str) -> str:
    """The name of a column in words, its unit aside.

    >>> words_of("energy_per_token_j", "J/token"), words_of("kv_cache_bytes", "byte"), words_of("power.static", "W")
    ('energy per token', 'kv cache', 'power.static')
    """
    return name if "." in name else name.removesuffix(_ENDINGS.get(unit, "")).replace("_", " ")


def unit_shown(unit: str) -> tuple[str, float]:
    """The unit that people read, and how many of the given one it is: data sheets count bytes, words say 'per token'.

    >>> unit_shown("bit/s"), unit_shown("J/token"), unit_shown("byte"), unit_shown("1")
    (('B/s', 8.0), ('J', 1.0), ('B', 1.0), ('', 1.0))
    """
    if unit in ("bit", "bit/s"):
        return unit.replace("bit", "B"), 8.0
    return {"byte": "B", "J/token": "J", "token/s": "", "1": ""}.get(unit, unit), 1.0


METRICS: dict[str, Metric] = {}
STEP_METRICS: dict[str, Metric] = {}
"""Columns of training steps."""
LOAD_METRICS: dict[str, Metric] = {}
"""Columns of serving under load."""


def register(
    name: str, kind: Kind, unit: str, description: str, of: Callable[[Any], Any], *, swept: bool = False, **shown: Any
) -> None:
    """Add a column; ``shown`` are the fields of `Metric` from better on.

    ``of`` gives what all points of a result share, an array ``[n]`` over the flattened grid, or None where nothing can
    be computed.
    """
    METRICS[name] = Metric(
        name, kind, unit, description, of, swept, **({"heading": name.replace("_", " ")} | shown)
    )  # fmt: skip


def column(
    kind: Kind = "figure", unit: str = "", **shown: Any
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Register a function as the column of its name; the first line of its docstring is the description."""

    def registered(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        description = (function.__doc__ or "").partition("\n")[0].rstrip(".")
        register(function.__name__, kind, unit, description, function, **shown)
        return function

    return registered


def records_of(result: Any, points: int, metrics: Mapping[str, Metric] = METRICS) -> list[dict[str, Any]]:
    """One record for each of the points of a result's grid, in its order; what cannot be computed is None.  [n]"""
    if points == 1:
        return [{name: _cell(metric, metric.of(result)) for name, metric in metrics.items()}]
    columns = [_cells(metric, metric.of(result), points) for metric in metrics.values()]
    return [dict(zip(metrics, values, strict=True)) for values in zip(*columns, strict=True)]


def frame(
    records: list[dict[str, Any]], library: Library | None = None, metrics: Mapping[str, Metric] = METRICS
) -> Any:
    """Records as a data frame: words as text, whole numbers as integers, all other figures as floats.

    Raises:
        BitnetCostError: neither pandas nor polars is installed.
    """
    kinds = {name: str(metric.kind) for name, metric in metrics.items()}
    return dataframe({name: [row[name] for row in records] for name in metrics}, kinds, library)


def _cell(metric: Metric, found: Any) -> Any:
    """What `_cells` has of a single point."""
    value = found.item() if isinstance(found, np.ndarray) else found[0] if isinstance(found, list) else found
    return None if value is None else _PLAIN[metric.kind](value)


def _cells(metric: Metric, found: Any, points: int) -> list[Any]:
    values = found.ravel().tolist() if isinstance(found, np.ndarray) else found
    values = values if isinstance(values, list) else [values] * points
    plain = _PLAIN[metric.kind]
    return [None if value is None else plain(value) for value in values]


def figure(value: Any) -> float | None:
    """A real number; None where it is not finite.

    >>> figure(1), figure(float("inf"))
    (1.0, None)
    """
    number = float(value)
    return number if math.isfinite(number) else None


def size(value: Any) -> float | int | None:
    """A figure that is an integer where it is whole, and None where it is not finite.

    >>> size(21.0), size(21.5), size(float("nan"))
    (21, 21.5, None)
    """
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


_PLAIN: dict[Kind, Callable[[Any], Any]] = {
    "word": str, "whole": int, "count": lambda value: round(float(value)), "size": size, "bool": bool,
    "figure": figure,
}  # fmt: skip
