"""The public names: pinned, typed, the same rows as the commands, and at home in a notebook."""

from __future__ import annotations

import csv
import inspect
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bitnet_cost as package
from bitnet_cost import compare, estimate, load_hardware, load_model, load_precision, sweep
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.ledger.record import METRICS
from tests.conftest import ROOT, Ran
from tests.test_formats_agree import Tables

SURFACE = ROOT / "tests" / "surface.json"
GRID: dict[str, Any] = {"models": "gemma-2b", "hardware": "l4", "precisions": ["fp16", "w4a16"]}


def surface() -> dict[str, Any]:
    """Every public name with its signature, and the public methods of its class with theirs."""
    found: dict[str, Any] = {}
    for name in package.__all__:
        value = getattr(package, name)
        if inspect.isfunction(value):
            found[name] = str(inspect.signature(value))
        elif name in ("Answer", "Comparison", "Grid", "Result"):
            members = sorted(m for m in dir(value) if not m.startswith("_") or m == "_repr_html_")
            found[name] = {
                m: str(inspect.signature(v)) if inspect.isfunction(v := getattr(value, m)) else "property"
                for m in members
            }
        else:
            found[name] = type(value).__name__
    return found


def test_the_surface_changes_on_purpose() -> None:
    """After a wanted change: ``python -m tests.test_api``, and a line in CHANGELOG.md."""
    assert surface() == json.loads(SURFACE.read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(set(package.__all__) - {"__version__"}))
def test_every_public_name_says_what_it_is(name: str) -> None:
    value = getattr(package, name)
    assert len(inspect.getdoc(value) or "") > 20
    if inspect.isfunction(value):
        text = inspect.getdoc(value) or ""
        assert "Raises:" in text
        asked = [p for p in inspect.signature(value).parameters if name not in ("answer",)]
        if len(asked) > 2:
            assert all(f"{parameter}: " in text for parameter in asked), name


def test_every_column_has_a_description_and_a_unit() -> None:
    for metric in METRICS.values():
        assert len(metric.description) > 10
        assert bool(metric.unit) == (metric.kind not in ("word", "bool")), metric.name


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, bitnet_cost; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not set(done.stdout.split()) & {"numpy", "pydantic", "yaml", "pandas", "polars"}


def test_a_user_of_the_types_sees_them(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(
        "from bitnet_cost import Comparison, Grid, Result, compare, estimate, load_model, sweep\n"
        "result: Result = estimate(load_model('llama-2-7b'), 'l4', 'fp16')\n"
        "records: list[dict[str, object]] = result.to_records()\n"
        "found: Comparison = compare(['llama-2-7b'], where='fits')\n"
        "found.to_dataframe('polars')\n"
        "grid: Grid = sweep(models='gemma-2b', hardware='l4', precisions='fp16', batch=range(1, 9))\n"
        "rows: int = grid.front('min latency_s').write('front.csv')\n"
        "estimate(1)  # E\n"
        "found.to_dataframe('spreadsheet')  # E\n"
    )
    words = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--follow-imports=silent", "user.py"]
    environment = {"MYPYPATH": str(ROOT), "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache"), "PATH": ""}
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert [line.split(":")[1] for line in done.stdout.splitlines() if "error" in line] == ["8", "9"], done.stdout


