"""Devices and rows left out of calibration: spreads of errors, and what they are derived from."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from bitnet_cost.inputs.calibration import Constants, RuntimeConstants
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies import left_out, spreads
from bitnet_cost.studies.calibration import set_aside, with_trends
from bitnet_cost.studies.measured import calibration_ids
from bitnet_cost.studies.tangents import Tangent, refit
from bitnet_cost.studies.widths import Error
from tests.conftest import Ran

Run = Callable[..., Ran]

ROW = Measurement(id="a", source="s", model="m", hardware="h", runtime="r", precision="p", generate=1, phase="prefill",
                  seconds=1.0)  # fmt: skip


def test_a_fit_without_a_row_is_the_fit_of_the_others() -> None:
    """Two rows that ask for factors 2 and 0.5 on the same figure: each alone gets its own, both together neither."""
    near, expected, spread = {"f": 1.0}, {"f": 1.0}, {"f": 10.0}
    rows = [Tangent(ROW, "seconds", -np.log(f) * 0.1, np.array([0.1])) for f in (2.0, 0.5)]
    assert np.exp(refit(rows[:1], near, expected, spread))[0] == pytest.approx(2.0, rel=0.02)
    assert np.exp(refit(rows[1:], near, expected, spread))[0] == pytest.approx(0.5, rel=0.02)
    assert np.exp(refit(rows, near, expected, spread))[0] == pytest.approx(1.0, rel=0.02)
    assert np.exp(refit([], near, {"f": 3.0}, spread))[0] == pytest.approx(3.0)


def test_a_device_left_out_is_scored_by_the_others() -> None:
    rows = [r for r in measured.rows() if r.runtime == "tensorrt-llm-2024" and r.phase != "serving"]
    found = left_out.left_out(rows)
    assert {m.row.hardware for m in found} == {r.hardware for r in rows if not r.left_out}
    assert {m.row.id for m in found} >= {r.id for r in rows if r.id in calibration_ids(rows)}, "all rows of a device"
    summary = left_out.summary(found)
    assert 1 < summary.classes["time"].median < 25


def test_nothing_of_a_device_that_is_left_out_enters() -> None:
    """Its rows twice as long: what is solved without it is the same to the bit, what is solved with it is not."""
    runtime, device = "llama.cpp", "apple-m2-ultra-gpu-76c"
    rows = [r for r in measured.rows() if r.runtime == runtime and r.hardware.startswith("apple") and not r.left_out]
    slow = [r.model_copy(update={"seconds": 2 * r.seconds}) if r.hardware == device and r.seconds else r for r in rows]
    found = []
    for these in (rows, slow):
        parts = [p for p in set_aside(these)[0] if p.software.device_class == "igpu"]
        known = left_out.calibrated(parts, (runtime, "igpu"))
        found.append((known.without(device), known.without("apple-m1-gpu-7c")))
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]
    assert device not in {part.hardware for part in found[0][0].runtimes}


def test_nothing_of_a_family_that_is_left_out_enters() -> None:
    """Its rows twice as long: what is solved without it is the same to the bit; a device with no other rows has none."""
    rows = [r for r in measured.rows() if r.runtime == "tensorrt-llm" and not r.left_out]
    slow = [r.model_copy(update={"seconds": 2 * r.seconds}) if r.model.startswith("qwen3") and r.seconds else r
            for r in rows]  # fmt: skip
    without, whole = [], []
    for these in (rows, slow):
        known = left_out.calibrated(set_aside(these)[0], ("tensorrt-llm", "gpu"))
        without.append(known.without_family("qwen3"))
        whole.append(known.without_family("no such"))
    assert without[0] == without[1]
    assert whole[0] != whole[1]
    assert {"h200-sxm-141gb", "*gpu"} <= {part.hardware for part in without[0].runtimes}
    assert "h100-sxm-80gb" not in {part.hardware for part in without[0].runtimes}


def test_ranges_of_servers_hold_most_of_families_that_were_left_out() -> None:
    """They hold nine of ten of known and new families together; of this engine's two, each the other's only relative, 76 %."""
    rows = [r for r in measured.rows() if r.runtime == "tensorrt-llm"]
    missed = left_out.families_left_out(rows)
    assert {left_out.family_of(m.row.model) for m in missed} == {"llama", "qwen3"}
    assert not {m.row.id for m in missed} & {r.id for r in rows if r.left_out}
    known = catalog.ranges()
    assert known is not None
    assert known.families is not None
    steps = left_out.summary_of_families(missed).classes["serving-step"]
    assert steps.n < known.families.classes["serving-step"].n, "vllm too"
    inside = [
        low <= np.exp(-m.log_error) <= high
        for m in missed
        for low, high in [known.of(m.row.hardware, "tensorrt-llm").time["server-dense"]]
    ]
    assert np.mean(inside) > 0.75


def test_a_stretched_interval_holds_nine_in_ten_and_none_gets_shorter() -> None:
    row = ROW.model_copy(update={"phase": "serving", "model": "llama-3.1-70b", "hardware": "h100-sxm-80gb",
                                 "runtime": "vllm", "precision": "bf16"})  # fmt: skip
    errors = [Error.of(row, "seconds", sign * size) for size in np.linspace(0.01, 0.5, 20) for sign in (-1, 1)]
    for before in (1.05, 3.0):
        found: spreads.Table = {"time": {"server-dense": {"all": (1 / before, before)}}, "energy": {}}
        spreads._lengthen(found, spreads._longer(found, [], errors))
        low, high = found["time"]["server-dense"]["all"]
        held = np.mean([low <= np.exp(-e.value) <= high for e in errors])
        assert (before == 3.0 and high == 3.0) or 0.85 <= held <= 0.95


def test_a_device_without_rows_takes_from_its_relatives() -> None:
    """Relatives of stacked memory reach a third less bandwidth: a new device of it reaches less, another does not."""
    known = [RuntimeConstants(hardware=name, runtime="llama.cpp", bandwidth=2 / 3 if hbm else 1.0)
             for name, hbm in (("h100-pcie-80gb", True), ("a100-sxm-80gb", True), ("rtx-4090", False),
                               ("rtx-3090", False))]  # fmt: skip
    every = RuntimeConstants(hardware="*gpu", runtime="llama.cpp")
    constants = with_trends(Constants(note="a test", runtimes=[every, *known]))
    software = catalog.runtime("llama.cpp", "gpu")
    factors = [constants.of(catalog.hardware(name), software) for name in ("mi300x", "rtx-4080", "rtx-4090")]
    stacked, other, own = (part.bandwidth for part in factors if part is not None)
    assert 2 / 3 < stacked < 0.85 < other < 1.05
    assert own == 1.0
    assert every == constants.runtimes[0].model_copy(update={"trends": {}})
    none = with_trends(Constants(note="a test", runtimes=[every])).of(catalog.hardware("mi300x"), software)
    assert none is not None
    assert none.bandwidth == 1


def test_committed_trends_are_those_of_the_committed_factors() -> None:
    assert with_trends(catalog.constants()) == catalog.constants()


def test_committed_errors_of_devices_left_out_are_shown() -> None:
    known = catalog.ranges()
    assert known is not None
    errors = known.errors
    assert len(errors.devices) >= 20
    assert {"time", "power", "energy"} <= errors.classes.keys()
    assert left_out.missed_targets(errors) == []
    report = left_out.report(errors)
    assert len(report.tables[0].rows) == len(errors.classes)
    assert json.loads(json.dumps(left_out.document(errors)))["classes"]["time"]["n"] == errors.classes["time"].n


def test_an_answer_on_a_device_without_rows_quotes_devices_left_out(bitnet_cost: Run) -> None:
    out = " ".join(bitnet_cost("estimate", "llama-3-8b", "-p", "fp16", "-H", "mi300x", "--notes").out.split())
    known = catalog.ranges()
    assert known is not None
    assert f"off in time by {known.errors.classes['time'].median:g}% in the median" in out
    out = " ".join(bitnet_cost("estimate", "llama-3-8b", "-p", "fp16", "-H", "h100-sxm-80gb", "--notes").out.split())
    assert "left out of calibration" not in out


def test_leave_one_out_needs_measured_rows(bitnet_cost: Run) -> None:
    refused = bitnet_cost("validate", "--leave-one-out")
    assert refused.code == 2
    assert "add --measured" in refused.err
