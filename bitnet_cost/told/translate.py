"""Readings of a graph of told numbers for other machines: packed data for a page, LLVM's text, slopes.

Each gives the same bits as the engine: IEEE 754 operations one for one, no operation fused with another, none moved.
"""

from __future__ import annotations

import ctypes
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.told import FUNCTIONS, Array, Graph, Node

OPERATIONS = ("", *FUNCTIONS)
"""By their number in packed data: an input, then the functions of a graph."""


def _graph_of(roots: Sequence[Node | float]) -> Graph:
    return next((root.graph for root in roots if isinstance(root, Node)), Graph())


def packed(roots: dict[str, Node | float]) -> dict[str, Any]:
    """A graph as plain data, which ``templates/graph.js`` evaluates.

    ``inputs`` are names and values; ``nodes`` one row of numbers: of each operation its number in `OPERATIONS`, and its
    operands, how far before it another is, or ``-1 - place`` of an input or a constant: what is alike then looks alike,
    and packs to a third. ``guards`` are pairs of a place and a truth; places count inputs, constants, operations.
    """
    graph = _graph_of(list(roots.values()))
    conditions = [condition for condition, _ in graph.guards]
    nodes = graph.needed([*roots.values(), *conditions])
    inputs = [node for node in nodes if not node.op]
    constants: dict[str, int] = {}
    for node in nodes:
        for arg in node.args:
            if not isinstance(arg, Node):
                constants.setdefault(float(arg).hex(), len(inputs) + len(constants))
    for root in roots.values():
        if not isinstance(root, Node):
            constants.setdefault(float(root).hex(), len(inputs) + len(constants))
    place = {node: i for i, node in enumerate(inputs)}
    place |= {node: len(inputs) + len(constants) + i for i, node in enumerate(node for node in nodes if node.op)}

    def at(number: Node | float) -> int:
        return place[number] if isinstance(number, Node) else constants[float(number).hex()]

    def operands(node: Node) -> list[int]:
        places = map(at, node.args)
        return [place[node] - there if there >= len(inputs) + len(constants) else -1 - there for there in places]

    return {
        "inputs": {node.names[0]: node.value for node in inputs},
        "constants": [_plain(float.fromhex(text)) for text in constants],
        "nodes": [x for node in nodes if node.op for x in (OPERATIONS.index(node.op), *operands(node))],
        "guards": [[at(condition), outcome] for condition, outcome in graph.guards],
        "roots": {name: at(root) for name, root in roots.items()},
    }


def _plain(value: float) -> float | str:
    """A number as JSON has it, which knows no infinity."""
    return value if np.isfinite(value) else repr(value)


# --- LLVM ----------------------------------------------------------------------------------------------------------

_ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_COMPARED = {"<": "olt", "<=": "ole", ">": "ogt", ">=": "oge"}
_SIGNATURE = (
    "define void @figures(ptr noalias %k, ptr noalias %each, ptr noalias %spans, ptr noalias %in, ptr noalias %out,"
    " i64 %runs, i64 %length) {"
)


