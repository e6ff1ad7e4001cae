"""`bitnet-cost calibrate`: a machine measured, and its figures found again from its rows."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bitnet_cost.engine.estimate import priced
from bitnet_cost.readers import benchmarks, catalog, machines
from bitnet_cost.studies import benchmarking, own_machine
from bitnet_cost.studies.benchmarking import Row, csv_text, machine, measure, read_rows
from bitnet_cost.studies.calibration import NONE
from bitnet_cost.studies.measured import counted, grouped, read
from tests.conftest import Ran

Run = Callable[..., Ran]
GIVEN = benchmarks.Given("rtx-4090", "llama.cpp")
LLAMA_BENCH = """build_commit,model_filename,model_type,model_n_params,n_prompt,n_gen,n_depth,avg_ts,stddev_ts
"abc","models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf","llama 8B Q4_K - Medium","8030261248","512","0","0","{}","1"
"abc","models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf","llama 8B Q4_K - Medium","8030261248","0","128","0","{}","1"
"""


def modelled(hardware: str, runtime: str, rows: Iterable[Row], figures: own_machine.Figures) -> list[Row]:
    """Rows of a machine that is a relative with other figures, as the model has them, without noise."""
    profile, software = machines.setting(catalog.hardware(hardware), runtime)
    assert software is not None
    asked = own_machine.products(rows, hardware, runtime)
    found = []
    for members in grouped(asked).values():
        result = priced(counted(members, figures.hardware_of(profile), figures.runtime_of(software)))
        for row, answer in zip(members, read(result, members, NONE), strict=True):
            form, _, shape = row.id.partition("-")
            tokens, inputs, outputs = map(int, shape.split("x"))
            seconds, joules = answer["seconds"], answer["energy_j_per_token"]
            found.append(
                Row(row.id, "product", "NVIDIA H100 80GB HBM3", "model", form, tokens, inputs, outputs, seconds, joules)
            )
    return found


def shapes() -> list[Row]:
    return [
        Row(
            f"{form}-{tokens}x{inputs}x{outputs}",
            "product",
            "NVIDIA H100 80GB HBM3",
            "model",
            form,
            tokens,
            inputs,
            outputs,
        )
        for form in ("bf16", "int8")
        for inputs, outputs in ((4096, 4096), (4096, 14336), (8192, 8192))
        for tokens in (1, 16, 256, 4096)
    ]


def test_figures_are_found_again_from_rows_that_were_made_with_them(bitnet_cost: Run, tmp_path: Path) -> None:
    """Rows of an H100 with 0.7 of the bandwidth, 0.6 of BF16's rate, half of INT8's, and other prices."""
    truth = own_machine.Figures(0.7, 1.2, {"bf16": 0.6, "int8": 0.5}, 0.8, {"bf16": 1.2, "int8": 0.6})
    rows = modelled("h100-sxm-80gb", "cuda-graph", shapes(), truth)
    (tmp_path / "h.csv").write_text(csv_text(rows), "utf-8")
    ran = bitnet_cost("calibrate", "fit", str(tmp_path / "h.csv"), "-o", str(tmp_path / "mine.yaml"))
    assert ran.code == 0, ran.err
    found, base = catalog.hardware(str(tmp_path / "mine.yaml")), catalog.hardware("h100-sxm-80gb")
    assert found.extends == "h100-sxm-80gb"
    assert found.memory.bandwidth is not None
    assert base.memory.bandwidth is not None
    assert found.memory.bandwidth.value == pytest.approx(0.7 * base.memory.bandwidth.value, rel=0.03)
    for form, factor in truth.rates.items():
        figure = found.rates[form]
        assert figure.value == pytest.approx(factor * base.rates[form].value, rel=0.1)
        assert figure.low < figure.value < figure.high
    tuned = catalog.constants().of_device("h100-sxm-80gb")
    priced_base = tuned.hardware_of(base) if tuned else base
    for form, factor in truth.macs.items():
        assert found.actions[f"mac.{form}"].value == pytest.approx(
            factor * priced_base.actions[f"mac.{form}"].value, rel=0.15
        )
    assert "rows kept aside" in ran.err
    checked = bitnet_cost("check", str(tmp_path / "mine.yaml"), str(tmp_path / "mine.runtime.yaml"))
    assert checked.code == 0, checked.out + checked.err
    words = ("-H", str(tmp_path / "mine.yaml"), "--runtime", str(tmp_path / "mine.runtime.yaml"), "-p", "bf16")
    assert bitnet_cost("estimate", "llama-3.1-8b", *words).code == 0


def test_the_kept_rows_have_no_part_in_the_figures(tmp_path: Path) -> None:
    rows = modelled("h100-sxm-80gb", "cuda-graph", shapes(), own_machine.Figures(0.8))
    asked = own_machine.products(rows, "h100-sxm-80gb", "cuda-graph")
    first = own_machine.fit(own_machine.Asked(asked, "a", "h100-sxm-80gb", None, "x"), lambda _: None)
    kept = len(asked) // own_machine.KEPT
    assert (first.used, len(first.errors["seconds"])) == (len(asked) - kept, kept)
    assert float(np.max(np.abs(first.errors["seconds"]))) < 0.05


def test_a_counter_that_stands_still_is_read_where_it_moves() -> None:
    """50 W by a counter that moves every 30 ms: what is read of it at any other time is up to a step too little."""
    start = time.perf_counter()

    def joules() -> float:
        return 50.0 * 0.03 * ((time.perf_counter() - start) // 0.03)

    done, power = benchmarking._watched(joules, lambda: time.sleep(0.25))
    assert done is None
    assert power == pytest.approx(50.0, rel=0.1)
    assert benchmarking._watched(lambda: 7.0, lambda: 3) == (3, None)


def test_this_machine_is_measured(bitnet_cost: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on = machine("numpy")
    monkeypatch.setattr(type(on), "shapes", ((256, 256),))
    monkeypatch.setattr(type(on), "tokens", (1, 8))
    monkeypatch.setattr(benchmarking, "WORKED", 0.0)  # however busy the machine of the test is
    monkeypatch.setattr(benchmarking, "AGREEING", 1e6)
    rows = measure(on, 1, lambda _: None, watts=(10.0, 30.0))
    assert list(read_rows(csv_text(rows), "x")) == rows
    products = [row for row in rows if row.what == "product"]
    assert [row.tokens for row in products] == [1, 8]
    for row in products:
        assert row.seconds is not None
        assert 0 < row.seconds < 1
        assert row.power_w == 30.0
        assert row.energy_j == pytest.approx(30 * row.seconds)
    assert next(row.power_w for row in rows if row.what == "idle") == 10.0


def test_products_that_others_interrupt_are_left_out_and_a_burst_spoils_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst meets every third turn: times are those between. One product never has a core: it has no row."""
    monkeypatch.setattr(benchmarking, "TURN", 1e-3)
    now, worked, calls = 0.0, 0.0, 0

    def run(true: float, starved: bool) -> Callable[[int], tuple[float, int]]:
        def products(times: int) -> tuple[float, int]:
            nonlocal now, worked, calls
            calls += 1
            interrupted = starved or calls % 3 == 0
            took = true * times + (0.04 if interrupted else 0.0)
            now, worked = now + took, worked + true * times
            return took, times

        return products

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    monkeypatch.setattr(time, "process_time", lambda: worked)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    case = benchmarking.Case("fp32", 1, 64, 64)
    found = benchmarking._rounds({case: run(3e-4, False), case._replace(tokens=2): run(2e-4, True)}, 5.0)
    assert min(found[case]) == pytest.approx(3e-4)
    assert max(found[case]) == pytest.approx(3e-4)
    assert benchmarking._agreed(found[case])
    assert not benchmarking._agreed(found[case._replace(tokens=2)])


