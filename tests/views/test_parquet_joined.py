"""Row groups joined to one Parquet file: read again as what was written, whoever encoded them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitnet_cost.views import columns
from bitnet_cost.views.parquet_joined import _footer_of, _struct

parquet = pytest.importorskip("pyarrow.parquet")
KINDS = {"model": "word", "batch": "whole", "fits": "bool", "energy_j": "figure", "kv_bytes": "figure"}


def rows(seed: int, count: int) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    energy = draw.random(count)
    energy[::7] = np.nan
    some = np.array([None, "one", "other"], dtype=object)
    return {
        "model": f"model-{seed}" if seed % 2 else some[draw.integers(0, 3, count)], "batch": draw.integers(1, 9, count) * 1.0,
        "fits": draw.random(count) < 0.5, "energy_j": energy, "kv_bytes": np.floor(energy * 9),
    }  # fmt: skip


def test_rows_of_several_writers_are_one_file_in_their_order(tmp_path: Path) -> None:
    path = str(tmp_path / "out.parquet")
    writer = columns.ParquetWriter(path, KINDS, {"energy_j": "J"}, {"question": 1})
    expected, sizes = [], (100, 300_000, 5, 40_000, 270_000)
    for seed, count in enumerate(sizes):
        expected.append(rows(seed, count))
        if seed % 2:
            elsewhere = columns.ParquetWriter(None, KINDS, {"energy_j": "J"}, {})
            elsewhere.write(expected[-1], count)
            writer.add(elsewhere.close())
        else:
            writer.write(expected[-1], count)
    writer.close()
    table = parquet.read_table(path)
    table.validate(full=True)
    assert table.num_rows == sum(sizes)
    assert table.schema.metadata[b"bitnet-cost"] == b'{"question": 1}'
    assert table.schema.field("energy_j").metadata[b"unit"] == b"J"
    words = np.concatenate([np.full(n, e["model"], dtype=object) for n, e in zip(sizes, expected, strict=True)])
    assert table["model"].to_pylist() == words.tolist()
    for name in ("batch", "fits", "energy_j", "kv_bytes"):
        values = np.concatenate([each[name] for each in expected])
        np.testing.assert_array_equal(table[name].to_numpy().astype(float), values.astype(float))
    metadata = parquet.read_metadata(path)
    assert metadata.num_row_groups == 7
    assert metadata.row_group(3).column(3).statistics.null_count == -(-5 // 7)


def test_a_file_without_rows_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "out.parquet")
    columns.ParquetWriter(path, KINDS, {}, {}).close()
    assert parquet.read_table(path).num_rows == 0


def test_a_footer_is_written_as_it_was_read() -> None:
    """With all that Arrow can put there: dictionaries, statistics, indexes of pages, filters, sorting."""
    stream = io.BytesIO()
    schema = columns.schema_of(KINDS, {"energy_j": "J"}, {"question": "x" * 300})
    table = columns.arrow_table(schema, KINDS, rows(1, 5000), 5000)
    parquet.write_table(
        table, stream, row_group_size=999, write_page_index=True, write_page_checksum=True, store_decimal_as_integer=True,
        sorting_columns=[parquet.SortingColumn(1, descending=True)],
    )  # fmt: skip
    encoded = stream.getvalue()
    fields, start = _footer_of(encoded)
    assert _struct(fields) == encoded[start:-8]
