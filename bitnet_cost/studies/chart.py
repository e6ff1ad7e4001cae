"""The chart of a sweep: its points, and their front by two objectives, as a page."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.errors import BitnetCostError, suggested
from bitnet_cost.front import pareto
from bitnet_cost.numerals import prefix_of, significant, with_commas
from bitnet_cost.studies.sweep import unit_of
from bitnet_cost.tables import Column, Report, Table
from bitnet_cost.told import Array
from bitnet_cost.views import figures
from bitnet_cost.views.charts import Chart
from bitnet_cost.views.columns import parquet
from bitnet_cost.views.figures import Drawing, Layout, Look, log_axis, plain, trace
from bitnet_cost.views.page import Page, how_to_reproduce, one_chart

MOST_BYTES = 50_000_000  # of a CSV file
MOST_CELLS = 20_000_000  # of a Parquet file: rows times columns
MOST_DRAWN = 5_000  # drawn; the front is always of all rows
MOST_ROWS = 500  # of the table
MOST_MARKED = 30  # points of a front with a ring around each
MOST_GROUPS = 7  # with a look of their own
MANY_POINTS = 50  # points of one look, beyond which they are small
LARGER_IS_BETTER = ("tokens_per_s",)
IDENTIFIERS = ("model", "hardware", "runtime", "precision", "devices", "batch", "prompt", "generate")
_WHOLE = ("devices", "batch", "prompt", "generate")
_PREFIXED = ("s", "J", "W", "B", "B/s", "J/bit", "OP/s")


def read_sweep(file: str) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Columns of a sweep's file or folder of parts, and everything that went in (empty for CSV).

    Raises:
        BitnetCostError: no such file, none that a sweep wrote, or one without rows.
    """
    path = Path(file)
    suffix = path.suffix.lower()
    if os.path.isdir(path):
        columns, inputs = _parts(path, file)
    elif not os.path.isfile(path):
        raise BitnetCostError(f"{file}: {'is not a regular file' if os.path.exists(path) else 'no such file'}")
    elif suffix == ".csv":
        columns, inputs = _csv(path, file), {}
    elif suffix == ".parquet":
        columns, inputs = _parquet(path, file)
    else:
        raise BitnetCostError(
            f"{file}: is neither .csv nor .parquet; plot draws what sweep wrote with -o, a folder of its parts as well"
        )
    if not columns or not next(iter(columns.values())):
        raise BitnetCostError(f"{file}: has no rows; the sweep kept none, so there is nothing to draw")
    return columns, inputs


def _parts(folder: Path, file: str) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """All parts of a folder, in their order."""
    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        raise BitnetCostError(f"{file}: is a folder without parts of a sweep (part-000000.parquet ...)")
    columns, inputs = _parquet(parts[0], str(parts[0]))
    for part in parts[1:]:
        more, _ = _parquet(part, str(part))
        if list(more) != list(columns):
            raise BitnetCostError(f"{part}: has different columns from {parts[0].name}; they are of two sweeps")
        if sum(map(len, columns.values())) + sum(map(len, more.values())) > MOST_CELLS:
            most = f"more than {with_commas(MOST_CELLS)} cells; that is the most that can be drawn"
            raise BitnetCostError(f"{file}: {most}")
        for name, values in more.items():
            columns[name] += values
    return columns, inputs


def _csv(path: Path, file: str) -> dict[str, list[Any]]:
    if os.path.getsize(path) > MOST_BYTES:
        most = f"at most {with_commas(MOST_BYTES / 1e6)} MB of CSV are drawn"
        raise BitnetCostError(f"{file}: {most}; keep the front with --pareto, or write Parquet")
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BitnetCostError(f"{file}: cannot be read as CSV ({error})") from None
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise BitnetCostError(f"{file}: is not CSV with one heading for each column")
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])}


def _parquet(path: Path, file: str) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    try:
        table = _table(path)
        metadata = json.loads((table.schema.metadata or {}).get(b"bitnet-cost", b"{}"))
    except (OSError, ValueError, NotImplementedError, RecursionError) as error:  # pyarrow's own derive from these
        reason = (str(error).splitlines() or [""])[0][:200]
        raise BitnetCostError(f"{file}: cannot be read as Parquet ({reason})") from None
    if not isinstance(metadata, dict):
        raise BitnetCostError(f"{file}: its metadata under 'bitnet-cost' are no object")
    return {name: table.column(name).to_pylist() for name in table.column_names}, metadata


def _table(path: Path) -> Any:
    """The rows of a Parquet file; a small file can claim very many."""
    stored = parquet().ParquetFile(path)
    cells = stored.metadata.num_rows * max(1, stored.metadata.num_columns)
    if cells > MOST_CELLS:
        raise ValueError(f"{with_commas(cells)} cells; at most {with_commas(MOST_CELLS)} are drawn")
    return stored.read()


