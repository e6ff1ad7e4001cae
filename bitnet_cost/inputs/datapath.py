"""Low-bit units of a device or a technology node: which weights they take, and what they do for one MAC."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from bitnet_cost.inputs.cited import Input, Ratio

LEVELS: dict[str, int] = {"binary": 2, "ternary": 3}  # values of a weight; of intN: 2^N
_FORM = re.compile(r"(fp|bf|int)([0-9]+)")
UNITS = ("binary", "ternary", "int2", "int3", "int4", "int5", "int6", "int7", "int8", "fp4", "fp6", "fp8")
Operand = Literal["int1", "int2", "int4", "int8", "int16", "fp8", "fp16", "bf16", "fp32"]
Adder = Literal["int8", "int16", "int32", "fp16", "fp32"]


class Datapath(Input):
    """What a unit does for one product with a weight, from which its energy follows action by action."""

    kind: Literal["add", "table", "planes", "count"] = Field(
        description="add: adds, subtracts or skips each input (TerEffic, CUTIE); table: looks up the sums of a group "
        "of inputs (T-MAC, LUT Tensor Core); planes: bit-serial over the weights' bits (UNPU); count: XNOR gates and a "
        "population count over bit planes of both (XNOR-Net)"
    )
    width: int = Field(16, ge=1, le=65536, description="products that are summed before the accumulator")
    adder: Adder = Field("int16", description="format of the additions before the accumulator, and of tables")
    group: int | None = Field(None, ge=1, le=8, description="table: weights that address one entry")
    outputs: int | None = Field(None, ge=1, le=10**6, description="table: outputs that share one table")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind == "table") != (self.group is not None and self.outputs is not None):
            raise ValueError("group and outputs must be given with kind: table, and with no other")
        return self


class Unit(Input):
    """A unit for products with low-bit weights; its rate is in ``rates``, its price in ``actions`` or by `Datapath`."""

    activations: Operand = Field("int8", description="the widest inputs that it takes")
    accumulates: Adder = Field("int32", description="format of the accumulator")
    datapath: Datapath | None = Field(
        None, description="what it does, where actions give no price for its MAC; left out: mac.FORMAT is its price"
    )
    zeros_skipped: Ratio | None = Field(
        None, description="share of products that it skips because the weight is 0; left out: none"
    )


def takes(unit: Unit | None, form: str, activations: str) -> bool:
    """Whether a unit, or one of which no more is known than its format, takes inputs.

    >>> takes(None, "ternary", "int8"), takes(None, "int4", "int8"), takes(Unit(activations="fp16"), "int4", "int8")
    (True, False, True)
    """
    widest = unit.activations if unit else "int8" if form in LEVELS else form
    most, own = _FORM.fullmatch(widest), _FORM.fullmatch(activations)
    if most is None or own is None:
        return False
    return int(own[2]) <= int(most[2]) and (own[1] == "int" or most[1] != "int")


def units_for(weights: str) -> list[str]:
    """Formats of the units that hold weights of a format, the narrowest first.

    >>> units_for("ternary")
    ['ternary', 'int2', 'int3', 'int4', 'int5', 'int6', 'int7', 'int8']
    >>> units_for("int3")[0], units_for("fp4"), units_for("fp16")
    ('int3', ['fp4', 'fp6', 'fp8'], [])
    """
    if weights in LEVELS:
        return [*list(LEVELS)[list(LEVELS).index(weights) :], *(f"int{bits}" for bits in range(2, 9))]
    match = _FORM.fullmatch(weights)
    widths = {"int": range(2, 9), "fp": (4, 6, 8)}.get(match[1], ()) if match else ()
    return [f"{match[1]}{bits}" for bits in widths if match and bits >= int(match[2])] if match else []


def planes_of(weights: str) -> int:
    """Bit planes of weights of a format.

    >>> planes_of("binary"), planes_of("ternary"), planes_of("int3")
    (1, 2, 3)
    """
    return LEVELS[weights] - 1 if weights in LEVELS else int(weights.removeprefix("int"))
