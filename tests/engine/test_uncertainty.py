"""Draws stay within bounds, narrowing never widens a bound, and pairs share their prices."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bitnet_cost
from bitnet_cost.engine import time_figures, uncertainty
from bitnet_cost.engine.estimate import against
from bitnet_cost.engine.uncertainty import draw_prices, levers, runs_of, saving_extremes, scenario, spread, swings
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.cited import Figure
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.ledger.answers import Band, Lever
from bitnet_cost.ledger.intervals import energy_interval, factors
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog, electricity
from bitnet_cost.words import Distribution

AnyFigure = TypeVar("AnyFigure", bound=Figure)

NODE = catalog.hardware("cmos-45nm")
DISTRIBUTIONS: tuple[Literal["triangular", "lognormal"], ...] = ("triangular", "lognormal")


def with_figures(result: Result, values: dict[str, float]) -> Result:
    """The result with figures of time at other values."""
    return time_figures.revalued(result, time_figures.at_values(result.scenario, values))


def priced(precision: str, hardware: str | Hardware = NODE, **options: object) -> Result:
    return bitnet_cost.estimate("gpt3-175b", hardware, precision, **options)  # type: ignore[arg-type]


BITNET, FP16 = priced("bitnet"), priced("fp16")
ON_DEVICE = {p: bitnet_cost.estimate("llama-2-7b", "h100-sxm-80gb", p, generate=128) for p in ("bitnet", "fp16")}


def lever(low: float, nominal: float, high: float, name: str = "a", moves_with: str = "") -> Lever:
    return Lever(name, low, nominal, high, "J", "published", "s", moves_with or name)


ranges = st.tuples(st.floats(0.05, 1.0), st.floats(1.0, 1.0), st.floats(1.0, 20.0))


@given(st.lists(st.tuples(ranges, st.floats(0.0, 9.0), st.floats(0.01, 9.0)), min_size=1, max_size=6),
       st.sampled_from(DISTRIBUTIONS), st.integers(0, 99), st.booleans())  # fmt: skip
def test_bounds_enclose_every_draw_and_nominal_lies_inside(
    actions: list[tuple[tuple[float, float, float], float, float]],
    distribution: Literal["triangular", "lognormal"], seed: int, together: bool,
) -> None:  # fmt: skip
    moving = [lever(*a[0], name=f"a{i}", moves_with="s" if together else "") for i, a in enumerate(actions)]
    runs, base = np.array([a[1] for a in actions]), np.array([a[2] for a in actions])
    prices = draw_prices(moving, 500, seed, distribution)
    ends = np.array([a[0] for a in actions])
    energy = runs @ prices
    assert np.all(energy >= runs @ ends[:, 0] * (1 - 1e-12))
    assert np.all(energy <= runs @ ends[:, 2] * (1 + 1e-12))
    least, most = saving_extremes(runs, base, ends)
    slack = 1e-9 * max(1.0, abs(least), abs(most))
    saving = 1 - energy / (base @ prices)
    nominal = 1 - runs @ ends[:, 1] / (base @ ends[:, 1])
    assert least - slack <= nominal <= most + slack
    assert np.all(saving >= least - slack)
    assert np.all(saving <= most + slack)


@given(st.lists(st.tuples(ranges, st.floats(0.0, 9.0), st.floats(0.01, 9.0), st.floats(0, 1), st.floats(0, 1)),
                min_size=1, max_size=6))  # fmt: skip
def test_narrowing_a_range_never_widens_a_bound(
    actions: list[tuple[tuple[float, float, float], float, float, float, float]],
) -> None:
    runs, base = np.array([a[1] for a in actions]), np.array([a[2] for a in actions])
    wide = np.array([a[0] for a in actions])
    narrow = wide.copy()
    narrow[:, 0] += (wide[:, 1] - wide[:, 0]) * [a[3] for a in actions]
    narrow[:, 2] -= (wide[:, 2] - wide[:, 1]) * [a[4] for a in actions]
    assert runs @ narrow[:, 0] >= runs @ wide[:, 0] * (1 - 1e-12)
    assert runs @ narrow[:, 2] <= runs @ wide[:, 2] * (1 + 1e-12)
    outer, inner = saving_extremes(runs, base, wide), saving_extremes(runs, base, narrow)
    slack = 1e-9 * max(1.0, *map(abs, outer))
    assert outer[0] - slack <= inner[0]
    assert inner[1] <= outer[1] + slack


@given(st.lists(st.tuples(ranges, st.floats(0.0, 9.0), st.floats(0.01, 9.0)), min_size=1, max_size=5))
def test_extremes_are_reached_at_a_corner(actions: list[tuple[tuple[float, float, float], float, float]]) -> None:
    runs, base = np.array([a[1] for a in actions]), np.array([a[2] for a in actions])
    ends = np.array([a[0] for a in actions])
    corners = np.array(np.meshgrid(*[(e[0], e[2]) for e in ends])).reshape(len(actions), -1)
    savings = 1 - (runs @ corners) / (base @ corners)
    assert saving_extremes(runs, base, ends) == pytest.approx((savings.min(), savings.max()), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_narrower_range_gives_a_narrower_band_of_one_figure(distribution: Literal["triangular", "lognormal"]) -> None:
    wide, narrow = (draw_prices([lever(l, 1.0, h)], 4000, 1, distribution)[0] for l, h in ((0.5, 2.0), (0.8, 1.3)))  # noqa: E741
    assert np.ptp(np.percentile(narrow, (5, 95))) < np.ptp(np.percentile(wide, (5, 95)))


def test_figures_of_a_source_that_moves_together_share_one_quantile() -> None:
    source = NODE.sources["horowitz2014"].model_copy(update={"together": True})
    profile = NODE.model_copy(update={"sources": NODE.sources | {"horowitz2014": source}})
    moving = levers(profile, ["add.int8", "mul.fp16", "add.int32"])
    assert [m.moves_with for m in moving] == ["source horowitz2014", "source horowitz2014", "add.int32"]
    drawn = draw_prices(moving, 300, 0)
    scaled = drawn[:2] / np.array([[m.nominal] for m in moving[:2]])  # the same relative range: the same factor
    assert np.allclose(scaled[0], scaled[1], rtol=1e-12)
    assert abs(np.corrcoef(drawn[0], drawn[2])[0, 1]) < 0.3
    alone = spread(BITNET, FP16, 3000)
    together = spread(priced("bitnet", profile), priced("fp16", profile), 3000)
    assert alone is not None
    assert together is not None
    assert alone.saving is not None
    assert together.saving is not None
    assert np.ptp(together.saving) < 0.05 * np.ptp(alone.saving)  # a saving hardly depends on what moves both


def test_draws_do_not_depend_on_who_else_asks() -> None:
    few, many = (levers(NODE, names) for names in (["add.int8"], ["add.fp16", "add.int8", "mul.fp16"]))
    assert np.array_equal(draw_prices(few, 50, 3)[0], draw_prices(many, 50, 3)[1])
    assert not np.array_equal(draw_prices(few, 50, 3), draw_prices(few, 50, 4))


def test_special_functions_move_within_their_own_range() -> None:
    (moving,) = levers(NODE, ["exp.fp16"])
    assert (moving.low / moving.nominal, moving.high / moving.nominal) == pytest.approx((0.3, 3.0))
    assert (moving.basis, moving.source) == ("assumed", "polynomials")


@pytest.mark.parametrize("scope", ["arithmetic", "compute", "memory"])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_band_lies_within_the_bounds_of_the_record(
    scope: str, distribution: Literal["triangular", "lognormal"]
) -> None:
    result, base = priced("bitnet", scope=scope), priced("fp16", scope=scope)
    found = spread(result, base, 2000, 7, distribution)
    assert found is not None
    assert found.saving is not None
    assert found.saving_extremes is not None
    low, nominal, high = result.energy_bounds
    assert low < found.energy[0] < found.energy[1] < found.energy[2] < high
    assert found.energy[0] < nominal < found.energy[2]
    assert found.saving_extremes[0] < found.saving[0] < found.saving[2] < found.saving_extremes[2]


def test_the_median_of_ten_thousand_draws_is_near_the_nominal_saving() -> None:
    found = spread(BITNET, FP16, 10_000)
    assert found is not None
    assert found.saving is not None
    assert found.saving[1] == pytest.approx(0.977, abs=0.002)


def test_energy_of_nominal_prices_is_that_of_the_record() -> None:
    for result in (BITNET, ON_DEVICE["bitnet"]):
        actions = sorted(result.prices)
        nominal = [m.nominal for m in levers(result.hardware, actions)]
        assert float(np.dot(runs_of(result, actions), nominal)) == pytest.approx(float(result.energy_j), rel=1e-12)


def test_time_at_the_fast_and_slow_ends_encloses_the_nominal_and_every_single_figure() -> None:
    for result in ON_DEVICE.values():
        fast, slow = scenario(result, "fast"), scenario(result, "slow")
        assert result.timing is not None
        assert fast.timing is not None
        assert slow.timing is not None
        low, nominal, high = (float(r.timing.total[0]) for r in (fast, result, slow) if r.timing)
        assert low < nominal < high
        assert float(fast.energy_j) < float(result.energy_j) < float(slow.energy_j)
        for place, figure in time_figures.time_figures(result).items():
            for bound in (figure.low, figure.high):
                timing = with_figures(result, {place: bound}).timing
                assert timing is not None
                assert low - 1e-12 <= float(timing.total[0]) <= high + 1e-12, place


def test_the_accumulator_and_the_int8_addition_dominate_the_papers_saving() -> None:
    for node in ("cmos-45nm", "cmos-7nm"):
        found = swings(priced("bitnet", node), priced("fp16", node))
        assert [s.lever.name for s in found[:2]] == ["accumulator: add.int32", "add.int8"]
        assert all(a.size >= b.size for a, b in pairwise(found))
        saving = found[0].saving
        assert saving is not None
        assert saving[1] < saving[0]


def test_a_swing_of_a_price_is_linear_and_one_of_time_moves_the_energy() -> None:
    found = {s.lever.name: s for s in swings(ON_DEVICE["bitnet"], ON_DEVICE["fp16"])}
    price = found["hbm.read"]
    runs = float(runs_of(ON_DEVICE["bitnet"], ["hbm.read"])[0])
    assert price.energy[1] - price.energy[0] == pytest.approx(runs * (price.lever.high - price.lever.low), rel=1e-9)
    assert "kernels.lowbit.compute" in found
    low, high = found["kernels.lowbit.compute"].energy
    assert low > high  # a slower kernel costs more
    assert "kernels.experts.compute" not in found  # no expert runs here


@pytest.mark.parametrize("name", ["fp16", "bitnet"])
def test_figures_moved_as_one_grid_give_what_each_gives_alone(name: str) -> None:
    result = ON_DEVICE[name]
    ends = [(place, bound) for place, f in time_figures.time_figures(result).items() for bound in (f.low, f.high)]
    assert len(ends) > 20
    alone = [float(with_figures(result, {place: value}).energy_j) for place, value in ends]
    assert time_figures.energies_with_each(result, ends).tolist() == pytest.approx(alone, rel=1e-15)


@pytest.mark.parametrize(("name", "other"), [("fp16", "bitnet"), ("bitnet", "fp16")])
def test_what_no_kernel_of_a_result_has_moves_nothing(name: str, other: str) -> None:
    """Energies at ends of another's figures are looked up among a result's own, to the last bit of those of a grid."""
    result, theirs = ON_DEVICE[name], time_figures.time_figures(ON_DEVICE[other])
    ends = [(place, bound) for place, f in theirs.items() for bound in (f.low, f.high)]
    assert set(theirs) != set(time_figures.time_figures(result))
    found = time_figures.energies_at_ends(result, ends)
    assert found.tolist() == time_figures.energies_with_each(result, ends).tolist()


def test_a_result_without_energy_has_no_spread() -> None:
    none = bitnet_cost.estimate("gpt3-175b", "h100-sxm-80gb", "fp16")
    assert not none.has_energy
    assert spread(none, None) is None
    assert swings(none, None) == []


def test_pue_multiplies_every_draw() -> None:
    plain = ON_DEVICE["fp16"]
    hot = bitnet_cost.estimate(
        "llama-2-7b", "h100-sxm-80gb", "fp16", generate=128, scope="facility", facility=Facility(pue=1.5)
    )
    one, two = spread(plain, None, 200), spread(hot, None, 200)
    assert one is not None
    assert two is not None
    assert two.energy == pytest.approx([1.5 * x for x in one.energy])


@pytest.mark.parametrize(("draws", "seed"), [(0, 0), (10**7, 0), (5, -1)])
def test_absurd_draws_are_refused(draws: int, seed: int) -> None:
    with pytest.raises(BitnetCostError, match="whole number"):
        spread(BITNET, FP16, draws, seed)


@given(st.sampled_from(["add.int8", "mul.fp16", "add.fp16"]), st.floats(0, 1), st.floats(0, 1))
def test_narrowing_a_figure_of_a_profile_never_widens_a_result(action: str, below: float, above: float) -> None:
    figure = NODE.actions[action]
    low = figure.low + below * (figure.value - figure.low)
    high = figure.high - above * (figure.high - figure.value)
    narrow = NODE.model_copy(
        update={"actions": NODE.actions | {action: figure.model_copy(update={"low": low, "high": high})}}
    )
    wide = spread(BITNET, FP16, 10)
    found = spread(priced("bitnet", narrow), priced("fp16", narrow), 10)
    assert wide is not None
    assert found is not None
    assert wide.saving_extremes is not None
    assert found.saving_extremes is not None
    assert wide.energy_bounds[0] <= found.energy_bounds[0] <= found.energy_bounds[2] <= wide.energy_bounds[2]
    assert wide.saving_extremes[0] - 1e-12 <= found.saving_extremes[0]
    assert found.saving_extremes[2] <= wide.saving_extremes[2] + 1e-12


def with_site(zone: str | None, embodied: Literal["profile"] | float | None, lifetime: float = 3.0) -> Result:
    intensity, words, found = electricity.carbon_intensity(zone or "350")
    site = Facility(
        carbon_g_per_j=intensity, usd_per_j=5e-8, grid=words, usd_per_device_hour=2.0, embodied_g=embodied,
        lifetime_years=lifetime, zone=found,
    )  # fmt: skip
    return bitnet_cost.estimate("llama-2-7b", "intel-i7-13700h", "bitnet", generate=8, facility=site)


def every_draw(result: Result, baseline: Result | None, seed: int, distribution: Distribution) -> Band:
    """A band whose percentiles are the least, the middle and the most of all draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uncertainty, "PERCENTILES", (0.0, 50.0, 100.0))
        found = spread(result, baseline, 400, seed, distribution)
    assert found is not None
    return found


