"""The first line of an answer says what a reader takes from it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from bitnet_cost.numerals import change_words, whole_percent
from tests.conftest import ROOT, Ran

Run = Callable[..., Ran]
NPU, TERNARY = (str(ROOT / "docs" / "examples" / f"{name}.yaml") for name in ("example-npu", "example-npu-ternary"))


def first(text: str) -> str:
    """The sentence before the first table, unwrapped."""
    return " ".join(text.partition("\n\n")[0].split())


def test_a_negative_saving_is_more_energy(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-3.1-8b", "-H", "h100-sxm-80gb", "--runtime", "vllm")
    saved = first(bitnet_cost(*words, "-p", "fp16", "-p", "bitnet-b1.58", "--baseline", "fp16").out)
    lost = first(bitnet_cost(*words, "-p", "int8", "-p", "bitnet-b1.58", "--baseline", "int8", "--batch", "256").out)
    assert "BitNet b1.58 needs the least energy on the H100 SXM: " in saved
    assert "% less than fp16" in saved
    assert "int8 needs the least energy on the H100 SXM at batch 256: BitNet b1.58 needs" in lost
    assert not re.search(r"-\d", lost)
    assert "less" not in lost


def test_compare_says_whose_cell_is_best(bitnet_cost: Run) -> None:
    words = ("compare", "gemma-2b", "llama-2-7b", "-H", "l4", "-p", "fp16", "-p", "int8")
    text = first(bitnet_cost(*words).out)
    records = json.loads(bitnet_cost(*words, "-f", "json").out)["records"]
    energy = {(r["model"], r["precision"]): r["energy_j"] for r in records}
    small, large = (change_words(energy[m, "fp16"] / energy[m, "int8"] - 1) for m in ("gemma-2b", "llama-2-7b"))
    assert text.startswith(
        f"int8 needs the least energy for Gemma 2B (fp16 needs {small}) and for Llama 2 7B (fp16 needs {large})."
    )


def test_a_note_stands_once_and_a_ternary_unit_is_one(bitnet_cost: Run) -> None:
    text = " ".join(
        bitnet_cost("compare", "gpt2", "gemma-2b", "-H", NPU, "-p", "fp16", "-p", "bitnet-b1.58").out.split()
    )
    assert text.count("no 1-bit unit on Example NPU") == 1
    assert "Example NPU, Example NPU" not in text
    own = " ".join(bitnet_cost("estimate", "gpt2", "-H", TERNARY, "-p", "bitnet-b1.58", "--notes").out.split())
    assert "no 1-bit unit" not in own
    assert "BitNet b1.58 runs on the ternary unit of Example NPU with a ternary unit" in own


def test_a_device_class_with_one_runtime_names_it(bitnet_cost: Run) -> None:
    ran = bitnet_cost("estimate", "gpt2", "-H", NPU, "-p", "fp16", "--runtime", "vllm")
    assert ran.code == 2
    assert ran.err.endswith("there is      roofline for devices of class 'npu'\n")


def test_what_does_not_fit_is_told_what_would(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-2-7b", "-p", "fp16", "-H")
    for device, way in (("raspberry-pi-5", ", but nothing joins them; int8 would"), ("rtx-3070", ", or int8 would")):
        text = bitnet_cost(*words, device).out
        assert first(text).startswith("Llama 2 7B does not fit on the ")
        assert f"2 such devices would hold it{way} fit one." in " ".join(text.split())
    text = bitnet_cost("fit", "llama-2-7b", "-H", "raspberry-pi-5", "-H", "l4", "-f", "markdown").out
    assert "- The Raspberry Pi 5 runs alone; nothing joins two of them." in text


def test_an_unknown_cell_names_those_there_are(bitnet_cost: Run) -> None:
    assert "cell: 'nope' is not known. There are parameters," in bitnet_cost("explain", "gpt2", "--cell", "nope").err
    near = bitnet_cost("explain", "gpt2", "--cell", "power").err
    assert "'power' is not known; did you mean 'power_w'? There are" in near


def test_the_classic_answer_says_what_memory_makes_of_the_saving(bitnet_cost: Run) -> None:
    text = " ".join(bitnet_cost("estimate", "gpt2").out.split())
    for node, name in (("cmos-45nm", "45 nm"), ("cmos-7nm", "7 nm")):
        for baseline, where in (("int8", first(text)), ("fp32", text.partition("Against fp32")[2])):
            words = ("estimate", "gpt2", "-p", "bitnet", "-H", node, "--baseline", baseline, "-f", "json", "--scope")
            wide, narrow = (
                whole_percent(json.loads(bitnet_cost(*words, scope).out)["records"][0]["saving"])
                for scope in ("memory", "arithmetic")
            )
            assert wide in where
            assert narrow in where
            assert name in where
    assert "once memory traffic counts" in first(text)
    assert "memory traffic counts" not in bitnet_cost("estimate", "gpt2", "--scope", "memory").out
    assert "memory traffic counts" not in bitnet_cost("estimate", "gpt2", "-p", "fp32").out


def test_scope_memory_at_a_node_says_what_it_does_not_reach(bitnet_cost: Run) -> None:
    words = ("gpt2", "-p", "bitnet", "-H", "cmos-7nm", "--scope", "memory")
    text = " ".join(bitnet_cost("estimate", *words, "--notes").out.split())
    said = "what the datapath reads of sram-8kb and its registers"
    assert f"and the like; {said}; static power" in text
    assert said in json.loads(bitnet_cost("estimate", *words, "-f", "json").out)["not_counted"]
    assert said in bitnet_cost("explain", *words, "--cell", "energy_j").out
    even = " ".join(bitnet_cost("break-even", *words, "--notes").out.split())
    assert f"and the like; {said}; static power" in even


def test_training_names_the_precision_that_needs_least(bitnet_cost: Run) -> None:
    words = ("train", "gpt2", "-H", "h100-sxm-80gb")
    text = first(bitnet_cost(*words, "-p", "fp32", "-p", "tf32").out)
    by = {r["precision"]: r for r in json.loads(bitnet_cost(*words, "-p", "fp32,tf32", "-f", "json").out)["records"]}
    less = whole_percent(by["tf32"]["energy_step_j"] / by["fp32"]["energy_step_j"] - 1)
    assert text.startswith("It fits: training GPT-2 in tf32 on one H100 SXM takes")
    assert f"Of those asked it needs least energy: {less} less than fp32, and" in text
    three = first(bitnet_cost(*words, "-p", "fp32,bf16,fp8").out)
    assert "least energy" not in three or "than bf16" in three or "than fp8" in three, "the strongest rival, not fp32"
    assert "in bf16 on one" in first(bitnet_cost(*words, "-p", "bf16,bitnet").out), "1-bit has its own sentence"


def test_equal_figures_have_no_winner(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "bitnet-b1.58", "-p", "bitnet-b1.58-i2s")
    text = first(bitnet_cost(*words).out)
    assert re.search(r"BitNet b1.58 and BitNet b1.58-i2s are the fastest, [\d.]+ tokens/s each", text)
    assert re.search(r"BitNet b1.58 and BitNet b1.58-i2s are the smallest, [\d.]+ GB each", text)


def test_more_positions_than_a_model_was_made_for_are_the_first_note(bitnet_cost: Run) -> None:
    out = bitnet_cost("estimate", "gpt2", "-H", "h100-sxm-80gb", "-p", "fp16,int8", "--prompt", "3000").out
    assert out[out.index("\n- ") :].startswith("\n- gpt2 was made for 1,024 positions; 3,127 are asked for.\n")


def test_at_nodes_what_cannot_be_told_apart_is_said_of_both(bitnet_cost: Run) -> None:
    def said(*precisions: str) -> str:
        return first(bitnet_cost("estimate", "llama-2-7b", "-p", ",".join(precisions)).out)

    assert said("w2a16", "int3") == (
        "w2a16 and int3 cannot be told apart by their arithmetic energy at 45 nm and at 7 nm; once memory traffic"
        " counts, w2a16 needs 5% and 7% less."
    )
    assert said("w2a16", "w3a16", "fp4") == (
        "fp4 needs 36% less arithmetic energy than w2a16 at 45 nm, and as much as far as the model can tell at 7 nm;"
        " once memory traffic counts, as much as far as the model can tell."
    )


def test_the_ends_of_a_range_are_in_the_unit_of_its_middle(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-3.1-8b", "-H", "h100-sxm-80gb", "-p", "fp8-kv8", "--runtime", "vllm")
    for batch in (64, 70, 76):
        text = first(bitnet_cost(*words, "--prompt", "8192", "-b", str(batch)).out)
        found = re.search(r"needs ([\d.]+) J a token \(([\d.]+) to ([\d.]+)\)", text)
        assert found, text
        low, middle, high = float(found[2]), float(found[1]), float(found[3])
        assert low < middle < high


def test_a_prompt_of_one_token_is_one_token(bitnet_cost: Run) -> None:
    for command in (("estimate",), ("fit",), ("load", "--rate", "1")):
        text = bitnet_cost(command[0], "gpt2", *command[1:], "-H", "l4", "-p", "fp16", "--prompt", "1").out
        assert "1 token in" in text
        assert "1 tokens" not in text


def test_notes_are_whole_sentences(bitnet_cost: Run) -> None:
    asked = ("estimate", "llama-3.1-8b", "-H", "rtx-4090", "-p", "fp32", "--notes")
    for words in (("validate", "bitnet-table-1", "--notes"), asked, ("estimate", "gpt2", "-H", "l4", "--notes")):
        text = bitnet_cost(*words).out
        notes = re.findall(r"^- (.+(?:\n  .+)*)", text, re.MULTILINE)
        assert len(notes) > 2
        assert all(note[-1] in ".)" for note in notes), notes
        assert "No figure was used" not in text
    assert "the cell is low." in " ".join(bitnet_cost("validate", "bitnet-table-1").out.split())


def test_a_load_is_said_as_it_was_asked_and_at_its_peak(bitnet_cost: Run) -> None:
    words = ("load", "gpt2", "-H", "l4", "-p", "fp16")
    assert first(bitnet_cost(*words, "--rate", "1e-6").out).startswith("0.000001 requests a second need 1 L4 in fp16")
    assert first(bitnet_cost(*words, "--rate", "1e9").out).startswith("1,000,000,000 requests a second are more than")
    asked = (*words, "--requests-per-day", "1e6", "--peak", "4")
    text = " ".join(bitnet_cost(*asked, "--notes").out.split())
    assert "Devices, watts, joules and times are those of 46.3 requests a second at the peak" in text
    found = json.loads(bitnet_cost(*asked, "-f", "json").out)["records"][0]
    assert abs(found["energy_per_token_j"] * 128 * found["rate_per_s"] / found["power_w"] - 1) < 1e-9
