"""Told numbers: numbers that remember how they came about.

A formula that runs on told numbers leaves, beside its value, a graph: constants, named inputs, and one node for each
operation. The graph is what `explain` prints, what Python runs again, equal to the bit, and what is translated for
compiled sweeps and for pages. It is made by NumPy's own protocols, so that formulas need not know of it; they must be
*pure* (Rules of formulas in CONTRIBUTING.md): NumPy's operators, ``maximum``, ``minimum``, ``where``, ``floor``,
``ceil``, ``sqrt``, stacks and ordered sums touch a figure, and nothing else does. What would silently lose where a
number came from raises instead: a told number is not a truth value and becomes no ``float``.

Where a told number decides what is calculated at all, `decided` asks it and keeps a guard: the condition and how it
turned out. Beyond a guard the graph does not hold, and another must be traced.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from bitnet_cost.errors import BitnetCostError

Array = NDArray[np.float64]
"""An array of figures, over the points of a grid or phase by operator by point."""

EXACT = 2.0**53
"""Whole numbers up to here, 9.0e15, are exact as floats; above they are rounded to 53 bits."""

Shared = TypeVar("Shared")
Value = Any  # a float, a bool, or an array over points, in the functions below

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "max": np.maximum, "min": np.minimum,
    "floor": np.floor, "ceil": np.ceil, "sqrt": np.sqrt, "<": np.less, "<=": np.less_equal, ">": np.greater,
    ">=": np.greater_equal, "where": np.where,
}  # fmt: skip
"""What a node can do. Every reading of a graph has these, and rounds as IEEE 754 does."""

_COMMUTE = {"+", "*", "max", "min"}
_PYTHON = {"+": operator.add, "-": operator.sub, "*": operator.mul}  # a quotient by 0 it refuses


class Node(NDArrayOperatorsMixin):
    """One number of a graph: an input (``op`` empty), or an operation on nodes and constants.

    ``names`` are what formulas and places call it; ``value`` is its value when it was traced.
    """

    __slots__ = ("args", "graph", "index", "local", "names", "op", "shown", "unit", "value")

    def __init__(self, graph: Graph, op: str, args: tuple[Node | float, ...], value: float) -> None:
        self.graph, self.op, self.args, self.value = graph, op, args, value
        self.index = len(graph.nodes)
        self.names: list[str] = []
        self.unit = ""
        self.local = False  # whether the name is a formula's own, which says nothing of where it ran
        self.shown: tuple[str, Node | float] | None = None  # a function of one number that it stands for
        graph.nodes.append(self)

    def __float__(self) -> float:
        raise TypeError(f"a told number ({self!r}) must not become a float: it would forget what it is made of")

    __int__ = __float__

    def __bool__(self) -> bool:
        raise TypeError(f"a told number ({self!r}) decides nothing by itself; see `decided`")

    def __repr__(self) -> str:
        return f"{self.names[0] if self.names else self.op or 'input'} = {self.value!r}"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _applied(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _rearranged(function, args, kwargs)

    __eq__, __hash__ = object.__eq__, object.__hash__  # a node is itself alone


class Graph:
    """Nodes in the order in which they came about; equal expressions are one node."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.guards: list[tuple[Node, bool]] = []
        self.before = ""  # stands before the names of what is traced now
        self._known: dict[tuple[Any, ...], Node] = {}

    def input(self, name: str, value: float, unit: str = "") -> Node:
        """A number that is free: it has a name, and no expression. The same name is the same input."""
        key = ("", name)
        node = self._known.get(key)
        if node is None:
            node = self._known[key] = Node(self, "", (), float(value))
            node.names.append(name)
            node.unit = unit
        return node

    @property
    def inputs(self) -> dict[str, Node]:
        """The free numbers by name."""
        return {node.names[0]: node for node in self.nodes if not node.op}

    def operation(self, op: str, args: tuple[Any, ...]) -> Node | float:
        """An operation on nodes and plain numbers, folded by exact identities only; one node for equal ones."""
        found: Node | float | None = _folded(op, args)
        if found is not None:
            return found
        key: tuple[Any, ...] = (op, *[a if type(a) is Node or type(a) is float else float(a) for a in args])
        if op in _COMMUTE and _place(key[2]) < _place(key[1]):
            key = (op, key[2], key[1])
        node = self._known.get(key)
        if node is None:
            value = _of_plain(op, *[a.value if type(a) is Node else a for a in args])
            node = self._known[key] = Node(self, op, args, value.item() if hasattr(value, "item") else value)
        return node

    def needed(self, roots: Iterable[Node | float]) -> list[Node]:
        """The nodes that some depend on, themselves included, in order."""
        wanted, open_nodes = set[int](), [root for root in roots if isinstance(root, Node)]
        while open_nodes:
            node = open_nodes.pop()
            if node.index not in wanted:
                wanted.add(node.index)
                open_nodes += [arg for arg in node.args if isinstance(arg, Node)]
        return [self.nodes[index] for index in sorted(wanted)]