def test_emissions_and_money_that_are_typed_in_follow_the_energy_of_each_draw() -> None:
    site = Facility(carbon_g_per_j=1e-4, usd_per_j=5e-8)
    result = bitnet_cost.estimate("llama-2-7b", "h100-sxm-80gb", "fp16", generate=128, facility=site)
    found = spread(result, None, 500)
    assert found is not None
    assert found.carbon == pytest.approx([1e-4 * x for x in found.energy])
    assert found.cost == pytest.approx([5e-8 * x for x in found.energy])
    assert found.carbon_bounds == pytest.approx([1e-4 * x for x in found.energy_bounds])


def test_the_range_of_a_grid_widens_emissions() -> None:
    typed, zone = with_site("344.14", None), with_site("deu", None)
    one, other = spread(typed, None, 3000), spread(zone, None, 3000)
    assert one is not None
    assert other is not None
    assert one.carbon is not None
    assert other.carbon is not None
    assert other.carbon_bounds is not None
    assert np.ptp(other.carbon) > 1.05 * np.ptp(one.carbon)
    assert one.energy == other.energy
    assert one.cost == other.cost
    low, nominal, high = (float(x) for x in zone.energy_bounds)
    ends = [low * 309.7, nominal * 344.14, high * 378.6]
    assert other.carbon_bounds == pytest.approx([x / 3.6e6 for x in ends])


