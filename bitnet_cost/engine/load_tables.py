"""What steps and prompts take under load, as tables over batches: the engine's own, of many loads at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from bitnet_cost.engine.estimate import Prepared, evaluate, measure, prepare
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.exchange import exchange_seconds
from bitnet_cost.formulas.sums import ordered_sum, sum_in_order
from bitnet_cost.inputs.facility import overhead_in
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import LIMITS, Workload
from bitnet_cost.ledger.contract import PARTS, contract
from bitnet_cost.ledger.result import Result
from bitnet_cost.ledger.steady import Pace, Prefill
from bitnet_cost.told import Array

EACH = 256  # up to this many sequences every batch is evaluated, beyond it one in some 2 %
TRIED = 64  # batches that are tried at once
PROMPTED = 16  # batches at which what a prompt adds to a step is evaluated: it is nearly a line
Steps = Callable[[Scenario], Array]  # seconds of decode phases, and their energy at three bounds  [1 + bound, n]


def ranks_of(asked: Scenario) -> int:
    """Devices of a copy that have sequences of their own.

    They step together, for they share experts: one without a sequence runs along on an empty one, as vLLM's do (Data
    Parallel Deployment, its documentation of 0.9), and requests are spread evenly.
    """
    return asked.devices if asked.parallel == "data" else 1


def places_of(asked: Scenario, loads: Sequence[Load]) -> list[int]:
    """Most sequences of a step for each load: those that fit, at most those asked for; 0: not even one.

    Raises:
        BitnetCostError: fewer than there are devices with sequences of their own.
    """
    ranks = ranks_of(asked)
    fewer = next((load.max_batch for load in loads if load.max_batch is not None and load.max_batch < ranks), None)
    if fewer is not None:
        raise BitnetCostError(f"max-batch: {fewer} is fewer than the {ranks} devices that have sequences of their own")
    most = [1 + (LIMITS["batch"] if load.max_batch is None else load.max_batch) // ranks for load in loads]
    low, high = np.zeros(len(loads)), np.array(most, dtype=np.float64)
    while bool((high - low > 1).any()):  # some dozens at once: a search by halves would take a run for each
        share = np.linspace(0, 1, TRIED + 1)[1:, None]  # of all that are not known yet, the highest among them
        tried = np.clip(np.round(low + share * (high - low)), np.maximum(low, 1), np.maximum(high - 1, 1))
        work = held_by(asked, loads, list(tried.T * ranks))
        fits = np.asarray(measure(asked.but(workload=work)).fits).reshape(tried.T.shape).T
        inside, outside = np.where(fits & (tried < high), tried, 0.0), np.where(fits, np.inf, tried)
        low, high = np.maximum(low, inside.max(0)), np.minimum(high, outside.min(0))
    return [int(each) * ranks for each in low]


def held(asked: Scenario, load: Load, batch: Array | int) -> Workload:
    """Decode steps at some batches, and what is resident in them: with pages half the answers, else all is reserved.

    A step meets a long answer more often than a short one: those there are (1 + cv2) times as long as the mean.
    """
    return _work(asked, (batch, *_lengths(load)), _paged(asked, load))


def held_by(asked: Scenario, loads: Sequence[Load], batches: Sequence[Array]) -> Workload:
    """The same of several loads, one after the other, each at batches of its own."""
    lengths = np.repeat(np.array([_lengths(load) for load in loads]), [len(batch) for batch in batches], axis=0)
    return _work(asked, (np.concatenate(batches), *lengths.T), _paged(asked, loads[0]))


def _lengths(load: Load) -> tuple[int, float]:
    """Tokens of a prompt, and tokens generated over which steps are averaged."""
    return (load.prompt if load.static_cache is None else load.static_cache - 1), 1 + steps_in(load)


def _paged(asked: Scenario, load: Load) -> bool:
    """Whether memory is taken as answers grow."""
    return load.static_cache is None and asked.runtime is not None and asked.runtime.paged


def steps_in(load: Load) -> float:
    """Steps of the answers that a step meets, over which what it takes is averaged."""
    return 1.0 if load.static_cache is not None else max(load.steps, 1) * (1 + load.cv2)


def _work(asked: Scenario, numbers: tuple[Array | float, ...], paged: bool = False) -> Workload:
    """Work of some batches, prompts and generated tokens, which need not be whole."""
    batches, prompts, tokens = (
        np.atleast_1d(np.array(each, dtype=np.float64)) for each in np.broadcast_arrays(*numbers)
    )
    shape = np.ones(len(batches), dtype=np.int64) if any(np.ndim(each) for each in numbers) else 1
    return Workload(shape, staggered=paged).for_kind(asked.model.kind).with_numbers(batches, prompts, tokens)


def decode_steps(asked: Scenario) -> Array:
    """Seconds and energy of decode phases, by the engine.  [1 + bound, n]

    Raises:
        MissingPrice, UnsupportedScope: see `evaluate`.
    """
    return of_decode(evaluate(asked, prepared=prepare(asked, lean=True)))


def of_decode(result: Result) -> Array:
    """Seconds of the decode phase of a result, and its energy.  [1 + bound, n]"""
    if result.timing is None or result.ledger is None:
        raise BitnetCostError(f"load: {result.reason}")
    at = [phase.name for phase in result.counts.phases].index("decode")
    energy = sum_in_order(list(contract(result.ledger, "phase", result.scope).values()))
    return np.concatenate((result.timing.of_phase("decode")[None], energy[:, at]))


def paces(asked: Scenario, loads: Sequence[Load], places: Sequence[int], steps: Steps = decode_steps) -> list[Pace]:
    """What steps and prompts of each load take with up to its ``places`` sequences.

    Raises:
        MissingPrice, UnsupportedScope: see `evaluate`.
    """
    runtime = asked.runtime
    tables = [_batches(runtime, each, ranks_of(asked)) for each in places]
    sizes = [size for _, size in tables]
    taken = _split(steps(asked.but(workload=held_by(asked, loads, sizes))), sizes)
    every = prepare(asked)  # operator by operator, none may be folded into others
    alone = ordered_sum(_prompt(asked, loads, every, [np.zeros(1)] * len(loads)), 1)
    inside = runtime is not None and runtime.prompts_inside
    shared = _inside(asked, loads, sizes, every) if inside and loads[0].generate > 1 else [
        alone[:, [i]] * np.ones_like(size) for i, size in enumerate(sizes)
    ]  # fmt: skip
    waiting, ranks, found = _waiting(asked), ranks_of(asked), []
    for i, load in enumerate(loads):
        step, prompt, lone = taken[i] / steps_in(load), shared[i] / ranks, float(alone[0, i])
        resting = waiting * (lone * (1 - 1 / ranks))  # of the ranks that run along
        pace = Pace(
            load, inside, places[i], tables[i][0], step[0], step[1:], prompt[0], prompt[1:], lone,
            alone[1:, i] / ranks + resting, waiting,
        )  # fmt: skip
        found.append(pace if load.prefill_devices is None else _apart(asked, load, pace))
    return found


def _split(rows: Array, parts: Sequence[Array]) -> list[Array]:
    """Rows of all loads by load.  [row, k] each"""
    return np.split(rows, np.cumsum([len(part) for part in parts])[:-1], axis=-1)


def _batches(runtime: RuntimeProfile | None, places: int, ranks: int = 1) -> tuple[Array, Array]:
    """Mean batches, and the batch that runs at each: [k], [k].

    Where batches are filled up to given sizes, the mean over batches that run as one size is in their middle; the
    smallest and the largest batch are what they are. With fewer sequences than ``ranks`` each of these has one.
    """
    if ranks > 1:
        means, sizes = _batches(runtime, places // ranks)
        return np.append(1.0, means * ranks), np.append(ranks, sizes * ranks)
    given = [size for size in (runtime.batch_sizes if runtime else ()) if size < places]
    if given:
        sizes = np.array([*given, places], dtype=np.float64)
        middles = (sizes + np.concatenate(([0.0], sizes[:-1])) + 1) / 2
        return (middles, sizes) if middles[-1] == places else (np.append(middles, places), np.append(sizes, places))
    whole = np.arange(1.0, min(places, EACH) + 1)
    if places > EACH:
        whole = np.unique(np.append(whole, np.round(np.geomspace(EACH, places, 2 + int(50 * np.log(places / EACH))))))
    return whole, whole


def _prompt(asked: Scenario, loads: Sequence[Load], ready: Prepared, others: Sequence[Array]) -> Array:
    """Seconds and energy of a prompt of each load by operator, in one pass with tokens of others.  [1 + bound, op, n]

    Of several ranks each has a prompt: those of all of them.

    Products run on all tokens together, attention on those of the prompt; of one that is cached in part, what is left
    to work on attends to all of it: what the whole takes less what the cached part took.
    """
    ranks = ranks_of(asked)

    def taken(tokens: Array) -> Array:
        every = evaluate(asked.but(workload=_work(asked, (ranks, tokens, 1.0))), prepared=ready)
        return _by_operator(every, "prefill")

    fresh = np.array([float(load.prompt - load.cached) for load in loads])
    attends = taken(fresh)
    if loads[0].cached:
        cached = np.array([float(load.cached) for load in loads])
        attends = np.maximum(attends, taken(fresh + cached) - taken(cached))
    apart = np.array([op.group == "attention" for op in ready.ops])[:, None]
    of = np.repeat(np.arange(len(loads)), [len(each) for each in others])
    return np.where(apart, attends[:, :, of], taken(fresh[of] + np.concatenate(others) / ranks))


def _inside(asked: Scenario, loads: Sequence[Load], sizes: Sequence[Array], ready: Prepared) -> list[Array]:
    """What a prompt of each load adds to a step that it shares: weights are read once for both.  [1 + bound, k] each"""
    ranks = ranks_of(asked)
    few = [
        np.unique(np.round(np.geomspace(1, size[-1] / ranks, PROMPTED))).astype(np.float64) * ranks for size in sizes
    ]
    steps = evaluate(asked.but(workload=held_by(asked, loads, few)), prepared=ready)
    each = np.repeat([float(steps_in(load)) for load in loads], [len(batches) for batches in few])
    both, own = _prompt(asked, loads, ready, few), _by_operator(steps, "decode") / each
    groups = np.array([op.group for op in ready.ops])[:, None]
    # A step has read the head's weights already; its attention and the prompt's are kernels of their own.
    added = np.where(groups == "attention", both, np.where(groups == "head", 0.0, both - own))
    found = []
    for batches, size, rows in zip(few, sizes, _split(np.maximum(ordered_sum(added, 1), 0.0), few), strict=True):
        # A batch of sequences may fit where a prompt of as many tokens does not: beyond, as at the largest that fits.
        fits = np.isfinite(rows).all(0) | (batches == ranks)
        found.append(np.stack([np.interp(size, batches[fits], row[fits]) for row in rows]))
    return found


def _apart(asked: Scenario, load: Load, pace: Pace) -> Pace:
    """The pace where other devices take prompts in, and hand their cache over the link.

    Raises:
        BitnetCostError: a number of them that cannot share the model as those do that decode; no link.
    """
    devices, link = load.prefill_devices or 0, asked.hardware.interconnect
    if devices % asked.devices or link is None:
        why = (
            f"is no multiple of the {asked.devices} that share a copy" if link else "would need a link between devices"
        )
        raise BitnetCostError(f"prefill-devices: {devices} {why}")
    cache = float(measure(asked.but(workload=Workload(1, load.prompt, 1))).footprint.kv_bits[0])
    moved = exchange_seconds(cache, link.bandwidth.value, 1.0, link.latency.value if link.latency else None)
    scope = asked.scope or asked.hardware.default_scope
    energy = [] if PARTS[scope] < 3 else [getattr(link.energy, end) * cache for end in ("low", "value", "high")]
    alone = pace.alone_j + np.array(energy or [0.0] * 3)
    prefill = Prefill(devices // asked.devices, pace.alone_s, float(moved), pace.waiting_w * (devices / asked.devices))
    none = np.zeros_like(pace.prompt_s)
    return replace(pace, prompt_s=none, prompt_j=alone[:, None] + none, alone_s=0.0, alone_j=alone, prefill=prefill)


def _by_operator(result: Result, name: str) -> Array:
    """Seconds and energy of each operator in a phase.  [1 + bound, op, n]"""
    at = [phase.name for phase in result.counts.phases].index(name)
    if result.timing is None:
        raise BitnetCostError(f"load: {result.reason}")
    return np.concatenate((result.timing.seconds[at, None], result.by_operator[:, at]))


def _waiting(asked: Scenario) -> Array:
    """Power of all devices while nothing runs, clocks up, in scopes that hold power.  [bound]  [W]"""
    scope = asked.scope or asked.hardware.default_scope
    if scope not in ("device", "facility"):
        return np.zeros(3)
    figure = asked.hardware.device_power.resting
    found = np.array([figure.low, figure.value, figure.high])
    server = asked.hardware.price("server.power") if scope == "facility" else None
    if server is not None:
        found = found + np.array(server) * asked.hardware.of_server
    watts: Array = found * (asked.devices * overhead_in(scope, asked.facility, asked.hardware.host))
    return watts
