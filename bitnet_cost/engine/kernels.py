"""Which kernels operators run as, and what of a kernel's figures is the same for any workload."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.engine.activity import format_run, product_format, unit_of
from bitnet_cost.engine.storage import precision_at, role_of
from bitnet_cost.formulas.launches import host_wait, launch_seconds, unpacking_seconds, within_rows
from bitnet_cost.formulas.roofline import partly_overlapped
from bitnet_cost.formulas.tiling import read_again
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import FORMAT_BITS, Precision
from bitnet_cost.inputs.runtime import Kernel, KernelClass, RuntimeProfile
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array, array, decided

# Shares of the peaks at which prices per action were measured (h100-sxm-80gb.yaml: hbm_read_8GiB, gemm_float16_8192):
# up to them a kernel's power is in the prices, beyond them it waits.
REACHED_BANDWIDTH, REACHED_RATE = 0.92, 0.81
UNLIMITED = 2.0**53  # a window of more positions than any workload has


def kernel_class(op: Operator, precision: Precision, hardware: Hardware | None = None) -> KernelClass | None:
    """The class of kernels that an operator runs in; None where it is in the epilogue of a product, or runs no kernel.

    Products of a low-bit unit that the hardware has are those of any narrow format: nothing is unpacked for them.

    >>> from bitnet_cost.inputs.precision import parse_name
    >>> from bitnet_cost.ledger.operators import Traits
    >>> [kernel_class(Operator("", "", "linear", 1, (), traits=Traits(kernel)), parse_name("w1.58a8")) for kernel in
    ...  ("product", "norm", "dequantise", "quantise")]
    ['lowbit', 'norm', None, 'quantise']
    """
    precision = precision_at(op, precision)
    linear = precision.linear
    narrow, integers = linear.rescale == "elementwise", "mul.int8" in linear.recipe
    match op.traits.kernel:
        case "host" | "draft":
            return None
        case "dequantise":
            return "rescale" if narrow and integers and linear.weights.bits >= 8 else None
        case "quantise":
            if narrow and (linear.weights.bits >= 8 or precision.widened is not None):
                return "quantise-blocks" if _in_blocks(precision) else "quantise-int8" if integers else "quantise-w8a8"
            return "quantise" if narrow or linear.rescale == "product" else None
        case "attention" if precision.attention == "fp32":
            shared = op.has("kv_read") and decided(query_heads(op) > op.cached_heads)
            return "attention-fp32-grouped" if shared else "attention-fp32"
        case "attention" if precision.kv_bits <= 8:
            return "attention-kv8"
        case "experts":
            widened = linear.rescale == "weights" and linear.weights.code == "integer"
            if narrow and linear.activation_bits >= 8:
                return "experts-blocks" if _in_blocks(precision) else "experts-w8a8"
            if linear.weights.code == "float" and linear.weights.bits < 8:
                return "experts-w4a4" if narrow else "experts-dequantised"
            return "experts-integer" if widened else "experts"
        case "product":
            if op.role == "lm_head" and precision.bits_of("lm_head") < 8:
                return "dequantised"
            of_layer = role_of(op, precision) == "linear"
            if hardware is not None and unit_of(op, precision, hardware):
                return "w8a8" if linear.activation_bits < 16 else "linear"
            if not of_layer or linear.weights.bits >= 8 or precision.widened is not None:
                if narrow and of_layer and linear.weights.bits < 8:
                    return "w4a4"
                if narrow and of_layer:
                    return "w8a8-int8" if integers else "w8a8-blocks" if _in_blocks(precision) else "w8a8"
                if of_layer and precision.widened is None and linear.weights.bits < 16:
                    return "dequantised-int8"
                return "linear-fp32" if product_format(op, precision) == "fp32" else "linear"
            return _packed(precision)
        case "elementwise" if op.group == "state_space":
            return "scan"
        case "norm" if decided(op.bias > 0):
            return "layer-norm"
        case "activation" if op.has("tanh") and not is_gated(op):
            return "activation-tanh"
        case kernel:
            return kernel


def is_gated(op: Operator) -> bool:
    """Whether an activation takes a gate's product, too: two entries in for each one out."""
    entries = {quantity: each for quantity, _, each in op.terms}
    return decided(entries.get("inputs", 0.0) > entries.get("outputs", 0.0))


