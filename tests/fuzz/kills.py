"""Sweeps killed at random moments, continued, and compared with one that nobody disturbed.

``python -m tests.fuzz.kills --count 100 --seed 1``. Each starts a real sweep of two workers (or a local Dask cluster)
into a folder, a CSV or a Parquet file, sends SIGINT, SIGTERM or SIGKILL to the command, or SIGKILL to a worker, once or
twice, and runs it again with ``--resume`` where a folder is there. All rows are then those of the undisturbed run,
nothing else is left beside them, and no process outlives its command by more than `PATIENCE`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

PATIENCE = 20.0  # seconds that a command may take to end after a signal, on a busy machine
KINDS = ("folder", "csv", "parquet", "folder", "csv", "parquet", "folder by dask", "csv by dask")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
SWEEP = ("-m", "gpt2", "-H", "h100-sxm-80gb", "-p", "bf16", "-p", "fp8", "--batch", "1:64:64", "--prompt", "1:1024:1024",
         "--generate", "2,9", "--columns", "precision,batch,prompt,generate,energy_j,latency_s", "--workers", "2")  # fmt: skip
OTHER = ("-m", "opt-125m", *SWEEP[2:])  # of the same shape, whose parts must not be taken for those of the first
# Parts are small, so that a kill finds some written; SIGINT may be ignored by what runs this.
_COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
from bitnet_cost import cli
from bitnet_cost.studies import running, sweep
signal.signal(signal.SIGINT, signal.default_int_handler)
running.PART_ROWS = sweep.PARTITION
sys.argv[0] = "bitnet-cost"
if __name__ == "__main__":
    cli.main()
"""


def main() -> int:
    """Kill as many as wanted; 1 where something was lost, mixed or left."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600.0, help="after which no further one begins")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bitnet-cost-kills-") as place:
        return Kills(Path(place), Random(given.seed)).run(given.count, given.minutes)


class Kills:
    """Kills in one folder, and what they left."""

    def __init__(self, place: Path, random: Random) -> None:
        self.whole_place, self.place, self.random = place, place, random
        self.undisturbed: dict[str, tuple[Any, float]] = {}
        self.faults: list[str] = []
        self.ended: dict[str, int] = {}
        self.kills = 0

    def run(self, count: int, minutes: float) -> int:
        """Kill so many, and print a line of each fault and one of all."""
        end, i = time.monotonic() + 60 * minutes, 0
        while self.kills < count and time.monotonic() < end:
            kind, i = KINDS[i % len(KINDS)], i + 1
            self.place = self.whole_place / str(i)
            self.place.mkdir()
            (self.place / "command.py").write_text(_COMMAND, "utf-8")
            try:
                fault = self.once(kind)
            except Exception as error:
                fault = repr(error)
            if fault:
                self.faults.append(f"{i} {kind}: {fault}")
                sys.stderr.write(self.faults[-1] + "\n")
        sys.stdout.write(
            json.dumps({"kills": self.kills, "sweeps": i, "ended": self.ended, "faults": self.faults}) + "\n"
        )
        return 1 if self.faults else 0

    def once(self, kind: str) -> str:
        """One kill, or two; a word where something is not as it should be."""
        form, _, engine = kind.partition(" by ")
        target = {"folder": "parts/", "csv": "rows.csv", "parquet": "rows.parquet"}[form]
        more = ("--engine", "dask") if engine else ()
        if kind not in self.undisturbed:
            start = time.monotonic()
            code, errors = self.ended_with(self.started(target, SWEEP, *more))
            if code:
                return f"undisturbed {code}: {errors}"
            self.undisturbed[kind] = self.rows(target), time.monotonic() - start
            self.remove(target)
        whole, seconds = self.undisturbed[kind]
        resume: tuple[str, ...] = ()
        for _ in range(self.random.choice([1, 1, 2])):
            process = self.started(target, SWEEP, *more, *resume)
            time.sleep(self.random.uniform(0, 1.1 * seconds))
            fault = self.killed(process)
            self.kills += 1
            if fault:
                return fault
            path = self.place / target
            if form != "folder" and path.exists() and self.rows(target) != whole:
                return "a file that is not complete has the final name"
            resume = ("--resume",) if path.is_dir() else ()
        if resume and self.random.random() < 0.3:
            code, errors = self.ended_with(self.started(target, OTHER, *more, *resume))
            if code != 2:
                return f"another sweep into its folder ended with {code}: {errors}"
        code, errors = self.ended_with(self.started(target, SWEEP, *more, *resume))
        if code:
            return f"again: {code} {errors}"
        if self.rows(target) != whole:
            return "rows differ from those of the undisturbed run"
        left = [p.name for p in self.place.iterdir() if p.name not in ("command.py", target.rstrip("/"))]
        left += [p.name for p in (self.place / target).glob(".*")] if form == "folder" else []
        self.remove(target)
        return f"left behind: {left}" if left else ""

    def started(self, target: str, words: tuple[str, ...], *more: str) -> subprocess.Popen[str]:
        """A sweep under way, in a process group of its own."""
        command = [sys.executable, "command.py", "sweep", *words, "-o", target, *more]
        paths = os.pathsep.join([os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(
            command, cwd=self.place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=os.environ | {"PYTHONPATH": paths},
        )  # fmt: skip

    def ended_with(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """How a sweep that is left alone ends."""
        _, errors = process.communicate(timeout=600)
        return process.returncode, errors[-600:]

    def killed(self, process: subprocess.Popen[str]) -> str:
        """Kill a sweep, or one of its workers; a word where it does not end as it should."""
        sent = self.random.choice(SIGNALS)
        workers = [child for child in children(process.pid) if parent_of(child) != process.pid]  # no server, no tracker
        if workers and self.random.random() < 0.2:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(workers), signal.SIGKILL)
            sent = signal.SIGINT if self.random.random() < 0.5 else sent
            time.sleep(self.random.uniform(0, 1))
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sent)
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return f"still there {PATIENCE:.0f} s after {sent.name}"
        name = f"{sent.name} {process.returncode}"
        self.ended[name] = self.ended.get(name, 0) + 1
        if "Traceback" in errors and (
            sent is signal.SIGINT or "distributed" not in errors
        ):  # Dask's workers log theirs
            return f"{sent.name}: {errors[-600:]}"
        end = time.monotonic() + PATIENCE
        while group_lives(process.pid) and time.monotonic() < end:
            time.sleep(0.05)
        if group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
            return f"workers outlive {sent.name} by {PATIENCE:.0f} s"
        return ""

    def rows(self, target: str) -> Any:
        """All that a sweep wrote."""
        path = self.place / target
        if path.suffix == ".csv":
            return path.read_bytes()
        from pyarrow import parquet

        files = sorted(path.glob("part-*")) if path.is_dir() else [path]
        return [row for file in files for row in parquet.ParquetFile(file).read().to_pydict().items()]

    def remove(self, target: str) -> None:
        """What a sweep wrote."""
        path = self.place / target
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def children(process: int) -> list[int]:
    """Processes in the group of a command but itself."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != process:
            with contextlib.suppress(OSError):
                if os.getpgid(int(entry.name)) == process:
                    found.append(int(entry.name))
    return found


def parent_of(process: int) -> int:
    """The process that started one, which may be gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
    return 0


def group_lives(group: int) -> bool:
    """Whether a process of a group is left that is not only waiting to be reaped."""
    for process in children(group):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z":
                return True
    return False


if __name__ == "__main__":
    sys.exit(main())
