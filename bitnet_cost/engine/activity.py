"""Turn counts into hardware actions: OpCounts x Precision -> Activity.

A precision says, for the role of each operator, which actions one unit of a quantity costs: one MAC of an INT8
product costs ``mul.int8`` and an addition in the accumulator, one quantised input three additions, and so on.
Activity is therefore linear in the counts, and nothing here knows a joule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from bitnet_cost.engine.counts import bases_of
from bitnet_cost.engine.storage import Stored, precision_at, role_of
from bitnet_cost.errors import MissingRate
from bitnet_cost.formulas.datapaths import counted_bits, plane_additions, table_actions, tree_additions
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.datapath import LEVELS, planes_of
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import FORMAT_BITS, Precision
from bitnet_cost.ledger.arrays import Basis, Coefficients, Later, Linear, Stack
from bitnet_cost.ledger.contract import SPECIAL_QUANTITIES
from bitnet_cost.ledger.counted import Actions, Activity, OpCounts
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.numerals import brief
from bitnet_cost.told import Array, array, filled, read_only
from bitnet_cost.words import Accumulator

Recipe = dict[tuple[str, str], float]  # (quantity, action) -> times
Executed = Callable[[str], str | None]  # format of a product -> format in which it runs


def float_recipe(form: str) -> Recipe:
    """A product in a floating-point format: one MUL and one ADD per MAC, ADD = m (k-1) n, and biases.

    >>> float_recipe("fp16")[("mac", "mul.fp16")], float_recipe("fp16")[("reduce", "add.fp16")]
    (1.0, 1.0)
    """
    return {("mac", f"mul.{form}"): 1.0, ("reduce", f"add.{form}"): 1.0, ("bias", f"add.{form}"): 1.0}


def elementwise_recipe(form: str) -> Recipe:
    """Elementwise work in a format."""
    recipe: Recipe = {("mul", f"mul.{form}"): 1.0, ("add", f"add.{form}"): 1.0}
    return recipe | {(name, f"{name}.{form}"): 1.0 for name in SPECIAL_QUANTITIES}


def wider_input(op: Operator, precision: Precision) -> float | None:
    """Bits of an operator's inputs where the precision, which lists such operators by name, keeps more."""
    precision = precision_at(op, precision)
    return precision.linear.wider_inputs.get(op.name) if role_of(op, precision) == "linear" else None


def linear_recipe(precision: Precision, accumulator: Accumulator, wider: float | None = None) -> Recipe:
    """A product with the weights of a layer, whose inputs may have ``wider`` bits.

    Additions follow the reduction, (k-1) of them for k products. Rescaling a 1-bit product costs a multiplication per
    input (quantise) and per output (scale), in the product's own row (Wang et al., BitNet, 2023, arXiv:2310.11453,
    eq. 18). Weights that are dequantised cost a multiplication each, and an addition where they have a zero point.
    """
    linear, form = precision.linear, precision.elsewhere
    recipe: Recipe = {}

    def cost(quantity: str, action: str, times: float) -> None:
        recipe[quantity, action] = recipe.get((quantity, action), 0.0) + times

    for named, times in linear.recipe.items():
        action = linear.adder(named, accumulator, wider)
        adds = action.startswith("add.")
        kept = 1.0 - linear.zero_fraction if adds else 1.0
        if kept:
            cost("reduce" if adds else "mac", action, times * kept)
        if adds:
            cost("bias", action, 1.0)
    if linear.rescale == "product":
        cost("inputs", f"mul.{form}", 1.0)
        cost("outputs", f"mul.{form}", 1.0)
    elif linear.rescale == "weights":
        for action, times in dequantised(precision):
            cost("weights", action, times)
    return recipe


def dequantised(precision: Precision) -> list[tuple[str, float]]:
    """What a weight costs that gets its scale before use: a multiplication, and an addition if it has a zero point."""
    form = precision.elsewhere
    return [(f"mul.{form}", 1.0), *[(f"add.{form}", 1.0)] * (precision.linear.weights.scale_per == "group")]


