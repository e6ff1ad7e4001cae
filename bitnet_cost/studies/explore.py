"""A question that a page answers again for other numbers: the engine's graphs, what is free in them, and the words.

For each model on each hardware with each number of devices there is one graph of all precisions, and another where no
token is generated after the first: beyond the guard between them the first does not hold. What the page shows are
roots of these graphs; it adds no formula of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np

from bitnet_cost.engine.difference import UNMEASURED, weak_figures
from bitnet_cost.engine.estimate import against, evaluate
from bitnet_cost.engine.load import can_serve, over, serve
from bitnet_cost.engine.trace import Trace
from bitnet_cost.errors import BitnetCostError, MissingPrice
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import WEAK, Figure, Ratio
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.load import Load
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import LIMITS
from bitnet_cost.ledger.difference import HALF
from bitnet_cost.ledger.intervals import energy_interval, is_measured
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import digits, figure_text, to_digits
from bitnet_cost.readers import quality
from bitnet_cost.told import Node
from bitnet_cost.told.translate import packed
from bitnet_cost.units import KWH
from bitnet_cost.views import honesty
from bitnet_cost.views.families import family_of, is_one_bit
from bitnet_cost.views.notes import TURNED
from bitnet_cost.views.quality import table
from bitnet_cost.views.verdict import (
    ENERGY,
    SENTENCES,
    hardware_name,
    place_words,
    precision_name,
    without_unit,
)

USUAL_HARDWARE = ("h100-sxm-80gb", "rtx-4090", "apple-m1-pro-gpu-14c")  # where none is asked for
MOST_DEVICES = 8  # that are offered; more where they were asked for
ROOM = 2200  # kB of graphs
SHARES = (*np.geomspace(1 / 300, 0.7, 12), 0.8, 0.87, 0.92, 0.95, 0.97, 0.98, 0.99, 0.995, 1)  # of a largest rate
MANY = 1e6  # tokens, for money and emissions
_CALLED = {
    "runtime.kernels.": "", "hierarchy.": "", "actions.": "", "rates.": "peak ", "power.static": "static power",
    ".compute": " kernels, share of the peak",
}  # fmt: skip
_SHOWN = (  # the figures that a page lets move, by the end or the beginning of their paths; the heading they are under
    ("Device", (".bandwidth", "rates.", "power.static")),
    ("Prices per action", ("actions.", ".read", ".write", ".energy")),
    ("Software", (".compute",)),
)  # fmt: skip


@dataclass(frozen=True)
class Start:
    """What the page opens with, and how the things in it are called on the command line."""

    site: Facility
    typed: Mapping[str, str]  # by the name of a model, a precision, hardware: what was typed for it
    devices: int = 1
    options: tuple[str, ...] = ()  # of the command line, that the page cannot change


def counts_of(hardware: Hardware, devices: int) -> list[int]:
    """The numbers of devices that a page offers: powers of two that something joins, and the number asked for."""
    joined = min(hardware.joined_at_most, MOST_DEVICES)
    return sorted({devices, *(n for n in (1, 2, 4, 8) if n <= joined)})


def explored(asked: Sequence[Scenario], start: Start) -> dict[str, Any]:
    """All that a page of the explorer holds, as plain data. Scenarios of one model and hardware differ in precision.

    Raises:
        BitnetCostError: a technology node, or no place that has an answer.
    """
    models = {one.model.name: one.model for one in asked}
    devices = {one.hardware.name: one for one in asked}
    precisions = {one.precision.name: one.precision for one in asked}
    model_at, device_at = ({name: i for i, name in enumerate(names)} for names in (models, devices))
    groups: dict[tuple[int, int, int], list[Scenario]] = {}
    for one in asked:
        key = model_at[one.model.name], device_at[one.hardware.name], one.devices
        groups.setdefault(key, []).append(one.but(facility=start.site))
    if _kilobytes(groups.values()) > ROOM:  # then without other numbers of devices
        groups = {key: group for key, group in groups.items() if key[2] == start.devices}
    both = 2 * _kilobytes(groups.values()) <= ROOM
    if _kilobytes(groups.values()) > ROOM:
        raise BitnetCostError(
            f"explore: {len(groups)} pairs of a model and devices in {len(precisions)} precisions need a file of more "
            "than 2.5 MB; name fewer models, devices (-H) or precisions (-p)"
        )
    graphs: list[Any] = []
    places = {"/".join(map(str, key)): _place(group, graphs, start, both) for key, group in groups.items()}
    first = asked[0]
    batch, prompt, generate = (int(x[0]) for x in first.workload.flat())
    return {
        "models": [[m.name, m.title or m.name] for m in models.values()],
        "devices": [_device(one) for one in devices.values()],
        "precisions": [
            {"name": p.name, "words": precision_name(p.name), "oneBit": is_one_bit(p), "family": family_of(p).name,
             "shape": family_of(p).shape, "option": shlex.join(["-p", start.typed.get(p.name, p.name)])}
            for p in precisions.values()
        ],
        "quality": [_quality(m, list(precisions.values())) for m in models.values()],
        "places": places, "graphs": graphs, "limits": LIMITS, "sentences": SENTENCES, "named": TURNED, "half": HALF,
        "unmeasured": UNMEASURED,
        "commands": {f"{i}/{j}": places[key]["command"] for (i, j, _), key in zip(groups, places, strict=True)},
        "start": {
            "batch": batch, "prompt": prompt, "generate": generate, "devices": start.devices,
            "pue": start.site.pue, "carbon": _plain((start.site.carbon_g_per_j or 0.0) * KWH),
            "price": _plain((start.site.usd_per_j or 0.0) * KWH),
        },
    }  # fmt: skip


def _quality(model: Architecture, precisions: Sequence[Precision]) -> dict[str, Any]:
    """The table of what is published on a model's quality: its title, headings and rows, none where nothing is."""
    cells = {p.name: quality.published(model.name, p.name) for p in precisions}
    name = model.title or model.name
    if not any(cells.values()):
        return {"title": f"Quality of {name} is not known in these precisions", "heads": [], "rows": []}
    made = table(name, cells)
    return {"title": made.title, "heads": [c.heading for c in made.columns], "rows": made.full_rows}


