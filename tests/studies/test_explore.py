"""What an explorer's page holds, and what it leaves out where there is no room."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bitnet_cost import api
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.studies import explore
from tests.conftest import Ran

PRECISIONS = [api.load_precision(name) for name in ("fp16", "bitnet-b1.58")]
SITE = Facility(1.0, 1e-4, 0.0)


def page() -> dict[str, dict[str, int]]:
    """The graphs of each place of a page."""
    model, device = api.load_model("gpt2-medium"), api.load_hardware("h100-sxm-80gb")
    asked = [
        one
        for devices in explore.counts_of(device, 2)
        for one in api.scenarios([model], [device], PRECISIONS, Workload(1, 64, 8), devices=devices, facility=SITE)
    ]
    data = explore.explored(asked, explore.Start(SITE, {}, devices=2))
    return {place: held["graphs"] for place, held in data["places"].items()}


def test_each_number_of_devices_has_both_sides_of_the_guard() -> None:
    graphs = page()
    assert list(graphs) == ["0/0/1", "0/0/2", "0/0/4", "0/0/8"]
    assert sorted(place for sides in graphs.values() for place in sides.values()) == list(range(8))


@pytest.mark.parametrize(("room", "places", "sides"), [(25, 4, 1), (12, 1, 2), (6, 1, 1)])
def test_less_room_holds_less(monkeypatch: pytest.MonkeyPatch, room: int, places: int, sides: int) -> None:
    monkeypatch.setattr(explore, "ROOM", room)
    graphs = page()
    assert len(graphs) == places
    assert {len(held) for held in graphs.values()} == {sides}
    assert "0/0/2" in graphs


def test_too_much_is_refused_before_it_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore, "ROOM", 2)
    with pytest.raises(BitnetCostError, match="name fewer models, devices"):
        page()


def test_a_technology_node_is_refused(bitnet_cost: Callable[..., Ran]) -> None:
    ran = bitnet_cost("explore", "gpt2", "-H", "cmos-45nm", "-o", "x.html")
    assert ran.code == 2
    assert "explore: 'cmos-45nm' is a technology node, without time; name a device" in ran.err


def test_a_page_holds_what_a_load_takes_at_the_devices_asked_for() -> None:
    model, device = api.load_model("gpt2-medium"), api.load_hardware("h100-sxm-80gb")
    asked = api.scenarios([model], [device], PRECISIONS, Workload(1, 64, 8), devices=1, facility=SITE)
    (held,) = explore.explored(asked, explore.Start(SITE, {}))["places"].values()
    for i, precision in enumerate(PRECISIONS):
        rates, joules, seconds = held["load"][i]
        rows = api.load(model, device, precision, rate=rates[3:5], prompt=64, generate=8, devices=1).to_records()
        assert joules[3:5] == pytest.approx([row["energy_per_token_j"] for row in rows], rel=1e-3)
        assert seconds[3:5] == pytest.approx([row["tpot_s"] for row in rows], rel=1e-3)
        assert rates[-1] == pytest.approx(rows[0]["max_rate_per_s"], rel=1e-3)
