"""Speculative decoding: a small model drafts tokens, and the large one checks them in one pass."""

from __future__ import annotations


def expected_tokens(accept: float, drafted: int) -> float:
    """Tokens that one round yields in the mean: those accepted of the drafted ones, and one of the checking pass.

    Leviathan, Kalman and Matias, Fast Inference from Transformers via Speculative Decoding, 2023, arXiv:2211.17192,
    eq. 1: (1 - a^(K+1)) / (1 - a), here as the sum 1 + a + ... + a^K, which also holds at a = 1. Each drafted token is
    accepted with the same probability, independent of the others.

    >>> expected_tokens(0.5, 2), expected_tokens(0.0, 5), expected_tokens(1.0, 5)
    (1.75, 1.0, 6.0)
    """
    found = 1.0
    for _ in range(drafted):
        found = 1.0 + accept * found
    return found
