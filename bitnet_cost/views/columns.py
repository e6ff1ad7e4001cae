"""Columns to files: Parquet with units and inputs in its metadata, or CSV."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import IO, Any, Protocol

import numpy as np

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.views.parquet_joined import JoinedFile

Kinds = Mapping[str, str]  # column -> word, whole, bool or figure
ROWS = 1 << 18  # of one row group
NO_PYARROW = "Parquet needs pyarrow: pip install pyarrow (the extra bitnet-cost[parquet]), or write a .csv file"


def parquet() -> Any:
    """The module that writes Parquet.

    Raises:
        BitnetCostError: it is not installed.
    """
    try:
        import pyarrow.parquet as found
    except ImportError:
        raise BitnetCostError(NO_PYARROW) from None
    return found


def schema_of(kinds: Kinds, units: Mapping[str, str], inputs: Mapping[str, Any]) -> Any:
    """The Parquet schema: a type and a unit for each column, everything that went in as JSON under ``bitnet-cost``."""
    parquet()
    import pyarrow as pa

    types = {
        "word": pa.dictionary(pa.int32(), pa.string()), "whole": pa.int64(), "bool": pa.bool_(), "figure": pa.float64(),
    }  # fmt: skip
    fields = [
        pa.field(name, types[kind], metadata={"unit": units[name]} if name in units else None)
        for name, kind in kinds.items()
    ]
    return pa.schema(fields, metadata={"bitnet-cost": as_metadata(inputs)})


def as_metadata(inputs: Mapping[str, Any]) -> str:
    """Everything that went into a file, as the text that the file holds."""
    return json.dumps(inputs, default=str)


def arrow_table(schema: Any, kinds: Kinds, columns: Mapping[str, Any], rows: int) -> Any:
    """Columns as an Arrow table; NaN is null."""
    import pyarrow as pa

    arrays = []
    for field in schema:
        values = columns[field.name]
        kind = kinds[field.name]
        if kind == "word":
            arrays.append(_words(pa, values, rows))
        elif values is None or not isinstance(values, np.ndarray):
            arrays.append(pa.repeat(pa.scalar(values, type=field.type), rows))
        elif kind == "whole":
            none = np.isnan(values)
            arrays.append(pa.array(np.where(none, 0, values).astype(np.int64), type=field.type, mask=none))
        elif kind == "figure" and (none := np.isnan(values)).any():
            arrays.append(pa.array(values, type=field.type, mask=none))
        else:
            arrays.append(pa.array(values, type=field.type))  # without a copy
    return pa.Table.from_arrays(arrays, schema=schema)


def _words(pa: Any, values: Any, rows: int) -> Any:
    if isinstance(values, np.ndarray):
        return pa.array(values, type=pa.string()).dictionary_encode()
    codes = pa.array(np.zeros(rows, dtype=np.int32), mask=np.full(rows, values is None))
    return pa.DictionaryArray.from_arrays(codes, pa.array(["" if values is None else values]))


def parquet_options(kinds: Kinds) -> dict[str, Any]:
    """How columns are encoded: few values by dictionary, figures by like bytes, which compress better."""
    few = [name for name, kind in kinds.items() if kind in ("word", "whole") or name.endswith("_bytes")]
    split = [name for name, kind in kinds.items() if kind == "figure" and name not in few]
    return {
        "use_dictionary": few,
        "use_byte_stream_split": split,
        "compression": "zstd",
        "compression_level": 1,
        "write_statistics": True,
    }


class Writer(Protocol):
    """Takes the rows of a sweep, in order."""

    def write(self, columns: Mapping[str, Any], rows: int) -> None:
        """Append rows."""

    def add(self, encoded: bytes) -> None:
        """Append rows that are encoded: what `close` of a writer without a path gives."""

    def close(self) -> bytes:
        """Finish the file; of one without a path, what is in it."""


class ParquetWriter:
    """Rows into one Parquet file, or into memory, without metadata there."""

    def __init__(self, path: str | None, kinds: Kinds, units: Mapping[str, str], inputs: Mapping[str, Any]) -> None:
        self._kinds = kinds
        self._schema = schema_of(kinds, units, inputs)
        empty = arrow_table(self._schema, kinds, dict.fromkeys(kinds), 0)
        self._file = None if path is None else JoinedFile(path, self._encoded(empty))
        self._waiting: list[Any] = []  # small tables, until they fill a row group
        self._rows = 0

    def _encoded(self, table: Any) -> bytes:
        stream = io.BytesIO()
        parquet().write_table(table, stream, row_group_size=ROWS, **parquet_options(self._kinds))
        return stream.getvalue()

    def write(self, columns: Mapping[str, Any], rows: int) -> None:
        """Append rows."""
        if rows:
            table = arrow_table(self._schema, self._kinds, columns, rows)
            self._waiting.append(table.replace_schema_metadata())
            self._rows += rows
        if self._file is not None and (self._rows >= ROWS or len(self._waiting) >= 1000):
            self._file.add(self._taken())

    def add(self, encoded: bytes) -> None:
        """Append rows of a writer in memory."""
        if self._file is not None:
            if self._waiting:
                self._file.add(self._taken())
            self._file.add(encoded)

    def _taken(self) -> bytes:
        """What waits, encoded."""
        import pyarrow as pa

        table = pa.concat_tables(self._waiting).unify_dictionaries()
        self._waiting, self._rows = [], 0
        return self._encoded(table)

    def close(self) -> bytes:
        """Write what waits, and the footer; what a writer in memory holds."""
        if self._file is None:
            return self._taken() if self._waiting else b""
        try:
            if self._waiting:
                self._file.add(self._taken())
        finally:
            self._file.close()
        return b""


class CsvWriter:
    """Rows into one CSV file, or into memory: shortest digits that give the same float back, null as an empty cell."""

    def __init__(self, path: str | None, kinds: Kinds) -> None:
        self._kinds = kinds
        self._stream: IO[bytes] = io.BytesIO() if path is None else open(path, "wb")  # noqa: SIM115  # closed by close
        if path is not None:
            self._stream.write((",".join(kinds) + "\n").encode())

    def write(self, columns: Mapping[str, Any], rows: int) -> None:
        """Append rows."""
        cells = [_cells(columns[name], rows, kind) for name, kind in self._kinds.items()]
        self.add("".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode())

    def add(self, encoded: bytes) -> None:
        """Append lines."""
        self._stream.write(encoded)

    def close(self) -> bytes:
        """Flush and close; what a writer in memory holds."""
        found = self._stream.getvalue() if isinstance(self._stream, io.BytesIO) else b""
        self._stream.close()
        return found


def _cells(values: Any, rows: int, kind: str) -> Sequence[str]:
    if not isinstance(values, np.ndarray):
        return [_cell(values)] * rows
    if kind == "whole":
        none = np.isnan(values)
        cells = list(map(str, np.where(none, 0, values).astype(np.int64).tolist()))
        return ["" if no else text for no, text in zip(none.tolist(), cells, strict=True)] if none.any() else cells
    return list(map(_cell, values.tolist()))


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and any(c in value for c in ',"\n\r'):
        return '"' + value.replace('"', '""') + '"'
    return str(value)
