"""How sure an answer is, as tables and records: percentiles of draws, and the figures that move it most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bitnet_cost.ledger.answers import Answer, Band, Lever, Swing
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import column_figures, one_prefix, percent, range_of, span, with_commas, with_prefix
from bitnet_cost.tables import Note, Table, headed
from bitnet_cost.views.groups import by_energy, describe
from bitnet_cost.views.honesty import mark_basis
from bitnet_cost.views.memory import leads

SWINGS_SHOWN = 8  # figures of a tornado table
DISTRIBUTIONS = {"triangular": "triangular", "lognormal": "log-normal"}  # in words


def range_tables(answer: Answer) -> list[Table]:
    """The tables asked for: the band, then one tornado for each result with a saving (or without a baseline)."""
    found = band_tables(answer)
    if answer.spreads and any(s is not None and s.seconds for s in answer.spreads):
        found.append(time_band_table(answer))
    swung = [(r, rows) for r, rows in zip(answer.results, answer.swings, strict=False) if rows]
    compared = [(r, rows) for r, rows in swung if r.baseline != r.precision.name]
    for result, rows in compared or swung:  # of a baseline where there is nothing else
        found.append(tornado_table(result, rows))
    return found


def range_notes(answer: Answer) -> list[Note]:
    """What the bands hold and what they leave out."""
    found = []
    spreads = [s for s in answer.spreads if s is not None]
    if spreads:
        first = spreads[0]
        shape = DISTRIBUTIONS[first.distribution]
        together = sorted({key for r in answer.results for key in _together(r)})
        timed = any(s.latency for s in spreads)
        of = "of what measured runs were off by, log-normal" if timed else f"of every price, {shape} over its range"
        text = f"Band: {with_commas(first.draws)} draws {of}, seed {first.seed};"
        alike = f"Figures of {', '.join(together)} move together, others" if together else "Figures move"
        text += " what both precisions share cancels in a saving." if timed else f" savings paired. {alike} alone."
        text += " 'least' and 'most' have every price at its worst and at its best end"
        text += ", at a fixed time." if timed else "; no draw leaves them."
        found.append(Note("band", text))
        found += [Note("charged", text) for text in _charged_notes(answer)]
        if any(s.seconds for s in spreads):
            text = "Time: p5 to p95 of the draws; at the ends every bandwidth, rate, share and launch is at its fast,"
            text += " or its slow end."
            found.append(Note("time-ends", text))
    if answer.swings:
        text = "Sensitivity: each figure alone at its low and high, prices at fixed time. Ordered by the relative"
        text += " change of the energy or of what is left of the baseline's, whichever is larger."
        found.append(Note("tornado", text))
    return found


def _charged_notes(answer: Answer) -> list[str]:
    """Bands of emissions and of money, and which of what sets them has no range."""
    found: list[str] = []
    exact: dict[str, bool] = {}
    for r, s in zip(answer.results, answer.spreads, strict=True):
        charged = [
            f"{span(value[0], value[2])} {unit} ({span(bounds[0], bounds[2])} at most)"
            for value, bounds, unit in ((s.carbon, s.carbon_bounds, "g CO2e"), (s.cost, s.cost_bounds, "USD"))
            if value and bounds
        ] if s else []  # fmt: skip
        if charged:
            found.append(f"{r.precision.name} at {r.hardware.name}, p5 to p95: {', '.join(charged)}.")
        site = r.facility
        if s and site is not None:
            exact |= {"the carbon intensity": site.carbon_g_per_j is not None and site.zone is None,
                      "the price of electricity": site.usd_per_j is not None,
                      "the price of device time": site.usd_per_device_hour is not None,
                      "the emissions of making a device": isinstance(site.embodied_g, float | int)}  # fmt: skip
    typed = [name for name, given in exact.items() if given]
    return found + ([f"Typed in, so without a range: {', '.join(typed)}."] if typed else [])


def _together(result: Result) -> set[str]:
    """Sources whose figures share one quantile, of the prices that a result rests on."""
    found = set()
    for action in result.prices:
        figure = result.hardware.figure(action)
        cited = figure or result.hardware.special_functions[action.partition(".")[0]]
        if result.hardware.sources[cited.source].together:
            found.add(cited.source)
    return found


def band_tables(answer: Answer) -> list[Table]:
    """Percentiles of draws; one table for each scope, workload and baseline."""
    spreads = {id(r): s for r, s in zip(answer.results, answer.spreads, strict=False) if s is not None}
    groups = by_energy([r for r in answer.results if id(r) in spreads])
    tables = []
    for group in groups:
        title = "Band: percentiles of draws" if len(groups) == 1 else _band_title(group)
        tables.append(band_table(answer, [(r, spreads[id(r)]) for r in group], title))
    return tables


def _band_title(group: Sequence[Result]) -> str:
    """What the rows of a band share."""
    baseline = next((f"; saving on {r.baseline}" for r in group if r.baseline), "")
    return f"Band, scope {group[0].scope}: {describe(group[0])}{baseline}"


def band_table(answer: Answer, pairs: Sequence[tuple[Result, Band]], title: str) -> Table:
    """Percentiles of energy and of saving: one row per result of a group."""
    drawn = [e for _, s in pairs for e in s.energy]
    unit, texts = column_figures(drawn, "J", 3)
    if one_prefix(drawn) is None:
        unit, texts = "energy", [with_prefix(e, "J", 3) for e in drawn]
    head, named = leads([r for r, _ in pairs], ["hardware", "precision"])
    rows = []
    for i, (lead, (_, s)) in enumerate(zip(named, pairs, strict=True)):
        saved = [percent(x, 1) for x in s.saving] if s.saving else ["", "", ""]
        outer = [percent(x, 1) for x in s.saving_extremes[::2]] if s.saving_extremes else ["", ""]
        rows.append((*lead, *texts[3 * i : 3 * i + 3], *saved, *outer))
    drawn_heads = (f"{unit} p5", "p50", "p95", "saving % p5", "p50", "p95", "least", "most")
    return Table(title, headed(*head, *drawn_heads, texts=len(head)), tuple(rows))


def time_band_table(answer: Answer) -> Table:
    """Percentiles of time, and time at the fast and at the slow ends: one row per result on a device."""
    timed = [(r, s) for r, s in zip(answer.results, answer.spreads, strict=True) if s and s.seconds]
    head, named = leads([r for r, _ in timed], ["hardware", "precision"])
    rows = []
    for lead, (_, s) in zip(named, timed, strict=True):
        drawn = [with_prefix(x, "s", 3) for x in s.latency] if s.latency else [""] * 3
        rows.append((*lead, *drawn, *(with_prefix(x, "s", 3) for x in (s.seconds or ())[::2])))
    return Table("Time", headed(*head, "time p5", "p50", "p95", "fast end", "slow end", texts=len(head)), tuple(rows))


def tornado_table(result: Result, rows: tuple[Swing, ...]) -> Table:
    """The figures that move one result most."""
    shown = rows[:SWINGS_SHOWN]
    unit, texts = column_figures([e for s in shown for e in s.energy], "J", 3)
    based = result.baseline not in (None, result.precision.name)
    body = []
    for i, s in enumerate(shown):
        saving = "" if s.saving is None else f"{percent(s.saving[0], 1)} to {percent(s.saving[1], 1)}"
        name, energy = lever_name(s.lever) + mark_basis(s.lever.basis), f"{texts[2 * i]} to {texts[2 * i + 1]}"
        words = f"{s.lever.basis}, {s.lever.source}"
        body.append((name, range_text(s.lever), energy, *[saving] * based, words))
    heads = headed("figure", "low to high", f"energy {unit}", *[f"saving % on {result.baseline}"] * based)
    title = f"Sensitivity: {result.precision.name} at {result.hardware.name}, scope {result.scope}"
    return Table(title, (*heads, *headed("basis, source")), tuple(body))


def lever_name(lever: Lever) -> str:
    """The name of a figure as tables print it.

    >>> lever_name(Lever("kernels.lowbit.compute", 0.1, 0.2, 0.3, "", "assumed", "x", "kernels.lowbit.compute"))
    'lowbit.compute'
    """
    name = lever.name.removeprefix("kernels.").removeprefix("hierarchy.").removesuffix(" (device)")
    return name.replace("accumulator: add.int32", "INT32 adder")


def range_text(lever: Lever) -> str:
    """A lever's range in the prefix of its nominal value.

    >>> range_text(Lever("add.int8", 1.8e-14, 3e-14, 4.8e-14, "J", "published", "x", "add.int8"))
    '0.018 to 0.048 pJ'
    """
    if not lever.unit:
        return span(lever.low, lever.high, 3)
    unit = with_prefix(lever.nominal, lever.unit).partition(" ")[2]
    return f"{range_of(lever.low, lever.high, lever.nominal, lever.unit)} {unit}".rstrip()


def spread_rows(answer: Answer) -> list[dict[str, Any]]:
    """Bands as records, one for each result that has an energy."""
    return [{"record": index, **_spread(s)} for index, s in enumerate(answer.spreads) if s is not None]


def _spread(s: Band) -> dict[str, Any]:
    def parts(values: tuple[float, ...] | None, names: tuple[str, ...]) -> dict[str, float | None]:
        return dict(zip(names, values or (None,) * len(names), strict=True))

    return {
        "draws": s.draws, "seed": s.seed, "distribution": s.distribution,
        **parts(s.energy, ("energy_p5_j", "energy_p50_j", "energy_p95_j")),
        **parts(s.energy_bounds[::2], ("energy_least_j", "energy_most_j")),
        **parts(s.saving, ("saving_p5", "saving_p50", "saving_p95")),
        **parts(s.saving_extremes[::2] if s.saving_extremes else None, ("saving_least", "saving_most")),
        **parts(s.latency, ("latency_p5_s", "latency_p50_s", "latency_p95_s")),
        **parts(s.seconds[::2] if s.seconds else None, ("latency_fast_s", "latency_slow_s")),
        **parts(s.energy_scenarios, ("energy_fast_j", "energy_slow_j")),
        **parts(s.carbon, ("carbon_p5_g", "carbon_p50_g", "carbon_p95_g")),
        **parts(s.carbon_bounds and s.carbon_bounds[::2], ("carbon_least_g", "carbon_most_g")),
        **parts(s.cost, ("cost_p5_usd", "cost_p50_usd", "cost_p95_usd")),
        **parts(s.cost_bounds and s.cost_bounds[::2], ("cost_least_usd", "cost_most_usd")),
    }  # fmt: skip


def swing_rows(answer: Answer) -> list[dict[str, Any]]:
    """Every figure that moves a result, the largest first within each record."""
    return [
        {
            "record": index, "figure": s.lever.name, "unit": s.lever.unit, "low": s.lever.low,
            "nominal": s.lever.nominal, "high": s.lever.high, "energy_at_low_j": s.energy[0],
            "energy_at_high_j": s.energy[1], "saving_at_low": s.saving[0] if s.saving else None,
            "saving_at_high": s.saving[1] if s.saving else None, "size": s.size, "basis": s.lever.basis,
            "source": s.lever.source,
        }
        for index, rows in enumerate(answer.swings)
        for s in rows
    ]  # fmt: skip
