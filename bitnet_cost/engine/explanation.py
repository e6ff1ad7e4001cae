"""Why a cell holds what it holds: formula, counts, constants, and arithmetic that recomputes to the cell.

Every step is printed in full precision, ``name [unit] = expression = value``, with ``x``, ``/``, ``+``, ``-``,
``max(a, b)`` and brackets; a reader, or a test, can evaluate each and end at the cell. Counts are worked out from the
terms of the operators (layers x coefficient x quantity of the workload x actions each); where a run differs from these
terms (several devices, a sum of maxima over decode steps) the figure of the table is taken as it stands, and is a step
of one number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from bitnet_cost.engine.activity import executed_recipe, input_bits_of, product_format, recipes, weight_bits
from bitnet_cost.engine.activity import on_device as formats_on_device
from bitnet_cost.engine.counts import NOT_COUNTED, basis_values
from bitnet_cost.engine.estimate import against
from bitnet_cost.engine.footprint import cached_entries, peak_activation_entries
from bitnet_cost.engine.timing import kernel_class, launch_seconds, launches_of, reached_rate
from bitnet_cost.engine.uncertainty import levers, overhead_factor
from bitnet_cost.errors import BitnetCostError, nearest
from bitnet_cost.inputs.cited import figures_in
from bitnet_cost.inputs.precision import FORMAT_BITS
from bitnet_cost.inputs.runtime import Kernel
from bitnet_cost.inputs.workload import Array
from bitnet_cost.result import Explanation, Lever, Operator, Result, Step, component_of

MEMORY = (
    "parameters", "ideal_weights_bytes", "weights_bytes", "kv_cache_bytes", "peak_activation_bytes",
    "footprint_bytes", "capacity_bytes",
)  # fmt: skip
COUNTS = ("mac", "mul", "add", "special")
ENERGY = ("energy_j", "energy_low_j", "energy_high_j", "energy_per_token_j")
SAVING = ("saving", "saving_low", "saving_high")
TIME = ("prefill_s", "decode_s", "latency_s", "tokens_per_s", "power_w")
CHARGED = ("carbon_g", "cost_usd")
CELLS = (*MEMORY, *COUNTS, *ENERGY, *SAVING, *TIME, *CHARGED)
PREFIXES = ("op", "group", "component", "must_stay", "mac", "mul", "add", "special")

Keep = Callable[[int, int], bool]  # (phase, operator) -> whether it belongs to the cell


def number(value: float) -> str:
    """A number as it is printed in a step: whole where it is whole, else with 15 significant digits.

    >>> number(512.0), number(3e-14), number(1 / 3)
    ('512', '3e-14', '0.333333333333333')
    """
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.15g}"


def equal(a: float, b: float) -> bool:
    """The same but for rounding."""
    return math.isclose(a, b, rel_tol=1e-11, abs_tol=0.0)


class Work:
    """Steps in the order in which they are worked through."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def step(self, name: str, unit: str, expression: str, value: float) -> float:
        """Write one step down; returns its value."""
        self.steps.append(Step(name, unit, expression, value))
        return value

    def product(self, name: str, unit: str, *factors: float) -> float:
        """A product of numbers."""
        return self.step(name, unit, " x ".join(number(f) for f in factors), math.prod(factors))

    def total(self, name: str, unit: str, terms: Sequence[float]) -> float:
        """A sum of numbers, first to last; a single one is a step of its own all the same."""
        result = 0.0
        for term in terms:
            result += term
        return self.step(name, unit, " + ".join(number(t) for t in terms) or "0", result)


