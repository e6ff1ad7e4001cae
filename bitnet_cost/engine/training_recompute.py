"""What selective recomputation keeps, where it keeps results of products and repeats all else.

TorchTitan's checkpoint by operator (pytorch/torchtitan, torchtitan/distributed/activation_checkpoint.py) keeps the
input of a block, what attention gives, and the result of every other product; Megatron's keeps all but the scores of
attention (Korthikanti et al., 2022, arXiv:2205.05198, section 5).
"""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.inputs.training import Plan, TrainingRuntime
from bitnet_cost.ledger.operators import Operator


def keeps_products(plan: Plan, runtime: TrainingRuntime | None) -> bool:
    """Whether recomputation keeps products' results: of a runtime that has it so, when it is selective."""
    return plan.recompute == "selective" and runtime is not None and runtime.selective == "products"


def kept_products(ops: Sequence[Operator]) -> list[bool]:
    """Of each operator whether its result is kept: every other product of a layer, from the first, and attention's."""
    seen: dict[int, int] = {}
    found = []
    for op in ops:
        product = op.traits.kernel in ("product", "experts") and op.group != "head" and op.matrices > 0
        seen[op.layer] = seen.get(op.layer, 0) + product
        attends = op.traits.kernel == "attention" and not op.traits.scores
        found.append(attends or (product and seen[op.layer] % 2 == 1))
    return found
