"""Notes say what an option does here, and where it does nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]
NO_EFFECT = "--accumulator changes nothing on a device"


def told(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return " ".join(ran.out.split())


@pytest.fixture
def whole(bitnet_cost: Run) -> Callable[..., str]:
    """An answer with all its notes, as one line."""
    return lambda *words: told(bitnet_cost(*words, "--notes"))


@pytest.mark.parametrize("accumulator", ["paper", "int32"])
@pytest.mark.parametrize("precision", ["int8", "w4a8", "bitnet"])
def test_the_accumulator_has_no_effect_on_a_device_and_one_line_says_so_to_who_asked(
    whole: Callable[..., str], precision: str, accumulator: str
) -> None:
    words = ("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", precision, "--accumulator", accumulator)
    text = whole(*words)
    assert text.count(NO_EFFECT) == (accumulator == "int32")
    assert "INT32" not in text


def test_products_without_an_accumulator_say_nothing_of_it(whole: Callable[..., str]) -> None:
    words = ("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16", "--accumulator", "int32")
    assert NO_EFFECT not in whole(*words)


def test_nodes_say_what_the_other_accumulator_makes_of_the_lead(whole: Callable[..., str]) -> None:
    words = ("estimate", "llama-2-7b", "-H", "cmos-45nm", "-p", "bitnet", "--accumulator")
    paper, wide = whole(*words, "paper"), whole(*words, "int32")
    assert "BitNet needs 99.0% less arithmetic energy than fp32 at 45 nm" in paper
    assert "With INT32 accumulators BitNet needs 97.5% less than fp32 at 45 nm." in paper
    assert "BitNet needs 97.5% less arithmetic energy than fp32 at 45 nm" in wide
    assert "Integer products accumulate in INT32." in wide
    assert "(--accumulator paper) BitNet needs 99.0% less than fp32 at 45 nm." in wide
    assert "accumulat" not in whole(*words, "int32", "--baseline", "bitnet").partition("Memory:")[0]


def test_a_baseline_accumulates_too(whole: Callable[..., str]) -> None:
    words = ("estimate", "gpt2", "-H", "cmos-7nm", "-p", "fp16", "--baseline", "int8")
    assert "With INT32 accumulators int8 needs" in whole(*words)


def test_elementwise_work_is_said_of_the_rows_that_lack_it(whole: Callable[..., str]) -> None:
    words = ("estimate", "llama-2-7b", "-H", "cmos-45nm", "-p", "fp16")
    added = "would add up to 0.14 % (fp16) at cmos-45nm"
    assert f"{added}. " in whole(*words)
    assert f"{added}; rows of wider scopes hold it." in whole(*words, "-H", "h100-sxm-80gb")
    assert "Elementwise" not in whole(*words[:2], "-H", "h100-sxm-80gb", "-p", "fp16")


def test_a_facility_without_a_pue_adds_nothing_and_says_so(whole: Callable[..., str]) -> None:
    words = ("estimate", "gpt2", "-H", "h100-sxm-80gb", "-p", "fp16", "--scope", "facility")
    for more in ((), ("--carbon", "deu"), ("--pue", "1")):
        assert "Scope facility with PUE 1 (--pue gives another)" in whole(*words, *more)
    assert "with PUE 1 " not in whole(*words, "--pue", "1.2")
    assert "with PUE 1 " not in whole(*words[:-2])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--pue", "1.3", "--carbon", "deu", "--price", "0.2"), "--pue, --carbon, --price at cmos-45nm, cmos-7nm."),
        (("--price", "0.2"), "no effect of --price at"),
        (("--device-hour", "2", "--embodied", "100"), "no effect of --device-hour, --embodied at"),
        (("--pue", "1"), "no effect of --pue at"),
    ],
    ids=["site", "price", "device", "one"],
)
def test_a_node_has_no_facility(whole: Callable[..., str], asked: tuple[str, ...], said: str) -> None:
    assert said in whole("estimate", "gpt2", *asked, "-f", "markdown")
    assert "has no clock and no facility" not in whole("estimate", "gpt2", "-H", "l4", *asked)
    assert "has no clock and no facility" not in whole("estimate", "gpt2")


def test_traced_scores_are_all_of_them_though_attention_is_causal(whole: Callable[..., str]) -> None:
    text = whole("estimate", "gpt2", "--counting", "traced")
    assert "all P^2 scores of the prefill are counted" in text
    assert "all P^2" not in whole("estimate", "gpt2", "--counting", "traced", "--attention", "full")
    assert "all P^2" not in whole("estimate", "gpt2")
