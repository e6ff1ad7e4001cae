"""What training costs: compute, activations that are kept, states of the optimiser, the bubble of a pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np


def compute_of_tokens(parameters: Any, tokens: Any) -> Any:
    """Operations of training on some tokens: 6 a parameter and token, 2 forward and 4 backward.  [FLOP]

    Kaplan et al., Scaling Laws for Neural Language Models, 2020, arXiv:2001.08361, section 2.1. Attention over the
    context is left out.

    >>> round(compute_of_tokens(174.6e9, 300e9) / 1e23, 2)
    3.14
    """
    return 6 * parameters * tokens


def state_bytes(
    parameters: float, weights: float, gradients: float, states: float, shards: Any, stage: int
) -> tuple[Any, Any, Any]:
    """Bytes of weights, gradients and optimiser states on each of ``shards`` data-parallel devices, by ZeRO stage.

    Each stage divides one more of them: states, gradients, weights. Rajbhandari et al., ZeRO, 2020, arXiv:1910.02054,
    section 3 and table 1.

    >>> [sum(state_bytes(7.5e9, 2, 2, 12, 64, stage)) / 1e9 for stage in (0, 1, 2, 3)]
    [120.0, 31.40625, 16.640625, 1.875]
    """
    return (
        parameters * weights / (shards if stage >= 3 else 1),
        parameters * gradients / (shards if stage >= 2 else 1),
        parameters * states / (shards if stage >= 1 else 1),
    )


def bubble_share(stages: int, micro_batches: Any, virtual: int = 1) -> Any:
    """Time that a pipeline waits to be filled and drained, over the time that it works: (p - 1) / (v m).

    Narayanan et al., Efficient Large-Scale Language Model Training on GPU Clusters, 2021, arXiv:2104.04473, section
    2.2.

    >>> bubble_share(8, 32), bubble_share(8, 32, 2)
    (0.21875, 0.109375)
    """
    return (stages - 1) / (virtual * micro_batches)


def in_flight(stages: int, micro_batches: Any, virtual: int = 1) -> Any:
    """Micro-batches whose activations the first stage holds at once: p under 1F1B, p (1 + (p-1)/(p v)) interleaved.

    Never more than there are. Korthikanti et al., 2022, arXiv:2205.05198, section 4.2.3.

    >>> [float(x) for x in (in_flight(8, 64), in_flight(8, 4), in_flight(8, 64, 2))]
    [8.0, 4.0, 11.5]
    """
    held = stages if virtual == 1 else stages * (1 + (stages - 1) / (stages * virtual))
    return np.minimum(float(held), micro_batches)


def orthogonalisation_macs(rows: float, columns: float, steps: int = 5) -> float:
    """Multiply-accumulates of the Newton-Schulz steps that Muon takes for one matrix: n (2 m^2 k + m^3), m <= k.

    Jordan et al., Muon, 2024, kellerjordan.github.io/posts/muon: A = X X^T, A A, then (b A + c A A) X in each step.

    >>> orthogonalisation_macs(2, 3, steps=1)
    32.0
    """
    short, long = min(rows, columns), max(rows, columns)
    return float(steps * (2 * short**2 * long + short**3))


def ring_share(devices: Any) -> Any:
    """Share of a vector that each device of a ring sends where it is gathered, or summed and scattered: (N - 1) / N.

    Patarasuk & Yuan, Bandwidth optimal all-reduce algorithms, 2009, doi:10.1016/j.jpdc.2008.09.002.

    >>> ring_share(4)
    0.75
    """
    return (devices - 1) / devices


def largest_stage(layers: int, stages: int) -> int:
    """Layers of the largest of several stages, divided as evenly as they can be.

    Narayanan et al., 2021, arXiv:2104.04473, section 2.2, for layers that stages divide.

    >>> largest_stage(96, 8), largest_stage(105, 35), largest_stage(10, 4)
    (12, 3, 3)
    """
    return -(-layers // stages)


def compute_optimal_tokens(parameters: Any) -> Any:
    """Tokens on which a model is trained so that no other size is better for the same compute: about 20 a parameter.

    Hoffmann et al., Training Compute-Optimal Large Language Models, 2022, arXiv:2203.15556, table 3: 1.5 trillion
    tokens for 67 billion parameters, 205 billion for 10 billion.

    >>> compute_optimal_tokens(10e9)
    200000000000.0
    """
    return 20 * parameters


def tokens_until_paid(trained: Any, saved: Any) -> Any:
    """Generated tokens after which what each of them saves has paid for training; infinite where nothing is saved.

    Energy of both in J.

    >>> [float(tokens_until_paid(100.0, each)) for each in (0.5, 0.0, -1.0)]
    [200.0, inf, inf]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.greater(saved, 0), np.divide(np.maximum(trained, 0.0), saved), np.inf)
