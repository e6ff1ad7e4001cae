"""Serving under load: the batch that a rate of requests settles at, and what time and energy follow from it.

A step and a prompt are the engine's own (`Pace`); arrivals are Poisson (`formulas.queueing`). Sequences decode together
while prompts interrupt them, so that R requests per second keep ``L = R (G - 1) T(B) / (1 - R p)`` sequences there,
with T(B) the step at B of them, p the seconds that a prompt adds, and B the mean of L while there are any.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bitnet_cost.engine.estimate import Prepared, cannot_share, does_not_fit, evaluate, measure, prepare
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.exchange import exchange_seconds
from bitnet_cost.formulas.queueing import (
    STATES,
    Wait,
    bunching,
    full_chance,
    full_chances,
    mean_batch,
    place_wait,
    sequences_spread,
    served_rate,
)
from bitnet_cost.formulas.sums import ordered_sum, sum_in_order
from bitnet_cost.inputs.facility import overhead_in
from bitnet_cost.inputs.load import SECONDS_OF_DAY, Load
from bitnet_cost.inputs.ranges import Factors, RangeKind
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import LIMITS, Workload
from bitnet_cost.ledger import load_record  # noqa: F401  # registers the columns of what is made here
from bitnet_cost.ledger.contract import PARTS, contract
from bitnet_cost.ledger.intervals import by_batch, factors
from bitnet_cost.ledger.load import LoadResult, Pace, Prefill, Steady
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import Array

EACH = 1024  # up to this many sequences every batch is evaluated, beyond it one in some 2 %
TRIED = 64  # batches that are tried at once
PROMPTED = 16  # batches at which what a prompt adds to a step is evaluated: it is nearly a line
CLOSE = 1e-12  # relative, of the batch
WAITING = "waiting"  # a second in which nothing runs


def places_of(asked: Scenario, load: Load) -> int:
    """Most sequences of a step: those that fit, at most those asked for; 0: not even one."""
    low, high = 0, 1 + (LIMITS["batch"] if load.max_batch is None else load.max_batch)
    while high - low > 1:  # some dozens at once: a search by halves would take a run for each
        tried = np.unique(np.linspace(low, high, TRIED + 2)[1:-1].round())
        tried = tried[(tried > low) & (tried < high)]
        fits = np.atleast_1d(np.asarray(measure(asked.but(workload=held(asked, load, tried))).fits))
        inside, outside = tried[fits], tried[~fits]
        low = int(inside[-1]) if inside.size else low
        high = int(outside[0]) if outside.size else high
    return low


def held(asked: Scenario, load: Load, batch: Array | int) -> Workload:
    """Decode steps at some batches, and what is resident in them: with pages half the answers, else all is reserved.

    A step meets a long answer more often than a short one: those there are (1 + cv2) times as long as the mean.
    """
    prompt, steps = (load.static_cache - 1, 1.0) if load.static_cache is not None else (load.prompt, _steps_in(load))
    paged = load.static_cache is None and asked.runtime is not None and asked.runtime.paged
    return _work(asked, batch, prompt, 1 + steps, paged)


def _steps_in(load: Load) -> float:
    """Steps of the answers that a step meets, over which what it takes is averaged."""
    return 1.0 if load.static_cache is not None else max(load.steps, 1) * (1 + load.cv2)


def _work(asked: Scenario, batch: Array | int, prompt: Array | int, generate: float, paged: bool = False) -> Workload:
    """Work of some batches, prompts and generated tokens, which need not be whole."""
    numbers = (np.array(each, dtype=np.float64) for each in np.broadcast_arrays(batch, prompt, generate))
    batches, prompts, tokens = map(np.atleast_1d, numbers)
    shape = np.ones(len(batches), dtype=np.int64) if np.ndim(batch) or np.ndim(prompt) else 1
    return Workload(shape, staggered=paged).for_kind(asked.model.kind).with_numbers(batches, prompts, tokens)


def pace(asked: Scenario, load: Load, places: int) -> Pace:
    """What steps and prompts take with up to ``places`` sequences.

    Raises:
        MissingPrice, UnsupportedScope: see `evaluate`.
    """
    runtime = asked.runtime
    ready = prepare(asked, lean=True)
    means, sizes = _batches(runtime, places)
    steps = evaluate(asked.but(workload=held(asked, load, sizes)), prepared=ready)
    step_s, step_j = (figure / _steps_in(load) for figure in _of_phase(steps, "decode"))
    every = prepare(asked)  # operator by operator, none may be folded into others
    alone = ordered_sum(_prompt(asked, load, every, np.zeros(1)), 1)
    prompt = alone * np.ones_like(means)
    if runtime is not None and runtime.prompts_inside and load.generate > 1:
        prompt = _inside(asked, load, sizes, every)
    found = Pace(
        places, means, step_s, step_j, prompt[0], prompt[1:], float(alone[0, 0]), alone[1:, 0], _waiting(asked)
    )
    found = found if load.prefill_devices is None else _apart(asked, load, found)
    return found._replace(full=full_places(found, load))


def full_places(pace: Pace, load: Load) -> Array:
    """How often requests find all places taken: `full_chances`."""
    late = np.arange(max(1, pace.places - STATES), pace.places + 1.0)
    steps = float(max(load.steps, 1) * pace.step_s[-1])
    return full_chances(late, pace.at(pace.step_s, late), pace.places * float(pace.prompt_s[-1]) / steps, load.cv2)


def steady(pace: Pace, load: Load, rates: Array, place: RuntimeProfile | None) -> Steady:
    """What one copy settles at for each rate; a rate beyond the largest is served at the largest.  ``rates`` [n]"""
    most, prefill = largest_rate(pace, load), pace.prefill
    rate = np.minimum(rates, most)
    sequences = _sequences(pace, load, rate)
    batch = mean_batch(sequences, pace.places)
    step, prompt = pace.at(pace.step_s, batch), pace.prompt_at(sequences, batch)
    stretch = 1 - rate * prompt  # share of the time that steps have for themselves
    none = 1 - sequences / batch
    busy = 1 - stretch * none
    tpot = step / np.where(stretch > 0, stretch, np.nan)
    inside = place is not None and place.prompts_inside
    ttft = _apart_wait if prefill else _inside_wait if inside else _alone_wait
    with np.errstate(divide="ignore", invalid="ignore"):
        decoded = _decoded_rate(pace, load)
        until_free = place_wait(rate / decoded, pace.places, 1 / decoded, load.cv2)
        wait = ttft(pace, load, rate, (batch, step, prompt, none))
        wait = wait._replace(full=full_chance(rate / decoded, pace.full), place=until_free)
        first = np.where(rates < most, wait.mean, np.inf)
        grow = pace.departures_grow(sequences, load.steps) if load.steps else np.inf
        spread = sequences_spread(rate, grow, bunching(rate * prompt, load.cv2))
    each = load.steps / batch  # steps of a request that no other shares
    parts = {
        "prompt": pace.prompt_energy_at(sequences, batch),
        "steps": np.stack([pace.at(row, batch) for row in pace.step_j]) * each,
        "waiting": pace.waiting_w[:, None] * ((1 - busy) / rate),
    }
    if prefill is not None:
        working = rate * prefill.prompt_s / prefill.workers
        parts["waiting"] = parts["waiting"] + prefill.waiting_w[:, None] * ((1 - working) / rate)
    return Steady(rate, sequences, batch, busy, tpot, first, sum_in_order(list(parts.values())), parts, wait, spread)


def over(result: LoadResult, rates: Array) -> LoadResult:
    """The same copies at other rates."""
    load = replace(result.load, rate=rates)
    if result.pace is None or result.replicas is None:
        return replace(result, load=load)
    copies = np.full(len(rates), result.replicas[0])
    at = steady(result.pace, load, rates / copies, result.scenario.runtime)
    return replace(result, load=load, steady=at, replicas=copies)


def with_ends(result: LoadResult) -> LoadResult:
    """The result with what its copies settle at where all steps and prompts are at an end of their 90 % interval."""
    times = factors(result.full, "time")
    if times is None or result.pace is None or result.replicas is None:
        return result
    load, rates, place = result.load, result.load.rates / result.replicas, result.scenario.runtime
    fast, slow = (steady(_paced(result.pace, load, times, end), load, rates, place) for end in (0, 1))
    return replace(result, fast=fast, slow=slow)


def _paced(pace: Pace, load: Load, times: dict[RangeKind, Factors], end: int) -> Pace:
    """The pace with all times at one end of their interval."""
    step, prompt = (by_batch(times, pace.batches, phase)[end] for phase in ("decode", "prefill"))
    apart = pace.prefill and pace.prefill._replace(prompt_s=pace.prefill.prompt_s * float(prompt[0]))
    found = pace._replace(
        step_s=pace.step_s * step,
        prompt_s=pace.prompt_s * prompt,
        alone_s=pace.alone_s * float(prompt[0]),
        prefill=apart,
    )
    return found._replace(full=full_places(found, load))


def largest_rate(pace: Pace, load: Load) -> float:
    """The largest stable rate of one copy: all places taken, or no time without prompts.  [1/s]"""
    decoded, prefill = _decoded_rate(pace, load), pace.prefill
    return decoded if prefill is None else min(decoded, prefill.workers / prefill.prompt_s)


def _decoded_rate(pace: Pace, load: Load) -> float:
    """The rate at which all places are taken.  [1/s]"""
    places = float(pace.places)
    return float(served_rate(places, load.steps, pace.step_s[-1], pace.prompt_s[-1]))


def within(pace: Pace, load: Load, place: RuntimeProfile | None) -> float:
    """The largest rate of one copy at which the times asked for are kept; 0: none.  [1/s]"""
    most = largest_rate(pace, load)
    if load.slo_ttft is None and load.slo_tpot is None:
        return most

    def kept(rate: float) -> bool:
        at = steady(pace, load, np.array([rate]), place)
        first, each = at.ttft_of(load.percentile), at.tpot_of(pace, load, load.percentile)
        times = ((first, load.slo_ttft), (each if load.steps else None, load.slo_tpot))
        return all(limit is None or time is None or time[0] <= limit for time, limit in times)

    low, high = 0.0, most
    if not kept(most * 1e-9):
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if kept(middle) else (low, middle)
    return low


def can_serve(asked: Scenario) -> bool:
    """Whether `serve` has an answer to requests with the numbers of a question's first point: tokens are generated."""
    return int(asked.workload.flat()[2][0]) > 1 and not _apart_in_data(asked)


