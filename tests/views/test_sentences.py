"""The first line of an answer says what a reader takes from it."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.conftest import ROOT, Ran

Run = Callable[..., Ran]
NPU, TERNARY = (str(ROOT / "docs" / "examples" / f"{name}.yaml") for name in ("example-npu", "example-npu-ternary"))


def first(text: str) -> str:
    """The sentence before the first table, unwrapped."""
    return " ".join(text.partition("\n\n")[0].split())


def test_a_negative_saving_is_more_energy(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-3.1-8b", "-H", "h100-sxm-80gb", "--runtime", "vllm", "--baseline", "fp16")
    saved = first(bitnet_cost(*words, "-p", "fp16", "-p", "bitnet-b1.58").out)
    lost = first(bitnet_cost(*words, "-p", "fp16", "-p", "bitnet-b1.58", "--batch", "64").out)
    assert "% less energy at h100-sxm-80gb than fp16" in saved
    assert "% more energy at h100-sxm-80gb than fp16" in lost
    assert "-" not in lost.partition("needs")[2].partition("%")[0]


def test_compare_says_whose_cell_is_best(bitnet_cost: Run) -> None:
    text = first(bitnet_cost("compare", "gpt2", "llama-2-7b", "-H", "l4", "-p", "fp16", "-p", "int8").out)
    assert text.startswith("GPT-2, Llama 2 7B on 1 piece of hardware")
    assert "(gpt2 in int8 at l4)" in text


def test_a_note_stands_once_and_a_ternary_unit_is_one(bitnet_cost: Run) -> None:
    text = " ".join(
        bitnet_cost("compare", "gpt2", "gemma-2b", "-H", NPU, "-p", "fp16", "-p", "bitnet-b1.58").out.split()
    )
    assert text.count("has no unit for 1-bit products") == 1
    own = str(ROOT / "docs" / "examples" / "example-ternary.yaml")
    assert "has no unit" not in bitnet_cost("estimate", "gpt2", "-H", TERNARY, "-p", own).out


def test_a_device_class_with_one_runtime_names_it(bitnet_cost: Run) -> None:
    ran = bitnet_cost("estimate", "gpt2", "-H", NPU, "-p", "fp16", "--runtime", "vllm")
    assert ran.code == 2
    assert ran.err.endswith("there is      roofline for devices of class 'npu'\n")


def test_what_does_not_fit_is_told_what_would(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-2-7b", "-p", "fp16", "-H")
    assert "2 such devices would hold it, but nothing joins them; int8 would fit one." in first(
        bitnet_cost(*words, "raspberry-pi-5").out
    )
    assert "2 such devices would hold it, or int8 would fit one." in first(bitnet_cost(*words, "rtx-3070").out)
    text = bitnet_cost("fit", "llama-2-7b", "-H", "raspberry-pi-5", "-H", "l4", "-f", "markdown").out
    assert "- The Raspberry Pi 5 runs alone; nothing joins two of them." in text


def test_an_unknown_cell_names_those_there_are(bitnet_cost: Run) -> None:
    assert "cell: 'nope' is not known. There are parameters," in bitnet_cost("explain", "gpt2", "--cell", "nope").err
    near = bitnet_cost("explain", "gpt2", "--cell", "power").err
    assert "'power' is not known; did you mean 'power_w'? There are" in near


def test_the_classic_answer_says_what_memory_makes_of_the_saving(bitnet_cost: Run) -> None:
    text = " ".join(bitnet_cost("estimate", "gpt2").out.split())
    note = text.partition("with memory traffic (--scope memory) the saving is ")[2].partition(". ")[0]
    for node in ("cmos-45nm", "cmos-7nm"):
        records = [
            json.loads(bitnet_cost("estimate", "gpt2", "-p", "bitnet", "-H", node, "--scope", s, "-f", "json").out)
            for s in ("memory", "arithmetic")
        ]
        wide, narrow = (f"{100 * document['records'][0]['saving']:.2f}" for document in records)
        assert f"bitnet {wide} % instead of {narrow} at {node}" in note
    assert "with memory traffic" not in bitnet_cost("estimate", "gpt2", "--scope", "memory").out
    assert "with memory traffic" not in bitnet_cost("estimate", "gpt2", "-p", "fp32").out


def test_scope_memory_at_a_node_says_what_it_does_not_reach(bitnet_cost: Run) -> None:
    words = ("gpt2", "-p", "bitnet", "-H", "cmos-7nm", "--scope", "memory")
    text = " ".join(bitnet_cost("estimate", *words).out.split())
    said = "what the datapath reads of sram-8kb and its registers"
    assert f"and the like; {said}; static power" in text
    assert said in json.loads(bitnet_cost("estimate", *words, "-f", "json").out)["not_counted"]
    assert said in bitnet_cost("explain", *words, "--cell", "energy_j").out
    even = " ".join(bitnet_cost("break-even", *words, "--notes").out.split())
    assert f"and the like; {said}; static power" in even
