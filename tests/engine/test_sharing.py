"""Several devices: whole heads, whole experts, whole layers, whole sequences, by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import bitnet_cost
from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.engine.parallel import Parts, tensor_share
from bitnet_cost.engine.timing import riding
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.division import refusal, shareable
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog
from bitnet_cost.words import Parallel

H200, H100 = "h200-sxm-141gb", "h100-sxm-80gb"


def _each(result: Result) -> float:
    """Bytes on each device."""
    return float(result.footprint.on_each(result.devices)[0]) / 8


def test_ranks_beyond_the_key_value_heads_repeat_them() -> None:
    """StarCoder has one key-value head: each of eight devices has all of the cache, and reads all of it."""
    one, many = (
        bitnet_cost.estimate("starcoderbase-15b", H100, "bf16", batch=8, prompt=2000, generate=2, devices=n)
        for n in (1, 8)
    )
    cache = 2 * 40 * 128 * 8 * 2001 * 2
    assert float(many.footprint.kv_bits[0]) / 8 == pytest.approx(cache * 1.0, rel=1e-9)
    assert 8 * _each(many) > 8 * cache
    assert float(many.activity.kv_read_bits.sum()) == pytest.approx(8 * float(one.activity.kv_read_bits.sum()))


def test_four_heads_on_eight_devices_are_there_twice() -> None:
    """Qwen3 235B: 94 layers of 4 key-value heads 128 wide."""
    found = bitnet_cost.estimate("qwen3-235b-a22b", H200, "bf16", batch=16, prompt=1000, generate=1, devices=8)
    without = bitnet_cost.estimate("qwen3-235b-a22b", H200, "bf16", batch=16, prompt=1000, generate=1, devices=4)
    cache = 2 * 94 * 4 * 128 * 16 * 1000 * 2
    repeated = np.ravel(found.footprint.repeated[4])[0] / 8 - 2 * 94 * 4096 * 512 * 2  # but the matrices that make it
    assert repeated == pytest.approx(cache, rel=1e-9)
    assert _each(without) - float(without.footprint.activation_bits[0]) / 8 < 2 * (
        _each(found) - float(found.footprint.activation_bits[0]) / 8
    )


def test_a_latent_cache_is_on_every_device() -> None:
    """DeepSeek-V3 in FP8, 64 x 32k on eight H200: 84 GB of weights and 148 GB of cache on each."""
    work = {"batch": 64, "prompt": 32768, "generate": 128, "devices": 8}
    found = bitnet_cost.estimate("deepseek-v3", H200, "fp8", **work)  # type: ignore[arg-type]
    cache = 61 * 576 * 64 * (32768 + 127) * 2
    assert float(found.footprint.kv_bits[0]) / 8 == cache
    assert _each(found) - float(found.footprint.activation_bits[0]) / 8 == pytest.approx(232e9, rel=0.005)
    assert not found.fits
    assert "such devices" in str(found.reason)
    alone = bitnet_cost.estimate("deepseek-v3", H200, "fp8", parallel="data", **work)  # type: ignore[arg-type]
    assert alone.fits
    assert _each(alone) < _each(found) - 0.75 * cache


def test_data_parallel_attention_reads_its_own_cache_and_all_of_its_weights() -> None:
    work = {"batch": 64, "prompt": 2048, "generate": 65, "devices": 8}
    tensor, data = (
        bitnet_cost.estimate("deepseek-v3", H200, "fp8", parallel=way, **work)  # type: ignore[arg-type]
        for way in ("tensor", "data")
    )
    assert float(data.mac) == float(tensor.mac)
    assert float(tensor.activity.kv_read_bits.sum()) == pytest.approx(8 * float(data.activity.kv_read_bits.sum()))
    experts = 58 * 3 * 256 * 7168 * 2048
    rest = float(data.footprint.total_parameters) - experts
    assert _each(data) > (experts / 8 + 0.97 * rest)
    assert _each(tensor) < (experts + rest) / 8 * 1.15
    # two exchanges in each of 58 layers of experts, of (N-1)(1-(1-1/N)^8) copies of a token
    tokens = 64 * (2048 + 64)
    sent = float(data.tables["interconnect.write"].sum())
    assert sent == pytest.approx(2 * 58 * tokens * 7168 * 16 * 7 * (1 - (7 / 8) ** 8), rel=1e-12)


def test_experts_whole_or_cut_move_as_much() -> None:
    work = {"batch": 32, "prompt": 256, "generate": 33, "devices": 4}
    cut, whole = (
        bitnet_cost.estimate("mixtral-8x7b", H100, "bf16", parallel=way, **work)  # type: ignore[arg-type]
        for way in ("tensor", "expert")
    )
    assert _each(cut) == _each(whole)
    for moved in ("weight_bits", "kv_read_bits", "passing_bits"):
        assert getattr(cut.activity, moved).sum() == getattr(whole.activity, moved).sum()
    assert float(cut.mac) == float(whole.mac)
    assert cut.timing is not None
    assert whole.timing is not None
    assert float(cut.timing.total[0]) < float(whole.timing.total[0])  # which waits for the fullest device


@pytest.mark.parametrize(
    ("model", "devices", "way", "words"),
    [
        ("qwen2.5-7b", 8, "tensor", "the 28 heads"),
        ("qwen2.5-0.5b", 4, "tensor", "the 14 heads"),
        ("gpt2", 8, "tensor", "take --devices 3, 4, 6, 12"),
        ("gpt2", 13, "pipeline", "the 12 layers"),
        ("mixtral-8x7b", 3, "expert", "the 8 experts"),
        ("mixtral-8x7b", 3, "data", "the 8 experts"),
        ("llama-2-7b", 2, "expert", "has no experts"),
        ("llama-2-7b", 3, "data", "a batch of 1 is no multiple of 3"),
    ],
)
def test_what_does_not_divide_is_refused_by_name(model: str, devices: int, way: Parallel, words: str) -> None:
    hardware = catalog.hardware(H100)
    wide = hardware.model_copy(
        update={"interconnect": hardware.interconnect and hardware.interconnect.model_copy(update={"devices": 64})}
    )
    with pytest.raises(BitnetCostError, match=words):
        bitnet_cost.estimate(model, wide, "bf16", devices=devices, parallel=way)


def test_a_size_alone_leaves_its_heads_open() -> None:
    assert bitnet_cost.estimate("70B", H100, "fp8", devices=8).has_energy


def test_of_several_models_the_one_that_cannot_be_shared_is_a_record() -> None:
    found = bitnet_cost.compare(["qwen2.5-7b", "llama-3.1-8b"], [H100], ["bf16"], devices=8)
    reasons = {r.architecture.name: r.reason for r in found.results}
    assert "28 heads" in str(reasons["qwen2.5-7b"])
    assert reasons["llama-3.1-8b"] is None


@pytest.mark.parametrize("way", ["tensor", "pipeline", "data"])
def test_a_recommended_number_of_devices_can_share_the_model_and_holds_it(way: Parallel) -> None:
    for model, precision in itertools.product(
        ("gpt3-175b", "qwen2.5-72b", "deepseek-v3", "falcon-180b"), ("fp32", "fp16")
    ):
        result = bitnet_cost.estimate(model, H100, precision, parallel=way)
        needed, capacity = result.devices_needed, result.capacity_bits
        assert capacity is not None
        allowed = shareable(result.architecture, way)
        enough = [n for n in allowed if float(result.footprint.on_each(n)[0]) <= capacity]
        assert needed == (enough[0] if enough else None)
        assert needed is None or refusal(result.architecture, needed, way) is None


def test_more_devices_never_hold_more_each() -> None:
    result = bitnet_cost.estimate("llama-3.1-70b", H100, "int4")
    each = [float(result.footprint.on_each(n)[0]) for n in shareable(result.architecture, "tensor")]
    assert each == sorted(each, reverse=True)


def _own(**parts: object) -> Architecture:
    """Two layers with these parts, 64 wide."""
    ffn = {"size": 128, "activation": "silu", "gated": True}
    made: dict[str, object] = {"name": "own", "source": "own", "seen": "own", "kind": "decoder", "norm": "rmsnorm"}
    made |= {"hidden_size": 64, "vocab_size": 128, "lm_head": {"tied": True}}
    made["layers"] = [{"repeat": 2, "ffn": ffn, **parts}]
    if "cross_attention" in parts:
        reads = [{"repeat": 2, "ffn": ffn, "attention": parts["attention"]}]
        made |= {"kind": "encoder-decoder", "encoder": {"layers": reads}}
    return Architecture.model_validate(made)


_ATTENTION = {"heads": 8, "kv_heads": 2, "head_dim": 8}
_DELTA = {"key_heads": 2, "value_heads": 4, "key_dim": 8, "value_dim": 16, "conv_kernel": 4}
_STATES = {"inner_size": 128, "state_size": 16, "conv_kernel": 4, "heads": 8, "groups": 1}
_LATENT = {"heads": 8, "kv_rank": 16, "rope_dim": 8, "nope_dim": 8, "value_dim": 8}


@pytest.mark.parametrize(
    ("parts", "devices", "words"),
    [
        ({"delta_rule": _DELTA}, 4, "2 key heads of the delta rule"),
        ({"lightning": {"heads": 2, "head_dim": 32}}, 4, "2 heads of the linear attention"),
        ({"recurrence": {"width": 64, "blocks": 2, "conv_kernel": 4}}, 4, "2 blocks of the recurrence"),
        ({"wkv": {"width": 64}}, 3, "64 channels of the time mixing"),
        ({"convolution": {"conv_kernel": 3}}, 3, "64 channels of the convolution"),
        ({"attention": _ATTENTION, "cross_attention": {**_ATTENTION, "heads": 6}}, 4, "the 6 heads"),
        ({"attention": _ATTENTION, "state_space": {**_STATES, "heads": 2}}, 4, "2 heads of the state space"),
    ],
)
def test_devices_have_whole_heads_of_every_mixer(parts: dict[str, object], devices: int, words: str) -> None:
    model = _own(**parts)
    assert words in str(refusal(model, devices, "tensor"))
    assert refusal(model, 2, "tensor") is None


def test_the_state_beside_keys_and_values_is_not_repeated() -> None:
    """Two key-value heads on four devices are there twice; the heads of a state-space block in the same layer once."""
    both, keys = (
        bitnet_cost.estimate(_own(attention=_ATTENTION, **more), H100, "bf16", prompt=100, generate=1, devices=4)
        for more in ({"state_space": _STATES}, {})
    )
    cache, weights = 2 * 2 * 2 * 8 * 100 * 16, 2 * 2 * 64 * 16 * 16  # bits
    for found in (both, keys):
        assert float(np.ravel(found.footprint.repeated[2])[0]) == cache + weights
    states = 2 * ((128 + 2 * 16) * 4 + 128 * 16) * 16
    assert float(both.footprint.kv_bits[0]) == cache + states


def test_what_chooses_the_keys_is_on_every_device() -> None:
    """An indexer's key has one head: each of four devices has all of the keys, makes all of the scores."""
    chosen = {"heads": 4, "head_dim": 16, "kept": 32}
    model = _own(latent_attention={**_LATENT, "indexer": chosen})
    one, many = (bitnet_cost.estimate(model, H100, "bf16", prompt=100, generate=9, devices=n) for n in (1, 4))
    cache = 2 * (16 + 8 + 16) * 108 * 16
    assert float(one.footprint.kv_bits[0]) == cache
    assert float(np.ravel(many.footprint.repeated[1])[0]) > cache
    assert float(many.activity.kv_read_bits.sum()) == pytest.approx(4 * float(one.activity.kv_read_bits.sum()))


