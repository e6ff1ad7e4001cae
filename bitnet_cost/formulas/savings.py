"""Savings, with their exact range."""

from __future__ import annotations

from typing import Any

import numpy as np

from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.told import Array, array


def saved(energy: Any, reference: Any) -> Any:
    """The share of a reference that is saved: 1 - E / E of the reference.

    >>> saved(1.0, 4.0)
    0.75
    """
    return 1 - energy / reference


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
    savings = [saved(energy, reference)[None]]
    for bound in (low, high):
        step = bound - nominal
        savings.append(saved(energy + step * runs, reference + step * base))
        savings.append(saved(ordered_sum(bound * runs, 0), ordered_sum(bound * base, 0))[None])
    every = np.concatenate(savings)
    return array([every.min(0), every[0], every.max(0)])


def unshrinking_share(claimed: float, modelled: float) -> float | None:
    """Share f of the baseline's energy that would have to stay, in any precision, for a claim to come true.

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
