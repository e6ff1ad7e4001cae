"""The catalogue as it is built with the package is the catalogue, and counts only where nothing has changed."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.readers import catalog, prebuilt, spelling
from scripts import prebuild


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built catalogue."""
    folder = tmp_path_factory.mktemp("prebuilt")
    prebuild.main(folder)
    return folder


@pytest.fixture
def used(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(prebuilt, "FOLDER", built)
    return built


def test_every_entry_is_what_its_yaml_says(used: Path) -> None:
    for name, model in prebuild.FILES.items():
        found = prebuilt.entry(name)
        assert type(found) is model, name
        assert found == catalog.from_yaml(name, model), name
        assert found.model_dump() == catalog.from_yaml(name, model).model_dump(), name


def test_an_entry_knows_the_files_of_those_it_extends(used: Path) -> None:
    with prebuilt.path_of("hw_profiles/a10.yaml").open("rb") as stream:
        assert len(pickle.load(stream)["files"]) > 1


def test_a_changed_file_is_read_from_yaml(used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "hw_profiles/cmos-45nm.yaml"
    for folder in ("hw_profiles", "precisions"):
        shutil.copytree(catalog.place(f"{folder}/x").parent, tmp_path / folder)
    for module in (catalog, spelling, prebuilt):
        monkeypatch.setattr(module, "root", lambda first: tmp_path / first)
    assert prebuilt.entry(name) == catalog.shipped(name, Hardware)
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text.replace("title: ", "title: another ", 1))
    assert prebuilt.entry(name) is None
    assert catalog.shipped(name, Hardware).title.startswith("another ")


def test_changed_code_makes_every_entry_stale(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prebuilt, "_code", lambda: 0)
    assert prebuilt.entry("hw_profiles/cmos-45nm.yaml") is None


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x05."])
def test_a_torn_file_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(prebuilt, "FOLDER", tmp_path)
    prebuilt.path_of("models/gpt2.yaml").write_bytes(content)
    assert prebuilt.entry("models/gpt2.yaml") is None
