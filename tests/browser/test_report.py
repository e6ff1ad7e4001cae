"""Pages as a reader meets them, in a real browser."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bitnet_cost import api
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.readers import catalog
from bitnet_cost.studies import pages
from bitnet_cost.studies.ranges import judged
from bitnet_cost.views import estimate, html
from bitnet_cost.views.charts import FEW
from scripts.reference import EXPLORERS
from tests.browser.conftest import HARDWARE, HOSTILE, Opened, chosen, missing, written
from tests.conftest import ROOT, Ran

AXE = (Path(__file__).parent / "axe.min.js").read_text("utf-8")
PAGES = ("page_file", "study_file", "nodes_file", "bare_file", "curve_file", "chart_file", "measured_file")
FIGURE = """box => [box.data.map(t => [t.name, t.x, t.y, t.text ?? null, t.customdata ?? null]),
  [box.layout.xaxis, box.layout.yaxis].map(a => [a.title.text, a.tickvals ?? null, a.ticktext ?? null]),
  box.layout.annotations.map(a => [a.text, a.x, a.y, a.xanchor, a.yanchor, a.xshift ?? 0, a.yshift ?? 0])]"""
CHOSEN = """words => [...new URLSearchParams(words)].every(
  ([name, value]) => document.querySelector(`select[name=${name}]`).value === value)"""
MARKS = ".bars path, .scatterlayer path, .trace path, path.mark"


@pytest.fixture(params=PAGES)
def any_file(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def test_every_chart_has_drawn_marks(any_file: Path, opened: Opened) -> None:
    page = opened(any_file)
    boxes = page.query_selector_all(".draw, .drawn")
    assert len(boxes) == len(page.query_selector_all(".chart")) or "bare" in any_file.name
    assert bool(boxes) is ("bare" not in any_file.name)
    for box in boxes:
        assert box.query_selector_all(MARKS), box.get_attribute("id")


def choose(page: Any, name: str, value: str) -> None:
    page.select_option(f"select[name={name}]", value)


def texts(page: Any, selector: str) -> list[str]:
    found: list[str] = page.eval_on_selector_all(selector, "found => found.map(e => e.textContent)")
    return found


@pytest.mark.parametrize(
    ("name", "value", "charts"),
    [
        ("model", "gpt2", ("overview", "fit", "energy", "batch", "roofline", "tornado")),
        ("precision", "int8", ("batch", "roofline", "tornado")),
        ("hardware", "l4", ("roofline", "tornado")),
        ("scope", "memory", ("overview", "energy", "batch")),
        ("batch", "64", ("overview", "fit", "energy")),
        ("context", "2048", ("overview", "fit", "energy", "batch")),
    ],
)
def test_selectors_change_charts_and_numbers(
    page_file: Path, opened: Opened, name: str, value: str, charts: tuple[str, ...]
) -> None:
    page = opened(page_file)
    before = {c: (page.inner_html(f"#d-{c}"), texts(page, f"#t-{c} td, #t-{c} caption, #h-{c}")) for c in charts}
    where = texts(page, "#where")
    choose(page, name, value)
    page.wait_for_timeout(300)
    assert texts(page, "#where") != where
    for chart in charts:
        assert texts(page, f"#t-{chart} td, #t-{chart} caption, #h-{chart}") != before[chart][1], chart
        assert page.inner_html(f"#d-{chart}") != before[chart][0], chart
        assert page.query_selector_all(f"#d-{chart} :is({MARKS})"), chart
    page.click("#reset")
    assert texts(page, "#where") == where


def test_the_script_leaves_what_the_command_printed(any_file: Path, opened: Opened) -> None:
    """Headings, tables and numbers are the same with and without the script, for the default choice."""
    with_script, without = opened(any_file), opened(any_file, java_script_enabled=False)
    for selector in ("#where", "section h2", "section h3", ".sub", ".chart caption", ".chart th, .chart td"):
        assert texts(with_script, selector) == texts(without, selector), selector


@pytest.mark.parametrize(
    ("models", "hardware", "precisions"),
    [
        (("gpt2",), ("l4", "cmos-7nm"), ("fp16", "bitnet-b1.58")),
        (("gpt2",), ("cmos-7nm", "cmos-45nm"), ("fp32", "int8", "bitnet")),
        (("llama-2-7b", "llama-2-70b"), ("h100-sxm-80gb", *HARDWARE[1:], "a100-sxm-80gb", "rtx-4090", "raspberry-pi-5"),
         ("fp16", "int8", "int4", "bitnet-b1.58")),
    ],
)  # fmt: skip
def test_a_choice_shows_what_python_printed_for_it(
    folder: Path, opened: Opened, models: tuple[str, ...], hardware: tuple[str, ...], precisions: tuple[str, ...]
) -> None:
    """Tables, headings and numbers of random choices are those that Python makes, also where the script makes them."""
    scenarios = api.scenarios(
        [catalog.model(m) for m in models], [catalog.hardware(n) for n in hardware],
        [catalog.precision(p) for p in precisions], Workload(2, 64, 16),
    )  # fmt: skip
    found = api.answer(scenarios)
    made = pages.of_answer(found, estimate.estimate_report(found, judged(found)), "x")
    path = folder / "chosen.html"
    path.write_text(html.as_html(made), "utf-8")
    page, draws = opened(path), random.Random(4)
    assert len(made.choices["hardware"]) <= FEW or {c.name for c in made.charts if c.scripted} == {
        "overview", "energy", "batch", "quality", "roofline"
    }  # fmt: skip
    for _ in range(12):
        asked = {name: draws.choice(values)[0] for name, values in made.choices.items()}
        page.evaluate("words => { location.hash = words; }", urlencode(asked))
        page.wait_for_function(CHOSEN, arg=urlencode(asked))
        one = replace(made, opening=asked)
        for chart in made.charts:
            shown, heading = chart.shown[one.index(chart.by)], f"#h-{chart.name}"
            whole = [h for s in chart.shown for h in s.headings]
            assert texts(page, heading) == [whole[one.index((*chart.by, *chart.headed_by))]]
            assert texts(page, f"#t-{chart.name} caption") == [shown.table.title]
            titled = chart.shown[made.index(chart.by)].title  # else there is no place for one
            assert texts(page, f"#c-{chart.name}, #w-{chart.name}") == ([shown.title, shown.words] if titled else [])
            cells = [cell for row in shown.table.rows for cell in row]
            assert texts(page, f"#t-{chart.name} tbody :is(th, td)") == cells
            drawn = page.evaluate(f"document.getElementById('d-{chart.name}').hidden ? null : "
                                  f"({FIGURE})(document.getElementById('d-{chart.name}'))")  # fmt: skip
            assert (drawn is None) is (shown.figure is None)
            if shown.figure is None:
                continue
            traces, axes, labels = drawn
            expected = [[own["name"], own["x"], own["y"], own.get("text"), own.get("customdata")]
                        for _, own in shown.figure.traces]  # fmt: skip
            assert traces == json.loads(json.dumps(expected))
            whole = json.loads(json.dumps(shown.figure.whole()["layout"]))
            assert axes == [[a["title"]["text"], a.get("tickvals"), a.get("ticktext")]
                            for a in (whole["xaxis"], whole["yaxis"])]  # fmt: skip
            assert [label[0] for label in labels] == [label["text"] for label in whole["annotations"]]
            for (text, *at), label in zip(labels, whole["annotations"], strict=True):
                assert at[:2] == pytest.approx([label["x"], label["y"]], rel=5.1e-5, abs=1e-5), text  # of five digits
                assert at[2:] == [label["xanchor"], label["yanchor"], label.get("xshift", 0), label.get("yshift", 0)], (
                    text
                )


def test_scripts_print_no_number_but_as_python_does() -> None:
    """`test_numerals` asks both; what picks and sorts is short and does not count."""
    scripts = {name: (html.HERE / "templates" / name).read_text("utf-8") for name in html.SCRIPTS}
    assert len(scripts["report.js"].splitlines()) < 250
    assert "Math." not in scripts["report.js"]
    for name, script in scripts.items():
        assert name == "numerals.js" or not re.search(
            r"toFixed|toPrecision|toExponential|toLocaleString|Intl\.", script
        )


def test_tables_read_without_script(page_file: Path, opened: Opened) -> None:
    page = opened(page_file, java_script_enabled=False)
    assert page.is_visible("#t-overview")
    page.click("#energy summary")
    assert page.is_visible("#t-energy")
    assert not page.is_visible("#json")
    assert "llama-2-7b" in page.text_content("#t-fit caption")


def test_tables_sort(page_file: Path, opened: Opened) -> None:
    page = opened(page_file)
    page.click("#tables details:has(#e1) summary")
    heads = texts(page, "#e1 thead th")
    column = heads.index("tokens/s*")

    def figures() -> list[float]:
        cells = texts(page, f"#e1 tbody tr :nth-child({column + 1})")
        return [float(c.strip("^").replace(",", "")) for c in cells if re.fullmatch(r"\^?[\d.,]+", c)]

    button = page.locator("#e1 thead th button").nth(column)
    button.focus()
    page.keyboard.press("Enter")
    assert figures() == sorted(figures())
    assert page.locator("#e1 thead th").nth(column).get_attribute("aria-sort") == "ascending"
    button.click()
    assert figures() == sorted(figures(), reverse=True)
    assert page.locator("#e1 thead th").nth(column).get_attribute("aria-sort") == "descending"


def saved(page: Any, button: str) -> str:
    with page.expect_download() as download:
        page.click(button)
    return Path(download.value.path()).read_text("utf-8")


def test_downloads_are_what_the_formats_print(page_file: Path, opened: Opened, bitnet_cost: Callable[..., Ran]) -> None:
    page = opened(page_file)
    words = ("compare", "llama-2-7b", "gpt2", *chosen(), "-f")
    assert json.loads(saved(page, "#json")) == json.loads(bitnet_cost(*words, "json").out)
    mine = list(csv.reader(io.StringIO(saved(page, "#csv"))))
    theirs = list(csv.reader(io.StringIO(bitnet_cost(*words, "csv").out)))
    assert mine[0] == theirs[0]
    for a, b in zip(mine, theirs, strict=True):
        for x, y in zip(a, b, strict=True):
            assert x == y or float(x) == float(y)


def test_a_study_downloads_its_document(study_file: Path, opened: Opened, bitnet_cost: Callable[..., Ran]) -> None:
    ours = json.loads(saved(opened(study_file), "#json"))
    assert ours == json.loads(bitnet_cost("validate", "bitnet-table-1", "-f", "json").out)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(any_file: Path, opened: Opened, scheme: str) -> None:
    page = opened(any_file, color_scheme=scheme, bypass_csp=True)
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
    serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
    assert not serious


def test_the_theme_has_a_switch(page_file: Path, opened: Opened) -> None:
    page = opened(page_file, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) == before
    page.click("#theme")
    assert page.evaluate(ground) != before


def test_the_first_screen_has_verdict_chart_and_best(page_file: Path, opened: Opened) -> None:
    page = opened(page_file, width=1280)
    for selector in ("h1", "#d-overview", "#t-overview"):
        box = page.locator(selector).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + min(box["height"], 300) <= 800, selector
    assert page.locator("#d-overview").bounding_box()["x"] < page.locator("#t-overview").bounding_box()["x"]


def test_no_text_is_small(any_file: Path, opened: Opened) -> None:
    for width in (1280, 390):
        sizes = opened(any_file, width=width).evaluate("""() => [...document.querySelectorAll("body *")]
          .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && e.getClientRects().length)
          .map(e => [parseFloat(getComputedStyle(e).fontSize), e.textContent.slice(0, 40), e.tagName])""")
        assert not [each for each in sizes if each[0] < 12 and each[2] not in ("SCRIPT", "STYLE")]


def test_legends_are_short(any_file: Path, opened: Opened) -> None:
    page = opened(any_file)
    assert all(len(box.query_selector_all(".legend .traces")) <= 8 for box in page.query_selector_all(".draw"))


def test_a_theme_changes_colours_alone(page_file: Path, opened: Opened) -> None:
    page = opened(page_file, color_scheme="light")
    drawn = """[...document.querySelectorAll(".draw svg :is(path, text)")].map(e =>
      [e.getAttribute("d") || e.textContent, e.getBoundingClientRect().width])"""
    fill = "getComputedStyle(document.querySelector('#d-overview .scatterlayer .errorbars path')).stroke"
    before, colour = page.evaluate(drawn), page.evaluate(fill)
    page.click("#theme")
    page.click("#theme")
    assert page.evaluate(drawn) == before
    assert page.evaluate(fill) != colour


@pytest.mark.parametrize(("form", "begins"), [("png", b"\x89PNG\r\n"), ("svg", b"<svg ")])
def test_a_chart_is_saved_as_a_picture(page_file: Path, opened: Opened, form: str, begins: bytes) -> None:
    """By the keyboard, under the page's own policy, light in a dark page too, and as it was before."""
    page = opened(page_file, color_scheme="dark", accept_downloads=True)
    for name in ("overview", "batch"):
        before = page.inner_html(f"#d-{name}")
        page.locator(f"[data-save={name}][data-as={form}]").focus()
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert download.value.suggested_filename == f"bitnet-cost-{name}.{form}"
        made = Path(download.value.path()).read_bytes()
        assert made.startswith(begins)
        assert len(made) > 8000
        if form == "svg":
            assert page.inner_text(f"#c-{name}") in made.decode()
            assert "rgb(255, 255, 255)" in made.decode()
        assert page.inner_html(f"#d-{name}") == before


