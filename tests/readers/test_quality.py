"""Published figures of quality: shipped tables cell by cell, and never a figure that is not printed."""

from __future__ import annotations

import json
import math
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
SUMS = ROOT / "tests" / "golden" / "quality.json"
NAMES = ["model", "precision", "method", "metric", "set", "value", "baseline_value", "source", "table", "seen"]

# Printed cells of every file, typed in by hand: model, method, set, value, baseline.
BY_HAND: dict[str, list[tuple[str, str, str, float, float | None]]] = {
    "aqlm": [
        ("llama-2-13b", "W2.01 QuIP#", "wikitext2", 6.06, 4.57), ("mixtral-8x7b", "W1.98 AQLM", "average", 67.68, 72.33),
        ("llama-2-7b", "AQLM 1x16", "wikitext2", 5.92, None), ("llama-3-8b", "AQLM 1x16", "mmlu", 56, 65),
        ("llama-2-13b", "AQLM PV 1x16g8", "wikitext2", 5.05, None),
    ],
    "awq": [("llama-7b", "INT3g128 GPTQ", "wikitext2", 8.81, 5.68), ("llama-2-7b", "INT4g128 AWQ", "wikitext2", 5.60, 5.47), ("llama-65b", "INT3g128 AWQ", "wikitext2", 3.95, 3.53)],
    "billm": [
        ("llama-2-7b", "W1.08g128 BiLLM", "wikitext2", 32.48, 5.47), ("opt-66b", "W1.7g128 PB-LLM", "wikitext2", 29.09, 9.34),
        ("llama-30b", "W1.09g128 BiLLM", "wikitext2", 10.52, 4.10), ("opt-6.7b", "W1.11g128 BiLLM", "piqa", 58.6, None),
    ],
    "auto-round": [
        ("llama-3.1-8b", "q4km", "mmlu", 63.52, 63.23), ("qwen3-8b", "FP8_BLOCK RTN", "average", 65.20, 65.24),
        ("qwen3-14b", "W3A16g128 RTN", "piqa", 76.28, None),
    ],
    "bitnet": [
        ("bitnet-paper-6.7b", "W8A8 SmoothQuant", "validation", 15.67, 15.19), ("bitnet-paper-6.7b", "W4A4 Absmax", "validation", 4.8e4, 15.19),
        ("bitnet-paper-6.7b", "W1A8 Absmax", "validation", 3.5e23, 15.19), ("bitnet-paper-6.7b", "W1A8 BitNet", "storycloze", 66.9, 67.4),
    ],
    "bitnet-a4.8": [
        ("bitnet-b1.58-1.3b", "BitNet a4.8", "c4", 11.35, 10.82), ("7B", "BitNet a4.8 (FP4)", "piqa", 72.47, 73.34),
        ("2B", "BitNet a4.8", "mmlu", 50.30, None), ("bitnet-b1.58-3b", "BitNet a4.8, 4-bit Q, 3-bit KV", "average", 51.78, 51.61),
    ],
    "bitnet-v2": [("400M", "BitNet v2 (a4)", "lambada", 44.56, 45.51), ("bitnet-b1.58-3b", "BitNet v2 (a8)", "c4", 9.72, 9.71)],
    "duquant": [("llama-65b", "W4A4 SmoothQuant", "wikitext2", 275.53, 3.53), ("llama-2-13b", "W4A4 DuQuant+LWC", "c4", 7.02, 6.46)],
    "flatquant": [("llama-3-70b", "W4A4KV4 QuaRot, RTN", "wikitext2", 55.44, 2.86), ("llama-2-7b", "W4A4KV4 FlatQuant, GPTQ", "c4", 7.86, 7.26)],
    "llama-3-study": [
        ("llama-3-8b", "W1.1A16g128 BiLLM", "ptb", 94.7, 10.6), ("llama-3-70b", "W8A8 SmoothQuant", "wikitext2", 2.9, 2.9),
        ("llama-3-70b", "W3A16 QuIP", "arc-easy", 83.3, 86.9),
    ],
    "llm-int8": [("LLM.int8() transformer 13B", "Int8 absmax", "c4", 19.08, 12.45), ("LLM.int8() transformer 6.7B", "Absmax LLM.int8()", "c4", 13.24, 13.30)],
    "neural-compressor": [("bloom-7b1", "FP8, FP8 KV cache", "lambada", 55.99, 57.31)],
    "qserve": [("llama-3-8b", "W8A8 SmoothQuant", "wikitext2", 6.28, 6.14), ("mistral-7b", "W4A8KV4g128 QoQ", "wikitext2", 5.42, 5.25)],
    "vptq": [
        ("mistral-7b", "W4.03 VPTQ", "wikitext2", 4.81, 4.77), ("llama-2-70b", "W2.07 AQLM", "arc-easy", 77.68, 77.74),
        ("llama-2-13b", "W3 QuIP#", "c4", 6.35, None),
    ],
    "bitnet-b1.58": [
        ("bitnet-b1.58-700m", "BitNet b1.58", "wikitext2+c4", 12.87, 12.33), ("bitnet-b1.58-3b", "BitNet b1.58", "average", 50.2, 49.7),
        ("bitnet-b1.58-1.3b", "LLaMA LLM", "arc-easy", 56.9, 56.9), ("bitnet-b1.58-3.9b", "BitNet b1.58", "wikitext2+c4", 9.62, None),
    ],
    "bitnet-b1.58-2b4t": [
        ("bitnet-b1.58-2b4t", "W1.58A8", "arc-challenge", 49.91, None), ("bitnet-b1.58-2b4t", "W1.58A8", "mmlu", 53.17, None),
        ("qwen2.5-1.5b", "INT4 AWQ", "ifeval", 45.44, 50.12),
    ],
    "efficientqat": [("llama-3-70b", "w3g128", "wikitext2", 4.19, 2.85), ("llama-2-7b", "w2g64", "average", 60.14, 64.86)],
    "gptq": [
        ("opt-66b", "W4A16 RTN", "wikitext2", 110, 9.34), ("bloom-176b", "W3A16 GPTQ", "lambada", 65.10, 67.40),
        ("BLOOM-3B", "W4A16 GPTQ", "c4", 18.10, 17.49), ("opt-125m", "W3A16 GPTQ", "ptb", 73.19, 38.99),
        ("llama-7b", "W4A16 GPTQ", "wikitext2", 6.09, 5.68), ("llama-65b", "W3A16g128 GPTQ", "wikitext2", 4.17, 3.53)],
    "llama.cpp": [("llama-3-8b", "q4_0", "wikitext2", 6.700147, 6.23316), ("llama-2-70b", "Q4_0", "wikitext2", 3.555, 3.4313)],
    "omniquant": [
        ("llama-2-13b", "W4A16g128 AWQ", "wikitext2", 4.97, 4.88), ("llama-65b", "W4A4 OmniQuant", "boolq", 73.27, 82.29),
        ("llama-7b", "W2A16g128 OmniQuant", "wikitext2", 9.72, 5.68),
    ],
    "onebit": [("llama-7b", "W1 OneBit", "wikitext2", 10.20, 5.68), ("llama-2-13b", "W1 OneBit", "average", 54.90, 66.10)],
    "quip-sharp": [("llama-2-70b", "QuIP# 2 bit", "c4", 5.71, 4.97)],
    "smoothquant": [("opt-175b", "LLM.int8()", "wikitext", 11.10, 10.99), ("bloom-176b", "SmoothQuant-O3", "average", 67.4, 68.2),
        ("llama-2-7b", "SQ W8A8", "wikitext2", 5.515, 5.474), ("llama-3-8b", "SQ W8A8", "wikitext2", 6.258, 6.138)],
    "spectra": [("trilm-3.9b", "TriLM", "average", 60.7, 61.4), ("trilm-1.5b", "TriLM", "lambada", 16.4, 9.4),
        ("Spectra 99M", "TriLM", "arc-easy", 36.6, 39.1), ("Spectra 560M", "BiLM", "boolq", 61.5, 57.9),
        ("Spectra 190M", "QuantLM 4-bit", "lambada", 72479077.3, 50.3), ("pythia-410m", "FP16", "average", 48.6, None)],
}  # fmt: skip