def quantisation_recipe(precision: Precision) -> Recipe:
    """Dynamic quantisation of activations: absmax, round and clamp per entry, one division per vector.

    Where the product's row does not hold the rescaling, it is here: one multiplication per entry in and out.

    >>> from bitnet_cost.inputs.precision import parse_name
    >>> quantisation_recipe(parse_name("w8a8"))[("quantise", "mul.fp16")]
    1.0
    """
    form, rescale = precision.elsewhere, precision.linear.rescale
    if rescale in ("none", "weights"):
        return {}
    recipe: Recipe = {("quantise", f"add.{form}"): 3.0, ("quantise_rows", f"div.{form}"): 1.0}
    if rescale == "elementwise":
        recipe |= {("quantise", f"mul.{form}"): 1.0, ("dequantise", f"mul.{form}"): 1.0}
    return recipe


def _by_quantity(recipe: Recipe) -> dict[str, list[tuple[str, float]]]:
    grouped: dict[str, list[tuple[str, float]]] = {}
    for (quantity, action), times in recipe.items():
        grouped.setdefault(quantity, []).append((action, times))
    return grouped


def product_format(op: Operator, precision: Precision) -> str | None:
    """The format in which an operator multiplies, or adds where its weights are 1-bit: that of the wider operand.

    >>> from bitnet_cost.inputs.precision import parse_name
    >>> linear = Operator("q", "linear", "linear", 1, ())
    >>> [product_format(linear, parse_name(n)) for n in ("w1.58a8", "w4a16", "w4a4")]
    ['int8', 'fp16', 'int4']
    """
    if op.group in ("elementwise", "embedding"):
        return None
    precision = precision_at(op, precision)
    if (role := role_of(op, precision)) != "linear":
        return {"attention": precision.attention, "lm_head": precision.lm_head}.get(role, precision.elsewhere)
    multiplied = [a.partition(".")[2] for a in precision.linear.recipe if a.startswith("mul.")]
    if multiplied:
        return multiplied[0]
    wider = wider_input(op, precision)
    return f"int{brief(wider)}" if wider else str(precision.linear.accumulator).partition(".")[2]


def unit_of(op: Operator, precision: Precision, hardware: Hardware) -> str | None:
    """The low-bit unit that an operator's products run on, by its format; None: in their own format, or a substitute.

    It needs no wider copy of the weights, and none is asked for: the narrowest unit that takes weights and inputs.
    """
    if op.group in ("elementwise", "embedding") or role_of(op, precision) != "linear":
        return None
    linear = precision_at(op, precision).linear
    return hardware.unit_for(linear.format, linear.input_format(wider_input(op, precision)))


def format_run(op: Operator, precision: Precision, hardware: Hardware) -> str | None:
    """The format of the products that a device runs for an operator's; None: it has no products, or nothing runs them.

    >>> from bitnet_cost.readers.catalog import hardware, precision
    >>> format_run(Operator("q", "linear", "linear", 1, ()), precision("bitnet-b1.58"), hardware("h100-sxm-80gb"))
    'int8'
    """
    form = product_format(op, precision)
    return None if form is None else unit_of(op, precision, hardware) or hardware.executed(form)


def check_rates(operators: Iterable[Operator], precision: Precision, hardware: Hardware) -> None:
    """Refuse products that nothing of a device runs, where no price that is missing says so.

    Raises:
        MissingRate: names their format.
    """
    for op in operators:
        form = product_format(op, precision)
        if form is not None and format_run(op, precision, hardware) is None:
            raise MissingRate(form, hardware.name, precision.name, hardware.rates)


