"""Runtimes: how much of a device software reaches. One entry per runtime and device class, every figure with source."""

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from bitnet_cost.inputs.cited import Duration, Input, Ratio, Source, check_figures
from bitnet_cost.inputs.hardware import DeviceClass, Reached
from bitnet_cost.inputs.ranges import RuntimeRanges
from bitnet_cost.shown import Shown

KernelClass = Literal[
    "linear", "linear-fp32", "dequantised", "dequantised-int4", "dequantised-int8", "dequantised-narrow", "lowbit",
    "w8a8", "w8a8-blocks", "w8a8-int8", "w4a4", "experts", "experts-dequantised", "experts-w4a4", "experts-w8a8",
    "experts-blocks", "experts-integer", "attention", "attention-kv8", "attention-fp32", "attention-fp32-grouped",
    "norm", "layer-norm", "rope", "activation", "activation-tanh", "residual", "cache", "quantise", "quantise-w8a8",
    "quantise-int8", "quantise-blocks", "rescale", "scan", "elementwise",
]  # fmt: skip
# The class whose entry stands for one that a runtime does not list.
WIDER: dict[KernelClass, KernelClass] = {
    "linear-fp32": "linear", "dequantised": "linear", "dequantised-int4": "dequantised",
    "dequantised-int8": "linear", "dequantised-narrow": "dequantised", "lowbit": "linear",
    "w8a8": "linear", "w8a8-blocks": "w8a8", "w8a8-int8": "w8a8", "w4a4": "w8a8", "experts": "linear",
    "experts-dequantised": "experts", "experts-w4a4": "experts", "experts-w8a8": "experts",
    "experts-blocks": "experts-w8a8", "experts-integer": "experts", "attention": "linear",
    "attention-fp32": "attention", "attention-fp32-grouped": "attention", "attention-kv8": "attention",
    "layer-norm": "norm",
    "activation-tanh": "activation", "quantise-w8a8": "quantise", "quantise-int8": "quantise-w8a8",
    "quantise-blocks": "quantise-w8a8",
}  # fmt: skip


def is_of(families: list[str], device: str) -> bool:
    """Whether a device's name holds one of some words; any does where there are none.

    >>> is_of(["h100", "h20"], "h200-sxm-141gb"), is_of(["h100"], "b200"), is_of([], "b200")
    (True, False, True)
    """
    return not families or any(word in device for word in families)


