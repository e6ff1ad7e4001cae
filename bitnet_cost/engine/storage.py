"""What the weights of each operator are stored in: Architecture x Precision -> bits, matrix by matrix."""

from __future__ import annotations

from typing import NamedTuple

from bitnet_cost.engine.mixtures import Tensor, Whole, stored_bytes, tensors_of
from bitnet_cost.engine.operators import operators
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.precision import FORMAT_BITS, Precision
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import is_told

MOSTLY = 0.5  # an operator of which more layers are kept multiplies in their format


class Stored(NamedTuple):
    """Bits of one operator's weights and biases, a mean over its layers where they differ."""

    weight: float  # of a weight, without scales
    scales: float  # of all scales of one matrix
    bias: float  # of a bias

    def spread(self, op: Operator) -> float:
        """Bits of a weight with its share of the scales.  [bit]"""
        if not self.scales:
            return self.weight
        inputs, outputs = op.shape
        return self.weight + self.scales / (inputs * outputs)


def precision_at(op: Operator, precision: Precision) -> Precision:
    """The precision of an operator, which that of its layers may set apart."""
    return precision.at(op.name, op.layer) if precision.apart else precision


def role_of(op: Operator, precision: Precision) -> str:
    """What a precision decides on for an operator: that of its role, but where it leaves most of its layers as is.

    An output matrix that is as the layers' is one of them.
    """
    if op.role == "lm_head" and precision.lm_head == "linear":
        return "linear"
    return "elsewhere" if op.role == "linear" and precision.kept.get(op.name, 0.0) > MOSTLY else op.role


def stored_of(
    architecture: Architecture, precision: Precision, ops: tuple[Operator, ...], least: float = 0.0
) -> tuple[Stored, ...]:
    """The bits of each operator: by the mixture of the precision, by what a file says of its tensors, else by role.

    Software whose kernels take no narrower weights holds those of layers in ``least`` bits.
    """
    _refuse_unknown(precision, ops)
    if precision.mixture is not None:
        whole = Whole.of(architecture)
        return tuple(_mixed(op, precision.mixture, whole) for op in _plain(architecture, ops))
    by_role = [_by_role(op, precision, least) for op in ops]
    if precision.total_bytes is not None:
        return tuple(_in_all(_plain(architecture, ops), precision.total_bytes, by_role))
    if precision.stored_bytes:
        return tuple(_as_listed(_plain(architecture, ops), precision, by_role))
    return tuple(by_role)


def _refuse_unknown(precision: Precision, ops: tuple[Operator, ...]) -> None:
    """Refuse operators that a precision sets apart and the model does not have, in each entry of which it has none.

    Raises:
        BitnetCostError: names them, and the operators that there are.
    """
    names = list(dict.fromkeys(op.name for op in ops if op.role == "linear"))
    for part in precision.apart:
        if part.operators and not set(part.operators) & set(names):
            raise BitnetCostError(
                f"precision {precision.name!r}: apart: no operator is named {', '.join(part.operators)}; "
                f"this model has {', '.join(names)}"
            )


def _plain(architecture: Architecture, ops: tuple[Operator, ...]) -> tuple[Operator, ...]:
    """The operators with plain numbers: types and sums of bytes are facts of the model, not steps of a formula."""
    if not any(is_told(op.weights) for op in ops):
        return ops
    plain = operators(architecture)
    return (*plain, *ops[len(plain) :])


def _in_all(ops: tuple[Operator, ...], size: int, usual: list[Stored]) -> list[Stored]:
    """The bits of each operator where only the sum of all bytes is known: layers have what the rest leaves."""

    def held(linear: bool) -> float:
        pairs = zip(ops, usual, strict=True)
        return sum(
            op.repeat * (op.weights * bits.weight + op.matrices * bits.scales) * ((op.role == "linear") == linear)
            + op.repeat * op.bias * bits.bias * (not linear)
            for op, bits in pairs
        )

    layers = held(True)
    share = max(0.0, 8 * size - held(False)) / layers if layers else 1.0
    return [
        Stored(bits.weight * share, bits.scales * share, bits.bias) if op.role == "linear" else bits
        for op, bits in zip(ops, usual, strict=True)
    ]


class _Listing(NamedTuple):
    """What a file lists, by operator."""

    bits: dict[str, float]  # of a weight, and as NAME.bias of a bias
    beside: float  # bits of tensors that no operator has
    missing: float  # bits, as usual, of weights and biases of which no tensor is listed