@pytest.mark.parametrize("file", BY_HAND)
def test_cells_are_as_printed(file: str) -> None:
    cells = {(f.model, f.method, f.set, f.value, f.baseline_value) for f in quality.figures(file)}
    assert set(BY_HAND[file]) <= cells


def test_enough_figures_all_with_a_source_and_names_that_the_catalogue_knows() -> None:
    assert len(EVERY) >= 5800
    models = set(catalog.names("model"))
    for figure in EVERY:
        assert figure.source
        assert figure.table
        assert figure.precision is None or catalog.has("precision", figure.precision) or parse_name(figure.precision)
    assert sum(figure.model in models for figure in EVERY) > 1000


AVERAGE_OF_MORE = {"bitnet-b1.58-2b4t"}  # its average holds CommonsenseQA and MT-bench, which are not accuracies here
NOT_IN_AVERAGES = {"spectra": {"lambada", "sciq", "logiqa"}, "onebit": set[str](), "smoothquant": {"wikitext"}}
MISPRINTED = {
    ("aqlm", "llama-2-13b", "W3.03 AQLM"), ("llama-3-study", "llama-3-8b", "FP16"), ("llama-3-study", "llama-3-8b", "W3A16 RTN"),
    ("omniquant", "llama-13b", "W4A4 OmniQuant"), ("omniquant", "llama-30b", "W4A4 OmniQuant"), ("omniquant", "llama-30b", "W4A4 SmoothQuant"),
    ("spectra", "Spectra 99M", "BiLM"), ("spectra", "Spectra 560M", "BiLM"), ("spectra", "Spectra 1.1B", "BiLM"),
}  # fmt: skip
"""Rows whose printed average is not the mean of their printed cells; each was read again at its source."""