def _place(number: Node | float) -> int:
    """Where a number is in its graph; constants come first."""
    return number.index if type(number) is Node else -1


def _of_plain(op: str, *args: Any) -> Any:
    """An operation on plain numbers; where Python has it, by Python, which takes a tenth of the time, same bits."""
    if op in _PYTHON and type(args[0]) is float and type(args[1]) is float:
        return _PYTHON[op](*args)
    return FUNCTIONS[op](*args)


def _folded(op: str, args: tuple[Any, ...]) -> Any:
    """The result of an operation by identities that hold to the bit, of finite numbers: 1 x, x / 1, x + 0, x - 0, 0 x.

    And 0 / x of an x that is not 0. A zero has no sign here: no formula divides by one, but within a `where`.
    """
    first, second = args[0], args[-1]
    told_first, told_second = type(first) is Node, type(second) is Node
    if op in ("max", "min"):
        return first if first is second else None
    if told_first and told_second:
        return None
    if op == "*":
        for plain, one, other in ((not told_first, first, second), (not told_second, second, first)):
            if plain and one in (0.0, 1.0):
                return other if one == 1.0 else 0.0
    elif op in ("+", "-", "/") and not told_second and second == (1.0 if op == "/" else 0.0):
        return first
    elif op in ("+", "/") and not told_first and first == 0.0:
        return second if op == "+" else 0.0
    elif op == "where" and not told_first:
        return args[1] if first else args[2]
    return None


def _make(op: str) -> Callable[..., Any]:
    function = FUNCTIONS[op]

    def make(*args: Any) -> Any:
        for arg in args:
            if type(arg) is Node:
                return arg.graph.operation(op, args)
        return _of_plain(op, *args)

    step: Callable[..., Any] = np.frompyfunc(make, getattr(function, "nin", 3), 1)
    return step


_ELEMENT = {op: _make(op) for op in FUNCTIONS}
_OF_UFUNC = {function: _ELEMENT[op] for op, function in FUNCTIONS.items() if isinstance(function, np.ufunc)}


def _both(first: Any, second: Any) -> Any:
    """Whether two conditions hold."""
    for one, other in ((first, second), (second, first)):
        if not isinstance(one, Node):
            return other if one else False
    return first.graph.operation("where", (first, second, 0.0))


def _either(first: Any, second: Any) -> Any:
    """Whether one of two conditions holds."""
    for one, other in ((first, second), (second, first)):
        if not isinstance(one, Node):
            return True if one else other
    return first.graph.operation("where", (first, 1.0, second))


_OF_UFUNC[np.bitwise_and] = np.frompyfunc(_both, 2, 1)
_OF_UFUNC[np.bitwise_or] = np.frompyfunc(_either, 2, 1)


