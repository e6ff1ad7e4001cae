"""Sweeps: equal to single estimates, only when complete, the same with any number of processes."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bitnet_cost as package
from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.filters import Filter
from bitnet_cost.front import best, pareto
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.contract import contract
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.studies import chart, running, sweep_columns, sweep_parts, varied
from bitnet_cost.studies import sweep as sweeps
from bitnet_cost.studies.progress import Progress
from bitnet_cost.studies.sweep import PARTITION
from tests.conftest import ROOT, Ran

NAMES = {"models": ["llama-2-7b"], "precisions": ["bf16"], "hardware": ["h100-sxm-80gb"]}
COLUMNS = set(METRICS)


def table_of(whole: sweeps.Plan, workers: int = 1) -> dict[str, np.ndarray[Any, Any]]:
    """A sweep's kept rows in memory: written columns by name.  [n]"""
    parts = list(running.Runner(whole, workers=workers).every())
    return {
        name: np.concatenate([sweep_columns.as_array(part[name], rows) for rows, part in parts])
        for name in whole.columns
    }


def plan(**asked: Any) -> sweeps.Plan:
    return sweeps.plan(sweeps.of_options({**NAMES, **asked}))


@pytest.mark.parametrize(
    ("models", "hardware", "precisions", "devices"),
    [
        (["llama-2-7b", "gemma-3-1b"], ["h100-sxm-80gb", "rtx-4090", "cmos-7nm"], ["bf16", "bitnet-b1.58"], [1]),
        (["mixtral-8x7b", "deepseek-v2-lite"], ["a100-sxm-80gb"], ["fp16", "w4a16"], [1, 2]),
        (["bitnet-b1.58-2b4t"], ["intel-i7-13700h", "apple-m2-ultra"], ["bitnet-b1.58", "fp16"], [1]),
    ],
)
def test_a_row_is_the_single_estimate_to_the_bit(
    models: list[str], hardware: list[str], precisions: list[str], devices: list[int]
) -> None:
    whole = plan(
        models=models, hardware=hardware, precisions=precisions, devices=devices, batch=[1, 3, 64, 700],
        prompt={"first": 1, "last": 30_000, "points": 40, "scale": "log"}, generate=[1, 2, 129, 5000],
    )  # fmt: skip
    table = table_of(whole)
    rows = len(table["batch"])
    assert rows == whole.points
    chosen = np.random.default_rng(1).choice(rows, size=350, replace=False)
    for i in chosen:
        row = {name: values[i] for name, values in table.items()}
        result = package.estimate(
            row["model"], row["hardware"], row["precision"], batch=int(row["batch"]), prompt=int(row["prompt"]),
            generate=int(row["generate"]), devices=int(row["devices"]),
        )  # fmt: skip
        single = result.to_records()[0]
        for name in COLUMNS & set(table):
            if name == "reason":
                continue  # says how far a single point does not fit
            ours, theirs = row[name], single[name]
            if theirs is None:
                assert ours is None or math.isnan(ours), (name, row)
            else:
                assert ours == theirs, (name, row, theirs)
        for name, values in result.by_component.items():
            assert float(values[1, 0]) == row[f"energy_{name}_j"]


def test_components_add_up_and_equal_the_table_of_operators() -> None:
    result = package.estimate("llama-2-7b", "h100-sxm-80gb", "bf16", generate=64)
    assert result.ledger is not None
    table = contract(result.ledger, "operator", result.scope)
    parts = {name: float(values[1].sum()) for name, values in table.items()}
    assert table.keys() == result.by_component.keys()
    for name, values in result.by_component.items():
        assert float(values[1, 0]) == pytest.approx(parts[name], rel=1e-12)
    assert float(result.energy_j) == pytest.approx(sum(parts.values()), rel=1e-12)


def test_a_varied_figure_is_that_of_a_changed_profile() -> None:
    vary = {"hierarchy.hbm.bandwidth": ["1 TB/s", 2.68e13], "actions.mac.bf16": [1e-12, 2e-12]}
    for prompt in ([64], list(range(1, 1025))):  # few workloads: the figures are an axis of the arrays; many: a loop
        whole = plan(vary=vary, prompt=prompt)
        assert whole.inner == (tuple(vary) if len(prompt) == 1 else ())
        table = table_of(whole)
        at = [i for i in range(whole.points) if table["prompt"][i] == 64]
        assert [table["hierarchy.hbm.bandwidth"][i] for i in at] == [8e12, 8e12, 2.68e13, 2.68e13]
        asked = whole.settings[0].but(workload=Workload(1, 64, 128))
        for path, value in (("hierarchy.hbm.bandwidth", 8e12), ("actions.mac.bf16", 2e-12)):
            asked = asked.at(path, value)
        single = evaluate(asked)
        assert float(single.energy_j) == table["energy_j"][at[1]]
        assert table["latency_s"][at[0]] > table["latency_s"][at[2]]


