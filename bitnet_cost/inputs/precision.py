"""Precision: what is stored, what is computed, role by role.

Three numbers are kept apart: *information* bits (log2 3 for a ternary weight), *stored* bits (the packing, with
its scales) and *arithmetic* (a recipe of actions per MAC). Products of two activations (attention) never become
1-bit; they run in the format that ``attention`` names.
"""

import math
import re
from collections.abc import Container
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from bitnet_cost.errors import BitnetCostError, labelled
from bitnet_cost.inputs.cited import Input, Source, check_sources
from bitnet_cost.inputs.gguf import MIXTURES
from bitnet_cost.numerals import brief
from bitnet_cost.shown import Shown
from bitnet_cost.words import Accumulator

Format = Literal["fp32", "fp16", "bf16", "fp8", "int16", "int8", "int4"]
FORMAT_BITS: dict[str, int] = {"fp32": 32, "fp16": 16, "bf16": 16, "fp8": 8, "int16": 16, "int8": 8, "int4": 4}
ACCUMULATE = "add.accumulator"
TERNARY_BITS = math.log2(3)
SPELT_TERNARY = (1.58, 1.585)
OWN = "file"  # the name of what a model's own file is stored in, whichever that is
_MOST = 200  # operators that an entry may name

_ACTION = re.compile(r"(mul|add)\.[a-z]+[0-9]+")


class WeightStorage(Input):
    """How a weight matrix is stored."""

    bits: float = Field(ge=1, le=32, description="bits per weight as packed, without scales")
    information_bits: float = Field(ge=1, le=32, description="bits per weight that carry information")
    scale_bits: float = Field(0, ge=0, le=64, description="bits of one scale and zero point")
    scale_per: Literal["none", "tensor", "channel", "group"] = Field("none", description="what shares a scale")
    group: int = Field(0, ge=0, le=10**6, description="weights that share a scale, with scale_per: group")
    code: Literal["integer", "float", "table"] = Field(
        "integer", description="what the bits mean; units for integers do not take floats, or levels of a table"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.scale_per == "none") != (self.scale_bits == 0):
            raise ValueError("scale_bits and scale_per must be given together")
        if (self.scale_per == "group") != (self.group > 0):
            raise ValueError("group needs scale_per: group")
        if self.information_bits > self.bits + 1e-9:
            raise ValueError(f"information_bits {brief(self.information_bits)} do not fit into bits {brief(self.bits)}")
        return self

    @property
    def bits_with_scales(self) -> float:
        """Bits of a weight of a large matrix: with its part of its group's scale; scales of a channel add nothing.

        >>> WeightStorage(bits=4, information_bits=4, scale_bits=16, scale_per="group", group=32).bits_with_scales
        4.5
        """
        return self.bits + (self.scale_bits / self.group if self.group else 0.0)

    def scales(self, inputs: int, outputs: int) -> int:
        """Number of scales of one ``[inputs, outputs]`` matrix.

        >>> WeightStorage(bits=4, information_bits=4, scale_bits=20, scale_per="group", group=128).scales(4096, 11)
        352
        """
        if self.scale_per == "group":
            return math.ceil(inputs / self.group) * outputs
        return {"none": 0, "tensor": 1, "channel": outputs}[self.scale_per]