class Told(np.ndarray[Any, np.dtype[Any]]):
    """An array of told and plain numbers. Operations act on its elements, reductions from first to last."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _applied(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _rearranged(function, args, kwargs)


def _plain(value: Any) -> Any:
    """An operand as an array of objects that no protocol catches."""
    if isinstance(value, Told):
        return value.view(np.ndarray)
    if isinstance(value, Node):
        found = np.empty((), dtype=object)
        found[()] = value
        return found
    if isinstance(value, np.ndarray):
        return value.astype(object)
    return value


def _as_told(found: Any) -> Any:
    """What an operation left: an array is told, a single number is itself."""
    return found.view(Told) if isinstance(found, np.ndarray) else found


def _applied(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc of NumPy on told numbers."""
    step = _OF_UFUNC.get(ufunc)
    if step is None or kwargs.get("where", True) is not True:
        raise TypeError(f"{ufunc.__name__} is not for told numbers; use where, maximum, minimum and ordered sums")
    if method not in ("__call__", "reduce", "accumulate"):
        raise TypeError(f"{ufunc.__name__}.{method} is not for told numbers")
    values = [_plain(value) for value in inputs]
    with np.errstate(all="ignore"):
        found = step(*values) if method == "__call__" else _in_order(step, values[0], method, kwargs.get("axis", 0))
    (out,) = kwargs.get("out") or (None,)
    if out is not None:
        out[...] = found
        return out
    return _as_told(found)


def _in_order(step: Any, values: NDArray[Any], method: str, axis: Any) -> Any:
    """A reduction along one axis, from first to last."""
    if not isinstance(axis, int):
        raise TypeError("told numbers are summed along one axis at a time")
    rows = list(np.moveaxis(values, axis, 0)[..., None])  # a row is an array, never a bare number
    sums = rows[:1]
    for row in rows[1:]:
        sums.append(step(sums[-1], row))
    found = sums[-1] if method == "reduce" else np.stack(sums, axis if axis >= 0 else axis - 1)
    return found[..., 0]


