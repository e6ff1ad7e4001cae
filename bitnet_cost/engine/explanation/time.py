"""Time of a phase, worked out operator by operator: rates, bandwidths, launches, the host, links, the power cap.

See `engine.timing`, `engine.parallel`, and `engine.estimate` for how the floor of power is shared out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bitnet_cost.engine.activity import product_format
from bitnet_cost.engine.explanation.actions import cached, hops, macs, run, runs, tables
from bitnet_cost.engine.explanation.bases import generated_pairs, sequence
from bitnet_cost.engine.explanation.case import Case
from bitnet_cost.engine.explanation.work import Part, ceiling, floored, larger, less, product, smaller, total
from bitnet_cost.engine.timing import REACHED_BANDWIDTH, REACHED_RATE, UNLIMITED, kernel_class, launches_of, window_of
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.runtime import Kernel, RuntimeProfile
from bitnet_cost.result import Operator, Timing

FORMULA = (
    "time of an operator = max(MAC / rate, bits / bandwidth) + launches + link; decode sums the max of each step",
    "time of a phase = sum over operators and the host, stretched to dynamic energy / (cap - floor) where that is more",
    "what passes between operators stays in the last on-chip level where one layer's tensors fit it",
)


class Spent(NamedTuple):
    """Seconds of one operator in a phase of a turn."""

    busy: float  # the larger of arithmetic and memory
    launches: float  # and, of the first operator, the host
    link: float
    waiting: float  # of busy, beyond what the peaks need

    @property
    def whole(self) -> float:
        """Before the power cap."""
        return self.busy + self.launches + self.link


@dataclass
class Phases:
    """Both phases of a case, each worked through once."""

    case: Case

    def __post_init__(self) -> None:
        self._spent: dict[int, dict[int, Spent]] = {}
        self._factors: dict[int, tuple[float, float]] = {}

    @property
    def timing(self) -> Timing:
        """What the table holds."""
        assert self.case.result.timing is not None
        return self.case.result.timing

    def spent(self, p: int) -> dict[int, Spent]:
        """Seconds of each operator that takes any, in one turn, before the cap."""
        if p not in self._spent:
            self._spent[p] = _with_host(self.case, p, {i: _operator(self.case, p, i) for _, i in _rows(self.case, p)})
        return self._spent[p]

    def factors(self, p: int) -> tuple[float, float]:
        """How much the power cap stretches a phase, and how many turns it waits for."""
        if p not in self._factors:
            self._factors[p] = (_stretch(self.case, p, self.spent(p)), _wait(self.case, p))
        return self._factors[p]

    def seconds(self, p: int, i: int) -> float:
        """Seconds of one operator, all turns and the cap included."""
        spent, (stretch, wait) = self.spent(p), self.factors(p)
        if i not in spent:
            return 0.0
        one = spent[i]
        parts = total([x for x in (one.busy, one.launches, one.link) if x])
        factors = [f for f in (stretch, wait) if f != 1]
        wanted = float(self.timing.seconds[p, i, 0])
        return self.case.work.line(self.case.name(p, i), "s", product(parts, *factors), wanted)

    def phase(self, p: int, name: str) -> float:
        """Seconds of a phase."""
        parts = [self.seconds(p, i) for i in self.spent(p)]
        return self.case.work.step(name, "s", total(parts), float(self.timing.by_phase[p, 0]))

    def gap(self, p: int, i: int) -> float:
        """Seconds between kernels: launches and the host, as far as the operator takes that long."""
        spent, wait = self.spent(p), self.factors(p)[1]
        if i not in spent or not spent[i].launches:
            return 0.0
        launches = product(spent[i].launches, wait) if wait != 1 else total([spent[i].launches])
        wanted = float(np.minimum(self.timing.overhead, self.timing.seconds)[p, i, 0])
        name = f"{self.case.name(p, i)}, between kernels"
        return self.case.work.line(name, "s", smaller(launches, self.seconds(p, i)), wanted)


def _rows(case: Case, p: int) -> list[tuple[int, int]]:
    """Operators that take time."""
    assert case.result.timing is not None
    return [(p, i) for i in range(len(case.counts.operators)) if case.result.timing.seconds[p, i, 0]]


def _operator(case: Case, p: int, i: int) -> Spent:
    arithmetic, memory = _arithmetic(case, p, i), _memory(case, p, i)
    busy = larger(arithmetic, memory).value
    name = case.name(p, i)
    if p and case.counts.operators[i].group == "attention" and arithmetic and memory:
        busy = _sum_of_maxima(case, p, i, arithmetic, memory)
    elif arithmetic and memory:
        busy = case.work.step(f"{name}, busy", "s", larger(arithmetic, memory))
    return Spent(busy, _launches(case, p, i), _link(case, p, i), _waiting(case, p, i, arithmetic, memory, busy))


def _kernel(case: Case, op: Operator) -> tuple[str, Kernel] | None:
    """The runtime's entry for an operator, and its name."""
    runtime = _runtime(case)
    kind = kernel_class(op, case.result.precision)
    return None if kind is None else _named(runtime, runtime.kernel(kind))


