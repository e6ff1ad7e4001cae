"""Bad input: one clear message on stderr, exit code 2, nothing on stdout, nothing written."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from bitnet_cost import compare, load_hardware
from bitnet_cost.words import (
    Accumulator,
    AttentionSpan,
    BreakEvenAxis,
    Counting,
    Distribution,
    Engine,
    FileKind,
    Listing,
    Logits,
    Parallel,
    Plotly,
    Scope,
)
from tests.conftest import ROOT, Ran

Run = Callable[..., Ran]
HARDWARE = (ROOT / "hw_profiles" / "cmos-45nm.yaml").read_text("utf-8").replace("name: cmos-45nm", "name: own", 1)
MODEL = (ROOT / "models" / "gpt3-125m.yaml").read_text("utf-8")
PRECISION = (ROOT / "precisions" / "int8.yaml").read_text("utf-8")
STUDY = (ROOT / "reports" / "overview-175b.yaml").read_text("utf-8")


def refused(ran: Ran, *words: str, code: int = 2) -> None:
    assert ran.code == code, (ran.code, ran.err)
    assert ran.out == ""
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err, ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["estimate", "gpt3-175"], ["no model is called", "gpt3-175b"]),
        (["estimate", "gpt2", "-p", "bitnt"], ["no precision is called", "did you mean  bitnet?"]),
        (["estimate", "gpt2", "-H", "cmos-6nm"], ["no hardware is called", "cmos-"]),
        (["estimate", "gpt2", "--baseline", "fp23"], ["no precision is called"]),
        (["estimate", "missing.yaml"], ["missing.yaml", "no such file"]),
        (["estimate", "."], ["folder"]),
        (["estimate", "1e30B"], ["10M to 1000T"]),
        (["estimate", "1e16"], ["'1e16'", "10M to 1000T"]),
        (["estimate", "1E400"], ["10M to 1000T"]),
        (["estimate", "0B"], ["10M to 1000T"]),
        (["estimate", "2000T"], ["10M to 1000T"]),
        (["estimate", "--", "-7B"], ["10M to 1000T"]),
        (["estimate", "gpt2", "-p", "w0a8"], ["0-bit weights"]),
        (["estimate", "gpt2", "-p", "w99a8"], ["99-bit weights"]),
        (["estimate", "gpt2", "-p", "w4a3.5"], ["whole number"]),
        (["estimate", "gpt2", "-H", "cmos-45nm", "-p", "w3a3"], ["mul.int3", "cmos-45nm", "w3a3", "priced"]),
        (["estimate", "gpt2", "--scope", "device"], ["clock"]),
        (["estimate", "gpt2", "--scope", "facility"], ["clock", "arithmetic, compute, memory"]),
        (["estimate", "bert-base", "--attention", "causal"], ["encoder"]),
        (["estimate", "bert-base", "--generate", "2"], ["encoder"]),
        (["estimate", "gpt2", "-f", "xml"], ["xml"]),
        (["layers", "gpt9"], ["no model is called"]),
        (["show", "cmos-46nm"], ["nothing is called", "cmos-45nm"]),
        (["show", "gpt2", "-f", "csv"], ["csv"]),
        (["list", "modls"], ["modls"]),
        (["validate", "bitnet-table-2"], ["no study is called", "bitnet-table-1"]),
        (["estimate", "qwen2.5-0.5b", "-H", "h100-sxm-80gb", "--devices", "8"], ["take --devices 2 or --parallel"]),
        (["sweep", "gpt2", "-o", "x.csv"], ["no such study", "-m gpt2"]),
        (["load", "gpt2", "--requests-per-day", "1.5M"], ["'1.5M' is not a number", "write         1500000"]),
        (["check", "missing.yaml"], ["no such file"]),
        (["estimate"], ["MODEL"]),
        (["estimat", "gpt2"], ["estimat"]),
    ],
    ids=" ".join,
)
def test_words(
    bitnet_cost: Run, words: list[str], said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(bitnet_cost(*words), *said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        (["estimate", "gpt2", "--scope"], Scope),
        (["estimate", "gpt2", "--attention"], AttentionSpan),
        (["layers", "gpt2", "--logits"], Logits),
        (["explain", "gpt2", "--cell", "energy_j", "--counting"], Counting),
        (["estimate", "gpt2", "--accumulator"], Accumulator),
        (["compare", "gpt2", "--parallel"], Parallel),
        (["estimate", "gpt2", "--distribution"], Distribution),
        (["report", "gpt2", "--plotly"], Plotly),
        (["break-even", "gpt2", "-H", "l4", "--axis", "batch", "--axis"], BreakEvenAxis),
        (["sweep", "--scope", "device", "--scope"], Scope),
        (["sweep", "--engine"], Engine),
        (["list"], Listing),
        (["schema"], FileKind),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_a_wrong_word_is_told_the_choices(bitnet_cost: Run, words: list[str], choices: object) -> None:
    for wrong in ("wrongly", get_args(choices)[0][:-1] + "x"):
        refused(bitnet_cost(*words, wrong), repr(wrong), ", ".join(get_args(choices)[:-1]), get_args(choices)[-1])


@pytest.mark.parametrize("option", ["--batch", "--prompt", "--generate"])
@pytest.mark.parametrize("value", ["-1", "0", "nan", "inf", "1e30", "1.5", "two", "", "1000000000000", "9" * 400])
def test_numbers(bitnet_cost: Run, option: str, value: str) -> None:
    refused(bitnet_cost("estimate", "gpt2", f"{option}={value}"), option.strip("-"))


HARDWARE_FAULTS = {
    "per bit": ("value: 0.03 pJ,", "value: 0.03 pJ/bit,", ["actions.add.int8", "energy per bit", "'0.03 pJ'", "line"]),
    "no unit": ("value: 0.03 pJ,", "value: 0.03,", ["actions.add.int8", "no unit"]),
    "unknown unit": ("value: 0.03 pJ,", "value: 0.03 pC,", ["pC"]),
    "negative": ("value: 0.03 pJ,", "value: -0.03 pJ,", ["outside"]),
    "zero": ("value: 0.03 pJ,", "value: 0 pJ,", ["outside"]),
    "nan": ("value: 0.03 pJ,", "value: .nan,", ["add.int8"]),
    "infinite": ("value: 0.03 pJ,", "value: .inf,", ["add.int8"]),
    "absurd": ("value: 0.03 pJ,", "value: 1e30 pJ,", ["outside"]),
    "a list": ("value: 0.03 pJ,", "value: [0.03 pJ],", ["add.int8"]),
    "range": ("low: 0.018 pJ", "low: 0.05 pJ", ["low <= value <= high"]),
    "no source": (", source: horowitz2014}", "}", ["source", "missing"]),
    "unknown source": ("source: horowitz2014}", "source: nobody2014}", ["nobody2014"]),
    "misspelt sources": ("\nsources:", "\nsurces:", ["surces", "'sources'"]),
    "misspelt action": ("add.int8:", "ad.int8:", ["ad.int8", "add.int8"]),
    "misspelt key": ("low: 0.018 pJ", "lo: 0.018 pJ", ["'lo'", "'low'"]),
    "wrong basis": ("basis: published", "basis: guessed", ["guessed"]),
    "bandwidth": (
        "    read:",
        "    bandwidth: {value: 900 GB, low: 900 GB, high: 900 GB, basis: assumed, source: guess}\n    read:",
        ["bandwidth", "'900 GB' is capacity"],
    ),
    "unpriced action": ("  add.int8:", "  add.int64:", ["add.int8", "no price", "priced"]),
}


@pytest.mark.parametrize("fault", HARDWARE_FAULTS)
def test_hardware_files(bitnet_cost: Run, fault: str, tmp_path: Path) -> None:
    old, new, said = HARDWARE_FAULTS[fault]
    assert old in HARDWARE
    file = tmp_path / "own.yaml"
    file.write_text(HARDWARE.replace(old, new, 1) if fault != "unknown source" else HARDWARE.replace(old, new), "utf-8")
    refused(bitnet_cost("estimate", "gpt2", "-p", "bitnet", "-H", file), *said)
    if fault != "unpriced action":
        refused(bitnet_cost("check", file), *said, code=1)


MODEL_FAULTS = {
    "heads": ("heads: 12", "heads: 7", ["heads 7", "hidden_size 768"]),
    "kv heads": ("heads: 12", "heads: 12, kv_heads: 5", ["kv_heads 5", "heads 12"]),
    "zero heads": ("heads: 12", "heads: 0", ["heads"]),
    "misspelt": ("hidden_size", "hiden_size", ["hiden_size", "'hidden_size'"]),
    "missing": ("hidden_size: 768\n", "", ["hidden_size", "missing"]),
    "many layers": ("repeat: 12", "repeat: 1000000000", ["repeat"]),
    "text": ("hidden_size: 768", "hidden_size: '768'", ["hidden_size"]),
    "float": ("hidden_size: 768", "hidden_size: 768.5", ["hidden_size"]),
    "bool": ("hidden_size: 768", "hidden_size: true", ["hidden_size"]),
    "nan": ("hidden_size: 768", "hidden_size: .nan", ["hidden_size"]),
    "huge": ("hidden_size: 768", "hidden_size: " + "9" * 300, ["hidden_size"]),
    "null": ("hidden_size: 768", "hidden_size: ~", ["hidden_size"]),
    "two mixers": (
        "    ffn:",
        "    wkv: {width: 8}\n    ffn:",
        ["one of"],
    ),
    "unknown activation": ("gelu_tanh", "gelu2", ["activation"]),
    "no source": ("source:", "# source:", ["source", "missing"]),
}


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_model_files(bitnet_cost: Run, fault: str, tmp_path: Path) -> None:
    old, new, said = MODEL_FAULTS[fault]
    assert old in MODEL
    file = tmp_path / "own.yaml"
    file.write_text(MODEL.replace(old, new, 1), "utf-8")
    refused(bitnet_cost("estimate", file), *said)
    refused(bitnet_cost("check", file), *said, code=1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("bits: 8,", "bits: 0,", "bits"),
        ("information_bits: 8", "information_bits: 9", "information_bits"),
        ("mul.int8: 1", "mul.int8: 0", "recipe"),
        ("mul.int8: 1", "multiply: 1", "multiply"),
        ("accumulator: add.int8", "accumulator: wide", "wide"),
        ("kv_bits: 16", "kv_bits: 64", "kv_bits"),
        ("attention: fp16", "attention: fp17", "attention"),
        ("scale_per: channel", "scale_per: group", "group"),
    ],
)
def test_precision_files(bitnet_cost: Run, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in PRECISION
    file = tmp_path / "own.yaml"
    file.write_text(PRECISION.replace(old, new, 1), "utf-8")
    refused(bitnet_cost("estimate", "gpt2", "-p", file), said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("printed: [45, 45]", "printed: [45]", "1 cells for 2 columns"),
        ("precision: int8, printed: [175]", "precision: int9, printed: [175]", "int9"),
        ("decimals: 2", "tolerance: 3", "reason"),
        ("unit: GB", "unit: GiB/s", "unit"),
        ("findings:", "finding:", "'findings'"),
    ],
)
def test_study_files(bitnet_cost: Run, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in STUDY
    file = tmp_path / "own.yaml"
    file.write_text(STUDY.replace(old, new, 1), "utf-8")
    refused(bitnet_cost("validate", file), said)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank": (b" \n\n", "empty"),
    "binary": (bytes(range(256)) * 8, "UTF-8"),
    "nul": (b"name: a\x00b\n", "YAML"),
    "tag": (b"name: !!python/object/apply:os.system ['true']\n", "tag"),
    "custom tag": (b"name: !thing x\n", "tag"),
    "alias": (b"a: &a [x, x]\nb: [*a, *a]\n", "anchors and aliases"),
    "merge": (b"<<: {a: 1}\n", "merge"),
    "duplicate": (b"name: a\nname: b\n", "twice"),
    "deep": (b"[" * 100_000, "deep"),
    "deep maps": (b"".join(b" " * i + b"a:\n" for i in range(100)), "deep"),
    "two documents": (b"name: a\n---\nname: b\n", "second document"),
    "list": (b"- a\n- b\n", "expected"),
    "scalar": (b"just text\n", "expected"),
    "unclosed": (b"name: {a: 1\n", "YAML"),
    "tab": (b"a:\n\t- b\n", "YAML"),
    "complex key": (b"? [a, b]\n: c\n", "key"),
    "nothing known": (b"colour: red\n", "colour"),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize(
    "place", [["estimate"], ["estimate", "gpt2", "-H"], ["estimate", "gpt2", "-p"], ["validate"]], ids=" ".join
)
def test_hostile_files(bitnet_cost: Run, kind: str, place: list[str], tmp_path: Path) -> None:
    content, said = HOSTILE[kind]
    file = tmp_path / "own.yaml"
    file.write_bytes(content)
    ran = bitnet_cost(*place, file)
    refused(ran, "own.yaml")
    assert said in ran.err or kind == "nothing known"


def test_a_file_of_100_mb_is_refused_unread(bitnet_cost: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    with file.open("wb") as stream:
        stream.truncate(100_000_000)
    refused(bitnet_cost("estimate", file), "100 MB")


def test_outputs(bitnet_cost: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(bitnet_cost("estimate", "gpt2", "-o", tmp_path / "folder"), "folder")
    refused(bitnet_cost("estimate", "gpt2", "-o", tmp_path / "nowhere" / "x.txt"), "does not exist")
    refused(bitnet_cost("estimate", "gpt2", "-o", "/proc/nowhere.txt"), "cannot be written")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_failed_write_loses_nothing(bitnet_cost: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "answer.txt"
    file.write_text("precious", "utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    refused(bitnet_cost("estimate", "gpt2", "-o", file), "No space left")
    assert file.read_text("utf-8") == "precious"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("words", "name", "start"),
    [
        (("estimate", "gpt2"), "a.json", '{\n "schema"'), (("estimate", "gpt2"), "a.CSV", "model,parameters"),
        (("estimate", "gpt2"), "a.md", "# GPT-2"), (("estimate", "gpt2", "--plotly", "none"), "a.html", "<!doctype html>"),
        (("estimate", "gpt2"), "a.txt", "BitNet needs"), (("estimate", "gpt2"), "a", "BitNet needs"),
        (("estimate", "gpt2", "-f", "json"), "a.txt", "{"), (("estimate", "gpt2", "-f", "csv"), "a.dat", "model,"),
        (("explain", "gpt2", "--cell", "energy_j"), "a.json", "{"), (("list", "models"), "a.csv", "name,"),
    ],
)  # fmt: skip
def test_the_ending_of_a_file_says_the_format(
    words: tuple[str, ...], name: str, start: str, bitnet_cost: Run, tmp_path: Path
) -> None:
    assert bitnet_cost(*words, "-o", tmp_path / name).code == 0
    assert (tmp_path / name).read_text("utf-8").startswith(start)


@pytest.mark.parametrize(
    ("words", "name", "said"),
    [
        (("estimate", "gpt2"), "a.pdf", ".txt, .json, .csv, .md, .tex, .html, or add --format"),
        (("estimate", "gpt2", "-f", "csv"), "a.json", "--format says csv"), (("layers", "gpt2"), "a.html", ".html"),
        (("break-even", "llama-2-7b", "-H", "cmos-7nm", "--axis", "batch", "--draws", "10"), "a.pdf", ".md, .tex, .html, or add"),
        (("report", "gpt2", "-H", "l4"), "a.pdf", "name it with --figure"), (("schema", "model"), "a.yaml", ".json"),
        (("plot", "a.csv"), "a.gif", ".html"), (("validate", "--measured", "--plot", "a.svg"), "a.txt", ".html"),
    ],
)  # fmt: skip
def test_an_ending_that_says_something_else_is_refused(
    words: tuple[str, ...], name: str, said: str, bitnet_cost: Run, tmp_path: Path
) -> None:
    refused(bitnet_cost(*words, "-o", tmp_path / name), said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_a_closed_output_is_one_message(closed: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m bitnet_cost list precisions {closed}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "" if "2>" in closed else "error: cannot write: standard output is closed; give a file with -o\n"
    )


def test_a_range_without_points_is_told_at_its_points(bitnet_cost: Run) -> None:
    for axis, place in (("--batch", "batch"), ("--vary", "vary.power.static")):
        words = "power.static=1:10:0" if axis == "--vary" else "1:10:0"
        ran = bitnet_cost("sweep", "-m", "gpt2", "-H", "l4", "-p", "fp16", axis, words, "--dry-run")
        refused(ran, f"{place}.points: 0: input should be greater than or equal to 2")


def test_a_refused_question_writes_no_file(bitnet_cost: Run, tmp_path: Path) -> None:
    refused(bitnet_cost("estimate", "gpt2", "-H", "cmos-45nm", "-p", "w3a3", "-o", tmp_path / "answer.txt"), "mul.int3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("-H l4 -H h100-sxm-80gb -p int4", "--hardware is given twice; break-even takes one"),
        ("--gpu l4 -p int4 -H l4", "--hardware is given twice; break-even takes one"),
        ("-H l4,h100-sxm-80gb -p int4", "--hardware: 'l4,h100-sxm-80gb' are several; one is taken here"),
        ("-H l4 -p int4,fp8", "--precision: 'int4,fp8' are several; one is taken here"),
    ],
)
def test_of_several_where_one_is_taken_none_is_left_out_unsaid(words: str, told: str, bitnet_cost: Run) -> None:
    ran = bitnet_cost("break-even", "gpt2", *words.split())
    assert (ran.code, ran.out, ran.err.strip()) == (2, "", f"error: {told}")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_fault(unbuffered: str) -> None:
    command = f"set -o pipefail; {shlex.quote(sys.executable)} -m bitnet_cost estimate gpt3-175b -f json | head -n 1"
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_said(unbuffered: str) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "bitnet_cost", "estimate", "gpt2"]
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT, env=environment
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot write" in done.stderr


def test_one_refused_cell_among_others_is_a_record_with_its_reason(bitnet_cost: Run) -> None:
    import json

    ran = bitnet_cost("estimate", "gpt2", "-H", "cmos-7nm", "-p", "w4a4", "-p", "w3a3", "-f", "json")
    assert ran.code == 0
    fine, refused_cell = json.loads(ran.out)["records"]
    assert fine["energy_j"] > 0
    assert refused_cell["energy_j"] is None
    assert refused_cell["saving"] is None
    assert refused_cell["reason"] == "no price for mul.int3"
    assert refused_cell["weights_bytes"] > 0


@pytest.mark.parametrize(
    "words",
    [
        ("-H", "h100-sxm-80gb", "-H", "gap8", "-p", "int8", "--baseline", "fp16"),
        ("-H", "gap8", "-p", "int8", "-p", "fp16"),
        ("-p", "w3a3"),
    ],
    ids=["baseline", "both", "nodes"],
)
def test_several_refused_cells_are_records_with_their_reasons(bitnet_cost: Run, words: tuple[str, ...]) -> None:
    import json

    ran = bitnet_cost("estimate", "gpt2", *words, "-f", "json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)["records"]
    assert len(found) == 2
    for record in found:
        refused_here = record["hardware"] == "gap8" or record["precision"] == "w3a3"
        assert (record["energy_j"] is None) is refused_here
        assert (record["reason"] or "").startswith("no price for m") is refused_here
    assert "no price for m" in bitnet_cost("estimate", "gpt2", *words, "--notes").out


def test_a_baseline_without_a_price_leaves_energies_without_a_saving(bitnet_cost: Run) -> None:
    import json

    words = ("estimate", "gpt2", "-H", "cmos-7nm", "-p", "fp16", "-p", "int8", "--baseline", "w3a3")
    for record in json.loads(bitnet_cost(*words, "-f", "json").out)["records"]:
        assert record["energy_j"] > 0
        assert (record["saving"], record["baseline"]) == (None, "w3a3")
        assert record["reason"] == "no saving: baseline w3a3 has no price for mul.int3"
    said = " ".join(bitnet_cost(*words, "--draws", "50", "--sensitivity").out.split())
    assert "int8 at cmos-7nm: no saving: baseline w3a3 has no price for mul.int3." in said
    refused(bitnet_cost(*words[:6], "--baseline", "w3a3"), "mul.int3", "priced")  # a single cell


# --- names of the catalogue -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "option", "change"),
    [
        ("hw_profiles/l4.yaml", "-H", ("bandwidth: {value: 300 GB/s", "bandwidth: {value: 280 GB/s")),
        ("precisions/int8.yaml", "-p", ("activation_bits: 8", "activation_bits: 7")),
        ("models/gpt2.yaml", None, ("repeat: 12", "repeat: 11")),
    ],
)
def test_a_name_of_the_catalogue_means_the_catalogue(
    bitnet_cost: Run, source: str, option: str | None, change: tuple[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "own.yaml"
    text = (ROOT / source).read_text("utf-8")
    words = ["estimate", file] if option is None else ["estimate", "gpt2", option, file]
    file.write_text(text, "utf-8")
    assert bitnet_cost(*words).code == 0
    assert change[0] in text
    file.write_text(text.replace(*change), "utf-8")
    said = ["own.yaml: name", f"'{Path(source).stem}' is taken by the catalogue", "a name of its own"]
    refused(bitnet_cost(*words), *said)
    refused(bitnet_cost("check", file), *said, code=1)
    file.write_text(text.replace(*change).replace("name: ", "name: own-", 1), "utf-8")
    assert bitnet_cost("check", file).code == 0


def test_two_of_one_name_are_refused_and_the_same_twice_is_one(bitnet_cost: Run, tmp_path: Path) -> None:
    text = (ROOT / "precisions" / "int8.yaml").read_text("utf-8").replace("name: int8", "name: own", 1)
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(text, "utf-8")
    other.write_text(text, "utf-8")
    same = bitnet_cost("estimate", "gpt2", "-p", one, "-p", other, "-f", "json")
    assert [r["precision"] for r in json.loads(same.out)["records"]] == ["own", "own"]  # at the two nodes
    other.write_text(text.replace("activation_bits: 8", "activation_bits: 7"), "utf-8")
    refused(bitnet_cost("estimate", "gpt2", "-p", one, "-p", other), "precisions", "called 'own'")


def test_what_was_measured_is_said_of_the_catalogue_alone() -> None:
    h100 = load_hardware("h100-sxm-80gb")
    name, level = list(h100.hierarchy.items())[-1]
    assert level.bandwidth is not None
    bandwidth = level.bandwidth.model_copy(update={"value": level.bandwidth.value / 2})
    slow = level.model_copy(update={"bandwidth": bandwidth})
    other = h100.model_copy(update={"hierarchy": h100.hierarchy | {name: slow}})
    (key,) = (shipped := compare("gpt2", "h100-sxm-80gb", "fp16")).accuracy
    assert shipped.accuracy[key]
    assert not compare("gpt2", other, "fp16").accuracy[key]
    own = str(ROOT / "runtimes" / f"{key[1]}-gpu.yaml")
    assert not compare("gpt2", "h100-sxm-80gb", "fp16", runtime=own).accuracy[key]


# --- names and units ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["estimate", ""], ["no model is called ''"]),
        (["estimate", "gpt2", "-H", ""], ["no hardware is called ''"]),
        (["estimate", "gpt2", "-p", ""], ["no precision is called ''"]),
        (["estimate", "gpt2", "-H", "l4", "--runtime", ""], ["runtime: ''"]),
        *(
            ([*words, "--runtime", runtime], [f"runtime: '{runtime}' has figures of single products", "a whole model"])
            for words in (["estimate", "gpt2", "-H", "l4"], ["load", "gpt2", "-H", "l4", "--rate", "1"])
            for runtime in ("synchronised", "traced-kernels", "vllm-kernels", "tensorrt-llm-kernels")
        ),
        (["import", ""], ["import: ''", "config.json"]),
        (["import", ".", "--name", ""], ["name: ''", "no Latin letter or digit"]),
        (["import", ".", "--name", "模型"], ["name: '模型'"]),
        (["compare", "gpt2", "-H", "l4", "--where", "nope > 3"], ["'nope', which is not a column; there are model,"]),
    ],
)
def test_empty_and_far_words(
    bitnet_cost: Run, words: list[str], said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ROOT / "tests" / "configs" / "gpt2" / "config.json"
    (tmp_path / "config.json").write_bytes(config.read_bytes())  # nobody asked for the current folder
    monkeypatch.chdir(tmp_path)
    ran = bitnet_cost(*words)
    refused(ran, *said)
    assert "did you mean" not in ran.err


def test_capitals_make_no_other_name(bitnet_cost: Run) -> None:
    words = ("--baseline", "BF16", "--link", "NVLINK-4", "--runtime", "vLLM", "-f", "json")
    loud = bitnet_cost("estimate", "Llama-2-7B", "-H", "H100-SXM-80GB", "-p", "FP16", "-p", "W4A8", *words)
    words = ("--baseline", "bf16", "--link", "nvlink-4", "--runtime", "vllm", "-f", "json")
    quiet = bitnet_cost("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16", "-p", "w4a8", *words)
    assert loud.code == 0, loud.err
    assert json.loads(loud.out)["records"] == json.loads(quiet.out)["records"]
    assert bitnet_cost("show", "L4").out == bitnet_cost("show", "l4").out


OWN_L4 = """
name: own
title: 'An own L4'
extends: {base}
hierarchy:
  gddr6:
    bandwidth: {{value: 236 GB/s, low: 122 GB/s, high: 136 GB/s, basis: assumed, source: us}}
