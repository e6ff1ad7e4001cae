"""Rates of sweeps over loads against sweeps of inference, in one run: python -m benchmarks.load.

Both sides are full records reduced to a Pareto front by one process, in seconds of processor time; rounds alternate.
"""

from __future__ import annotations

import argparse
import statistics

from benchmarks.training import INFERENCE, rate

LENGTHS = {"prompt": [128 * n for n in range(1, 17)], "generate": [64, 128, 256, 512]}
LOAD = {
    **LENGTHS, "load": {"rate": {"first": 0.01, "last": 50, "points": 4096, "scale": "log"}, "max_batch": 256},
    "objectives": [{"column": "tpot_s"}, {"column": "energy_per_token_j"}],
}  # fmt: skip
PRECISIONS = ("bf16", "fp8", "w4a16", "bitnet-b1.58")


def main() -> None:
    """Print a row of benchmarks/README.md for each precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=16, help="of 65,536 points")
    asked = parser.parse_args()
    for precision in PRECISIONS:
        rounds = [[rate(spec, precision, asked.partitions) for spec in (INFERENCE, LOAD)] for _ in range(asked.rounds)]
        inference, load = (statistics.median(side) for side in zip(*rounds, strict=True))
        print(f"| {precision} | {inference:,.0f} | {load:,.0f} | {load / inference:.2f} |")


if __name__ == "__main__":
    main()
