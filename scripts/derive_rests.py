"""What ran before products of AIConfigurator's tables, and how long their devices rested, from the tables themselves.

    python -m scripts.derive_rests FOLDER           # prints the rests by engine, device, format and what was before
    python -m scripts.derive_rests FOLDER --write   # and writes what was before each row that has power

FOLDER is `aic-core/src/aiconfigurator_core/systems/data` of ai-dynamo/aiconfigurator at 095f58a. Its collectors say in
which order rows are run, and what a device does before each (`collector/*/collect_gemm.py`; the tables' order agrees):

- TensorRT-LLM's makes the weights of a shape and format once a worker, one worker a device, and goes through the
  numbers of tokens: the `first` row of each worker follows the end of another group. NVFP4 weights that fit into L2 are
  `made` on the host for every row.
- vLLM's goes through all shapes of a number of tokens, from many inputs to few: where one worker ran it, the meter
  showed small products before the `first` row of a number of outputs (`before_w`).
- FP8 in blocks runs DeepGEMM, which compiles a kernel for each number of outputs and inputs and each layout of tiles.
  Rows whose layout is new to their worker follow seconds of compilation (`compiled`). One worker ran vLLM on a B200: of
  its 1,343 large rows of fewer than 32,768 tokens, 437 of the 438 that are compiled by this show less than 800 W, and 4
  of the 905 others.

A rest, or the time that small products took, is what explains the median of rows that are neither scored nor solved
from, against those with nothing before.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from math import ceil, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies.measured import LARGE

ROOT = Path(__file__).resolve().parent.parent
CARRIED, POWERS = ROOT / "measured" / "operators_2026.csv", ROOT / "benchmarks" / "device" / "layer_powers.csv"
L2 = 126 * 2**20
"""Of a B200, as its driver reports it  [B]"""
FORMATS = {"bfloat16": "bf16", "fp8": "fp8", "fp8_block": "fp8-block", "nvfp4": "nvfp4"}
BYTES = {"bf16": 2.0, "fp8": 1.0, "fp8-block": 1.0, "nvfp4": 0.5}
FEW = 10


class Run(NamedTuple):
    """A table with powers: who ran it on how many devices at once, and where a collector began again."""

    folder: str
    hardware: str
    runtime: str
    workers: int
    multiprocessors: int = 0  # 0: its FP8 in blocks is no kernel of `layout`
    compilers: int = 1  # workers that compile a kernel each before one finds it in the cache of another
    alone: int = 0  # tokens from which on one worker ran all rows, the table's order is the collector's; 0: none
    again: tuple[int, int, int] | None = None  # tokens, outputs and inputs from which on nothing is compiled yet

    @property
    def grouped(self) -> bool:
        """Whether it runs all numbers of tokens of a shape and format, one behind the other."""
        return self.runtime == "tensorrt-llm-kernels"

    def turn(self, row: tuple[int, int, str, int, float]) -> tuple[int, ...]:
        """Where a row of outputs, inputs, format and tokens has its turn: the largest first."""
        outputs, inputs, format_, tokens, _ = row
        of_format = list(FORMATS).index(format_)
        if self.grouped:
            return -outputs, -inputs, of_format, -tokens
        return -tokens, -outputs, -inputs, of_format


RUNS = (
    Run("b200_sxm/gemm/trtllm/1.3.0rc15", "b200", "tensorrt-llm-kernels", 8, 148, 8),
    Run("b200_sxm/gemm/vllm/0.22.0", "b200", "vllm-kernels", 1, 148, 1, 193, (2816, 3072, 65536)),
    Run("gb200/gemm/trtllm/1.3.0rc17", "gb200", "tensorrt-llm-kernels", 4, 152, 4),
    Run("gb200/gemm/vllm/0.22.0", "gb200", "vllm-kernels", 4, 152, 2),
    Run("h200_sxm/gemm/vllm/0.22.0", "h200-sxm-141gb", "vllm-kernels", 1, alone=3),
)


class Row(NamedTuple):
    """A row of a table with what was before it."""

    hardware: str
    runtime: str
    precision: str
    outputs: int
    inputs: int
    tokens: int
    power: float
    before: str
    before_w: float | None  # what the meter showed of the row before; None: not told, or more of the same

    @property
    def key(self) -> tuple[object, ...]:
        """What it is told apart by."""
        return self[:6]


@cache
def layout(m: int, n: int, k: int, multiprocessors: int) -> tuple[int, int, int, int]:
    """Whether operands are swapped, tile of M and N, blocks of a cluster, as DeepGEMM chooses them on Blackwell.

    deepseek-ai/DeepGEMM at 891d57b, csrc/jit_kernels/heuristics/sm100.hpp, `get_layout_candidates` and `compare`.

    >>> layout(2048, 65536, 16384, 148), layout(2304, 65536, 16384, 148)
    ((0, 128, 224, 2), (1, 240, 128, 2))
    """
    plain = 32 if m <= 32 else 64 if m <= 64 else 128
    widths = [16, *range(32, (128 if k <= 256 else 256) + 1, 32)]
    tiles = [(0, plain, n_tile) for n_tile in widths] + [(1, m_tile, 128) for m_tile in range(16, 257, 16)]
    found = []
    for swapped, m_tile, n_tile in tiles:
        across, down = ceil(m / m_tile), ceil(n / n_tile)
        scales = (ceil(m_tile / 128) + ceil(n_tile / 128)) * 4
        if 2 * (m_tile if swapped else n_tile) + scales > 512:  # columns of tensor memory
            continue
        blocks = across * down
        waves, last = ceil(blocks / multiprocessors), (blocks - 1) % multiprocessors + 1
        for cluster in (1, 2) if (down if swapped else across) % 2 == 0 else (1,):
            order = (waves if waves == 1 else 2, -cluster, waves, -last, m_tile + n_tile, m_tile * n_tile)
            found.append((order, (swapped, m_tile, n_tile, cluster)))
    return min(found, key=lambda each: each[0])[1]


def rows_of(folder: Path, run: Run) -> Iterator[Row]:
    """The rows of a table, in the order in which its collector hands them to workers."""
    table = pq.read_table(folder / run.folder / "gemm_perf.parquet").to_pydict()
    names = ("n", "k", "gemm_dtype", "m", "power")
    turns = sorted(zip(*(table[name] for name in names), strict=True), key=run.turn)
    ran: Counter[tuple[object, ...]] = Counter()
    last: tuple[int, int, float] | None = None
    for outputs, inputs, format_, tokens, power in turns:
        precision, before = FORMATS[format_], ""
        if (tokens, outputs, inputs) == run.again:
            ran.clear()
        group: tuple[object, ...] = (outputs, inputs, precision)
        if precision == "fp8-block" and run.multiprocessors:
            group += layout(tokens, outputs, inputs, run.multiprocessors)
            before = "compiled" if ran[group] < run.compilers else ""
        elif run.grouped:
            made = precision == "nvfp4" and outputs * inputs * BYTES[precision] < L2
            before = "made" if made else "first" if ran[group] < run.workers else ""
        smaller = None
        if run.alone and tokens >= run.alone and precision == "bf16" and last and last[:2] != (outputs, tokens):
            before, smaller = "first", last[2]
        ran[group] += 1
        last = outputs, tokens, power
        yield Row(run.hardware, run.runtime, precision, outputs, inputs, tokens, power, before, smaller)


def carried() -> set[tuple[object, ...]]:
    """What the rows that are carried, or prices are solved from, are told apart by."""
    with POWERS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = {
        (r["hardware"], r["runtime"], r["precision"], *(int(r[c]) for c in ("outputs", "inputs", "tokens")))
        for r in rows
    }
    for row in measured.rows():
        if row.source == "aiconfigurator-operators" and row.power_w is not None:
            known.add((row.hardware, row.runtime, row.precision, *sizes(row.model), row.prompt))
    return known


def sizes(model: str) -> tuple[int, int]:
    """Outputs and inputs of a product by its name.

    >>> sizes("linear-3072x65536")
    (3072, 65536)
    """
    outputs, inputs = model.removeprefix("linear-").split("x")[:2]
    return int(outputs), int(inputs)


def rested(part: float) -> float:
    """Seconds of rest that are such a part of a mean of the second before, see `shown_power`; at most 1.

    >>> rested(0.375), rested(0.5), rested(0.0)
    (0.5, 1.0, 0.0)
    """
    return 1 - sqrt(max(1 - 2 * max(part, 0.0), 0.0))


def rests(rows: list[Row]) -> Iterator[tuple[tuple[str, ...], int, float, float]]:
    """Of each engine, device, format and what was before: how many large rows, their median power, the rest."""
    known, found = carried(), dict[tuple[str, ...], list[Row]]()
    for row in rows:
        if row.outputs * row.inputs * row.tokens >= LARGE and row.key not in known:
            found.setdefault((row.runtime, row.hardware, row.precision, row.before), []).append(row)
    for key, members in sorted(found.items()):
        power = catalog.hardware(key[1]).device_power
        alike = [row.power for row in found.get((*key[:3], ""), [])]
        cap = power.cap.value if power.cap is not None else np.inf
        settled = float(np.median(alike)) if len(alike) >= FEW else cap
        parts = [(settled - row.power) / (settled - (row.before_w or power.static.value)) for row in members]
        yield key, len(members), float(np.median([row.power for row in members])), rested(float(np.median(parts)))


def write(rows: list[Row]) -> None:
    """Write what was before each row that has power."""
    known = {row.key: row for row in rows}
    for path in (CARRIED, POWERS):
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            lines, names = list(reader), list(reader.fieldnames or ())
        for line in lines:
            shape = sizes(line["model"]) if "model" in line else (int(line["outputs"]), int(line["inputs"]))
            tokens = int(line["prompt" if "model" in line else "tokens"])
            row = known.get((line["hardware"], line["runtime"], line["precision"], *shape, tokens))
            told = row is not None and line["power_w"]
            line["before"] = row.before if row is not None and told else ""
            line["before_w"] = f"{row.before_w:.6g}" if row is not None and told and row.before_w is not None else ""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(
                file, [n for n in names if not n.startswith("before")] + ["before", "before_w"], lineterminator="\n"
            )
            writer.writeheader()
            writer.writerows(lines)


def main() -> int:
    """Print the rests, and write what was before each row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of AIConfigurator's tables")
    parser.add_argument("--write", action="store_true", help="write what was before each row")
    asked = parser.parse_args()
    rows = [row for run in RUNS for row in rows_of(asked.folder, run)]
    for key, count, shown, rest in rests(rows):
        print(f"{' '.join(key):50} {count:6} rows  {shown:6.0f} W  {rest:.2f} s")
    if asked.write:
        write(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
