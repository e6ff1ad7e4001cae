"""Technology nodes scaled from published ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bitnet_cost import BitnetCostError
from bitnet_cost.formulas.nodes import by_equations, equation_energy
from bitnet_cost.readers import catalog
from tests.conftest import Ran

Run = Callable[..., Ran]

NODES = ("65", "28", "22", "16", "12", "5", "3", "2")


@pytest.mark.parametrize(
    ("wide", "narrow", "supply", "ratio"),
    [(45, 32, 0.8, 0.659), (45, 16, 0.8, 0.174), (45, 7, 0.8, 0.0943), (65, 45, 0.8, 0.806)],
)
def test_the_equations_give_the_ratios_of_their_paper(wide: int, narrow: int, supply: float, ratio: float) -> None:
    assert equation_energy(narrow, supply) / equation_energy(wide, supply) == pytest.approx(ratio, abs=5e-4)


@pytest.mark.parametrize("node", NODES)
def test_every_node_is_the_published_tables_by_the_rule(node: str) -> None:
    found, wide, narrow = (catalog.hardware(f"cmos-{nm}nm") for nm in (node, "45", "7"))
    assert found.kind == "technology"
    for action in ("add.int8", "mul.int8", "add.fp16", "mul.fp32"):
        ends = wide.actions[action].value, narrow.actions[action].value
        value = found.actions[action].value
        if 7 <= float(node) <= 45:
            part = math.log(45 / float(node)) / math.log(45 / 7)
            assert value == pytest.approx(ends[0] * (ends[1] / ends[0]) ** part, rel=1e-3)
        else:
            assert value > ends[0] if float(node) > 45 else value < ends[1]
        assert found.actions[action].basis == "scaled"
    assert found.hierarchy["dram"].read == wide.hierarchy["dram"].read, "what is off the chip stays"


def test_energy_falls_from_node_to_node() -> None:
    nodes = [catalog.hardware(f"cmos-{nm}nm") for nm in (65, 45, 28, 22, 16, 12, 7, 5, 3, 2)]
    for action in ("add.int8", "mul.fp16"):
        values = [node.actions[action].value for node in nodes]
        assert values == sorted(values, reverse=True)


def test_below_the_equations_the_foundry_goes_on() -> None:
    end, beyond = by_equations(45, 7), by_equations(45, 5)
    assert beyond[1] == pytest.approx(end[1] * 0.7)


def test_the_options_scale_a_node_and_show_the_other_rules(bitnet_cost: Run) -> None:
    asked = ("estimate", "1B", "--node", "5nm", "--scaled-from", "45nm", "-p", "int8", "-p", "bitnet")
    one = bitnet_cost(*asked, "--by", "stillmaker-baas", "--notes").out
    assert "cmos-5nm-from-45nm-by-stillmaker-baas" in one.replace("-\n", "-")
    words = " ".join(one.split())
    assert "published-tables x0.163 (add.int8) and x0.216 (mul.fp16), stillmaker-baas x0.0396" in words
    every = bitnet_cost(*asked, "-f", "json").out
    assert all(f"by-{rule}" in every for rule in ("published-tables", "stillmaker-baas", "dennard"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--node", "5nm", "--by", "moore"), "unknown rule 'moore'"),
        (("--by", "foundry"), "name that too, as in --node 5nm"),
        (("--node", "5nm", "--by", "foundry"), "rule 'foundry' does not lead from 45 to 5 nm"),
        (("--node", "five"), "'five' is not a technology node"),
        (("--node", "1nm", "--by", "stillmaker-baas"), "holds from 130 to 2 nm, not at 1 nm"),
    ],
)
def test_a_rule_is_not_stretched(bitnet_cost: Run, words: tuple[str, ...], why: str) -> None:
    ran = bitnet_cost("estimate", "1B", *words)
    assert (ran.code, ran.out) == (2, "")
    assert why in " ".join(ran.err.split())


def test_a_name_is_a_node_in_python() -> None:
    found = catalog.hardware("cmos-16nm-from-45nm-by-stillmaker-baas")
    assert found.actions["add.int8"].value == pytest.approx(0.03e-12 * by_equations(45, 16)[1], rel=1e-3)
    with pytest.raises(BitnetCostError, match="no hardware is called"):
        catalog.hardware("cmos-16nm-from-44nm-by-dennard")
