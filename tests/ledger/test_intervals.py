"""90 % intervals of emissions, money, loads and training steps: each follows from those of energy and time."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

import bitnet_cost as package
from bitnet_cost.api import load, train
from bitnet_cost.engine.uncertainty import spread
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.ledger.intervals import (
    RANGES,
    carbon_interval,
    cost_interval,
    energy_interval,
    is_measured,
    ratio_of,
    time_interval,
)  # fmt: skip
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.readers import electricity, measured
from bitnet_cost.studies.measured_load import served
from tests.conftest import Ran

INTENSITY, GRID, ZONE = electricity.carbon_intensity("deu")
SITE = Facility(carbon_g_per_j=INTENSITY, grid=GRID, zone=ZONE, usd_per_j=0.2 / 3.6e6, usd_per_device_hour=2.0)


def test_emissions_and_money_follow_from_energy_and_time() -> None:
    result = package.estimate("llama-2-7b", "h100-sxm-80gb", "fp16", generate=128, facility=SITE)
    drawn = spread(result, None, 4000)
    assert is_measured(result)
    site, seconds = result.facility, time_interval(result)
    carbon, cost = carbon_interval(result), cost_interval(result)
    assert site is not None
    assert drawn is not None
    assert seconds is not None
    assert carbon is not None
    assert cost is not None
    energy, grid = energy_interval(result)[:, 0], site.carbon_range
    assert grid is not None
    for at in (0, 2):
        apart = np.hypot(np.log(energy[at] / energy[1]), np.log(grid[at] / grid[1]))
        assert carbon[at, 0] == pytest.approx(energy[1] * grid[1] * np.exp((at - 1) * apart))
        paid = energy[at] * (site.usd_per_j or 0) + seconds[at, 0] * (site.usd_per_device_s or 0)
        assert cost[at, 0] == pytest.approx(paid)
    assert drawn.carbon is not None
    assert (carbon[0, 0], carbon[2, 0]) == pytest.approx(drawn.carbon[::2], rel=0.03)
    node = package.estimate("llama-2-7b", "cmos-7nm", "fp16", facility=SITE)
    found, bounds = carbon_interval(node), node.carbon_bounds
    assert not is_measured(node)
    assert found is not None
    assert bounds is not None
    assert found[:, 0] == pytest.approx(bounds.reshape(3, -1)[:, 0])


def test_a_load_is_as_sure_as_the_steps_that_it_is_made_of(bitnet_cost: Callable[..., Ran]) -> None:
    wide, narrow = load("llama-2-7b", "h100-sxm-80gb", ["fp16", "int8"], rate=2.0, prompt=512, generate=128).results
    assert wide.measured is not None
    assert wide.steady is not None
    assert wide.energy_j is not None
    assert narrow.energy_j is not None
    (low, high), at = next(iter(wide.measured.values())), wide.steady
    work = at.parts_j["prompt"][1] + at.parts_j["steps"][1]
    assert wide.energy_j[0] == pytest.approx(work * low + at.parts_j["waiting"][0])
    assert wide.energy_j[2] == pytest.approx(work * high + at.parts_j["waiting"][2])
    saving, runtime = narrow.saving_on(wide), wide.scenario.runtime
    assert saving is not None
    assert runtime is not None
    assert runtime.ranges is not None
    ends = [each[::2, 0] / each[1, 0] for each in (narrow.energy_j, wide.energy_j)]
    ratio = ratio_of(ends[0], ends[1], runtime.ranges.shared)
    assert 1 - saving[2, 0] == pytest.approx((1 - saving[1, 0]) * ratio[0])
    assert wide.fast is not None
    assert wide.slow is not None
    assert wide.fast.tpot_s[0] < at.tpot_s[0] < wide.slow.tpot_s[0]
    words = ("load", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16", "--rate", "2")
    document = json.loads(bitnet_cost(*words, "-f", "json").out)
    assert document["ranges"][0]["energy"] == RANGES[True]
    assert document["ranges"][0]["tpot_low_s"] == wide.fast.tpot_s.tolist()
    assert "90 % intervals of measured errors" in " ".join(bitnet_cost(*words, "--notes").out.split())


def test_measured_servers_are_within_the_range_of_a_load() -> None:
    """Nine in ten of them: of six all but one."""
    rows = [row for row in measured.load_rows() if row.source == "own-serving" and row.energy_j_per_token]
    assert len(rows) >= 6
    outside = []
    for row in rows:
        result: LoadResult = served(row)
        assert result.energy_j is not None
        low, _, high = result.energy_j[:, 0] / result.load.generate
        if not low < row.energy_j_per_token < high:
            outside.append(row.id)
    assert len(outside) <= 1


def test_a_training_step_has_the_intervals_of_measured_steps() -> None:
    results = train("llama-3-8b", "h100-sxm-80gb", ["bf16", "fp8"], devices=8, zero=1).results
    for result in results:
        assert result.ranges is not None
        assert result.energy is not None
        assert result.time is not None
        assert result.seconds is not None
        time, energy = result.factors("time"), result.factors("energy")
        assert time is not None
        assert energy is not None
        assert (energy[0] <= time[0], energy[1] >= time[1]) == (True, True)  # no energy of this runtime was measured
        assert result.energy == pytest.approx(np.array([energy[0], 1, energy[1]]) * result.energy[1])
        assert result.time == pytest.approx(np.array([time[0], 1, time[1]]) * result.seconds.total)
    one, other = results[1], results[0]
    assert one.saving is not None
    assert one.ranges is not None
    ratio = ratio_of(one.factors("energy"), other.factors("energy"), one.ranges.shared)
    assert 1 - one.saving[2] == pytest.approx((1 - one.saving[1]) * ratio[0])
    small = train("gpt2", "h100-sxm-80gb", "bf16").results[0]
    known = small.ranges
    assert known is not None
    assert small.factors("energy") == known.energy["training"]
    assert small.factors("energy")[1] < known.time["training"][1]  # type: ignore[index]  # measured with `eager`
    node = train("gpt2", "cmos-7nm", "bf16").results[0]
    assert (node.factors("energy"), node.time) == (None, None)


def test_a_bare_answer_says_what_its_ranges_are(bitnet_cost: Callable[..., Ran]) -> None:
    document = json.loads(bitnet_cost("estimate", "gpt2", "-H", "h100-sxm-80gb", "-p", "fp16", "-f", "json").out)
    assert document["ranges"][0]["ends"] == RANGES[True]
    arithmetic = bitnet_cost("estimate", "gpt2", "-H", "h100-sxm-80gb", "-p", "fp16", "--scope", "memory", "-f", "json")
    assert json.loads(arithmetic.out)["ranges"][0]["ends"] == RANGES[False]
    assert package.estimate("gpt2", "h100-sxm-80gb", "fp16").timing is not None
