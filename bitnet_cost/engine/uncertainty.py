"""How sure an answer is: prices drawn from their ranges, bounds that enclose every draw, and its sensitivity.

On a device whose runtime was measured, draws are of what measured figures were off by, time included: see
`drawn_errors`. Elsewhere prices are drawn, at a fixed time.

What moves there: every price (actions, bits moved at each level, static power) within its own low and high. For a given
activity and time, energy is linear in prices, so that ten thousand draws are one product ``runs [action] x prices
[action, draw]``; a saving is paired, both energies of a draw being priced with the same figures. A special function
without a figure of its own moves within its stated range around its work at nominal prices. Figures of a source that
is marked ``together`` share one quantile; the others are independent. Emissions are of the same draws: the carbon
intensity of a grid, and the emissions of making a device that its profile cites, are drawn as well. What was typed in
is exact, and so are prices of electricity and of device time.

A saving has two ranges. The one of a record (`contract.saving_bounds`) moves each price alone, then all together to one
side: what a reader would try, but other prices within the ranges can leave it. `saving_extremes` is the bound: no
prices within their ranges leave it, it holds every draw and the record's range, and narrowing a figure never widens it.

What does not move in a draw: counts, stored bits, and time. Time has its own bounds (`scenario`): all bandwidths,
rates, shares and launches at their fast, or at their slow ends, with the power cap applied to the low, or high, prices.
Seconds are monotone in each of those figures, so these bounds are strict. Energy at the two ends is a scenario and
nearly always the extreme, but not strictly so: a kernel that waits for memory waits less when the peak rate of its
products is lower, and waiting is priced.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from bitnet_cost.engine.device import floor_of
from bitnet_cost.engine.time_figures import at_values, energies_at_ends, revalued, time_figures
from bitnet_cost.errors import BitnetCostError, MissingPrice
from bitnet_cost.formulas.savings import saved
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.inputs.cited import Duration, EnergyPerOperation, Figure
from bitnet_cost.inputs.facility import Range, overhead_in
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.ranges import RuntimeRanges
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.answers import Band, Lever, Swing
from bitnet_cost.ledger.contract import component_of, contract, price_of
from bitnet_cost.ledger.intervals import by_batch, energy_factors, factors, in_logs, is_measured, of_energy
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import Array
from bitnet_cost.words import Distribution

PERCENTILES = (5.0, 50.0, 95.0)
MOST_DRAWS = 1_000_000
_TAIL = 0.025  # share beyond low, and beyond high, that a log-normal leaves out


def triangular(quantile: Array, low: float, mode: float, high: float) -> Array:
    """The value below which a share ``quantile`` of a triangular distribution lies; the shape of ``quantile``.

    >>> [float(triangular(np.array(q), 0.0, 1.0, 4.0)) for q in (0.0, 0.25, 1.0)]
    [0.0, 1.0, 4.0]
    """
    width = np.maximum(high - low, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(width > 0, (mode - low) / width, 0.0)
    left = low + np.sqrt(quantile * width * (mode - low))
    right = high - np.sqrt((1 - quantile) * width * (high - mode))
    found: Array = np.clip(np.where(quantile < below, left, right), low, high)
    return found


def lognormal(quantile: Array, low: float, median: float, high: float) -> Array:
    """The value below which a share ``quantile`` of a log-normal distribution lies, cut at low and high.

    Its median is the nominal figure. Each side has the width that puts low, and high, at 2.5 % of an uncut tail; the
    tails beyond are left out. A range that begins at 0 has no logarithm, and is drawn as a triangle.

    >>> [round(float(lognormal(np.array(q), 0.5, 1.0, 4.0)), 9) for q in (0.0, 0.5, 1.0)]
    [0.5, 1.0, 4.0]
    """
    if low <= 0:
        return triangular(quantile, low, median, high)
    shares, quantiles = _normal_quantiles()
    normal = np.interp(_TAIL + (1 - 2 * _TAIL) * quantile, shares, quantiles) / quantiles[-1]
    drawn = median * np.where(normal < 0, (low / median) ** -normal, (high / median) ** normal)
    found: Array = np.clip(drawn, low, high)
    return found


def _normal_quantile(share: float) -> float:
    """The quantile of a standard normal distribution at a share."""
    from statistics import NormalDist  # late: most answers draw nothing

    return NormalDist().inv_cdf(share)


@cache
def _normal_quantiles() -> tuple[Array, Array]:
    """Shares, and the quantiles of a standard normal distribution there."""
    shares = np.linspace(_TAIL, 1 - _TAIL, 4001)
    return shares, np.array([_normal_quantile(float(share)) for share in shares])


def levers(hardware: Hardware, actions: Sequence[str]) -> list[Lever]:
    """The price of each action as a figure that can move.  [J]

    Raises:
        MissingPrice: an action without a price.
    """
    found = []
    for action in actions:
        price, figure = price_of(action, hardware, "a range"), hardware.figure(action)
        cited = figure or hardware.special_functions[action.partition(".")[0]]
        unit = figure.dimension.si if figure else "J"
        together = hardware.sources[cited.source].together
        moves_with = f"source {cited.source}" if together else action
        found.append(Lever(action, *price, unit, cited.basis, cited.source, moves_with))
    return found


def draw_prices(moving: Sequence[Lever], draws: int, seed: int, distribution: Distribution = "triangular") -> Array:
    """Prices drawn from their ranges.  [lever, draw]  [J]

    The quantiles of a lever depend on the seed and on what it moves with, not on which other levers are asked for: so
    two precisions on one device are priced with the same draws, whoever asks.

    Raises:
        BitnetCostError: a number of draws that is not a whole one from 1 to a million.
    """
    _check(draws, seed)
    quantiles: dict[str, Array] = {}
    for lever in moving:
        if lever.moves_with not in quantiles:
            stream = np.random.default_rng([seed, zlib.crc32(lever.moves_with.encode())])
            quantiles[lever.moves_with] = stream.random(draws)
    inverse = {"triangular": triangular, "lognormal": lognormal}[distribution]
    if not moving:
        return np.zeros((0, draws))
    return np.array([inverse(quantiles[m.moves_with], m.low, m.nominal, m.high) for m in moving])


def _check(draws: int, seed: int) -> None:
    """Refuse a number of draws, or a seed, that is none."""
    if not 1 <= draws <= MOST_DRAWS:
        raise BitnetCostError(f"draws: {draws} is not a whole number from 1 to {MOST_DRAWS}")
    if not 0 <= seed < 2**63:
        raise BitnetCostError(f"seed: {seed} is not a whole number from 0 to 2^63 - 1")


def drawn_energies(
    results: Sequence[Result], draws: int, seed: int, distribution: Distribution = "triangular"
) -> list[dict[str, Array]]:
    """Energy of the device by component over draws that all results share.  Each [draw, n]  [J]

    Of measured errors, the same on all components, where all results have them; else of every price, at a fixed time.
    Results may be grids: this is the band of a curve.

    Raises:
        BitnetCostError: see `draw_prices`.
    """
    if all(map(is_measured, results)):
        errors = drawn_errors(results, draws, seed)
        return [
            {name: values[1] * error.energy for name, values in r.by_component.items() if name != "facility"}
            for r, error in zip(results, errors, strict=True) if error is not None
        ]  # fmt: skip
    actions = sorted({action for r in results for action in r.prices})
    prices = draw_prices(levers(results[0].hardware, actions), draws, seed, distribution)
    found = []
    for result in results:
        parts: dict[str, Array] = {}
        for action, runs in result.runs.items():
            energy = prices[actions.index(action)][:, None] * runs
            component = component_of(action)
            parts[component] = parts[component] + energy if component in parts else energy
        found.append(parts)
    return found


def runs_of(result: Result, actions: Sequence[str], point: int = 0) -> Array:
    """How often each action runs in the scope of a result.  [action]"""
    runs = result.runs
    return np.array([float(runs[a][point]) if a in runs else 0.0 for a in actions])


def overhead_factor(result: Result) -> float:
    """What the energy of the device is multiplied by in the scope."""
    return float(overhead_in(result.scope, result.facility, result.hardware.host))


def saving_extremes(runs: Array, base: Array, prices: Array) -> tuple[float, float]:
    """Least and most of 1 - sum(p runs) / sum(p base) over all prices within their ranges: exact.

    The ratio of two sums that are linear in p has its extremes where each price is at one of its ends, and those with
    the larger runs / base are at the other end than the rest: so with n prices only n + 1 corners can be extreme.

    Shapes: ``runs`` and ``base`` [action]; ``prices`` [action, bound] with bounds low, nominal, high.

    >>> saving_extremes(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    (0.25, 0.8333333333333334)
    """
    least, most = (saved(float(p @ runs), float(p @ base)) for p in saving_corners(runs, base, prices))
    return least, most


def saving_corners(runs: Array, base: Array, prices: Array) -> tuple[Array, Array]:
    """The prices at which the saving is least, and those at which it is most; see `saving_extremes`.  [action]"""
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(base > 0, runs / base, np.where(runs > 0, np.inf, 0.0))
    order = np.argsort(-slope, kind="stable")
    low, high = prices[order, 0], prices[order, 2]
    found = []
    for first, rest, best in ((high, low, np.argmin), (low, high, np.argmax)):
        corners = []
        for amounts in (runs[order], base[order]):
            taken = np.concatenate(([0.0], np.cumsum(first * amounts)))
            left = np.concatenate((np.cumsum((rest * amounts)[::-1])[::-1], [0.0]))
            corners.append(taken + left)
        until = int(best(saved(*corners)))
        chosen = np.empty_like(low)
        chosen[order] = np.where(np.arange(len(order)) < until, first, rest)
        found.append(chosen)
    return found[0], found[1]


def extreme_prices(result: Result, baseline: Result, *, most: bool) -> dict[str, float]:
    """The price of each action, within its range, at which the saving over a baseline is least, or most.  [J]"""
    actions = sorted(result.prices.keys() | baseline.prices.keys())
    found = saving_corners(
        runs_of(result, actions), runs_of(baseline, actions), _ends(levers(result.hardware, actions))
    )[most]
    return dict(zip(actions, found.tolist(), strict=True))


def _ends(moving: Sequence[Lever]) -> Array:
    """Low, nominal and high of each figure.  [lever, bound]"""
    return np.array([[m.low, m.nominal, m.high] for m in moving])


def _compared(result: Result, baseline: Result | None) -> tuple[Result | None, list[Lever], Array, Array]:
    """What a saving refers to, the prices of both, and how often each action runs in the result and in that.

    A saving refers to a baseline that has an energy, and is of another precision.
    """
    answers = baseline is not None and baseline.has_energy and baseline.precision != result.precision
    other = baseline if answers else None
    actions = sorted(result.prices.keys() | (other.prices.keys() if other else set()))
    return other, levers(result.hardware, actions), runs_of(result, actions), runs_of(other or result, actions)


def spread(
    result: Result, baseline: Result | None, draws: int = 10_000, seed: int = 0,
    distribution: Distribution = "triangular",
) -> Band | None:  # fmt: skip
    """Percentiles of energy and of saving over draws of every price, and the bounds that enclose every draw.

    None where a result has no energy. Of a single point.

    Raises:
        BitnetCostError: see `draw_prices`.
    """
    if not result.has_energy:
        return None
    compared, moving, runs, base = _compared(result, baseline)
    prices, ends = draw_prices(moving, draws, seed, distribution), _ends(moving)
    errors = drawn_errors([result, *([compared] if compared else [])], draws, seed)
    drawn, other = (
        ordered_sum(amounts[:, None] * prices, 0) if error is None else float(ends[:, 1] @ amounts) * error.energy[:, 0]
        for amounts, error in ((runs, errors[0]), (base, errors[-1]))
    )
    energy = drawn * overhead_factor(result)
    least_j, nominal_j, most_j = result.energy_bounds.tolist()
    saving = extremes = seconds = scenarios = None
    if compared is not None:
        saving = percentiles_of(saved(drawn, other))
        nominal = saved(float(ends[:, 1] @ runs), float(ends[:, 1] @ base))
        least, most = saving_extremes(runs, base, ends)
        extremes = (min(least, nominal), nominal, max(most, nominal))
    latency, device_seconds = None, np.full(draws, _device_seconds(result))
    if errors[0] is not None:
        latency, device_seconds = percentiles_of(errors[0].seconds), errors[0].seconds * result.devices
    if result.timing is not None:
        fast, slow = scenario(result, "fast"), scenario(result, "slow")
        low, nominal_s, high = (float(r.timing.total[0]) for r in (fast, result, slow) if r.timing is not None)
        seconds = (low, nominal_s, high)
        scenarios = (float(fast.energy_j), float(slow.energy_j))
    return Band(
        draws, seed, distribution, percentiles_of(energy), (least_j, nominal_j, most_j), saving, extremes, seconds,
        scenarios, _emitted(result, energy, device_seconds, seed, distribution), _range_of(result.carbon_bounds),
        _paid(result, energy, device_seconds), _range_of(result.cost_bounds), latency,
    )  # fmt: skip


class Errors(NamedTuple):
    """Draws of what a run on a device is off by."""

    seconds: Array  # time of all phases at the first point  [draw]  [s]
    energy: Array  # on the nominal energy  [draw, n], or one point for all


def drawn_errors(results: Sequence[Result], draws: int, seed: int) -> list[Errors | None]:
    """Draws of time and energy from the spread of measured errors, which all results share; None where none is known.

    Logarithms are normal, so that 5 and 95 % are the ends of the 90 % intervals. Each is a part that all precisions
    share, of the square root of their correlation, and a part of its own; errors of energy go with those of time by the
    correlation of both.
    """
    found: list[Errors | None] = []
    for result in results:
        times, energies = factors(result, "time"), energy_factors(result)
        known = None if result.runtime is None else result.runtime.ranges
        if times is None or energies is None or known is None or result.timing is None:
            found.append(None)
            continue
        time, energy = normals(known, result.precision, draws, seed)
        seconds, batch = np.zeros(draws), result.workload.flat()[0][:1]
        for phase, nominal in zip(result.timing.phases, result.timing.by_phase[:, 0], strict=True):
            seconds = seconds + nominal * off_by(by_batch(times, batch, phase.name), time)[:, 0]
        found.append(Errors(seconds, off_by(of_energy(energies, result), energy)))
    return found


def normals(
    known: RuntimeRanges, precision: Precision, draws: int, seed: int, runs: str = "all"
) -> tuple[Array, Array]:
    """Standard normal draws of the errors of a precision's time and energy, other ones for other ``runs``.  [draw]

    Raises:
        BitnetCostError: a number of draws or a seed that is none.
    """
    _check(draws, seed)
    common = known.common(precision.linear.weights.bits) if runs == "all" else known.shared
    time, rest = (
        common**0.5 * _normal(f"{name} of {runs}", draws, seed)
        + (1 - common) ** 0.5 * _normal(f"{name} of {precision.name}{runs.removeprefix('all')}", draws, seed)
        for name in ("time", "energy")
    )
    return time, known.together * time + (1 - known.together**2) ** 0.5 * rest


def off_by(ends: Array, normal: Array) -> Array:
    """Factors of draws whose 5 and 95 % are the ends of an interval, ``ends`` [end, n].  [draw, n]"""
    middle, half = in_logs(ends)
    found: Array = np.exp(middle + half * normal[:, None] / _normal_quantile(0.95))
    return found


def _normal(name: str, draws: int, seed: int) -> Array:
    """Standard normal draws of a name.  [draw]"""
    return np.random.default_rng([seed, zlib.crc32(f"error: {name}".encode())]).standard_normal(draws)


def _emitted(
    result: Result, energy: Array, device_seconds: Array, seed: int, distribution: Distribution
) -> Range | None:
    """Percentiles of emissions: the energy of each draw, the grid's intensity and the making of devices drawn too."""
    site = result.facility
    if site is None or result.carbon_bounds is None:
        return None
    grid = f"electricity {site.zone.name}" if site.zone else "electricity"
    intensity = _drawn(grid, site.carbon_range, len(energy), seed, distribution)
    making = _drawn("embodied", site.embodied_range(result.hardware.embodied), len(energy), seed, distribution)
    return percentiles_of(energy * intensity + device_seconds * making)


def _paid(result: Result, energy: Array, device_seconds: Array) -> Range | None:
    """Percentiles of money: the energy of each draw, at prices that have no range."""
    site = result.facility
    if site is None or result.cost_bounds is None:
        return None
    return percentiles_of(energy * (site.usd_per_j or 0.0) + device_seconds * (site.usd_per_device_s or 0.0))


def _device_seconds(result: Result) -> float:
    return 0.0 if result.timing is None else float(result.timing.total[0]) * result.devices


def _drawn(name: str, figures: Range | None, draws: int, seed: int, distribution: Distribution) -> Array:
    """A figure that moves alone, drawn from its range; 0 where there is none, itself where it is exact.  [draw]"""
    low, nominal, high = figures or (0.0, 0.0, 0.0)
    if low == high:
        return np.full(draws, nominal)
    (values,) = draw_prices([Lever(name, low, nominal, high, "", "published", "", name)], draws, seed, distribution)
    drawn: Array = values
    return drawn


def _range_of(values: Array | None) -> Range | None:
    """Three bounds as plain figures."""
    return None if values is None else (float(values[0]), float(values[1]), float(values[2]))


def percentiles_of(values: Array) -> Range:
    """Percentiles of draws: `PERCENTILES`."""
    low, middle, high = np.percentile(values, PERCENTILES).tolist()
    return low, middle, high


# --- all figures at one end ------------------------------------------------------------------------------------------


def end_of(figure: Figure, way: Literal["fast", "slow"]) -> float:
    """The fast or the slow end of a figure of time: short durations, high rates."""
    low_is_fast = isinstance(figure, Duration)
    return figure.low if low_is_fast == (way == "fast") else figure.high


def scenario(result: Result, way: Literal["fast", "slow"]) -> Result:
    """The result with every figure at one end; see `at_end`. Its nominal energy and time are those of the scenario.

    Raises:
        BitnetCostError: see `priced`.
    """
    return revalued(result, at_end(result, way))


def at_end(result: Result, way: Literal["fast", "slow"]) -> Scenario:
    """The scenario with every figure of time at its fast end and every price at its low, or all at the others.

    See the head of this module for what that bounds. Where the high of the power floor comes within a tenth of the low
    of the cap, the cap stays nominal, and the floor below it: a device at both ends would never finish.
    """
    asked, own = result.scenario, dict(result.hardware.actions)
    values: dict[str, float] = {}
    for action in _prices_needed(result):
        if result.hardware.priced == "time" and result.hardware.price(action) is None:
            continue  # its power holds every action
        low, _, high = price_of(action, result.hardware, result.precision.name)
        value, path = low if way == "fast" else high, result.hardware.path_of(action)
        if path is None:  # a special function becomes a figure of its own, in this copy alone
            own[action] = EnergyPerOperation.model_construct(
                value=value, low=value, high=value, basis="assumed", source="-"
            )
        else:
            values[path] = value
    values |= {path: end_of(figure, way) for path, figure in time_figures(result).items()}
    power = result.hardware.power
    if power is not None and power.cap is not None:
        static = values.get("power.static", power.static.value)
        if static >= 0.9 * power.cap.low:
            values.pop("power.cap", None)
            values["power.static"] = min(static, 0.9 * power.cap.value)  # else the device would never work
    return at_values(asked.at("actions", own), values)


def _prices_needed(result: Result) -> set[str]:
    """Actions whose prices an answer needs, those that only the power cap needs among them."""
    moved = {} if result.ledger is None else contract(result.ledger, "action", "memory")
    found = moved.keys() | result.prices.keys()
    if result.hardware.power is not None:
        found |= {*floor_of(result.hardware, result.devices)}
    return found


# --- what affects the answer most ------------------------------------------------------------------------------------


def swings(result: Result, baseline: Result | None) -> list[Swing]:
    """What each figure does to energy and saving, alone at its low and high, the largest first. Of a single point.

    Prices move at a fixed activity and time; figures of time move the time and the static energy with it, both of the
    answer and of its baseline. Where integer additions are priced as the papers do, INT32 accumulation is a figure of
    its own: it has no low, and its high is what it makes of the answer.
    """
    if not result.has_energy:
        return []
    compared, moving, *amounts = _compared(result, baseline)
    runs, base = (each * overhead_factor(result) for each in amounts)
    nominal = np.array([m.nominal for m in moving])
    whole, reference = float(nominal @ runs), float(nominal @ base) if compared else None
    found = []
    for i, lever in enumerate(moving):
        steps = [bound - lever.nominal for bound in (lever.low, lever.high)]
        energy = [whole + step * float(runs[i]) for step in steps]
        other = None if reference is None else [reference + step * float(base[i]) for step in steps]
        found.append(_swing(lever, energy, other, whole, reference))
    timed = time_figures(result)
    ends = [(path, bound) for path, figure in timed.items() for bound in (figure.low, figure.high)]
    energies = energies_at_ends(result, ends).reshape(-1, 2).tolist()
    others = energies_at_ends(compared, ends).reshape(-1, 2).tolist() if compared else [None] * len(timed)
    for (path, figure), pair, other in zip(timed.items(), energies, others, strict=True):
        of_runtime = path.startswith("runtime.")
        name = path.removeprefix("runtime.") + ("" if of_runtime else " (device)")
        found.append(_swing(Lever.of(name, figure), pair, other, whole, reference))
    found += _accumulated(result, compared, whole, reference)
    return sorted((s for s in found if s.size > 0), key=lambda s: -s.size)


def _swing(
    lever: Lever, energy: Sequence[float], base: Sequence[float] | None, whole: float, reference: float | None
) -> Swing:
    size = abs(energy[1] - energy[0]) / whole if whole else 0.0
    saving = None
    if base is not None and reference:
        left = [e / b for e, b in zip(energy, base, strict=True)]
        saving = (saved(energy[0], base[0]), saved(energy[1], base[1]))
        size = max(size, abs(left[1] - left[0]) / (whole / reference))
    return Swing(lever, (energy[0], energy[1]), saving, size if size > 1e-9 else 0.0)


def _accumulated(result: Result, baseline: Result | None, whole: float, reference: float | None) -> list[Swing]:
    """INT32 accumulation instead of the papers' additions, where that is a choice."""
    own = result.precision.linear.accumulator
    if result.hardware.has_clock or result.accumulator != "paper" or own in (None, "add.int32"):
        return []
    try:
        wide = revalued(result, result.scenario.but(accumulator="int32"))
        base = None if baseline is None else revalued(baseline, baseline.scenario.but(accumulator="int32"))
    except MissingPrice:
        return []
    figure = result.hardware.figure("add.int32")
    price, papers = result.hardware.price("add.int32"), result.hardware.price(str(own))
    if price is None or papers is None or figure is None:
        return []
    name = "accumulator: add.int32"
    lever = Lever(name, papers[1], papers[1], price[1], "J", figure.basis, figure.source, name)
    other = None if base is None or reference is None else [reference, float(base.energy_j)]
    return [_swing(lever, [whole, float(wide.energy_j)], other, whole, reference)]
