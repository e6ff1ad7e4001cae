"""An answer as a report: one sentence, tables, notes. Chosen here once; every format renders the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from bitnet_cost.inputs.workload import LIMITS, Array
from bitnet_cost.result import Answer, Column, Fit, Report, Result, Table
from bitnet_cost.units import prefix_of, with_prefix
from bitnet_cost.views import effects, honesty
from bitnet_cost.views.effects import limited
from bitnet_cost.views.groups import alike, by_energy, by_memory, by_time, describe, places


def figures(values: Sequence[float | None], unit: str, digits: int = 4) -> tuple[str, list[str]]:
    """One prefix for a column: its unit, and the figures in it with ``digits`` significant ones.

    >>> figures([698.4e9, 21.83e9, 1e3, None], "B")
    ('GB', ['698.4', '21.83', '<0.0001', '-'])
    """
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    prefix, scale = prefix_of(largest)
    return prefix + unit, [significant(v, scale, digits) for v in values]


def significant(value: float | None, scale: float, digits: int) -> str:
    """A figure divided by its prefix's scale, with significant digits; '-' for none.

    >>> significant(1234567.8, 1.0, 4), significant(5.7e28, 1e12, 4), significant(None, 1.0, 4)
    ('1,234,568', '5.700e+16', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    scaled = value / scale
    if scaled == 0:
        return "0"
    if abs(scaled) < 0.0001:
        return "<0.0001"
    if abs(scaled) >= 1e7:  # beyond the largest prefix
        return f"{scaled:.{digits - 1}e}"
    places = min(4, max(0, digits - 1 - math.floor(math.log10(abs(scaled)))))
    return f"{scaled:,.{places}f}"


def percent(value: float | None, places: int = 2) -> str:
    """A share in percent; never rounded up to 100.

    >>> percent(0.99234), percent(0.6), percent(None), percent(0.999999)
    ('99.23', '60.00', '-', '99.99')
    """
    if value is None or not math.isfinite(value):
        return "-"
    text = f"{100 * value:.{places}f}"
    return f"{100 - 10.0**-places:.{places}f}" if value < 1 and float(text) >= 100 else text


def lettered(baselines: Iterable[str]) -> dict[str, str]:
    """A letter for each precision that savings are on; none for the one of most, which a heading names.

    >>> lettered(["fp16", "int8", "fp16", "int4"])
    {'fp16': '', 'int8': 'a', 'int4': 'b'}
    """
    on = list(baselines)
    names = sorted(dict.fromkeys(on), key=lambda name: -on.count(name))
    return {name: chr(ord("a") + i - 1) if i else "" for i, name in enumerate(names)}


def said(letters: dict[str, str]) -> tuple[str, str]:
    """The precision of most savings, and what the letters of the others mean.

    >>> said({"fp16": "", "int8": "a"}), said({})
    (('fp16', ' (a: on int8)'), ('', ''))
    """
    others = ", ".join(f"{letter}: on {name}" for name, letter in letters.items() if letter)
    return next(iter(letters), ""), f" ({others})" if others else ""


MOST_POINTS = 50  # of a grid that a notebook shows


def grid_report(result: Result) -> Report:
    """A result over a grid: memory, energy and time of its first points, a column each."""
    records = result.to_records()
    shown = records[:MOST_POINTS]
    columns = [(name, [f"{row[name]:,}" for row in shown]) for name in ("batch", "prompt", "generate")]
    for field, name, unit in (
        ("footprint_bytes", "memory ", "B"), ("energy_j", "energy ", "J"), ("latency_s", "latency ", "s"),
        ("tokens_per_s", "", "tokens/s"),
    ):  # fmt: skip
        values = [row[field] for row in shown]
        if any(value is not None for value in values):
            prefixed, printed = figures(values, unit)
            columns.append((name + prefixed, printed))
    if result.saving is not None:
        columns.append((f"saving % on {result.baseline}", [percent(row["saving"]) for row in shown]))
    heads = tuple(Column(heading) for heading, _ in columns)
    more = len(records) - len(shown)
    note = (f"{more:,} more points: to_dataframe() and to_records() have them.",) if more else ()
    name = f"{result.architecture.name} in {result.precision.name} at {result.hardware.name}"
    sentence = f"{name}, scope {result.scope}, over a grid of {' x '.join(map(str, result.shape))} points."
    body = tuple(zip(*(printed for _, printed in columns), strict=True))
    return Report(name, sentence, (Table("", heads, body),), note)


def estimate_report(answer: Answer) -> Report:
    """Memory by precision, energy by hardware and precision, and for a single cell where its energy goes."""
    results = answer.results
    tables = memory_tables(results)
    tables += [time_table(g) for g in by_time(results) if any(r.timing is not None or r.reason for r in g)]
    tables += energy_tables(results)
    if len(results) == 1 and results[0].joules:
        tables.append(breakdown_table(results[0]))
        if results[0].runtime or results[0].scope == "memory":
            tables.append(component_table(results[0]))
    if answer.requests_per_day is not None:
        tables += day_tables(answer)
    closing = [*honesty.explained(results), honesty.closing(answer)]
    report = Report(_title(results), sentence(results), tuple(tables), (*notes(answer), *closing))
    if answer.spreads or answer.swings:
        from bitnet_cost.views import ranges

        return ranges.extended(report, answer)
    return report


def _title(results: Sequence[Result]) -> str:
    names = _unique(r.architecture.title or r.architecture.name for r in results)
    return f"{', '.join(names)}: memory and energy by precision"


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def sentence(results: Sequence[Result]) -> str:
    """The answer in a sentence with units: the narrowest precision against the baseline."""
    answered = [r for r in results if r.joules]
    subject = min(answered or results, key=lambda r: r.footprint.total_weight_bits)
    name = subject.architecture.title or subject.architecture.name
    stored = with_prefix(subject.footprint.total_weight_bits / 8, "B")
    text = f"{name} in {subject.precision.name} stores {stored} of weights"
    wide = max(results, key=lambda r: r.footprint.total_weight_bits)
    if wide.precision.name != subject.precision.name and wide.architecture.name == subject.architecture.name:
        text += f" instead of {with_prefix(wide.footprint.total_weight_bits / 8, 'B')} in {wide.precision.name}"
    same = [
        r for r in answered if r.precision.name == subject.precision.name and r.architecture == subject.architecture
    ]
    if not same:
        where = f" at {subject.hardware.name}" if len({r.hardware.name for r in results}) > 1 else ""
        return f"{text}. No energy can be said{where}: {subject.reason}."
    compared = [r for r in same if r.saving is not None and r.baseline != r.precision.name]
    clauses = [
        f"its {_work(group[0])} {' and '.join(map(_saved, group))} than {group[0].baseline}"
        for group in alike(compared, lambda r: (_work(r), r.baseline))
    ]
    clauses = clauses or [f"its {_work(group[0])} {' and '.join(map(_needed, group))}" for group in alike(same, _work)]
    return f"{text}; {'; '.join(clauses)}."


def _work(result: Result) -> str:
    """What the energy of a result's scope is needed for, with its verb."""
    said = {"arithmetic": "matrix products need", "compute": "arithmetic needs", "memory": "arithmetic and memory need"}
    return said.get(result.scope, "whole run needs")


def _saved(result: Result) -> str:
    return f"{_less(float(np.asarray(result.saving)[1]))} energy at {result.hardware.name}"


def _needed(result: Result) -> str:
    return f"{with_prefix(float(result.energy_j), 'J')} at {result.hardware.name}"


def _less(saving: float) -> str:
    return f"{percent(abs(saving))} % {'less' if saving >= 0 else 'more'}"


def _columns(*headings: str, texts: int = 1) -> tuple[Column, ...]:
    return tuple(Column(h, figures=i >= texts) for i, h in enumerate(headings))


def _leads(results: Sequence[Result], names: list[str]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells that say which result a row is: its model where there are several, then what is named."""
    several = len({r.architecture.name for r in results}) > 1
    head = (["model"] if several else []) + names
    parts = {"model": "architecture"}
    return head, [[getattr(r, parts.get(name, name)).name for name in head] for r in results]


def memory_share(result: Result) -> float:
    """What is resident on one device, as a share of what it holds; NaN for a technology node."""
    capacity = result.capacity_bits
    return float(result.footprint.on_each(result.devices)[0]) / capacity if capacity else math.nan


def used(share: float) -> str:
    """A share of memory: percent, or how many times it where it is far beyond.

    >>> used(0.5), used(12.34), used(7613.2)
    ('50.0', '12.3x', '7,610x')
    """
    if share < 10 or not math.isfinite(share):
        return percent(share, 1)
    times = float(f"{share:.3g}")
    return f"{times:,.0f}x" if times >= 100 else f"{times:g}x"


def memory_tables(results: Sequence[Result]) -> list[Table]:
    """What is resident; one table where it is the same on all hardware."""
    groups = by_memory(results)
    return [memory_table(g, f" at {places(g)}" if len(groups) > 1 else "") for g in groups]


def memory_table(results: Sequence[Result], where: str = "") -> Table:
    """Ideal beside stored, KV cache, activations, and the sum: one row per model and precision.

    ``where`` follows the first word of the title.
    """
    seen: dict[tuple[str, str], Result] = {}
    for r in results:
        seen.setdefault((r.architecture.name, r.precision.name), r)
    rows = list(seen.values())
    head, leads = _leads(rows, ["precision"])
    columns: list[tuple[str, Callable[[Result], float]]] = [
        ("ideal", lambda r: r.footprint.ideal_bits / 8),
        ("stored", lambda r: r.footprint.total_weight_bits / 8),
        ("KV cache", lambda r: float(r.footprint.kv_bits[0]) / 8),
        ("activations", lambda r: float(r.footprint.activation_bits[0]) / 8),
        ("total", lambda r: float(r.footprint.bits[0]) / 8),
    ]
    cells, headings = [], []
    for heading, value in columns:
        unit, printed = figures([value(r) for r in rows], "B")
        headings.append(f"{heading} {unit}")
        cells.append(printed)
    body = tuple((*leads[i], *(column[i] for column in cells)) for i in range(len(rows)))
    shape = rows[0]
    title = f"Memory{where}: weights ideal (parameters x information bits) and stored (packing, scales, FP16 parts)"
    if "model" not in head:
        title += f"; {shape.parameters:,} parameters"
    return Table(title, _columns(*head, *headings, texts=len(head)), body)


def time_table(results: Sequence[Result]) -> Table:
    """Time on devices, what it waits for, and whether the model fits: one row per result of a group."""
    head, leads = _leads(results, ["hardware", "precision"])
    body = []
    for r, lead in zip(results, leads, strict=True):
        share = used(memory_share(r))
        if r.timing is None:
            body.append(
                (*lead, share, "-", "-", "-", "does not fit" if r.fits is not None and not r.fits else "refused")
            )
            continue
        prefill, decode = (float(r.timing.of_phase(name)[0]) for name in ("prefill", "decode"))
        rate = significant(r.tokens_per_s, 1.0, 4)
        weak = honesty.mark_time(r)
        took = with_prefix(decode, "s") + weak if decode else "-"
        body.append((*lead, share, with_prefix(prefill, "s") + weak, took, rate, r.timing.bound or "-"))
    runtime = next((r.runtime.runtime for r in results if r.runtime), "")
    title = f"Time, runtime {runtime}: {describe(results[0])}"
    columns = _columns(*head, "memory %", "prefill", "decode", "tokens/s", "bound", texts=len(head))
    columns = (*columns[:-1], Column("bound", figures=False))
    return Table(title, columns, tuple(body))


def energy_tables(results: Sequence[Result]) -> list[Table]:
    """Energy and saving; one table for each scope, workload and baseline of which something has an energy."""
    return [energy_table(group) for group in by_energy(results) if any(r.joules for r in group)]


def energy_table(results: Sequence[Result]) -> Table:
    """Energy with its range, and saving with its range: one row per result of a group."""
    head, leads = _leads(results, ["hardware", "precision"])
    unit, energies = _energies([r for r in results if r.joules])
    printed = iter(energies)
    letters = lettered(r.baseline for r in results if r.joules and r.baseline)
    body = []
    for r, lead in zip(results, leads, strict=True):
        if not r.joules:
            body.append((*lead, "-", "", "-", ""))
            continue
        saving = None if r.saving is None else [float(x) for x in r.saving]
        own = r.baseline == r.precision.name
        saved = "baseline" if own else percent(saving[1] if saving else None)
        saved += letters[str(r.baseline)] if saving and not own else ""
        saved_span = "" if own or not saving else f"{percent(saving[0], 1)} to {percent(saving[2], 1)}"
        body.append((*lead, *next(printed), saved, saved_span))
    baseline, others = said(letters)
    title = f"Energy, scope {results[0].scope}: {describe(results[0])}"
    title += f"; saving on {baseline}{others}" if others else ""
    saving_heading = f"saving % on {baseline}" if baseline else "saving %"
    columns = _columns(*head, f"energy {unit}".strip(), "range", saving_heading, "range", texts=len(head))
    return Table(title, columns, tuple(body))


def one_prefix(values: Sequence[float]) -> tuple[str, float] | None:
    """The prefix of a column in which every figure keeps two digits; None where there is none.

    >>> one_prefix([133.7, 946.0]), one_prefix([1.2e-4, 946.0])
    (('', 1.0), None)
    """
    sizes = [abs(v) for v in values if v and math.isfinite(v)]
    prefix, scale = prefix_of(max(sizes, default=0.0))
    return (prefix, scale) if not sizes or min(sizes) / scale >= 0.001 else None


def _energies(results: Sequence[Result]) -> tuple[str, list[tuple[str, str]]]:
    """Unit of the column, and energy and range of each result; without a unit, each figure has its own."""
    bounds = [[float(x) for x in r.energy_bounds] for r in results]
    shared = one_prefix([x for each in bounds for x in each])
    cells = []
    for r, (low, value, high) in zip(results, bounds, strict=True):
        prefix, scale = shared or prefix_of(value)
        unit = "" if shared else f" {prefix}J"
        energy = significant(value, scale, 4) + unit + honesty.mark(r)
        cells.append((energy, f"{significant(low, scale, 3)} to {significant(high, scale, 3)}{unit}"))
    return (f"{shared[0]}J" if shared else ""), cells


def breakdown_table(result: Result) -> Table:
    """Where the energy of one cell goes: by phase and group of operators, with shares and the total."""
    energy = result.by_operator[1]
    mac = result.counts["mac"]
    actions = {kind: result.actions(kind) for kind in ("mul", "add")}
    groups: dict[tuple[str, str], list[float]] = {}
    for p, (phase, *_) in enumerate(result.counts.phases):
        for i, op in enumerate(result.counts.operators):
            row = groups.setdefault((phase, op.group), [0.0, 0.0, 0.0, 0.0])
            for j, column in enumerate((mac, actions["mul"], actions["add"], energy)):
                row[j] += float(column[p, i, 0])
    groups = {key: values for key, values in groups.items() if values[3]}  # what the scope holds
    totals = [sum(column) for column in zip(*groups.values(), strict=True)]
    cells, headings = [], []
    for j, (heading, unit) in enumerate((("MAC", ""), ("MUL", ""), ("ADD", ""), ("energy", "J"))):
        prefix, printed = figures([*(values[j] for values in groups.values()), totals[j]], unit)
        headings.append(f"{heading} {prefix}".strip())
        cells.append(printed)
    body = tuple(
        (*key, *(column[i] for column in cells), percent(values[3] / totals[3]))
        for i, (key, values) in enumerate(groups.items())
    )
    footer = ("total", "", *(column[-1] for column in cells), "100.00")
    title = f"Where it goes: {result.precision.name} at {result.hardware.name}, scope {result.scope}"
    return Table(title, _columns("phase", "group", *headings, "share %", texts=2), body, footer)


def component_table(result: Result) -> Table:
    """What the energy of one cell is drawn for: products, memory levels, static power."""
    energies = {name: float(values[1, 0]) for name, values in result.by_component.items()}
    whole = sum(energies.values())
    unit, texts = figures([*energies.values(), whole], "J")
    weak = [honesty.mark(result, name) for name in energies]
    rows = tuple(
        (name, texts[i] + weak[i], percent(energy / whole)) for i, (name, energy) in enumerate(energies.items())
    )
    return Table(
        "What draws it", _columns("component", f"energy {unit}", "share %"), rows, ("total", texts[-1], "100.00")
    )


def fit_report(fits: Sequence[Fit]) -> Report:
    """What fits: memory used, largest batch, longest context, and how many devices hold the rest."""
    rows = []
    for f in fits:
        r = f.result
        batch, positions = _at_most(f.batch, "batch"), _at_most(f.positions, "prompt")
        devices = f"{r.devices_needed:,}" if r.devices_needed else "-"
        rows.append(
            (
                r.hardware.name,
                r.precision.name,
                with_prefix(float(r.footprint.bits[0]) / 8, "B"),
                used(memory_share(r)),
                batch,
                positions,
                devices,
            )
        )
    first = fits[0].result
    name = first.architecture.title or first.architecture.name
    text = _fit_sentence(name, fits)
    columns = _columns(
        "hardware", "precision", "needs", "memory %", "largest batch", "longest prompt", "devices", texts=2
    )
    work = first.workload
    title = (
        f"Fit at batch {work.batch}, {work.prompt} tokens in, {work.generate} out; batch and prompt as far as each goes"
    )
    longest = first.architecture.max_positions
    limits = [f"{name} was made for {longest:,} positions."] if longest else []
    limits += first.architecture.left_out({f.result.precision.name for f in fits})
    limits += _workspaces([f.result for f in fits])
    if any(f.batch == LIMITS["batch"] or f.positions == LIMITS["prompt"] for f in fits):
        limits.append(">=: as much as may be asked for; more would fit.")
    limits.append("Stored bits count: packing, scales, FP16 parts, KV cache, widest activations.")
    limits.append("Not counted: code and buffers of the framework beyond that, and fragmentation.")
    limits.insert(-1, f"'devices': how many would hold it, each with the activations whole{_joined(fits)}.")
    return Report(f"{name}: what fits", text, (Table(title, columns, tuple(rows)),), tuple(limits))


def _joined(fits: Sequence[Fit]) -> str:
    """Where more devices are needed than anything joins."""
    found: dict[str, str] = {}
    for r in (f.result for f in fits):
        link = r.hardware.interconnect
        if r.devices_needed and r.devices_needed > (1 if link is None else link.devices):
            found[r.hardware.name] = "runs alone" if link is None else f"joins {link.devices:,}"
    return f"; {', '.join(f'{name} {most}' for name, most in found.items())}" if found else ""


def _at_most(count: int, name: str) -> str:
    """The largest batch or longest prompt; at the limit of what may be asked for it is no limit of the device.

    >>> _at_most(0, "batch"), _at_most(1234, "batch"), _at_most(10**6, "batch")
    ('-', '1,234', '>= 1,000,000')
    """
    return f"{'>= ' if count == LIMITS[name] else ''}{count:,}" if count else "-"


def _workspaces(results: Sequence[Result]) -> list[str]:
    """The share of the memory that each runtime keeps; where they differ, on which devices."""
    kept = {r.hardware.name: r.runtime.workspace for r in results if r.runtime}
    shares = {name: f"{percent(figure.value, 0)} %" if figure else "none" for name, figure in kept.items()}
    alike = _unique(shares.values())
    if alike in ([], ["none"]):
        return []
    if len(alike) == 1:
        return [f"{alike[0]} of the memory is kept for the runtime's workspace."]
    where = [f"{share} at {', '.join(name for name in shares if shares[name] == share)}" for share in alike]
    return [f"Of the memory is kept for the runtime's workspace: {'; '.join(where)}."]


def _fit_sentence(name: str, fits: Sequence[Fit]) -> str:
    """The widest of the precisions that each device holds."""
    parts, without = [], []
    for device in _unique(f.result.hardware.name for f in fits):
        asked = [f.result for f in fits if f.result.hardware.name == device]
        held = sorted((r for r in asked if r.fits), key=lambda r: r.footprint.total_weight_bits)
        if held:
            narrower = " and narrower" if len(held) > 1 else ""
            parts.append(f"{device} in {held[-1].precision.name}{narrower}")
        else:
            least = min(asked, key=memory_share)
            without.append(f"{device} ({least.precision.name} needs {memory_share(least):.3g} times its memory)")
    fitting = [f"fits {', '.join(parts)}"] if parts else []
    lacking = [f"does not fit {', '.join(without)} in any of these precisions"] if without else []
    return f"{name} {'; it '.join([*fitting, *lacking])}."


def layers_report(answer: Answer) -> Report:
    """The per-operator table: counts, and the energy of each precision beside each other."""
    tables = []
    for model in _unique(r.architecture.name for r in answer.results):
        for hardware in _unique(r.hardware.name for r in answer.results):
            cells = [r for r in answer.results if r.architecture.name == model and r.hardware.name == hardware]
            if cells:
                tables.append(operators_table(cells))
    first = answer.results[0]
    name = first.architecture.title or first.architecture.name
    top = max(answer.results, key=lambda r: float(r.mac))
    text = (
        f"{name} runs {with_prefix(float(top.mac), 'MAC')} for {describe(top)}; "
        f"{percent(_group_share(top, 'linear'))} % of them meet weights of the layers."
    )
    rounded = honesty.rounded(answer)
    closing = [*([rounded] if rounded else []), *honesty.explained(answer.results), honesty.closing(answer)]
    return Report(f"{name}: operators", text, tuple(tables), (*notes(answer), *closing))


def _group_share(result: Result, group: str) -> float:
    mac = result.counts["mac"]
    mine = [i for i, op in enumerate(result.counts.operators) if op.group == group]
    whole = float(mac.sum())
    return float(mac[:, mine].sum()) / whole if whole else 0.0


def operators_table(cells: Sequence[Result]) -> Table:
    """One row per phase and operator of a model; with one precision its actions, with several their energies."""
    first = cells[0]
    merged: dict[tuple[str, str], list[float]] = {}
    repeats: dict[tuple[str, str], int] = {}
    columns: list[tuple[str, str, Array]] = [("MAC", "", first.counts["mac"])]
    if len(cells) == 1:
        columns += [(kind.upper(), "", first.actions(kind)) for kind in ("mul", "add", "special")]
    columns += [
        ((r.precision.name if len(cells) > 1 else "energy") + honesty.mark(r), "J", r.by_operator[1]) for r in cells
    ]
    for p, (phase, *_) in enumerate(first.counts.phases):
        for i, op in enumerate(first.counts.operators):
            values = [float(column[p, i, 0]) for _, _, column in columns]
            if not any(v for v in values if math.isfinite(v)):
                continue
            row = merged.setdefault((phase, op.name), [0.0] * len(columns))
            repeats[phase, op.name] = repeats.get((phase, op.name), 0) + op.repeat
            for j, value in enumerate(values):
                row[j] += value
    totals = [sum(row[j] for row in merged.values()) for j in range(len(columns))]
    texts, headings = [], []
    for j, (heading, unit, _) in enumerate(columns):
        prefix, printed = figures([*(row[j] for row in merged.values()), totals[j]], unit)
        headings.append(f"{heading} {prefix}".strip())
        texts.append(printed)
    single = len(cells) == 1
    shares = [percent(row[-1] / totals[-1]) if totals[-1] else "-" for row in merged.values()] if single else []
    several_phases = len(first.counts.phases) > 1
    body = []
    for i, (phase, name) in enumerate(merged):
        lead = [phase] * several_phases + [name, str(repeats[phase, name])]
        body.append((*lead, *(column[i] for column in texts), *([shares[i]] if single else [])))
    footer = (
        *["total"],
        *[""] * (1 + several_phases),
        *(column[-1] for column in texts),
        *(["100.00"] if single else []),
    )
    head = ["phase"] * several_phases + ["operator", "x"]
    title = f"{first.architecture.name} at {first.hardware.name}, scope {first.scope}: {describe(first)}"
    if single:
        title = f"{first.precision.name}: {title}"
    table = _columns(*head, *headings, *(["share %"] if single else []), texts=len(head) - 1)
    return Table(title, table, tuple(body), footer)


def notes(answer: Answer) -> list[str]:
    """What stands below the tables: accumulators, wider scopes, shapes, refusals, how sure, what is not counted."""
    results = answer.results
    found: list[str] = []
    found += _accumulators(answer)
    found += _elementwise(answer)
    if all(not r.hardware.has_clock for r in results):
        found.append(_beyond(answer))
    for r in {r.architecture.name: r for r in results}.values():
        model = r.architecture
        if model.nominal_parameters:
            shape = f"{model.depth} layers of width {model.hidden_size}, {r.footprint.total_parameters:,} parameters"
            found.append(f"{model.name}: nominal size; operations and stored bytes from the shape of {shape}.")
        longest = int(r.workload.prompt) + int(r.workload.generate) - 1
        if model.max_positions and longest > model.max_positions:
            found.append(f"{model.name} was made for {model.max_positions:,} positions; {longest:,} are asked for.")
        found.extend(model.left_out({each.precision.name for each in results}))
        if any(layer.moe for layer in model.layers):
            found.append(f"{model.name}: routing over experts is taken as uniform.")
    found += effects.traced(results)
    found += effects.substitutes(results)
    found.extend(f"{r.precision.name} at {r.hardware.name}: {r.reason}." for r in results if r.reason)
    found += effects.outside_facilities(results)
    found.extend(filter(None, (_facility(r) for r in results if r.joules and r.facility and r.runtime)))
    found.extend(_battery(r) for r in results if r.joules and r.timing and r.hardware.battery)
    if answer.requests_per_day is not None:
        found.extend(_busy(r, answer.requests_per_day) for r in results if r.joules and r.timing)
    found.extend(validated(answer))
    found.append(how_sure(results))
    return _unique(found)


def _accumulators(answer: Answer) -> list[str]:
    """What the accumulator that was not asked for makes of savings at technology nodes."""
    asked = answer.results[0].accumulator
    parts = []
    for r in answer.results:
        other = answer.accumulated.get(_cell(r))
        if other is not None and r.saving is not None and r.baseline != r.precision.name:
            nominal = percent(float(r.saving[1]))
            parts.append(f"{r.precision.name} {percent(other)} % instead of {nominal} at {r.hardware.name}")
    if asked == "int32" and any(not r.hardware.has_clock and r.joules for r in answer.results):
        priced = "; with additions priced as the papers do (--accumulator paper) the saving is " if parts else "."
        return [f"Integer products accumulate in INT32 at technology nodes{priced}{limited(parts) if parts else ''}"]
    said = "Additions are priced as the papers do; with INT32 accumulators the saving is "
    return [said + limited(parts)] if parts else []


def _elementwise(answer: Answer) -> list[str]:
    """What the next wider scope would add to matrix products alone."""
    added: dict[str, tuple[float, str]] = {}
    for r in answer.results:
        energy = answer.wider.get(_cell(r))
        if energy is None:
            continue
        more = energy / float(r.energy_j) - 1
        if math.isfinite(more) and more > added.get(r.hardware.name, (0.0, ""))[0]:
            added[r.hardware.name] = (more, r.precision.name)
    if not added:
        return []
    parts = [f"up to {percent(more)} % ({precision}) at {hardware}" for hardware, (more, precision) in added.items()]
    said = f"Elementwise work (--scope compute) would add {limited(parts)}"
    if any(r.scope != "arithmetic" for r in answer.results):
        said = f"{said[:-1]}; rows of wider scopes hold it."
    return [said]


def _beyond(answer: Answer) -> str:
    """What comes on top of the energy at technology nodes, and the saving once memory traffic is in."""
    if all(r.scope == "memory" for r in answer.results):
        return "Static power and cooling come on top and shrink less: a whole system saves less."
    parts = []
    for r in answer.results:
        saving = answer.with_memory.get(_cell(r))
        if saving is not None and r.saving is not None:
            nominal = percent(float(r.saving[1]))
            parts.append(f"{r.precision.name} {percent(saving)} % instead of {nominal} at {r.hardware.name}")
    if not parts:
        return "Memory traffic, static power and cooling come on top and shrink less: a whole system saves less."
    return "Static power and cooling come on top; with memory traffic (--scope memory) the saving is " + limited(parts)


def _cell(result: Result) -> tuple[str, str, str]:
    return result.architecture.name, result.hardware.name, result.precision.name


# What an answer holds, and the class of measured rows that says how right it is.
_HELD = {
    "decode-1": "decode at batch 1", "decode-64": "decode at batch 2 to 64", "decode-other": "decode",
    "prefill": "prefill", "power": "power", "energy": "energy per token",
    "serving-rate-dense": "time per token of a server", "serving-energy-dense": "energy per token of a server",
    "serving-rate-moe": "time per token of a server with experts",
    "serving-energy-moe": "energy per token of a server with experts", "serving-step": "time per token under load",
    "memory": "memory", "operators-time": "single products",
}  # fmt: skip


def validated(answer: Answer) -> list[str]:
    """For every device and runtime: how far off the model was on measured rows, or that there were none."""
    found = []
    experts = any(layer.moe for r in answer.results for layer in r.architecture.layers)
    for (hardware, runtime), classes in answer.accuracy.items():
        dense = {name: s for name, s in classes.items() if experts or not name.endswith("-moe")}
        parts = [
            f"{words} {s.median:g} / {s.p90:g} % ({s.n} rows)" for n, words in _HELD.items() if (s := dense.get(n))
        ]
        if parts:
            found.append(
                f"Held to measurements on {hardware} with {runtime}, error median / nine in ten: " + limited(parts)
            )
        else:
            found.append(f"Not held to measurements: no measured row of {hardware} with {runtime} is scored.")
    return found


def _busy(result: Result, requests_per_day: float) -> str:
    """How many devices the requests of a day keep busy."""
    assert result.timing is not None
    seconds = float(result.timing.total[0]) * requests_per_day / int(result.workload.batch)
    kept = seconds * result.devices / 86400
    return (
        f"{result.precision.name} at {result.hardware.name}: {kept:,.3g} devices busy all day, every batch full; what"
        " devices draw while they wait for requests is not counted."
    )


def _facility(result: Result) -> str:
    """Emissions and money of one answer, and what they rest on."""
    facility = result.facility
    assert facility is not None
    parts = []
    if result.scope == "facility" or facility.pue != 1:
        parts.append(f"PUE {facility.pue:g}" + (" (--scope facility applies it)" if result.scope != "facility" else ""))
    if result.carbon_bounds is not None:
        of = [facility.grid] if facility.carbon_g_per_j is not None else []
        grams = facility.embodied_of(result.hardware.embodied)
        if grams is not None:
            of.append(f"{grams / 1e3:g} kg a device over {facility.lifetime_years:g} years of work")
        least, value, most = (f"{float(x):.4g}" for x in result.carbon_bounds)
        parts.append(f"{value} g CO2e, {least} to {most} ({'; '.join(of)})")
    if facility.embodied_g == "profile":
        figure = result.hardware.embodied
        if figure is None:
            parts.append("no figure for making the device in its profile")
        else:
            low, high = figure.low / 1e3, figure.high / 1e3
            parts.append(f"making it {low:g} to {high:g} kg, {figure.basis}")
    if result.cost_bounds is not None:
        of = ["electricity"] if facility.usd_per_j is not None else []
        of += ["device time"] if facility.usd_per_device_hour is not None else []
        least, value, most = (f"{float(x):.4g}" for x in result.cost_bounds)
        parts.append(f"{value} USD, {least} to {most}, of {' and '.join(of)} (a price has no range)")
    return f"{result.precision.name} at {result.hardware.name}: {', '.join(parts)}." if parts else ""


def _battery(result: Result) -> str:
    """Tokens on one charge, where a device has a battery."""
    battery = result.hardware.battery
    assert battery is not None
    tokens = int(result.workload.batch) * int(result.workload.generate)
    each = float(result.energy_j) / tokens
    return (
        f"{result.precision.name} at {result.hardware.name}: a full battery of {battery.value / 3600:.3g} Wh gives"
        f" {battery.value / each:,.0f} tokens; screen, radio and losses not counted."
    )


def day_tables(answer: Answer) -> list[Table]:
    """What the requests of a day cost; one table for each scope."""
    groups = alike([r for r in answer.results if r.joules], lambda r: r.scope)
    return [day_table(answer, group, f", scope {group[0].scope}" if len(groups) > 1 else "") for group in groups]


def day_table(answer: Answer, results: Sequence[Result], which: str = "") -> Table:
    """What the requests of a day cost in a day and a year of 365 days, in results of one scope."""
    rows = []
    for r in results:
        day = answer.day(r)
        carbon = "-" if day.carbon_g is None else f"{day.carbon_g / 1e3:,.4g}"
        cost = "-" if day.cost_usd is None else f"{day.cost_usd:,.2f}"
        rows.append(
            (
                r.hardware.name,
                r.precision.name,
                f"{day.energy_j / 3.6e6:,.4g}",
                f"{day.energy_j * 365 / 3.6e6:,.4g}",
                carbon,
                "-" if day.carbon_g is None else f"{day.carbon_g * 365 / 1e6:,.4g}",
                cost,
                "-" if day.cost_usd is None else f"{day.cost_usd * 365:,.0f}",
            )
        )
    columns = _columns(
        "hardware",
        "precision",
        "kWh a day",
        "kWh a year",
        "kg CO2e a day",
        "t CO2e a year",
        "USD a day",
        "USD a year",
        texts=2,
    )
    # carbon and cost only where they were asked for
    said = [i for i in range(len(columns)) if not rows or any(row[i] != "-" for row in rows)]
    kept = tuple(tuple(row[i] for i in said) for row in rows)
    title = f"{answer.requests_per_day:,.0f} requests a day{which}"
    return Table(title, tuple(columns[i] for i in said), kept)


def how_sure(results: Sequence[Result]) -> str:
    """The last line: what the figures rest on, weak ones named."""
    bases: dict[str, set[str]] = {}
    sources: dict[str, None] = {}
    for r in results:
        for action in r.prices:
            bases.setdefault(str(r.hardware.basis(action)), set()).add(action)
            figure = r.hardware.figure(action)
            if figure is not None:
                source = r.hardware.sources[figure.source]
                if source.seen != "own":
                    sources[f"{source.author.split(',')[0]} {source.year}"] = None
    if not bases:
        return "No figure was used."
    kinds = []
    for basis in ("measured", "published", "scaled", "assumed"):
        if basis in bases:
            actions = sorted(bases[basis])
            weak = (
                f" ({', '.join(actions[:4])}{' ...' if len(actions) > 4 else ''})"
                if basis in ("scaled", "assumed")
                else ""
            )
            kinds.append(f"{len(actions)} {basis}{weak}")
    ranges = "Ranges: energy with all prices low or high; saving with each price moved alone, and all together."
    return f"{ranges} Prices: {', '.join(kinds)} ({', '.join(sources) or 'own'}); 'bitnet-cost show NAME' prints each."
