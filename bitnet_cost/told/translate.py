"""Readings of a graph of told numbers for other machines: packed data for a page, LLVM's text, slopes.

Each gives the same bits as the engine: IEEE 754 operations one for one, no operation fused with another, none moved.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.told import FUNCTIONS, Graph, Node

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

LANES = 8
_VECTOR = f"<{LANES} x double>"
_BITS = f"<{LANES} x i1>"
_ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_COMPARED = {"<": "olt", "<=": "ole", ">": "ogt", ">=": "oge"}


def _constant(value: float) -> str:
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return "<" + ", ".join([f"double 0x{bits:016X}"] * LANES) + ">"


def llvm_text(roots: Sequence[Node | float], inputs: Sequence[str]) -> str:
    """A function ``figures(double** in, double** out, i64 groups)`` over groups of `LANES` points.

    Inputs that are not among ``inputs`` keep the value at which they were traced. A maximum is NumPy's, which hands a
    NaN on.
    """
    graph, lines = _graph_of(roots), list[str]()
    known: dict[Node, str] = {}

    def name(number: Node | float) -> str:
        return known[number] if isinstance(number, Node) else _constant(float(number))

    def put(text: str) -> str:
        lines.append(f"  %v{len(lines)} = {text}")
        return f"%v{len(lines) - 1}"

    for i in range(len(inputs)):
        lines += [
            f"  %in{i}p = getelementptr ptr, ptr %in, i64 {i}", f"  %in{i}b = load ptr, ptr %in{i}p",
            f"  %in{i}a = getelementptr {_VECTOR}, ptr %in{i}b, i64 %i",
            f"  %in{i} = load {_VECTOR}, ptr %in{i}a, align 8",
        ]  # fmt: skip
    for node in graph.needed(roots):
        args = [name(arg) for arg in node.args]
        if not node.op:
            place = inputs.index(node.names[0]) if node.names[0] in inputs else None
            known[node] = _constant(node.value) if place is None else f"%in{place}"
        elif node.op in _ARITHMETIC:
            known[node] = put(f"{_ARITHMETIC[node.op]} {_VECTOR} {args[0]}, {args[1]}")
        elif node.op in _COMPARED:
            found = put(f"fcmp {_COMPARED[node.op]} {_VECTOR} {args[0]}, {args[1]}")
            known[node] = put(f"uitofp {_BITS} {found} to {_VECTOR}")
        elif node.op in ("max", "min"):
            larger = put(f"fcmp {'oge' if node.op == 'max' else 'ole'} {_VECTOR} {args[0]}, {args[1]}")
            odd = put(f"fcmp uno {_VECTOR} {args[0]}, {args[0]}")
            chosen = put(f"or {_BITS} {larger}, {odd}")
            known[node] = put(f"select {_BITS} {chosen}, {_VECTOR} {args[0]}, {_VECTOR} {args[1]}")
        elif node.op == "where":
            holds = put(f"fcmp une {_VECTOR} {args[0]}, {_constant(0.0)}")
            known[node] = put(f"select {_BITS} {holds}, {_VECTOR} {args[1]}, {_VECTOR} {args[2]}")
        else:
            known[node] = put(f"call {_VECTOR} @llvm.{node.op}.v{LANES}f64({_VECTOR} {args[0]})")
    for i, root in enumerate(roots):
        lines += [
            f"  %out{i}p = getelementptr ptr, ptr %out, i64 {i}", f"  %out{i}b = load ptr, ptr %out{i}p",
            f"  %out{i}a = getelementptr {_VECTOR}, ptr %out{i}b, i64 %i",
            f"  store {_VECTOR} {name(root)}, ptr %out{i}a, align 8",
        ]  # fmt: skip
    declared = [f"declare {_VECTOR} @llvm.{op}.v{LANES}f64({_VECTOR})" for op in ("floor", "ceil", "sqrt")]
    return "\n".join([
        *declared, "define void @figures(ptr %in, ptr %out, i64 %groups) {", "start:", "  br label %head", "head:",
        "  %i = phi i64 [0, %start], [%next, %body]", "  %more = icmp slt i64 %i, %groups",
        "  br i1 %more, label %body, label %end", "body:", *lines, "  %next = add i64 %i, 1", "  br label %head",
        "end:", "  ret void", "}",
    ])  # fmt: skip


def compiled(roots: Sequence[Node | float], inputs: Sequence[str]) -> Callable[..., list[NDArray[np.float64]]]:
    """A function of arrays over points, one for each input, to one array for each root, in machine code.

    Raises:
        BitnetCostError: llvmlite, which ``bitnet-cost[compiled]`` brings, is not installed.
    """
    try:
        from llvmlite import binding as llvm
    except ImportError:
        raise BitnetCostError("compiled sweeps need llvmlite; pip install 'bitnet-cost[compiled]'") from None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=2)
    module = llvm.parse_assembly(llvm_text(roots, inputs))
    module.verify()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    pointers = ctypes.POINTER(ctypes.c_void_p)
    call = ctypes.CFUNCTYPE(None, pointers, pointers, ctypes.c_int64)(engine.get_function_address("figures"))

    def figures(*values: Any) -> list[NDArray[np.float64]]:
        points = max((np.size(value) for value in values), default=1)
        groups = -(-points // LANES)
        entering = np.ones((len(values), groups * LANES))
        for row, value in zip(entering, values, strict=True):
            row[:points] = value
        leaving = np.empty((len(roots), groups * LANES))
        addresses = [
            (ctypes.c_void_p * max(1, len(table)))(*(row.ctypes.data for row in table)) for table in (entering, leaving)
        ]
        call(*(ctypes.cast(address, pointers) for address in addresses), groups)
        _ = engine  # the code lives as long as its engine
        return list(leaving[:, :points])

    return figures


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