def unit_recipe(hardware: Hardware, form: str, weights: str, activation_bits: float, skipped: float = 0.0) -> Recipe:
    """What a low-bit unit does for one MAC with weights of a format: its MAC, or what its datapath is made of.

    A share of products is ``skipped``, as their weight is 0: that of the unit, where it gives one.
    """
    unit = hardware.units.get(form)
    zeros: Any = unit.zeros_skipped.value if unit and unit.zeros_skipped else skipped
    kept = 1.0 - zeros
    if unit is None or unit.datapath is None or f"mac.{form}" in hardware.actions:
        return {("mac", f"mac.{form}"): kept}
    path, wide = unit.datapath, f"add.{unit.accumulates}"
    recipe: Recipe = {}
    match path.kind:
        case "add":
            narrow, into = tree_additions(path.width)
            costs = [(f"add.{path.adder}", narrow * kept), (wide, into)]
        case "planes":
            narrow, into = plane_additions(planes_of(weights), path.width)
            costs = [(f"add.{path.adder}", narrow * kept), (wide, into)]
        case "count":
            bits, into = counted_bits(planes_of(weights) * int(activation_bits), path.width)
            costs = [("add.int8", bits / 8), (wide, into)]  # an adder of 8 bits is 8 full adders
        case "table":
            levels = LEVELS.get(weights) or 2 ** planes_of(weights)
            reads, builds, into = table_actions(levels, path.group or 1, path.outputs or 1)
            costs = [(f"lookup.{path.adder}", reads), (f"add.{path.adder}", builds), (wide, into)]
    for action, times in costs:
        recipe["mac", action] = recipe.get(("mac", action), 0.0) + times
    return recipe


def forms_of(ops: tuple[Operator, ...], precision: Precision, accumulator: Accumulator) -> tuple[str, ...]:
    """Every format that an operator's products and elementwise work are in, before a device runs them in its own."""
    actions = {
        action
        for recipe in _recipes(Same(ops), Same(precision), accumulator)
        for costs in recipe.values()
        for action, _ in costs
    }
    products = {form for op in ops if (form := product_format(op, precision)) is not None}
    elsewhere = {precision.elsewhere, *(precision_at(op, precision).elsewhere for op in ops)}
    return tuple(sorted({action.partition(".")[2] for action in actions} | products | elsewhere))


class Runs:
    """A device as far as it decides which actions products in some ``forms`` are: equal to any that runs them alike.

    Units for low-bit weights may be made of datapaths, with figures of their own: a device that has any equals itself.
    """

    __slots__ = ("_formats", "hardware")

    def __init__(self, hardware: Hardware, forms: tuple[str, ...]) -> None:
        self.hardware = hardware
        self._formats = (
            hardware.has_clock, *map(hardware.executed, (*forms, "binary", "ternary")),
            *(action in hardware.actions for action in ("mac.binary", "mac.ternary")),
            Same(hardware) if hardware.units else None,
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash(self._formats)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Runs) and other._formats == self._formats


def executed_recipe(op: Operator, precision: Precision, hardware: Hardware) -> dict[str, list[tuple[str, float]]]:
    """A product on a device, which prices a MAC whole: in its own format, or in the one that the device runs instead.

    Widening packed weights, once per pass, their scale and zero point, and rescaling a 1-bit product are priced apart;
    adders inside a MAC are part of its price. A low-bit unit reads packed weights as they are, on a technology node
    too.
    """
    precision = precision_at(op, precision)
    form = product_format(op, precision) or precision.elsewhere
    unit = unit_of(op, precision, hardware)
    found = {"mac": [(f"mac.{hardware.executed(form) or form}", 1.0)]}
    if unit is not None:
        linear, wider = precision.linear, wider_input(op, precision)
        bits = wider or linear.activation_bits
        found = _by_quantity(unit_recipe(hardware, unit, linear.format, bits, linear.zero_fraction))
    if role_of(op, precision) == "linear":
        if unit is None:
            linear = precision.linear
            widened = [(f"unpack.{precision.elsewhere}", 1.0)] * (linear.weights.bits < 8 and precision.widened is None)
            integers = (
                linear.rescale == "weights" and linear.weights.code == "integer"
            )  # other codes look their scale up
            widened += dequantised(precision) if integers else []
            found |= {"weights": widened} if widened else {}
        if precision.linear.rescale == "product":
            scale = [(f"mul.{precision.elsewhere}", 1.0)]
            found |= {"inputs": scale, "outputs": scale}
    return found


