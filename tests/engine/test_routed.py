"""Routed experts on several devices, against draws and by hand; collectives in two protocols."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

import bitnet_cost
from bitnet_cost.engine.kernels import kernel_class, kinds_of
from bitnet_cost.engine.operators import operators
from bitnet_cost.engine.routed import uneven
from bitnet_cost.engine.timing import link_seconds
from bitnet_cost.formulas.experts import fullest_rows, fullest_visits, padded_rows
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.runtime import Kernel, RuntimeProfile
from bitnet_cost.ledger.result import Result
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


def test_each_joined_device_draws_its_lit_link_for_as_long_as_it_works() -> None:
    """Two devices at the floor, with and without 20 W for each link."""
    card, software = machines.setting(catalog.hardware(H200), "cuda-graph")
    link = card.interconnect
    assert link is not None
    assert link.power is not None
    dark = card.model_copy(update={"interconnect": link.model_copy(update={"power": None})})
    work = {"batch": 1, "prompt": 8, "generate": 5}
    for devices in (1, 2):
        lit, unlit = (
            bitnet_cost.estimate("gpt2", profile, "fp16", runtime=software, devices=devices, **work)  # type: ignore[arg-type]
            for profile in (card, dark)
        )
        joined = devices if devices > 1 else 0
        assert float(lit.energy_j - unlit.energy_j) == pytest.approx(
            joined * link.power.value * float(lit.timing.total[0])  # type: ignore[union-attr]
        )
    found, bare = (all_reduced(1 << 20, profile, 2) for profile in (card, dark))
    assert found["power_w"] - bare["power_w"] == pytest.approx(2 * link.power.value)


def test_a_kernel_of_each_expert_is_launched_as_often_as_there_are_experts() -> None:
    """By hand: 94 layers, gate and up in one kernel and down in another, 128 experts; whether routed to or not."""
    hardware, software = machines.setting(catalog.hardware("h20-96gb"), "sglang")
    kernel = software.kernels["experts-integer"]  # type: ignore[union-attr]
    assert kernel.overhead is not None
    once = software.model_copy(  # type: ignore[union-attr]
        update={"kernels": software.kernels | {"experts-integer": kernel.model_copy(update={"each_expert": False})}}  # type: ignore[union-attr]
    )
    each, fused = (
        bitnet_cost.estimate("qwen3-235b-a22b", hardware, "int4", runtime=runtime, devices=4, prompt=1, generate=2)
        for runtime in (software, once)
    )
    assert each.timing is not None
    assert fused.timing is not None
    more = float(each.timing.by_phase[1, 0] - fused.timing.by_phase[1, 0])
    assert more == pytest.approx(94 * 2 * 127 * kernel.overhead.value)


@pytest.mark.parametrize(
    ("precision", "name"),
    [("int4", "experts-integer"), ("gptq-int8", "experts-integer"), ("nf4", "experts"), ("fp8", "experts-w8a8"),
     ("bf16", "experts"), ("fp8-block", "experts-blocks"), ("mxfp4", "experts-dequantised")],
)  # fmt: skip
def test_experts_in_integers_have_kernels_of_their_own(precision: str, name: str) -> None:
    ops = operators(catalog.model("mixtral-8x7b"))
    found = {kernel_class(op, catalog.precision(precision)) for op in ops if op.traits.kernel == "experts"}
    assert found == {name}


def _experts(batch: int, precision: str, *, devices: int = 2) -> Result:
    work = {"batch": batch, "prompt": 8, "generate": 2, "devices": devices, "parallel": "expert", "runtime": "vllm"}
    return bitnet_cost.estimate("qwen3-235b-a22b", H200, precision, **work)  # type: ignore[arg-type]


def test_all_the_room_of_laid_out_rows_is_worked_on() -> None:
    """By hand: 8 tokens x 8 rows and 127 more for each of a device's experts, at the rate of large tiles."""
    found = _experts(8, "fp8-block")
    _, software = machines.setting(catalog.hardware(H200), "vllm")
    kernel = software.kernel("experts-blocks")  # type: ignore[union-attr]
    assert kernel.large_compute is not None
    rate = found.hardware.rates["fp8"].value / 2 * kernel.large_compute.value
    ops = [i for i, op in enumerate(found.counts.operators) if op.traits.kernel == "experts"]
    seconds = float(found.timing.compute[1, ops].sum())  # type: ignore[union-attr]
    assert seconds == pytest.approx(94 * (8 * 8 + 64 * 127) * 3 * 4096 * 1536 / rate)
    fewer = float(_experts(8, "fp8-block", devices=4).timing.compute[1, ops].sum())  # type: ignore[union-attr]
    assert seconds / fewer == pytest.approx((64 + 64 * 127) / (64 + 32 * 127))


