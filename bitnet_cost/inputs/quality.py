"""Published figures of quality: tables of papers and repositories as printed, rows by columns, and every cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args

from pydantic import Field, model_validator

from bitnet_cost.inputs.cited import CatalogueName, Input
from bitnet_cost.words import QualityMetric

Cells = list[float | None]


class Published(NamedTuple):
    """One published figure: a cell, with the cell of the same table that it is compared with."""

    model: str  # as the catalogue calls it, else as the table does
    precision: str | None  # of the catalogue, where bits and groups are the same
    method: str
    metric: QualityMetric
    set: str
    value: float
    baseline_value: float | None
    source: str
    table: str
    seen: str
    conditions: str = ""  # how it was evaluated, which text shows and records leave out

    @property
    def record(self) -> dict[str, Any]:
        """The figure as data, under the names that records have."""
        return dict(zip(self._fields, self[:-1], strict=False))  # the last are the conditions

    @property
    def evaluation(self) -> tuple[str, str, str, str]:
        """What figures share that may be compared: source, table, metric and set."""
        return self.source, self.table, self.metric, self.set

    @property
    def weak(self) -> bool:
        """Whether it is known from memory alone."""
        return self.seen == "memory"

    @property
    def loss(self) -> float | None:
        """What is worse than in the baseline: perplexity risen, or accuracy fallen, in the metric's own unit."""
        if self.baseline_value is None:
            return None
        change = self.value - self.baseline_value
        return change if self.metric == "perplexity" else -change


class QualityTable(Input):
    """One table, in the layout of the paper. A figure is compared with its own table's baseline only."""

    table: str = Field(min_length=1, description="number or name of the table in its source")
    conditions: str = Field(min_length=1, description="how it was evaluated: shots, context length, calibration set")
    columns_are: Literal["models", "methods", "sets"] = Field(
        description="what a column is; rows are then methods, or models, or models with their methods"
    )
    metric: QualityMetric | None = Field(None, description="of all cells, where columns are no sets")
    set: str | None = Field(None, description="what was evaluated in all cells, where columns are no sets")
    columns: list[str] = Field(min_length=1, description="models, methods, or a metric with its set")
    baseline: str | None = Field(None, description="the method that the others are compared with")
    seen: Literal["opened", "second-hand", "memory"] = Field(description="how the cells are known; memory is weak")
    recalled: list[str] = Field([], description="methods whose cells are known from memory, unlike the others")
    rows: dict[str, Cells] | dict[str, dict[str, Cells]] = Field(description="cells as printed; null: none printed")

    @model_validator(mode="after")
    def _check(self) -> QualityTable:
        if (self.columns_are == "sets") == (self.metric is not None or self.set is not None):
            raise ValueError("metric and set are given once, or by each column where columns_are is sets")
        if self.columns_are != "sets" and None in (self.metric, self.set):
            raise ValueError("give the metric and the set of its cells")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns must differ; one is given two times")
        for name, row in self.rows.items():
            if isinstance(row, dict) != (self.columns_are == "sets"):
                raise ValueError(f"row {name!r}: rows hold methods where columns are sets, else cells")
            for cells in row.values() if isinstance(row, dict) else [row]:
                if len(cells) != len(self.columns):
                    raise ValueError(f"row {name!r} has {len(cells)} cells; there are {len(self.columns)} columns")
        if self.columns_are == "sets":
            for column in self.columns:
                if column.partition(" ")[0] not in get_args(QualityMetric) or not column.partition(" ")[2]:
                    raise ValueError(f"column {column!r}: write a metric and its set, as in 'perplexity wikitext2'")
        for method in (*filter(None, [self.baseline]), *self.recalled):
            if method not in self.methods:
                raise ValueError(f"{method!r} is no method of this table")
        for model, method, metric, _, value in self.cells():
            if value < 1 if metric == "perplexity" else not 0 <= value <= 100:
                raise ValueError(f"{value} is no {metric} ({model}, {method})")
        return self

    @property
    def methods(self) -> list[str]:
        """Every method, in the order of the table."""
        if self.columns_are == "methods":
            return self.columns
        inner = [list(row) if isinstance(row, dict) else [name] for name, row in self.rows.items()]
        return list(dict.fromkeys(method for methods in inner for method in methods))

    def cells(self) -> Iterator[tuple[str, str, QualityMetric, str, float]]:
        """Model, method, metric, set and value of each printed cell, row by row."""
        for name, row in self.rows.items():
            for method, cells in row.items() if isinstance(row, dict) else [("", row)]:
                for column, value in zip(self.columns, cells, strict=True):
                    if value is None:
                        continue
                    metric: Any
                    metric, _, evaluated = column.partition(" ")
                    if self.columns_are == "sets":
                        yield name, method, metric, evaluated, value
                    else:
                        model, how = (column, name) if self.columns_are == "models" else (name, column)
                        assert self.metric is not None
                        assert self.set is not None
                        yield model, how, self.metric, self.set, value


class Quality(Input):
    """Tables of one paper or repository."""

    name: str = Field(min_length=1, description="name of the file")
    title: str = Field(min_length=1, description="title of the publication")
    year: int = Field(ge=1900, le=2100, description="year of publication")
    source: str = Field(min_length=1, description="the arXiv number, or the repository, then where in it")
    models: dict[str, CatalogueName] = Field(description="the catalogue's name of a table's model; others have none")
    methods: dict[str, CatalogueName] = Field(
        description="the catalogue's precision of a table's method, where bits and groups are the same"
    )
    tables: dict[str, QualityTable] = Field(min_length=1, description="by a short name")

    @model_validator(mode="after")
    def _check(self) -> Quality:
        cells = [cell for table in self.tables.values() for cell in table.cells()]
        for what, names, at in (("model", self.models, 0), ("method", self.methods, 1)):
            unused = set(names) - {str(cell[at]) for cell in cells}
            if unused:
                raise ValueError(f"no table has the {what} {min(unused)!r}")
        return self

    def figures(self) -> Iterator[Published]:
        """Every printed cell as a figure."""
        for table in self.tables.values():
            cells = list(table.cells())
            base = {(model, *rest): value for model, method, *rest, value in cells if method == table.baseline}
            for model, method, metric, evaluated, value in cells:
                yield Published(
                    self.models.get(model, model), self.methods.get(method), method, metric, evaluated, value,
                    base.get((model, metric, evaluated)), self.source, table.table,
                    "memory" if method in table.recalled else table.seen, table.conditions,
                )  # fmt: skip