def _apart_in_data(asked: Scenario) -> bool:
    """Whether several devices have sequences of their own."""
    return asked.parallel == "data" and asked.devices > 1


def serve(asked: Scenario, load: Load) -> LoadResult:
    """What a load takes on copies of the model, for each of its rates.

    Raises:
        MissingPrice, UnsupportedScope: see `evaluate`.
    """
    if _apart_in_data(asked):
        raise BitnetCostError(
            f"parallel: experts of {asked.model.name} shared by devices that have sequences of their own are not"
            " modelled under load; take --parallel expert, or --replicas"
        )
    if why := cannot_share(asked):
        return LoadResult(asked, load, measure(asked.but(workload=held(asked, load, 1))), reason=why)
    places = places_of(asked, load)
    full = measure(asked.but(workload=held(asked, load, max(places, 1))))
    found = LoadResult(asked, load, full)
    if not places:
        return replace(found, reason=does_not_fit(full, float(full.capacity_bits or 0.0)))
    tempo = pace(asked, load, places)
    most, least = largest_rate(tempo, load), within(tempo, load, asked.runtime)
    copies = np.full(len(load.rates), load.replicas if load.replicas != "auto" else 1)
    if load.replicas == "auto":
        copies = np.maximum(1, np.floor(load.rates / most) + 1)  # a rate below the largest, not at it
        if least < most:
            copies = np.maximum(copies, np.ceil(load.rates / least)) if least else copies
    day = None
    if load.requests_per_day is not None:
        day = steady(tempo, load, load.requests_per_day / SECONDS_OF_DAY / copies, asked.runtime)
    at = steady(tempo, load, load.rates / copies, asked.runtime)
    return replace(found, pace=tempo, steady=at, day=day, replicas=copies, largest=most, within=least)


