"""How long it takes: Activity x rates -> seconds, operator by operator, then the board's power limit.

Per operator ``max(MACs / rate, bits / bandwidth)`` plus launches (Williams et al., Roofline, CACM 52(4), 2009), with
the shares of the peaks that the runtime reaches. Decode sums the maximum of each step: everything but attention costs
the same in each step, and attention's two lines over the growing context cross at most once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from bitnet_cost.engine.activity import stays
from bitnet_cost.engine.counts import DRAFT, HOST
from bitnet_cost.engine.kernels import (
    Kind,
    Rereads,
    Single,
    columns_of,
    kinds_apart,
    launch_of,
    launches_of,
    repeated,
    rereads_of,
    shapes_of,
    single_kernels,
    stacked,
)
from bitnet_cost.engine.parallel import Share
from bitnet_cost.engine.phases import READ_ONCE
from bitnet_cost.engine.routed import sorted_seconds, sorting_of, uneven
from bitnet_cost.engine.tiles import Tiles, rectangles, rows_of, tiles_of, unfused
from bitnet_cost.formulas.exchange import collective_seconds
from bitnet_cost.formulas.launches import (
    host_seconds,
    host_wait,
    packing_seconds,
    shared_steps,
    within_rows,
)
from bitnet_cost.formulas.roofline import sum_of_maxima, waiting
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.formulas.tiling import missed_share, read_again
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.hardware import Hardware, Host, Interconnect
from bitnet_cost.inputs.offload import Offload
from bitnet_cost.inputs.runtime import Kernel, RuntimeProfile
from bitnet_cost.ledger.arrays import Bases, Basis
from bitnet_cost.ledger.counted import Actions, Activity, OpCounts, Timing
from bitnet_cost.ledger.operators import Operator
from bitnet_cost.told import Array, array, decided, filled, holds_everywhere, is_told, zeros

FROM_HOST = ("host.read", "host.write", "host.link")  # what moves to and from the host, and all of it over the link
HELD = 32.0  # bits of an entry that a step between kernels reads and writes, 16 each


@dataclass(frozen=True, slots=True)
class Streamed:
    """What kernels read from the memory of a host over its link, as they go; nothing of it is copied to the device.

    So do weights in vLLM's `UVAOffloader` (docs.vllm.ai, 0.18, zero-copy access). Where they are copied a layer ahead
    instead, reading and computing overlap by layers, and a layer takes the longest of both (Sheng et al., FlexGen,
    2023, arXiv:2303.06865, section 4.3); here it is operators that do: which experts are read is not known before
    their router has run.
    """

    weights: Array  # 1 where the host has an operator's weights, else 0  [op, 1]
    cache: bool
    per_bit: Array  # seconds, of the slower of the link and of a device's part of the host's memory  [op, 1]

    def of(self, rows: list[int]) -> Streamed:
        """The same of some operators."""
        return Streamed(self.weights[rows], self.cache, self.per_bit[rows])


def streamed_from(host: Host, part: Offload, rows: frozenset[int], size: int, devices: int) -> Streamed:
    """What ``devices`` that work at once read from their host: the weights of some ``rows`` of operators, or the cache.

    Each has a link of its own, and its part of the memory's bandwidth.
    """
    ones = np.ones((size, 1))
    weights = np.array([float(i in rows) for i in range(size)])[:, None]
    each = np.maximum(ones / host.link.bandwidth.value, ones * devices / host.memory.rate)
    return Streamed(weights, part.kv, each)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How operators run in a runtime on a device, for any workload.

    Arrays are ``[op, 1]``; ``[op, n]`` where a figure behind them differs from point to point of a grid.
    """

    runtime: RuntimeProfile
    kernels: tuple[Kernel | None, ...]
    moves: Array | None  # 0 where a kernel is fused into another; None: nowhere
    stepwise: Array | None  # whether steps are kernels of their own; None: nowhere
    steps: Array  # bits moved per entry where they are
    wide: Array | None  # whether these hold entries in 32 bits; None: nowhere
    room: Array  # bits that an operator's layers may hold in the near level, for one pass
    near: str
    main: str
    holder: str  # the level that weights are read from
    places: tuple[str, ...]  # reads and writes of the levels that move anything: of the near one, then of the main one
    attention: tuple[slice, ...]  # operators whose steps grow with the context
    window: Array | None  # positions that attention reaches back, where it is limited; None: nowhere
    per_mac: Array  # seconds
    per_weight: Array | None  # seconds of widening a weight in a pass, where weights are packed; None: nowhere
    unpacked_rows: Array | None  # rows up to which a kernel does so; None: any
    packed_rows: Array  # rows up to which nothing is laid out
    packing: Array | None  # seconds of laying out a weight before a product of several rows; None: nowhere
    tiles: Tiles | None  # where kernels work on whole tiles; None: nowhere
    unfused: Array | None  # whether products of attention calculate masked pairs too; None: nowhere
    repeated: Array | None  # bits moved per cached entry, where heads get copies of it; None: nowhere
    per_bit: dict[str, Array]  # seconds, by level
    per_level: Array  # the same of the levels that are read and written, in the order of places, [level, 1, op, 1]
    busy_compute: Array  # share of a kernel's time in which the peak rate, or the bandwidth, does not wait
    busy_memory: Array
    waits: Array | None  # share of a kernel's time in which it draws as one that waits, see `Columns`; None: nowhere
    per_pass: Array  # seconds of launches
    sorting: Array | None  # seconds of a pass, a token and a decoding sequence in kernels that sort routed rows,
    # [3, op, 1]; None: nothing is routed
    host: int | None  # the row of the host, where the device waits for it
    streamed: Streamed | None = None  # what is read from the host's memory
    single: Single | None = None  # of products measured one by one; None: nowhere
    rereads: Rereads | None = None  # operands that products read again
    decoding: Array | None = None  # seconds of a product while decoding over those of a prefill; None: the same

    def of(self, rows: list[int]) -> Schedule:
        """The schedule of some operators."""
        changed: dict[str, Any] = {
            "kernels": tuple(self.kernels[i] for i in rows),
            "attention": tuple(slice(rows.index(span.start), rows.index(span.stop - 1) + 1) for span in self.attention),
            "per_level": self.per_level[:, :, rows],
            "host": None if self.host is None else rows.index(self.host),
            "streamed": self.streamed and self.streamed.of(rows),
            "single": self.single and self.single.of(rows),
            "tiles": self.tiles and self.tiles.of(rows),
            "sorting": None if self.sorting is None else self.sorting[:, rows],
        }
        names = ("moves", "stepwise", "steps", "room", "window", "per_mac", "busy_compute", "busy_memory", "per_pass",
                 "packed_rows", "decoding")  # fmt: skip
        for name in names:
            values = getattr(self, name)
            changed[name] = None if values is None else values[rows]
        for name in ("per_weight", "unpacked_rows", "packing", "unfused", "repeated", "waits", "wide"):
            values = getattr(self, name)
            changed[name] = None if values is None else values[rows]
        changed["rereads"] = self.rereads and self.rereads.of(rows)
        if changed["moves"] is not None and changed["moves"].all():
            changed["moves"] = None
        return replace(self, per_bit={level: values[rows] for level, values in self.per_bit.items()}, **changed)


