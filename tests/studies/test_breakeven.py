"""Break-even points: exact at neighbours, shown not to exist where they do not, shares in closed form."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitnet_cost as package
from bitnet_cost.engine import uncertainty
from bitnet_cost.engine.breakeven import crossings, first_beyond, share_at
from bitnet_cost.formulas.savings import unshrinking_share
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.answers import Crossing
from bitnet_cost.readers import catalog
from bitnet_cost.studies import breakeven
from bitnet_cost.told import Array
from tests.conftest import ROOT, Ran

Cli = Callable[..., Ran]
MODEL, H100 = catalog.model("llama-2-7b"), catalog.hardware("h100-sxm-80gb")


def find(wanted: float = 0.5, runtimes: tuple[str, ...] = ("tensorrt-llm",)) -> list[Crossing]:
    asked = Scenario(
        model=MODEL, precision=catalog.precision("w1a8"), hardware=H100, workload=Workload(1, 512, 128)
    )  # fmt: skip
    return breakeven.find(asked, catalog.precision("fp16"), wanted=wanted, runtimes=runtimes)


def saving(batch: int = 1, prompt: int = 512, runtime: str = "tensorrt-llm") -> float:
    result = package.estimate(
        "llama-2-7b", "h100-sxm-80gb", "w1a8", baseline="fp16", batch=batch, prompt=prompt, generate=128,
        runtime=runtime,
    )  # fmt: skip
    assert result.saving is not None
    return float(result.saving[1])


@pytest.mark.parametrize("runtime", ["tensorrt-llm", "vllm", "cuda-graph"])
def test_the_batch_at_which_w1a8_saves_less_than_half_on_the_h100(runtime: str) -> None:
    batch, context = find(runtimes=(runtime,))[:2]
    at = int(batch.at[0])
    assert saving(at - 1, runtime=runtime) >= 0.5 > saving(at, runtime=runtime)
    at = int(context.at[0])
    assert saving(prompt=at - 1, runtime=runtime) >= 0.5 > saving(prompt=at, runtime=runtime)


def test_a_crossing_that_does_not_exist_is_said_not_to() -> None:
    batch = find(runtimes=("eager",))[0]
    assert batch.at == ()
    assert batch.verdict == (
        f"w1a8 needs at least 50% less energy than fp16 at no batch up to {batch.axis_values[-1]:.0f}"
        " (32% less to 53% more)"
    )
    known = [x for x in batch.saving if not math.isnan(x)]
    assert max(known) < 0.5
    assert len(batch.axis_values) == len(batch.saving) > 50


def test_shares_make_the_saving_what_is_wanted() -> None:
    for c in find(0.6):
        if "share" in c.axis and c.at:
            rest, own = c.saving
            assert c.at[0] * own + (1 - c.at[0]) * rest == pytest.approx(0.6, rel=1e-12)
            if c.now is not None:  # today's share gives today's saving
                assert c.now * own + (1 - c.now) * rest == pytest.approx(saving(), rel=1e-9)


def test_the_claim_checker_is_the_unshrinking_share() -> None:
    for c in find(0.5):
        if c.axis == "share that stays":
            assert c.at[0] == pytest.approx(unshrinking_share(0.5, saving()), rel=1e-12)
            assert f"'50% less energy' holds while at most {100 * c.at[0]:.3g}% of fp16's energy" in c.verdict
    *parts, claim = find(0.99)
    assert "does not hold here: w1a8 needs 63% less where all of fp16's energy shrinks" in claim.verdict
    assert not any(c.at for c in parts)
    assert "no share of static power or memory makes it true" in claim.verdict


def test_a_claim_that_does_not_hold_names_the_shares_with_which_it_would() -> None:
    """The words of the claim and the table of shares are of one mind."""
    *parts, claim = find(0.7)
    assert claim.at == ()
    shares = [c for c in parts if "share" in c.axis and c.at]
    assert shares
    for share in shares:
        assert share.now is not None
        words = f"a {share.axis} of {100 * share.at[0]:.3g}% instead of {100 * share.now:.3g}%"
        assert words in claim.verdict


@pytest.mark.parametrize(
    ("scope", "left_out"),
    [
        ("arithmetic", ("elementwise work", "data movement", "static power", "cooling")),
        ("compute", ("data movement", "static power", "cooling")),
        ("memory", ("static power", "cooling")),
        ("device", ("cooling",)),
        ("facility", ()),
    ],
)
def test_an_answer_names_its_scope_and_what_that_leaves_out(
    bitnet_cost: Cli, scope: str, left_out: tuple[str, ...]
) -> None:
    words = ("break-even", "llama-3.2-1b", "-H", "l4", "--runtime", "vllm", "--axis", "batch", "--scope", scope)
    text = " ".join(bitnet_cost(*words, "--notes").out.split())
    assert f"on one L4 with vllm, scope {scope}." in text
    assert f"Energy of scope {scope}, of the whole run" in text
    closing = text[text.index("Not counted:") :]
    for part in ("elementwise work", "data movement", "static power", "cooling"):
        assert (part in closing) is (part in left_out), part
    assert "the host" in closing
    assert ("PUE 1" in text) is (scope == "facility")
    assert json.loads(bitnet_cost(*words, "-f", "json").out)["scope"] == scope


def test_a_model_that_does_not_fit_is_said_not_to(bitnet_cost: Cli, tmp_path: Path) -> None:
    words = ("break-even", "llama-2-70b", "-H", "l4", "--runtime", "vllm")
    what = (
        "No break-even can be computed for Llama 2 70B in BitNet b1.58 against fp16, on one L4 with vllm, scope device"
    )
    assert " ".join(bitnet_cost(*words).out.split()).startswith(f"{what}: fp16 does not fit.")
    both = " ".join(bitnet_cost("break-even", "llama-3.1-405b", "-H", "l4").out.split())
    assert ": neither precision fits." in both
    assert bitnet_cost(*words, "-o", tmp_path / "page.html").code == 0


def test_every_state_has_one_phrase(bitnet_cost: Cli) -> None:
    """Nowhere, up to somewhere, everywhere: the same in the sentence and in the table."""
    words = ("break-even", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "w1a8", "--axis", "batch", "--runtime")
    text = bitnet_cost(*words, "tensorrt-llm", "--runtime", "eager").out
    flat = " ".join(text.split())
    assert flat.startswith("Llama 2 7B in w1a8 needs at least 50% less energy than in fp16 up to batch 3: on one H100")
    assert "By runtime: up to batch 3 with tensorrt-llm; at no batch with eager." in flat
    for runtime, at in (("eager", ["none", "none", "none"]), ("tensorrt-llm", ["to", "3", "none"])):
        (row,) = [line.split() for line in text.splitlines() if line.startswith(runtime)]
        assert row[1:5] == ["batch", *at]
    never = " ".join(bitnet_cost(*words, "eager").out.split())
    assert "than in fp16 at no batch up to 193 (32% less at " in never
    always = " ".join(bitnet_cost(*words, "tensorrt-llm", "--saving", "-500").out.split())
    assert "in w1a8 needs at most 6 times the energy of fp16 at every batch up to 205: on one" in always
    assert (
        "It holds in nine of ten draws of what measured runs were off by, and with every figure at either end."
        in always
    )
    assert "batch all all all" in always


def test_one_runtime_is_the_answer_and_it_fits_a_terminal(bitnet_cost: Cli) -> None:
    words = ("break-even", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "w1a8", "--draws", "20")
    short = bitnet_cost(*words).out.splitlines()
    assert len(short) <= 50
    assert all(len(line) <= 80 for line in short)
    asked = {name: json.loads(bitnet_cost(*words, *more, "-f", "json").out)["crossings"] for name, more in (
        ("own", ()), ("named", ("--runtime", "tensorrt-llm")), ("all", ("--runtime", "all")))}  # fmt: skip
    assert asked["own"] == asked["named"] == [c for c in asked["all"] if c["runtime"] == "tensorrt-llm"]
    assert {c["runtime"] for c in asked["all"]} >= {"tensorrt-llm", "vllm", "eager", "llama.cpp"}


def test_the_baseline_is_that_of_an_estimate(bitnet_cost: Cli) -> None:
    for hardware, baseline in (("l4", "fp16"), ("cmos-7nm", "fp32")):
        words = ("break-even", "gpt2", "-H", hardware, "-p", "bitnet", "--axis", "batch", "--draws", "10", "-f", "json")
        assert bitnet_cost(*words).out == bitnet_cost(*words, "--baseline", baseline).out


@pytest.mark.parametrize(
    ("model", "hardware", "precision", "saving"),
    [("llama-2-7b", "h100-sxm-80gb", "w1a8", 50), ("gemma-2b", "l4", "int8", 30), ("gpt2", "rtx-4090", "bitnet", 0),
     ("llama-3.1-8b", "apple-m2-ultra-gpu-76c", "bitnet-b1.58", -20), ("gpt3-175b", "cmos-45nm", "bitnet", 95),
     ("mamba-130m", "l4", "int4", 40), ("qwen3-30b-a3b", "h200-sxm-141gb", "bitnet-b1.58", 60)],
)  # fmt: skip
def test_the_first_line_is_true_of_the_curve(
    model: str, hardware: str, precision: str, saving: float, bitnet_cost: Cli
) -> None:
    """Where the sentence says that the saving is reached it is, at every point evaluated, and nowhere else."""
    words = ("break-even", model, "-H", hardware, "-p", precision, "--saving", str(saving), "--draws", "10")
    text = " ".join(bitnet_cost(*words).out.partition("\n\n")[0].split())
    for c in json.loads(bitnet_cost(*words, "-f", "json").out)["crossings"][:2]:
        name = {"batch": "batch", "context": "prompts? ?(?:of)?"}[c["axis"]]
        most = c["axis_values"][-1]
        one = r"[\d,]+(?: to [\d,]+)?"
        phrases = (
            (rf"at every {name} up to ([\d,]+)", 1, most), (rf"at no {name} up to ([\d,]+)", 1, 0),
            (rf"(?<!every batch )(?<!no batch )\bup to {name} ([\d,]+)", 1, None),
            (rf"from {name} ([\d,]+)(?: tokens)? on", None, most),
            (rf"at {name} ({one}(?:, {one})*(?: and {one})?)", None, None),
        )  # fmt: skip
        found, low, high = next((m, a, b) for phrase, a, b in phrases if (m := re.search(phrase, text)))
        stretches = [[int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\d|\d", each)] for each in
                     re.split(r", (?=\d)| and ", found[1])]  # fmt: skip
        spans = [(low or each[0], each[-1] if high is None else high) for each in stretches]
        for n, value in zip(c["axis_values"], c["saving"], strict=True):
            assert (value >= saving / 100) == any(a <= n <= b for a, b in spans), (c["axis"], n, text)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1))
def test_a_share_solves_its_line(part: float, rest: float, share: float) -> None:
    wanted = share * part + (1 - share) * rest
    found = share_at(wanted, part, rest)
    if found is not None:
        assert found * part + (1 - found) * rest == pytest.approx(wanted, abs=1e-9)
    elif abs(part - rest) > 1e-6:
        assert share < 1e-9 or share > 1 - 1e-9  # rounding at the very ends


@given(st.integers(2, 10**6), st.floats(0.01, 0.99))
def test_a_monotone_curve_is_crossed_exactly_once(high: int, level: float) -> None:
    curve = crossings(lambda n: np.exp(-n / high), 1, high, level)
    assert curve.falling
    exact = -high * math.log(level)
    if 1 < exact < high - 1:
        ((before, value, after, other),) = curve.crossings
        assert after - before == 1
        assert value >= level > other
        assert before <= exact + 1e-6
        assert after >= exact - 1e-6


def test_a_curve_that_turns_shows_both_crossings_and_says_so() -> None:
    curve = crossings(lambda n: 1 - ((n - 500) / 500) ** 2, 1, 1000, 0.5)
    assert len(curve.crossings) == 2
    assert not curve.rising
    assert not curve.falling


def test_what_does_not_exist_is_not_crossed() -> None:
    def half(n: Array) -> Array:
        return np.where(n > 10, np.nan, 1 / n)

    assert [c[0] for c in crossings(half, 1, 1000, 0.3).crossings] == [3]
    assert crossings(half, 1, 1000, 0.01).crossings == ()


def test_the_command_prints_crossings_shares_and_what_ran(bitnet_cost: Cli) -> None:
    words = ("break-even", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "w1a8", "--runtime", "tensorrt-llm")
    ran = bitnet_cost(*words, "--notes")
    assert ran.code == 0, ran.err
    flat = " ".join(ran.out.split())
    for text in ("up to batch 3", "static share", "memory share", "lowbit kernels at", "Not counted:",
                 "* an assumed or scaled figure", "holds while at most"):  # fmt: skip
        assert text in flat


def test_a_node_and_an_encoder(bitnet_cost: Cli) -> None:
    words = ("break-even", "gpt3-175b", "-H", "cmos-7nm", "-p", "bitnet", "--saving", "80")
    assert "the rest needs the modelled 99.5% less" in " ".join(bitnet_cost(*words).out.split())
    same = " ".join(bitnet_cost(*words, "--baseline", "fp16").out.split())
    assert "the rest needs the modelled 98.2% less" in same
    assert bitnet_cost("break-even", "bert-base", "-H", "cmos-7nm", "-p", "bitnet").code == 0


def test_a_package_priced_by_its_time_has_no_part_to_trade(bitnet_cost: Cli) -> None:
    words = ("tinyllama-1.1b", "-H", "intel-i7-13700h", "-p", "w1a8", "--runtime", "bitnet.cpp", "--axis", "batch")
    ran = bitnet_cost("break-even", *words)
    assert ran.code == 0, ran.err
    assert "static share" not in ran.out


def test_json_and_chart(bitnet_cost: Cli, tmp_path: Path) -> None:
    words = ("break-even", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "w1a8", "--runtime", "vllm")
    found = json.loads(bitnet_cost(*words, "-f", "json").out)["crossings"]
    assert [c["axis"] for c in found] == ["batch", "context", "static share", "memory share", "share that stays"]
    assert bitnet_cost(*words, "-f", "csv").out.count("\n") == 6
    page = tmp_path / "curve.html"
    assert bitnet_cost(*words, "-o", page).code == 0
    text = page.read_text("utf-8")
    assert re.findall(r'<section aria-labelledby="h-\w+" id="(batch|context)"', text) == ["batch", "context"]
    assert "cdn.plot.ly" not in text.split("</script>")[-1]
    assert 'src="http' not in text
    assert "9 of 10 draws" in text


def test_the_ends_are_where_the_saving_turns_with_every_figure_at_one_end() -> None:
    batch = find()[0]
    assert batch.turning is not None
    assert batch.turning.nominal == batch.at[0]
    pair = [package.estimate("llama-2-7b", "h100-sxm-80gb", p, generate=128) for p in ("w1a8", "fp16")]
    ways: tuple[Literal["fast", "slow"], ...] = ("fast", "slow")
    for way, at in zip(ways, batch.turning.ends, strict=True):

        def saved(n: float, way: Literal["fast", "slow"] = way) -> float:
            energies = []
            for result in pair:
                asked = uncertainty.at_end(result, way)
                there = package.estimate(
                    "llama-2-7b", asked.hardware, result.precision, generate=128, batch=int(n), runtime=asked.runtime
                )
                energies.append(float(there.energy_j))
            return 1 - energies[0] / energies[1]

        assert saved(at) < 0.5
        assert at == 1 or saved(at - 1) >= 0.5


def test_each_draw_turns_where_its_errors_say() -> None:
    """Errors drawn by hand: the band is that of the savings with them, a part of both precisions' the same."""
    batch = find()[0]
    assert batch.turning is not None
    at = np.arange(1.0, 26.0)
    runs = [
        package.estimate("llama-2-7b", "h100-sxm-80gb", p, generate=128, batch=at, runtime="tensorrt-llm")
        for p in ("w1a8", "fp16")
    ]
    factors = []
    for run in runs:
        assert run.runtime is not None
        assert run.runtime.ranges is not None
        known = run.runtime.ranges
        normal = uncertainty.normals(known, run.precision, 1000, 0)[1]
        ends = known.of("energy", run.precision.linear.weights.bits)
        each = np.log([ends["decode-1" if b == 1 else "decode-64"] for b in at])
        factors.append(np.exp(each.mean(1) + np.outer(normal, each[:, 1] - each[:, 0]) / 2 / 1.6448536269514722))
    saving = 1 - factors[0] * runs[0].energy_j / (factors[1] * runs[1].energy_j)
    first = at[np.argmax(saving < 0.5, axis=1)]
    band = np.percentile(first, (5, 50, 95), method="nearest")
    assert batch.turning.measured
    assert batch.turning.band == pytest.approx(band)