# --- what the engine gives -------------------------------------------------------------------------------------------


def _batches(runtime: RuntimeProfile | None, places: int) -> tuple[Array, Array]:
    """Mean batches, and the batch that runs at each: [k], [k].

    Where batches are filled up to given sizes, the mean over batches that run as one size is in their middle; the
    smallest and the largest batch are what they are.
    """
    given = [size for size in (runtime.batch_sizes if runtime else ()) if size < places]
    if given:
        sizes = np.array([*given, places], dtype=np.float64)
        middles = (sizes + np.concatenate(([0.0], sizes[:-1])) + 1) / 2
        return np.append(middles, places), np.append(sizes, places)
    whole = np.arange(1.0, min(places, EACH) + 1)
    if places > EACH:
        whole = np.unique(np.append(whole, np.round(np.geomspace(EACH, places, 2 + int(50 * np.log(places / EACH))))))
    return whole, whole


def _of_phase(result: Result, name: str) -> tuple[Array, Array]:
    """Seconds and energy of a phase.  [n], [bound, n]"""
    if result.timing is None or result.ledger is None:
        raise BitnetCostError(f"load: {result.reason}")
    at = [phase.name for phase in result.counts.phases].index(name)
    energy = sum_in_order(list(contract(result.ledger, "phase", result.scope).values()))
    return result.timing.of_phase(name), energy[:, at]


