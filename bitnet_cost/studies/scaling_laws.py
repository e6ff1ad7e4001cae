"""The size at which a model in one precision has the loss of another in a wider one, by every published law.

A law gives a curve a/N^b + c for each precision; the size is where the second reaches the loss of the first. A law
that knows one precision takes the other's distance from the published pair of models nearest in size, and keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas import scaling
from bitnet_cost.inputs.laws import Constant, Law, Side
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.numerals import digits
from bitnet_cost.readers import catalog, laws
from bitnet_cost.studies.law_fit import fitted
from bitnet_cost.views.law_words import size_text

WIDE_BITS = 16  # from here on a law of 16 bits holds
ALIKE = 0.02  # bits that are the same: 1.58 and log2 3


class Curve(NamedTuple):
    """a/N^b + c of one precision at fixed training tokens, N as its law counts."""

    scale: float
    exponent: float
    floor: float


@dataclass(frozen=True)
class EqualSize:
    """What a law says: the loss of the wide model, and the size at which the other precision has it."""

    name: str
    law: Law
    loss: float | None  # nat/token, on the law's own text
    gap: float | None  # nat/token that the other precision loses at the size of the wide model
    parameters: tuple[float, float, float]  # low, nominal, high; infinite: no size has this loss
    beyond: tuple[str, ...]  # where it is asked outside of what it was fitted on
    reason: str = ""  # why there is no size

    @property
    def known(self) -> bool:
        """Whether the law has an answer, be it that no size is enough."""
        return not self.reason


def equal_sizes(
    parameters: float, wide: Precision, narrow: Precision, *, embeddings: float = 0.0, tokens: float | None = None
) -> tuple[EqualSize, ...]:
    """By every law the size in ``narrow`` that has the loss of ``parameters`` in ``wide``.

    Args:
        parameters: of the wide model, embeddings included.
        wide: the precision whose loss is to be reached.
        narrow: the precision whose size is asked for.
        embeddings: parameters of input tables and output matrix, which some laws do not count.
        tokens: of training; 20 a parameter, the optimum of Hoffmann 2022, if left out.

    >>> fp16, ternary = catalog.precision("fp16"), catalog.precision("bitnet-b1.58")
    >>> [(s.name, size_text(s.parameters[1])) for s in equal_sizes(3e9, fp16, ternary)][:2]
    [('spectra', '11B'), ('spectra-1.1', '7.6B')]
    """
    asked = _Asked(parameters, parameters - embeddings, wide, narrow, training_tokens(parameters, tokens))
    return tuple(_of_law(name, law, asked) for name, law in laws.laws().laws.items())


def training_tokens(parameters: float, tokens: float | None = None) -> float:
    """Tokens that both models are trained on: those given, else the optimum of the wide model."""
    return scaling.tokens_of_optimum(parameters) if tokens is None else tokens


class _Asked(NamedTuple):
    parameters: float
    without_embeddings: float
    wide: Precision
    narrow: Precision
    tokens: float

    def counted(self, law: Law) -> float:
        """Parameters of the wide model in the law's own unit."""
        return (self.parameters if law.counts == "all" else self.without_embeddings) / law.parameters_in


