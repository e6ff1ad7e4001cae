"""Count what the mathematics needs: operators x workload -> OpCounts.

Conventions, once (the workload's fields choose where papers disagree):

- 1 MAC is one multiplication and one addition; 2 operations per MAC, in `units.OPERATIONS_PER_MAC`.
- A dense product ``[m, k] x [k, n]`` has m k n multiplications and m (k-1) n additions, and m n more for a bias
  (Wang et al., BitNet, 2023, arXiv:2310.11453, eq. 15-17).
- Elementwise work is counted in its own group. Compare, max, round and clamp count as one addition each.
  Divisions, roots, exponentials, tanh and erf count as special functions.
- Serving: attention is fused (no score matrix in memory), sliding windows limit the prefill too, latent attention
  absorbs its up-projections in decode, an elementwise tensor is quantised once.
- Traced: what a tracing counter over the reference implementation sees: the full rectangle of scores, windows
  ignored in the prefill, latent keys and values expanded again in each step, convolutions padded on both sides, and
  Mamba-2's prefill in padded chunks, where serving counts the recurrence, which is the mathematics.
- Not counted: see `NOT_COUNTED`.

Every count is linear in a few *bases*, quantities of the workload alone: tokens, attended pairs, passes ... An
operator is a list of terms (quantity, basis, coefficient); the coefficients come from the architecture, the bases
from the workload, and one multiplication joins them over the whole grid. Counts are floats: exact to the unit up to
2^53 = 9.0e15, sums included; above, each is rounded to 53 bits (relative error 1.1e-16 a step) and sums are right to
14 digits, which the answer then says.
"""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.engine.operators import operators
from bitnet_cost.engine.phases import phases_and_bases
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.arrays import PASSES, Basis, Coefficients
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.operators import Operator, Traits
from bitnet_cost.told import array, read_only

NOT_COUNTED = (
    "embedding look-up (a read, no arithmetic)",
    "sampling from the logits",
    "attention masks and position indices",
    "sine and cosine tables of rotary positions",
    "the choice among expert scores beyond one comparison per expert and pick",
)


HOST = Operator("host", "host", "elsewhere", 1, (), traits=Traits("host", split=False, backward="none"))
"""The time in which a device waits for the host: the last row of models that run with such a runtime."""


DRAFT = Operator("draft", "draft", "elsewhere", 1, (), traits=Traits("draft", split=False, backward="none"))
"""All that the model does which drafts tokens: the last row of a model that checks them."""


def with_rows(counts: OpCounts, more: tuple[Operator, ...]) -> OpCounts:
    """The counts with further rows, which count nothing. Those of the same counts are made once."""
    name = " ".join(op.name for op in more)
    if name not in counts.derived:
        ops = (*counts.operators, *more)
        counts.derived[name] = replace(counts, operators=ops, coefficients=coefficients_of(ops))
    return counts.derived[name]


def coefficients_of(ops: tuple[Operator, ...]) -> Coefficients:
    """What the operators' layers need in all for each unit of each basis.  ``{quantity: {basis: [op]}}``"""
    columns: dict[str, dict[Basis, list[float]]] = {}
    for i, op in enumerate(ops):
        for quantity, basis, coefficient in op.terms:
            column = columns.setdefault(quantity, {}).setdefault(basis, [0.0] * len(ops))
            column[i] += op.repeat * coefficient
    return read_only({q: {basis: array(column) for basis, column in of.items()} for q, of in columns.items()})


def bases_of(coefficients: Coefficients) -> tuple[Basis, ...]:
    """All bases that operators need, and the passes."""
    return tuple(dict.fromkeys([*(basis for of in coefficients.values() for basis in of), PASSES]))


def count_ops(
    architecture: Architecture, workload: Workload, ops: tuple[Operator, ...] | None = None,
    coefficients: Coefficients | None = None, needed: tuple[Basis, ...] | None = None,
) -> OpCounts:  # fmt: skip
    """What the mathematics needs, per phase and operator, over the workload's whole grid.

    Returns arrays ``[phase, op, n]``: every figure is the total over an operator's layers and a phase's steps.
    ``ops``, their ``coefficients`` and the ``needed`` bases save deriving them from the architecture again.

    Raises:
        BitnetCostError: a convention that the architecture's kind excludes.
    """
    workload = workload.for_kind(architecture.kind)
    if ops is None:
        ops = operators(architecture, workload.counting)
    if coefficients is None:
        coefficients = coefficients_of(ops)
    phases, bases = phases_and_bases(workload, needed or bases_of(coefficients))
    return OpCounts(ops, phases, coefficients, bases, workload)