def _prompt(asked: Scenario, load: Load, ready: Prepared, others: Array) -> Array:
    """Seconds and energy of a prompt by operator, in one pass with tokens of others.  [1 + bound, op, n]

    Products run on all tokens together, attention on those of the prompt; of one that is cached in part, what is left
    to work on attends to all of it: what the whole takes less what the cached part took.
    """

    def taken(tokens: Array) -> Array:
        return _by_operator(evaluate(asked.but(workload=_work(asked, 1, tokens, 1.0)), prepared=ready), "prefill")

    fresh = np.array([float(load.prompt - load.cached)])
    attends = taken(fresh)
    if load.cached:
        attends = np.maximum(attends, taken(fresh + load.cached) - taken(np.array([float(load.cached)])))
    apart = np.array([op.group == "attention" for op in ready.ops])[:, None]
    return np.where(apart, attends, taken(fresh + others))


def _inside(asked: Scenario, load: Load, sizes: Array, ready: Prepared) -> Array:
    """What a prompt adds to a step that it shares: weights are read once for both.  [1 + bound, k]"""
    few: Array = np.unique(np.round(np.geomspace(1, sizes[-1], PROMPTED))).astype(np.float64)
    steps = evaluate(asked.but(workload=held(asked, load, few)), prepared=ready)
    both, own = _prompt(asked, load, ready, few), _by_operator(steps, "decode") / _steps_in(load)
    groups = np.array([op.group for op in ready.ops])[:, None]
    # A step has read the head's weights already; its attention and the prompt's are kernels of their own.
    added = np.where(groups == "attention", both, np.where(groups == "head", 0.0, both - own))
    rows = np.maximum(ordered_sum(added, 1), 0.0)
    # A batch of sequences may fit where a prompt of as many tokens does not: beyond, as at the largest that fits.
    fits = np.isfinite(rows).all(0) | (few == 1)
    return np.stack([np.interp(sizes, few[fits], row[fits]) for row in rows])


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
    return pace._replace(
        prompt_s=pace.prompt_s * 0, prompt_j=alone[:, None] * np.ones_like(pace.prompt_s), alone_s=0.0, alone_j=alone,
        prefill=prefill,
    )  # fmt: skip


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


def with_runs(result: LoadResult) -> LoadResult:
    """The result with how often each action runs for a request, and its price: what differences are made of."""
    asked, load, pace, at = result.scenario, result.load, result.pace, result.steady
    if pace is None or at is None:
        return result
    ready = prepare(asked, lean=True)
    steps = held(asked, load, at.batch)
    batch, prompt, _ = steps.flat()
    with_steps = evaluate(asked.but(workload=steps), prepared=ready)
    without = evaluate(asked.but(workload=steps.with_numbers(batch, prompt, np.ones_like(batch))), prepared=ready)
    alone = evaluate(asked.but(workload=Workload(1, load.prompt, 1)), prepared=ready)
    before, after, first = (_actions(r) for r in (without, with_steps, alone))
    shares = (
        load.steps / (at.batch * _steps_in(load)),
        at.parts_j["prompt"][1] / float(alone.energy_j),
    )
    found = {action: (after[action] - before.get(action, 0.0)) * shares[0] for action in after}
    for action, times in first.items():
        found[action] = found.get(action, 0.0) + times * shares[1]
    prices = dict(with_steps.prices) | dict(alone.prices)
    waiting = (1 - at.busy) / at.rate
    found[WAITING] = waiting
    low, nominal, high = pace.waiting_w.tolist()
    return replace(result, runs=found, prices=prices | {WAITING: (low, nominal, high)})


