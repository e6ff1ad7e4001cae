"""What must hold for every model, precision, profile and workload."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitnet_cost import api
from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import LinearPrecision, Precision, WeightStorage
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog

NODES = [h for name in catalog.names("hardware") if (h := catalog.hardware(name)).kind == "technology"]
PRECISIONS = [catalog.precision(name) for name in catalog.names("precision")]
MODELS = [
    catalog.model(name) for name in ("gpt2", "llama-2-7b", "mistral-7b", "gemma-3-1b", "bitnet-b1.58-2b4t", "bert-base")
]
SCOPES = ("arithmetic", "compute", "memory")


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    """Any decoder of known parts."""
    kv_heads = draw(st.integers(1, 4))
    heads = kv_heads * draw(st.integers(1, 4))
    head_dim = 2 * draw(st.integers(1, 32))
    attention: dict[str, object] = {"heads": heads, "kv_heads": kv_heads, "head_dim": head_dim}
    attention |= {"qkv_bias": draw(st.booleans()), "o_bias": draw(st.booleans()), "sub_norm": draw(st.booleans())}
    attention |= {"qk_norm": draw(st.sampled_from(["none", "head", "width"])), "softcap": draw(st.booleans())}
    if draw(st.booleans()):
        attention["window"] = draw(st.integers(1, 300))
    mixer: dict[str, object] = {"attention": attention}
    kind = draw(st.sampled_from(["attention", "attention", "latent", "mamba", "mamba2"]))
    if kind == "latent":
        ranks = st.integers(1, 64)
        mixer = {"latent_attention": {
            "heads": heads, "q_rank": draw(st.none() | ranks), "kv_rank": draw(ranks), "nope_dim": draw(ranks),
            "rope_dim": draw(ranks), "value_dim": draw(ranks),
        }}  # fmt: skip
    elif kind in ("mamba", "mamba2"):
        ssm = {"inner_size": heads * 8, "state_size": draw(st.integers(1, 64)), "conv_kernel": 4}
        mixer = {"state_space": ssm | ({"dt_rank": 5} if kind == "mamba" else {"heads": heads})}
    wide: dict[str, object] = {"size": draw(st.integers(1, 512)), "gated": draw(st.booleans())}
    wide["activation"] = draw(st.sampled_from(["relu", "relu2", "gelu", "gelu_tanh", "silu"]))
    layer: dict[str, object] = {"repeat": draw(st.integers(1, 40)), **mixer}
    if draw(st.booleans()):
        experts = draw(st.integers(1, 16))
        layer["moe"] = wide | {"experts": experts, "experts_per_token": draw(st.integers(1, experts))}
    elif draw(st.booleans()):
        layer["ffn"] = wide
    return Architecture.model_validate({
        "name": "any", "source": "drawn", "seen": "own", "layers": [layer],
        "hidden_size": draw(st.integers(1, 512)), "vocab_size": draw(st.integers(1, 5000)),
        "norm": draw(st.sampled_from(["rmsnorm", "layernorm", "layernorm_no_bias", "no_weights"])),
        "lm_head": {"tied": draw(st.booleans())},
    })  # fmt: skip


workloads = st.builds(
    Workload,
    batch=st.integers(1, 64),
    prompt=st.integers(1, 600),
    generate=st.integers(1, 200),
    logits=st.sampled_from(["last", "all", "none"]),
    counting=st.sampled_from(["serving", "traced"]),
)
precisions = st.sampled_from(PRECISIONS)
nodes = st.sampled_from(NODES)
scopes = st.sampled_from(SCOPES)


def energy(
    model: Architecture, precision: Precision, node: Hardware, workload: Workload, scope: str = "compute"
) -> Result:
    return evaluate(Scenario(model=model, precision=precision, hardware=node, workload=workload, scope=scope))  # type: ignore[arg-type]


@given(architectures(), precisions, nodes, workloads, scopes)
def test_parts_sum_to_wholes(
    model: Architecture, precision: Precision, node: Hardware, workload: Workload, scope: str
) -> None:
    result = energy(model, precision, node, workload, scope)
    whole = result.energy_bounds
    assert math.isclose(float(result.by_operator[1].sum()), float(whole[1]), rel_tol=1e-9)
    parts = sum(values for values in result.by_component.values())
    assert np.allclose(np.asarray(parts)[:, 0], whole, rtol=1e-9, atol=0)
    assert whole[0] <= whole[1] <= whole[2]
    memory = result.footprint
    assert float(memory.bits[0]) == pytest.approx(
        sum(memory.weight_bits.values()) + memory.kv_bits[0] + memory.activation_bits[0]
    )
    assert all(float(values.min()) >= 0 for values in result.counts.quantities.values())


@given(
    architectures(), precisions, nodes, workloads, st.sampled_from(["layers", "batch", "prompt", "generate"]), scopes
)
def test_more_never_costs_less(
    model: Architecture, precision: Precision, node: Hardware, workload: Workload, what: str, scope: str
) -> None:
    before = energy(model, precision, node, workload, scope)
    if what == "layers":
        layer = model.layers[0].model_copy(update={"repeat": model.layers[0].repeat + 1})
        model = model.model_copy(update={"layers": [layer]})
    else:
        values = {name: getattr(workload, name) for name in ("batch", "prompt", "generate", "logits", "counting")}
        workload = Workload(**values | {what: values[what] + 1})
    after = energy(model, precision, node, workload, scope)
    assert np.all(after.energy_bounds >= before.energy_bounds)
    assert float(after.mac) >= float(before.mac)
    assert np.all(after.footprint.bits >= before.footprint.bits)


@given(
    architectures(), precisions, nodes, scopes,
    st.lists(st.tuples(st.integers(1, 64), st.integers(1, 5000), st.integers(1, 300)), min_size=2, max_size=40),
    st.sampled_from(["serving", "traced"]),
)  # fmt: skip
def test_an_element_of_a_grid_is_the_single_estimate_to_the_bit(
    model: Architecture,
    precision: Precision,
    node: Hardware,
    scope: str,
    points: list[tuple[int, int, int]],
    counting: str,
) -> None:
    batch, prompt, generate = (np.array(axis) for axis in zip(*points, strict=True))
    grid = energy(model, precision, node, Workload(batch, prompt, generate, counting=counting), scope)  # type: ignore[arg-type]
    assert grid.energy_bounds.shape == (3, len(points))
    for i, point in enumerate(points):
        single = energy(model, precision, node, Workload(*point, counting=counting), scope)  # type: ignore[arg-type]
        assert single.energy_bounds.tobytes() == np.ascontiguousarray(grid.energy_bounds[:, i]).tobytes()
        assert float(single.mac) == float(grid.mac[i])
        assert float(single.footprint.bits[0]) == float(grid.footprint.bits[i])
        for name, values in single.by_component.items():
            assert values[:, 0].tobytes() == np.ascontiguousarray(grid.by_component[name][:, i]).tobytes()


def test_grids_of_any_shape_broadcast() -> None:
    workload = Workload(np.array([[1], [8]]), np.array([16, 512, 4096]), 5)
    result = evaluate(Scenario(model=MODELS[1], precision=PRECISIONS[0], hardware=NODES[0], workload=workload))
    assert result.energy_j.shape == (2, 3)
    assert result.energy_bounds.shape == (3, 2, 3)
    assert float(result.energy_j[1, 2]) == float(
        evaluate(
            Scenario(model=MODELS[1], precision=PRECISIONS[0], hardware=NODES[0], workload=Workload(8, 4096, 5))
        ).energy_j
    )


@given(st.sampled_from(MODELS), nodes, scopes, st.data())
def test_energy_never_falls_when_stored_bits_rise(
    model: Architecture, node: Hardware, scope: str, data: st.DataObject
) -> None:
    """One role's stored bits up, recipe and all else unchanged."""
    base = data.draw(precisions)
    role = data.draw(st.sampled_from(["linear", "scales", "kv"]))
    linear = base.linear.model_dump()
    if role == "linear":
        linear["weights"]["bits"] = min(32.0, linear["weights"]["bits"] + data.draw(st.floats(0.01, 8)))
    elif role == "scales" and linear["weights"]["scale_per"] != "none":
        linear["weights"]["scale_bits"] = min(64.0, linear["weights"]["scale_bits"] + 8)
    kv = min(32.0, base.kv_bits + data.draw(st.floats(0.5, 8))) if role == "kv" else base.kv_bits
    wider = base.model_copy(update={"linear": LinearPrecision.model_validate(linear), "kv_bits": kv})
    workload = Workload(2, 100) if model.kind == "encoder" else Workload(2, 100, 20)
    before, after = (energy(model, p, node, workload, scope) for p in (base, wider))
    assert np.all(after.energy_bounds >= before.energy_bounds)
    assert np.all(after.footprint.bits >= before.footprint.bits)
    assert np.all(after.activity.weight_bits >= before.activity.weight_bits)


