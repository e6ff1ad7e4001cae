"""Serving differs from the traced convention in named ways only, each by an amount that follows from the shape."""

from __future__ import annotations

import pytest

from bitnet_cost.inputs.architecture import Architecture

from .golden_data import SCENARIOS, architecture, golden, macs

MODELS = sorted(golden())
CHANGED = {"attn_scores", "attn_context", "kv_b", "ssm_conv1d", "ssm_scan"}


def attended(prompt: int, window: int | None) -> int:
    """Pairs that a causal query attends to, counted one by one."""
    return sum(min(position, window or position) for position in range(1, prompt + 1))


def expected(model: Architecture, scenario: str, role: str) -> int:
    """MACs of a role that serving changes, written out from the shape."""
    batch, prompt, _, phase = SCENARIOS[scenario]
    tokens = batch * (1 if phase else prompt)
    total = 0
    for layer in model.layers:
        if attention := layer.attention:
            if model.kind == "encoder":
                pairs = prompt * prompt
            elif phase:
                pairs = min(prompt + 1, attention.window or prompt + 1)
            else:
                pairs = attended(prompt, attention.window)
            if role in ("attn_scores", "attn_context"):
                total += layer.repeat * batch * pairs * attention.heads * model.head_dim(attention)
        elif mla := layer.latent_attention:
            pairs = prompt + 1 if phase else attended(prompt, None)
            scores = mla.kv_rank + mla.rope_dim if phase else mla.nope_dim + mla.rope_dim
            context = mla.kv_rank if phase else mla.value_dim
            width = {"attn_scores": scores, "attn_context": context}.get(role, 0)
            total += layer.repeat * batch * pairs * mla.heads * width
            if role == "kv_b":  # once per new token: expanded in the prefill, absorbed into q and o in decode
                total += layer.repeat * tokens * mla.kv_rank * mla.heads * (mla.nope_dim + mla.value_dim)
        elif ssm := layer.state_space:
            channels = ssm.inner_size + (2 * ssm.groups * ssm.state_size if ssm.heads else 0)
            # one output a token, no padding; the scan as the recurrence, whatever chunks a kernel takes
            total += layer.repeat * tokens * channels * ssm.conv_kernel * (role == "ssm_conv1d")
            total += layer.repeat * tokens * ssm.inner_size * ssm.state_size * (role == "ssm_scan")
    return total


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scenario", ["prefill_b1_s512", "prefill_b4_s128", "decode_b1_past511"])
def test_only_the_named_roles_differ(name: str, scenario: str) -> None:
    model = architecture(name)
    if model.kind == "encoder" and scenario.startswith("decode"):
        return
    traced, serving = macs(model, scenario), macs(model, scenario, counting="serving")
    assert {role: n for role, n in serving.items() if role not in CHANGED} == {
        role: n for role, n in traced.items() if role not in CHANGED
    }
    for role in serving.keys() & CHANGED:
        assert serving[role] == expected(model, scenario, role), role


def test_the_readme_of_the_data_and_causal_attention() -> None:
    """Its rule: multiply scores and context of a prefill by (S + 1) / (2 S)."""
    traced = macs(architecture("llama-2-7b"), "prefill_b1_s512")["attn_scores"]
    serving = macs(architecture("llama-2-7b"), "prefill_b1_s512", counting="serving")["attn_scores"]
    assert serving * 2 * 512 == traced * 513