def _in_blocks(precision: Precision) -> bool:
    """Whether both operands have a scale for each block: one kernel finds the scales and narrows."""
    return precision.linear.weights.scale_per == "group"


def _packed(precision: Precision) -> KernelClass:
    """The class of a product whose weights have fewer than 8 bits."""
    weights = precision.linear.weights
    if precision.linear.rescale != "weights":
        return "lowbit"
    if weights.bits < 4:
        return "dequantised-narrow"
    return "dequantised-int4" if weights.code == "integer" and weights.bits < 5 else "dequantised"


class Rereads(NamedTuple):
    """Products whose tiles read their operands again.  Each [op, 1]"""

    rows: Array  # of a tile, for each of which weights are read; infinite where once
    inputs: Array  # how often inputs are read beyond once
    kept: Array | None = None  # bits of a tile's inputs, in all layers, that are kept between reads; None: none

    def of(self, rows: list[int]) -> Rereads:
        """The same of some operators."""
        return Rereads(self.rows[rows], self.inputs[rows], None if self.kept is None else self.kept[rows])


def rereads_of(ops: tuple[Operator, ...], kernels: Sequence[Kernel | None]) -> Rereads | None:
    """Where products read their operands again; None: nowhere."""
    if not any(k and (k.reads_rows or k.reads_outputs) for k in kernels):
        return None
    rows = [float(k.reads_rows) if k and k.reads_rows else np.inf for k in kernels]
    tiles = [(op.shape[1], k.reads_outputs) if k and k.reads_outputs and op.shape[1] else (1, 1)
             for op, k in zip(ops, kernels, strict=True)]  # fmt: skip
    again = array([float(read_again(*tile)) * (tile[1] > 1) for tile in tiles])[:, None]
    kept = [8.0 * (k.keeps or 0) * op.repeat * op.parts if k else 0.0 for op, k in zip(ops, kernels, strict=True)]
    return Rereads(array(rows)[:, None], again, array(kept)[:, None] if any(kept) else None)


class Kind(NamedTuple):
    """What an operator runs as on any device that runs the same formats, in any runtime."""

    kernel: KernelClass | None
    form: str | None  # of its products

    def of(self, runtime: RuntimeProfile, device: str = "") -> Kernel | None:
        """Its kernel on a device; None where it is fused into another: scales of a product, if not listed."""
        name = self.kernel
        if name is None or (name == "rescale" and name not in runtime.kernels):
            return None
        return runtime.kernel(name, device)


def kinds_of(ops: tuple[Operator, ...], precision: Precision, hardware: Hardware) -> tuple[Kind, ...]:
    """What each operator runs as on a device."""
    if hardware.has_low_bit_units:
        return tuple(Kind(kernel_class(op, precision, hardware), format_run(op, precision, hardware)) for op in ops)
    return tuple(
        [
            Kind(name, None if form is None else hardware.executed(form))
            for name, form in _plain(Same(ops), Same(precision))
        ]
    )


def classes_of(ops: tuple[Operator, ...], precision: Precision, hardware: Hardware) -> set[KernelClass | None]:
    """The classes of kernels that some operators run in on a device."""
    if hardware.has_low_bit_units:
        return {kernel_class(op, precision, hardware) for op in ops}
    return {name for name, _ in _plain(Same(ops), Same(precision))}


@lru_cache(maxsize=64)  # a model in its precisions, on devices without low-bit units
def _plain(ops: Same, precision: Same) -> tuple[tuple[KernelClass | None, str | None], ...]:
    """The class of each operator's kernel, and the format of its products before a device runs them in another."""
    return tuple((kernel_class(op, precision.it), product_format(op, precision.it)) for op in ops.it)


def query_heads(op: Operator) -> float:
    """Heads of an operator that reads cached heads, from the entries that a token brings or takes.

    >>> scores = (("inputs", ("tokens",), 4096), ("kv_read", ("keys",), 1024))
    >>> query_heads(Operator("attn_scores", "attention", "attention", 1, scores, cached_heads=8))
    32.0
    """
    entries = {quantity: each for quantity, _, each in op.terms}
    return (entries.get("inputs", 0.0) + entries.get("outputs", 0.0)) / entries["kv_read"] * op.cached_heads


