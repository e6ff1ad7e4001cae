"""What somebody types who has not read the documentation: each is understood, or answered with what leads on."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bitnet_cost import estimate
from bitnet_cost.readers import catalog, electricity, spelling
from bitnet_cost.readers.aliases import LIKELIEST, MEANINGS, OPTIONAL
from tests.conftest import ROOT, Ran

Run = Callable[..., Ran]


class Row(NamedTuple):
    """What is typed, the exit code, what the first line of the answer has, and what the lines below it lead on with."""

    typed: str
    code: int
    first: str
    then: str = ""


# Understood: the first line of the answer, or the table, names the entry of the catalogue.
UNDERSTOOD = [
    Row("estimate meta-llama/Llama-3.1-8B -H h100-sxm-80gb", 0, "H100 SXM", "Llama 3.1 8B"),
    Row("estimate 'Llama 3.1 8B' -H l4", 0, "L4", "Llama 3.1 8B"),
    Row("estimate llama3.1:8b -H l4", 0, "L4", "Llama 3.1 8B"),
    Row("estimate LLAMA-3.1-8B -H 4090", 0, "RTX 4090", "Llama 3.1 8B"),
    Row("estimate gpt2 --gpu rtx4090 --context 64", 0, "RTX 4090", "64 tokens in"),
    Row("estimate gpt2 -H 'm1 pro',rpi5 -p half,1.58bit", 0, "", "apple-m1-pro-gpu-14c"),
    Row("estimate gpt2 -H 7nm -p float16,bfloat16", 0, "7 nm", "bf16"),
    Row("estimate gpt2 -H l4 --carbon germany --scope facility", 0, "L4"),
    Row("estimate gpt2 -H l4 --carbon Deutschland --scope facility", 0, "L4"),
    Row("estimate gpt2 --precision 1.58", 0, "", "bitnet-b1.58"),
    Row("compare gpt2 -H l4,t4 -p fp16,int8", 0, "", "int8"),
    Row("fit llama-2-7b -H l4,rtx4090 -p fp16,int8", 0, "", "rtx-4090"),
    Row("estimate gpt2 -H rpi5 -p fp8", 0, "Raspberry Pi 5", "fp8"),
    Row("list gpus", 0, "hardware with 'gpu'"),
    Row("list model", 0, "models"),
    Row("list models llama", 0, "models with 'llama'", "llama-3.1-8b"),
    Row("list models llama 8b", 0, "3 models with 'llama 8b'"),
    Row("show RTX4090", 0, "hardware NVIDIA GeForce RTX 4090"),
    Row("show germany", 0, "grid Electricity of deu"),
    Row("--help estimate", 0, "Usage: bitnet-cost estimate"),
    Row("help fit", 0, "Usage: bitnet-cost fit"),
    Row("help", 0, "Usage: bitnet-cost [OPTIONS] COMMAND"),
    Row("version", 0, "bitnet-cost "),
    Row("--version", 0, "bitnet-cost "),
]

# Refused: what is wrong in the first line, what to write in the next.
REFUSED = [
    Row("", 2, "Usage: bitnet-cost [OPTIONS] COMMAND", "Start with: bitnet-cost estimate"),
    Row("llama-3.1-8b", 2, "there is no command 'llama-3.1-8b'", "bitnet-cost estimate llama-3.1-8b?"),
    Row("run gpt2", 2, "there is no command 'run'", "bitnet-cost estimate?"),
    Row("estimat gpt2", 2, "there is no command 'estimat'", "bitnet-cost estimate?"),
    Row("models", 2, "there is no command 'models'", "bitnet-cost list models?"),
    Row("estimate", 2, "estimate needs MODEL", "for example   bitnet-cost estimate"),
    Row("fit llama-2-7b --devices two", 2, "has no option --devices|'two' is not a whole number"),
    Row("fit h100", 2, "fit needs --hardware HARDWARE", "-H h100-sxm-80gb, h100-pcie-80gb or h100-nvl-94gb?"),
    Row("break-even llama-2-7b -H l4 --runtime vlm,sglang", 2, "no runtime is called 'vlm'", "vllm?"),
    Row("show", 2, "show needs NAME", "bitnet-cost show"),
    Row("list", 2, "list needs KIND", "bitnet-cost list models"),
    Row("list llama", 2, "nothing is listed as 'llama'", "bitnet-cost list models llama"),
    Row("list models nosuch", 2, "none of the models has 'nosuch'", "bitnet-cost list models"),
    Row("show h100", 2, "nothing is called 'h100'", "h100-sxm-80gb, h100-pcie-80gb or h100-nvl-94gb?"),
    Row("show nosuch", 2, "nothing is called 'nosuch'", "bitnet-cost list models"),
    Row("estimate gpt2 -H h100", 2, "no hardware is called 'h100'", "h100-sxm-80gb, h100-pcie-80gb or h100-nvl-94gb?"),
    Row("estimate gpt2 -H 'nvidia h100'", 2, "no hardware is called 'nvidia h100'", "h100-sxm-80gb, h100-pcie"),
    Row("estimate gpt2 -H a10x", 2, "no hardware is called 'a10x'", "a10?"),
    Row("estimate gpt2 -H 4070", 2, "no hardware is called '4070'", "rtx-4070-ti or rtx-4070-super?"),
    Row("estimate gpt2 -H cpu", 2, "no hardware is called 'cpu'", "intel-i7-13700h, amd-epyc-7v13 or raspberry-pi-5?"),
    Row("estimate llama", 2, "no model is called 'llama'", "bitnet-cost list models llama"),
    Row("estimate gpt-3-175", 2, "no model is called 'gpt-3-175'", "gpt3-175b?"),
    Row("estimate h100", 2, "no model is called 'h100'", "hardware; give it with -H: h100-sxm-80gb"),
    Row("compare llama-3.1-8b h100", 2, "no model is called 'h100'", "hardware; give it with -H: h100-sxm-80gb"),
    Row("estimate rtx-4090 -H gpt2", 2, "no hardware is called 'gpt2'", "a model; give it as MODEL: gpt2"),
    Row("estimate gpt2 int8", 2, "estimate takes no further word: 'int8'", "for example   bitnet-cost estimate"),
    Row("estimate nosuch/Model-7B", 2, "no model is called 'nosuch/Model-7B'", "bitnet-cost import nosuch/Model-7B"),
    Row("estimate ./missing.json", 2, "missing.json: no such file"),
    Row("estimate gpt2 -p 4bit", 2, "no precision is called '4bit'", "int4, q4_k_m or mxfp4?"),
    Row("estimate gpt2 -p 8bit", 2, "no precision is called '8bit'", "int8, fp8 or q8_0?"),
    Row("estimate gpt2 -p 1bit", 2, "no precision is called '1bit'", "bitnet-b1.58 or bitnet?"),
    Row("estimate gpt2 -p int9", 2, "no precision is called 'int9'", "w9a8 or w9a16?"),
    Row("estimate gpt2 -p w0a8", 2, "precision 'w0a8' asks for 0-bit weights", "w1 to w16"),
    Row("estimate gpt2 --quantization 4bit", 2, "estimate has no option --quantization", "--precision?"),
    Row("estimate --model llama", 2, "estimate has no option --model", "bitnet-cost estimate llama-3.1-8b"),
    Row("estimate gpt2 --batchsize 8", 2, "estimate has no option --batchsize", "--batch?"),
    Row("estimate gpt2 --batch_size 8", 2, "estimate has no option --batch_size", "--batch?"),
    Row("estimate gpt2 --device l4", 2, "estimate has no option --device", "--hardware?"),
    Row("estimate gpt2 --water 2", 2, "estimate has no option --water", "--carbon?"),
    Row("load gpt2 --itl 0.02", 2, "load has no option --itl", "--slo-tpot?"),
    Row("compare gpt2 --requests-per-day 1e6", 2, "compare has no option --requests-per-day", "--rate?"),
    Row("estimate gpt2 --json", 2, "estimate has no option --json", "-f json"),
    Row("estimate gpt2 --batch 1e3", 2, "--batch: '1e3' is not a whole number", "write         1000"),
    Row("estimate gpt2 -b 1k", 2, "--batch: '1k' is not a whole number", "1000 or 1024"),
    Row("estimate gpt2 --price 0,30", 2, "--price: '0,30' is not a number", "write         0.3"),
    Row("estimate gpt2 --notes=yes", 2, "--notes takes no value", "write         --notes"),
    Row("estimate gpt2 -H 5nm", 2, "no hardware is called '5nm'", "cmos-7nm or cmos-45nm?"),
    Row("estimate gpt2 -H macbook", 2, "no hardware is called 'macbook'", "apple-m1-pro-gpu-14c"),
    Row("compare gpt2 -H l4 --sort speed", 2, "no column is called 'speed'", "there are     memory, energy"),
    Row("compare gpt2 -H l4 --where 'energy<1'", 2, "did you mean 'energy_j'?"),
    Row("estimate gpt2 --prompt 0", 2, "prompt"),
    Row("estimate gpt2 --host --pue 1.2", 2, "--host needs a value before --pue", "bitnet-cost estimate --help"),
    Row("estimate gpt2 -H", 2, "-H needs a value", "bitnet-cost estimate --help"),
    Row("estimate gpt2 --scope devices", 2, "--scope: 'devices' is not a choice", "device?"),
    Row("estimate gpt2 -f png", 2, "--format: 'png' is not a choice", "table, json, csv, markdown, latex, html"),
    Row("estimate gpt2 --carbon germny", 2, "no grid is called 'germny'", "deu?"),
    Row("estimate gpt2 -H l4 --runtime lama.cpp", 2, "no runtime is called 'lama.cpp'", "llama.cpp or llama.cpp-2025?"),
    Row("estimate gpt2 -H l4 --runtime llama.cpp-vulkan", 2, "no runtime", "software for devices of class 'igpu'\n"),
    Row("load gpt2 -H l4", 2, "rate: give requests per second (--rate) or of a day (--requests-per-day)"),
    Row("report x.json -f png", 2, "report has no option -f", "-o FILE"),
]


def test_there_are_enough_of_them() -> None:
    assert len(REFUSED) >= 30
    assert len({row.typed for row in UNDERSTOOD + REFUSED}) == len(UNDERSTOOD) + len(REFUSED)


@pytest.mark.parametrize("row", UNDERSTOOD + REFUSED, ids=lambda row: row.typed)
def test_a_newcomer_is_led_on(row: Row, bitnet_cost: Run) -> None:
    ran = bitnet_cost(*shlex.split(row.typed))
    assert ran.code == row.code, ran.err
    answer = (ran.err if row.code else ran.out).removeprefix("error: ")
    assert re.search("|".join(map(re.escape, row.first.split("|"))), answer.partition("\n")[0]), answer
    assert row.then in answer
    if row.code and row.typed:
        assert ran.out == ""
        assert ran.err.startswith("error: ")
        assert len(ran.err.splitlines()) <= 4, ran.err  # what is wrong, what to write, where to see more


# --- spelling --------------------------------------------------------------------------------------------------------

KINDS = ("model", "hardware", "precision", "runtime")


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_means_itself_however_it_is_written(kind: str) -> None:
    for name in spelling.names(kind):
        for word in (name, name.upper(), name.replace("-", " "), name.replace("-", "_").title()):
            assert spelling.meanings(kind, word) == [name], (word, name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_a_name_is_never_guessed(kind: str) -> None:
    """Without its last part a name means itself alone only where that part says how it is configured."""
    free = OPTIONAL.get(kind, ())
    for name in spelling.names(kind):
        before, _, last = name.rpartition("-")
        for other in spelling.meanings(kind, before) if before else ():
            gone = set(other.split("-")) - set(before.split("-"))
            assert other == before or gone <= set(free) or before in MEANINGS[kind], (before, other, last)


def test_other_words_lead_to_entries() -> None:
    for kind, words in MEANINGS.items():
        for word, names in words.items():
            for name in names:
                if kind == "grid":
                    assert name in electricity.grids().zones
                elif kind == "runtime":
                    assert any(each.rpartition("-")[0] == name for each in spelling.names(kind))
                elif kind == "precision":
                    assert catalog.precision(name).name == name
                else:
                    assert catalog.has(kind, name)
            assert word == spelling.squeezed(word) or kind == "grid", word
    assert all(any(catalog.has(kind, name) for kind in KINDS) for name in LIKELIEST)
    assert set(electricity.grids().zones) == {zone for (zone,) in MEANINGS["grid"].values()} | {"world"}


def test_python_takes_the_same_words() -> None:
    assert estimate("meta-llama/Llama-3.1-8B", "4090", "half").to_records() == (
        estimate("llama-3.1-8b", "rtx-4090", "fp16").to_records()
    )


def test_a_file_with_a_comma_in_its_name_is_one(bitnet_cost: Run, tmp_path: Path) -> None:
    own = tmp_path / "a,b.yaml"
    own.write_text((ROOT / "precisions" / "int8.yaml").read_text("utf-8"), "utf-8")
    assert bitnet_cost("estimate", "gpt2", "-p", f"{own}").code == 0
    assert bitnet_cost("estimate", "gpt2", "-p", "fp16,int8").out == (
        bitnet_cost("estimate", "gpt2", "-p", "fp16", "-p", "int8").out
    )


def test_what_o_wrote_is_said(bitnet_cost: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.tex"
    ran = bitnet_cost("estimate", "gpt2", "-o", file)
    assert re.fullmatch(rf"wrote {re.escape(str(file))}, [\d.]+ kB\n", ran.err)
    assert ran.out == ""


def test_a_name_written_twice_is_one(bitnet_cost: Run, tmp_path: Path) -> None:
    rows = bitnet_cost("estimate", "gpt2", "-H", "rtx4090,4090", "-p", "half,fp16", "-f", "csv").out.splitlines()
    assert len(rows) == 2
    ran = bitnet_cost("sweep", "-m", "gpt2,GPT-2", "-H", "4090,rtx-4090", "-p", "half,fp16", "-o", tmp_path / "a.csv")
    assert ran.code == 0, ran.err
    assert len((tmp_path / "a.csv").read_text("utf-8").splitlines()) == 2


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (
            "estimate gpt2 -H rtx-40",
            ["rtx-4000-ada", "rtx-4060-ti-16gb", "rtx-4070-ti", "rtx-4070-super", "rtx-4080", "rtx-4090"],
        ),
        ("estimate gpt2 -p fp16,q4", ["fp16,q4_0", "fp16,q4_1", "fp16,q4_k_m", "fp16,q4_k_s"]),
        ("estimate llama-3.1", ["llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b"]),
        (
            "estimate gpt2 --runtime t",
            ["tensorrt-llm", "tensorrt-llm-2024", "tensorrt-llm-kernels", "t-mac", "traced-kernels"],
        ),
    ],
)
def test_a_shell_completes_names(typed: str, completed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"bitnet-cost {typed}"
    monkeypatch.setenv("_BITNET_COST_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    ran = subprocess.run([sys.executable, "-m", "bitnet_cost"], capture_output=True, text=True, check=False)
    assert sorted(ran.stdout.split()) == sorted(completed), ran


# --- LaTeX -----------------------------------------------------------------------------------------------------------

SPECIAL = re.compile(r"(?<!\\)[&%$#_{}~^<>|]")


def test_latex_is_a_booktabs_table_whose_rows_are_full_and_escaped(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-3.1-8b", "-H", "l4,rtx-4090", "-p", "fp16,q4_k_m,bitnet", "--notes")
    text = bitnet_cost(*words, "-f", "latex").out
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == text.count(r"\toprule") >= 3
    for table in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        for row in re.findall(r"^ *(?!\\[tmb]o?[pid])(.+) \\\\$", table[1], re.MULTILINE):
            spans = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", row))
            assert len(re.split(r"(?<!\\)&", row)) + spans == len(table[0]), row
    assert "q4_k_m" not in text
    assert "q4\\_k\\_m" in text
    commands = re.compile(r"\\[A-Za-z]+(?:\[[^\]]*\])?|\$-\$|\$\\times\$|\\\\$|[{}]|(?<= )& ?|^%.*$", re.MULTILINE)
    assert not SPECIAL.findall(commands.sub("", text)), SPECIAL.findall(commands.sub("", text))


def test_the_table_of_papers_has_models_down_and_nodes_across(bitnet_cost: Run) -> None:
    words = ("estimate", "gpt3-6.7b,gpt3-13b", "--table", "paper")
    text = bitnet_cost(*words, "-f", "markdown").out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert rows[0][:3] == ["model", "precision", "cmos-45nm MUL J"]
    assert [row[1] for row in rows[2:]] == ["fp32", "fp16", "int8", "bitnet"] * 2
    assert [row[0] for row in rows[2:] if row[0]] == ["GPT-3 6.7B", "GPT-3 13B"]
    record = estimate("gpt3-6.7b", "cmos-45nm", "int8", baseline="fp32")
    assert float(rows[4][2]) == pytest.approx(float(record.by_component["mul"][1, 0]), rel=1e-3)
    assert rows[4][4] == f"-{100 * float(record.saving[1]):.1f}%"  # type: ignore[index]
    assert r"\toprule" in bitnet_cost(*words, "-f", "latex").out