def needed_rows(ops: tuple[Operator, ...], plan: Schedule) -> list[int]:
    """Operators that take time or memory traffic, or hold operands; the others add exact zeros."""
    felt = ("mac", "inputs", "outputs", "weights", "bias_weights", "kv_read", "kv_write")
    return [
        i
        for i, op in enumerate(ops)
        if i == plan.host
        or op is DRAFT
        or (op.traits.scores and any(k and k.bytes_per_pair is not None for k in plan.kernels))
        or filled(plan.per_pass[i]).any()
        or plan.steps[i, 0]
        or op.has(*felt)
    ]


def schedule(
    ops: tuple[Operator, ...], kinds: tuple[Kind, ...], hardware: Hardware, runtime: RuntimeProfile, logits: str,
    stored_bits: float, streamed: Streamed | None = None, *, lasting: bool = True,
) -> Schedule:  # fmt: skip
    """How operators run; see `movement` and `roofline`. ``stored_bits`` of all weights say which level holds them."""
    levels = list(hardware.hierarchy)
    main, near = levels[-1], levels[-2] if len(levels) > 1 else levels[-1]
    apart, rows = kinds_apart(Same(kinds))
    of = (columns_of if lasting else columns_of.__wrapped__)(apart, Same(runtime), Same(hardware))
    kernels = tuple([of.kernels[row] for row in rows.tolist()])
    shapes = shapes_of(Same(ops))
    if of.has("per_input"):
        times = [
            launches_of(op, k, runtime) * op.repeat * launch_of(k, op) if k else 0.0
            for op, k in zip(ops, kernels, strict=True)
        ]
        per_pass = stacked(times)
    else:
        parts = shapes.joined if runtime.fused_projections else shapes.parts
        per_pass = of.launches[rows] * parts * shapes.layers * of.launch[rows]
    sorting = sorting_of(ops, kernels, runtime)
    if sorting is not None:
        per_pass = per_pass * np.array([op.traits.kernel != "experts" for op in ops])[:, None]
    cache = runtime.kernels.get("cache")
    if cache is not None:
        per_pass = per_pass + (shapes.written * cache.launches)[:, None] * launch_of(cache)
    if logits == "none" and any(op.group == "head" for op in ops):
        per_pass = per_pass * np.array([op.group != "head" for op in ops])[:, None]
    holder = next((name for name in levels[:-1] if decided(stored_bits <= hardware.hierarchy[name].size)), main)
    places = tuple(dict.fromkeys(f"{level}.{way}" for level in (near, main) for way in ("read", "write")))
    places += (f"{holder}.read",) * (holder not in (near, main))
    places += FROM_HOST if streamed else ()

    def each(values: Array | None) -> Array | None:
        return None if values is None else values[rows]

    return Schedule(
        runtime=runtime,
        kernels=kernels,
        moves=each(of.moves),
        stepwise=each(of.stepwise),
        steps=of.steps[rows],
        wide=each(of.wide),
        room=shapes.repeats * hardware.hierarchy[near].size,
        near=near,
        main=main,
        holder=holder,
        places=places,
        attention=shapes.attention,
        window=shapes.windows,
        per_mac=of.per_mac[rows],
        per_weight=each(of.per_weight),
        unpacked_rows=each(of.unpacked_rows),
        packed_rows=of.packed_rows[rows],
        packing=each(of.packing),
        tiles=tiles_of(ops, kernels, runtime, hardware)
        if of.has("query_tile", "waves", "blocks", "few_tile", "row_tile")
        else None,
        unfused=unfused(ops, kernels) if of.has("bytes_per_pair") else None,
        repeated=repeated(ops, kernels) if of.has("bytes_per_repeat") else None,
        rereads=rereads_of(ops, kernels) if of.has("reads_rows", "reads_outputs") else None,
        per_bit={name: values[rows] for name, values in of.per_bit.items()},
        per_level=of.per_level[:, :, rows],
        busy_compute=of.busy_compute[rows],
        busy_memory=of.busy_memory[rows],
        waits=each(of.waits),
        per_pass=per_pass,
        sorting=sorting,
        host=ops.index(HOST) if runtime.waits_for_host else None,
        streamed=streamed,
        single=single_kernels(ops, kernels, runtime) if of.has("partly_overlapped", "few_rows", "issued") else None,
        decoding=each(of.decoding),
    )


