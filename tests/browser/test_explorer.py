"""The explorer answers as the command does that it prints: sentence, table and numbers, wherever its sliders are."""

from __future__ import annotations

import random
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost import cli
from bitnet_cost.commands import estimates
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.readers import catalog
from bitnet_cost.studies.ranges import judged
from bitnet_cost.views.estimate import estimate_report
from bitnet_cost.views.verdict import per_token
from bitnet_cost.views.verdict_table import verdict_tables
from tests.browser.conftest import HOSTILE, Opened, written

MODELS = ("llama-3.1-8b", "mixtral-8x7b", "gpt2")
DEVICES = ("h100-sxm-80gb", "rtx-4090", "raspberry-pi-5")
TRIALS = 200

READ = """() => ({
  verdict: document.getElementById("verdict").textContent, also: document.getElementById("also").textContent,
  turned: document.getElementById("turned").textContent, command: document.getElementById("command").textContent,
  rows: [...document.querySelectorAll("#rows tr")].map(row => [...row.cells].map(cell => cell.textContent)),
  values: [...document.querySelectorAll("#rows tr")].map(row => Object.fromEntries(
    [...row.querySelectorAll("data")].map(data => [data.parentNode.dataset.of, Number(data.value)]))),
  outside: document.body.classList.contains("outside"), hash: location.hash,
})"""
MOVE = """async ([sliders, checks]) => {
  const inputs = [...document.querySelectorAll("form input[type=range]")];
  for (const [which, where] of sliders) {
    const slider = inputs[Math.floor(which * inputs.length)];
    slider.value = Math.round(where * slider.max);
    slider.dispatchEvent(new Event("input"));
  }
  for (const [i, checked] of checks) {
    const box = document.querySelectorAll("#precisions input")[i];
    if (box.checked !== checked) box.click();
  }
}"""


@pytest.fixture(scope="module")
def explorer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explorer") / "explorer.html"
    hardware = [word for name in DEVICES for word in ("-H", name)]
    return written(path, "explore", *MODELS, *hardware, "--price", "0.12", "--carbon", "deu")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Answer]:
    """The answer of a command line, as the command comes to it."""
    found: list[Answer] = []
    monkeypatch.setattr(estimates, "deliver_answer", lambda to, make, answer: found.append(answer))

    def run(command: str) -> Answer:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        try:
            cli.main()
        except SystemExit as stop:
            assert not stop.code, command
        return found.pop()

    return run


def same_as_command(shown: dict[str, Any], answer: Answer) -> None:
    """What a page shows is the command's sentence, its table and, in the last bit, its numbers."""
    verdict = judged(answer)
    assert (shown["verdict"], shown["also"]) == (verdict.sentence, verdict.also), shown["command"]
    notes = [note.text for note in estimate_report(answer, verdict).notes if note.code == "turned"]
    assert shown["turned"] == " ".join(notes), (shown, verdict.turned_by, verdict.sentence)
    (table,) = verdict_tables(verdict)
    for row, texts in zip(table.rows, shown["rows"], strict=True):
        assert texts[: len(row)] == list(row)
    results = {r.precision.name: r for r in answer.results}
    for texts, values in zip(shown["rows"], shown["values"], strict=True):
        r = results[texts[0]]
        assert bool(values) == r.has_energy
        if values:
            tokens, times = per_token(r), 1e6 if per_token(r) != 1 else 1
            assert r.timing is not None
            assert r.carbon_g is not None
            assert r.cost_usd is not None
            wanted = {"energy": float(r.energy_j) * tokens, "bits": float(r.footprint.bits[0]) / 8}
            wanted |= {"rate": r.tokens_per_s or 0.0} if "rate" in values else {"latency": float(r.timing.total[0])}
            assert {name: values[name] for name in wanted} == wanted
            assert values["carbon"] == pytest.approx(float(r.carbon_g) * tokens * times, rel=1e-14)
            assert values["wh"] == pytest.approx(float(r.energy_j) * tokens * times / 3600, rel=1e-14)
            if "cost" in values:
                assert values["cost"] == pytest.approx(float(r.cost_usd) * tokens * times, rel=1e-14)


