"""How a model is trained: the plan of devices and batches, the formats kept, and what software reaches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from bitnet_cost.errors import BitnetCostError, check_word
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Bandwidth, Duration, Input, Ratio, Source, check_figures
from bitnet_cost.inputs.precision import LinearPrecision, Precision, WeightStorage
from bitnet_cost.words import Master, Optimizer, Recompute

StepKernelClass = Literal[
    "linear", "experts", "attention", "norm", "rope", "activation", "residual", "quantise", "weight_quantise",
    "weight_cast", "cast", "loss", "optimizer", "elementwise",
]  # fmt: skip

MOMENT_BYTES: dict[Optimizer, float] = {"adamw": 8.0, "adamw-8bit": 2.0, "sgd": 4.0, "muon": 4.0}
"""Bytes of moments a parameter: two in FP32, two in 8 bits, one in FP32."""


class StepKernel(Input):
    """How one class of operators runs in a training step: shares of the peaks, and bytes moved."""

    bandwidth: Ratio = Field(description="share of the peak bandwidth")
    compute: Ratio | None = Field(None, description="share of the peak rate in the forward pass; left out: no limit")
    backward_compute: Ratio | None = Field(None, description="the same in the backward pass; left out: as forward")
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
    note: str = Field(default="", description="which kernels these are")


class TrainingRuntime(Input):
    """A training runtime on GPUs. Bytes are those of training in a 16-bit format."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=60, description="catalogue id")
    title: str = Field(min_length=2, description="in words")
    note: str = Field(default="", description="what a reader should know")
    weights_wide: bool = Field(description="weights are held in FP32 and cast on each pass; else 16-bit copies beside")
    fused_attention: bool = Field(description="scores are never written: the backward pass recomputes them")
    sequence_parallel: bool = Field(description="tensor-parallel devices share norms and the residual stream too")
    overlap: Ratio = Field(description="share of the exchange between data-parallel devices that work hides")
    tensor_overlap: Ratio = Field(description="share of the exchange between tensor-parallel devices that work hides")
    wide: Ratio = Field(description="bytes of elementwise work in FP32, over those in 16 bits")
    wide_kept: Ratio = Field(description="bytes of what is kept in FP32, over those in 16 bits")
    ceiling: Bandwidth | None = Field(None, description="bits a second that elementwise kernels reach on any device")
    score_bytes: float = Field(0.0, ge=0, le=20, description="bytes kept per query-key pair and head, where written")
    logit_bytes: float = Field(ge=0, le=40, description="bytes held per logit at the peak")
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

    def kernel(self, name: StepKernelClass) -> StepKernel:
        """The entry of a class, else that of plain elementwise work."""
        return self.kernels.get(name) or self.kernels["linear" if name == "experts" else "elementwise"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a training step is divided. Devices are dp x tp x pp x cp; experts are spread over data-parallel ones.

    Raises:
        BitnetCostError: numbers that exclude one another.
    """

    seq: int = 2048
    micro_batch: int = 1
    global_batch: int = 1
    devices: int = 1
    dp: int = 1
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

    def __post_init__(self) -> None:
        for name in ("seq", "micro_batch", "global_batch", "devices", "dp", "tp", "pp", "cp", "ep", "virtual_stages"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= 10**8:
                raise BitnetCostError(f"{name.replace('_', '-')}: {value!r} is not a whole number from 1 to 100000000")
        check_word("recompute", self.recompute, ("none", "selective", "full"))
        check_word("optimizer", self.optimizer, tuple(MOMENT_BYTES))
        check_word("master", self.master, ("fp32", "none"))
        if self.zero not in (0, 1, 2, 3):
            raise BitnetCostError(f"zero: {self.zero!r} is not a stage; expected 0, 1, 2 or 3")
        if self.lora is not None and not 1 <= self.lora <= 65536:
            raise BitnetCostError(f"lora: {self.lora!r} is not a rank from 1 to 65536")
        if self.tokens is not None and not 0 < self.tokens < 1e18:
            raise BitnetCostError(f"tokens: {self.tokens!r} is not a number of tokens above 0")
        product = self.dp * self.tp * self.pp * self.cp
        if product != self.devices:
            raise BitnetCostError(
                f"devices: dp x tp x pp x cp is {self.dp} x {self.tp} x {self.pp} x {self.cp} = {product}, not"
                f" {self.devices}; change one of them"
            )
        if self.global_batch % (self.micro_batch * self.dp):
            raise BitnetCostError(
                f"global-batch: {self.global_batch} is not a multiple of micro-batch x dp ="
                f" {self.micro_batch} x {self.dp} = {self.micro_batch * self.dp}"
            )
        if self.seq % self.cp:
            raise BitnetCostError(f"cp: {self.cp} does not divide the sequence of {self.seq} tokens")
        if self.dp % self.ep:
            raise BitnetCostError(f"ep: {self.ep} does not divide dp {self.dp}, over which experts are spread")
        if self.virtual_stages > 1 and self.pp == 1:
            raise BitnetCostError("virtual-stages: there is one stage; give --pp too")
        if self.virtual_stages > 1 and self.micro_batches % self.pp:
            raise BitnetCostError(
                f"virtual-stages: an interleaved schedule needs micro-batches ({self.micro_batches}) that are a"
                f" multiple of pp {self.pp}"
            )
        if self.zero == 3 and self.pp > 1:
            raise BitnetCostError("zero: stage 3 does not work with a pipeline here; take --zero 1, or --pp 1")

    @property
    def micro_batches(self) -> int:
        """Micro-batches that each pipeline works on in a step."""
        return self.global_batch // (self.micro_batch * self.dp)

    @property
    def step_tokens(self) -> int:
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
        if model.encoder:
            raise BitnetCostError(
                f"{model.name}: training of an encoder-decoder is not modelled; give a decoder or an encoder"
            )
        for layer in model.layers:
            heads = layer.attention or layer.latent_attention
            if heads is not None and heads.heads % self.tp:
                raise BitnetCostError(f"tp: {self.tp} does not divide the {heads.heads} heads of {model.name}")
            kv = layer.attention.kv_heads if layer.attention else None
            if kv and kv % self.tp and self.tp % kv:
                raise BitnetCostError(f"tp: {self.tp} and the {kv} key-value heads of {model.name} do not divide")
            if layer.moe is not None and layer.moe.experts % self.ep:
                raise BitnetCostError(f"ep: {self.ep} does not divide the {layer.moe.experts} experts of {model.name}")
        if self.ep > 1 and not any(layer.moe for layer in model.layers):
            raise BitnetCostError(f"ep: {model.name} has no experts")


def plan_of(
    *, devices: int | None = None, dp: int | None = None, tp: int = 1, pp: int = 1, cp: int = 1,
    global_batch: int | None = None, micro_batch: int = 1, **other: object,
) -> Plan:  # fmt: skip
    """A plan in which what is left out follows: dp from devices, devices from dp, four micro-batches a stage.

    >>> plan_of(devices=16, tp=2, pp=2).dp, plan_of(devices=16, tp=2, pp=2).global_batch, plan_of(dp=4).devices
    (4, 32, 4)
    """
    for name, value in (("tp", tp), ("pp", pp), ("cp", cp), ("micro-batch", micro_batch)):
        if type(value) is not int or value < 1:
            raise BitnetCostError(f"{name}: {value!r} is not a whole number from 1")
    if dp is None:
        dp = max(1, (devices or tp * pp * cp) // (tp * pp * cp))
    if devices is None:
        devices = dp * tp * pp * cp
    if global_batch is None:
        global_batch = micro_batch * dp * (1 if pp == 1 else 4 * pp)
    return Plan(devices=devices, dp=dp, tp=tp, pp=pp, cp=cp, global_batch=global_batch, micro_batch=micro_batch,
                **other)  # type: ignore[arg-type]  # fields of the plan  # fmt: skip


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
