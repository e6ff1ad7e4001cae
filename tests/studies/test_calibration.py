"""The solver of constants on problems whose answers are known, and the file that it writes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bitnet_cost.engine.estimate import priced
from bitnet_cost.inputs.calibration import DeviceConstants, RuntimeConstants
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies.calibration import (
    NONE,
    SIGMA,
    SPREAD,
    Calibration,
    Rows,
    fit_times,
    informed,
    text_of,
)
from bitnet_cost.studies.measured import grouped, read
from bitnet_cost.studies.solving import Fit, Vector, solve
from scripts import calibrate


def synthetic(truth: RuntimeConstants) -> list[Rows]:
    """Rows of one device whose times are what the model says with known constants."""
    found = []
    for group, members in grouped(measured.rows()).items():
        if group[1:] == ("a100-sxm-40gb", 1, "vllm-2024", "fp16", False, "last", "tensor"):
            part = Rows(members)
            hardware, software = truth.hardware_of(part.profile), truth.runtime_of(part.software)
            asked = part.result.scenario.but(hardware=hardware, runtime=software)
            answers = read(priced(replace(part.result, scenario=asked)), members, NONE)
            times = [answer["seconds"] for answer in answers]
            exact = [r.model_copy(update={"seconds": t, "power_w": None}) for r, t in zip(members, times, strict=True)]
            found.append(Rows(exact))
    return found


def test_rows_and_the_penalty_share_a_factor_by_their_variances() -> None:
    fit = solve(lambda x: [(x[0] - 0.02) / 0.1], {"a": 1.0, "b": 2.0}, {"a": 0.2, "b": 0.5})
    assert np.log(fit.values["a"]) == pytest.approx(0.02 * 0.2**2 / (0.1**2 + 0.2**2), rel=0.01)
    assert fit.sigma["a"] == pytest.approx((0.1**-2 + 0.2**-2) ** -0.5, rel=0.01)
    assert fit.from_rows["a"] == pytest.approx(0.8, rel=0.01)
    assert fit.values["b"] == pytest.approx(2.0)  # no row says anything of it
    assert fit.sigma["b"] == pytest.approx(0.5, rel=1e-3)
    assert fit.from_rows["b"] == pytest.approx(0.0, abs=1e-3)


def test_a_row_of_another_kind_pulls_little() -> None:
    def residuals(x: Vector) -> list[float]:
        return [float(x[0] - t) / 0.05 for t in (0.0, 0.0, 0.0, 0.0, 3.0)]

    assert abs(np.log(solve(residuals, {"a": 1.0}, {"a": 100.0}).values["a"])) < 0.03  # the mean is 0.6


def test_factors_that_made_the_times_are_found_again() -> None:
    truth = {"bandwidth": 0.9, "compute": 0.7, "overhead": 1.5}
    rows = synthetic(RuntimeConstants.model_validate({"hardware": "one", "runtime": "one"} | truth))
    assert len(rows) >= 3
    assert "experts" not in informed(rows)  # no model of experts among them, and one device
    assert "link" not in informed(rows)
    fit = fit_times(rows, {}, dict.fromkeys(SPREAD, 1e-3) | dict.fromkeys(truth, 10.0))
    for name, factor in truth.items():
        assert fit.values[name] == pytest.approx(factor, rel=0.05), name
        assert fit.from_rows[name] > 0.9, name
    assert fit.values["per_pass"] == pytest.approx(1.0, rel=0.01)
    constants = RuntimeConstants.model_validate({"hardware": "one", "runtime": "one"} | fit.values)
    for part in rows:
        left = part.residuals(part.profile, constants.runtime_of(part.software), {"seconds": SIGMA})
        assert max(abs(gap) for gap in left) < 0.2  # about 1 % of a time


def test_factors_that_stand_for_one_another_are_said_to_be_undetermined() -> None:
    truth = RuntimeConstants(hardware="one", runtime="one", overhead=1.5)
    fit = fit_times(synthetic(truth), {}, dict.fromkeys(SPREAD, 10.0))
    assert fit.from_rows["bandwidth"] > 0.9
    assert fit.from_rows["overhead"] < 0.5  # launches and the host's time of a pass: one time per step
    assert fit.sigma["overhead"] > 5


def test_powers_say_what_kernels_that_wait_draw_while_times_are_solved() -> None:
    """Times and powers that were made together are found again together: the waiting power is not held at 1."""
    truth = RuntimeConstants(hardware="one", runtime="one", experts=0.8, active=1.8)
    rows = []
    for group, members in grouped(measured.rows()).items():
        if group[:4] == ("qwen3-30b-a3b", "h100-sxm-80gb", 2, "vllm"):
            plain = [row.model_copy(update={"power_w": None}) for row in members]
            part = Rows(plain)
            assert not part.tells_waiting
            made = priced(
                replace(
                    part.result,
                    scenario=part.result.scenario.but(
                        hardware=truth.hardware_of(part.profile), runtime=truth.runtime_of(part.software)
                    ),
                )
            )
            answers = read(made, members, NONE)
            exact = [
                row.model_copy(update={name: answer[name] for name in ("seconds", "power_w")})
                for row, answer in zip(members, answers, strict=True)
            ]
            rows.append(Rows(exact))
            assert rows[-1].tells_waiting
    assert sum(len(part.members) for part in rows) >= 5
    fit = fit_times(rows, {}, dict.fromkeys(SPREAD, 1e-3) | {"experts": 10.0})
    for name in ("experts", "active"):
        assert fit.values[name] == pytest.approx(getattr(truth, name), rel=0.03), name
    assert fit.from_rows["active"] > 0.9


def test_rows_start_at_a_profile_of_ones_own() -> None:
    members = next(iter(grouped(measured.rows()).values()))
    device = catalog.hardware("h100-sxm-80gb")
    rows = Rows(members, hardware=device, runtime=catalog.runtime("vllm", "gpu"))
    assert rows.profile is device
    assert rows.kind == ("vllm", "gpu")


def test_the_file_of_constants_is_written_as_it_is_read() -> None:
    assert text_of(catalog.constants()) == calibrate.FILE.read_text("utf-8")


def test_constants_that_explain_the_rows_worse_are_found() -> None:
    """Factors are judged by what rows say of them: those that rows leave open may differ, those they determine may not."""

    def fit(known: dict[str, float]) -> Fit:
        return solve(lambda x: [(x[0] - 0.5) / 0.02], {"a": 1.0, "b": 1.0}, {"a": 10.0, "b": 10.0}, known=known)

    best = fit({"a": float(np.exp(0.5)), "b": 1.0})
    assert best.misfit_known == pytest.approx(best.misfit, abs=0.01)
    file = catalog.constants()
    for known, wrong in (({"a": 1.64, "b": 1.3}, False), ({"a": 1.1, "b": 1.0}, True)):
        found = Calibration(file, {("h100", "mine"): fit(known)}, {}, {})
        assert bool(calibrate.faults(file, found)) is wrong
    other = file.model_copy(update={"runtimes": file.runtimes[1:]})
    assert calibrate.faults(other, Calibration(file, {}, {}, {})) == ["rows of runtimes differ"]


def test_factors_on_prices_of_eight_bits_are_beyond_that_of_every_mac() -> None:
    card = catalog.hardware("h200-sxm-141gb")
    found = DeviceConstants(hardware=card.name, mac=1.5, mac_fp8=2.0, mac_int8=0.5).hardware_of(card)
    factors = {name: found.actions[name].value / card.actions[name].value for name in card.actions}
    eight = {"mac.fp8": 3.0, "mac.int8": 0.75}
    assert factors == pytest.approx(
        {name: eight.get(name, 1.5 if name.startswith("mac.") else 1.0) for name in factors}
    )


def test_an_empty_launch_for_each_expert_takes_no_factor() -> None:
    software = catalog.runtime("sglang", "gpu")
    found = RuntimeConstants(hardware="*gpu", runtime="sglang", overhead=0.5, experts_overhead=3.0).runtime_of(software)
    for name, factor in (("experts-integer", 1.0), ("experts", 1.5), ("norm", 0.5)):
        before, after = software.kernel(name).overhead, found.kernel(name).overhead  # type: ignore[arg-type]
        assert before is not None
        assert after is not None
        assert after.value == pytest.approx(factor * before.value)