def explain(result: Result, baseline: Result | None, cell: str) -> Explanation:
    """The arithmetic behind one cell of a single point. ``baseline`` is what its saving refers to.

    Cells are the fields of a record, ``op:NAME`` (``op:PHASE:NAME``) for the energy of an operator,
    ``group:PHASE:NAME`` for that of a group of them, ``component:NAME``, ``mac:NAME`` (``mul``, ``add``, ``special``)
    for the work of an operator, and ``must_stay:PERCENT`` for the share of
    the baseline's energy that may not scale if a saving of so much is claimed.

    Raises:
        BitnetCostError: no such cell, or one that has no figure here, with the reason.
    """
    kind, _, rest = cell.partition(":")
    if cell not in CELLS and not (kind in PREFIXES and rest):
        close = nearest(cell, CELLS)
        hint = f"; did you mean {close!r}?" if close else ""
        known = ", ".join((*CELLS, "op:NAME", "mac:NAME", "group:PHASE:NAME", "component:NAME", "must_stay:PERCENT"))
        raise BitnetCostError(f"cell: {cell!r} is none{hint} There are {known}.")
    work = Work()
    prices: set[str] = set()
    if cell in MEMORY:
        unit = "1" if cell == "parameters" else "B"
        formula, value = _memory(work, result, cell)
    elif kind in COUNTS:
        unit = "MAC" if kind == "mac" else "operation"
        formula, value = _counts(work, result, cell)
    elif cell in TIME:
        formula, value = _time(work, result, cell)
        unit = {"tokens_per_s": "token/s", "power_w": "W"}.get(cell, "s")
        prices = set(result.prices) if cell == "power_w" else set()
    elif cell in SAVING or kind == "must_stay":
        unit = "1"
        prices = set(result.prices) | (set(baseline.prices) if baseline else set())
        formula, value = _saving(work, result, baseline, cell)
    else:
        unit = {"carbon_g": "g", "cost_usd": "USD"}.get(cell, "J")
        formula, value = _energies(work, result, cell)
        prices = _priced_in(result, kind, rest)
    constants = tuple(levers(result.hardware, sorted(prices)))
    constants += _time_constants(result) if cell in TIME else ()
    return Explanation(
        f"{cell} of {result.architecture.name} in {result.precision.name} at {result.hardware.name}",
        cell, value, unit, formula, constants, tuple(work.steps), _sources(result, constants),
        _conventions(result, baseline if cell in SAVING or kind == "must_stay" else None), NOT_COUNTED,
    )  # fmt: skip


# --- counts and actions --------------------------------------------------------------------------------------------


def _terms(result: Result, p: int, i: int, quantity: str, times: float) -> list[tuple[float, ...]]:
    """Factors of a quantity of one operator: layers, coefficient, quantity of the workload, actions each."""
    op = result.counts.operators[i]
    found: list[tuple[float, ...]] = []
    for name, basis, coefficient in op.terms:
        if name == quantity:
            amount = float(basis_values(result.counts.workload, basis)[p, 0])
            if amount:
                factors = (float(op.repeat), float(coefficient), amount)
                found.append(factors if times == 1 else (*factors, times))
    return found


def _line(work: Work, name: str, unit: str, terms: Sequence[tuple[float, ...]], wanted: float) -> float:
    """A sum of products where it comes to what the table holds, else the table's figure as it stands."""
    value = sum(math.prod(t) for t in terms)
    if terms and equal(value, wanted):
        text = " + ".join(" x ".join(number(f) for f in t) for t in terms)
        return work.step(name, unit, text, wanted)
    return work.step(name, unit, number(wanted), wanted)


def _recipe(
    result: Result, op: Operator, plain: dict[str, list[tuple[str, float]]]
) -> dict[str, list[tuple[str, float]]]:
    if result.hardware.kind == "technology":
        return plain
    executed = result.hardware.executed
    if op.group not in ("elementwise", "embedding"):
        plain = executed_recipe(op, result.precision, executed)
    return formats_on_device(plain, executed)


def _runs(work: Work, result: Result, action: str, runs: Array, keep: Keep, label: str = "") -> float:
    """How often one action runs: a line for each phase and operator, and their sum."""
    counts = result.counts
    plain = recipes(counts.operators, result.precision, result.accumulator)
    parts = []
    for p, phase in enumerate(counts.phases):
        for i, op in enumerate(counts.operators):
            wanted = float(runs[p, i, 0])
            if not wanted or not keep(p, i):
                continue
            terms = [
                term
                for quantity, actions in _recipe(result, op, plain[i]).items()
                for named, times in actions
                if named == action
                for term in _terms(result, p, i, quantity, times)
            ]
            if action.partition(".")[0] in result.hardware.hierarchy:
                terms = _moved(result, p, i, action, wanted)
            parts.append(_line(work, f"{label}{phase} {op.name}, {action}", _unit_of(action), terms, wanted))
    return work.total(f"{label}{action} in all", _unit_of(action), parts)


