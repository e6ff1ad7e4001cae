"""What a precision loses against another, by a published table or by a scaling law, and how that changes with size."""

from __future__ import annotations

import math

from bitnet_cost.errors import InvalidFile
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.study import LawGap, PublishedGap
from bitnet_cost.readers import laws, quality
from bitnet_cost.readers.size import parse_size
from bitnet_cost.studies.scaling_laws import loss_gap


def published_gap(asked: PublishedGap) -> tuple[float, bool]:
    """The gap in points or nats, and whether its cells are weak: known from memory.

    Raises:
        InvalidFile: the table has no such cell.
    """
    gap, weak = _gap(asked, asked.size)
    if asked.from_size is None:
        return gap, weak
    before, weak_before = _gap(asked, asked.from_size)
    return gap - before, weak or weak_before


def _gap(asked: PublishedGap, size: str) -> tuple[float, bool]:
    metric, _, evaluated = asked.figure.partition(" ")
    losses = []
    for method in (asked.method, asked.baseline):
        cell = quality.cell(asked.file, (size, method, metric, evaluated))
        if cell is None:
            raise InvalidFile(f"quality/{asked.file}.yaml", f"{size}, {method}", f"has no {asked.figure}")
        value, seen = cell
        losses.append((math.log(value) if metric == "perplexity" else -value, seen == "memory"))
    return losses[0][0] - losses[1][0], any(weak for _, weak in losses)


def gap_by_law(asked: LawGap, wide: Precision, narrow: Precision) -> tuple[float, bool]:
    """The gap of a law in nats, and whether its constants are weak.

    Raises:
        InvalidFile: a name that is no size. BitnetCostError: no such law, or one without both precisions.
    """
    law = laws.laws().laws[laws.named(asked.law)]
    gaps = []
    for size in filter(None, (asked.size, asked.from_size)):
        parameters = parse_size(size)
        if parameters is None:
            raise InvalidFile("by_law", "size", f"{size!r} is not a size such as 3.9B")
        gaps.append(loss_gap(asked.law, float(parameters), wide, narrow))
    return gaps[0] - sum(gaps[1:]), law.seen == "memory"
