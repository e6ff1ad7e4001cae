"""Why a cell holds what it holds: formula, counts, constants, and arithmetic that recomputes to the cell.

Every line follows from those before it, from constants of the profile and runtime, and from numbers of the model and
of the workload; what it comes to is held against the table, and a line that differs is an error, never printed.
One module for each duty: `work` writes arithmetic down; `bases` and `actions` count; `time`, `energy`, `charges`,
`memory` and `saving` work a cell out; `constants` says what the arithmetic rests on.
"""

from __future__ import annotations

from collections.abc import Callable

from bitnet_cost.engine.counts import NOT_COUNTED
from bitnet_cost.engine.explanation import actions, charges, energy, memory, saving, time
from bitnet_cost.engine.explanation.case import Case, case_of, selected
from bitnet_cost.engine.explanation.constants import constants, conventions, sources
from bitnet_cost.engine.explanation.work import Work, product, total
from bitnet_cost.errors import BitnetCostError, nearest
from bitnet_cost.result import Explanation, Result

Formula = tuple[str, ...]

SAVING = ("saving", "saving_low", "saving_high", "saving_least", "saving_most")
TIME = ("prefill_s", "decode_s", "latency_s", "tokens_per_s", "power_w")
ENERGY = ("energy_j", "energy_low_j", "energy_high_j", "energy_per_token_j")
MEMORY = (
    "weights_bytes", "kv_cache_bytes", "peak_activation_bytes", "footprint_bytes", "capacity_bytes", "memory_share",
)  # fmt: skip
COUNTS = ("mac", "mul", "add", "special")
BYTES = ("weight_bytes", "activation_bytes", "kv_bytes")
CELLS = (
    "parameters", "ideal_weights_bytes", *MEMORY, *memory.FIT, "devices_needed", *COUNTS, *ENERGY, *SAVING, *TIME,
    "carbon_g", "cost_usd", *charges.PER_DAY,
)  # fmt: skip
# Cells of a part: of an operator, a group or a component. NAME may follow a phase, as in op:decode:q.
PARTS = ("op", "group", "component", "share", "must_stay", "seconds", *COUNTS, *BYTES)
WORDS = {
    "bound": "is a word, the longest of the times; explain latency_s, or seconds:PHASE:NAME",
    "fits": "is yes or no; explain memory_share, footprint_bytes or capacity_bytes",
    "devices": "is what was asked; the column of 'fit' is devices_needed",
}
UNITS = {
    "mac": "MAC", "mul": "operation", "add": "operation", "special": "operation", "tokens_per_s": "token/s",
    "power_w": "W", "seconds": "s", "op": "J", "group": "J", "component": "J",
}  # fmt: skip
_SUFFIXES = {"_bytes": "B", "_j": "J", "_s": "s", "_g": "g", "_usd": "USD"}


def explain(result: Result, baseline: Result | None, cell: str, requests_per_day: float | None = None) -> Explanation:
    """The arithmetic behind one cell of a single point. ``baseline`` is what its saving refers to.

    Cells are `CELLS`: the fields of a record, of `fit` and of a day's requests, and the ends of a saving's range; and
    those of a part: ``op:NAME`` and ``group:NAME`` for energy, ``component:NAME``, ``mac:NAME`` (``mul``, ``add``,
    ``special``, ``weight_bytes`` ...), ``seconds:NAME``, ``share:component:NAME`` for its share of the energy, and
    ``must_stay:PERCENT`` for the share of the baseline's energy that may not scale if a saving of so much is claimed.

    Raises:
        BitnetCostError: no such cell, one that has no figure here, with the reason, or one that cannot be opened.
    """
    kind, _, rest = cell.partition(":")
    if cell in WORDS:
        raise BitnetCostError(f"cell: {cell} {WORDS[cell]}")
    if cell not in CELLS and not (kind in PARTS and rest):
        close = nearest(cell, CELLS)
        hint = f"; did you mean {close!r}?" if close else "."
        known = ", ".join((*CELLS, "op:NAME", "mac:NAME", "group:PHASE:NAME", "component:NAME", "must_stay:PERCENT"))
        raise BitnetCostError(f"cell: {cell!r} is not known{hint} There are {known}.")
    work = Work()
    paired = cell in SAVING or kind == "must_stay"
    formula, value = (
        saving.saving(work, result, baseline, cell)
        if paired
        else _worked(case_of(work, result), cell, requests_per_day)
    )
    rests_on = constants(work, result)
    return Explanation(
        f"{cell} of {result.architecture.name} in {result.precision.name} at {result.hardware.name}",
        cell, value, _unit(cell), tuple(dict.fromkeys(formula)), rests_on, tuple(work.steps),
        sources(work, result, rests_on), conventions(result, baseline if paired else None),
        (*NOT_COUNTED, *([result.not_reached] if result.not_reached else [])),
    )  # fmt: skip


