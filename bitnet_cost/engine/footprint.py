"""What is resident: weights by role, scales, KV cache, peak activations. Architecture x Precision x Workload."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from bitnet_cost.engine.counts import bases_of
from bitnet_cost.engine.parallel import stored_ways
from bitnet_cost.engine.recurrent import state_entries
from bitnet_cost.engine.storage import Stored, stored_of, uncounted_bits
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.inputs.architecture import Architecture, Layer
from bitnet_cost.inputs.offload import NOTHING, Offload
from bitnet_cost.inputs.precision import FORMAT_BITS, Precision
from bitnet_cost.inputs.runtime import Holds
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.arrays import Coefficients
from bitnet_cost.ledger.counted import Footprint, OpCounts, sum_of_roles
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array, array, filled, holds_everywhere, is_told, read_only
from bitnet_cost.words import Parallel

NO_SOFTWARE = Holds()


def parameters_by_role(operators: tuple[Operator, ...]) -> dict[str, int]:
    """Parameters of each role, tied weights once. Biases of products are one role, norms two.

    Matches the roles of a tracing counter over the reference implementations.
    """
    found: dict[str, int] = {}
    for op in operators:
        for role, count in ((op.parameter, op.weights), (op.bias_parameter, op.bias)):
            if filled(count):
                found[role] = found.get(role, 0) + op.repeat * count
    return found


def cached_entries(
    architecture: Architecture, batch: Array, positions: Array, counting: str, layers: Sequence[Layer] | None = None,
    source: Array | None = None,
) -> Array:  # fmt: skip
    """Entries of the KV cache and of recurrent states after ``positions`` tokens, of all layers or of some.  [n]

    Keys and values per KV head; for latent attention the latent and the shared rotary key; a window keeps its last
    ``window`` positions; a state-space layer a fixed state. A traced reference implementation keeps one position
    fewer in a window, the newest being at hand, and Falcon's new decoder keeps keys and values per query head.
    ``source`` are the positions that an encoder has read, whose keys and values stay; left out: as many.
    """
    entries = np.zeros(batch.shape)
    for layer in architecture.layers if layers is None else layers:
        if layer.idle:
            continue
        if layer.attention and not layer.attention.cache_of_another:
            attention = layer.attention
            repeated = counting == "traced" and attention.repeated_cache
            cached_heads = attention.heads if repeated else attention.kv_heads or attention.heads
            width = 2 * cached_heads * architecture.head_dim(attention)
            held = positions
            if attention.window is not None:
                held = np.minimum(positions, attention.window - (counting == "traced"))
            entries = entries + layer.repeat * width * batch * held
        if layer.cross_attention:
            crossed = layer.cross_attention
            width = 2 * (crossed.kv_heads or crossed.heads) * architecture.head_dim(crossed)
            frames = architecture.encoder.frames if architecture.encoder else None
            read = (positions if source is None else source) if frames is None else frames
            entries = entries + layer.repeat * width * batch * read
        if layer.latent_attention:
            latent = layer.latent_attention.kv_rank + layer.latent_attention.rope_dim
            if layer.latent_attention.indexer:
                latent += layer.latent_attention.indexer.head_dim
            entries = entries + layer.repeat * latent * batch * positions
        state = sum(state_entries(layer, architecture.hidden_size))
        if state:
            entries = entries + layer.repeat * state * batch
    return entries


def cached_heads(layer: Layer) -> int | None:
    """Key-value heads of a layer, which is as far as its cache can be divided; a latent cache is one. None: no end."""
    if layer.idle:
        return None
    cached = [found for found in (layer.attention, layer.cross_attention) if found and not found.cache_of_another]
    latent = [1] if layer.latent_attention else []
    return min([found.kv_heads or found.heads for found in cached] + latent, default=None)


def cached_bits(
    architecture: Architecture, workload: Workload, kv_bits: float, layers: Sequence[Layer] | None = None
) -> Array:
    """Bits of the cache after a workload, of all layers or of some; states as wide as the model's file says.  [n]"""
    batch, prompt, generate = workload.flat()
    positions = prompt + (generate - 1) * (workload.age / 2 if workload.staggered else 1)
    if architecture.encoder and architecture.encoder.frames is None and workload.counting == "serving":
        positions = positions - prompt + 1  # the encoder reads the prompt, the decoder begins with one token
    bits = cached_entries(architecture, batch, positions, workload.counting, layers, prompt) * kv_bits
    if architecture.state_bits is None:
        return bits
    width = architecture.hidden_size
    found = architecture.layers if layers is None else layers
    states = sum(layer.repeat * state_entries(layer, width)[1] for layer in found)
    wider: Array = bits + batch * (states * (architecture.state_bits - kv_bits))
    return wider