def slowed(products: Array, counts: OpCounts, plan: Schedule) -> Array:
    """Seconds of products, [phase, op, n], where the steps of decoding run in an engine of their own."""
    if plan.decoding is None:
        return products
    return array([part if p.prompts else part * plan.decoding for p, part in zip(counts.phases, products, strict=True)])


def movement(counts: OpCounts, activity: Activity, actions: Actions, plan: Schedule) -> Array:
    """Bits that each operator reads and writes at each of the schedule's places.  [place, phase, op, n]

    Weights and the KV cache come from the memory that holds the model, once per pass; weights from an on-chip level
    where all of them fit it. What passes between operators stays in the last on-chip level where one operator's tensors
    fit it, and goes to memory and back where they do not. A kernel fused into another moves nothing of its own; one
    that runs as several steps moves its operands several times, half in, half out.
    """
    passing = activity.passing_bits
    near = stays(counts, passing[0] + passing[1], plan.room)
    if plan.stepwise is not None:
        alone = counts["quantise"] + counts["dequantise"]  # rows whose entries no basis of inputs counts
        near = near * stays(counts, alone * HELD, plan.room)
        if plan.wide is not None:
            near = near * stays(counts, counts["inputs"] * (2 * HELD * plan.wide), plan.room)
        several = plan.steps * (counts["inputs"] + alone) / 2
        passing = np.where(plan.stepwise, several, passing)
    if plan.moves is not None:
        passing = passing * plan.moves
    places = plan.places
    found: Array = zeros((len(places), *near.shape), passing)
    if plan.near == plan.main:
        found[:2] = passing
    else:
        found[:2] = passing * near
        found[2:4] = passing - found[:2]
    pairs = scores_in_memory(counts, plan)
    copies = None if plan.repeated is None else counts["kv_read"] * plan.repeated
    for apart in (part for part in (pairs, copies) if part is not None):
        for way in ("read", "write"):
            found[places.index(f"{plan.main}.{way}")] += apart / 2
    weights, _, _, kv_read, kv_write = actions.bits.figures
    of_weights, streamed = activity.weight_bits, plan.streamed
    cache = "host" if streamed and streamed.cache else plan.main
    moving = [
        (f"{plan.holder}.read", of_weights, weights.rows),
        (f"{cache}.read", activity.kv_read_bits, kv_read.rows),
        (f"{cache}.write", activity.kv_write_bits, kv_write.rows),
    ]
    if streamed:
        moving[0] = (f"{plan.holder}.read", of_weights * (1 - streamed.weights), weights.rows)
        moving.append(("host.read", of_weights * streamed.weights, weights.rows))
    for place, bits, rows in moving:
        part = found[places.index(place), :, rows]
        part += bits[:, rows]
    again = cache_again(counts, activity, plan.runtime)
    if again is not None:
        found[0] += again
    if plan.rereads is not None:
        held = stays(counts, of_weights, plan.room)
        more = of_weights * read_again(rows_of(counts), plan.rereads.rows)
        found[0] += more * held + inputs_again(counts, activity.passing_bits[0], plan.rereads)
        found[places.index(f"{plan.main}.read")] += more * (1 - held)
    if streamed:
        found[places.index("host.link")] += found[places.index("host.read")] + found[places.index("host.write")]
    for place, moved in zip(places, found, strict=True) if is_told(found) else ():
        counts.named(moved, place, "bit")
    return found


