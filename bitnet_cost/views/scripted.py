"""What a page's script makes its charts of: numbers of the model, each once, and words and looks that Python has."""

from __future__ import annotations

from typing import Any

from bitnet_cost.numerals import fixed
from bitnet_cost.views import quality
from bitnet_cost.views.charts import Data
from bitnet_cost.views.charts_first import overview_looks
from bitnet_cost.views.charts_parts import LINES, RAMP, batch_looks, kind_look
from bitnet_cost.views.charts_quality import FRONT, better, quality_look
from bitnet_cost.views.charts_trust import ROOF, phase_look
from bitnet_cost.views.records import AMOUNTS


def script_data(data: Data) -> dict[str, Any]:
    """The part of the data of all charts that `templates/charts.js` reads, by places where there are names."""
    precisions, published = data["precisions"], _published(data)
    places = {name: i for i, name in enumerate(precisions)}
    cells: list[dict[str, Any]] = [{}] * len(data["index"])
    for i in data["index"].values():
        cell, scopes = data["grid"]["cells"][i], {}
        for scope, found in cell.get("scopes", {}).items():
            rivals = found.get("against") or ()
            scopes[scope] = {
                "against": [None if each is None else (places[each[0]], *each[1:]) for each in rivals],
                **({"parts": found["parts"]} if "parts" in found else {}),
                "energy": found["energy"],
            }  # fmt: skip
        cells[i] = {**cell, "scopes": scopes}
    hardware = data["hardware"]
    return {
        "models": data["choices"]["model"], "precisions": precisions, "hardware": list(hardware),
        **{name: data["grid"][name] for name in ("batches", "curve", "contexts")}, "cells": cells,
        "places": {"\n".join(key): i for key, i in data["index"].items()},
        "generate": {"\n".join(key): count for key, count in data["generate"].items()},
        "capacities": {name: facts["capacity"] for name, facts in hardware.items()},
        "roofs": {name: [facts["bandwidth"], facts["rates"]] for name, facts in hardware.items()},
        "one_bit": [p for p in precisions if p in data["one_bit"]], "operations": _operations(data),
        "names": data["names"], "scope_words": data["scope_words"], "all_ranges": data["all_ranges"],
        "marks": data["marks"], "quality": published, "looks": _looks(data),
    }  # fmt: skip


def _operations(data: Data) -> dict[str, Any]:
    """The operators of every cell, which are also those of the page's document: what several cells count alike, once.

    ``kinds`` are rows and amounts; ``cells`` the place of a kind, and by row energy, seconds, and the place of what
    bounds them.
    """
    kinds: dict[tuple[int, int], int] = {}
    held: list[tuple[Any, Any]] = []
    bounds: dict[str | None, int] = {}
    cells = []
    for i in range(len(data["marks"])):
        found = data["operations"](i)
        key = id(found.rows), id(found.amounts)
        if key not in kinds:
            kinds[key] = len(held)
            held.append((found.rows, found.amounts))
        bound = None if found.bound is None else [bounds.setdefault(word, len(bounds)) for word in found.bound]
        cells.append((kinds[key], found.energy_j, found.seconds, bound))
    return {"columns": AMOUNTS, "kinds": held, "bounds": list(bounds), "cells": cells}


def _published(data: Data) -> dict[str, Any]:
    """The figures of quality that a page draws, with what they are; nothing where there are none."""
    if not data["evaluations"]:
        return {}
    cells = next(iter(data["evaluations"].values()))
    first = next(iter(cells.values()))[0]
    rows = [
        {"model": model, "precision": precision, "value": f.value, "figure": fixed(f.value, quality.places(f)),
         "method": f.method, "weak": f.weak, "loss": quality.loss(f)}
        for (model, precision), (f, _) in cells.items()
    ]  # fmt: skip
    return {
        "rows": rows, "title": quality.evaluated(first), "located": quality.located(first),
        "short": quality.SHORT[first.metric], "better": better(first), "negative": first.metric != "perplexity",
    }  # fmt: skip


def _looks(data: Data) -> dict[str, Any]:
    """How the series of these charts are drawn."""
    of_batch = {}
    for name in data["precisions"]:
        colour = data["looks"][name][0]
        band, _, marks = batch_looks(colour, LINES[0])
        of_batch[name] = {
            "band": band.as_plotly(), "lines": [batch_looks(colour, dash)[1].as_plotly() for dash in LINES],
            "marks": [look.as_plotly() for look in marks],
        }  # fmt: skip
    return {
        "overview": overview_looks(data), "roof": ROOF.as_plotly(),
        "phases": [phase_look(number).as_plotly() for number in range(8)],
        "energy": {kind: kind_look(kind).as_plotly() for kind in RAMP}, "batch": of_batch,
        "quality": {p: [quality_look(data, p, weak).as_plotly() for weak in (False, True)] for p in data["precisions"]},
        "colours": {p: f"{colour}t" for p, (colour, _) in data["looks"].items()}, "efficient": FRONT.as_plotly(),
    }  # fmt: skip