def launches_of(op: Operator, kernel: Kernel, runtime: RuntimeProfile) -> float:
    """Kernels launched for an operator in one pass over one layer."""
    fused = op.traits.fused == "always" or (op.traits.fused == "projections" and runtime.fused_projections)
    return 0.0 if fused else kernel.launches * op.parts


def launch_of(kernel: Kernel, op: Operator | None = None) -> float:
    """Seconds of one launch of an operator's kernel."""
    walked = kernel.per_input.value if kernel.per_input and op and not kernel.partly_overlapped else 0.0
    return launch_seconds(kernel.overhead.value if kernel.overhead else 0.0, walked, op.shape[0] if op else 0)


class Single(NamedTuple):
    """Kernels of products as they are measured one by one; arrays are [op, 1]."""

    overlapped: Array  # whether bytes, arithmetic and walk overlap in part
    walk: Array  # seconds of a pass along the inner dimension, where they do
    few_rows: Array
    few_overhead: Array  # part of a launch for few rows
    issued: Array  # whether the device works while the host issues the next one

    def of(self, rows: list[int]) -> Single:
        """The same of some operators."""
        return Single(*(values[rows] for values in self))

    def busy(self, longest: Array, compute: Array, memory: Array, passes: Array) -> Array:
        """Seconds in which kernels work: as they overlap, else the ``longest``.  [phase, op, n]"""
        return np.where(self.overlapped, partly_overlapped(compute, memory, self.walk * passes), longest)

    def launches(self, overhead: Array, busy: Array, tokens: Array) -> Array:
        """Seconds of launches, beyond what the device is ``busy`` where it does not wait for them.  [phase, op, n]"""
        overhead = overhead * (1.0 - (1.0 - self.few_overhead) * within_rows(tokens, self.few_rows))
        return np.where(self.issued, host_wait(overhead, busy), overhead)


def single_kernels(
    ops: tuple[Operator, ...], kernels: Sequence[Kernel | None], runtime: RuntimeProfile
) -> Single | None:
    """What kernels of products add to the roofline; None where no kernel of the runtime says so."""
    if not any(k and (k.partly_overlapped or k.few_rows or k.issued) for k in kernels):
        return None
    overlapped = [bool(k and k.partly_overlapped) for k in kernels]
    walked = [
        launches_of(op, k, runtime) * op.repeat * launch_seconds(0.0, k.per_input.value, op.shape[0])
        if k and k.partly_overlapped and k.per_input
        else 0.0
        for op, k in zip(ops, kernels, strict=True)
    ]
    few = [float(k.few_rows or 0) if k else 0.0 for k in kernels]
    part = [k.few_overhead.value if k and k.few_overhead else 1.0 for k in kernels]
    issued = [bool(k and k.issued) for k in kernels]
    return Single(
        np.array(overlapped)[:, None], stacked(walked), array(few)[:, None], stacked(part), np.array(issued)[:, None]
    )


class Columns(NamedTuple):
    """What a schedule needs of kernels alone, of one kind each, with any operators; arrays are [kind, 1] or [kind, n].

    None stands for a figure that none of them has; see `timing.Schedule` for what each is.
    """

    kernels: tuple[Kernel | None, ...]
    given: frozenset[str]  # fields that any of them has
    launches: Array  # of one part of an operator
    launch: Array  # seconds of one, without a walk along the inner dimension
    moves: Array | None
    stepwise: Array | None
    steps: Array
    wide: Array | None  # whether such steps hold entries in 32 bits; None: nowhere
    per_mac: Array
    per_weight: Array | None
    unpacked_rows: Array | None
    packed_rows: Array
    packing: Array | None
    per_bit: dict[str, Array]
    per_level: Array  # [level, 1, kind, 1]
    busy_compute: Array
    busy_memory: Array
    waits: Array | None  # share of a kernel's time in which it draws as one that waits; negative: what is beyond both
    decoding: Array | None

    def has(self, *fields: str) -> bool:
        """Whether any kernel has one of some fields."""
        return not self.given.isdisjoint(fields)


@lru_cache(maxsize=256)  # a model in its precisions, on devices that run the same formats
def kinds_apart(kinds: Same) -> tuple[tuple[Kind, ...], NDArray[np.intp]]:
    """The kinds of some operators, each once, and the place of each operator's among them."""
    apart = tuple(dict.fromkeys(kinds.it))
    place = {kind: i for i, kind in enumerate(apart)}
    return apart, np.array([place[kind] for kind in kinds.it], dtype=np.intp)


