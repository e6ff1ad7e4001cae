"""Rates of sweeps on all cores, by processes and by Dask with a cluster of its own: python -m benchmarks.files.

Wall seconds, for a machine that does nothing else; the load average is printed. Every column of a sweep into one
Parquet file, into a folder and into CSV, and points reduced to their front. Rounds alternate between processes and
Dask; the start of workers and cluster is included. CPU seconds are of one process that does all.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from bitnet_cost.studies import load_sweep, running, sweep

NAMES = {"models": ["llama-2-7b"], "hardware": ["h100-sxm-80gb"], "precisions": ["bf16"]}
FRONT = {"pareto": True, "objectives": [{"column": "latency_s"}, {"column": "energy_per_token_j"}]}


def grid(points: int, more: Mapping[str, Any]) -> sweep.Plan:
    """A sweep of about so many points."""
    lengths = {"batch": list(range(1, 101)), "prompt": list(range(1, 251))}
    return load_sweep.plan(
        sweep.of_options({**NAMES, **lengths, "generate": list(range(1, 1 + -(-points // 25_000))), **more})
    )


def seconds(whole: sweep.Plan, name: str, **means: Any) -> tuple[float, float]:
    """Wall and CPU seconds of a run, of this process alone, into a file, or to the front where no name is given."""
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        if name:
            running.run(whole, f"{folder}/{name}", **means)
        else:
            running.Runner(whole, **means).reduced_rows()
        return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Print the rows of benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=float, default=1e7, help="of a file; ten times as many to a front")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    points = int(asked.points)
    print("| what | points x columns | processes, s | points/s | CPU of one, us a point | Dask, s | Dask / processes |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for what, name, count, more in (
        ("one Parquet file", "out.parquet", points, {}), ("a folder of Parquet", "out/", points, {}),
        ("a CSV file", "out.csv", points // 10, {}), ("to the front", "", 10 * points, FRONT),
    ):  # fmt: skip
        whole = grid(count, more)
        _, cpu = seconds(whole, name, workers=1)
        pairs = [
            [seconds(whole, name, engine=engine)[0] for engine in ("processes", "dask")] for _ in range(asked.rounds)
        ]
        ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        spread = f"{ours:.1f} ({min(p for p, _ in pairs):.1f} to {max(p for p, _ in pairs):.1f})"
        ratio = statistics.median(dask / processes for processes, dask in pairs)
        size = f"{whole.points:,} x {len(whole.columns) if name else 2}"
        print(f"| {what} | {size} | {spread} | {whole.points / ours:,.0f} | {cpu / whole.points * 1e6:.2f} |"
              f" {theirs:.1f} | {ratio:.2f} |", flush=True)  # fmt: skip
    print(f"{len(os.sched_getaffinity(0))} cores, load average {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
