"""What one offline page holds, as data: the report, charts with their tables, assumptions, how to reproduce."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import Any

from bitnet_cost import __version__
from bitnet_cost.numerals import percent, prefix_of, significant, used, with_prefix
from bitnet_cost.tables import Report, Table
from bitnet_cost.views.charts import CHARTS, Chart, Choice, Data, Shown, cell_of, generated_tokens, missing, point_index
from bitnet_cost.views.figures import Drawing

Choices = dict[str, list[tuple[str, str]]]  # the values of each selector, and how they read
TILES = ("memory", "energy", "energy per token", "saving", "tokens/s", "time", "power")


def one_chart(name: str, question: str, heading: str, table: Table, figure: Drawing | None, note: str = "") -> Chart:
    """A chart without a choice."""
    return Chart(name, question, (Shown((heading,), table, figure),), note=note)


@dataclass(frozen=True, eq=False, repr=False)
class Cited:
    """A source: in words, a link where its locator is one, and how it was seen."""

    key: str
    text: str
    link: str
    seen: str


@dataclass(frozen=True, eq=False, repr=False)
class Page:
    """One page. ``document`` and ``rows`` are what can be taken from it as JSON and as CSV.

    ``choices`` are the selectors with their values, ``opening`` the choice that the page opens with, and ``tiles`` the
    texts of `TILES` for every choice of all selectors. ``charts_first``: before the report's tables.
    """

    report: Report
    charts: tuple[Chart, ...]
    document: dict[str, Any]
    rows: Sequence[dict[str, Any]]
    reproduce: tuple[tuple[str, str], ...]
    assumptions: tuple[Table, ...] = ()
    sources: tuple[Cited, ...] = ()
    not_counted: tuple[str, ...] = ()
    choices: Choices = field(default_factory=dict)
    opening: dict[str, str] = field(default_factory=dict)
    tiles: tuple[tuple[str, ...], ...] = ()
    tables_heading: str = "The tables beside the model"
    charts_first: bool = False

    def index(self, by: Sequence[str]) -> int:
        """Where the opening choice of some selectors is among what is shown for all."""
        found = 0
        for name in by:
            values = [value for value, _ in self.choices[name]]
            found = found * len(values) + values.index(self.opening[name])
        return found


def how_to_reproduce(command: str) -> tuple[tuple[str, str], ...]:
    """How to make a page again: the command and the version."""
    return ("Command", command), ("Version", f"bitnet-cost {__version__}")


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for garbage: what every choice shows is half a million objects, all of them kept."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def charts(data: Data) -> tuple[Chart, ...]:
    """Every chart that the data can answer, for every choice."""
    return tuple(chart.of(data) for chart in CHARTS.values() if chart.answers(data))


def tiles(data: Data) -> tuple[tuple[str, ...], ...]:
    """The texts of `TILES` for every choice."""
    choices = data["choices"]
    return tuple(numbers(data, dict(zip(choices, chosen, strict=True))) for chosen in product(*choices.values()))


def numbers(data: Data, at: Choice) -> tuple[str, ...]:
    """The chosen cell in a few figures, in the order of `TILES`."""
    cell, k = cell_of(data, at), point_index(data, at)
    why = missing(data, cell, at)
    scope = cell.get("scopes", {}).get(at["scope"], {})
    low, energy, high = (v[k] for v in scope["energy"]) if scope else (None, None, None)
    generate, saving = generated_tokens(data, at), scope.get("saving")
    capacity, needs = data["hardware"][at["hardware"]]["capacity"], cell["needs"][k]
    prefix, scale = prefix_of(energy or 0.0)
    timed = "no clock" if capacity is None else why
    tokens, seconds, power = ((cell[n][k] if n in cell else None) for n in ("tokens_per_s", "seconds", "power_w"))
    share = "" if capacity is None else f", {used(needs / capacity)}{' %' if needs / capacity < 10 else ''}"
    span = "" if energy is None else f" ({significant(low, scale, 3)} to {significant(high, scale, 3)})"
    found = (
        with_prefix(needs, "B") + share,
        why if energy is None else f"{significant(energy, scale, 4)} {prefix}J{span}",
        "-" if generate == 1 else why if energy is None else with_prefix(energy / (at["batch"] * generate), "J"),
        "-" if not saving or saving[1][k] is None else f"{percent(saving[1][k])} %",
        timed if tokens is None else significant(tokens, 1.0, 4),
        timed if seconds is None else with_prefix(seconds, "s"),
        timed if power is None else f"{significant(power, 1.0, 4)} W",
    )
    return tuple(map(unbroken, found))


_BREAKS = re.compile(r"(?<!,) (?!\()")
_DIGIT = re.compile(r"\d")


@lru_cache(maxsize=1 << 16)
def unbroken(text: str) -> str:
    r"""A figure with its unit on one line: lines break after a comma or before a bracket alone.

    >>> unbroken("2.517 GB, 3.0 %"), unbroken("no clock")
    ('2.517\xa0GB, 3.0\xa0%', 'no clock')
    """
    return _BREAKS.sub("\u00a0", text) if _DIGIT.search(text) else text
