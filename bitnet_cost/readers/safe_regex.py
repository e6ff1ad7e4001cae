"""Regular expressions out of a file, matched without backtracking: no expression takes long, whoever wrote it.

A set of positions in the text is a whole number, one bit each; an expression maps the set where it may begin to the
set where it may have ended. Repetitions end when nothing new is reached, so the work is at most the length of the text
times the length of the expression for each level of nesting, and `Budget` ends what would still take long.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import reduce
from re import _parser as grammar  # type: ignore[attr-defined]  # Python's own reading of an expression
from typing import Any

from bitnet_cost.errors import BitnetCostError

LONGEST = 1_000  # characters of an expression
STEPS = 2_000_000  # of all expressions of a file together


class Budget:
    """Steps that are left for the expressions of one file."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps

    def spend(self, expression: str) -> None:
        """Take one step.

        Raises:
            BitnetCostError: none is left.
        """
        self.left -= 1
        if self.left < 0:
            raise BitnetCostError(f"the regular expression {expression[:60]!r} takes too long; write names")


class Expression:
    """A compiled expression, which begins where the text begins and may end anywhere, as `re.match`.

    >>> found = Expression("model.layers.*.self_attn", Budget())
    >>> found.matches("model.layers.12.self_attn.q_proj"), found.matches("model.layers.12.mlp.up_proj")
    (True, False)
    >>> Expression(r"^(?!.*experts).*(gate|up)_proj$", Budget()).matches("model.layers.0.mlp.up_proj")
    True
    >>> Expression("(a+)+$", Budget()).matches("a" * 200 + "b")
    False

    Raises:
        BitnetCostError: not an expression, one that is too long, or one that looks back at what it matched.
    """

    def __init__(self, text: str, budget: Budget) -> None:
        self.text, self.budget = text[:LONGEST], budget
        if len(text) > LONGEST:
            raise BitnetCostError(f"a regular expression of {len(text)} characters; at most {LONGEST}")
        try:
            with warnings.catch_warnings():  # of what a later Python will read otherwise
                warnings.simplefilter("ignore")
                self.tree = list(grammar.parse(text))
            looks_back = any(kind not in _READ for kind in _kinds(self.tree))
        except (re.error, RecursionError, OverflowError) as fault:
            raise BitnetCostError(f"{text[:60]!r} is not a regular expression: {str(fault)[:80]}") from None
        if looks_back:
            raise BitnetCostError(f"the regular expression {text[:60]!r} looks back, which is not read here")

    def matches(self, name: str) -> bool:
        """Whether the expression matches at the beginning of a name.

        Raises:
            BitnetCostError: the budget is spent.
        """
        try:
            return bool(_Run(name, self).ends(self.tree, 1))
        except RecursionError:
            raise BitnetCostError(f"the regular expression {self.text[:60]!r} is nested too deeply") from None


_CHARACTERS = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_NESTED = (*_REPEATS, "SUBPATTERN", "ASSERT", "ASSERT_NOT")
_READ = {*_CHARACTERS, *_NESTED, "BRANCH", "ATOMIC_GROUP", "AT"}


def _kinds(nodes: list[Any]) -> Iterator[str]:
    """The operations of an expression, its inner ones too; an assertion about what lies before is one of its own."""
    for operation, given in nodes:
        kind = str(operation)
        yield f"{kind} back" if kind.startswith("ASSERT") and given[0] < 0 else kind
        if kind == "BRANCH":
            parts = given[1]
        elif kind == "ATOMIC_GROUP":
            parts = [given]
        else:
            parts = [given[-1]] if kind in _NESTED else []
        for part in parts:
            yield from _kinds(list(part))


class _Run:
    """One expression over one text."""

    def __init__(self, name: str, expression: Expression) -> None:
        self.name, self.expression = name, expression
        self.every = (1 << len(name)) - 1  # where a character begins
        self.where: dict[str, int] = {}
        for place, char in enumerate(name):
            self.where[char] = self.where.get(char, 0) | 1 << place

    def ends(self, nodes: list[Any], starts: int) -> int:
        for node in nodes:
            if not starts:
                return 0
            self.expression.budget.spend(self.expression.text)
            starts = self.step(node, starts)
        return starts

    def step(self, node: Any, starts: int) -> int:
        operation, given = node
        kind = str(operation)
        if kind in _CHARACTERS:
            return (starts & self.places(kind, given)) << 1
        if kind == "BRANCH":
            return reduce(int.__or__, (self.ends(list(way), starts) for way in given[1]), 0)
        if kind == "SUBPATTERN":
            return self.ends(list(given[-1]), starts)
        if kind in _REPEATS:
            least, most, body = given
            return self.repeated(least, int(most), list(body), starts)
        if kind == "ATOMIC_GROUP":
            return self.ends(list(given), starts)
        if kind == "AT":
            return starts & self.anchors(str(given))
        met = sum(bit for bit in _bits(starts) if self.ends(list(given[1]), bit))  # what follows is looked at
        return met if kind == "ASSERT" else starts & ~met

    def repeated(self, least: int, most: int, nodes: list[Any], starts: int) -> int:
        length = len(self.name) + 1
        for _ in range(min(least, length)):
            starts = self.ends(nodes, starts)
        reached = new = starts
        for _ in range(min(most - least, length)):
            new = self.ends(nodes, new) & ~reached
            if not new:
                break
            reached |= new
        return reached

    def places(self, kind: str, given: Any) -> int:
        """Positions whose character a node takes."""
        if kind == "ANY":
            return self.every & ~self.where.get("\n", 0)
        if kind in ("LITERAL", "NOT_LITERAL"):
            found = self.where.get(chr(given), 0)
            return found if kind == "LITERAL" else self.every & ~found
        negated = bool(given) and str(given[0][0]) == "NEGATE"
        found = 0
        for operation, value in given[negated:]:
            takes = _TAKES[str(operation)](value)
            found |= reduce(int.__or__, (places for char, places in self.where.items() if takes(char)), 0)
        return self.every & ~found if negated else found

    def anchors(self, kind: str) -> int:
        if kind in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
            return 1
        if kind in ("AT_END", "AT_END_STRING"):
            return 1 << len(self.name)
        word = reduce(int.__or__, (p for char, p in self.where.items() if _CLASSES["WORD"](char)), 0)
        edges = word ^ (word << 1)
        return edges if kind == "AT_BOUNDARY" else ((self.every << 1) | 1) & ~edges


_CLASSES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdigit, "SPACE": str.isspace, "WORD": lambda char: char.isalnum() or char == "_",
}  # fmt: skip


def _class(value: Any) -> Callable[[str], bool]:
    name = str(value).removeprefix("CATEGORY_")
    takes = _CLASSES[name.removeprefix("NOT_")]
    return (lambda char: not takes(char)) if name.startswith("NOT_") else takes


_TAKES: dict[str, Callable[[Any], Callable[[str], bool]]] = {
    "LITERAL": lambda value: lambda char: ord(char) == value,
    "RANGE": lambda value: lambda char: value[0] <= ord(char) <= value[1],
    "CATEGORY": _class,
}


def _bits(mask: int) -> list[int]:
    return [1 << place for place in range(mask.bit_length()) if mask >> place & 1]
