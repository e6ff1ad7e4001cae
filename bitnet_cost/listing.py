"""The catalogue as tables: what there is, and every figure of an entry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from bitnet_cost import units
from bitnet_cost.engine.checkpoint import USUAL, checkpoint_bytes
from bitnet_cost.engine.footprint import parameters_by_role
from bitnet_cost.engine.operators import operators
from bitnet_cost.errors import BitnetCostError, either, labelled
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Capacity, Figure, Input, figures_in
from bitnet_cost.inputs.facility import Grids
from bitnet_cost.inputs.hardware import DeviceClass, Links, SpecialFunction
from bitnet_cost.inputs.precision import parse_name
from bitnet_cost.inputs.quality import Published
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.schema import KINDS
from bitnet_cost.numerals import cell, digits, fixed, percent, range_of, with_commas, with_prefix
from bitnet_cost.readers import catalog, electricity, laws, quality, spelling
from bitnet_cost.readers.files import load_any
from bitnet_cost.readers.nodes import parts_of
from bitnet_cost.readers.size import parse_size
from bitnet_cost.tables import Column, Note, Report, Table, headed
from bitnet_cost.units import KWH
from bitnet_cost.views import law_words
from bitnet_cost.views import quality as figures
from bitnet_cost.views.honesty import MARK, mark_basis

_YEARS = re.compile(r"([0-9]{4})?(?:(-)([0-9]{4})?)?")
TABLES = 6  # tables whose conditions are told below a listing
NAMED = {"quality": "published figures of quality"}


def title(plural: str, count: int, words: Sequence[str] = ()) -> str:
    """Heading of a listing."""
    return f"{count} {NAMED.get(plural, plural)}" + (f" with {' '.join(words)!r}" if words else "")


def holding(listed: list[dict[str, Any]], words: Sequence[str], plural: str) -> list[dict[str, Any]]:
    """Rows of a listing that hold every one of some words, in the name, the title or another cell of text.

    Raises:
        BitnetCostError: none does.
    """
    found = [
        row for row in listed
        if all(spelling.filtered([" ".join(cell for cell in row.values() if isinstance(cell, str))], w) for w in words)
    ]  # fmt: skip
    if not found:
        every = f"bitnet-cost list {plural}"
        raise BitnetCostError(f"none of the {plural} has {' '.join(words)!r}" + labelled(see_all=every))
    return found


def devices(
    listed: list[dict[str, Any]], kinds: Sequence[str] = (), memory: str | None = None, years: str | None = None
) -> list[dict[str, Any]]:
    """Rows of hardware of some kinds, with so much memory or more, first sold in some years.

    Raises:
        BitnetCostError: a kind, a size or years that are none, or nothing is left.
    """
    known = (*get_args(DeviceClass), "technology")
    for kind in kinds:
        if kind not in known:
            raise BitnetCostError(f"--kind: {kind!r} is none of {', '.join(known)}")
    least = units.parse(memory, units.CAPACITY) if memory is not None else 0.0
    first, last = _years(years) if years is not None else (0, 9999)

    def holds(row: dict[str, Any]) -> bool:
        hardware = catalog.hardware(row["name"])
        room = list(hardware.hierarchy.values())[-1].capacity if hardware.has_clock else None
        enough = memory is None or (room is not None and room.value >= least)
        sold = years is None or (hardware.released is not None and first <= hardware.released <= last)
        return (not kinds or row["kind"] in kinds) and enough and sold

    found = [row for row in listed if holds(row)]
    if not found:
        raise BitnetCostError(
            "no hardware is of that kind, memory and year" + labelled(see_all="bitnet-cost list hardware")
        )
    return found


def _years(text: str) -> tuple[int, int]:
    """First and last year of ``2024``, ``2023-2025``, ``2024-`` or ``-2020``.

    Raises:
        BitnetCostError: no years.

    >>> _years("2024"), _years("2023-2025"), _years("2024-"), _years("-2020")
    ((2024, 2024), (2023, 2025), (2024, 9999), (0, 2020))
    """
    asked = _YEARS.fullmatch(text.strip())
    if asked is None or text.strip() in ("", "-"):
        raise BitnetCostError(f"--year: {text!r} is no year; write 2024, 2023-2025, 2024- or -2020")
    first, dash, last = asked.groups()
    return (int(first or 0), int(last or 9999)) if dash else (int(first), int(first))


def rows(plural: str) -> list[dict[str, Any]]:
    """One row per entry of a kind."""
    if plural == "links":
        return [
            {
                "name": name,
                "bandwidth": with_prefix(link.bandwidth.value / 8, "B/s"),
                "latency": with_prefix(link.latency.value, "s") if link.latency else "-",
                "energy": with_prefix(link.energy.value, "J/bit"),
                "devices": link.devices,
            }
            for name, link in catalog.links().links.items()
        ]
    if plural == "hosts":
        return [
            {
                "name": name,
                "power": with_prefix(host.power.value, "W") if host.power else "-",
                "supply": digits(host.supply.value) if host.supply else "-",
                "devices": host.devices,
                "memory": with_prefix(host.memory.size / 8, "B"),
                "link": with_prefix(host.link.bandwidth.value / 8, "B/s"),
                "title": host.title,
            }
            for name, host in catalog.links().hosts.items()
        ]
    if plural == "grids":
        grids = electricity.grids()
        return [
            {
                "zone": zone, "g/kWh": round(figure.value * KWH, 1),
                "USD/kWh": round(grids.prices[zone].value * KWH, 3) if zone in grids.prices else None,
                "L/kWh": round(grids.water[zone].value * KWH, 1) if zone in grids.water else None,
                "source": f"{figure.source}, {figure.year}",
            }
            for zone, figure in grids.zones.items()
        ]  # fmt: skip
    if plural == "quality":
        return [each.record for each in quality.every()]
    if plural == "laws":
        return [{"name": name} | law.model_dump(mode="json") for name, law in laws.laws().laws.items()]
    kind = {"hardware": "hardware", "studies": "study"}.get(plural, plural.removesuffix("s"))
    kinds = (kind, "training-runtime") if kind == "runtime" else (kind,)
    return [_row(each, name) for each in kinds for name in catalog.names(each)]


def printed(plural: str, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a listing as its table has them."""
    if plural == "laws":
        return [law_words.row(str(row["name"]), laws.laws().laws[str(row["name"])]) for row in listed]
    if plural == "hardware":
        return [row | {"released": str(row["released"] or "-")} for row in listed]
    if plural == "grids":
        return [{key: "-" if value is None else value for key, value in row.items()} for row in listed]
    return [figures.row(Published(**row)) for row in listed] if plural == "quality" else listed