def _named(runtime: RuntimeProfile, kernel: Kernel) -> tuple[str, Kernel]:
    return next(str(name) for name, found in runtime.kernels.items() if found is kernel), kernel


def _runtime(case: Case) -> RuntimeProfile:
    assert case.result.runtime is not None
    return case.result.runtime


def _of_kernel(case: Case, entry: tuple[str, Kernel] | None, field: str) -> float | None:
    """A figure of a kernel, which becomes a constant of the explanation; None where it has none."""
    figure = getattr(entry[1], field) if entry else None
    if entry is None or figure is None:
        return None
    return case.work.figure(f"runtime.kernels.{entry[0]}.{field}", figure, _runtime(case).sources)


def _of_device(case: Case, place: str) -> float:
    """A figure of the device, which becomes a constant of the explanation."""
    part: object = case.result.hardware
    for key in place.split("."):
        part = part[key] if isinstance(part, dict) else getattr(part, key)
    return case.work.figure(f"device.{place}", part, case.result.hardware.sources)  # type: ignore[arg-type]


def _arithmetic(case: Case, p: int, i: int) -> float:
    """Seconds of an operator's products at the rate that they reach."""
    op, result = case.counts.operators[i], case.result
    entry, form = _kernel(case, op), product_format(op, result.precision)
    runs_as = result.hardware.executed(form) if form else None
    if entry is None or runs_as is None or not case.counts["mac"][p, i, 0]:
        return 0.0
    share = _of_kernel(case, entry, "compute")
    peak = product(_of_device(case, f"rates.{runs_as}"), over=[2.0])
    reached = product(peak, share) if share is not None else peak
    rate = case.work.step(f"{case.label}rate of {runs_as} in {entry[0]} kernels", "MAC/s", reached)
    return case.work.step(f"{case.name(p, i)}, arithmetic", "s", product(macs(case, p, i), over=[rate]))


def _bandwidth(case: Case, i: int, level: str) -> float:
    """Bits per second that an operator reaches at a memory level."""
    runtime, op = _runtime(case), case.counts.operators[i]
    entry = _named(runtime, runtime.kernel("attention")) if op.name == "softmax" else _kernel(case, op)
    share = _of_kernel(case, entry, "bandwidth")
    peak = _of_device(case, f"hierarchy.{level}.bandwidth")
    if share is None or entry is None:
        return peak
    return case.work.step(f"{case.label}bandwidth of {level} in {entry[0]} kernels", "bit/s", product(peak, share))


def _memory(case: Case, p: int, i: int) -> float:
    """Seconds that moving an operator's bits takes, level after level."""
    assert case.turn is not None
    parts: list[Part] = []
    for level in case.turn.plan.per_bit:
        bits = [
            run(case, place, table, p, i)
            for place, table in case.turn.activity.movement.items()
            if place.partition(".")[0] == level and table[p, i, 0]
        ]
        if bits:
            parts.append(product(total(bits), over=[_bandwidth(case, i, level)]))
    return case.work.step(f"{case.name(p, i)}, memory", "s", total(parts)) if parts else 0.0


