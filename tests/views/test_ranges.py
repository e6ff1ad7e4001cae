"""Bands, tornados, alternative prices and marks, as a user sees them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.readers import catalog
from bitnet_cost.views.honesty import weak_share
from tests.conftest import Ran

Cli = Callable[..., Ran]
ASKED = (
    "estimate",
    "gpt3-175b",
    "-H",
    "cmos-45nm",
    "-H",
    "cmos-7nm",
    "-p",
    "fp16",
    "-p",
    "bitnet",
    "--baseline",
    "fp16",
)


def test_the_tornado_names_figures_with_basis_and_source(bitnet_cost: Cli) -> None:
    out = bitnet_cost(*ASKED, "--sensitivity").out
    assert "Sensitivity: bitnet at cmos-45nm, scope arithmetic" in out
    assert "INT32 adder" in out
    assert "horowitz2014" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_json_lists_swings_and_bands_beside_unchanged_records(bitnet_cost: Cli) -> None:
    plain = json.loads(bitnet_cost(*ASKED, "-f", "json").out)
    full = json.loads(bitnet_cost(*ASKED, "--sensitivity", "--draws", "1000", "--seed", "5", "-f", "json").out)
    assert plain["records"] == full["records"]
    assert "sensitivity" not in plain
    assert "monte_carlo" not in plain
    for row in full["monte_carlo"]:
        record = full["records"][row["record"]]
        assert (row["draws"], row["seed"], row["distribution"]) == (1000, 5, "triangular")
        assert row["energy_least_j"] < row["energy_p5_j"] < row["energy_p50_j"] < row["energy_p95_j"]
        assert row["energy_p95_j"] < row["energy_most_j"]
        assert row["energy_least_j"] == record["energy_low_j"]
        if record["precision"] == "bitnet":
            assert row["saving_least"] < row["saving_p5"] < record["saving"] < row["saving_p95"] < row["saving_most"]
    sizes = [s["size"] for s in full["sensitivity"] if s["record"] == 1]
    assert sizes == sorted(sizes, reverse=True)
    assert {s["figure"] for s in full["sensitivity"] if s["record"] == 1} >= {"add.int8", "accumulator: add.int32"}


def test_the_saving_of_bitnet_has_its_band_and_rests_on_the_accumulator_and_the_int8_addition(bitnet_cost: Cli) -> None:
    """GPT-3 175B, 512 tokens, arithmetic scope, against FP16 at 45 and 7 nm."""
    document = json.loads(bitnet_cost(*ASKED, "--sensitivity", "--draws", "10000", "-f", "json").out)
    told = " ".join(bitnet_cost(*ASKED, "--sensitivity", "--draws", "10000").out.split())
    records = {i: r for i, r in enumerate(document["records"]) if r["precision"] == "bitnet"}
    assert [r["hardware"] for r in records.values()] == ["cmos-45nm", "cmos-7nm"]
    for i, record in records.items():
        (band,) = (row for row in document["monte_carlo"] if row["record"] == i)
        assert 0.94 < band["saving_least"] < band["saving_p5"] < record["saving"] < band["saving_p95"] < 0.994
        first, second, *others = (row for row in document["sensitivity"] if row["record"] == i)
        assert first["figure"] == "accumulator: add.int32"
        assert second["figure"] == "add.int8"
        moved = [abs(row["saving_at_high"] - row["saving_at_low"]) for row in (first, second, *others)]
        assert moved[0] > moved[1] > max(moved[2:])
        assert f"{100 * band['saving_p5']:.1f} {100 * band['saving_p50']:.1f} {100 * band['saving_p95']:.1f}" in told


def test_a_seed_repeats_a_band_and_another_changes_it(bitnet_cost: Cli) -> None:
    one, same, other = (bitnet_cost(*ASKED, "--draws", "500", "--seed", s).out for s in ("1", "1", "2"))
    assert one == same != other
    assert "log-normal" in bitnet_cost(*ASKED, "--draws", "500", "--distribution", "lognormal").out


def test_bands_of_time_on_a_device(bitnet_cost: Cli) -> None:
    words = ("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16", "-p", "bitnet", "--draws", "500")
    row = json.loads(bitnet_cost(*words, "-f", "json").out)["monte_carlo"][1]
    record = json.loads(bitnet_cost(*words, "-f", "json").out)["records"][1]
    assert row["latency_fast_s"] < record["latency_s"] < row["latency_slow_s"]
    assert row["energy_fast_j"] < record["energy_j"] < row["energy_slow_j"]
    assert "Time: p5 to p95 of the draws" in bitnet_cost(*words).out


@pytest.mark.parametrize("words", [("--draws", "0"), ("--draws", "10", "--seed", "-1"), ("--prices", "aladin")])
def test_bad_numbers_and_names_are_refused(words: tuple[str, ...], bitnet_cost: Cli) -> None:
    ran = bitnet_cost(*ASKED[:4], *words)
    assert ran.code == 2
    assert ran.err.startswith("error: ")


def test_alternatives_stand_side_by_side(bitnet_cost: Cli) -> None:
    words = ("estimate", "gpt3-175b", "-H", "cmos-45nm", "-p", "fp16", "-p", "bitnet", "--baseline", "fp16")
    records = json.loads(bitnet_cost(*words, "--prices", "own", "--prices", "aladdin", "-f", "json").out)["records"]
    assert [r["hardware"] for r in records] == ["cmos-45nm"] * 2 + ["cmos-45nm.aladdin"] * 2
    assert records[2]["energy_j"] > 4.7 * records[0]["energy_j"]
    assert records[0]["saving"] != records[1]["saving"] != records[3]["saving"]


@pytest.mark.parametrize("node", ["cmos-45nm", "cmos-7nm"])
def test_every_alternative_is_complete_for_the_classic_precisions(node: str, bitnet_cost: Cli) -> None:
    profile = catalog.hardware(node)
    assert profile.alternatives
    assert profile.with_prices("own") is profile
    for name, prices in profile.alternatives.items():
        other = profile.with_prices(name)
        assert other.price("add.bf16") is None  # what a set leaves out has no price with it
        for figure in prices.actions.values():
            assert figure.basis == "published" or figure.note or figure.source.endswith("-scaled")
        assert bitnet_cost("estimate", "gpt2", "-H", node, "--prices", name).code == 0
        assert f"{name} add.int8" in bitnet_cost("show", node).out


def test_technology_scaling_is_the_published_equation() -> None:
    # Stillmaker and Baas 2017, coefficients a, b, c of 45 and 7 nm: E(V) = a V^2 + b V + c
    ratio = (0.1776 * 0.49 - 0.09097 * 0.7 + 0.02447) / (1.103 * 0.81 - 0.362 * 0.9 + 0.2767)
    own, scaled = catalog.hardware("cmos-45nm"), catalog.hardware("cmos-7nm").alternatives["stillmaker"]
    for action, figure in scaled.actions.items():
        assert figure.value == pytest.approx(ratio * own.actions[action].value, rel=2e-3)


def test_an_unknown_alternative_names_those_there_are() -> None:
    with pytest.raises(BitnetCostError, match="there are own, aladdin"):
        catalog.hardware("cmos-45nm").with_prices("intel")


def test_weak_figures_are_marked_and_the_mark_explained(bitnet_cost: Cli) -> None:
    out = bitnet_cost("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16", "-p", "bitnet").out
    assert "*  " in out
    assert "* at least 1% of this energy rests on assumed or scaled prices" in " ".join(out.split())
    clean = bitnet_cost("estimate", "gpt3-175b").out
    assert "*" not in clean
    weak = bitnet_cost("layers", "gpt2", "-p", "fp8", "-p", "fp16").out
    assert "fp8*" in weak
    assert "fp16*" not in weak


def test_every_answer_closes_with_what_is_not_counted(bitnet_cost: Cli) -> None:
    for words in (("estimate", "gpt2"), ("layers", "gpt2"), ("estimate", "llama-2-7b", "-H", "h100-sxm-80gb")):
        tail = bitnet_cost(*words, "--notes").out.rstrip().rpartition("Not counted:")[2]
        assert 0 < len(tail) < 330
    fit = " ".join(bitnet_cost("fit", "gpt2", "-H", "h100-sxm-80gb").out.split())
    assert "Buffers and code of the framework, and fragmentation, come on top." in fit


def test_the_share_of_weak_figures_is_that_of_their_energy() -> None:
    import bitnet_cost as package

    assert weak_share(package.estimate("gpt2", precision="fp16")) == 0
    assert weak_share(package.estimate("gpt2", precision="fp8")) > 0.1


def test_assumed_figures_are_marked_where_they_are_shown(bitnet_cost: Cli) -> None:
    out = bitnet_cost("show", "cmos-45nm").out
    assert "0.2 pJ*" in out
    assert "assumed or scaled: weaker than the rest" in out


def test_sensitivity_of_a_single_precision_has_its_table(bitnet_cost: Cli) -> None:
    alone = bitnet_cost("estimate", "gpt2", "-H", "l4", "-p", "fp16", "--sensitivity").out
    assert "Sensitivity: fp16 at l4, scope device\n" in alone
    assert "saving %" not in alone
    both = bitnet_cost("estimate", "gpt2", "-H", "l4", "-p", "fp16,int8", "--sensitivity").out
    assert "Sensitivity: int8 at l4, scope device\n" in both
    assert "Sensitivity: fp16" not in both
