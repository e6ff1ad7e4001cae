"""A filter of records, as in ``--where 'fits and energy_per_token_j < 0.5'``: parsed, never evaluated as code."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable
from typing import Any

from bitnet_cost.errors import BitnetCostError, UnknownName
from bitnet_cost.record import METRICS

Predicate = Callable[[dict[str, Any]], bool]
_LONGEST = 500
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_KNOWN = "comparisons (< <= > >= == != in), and, or, not, numbers, 'text', True, False, None and names of columns"


def where(text: str) -> Predicate:
    """A test of one record. An order asked of what is missing (null) does not hold.

    >>> cheap = where("fits and 0 < energy_j <= 2 and precision in ('int4', 'bitnet')")
    >>> cheap({"fits": True, "energy_j": 1.5, "precision": "int4"}), cheap({"fits": True, "energy_j": None})
    (True, False)

    Raises:
        BitnetCostError: no such expression; a call, an attribute, arithmetic or anything else that is not a comparison.
        UnknownName: no such column.
    """
    if len(text) > _LONGEST:
        raise BitnetCostError(f"where: {len(text)} characters; at most {_LONGEST}")
    tree = expression(text)
    if tree is None:
        raise BitnetCostError(f"where: {text!r} cannot be read; known: {_KNOWN}")
    try:
        test = _value(tree)
    except RecursionError:
        raise BitnetCostError(f"where: {text!r} is nested too deeply") from None
    return lambda record: bool(test(record))


def expression(text: str) -> ast.expr | None:
    """What a text says as an expression of Python, which is parsed and never run; None where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of '1and 2' is no user's business
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Callable[[dict[str, Any]], Any]:
    if isinstance(node, ast.BoolOp):
        parts = [_value(part) for part in node.values]
        every = isinstance(node.op, ast.And)
        return lambda r: all(p(r) for p in parts) if every else any(p(r) for p in parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _value(node.operand)
        return lambda r: not inner(r)
    if isinstance(node, ast.Compare):
        return _comparison(node)
    if isinstance(node, ast.Name):
        name = node.id
        if name not in METRICS:
            raise UnknownName("column", name, METRICS)
        return lambda r: r.get(name)
    constant = _constant(node)
    return lambda _: constant


def _comparison(node: ast.Compare) -> Callable[[dict[str, Any]], bool]:
    terms = [_value(part) for part in (node.left, *node.comparators)]
    tests = [_test(op) for op in node.ops]

    def holds(record: dict[str, Any]) -> bool:
        values = [term(record) for term in terms]
        return all(test(a, b) for test, a, b in zip(tests, values, values[1:], strict=False))

    return holds


def _test(op: ast.cmpop) -> Callable[[Any, Any], bool]:
    if isinstance(op, ast.Eq | ast.NotEq):
        equal = isinstance(op, ast.Eq)
        return lambda a, b: (a == b) is equal
    if isinstance(op, ast.In | ast.NotIn):
        inside = isinstance(op, ast.In)
        return lambda a, b: (a is not None and b is not None and _held(a, b)) is inside
    compare = _ORDER.get(type(op))
    if compare is None:
        raise BitnetCostError(f"where: {type(op).__name__} is no comparison here; known: {_KNOWN}")

    def ordered(a: Any, b: Any) -> bool:
        if a is None or b is None:
            return False
        if isinstance(a, str) != isinstance(b, str) or isinstance(a, tuple) or isinstance(b, tuple):
            raise BitnetCostError(f"where: {a!r} and {b!r} have no order")
        return bool(compare(a, b))

    return ordered


def _held(a: Any, b: Any) -> bool:
    if isinstance(b, tuple):
        return a in b
    if isinstance(a, str) and isinstance(b, str):
        return a in b
    raise BitnetCostError(f"where: {b!r} holds nothing; write a list ('a', 'b') or a text")


def _constant(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | None):
        return node.value
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_constant(part) for part in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _constant(node.operand)
        if isinstance(inner, int | float):
            return -inner
    raise BitnetCostError(f"where: {ast.unparse(node)!r} is not allowed; known: {_KNOWN}")
