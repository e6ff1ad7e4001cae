"""The engine run on told numbers: the graph of what a question comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bitnet_cost.engine.estimate import measure, prepare, priced
from bitnet_cost.engine.grid import columns_of
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.result import Result
from bitnet_cost.told import Graph, Node, array

WORKLOAD = {"batch": "sequence", "prompt": "token", "generate": "token"}


@dataclass(frozen=True)
class Trace:
    """A graph, the result that it was traced from, and the numbers of each column."""

    graph: Graph
    result: Result
    columns: dict[str, Node | float]


def told_workload(workload: Workload, kind: str, graph: Graph) -> Workload:
    """A single point whose batch, prompt and generated tokens are inputs of a graph."""
    asked = workload.for_kind(kind)
    numbers = zip(WORKLOAD.items(), asked.flat(), strict=True)
    return asked.with_numbers(*(array([graph.input(name, float(x[0]), unit)]) for (name, unit), x in numbers))


def trace(
    architecture: Architecture, precision: Precision, hardware: Hardware, workload: Workload, *,
    runtime: RuntimeProfile | None = None, **asked: Any,
) -> Trace:  # fmt: skip
    """The columns of a single point as a graph of its workload."""
    graph = Graph()
    told = told_workload(workload, architecture.kind, graph)
    shared = {name: asked[name] for name in ("accumulator", "devices", "parallel") if name in asked}
    ready = prepare(
        architecture, precision, hardware, runtime, counting=workload.counting, logits=workload.logits, lean=True,
        **shared,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        result = priced(
            measure(architecture, precision, hardware, told, runtime=runtime, prepared=ready, **asked), ready
        )
        found = columns_of(result)
    return Trace(graph, result, {name: column.ravel()[0] for name, column in found.items()})
