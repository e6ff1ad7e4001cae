"""What fits: the first line is true of the records, the table shows the same, and all of it fits a terminal."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from bitnet_cost import api, estimate
from bitnet_cost.inputs.division import refusal
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.readers import catalog
from bitnet_cost.views.fit import LISTED, fit_report
from bitnet_cost.views.terminal import as_terminal
from bitnet_cost.views.verdict import hardware_name, precision_name
from tests.conftest import Ran

Run = Callable[..., Ran]
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
PRECISIONS = ("fp32", "fp16", "int8", "int4", "q2_k", "bitnet-b1.58", "bitnet", "w4a8kv8")


def first(text: str) -> str:
    """The sentence before the first table, unwrapped."""
    return " ".join(text.partition("\n\n")[0].split())


def records(ran: Ran) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ran.out)
    return found


def gigabytes(text: str) -> float:
    figure, unit = text.split()
    return float(figure.replace(",", "")) * {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]


def drawn_cases() -> list[tuple[str, str, tuple[str, ...], int]]:
    draw = random.Random(16)
    devices, models = catalog.devices(), catalog.names("model")
    cases = []
    for _ in range(40):
        hardware = draw.choice(devices)
        many = draw.choice([1, 1, 1, 2, 8])
        asked, model = draw.sample(PRECISIONS, draw.choice([1, 2, 4, 6])), draw.choice(models)
        joined = many <= catalog.hardware(hardware).joined_at_most
        many = many if joined and refusal(catalog.model(model), many, "tensor") is None else 1
        cases.append((model, hardware, tuple(asked), many))
    return cases


def all_of(count: int) -> str:
    return "both" if count == 2 else f"all {NUMBERS[count]}"


@pytest.mark.parametrize(("model", "hardware", "precisions", "many"), drawn_cases())
def test_the_first_line_is_true_of_the_records(
    model: str, hardware: str, precisions: tuple[str, ...], many: int, bitnet_cost: Run
) -> None:
    words = ("fit", model, "-H", hardware, *(w for p in precisions for w in ("-p", p)), "--devices", str(many))
    text, rows = first(bitnet_cost(*words).out), records(bitnet_cost(*words, "-f", "json"))
    device = catalog.hardware(hardware)
    held = [row["precision"] for row in rows if row["fits"]]
    name = hardware_name(device)
    where = f"one {name}" if many == 1 else f"{NUMBERS[many]} {name}"
    assert where in text
    claimed, _, figures = text.partition(": ")
    figures = figures or text  # where one fits and one does not, the claim has their amounts
    if not held:
        assert "does not fit" in claimed if len(rows) == 1 else re.search("in n(one|either) of the", claimed)
    elif len(held) == len(rows):
        assert "does not fit" not in text
        assert len(rows) == 1 or f"in {all_of(len(rows))} precisions" in claimed
    else:
        one_bit = {p for p in precisions if p.startswith("bitnet")}
        assert claimed.startswith("Of the") == (set(held) <= one_bit and set(precisions) - one_bit != set())
    checked = 0
    # each amount: "NAME ... needs 18.5 of its 25.8 GB", with the least of those that fit and the nearest that does not
    for row in rows:
        spoken = precision_name(row["precision"])
        for need in re.findall(
            rf"(?<![\w.]){re.escape(spoken)}(?:, [a-z ]+,)?(?: |, which )needs ([\d.,]+ ?[kMG]?B?)", figures
        ):
            whole = re.search(r"of (?:its|each \w+'s) ([\d.,]+ ([kMG]B))", text)
            unit = f" {whole[2]}" if whole and "B" not in need else ""
            checked += 1
            part = _on_each(model, hardware, row["precision"], many)
            assert gigabytes(f"{need.strip()}{unit}") == pytest.approx(part, rel=6e-3), text
    assert checked == (len(rows) > 1) + (0 < len(held) < len(rows)), text
    whole = re.search(r"of (?:its|each \w+'s) ([\d.,]+ [kMG]B)", text)
    assert whole
    assert gigabytes(whole[1]) == pytest.approx(rows[0]["capacity_bytes"], rel=6e-3)


def _on_each(model: str, hardware: str, precision: str, many: int) -> float:
    (asked,) = api.scenarios(
        [catalog.model(model)], [catalog.hardware(hardware)], [catalog.precision(precision)], Workload(), usual=True,
        devices=many,
    )  # fmt: skip
    (found,) = api.fitting([asked])
    return float(found.result.footprint.on_each(many)[0]) / 8


def test_the_question_of_the_issue(bitnet_cost: Run) -> None:
    ran = bitnet_cost("fit", "llama-2-70b", "-H", "rtx-4090")
    assert first(ran.out) == (
        "Of the six precisions, only 1-bit weights put Llama 2 70B on one RTX 4090: BitNet b1.58 needs 18.5 of its 25.8"
        " GB, BitNet 9.91; int4, the nearest rival, needs 36.9 GB, two cards."
    )
    rows = [line.split() for line in ran.out.splitlines() if line.startswith(("bitnet ", "int4", "fp32"))]
    assert rows == [
        ["bitnet", "9.91", "38%", "#####", "|", "1", "76", "4,096+"],
        ["int4", "36.9", "143%", "############|#####", "2", "-", "-"],
        ["fp32", "277", "1,074%", "############|######>", "16", "-", "-"],
    ]
    flat = " ".join(ran.out.split())
    assert "The RTX 4090 joins two cards at most, so int8, fp16 and fp32 need another device." in flat
    assert sum(line.startswith("- ") for line in ran.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("llama-3.1-8b", "-H", "h100-sxm-80gb"), "Llama 3.1 8B fits one H100 SXM in all six precisions: fp32, the widest, needs 32.4 of its 83.0 GB, BitNet 3.11."),
        (("llama-3.1-8b", "-H", "h100-sxm-80gb", "-p", "fp16"), "Llama 3.1 8B fits one H100 SXM in fp16: it needs 16.2 of its 83.0 GB."),
        (("llama-2-70b", "-H", "rtx-4090", "-p", "fp16"), "Llama 2 70B does not fit one RTX 4090 in fp16: it needs 138 of its 25.8 GB, eight cards, of which it joins two."),
        (("llama-2-70b", "-H", "rtx-4090", "-p", "fp16", "-p", "int4", "--devices", "2"), "Llama 2 70B fits two RTX 4090 cards in int4, which needs 18.5 of each card's 25.8 GB; fp16, the next, needs 69.2 GB a card, eight cards, of which it joins two."),
        (("llama-3.1-8b", "-H", "stm32h7"), "Llama 3.1 8B fits one STM32H743 in none of the six precisions: BitNet, the smallest, needs 3.11 GB of its 2.10 MB, and no number of devices has room for its activations."),
        (("llama-3.1-8b", "-H", "raspberry-pi-5", "-p", "fp16", "-p", "int4"), "Llama 3.1 8B fits one Raspberry Pi 5 in int4, which needs 5.86 of its 8.00 GB; fp16, the next, needs 16.2 GB; four devices would hold it, but nothing joins them."),
        (("llama-3.1-8b", "-H", "l4", "-p", "int8,int4"), "Llama 3.1 8B fits one L4 in both precisions: int8, the widest, needs 9.22 of its 23.4 GB, int4 5.86."),
        (("deepseek-v3", "-H", "h100-sxm-80gb", "-p", "fp8-block,int4"), "DeepSeek-V3 fits one H100 SXM in neither of the two precisions: int4, the smallest, needs 352 of its 83.0 GB, eight cards. With --offload experts it fits in fp8-block and int4."),
        (("bert-base", "-H", "l4", "-p", "fp16"), "BERT base (uncased) fits one L4 in fp16: it needs 226 MB of its 23.4 GB."),
    ],
)  # fmt: skip
def test_each_kind_of_case_has_its_sentence(words: tuple[str, ...], sentence: str, bitnet_cost: Run) -> None:
    assert first(bitnet_cost("fit", *words).out) == sentence


def test_several_devices_each_by_the_widest_it_holds(bitnet_cost: Run) -> None:
    devices = ("-H", "apple-m1-pro-gpu-14c", "-H", "h100-sxm-80gb", "-H", "stm32h7")
    text = bitnet_cost("fit", "llama-3.1-8b", *devices, "-p", "fp16", "-p", "int8").out
    assert first(text) == (
        "Llama 3.1 8B fits the H100 SXM in fp16 and int8; the Apple M1 Pro in int8; it does not fit the STM32H743 in any"
        " of them (int8 needs 9.22 GB of its 2.10 MB)."
    )
    assert [line for line in text.splitlines() if re.match(r"\w.*[\d.]+ [MG]B$", line)] == [
        "apple-m1-pro-gpu-14c, 11.5 GB", "h100-sxm-80gb, 83.0 GB", "stm32h7, 2.10 MB",
    ]  # fmt: skip
    same = first(bitnet_cost("fit", "llama-2-70b", "-H", "a100-sxm-40gb", "-H", "a100-sxm-80gb").out)
    assert "a100-sxm-80gb in int8" in same  # one name for both would not tell them apart
    assert "a100-sxm-40gb in int4" in same


def test_an_answer_fits_a_terminal_and_says_the_same_with_colour(bitnet_cost: Run) -> None:
    for words in (("llama-2-70b", "-H", "rtx-4090"), ("-H", "rtx-4090"), ("-H", "stm32h7"), ("gpt2", "-H", "l4"),
                  ("llama-3.1-8b", "-H", "h100-sxm-80gb", "-H", "l4", "-H", "apple-m1-pro-gpu-14c", "-H", "t4")):  # fmt: skip
        lines = bitnet_cost("fit", *words).out.splitlines()
        assert len(lines) <= 50, words
        assert all(len(line) <= 80 for line in lines), words
    fits = api.fitting(api.scenarios(
        [catalog.model("gpt2")], [catalog.hardware("l4")], [catalog.precision("fp16")], Workload()
    ))  # fmt: skip
    coloured = as_terminal(fit_report(fits), 80)
    assert "\x1b[" in coloured
    plain = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert "|" in plain


def test_the_longest_prompt_ends_where_the_model_does_and_says_so(bitnet_cost: Run) -> None:
    text = " ".join(bitnet_cost("fit", "llama-2-70b", "-H", "rtx-4090", "-p", "bitnet-b1.58").out.split())
    assert "4,096+" in text
    assert "+ memory would hold more (22,751), the model was made for 4,096." in text
    below = bitnet_cost("fit", "llama-3.1-8b", "-H", "apple-m1-pro-gpu-14c", "-p", "int8").out
    assert "17,575" in below
    assert "17,575+" not in below


def test_no_limit_of_the_program_is_taken_for_one_of_the_device(bitnet_cost: Run) -> None:
    words = ("-H", "h100-sxm-80gb", "-p", "fp16", "--notes")
    text = bitnet_cost("fit", "mamba-130m", *words).out  # its state does not grow
    assert "100,000,000+" in text
    assert "the limit of this program" in text
    assert "the limit of this program" not in bitnet_cost("fit", "gpt2", *words).out


def test_fit_says_what_each_runtime_keeps(bitnet_cost: Run) -> None:
    devices = ("-H", "raspberry-pi-5", "-H", "h100-sxm-80gb")
    both = " ".join(bitnet_cost("fit", "gpt2", *devices, "-p", "fp16", "--notes").out.split())
    what = "Memory kept for the workspace of the runtime"
    assert f"{what}: none on the Raspberry Pi 5; 3% on the H100 SXM." in both
    assert f"{what}: 3%." in " ".join(bitnet_cost("fit", "gpt2", *devices[2:], "-p", "fp16", "--notes").out.split())


def test_without_a_model_the_largest_that_fits(bitnet_cost: Run) -> None:
    """The first line and the table are those of a search over the whole catalogue, not of a few sizes."""
    words = ("fit", "-H", "rtx-4090", "-p", "int8", "-p", "bitnet")
    text, rows = bitnet_cost(*words).out, records(bitnet_cost(*words, "-f", "json"))
    assert {row["model"] for row in rows} == set(catalog.names("model"))
    sizes = [estimate(row["model"], "cmos-7nm", "fp16").parameters for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    held = [row for row in rows if row["fits"]]
    sentence = first(text)
    top = held[0]
    assert sentence.startswith(
        f"{catalog.model(top['model']).title} is the largest of the catalogue's {len(rows)} models"
    )
    spare = (top["capacity_bytes"] - top["footprint_bytes"]) / 1e9
    (line,) = [line for line in text.splitlines() if line.startswith(f"{top['model']} ")]
    assert line.split()[-1] == f"{spare:.3g}".ljust(4, "0")[:4]
    wide = next(row for row in held if row["precision"] == "int8")
    assert f"Without 1-bit weights it is {catalog.model(wide['model']).title}" in sentence
    shown = [line.split()[0] for line in text.splitlines() if " |" in line or "#|" in line]
    assert shown == [row["model"] for row in held[:LISTED]]
    for row in rows:  # the widest that fits, and what needs least where none does
        alone = records(bitnet_cost("fit", row["model"], *words[1:], "-f", "json")) if row["model"] in (
            "gpt2", "falcon-180b", "deepseek-r1", "llama-2-13b", "llama-30b", "bert-base") else []  # fmt: skip
        for each in alone:
            assert each["fits"] <= row["fits"]
            if each["fits"]:
                assert each["footprint_bytes"] <= row["footprint_bytes"]
    nothing = first(bitnet_cost("fit", "-H", "stm32h7").out)
    assert nothing.startswith(f"None of the catalogue's {len(rows)} models fits one STM32H743: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("llama-3.1-8b", "-H", "cmos-7nm"), "is a technology node"),
        (("-H", "cmos-7nm"), "is a technology node"),
        (("gpt2", "-H", "h100-sxm-80gb", "--devices", "9"), "joins 8, not 9"),
        (("gpt2", "-H", "raspberry-pi-5", "--devices", "2"), "runs alone"),
        (("gpt2", "-H", "l4", "--generate", "0"), "generate: 0 is not a whole number"),
        (("gpt2",), "--hardware"),
    ],
)
def test_bad_questions_are_refused(words: tuple[str, ...], message: str, bitnet_cost: Run) -> None:
    ran = bitnet_cost("fit", *words)
    assert ran.code == 2
    assert message in ran.err
    assert not ran.out
