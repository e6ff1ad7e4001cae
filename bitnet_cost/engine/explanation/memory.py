"""Memory worked out: weights by role, cache, activations, capacity, and what fits a device."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.engine.explanation.bases import sequence
from bitnet_cost.engine.explanation.case import Case
from bitnet_cost.engine.explanation.energy import Formula
from bitnet_cost.engine.explanation.work import (
    Expression,
    Part,
    ceiling,
    floored,
    larger,
    less,
    product,
    smaller,
    total,
)
from bitnet_cost.engine.fit import fit, held_at
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture, Layer
from bitnet_cost.inputs.precision import FORMAT_BITS
from bitnet_cost.inputs.workload import LIMITS
from bitnet_cost.result import Operator

FORMULA = (
    "stored weights = sum over operators of layers x weights x stored bits, biases and scales, / 8",
    "KV cache = layers x 2 x KV heads x head width x batch x (P + G - 1) positions x bits / 8",
    "activations = (operands and results of the widest operator of a layer + residual stream) x bits / 8",
)


def ideal(case: Case, cell: str) -> tuple[Formula, float]:
    """Parameters, and parameters x information bits."""
    result, work = case.result, case.work
    nominal = result.architecture.nominal_parameters
    formula = ("parameters = sum over operators of layers x weights and biases, tied weights once",)
    if nominal is not None:
        formula = ("parameters: a size that is asked for counts as asked",)
        count = work.step("parameters", "1", float(nominal))
    else:
        terms = []
        for op in case.result.counts.operators:
            terms += [product(float(op.repeat), float(count)) for count in (op.weights, op.bias) if count]
        count = work.step("parameters", "1", total(terms), float(result.parameters))
    if cell == "parameters":
        return formula, count
    bits = float(result.precision.information_bits)
    value = work.step(cell, "B", product(count, bits, over=[8.0]), result.footprint.ideal_bits / 8)
    return (*formula, "ideal = parameters x information bits / 8"), value


def weights(case: Case) -> float:
    """Stored bits of all weights, in bytes."""
    result, work = case.result, case.work
    storage, elsewhere = result.precision.linear.weights, float(FORMAT_BITS[result.precision.elsewhere])
    roles: dict[str, list[Part]] = {}
    for op in result.counts.operators:
        repeat = float(op.repeat)
        if op.weights:
            bits = storage.bits if op.role == "linear" else result.precision.bits_of(op.role)
            roles.setdefault(op.parameter, []).append(product(repeat, *_matrix(op), float(bits)))
        if op.bias:
            roles.setdefault(op.bias_parameter, []).append(product(repeat, float(op.bias), elsewhere))
        if op.role == "linear" and storage.scales(*op.shape) * storage.scale_bits * op.matrices:
            each = [float(op.matrices), float(storage.scales(*op.shape)), float(storage.scale_bits)]
            roles.setdefault("scales", []).append(product(repeat, *each))
    known = result.footprint.weight_bits
    parts = [work.step(f"bits of {role}", "bit", total(terms), known.get(role)) for role, terms in roles.items()]
    whole = work.line("weights", "bit", total(parts), result.footprint.total_weight_bits)
    return work.step("weights_bytes", "B", product(whole, over=[8.0]))


def _matrix(op: Operator) -> list[float]:
    inputs, outputs = op.shape
    if inputs and outputs and op.weights % (inputs * outputs) == 0:
        copies = op.weights // (inputs * outputs)
        return [float(inputs), float(outputs), *([float(copies)] if copies != 1 else [])]
    return [float(op.weights)]


def cache(case: Case, at: str = "") -> float:
    """The KV cache and recurrent states, in bytes."""
    result, work = case.result, case.work
    batch, prompt, generate = sequence(result.counts)
    wanted = float(result.footprint.kv_bits[0]) / 8
    if result.architecture.kind != "decoder":
        return work.step(f"kv_cache_bytes{at}", "B", 0.0, wanted)
    positions = work.step(f"positions{at}", "1", less(total([prompt, generate]), 1.0))
    traced = result.counts.workload.counting == "traced"
    terms = [
        product(*_cached(result.architecture, layer, positions, traced), batch) for layer in result.architecture.layers
    ]
    entries = work.line(f"entries of the cache{at}", "1", total([t for t in terms if t.value]))
    copies = result.runtime.cache_copies if result.runtime else 1.0
    factors = [float(result.precision.kv_bits), *([copies] if copies != 1 else [])]
    return work.step(f"kv_cache_bytes{at}", "B", product(entries, *factors, over=[8.0]), wanted)


def _cached(architecture: Architecture, layer: Layer, positions: float, traced: bool) -> list[Part]:
    """Entries that a run of identical layers keeps of one sequence; see `footprint.cached_entries`."""
    repeat = float(layer.repeat)
    if layer.attention:
        a = layer.attention
        heads = float(a.heads if traced and a.repeated_cache else a.kv_heads or a.heads)
        held: Part = positions
        if a.window is not None and a.window - traced < positions:
            held = less(float(a.window), 1.0) if traced else float(a.window)
        return [repeat, 2.0, heads, float(architecture.head_dim(a)), held]
    if layer.latent_attention:
        latent = layer.latent_attention
        return [repeat, total([float(latent.kv_rank), float(latent.rope_dim)]), positions]
    if layer.state_space:
        ssm = layer.state_space
        inner, state = float(ssm.inner_size), float(ssm.state_size)
        wide: list[Part] = [inner, *([product(2.0, float(ssm.groups), state)] if ssm.heads else [])]
        return [repeat, total([product(total(wide), float(ssm.conv_kernel)), product(inner, state)])]
    return [0.0]


def activations(case: Case, at: str = "") -> float:
    """What the widest operator and the residual stream hold at once, on each device, in bytes."""
    result, work = case.result, case.work
    counts, runtime = result.counts, result.runtime
    batch, prompt, generate = sequence(counts)
    each = float(FORMAT_BITS[result.precision.elsewhere])
    factors = [_of_pass(case, 0, [batch, prompt], at)]
    if case.chunk is not None:
        factors.append(smaller(1.0, product(case.chunk, over=[product(batch, prompt)])))
        if generate > 1:
            step = _of_pass(case, 1, [batch], f" of a decode step{at}")
            factors = [larger(product(*factors), step)]
    held = product(*factors, each)
    if runtime and runtime.logits_bits and result.architecture.lm_head is not None:
        held = larger(held, product(batch, prompt, float(result.architecture.vocab_size), runtime.logits_bits))
    wanted = float(result.footprint.activation_bits[0]) / 8
    return work.step(f"peak_activation_bytes{at}", "B", product(held, over=[8.0]), wanted)


def _of_pass(case: Case, p: int, tokens: list[Part], at: str) -> Expression:
    """Entries that a pass holds over so many tokens: those of its widest operator, and the residual stream."""
    whole, work = replace(case, turn=None), case.work
    operators = range(len(whole.counts.operators))
    name, held = max((_held(whole, p, i) for i in operators), key=lambda found: found[1].value)
    entries = work.step(f"entries of {name}{at}", "1", held)
    width = float(case.result.architecture.hidden_size)
    return total([entries, work.step(f"residual stream{at}", "1", product(*tokens, width))])


def _held(case: Case, p: int, i: int) -> tuple[str, Expression]:
    """Operands and results of one layer of an operator in a pass, in numbers alone."""
    op, counts = case.counts.operators[i], case.counts
    passes = 1.0 if p == 0 else sequence(counts)[2] - 1
    terms = [
        product(float(coefficient), float(counts.bases[basis][p, 0]) / passes)
        for quantity, basis, coefficient in op.terms
        if quantity in ("inputs", "outputs") and counts.bases[basis][p, 0]
    ]
    return op.name, total(terms)


def footprint(case: Case, at: str = "") -> float:
    """What is resident on all devices, in bytes."""
    result = case.result
    parts: list[Part] = [weights(case), cache(case, at)]
    held, devices = activations(case, at), float(result.devices)
    parts.append(product(held, devices) if devices != 1 else held)
    wanted = float(result.footprint.on_each(result.devices)[0]) * devices / 8
    return case.work.step(f"footprint_bytes{at}", "B", total(parts), wanted)


def capacity(case: Case, cell: str = "capacity_bytes") -> float:
    """What the devices hold, in bytes.

    Raises:
        BitnetCostError: a technology node.
    """
    result, work = case.result, case.work
    if result.capacity_bits is None:
        raise BitnetCostError(f"cell: {cell} has no figure at {result.hardware.name}, a technology node")
    figure, sources = result.hardware.memory.capacity, result.hardware.sources
    assert figure is not None
    level = list(result.hardware.hierarchy)[-1]
    factors: list[Part] = [work.figure(f"device.hierarchy.{level}.capacity", figure, sources)]
    if result.runtime and result.runtime.workspace:
        kept = work.figure("runtime.workspace", result.runtime.workspace, result.runtime.sources)
        factors.append(less(1.0, kept))
    factors += [float(result.devices)] if result.devices != 1 else []
    return work.step("capacity_bytes", "B", product(*factors, over=[8.0]), result.capacity_bits * result.devices / 8)


def resident(case: Case, cell: str) -> tuple[Formula, float]:
    """A part of what is resident, or all of it."""
    if cell == "weights_bytes":
        return FORMULA[:1], weights(case)
    if cell == "kv_cache_bytes":
        return FORMULA[1:2], cache(case)
    if cell == "peak_activation_bytes":
        return FORMULA[2:], activations(case)
    if cell == "footprint_bytes":
        return (*FORMULA, "footprint = weights + KV cache + peak activations of each device"), footprint(case)
    if cell == "capacity_bytes":
        return ("capacity = memory x (1 - what the runtime keeps) x devices",), capacity(case)
    has = capacity(case, cell)
    value = case.work.step(cell, "1", product(footprint(case), over=[has]))
    return (*FORMULA, "share of memory = footprint / capacity"), value


def devices_needed(case: Case, cell: str) -> tuple[Formula, float]:
    """How many devices hold weights and cache among them, each with the activations whole.

    Raises:
        BitnetCostError: a technology node, or activations that no device holds.
    """
    one = replace(case, result=replace(case.result, devices=1))
    has = capacity(one, cell)
    parts = total([weights(one), cache(one)])
    held = activations(one)
    if held >= has:
        raise BitnetCostError(f"cell: {cell} has no figure: no number of such devices holds the activations whole")
    value = larger(1.0, ceiling(product(parts, over=[less(has, held)])))
    formula = (*FORMULA, "devices = (weights + KV cache) / (capacity - activations), rounded up")
    return formula, one.work.step(cell, "1", value, float(case.result.devices_needed or 0))


FIT = {"largest_batch": "batch", "longest_prompt": "prompt"}


def fitting(case: Case, cell: str) -> tuple[Formula, float]:
    """The largest batch, or the longest prompt, that fits: it does, and one more does not.

    Raises:
        BitnetCostError: a technology node.
    """
    result = case.result
    has = capacity(case, cell)
    found = fit(result.architecture, result.precision, result.hardware, result.workload, result.runtime, result.devices)
    axis = FIT[cell]
    most, limit = (found.batch if axis == "batch" else found.positions), LIMITS[axis]

    def at(n: int) -> float:
        return footprint(replace(case, result=held_at(result, **{axis: n})), f" at {axis} {n}")

    formula = (
        *FORMULA,
        f"the {cell.replace('_', ' ')} is the last whose footprint is at most the capacity (bisection); rounding down"
        " between it and the next shows that the one fits and the other does not",
    )
    if most == 0:
        value = floored(product(has, over=[at(1)]))
    elif most == limit:
        value = smaller(float(limit), floored(product(float(limit), has, over=[at(most)])))
    else:
        this, following = at(most), at(most + 1)
        step = product(less(has, this), over=[less(following, this)])
        value = floored(total([float(most), step]))
    return formula, case.work.step(cell, "1", value, float(most))
