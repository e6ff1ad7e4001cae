"""Low-bit units, prices that other figures include, operating points: what hardware can be said to have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bitnet_cost import BitnetCostError, estimate
from bitnet_cost.engine.activity import unit_recipe
from bitnet_cost.formulas.datapaths import tree_additions
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog, machines
from bitnet_cost.studies.checking import check
from tests.conftest import Ran

OWN = {"author": "a designer", "title": "my chip", "year": 2026, "where": "my desk", "seen": "own"}


def figure(value: str, **more: str) -> dict[str, str]:
    return {"value": value, "low": value, "high": value, "basis": "assumed", "source": "mine", **more}


def written(folder: Path, base: str, **changes: Any) -> str:
    """A file that extends a profile, as a user writes it."""
    document = {"name": "mine", "title": "my chip", "extends": base, "sources": {"mine": OWN}, **changes}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    return str(path)


def with_unit(folder: Path, base: str = "h100-sxm-80gb", **more: Any) -> str:
    changes = {"actions": {"mac.ternary": figure("0.02 pJ")}, "rates": {"ternary": figure("200 TOP/s")}}
    return written(folder, base, **changes, **more)


def run_on(hardware: str, precision: str = "bitnet-b1.58", **more: Any) -> Result:
    found = estimate("7B", hardware=hardware, precision=precision, **more)
    assert isinstance(found, Result)
    return found


def seconds(result: Result, phase: int | None = None) -> float:
    assert result.timing is not None
    found = result.timing.by_phase.ravel()
    return float(found.sum() if phase is None else found[phase])


def test_a_ternary_unit_runs_bitnet_without_being_told(tmp_path: Path) -> None:
    without, own = run_on("h100-sxm-80gb"), run_on(with_unit(tmp_path))
    for precision in ("bitnet", "bitnet-b1.58", "w1.58a8", "w1a8"):
        actions = run_on(with_unit(tmp_path), precision).activity.arithmetic
        assert "mac.ternary" in actions, precision
        assert "mac.int8" not in actions, precision
        assert "unpack.fp16" not in actions, "it reads packed weights as they are"
    assert own.energy_j < without.energy_j
    assert seconds(own) < seconds(without)
    assert "mac.int8" in run_on(with_unit(tmp_path), "int8").activity.arithmetic, "wider weights do not fit it"


def test_its_rate_binds_a_large_batch(tmp_path: Path) -> None:
    slow = run_on(with_unit(tmp_path), batch=32, generate=1)
    fast = written(
        tmp_path, "h100-sxm-80gb",
        actions={"mac.ternary": figure("0.02 pJ")}, rates={"ternary": figure("2000 TOP/s")},
    )  # fmt: skip
    assert seconds(slow) > 3 * seconds(run_on(fast, batch=32, generate=1))


def test_zeros_are_skipped_by_the_share_that_is_given(tmp_path: Path) -> None:
    whole = run_on(with_unit(tmp_path)).activity.arithmetic["mac.ternary"]
    units = {"ternary": {"zeros_skipped": figure("0.4 x")}}
    part = run_on(with_unit(tmp_path, units=units)).activity.arithmetic["mac.ternary"]
    assert part == pytest.approx(0.6 * whole)


@pytest.mark.parametrize(
    ("datapath", "by_hand"),
    [
        # 45 nm: add.int8 0.03, add.int16 0.05, add.int32 0.1 pJ; lookup 0.2 pJ
        ({"kind": "add", "width": 16}, 0.05 * 15 / 16 + 0.1 / 16),
        ({"kind": "planes", "width": 16}, 2 * (0.05 * 15 / 16 + 0.1 / 16)),
        ({"kind": "count", "width": 256}, 16 * (0.03 / 8 + 0.1 / 256)),
        ({"kind": "table", "group": 4, "outputs": 128}, (0.25 + 40 / 512) * 0.2 + 36 / 512 * 0.05 + 0.25 * 0.1),
    ],
)
def test_what_a_datapath_does_prices_it_by_hand(tmp_path: Path, datapath: dict[str, Any], by_hand: float) -> None:
    path = written(
        tmp_path, "cmos-45nm", actions={"lookup.int16": figure("0.2 pJ")}, units={"ternary": {"datapath": datapath}}
    )
    node = catalog.hardware(path)
    recipe = unit_recipe(node, "ternary", "ternary", 8)
    prices = {action: node.price(action) for _, action in recipe}
    per_mac = sum(times * (prices[action] or (0, 0, 0))[1] for (_, action), times in recipe.items()) * 1e12
    assert per_mac == pytest.approx(by_hand)
    found, plain = run_on(path, generate=1), run_on("cmos-45nm", generate=1)
    linear = [op.role == "linear" for op in plain.counts.operators]
    for (_, action), times in recipe.items():
        of_linear = (found.activity.arithmetic[action].sum(axis=(0, 2)) * linear).sum()
        assert of_linear == pytest.approx(times * (plain.counts["mac"].sum(axis=(0, 2)) * linear).sum())


def test_a_unit_for_wide_inputs_takes_dequantised_weights(tmp_path: Path) -> None:
    units = {"int4": {"activations": "fp16", "accumulates": "fp32"}}
    path = written(
        tmp_path, "h100-sxm-80gb", units=units,
        actions={"mac.int4": figure("0.3 pJ")}, rates={"int4": figure("1000 TOP/s")},
    )  # fmt: skip
    assert "mac.int4" in run_on(path, "w4a16").activity.arithmetic
    assert "mac.int4" not in run_on(path, "nf4").activity.arithmetic, "levels of a table are no integers"


def test_a_unit_needs_a_rate_and_a_price(tmp_path: Path) -> None:
    with pytest.raises(BitnetCostError, match=r"units\.ternary: its rate is missing"):
        catalog.hardware(written(tmp_path, "h100-sxm-80gb", units={"ternary": {"datapath": {"kind": "add"}}}))
    with pytest.raises(BitnetCostError, match=r"units\.ternary: give its datapath, or its price"):
        catalog.hardware(written(tmp_path, "cmos-45nm", units={"ternary": {}}))
    with pytest.raises(BitnetCostError, match="group and outputs"):
        catalog.hardware(written(tmp_path, "cmos-45nm", units={"ternary": {"datapath": {"kind": "table"}}}))


def test_operating_points_are_a_few_lines(tmp_path: Path) -> None:
    points = {"slow": {"rates": {"fp16": figure("100 TFLOP/s")}, "power": {"static": figure("50 W")}}}
    path = written(tmp_path, "h100-sxm-80gb", points=points)
    slow = catalog.hardware(f"{path}@slow")
    assert (slow.name, slow.rates["fp16"].value) == ("mine@slow", 1e14)
    assert slow.rates["int8"] == catalog.hardware("h100-sxm-80gb").rates["int8"]
    assert seconds(run_on(f"{path}@slow", "fp16")) > seconds(run_on(path, "fp16"))
    with pytest.raises(BitnetCostError, match="has no operating point 'fast'; there are: slow"):
        catalog.hardware(f"{path}@fast")
    faulty = written(tmp_path, "h100-sxm-80gb", points={"slow": {"rats": {"fp16": figure("1 TFLOP/s")}}})
    with pytest.raises(BitnetCostError, match="unknown key 'rats'; did you mean 'rates'"):
        check(Path(faulty))


def test_an_engine_of_its_own_decodes(tmp_path: Path) -> None:
    own = written(tmp_path, "h100-sxm-80gb", decode_rates={"fp16": figure("1 TFLOP/s")})
    both = run_on(own, "fp16")
    usual = run_on(written(tmp_path, "h100-sxm-80gb", battery=figure("1 J")), "fp16")  # without solved constants too
    assert seconds(both, 0) == seconds(usual, 0)
    assert seconds(both, 1) > 3 * seconds(usual, 1)


def by_time(**changes: Any) -> dict[str, Any]:
    """A chip of which only memory, rates and power are known."""
    one = figure("1 GB")
    return {
        "name": "mine", "title": "my chip", "kind": "device", "device_class": "npu", "runtime": "roofline",
        "priced": "time", "rates": {"ternary": figure("1 TOP/s"), "int8": figure("1 TOP/s")},
        "executes": {"fp16": "int8"},
        "hierarchy": {"sram": {"capacity": figure("1 MB")}, "dram": {"capacity": one, "bandwidth": figure("2 GB/s")}},
        "power": {"static": figure("2 W"), "idle": figure("1 W"), "cap": figure("2 W")}, "sources": {"mine": OWN},
    } | changes  # fmt: skip


def test_a_chip_priced_by_time_needs_no_price_of_an_action(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(by_time(), sort_keys=False), "utf-8")
    found = estimate("bitnet-b1.58-700m", hardware=str(path), precision="bitnet-b1.58")
    assert isinstance(found, Result)
    assert found.energy_j == pytest.approx(2 * seconds(found))
    with pytest.raises(ValueError, match=r"hierarchy\.sram\.read is missing"):
        Hardware.model_validate(by_time(priced="actions", actions={"add.int8": figure("1 pJ")}))


def test_attention_head_and_cache_may_be_integers() -> None:
    node = estimate("mmfreelm-2.7b", hardware="cmos-45nm", precision="bitnet-b1.58-int8", generate=2)
    assert isinstance(node, Result)
    assert {"mul.int8", "add.int8"} <= node.activity.arithmetic.keys()
    wide = estimate("mmfreelm-2.7b", hardware="cmos-45nm", precision="bitnet-b1.58", generate=2)
    assert isinstance(wide, Result)
    assert node.footprint.weight_bits["lm_head"] * 2 == wide.footprint.weight_bits["lm_head"]
    assert float(node.energy_j) < float(wide.energy_j)


def test_a_head_as_the_layers_is_one_of_their_matrices() -> None:
    ternary = estimate("mmfreelm-2.7b", hardware="tereffic-u280", precision="bitnet-b1.58-5in8")
    assert isinstance(ternary, Result)
    assert ternary.footprint.weight_bits["lm_head"] == pytest.approx(1.6 * 32000 * 2560, rel=1e-3)
    head = [op.name for op in ternary.counts.operators].index("lm_head")
    assert ternary.activity.arithmetic["mac.ternary"][:, head].sum() > 0


def test_a_design_reaches_what_it_says_of_its_peaks() -> None:
    design = catalog.hardware("vitallm")
    _, runtime = machines.setting(design, None)
    assert design.reached is not None
    assert runtime is not None
    assert runtime.kernel("linear").compute == design.reached.compute


def test_draws_of_a_chip_priced_by_time_and_what_its_power_leaves_out(bitnet_cost: Callable[..., Ran]) -> None:
    ran = bitnet_cost("estimate", "bitnet-b1.58-700m", "-H", "slim-llama", "-p", "bitnet", "--draws", "20")
    assert ran.code == 0, ran.err
    assert "Energy leaves out memory outside the chip: Slim-Llama." in " ".join(ran.out.split())


def test_additions_of_a_tree_are_those_of_eq_18() -> None:
    narrow, wide = tree_additions(4096)
    assert narrow + wide == pytest.approx(1.0)
