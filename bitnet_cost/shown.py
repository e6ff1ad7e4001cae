"""What prints and shows itself: in one line by ``repr``; by ``print``, rich and in notebooks as a verdict and a table.

The line is made here, of the object's own fields. The rest is known where the views are, above the ledger and the
inputs: the package loads it when something is first shown (`bitnet_cost.looks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

import bitnet_cost
from bitnet_cost.numerals import cell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from plotly.graph_objects import Figure
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

Theme = Literal["light", "dark"]
MOST_FIELDS = 6  # of a line
MOST_NAMES = 3  # of a field


class Shown:
    """Base of what has a line, a text and tables."""

    __slots__ = ()

    def _line(self) -> str:
        """What it is, in a few words: name and title, or the fields of a dataclass, where a class says nothing else."""
        name, title = (getattr(self, which, None) for which in ("name", "title"))
        if isinstance(name, str) and isinstance(title, str):
            return f"{name} ({title})" if title else name
        given = {name: value for name, value in named_fields(self).items() if getattr(value, "size", 1) == 1}
        words = [f"{name} {brief_value(value)}" for name, value in list(given.items())[:MOST_FIELDS]]
        return ", ".join(words + ["..."] * (len(given) > MOST_FIELDS))

    def __repr__(self) -> str:
        line = self._line()
        return f"<{type(self).__name__}{': ' if line else ''}{line}>"

    def __str__(self) -> str:
        text: str = bitnet_cost.looks_of_objects().text_of(self)
        return text

    def _repr_html_(self) -> str:
        markup: str = bitnet_cost.looks_of_objects().markup_of(self)
        return markup

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield bitnet_cost.looks_of_objects().rich_of(self, options.max_width)


def drawn(thing: Shown, theme: Theme, **asked: str | None) -> Figure:
    """A figure of plotly, as `bitnet_cost.looks` draws it."""
    return bitnet_cost.looks_of_objects().figure_of(thing, theme, **asked)


def write_report(thing: Shown, path: str | PathLike[str]) -> None:
    """Write a page, as `bitnet_cost.looks` makes it."""
    bitnet_cost.looks_of_objects().write_report(thing, path)


def named_fields(thing: Any) -> dict[str, Any]:
    """The public fields that hold something, of a dataclass or of an input; empty for anything else."""
    names = list(getattr(type(thing), "model_fields", ()))
    names += [f.name for f in fields(thing) if f.init and not f.name.startswith("_")] if is_dataclass(thing) else []
    found = {name: getattr(thing, name) for name in names}
    return {name: value for name, value in found.items() if value is not None and not callable(value)}


def brief_value(value: Any) -> str:
    """A value in a few words: a name, a figure, the shape of an array, how many entries.

    >>> brief_value(2.0), brief_value({"a": 1, "b": 2}), brief_value([(1, 2)] * 9)
    ('2', 'a, b', '9 entries')
    """
    name = getattr(value, "name", None)
    if isinstance(name, str) and name:
        return name
    if isinstance(value, str | int | float):
        return cell(value)
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and hasattr(value, "tolist"):
        return brief_value(value.item()) if value.size == 1 else f"{' x '.join(map(str, shape))} figures"
    if isinstance(value, Mapping | Sequence):
        entries = list(value)
        plain = len(entries) <= MOST_NAMES and all(isinstance(entry, str | int | float) for entry in entries)
        return ", ".join(map(brief_value, entries)) or "none" if plain else f"{len(entries)} entries"
    return type(value).__name__
