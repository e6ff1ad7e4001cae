"""The workload: what the model is asked to do, and the conventions papers disagree on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, get_args

import numpy as np

from bitnet_cost.errors import BitnetCostError, check_word
from bitnet_cost.shown import Shown
from bitnet_cost.told import Array, read_only
from bitnet_cost.words import AttentionSpan, Counting, Logits

_CHOICES: dict[str, tuple[str, ...]] = {
    "attention": get_args(AttentionSpan), "logits": get_args(Logits), "counting": get_args(Counting),
}  # fmt: skip
LIMITS = {"batch": 10**6, "prompt": 10**8, "generate": 10**8}


def usual_attention(kind: str) -> AttentionSpan:
    """What a decoder or an encoder attends to by default."""
    return "full" if kind == "encoder" else "causal"


class Speculative(NamedTuple):
    """Rounds in which a model drafts tokens and another checks them."""

    tokens: int  # drafted in each round
    accept: float  # probability that a drafted token is accepted
    drafting: bool = False  # this is the model that drafts


@dataclass(frozen=True, repr=False, slots=True)
class Workload(Shown):
    """Batch, prompt and generated tokens (integers, or arrays that broadcast), and conventions.

    The first generated token comes from the prefill; decode takes ``generate - 1`` steps.

    Args:
        batch: sequences that run together.
        prompt: tokens of each prompt.
        generate: tokens generated per sequence, at least 1.
        attention: ``causal`` scores P(P+1)/2 pairs in the prefill, ``full`` P^2; None: causal, full for an encoder.
        logits: positions of the prefill that get logits: the ``last``, ``all`` or ``none``.
        staggered: sequences stand at different positions, as in a server: the cache holds half their tokens on average.
        age: tokens behind a decoding sequence, on average, over half of ``generate``: above 1 where some are longer
            than others, which then are more of those that run. Numbers, or arrays as the others.
        counting: ``serving`` is what good serving software does, ``traced`` the convention of a tracing counter.
        speculative: how tokens are drafted and checked; None: each is decoded in a step of its own.

    Raises:
        BitnetCostError: a number that is not a positive integer within `LIMITS`, arrays that do not broadcast, or an
            unknown convention.

    >>> Workload(prompt=0)
    Traceback (most recent call last):
    ...
    bitnet_cost.errors.BitnetCostError: prompt: 0 is not a whole number from 1 to 100000000
    """

    batch: Any = 1
    prompt: Any = 512
    generate: Any = 1
    attention: AttentionSpan | None = None
    logits: Logits = "last"
    counting: Counting = "serving"
    staggered: bool = False
    age: Any = 1.0
    speculative: Speculative | None = None
    _flat: tuple[Array, Array, Array] | None = field(default=None, init=False, repr=False, compare=False)
    _shape: tuple[int, ...] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, limit in LIMITS.items():
            value = getattr(self, name)
            if type(value) is int:
                if not 1 <= value <= limit:
                    raise BitnetCostError(f"{name}: {value} is not a whole number from 1 to {limit}")
                continue
            object.__setattr__(self, name, _whole_numbers(name, value, limit))
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value is not None or name != "attention":
                check_word(name, value, choices)
        _ = self.shape

    def for_kind(self, kind: str) -> Workload:
        """The workload with the conventions that a decoder or an encoder gives to what was left open.

        Raises:
            BitnetCostError: causal attention or generation asked of an encoder.
        """
        if kind == "encoder":
            if self.attention == "causal":
                raise BitnetCostError("attention: an encoder attends both ways; 'causal' does not apply to it")
            if np.any(np.asarray(self.generate) > 1):
                raise BitnetCostError("generate: an encoder generates nothing; leave it at 1")
        return self if self.attention else replace(self, attention=usual_attention(kind))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the grid: ``()`` for a single point."""
        if self._shape is None:
            object.__setattr__(self, "_shape", self._common_shape())
        return self._shape or ()

    def _common_shape(self) -> tuple[int, ...]:
        if type(self.batch) is type(self.prompt) is type(self.generate) is int:
            return ()
        shapes = [np.shape(value) for value in (self.batch, self.prompt, self.generate)]
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise BitnetCostError(
                "batch, prompt, generate: arrays of shapes " + ", ".join(map(str, shapes)) + " do not broadcast; "
                "give them one shape, or axes of their own such as batch[:, None]"
            ) from None

    def flat(self) -> tuple[Array, Array, Array]:
        """``(batch, prompt, generate)`` as flat float arrays of one length; a single point has length 1.  [n]"""
        found = self._flat
        if found is None:
            found = self._flattened()
            object.__setattr__(self, "_flat", found)
        return found

    def one_of(self, parts: Array) -> Workload:
        """One of several equal parts of the batch, which need not be whole.  ``parts`` [n]"""
        batch, prompt, generate = self.flat()
        return self.with_numbers(batch / parts, prompt, generate)

    def with_numbers(self, batch: Array, prompt: Array, generate: Array) -> Workload:
        """The same conventions for other numbers, which need not be whole.  Each [n]"""
        found = replace(self)
        object.__setattr__(found, "_flat", (batch, prompt, generate))
        return found

    def _flattened(self) -> tuple[Array, Array, Array]:
        given = (self.batch, self.prompt, self.generate)
        shape = self.shape
        if not shape:
            batch, prompt, generate = read_only(np.array(given, dtype=np.float64).reshape(3, 1))
            return batch, prompt, generate
        if all(isinstance(x, np.ndarray) and x.dtype == np.float64 and x.ndim == 1 for x in given) and (
            len(self.batch) == len(self.prompt) == len(self.generate)
        ):
            return given
        parts = (np.asarray(x, dtype=np.float64) for x in given)
        batch, prompt, generate = (np.broadcast_to(p, shape).ravel() for p in parts)
        return batch, prompt, generate


def _whole_numbers(name: str, value: Any, limit: int) -> Any:
    """An array as it is; a range or a list as an array, which all that follows can index.

    Raises:
        BitnetCostError: anything else than whole numbers from 1 to ``limit``.
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):  # lists of several lengths
        array = np.empty(0)
    numeric = array.dtype.kind in "iuf" and array.size > 0
    if not numeric or not bool(np.all((array >= 1) & (array <= limit) & (array == np.floor(array)))):
        raise BitnetCostError(f"{name}: {value!r} is not a whole number from 1 to {limit}")
    return array if array.ndim else value
