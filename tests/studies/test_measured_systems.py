"""Whole systems at the most that they serve: what is carried, and what is modelled beside them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from bitnet_cost.engine.load import copies_of, within
from bitnet_cost.inputs.accuracy import TUNED
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.measurement import SystemMeasurement
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies import measured_systems
from bitnet_cost.studies.load import Terms, serving
from bitnet_cost.studies.measured import Point, at_the_wall
from bitnet_cost.views.load import report


@cache
def found() -> list[Point]:
    return measured_systems.points()


def test_every_result_is_quoted_with_its_id_and_names_what_the_catalogue_has() -> None:
    rows = measured.system_rows()
    assert len({row.id for row in rows}) == len(rows) == 182
    for row in rows:
        number, _, submitter = row.entry.partition(" ")
        assert number.startswith("5.1-") == (row.source == "mlperf-inference-5.1")
        assert submitter or "/" in row.entry
        assert (row.slo_ttft is None) == (row.slo_tpot is None) == (row.scenario == "offline")
        assert catalog.model(row.model)
        assert catalog.precision(row.precision)
        assert catalog.runtime(row.runtime, str(catalog.hardware(row.hardware).device_class))
        assert row.each is None or row.devices % row.each == 0


def test_no_constant_comes_from_a_tuned_system_and_none_is_lost() -> None:
    ids = {row.id for row in measured.system_rows()}
    assert not ids & measured.used()
    rates = [point for point in found() if point.quantity == "tokens_per_s"]
    assert {point.row.id for point in rates} == ids
    assert sum(not point.scored for point in rates) == 3
    energies = [point for point in found() if point.quantity == "energy_j_per_token"]
    assert [point.scored for point in energies].count(True) == 3
    assert all(np.isfinite(point.modelled) for point in found())


def test_a_system_serves_as_much_as_its_best_division_and_no_other_serves_more() -> None:
    row = next(r for r in measured.system_rows() if r.each is None and r.scenario == "server" and r.hardware == "b200")
    load = Load(1.0, row.prompt, row.generate, slo_ttft=row.slo_ttft, slo_tpot=row.slo_tpot, percentile=99)
    each = []
    for asked in measured_systems.divisions(row):
        (copy,) = copies_of(asked, [load])
        each.append(0.0 if copy.pace is None else within(copy.pace) * row.generate * row.devices / copy.each)
    assert len(each) > 2
    ours = next(point.modelled for point in found() if point.row is row)
    assert ours == pytest.approx(max(each), rel=1e-12)


def test_where_the_devices_of_a_copy_are_known_no_other_division_is_tried() -> None:
    rows = [row for row in measured.system_rows() if row.each is not None]
    assert {row.each for row in rows} == {1, 2, 8}
    for row in rows:
        assert [asked.devices for asked in measured_systems.divisions(row)] == [row.each]


def test_times_to_keep_lower_what_is_served() -> None:
    alike: dict[tuple[object, ...], dict[str, float]] = {}
    for point in found():
        row = point.row
        assert isinstance(row, SystemMeasurement)
        if point.quantity == "tokens_per_s":
            key = (row.entry, row.model, row.hardware, row.precision, row.kv_bits, row.devices)
            alike.setdefault(key, {})[row.scenario] = point.modelled
    several = [rates for rates in alike.values() if len(rates) > 1]
    assert len(several) > 30
    for rates in several:
        least = [rates[name] for name in ("interactive", "server", "offline") if name in rates]
        assert all(a <= b * 1.01 for a, b in pairwise(least))  # answers differ by a token


def test_energy_at_the_wall_holds_hosts_and_supplies() -> None:
    assert at_the_wall(8000.0, 1.0, 8) == pytest.approx((8000 + 1200) / 0.98)
    row = next(row for row in measured.system_rows() if row.power_w)
    assert row.energy_j_per_token == row.power_w / row.tokens_per_s  # type: ignore[operator]  # it has a power
    point = next(p for p in found() if p.row is row and p.quantity == "energy_j_per_token")
    rate = next(p.modelled for p in found() if p.row is row and p.quantity == "tokens_per_s")
    assert point.modelled * rate * 0.98 > 1200 * row.devices / 8


def test_a_load_says_what_tuned_systems_reach_beside_the_errors_of_servers() -> None:
    (one,) = serving("llama-2-70b", ["h200-sxm-141gb"], ["fp8"], Load(1.0), Terms("tensorrt-llm"))
    bias = catalog.accuracy().devices["h200-sxm-141gb"]["tensorrt-llm"][TUNED].bias
    text = next(note.text for note in report([one]).notes if note.code == "measured")
    assert f"Systems tuned for MLPerf Inference serve {1 / (1 + bias / 100):.1f} times" in text
    assert "on others the model meets time per token" in text
    assert not {"mi325x", "h200-nvl"} & catalog.accuracy().measured