def _kilobytes(groups: Collection[Sequence[Scenario]]) -> float:
    """About what a graph of each group takes in a file: by precision, and by pair of precisions."""
    return sum(2 * len(group) + len(group) * (len(group) - 1) / 2 for group in groups)


def _plain(value: float) -> float:
    """A number that was converted to SI, as it was typed."""
    return float(digits(value, 12))


def _device(one: Scenario) -> dict[str, Any]:
    """A device, and each of its figures that the page lets move, in the unit in which a file would give it."""
    hardware = one.hardware
    figures = {path: _field(one, path, figure, heading) for heading, path, figure in _movable(one)}
    return {"name": hardware.name, "title": hardware.title, "short": hardware_name(hardware),
            "noUnit": without_unit(hardware), "figures": figures}  # fmt: skip


def _movable(one: Scenario) -> Iterator[tuple[str, str, Figure]]:
    """The figures of a scenario that the page lets move: heading, path, figure."""
    every = list(one.figures())
    for heading, marks in _SHOWN:
        for path, figure in every:
            inside = not path.startswith("alternatives.") and (heading == "Software") == path.startswith("runtime.")
            if inside and any(path.startswith(m) or path.endswith(m) for m in marks):
                yield heading, path, figure


def _field(one: Scenario, path: str, figure: Figure, heading: str) -> dict[str, Any]:
    """A figure as a field of the page."""
    dimension = figure.dimension
    unit = "%" if isinstance(figure, Ratio) else figure_text(figure.value, dimension.si).partition(" ")[2]
    scale, words = dimension.spellings[unit], path
    for of, called in _CALLED.items():
        words = words.replace(of, called)
    return {
        "label": words.replace(".", " "), "heading": heading, "unit": unit, "scale": scale, "basis": figure.basis,
        "shown": digits(figure.value / scale, 6), "option": shlex.quote(path),
        "least": _limit(one, path, figure.value, dimension.low),
        "most": _limit(one, path, figure.value, dimension.high),
    }  # fmt: skip


def _limit(one: Scenario, path: str, inside: float, end: float) -> float:
    """How far towards one end of its dimension a figure can go, before others of the profile exclude it."""

    def possible(value: float) -> bool:
        try:
            one.at(path, value)
        except BitnetCostError:
            return False
        return True

    if possible(end):
        return end
    for _ in range(40):
        middle = (inside * end) ** 0.5
        inside, end = (middle, end) if possible(middle) else (inside, middle)
    return to_digits(inside, 3) if possible(to_digits(inside, 3)) else inside


def _place(asked: Sequence[Scenario], graphs: list[Any], start: Start, both: bool) -> dict[str, Any]:
    """One model on one hardware with one number of devices, in every precision; its graphs are added to those of all.

    ``both`` sides of the guard have a graph; else that alone where tokens are generated.

    Raises:
        BitnetCostError: a technology node.
    """
    first = asked[0]
    if not first.hardware.has_clock:
        raise BitnetCostError(f"explore: {first.hardware.name!r} is a technology node, without time; name a device")
    sides: dict[str, int] = {}
    refused: dict[int, str] = {}
    weak: dict[str, tuple[float, float]] = {}
    measured: list[int] = []
    every = (("more", 2), ("one", 1)) if first.model.kind == "decoder" else (("one", 1),)
    for side, generate in every if both else every[:1]:
        results: dict[int, Result] = {}
        for i, one in enumerate(asked):
            try:
                results[i] = evaluate(one.but(workload=replace(one.workload, generate=generate)))
            except MissingPrice as fault:
                refused[i] = f"no {fault.lacking}"
        if results:
            measured = [i for i, r in results.items() if is_measured(r)]
            weak |= {path: (f.low, f.high) for path, f in weak_figures(list(results.values())).items()}
            sides[side] = len(graphs)
            graphs.append(_graph(results, tuple(weak)))
    return {
        "where": place_words(first.hardware, first.devices, hardware_name(first.hardware)),
        "what": ENERGY.get(first.scope or first.hardware.default_scope, "energy"), "command": _command(first, start),
        "graphs": sides, "refused": refused, "weak": weak, "measured": measured,
        "load": _loads(asked) if first.devices == start.devices else {},
    }  # fmt: skip


