"""The short form of the search over valid questions, and the cases that its long form has found."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tests.conftest import ROOT
from tests.fuzz import valid
from tests.fuzz.asking import Ask, Tally
from tests.fuzz.laws import LAWS
from tests.fuzz.samples import question
from tests.fuzz.verdict import require

KEPT = sorted((ROOT / "tests" / "corpus" / "valid").glob("*.json"))
RUNS = 16  # of each law


@pytest.mark.parametrize("law", LAWS)
def test_a_short_search_finds_nothing(law: str, tmp_path: Path) -> None:
    search = valid.Search([law], tmp_path)
    search.ask(RUNS, seed=20263)
    assert not search.signatures, search.first
    assert search.tally.answered


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(path: Path) -> None:
    kept = json.loads(path.read_text("utf-8"))
    found = valid.broken(kept["law"], kept["case"], kept["seed"], Tally())
    assert found is None, f"{found.signature}\n{found}"


def test_a_broken_law_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    def never_long(ask: Ask) -> None:
        require(int(ask.case["options"].get("prompt", 1)) < 10, "long", "it is")

    monkeypatch.setitem(LAWS, "never_long", never_long)
    case = question(Random(1))
    case["options"]["prompt"] = 1234
    found = valid.broken("never_long", case, 0, Tally())
    assert found is not None
    small, _ = valid.smaller("never_long", case, 0, found)
    assert small["options"] == {"prompt": 10}
    assert "runtime" not in small
