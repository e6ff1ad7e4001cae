"""Measurements: rows that others took on real hardware, and where they come from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from bitnet_cost.inputs.cited import Input, Power, Ratio, Source
from bitnet_cost.words import Logits, Parallel, Recompute

TrainedPart = Literal["step", "fwdbwd", "forward", "adamw"]
RowPhase = Literal["prefill", "decode", "request", "serving", "product", "linear", "exchange"]
Before = Literal["", "compiled", "first", "made"]


class Measurement(Input):
    """One measured point. What a source does not state is None.

    ``seconds`` is that of the phase: a whole prefill; one decode step, the mean over them; a whole request; one output
    token of a sequence in a server that is kept busy; one product; one linear layer with what quantises its input; one
    all-reduce. Power and memory are those of all devices together.
    """

    id: str = Field(min_length=1, description="row id, never changed or reused")
    source: str = Field(min_length=1, description="a key of measured/sources.yaml")
    model: str = Field(min_length=1, description="catalogue name")
    hardware: str = Field(min_length=1, description="catalogue name")
    devices: int = Field(1, ge=1, description="devices together")
    parallel: Parallel = Field("tensor", description="how they share the model")
    runtime: str = Field(min_length=1, description="name of the runtime")
    precision: str = Field(min_length=1, description="catalogue name")
    batch: int = Field(1, ge=1, description="sequences together; of a server the mean, rounded")
    prompt: int | None = Field(None, ge=1, description="prompt tokens; None: those of the task")
    generate: int = Field(ge=1, description="generated tokens, the first from the prefill")
    phase: RowPhase = Field(description="what was measured")
    logits: Logits = Field("last", description="positions of the prefill that get logits")
    seconds: float | None = Field(None, gt=0, description="time of the phase")
    energy_j_per_token: float | None = Field(None, gt=0, description="energy per generated token, or prompt token")
    power_w: float | None = Field(None, gt=0, description="mean power of all devices together")
    memory_gb: float | None = Field(None, gt=0, description="peak memory, in the source's unit")
    task: str = Field("", description="task of a server, or variant of an experiment")
    before: Before = Field("", description="what a product's device did in the second before it, by its source's order")
    before_w: float | None = Field(
        None, gt=0, description="power that the meter showed of what ran before; None: none ran, or nothing else"
    )
    left_out: str = Field("", description="why the row is shown and not scored")
    requests: int | None = Field(
        None, ge=1, description="requests that a server got at once; None: as many as the task"
    )


class TrainingMeasurement(Input):
    """One measured step of training, or a part of one. What a source does not state is as in a plan, or None.

    ``seconds`` and ``energy_j`` are those of the part, all devices together; ``memory_gb`` is one device's at the peak.
    """

    id: str = Field(min_length=1, description="row id, never changed or reused")
    source: str = Field(min_length=1, description="a key of measured/sources.yaml")
    model: str = Field(min_length=1, description="catalogue name, or one of measured/training/models.yaml")
    hardware: str = Field(min_length=1, description="catalogue name")
    runtime: str = Field(min_length=1, description="name of the training runtime")
    precision: str = Field(min_length=1, description="catalogue name, or tf32")
    devices: int = Field(1, ge=1, description="devices together")
    seq: int = Field(ge=1, description="tokens of a sequence")
    global_batch: int = Field(ge=1, description="sequences of a step")
    micro_batch: int = Field(1, ge=1, description="sequences that a device works on at once")
    dp: int = Field(1, ge=1, description="data-parallel replicas")
    tp: int = Field(1, ge=1, description="tensor-parallel devices")
    pp: int = Field(1, ge=1, description="pipeline stages")
    cp: int = Field(1, ge=1, description="context-parallel devices")
    ep: int = Field(1, ge=1, description="devices that experts are spread over")
    zero: int = Field(0, ge=0, le=3, description="ZeRO stage")
    virtual_stages: int = Field(1, ge=1, description="pieces of each pipeline stage")
    recompute: Recompute = Field("none", description="what the backward pass runs again")
    lora: int | None = Field(None, ge=1, description="rank of trained adapters; None: all weights")
    between: str = Field("", description="link between nodes; empty: one node")
    part: TrainedPart = Field("step", description="what was measured")
    seconds: float | None = Field(None, gt=0, description="time of the part")
    energy_j: float | None = Field(None, gt=0, description="energy of the part, all devices")
    memory_gb: float | None = Field(None, gt=0, description="peak memory of a device, in GB")
    whole: Literal["devices", "node"] = Field("devices", description="what the energy is of")
    left_out: str = Field("", description="why the row is shown and not scored")

    @property
    def phase(self) -> str:
        """What calibration rows are taken from in turn."""
        return self.part


class LoadMeasurement(Input):
    """A server measured under an open load. What a source does not state is None.

    Times are means over requests, ``mean_batch`` that over decode steps; power and energy are of all devices.
    """

    id: str = Field(min_length=1, description="row id, never changed or reused")
    source: str = Field(min_length=1, description="a key of measured/sources.yaml")
    model: str = Field(min_length=1, description="catalogue name")
    hardware: str = Field(min_length=1, description="catalogue name")
    devices: int = Field(1, ge=1, description="devices together, tensor-parallel")
    runtime: str = Field(min_length=1, description="name of the runtime")
    precision: str = Field(min_length=1, description="catalogue name")
    rate: float = Field(gt=0, description="requests completed per second; that offered where more came than was served")
    prompt: int = Field(ge=1, description="prompt tokens, the mean")
    generate: int = Field(ge=1, description="generated tokens, the mean")
    max_batch: int | None = Field(None, ge=1, description="most sequences in a step")
    static_cache: int | None = Field(None, ge=2, description="positions that each step reads, full or not")
    tpot_s: float | None = Field(None, gt=0, description="time per token after the first")
    ttft_s: float | None = Field(None, gt=0, description="time to the first token")
    mean_batch: float | None = Field(None, gt=0, description="sequences in a step")
    power_w: float | None = Field(None, gt=0, description="mean power, the time between steps included")
    energy_j_per_token: float | None = Field(None, gt=0, description="energy per generated token")
    left_out: str = Field("", description="why the row is shown and not scored")

    @property
    def phase(self) -> str:
        """What rows are told apart by."""
        return "load"


class SystemMeasurement(Input):
    """A whole system at the most that it serves. What a source does not state is None.

    Requests are all there at once (offline), or come at random at the largest rate at which 99 of 100 keep the times.
    """

    id: str = Field(min_length=1, description="row id, never changed or reused")
    source: str = Field(min_length=1, description="a key of measured/sources.yaml")
    entry: str = Field(min_length=1, description="id of the result in its round, and who submitted it")
    model: str = Field(min_length=1, description="catalogue name")
    hardware: str = Field(min_length=1, description="catalogue name")
    devices: int = Field(1, ge=1, description="devices of the system")
    each: int | None = Field(None, ge=1, description="devices that share a copy; None: as many as serve the most")
    runtime: str = Field(min_length=1, description="name of the runtime that is nearest")
    precision: str = Field(min_length=1, description="catalogue name")
    kv_bits: float | None = Field(None, ge=1, le=32, description="bits of a cached entry; None: those of the precision")
    scenario: Literal["offline", "server", "interactive"] = Field(description="how requests come")
    slo_ttft: float | None = Field(None, gt=0, description="time to the first token that 99 of 100 requests keep")
    slo_tpot: float | None = Field(None, gt=0, description="time per token after it, likewise")
    prompt: int = Field(ge=1, description="prompt tokens, the mean")
    generate: int = Field(ge=1, description="generated tokens, the mean")
    tokens_per_s: float = Field(gt=0, description="generated tokens per second of the whole system")
    power_w: float | None = Field(None, gt=0, description="mean power of the whole system at the wall")
    left_out: str = Field("", description="why the row is shown and not scored")

    @property
    def phase(self) -> str:
        """What rows are told apart by."""
        return "system"

    @property
    def energy_j_per_token(self) -> float | None:
        """Energy at the wall per generated token.  [J]"""
        return None if self.power_w is None else self.power_w / self.tokens_per_s


class Decoder(Input):
    """Sizes of a decoder whose layers are alike."""

    hidden: int = Field(ge=1, description="width of the residual stream")
    layers: int = Field(ge=1, description="layers")
    heads: int = Field(ge=1, description="heads of attention")
    ffn: int = Field(ge=1, description="width of the feed-forward layer")
    vocab: int = Field(ge=1, description="entries of the vocabulary")


class Decoders(Input):
    """Models of measured rows that the catalogue does not have."""

    gpt: dict[str, Decoder] = Field(description="LayerNorm, biases, GELU, learned positions, a tied head")
    llama: dict[str, Decoder] = Field(description="RMSNorm, no biases, SwiGLU, rotary positions, a head of its own")


class MeasuredSource(Source):
    """Where rows were published, under what licence, and how they were taken."""

    licence: str = Field(min_length=2, description="licence of the source")
    method: str = Field(min_length=2, description="how time and energy were taken")
    holds: Literal["peak", "resident"] = Field(
        "peak", description="what its memory counter holds: the peak, or weights and cache without the activations"
    )
    giga: Literal["GB", "GiB"] = Field("GB", description="unit of its memory column")
    beside_gb: float = Field(
        0.0,
        ge=0,
        description="what its counter shows of a training device beside tensors: the median of rows kept aside",
    )
    idle_s: float = Field(
        0.0, ge=0, description="seconds of rest behind a request in its mean of power; its energy is that mean x time"
    )
    after_first: bool = Field(
        False, description="whether a server's time per token is that after the first, without a request's own prompt"
    )
    bursts: bool = Field(
        False,
        description="products without a reading of power ran for milliseconds, in which no limit of a board takes hold",
    )
    another_program: bool = Field(
        False,
        description="whether another program ran than the one whose rows say how high the device's prices are: "
        "its power and energy are scored apart",
    )
    copies: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description="by runtime and precision, how many products with weights of their own take turns in a measurement "
        "of one; 1 where left out",
    )
    scales: dict[str, str] = Field(
        default_factory=dict,
        description="by model, the precision that says where the scales of its published weights are, where rows name "
        "their format alone",
    )
    rested_s: dict[str, dict[str, dict[str, dict[Before, float]]]] = Field(
        default_factory=dict,
        description="by runtime, device, precision and what was before, seconds that a device rested before a product "
        "was measured, or ran what `before_w` is of, which a meter that shows the second before each reading still "
        "sees; 0 where left out",
    )


class Task(Input):
    """A task of a serving benchmark whose prompt length is not in its rows."""

    prompt: int = Field(ge=1, description="mean prompt tokens")
    solved: bool = Field(True, description="whether rows may say better how many")
    variation: float = Field(0.0, ge=0, description="variance of the generated tokens over their squared mean")
    requests: int | None = Field(None, ge=1, description="requests of a run, each again until there are 1.5 a place")
    turns: float = Field(1.0, ge=1, description="mean turns of a conversation, each a request with all before it")
    note: str = Field(min_length=2, description="how it is known")


class LeftOut(Input):
    """Rows of a source that are not carried at all."""

    rows: int = Field(ge=1, description="how many")
    why: str = Field(min_length=5, description="reason")


class Used(Input):
    """Rows that figures elsewhere in the catalogue were solved from."""

    for_: str = Field(alias="for", min_length=5, description="which figures")
    rows: list[str] = Field(min_length=1, description="ids of the rows")


class Measured(Input):
    """The sources of the measured rows, and what was left out."""

    host: Power = Field(description="power of a node of eight devices beside them: processors, memory, network, fans")
    supply: Ratio = Field(description="energy behind a node's power supplies, over that before them")
    sources: dict[str, MeasuredSource] = Field(min_length=1, description="by key")
    tasks: dict[str, Task] = Field(default_factory=dict, description="prompt lengths that rows do not give")
    left_out: list[LeftOut] = Field(default_factory=list, description="rows that are not carried, and why")
    used: list[Used] = Field(default_factory=list, description="rows behind figures of runtimes and devices")

    @model_validator(mode="after")
    def _weak(self) -> Self:
        for key, source in self.sources.items():
            if source.seen == "memory":
                raise ValueError(f"sources.{key}: a measurement cannot be recalled")
        return self