def llvm_text(
    roots: Sequence[Node | float], inputs: Sequence[str], lanes: int, of_runs: Sequence[str] = ()
) -> tuple[str, list[float]]:
    """A function of LLVM over points in groups of ``lanes``, and the constants that it takes.

    ``figures(double* constants, double* each, i64* spans, double* in, double* out, i64 runs, i64 length)``. Rows of
    ``in`` and ``out`` are an input and a root each, of a ``length`` that has room for a group beyond the points. Points
    come in runs, of which ``spans`` are the first points and those after them; inputs ``of_runs`` are the same within
    one, a row of ``each`` for every run, and what depends on them alone is evaluated once a run. Inputs that are in
    neither keep the value at which they were traced. Graphs of one shape have the same text. A maximum is NumPy's,
    which hands a NaN on.
    """
    vector, bits = f"<{lanes} x double>", f"<{lanes} x i1>"
    before, within = list[str](), list[str]()  # a run's points, and for each group of them
    lines = before
    known: dict[Node, str] = {}
    constants: dict[str, tuple[str, float]] = {}

    def put(text: str) -> str:
        name = f"%v{len(before) + len(within)}"
        lines.append(f"  {name} = {text}")
        return name

    def at(rows: str, row: int) -> str:
        return put(f"getelementptr double, ptr %{rows}, i64 {put(f'add i64 %i, {row_starts[row]}') if row else '%i'}")

    def spread(rows: str, place: int) -> str:
        alone = put(f"load double, ptr {put(f'getelementptr double, ptr %{rows}, i64 {place}')}, align 8")
        first = put(f"insertelement {vector} poison, double {alone}, i64 0")
        return put(f"shufflevector {vector} {first}, {vector} poison, <{lanes} x i32> zeroinitializer")

    def constant(value: float) -> str:
        key = float(value).hex()
        if key not in constants:
            constants[key] = spread("k", len(constants)), float(value)
        return constants[key][0]

    def name(number: Node | float) -> str:
        return known[number] if isinstance(number, Node) else constant(number)

    def found(node: Node) -> str:
        args = [name(arg) for arg in node.args]
        if not node.op:
            return constant(node.value)
        if node.op in _ARITHMETIC:
            return put(f"{_ARITHMETIC[node.op]} {vector} {args[0]}, {args[1]}")
        if node.op in _COMPARED:
            holds = put(f"fcmp {_COMPARED[node.op]} {vector} {args[0]}, {args[1]}")
            return put(f"uitofp {bits} {holds} to {vector}")
        if node.op in ("max", "min"):
            larger = put(f"fcmp {'oge' if node.op == 'max' else 'ole'} {vector} {args[0]}, {args[1]}")
            odd = put(f"fcmp uno {vector} {args[0]}, {args[0]}")
            chosen = put(f"or {bits} {larger}, {odd}")
            return put(f"select {bits} {chosen}, {vector} {args[0]}, {vector} {args[1]}")
        if node.op == "where":
            holds = put(f"fcmp une {vector} {args[0]}, {constant(0.0)}")
            return put(f"select {bits} {holds}, {vector} {args[1]}, {vector} {args[2]}")
        return put(f"call {vector} @llvm.{node.op}.v{lanes}f64({vector} {args[0]})")

    row_starts = [f"%row{i}" for i in range(max(len(inputs), len(roots)))]
    nodes = _graph_of(roots).needed(roots)
    varying = _varying(nodes, inputs)
    once = [node for node in nodes if node not in varying] if of_runs else []
    for node in once:
        mine = not node.op and node.names[0] in of_runs
        known[node] = spread("mine", of_runs.index(node.names[0])) if mine else found(node)
    lines = within
    entering = [put(f"load {vector}, ptr {at('in', i)}, align 8") for i in range(len(inputs))]
    for node in nodes:
        if node not in known:
            known[node] = entering[inputs.index(node.names[0])] if node in varying and not node.op else found(node)
    for i, root in enumerate(roots):
        value, place = name(root), at("out", i)
        lines.append(
            f"  call void @llvm.masked.store.v{lanes}f64.p0({vector} {value}, ptr {place}, i32 8, {bits} %inside)"
            if of_runs else f"  store {vector} {value}, ptr {place}, align 8"
        )  # fmt: skip
    text = _llvm_loops(lanes, len(row_starts), len(of_runs), before, within)
    return text, [value for _, value in constants.values()]


def _varying(nodes: Iterable[Node], inputs: Sequence[str]) -> set[Node]:
    """Nodes that some inputs, or what depends on them, enter; nodes come after what enters them."""
    found = set[Node]()
    for node in nodes:
        entered = not node.op and node.names[0] in inputs
        if entered or any(isinstance(arg, Node) and arg in found for arg in node.args):
            found.add(node)
    return found


