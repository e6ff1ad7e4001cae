"""The charts of a report: each a question, a finding, a figure and a table, for every choice that a reader can make.

A chart is one registered function, and needs no other line anywhere. It gets the data of a page and a choice, which
holds the selectors of its ``by`` alone, and gives what is shown. Where the heading depends on more selectors than
figure and table do, it gives a heading for each value of these, ``headed_by``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

from bitnet_cost.ledger.difference import Difference
from bitnet_cost.numerals import (
    significant,
    tick,
    to_digits,
    with_commas,
    with_prefix,
)  # fmt: skip
from bitnet_cost.tables import Column, Table
from bitnet_cost.views.figures import Axis, Drawing, Label

Data = dict[str, Any]
Choice = dict[str, Any]
FEW = 6  # pieces of hardware up to which all are in one chart, each with its name
_COMPUTE = ("mul", "add", "mac", "special")


@dataclass(frozen=True, eq=False, repr=False)
class Shown:
    """What a chart shows for a choice: a heading for each value of ``headed_by``, a table, and a figure if any.

    ``title`` says what is drawn, ``words`` its unit and how to read the marks.
    """

    headings: tuple[str, ...]
    table: Table
    figure: Drawing | None
    title: str = ""
    words: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Chart:
    """A question, and what is shown for each choice: of the selectors ``by`` in their order, the last fastest.

    A heading is chosen by ``headed_by`` as well. ``row_of``: the selector whose value marks a row of the table.
    ``drawing`` is markup in place of the figures. With ``at_once`` a page of few devices shows them together, in place
    of a choice. ``first``: on the first screen, its table beside it. ``scripted``: the page's script makes it too, by a
    function of its name in `templates/charts.js`. A registered chart shows what it would ``make`` of some data.
    """

    name: str
    question: str
    shown: Sequence[Shown] = ()
    by: tuple[str, ...] = ()
    headed_by: tuple[str, ...] = ()
    note: str = ""
    row_of: str = ""
    drawing: str = ""
    at_once: bool = False
    first: bool = False
    scripted: bool = False
    make: Callable[..., Shown] = Shown
    answers: Callable[[Data], bool] = lambda data: True

    def fitted(self, data: Data) -> Chart:
        """The chart with the selectors that some data needs."""
        if self.at_once and len(data["hardware"]) <= FEW:
            return replace(self, by=tuple(name for name in self.by if name != "hardware"))
        return self

    def of(self, data: Data) -> Chart:
        """The chart of some data, for every choice."""
        mine = self.fitted(data)
        return replace(mine, shown=Made(mine, data))


class Made(Sequence[Shown]):
    """What a chart shows for each choice, made when it is looked at."""

    def __init__(self, chart: Chart, data: Data) -> None:
        self._chart, self._data = chart, data
        self._choices = list(product(*(data["choices"][name] for name in chart.by)))
        self._found: dict[int, Shown] = {}

    def __len__(self) -> int:
        return len(self._choices)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        if place not in self._found:
            each = dict(zip(self._chart.by, self._choices[place], strict=True))
            self._found[place] = self._chart.make(self._data, each)
        return self._found[place]


CHARTS: dict[str, Chart] = {}


def chart(question: str, *by: str, **more: Any) -> Callable[[Callable[[Data, Choice], Shown]], Callable[..., Shown]]:
    """Register a function as a chart by its name; ``more`` are fields of `Chart`."""

    def register(make: Callable[[Data, Choice], Shown]) -> Callable[..., Shown]:
        name = make.__name__.removeprefix("_")
        CHARTS[name] = Chart(name, question, by=by, make=make, **more)
        return make

    return register


def on_a_device(data: Data) -> bool:
    """Whether anything has a clock and a capacity."""
    return any(facts["capacity"] is not None for facts in data["hardware"].values())


def on_a_node(data: Data) -> bool:
    """Whether anything is a technology node, and nothing a device."""
    return not on_a_device(data)


def with_nodes(data: Data) -> bool:
    """Whether anything is a technology node."""
    return any(facts["capacity"] is None for facts in data["hardware"].values())


def several(data: Data) -> bool:
    """Whether there are precisions to compare."""
    return len(data["precisions"]) > 1


def cell_of(data: Data, at: Choice, **other: str) -> dict[str, Any]:
    """A chosen cell over the grid; empty where it was not asked for."""
    at = at | other
    place = data["index"].get((at["model"], at["hardware"], at["precision"]))
    found: dict[str, Any] = {} if place is None else data["grid"]["cells"][place]
    return found


def point_index(data: Data, at: Choice, batches: str = "batches") -> int:
    """Index of the chosen batch and context among those to choose from, or along the ``curve`` of batches."""
    grid = data["grid"]
    return int(grid[batches].index(at["batch"]) * len(grid["contexts"]) + grid["contexts"].index(at["context"]))


def hardware_at(data: Data, at: Choice) -> list[str]:
    """The chosen hardware, or all."""
    return [at["hardware"]] if "hardware" in at else list(data["hardware"])


def name_of(data: Data, name: str) -> str:
    """A precision, hardware or model as sentences call it."""
    found: str = data["names"].get(name, name)
    return found


def at_words(data: Data, hardware: str) -> str:
    """On a device, at a node."""
    clock = data["hardware"][hardware]["capacity"] is not None
    return f"{'on the' if clock else 'at'} {name_of(data, hardware)}"


@lru_cache(maxsize=1 << 16)
def short(value: float | None) -> float | None:
    """A figure to draw, with the digits that tables print."""
    return None if value is None else to_digits(value, 4)


@lru_cache(maxsize=1 << 16)
def three(value: float) -> str:
    """A figure beside a mark."""
    return significant(value, 1.0, 3)


def parts_at(cell: dict[str, Any], scope: str, k: int) -> dict[str, float]:
    """Energy of each component at a point, within a scope.  [J]"""
    scopes = cell.get("scopes", {})
    if scope not in scopes:
        return {}
    parts = scopes[scope].get("parts")
    if parts is None:
        parts = scopes[list(scopes)[-1]]["parts"]
        outside = {"memory": ("static", "facility")}.get(scope, ("facility",))
        parts = {n: v for n, v in parts.items() if (n in _COMPUTE if scope == "compute" else n not in outside)}
    return {n: v[k] for n, v in parts.items() if v[k] is not None}


def energy_at(cell: dict[str, Any], scope: str, k: int) -> tuple[float, ...] | None:
    """Low, nominal and high energy of the whole run at a point; None where there is none.  [J]"""
    found = cell.get("scopes", {}).get(scope)
    if found is None:
        return None
    low, nominal, high = found["energy"]
    return None if nominal[k] is None else (low[k], nominal[k], high[k])


def against_at(cell: dict[str, Any], scope: str, k: int) -> Any:
    """The strongest rival of a cell at a point, and the ratio to it: low, nominal, high; None where there is none."""
    return (cell.get("scopes", {}).get(scope, {}).get("against") or {k: None})[k]


def undecided(against: Any) -> bool:
    """Whether a ratio, as `against_at` gives it, may be on either side of 1."""
    return against is not None and Difference(against[2] - 1, against[1] - 1, against[3] - 1).undecided


def missing(data: Data, cell: dict[str, Any], at: Choice, hardware: str) -> str:
    """Why a cell cannot be computed, in a few words."""
    capacity, k = data["hardware"][hardware]["capacity"], point_index(data, at)
    if capacity is not None and cell and cell["needs"][k] > capacity:
        return f"does not fit: {with_prefix(cell['needs'][k], 'B', 3)} of {with_prefix(capacity, 'B', 3)}"
    if not cell.get("scopes"):
        return "no price"
    return "no answer in this scope" if at["scope"] not in cell["scopes"] else "-"


def unit_at(data: Data, at: Choice, hardware: str) -> tuple[str, int]:
    """What an energy is given for, and how many of them a run has."""
    generate = data["generate"][at["model"], hardware]
    return ("token", at["batch"] * generate) if generate > 1 else ("sequence", at["batch"])


def table_of(title: str, heads: Sequence[str], rows: Iterable[tuple[str, ...]], words: Sequence[int] = (0,)) -> Table:
    """A table of which some columns hold ``words``, the others figures."""
    return Table(title, tuple(Column(h, i not in words) for i, h in enumerate(heads)), tuple(rows))


def point_words(data: Data, at: Choice) -> str:
    """The chosen point in words, with the model where there are several."""
    model = f"{at['model']}, " if len(data["choices"]["model"]) > 1 else ""
    return f"{model}batch {with_commas(at['batch'])}, {with_commas(at['context'])} tokens in"


def groups(heads: Sequence[int]) -> tuple[dict[str, Any], ...]:
    """A line above each group of rows but the first."""
    return tuple(
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y - 0.55, "y1": y - 0.55, "layer": "between",
         "line": {"width": 1, "color": "var(--line)"}}
        for y in heads[1:]
    )  # fmt: skip


def linear(title: str, end: float) -> Axis:
    """A linear axis from 0 with round ticks."""
    step = 10 ** math.floor(math.log10(end / 3))
    step *= max(s for s in (1, 2, 5) if s * step <= end / 3)
    at = tuple(to_digits(i * step, 6) for i in range(int(end / step) + 1))
    return Axis(title, ticks=at, texts=tuple("0" if v == 0 else tick(v) for v in at), span=(0.0, end))


def apart(labels: Sequence[Label], values: Sequence[float], least: float = 0.055) -> list[Label]:
    """Labels at the right end of lines, moved apart where they would cover one another, none above the highest value.

    >>> at = [Label(1.0, y, "", "ink", True, "right") for y in (0.5, 2.0, 2.0)]
    >>> [round(label.y, 2) for label in apart(at, [0.5, 2.0], least=0.1)]
    [0.5, 1.72, 2.0]
    """
    if not labels:
        return []
    span = (math.log10(max(values)) - math.log10(min(values))) * 1.1 or 1.0
    ranked, heights = sorted(labels, key=lambda one: one.y), list[float]()
    for label in ranked:
        y = math.log10(label.y)
        heights.append(max(y, heights[-1] + least * span) if heights else y)
    above = max(math.log10(max(values)), math.log10(ranked[-1].y)) + least * span
    for i in reversed(range(len(heights))):
        above = heights[i] = min(heights[i], above - least * span)
    return [label._replace(y=10**y) for label, y in zip(ranked, heights, strict=True)]
