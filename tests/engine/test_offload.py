"""What a host keeps of a model: bytes, seconds and joules by hand, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bitnet_cost import api
from bitnet_cost.engine.grid import figures
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog
from bitnet_cost.views.fit import fit_report

H100, MIXTRAL = "h100-sxm-80gb", "mixtral-8x7b"
EXPERTS = 32 * 8 * 3 * 4096 * 14336 * 16  # bits of Mixtral's in FP16
LINK = 55.63e9 * 8  # bit/s, PCIe 5.0 x16 as it is reached
MEMORY = 270e9 * 8  # bit/s of the host


def _asked(offload: str | None = None, model: str = MIXTRAL, precision: str = "fp16", **work: Any) -> Result:
    return api.estimate(model, H100, precision, offload=offload, **{"prompt": 512, "generate": 3} | work)


def _bits(result: Result) -> float:
    return float(result.footprint.on_each(result.devices)[0])


def test_the_device_needs_less_by_exactly_what_the_host_keeps() -> None:
    """Experts; the last 5 of 32 layers (attention 42 M, experts and router 1,409 M, norms 8,192); the cache."""
    whole = _asked()
    layer = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 8 * 3 * 4096 * 14336 + 4096 * 8 + 2 * 4096
    cache = 2 * 32 * 1024 * 514 * 16
    for offload, kept in (("experts", EXPERTS), ("layers=5", 5 * layer * 16), ("kv", cache)):
        result = _asked(offload)
        assert float(result.host_bits[0]) == kept
        assert _bits(whole) - _bits(result) == kept
    assert not whole.fits
    assert _asked("experts").fits


def test_a_step_reads_the_touched_experts_over_the_link() -> None:
    """Two of eight experts at batch 1; in the prefill all of them, so that its time is that of 90 GB over the link."""
    result = _asked("experts")
    assert result.timing is not None
    tables = {place: table.sum((1, 2)) for place, table in result.tables.items() if place.startswith("host.")}
    assert tables["host.read"].tolist() == pytest.approx([EXPERTS, 2 * EXPERTS / 4], rel=1e-6)
    assert tables["host.link"].tolist() == (tables["host.read"] + tables["host.write"]).tolist()
    prefill, decode = result.timing.by_phase[:, 0]
    assert prefill == pytest.approx(EXPERTS / LINK, rel=0.01)
    assert decode == pytest.approx(EXPERTS / 2 / LINK, rel=0.05)
    assert result.to_records()[0]["bound"] == "host"
    energy = result.within("memory").by_component["host"][1, 0]
    assert energy == pytest.approx((EXPERTS * 1.5) * (12e-12 + 10e-12), rel=1e-6)


def test_devices_share_the_memory_of_their_host() -> None:
    """Eight links of 55.6 GB/s are faster than the memory behind them, 270 GB/s; the host keeps one copy."""
    one, eight = _asked("experts", precision="int8"), _asked("experts", precision="int8", devices=8)
    assert eight.host_bits.tolist() == one.host_bits.tolist()
    read = [float(np.sum(result.timing.host)) for result in (one, eight) if result.timing is not None]
    assert read[1] == pytest.approx(read[0] * LINK / MEMORY, rel=1e-9)


def test_the_cache_is_written_to_the_host_and_read_from_it_in_every_step() -> None:
    """Llama 2 7B, 8 sequences of 2000 tokens: 8 x 512 kB a position."""
    result = _asked("kv", "llama-2-7b", batch=8, prompt=2000, generate=2)
    whole = _asked(None, "llama-2-7b", batch=8, prompt=2000, generate=2)
    each = 8 * 2 * 32 * 4096 * 16
    assert result.tables["host.write"].sum((1, 2)).tolist() == [each * 2000, each]
    assert result.tables["host.read"].sum((1, 2))[1] == each * 2001
    assert result.timing is not None
    assert whole.timing is not None
    slower = result.timing.of_phase("decode")[0] - whole.timing.of_phase("decode")[0]
    assert slower == pytest.approx(each * 2002 / LINK, rel=0.05)


def test_all_layers_in_the_host_read_all_weights_in_every_pass() -> None:
    result = _asked("layers=32", "llama-2-7b", generate=2)
    matrices = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008) * 16
    assert result.tables["host.read"].sum((1, 2)).tolist() == [matrices, matrices]  # norms' weights are not counted
    assert float(result.host_bits[0]) == matrices + 32 * 2 * 4096 * 16


@pytest.mark.parametrize("offload", ["experts", "layers=3", "kv"])
@pytest.mark.parametrize(("devices", "parallel"), [(1, "tensor"), (4, "expert"), (8, "data")])
def test_an_element_of_a_grid_is_the_single_estimate(offload: str, devices: int, parallel: Any) -> None:
    points = ((8, 300, 2), (64, 2000, 200), (16, 512, 1))
    asked: dict[str, Any] = {"precision": "int8", "offload": offload, "devices": devices, "parallel": parallel}
    axes: dict[str, Any] = dict(
        zip(("batch", "prompt", "generate"), map(np.array, zip(*points, strict=True)), strict=True)
    )
    grid = figures(api.estimate(MIXTRAL, H100, **axes, **asked).scenario)
    for i, (batch, prompt, generate) in enumerate(points):
        one = figures(api.estimate(MIXTRAL, H100, batch=batch, prompt=prompt, generate=generate, **asked).scenario)
        for name, values in one.items():
            if name == "reason":
                continue
            np.testing.assert_array_equal(np.ravel(grid[name])[i], np.ravel(values)[0])


def test_the_host_must_have_room() -> None:
    """A desktop has 96 GB: not for the 312 GB of 235 billion parameters in 10 bits and more."""
    result = api.estimate("qwen3-235b-a22b", "rtx-4090", "int8", offload="experts")
    assert not result.fits
    assert "does not fit its host" in str(result.reason)
    assert api.estimate("qwen3-235b-a22b", H100, "int8", offload="experts").fits


@pytest.mark.parametrize(
    ("offload", "model", "hardware", "words"),
    [
        ("experts", "llama-2-7b", H100, "has no experts"),
        ("layers=33", "llama-2-7b", H100, "33 layers are more than the 32"),
        ("layers=0", "llama-2-7b", H100, "is no part of a model"),
        ("all", "llama-2-7b", H100, "is no part of a model"),
        ("kv", "llama-2-7b", "cmos-45nm", "is a technology node"),
        ("kv", "llama-2-7b", "apple-m2-ultra", "its host's own"),
        ("kv", "bert-base", H100, "keeps no cache"),
    ],
)
def test_nonsense_is_refused_by_name(offload: str, model: str, hardware: str, words: str) -> None:
    with pytest.raises(BitnetCostError, match=f"offload: .*{words}"):
        api.estimate(model, hardware, "fp16", offload=offload)


def test_energy_of_both_phases_is_all_of_it() -> None:
    """Joules per input token and per output token, the first of which the prefill makes; an encoder has input alone."""
    for hardware in (H100, "cmos-7nm"):
        result = api.estimate("llama-2-7b", hardware, "fp16", batch=3, prompt=100, generate=50)
        row = result.to_records()[0]
        whole = 300 * row["energy_per_input_token_j"] + 3 * 49 * row["energy_per_output_token_j"]
        assert whole == pytest.approx(row["energy_j"], rel=1e-12)
    node = api.estimate("llama-2-7b", "cmos-45nm", "fp16", prompt=10, generate=2, scope="arithmetic").to_records()[0]
    assert node["energy_per_output_token_j"] > node["energy_per_input_token_j"]  # logits of every token it makes
    encoder = api.estimate("bert-base", H100, "fp16").to_records()[0]
    assert encoder["energy_per_input_token_j"] * 512 == pytest.approx(encoder["energy_j"], rel=1e-12)
    assert encoder["energy_per_output_token_j"] is None


def test_fit_says_how_fast_and_an_answer_names_the_offload_that_would_fit() -> None:
    """Mixtral in FP16, 93.6 GB, fits an RTX 4090 whose host has 90.2 of them; 2 of 8 experts a step over 24.8 GB/s."""
    model, device = catalog.model(MIXTRAL), catalog.hardware("rtx-4090")
    asked = api.scenarios([model], [device], [catalog.precision("fp16")], Workload(generate=128), offload="experts")
    text = next(note.text for note in fit_report(api.fitting(asked)).notes if note.code == "host")
    assert "90.19 GB of 96 GB; 1.09 tokens/s" in text
    plain = api.answer(api.scenarios([model], [device], [catalog.precision("int8")], Workload(generate=128)))
    assert "int4 would fit one" in str(plain.results[0].reason)
    pair = api.scenarios(
        [catalog.model("llama-3.1-70b")], [catalog.hardware(H100)], [catalog.precision("fp8")],
        Workload(32, 8192, 512), devices=2,
    )  # fmt: skip
    assert str(api.answer(pair).results[0].reason).endswith("4 such devices would hold it, or int4 would fit these 2")
    large = api.scenarios([catalog.model("qwen3-235b-a22b")], [device], [catalog.precision("bitnet")], Workload())
    assert str(api.answer(large).results[0].reason).endswith("one would with --offload experts")
    every = api.scenarios(
        [large[0].model], [device], list(map(catalog.precision, ("int4", "bitnet-b1.58"))), Workload()
    )
    assert [f.offload for f in api.fitting(every)] == [None, "experts"], "124 GB are more than the host has"
    assert fit_report(api.fitting(every)).sentence.endswith("With --offload experts it fits in BitNet b1.58.")