def test_a_seed_repeats_a_range_and_exact_prices_have_none() -> None:
    one, same = (find()[0].turning for _ in range(2))
    assert one == same
    node = catalog.hardware("cmos-7nm")
    exact = {n: f.model_copy(update={"low": f.value, "high": f.value}) for n, f in node.actions.items()}
    for hardware in (node, node.model_copy(update={"actions": exact})):
        asked = Scenario(
            model=catalog.model("gpt3-175b"), precision=catalog.precision("bitnet"), hardware=hardware,
            workload=Workload(1, 512, 1),
        )  # fmt: skip
        found = breakeven.find(asked, catalog.precision("fp16"), wanted=0.9, axes=("context",))
        for crossing in found:
            turning = crossing.turning
            assert turning is not None
            least, middle, most = turning.band
            if hardware is node:
                assert least < turning.nominal < most
            else:
                assert least == middle == most == pytest.approx(turning.nominal, rel=0.01)  # straight between points


def test_a_range_says_when_it_ends_in_no_crossing(bitnet_cost: Cli) -> None:
    words = (
        "break-even",
        "llama-2-7b",
        "-H",
        "h100-sxm-80gb",
        "-p",
        "bitnet-b1.58",
        "--runtime",
        "vllm-0.6",
        "--axis",
        "context",
    )
    context, *_ = json.loads(bitnet_cost(*words, "-f", "json").out)["crossings"]
    assert context["at"][0] > 1
    assert context["at_p5"] == 1  # less than half from the start
    drawn, ends = context["at_p95"], context["at_all_low"]
    assert drawn > 1
    assert ends > 1
    assert context["range"] == f"9 of 10 draws: none to {drawn - 1:,.0f}; at the ends: none to {ends - 1:,.0f}"
    node = ("break-even", "gpt3-175b", "-H", "cmos-7nm", "-p", "bitnet", "--saving", "90", "--baseline", "fp16")
    batch, context, stays = json.loads(bitnet_cost(*node, "-f", "json").out)["crossings"]
    assert batch["at_p5"] is None
    assert batch["range"] == "9 of 10 draws: all; at the ends: all"
    assert context["at_p5"] < context["at"][0] < context["at_p95"]
    assert stays["at_p5"] < stays["at"][0] < stays["at_p95"]
    table = bitnet_cost(*node, "--notes").out
    assert "batch         all" in table
    assert all(len(line) <= 80 for line in table.splitlines())


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30), st.floats(-0.9, 0.9), st.booleans())
def test_the_first_number_beyond_a_level_is_the_first(values: list[float], level: float, falling: bool) -> None:
    at = np.arange(1.0, len(values) + 1)  # neighbours: nothing lies between two points
    (found,) = first_beyond(at, np.array([values]), level, falling=falling).tolist()
    beyond = [n for n, v in zip(at.tolist(), values, strict=True) if (v < level if falling else v >= level)]
    assert found == (beyond[0] if beyond else math.inf)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-p", "w1a8", "--draws", "0"), "whole number from 1 to 10000"),
        (("-p", "fp16"), "saves nothing against itself"),
        (("-p", "w1a8", "--saving", "100"), "not a saving"),
        (("-p", "w1a8", "--runtime", "nothing"), "no runtime is called"),
        (("-p", "w1a8", "--axis", "length"), "length"),
    ],
)
def test_bad_questions_are_refused(words: tuple[str, ...], message: str, bitnet_cost: Cli) -> None:
    ran = bitnet_cost("break-even", "llama-2-7b", "-H", "h100-sxm-80gb", *words)
    assert ran.code == 2
    assert message in ran.err


def test_a_runtime_of_the_users_own(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    own = (ROOT / "runtimes" / "vllm-gpu.yaml").read_text("utf-8").replace("\nruntime: vllm\n", "\nruntime: mine\n")
    (tmp_path / "own.yaml").write_text(own, "utf-8")
    ran = bitnet_cost(
        "break-even", "gpt2", "-H", "l4", "-p", "int8", "--runtime", tmp_path / "own.yaml", "--draws", "10"
    )
    assert ran.code == 0, ran.err
    assert "mine" in ran.out