def _moved(result: Result, p: int, i: int, action: str, wanted: float) -> list[tuple[float, ...]]:
    """Factors of the bits that an operator moves at a level, where they are whole tensors; else none."""
    op, precision = result.counts.operators[i], result.precision
    elsewhere, kv = float(FORMAT_BITS[precision.elsewhere]), float(precision.kv_bits)
    bits = {
        "weights": weight_bits(precision, op), "bias_weights": elsewhere, "kv_read": kv, "kv_write": kv,
        "inputs": input_bits_of(precision, op), "outputs": elsewhere,
    }  # fmt: skip
    resident = ("weights", "bias_weights", "kv_read")
    choices: tuple[tuple[str, ...], ...] = (resident, (*resident, "inputs"), ("inputs",))
    if action.endswith(".write"):
        choices = (("kv_write",), ("outputs",), ("kv_write", "outputs"))
    for names in choices:
        terms = [term for name in names for term in _terms(result, p, i, name, bits[name])]
        if terms and equal(sum(math.prod(t) for t in terms), wanted):
            return terms
    return []


def _unit_of(action: str) -> str:
    stem, _, form = action.partition(".")
    if stem == "static":
        return "s"
    return "operation" if form[:2] in ("fp", "bf", "in") else "bit"


def _counts(work: Work, result: Result, cell: str) -> tuple[tuple[str, ...], float]:
    counts, keep = result.counts, _selected(result, cell)
    kind = cell.partition(":")[0]
    if kind == "mac":
        parts = []
        for p, phase in enumerate(counts.phases):
            for i, op in enumerate(counts.operators):
                wanted = float(counts["mac"][p, i, 0])
                if wanted and keep(p, i):
                    parts.append(_line(work, f"{phase} {op.name}", "MAC", _terms(result, p, i, "mac", 1.0), wanted))
        formula = ("MAC = sum over phases and operators of layers x m k n of one layer",)
        return formula, work.total(cell, "MAC", parts)
    found = []
    for part in (result.activity.arithmetic, result.activity.elementwise):
        for action, runs in part.items():
            if component_of(action) == kind:
                found.append(_runs(work, result, action, runs, keep))
    formula = (f"{kind} = sum over operators of layers x quantity x actions each, elementwise work included",)
    return formula, work.total(cell, "operation", found)


def _selected(result: Result, cell: str) -> Keep:
    """The phases and operators that ``KIND:NAME`` or ``KIND:PHASE:NAME`` means; all where it names none.

    Raises:
        BitnetCostError: no such operator, group or phase.
    """
    kind, _, rest = cell.partition(":")
    if not rest:
        return _every
    counts = result.counts
    phase, _, name = rest.rpartition(":")
    grouped = kind == "group"
    known = {op.group if grouped else op.name for op in counts.operators}
    if name not in known or (phase and phase not in counts.phases):
        close = nearest(name, known)
        hint = f" Did you mean {close!r}?" if close else f" There are {', '.join(sorted(known))}."
        raise BitnetCostError(f"cell: {cell!r}: no such {'group' if grouped else 'operator'} here.{hint}")

    def keep(p: int, i: int) -> bool:
        op = counts.operators[i]
        return (op.group if grouped else op.name) == name and (not phase or counts.phases[p] == phase)

    return keep


# --- energy --------------------------------------------------------------------------------------------------------


def _needs_energy(result: Result) -> None:
    if not result.joules:
        raise BitnetCostError(f"{result.precision.name} at {result.hardware.name} has no energy: {result.reason}")


def _energy(
    work: Work, result: Result, name: str, prices: dict[str, float], keep: Keep, *, whole: bool = True,
    component: str | None = None,
    label: str = "",
) -> float:  # fmt: skip
    """Sum over actions of runs x price, and what a facility adds."""
    parts = []
    for part in result.activity.within(result.scope):
        for action, runs in part.items():
            if component is not None and component_of(action) != component:
                continue
            chosen = any(
                runs[p, i, 0] and keep(p, i)
                for p in range(runs.shape[0])
                for i in range(runs.shape[1])
            )  # fmt: skip
            if not chosen:
                continue
            total = _runs(work, result, action, runs, keep, label)
            parts.append(work.product(f"{label}energy of {action}", "J", total, prices[action]))
    energy = work.total(name if not whole or overhead_factor(result) == 1 else "energy of the device", "J", parts)
    if whole and overhead_factor(result) != 1:
        energy = work.product(name, "J", energy, overhead_factor(result))
    return energy


