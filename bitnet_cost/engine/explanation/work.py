"""Arithmetic that is written down: expressions that hold their text and their value, and steps that follow from them.

A step reads ``name [unit] = expression = value`` in full precision, with ``x``, ``/``, ``+``, ``-``, ``^``, brackets,
``max``, ``min``, ``ceil`` and ``floor``; a reader, or a test, can evaluate each and end at the cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.cited import Figure, Source
from bitnet_cost.result import Lever, Step


class Expression(NamedTuple):
    """Numbers joined by signs: what is printed, and what it comes to."""

    text: str
    value: float
    binding: int = 0  # 0 a number or a call, 1 a power, 2 a product, 3 a sum


Part = Expression | float


def number(value: float) -> str:
    """A number as it is printed in a step: whole where it is whole, else with 15 significant digits.

    >>> number(512.0), number(3e-14), number(1 / 3)
    ('512', '3e-14', '0.333333333333333')
    """
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.15g}"


def _of(part: Part) -> Expression:
    return part if isinstance(part, Expression) else Expression(number(part), float(part))


def _within(part: Part, most: int) -> str:
    """The text of a part, in brackets where it binds more loosely than what it stands in."""
    text, _, binding = _of(part)
    return text if binding <= most else f"({text})"


def product(*factors: Part, over: Sequence[Part] = ()) -> Expression:
    """Factors times each other, divided by each of ``over``.

    >>> product(2.0, total([1.0, 3.0]), over=[4.0])
    Expression(text='2 x (1 + 3) / 4', value=2.0, binding=2)
    """
    if len(factors) == 1 and not over:
        return _of(factors[0])
    value = math.prod(_of(f).value for f in factors)
    for divisor in over:
        value /= _of(divisor).value
    text = " x ".join(_within(f, 2) for f in factors) + "".join(f" / {_within(d, 1)}" for d in over)
    return Expression(text, value, 2)


def total(terms: Sequence[Part]) -> Expression:
    """A sum, first to last; 0 of nothing."""
    parts = [_of(t) for t in terms]
    if len(parts) <= 1:
        return parts[0] if parts else Expression("0", 0.0)
    value = 0.0
    for part in parts:
        value += part.value
    return Expression(" + ".join(p.text for p in parts), value, 3)


def less(first: Part, second: Part) -> Expression:
    """A difference.

    >>> less(5.0, total([1.0, 2.0])).text
    '5 - (1 + 2)'
    """
    return Expression(f"{_within(first, 3)} - {_within(second, 2)}", _of(first).value - _of(second).value, 3)


def power(base: Part, exponent: Part) -> Expression:
    """A power."""
    return Expression(f"{_within(base, 0)} ^ {_within(exponent, 0)}", _of(base).value ** _of(exponent).value, 1)


def _call(name: str, function: Callable[..., float], *parts: Part) -> Expression:
    return Expression(
        f"{name}({', '.join(_of(p).text for p in parts)})", float(function(*(_of(p).value for p in parts)))
    )


def larger(*parts: Part) -> Expression:
    """The largest of several."""
    return _call("max", max, *parts)


def smaller(*parts: Part) -> Expression:
    """The smallest of several."""
    return _call("min", min, *parts)


def ceiling(part: Part) -> Expression:
    """Rounded up."""
    return _call("ceil", math.ceil, part)


def floored(part: Part) -> Expression:
    """Rounded down."""
    return _call("floor", math.floor, part)


@dataclass
class Work:
    """Steps in the order in which they are worked through, and the constants that they rest on."""

    steps: list[Step] = field(default_factory=list)
    prices: dict[str, None] = field(default_factory=dict)  # actions
    constants: dict[str, Lever] = field(default_factory=dict)  # figures that are no prices, by name
    sources: dict[str, Source] = field(default_factory=dict)  # of those, by the name of the constant
    _known: set[tuple[str, str]] = field(default_factory=set)

    def step(self, name: str, unit: str, expression: Part, wanted: float | None = None) -> float:
        """Write one step down, once; returns its value, which must be what the table holds.

        Raises:
            BitnetCostError: it is not: better no explanation than one that does not recompute.
        """
        text, value, _ = _of(expression)
        self._held(name, unit, value, wanted)
        if (name, text) not in self._known:
            self._known.add((name, text))
            self.steps.append(Step(name, unit, text, value))
        return value

    def line(self, name: str, unit: str, expression: Part, wanted: float | None = None) -> float:
        """A step, unless it is a single number, which then speaks for itself."""
        part = _of(expression)
        if part.text == number(part.value):
            self._held(name, unit, part.value, wanted)
            return part.value
        return self.step(name, unit, part, wanted)

    @staticmethod
    def _held(name: str, unit: str, value: float, wanted: float | None) -> None:
        if wanted is not None and not math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-15):
            raise BitnetCostError(
                f"cannot be worked through: {name} comes to {value:.12g} {unit}, the table holds {wanted:.12g}"
            )

    def figure(self, name: str, figure: Figure, sources: dict[str, Source]) -> float:
        """A constant of the profile or of the runtime; returns its value."""
        self.constants[name] = Lever(
            name, figure.low, figure.value, figure.high, figure.dimension.si, figure.basis, figure.source, name
        )
        self.sources[name] = sources[figure.source]
        return figure.value