class Kernel(Input):
    """How one class of operators runs: launches, memory passes, and the shares of the peaks that are reached."""

    launches: float = Field(ge=0, le=1000, description="kernels launched per operator and pass; 0: fused into another")
    overhead: Duration | None = Field(None, description="time of one launch in which nothing else runs")
    per_input: Duration | None = Field(
        None, description="time per entry of the inner dimension, where a product walks it without enough at once"
    )
    bandwidth: Ratio | None = Field(None, description="share of the peak bandwidth; left out: fused, moves nothing")
    near_bandwidth: Ratio | None = Field(
        None,
        description="the same of the last on-chip level's, for what stays there; left out: as of the memory's",
    )
    compute: Ratio | None = Field(None, description="share of the peak rate; left out: not limited by it")
    partly_overlapped: bool = Field(
        False,
        description="bytes, arithmetic and the walk of `per_input` overlap in part: a product takes the root of the "
        "sum of their squares; left out: the longer of bytes and arithmetic, after the walk",
    )
    few_rows: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="tokens of a pass up to which another kernel runs, whose launch is shorter, without row_tile",
    )
    few_overhead: Ratio | None = Field(None, description="part of `overhead` that a launch for few_rows takes")
    few_compute: Ratio | None = Field(None, description="share of the peak rate that a kernel for few_rows reaches")
    few_tile: list[Annotated[int, Field(ge=1, le=1024)]] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="rows and outputs of the tiles of a kernel for few_rows, in waves of one a multiprocessor",
    )
    issued: bool = Field(
        False,
        description="the host issues it while the device works on what came before: the longer of launch and kernel, "
        "not the sum",
    )
    bytes_per_entry: float | None = Field(
        None,
        ge=0,
        le=1000,
        description="bytes moved per entry of the operator's input, where steps are kernels of their own",
    )
    wide_steps: bool = Field(
        False, description="such steps hold entries in 32 bits, and stay on chip only where these fit there"
    )
    bytes_per_pair: float | None = Field(
        None,
        ge=0,
        le=1000,
        description="bytes moved per query-key pair and head, where scores go to memory instead of being fused",
    )
    bytes_per_repeat: float | None = Field(
        None,
        ge=0,
        le=1000,
        description="bytes moved per cached entry and query head, where each head gets a copy of the keys and values "
        "that it shares with others",
    )
    query_tile: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="queries that a multiprocessor works on at once, however few there are; it takes all their keys",
    )
    row_tile: int | None = Field(
        None, ge=1, le=1024, description="rows that a product of fewer tokens takes as long as, see `ROWS_OF_ONE`"
    )
    waves: bool = Field(
        False, description="tiles of a product's result run in waves of one a multiprocessor, the last one not full"
    )
    reads_rows: int | None = Field(
        None, ge=1, le=1024, description="rows of a product's tile, for each of which its weights are read again"
    )
    reads_outputs: int | None = Field(
        None, ge=1, le=1024, description="outputs of a product's tile, for each of which its inputs are read again"
    )
    blocks: int | None = Field(
        None,
        ge=1,
        le=64,
        description="tiles of `reads_rows` and `reads_outputs` that a multiprocessor works on at once, the last wave "
        "of them not full",
    )
    keeps: int | None = Field(
        None,
        ge=1,
        le=10**8,
        description="bytes of a tile's inputs that a multiprocessor keeps from one tile of outputs to the next; left "
        "out: none",
    )
    units: Literal["int32", "fp32"] | None = Field(
        None, description="units whose rate `compute` is a share of; left out: those of the product's format"
    )
    waits: Ratio | None = Field(
        None,
        description="share of its time in which it draws as a kernel that waits, beside what it moves and multiplies; "
        "left out: of its time beyond what both take at the peaks",
    )
    unpacking: float | None = Field(
        None,
        ge=0,
        le=1000,
        description="INT32 multiply-add slots of widening a packed weight, once in every pass",
    )
    unpacking_rows: float | None = Field(
        None,
        ge=1,
        le=10**6,
        description="tokens of a pass up to which a kernel that widens each weight runs; left out: any number",
    )
    packing: Ratio | None = Field(
        None,
        description="times that reading its weights takes, in which a product of several rows lays them out in panels "
        "or widens them",
    )
    packing_rows: float = Field(1, ge=1, le=10**6, description="rows up to which a product reads them where they are")
    cache_repeats: Ratio | None = Field(
        None,
        description="share of the query heads of a group, beyond the first, for which a decode step reads the cache "
        "again, from the nearest level; left out: a group reads it once",
    )
    tile: int | None = Field(None, ge=1, le=1024, description="rows that a grouped product pads each expert's to")
    large_tile: int | None = Field(None, ge=1, le=1024, description="the same of its tiles for many rows")
    large_bandwidth: Ratio | None = Field(
        None, description="share of the peak bandwidth that large tiles reach; left out: that of small ones"
    )
    tiles_by_experts: bool = Field(
        False,
        description="small tiles run in passes of no more tokens than a device has experts, large ones in others; left "
        "out: whichever take less time",
    )
    laid_out: bool = Field(
        False,
        description="works on all the room that its rows may take: those routed to any device, and a large tile less a "
        "row for each expert of its own",
    )
    families: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="words of which a device's name holds one; others run the kernel of the wider class; left out: all "
        "run it",
    )
    each_expert: bool = Field(False, description="launched once for every expert, whether routed to or not")
    large_compute: Ratio | None = Field(None, description="share of the peak rate that filled large tiles reach")
    per_token: Duration | None = Field(
        None, description="time per token and launch, in which its rows are sorted to experts, gathered and summed"
    )
    per_sequence: Duration | None = Field(
        None, description="the same beyond that of a decode step for each of its sequences, whose rows are scattered"
    )
    note: str = Field(default="", description="which kernels these are")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.launches and self.overhead is None:
            raise ValueError("a kernel that is launched needs its overhead")
        if (self.few_rows is None) != (self.few_overhead is None):
            raise ValueError("few_rows and few_overhead need one another")
        if self.few_rows is None and (self.few_tile is not None or self.few_compute is not None):
            raise ValueError("few_tile and few_compute need few_rows")
        if self.keeps is not None and self.reads_outputs is None:
            raise ValueError("keeps needs reads_outputs")
        if (self.laid_out or self.tiles_by_experts or self.large_bandwidth) and self.large_tile is None:
            raise ValueError("laid_out, tiles_by_experts and large_bandwidth need large_tile")
        if self.large_bandwidth is not None and (self.bandwidth is None or not self.tiles_by_experts):
            raise ValueError("large_bandwidth needs bandwidth and tiles_by_experts")
        if self.blocks is not None and (self.reads_rows is None or self.reads_outputs is None):
            raise ValueError("blocks needs reads_rows and reads_outputs")
        if self.large_tile is not None and (self.tile is None or self.compute is None or self.large_compute is None):
            raise ValueError("large_tile needs tile, compute and large_compute")
        return self


class Holds(NamedTuple):
    """What software decides of the memory that a model takes; without any, as it begins."""

    copies: float = 1.0  # of the cache
    chunk: int | None = None  # tokens of one pass of a prefill at most
    logits_bits: float | None = None  # where a prefill makes those of every position
    heads_apart: frozenset[str] = frozenset()  # formats whose models get a head of their own