def _at(result: Result, bound: int) -> dict[str, float]:
    return {action: price[bound] for action, price in result.prices.items()}


def _every(p: int, i: int) -> bool:
    return True


def _energies(work: Work, result: Result, cell: str) -> tuple[tuple[str, ...], float]:
    _needs_energy(result)
    formula = ["energy = sum over actions of runs x price"]
    if result.activity.static and result.scope in ("device", "facility"):
        formula.append("static energy = seconds x power, one price for the floor, between kernels, and while they wait")
    if overhead_factor(result) != 1:
        formula.append("times the facility's PUE")
    kind, _, rest = cell.partition(":")
    if kind in ("op", "group"):
        keep = _selected(result, cell)
        return tuple(formula), _energy(work, result, cell, _at(result, 1), keep)
    if kind == "component":
        if rest not in result.joules:
            raise BitnetCostError(f"cell: {cell!r}: there are the components {', '.join(result.joules)}")
        if rest == "facility":
            device = _energy(work, result, "energy of the device", _at(result, 1), _every, whole=False)
            return tuple(formula), work.step(
                cell, "J", f"({number(overhead_factor(result))} - 1) x {number(device)}",
                (overhead_factor(result) - 1) * device,
            )  # fmt: skip
        return tuple(formula), _energy(work, result, cell, _at(result, 1), _every, whole=False, component=rest)
    bound = {"energy_low_j": 0, "energy_high_j": 2}.get(cell, 1)
    if bound != 1:
        formula.append(f"every price at its {'low' if bound == 0 else 'high'}")
    name = cell if cell in ENERGY[:3] else "energy_j"
    energy = _energy(work, result, name, _at(result, bound), _every)
    if cell == "energy_per_token_j":
        formula.append("energy per token = energy / (batch x generated tokens)")
        batch, generate = int(result.workload.batch), int(result.workload.generate)
        if generate == 1:
            raise BitnetCostError("cell: energy_per_token_j is said only where tokens are generated (--generate)")
        return tuple(formula), work.step(
            cell, "J", f"{number(energy)} / ({batch} x {generate})", energy / (batch * generate)
        )
    if cell in CHARGED:
        return (*formula, *_charged(cell)), _charge(work, result, cell, energy)
    return tuple(formula), energy


def _charged(cell: str) -> tuple[str, ...]:
    what = "carbon intensity" if cell == "carbon_g" else "price of electricity"
    share = "embodied emissions" if cell == "carbon_g" else "price of device time"
    return (f"{cell} = energy x {what}, plus device seconds x {share} where given",)


def _charge(work: Work, result: Result, cell: str, energy: float) -> float:
    site = result.facility
    value = result.carbon_g if cell == "carbon_g" else result.cost_usd
    if site is None or value is None:
        wanted = "--carbon" if cell == "carbon_g" else "--price"
        raise BitnetCostError(f"cell: {cell} has no figure; give {wanted}")
    of_carbon = cell == "carbon_g"
    per_joule = site.carbon_g_per_j if of_carbon else site.usd_per_j
    per_second = site.embodied_g_per_s(result.hardware.embodied) if of_carbon else site.usd_per_device_s
    terms = [f"{number(energy)} x {number(per_joule)}"] if per_joule is not None else []
    if per_second is not None and result.timing is not None:
        seconds = float(result.timing.total[0])
        terms.append(f"{number(seconds)} x {result.devices} x {number(per_second)}")
    return work.step(cell, "g" if of_carbon else "USD", " + ".join(terms), float(value))