def _sum_of_maxima(case: Case, p: int, i: int, arithmetic: float, memory: float) -> float:
    """Attention's decode: its two lines over the growing context cross at most once; `timing.sum_of_maxima`."""
    assert case.turn is not None
    work, name = case.work, case.name(p, i)
    _, prompt, generate = sequence(case.counts)
    steps = generate - 1
    read = total(cached(case, p, i, "read"))
    growing = product(read, over=[_bandwidth(case, i, case.turn.plan.main)]) if read.value else total([])
    if arithmetic <= growing.value:  # in every step memory takes longer
        return work.step(f"{name}, busy", "s", larger(arithmetic, memory))
    grows = work.line(f"{name}, memory that grows", "s", growing)
    fixed = work.step(f"{name}, memory that stays", "s", less(memory, grows)) if memory != grows else 0.0
    window = window_of(case.counts.operators[i])
    steps_keys = generated_pairs(prompt, less(generate, 1.0), window)
    within = "" if window == UNLIMITED else f" within {window:g}"
    keys = work.step(f"{case.label}keys that one sequence attends to in decode{within}", "1", steps_keys)
    crossing = product(fixed, keys, over=[steps, less(arithmetic, grows)])
    growing_steps = min(max(window - prompt, 0.0), steps)
    alike = steps - growing_steps if crossing.value >= window else 0.0
    until = smaller(growing_steps, larger(0.0, less(floored(crossing), prompt)))
    below = work.step(f"{name}, steps that wait for memory", "1", total([until, alike]) if alike else until)
    their_keys = [generated_pairs(prompt, below - alike), *([product(alike, window)] if alike else [])]
    share = work.step(f"{name}, share of keys in them", "1", product(total(their_keys), over=[keys]))
    parts = [product(grows, share), product(fixed, below, over=[steps]), product(arithmetic, less(1.0, share))]
    return work.step(f"{name}, busy", "s", total(parts))


def _launches(case: Case, p: int, i: int) -> float:
    """Seconds of launches: layers x kernels x seconds of one x passes, and those that write the cache."""
    counts, runtime, op = case.counts, _runtime(case), case.counts.operators[i]
    passes = float(counts.passes[p, 0])
    if not passes or (op.group == "head" and counts.workload.logits == "none"):
        return 0.0
    parts: list[Part] = []
    entry = _kernel(case, op)
    names = {other.name for other in counts.operators}
    if entry and (count := launches_of(op, entry[1], runtime, names)):
        each: list[Part] = [x for x in (_of_kernel(case, entry, "overhead"),) if x is not None]
        walked = _of_kernel(case, entry, "per_input")
        each += [product(walked, float(op.shape[0]))] if walked is not None and op.shape[0] else []
        parts.append(product(float(op.repeat), count, total(each), passes))
    cache = runtime.kernels.get("cache")
    if cache is not None and cache.launches and any(quantity == "kv_write" for quantity, _, _ in op.terms):
        overhead = _of_kernel(case, ("cache", cache), "overhead")
        parts.append(product(float(op.repeat), cache.launches, overhead or 0.0, passes))
    return case.work.step(f"{case.name(p, i)}, launches", "s", total(parts)) if parts else 0.0


def _link(case: Case, p: int, i: int) -> float:
    """Seconds of what passes between devices after an operator."""
    assert case.turn is not None
    share, link = case.turn.share, case.result.hardware.interconnect
    if share is None or link is None or not float(share.sent_bits[p, i, 0] + share.exchanges[p, i, 0]):
        return 0.0
    parts = []
    if share.sent_bits[p, i, 0]:
        bits = run(case, "interconnect.write", share.sent_bits, p, i)
        parts.append(product(bits, over=[_of_device(case, "interconnect.bandwidth")]))
    op, passes = case.counts.operators[i], float(share.counts.passes[p, 0])
    if link.latency is not None and share.exchanges[p, i, 0]:
        sums: list[Part] = [float(op.parts), float(op.repeat)]
        over = []
        if case.result.parallel == "pipeline":
            onward, whole = hops(case)
            sums, over = [*sums, onward], [whole]
        parts.append(product(*sums, passes, _of_device(case, "interconnect.latency"), over=over))
    return case.work.step(f"{case.name(p, i)}, link", "s", total(parts))


def _waiting(case: Case, p: int, i: int, arithmetic: float, memory: float, busy: float) -> float:
    """Seconds beyond what the peaks need, in which a kernel draws power and waits."""
    power = case.result.hardware.power
    if power is None or power.active is None or not busy or case.result.hardware.priced != "actions":
        return 0.0
    op = case.counts.operators[i]
    entry = _kernel(case, op)
    runtime = _runtime(case)
    moving = _named(runtime, runtime.kernel("attention")) if op.name == "softmax" else entry
    needs: list[Part] = []
    if arithmetic:
        share = _of_kernel(case, entry, "compute")
        needs.append(product(arithmetic, 1.0 if share is None else share, over=[REACHED_RATE]))
    if memory:
        share = _of_kernel(case, moving, "bandwidth")
        needs.append(product(memory, 1.0 if share is None else share, over=[REACHED_BANDWIDTH]))
    assert case.result.timing is not None
    needed = larger(*needs) if len(needs) > 1 else total(needs)
    wanted = float(case.result.timing.waiting[p, i, 0])
    if not wanted:
        return 0.0
    return case.work.step(f"{case.name(p, i)}, waiting", "s", larger(0.0, less(busy, needed)), wanted)


