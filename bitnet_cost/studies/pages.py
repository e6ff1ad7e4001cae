"""An answer or a study as one page: what `bitnet_cost.views.html` renders into a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from bitnet_cost.engine.time_figures import energies_at_ends, time_figures
from bitnet_cost.engine.uncertainty import swings
from bitnet_cost.garbage import uncollected
from bitnet_cost.inputs.cited import WEAK, Figure, Source, figures_in
from bitnet_cost.ledger.answers import Answer, Lever
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import digits, fixed, range_of, span, to_digits, with_commas, with_prefix
from bitnet_cost.readers import catalog
from bitnet_cost.studies.accuracy_classes import CLASSES
from bitnet_cost.studies.grid import SENSITIVE, grid
from bitnet_cost.studies.ranges import judged
from bitnet_cost.tables import Report, Table, headed
from bitnet_cost.views import honesty, records
from bitnet_cost.views.by_quality import best_of, covered
from bitnet_cost.views.charts import Chart, Data, Shown, undecided
from bitnet_cost.views.day import load_batch
from bitnet_cost.views.families import is_one_bit
from bitnet_cost.views.figures import family_looks, parity_figure
from bitnet_cost.views.groups import alike, kept_by_host, place_of, places
from bitnet_cost.views.memory import memory_tables
from bitnet_cost.views.page import Cited, Page, charts, how_to_reproduce
from bitnet_cost.views.ranges import SWINGS_SHOWN, lever_name, range_text
from bitnet_cost.views.scripted import script_data
from bitnet_cost.views.verdict import hardware_name, precision_name

if TYPE_CHECKING:
    from bitnet_cost.ledger.load import LoadAnswer
    from bitnet_cost.ledger.training import TrainingAnswer, TrainingResult

SCOPES = {
    "arithmetic": "energy of the arithmetic of linear layers", "compute": "energy of all arithmetic",
    "memory": "energy of arithmetic and memory", "device": "energy of the whole device",
    "facility": "energy of the whole facility",
}  # fmt: skip
_LINKS = (
    (re.compile(r"(https?://[^\s,;<>\"']+)"), "{}"),
    (re.compile(r"arXiv:\s?([0-9]{4}\.[0-9]{4,5})", re.IGNORECASE), "https://arxiv.org/abs/{}"),
    (re.compile(r"\b(10\.[0-9]{4,9}/[^\s,;<>\"']+)"), "https://doi.org/{}"),
)


def link_of(where: str) -> str:
    """The address that a source's locator names; empty where it names none.

    >>> link_of("arXiv:2310.11453, section 2.3"), link_of("doi 10.1109/ISSCC.2014.6757323, Fig. 1"), link_of("page 3")
    ('https://arxiv.org/abs/2310.11453', 'https://doi.org/10.1109/ISSCC.2014.6757323', '')
    """
    for pattern, form in _LINKS:
        match = pattern.search(where)
        if match:
            return form.format(match[1].rstrip("."))
    return ""


def _cited(sources: dict[str, Source]) -> list[Cited]:
    return [
        Cited(key, f"{s.author}: {s.title}, {s.year}. {s.where}", link_of(f"{s.where} {s.author} {s.title}"), s.seen)
        for key, s in sources.items()
    ]  # fmt: skip


def lead(results: Sequence[Result]) -> Result:
    """The result that a page opens with: the narrowest precision where most answers and measured rows are."""
    answered = [r for r in results if r.has_energy] or list(results)
    first = answered[0].architecture.name
    mine = [r for r in answered if r.architecture.name == first]

    def weight(r: Result) -> tuple[bool, int, int]:
        cells = sum(o.hardware.name == r.hardware.name for o in mine)
        rows = catalog.accuracy().of(r.hardware.name, r.runtime.runtime) if r.runtime else {}
        return r.hardware.has_clock, cells, sum(s.n for s in rows.values())

    best = max(mine, key=weight)
    same = [r for r in mine if r.hardware.name == best.hardware.name]
    return min(same, key=lambda r: r.precision.information_bits)


def full(answer: Answer, report: Report) -> Report:
    """A comparison with the memory of each precision."""
    return replace(report, tables=(*report.tables, *memory_tables(answer.results)))


@uncollected()
def of_answer(answer: Answer, report: Report, command: str) -> Page:
    """The page of an answer: its report, charts over a grid of batches and contexts, sources, how to reproduce.

    ``command`` is what to type to reproduce it.
    """
    opening = lead(answer.results)
    document = records.answer_document(answer, judged(answer), operations=False)
    data = data_of(answer, opening)
    return Page(
        report, charts(data), document, records.answer_rows(answer),
        (*how_to_reproduce(command), *_inputs(answer)),
        tuple(_assumptions(opening)), tuple(_sources(opening)), tuple(document["not_counted"]),
        {name: [(str(value), _reading(data, name, value)) for value in values]
         for name, values in data["choices"].items()},
        {name: str(value) for name, value in data["opening"].items()},
        tables_heading=_counted_heading(answer), question=_question(answer, opening), data=script_data(data),
    )  # fmt: skip


def _question(answer: Answer, opening: Result) -> str:
    """The question in a line: models, workload, what the energy holds."""
    models = list(dict.fromkeys(r.architecture.title or r.architecture.name for r in answer.results))
    work = opening.workload
    parts = [", ".join(models) if len(models) < 4 else f"{len(models)} models"]
    parts.append(f"batch {with_commas(int(work.batch))}, {with_commas(int(work.prompt))} tokens in")
    parts[-1] += f", {with_commas(int(work.generate))} out" if int(work.generate) > 1 else ""
    parts += [f"{opening.devices} devices ({opening.parallel})"] if opening.devices > 1 else []
    parts += [kept_by_host(opening.offload).removeprefix(", ")] if opening.offload else []
    return " \u00b7 ".join([*parts, SCOPES.get(opening.scope, opening.scope)])


def _counted_heading(answer: Answer) -> str:
    found = sum(r.has_energy for r in answer.results)
    if len(answer.results) == 1:
        return "The numbers of one cell"
    every = found == len(answer.results)
    return f"All {found} cells have an energy" if every else f"{found} of {len(answer.results)} cells have an energy"


def _reading(data: Data, selector: str, value: Any) -> str:
    """How a value of a selector reads."""
    if selector == "hardware":
        return f"{value} ({data['hardware'][value]['title']})"
    return f"{value} tokens in" if selector == "context" else str(value)


def data_of(answer: Answer, opening: Result) -> Data:
    """What the charts are made of: all cells over a grid, and every value of every selector."""
    results, points = answer.results, grid(answer)
    hardware: dict[str, dict[str, Any]] = {}
    for r in results:
        if r.hardware.name in hardware:
            continue
        bandwidth = r.hardware.memory.bandwidth if r.hardware.hierarchy else None
        hardware[r.hardware.name] = {
            "title": r.hardware.title,
            "capacity": None if r.capacity_bits is None else r.capacity_bits * r.devices / 8,
            "bandwidth": None if bandwidth is None else bandwidth.value / 8,
            "rates": {form: rate.value for form, rate in r.hardware.rates.items()},
        }
    short = {r.hardware.name: hardware_name(r.hardware) for r in results}
    short = {name: own if list(short.values()).count(own) == 1 else name for name, own in short.items()}
    precisions = {r.precision.name: r.precision for r in results}
    wide = sorted(precisions.values(), key=lambda p: -p.linear.weights.bits)
    held = catalog.parity()
    errors = catalog.accuracy().classes
    kinds = [name for name in errors if name in held]
    measured = {
        "classes": [{"name": n, "title": CLASSES[n].title, **errors[n].model_dump()} for n in kinds],
        "points": [[i, *pair] for i, name in enumerate(kinds) for pair in held[name]],
    }
    scopes = list(dict.fromkeys(s for cell in points["cells"] for s in cell.get("scopes", {}))) or [opening.scope]
    models = list(dict.fromkeys(r.architecture.name for r in results))
    return {
        "choices": {
            "model": models, "precision": [p.name for p in wide], "hardware": list(hardware), "scope": scopes,
            "batch": points["batches"], "context": points["contexts"],
        },
        "opening": {
            "model": opening.architecture.name, "precision": opening.precision.name,
            "hardware": opening.hardware.name, "scope": opening.scope, "batch": points["batches"][0],
            "context": points["contexts"][points["at"] % len(points["contexts"])],
        },
        "index": {(r.architecture.name, r.hardware.name, r.precision.name): i for i, r in enumerate(results)},
        "precisions": [p.name for p in wide],
        "one_bit": {p.name for p in wide if is_one_bit(p)},
        "looks": family_looks(wide),
        "names": {**short, **{p.name: precision_name(p.name) for p in wide}},
        "all_ranges": len(results) <= SENSITIVE,
        "marks": [honesty.mark(r) for r in results],
        "evaluations": covered({(r.architecture.name, r.precision.name): best_of(r.quality) for r in results}),
        "scope_words": SCOPES,
        "node_scope": next((r.scope for r in results if not r.hardware.has_clock), opening.scope),
        "hardware": hardware,
        "generate": {place_of(r): int(r.workload.generate) for r in results},
        "grid": points,
        **_swings(answer, points),
        "parity": measured,
        "operations": cache(lambda i: records.operation_table(results[i])),
        "days": _days(answer),
        "requests_per_day": answer.requests_per_day,
    }  # fmt: skip


def _days(answer: Answer) -> list[dict[str, Any]]:
    """The energy of a day, of each result that has one."""
    if answer.requests_per_day is None:
        return []
    return [
        {"hardware": r.hardware.name, "precision": r.precision.name, "batch": with_commas(int(r.workload.batch)),
         "energy_j": answer.day(r).energy_j}
        for r in answer.results if r.has_energy
    ] + [
        {"hardware": load.hardware.name, "precision": load.precision.name, "batch": load_batch(load),
         "energy_j": day.energy_j}
        for load in answer.loads if (day := load.of_day) is not None
    ]  # fmt: skip


def _swings(answer: Answer, points: dict[str, Any]) -> dict[str, Any]:
    """Sensitivity of the ratio of each result to its strongest rival, the largest first, as asked.

    ``swings`` are by the place of the result: the rival, the nominal ratio, and rows of a figure (its place in
    ``levers``) and the ratio at its low and at its high. Of a result without a rival: over its own nominal energy.
    """
    levers: dict[tuple[str, ...], int] = {}
    found = {}
    by_name = {(r.architecture.name, r.hardware.name, r.precision.name): r for r in answer.results}
    for i, (result, cell) in enumerate(zip(answer.results, points["cells"], strict=True)):
        if not result.has_energy or (len(answer.results) > SENSITIVE and not is_one_bit(result.precision)):
            continue
        against = (cell["scopes"].get(result.scope, {}).get("against") or {points["at"]: None})[points["at"]]
        rival = against and by_name[result.architecture.name, result.hardware.name, against[0]]
        whole = float(result.energy_j)
        ends: dict[str, tuple[Lever, float, float]] = {}
        for each, at_low, at_high in _of_rival_alone(result, rival) if rival is not None else ():
            ends[each.name] = (each, whole / at_low, whole / at_high)
        for s in swings(result, rival):
            low, high = (e / whole for e in s.energy) if s.saving is None else (1 - saved for saved in s.saving)
            ends[s.lever.name] = (s.lever, low, high)
        rows = [(lever, to_digits(low, 5), to_digits(high, 5)) for lever, low, high in ends.values()]
        rows.sort(key=lambda row: -abs(row[2] - row[1]))
        shown = []
        for lever, low, high in rows[:SWINGS_SHOWN]:
            words = (lever_name(lever), range_text(lever), marked(lever.basis), lever.source)
            if low != high:
                shown.append((levers.setdefault(words, len(levers)), low, high))
        found[i] = {
            "rival": against and against[0], "ratio": against[2] if against else 1.0, "rows": shown,
            "undecided": undecided(against),
        }  # fmt: skip
    return {"levers": list(levers), "swings": found}


def _of_rival_alone(result: Result, rival: Result) -> list[tuple[Lever, float, float]]:
    """Figures of time that a rival's kernels have and the result's do not, and its energy at their low and high."""
    mine = time_figures(result)
    others = {path: figure for path, figure in time_figures(rival).items() if path not in mine}
    if not others:
        return []
    ends = [(path, end) for path, figure in others.items() for end in (figure.low, figure.high)]
    energies = energies_at_ends(rival, ends).reshape(-1, 2).tolist()
    names = [path.removeprefix("runtime.") for path in others]
    levers = [Lever.of(name, figure) for name, figure in zip(names, others.values(), strict=True)]
    return [(lever, low, high) for lever, (low, high) in zip(levers, energies, strict=True)]


def _assumptions(opening: Result | TrainingResult) -> list[Table]:
    """Every figure that the opening answer was priced and timed with, weak ones marked."""
    rows = []
    for place, figure in _figures(opening):
        unit, bounds = figure.dimension.si, (figure.low, figure.high)
        # a share takes no prefix
        value = with_prefix(figure.value, unit) if unit else digits(figure.value)
        width = range_of(*bounds, figure.value, unit) if unit else span(*bounds, 3)
        rows.append((place, value, width, marked(figure.basis), figure.source))
    for action, (low, value_j, high) in sorted(opening.prices.items()):
        made = opening.hardware.special_functions.get(action.partition(".")[0])
        if made is not None and opening.hardware.figure(action) is None:
            words = (range_of(low, high, value_j), marked(made.basis), made.source)
            rows.append((f"energy of {action}", with_prefix(value_j, "J"), *words))
    columns = (*headed("figure", "value", "range"), *headed("basis", "source", texts=2))
    weak = sum(row[3].startswith("weak") for row in rows)
    title = f"Figures behind {opening.precision.name} at {opening.hardware.name}: {len(rows)}, of which {weak} are weak"
    return [Table(title, columns, tuple(rows))]


def marked(basis: str) -> str:
    """How a figure is known, weak ones marked in words."""
    return f"weak: {basis}" if basis in WEAK else basis


def _figures(opening: Result | TrainingResult) -> list[tuple[str, Figure]]:
    found: dict[str, Figure] = {}
    for action in sorted(opening.prices):
        figure = opening.hardware.figure(action)
        if figure is not None:
            found[f"{'power' if figure.dimension.si == 'W' else 'energy'} of {action}"] = figure
    for form, rate in opening.hardware.rates.items():
        found[f"rate of {form}"] = rate
    for name, level in opening.hardware.hierarchy.items():
        for what in ("bandwidth", "capacity"):
            figure = getattr(level, what)
            if figure is not None:
                found[f"{what} of {name}"] = figure
    if opening.runtime is not None:
        for path, figure in figures_in(opening.runtime):
            found[f"runtime: {path.replace('.', ' ')}"] = figure
    return list(found.items())


def _sources(opening: Result | TrainingResult) -> list[Cited]:
    sources = dict(opening.hardware.sources)
    if opening.runtime is not None:
        sources |= opening.runtime.sources
    found = _cited(sources)
    model = opening.scenario.model
    found.append(
        Cited(model.name, f"model {model.title or model.name}: {model.source}", link_of(model.source), model.seen)
    )
    return found


def _inputs(answer: Answer) -> list[tuple[str, str]]:
    groups = alike(answer.results, _workload)
    works = [_workload(g[0]) + (f" ({places(g)})" if len(groups) > 1 else "") for g in groups]
    return [
        ("Models", ", ".join(dict.fromkeys(r.architecture.name for r in answer.results))),
        ("Precisions", ", ".join(dict.fromkeys(r.precision.name for r in answer.results))),
        ("Hardware", ", ".join(dict.fromkeys(r.hardware.name for r in answer.results))),
        ("Runtimes", ", ".join(dict.fromkeys(r.runtime.runtime for r in answer.results if r.runtime)) or "none"),
        ("Workload", "; ".join(works)),
    ]


def _workload(result: Result) -> str:
    work = result.workload
    return (
        f"batch {work.batch}, {work.prompt} tokens in, {work.generate} out, {work.attention} attention,"
        f" logits {work.logits}, counting {work.counting}, devices {result.devices}"
    )


HOLLOW = {
    "claim": "Hollow: claims, judged but held to no tolerance.",
    "compared": "Hollow: figures of runs, held to no tolerance.",
}


def of_training(answer: TrainingAnswer, command: str) -> Page:
    """The page of training steps: verdict, where time, memory and energy go, sources, how to reproduce."""
    from bitnet_cost.views import training  # late, as below: the page of a comparison needs none of them
    from bitnet_cost.views.training_charts import training_charts

    results = answer.results
    opening = next((r for r in results if r.energy is not None), results[0])
    report, plan = training.report(results, answer.spreads), opening.plan
    numbers = f"{with_commas(plan.devices)} {'device' if plan.devices == 1 else 'devices'}"
    question = " \u00b7 ".join([report.title, numbers, SCOPES.get(opening.scope, opening.scope)])
    return Page(
        replace(report.whole, notes=tuple(n for n in report.notes if n.code != "not-counted")),
        training_charts(results), training.document(results, answer.spreads), answer.to_records(),
        how_to_reproduce(command),
        tuple(_assumptions(opening)), tuple(_sources(opening)), tuple(training.uncounted(answer.results)),
        tables_heading="The numbers of a step", question=question,
    )  # fmt: skip


def of_load(answer: LoadAnswer, command: str) -> Page:
    """The page of a served load: verdict, energy and latency over the rate, sources, how to reproduce."""
    from bitnet_cost.studies.load import curves
    from bitnet_cost.views import load
    from bitnet_cost.views.load_charts import load_charts

    results = answer.results
    opening = next((r for r in results if r.steady is not None), results[0])
    report = load.report(results)
    question = " \u00b7 ".join([report.title, SCOPES.get(opening.scope, opening.scope)])
    return Page(
        replace(report.whole, notes=tuple(n for n in report.notes if n.code != "not-counted")),
        load_charts(*curves(results)), load.document(results), answer.to_records(), how_to_reproduce(command),
        tuple(_assumptions(opening.full)), tuple(_sources(opening.full)), tuple(load.uncounted(answer.results)),
        tables_heading="The numbers", question=question,
    )  # fmt: skip


def of_study(name: str, command: str) -> Page:
    """The page of a study: its printed cells beside the modelled ones.

    Raises:
        BitnetCostError: an unknown name, an invalid file.
    """
    from bitnet_cost.studies import validation
    from bitnet_cost.views.scatter import parity_svg

    found = validation.run([name])
    study = found[0].study
    report = validation.report(found[0])
    cells = [c for c in found[0].cells if c.relation in ("=", validation.COMPARED) and c.printed > 0 and c.modelled > 0]
    held, claims, compared = ([c for c in found[0].cells if c.kind == kind] for kind in ("held", "claim", "compared"))
    parts = [f"{sum(c.passed for c in held)} of {len(held)} printed cells are within tolerance"] if held else []
    parts += [f"{sum(c.follows for c in claims)} of {len(claims)} claims follow from the model"] if claims else []
    parts += [f"{len(compared)} published figures are beside the modelled ones"] if compared else []
    rows: list[tuple[str, ...]] = []
    groups: dict[str, list[tuple[float, float, str]]] = {}
    for c in cells:
        kind, printed, ours = c.kind, digits(c.printed), digits(c.modelled)
        rows.append((c.row, c.column, printed, ours, fixed(c.ratio, 3, grouping=False), kind))
        words = f"{c.row}, {c.column}: printed {printed}, modelled {ours}"
        groups.setdefault(kind, []).append((c.printed, c.modelled, words))
    heads = (*headed("row", "column", "printed", "modelled", "ratio", texts=2), *headed("kind"))
    table = Table("Modelled against printed, in the tables' units", heads, tuple(rows))
    loose = next((kind for kind in HOLLOW if kind in groups), "claim")
    note = HOLLOW[loose] if loose in groups else ""
    made = [
        Chart("printed", "How right is the model?", (Shown(("; ".join(parts),), table, None),), note=note,
              drawing=parity_svg(parity_figure(groups, "printed", "modelled"), hollow=loose))
    ] if groups else []  # fmt: skip
    return Page(
        report, tuple(made), validation.document(found), validation.cell_rows(found),
        (*how_to_reproduce(command), ("Study", study.name)),
        sources=tuple(_cited(study.sources)),
    )  # fmt: skip
