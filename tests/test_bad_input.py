"""Bad input: one clear message on stderr, exit code 2, nothing on stdout, nothing written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Ran

Run = Callable[..., Ran]
HARDWARE = (ROOT / "hw_profiles" / "cmos-45nm.yaml").read_text("utf-8")
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
        (["estimate", "gpt3-175"], ["unknown model", "gpt3-175b"]),
        (["estimate", "gpt2", "-p", "bitnt"], ["unknown precision", "'bitnet'"]),
        (["estimate", "gpt2", "-H", "cmos-5nm"], ["unknown hardware", "cmos-"]),
        (["estimate", "gpt2", "--baseline", "fp23"], ["unknown precision"]),
        (["estimate", "missing.yaml"], ["missing.yaml", "no such file"]),
        (["estimate", "."], ["folder"]),
        (["estimate", "1e30B"], ["10M to 1000T"]),
        (["estimate", "0B"], ["10M to 1000T"]),
        (["estimate", "2000T"], ["10M to 1000T"]),
        (["estimate", "--", "-7B"], ["10M to 1000T"]),
        (["estimate", "gpt2", "-p", "w0a8"], ["0 bits"]),
        (["estimate", "gpt2", "-p", "w99a8"], ["99 bits"]),
        (["estimate", "gpt2", "-p", "w4a3.5"], ["whole number"]),
        (["estimate", "gpt2", "-p", "w3a3"], ["mul.int3", "cmos-45nm", "w3a3", "priced"]),
        (["estimate", "gpt2", "--scope", "device"], ["clock"]),
        (["estimate", "gpt2", "--scope", "facility"], ["clock", "arithmetic, compute, memory"]),
        (["estimate", "bert-base", "--attention", "causal"], ["encoder"]),
        (["estimate", "bert-base", "--generate", "2"], ["encoder"]),
        (["estimate", "gpt2", "-f", "xml"], ["xml"]),
        (["layers", "gpt9"], ["unknown model"]),
        (["show", "cmos-46nm"], ["nothing is called", "cmos-45nm"]),
        (["show", "gpt2", "-f", "csv"], ["csv"]),
        (["list", "modls"], ["modls"]),
        (["validate", "bitnet-table-2"], ["unknown study", "bitnet-table-1"]),
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
        "    state_space: {inner_size: 8, state_size: 2, conv_kernel: 4, dt_rank: 2}\n    ffn:",
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
        ("unit: GB", "unit: MB", "unit"),
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


def test_a_refused_question_writes_no_file(bitnet_cost: Run, tmp_path: Path) -> None:
    refused(bitnet_cost("estimate", "gpt2", "-p", "w3a3", "-o", tmp_path / "answer.txt"), "mul.int3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_fault(unbuffered: str) -> None:
    command = f"set -o pipefail; {sys.executable} -m bitnet_cost estimate gpt3-175b -f json | head -n 1"
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