@lru_cache(maxsize=1024)  # every device in four precisions, for models with and without some kinds of layer
def columns_of(kinds: tuple[Kind, ...], software: Same, device: Same) -> Columns:
    """Those of kinds that are not alike, in a runtime on a device."""
    runtime, hardware = software.it, device.it
    kernels = tuple(kind.of(runtime, hardware.name) for kind in kinds)
    given = {name for k in kernels if k for name, value in k if value is not None and value is not False}
    moves = np.array([0.0 if k is None or k.bandwidth is None else 1.0 for k in kernels])[:, None]
    stepwise = np.array([bool(k and k.bytes_per_entry is not None) for k in kernels])[:, None]
    steps = [k.bytes_per_entry * 8.0 if k and k.bytes_per_entry is not None else 0.0 for k in kernels]
    few = [(k.unpacking_rows if k else None) or np.inf for k in kernels]
    levels = list(hardware.hierarchy)
    rate = stacked([reached_rate(kind, kernel, hardware) for kind, kernel in zip(kinds, kernels, strict=True)])
    share = stacked([k.bandwidth.value if k and k.bandwidth else 1.0 for k in kernels])
    shares = dict.fromkeys(levels, share)
    if len(levels) > 1 and "near_bandwidth" in given:
        shares[levels[-2]] = stacked([_near_share(k) for k in kernels])
    per_bit = {name: 1 / (level.rate * shares[name]) for name, level in hardware.hierarchy.items()}
    return Columns(
        kernels=kernels,
        given=frozenset(given),
        launches=np.array([k.launches if k else 0.0 for k in kernels])[:, None],
        launch=stacked([launch_of(k) if k else 0.0 for k in kernels]),
        moves=None if moves.all() else moves,
        stepwise=stepwise if stepwise.any() else None,
        steps=np.array(steps)[:, None],
        wide=np.array([bool(k and k.wide_steps) for k in kernels])[:, None] if "wide_steps" in given else None,
        per_mac=1 / rate,
        per_weight=unpacking(kernels, hardware),
        unpacked_rows=array(few)[:, None] if any(k and k.unpacking_rows for k in kernels) else None,
        packed_rows=array([k.packing_rows if k else 1.0 for k in kernels])[:, None],
        packing=packing(kinds, kernels, hardware),
        per_bit=per_bit,
        per_level=np.stack(np.broadcast_arrays(*(per_bit[name] for name in levels[-2:])))[:, None],
        busy_compute=stacked([_busy(k) for k in kernels]) / REACHED_RATE,
        busy_memory=share / REACHED_BANDWIDTH,
        waits=stacked([k.waits.value if k and k.waits else -1.0 for k in kernels]) if "waits" in given else None,
        decoding=decode_factors(kinds, hardware),
    )


def _near_share(kernel: Kernel | None) -> float | Array:
    """Share of the bandwidth of the last on-chip level that a kernel reaches."""
    reached = kernel and (kernel.near_bandwidth or kernel.bandwidth)
    return reached.value if reached else 1.0


def _busy(kernel: Kernel | None) -> float | Array:
    """Share of the peak rate at which a kernel works; of units that are not its format's, none."""
    if kernel is None or kernel.compute is None:
        return 1.0
    return kernel.compute.value if kernel.units is None else 0.0


def decode_factors(kinds: tuple[Kind, ...], hardware: Hardware) -> Array | None:
    """How much longer each product takes in the engine that decodes than in that of prompts; None: there is one."""
    if not hardware.decode_rates:
        return None
    forms = [kind.form for kind in kinds]
    pairs = [(hardware.rates[form], hardware.decode_rates.get(form)) if form else (None, None) for form in forms]
    return stacked([rate.value / own.value if rate and own else 1.0 for rate, own in pairs])


def reached_rate(kind: Kind, kernel: Kernel | None, hardware: Hardware) -> float:
    """MACs per second that an operator's products reach; infinite where it has none.  [MAC/s]"""
    if kernel is None or kind.form is None:
        return np.inf  # it has no products, or what is missing is refused by name
    share = kernel.compute.value if kernel.compute else 1.0
    units = kernel.units and hardware.executed(kernel.units)
    return hardware.mac_rate(units or kind.form) * share


