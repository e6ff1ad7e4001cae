"""Electricity of the catalogue: its carbon intensity, water and price, by zone."""

from __future__ import annotations

from functools import cache

from bitnet_cost.inputs.facility import Grids, Zone
from bitnet_cost.numerals import brief, fixed
from bitnet_cost.readers.catalog import shipped
from bitnet_cost.readers.spelling import listed, unknown
from bitnet_cost.units import KWH

GRIDS = "electricity/grids.yaml"


@cache
def grids() -> Grids:
    """Carbon intensity of electricity, by zone.

    Raises:
        BitnetCostError: an invalid file.
    """
    return shipped(GRIDS, Grids)


def carbon_intensity(text: str) -> tuple[float, str, Zone | None]:
    """Carbon intensity from a number in g/kWh or a zone such as ``deu``, what it describes, and the zone.  [g/J]

    Raises:
        BitnetCostError: neither a number nor a known zone.
    """
    try:
        return float(text) / KWH, f"{brief(float(text))} g/kWh", None
    except ValueError:
        pass
    known = grids()
    name = listed("grid", text, known.zones)
    figure = known.zones.get(name)
    if figure is None:
        raise unknown("grid", text, known.zones, wants="a country such as deu, 'world', or g/kWh")
    low, value, high = (fixed(x * KWH, 0, grouping=False) for x in (figure.low, figure.value, figure.high))
    words = f"{name}, {figure.year}: {value} g/kWh, {low} to {high}"
    return figure.value, words, Zone(name, figure, known.sources[figure.source], known.water.get(name))


def price(text: str) -> float:
    """Price of electricity from a number in USD/kWh or a country code such as ``deu``.  [USD/J]

    Raises:
        BitnetCostError: neither a number nor a zone whose price is known.

    >>> f"{price('fra') * 3.6e6:.3f}"
    '0.185'
    """
    try:
        return float(text) / KWH
    except ValueError:
        pass
    known = grids().prices
    name = listed("grid", text, known)
    if name not in known:
        raise unknown("grid", text, known, wants="USD/kWh, or a country whose price is known, such as deu")
    return known[name].value