@given(st.sampled_from(MODELS[:5]), precisions, nodes)
def test_weight_traffic_per_token_falls_as_one_over_batch(
    model: Architecture, precision: Precision, node: Hardware
) -> None:
    one, many = (
        evaluate(Scenario(model=model, precision=precision, hardware=node, workload=Workload(b, 64, 33)))
        for b in (1, 32)
    )
    assert np.array_equal(one.activity.weight_bits, many.activity.weight_bits)


@given(st.floats(1, 8), st.floats(1, 8))
def test_stored_is_never_below_payload(bits: float, information: float) -> None:
    low, high = sorted((bits, information))
    storage = WeightStorage(bits=high, information_bits=low, scale_bits=16, scale_per="group", group=128)
    assert storage.scales(4096, 4096) * storage.scale_bits / 4096**2 >= 16 / 128


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=60), st.integers(2, 9))
def test_ordered_sum_does_not_depend_on_the_grid(values: list[float], copies: int) -> None:
    column = np.array(values)[:, None]
    assert ordered_sum(column, 0)[0] == ordered_sum(np.repeat(column, copies, axis=1), 0)[copies - 1]
    running = 0.0
    for value in values:
        running += value
    assert ordered_sum(column, 0)[0] == running


@pytest.mark.parametrize("model", catalog.names("model"))
def test_everything_in_the_catalogue_evaluates(model: str) -> None:
    architecture = catalog.model(model)
    workload = Workload(1, 128) if architecture.kind == "encoder" else Workload(1, 128, 8)
    for precision in PRECISIONS:
        for node in NODES:
            result = evaluate(
                Scenario(model=architecture, precision=precision, hardware=node, workload=workload, scope="memory")
            )
            assert 0 < float(result.energy_j) < math.inf
            assert result.footprint.total_parameters > 10**6


