"""Filters: comparisons over the columns of a record, parsed and never executed as code."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.errors import BitnetCostError, suggested

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: np.divide,
}  # fmt: skip
LONGEST, DEEPEST = 2000, 40


def expression(text: str) -> ast.expr | None:
    """What a text says as an expression of Python, which is parsed and never run; None where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of '1and 2' is no user's business
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def dotted(node: ast.expr) -> str:
    """A name, or several joined by dots, as it is written; a question mark where it is something else.

    >>> dotted(expression("power.static")), dotted(expression("f(1).a"))
    ('power.static', '?.a')
    """
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


class Filter:
    """A condition on records: columns, numbers, words, comparisons, ``and``, ``or``, ``not``, ``in``, ``+ - * /``.

    What a record cannot say (null) satisfies no comparison.

    >>> kept = Filter("latency_s < 0.05 and (batch == 1 or model in ('a', 'b'))", {"latency_s", "batch", "model"})
    >>> sorted(kept.columns)
    ['batch', 'latency_s', 'model']
    >>> kept({"latency_s": np.array([0.01, np.nan]), "batch": np.array([2, 2]), "model": "a"}, 2).tolist()
    [True, False]

    Raises:
        BitnetCostError: not an expression of these, an unknown column, or too long.
    """

    def __init__(self, text: str, known: Collection[str], words: Collection[str] = ("model",)) -> None:
        self.text = text
        self.columns: set[str] = set()
        self._known, self._words = known, words
        if len(text) > LONGEST:
            raise BitnetCostError(f"where: a filter has at most {LONGEST} characters")
        tree = expression(text)
        if tree is None:
            raise self._bad("is not a condition; write one as in 'fits and latency_s < 0.05'")
        self._tree = tree
        try:
            condition = self._check(tree, 0)
        except RecursionError:  # of what is quoted in an error
            raise self._bad("is nested too deeply") from None
        if not condition:
            raise self._bad("is a figure; write a condition as in 'latency_s < 0.05'")

    def __call__(self, columns: Mapping[str, Any], points: int) -> NDArray[np.bool_]:
        """Which rows are kept; ``columns`` are arrays ``[n]`` or, for names, single words.  [n]"""
        with np.errstate(all="ignore"):
            found = np.asarray(self._value(self._tree, columns), dtype=bool)
        return np.broadcast_to(found, (points,))

    def _bad(self, what: str) -> BitnetCostError:
        return BitnetCostError(f"where: {self.text!r} {what}")

    def _check(self, node: ast.expr, depth: int) -> bool:
        """Refuse what is not accepted; True for a condition, False for a figure."""
        if depth > DEEPEST:
            raise self._bad("is nested too deeply")
        if isinstance(node, ast.BoolOp):
            for part in node.values:
                self._condition(part, depth)
            return True
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self._condition(node.operand, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self._figure(node.operand, depth)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            self._figure(node.left, depth)
            return self._figure(node.right, depth)
        if isinstance(node, ast.Compare):
            return self._compared(node, depth)
        if isinstance(node, ast.Attribute | ast.Name):
            return self._named(node) == "fits"
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            if not abs(node.value) < 1e300:
                raise self._bad("has a number that is too large")
            return False
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            raise self._bad("uses a word as a figure; compare words with ==, != or in")
        raise self._bad(
            f"has {self._quoted(node)}, which is not accepted; filters take columns, numbers, comparisons,"
            " and, or, not, in, + - * /"
        )

    def _quoted(self, node: ast.expr) -> str:
        return repr((ast.get_source_segment(self.text.strip(), node) or "something")[:60])

    def _condition(self, node: ast.expr, depth: int) -> bool:
        if not self._check(node, depth + 1):
            raise self._bad(f"needs a condition where it has {self._quoted(node)}")
        return True

    def _figure(self, node: ast.expr, depth: int) -> bool:
        if self._is_word(node):
            raise self._bad("calculates with a word")
        if self._check(node, depth + 1):
            raise self._bad("calculates with a condition")
        return False

    def _compared(self, node: ast.Compare, depth: int) -> bool:
        sides = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if isinstance(op, ast.In | ast.NotIn):
                if not isinstance(right, ast.Tuple | ast.List) or not right.elts:
                    raise self._bad("needs a list after 'in', as in precision in ('bf16', 'int8')")
                pairs = [(left, each) for each in right.elts]
            elif type(op) in _COMPARE:
                pairs = [(left, right)]
            else:
                raise self._bad("compares with 'is', which is not accepted")
            for one, other in pairs:
                words = self._is_word(one), self._is_word(other)
                if words[0] != words[1]:
                    raise self._bad("compares a word with a figure")
                if words[0] and not isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
                    raise self._bad("compares words with other than ==, != and in")
                for side in () if words[0] else (one, other):
                    if self._check(side, depth + 1):
                        raise self._bad("compares a condition; write it alone, as in 'fits and batch > 1'")
        return True

    def _is_word(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str)
        return isinstance(node, ast.Name | ast.Attribute) and self._named(node) in self._words

    def _named(self, node: ast.expr) -> str:
        """The column that a name, or a path such as power.static, means."""
        name = dotted(node)
        if name not in self._known:
            hint = suggested(name, self._known, f"; there are {', '.join(self._known)}")
            raise self._bad(f"names {name[:60]!r}, which is not a column{hint}")
        self.columns.add(name)
        return name

    def _value(self, node: ast.expr, columns: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.BoolOp):
            parts = [np.asarray(self._value(part, columns), dtype=bool) for part in node.values]
            found = parts[0]
            for part in parts[1:]:
                found = found & part if isinstance(node.op, ast.And) else found | part
            return found
        if isinstance(node, ast.UnaryOp):
            inner = self._value(node.operand, columns)
            return np.logical_not(inner) if isinstance(node.op, ast.Not) else -inner
        if isinstance(node, ast.BinOp):
            return _ARITHMETIC[type(node.op)](self._value(node.left, columns), self._value(node.right, columns))
        if isinstance(node, ast.Compare):
            return self._comparison(node, columns)
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else float(node.value)  # type: ignore[arg-type]  # checked
        return columns[dotted(node)]

    def _comparison(self, node: ast.Compare, columns: Mapping[str, Any]) -> Any:
        found: Any = True
        sides = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
            value = self._value(left, columns)
            if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Tuple | ast.List):
                inside: Any = False
                for each in right.elts:
                    inside = np.logical_or(inside, value == self._value(each, columns))
                holds = inside if isinstance(op, ast.In) else np.logical_not(inside)
            else:
                other = self._value(right, columns)
                holds = _COMPARE[type(op)](value, other)
                if isinstance(op, ast.NotEq):  # null satisfies nothing
                    for side in (value, other):
                        if isinstance(side, np.ndarray) and side.dtype.kind == "f":
                            holds = holds & ~np.isnan(side)
            found = np.logical_and(found, holds)
        return found