def _of_law(name: str, law: Law, asked: _Asked) -> EqualSize:
    """One law's answer, with its range and where it is asked beyond its points."""
    counted = asked.counted(law)
    if law.points is not None:
        found = fitted(name)
        pair = [next((p for p in found.precisions if _alike(catalog.precision(p), each)), None)
                for each in (asked.wide, asked.narrow)]  # fmt: skip
        if pair[0] is None or pair[1] is None:
            return _without(name, law, f"has no {asked.narrow.name if pair[0] else asked.wide.name}")
        first, second = (Curve(**found.constants(p)) for p in pair if p)
        drawn = [
            _size(counted, Curve(**a), Curve(**b))
            for a, b in zip(found.draws(pair[0]), found.draws(pair[1]), strict=True)
        ]
        low, high = (float(end) for end in np.percentile(drawn, [5, 95], method="nearest"))
        nominal = _size(counted, first, second)
        sizes = (min(low, nominal), nominal, max(high, nominal))
        return _answer(name, law, asked, (_loss(counted, first), _loss(counted, second)), sizes, ())
    sides = [_side(law, each) for each in (asked.wide, asked.narrow)]
    if sides[0] is None:
        return _without(name, law, f"has no {asked.wide.name}")
    carried = 0.0
    remarks: tuple[str, ...] = ()
    if sides[1] is None:
        if len(law.sides) > 1:
            return _without(name, law, f"has no {asked.narrow.name}")
        pair_of = _nearest(asked)
        if pair_of is None:
            return _without(name, law, f"has 16 bits alone, and no pair with {asked.narrow.name} is published")
        carried, remark = pair_of
        sides[1], remarks = sides[0], (remark,)
    wide, narrow = sides[0], sides[1]
    assert narrow is not None

    def curves(constants: dict[str, dict[str, float]]) -> tuple[Curve, Curve]:
        first = _curve(law, constants["wide"], asked.wide, asked.tokens)
        second = _curve(law, constants["narrow"], asked.narrow, asked.tokens)
        return first, second._replace(floor=second.floor + carried)

    values = {"wide": _values(wide), "narrow": _values(narrow)}
    sizes = _spread(lambda constants: _size(counted, *curves(constants)), values, {"wide": wide, "narrow": narrow})
    first, second = curves(values)
    return _answer(name, law, asked, (_loss(counted, first), _loss(counted, second)), sizes, remarks)


def loss_gap(name: str, parameters: float, wide: Precision, narrow: Precision) -> float:
    """What a precision loses against another at one size, by one law.  [nat/token]

    Raises:
        BitnetCostError: a law without both precisions.

    >>> round(loss_gap("spectra", 3.9e9, catalog.precision("fp16"), catalog.precision("w1.58a16")), 3)
    0.173
    """
    asked = _Asked(parameters, parameters, wide, narrow, training_tokens(parameters))
    found = _of_law(name, laws.laws().laws[name], asked)
    if found.gap is None:
        raise BitnetCostError(f"{name}: {found.reason}")
    return found.gap


def _without(name: str, law: Law, reason: str) -> EqualSize:
    return EqualSize(name, law, None, None, (math.inf, math.inf, math.inf), (), reason)


def _answer(
    name: str,
    law: Law,
    asked: _Asked,
    losses: tuple[float, float],
    counted: tuple[float, float, float],
    remarks: tuple[str, ...],
) -> EqualSize:
    """Sizes with embeddings, which grow alike, and what is beyond the law's points."""
    ratio = asked.parameters / asked.counted(law)
    low, nominal, high = (n * ratio for n in counted)
    beyond = list(remarks)
    least, most = law.parameters
    outside = [n for n in (asked.parameters, nominal) if not least <= n <= most]
    if outside:
        beyond.append(f"size: fitted on {size_text(least)} to {size_text(most)}")
    bits = [p.information_bits for p in (asked.wide, asked.narrow)]
    if law.bits is not None and not all(law.bits[0] <= b <= max(law.bits[1], WIDE_BITS) for b in bits):
        beyond.append(f"bits: fitted on {digits(law.bits[0])} to {digits(law.bits[1])}")
    given = {s.activation_bits for s in law.sides} - {None}
    if given and asked.narrow.linear.activation_bits not in given:
        beyond.append(f"activations: trained at {digits(max(b for b in given if b))} bits")
    depends = law.form == "tokens" and len(law.sides) > 1
    if depends and law.tokens is not None and not law.tokens[0] <= asked.tokens <= law.tokens[1]:
        beyond.append(f"tokens: fitted on {size_text(law.tokens[0])} to {size_text(law.tokens[1])}")
    return EqualSize(name, law, losses[0], losses[1] - losses[0], (low, nominal, high), tuple(beyond))


