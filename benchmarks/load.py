"""Rates of sweeps over loads against sweeps of inference, in one run: python -m benchmarks.load.

Both sides are full records reduced to a Pareto front by one process, of about as many points, in seconds of processor
time, tracing and compiling included; rounds alternate. Operations are those of the graphs that decide about a point,
for loads with a point's share of the tables of its length; what NumPy does between them is not counted.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.training import HARDWARE, INFERENCE, MODEL, rate
from bitnet_cost.engine.compiled import Cell
from bitnet_cost.engine.load_tables import PROMPTED, places_of
from bitnet_cost.engine.load_traced import TracedEngine
from bitnet_cost.formulas.queueing import EXACT
from bitnet_cost.studies import load_sweep
from bitnet_cost.studies import sweep as sweeps

PRECISIONS = ("bf16", "fp8", "w4a16", "bitnet-b1.58")
OBJECTIVES = [{"column": "tpot_s"}, {"column": "energy_per_token_j"}]


def loads(prompts: int, generates: int, rates: int) -> Mapping[str, Any]:
    """A sweep over lengths up to 2,048 and 1,024 tokens, and rates of requests."""
    return {
        "prompt": [2048 // prompts * n for n in range(1, prompts + 1)],
        "generate": [1024 // generates * n for n in range(1, generates + 1)],
        "load": {"rate": {"first": 0.01, "last": 50, "points": rates, "scale": "log"}, "max_batch": 256},
        "objectives": OBJECTIVES,
    }


SWEEPS = {  # and the partitions of inference that have as many points
    "4,096 rates, 2,048 lengths": (loads(64, 32, 4096), 16),
    "4,096 rates, 64 lengths": (loads(16, 4, 4096), 1),
    "64 rates, 2,048 lengths": (loads(64, 32, 64), 1),
}  # fmt: skip


def operations(spec: Mapping[str, Any], precision: str) -> float:
    """Operations of its graphs for a point, on average."""
    asked = {"models": MODEL, "hardware": HARDWARE, "precisions": [precision], "pareto": True, **spec}
    whole: Any = load_sweep.plan(sweeps.of_options(asked))
    cell: Any = whole.traced(whole.cell(0), whole.deciding)
    if isinstance(cell, Cell):
        return cell.operations
    numbers, _ = whole.slice(0, min(math.prod(whole.lengths), 2**19))
    cell.figures(numbers)
    engine, copies = cell.engine, cell.copies
    of = [load_sweep.load_of(whole.load, *length) for length in copies.lengths_from(0, copies.lengths)]
    batches = sum(places_of(copies.asked, of))
    tables = {"steps": batches, "alone": len(of), "added": PROMPTED * len(of)}
    found = (
        sum(engine.operations(name) * many for name, many in tables.items()) if isinstance(engine, TracedEngine) else 0
    )
    points = np.zeros(2)
    for graph, runs in cell.runs_of(0).items():
        many = runs.each[:, graph.names.index("low")] >= EXACT
        counts = np.diff(runs.ends, prepend=0)
        for way in (0, 1):
            points += [counts[many == way].sum() * graph.operations[min(way, len(graph.operations) - 1)],
                       counts[many == way].sum()]  # fmt: skip
    return float(points[0] / points[1] + found / math.prod(whole.lengths))


def main() -> None:
    """Print a row of benchmarks/README.md for each sweep and precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    rate(SWEEPS["4,096 rates, 64 lengths"][0], "fp16", 1)  # what is imported late
    for name, (spec, partitions) in SWEEPS.items():
        for precision in PRECISIONS:
            rounds = [
                [rate(side, precision, many) for side, many in ((INFERENCE, partitions), (spec, 10**6))]
                for _ in range(asked.rounds)
            ]
            inference, load = (statistics.median(side) for side in zip(*rounds, strict=True))
            ratio = statistics.median(b / a for a, b in rounds)
            each = [operations(side, precision) for side in (INFERENCE, spec)]
            print(
                f"| {name} | {precision} | {inference / 1e6:.1f} M, {each[0]:.0f} | {load / 1e6:.1f} M, {each[1]:.0f} "
                f"| {ratio:.2f} | {ratio * each[1] / each[0]:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
