"""Figures and pages of Python's objects: plotly's, with one template, loaded where they are asked for alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost import compare, estimate, explain, sweep
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.looks import command_of
from tests.conftest import ROOT, Ran

DEVICES = ["h100-sxm-80gb", "rtx-4090"]
PRECISIONS = ["fp16", "int4", "bitnet-b1.58"]

THINGS: dict[str, Callable[[], Any]] = {
    "comparison": lambda: compare("llama-3.1-8b", DEVICES, PRECISIONS),
    "nodes": lambda: compare("gpt2", ["cmos-45nm", "cmos-7nm"], ["fp16", "bitnet"]),
    "result": lambda: estimate("llama-2-7b", "l4", "int4", baseline="fp16"),
    "node": lambda: estimate("gpt2", "cmos-7nm", "bitnet"),
    "grid": lambda: estimate("llama-2-7b", "l4", "int4", batch=[1, 4, 16], prompt=[[128], [1024]]),
    "sweep": lambda: sweep(models="gemma-2b", hardware=["l4", "rtx-4090"], precisions=["fp16", "int4"], batch=[1, 8]),
    "explanation": lambda: explain(estimate("gpt2", "l4", "fp16"), "energy_j"),
}


@pytest.mark.parametrize("name", THINGS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_draws_itself(name: str, theme: Any) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    figure = THINGS[name]().plot(theme=theme)
    assert isinstance(figure, graph_objects.Figure)
    drawn = json.loads(figure.to_json())
    assert drawn["layout"]["title"]["text"]
    assert any(len(trace.get("x") or ()) for trace in drawn["data"])
    assert "var(--" not in figure.to_json()


def test_a_theme_changes_colours_alone() -> None:
    found = THINGS["comparison"]()
    light, dark = (json.loads(found.plot(theme=theme).to_json()) for theme in ("light", "dark"))
    assert light != dark
    assert [(t["name"], t["x"], t["y"]) for t in light["data"]] == [(t["name"], t["x"], t["y"]) for t in dark["data"]]


def test_a_comparison_draws_its_records() -> None:
    found = THINGS["comparison"]()
    figure = found.plot()
    records = {(row["precision"], row["hardware"]): row for row in found.to_records()}
    drawn = [y for trace in figure.data for y in trace.y if isinstance(y, float)]
    for row in records.values():
        assert any(y == pytest.approx(row["energy_per_token_j"], rel=1e-3) for y in drawn), row
    assert found.plot("energy") != figure
    with pytest.raises(BitnetCostError, match=r"chart: 'energies' is not known; did you mean 'energy'"):
        found.plot("energies")
    with pytest.raises(BitnetCostError, match="theme: 'black' is not known"):
        found.plot(theme="black")


def test_a_grid_of_workloads_draws_a_line_for_each_length() -> None:
    result = THINGS["grid"]()
    figure = result.plot()
    lines = [trace for trace in figure.data if "lines" in trace.mode]
    assert [trace.name for trace in lines] == ["prompt 128", "prompt 1024"]
    assert all(list(trace.x) == [1, 4, 16] for trace in lines)
    assert figure.layout.xaxis.title.text == "batch"
    assert result.plot("prompt", "latency_s").layout.xaxis.title.text == "prompt"
    with pytest.raises(BitnetCostError, match="has no column 'latency'"):
        result.plot(y="latency")
    with pytest.raises(BitnetCostError, match="single point"):
        THINGS["result"]().plot("batch")


def test_a_sweep_draws_energy_a_token_against_speed() -> None:
    grid = THINGS["sweep"]()
    figure = grid.plot()
    assert figure.layout.xaxis.title.text == "tokens/s"
    assert figure.layout.yaxis.title.text.startswith("energy per token, ")
    assert {"fp16", "int4"} <= {trace.name for trace in figure.data}
    assert grid.plot("batch", "energy_j", "hardware").layout.xaxis.title.text == "batch"


def test_a_report_is_the_page_of_the_command(bitnet_cost: Callable[..., Ran], tmp_path: Path) -> None:
    found = THINGS["comparison"]()
    found.report(tmp_path / "a.html")
    words = command_of(found).split()
    assert words[:2] == ["bitnet-cost", "report"]
    assert bitnet_cost(*words[1:], "-o", tmp_path / "b.html").code == 0
    own, typed = ((tmp_path / name).read_text("utf-8") for name in ("a.html", "b.html"))
    assert own.replace(f" -o {tmp_path / 'b.html'}", "").partition("<h2")[0].partition("<body")[2]
    assert abs(len(own) - len(typed)) < 2000
    THINGS["result"]().report(str(tmp_path / "c.htm"))
    for name in ("a.pdf", "a"):
        with pytest.raises(BitnetCostError, match=r"end the name in \.html"):
            found.report(tmp_path / name)
    with pytest.raises(BitnetCostError, match="single points"):
        THINGS["grid"]().report(tmp_path / "d.html")
    assert not (tmp_path / "d.html").exists()


def test_the_command_of_inputs_that_have_no_name_is_a_comment() -> None:
    own = compare("gpt2", "l4", "fp16").results[0]
    changed = own.hardware.model_copy(update={"title": "mine", "name": "mine"})
    assert command_of(compare("gpt2", changed, "fp16")).startswith("# ")


def test_printing_and_estimating_load_no_charts() -> None:
    code = (
        "import sys; from bitnet_cost import estimate; print(estimate('gpt2', 'l4', 'fp16'));"
        "sys.exit(bool(set(sys.modules) & {'plotly', 'jinja2', 'rich', 'pandas'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
