"""Routed experts on several devices, against draws and by hand; collectives in two protocols."""

from __future__ import annotations

import numpy as np
import pytest

import bitnet_cost
from bitnet_cost.engine.timing import link_seconds
from bitnet_cost.formulas.experts import fullest_rows, fullest_visits, padded_rows
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.readers import catalog, machines, measured
from bitnet_cost.studies.measured import all_reduced

H100, H200 = "h100-sxm-80gb", "h200-sxm-141gb"


@pytest.mark.parametrize(
    ("experts", "per_token", "tokens", "devices"), [(128, 8, 8, 8), (128, 8, 64, 4), (16, 1, 32, 8)]
)
def test_the_fullest_device_is_as_full_as_in_draws(experts: int, per_token: int, tokens: int, devices: int) -> None:
    """Tokens choose k of E experts, all alike; 400 passes."""
    draws = np.random.default_rng(7)
    own = experts // devices
    visits, rows = [], []
    for _ in range(400):
        hit = np.argsort(draws.random((tokens, experts)), 1)[:, :per_token]
        each = np.bincount(hit.ravel(), minlength=experts).reshape(devices, own)
        visits.append((each > 0).sum(1).max())
        rows.append(each.sum(1).max())
    t = np.array(float(tokens))
    assert float(fullest_visits(experts, per_token, t, devices)) == pytest.approx(np.mean(visits), rel=0.06)
    assert float(fullest_rows(experts, per_token, t, devices)) == pytest.approx(np.mean(rows), rel=0.06)


def test_rows_of_exponential_spread_fill_tiles_so() -> None:
    """An expert's rows drawn from an exponential distribution, cut into tiles of 16."""
    draws = np.random.default_rng(7).exponential(24.0, 100_000)
    assert float(padded_rows(np.array(24.0), np.array(1.0), 16)) == pytest.approx(
        float((np.ceil(draws / 16) * 16).mean()), rel=0.01
    )


def test_whole_experts_wait_for_the_fullest_device_and_parts_do_not() -> None:
    work = {"batch": 8, "prompt": 64, "generate": 9, "devices": 8}
    parts, whole = (
        bitnet_cost.estimate("qwen3-235b-a22b", H100, "bf16", parallel=way, **work)  # type: ignore[arg-type]
        for way in ("tensor", "expert")
    )
    routed = [i for i, op in enumerate(whole.counts.operators) if op.traits.kernel == "experts"]
    assert parts.timing is not None
    assert whole.timing is not None
    slower = whole.timing.memory[1, routed].sum() / parts.timing.memory[1, routed].sum()
    mean = 16 * (1 - (15 / 16) ** 8)
    assert slower == pytest.approx(float(fullest_visits(128, 8, np.array(8), 8)) / mean, rel=0.01)
    assert whole.activity.weight_bits.sum() == parts.activity.weight_bits.sum()  # energy is of what all of them read


@pytest.mark.parametrize("parallel", ["tensor", "expert", "data", "pipeline"])
def test_a_grid_of_mixtures_is_its_single_estimates(parallel: str) -> None:
    work = {"prompt": 100, "generate": 20, "devices": 4, "parallel": parallel}
    batches = [4, 8, 300]
    grid = bitnet_cost.estimate("qwen3-30b-a3b", H100, "fp8", batch=batches, **work)  # type: ignore[arg-type]
    for i, batch in enumerate(batches):
        one = bitnet_cost.estimate("qwen3-30b-a3b", H100, "fp8", batch=batch, **work)  # type: ignore[arg-type]
        assert one.timing is not None
        assert grid.timing is not None
        assert one.timing.total[0] == grid.timing.total[i]


def test_an_all_reduce_of_each_size_takes_what_two_h200_took() -> None:
    """Within 10 %, the four sizes that the link's figures are from and three others; with the card's own constants."""
    rows: list[Measurement] = [row for row in measured.rows() if row.phase == "exchange"]
    assert len(rows) == 7
    card, _ = machines.setting(catalog.hardware(H200), "cuda-graph")
    for row in rows:
        found = all_reduced(int(row.model.rpartition("-")[2]), card, 2)
        assert found["seconds"] == pytest.approx(row.seconds, rel=0.1)
        assert found["power_w"] == pytest.approx(row.power_w, rel=0.1)


def test_a_link_without_protocols_is_latency_and_bandwidth() -> None:
    link = catalog.link("infiniband-ndr")[1]
    assert float(link_seconds(link, 8e9, 2.0)) == 2.0 * 25e-6 + 8e9 / 400e9
