"""Random valid questions over all commands: ``python -m tests.fuzz.valid [LAW]... --count N --seed S``.

Each question is put to one law of `laws.LAWS`. A broken one is made as small as it gets while the same law breaks in the
same way, printed as files and a command line, and kept in ``build/fuzz/valid``; ``--again FILE`` asks it anew.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import inside
from tests.fuzz.asking import Ask, Tally, shell
from tests.fuzz.laws import LAWS
from tests.fuzz.samples import Tree, question
from tests.fuzz.targets import folder
from tests.fuzz.verdict import Finding

MOST_TRIES = 400  # runs of a law that making a case smaller may take
MOST_SECONDS = 30.0


def main() -> int:
    """Ask as many as wanted; 1 where a law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.valid", description=__doc__)
    parser.add_argument("laws", nargs="*", metavar="LAW", help="default: all in turn")
    parser.add_argument("--count", type=int, default=10_000, help="runs of a command")
    parser.add_argument("--seed", type=int, default=1, help="of the questions")
    parser.add_argument("--into", type=Path, default=Path("build/fuzz/valid"), help="where findings go")
    parser.add_argument("--again", type=Path, help="a kept finding, asked again")
    parser.add_argument("--refusals", action="store_true", help="lists what was refused, and how often")
    given = parser.parse_args()
    if given.again:
        kept = json.loads(given.again.read_text("utf-8"))
        found = broken(kept["law"], kept["case"], kept["seed"], Tally())
        sys.stdout.write(f"{found.signature}\n{found}\n" if found else "holds\n")
        return 1 if found else 0
    search = Search(given.laws or list(LAWS), given.into)
    search.ask(given.count, given.seed)
    if given.refusals:
        for words, times in search.tally.refusals.most_common():
            sys.stdout.write(f"{times:6} {words}\n")
    return 1 if search.signatures else 0


def broken(law: str, case: Tree, seed: int, tally: Tally) -> Finding | None:
    """How a case breaks a law; None where it holds."""
    place = folder() / "valid"
    place.mkdir(exist_ok=True)
    inside.emptied(place)
    try:
        LAWS[law](Ask(case, place, seed, tally))
    except Finding as found:
        return found
    except Exception as error:  # of the law itself, which a valid question must not bring about either
        return Finding(f"law {type(error).__name__}", repr(error))
    return None


class Search:
    """A search, and what it found."""

    def __init__(self, laws: list[str], into: Path) -> None:
        self.laws, self.into, self.tally = laws, into, Tally()
        self.signatures: dict[str, int] = {}
        self.first: dict[str, str] = {}

    def ask(self, count: int, seed: int) -> None:
        """Ask until so many commands ran; the same for the same seed."""
        random, start, turn = Random(seed), time.monotonic(), 0
        while self.tally.runs < count:
            case, law, drawn = question(random), self.laws[turn % len(self.laws)], random.getrandbits(32)
            turn += 1
            found = broken(law, case, drawn, self.tally)
            if found:
                name = f"{law}: {found.signature}"
                self.signatures[name] = self.signatures.get(name, 0) + 1
                if self.signatures[name] == 1:
                    self.keep(law, case, drawn, found)
        line = {
            "seed": seed, "questions": turn, "runs": self.tally.runs, "answered": self.tally.answered,
            "seconds": round(time.monotonic() - start, 1), "slowest": round(self.tally.slowest, 2), "findings": self.signatures,
        }  # fmt: skip
        sys.stdout.write(json.dumps(line) + "\n")

    def keep(self, law: str, case: Tree, seed: int, found: Finding) -> None:
        """Make it smaller, write it, and print how to ask it by hand."""
        small, found = smaller(law, case, seed, found)
        self.into.mkdir(parents=True, exist_ok=True)
        path = self.into / (hashlib.sha256(f"{law}{found.signature}".encode()).hexdigest()[:12] + ".json")
        path.write_text(json.dumps({"law": law, "seed": seed, "case": small}, indent=1), "utf-8")
        ask = Ask(small, folder() / "valid", seed, Tally())
        text = f"{law}: {found.signature}\n  {found}\n  {shell(ask.words('estimate', one=True))}\n  {path}\n"
        self.first[f"{law}: {found.signature}"] = text
        sys.stderr.write(text)
        sys.stderr.flush()


def smaller(law: str, case: Tree, seed: int, found: Finding) -> tuple[Tree, Finding]:
    """A case that breaks the law in the same way, from which nothing more can be left out."""
    tries, moved, start = 0, True, time.monotonic()
    while moved and tries < MOST_TRIES and time.monotonic() - start < MOST_SECONDS:
        moved = False
        for candidate in reductions(case):
            tries += 1
            again = broken(law, candidate, seed, Tally())
            if again is not None and again.signature == found.signature:
                case, found, moved = candidate, again, True
                break
            if tries >= MOST_TRIES or time.monotonic() - start > MOST_SECONDS:
                break
    return case, found


def reductions(tree: Any) -> Iterator[Any]:
    """A tree with one thing less: an entry left out, a number closer to 1; large parts first."""
    for path in sorted(paths(tree), key=lambda p: (len(p), str(p))):
        copied = copy.deepcopy(tree)
        place = copied
        for step in path[:-1]:
            place = place[step]
        value = place[path[-1]]
        if isinstance(value, int) and not isinstance(value, bool) and value > 1 and path[-1] != "year":
            for less in sorted({1, value // 2, value - 1}):
                place[path[-1]] = less
                yield copy.deepcopy(copied)
        elif path[0] in ("hardware", "precision", "runtime") and len(path) > 3:
            continue  # a part of a figure, without which it is none
        if path[-1] not in ("model", "hardware", "precision", "options"):
            del place[path[-1]]
            yield copied


def paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Ways to every part of a tree but the whole."""
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in parts:
        yield (*path, name)
        yield from paths(value, (*path, name))


if __name__ == "__main__":
    sys.exit(main())
