"""Prices, scopes, ranges and savings."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitnet_cost
from bitnet_cost.errors import MissingPrice
from bitnet_cost.formulas.savings import saving_bounds, unshrinking_share
from bitnet_cost.formulas.sums import sum_in_order
from bitnet_cost.ledger.contract import contract, saving, savings
from bitnet_cost.readers import catalog


def test_ideal_memory_at_175b_is_exact() -> None:
    for precision, gigabytes in (("fp32", 700), ("fp16", 350), ("int8", 175), ("bitnet", 21.875)):
        result = bitnet_cost.estimate("175B", precision=precision)
        assert result.footprint.ideal_bits / 8e9 == gigabytes


def test_stored_holds_what_ideal_leaves_out() -> None:
    result = bitnet_cost.estimate("llama-2-7b", precision="bitnet")
    stored = result.footprint.weight_bits
    assert stored["embed_tokens"] == 32000 * 4096 * 16
    assert stored["lm_head"] == 32000 * 4096 * 16
    assert stored["q"] == 32 * 4096 * 4096
    assert stored["scales"] == 16 * 7 * 32  # one per weight matrix


def test_int4_stores_scales_and_zero_points() -> None:
    result = bitnet_cost.estimate("llama-2-7b", precision="int4")
    linear = 6_738_415_616 - 2 * 32000 * 4096 - 65 * 4096
    assert result.footprint.scale_bits == pytest.approx(linear / 128 * 20)
    assert bitnet_cost.estimate("llama-2-7b", precision="w4a16").footprint.weight_bits == result.footprint.weight_bits


@pytest.mark.parametrize(("packing", "bits"), [("", 2), ("-i2s", 2), ("-tl1", 2), ("-tl2", 1.67), ("-ideal", 1.585)])
def test_packings_keep_information_and_storage_apart(packing: str, bits: float) -> None:
    precision = catalog.precision("bitnet-b1.58" + packing)
    assert precision.linear.weights.bits == pytest.approx(bits, rel=1e-4)
    assert precision.information_bits == pytest.approx(1.58496, rel=1e-5)


def test_compute_holds_arithmetic() -> None:
    narrow = bitnet_cost.estimate("gpt2", precision="fp16", scope="arithmetic")
    wide = bitnet_cost.estimate("gpt2", precision="fp16", scope="compute")
    assert float(wide.energy_j) > float(narrow.energy_j)
    assert float(wide.mac) == float(narrow.mac)
    assert np.array_equal(wide.actions("mul"), narrow.actions("mul"))  # what runs does not depend on the scope


def test_a_special_function_costs_its_stated_work() -> None:
    node = catalog.hardware("cmos-7nm")
    low, nominal, high = node.price("exp.fp16") or (0, 0, 0)
    assert nominal == pytest.approx(8 * 0.34e-12 + 8 * 0.16e-12)
    assert low == pytest.approx(0.3 * nominal)
    assert high == pytest.approx(3 * nominal)
    assert node.basis("exp.fp16") == "assumed"
    assert node.price("exp.int3") is None


@given(
    st.lists(
        st.tuples(st.floats(0.1, 1e6), st.floats(0.1, 1e6), st.floats(0.1, 10), st.floats(0, 0.9), st.floats(0, 3)),
        min_size=1,
        max_size=6,
    )
)
def test_the_range_of_a_saving_is_within_what_prices_allow(actions: list[tuple[float, ...]]) -> None:
    runs, base, nominal, below, above = (np.array(column) for column in zip(*actions, strict=True))
    prices = np.array([nominal * (1 - below), nominal, nominal * (1 + above)]).T
    least, middle, most = saving_bounds(runs[:, None], base[:, None], prices)[:, 0]
    corners = [1 - np.dot(p, runs) / np.dot(p, base) for p in map(np.array, itertools.product(*prices[:, [0, 2]]))]
    slack = 1e-9 * max(1.0, *map(abs, corners))  # a saving on a much smaller baseline is a large number
    assert min(*corners, middle) - slack <= least <= middle <= most <= max(*corners, middle) + slack
    for i in range(len(runs)):  # each price alone, in numerator and denominator together
        for bound in (0, 2):
            moved = prices[:, 1].copy()
            moved[i] = prices[i, bound]
            assert least - slack <= 1 - np.dot(moved, runs) / np.dot(moved, base) <= most + slack


def test_the_baseline_saves_nothing_on_itself() -> None:
    result = bitnet_cost.estimate("gpt2", precision="fp32", baseline="fp32")
    assert result.saving is not None
    assert result.saving.tolist() == [0, 0, 0]
    assert result.baseline == "fp32"


def test_the_share_that_would_make_a_claim_true() -> None:
    for claim, modelled in ((0.45, 0.6739), (0.8, 0.9923)):
        share = unshrinking_share(claim, modelled)
        assert share is not None
        assert (1 - share) * modelled == pytest.approx(claim, rel=1e-15)
    assert unshrinking_share(0.9, 0.8) is None


def test_nothing_is_saved_on_a_baseline_that_does_not_fit() -> None:
    result = bitnet_cost.estimate("codellama-70b", "l4", "bitnet-b1.58-tl2", baseline="fp16", generate=128)
    assert result.has_energy
    assert result.saving is None
    assert result.reason is not None
    assert "no saving: baseline fp16 does not fit" in result.reason


def test_a_point_of_a_grid_that_does_not_fit_saves_nothing() -> None:
    batch = np.array([1, 10_000])
    result = bitnet_cost.estimate("llama-2-7b", "h100-sxm-80gb", "bitnet", baseline="fp16", batch=batch, generate=8)
    assert result.saving is not None
    assert np.isnan(result.saving[:, 1]).all()
    assert not np.isnan(result.saving[:, 0]).any()


CELLS = [
    ("llama-2-7b", "h100-sxm-80gb", "fp16", {"batch": 3}), ("mixtral-8x7b", "h100-sxm-80gb", "int4", {"devices": 2}),
    ("gemma-3-1b", "h100-sxm-80gb", "bitnet", {"devices": 3, "parallel": "pipeline", "batch": 5}),
    ("llama-2-7b", "intel-i7-13700h", "bitnet-b1.58", {}), ("gpt2", "cmos-7nm", "w4a8kv8", {"scope": "memory"}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "hardware", "precision", "asked"), CELLS)
def test_components_are_the_total_to_the_bit_and_operators_to_the_last_digits(
    model: str, hardware: str, precision: str, asked: dict[str, Any]
) -> None:
    result = bitnet_cost.estimate(model, hardware, precision, generate=20, **asked)
    assert result.ledger is not None
    parts = contract(result.ledger, "component", result.scope)
    assert float(sum_in_order(list(parts.values()))[1, 0]) == float(result.energy_j)
    for component, table in contract(result.ledger, "operator", result.scope).items():
        assert float(table[1].sum()) == pytest.approx(float(parts[component][1, 0]), rel=1e-12)
    runs, prices = contract(result.ledger, "action", result.scope), result.prices
    assert runs.keys() == prices.keys()
    priced = sum(float(times[0]) * prices[action][1] for action, times in runs.items())
    assert priced == pytest.approx(float(result.energy_j), rel=1e-12)


@pytest.mark.parametrize(("model", "hardware", "precision", "asked"), CELLS[:4])
def test_a_run_read_in_another_scope_is_the_answer_of_that_scope(
    model: str, hardware: str, precision: str, asked: dict[str, Any]
) -> None:
    """A breakdown follows the scope: a result whose scope was narrowed used to keep the old one."""
    result = bitnet_cost.estimate(model, hardware, precision, generate=20, **asked)
    for scope in ("arithmetic", "compute", "memory"):
        try:
            wanted = bitnet_cost.estimate(model, hardware, precision, generate=20, scope=scope, **asked)
        except MissingPrice:
            continue
        narrowed = replace(result, scenario=result.scenario.but(scope=scope))
        assert {name: energy.tolist() for name, energy in narrowed.by_component.items()} == {
            name: energy.tolist() for name, energy in wanted.by_component.items()
        }
        assert narrowed.by_operator.tolist() == wanted.by_operator.tolist()
        assert narrowed.runs.keys() == wanted.prices.keys()


@pytest.mark.parametrize("hardware", ["h100-sxm-80gb", "raspberry-pi-5", "cmos-7nm"])
def test_a_narrower_scope_takes_its_components_from_a_wider_one_to_the_bit(hardware: str) -> None:
    wide = catalog.hardware(hardware).scopes[-1]
    site = bitnet_cost.Facility(pue=1.3) if wide == "facility" else None
    found = bitnet_cost.estimate("gpt2", hardware, "int4", scope=wide, facility=site)
    assert found.by_component
    for scope in found.hardware.scopes[:-1]:
        assert found.ledger is not None
        taken, made = found.within(scope).by_component, contract(found.ledger, "component", scope)
        assert list(taken) == list(made)
        assert all((taken[name] == made[name]).all() for name in made), scope


def test_savings_of_several_pairs_are_those_of_each() -> None:
    names = ["fp16", "int8", "int4", "bitnet-b1.58"]
    results = bitnet_cost.compare("gpt2", "h100-sxm-80gb", names, scope="memory").results
    ledgers = [r.ledger for r in results if r.ledger is not None]
    pairs = list(itertools.combinations(range(len(names)), 2))
    for (a, b), found in zip(pairs, savings(ledgers, pairs, "memory"), strict=True):
        assert (found == saving(ledgers[a], ledgers[b], "memory")).all()
