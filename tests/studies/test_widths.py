"""90 % intervals: solved from errors, and held against errors that had no part in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.ledger.intervals import ratio_of
from bitnet_cost.readers import catalog
from bitnet_cost.studies import widths
from bitnet_cost.studies.widths import Error, Interval, Judged

MODELS = ("llama-2-7b", "llama-2-13b", "llama-3-8b", "mistral-7b", "qwen2.5-7b", "qwen2.5-14b", "opt-13b", "falcon-7b")


def errors(values: Sequence[float], hardware: str = "h100-sxm-80gb", runtime: str = "vllm") -> list[Error]:
    """Errors of decodes at batch 1, of one model after the other."""
    return [
        Error.of(
            Measurement(id=f"{runtime}-{i}", source="s", model=MODELS[i % len(MODELS)], hardware=hardware,
                        runtime=runtime, precision="fp16", generate=2, phase="decode", seconds=1.0),
            "seconds", value,
        )
        for i, value in enumerate(values)
    ]  # fmt: skip


def drawn(n: int, size: float, seed: int, bias: float = 0.0) -> list[float]:
    return [bias + size * float(value) for value in np.random.default_rng(seed).standard_normal(n)]


def test_intervals_hold_nine_of_ten_and_are_as_wide_as_their_runtime() -> None:
    calm, wild = errors(drawn(200, 0.05, 1)), errors(drawn(200, 0.2, 2), runtime="sglang")
    found = widths.judged([*calm, *wild])
    assert len(found) == 400
    assert 85 <= widths.held_of(found).held <= 95
    known = widths.intervals([*calm, *wild], widths.model_of)
    assert known["vllm"].half < known["all"].half < known["sglang"].half
    assert known["vllm h100-sxm-80gb"].half < 1.645 * 0.2 < known["sglang"].half * 1.3


def test_an_interval_is_where_the_errors_of_its_device_are() -> None:
    """A device whose times are 30 % too long: its interval is below what is modelled, and holds that too."""
    late = errors(drawn(80, 0.03, 3, bias=0.3), hardware="l40s")
    others = [*errors(drawn(80, 0.03, 4)), *errors(drawn(80, 0.03, 5), hardware="a100-sxm-80gb")]
    known = widths.intervals([*late, *others], widths.model_of)
    low, high = known["vllm l40s"].factors
    assert low < np.exp(-0.3) < 1 <= high < known["vllm h100-sxm-80gb"].factors[1]


def test_no_error_has_a_part_in_the_interval_that_judges_it() -> None:
    """One model is far off: its rows are outside of intervals of the others, however many they are."""
    values = drawn(160, 0.02, 6)
    far = [1.0 if i % len(MODELS) == 0 else value for i, value in enumerate(values)]
    found = widths.judged(errors(far))
    assert not any(j.held for j in found if j.error.row.model == MODELS[0])
    assert all(len({e.row.model for e in inside} & {e.row.model for e in others}) == 0
               for inside, others in widths.split(errors(far), widths.model_of))  # fmt: skip


def test_a_ratio_holds_nine_of_ten_where_errors_are_shared() -> None:
    """Two precisions that are off together: their ratio is far surer than either."""
    common = drawn(120, 0.2, 7)
    own = [drawn(120, 0.02, seed) for seed in (8, 9)]
    judged: list[Judged] = []
    for precision, part in zip(("fp16", "w4a16"), own, strict=True):
        for e, value in zip(errors([a + b for a, b in zip(common, part, strict=True)]), part, strict=True):
            row = e.row.model_copy(update={"precision": precision, "source": e.row.id})
            assert value is not None
            judged.append(Judged(Error.of(row, "seconds", e.value), Interval(-0.33, 0.33)))
    pairs = widths.pairs(judged)
    assert len(pairs) == 120
    share = widths.apart(pairs)
    assert share < 0.3
    low, high = ratio_of((np.exp(-0.33), np.exp(0.33)), (np.exp(-0.33), np.exp(0.33)), 1 - share**2)
    inside = [low <= np.exp(a - b) <= high for a, b in zip(*own, strict=True)]
    assert 0.85 <= np.mean(inside) <= 0.95
    held = widths.held_ratios(pairs)
    assert held is not None
    assert held.n == 120


def test_committed_intervals_hold_nine_of_ten_in_every_class() -> None:
    """Of classes with 25 figures or more, each judged by intervals that its model had no part in."""
    known = catalog.ranges()
    assert known is not None
    off = {name: part.held for name, part in known.held.items() if part.n >= 25 and not 85 <= part.held <= 95}
    assert off == {}
    assert np.median([known.held[name].half_width for name in ("decode-1", "decode-64")]) <= 18


def test_no_device_is_surer_than_those_with_rows() -> None:
    known = catalog.ranges()
    assert known is not None
    for quantity, kinds in known.own.items():
        for kind, places in kinds.items():
            low, high = known.left_out[quantity][kind]["all"]
            assert low <= places["all"][0], kind
            assert high >= places["all"][1], kind
    measured, other = (known.of(name, "vllm-2024") for name in ("a100-sxm-40gb", "mi300x"))
    assert measured.own_rows
    assert not other.own_rows
    assert measured.time["decode-1"][1] < other.time["decode-1"][1]


@pytest.mark.parametrize("hardware", ["a100-sxm-80gb", "rtx-4090"])
def test_energy_of_training_is_no_surer_than_time_where_none_was_measured(hardware: str) -> None:
    """One of the two has rows of inference by the runtime, which say nothing of its training."""
    known = catalog.ranges()
    assert known is not None
    time, energy = (known.of(hardware, "eager").of(quantity, 16)["training"] for quantity in ("time", "energy"))
    assert energy[0] <= time[0]
    assert energy[1] >= time[1]
    measured = known.of("h100-sxm-80gb", "eager").energy["training"]
    assert energy[0] < measured[0] < measured[1] < energy[1]


@pytest.mark.parametrize("runtime", ["vllm", "llama.cpp", "none of these"])
def test_every_runtime_has_an_interval_of_every_kind_of_time(runtime: str) -> None:
    known = catalog.ranges()
    assert known is not None
    of = known.of("h100-sxm-80gb", runtime)
    assert {
        "prefill",
        "decode-1",
        "decode-64",
        "decode-more",
        "fp32",
        "server-moe",
        "host",
        "product",
    } <= of.time.keys()
    assert all(low <= 1 <= high for low, high in (*of.time.values(), *of.energy.values()))
