"""Price actions: Activity . prices -> joules, and savings with their exact range."""

from __future__ import annotations

import numpy as np

from bitnet_cost.errors import MissingPrice
from bitnet_cost.inputs.hardware import Hardware, Scope
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.workload import Array
from bitnet_cost.result import Activity, component_of, ordered_sum, total

Prices = dict[str, tuple[float, float, float]]


def prices_of(activity: Activity, hardware: Hardware, precision: Precision, scope: Scope) -> Prices:
    """``(low, nominal, high)`` of every action that the scope needs.  [J]

    Raises:
        MissingPrice: names the action, the profile and the precision. Nothing unknown is priced as something known.
    """
    needed = dict.fromkeys(activity.arithmetic)
    if scope != "arithmetic":
        needed |= dict.fromkeys(activity.elementwise)
    found: Prices = {}
    for action in needed:
        price = hardware.price(action)
        if price is None:
            raise MissingPrice(action, hardware.name, precision.name, hardware.actions)
        found[action] = price
    return found


def price(activity: Activity, prices: Prices, scope: Scope) -> dict[str, Array]:
    """Energy by component within a scope: each ``[bound, phase, op, n]``, bounds low, nominal, high.  [J]"""
    parts = [activity.arithmetic] if scope == "arithmetic" else [activity.arithmetic, activity.elementwise]
    joules: dict[str, Array] = {}
    for part in parts:
        for action, times in part.items():
            energy = np.array(prices[action])[:, None, None, None] * times
            component = component_of(action)
            joules[component] = joules[component] + energy if component in joules else energy
    return joules


def action_totals(activity: Activity, scope: Scope) -> dict[str, Array]:
    """How often each action runs in a scope, over all operators and phases.  Each ``[n]``"""
    parts = [activity.arithmetic] if scope == "arithmetic" else [activity.arithmetic, activity.elementwise]
    totals: dict[str, Array] = {}
    for part in parts:
        for action, times in part.items():
            runs = total(times)
            totals[action] = totals[action] + runs if action in totals else runs
    return totals


def extreme_ratio(runs: Array, base: Array, low: Array, high: Array, sign: int) -> Array:
    """Largest (sign 1) or smallest (sign -1) ``sum(p runs) / sum(p base)`` over all prices p in [low, high].  [n]

    Each price is one variable, the same in numerator and denominator. A ratio of linear functions takes its extremes
    at corners of the box; Dinkelbach's iteration (Management Science 13(7), 1967, 492-498) climbs to them in a few
    steps: at ratio r, price an action high where it raises ``sum(p (runs - r base))``.

    Shapes: ``runs`` and ``base`` [action, n], ``low`` and ``high`` [action, 1].

    >>> runs, base = np.array([[1.0], [0.0]]), np.array([[1.0], [1.0]])
    >>> low, high = np.array([[1.0], [1.0]]), np.array([[2.0], [3.0]])
    >>> float(extreme_ratio(runs, base, low, high, 1)[0])           # 2 / (2 + 1)
    0.6666666666666666
    >>> float(extreme_ratio(runs, base, low, high, -1)[0])          # 1 / (1 + 3)
    0.25
    """
    ratio = ordered_sum(low * runs, 0) / ordered_sum(low * base, 0)
    for _ in range(64):
        prices = np.where(sign * (runs - ratio * base) > 0, high, low)
        better = ordered_sum(prices * runs, 0) / ordered_sum(prices * base, 0)
        if not np.any(sign * (better - ratio) > 1e-15):
            break
        ratio = better
    return ratio


def saving(
    activity: Activity, baseline: Activity, prices: Prices, baseline_prices: Prices, scope: Scope, energies: tuple[Array, Array]
) -> Array:
    """Least, nominal and most of 1 - E / E_baseline within a scope, over all prices in their ranges.  [bound, n]

    ``energies`` are the nominal energies of the two, [n] each.
    """
    runs, base = action_totals(activity, scope), action_totals(baseline, scope)
    actions = sorted(runs.keys() | base.keys())
    zero = np.zeros_like(energies[0])
    table = {**baseline_prices, **prices}
    low = np.array([[table[a][0]] for a in actions])
    high = np.array([[table[a][2]] for a in actions])
    mine = np.array([runs.get(a, zero) for a in actions])
    theirs = np.array([base.get(a, zero) for a in actions])
    most, least = extreme_ratio(mine, theirs, low, high, 1), extreme_ratio(mine, theirs, low, high, -1)
    return np.array([1 - most, 1 - energies[0] / energies[1], 1 - least])


def unshrinking_share(claimed: float, modelled: float) -> float | None:
    """Share f of the baseline's energy that would have to stay, whatever the precision, for a claim to come true.

    With a share f that does not shrink and a saving s on the rest, the whole saves (1 - f) s; so f = 1 - claim / s.
    None where the claim exceeds what the model saves: then no such share exists.

    >>> round(unshrinking_share(0.80, 0.97), 4)
    0.1753
    >>> unshrinking_share(0.99, 0.97) is None
    True
    """
    if modelled <= 0 or claimed > modelled:
        return None
    return 1 - claimed / modelled
