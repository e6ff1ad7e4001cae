"""Scaling laws: loss by size, training tokens and bits, and the size that a loss needs.

Losses are in nats a token, on the text that a law was fitted on: those of two laws are never compared. Plain numbers
alone: nothing here is told, so that powers and exponentials may be used.
"""

from __future__ import annotations

import math


def loss_of_size(parameters: float, scale: float, exponent: float, floor: float) -> float:
    """Loss of a model of N parameters at fixed training tokens: a N^-b + c.  [nat/token]

    Source: Wang et al., BitNet: Scaling 1-bit Transformers for Large Language Models, 2023, arXiv:2310.11453, eq. 19
    (the exponent there has its sign in it).

    >>> round(loss_of_size(1.1e9, 159, 0.26, 1.67), 3)  # FloatLM of 1.1B, by the law of Spectra
    2.379
    """
    return scale * math.pow(parameters, -exponent) + floor


def size_of_loss(loss: float, scale: float, exponent: float, floor: float) -> float:
    """Parameters that have a loss: the inverse of `loss_of_size`; infinite at or below the floor.

    >>> f"{size_of_loss(2.379, 185, 0.26, 1.76):.2g}"  # a TriLM of some 3B has the loss of a FloatLM of 1.1B
    '3.3e+09'
    >>> size_of_loss(1.70, 185, 0.26, 1.76)
    inf
    """
    if loss <= floor:
        return math.inf
    try:
        return math.pow(scale / (loss - floor), 1 / exponent)
    except OverflowError:
        return math.inf


def loss_left_by_data(tokens: float, data: float, exponent: float) -> float:
    """What finite training data adds to the loss: B / D^beta.  [nat/token]

    Source: Hoffmann et al., Training Compute-Optimal Large Language Models, 2022, arXiv:2203.15556, eq. 10.

    >>> round(loss_left_by_data(1.4e12, 410.7, 0.28), 3)
    0.163
    """
    return data * math.pow(tokens, -exponent)


def share_of_parameters(bits: float, sensitivity: float, offset: float) -> float:
    """Effective parameters over parameters in a training precision: 1 - e^(n - P / gamma); 0 where that is below.

    Source: Kumar et al., Scaling Laws for Precision, 2024, arXiv:2411.04330, eq. 4, with the offset n that appendix K
    says every fit has. With it the share over the bits is largest at 7.2, and the paper finds 7 to 8 bits optimal.

    >>> round(share_of_parameters(4, 2.6745, 0.3037), 3), round(share_of_parameters(16, 2.6745, 0.3037), 3)
    (0.696, 0.997)
    """
    return max(0.0, 1 - math.exp(offset - bits / sensitivity))


def scale_of_critical_size(critical: float, exponent: float) -> float:
    """The scale of `loss_of_size` for a law that is written (N_c / N)^alpha: N_c^alpha, with no floor.

    Source: Kaplan et al., Scaling Laws for Neural Language Models, 2020, arXiv:2001.08361, eq. 1.1.

    >>> round(loss_of_size(8.5e7, scale_of_critical_size(8.8e13, 0.076), 0.076, 0), 2)
    2.87
    """
    return math.pow(critical, exponent)


def tokens_of_optimum(parameters: float) -> float:
    """Training tokens of a compute-optimal model: some 20 a parameter.

    Source: Hoffmann et al., Training Compute-Optimal Large Language Models, 2022, arXiv:2203.15556, Table 3.

    >>> f"{tokens_of_optimum(70e9):.2g}"
    '1.4e+12'
    """
    return 20 * parameters