def _priced_in(result: Result, kind: str, rest: str) -> set[str]:
    """The actions whose prices a cell of energy rests on."""
    if kind == "component" and rest != "facility":
        return {action for action in result.prices if component_of(action) == rest}
    if kind not in ("op", "group"):
        return set(result.prices)
    name = rest.rpartition(":")[2]
    mine = [i for i, op in enumerate(result.counts.operators) if (op.name if kind == "op" else op.group) == name]
    parts = result.activity.within(result.scope)
    return {action for part in parts for action, runs in part.items() if np.any(runs[:, mine])}


# --- saving --------------------------------------------------------------------------------------------------------


def _saving(work: Work, result: Result, baseline: Result | None, cell: str) -> tuple[tuple[str, ...], float]:
    _needs_energy(result)
    if baseline is None or not baseline.joules:
        raise BitnetCostError(f"cell: {cell} needs a baseline that has an energy; choose --baseline")
    prices = {action: list(p) for action, p in {**baseline.prices, **result.prices}.items()}
    if result.precision == baseline.precision:
        return ("the baseline saves nothing on itself",), work.step(cell, "1", "0", 0.0)
    formula = ["saving = 1 - energy / energy of the baseline, every price the same in both"]
    chosen = {action: p[1] for action, p in prices.items()}
    if cell in ("saving_low", "saving_high"):
        compared = result if result.saving is not None else against(result, baseline)
        assert compared.saving is not None
        wanted = float(compared.saving[0 if cell == "saving_low" else 2])
        chosen, words = _extreme(result, baseline, prices, wanted)
        formula.append(f"each price alone at its low or high, then all together; the {cell[7:]}est is with {words}")
    energies = []
    for r, name in ((result, f"energy of {result.precision.name}"), (baseline, f"energy of {baseline.precision.name}")):
        energies.append(_energy(work, r, name, chosen, _every, whole=False, label=f"{r.precision.name}: "))
    name = "saving" if cell.startswith("must_stay") else cell
    saved = work.step(name, "1", f"1 - {number(energies[0])} / {number(energies[1])}", 1 - energies[0] / energies[1])
    if not cell.startswith("must_stay"):
        return tuple(formula), saved
    text = cell.partition(":")[2]
    try:
        claim = float(text) / 100
    except ValueError:
        raise BitnetCostError(f"cell: {cell!r}: {text!r} is no percentage") from None
    if not claim <= saved:
        raise BitnetCostError(f"cell: {cell}: the claim exceeds the modelled saving; no share makes it true")
    formula.append("a share f that does not scale makes it (1 - f) saving, so f = 1 - claim / saving")
    return tuple(formula), work.step(cell, "1", f"1 - {number(claim)} / {number(saved)}", 1 - claim / saved)


def _extreme(
    result: Result, baseline: Result, prices: dict[str, list[float]], wanted: float
) -> tuple[dict[str, float], str]:
    """The prices, and in words which of them moved, that give the least or the most saving of the record."""
    nominal = {action: p[1] for action, p in prices.items()}
    tries = [(nominal, "all nominal")]
    for bound, word in ((0, "low"), (2, "high")):
        tries.append(({a: p[bound] for a, p in prices.items()}, f"all {word}"))
        tries += [(nominal | {a: p[bound]}, f"{a} {word}") for a, p in prices.items()]
    totals = [_totals(r) for r in (result, baseline)]

    def saved(chosen: dict[str, float]) -> float:
        energy, base = (sum(chosen[a] * n for a, n in part.items()) for part in totals)
        return 1 - energy / base

    return min(tries, key=lambda t: abs(saved(t[0]) - wanted))


def _totals(result: Result) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in result.activity.within(result.scope):
        for action, runs in part.items():
            found[action] = found.get(action, 0.0) + float(runs.sum())
    return found


# --- memory --------------------------------------------------------------------------------------------------------


