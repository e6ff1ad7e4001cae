"""The first line of an answer never says what its table contradicts: sign, winner and amount come from the records."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from bitnet_cost import api
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.ledger.answers import Comparison
from bitnet_cost.ledger.intervals import energy_interval, surely_more
from bitnet_cost.readers import catalog
from bitnet_cost.studies.ranges import judged
from bitnet_cost.views.verdict import Verdict, hardware_name, precision_name
from bitnet_cost.views.verdict_table import verdict_tables

MODELS = ("llama-3.1-8b", "llama-3.2-1b", "gpt2", "bert-base", "mixtral-8x7b", "llama-2-70b", "gpt3-175b", "qwen2.5-7b")
PRECISIONS = ("fp32", "fp16", "bf16", "fp8", "int8", "int4", "q4_k_m", "bitnet", "bitnet-b1.58", "w3a16")
AMOUNT = r"(?P<share>[\d.,]+)% (?P<way>less|more)|(?P<twice>twice) as much|(?P<times>[\d.,]+) times as much"
ASKED = 40


def drawn(number: int) -> tuple[str, list[str], list[str], int]:
    """A model, one to three pieces of hardware of one kind, precisions with and without 1-bit, and a batch."""
    pick = random.Random(number)
    nodes = pick.random() < 0.2
    hardware = ["cmos-45nm", "cmos-7nm"] if nodes else pick.sample(catalog.devices(), pick.choice([1, 1, 1, 2, 3]))
    return pick.choice(MODELS), hardware, pick.sample(PRECISIONS, pick.choice([2, 3, 4])), pick.choice([1, 3, 8, 32])


@pytest.fixture(scope="module", params=range(ASKED))
def case(request: pytest.FixtureRequest) -> tuple[Comparison, Verdict]:
    model, hardware, precisions, batch = drawn(request.param)
    try:
        found = api.compare(model, hardware, precisions, batch=batch)
    except BitnetCostError:
        pytest.skip("nothing of it has a price")
    return found, judged(found)


def change(text: re.Match[str]) -> float:
    """The relative change that a phrase names."""
    if text["share"]:
        share = float(text["share"].replace(",", "")) / 100
        return -share if text["way"] == "less" else share
    return 1.0 if text["twice"] else float(text["times"].replace(",", "")) - 1


def amounts(sentence: str) -> list[tuple[str, float]]:
    """Phrases of a sentence that name an amount."""
    return [(m[0], change(m)) for m in re.finditer(AMOUNT, sentence)]


def close(said: float, true: float) -> bool:
    """Whether a printed amount is the true one but for its digits."""
    return abs(said - true) <= max(0.0051, 0.052 * (1 + true) if true > 0.94 else 0.0051)


def energies(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Energy by hardware and precision."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        found.setdefault(row["hardware"], {})
        if row["energy_j"] is not None:
            found[row["hardware"]][row["precision"]] = row["energy_j"]
    return found


def test_the_winner_is_the_least_of_the_records(case: tuple[Comparison, Verdict]) -> None:
    found, verdict = case
    by_place = energies(found.to_records())
    for (_, hardware), winner in verdict.winners.items():
        if winner is not None:
            assert winner == min(by_place[hardware], key=lambda p: by_place[hardware][p])
    if verdict.sentence.startswith("Undecided"):
        assert None in verdict.winners.values()


def test_a_winner_leads_each_other_over_the_whole_range(case: tuple[Comparison, Verdict]) -> None:
    found, verdict = case
    for (model, hardware), winner in verdict.winners.items():
        if winner is None:
            continue
        first = found.results[0]
        rows = api.compare(
            model, hardware, list(dict.fromkeys(r.precision.name for r in found.results)), baseline=winner,
            batch=int(first.workload.batch),
        ).to_records()  # fmt: skip
        others = [r for r in rows if r["precision"] != winner and r["energy_j"] is not None]
        assert others
        assert all(row["saving_high"] < 0 for row in others), "the records allow another to need less"


def test_where_the_records_allow_either_the_verdict_is_undecided(case: tuple[Comparison, Verdict]) -> None:
    _, verdict = case
    for place in verdict.places:
        if len(place.ranked) < 2:
            continue
        first, second = place.ranked[:2]
        found = api.estimate(
            first.architecture, first.hardware, first.precision, batch=int(first.workload.batch),
            baseline=second.precision, runtime=first.runtime,
        ).to_records()[0]  # fmt: skip
        if found["saving_low"] <= 0 <= found["saving_high"]:
            assert place.winner is None
            names = [precision_name(r.precision.name) for r in (first, second)]
            if len(verdict.places) == 1 and first.hardware.has_clock:
                assert all(name in verdict.sentence.partition(";")[0] for name in names)


def test_every_amount_is_that_of_the_records(case: tuple[Comparison, Verdict]) -> None:
    found, verdict = case
    by_place = energies(found.to_records())
    changes = {
        each / other - 1
        for place in by_place.values()
        for each in place.values()
        for other in place.values()
        if each != other
    }
    memory = {d.nominal for pair in verdict.moved if pair and (d := pair[1]) is not None}
    for phrase, said in amounts(verdict.sentence):
        assert any(close(said, true) for true in changes | memory), phrase


def test_a_single_place_names_the_pair_of_each_amount(case: tuple[Comparison, Verdict]) -> None:
    found, verdict = case
    if len(verdict.places) != 1 or not found.results[0].hardware.has_clock:
        pytest.skip("several places, or a node")
    energy = energies(found.to_records())[found.results[0].hardware.name]
    names = {precision_name(name): name for name in energy}
    named = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    if led := re.match(rf"({named}) needs the least \w+.*?: (?:{AMOUNT}) than ({named})", verdict.sentence):
        first, other = names[led[1]], names[led[led.re.groups]]
        assert close(change(led), energy[first] / energy[other] - 1)
    for match in re.finditer(rf"({named}) needs (?:{AMOUNT})(?! than)", verdict.sentence):
        first = min(energy, key=lambda p: energy[p])
        assert close(change(match), energy[names[match[1]]] / energy[first] - 1)


def test_the_rival_is_in_the_table(case: tuple[Comparison, Verdict]) -> None:
    _, verdict = case
    for table in verdict_tables(verdict):
        headings = [c.heading for c in table.columns if c.heading.startswith("vs ")]
        for heading in headings:
            assert any(row[0].strip() == heading[3:] or heading[3:] in row[:2] for row in table.rows)


def test_one_bit_is_set_against_its_strongest_rival() -> None:
    found = api.compare("llama-3.1-8b", "h100-sxm-80gb", ["fp32", "fp16", "int8", "bitnet"], batch=32)
    verdict = judged(found)
    assert verdict.rival == "int8"
    assert verdict.sentence.startswith("int8 needs the least energy on the H100 SXM at batch 32: fp16 needs 54% more")
    assert "BitNet twice as much" in verdict.sentence
    assert "fp32" not in verdict.sentence


def test_a_node_gives_arithmetic_and_what_is_left_with_memory() -> None:
    found = api.compare("gpt3-175b", ["cmos-45nm", "cmos-7nm"], ["fp32", "fp16", "int8", "bitnet"])
    text = judged(found).sentence
    assert re.search(r"85% less.* at 45 nm", text)
    assert re.search(r"once memory traffic counts, (65% and 63%|63% and 65%) less\.", text)


def test_a_baseline_that_is_asked_for_rules_sentence_and_table() -> None:
    found = api.compare("llama-3.1-8b", "h100-sxm-80gb", ["int8", "bitnet"], baseline="fp16", batch=32)
    verdict = judged(found)
    assert verdict.rival == "fp16"
    assert "fp16" in verdict.sentence
    (table,) = verdict_tables(verdict)
    assert any(c.heading == "vs fp16" for c in table.columns)
    assert any(row[0].strip() == "fp16" for row in table.rows), "the baseline is in the table"


def test_the_figure_that_turns_a_lead_is_named() -> None:
    verdict = judged(api.compare("llama-3.2-1b", "raspberry-pi-5", ["fp16", "int8", "int4", "bitnet-b1.58"]))
    assert verdict.sentence.startswith("Undecided")
    for figure in verdict.turned_by:
        assert "." in figure


@pytest.mark.parametrize("name", catalog.devices())
def test_hardware_has_a_name_that_a_sentence_can_hold(name: str) -> None:
    assert 1 < len(hardware_name(catalog.hardware(name))) <= 32


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("snapdragon-8-elite", "Qualcomm Snapdragon 8 Elite"),
        ("snapdragon-8-elite-gen5", "Snapdragon 8 Elite Gen 5"),
        ("core-ultra-x7-368h-gpu", "Arc B390 (Core Ultra X7 368H)"),
        ("stm32n6", "STM32N6"),
        ("rtx-pro-6000-server", "rtx-pro-6000-server"),
    ],
)
def test_a_long_name_goes_without_its_maker(name: str, said: str) -> None:
    assert hardware_name(catalog.hardware(name)) == said


def test_of_several_devices_the_second_line_names_the_first_of_all_and_the_fastest() -> None:
    found = api.compare("llama-2-7b", ["l4", "h100-sxm-80gb", "raspberry-pi-5"], ["fp16", "int4"])
    least = min((r for r in found.results if r.has_energy), key=lambda r: float(r.energy_j))
    fastest = max(found.results, key=lambda r: r.tokens_per_s or 0.0)
    assert (least.precision.name, fastest.precision.name, fastest.hardware.name) == ("int4", "int4", "h100-sxm-80gb")
    also = judged(found).also
    firsts = {r.hardware.name: r for r in sorted(found.results, key=lambda r: -(r.energy_j or 0.0)) if r.has_energy}
    others = [r for name, r in firsts.items() if name != least.hardware.name]
    decided = all(
        surely_more(list(energy_interval(other)[:, 0]), list(energy_interval(least)[:, 0])) for other in others
    )
    assert also.startswith(
        "Of all, int4 on the " if decided else "Which of the three devices needs the least is undecided;"
    )
    assert "int4 on the H100 SXM" in also
    assert also.endswith(f"is the fastest, {fastest.tokens_per_s:.0f} tokens/s.")
    alone = judged(api.compare("llama-2-7b", ["raspberry-pi-5", "h100-sxm-80gb"], ["int4"]))
    assert alone.also.startswith("Of all, int4 on the H100 SXM needs the least, ")
    assert ", and is the fastest, " in alone.also
    assert not judged(api.compare(["gpt2", "llama-2-7b"], ["l4", "t4"], ["fp16", "int4"])).also
    assert not judged(api.compare("gpt2", ["cmos-45nm", "cmos-7nm"], ["fp16", "int4"])).also


def test_few_of_many_places_have_their_names() -> None:
    devices = ["h100-sxm-80gb", "h200-sxm-141gb", "b200", "mi300x", "l40s"]
    verdict = judged(api.compare("llama-3.1-70b", devices, ["bf16", "int8", "int4"], devices=4))
    (decided,) = [p for p in verdict.places if p.winner is not None]
    assert f"needs the least energy {verdict.at(decided)} (by " in verdict.sentence
    assert "undecided on 4 of 5 devices" in verdict.sentence


def test_many_nodes_say_what_is_left_with_memory_as_few_do() -> None:
    nodes = ["cmos-5nm", "cmos-7nm", "cmos-16nm", "cmos-28nm", "cmos-45nm"]
    for models in ("llama-3.1-8b", ["gpt2", "llama-3.1-8b"]):
        found = api.compare(models, nodes, ["int8", "bitnet"])
        moved = {
            (r.architecture.name, r.hardware.name, r.precision.name): float(r.energy_j)
            for r in api.compare(models, nodes, ["int8", "bitnet"], scope="memory").results
        }
        saved = [100 * (1 - e / moved[m, node, "int8"]) for (m, node, p), e in moved.items() if p == "bitnet"]
        sentence = judged(found).sentence
        assert sentence.startswith("BitNet needs the least arithmetic energy ")
        assert f"; once memory traffic counts, by {min(saved):.0f}% to {max(saved):.0f}%." in sentence
    assert " at 5 of 5 nodes (by " in judged(api.compare("gpt2", nodes, ["int8", "bitnet"])).sentence
