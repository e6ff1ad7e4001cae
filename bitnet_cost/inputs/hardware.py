"""Hardware: the energy of each action and memory level, with source and range.

A *technology node* has prices and no clock: it answers energy of arithmetic, not latency or static power.
"""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from bitnet_cost.errors import nearest
from bitnet_cost.inputs.cited import (
    Bandwidth,
    Basis,
    Capacity,
    EnergyPerBit,
    EnergyPerOperation,
    Input,
    Source,
    check_basis,
    check_sources,
)

Scope = Literal["arithmetic", "compute", "memory", "device", "facility"]
SPECIAL = ("exp", "tanh", "erf", "div", "sqrt")

_ACTION = re.compile(r"(mul|add|mac|exp|tanh|erf|div|sqrt)\.(fp|bf|int)[0-9]+")


class SpecialFunction(Input):
    """A special function as a stated number of multiplications and additions of its format."""

    mul: float = Field(ge=0, le=1000, description="multiplications")
    add: float = Field(ge=0, le=1000, description="additions")
    low_factor: float = Field(gt=0, le=1, description="lowest believable energy, as a factor")
    high_factor: float = Field(ge=1, le=100, description="highest believable energy, as a factor")
    basis: Basis = Field(description="how it is known")
    source: str = Field(min_length=1, description="a key of the file's sources")
    note: str = Field(default="", description="how the numbers come about")


class MemoryLevel(Input):
    """One level of the memory hierarchy."""

    capacity: Capacity | None = Field(None, description="bits that fit; left out: unbounded")
    read: EnergyPerBit = Field(description="energy of reading one bit")
    write: EnergyPerBit = Field(description="energy of writing one bit")
    bandwidth: Bandwidth | None = Field(None, description="bits per second; a technology node has none")


class Hardware(Input):
    """A hardware profile."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60, description="catalogue id")
    title: str = Field(min_length=2, description="in words")
    kind: Literal["technology"] = Field(description="technology: prices of a process node, no clock")
    note: str = Field(default="", description="what a reader should know")
    actions: dict[str, EnergyPerOperation] = Field(min_length=1, description="energy of one action")
    special_functions: dict[str, SpecialFunction] = Field(
        default_factory=dict, description="special functions without a published figure"
    )
    hierarchy: dict[str, MemoryLevel] = Field(default_factory=dict, description="memory levels, nearest first")
    sources: dict[str, Source] = Field(min_length=1, description="where the figures come from")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for action in self.actions:
            if not _ACTION.fullmatch(action):
                stem, _, form = action.partition(".")
                close = nearest(stem, ["mul", "add", "mac", *SPECIAL])
                hint = f"; did you mean '{close}.{form}'?" if close and form else ""
                raise ValueError(
                    f"actions: {action!r} is no action; expected mul, add, mac or a special function"
                    f" of a format, as in mul.fp16{hint}"
                )
        for name in self.special_functions:
            if name not in SPECIAL:
                raise ValueError(f"special_functions: {name!r} is not one of {', '.join(SPECIAL)}")
        check_sources(self.sources, self._cited())
        check_basis(self.sources, {f"actions.{a}": (f.source, f.basis) for a, f in self.actions.items()})
        return self

    def _cited(self) -> dict[str, str]:
        used = {f"actions.{a}": figure.source for a, figure in self.actions.items()}
        used |= {f"special_functions.{n}": f.source for n, f in self.special_functions.items()}
        for name, level in self.hierarchy.items():
            for field in ("capacity", "read", "write", "bandwidth"):
                figure = getattr(level, field)
                if figure is not None:
                    used[f"hierarchy.{name}.{field}"] = figure.source
        return used

    @property
    def default_scope(self) -> Scope:
        """The scope that is answered when none is asked for."""
        return "arithmetic"

    def price(self, action: str) -> tuple[float, float, float] | None:
        """``(low, nominal, high)`` energy of an action, or None.  [J]

        A special function without a figure of its own costs its stated number of multiplications and additions at
        their nominal price, within its own range.
        """
        figure = self.actions.get(action)
        if figure is not None:
            return figure.low, figure.value, figure.high
        name, _, form = action.partition(".")
        function = self.special_functions.get(name)
        mul, add = self.actions.get(f"mul.{form}"), self.actions.get(f"add.{form}")
        if function is None or mul is None or add is None:
            return None
        energy = function.mul * mul.value + function.add * add.value
        return function.low_factor * energy, energy, function.high_factor * energy

    def basis(self, action: str) -> Basis | None:
        """How an action's price is known."""
        figure = self.actions.get(action)
        if figure is not None:
            return figure.basis
        function = self.special_functions.get(action.partition(".")[0])
        return function.basis if function else None
