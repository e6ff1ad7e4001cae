"""Studies: published tables, cell by cell, with what must be evaluated to answer each."""

from typing import Literal, Self

from pydantic import Field, model_validator

from bitnet_cost import questions
from bitnet_cost.inputs.cited import CatalogueName, Input, Source, check_sources
from bitnet_cost.words import Accumulator, AttentionSpan, Counting, Logits, Parallel, Scope

Quantity = Literal[
    "energy", "decode_energy_per_token", "tokens_per_s", "decode_step", "decode_energy", "product_time",
    "product_energy", "energy.mul", "energy.add", "mac_energy", "price", "saving", "ideal_weights", "stored_weights",
    "non_embedding_weights", "footprint", "largest_batch", "parameters", "mac", "quality_gap", "law_gap",
]  # fmt: skip
Unit = Literal["J", "mJ", "pJ", "GB", "%", "x", "1", "T", "1/s", "ms", "us", "points", "nats"]
UNIT_SCALES: dict[str, float] = {
    "J": 1.0, "mJ": 1e-3, "pJ": 1e-12, "GB": 8e9, "%": 0.01, "x": 1.0, "1": 1.0, "T": 1e12, "1/s": 1.0, "ms": 1e-3,
    "us": 1e-6, "points": 1.0, "nats": 1.0,
}  # fmt: skip


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


class Options(Input):
    """What to evaluate. A table's, a column's and a row's options add to the study's, the later ones first."""

    model: CatalogueName | None = Field(None, description="catalogue name or size")
    hardware: CatalogueName | None = Field(None, description="catalogue name")
    precision: CatalogueName | None = Field(None, description="catalogue name")
    baseline: CatalogueName | None = Field(None, description="precision that a saving or ratio refers to")
    scope: Scope | None = Field(None, description=questions.SCOPE.meaning)
    runtime: CatalogueName | None = Field(None, description=questions.RUNTIME.meaning)
    devices: int | None = Field(None, description=questions.DEVICES.meaning)
    parallel: Parallel | None = Field(None, description=questions.PARALLEL.meaning)
    untied: bool | None = Field(None, description="give the LM head a matrix of its own where the model ties it")
    accumulator: Accumulator | None = Field(None, description=questions.ACCUMULATOR.meaning)
    batch: int | None = Field(None, description=questions.BATCH.meaning)
    prompt: int | None = Field(None, description=questions.PROMPT.meaning)
    generate: int | None = Field(None, description=questions.GENERATE.meaning)
    attention: AttentionSpan | None = Field(None, description=questions.ATTENTION.meaning)
    logits: Logits | None = Field(None, description=questions.LOGITS.meaning)
    counting: Counting | None = Field(None, description=questions.COUNTING.meaning)
    quantity: Quantity | None = Field(None, description="what the cell holds")
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
        if not self.claims and self.tolerance is None and self.relative is None and self.decimals is None:
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
    findings: list[str] = Field(default_factory=list, description="what the comparison teaches")

    @model_validator(mode="after")
    def _cited(self) -> Self:
        of_tables = {f"tables.{i}.source": t.source for i, t in enumerate(self.tables) if t.source is not None}
        check_sources(self.sources, {"source": self.source} | of_tables)
        return self