class LinearPrecision(Input):
    """The weight matrices of the layers: storage, activations that enter, arithmetic per MAC."""

    weights: WeightStorage = Field(description="storage of the weights")
    activation_bits: float = Field(ge=1, le=32, description="bits of an activation that enters the product")
    recipe: dict[str, float] = Field(min_length=1, description="actions per MAC; add.accumulator is the adder")
    accumulator: str | None = Field(None, description="the adder that the source prices (--accumulator paper)")
    rescale: Literal["none", "product", "elementwise", "weights"] = Field(
        "none",
        description="product: inputs and outputs are scaled in the product's own row (BitNet, eq. 18); elementwise: "
        "quantised and dequantised in rows of their own; weights: dequantised before use",
    )
    zero_fraction: float = Field(
        0.0, ge=0, le=1, description="share of weights that are 0 and whose addition is skipped"
    )
    wider_inputs: dict[str, Annotated[float, Field(ge=1, le=32)]] = Field(
        default_factory=dict, description="operators whose inputs keep more bits, e.g. {o: 8, down: 8}"
    )

    @model_validator(mode="after")
    def _known_actions(self) -> Self:
        for action, times in self.recipe.items():
            if action != ACCUMULATE and not _ACTION.fullmatch(action):
                raise ValueError(f"recipe: {action!r} is not an action such as mul.fp16, add.int8 or {ACCUMULATE}")
            if not 0 < times <= 64:
                raise ValueError(
                    f"recipe: {action} runs {brief(times)} times per MAC; expected more than 0 and at most 64"
                )
        if (ACCUMULATE in self.recipe) != (self.accumulator is not None):
            raise ValueError(f"accumulator and {ACCUMULATE} must be given together")
        if self.accumulator is not None and not _ACTION.fullmatch(self.accumulator):
            raise ValueError(f"accumulator: {self.accumulator!r} is not an action such as add.int8")
        return self

    @property
    def format(self) -> str:
        """The format of the weights: binary, ternary, intN, or one that is not an integer's.

        >>> [parse_name(name).linear.format for name in ("w1a8", "w1.58a8", "w4a16")]
        ['binary', 'ternary', 'int4']
        """
        weights = self.weights
        if weights.code != "integer":
            return f"fp{math.ceil(weights.information_bits)}" if weights.code == "float" else weights.code
        if weights.information_bits == 1:
            return "binary"
        ternary = math.isclose(weights.information_bits, TERNARY_BITS, rel_tol=1e-3)
        return "ternary" if ternary else f"int{math.ceil(weights.information_bits)}"

    def input_format(self, bits: float | None = None) -> str:
        """The format of the inputs of a product: that in which it multiplies, else integers of ``bits``."""
        multiplied = [a.partition(".")[2] for a in self.recipe if a.startswith("mul.")]
        if multiplied and not multiplied[0].startswith("int"):
            return multiplied[0]
        return f"int{math.ceil(bits or self.activation_bits)}"

    @property
    def multiplies(self) -> bool:
        """Whether a MAC holds a multiplication."""
        return any(a.startswith("mul.") for a in self.recipe)

    def adder(self, action: str, accumulator: Accumulator, wider: float | None = None) -> str:
        """The priced action that ``action`` stands for where inputs have the usual or ``wider`` bits."""
        if action != ACCUMULATE:
            return action
        if accumulator == "int32":
            return "add.int32"
        return f"add.int{brief(wider)}" if wider else str(self.accumulator)