H100 = plan().settings[0]
FIGURES = [path for path, _ in H100.figures()]


def by_loop_and_by_axis(vary: dict[str, list[float]], monkeypatch: pytest.MonkeyPatch, **asked: Any) -> None:
    """Evaluate a grid with varied figures as an axis and again one profile at a time, and compare every column."""
    axis = plan(vary=vary, **asked)
    assert axis.inner == tuple(vary)
    table = table_of(axis)
    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "CHUNK", 1)
        loop = plan(vary=vary, **asked)
        assert loop.inner == ()
        expected = table_of(loop)
    for column in loop.known:
        assert repr(list(table[column])) == repr(list(expected[column])), column


@pytest.mark.parametrize("path", [p for p in FIGURES if varied.broadcasts(H100, p)])
def test_every_figure_may_be_an_axis(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = H100.figure(path).value
    by_loop_and_by_axis({path: [0.7 * value, value, 1.3 * value]}, monkeypatch, precisions=["bf16", "w1.58a8"])


def test_figures_vary_with_one_another_and_with_the_workload(monkeypatch: pytest.MonkeyPatch) -> None:
    vary = {"hierarchy.hbm.bandwidth": [1e13, 3e13], "power.static": [80.0, 90.0], "power.cap": [300.0, 700.0]}
    asked: dict[str, Any] = {"batch": [1, 64], "prompt": [16, 3000], "precisions": ["bf16", "w4a16"]}
    by_loop_and_by_axis(vary, monkeypatch, devices=[1, 2], **asked)
    by_loop_and_by_axis(vary, monkeypatch, devices=[2], parallel="pipeline", models=["mixtral-8x7b"], **asked)


def test_the_capacity_that_decides_where_weights_are_is_no_axis() -> None:
    path = "hierarchy.l2.capacity"
    assert varied.broadcasts(H100, "hierarchy.hbm.capacity")
    assert not varied.broadcasts(H100, path)
    assert len(table_of(plan(vary={path: [1e9, 1e12]}))["energy_j"]) == 2


def test_the_order_is_that_of_the_grid_and_no_point_is_lost_or_doubled() -> None:
    whole = plan(batch=list(range(1, 60)), prompt={"first": 1, "last": 2000, "points": 2000}, generate=[1, 7])
    assert whole.partitions > 1
    table = table_of(sweeps.plan(whole.spec.model_copy(update={"columns": ["batch", "prompt", "generate"]})))
    expected = np.array(np.meshgrid(range(1, 60), range(1, 2001), [1, 7], indexing="ij")).reshape(3, -1)
    assert np.array_equal(np.array([table[n] for n in ("batch", "prompt", "generate")], dtype=int), expected)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_file_is_the_same_whatever_the_number_of_workers(tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    whole = plan(batch=list(range(1, 40)), prompt={"first": 1, "last": 4000, "points": 2000}, precisions=["bf16", "fp8"],
                 columns=["precision", "batch", "prompt", "energy_j", "latency_s"], where=["prompt < 900"])  # fmt: skip
    texts = []
    for workers in (1, 2, 3):
        path = tmp_path / f"{workers}{suffix}"
        rows, progress = running.run(whole, str(path), workers=workers)
        assert progress.done == whole.points == 156_000
        texts.append(path.read_bytes())
    assert texts[0] == texts[1] == texts[2]
    prompts = whole.axes["prompt"]
    assert prompts is not None
    assert rows == 2 * 39 * sum(p < 900 for p in prompts)


def test_parquet_carries_units_version_and_inputs(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    running.run(plan(batch=[1, 10_000]), str(tmp_path / "a.parquet"))
    table = parquet.read_table(tmp_path / "a.parquet")
    said = json.loads(table.schema.metadata[b"bitnet-cost"])
    assert said["version"] == package.__version__
    assert said["units"]["energy_j"] == "J"
    assert table.schema.field("kv_cache_bytes").metadata[b"unit"] == b"byte"
    assert said["hardware"]["h100-sxm-80gb"]["power"]["cap"]["value"] == 700
    assert table.column("fits").to_pylist() == [True, False]
    assert table.column("energy_j").to_pylist()[1] is None
    assert table.num_rows == 2


def test_cells_of_one_point_share_a_row_group(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    figures = {"first": 50, "last": 250, "points": 120}
    running.run(plan(vary={"power.static": figures}, precisions=["bf16", "fp8"]), str(tmp_path / "a.parquet"))
    found = parquet.ParquetFile(tmp_path / "a.parquet")
    assert (found.metadata.num_rows, found.metadata.num_row_groups) == (240, 1)
    table = found.read()
    assert table.column("precision").to_pylist() == ["bf16"] * 120 + ["fp8"] * 120
    assert np.array_equal(table.column("power.static").to_numpy(), np.tile(np.linspace(50, 250, 120), 2))


def _die(*_: Any, **__: Any) -> None:
    os._exit(1)


def test_a_worker_that_dies_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "encoded", _die)
    several = ["bf16", "fp8", "fp16", "int8", "int4"]
    with pytest.raises(BitnetCostError, match="worker process"):
        running.run(plan(batch=[1, 2], precisions=several), str(tmp_path / "a.csv"), workers=2)
    assert not list(tmp_path.iterdir())


def test_limit_takes_the_first_points() -> None:
    whole = plan(batch=[1, 2, 3], prompt=[8, 9], limit=4)
    table = table_of(whole)
    assert list(zip(table["batch"].astype(int), table["prompt"].astype(int), strict=True)) == [
        (1, 8), (1, 9), (2, 8), (2, 9),
    ]  # fmt: skip


# --- filters -------------------------------------------------------------------------------------------------------

KNOWN = ("model", "precision", "fits", "latency_s", "energy_j", "devices", "power.static")


@pytest.mark.parametrize(
    "text",
    [
        "", "latency_s", "latency_s <", "latency < 1", "__import__('os').system('true')", "latency_s.real < 1",
        "latency_s < 'a'", "model < 'b'", "model == 3", "[1][0] < 2", "latency_s ** 9 < 1", "lambda: 1", "fits + 1 < 2",
        "latency_s if fits else 1", "precision in 'bf16'", "(latency_s := 1) < 2", "f'{fits}' == 'a'", "not latency_s",
        "1 and fits", "latency_s < 1e999", "open < 1", "a" * 3000, "(" * 500 + "fits" + ")" * 500, "latency_s is 1",
        "not " * 300 + "fits", "'bf16'",
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(BitnetCostError):
        Filter(text, KNOWN, ("model", "precision"))


def test_filters_mean_what_they_say() -> None:
    columns = {
        "latency_s": np.array([0.01, 0.1, np.nan]), "energy_j": np.array([2.0, 1.0, np.nan]), "fits": np.array([1, 1, 0]) > 0,
        "devices": np.array([1, 2, 1]), "precision": "bf16", "model": "m", "power.static": 90.0,
    }  # fmt: skip
    for text, expected in (
        ("fits", [1, 1, 0]), ("not fits", [0, 0, 1]), ("latency_s < 0.05", [1, 0, 0]), ("latency_s != 0.01", [0, 1, 0]),
        ("energy_j / latency_s > 100 and devices == 1", [1, 0, 0]), ("0.05 < latency_s <= 0.1 or devices == 1", [1, 1, 1]),
        ("precision in ('bf16', 'fp8')", [1, 1, 1]), ("precision not in ('bf16',)", [0, 0, 0]), ("model != 'm'", [0, 0, 0]),
        ("power.static > 80 and -energy_j < -1.5", [1, 0, 0]), ("latency_s / (energy_j - 1) > 1", [0, 1, 0]),
    ):  # fmt: skip
        found = Filter(text, KNOWN, ("model", "precision"))(columns, 3)
        assert found.tolist() == [bool(e) for e in expected], text


@pytest.mark.parametrize(
    "words",
    [
        ("--where", "latency < 1"), ("--where", "__import__('os')"), ("--columns", "energy"), ("--vary", "power.stat=1:2:2"),
        ("--vary", "power.static=3 GB"), ("--vary", "power.static"), ("--batch", "0,1"), ("--batch", "1:2"), ("--batch", "x"),
        ("--prompt", "1:1e12:5:log"), ("--objective", "least energy_j", "--pareto"), ("--objective", "min fits", "--pareto"),
        ("--pareto",), ("--top", "0", "--objective", "min energy_j"), ("--devices", "3000"), ("--workers", "0"),
        ("--limit", "0"), ("--scheduler", "tcp://127.0.0.1:1"), ("-m", "llama-2-7bb"), ("--vary", "power.static=-1,2"),
    ],
)  # fmt: skip
def test_bad_input_is_one_message_and_nothing_written(
    words: tuple[str, ...], bitnet_cost: Callable[..., Ran], tmp_path: Path
) -> None:
    file = tmp_path / "out.csv"
    ran = bitnet_cost("sweep", "-m", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "bf16", *words, "-o", file)
    assert ran.code == 2, ran
    assert ran.err.startswith("error: ")
    assert not ran.out
    assert not list(tmp_path.iterdir())


def test_the_output_must_be_a_file_that_can_be_written(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    words = ("sweep", "-m", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "bf16")
    for target in ("a.txt", "none/a.csv"):
        ran = bitnet_cost(*words, "-o", tmp_path / target)
        assert ran.code == 2, ran
        assert not list(tmp_path.iterdir())
    assert bitnet_cost(*words).code == 2
    assert bitnet_cost(*words, "--resume", "-o", tmp_path / "a.csv").code == 2


def test_one_value_where_a_list_is_wanted_is_told_how_to_write_it(
    bitnet_cost: Callable[..., Ran], tmp_path: Path
) -> None:
    study = tmp_path / "s.yaml"
    study.write_text("name: s\nmodels: [gpt2]\nprecisions: [bf16]\nhardware: [l4]\ndevices: 2\n", "utf-8")
    assert bitnet_cost("check", study).err.endswith("2: input should be a valid list; write [2]\n")


def test_a_study_in_yaml_with_options_on_top(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    study = tmp_path / "s.yaml"
    study.write_text(
        "name: s\nmodels: [llama-2-7b]\nprecisions: [bf16, w4a16]\nhardware: [h100-sxm-80gb]\n"
        "batch: {first: 1, last: 64, points: 7, scale: log}\nprompt: [128, 512]\n"
        "vary:\n  power.static: {first: 100 W, last: 200 W, points: 2}\n"
        "where: [fits]\nobjectives: [{column: latency_s}, {column: tokens_per_s, goal: max}]\npareto: true\n",
        "utf-8",
    )
    ran = bitnet_cost("sweep", study, "--prompt", "128", "-o", tmp_path / "out.csv")
    assert ran.code == 0, ran.err
    assert "28 points" in ran.err
    said = bitnet_cost("sweep", study, "--dry-run")
    assert said.out.startswith("56 points, about ")
    study.write_text("models: [llama-2-7b]\nprecision: [bf16]\nhardware: [h100-sxm-80gb]\n", "utf-8")
    ran = bitnet_cost("sweep", study, "-o", tmp_path / "other.csv")
    assert ran.code == 2
    assert "precision" in ran.err


# --- fronts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [1, 7, 300, 3000])
def test_the_front_is_that_of_brute_force(objectives: int, size: int) -> None:
    random = np.random.default_rng(size + objectives)
    values = random.integers(0, 40, (size, objectives)).astype(float)
    values[random.random(size) < 0.1, 0] = np.nan
    expected = []
    for i, row in enumerate(values):
        if np.isnan(row).any():
            continue
        no_worse = (values <= row).all(axis=1)
        beaten = (no_worse & (values < row).any(axis=1)).any()
        if not beaten and not (values[:i] == row).all(axis=1).any():
            expected.append(i)
    assert pareto(values).tolist() == expected


def test_a_streamed_front_and_top_are_those_of_the_whole_grid() -> None:
    grid = {
        "batch": list(range(1, 80)),
        "prompt": {"first": 1, "last": 3000, "points": 1500},
        "precisions": ["bf16", "w4a16"],
    }
    every = table_of(plan(**grid))
    goals: list[Any] = [{"column": "latency_s"}, {"column": "tokens_per_s", "goal": "max"}]
    values = np.column_stack([every["latency_s"], -every["tokens_per_s"]])
    kept = pareto(values)
    front = table_of(plan(**grid, objectives=goals, pareto=True))
    assert np.array_equal(front["latency_s"], every["latency_s"][kept])
    assert front["precision"].tolist() == every["precision"][kept].tolist()
    top = table_of(plan(**grid, objectives=goals[1:], top=25), workers=2)
    rows = best(-every["tokens_per_s"], 25)
    for name in ("precision", "batch", "prompt", "tokens_per_s"):
        assert top[name].tolist() == every[name][rows].tolist()


@pytest.mark.parametrize("few", [{"top": 1}, {"pareto": True}])
def test_the_best_of_no_rows_has_the_columns_of_a_sweep(few: dict[str, Any]) -> None:
    grid: dict[str, Any] = {"batch": [1, 2], "prompt": [8], "objectives": [{"column": "latency_s"}]}
    none = table_of(plan(**grid, **few, where=["latency_s < 0"]))
    assert none.keys() == table_of(plan(**grid, **few)).keys()
    assert all(len(values) == 0 for values in none.values())


# --- interruption --------------------------------------------------------------------------------------------------

LONG = ("-m", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "bf16", "--batch", "1:64:64", "--prompt", "1:4096:512",
        "--generate", "2:600:60", "--columns", "batch,prompt,generate,energy_j,latency_s", "--workers", "2")  # fmt: skip
PARTS = 64 * 512 * 60 // PARTITION

# What runs the tests may ignore SIGINT, which a process then inherits. Parts are small, so that few points make many.
_COMMAND = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from bitnet_cost import cli
from bitnet_cost.studies import running
running.PART_ROWS = {PARTITION}
sys.argv[0] = "bitnet-cost"
cli.main()
"""


def started(*words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _COMMAND, "sweep", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    """Until something is so, or the process has ended."""
    while not condition() and process.poll() is None:
        time.sleep(0.02)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_sweep_leaves_no_file_under_the_final_name(tmp_path: Path, sent: signal.Signals) -> None:
    target = tmp_path / "out.csv"
    running_now = started(*LONG, "-o", target)
    wait_for(lambda: any(p.stat().st_size for p in tmp_path.iterdir()), running_now)
    running_now.send_signal(sent)
    _, errors = running_now.communicate()
    assert running_now.returncode not in (0, 2)
    assert not target.exists()
    if sent is signal.SIGINT:
        assert running_now.returncode == 130, errors
        assert b"Traceback" not in errors
        assert b"out.csv: interrupted; nothing was written" in errors
        assert not list(tmp_path.iterdir())
        return
    assert list(tmp_path.iterdir())  # a hidden file of a process that is gone, which the next run removes
    again = started(*LONG[:6], "-o", target)
    again.communicate()
    assert again.returncode == 0
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_message(
    tmp_path: Path, bitnet_cost: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bitnet_cost.views import columns

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(columns.CsvWriter, "write", full)
    ran = bitnet_cost("sweep", "-m", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "bf16", "-o", tmp_path / "out.csv")
    assert ran.code == 2
    assert "No space left" in ran.err
    assert "nothing was written" in ran.err
    assert not list(tmp_path.iterdir())


SMALL = (
    "sweep",
    "-m",
    "llama-2-7b",
    "-H",
    "h100-sxm-80gb",
    "-p",
    "bf16",
    "-p",
    "fp8",
    "--batch",
    "1,2",
    "--workers",
    "1",
)


def test_a_full_disk_under_a_folder_says_that_it_can_be_continued(
    tmp_path: Path, bitnet_cost: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow.parquet")
    from bitnet_cost.views import columns

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(columns.ParquetWriter, "write", full)
        ran = bitnet_cost(*SMALL, "-o", f"{tmp_path}/p/")
    assert ran.code == 2
    assert "whole parts stay, and --resume continues" in ran.err
    assert "nothing" not in ran.err
    assert bitnet_cost(*SMALL, "-o", f"{tmp_path}/p/", "--resume").code == 0


def test_a_folder_of_parts_is_a_dataset_and_says_what_it_holds(
    tmp_path: Path, bitnet_cost: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(running, "PART_ROWS", PARTITION)
    folder = tmp_path / "p"
    first = bitnet_cost(*SMALL, "-o", f"{folder}/")
    assert "4 rows of 4 points in" in first.err
    assert "holds" not in first.err
    assert parquet.read_table(folder).num_rows == 4
    parts = sorted(folder.glob("part-*"))
    assert len(parts) == 2
    parts[0].unlink()
    (folder / running.MANIFEST).rename(folder / "manifest.json")  # as version 0.1 named it
    second = bitnet_cost(*SMALL, "-o", f"{folder}/", "--resume")
    assert "2 rows of 2 points in" in second.err
    assert "; in total it holds 4 rows of 4 points" in second.err
    assert parquet.read_table(folder).num_rows == 4
    third = bitnet_cost(*SMALL, "-o", f"{folder}/", "--resume")
    assert "nothing was missing; it holds 4 rows of 4 points" in third.err


def test_progress_moves_within_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow.parquet")
    seen: list[int] = []
    monkeypatch.setattr(Progress, "set", lambda _, points: seen.append(points))
    monkeypatch.setattr(Progress, "add", lambda _, points: seen.append(sum(seen[-1:]) + points))
    running.run(plan(batch=[1, 2], precisions=["bf16", "fp8", "int8"]), f"{tmp_path}/p/", workers=1)
    assert seen == [2, 4, 6]
    assert [path.name for path in (tmp_path / "p").glob("part-*")] == ["part-000000.parquet"]


def test_an_interrupted_folder_says_that_it_can_be_continued(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "parts"
    running_now = started(*LONG, "-o", f"{folder}/")
    wait_for(lambda: list(folder.glob(".part-*")), running_now)
    running_now.send_signal(signal.SIGINT)
    _, errors = running_now.communicate()
    assert running_now.returncode == 130
    assert b"interrupted; --resume continues" in errors


def test_what_a_living_process_writes_is_not_removed(tmp_path: Path) -> None:
    from bitnet_cost.views.files import whole_or_nothing

    target = tmp_path / "a.csv"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stale, other = tmp_path / f".a.csv.{gone.pid}-abcdefgh.csv", tmp_path / f".b.csv.{gone.pid}-abcdefgh.csv"
    for file in (stale, other):
        file.write_text("", "utf-8")
    with whole_or_nothing(str(target)) as mine:
        Path(mine).write_text("mine", "utf-8")
        with whole_or_nothing(str(target)) as second:
            Path(second).write_text("second", "utf-8")
        assert Path(mine).exists()
    assert target.read_text("utf-8") == "mine"
    assert sorted(tmp_path.iterdir()) == [other, target]


def test_a_killed_folder_is_resumed_without_computing_or_doubling_a_point(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "parts"
    first = started(*LONG, "-o", f"{folder}/")
    wait_for(lambda: list(folder.glob("part-*")), first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    there = {p.name: p.stat().st_mtime_ns for p in folder.glob("part-*")}
    assert 0 < len(there) < PARTS
    for file in folder.glob(".part-*"):  # its worker ends by itself, and is there until its new parent has seen that
        while alive(int(file.name.rpartition("-")[0].rpartition(".")[2])):
            time.sleep(0.02)
    refused = started(*LONG, "-o", f"{folder}/")
    assert b"--resume" in refused.communicate()[1]
    other = started(*LONG[:-3], "energy_j", "-o", f"{folder}/", "--resume")
    assert b"another sweep" in other.communicate()[1]
    again = started(*LONG, "-o", f"{folder}/", "--resume")
    _, errors = again.communicate()
    assert again.returncode == 0, errors
    parts = sorted(folder.glob("part-*"))
    assert {p.name: p.stat().st_mtime_ns for p in parts if p.name in there} == there
    tables = [parquet.read_table(p) for p in parts]
    assert sum(t.num_rows for t in tables) == 64 * 512 * 60
    assert not list(folder.glob(".part-*"))
    batch = np.concatenate([t.column("batch").to_numpy() for t in tables])
    assert np.array_equal(batch, np.repeat(np.arange(1, 65), 512 * 60))


# --- Dask ----------------------------------------------------------------------------------------------------------


def test_dask_gives_the_same_rows_while_a_worker_dies() -> None:
    distributed = pytest.importorskip("distributed")
    whole = plan(batch=list(range(1, 65)), prompt={"first": 1, "last": 4096, "points": 512}, generate=[2, 30, 60, 90, 120],
                 objectives=[{"column": "latency_s"}, {"column": "energy_per_token_j"}], pareto=True)  # fmt: skip
    expected = running.Runner(whole, workers=1).reduced_rows()[1]
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        runner = running.Runner(whole, engine="dask", scheduler=cluster.scheduler_address)
        stream = runner.results(range(whole.partitions), running.counted)
        found = [next(stream)]
        pid = next(iter(client.run(os.getpid).values()))
        os.kill(pid, signal.SIGKILL)
        found += list(stream)
    kept: Any = None
    for _, part in found:
        kept = sweep_parts.joined(whole, [kept, part] if kept else [part])
    assert len(found) == whole.partitions
    kept = sweep_parts.completed(whole, kept)
    for name, values in expected.items():
        np.testing.assert_array_equal(values, kept[name], err_msg=name)


def test_a_dask_cluster_of_its_own_writes_the_same_bytes_and_is_closed(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    pytest.importorskip("pyarrow")
    whole = plan(batch=list(range(1, 65)), prompt={"first": 1, "last": 4096, "points": 512}, generate=[2, 30, 60, 90])
    running.run(whole, str(tmp_path / "here.parquet"), workers=1)
    rows, progress = running.run(whole, str(tmp_path / "dask.parquet"), engine="dask", workers=2)
    assert rows == progress.done == whole.points
    assert (tmp_path / "dask.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part-000000.parquet").mkdir()  # where a process cannot write
    runner = running.Runner(whole, engine="dask", workers=2)
    with pytest.raises(BitnetCostError, match=r"part-000000\.parquet"):
        list(runner.results([0, 1], partial(running.write_part, folder=tmp_path / "parts", each=1)))
    assert not running._pools
    with pytest.raises(ValueError, match="No clients found"):
        distributed.default_client()


def test_plain_numbers_of_a_figure_with_a_unit_are_said_to_be_si(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("sweep", "-m", "gpt2", "-H", "l4", "-p", "fp16", "--dry-run", "--vary")
    plain = bitnet_cost(*words, "hierarchy.gddr6.bandwidth=1e12:4e12:4")
    assert plain.code == 0
    assert "plain numbers are bit/s; 1e+12 is 125 GB/s" in plain.err
    assert "power.static: plain numbers are W; 20 is 20 W" in bitnet_cost(*words, "power.static=20,30").err
    for silent in ("hierarchy.gddr6.bandwidth=100 GB/s:400 GB/s:4", "runtime.chunk=256,512"):
        ran = bitnet_cost(*words, silent)
        assert ran.code == 0
        assert not ran.err


# --- the chart -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_chart_is_one_file_that_names_the_front(
    suffix: str, bitnet_cost: Callable[..., Ran], tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    file = tmp_path / f"s{suffix}"
    running.run(plan(batch=[1, 2, 4, 8], precisions=["bf16", "fp8"]), str(file))
    ran = bitnet_cost("plot", file, "--x", "latency_s", "--y", "energy_per_token_j", "-o", tmp_path / "s.html")
    assert ran.code == 0, ran.err
    text = (tmp_path / "s.html").read_text("utf-8")
    assert re.search(r"\b(One|[2-7]) of 8 settings (are|is) unbeaten in latency and energy per token", text)
    assert "Unbeaten (least latency, least energy per token)" in text
    assert "latency, ms" in text or "latency, s" in text
    assert re.search("energy per token, m?J", text)
    assert 'src="http' not in text
    assert bitnet_cost("plot", file, "--x", "latency").code == 2
    assert bitnet_cost("plot", tmp_path / "none.csv").code == 2


@pytest.mark.parametrize(
    "metadata",
    [b"[1]", b"{", b"[" * 100_000, b'{"spec": 3, "units": [1]}', b'{"spec": {"objectives": [{"column": [1]}]}}'],
)
def test_foreign_parquet_is_drawn_or_refused(bitnet_cost: Callable[..., Ran], metadata: bytes, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "own.parquet"
    table = pa.table({"latency_s": [1.0, 2.0], "energy_j": [2.0, 1.0]})
    pq.write_table(table.replace_schema_metadata({b"bitnet-cost": metadata}), path)
    ran = bitnet_cost("plot", path)
    assert ran.code == (0 if metadata.startswith(b'{"') else 2), ran.err
    whole = path.read_bytes()
    for damaged in (whole[:50], whole[:-9], whole.replace(b"latency", b"\xff" * 7), b"PAR1" + b"\xff" * 200 + b"PAR1"):
        path.write_bytes(damaged)
        assert bitnet_cost("plot", path).code == 2


def test_a_small_file_that_claims_many_rows_is_not_drawn(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    zeros = np.zeros(10_500_000, dtype=np.int8)
    path = tmp_path / "own.parquet"
    pq.write_table(pa.table({"latency_s": zeros, "energy_j": zeros}), path)
    assert path.stat().st_size < 1_000_000
    ran = bitnet_cost("plot", path)
    assert ran.code == 2
    assert "at most" in ran.err


def test_a_chart_says_which_way_is_better_and_in_which_unit(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    """From CSV too, which holds no units: they follow from the names of the columns."""
    file, target = tmp_path / "s.csv", tmp_path / "s.html"
    running.run(plan(hardware=["l4"], vary={"hierarchy.gddr6.bandwidth": ["200 GB/s", "400 GB/s"]}), str(file))
    words = ("plot", file, "--x", "hierarchy.gddr6.bandwidth", "--y", "tokens_per_s")
    assert bitnet_cost(*words).code == 0
    text = target.read_text("utf-8")
    assert "Unbeaten (least hierarchy.gddr6.bandwidth, most tokens/s)" in text
    assert "hierarchy.gddr6.bandwidth, GB/s" in text
    assert re.search("From 200.0 GB/s and [0-9.]+ tokens/s to 400.0 GB/s and", text)


def test_a_chart_has_energy_a_token_over_speed_and_no_input_for_an_objective(
    bitnet_cost: Callable[..., Ran], tmp_path: Path
) -> None:
    """The smallest job needs the least energy, which makes it no best setting."""
    file = tmp_path / "s.csv"
    running.run(plan(batch=[1, 8], prompt=[128, 1024], precisions=["bf16", "int4"]), str(file))
    columns, inputs = chart.read_sweep(str(file))
    drawn = chart.draw(columns, inputs)
    assert drawn.figure.layout.x.title == "tokens/s"
    assert drawn.figure.layout.y.title.startswith("energy per token, ")
    assert {row["batch"] for row in drawn.rows} == {"8"}
    names = [own["name"] for look, own in drawn.figure.traces]
    assert set(names) == {"bf16", "int4", "unbeaten"}
    batched = chart.draw(columns, inputs, ("batch", "energy_j"))
    assert len(batched.rows) == 1
    assert "unbeaten" not in batched.finding
    assert "is an input" in batched.chart.note
    asked = {"spec": {"objectives": [{"column": "batch", "goal": "max"}, {"column": "latency_s", "goal": "min"}]}}
    assert "unbeaten in batch and latency" in chart.draw(columns, asked).finding
    totals = chart.draw(columns, inputs, ("latency_s", "energy_j"))
    assert "Workloads differ" in totals.chart.note


def test_a_picture_needs_what_draws_it(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    file, target = tmp_path / "s.csv", tmp_path / "s.svg"
    running.run(plan(batch=[1, 2]), str(file))
    ran = bitnet_cost("plot", file, "-o", target)
    if find_spec("kaleido") is None:
        assert ran.code == 2
        assert "pip install 'bitnet-cost[images]'" in ran.err
        assert not target.exists()
    assert bitnet_cost("plot", file, "-o", tmp_path / "s.gif").code == 2


def test_a_default_name_replaces_nothing(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    file, target = tmp_path / "s.csv", tmp_path / "s.html"
    running.run(plan(batch=[1, 2]), str(file))
    target.write_text("my own", "utf-8")
    ran = bitnet_cost("plot", file)
    assert ran.code == 2
    assert "is there already; add -o" in ran.err
    assert target.read_text("utf-8") == "my own"
    assert bitnet_cost("plot", file, "-o", target).code == 0
    assert re.search("of 2 settings (is|are) unbeaten", target.read_text("utf-8"))


def test_a_folder_of_parts_is_drawn_as_one(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    folder = tmp_path / "parts"
    running.run(plan(batch=[1, 2, 4]), f"{folder}/")
    pq.write_table(pq.read_table(folder / "part-000000.parquet"), folder / "part-000001.parquet")
    ran = bitnet_cost("plot", folder)
    assert ran.code == 0, ran.err
    assert re.search("of 6 settings (are|is) unbeaten", (tmp_path / "parts.html").read_text("utf-8"))
    (folder / "part-000001.parquet").unlink()
    (folder / "part-000000.parquet").unlink()
    ran = bitnet_cost("plot", folder)
    assert ran.code == 2
    assert "without parts of a sweep" in ran.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", "model,latency_s,energy_j\n", "has no rows; the sweep kept none"),
        ("study.yaml", "name: x\n", "neither .csv nor .parquet"),
        ("no-figures.csv", "latency_s,energy_j\ninf,1\n1,inf\n", "no row has both"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    name: str, content: str, said: str, bitnet_cost: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    ran = bitnet_cost("plot", tmp_path / name)
    assert ran.code == 2
    assert said in ran.err


def test_a_varied_number_keeps_to_the_limits_of_its_file(bitnet_cost: Callable[..., Ran]) -> None:
    words = ["sweep", "-m", "gpt2", "-H", "l4", "-p", "fp16", "--dry-run", "--vary"]
    for path, value in (
        ("runtime.chunk", "0"),
        ("interconnect.devices", "1.5"),
        ("runtime.kernels.linear.launches", "-1"),
    ):
        ran = bitnet_cost(*words, f"{path}={value}")
        assert ran.code == 2
        assert path in ran.err
    assert bitnet_cost(*words, "runtime.chunk=256,512").code == 0


@pytest.mark.parametrize(("name", "none"), [
    ("batch", []), ("prompt", range(0)), ("generate", np.array([])), ("devices", ()), ("hardware", []), ("models", ""),
])  # fmt: skip
def test_an_empty_axis_is_not_the_usual_one(name: str, none: Any) -> None:
    given: dict[str, Any] = {"models": "gpt2", "hardware": "l4", "precisions": "fp16", name: none}
    with pytest.raises(BitnetCostError, match=f"{name}: none are given"):
        package.sweep(**given)


@pytest.mark.parametrize("three", [3, np.int64(3), np.array(3), np.array([3])])
def test_a_number_of_numpys_is_a_number(three: Any) -> None:
    assert package.sweep(models="gpt2", hardware="l4", precisions="fp16", batch=three).to_records()[0]["batch"] == 3
