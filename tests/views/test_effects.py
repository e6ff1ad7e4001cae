"""Notes say what an option does here, and where it does nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]
NO_EFFECT = "--accumulator has no effect"


def told(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return " ".join(ran.out.split())


@pytest.mark.parametrize("accumulator", ["paper", "int32"])
@pytest.mark.parametrize("precision", ["int8", "w4a8", "bitnet"])
def test_the_accumulator_has_no_effect_on_a_device_and_one_line_says_so(
    bitnet_cost: Run, precision: str, accumulator: str
) -> None:
    words = ("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", precision, "--accumulator", accumulator)
    text = told(bitnet_cost(*words))
    assert text.count(NO_EFFECT) == 1
    assert "INT32" not in text


def test_products_without_an_accumulator_say_nothing_of_it(bitnet_cost: Run) -> None:
    assert NO_EFFECT not in told(bitnet_cost("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16"))


def test_nodes_say_what_the_other_accumulator_makes_of_the_saving(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-2-7b", "-H", "cmos-45nm", "-p", "bitnet", "--accumulator")
    assert "with INT32 accumulators the saving is bitnet 97.50 % instead of 99.01 at cmos-45nm." in told(
        bitnet_cost(*words, "paper")
    )
    wide = told(bitnet_cost(*words, "int32"))
    assert "accumulate in INT32 at technology nodes" in wide
    assert "(--accumulator paper) the saving is bitnet 99.01 % instead of 97.50 at cmos-45nm." in wide
    own = told(bitnet_cost(*words, "int32", "--baseline", "bitnet"))
    assert "Integer products accumulate in INT32 at technology nodes." in own


def test_a_baseline_accumulates_too(bitnet_cost: Run) -> None:
    words = ("estimate", "gpt2", "-H", "cmos-7nm", "-p", "fp16", "--baseline", "int8")
    assert "with INT32 accumulators the saving is fp16 -" in told(bitnet_cost(*words))


def test_elementwise_work_is_said_of_the_rows_that_lack_it(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-2-7b", "-H", "cmos-45nm", "-p", "fp16")
    added = "would add up to 0.14 % (fp16) at cmos-45nm"
    assert f"{added}. " in told(bitnet_cost(*words))
    assert f"{added}; rows of wider scopes hold it." in told(bitnet_cost(*words, "-H", "h100-sxm-80gb"))
    assert "Elementwise" not in told(bitnet_cost(*words[:2], "-H", "h100-sxm-80gb", "-p", "fp16"))


def test_a_facility_without_a_pue_adds_nothing_and_says_so(bitnet_cost: Run) -> None:
    words = ("estimate", "gpt2", "-H", "h100-sxm-80gb", "-p", "fp16", "--scope", "facility")
    for more in ((), ("--carbon", "deu"), ("--pue", "1")):
        assert "Scope facility with PUE 1 (--pue gives another)" in told(bitnet_cost(*words, *more))
    assert "with PUE 1 " not in told(bitnet_cost(*words, "--pue", "1.2"))
    assert "with PUE 1 " not in told(bitnet_cost(*words[:-2]))


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
def test_a_node_has_no_facility(bitnet_cost: Run, asked: tuple[str, ...], said: str) -> None:
    assert said in told(bitnet_cost("estimate", "gpt2", *asked, "-f", "markdown"))
    assert "has no clock and no facility" not in told(bitnet_cost("estimate", "gpt2", "-H", "l4", *asked))
    assert "has no clock and no facility" not in told(bitnet_cost("estimate", "gpt2"))


def test_traced_scores_are_all_of_them_though_attention_is_causal(bitnet_cost: Run) -> None:
    text = told(bitnet_cost("estimate", "gpt2", "--counting", "traced"))
    assert "causal attention" in text
    assert "all P^2 scores of the prefill are counted" in text
    assert "all P^2" not in told(bitnet_cost("estimate", "gpt2", "--counting", "traced", "--attention", "full"))
    assert "all P^2" not in told(bitnet_cost("estimate", "gpt2"))
