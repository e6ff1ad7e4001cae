"""Phases of a workload, and the bases: what it repeats in each of them. A new phase is a row of `PHASES`."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from bitnet_cost.formulas.experts import touched_experts
from bitnet_cost.formulas.pairs import decode_pairs, growing_pairs, prefill_pairs
from bitnet_cost.formulas.speculation import expected_tokens
from bitnet_cost.inputs.workload import Speculative, Workload
from bitnet_cost.ledger.arrays import Bases, Basis
from bitnet_cost.ledger.counted import Attended, Phase
from bitnet_cost.told import Array, array, decided

# Functions with names: a result goes to another process with its phases.


def _one(prompt: Array, generate: Array) -> Array:
    return prompt * 0 + 1


def _whole(prompt: Array, generate: Array) -> Array:
    return prompt


def _prefilled(prompt: Array, generate: Array, span: str, window: float) -> Array:
    return prefill_pairs(prompt, span, window)


def _prompt_keys(prompt: Array, generate: Array, span: str, window: float) -> Array:
    return prompt


def _steps(prompt: Array, generate: Array) -> Array:
    return generate - 1


def _decoded(prompt: Array, generate: Array, span: str, window: float) -> Array:
    return decode_pairs(prompt, generate, window)


PHASES = (
    Phase(
        "prefill",
        passes=_one,
        width=_whole,
        pairs=_prefilled,
        keys=_prompt_keys,
        prompts=True, cut=True, fills=True,
    ),
    Phase(
        "decode",
        passes=_steps,
        width=_one,
        pairs=_decoded,
        keys=_decoded,
        grows=True,
    ),
)  # fmt: skip
"""All phases, in the order in which they run; a workload has those that take its prompts in or have a pass anywhere."""


@lru_cache(maxsize=64)
def speculative_phase(rounds: Speculative) -> Phase:
    """The decode as it runs with drafted tokens; see `expected_tokens` for how many E a round of K of them yields.

    The model that checks them takes K+1 tokens in a pass and goes E positions on; the one that drafts takes K passes of
    a token for that. Positions are those of the mean round, so that passes need not be whole; sums over them have the
    closed form of plain steps, in units of what a pass goes on: P + (i - 1) E + K + 1 keys in round i.
    """
    drafted, yields = rounds.tokens, expected_tokens(rounds.accept, rounds.tokens)
    if rounds.drafting:
        queries, advance, reach = 1, yields / drafted, 0
        ahead = (drafted + 1) / 2 - (yields + advance) / 2
    else:
        queries, advance, ahead, reach = drafted + 1, yields, drafted + 1 - yields, drafted

    of = _Rounds(queries, advance, ahead, reach)
    return Phase(
        "decode", passes=of.passes, width=of.width, pairs=of.pairs, keys=of.keys, grows=True, advance=advance,
        ahead=ahead, reach=reach,
    )  # fmt: skip


class _Rounds(NamedTuple):
    """What passes of drafted tokens do; see `speculative_phase`."""

    queries: int
    advance: float
    ahead: float
    reach: int

    def passes(self, prompt: Array, generate: Array) -> Array:
        return (generate - 1) / self.advance

    def width(self, prompt: Array, generate: Array) -> Array:
        return _one(prompt, generate) * self.queries

    def keys(self, prompt: Array, generate: Array, span: str, window: float) -> Array:
        start = (prompt + self.ahead) / self.advance
        reach = (window + self.reach) / self.advance
        return self.advance * growing_pairs(start, self.passes(prompt, generate), reach)

    def pairs(self, prompt: Array, generate: Array, span: str, window: float) -> Array:
        start = (prompt + (self.ahead - (self.queries - 1) / 2)) / self.advance  # the mean of its queries
        passes = self.passes(prompt, generate)
        return (self.queries * self.advance) * growing_pairs(start, passes, window / self.advance)


def aged_phase(age: Array | float) -> Phase:
    """The decode of sequences of which each has ``age`` times half its tokens behind it: a pass goes so far."""
    keys = partial(_aged_keys, age)
    return PHASES[1]._replace(pairs=keys, keys=keys, advance=age)


def _aged_keys(age: Array | float, prompt: Array, generate: Array, span: str, window: float) -> Array:
    reach = window if window == np.inf else window / age
    return age * growing_pairs(prompt / age, generate - 1, reach)


def phases_of(workload: Workload) -> tuple[Phase, ...]:
    """The phases that a workload may have, as its sequences run."""
    if workload.speculative is not None:
        return PHASES[0], speculative_phase(workload.speculative)
    age = np.asarray(workload.age)
    if (age == 1.0).all():
        return PHASES
    return PHASES[0], aged_phase(age if age.size > 1 else float(age.item()))


class _Row(NamedTuple):
    """A phase of one workload."""

    phase: Phase
    prompts: bool
    passes: Array
    width: Array  # new tokens of a sequence in each
    tokens: Array  # of all sequences in all passes


class _Worked:
    """Works bases out for one workload, a method for each: what a phase has of it, ``[n]``, or a number at one point.

    Numbers of NumPy's: they round as its arrays do, and a step with them takes a fifth of the time.
    """

    def __init__(self, workload: Workload, numbers: tuple[Array, Array, Array] | None = None) -> None:
        self.workload = workload
        if numbers is None:
            numbers = workload.flat()
            if len(numbers[0]) == 1:
                numbers = numbers[0][0], numbers[1][0], numbers[2][0]
        self.batch, self.prompt, self.generate = numbers
        self.traced = workload.counting == "traced"
        self.span = workload.attention or "causal"
        self.none = self.prompt * 0
        self.rows: list[_Row] = []
        for phase in phases_of(workload):
            passes = phase.passes(self.prompt, self.generate)
            if phase.prompts or decided(passes > 0):
                width = phase.width(self.prompt, self.generate)
                self.rows.append(_Row(phase, phase.prompts, passes, width, self.batch * (passes * width)))
        self._attended: dict[tuple[Attended, str, float], Array] = {}

    def __call__(self, names: tuple[Basis, ...]) -> Bases:
        values = [self.values(name, numbers) for name, *numbers in names]
        return Bases(names, array(values).reshape(len(names), len(self.rows), -1))

    def values(self, name: str, numbers: list[float]) -> list[Array]:
        """A basis in each phase.

        In an encoder it is that of one pass over the source; ``started``, that of a decoder whose prompt is one token,
        since the encoder reads the question.
        """
        part, _, rest = name.partition("_")
        if part == "encoder":
            frames, *numbers = numbers
            read = _Worked(replace(self.workload, attention="full"), (self.batch, self.source(frames), self.none + 1))
            whole = getattr(read, rest)(read.rows[0], *numbers)
            return [whole if row.prompts else self.none for row in self.rows]
        if part == "started":
            begun = _Worked(self.workload, (self.batch, self.none + 1, self.generate))
            return [getattr(begun, rest)(row, *numbers) for row in begun.rows]
        return [getattr(self, name)(row, *numbers) for row in self.rows]

    def source(self, frames: float) -> Array:
        """Positions that an encoder reads of one sequence: a number of its own, or the prompt."""
        return self.prompt * 0 + frames if frames else self.prompt

    def cross_pairs(self, row: _Row, frames: float, started: float) -> Array:
        """Query-key pairs of one head with what the encoder made."""
        first = row.prompts and started and not self.traced
        return (self.batch if first else row.tokens) * self.source(frames)

    def cross_keys(self, row: _Row, frames: float) -> Array:
        """Keys of the encoder that are read: each once per pass."""
        return self.batch * row.passes * self.source(frames)

    def tokens(self, row: _Row) -> Array:
        """New tokens that pass through the layers."""
        return row.tokens

    def prefill_tokens(self, row: _Row) -> Array:
        """Those of whole prompts."""
        return row.tokens if row.prompts else self.none

    def decode_tokens(self, row: _Row) -> Array:
        """Those that follow what is cached."""
        return self.none if row.prompts else row.tokens

    def passes(self, row: _Row) -> Array:
        """Forward passes: how often weights are read."""
        return row.passes

    def sequences(self, row: _Row) -> Array:
        """Sequences, in every pass."""
        return self.batch * row.passes

    def logits(self, row: _Row) -> Array:
        """Positions that get logits."""
        if self.workload.logits == "none":
            return self.none
        last = row.prompts and self.workload.logits == "last"
        return self.batch * row.passes if last else row.tokens

    def logit_passes(self, row: _Row) -> Array:
        return self.none if self.workload.logits == "none" else row.passes

    def pairs(self, row: _Row, window: float = np.inf) -> Array:
        """Query-key pairs of one head."""
        if self.traced and row.prompts:
            return self.batch * self.attended(row.phase.pairs, "full", np.inf)
        return self.batch * self.attended(row.phase.pairs, self.span, window)

    def prefill_pairs(self, row: _Row, window: float = np.inf) -> Array:
        return self.pairs(row, window) if row.prompts else self.none

    def decode_pairs(self, row: _Row, window: float = np.inf) -> Array:
        return self.none if row.prompts else self.pairs(row, window)

    def keys(self, row: _Row, window: float = np.inf) -> Array:
        """Cached positions that are read: each once per pass."""
        return self.batch * self.attended(row.phase.keys, self.span, window)

    def attended(self, count: Attended, span: str, window: float) -> Array:
        """What one sequence attends to; calculated once."""
        found = self._attended.get((count, span, window))
        if found is None:
            found = self._attended[count, span, window] = count(self.prompt, self.generate, span, window)
        return found

    def experts(self, row: _Row, experts: float, per_token: float) -> Array:
        """Expert weights that are touched, summed over passes."""
        return row.passes * touched_experts(int(experts), int(per_token), self.batch * row.width)

    def convolved(self, row: _Row, kernel: float) -> Array:
        """Output positions of the causal convolution; a traced one is padded on both sides."""
        if not self.traced:
            return row.tokens
        if not row.prompts:
            return row.tokens * 2
        return self.batch * row.passes * (row.width + kernel - 1)

    def chunks(self, row: _Row, chunk: float) -> Array:
        """Chunks of whole prompts, the last one padded."""
        return np.ceil(row.width / chunk)

    def chunk_tokens(self, row: _Row, chunk: float) -> Array:
        """Positions of all chunks, padding included."""
        return self.batch * self.chunks(row, chunk) * chunk if row.prompts else self.none

    def chunk_pairs(self, row: _Row, chunk: float) -> Array:
        """Pairs of positions inside the chunks."""
        return self.batch * self.chunks(row, chunk) * chunk * chunk if row.prompts else self.none

    def block_pairs(self, row: _Row, block: float) -> Array:
        """Pairs of positions inside blocks, the last one short."""
        whole = np.floor(row.width / block)
        rest = row.width - whole * block
        return self.batch * (whole * (block * block) + rest * rest) if row.prompts else self.none

    def chunk_states(self, row: _Row, chunk: float) -> Array:
        """Pairs of states at the chunks' boundaries, the initial state included."""
        states = self.chunks(row, chunk) + 1
        return self.batch * (states * states) if row.prompts else self.none


READ_ONCE = {
    "passes",
    "logit_passes",
    "experts",
    "started_passes",
    "started_experts",
}  # bases of weights alone, which a pass reads once


def phases_and_bases(workload: Workload, names: tuple[Basis, ...]) -> tuple[tuple[Phase, ...], Bases]:
    """The phases of a workload, and the values of some bases in them.

    >>> phases, bases = phases_and_bases(Workload(prompt=4, generate=3, attention="causal"), (("pairs",), ("tokens",)))
    >>> [phase.name for phase in phases], bases[("pairs",)].tolist()
    (['prefill', 'decode'], [[10.0], [11.0]])
    """
    found = _Worked(workload)
    return tuple(row.phase for row in found.rows), found(names)