def test_rows_of_a_processor_lead_back_to_its_figures(bitnet_cost: Run, tmp_path: Path) -> None:
    """Products that lay out their weights first take 4 bytes x 3 / bandwidth a weight, and then their arithmetic."""
    rows = []
    for tokens, (inputs, outputs) in product((1, 2, 8, 32, 128), ((512, 1024), (1024, 1024), (1024, 4096))):
        weights = inputs * outputs
        seconds = 4 * weights / 30e9 if tokens == 1 else 3 * 4 * weights / 30e9 + 2 * tokens * weights / 200e9
        name = f"fp32-{tokens}x{inputs}x{outputs}"
        rows.append(Row(name, "product", "AMD EPYC", "numpy", "fp32", tokens, inputs, outputs, seconds))
    (tmp_path / "c.csv").write_text(csv_text(rows), "utf-8")
    ran = bitnet_cost("calibrate", "fit", str(tmp_path / "c.csv"), "-o", str(tmp_path / "c.yaml"))
    assert ran.code == 0, ran.err
    found = catalog.hardware(str(tmp_path / "c.yaml"))
    software = catalog.runtime(str(tmp_path / "c.runtime.yaml"), "cpu").kernel("linear")
    assert found.memory.bandwidth is not None
    assert software.bandwidth is not None
    assert software.compute is not None
    assert software.packing is not None
    assert found.memory.rate / 8 * software.bandwidth.value == pytest.approx(30e9, rel=0.05)
    assert found.rates["fp32"].value * software.compute.value == pytest.approx(200e9, rel=0.05)
    assert software.packing.value == pytest.approx(3, rel=0.05)


