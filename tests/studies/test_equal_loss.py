"""The size of equal loss: laws against what their papers say of them, ranges, models, verdicts, refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from bitnet_cost import BitnetCostError, equal_loss
from bitnet_cost.formulas import scaling
from bitnet_cost.readers import catalog, laws
from bitnet_cost.readers.laws import Point
from bitnet_cost.studies import law_fit
from bitnet_cost.studies.equal_loss import Place, Priced, of_size
from bitnet_cost.studies.scaling_laws import EqualSize, equal_sizes, loss_gap
from tests.conftest import Ran

FP16, TERNARY, ONE_BIT = (catalog.precision(name) for name in ("fp16", "bitnet-b1.58", "bitnet"))
LAWS = laws.laws().laws


def sizes(parameters: float, precision: str = "bitnet-b1.58", **asked: float) -> dict[str, EqualSize]:
    return {s.name: s for s in equal_sizes(parameters, FP16, catalog.precision(precision), **asked)}


def values(law: str, side: int = 0) -> dict[str, float]:
    return {name: constant.value for name, constant in LAWS[law].sides[side].constants.items()}


# --- what the papers say of their laws -------------------------------------------------------------------------------


def test_kumar_finds_seven_to_eight_bits_optimal() -> None:
    """At a compute of N D P the best precision has the most effective parameters a bit (section 4.3.2)."""
    k = values("kumar")

    def share(bits: float) -> float:
        parts = ("weights", "activations", "cache")
        return math.prod(scaling.share_of_parameters(bits, k[p], k[f"{p}_offset"]) for p in parts) / bits

    assert 7 <= max(np.arange(3, 16, 0.1), key=share) <= 8


def test_a_trilm_of_3_9b_has_the_loss_of_a_floatlm_of_1_1b() -> None:
    wide, ternary = values("spectra"), values("spectra", 1)
    found = scaling.size_of_loss(scaling.loss_of_size(1.1e9, **wide), **ternary)
    assert found == pytest.approx(3.9e9, rel=0.2)


@pytest.mark.parametrize(("law", "tokens_a_parameter"), [("hoffmann", 93), ("besiroglu", 18)])
def test_tokens_a_parameter_at_the_compute_of_chinchilla(law: str, tokens_a_parameter: float) -> None:
    """Where d L / d ln N = d L / d ln D on 6 N D = C, which the replication computes for both fits."""
    k, compute = values(law), 6 * 70e9 * 1.4e12
    a, b = k["exponent"], k["data_exponent"]
    n = (a * k["scale"] / (b * k["data"])) ** (1 / (a + b)) * (compute / 6) ** (b / (a + b))
    assert compute / 6 / n**2 == pytest.approx(tokens_a_parameter, rel=0.06)


def test_kaplan_loses_five_percent_of_the_loss_for_twice_the_size() -> None:
    exponent = values("kaplan")["exponent"]
    assert 2**-exponent == pytest.approx(0.95, abs=0.002)


def test_every_law_says_where_it_is_from_and_what_it_was_fitted_on() -> None:
    assert {"kaplan", "hoffmann", "besiroglu", "kumar", "spectra", "bitnet-b1.58"} <= set(LAWS)
    for law in LAWS.values():
        assert law.source.startswith("arXiv:")
        assert law.parameters[0] < law.parameters[1]


# --- sizes -----------------------------------------------------------------------------------------------------------


def test_the_size_has_the_loss() -> None:
    found = sizes(7e9)["spectra"]
    wide, ternary = values("spectra"), values("spectra", 1)
    assert found.loss == pytest.approx(159 / 7e9**0.26 + 1.67)
    assert scaling.loss_of_size(found.parameters[1], **ternary) == pytest.approx(scaling.loss_of_size(7e9, **wide))
    assert found.gap == pytest.approx((185 - 159) / 7e9**0.26 + 0.09)


def test_a_precision_that_keeps_a_share_of_parameters_needs_that_many_more() -> None:
    k = values("kumar")
    share = [
        math.prod(
            scaling.share_of_parameters(bits, k[part], k[f"{part}_offset"])
            for part, bits in (("weights", weights), ("activations", activations), ("cache", 16))
        )
        for weights, activations in ((16, 16), (math.log2(3), 8))
    ]
    for tokens in (1e9, 1e13):  # data adds the same to both
        found = sizes(1e8, tokens=tokens)["kumar"]
        assert found.parameters[1] / 1e8 == pytest.approx(share[0] / share[1])


def test_a_law_of_16_bits_keeps_the_published_gap() -> None:
    found = sizes(7e9, "bitnet")["kaplan"]
    gap = math.log(17.07 / 15.19)
    loss = (8.8e13 / 7e9) ** 0.076
    assert found.parameters[1] == pytest.approx(8.8e13 / (loss - gap) ** (1 / 0.076))
    assert found.beyond[0].startswith("gap of 0.12 nats at 6.7B (bitnet) kept")


def test_a_loss_below_the_floor_has_no_size() -> None:
    found = sizes(1e15)["spectra"]
    assert found.known
    assert found.parameters[1] == math.inf
    assert sizes(7e9, "bitnet")["besiroglu"].parameters[2] == math.inf  # its printed errors reach there


def test_ranges_hold_the_size_and_grow_with_the_error() -> None:
    for found in sizes(7e9).values():
        low, nominal, high = found.parameters
        assert low <= nominal <= high
    spreads = {name: math.log(s.parameters[2] / s.parameters[0]) for name, s in sizes(7e9).items()}
    assert spreads["besiroglu"] > spreads["hoffmann"]
    assert spreads["kumar"] < 0.01  # no error is printed, and its digits are many


def test_where_a_law_extrapolates_is_named() -> None:
    within, beyond = sizes(2e9, "w1.58a16")["spectra"], sizes(7e9)["spectra"]
    assert within.parameters[1] > 3.9e9  # the answer is outside even where the question is not
    assert [b.partition(":")[0] for b in beyond.beyond] == ["size", "activations"]
    assert sizes(5e8, "w1.58a16")["spectra"].beyond == ()
    assert [b.partition(":")[0] for b in sizes(1e8)["kumar"].beyond] == ["size", "bits"]


def test_a_law_without_a_precision_has_a_reason_and_no_size() -> None:
    found = sizes(7e9, "int4")
    assert found["spectra"].reason == "has no int4"
    assert found["kaplan"].reason.startswith("has 16 bits alone, and no pair with int4")
    assert not found["spectra"].known
    assert found["kumar"].known


def test_embeddings_are_left_out_where_a_law_leaves_them_out() -> None:
    plain, without = sizes(1e9), sizes(1e9, embeddings=2e8)
    assert without["spectra"].loss == plain["spectra"].loss
    assert without["kaplan"].loss == pytest.approx((8.8e13 / 8e8) ** 0.076)


def test_gaps_of_a_law_are_losses_at_one_size() -> None:
    ternary = catalog.precision("w1.58a16")
    assert loss_gap("spectra", 1e9, FP16, ternary) == pytest.approx(26 / 1e9**0.26 + 0.09)
    with pytest.raises(BitnetCostError, match="has no bitnet"):
        loss_gap("spectra", 1e9, FP16, ONE_BIT)


# --- the fit ---------------------------------------------------------------------------------------------------------


def test_a_fit_recovers_the_law_of_exact_points() -> None:
    exponent = law_fit.EXPONENTS[200]
    points = [
        Point(n * 1e9, precision, precision.name, scale * n**-exponent + floor, None)
        for precision, scale, floor in ((FP16, 0.4, 2.0), (TERNARY, 0.5, 2.1)) for n in (0.3, 1.0, 3.0, 9.0)
    ]  # fmt: skip
    found = law_fit.fit(points)
    assert found.exponent == pytest.approx(exponent)
    assert found.scales == pytest.approx((0.4, 0.5))
    assert found.floors == pytest.approx((2.0, 2.1))
    assert found.residual == pytest.approx(0, abs=1e-9)
    assert scaling.loss_of_size(3e9, **found.constants("fp16")) == pytest.approx(0.4 * 3**-exponent + 2.0)


def test_the_fit_of_bitnet_b158_is_as_near_as_its_points_are_to_each_other() -> None:
    found = law_fit.fitted("bitnet-b1.58")
    assert (len(found.points), found.free) == (10, 5)
    assert found.residual < 0.01
    again = law_fit.fit(found.points)
    assert (again.drawn == found.drawn).all()  # the draws have a seed


def test_too_few_points_are_refused() -> None:
    points = law_fit.fitted("bitnet-b1.58").points[:4]
    with pytest.raises(BitnetCostError, match="do not fix"):
        law_fit.fit(points)


# --- models ----------------------------------------------------------------------------------------------------------


def test_a_size_takes_the_shape_of_the_other_size_and_a_model_more_of_its_layers() -> None:
    larger = of_size(catalog.model("7B"), 3e10)
    assert larger == catalog.model("30B")
    llama = catalog.model("llama-2-7b")
    twice = of_size(llama, 2 * 6738415616)
    assert twice is not None
    assert (twice.hidden_size, twice.depth) == (llama.hidden_size, 64)
    assert of_size(llama, 1e17) is None


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_the_answer_of_the_manual(bitnet_cost: Callable[..., Ran]) -> None:
    pair = "-p", "fp16", "-p", "bitnet-b1.58"
    words = "compare", "7B", "--at-equal-loss", *pair, "-H", "h100-sxm-80gb", "-H", "cmos-7nm"
    found = json.loads(bitnet_cost(*words, "-f", "json").out)
    assert [(v["hardware"], v["scope"], v["verdict"]) for v in found["verdicts"]] == [
        ("h100-sxm-80gb", "device", "undecided"), ("cmos-7nm", "arithmetic", "cheaper"), ("cmos-7nm", "memory", "undecided"),
    ]  # fmt: skip
    text = bitnet_cost(*words).out
    assert " ".join(text.split("\n\n")[0].split()) == found["sentence"]
    assert found["sentence"].startswith("Cheaper at the loss of 7B in fp16: undecided on the H100 SXM")
    spectra = next(law for law in found["laws"] if law["law"] == "spectra")
    assert spectra["parameters_low"] < spectra["parameters"] < spectra["parameters_high"]
    assert spectra["extrapolates"] == ["size: fitted on 99M to 3.9B", "activations: trained at 16 bits"]
    records = [r for r in found["records"] if r["hardware"] == "h100-sxm-80gb"]
    wide = next(r for r in records if r["law"] is None)
    own = json.loads(bitnet_cost("compare", "7B", "-p", "fp16", "-H", "h100-sxm-80gb", "-f", "json").out)["records"][0]
    assert {k: wide[k] for k in own if k != "quality"} == {k: v for k, v in own.items() if k != "quality"}
    mine = next(r for r in records if r["law"] == "spectra" and r["size_of"] == "nominal")
    change = found["verdicts"][0]["energy_change_by_law"]["spectra"]["nominal"]
    assert mine["energy_j"] / wide["energy_j"] - 1 == pytest.approx(change)


def test_a_place_is_decided_where_every_law_agrees_over_its_range() -> None:
    place = equal_loss("7B", "cmos-7nm", ["fp16", "bitnet-b1.58"])[0].places[0]
    assert place.verdict == "cheaper"
    never = Priced(place.priced[0].size, (None, None, None), None)
    assert Place(place.wide, (never,)).verdict == "dearer"
    assert Place(place.wide, (*place.priced, never)).verdict == "undecided"


def test_what_does_not_fit_is_no_answer_and_the_laws_stay(bitnet_cost: Callable[..., Ran]) -> None:
    text = " ".join(bitnet_cost("compare", "175B", "--at-equal-loss", "-H", "h100-sxm-80gb").out.split())
    assert "no answer on the H100 SXM (fp16: does not fit" in text
    assert "Kaushal 2024" in text


def test_quantised_after_training_is_said_in_the_first_sentence(bitnet_cost: Callable[..., Ran]) -> None:
    text = " ".join(bitnet_cost("compare", "7B", "--at-equal-loss", "-p", "fp16", "-p", "int4", "-H", "l4").out.split())
    assert "parameters for that loss if trained in int4, by two laws" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("7B", "13B"), "2 models are named"), (("7B", "--sort", "energy"), "not combined with --sort"),
        (("mixtral-8x7b",), "dense decoders"), (("bert-base",), "dense decoders"), (("mamba-2.8b",), "dense decoders"),
        (("7B", "-p", "fp16"), "give a second precision"),
    ],
)  # fmt: skip
def test_refusals_say_what_to_do(words: tuple[str, ...], says: str, bitnet_cost: Callable[..., Ran]) -> None:
    ran = bitnet_cost("compare", *words, "--at-equal-loss", "-H", "l4")
    assert ran.code == 2
    assert says in ran.err
    assert not ran.out


def test_laws_are_listed_and_a_law_with_constants_is_not_fitted(bitnet_cost: Callable[..., Ran]) -> None:
    listed = json.loads(bitnet_cost("list", "laws", "-f", "json").out)
    assert [law["name"] for law in listed] == list(LAWS)
    assert "kaplan are published" in bitnet_cost("fit-law", "kaplan").err
    assert "nothing is called 'x'" in bitnet_cost("fit-law", "x").err
    assert json.loads(bitnet_cost("fit-law", "-f", "json").out)["points_less_constants"] == 5


def test_a_claim_on_quality_is_judged_from_its_table(bitnet_cost: Callable[..., Ran]) -> None:
    cells = json.loads(bitnet_cost("validate", "overview-quality", "-f", "json").out)["cells"]
    found = {c["row"]: c for c in cells if c["table"].startswith("Comparable to 8-bit: the same")}
    smooth = found["no more than SmoothQuant W8A8"]
    assert smooth["modelled"] == pytest.approx(math.log(17.07 / 15.67))
    assert smooth["verdict"] == "does not"
    closes = {c["row"]: c["modelled"] for c in cells if c["table"].startswith("The gap closes with size: what")}
    expected = math.log(11.29 / 11.25) - math.log(12.87 / 12.33)
    assert closes["BitNet b1.58, 700M to 1.3B"] == pytest.approx(expected)


def test_of_many_devices_each_has_a_row_and_a_page_has_a_chart_of_each_place(bitnet_cost: Callable[..., Ran]) -> None:
    many = "h100-sxm-80gb,l4,a40,a10g,gap8"
    text = " ".join(bitnet_cost("compare", "1B", "--at-equal-loss", "-H", many).out.split())
    assert "not known on 1 of 5 pieces of hardware" in text
    assert "gap8 not known: does not fit" in text
    page = bitnet_cost("compare", "1B", "--at-equal-loss", "-H", "cmos-7nm", "-f", "html", "--plotly", "none").out
    assert "at 7 nm, with memory traffic" in page
    assert "bitnet-cost/equal-loss-1" in page