def place_beside(file: str) -> str:
    """The page's file where none is named: that of the sweep with another suffix, and never one that is there.

    Raises:
        BitnetCostError: there is such a file, which may be anything.
    """
    if not Path(file).name:
        raise BitnetCostError(f"{file}: name the page to write with -o FILE.html")
    place = str(Path(file).with_suffix(".html"))
    if os.path.lexists(place):
        raise BitnetCostError(f"{place}: is there already; add -o {place} to replace it, or -o with another name")
    return place


def sweep_page(
    file: str, x: str | None = None, y: str | None = None, colour: str | None = None, command: str = ""
) -> Page:
    """The chart as a page.

    Raises:
        BitnetCostError: see `read_sweep`; a column that is not there or holds no figures, or no row to draw.
    """
    columns, inputs = read_sweep(file)
    objectives = _objectives(inputs)
    asked = [name for name in objectives if name in columns]
    default = [*asked, *(n for n in ("latency_s", "energy_j", "footprint_bytes") if n in columns and n not in asked)]
    x = x or next((n for n in default if n != y), None)
    y = y or next((n for n in default if n != x), None)
    if x is None or y is None:
        raise BitnetCostError(f"{file}: name two columns with --x and --y; there are {', '.join(columns)}")
    across, up = (_axis(file, columns, name, objectives, inputs) for name in (x, y))
    front = pareto(np.column_stack([across.small, up.small]))
    shown = np.flatnonzero(~(np.isnan(across.values) | np.isnan(up.values)))
    if not len(shown):
        raise BitnetCostError(f"{file}: no row has both {x} and {y}")
    if len(shown) > MOST_DRAWN:
        shown = np.union1d(shown[:: -(-len(shown) // MOST_DRAWN)], front)
    colour = colour or next((n for n in ("precision", "hardware", "model") if len(set(columns.get(n, ()))) > 1), None)
    if colour is not None and colour not in columns:
        raise _no_column(file, colour, columns)
    return _document(columns, across, up, front, shown, colour, command)


class DrawnColumn(NamedTuple):
    """A column of figures that is drawn, with the prefix that reads best."""

    name: str
    values: Array  # as they are in the file
    goal: str  # min or max
    unit: str  # with its prefix
    scale: float  # values over this are in that unit
    logarithmic: bool  # as they span so much

    @property
    def small(self) -> Array:
        """The values, less being better."""
        return -self.values if self.goal == "max" else self.values

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    @property
    def goal_text(self) -> str:
        """Which way is better."""
        return f"{'most' if self.goal == 'max' else 'least'} {self.name}"

    def short(self, row: int) -> str:
        """A value in the unit."""
        return significant(float(self.values[row]), self.scale, 4)

    def words(self, row: int) -> str:
        """A value with its unit; one without a unit is a count of what the column names."""
        return f"{self.short(row)} {self.unit or self.name}"

    def values_of(self, rows: Any) -> list[float]:
        """Some values in the unit."""
        found: list[float] = (self.values[rows] / self.scale).tolist()
        return found

    def axis(self, rows: Any) -> figures.Axis:
        """The axis that some values are drawn on."""
        return log_axis(self.title, self.values_of(rows)) if self.logarithmic else figures.Axis(self.title)


def _axis(
    file: str, columns: dict[str, list[Any]], name: str, objectives: dict[str, str], inputs: dict[str, Any]
) -> DrawnColumn:
    values = _figures(file, columns, name)
    listed = inputs.get("units")
    unit = listed.get(name) if isinstance(listed, dict) else None
    unit = unit if isinstance(unit, str) else unit_of(name)
    if unit in ("bit", "bit/s"):  # data sheets count bytes
        unit, scale = unit.replace("bit", "B"), 8.0
    else:
        scale = 1.0
    finite = values[np.isfinite(values)]
    prefix, step = prefix_of(float(np.abs(finite).max()) / scale) if unit in _PREFIXED and len(finite) else ("", 1.0)
    positive = finite[finite > 0]
    wide = len(positive) == len(finite) > 0 and float(positive.max()) > 30 * float(positive.min())
    goal = objectives.get(name, "max" if name in LARGER_IS_BETTER else "min")
    return DrawnColumn(name, values, goal, prefix + unit if unit != "1" else "", scale * step, wide)


def _objectives(inputs: dict[str, Any]) -> dict[str, str]:
    """Goal by column, of the sweep that wrote the file."""
    spec = inputs.get("spec")
    listed = spec.get("objectives") if isinstance(spec, dict) else None
    pairs = [
        (o.get("column"), o.get("goal")) for o in (listed if isinstance(listed, list) else ()) if isinstance(o, dict)
    ]
    return {column: goal for column, goal in pairs if isinstance(column, str) and isinstance(goal, str)}


def _document(
    columns: dict[str, list[Any]], across: DrawnColumn, up: DrawnColumn, front: Any, shown: Any, colour: str | None,
    command: str,
) -> Page:  # fmt: skip
    named = [n for n in IDENTIFIERS if n in columns]

    def trace_of(name: str, rows: Any, look: Look) -> tuple[Look, dict[str, Any]]:
        words = [plain("\n".join(f"{n}: {columns[n][i]}" for n in named)) for i in rows]
        return trace(look._replace(worded=bool(named)), name, across.values_of(rows), up.values_of(rows), words)

    groups = _groups(columns, shown, colour)
    many = max(map(len, groups.values())) > MANY_POINTS
    sign = Look("scatter", 0, "markers", size=6 if many else 9, opacity=0.65 if many else 1.0)
    traces = [trace_of(name, rows, sign._replace(number=number)) for number, (name, rows) in enumerate(groups.items())]
    rows = front[np.argsort(across.values[front], kind="stable")]
    ring = Look(
        "scatter", None, "lines+markers" if len(rows) <= MOST_MARKED else "lines", size=13, sign="circle-open",
        step="vh" if across.goal == "max" else "hv",
    )  # fmt: skip
    traces.append(trace_of("front", rows, ring))
    finding = f"{with_commas(len(rows))} of {with_commas(len(across.values))} points are on the front of"
    finding += f" {across.goal_text} and {up.goal_text}"
    kept = [
        {n: str(columns[n][i]) for n in named} | {a.name: float(a.values[i]) for a in (across, up)}
        for i in rows.tolist()
    ]
    both = np.union1d(shown, rows)
    figure = Drawing(Layout(across.axis(both), up.axis(both)), tuple(traces))
    return Page(
        Report(f"{up.name} over {across.name}", f"{finding}.", ()),
        (_chart(columns, across, up, rows, len(shown), figure),),
        {"schema": "bitnet-cost/plot-1", "rows": kept}, kept,
        how_to_reproduce(command),
    )  # fmt: skip


def _chart(
    columns: dict[str, list[Any]], across: DrawnColumn, up: DrawnColumn, rows: Any, shown: int, figure: Drawing
) -> Chart:  # fmt: skip
    """Where the front runs, and its rows with the names that differ."""
    named = [n for n in IDENTIFIERS if n in columns]
    varied = [n for n in named if len(set(map(str, columns[n]))) > 1]
    alike = ", ".join(f"{n} {columns[n][0]}" for n in named if n not in varied)
    heads = [*(Column(n, figures=n in _WHOLE) for n in varied), Column(across.title), Column(up.title)]
    body = [(*(str(columns[n][i]) for n in varied), across.short(i), up.short(i)) for i in rows[:MOST_ROWS]]
    note = "On the front: no other point is as good in both and better in one."
    note += f" {with_commas(shown)} points are drawn." if shown < len(across.values) else ""
    note += f" The table has the first {MOST_ROWS}." if len(rows) > MOST_ROWS else ""
    table = Table(f"The front, by {across.name}{f'; all: {alike}' if alike else ''}", tuple(heads), tuple(body))
    ends = [f"{across.words(i)} and {up.words(i)}" for i in (rows[0], rows[-1])]
    heading = f"The front runs from {ends[0]} to {ends[1]}" if len(rows) > 1 else f"One is best in both: {ends[0]}"
    return one_chart("front", "Which points are best?", heading, table, figure, note)


def _groups(columns: dict[str, list[Any]], shown: Any, colour: str | None) -> dict[str, list[int]]:
    """Rows by the column that sets the colour, figures in their order; what is beyond `MOST_GROUPS` together."""
    if colour is None:
        return {"points": shown.tolist()}
    found: dict[str, list[int]] = {}
    for i in shown.tolist():
        found.setdefault(str(columns[colour][i]), []).append(i)
    try:
        names = sorted(found, key=float)
    except ValueError:
        names = sorted(found)
    kept = {name: found[name] for name in names[:MOST_GROUPS]}
    rest = [i for name in names[MOST_GROUPS:] for i in found[name]]
    return kept | ({f"{len(names) - MOST_GROUPS} others": rest} if rest else {})


def _figures(file: str, columns: dict[str, list[Any]], name: str) -> Array:
    if name not in columns:
        raise _no_column(file, name, columns)
    try:
        found = np.array([np.nan if v in (None, "") else float(v) for v in columns[name]])
        return np.where(np.isfinite(found), found, np.nan)
    except (TypeError, ValueError, OverflowError):
        raise BitnetCostError(f"{file}: {name} holds no figures") from None


def _no_column(file: str, name: str, columns: dict[str, list[Any]]) -> BitnetCostError:
    return BitnetCostError(f"{file}: has no column {name!r}{suggested(name, columns)}")
