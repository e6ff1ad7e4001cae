"""Why a cell holds what it holds: the engine's own formulas, run on told numbers and printed as arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from bitnet_cost.engine.counts import NOT_COUNTED
from bitnet_cost.engine.estimate import against
from bitnet_cost.engine.fit import fit, result_at
from bitnet_cost.engine.trace import Trace
from bitnet_cost.engine.uncertainty import extreme_prices
from bitnet_cost.errors import BitnetCostError, nearest
from bitnet_cost.formulas.savings import unshrinking_share
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.load import SECONDS_OF_DAY
from bitnet_cost.inputs.workload import LIMITS
from bitnet_cost.ledger.answers import Explanation
from bitnet_cost.ledger.contract import saving
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.ledger.result import Result
from bitnet_cost.told import is_told, named
from bitnet_cost.told.arithmetic import Number, Step, Steps, number_text, single

Formula = tuple[str, ...]

COUNTS = ("mac", "mul", "add", "special")
SAVING = ("saving", "saving_low", "saving_high", "saving_least", "saving_most")
FIT = {"largest_batch": "batch", "longest_prompt": "prompt"}
PER_DAY = {f"{cell}_per_{span}": cell for cell in ("energy_j", "carbon_g", "cost_usd") for span in ("day", "year")}
BYTES = ("weight_bytes", "activation_bytes", "kv_bytes")
PARTS = ("op", "group", "component", "share", "must_stay", "seconds", *COUNTS, *BYTES)
WORDS = {
    "bound": "is a word, the longest of the times; explain latency_s, or seconds:PHASE:NAME",
    "fits": "is yes or no; explain memory_share, footprint_bytes or capacity_bytes",
    "devices": "is an input; the column of 'fit' is devices_needed",
}
UNITS = {
    "mac": "MAC", "mul": "operation", "add": "operation", "special": "operation", "seconds": "s", "op": "J",
    "group": "J", "component": "J", **dict.fromkeys(BYTES, "B"),
    **{f"{cell}_per_{span}": unit for cell, unit in (("energy_j", "J"), ("carbon_g", "g"), ("cost_usd", "USD"))
       for span in ("day", "year")},
}  # fmt: skip
TIME = (
    "time of an operator = max(MAC / rate, bits / bandwidth) + launches + link; decode sums the max of each step",
    "time of a phase = sum over operators and the host, at the clocks that keep its power within the limit",
    "what passes between operators stays in the last on-chip level where one layer's tensors fit it",
)
MEMORY = (
    "stored weights = sum over operators of layers x weights x stored bits, biases and scales, / 8",
    "KV cache = layers x 2 x KV heads x head width x batch x (P + G - 1) positions x bits / 8",
    "activations = (operands and results of the widest operator of a layer + residual stream) x bits / 8",
)
FORMULAS: dict[str, Formula] = {
    "parameters": ("parameters = sum over operators of layers x weights and biases, tied weights once",),
    "ideal_weights_bytes": ("ideal = parameters x information bits / 8",),
    "weights_bytes": MEMORY[:1], "kv_cache_bytes": MEMORY[1:2], "peak_activation_bytes": MEMORY[2:],
    "footprint_bytes": (*MEMORY, "footprint = weights + KV cache + peak activations of each device"),
    "capacity_bytes": ("capacity = memory x (1 - what the runtime keeps) x devices",),
    "memory_share": (*MEMORY, "share of memory = footprint / capacity"),
    "devices_needed": (*MEMORY, "devices = (weights + KV cache) / (capacity - activations), rounded up"),
    "mac": ("MAC = sum over phases and operators of layers x m k n of one layer",),
    **dict.fromkeys(COUNTS[1:], ("sum over operators of layers x quantity x actions each, elementwise work included",)),
    **dict.fromkeys(BYTES, ("sum over operators of layers x entries x bits / 8: weights once a pass, the rest once",)),
    **dict.fromkeys(("prefill_s", "decode_s", "seconds"), TIME),
    "latency_s": ("latency = prefill + decode", *TIME),
    "tokens_per_s": ("tokens per second = batch x (generated - 1) / decode", *TIME),
    "power_w": ("power = energy of the devices / latency", *TIME),
    "carbon_g": ("carbon = energy x carbon intensity, plus device seconds x embodied emissions / lifetime",),
    "cost_usd": ("cost = energy x price of electricity, plus device seconds x price of device time",),
    "share": ("share = its energy / energy in all",),
    "must_stay": ("a share f that does not scale makes it (1 - f) saving, so f = 1 - claim / saving",),
    **dict.fromkeys(PER_DAY, ("one run x requests / batch",)),
}  # fmt: skip
OF_LOAD = (
    "sequences = rate x (generated - 1) x step / (1 - rate x prompt), solved for their number",
    "energy of a request = its prompt + its share of the steps + its share of the time in which nothing runs",
    "a day = requests x energy of a request, at the mean rate of the day; what an energy is made of: --cell energy_j",
)
ENERGY = "energy = sum over actions of runs x price; static energy = seconds x power"
SAVED = "saving = 1 - energy / energy of the baseline, every price the same in both"


def cells() -> tuple[str, ...]:
    """What can be explained by its name alone: every column of the records that is a number, of fit and of a day."""
    columns = (n for n, metric in METRICS.items() if metric.kind in ("count", "size", "figure") or n == "parameters")
    return (*columns, "memory_share", "devices_needed", *FIT, *SAVING[3:], *PER_DAY)


def explain(result: Result, baseline: Result | None, cell: str, requests_per_day: float | None = None) -> Explanation:
    """The arithmetic behind one cell of a single point. ``baseline`` is what its saving refers to.

    There are `cells`: the columns of a record, of `fit` and of a day's requests, and the ends of a saving's range; and
    those of a part: ``op:NAME`` and ``group:NAME`` for energy, ``component:NAME``, ``mac:NAME`` (``mul``, ``add``,
    ``special``, ``weight_bytes`` ...), ``seconds:NAME``, ``share:component:NAME`` for its share of the energy, and
    ``must_stay:PERCENT`` for the share of the baseline's energy that may not scale if a saving of so much is claimed.

    Raises:
        BitnetCostError: no such cell, or one that cannot be computed here, with the reason.
    """
    kind = cell.partition(":")[0]
    _check(cell, kind)
    paired = cell in SAVING or kind == "must_stay"
    formula: Formula = FORMULAS.get(kind, ())
    notes: Formula = ()
    if cell in FIT:
        return _fitting(result, cell)
    if paired:
        trace, number, notes = _saving(result, baseline, cell)
        formula = (SAVED, *formula)
    else:
        number_of(result, cell, requests_per_day)  # whether there is one, before it is traced
        trace, (told,) = _traced((Same(result),))
        number = number_of(told, cell, requests_per_day)
    if kind in ("saving", "must_stay", "share", "op", "group", "component") or "energy" in kind or paired:
        formula = (*formula, ENERGY, *(TIME if result.timing is not None else ()))
    steps = Steps(cell, _unit(cell))
    steps.end(number)
    return _explanation(trace, result, baseline if paired else None, cell, (*formula, *notes), steps)


@lru_cache(maxsize=4)  # the cells of one answer
def _traced(results: tuple[Same, ...]) -> tuple[Trace, tuple[Result, ...]]:
    """Some results on told numbers of one graph, each number under the names that it has."""
    trace = Trace(figures=True, shapes=True)
    names = [f"{same.it.precision.name}: " if len(results) > 1 else "" for same in results]
    return trace, tuple(trace.of(same.it, name) for same, name in zip(results, names, strict=True))


def _check(cell: str, kind: str) -> None:
    if cell in WORDS:
        raise BitnetCostError(f"cell: {cell} {WORDS[cell]}")
    if cell not in cells() and not (kind in PARTS and cell.partition(":")[2]):
        close = nearest(cell, cells())
        hint = f"; did you mean {close!r}?" if close else "."
        known = ", ".join((*cells(), "op:NAME", "mac:NAME", "group:PHASE:NAME", "component:NAME", "must_stay:PERCENT"))
        raise BitnetCostError(f"cell: {cell!r} is not known{hint} There are {known}.")


def _unit(cell: str) -> str:
    kind = cell.partition(":")[0]
    known = UNITS.get(kind) or (METRICS[kind].unit if kind in METRICS else "1")
    return {"byte": "B", "J/token": "J"}.get(known, known)


# --- the number behind a cell --------------------------------------------------------------------------------------


def number_of(told: Result, cell: str, requests: float | None) -> Number:
    """What a cell is in a told result."""
    kind, _, rest = cell.partition(":")
    if cell.startswith("energy"):
        _needs_energy(told)
    if cell in PER_DAY:
        if requests is None:
            raise BitnetCostError(f"cell: {cell} cannot be computed; give --requests-per-day")
        batches = requests / told.workload.flat()[0][0]
        each: Number = number_of(told, PER_DAY[cell], None) * batches * (365.0 if cell.endswith("year") else 1.0)
        return each
    if kind == "share":
        if rest.partition(":")[0] not in ("op", "group", "component"):
            raise BitnetCostError(
                f"cell: {cell!r}: a share is of an energy, as share:group:prefill:linear, share:component:mul"
            )
        return number_of(told, rest, None) / number_of(told, "energy_j", None)
    if kind == "component":
        _needs_energy(told)
        if rest not in told.by_component:
            raise BitnetCostError(f"cell: {cell!r}: there are the components {', '.join(told.by_component)}")
        return single(told.by_component[rest][1])
    if rest:
        return _part(told, cell)
    if cell == "memory_share":
        return number_of(told, "footprint_bytes", None) / number_of(told, "capacity_bytes", None)
    found = told.devices_needed if cell == "devices_needed" else METRICS[cell].of(told)
    if found is None or (not is_told(found) and np.isnan(single(found))):
        raise BitnetCostError(f"cell: {cell} cannot be computed{_why(told, cell)}")
    return single(found)


def _why(told: Result, cell: str) -> str:
    """Why a column cannot be computed."""
    options = {"carbon_g": "; give --carbon", "cost_usd": "; give --price"}
    if cell in options and told.by_component and not told.reason:
        return options[cell]
    if cell in ("energy_per_token_j", "tokens_per_s"):
        return ": it is computed only where tokens are generated (--generate)"
    if cell == "power_w" and told.timing is not None:
        return ": it is computed with --scope device"
    if cell == "devices_needed" and told.capacity_bits is not None:
        return ": no number of such devices holds all activations"
    return f": {told.reason or METRICS['reason'].of(told)}"


def _needs_energy(told: Result) -> None:
    """Refuse a cell of an energy that there is not.

    Raises:
        BitnetCostError: with the reason.
    """
    if not told.has_energy:
        raise BitnetCostError(f"{told.precision.name} at {told.hardware.name} has no energy: {told.reason}")


def _actions(kind: str) -> Callable[[Result], Any]:
    return lambda told: told.actions(kind)


TABLES: dict[str, Callable[[Result], Any]] = {
    "mac": lambda told: told.counts["mac"], **{kind: _actions(kind) for kind in COUNTS[1:]},
    "weight_bytes": lambda told: told.activity.weight_bits / 8,
    "activation_bytes": lambda told: told.activity.activation_bits / 8,
    "kv_bytes": lambda told: told.activity.kv_bits / 8,
    "seconds": lambda told: None if told.timing is None else told.timing.seconds,
}  # fmt: skip


def _part(told: Result, cell: str) -> Number:
    """The part of a table that ``KIND:NAME`` or ``KIND:PHASE:NAME`` means, NAME an operator or a group.

    Raises:
        BitnetCostError: no such operator, group or phase, or no such table here.
    """
    kind, _, rest = cell.partition(":")
    phase, _, name = rest.rpartition(":")
    counts = told.counts
    phases = [each.name for each in counts.phases]
    names, groups = {op.name for op in counts.operators}, {op.group for op in counts.operators}
    known = {"op": names, "group": groups}.get(kind, names | groups)
    if name not in known or (phase and phase not in phases):
        close = nearest(name, known)
        hint = f" Did you mean {close!r}?" if close else f" There are {', '.join(sorted(known))}."
        what = "phase" if name in known else "group" if kind == "group" else "operator"
        hint = f" There are {', '.join(phases)}." if what == "phase" else hint
        raise BitnetCostError(f"cell: {cell!r}: no such {what} here.{hint}")
    if kind in ("op", "group"):
        _needs_energy(told)
    table = told.by_operator[1] if kind in ("op", "group") else TABLES[kind](told)
    if table is None:
        raise BitnetCostError(f"cell: {cell} cannot be computed{_why(told, 'latency_s')}")
    chosen = [
        value
        for at, of_phase in zip(phases, table, strict=True)
        for op, value in zip(counts.operators, of_phase, strict=True)
        if (op.name if name in names and known is not groups else op.group) == name and phase in ("", at)
    ]
    return single(ordered_sum(np.stack(chosen), 0))


def _saving(result: Result, baseline: Result | None, cell: str) -> tuple[Trace, Number, Formula]:
    """A saving, one end of its range, or the share of the baseline that must stay for a claim to be true."""
    _needs_energy(result)
    if baseline is None or not baseline.has_energy:
        raise BitnetCostError(f"cell: {cell} needs a baseline that has an energy; choose --baseline")
    if result.precision == baseline.precision and not cell.startswith("must_stay"):
        return Trace(), 0.0, ("the baseline saves nothing on itself",)
    notes: Formula = ()
    if cell in ("saving_low", "saving_high"):
        notes = (f"the {cell[7:]}est of: each price alone at its low or high, then all together",)
    trace, (told, other) = _traced((Same(result), Same(baseline)))
    told = against(told, other)
    if told.saving is None or told.ledger is None or other.ledger is None:
        raise BitnetCostError(f"cell: {cell} cannot be computed: {told.reason}")
    number = told.saving.ravel()[{"saving_low": 0, "saving_high": 2}.get(cell, 1)]
    if cell in ("saving_least", "saving_most"):
        ends = extreme_prices(result, baseline, most=cell == "saving_most")
        prices = {action: (trace.graph.input(f"{action} at its end", end),) * 3 for action, end in ends.items()}
        number = saving(told.ledger, other.ledger, result.scope, prices)[1, 0]
        notes = (f"each price at the end that makes the saving {cell[7:]}: no prices within the ranges leave it",)
    if not cell.startswith("must_stay"):
        return trace, number, notes
    text = cell.partition(":")[2]
    try:
        claim = float(text) / 100
    except ValueError:
        raise BitnetCostError(f"cell: {cell!r}: {text!r} is not a percentage") from None
    if unshrinking_share(claim, number.value) is None:
        raise BitnetCostError(f"cell: {cell}: the claim exceeds the modelled saving; no share makes it true")
    return trace, 1 - claim / named(number, "saving", "1"), notes


def _fitting(result: Result, cell: str) -> Explanation:
    """The largest batch, or the longest prompt, that fits: the footprints of it and of the next."""
    axis = FIT[cell]
    found = fit(result.scenario)
    most = found.batch if axis == "batch" else found.positions
    steps, trace = Steps(cell, "1"), Trace()
    for number in (most, most + 1):
        if 1 <= number <= LIMITS[axis]:
            trace, (told,) = _traced((Same(result_at(result, **{axis: number})),))
            for name in ("footprint_bytes", "capacity_bytes"):
                steps.add(f"{name} at {axis} {number}", "B", METRICS[name].of(told))
    steps.found.append(Step(cell, "1", f"{most}", float(most)))
    formula = (*MEMORY, f"the {cell.replace('_', ' ')} is the last whose footprint is at most the capacity (bisection)")
    return _explanation(trace, result, None, cell, formula, steps)


def explain_day(load: LoadResult, result: Result, cell: str) -> Explanation:
    """A day of requests that come at random, from what the devices settle at; ``result`` is of the same question.

    Raises:
        BitnetCostError: no price of electricity, or no carbon intensity; nothing is served.
    """
    at, day, requests = load.day, load.of_day, load.load.requests_per_day or 0.0
    name, _, span = cell.partition("_per_")
    if at is None or day is None or getattr(day, name) is None:
        raise BitnetCostError(f"cell: {cell} cannot be computed{_why(result, name)}")
    steps, rate = Steps(cell, _unit(cell)), requests / SECONDS_OF_DAY
    steps.found.append(Step("rate", "1/s", f"{number_text(requests)} / {SECONDS_OF_DAY}", rate))
    steps.add("sequences in a step", "1", float(at.batch[0]))
    parts = {part: float(energy[1, 0]) for part, energy in at.parts_j.items()}
    for part, energy in parts.items():
        steps.add(f"energy of a request, {part}", "J", energy)
    each = sum(parts.values())
    joules = per_day = requests * each
    steps.found += [
        Step("energy of a request", "J", " + ".join(map(number_text, parts.values())), each),
        Step("energy of a day", "J", f"{number_text(requests)} x {number_text(each)}", joules),
    ]
    if name != "energy_j":
        found = load.charged(np.full((3, 1), joules), 0.0)[name == "cost_usd"]
        rate = 0.0 if found is None else float(found[1, 0]) / joules
        held = getattr(day, name) - rate * joules
        per_day = joules * rate + held
        steps.add(f"{name} of a joule", "1", rate)
        text = f"{number_text(joules)} x {number_text(rate)} + {number_text(held)}"
        steps.found.append(Step(f"{name} of a day, of electricity and of devices held", _unit(cell), text, per_day))
    times = 365 if span == "year" else 1
    steps.found.append(Step(cell, _unit(cell), f"{number_text(per_day)} x {times}", per_day * times))
    return _explanation(Trace(), result, None, cell, (*OF_LOAD, *FORMULAS.get(name, ())), steps)


# --- what is printed with it -----------------------------------------------------------------------------------------


def _explanation(
    trace: Trace, result: Result, baseline: Result | None, cell: str, formula: Sequence[str], steps: Steps
) -> Explanation:
    used = {node.names[0].partition(" at its ")[0] for node in steps.inputs}
    constants = tuple(lever for name, lever in trace.constants.items() if name in used)
    cited = (trace.sources[lever.name] for lever in constants)
    sources = (
        f"[{lever.source}] {s.author}: {s.title}, {s.year}. {s.where}. ({s.seen})"
        for lever, s in zip(constants, cited, strict=True)
    )
    against = "" if baseline is None else f" against {baseline.precision.name}"
    return Explanation(
        f"{cell} of {result.architecture.name} in {result.precision.name} at {result.hardware.name}{against}",
        cell, steps.found[-1].value, _unit(cell), tuple(dict.fromkeys(formula)), constants, tuple(steps.found),
        tuple(dict.fromkeys(sources)), _conventions(result, baseline),
        (*NOT_COUNTED, *([result.not_reached] if result.not_reached else [])),
    )  # fmt: skip


def _conventions(result: Result, baseline: Result | None) -> tuple[str, ...]:
    """The question, and its conventions."""
    work = result.counts.workload
    found = [
        f"batch {work.batch}, prompt {work.prompt}, generated {work.generate}; the first token comes from the prefill",
        f"attention {work.attention}, logits {work.logits}, counting {work.counting}",
        f"scope {result.scope}, accumulator {result.accumulator}",
        "a dense product [m, k] x [k, n] has m k n MUL and m (k-1) n ADD; 1-bit weights only add",
    ]
    if any(layer.moe for layer in result.architecture.layers):
        found.append("routing over experts is uniform and independent")
    if result.runtime is not None:
        found.append(f"runtime {result.runtime.runtime}, {_devices(result)}")
    if baseline is not None:
        found.append(f"baseline {baseline.precision.name}, same scope and workload")
    return tuple(found)


def _devices(result: Result) -> str:
    text = "1 device" if result.devices == 1 else f"{result.devices} devices that {SHARED[result.parallel]}"
    kept = f"; kernels read {result.offload} from the host's memory over its link" if result.offload else ""
    return text + kept


SHARED = {
    "tensor": "split every matrix; each repeats norms, residuals, routers and what it lacks of whole key-value heads",
    "expert": "have whole experts and split every other matrix; each repeats norms, residuals and routers",
    "data": "have whole experts; all else is on each of them, for sequences of its own",
    "pipeline": "split the layers; a turn is a micro-batch through all of them",
}