# --- bad input ------------------------------------------------------------------------------------------------------


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "accumulator": (lambda: estimate("gpt2", accumulator="int64"), "accumulator: 'int64' is not known"),  # type: ignore[arg-type]
    "parallel": (lambda: estimate("gpt2", "h100-sxm-80gb", parallel="x", devices=2), "parallel: 'x' is not known"),  # type: ignore[arg-type]
    "scope": (lambda: estimate("gpt2", "l4", scope=["device"]), "scope: .* is not known"),  # type: ignore[arg-type]
    "facility": (lambda: estimate("gpt2", "l4", facility={"pue": 1.2}), "facility: .* is not a Facility"),  # type: ignore[arg-type]
    "runtime": (lambda: estimate("gpt2", "l4", runtime=3), "runtime: 3 is neither"),  # type: ignore[arg-type]
    "devices": (lambda: estimate("gpt2", "l4", devices=[1]), "devices: .* whole number"),  # type: ignore[arg-type]
    "explain": (lambda: package.explain(estimate("gpt2", batch=[1, 2])), "not a single point"),
    "link": (lambda: estimate("gpt2", "l4", link=3), "link: 3 is not a name"),  # type: ignore[arg-type]
    "no model": (lambda: estimate(None), "model: None is not a name"),  # type: ignore[arg-type]
    "bytes": (lambda: load_model(b"gpt2"), "model: .* bytes"),  # type: ignore[arg-type]
    "a number": (lambda: load_model(3), "model: 3 is not a name"),  # type: ignore[arg-type]
    "several": (lambda: estimate("gpt2", ["l4"]), "hardware: .*'compare' takes several"),  # type: ignore[arg-type]
    "shapes": (lambda: estimate("gpt2", batch=[1, 2], prompt=[1, 2, 3]), r"shapes \(2,\), \(3,\), \(\) do not broadcast"),
    "ragged": (lambda: estimate("gpt2", batch=[[1, 2], [3]]), "batch: .* whole number"),
    "no hardware": (lambda: compare("gpt2", []), "hardware: none are given"),
    "no models": (lambda: compare([], "l4"), "models: none are given"),
    "no precisions": (lambda: compare("gpt2", "l4", []), "precisions: none are given"),
    "no prices": (lambda: compare("gpt2", "l4", prices=[]), "prices: none are given"),
    "many batches": (lambda: compare("gpt2", "l4", batch=[1, 2]), "batch: .* is not one number"),  # type: ignore[arg-type]
    "where": (lambda: compare("gpt2", "l4", where=3), "where: 3 is not text"),  # type: ignore[arg-type]
    "pue": (lambda: package.Facility(pue="1.2"), "pue: '1.2' is not a number"),  # type: ignore[arg-type]
    "embodied": (lambda: package.Facility(embodied_g="prof"), "embodied_g: 'prof'"),  # type: ignore[arg-type]
    "names": (lambda: package.scenarios("gpt2", "l4", "fp16", package.Workload()), "models: 'gpt2' .* load_model"),  # type: ignore[arg-type]
    "sweep's models": (lambda: sweep(models=3, hardware="l4", precisions="fp16"), "models.0"),  # type: ignore[arg-type]
    "sweep's filter": (lambda: sweep(**GRID, where=3), "where.0"),  # type: ignore[arg-type]
    "sweep's figures": (lambda: sweep(**GRID, vary=3), "vary: 3 is not PATH=AXIS"),  # type: ignore[arg-type]
    "study": (lambda: sweep(3), "study: 3 is neither"),  # type: ignore[arg-type]
    "workers": (lambda: sweep(**GRID, workers="x"), "workers: 'x' is not a whole number"),  # type: ignore[arg-type]
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_our_words(case: str) -> None:
    call, said = REFUSED[case]
    with pytest.raises(BitnetCostError, match=said):
        call()


@pytest.mark.parametrize("several", [range(1, 4), (1, 2, 3), [1, 2, 3]])
def test_a_range_is_an_array(several: Any) -> None:
    grid = estimate("gpt2", "l4", "fp16", batch=several, generate=range(1, 4))
    assert [row["batch"] for row in grid.to_records()] == [1, 2, 3]
    assert grid._repr_html_()


# --- the same rows as the commands ----------------------------------------------------------------------------------


def test_estimate_is_the_record_of_the_command(bitnet_cost: Callable[..., Ran]) -> None:
    for model, hardware in (("llama-2-7b", "l4"), ("bert-base", "l4"), ("gpt2", "cmos-7nm")):
        words = (model, "-H", hardware, "-p", "int4", "--baseline", "fp16", "-f", "json")
        (theirs,) = json.loads(bitnet_cost("estimate", *words).out)["records"]
        (ours,) = estimate(model, hardware, "int4", baseline="fp16").to_records()
        assert json.loads(json.dumps(ours)) == theirs


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["llama-2-7b"], {"models": "llama-2-7b"}),
        (
            ["gpt2", "bert-base", "-H", "l4", "-H", "cmos-7nm", "-p", "fp32", "-p", "int8", "--sort", "-memory"],
            {"models": ["gpt2", "bert-base"], "hardware": ["l4", "cmos-7nm"], "precisions": ["fp32", "int8"],
             "sort": "-memory"},
        ),
        (
            ["llama-2-7b", "-H", "h100-sxm-80gb", "--baseline", "bf16", "--devices", "2", "--generate", "9", "--where",
             "fits", "-b", "4", "--price", "0.36"],
            {"models": "llama-2-7b", "hardware": "h100-sxm-80gb", "baseline": "bf16", "devices": 2, "generate": 9,
             "where": "fits", "batch": 4, "facility": package.Facility(usd_per_j=0.36 / 3.6e6)},
        ),
    ],
)  # fmt: skip
def test_compare_has_the_rows_of_the_command(
    bitnet_cost: Callable[..., Ran], words: list[str], asked: dict[str, Any]
) -> None:
    ran = bitnet_cost("compare", *words, "-f", "json")
    assert ran.code == 0, ran.err
    found = compare(**asked)
    assert json.loads(json.dumps(found.to_records())) == json.loads(ran.out)["records"]


