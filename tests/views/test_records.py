"""The JSON contract, and the same figures in every format."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitnet_cost.views import records
from bitnet_cost.views.files import write_atomically
from tests.conftest import Ran

RECORD = """model, parameters, hardware, runtime, precision, scope, batch, prompt, generate, attention, logits,
counting, devices, draft, draft_tokens, accept, tokens_per_step, offload, mac, mul, add, special, ideal_weights_bytes,
weights_bytes, kv_cache_bytes, peak_activation_bytes, footprint_bytes, host_bytes, capacity_bytes, fits, energy_j,
energy_low_j, energy_high_j, energy_per_token_j, energy_per_input_token_j, energy_per_output_token_j, saving,
saving_low, saving_high, baseline, prefill_s, decode_s, latency_s, latency_low_s, latency_high_s, tokens_per_s, power_w,
bound, carbon_g, cost_usd, water_l, reason, active_parameters, embedding_parameters, attention_parameters,
recurrent_parameters, feed_forward_parameters, expert_parameters, norm_parameters, head_parameters"""
OPERATION = """record phase op group repeat mac mul add special weight_bytes activation_bytes kv_bytes energy_j seconds
bound"""


def answer(bitnet_cost: Callable[..., Ran], *words: str) -> dict[str, Any]:
    ran = bitnet_cost("estimate", *words, "-f", "json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_the_document(bitnet_cost: Callable[..., Ran]) -> None:
    document = answer(bitnet_cost, "gpt3-175b")
    assert list(document) == [
        "schema",
        "version",
        "records",
        "operations",
        "components",
        "inputs",
        "not_counted",
        "verdict",
    ]
    assert document["schema"] == "bitnet-cost/1"
    assert [list(r) for r in document["records"]] == [[*(f.strip() for f in RECORD.split(",")), "quality"]] * 8
    assert all(set(o) == set(OPERATION.split()) for o in document["operations"])
    cells = [(r["hardware"], r["precision"], r["scope"]) for r in document["records"]]
    assert cells == [
        (h, p, "arithmetic") for h in ("cmos-45nm", "cmos-7nm") for p in ("fp32", "fp16", "int8", "bitnet")
    ]
    assert {r["baseline"] for r in document["records"]} == {"fp32"}
    assert document["not_counted"]


@pytest.mark.parametrize(
    "words", [["gpt2"], ["llama-3-8b", "--generate", "9", "-b", "3", "--scope", "compute"], ["bert-base"]]
)
def test_parts_add_up(bitnet_cost: Callable[..., Ran], words: list[str]) -> None:
    document = answer(bitnet_cost, *words)
    for i, record in enumerate(document["records"]):
        rows = [o for o in document["operations"] if o["record"] == i]
        parts = [c for c in document["components"] if c["record"] == i]
        for total in (sum(o["energy_j"] for o in rows), sum(c["energy_j"] for c in parts)):
            assert math.isclose(total, record["energy_j"], rel_tol=1e-9)
        for count in ("mac", "mul", "add", "special"):
            assert math.isclose(sum(o[count] for o in rows), record[count], rel_tol=1e-12)
        stored = record["weights_bytes"] + record["kv_cache_bytes"] + record["peak_activation_bytes"]
        assert math.isclose(stored, record["footprint_bytes"], rel_tol=1e-12)
        assert record["energy_low_j"] < record["energy_j"] < record["energy_high_j"]
        assert record["saving_low"] <= record["saving"] <= record["saving_high"] < 1
        assert len({(o["phase"], o["op"]) for o in rows}) == len(rows)
        if record["precision"] == "fp32":
            assert record["saving"] == 0


def test_energy_per_token_is_null_for_one_pass(bitnet_cost: Callable[..., Ran]) -> None:
    (one,) = answer(bitnet_cost, "gpt2", "-p", "fp16", "-H", "cmos-7nm")["records"]
    assert one["energy_per_token_j"] is None
    (many,) = answer(bitnet_cost, "gpt2", "-p", "fp16", "-H", "cmos-7nm", "--generate", "10", "-b", "4")["records"]
    assert many["energy_per_token_j"] == many["energy_j"] / 40


def test_a_node_says_why_it_has_no_time(bitnet_cost: Callable[..., Ran]) -> None:
    for record in answer(bitnet_cost, "gpt2")["records"]:
        for field in ("latency_s", "power_w", "tokens_per_s", "capacity_bytes", "fits", "carbon_g"):
            assert record[field] is None
        assert "no clock" in record["reason"]


def test_mac_does_not_depend_on_precision(bitnet_cost: Callable[..., Ran]) -> None:
    records = answer(bitnet_cost, "gpt2", "-p", "fp16", "-p", "bitnet", "-p", "int8", "--baseline", "fp16")["records"]
    assert len({r["mac"] for r in records}) == 1
    assert records[1]["mul"] < 0.2 * records[0]["mul"]
    assert {r["baseline"] for r in records} == {"fp16"}


def test_inputs_hold_the_shape_and_every_figure(bitnet_cost: Callable[..., Ran]) -> None:
    document = answer(bitnet_cost, "175B")
    (model,) = document["inputs"]["models"].values()
    assert model["shape_parameters"] == 174_604_259_328
    assert {r["parameters"] for r in document["records"]} == {175_000_000_000}
    figure = document["inputs"]["hardware"]["cmos-45nm"]["actions"]["add.int8"]
    assert (figure["value"], figure["source"]) == (3e-14, "horowitz2014")


def test_every_format_prints_the_same_figures(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    records = answer(bitnet_cost, "llama-2-7b")["records"]
    rows = list(csv.DictReader(io.StringIO(bitnet_cost("estimate", "llama-2-7b", "-f", "csv").out)))
    for record, row in zip(records, rows, strict=True):
        assert {k: "" if v is None else str(v) for k, v in record.items() if k != "quality"} == row
    text, markdown = (
        bitnet_cost("estimate", "llama-2-7b", "--notes", "-f", form).out for form in ("table", "markdown")
    )
    for record in records:
        figure = f"{100 * record['saving']:.2f}"  # the saving on the baseline, among the details
        if record["saving"]:
            assert figure in text
            assert figure in markdown
    file = tmp_path / "answer.txt"
    assert bitnet_cost("estimate", "llama-2-7b", "--notes", "-o", file).out == ""
    assert file.read_text("utf-8") == text


def test_layers_as_csv(bitnet_cost: Callable[..., Ran]) -> None:
    rows = list(csv.DictReader(io.StringIO(bitnet_cost("layers", "gpt2", "-p", "fp16", "-f", "csv").out)))
    assert sum(int(r["mac"]) for r in rows) == answer(bitnet_cost, "gpt2", "-p", "fp16")["records"][0]["mac"]


@pytest.mark.parametrize("scope", ["arithmetic", "compute", "memory"])
def test_a_narrow_scope_of_a_device_says_why_it_has_no_power(bitnet_cost: Callable[..., Ran], scope: str) -> None:
    words = ("gpt2", "-H", "l4", "-p", "fp16", "--scope", scope)
    (record,) = answer(bitnet_cost, *words)["records"]
    assert (record["power_w"], record["latency_s"] > 0) == (None, True)
    assert record["reason"] == f"no power: scope {scope} is a part of the energy"
    assert answer(bitnet_cost, *words[:-2])["records"][0]["reason"] is None


def test_true_and_false_are_written_alike_everywhere(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    words = ("-H", "l4", "-H", "gap8", "-p", "fp16")
    bitnet_cost("sweep", "-m", "llama-2-7b", *words, "-o", tmp_path / "swept.csv")
    for text in (
        bitnet_cost("estimate", "llama-2-7b", *words, "-f", "csv").out,
        bitnet_cost("fit", "llama-2-7b", *words, "-f", "csv").out,
        (tmp_path / "swept.csv").read_text("utf-8"),
    ):
        assert [row["fits"] for row in csv.DictReader(io.StringIO(text))] == ["true", "false"]


@pytest.mark.parametrize(
    "words",
    [
        "estimate opt-125m -H a100-sxm-80gb -p fp16 --requests-per-day 1e6",
        "compare opt-125m gpt2 -H cmos-45nm -H a100-sxm-80gb -p fp16 -p int8",
        "load opt-125m -H a100-sxm-80gb --requests-per-day 1e5 --prompt 128 --generate 32",
        "train opt-125m -H a100-sxm-80gb",
        "fit opt-125m -H a100-sxm-80gb",
    ],
)
def test_a_document_written_row_by_row_is_that_of_the_json_module(
    bitnet_cost: Callable[..., Ran], tmp_path: Path, words: str
) -> None:
    ran = bitnet_cost(*words.split(), "-f", "json")
    assert (ran.code, ran.out) == (0, json.dumps(json.loads(ran.out), indent=1) + "\n"), ran.err
    file = tmp_path / "answer.json"
    assert bitnet_cost(*words.split(), "-o", file).code == 0
    assert file.read_text("utf-8") == ran.out


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
        max_leaves=12,
    )
)
def test_json_is_that_of_the_json_module(data: Any) -> None:
    assert records.json_text(data) == json.dumps(data, indent=1) + "\n"


def test_a_file_stays_where_its_rows_end_early(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    file.write_text("before")

    def rows() -> Iterator[float]:
        yield 1.0
        yield math.nan

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_atomically(str(file), records.json_chunks({"rows": rows()}))
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("answer.json", "before")]
