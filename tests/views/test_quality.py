"""Energy against published quality, and eight bits against one: fronts, one table at a time, what is not known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from bitnet_cost import compare
from bitnet_cost.numerals import change_words
from bitnet_cost.readers import quality as reader
from bitnet_cost.studies.pages import data_of, lead
from bitnet_cost.studies.ranges import judged
from bitnet_cost.views import by_quality, eight_bit, quality
from bitnet_cost.views.by_quality import covered
from bitnet_cost.views.charts import CHARTS
from tests.conftest import ROOT, Ran

ASKED = compare(
    ["llama-2-7b", "llama-2-13b"], ["h100-sxm-80gb", "l4"], ["fp16", "int4", "w3a16", "w2a16", "bitnet-b1.58"]
)


def test_points_are_of_one_table_each_and_the_front_is_what_nothing_beats() -> None:
    found = by_quality.points(ASKED.results)
    assert len(found) > 3
    for evaluation, points in found.items():
        assert {p.figure.evaluation for p in points} == {evaluation}
        for p in points:
            assert p.figure in p.result.quality
            rivals = [o for o in points if o.result.hardware.name == p.result.hardware.name]
            beaten = any(
                o.joules <= p.joules
                and by_quality.worse(o.figure) <= by_quality.worse(p.figure)
                and (o.joules, o.figure.value) != (p.joules, p.figure.value)
                for o in rivals
            )
            assert p.efficient is not beaten
    first = next(iter(found.values()))
    assert {p.result.precision.name for p in first} == {"fp16", "int4", "w3a16", "w2a16"}


def test_the_report_names_what_is_beaten_and_what_is_not_in_its_table() -> None:
    made = by_quality.by_quality_report(ASKED, judged(ASKED))
    assert made.sentence.startswith("By WikiText-2 perplexity on the ")
    assert "llama-2-7b in fp16 (5.47)" in made.sentence.partition("beaten")[0]
    assert made.also == "Not in that table, so not compared: BitNet b1.58."
    (table,) = made.tables
    methods = {row[-1] for row in table.rows if len(row) > 1}
    assert methods == {"FP16", "W4A16g128 OmniQuant", "W3A16g128 OmniQuant", "W2A16g128 OmniQuant"}


def test_rows_are_the_points_with_their_conditions(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("compare", "trilm-3.9b", "-H", "l4", "-p", "fp16,w1.58a16", "--by", "quality")
    document = json.loads(bitnet_cost(*words, "-f", "json").out)
    rows = document["by_quality"]
    assert document["records"]
    assert rows
    for row in rows:
        assert row["conditions"]
        assert row["source"].startswith("arXiv:2407.12327")
    kept = {row["precision"]: row for row in rows if row["set"] == "average"}
    assert (kept["w1.58a16"]["value"], kept["w1.58a16"]["baseline_value"]) == (60.7, 61.4)
    assert all(row["efficient"] for row in kept.values())
    none = bitnet_cost("compare", "gpt3-175b", "-H", "l4", "--by", "quality").out
    assert none.startswith("No figure of quality is published for GPT-3 175B")


def test_a_page_has_the_chart_where_figures_are_known() -> None:
    data = data_of(ASKED, lead(ASKED.results))
    (shown,) = [s for s in CHARTS["quality"].of(data).shown if s.title.endswith("H100 SXM")][:1]
    assert shown.figure is not None
    assert {row[1] for row in shown.table.rows} >= {"llama-2-7b int4", "llama-2-13b fp16"}
    assert len(shown.table.rows) == 8
    unknown = compare("gpt3-175b", ["h100-sxm-80gb"], ["fp16", "int8"], devices=8)
    assert not CHARTS["quality"].answers(
        {"evaluations": covered({("gpt3-175b", r.precision.name): {} for r in unknown.results})}
    )


def test_the_figure_of_each_precision_is_of_one_table_where_that_has_all() -> None:
    cells = {p: reader.published("llama-2-7b", p) for p in ("fp16", "int4", "w3a16", "w2a16", "bitnet-b1.58")}
    found = quality.of_model(cells)
    assert list(found) == ["fp16", "int4", "w3a16", "w2a16"]
    assert len({f.evaluation for f in found.values()}) == 1


def test_the_first_line_on_eight_bits_has_the_sign_of_either_end(bitnet_cost: Callable[..., Ran]) -> None:
    text = bitnet_cost("eight-bit").out
    changes = [
        int(found) / 100 for found in re.findall(r"([+-]\d+)% +-?[\d.]+ +[\d.]+ +(?:%|ppl)$", text, re.MULTILINE)
    ]
    assert len(changes) == len(eight_bit.CASES)
    assert min(changes) < 0 < max(changes)
    first = " ".join(text.partition("Arithmetic alone")[0].split())
    assert f"needs {change_words(min(changes))} to {change_words(max(changes))} energy a token" in first


def test_eight_bits_against_one_has_a_figure_and_a_source_in_every_cell(
    bitnet_cost: Callable[..., Ran], tmp_path: Path
) -> None:
    rows = json.loads(bitnet_cost("eight-bit", "-f", "json").out)
    assert len(rows) == 7 * len(eight_bit.CASES)
    assert all(all(row.values()) and row["source"] != "-" for row in rows)
    quality_of = {row["comparison"]: row for row in rows if "perplexity" in row["what"] or "accuracy" in row["what"]}
    assert len(quality_of) == len(eight_bit.CASES)
    paper = quality_of["BitNet paper 6.7B: W8A8 SmoothQuant against W1A8 BitNet"]
    assert (paper["eight_bits"], paper["one_bit"]) == ("15.67, loss 0.48", "17.07, loss 1.88")
    lines = bitnet_cost("eight-bit").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert (ROOT / "reports" / "eight-bit.md").is_file()