def test_no_sideways_scroll_on_a_phone(any_file: Path, opened: Opened) -> None:
    page = opened(any_file, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_deep_links(page_file: Path, opened: Opened) -> None:
    page = opened(page_file, "#precision=int8&hardware=l4&batch=8&context=nonsense&model=gpt2")
    state = page.inner_text("#where")
    assert state == "gpt2 in int8 at l4, scope device, batch 8, 512 tokens in"
    choose(page, "batch", "64")
    assert "batch=64" in page.url
    page.evaluate("location.hash = 'precision=fp16'")
    page.wait_for_function("document.getElementById('where').textContent.includes('in fp16')")


def test_print_keeps_all_tables(page_file: Path, opened: Opened, tmp_path: Path) -> None:
    page = opened(page_file)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for table in page.query_selector_all("table"):
        box = table.evaluate(
            "t => { const s = t.parentElement; return [s.scrollHeight - s.clientHeight, t.offsetHeight]; }"
        )
        assert box[0] <= 1
        assert box[1] > 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert not page.query_selector_all("details[open]")
    assert len(page.pdf(path=tmp_path / "page.pdf")) > 50_000


def test_print_repeats_the_headings_of_a_table_on_every_sheet(folder: Path, opened: Opened, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        missing("pdftotext")
    written(folder / "long.html", "compare", "gpt2", "-f", "html", "--plotly", "none")
    page = opened(folder / "long.html", color_scheme="dark")
    page.pdf(path=tmp_path / "long.pdf", format="A4")
    done = subprocess.run(
        ["pdftotext", "-layout", str(tmp_path / "long.pdf"), "-"], capture_output=True, text=True, check=True
    )
    sheets = done.stdout.split("\f")
    with_rows = [
        s for s in sheets if len(re.findall(r"(?:fp16|int8|int4|bitnet-b1\.58) +\^?[\d.]+\*? +\^?[\d.,]+\*? ", s)) > 10
    ]
    assert len(with_rows) > 2
    assert all(re.search(r"hardware +precision", sheet) for sheet in with_rows)


def test_print_is_dark_on_light_whatever_the_theme(page_file: Path, opened: Opened) -> None:
    page = opened(page_file, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.fixture(scope="module")
def hostile_file(folder: Path) -> Path:
    """A model, a profile and a source that would like to be markup."""
    model = (ROOT / "models" / "gpt2.yaml").read_text("utf-8")
    model = re.sub(r"(?m)^title:.*$", f"title: '{HOSTILE}'", model)
    model = re.sub(r"(?m)^source:.*$", f"source: '{HOSTILE} javascript:alert(2)'", model)
    (folder / "bad-model.yaml").write_text(model, "utf-8")
    device = (ROOT / "hw_profiles" / "l4.yaml").read_text("utf-8")
    device = re.sub(r"(?m)^title:.*$", f"title: '{HOSTILE}'", device)
    device = re.sub(
        r"(?m)^name:.*$",
        f"note: '{HOSTILE} {{{{ 7 * 7 }}}} <!--'\nname: bad-l4",
        re.sub(r"(?m)^note:.*\n(?:  .*\n)*", "", device),
    )
    device = re.sub(r"author: [^,}\n]+", f"author: '{HOSTILE}'", device, count=1)
    (folder / "bad-l4.yaml").write_text(device, "utf-8")
    return written(
        folder / "hostile.html", "report", str(folder / "bad-model.yaml"), "-H", str(folder / "bad-l4.yaml"), "-H", "l4"
    )


def test_hostile_names_are_text(hostile_file: Path, opened: Opened) -> None:
    page = opened(hostile_file)
    assert not page.query_selector_all("img")
    assert HOSTILE in page.inner_text(".asked")
    assert HOSTILE in page.inner_text("select[name=hardware]")
    assert HOSTILE in page.text_content("#assumptions")
    assert "{{ 7 * 7 }}" in saved(page, "#json")
    assert not [a for a in texts(page, "a") if a.startswith("javascript")]
    choose(page, "hardware", "bad-l4")
    assert page.query_selector_all(MARKS)


def test_the_policy_forbids_the_network(page_file: Path) -> None:
    text = page_file.read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1] or "default-src 'none'" in policy[1]
    assert "unsafe-inline" not in policy[1].replace("style-src-attr &#39;unsafe-inline&#39;", "")
    assert "unsafe-eval" not in policy[1]


def test_a_report_is_small_and_quiet(tmp_path: Path) -> None:
    """One model, four precisions, every device: 19 kB for each at most. How long it takes is in benchmarks/."""
    path = tmp_path / "all.html"
    command = [sys.executable, "-m", "bitnet_cost", "report", "llama-2-7b", "-o", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == ""
    assert re.fullmatch(r"wrote .*all\.html, [0-9.]+ MB\n", done.stderr)
    assert path.stat().st_size < 19e3 * len(catalog.devices())


def test_open_hands_the_file_to_the_browser(tmp_path: Path) -> None:
    fake, path = tmp_path / "browser", tmp_path / "page.html"
    fake.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/asked\n', "utf-8")
    fake.chmod(0o755)
    command = [sys.executable, "-m", "bitnet_cost", "report", "bitnet-table-1", "-o", str(path), "--open"]
    with_one = {**os.environ, "BROWSER": str(fake)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=with_one, timeout=60)
    assert (tmp_path / "asked").read_text("utf-8").strip() == path.as_uri()
    assert done.stdout == ""
    assert re.fullmatch(r"wrote .*page\.html, [0-9.]+ kB\n", done.stderr)


def test_open_without_a_browser_says_so(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    command = [sys.executable, "-m", "bitnet_cost", "report", "bitnet-table-1", "-o", str(path), "--open"]
    bare = {k: v for k, v in os.environ.items() if k not in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env={**bare, "PATH": ""}, timeout=60
    )
    assert "no browser found" in done.stderr
    assert path.stat().st_size > 10_000


@pytest.mark.parametrize("name", catalog.names("study"))
def test_every_shipped_page_opens(name: str, opened: Opened) -> None:
    for width in (1200, 390):
        page = opened(ROOT / "reports" / f"{name}.html", width=width)
        assert page.query_selector_all("table")
        assert len(page.query_selector_all("path.mark")) == len(page.query_selector_all("#t-printed tbody tr"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_study_has_a_shipped_page() -> None:
    studies = {p.stem for p in (ROOT / "reports").glob("*.yaml")}
    explorers = {Path(path).stem for path in EXPLORERS}
    assert {p.stem for p in (ROOT / "reports").glob("*.html")} == studies | explorers


@pytest.mark.parametrize("path", EXPLORERS)
def test_every_shipped_explorer_opens_with_an_answer(path: str, opened: Opened) -> None:
    for width in (1200, 390):
        page = opened(ROOT / path, width=width)
        assert "BitNet" in page.inner_text("h1")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
