"""Studies: published tables, cell by cell, with what must be evaluated to answer each."""

from typing import Literal, Self

from pydantic import Field, model_validator

from bitnet_cost import questions
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import CatalogueName, Input, Source, check_sources
from bitnet_cost.words import Accumulator, AttentionSpan, Counting, Logits, Parallel, Recompute, Scope

Quantity = Literal[
    "energy", "decode_energy_per_token", "tokens_per_s", "decode_step", "decode_energy", "prefill", "product_time",
    "product_energy", "energy.mul", "energy.add", "mac_energy", "price", "saving", "ideal_weights", "stored_weights",
    "non_embedding_weights", "footprint", "largest_batch", "parameters", "mac", "quality_gap", "law_gap",
]  # fmt: skip
TrainingQuantity = Literal[
    "six_n_d", "run_flop", "recomputed", "step", "mfu", "hfu", "device_time", "days", "run_energy", "step_energy",
    "trained_weights", "gradients", "optimizer_states", "states", "state_bytes", "layer_activations", "activations",
    "peak_memory",
]  # fmt: skip
Unit = Literal[
    "J", "mJ", "pJ", "MWh", "MB", "GB", "%", "x", "1", "M", "T", "EFLOP", "1/s", "s", "ms", "us", "kh", "d", "points",
    "nats",
]  # fmt: skip
UNIT_SCALES: dict[str, float] = {
    "J": 1.0, "mJ": 1e-3, "pJ": 1e-12, "MWh": 3.6e9, "MB": 8e6, "GB": 8e9, "%": 0.01, "x": 1.0, "1": 1.0, "M": 1e6,
    "T": 1e12, "EFLOP": 1e18, "1/s": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "kh": 3.6e6, "d": 86400.0,
    "points": 1.0, "nats": 1.0,
}  # fmt: skip


class TrainingOptions(Input):
    """How a cell's model is trained."""

    tokens: float | None = Field(None, description=questions.TOKENS.meaning)
    seq: int | None = Field(None, description=questions.SEQ.meaning)
    micro_batch: int | None = Field(None, description=questions.MICRO_BATCH.meaning)
    global_batch: int | None = Field(None, description=questions.GLOBAL_BATCH.meaning)
    dp: int | None = Field(None, description=questions.DP.meaning)
    tp: int | None = Field(None, description=questions.TP.meaning)
    pp: int | None = Field(None, description=questions.PP.meaning)
    cp: int | None = Field(None, description=questions.CP.meaning)
    ep: int | None = Field(None, description=questions.EP.meaning)
    zero: int | None = Field(None, description=questions.ZERO.meaning)
    virtual_stages: int | None = Field(None, description=questions.VIRTUAL_STAGES.meaning)
    recompute: Recompute | None = Field(None, description=questions.RECOMPUTE.meaning)
    link: CatalogueName | None = Field(None, description=questions.LINK.meaning)
    pue: float | None = Field(None, ge=1, le=10, description=questions.PUE.meaning)
    states_of: float | None = Field(None, gt=0, le=1e15, description="parameters whose states are asked, of no model")


class PublishedGap(Input):
    """What a method loses against another of the same published table, or what that changes from one size to another.

    In points of accuracy, or in nats: the logarithm of a perplexity.
    """

    file: CatalogueName = Field(description="name of the file in quality/")
    figure: str = Field(min_length=1, description="metric and set, as 'perplexity wikitext2'")
    method: str = Field(min_length=1, description="as the table names it")
    baseline: str = Field(min_length=1, description="the method of the same table that it is set against")
    size: str = Field(min_length=1, description="the model, as the table names it")
    from_size: str | None = Field(None, description="a smaller model, whose gap is taken off")


class LawGap(Input):
    """What a scaling law says that a precision loses at one size, or how that changes from another size, in nats."""

    law: str = Field(min_length=1, description="name in quality/laws.yaml")
    size: str = Field(min_length=1, description="a size such as 3.9B")
    from_size: str | None = Field(None, description="a smaller size, whose gap is taken off")


class Options(TrainingOptions):
    """What to evaluate. A table's, a column's and a row's options add to the study's, the later ones first."""

    model: CatalogueName | None = Field(None, description="catalogue name or size")
    hardware: CatalogueName | None = Field(None, description="catalogue name")
    precision: CatalogueName | None = Field(None, description="catalogue name")
    baseline: CatalogueName | None = Field(None, description="precision that a saving or ratio refers to")
    scope: Scope | None = Field(None, description=questions.SCOPE.meaning)
    runtime: CatalogueName | None = Field(None, description=questions.RUNTIME.meaning)
    devices: int | None = Field(None, description=questions.DEVICES.meaning)
    parallel: Parallel | None = Field(None, description=questions.PARALLEL.meaning)
    offload: str | None = Field(None, description=questions.OFFLOAD.meaning)
    untied: bool | None = Field(None, description="give the LM head a matrix of its own where the model ties it")
    accumulator: Accumulator | None = Field(None, description=questions.ACCUMULATOR.meaning)
    batch: int | None = Field(None, description=questions.BATCH.meaning)
    prompt: int | None = Field(None, description=questions.PROMPT.meaning)
    generate: int | None = Field(None, description=questions.GENERATE.meaning)
    attention: AttentionSpan | None = Field(None, description=questions.ATTENTION.meaning)
    logits: Logits | None = Field(None, description=questions.LOGITS.meaning)
    counting: Counting | None = Field(None, description=questions.COUNTING.meaning)
    quantity: Quantity | TrainingQuantity | None = Field(None, description="what the cell holds")
    gap: PublishedGap | None = Field(None, description="with quantity quality_gap: of which figures")
    by_law: LawGap | None = Field(None, description="with quantity law_gap: of which law; precision against baseline")
    action: str | None = Field(
        None, description="with quantity price: the action, or its stem where format completes it"
    )
    format: str | None = Field(None, description="with quantity price: the action's format")


