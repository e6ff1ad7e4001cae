"""Compiled cells of sweeps against the engine: equal in every bit, and how long each takes, in CPU seconds.

python -m benchmarks.compiled [--points 1e7] [--peers PEERS_PYTHON]

``--points`` random ones are compared, on all columns, over some cells; 0 leaves that out. PEERS_PYTHON is the Python of
an environment with llm-flops: the ratio is that of its CPU seconds a call to a sweep's CPU seconds a point in one
process, tracing and compiling included, times the cores; both sides in one run, the peer before and after.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.sweep import GOALS, plan
from bitnet_cost.front import Front
from bitnet_cost.studies import running, sweep_columns, sweep_parts
from bitnet_cost.studies import sweep as sweeps

CELLS = (
    ("llama-2-7b", "h100-sxm-80gb", "bf16", 1), ("mistral-7b", "l4", "w4a16", 1), ("mixtral-8x7b", "b200", "int4", 1),
    ("deepseek-v2-lite", "a100-sxm-80gb", "fp16", 1), ("llama-2-70b", "h100-sxm-80gb", "fp8", 4),
    ("bitnet-b1.58-2b4t", "rtx-4090", "bitnet-b1.58", 1), ("mamba-2.8b", "h100-sxm-80gb", "bf16", 1),
    ("gpt3-175b", "cmos-45nm", "bitnet", 1),
)  # fmt: skip
AT_ONCE = 1 << 16
PEER = """
import time, llmflops
model = llmflops.ModelConfig(name="llama-2-7b", hidden_size=4096, num_layers=32, num_attention_heads=32,
                             intermediate_size=11008, vocab_size=32000)
def call(i):
    return llmflops.estimate(model, batch_size=1 + i % 64, sequence_length=16 + i % 4000, precision="bf16", gpu="H100",
                             include_backward=False, num_generated_tokens=1 + i % 256)
for i in range(200): call(i)
start = time.process_time()
for i in range(4000): call(i)
print((time.process_time() - start) / 4000)
"""


def drawn(draw: np.random.Generator) -> dict[str, Any]:
    """Random numbers of a workload, single tokens and what does not fit among them.  Each [AT_ONCE]"""
    generate = np.where(draw.random(AT_ONCE) < 0.05, 1, draw.integers(1, 4000, AT_ONCE))
    return {
        "batch": draw.integers(1, 400, AT_ONCE).astype(float), "prompt": np.floor(10 ** draw.uniform(0, 5.8, AT_ONCE)),
        "generate": generate.astype(float),
    }  # fmt: skip


def differing(ours: Any, theirs: Any, points: int) -> int:
    """Rows in which two columns are not the same, to the bit."""
    one, other = sweep_columns.as_array(ours, points), sweep_columns.as_array(theirs, points)
    if one.dtype == object:
        return sum(a != b for a, b in zip(one.tolist(), other.tolist(), strict=True))
    return int(np.count_nonzero((one != other) & ~(np.isnan(one) & np.isnan(other))))


def compared(points: int) -> Iterator[str]:
    """A row for each cell: points compared, values that differ, microseconds a point with all columns."""
    draw = np.random.default_rng(1)
    for model, hardware, precision, devices in CELLS:
        whole = sweeps.plan(sweeps.of_options({
            "models": [model], "hardware": [hardware], "precisions": [precision], "devices": [devices],
            "batch": list(range(1, 401)), "prompt": list(range(1, 301)), "generate": [1, 200],
        }))  # fmt: skip
        cell, done, wrong, seconds, columns = whole.cell(0), 0, 0, np.zeros(2), 0
        traced = whole.traced(cell, frozenset(whole.known))
        part = sweep_parts.Part(whole, cell, 0, whole.needed, Front())
        while done < points / len(CELLS):
            numbers = drawn(draw)
            start = time.process_time()
            ours = traced.figures(numbers)
            middle = time.process_time()
            blocks = [slice(i, i + sweeps.CHUNK) for i in range(0, AT_ONCE, sweeps.CHUNK)]
            theirs = [part.evaluated({k: v[block] for k, v in numbers.items()}, {}) for block in blocks]
            seconds += middle - start, time.process_time() - middle
            assert ours is not None
            for name, values in ours.items():
                lacks = None if name == "reason" else np.nan
                column = [sweep_columns.as_array(found.get(name, lacks), sweeps.CHUNK) for found in theirs]
                wrong += differing(values, np.concatenate(column), AT_ONCE)
            done, columns = done + AT_ONCE, len(ours)
        each = seconds / done * 1e6
        names = f"{model}, {hardware}, {precision}, {devices}"
        yield f"| {names} | {done:,} x {columns} | {wrong} | {each[0]:.3f} | {each[1]:.2f} |"


def peer(python: str) -> float:
    """CPU seconds of a call of llm-flops."""
    return float(subprocess.run([python, "-c", PEER], capture_output=True, text=True, check=True).stdout)


def to_front(points: int, workers: int) -> tuple[int, float, float]:
    """Points of a sweep to its front, CPU seconds of this process, and wall seconds."""
    whole = plan(points, objectives=GOALS, pareto=True)
    start, before = time.perf_counter(), time.process_time()
    running.Runner(whole, workers=workers).reduced_rows()
    return whole.points, time.process_time() - before, time.perf_counter() - start


def main() -> None:
    """Print the rows of benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=float, default=1e7)
    parser.add_argument("--peers", help="Python of an environment with llm-flops")
    asked = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    if asked.points:
        print(
            "| cell | points x columns | differ | compiled, us | engine, us |",
            "| --- | ---: | ---: | ---: | ---: |",
            sep="\n",
        )
        for row in compared(int(asked.points)):
            print(row, flush=True)
    print("| sweep to its front | points | CPU us a point | against llm-flops |", sep="\n")
    print("| --- | ---: | ---: | ---: |")
    theirs = [peer(asked.peers)] if asked.peers else []
    found = {}
    least = sweeps.TRACED_FROM, sweeps.COMPILED_FROM
    never = 1 << 62
    ways = {"compiled": least, "NumPy on the graph": (1, never), "the engine": (never, never)}
    for way, limits in ways.items():
        sweeps.TRACED_FROM, sweeps.COMPILED_FROM = limits
        sweep_parts.traced_cell.cache_clear()
        found[way] = to_front(1 << (24 if way == "compiled" else 21), 1)
    sweeps.TRACED_FROM, sweeps.COMPILED_FROM = least
    points, _, wall = to_front(100_000_000, cores)
    theirs += [peer(asked.peers)] if asked.peers else []
    for way, (count, cpu, _) in found.items():
        ratio = f"{cores * np.mean(theirs) / (cpu / count):,.0f} x on {cores} cores" if theirs else ""
        print(f"| {way} | {count:,} | {cpu / count * 1e6:.3f} | {ratio} |")
    calls = ", ".join(f"{1e6 * each:.0f} us" for each in theirs)
    print(f"{points:,} points to their front by {cores} processes: {wall:.1f} s. A call of llm-flops: {calls}.")
    print(f"Load average of the machine: {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
