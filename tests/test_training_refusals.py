"""Nonsense that training is asked is refused by name; what does not fit names what would, and that then fits."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from bitnet_cost.studies.training import Terms, train
from tests.conftest import Ran

WHOLE = ("seq", "micro-batch", "global-batch", "devices", "dp", "tp", "pp", "cp", "ep", "virtual-stages", "lora")
REAL = ("tokens", "pue", "price", "device-hour", "lifetime", "carbon", "embodied")


def refused(ended: Ran, says: str) -> None:
    assert ended.code == 2, ended.out
    assert ended.err.startswith("error: ")
    assert says in ended.err
    assert not ended.out


@pytest.mark.parametrize("option", [*WHOLE, "zero"])
@pytest.mark.parametrize("value", ["-1", "nan", "1e400", "99999999999999999999", "1.5", "many"])
def test_whole_numbers(bitnet_cost: Callable[..., Ran], option: str, value: str) -> None:
    refused(bitnet_cost("train", "gpt2", f"--{option}", value), f"{option}: ")


@pytest.mark.parametrize("option", WHOLE)
def test_none_is_not_a_number_of_them(bitnet_cost: Callable[..., Ran], option: str) -> None:
    refused(bitnet_cost("train", "gpt2", f"--{option}", "0"), f"error: {option}: 0 is not a ")


@pytest.mark.parametrize("option", REAL)
@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e400"])
def test_other_numbers(bitnet_cost: Callable[..., Ran], option: str, value: str) -> None:
    refused(bitnet_cost("train", "gpt2", f"--{option}", value), f"error: {option}: {value.replace('1e400', 'inf')}")


@pytest.mark.parametrize(("words", "says"), [
    ("llama-3.2-1b --devices 8 --tp 3", "devices: dp x tp x pp x cp is 2 x 3 x 1 x 1 = 6, not 8"),
    ("llama-3.2-1b --devices 8 --tp 2 --pp 2 --cp 3", "1 x 2 x 2 x 3 = 12, not 8"),
    ("llama-3.2-1b --dp 2 --micro-batch 2 --global-batch 6", "global-batch: 6 is not a multiple of micro-batch x dp = 2"),
    ("llama-3.2-1b --pp 17", "pp: 17 stages are more than the 16 layers"),
    ("llama-3.2-1b --pp 4 --virtual-stages 5 --global-batch 16", "pp: 20 stages are more than the 16 layers"),
    ("llama-3.2-1b --pp 4 --virtual-stages 2 --global-batch 6", "virtual-stages: an interleaved schedule needs micro-b"),
    ("llama-3.2-1b --virtual-stages 2", "virtual-stages: there is one stage"),
    ("llama-3.2-1b --tp 5", "tp: 5 devices do not divide the 32 heads"),
    ("llama-3.2-1b --tp 64", "tp: 64 devices do not divide the 32 heads"),
    ("mamba-2.8b --tp 7", "tp: 7 devices do not divide the 5,120 channels of the state space"),
    ("llama-3.2-1b --pp 2 --devices 8 --zero 3", "zero: stage 3 does not work with a pipeline"),
    ("llama-3.2-1b --cp 3", "cp: 3 does not divide the sequence of 2048 tokens"),
    ("llama-3.2-1b --ep 2 --dp 2", "ep: llama-3.2-1b has no experts"),
    ("mixtral-8x7b --ep 3 --dp 3", "ep: 3 does not divide the 8 experts"),
    ("mixtral-8x7b --ep 3 --dp 4", "ep: 3 does not divide"),
    ("mixtral-8x7b --devices auto --ep 3", "ep: 3 does not divide the 8 experts"),
    ("mixtral-8x7b --devices auto --ep 0", "ep: 0 is not a whole number"),
    ("mixtral-8x7b --devices auto --ep 8 --dp 4", "ep: 8 does not divide dp x tp x cp = 4"),
    ("llama-3.2-1b -p int4", "precision 'int4' has no gradients: give --lora RANK"),
    ("llama-3.2-1b -p nf4-double", "precision 'nf4-double' has no gradients"),
    ("llama-3.2-1b -p q4_k_m", "precision 'q4_k_m' has no gradients"),
    ("llama-3.2-1b --baseline w4a4", "precision 'w4a4' has no gradients"),
    ("llama-3.2-1b --lora 513", "lora: a rank of 513 is above 512, the smaller side of 'k'"),
    ("llama-3.2-1b --lora 65537", "lora: 65537 is not a rank"),
    ("linear-64x64 --lora 65", "lora: a rank of 65 is above 64"),
    ("llama-3.2-1b --optimizer adam", "did you mean  adamw?"),
    ("llama-3.2-1b --recompute some", "'some' is not a choice"),
    ("llama-3.2-1b --master bf16", "'bf16' is not a choice"),
    ("llama-3.2-1b --zero 4", "zero: 4 is not a stage"),
    ("llama-3.2-1b --runtime vllm", "that is       software that runs a model; it is not trained with it"),
    ("llama-3.2-1b --runtime megatrn", "did you mean  megatron"),
    ("llama-3.2-1b --runtime nothing.yaml", "nothing.yaml: no such file"),
    ("llama-3.2-1b --link nosuch", "no link is called 'nosuch'"),
    ("llama-3.2-1b --tokens 300Q", "tokens: '300Q' is not a number such as 300B"),
    ("llama-3.2-1b --tokens 0.5", "tokens: 0.5 is not a number of tokens from 1"),
    ("llama-3.2-1b --devices some", "devices: 'some' is neither a number nor 'auto'"),
    ("llama-3.2-1b --devices auto --seq 100000000", "devices: no plan of up to 16,384 h100-sxm-80gb holds llama-3.2-1b"),
    ("llama-3.2-1b -H apple-m1-pro-gpu-14c", "training runtimes are of GPUs; none is known for 'apple-m1-pro-gpu-14c'"),
    ("llama-3.2-1b -H cmos-7nm --devices 2", "devices: 'cmos-7nm' is a technology node; it trains alone"),
    ("llama-3.2-1b -H cmos-7nm --runtime eager", "runtime: 'cmos-7nm' is a technology node"),
    ("nosuch", "no model is called 'nosuch'"),
])  # fmt: skip
def test_what_excludes_one_another(bitnet_cost: Callable[..., Ran], words: str, says: str) -> None:
    refused(bitnet_cost("train", *shlex.split(words)), says)


@pytest.mark.parametrize("words", [
    "llama-3.1-8b", "llama-3.1-8b --devices 16", "llama-3.1-8b -H l4 --lora 8", "llama-3.1-70b --lora 16 -p nf4-double",
    "llama-3.2-1b --micro-batch 16", "llama-3.1-70b -H rtx-4090", "llama-3.2-1b --seq 400000", "175B --micro-batch 2",
    "mixtral-8x7b --devices 16 --ep 8 --zero 1", "mixtral-8x7b --devices 8 --ep 4",
])  # fmt: skip
def test_what_would_fit_does(bitnet_cost: Callable[..., Ran], words: str) -> None:
    """Each way that the reason names, typed as it says, holds the step."""
    asked = ["train", *shlex.split(words), *([] if "-p " in words else ["-p", "bf16"]), "-f", "json"]
    reason = json.loads(bitnet_cost(*asked).out)["records"][0]["reason"]
    text = reason.partition("; ")[2]
    ways = []
    for part in text.replace("those given with ", "").replace("this one with ", "").split(", "):
        many, more, options = part.partition(" such devices would hold it")
        if more:
            ways.append(["--devices", many.replace(",", ""), *shlex.split(options.removeprefix(" with"))])
        else:
            ways += [shlex.split(way) for way in part.removesuffix(" would hold it").split(" or ")]
    assert ways
    for way in ways:
        typed = [word for word in asked if not ("-p" in way and word in ("-p", "bf16"))]
        gone = ("--micro-batch",) if "--micro-batch" in way else ()
        typed = [w for i, w in enumerate(typed) if w not in gone and (not i or typed[i - 1] not in gone)]
        record = json.loads(bitnet_cost(*typed, *way).out)["records"][0]
        assert record["fits"], (way, record["reason"])


@pytest.mark.parametrize(("given", "kept"), [
    ({"tp": 2}, "tp"), ({"pp": 4}, "pp"), ({"dp": 3}, "dp"), ({"cp": 2}, "cp"), ({"zero": 2}, "zero"),
])  # fmt: skip
def test_automatic_devices_keep_what_was_given(given: dict[str, Any], kept: str) -> None:
    found = train("llama-3.1-8b", precisions=["bf16"], devices="auto", **given)[0]
    assert found.fits
    assert getattr(found.plan, kept) >= given[kept]
    assert kept == "zero" or getattr(found.plan, kept) == given[kept]


def test_automatic_devices_spread_experts_as_asked() -> None:
    found = train("mixtral-8x7b", precisions=["bf16"], devices="auto", ep=8)[0]
    assert found.fits
    assert (found.plan.ep, found.plan.devices) == (8, 16)


def test_automatic_devices_are_the_fewest() -> None:
    found = train("llama-3.1-70b", precisions=["bf16"], devices="auto")[0]
    half = found.plan.devices // 2
    plans = [{"dp": d, "tp": t, "pp": half // d // t, "zero": 3 if half == d * t else 1}
             for d in (1, 2, 4, 8) for t in (1, 2, 4, 8) if half % (d * t) == 0]  # fmt: skip
    assert plans
    for plan in plans:
        zero = plan["zero"] if plan["dp"] > 1 else 0
        assert not train("llama-3.1-70b", ("h100-sxm-80gb",), ["bf16"], Terms(), **{**plan, "zero": zero})[0].fits
