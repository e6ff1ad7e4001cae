"""Each thing that a user or the next maintainer adds is added in one place: here it is, done, for each of them.

CONTRIBUTING.md has the table. A test that has to touch a second place has found a fault of the design.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bitnet_cost as package
from bitnet_cost.engine import operators, phases
from bitnet_cost.engine.terms import TOKENS
from bitnet_cost.ledger.counted import Phase
from bitnet_cost.ledger.record import METRICS, column
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers.families import decoders, usual
from bitnet_cost.views import formats
from tests.conftest import ROOT, Ran

Command = Callable[..., Ran]


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def records(ran: Ran) -> list[dict[str, Any]]:
    assert ran.code == 0, ran.err
    found: list[dict[str, Any]] = json.loads(ran.out)["records"]
    return found


@pytest.fixture
def own_metrics() -> Iterator[None]:
    """Columns that a test adds are gone after it."""
    before = dict(METRICS)
    yield
    METRICS.clear()
    METRICS.update(before)


def test_a_precision_is_one_file(bitnet_cost: Command, tmp_path: Path) -> None:
    mine = written(tmp_path / "int3.yaml", """
name: int3
title: 'INT3 in groups of 64'
source: us
linear:
  weights: {bits: 3, information_bits: 3, scale_bits: 16, scale_per: group, group: 64}
  activation_bits: 16
  recipe: {mul.fp16: 1, add.fp16: 1}
  rescale: weights
attention: fp16
elsewhere: fp16
embedding: fp16
lm_head: fp16
kv_bits: 16
sources:
  us: {author: us, title: 'Ours', year: 2026, where: 'this test', seen: own}
""")  # fmt: skip
    ours, int4 = records(
        bitnet_cost("compare", "llama-2-7b", "-H", "l4", "-p", mine, "-p", "int4", "--sort", "memory", "-f", "json")
    )
    assert (ours["precision"], int4["precision"]) == ("int3", "int4")
    linear = package.load_model("llama-2-7b").depth * (4 * 4096**2 + 3 * 4096 * 11008)
    assert int4["weights_bytes"] - ours["weights_bytes"] == linear * ((4 + 20 / 128) - (3 + 16 / 64)) / 8
    assert ours["energy_j"] < int4["energy_j"]
    rows = package.sweep(models="gpt2", hardware="l4", precisions=[mine, "w4a8"], batch=[1, 2]).to_records()
    assert [row["precision"] for row in rows] == ["int3", "int3", "w4a8", "w4a8"]


def test_a_hardware_profile_is_one_file(bitnet_cost: Command, tmp_path: Path) -> None:
    mine = written(tmp_path / "faster.yaml", """
name: faster-l4
extends: l4
title: 'An L4 whose memory is twice as fast'
hierarchy:
  gddr6:
    bandwidth: {value: 600 GB/s, low: 600 GB/s, high: 600 GB/s, basis: assumed, source: us}
sources:
  us: {author: us, title: 'Ours', year: 2026, where: 'this test', seen: own}
""")  # fmt: skip
    words = ("compare", "gemma-2b", "-H", mine, "-H", "l4", "-p", "fp16", "--sort", "tokens", "-f", "json")
    ours, theirs = records(bitnet_cost(*words))
    assert (ours["hardware"], theirs["hardware"]) == ("faster-l4", "l4")
    assert 1 < ours["tokens_per_s"] / theirs["tokens_per_s"] < 2
    assert "4.8 Tbit/s*" in bitnet_cost("show", mine).out


def test_a_model_is_one_file(bitnet_cost: Command, tmp_path: Path) -> None:
    mine = written(tmp_path / "tiny.yaml", """
name: tiny
source: this test
seen: own
hidden_size: 64
vocab_size: 1000
layers:
  - repeat: 2
    attention: {heads: 4}
    ffn: {size: 256, gated: true, activation: silu}
