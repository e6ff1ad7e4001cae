"""The documentation as a site: it builds without a warning, and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


class Resources(HTMLParser):
    """Addresses of what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if value and name == LOADED.get(tag)]


def is_outside(address: str) -> bool:
    return address.startswith(("http:", "https:", "//"))


def test_no_page_names_a_resource_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {p.name for p in pages} >= {p.with_suffix(".html").name for p in (ROOT / "docs").rglob("*.md")}
    for page in pages:
        resources = Resources()
        resources.feed(page.read_text("utf-8"))
        assert resources.found
        assert not [address for address in resources.found if is_outside(address)], page
    for style in site.rglob("*.css"):
        text = style.read_text("utf-8")
        named = re.findall(r"url\(['\"]?([^)'\"]+)", text) + re.findall(r"@import\s+['\"]([^'\"]+)", text)
        assert not [address for address in named if is_outside(address)], style


def test_a_browser_asks_nobody_else(site: Path, browser: Any) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index.html", "methodology.html", "files.html"):
        page.goto((site / name).as_uri())
        page.wait_for_load_state("networkidle")
    page.close()
    assert asked
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def test_search_works_in_pages_opened_from_a_disk(site: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.locator(".md-search__input").first.fill("accumulator")
    page.locator(".md-search-result__item").first.wait_for(timeout=60_000)
    assert page.locator(".md-search-result__item").count() > 1
    page.close()
