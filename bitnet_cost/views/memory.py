"""What is resident: weights ideal and stored, KV cache, activations, and their share of a device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import in_columns, with_commas
from bitnet_cost.tables import Table, headed
from bitnet_cost.views.groups import by_memory, places


def memory_share(result: Result) -> float:
    """What is resident on one device, as a share of what it holds; NaN for a technology node."""
    capacity = result.capacity_bits
    return float(result.footprint.on_each(result.devices)[0]) / capacity if capacity else math.nan


def memory_tables(results: Sequence[Result]) -> list[Table]:
    """What is resident; one table where it is the same on all hardware."""
    groups = by_memory(results)
    return [memory_table(g, f" at {places(g)}" if len(groups) > 1 else "") for g in groups]


def memory_table(results: Sequence[Result], where: str = "") -> Table:
    """Ideal beside stored, KV cache, activations, and the sum: one row per model and precision.

    ``where`` follows the first word of the title.
    """
    seen: dict[tuple[str, str], Result] = {}
    for r in results:
        seen.setdefault((r.architecture.name, r.precision.name), r)
    rows = list(seen.values())
    head, named = leads(rows, ["precision"])
    each: dict[str, Callable[[Result], float]] = {
        "ideal": lambda r: r.footprint.ideal_bits / 8,
        "stored": lambda r: r.footprint.total_weight_bits / 8,
        "KV cache": lambda r: float(r.footprint.kv_bits[0]) / 8,
        "activations": lambda r: float(r.footprint.on_every[0]) / 8,
        "total": lambda r: float(r.footprint.bits[0]) / 8,
    }
    headings, cells = in_columns((heading, "B", [value(r) for r in rows]) for heading, value in each.items())
    body = tuple((*names, *texts) for names, texts in zip(named, cells, strict=True))
    shape = rows[0]
    title = f"Memory{where}: weights ideal (parameters x information bits) and stored (packing, scales, FP16 parts)"
    if "model" not in head:
        title += f"; {with_commas(shape.parameters)} parameters"
    return Table(title, headed(*head, *headings, texts=len(head)), body)


def leads(results: Sequence[Result], names: list[str]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells that say which result a row is: its model where there are several, then what is named."""
    several = len({r.architecture.name for r in results}) > 1
    head = (["model"] if several else []) + names
    parts = {"model": "architecture"}
    return head, [[getattr(r, parts.get(name, name)).name for name in head] for r in results]
