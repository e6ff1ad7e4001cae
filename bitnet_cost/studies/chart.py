"""The chart of a sweep: its points, and their front by two objectives, as one HTML file."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from bitnet_cost.errors import BitnetCostError, nearest
from bitnet_cost.front import pareto
from bitnet_cost.inputs.workload import Array
from bitnet_cost.views.columns import parquet

MOST_BYTES = 50_000_000  # of a CSV file
MOST_CELLS = 20_000_000  # of a Parquet file: rows times columns
MOST_POINTS = 20_000  # drawn; the front is always of all rows
LARGER_IS_BETTER = ("tokens_per_s",)


def read(file: str) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Columns of a sweep's file, and everything that went in (empty for CSV).

    Raises:
        BitnetCostError: no such file, or none that a sweep wrote.
    """
    path = Path(file)
    if not os.path.isfile(path):
        raise BitnetCostError(f"{file}: {'is not a regular file' if os.path.exists(path) else 'no such file'}")
    if path.suffix.lower() == ".csv":
        if os.path.getsize(path) > MOST_BYTES:
            most = f"at most {MOST_BYTES / 1e6:.0f} MB of CSV are drawn"
            raise BitnetCostError(f"{file}: {most}; keep the front with --pareto, or write Parquet")
        try:
            with path.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.reader(stream))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise BitnetCostError(f"{file}: cannot be read as CSV ({error})") from None
        if not rows or any(len(row) != len(rows[0]) for row in rows):
            raise BitnetCostError(f"{file}: is no CSV with one heading for each column")
        return {name: list(values) for name, values in zip(rows[0], zip(*rows[1:], strict=True), strict=False)}, {}
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
        raise ValueError(f"{cells:,} cells; at most {MOST_CELLS:,} are drawn")
    return stored.read()


def html(file: str, x: str | None = None, y: str | None = None, colour: str | None = None) -> str:
    """The chart as an HTML document that needs no network.

    Raises:
        BitnetCostError: see `read`; a column that is not there or holds no figures, or no row to draw.
    """
    columns, inputs = read(file)
    objectives = _objectives(inputs)
    asked = [name for name in objectives if name in columns]
    default = [*asked, *(n for n in ("latency_s", "energy_j", "footprint_bytes") if n in columns and n not in asked)]
    x = x or next((n for n in default if n != y), None)
    y = y or next((n for n in default if n != x), None)
    if x is None or y is None:
        raise BitnetCostError(f"{file}: name two columns with --x and --y; there are {', '.join(columns)}")
    across, up = _figures(file, columns, x), _figures(file, columns, y)
    signs = [-1.0 if objectives.get(n, "max" if n in LARGER_IS_BETTER else "min") == "max" else 1.0 for n in (x, y)]
    front = pareto(np.column_stack([across * signs[0], up * signs[1]]))
    shown = np.flatnonzero(~(np.isnan(across) | np.isnan(up)))
    if not len(shown):
        raise BitnetCostError(f"{file}: no row has both {x} and {y}")
    if len(shown) > MOST_POINTS:
        shown = np.union1d(shown[:: -(-len(shown) // MOST_POINTS)], front)
    names = ("model", "hardware", "runtime", "precision", "devices", "batch", "prompt", "generate")
    named = [n for n in names if n in columns]
    colour = colour or next((n for n in ("precision", "hardware", "model") if len(set(columns.get(n, ()))) > 1), None)
    if colour is not None and colour not in columns:
        raise _no_column(file, colour, columns)
    return _document(columns, across, up, front, shown, (x, y), colour, named, inputs)


def _objectives(inputs: dict[str, Any]) -> dict[str, str]:
    """Goal by column, of the sweep that wrote the file."""
    spec = inputs.get("spec")
    listed = spec.get("objectives") if isinstance(spec, dict) else None
    pairs = [
        (o.get("column"), o.get("goal")) for o in (listed if isinstance(listed, list) else ()) if isinstance(o, dict)
    ]
    return {column: goal for column, goal in pairs if isinstance(column, str) and isinstance(goal, str)}


def _document(
    columns: dict[str, list[Any]], across: Array, up: Array, front: Any, shown: Any, axes: tuple[str, str],
    colour: str | None, named: list[str], inputs: dict[str, Any],
) -> str:  # fmt: skip
    import plotly.graph_objects as go

    def text(rows: Any) -> list[str]:
        return ["<br>".join(f"{n}: {columns[n][i]}" for n in named) for i in rows]

    figure = go.Figure()
    groups = sorted({str(columns[colour][i]) for i in shown}) if colour else [""]
    for group in groups[:40]:
        rows = [i for i in shown if not colour or str(columns[colour][i]) == group]
        figure.add_trace(
            go.Scattergl(
                x=across[rows], y=up[rows], mode="markers", name=group or "points", text=text(rows),
                marker={"size": 5, "opacity": 0.6},
            )
        )  # fmt: skip
    rows = front[np.argsort(across[front], kind="stable")]
    figure.add_trace(
        go.Scatter(
            x=across[rows], y=up[rows], mode="lines+markers", name="front", text=text(rows),
            line={"shape": "hv", "color": "black"}, marker={"size": 7, "color": "black"},
        )
    )  # fmt: skip
    found = inputs.get("units")
    units = found if isinstance(found, dict) else {}
    spread = [values[np.isfinite(values) & (values > 0)] for values in (across, up)]
    scales = ["log" if len(v) and v.max() / v.min() > 30 else "linear" for v in spread]
    titles = [f"{name} [{units[name]}]" if units.get(name) else name for name in axes]
    heading = f"{len(rows):,} of {len(columns[axes[0]]):,} points are on the front of {axes[0]} and {axes[1]}"
    figure.update_layout(
        title=heading, xaxis={"title": titles[0], "type": scales[0]}, yaxis={"title": titles[1], "type": scales[1]}
    )
    page: str = figure.to_html(include_plotlyjs=True, full_html=True)
    return page


def _figures(file: str, columns: dict[str, list[Any]], name: str) -> Array:
    if name not in columns:
        raise _no_column(file, name, columns)
    try:
        return np.array([np.nan if v in (None, "") else float(v) for v in columns[name]])
    except (TypeError, ValueError):
        raise BitnetCostError(f"{file}: {name} holds no figures") from None


def _no_column(file: str, name: str, columns: dict[str, list[Any]]) -> BitnetCostError:
    close = nearest(name, columns)
    return BitnetCostError(f"{file}: has no column {name!r}" + (f"; did you mean {close!r}?" if close else ""))
