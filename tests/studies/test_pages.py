"""What a page holds: bands, swings and sizes are those of the commands and of the engine."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs_version

from bitnet_cost import api
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.readers import catalog
from bitnet_cost.studies import accuracy_classes, pages, validation
from bitnet_cost.studies.grid import SENSITIVE
from bitnet_cost.studies.ranges import judged
from bitnet_cost.tables import Column, Table
from bitnet_cost.views import charts, compare, figures, html, page
from bitnet_cost.views.page import Page
from bitnet_cost.views.verdict import precision_name
from tests.conftest import ROOT, Ran
from tests.test_floors import loaded_by

HARDWARE = ("h100-sxm-80gb", "l4", "cmos-7nm")
PRECISIONS = ("fp16", "int8", "bitnet-b1.58")


@pytest.fixture(scope="module")
def answer() -> Answer:
    scenarios = api.scenarios(
        [catalog.model("gpt2")], [catalog.hardware(n) for n in HARDWARE], [catalog.precision(p) for p in PRECISIONS],
        Workload(1, 64, 32),
    )  # fmt: skip
    return api.answer(scenarios)


def data_of(answer: Answer) -> dict[str, Any]:
    return pages.data_of(answer, pages.lead(answer.results))


def shown(name: str, data: dict[str, Any], **other: str) -> charts.Shown:
    """What a chart shows for the opening choice, but for some selectors."""
    chart = charts.CHARTS[name]
    return chart.make(data, {n: (data["opening"] | other)[n] for n in chart.by})


@pytest.fixture(scope="module")
def data(answer: Answer) -> dict[str, Any]:
    return data_of(answer)


def against(data: dict[str, Any], index: int, scope: str, point: int) -> Any:
    return data["grid"]["cells"][index]["scopes"][scope]["against"][point]


def test_differences_of_a_page_are_those_of_the_verdict(answer: Answer, data: dict[str, Any]) -> None:
    """Each precision against the strongest of the others, at the point asked for and at others."""
    found, contexts = data["grid"], data["grid"]["contexts"]
    asked_there = replace(answer.results[0].workload, batch=8, prompt=contexts[2])
    named = [catalog.hardware(n) for n in HARDWARE], [catalog.precision(p) for p in PRECISIONS]
    there = api.answer(api.scenarios([catalog.model("gpt2")], *named, asked_there))
    for point, asked in ((found["at"], answer), (found["curve"].index(8) * len(contexts) + 2, there)):
        compared = 0
        for place in judged(asked).places:
            for r in place.ranked:
                rival = place.ranked[1] if r is place.ranked[0] else place.ranked[0]
                change = place.differ(r, rival)
                index = data["index"][r.architecture.name, r.hardware.name, r.precision.name]
                name, low, ratio, high = against(data, index, r.scope, point)
                assert name == rival.precision.name
                expected = (1 + change.low, 1 + change.nominal, 1 + change.high)
                assert (low, ratio, high) == pytest.approx(expected, rel=1e-5)
                assert charts.undecided((name, low, ratio, high)) is change.undecided
                compared += 1
        assert compared == 9


def test_the_ring_is_around_the_winner_of_the_verdict(answer: Answer, data: dict[str, Any]) -> None:
    """Of each device; no ring where it is undecided."""
    winners = judged(answer).winners
    for name, devices in (("overview", ("h100-sxm-80gb", "l4")), ("nodes", ("cmos-7nm",))):
        figure = shown(name, data).figure
        assert figure is not None
        rings = sum(len(own["x"]) for look, own in figure.traces if look.sign == "circle-open" and look.number is None)
        assert rings == sum(winners["gpt2", device] is not None for device in devices)
        best = {row[0]: row[1].partition("\n")[0] for row in shown(name, data).table.rows}
        for device in devices:
            winner = winners["gpt2", device]
            words = best[data["names"][device]]
            assert words == precision_name(winner) if winner else " or " in words


def test_the_tornado_of_a_page_is_that_of_the_command(data: dict[str, Any], bitnet_cost: Callable[..., Ran]) -> None:
    mine = data["swings"][data["index"]["gpt2", "l4", "bitnet-b1.58"]]
    rival = mine["rival"]
    words = ("estimate", "gpt2", "-H", "l4", "-p", rival, "-p", "bitnet-b1.58", "--baseline", rival, "--prompt", "64")
    ran = bitnet_cost(*words, "--generate", "32", "--sensitivity", "-f", "json")
    swings = [s for s in json.loads(ran.out)["sensitivity"] if s["record"] == 1]
    theirs = {s["figure"].removesuffix(" (device)"): s for s in swings}
    assert len(mine["rows"]) == 8
    compared = 0
    for lever, low, high in mine["rows"]:
        name, _, basis, source = data["levers"][lever]
        same = [s for figure, s in theirs.items() if figure.endswith(name)]
        if not same:  # moves the rival alone
            continue
        compared += 1
        assert (basis.removeprefix("weak: "), source) == (same[0]["basis"], same[0]["source"])
        assert basis.startswith("weak") is (same[0]["basis"] in ("scaled", "assumed"))
        expected = (1 - same[0]["saving_at_low"], 1 - same[0]["saving_at_high"])
        assert (low, high) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert compared >= 5
    least = min(abs(high - low) for _, low, high in mine["rows"])
    rest = [s for f, s in theirs.items() if not any(f.endswith(data["levers"][row[0]][0]) for row in mine["rows"])]
    assert all(abs(s["saving_at_high"] - s["saving_at_low"]) <= least + 1e-4 for s in rest)


def test_the_heading_of_the_tornado_is_true(data: dict[str, Any]) -> None:
    for hardware in ("l4", "h100-sxm-80gb", "cmos-7nm"):
        for precision in PRECISIONS:
            found = shown("tornado", data, hardware=hardware, precision=precision)
            mine = data["swings"][data["index"]["gpt2", hardware, precision]]
            (heading,) = found.headings
            turned = [r for r, (_, *ends) in zip(found.table.rows, mine["rows"], strict=True)
                      if charts.undecided(("", min(ends), 1.0, max(ends)))]  # fmt: skip
            assert mine["undecided"] is heading.startswith("Undecided")
            assert bool(turned) is (f"{turned[0][0]} alone" in heading if turned else False)
            assert bool(turned) or "o figure alone turns it" in heading


def test_a_grid_costs_what_an_estimate_says(data: dict[str, Any]) -> None:
    found = data["grid"]
    point = found["batches"].index(8) * len(found["contexts"]) + 2
    for hardware in ("l4", "cmos-7nm"):
        alone = api.estimate("gpt2", hardware, "int8", batch=8, prompt=256, generate=32)
        cell = found["cells"][data["index"]["gpt2", hardware, "int8"]]
        scope = "device" if hardware == "l4" else "arithmetic"
        assert cell["scopes"][scope]["energy"][1][point] == pytest.approx(float(alone.energy_j), rel=1e-4)
        if hardware == "l4":
            assert cell["tokens_per_s"][point] == pytest.approx(alone.tokens_per_s, rel=1e-4)


def test_with_many_cells_sensitivity_is_of_1_bit_alone() -> None:
    hardware = [catalog.hardware(n) for n in catalog.devices()[:22]]
    found = api.answer(api.scenarios(
        [catalog.model("gpt2")], hardware, [catalog.precision(p) for p in ("int8", "bitnet-b1.58")], Workload(1, 64, 8)
    ))  # fmt: skip
    assert len(found.results) > SENSITIVE
    made = data_of(found)
    (heading,) = shown("tornado", made, precision="int8").headings
    assert heading.startswith("Sensitivity of many cells")
    assert "alone" in shown("tornado", made, precision="bitnet-b1.58").headings[0]
    assert "at the batch and context asked for alone" in shown("batch", made).words


def test_the_batch_of_a_heading_is_where_the_lead_is_sure(data: dict[str, Any]) -> None:
    found = shown("batch", data, precision="bitnet-b1.58", hardware="l4")
    rows = [row for row in found.table.rows if row[0] == "L4"]
    sure = [int(row[1]) for row in rows if float(row[4].split(" to ")[1].removesuffix("x")) < 0.995]
    (heading,) = found.headings
    where = next(part for part in heading.split("; ") if "L4" in part)
    if sure and len(sure) < len(rows):
        assert f"up to batch {max(sure)}" in where or f"from batch {min(sure)}" in where or "some" in where
    else:
        assert ("every batch" if sure else "none of these") in where


def test_a_page_of_a_study_is_small_and_draws_without_a_library() -> None:
    for path in [ROOT / "reports" / f"{name}.html" for name in catalog.names("study")]:
        text = path.read_text("utf-8")
        assert len(text) < 100_000
        assert "plotly.js (MIT" not in text
        if 'class="mark' not in text:  # nothing is printed that a figure could be set against
            assert all(cell.relation != "=" or cell.printed <= 0 for cell in validation.run([path.stem])[0].cells)


def test_the_drawn_points_are_those_of_the_errors() -> None:
    held = catalog.parity()
    errors = {n: s.n for n, s in catalog.accuracy().classes.items() if not accuracy_classes.CLASSES[n].witness}
    assert {name: len(pairs) for name, pairs in held.items()} == errors


def test_what_fits_is_said_plainly() -> None:
    for model, heading in (("gpt2", "int8 fits on the L4"), ("llama-2-70b", "int8 does not fit on the L4")):
        named = [catalog.model(model)], [catalog.hardware("l4")], [catalog.precision("int8")]
        found = api.answer(api.scenarios(*named, Workload(1, 64, 8)))
        assert shown("fit", data_of(found)).headings == (heading,)


def test_on_a_page_of_several_models_it_is_one_of_them_that_fits() -> None:
    several = data_of(api.compare(["llama-3.1-8b", "llama-3.1-70b"], ["h100-sxm-80gb", "l40s"], ["bf16", "int4"]))
    for model, says in {
        "llama-3.1-8b": "Everything of llama-3.1-8b fits every device",
        "llama-3.1-70b": "Everything of llama-3.1-70b fits except bf16 on the H100 SXM and bf16 on the L40S",
    }.items():
        assert shown("fit", several, model=model).headings == (says,)


def test_every_choice_has_its_figure_and_its_words(answer: Answer, data: dict[str, Any]) -> None:
    made = pages.of_answer(answer, compare.compare_report(answer, judged(answer)), "x")
    counts = {name: len(values) for name, values in made.choices.items()}
    for chart in made.charts:
        assert len(chart.shown) == math.prod(counts[name] for name in chart.by)
        headed = [name for name in chart.headed_by if name not in chart.by]
        assert {len(s.headings) for s in chart.shown} == {math.prod(counts[name] for name in headed)}
    assert opening_words(made) == {n: shown(n, data).table.title for n, c in charts.CHARTS.items() if c.answers(data)}


def opening_words(made: Page) -> dict[str, str]:
    return {chart.name: chart.shown[made.index(chart.by)].table.title for chart in made.charts}


def test_figures_are_what_plotly_py_takes(answer: Answer) -> None:
    """Looks and layouts are built once and data joined to them; plotly.py checks a few of them whole."""
    made = pages.of_answer(answer, compare.compare_report(answer, judged(answer)), "x")
    for chart in made.charts:
        found = [s.figure for s in chart.shown if s.figure is not None]
        assert found, chart.name
        for figure in found[:: max(1, len(found) // 7)]:
            for theme, narrow in product(figures.THEMES, (False, True)):
                whole = go.Figure(figure.whole(theme, narrow))
                assert len(whole.data) == len(figure.traces)
                assert whole.layout.xaxis.title.text
                assert "var(--" not in whole.to_json()


def test_the_bundle_is_of_the_version_that_plotly_py_carries() -> None:
    first = html.PLOTLY.read_text("utf-8")[:200]
    assert f"plotly.js (basic - minified) v{get_plotlyjs_version()}" in first


def test_a_page_is_made_without_plotly_py() -> None:
    for words in (("report", "gpt2", "-H", "l4", "-p", "fp16"), ("report", "bitnet-table-1")):
        assert "plotly" not in loaded_by(*words)


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
        bar = figures.trace(figures.Look("bar", 0), "cells", [len(data["index"])], [0])
        return charts.Shown((f"{at['model']} has cells",), table, figures.Drawing(layout, (bar,)))

    text = html.as_html(pages.of_answer(answer, compare.compare_report(answer, judged(answer)), "x"))
    assert "gpt2 has cells" in text
    assert "How many?" in text
    assert 'id="d-census"' in text
