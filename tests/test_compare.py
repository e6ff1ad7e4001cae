"""``compare``: order, filter, signs, and words where there is no figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import takewhile
from typing import Any

import numpy as np
import pytest

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.filters import Filter
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.numerals import percent, significant
from bitnet_cost.views.compare import on_front
from tests.conftest import ROOT, Ran

Command = Callable[..., Ran]
SMALL = ("-H", "l4", "-H", "h100-sxm-80gb", "-H", "cortex-m55-ethos-u55")


def records(ran: Ran) -> list[dict[str, object]]:
    assert ran.code == 0, ran.err
    found: list[dict[str, object]] = json.loads(ran.out)["records"]
    return found


def test_every_device_and_four_precisions_are_the_default(bitnet_cost: Command) -> None:
    rows = records(bitnet_cost("compare", "gpt3-125m", "-f", "json"))
    assert len({r["hardware"] for r in rows}) > 50
    assert {r["precision"] for r in rows} == {"fp16", "int8", "int4", "bitnet-b1.58"}
    given = [r["energy_per_token_j"] for r in rows if r["energy_per_token_j"] is not None]
    assert given == sorted(given)  # type: ignore[type-var]


def test_the_document_is_that_of_estimate(bitnet_cost: Command) -> None:
    words = ("llama-2-7b", "-H", "l4", "-p", "int4", "-p", "fp16", "--baseline", "fp16", "-f", "json")
    compared = json.loads(bitnet_cost("compare", *words, "--sort", "-energy").out)
    estimated = json.loads(bitnet_cost("estimate", *words).out)
    assert compared.keys() == estimated.keys()
    key = lambda r: r["precision"]  # noqa: E731
    assert sorted(compared["records"], key=key) == sorted(estimated["records"], key=key)


@pytest.mark.parametrize("command", ["estimate", "compare"])
def test_devices_generate_and_technology_nodes_do_not_unless_told(bitnet_cost: Command, command: str) -> None:
    words = ("-H", "cmos-7nm", "-H", "l4", "-p", "fp16", "-f", "json")
    for model, more, generated in (("gpt2", (), 128), ("bert-base", (), 1), ("gpt2", ("--generate", "9"), 9)):
        rows = records(bitnet_cost(command, model, *words, *more))
        assert {r["hardware"]: r["generate"] for r in rows} == {
            "cmos-7nm": generated if more else 1, "l4": generated,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gpt2 -H l4 -H cmos-7nm -p fp16 -p int8", {"l4": "fp16", "cmos-7nm": "fp32"}),
        ("gpt2 -H l4 -H cmos-7nm -p int8 -p int4", {"l4": "fp16", "cmos-7nm": "fp32"}),
        ("gpt2 -H l4 -H cmos-7nm -p int8 -p fp32", {"l4": "fp16", "cmos-7nm": "fp32"}),
        ("gpt2 -H l4 -p bf16 -p int8", {"l4": "bf16"}),
        ("gpt2 -H l4 -p fp32 -p int8 --baseline int8", {"l4": "int8"}),
        ("llama-2-7b -H l4 -H h100-sxm-80gb -p fp32 -p int8", {"l4": "fp16", "h100-sxm-80gb": "fp16"}),
        ("llama-2-13b -H l4 -p fp32 -p int4 -p int8", {"l4": "int8"}),  # neither FP32 nor FP16 fits
    ],
)
def test_the_usual_baseline(bitnet_cost: Command, asked: str, found: dict[str, str]) -> None:
    rows = records(bitnet_cost("compare", *asked.split(), "-f", "json"))
    assert {r["hardware"]: r["baseline"] for r in rows if r["energy_j"] is not None} == found


def test_what_generates_nothing_is_ranked_by_its_energy_in_a_table_of_its_own(bitnet_cost: Command) -> None:
    words = ("compare", "gpt2", "-H", "cmos-45nm", "-H", "cmos-7nm", "-H", "l4", "-p", "int8", "--scope", "arithmetic")
    for sort, order in ((), ["l4", "cmos-7nm", "cmos-45nm"]), (("--sort", "-energy"), ["l4", "cmos-45nm", "cmos-7nm"]):
        assert [r["hardware"] for r in records(bitnet_cost(*words, *sort, "-f", "json"))] == order
    text = bitnet_cost(*words, "--notes").out
    assert "\ngpt2, scope arithmetic: batch 1, 512 tokens in, 128 out," in text
    assert "\ngpt2, scope arithmetic: batch 1, 512 tokens in, causal" in text
    headings = [line.split() for line in text.splitlines() if line.startswith("+  hardware")]
    assert [("µJ/token*" in words, "mJ" in words) for words in headings] == [(True, False), (False, True)]


@pytest.mark.parametrize("column", ["energy", "tokens", "memory", "saving", "power", "latency_s", "weights_bytes"])
def test_sorts_best_first_and_turned(bitnet_cost: Command, column: str) -> None:
    field = {
        "energy": "energy_per_token_j", "tokens": "tokens_per_s", "memory": "footprint_bytes", "power": "power_w",
    }.get(column, column)  # fmt: skip
    for sign in ("", "-"):
        rows = records(bitnet_cost("compare", "llama-2-7b", *SMALL, "--sort", sign + column, "-f", "json"))
        values = [r[field] for r in rows]
        given = [v for v in values if v is not None]
        more = column in ("tokens", "saving")
        assert given == sorted(given, reverse=more != bool(sign))  # type: ignore[type-var]
        assert values[len(given) :] == [None] * (len(values) - len(given))


def test_says_why_there_is_no_figure(bitnet_cost: Command) -> None:
    text = bitnet_cost("compare", "llama-2-7b", *SMALL, "-H", "cmos-45nm", "-p", "fp16", "--notes").out
    assert "does not fit" in text
    assert "no clock" in text
    unpriced = bitnet_cost("compare", "linear-64x64", "-H", "gap8", "-H", "l4", "-p", "int8", "--notes")
    assert "no price" in unpriced.out


def test_cells_that_do_not_fit_are_rows_also_where_no_cell_has_an_answer(bitnet_cost: Command) -> None:
    ran = bitnet_cost("compare", "llama-2-7b", "-H", "gap8", "-H", "l4", "-p", "fp16", "-b", "4096", "-f", "json")
    assert {r["hardware"]: r["reason"].partition(":")[0] for r in records(ran)} == {  # type: ignore[attr-defined]
        "gap8": "no price for mac.fp16", "l4": "does not fit",
    }  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [("bert-base", "-b", "100000"), ("deepseek-v3", "-b", "64"), ("llama-2-7b", "--carbon", "deu", "--price", "0.2")],
)
@pytest.mark.parametrize("more", [(), ("--notes",)])
def test_tables_keep_to_eighty_columns(bitnet_cost: Command, words: tuple[str, ...], more: tuple[str, ...]) -> None:
    lines = bitnet_cost("compare", *words, *more).out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert not any(line.startswith("No room") for line in lines)


def test_marks_the_best_and_the_efficient(bitnet_cost: Command) -> None:
    text = bitnet_cost("compare", "llama-2-7b", *SMALL, "-f", "csv").out
    rows = records(bitnet_cost("compare", "llama-2-7b", *SMALL, "-f", "json"))
    assert len(text.splitlines()) == len(rows) + 1
    table = bitnet_cost("compare", "llama-2-7b", *SMALL, "-f", "markdown", "--notes").out
    head, _, *body = detailed(table)
    tokens = head.index("tokens/s*")  # all of them rest on what a runtime reaches
    best = max(rows, key=lambda r: r["tokens_per_s"] or 0)  # type: ignore[arg-type, return-value]
    marked = [row for row in body if row[tokens].startswith("^")]
    assert [(row[1], row[2]) for row in marked] == [(best["hardware"], best["precision"])]
    assert "+" in {row[0] for row in body}
    assert all(row[0] == "" for row in body if "does not fit" in row)


def detailed(text: str) -> list[list[str]]:
    """Rows of the table of every column, its heading first."""
    lines = text[text.index("\n| + |") :].splitlines()
    return [[c.strip() for c in line.split("|")[1:-1]] for line in lines if line.startswith("|")]


MIXED = (
    "compare", "llama-3.1-8b", "-H", "apple-m1-pro-gpu-14c", "-H", "h100-sxm-80gb", "-H", "snapdragon-8-gen-3", "-p", "fp16",
    "-p", "q4_0", "-p", "bitnet-b1.58", "--where", "fits",
)  # fmt: skip


def test_every_saving_is_shown_with_what_it_is_on(bitnet_cost: Command) -> None:
    rows = records(bitnet_cost(*MIXED, "-f", "json"))
    assert {r["baseline"] for r in rows} == {"fp16", "q4_0"}  # FP16 fits but one of the devices
    table = bitnet_cost(*MIXED, "-f", "markdown", "--notes").out
    assert "saving on q4_0 (a: on fp16)" in table
    cells = detailed(table)
    saving = cells[0].index("saving %")
    for row, shown in zip(rows, cells[2:], strict=True):
        own = row["baseline"] == row["precision"]
        letter = "a" if row["baseline"] == "fp16" else ""
        assert shown[saving] == ("base" if own else percent(float(str(row["saving"]))) + letter)


def test_weak_figures_have_the_sign_that_they_have_in_every_table(bitnet_cost: Command) -> None:
    words = ("llama-3.1-8b", "-H", "laptop-16gb.yaml", "-H", "h100-sxm-80gb", "-p", "q4_0")
    words = (*words[:2], str(ROOT / "docs/examples/laptop-16gb.yaml"), *words[3:])
    compared, estimated = (
        bitnet_cost(command, *words, "-f", "markdown", "--notes").out for command in ("compare", "estimate")
    )

    def weak(text: str, heading: str) -> dict[str, bool]:
        lines = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines()]
        found = {}
        for at, heads in enumerate(lines):  # baselines that differ make tables of their own
            columns = [i for i, c in enumerate(heads) if c.startswith(heading) and "hardware" in heads]
            for row in takewhile(lambda row: len(row) > 1, lines[at + 2 :]) if columns else ():
                found[row[heads.index("hardware")]] = row[columns[0]].endswith("*")
        return found

    assert weak(compared, "J/token") == weak(estimated, "energy") == {"laptop-16gb": False, "h100-sxm-80gb": True}
    for text in (compared, estimated):
        assert "* at least 1% of this energy rests on assumed or scaled prices" in text
    assert "^ best of the column" in compared


def test_equal_cells_are_efficient_together_and_cells_without_an_answer_never() -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"energy_per_token_j": e or None, "energy_j": e or None, "tokens_per_s": t or None, "footprint_bytes": b}
        for e, t, b in rng.integers(0, 4, (200, 3)).tolist()
    ]

    def beaten(one: dict[str, Any]) -> bool:
        mine = (one["energy_j"], -(one["tokens_per_s"] or 0), one["footprint_bytes"])
        others = [(r["energy_j"], -(r["tokens_per_s"] or 0), r["footprint_bytes"]) for r in rows if r["energy_j"]]
        return any(o != mine and all(a <= b for a, b in zip(o, mine, strict=True)) for o in others)

    assert on_front(rows) == [row["energy_j"] is not None and not beaten(row) for row in rows]
    assert sum(on_front(rows)) > len({tuple(row.values()) for row, on in zip(rows, on_front(rows), strict=True) if on})


def test_filters(bitnet_cost: Command) -> None:
    words = ("compare", "llama-2-7b", *SMALL, "-f", "json", "--where")
    assert all(r["fits"] for r in records(bitnet_cost(*words, "fits and precision != 'fp16'")))
    fast = records(bitnet_cost(*words, "20 < tokens_per_s <= 250"))
    assert fast
    assert all(20 < float(str(r["tokens_per_s"])) <= 250 for r in fast)
    none = bitnet_cost(*words, "tokens_per_s > 1e9")
    assert (none.code, none.out) == (2, "")
    assert "none of 12 cells" in none.err


@pytest.mark.parametrize(
    "text",
    [
        "", "energy_j <", "__import__('os')", "energy_j.real > 1", "energy_j", "model + 1 > 2", "[r for r in x]", "lambda: 1",
        "energi > 1", "energy_j > 'a' > 3 or f'{fits}'", "1 if fits else 2", "model[0] == 'l'", "(" * 300, "x" * 2001,
        "energy_j is None", "fits := True", "b'x' == b'x'", "1j > 0", "not " * 120 + "fits and energi",
    ],
)  # fmt: skip
def test_a_filter_is_no_code(text: str) -> None:
    with pytest.raises(BitnetCostError):
        Filter(text, METRICS, ["model"])


def test_an_unknown_column_names_those_there_are(bitnet_cost: Command) -> None:
    ran = bitnet_cost("compare", "llama-2-7b", "-H", "l4", "--sort", "speed")
    assert (ran.code, ran.out) == (2, "")
    assert "there are     memory, energy, latency, tokens" in ran.err
    assert "bitnet-cost list" not in ran.err  # which lists no columns


def test_unlike_things_have_no_order(bitnet_cost: Command) -> None:
    ran = bitnet_cost("compare", "llama-2-7b", "-H", "l4", "--where", "model > 3")
    assert (ran.code, ran.out) == (2, "")
    assert "compares a word with a figure" in ran.err


def test_what_is_missing_meets_no_comparison(bitnet_cost: Command) -> None:
    words = (
        "compare",
        "llama-2-70b",
        "-H",
        "l4",
        "-H",
        "h200-sxm-141gb",
        "-p",
        "fp16",
        "-p",
        "int4",
        "-f",
        "json",
        "--where",
    )
    assert not any(
        r["fits"] for r in records(bitnet_cost(*words, "not fits and precision == 'fp16'")) if r["hardware"] == "l4"
    )
    priced = records(bitnet_cost(*words, "energy_j > 0 or energy_j <= 0"))
    assert priced
    assert all(r["energy_j"] is not None for r in priced)
    assert records(bitnet_cost(*words, "energy_j / 2 < 1e9 and hardware in ('h200-sxm-141gb', 'l4')"))


def test_several_models_have_a_table_each(bitnet_cost: Command) -> None:
    text = bitnet_cost("compare", "llama-2-7b", "bert-base", "-H", "l4", "--notes").out
    assert "\nllama-2-7b, scope device" in text
    assert "\nbert-base, scope device" in text


def test_carbon_and_cost(bitnet_cost: Command) -> None:
    words = ("compare", "llama-2-7b", "-H", "l4", "--carbon", "deu", "--price", "0.3")
    rows = records(bitnet_cost(*words, "--sort", "cost", "-f", "json"))
    assert all(r["cost_usd"] for r in rows)
    text = bitnet_cost(*words, "--sort", "cost", "-f", "markdown").out
    heads = next(line for line in text.splitlines() if "CO2e" in line)
    assert "CO2e mg" in heads
    assert "cost µUSD" in heads
    assert "CO2e" not in bitnet_cost("compare", "llama-2-7b", "-H", "l4", "--price", "0.3").out
    for row in rows:
        assert significant(float(str(row["cost_usd"])), 1e-6, 4) in text
        assert significant(float(str(row["carbon_g"])), 1e-3, 4) in text


def test_published_values_of_a_profile_stand_side_by_side(bitnet_cost: Command) -> None:
    words = (
        "compare",
        "gpt3-175b",
        "-H",
        "cmos-45nm",
        "-p",
        "fp16",
        "-p",
        "bitnet",
        "--prices",
        "own",
        "--prices",
        "aladdin",
    )
    rows = records(bitnet_cost(*words, "-f", "json"))
    found = {(r["hardware"], r["precision"]): r for r in rows}
    assert len(found) == 4
    own, other = (found[name, "bitnet"] for name in ("cmos-45nm", "cmos-45nm.aladdin"))
    assert own["energy_j"] != other["energy_j"]
    assert own["saving"] != other["saving"]  # each against FP16 at the same prices
    assert "cmos-45nm.aladdin  bitnet" in bitnet_cost(*words, "--notes").out
    assert bitnet_cost("compare", "gpt2", "-H", "cmos-45nm", "--prices", "aladin").code == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--sort", "carbon"), "The order is by energy, as no cell has CO2e: give --carbon."),
        (("--sort", "cost", "--device-hour", "2"), "Lowest cost: int4 on the H100 SXM, "),
        (("--sort", "tokens"), "Highest tokens/s: int4 on the H100 SXM, "),
    ],
)
def test_what_is_first_by_the_column_sorted_by_is_said(
    bitnet_cost: Command, words: tuple[str, ...], sentence: str
) -> None:
    ran = bitnet_cost("compare", "llama-3.1-8b", "-H", "h100-sxm-80gb,l4", "-p", "fp16,int4", *words)
    assert sentence in " ".join(ran.out.split("\n\n")[0].split())
