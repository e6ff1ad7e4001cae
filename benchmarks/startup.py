"""Start-up of the command line against importing its libraries: whole processes in turn, the ratio pair by pair.

python -m benchmarks.startup [pairs]
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

PAIRS = [
    ("bitnet-cost --help", ["--help"], "import typer", 1.5),
    (
        "bitnet-cost estimate gpt3-175b",
        ["estimate", "gpt3-175b"],
        "import numpy, pydantic, yaml, typer",
        1.6,
    ),
]


def seconds(command: list[str]) -> float:
    """Wall time of one run of a command."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(pairs: int = 15) -> None:
    """Print the median of the pairwise ratios."""
    beside = Path(sys.executable).parent / "bitnet-cost"
    program = str(beside) if beside.exists() else shutil.which("bitnet-cost")
    if program is None:
        raise SystemExit("bitnet-cost is not installed in this environment")
    for label, words, imports, bar in PAIRS:
        commands = [program, *words], [sys.executable, "-c", imports]
        for command in commands:
            seconds(command)  # warm the file cache
        runs = [(seconds(commands[0]), seconds(commands[1])) for _ in range(pairs)]
        ratio = statistics.median(a / b for a, b in runs)
        ours, theirs = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{label}: {ours:.3f} s, python -c '{imports}': {theirs:.3f} s, ratio {ratio:.2f} (bar {bar})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
