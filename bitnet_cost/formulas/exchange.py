"""What several devices send each other, how long it takes, and how full a pipeline is."""

from __future__ import annotations

from typing import Any

import numpy as np


def all_reduce_factor(devices: int) -> float:
    """How often each device of a ring sends a vector that all of them sum: 2 (N-1) / N.

    Patarasuk & Yuan, Bandwidth optimal all-reduce algorithms, 2009, doi:10.1016/j.jpdc.2008.09.002.

    >>> all_reduce_factor(4)
    1.5
    """
    return 2 * (devices - 1) / devices


def copies_sent(devices: int, experts: int) -> float:
    """How many other devices a token goes to whose ``experts`` lie anywhere: (N-1) (1 - (1 - 1/N)^k), expected.

    Independent draws; Lepikhin et al., GShard, 2020, arXiv:2006.16668, section 3.2, send it to each of its experts.

    >>> copies_sent(2, 1), round(copies_sent(8, 8), 4)
    (0.5, 4.5947)
    """
    return (devices - 1) * (1 - (1 - 1 / devices) ** experts)


def exchange_seconds(sent_bits: Any, bandwidth: float, exchanges: Any, latency: float | None) -> Any:
    """Seconds that devices wait for what they send, and for each message of it.  [s]

    >>> exchange_seconds(8e9, 4e9, 10.0, 0.01)
    2.1
    """
    moving = sent_bits / bandwidth
    return moving if latency is None else moving + exchanges * latency


def collective_seconds(
    sent_bits: Any, exchanges: Any, latency: float, short_bandwidth: Any, start: float, long_bandwidth: Any
) -> Any:
    """Seconds of ``exchanges`` collectives of equal size, in the quicker of two protocols.  [s]

    Messages of up to some megabytes go in one that flags every few bytes, at a part of the bandwidth; longer ones in
    one that takes ``start`` seconds more and reaches nearly all of it. A library takes the protocol for which latency
    plus bytes over bandwidth is least: Hu et al., Demystifying NCCL, 2025, arXiv:2507.04786, section III.

    >>> [float(collective_seconds(bits, 1.0, 0.5, 1.0, 4.0, 5.0)) for bits in (2.0, 20.0)]
    [2.5, 8.5]
    """
    short = sent_bits / short_bandwidth
    return np.minimum(short, exchanges * start + sent_bits / long_bandwidth) + exchanges * latency


def pipeline_turns(batch: Any, largest: Any, micro_batches: Any, stages: int) -> Any:
    """Turns that a phase waits for whose pipeline fills and drains: (N + m - 1) / N of m equal micro-batches.

    All micro-batches pass the first stage, the largest then the N - 1 others; a turn is one that is of mean size,
    through all stages. Huang et al., GPipe, 2019, arXiv:1811.06965, section 2.3.

    >>> pipeline_turns(8.0, 2.0, 4.0, 4)  # (4 + 4 - 1) / 4
    1.75
    """
    return (micro_batches + (stages - 1) * largest * micro_batches / batch) / stages
