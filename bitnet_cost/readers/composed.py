"""A file with ``arrays`` and ``memories`` as the profile that they make on the prices of a technology node."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bitnet_cost import units
from bitnet_cost.errors import BitnetCostError, InvalidFile, suggested
from bitnet_cost.inputs.composed import CLOCK
from bitnet_cost.inputs.datapath import LEVELS, UNITS
from bitnet_cost.numerals import digits, figure_text
from bitnet_cost.readers.extends import cited_sources

Data = dict[str, Any]
_SOURCE = "composed"
_OWN: Data = {
    "author": "bitnet-cost", "title": "Figures that follow from arrays, memories and a technology node", "year": 2026,
    "where": "readers/composed.py; each figure's note gives the rule", "seen": "own",
}  # fmt: skip
_PREFIX = {"k": 1e3, "M": 1e6, "G": 1e9, None: 1.0}
_UNPACK: Data = {
    "mul": 0, "add": 1, "low_factor": 0.3, "high_factor": 3, "basis": "assumed", "source": _SOURCE,
    "note": "a packed weight widened: one addition",
}  # fmt: skip


def composed(data: Data, path: Path, kinds: Callable[[], Data]) -> Data:
    """The document of a composed accelerator with its rates, units, prices of MACs and levels.

    ``kinds`` gives the document of memories by kind, when one is asked for. What the file gives itself stays.

    Raises:
        InvalidFile: an unknown kind of memory, or what the node has no price for.
    """
    found = {**data, "sources": {**_part(data, "sources"), _SOURCE: _OWN}}
    rates, actions, given = ({**_part(data, key)} for key in ("rates", "actions", "units"))
    for form, array in _part(data, "arrays").items():
        sized = isinstance(array, dict) and isinstance(array.get("macs"), int | float)
        if not sized or not re.fullmatch(CLOCK, str(array.get("clock"))):
            continue  # told where the file is validated
        rates.setdefault(form, _rate(array))
        own = {key: value for key, value in array.items() if key not in ("macs", "clock")}
        if form in LEVELS or (form in UNITS and own):
            given.setdefault(form, own)
        if "datapath" not in own:
            actions.setdefault(f"mac.{form}", _mac(form, own.get("accumulates"), actions, path))
    if "arrays" in data:  # units of the node alone, which no array here has
        actions = {
            a: part for a, part in actions.items() if not a.startswith("mac.") or a.removeprefix("mac.") in rates
        }
        given = {form: part for form, part in given.items() if form in rates}
    found |= {"rates": rates, "actions": actions, "units": given}
    if memories := _part(data, "memories"):
        found["hierarchy"] = {
            name: _level(name, memory, _part(data, "hierarchy"), kinds, found, path)
            for name, memory in memories.items() if isinstance(memory, dict)
        }  # fmt: skip
    special = _part(data, "special_functions")
    found["special_functions"] = special if "unpack" in special else {**special, "unpack": _UNPACK}
    cited = set(cited_sources({key: part for key, part in found.items() if key != "sources"}))
    return found | {"sources": {key: source for key, source in found["sources"].items() if key in cited}}


def _part(data: Data, key: str) -> Data:
    part = data.get(key)
    return part if isinstance(part, dict) else {}


def _cited(low: str, value: str, high: str, note: str, **more: str) -> Data:
    return {"value": value, "low": low, "high": high, "basis": "scaled", "source": _SOURCE, "note": note, **more}


def _rate(array: Data) -> Data:
    match = re.fullmatch(CLOCK, array["clock"])
    hertz = float(match[1]) * _PREFIX[match[2]] if match else 0.0
    text = f"{digits(units.OPERATIONS_PER_MAC * float(array['macs']) * hertz / 1e9, 10)} GOP/s"
    return _cited(text, text, text, f"2 x {array['macs']} MAC x {array['clock']}")


def _mac(form: str, accumulates: str | None, actions: Data, path: Path) -> Data:
    """A MAC as a multiplication and an addition of the node, integers into INT32."""
    parts = [f"mul.{form}", f"add.{accumulates or ('int32' if form.startswith('int') else form)}"]
    missing = [part for part in parts if part not in actions]
    if missing:
        what = f"no price for {' and '.join(missing)}; give actions.mac.{form}, or a datapath"
        raise InvalidFile(path, f"arrays.{form}", what)
    low, value, high = (
        figure_text(sum(units.parse(actions[part][key], units.ENERGY_PER_OPERATION) for part in parts), "J")
        for key in ("low", "value", "high")
    )
    return _cited(low, value, high, " + ".join(parts))


def _level(name: str, memory: Data, node: Data, kinds: Callable[[], Data], found: Data, path: Path) -> Data:
    """A level of the hierarchy from a memory of a kind; its sources join those of the file."""
    kind, level = memory.get("kind"), {key: part for key, part in memory.items() if key != "kind"}
    if kind == "sram":
        return level | _sram(name, memory, node, path)
    known = kinds()
    if kind not in known["kinds"]:
        there = ["sram", *known["kinds"]]
        hint = suggested(str(kind), there, f"; there are {', '.join(there)}")
        raise InvalidFile(path, f"memories.{name}.kind", f"unknown kind {kind!r}{hint}")
    for way in ("read", "write"):
        if way in known["kinds"][kind]:
            figure = known["kinds"][kind][way]
            found["sources"].setdefault(f"memory-{figure['source']}", known["sources"][figure["source"]])
            level[way] = figure | {"source": f"memory-{figure['source']}"}
    return level


def _sram(name: str, memory: Data, node: Data, path: Path) -> Data:
    """Energy of an SRAM by its capacity: on the line through the node's two nearest sizes, in logarithms."""
    points = sorted(
        ((units.parse(level["capacity"]["value"], units.CAPACITY), level["read"]) for level in node.values()
         if isinstance(level, dict) and "capacity" in level and "read" in level),
        key=lambda point: point[0],
    )  # fmt: skip
    if len(points) < 2:
        raise InvalidFile(path, f"memories.{name}", "is SRAM, priced by a node; extend one, as cmos-28nm")
    try:
        size = units.parse(memory["capacity"]["value"], units.CAPACITY)
    except (KeyError, TypeError, BitnetCostError):
        return {}  # told where the file is validated
    above = next((i for i, (other, _) in enumerate(points) if other >= size), len(points) - 1)
    (small, first), (large, last) = points[max(above, 1) - 1], points[max(above, 1)]
    part = math.log(size / small) / math.log(large / small)

    def energy(key: str) -> str:
        ends = [units.parse(read[key], units.ENERGY_PER_BIT) for read in (first, last)]
        return figure_text(ends[0] * (ends[1] / ends[0]) ** part, "J") + "/bit"

    sizes = " and ".join(figure_text(each, "bit") for each in (small, large))
    return {"read": _cited(energy("low"), energy("value"), energy("high"), f"through {sizes} of the node")}