def test_two_hundred_moves_give_what_the_command_gives(
    explorer_file: Path, opened: Opened, ran: Callable[[str], Answer]
) -> None:
    page, draw, devices = opened(explorer_file), random.Random(7), set[str]()
    for trial in range(TRIALS):
        if trial % 5 == 0:
            page.click("#reset")
            page.select_option("#model", index=draw.randrange(len(MODELS)))
            page.select_option("#device", index=draw.randrange(len(DEVICES)))
        moves = [(draw.random(), draw.random()) for _ in range(draw.choice((1, 2, 4)))]
        checks = [(draw.randrange(4), draw.random() < 0.7)]
        page.evaluate(MOVE, [moves, checks])
        page.wait_for_timeout(20)
        shown = page.evaluate(READ)
        if not shown["rows"]:
            assert shown["verdict"] == "Choose at least one precision."
            continue
        assert not shown["outside"]
        same_as_command(shown, ran(shown["command"]))
        devices.add(shown["command"].partition("--devices ")[2].partition(" ")[0])
    assert len(devices) >= 3


@pytest.mark.parametrize(
    "words",
    [
        "llama-3.1-8b -H h100-sxm-80gb --parallel pipeline --devices 2 -p int8 -p fp16 -p bitnet-b1.58",
        "bert-base -H l4 --batch 8",
        "llama-2-70b -H rtx-4090 -p fp16 -p int8",
        "mamba-2.8b -H h100-sxm-80gb --scope device --device-hour 2.5 -p fp32 -p w4a8kv8 -p int4",
        "gpt2 -H cortex-m55-ethos-u55 -H apple-m2-ultra -p bitnet-b1.58 -p bitnet -p q4_0 --generate 40",
    ],
)
def test_other_questions(tmp_path: Path, opened: Opened, ran: Callable[[str], Answer], words: str) -> None:
    page = opened(written(tmp_path / "other.html", "explore", *shlex.split(words)))
    draw = random.Random(3)
    for _ in range(6):
        shown = page.evaluate(READ)
        same_as_command(shown, ran(shown["command"]))
        page.evaluate(MOVE, [[(draw.random(), draw.random())], []])
        page.wait_for_timeout(60)


def _typed(page: Any, name: str, text: str) -> None:
    page.fill(f"[id='n-{name}']", text)


def test_typed_numbers_and_prices_of_actions(explorer_file: Path, opened: Opened, ran: Callable[[str], Answer]) -> None:
    page = opened(explorer_file)
    for details in page.query_selector_all("#figures summary"):
        details.click()
    for name, text in (
        ("batch", "13"), ("prompt", "777"), ("generate", "1"), ("pue", "1.37"), ("carbon", "55.5"), ("price", "0.31"),
        ("devices", "2"), ("hierarchy.hbm.bandwidth", "2.713"), ("rates.fp16", "1234.5"), ("power.static", "99.9"),
        ("actions.mac.fp16", "0.777"), ("hierarchy.hbm.read", "3.33"), ("generate", "99"),
        ("runtime.kernels.lowbit.compute", "41"), ("interconnect.bandwidth", "55"),
    ):  # fmt: skip
        _typed(page, name, text)
        page.wait_for_timeout(40)
        shown = page.evaluate(READ)
        assert text in shown["command"]
        same_as_command(shown, ran(shown["command"]))
    page.wait_for_timeout(300)
    again = opened(explorer_file, page.evaluate("location.hash")).evaluate(READ)
    assert {**again, "hash": ""} == {**page.evaluate(READ), "hash": ""}


def test_what_cannot_be_is_refused_in_its_place(explorer_file: Path, opened: Opened) -> None:
    page = opened(explorer_file)
    before = page.evaluate(READ)
    for name, text in (("batch", "0"), ("batch", "1.5"), ("pue", "0.5"), ("carbon", "-1"), ("prompt", "")):
        own = page.input_value(f"#n-{name}")
        _typed(page, name, text)
        assert page.get_attribute(f"#n-{name}", "aria-invalid") == "true"
        assert "rom 1 to" in page.inner_text(f"#x-{name}") or "rom 0 to" in page.inner_text(f"#x-{name}")
        assert page.evaluate(READ)["rows"] == before["rows"]
        _typed(page, name, own)
        assert page.get_attribute(f"#n-{name}", "aria-invalid") == "false"
    page.click("#figures summary")
    _typed(page, "power.static", "700")  # no device draws all of its power while it does nothing
    assert page.get_attribute("[id='n-power.static']", "aria-invalid") == "true"


