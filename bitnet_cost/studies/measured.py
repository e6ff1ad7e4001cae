"""Hold measured rows against the model: one vectorised evaluation per model, device, runtime and precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from typing import Literal

import numpy as np

from bitnet_cost.engine.clocks import room_of
from bitnet_cost.engine.estimate import check_devices, measure, priced
from bitnet_cost.engine.timing import link_seconds
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.ages import fresh_share, lasting_turns, mean_age
from bitnet_cost.formulas.exchange import all_reduce_factor
from bitnet_cost.formulas.meters import shown_power
from bitnet_cost.formulas.queueing import after_first
from bitnet_cost.inputs.calibration import Constants, CounterConstants
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.measurement import LoadMeasurement, Measurement, SystemMeasurement, Task, TrainingMeasurement
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.counted import Timing
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog, machines, measured
from bitnet_cost.readers.size import all_reduced_bytes
from bitnet_cost.words import Logits, Parallel

Quantity = Literal[
    "seconds",
    "energy_j_per_token",
    "power_w",
    "memory_gb",
    "energy_j",
    "tpot_s",
    "ttft_s",
    "mean_batch",
    "tokens_per_s",
]
PER_PLACE = 1.5  # requests for each place of a server, for which a benchmark repeats those of a task
DEVICES_OF_A_NODE = 8
FEWEST_NEW = 0.01  # of the prompts that a server works on, those that it did not work on before
ALONE = ("product", "linear")  # phases that are no phase of a model
LARGE = 2.5e11  # MACs of a product whose operands pass no cache unnoticed, and that fills a GPU
QUANTITIES: tuple[Quantity, ...] = ("seconds", "energy_j_per_token", "power_w", "memory_gb")


@dataclass(frozen=True, slots=True)
class Point:
    """One measured quantity of a row beside the modelled one."""

    row: Measurement | TrainingMeasurement | LoadMeasurement | SystemMeasurement
    quantity: Quantity
    measured: float
    modelled: float
    left_out: str = ""  # why it is shown and not scored
    calibrated: bool = False  # a row that constants were taken from

    @property
    def error(self) -> float:
        """Modelled over measured, less 1."""
        return self.modelled / self.measured - 1

    @property
    def scored(self) -> bool:
        """Whether the point counts: neither left out nor used for a constant."""
        return not self.left_out and not self.calibrated


# Model, hardware, devices, runtime, precision, of a server, logits, how devices share the model.
Group = tuple[str, str, int, str, str, bool, Logits, Parallel]


def grouped(rows: Iterable[Measurement]) -> dict[Group, list[Measurement]]:
    """Rows that one evaluation answers."""
    groups: dict[Group, list[Measurement]] = {}
    for row in rows:
        served = row.phase == "serving"
        key = (row.model, row.hardware, row.devices, row.runtime, row.precision, served, row.logits, row.parallel)
        groups.setdefault(key, []).append(row)
    return groups


def workload_of(
    rows: Sequence[Measurement], prompts: Mapping[str, int] | None = None, found: Sequence[float] | None = None
) -> Workload:
    """The workloads of rows, as arrays.

    Args:
        rows: those of one group.
        prompts: mean prompt tokens of tasks whose rows give none, before those of the sources; the solved ones if left
            out.
        found: of each row the share of repeated prompts that its server finds in its cache, see `lengths_of`.
    """
    tasks = measured.sources().tasks
    shares = found or [0.0] * len(rows)
    known = [tasks.get(row.task) for row in rows]
    kept = any(task and task.turns > 1 for task in known) and not catalog.model(rows[0].model).recurrent
    each = [lengths_of(row, task, share, kept) for row, task, share in zip(rows, known, shares, strict=True)]
    lengths, ages = zip(*each, strict=True)
    return Workload(
        np.array([row.batch for row in rows]),
        np.array(_prompts_of(rows, prompts)),
        np.array(lengths),
        logits=rows[0].logits,
        staggered=any(row.phase == "serving" for row in rows),
        age=np.array(ages),
    )


def _prompts_of(rows: Sequence[Measurement], prompts: Mapping[str, int] | None) -> list[int]:
    """Mean prompt tokens of rows."""
    assumed = {name: task.prompt for name, task in measured.sources().tasks.items()}
    known = assumed | dict(catalog.constants().prompts if prompts is None else prompts)
    return [row.prompt if row.prompt is not None else known[row.task] for row in rows]


def lengths_of(row: Measurement, task: Task | None, found: float = 0.0, kept: bool = False) -> tuple[int, float]:
    """Tokens that a server generates for each prompt that it works on while a row is measured, and their `age`.

    A benchmark that sends all of its requests at once measures while others are in line: long sequences that began
    early still run, short ones have made room for further prompts. Of the prompts that come again a server has a share
    ``found`` in its cache, and does not work on them, nor on what a conversation had before where prompts are ``kept``.
    """
    if task is None or task.requests is None:
        return row.generate, 1.0
    requests = _sent(row, task)
    turns = float(lasting_turns(requests, row.batch, task.variation))
    again = 1 - max(task.requests - row.batch, 0) / (requests - row.batch)
    new = (1 - found * again) * (fresh_share(task.turns) if kept else 1.0)
    each = row.generate * turns / (requests / row.batch - 1) / max(new, FEWEST_NEW)
    return round(each), float(mean_age(turns, task.variation)) * row.generate / each


def _sent(row: Measurement, task: Task) -> int:
    """Requests that a server got at once, prompts of a task again and again."""
    assert task.requests is not None  # asked of such tasks
    return row.requests or task.requests * ceil(PER_PLACE * row.batch / task.requests)


def found_again(asked: Scenario, rows: Sequence[Measurement]) -> list[float]:
    """Of each row the share of prompts that come again which the devices have in their cache.

    It has room for that part of all prompts of the task with their answers, blocks being freed in turn; none where
    layers are recurrent, whose states say nothing of a prefix (vLLM 0.11, Automatic Prefix Caching).
    """
    tasks = measured.sources().tasks
    known = [task.requests if (task := tasks.get(row.task)) and task.requests else 0 for row in rows]
    if not any(known) or asked.model.recurrent:
        return [0.0] * len(rows)
    generate = np.array([row.generate for row in rows])
    everything = measure(asked.but(workload=Workload(np.maximum(known, 1), asked.workload.prompt, generate)))
    if everything.capacity_bits is None:
        return [0.0] * len(rows)
    room = everything.capacity_bits * asked.devices - everything.footprint.total_weight_bits
    share = np.clip(room / everything.footprint.kv_bits, 0.0, 1.0) * (np.array(known) > 0)
    return [float(each) for each in share]


def calibration_ids(rows: Iterable[Measurement | TrainingMeasurement]) -> frozenset[str]:
    """Rows that constants may be taken from, by a rule that knows nothing of their values.

    Of every source, device, runtime and precision a fifth, at least two: the lowest SHA-256 of the row ids, one phase
    after the other. A single row is left to scoring.
    """
    strata: dict[tuple[str, str, str, str], list[Measurement | TrainingMeasurement]] = {}
    for row in rows:
        if not row.left_out:
            strata.setdefault((row.source, row.hardware, row.runtime, row.precision), []).append(row)
    found: set[str] = set()
    for members in strata.values():
        wanted = max(2, round(len(members) / 5)) if len(members) > 2 else len(members) - 1
        by_phase: dict[str, list[Measurement | TrainingMeasurement]] = {}
        for row in sorted(members, key=lambda r: sha256(r.id.encode()).hexdigest()):
            by_phase.setdefault(row.phase, []).append(row)
        queues = [by_phase[phase] for phase in sorted(by_phase)]
        while wanted > 0 and any(queues):
            for queue in queues:
                if queue and wanted > 0:
                    found.add(queue.pop(0).id)
                    wanted -= 1
    return frozenset(found)


def points(rows: Sequence[Measurement], used: frozenset[str] = frozenset()) -> list[Point]:
    """Every measured quantity of the rows beside the modelled one; ``used`` are ids that constants came from."""
    found: list[Point] = []
    for group, members in grouped(rows).items():
        try:
            answers = modelled(group, members)
        except BitnetCostError as fault:
            reason = str(fault).splitlines()[0]
            answers = [dict.fromkeys(QUANTITIES, float("nan"))] * len(members)
        else:
            reason = "does not fit: the requests queued"
        for row, answer in zip(members, answers, strict=True):
            for quantity in QUANTITIES:
                value = getattr(row, quantity)
                if value is None:
                    continue
                ours = answer[quantity]
                left_out = row.left_out or ("" if np.isfinite(ours) else reason)
                found.append(Point(row, quantity, value, ours, left_out, row.id in used))
    return found


def modelled(group: Group, rows: Sequence[Measurement]) -> list[dict[Quantity, float]]:
    """What the model says of rows of one group, NaN where it says nothing.

    Raises:
        BitnetCostError: an unknown name, a missing price.
    """
    profile, software = machines.setting(catalog.hardware(group[1]), group[3])
    size = all_reduced_bytes(group[0])
    if size is not None:
        return [all_reduced(size, profile, group[2])] * len(rows)
    result = priced(counted(rows, profile, software))
    return list(read(result, rows))


def all_reduced(size: int, hardware: Hardware, devices: int) -> dict[Quantity, float]:
    """Time, energy and power of one all-reduce of ``size`` bytes, as devices that work together wait for it.

    Raises:
        BitnetCostError: devices that nothing joins.
    """
    check_devices(hardware, devices)
    link, floor = hardware.interconnect, hardware.device_power.static.value
    assert link is not None  # checked
    floor += link.power.value if link.power is not None else 0.0
    sent = all_reduce_factor(devices) * size * 8
    seconds = float(link_seconds(link, sent, 1.0))
    energy = devices * (sent * link.energy.value + floor * seconds)
    return {
        "seconds": seconds, "energy_j_per_token": energy, "power_w": energy / seconds, "memory_gb": float("nan"),
    }  # fmt: skip


def counted(
    rows: Sequence[Measurement],
    hardware: Hardware,
    runtime: RuntimeProfile | None,
    prompts: Mapping[str, int] | None = None,
) -> Result:
    """Counts and memory of rows of one group on a device, without time and energy; ``prompts`` as in `workload_of`."""
    asked = Scenario(
        model=catalog.model(_taking_turns(rows[0])), precision=precision_of(rows[0]), hardware=hardware,
        runtime=runtime, workload=workload_of(rows, prompts), devices=rows[0].devices,
        parallel=rows[0].parallel,
    )  # fmt: skip
    found = found_again(asked, rows)
    return measure(asked.but(workload=workload_of(rows, prompts, found)) if any(found) else asked)


def precision_of(row: Measurement) -> Precision:
    """The precision of a row, with scales where its source's weights have them.

    >>> [precision_of(row).name for row in measured.rows() if row.id in ("mlenergy_v3-0027", "mlenergy_v3-0050")]
    ['fp8-block', 'bf16']
    """
    known = measured.sources().sources.get(row.source)
    found = catalog.precision(row.precision)
    named = known.scales.get(row.model) if known is not None else None
    if named is None:
        return found
    apart = catalog.precision(named)
    weights, kept = apart.linear.weights, found.linear.weights
    return apart if (weights.bits, weights.code) == (kept.bits, kept.code) else found


def _taking_turns(row: Measurement) -> str:
    """The model of a row; of a product alone with the copies of its weights that its source takes turns with."""
    known = measured.sources().sources.get(row.source)
    copies = known.copies.get(row.runtime, {}).get(row.precision, 1) if known is not None else 1
    return row.model if copies == 1 else f"{row.model}x{copies}"


def memory_of(result: Result, i: int, source: str, counter: CounterConstants) -> float:
    """Memory of all devices as a source's counter shows it, in its unit."""
    held, known = result.footprint, measured.sources().sources.get(source)
    bits = held.total_weight_bits + float(held.kv_bits[i]) * counter.cache
    if known is None or known.holds == "peak":
        bits += float(held.activation_bits[i]) * result.devices
    giga = 2**30 if known is not None and known.giga == "GiB" else 1e9
    return bits / 8 / giga + counter.context_gb * result.devices