def _with_host(case: Case, p: int, spent: dict[int, Spent]) -> dict[int, Spent]:
    """The operators' seconds, the first with those in which the device waits for the host."""
    runtime, work, name = _runtime(case), case.work, f"{case.label}{case.counts.phases[p]} host"
    batch = sequence(case.counts)[0]
    passes = float(case.counts.passes[p, 0])
    each: list[Part] = []
    if runtime.per_pass is not None:
        each.append(work.figure("runtime.per_pass", runtime.per_pass, runtime.sources))
    if runtime.per_sequence is not None:
        each.append(product(work.figure("runtime.per_sequence", runtime.per_sequence, runtime.sources), batch))
    if not each or not passes:
        return spent
    host = work.step(name, "s", product(total(each), passes))
    if runtime.overlapped:
        done = [x for one in spent.values() for x in (one.busy, one.launches, one.link) if x]
        device = work.step(f"{case.label}{case.counts.phases[p]} work of the device", "s", total(done))
        host = work.step(f"{name} beyond it", "s", larger(0.0, less(host, device)))
    first = spent.get(0, Spent(0.0, 0.0, 0.0, 0.0))
    if not host:
        return spent
    launches = first.launches + host
    if first.launches:
        launches = work.step(f"{case.name(p, 0)}, launches and host", "s", total([first.launches, host]))
    return {0: first._replace(launches=launches)} | {i: one for i, one in spent.items() if i}


def _stretch(case: Case, p: int, spent: dict[int, Spent]) -> float:
    """How much the power limit stretches a phase: dynamic energy / (cap - floor) over its seconds, if above 1."""
    assert case.turn is not None
    assert case.result.timing is not None
    hardware = case.result.hardware
    power, name = hardware.power, f"{case.label}{case.counts.phases[p]}"
    if hardware.priced != "actions" or power is None or power.cap is None or not spent:
        return 1.0
    work = case.work
    seconds = work.line(f"{name} before the cap", "s", total([one.whole for one in spent.values()]))
    parts = []
    for action, table in tables(case, 3).items():
        times = runs(case, action, table, lambda phase, _: phase == p, f"{case.counts.phases[p]} ")
        if times:
            parts.append(product(times, nominal(case, hardware, action)))
    if power.active is not None and any(one.waiting for one in spent.values()):
        waited = work.line(f"{name} waiting", "s", total([one.waiting for one in spent.values() if one.waiting]))
        parts.append(product(nominal(case, hardware, "static.waiting"), waited))
    dynamic = work.step(f"{name} dynamic energy", "J", total(parts))
    room = less(_of_device(case, "power.cap"), nominal(case, hardware, "static.power"))
    wanted = float(case.result.timing.stretch[p, 0])
    return work.step(
        f"{name} stretch of the power cap", "1", larger(1.0, product(dynamic, over=[room, seconds])), wanted
    )


def nominal(case: Case, hardware: Hardware, action: str) -> float:
    """The nominal price of an action, which becomes a constant of the explanation.  [J]"""
    case.work.prices[action] = None
    price = hardware.price(action)
    assert price is not None
    return price[1]


def _wait(case: Case, p: int) -> float:
    """Turns that a phase waits for: all micro-batches pass a stage of a pipeline, the largest then the others."""
    assert case.turn is not None
    share, devices = case.turn.share, float(case.result.devices)
    if share is None or float(share.wait[p, 0]) == 1:
        return 1.0
    batch = sequence(case.result.counts)[0]
    largest = ceiling(product(batch, over=[smaller(batch, devices)]))
    turns = less(total([devices, case.turns]), 1.0)
    if largest.value * case.turns != batch:
        turns = total([case.turns, product(less(devices, 1.0), largest, case.turns, over=[batch])])
    name = f"{case.label}{case.counts.phases[p]} turns of the pipeline"
    return case.work.step(name, "1", product(turns, over=[devices]), float(share.wait[p, 0]))