@given(st.sampled_from(["deu", "fra", "world", None]), st.sampled_from(["profile", None, 1e5]), st.floats(0.5, 9),
       st.sampled_from(DISTRIBUTIONS), st.integers(0, 99))  # fmt: skip
def test_bounds_of_emissions_and_money_enclose_every_draw(
    zone: str | None, embodied: Literal["profile"] | float | None, lifetime: float,
    distribution: Literal["triangular", "lognormal"], seed: int,
) -> None:  # fmt: skip
    result = with_site(zone, embodied, lifetime)
    found = every_draw(result, None, seed, distribution)
    for drawn, bounds, nominal in (
        (found.carbon, found.carbon_bounds, result.carbon_g), (found.cost, found.cost_bounds, result.cost_usd),
    ):  # fmt: skip
        assert drawn is not None
        assert bounds is not None
        assert nominal is not None
        assert bounds[0] <= drawn[0] <= drawn[2] <= bounds[2]
        assert bounds[0] <= float(nominal) <= bounds[2]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_narrowing_a_grid_or_a_device_never_widens_emissions(a: float, b: float, c: float, d: float) -> None:
    result = with_site("deu", "profile")
    assert result.facility is not None
    assert result.facility.zone is not None
    zone, made = result.facility.zone, result.hardware.embodied
    assert made is not None
    asked = result.scenario.at("facility.zone.figure", narrowed(zone.figure, a, b))
    narrow = replace(result, scenario=asked.at("embodied", narrowed(made, c, d)))
    outer, inner = result.carbon_bounds, narrow.carbon_bounds
    assert outer is not None
    assert inner is not None
    assert outer[0] <= inner[0] <= inner[1] == outer[1] <= inner[2] <= outer[2]


