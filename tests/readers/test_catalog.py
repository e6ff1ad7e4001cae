"""Names, files and round trips."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.readers import catalog
from bitnet_cost.readers.files import load_any
from bitnet_cost.readers.yaml_file import parse_yaml, read_yaml
from bitnet_cost.studies import checking
from bitnet_cost.views.model_yaml import model_yaml
from tests.conftest import ROOT


@pytest.mark.parametrize("kind", catalog.FOLDERS)
def test_a_file_is_called_what_it_holds(kind: str) -> None:
    for path in (ROOT / catalog.FOLDERS[kind]).glob("*.yaml"):
        data = read_yaml(path).data
        assert data["name"] == path.stem
        assert load_any(path)[0] == kind
        assert "no fault" in checking.check(path)[0]


@pytest.mark.parametrize("name", catalog.names("model"))
def test_models_round_trip(name: str, tmp_path: Path) -> None:
    model = catalog.model(name)
    file = tmp_path / "model.yaml"
    file.write_text(model_yaml(model), "utf-8")
    assert catalog.model(str(file)) == model
    assert model_yaml(catalog.model(str(file))) == file.read_text("utf-8")


def test_a_path_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gpt2.yaml").write_text(model_yaml(catalog.model("gpt3-125m")), "utf-8")
    assert catalog.model("./gpt2.yaml").name == "gpt3-125m"
    assert catalog.model("gpt2").name == "gpt2"


@pytest.mark.parametrize("folder", ["hw_profiles", "precisions", "reports"])
def test_the_reader_agrees_with_a_plain_yaml_reader(folder: str) -> None:
    for path in (ROOT / folder).glob("*.yaml"):
        assert read_yaml(path).data == yaml.safe_load(path.read_text("utf-8"))


def test_scalars_follow_the_core_of_yaml_1_2() -> None:
    text = "a: yes\nb: 010\nc: 1e3\nd: '1'\ne: ~\nf: true\ng: 1:30\nh: .5\ni: 2001-01-01\nj:"
    assert parse_yaml(text).data == {
        "a": "yes", "b": 10, "c": 1000.0, "d": "1", "e": None, "f": True, "g": "1:30", "h": 0.5, "i": "2001-01-01",
        "j": None,
    }  # fmt: skip


def test_every_figure_has_a_basis_a_range_and_a_source() -> None:
    for name in catalog.names("hardware"):
        profile = catalog.hardware(name)
        for figure in profile.actions.values():
            assert figure.low < figure.value < figure.high
            seen = profile.sources[figure.source].seen
            assert seen != "memory" or figure.basis == "assumed"


def test_what_was_recalled_must_be_marked_as_assumed() -> None:
    data = read_yaml(ROOT / "hw_profiles" / "cmos-7nm.yaml").data
    data["actions"]["mul.int32"]["basis"] = "published"
    with pytest.raises(ValueError, match="assumed"):
        Hardware.model_validate(data)


def test_show_prints_every_field_with_a_description() -> None:
    def walk(model: type) -> None:
        for name, field in model.model_fields.items():  # type: ignore[attr-defined]
            assert field.description, f"{model.__name__}.{name}"

    for model in (Architecture, Hardware):
        walk(model)


def test_a_size_may_be_a_number_with_an_exponent() -> None:
    whole = catalog.model("7B")
    for text in ("7e9", "7E+9", "7e9", "0.7e1B", "7e3M"):
        found = catalog.model(text)
        assert (found.nominal_parameters, found.layers) == (whole.nominal_parameters, whole.layers)
    assert [catalog.model(text).name for text in ("7E+9", "1e3B", "1E3b", "6.7b")] == ["7e9", "1e3B", "1e3B", "6.7B"]


def test_names_of_precisions_are_read_in_any_case() -> None:
    for typed in ("W4A8", "w4A8", "FP16", "BitNet-b1.58", "W1.58A8KV8"):
        assert catalog.precision(typed) == catalog.precision(typed.lower())
        assert catalog.precision(typed).name == typed.lower()
