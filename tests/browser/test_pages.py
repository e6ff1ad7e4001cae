"""Pages of curves, of sweeps and of measured rows: one look for each series, and what the report's page has too."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Opened, missing

LOOKS = """Object.fromEntries([...document.querySelectorAll('.draw')].map(box => [box.id.slice(2), box.data.map(t =>
  ({name: t.name, mode: t.mode, color: t.marker.color, symbol: t.marker.symbol, line: t.line.color, dash: t.line.dash})
)]))"""
Trace = dict[str, Any]


@pytest.fixture(params=["curve_file", "chart_file", "measured_file"])
def drawn_file(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def test_each_series_has_a_look_of_its_own(drawn_file: Path, opened: Opened) -> None:
    charts: dict[str, list[Trace]] = opened(drawn_file).evaluate(LOOKS)
    assert charts
    for traces in charts.values():
        lines = {t["name"]: (t["line"], t["dash"]) for t in traces if "lines" in t["mode"]}
        signs = {t["name"]: (t["color"], t["symbol"]) for t in traces if t["mode"] == "markers"}
        for looks in (lines, signs):
            assert len(set(looks.values())) == len(looks)


def test_a_runtime_looks_alike_in_every_chart_and_so_do_its_crossings(curve_file: Path, opened: Opened) -> None:
    charts: dict[str, list[Trace]] = opened(curve_file).evaluate(LOOKS)
    assert set(charts) == {"batch", "context"}
    looks: dict[str, set[tuple[str, ...]]] = {}
    for traces in charts.values():
        assert {t["mode"] for t in traces} == {"lines", "markers"}
        for t in traces:
            assert t["color"] == t["line"]
            looks.setdefault(t["name"], set()).add((t["color"], t["dash"], t["symbol"]))
    assert len(looks) == 8  # of ten: a legend of more tells nothing apart, and the table has all
    assert all(len(found) == 1 for found in looks.values())


def test_names_are_whole_on_a_phone(drawn_file: Path, opened: Opened) -> None:
    page = opened(drawn_file, width=390)
    for box in page.query_selector_all(".draw"):
        outer = box.bounding_box()
        names = box.query_selector_all(".legendtext, .annotation-text, .ytick text")
        assert names
        for name in names:
            inner = name.bounding_box()
            assert outer["x"] <= inner["x"] + 1, name.text_content()
            assert inner["x"] + inner["width"] <= outer["x"] + outer["width"] + 1, name.text_content()
            assert inner["y"] >= outer["y"]
        assert not box.query_selector_all(".scrollbar[width]:not([width='0'])")
        assert box.evaluate("drawn => drawn._fullLayout._size.h") > 150  # room for the points below the legend


def test_on_paper_each_chart_is_on_one_sheet_and_no_sheet_is_blank(
    drawn_file: Path, opened: Opened, tmp_path: Path
) -> None:
    if shutil.which("pdftotext") is None:
        missing("pdftotext")
    page = opened(drawn_file, color_scheme="dark")
    titles = page.eval_on_selector_all(".draw", "boxes => boxes.map(b => b.layout.xaxis.title.text)")
    named = "b => (b.layout.yaxis.ticktext || []).find(t => /[a-z]{3}/.test(t)) || b.data[0].name"
    first = page.eval_on_selector_all(".draw", f"boxes => boxes.map({named})")
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert not page.query_selector_all(".modebar-btn")
    done = subprocess.run(["pdftotext", str(tmp_path / "page.pdf"), "-"], capture_output=True, text=True, check=True)
    sheets = done.stdout.rstrip("\f").split("\f")
    assert all(sheet.strip() for sheet in sheets)
    for title, name in zip(titles, first, strict=True):
        assert [s for s in sheets if title in s and re.search(rf"^{re.escape(name)}$", s, re.MULTILINE)], title


def test_each_roof_has_a_line_of_its_own(page_file: Path, opened: Opened) -> None:
    """Formats of one rate share a roof: two lines on top of each other would look like one."""
    page = opened(page_file, "#hardware=l4")
    box = "document.getElementById('d-roofline')"
    roofs = page.evaluate(f"{box}.data.filter(t => t.mode === 'lines').map(t => [t.y[1], t.x[2]])")
    names = page.evaluate(f"{box}.layout.annotations.map(a => a.text)")
    assert len(roofs) > 3
    assert len({rate for rate, _ in roofs}) == len(set(names)) == len(names) == len(roofs)
    assert len({end for _, end in roofs}) == 1


def test_a_figure_stays_with_its_unit(page_file: Path, opened: Opened) -> None:
    page = opened(page_file)
    cells = page.eval_on_selector_all("#t-overview td:nth-child(2)", "cells => cells.map(c => c.textContent)")
    assert any(re.search(r"\n[0-9.]+\*?\u00a0m?J, [0-9.]+/s$", cell) for cell in cells)
    assert not [cell for cell in cells if re.search(r"[0-9]\*? m?J", cell)]