def inputs_again(counts: OpCounts, inputs: Array, rereads: Rereads) -> Array:
    """Bits of inputs that products read beyond once, from the nearest level.  [phase, op, n]"""
    again = inputs * rereads.inputs
    if rereads.kept is None:
        return again
    passes = np.maximum(counts.passes, 1.0)[:, None, :]
    tile = inputs / passes * np.minimum(1.0, rereads.rows / np.maximum(rows_of(counts), 1.0))
    bits: Array = again * missed_share(tile, rereads.kept)
    return bits


def cache_again(counts: OpCounts, activity: Activity, runtime: RuntimeProfile) -> Array | None:
    """Bits of the cache that query heads of a group read again, from the nearest level; None where a group reads once.

    A kernel that works on one query head at a time finds in the cache of the chip what another head of its group read
    (Ainslie et al., GQA, 2023, arXiv:2305.13245, has g heads share one).  [phase, op, n]
    """
    repeats = runtime.kernel("attention").cache_repeats
    if repeats is None:
        return None
    beyond = np.array([op.traits.grouped - 1.0 for op in counts.operators])[:, None] * repeats.value
    steps = np.array([0.0 if phase.prompts else 1.0 for phase in counts.phases])[:, None, None]
    bits: Array = activity.kv_read_bits * (steps * beyond)
    return bits


def scores_in_memory(counts: OpCounts, plan: Schedule) -> Array | None:
    """Bits that unfused attention moves for its scores, half in, half out; None where attention is fused.

    The whole rectangle of a prefill is written and read, masked or not.  [phase, op, n]
    """
    each = next((k.bytes_per_pair for k in plan.kernels if k and k.bytes_per_pair is not None), None)
    if each is None:
        return None
    exponentials = counts["exp"] * np.array([op.traits.scores for op in counts.operators])[:, None]
    bits: Array = exponentials * rectangles(counts, plan.runtime) * (each * 8)
    return bits


def cut_prefill(counts: OpCounts, chunk: int | None) -> OpCounts:
    """The counts with passes of at most ``chunk`` tokens, where a phase may be cut: weights are read in every pass.

    The same counts are cut once.
    """
    if chunk is None:
        return counts
    name = f"cut into passes of {chunk}"
    if name not in counts.derived:
        counts.derived[name] = _cut(counts, chunk)
    return counts.derived[name]


