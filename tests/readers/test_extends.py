"""Profiles that extend others."""

from pathlib import Path

import pytest

import bitnet_cost
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.readers import catalog
from bitnet_cost.studies.checking import check

FASTER = """
name: my-h100
title: An H100 with memory of twice the bandwidth
extends: h100-sxm-80gb
hierarchy:
  hbm:
    bandwidth: {value: 6.7 TB/s, low: 6.7 TB/s, high: 6.7 TB/s, basis: assumed, source: mine}
sources:
  mine: {author: me, title: A what-if, year: 2026, where: this file, seen: own}
"""


def test_a_few_figures_change_and_the_rest_stay(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(FASTER, "utf-8")
    base, mine = catalog.hardware("h100-sxm-80gb"), catalog.hardware(str(path))
    assert check(path)[0] == "hardware my-h100: no fault found"
    assert mine.name == "my-h100"
    assert mine.memory.bandwidth is not None
    assert mine.memory.bandwidth.value == 6.7e12 * 8
    assert mine.memory.read == base.memory.read
    assert mine.actions == base.actions
    assert set(mine.sources) == {*base.sources, "mine"}
    for phase, faster in ((0, False), (1, True)):
        times = [
            bitnet_cost.estimate("llama-2-7b", device, "fp16", generate=65).timing.by_phase[phase, 0]  # type: ignore[union-attr]
            for device in (base, mine)
        ]
        assert bool(times[1] < 0.7 * times[0]) is faster


def test_a_chain_by_relative_file_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(FASTER, "utf-8")
    (tmp_path / "second.yaml").write_text("name: second\ntitle: Second\nextends: ./mine.yaml\n", "utf-8")
    second = catalog.hardware(str(tmp_path / "second.yaml"))
    assert second.memory.bandwidth is not None
    assert second.memory.bandwidth.value == 6.7e12 * 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\ntitle: An a\nextends: ./a.yaml\n", "refers to itself"),
        ("name: a\ntitle: An a\nextends: h100-sxm-80g\n", "h100-sxm-80gb"),
        ("name: a\ntitle: An a\nextends: 3\n", "expected the name"),
        ("title: An a\nextends: h100-sxm-80gb\n", "its own"),
        ("name: a\ntitle: An a\nextends: ./none.yaml\n", "no such file"),
        (FASTER.replace("basis: assumed, ", ""), "basis"),
        (FASTER.replace("hierarchy:", "surprise: 1\nhierarchy:"), "surprise"),
    ],
)
def test_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(BitnetCostError, match=said):
        catalog.hardware(str(path))


def test_a_source_that_the_base_cites_is_not_replaced(tmp_path: Path) -> None:
    key = next(iter(catalog.hardware("h100-sxm-80gb").sources))
    path = tmp_path / "a.yaml"
    path.write_text(FASTER.replace("  mine: {", f"  {key}: {{").replace("source: mine", f"source: {key}"), "utf-8")
    with pytest.raises(BitnetCostError, match="another source"):
        catalog.hardware(str(path))


def test_a_source_goes_with_the_last_figure_that_cites_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\ntitle: Mine\nextends: h100-sxm-80gb\n"
        "power: {idle: {value: 50 W, low: 40 W, high: 60 W, basis: assumed, source: me}}\n"
        "sources: {me: {author: me, title: my meter, year: 2026, where: here, seen: own}}\n"
    )
    found = catalog.hardware(str(file))
    assert "idle2026" not in found.sources
    assert "me" in found.sources
