"""Profiles say what their data sheets say."""

from pathlib import Path

import pytest
import yaml

from bitnet_cost import units
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.readers import catalog

SHEETS = yaml.safe_load((Path(__file__).parent.parent / "golden" / "data_sheets.yaml").read_text())["devices"]
# The format in which a profile holds each rate of a sheet; the first that a sheet has is meant.
RATES = {
    "bf16": ("bf16", "fp16_acc32"),
    "fp16": ("fp16_acc16", "fp16_neural_accelerators", "fp16"),
    "fp8": ("fp8", "mxfp8"),
    "fp4": ("nvfp4", "mxfp4"),
    "int8": ("int8", "npu_int8"),
    "int4": ("int4",),
    "fp32": ("fp32",),
}
METAL = 0.75  # what Metal lets the GPU of a Mac hold by default


def held(hardware: Hardware, sheet: dict[str, str]) -> dict[str, tuple[float, float]]:
    """What a profile has beside what its sheet has, in SI."""
    last = list(hardware.hierarchy.values())[-1]
    pairs = {}
    for form, names in RATES.items():
        told = next((sheet[name] for name in names if name in sheet), None)
        if told is not None and form in hardware.rates and hardware.executes.get(form) is None:
            pairs[form] = hardware.rates[form].value, units.parse(told, units.RATE)
    memory = sheet.get("memory_driver", sheet.get("memory"))
    if memory is not None:
        share = METAL if hardware.name.startswith("apple") else 1.0
        assert last.capacity is not None
        pairs["memory"] = last.capacity.value, share * units.parse(memory, units.CAPACITY)
    if "bandwidth" in sheet:
        assert last.bandwidth is not None
        pairs["bandwidth"] = last.bandwidth.value, units.parse(sheet["bandwidth"], units.BANDWIDTH)
    if "tdp" in sheet:
        cap = hardware.device_power.cap
        assert cap is not None
        pairs["limit"] = cap.value, units.parse(sheet["tdp"], units.POWER)
    if "link" in sheet and hardware.interconnect is not None:
        pairs["link"] = hardware.interconnect.bandwidth.value, units.parse(sheet["link"], units.BANDWIDTH)
    return pairs


@pytest.mark.parametrize("name", SHEETS)
def test_profile_says_what_its_data_sheet_says(name: str) -> None:
    pairs = held(catalog.hardware(name), SHEETS[name])
    assert {part: got for part, (got, _) in pairs.items()} == pytest.approx(
        {part: told for part, (_, told) in pairs.items()}, rel=1e-3
    )


@pytest.mark.parametrize("form", ["fp16", "fp32", "bf16"])
def test_no_sheet_is_left_unread(form: str) -> None:
    """Rates of a sheet that a profile does not take are few: formats that no unit of the device runs."""
    left = [n for n, s in SHEETS.items() if form in s and catalog.hardware(n).executes.get(form) is not None]
    assert set(left) <= {"gtx-1080-ti", "p40"}
