"""Query-key pairs: what attention scores."""

from __future__ import annotations

import numpy as np

from bitnet_cost.told import Array


def prefill_pairs(prompt: Array, span: str, window: float = np.inf) -> Array:
    """Query-key pairs that one prompt scores.  [pair]

    Causal: query i attends to min(i, window) keys, P(P+1)/2 in all without a window. Full: P^2, or P keys within
    the window for each query.

    >>> [float(prefill_pairs(np.float64(4), span)) for span in ("causal", "full")]
    [10.0, 16.0]
    >>> float(prefill_pairs(np.float64(4), "causal", window=2))     # 1 + 2 + 2 + 2
    7.0
    """
    width = prompt if window == np.inf else np.minimum(prompt, window)
    pairs: Array = prompt * width if span == "full" else width * (width + 1) / 2 + (prompt - width) * width
    return pairs


def rectangle_share(prompt: Array, chunk: Array | float = np.inf) -> Array:
    """Pairs that unfused causal attention calculates over those attended, in passes of at most ``chunk`` positions.

    A product of all queries of a pass with all keys so far knows no mask: (P + c) / (P + 1) with passes of c, so that
    one pass of a whole prompt does nearly twice the work. Dao et al., FlashAttention, 2022, arXiv:2205.14135,
    algorithm 0; passes: Agrawal et al., SARATHI, 2023, arXiv:2308.16369, section 4.1.

    >>> float(rectangle_share(np.float64(4)))           # 4 x 4 of 10
    1.6
    >>> float(rectangle_share(np.float64(4), chunk=2))  # 2 x 2 + 2 x 4 of 10
    1.2
    """
    share: Array = (prompt + np.minimum(prompt, chunk)) / (prompt + 1)
    return share


def decode_pairs(prompt: Array, generate: Array, window: Array | float = np.inf) -> Array:
    """Query-key pairs that one sequence scores while it generates.  [pair]

    The prefill yields the first token, so decode takes G-1 steps, and step i attends to min(P+i, window) keys.

    >>> float(decode_pairs(np.float64(4), np.float64(3)))           # 5 + 6
    11.0
    >>> float(decode_pairs(np.float64(4), np.float64(5), window=6))  # 5 + 6 + 6 + 6
    23.0
    """
    return growing_pairs(prompt, generate - 1, window)


def growing_pairs(start: Array, steps: Array, window: Array | float = np.inf) -> Array:
    """Keys that ``steps`` steps attend to after ``start`` positions, each to one more up to the window.  [pair]

    >>> float(growing_pairs(np.float64(4), np.float64(2)))           # 5 + 6
    11.0
    """
    if isinstance(window, float) and window == np.inf:
        return steps * start + steps * (steps + 1) / 2
    growing: Array = np.minimum(np.maximum(window - start, 0), steps)
    return growing * start + growing * (growing + 1) / 2 + (steps - growing) * window