def _loads(asked: Sequence[Scenario]) -> dict[int, list[list[float]]]:
    """Requests as they come, by precision: rates up to the largest stable one, J and s of a token at each."""
    found: dict[int, list[list[float]]] = {}
    for i, one in enumerate(asked):
        if not can_serve(one):
            continue
        prompt, generate = (int(x[0]) for x in one.workload.flat()[1:])
        try:
            served = serve(one, Load(1.0, prompt, generate))
        except MissingPrice:
            continue
        curve = over(served, served.largest * np.array(SHARES)) if served.largest else served
        if curve.steady is not None:
            columns = (curve.load.rates, curve.steady.energy_j[1] / generate, curve.steady.tpot_s)
            found[i] = [[to_digits(float(x), 4) for x in column] for column in columns]
    return found


def _command(one: Scenario, start: Start) -> str:
    """The command that answers the same, but for what the page can change."""
    work, runtime, typed = one.workload.for_kind(one.model.kind), one.runtime, start.typed
    words = ["bitnet-cost", "estimate", typed.get(one.model.name, one.model.name)]
    words += ["-H", typed.get(one.hardware.name, one.hardware.name)]
    words += [] if runtime is None or "--runtime" in start.options else ["--runtime", runtime.runtime]
    words += ["--scope", one.scope or one.hardware.default_scope, "--accumulator", one.accumulator]
    words += ["--attention", str(work.attention), "--logits", work.logits, "--counting", work.counting]
    offload = ["--offload", one.offload] if one.offload else []
    return shlex.join([*words, "--parallel", one.parallel, *offload, *start.options])


def _graph(results: Mapping[int, Result], weak: Sequence[str]) -> dict[str, Any]:
    """One graph of the results in each precision and of how they differ."""
    first = next(iter(results.values()))
    paths = dict.fromkeys([path for _, path, _ in _movable(first.scenario)] + list(weak))
    trace = Trace(paths=tuple(paths), site=True)
    told = {i: trace.of(result, lean=True) for i, result in results.items()}
    roots: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        for i, result in told.items():
            roots |= {f"{i}:{name}": value for name, value in _roots(result, trace).items()}
        for i, j in permutations(told, 2):
            compared: Any = against(told[i], told[j]).saving
            for name, value in zip(("least", "nominal", "most"), np.ravel(compared), strict=True):
                roots[f"{i}/{j}:{name}"] = value
            roots[f"{i}/{j}:change"] = _one(told[i].energy_j / told[j].energy_j - 1)
    return packed(roots)


def _roots(result: Result, trace: Trace) -> dict[str, Node | float]:
    """What the page shows of a result, as numbers of its graph."""
    graph, memory = trace.graph, result.footprint
    sequences, _, steps = (x[0] for x in result.workload.flat())
    token = 1 / (sequences * steps) if result.timing is not None and _generates(result) else 1.0
    many = MANY if _generates(result) else 1.0

    def weakness(action: str) -> Any:
        path = result.hardware.path_of(action)
        is_weak = float(result.hardware.basis(action) in WEAK)
        return is_weak if path is None else graph.input(f"weak {path}", is_weak)

    weak, whole = honesty.weak_energy(result, weakness)
    low, nominal, high = (e[0] for e in energy_interval(result))
    found = {
        "fits": _one(result.fits), "bits": memory.bits[0] / 8, "needs": memory.on_each(result.devices)[0] / 8,
        "capacity": result.capacity_bits / 8 if result.capacity_bits is not None else np.nan,
        "energy": nominal * token, "low": low * token, "high": high * token, "total": nominal,
        "mark": weak / whole >= honesty.ENOUGH, "latency": result.timing.total[0] if result.timing else np.nan,
        "wh": nominal * token * many / 3600,
        "stored": memory.total_weight_bits / 8,
        "carbon": _one(result.carbon_g) * token * many, "cost": _one(result.cost_usd) * token * many,
    }  # fmt: skip
    if _generates(result) and result.token_rates is not None:
        found["rate"] = result.token_rates[0]
    return found


def _one(values: Any) -> Any:
    """The number of a single point."""
    return np.ravel(values)[0]


def _generates(result: Result) -> bool:
    """Whether tokens are generated after the first: what the guard of a graph is about."""
    generate = _one(result.workload.flat()[2])
    return float(getattr(generate, "value", generate)) > 1
