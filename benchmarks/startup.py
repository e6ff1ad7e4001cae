"""Start-up, and a comparison of many cells, against importing the libraries: whole processes, processor time, by pairs.

python -m scripts.prebuild && python -m benchmarks.startup [pairs]
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

LIBRARIES = "import numpy, pydantic, yaml, typer"
CELLS = """
import bitnet_cost
from bitnet_cost.readers.catalog import devices, names
bitnet_cost.compare(names("model")[:20], devices()[:50], ["fp16", "int8", "int4", "bitnet"])
"""
PAGE = ["report", "llama-2-7b", "llama-2-70b", "mistral-7b"]
PAIRS = [
    ("bitnet-cost --help", ["--help"], "import typer", 1.2),
    (
        "bitnet-cost estimate gpt3-175b",
        ["estimate", "gpt3-175b"],
        LIBRARIES,
        1.0,
    ),
]


def seconds(command: list[str]) -> float:
    """Processor time of one run of a command, which may read and write compiled modules.  [s]"""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=settings)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
        (ours, least), (theirs, lowest) = ((statistics.median(c), min(c)) for c in zip(*runs, strict=True))
        print(f"{label}: {ours:.3f} s, least {least:.3f}; python -c '{imports}': {theirs:.3f} s, least {lowest:.3f}")
        print(f"  ratio {ratio:.2f}, of the least {least / lowest:.2f} (aim {bar})")
    ratio = seconds([sys.executable, "-c", CELLS]) / lowest
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    page = seconds([program, *PAGE])
    print(f"compare 20 x 50 x 4: {ratio:.0f} times the least (aim 15), {most:.0f} MiB (aim 300)")
    print(
        f"report of three models on all measured devices: {page:.1f} s, {page / lowest:.0f} times the least (aim 3 s)"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
