"""A warm estimate with its breakdown, and a grid: one model, precision and profile, inputs not seen before.

python -m benchmarks.estimate
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.readers import catalog


def main() -> None:
    """Print milliseconds per estimate, and points per second of a grid."""
    precision, profile = catalog.precision("bitnet"), catalog.hardware("cmos-7nm")
    for name in ("gpt3-175b", "llama-2-7b", "gemma-3-1b"):
        model = catalog.model(name)
        for scope in ("arithmetic", "compute"):
            times = []
            for i in range(2000):
                workload = Workload(1 + i % 64, 100 + i, 1 + i % 200)
                start = time.perf_counter()
                result = evaluate(
                    Scenario(model=model, precision=precision, hardware=profile, workload=workload, scope=scope)
                )
                _ = result.by_component, result.by_operator, result.energy_bounds, result.footprint.bits
                times.append(time.perf_counter() - start)
            print(f"{name}, scope {scope}: {1e3 * statistics.median(times):.3f} ms (bar 0.5)")
    model = catalog.model("gpt3-175b")
    points = 10_000
    grid = Workload(np.arange(1, points + 1), 512, np.arange(1, points + 1))
    start = time.perf_counter()
    _ = evaluate(Scenario(model=model, precision=precision, hardware=profile, workload=grid)).energy_bounds
    print(f"grid of {points:,}: {points / (time.perf_counter() - start):,.0f} points/s")


if __name__ == "__main__":
    main()