def test_what_the_page_does_not_hold_names_the_command(explorer_file: Path, opened: Opened) -> None:
    page = opened(explorer_file)
    _typed(page, "devices", "3")
    page.wait_for_timeout(30)
    shown = page.evaluate(READ)
    assert shown["outside"]
    assert shown["verdict"].startswith("Outside what this page holds")
    assert not page.is_visible("#numbers")
    assert "--devices 3" in shown["command"]  # which says that three do not divide the heads


def test_an_address_that_makes_no_sense_opens_with_the_start(explorer_file: Path, opened: Opened) -> None:
    plain = opened(explorer_file).evaluate(READ)
    words = (
        "#batch=abc&prompt=1e99&generate=-2&pue=0&device=%3Cimg%3E&constructor=3&hierarchy.hbm.bandwidth=-1&devices=1.5"
    )
    assert {**opened(explorer_file, words).evaluate(READ), "hash": ""} == {**plain, "hash": ""}


def test_size(explorer_file: Path) -> None:
    assert explorer_file.stat().st_size < 2.5e6


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(explorer_file: Path, opened: Opened, scheme: str, width: int) -> None:
    page = opened(explorer_file, "#batch=4&generate=64", width=width, color_scheme=scheme)
    for details in page.query_selector_all("#figures summary"):
        details.click()
    page.evaluate(Path(__file__).with_name("axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    assert not [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_answer_is_first_on_a_phone_and_the_batch_stays_at_hand(explorer_file: Path, opened: Opened) -> None:
    page = opened(explorer_file, width=390)
    assert page.evaluate("verdict.getBoundingClientRect().top < model.getBoundingClientRect().top")
    assert page.evaluate("document.querySelector('.bar').getBoundingClientRect().bottom <= innerHeight")
    page.focus("#twin")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(30)
    assert page.input_value("#n-batch") == "2"
    assert "-b 2 " in page.evaluate(READ)["command"]


def test_the_keyboard_alone_moves_it(explorer_file: Path, opened: Opened) -> None:
    page = opened(explorer_file)
    height = page.evaluate("verdict.offsetHeight")
    page.focus("#n-batch")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "r-batch"
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(30)
    assert page.input_value("#n-batch") == "12"
    assert page.get_attribute("#r-batch", "aria-valuetext") == "12"
    assert page.evaluate("verdict.offsetHeight") == height
    assert page.get_attribute("#verdict", "aria-live") == "polite"


def hostile_page(folder: Path) -> Path:
    """An explorer of a model whose title is markup."""
    source = (catalog.folder("model") / "gpt2.yaml").read_text("utf-8")
    title = next(line for line in source.splitlines() if line.startswith("title:"))
    file = folder / "gpt2.yaml"
    file.write_text(source.replace(title, f"title: '{HOSTILE}'"), "utf-8")
    return written(folder / "x.html", "explore", str(file), "-H", "l4", "-p", "fp16", "-p", "bitnet-b1.58")


def test_hostile_names_stay_text(tmp_path: Path, opened: Opened, ran: Callable[[str], Answer]) -> None:
    page = opened(hostile_page(tmp_path))
    assert HOSTILE in page.inner_text("#kick")
    assert not page.query_selector("img")
    same_as_command(page.evaluate(READ), ran(page.evaluate(READ)["command"]))


def test_the_policy_holds(tmp_path: Path, browser: Any) -> None:
    """No other script, no handler, no text as code, nothing from elsewhere."""
    page, failures = browser.new_page(), dict[str, str]()
    page.on("request", lambda request: failures.setdefault(request.url, ""))
    page.on("requestfailed", lambda request: failures.update({request.url: request.failure}))
    try:
        page.goto(hostile_page(tmp_path).as_uri())
        page.wait_for_selector("html[data-drawn]")
        page.evaluate("""() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = 1";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", "<img src='data:,' onerror='window.ran = 2'>");
          const far = document.createElement("script");
          far.src = "https://example.org/x.js";
          document.body.append(far);
          setTimeout("window.ran = 3");
        }""")
        page.wait_for_timeout(200)
        assert page.evaluate("window.ran") is None
        assert page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'refused')") == "refused"
        away = {url: why for url, why in failures.items() if not url.startswith(("file:", "data:", "blob:"))}
        assert set(away.values()) <= {"csp"}, away
    finally:
        page.close()