def test_the_cache_of_an_encoders_keys_is_repeated_as_that_of_a_decoder() -> None:
    """One key-value head in both attentions: two devices have all of both caches each."""
    narrow = {**_ATTENTION, "kv_heads": 1}
    model = _own(attention=narrow, cross_attention=narrow)
    found = bitnet_cost.estimate(model, H100, "bf16", prompt=100, generate=5, devices=2)
    cache = float(found.footprint.kv_bits[0])
    assert cache == 2 * 2 * 8 * (100 + 5) * 16
    assert float(np.ravel(found.footprint.repeated[1])[0]) > cache


def test_heads_that_devices_do_not_divide_are_filled_up() -> None:
    """64 heads on twelve chips of two cores: three to a core, which is 72; the feed-forward part is divided evenly."""
    model, work = catalog.model("llama-2-70b"), {"prompt": 64, "generate": 1, "devices": 12}
    found = bitnet_cost.estimate(model, "inferentia2", "bf16", **work)  # type: ignore[arg-type]
    share = tensor_share(found.counts, Parts(12, "tensor", 2, filled=True), 16)
    of_all = dict(zip(
        (op.name for op in found.counts.operators),
        (12 * share.counts["mac"] / np.maximum(found.counts["mac"], 1)).max(axis=(0, 2)).tolist(), strict=True,
    ))  # fmt: skip
    assert of_all["attn_scores"] == of_all["q"] == pytest.approx(72 / 64)
    assert of_all["k"] == pytest.approx(12 * 2 / 8)  # eight key-value heads on 24 cores, one on each
    assert of_all["down"] == pytest.approx(1)
    with pytest.raises(BitnetCostError, match="do not divide the 64 heads"):
        bitnet_cost.estimate(model, "inferentia2", "bf16", runtime="vllm", **work)  # type: ignore[arg-type]