def narrowed(figure: AnyFigure, below: float, above: float) -> AnyFigure:
    """A figure whose ends have come nearer to its value, by these shares."""
    low = min(figure.value, figure.low + below * (figure.value - figure.low))
    high = max(figure.value, figure.high - above * (figure.high - figure.value))
    return figure.model_copy(update={"low": low, "high": high})


@given(st.sampled_from(["bitnet", "int8", "w4a16", "bitnet-a4.8"]), st.sampled_from(["cmos-45nm", "cmos-7nm"]),
       st.sampled_from(["arithmetic", "compute", "memory"]), st.sampled_from(DISTRIBUTIONS), st.integers(0, 9))  # fmt: skip
def test_bounds_of_a_node_enclose_every_draw(
    precision: str, node: str, scope: str, distribution: Literal["triangular", "lognormal"], seed: int
) -> None:
    pair = [bitnet_cost.estimate("gpt2", node, p, scope=scope) for p in (precision, "fp16")]  # type: ignore[arg-type]
    enclosed(pair[0], pair[1], seed, distribution)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("precision", ["bitnet", "int8", "w4a16", "fp16"])
@pytest.mark.parametrize("device", ["gaudi-3", "apple-m2-ultra", "raspberry-pi-5", "intel-i7-13700h"])
def test_bounds_of_a_device_enclose_every_draw(
    device: str, precision: str, distribution: Literal["triangular", "lognormal"]
) -> None:
    """Where nothing was measured with the runtime, prices alone are drawn, and their ends are the bounds."""
    pair = [bitnet_cost.estimate("qwen3-0.6b", device, p, generate=16, batch=2) for p in (precision, "int4")]
    assert factors(pair[0], "energy") is None
    enclosed(pair[0], pair[1], 3, distribution)