def _listing(ops: tuple[Operator, ...], precision: Precision) -> _Listing:
    entries: dict[str, int] = {}
    usual: dict[str, float] = {}
    for op in ops:
        bits = _by_role(op, precision)
        weights = op.weights * bits.weight + op.matrices * bits.scales
        for name, count, held in ((op.name, op.weights, weights), (f"{op.name}.bias", op.bias, op.bias * bits.bias)):
            entries[name] = entries.get(name, 0) + count * op.repeat
            usual[name] = usual.get(name, 0.0) + held * op.repeat
    found: dict[str, float] = {}
    beside = precision.uncounted_bytes
    for key, size in precision.stored_bytes.items():
        stem, end = (key.removesuffix(".bias"), ".bias") if key.endswith(".bias") else (key, "")
        names = [name + end for name in stem.split("+")]
        count = sum(entries.get(name, 0) for name in names)
        if count:
            found |= dict.fromkeys(names, 8 * size / count)
        else:
            beside += size
    return _Listing(found, 8.0 * beside, sum(bits for name, bits in usual.items() if name not in found))


def uncounted_bits(architecture: Architecture, precision: Precision, ops: tuple[Operator, ...]) -> float:
    """Bits of a file's tensors that the model leaves out.  [bit]"""
    if not precision.stored_bytes:
        return 0.0
    listing = _listing(_plain(architecture, ops), precision)
    return 0.0 if listing.missing else listing.beside


def _as_listed(ops: tuple[Operator, ...], precision: Precision, otherwise: list[Stored]) -> list[Stored]:
    """The bits of each operator where a file lists the bytes of its tensors.

    What no tensor is known for has the bytes that belong to nothing else, in the measure of its usual bits, so that the
    sum is the file's. An output matrix that is the token table is read as that is stored.
    """
    listing = _listing(ops, precision)
    share = listing.beside / listing.missing if listing.missing else 1.0
    found: list[Stored] = []
    for op, usual in zip(ops, otherwise, strict=True):
        bias = listing.bits.get(f"{op.name}.bias", usual.bias * share)
        known = op.name if op.weights or op.role != "lm_head" else "embed_tokens"
        if known in listing.bits:
            found.append(Stored(listing.bits[known], 0.0, bias))
        else:
            found.append(Stored(usual.weight * share, usual.scales * share, bias))
    return found


def _mixed(op: Operator, mixture: str, whole: Whole) -> Stored:
    """The types that a quantiser gives an operator's matrices, layer by layer; see `engine.mixtures`.

    >>> Stored(4.5, 0.0, 32.0) == _mixed(
    ...     Operator("q", "linear", "linear", 2, (), weights=256 * 8, matrices=1, shape=(256, 8)),
    ...     "q4_k_s", Whole(layers=2, experts=1, tied=False, sharing=1))
    True
    """
    if op.role == "lm_head" and not op.weights:  # the token table, read as it is stored
        inputs, outputs = op.shape
        table = stored_bytes(mixture, Tensor("head", outputs, inputs, 1, 0), whole)
        return Stored(8 * table / (inputs * outputs), 0.0, 32.0)
    bits = 8 * sum(stored_bytes(mixture, tensor, whole) for tensor in tensors_of(op)) - 32 * op.bias * op.repeat
    return Stored(bits / (op.weights * op.repeat) if op.weights else 0.0, 0.0, 32.0)


def _by_role(op: Operator, precision: Precision, least: float = 0.0) -> Stored:
    precision, plain = precision_at(op, precision), float(FORMAT_BITS[precision.elsewhere])
    bias = precision.tensors.get(f"{op.name}.bias", plain)
    if op.name in precision.tensors:
        return Stored(precision.tensors[op.name], 0.0, bias)
    if op.role != "linear" and not (op.role == "lm_head" and precision.lm_head == "linear"):
        return Stored(precision.bits_of(op.role), 0.0, bias)
    storage = precision.linear.weights
    kept = precision.kept.get(op.name, 0.0)
    scales = storage.scales(*op.shape) * storage.scale_bits
    bits = max(storage.bits, least)
    if not kept:
        return Stored(bits, scales, bias)
    return Stored(kept * plain + (1 - kept) * bits, (1 - kept) * scales, bias)