def test_what_passes_between_products_is_moved_for_laid_out_rows() -> None:
    """By hand: 13 bytes an input of the second product for each row that nobody was routed to."""
    found = _experts(8, "fp8-block")
    of = uneven(found.counts, schedule_kernels(found), 2, "expert")
    assert of is not None
    down = next(i for i, op in enumerate(found.counts.operators) if op.name == "expert_down")
    assert of.laid_out[1, down, 0] == pytest.approx(94 * 1536 * 13 * 8 * (64 + 64 * 127 - 32))
    assert of.laid_out[1].sum() == of.laid_out[1, down].sum()


def test_large_tiles_run_in_passes_of_more_tokens_than_a_device_has_experts() -> None:
    """64 experts a device: reads of 65 tokens are slower than those of 64 by the shares that both tiles reach."""
    kernel = machines.setting(catalog.hardware(H200), "vllm")[1].kernel("experts")  # type: ignore[union-attr]
    assert kernel.bandwidth is not None
    assert kernel.large_bandwidth is not None
    few, many = (uneven(found.counts, schedule_kernels(found), 2, "expert") for found in
                 (_experts(64, "bf16"), _experts(65, "bf16")))  # fmt: skip
    assert few is not None
    assert many is not None
    assert few.slower[1].max() == 1
    assert many.slower[1].max() == pytest.approx(kernel.bandwidth.value / kernel.large_bandwidth.value)


def schedule_kernels(found: Result) -> list[Kernel | None]:
    """The kernels of a result's operators."""
    assert found.scenario.runtime is not None
    kinds = kinds_of(found.counts.operators, found.precision, found.hardware)
    return [kind.of(found.scenario.runtime) for kind in kinds]


def test_large_tiles_are_described_whole() -> None:
    share = {"value": "0.5 x", "low": "0.4 x", "high": "0.6 x", "basis": "assumed", "source": "none"}
    whole = {"launches": 0, "bandwidth": share, "compute": share, "tile": 16, "large_compute": share, "large_tile": 64,
             "large_bandwidth": share, "tiles_by_experts": True}  # fmt: skip
    assert Kernel.model_validate(whole).large_tile == 64
    for lacking in ("large_tile", "bandwidth"):
        with pytest.raises(ValidationError, match=f"need.* {lacking}"):
            Kernel.model_validate(whole | {lacking: None})


def test_a_kernel_of_some_devices_is_no_other_ones() -> None:
    """DeepGEMM is Hopper's and that of Blackwell's servers; an L40S runs the kernel of any FP8."""
    software = catalog.runtime("vllm", "gpu")
    assert software.kernel("experts-blocks", H200).laid_out
    assert software.kernel("experts-blocks", "l40s") == software.kernel("experts-w8a8")
    alone = software.kernels["linear"].model_copy(update={"families": ["h100"]})
    with pytest.raises(ValidationError, match=r"kernels\.linear\.families"):
        RuntimeProfile(**dict(software) | {"kernels": software.kernels | {"linear": alone}})
