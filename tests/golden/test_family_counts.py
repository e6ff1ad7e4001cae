"""Every family, as its class is by default and in small odd variants, equals the reference classes to the unit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.operators import operators
from bitnet_cost.errors import InvalidFile
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.operators import parameters_in
from bitnet_cost.readers.huggingface import FAMILIES, architecture_from_config
from bitnet_cost.readers.yaml_file import parse_yaml
from bitnet_cost.views.model_yaml import model_yaml

MODELS: dict[str, Any] = json.loads((Path(__file__).parent / "family_counts.json").read_text())["models"]
REFUSED = {name for name, model in MODELS.items() if "refused" in model}
STEPS = {"prefill": (512, 1, 0), "decode": (511, 2, 1)}  # prompt, generated tokens, phase


def architecture(name: str) -> Architecture:
    return architecture_from_config(MODELS[name]["config"], name="golden", source="golden data", file=name)


@pytest.mark.parametrize("name", sorted(MODELS.keys() - REFUSED))
def test_parameters_and_products(name: str) -> None:
    model, measured = architecture(name), MODELS[name]
    found = {section: count for section, count in parameters_in(operators(model)).items() if count}
    assert found == measured["parameters"]
    for key, (prompt, generate, phase) in STEPS.items():
        if measured[key] is not None and (phase == 0 or model.kind != "encoder"):
            counts = count_ops(model, Workload(1, prompt, generate, logits="all", counting="traced"))
            assert counts["mac"][phase].sum() == measured[key], key


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_counted_is_refused_by_field(name: str) -> None:
    with pytest.raises(InvalidFile, match=MODELS[name]["refused"]):
        architecture(name)


def test_most_families_are_measured() -> None:
    kinds = {model["config"]["model_type"] for model in MODELS.values()}
    assert len(kinds & FAMILIES.keys()) >= 90
    assert sum(model["prefill"] is not None for model in MODELS.values()) >= 200


@pytest.mark.parametrize(
    "name", ["t5", "whisper", "gemma3n_text-odd1", "kimi_linear-odd0", "deberta-v2-odd1", "electra"]
)
def test_yaml_round_trip(name: str) -> None:
    model = architecture(name)
    assert Architecture.model_validate(parse_yaml(model_yaml(model)).data) == model
