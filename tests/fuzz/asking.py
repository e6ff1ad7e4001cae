"""A question put to the command line: its files written, its words made, and every run judged."""

from __future__ import annotations

import json
import re
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import inside, work
from tests.fuzz.inside import Ran
from tests.fuzz.samples import Tree
from tests.fuzz.verdict import Finding, place_of, require

MOST_SECONDS = 2.0  # of computing, that a run may take
_NO_NUMBER = re.compile(r"(?<![\w.-])(nan|NaN|-?inf|-?Infinity)(?![\w-]| Cache)")
_OPTIONS_OF_ONE = ("hardware", "precision")


def finite(text: str) -> None:
    """Raise a finding where what is printed is no number."""
    found = _NO_NUMBER.search(text)
    if found:
        raise Finding("no number printed", text[max(0, found.start() - 200) : found.end() + 100])


@dataclass
class Tally:
    """Runs so far: how many, how many were answered, and the slowest."""

    runs: int = 0
    answered: int = 0
    slowest: float = 0.0
    words: tuple[str, ...] = ()
    refusals: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Ask:
    """A question, and how to ask it.

    Args:
        case: files as trees or names, and options; see `samples.question`.
        place: the folder in which commands run.
        seed: of what a law varies.
        tally: runs so far.
    """

    case: Tree
    place: Path
    seed: int
    tally: Tally

    @cached_property
    def random(self) -> Random:
        """What a law draws from: the same for the same case."""
        return Random(self.seed)

    def changed(self, **changes: Any) -> Ask:
        """The same with other parts, drawing on where this one is."""
        found = Ask(self.case | changes, self.place, self.seed, self.tally)
        found.__dict__["random"] = self.random
        return found

    def is_encoder(self) -> bool:
        """Whether the model generates nothing."""
        model = self.case["model"]
        return model == "bert-base" or (isinstance(model, dict) and model["kind"] == "encoder")

    def default_scope(self) -> str:
        """The scope that an estimate answers by default."""
        hardware = self.case["hardware"]
        node = hardware["kind"] == "technology" if isinstance(hardware, dict) else hardware.startswith("cmos")
        return "arithmetic" if node else "device"

    def files(self) -> list[str]:
        """The files of the question, written, by name."""
        return [name for name in map(self._named, ("model", "hardware", "precision", "runtime")) if name]

    def _named(self, part: str) -> str:
        given = self.case.get(part)
        if not isinstance(given, dict):
            return str(given or "")
        name = f"own-{part}.yaml"
        (self.place / name).write_text(json.dumps(given), "utf-8")
        return name

    def words(self, command: str, *more: str, one: bool = False, baseline: bool = True) -> list[str]:
        """The words of a command; with ``one`` precision, or with the baseline as a second."""
        found = [command, self._named("model"), "-H", self._named("hardware"), "-p", self._named("precision")]
        other = self.case.get("baseline")
        if other and baseline and command not in ("fit", "explore"):
            found += ([] if one else ["-p", other]) + ["--baseline", other]
        if self.case.get("runtime"):
            found += ["--runtime", self._named("runtime")]
        return [*found, *(w for n, v in self.case["options"].items() for w in (f"--{n}", str(v))), *more]

    def sweep_words(self, **axes: str) -> list[str]:
        """The words of a sweep over the same question."""
        found = ["sweep", "-m", self._named("model"), "-H", self._named("hardware"), "-p", self._named("precision")]
        if self.case.get("runtime"):
            found += ["--runtime", self._named("runtime")]
        options = self.case["options"] | axes
        return [*found, *(w for n, v in options.items() for w in (f"--{n}", str(v)))]

    def run(self, *words: str) -> Ran:
        """Run and judge: an answer, or one error with exit code 2.

        Raises:
            Finding: a traceback, a warning, another exit code, words on the wrong side, or more time than allowed.
        """
        self.tally.runs += 1
        try:
            done = inside.ran(words, self.place)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            raise Finding(f"{type(error).__name__} {place_of(error)}", f"{shell(words)}\n{_ours(error)}") from error
        if done.seconds > self.tally.slowest:
            self.tally.slowest, self.tally.words = done.seconds, tuple(words)
        if done.seconds > MOST_SECONDS and work.controls(lambda: inside.ran(words, self.place)) > work.MOST:
            raise Finding(f"slow {words[0]}", f"{done.seconds:.1f} s: {words}")
        allowed = (0, 1, 2) if words[0] in ("check", "validate") else (0, 2)
        require(done.code in allowed, f"exit code {done.code}", f"{words}\n{done.err[-1000:]}")
        require("Traceback" not in done.err and "Warning" not in done.err, "warning", f"{words}\n{done.err[-1500:]}")
        if done.code == 2:
            require(not done.out, "output beside an error", f"{words}\n{done.out[:300]}")
            self.tally.refusals[f"{words[0]}: {kind_of(done.err)}"] += 1
            require(
                done.err.startswith(("error: ", "Usage")) and len(done.err) < 4000,
                "error",
                f"{words}\n{done.err[:500]}",
            )
        else:
            self.tally.answered += 1
            if not done.out.lstrip().startswith(("<", "{", "[")):  # pages say it in words, JSON is read strictly
                finite(done.out)
        return done

    def printed(self, command: str, *more: str, one: bool = False) -> str:
        """What a command prints, which answers as the JSON of the same question did."""
        done = self.run(*self.words(command, *more, one=one))
        return done.out

    def document(self, command: str, *more: str, one: bool = False) -> Any:
        """The JSON of a command; None where it is refused."""
        done = self.run(*self.words(command, *more, "-f", "json", one=one))
        if done.code == 2:
            return None

        def refuse(constant: str) -> None:
            raise Finding(f"JSON with {constant}", str(self.words(command)))

        return json.loads(done.out, parse_constant=refuse)

    def record(self) -> Any:
        """The first record of the estimate; None where it is refused."""
        document = self.document("estimate", one=True)
        return None if document is None else document["records"][0]

    def file(self, name: str) -> str:
        """A file that a command wrote; removed, so that the next can write it."""
        path = self.place / name
        text = path.read_text("utf-8")
        path.unlink()
        return text


def _ours(error: BaseException) -> str:
    """The last lines of the project in a traceback, and what was raised."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/bitnet_cost/" in f.filename]
    lines = [f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}: {f.line}" for f in frames[-4:]]
    return "\n  ".join([*lines, repr(error)[:300]])


def kind_of(error: str) -> str:
    """An error without what differs from one input to another: the same for the same cause."""
    return re.sub(r"'[^']*'|\d[\d,.]*( [kMGTP]?B)?", "_", " ".join(error.split()))[:110]


def shell(words: Sequence[str]) -> str:
    """Words as one types them."""
    import shlex

    return shlex.join(["bitnet-cost", *words])
