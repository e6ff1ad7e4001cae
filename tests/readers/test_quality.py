"""Published figures of quality: shipped tables cell by cell, and never a figure that is not printed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bitnet_cost import estimate
from bitnet_cost.errors import InvalidFile
from bitnet_cost.inputs.precision import parse_name
from bitnet_cost.inputs.quality import Published, Quality
from bitnet_cost.readers import catalog, quality
from bitnet_cost.readers.yaml_file import read_yaml
from tests.conftest import ROOT, Ran

EVERY = quality.every()
NAMES = ["model", "precision", "method", "metric", "set", "value", "baseline_value", "source", "table", "seen"]

# Printed cells of every file, typed in by hand: model, method, set, value, baseline.
BY_HAND: dict[str, list[tuple[str, str, str, float, float | None]]] = {
    "aqlm": [
        ("llama-2-7b", "AQLM 1x16", "wikitext2", 5.92, None), ("llama-3-8b", "AQLM 1x16", "mmlu", 56, 65),
        ("llama-2-13b", "AQLM PV 1x16g8", "wikitext2", 5.05, None),
    ],
    "awq": [("llama-2-7b", "INT4g128 AWQ", "wikitext2", 5.60, 5.47), ("llama-65b", "INT3g128 AWQ", "wikitext2", 3.95, 3.53)],
    "billm": [
        ("llama-2-7b", "W1.08g128 BiLLM", "wikitext2", 32.48, 5.47), ("opt-66b", "W1.7g128 PB-LLM", "wikitext2", 29.09, 9.34),
        ("llama-30b", "W1.09g128 BiLLM", "wikitext2", 10.52, 4.10), ("opt-6.7b", "W1.11g128 BiLLM", "piqa", 58.6, None),
    ],
    "bitnet": [("bitnet-paper-6.7b", "W8A8 SmoothQuant", "validation", 15.67, 15.19)],
    "bitnet-b1.58": [
        ("bitnet-b1.58-700m", "BitNet b1.58", "wikitext2+c4", 12.87, 12.33), ("bitnet-b1.58-3b", "BitNet b1.58", "average", 50.2, 49.7),
        ("bitnet-b1.58-1.3b", "LLaMA LLM", "arc-easy", 56.9, 56.9), ("bitnet-b1.58-3.9b", "BitNet b1.58", "wikitext2+c4", 9.62, None),
    ],
    "bitnet-b1.58-2b4t": [
        ("bitnet-b1.58-2b4t", "W1.58A8", "arc-challenge", 49.91, None), ("bitnet-b1.58-2b4t", "W1.58A8", "mmlu", 53.17, None),
        ("qwen2.5-1.5b", "INT4 AWQ", "ifeval", 45.44, 50.12),
    ],
    "efficientqat": [("llama-3-70b", "w3g128", "wikitext2", 4.19, 2.85), ("llama-2-7b", "w2g64", "average", 60.14, 64.86)],
    "gptq": [("llama-7b", "W4A16 GPTQ", "wikitext2", 6.09, 5.68), ("llama-65b", "W3A16g128 GPTQ", "wikitext2", 4.17, 3.53)],
    "llama.cpp": [("llama-3-8b", "q4_0", "wikitext2", 6.700147, 6.23316), ("llama-2-70b", "Q4_0", "wikitext2", 3.555, 3.4313)],
    "omniquant": [
        ("llama-2-13b", "W4A16g128 AWQ", "wikitext2", 4.97, 4.88), ("llama-65b", "W4A4 OmniQuant", "boolq", 73.27, 82.29),
        ("llama-7b", "W2A16g128 OmniQuant", "wikitext2", 9.72, 5.68),
    ],
    "onebit": [("llama-7b", "W1 OneBit", "wikitext2", 10.20, 5.68), ("llama-2-13b", "W1 OneBit", "average", 54.90, 66.10)],
    "quip-sharp": [("llama-2-70b", "QuIP# 2 bit", "c4", 5.71, 4.97)],
    "smoothquant": [("llama-2-7b", "SQ W8A8", "wikitext2", 5.515, 5.474), ("llama-3-8b", "SQ W8A8", "wikitext2", 6.258, 6.138)],
    "spectra": [("trilm-3.9b", "TriLM", "average", 60.7, 61.4), ("trilm-1.5b", "TriLM", "lambada", 16.4, 9.4)],
}  # fmt: skip


@pytest.mark.parametrize("file", BY_HAND)
def test_cells_are_as_printed(file: str) -> None:
    cells = {(f.model, f.method, f.set, f.value, f.baseline_value) for f in quality.figures(file)}
    assert set(BY_HAND[file]) <= cells


def test_enough_figures_all_with_a_source_and_names_that_the_catalogue_knows() -> None:
    assert len(EVERY) >= 400
    models = set(catalog.names("model"))
    for figure in EVERY:
        assert figure.source
        assert figure.table
        assert figure.precision is None or catalog.has("precision", figure.precision) or parse_name(figure.precision)
    assert sum(figure.model in models for figure in EVERY) > 1000


@pytest.mark.parametrize("file", ["omniquant", "onebit", "bitnet-b1.58", "spectra", "bitnet"])
def test_a_printed_average_is_the_mean_of_its_row(file: str) -> None:
    """A second way to the cells: a digit that was misread moves the mean."""
    known_to_differ = {
        ("llama-13b", "W4A4 OmniQuant"),
        ("llama-30b", "W4A4 OmniQuant"),
        ("llama-30b", "W4A4 SmoothQuant"),
    }
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for f in quality.figures(file):
        if f.metric == "accuracy" and f.set != "lambada":
            rows.setdefault((f.model, f.method), {})[f.set] = f.value
    checked = 0
    for key, row in rows.items():
        if "average" in row and len(row) > 4 and key[0] != "bitnet-b1.58-3.9b" and key not in known_to_differ:
            tasks = [value for name, value in row.items() if name != "average"]
            assert row["average"] == pytest.approx(sum(tasks) / len(tasks), abs=0.07), key
            checked += 1
    assert checked >= 6


def test_no_figure_is_better_than_its_baseline_by_much_and_fewer_bits_are_worse() -> None:
    """Perplexities of one method fall with more bits, and quantisation does not improve a model by 3 percent."""
    for f in EVERY:
        if (
            f.metric == "perplexity"
            and f.baseline_value is not None
            and f.set == "wikitext2"
            and "Instruct" not in f.model
        ):
            assert f.value > f.baseline_value * 0.97, f
    of = {(f.model, f.method): f.value for f in quality.figures("omniquant") if f.metric == "perplexity"}
    for model in {model for model, _ in of}:
        values = [of[model, f"W{bits}A16g128 OmniQuant"] for bits in (2, 3, 4)]
        assert values == sorted(values, reverse=True)


def test_what_is_not_published_is_not_known() -> None:
    assert quality.published("llama-3.1-8b", "bitnet-b1.58") == ()
    assert quality.published("llama-2-7b", "bitnet-b1.58") == ()
    assert quality.published("llama-2", "int4") == () == quality.published("llama-2-7b", "int5")
    assert quality.published("gpt3-175b", "fp16") == ()


def test_the_second_name_of_a_precision_means_the_same_storage() -> None:
    for second, first in quality.SAME.items():
        found, held = parse_name(second), catalog.precision(first)
        assert found is not None
        assert found.linear.weights == held.linear.weights
        assert found.linear.activation_bits == held.linear.activation_bits
        assert quality.published("llama-2-7b", second) == quality.published("llama-2-7b", first) != ()


def test_fewer_files_are_parsed_but_no_figure_is_lost() -> None:
    held = Counter((f.model, f.precision) for f in EVERY if f.precision)
    for (model, precision), count in held.items():
        assert len(quality.published(model, str(precision))) == count


def test_records_have_the_figures_and_csv_has_not(bitnet_cost: Callable[..., Ran]) -> None:
    found = estimate("llama-2-7b", precision="int4").to_records()[0]["quality"]
    assert list(found[0]) == NAMES
    assert {row["precision"] for row in found} == {"int4"}
    assert estimate("llama-3.1-8b", precision="bitnet-b1.58").to_records()[0]["quality"] == []
    records = json.loads(bitnet_cost("estimate", "llama-2-7b", "-p", "int4", "-f", "json").out)["records"]
    assert records[0]["quality"] == found
    assert "quality" not in bitnet_cost("estimate", "llama-2-7b", "-p", "int4", "-f", "csv").out.partition("\n")[0]


def test_the_list_has_every_figure_under_the_agreed_names(bitnet_cost: Callable[..., Ran]) -> None:
    listed = json.loads(bitnet_cost("list", "quality", "-f", "json").out)
    assert all(list(row) == NAMES for row in listed)
    assert [Published(**row) for row in listed] == EVERY


def test_a_note_tells_the_figure_or_that_none_is_known(bitnet_cost: Callable[..., Ran]) -> None:
    words = " ".join(bitnet_cost("estimate", "llama-2-7b", "-p", "int4", "--notes").out.split())
    assert "int4 WikiText-2 perplexity 5.61 against 5.47 (W4A16g128 GPTQ, arXiv:2308.13137)" in words
    words = " ".join(bitnet_cost("estimate", "llama-3.1-8b", "-p", "bitnet-b1.58", "--notes").out.split())
    assert "Quality is not known for llama-3.1-8b in bitnet-b1.58: no published figure." in words


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("baseline: FP16", "baseline: FP8", "is no method of this table"),
        ("    metric: perplexity\n", "", "give the metric"),
        ("[5.68,", "[5.68, 5.0,", "cells"),
        ("[5.68,", "[0.68,", "is no perplexity"),
        ("models:", "modles:", "modles"),
        ("LLaMA-7B: llama-7b", "LLaMA-8B: llama-7b", "no table has the model 'LLaMA-8B'"),
    ],
)
def test_a_file_with_a_fault_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = (ROOT / "quality" / "omniquant.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InvalidFile, match=fault):
        catalog.validate(read_yaml(path), Quality, path)