def widest_operators(ops: tuple[Operator, ...], coefficients: Coefficients) -> Array:
    """Operands and results of one layer of the operators that can be the widest.  ``[basis, op, 1]``

    Where an operator has one basis, those of the largest coefficient can be.
    """
    layers = 1 / np.array([op.repeat for op in ops], dtype=np.float64)
    held = [coefficients.get(quantity, {}) for quantity in ("inputs", "outputs")]
    table = array([sum(of.get(basis, 0.0) for of in held) * layers for basis in bases_of(coefficients)])
    lone = not is_told(table) and ((table > 0).sum(0) <= 1).all()
    kept = sorted(set(table.argmax(1).tolist())) if lone else range(len(ops))
    return table[:, kept, None]


def peak_activation_entries(widest: Array, repeated: Array) -> Array:
    """Most operands and results that one operator of one layer holds at once.  [phase, n]

    ``repeated`` are the bases, [basis, phase, n]; scores are never held, attention being fused.
    """
    found: Array = ordered_sum(widest[:, :, None] * repeated[:, None], 0).max(axis=0)
    return found


def in_host(part: Offload, ops: tuple[Operator, ...], depth: int) -> frozenset[int]:
    """The operators whose weights a host keeps: routed experts, or the last layers, which are runs of their own."""
    if part.experts:
        return frozenset(i for i, op in enumerate(ops) if op.section == "expert")
    last = range(depth - part.layers, depth)
    inside = ("attention", "recurrent", "feed_forward", "expert", "norm")
    return frozenset(i for i, op in enumerate(ops) if op.layer in last and op.section in inside)


@dataclass(frozen=True, slots=True)
class Resident:
    """What a model holds in a precision, for any workload."""

    parameters: dict[str, int]
    weight_bits: dict[str, float]
    scale_bits: float
    ideal_bits: float
    widest: Array  # see `widest_operators`
    repeated: dict[int, float]  # stored bits of weights by the devices that can divide them at most
    host_bits: float = 0.0  # of them in the host's memory, which none repeats

    @property
    def total_bits(self) -> float:
        """Stored bits of all weights with their scales."""
        return sum_of_roles(self.weight_bits)


def resident(
    architecture: Architecture, precision: Precision, ops: tuple[Operator, ...], coefficients: Coefficients,
    parallel: Parallel = "tensor", stored_as: tuple[Stored, ...] | None = None, part: Offload = NOTHING,
) -> Resident:  # fmt: skip
    """Weights, ideal beside stored; a ``part`` may be in a host's memory.

    Ideal is parameters x information bits of a linear weight, what articles quote: 175e9 x 1 bit = 21.875 GB.
    Stored holds embeddings, head and norms in their own format, packing, and scales.
    """
    stored: dict[str, float] = {}
    scales = 0.0
    repeated: dict[int, float] = {}
    hosted = 0.0
    kept = in_host(part, ops, architecture.depth)
    for i, (op, bits) in enumerate(zip(ops, stored_as or stored_of(architecture, precision, ops), strict=True)):
        own, biases = op.repeat * op.weights * bits.weight, op.bias * op.repeat * bits.bias
        scaled = bits.scales * op.matrices * op.repeat
        stored[op.parameter] = stored.get(op.parameter, 0.0) + own
        stored[op.bias_parameter] = stored.get(op.bias_parameter, 0.0) + biases
        scales += scaled
        if i in kept:
            hosted = hosted + own + biases + scaled
        elif math.isfinite(most := stored_ways(op, parallel)):
            repeated[int(most)] = repeated.get(int(most), 0.0) + own + biases + scaled
    stored["not_counted"] = uncounted_bits(architecture, precision, ops)
    stored = {role: bits for role, bits in stored.items() if filled(bits)}
    if filled(scales):
        stored["scales"] = scales
    parameters = parameters_by_role(ops)
    nominal = architecture.nominal_parameters
    ideal = (sum(parameters.values()) if nominal is None else nominal) * precision.information_bits
    return Resident(parameters, stored, scales, ideal, widest_operators(ops, coefficients), repeated, hosted)