def read(
    result: Result, rows: Sequence[Measurement], counters: Constants | None = None
) -> Iterator[dict[Quantity, float]]:
    """The figures of each row from a result over their workloads; ``counters`` are those of memory counters."""
    batch, prompt, generate = result.workload.flat()
    for i, row in enumerate(rows):
        figures: dict[Quantity, float] = dict.fromkeys(QUANTITIES, float("nan"))
        figures["memory_gb"] = memory_of(result, i, row.source, (counters or catalog.constants()).counter(row.source))
        if result.timing is not None:
            time, energy, each = _of_phase(result, result.timing, row, i)
            tokens = {"prefill": prompt[i], "decode": generate[i] - 1}.get(row.phase, generate[i])
            power = power_seen(result, energy, time, row.source) if time else float("nan")
            figures["seconds"] = float(time / each)
            figures["energy_j_per_token"] = float(power * time / (tokens * batch[i]))
            figures["power_w"] = power
            if row.phase in ALONE:
                figures["energy_j_per_token"] = time * _on_meter(
                    result, power_at(result, result.timing, row, i, time), row
                )
                figures["power_w"] = _on_meter(result, power_at(result, result.timing, row, i), row)
        yield figures


def at_the_wall(joules: float, seconds: float, devices: int) -> float:
    """Energy of whole nodes, of devices that take ``joules`` in ``seconds``: with their hosts and power supplies."""
    known = measured.sources()
    return (joules + known.host.value * seconds * devices / DEVICES_OF_A_NODE) / known.supply.value