def _unit(cell: str) -> str:
    kind = cell.partition(":")[0].removesuffix("_per_day").removesuffix("_per_year")
    if kind == "energy_per_token_j":
        return "J"
    return UNITS.get(kind) or next((unit for end, unit in _SUFFIXES.items() if kind.endswith(end)), "1")


def _worked(case: Case, cell: str, requests_per_day: float | None) -> tuple[Formula, float]:
    kind = cell.partition(":")[0]
    if cell in charges.PER_DAY:
        return charges.per_day(case, cell, requests_per_day)
    ways: dict[str, Callable[[Case, str], tuple[Formula, float]]] = {
        "parameters": memory.ideal, "ideal_weights_bytes": memory.ideal, "devices_needed": memory.devices_needed,
        **dict.fromkeys(MEMORY, memory.resident), **dict.fromkeys(memory.FIT, memory.fitting),
        **dict.fromkeys(COUNTS, _count), **dict.fromkeys(BYTES, _bytes),
        **dict.fromkeys(("carbon_g", "cost_usd"), charges.charge),
        **dict.fromkeys((*TIME, "seconds"), _time), "share": energy.share,
    }  # fmt: skip
    return ways.get(kind, energy.energy)(case, cell)


def _count(case: Case, cell: str) -> tuple[Formula, float]:
    """Work of the whole model or of a part of it: MACs of the mathematics, actions as they run on all devices."""
    keep, kind = selected(case, cell), cell.partition(":")[0]
    unit = UNITS[kind]
    if kind == "mac":
        whole = Case(case.work, case.result, None)
        found = [actions.macs(whole, p, i) for p, i in whole.cells(keep)]
        formula = "MAC = sum over phases and operators of layers x m k n of one layer"
        return (formula,), case.work.step(cell, unit, total([x for x in found if x]))
    table = case.result.actions(kind)
    wanted = sum(float(table[p, i, 0]) for p, i in case.cells(keep))
    formula = f"{kind} = sum over operators of layers x quantity x actions each, elementwise work included"
    return (formula,), case.work.step(cell, unit, total(actions.counted(case, kind, keep)), wanted)


def _bytes(case: Case, cell: str) -> tuple[Formula, float]:
    """Bytes of weights, operands or cache that an operator moves at least once, on all devices."""
    keep, kind = selected(case, cell), cell.partition(":")[0]
    activity = case.result.activity
    table = {
        "weight_bytes": activity.weight_bits, "activation_bytes": activity.activation_bits,
        "kv_bytes": activity.kv_bits,
    }[kind]  # fmt: skip
    parts = []
    for p, i in case.cells(keep):
        if kind == "weight_bytes":
            terms = actions.weights_moved(case, p, i)
        else:
            of = actions.operands if kind == "activation_bytes" else actions.cached
            terms = [*of(case, p, i, "read"), *of(case, p, i, "write")]
        if terms:
            parts.append(case.work.line(f"{case.name(p, i)}, bits", "bit", total(terms)))
    turns = [case.turns] if case.turns != 1 else []
    wanted = sum(float(table[p, i, 0]) for p, i in case.cells(keep)) / 8
    value = case.work.step(cell, "B", product(total(parts), *turns, over=[8.0]), wanted)
    return ("bytes = sum over operators of layers x entries x bits / 8: weights once per pass, the rest once",), value


def _time(case: Case, cell: str) -> tuple[Formula, float]:
    """Seconds of a phase, of both or of an operator, tokens per second, power."""
    result, work = case.result, case.work
    if result.timing is None:
        raise BitnetCostError(f"cell: {cell} has no figure: {result.reason or f'{result.hardware.name} has no clock'}")
    phases = time.Phases(case)
    if cell.startswith("seconds:"):
        cells = [(p, i) for p, i in case.cells(selected(case, cell)) if result.timing.seconds[p, i, 0]]
        return time.FORMULA, work.step(cell, "s", total([phases.seconds(p, i) for p, i in cells]))
    if cell == "prefill_s":
        return time.FORMULA, phases.phase(0, cell)
    if cell in ("decode_s", "tokens_per_s"):
        several = len(case.counts.phases) > 1
        decode = phases.phase(1, "decode_s") if several else work.step("decode_s", "s", 0.0)
        if cell == "decode_s":
            return time.FORMULA, decode
        if result.tokens_per_s is None:
            raise BitnetCostError("cell: tokens_per_s is said only where tokens are generated (--generate)")
        steps = float(int(result.workload.generate)) - 1
        rate = product(float(int(result.workload.batch)), steps, over=[decode])
        formula = ("tokens per second = batch x (generated - 1) / decode", *time.FORMULA)
        return formula, work.step(cell, "token/s", rate, result.tokens_per_s)
    latency = charges.latency(case)
    if cell == "power_w":
        return energy.power(case, cell, latency)
    return ("latency = prefill + decode", *time.FORMULA), work.step(cell, "s", latency)