def test_a_chain_of_identical_layers_is_one_run_of_them() -> None:
    model = catalog.model("llama-2-7b")
    (layer,) = model.layers
    split = model.model_copy(update={"layers": [layer.model_copy(update={"repeat": r}) for r in (5, 20, 7)]})
    for workload in (Workload(2, 300, 9), Workload(1, 512, logits="all", counting="traced")):
        whole, parts = count_ops(model, workload), count_ops(split, workload)
        for quantity in whole.quantities:
            assert float(parts.total(quantity)[0]) == pytest.approx(float(whole.total(quantity)[0]), rel=1e-14)


def test_biases_of_experts_in_a_grid_are_those_of_single_estimates() -> None:
    """Weights and biases of experts have one basis: their bits are added before they meet it, at every point."""
    draw = np.random.default_rng(0)
    batch, prompt, generate = (draw.integers(1, limit, 120) for limit in (64, 3000, 300))

    def energy(**work: Any) -> Any:
        return api.estimate("gpt-oss-20b", "h100-sxm-80gb", "int4", **work).energy_j

    numbers = zip(batch.tolist(), prompt.tolist(), generate.tolist(), strict=True)
    single = [float(energy(batch=b, prompt=p, generate=g)) for b, p, g in numbers]
    assert energy(batch=batch, prompt=prompt, generate=generate).tolist() == single