@lru_cache(maxsize=256)
def read_once(names: tuple[Basis, ...]) -> list[int]:
    """Where the bases stand that a pass reads once."""
    return [row for row, basis in enumerate(names) if basis[0] in READ_ONCE]


def _cut(counts: OpCounts, chunk: int) -> OpCounts:
    batch, prompt, generate = counts.workload.flat()
    if all(holds_everywhere(batch * p.width(prompt, generate) <= chunk) for p in counts.phases if p.cut):
        return counts
    names, values = counts.bases.names, counts.bases.table.copy()
    full = []
    for phase, of_phase, passes in zip(counts.phases, values.swapaxes(0, 1), counts.passes, strict=True):
        if phase.cut:
            chunks = batch * phase.width(prompt, generate) / chunk
            of_phase[read_once(names)] *= np.maximum(1.0, np.ceil(chunks))
            full.append(passes * np.maximum(1.0, chunks))
        else:
            full.append(passes)
    bases = Bases(names, values)
    return OpCounts(counts.operators, counts.phases, counts.coefficients, bases, counts.workload, array(full))


def roofline(
    counts: OpCounts, activity: Activity, hardware: Hardware, plan: Schedule, compute: Array, bits: Array,
    share: Share | None = None,
) -> Timing:  # fmt: skip
    """Seconds of each operator at the rates that the runtime reaches, before the power limit.

    ``compute`` are the seconds of the products alone, [phase, op, n], ``bits`` what moves at the schedule's places.
    Where several devices work together, each waits for what they send, its ``share`` of the work, and for the one that
    most tokens are routed to.
    """
    both = 2 * len(plan.per_level)  # a level is read and written; beyond these, weights are read from another
    taken = (bits[0:both:2] + bits[1:both:2]) * plan.per_level
    memory: Array = taken[0] if both == 2 else taken[0] + taken[1]
    if plan.holder not in (plan.near, plan.main):
        memory = memory + bits[both] * plan.per_bit[plan.holder]
    near, stream = memory, np.zeros(compute.shape)
    if plan.streamed:
        stream = counts.named(bits[plan.places.index("host.link")] * plan.streamed.per_bit, "host's memory", "s")
        memory = memory + stream
    overhead = plan.per_pass * counts.passes[:, None, :]
    needed, idle = compute, None
    if plan.unfused is not None:
        compute = np.where(plan.unfused, compute * rectangles(counts, plan.runtime), compute)
    if plan.tiles is not None:
        divided = share.devices if share and share.parallel == "tensor" else 1
        padding, idle = plan.tiles.worked(counts, compute.shape, divided)
        compute = compute * padding * idle
    routed = uneven(counts, plan.kernels, *((share.devices, share.parallel) if share else (1, "tensor")))
    if routed is not None:
        compute, memory = compute * routed.arithmetic, memory * (routed.weights * routed.slower)
    rewidened = None
    if plan.per_weight is not None:
        widening = counts["weights"] * plan.per_weight
        few = plan.unpacked_rows
        widening = widening if few is None else widening * within_rows(rows_of(counts), few)
        compute = compute + widening
        if plan.rereads is not None:  # whoever reads a weight again widens it again
            rewidened = widening * read_again(rows_of(counts), plan.rereads.rows)
            compute = compute + rewidened
    if plan.packing is not None:
        compute = compute + packing_seconds(counts["weights"], plan.packing, rows_of(counts), plan.packed_rows)
    counts.named(compute, "arithmetic", "s")
    counts.named(memory, "memory", "s")
    longest = np.maximum(compute, memory)
    if plan.single is not None:
        longest = plan.single.busy(longest, compute, memory, counts.passes[:, None, :])
        overhead = plan.single.launches(overhead, longest, rows_of(counts))
    _, prompt, _ = counts.workload.flat()
    for p, rows in product([p for p, phase in enumerate(counts.phases) if phase.grows], plan.attention):
        of_cache = plan.streamed.per_bit if plan.streamed and plan.streamed.cache else plan.per_bit[plan.main]
        grows = activity.kv_read_bits[p, rows] * of_cache[rows]
        fixed = memory[p, rows] - grows
        if holds_everywhere(compute[p, rows] <= grows):  # no step waits for arithmetic: the same bits, sooner
            longest[p, rows] = grows + fixed
        else:
            phase, start, window = counts.phases[p], prompt, None if plan.window is None else plan.window[rows]
            if phase.ahead or np.any(phase.advance != 1.0):
                start = (prompt + phase.ahead) / phase.advance
                window = None if window is None else (window + phase.reach) / phase.advance
            longest[p, rows] = sum_of_maxima(compute[p, rows], grows, fixed, start, counts.passes[p], window)
    shared = steps_shared(counts, plan.runtime)
    if shared is not None:
        longest = np.stack(riding(longest, compute, memory, shared, counts.operators))
    others = 0.0 if routed is None else longest * (1 - 1 / routed.weights)  # seconds that they rest for the fullest
    if routed is not None and plan.sorting is not None:
        longest = longest + sorted_seconds(counts, plan.sorting, routed.tokens)
        longest = longest + routed.laid_out * plan.per_bit[plan.main]
    counts.named(longest, "busy", "s")
    link = np.zeros(compute.shape)
    if share is not None and hardware.interconnect is not None:
        link = link_seconds(hardware.interconnect, share.sent_bits, share.exchanges)
    if plan.host is not None:
        host = _host(plan.runtime, counts)
        if plan.runtime.overlapped:
            host = host_wait(host, ordered_sum(longest + overhead + link, 1))
        overhead[:, plan.host] += host
    waits = np.zeros(compute.shape)
    if hardware.power is not None and hardware.power.active is not None:
        moved = near * plan.busy_memory + stream  # a kernel that is stalled by its link draws the floor alone
        waits = waiting(longest - others, needed * plan.busy_compute, moved)
        if plan.waits is not None:
            drawn = (longest - others) * plan.waits
            if rewidened is not None:  # beyond once, which is priced as work
                drawn = drawn + rewidened
            waits = np.where(plan.waits >= 0, drawn, waits)
        if idle is not None:
            waits = waits / idle
    longest = longest + counts.named(overhead, "launches", "s")
    if share is not None:
        longest = longest + counts.named(link, "link", "s")
    stretch = np.ones((len(counts.phases), counts.points))
    return Timing(longest, compute, memory, overhead, link, waits, stretch, counts.phases, stream)


