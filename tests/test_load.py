"""Serving under load: its limits are exact, its fixed point solves its equation, and commands answer in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bitnet_cost import BitnetCostError, estimate, sweep
from bitnet_cost import load as load_answer
from bitnet_cost.api import load_hardware, load_model, load_precision
from bitnet_cost.engine.load import steady
from bitnet_cost.engine.load_tables import paces, places_of
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.steady import Pace
from bitnet_cost.readers import machines
from bitnet_cost.registry import LOAD_METRICS
from tests.conftest import Ran

Command = Callable[..., Ran]
ALONE, INSIDE = "cuda-graph", "vllm"


def asked(runtime: str, model: str = "llama-3.1-8b", precision: str = "bf16") -> Scenario:
    device, software = machines.setting(load_hardware("h100-sxm-80gb"), runtime)
    return Scenario(model=load_model(model), precision=load_precision(precision), hardware=device, runtime=software)


def paced(runtime: str, load: Load) -> tuple[Scenario, Pace]:
    one = asked(runtime)
    (found,) = paces(one, [load], places_of(one, [load]))
    return one, found


def record(**given: Any) -> dict[str, Any]:
    return load_answer("llama-3.1-8b", "h100-sxm-80gb", "bf16", **given).to_records()[0]


@pytest.mark.parametrize("runtime", [ALONE, INSIDE])
def test_few_requests_take_what_one_sequence_takes_and_the_devices_wait(runtime: str) -> None:
    row = record(rate=1e-7, runtime=runtime)
    alone = estimate("llama-3.1-8b", "h100-sxm-80gb", "bf16", runtime=runtime)
    assert alone.timing is not None
    prefill, decode = (float(alone.timing.of_phase(name)[0]) for name in ("prefill", "decode"))
    assert row["tpot_s"] == pytest.approx(decode / 127, rel=1e-6)
    assert row["ttft_s"] == pytest.approx(prefill, rel=1e-6)
    assert row["mean_batch"] == pytest.approx(1, rel=1e-6)
    own = float(row["energy_per_request_j"]) - float(row["waiting_energy_j"])
    assert own == pytest.approx(float(alone.energy_j), rel=1e-6)
    waits = load_hardware("h100-sxm-80gb").device_power.between
    assert waits is not None
    assert row["power_w"] == pytest.approx(waits.value, rel=1e-3)


@pytest.mark.parametrize("runtime", [ALONE, INSIDE])
def test_the_largest_rate_takes_what_a_full_batch_takes(runtime: str) -> None:
    load = Load(1.0, max_batch=48)
    _one, tempo = paced(runtime, load)
    most = tempo.largest
    at = steady(tempo, np.array([most]))
    assert at.batch[0] == pytest.approx(48, rel=1e-9)
    assert at.busy[0] == pytest.approx(1, rel=1e-9)
    full = estimate("llama-3.1-8b", "h100-sxm-80gb", "bf16", batch=48, runtime=runtime)
    assert full.timing is not None
    step = float(full.timing.of_phase("decode")[0]) / 127
    prompt = float(tempo.prompt_s[-1])
    assert most == pytest.approx(48 / (127 * step + 48 * prompt), rel=1e-9)
    assert at.tpot_s[0] == pytest.approx(step / (1 - most * prompt), rel=1e-9)
    assert not np.isfinite(at.ttft_s[0])


@pytest.mark.parametrize("runtime", [ALONE, INSIDE])
@pytest.mark.parametrize("places", [1, 3, 40, 300])
def test_the_batch_solves_its_equation_at_every_rate(runtime: str, places: int) -> None:
    load = Load(1.0, max_batch=places)
    _one, tempo = paced(runtime, load)
    rates = np.linspace(1e-3, 0.999, 200) * tempo.largest
    at = steady(tempo, rates)
    step, prompt = tempo.at(tempo.step_s, at.batch), tempo.prompt_at(at.sequences, at.batch)
    np.testing.assert_allclose(at.sequences, rates * 127 * step / (1 - rates * prompt), rtol=1e-9)
    np.testing.assert_allclose(at.busy, rates * (prompt + 127 * step / at.batch), rtol=1e-9)  # work of a request
    for figure in (at.batch, at.busy, at.tpot_s, at.ttft_s):
        # A prompt inside a step adds less than one alone, as weights are read once: times may dip where few come.
        slack = 0.02 if runtime == INSIDE else 1e-12
        assert (figure >= np.maximum.accumulate(figure) * (1 - slack)).all()
    assert (np.diff(at.energy_j[1]) < 0).all()


def test_an_element_of_a_curve_is_the_single_answer() -> None:
    rates = np.geomspace(0.1, 20, 40)
    rows = load_answer("llama-3.1-8b", "h100-sxm-80gb", "fp8", rate=rates).to_records()
    for i in (0, 17, 39):
        one = load_answer("llama-3.1-8b", "h100-sxm-80gb", "fp8", rate=float(rates[i])).to_records()[0]
        assert {name for name in one if rows[i][name] != one[name]} == set(), rates[i]
    assert [row["rate_per_s"] for row in rows] == rates.tolist()


def test_a_sweep_over_loads_has_the_single_answers() -> None:
    given = {"rate": [0.5, 5.0, 80.0], "max_batch": 64}
    grid = sweep(models="llama-3.1-8b", hardware="h100-sxm-80gb", precisions=["bf16", "fp8"], load=given,
                 prompt=[256, 700], generate=64)  # fmt: skip
    rows = grid.to_records()
    assert grid.points == len(rows) == 12
    for row in (rows[1], rows[5], rows[10]):
        one = load_answer("llama-3.1-8b", "h100-sxm-80gb", str(row["precision"]), rate=row["rate_per_s"],
                          prompt=int(row["prompt"]), generate=64, max_batch=64, devices=1).to_records()[0]  # fmt: skip
        for name in ("stable", "mean_batch", "tpot_s", "ttft_s", "energy_per_token_j", "max_rate_per_s"):
            assert row[name] == one[name], name
    with pytest.raises(BitnetCostError, match="has no batch"):
        sweep(models="gemma-2b", hardware="l4", precisions="fp16", load=given, batch=[1, 2])
    with pytest.raises(BitnetCostError, match="technology node"):
        sweep(models="gemma-2b", hardware="cmos-7nm", precisions="fp16", load=given)


def test_a_frame_has_what_is_left_out_as_missing() -> None:
    frame = load_answer("gpt2", "l4", "fp16", rate=[1.0, 2.0]).to_dataframe("pandas")
    assert frame["static_cache"].isna().all()
    assert frame["rate_per_s"].tolist() == [1.0, 2.0]
    assert str(frame["prompt"].dtype) == "int64"


def test_parts_of_a_request_add_up() -> None:
    row = record(rate=3.0)
    parts = sum(float(row[f"{name}_energy_j"]) for name in ("prompt", "steps", "waiting"))
    assert row["energy_per_request_j"] == pytest.approx(parts, rel=1e-12)
    assert row["power_w"] == pytest.approx(float(row["energy_per_request_j"]) * 3, rel=1e-12)
    assert row["energy_per_token_j"] == pytest.approx(float(row["energy_per_request_j"]) / 128)


def test_a_day_is_for_its_peak_and_priced_at_its_mean() -> None:
    even, peaked = record(requests_per_day=2e6), record(requests_per_day=2e6, peak=4.0)
    assert peaked["rate_per_s"] == pytest.approx(4 * 2e6 / 86400)
    assert float(peaked["replicas"]) > float(even["replicas"])
    assert float(peaked["energy_day_kwh"]) > float(even["energy_day_kwh"])
    assert float(even["energy_day_kwh"]) == pytest.approx(float(even["energy_per_request_j"]) * 2e6 / 3.6e6)
    assert even["energy_year_kwh"] == pytest.approx(365 * float(even["energy_day_kwh"]))


@pytest.mark.parametrize("runtime", [ALONE, INSIDE])
def test_what_is_cached_is_not_worked_on_and_still_held(runtime: str) -> None:
    """Half of a long prompt cached: half the products, three quarters of the attention, the same batch at most."""
    whole, half, short = (
        record(rate=0.1, prompt=p, cached=c, runtime=runtime) for p, c in ((16384, 0), (16384, 8192), (8192, 0))
    )
    assert half["max_batch"] == whole["max_batch"]
    assert short["prefill_s"] < half["prefill_s"] < whole["prefill_s"]
    assert half["prompt_energy_j"] < 0.65 * whole["prompt_energy_j"]
    assert half["tpot_s"] == pytest.approx(whole["tpot_s"], rel=0.15)
    assert record(rate=0.1, prompt=512, cached=511, runtime=runtime)["prefill_s"] < 0.015


def test_other_devices_take_prompts_in() -> None:
    together, apart = record(rate=20.0, devices=1), record(rate=20.0, devices=1, prefill_devices=1)
    assert (together["cards"], apart["cards"]) == (1, 2)
    assert apart["tpot_s"] < together["tpot_s"]  # no prompt stretches a step
    assert apart["max_rate_per_s"] > together["max_rate_per_s"]
    assert apart["energy_per_request_j"] > together["energy_per_request_j"]  # two devices wait
    full = record(rate=1000.0, devices=1, prefill_devices=1)
    assert full["max_rate_per_s"] == pytest.approx(1 / full["prefill_s"])  # prompts are what binds
    with pytest.raises(BitnetCostError, match="no multiple of the 2"):
        record(rate=1.0, devices=2, prefill_devices=1)


def test_copies_are_as_few_as_keep_what_is_asked() -> None:
    row = record(rate=200.0, slo_tpot=0.02)
    assert row["within_slo"]
    assert float(row["tpot_s"]) <= 0.02
    fewer = record(rate=200.0, slo_tpot=0.02, replicas=int(row["replicas"]) - 1)
    assert not fewer["within_slo"]
    assert float(fewer["slo_rate_per_s"]) < 200


def test_beyond_the_largest_rate_it_is_not_stable_and_the_rate_is_said() -> None:
    row = record(rate=1000.0)
    assert row["stable"] is False
    assert row["ttft_s"] is None
    assert 0 < float(row["max_rate_per_s"]) < 1000
    assert record(rate=float(row["max_rate_per_s"]) * 0.999)["stable"] is True


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "rate: give requests per second (--rate) or"),
        (("--rate", "1", "--requests-per-day", "5"), "rate: give requests per second (--rate) or"),
        (("--rate", "0"), "rate: "),
        (("--rate", "-1"), "rate: "),
        (("--rate", "fast"), "rate: "),
        (("--rate", "1", "-H", "cmos-7nm"), "is a technology node"),
        (("--rate", "1", "--slo-tpot", "0"), "slo-tpot: "),
        (("--rate", "1", "--cached", "512"), "cached: "),
        (("--rate", "1", "--static-cache", "100"), "static-cache: "),
        (("--rate", "1", "--replicas", "some"), "replicas: "),
        (("--rate", "1", "--devices", "some"), "devices: "),
        (("--rate", "1", "--max-batch", "0"), "max-batch: "),
        (("--rate", "1", "--peak", "0.5"), "peak: "),
        (("--rate", "1", "--cv2", "-1"), "cv2: "),
        (("--requests-per-day", "nan"), "requests-per-day: "),
    ],
)
def test_bad_input_is_one_line(bitnet_cost: Command, words: tuple[str, ...], fault: str) -> None:
    done = bitnet_cost("load", "llama-3.1-8b", *words)
    assert done.code == 2
    assert not done.out
    assert fault in done.err
    assert "Traceback" not in done.err


def test_encoders_serve_no_tokens() -> None:
    with pytest.raises(BitnetCostError, match="is an encoder"):
        load_answer("bert-base", rate=1.0)


def test_the_first_line_says_devices_energy_and_the_cheapest(bitnet_cost: Command) -> None:
    words = ("load", "llama-3.1-8b", "-H", "h100-sxm-80gb", "--requests-per-day", "1000000", "--slo-tpot", "0.03",
             *(word for name in ("bf16", "fp8", "w4a16", "bitnet-b1.58") for word in ("-p", name)))  # fmt: skip
    done = bitnet_cost(*words)
    first = " ".join(done.out.partition("\n\n")[0].split())
    assert done.code == 0
    records = json.loads(bitnet_cost(*words, "-f", "json").out)["records"]
    days = {"fp8": "fp8", "bitnet-b1.58": "BitNet b1.58", "w4a16": "w4a16", "bf16": "bf16"}
    least, *others = sorted(records, key=lambda r: r["energy_day_kwh"])
    day = f"{least['energy_day_kwh']:#.3g}"
    assert first.startswith(f"1,000,000 requests a day need 1 H100 SXM in {days[least['precision']]} ({day} kWh a day)")
    for other in others:
        assert f"1 in {days[other['precision']]} ({other['energy_day_kwh']:#.3g})" in first
    assert "which is cheapest is undecided between" in first


def test_a_load_saves_nothing_against_itself_and_has_a_baseline_that_is_served(bitnet_cost: Command) -> None:
    words = ("load", "llama-3.1-70b", "-p", "bf16,fp8,int4", "--rate", "1", "-H")
    rows = json.loads(bitnet_cost(*words, "h200-sxm-141gb,rtx-4090", "-f", "json").out)["records"]
    assert {(r["hardware"], r["baseline"]) for r in rows} == {("h200-sxm-141gb", "bf16"), ("rtx-4090", "int4")}
    for row in rows:
        if row["baseline"] == row["precision"]:
            assert (row["saving_low"], row["saving"], row["saving_high"]) == (0, 0, 0)
    text = bitnet_cost(*words, "rtx-4090").out
    assert re.search(r"int4 +2 .* base$", text, re.MULTILINE)
    assert re.search(r" vs\n +.* int4$", text, re.MULTILINE)


def test_many_ways_to_serve_a_load_leave_the_first_line_short(bitnet_cost: Command) -> None:
    devices = "h100-sxm-80gb,h200-sxm-141gb,mi300x,l4"
    text = bitnet_cost("load", "llama-3.1-8b", "-H", devices, "-p", "bf16,fp8,int4", "--requests-per-day", "1e6").out
    head, _, rest = text.partition("\n\n")
    first = " ".join(head.split())
    assert first.count(" in ") <= 6
    assert "(8 more ways in the table): " in first
    notes = " ".join(rest.split())
    assert re.search(r"of the largest stable rate the load is \d+% in \w+ on the ", notes)
    assert "tensorrt-llm and vllm: prompts run inside decode steps." in notes


def test_devices_of_several_kinds_are_not_counted_against_each_other(bitnet_cost: Command) -> None:
    """Two cards of 72 W are no more than one of 700 W, nor dearer, for all that is known."""
    words = ("load", "llama-3.1-8b", "-H", "h100-sxm-80gb,l4", "-p", "fp8,int4", "--requests-per-day", "1e6")
    rows = json.loads(bitnet_cost(*words, "-f", "json").out)["records"]
    least, second = sorted(rows, key=lambda r: r["energy_day_kwh"])[:2]
    assert (least["hardware"], least["precision"], second["hardware"]) == ("l4", "fp8", "l4")
    assert least["cards"] > min(r["cards"] for r in rows)
    first = " ".join(bitnet_cost(*words).out.partition("\n\n")[0].split())
    assert first.startswith(f"1,000,000 requests a day need {least['cards']} L4 in fp8 (")
    saved = 100 * (1 - least["energy_day_kwh"] / second["energy_day_kwh"])
    assert f": fp8 on the L4 needs the least energy, {saved:.0f}% less than int4 on the L4." in first


def test_prompts_on_devices_of_their_own_are_said_to_be_there(bitnet_cost: Command) -> None:
    words = ("load", "llama-3.1-8b", "-p", "fp8", "--rate", "2")
    assert "tensorrt-llm: prompts run inside decode steps." in " ".join(bitnet_cost(*words).out.split())
    apart = " ".join(bitnet_cost(*words, "--prefill-devices", "1").out.split())
    assert "tensorrt-llm: prompts run on devices of their own." in apart


def test_a_curve_names_the_devices_of_each_rate(bitnet_cost: Command) -> None:
    words = ("load", "llama-3.1-8b", "-H", "h100-sxm-80gb,l4", "-p", "fp8", "--rate", "1:2:2")
    first = " ".join(bitnet_cost(*words).out.partition("\n\n")[0].split())
    rows = json.loads(bitnet_cost(*words, "-f", "json").out)["records"]
    most = {row["hardware"]: f"{row['max_rate_per_s']:#.3g}" for row in rows}
    assert first.startswith(f"H100 SXM serves fp8 up to {most['h100-sxm-80gb']} requests a second (")
    assert f"; L4 serves fp8 up to {most['l4']} requests a second (" in first
    shared = bitnet_cost("load", "llama-3.1-8b", "-p", "fp8", "--rate", "1:2:2", "--devices", "2").out
    assert shared.startswith("2 H100 SXM serve fp8 up to ")


def test_a_long_wait_for_the_first_token_has_a_line_where_no_limit_was_given(bitnet_cost: Command) -> None:
    words = ("load", "llama-3.1-8b", "-H", "raspberry-pi-5", "-p", "int4", "--requests-per-day", "10000")
    row = json.loads(bitnet_cost(*words, "-f", "json").out)["records"][0]
    head = " ".join(bitnet_cost(*words).out.partition("\n\n")[0].split())
    used = row["rate_per_s"] / row["max_rate_per_s"]
    assert f"after {row['ttft_s']:,.0f} s in int4, at {100 * used:.0f}% of what the" in head
    assert "--slo-ttft" in head
    assert "first token" not in bitnet_cost(*words, "--slo-ttft", "500").out.partition("\n\n")[0]
    served = bitnet_cost("load", "llama-3.1-8b", "-p", "int8", "--requests-per-day", "1e6").out
    assert "first token" not in served.partition("\n\n")[0]


def test_money_says_what_it_is_for(bitnet_cost: Command) -> None:
    words = ("load", "llama-3.1-8b", "-p", "fp16,fp8", "--requests-per-day", "1e6", "--price", "0.2")
    assert "of electricity." in " ".join(bitnet_cost(*words).out.partition("\n\n")[0].split())
    rented = bitnet_cost(*words, "--device-hour", "2").out.partition("\n\n")[0]
    assert "of electricity and device time." in " ".join(rented.split())


def test_what_cannot_be_kept_says_what_would_do(bitnet_cost: Command) -> None:
    done = bitnet_cost("load", "llama-3.1-8b", "-p", "bf16", "--rate", "1", "--slo-tpot", "0.0001")
    assert done.code == 0
    assert "cannot keep 100 µs a token: a lone request takes" in " ".join(done.out.split())
    many = bitnet_cost("load", "llama-3.1-8b", "-p", "bf16", "--rate", "1000")
    assert "the largest stable rate is" in " ".join(many.out.split())
    assert "--replicas" in many.out


def test_compare_takes_a_rate(bitnet_cost: Command) -> None:
    words = ("llama-3.1-8b", "-H", "h100-sxm-80gb", "-H", "l4", "-p", "fp8", "--rate", "2")
    compared = json.loads(bitnet_cost("compare", *words, "-f", "json").out)["records"]
    assert compared == json.loads(bitnet_cost("load", *words, "-f", "json").out)["records"]
    assert "fp8 on the L4 needs the least energy" in " ".join(bitnet_cost("compare", *words).out.split())
    assert "not combined with --sort" in bitnet_cost("compare", *words, "--sort", "tokens").err


SECTION_7 = (
    "model parameters hardware runtime precision scope batch prompt generate attention logits counting devices mac mul add "
    "special ideal_weights_bytes weights_bytes kv_cache_bytes peak_activation_bytes footprint_bytes capacity_bytes fits "
    "energy_j energy_low_j energy_high_j energy_per_token_j saving saving_low saving_high baseline prefill_s decode_s "
    "latency_s tokens_per_s power_w bound carbon_g cost_usd reason"
)


def test_json_has_the_columns_of_the_contract(bitnet_cost: Command) -> None:
    found = json.loads(bitnet_cost("load", "llama-3.1-8b", "-p", "fp8", "--rate", "1,2", "-f", "json").out)
    assert found["schema"] == "bitnet-cost/1"
    assert len(found["records"]) == 2
    names = ("rate_per_s", "stable", "max_rate_per_s", "busy", "mean_batch", "ttft_s", "tpot_s", "tokens_per_s",
             "power_w", "energy_per_request_j", "energy_per_token_j", "replicas")  # fmt: skip
    first = found["records"][0]
    assert set(names) < set(first) == set(LOAD_METRICS)
    estimated = bitnet_cost("estimate", "llama-3.1-8b", "-H", "h100-sxm-80gb", "-p", "fp8", "-f", "json").out
    alone = json.loads(estimated)["records"][0]
    assert set(SECTION_7.split()) <= set(first)
    assert first["batch"] is None, "a load's batch is a result"
    assert first["mac"] == pytest.approx(alone["mac"], rel=1e-12), "of a request"
    assert first["energy_j"] == first["energy_per_request_j"]
    assert first["energy_j"] / first["generate"] == pytest.approx(first["energy_per_token_j"], rel=1e-12)
    assert first["ttft_s"] + first["decode_s"] == pytest.approx(first["latency_s"], rel=1e-12)


def test_devices_with_sequences_of_their_own_are_copies() -> None:
    four = record(rate=20.0, devices=4, parallel="data")
    copies = record(rate=20.0, devices=1, replicas=4)
    assert {name: four[name] for name in copies} == copies
    assert four["cards"] == 4
    assert record(requests_per_day=5e6, devices=4, parallel="data")["cards"] % 4 == 0


def test_experts_shared_by_devices_with_sequences_of_their_own() -> None:
    names = ("mixtral-8x7b", "h100-sxm-80gb", "fp8")
    few, full = (
        load_answer(*names, rate=rate, devices=2, parallel="data", max_batch=65).to_records()[0] for rate in (1e-6, 1e4)
    )
    assert full["max_batch"] == 64, "as many on each"
    ends = [estimate(*names, batch=batch, devices=2, parallel="data") for batch in (2, 64)]
    for row, end in zip((few, full), ends, strict=True):
        assert end.timing is not None
        step = float(end.timing.of_phase("decode")[0]) / 127
        stretch = (
            float(row["rate_per_s"]) * float(row["prefill_s"])
            if row["stable"]
            else row["max_rate_per_s"] * row["prefill_s"]
        )
        assert row["tpot_s"] == pytest.approx(step / (1 - stretch), rel=1e-6)
    with pytest.raises(BitnetCostError, match="max-batch: 1 is fewer than the 2 devices"):
        load_answer(*names, rate=1.0, devices=2, parallel="data", max_batch=1)


def test_carbon_and_cost_have_ends_as_their_energy_has(bitnet_cost: Command) -> None:
    words = (
        "load",
        "llama-3.1-8b",
        "-p",
        "fp8",
        "--requests-per-day",
        "1e6",
        "--carbon",
        "400",
        "--price",
        "0.1",
        "-f",
        "json",
    )
    row = json.loads(bitnet_cost(*words).out)["records"][0]
    low, nominal, high = (row[f"energy_day{end}_kwh"] for end in ("_low", "", "_high"))
    assert low < nominal < high
    for end, energy in (("_low", low), ("", nominal), ("_high", high)):
        assert row[f"carbon_day{end}_kg"] == pytest.approx(energy * 0.4, rel=1e-9), (
            "an intensity that was given is exact"
        )
        assert row[f"cost_year{end}_usd"] == pytest.approx(365 * energy * 0.1, rel=1e-9)