def test_a_printed_average_is_the_mean_of_its_row() -> None:
    """A second way to the cells of every table with an average: a digit that was misread moves the mean."""
    checked, off = 0, set()
    for file in set(quality.files()) - AVERAGE_OF_MORE:
        rows: dict[tuple[str, str, str], dict[str, float]] = {}
        for f in quality.figures(file):
            if f.metric == "accuracy" and "unnormalised" not in f.set and f.set not in NOT_IN_AVERAGES.get(file, set()):
                rows.setdefault((f.table, f.model, f.method), {})[f.set] = f.value
        for (_, model, method), row in rows.items():
            average = row.pop("average", None)
            if average is None or len(row) < 4:
                continue
            checked += 1
            if sum(row.values()) / len(row) != pytest.approx(average, abs=0.07):
                off.add((file, model, method))
    assert checked > 300
    assert off == MISPRINTED


def sums() -> dict[str, list[float]]:
    """For each table how many cells it has, and what they add up to, large ones by their logarithm."""
    found: dict[str, list[float]] = {}
    for file in quality.files():
        for f in quality.figures(file):
            row = found.setdefault(f"{file}: {f.table}", [0, 0.0])
            row[0] += 1
            row[1] = round(row[1] + (f.value if f.value < 1e3 else math.log10(f.value)), 6)
    return found


def test_every_table_adds_up_to_what_it_did() -> None:
    """No cell changes unnoticed; after a correction at its source: python -m tests.readers.test_quality."""
    assert sums() == json.loads(SUMS.read_text("utf-8"))


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
    assert [Published(**row) for row in listed] == [f._replace(conditions="") for f in EVERY]
    assert all(f.conditions for f in EVERY)
    assert not any(f.weak for f in EVERY)


def test_a_table_tells_the_figure_and_what_is_not_known(bitnet_cost: Callable[..., Ran]) -> None:
    lines = bitnet_cost("estimate", "llama-2-7b", "-p", "fp16,int4,bitnet-b1.58").out.splitlines()
    assert "Quality of Llama 2 7B, published: WikiText-2 perplexity" in lines
    rows = [line.split() for line in lines]
    assert ["int4", "5.69", "0.22", "INT4g128", "GPTQ", "arXiv:2306.00978"] in rows
    assert ["fp16", "5.47", "base", "FP16", "arXiv:2306.00978"] in rows
    assert any(row[:3] == ["bitnet-b1.58", "not", "known:"] for row in rows)
    assert max(map(len, lines)) <= 80
    nothing = bitnet_cost("estimate", "gpt3-175b").out
    assert "quality not known" in nothing
    assert "published" not in nothing
    conditions = " ".join(bitnet_cost("estimate", "llama-2-7b", "-p", "int4", "--notes").out.split())
    assert "arXiv:2306.00978: WikiText-2 perplexity at a context of 2048; weights only, groups of 128" in conditions


def test_a_list_fits_a_terminal_and_has_the_conditions_of_a_few_tables(bitnet_cost: Callable[..., Ran]) -> None:
    for words in (("mistral",), ("llama-2-7b", "SmoothQuant"), ("accuracy", "2402.11295")):
        out = bitnet_cost("list", "quality", *words).out
        assert "published figures of quality with" in out.splitlines()[0]
        assert max(map(len, out.splitlines())) <= 80
    assert "trained by distillation" in " ".join(out.split())


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


if __name__ == "__main__":
    SUMS.write_text(json.dumps(sums(), indent=1) + "\n", "utf-8")