def test_rows_of_llama_bench() -> None:
    rows = list(benchmarks.rows(LLAMA_BENCH.format(5000, 120), "b.csv", GIVEN))
    assert [(r.model, r.precision, r.phase) for r in rows] == [
        ("llama-3.1-8b", "q4_k_m", "prefill"), ("llama-3.1-8b", "q4_k_m", "decode")
    ]  # fmt: skip
    assert [r.seconds for r in rows] == pytest.approx([512 / 5000, 1 / 120])


def test_rows_of_vllm_bench_and_of_mlenergy() -> None:
    vllm = "model_id,mean_tpot_ms,output_throughput,completed,total_input_tokens,total_output_tokens\n"
    (row,) = benchmarks.rows(vllm + "meta-llama/Llama-3.1-8B-Instruct,10,1600,100,51200,12800\n", "v.csv", GIVEN)
    assert (row.model, row.batch, row.prompt, row.generate, row.seconds) == ("llama-3.1-8b", 16, 512, 128, 0.01)
    names = "model_id,num_gpus,energy_per_token_joules,mean_itl_ms,output_throughput_tokens_per_sec,avg_power_watts\n"
    (row,) = benchmarks.rows(names + "meta-llama/Llama-3.1-8B-Instruct,1,0.3,20,1600,480\n", "m.csv", GIVEN)
    assert (row.batch, row.energy_j_per_token, row.power_w, row.seconds) == (32, 0.3, 480, 0.02)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "has no column id"),
        (csv_text([]), "calibrate fit needs five or more"),
        (csv_text(shapes()[:1]).replace("bf16,1,", "bf16,one,"), "tokens is 'one'"),
        (LLAMA_BENCH.format("fast", 120), "line 2: is no row of its header"),
        (LLAMA_BENCH.format(5000, 120).replace("Meta-Llama-3.1-8B", "Nothing-9B"), "names no model of the catalogue"),
    ],
)
def test_bad_rows_are_one_clear_line(text: str, told: str, bitnet_cost: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text, "utf-8")
    words = ("--like", "rtx-4090", "-o", str(tmp_path / "o.yaml"))
    ran = bitnet_cost("calibrate", "fit", str(tmp_path / "x.csv"), *words)
    assert (ran.code, ran.out, (tmp_path / "o.yaml").exists()) == (2, "", False)
    assert told in ran.err


def test_a_name_of_the_catalogue_is_refused_before_anything_is_fitted(bitnet_cost: Run, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text(csv_text(shapes()[:1]), "utf-8")
    ran = bitnet_cost("calibrate", "fit", str(tmp_path / "h.csv"), "--name", "h100-sxm-80gb")
    assert ran.code == 2
    assert "'h100-sxm-80gb' is taken by the catalogue" in ran.err
    assert not ran.out


def test_rows_are_csv_that_others_read() -> None:
    assert next(csv.reader(io.StringIO(csv_text([]))))[:3] == ["id", "what", "device"]