def steps_shared(counts: OpCounts, runtime: RuntimeProfile) -> Array | None:
    """Share of a server's steps that carry prompts, too; None where prompts run alone.  [n]"""
    batch, _, generate = counts.workload.flat()
    if not (
        runtime.prompts_inside and counts.workload.staggered and [p.prompts for p in counts.phases] == [True, False]
    ):
        return None
    return shared_steps(batch / generate)


def riding(
    longest: Array, compute: Array, memory: Array, shared: Array, ops: tuple[Operator, ...]
) -> tuple[Array, Array]:
    """Seconds of operators that prompts add to steps, and of steps without them, where a share of these is ``shared``.

    A product of both reads its weights once: what it waits for is the longer of the sums of both, not the sum of what
    each waits for. Attention and recurrences of prompts are kernels of their own. Each [op, n].
    """
    weighted = np.array([op.has("mac") and op.has("weights") for op in ops])[:, None]
    both = np.maximum(shared * compute[1] + compute[0], shared * memory[1] + memory[0])
    return np.where(weighted, both - shared * longest[1], longest[0]), longest[1]


def link_seconds(link: Interconnect, sent_bits: Array | float, exchanges: Array | float) -> Any:
    """Seconds that devices wait for what each of them sends in some collectives."""
    reached = 1.0 if link.reached is None else link.reached.value
    short = reached if link.short is None else link.short.value
    bandwidth = link.bandwidth.value
    return collective_seconds(
        sent_bits, exchanges, 0.0 if link.latency is None else link.latency.value, bandwidth * short,
        0.0 if link.start is None else link.start.value, bandwidth * reached,
    )  # fmt: skip


def _host(runtime: RuntimeProfile, counts: OpCounts) -> Array:
    """Seconds in which the host prepares the passes of each phase.  [phase, n]"""
    batch, _, _ = counts.workload.flat()
    fixed = runtime.per_pass.value if runtime.per_pass else 0.0
    each = host_seconds(fixed, runtime.per_sequence.value if runtime.per_sequence else 0.0, batch)
    if runtime.per_prefill is None:
        return each * counts.passes
    prompts = np.array([float(phase.prompts) for phase in counts.phases])[:, None]
    return each * counts.passes + prompts * runtime.per_prefill.value