def notes(plural: str, listed: list[dict[str, Any]]) -> tuple[Note, ...]:
    """How the listed figures of quality were evaluated, where they are of a few tables."""
    if plural != "quality":
        return ()
    asked = {(row["source"], row["table"]) for row in listed}
    told = {(f.source, f.table): f for f in quality.every() if (f.source, f.table) in asked}
    if len(told) > TABLES:
        return (Note("conditions", f"{len(told)} tables, none comparable with another; fewer show their conditions."),)
    return tuple(Note("conditions", f"{figures.located(f)}: {f.conditions}.") for f in told.values())


def _part(links: Links, name: str, title: str, held: Mapping[str, Mapping[str, Input]]) -> Links:
    """A link or a host of the catalogue alone, with the sources of its figures."""
    used = {figure.source for of in held.values() for each in of.values() for _, figure in figures_in(each)}
    sources = {s: source for s, source in links.sources.items() if s in used}
    return Links.model_validate({"name": name, "title": title, "links": {}, "sources": sources, **held})


def _row(kind: str, name: str) -> dict[str, Any]:
    if kind == "study":
        return {"name": name, "title": catalog.study(name).title}
    if kind == "model":
        model = catalog.model(name)
        return {
            "name": name, "title": model.title, "layers": model.depth, "width": model.hidden_size,
            "vocabulary": model.vocab_size, "seen": model.seen,
        }  # fmt: skip
    if kind == "precision":
        precision = catalog.precision(name)
        return {
            "name": name, "stored bits": round(precision.linear.weights.bits_with_scales, 3),
            "information": round(precision.information_bits, 3), "activations": precision.linear.activation_bits,
            "title": precision.title,
        }  # fmt: skip
    if kind == "runtime":
        runtime = catalog.entry("runtime", name, RuntimeProfile)
        runs = "products" if runtime.products_alone else "inference"
        return {"runtime": runtime.runtime, "devices": runtime.device_class, "for": runs, "title": runtime.title}
    if kind == "training-runtime":
        software = catalog.training_runtime(name)
        return {"runtime": name, "devices": "gpu", "for": "training", "title": software.title}
    hardware = catalog.hardware(name)
    memory = list(hardware.hierarchy.values())[-1].capacity if hardware.has_clock else None
    return {
        "name": name,
        "kind": hardware.device_class or hardware.kind,
        "memory": with_prefix(memory.value / 8, "B") if memory else "-",
        "released": hardware.released,
        "title": hardware.title,
    }


