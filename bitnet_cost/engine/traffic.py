"""What moves at a technology node: Activity x memory hierarchy -> bits read and written at each level.

No software runs at a node, so what moves follows from capacities alone. Data cross every level between the one that
holds them and the datapath; what crosses into a level is read, and written back, at the next one out. A product
reads its operands again where they do not fit: at least the compulsory bits cross, and about `tiled_bits` for each
MAC. What the datapath reads of the innermost level, and of registers, is not counted: how often is a matter of a
design, and no formula here knows it.

A device counts compulsory traffic alone (`timing.movement`): its prices per MAC were measured at the board and hold
what is read again on the way.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from bitnet_cost.engine.activity import input_bits_of, stays
from bitnet_cost.engine.storage import Stored, precision_at, role_of
from bitnet_cost.formulas.tiling import tiled_bits
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import ACCUMULATE, FORMAT_BITS, Precision
from bitnet_cost.ledger.counted import Activity, OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array, array, decided, zeros

TILED = ("linear", "head", "attention")
"""Groups of operators that are products of matrices. A convolution or a scan walks along the sequence with a small
state, and reads nothing again; the chunks of a traced scan are taken as the same scan."""


def widths(op: Operator, precision: Precision, weight: float) -> tuple[float, float, float]:
    """Bits of a weight, of an activation and of a sum in a product; keys and values of attention are its weights.

    ``weight`` are the stored bits of a weight.

    >>> from bitnet_cost.inputs.precision import parse_name
    >>> linear = Operator("q", "linear", "linear", 1, (), shape=(64, 64), matrices=1)
    >>> scores = Operator("attn_scores", "attention", "attention", 1, ())
    >>> widths(linear, parse_name("w16a16"), 16.0), widths(scores, parse_name("w8a8kv8"), 0.0)
    ((16.0, 16.0, 16.0), (8.0, 16.0, 16.0))
    """
    second = float(precision.kv_bits) if op.group == "attention" else weight
    return second, input_bits_of(precision, op), accumulator_bits(op, precision)


def accumulator_bits(op: Operator, precision: Precision) -> float:
    """Bits of a sum while its product runs: those of the recipe's additions; 32 where they are integer.

    >>> from bitnet_cost.inputs.precision import parse_name
    >>> linear = Operator("q", "linear", "linear", 1, ())
    >>> [accumulator_bits(linear, parse_name(name)) for name in ("w1a8", "w4a16")]
    [32.0, 16.0]
    """
    precision = precision_at(op, precision)
    if (role := role_of(op, precision)) != "linear":
        form = {"attention": precision.attention, "lm_head": precision.lm_head}.get(role, precision.elsewhere)
        return float(FORMAT_BITS[form])
    # INT32 even where the addition is priced as the paper does (INT8): a price may be a convention, but a sum of
    # thousands of 8-bit terms needs its bits, and takes that room on chip.
    adders = [action.partition(".")[2] for action in precision.linear.recipe if action.startswith("add.")]
    found = [32.0 if f"add.{form}" == ACCUMULATE else float(re.sub(r"\D", "", form)) for form in adders]
    return max(found, default=float(FORMAT_BITS[precision.elsewhere]))


@dataclass(frozen=True, slots=True)
class Route:
    """How data reach the datapath of a node, for any workload. Levels are counted from the innermost, 0."""

    levels: tuple[str, ...]  # what is read and written: all but the innermost
    places: tuple[str, ...]  # reads and writes of each of them, one level after the other
    tiled: Array  # bits per MAC that cross into the level inside each of them, [level, op, 1]
    holder: int  # how many of them weights cross: those from the innermost to the one that holds them all
    room: Array  # bits that an operator's layers may hold in the last on-chip level, for one pass, [op, 1]

    @property
    def last(self) -> int:
        """The place in `levels` of the memory that holds the model."""
        return len(self.levels) - 1


def route(
    ops: tuple[Operator, ...], precision: Precision, hardware: Hardware, stored: tuple[Stored, ...], stored_bits: float
) -> Route | None:
    """The route of a node's data, of a model with that many bits of weights; None without memory levels.

    A level without a capacity holds everything. A node with one level reads everything from it, once.
    """
    names = list(hardware.hierarchy)
    if not names:
        return None
    sizes = [level.size for level in hardware.hierarchy.values()]
    inside, levels = (sizes[:-1], names[1:]) if len(names) > 1 else ([math.inf], names)
    per_mac = [
        [
            tiled_bits(*widths(op, precision, bits.spread(op)), size) if op.group in TILED else 0.0
            for op, bits in zip(ops, stored, strict=True)
        ]
        for size in inside
    ]
    holder = (
        next((i for i, size in enumerate(inside) if decided(stored_bits <= size)), len(levels)) if len(names) > 1 else 1
    )
    repeats = np.array([op.repeat * op.parts for op in ops], dtype=np.float64)[:, None]
    return Route(
        levels=tuple(levels),
        places=tuple(f"{level}.{way}" for level in levels for way in ("read", "write")),
        tiled=array(per_mac)[:, :, None],
        holder=holder,
        room=repeats * (inside[-1] if len(names) > 1 else 0.0),
    )


def traffic(counts: OpCounts, activity: Activity, way: Route) -> Array:
    """Bits that each operator reads and writes at each of the route's places.  [place, phase, op, n]

    Into a level cross ``max(compulsory, tiled x MAC)`` bits: outputs and what the KV cache takes are written once, the
    rest is read. Compulsory are weights once per pass, from the innermost level that holds all of them; operands and
    results, which stay in the last on-chip level where one layer's fit it; and the KV cache, which is in memory. An
    operator whose operands and results stay there reads nothing again from memory.
    """
    weights, entering, leaving, kept, added = activity.bits
    leaves = 1.0 - stays(counts, activity.passing_bits[0] + activity.passing_bits[1], way.room)
    mac = counts["mac"]
    found: Array = zeros((len(way.places), *mac.shape), mac, weights)
    for level, per_mac in enumerate(way.tiled):
        outside = level == way.last
        written = leaving * leaves + added if outside else leaving + added
        read = entering * leaves + kept if outside else entering + kept
        if level < way.holder:
            read = read + weights
        again = per_mac * mac - written
        found[2 * level] = np.maximum(read, again * leaves if outside else again)
        found[2 * level + 1] = written
    return found
