"""Powers of linear layers that are never scored, and what their meter shows."""

from __future__ import annotations

import numpy as np
import pytest

from bitnet_cost.engine.estimate import priced
from bitnet_cost.formulas.meters import shown_power
from bitnet_cost.readers import catalog, machines, measured
from bitnet_cost.studies.measured import counted, grouped, modelled, power_at
from bitnet_cost.studies.solving import Fit
from scripts import derive_gb200
from scripts.derive_gb200 import START


def test_no_row_that_prices_come_from_is_carried() -> None:
    def what(row: object) -> tuple[object, ...]:
        return tuple(getattr(row, name) for name in ("model", "hardware", "runtime", "precision", "prompt"))

    carried = {what(row) for row in measured.rows()}
    rows = derive_gb200.layers()
    assert len(rows) == 480
    assert not [row for row in rows if what(row) in carried]


def test_a_meter_that_saw_rest_shows_less_and_a_settled_one_the_same() -> None:
    rows = {(row.runtime, row.precision): row for row in derive_gb200.layers() if row.hardware == "gb200"}
    for runtime, precision, rested in (("tensorrt-llm-kernels", "nvfp4", 1.0), ("vllm-kernels", "bf16", 0.0)):
        row = rows[runtime, precision]
        ((group, members),) = grouped([row]).items()
        result = priced(counted(members, *machines.setting(catalog.hardware("gb200"), runtime)))
        assert result.timing is not None
        power = power_at(result, result.timing, row, 0)
        (answer,) = modelled(group, members)
        floor = result.hardware.device_power.static.value
        assert answer["power_w"] == pytest.approx(shown_power(power, floor, rested))
        assert (answer["power_w"] < power) == (rested > 0)


def test_powers_of_a_gb200_are_near_those_of_rows_that_are_never_scored() -> None:
    errors = [
        float(np.log(answer["power_w"] / (row.power_w or np.nan)))
        for group, members in grouped(derive_gb200.layers()).items()
        for row, answer in zip(members, modelled(group, members), strict=True)
    ]
    assert abs(np.median(errors)) < 0.1
    assert np.median(np.abs(errors)) < 0.16


def test_a_price_that_the_rows_do_not_give_is_named() -> None:
    there = {name: catalog.hardware("gb200").actions[name].value * 1e12 for name in START}
    assert derive_gb200.faults(Fit(there, {}, {})) == []
    (told,) = derive_gb200.faults(Fit(there | {"mac.fp4": 0.5}, {}, {}))
    assert told == "mac.fp4: the profile has 0.362 pJ, the rows give 0.5"