def on_device(recipe: dict[str, list[tuple[str, float]]], executed: Executed) -> dict[str, list[tuple[str, float]]]:
    """A recipe in the formats that a device runs."""

    def as_executed(action: str) -> str:
        stem, _, form = action.partition(".")
        return f"{stem}.{executed(form) or form}"

    return {quantity: [(as_executed(a), times) for a, times in actions] for quantity, actions in recipe.items()}


def recipes(
    ops: tuple[Operator, ...], precision: Precision, accumulator: Accumulator
) -> list[dict[str, list[tuple[str, float]]]]:
    """For each operator, what its role costs in this precision: ``{quantity: [(action, times)]}``."""
    if precision.apart:
        own = [precision_at(op, precision) for op in ops]
        return [recipes((op,), one.model_copy(update={"apart": []}), accumulator)[0]
                for op, one in zip(ops, own, strict=True)]  # fmt: skip
    elsewhere = elementwise_recipe(precision.elsewhere) | quantisation_recipe(precision)
    elsewhere |= float_recipe(precision.elsewhere)
    of_role = {
        "attention": _by_quantity(float_recipe(precision.attention)),
        "lm_head": _by_quantity(float_recipe(precision.lm_head)),
        "elsewhere": _by_quantity(elsewhere),
    }
    of_role["embedding"] = of_role["elsewhere"]
    linear = {
        wider: _by_quantity(linear_recipe(precision, accumulator, wider))
        for wider in (None, *precision.linear.wider_inputs.values())
    }
    roles = [role_of(op, precision) for op in ops]
    return [
        linear[wider_input(op, precision)] if role == "linear" else of_role[role]
        for op, role in zip(ops, roles, strict=True)
    ]


@lru_cache(maxsize=64)  # a model in its precisions, on any device
def _recipes(ops: Same, precision: Same, accumulator: Accumulator) -> list[dict[str, list[tuple[str, float]]]]:
    return recipes(ops.it, precision.it, accumulator)


def actions_of(
    ops: tuple[Operator, ...], coefficients: Coefficients, precision: Precision, accumulator: Accumulator,
    hardware: Hardware | None, stored: tuple[Stored, ...],
) -> Actions:  # fmt: skip
    """The actions of operators, whose weights are ``stored`` as they say.

    A device runs a product in a format that it has; at a technology node, and without hardware, products are actions
    of their recipe, but for those that the node has a low-bit unit for.
    """
    executed = hardware.executed if hardware is not None and hardware.has_clock else None
    columns: dict[tuple[bool, str, str], list[float]] = {}
    size = len(ops)
    asked = _recipes(Same(ops), Same(precision), accumulator)
    run: dict[tuple[int, bool], dict[str, list[tuple[str, float]]]] = {}  # by the recipe's identity: roles share one
    for i, (op, own) in enumerate(zip(ops, asked, strict=True)):
        product = op.group not in ("elementwise", "embedding")
        recipe = run.get((id(own), product))
        if recipe is None:
            recipe = own
            if hardware is not None and product and (executed or unit_of(op, precision, hardware)):
                recipe = executed_recipe(op, precision, hardware)
            if executed is not None:  # a device runs what it lacks in another format
                recipe = on_device(recipe, executed)
            run[id(own), product] = recipe
        for quantity, _, _ in op.terms:
            for action, times in recipe.get(quantity, ()):
                column = columns.get((product, quantity, action))
                if column is None:
                    column = columns[product, quantity, action] = [0.0] * size
                column[i] = times
    made = read_only({key: array(column) for key, column in columns.items()})
    folded: dict[tuple[bool, str], list[tuple[Basis, float]]] = {}
    for (product, quantity, action), per_unit in made.items():
        terms = folded.setdefault((product, action), [])
        for basis, each in coefficients[quantity].items():
            folds: Any = ordered_sum(each * per_unit, 0)  # in the order of the operators
            if filled(folds):
                terms.append((basis, folds))

    def bits_of(*parts: tuple[str, Array | float]) -> Linear:
        found = [
            (basis, each * width) for quantity, width in parts for basis, each in coefficients.get(quantity, {}).items()
        ]
        return Linear(found, size)

    elsewhere, cached = float(FORMAT_BITS[precision.elsewhere]), float(precision.kv_bits)
    weights = array([bits.spread(op) for op, bits in zip(ops, stored, strict=True)])
    biases = array([bits.bias for bits in stored])
    bits = (
        bits_of(("weights", weights), ("bias_weights", biases)),
        bits_of(("inputs", array([input_bits_of(precision, op) for op in ops]))),
        bits_of(("outputs", elsewhere)),
        bits_of(("kv_read", cached)),
        bits_of(("kv_write", cached)),
    )
    return Actions(coefficients, made, folded, Stack(bits, bases_of(coefficients)))


