"""What steps and prompts take under load, as tables over batches: the engine's own, of many loads at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.engine.estimate import Prepared, evaluate, measure, prepare
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.exchange import exchange_seconds
from bitnet_cost.formulas.queueing import EXACT, served_rate
from bitnet_cost.formulas.sums import ordered_sum, sum_in_order
from bitnet_cost.inputs.facility import overhead_in
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import LIMITS, Workload
from bitnet_cost.ledger.contract import PARTS, contract
from bitnet_cost.ledger.result import Result
from bitnet_cost.ledger.steady import Pace, Prefill
from bitnet_cost.told import Array, array, is_told

EACH = 256  # up to this many sequences every batch is evaluated, beyond it one in some 2 %
TRIED = 64  # batches that are tried at once
PROMPTED = 16  # batches at which what a prompt adds to a step is evaluated: it is nearly a line


def ranks_of(asked: Scenario) -> int:
    """Devices of a copy that have sequences of their own.

    They step together, for they share experts: one without a sequence runs along on an empty one, as vLLM's do (Data
    Parallel Deployment, its documentation of 0.9), and requests are spread evenly.
    """
    return asked.devices if asked.parallel == "data" else 1


def places_of(asked: Scenario, loads: Sequence[Load], engine: Engine | None = None) -> list[int]:
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
    fit = (engine or Engine(asked)).fits
    low = np.where(fit(loads, list((high[:, None] - 1) * ranks)), high - 1, low)  # often as many as are asked for
    while bool((high - low > 1).any()):  # some dozens at once: a search by halves would take a run for each
        share = np.linspace(0, 1, TRIED + 1)[1:, None]  # of all that are not known yet, the highest among them
        tried = np.clip(np.round(low + share * (high - low)), np.maximum(low, 1), np.maximum(high - 1, 1))
        fits = fit(loads, list(tried.T * ranks)).reshape(tried.T.shape).T
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
    many = [len(batch) for batch in batches]
    prompts, tokens = (np.repeat(array(each), many) for each in zip(*map(_lengths, loads), strict=True))
    return _work(asked, (np.concatenate(batches), prompts, tokens), _paged(asked, loads[0]))


def _lengths(load: Load) -> tuple[Any, Any]:
    """Tokens of a prompt, and tokens generated over which steps are averaged."""
    return (load.prompt if load.static_cache is None else load.static_cache - 1), 1 + steps_in(load)


def _paged(asked: Scenario, load: Load) -> bool:
    """Whether memory is taken as answers grow."""
    return load.static_cache is None and asked.runtime is not None and asked.runtime.paged


def steps_in(load: Load) -> Any:
    """Steps of the answers that a step meets, over which what it takes is averaged."""
    return 1.0 if load.static_cache is not None else np.maximum(load.steps, 1) * (1.0 + load.cv2)


def _work(asked: Scenario, numbers: tuple[Array | float, ...], paged: bool = False) -> Workload:
    """Work of some batches, prompts and generated tokens, which need not be whole."""
    batches, prompts, tokens = (
        each if is_told(each) else np.atleast_1d(np.array(each, dtype=np.float64))
        for each in np.broadcast_arrays(*numbers)
    )
    shape = np.ones(len(batches), dtype=np.int64) if any(np.ndim(each) for each in numbers) else 1
    return Workload(shape, staggered=paged).for_kind(asked.model.kind).with_numbers(batches, prompts, tokens)


def of_decode(result: Result) -> Array:
    """Seconds of the decode phase of a result, and its energy.  [1 + bound, n]"""
    if result.timing is None or result.ledger is None:
        raise BitnetCostError(f"load: {result.reason}")
    at = [phase.name for phase in result.counts.phases].index("decode")
    energy = sum_in_order(list(contract(result.ledger, "phase", result.scope).values()))
    return np.concatenate((result.timing.of_phase("decode")[None], energy[:, at]))


class Engine:
    """What steps and prompts take, by the engine."""

    def __init__(self, asked: Scenario) -> None:
        self.asked = asked

    @cached_property
    def ready(self) -> Prepared:
        """Operator by operator, none may be folded into others."""
        return prepare(self.asked)

    def fits(self, loads: Sequence[Load], batches: Sequence[Array]) -> Any:
        """Whether each load fits at some batches of its own, one after the other.  [n]"""
        return measure(self.asked.but(workload=held_by(self.asked, loads, batches))).fits

    def steps(self, loads: Sequence[Load], batches: Sequence[Array]) -> Array:
        """Seconds and energy of the decode phases of each load, one after the other, at some batches of its own.

        [1 + bound, n]

        Raises:
            MissingPrice, UnsupportedScope: see `evaluate`.
        """
        asked = self.asked.but(workload=held_by(self.asked, loads, batches))
        return of_decode(evaluate(asked, prepared=prepare(asked, lean=True)))

    def alone(self, loads: Sequence[Load]) -> Array:
        """The same of a prompt of each load where nothing decodes.  [1 + bound, n]"""
        return ordered_sum(_prompt(self.asked, loads, self.ready, [np.zeros(1)] * len(loads)), 1)

    def added(self, loads: Sequence[Load], batches: Sequence[Array]) -> Array:
        """What a prompt of each load adds to a step that it shares: weights are read once for both.  [1 + bound, n]"""
        return _added(self.asked, loads, self.ready, batches)


def paces(asked: Scenario, loads: Sequence[Load], places: Sequence[int], engine: Engine | None = None) -> list[Pace]:
    """What steps and prompts of each load take with up to its ``places`` sequences.

    Raises:
        MissingPrice, UnsupportedScope: see `evaluate`.
    """
    found: dict[int, Pace] = {}
    for side in paces_together(asked, loads, places, engine or Engine(asked)):
        for i, number in enumerate(side.numbers):
            pace = side.pace.of(i, loads[number], side.places[i])
            found[number] = pace if pace.load.prefill_devices is None else _apart(asked, pace.load, pace)
    return [found[i] for i in range(len(loads))]


class Side(NamedTuple):
    """Loads side by side."""

    numbers: list[int]  # where they are among those asked for
    places: list[int]  # of each
    pace: Pace  # of all, with as many places as the most of them; tables beyond a load's own say nothing

    @property
    def decoded_rates(self) -> Array:
        """The rate at which all places of a load are taken.  [load]  [1/s]"""
        pace, of = self.pace, np.arange(len(self.places))
        last = np.searchsorted(pace.batches, self.places)
        steps = np.asarray(pace.load.steps)[:, 0]
        rates: Array = served_rate(np.array(self.places) * 1.0, steps, pace.step_s[of, last], pace.prompt_s[of, last])
        return rates


def paces_together(asked: Scenario, loads: Sequence[Load], places: Sequence[int], engine: Engine) -> list[Side]:
    """The same side by side, of those whose batches begin alike: as many places, or each whole number up to them."""
    runtime, ranks, waiting = asked.runtime, ranks_of(asked), _waiting(asked)
    whole = ranks == 1 and not (runtime and runtime.batch_sizes)
    groups: dict[int, list[int]] = {}
    for i, each in enumerate(places):
        groups.setdefault(EACH if whole and EXACT <= each <= EACH else each, []).append(i)
    tables = {each: _batches(runtime, each, ranks) for each in dict.fromkeys(places)}
    inside = runtime is not None and runtime.prompts_inside
    several = inside and loads[0].generate > 1
    few = {each: _few(size, ranks) if several else np.array([1.0]) for each, (_, size) in tables.items()}
    taken = engine.steps(loads, [tables[each][1] for each in places])
    alone = engine.alone(loads)
    added = engine.added(loads, [few[each] for each in places]) if several else alone
    step_rows, prompt_rows = (
        _by_load(taken, [len(tables[each][1]) for each in places]),
        _by_load(added, [len(few[each]) for each in places]),
    )
    found = []
    for numbers in groups.values():
        own = [places[i] for i in numbers]
        most, size = max(own), tables[max(own)][1]
        prompts, answers = (np.array([[getattr(loads[i], name)] for i in numbers]) for name in ("prompt", "generate"))
        every = loads[numbers[0]].with_numbers(prompt=prompts, generate=answers)
        steps = step_rows[:, numbers, : len(size)] / steps_in(every)
        lone = alone[:, numbers, None]
        prompt = _between([few[each] for each in own], prompt_rows[:, numbers], size) / ranks
        resting = waiting[:, None, None] * (lone[0] * (1 - 1 / ranks))  # of the ranks that run along
        pace = Pace(
            every, inside, most, tables[most][0], steps[0], steps[1:], prompt[0], prompt[1:], lone[0],
            lone[1:] / ranks + resting, waiting,
        )  # fmt: skip
        found.append(Side(numbers, own, pace))
    return found


def _by_load(rows: Array, many: Sequence[int]) -> Array:
    """Rows of loads one after the other as rows of each, of its own length.  [row, load, k]"""
    found = np.full((len(rows), len(many), max(many)), np.nan)
    found[:, np.arange(max(many)) < np.array(many)[:, None]] = rows
    return found


def _few(sizes: Array, ranks: int) -> Array:
    """Batches at which what a prompt adds to a step is evaluated."""
    most = float(sizes[-1]) / ranks
    return np.unique(np.round(np.geomspace(1, most, PROMPTED))).astype(np.float64) * ranks


def _between(few: Sequence[Array], added: Array, sizes: Array) -> Array:
    """What prompts add at all sizes, straight between a few batches of each load.  ``added`` [row, load, few]

    A batch of sequences may fit where a prompt of as many tokens does not: beyond, as at the largest that fits.
    """
    found = np.empty((*added.shape[:2], len(sizes)))
    finite = np.asarray(np.isfinite(added).all(0))
    groups: dict[tuple[int, int], list[int]] = {}
    for i, batches in enumerate(few):
        fits = int(np.append(finite[i, 1 : len(batches)], False).argmin()) + 1  # from the first on
        groups.setdefault((id(batches), fits), []).append(i)
    for (_, fits), rows in groups.items():
        batches, values = few[rows[0]][:fits], added[:, rows, :fits]
        if fits == 1:
            found[:, rows] = values
            continue
        at = np.clip(np.searchsorted(batches, sizes, side="right") - 1, 0, fits - 2)
        each = np.diff(values) / np.diff(batches)
        found[:, rows] = values[..., at] + each[..., at] * (np.minimum(sizes, batches[-1]) - batches[at])
    return found


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

    fresh = array([load.prompt - load.cached for load in loads]) * 1.0
    attends = taken(fresh)
    if loads[0].cached:
        cached = np.array([float(load.cached) for load in loads])
        attends = np.maximum(attends, taken(fresh + cached) - taken(cached))
    apart = np.array([op.group == "attention" for op in ready.ops])[:, None]
    of = np.repeat(np.arange(len(loads)), [len(each) for each in others])
    return np.where(apart, attends[:, :, of], taken(fresh[of] + np.concatenate(others) / ranks))


def _added(asked: Scenario, loads: Sequence[Load], ready: Prepared, batches: Sequence[Array]) -> Array:
    """What a prompt of each load adds to steps of some batches that it shares.  [1 + bound, n]"""
    steps = evaluate(asked.but(workload=held_by(asked, loads, batches)), prepared=ready)
    each = np.repeat(array([steps_in(load) for load in loads]), [len(many) for many in batches])
    both, own = _prompt(asked, loads, ready, batches), _by_operator(steps, "decode") / each
    groups = np.array([op.group for op in ready.ops])[:, None]
    # A step has read the head's weights already; its attention and the prompt's are kernels of their own.
    added = np.where(groups == "attention", both, np.where(groups == "head", 0.0, both - own))
    return np.maximum(ordered_sum(added, 1), 0.0)


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
