"""A real browser, and pages written by the command line. Without a browser the tests skip, but where CI is set."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost import cli

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HARDWARE = ("h100-sxm-80gb", "l4", "apple-m2-ultra", "cortex-m55-ethos-u55")
HOSTILE = "</script><img src=x onerror=alert(1)>"


def missing(what: str) -> None:
    """Skip, or fail where the browser tests may not be skipped."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing; the browser tests may not be skipped in CI")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        missing("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


def written(path: Path, *words: str) -> Path:
    """What ``bitnet-cost`` writes to a file."""
    arguments, sys.argv = sys.argv, ["bitnet-cost", *words, "-o", str(path)]
    try:
        cli.main()
    except SystemExit as stop:
        assert not stop.code, stop.code
    finally:
        sys.argv = arguments
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


def chosen() -> list[str]:
    return [word for name in HARDWARE for word in ("-H", name)]


@pytest.fixture(scope="session")
def page_file(folder: Path) -> Path:
    """Two models on four devices."""
    return written(folder / "report.html", "report", "llama-2-7b", "gpt2", *chosen())


@pytest.fixture(scope="session")
def study_file(folder: Path) -> Path:
    return written(folder / "study.html", "report", "bitnet-table-1")


@pytest.fixture(scope="session")
def nodes_file(folder: Path) -> Path:
    """An estimate on technology nodes: no time, no capacity."""
    return written(folder / "nodes.html", "estimate", "gpt3-175b", "-f", "html")


@pytest.fixture(scope="session")
def bare_file(folder: Path) -> Path:
    """A page without charts."""
    return written(folder / "bare.html", "compare", "gpt2", *chosen(), "-f", "html", "--plotly", "none")


@pytest.fixture(scope="session")
def curve_file(folder: Path) -> Path:
    """A saving along batch and context, of every runtime."""
    return written(folder / "curve.html", "break-even", "llama-3.2-1b", "-H", "l4", "--draws", "50", "--runtime", "all")


@pytest.fixture(scope="session")
def chart_file(folder: Path) -> Path:
    """A sweep over ten batches, each of its own look."""
    words = ("-m", "gpt2", "-H", "l4", "-p", "fp16", "-p", "int8", "--batch", "1:10:10", "--prompt", "64,128")
    swept = written(folder / "swept.csv", "sweep", *words, "--workers", "1")
    return written(folder / "chart.html", "plot", str(swept), "--colour", "batch")


@pytest.fixture(scope="session")
def measured_file(folder: Path) -> Path:
    """Every measured row beside its modelled one."""
    written(folder / "measured.txt", "validate", "--measured", "--plot", str(folder / "measured.html"))
    return folder / "measured.html"


Opened = Callable[..., Any]


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    """``opened(file, fragment, width=..., **context)`` gives a drawn page; faults and requests are checked at the end."""
    contexts, faults, requests = [], [], []

    def refuse(dialog: Any) -> None:
        faults.append(dialog.message)
        dialog.dismiss()

    def start(file: Path, fragment: str = "", width: int = 1200, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.on("dialog", refuse)
        page.on("request", lambda r: requests.append(r.url))
        page.goto(file.as_uri() + fragment)
        if options.get("java_script_enabled", True):
            page.wait_for_selector("html[data-drawn]", timeout=20_000)
        return page

    yield start
    for context in contexts:
        context.close()
    assert not faults
    assert not [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    assert len([url for url in requests if url.startswith("file:")]) == len(contexts)
