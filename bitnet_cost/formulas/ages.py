"""How many tokens the sequences of a busy server have behind them."""

from __future__ import annotations

import numpy as np

from bitnet_cost.formulas.experts import decay
from bitnet_cost.told import Array


def lasting_turns(requests: Array | float, places: Array | float, variation: float) -> Array:
    """Mean lengths that pass until the first of ``requests`` in line for ``places`` finds no other behind it.

    All places begin together and have N/B - 1 further requests each. Lengths of mean m and squared coefficient of
    variation c are renewed t/m + (c - 1) / 2 times in t, if that is long (Cox, Renewal Theory, 1962, section 4.2).

    >>> [float(lasting_turns(np.float64(n), np.float64(256.0), 1.0)) for n in (512, 1024)]
    [1.0, 3.0]
    """
    renewals = requests / places - 1.0
    turns: Array = np.maximum(renewals + (1.0 - variation) / 2, renewals / 2)
    return turns


def fresh_share(turns: float) -> float:
    """Share of prompts that no earlier request brought, where each turn of a conversation is one with all before it.

    A server that keeps what it worked on (vLLM 0.11, Automatic Prefix Caching) has the prompt of turn k - 1 when turn
    k comes. If each turn is followed by another as often, q = 1 - 1/``turns``, prompts of P(k) tokens come q^(k - 1)
    times as often as first ones, and the sum of what is known, q^(k - 1) P(k - 1), is q times that of all.

    >>> fresh_share(1.25)
    0.8
    """
    return 1.0 / turns


def mean_age(turns: Array | float, variation: float) -> Array:
    """Tokens behind a running sequence over half the mean length, on average over some mean lengths from its start.

    In the long run 1 + c, c the squared coefficient of variation of lengths: a long sequence is more often among those
    that run (Cox, Renewal Theory, 1962, section 5.1). At the start all are young; ages approach the last figure as they
    do where lengths are exponential, for which this is exact.

    >>> [round(float(mean_age(np.float64(t), 1.0)), 3) for t in (0.5, 3.0, 1e9)]
    [0.426, 1.367, 2.0]
    """
    last = 1.0 + variation
    elapsed = np.asarray(2.0 * turns / last)
    age: Array = last * (1.0 - (1.0 - decay(-elapsed)) / elapsed)
    return age
