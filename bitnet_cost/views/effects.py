"""Lines below the tables: options that change nothing here, and conventions that say more than their heading."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import brief, digits, in_words
from bitnet_cost.tables import Note
from bitnet_cost.views.verdict import hardware_name, precision_name


def limited(parts: Sequence[str], most: int = 4) -> str:
    """Parts of a sentence, the first of them, and how many more.

    >>> limited(["a", "b", "c"], most=2)
    'a, b, and 1 more.'
    """
    shown = ", ".join(parts[:most])
    return shown + (f", and {len(parts) - most} more." if len(parts) > most else ".")


def met(what: str, spread: Spread) -> str:
    """How well the rows of a class are met; of one or two there is no nine in ten.

    >>> met("decode", Spread(n=1, median=11.6, p90=11.6, bias=11.6))
    'decode within 11.6% (1 row)'
    """
    often = f" in the median and {brief(spread.p90)}% nine times in ten" if spread.n > 2 else ""
    return f"{what} within {brief(spread.median)}%{often} ({spread.n} {'row' if spread.n == 1 else 'rows'})"


def classes_met(parts: Sequence[str], most: int) -> str:
    """How well classes of measured rows are met, the first of them, and where the others are.

    >>> classes_met(["time within 2 %", "energy within 3 %", "memory within 1 %"], most=2)
    'time within 2 %, energy within 3 %; one other class of rows: validate --measured.'
    """
    others = len(parts) - most
    if others < 1:
        return limited(parts, most)
    shown = limited(parts[:most], most).removesuffix(".")
    return f"{shown}; {in_words(others)} other class{'es' if others > 1 else ''} of rows: validate --measured."


def traced(results: Sequence[Result]) -> list[Note]:
    """That a tracing counter sees all scores, where a heading says causal."""
    if not any(r.workload.counting == "traced" and r.workload.attention == "causal" for r in results):
        return []
    text = "Counting traced, as a tracing counter does: all P^2 scores of the prefill are counted, also those that"
    return [Note("traced", f"{text} causal attention masks.")]


def substitutes(results: Sequence[Result]) -> list[Note]:
    """What devices run in place of products that they have no unit for; that an accumulator changes nothing there."""
    runs: dict[tuple[str, str, str], list[str]] = {}
    on_devices = [r for r in results if r.runtime and r.has_energy]
    for r in on_devices:
        if (instead := instead_of(r.precision, r.hardware)) is not None:
            runs.setdefault((r.precision.name, *instead), []).append(hardware_name(r.hardware))
    found = []
    for (name, asked, executed), places in runs.items():
        where = limited(list(dict.fromkeys(places)))
        text = f"{precision_name(name)} runs as {executed} products: no {asked} unit on {where}"
        found.append(Note("substitute", text))
    held = {(r.precision.name, r.runtime.runtime, r.runtime.least_bits) for r in on_devices
            if r.runtime and r.precision.linear.weights.bits < r.runtime.least_bits}  # fmt: skip
    for name, software, least in sorted(held):
        bits = digits(least, 3)
        text = f"{precision_name(name)} is held and read in {bits} bits: {software} has no kernel of fewer"
        found.append(Note("substitute", f"{text}."))
    return [*found, *own_units(results), *_without_effect(on_devices)]


def own_units(results: Sequence[Result]) -> list[Note]:
    """Which low-bit units precisions run on, and which of them is slower than a wider one of its device."""
    runs: dict[tuple[str, str], list[str]] = {}
    slower = []
    for r in results:
        linear, hardware = r.precision.linear, r.hardware
        unit = hardware.unit_for(linear.format, linear.input_format()) if r.has_energy else None
        if unit is None:
            continue
        runs.setdefault((precision_name(r.precision.name), unit), []).append(hardware_name(hardware))
        wide = max(hardware.rates.items(), key=lambda rate: rate[1].value, default=None)
        if wide and wide[1].value > hardware.rates[unit].value:
            peaks = " against ".join(
                f"{digits(hardware.rates[f].value / 1e12, 3)} TOP/s in {f}" for f in (unit, wide[0])
            )
            slower.append(f"{hardware_name(hardware)}: {peaks}")
    found = []
    for (name, unit), places in runs.items():
        where = limited(list(dict.fromkeys(places)))
        found.append(Note("unit", f"{name} runs on the {unit} unit of {where}"))
    if slower:
        found.append(Note("unit", f"The unit is slower than a wider one. {'; '.join(dict.fromkeys(slower))}."))
    return found


def left_out(results: Sequence[Result]) -> list[Note]:
    """What the power of devices does not hold, so that their energy is not that of a whole system."""
    known = {
        hardware_name(r.hardware): r.hardware.power.leaves_out for r in results if r.has_energy and r.hardware.power
    }
    lacking: dict[str, list[str]] = {}
    for name, what in known.items():
        if what:
            lacking.setdefault(what, []).append(name)
    return [Note("power", f"Energy leaves out {what}: {limited(names)}") for what, names in lacking.items()]


def scaled_nodes(results: Sequence[Result]) -> list[Note]:
    """How far rules disagree on a technology node that was scaled from another."""
    words = [r.hardware.note for r in results if r.hardware.scaled and not r.hardware.has_clock]
    return [Note("scaled", text) for text in dict.fromkeys(words)]


def _without_effect(on_devices: Sequence[Result]) -> list[Note]:
    """That an accumulator changes nothing on a device."""
    if any(r.accumulator == "int32" and r.precision.linear.accumulator for r in on_devices):
        text = "--accumulator changes nothing on a device: its products hold their accumulation."
        return [Note("accumulator", text)]
    return []


def instead_of(precision: Precision, hardware: Hardware) -> tuple[str, str] | None:
    """The unit that a device lacks for the products of a precision, and the format in which it runs them."""
    linear = precision.linear
    product = next((a for a in linear.recipe if a.startswith("mul.")), linear.accumulator)
    asked = str(product).partition(".")[2]
    if hardware.unit_for(linear.format, linear.input_format()):
        return None
    if asked in hardware.rates and (linear.multiplies or asked in ("int1", "int2")):
        return None
    return asked if linear.multiplies else "1-bit", str(hardware.executed(asked))


def outside_facilities(results: Sequence[Result]) -> list[Note]:
    """That technology nodes have no facility, and that a facility without a PUE adds nothing."""
    nodes = list(dict.fromkeys(r.hardware.name for r in results if not r.hardware.has_clock and r.facility))
    site = next((r.facility for r in results if r.facility), None)
    found = []
    if site is not None and nodes:
        text = f"no effect of {_given(site)} at {limited(nodes)}"
        found.append(Note("no-facility", f"A technology node has no clock and no facility: {text}"))
    alone = [r for r in results if r.scope == "facility" and r.has_energy and not r.hardware.housed]
    if any(r.facility is None or r.facility.pue == 1 for r in alone):
        text = "Scope facility with PUE 1 (--pue gives another): nothing is added to the energy of the devices."
        found.append(Note("no-facility", text))
    return found


def _given(site: Facility) -> str:
    """The options that a facility was made of."""
    options = {
        "--carbon": site.carbon_g_per_j, "--price": site.usd_per_j, "--device-hour": site.usd_per_device_hour,
        "--embodied": site.embodied_g,
    }  # fmt: skip
    given = [name for name, value in options.items() if value is not None]
    return ", ".join(given if given and site.pue == 1 else ["--pue", *given])