def power_seen(result: Result, energy: float, seconds: float, source: str) -> float:
    """Mean power over the samples of a source, which may go on while the devices rest again.  [W]"""
    known = measured.sources().sources.get(source)
    after = known.idle_s if known is not None else 0.0
    return (energy + result.devices * result.hardware.device_power.resting.value * after) / (seconds + after)


def _on_meter(result: Result, power: float, row: Measurement) -> float:
    """What the meter of a product's source shows of a power.  [W]"""
    known = measured.sources().sources.get(row.source)
    rested = known.rested_s if known is not None else {}
    seconds = rested.get(row.runtime, {}).get(row.hardware, {}).get(row.precision, {}).get(row.before, 0.0)
    resting = row.before_w or result.hardware.device_power.static.value
    return shown_power(float(power), resting, seconds) if seconds else float(power)


def power_at(result: Result, timing: Timing, row: Measurement, i: int, lasts: float | None = None) -> float:
    """Power of a product alone that takes the time that was measured: what is known apart from its time.  [W]

    ``lasts`` is the time in place of that; where neither is known, that which is modelled.  [s]

    For what it lasts beyond the peaks it draws the floor: repeats of a kernel alone wait for the next launch as well.
    A board at its limit lowers its clocks, and with them what a MAC takes, so that it draws the limit and no more.
    """
    seconds, energy, _ = _of_phase(result, timing, row, i)
    power, (at, steps) = result.hardware.device_power, alone_at(result, row, i)
    taken = lasts or row.seconds or seconds
    energy += power.static.value * (taken - seconds)
    if power.active is not None:
        energy -= power.active.value * float(timing.waiting[at].sum()) / steps
    return float(min(energy / taken, room_of(result.hardware) + power.static.value))