class Shapes(NamedTuple):
    """What a schedule needs of operators alone, with any kernels on any device."""

    repeats: Array  # parts in all layers  [op, 1]
    parts: Array  # of one layer that launch kernels, where products of one input are kernels of their own  [op, 1]
    joined: Array  # the same where they are one kernel  [op, 1]
    layers: Array  # [op, 1]
    written: Array  # layers that write a cache  [op]
    windows: Array | None  # positions that attention reaches back; None: all, everywhere  [op, 1]
    attention: tuple[slice, ...]


@lru_cache(maxsize=64)  # many models side by side, on devices one after the other
def shapes_of(ops: Same) -> Shapes:
    """The shapes of some operators."""
    windows = np.array([window_of(op) for op in ops.it])[:, None]
    return Shapes(
        np.array([op.repeat * op.parts for op in ops.it], dtype=np.float64)[:, None],
        np.array([op.parts if op.traits.fused != "always" else 0.0 for op in ops.it])[:, None],
        np.array([op.parts if op.traits.fused not in ("always", "projections") else 0.0 for op in ops.it])[:, None],
        np.array([op.repeat for op in ops.it], dtype=np.float64)[:, None],
        np.array([op.repeat if op.has("kv_write") else 0 for op in ops.it]),
        None if windows.min() == UNLIMITED else windows,
        _spans(ops.it),
    )


def window_of(op: Operator) -> float:
    """Positions that an operator of attention reaches back.

    >>> window_of(Operator("attn_scores", "attention", "attention", 1, (("mac", ("pairs", 512.0), 64),)))
    512.0
    """
    limits = [basis[1] for quantity, basis, _ in op.terms if quantity == "mac" and len(basis) == 2]
    return limits[0] if limits and op.group == "attention" else UNLIMITED


def _spans(ops: tuple[Operator, ...]) -> tuple[slice, ...]:
    """Runs of attention's operators. The softmax between two of them has neither products nor a cache."""
    spans: list[slice] = []
    for i, op in enumerate(ops):
        if op.group != "attention":
            continue
        between = ops[spans[-1].stop : i] if spans else ()
        if spans and not any(other.has("mac", "kv_read") for other in between):
            spans[-1] = slice(spans[-1].start, i + 1)
        else:
            spans.append(slice(i, i + 1))
    return tuple(spans)


def unpacking(kernels: Sequence[Kernel | None], hardware: Hardware) -> Array | None:
    """Seconds of widening one packed weight, on the units of INT32, as shifts and masks are.  [op, 1]"""
    form = hardware.executed("int32")
    if form is None or not any(k and k.unpacking for k in kernels):
        return None
    rate = hardware.rates[form].value
    return stacked([unpacking_seconds(k.unpacking, rate) if k and k.unpacking else 0.0 for k in kernels])


def packing(kinds: Sequence[Kind], kernels: Sequence[Kernel | None], hardware: Hardware) -> Array | None:
    """Seconds of laying out one weight in the format that multiplies, at the bandwidth that kernels reach.  [op, 1]"""
    if not any(k and k.packing for k in kernels):
        return None
    rate = hardware.memory.rate
    return stacked(
        [
            k.packing.value * FORMAT_BITS.get(kind.form, 8) / (rate * (k.bandwidth.value if k.bandwidth else 1.0))
            if k and k.packing and kind.form
            else 0.0
            for k, kind in zip(kernels, kinds, strict=True)
        ]
    )


def repeated(ops: tuple[Operator, ...], kernels: Sequence[Kernel | None]) -> Array | None:
    """Bits that copies for each query head move per cached entry.  [op, 1]"""
    each = [
        8 * k.bytes_per_repeat * query_heads(op) / op.cached_heads
        if k and k.bytes_per_repeat and op.has("kv_read")
        else 0.0
        for op, k in zip(ops, kernels, strict=True)
    ]
    return array(each)[:, None] if any(k and k.bytes_per_repeat for k in kernels) else None


def stacked(values: Sequence[float | Array]) -> Array:
    """Numbers, or arrays over a grid, one below the other.  [k, 1] or [k, n]"""
    if any(isinstance(value, np.ndarray) for value in values):
        return np.stack(np.broadcast_arrays(*values))
    return array(values)[:, None]
