"""Unlike hardware side by side: a heading is true of each of its rows, a sentence of the hardware that it names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Ran
from tests.test_formats_agree import of_markdown

Run = Callable[..., Ran]
UNLIKE = ("llama-2-7b", "-H", "h100-sxm-80gb", "-H", "raspberry-pi-5", "-H", "cmos-7nm", "-p", "fp16", "-p", "bitnet",
          "-p", "int4")  # fmt: skip
APART = ("linear-64x64", "-H", "h100-sxm-80gb", "-H", "max78000", "-p", "int8", "-p", "fp16", "--baseline", "int8")


def flat(text: str) -> str:
    return " ".join(text.split())


def records(bitnet_cost: Run, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(bitnet_cost("estimate", *words, "-f", "json").out)["records"]
    return found


def titled(markdown: str) -> list[tuple[str, list[list[str]]]]:
    """Title and rows of each table."""
    return list(zip(re.findall(r"^\*\*(.+)\*\*$", markdown, re.MULTILINE), of_markdown(markdown), strict=True))


@pytest.mark.parametrize(
    "words", [UNLIKE, ("llama-2-7b", "-H", "cmos-45nm", "-H", "h100-sxm-80gb", "-p", "fp16")], ids=["three", "two"]
)
def test_a_heading_is_true_of_each_row(bitnet_cost: Run, words: tuple[str, ...]) -> None:
    by_cell = {(r["hardware"], r["precision"]): r for r in records(bitnet_cost, *words)}
    seen: list[tuple[str, str]] = []
    for title, (head, *rows) in titled(bitnet_cost("estimate", *words, "-f", "markdown", "--notes").out):
        for row in rows if title.startswith(("Energy", "Time")) else ():
            record = by_cell[row[0], row[1]]
            assert f"{record['prompt']} tokens in" in title
            assert (f"{record['generate']} out" in title) is (record["generate"] > 1)
            if title.startswith("Time"):
                assert f"runtime {record['runtime']}:" in title
                continue
            seen.append((row[0], row[1]))
            assert f"scope {record['scope']}:" in title
            if record["saving"] is not None:
                assert head[4] == f"saving % on {record['baseline']}"
    assert seen == list(by_cell)


def test_the_memory_of_each_workload_stands_by_itself(bitnet_cost: Run) -> None:
    told = {
        t: rows
        for t, rows in titled(bitnet_cost("estimate", *UNLIKE, "-f", "markdown", "--notes").out)
        if "Memory" in t
    }
    (devices, first), (node, second) = told.items()
    assert devices.startswith("Memory at h100-sxm-80gb, raspberry-pi-5: ")
    assert node.startswith("Memory at cmos-7nm: ")
    assert {row[3] for row in first[1:]} == {"335.0"}  # 639 positions
    assert {row[3] for row in second[1:]} == {"268.4"}  # 512 of them
    alone = bitnet_cost("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-H", "raspberry-pi-5", "--notes").out
    assert alone.count("Memory") == 1


def test_nodes_and_devices_have_a_sentence_each(bitnet_cost: Run) -> None:
    words = tuple("l4" if word == "h100-sxm-80gb" else word for word in UNLIKE)
    text = flat(bitnet_cost("estimate", *words).out.partition("\n\n")[0])
    by_cell = {(r["hardware"], r["precision"]): r["energy_j"] for r in records(bitnet_cost, *words)}
    node, _, devices = text.partition(" less. ")
    assert node.startswith("BitNet needs 97.6% less arithmetic energy than fp16, the strongest rival asked,")
    assert "at 7 nm; once memory traffic counts," in node
    change = 1 - by_cell["l4", "bitnet"] / by_cell["l4", "int4"]
    assert f"BitNet needs the least energy on the L4 ({100 * change:.0f}% less than int4)" in devices
    assert "undecided on the Raspberry Pi 5" in devices
    refused = bitnet_cost("estimate", "llama-2-7b", "-H", "raspberry-pi-5", "-H", "gap8", "-p", "fp32").out
    assert flat(refused).startswith("Llama 2 7B does not fit on any of these 2 devices: it needs 27.7 GB")


def test_each_row_has_its_own_prefix_where_none_suits_all(bitnet_cost: Run) -> None:
    """An H100 and microcontrollers share scope, workload and baseline."""
    text = bitnet_cost("estimate", *APART, "--draws", "100", "--notes").out
    of = {r["hardware"]: r for r in records(bitnet_cost, *APART) if r["precision"] == "int8"}
    for device, row, unit, scale in (("h100-sxm-80gb", "h100-sxm-", "J", 1), ("max78000", "max78000", "µJ", 1e-6)):
        shown = re.search(rf"{row} +int8 +([\d.]+) {unit}\*? +([\d.]+) to ([\d.]+) {unit} +baseline", text)
        assert shown
        energies = [of[device][key] for key in ("energy_j", "energy_low_j", "energy_high_j")]
        assert [float(each) * scale for each in shown.groups()] == pytest.approx(energies, rel=5e-3)
    band = re.search(r"max78000 +int8 +(\d+) µJ +(\d+) µJ +(\d+) µJ", text)
    assert band
    least, middle, most = (float(each) for each in band.groups())
    assert least < middle == pytest.approx(of["max78000"]["energy_j"] * 1e6, rel=0.1)
    assert middle < most
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize("words", [UNLIKE, APART], ids=["scopes", "devices"])
def test_no_range_is_below_its_unit(bitnet_cost: Run, words: tuple[str, ...]) -> None:
    assert "<0.0001 to" not in bitnet_cost("estimate", *words, "--draws", "100").out


def test_what_narrower_scopes_leave_out_is_said(bitnet_cost: Run) -> None:
    tail = flat(bitnet_cost("estimate", *UNLIKE, "--notes").out.rpartition("Not counted:")[2])
    assert "; in scope arithmetic also elementwise work (scope compute), data movement" in tail
    listed = json.loads(bitnet_cost("estimate", *UNLIKE, "-f", "json").out)["not_counted"]
    assert "static power, in scope arithmetic" in listed
    assert "cooling, power supply" in listed
    alone = json.loads(bitnet_cost("estimate", "gpt2", "-f", "json").out)["not_counted"]
    assert "static power" in alone


def test_a_sentence_names_the_energy_of_a_narrower_scope(bitnet_cost: Run) -> None:
    words = ("compare", "llama-2-7b", "-H", "h100-sxm-80gb")
    for scope, named in (("arithmetic", "arithmetic energy"), ("compute", "computing energy"), ("device", "energy")):
        text = flat(bitnet_cost(*words, "--scope", scope).out.partition("\n\n")[0])
        assert f"the least {named} on" in text or f"by their {named}" in text


def test_a_day_of_requests_is_of_devices(bitnet_cost: Run) -> None:
    refused = bitnet_cost("estimate", *UNLIKE, "--requests-per-day", "1e6")
    assert (refused.code, refused.out) == (2, "")
    assert "requests-per-day: 'cmos-7nm' is a technology node" in refused.err


def test_requests_of_a_day_are_served_as_they_come(bitnet_cost: Run) -> None:
    model = ("llama-3.1-8b", "-H", "h100-sxm-80gb", "-p", "fp16")
    words = ("estimate", *model, "--requests-per-day", "1e6")
    text = flat(bitnet_cost(*words).out)
    alone = records(bitnet_cost, *model)[0]["energy_j"] * 1e6 / 3.6e6
    load = json.loads(bitnet_cost("load", *words[1:], "-f", "json").out)["records"][0]
    found = re.match(
        r"As they come, 1,000,000 requests a day need one H100 SXM and ([\d.]+) kWh in fp16, ([\d.]+) at a time"
        r" and waiting included; one by one they would take ([\d.]+) kWh", text
    )  # fmt: skip
    assert found
    assert [float(x) for x in found.groups()] == pytest.approx(
        [load["energy_day_kwh"], load["mean_batch"], alone], rel=5e-3
    )
    (day,) = json.loads(bitnet_cost(*words, "-f", "json").out)["days"]
    assert day["energy_j_per_day"] == pytest.approx(load["energy_day_kwh"] * 3.6e6, rel=1e-12)
    assert (day["mean_batch"], day["replicas"]) == (load["mean_batch"], load["replicas"])
    assert "in full batches of 8 they would take" in flat(bitnet_cost(*words, "-b", "8").out)


def test_inputs_hold_what_records_share(bitnet_cost: Run) -> None:
    inputs = json.loads(bitnet_cost("estimate", *UNLIKE, "-f", "json").out)["inputs"]
    assert (inputs["workload"]["prompt"], inputs["workload"]["generate"], inputs["scope"]) == (512, None, None)
    alone = json.loads(bitnet_cost("estimate", "gpt2", "-f", "json").out)["inputs"]
    assert (alone["workload"]["generate"], alone["workload"]["attention"], alone["scope"]) == (
        1,
        "causal",
        "arithmetic",
    )


def test_a_page_lists_every_workload(bitnet_cost: Run) -> None:
    page = flat(bitnet_cost("estimate", *UNLIKE, "-f", "html", "--plotly", "none").out)
    assert "128 out, causal attention, logits last, counting serving, devices 1 (h100-sxm-80gb, raspberry-pi-5)" in page
    assert "1 out, causal attention, logits last, counting serving, devices 1 (cmos-7nm)" in page
