"""Time, energy and saving by hardware and precision, and where the energy of one cell goes."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.ledger.intervals import energy_interval
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import (
    column_figures,
    in_columns,
    one_prefix,
    percent,
    prefix_of,
    significant,
    used,
    with_prefix,
)
from bitnet_cost.tables import Table, headed
from bitnet_cost.views import honesty
from bitnet_cost.views.groups import by_energy, by_row, describe, group_of, lettered, others_of
from bitnet_cost.views.memory import leads, memory_share


def time_table(results: Sequence[Result]) -> Table:
    """Time on devices, what it waits for, and whether the model fits: one row per result of a group."""
    head, named = leads(results, ["hardware", "precision"])
    body = []
    for r, lead in zip(results, named, strict=True):
        share = used(memory_share(r))
        if r.timing is None:
            why = "does not fit" if r.fits is not None and not r.fits else "refused"
            body.append((*lead, share, "-", "-", "-", why))
            continue
        prefill, decode = (float(r.timing.of_phase(name)[0]) for name in ("prefill", "decode"))
        rate = significant(r.tokens_per_s, 1.0, 4)
        weak = honesty.mark_time(r)
        took = with_prefix(decode, "s") + weak if decode else "-"
        body.append((*lead, share, with_prefix(prefill, "s") + weak, took, rate, r.timing.bound or "-"))
    runtime = next((r.runtime.runtime for r in results if r.runtime), "")
    title = f"Time, runtime {runtime}: {describe(results[0])}"
    columns = headed(*head, "memory %", "prefill", "decode", "tokens/s", texts=len(head))
    return Table(title, (*columns, *headed("bound")), tuple(body))


def energy_tables(results: Sequence[Result]) -> list[Table]:
    """Energy and saving; one table for each scope, workload and baseline of which something has an energy."""
    return [energy_table(group) for group in by_energy(results) if any(r.has_energy for r in group)]


def energy_table(results: Sequence[Result]) -> Table:
    """Energy with its range, and saving with its range: one row per result of a group."""
    head, named = leads(results, ["hardware", "precision"])
    unit, energies = _energies([r for r in results if r.has_energy])
    printed = iter(energies)
    letters = lettered(r.baseline for r in results if r.has_energy and r.baseline)
    body = []
    for r, lead in zip(results, named, strict=True):
        if not r.has_energy:
            body.append((*lead, "-", "", "-", ""))
            continue
        saving = None if r.saving is None else [float(x) for x in r.saving]
        own = r.baseline == r.precision.name
        saved = "baseline" if own else percent(saving[1] if saving else None)
        saved += letters[str(r.baseline)] if saving and not own else ""
        saved_span = "" if own or not saving else f"{percent(saving[0], 1)} to {percent(saving[2], 1)}"
        body.append((*lead, *next(printed), saved, saved_span))
    baseline, others = others_of(letters)
    title = f"Energy, scope {results[0].scope}: {describe(results[0])}"
    title += f"; saving on {baseline}{others}" if others else ""
    saving_heading = f"saving % on {baseline}" if baseline else "saving %"
    columns = headed(*head, f"energy {unit}".strip(), "range", saving_heading, "range", texts=len(head))
    return Table(title, columns, tuple(body))


def _energies(results: Sequence[Result]) -> tuple[str, list[tuple[str, str]]]:
    """Unit of the column, and energy and range of each result; without a unit, each figure has its own."""
    bounds = [[float(x) for x in energy_interval(r)[:, 0]] for r in results]
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
    columns = {"MAC": result.counts["mac"], "MUL": result.actions("mul"), "ADD": result.actions("add")}
    rows = by_row(result.counts, [*columns.values(), result.by_operator[1]], group_of)
    rows = {key: sums for key, (_, *sums) in rows.items() if sums[-1]}  # what the scope holds
    totals = [sum(column) for column in zip(*rows.values(), strict=True)]
    units = zip((*columns, "energy"), ("", "", "", "J"), zip(*rows.values(), totals, strict=True), strict=True)
    headings, (*cells, whole) = in_columns(units)
    body = tuple(
        (*key, *texts, percent(sums[-1] / totals[-1])) for (key, sums), texts in zip(rows.items(), cells, strict=True)
    )
    footer = ("total", "", *whole, "100.00")
    title = f"Energy breakdown: {result.precision.name} at {result.hardware.name}, scope {result.scope}"
    return Table(title, headed("phase", "group", *headings, "share %", texts=2), body, footer)


def component_table(result: Result) -> Table:
    """What the energy of one cell is drawn for: products, memory levels, static power."""
    energies = {name: float(values[1, 0]) for name, values in result.by_component.items()}
    whole = sum(energies.values())
    unit, texts = column_figures([*energies.values(), whole], "J")
    weak = [honesty.mark(result, name) for name in energies]
    rows = tuple(
        (name, texts[i] + weak[i], percent(energy / whole)) for i, (name, energy) in enumerate(energies.items())
    )
    return Table(
        "What draws it", headed("component", f"energy {unit}", "share %"), rows, ("total", texts[-1], "100.00")
    )
