"""What serving a load takes, in words, tables and records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bitnet_cost import __version__
from bitnet_cost.inputs.accuracy import ALL, TUNED
from bitnet_cost.ledger.intervals import MOVED, RANGES
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.numerals import (
    brief,
    change_range,
    change_words,
    digits,
    figures_of,
    percent,
    signed_change,
    to_digits,
    with_commas,
    with_prefix,
)
from bitnet_cost.tables import Look, Note, Report, Table, headed
from bitnet_cost.units import KWH
from bitnet_cost.views.day import cost_table, load_batch
from bitnet_cost.views.effects import classes_met, limited
from bitnet_cost.views.families import is_one_bit
from bitnet_cost.views.groups import tokens_in
from bitnet_cost.views.records import SCHEMA
from bitnet_cost.views.verdict import hardware_name, listed, precision_name

NOT_COUNTED = ("requests that are cancelled, and gaps in which a batch is rearranged",)
AROUND = "hosts, fans, power supplies and network around the devices (--host)"
MOST_RATES = 12  # rows of a curve in a table
NAMED = 4  # ways to serve a load that the first line tells apart
UNSERVED = 3  # lines on what does not serve it
LONG_WAIT_S = 1.0  # a mean wait for the first token that the answer names


def uncounted(results: Sequence[LoadResult]) -> list[str]:
    """What no figure of the answer holds."""
    return [*([] if results[0].hardware.housed else [AROUND]), *NOT_COUNTED]


def document(results: Sequence[LoadResult]) -> dict[str, Any]:
    """The answer as one JSON document, with all that went in."""
    first = results[0].scenario
    return {
        "schema": SCHEMA, "version": __version__,
        "records": [row for r in results for row in r.to_records()],
        "ranges": [_ranges(r) for r in results],
        "inputs": {
            "model": first.model.model_dump(exclude_none=True, exclude_defaults=True),
            "precisions": {r.precision.name: r.precision.model_dump(exclude_none=True) for r in results},
            "hardware": {r.hardware.name: r.hardware.model_dump(exclude_none=True) for r in results},
            "runtimes": {
                r.scenario.runtime.name: r.scenario.runtime.model_dump(exclude_none=True)
                for r in results if r.scenario.runtime
            },
        },
        "not_counted": uncounted(results),
    }  # fmt: skip


def _ranges(r: LoadResult) -> dict[str, Any]:
    """What the ends of its energies are, and the times at either end of those of its steps, a figure for each rate."""
    found: dict[str, Any] = {"precision": r.precision.name, "hardware": r.hardware.name}
    found["energy"] = RANGES[r.measured is not None]
    for word, at in (("low", r.fast), ("high", r.slow)):
        found[f"ttft_{word}_s"] = None if at is None else [x if np.isfinite(x) else None for x in at.ttft_s.tolist()]
        found[f"tpot_{word}_s"] = None if at is None or not r.load.steps else at.tpot_s.tolist()
    return found


def report(results: Sequence[LoadResult]) -> Report:
    """The verdict, a row for each result or rate, notes."""
    title = _title(results[0])
    tables = [_curve(r, title) for r in results if r.steady is not None] if results[0].points > 1 else []
    if not tables:
        tables = [_table(results, title)]
        days = [(r, day) for r in results if (day := r.of_day) is not None]
        if any(day.carbon_g is not None or day.cost_usd is not None for _, day in days):
            named = [(r.hardware.name, r.precision.name, load_batch(r)) for r, _ in days]
            tables.append(cost_table("A day and a year", named, [day for _, day in days]))
    return Report(title, _sentence(results), tuple(tables), tuple(_notes(results)), _also(results), ())


def _title(r: LoadResult) -> str:
    asked = r.load
    name = r.scenario.model.title or r.scenario.model.name
    return f"{name}: {_many(r)}, {tokens_in(asked.prompt)} and {with_commas(asked.generate)} out"


def _many(r: LoadResult) -> str:
    """The load in words."""
    asked = r.load
    if asked.requests_per_day is not None:
        return f"{with_commas(asked.requests_per_day)} requests a day"
    if r.points > 1:
        return f"{_rate(asked.rates.min())} to {_rate(asked.rates.max())} requests a second"
    return f"{_rate(asked.rates[0])} requests a second"


def _rate(rate: float) -> str:
    """A rate that was typed, however small or large.

    >>> _rate(2.0), _rate(1e-6), _rate(1e9)
    ('2.00', '0.000001', '1,000,000,000')
    """
    if rate >= 1e-3:
        return figures_of(rate) if rate < 1e6 else with_commas(round(rate))
    return np.format_float_positional(rate, precision=3, fractional=False, trim="-")


def serves(r: LoadResult) -> bool:
    """Whether the load is served at every rate within the times asked for."""
    return r.stable is not None and bool(r.stable.all()) and (r.kept is None or bool(r.kept.all()))


def _cards(r: LoadResult) -> int:
    return 0 if r.cards is None else int(r.cards.max())


def _kwh(r: LoadResult) -> float:
    return float(r.days_energy[1, -1]) / KWH


def _ranked(results: Sequence[LoadResult]) -> list[LoadResult]:
    """Those that serve the load: by money where its price is known, else fewest devices, then least energy.

    Devices of several kinds are not counted against each other: of those without a price the least energy is first.
    """
    served = [r for r in results if serves(r)]
    alike = len({r.hardware.name for r in served}) == 1

    def key(r: LoadResult) -> tuple[float, float]:
        cost = _usd(r)
        return (cost, _kwh(r)) if cost is not None else (float(_cards(r)) if alike else 0.0, _kwh(r))

    return sorted(served, key=key)


def _sentence(results: Sequence[LoadResult]) -> str:
    """How many devices each precision needs, the energy of a day, and which is cheapest."""
    first = results[0]
    if first.points > 1:
        return _curve_sentence(results)
    ranked = _ranked(results)
    if not ranked:
        return _unserved(results)
    parts: list[str] = []
    several = len({r.hardware.name for r in results}) > 1
    for r in ranked[:NAMED]:
        cards = _cards(r)
        where = f" {hardware_name(r.hardware)}" if several or not parts else ""
        unit = " kWh a day" if not parts else ""
        parts.append(f"{with_commas(cards)}{where} in {_name(r)} ({figures_of(_kwh(r))}{unit})")
    verb = "needs" if _many(first).startswith("1 ") else "need"
    more = len(ranked) - len(parts)
    text = f"{_many(first)} {verb} {listed(parts)}{f' ({with_commas(more)} more ways in the table)' if more else ''}"
    lead = _lead(ranked)
    return f"{text[:1].upper()}{text[1:]}{lead}."


def _name(r: LoadResult) -> str:
    return precision_name(r.precision.name)


def _usd(r: LoadResult) -> float | None:
    """What a day costs, where prices are given."""
    return None if r.of_day is None else r.of_day.cost_usd


def _lead(ranked: Sequence[LoadResult]) -> str:
    """Which is cheapest, by how much, and where 1-bit is among them."""
    if len(ranked) < 2:
        return ""
    first, second = ranked[:2]
    alike = len({r.hardware.name for r in ranked}) == 1
    one, other = (_name(r) if alike else f"{_name(r)} on the {hardware_name(r.hardware)}" for r in (first, second))
    change, money, site = _change(first, second), (_usd(first), _usd(second)), first.scenario.facility
    unsure = change is not None and min(change) < 0 < max(change)
    if money[0] is not None and money[1] is not None:
        both = [figures_of(usd) for usd in money]
        text = f": {one} is cheapest, {both[0]} USD a day against {both[1]}"
        if unsure and _cards(first) == _cards(second):
            text = f": which is cheapest is undecided between {one} and {other}, {listed(both)} USD a day"
        text += f" of {site.paid_for}" if site is not None else ""
    else:
        best = "is cheapest" if alike else "needs the least energy"
        by = "" if change is None else change_words(change[1]) + " energy" * alike
        than = f", {by} {'as' if 'as much' in by else 'than'} {other}" if by else ""
        if change is None or (alike and _cards(first) < _cards(second)):
            text = f": {one} {best}{than}"
        elif unsure:
            text = f": which {best} is undecided between {one} and {other}"
        elif figure := _turned(first, second):
            text = f": which {best} is undecided, what is assumed about {figure} decides"
        else:
            text = f": {one} {best}{than}"
    narrow = next((r for r in ranked if is_one_bit(r.precision)), None)
    rival = next((r for r in ranked if not is_one_bit(r.precision)), None)
    if narrow is None or rival is None or narrow in (first, second):
        return text
    change = _change(narrow, rival)
    return text if change is None else f"{text}; {_name(narrow)} needs {_than(change[1], narrow, rival)}"


def _turned(first: LoadResult, second: LoadResult) -> str:
    """The assumed figure that alone would turn which of two needs less energy; "" where none would."""
    if first.steady is None or second.steady is None:
        return ""
    least, more = (float(r.steady.energy_j[1][0]) for r in (first, second) if r.steady)
    up = [end.figure for end in first.ends if max(end.energy_j) > more]
    return next(iter([*up, *(end.figure for end in second.ends if min(end.energy_j) < least)]), "")


def _at(r: LoadResult, other: LoadResult) -> str:
    """A precision, with its hardware where another has a different one."""
    return _name(r) + (f" on the {hardware_name(r.hardware)}" if r.hardware.name != other.hardware.name else "")


def _change(r: LoadResult, other: LoadResult) -> tuple[float, float, float] | None:
    """How much more energy a request of one needs: least, nominal, most; 0.1 is a tenth more."""
    found = r.saving_on(other)
    if found is None:
        return None
    low, nominal, high = (-float(each[-1]) for each in found)
    return high, nominal, low


def _than(change: float, r: LoadResult, other: LoadResult) -> str:
    """A difference of energy in words."""
    words = change_words(change)
    return f"{words} energy {'as' if words.endswith('as much') else 'than'} {_at(other, r)}"


def _unserved(results: Sequence[LoadResult]) -> str:
    """Why no precision serves the load, and what would."""
    r = min(results, key=lambda r: (r.steady is None, r.beyond))  # the nearest
    if all(r.steady is None or r.reason for r in results):
        return f"{_name(r)} on {hardware_name(r.hardware)} {r.reason}."
    best = max((r for r in results if r.steady is not None), key=lambda r: float(r.of_all(r.within)[0]))
    most = float(best.of_all(best.within)[0])
    copies = int(np.ceil(float(best.load.rates[0]) / best.within - 1e-9)) if best.within else 0
    limit = "largest rate within the times asked for" if best.kept is not None else "largest stable rate"
    would = f"; --replicas {copies} would serve it" if copies > 1 else ""
    many = f"{_many(best)} are more than {with_commas(_cards(best))} {hardware_name(best.hardware)} can serve"
    return f"{many[:1].upper()}{many[1:]}: the {limit} is {figures_of(most)} a second, in {_name(best)}{would}."


def _curve_sentence(results: Sequence[LoadResult]) -> str:
    """The largest stable rate of each, of many of those that serve most, and what a token costs at its ends."""
    served = [r for r in results if r.steady is not None]
    if not served:
        return _unserved(results)
    more = len(served) - NAMED
    if more > 0:
        served = sorted(served, key=lambda r: -float(r.of_all(r.largest)[0]))[:NAMED]
    found: dict[str, list[str]] = {}
    for r in served:
        if r.steady is None:
            continue
        each = (r.steady.energy_j[1] / r.load.generate)[r.stable]
        first, best = (with_prefix(float(e), "J", 3) for e in (each[0], each.min())) if len(each) else ("-", "-")
        ends = f"{first} a token at the first rate, {best} at best"
        text = f"{_name(r)} up to {figures_of(float(r.of_all(r.largest)[0]))} requests a second ({ends})"
        found.setdefault(_serving(r), []).append(text)
    clauses = [f"{where} {listed(parts)}" for where, parts in found.items()]
    return f"{'; '.join(clauses)}{f'; {with_commas(more)} more in the tables' if more > 0 else ''}."


def _serving(r: LoadResult) -> str:
    """The devices of a curve and what they do, with their number where it is more than one."""
    many, name = _cards(r), hardware_name(r.hardware)
    return f"{name} serves" if many == 1 else f"{with_commas(many)} {name} serve"


def _also(results: Sequence[LoadResult]) -> str:
    """How long a first token waits where no limit was given, and what does not serve the load."""
    ranked = _ranked(results)
    if results[0].points > 1 or not ranked:
        return ""
    parts = _waits(ranked)
    reasons = [f"{_name(r)} on {hardware_name(r.hardware)} {r.reason}" for r in results if r.reason]
    reasons += [
        f"{_name(r)} would need --replicas {int(np.ceil(float(r.load.rates[0]) / r.within))}"
        for r in results if not r.reason and not serves(r) and r.within
    ]  # fmt: skip
    if len(reasons) > UNSERVED:
        reasons = [
            *reasons[: UNSERVED - 1],
            f"{with_commas(len(reasons) - UNSERVED + 1)} more do not serve it: --notes",
        ]
    parts += reasons
    return ". ".join(parts) + "." if parts else ""


def _waits(ranked: Sequence[LoadResult]) -> list[str]:
    """The mean wait for a first token on the fewest devices that serve the load, where it is long."""
    late = [(r, float(r.steady.ttft_s[0])) for r in ranked if r.steady is not None and r.load.slo_ttft is None]
    late = [(r, wait) for r, wait in late if LONG_WAIT_S <= wait < np.inf]
    if not late:
        return []
    parts = [
        f"{figures_of(wait)} s in {_at(r, ranked[0])}, at {percent(_used(r), 0)}% of what {_devices(r)} can serve"
        for r, wait in late
    ]
    return [f"On average a first token then comes after {listed(parts)}; --slo-ttft SECONDS asks for enough devices"]


def _devices(r: LoadResult) -> str:
    return "the device" if _cards(r) == 1 else f"the {with_commas(_cards(r))}"


def _used(r: LoadResult) -> float:
    """The rate as a share of the largest stable one."""
    return float(r.load.rates[0] / r.of_all(r.largest)[0])


def _cells(r: LoadResult, at: int) -> tuple[str, ...]:
    """What one rate settles at: batch, busy, times, power, energy."""
    steady = r.steady
    if steady is None:
        return ()
    tpot = steady.tpot_s[at] * 1e3 if r.load.steps else None
    first = steady.ttft_s[at]
    return (
        figures_of(float(steady.batch[at])), percent(float(steady.busy[at]), 0),
        figures_of(float(first) * 1e3) if np.isfinite(first) else "grows",
        figures_of(None if tpot is None else float(tpot)),
        figures_of(float(r.of_all(steady.energy_j[1] * steady.rate / r.pue)[at])),
        figures_of(float(steady.energy_j[1, at]) / r.load.generate),
    )  # fmt: skip


HEADS = ("batch", "busy %", "TTFT ms", "ms/token", "W", "J/token")


def _table(results: Sequence[LoadResult], title: str) -> Table:
    """A row for each result."""
    bases = {r.baseline for r in results if r.saving is not None}
    versus = f"vs {bases.pop()}" if len(bases) == 1 else "vs base"
    rows: list[tuple[str, ...]] = []
    looks = []
    names = list(dict.fromkeys(r.hardware.name for r in results))
    winner = next(iter(_ranked(results)), None)
    for name in names:
        if len(names) > 1:
            rows.append((name,))
            looks.append(Look("head"))
        for r in results:
            if r.hardware.name != name:
                continue
            lead = f"{'  ' * (len(names) > 1)}{r.precision.name}"
            if r.steady is None:
                rows.append((lead, "does not fit" if r.reason and r.reason.startswith("does not fit") else "no answer"))
                looks.append(Look("dim"))
                continue
            saved = "-" if r.saving is None else signed_change(-float(r.saving[1][0]))
            saved = "base" if r.baseline == r.precision.name else saved
            rows.append((lead, with_commas(_cards(r)), *_cells(r, 0), figures_of(_kwh(r)), saved))
            looks.append(Look("bold" if r is winner and len(results) > 1 else ""))
    return Table(title, headed("precision", "cards", *HEADS, "kWh/day", versus), tuple(rows), looks=tuple(looks))


def _curve(r: LoadResult, title: str) -> Table:
    """A row for each rate, few of many."""
    shown = np.unique(np.round(np.linspace(0, r.points - 1, min(MOST_RATES, r.points))).astype(int))
    rows = []
    for at in shown.tolist():
        stable = r.stable is not None and bool(r.stable[at])
        rows.append((figures_of(float(r.load.rates[at])), *_cells(r, at), "yes" if stable else "no"))
    where = f"{r.precision.name} on {r.hardware.name}"
    return Table(f"{where}, {title}", headed("requests/s", *HEADS, "stable", texts=0), tuple(rows))


def _notes(results: Sequence[LoadResult]) -> list[Note]:
    first = next((r for r in results if r.steady is not None), results[0])
    runtime = first.scenario.runtime
    notes = [Note("policy", text)] if (text := _policy(results)) else []
    served = [r for r in _ranked(results) if r.largest] if first.points == 1 else []
    if served:
        several = len({r.hardware.name for r in results}) > 1
        where = [f" on the {hardware_name(r.hardware)}" if several else "" for r in served]
        shares = [f"{percent(_used(r), 0)}% in {_name(r)}{at}" for r, at in zip(served, where, strict=True)]
        text = f"busy: time with any request at work; of the largest stable rate the load is {limited(shares, 4)}"
        notes.append(Note("busy-share", text))
    notes += [
        Note("percentiles", _spread(r)) for r in results if r.points == 1 and r.stable is not None and r.stable[0]
    ]
    if first.load.peak > 1:
        peak = figures_of(float(first.load.rates[0]))
        text = f"Devices, watts, joules and times are those of {peak} requests a second at the peak"
        text += ", the energy of a day is that of its mean."
        notes.insert(0, Note("peak", text))
    for r in results:
        if r.saving is not None and r.baseline != r.precision.name and r.points == 1:
            ends = change_range(-float(r.saving[2][0]), -float(r.saving[0][0]))
            text = f"{r.precision.name} against {r.baseline}: {ends} energy a request"
            notes.append(Note("range", f"{text}, {MOVED[r.measured is not None]}."))
    notes += [Note("interval", _interval(r)) for r in results if r.points == 1 and r.slow is not None]
    if first.pace is not None:
        limit = "--max-batch" if first.load.max_batch == first.pace.places else "memory"
        power = figures_of(float(first.pace.waiting_w[1] / first.scenario.devices / first.pue))
        around = " with its share of the host" if first.hardware.housed else ""
        text = f"Up to {with_commas(first.pace.places)} sequences in {first.precision.name} run at once, limited by"
        notes.append(Note("places", f"{text} {limit}; a device that waits draws {power} W{around}."))
    notes += [Note("reason", f"{r.precision.name} on {r.hardware.name} {r.reason}.") for r in results if r.reason]
    if runtime is not None:
        notes.append(Note("measured", _held(first, runtime.runtime)))
    notes.append(Note("not-counted", f"Not counted: {'; '.join(uncounted(results))}."))
    return notes


def _policy(results: Sequence[LoadResult]) -> str:
    """How each software works on prompts, and what is true of all."""
    found: dict[str, list[str]] = {}
    for r in results:
        if (runtime := r.scenario.runtime) is not None and r.steady is not None:
            inside = "inside decode steps" if runtime.prompts_inside else "alone, before the next decode step"
            inside = "on devices of their own" if r.load.prefill_devices else inside
            filled = ", a batch filled up to a size that was captured" if runtime.batch_sizes else ""
            names = found.setdefault(f"prompts run {inside}{filled}", [])
            names += [runtime.runtime] if runtime.runtime not in names else []
    if not found:
        return ""
    text = "; ".join(f"{listed(names)}: {words}" for words, names in found.items())
    text += ". Requests come at random; times are means."
    if any(r.scenario.parallel == "data" and r.scenario.devices > 1 for r in results):
        text += " Devices have sequences of their own and step together; one without a sequence runs along."
    return text


def _interval(r: LoadResult) -> str:
    """The ranges of energy and time a token, and what they are."""
    if r.energy_j is None or r.fast is None or r.slow is None:
        return ""
    low, high = (figures_of(float(each)) for each in r.energy_j[::2, 0] / r.load.generate)
    times = [float(at.tpot_s[0]) * 1e3 for at in (r.fast, r.slow)] if r.load.steps else []
    each = f" and {figures_of(times[0])} to {figures_of(times[1])} ms" if times else ""
    of = f"energy: {RANGES[r.measured is not None]}; time: all steps at either end of theirs"
    return f"{r.precision.name} on {r.hardware.name}: {low} to {high} J{each} a token ({of})."


def _spread(r: LoadResult) -> str:
    """How long 90 and 99 of 100 requests wait at most."""
    if r.steady is None:
        return ""
    parts = []
    for share, whom in ((90, "90% of requests wait"), (99, "99%")):
        each = r.tpot_of(share)
        token = "" if each is None else f" and {with_prefix(float(each[0]), 's', 3)} for each further one"
        first = with_prefix(float(r.steady.ttft_of(share)[0]), "s", 3)
        parts.append(f"{whom} at most {first} for a first token{token}")
    return f"{r.precision.name} on {r.hardware.name}: {', '.join(parts)}."


_HELD = {
    "load-token": "time per token", "load-first-token": "time to the first token", "load-batch": "mean batch",
    "load-power": "power", "load-energy": "energy per token", "load-published": "time per token and batch",
    "load-busy-token": "time per token of busy ones", "load-busy-batch": "their batch",
    "load-busy-power": "their power", "load-busy-energy": "their energy per token",
}  # fmt: skip


def _held(r: LoadResult, runtime: str) -> str:
    """How far off the model was on measured servers of the device and runtime, else on those of all."""
    own = r.errors.keys() & _HELD.keys()
    parts = [
        f"{what} within {brief(found.median)}% ({found.n} rows)"
        for name, what in _HELD.items() if (found := r.errors.get(name if own else f"{ALL}{name}")) is not None
    ]  # fmt: skip
    if own:
        met = classes_met(parts, 5) + _tuned(r)
        return f"On {r.hardware.name} with {runtime} the model meets measured servers: {met}"
    text = f"No measured server under load of {r.hardware.name} with {runtime} is scored"
    return (f"{text}; on others the model meets {classes_met(parts, 3)}" if parts else f"{text}.") + _tuned(r)


def _tuned(r: LoadResult) -> str:
    """What systems tuned to their limit reach of the rate that is modelled, where there are such."""
    found = r.errors.get(TUNED)
    if found is None:
        return ""
    reach = digits(to_digits(1 / (1 + found.bias / 100), 2), 2)
    return f" Systems tuned for MLPerf Inference serve {reach} times what it gives (median of {found.n} results)."
