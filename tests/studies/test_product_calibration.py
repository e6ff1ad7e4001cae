"""What kernels of single products reach: solved from rows that are never scored, timed as the engine times them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from bitnet_cost.inputs.calibration import KernelFactors, RuntimeConstants
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies.calibration import NONE, Rows
from bitnet_cost.studies.measured import grouped, read
from bitnet_cost.studies.product_calibration import OWN, SPREAD, Pieces, every_device, fit_kernels, pieces_of

FACTORS = KernelFactors(overhead=1.3, per_input=0.6, bandwidth=0.8, compute=1.1)


def product(row: Measurement) -> tuple[str, str, str, str, int | None]:
    """What makes two rows the same measurement."""
    return row.runtime, row.hardware, row.precision, row.model, row.prompt


def groups(runtime: str, hardware: str, precision: str, most: int) -> list[list[Measurement]]:
    wanted = (runtime, hardware, precision)
    found = (
        r for r in grouped(measured.product_rows()).values() if (r[0].runtime, r[0].hardware, r[0].precision) == wanted
    )
    return list(islice(found, most))


def test_no_row_that_is_scored_is_solved_from() -> None:
    scored = {product(row) for row in measured.rows()}
    assert not [row.id for row in measured.product_rows() if product(row) in scored]


@pytest.mark.parametrize(
    ("runtime", "hardware", "precision"),
    [
        ("tensorrt-llm-kernels", "a100-sxm-80gb", "w8a16"),  # another kernel for few rows
        ("vllm-kernels", "h200-sxm-141gb", "fp8-block"),  # issued by the host while the device works
        ("vllm-kernels", "h200-sxm-141gb", "bf16"),  # a second of replays: the limit of power
        ("traced-kernels", "h100-sxm-80gb", "fp16"),  # milliseconds: none
    ],
)
def test_products_are_timed_as_the_engine_times_them(runtime: str, hardware: str, precision: str) -> None:
    for members in groups(runtime, hardware, precision, 12):
        part = Rows(members)
        name, pieces = pieces_of(part)
        constants = RuntimeConstants(hardware="one", runtime="one", kernels={name: FACTORS})
        result = part.priced(part.profile, constants.runtime_of(part.software))
        seconds = [answer["seconds"] for answer in read(result, members, NONE)]
        assert pieces.at(FACTORS) == pytest.approx(seconds, rel=0.01)  # at the limit kernels that wait draw a little


def planted(factors: KernelFactors, most: int) -> list[Pieces]:
    """Products of one device that take what known factors say."""
    parts = [pieces_of(Rows(members))[1] for members in groups("tensorrt-llm-kernels", "l40s", "bf16", most)]
    return [replace(part, seconds=part.at(factors)) for part in parts]


def test_planted_factors_are_found_again() -> None:
    parts = planted(FACTORS, 40)
    found = fit_kernels(parts, KernelFactors(), SPREAD)
    assert found.bandwidth == pytest.approx(FACTORS.bandwidth, rel=0.03)
    assert found.compute == pytest.approx(FACTORS.compute, rel=0.03)
    for part in parts:  # a launch and the walk of its inner side stand for one another in part, and are held to 1
        assert part.at(found) == pytest.approx(part.seconds, rel=0.07)


def test_a_device_with_few_rows_keeps_the_mean_of_all() -> None:
    slow = KernelFactors(compute=0.5, bandwidth=0.5, overhead=2, per_input=2)
    away = [
        sum(
            abs(np.log(value)) for value in fit_kernels(planted(slow, most), KernelFactors(), OWN).model_dump().values()
        )
        for most in (0, 2, 40)
    ]
    assert away[0] == pytest.approx(0)
    assert away[0] < away[1] < away[2]


def test_a_kernel_without_rows_of_its_device_has_the_factors_of_all() -> None:
    every = catalog.constants().every("tensorrt-llm-kernels", "gpu")
    own = catalog.constants().of(catalog.hardware("h100-sxm-80gb"), catalog.runtime("tensorrt-llm-kernels", "gpu"))
    assert every is not None
    assert own is not None
    assert own.kernels["w4a4"] == every.kernels["w4a4"]  # no FP4 there
    assert own.kernels["w8a8"] != every.kernels["w8a8"]


def test_a_device_that_is_left_out_takes_the_mean_of_the_others() -> None:
    kind = ("tensorrt-llm-kernels", "gpu")
    fast, slow = KernelFactors(compute=1.2), KernelFactors(compute=0.8)
    parts = [(name, part) for name, truth in (("a", fast), ("b", slow)) for part in planted(truth, 20)]
    every = {left: every_device(kind, {"linear": parts}, left).kernels["linear"].compute for left in ("", "a", "b")}
    assert every["a"] == pytest.approx(0.8, rel=0.06)
    assert every["b"] == pytest.approx(1.2, rel=0.06)  # 20 rows are held to 1 a little
    assert every["a"] < every[""] < every["b"]