def footprint(
    architecture: Architecture, precision: Precision, counts: OpCounts, software: Holds = NO_SOFTWARE,
    weights: Resident | None = None, parallel: Parallel = "tensor", part: Offload = NOTHING, cores: int = 1,
) -> Footprint:  # fmt: skip
    """Bits resident with this precision: weights (see `resident`), KV cache, peak activations.

    Devices divide a model among their ``cores``, which share a memory; see `parallel.Parts`.

    On a device as its runtime holds them. Activations are those of the widest pass: of the whole prompts, of as many
    of their tokens as the runtime takes at once, or of a decode step.
    """
    elsewhere = float(FORMAT_BITS[precision.elsewhere])
    held_weights = weights or resident(architecture, precision, counts.operators, counts.coefficients)
    batch, prompt, generate = counts.workload.flat()
    kv = np.zeros(batch.shape)
    repeated: dict[int, Array | float] = dict(held_weights.repeated)
    if not architecture.bidirectional:
        kv = cached_bits(architecture, counts.workload, precision.kv_bits) * software.copies
        by_heads = parallel in ("tensor", "expert") and not part.kv
        heads = [cached_heads(layer) for layer in architecture.layers] if by_heads else []
        for most in dict.fromkeys(most for most in heads if most is not None):
            some = [layer for layer, own in zip(architecture.layers, heads, strict=True) if own == most]
            bits = kv
            stateless = [
                layer.model_copy(update={"state_space": None}) if layer.state_space else layer for layer in some
            ]
            if stateless != architecture.layers:  # the states beside keys and values can be divided further
                bits = cached_bits(architecture, counts.workload, precision.kv_bits, stateless) * software.copies
            repeated[most] = repeated.get(most, 0.0) + bits
    chunk = software.chunk
    peaks, width = peak_activation_entries(held_weights.widest, counts.bases.table), architecture.hidden_size
    passes: list[Array] = []
    if chunk and holds_everywhere(batch * prompt <= chunk):
        chunk = None  # nothing is cut
    for p, (phase, peak) in enumerate(zip(counts.phases, peaks, strict=True)):
        if chunk or phase.prompts or counts.workload.speculative:  # else none is wider than one over whole prompts
            together = batch * phase.width(prompt, generate)
            entries = (
                peak if phase.prompts else peak / np.where(counts.passes[p] > 0, counts.passes[p], 1.0)
            ) + together * width
            passes.append(entries * np.minimum(1.0, chunk / together) if chunk and phase.cut else entries)
    held = reduce(np.maximum, passes) * elsewhere
    if software.logits_bits and architecture.lm_head is not None:
        held = np.maximum(held, batch * prompt * (architecture.vocab_size * software.logits_bits))
    weight_bits, head = held_weights.weight_bits, architecture.lm_head
    if head and head.tied and precision.linear.format in software.heads_apart:
        weight_bits = weight_bits | {"lm_head": weight_bits["embed_tokens"]}
    return Footprint(
        parameters=held_weights.parameters,
        weight_bits=weight_bits,
        scale_bits=held_weights.scale_bits,
        kv_bits=read_only(kv),
        activation_bits=read_only(held),
        ideal_bits=held_weights.ideal_bits,
        repeated=read_only(repeated),
        host_bits=held_weights.host_bits + kv if part.kv else held_weights.host_bits,
        cores=cores,
    )
