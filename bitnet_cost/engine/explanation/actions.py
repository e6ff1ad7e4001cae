"""How often each action runs, worked out operator by operator: products, elementwise work, bits moved."""

from __future__ import annotations

from collections.abc import Mapping

from bitnet_cost.engine.activity import input_bits_of, stays, weight_bits
from bitnet_cost.engine.estimate import prepared_for
from bitnet_cost.engine.explanation.case import Case, Keep
from bitnet_cost.engine.explanation.work import Expression, Part, larger, less, power, product, total
from bitnet_cost.engine.traffic import TILED, widths
from bitnet_cost.inputs.precision import FORMAT_BITS
from bitnet_cost.inputs.workload import Array
from bitnet_cost.result import component_of


def macs(case: Case, p: int, i: int) -> float:
    """Multiply-accumulates of one operator in a phase of a turn.  [MAC]"""
    wanted = float(case.counts["mac"][p, i, 0])
    return case.work.line(f"{case.name(p, i)}, MAC", "MAC", total(case.terms(p, i, "mac")), wanted) if wanted else 0.0


def runs(case: Case, action: str, table: Array, keep: Keep, where: str = "") -> float:
    """How often an action runs in a turn, over the operators that are kept: a line for each, and their sum.

    ``table`` is what the activity of the turn holds, [phase, op, n].
    """
    parts = [run(case, action, table, p, i) for p, i in case.cells(keep) if table[p, i, 0]]
    unit = unit_of(action)
    name = f"{case.label}{where}{action}"
    return case.work.line(f"{name} in all", unit, total(parts)) if parts else 0.0


def run(case: Case, action: str, table: Array, p: int, i: int) -> float:
    """How often one operator runs an action in a phase of a turn."""
    stem, _, way = action.partition(".")
    if stem == "interconnect":
        terms = sent(case, p, i)
    elif stem in case.result.hardware.hierarchy:
        terms = moved(case, p, i, stem, way) if case.turn else crossed(case, p, i, stem, way)
    else:
        terms = [
            term
            for quantity, actions in case.recipe(i).items()
            if action in actions
            for term in case.terms(p, i, quantity, *([actions[action]] if actions[action] != 1 else []))
        ]
    return case.work.step(f"{case.name(p, i)}, {action}", unit_of(action), total(terms), float(table[p, i, 0]))


def unit_of(action: str) -> str:
    """What an action is counted in."""
    stem, _, form = action.partition(".")
    if stem == "static":
        return "s"
    return "operation" if form[:2] in ("fp", "bf", "in") else "bit"


def stored_bits(case: Case, i: int) -> float:
    """Stored bits of one weight of an operator, its scales spread over the matrix.  [bit]"""
    op, storage = case.counts.operators[i], case.result.precision.linear.weights
    wanted = weight_bits(case.result.precision, op)
    if op.role != "linear" or not storage.scale_bits or not storage.scales(*op.shape):
        return wanted
    inputs, outputs = map(float, op.shape)
    scales = product(float(storage.scales(*op.shape)), storage.scale_bits, over=[product(inputs, outputs)])
    name = f"{case.label}stored bits of a weight of {op.name}"
    return case.work.line(name, "bit", total([storage.bits, scales]), wanted)


def weights_moved(case: Case, p: int, i: int) -> list[Expression]:
    """Bits of weights and biases that an operator reads."""
    elsewhere = float(FORMAT_BITS[case.result.precision.elsewhere])
    found = []
    if any(quantity == "weights" for quantity, _, _ in case.counts.operators[i].terms):
        found += case.terms(p, i, "weights", stored_bits(case, i))
    return [*found, *case.terms(p, i, "bias_weights", elsewhere)]


def operands(case: Case, p: int, i: int, way: str) -> list[Expression]:
    """Bits that enter an operator (``read``), or leave it (``write``)."""
    precision, op = case.result.precision, case.counts.operators[i]
    if way == "read":
        return case.terms(p, i, "inputs", input_bits_of(precision, op))
    return case.terms(p, i, "outputs", float(FORMAT_BITS[precision.elsewhere]))


def cached(case: Case, p: int, i: int, way: str) -> list[Expression]:
    """Bits that an operator reads from, or writes to, the KV cache."""
    return case.terms(p, i, f"kv_{way}", float(case.result.precision.kv_bits))