def count_actions(counts: OpCounts, found: Actions) -> Activity:
    """How often each hardware action runs, and the bits that each operator moves at least once.

    Returns arrays ``[phase, op, n]``. The matrix products are kept apart from the elementwise work, so that a scope
    can hold the one without the other.
    """
    bases = counts.bases

    def table(products: bool) -> dict[str, Array]:
        part: dict[str, Array] = {}
        for (product, quantity, action), column in found.columns.items():
            if product is products:
                term = counts[quantity] * column[:, None]
                part[action] = part[action] + term if action in part else term
        return read_only(part)

    return Activity(Later(lambda: table(True)), Later(lambda: table(False)), read_only(found.bits.over(bases)))


def stays(counts: OpCounts, passing: Array, room: Array) -> Array:
    """Whether what passes between operators stays on chip: one layer's tensors fit there.  [phase, op, n]

    ``passing`` are the bits that enter and leave an operator, ``room`` those that its layers may hold in the last
    on-chip level, for one pass, [op, 1]. The widest pass decides for all of a phase: a token more may make one more
    pass, in which nothing fits that did not before.
    """
    passes = counts.passes if counts.full_passes is None else counts.full_passes
    fits: Any = passing <= room * np.maximum(passes, 1.0)[:, None, :]  # booleans, that count as 0 and 1
    found: Array = fits
    return found


def input_bits_of(precision: Precision, op: Operator) -> float:
    """Bits of one entry that enters an operator.  [bit]"""
    precision = precision_at(op, precision)
    if (role := role_of(op, precision)) == "linear":
        return wider_input(op, precision) or precision.linear.activation_bits
    return float(FORMAT_BITS[precision.attention if role == "attention" else precision.elsewhere])


def mac_actions(
    precision: Precision, accumulator: Accumulator = "paper", hardware: Hardware | None = None
) -> dict[str, float]:
    """The actions of one MAC of a linear layer, k large: what ``71.4x`` compares; of the hardware's unit if it has one.

    >>> from bitnet_cost.inputs.precision import parse_name
    >>> mac_actions(parse_name("w1a8"))
    {'add.int8': 1.0}
    """
    linear = precision.linear
    unit = hardware.unit_for(linear.format, linear.input_format()) if hardware else None
    if hardware and unit:
        found = unit_recipe(hardware, unit, linear.format, linear.activation_bits, linear.zero_fraction)
        return {action: times for (_, action), times in found.items()}
    return {linear.adder(action, accumulator): times for action, times in linear.recipe.items()}