@pytest.mark.parametrize(("device", "model", "precision"), [
    ("h100-sxm-80gb", "llama-2-7b", "fp16"), ("h100-sxm-80gb", "qwen3-0.6b", "int8"),
    ("rtx-4090", "llama-2-7b", "q4_k_m"), ("a100-sxm-80gb", "llama-3.1-8b", "bitnet"),
])  # fmt: skip
def test_draws_of_a_measured_device_span_its_interval(device: str, model: str, precision: str) -> None:
    """Nine of ten draws are within the 90 % interval that an answer prints."""
    result = bitnet_cost.estimate(model, device, precision, generate=16, batch=2)
    printed, found = energy_interval(result), spread(result, None, 4000)
    assert printed is not None
    assert found is not None
    assert found.energy == pytest.approx(printed.ravel().tolist(), rel=0.03)


def enclosed(result: Result, baseline: Result, seed: int, distribution: Literal["triangular", "lognormal"]) -> None:
    """Every draw, the nominal figure and the record's own range lie within the bounds."""
    found = every_draw(result, baseline, seed, distribution)
    low, nominal, high = found.energy_bounds
    assert low * (1 - 1e-12) <= found.energy[0] <= found.energy[2] <= high * (1 + 1e-12)
    assert low <= nominal <= high
    compared = against(result, baseline)
    if found.saving is None or found.saving_extremes is None:
        assert result.precision == baseline.precision
        return
    assert compared.saving is not None
    least, middle, most = found.saving_extremes
    assert least - 1e-12 <= found.saving[0] <= found.saving[2] <= most + 1e-12
    assert least - 1e-12 <= float(compared.saving[0]) <= float(compared.saving[2]) <= most + 1e-12
    assert middle == pytest.approx(float(compared.saving[1]), abs=1e-12)