lm_head: {tied: true}
""")  # fmt: skip
    for command in ("estimate", "compare", "layers"):
        found = records(bitnet_cost(command, mine, "-f", "json"))
        assert {record["model"] for record in found} == {"tiny"}
    by_hand = 1000 * 64 + 2 * (4 * 64**2 + 3 * 64 * 256) + 5 * 64  # table, layers, five norms
    assert found[0]["parameters"] == by_hand


def test_a_model_family_is_one_row(bitnet_cost: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.loads((ROOT / "tests" / "configs" / "llama-2-7b" / "config.json").read_text("utf-8"))
    mine = written(tmp_path / "config.json", json.dumps(config | {"model_type": "newcomer"}))
    refused = bitnet_cost("estimate", mine)
    assert refused.code == 2
    assert "'newcomer'" in refused.err
    row = replace(decoders.LLAMA, qkv_bias=True, o_bias=False, qk_norm="head", positions=usual.POSITIONS(777))
    monkeypatch.setitem(decoders.FAMILIES, "newcomer", row)
    found = records(bitnet_cost("estimate", mine, "-p", "fp16", "-f", "json"))
    biases, norms = 32 * 3 * 4096, 32 * 2 * 128
    assert found[0]["parameters"] == package.estimate("llama-2-7b").parameters + biases + norms
    assert bitnet_cost("import", mine, "--name", "newcomer-7b").out.startswith("name: newcomer-7b\n")


def test_a_phase_is_one_row(bitnet_cost: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("mixtral-8x7b", "-p", "int4", "-H", "h100-sxm-80gb", "--batch", "2", "--generate", "41", "-f", "json")
    before = json.loads(bitnet_cost("layers", *asked).out)
    drafts, width = 8, 5

    def passes(prompt: Any, generate: Any) -> Any:
        return (generate - 1) / width

    verify = Phase(
        "verify",  # of so many drafted tokens at once, each pass after a prompt
        passes=passes,
        width=lambda prompt, generate: prompt * 0 + width,
        pairs=lambda prompt, generate, span, window: passes(prompt, generate) * width * prompt,
        keys=lambda prompt, generate, span, window: passes(prompt, generate) * prompt,
    )
    monkeypatch.setattr(phases, "PHASES", (*phases.PHASES, verify))
    document = json.loads(bitnet_cost("layers", *asked).out)
    rows = {row["op"]: row for row in document["operations"] if row["phase"] == "verify"}
    assert [row for row in document["operations"] if row["phase"] != "verify"] == before["operations"]
    assert rows.keys() == {row["op"] for row in before["operations"] if row["phase"] == "decode"}
    assert rows["q"]["mac"] == 32 * 4096**2 * 2 * drafts * width
    assert rows["attn_scores"]["mac"] == 32 * 4096 * 2 * drafts * width * 512
    for what in ("mac", "energy_j", "latency_s"):
        added = sum(row["seconds" if what == "latency_s" else what] for row in rows.values())
        assert document["records"][0][what] == pytest.approx(before["records"][0][what] + added, rel=1e-9)
    assert document["records"][0]["decode_s"] == before["records"][0]["decode_s"]
    several = records(bitnet_cost("estimate", *asked, "--devices", "4", "--parallel", "pipeline"))[0]
    assert several["latency_s"] > several["prefill_s"] + several["decode_s"]


def test_an_operator_is_one_method(bitnet_cost: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = written(tmp_path / "gpt2.yaml", (ROOT / "models" / "gpt2.yaml").read_text("utf-8"))
    words = ("layers", mine, "-p", "fp16", "-H", "l4", "-f", "json")
    before = records(bitnet_cost(*words))[0]
    original = operators._Builder.feed_forward

    def with_a_shift(self: operators._Builder, ffn: Any) -> None:
        original(self, ffn)
        self.elementwise("token_shift", [("add", TOKENS, 10 * self.hidden)])

    monkeypatch.setattr(operators._Builder, "feed_forward", with_a_shift)
    document = json.loads(bitnet_cost(*words).out)
    rows = [row for row in document["operations"] if row["op"] == "token_shift"]
    assert [(row["phase"], row["repeat"]) for row in rows] == [("prefill", 12), ("decode", 12)]
    added = 12 * 10 * 768 * (512 + 127)
    assert sum(row["add"] for row in rows) == added
    assert document["records"][0]["add"] == before["add"] + added
    assert document["records"][0]["energy_j"] > before["energy_j"]
    explained = bitnet_cost("explain", *words[1:-2], "--cell", "add:decode:token_shift").out
    assert f"add:decode:token_shift [operation] = 12 x 7680 x 127 = {12 * 7680 * 127}" in explained


@pytest.mark.usefixtures("own_metrics")
def test_a_metric_is_one_function(bitnet_cost: Command, tmp_path: Path) -> None:
    @column(
        unit="token/J",
        swept=True,
        better="more",
        heading="yield",
        rests_on=("prices",),
        short="yield",
        views=("compare", "grid"),
    )
    def tokens_per_j(result: Result) -> Any:
        """Tokens generated for each joule"""
        return 1 / METRICS["energy_per_token_j"].of(result) if result.by_component else None

    words = ("compare", "gpt2", "-H", "l4", "-H", "stm32h7")
    found = records(bitnet_cost(*words, "-f", "json", "--sort", "yield"))
    for record in found:
        energy = record["energy_per_token_j"]
        assert record["tokens_per_j"] == (None if energy is None else pytest.approx(1 / energy))
    assert [record["tokens_per_j"] for record in found if record["tokens_per_j"]] == sorted(
        (record["tokens_per_j"] for record in found if record["tokens_per_j"]), reverse=True
    )
    written = bitnet_cost(*words, "--sort", "yield", "-f", "markdown", "--notes").out
    written = written[written.index("\n| + |") :]
    (heading,) = re.findall(r"\| (yield [mkM]?token/J\*?) \|", written)
    assert heading.partition(" ")[2] in bitnet_cost(*words, "--notes").out  # a heading may have two lines
    first = next(line for line in written.splitlines() if found[0]["hardware"] in line and line.startswith("|"))
    assert re.search(r"\^[0-9.,]+\*? \|$", first)  # the most is the best
    assert bitnet_cost(*words, "-f", "csv").out.partition("\n")[0].endswith(",tokens_per_j")
    assert len(records(bitnet_cost(*words, "--where", "tokens_per_j > 0", "-f", "json"))) < len(found)
    result = package.estimate("gpt2", "l4", "fp16", prompt=np.array([8, 16]))
    assert [row["tokens_per_j"] for row in result.to_records()] == pytest.approx(list(128 / result.energy_j))
    assert "yield token/J" in result._repr_html_()
    grid = package.sweep(models="gpt2", hardware="l4", precisions="fp16", batch="1:64:64")
    assert grid.units["tokens_per_j"] == "token/J"
    (best,) = grid.top(1, "max tokens_per_j").to_records()
    assert best["tokens_per_j"] == max(row["tokens_per_j"] for row in grid.to_records())
    assert grid.write(tmp_path / "grid.csv") == 64
    assert "tokens_per_j" in (tmp_path / "grid.csv").read_text("utf-8").partition("\n")[0].split(",")
    explained = json.loads(
        bitnet_cost("explain", "gpt2", "-H", "l4", "-p", "fp16", "--cell", "tokens_per_j", "-f", "json").out
    )
    single = package.estimate("gpt2", "l4", "fp16").to_records()[0]
    assert explained["value"] == single["tokens_per_j"]  # explained without a line of its own
    assert explained["steps"][-1]["expression"].startswith("1 / (")


def test_an_output_format_is_one_line(bitnet_cost: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tsv(rows: list[dict[str, Any]]) -> str:
        return "\n".join("\t".join(map(str, cells)) for cells in [list(rows[0]), *(r.values() for r in rows)]) + "\n"

    assert bitnet_cost("estimate", "gpt2", "-f", "tsv").code == 2
    monkeypatch.setitem(formats.OUTPUT_FORMATS, "tsv", formats.OutputFormat("rows", tsv))
    for words in (
        ("estimate", "gpt2"), ("compare", "gpt2", "-H", "l4"), ("layers", "gpt2"), ("fit", "gpt2", "-H", "l4"),
        ("list", "precisions"), ("validate", "bitnet-table-1"), ("explain", "gpt2", "--cell", "energy_j"),
        ("break-even", "gpt2", "-H", "l4", "--axis", "batch"),
    ):  # fmt: skip
        ran = bitnet_cost(*words, "-f", "tsv")
        assert ran.code == 0, ran.err
        commas = bitnet_cost(*words, "-f", "csv").out
        assert ran.out.partition("\n")[0].split("\t") == commas.partition("\n")[0].split(",")
        assert ran.out.count("\n") == commas.count("\n")
    assert bitnet_cost("estimate", "gpt2", "-f", "tsv", "-o", tmp_path / "out.tsv").code == 0
    assert (tmp_path / "out.tsv").read_text("utf-8").startswith("model\tparameters\t")