def bare_product(result: Result) -> int | None:
    """Where the operator of a matrix product that is measured alone stands; None in a model of anything else."""
    if not result.architecture.is_product:
        return None
    return next(i for i, op in enumerate(result.counts.operators) if op.role == "linear")


def alone_at(result: Result, row: Measurement, i: int) -> tuple[tuple[int, list[int], int], int]:
    """Where a product, or a linear layer, is in a table of phases, operators and points, and how often it runs."""
    index = bare_product(result)
    assert index is not None  # asked of products alone
    ops = result.counts.operators
    found = [j for j, op in enumerate(ops) if row.phase == "linear" and op.traits.kernel == "quantise"]
    steps = ops[index].repeat * max(1, row.generate - 1)
    return (result.counts.row_of("decode" if row.generate > 1 else "prefill"), [index, *found], i), steps


def is_large(row: Measurement) -> bool:
    """Whether a product alone has many multiply-accumulates, for all its tokens."""
    model = catalog.model(row.model)
    (product,) = (layer.product for layer in model.layers)
    assert product is not None  # asked of products alone
    return float(model.hidden_size * product.outputs) * row.batch * (row.prompt or 1) >= LARGE


def is_burst(row: Measurement) -> bool:
    """Whether a product ran too shortly for the limit of its board's power to take hold."""
    known = measured.sources().sources.get(row.source)
    return known is not None and known.bursts and row.power_w is None


def _of_phase(result: Result, timing: Timing, row: Measurement, i: int) -> tuple[float, float, float]:
    """Time and energy of what a row measured, and how many steps of it its seconds are one of."""
    if row.phase in ALONE and bare_product(result) is not None:
        at, steps = alone_at(result, row, i)
        longer = float(timing.stretch[at[0], i]) if is_burst(row) else 1.0
        return float(timing.seconds[at].sum()) / steps / longer, float(result.by_operator[1][at].sum()) / steps, 1.0
    seconds, joules = timing.by_phase, result.by_operator[1].sum(1)
    if row.phase in ("prefill", "decode"):
        phase = result.counts.row_of(row.phase)
        each = 1.0 if row.phase == "prefill" else float(row.generate - 1)
        return float(seconds[phase, i]), float(joules[phase, i]), each
    whole, energy = float(seconds[:, i].sum()), float(joules[:, i].sum())
    if row.phase != "serving":
        return whole, energy, 1.0
    batch, _, generate = result.workload.flat()
    known = measured.sources().sources.get(row.source)  # none of a user's own rows
    if known is None or not known.after_first:
        return whole, energy, float(generate[i])
    prompts = float(seconds[result.counts.row_of("prefill"), i])
    return whole, energy, whole / float(after_first(prompts, whole - prompts, batch[i], generate[i]))