def _memory(work: Work, result: Result, cell: str) -> tuple[tuple[str, ...], float]:
    memory, precision = result.footprint, result.precision
    if cell in ("parameters", "ideal_weights_bytes"):
        nominal = result.architecture.nominal_parameters
        if nominal is None:
            count = work.total("parameters", "1", [float(n) for n in memory.parameters.values()])
        else:
            count = work.step("parameters", "1", number(float(nominal)), float(nominal))
        if cell == "parameters":
            return ("parameters = sum over roles, tied weights once; a size asked for counts as asked",), count
        bits = precision.information_bits
        ideal = work.step(cell, "B", f"{number(count)} x {number(bits)} / 8", count * bits / 8)
        return ("ideal = parameters x information bits / 8",), ideal
    if cell == "weights_bytes":
        return _weights(work, result)
    if cell == "kv_cache_bytes":
        return _cache(work, result)
    if cell == "peak_activation_bytes":
        return _activations(work, result)
    if cell == "footprint_bytes":
        weights = _weights(work, result)[1]
        cache = _cache(work, result)[1]
        held = _activations(work, result)[1]
        text = f"{number(weights)} + {number(cache)} + {number(held)} x {result.devices}"
        value = weights + cache + held * result.devices
        return ("footprint = weights + KV cache + peak activations of each device",), work.step(cell, "B", text, value)
    if result.capacity_bits is None:
        raise BitnetCostError(f"cell: {cell} has no figure at {result.hardware.name}, a technology node")
    capacity = result.hardware.memory.capacity
    assert capacity is not None
    kept = result.runtime.workspace.value if result.runtime and result.runtime.workspace else 0.0
    text = f"{number(capacity.value)} x (1 - {number(kept)}) / 8 x {result.devices}"
    value = capacity.value * (1 - kept) / 8 * result.devices
    return ("capacity = memory x (1 - what the runtime keeps) x devices",), work.step(cell, "B", text, value)


def _weights(work: Work, result: Result) -> tuple[tuple[str, ...], float]:
    memory, storage = result.footprint, result.precision.linear.weights
    parts = []
    for role, bits in memory.weight_bits.items():
        if role == "scales" and storage.scale_bits:
            parts.append(work.product("scales", "bit", memory.scale_bits / storage.scale_bits, storage.scale_bits))
            continue
        count = float(memory.parameters.get(role, 0))
        each = bits / count if count else 0.0
        if count and equal(count * round(each, 12), bits):
            parts.append(work.product(role, "bit", count, round(each, 12)))
        else:
            parts.append(work.step(role, "bit", number(bits), bits))
    whole = work.total("weights", "bit", parts)
    formula = "stored = sum over roles of parameters x stored bits, and scales, / 8"
    return (formula,), work.step("weights_bytes", "B", f"{number(whole)} / 8", whole / 8)


def _cache(work: Work, result: Result) -> tuple[tuple[str, ...], float]:
    bits, counting = float(result.footprint.kv_bits[0]), result.counts.workload.counting
    batch, prompt, generate = (float(x[0]) for x in result.counts.workload.flat())
    positions = prompt + generate - 1
    copies = result.runtime.cache_copies if result.runtime else 1.0
    entries = float(cached_entries(result.architecture, np.array([batch]), np.array([positions]), counting)[0])
    each = result.precision.kv_bits
    formula = "KV cache = layers x 2 x KV heads x head width x batch x (P + G - 1) positions x bits / 8"
    terms = []
    for layer in result.architecture.layers:
        if layer.attention:
            a = layer.attention
            heads = a.heads if counting == "traced" and a.repeated_cache else a.kv_heads or a.heads
            held = positions if a.window is None else min(positions, a.window - (counting == "traced"))
            terms.append((float(layer.repeat), 2.0, float(heads), float(result.architecture.head_dim(a)), batch, held))
    value = work.step(
        "entries of the cache", "1",
        " + ".join(" x ".join(number(f) for f in t) for t in terms)
        if terms and equal(sum(math.prod(t) for t in terms), entries) else number(entries), entries,
    )  # fmt: skip
    if not equal(value * each * copies, bits) and bits != value * each * copies:
        return (formula,), work.step("kv_cache_bytes", "B", f"{number(bits)} / 8", bits / 8)
    text = f"{number(value)} x {number(each)} x {number(copies)} / 8"
    return (formula,), work.step("kv_cache_bytes", "B", text, bits / 8)