def _entries(name: str) -> list[tuple[str, Path | None, Input]]:
    """Every entry of any kind that a name means."""
    if catalog.is_path(name):
        kind, entry = ("model", catalog.model(name)) if catalog.is_config(name) else load_any(Path(name))
        return [(kind, Path(name), entry)]
    found: list[tuple[str, Path | None, Input]] = []
    for kind in catalog.FOLDERS:
        listed = catalog.listed(kind, name)
        if catalog.has(kind, listed):
            path = catalog.folder(kind) / f"{listed}.yaml"
            found.append((kind, path, catalog.validate(catalog.read(path), KINDS[kind], path)))
    found += _named_within(name)
    if not found and ("@" in name or parts_of(name.lower())):
        return [("hardware", None, catalog.hardware(name))]
    if not found:
        precision = parse_name(name.lower())
        if precision is not None:
            return [("precision", None, precision)]
        if parse_size(name) is not None:
            return [("model", None, catalog.model(name))]
        raise _nothing(name)
    return found


def _nothing(name: str) -> BitnetCostError:
    """The fault that a name means nothing, with what it may mean."""
    for kind in catalog.FOLDERS:
        near = spelling.suggestions(kind, name)
        if near:
            fault = spelling.unknown(kind, name)
            return BitnetCostError(str(fault).replace(f"no {kind} is called", "nothing is called", 1))
    links = spelling.suggestions("link", name, catalog.links().links)
    meant = f"{either(links)}?" if links else ""
    every = "bitnet-cost list models, hardware, precisions, runtimes, studies, links, hosts, grids, quality or laws"
    return BitnetCostError(f"nothing is called {name!r}" + labelled(did_you_mean=meant, see_all=every))


def _named_within(name: str) -> list[tuple[str, Path | None, Input]]:
    """A runtime on each class of devices; a link and a grid, which share a file with others."""
    found: list[tuple[str, Path | None, Input]] = []
    for each in catalog.names("runtime"):
        path = catalog.folder("runtime") / f"{each}.yaml"
        if each.startswith(f"{name.lower()}-"):
            runtime = catalog.entry("runtime", each, RuntimeProfile)
            if runtime.runtime == name.lower():
                found.append(("runtime", path, runtime))
    links, grids = catalog.links(), electricity.grids()
    key = spelling.listed("link", name, links.links)
    key = key if key in links.links else spelling.listed("grid", name, grids.zones)
    if key in links.links:
        link = _part(links, key, f"Link {key}", {"links": {key: links.links[key]}})
        found.append(("link", catalog.place(catalog.LINKS), link))
    host = spelling.listed("host", name, links.hosts)
    if host in links.hosts:
        about = links.hosts[host].title
        found.append(
            ("link", catalog.place(catalog.LINKS), _part(links, host, about, {"hosts": {host: links.hosts[host]}}))
        )
    if key in grids.zones:
        zone = grids.zones[key]
        title = f"Electricity of {key}, {zone.year}"
        prices = {k: v for k, v in grids.prices.items() if k == key}
        water = {k: v for k, v in grids.water.items() if k == key}
        cited = {zone.source, *(p.source for p in prices.values()), *(w.source for w in water.values())}
        sources = {name: source for name, source in grids.sources.items() if name in cited}
        of = Grids(name=key, title=title, zones={key: zone}, prices=prices, water=water, sources=sources)
        found.append(("grid", catalog.place(electricity.GRIDS), of))
    return found


def details(name: str) -> tuple[list[Report], dict[str, Any]]:
    """Reports and plain data of every entry that a name means.

    Raises:
        BitnetCostError: nothing of that name.
    """
    reports, data = [], {}
    entries = _entries(name)
    for kind, path, entry in entries:
        file = str(path) if path else "made from its name"
        reports.append(entry_report(kind, entry, file))
        several = sum(other == kind for other, _, _ in entries) > 1
        data[f"{kind} {getattr(entry, 'name', '')}" if several else kind] = {
            "file": file,
            **entry.model_dump(exclude_none=True),
        }
    return reports, data