def _actions(result: Result) -> dict[str, Array]:
    return {} if result.ledger is None else contract(result.ledger, "action", result.scope)


# --- the fixed point -------------------------------------------------------------------------------------------------


def _sequences(pace: Pace, load: Load, rate: Array) -> Array:
    """Sequences that decode on average at each rate: where what they need is what the rate brings.  [n]"""
    if not load.steps:
        return np.zeros_like(rate)

    def brought(sequences: Array) -> Array:
        batch = mean_batch(sequences, pace.places)
        rate: Array = served_rate(sequences, load.steps, pace.at(pace.step_s, batch), pace.prompt_at(sequences, batch))
        return rate

    grid = np.unique(np.concatenate((np.linspace(0, min(2, pace.places), 9), np.minimum(pace.batches, pace.places))))
    rates = np.maximum.accumulate(brought(grid))
    at = np.clip(np.searchsorted(rates, rate), 1, len(grid) - 1)
    low, high = grid[at - 1], grid[at]
    below, above = rates[at - 1] - rate, rates[at] - rate
    found, was = high, np.zeros(rate.shape, dtype=np.int8)
    for _ in range(100):  # false position, an end that stays twice weighs half (Illinois): a handful of rounds
        wide = above - below
        found = np.where(wide > 0, high - above * (high - low) / np.where(wide > 0, wide, 1.0), high)
        off = brought(found) - rate
        if bool(np.all((np.abs(off) <= CLOSE * rate) | (high - low <= CLOSE * high))):
            break
        side = np.where(off >= 0, np.int8(1), np.int8(-1))
        again = np.where(side == was, 0.5, 1.0)
        below, above = np.where(side > 0, below * again, off), np.where(side > 0, off, above * again)
        low, high = np.where(side > 0, low, found), np.where(side > 0, found, high)
        was = side
    return found


# --- the first token -------------------------------------------------------------------------------------------------


def _alone_wait(pace: Pace, load: Load, rate: Array, at: tuple[Array, Array, Array, Array]) -> Wait:
    """Seconds to the first token where prompts run one by one between steps.

    A prompt waits for those before it, and where any decodes for half a step, be it that which runs when it comes, be
    it one that those before it waited for (an M/G/1 queue whose server takes vacations: Levy and Yechiali, Management
    Science 22(2), 1975; Fuhrmann and Cooper, Operations Research 33(5), 1985).
    """
    _, step, prompt, none = at
    return Wait(0 * rate, prompt, load.cv2, use=rate * prompt, met=1 - none, rest=step)


def _apart_wait(pace: Pace, load: Load, rate: Array, at: tuple[Array, Array, Array, Array]) -> Wait:
    """Seconds to the first token where other devices take prompts in: their queue, the prompt, its cache moved."""
    prefill = pace.prefill
    if prefill is None:
        return Wait(np.zeros_like(rate))
    use = rate / prefill.workers * prefill.prompt_s
    return Wait(prefill.moved_s + 0 * rate, prefill.prompt_s, load.cv2, use=use)


def _inside_wait(pace: Pace, load: Load, rate: Array, at: tuple[Array, Array, Array, Array]) -> Wait:
    """Seconds to the first token where prompts run in the next step: what is left of this one, and the next whole.

    Steps with prompts are longer and more often met; the next holds the prompts that came while this one ran.
    """
    _, step, prompt, none = at
    mean = step / (1 - rate * prompt)
    spread = rate * mean * prompt**2 * (1 + load.cv2)  # variance of a step: prompts in it come at random
    longer = mean + spread / mean  # of a step that is met
    own = none * pace.alone_s + (1 - none) * prompt
    return Wait((1 - none) * step, own, load.cv2, others=(1 - none) * rate * longer, met=1 - none, rest=longer)