def moved(case: Case, p: int, i: int, level: str, way: str) -> list[Expression]:
    """Terms of the bits that an operator reads or writes at a memory level; see `engine.timing.movement`."""
    assert case.turn is not None
    counts, activity, plan, runtime = case.counts, case.turn.activity, case.turn.plan, case.result.runtime
    assert runtime is not None
    op = counts.operators[i]
    entering, leaving = (float(bits) for bits in activity.passing_bits[:, p, i, 0])
    room = float(plan.room[i, 0]) * max(float(counts.passes[p, 0]), 1.0)
    here = plan.near if entering + leaving <= room else plan.main
    found: list[Expression] = []
    fused = plan.moves is not None and not plan.moves[i, 0]
    if level == here and not fused:
        if plan.stepwise is not None and plan.stepwise[i, 0]:  # steps that are kernels of their own
            half = float(plan.steps[i, 0]) / 2
            found += [*case.terms(p, i, "inputs", half), *case.terms(p, i, "quantise", half)]
        else:
            found += operands(case, p, i, way)
    scored = runtime.kernel("attention").bytes_per_pair
    if scored is not None and op.name == "softmax" and level == plan.main:
        found += case.terms(p, i, "exp", *_rectangle(case, p), scored * 8 / 2)
    if level == plan.holder and way == "read":
        found += weights_moved(case, p, i)
    if level == plan.main:
        found += cached(case, p, i, way)
    return [term for term in found if term.value]


def crossed(case: Case, p: int, i: int, level: str, way: str) -> list[Expression]:
    """Terms of the bits that an operator reads or writes at a level of a node; see `engine.traffic`."""
    result, counts = case.result, case.counts
    route = prepared_for(result).way
    assert route is not None
    at = route.levels.index(level)
    here = at == route.last and bool(stays(counts, result.activity, route.room)[p, i, 0])
    written = [*([] if here else operands(case, p, i, "write")), *cached(case, p, i, "write")]
    if way == "write":
        return written
    read = [*([] if here else operands(case, p, i, "read")), *cached(case, p, i, "read")]
    read += weights_moved(case, p, i) if at < route.holder else []
    op, names = counts.operators[i], list(result.hardware.hierarchy)
    inside = names[names.index(level) - 1] if len(names) > 1 else level
    size = result.hardware.hierarchy[inside].capacity
    if here or op.group not in TILED or len(names) == 1 or size is None:
        return read
    capacity = case.work.figure(f"hierarchy.{inside}.capacity", size, result.hardware.sources)
    _, activation, accumulator = widths(op, result.precision)
    second = result.precision.kv_bits if op.group == "attention" else stored_bits(case, i)
    root = power(product(float(second), activation, accumulator, over=[capacity]), 0.5)
    name = f"{case.name(p, i)}, bits for each MAC into {inside}"
    each = case.work.step(name, "bit/MAC", product(2.0, root), float(route.tiled[at, i, 0]))
    again = less(product(each, macs(case, p, i)), total(written)) if written else product(each, macs(case, p, i))
    return [larger(total(read), again) if read else again]


def _rectangle(case: Case, p: int) -> list[Part]:
    """What the scores of a whole prefill are of those that a causal mask leaves."""
    if p or case.counts.workload.attention != "causal":
        return []
    prompt = float(case.counts.workload.flat()[1][0])
    return [product(2.0, prompt, over=[total([prompt, 1.0])])]


def sent(case: Case, p: int, i: int) -> list[Expression]:
    """Terms of the bits that a device sends after an operator; see `engine.parallel`."""
    result, op = case.result, case.counts.operators[i]
    if op.name != "residual":
        return []
    bits, devices = float(FORMAT_BITS[result.precision.elsewhere]), float(result.devices)
    if result.parallel == "tensor":
        return [product(term, 2.0, devices - 1, over=[devices]) for term in operands(case, p, i, "write")]
    onward, sums = hops(case)
    return [product(term, onward, over=[sums]) for term in case.terms(p, i, "outputs", bits)]


def hops(case: Case) -> tuple[float, float]:
    """Stages that a micro-batch moves on to, and the sums of the residual stream over which they are spread."""
    sums = [op.parts * op.repeat for op in case.counts.operators if op.name == "residual"]
    return float(case.result.devices - 1), float(max(sum(sums), 1))


def counted(case: Case, kind: str, keep: Keep) -> list[float]:
    """The actions of a kind (mul, add, special), elementwise work included, over all devices."""
    return [
        everywhere(case, action, runs(case, action, table, keep))
        for action, table in tables(case, 2).items()
        if component_of(action) == kind and not action.startswith("unpack.")  # listed there, and no function
    ]


def everywhere(case: Case, action: str, times: float) -> float:
    """What runs in one turn, over all of them."""
    name = f"{case.label}{action} of {case.together}"
    return case.work.step(name, unit_of(action), product(times, case.turns)) if case.turns != 1 and times else times


def tables(case: Case, parts: int) -> Mapping[str, Array]:
    """Tables of a turn's actions: of products, elementwise work and movement, so many of these parts."""
    activity = case.turn.activity if case.turn else case.result.activity
    found: dict[str, Array] = {}
    for part in (activity.arithmetic, activity.elementwise, activity.movement)[:parts]:
        for action, table in part.items():  # products and elementwise work may share an action
            found[action] = found[action] + table if action in found else table
    return found
