"""The long form: ``python -m tests.fuzz [TARGET]... --runs N --seed S``; guided by coverage with ``--guided`` (atheris).

Findings are written to the folder ``--into``, one file for each cause, and counted. What becomes of one: mend its
cause, then keep the file in ``tests/corpus/TARGET/``, which a test runs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random


def main() -> int:
    """Run the targets asked for, one after the other; 1 where something was found."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("targets", nargs="*", metavar="TARGET", help="names of the table in targets.py; default: all")
    asked.add_argument("--runs", type=int, default=10_000, help="executions of each target")
    asked.add_argument("--seed", type=int, default=1, help="of the mutations")
    asked.add_argument("--into", type=Path, default=Path("build/fuzz"), help="where findings go")
    asked.add_argument("--guided", action="store_true", help="by coverage, with atheris")
    given = asked.parse_args()
    if given.guided and len(given.targets) != 1:
        return _each_guided(given.targets, given.runs, given.seed, given.into)
    if given.guided:
        import atheris

        with atheris.instrument_imports(include=["bitnet_cost"]):
            from tests.fuzz import targets as table
    else:
        from tests.fuzz import targets as table
    found = 0
    for name in given.targets or table.TARGETS:
        search = Search(name, given.into)
        if given.guided:
            search.guided(given.runs, given.seed)
        else:
            search.blind(given.runs, given.seed)
        found += len(search.signatures)
    return 1 if found else 0


def _each_guided(names: list[str], runs: int, seed: int, into: Path) -> int:
    """libFuzzer ends its process, so each target has one of its own."""
    from tests.fuzz.targets import TARGETS

    words = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--guided",
        "--runs",
        str(runs),
        "--seed",
        str(seed),
        "--into",
        str(into),
    ]
    return max([subprocess.run([*words, name], check=False).returncode for name in names or TARGETS])


class Search:
    """The search of one target, and what it found."""

    def __init__(self, name: str, into: Path) -> None:
        from tests.fuzz.mutation import keys_of
        from tests.fuzz.targets import TARGETS

        self.name, self.target, self.into = name, TARGETS[name], into / name.replace(" ", "-")
        self.seeds = self.target.seeds()
        known = set()
        for seed in self.seeds:
            try:
                known |= set(keys_of(self.target.form.read(seed)))
            except (ValueError, RecursionError):
                continue
        self.known = sorted(known)
        self.signatures: set[str] = set()
        self.runs = self.accepted = 0
        self.start = time.monotonic()

    def once(self, data: bytes) -> None:
        """Execute, and keep what is found."""
        from tests.fuzz.verdict import Finding, judged

        self.runs += 1
        try:
            self.accepted += judged(self.target.run, data)
        except Finding as found:
            if found.signature not in self.signatures:
                self.signatures.add(found.signature)
                self.keep(data, found)

    def keep(self, data: bytes, found: Exception) -> None:
        """Write an input that should not have done what it did."""
        self.into.mkdir(parents=True, exist_ok=True)
        stem = self.into / hashlib.sha256(str(getattr(found, "signature", found)).encode()).hexdigest()[:12]
        stem.with_suffix(self.target.suffix).write_bytes(data)
        stem.with_suffix(".why").write_text(
            f"{getattr(found, 'signature', '')}\n{found}\n", "utf-8", "backslashreplace"
        )
        sys.stderr.write(
            f"{self.name}: {getattr(found, 'signature', '')}\n".encode("ascii", "backslashreplace").decode()
        )

    def mutant(self, data: bytes, seed: int) -> bytes:
        """A changed input."""
        from tests.fuzz.mutation import mutated

        return mutated(data, Random(seed), self.target.form, self.seeds, self.known)

    def blind(self, runs: int, seed: int) -> None:
        """As many executions from the seeds alone, the same for the same seed."""
        random = Random(seed)
        for each in self.seeds:
            self.once(each)
        while self.runs < runs:
            data = random.choice(self.seeds)
            self.once(self.mutant(data, random.getrandbits(63)))
        self.tell()

    def guided(self, runs: int, seed: int) -> None:
        """As many executions, new inputs from those that reached new code."""
        import atheris

        self.into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as corpus:
            for i, each in enumerate(self.seeds):
                Path(corpus, f"{i:04}").write_bytes(each)

            def mutate(data: bytes, most: int, number: int) -> bytes:
                if number % 8 == 0:
                    return bytes(atheris.Mutate(data, most))
                if number % 8 < 4:  # what is refused early would crowd out what is accepted
                    data = self.seeds[number % len(self.seeds)]
                return self.mutant(data, number)[:most]

            words = ["fuzz", corpus, f"-runs={runs}", f"-seed={seed}", "-max_len=20000", "-mutate_depth=2", "-rss_limit_mb=1024",
                     "-timeout=20", "-print_final_stats=1", f"-artifact_prefix={self.into}/"]  # fmt: skip
            atheris.Setup(words, self._told(runs), custom_mutator=mutate)
            atheris.Fuzz()

    def _told(self, runs: int) -> Callable[[bytes], None]:
        def run(data: bytes) -> None:
            self.once(data)
            if self.runs == runs:
                self.tell()

        return run

    def tell(self) -> None:
        """One line: executions, rate, findings, memory."""
        seconds = time.monotonic() - self.start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        line = {
            "target": self.name, "runs": self.runs, "accepted": self.accepted, "seconds": round(seconds, 1),
            "per second": round(self.runs / seconds), "findings": len(self.signatures), "MB": round(memory),
        }  # fmt: skip
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code) if "atheris" in sys.modules else sys.exit(code)