def test_each_core_of_a_chip_repeats_the_heads_it_needs() -> None:
    """Eight key-value heads on 16 chips of two cores: each of 32 cores reads one of them, a quarter of them a chip."""
    one, many = (
        bitnet_cost.estimate("llama-3-8b", "trainium1", "bf16", batch=4, prompt=500, generate=2, devices=n)
        for n in (1, 16)
    )
    assert float(many.activity.kv_read_bits.sum()) == pytest.approx(16 * 2 / 8 * float(one.activity.kv_read_bits.sum()))


def test_a_chip_holds_what_each_of_its_cores_repeats() -> None:
    """Eight key-value heads on 32 cores are held by four each: a chip of two has a quarter of the cache, not a 16th."""
    model = catalog.model("llama-3-8b")
    found = bitnet_cost.estimate(model, "trainium1", "bf16", batch=4, prompt=500, generate=2, devices=16).footprint
    everywhere, by_heads = found.repeated[1], found.repeated[8]  # norms; the cache, and weights of keys and values
    assert np.all(by_heads > found.kv_bits)
    divided = found.total_weight_bits + found.kv_bits - everywhere - by_heads
    by_hand = divided / 16 + 2 * everywhere + 2 / 8 * by_heads + 2 * found.activation_bits
    assert found.on_each(16) == pytest.approx(by_hand)


