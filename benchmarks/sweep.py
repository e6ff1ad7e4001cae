# ruff: noqa: E501  # text of the report
"""Rates of a sweep against the peers over the same grid in one run; cost per point by grid size; peak memory; bounds.

python -m benchmarks.sweep PEERS_PYTHON [--largest 8]     prints its section of benchmarks/README.md

PEERS_PYTHON is the Python of an environment with llm-flops, llm-analysis, ecologits and calflops.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import bitnet_cost
from bitnet_cost.readers import catalog
from bitnet_cost.studies import running
from bitnet_cost.studies import sweep as sweeps

HERE = Path(__file__).resolve().parent
GOALS = [{"column": "latency_s"}, {"column": "energy_per_token_j"}]


def plan(points: int, **asked: Any) -> sweeps.Plan:
    """A grid of Llama 2 7B in bf16 on an H100: at most 64 batches x prompts x 256 generated tokens."""
    batch = min(64, points)
    generate = max(1, min(256, points // batch))
    prompt = max(1, points // batch // generate)
    spec = {
        "models": ["llama-2-7b"], "precisions": ["bf16"], "hardware": ["h100-sxm-80gb"], "batch": list(range(1, batch + 1)),
        "prompt": list(range(1, prompt + 1)), "generate": list(range(1, generate + 1)), **asked,
    }  # fmt: skip
    return sweeps.plan(sweeps.of_options(spec))


def front(points: int, workers: int, **asked: Any) -> dict[str, float]:
    """Seconds and peak memory of a sweep whose full records are reduced to their front, in a process of its own."""
    code = (
        "import json, time\n"
        "from benchmarks import sweep\n"
        "if __name__ == '__main__':\n"
        f"    whole = sweep.plan({points}, objectives=sweep.GOALS, pareto=True, **{asked!r})\n"
        "    start = time.perf_counter()\n"
        f"    rows, _ = sweep.running.Runner(whole, workers={workers}).reduced_rows()\n"
        "    seconds = time.perf_counter() - start\n"
        "    print(json.dumps({'points': whole.points, 'seconds': seconds, 'rows': rows}))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "measure.py"
        file.write_text(code, "utf-8")
        environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
        command = [sys.executable, str(file)]
        running_now = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True)
        most = 0.0
        while running_now.poll() is None:
            most = max(most, resident_mb(running_now.pid))
            time.sleep(0.1)
        assert running_now.stdout is not None
        found: dict[str, float] = json.loads(running_now.stdout.read())
    return found | {"mb": most}


def resident_mb(session: int) -> float:
    """Memory that all processes of a session hold, what they share counted in each.  [MB]"""
    pages = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if os.getsid(int(process.name)) == session:
                pages += int((process / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def single(*, breakdown: bool) -> tuple[float, float]:
    """Seconds of a warm estimate, or of one with its whole breakdown, inputs not seen before: by the engine, by graph.

    The first of a question are the engine's, the last by its graph.
    """
    model = catalog.model("llama-2-7b")
    times = []
    for i in range(600):
        start = time.perf_counter()
        result = bitnet_cost.estimate(model, "h100-sxm-80gb", "bf16", batch=1 + i % 64, prompt=100 + i, generate=128)
        if breakdown:
            _ = (
                result.by_component,
                result.by_operator,
                result.energy_bounds,
                result.footprint.bits,
                result.tokens_per_s,
            )
        times.append(time.perf_counter() - start)
    return statistics.median(times[10:70]), statistics.median(times[-200:])


def to_parquet(points: int) -> dict[str, float]:
    """Points a second and bytes a row of five columns into Parquet."""
    columns = ["batch", "prompt", "generate", "energy_j", "latency_s"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.parquet"
        start = time.perf_counter()
        rows, _ = running.run(plan(points, columns=columns), str(path))
        seconds = time.perf_counter() - start
        return {"rate": rows / seconds, "bytes": path.stat().st_size / rows, "rows": rows}


def peers(python: str) -> dict[str, dict[str, Any]]:
    """Rates of the other tools; see `benchmarks/peers.py`."""
    done = subprocess.run([python, str(HERE / "peers.py")], capture_output=True, text=True, check=True)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def report(python: str, largest: int) -> str:
    """The section of benchmarks/README.md."""
    cores = len(os.sched_getaffinity(0))
    theirs = peers(python)
    rounds = [front(16_777_216, cores) for _ in range(3)]
    ours = statistics.median(r["points"] / r["seconds"] for r in rounds)
    one = front(4_194_304, 1)
    again = peers(python)
    fastest = max(t["rate"] for t in (*theirs.values(), *again.values()) if "rate" in t)
    (first, bare), (_, lone) = (single(breakdown=breakdown) for breakdown in (False, True))
    lines = [
        "## Sweeps beside other tools", "",
        "`python -m benchmarks.sweep PEERS_PYTHON`. Llama 2 7B, bf16, one H100, the same grid of batch x prompt x",
        f"generated tokens for every tool; both sides in one run on {cores} cores, the peers before and after. A record of ours",
        "has energy with components and range, time by phase, memory, fit; a peer's is what one call of it returns.",
        f"Load average of the machine after the run: {os.getloadavg()[1]:.1f}; above {cores} something else ran.", "",
        "| tool | evaluations/s before | after | ours is |", "| --- | ---: | ---: | ---: |",
        f"| bitnet-cost sweep, {cores} workers, 2^24 points reduced to a Pareto front, start of the workers included | {ours:,.0f} | | |",
        f"| bitnet-cost sweep, 1 worker | {one['points'] / one['seconds']:,.0f} | | |",
    ]  # fmt: skip
    for name, before in theirs.items():
        after = again[name]
        if "rate" not in before:
            lines.append(f"| {name} | does not run here: {before['fault']} | | |")
            continue
        mean = (before["rate"] + after["rate"]) / 2
        lines.append(f"| {name} | {before['rate']:,.3g} | {after['rate']:,.3g} | {ours / mean:,.0f} x |")
    lines += [
        "", f"A warm single estimate: {bare * 1e3:.3f} ms, {bare * fastest:.2f} times the fastest peer's call"
        f" ({1e3 / fastest:.3f} ms); with its whole", f"breakdown made, by operator and component: {lone * 1e3:.3f} ms,"
        f" {lone * fastest:.2f} times. The first 80 of a question, by the engine: {first * 1e3:.3f} ms.", "",
        "| points | seconds | us/point | peak MB, all processes |", "| ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for power in range(1, largest + 1):
        found = front(10**power, cores)
        each = found["seconds"] / found["points"] * 1e6
        lines.append(f"| {found['points']:,.0f} | {found['seconds']:.3g} | {each:.3g} | {found['mb']:.0f} |")
    written = to_parquet(10_000_000)
    bandwidths, floors = {"first": 1e13, "last": 4e13, "points": 1000}, {"first": 50, "last": 150, "points": 1000}
    vary = {"hierarchy.hbm.bandwidth": bandwidths, "power.static": floors}
    profiles = front(1, cores, vary=vary)
    lines += [
        "", f"Five columns of {written['rows']:,.0f} points into Parquet: {written['rate']:,.0f} points/s, {written['bytes']:.1f}"
        " bytes a row.",
        f"One workload on {profiles['points']:,.0f} profiles that differ in bandwidth and static power, reduced to their front:"
        f" {profiles['points'] / profiles['seconds']:,.0f} points/s.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Print the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", help="Python of the peers' environment")
    parser.add_argument("--largest", type=int, default=8, help="the largest grid is 10^N points")
    asked = parser.parse_args()
    print(report(asked.python, asked.largest))


if __name__ == "__main__":
    main()