def _rearranged(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The functions of NumPy that choose and rearrange."""
    if function is np.where:
        return _as_told(_ELEMENT["where"](*(_plain(value) for value in args)))
    if function in (np.stack, np.concatenate, np.broadcast_arrays):
        several = args[0] if function is not np.broadcast_arrays else args
        plain = [np.asarray(_plain(value)) for value in several]
        if function is np.broadcast_arrays:
            return [_as_told(found) for found in np.broadcast_arrays(*plain)]
        return _as_told(function(plain, *args[1:], **kwargs))
    if function in (np.zeros_like, np.ones_like):
        return (np.zeros if function is np.zeros_like else np.ones)(np.shape(_plain(args[0])))
    if function in (
        np.shape,
        np.ndim,
        np.size,
        np.moveaxis,
        np.swapaxes,
        np.reshape,
        np.ravel,
        np.repeat,
        np.broadcast_to,
    ):
        return _as_told(function(_plain(args[0]), *args[1:], **kwargs))
    raise TypeError(f"{function.__name__} is not for told numbers")


def array(values: Sequence[Any]) -> NDArray[Any]:
    """An array of numbers, arrays of one shape, or told numbers; told where one of them is.

    >>> array([1.0, 2.0]).dtype, array([1.0, Graph().input("batch", 3.0)]).dtype
    (dtype('float64'), dtype('O'))
    """
    found = np.array(values)
    return found.view(Told) if found.dtype == object else found


def read_only(shared: Shared) -> Shared:
    """The same, its arrays read-only: that of several answers, which one of them must not change for the others.

    >>> read_only({"mac": np.zeros(2)})["mac"].flags.writeable
    False
    """
    if isinstance(shared, np.ndarray):
        shared.setflags(write=False)
    elif isinstance(shared, Mapping | list | tuple):
        for part in shared.values() if isinstance(shared, Mapping) else shared:
            read_only(part)
    return shared


def holds_everywhere(condition: NDArray[Any]) -> bool:
    """Whether a condition is known to hold at every point; of told numbers it is not known."""
    return not isinstance(condition, Told) and bool(condition.all())


def zeros(shape: tuple[int, ...], *beside: Any) -> NDArray[Any]:
    """Zeros to be filled in; told where one of the arrays that go into them is."""
    if any(isinstance(other, Node | Told) for other in beside):
        return np.zeros(shape).astype(object).view(Told)
    return np.zeros(shape)


def is_told(value: Any) -> bool:
    """Whether a number, or an array of them, remembers."""
    return isinstance(value, Node | Told)


def decided(condition: Any) -> bool:
    """Whether a condition, anywhere in an array, decides what is calculated at all; told, it leaves a guard.

    >>> graph = Graph()
    >>> decided(graph.input("bits", 2.0) < 8), len(graph.guards), decided(np.float64(3) > 4)
    (True, 1, False)
    """
    if isinstance(condition, bool | np.bool_):
        return bool(condition)
    conditions = condition.ravel().tolist() if isinstance(condition, Told) else [condition]
    for each in conditions:
        if isinstance(each, Node) and (each, bool(each.value)) not in each.graph.guards:
            each.graph.guards.append((each, bool(each.value)))
    return any(bool(each.value) if isinstance(each, Node) else np.any(each) for each in conditions)


def filled(values: Any) -> NDArray[np.bool_]:
    """Which figures are not zero, as far as that is structure: a told number counts as not zero."""
    if isinstance(values, Told):
        return np.array([isinstance(v, Node) or bool(v) for v in values.ravel().tolist()]).reshape(values.shape)
    return np.asarray(True if isinstance(values, Node) else values).astype(bool)


def named(value: Any, name: str, unit: str = "", *, local: bool = False) -> Any:
    """A number under a name that a reader knows it by; an array's elements under the name alike. Plain ones stay.

    A ``local`` name is a formula's own: where it is printed, the place of what it is a part of stands before it.
    """
    for node in _elements(value):
        if isinstance(node, Node) and (text := name if local else node.graph.before + name) not in node.names:
            node.local = local and not node.names
            node.names.append(text)
            node.unit = node.unit or unit
    return value


def shown_as(value: Any, function: str, of: Any) -> Any:
    """A number that approaches a known function of another, printed as that."""
    for node, inside in zip(_elements(value), _elements(of), strict=True):
        if isinstance(node, Node):
            node.shown = (function, inside)
    return value


def _elements(value: Any) -> list[Any]:
    return value.ravel().tolist() if isinstance(value, Told) else [value] if is_told(value) else []


# --- readings of a graph -------------------------------------------------------------------------------------------


class OutsideGuards(BitnetCostError):
    """Numbers for which a graph was not traced."""


def evaluated(roots: Sequence[Node | float], inputs: dict[str, Value]) -> list[Value]:
    """The values of some nodes for other inputs, numbers or arrays over points; equal to the engine, to the bit.

    Raises:
        OutsideGuards: a guard turns out otherwise than where the graph was traced.
    """
    graph = next((root.graph for root in roots if isinstance(root, Node)), None)
    if graph is None:
        return list(roots)
    found: dict[int, Value] = {}
    with np.errstate(all="ignore"):
        for node in graph.needed([*roots, *(condition for condition, _ in graph.guards)]):
            args = [found[arg.index] if isinstance(arg, Node) else arg for arg in node.args]
            found[node.index] = FUNCTIONS[node.op](*args) if node.op else _input(node, inputs)
    for condition, outcome in graph.guards:
        if np.any(np.not_equal(found[condition.index], outcome)):
            raise OutsideGuards(f"the graph holds only where {condition!r} is unchanged")
    return [found[root.index] if isinstance(root, Node) else root for root in roots]


def _input(node: Node, inputs: dict[str, Value]) -> Value:
    value = inputs.get(node.names[0], node.value)
    return np.float64(value) if np.ndim(value) == 0 else value


def digest(roots: Sequence[Node | float]) -> str:
    """A digest of the graph below some nodes, the same only where every input gives the same bits."""
    import hashlib

    graph = next((root.graph for root in roots if isinstance(root, Node)), None)
    lines = list(_lines(graph.needed(roots))) if graph else []
    place = {node.index: i for i, node in enumerate(graph.needed(roots))} if graph else {}
    ends = [f"n{place[root.index]}" if isinstance(root, Node) else float(root).hex() for root in roots]
    return hashlib.sha256("\n".join([*lines, *ends]).encode()).hexdigest()[:16]


def _lines(nodes: list[Node]) -> Iterator[str]:
    place = {node.index: i for i, node in enumerate(nodes)}
    for node in nodes:
        args = [f"n{place[a.index]}" if isinstance(a, Node) else float(a).hex() for a in node.args]
        yield f"{node.op} {' '.join(args)}" if node.op else f"input {node.names[0]}"