def entry_report(kind: str, entry: Input, file: str = "") -> Report:
    """Every figure of an entry, with its range, basis and source."""
    sections: dict[str, list[tuple[str, ...]]] = {}
    fields, remarks = [], []
    for place, value in _leaves(entry):
        section, _, name = place.replace(".actions.", " ").partition(".")
        if isinstance(value, Figure):
            figures = sections.setdefault(section, [])
            printed, span = _printed(value)
            figures.append((name, printed + mark_basis(value.basis), span, value.basis, value.source))
            if value.note:
                remarks.append((place, value.note))
        elif isinstance(value, SpecialFunction):
            work = f"{digits(value.mul, 6)} mul, {digits(value.add, 6)} add{mark_basis(value.basis)}"
            span = f"x{digits(value.low_factor, 6)} to x{digits(value.high_factor, 6)}"
            sections.setdefault(section, []).append((name, work, span, value.basis, value.source))
            remarks.append((place, value.note))
        elif section != "sources":
            fields.append((place, str(value) if place == "released" else cell(value, 6)))  # a year is no count
    tables = []
    if fields:
        tables.append(Table("Fields", headed("field", "value", texts=2), tuple(fields)))
    for section, rows_ in sections.items():
        columns = tuple(Column(h, h == "value") for h in ("name", "value", "range", "basis", "source"))
        tables.append(Table(section.replace("_", " ").capitalize(), columns, tuple(rows_)))
    if any(MARK in cell for rows_ in sections.values() for row in rows_ for cell in row):
        remarks.append((MARK, "assumed or scaled: weaker than the rest"))
    if remarks:
        tables.append(Table("Notes", headed("figure", "note", texts=2), tuple(remarks)))
    sources = getattr(entry, "sources", {})
    notes = [f"[{key}] {s.author}: {s.title}, {s.year}. {s.where}. ({s.seen})" for key, s in sources.items()]
    name, kind = getattr(entry, "title", "") or getattr(entry, "name", ""), kind.replace("-", " ")
    counted = ""
    if isinstance(entry, Architecture):
        parameters = parameters_by_role(operators(entry))
        total = sum(parameters.values())
        counts = tuple((role, with_commas(count), percent(count / total)) for role, count in parameters.items())
        heads = headed("role", "parameters", "share %")
        tables.append(Table("Parameters", heads, counts, ("total", with_commas(total), "100.00")))
        counted = f"; {with_commas(total)} parameters"
        tables.append(_checkpoint_table(entry))
        notes += entry.left_out()
    noted = [*(Note("source", text) for text in notes), *([Note("file", f"file: {file}")] if file else [])]
    return Report(f"{kind} {name}", f"{kind} {name}{counted}", tuple(tables), tuple(noted))


def _checkpoint_table(model: Architecture) -> Table:
    sizes = [(form, checkpoint_bytes(model, form)) for form in USUAL]
    rows = tuple((form, fixed(size / 1e9, 3), fixed(size / 2**30, 3)) for form, size in sizes)
    return Table("Checkpoint files, predicted", headed("format", "GB", "GiB"), rows)


def _printed(figure: Figure) -> tuple[str, str]:
    """Value with unit, and range; capacities in bytes."""
    scale, unit = (8.0, "B") if isinstance(figure, Capacity) else (1.0, figure.dimension.si)
    low, value, high = (x / scale for x in (figure.low, figure.value, figure.high))
    return with_prefix(value, unit), range_of(low, high, value, unit)


def _leaves(value: Any, place: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Figure | SpecialFunction):
        return [(place, value)]
    if isinstance(value, BaseModel):
        chosen = value.model_fields_set
        parts = [
            (name, getattr(value, name)) for name in type(value).model_fields if name in chosen or name in ("kind",)
        ]
    elif isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list | tuple):
        parts = [(str(i), v) for i, v in enumerate(value)]
    else:
        return [] if value is None or value == "" else [(place, value)]
    return [leaf for name, part in parts for leaf in _leaves(part, f"{place}.{name}" if place else str(name))]