sources:
  us: {{author: us, title: 'Ours', year: 2026, where: 'this test', seen: own}}
"""


def test_a_range_is_told_in_the_unit_of_files(bitnet_cost: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(OWN_L4.format(base="l4"), "utf-8")
    refused(bitnet_cost("check", file), "does not hold: 122 GB/s, 236 GB/s, 136 GB/s", code=1)


def test_an_unknown_base_is_told_with_the_file_that_names_it(bitnet_cost: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(OWN_L4.format(base="nosuch"), "utf-8")
    refused(bitnet_cost("check", file), "own.yaml: extends", "no hardware is called 'nosuch'", code=1)


def test_an_unknown_family_says_the_way_out(bitnet_cost: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "nobodys"}', "utf-8")
    refused(bitnet_cost("estimate", tmp_path), "'nobodys' is not known", "by hand", "docs/extending.md")


def test_show_tells_whatever_list_prints(bitnet_cost: Run) -> None:
    for kind in ("runtimes", "links", "grids"):
        rows = json.loads(bitnet_cost("list", kind, "-f", "json").out)
        for name in sorted({next(iter(row.values())) for row in rows})[::7]:
            ran = bitnet_cost("show", name)
            assert ran.code == 0, (name, ran.err)
            assert "file: " in ran.out
    assert set(json.loads(bitnet_cost("show", "vllm", "-f", "json").out)) == {"runtime vllm-gpu", "runtime vllm-tpu"}
    assert re.search(r"^released +2022$", bitnet_cost("show", "h100-sxm-80gb").out, re.MULTILINE)
    german = bitnet_cost("show", "deu").out
    assert "344.1 g/kWh  309.7 to 378.6  published  owid" in german
    assert "[owid] Our World in Data" in german


def test_carbon_is_told_per_kwh(bitnet_cost: Run) -> None:
    words = ("gpt2", "-H", "l4", "-p", "fp16", "--carbon", "deu")
    told = bitnet_cost("explain", *words, "--cell", "carbon_g").out
    assert "electricity of deu, 2024 = 344.1 g/kWh (309.7 to 378.6 g/kWh; published, owid)" in told
    for text in (told, bitnet_cost("estimate", *words, "--sensitivity", "-f", "html").out):
        assert "g/J (" not in text


# --- check: what no answer could come of, and what is worth knowing --------------------------------------------------


SWEEP = "models: [gpt2]\nhardware: [l4]\nprecisions: [fp16]\nvary: {power.static: [30]}\nwhere: ['fits']\n"
UNUSABLE = {
    "runtime": (
        "hw_profiles/l4.yaml",
        "runtime: tensorrt-llm",
        "runtime: rooflin",
        "own.yaml: runtime\n  no runtime is called",
    ),
    "runtime of another class": ("hw_profiles/l4.yaml", "device_class: gpu", "device_class: npu", "class 'npu'"),
    "price": ("hw_profiles/l4.yaml", "  mac.int8:", "  mac.int9:", "actions.mac.int9\n  nothing runs it"),
    "rate": ("hw_profiles/l4.yaml", "  mac.int8: {", "  exp.int8: {", "rates.int8\n  its products have no price"),
    "model of a study": ("reports/bitnet-table-1.yaml", "model: ", "model: no-", "no model is called 'no-"),
    "model": (SWEEP, "gpt2", "gpt22", "own.yaml: no model is called 'gpt22'"),
    "hardware": (SWEEP, "l4", "l44", "own.yaml: no hardware is called 'l44'"),
    "precision": (SWEEP, "fp16", "fp17", "own.yaml: no precision is called 'fp17'"),
    "path": (SWEEP, "power.static", "power.statc", "own.yaml: vary: power.statc"),
    "filter": (SWEEP, "'fits'", "'fitz'", "own.yaml: where: 'fitz'"),
}


def named_own(source: str) -> str:
    text = source if "\n" in source else (ROOT / source).read_text("utf-8")
    return re.sub("^name: .*", "name: own", text, count=1, flags=re.MULTILINE)


@pytest.mark.parametrize("fault", UNUSABLE)
def test_check_finds_what_no_answer_could_come_of(bitnet_cost: Run, fault: str, tmp_path: Path) -> None:
    source, old, new, said = UNUSABLE[fault]
    text, file = named_own(source), tmp_path / "own.yaml"
    file.write_text(text, "utf-8")
    assert bitnet_cost("check", file).code == 0
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    refused(bitnet_cost("check", file), said, code=1)
    if source.startswith("hw_profiles"):  # no answer comes of it either
        refused(bitnet_cost("estimate", "gpt2", "-H", file), said.removeprefix("own.yaml: runtime\n  "))


NARROW = """
name: own
title: 'A device of one format'
kind: device
device_class: npu
runtime: roofline
actions:
  mac.int8: {value: 1 pJ, low: 1 pJ, high: 1 pJ, basis: assumed, source: us}
