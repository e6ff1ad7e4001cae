"""JSON Schemas of the files that are read, so that an editor completes them and marks what is wrong.

They come from the classes that read the files. A schema knows keys, types, units and limits; it does not know that a
source is cited by no figure, or that heads do not divide a width: `bitnet-cost check` does.
"""

from __future__ import annotations

from typing import Any

from bitnet_cost.inputs.accuracy import Accuracy
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.calibration import Constants
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.facility import Grids
from bitnet_cost.inputs.hardware import Hardware, Links
from bitnet_cost.inputs.laws import Laws
from bitnet_cost.inputs.measurement import Measured
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.quality import Quality
from bitnet_cost.inputs.ranges import Ranges
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.study import Study
from bitnet_cost.inputs.sweep import Sweep
from bitnet_cost.inputs.training import TrainingRuntime

KINDS: dict[str, type[Input]] = {
    "model": Architecture,
    "hardware": Hardware,
    "precision": Precision,
    "runtime": RuntimeProfile,
    "training-runtime": TrainingRuntime,
    "study": Study,
    "sweep": Sweep,
    "links": Links,
    "grids": Grids,
    "measured": Measured,
    "constants": Constants,
    "accuracy": Accuracy,
    "ranges": Ranges,
    "quality": Quality,
    "laws": Laws,
}


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file, in draft 7, which editors support.

    >>> json_schema("grids")["properties"]["zones"]["additionalProperties"]
    {'$ref': '#/definitions/CarbonIntensity'}
    """
    whole: dict[str, Any] = _untitled(KINDS[kind].model_json_schema(ref_template="#/definitions/{model}"))
    whole["definitions"] = whole.pop("$defs")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"bitnet-cost {kind}",
        **(_extending(whole) if "extends" in whole["properties"] else whole),
    }


def _untitled(schema: Any) -> Any:
    """A schema without the titles that pydantic makes of names."""
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _untitled(part) for key, part in schema.items() if key != "title" or isinstance(part, dict)}


def _extending(whole: dict[str, Any]) -> dict[str, Any]:
    """A schema that asks less of a file with ``extends`` or ``scaled``: figures stand whole, sections may be parts.

    An entry of a section may be null, which leaves out what the base has.
    """
    definitions = whole["definitions"]
    sections = [name for name, d in definitions.items() if "basis" not in d.get("properties", {}) and name != "Source"]

    def part_of(schema: Any) -> Any:
        if isinstance(schema, list):
            return [part_of(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        found = {key: part_of(part) for key, part in schema.items() if key != "required"}
        if str(found.get("$ref", "")).rpartition("/")[2] in sections:
            found["$ref"] += "Part"
        if isinstance(found.get("additionalProperties"), dict):
            found["additionalProperties"] = {"anyOf": [found["additionalProperties"], {"type": "null"}]}
        return found

    root = {key: part for key, part in whole.items() if key != "definitions"}
    return {
        "if": {"anyOf": [{"required": [key]} for key in ("extends", "scaled") if key in root["properties"]]},
        "then": part_of(root) | {"required": ["name", "title"]},
        "else": root,
        "definitions": definitions | {f"{name}Part": part_of(definitions[name]) for name in sections},
    }