def _llvm_loops(lanes: int, rows: int, of_runs: int, before: Sequence[str], within: Sequence[str]) -> str:
    """The function of `llvm_text` around the lines that run once a run of points, and once a group of them."""
    vector, bits = f"<{lanes} x double>", f"<{lanes} x i1>"
    starts = [f"  %row{i} = mul i64 %length, {i}" for i in range(rows)]
    places = ", ".join(f"i64 {lane}" for lane in range(lanes))
    inside = [
        f"  %first = insertelement <{lanes} x i64> poison, i64 %left, i64 0",
        f"  %lefts = shufflevector <{lanes} x i64> %first, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer",
        f"  %inside = icmp slt <{lanes} x i64> <{places}>, %lefts",
    ]
    return "\n".join([
        *(f"declare {vector} @llvm.{op}.v{lanes}f64({vector})" for op in ("floor", "ceil", "sqrt")),
        f"declare void @llvm.masked.store.v{lanes}f64.p0({vector}, ptr, i32, {bits})",
        _SIGNATURE, "start:", *starts, "  br label %runs_head", "runs_head:",
        "  %r = phi i64 [0, %start], [%r_next, %run_end]",
        "  %more_runs = icmp slt i64 %r, %runs", "  br i1 %more_runs, label %run, label %end", "run:",
        "  %r_twice = mul i64 %r, 2", "  %from_at = getelementptr i64, ptr %spans, i64 %r_twice",
        "  %to_at = getelementptr i64, ptr %from_at, i64 1",
        "  %from = load i64, ptr %from_at, align 8", "  %to = load i64, ptr %to_at, align 8",
        f"  %mine_at = mul i64 %r, {of_runs}", "  %mine = getelementptr double, ptr %each, i64 %mine_at",
        *before, "  br label %head", "head:",
        "  %i = phi i64 [%from, %run], [%next, %body]", "  %more = icmp slt i64 %i, %to",
        "  br i1 %more, label %body, label %run_end", "body:",
        "  %left = sub i64 %to, %i", *inside, *within, f"  %next = add i64 %i, {lanes}",
        "  br label %head", "run_end:", "  %r_next = add i64 %r, 1", "  br label %runs_head",
        "end:", "  ret void", "}",
    ])  # fmt: skip


def lanes_here() -> int:
    """Numbers in a vector of this processor's: 8 with AVX-512, else 4.

    Raises:
        BitnetCostError: llvmlite, which ``bitnet-cost[fast]`` brings, is not installed.
    """
    return 8 if "+avx512f" in _llvm().get_host_cpu_features().flatten() else 4


def _llvm() -> Any:
    try:
        from llvmlite import binding
    except (ImportError, OSError):
        raise BitnetCostError("compiled sweeps need llvmlite; pip install 'bitnet-cost[fast]'") from None
    return binding


@lru_cache(maxsize=64)
def _machine_code(text: str) -> tuple[Any, Any]:
    """The function of a text, and its engine: the code lives as long as that. No operation is fused or reordered."""
    llvm = _llvm()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError:  # before version 0.45 it reads typed pointers alone
        raise BitnetCostError("this llvmlite is too old; pip install -U 'bitnet-cost[fast]'") from None
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    kinds = (*[ctypes.c_void_p] * 5, ctypes.c_int64, ctypes.c_int64)
    return ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address("figures")), engine


