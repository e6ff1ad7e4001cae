"""Predicted file sizes against published ones (tests/golden/file_sizes.json)."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from bitnet_cost.engine.checkpoint import (
    FORMATS,
    GGUF,
    SAFETENSORS,
    checkpoint_bytes,
    gguf_tensor_bytes,
    tensors,
)
from bitnet_cost.engine.footprint import parameters_by_role
from bitnet_cost.engine.mixtures import compatible, use_more_bits
from bitnet_cost.engine.operators import operators
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.gguf import BLOCKS, MIXTURES
from tests.golden.golden_data import HERE, architecture, golden, odd_configs

WITNESSES: dict[str, Any] = json.loads((HERE / "gguf_bits_a_weight.json").read_text())
BITS_A_WEIGHT: dict[str, float] = WITNESSES["llama-3.1-8b"]
OF_2023: dict[str, float] = WITNESSES["gigabytes"]["sizes"]
ROWS: list[dict[str, Any]] = json.loads((HERE / "file_sizes.json").read_text())


def published(row: dict[str, Any]) -> float:
    """Published size.  [byte]"""
    unit, size = next((unit, row[unit]) for unit in ("bytes", "mib", "gib") if unit in row)
    return float(size) * {"bytes": 1, "mib": 2**20, "gib": 2**30}[unit]


def second_table_bytes(model: Architecture, format: str) -> int:
    """What a GGUF file holds more if its converter wrote a tied table twice, as token table and as output.  [byte]

    Qwen's own files of its tied models do, because their safetensors hold both. The token table then has the base type.
    """
    mixture = MIXTURES[format.removeprefix("gguf-")]
    width = model.embedding.width or model.hidden_size
    kind = compatible(mixture.table or mixture.base, width)
    entries, size = BLOCKS[kind]
    return model.vocab_size * width // entries * size


def predicted(row: dict[str, Any]) -> int:
    model = architecture(row["model"])
    if row.get("tensors_only"):
        return gguf_tensor_bytes(model, row["format"].removeprefix("gguf-"))
    twice = second_table_bytes(model, row["format"]) if row.get("twice") else 0
    return checkpoint_bytes(model, row["format"]) + twice


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"][:60])
def test_published_sizes(row: dict[str, Any]) -> None:
    bar = 0.001 if row["format"] in SAFETENSORS else 0.005
    assert predicted(row) == pytest.approx(published(row), rel=bar)


def test_most_gguf_files_are_met_within_a_thousandth() -> None:
    # the rest differs by the text of the vocabulary, which is estimated
    files = [row for row in ROWS if row["format"] in GGUF]
    assert sum(abs(predicted(row) / published(row) - 1) <= 0.001 for row in files) >= 44


def _of_one_repository() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of files that one repository has of one model: all but the tensors is the same in both."""
    rows = [row for row in ROWS if row["format"] in GGUF and "bytes" in row and "GGUF " in row["file"]]
    ordered = sorted(rows, key=lambda row: str(row["file"]))
    return [
        (one, two)
        for one, two in itertools.pairwise(ordered)
        if one["file"].split(" ")[0] == two["file"].split(" ")[0] and one["model"] == two["model"]
    ]


@pytest.mark.parametrize(("one", "two"), _of_one_repository(), ids=lambda row: row["file"][:40])
def test_files_of_one_repository_differ_by_their_tensors_alone(one: dict[str, Any], two: dict[str, Any]) -> None:
    model = architecture(one["model"])
    sizes = [gguf_tensor_bytes(model, row["format"].removeprefix("gguf-")) for row in (one, two)]
    assert one["bytes"] - two["bytes"] == pytest.approx(sizes[0] - sizes[1], abs=256)  # names of files, alignment


def test_enough_files_are_compared() -> None:
    exact = [row for row in ROWS if "bytes" in row]
    assert sum(row["format"] in SAFETENSORS for row in exact) >= 10
    assert sum(row["format"] in GGUF for row in exact) >= 20
    measured = {row["format"] for row in ROWS} | {f"gguf-{name}" for name in (*BITS_A_WEIGHT, *OF_2023)}
    unseen = {"bf16", "q4_1", "q5_0", "q5_1", "mxfp4_moe"}  # rules without a published size
    assert measured | {f"gguf-{name}" for name in unseen} == set(FORMATS) - {"safetensors-f32"}


@pytest.mark.parametrize("name", sorted(OF_2023))
def test_sizes_of_files_of_2023(name: str) -> None:
    assert checkpoint_bytes(architecture("llama-2-7b"), f"gguf-{name}") / 1e9 == pytest.approx(OF_2023[name], abs=0.005)


def test_the_mixture_of_2023_is_larger_by_a_ninth() -> None:
    model = architecture("llama-2-7b")
    assert gguf_tensor_bytes(model, "q2_k-2023") / gguf_tensor_bytes(model, "q2_k") == pytest.approx(1.11, abs=0.01)


@pytest.mark.parametrize("name", sorted(BITS_A_WEIGHT))
def test_bits_a_weight_are_those_that_llama_cpp_prints(name: str) -> None:
    model = architecture("llama-3.1-8b")
    spare = 64  # rope_freqs.weight, FP32, is in the file and in its count
    weights = sum(t.rows * t.columns * (t.copies if t.columns > 1 else 1) for t in tensors(model)) + spare
    found = (gguf_tensor_bytes(model, name) + 4 * spare) * 8 / weights
    assert found == pytest.approx(BITS_A_WEIGHT[name], abs=0.5e-4)  # half a unit of the last printed digit


@pytest.mark.parametrize("name", sorted(golden()))
def test_every_parameter_is_stored_once(name: str) -> None:
    model = architecture(name)
    stored = sum(t.rows * t.columns * (t.copies if t.columns > 1 else 1) for t in tensors(model))
    assert stored == sum(parameters_by_role(operators(model)).values())
    sizes = {name: checkpoint_bytes(model, name) for name in FORMATS}
    assert sizes["safetensors-f32"] > 1.9 * sizes["safetensors-f16"]
    assert sizes["safetensors-f16"] == sizes["safetensors-bf16"]
    if name in odd_configs():  # rows that no block divides fall back to FP16
        return
    assert sizes["gguf-f16"] >= sizes["gguf-q8_0"] >= sizes["gguf-q4_0"] >= sizes["gguf-tq2_0"] >= sizes["gguf-tq1_0"]


def test_half_of_the_layers_get_more_bits() -> None:
    assert [layer for layer in range(16) if use_more_bits(layer, 16)] == [0, 1, 4, 7, 10, 13, 14, 15]


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(BitnetCostError, match="did you mean 'gguf-q4_k_m'"):
        checkpoint_bytes(architecture("gpt2"), "gguf-q4_kk_m")
