"""Results that share what a heading says: one table for each group, so that its heading is true of every row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.workload import usual_attention
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import with_commas
from bitnet_cost.told import Array
from bitnet_cost.views.drafting import drafted_by

T = TypeVar("T")
NAMED = 3  # pieces of hardware that a heading names


def describe(result: Result) -> str:
    """The workload in words."""
    work = result.workload
    text = f"batch {work.batch}, {work.prompt} tokens in"
    if int(work.generate) > 1:
        text += f", {work.generate} out"
    if result.devices > 1:
        text += f" on {result.devices} devices ({result.parallel})"
    text += kept_by_host(result.offload) + drafted_by(result)
    return f"{text}, {work.attention} attention, logits {work.logits}"


def kept_by_host(offload: str | None) -> str:
    """What the host keeps, as the end of a line.

    >>> kept_by_host("layers=8"), kept_by_host("kv"), kept_by_host(None)
    (", last 8 layers in the host's memory", ", KV cache in the host's memory", '')
    """
    if offload is None:
        return ""
    layers = offload.removeprefix("layers=")
    what = {"experts": "experts", "kv": "KV cache"}.get(offload, f"last {layers} layer{'s' * (layers != '1')}")
    return f", {what} in the host's memory"


def tokens_in(prompt: float | Array) -> str:
    """A prompt in words.

    >>> tokens_in(1), tokens_in(4096)
    ('1 token in', '4,096 tokens in')
    """
    return f"{with_commas(int(prompt))} token{'s' * (int(prompt) != 1)} in"


def describe_briefly(result: Result) -> str:
    """The workload in words, as far as it differs from what is usual."""
    work, model = result.workload, result.architecture
    text = f"batch {with_commas(int(work.batch))}, {tokens_in(work.prompt)}"
    text += f", {with_commas(int(work.generate))} out" if int(work.generate) > 1 else ""
    text += f", on {result.devices} devices ({result.parallel})" if result.devices > 1 else ""
    text += kept_by_host(result.offload) + drafted_by(result)
    text += f", {work.attention} attention" if work.attention != usual_attention(model.kind) else ""
    text += f", logits {work.logits}" if work.logits != "last" else ""
    text += ", counted as traced" if work.counting != "serving" else ""
    return text if result.scope == result.hardware.default_scope else f"{text}, scope {result.scope}"


def place_of(result: Result) -> tuple[str, str]:
    """Model and hardware, by name: where precisions stand side by side."""
    return result.architecture.name, result.hardware.name


def alike(results: Sequence[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Results, or what is made of them, by what they share, in the order in which each group first appears."""
    groups: dict[Hashable, list[T]] = {}
    for r in results:
        groups.setdefault(key(r), []).append(r)
    return list(groups.values())


class Rows(NamedTuple):
    """Rows of a table by phase and by what operators share: the operators of each, identical layers as one."""

    names: tuple[tuple[str, str], ...]  # phase, and what its operators share
    repeats: tuple[int, ...]  # layers of its operators
    places: Array  # of the first operator of each row in a table [phase, op], both run together
    more: tuple[tuple[int, int], ...]  # a row, and the place of a further operator, in their order

    def sums(self, table: Array) -> Array:
        """Sums of columns, in the order of the operators.  ``table`` [column, phase, op]  ->  [column, row]"""
        flat = table.reshape(len(table), -1)
        found: Array = flat[:, self.places]
        for row, place in self.more:
            found[:, row] += flat[:, place]
        return found


def rows_of(counts: OpCounts, kept: NDArray[np.bool_], key: Callable[[Operator], str]) -> Rows:
    """The rows of some operators in some phases, ``kept`` [phase, op]; the same are found once."""
    return _rows_of(Same(counts.operators), tuple(phase.name for phase in counts.phases), kept.tobytes(), key)


@lru_cache(maxsize=256)  # a model in its precisions: what devices spend time on differs a little
def _rows_of(operators: Same, phases: tuple[str, ...], kept: bytes, key: Callable[[Operator], str]) -> Rows:
    places: dict[tuple[str, str], list[int]] = {}
    ops = operators.it
    for place in np.flatnonzero(np.frombuffer(kept, dtype=bool)).tolist():
        phase, op = divmod(place, len(ops))
        places.setdefault((phases[phase], key(ops[op])), []).append(place)
    return Rows(
        tuple(places), tuple(sum(ops[at % len(ops)].repeat for at in of) for of in places.values()),
        np.array([of[0] for of in places.values()], dtype=np.intp),
        tuple((row, at) for row, of in enumerate(places.values()) for at in of[1:]),
    )  # fmt: skip