def _activations(work: Work, result: Result) -> tuple[tuple[str, ...], float]:
    bits = float(result.footprint.activation_bits[0])
    batch, prompt, _ = (float(x[0]) for x in result.counts.workload.flat())
    widest = float(peak_activation_entries(result.counts)[0])
    stream = work.product("residual stream", "1", batch, prompt, float(result.architecture.hidden_size))
    each = float(FORMAT_BITS[result.precision.elsewhere])
    chunk = result.runtime.chunk if result.runtime else None
    at_once = min(1.0, chunk / (batch * prompt)) if chunk else 1.0
    formula = "activations = (operands and results of the widest operator of a layer + residual stream) x bits / 8"
    if not equal((widest + stream) * at_once * each, bits):
        return (formula,), work.step("peak_activation_bytes", "B", f"{number(bits)} / 8", bits / 8)
    work.step("widest operator", "1", number(widest), widest)
    text = f"({number(widest)} + {number(stream)}) x {number(at_once)} x {number(each)} / 8"
    return (formula,), work.step("peak_activation_bytes", "B", text, bits / 8)


# --- time ----------------------------------------------------------------------------------------------------------


def _time(work: Work, result: Result, cell: str) -> tuple[tuple[str, ...], float]:
    timing = result.timing
    if timing is None:
        reason = result.reason or f"{result.hardware.name} has no clock"
        raise BitnetCostError(f"cell: {cell} has no figure: {reason}")
    formula = ["time of an operator = (max(MAC / rate, bits / bandwidth) + launches + link) x stretch of the power cap"]
    several = len(result.counts.phases) > 1
    if cell == "prefill_s":
        return tuple(formula), _phase(work, result, 0, cell)
    decode = _phase(work, result, 1, "decode_s") if several else work.step("decode_s", "s", "0", 0.0)
    if cell == "decode_s":
        return tuple(formula), decode
    if cell == "tokens_per_s":
        rate = result.tokens_per_s
        if rate is None:
            raise BitnetCostError("cell: tokens_per_s is said only where tokens are generated (--generate)")
        formula.append("tokens per second = batch x (generated - 1) / decode")
        batch, generate = int(result.workload.batch), int(result.workload.generate)
        return tuple(formula), work.step(cell, "token/s", f"{batch} x ({generate} - 1) / {number(decode)}", rate)
    prefill = _phase(work, result, 0, "prefill_s")
    latency = work.total("latency_s", "s", [prefill, decode])
    if cell == "latency_s":
        return ("latency = prefill + decode", *formula), latency
    _needs_energy(result)
    if result.scope not in ("device", "facility"):
        raise BitnetCostError("cell: power_w is said with --scope device")
    energy = _energy(work, result, "energy of the device", _at(result, 1), _every, whole=False)
    power = work.step(cell, "W", f"{number(energy)} / {number(latency)}", energy / latency)
    return ("power = energy of the device / latency", *formula), power


def _phase(work: Work, result: Result, p: int, name: str) -> float:
    """Seconds of a phase, operator by operator."""
    timing, counts, phase = result.timing, result.counts, result.counts.phases[p]
    assert timing is not None
    assert result.runtime is not None
    parts = []
    stretch = float(timing.stretch[p, 0])
    for i, op in enumerate(counts.operators):
        seconds = float(timing.seconds[p, i, 0])
        if not seconds:
            continue
        compute, memory = float(timing.compute[p, i, 0]), float(timing.memory[p, i, 0])
        launches, link = float(timing.overhead[p, i, 0]), float(timing.link[p, i, 0])
        kind = kernel_class(op, result.precision)
        kernel = result.runtime.kernel(kind) if kind else None
        rate = reached_rate(op, kernel, result.precision, result.hardware)
        mac = float(counts["mac"][p, i, 0])
        if compute:
            text = number(compute)
            if math.isfinite(rate) and equal(mac / rate, compute):
                text = f"{number(mac)} / {number(rate)}"
            work.step(f"{phase} {op.name}, arithmetic", "s", text, compute)
        if memory:
            text = _moving(result, p, i, kernel.bandwidth.value if kernel and kernel.bandwidth else 1.0, memory)
            work.step(f"{phase} {op.name}, memory", "s", text, memory)
        if launches:
            told = _launches(result, p, i, kernel, launches)
            work.step(f"{phase} {op.name}, launches{'' if 'x' in told else ' and host'}", "s", told, launches)
        value = (max(compute, memory) + launches + link) * stretch
        text = f"(max({number(compute)}, {number(memory)}) + {number(launches)} + {number(link)}) x {number(stretch)}"
        parts.append(work.step(f"{phase} {op.name}", "s", text if equal(value, seconds) else number(seconds), seconds))
    return work.total(name, "s", parts)


