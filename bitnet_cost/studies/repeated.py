"""Questions of one point that came before in the same words, with any numbers.

What the words name is looked up once, and a question that keeps coming is answered by its graph (`engine.again`). Names
of the catalogue mean the same as long as a program runs; a file may change, and is read each time; what a caller loaded
is known by its identity.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from bitnet_cost.engine.asked import Asked
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import usual_generate
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog

if TYPE_CHECKING:
    from bitnet_cost.engine.again import Printed

AGAIN = 80
"""Answers by the engine after which a graph is worth its time. To trace and print it takes as long as 26 to 80 of them,
20 to 40 ms on a device: a script that ends right there took twice as long as without at the most, and each one further
a twentieth."""
MOST = 256  # questions that are known at once
MOST_TRACED = 64  # of them, those with graphs, each of which takes 0.15 MB
GRAPHS = 4  # of a question: with and without decoding, and what else decides

_LOADED = (Architecture, Hardware, Precision, RuntimeProfile, Facility)


class Question:
    """A question, and how often the engine has answered it."""

    def __init__(self, asked: Asked, words: tuple[Any, ...]) -> None:
        self.asked, self.words = asked, words  # which keeps the identity of what was loaded its own
        self.usual = usual_generate(asked.scenario.model, asked.scenario.hardware)
        self.answered, self.graphs = 0, tuple["Printed", ...]()

    def answer(self, batch: Any, prompt: Any, generate: Any) -> Result:
        """The answer for some numbers, which may be arrays.

        Raises:
            BitnetCostError: see `Workload` and `Asked.by_engine`.
        """
        numbers = batch, prompt, self.usual if generate is None else generate
        single = all(type(number) is int or isinstance(number, np.integer) for number in numbers)
        if single and self.graphs and self.asked.traceable(numbers):
            for graph in self.graphs:
                found = graph.at(numbers)
                if found is not None:
                    return found
        result = self.asked.by_engine(self.asked.at(numbers))
        if single and result.has_energy and result.reason is None:  # with a baseline, that it has an energy too
            self.answered += 1
            if self.answered >= AGAIN and len(self.graphs) < GRAPHS and self.asked.traceable(numbers):
                _trace(self, numbers)
        return result


_known: dict[tuple[Any, ...], Question] = {}
_traced: deque[Question] = deque()
_remembering, _tracing = Lock(), Lock()


def question(words: tuple[Any, ...]) -> Question | None:
    """The question of some words; None: it is new, or has to be read again."""
    return _known.get(_key(words))


def remember(words: tuple[Any, ...], asked: Asked) -> None:
    """Know a question by its words from now on, unless they name a file; the oldest is forgotten."""
    for word in words:
        if isinstance(word, str) and (catalog.is_path(word) or "@" in word):
            return
        if not (word is None or isinstance(word, (str, int, float, *_LOADED))):
            return
    if asked.scenario.workload.shape:  # a grid's arrays are not to be kept
        asked = asked._replace(scenario=asked.at((1, 1, 1)))
    with _remembering:
        if len(_known) >= MOST:
            del _known[next(iter(_known))]
        _known[_key(words)] = Question(asked, words)


def _key(words: tuple[Any, ...]) -> tuple[Any, ...]:
    """Words by themselves, numbers with their type, what is loaded by its identity."""
    return tuple([word if word is None or type(word) is str else _mark(word) for word in words])


def _mark(word: Any) -> Any:
    return (type(word), word) if type(word) in (int, float) else id(word)


def _trace(known: Question, numbers: tuple[int, int, int]) -> None:
    """Add a graph to a question that holds for some numbers, if no other is being traced."""
    if not _tracing.acquire(blocking=False):
        return
    try:
        from bitnet_cost.engine.again import Printed  # late: most programs need none

        known.answered = 0
        known.graphs += (Printed(known.asked, numbers),)
        if known not in _traced:
            _traced.append(known)
        if len(_traced) > MOST_TRACED:
            _traced.popleft().graphs = ()
    except (BitnetCostError, TypeError):  # a formula that cannot be traced: the engine goes on
        known.answered = -(10**9)
    finally:
        _tracing.release()
