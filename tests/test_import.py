"""A config.json on the command line: estimated as it is, imported, or asked of the hub by id."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from bitnet_cost.readers import catalog
from tests.conftest import ROOT, Ran

Run = Callable[..., Ran]
CONFIG = ROOT / "tests" / "configs" / "llama-2-7b" / "config.json"


def test_a_config_its_folder_and_the_imported_file_are_the_same_model(bitnet_cost: Run, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    assert bitnet_cost("import", CONFIG, "-o", own).out == ""
    answers = [
        json.loads(bitnet_cost("estimate", place, "-f", "json").out)
        for place in (CONFIG, CONFIG.parent, own, "llama-2-7b")
    ]
    records = [[{k: v for k, v in r.items() if k != "model"} for r in a["records"]] for a in answers]
    assert records[0] == records[1] == records[2] == records[3]
    assert answers[0]["records"][0]["parameters"] == 6_738_415_616
    assert "no fault" in bitnet_cost("check", own).out
    assert "no fault" in bitnet_cost("check", CONFIG).out
    assert "6,738,415,616" in bitnet_cost("show", CONFIG).out


def test_import_prints_yaml_under_a_name(bitnet_cost: Run) -> None:
    text = bitnet_cost("import", CONFIG, "--name", "My Model").out
    assert text.startswith("name: my-model\n")
    assert str(ROOT) not in text  # no path of this machine travels in a file made for others


@pytest.mark.parametrize("word", ["estimate", "import", "show", "check"])
def test_a_broken_config_is_bad_input(bitnet_cost: Run, word: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(CONFIG.read_text("utf-8").replace('"llama"', '"lama"'), "utf-8")
    ran = bitnet_cost(word, file)
    assert ran.code == (1 if word == "check" else 2)
    assert "'llama'" in ran.err
    assert ran.out == ""


def test_an_empty_folder_is_bad_input(bitnet_cost: Run, tmp_path: Path) -> None:
    ran = bitnet_cost("import", tmp_path)
    assert ran.code == 2
    assert "config.json" in ran.err


def fake_hub(monkeypatch: pytest.MonkeyPatch, download: Callable[[str, str], str]) -> None:
    module = types.ModuleType("huggingface_hub")
    module.hf_hub_download = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)


def test_a_hub_id_is_fetched_when_asked_for(bitnet_cost: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(identifier: str, file: str) -> str:
        asked.append((identifier, file))
        return str(CONFIG)

    fake_hub(monkeypatch, download)
    text = bitnet_cost("import", "meta-llama/Llama-2-7b-hf").out
    assert asked == [("meta-llama/Llama-2-7b-hf", "config.json")]
    assert text.startswith("name: meta-llama-llama-2-7b-hf\n")
    assert "source: 'meta-llama/Llama-2-7b-hf: config.json'" in text


def test_offline_says_to_pass_a_file(bitnet_cost: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(identifier: str, file: str) -> str:
        raise OSError("network is unreachable\nand more")

    fake_hub(monkeypatch, download)
    ran = bitnet_cost("import", "org/name")
    assert ran.code == 2
    assert "network is unreachable" in ran.err
    assert "local config.json" in ran.err
    assert "and more" not in ran.err


def test_without_the_extra_it_says_so(bitnet_cost: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    ran = bitnet_cost("import", "org/name")
    assert ran.code == 2
    assert "bitnet-cost[hub]" in ran.err


def test_estimate_never_touches_the_network(bitnet_cost: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hub(monkeypatch, lambda *_: pytest.fail("fetched unasked"))
    assert bitnet_cost("estimate", "org/name").code == 2


def test_one_code_path_for_all_kinds() -> None:
    """DeepSeek-V3 and BERT through the same call as GPT-3."""
    import bitnet_cost as package

    for name in ("gpt3-175b", "deepseek-v3", "bert-base", "mamba-130m"):
        result = package.estimate(name, "cmos-7nm", "bitnet-b1.58", baseline="fp16")
        assert result.saving is not None
        assert 0 < float(result.saving[1]) < 1
        assert result.parameters == sum(result.footprint.parameters.values())
    assert catalog.model("deepseek-v3").layers[1].moe is not None


def test_what_a_file_holds_and_no_answer_counts_is_told_by_every_command(bitnet_cost: Run, tmp_path: Path) -> None:
    data = json.loads(CONFIG.read_text("utf-8"))
    data |= {"quantization_config": {"quant_method": "gptq", "bits": 4}, "num_nextn_predict_layers": 1}
    config, own = tmp_path / "own.json", tmp_path / "own.yaml"
    config.write_text(json.dumps(data), "utf-8")
    imported = bitnet_cost("import", config, "-o", own)
    shown = [
        imported.err,
        *(bitnet_cost("estimate", file, "-H", "l4", "-p", "fp16", "--notes").out for file in (config, own)),
        bitnet_cost("fit", own, "-H", "l4", "-p", "fp16", "--notes").out,
        bitnet_cost("show", own).out,
        bitnet_cost("compare", own, "-H", "l4", "-p", "fp16", "--notes").out,
    ]
    for text in shown:
        words = " ".join(text.split())
        assert "own: its files hold weights in GPTQ, 4 bit, groups of 128; ask for them with -p file." in words, text
        assert "own: its files also hold 1 layer for multi-token prediction" in words, text
    told = bitnet_cost("estimate", own, "-H", "l4", "-p", "file").out
    assert "ask for them" not in told
    assert "multi-token prediction" in told