def _time_constants(result: Result) -> tuple[Lever, ...]:
    """Bandwidths, rates of the formats that run, the cap, and what the runtime reaches in the kernels that run."""
    assert result.runtime is not None
    ops, precision, hardware = result.counts.operators, result.precision, result.hardware
    forms = {hardware.executed(f) for op in ops if (f := product_format(op, precision))}
    shared = [result.runtime.kernel(k) for op in ops if (k := kernel_class(op, precision))]
    found = []
    for root, model in (("device", hardware), ("runtime", result.runtime)):
        for place, figure in figures_in(model, (root,)):
            last = place[-1]
            of_device = root == "device" and (
                last == "bandwidth" or (place[1] == "rates" and place[2] in forms) or place[1:] == ("power", "cap")
            )
            of_runtime = root == "runtime" and last in ("per_pass", "per_sequence")
            if place[1] == "kernels":
                of_runtime = any(result.runtime.kernels[place[2]] is k for k in shared)  # type: ignore[index]
            if place[1] == "interconnect" and result.devices == 1:
                continue
            if of_device or of_runtime:
                name = ".".join(place)
                found.append(
                    Lever(name, figure.low, figure.value, figure.high, figure.dimension.si, figure.basis,
                          figure.source, name)
                )  # fmt: skip
    return tuple(found)


def _launches(result: Result, p: int, i: int, kernel: Kernel | None, wanted: float) -> str:
    """Launches of an operator: layers x kernels x seconds of one x passes, where that comes to what the table holds."""
    assert result.runtime is not None
    op, names = result.counts.operators[i], {o.name for o in result.counts.operators}
    if kernel is None:
        return number(wanted)
    factors = (float(op.repeat), launches_of(op, kernel, result.runtime, names), launch_seconds(kernel, op),
               float(result.counts.passes[p, 0]))  # fmt: skip
    return " x ".join(map(number, factors)) if equal(math.prod(factors), wanted) else number(wanted)


def _moving(result: Result, p: int, i: int, share: float, wanted: float) -> str:
    """Bits over reached bandwidth, level by level, where that comes to what the table holds."""
    terms, value = [], 0.0
    for place, bits in result.activity.movement.items():
        level = result.hardware.hierarchy.get(place.partition(".")[0])
        moved = float(bits[p, i, 0])
        if level is None or level.bandwidth is None or not moved:
            continue
        terms.append(f"{number(moved)} / ({number(level.bandwidth.value)} x {number(share)})")
        value += moved / (level.bandwidth.value * share)
    return " + ".join(terms) if terms and equal(value, wanted) else number(wanted)


# --- what stands beside the arithmetic -----------------------------------------------------------------------------


def _sources(result: Result, constants: Iterable[Lever]) -> tuple[str, ...]:
    found = []
    for of_runtime, key in dict.fromkeys((c.name.startswith("runtime."), c.source) for c in constants):
        holder = result.runtime if of_runtime else result.hardware
        assert holder is not None
        s = holder.sources[key]
        found.append(f"[{key}] {s.author}: {s.title}, {s.year}. {s.where}. ({s.seen})")
    return tuple(found)


def _conventions(result: Result, baseline: Result | None) -> tuple[str, ...]:
    work = result.counts.workload
    found = [
        f"batch {work.batch}, prompt {work.prompt}, generated {work.generate}; the first token comes from the prefill",
        f"attention {work.attention}, logits {work.logits}, counting {work.counting}",
        f"scope {result.scope}, accumulator {result.accumulator}",
        "a dense product [m, k] x [k, n] has m k n MUL and m (k-1) n ADD; 1-bit weights only add",
    ]
    if result.runtime is not None:
        found.append(f"runtime {result.runtime.runtime}, {result.devices} device(s)")
    if baseline is not None:
        found.append(f"baseline {baseline.precision.name}, same scope and workload")
    return tuple(found)