class RuntimeProfile(Shown, Input):
    """A runtime on a class of devices."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=60, description="catalogue id, <runtime>-<class>")
    extends: str | None = Field(None, description="runtime whose figures hold where this file gives none")
    runtime: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+-]+$", max_length=60, description="name of the runtime")
    device_class: DeviceClass = Field(description="devices it describes")
    title: str = Field(min_length=2, description="in words")
    note: str = Field(default="", description="what a reader should know")
    products_alone: bool = Field(
        False, description="its figures are of single products, each measured alone: it runs no whole model"
    )
    fused_projections: bool = Field(description="q, k, v in one kernel, gate and up in one")
    per_pass: Duration | None = Field(None, description="time of a pass in which the device waits for the host")
    per_sequence: Duration | None = Field(None, description="time of a pass that the host takes for each sequence")
    per_prefill: Duration | None = Field(
        None, description="time before a prefill in which the host prepares shapes and memory of its passes"
    )
    overlapped: bool = Field(
        False, description="the device works while the host prepares: a pass takes the longer of the two, not the sum"
    )
    chunk: int | None = Field(None, ge=1, le=10**9, description="tokens of one pass of the prefill at most")
    prompts_inside: bool = Field(
        False, description="under load a prompt is worked on inside a decode step; left out: alone, before the next one"
    )
    paged: bool = Field(
        False, description="the cache takes memory as tokens come; left out: a sequence's whole length is reserved"
    )
    pads_heads: bool = Field(
        False,
        description="devices that do not divide the heads of attention fill them up; left out: they are refused",
    )
    batch_sizes: list[Annotated[int, Field(ge=1, le=10**6)]] = Field(
        default_factory=list,
        max_length=1000,
        description="a step's batch is filled up to the next of these; left out: it runs without filling",
    )
    families: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="words of which a device's name holds one; left out: it runs on every device of its class",
    )
    least_bits: float = Field(
        0.0,
        ge=0,
        le=32,
        description="bits that it holds and reads a layer's weight in at least: no kernel takes narrower ones",
    )
    workspace: Ratio | None = Field(None, description="memory kept for workspace, as a share of the capacity")
    cache_copies: float = Field(1.0, ge=1, le=4, description="copies of the KV cache that are held at once")
    heads_apart: list[str] = Field(
        default_factory=list,
        max_length=20,
        description="formats of linear weights whose models get a head of their own, where it shares the token table",
    )
    logits_bits: float | None = Field(
        None, ge=1, le=128, description="bits held per logit, where a prefill makes those of every position"
    )
    kernels: dict[KernelClass, Kernel] = Field(min_length=1, description="by class of operators")
    ranges: RuntimeRanges | None = Field(None, description="its 90 % intervals on a device; left out: those of prices")
    sources: dict[str, Source] = Field(min_length=1, description="where the figures come from")

    @model_validator(mode="after")
    def _covered(self) -> Self:
        for name in ("linear", "elementwise"):
            if name not in self.kernels:
                raise ValueError(f"kernels.{name} is missing; classes without an entry of their own run as it")
        for name, kernel in self.kernels.items():
            if kernel.families and name not in WIDER:
                raise ValueError(f"kernels.{name}.families: other devices have no wider class to run")
        return self

    @model_validator(mode="after")
    def _cited(self) -> Self:
        check_figures(self, self.sources)
        return self

    @property
    def waits_for_host(self) -> bool:
        """Whether passes take time in which the device waits for the host."""
        return any(figure is not None for figure in (self.per_pass, self.per_sequence, self.per_prefill))

    def reaching(self, reached: Reached, sources: dict[str, Source]) -> "RuntimeProfile":
        """The runtime with what a design's own program reaches in place of the shares of its products."""
        given = {name: share for name in ("bandwidth", "compute", "overhead") if (share := getattr(reached, name))}
        kernels = {
            name: kernel.model_copy(update={key: share for key, share in given.items() if getattr(kernel, key)})
            for name, kernel in self.kernels.items()
        }
        own = {share.source: sources[share.source] for share in given.values()}
        return self.model_copy(update={"kernels": kernels, "sources": self.sources | own})

    def cut(self, kind: str) -> int | None:
        """Tokens of one pass of a prefill at most; an encoder attends both ways, so that nothing of it is cut."""
        return self.chunk if kind == "decoder" else None

    def holds(self, kind: str) -> Holds:
        """What it decides of the memory that a kind of model takes."""
        return Holds(self.cache_copies, self.cut(kind), self.logits_bits, frozenset(self.heads_apart))

    def listed(self, name: KernelClass) -> KernelClass:
        """The class whose entry a class of operators runs as: its own, a wider one's, else plain elementwise work."""
        while name not in self.kernels:
            name = WIDER.get(name, "elementwise")
        return name

    def kernel(self, name: KernelClass, device: str = "") -> Kernel:
        """The entry of a class of operators, see `listed`; on a ``device`` that it is not for, the wider one's."""
        found = self.kernels[self.listed(name)]
        if not device or is_of(found.families, device):
            return found
        return self.kernel(WIDER[self.listed(name)], device)