def test_loaded_inputs_are_as_good_as_names(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text((ROOT / "precisions" / "int4.yaml").read_text("utf-8"), "utf-8")
    by_name = compare("gpt2", "l4", "int4", baseline="fp16").to_records()
    loaded = compare([load_model("gpt2")], [load_hardware("l4")], load_precision(file), baseline=load_precision("fp16"))
    assert loaded.to_records() == by_name
    with pytest.raises(BitnetCostError, match="there are own"):
        load_hardware("cmos-7nm", prices="nobodys")


def test_a_grid_has_a_record_for_each_point() -> None:
    prompts, batches = np.array([[64], [30_000]]), np.array([1, 2, 3])
    grid = estimate("llama-2-7b", "l4", "fp16", batch=batches, prompt=prompts, baseline="fp16")
    records = grid.to_records()
    assert grid.shape == (2, 3)
    assert len(records) == 6
    for record in records:
        (single,) = estimate(
            "llama-2-7b", "l4", "fp16", batch=record["batch"], prompt=record["prompt"], baseline="fp16"
        ).to_records()
        if not record["fits"]:
            assert record.pop("reason") == "does not fit"
            assert single.pop("reason").startswith("does not fit: needs ")
        assert record == single


# --- sweeps ---------------------------------------------------------------------------------------------------------


def test_a_sweep_streams_the_rows_of_the_command(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    words = [
        "-m",
        "gemma-2b",
        "-H",
        "l4",
        "-p",
        "fp16",
        "-p",
        "w4a16",
        "--batch",
        "1,2,64",
        "--prompt",
        "64:4096:9:log",
    ]
    ran = bitnet_cost("sweep", *words, "--where", "fits", "-o", tmp_path / "theirs.csv")
    assert ran.code == 0, ran.err
    grid = sweep(**GRID, batch=[1, 2, 64], prompt="64:4096:9:log", where="fits")
    assert grid.write(tmp_path / "ours.csv") == len(grid.to_records())
    assert (tmp_path / "ours.csv").read_text() == (tmp_path / "theirs.csv").read_text()


@pytest.mark.parametrize("form", ["options", "fields", "file", "spec"])
def test_a_sweep_takes_keywords_fields_a_file_or_a_study(tmp_path: Path, form: str) -> None:
    fields = {"models": ["gemma-2b"], "hardware": ["l4"], "precisions": ["fp16", "w4a16"], "batch": [1, 8],
              "vary": {"power.static": ["10 W", "20 W"]}, "objectives": [{"column": "latency_s"}]}  # fmt: skip
    wanted = sweep(**GRID, batch=np.array([1, 8]), vary={"power.static": ["10 W", "20 W"]}, objectives="min latency_s")
    file = tmp_path / "study.yaml"
    file.write_text(json.dumps(fields), "utf-8")
    from bitnet_cost.inputs.sweep import Sweep

    study: Any = {"options": fields, "fields": fields | {"batch": "1,8"}, "file": file}.get(form)
    study = study or Sweep.model_validate(fields)
    assert sweep(study).to_records() == wanted.to_records()
    assert sweep(study, batch=4).points == 4  # a keyword replaces a field


def test_chunks_are_columns_of_one_length_and_make_up_the_whole() -> None:
    grid = sweep(**GRID, batch=range(1, 300), prompt=np.arange(1, 301))
    chunks = list(grid)
    assert len(chunks) == 4
    assert all(list(chunk) == list(grid.columns) for chunk in chunks)
    assert all(len(values) == len(chunk["batch"]) <= 65_536 for chunk in chunks for values in chunk.values())
    assert sum(len(chunk["batch"]) for chunk in chunks) == grid.points == 2 * 299 * 300
    assert chunks[0]["batch"].dtype == np.int64
    assert chunks[0]["energy_j"].dtype == np.float64


def test_only_a_chunk_is_in_memory() -> None:
    def peak(prompts: int) -> int:
        grid = sweep(**GRID, batch=range(1, 257), prompt=range(1, prompts + 1))
        next(iter(grid))
        tracemalloc.start()
        for _ in grid:
            pass
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(1024) < 1.2 * peak(256)  # one partition of a cell, or four


def test_front_and_top_reduce_the_whole_grid() -> None:
    grid = sweep(
        **GRID,
        batch=range(1, 65),
        prompt=[128, 1024],
        columns=["precision", "batch", "latency_s", "energy_per_token_j"],
    )
    rows = grid.to_records()
    goals = ("latency_s", "energy_per_token_j")
    front = grid.front(*(f"min {name}" for name in goals)).to_records()
    for row in rows:
        beaten = any(all(other[g] <= row[g] for g in goals) and any(other[g] < row[g] for g in goals) for other in rows)
        assert beaten == (row not in front)
    assert grid.top(3, "min latency_s").to_records() == sorted(rows, key=lambda r: r["latency_s"])[:3]
    with pytest.raises(BitnetCostError, match="need objectives"):
        grid.top(3)


def test_a_sweep_refuses_what_the_command_refuses() -> None:
    with pytest.raises(BitnetCostError, match=r"no hardware is called 'l44'\n  did you mean  l4\?"):
        sweep(models="gemma-2b", hardware="l44", precisions="fp16")
    with pytest.raises(BitnetCostError, match="batch"):
        sweep(**GRID, batch=[1.5])  # type: ignore[list-item]
    with pytest.raises(BitnetCostError, match="models"):
        sweep(hardware="l4", precisions="fp16")


# --- notebooks and frames -------------------------------------------------------------------------------------------


def shown(thing: Any) -> Tables:
    text = thing._repr_html_()
    assert "<script" not in text
    assert "http" not in text.partition("<details>")[0]
    return Tables(text)


def test_everything_has_its_tables_in_a_notebook() -> None:
    result = estimate("llama-2-7b", "l4", "fp16")
    assert any("fp16" in row for table in shown(result).tables for row in table)
    ranked = shown(compare("llama-2-7b", ["l4", "h100-sxm-80gb"], ["fp16", "int4"])).tables[0]
    assert ranked[0][:2] == ["precision", "J/token"]
    assert [row[0] for row in ranked[1:]] == ["h100-sxm-80gb", "int4", "fp16", "l4", "int4", "fp16"]
    points = shown(estimate("llama-2-7b", "l4", "fp16", prompt=np.arange(1, 200))).tables[0]
    assert len(points) == 51
    assert points[1][:3] == ["1", "1", "128"]
    assert shown(sweep(**GRID, batch=range(1, 9))).tables[0][-1] == ["points", "16"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_have_sensible_types_and_the_records(library: Any) -> None:
    module = pytest.importorskip(library)
    found = compare("gpt2", ["l4", "cmos-7nm"], ["fp16", "int8"])
    grid = sweep(models="gemma-2b", hardware=["l4", "cmos-7nm"], precisions=["fp16", "w4a16"], batch=[1, 8])
    for thing in (found, found.results[0], grid):
        frame = thing.to_dataframe(library)
        records = [{k: v for k, v in row.items() if k != "quality"} for row in thing.to_records()]  # a list each
        assert isinstance(frame, module.DataFrame)
        assert list(frame.columns) == list(records[0])
        types = {name: str(frame[name].dtype).lower() for name in frame.columns}
        assert types["energy_j"] == types["latency_s"] == types["capacity_bytes"] == "float64"
        assert types["batch"] == "int64"
        assert types["fits"] == "boolean"
        assert types["hardware"] == types["reason"] == "string"
        rows = frame.to_dicts() if library == "polars" else frame.astype(object).to_dict("records")
        for row, record in zip(rows, records, strict=True):
            for name, value in record.items():
                missing = row[name] is None or row[name] != row[name] or str(row[name]) == "<NA>"
                assert missing if value is None else row[name] == value, name


def test_without_pandas_and_polars_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    result = estimate("gpt2")
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BitnetCostError, match=r"bitnet-cost\[pandas\].*bitnet-cost\[polars\]"):
        result.to_dataframe()
    with pytest.raises(
        BitnetCostError, match=r"^a data frame needs polars: pip install polars \(the extra bitnet-cost\[polars\]\)$"
    ):
        result.to_dataframe("polars")
    with pytest.raises(BitnetCostError, match="library: 'excel'"):
        result.to_dataframe("excel")  # type: ignore[arg-type]


def test_pandas_comes_first_and_polars_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    polars, result = pytest.importorskip("polars"), estimate("gpt2")
    assert isinstance(result.to_dataframe(), pytest.importorskip("pandas").DataFrame)
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert isinstance(result.to_dataframe(), polars.DataFrame)


def test_the_csv_has_the_columns_of_the_frame(bitnet_cost: Callable[..., Ran]) -> None:
    rows = csv.reader(io.StringIO(bitnet_cost("estimate", "gpt2", "-f", "csv").out))
    assert next(rows) == list(METRICS)


if __name__ == "__main__":
    SURFACE.write_text(json.dumps(surface(), indent=1, sort_keys=True) + "\n", "utf-8")