@pytest.mark.parametrize("scope", ["arithmetic", "compute", "memory"])
def test_the_prices_of_an_extreme_saving_give_it(scope: str) -> None:
    result, base = priced("bitnet", scope=scope), priced("fp16", scope=scope)
    found = spread(result, base, 10)
    assert found is not None
    assert found.saving_extremes is not None
    for most, wanted in ((False, found.saving_extremes[0]), (True, found.saving_extremes[2])):
        prices = uncertainty.extreme_prices(result, base, most=most)
        energy, other = (float(np.dot(runs_of(r, list(prices)), list(prices.values()))) for r in (result, base))
        assert 1 - energy / other == pytest.approx(wanted, rel=1e-12)
        for action, price in prices.items():
            assert price in (*result.prices.get(action, ()), *base.prices.get(action, ()))


@settings(max_examples=15)
@given(st.sampled_from(sorted(ON_DEVICE)), st.integers(0, 10**6))
def test_times_within_the_ranges_lie_within_the_bounds_of_time(precision: str, seed: int) -> None:
    result = ON_DEVICE[precision]
    shares = np.random.default_rng(seed)
    values = {
        place: figure.low + shares.random() * (figure.high - figure.low)
        for place, figure in time_figures.time_figures(result).items()
    }
    drawn, fast, slow = with_figures(result, values), scenario(result, "fast"), scenario(result, "slow")
    assert drawn.timing is not None
    assert fast.timing is not None
    assert slow.timing is not None
    assert float(fast.timing.total[0]) <= float(drawn.timing.total[0]) <= float(slow.timing.total[0])


@settings(max_examples=15)
@given(st.sampled_from(sorted(ON_DEVICE)), st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_narrowing_a_figure_of_time_never_widens_the_bounds_of_time(
    precision: str, pick: int, below: float, above: float
) -> None:
    result = ON_DEVICE[precision]
    places = list(time_figures.time_figures(result).items())
    place, figure = places[pick % len(places)]
    narrow = replace(result, scenario=result.scenario.at(place, narrowed(figure, below, above)))
    outer = [scenario(result, way).timing for way in WAYS]
    inner = [scenario(narrow, way).timing for way in WAYS]
    ends = [float(t.total[0]) for t in (outer[0], inner[0], inner[1], outer[1]) if t is not None]
    assert ends[0] <= ends[1] * (1 + 1e-12) <= ends[2] * (1 + 2e-12) <= ends[3] * (1 + 3e-12)


WAYS: tuple[Literal["fast", "slow"], ...] = ("fast", "slow")


def test_a_power_floor_that_reaches_the_cap_does_not_stop_the_clock() -> None:
    for device in ("tpu-v5e", "raspberry-pi-5", "snapdragon-8-gen-3"):
        result = bitnet_cost.estimate("qwen3-0.6b", device, "bitnet-b1.58", prompt=64, generate=32)
        found = spread(result, None, 50)
        assert found is not None
        assert found.seconds is not None
        assert found.seconds[0] < found.seconds[1] < found.seconds[2] < 100 * found.seconds[1]
