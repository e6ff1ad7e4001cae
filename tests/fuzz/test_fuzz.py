"""The short form of the search, and everything that the long form has found: none of it may come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fuzz import verdict, work
from tests.fuzz.__main__ import Search
from tests.fuzz.targets import TARGETS
from tests.fuzz.verdict import Finding, judged

CORPUS = ROOT / "tests" / "corpus"
KEPT = sorted(path for path in CORPUS.glob("*/*") if path.is_file() and path.parent.name != "valid")


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_search_finds_nothing(name: str, tmp_path: Path) -> None:
    search = Search(name, tmp_path)
    search.blind(TARGETS[name].short, seed=20260)
    assert not search.signatures, [path.read_text("utf-8") for path in tmp_path.rglob("*.why")]
    assert 0 < search.accepted < search.runs


@pytest.mark.parametrize("path", KEPT, ids=lambda path: str(path.relative_to(CORPUS)))
def test_what_was_found_stays_mended(path: Path) -> None:
    target = TARGETS[path.parent.name.replace("-", " ")]
    judged(target.run, path.read_bytes())


@pytest.mark.parametrize(
    ("run", "signature"),
    [
        (lambda data: 1 / 0, "ZeroDivisionError"),
        (lambda data: "latency nan s", "no number"),
        (lambda data: "\x1b[31mred", "control character"),
        (lambda data: str(sum(range(10_000_000)))[:0], "slow"),
    ],
    ids=["exception", "nan", "escape", "slow"],
)
def test_the_verdict_sees_what_it_should(run: object, signature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "WATCHED_SECONDS", 0.0)
    monkeypatch.setattr(work, "MOST", 0.2)
    with pytest.raises(Finding) as found:
        judged(run, b"data")  # type: ignore[arg-type]
    assert signature in found.value.signature
