"""A graph of told numbers as arithmetic that a reader can follow: every named number a step, after those it is made of.

A step reads ``name [unit] = expression = value`` in full precision, with ``x``, ``/``, ``+``, ``-``, brackets,
``max``, ``min``, ``floor``, ``ceil``, ``sqrt`` and ``exp``. What a condition left out, and what a largest or smallest
of many did not choose, is not printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bitnet_cost.told import EXACT, Node

Number = Node | float
MANY = 6  # of a largest or smallest of more, only the one that it is


def number_text(value: float) -> str:
    """A number as it is printed in a step: whole where it is whole, else in all its digits.

    >>> number_text(512.0), number_text(3e-14), number_text(1 / 3)
    ('512', '3e-14', '0.3333333333333333')
    """
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def single(found: Any) -> Number:
    """The number of a single point, which may stand in an array."""
    number: Number = found.ravel()[0] if isinstance(found, np.ndarray) else found
    return number


@dataclass(frozen=True, slots=True)
class Step:
    """One line of arithmetic: ``name = expression = value``, the expression in numbers, ``x``, ``+`` and so on."""

    name: str
    unit: str
    expression: str
    value: float


class Steps:
    """The steps of a cell: every named number below it, each once, after those that it is made of."""

    def __init__(self, cell: str, unit: str) -> None:
        self.cell, self.unit = cell, unit
        self.found: list[Step] = []
        self.inputs: set[Node] = set()
        self._known: set[Node] = set()
        self._texts: dict[tuple[Node, bool], tuple[str, int, list[Node]]] = {}

    def end(self, number: Number) -> None:
        """The cell itself, and before it all that it is made of."""
        self.add(self.cell, self.unit, number)

    def add(self, name: str, unit: str, found: Any) -> None:
        """A step under a name, and before it those that it is made of."""
        number = single(found)
        if not isinstance(number, Node):
            self.found.append(Step(name, unit, number_text(number), float(number)))
            return
        waiting = [(number, name)]
        while waiting:
            node, said = waiting[-1]
            text, _, parts = self._text(node, whole=True)
            place = (said if node.local else [*node.names, ""][0]).rpartition(", ")[0]
            missing = [(part, _step_name(part, place)) for part in parts if part.op and part not in self._known]
            if missing:
                waiting += missing[::-1]
                continue
            waiting.pop()
            self.inputs |= {part for part in parts if not part.op}
            if node is number or node not in self._known:
                self._known.add(node)
                self.found.append(Step(said, unit if node is number else node.unit or "1", text, float(node.value)))

    def _text(self, number: Number, whole: bool = False) -> tuple[str, int, list[Node]]:
        """A number as text, how loosely it binds (1 a factor, 2 a product, 3 a sum), and the nodes that it names."""
        if not isinstance(number, Node):
            return number_text(number), 1, []
        if (number.names or not number.op) and not (whole and number.op):
            return number_text(number.value), 1, [number]
        if (number, whole) not in self._texts:
            self._texts[number, whole] = self._written(number, whole)
        return self._texts[number, whole]

    def _written(self, number: Node, whole: bool) -> tuple[str, int, list[Node]]:
        """A number as the text of its operation."""
        if number.shown is not None and number.op:
            function, inside = number.shown
            text, _, parts = self._text(inside)
            return f"{function}({text})", 1, parts
        if number.op == "where":
            return self._text(number.args[1 if _value(number.args[0]) else 2], whole=whole)
        if number.op in ("<", "<=", ">", ">="):
            return number_text(float(number.value)), 1, []
        spine, kin = self._spine(number)
        if number.op in ("max", "min"):
            operands = [operand for _, operand in spine]
            if len(operands) > MANY or any(np.isinf(_value(o)) for o in operands):
                operands = [next(o for o in operands if _value(o) == number.value)]
                return self._text(operands[0], whole=whole and operands[0] is not number)
            texts = [self._text(operand) for operand in operands]
            return f"{number.op}({', '.join(t for t, _, _ in texts)})", 1, [p for _, _, ps in texts for p in ps]
        if number.op not in kin:
            text, _, parts = self._text(number.args[0])
            return f"{number.op}({text})", 1, parts
        most = 3 if number.op in "+-" else 2
        written, every = "", list[Node]()
        exact, product = True, 1.0  # a product of whole numbers that stays exact needs no brackets
        for sign, operand in spine:
            text, binding, parts = self._text(operand)
            exact = exact and sign != "/" and _is_whole(operand) and abs(product * _value(operand)) <= EXACT
            product = product * _value(operand) if exact else 1.0
            loose = binding > (most if not written else most - 1) and not (sign == "*" and exact)
            written += f"{f' {sign} ' if written else ''}{f'({text})' if loose else text}".replace("*", "x")
            every += parts
        return written, most, every

    @staticmethod
    def _spine(number: Node) -> tuple[list[tuple[str, Number]], tuple[str, ...]]:
        """What a chain of like operations joins, from the left: ``((a + b) - c)`` is a, + b, - c."""
        kin = next((k for k in (("+", "-"), ("*", "/"), ("max",), ("min",)) if number.op in k), ())
        found: list[tuple[str, Number]] = []
        here: Number = number
        while isinstance(here, Node) and here.op in kin and here.shown is None and (here is number or not here.names):
            found.append((here.op, here.args[1]))
            here = here.args[0]
        return [("", here), *found[::-1]], kin


def _is_whole(number: Number) -> bool:
    """Whether a number is a product of whole ones that is exact, so that no bracket changes it."""
    if not isinstance(number, Node):
        return float(number).is_integer()
    whole = float(number.value).is_integer() and abs(number.value) <= EXACT
    return whole and number.op in ("", "*") and all(_is_whole(arg) for arg in number.args)


def _step_name(node: Node, place: str) -> str:
    """A node's names in a step: a formula's own after the place where it ran, and what else is the same number."""
    if node.local:
        return f"{place}, {node.names[0]}" if place else node.names[0]
    also = f" (and {', '.join(node.names[1:3])})" if len(node.names) > 1 else ""
    return node.names[0] + also


def _value(number: Number) -> Any:
    return number.value if isinstance(number, Node) else number
