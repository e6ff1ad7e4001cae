"""Parameters, MACs and cache sizes equal a trace of the reference implementations, to the unit."""

from __future__ import annotations

import pytest

from bitnet_cost.engine.footprint import parameters_by_role
from bitnet_cost.engine.operators import operators
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.readers import catalog

from .golden_data import SCENARIOS, architecture, cached, given, golden, macs

MODELS = sorted(golden())
RECURRENT = {name for name in MODELS if golden()[name].get("kv_cache", {}).get("fixed_state_elements")}
CACHING = [name for name in MODELS if "kv_cache" in golden()[name] and name not in RECURRENT]


def test_the_data_is_all_here() -> None:
    assert len(given()) == 36
    assert len(MODELS) == 36 + 92 + 79


def biases_by_role(operators: tuple[Operator, ...]) -> dict[str, int]:
    """Biases of products by the role of the product; `parameters_by_role` has their sum under ``bias``."""
    found: dict[str, int] = {}
    for op in operators:
        if op.bias and op.bias_parameter == "bias":
            found[op.parameter] = found.get(op.parameter, 0) + op.bias * op.repeat
    return found


@pytest.mark.parametrize("name", MODELS)
def test_parameters(name: str) -> None:
    model, measured = architecture(name), golden()[name]["params"]
    ours = operators(model)
    assert parameters_by_role(ours) == measured["by_role"]
    assert biases_by_role(ours) == measured["bias_by_role"]
    assert sum(parameters_by_role(ours).values()) == measured["total"]
    tables = ("embed_tokens", "embed_positions", "embed_token_type")
    assert sum(count for role, count in parameters_by_role(ours).items() if role in tables) == measured["embedding"]
    assert model.lm_head is not None
    assert model.lm_head.tied == measured["tied"]


def unvisited(model: Architecture) -> int:
    """Parameters of the routed experts that one token does not visit."""
    idle = 0
    for layer in model.layers:
        if moe := layer.moe:
            matrices = 2 + moe.gated
            biases = moe.bias * ((1 + moe.gated) * moe.size + model.hidden_size)
            expert = matrices * model.hidden_size * moe.size + biases
            idle += layer.repeat * (moe.experts - moe.experts_per_token) * expert
    return idle


@pytest.mark.parametrize("name", MODELS)
def test_active_parameters(name: str) -> None:
    model, measured = architecture(name), golden()[name]["params"]
    assert measured["total"] - unvisited(model) == measured["active_per_token"]


@pytest.mark.parametrize("name", MODELS)
def test_macs(name: str) -> None:
    compared = 0
    for scenario, measured in golden()[name]["macs"].items():
        if measured is None:  # the class refuses this length
            continue
        ours = macs(architecture(name), scenario)
        assert ours == measured, scenario
        compared += 1
    assert compared >= 1


@pytest.mark.parametrize("name", [name for name in MODELS if "last_logit_macs" in golden()[name]])
def test_macs_with_the_last_logit_only(name: str) -> None:
    ours = macs(architecture(name), "prefill_b1_s512", logits="last")
    assert sum(ours.values()) == golden()[name]["last_logit_macs"]


@pytest.mark.parametrize("name", CACHING)
def test_cache(name: str) -> None:
    model, measured = architecture(name), golden()[name]
    assert cached(model, 1, 64) // 64 == measured["kv_cache"]["elements_per_token"]
    for scenario, elements in measured["kv_cache_elements_after"].items():
        batch, prompt, generate, _ = SCENARIOS[scenario]
        assert cached(model, batch, prompt + generate - 1) == elements, scenario
    derived = measured["kv_cache"].get("derived_from_kv_heads_bytes_per_token_fp16")
    if derived:  # 32 positions lie below every window
        assert cached(model, 1, 32, "serving") * 2 // 32 == derived


@pytest.mark.parametrize("name", sorted(RECURRENT))
def test_recurrent_state(name: str) -> None:
    assert cached(architecture(name), 1, 64) == golden()[name]["kv_cache"]["fixed_state_elements"]
    assert cached(architecture(name), 1, 4096) == golden()[name]["kv_cache"]["fixed_state_elements"]


def test_every_kind_of_model_is_measured() -> None:
    assert len(RECURRENT) >= 10
    assert sum("kv_cache" not in golden()[name] for name in MODELS) >= 4  # encoders


def test_no_role_is_left_out() -> None:
    """The counter has a role for the rotary frequencies run as a product; none of these models runs them so."""
    roles = {role for name in MODELS for run in golden()[name]["macs"].values() if run for role in run}
    assert "rope_freqs" not in roles


@pytest.mark.parametrize("name", ["gpt3-175b", "bitnet-paper-6.7b", "bitnet-paper-13b"])
def test_models_that_come_from_a_table(name: str) -> None:
    """The catalogue writes them from the paper's table; the measured ones emulate them with a published class."""
    model = catalog.model(name)
    assert parameters_by_role(operators(model)) == golden()[name]["params"]["by_role"]
    assert macs(model, "decode_b1_past511") == golden()[name]["macs"]["decode_b1_past511"]
