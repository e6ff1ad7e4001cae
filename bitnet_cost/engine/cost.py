"""Price actions: Activity . prices -> joules, and savings with their exact range."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from bitnet_cost.engine.activity import Actions
from bitnet_cost.errors import MissingPrice
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.workload import Array
from bitnet_cost.result import (
    Activity,
    Bases,
    Basis,
    Linear,
    Stack,
    component_of,
    ordered_sum,
    over_phases,
    sum_in_order,
)
from bitnet_cost.told import array, zeros
from bitnet_cost.words import Scope

Prices = dict[str, tuple[Any, Any, Any]]
"""Low, nominal and high price of each action: numbers, arrays over a grid, or told numbers.  [J]"""


def price_of(action: str, hardware: Hardware, asker: str) -> tuple[float, float, float]:
    """``(low, nominal, high)`` of one action that ``asker``, a precision or a study, needs.  [J]

    Raises:
        MissingPrice: names the action, the profile and the asker. Nothing unknown is priced as something known.
    """
    price = hardware.price(action)
    if price is None:
        raise MissingPrice(action, hardware.name, asker, hardware.actions)
    return price


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Tariff:
    """What an activity costs within a scope: prices, and those of products and elementwise work folded over actions.

    ``each`` is their energy per unit of what the workload repeats, [component, bound, basis, 1]; ``nominal`` the sum
    over components at nominal prices, [basis, 1, 1]; ``of_operators`` makes the same for each operator, a figure for
    each component and bound. ``of_others`` are the prices of other actions, [action, bound, 1], those of a component
    one after the other; ``first`` says where each begins.
    Where a price differs from point to point of a grid, the last axis is the grid's.
    """

    prices: Prices
    components: tuple[str, ...]
    names: tuple[Basis, ...]  # bases of the counts that it prices
    needed: slice  # those of them that it needs
    each: Array
    nominal: Array
    of_operators: Callable[[], Stack]
    others: tuple[str, ...]
    of_others: Array
    first: dict[str, int]

    def spent(self, bases: Bases) -> dict[str, Array]:
        """Energy of products and elementwise work by component, phases summed.  Each [bound, n]  [J]"""
        if not self.components:
            return {}
        repeated = over_phases(bases.of(self.names)[self.needed].swapaxes(0, 1))
        return dict(zip(self.components, ordered_sum(self.each * repeated, 2), strict=True))

    def dynamic(self, bases: Bases) -> Array:
        """Nominal energy of products and elementwise work in each phase.  [phase, n]  [J]"""
        return ordered_sum(self.nominal * bases.of(self.names)[self.needed], 0)

    def by_operator(self, bases: Bases) -> dict[str, Array]:
        """Energy of products and elementwise work by component.  Each [bound, phase, op, n]  [J]"""
        if not self.components:
            return {}
        found = np.asarray(self.of_operators().over(bases))
        return dict(zip(self.components, found.reshape(len(self.components), 3, *found.shape[1:]), strict=True))

    def spent_besides(self, runs: Mapping[str, Array]) -> dict[str, Array]:
        """Energy of the other actions by component.  Runs [...]; each [bound, ...]  [J]"""
        if not self.others:
            return {}
        times = array([runs[action] for action in self.others])
        prices = self.of_others.reshape(len(times), 3, *(1,) * (times.ndim - 2), -1)
        energies = prices * times[:, None]
        ends = [*self.first.values(), len(times)]
        return {
            component: sum_in_order(list(energies[start:end]))
            for component, start, end in zip(self.first, ends, ends[1:], strict=False)
        }


def spend(parts: Sequence[Mapping[str, Array]], prices: Prices) -> dict[str, Array]:
    """Energy by component of how often actions run, ``[n]`` each: ``[bound, n]``.  [J]"""
    joules: dict[str, Array] = {}
    for part in parts:
        for action, times in part.items():
            energy = array(prices[action])[:, None] * times
            component = component_of(action)
            joules[component] = joules[component] + energy if component in joules else energy
    return joules


def tariff(
    actions: Actions, hardware: Hardware, asker: str, parts: int, others: tuple[str, ...] = (), *, lasting: bool = True
) -> Tariff:
    """The tariff of the first ``parts`` of products and elementwise work, and of ``others``, actions besides them.

    The same is made once, unless it is not ``lasting``, as prices that differ from point to point of a grid.

    Raises:
        MissingPrice: see `price_of`.
    """
    make = _tariff if lasting else _tariff.__wrapped__
    return make(Same(actions), Same(hardware), asker, parts, others)


@lru_cache(maxsize=256)
def _tariff(same: Same, profile: Same, asker: str, parts: int, others: tuple[str, ...]) -> Tariff:
    actions, hardware = same.it, profile.it
    folded = [
        (action, terms) for part in (True, False)[:parts] for (product, action), terms in actions.folded.items()
        if product is part
    ]  # fmt: skip
    prices = {action: price_of(action, hardware, asker) for action in (*(action for action, _ in folded), *others)}
    columns = {action: array(price).reshape(3, -1) for action, price in prices.items()}
    points = max((column.shape[1] for column in columns.values()), default=1)
    components = tuple(dict.fromkeys(component_of(action) for action, _ in folded))
    names = actions.bits.names
    rows = sorted(names.index(basis) for _, terms in folded for basis, _ in terms)
    needed = slice(rows[0], rows[-1] + 1) if rows else slice(0, 1)
    bases = names[needed]
    every = [*columns.values(), *(times for _, terms in folded for _, times in terms)]
    each = zeros((len(components), 3, len(bases), points), *every)
    for action, terms in folded:
        for basis, times in terms:
            each[components.index(component_of(action)), :, bases.index(basis)] += columns[action] * times

    @cache
    def of_operators() -> Stack:
        found = zeros((len(components), 3, len(bases), actions.size, points), *every)
        for (product, quantity, action), times in actions.columns.items():
            if product not in (True, False)[:parts]:
                continue
            for basis, coefficient in actions.coefficients.get(quantity, {}).items():
                if basis in bases:
                    energy = columns[action][:, None] * (coefficient * times)[:, None]
                    found[components.index(component_of(action)), :, bases.index(basis)] += energy
        each = found.reshape(-1, *found.shape[2:])
        return Stack([Linear(zip(bases, columns_of, strict=True), actions.size) for columns_of in each], names)

    nominal = ordered_sum(each[:, 1], 0)[:, None] if components else np.zeros((1, 1, 1))
    of_others = zeros((len(others), 3, points), *every)
    first: dict[str, int] = {}
    for i, action in enumerate(others):
        of_others[i] = columns[action]
        first.setdefault(component_of(action), i)
    return Tariff(prices, components, names, needed, each, nominal, of_operators, others, of_others, first)


def action_totals(activity: Activity, scope: Scope) -> dict[str, Array]:
    """How often each action runs in a scope, over all operators and phases.  Each ``[n]``"""
    totals: dict[str, Array] = {}
    for part in activity.runs_within(scope):
        for action, runs in part.items():
            totals[action] = totals[action] + runs if action in totals else runs
    return totals


def saving_bounds(runs: Array, base: Array, prices: Array) -> Array:
    """Least, nominal and most of 1 - sum(p runs) / sum(p base) when prices move within their ranges.  [bound, n]

    Each price moves alone, then all move together, to its low and to its high, always in numerator and denominator
    at once; the widest of these is the range. The low of one energy is never set against the high of the other.
    Prices that move apart can leave it: `uncertainty.saving_extremes` is the bound that no prices leave.

    Shapes: ``runs`` and ``base`` [action, n]; ``prices`` [action, bound] with bounds low, nominal, high.

    >>> runs, base = np.array([[1.0], [0.0]]), np.array([[1.0], [1.0]])
    >>> saving_bounds(runs, base, np.array([[1.0, 1.0, 1.0], [0.5, 1.0, 3.0]]))[:, 0].tolist()
    [0.33333333333333337, 0.5, 0.75]
    """
    low, nominal, high = (prices[:, i, None] for i in range(3))
    energy, reference = ordered_sum(nominal * runs, 0), ordered_sum(nominal * base, 0)
    savings = [(1 - energy / reference)[None]]
    for bound in (low, high):
        step = bound - nominal
        savings.append(1 - (energy + step * runs) / (reference + step * base))
        savings.append((1 - ordered_sum(bound * runs, 0) / ordered_sum(bound * base, 0))[None])
    every = np.concatenate(savings)
    return array([every.min(0), every[0], every.max(0)])


def saving(activity: Activity, baseline: Activity, prices: Prices, scope: Scope) -> Array:
    """Least, nominal and most saving of one activity over another within a scope; see `saving_bounds`.  [bound, n]"""
    runs, base = action_totals(activity, scope), action_totals(baseline, scope)
    actions = sorted(runs.keys() | base.keys())
    zero = np.zeros_like(next(iter(runs.values())))
    return saving_bounds(
        array([runs.get(a, zero) for a in actions]),
        array([base.get(a, zero) for a in actions]),
        array([prices[a] for a in actions]),
    )


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
