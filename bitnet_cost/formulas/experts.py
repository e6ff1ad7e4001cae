"""Experts that a pass visits, on the device that visits most, and the rows that their products work on."""

from __future__ import annotations

from functools import cache

import numpy as np

from bitnet_cost.told import Array, shown_as


def touched_experts(experts: int, per_token: int, tokens: Array) -> Array:
    """Expected number of distinct experts that a pass over ``tokens`` tokens visits.  [expert]

    Uniform, independent routing: E (1 - (1 - k/E)^tokens).

    >>> round(float(touched_experts(8, 2, np.float64(1))), 12)
    2.0
    >>> round(float(touched_experts(8, 2, np.float64(64))), 6)
    8.0
    """
    touched: Array = experts * share_visited(experts, per_token, tokens)
    return touched


def share_visited(experts: int, per_token: int, tokens: Array) -> Array:
    """How likely a pass over ``tokens`` tokens visits an expert: 1 - (1 - k/E)^tokens."""
    if per_token == experts:
        return 1.0 + tokens * 0.0
    share: Array = 1.0 - decay(tokens * logarithm_of_rest(per_token / experts))
    return share


@cache
def normal_maximum(draws: int) -> float:
    """Expected largest of some draws from a standard normal distribution; of one draw 0.

    Blom, Statistical estimates and transformed beta-variables, 1958: the quantile at (n - 3/8) / (n + 1/4), within
    5 % of Harter's table (Biometrika 48, 1961). Rounded, so that it has the same bits on every processor.

    >>> [normal_maximum(n) for n in (1, 2, 8)]  # Harter: 0, 0.56419, 1.42360
    [0.0, 0.589456, 1.4342]
    """
    if draws == 1:
        return 0.0
    from statistics import NormalDist

    return round(NormalDist().inv_cdf((draws - 0.375) / (draws + 0.25)), 6)


def fullest_visits(experts: int, per_token: int, tokens: Array, devices: int) -> Array:
    """Experts that a pass visits on the device that visits most of its own, of ``devices`` with E/N each.  [expert]

    A device visits a binomial number of its L = E/N experts, each with probability p; the largest of N such is taken
    as that of normal draws with their mean L p and variance L p (1 - p), and L at most.

    >>> float(fullest_visits(16, 1, np.float64(8), 8)), float(fullest_visits(16, 1, np.float64(512), 8))
    (1.8015389812638825, 2.0)
    """
    own, visited = experts / devices, share_visited(experts, per_token, tokens)
    spread = np.sqrt(own * visited * np.maximum(1.0 - visited, 0.0))
    fullest: Array = np.minimum(own * visited + normal_maximum(devices) * spread, own)
    return fullest


def fullest_rows(experts: int, per_token: int, tokens: Array, devices: int) -> Array:
    """Rows that a pass routes to the device with most of them, of ``devices`` with E/N experts each.  [row]

    A binomial number of the T k rows with mean T k / N, the largest of N as in `fullest_visits`; a token has at most
    all experts of a device.

    >>> float(fullest_rows(128, 8, np.float64(64), 1)), round(float(fullest_rows(128, 8, np.float64(64), 8)), 3)
    (512.0, 74.733)
    """
    mean = tokens * (per_token / devices)
    spread = np.sqrt(mean * (1.0 - 1.0 / devices))
    fullest: Array = np.minimum(mean + normal_maximum(devices) * spread, tokens * min(per_token, experts / devices))
    return fullest


def padded_rows(rows: Array, visited: Array, tile: float) -> Array:
    """Rows that a grouped product works on, each visited expert's filled up to whole tiles, expected.  [row]

    With m = rows / visited of an expert, exponentially distributed, as routing is uneven: t / (1 - exp(-t/m)) each,
    which is one tile where m is small and m + t/2 where it is large. Tiles of a grouped product belong to one expert:
    Gale et al., MegaBlocks, 2022, arXiv:2211.15841, section 5.

    >>> [round(float(padded_rows(np.float64(rows), np.float64(8.0), 16))) for rows in (8, 128, 8000)]
    [128, 202, 8064]
    """
    padded: Array = visited * tile / (1.0 - decay(-tile * np.maximum(visited, 1e-9) / np.maximum(rows, 1e-9)))
    return padded


def laid_out_rows(experts: int, per_token: int, tokens: Array, devices: int, tile: int) -> Array:
    """Rows of a grouped product that works on all the room that its rows may take on a device: T k + (E/N) (t - 1).

    How many rows each of its E/N experts gets is not known to the host, so that there is room for the routed rows of
    all devices and for filling up each expert's to tiles; what is left over is worked on as well: vLLM 0.11.1 (2025),
    fused_moe/deep_gemm_utils.py, `compute_aligned_M` and `deepgemm_moe_permute`, whose blocks begin as expert 0's.

    >>> float(laid_out_rows(128, 8, np.float64(8), 2, 128))
    8192.0
    """
    rows: Array = tokens * per_token + experts / devices * (tile - 1.0)
    return rows


@cache
def logarithm_of_rest(share: float) -> float:
    """log(1 - share) for a share from 0 to 1, from sums and products alone: the same bits on every processor.

    log(1 - s) = -2 artanh(s / (2 - s)), the series of which converges from s = 0 to where few are left.

    >>> [bool(abs(logarithm_of_rest(share) / np.log(1 - share) - 1) < 1e-15) for share in (0.5, 0.875)]
    [True, True]
    """
    part = share / (2.0 - share)
    found, squared = 0.0, part * part
    for term in range(301, 0, -2):
        found = found * squared + 1.0 / term
    return -2.0 * part * found


def decay(x: Array) -> Array:
    """exp(x) for x <= 0, from sums and products alone: the same bits on every processor and in every language.

    The last bit of a library's exp depends on both. A Taylor series to the 14th term of x / 64, squared six times, is
    right to 3e-14; below -40 the answer is 4e-18, which is nothing beside 1.

    >>> bool(abs(decay(np.float64(-1.0)) / np.exp(-1) - 1) < 1e-13), float(decay(np.float64(0.0)))
    (True, 1.0)
    """
    part = np.maximum(x, -40.0) / 64
    found = 1.0 + part / 14
    for term in range(13, 0, -1):
        found = 1.0 + found * part / term
    for _ in range(6):
        found = found * found
    powers: Array = shown_as(found, "exp", x)
    return powers
