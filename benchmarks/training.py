"""Rates of sweeps over training steps against sweeps of inference, in one run: python -m benchmarks.training.

Both sides are full records reduced to a Pareto front by one process, in seconds of processor time; rounds alternate.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping
from typing import Any

from bitnet_cost.studies import load_sweep, sweep_parts
from bitnet_cost.studies import sweep as sweeps

MODEL, HARDWARE = ["llama-2-7b"], ["h100-sxm-80gb"]
VARIED = {
    "hierarchy.hbm.bandwidth": {"first": "2.5 TB/s", "last": "5 TB/s", "points": 1000},
    "power.static": {"first": "50 W", "last": "150 W", "points": 1000},
}
INFERENCE: Mapping[str, Any] = {
    "batch": list(range(1, 65)), "prompt": list(range(1, 65)), "generate": list(range(1, 4097)),
    "objectives": [{"column": "latency_s"}, {"column": "energy_per_token_j"}],
}  # fmt: skip
TRAINING: Mapping[str, Any] = {
    "devices": [8 * n for n in range(1, 33)],
    "training": {
        "tp": [8], "zero": [1], "seq": {"first": 128, "last": 8192, "points": 1024}, "micro_batch": list(range(1, 9)),
        "global_batch": [5040 * n for n in range(1, 65)],
    },
    "objectives": [{"column": "step_s"}, {"column": "energy_per_token_j"}],
}  # fmt: skip


def rate(spec: Mapping[str, Any], precision: str, partitions: int) -> float:
    """Points that a sweep evaluates in a second of processor time."""
    asked = {"models": MODEL, "hardware": HARDWARE, "precisions": [precision], "pareto": True, **spec}
    whole = load_sweep.plan(sweeps.of_options(asked))
    start, points, kept = time.process_time(), 0, dict[str, Any]()
    for number in range(min(partitions, whole.partitions)):
        _, part = sweep_parts.partition(whole, number)
        kept = sweep_parts.joined(whole, [kept, part] if kept else [part])
        _, first, last = whole.span(number)
        points += last - first
    sweep_parts.completed(whole, kept)
    return points / (time.process_time() - start)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--partitions", type=int, default=4, help="of 524,288 points")
    asked = parser.parse_args()
    profiles = {"objectives": TRAINING["objectives"], "devices": [64], "vary": VARIED,
                "training": {"tp": [8], "zero": [1], "global_batch": 512}}  # fmt: skip
    served = {"objectives": INFERENCE["objectives"], "vary": VARIED}
    print("| sweep | inference, points/s | training, points/s | training / inference |")
    print("| --- | ---: | ---: | ---: |")
    for label, one, other, precision in (
        ("numbers of the question, bf16", INFERENCE, TRAINING, "bf16"),
        ("the same, bitnet-b1.58", INFERENCE, TRAINING, "bitnet-b1.58"),
        ("bandwidth and static power, bf16", served, profiles, "bf16"),
    ):
        pairs = [(rate(one, precision, asked.partitions), rate(other, precision, asked.partitions))
                 for _ in range(asked.rounds)]  # fmt: skip
        before, now = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"| {label} | {before:,.0f} | {now:,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
