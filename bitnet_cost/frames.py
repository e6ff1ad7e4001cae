"""Columns as a data frame of pandas or polars, whichever is installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal, get_args

import numpy as np

from bitnet_cost.errors import BitnetCostError

Library = Literal["pandas", "polars"]

# A column keeps its type for any content: nothing but missing figures is still a column of figures.
_TYPES: dict[Library, dict[str, str]] = {
    "pandas": {"word": "string", "whole": "int64", "bool": "boolean", "figure": "float64"},
    "polars": {"word": "String", "whole": "Int64", "bool": "Boolean", "figure": "Float64"},
}


def installed(library: Library | None = None) -> tuple[Library, Any]:
    """The library asked for, else pandas, else polars: its name and its module.

    Raises:
        BitnetCostError: an unknown library, or none that is installed.
    """
    if library is not None and library not in get_args(Library):
        raise BitnetCostError(f"library: {library!r} is not known; choose from {', '.join(get_args(Library))}")
    wanted: tuple[Library, ...] = get_args(Library) if library is None else (library,)
    for name in wanted:
        try:
            return name, import_module(name)
        except ImportError:
            continue
    needed = " or ".join(f"pip install {name} (the extra bitnet-cost[{name}])" for name in wanted)
    raise BitnetCostError(f"a data frame needs {' or '.join(wanted)}: {needed}")


def dataframe(columns: Mapping[str, Any], kinds: Mapping[str, str], library: Library | None = None) -> Any:
    """A data frame of columns of one length, lists or arrays; None, and NaN of a figure, is a missing value.

    ``kinds`` gives each column's: ``word`` becomes text, ``whole`` a 64-bit integer (that may be
    missing where one is), ``bool`` a boolean that may be
    missing, any other a 64-bit float.

    Raises:
        BitnetCostError: the library is not installed.
    """
    name, module = installed(library)
    types = {column: _TYPES[name].get(kinds[column], _TYPES[name]["figure"]) for column in columns}
    # arrays of objects hold words, or booleans of which some are missing
    made = {c: v.tolist() if isinstance(v, np.ndarray) and v.dtype.hasobject else v for c, v in columns.items()}
    if name == "pandas":
        for column, values in made.items():
            if types[column] == "int64" and isinstance(values, list) and None in values:
                types[column] = "Int64"  # which may be missing
        return module.DataFrame({c: module.array(values, dtype=types[c]) for c, values in made.items()})
    polars = {c: getattr(module, types[c]) for c in columns}
    return module.DataFrame(
        {c: module.Series(c, values, dtype=polars[c], nan_to_null=True) for c, values in made.items()}
    )
