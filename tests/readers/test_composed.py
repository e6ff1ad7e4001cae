"""Accelerators put together from arrays, memories and a node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bitnet_cost import BitnetCostError
from bitnet_cost.readers import catalog
from tests.conftest import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "composed.yaml"


def changed(folder: Path, **parts: Any) -> Path:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(EXAMPLE.read_text("utf-8")), **parts}, sort_keys=False), "utf-8")
    return path


def test_clock_and_size_are_a_rate_and_the_node_prices_it() -> None:
    found, node = catalog.hardware(str(EXAMPLE)), catalog.hardware("cmos-28nm")
    assert found.rates["ternary"].value == 2 * 16384 * 500e6
    for form, adder in (("int8", "add.int32"), ("fp16", "add.fp16")):
        parts = node.actions[f"mul.{form}"].value + node.actions[adder].value
        assert found.actions[f"mac.{form}"].value == pytest.approx(parts, rel=1e-3)
    assert "mac.ternary" not in found.actions, "its datapath prices it"
    assert "binary" not in found.units, "a unit of the node alone"
    assert list(found.hierarchy) == ["sram", "lpddr5"]


def test_sram_is_priced_by_its_capacity(tmp_path: Path) -> None:
    node = catalog.hardware("cmos-45nm")
    sizes = {name: level for name, level in node.hierarchy.items() if level.capacity}
    for level in sizes.values():
        assert level.capacity is not None
        assert level.read is not None
        text = f"{level.capacity.value / 8192:g} KiB"
        one = {"value": text, "low": text, "high": text, "basis": "assumed", "source": "plan"}
        memories = yaml.safe_load(EXAMPLE.read_text("utf-8"))["memories"]
        path = changed(tmp_path, extends="cmos-45nm", memories={**memories, "sram": {"kind": "sram", "capacity": one}})
        found = catalog.hardware(str(path)).hierarchy["sram"]
        assert found.read is not None
        assert found.read.value == pytest.approx(level.read.value, rel=1e-3)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"arrays": {"fp6": {"macs": 4, "clock": "1 GHz"}}}, "no price for mul.fp6 and add.fp6"),
        ({"arrays": {"int8": {"macs": 4, "clock": "1 cycle"}}}, r"arrays\.int8\.clock"),
        ({"memories": {"sram": {"kind": "lpddr9", "capacity": {}}}}, "unknown kind 'lpddr9'; did you mean"),
        ({"memories": {"main": {"kind": "sram", "capacity": {}}}}, r"memories\.main"),
    ],
)
def test_what_cannot_be_put_together_is_refused(tmp_path: Path, parts: dict[str, Any], why: str) -> None:
    with pytest.raises(BitnetCostError, match=why):
        catalog.hardware(str(changed(tmp_path, **parts)))


def test_every_kind_of_memory_has_a_source_and_a_range() -> None:
    kinds = catalog.memories().kinds
    assert {"lpddr4", "lpddr5x", "ddr5", "gddr7", "hbm2", "hbm3e", "compute-in-memory", "nor-flash"} <= kinds.keys()
    for name, kind in kinds.items():
        free = name in ("compute-in-memory", "rom-in-memory")
        assert (kind.read.value < 1e-17) == free
        assert free or kind.read.low < kind.read.value < kind.read.high or kind.read.low < kind.read.high


@pytest.mark.parametrize("macs", ["many", [1], None])
def test_a_size_that_is_no_number_is_refused_where_it_stands(macs: object, tmp_path: Path) -> None:
    with pytest.raises(BitnetCostError, match=r"arrays\.ternary\.macs"):
        catalog.hardware(str(changed(tmp_path, arrays={"ternary": {"macs": macs, "clock": "500 MHz"}})))
