"""This checkout against another of the same project, in one run: medians of both sides and their ratio, as a table.

python -m benchmarks.rebuild --before PATH [--rounds 7] [--points 1000000]

Each side runs in processes of its own with its checkout first on `PYTHONPATH`, one side after the other, in turn first.
Only the command line and the public functions are used, which both sides have.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
CELLS = [
    ("gpt3-175b", "cmos-45nm", "bitnet"),
    ("llama-2-7b", "h100-sxm-80gb", "bf16"),
    ("mixtral-8x7b", "h100-sxm-80gb", "int4"),
]
COMPARED = {"models": 20, "hw_profiles": 50}  # the first by name, of what both sides have
PRECISIONS = ["fp16", "int8", "int4", "bitnet"]
COLD = {"cold start of `--help`": ["--help"], "cold start of `estimate gpt3-175b`": ["estimate", "gpt3-175b"]}


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """The median wall time of a call."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def broken_down(model: str, hardware: str, precision: str) -> None:
    """One estimate with everything that is read of it: the record, operations, components."""
    import bitnet_cost

    result = bitnet_cost.estimate(model, hardware, precision)
    _ = result.to_records(), result.by_operator, result.by_component, result.energy_bounds


def swept(points: int) -> None:
    """A grid of one model on one device, reduced to its front within this process."""
    import bitnet_cost

    grid = bitnet_cost.sweep(
        models="llama-2-7b", hardware="h100-sxm-80gb", precisions="bf16", batch=range(1, 65),
        prompt=range(1, max(1, points // 64 // 256) + 1), generate=range(1, 257),
        objectives=["min latency_s", "min energy_per_token_j"], pareto=True, workers=1,
    )  # fmt: skip
    for _ in grid:
        pass


def side(names: dict[str, list[str]], points: int) -> dict[str, float]:
    """Seconds of everything that runs within one process, the first call of each left out but for sweeps."""
    import bitnet_cost

    found = {}
    for cell in CELLS:
        work = partial(broken_down, *cell)
        work()
        found[f"warm estimate with its breakdown: {', '.join(cell)}"] = seconds(work, 51)
    swept(10_000)
    found[f"sweep of {points:,} points"] = seconds(partial(swept, points))
    models, hardware = names["models"], names["hw_profiles"]
    compared = partial(bitnet_cost.compare, models, hardware, PRECISIONS)
    found[f"compare {len(models)} x {len(hardware)} x {len(PRECISIONS)}"] = seconds(compared)
    return found


def measured(checkout: Path, names: dict[str, list[str]], points: int) -> dict[str, float]:
    """One round of a side, in processes of its own."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    # The other checkout has no such module: this file is run by its path, and the package is the checkout's.
    command = [
        sys.executable,
        "-P",
        str(Path(__file__).resolve()),
        "--side",
        json.dumps(names),
        "--points",
        str(points),
    ]
    run = partial(subprocess.run, check=True, cwd=checkout, env=environment, stdout=subprocess.PIPE)
    for words in COLD.values():
        run([sys.executable, "-P", "-m", "bitnet_cost", *words])  # the file cache, and byte code
    found = {
        label: seconds(partial(run, [sys.executable, "-P", "-m", "bitnet_cost", *words]))
        for label, words in COLD.items()
    }
    within: dict[str, float] = json.loads(run(command).stdout)
    return found | within


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--points", type=int, default=1_000_000, help="of the sweep")
    parser.add_argument("--side", type=json.loads, help=argparse.SUPPRESS)  # names, as a process of one side gets them
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(side(asked.side, asked.points)))
        return
    if asked.before is None:
        parser.error("--before PATH: the checkout to compare with")
    sides = (asked.before.resolve(), HERE)
    names = {
        kind: sorted(set.intersection(*({path.stem for path in (s / kind).glob("*.yaml")} for s in sides)))[:count]
        for kind, count in COMPARED.items()
    }
    runs: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    for i in range(asked.rounds):
        for which in (0, 1) if i % 2 == 0 else (1, 0):
            runs[which].append(measured(sides[which], names, asked.points))
    print("| what | before, ms | now, ms | now / before |\n| --- | ---: | ---: | ---: |")
    for label in runs[0][0]:
        before, now = (statistics.median(run[label] for run in found) for found in runs)
        ratio = statistics.median(b[label] / a[label] for a, b in zip(*runs, strict=True))
        print(f"| {label} | {1e3 * before:,.2f} | {1e3 * now:,.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
