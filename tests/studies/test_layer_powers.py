"""Powers of linear layers that are never scored, and what their meter shows."""

from __future__ import annotations

import numpy as np
import pytest

from bitnet_cost.engine.estimate import priced
from bitnet_cost.formulas.meters import shown_power
from bitnet_cost.readers import catalog, machines, measured
from bitnet_cost.studies.measured import counted, grouped, modelled, power_at
from bitnet_cost.studies.solving import Fit
from scripts import derive_gb200, derive_rests
from scripts.derive_gb200 import START


def test_no_row_that_prices_come_from_is_carried() -> None:
    def what(row: object) -> tuple[object, ...]:
        return tuple(getattr(row, name) for name in ("model", "hardware", "runtime", "precision", "prompt"))

    carried = {what(row) for row in measured.rows()}
    rows = derive_gb200.layers()
    assert len(rows) == 480
    assert not [row for row in rows if what(row) in carried]


def test_a_meter_that_saw_rest_shows_less_and_a_settled_one_the_same() -> None:
    rows = {(row.runtime, row.precision, str(row.before)): row for row in derive_gb200.layers()}
    trt = "tensorrt-llm-kernels"
    for runtime, precision, before, rested in (
        (trt, "nvfp4", "made", 1.0), (trt, "nvfp4", "", 0.0), (trt, "bf16", "first", 0.55), ("vllm-kernels", "bf16", "", 0.0),
    ):  # fmt: skip
        row = rows[runtime, precision, before]
        ((group, members),) = grouped([row]).items()
        result = priced(counted(members, *machines.setting(catalog.hardware("gb200"), runtime)))
        assert result.timing is not None
        power = power_at(result, result.timing, row, 0)
        (answer,) = modelled(group, members)
        floor = result.hardware.device_power.static.value
        assert answer["power_w"] == pytest.approx(shown_power(power, floor, rested))
        assert (answer["power_w"] < power) == (rested > 0)


def test_energy_of_a_product_alone_is_its_power_for_its_time_and_never_above_the_limit() -> None:
    rows = [row for row in measured.rows() if row.id in ("own-products-049", "m2_opw-0377", "own-products-015")]
    assert len(rows) == 3
    for group, members in grouped(rows).items():
        cap = catalog.hardware(group[1]).device_power.cap
        assert cap is not None
        for answer in modelled(group, members):
            assert answer["energy_j_per_token"] <= cap.value * answer["seconds"] * (1 + 1e-12)


def test_kernels_are_compiled_where_deepgemm_has_no_such_tiles_yet() -> None:
    # what runs of one worker in the order of its collector showed: 667 W of 1,000 at 2,048 tokens, 990 W at 1,792
    assert derive_rests.layout(2048, 65536, 16384, 148) != derive_rests.layout(2816, 65536, 16384, 148)
    assert derive_rests.layout(1792, 65536, 16384, 148) == derive_rests.layout(2048, 65536, 16384, 148)


def test_a_rest_is_what_the_meter_shows_of_it() -> None:
    for rest in (0.0, 0.2, 0.7, 1.0):
        assert derive_rests.rested((1000 - shown_power(1000.0, 200.0, rest)) / 800) == pytest.approx(rest)


def test_powers_of_a_gb200_are_near_those_of_rows_that_are_never_scored() -> None:
    errors = [
        float(np.log(answer["power_w"] / (row.power_w or np.nan)))
        for group, members in grouped(derive_gb200.layers()).items()
        for row, answer in zip(members, modelled(group, members), strict=True)
    ]
    assert abs(np.median(errors)) < 0.1
    assert np.median(np.abs(errors)) < 0.1


def test_a_price_that_the_rows_do_not_give_is_named() -> None:
    there = {name: catalog.hardware("gb200").actions[name].value * 1e12 for name in START}
    assert derive_gb200.faults(Fit(there, {}, {})) == []
    (told,) = derive_gb200.faults(Fit(there | {"mac.fp4": 0.5}, {}, {}))
    assert told == "mac.fp4: the profile has 0.301 pJ, the rows give 0.5"
