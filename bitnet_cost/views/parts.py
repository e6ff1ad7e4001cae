"""Parts of a result, each as a table of its own: what is resident, how long it takes, what is counted, what runs.

Of a grid the first point is shown.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bitnet_cost.ledger.counted import Activity, Footprint, OpCounts, Timing
from bitnet_cost.numerals import in_columns, percent, with_commas, with_prefix
from bitnet_cost.tables import Column, Report, Table, headed
from bitnet_cost.told import Array
from bitnet_cost.views.groups import by_row, name_of


def _first(points: int) -> str:
    return "" if points == 1 else f", at the first of {with_commas(points)} points"


def footprint_report(memory: Footprint) -> Report:
    """Parameters and stored bytes of each role, then the scales, the KV cache and the activations."""
    bits = {**memory.weight_bits, "scales": memory.scale_bits}
    bits |= {"KV cache": float(memory.kv_bits.flat[0]), "peak activations": float(memory.activation_bits.flat[0])}
    needed = with_prefix(float(memory.bits.flat[0]) / 8, "B")
    weights = with_prefix(memory.total_weight_bits / 8, "B")
    sentence = f"{needed} are resident, {weights} of them weights{_first(memory.bits.size)}."
    rows = {name: value for name, value in bits.items() if value or name in memory.parameters}
    (heading,), stored = in_columns([("", "B", [value / 8 for value in rows.values()])])
    counted = [with_commas(memory.parameters[name]) if name in memory.parameters else "-" for name in rows]
    body = tuple((name, count, *text) for name, count, text in zip(rows, counted, stored, strict=True))
    return Report("", sentence, (Table("", headed("part", "parameters", heading.strip()), body),))


def timing_report(timing: Timing) -> Report:
    """Seconds of each phase, and what each waits for."""
    waits = {name: values[..., 0].sum(-1) for name, values in timing.waits.items()}
    shown = {name: values for name, values in waits.items() if values.any()}
    whole = with_prefix(float(timing.total[0]), "s")
    bound = f", most of it waiting for {timing.bounds[0]}" if timing.bounds[0] else ""
    numbers = [("time", "s", timing.by_phase[:, 0].tolist())]
    numbers += [(name, "s", values.tolist()) for name, values in shown.items()]
    headings, cells = in_columns(numbers)
    rows = tuple((phase.name, *texts) for phase, texts in zip(timing.phases, cells, strict=True))
    sentence = f"It takes {whole}{bound}{_first(timing.total.size)}."
    return Report("", sentence, (Table("", headed("phase", *headings), rows),))


def counts_report(counts: OpCounts) -> Report:
    """Multiply-accumulates of each operator, with how many layers have it."""
    macs = by_row(counts, [counts["mac"]], name_of)
    whole = float(counts.total("mac")[0])
    rows = [
        (phase, name, with_commas(int(layers)), with_prefix(mac, ""), percent(mac / whole))
        for (phase, name), (layers, mac) in macs.items()
    ]
    heads = tuple(Column(head, i > 1) for i, head in enumerate(("phase", "operator", "layers", "MAC", "share %")))
    sentence = f"The mathematics needs {with_prefix(whole, 'MAC')}{_first(counts.points)}."
    return Report("", sentence, (Table("", heads, tuple(rows)),))


def activity_report(activity: Activity) -> Report:
    """How often each action of the datapath runs, products and elementwise work apart."""
    parts = {"matrix products": activity.arithmetic, "elementwise": activity.elementwise}
    rows = [(part, action, runs) for part, found in parts.items() for action, runs in _runs(found).items()]
    most = max(rows, key=lambda row: row[2])
    sentence = f"{most[1]} runs most often, {with_prefix(most[2], '')} times{_first(activity.bits.shape[-1])}."
    body = tuple((part, action, with_prefix(times, "")) for part, action, times in rows)
    return Report("", sentence, (Table("", headed("part", "action", "times", texts=2), body),))


def _runs(part: Mapping[str, Array]) -> dict[str, float]:
    found = {action: float(np.sum(runs[..., 0])) for action, runs in part.items()}
    return {action: runs for action, runs in found.items() if runs}