def test_prompts_ride_on_the_steps_that_they_share() -> None:
    """A product of prompts and steps waits for the longer of both sums; attention of prompts is a kernel of its own."""
    ops = tuple(bitnet_cost.estimate("llama-2-7b", H100, "bf16", prompt=64, generate=64).counts.operators)
    product = next(i for i, op in enumerate(ops) if op.name == "q_proj" or op.traits.kernel == "product")
    compute, memory = np.full((2, len(ops), 1), 1.0), np.full((2, len(ops), 1), 4.0)
    compute[0], memory[0] = 3.0, 1.0
    longest = np.maximum(compute, memory)
    prompts, steps = riding(longest, compute, memory, np.array([0.5]), ops)
    assert steps[product, 0] == 4.0
    assert prompts[product, 0] == max(0.5 * 1.0 + 3.0, 0.5 * 4.0 + 1.0) - 0.5 * 4.0
    alone = [i for i, op in enumerate(ops) if op.group == "attention"]
    assert (prompts[alone] == longest[0, alone]).all()


def test_sequences_of_a_busy_server_attend_to_their_age() -> None:
    """Twice as old sequences read twice as many generated positions, and the prompt as often."""
    asked = bitnet_cost.estimate("llama-2-7b", H100, "bf16").scenario
    old, plain = (
        evaluate(asked.but(workload=Workload(4, 100, 1001, attention="causal", staggered=True, age=age)))
        for age in (2.0, 1.0)
    )
    read, steps = plain.activity.kv_read_bits[1].sum(), 1000 * 1001 / 2
    per_position = read / (4 * (1000 * 100 + steps))
    assert float((old.activity.kv_read_bits[1].sum() - read) / per_position) == pytest.approx(4 * steps, rel=1e-9)
