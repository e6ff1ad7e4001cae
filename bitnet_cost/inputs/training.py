"""How a model is trained: the plan of devices and batches, the formats kept, and what software reaches."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from pydantic import Field, model_validator

from bitnet_cost import questions
from bitnet_cost.errors import BitnetCostError, check_word
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Bandwidth, Duration, Input, Made, Ratio, Source, check_figures
from bitnet_cost.inputs.division import refusal
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Interconnect
from bitnet_cost.inputs.precision import LinearPrecision, Precision, WeightStorage
from bitnet_cost.inputs.ranges import RuntimeRanges
from bitnet_cost.inputs.scenario import Question
from bitnet_cost.numerals import brief
from bitnet_cost.told import array
from bitnet_cost.words import Counting, Master, Optimizer, Recompute, Scope

StepKernelClass = Literal[
    "linear", "experts", "attention", "norm", "rope", "activation", "residual", "quantise", "weight_quantise",
    "weight_cast", "cast", "combine", "loss", "optimizer", "elementwise",
]  # fmt: skip

MOMENT_BYTES: dict[Optimizer, float] = {"adamw": 8.0, "adamw-8bit": 2.0, "sgd": 4.0, "muon": 4.0}
"""Bytes of moments a parameter: two in FP32, two in 8 bits, one in FP32."""


class StepKernel(Input):
    """How one class of operators runs in a training step: shares of the peaks, and bytes moved."""

    bandwidth: Ratio = Field(description="share of the peak bandwidth")
    compute: Ratio | None = Field(None, description="share of the peak rate in the forward pass; left out: no limit")
    backward_compute: Ratio | None = Field(None, description="the same in the backward pass; left out: as forward")
    fp8_compute: Ratio | None = Field(
        None, description="share of the peak rate of products in FP8; left out: as 16 bits"
    )
    bytes_per_entry: float | None = Field(
        None, ge=0, le=1000, description="bytes moved forward per entry of the input; left out: inputs and outputs once"
    )
    backward_bytes_per_entry: float | None = Field(
        None, ge=0, le=1000, description="the same in the backward pass; left out: twice the forward's"
    )
    unaligned: Ratio | None = Field(
        None, description="share of the peak rate of products with a side that is no multiple of 16 bytes"
    )
    narrow: Ratio | None = Field(
        None, description="of attention: share of the peak rate with heads 64 wide; compute is with heads 128 wide"
    )
    fall: float = Field(
        0.0,
        ge=0,
        le=1,
        description="shares of 16-bit products are (989 TFLOP/s / peak rate) to this power times those"
        " given, which are an H100's; at most 0.9",
    )
    launches: float = Field(0.0, ge=0, le=100, description="kernels of one operator of one layer, in each direction")
    kept_bytes: float = Field(0.0, ge=0, le=100, description="bytes kept for the backward pass per entry of the input")
    kept_frozen: float | None = Field(
        None, ge=0, le=100, description="the same where weights are frozen; left out: as kept_bytes"
    )
    note: str = Field(default="", description="which kernels these are")


class TrainingRuntime(Input):
    """A training runtime on GPUs. Bytes are those of training in a 16-bit format."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=60, description="catalogue id")
    extends: str | None = Field(None, description="runtime whose figures hold where this file gives none")
    title: str = Field(min_length=2, description="in words")
    note: str = Field(default="", description="what a reader should know")
    ranges: RuntimeRanges | None = Field(None, description="its 90 % intervals on a device; left out: those of prices")
    weights_wide: bool = Field(description="weights are held in FP32 and cast on each pass; else 16-bit copies beside")
    gradient_bytes: float = Field(4.0, ge=2, le=8, description="bytes of a gradient where weights are of 16 bits")
    selective: Literal["scores", "products"] = Field(
        "scores",
        description="what selective recomputation repeats: scores of attention, or all but every other product"
        " and attention",
    )
    fused_attention: bool = Field(description="scores are never written: the backward pass recomputes them")
    sequence_parallel: bool = Field(description="tensor-parallel devices share norms and the residual stream too")
    scattered: bool = Field(
        True, description="tensor-parallel devices send the next stage a part each, and gather it there"
    )
    overlap: Ratio = Field(description="share of the exchange between data-parallel devices that work hides")
    tensor_overlap: Ratio = Field(description="share of the exchange between tensor-parallel devices that work hides")
    experts_overlap: Ratio = Field(description="share of the exchange of routed tokens that work hides")
    link_bandwidth: Ratio = Field(description="share of a link's bandwidth that exchanges inside a node reach")
    network_bandwidth: Ratio = Field(description="share of a link's bandwidth that exchanges between nodes reach")
    wide: Ratio = Field(description="bytes of elementwise work in FP32, over those in 16 bits")
    wide_kept: Ratio = Field(description="bytes of what is kept in FP32, over those in 16 bits")
    ceiling: Bandwidth | None = Field(None, description="bits a second that elementwise kernels reach on any device")
    score_bytes: float = Field(0.0, ge=0, le=20, description="bytes kept per query-key pair and head, where written")
    logit_bytes: float = Field(ge=0, le=40, description="bytes held per logit at the peak")
    not_held: list[Literal["gradients", "states", "activations"]] = Field(
        [], description="what the device does not hold: gradients that the optimiser takes as soon as they are there,"
        " states and activations in the memory of the host",
    )  # fmt: skip
    held_besides: list[Literal["outputs", "wide gradients"]] = Field(
        [], description="what it holds besides: what a pipeline stage passed on, of each micro-batch in flight;"
        " gradients of the optimiser's share in FP32, while it steps",
    )  # fmt: skip
    kernels: dict[StepKernelClass, StepKernel] = Field(min_length=1, description="by class of operators")
    launch: Duration | None = Field(None, description="time of one launch in which nothing else runs")
    fused_projections: bool = Field(description="q, k, v in one product, gate and up in one: they share an input")
    zero: int = Field(3, ge=0, le=3, description="highest ZeRO stage that it has together with a pipeline")
    sources: dict[str, Source] = Field(min_length=1, description="where the figures come from")

    @model_validator(mode="after")
    def _complete(self) -> TrainingRuntime:
        for name in ("linear", "attention", "elementwise", "loss", "optimizer"):
            if name not in self.kernels:
                raise ValueError(f"kernels.{name} is missing")
        check_figures(self, self.sources)
        return self

    def over_frozen(self) -> TrainingRuntime:
        """The runtime over a frozen base: kernels keep nothing that only the gradient of a weight needs."""
        kernels = {
            name: kernel.model_copy(update={"kept_bytes": kernel.kept_frozen})
            for name, kernel in self.kernels.items() if kernel.kept_frozen is not None
        }  # fmt: skip
        return self.model_copy(update={"kernels": self.kernels | kernels})

    def kernel(self, name: StepKernelClass) -> StepKernel:
        """The entry of a class, else that of plain elementwise work."""
        return self.kernels.get(name) or self.kernels["linear" if name == "experts" else "elementwise"]


