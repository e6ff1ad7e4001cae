"""JSON Schemas accept what the readers accept, and refuse what an editor should mark."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft7Validator

from bitnet_cost import units
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.cited import Figure
from bitnet_cost.inputs.schema import KINDS, json_schema
from bitnet_cost.readers import catalog
from bitnet_cost.readers.document import Document
from bitnet_cost.readers.yaml_file import read_yaml
from bitnet_cost.words import FileKind
from tests.conftest import ROOT, Ran

FOLDERS = {
    "models": "model", "hw_profiles": "hardware", "precisions": "precision", "runtimes": "runtime",
    "runtimes/training": "training-runtime", "reports": "study",
    "interconnects": "links", "electricity": "grids", "quality": "quality",
}  # fmt: skip
FILES = {"sources": "measured", "constants": "constants", "accuracy": "accuracy", "ranges": "ranges"}
EXAMPLES = {"my-table": "study", "sweep": "sweep", "mixed-precision": "precision"}


def shipped() -> Iterator[tuple[str, Path]]:
    for folder, kind in FOLDERS.items():
        for path in sorted((ROOT / folder).glob("*.yaml")):
            yield "laws" if path.stem == "laws" else kind, path
    for name, kind in FILES.items():
        yield kind, ROOT / "measured" / f"{name}.yaml"
    for path in sorted((ROOT / "docs" / "examples").glob("*.yaml")):
        yield EXAMPLES.get(path.stem, "hardware"), path


def faults(kind: str, data: object) -> list[str]:
    return [fault.message for fault in Draft7Validator(json_schema(kind)).iter_errors(data)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_what_its_schema_says(kind: str) -> None:
    schema = json_schema(kind)
    Draft7Validator.check_schema(schema)
    validator = Draft7Validator(schema)
    paths = [path for of, path in shipped() if of == kind and path.stem != "wrong-unit"]
    assert paths
    for path in paths:
        assert not [fault.message for fault in validator.iter_errors(read_yaml(path).data)], path


def test_the_kinds_are_the_words_of_the_command_line() -> None:
    assert tuple(KINDS) == get_args(FileKind)


def test_an_example_points_to_the_schema_of_its_kind() -> None:
    for kind, path in shipped():
        first = path.read_text("utf-8").splitlines()[0]
        if path.parent.name == "examples" and path.stem != "wrong-unit":
            assert first == f"# yaml-language-server: $schema=../../schemas/{kind}.json", path
            assert (path.parent / first.partition("=")[2]).resolve().is_file()


def changed(data: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """A copy with another value at ``place``; None takes it out."""
    found = copy.deepcopy(data)
    *path, last = place.split("/")
    part: Any = found
    for step in path:
        part = part[int(step)] if isinstance(part, list) else part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return found


WRONG = [
    ("hardware", "cmos-45nm", "actions/add.int8/value", "0.03 pJ/bit"),
    ("hardware", "cmos-45nm", "actions/add.int8/value", 0.03),
    ("hardware", "cmos-45nm", "actions/add.int8/value", "0.03"),
    ("hardware", "cmos-45nm", "actions/add.int8/low", None),
    ("hardware", "cmos-45nm", "actions/add.int8/source", None),
    ("hardware", "cmos-45nm", "actions/add.int8/basis", "guessed"),
    ("hardware", "cmos-45nm", "actions/ad.int8", {}),
    ("hardware", "cmos-45nm", "special_functions/sin", {}),
    ("hardware", "h100-sxm-80gb", "hierarchy/hbm/bandwith", "3350 GB/s"),
    ("hardware", "h100-sxm-80gb", "hierarchy/hbm/read", None),
    ("hardware", "h100-sxm-80gb", "power/static/value", "143 J"),
    ("hardware", "h100-sxm-80gb", "sources", None),
    ("hardware", "h100-sxm-80gb", "device_class", "card"),
    ("model", "gpt2", "hidden_size", "768"),
    ("model", "gpt2", "layers/0/attention/heads", 0),
    ("model", "gpt2", "layers/0/repeats", 12),
    ("precision", "bitnet", "linear/weights/bits", 64),
    ("precision", "bitnet", "attention", "fp17"),
    ("runtime", "vllm-gpu", "kernels/linear/bandwidth/value", "88"),
    ("runtime", "vllm-gpu", "kernels/matmul", {"launches": 1}),
    ("study", "bitnet-table-1", "tables/0/unit", "kJ"),
    ("study", "bitnet-table-1", "tables/0/rows", []),
]


@pytest.mark.parametrize(("kind", "name", "place", "value"), WRONG, ids=lambda v: str(v)[:30])
def test_a_schema_refuses_what_the_reader_refuses(kind: str, name: str, place: str, value: object) -> None:
    path = catalog.folder(kind) / f"{name}.yaml"
    data = changed(read_yaml(path).data, place, value)
    assert faults(kind, data)
    with pytest.raises(BitnetCostError):
        catalog.validate(Document(data, {}), KINDS[kind], path)


@pytest.mark.parametrize("figure", Figure.__subclasses__(), ids=lambda c: c.__name__)
def test_a_unit_is_accepted_where_the_reader_accepts_it(figure: type[Figure]) -> None:
    pattern = re.compile(units.pattern(figure.dimension))
    spellings = {unit for c in Figure.__subclasses__() for unit in c.dimension.spellings}
    for unit in sorted(spellings):
        value = _believable(figure.dimension, unit)
        for text in (f"{value!r} {unit}", f"{value!r}{unit}", f" {value!r}  {unit} "):
            try:
                units.parse(text, figure.dimension)
            except BitnetCostError:
                assert not pattern.search(text), text
            else:
                assert pattern.search(text), text
    for text in (
        "",
        "1",
        "J",
        "1e W",
        "1.2.3 W",
        "-",
        f"1 {figure.dimension.example}",
        f"{figure.dimension.example} x",
    ):
        assert not pattern.search(text), text


def _believable(dimension: units.Dimension, unit: str) -> float:
    """A number that is within the believable range in that unit."""
    scale = dimension.spellings.get(unit, 1.0)
    return float(f"{(dimension.low * dimension.high) ** 0.5 / scale:.6g}")


def test_a_profile_that_extends_another_may_leave_out_parts() -> None:
    data = read_yaml(ROOT / "docs" / "examples" / "laptop-16gb.yaml").data
    assert not faults("hardware", data)
    assert faults("hardware", {k: v for k, v in data.items() if k != "extends"})
    assert faults("hardware", changed(data, "hierarchy/ddr5/capacity/source", None))  # figures stand whole


def test_the_command_prints_the_committed_schema(bitnet_cost: Callable[..., Ran]) -> None:
    for kind in KINDS:
        ran = bitnet_cost("schema", kind)
        assert ran.code == 0, ran.err
        assert json.loads(ran.out) == json.loads((ROOT / "schemas" / f"{kind}.json").read_text("utf-8"))
    assert bitnet_cost("schema", "harware").code == 2