def compiled(roots: Sequence[Node | float], inputs: Sequence[str]) -> Callable[..., list[NDArray[np.float64]]]:
    """A function of arrays over points, one for each input, to one array for each root, in machine code.

    Raises:
        BitnetCostError: llvmlite, which ``bitnet-cost[fast]`` brings, is not installed.
    """
    lanes = lanes_here()
    nodes = list(dict.fromkeys(root for root in roots if isinstance(root, Node)))
    text, values = llvm_text(nodes, inputs, lanes)
    call, engine = _machine_code(text)
    constants, nothing = np.array(values), np.empty(0)

    def figures(*given: Any) -> list[NDArray[np.float64]]:
        points = max((np.size(value) for value in given), default=1)
        length = -(-points // lanes) * lanes
        entering = np.empty((len(given), length))
        for row, value in zip(entering, given, strict=True):
            row[:points], row[points:] = value, 1.0
        leaving = np.empty((len(nodes), length))
        spans = np.array([0, points])
        call(*(part.ctypes.data for part in (constants, nothing, spans, entering, leaving)), 1, length)
        _ = engine
        rows = dict(zip(nodes, leaving[:, :points], strict=True))
        return [rows[root] if isinstance(root, Node) else np.broadcast_to(root, points) for root in roots]

    return figures


WIDE = 2  # vectors at once where operations wait for one another, as in rounds of a search


def compiled_runs(
    roots: Sequence[Node | float], inputs: Sequence[str], of_runs: Sequence[str]
) -> Callable[[Array, NDArray[np.int64], Sequence[Array], Array], None]:
    """A function that writes the roots ``[root, n]`` of points in runs, in machine code.

    It takes the numbers of each run ``[run, of_runs]``, its first point and that after its last ``[run, 2]``, arrays of
    the inputs, and where to write; all contiguous. Other points are left as they are.

    Raises:
        BitnetCostError: llvmlite, which ``bitnet-cost[fast]`` brings, is not installed.
    """
    lanes = WIDE * lanes_here()
    text, values = llvm_text(roots, inputs, lanes, of_runs)
    call, engine = _machine_code(text)
    constants = np.array(values)

    def write(each: Array, spans: NDArray[np.int64], given: Sequence[Array], found: Array) -> None:
        points = found.shape[1]
        entering = np.empty(len(given) * points + lanes)  # a group may read beyond its run, not beyond this
        entering[-lanes:] = 1.0
        for row, value in zip(entering[:-lanes].reshape(len(given), points), given, strict=True):
            row[:] = value
        call(*(part.ctypes.data for part in (constants, each, spans, entering, found)), len(spans), points)
        _ = engine

    return write


# --- NumPy ---------------------------------------------------------------------------------------------------------

_MASKS = {"where", *_COMPARED}  # NumPy writes these into no array of figures


def arrays(roots: Sequence[Node | float], inputs: Sequence[str]) -> Callable[..., list[Any]]:
    """A function of arrays over points, one for each input, to one number or array for each root, by NumPy.

    The arrays may have any shapes that broadcast: what depends on some inputs alone is evaluated over their shape. What
    is no longer needed is written over, so that a call touches as little memory as it can.
    """
    nodes = _graph_of(roots).needed(roots)
    place = {node: i for i, node in enumerate(nodes)}
    parts = [[place[arg] for arg in node.args if isinstance(arg, Node)] for node in nodes]
    last_use = {part: i for i, of in enumerate(parts) for part in of}
    kept = {place[root] for root in roots if isinstance(root, Node)}
    depends = list[frozenset[int]]()
    room, free, count = dict[int, int](), dict[frozenset[int], list[int]](), 0  # nodes to places of like shape
    steps = []
    for i, node in enumerate(nodes):
        depends.append(frozenset([i]) if not node.op else frozenset[int]().union(*(depends[part] for part in parts[i])))
        if node.op and node.op not in _MASKS and i not in kept:
            waiting = free.setdefault(depends[i], [])
            room[i], count = (waiting.pop(), count) if waiting else (count, count + 1)
        over = [part for part in set(parts[i]) if last_use[part] == i and part not in kept]
        for part in over:
            if part in room:
                free[depends[part]].append(room[part])
        if node.op:
            args = [(place[arg], None) if isinstance(arg, Node) else (-1, arg) for arg in node.args]
            steps.append((FUNCTIONS[node.op], args, i, room.get(i), [part for part in over if part not in room]))
    entering = [(place[node], inputs.index(node.names[0])) for node in nodes if not node.op]
    written: dict[Any, list[Any]] = {}

    def figures(*given: Any) -> list[Any]:
        shapes = tuple(np.shape(value) for value in given)
        if shapes not in written:
            written.clear()
            written[shapes] = [None] * count
        found: list[Any] = [None] * len(nodes)
        rooms = written[shapes]
        for i, at in entering:
            found[i] = given[at]
        with np.errstate(all="ignore"):
            for function, args, i, own, over in steps:
                values = [found[arg] if arg >= 0 else constant for arg, constant in args]
                if own is None:
                    found[i] = function(*values)
                else:
                    found[i] = value = function(*values, out=rooms[own])
                    rooms[own] = value if value.dtype == np.float64 else None  # conditions may be multiplied
                for part in over:
                    found[part] = None
        return [found[place[root]] if isinstance(root, Node) else root for root in roots]

    return figures


# --- Python --------------------------------------------------------------------------------------------------------

_NESTED = 12  # operations within one another in a line, far from what Python's parser takes
_IN_PYTHON = {"floor": "floored", "ceil": "ceiled", "sqrt": "rooted"}


def _divided(one: float, other: float) -> float:
    """A quotient by 0 as IEEE 754 has it."""
    if one == 0 or math.isnan(one) or math.isnan(other):
        return math.nan
    return math.copysign(math.inf, one) * math.copysign(1.0, other)


_NAMES = {
    "inf": math.inf, "nan": math.nan, "divided": _divided,
    "floored": lambda x: float(math.floor(x)) if math.isfinite(x) else x,
    "ceiled": lambda x: float(math.ceil(x)) if math.isfinite(x) else x,
    "rooted": lambda x: math.sqrt(x) if x >= 0 else math.nan,
}  # fmt: skip


class _Holding:
    """A graph where some conditions are known: what chooses by one of them is what it chooses."""

    def __init__(self, conditions: Sequence[tuple[Node | float, bool]]) -> None:
        self.known = {node: outcome for node, outcome in conditions if isinstance(node, Node)}
        self._args = dict[Node, list[Node | float]]()

    def at(self, number: Node | float) -> Node | float:
        while isinstance(number, Node) and number.op == "where" and number.args[0] in self.known:
            number = number.args[1 if self.known[number.args[0]] else 2]  # type: ignore[index]
        return number

    def args(self, node: Node) -> list[Node | float]:
        found = self._args.get(node)
        if found is None:
            found = self._args[node] = [self.at(arg) for arg in node.args]
        return found

    def needed(self, roots: Sequence[Node | float]) -> list[Node]:
        """The nodes that some depend on, themselves included, in order."""
        found = dict[int, Node]()
        waiting = [root for root in roots if isinstance(root, Node)]
        while waiting:
            node = waiting.pop()
            if node.index not in found:
                found[node.index] = node
                waiting += [arg for arg in self.args(node) if isinstance(arg, Node)]
        return [found[index] for index in sorted(found)]


def python_text(
    roots: Sequence[Node | float], inputs: Sequence[str], conditions: Sequence[tuple[Node | float, bool]] = ()
) -> str:
    """A function ``figures`` of numbers, one for each input, to a tuple of the roots; None where a condition fails.

    What is used once is written where it is used, so that Python keeps few names; a sum's order does not change.

    >>> graph = Graph()
    >>> width = graph.input("width", 3.0)
    >>> print(python_text([width * width + 2.0], ["width"], [(width > 1.0, True)]))
    def figures(x0):
        if not (x0 > 1.0): return None
        return (((x0 * x0) + 2.0),)
    """
    graph = _Holding(conditions)
    roots = [graph.at(root) for root in roots]
    nodes, first = graph.needed([*graph.known, *roots]), set(graph.needed(list(graph.known)))
    uses = Counter(root for root in roots if isinstance(root, Node))
    for node in nodes:
        args = graph.args(node)
        twice = args if node.op in ("max", "min") else args[1:] if node.op == "/" else []
        for arg in (*args, *twice):
            if isinstance(arg, Node):
                uses[arg] += 1
    words, nested, lines = dict[Node, str](), dict[Node, int](), list[str]()

    def word(number: Node | float) -> str:
        if isinstance(number, Node):
            return words[number]
        return f"({float(number)!r})" if number < 0 else repr(float(number))

    def write(some: list[Node]) -> None:
        for node in some:
            args = graph.args(node)
            depth = 1 + max((nested[arg] for arg in args if isinstance(arg, Node)), default=0)
            if not node.op:
                words[node], nested[node] = f"x{inputs.index(node.names[0])}", 0
            elif uses[node] <= 1 and depth < _NESTED:
                words[node], nested[node] = f"({_python(node.op, *map(word, args))})", depth
            else:
                lines.append(f"v{node.index} = {_python(node.op, *map(word, args))}")
                words[node], nested[node] = f"v{node.index}", 0

    write([node for node in nodes if node in first])
    lines += [f"if {'not ' if outcome else ''}{words[node]}: return None" for node, outcome in graph.known.items()]
    write([node for node in nodes if node not in first])
    lines.append(f"return ({''.join(f'{word(root)}, ' for root in roots).removesuffix(' ')})")
    head = f"def figures({', '.join(f'x{i}' for i in range(len(inputs)))}):"
    return "\n    ".join([head, *lines])


def _python(op: str, first: str, *others: str) -> str:
    """An operation in Python, on operands that are names or numbers where they appear twice."""
    second = others[0] if others else ""
    if op == "/":
        divided = f"divided({first}, {second})"
        number = second[:1] != "v" and second[:1] != "x"
        if number:
            return divided if float(second.strip("()")) == 0 else f"{first} / {second}"
        return f"{first} / {second} if {second} else {divided}"
    if op in ("max", "min"):  # NumPy's hand a NaN on
        return f"{first} if {first} {'>=' if op == 'max' else '<='} {second} or {first} != {first} else {second}"
    if op == "where":
        return f"{second} if {first} else {others[1]}"
    return f"{_IN_PYTHON[op]}({first})" if op in _IN_PYTHON else f"{first} {op} {second}"


def python(
    roots: Sequence[Node | float], inputs: Sequence[str], conditions: Sequence[tuple[Node | float, bool]] = ()
) -> Callable[..., tuple[float, ...] | None]:
    """The function of `python_text`: of one point it is ten times as fast as NumPy on the graph."""
    space: dict[str, Any] = dict(_NAMES)
    exec(
        compile(python_text(roots, inputs, conditions), "<graph>", "exec"), space
    )  # names and numbers of a graph alone
    found: Callable[..., tuple[float, ...] | None] = space["figures"]
    return found


# --- slopes --------------------------------------------------------------------------------------------------------


def slopes(root: Node) -> dict[str, float]:
    """The derivative of a number by each of its inputs, where it was traced; backwards through the graph.

    At a kink, as of a maximum of two equal numbers, it is the slope of the first.

    >>> graph = Graph()
    >>> width = graph.input("width", 3.0)
    >>> slopes(width * width + 2 * width)
    {'width': 8.0}
    """
    nodes = root.graph.needed([root])
    found = dict.fromkeys(nodes, 0.0)
    found[root] = 1.0
    for node in reversed(nodes):
        for arg, slope in zip(node.args, _slopes_of(node), strict=True):
            if isinstance(arg, Node) and slope:
                found[arg] += found[node] * slope
    return {node.names[0]: found[node] for node in nodes if not node.op}


def _slopes_of(node: Node) -> tuple[float, ...]:
    """The derivatives of an operation by its operands."""
    values = [arg.value if isinstance(arg, Node) else arg for arg in node.args]
    first, last = values[0] if values else 0.0, values[-1] if values else 0.0
    if node.op in ("max", "min"):
        chosen = float(first >= last if node.op == "max" else first <= last)
        return chosen, 1.0 - chosen
    if node.op == "/":
        return 1.0 / last, -first / (last * last)
    return {
        "+": (1.0, 1.0), "-": (1.0, -1.0), "*": (last, first), "where": (0.0, float(bool(first)), float(not first)),
        "sqrt": (0.5 / node.value if node.op == "sqrt" else 0.0,),
    }.get(node.op, (0.0,) * len(values))  # fmt: skip