class Rule(NamedTuple):
    """What numbers of a plan must meet: where, whether they do (at each point of a grid), and what a fault says."""

    place: str
    holds: Any  # a bool, or an array [n]
    fault: str  # for many points
    numbers: Callable[[], str]  # the same with the numbers, for one


def _is_multiple(number: Any, of: Any) -> Any:
    """Whether a whole number is a multiple of another, by a quotient, as told numbers have it; exact below 2**53."""
    return np.floor(number / of) * of >= number


STEP_TOKENS = 2**20  # of a step of a run: 0.5 to 3.2 million at GPT-3's sizes (Brown et al., 2020, Table 2.1)
NUMBERS = ("seq", "micro_batch", "global_batch", "devices", "dp")
"""Fields of a plan that may be arrays over the points of a grid, each [n]; all others are its layout."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a training step is divided. Devices are dp x tp x pp x cp; experts are spread over data-parallel ones.

    Raises:
        BitnetCostError: numbers that exclude one another.
    """

    seq: Any = 2048
    micro_batch: Any = 1
    global_batch: Any = 1
    devices: Any = 1
    dp: Any = 1
    tp: int = 1
    pp: int = 1
    cp: int = 1
    ep: int = 1
    zero: int = 0
    recompute: Recompute = "none"
    optimizer: Optimizer = "adamw"
    master: Master = "fp32"
    virtual_stages: int = 1
    lora: int | None = None
    tokens: float | None = None
    counting: Counting = "serving"

    def __post_init__(self) -> None:
        for name in (*NUMBERS, "tp", "pp", "cp", "ep", "virtual_stages"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= 10**8:
                raise BitnetCostError(f"{name.replace('_', '-')}: {value!r} is not a whole number from 1 to 100000000")
        self.check_layout()
        for rule in self.rules():
            if not rule.holds:
                raise BitnetCostError(f"{rule.place}: {rule.numbers()}")

    def check_layout(self) -> None:
        """Refuse what no numbers would allow.

        Raises:
            BitnetCostError: an unknown word, a number of another field's.
        """
        check_word("recompute", self.recompute, ("none", "selective", "full"))
        check_word("optimizer", self.optimizer, tuple(MOMENT_BYTES))
        check_word("master", self.master, ("fp32", "none"))
        check_word("counting", self.counting, get_args(Counting))
        if self.zero not in (0, 1, 2, 3):
            raise BitnetCostError(f"zero: {self.zero!r} is not a stage; expected 0, 1, 2 or 3")
        if self.lora is not None and not (type(self.lora) is int and 1 <= self.lora <= 65536):
            raise BitnetCostError(f"lora: {self.lora!r} is not a rank from 1 to 65536")
        if self.tokens is not None and not 1 <= self.tokens <= 1e18:
            raise BitnetCostError(f"tokens: {brief(self.tokens)} is not a number of tokens from 1 to 1e18")
        if self.virtual_stages > 1 and self.pp == 1:
            raise BitnetCostError("virtual-stages: there is one stage; give --pp too")
        if self.zero == 3 and self.pp > 1:
            raise BitnetCostError("zero: stage 3 does not work with a pipeline here; take --zero 1, or --pp 1")

    def rules(self) -> Iterator[Rule]:
        """What the numbers must meet, one or an array of them, in the order in which faults are told."""
        product = self.dp * self.tp * self.pp * self.cp
        yield Rule(
            "devices", (product >= self.devices) & (product <= self.devices), "is not a multiple of tp x pp x cp",
            lambda: f"dp x tp x pp x cp is {self.dp} x {self.tp} x {self.pp} x {self.cp} = {product}, not"
            f" {self.devices}; change one of them",
        )  # fmt: skip
        each = self.micro_batch * self.dp
        yield Rule(
            "global-batch", _is_multiple(self.global_batch, each), "is not a multiple of micro-batch x dp",
            lambda: f"{self.global_batch} is not a multiple of micro-batch x dp ="
            f" {self.micro_batch} x {self.dp} = {each}",
        )  # fmt: skip
        yield Rule(
            "cp", _is_multiple(self.seq, self.cp), "does not divide the sequence",
            lambda: f"{self.cp} does not divide the sequence of {self.seq} tokens",
        )  # fmt: skip
        yield Rule(
            "ep", _is_multiple(self.shards * self.tp, self.ep),
            "does not divide dp x tp x cp, over which experts are spread",
            lambda: f"{self.ep} does not divide dp x tp x cp = {self.shards * self.tp}, over which experts are spread",
        )  # fmt: skip
        yield Rule(
            "virtual-stages", (self.virtual_stages == 1) | _is_multiple(self.micro_batches, self.pp),
            "an interleaved schedule needs micro-batches that are a multiple of pp",
            lambda: f"an interleaved schedule needs micro-batches ({self.micro_batches}) that are a multiple of pp"
            f" {self.pp}",
        )  # fmt: skip

    def with_numbers(self, **numbers: Any) -> Plan:
        """The same layout with other `NUMBERS`, which are taken as they are: arrays [n], for `rules` to judge."""
        found = copy.copy(self)
        for name, value in numbers.items():
            object.__setattr__(found, name, value)
        return found

    @property
    def flat(self) -> Plan:
        """The same with arrays of floats for its numbers, of one length; a single point has length 1.  [n]"""
        given = {name: getattr(self, name) for name in NUMBERS}
        arrays = {n: v if isinstance(v, np.ndarray) else array([v * 1.0]) for n, v in given.items()}
        return self.with_numbers(**arrays)

    @property
    def layout(self) -> Plan:
        """All but its numbers, as what is made for any of them is looked up by."""
        return self.with_numbers(**dict.fromkeys(NUMBERS, 1), tokens=None)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the grid: ``()`` for a single point, ``(n,)`` for many."""
        return max((np.shape(getattr(self, name)) for name in NUMBERS), key=len)

    @property
    def micro_batches(self) -> Any:
        """Micro-batches that each pipeline works on in a step."""
        if isinstance(self.global_batch, int) and isinstance(self.dp, int):
            return self.global_batch // (self.micro_batch * self.dp)
        return np.floor(self.global_batch / (self.micro_batch * self.dp))

    @property
    def shards(self) -> Any:
        """Devices that hold the same weights before ZeRO divides anything."""
        return self.dp * self.cp

    @property
    def expert_copies(self) -> Any:
        """Devices of a stage that hold the same experts."""
        return np.floor(self.shards * (self.tp / self.expert_tp) / self.ep)

    @property
    def expert_tp(self) -> Any:
        """Tensor-parallel devices that share an expert: none where experts are spread over them too."""
        return np.where(_is_multiple(self.shards, self.ep), self.tp, 1)

    @property
    def step_tokens(self) -> Any:
        """Tokens of one optimiser step."""
        return self.global_batch * self.seq

    def check(self, model: Architecture) -> None:
        """Refuse a plan that the model's layers, heads or experts do not allow.

        Raises:
            BitnetCostError: with the number that does not divide.
        """
        if self.pp * self.virtual_stages > model.depth:
            raise BitnetCostError(
                f"pp: {self.pp * self.virtual_stages} stages are more than the {model.depth} layers of {model.name}"
            )
        why = refusal(model, self.tp, "tensor")
        if why is not None:
            raise BitnetCostError(f"tp: {why}")
        if model.encoder:
            raise BitnetCostError(
                f"{model.name}: training of an encoder-decoder is not modelled; give a decoder or an encoder"
            )
        for layer in model.layers:
            if layer.moe is not None and layer.moe.experts % self.ep:
                raise BitnetCostError(f"ep: {self.ep} does not divide the {layer.moe.experts} experts of {model.name}")
        if self.ep > 1 and not any(layer.moe for layer in model.layers):
            raise BitnetCostError(f"ep: {model.name} has no experts")


def tokens_of(text: float | str) -> float:
    """A number of tokens as people write it.

    Raises:
        BitnetCostError: not a number.

    >>> tokens_of("300B"), tokens_of("1.4T"), tokens_of(1000000)
    (300000000000.0, 1400000000000.0, 1000000.0)
    """
    scales = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
    word = str(text)
    ending = word[-1:].upper()
    try:
        return float(word[:-1] if ending in scales else word) * scales.get(ending, 1.0)
    except ValueError:
        raise BitnetCostError(f"tokens: {text!r} is not a number such as 300B or 1.4T") from None


def plan_of(
    *, devices: int | None = None, dp: int | None = None, tp: int = 1, pp: int = 1, cp: int = 1,
    global_batch: int | None = None, micro_batch: int = 1, seq: int = 2048, **other: Any,
) -> Plan:  # fmt: skip
    """A plan in which what is left out follows: dp from devices, devices from dp, the batch as `usual_batch` has it.

    >>> plan_of(devices=16, tp=2, pp=2).dp, plan_of(devices=16, tp=2, pp=2).global_batch, plan_of(dp=4).devices
    (4, 32, 4)
    """
    given = {"devices": devices, "dp": dp, "tp": tp, "pp": pp, "cp": cp, "micro-batch": micro_batch, "seq": seq}
    for name, value in given.items():  # before others follow from them
        most = 10**6 if name == "micro-batch" else 10**8
        if value is not None and (type(value) is not int or not 1 <= value <= most):
            raise BitnetCostError(f"{name}: {value!r} is not a whole number from 1 to {most}")
    if dp is None:
        dp = max(1, (devices or tp * pp * cp) // (tp * pp * cp))
    if devices is None:
        devices = dp * tp * pp * cp
    if global_batch is None:
        global_batch = int(usual_batch(micro_batch * dp, pp, seq, other.get("tokens")))
    return Plan(devices=devices, dp=dp, tp=tp, pp=pp, cp=cp, global_batch=global_batch, micro_batch=micro_batch,
                seq=seq, **other)  # fmt: skip


def usual_batch(each: Any, pp: int, seq: Any, tokens: Any) -> Any:
    """Sequences of a step where none are given: four micro-batches a stage; of a run, as many as hold `STEP_TOKENS`.

    ``each`` is micro-batch x dp; it, ``seq`` and ``tokens`` may be arrays.

    >>> usual_batch(8, 1, 2048, None), int(usual_batch(8, 1, 2048, 4e12))
    (8, 512)
    """
    least = each * (1 if pp == 1 else 4 * pp)
    if tokens is None:
        return least
    return least * -np.floor(-STEP_TOKENS / (least * seq))


@dataclass(frozen=True, slots=True)
class TrainingFormat:
    """What products compute in, and how many bits of weights are quantised while training.

    ``compute`` has the format of products; ``stored`` is what a frozen base is held in.
    """

    name: str
    compute: Precision
    width: float  # bytes of an activation
    quantised: Literal["no", "fp8", "binary", "ternary"] = "no"
    stored: Precision | None = None

    @property
    def wide(self) -> bool:
        """Whether activations have 32 bits."""
        return self.width > 2


_SOURCES = {
    "grammar": {
        "author": "bitnet-cost",
        "title": "Formats of training",
        "year": 2026,
        "where": "docs, Training",
        "seen": "own",
    }
}


def _plain(name: str, linear: str, elsewhere: str) -> Precision:
    bits = 32 if elsewhere == "fp32" else 16
    recipe = {f"mul.{linear}": 1.0, f"add.{linear}": 1.0}
    return Precision(
        name=name, title=name, source="grammar", sources={k: Source.model_validate(v) for k, v in _SOURCES.items()},
        linear=LinearPrecision(
            weights=WeightStorage(bits=float(bits), information_bits=float(bits)), activation_bits=float(bits),
            recipe=recipe,
        ),
        attention=elsewhere, elsewhere=elsewhere, embedding=elsewhere, lm_head=elsewhere,  # type: ignore[arg-type]
        kv_bits=float(bits),
    )  # fmt: skip


def training_format(precision: Precision, *, lora: int | None = None, half: str = "bf16") -> TrainingFormat:
    """How a precision is trained; ``half`` is the 16-bit format of the hardware.

    Raises:
        BitnetCostError: a format that has no gradients.

    >>> from bitnet_cost.inputs.precision import parse_name
    >>> training_format(parse_name("w1.58a8")).quantised
    'ternary'
    >>> training_format(parse_name("w4a16"))
    Traceback (most recent call last):
    ...
    bitnet_cost.errors.BitnetCostError: precision 'w4a16' has no gradients: give --lora RANK to train adapters over a \
base frozen in it, or train in bf16, bitnet or bitnet-b1.58
    """
    name = precision.name
    storage, recipe = precision.linear.weights, precision.linear.recipe
    forms = {action.partition(".")[2] for action in recipe if action.startswith("mul.")}
    if lora is not None:
        stored = None if storage.bits >= 16 else precision
        if forms == {"fp8"}:
            return TrainingFormat(name, _plain(name, "fp8", half), 2.0, "fp8", stored)
        form = "fp32" if forms == {"fp32"} else half
        return TrainingFormat(name, _plain(name, form, form), 4.0 if form == "fp32" else 2.0, "no", stored)
    if forms in ({"fp32"}, {"bf16"}, {"fp16"}) and storage.bits >= 16:
        form = next(iter(forms))
        return TrainingFormat(name, _plain(name, form, form), 4.0 if form == "fp32" else 2.0)
    if forms == {"tf32"}:
        return TrainingFormat(name, _plain(name, "tf32", "fp32"), 4.0)
    if forms == {"fp8"}:
        return TrainingFormat(name, _plain(name, "fp8", half), 2.0, "fp8")
    if not precision.linear.multiplies and math.ceil(storage.information_bits) <= 2:
        kind: Literal["binary", "ternary"] = "binary" if storage.information_bits <= 1 else "ternary"
        return TrainingFormat(name, _plain(name, half, half), 2.0, kind)
    raise BitnetCostError(
        f"precision {name!r} has no gradients: give --lora RANK to train adapters over a base frozen in it, or train"
        " in bf16, bitnet or bitnet-b1.58"
    )


def tf32() -> Precision:
    """Products in TF32, all else in FP32."""
    return _plain("tf32", "tf32", "fp32")


class TrainingScenario(Question):
    """One question: a model in a format on devices that share a plan, and what is around them.

    Numbers of the plan and figures of the hardware and the runtime may be arrays over the points of a grid.
    """

    runtime: Made[TrainingRuntime] | None = Field(None, description="software of training; none at a node")
    form: Made[TrainingFormat] = Field(description="how the precision is trained")
    plan: Made[Plan] = Field(default_factory=Plan, description="how a step is divided")
    scope: Scope | None = Field(None, description=questions.SCOPE.description)
    between: Made[Interconnect] | None = Field(None, description="what joins nodes")
    facility: Made[Facility] | None = Field(None, description="what turns energy and time into a site's")