class Column(Options):
    """A column of a published table."""

    label: str = Field(min_length=1, description="heading")


class Row(Options):
    """A row of a published table: one printed cell per column, null where nothing is printed."""

    label: str = Field(min_length=1, description="heading")
    printed: list[float | int | None] = Field(description="cells as printed")
    relation: Literal["=", ">", ">=", "<="] = Field(
        "=", description="what a claim says of its figure: equal, more than, at least, up to"
    )
    source: str | None = Field(None, description="a key of sources where it is not the table's")
    why: str = Field("", description="in a table that is compared: why the figures differ as they do")


class ExceptionalCell(Input):
    """A cell with a tolerance of its own, and why."""

    row: str = Field(description="label of the row")
    column: str = Field(description="label of the column")
    tolerance: float = Field(gt=0, description="absolute, in the table's unit")
    why: str = Field(min_length=10, description="reason")


class PrintedTable(Input):
    """One published table."""

    title: str = Field(min_length=2, description="caption")
    source: str | None = Field(None, description="a key of sources where it is not the study's")
    unit: Unit = Field(description="unit of the printed cells")
    decimals: int | None = Field(None, ge=0, le=9, description="digits printed after the point")
    ratio: bool = Field(False, description="cells are the baseline's figure divided by the precision's")
    claims: bool = Field(False, description="cells are claims to be judged, not figures to be met")
    compared: bool = Field(
        False, description="cells are of runs that no model is held to: put beside the modelled ones, with their ratio"
    )
    tolerance: float | None = Field(
        None, ge=0, description="absolute, in the unit; default: half a unit of the last digit"
    )
    relative: float | None = Field(None, gt=0, le=1, description="tolerance as a share of the printed cell")
    why: str = Field("", description="reason for a tolerance wider than the print")
    options: Options = Field(default_factory=Options, description="for every cell")
    columns: list[Column] = Field(min_length=1, description="columns")
    rows: list[Row] = Field(min_length=1, description="rows")
    exceptions: list[ExceptionalCell] = Field(default_factory=list, description="cells with a tolerance of their own")

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        for row in self.rows:
            if len(row.printed) != len(self.columns):
                raise ValueError(f"row {row.label!r} has {len(row.printed)} cells for {len(self.columns)} columns")
        if self.compared and any(cell is not None and cell <= 0 for row in self.rows for cell in row.printed):
            raise ValueError(f"table {self.title!r}: is compared by ratios, so that its cells have to be above 0")
        bounds = (self.tolerance, self.relative, self.decimals)
        if not (self.claims or self.compared) and bounds == (None, None, None):
            raise ValueError(f"table {self.title!r}: give decimals or a tolerance")
        if self.relative is not None and not self.why:
            raise ValueError(f"table {self.title!r}: a relative tolerance needs its reason in 'why'")
        half_digit = 0.5 * 10.0**-self.decimals if self.decimals is not None else 0.0
        if self.tolerance is not None and self.tolerance > half_digit and not self.why:
            raise ValueError(f"table {self.title!r}: a tolerance wider than the print needs its reason in 'why'")
        rows, columns = {r.label for r in self.rows}, {c.label for c in self.columns}
        for exception in self.exceptions:
            if exception.row not in rows or exception.column not in columns:
                raise ValueError(f"exceptions: there is no cell {exception.row!r}, {exception.column!r}")
        return self


class Study(Input):
    """A public table or claim, reproduced."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60, description="catalogue id")
    title: str = Field(min_length=2, description="in words")
    source: str = Field(min_length=1, description="a key of sources")
    sources: dict[str, Source] = Field(min_length=1, description="where the table was printed")
    options: Options = Field(default_factory=Options, description="for every cell")
    tables: list[PrintedTable] = Field(min_length=1, description="the tables")
    shapes: list[Architecture] = Field(
        default_factory=list, description="models that tables about training name and the catalogue does not have"
    )
    findings: list[str] = Field(default_factory=list, description="what the comparison teaches")

    @model_validator(mode="after")
    def _cited(self) -> Self:
        used = {"source": self.source}
        for i, table in enumerate(self.tables):
            of_rows = {f"tables.{i}.rows.{j}.source": row.source for j, row in enumerate(table.rows)}
            used |= {place: key for place, key in ({f"tables.{i}.source": table.source} | of_rows).items() if key}
        check_sources(self.sources, used)
        return self

    @property
    def cited(self) -> tuple[str, ...]:
        """Keys of the sources of study, tables and rows, in the order of their first use."""
        keys = [self.source]
        for table in self.tables:
            keys += [key for key in (table.source, *(row.source for row in table.rows)) if key]
        return tuple(dict.fromkeys(keys))
