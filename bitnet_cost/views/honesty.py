"""What an answer rests on where it is weak, and what it leaves out: marks, and the lines that explain them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, get_args

from bitnet_cost.inputs.cited import WEAK, Figure, Same
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.ledger.contract import component_of
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import whole_percent
from bitnet_cost.registry import Metric
from bitnet_cost.tables import Note
from bitnet_cost.views.verdict import sentence_case
from bitnet_cost.words import Scope

MARK = "*"
ENOUGH = 0.01  # share of an energy from which on weak prices mark it
OUTSIDE = (
    "elementwise work (scope compute)",
    "data movement (memory, caches)",
    "static power",
    "cooling, power supply",
    "the host and the rest of the system around the device; making it",
)
HOUSED = (*OUTSIDE[:-1], "what is around the host; making devices")


def weak_share(result: Result, component: str | None = None) -> float:
    """Share of the nominal energy, or of one component's, that weak prices make up; 0 where there is no energy.

    A single point.
    """
    return _weak_share(Same(result), component)


@lru_cache(maxsize=1024)  # every cell of a table marks its columns
def _weak_share(result: Same, component: str | None) -> float:
    hardware = Same(result.it.hardware)
    weak, whole = weak_energy(result.it, lambda action: _is_weak(hardware, action), component)
    return weak / whole if whole and math.isfinite(weak) else 0.0


@lru_cache(maxsize=8192)  # some 30 actions of every device
def _is_weak(hardware: Same, action: str) -> float:
    return float(hardware.it.basis(action) in WEAK)


def weak_energy(result: Result, weakness: Callable[[str], Any], component: str | None = None) -> tuple[Any, Any]:
    """What weak prices make up of the nominal energy, or of one component's, and all of it: told where those are.

    ``weakness`` of an action is 1 where its price is weak, else 0.
    """
    weak: Any = 0.0
    whole: Any = 0.0
    for action, runs in result.runs.items():
        if component is None or component_of(action) == component:
            energy = runs[0] * result.prices[action][1]
            whole = whole + energy
            weak = weak + energy * weakness(action)
    return weak, whole


def mark(result: Result, component: str | None = None) -> str:
    """A mark where weak prices make up one percent of an energy or more, else nothing."""
    return MARK if weak_share(result, component) >= ENOUGH else ""


def mark_of(result: Result, metric: Metric) -> str:
    """A mark where a column of a result rests on weak prices or on weak figures of the runtime."""
    marks = {"prices": mark, "runtime": mark_time}
    return max((marks[basis](result) for basis in metric.rests_on), default="")


def mark_basis(basis: str | None) -> str:
    """A mark where a figure is assumed or scaled.

    >>> mark_basis("assumed"), mark_basis("published")
    ('*', '')
    """
    return MARK if basis in WEAK else ""


def mark_time(result: Result) -> str:
    """A mark where what the runtime reaches of the device is assumed or scaled, for any of its kernels."""
    return MARK if result.runtime is not None and _has_weak(Same(result.runtime)) else ""


@lru_cache(maxsize=1024)  # the software of every device
def _has_weak(runtime: Same) -> bool:
    owners = (runtime.it, *runtime.it.kernels.values())
    held = ((name, getattr(owner, name)) for owner in owners for name in type(owner).model_fields)
    return any(isinstance(it, Figure) and it.basis in WEAK for name, it in held if name != "workspace")


def explained(results: Sequence[Result], undecided: bool = False) -> list[Note]:
    """The line that explains the signs of a table; none without any."""
    shares: dict[str, float] = {}
    for r in results:
        if r.has_energy and mark(r):
            shares[r.precision.name] = max(weak_share(r), shares.get(r.precision.name, 0.0))
    timed = any(mark_time(r) for r in results if r.timing is not None)
    parts = ["= the range of the difference holds 0"] if undecided else []
    if shares:
        by_share: dict[str, list[str]] = {}
        for name in sorted(shares, key=lambda name: -shares[name]):
            by_share.setdefault(whole_percent(shares[name]), []).append(name)
        up_to = "up to " if len({r.hardware.name for r in results}) > 1 else ""
        named = ", ".join(f"{up_to}{share} for {', '.join(names)}" for share, names in by_share.items())
        parts.append(f"{MARK} at least 1% of this energy rests on assumed or scaled prices: {named}")
    if timed:
        parts.append("times rest on what the runtime is assumed to reach")
    return [Note("signs", f"{sentence_case('; '.join(parts))}.")] if parts else []


def rounded(answer: Answer) -> str | None:
    """The line that says that counts are no longer exact to the unit; None where they are."""
    if not any(r.rounded for r in answer.results):
        return None
    return "Counts above 2^53 (9.0e15) are rounded to 53 bits each; their sums are right to 14 digits."


def _scopes(answer: Answer) -> list[int]:
    """The scopes of an answer by their width, the widest first."""
    order = get_args(Scope)
    return sorted({order.index(r.scope) for r in answer.results}, reverse=True)


def _unreached(answer: Answer) -> list[str]:
    """What scope memory leaves out at technology nodes."""
    return list(dict.fromkeys(r.not_reached for r in answer.results if r.not_reached))


def beyond(
    scope: Scope, never: Sequence[str], inside: Sequence[str] = (), narrower: Sequence[str] = (),
    outside: Sequence[str] = OUTSIDE,
) -> str:  # fmt: skip
    """The last line of an answer at one scope: the first part of what no scope counts, and all outside the scope.

    ``inside`` is what the hardware leaves out within the scope, ``narrower`` what narrower scopes leave out as well.

    >>> beyond("facility", ["norms (few)", "rope", "look-up"])
    'Not counted: norms, rope and the like; the host and the rest of the system around the device; making it.'
    """
    first = [text.partition(" (")[0] for text in never[:2]]
    left = [*inside, *outside[get_args(Scope).index(scope) :], *narrower]
    return f"Not counted: {', '.join(first)} and the like; {'; '.join(left)}."


def uncounted(answer: Answer) -> list[str]:
    """What no scope counts, what lies outside every scope of an answer, then what outside the narrower ones."""
    order, scopes, outside = get_args(Scope), _scopes(answer), _outside(answer)
    narrower = [
        f"{OUTSIDE[i]}, in scope {' and '.join(order[s] for s in scopes if s <= i)}"
        for i in range(scopes[-1], scopes[0])
    ]
    return [*answer.not_counted, *_unreached(answer), *outside[scopes[0] :], *narrower]


def _outside(answer: Answer) -> Sequence[str]:
    """What each scope leaves out to the next, where all hosts are counted or not."""
    return HOUSED if all(r.hardware.housed for r in answer.results) else OUTSIDE


def closing(answer: Answer) -> Note:
    """The last line of an answer, of its widest scope and of those in it."""
    order, (widest, *narrower) = get_args(Scope), _scopes(answer)
    more = [f"in scope {order[s]} also {', '.join(OUTSIDE[s:widest])}" for s in narrower]
    return Note("not-counted", beyond(order[widest], answer.not_counted, _unreached(answer), more, _outside(answer)))