rates:
  int8: {value: 1 TOP/s, low: 1 TOP/s, high: 1 TOP/s, basis: assumed, source: us}
hierarchy:
  dram:
    capacity: {value: 8 GB, low: 8 GB, high: 8 GB, basis: assumed, source: us}
    bandwidth: {value: 9 GB/s, low: 9 GB/s, high: 9 GB/s, basis: assumed, source: us}
    read: {value: 4 pJ/bit, low: 4 pJ/bit, high: 4 pJ/bit, basis: assumed, source: us}
    write: {value: 4 pJ/bit, low: 4 pJ/bit, high: 4 pJ/bit, basis: assumed, source: us}
power:
  static: {value: 1 W, low: 1 W, high: 1 W, basis: assumed, source: us}
sources:
  us: {author: us, title: 'Ours', year: 2026, where: 'this test', seen: own}
"""


def test_check_says_what_has_no_price(bitnet_cost: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(NARROW, "utf-8")
    ran = bitnet_cost("check", file)
    assert ran.code == 0, ran.err
    told = dict(re.findall(r"^  (\S+) cannot be priced: no (.*)$", ran.out, re.MULTILINE))
    assert list(told) == ["fp16", "int8", "int4", "bitnet-b1.58"]
    assert "mac.fp16" in told["fp16"].split(", ")
    for name, actions in told.items():  # what is named is all that is missing
        some = "{value: 1 pJ, low: 1 pJ, high: 1 pJ, basis: assumed, source: us}"
        prices = "".join(f"  {action}: {some}\n" for action in actions.split(", "))
        rates = NARROW[NARROW.index("  int8:") :].partition("\n")[0].replace("int8", "fp16") + "\n"
        file.write_text(NARROW.replace("rates:\n", f"{prices}rates:\n{rates}"), "utf-8")
        assert bitnet_cost("estimate", "smollm-135m", "-H", file, "-p", name).code == 0


def test_check_says_who_can_price_a_precision_and_what_an_extension_loses(bitnet_cost: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(named_own("precisions/int8.yaml").replace("mul.int8", "mul.int7"), "utf-8")
    told = bitnet_cost("check", file).out
    assert "cmos-45nm cannot price it: no mul.int7" in told
    assert "h100-sxm-80gb cannot price it: no mac.int7" in told
    file.write_text("name: own\ntitle: Own\nextends: h100-sxm-80gb\n", "utf-8")
    assert "factors from measured rows of h100-sxm-80gb do not hold for it" in bitnet_cost("check", file).out


def test_check_tells_of_every_file_or_which_cannot_be_read(bitnet_cost: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(named_own("models/gpt2.yaml"), "utf-8")
    bad.write_text("a: 1\n", "utf-8")
    ran = bitnet_cost("check", good, bad, good)
    assert ran.code == 1
    assert ran.out.count("no fault found") == 2
    assert "bad.yaml: is not a model" in ran.err
    ran = bitnet_cost("check", good, tmp_path / "nosuch.yaml", bad, tmp_path / "neither.yaml")
    assert (ran.code, ran.out) == (2, "")  # bad input: nothing is written
    assert "nosuch.yaml: no such file" in ran.err
    assert "neither.yaml: no such file" in ran.err