class Apart(Input):
    """Weight matrices of some layers, or of some operators, that are in another format than the others."""

    operators: list[str] = Field(
        default_factory=list, max_length=_MOST, description="names of operators, as q or down; left out: all of a layer"
    )
    first: int = Field(0, ge=0, le=10**4, description="in how many of the first layers")
    last: int = Field(0, ge=0, le=10**4, description="in how many of the last; neither: in all layers")
    linear: LinearPrecision | str = Field(
        description="as linear of the precision, or a name such as fp16, w8a8, w4a16g64"
    )

    @field_validator("linear", mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        if given in FORMAT_BITS:
            bits = FORMAT_BITS[given]
            return {"weights": {"bits": bits, "information_bits": bits}, "activation_bits": bits,
                    "recipe": {f"mul.{given}": 1.0, f"add.{given}": 1.0}}  # fmt: skip
        named = parse_name(given)
        if named is None:
            raise ValueError(f"{given!r} is not a format or a name such as fp16, w8a8, w4a16g64")
        return named.linear

    def has(self, operator: str, layer: int, depth: int) -> bool:
        """Whether an operator of a layer, counted from 0, is among them."""
        here = layer < self.first or layer >= depth - self.last if self.first or self.last else True
        return here and (not self.operators or operator in self.operators)


class Precision(Shown, Input):
    """A named precision: what each part of a model is stored in, and what its products are made of."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60, description="catalogue id")
    title: str = Field(min_length=2, description="in words")
    note: str = Field(default="", description="what a reader should know")
    source: str = Field(min_length=1, description="a key of sources")
    sources: dict[str, Source] = Field(min_length=1, description="where the recipe comes from")
    linear: LinearPrecision = Field(description="weight matrices of the layers")
    native: LinearPrecision | None = Field(
        None, description="the weight matrices on a device that multiplies in their own format, in place of linear"
    )
    widened: LinearPrecision | None = Field(
        None, description="linear on other devices, where native replaces it; never in a file"
    )
    attention: Format = Field(description="products of queries, keys and values")
    elsewhere: Format = Field(description="elementwise work, norms, biases, routers, residual stream")
    embedding: Format = Field(description="input tables")
    lm_head: Format | Literal["linear"] = Field(
        description="output matrix and its product; linear: as the matrices of the layers"
    )
    embedding_bits: float | None = Field(
        None, ge=1, le=32, description="stored bits of an entry of the input tables; left out: those of its format"
    )
    lm_head_bits: float | None = Field(
        None, ge=1, le=32, description="stored bits of an entry of the output matrix; left out: those of its format"
    )
    kv_bits: float = Field(ge=1, le=32, description="bits of a cached key or value entry")
    apart: list[Apart] = Field(
        default_factory=list,
        max_length=20,
        description="matrices in other formats than linear, by layer and operator; the first entry that has one counts",
    )
    depth: int | None = Field(None, ge=1, description="layers of the model, which `apart` counts in; never in a file")
    mixture: str | None = Field(
        None, description="a mixture of GGUF types, which decides the stored bits of each matrix instead of the above"
    )
    kept: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        default_factory=dict,
        max_length=_MOST,
        description="operators whose weights stay in the format of 'elsewhere', and in what part of their layers",
    )
    tensors: dict[str, Annotated[float, Field(ge=0, le=64)]] = Field(
        default_factory=dict,
        max_length=_MOST,
        description="stored bits of a weight by operator, scales included, where a file says them by tensor; those of "
        "a bias as NAME.bias",
    )
    stored_bytes: dict[str, Annotated[int, Field(ge=0, le=10**16)]] = Field(
        default_factory=dict,
        max_length=_MOST,
        description="bytes of all weights of an operator, or of several joined by '+', as a file lists its tensors",
    )
    total_bytes: int | None = Field(
        None, ge=1, le=10**16, description="bytes of all tensors, where a file says no more; the layers have the rest"
    )
    uncounted_bytes: int = Field(0, ge=0, le=10**16, description="bytes of a file's tensors that the model leaves out")

    @model_validator(mode="after")
    def _cited(self) -> Self:
        check_sources(self.sources, {"source": self.source})
        return self

    @model_validator(mode="after")
    def _known_mixture(self) -> Self:
        if self.mixture is not None and self.mixture not in MIXTURES:
            raise ValueError(f"mixture: {self.mixture!r} is not known; there are {', '.join(MIXTURES)}")
        return self

    def on(self, formats: Container[str]) -> Self:
        """The precision on hardware that multiplies in ``formats``: in its own where that is one, else widened.

        >>> from bitnet_cost.readers import catalog
        >>> nvfp4 = catalog.precision("nvfp4")
        >>> [nvfp4.on(there).on(here).linear.recipe for there, here in ((("fp4",), ("fp4",)), (("fp4",), ("bf16",)))]
        [{'mul.fp4': 1.0, 'add.fp32': 1.0}, {'mul.bf16': 1.0, 'add.bf16': 1.0}]
        """
        if self.native is None:
            return self
        runs = all(a.partition(".")[2] in formats for a in self.native.recipe if a.startswith("mul."))
        if runs == (self.widened is not None):
            return self
        update = {"linear": self.native, "widened": self.linear} if runs else {"linear": self.widened, "widened": None}
        return self.model_copy(update=update)

    def of_model(self, depth: int) -> Self:
        """The precision in a model of that many layers."""
        return self.model_copy(update={"depth": depth}) if self.apart else self

    @property
    def cuts(self) -> list[int]:
        """Numbers of layers after which others of another format begin."""
        depth = self.depth or 0
        ends = {end for part in self.apart for end in (part.first, depth - part.last)}
        return sorted(end for end in ends if 0 < end < depth)

    def at(self, operator: str, layer: int) -> Self:
        """The precision of an operator of a layer, counted from 0."""
        depth = self.depth or 0
        for part in self.apart if layer < depth else ():  # the head follows the layers
            if part.has(operator, layer, depth):
                return self.model_copy(update={"linear": part.linear, "native": None, "widened": None, "apart": []})
        return self

    def bits_of(self, role: str) -> float:
        """Stored bits of an entry of a role other than the linear weights."""
        if role == "embedding":
            return self.embedding_bits or float(FORMAT_BITS[self.embedding])
        if role == "lm_head":
            return self.lm_head_bits or (
                self.linear.weights.bits if self.lm_head == "linear" else float(FORMAT_BITS[self.lm_head])
            )
        return float(FORMAT_BITS[self.elsewhere])

    @property
    def information_bits(self) -> float:
        """Information bits of a linear weight, which is what articles quote."""
        return self.linear.weights.information_bits


@cache
def as_in_file() -> Precision:
    """What ``-p file`` means before a model is known: `Architecture.own` puts the model's own in its place."""
    return Precision(
        name=OWN,
        title="as the model's own file stores it",
        source="file",
        sources={
            "file": Source(author="bitnet-cost", title="the model's file", year=2026, where="none yet", seen="own")
        },
        linear=LinearPrecision(
            weights=WeightStorage(bits=16, information_bits=16), activation_bits=16, recipe={"mul.fp16": 1.0}
        ),
        attention="fp16",
        elsewhere="fp16",
        embedding="fp16",
        lm_head="fp16",
        kv_bits=16,
    )


_BITS = r"([0-9]{1,4}(?:\.[0-9]{1,9})?)"
_NAME = re.compile(f"w{_BITS}a{_BITS}(?:kv{_BITS})?(?:g([0-9]{{1,6}}))?")
_RECIPE = re.compile(r"(?:gptq|awq)(?:-(?:int|w)?([2-8])(?:bit)?)?(?:-g([0-9]{1,6}))?|int([2-7])")
_GRAMMAR = {
    "author": "bitnet-cost",
    "title": "Grammar of precision names",
    "year": 2026,
    "where": "w<bits>a<bits>[kv<bits>][g<group>]: README, section Precisions",
    "seen": "own",
}


def _storage(weight: float, packed: float, group: int, *, grouped: bool) -> WeightStorage:
    """How weights of some bits are stored: above ternary and below 8 bits, or where ``grouped``, in ``packed`` bits."""
    if weight == 16:
        return WeightStorage(bits=16, information_bits=16)
    if weight in SPELT_TERNARY:
        return WeightStorage(bits=2.0, information_bits=TERNARY_BITS, scale_bits=16, scale_per="tensor")
    if weight == 1:
        return WeightStorage(bits=1.0, information_bits=1.0, scale_bits=16, scale_per="tensor")
    if weight >= 8 and not grouped:
        return WeightStorage(bits=weight, information_bits=weight, scale_bits=16, scale_per="channel")
    scale = 16 + math.ceil(weight)
    return WeightStorage(bits=packed, information_bits=weight, scale_bits=scale, scale_per="group", group=group)


def parse_name(name: str) -> Precision | None:
    """A precision from a name such as ``w4a16``, ``w1.58a8kv8``, ``w4a16g64``; None when it is of another form.

    ``gptq-int3-g64``, ``awq-g32`` and ``int5`` are names of weights that are dequantised: ``w3a16g64``, ``w4a16g32``.

    Capitals are read as small letters.
    N or M bits multiply at max(N, M). Weights of 1 or 1.58 bits only add. M of 16 dequantises the weights, which
    then multiply in FP16. 1.58 means ternary: log2 3 information bits, stored in 2 (I2_S). Weights up to 1.58 bits
    share a scale per tensor, from 8 bits per output channel, in between per group (128 where none is named) with a
    zero point, all FP16. Three bits for FP16 products are packed ten to a word of 32 (MLC-LLM, HQQ), by GPTQ and AWQ 32
    to three words.

    >>> p = parse_name("w1.58a8kv8")
    >>> p.linear.weights.bits, round(p.information_bits, 3), p.linear.recipe, p.kv_bits
    (2.0, 1.585, {'add.accumulator': 1.0}, 8.0)
    >>> parse_name("w4a16").linear.recipe
    {'mul.fp16': 1.0, 'add.fp16': 1.0}
    >>> [parse_name(name).linear.weights.bits for name in ("w3a16", "gptq-int3", "w3a8")]
    [3.2, 3.0, 3.0]
    >>> [parse_name(name).linear.weights.group for name in ("awq-g32", "gptq-int3", "w2a16g64")]
    [32, 128, 64]

    Raises:
        BitnetCostError: bits below 1 or above 16, or activation bits that name no format.
    """
    name = name.lower()
    recipe_of = _RECIPE.fullmatch(name)
    spelt = f"w{recipe_of[1] or recipe_of[3] or 4}a16g{recipe_of[2] or 128}" if recipe_of else name
    match = _NAME.fullmatch(spelt)
    if match is None:
        return None
    weight, activation, kv = float(match[1]), float(match[2]), float(match[3]) if match[3] else None
    for what, bits in (("weights", weight), ("activations", activation), ("KV cache", kv)):
        if bits is not None and not 1 <= bits <= 16:
            raise BitnetCostError(
                f"precision {name!r} asks for {brief(bits)}-bit {what}"
                + labelled(
                    wants="w1 to w16, as in w1.58a8 or w4a16kv8; fp32 by name", see_all="bitnet-cost list precisions"
                )
            )
    if activation != int(activation) and activation < 16:
        raise BitnetCostError(
            f"precision {name!r}: activations of {brief(activation)} bits name no arithmetic; give a whole number"
        )
    ternary, group = weight in SPELT_TERNARY, int(match[4]) if match[4] else 128
    if not group or (match[4] and not 1.585 < weight < 16):
        raise BitnetCostError(f"precision {name!r}: groups are of 2 to 15 bits and have at least one weight")
    packed = 3.2 if weight == 3 and activation >= 16 and not recipe_of else weight
    recipe: dict[str, float]
    accumulator = None
    if activation >= 16:
        recipe, rescale = {"mul.fp16": 1.0, "add.fp16": 1.0}, "none" if weight == 16 else "weights"
    elif ternary or weight == 1:
        recipe, rescale, accumulator = {ACCUMULATE: 1.0}, "product", f"add.int{brief(activation)}"
    else:
        width = math.ceil(max(weight, activation))
        recipe, rescale, accumulator = {f"mul.int{width}": 1.0, ACCUMULATE: 1.0}, "elementwise", f"add.int{width}"
    return Precision(
        name=name,
        title=f"{brief(weight)}-bit weights, {brief(activation)}-bit activations"
        + (f", {brief(kv)}-bit KV cache" if kv else ""),
        note="parsed from the name; attention, embedding, head and norms FP16",
        source="grammar",
        sources={"grammar": Source.model_validate(_GRAMMAR)},
        linear=LinearPrecision(
            weights=_storage(weight, packed, group, grouped=bool(match[4])),
            activation_bits=activation,
            recipe=recipe,
            accumulator=accumulator,
            rescale=rescale,  # type: ignore[arg-type]  # one of the literals above
        ),
        attention="fp16",
        elsewhere="fp16",
        embedding="fp16",
        lm_head="fp16",
        kv_bits=kv if kv is not None else 16.0,
    )