def has_figures(table: Array) -> NDArray[np.bool_]:
    """Where any column has a figure.  ``table`` [column, phase, op]  ->  [phase, op]"""
    found: NDArray[np.bool_] = (np.isfinite(table) & (table != 0)).any(0)
    return found


def name_of(op: Operator) -> str:
    """The name of an operator."""
    return op.name


def group_of(op: Operator) -> str:
    """The group of an operator."""
    return op.group


def by_row(
    counts: OpCounts, columns: Sequence[Array], key: Callable[[Operator], str]
) -> dict[tuple[str, str], list[float]]:
    """Sums of columns, each [phase, op, n], at a single point: by phase and by what operators share, in their order.

    Before the sums: how many operators, identical layers each, have a figure in any column; rows without one are left
    out.
    """
    table = np.array([column[:, :, 0] for column in columns])
    rows = rows_of(counts, has_figures(table), key)
    return {
        name: [float(repeat), *values]
        for name, repeat, values in zip(rows.names, rows.repeats, rows.sums(table).T.tolist(), strict=True)
    }


def by_time(results: Sequence[Result]) -> list[list[Result]]:
    """Results on devices by runtime and workload."""
    return alike([r for r in results if r.runtime], lambda r: (r.runtime and r.runtime.runtime, describe(r)))


def by_energy(results: Sequence[Result]) -> list[list[Result]]:
    """Results by scope, workload and what their savings refer to.

    A model on some hardware of which nothing has a saving is in the first group of its scope and workload.
    """
    baselines = {place_of(r): r.baseline for r in results if r.baseline}
    first: dict[tuple[str, str], str] = {}
    for r in results:
        baseline = baselines.get(place_of(r))
        if baseline is not None:
            first.setdefault((r.scope, describe(r)), baseline)

    def key(r: Result) -> Hashable:
        asked = (r.scope, describe(r))
        return *asked, baselines.get(place_of(r), first.get(asked))

    return alike(results, key)


def by_memory(results: Sequence[Result]) -> list[list[Result]]:
    """Results by hardware on which every model in every precision needs the same: cache and activations may differ."""
    groups: list[tuple[dict[tuple[str, str], tuple[float, float]], list[Result]]] = []
    for mine in alike(results, lambda r: r.hardware.name):
        needs = {(r.architecture.name, r.precision.name): _held(r) for r in mine}
        for seen, members in groups:
            if all(seen.get(cell, held) == held for cell, held in needs.items()):
                seen.update(needs)
                members.extend(mine)
                break
        else:
            groups.append((needs, list(mine)))
    return [members for _, members in groups]


def _held(result: Result) -> tuple[float, float]:
    """Bits of KV cache and of peak activations of a single point."""
    return float(result.footprint.kv_bits[0]), float(result.footprint.activation_bits[0])


def places(results: Sequence[Result]) -> str:
    """The hardware of some results in words: a few by name."""
    names = list(dict.fromkeys(r.hardware.name for r in results))
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown


def lettered(baselines: Iterable[str]) -> dict[str, str]:
    """A letter for each precision that savings are on; none for the one of most, which a heading names.

    >>> lettered(["fp16", "int8", "fp16", "int4"])
    {'fp16': '', 'int8': 'a', 'int4': 'b'}
    """
    on = list(baselines)
    names = sorted(dict.fromkeys(on), key=lambda name: -on.count(name))
    return {name: chr(ord("a") + i - 1) if i else "" for i, name in enumerate(names)}


def others_of(letters: dict[str, str]) -> tuple[str, str]:
    """The precision of most savings, and what the letters of the others mean.

    >>> others_of({"fp16": "", "int8": "a"}), others_of({})
    (('fp16', ' (a: on int8)'), ('', ''))
    """
    others = ", ".join(f"{letter}: on {name}" for name, letter in letters.items() if letter)
    return next(iter(letters), ""), f" ({others})" if others else ""
