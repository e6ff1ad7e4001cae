"""The chart of a sweep: its points, a line for each series, and those that none beats."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.errors import BitnetCostError, suggested
from bitnet_cost.front import pareto
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.numerals import prefix_of, significant, with_commas
from bitnet_cost.readers import catalog
from bitnet_cost.registry import unit_shown, words_of
from bitnet_cost.studies.sweep import AXES, WORDS
from bitnet_cost.studies.varied import unit_of
from bitnet_cost.tables import Column, Report, Table
from bitnet_cost.told import Array
from bitnet_cost.views import figures
from bitnet_cost.views.charts import Chart
from bitnet_cost.views.columns import parquet
from bitnet_cost.views.figures import Drawing, Label, Layout, Look, log_axis, plain, trace
from bitnet_cost.views.page import Page, how_to_reproduce, one_chart

MOST_BYTES = 50_000_000  # of a CSV file
MOST_CELLS = 20_000_000  # of a Parquet file: rows times columns
MOST_DRAWN = 5_000  # drawn; the front is always of all rows
MOST_ROWS = 500  # of the table
MOST_MARKED = 30  # points of a front with a ring around each
MOST_GROUPS = 7  # with a look of their own
MOST_LINES = 60  # drawn; of more the points alone
MANY_POINTS = 50  # points of one look, beyond which they are small
SERIES = ("precision", "hardware", "model", "scope", "devices")  # what sets the colour: the first that differs
ACROSS = ("tokens_per_s", "latency_s", "footprint_bytes")  # drawn where nothing else is asked for: the first known
UPWARD = ("energy_per_token_j", "energy_j", "footprint_bytes", "latency_s")
OF_WHOLE_RUN = ("latency_s", "energy_j", "footprint_bytes", "prefill_s", "decode_s")  # larger for a larger workload
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
    """The chart of a file as a page.

    Raises:
        BitnetCostError: see `read_sweep` and `draw`.
    """
    columns, inputs = read_sweep(file)
    drawn = draw(columns, inputs, (x, y), colour, f"{file}: ")
    document = {"schema": "bitnet-cost/plot-1", "rows": drawn.rows}
    report = Report(drawn.title, f"{drawn.finding}.", ())
    return Page(report, (drawn.chart,), document, drawn.rows, how_to_reproduce(command))


class DrawnSweep(NamedTuple):
    """The chart of a sweep, and the rows that its heading speaks of."""

    title: str
    finding: str
    words: str  # the finding, and how to read the figure
    figure: Drawing
    chart: Chart
    rows: list[dict[str, Any]]


class DrawnColumn(NamedTuple):
    """A column of figures that is drawn, with the prefix that reads best."""

    name: str
    values: Array  # as they are in the file
    goal: str  # min or max; of an input that no one asked to be small or large: empty
    unit: str  # with its prefix
    scale: float  # values over this are in that unit
    logarithmic: bool  # as they span so much

    @property
    def small(self) -> Array:
        """The values, less being better."""
        return -self.values if self.goal == "max" else self.values

    @property
    def words(self) -> str:
        """What sentences call it."""
        return METRICS[self.name].words if self.name in METRICS else words_of(self.name, unit_of(self.name))

    @property
    def title(self) -> str:
        """In words, and the unit."""
        return f"{self.words}, {self.unit}" if self.unit else self.words

    @property
    def goal_text(self) -> str:
        """Which way is better."""
        return f"{'most' if self.goal == 'max' else 'least'} {self.words}"

    def short(self, row: int) -> str:
        """A value in the unit."""
        return significant(float(self.values[row]), self.scale, 4)

    def value_text(self, row: int) -> str:
        """A value with its unit; one without a unit is a count of what the column names."""
        each = " a token" if self.name in METRICS and METRICS[self.name].unit == "J/token" else ""
        return f"{self.short(row)} {self.unit or self.words}{each}"

    def at(self, row: int) -> float:
        """A value in the unit."""
        return float(self.values[row]) / self.scale

    def values_of(self, rows: Any) -> list[float]:
        """Some values in the unit."""
        found: list[float] = (self.values[rows] / self.scale).tolist()
        return found

    def axis(self, rows: Any) -> figures.Axis:
        """The axis that some values are drawn on."""
        return log_axis(self.title, self.values_of(rows)) if self.logarithmic else figures.Axis(self.title)


def draw(
    columns: dict[str, list[Any]], inputs: dict[str, Any], axes: tuple[str | None, str | None] = (None, None),
    colour: str | None = None, file: str = "",
) -> DrawnSweep:  # fmt: skip
    """The points of a sweep between two columns, a line for each series; ``file`` begins the messages.

    Axes that are left open are the objectives of the sweep, else energy a token over tokens per second, else what the
    rows have of energy, time and memory. Batch, lengths and devices are objectives only where the sweep says so.

    Raises:
        BitnetCostError: a column that is not there or holds no figures, or no row to draw.
    """
    objectives = _objectives(inputs)
    asked = [name for name in objectives if name in columns]
    x, y = axes
    x = x or next((n for n in (*asked, *ACROSS) if n != y and _has_figures(columns, n)), None)
    y = y or next((n for n in (*asked, *UPWARD) if n != x and _has_figures(columns, n)), None)
    if x is None or y is None:
        raise BitnetCostError(f"{file}name two columns with --x and --y; there are {', '.join(columns)}")
    across, up = (_axis(file, columns, name, objectives, inputs) for name in (x, y))
    known = np.flatnonzero(~(np.isnan(across.values) | np.isnan(up.values)))
    if not len(known):
        raise BitnetCostError(f"{file}no row has both {x} and {y}")
    colour = colour or _series(columns, x, y)
    if colour is not None and colour not in columns:
        raise _no_column(file, colour, columns)
    if across.goal and up.goal:
        best = pareto(np.column_stack([across.small, up.small]))
    else:
        goal = up if up.goal else across
        best = known[[int(np.argmin(goal.small[known]))]]
    best = best[np.argsort(across.values[best], kind="stable")]
    shown = np.union1d(known[:: -(-len(known) // MOST_DRAWN)], best) if len(known) > MOST_DRAWN else known
    return _drawn(columns, across, up, best, shown, colour)


def _has_figures(columns: dict[str, list[Any]], name: str) -> bool:
    missing = (None, "")
    return any(v not in missing and not (isinstance(v, float) and math.isnan(v)) for v in columns.get(name, ()))


def inputs_in(columns: Iterable[str]) -> list[str]:
    """The columns that say what was evaluated: names, workload, and varied figures by their path."""
    return [name for name in columns if name in (*WORDS[:-1], *AXES) or "." in name]


def _axis(
    file: str, columns: dict[str, list[Any]], name: str, objectives: dict[str, str], inputs: dict[str, Any]
) -> DrawnColumn:
    values = _figures(file, columns, name)
    listed = inputs.get("units")
    unit = listed.get(name) if isinstance(listed, dict) else None
    unit, scale = unit_shown(unit if isinstance(unit, str) else unit_of(name))
    finite = values[np.isfinite(values)]
    prefix, step = prefix_of(float(np.abs(finite).max()) / scale) if unit in _PREFIXED and len(finite) else ("", 1.0)
    positive = finite[finite > 0]
    span = float(positive.max()) / float(positive.min()) if len(positive) == len(finite) > 0 else 1.0
    better = METRICS[name].better if name in METRICS else "less"
    usual = "" if name in AXES else "max" if better == "more" else "min"
    return DrawnColumn(
        name, values, objectives.get(name, usual), prefix + unit, scale * step, span > (30 if unit == "B" else 4)
    )


def _objectives(inputs: dict[str, Any]) -> dict[str, str]:
    """Goal by column, of the sweep that wrote the file."""
    spec = inputs.get("spec")
    listed = spec.get("objectives") if isinstance(spec, dict) else None
    pairs = [
        (o.get("column"), o.get("goal")) for o in (listed if isinstance(listed, list) else ()) if isinstance(o, dict)
    ]
    return {column: goal for column, goal in pairs if isinstance(column, str) and isinstance(goal, str)}


def _drawn(
    columns: dict[str, list[Any]], across: DrawnColumn, up: DrawnColumn, best: Any, shown: Any, colour: str | None
) -> DrawnSweep:
    """The chart of the rows ``shown``, those of ``best`` with a ring."""
    named = inputs_in(columns)
    varied = [n for n in named if len(set(map(str, columns[n]))) > 1]

    def trace_of(name: str, rows: Sequence[int | None], look: Look) -> tuple[Look, dict[str, Any]]:
        words = ["" if i is None else plain("\n".join(f"{n}: {columns[n][i]}" for n in varied)) for i in rows]
        x, y = ([None if i is None else axis.at(i) for i in rows] for axis in (across, up))
        return trace(look._replace(worded=bool(varied)), name, x, y, words)

    groups = _groups(columns, shown, best, colour)
    along = _running(columns, varied, across.name, up.name)
    apart = [n for n in varied if n != along]
    lines = {name: _lines(columns, rows, apart, along) for name, rows in groups.items()}
    every = sum(map(len, lines.values()))
    joined = along is not None and every <= MOST_LINES
    named_lines = joined and every <= MOST_GROUPS and len(shown) > every
    looks = _family_looks(groups) if colour == "precision" else {}
    many = max(map(len, groups.values())) > MANY_POINTS
    sign = Look("scatter", 0, "lines+markers" if joined else "markers", size=6 if many else 9)
    sign = sign._replace(opacity=0.65 if many else 1.0)
    traces, labels = [], []
    second = next((n for n in apart if n in WORDS and n != colour), "")  # told apart by dashes
    kinds = list(dict.fromkeys(str(v) for v in columns.get(second, ())))
    dashes = dict(zip(kinds, figures.DASHES, strict=False)) if len(kinds) <= len(figures.DASHES) else {}
    for number, (name, mine) in enumerate(groups.items()):
        own = sign._replace(number=number, listed=not named_lines)
        if name in looks:
            own = own._replace(colour=looks[name][0], sign=looks[name][1], dash="solid")
        parts: dict[str, list[int | None]] = {}
        for line in lines[name] if joined else [mine]:
            part = parts.setdefault(dashes.get(str(columns[second][line[0]]), "") if joined and second else "", [])
            part += [*([None] * bool(part)), *line]
        for dash, part in parts.items():
            traces.append(trace_of(name, part, own._replace(dash=dash or own.dash)))
            own = own._replace(listed=False)
        for line in lines[name] if named_lines else ():
            end = line[-1]
            words = " ".join(name if n == colour else str(columns[n][end]) for n in apart)
            text = f"{looks[name][0]}t" if name in looks else "ink"
            labels.append(Label(across.at(end), up.at(end), words or name, text))
    both = bool(across.goal and up.goal)
    ring = Look("scatter", None, "markers", size=15, sign="circle-open", listed=not named_lines)
    if both:
        step: figures.LineStep = "vh" if across.goal == "max" else "hv"
        ring = ring._replace(mode="lines+markers" if len(best) <= MOST_MARKED else "lines", step=step)
    traces.append(trace_of("unbeaten" if both else "best", best.tolist(), ring))
    longest = max((len(label.text) for label in labels), default=0)
    layout = Layout(across.axis(shown), up.axis(shown), even=True, right=min(18 + 7 * longest, 200))
    figure = Drawing(layout, tuple(traces), labels=tuple(labels))
    finding = _finding(across, up, best, _where(columns, varied, best[0]) if varied and len(best) else "")
    rows = [
        {n: str(columns[n][i]) for n in named} | {a.name: float(a.values[i]) for a in (across, up)}
        for i in best.tolist()
    ]
    chart = _chart(columns, across, up, best, len(shown), figure)
    lines_read = ""
    if joined and dashes and second:
        lines_read = f" Lines: {', '.join(f'{kind} {dash}' for kind, dash in dashes.items())}."
        chart = replace(chart, note=chart.note + lines_read)
    alike = _alike(columns, varied)
    words = f"{finding} (ringed).{lines_read}{f' All: {alike}.' if alike else ''}"
    return DrawnSweep(f"{up.words[:1].upper()}{up.words[1:]} over {across.words}", finding, words, figure, chart, rows)


def _finding(across: DrawnColumn, up: DrawnColumn, best: Any, where: str) -> str:
    """Which rows are best, in a sentence; ``where`` the first of them is, if they differ."""
    if across.goal and up.goal:
        settings = f"{with_commas(len(across.values))} settings"
        how_many = f"One of {settings} is" if len(best) == 1 else f"{with_commas(len(best))} of {settings} are"
        return f"{how_many} unbeaten in {across.words} and {up.words}{f': {where}' if len(best) == 1 and where else ''}"
    goal = up if up.goal else across
    return f"{goal.goal_text.capitalize()}: {goal.value_text(best[0])}{f' at {where}' if where else ''}"


def _alike(columns: dict[str, list[Any]], varied: Sequence[str]) -> str:
    """The inputs that all rows share."""
    same = [n for n in inputs_in(columns) if n not in varied and columns[n][0] not in (None, "")]
    return ", ".join(f"{n} {columns[n][0]}" for n in same)


def _where(columns: dict[str, list[Any]], varied: Sequence[str], row: int) -> str:
    """At which of the inputs that differ."""
    return ", ".join(f"{'' if name in WORDS else f'{name} '}{columns[name][row]}" for name in varied)


def _chart(
    columns: dict[str, list[Any]], across: DrawnColumn, up: DrawnColumn, best: Any, shown: int, figure: Drawing
) -> Chart:  # fmt: skip
    """Which rows are best, with the inputs that differ."""
    named = inputs_in(columns)
    varied = [n for n in named if len(set(map(str, columns[n]))) > 1]
    alike = _alike(columns, varied)
    words = [n for n in varied if n in WORDS]
    heads = [*(Column(n, figures=n not in words) for n in varied), Column(across.title), Column(up.title)]
    body = [(*(str(columns[n][i]) for n in varied), across.short(i), up.short(i)) for i in best[:MOST_ROWS]]
    ends = [f"{across.value_text(i)} and {up.value_text(i)}" for i in (best[0], best[-1])]
    if across.goal and up.goal:
        note = f"Unbeaten ({across.goal_text}, {up.goal_text}): none is as good in both and better in one."
        heading = f"From {ends[0]} to {ends[1]}" if len(best) > 1 else f"Best in both: {ends[0]}"
        lengths = {"prompt", "generate"} | ({"batch"} if {across.name, up.name} & set(OF_WHOLE_RUN) else set())
        if lengths & set(varied):
            note += " Workloads differ: a smaller one needs less, which does not make it the better setting."
    else:
        note, heading = "A batch, a length or a number of devices is an input: less of it is not better.", ends[0]
    note += f" {with_commas(shown)} points are drawn." if shown < len(across.values) else ""
    note += f" The table has the first {MOST_ROWS}." if len(best) > MOST_ROWS else ""
    title = f"By {across.words}{f'; all: {alike}' if alike else ''}"
    table = Table(title, tuple(heads), tuple(body))
    return one_chart("front", "Which settings are best?", heading, table, figure, note)


def _groups(columns: dict[str, list[Any]], shown: Any, best: Any, colour: str | None) -> dict[str, list[int]]:
    """Rows by the column that sets the colour, figures in their order; what is beyond `MOST_GROUPS` together.

    Those with the best rows are named first.
    """
    if colour is None:
        return {"settings": shown.tolist()}
    found: dict[str, list[int]] = {}
    for i in shown.tolist():
        found.setdefault(str(columns[colour][i]), []).append(i)
    winners = {str(columns[colour][i]) for i in best.tolist()}
    names = sorted(found, key=lambda name: (name not in winners, -len(found[name])))[: MOST_GROUPS - 1]
    names = list(found) if len(found) <= MOST_GROUPS else names
    try:
        names.sort(key=float)
    except ValueError:
        names.sort()
    rest = [i for name in found if name not in names for i in found[name]]
    what = "" if colour in WORDS else f"{colour} "
    groups = {f"{what}{name}": found[name] for name in names}
    return groups | ({f"{len(found) - len(names)} others": rest} if rest else {})


def _series(columns: dict[str, list[Any]], *drawn: str) -> str | None:
    """What sets the colour: the first name that differs, else an input of few values that no line runs along."""
    counts = {n: len(set(map(str, columns[n]))) for n in inputs_in(columns)}
    varied = [n for n, count in counts.items() if count > 1]
    along = _running(columns, varied, *drawn)
    few = [n for n in varied if n != along and n not in drawn and counts[n] <= MOST_GROUPS]
    return next((n for n in (*SERIES, *few) if n in varied and n not in drawn), None)


def running_input(columns: dict[str, list[Any]]) -> str:
    """The input of the workload that takes most values."""
    return max(AXES, key=lambda name: len(set(columns[name])))


def _running(columns: dict[str, list[Any]], varied: Sequence[str], *drawn: str) -> str | None:
    """The input of numbers that lines run along: one that is drawn, else the one of most values."""
    numbers = [n for n in varied if n not in WORDS]
    along = [n for n in numbers if n in drawn] or sorted(numbers, key=lambda n: -len(set(columns[n])))
    return along[0] if along else None


def _family_looks(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and shape of the precisions that the catalogue knows; those of a file keep a number's."""
    found = []
    for name in names:
        with suppress(BitnetCostError):
            found.append(catalog.precision(name))
    return figures.family_looks(sorted(found, key=lambda p: -p.linear.weights.bits))


def _number(value: Any) -> float:
    """A figure of a file, which may hold anything; words come last."""
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return math.inf


def _lines(columns: dict[str, list[Any]], rows: list[int], apart: Sequence[str], along: str | None) -> list[list[int]]:
    """Rows of a group by line: in a line all inputs but one are the same, and it runs along that one."""
    lines: dict[tuple[str, ...], list[int]] = {}
    for i in rows:
        lines.setdefault(tuple(str(columns[n][i]) for n in apart), []).append(i)
    if along is not None:
        for line in lines.values():
            line.sort(key=lambda i: _number(columns[along][i]))
    return list(lines.values())


def _figures(file: str, columns: dict[str, list[Any]], name: str) -> Array:
    if name not in columns:
        raise _no_column(file, name, columns)
    try:
        found = np.array([np.nan if v in (None, "") else float(v) for v in columns[name]])
        return np.where(np.isfinite(found), found, np.nan)
    except (TypeError, ValueError, OverflowError):
        raise BitnetCostError(f"{file}{name} holds no figures") from None


def _no_column(file: str, name: str, columns: dict[str, list[Any]]) -> BitnetCostError:
    return BitnetCostError(f"{file}has no column {name!r}{suggested(name, columns)}")
