"""What a page holds: bands, swings and sizes are those of the commands and of the engine."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs_version

from bitnet_cost import api
from bitnet_cost.engine.uncertainty import spread
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.result import Answer
from bitnet_cost.numerals import with_prefix
from bitnet_cost.readers import catalog
from bitnet_cost.studies import pages
from bitnet_cost.studies.grid import DRAWS
from bitnet_cost.studies.ranges import baseline_of, judged
from bitnet_cost.tables import Column, Table
from bitnet_cost.views import charts, compare, figures, html, page, records
from bitnet_cost.views.page import Page
from tests.conftest import ROOT, Ran
from tests.test_floors import loaded_by

PRECISIONS = ("fp16", "int8", "bitnet-b1.58")


@pytest.fixture(scope="module")
def answer() -> Answer:
    names = ("h100-sxm-80gb", "l4", "cmos-7nm")
    scenarios = api.scenarios(
        [catalog.model("gpt2")], [catalog.hardware(n) for n in names], [catalog.precision(p) for p in PRECISIONS],
        Workload(1, 64, 32),
    )  # fmt: skip
    return api.answer(scenarios)


def data_of(answer: Answer) -> dict[str, Any]:
    return pages.data_of(answer, records.answer_document(answer)["operations"], pages.lead(answer.results))


def shown(name: str, data: dict[str, Any], **other: str) -> charts.Shown:
    """What a chart shows for the opening choice, but for some selectors."""
    chart = charts.CHARTS[name]
    return chart.make(data, {n: (data["opening"] | other)[n] for n in chart.by})


@pytest.fixture(scope="module")
def data(answer: Answer) -> dict[str, Any]:
    return data_of(answer)


def test_the_band_of_a_page_is_that_of_many_draws(answer: Answer, data: dict[str, Any]) -> None:
    at, compared = data["grid"]["at"], 0
    for cell, result in zip(data["grid"]["cells"], answer.results, strict=True):
        found = spread(result, baseline_of(answer, result), 20_000, seed=5)
        values = cell["scopes"][result.scope]
        assert found is not None
        if found.saving is None:
            assert "band" not in values
            continue
        compared += 1
        least, _, most = (v[at] for v in values["saving"])
        band = [v[at] for v in values["band"]]
        assert band == pytest.approx(found.saving, abs=0.1 * (found.saving[2] - found.saving[0]) + 1e-4)
        assert least - 1e-3 <= band[0] <= band[1] <= band[2] <= most + 1e-3
    assert compared == 6
    assert f"{DRAWS:,} draws" in charts.CHARTS["saving"].note


def test_the_tornado_of_a_page_is_that_of_the_command(data: dict[str, Any], bitnet_cost: Callable[..., Ran]) -> None:
    words = ("estimate", "gpt2", "-H", "l4", "-p", "fp16", "-p", "bitnet-b1.58", "--baseline", "fp16", "--prompt", "64")
    ran = bitnet_cost(*words, "--generate", "32", "--sensitivity", "-f", "json")
    swings = [s for s in json.loads(ran.out)["sensitivity"] if s["record"] == 1]
    by_energy = sorted(swings, key=lambda s: -abs(s["energy_at_high_j"] - s["energy_at_low_j"]))
    mine = data["swings"][data["index"]["gpt2", "l4", "bitnet-b1.58"]]["rows"]
    assert len(mine) == 8
    for (lever, *swing), theirs in zip(mine, by_energy, strict=False):
        name, _, basis, source = data["levers"][lever]
        assert theirs["figure"].removesuffix(" (device)").endswith(name)
        assert (basis.removeprefix("weak: "), source) == (theirs["basis"], theirs["source"])
        assert basis.startswith("weak") is (theirs["basis"] in ("scaled", "assumed"))
        keys = ("energy_at_low_j", "energy_at_high_j", "saving_at_low", "saving_at_high")
        assert swing == pytest.approx([theirs[k] for k in keys], rel=1e-4, abs=1e-5)


def test_the_heading_of_the_tornado_names_the_largest(data: dict[str, Any]) -> None:
    for hardware in ("l4", "cmos-7nm"):
        found = shown("tornado", data, hardware=hardware, precision="bitnet-b1.58")
        (heading,), table = found.headings, found.table
        assert heading.startswith(f"{table.rows[0][0]} (")
        moves = [float(row[4]) for row in table.rows]
        assert moves == sorted(moves, reverse=True)
        assert f"by {table.rows[0][4]} %" in heading


def test_models_of_every_size_cost_what_an_estimate_says(data: dict[str, Any]) -> None:
    row = next(r for r in data["sizes"] if (r["size"], r["precision"]) == ("1.3B", "int8"))
    alone = api.estimate("1.3B", "l4", "int8", prompt=64, generate=32)
    energy, rate = row["run"]["l4"]
    assert energy[data["grid"]["at"]] == pytest.approx(float(alone.energy_j))
    assert rate[data["grid"]["at"]] == pytest.approx(alone.tokens_per_s)
    assert row["run"]["cmos-7nm"][1] == [None] * len(rate)


def test_with_many_devices_sizes_are_run_on_the_one_that_a_page_opens_with() -> None:
    names = ("h100-sxm-80gb", "l4", "t4", "a40", "a10g", "l40s", "mi210")
    hardware = [catalog.hardware(n) for n in names]
    found = api.answer(
        api.scenarios([catalog.model("gpt2")], hardware, [catalog.precision("int8")], Workload(1, 64, 8))
    )
    made = data_of(found)
    opening = made["opening"]["hardware"]
    assert {h for row in made["sizes"] for h in row["run"]} == {opening}
    (heading,) = shown("growth", made, hardware=next(n for n in names if n != opening)).headings
    assert f"run at {opening} alone" in heading


def test_a_page_of_a_study_is_small_and_draws_without_a_library() -> None:
    pages_of_studies = sorted((ROOT / "reports").glob("*.html"))
    assert pages_of_studies
    for path in pages_of_studies:
        text = path.read_text("utf-8")
        assert len(text) < 100_000
        assert "plotly.js (MIT" not in text
        assert 'class="mark' in text


def test_the_drawn_points_are_those_of_the_errors() -> None:
    held, errors = catalog.parity(), catalog.accuracy().classes
    assert {name: len(pairs) for name, pairs in held.items()} == {name: s.n for name, s in errors.items()}


def test_one_device_is_said_plainly() -> None:
    for model, does in (("gpt2", "holds"), ("llama-2-70b", "does not hold")):
        named = [catalog.model(model)], [catalog.hardware("l4")], [catalog.precision("int8")]
        found = api.answer(api.scenarios(*named, Workload(1, 64, 8)))
        bits = found.results[0].capacity_bits
        assert bits is not None
        size = with_prefix(bits / 8, "B")
        assert shown("fit", data_of(found)).headings == (f"l4 ({size}) {does} {model} in int8",)


def test_every_choice_has_its_figure_and_its_words(answer: Answer, data: dict[str, Any]) -> None:
    made = pages.of_answer(answer, compare.compare_report(answer, judged(answer)), "x")
    counts = {name: len(values) for name, values in made.choices.items()}
    for chart in made.charts:
        assert len(chart.shown) == math.prod(counts[name] for name in chart.by)
        headed = [name for name in chart.headed_by if name not in chart.by]
        assert {len(s.headings) for s in chart.shown} == {math.prod(counts[name] for name in headed)}
    assert len(made.tiles) == math.prod(counts.values())
    assert opening_words(made) == {name: shown(name, data).table.title for name in charts.CHARTS}


def opening_words(made: Page) -> dict[str, str]:
    return {chart.name: chart.shown[made.index(chart.by)].table.title for chart in made.charts}


def test_figures_are_what_plotly_py_takes(answer: Answer) -> None:
    """Looks and layouts are built once and data joined to them; plotly.py checks a few of them whole."""
    made = pages.of_answer(answer, compare.compare_report(answer, judged(answer)), "x")
    for chart in made.charts:
        found = [s.figure for s in chart.shown if s.figure is not None]
        assert found, chart.name
        for figure in found[:: max(1, len(found) // 7)]:
            for theme in figures.THEMES:
                whole = go.Figure(figure.whole(theme))
                assert len(whole.data) == len(figure.traces)
                assert whole.layout.xaxis.title.text


def test_the_bundle_is_of_the_version_that_plotly_py_carries() -> None:
    first = html.PLOTLY.read_text("utf-8")[:200]
    assert f"plotly.js (basic - minified) v{get_plotlyjs_version()}" in first


def test_plotly_py_is_loaded_where_a_chart_is_asked_for() -> None:
    words = ("report", "gpt2", "-H", "l4", "-p", "fp16")
    assert "plotly" in loaded_by(*words)
    assert "plotly" not in loaded_by(*words, "--plotly", "none")
    assert "plotly" not in loaded_by("report", "bitnet-table-1")


def test_charts_and_page_have_the_same_colours() -> None:
    style = (html.HERE / "templates" / "report.css").read_text("utf-8")
    for theme, colours in figures.THEMES.items():
        (block,) = set(re.findall(rf"color-scheme: {theme};([^}}]*)", style))
        for name, colour in colours.items():
            assert f"--{name}: {colour};" in block


def test_a_chart_is_one_registered_function(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "CHARTS", charts.CHARTS | {})
    monkeypatch.setattr(page, "CHARTS", charts.CHARTS)

    @charts.chart("How many?", "model")
    def census(data: dict[str, Any], at: dict[str, Any]) -> charts.Shown:
        table = Table("Cells", (Column("cells"),), ((str(len(data["index"])),),))
        layout = figures.Layout(figures.Axis("cells"), figures.Axis("", names=("all",)))
        bar = figures.trace(figures.Look("bar", 0), "cells", [len(data["index"])], ["all"])
        return charts.Shown((f"{at['model']} has cells",), table, figures.Drawing(layout, (bar,)))

    text = html.as_html(pages.of_answer(answer, compare.compare_report(answer, judged(answer)), "x"))
    assert "gpt2 has cells" in text
    assert "How many?" in text
    assert 'id="d-census"' in text