def _alike(one: Precision, other: Precision) -> bool:
    """Whether two precisions have the same bits of information in weights and activations."""
    wide = all(p.information_bits >= WIDE_BITS for p in (one, other))
    same = abs(one.information_bits - other.information_bits) < ALIKE
    return wide or (same and one.linear.activation_bits == other.linear.activation_bits)


def _side(law: Law, precision: Precision) -> Side | None:
    """The constants of a law that hold for a precision."""
    bits = precision.information_bits
    for side in law.sides:
        own = side.weight_bits
        if own is None or abs(own - bits) < ALIKE or (own >= WIDE_BITS and bits >= WIDE_BITS):
            return side
    return None


def _nearest(asked: _Asked) -> tuple[float, str] | None:
    """What the narrow precision loses in the published pair of models nearest in size, and where that is from."""
    if asked.wide.information_bits < WIDE_BITS:
        return None
    pairs = [(gap, p) for gap, p in laws.gaps() if _alike(p.precision, asked.narrow)]
    if not pairs:
        return None
    gap, point = min(pairs, key=lambda pair: abs(math.log(pair[1].parameters / asked.parameters)))
    lost = point.loss - (point.baseline or 0.0)
    return lost, f"gap of {digits(lost, 2)} nats at {size_text(point.parameters)} ({gap.file}) kept"


def _curve(law: Law, constants: dict[str, float], precision: Precision, tokens: float) -> Curve:
    """A law's curve for a precision at some training tokens."""
    get = constants.get
    if law.form == "critical size":
        scale = scaling.scale_of_critical_size(constants["critical"], constants["exponent"])
        return Curve(scale, constants["exponent"], 0.0)
    scale, exponent, floor = (constants[k] for k in ("scale", "exponent", "floor"))
    if law.form == "size":
        return Curve(scale, exponent, floor)
    floor += scaling.loss_left_by_data(tokens / law.tokens_in, constants["data"], constants["data_exponent"])
    if law.form == "tokens":
        return Curve(scale, exponent, floor)
    share = 1.0
    for part, bits in (
        ("weights", precision.information_bits), ("activations", precision.linear.activation_bits),
        ("cache", precision.kv_bits),
    ):  # fmt: skip
        if part in constants:
            share *= scaling.share_of_parameters(bits, constants[part], get(f"{part}_offset", 0.0))
    return Curve(math.inf if share == 0 else scale * share**-exponent, exponent, floor)


def _loss(counted: float, curve: Curve) -> float:
    return scaling.loss_of_size(counted, *curve)


def _size(counted: float, wide: Curve, narrow: Curve) -> float:
    return scaling.size_of_loss(_loss(counted, wide), *narrow)


def _values(side: Side) -> dict[str, float]:
    return {name: constant.value for name, constant in side.constants.items()}


def _spread(
    size: Callable[[dict[str, dict[str, float]]], float], values: dict[str, dict[str, float]], sides: dict[str, Side]
) -> tuple[float, float, float]:
    """Low, nominal and high: each constant moved alone to its ends, what that does to log N added in quadrature.

    A constant that both precisions share moves for both at once.
    """
    nominal = size(values)
    if math.isinf(nominal):
        return nominal, nominal, nominal
    shared = sides["wide"] is sides["narrow"]
    down, up = [], []
    for which in ("wide",) if shared else tuple(sides):
        for name, constant in sides[which].constants.items():
            moves = [math.log(n / nominal) for n in _moved(size, values, (which, name, shared), constant)]
            down.append(min(0.0, *moves))
            up.append(max(0.0, *moves))
    return nominal * math.exp(-math.hypot(*down)), nominal, nominal * _exp(math.hypot(*up))


def _moved(
    size: Callable[[dict[str, dict[str, float]]], float], values: dict[str, dict[str, float]],
    at: tuple[str, str, bool], constant: Constant,
) -> Iterator[float]:  # fmt: skip
    """The size with one constant at each of its ends."""
    which, name, shared = at
    for end in constant.ends:
        changed = {k: v | ({name: end} if shared or k == which else {}) for k, v in values.items()}
        yield size(changed)


def _exp(x: float) -> float:
    return math.inf if x > 700 else math.exp(x)
