"""Numbers at the edge: nothing overflows, nothing that is not a number is printed, counts are exact up to 2^53."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitnet_cost import api
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.workload import LIMITS, Workload
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.numerals import many_to_digits, to_digits
from bitnet_cost.readers import catalog
from bitnet_cost.studies import pages, ranges
from bitnet_cost.studies.ranges import judged
from bitnet_cost.told import EXACT
from bitnet_cost.views import estimate, html, records, table, terminal
from bitnet_cost.views import layers as layers_view

PRECISIONS = ("fp32", "fp16", "int8", "bitnet", "w4a8kv4")
NO_NUMBER = re.compile(r"(?<![\w.])(nan|inf|infinity)(?![\w.])", re.IGNORECASE)


def architecture(**fields: Any) -> Architecture:
    return Architecture.model_validate({"name": "huge", "source": "this test", "seen": "own", **fields})


# 10^13 parameters: 24 layers of width 200,000 with grouped queries.
TEN_TRILLION = architecture(
    hidden_size=200_000,
    vocab_size=1_000_000,
    layers=[
        {
            "repeat": 24,
            "attention": {"heads": 1600, "kv_heads": 16},
            "ffn": {"size": 820_000, "activation": "gelu"},
        }
    ],
    lm_head={"tied": False},
)
_W, _C = 10_000_000, 100_000  # what a field takes at most
_EXPERTS = {"experts": _C, "experts_per_token": _C, "size": _W, "activation": "silu", "shared_size": _W}
_LATENT = {"heads": _C, "kv_rank": _W, "nope_dim": _W, "rope_dim": _W, "value_dim": _W}
LARGEST = architecture(
    hidden_size=_W,
    vocab_size=10**9,
    layers=[
        {"repeat": 500, "attention": {"heads": _C, "head_dim": _W}, "moe": _EXPERTS},
        {"repeat": 500, "latent_attention": _LATENT, "ffn": {"size": _W, "activation": "gelu", "gated": True}},
        {"repeat": 500, "state_space": {"inner_size": _W, "state_size": _W, "conv_kernel": 1024, "dt_rank": _W}},
        {
            "repeat": 500,
            "state_space": {
                "inner_size": _W, "state_size": _W, "conv_kernel": 1024, "heads": _C, "groups": _C, "chunk": _W,
            },
        },
    ],
    embedding={"positions": 10**9, "token_types": _C},
    lm_head={"tied": False, "bias": True, "transform": True},
)  # fmt: skip


def boundless() -> Hardware:
    """An H100 with as much memory as a profile may have, so that the largest models have a time."""
    h100 = catalog.hardware("h100-sxm-80gb")
    memory = h100.memory.model_copy(
        update={"capacity": h100.memory.capacity.model_copy(update={"value": 1e18, "high": 1e18})}  # type: ignore[union-attr]
    )
    hierarchy = h100.hierarchy | {list(h100.hierarchy)[-1]: memory}
    return h100.model_copy(update={"name": "boundless", "hierarchy": hierarchy})


@pytest.fixture(autouse=True)
def _warnings_are_faults() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def printed(answer: Answer) -> dict[str, str]:
    """An answer in every format but a page."""
    made, layers = estimate.estimate_report(answer, judged(answer)), layers_view.layers_report(answer)
    return {
        "table": table.as_text(made) + table.as_text(layers), "terminal": terminal.as_terminal(made),
        "markdown": table.as_markdown(made) + table.as_markdown(layers), "csv": records.csv_text(records.answer_rows(answer)),
        "json": records.json_text(records.answer_document(answer)),
    }  # fmt: skip


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} in JSON")


def clean(answer: Answer) -> dict[str, str]:
    """Every format, held to have no NaN and no infinity."""
    found = printed(answer)
    for form, text in found.items():
        match = NO_NUMBER.search(text)
        assert not match, (form, text[max(0, match.start() - 200) : match.end()])
    json.loads(found["json"], parse_constant=refuse)
    return found


def asked(model: Architecture, hardware: Hardware, workload: Workload, scope: Any = None) -> Answer:
    """An answer; with its ranges on a technology node, where they are quick."""
    precisions = [catalog.precision(name) for name in PRECISIONS]
    answer = api.answer(api.scenarios([model], [hardware], precisions, workload, scope=scope))
    return ranges.with_swings(ranges.with_spreads(answer, 20)) if hardware.kind == "technology" else answer


@pytest.mark.parametrize("counting", ["serving", "traced"])
@pytest.mark.parametrize("generate", [1, 100_000])
@pytest.mark.parametrize("profile", ["cmos-45nm", "h100-sxm-80gb", "boundless"])
def test_ten_trillion_parameters_on_a_million_tokens_of_ten_thousand_sequences(
    profile: str, generate: int, counting: Any
) -> None:
    hardware = boundless() if profile == "boundless" else catalog.hardware(profile)
    answer = asked(TEN_TRILLION, hardware, Workload(10**4, 10**6, generate, counting=counting))
    found = clean(answer)
    rows = json.loads(found["json"])["records"]
    assert all(9.9e12 < row["parameters"] < 1.05e13 for row in rows)
    assert all(row["mac"] > 1e13 * 1e10 * 0.99 for row in rows)
    answered = [row for row in rows if row["energy_j"] is not None]
    assert len(answered) == {"cmos-45nm": 5, "h100-sxm-80gb": 0, "boundless": 5}[profile]
    assert all(0 < row["energy_low_j"] <= row["energy_j"] <= row["energy_high_j"] for row in answered)
    if profile == "boundless":
        assert all(row["latency_s"] > 0 and row["power_w"] > 0 for row in rows)
    lines = found["table"].splitlines()
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("scope", ["arithmetic", "compute", "memory"])
@pytest.mark.parametrize("counting", ["serving", "traced"])
def test_the_largest_that_the_fields_take(scope: Any, counting: Any) -> None:
    largest = Workload(LIMITS["batch"], LIMITS["prompt"], LIMITS["generate"], counting=counting)
    answer = asked(LARGEST, catalog.hardware("cmos-45nm"), largest, scope)
    rows = json.loads(clean(answer)["json"])["records"]
    assert all(row["energy_j"] > 1e20 for row in rows)


SMALLEST = architecture(
    hidden_size=1, vocab_size=1, layers=[{"repeat": 1, "attention": {"heads": 1}}], lm_head={"tied": True}
)


@pytest.mark.parametrize("profile", ["cmos-45nm", "h100-sxm-80gb", "raspberry-pi-5"])
def test_the_smallest(profile: str) -> None:
    clean(asked(SMALLEST, catalog.hardware(profile), Workload(1, 1, 1)))


@pytest.mark.parametrize(
    ("model", "size"), [(TEN_TRILLION, (10**4, 10**6, 10)), (LARGEST, (10**6, 10**8, 10**8)), (SMALLEST, (1, 1, 1))]
)
def test_pages(model: Architecture, size: tuple[int, int, int]) -> None:
    hardware = [catalog.hardware("cmos-45nm"), boundless()]
    precisions = [catalog.precision(p) for p in ("fp16", "bitnet")]
    answer = api.answer(api.scenarios([model], hardware, precisions, Workload(*size)))
    made = pages.of_answer(answer, estimate.estimate_report(answer, judged(answer)), "a command")
    page = html.as_html(made)
    held = dict(re.findall(r'<script type="text/plain" id="held-(\w+)" data-packed>(.*?)</script>', page))
    assert set(held) == {"json", "csv", "choices", "library"}
    for name in ("json", "csv", "choices"):
        json.loads(gzip.decompress(base64.b64decode(held[name])), parse_constant=refuse)
    shown = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    every = [text for chart in made.charts for s in chart.shown for row in (s.headings, (s.title, s.words), *s.table.rows)
             for text in row]  # fmt: skip
    assert not NO_NUMBER.search("\n".join([shown, *every]))


def of_product(outputs: int, inputs: int, batch: int, prompt: int) -> Answer:
    return api.answer(api.scenarios(
        [catalog.model(f"linear-{outputs}x{inputs}")], [catalog.hardware("cmos-45nm")], [catalog.precision("fp16")],
        Workload(batch, prompt, 1, logits="none"),
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("outputs", "inputs", "batch", "prompt", "beyond"),
    [
        (6361, 69431, 1, 20394401, -1),  # 2^53 - 1 = 6361 x 69431 x 20394401
        (2**20, 2**20, 1, 2**13, 0),
        (3 * 3 * 3 * 5, 47 * 56311, 1, 25209539, 13),
        (83 * 269, 4363, 1, 92464321, 29),
        (10**6, 10**6, 10**6, 10**8, 10**26 - 2**53),
    ],
)
def test_counts_are_exact_up_to_2_to_the_53_and_said_to_be_rounded_above(
    outputs: int, inputs: int, batch: int, prompt: int, beyond: int
) -> None:
    exact = outputs * inputs * batch * prompt
    assert exact == 2**53 + beyond
    answer = of_product(outputs, inputs, batch, prompt)
    found = json.loads(records.json_text(records.answer_document(answer)))
    row = found["records"][0]
    additions = outputs * (inputs - 1) * batch * prompt
    if beyond <= 0:
        assert (row["mac"], row["mul"], row["add"]) == (exact, exact, additions)
        assert "rounded" not in found
        assert "2^53" not in table.as_text(layers_view.layers_report(answer))
    else:
        assert abs(row["mac"] - exact) <= exact * 2.0**-53
        assert abs(row["add"] - additions) <= exact * 2.0**-52
        assert "2^53" in found["rounded"]
        assert "2^53" in table.as_text(layers_view.layers_report(answer))
    assert row["parameters"] == outputs * inputs + inputs  # and a token table of one row


@given(
    layers=st.integers(1, 200), heads=st.integers(1, 64), width=st.integers(1, 256), size=st.integers(1, 50_000),
    vocabulary=st.integers(1, 200_000), batch=st.integers(1, 10**6), prompt=st.integers(1, 10**7),
    generate=st.integers(1, 10**6),
)  # fmt: skip
def test_counts_against_whole_numbers_of_python(
    layers: int, heads: int, width: int, size: int, vocabulary: int, batch: int, prompt: int, generate: int
) -> None:
    """The multiplications of a decoder in closed form, in integers of any size."""
    hidden = heads * width
    model = architecture(
        hidden_size=hidden, vocab_size=vocabulary, lm_head={"tied": True},
        layers=[{"repeat": layers, "attention": {"heads": heads}, "ffn": {"size": size, "activation": "relu"}}],
    )  # fmt: skip
    result = api.estimate(model, "cmos-45nm", "fp16", batch=batch, prompt=prompt, generate=generate)
    steps = generate - 1
    pairs = prompt * (prompt + 1) // 2 + steps * prompt + steps * (steps + 1) // 2
    linear = layers * (4 * hidden**2 + 2 * hidden * size) * batch * (prompt + steps)
    scores = layers * 2 * hidden * batch * pairs
    exact = linear + scores + vocabulary * hidden * batch * generate
    counted = int(float(result.mac))
    if exact <= EXACT:
        assert counted == exact
        assert (
            result.parameters == layers * (4 * hidden**2 + 2 * hidden * size + 2 * hidden) + (vocabulary + 1) * hidden
        )
    else:
        assert abs(counted - exact) <= 1e-14 * exact
        assert result.rounded


@given(st.lists(st.dictionaries(st.text(max_size=5), st.floats() | st.text(max_size=5), min_size=1), min_size=1))
def test_json_is_strict_or_refused(rows: list[dict[str, Any]]) -> None:
    try:
        text = records.json_text(rows)
    except ValueError:  # better no answer than NaN in one
        assert any(isinstance(v, float) and not abs(v) < float("inf") for row in rows for v in row.values())
    else:
        json.loads(text, parse_constant=refuse)


def test_csv_has_an_empty_cell_for_what_cannot_be_said() -> None:
    answer = asked(TEN_TRILLION, catalog.hardware("h100-sxm-80gb"), Workload(1, 512, 8))
    for row in csv.DictReader(io.StringIO(records.csv_text(records.answer_rows(answer)))):
        assert row["energy_j"] == ""
        assert row["reason"]


@given(st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=40), st.integers(1, 9))
def test_many_figures_are_rounded_as_each_is_printed(values: list[float], count: int) -> None:
    assert many_to_digits(np.array(values), count).tolist() == [to_digits(value, count) for value in values]
