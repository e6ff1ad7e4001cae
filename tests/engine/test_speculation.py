"""Drafted tokens: rounds, keys, bytes, seconds and joules by hand; limits; what is refused; when it does not pay."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from bitnet_cost import api
from bitnet_cost.engine.grid import figures
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.drafting import own_draft
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog
from bitnet_cost.studies.stream import sweep
from bitnet_cost.views.drafting import pays

H100, TARGET, DRAFT = "h100-sxm-80gb", "llama-3.1-8b", "llama-3.2-1b"


def _asked(accept: float | None = None, tokens: int = 3, hardware: str = H100, **work: Any) -> Result:
    drafting = {} if accept is None else {"draft": DRAFT, "accept": accept, "draft_tokens": tokens}
    return api.estimate(TARGET, hardware, "fp16", **{"prompt": 100, "generate": 9} | work, **drafting)  # type: ignore[arg-type]


def _decoded(result: Result, what: str) -> float:
    return float(result.counts[what][result.counts.row_of("decode")].sum())


@pytest.mark.parametrize(("accept", "rounds"), [(0.0, 8.0), (1.0, 2.0), (0.5, 8 / 1.875)])
def test_a_round_yields_the_sum_of_powers(accept: float, rounds: float) -> None:
    """Three drafted: 1 + a + a^2 + a^3 tokens; each round is one pass of the model and three of the draft."""
    result = _asked(accept)
    assert result.draft is not None
    assert result.counts.passes[1, 0] == rounds
    assert result.draft.counts.passes[1, 0] == pytest.approx(3 * rounds, rel=1e-12)
    assert result.to_records()[0]["tokens_per_step"] == pytest.approx(8 / rounds, rel=1e-12)


def test_keys_of_rounds_that_are_all_accepted() -> None:
    """Two rounds of four after 100 tokens: passes read 104 and 108 keys, and score 101 + ... + 104, 105 + ... + 108.

    The draft reads 101, 102, 103, then 105, 106, 107. Keys and values are 8 heads of 128 in 32 layers, 64 in 16.
    """
    result = _asked(1.0)
    assert result.draft is not None
    assert _decoded(result, "kv_read") == 2 * 32 * 8 * 128 * (104 + 108)
    assert _decoded(result, "exp") == pytest.approx(32 * 32 * sum(range(101, 109)) + 32 * 14336 * 8, rel=1e-12)
    assert _decoded(result.draft, "kv_read") == 2 * 16 * 8 * 64 * (101 + 102 + 103 + 105 + 106 + 107)


def test_nothing_accepted_is_the_plain_decode_with_wider_passes_and_the_draft_beside_it() -> None:
    result, plain = _asked(0.0), _asked()
    assert result.draft is not None
    read, alone = (float(r.activity.weight_bits[1].sum()) for r in (result, plain))
    assert read == alone  # once a pass, whatever its width
    assert _decoded(result, "weights") == _decoded(plain, "weights")
    assert result.timing is not None
    assert plain.timing is not None
    assert result.draft.timing is not None
    own = float(result.timing.of_phase("decode")[0] - result.draft.timing.of_phase("decode")[0])
    assert own == pytest.approx(float(plain.timing.of_phase("decode")[0]), rel=0.1)  # both wait for the weights
    assert float(result.energy_j) > float(plain.energy_j)


def test_all_accepted_takes_the_time_of_a_quarter_of_the_passes() -> None:
    result, plain = _asked(1.0, generate=401), _asked(generate=401)
    assert result.draft is not None
    assert result.timing is not None
    assert plain.timing is not None
    assert result.draft.timing is not None
    own = float(result.timing.of_phase("decode")[0] - result.draft.timing.of_phase("decode")[0])
    assert own == pytest.approx(float(plain.timing.of_phase("decode")[0]) / 4, rel=0.1)


def test_the_weights_and_the_cache_of_the_draft_are_held_too() -> None:
    result, plain = _asked(0.7, batch=4), _asked(batch=4)
    draft = api.estimate(DRAFT, H100, "fp16", batch=4, prompt=100, generate=9)
    held = draft.footprint.total_weight_bits + float(draft.footprint.kv_bits[0])
    own, alone = (float(r.footprint.on_each(1)[0] - r.footprint.activation_bits[0]) for r in (result, plain))
    assert own - alone == held
    assert result.footprint.activation_bits[0] == plain.footprint.activation_bits[0]


@pytest.mark.parametrize("hardware", [H100, "cmos-7nm"])
def test_parts_are_the_whole(hardware: str) -> None:
    """By operator, the draft being one, by phase, by component; operations by kind."""
    result = _asked(0.7, hardware=hardware)
    assert result.draft is not None
    energy = float(result.energy_j)
    assert float(result.by_operator[1].sum()) == pytest.approx(energy, rel=1e-12)
    assert sum(float(of[0]) for of in result.energy_by_phase.values()) == pytest.approx(energy, rel=1e-12)
    assert result.counts.operators[-1].name == "draft"
    drafted = float(result.by_operator[1, :, -1].sum())
    assert drafted == pytest.approx(float(result.draft.energy_j), rel=1e-12)
    assert float(result.mac) == float(result.counts.total("mac")[0]) + float(result.draft.mac)
    if result.timing is not None and result.draft.timing is not None:
        assert float(result.timing.seconds[:, -1].sum()) == pytest.approx(float(result.draft.timing.total[0]))


def test_an_element_of_a_grid_is_the_single_estimate() -> None:
    points = ((1, 300, 2), (64, 2000, 200), (16, 512, 1))
    axes: dict[str, Any] = dict(
        zip(("batch", "prompt", "generate"), map(np.array, zip(*points, strict=True)), strict=True)
    )
    grid = figures(_asked(0.6, **axes).scenario)
    for i, (batch, prompt, generate) in enumerate(points):
        one = figures(_asked(0.6, batch=batch, prompt=prompt, generate=generate).scenario)
        for name, values in one.items():
            if name == "reason":
                continue
            np.testing.assert_array_equal(np.ravel(grid[name])[i], np.ravel(values)[0])
    rows = sweep(models=TARGET, hardware=H100, precisions="fp16", batch=[1, 64], prompt=300, generate=50, draft=DRAFT,
                 accept=0.6, draft_tokens=3).to_records()  # fmt: skip
    assert rows[1]["energy_j"] == _asked(0.6, batch=64, prompt=300, generate=50).to_records()[0]["energy_j"]


def test_a_full_batch_does_not_pay() -> None:
    """At batch 1 weights are read for one token or for four alike; at 256 products fill the device already."""
    for batch, words in ((1, "The draft pays"), (256, "does not pay .*waits for arithmetic")):
        asked = api.scenarios(
            [catalog.model(TARGET)], [catalog.hardware(H100)], [catalog.precision("fp16")],
            _asked(batch=batch, generate=200).workload, draft=DRAFT, accept=0.7, draft_tokens=3,
        )  # fmt: skip
        note = pays(api.answer(asked).results)[0].text
        assert re.search(words, note)


def test_a_layer_of_the_model_s_own_drafts() -> None:
    """DeepSeek-V3: 11.5 billion parameters beside its tables (deepseek-ai/DeepSeek-V3, README_WEIGHTS.md)."""
    model = catalog.model("deepseek-v3")
    work: dict[str, Any] = {"devices": 8, "prompt": 512, "generate": 128}
    plain = api.estimate(model, "h200-sxm-141gb", "fp8", **work)
    result = api.estimate(model, "h200-sxm-141gb", "fp8", draft="mtp", accept=0.85, **work)
    assert result.draft is not None
    assert result.draft.footprint.total_parameters == pytest.approx(11.5e9, rel=0.01)
    assert result.rounds is not None
    assert result.rounds.tokens == 1
    assert result.tokens_per_s is not None
    assert plain.tokens_per_s is not None
    assert 1.3 < result.tokens_per_s / plain.tokens_per_s < 1.85
    assert own_draft(model).depth == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"draft": "gpt2", "accept": 0.5}, "draft: gpt2 has 50,257 tokens"),
        ({"draft": "mtp", "accept": 0.5}, "has no layer for multi-token prediction"),
        ({"draft": DRAFT}, "draft: say with --accept"),
        ({"accept": 0.5}, "accept: nothing drafts"),
        ({"draft": DRAFT, "accept": 1.5}, "accept: 1.5 is not a probability"),
        ({"draft": DRAFT, "accept": 0.5, "draft_tokens": 0}, "draft-tokens: 0 is not a whole number"),
        ({"draft": DRAFT, "accept": 0.5, "devices": 2, "parallel": "pipeline"}, "stages of a pipeline"),
        ({"draft": "bert-base", "accept": 0.5}, "bert-base is no decoder"),
    ],
)
def test_nonsense_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BitnetCostError, match=words):
        api.estimate(TARGET, H100, "fp16", **given)
