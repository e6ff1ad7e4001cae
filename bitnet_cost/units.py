"""Units at the door: text with a unit in, plain SI floats inside; `numerals` prints them again.

GB is 10^9 bytes, GiB is 2^30.  [J], [s], [bit], [byte], [W]
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from bitnet_cost.errors import BitnetCostError

_PREFIX = {
    "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "": 1.0,
    "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
}  # fmt: skip
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(\S.*)?")
KWH = 3.6e6  # J
_LONGEST = 100  # characters of a figure


class Dimension(NamedTuple):
    """What a figure measures: its words, its SI unit, the spellings accepted, and the believable range."""

    words: str
    si: str
    spellings: dict[str, float]
    low: float
    high: float
    example: str


def _with(prefixes: str, *units: tuple[str, float]) -> dict[str, float]:
    return {p + u: _PREFIX[p] * scale for u, scale in units for p in ["", *prefixes]}


def _bytes(suffix: str = "") -> dict[str, float]:
    """Spellings of a number of bytes, in bits: decimal and binary prefixes."""
    decimal = {p + "B" + suffix: _PREFIX[p] * 8.0 for p in ["", *"kKMGTP"]}
    binary = {p + "B" + suffix: scale * 8.0 for p, scale in _BINARY.items()}
    bits = {p + "bit" + suffix: _PREFIX[p] for p in ["", *"kKMGTP"]}
    return decimal | binary | bits


_PER_BIT = _with("fpnumµ", ("J/bit", 1.0), ("J/B", 0.125))
# fmt: off
ENERGY_PER_OPERATION = Dimension("energy per operation", "J", _with("fpnumµ", ("J", 1.0)), 1e-18, 1e-3, "0.03 pJ")
ENERGY_PER_BIT = Dimension("energy per bit", "J/bit", _PER_BIT, 1e-18, 1e-6, "3.9 pJ/bit")
POWER = Dimension("power", "W", _with("numµkM", ("W", 1.0)), 1e-9, 1e9, "700 W")
BANDWIDTH = Dimension("bandwidth", "bit/s", _bytes("/s"), 1.0, 1e18, "3350 GB/s")
CAPACITY = Dimension("capacity", "bit", _bytes(), 1.0, 1e18, "80 GB")
TIME = Dimension("time", "s", _with("pnumµ", ("s", 1.0)) | {"h": 3600.0, "year": 31_557_600.0}, 1e-12, 1e10, "3.4 us")
_PER_SECOND = _with("kMGTP", ("FLOP/s", 1.0), ("OP/s", 1.0))
OPERATIONS_PER_MAC = 2  # a multiplication and an addition: what a rate counts, and nothing else does
RATE = Dimension("operations per second", "OP/s", _PER_SECOND, 1e3, 1e18, "989 TFLOP/s")
ENERGY = Dimension("energy", "J", _with("mkM", ("J", 1.0), ("Wh", 3600.0)), 1e-3, 1e12, "19.4 Wh")
CARBON = Dimension("carbon intensity", "g/J", {"g/kWh": 1 / KWH, "kg/MWh": 1 / KWH}, 1e-9, 1e-2, "344 g/kWh")
MASS = Dimension("mass of CO2 equivalent", "g", {"g": 1.0, "kg": 1e3, "t": 1e6}, 1e-3, 1e12, "164 kg")
MONEY = Dimension("price", "USD", {"USD": 1.0}, 1e-2, 1e9, "1999 USD")
TARIFF = Dimension("price of electricity", "USD/J", {"USD/kWh": 1 / KWH}, 1e-10, 1e-5, "0.16 USD/kWh")
WATER = Dimension("water of electricity", "L/J", {"L/kWh": 1 / KWH}, 1e-10, 1e-3, "3.1 L/kWh")
RATIO = Dimension("ratio", "", {"x": 1.0, "%": 0.01}, 1e-6, 100.0, "0.88 x")
# fmt: on
DIMENSIONS = (
    ENERGY_PER_OPERATION,
    ENERGY_PER_BIT,
    POWER,
    BANDWIDTH,
    CAPACITY,
    TIME,
    RATE,
    CARBON,
    MASS,
    MONEY,
    TARIFF,
    WATER,
)


def parse(text: object, dimension: Dimension) -> float:
    """Read a figure with its unit; return it in SI.

    >>> parse("3.7 pJ", ENERGY_PER_OPERATION)
    3.7e-12
    >>> parse("1.25 GB/s", BANDWIDTH)
    10000000000.0
    >>> parse("0.03 pJ/bit", ENERGY_PER_OPERATION)
    Traceback (most recent call last):
    ...
    bitnet_cost.errors.BitnetCostError: '0.03 pJ/bit' is energy per bit; this field wants energy per operation. \
Write it as in '0.03 pJ'.

    Raises:
        BitnetCostError: no number, no unit, a unit of another dimension, or a figure outside the believable range.
    """
    wants = f"this field wants {dimension.words}. Write it as in {dimension.example!r}."
    if not isinstance(text, str):
        raise BitnetCostError(f"{text!r} has no unit; {wants}")
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        raise BitnetCostError(f"{text!r} is not a number with a unit; {wants}")
    number, unit = float(match[1]), (match[2] or "")
    if not unit:
        raise BitnetCostError(f"{text!r} has no unit; {wants}")
    scale = dimension.spellings.get(unit)
    if scale is None:
        other = next((d.words for d in DIMENSIONS if unit in d.spellings), None)
        reason = f"is {other}" if other else f"has an unknown unit {unit!r}"
        raise BitnetCostError(f"{text!r} {reason}; {wants}")
    value = float(f"{number * scale:.15g}")  # 3.7 * 1e-12 is 3.7e-12, not its neighbour
    if not math.isfinite(value) or not dimension.low <= value <= dimension.high:
        low, high = dimension.low, dimension.high
        raise BitnetCostError(
            f"{text!r} is outside {low:g} to {high:g} {dimension.si}, what any {dimension.words} can be"
        )
    return value


def pattern(dimension: Dimension) -> str:
    """A regular expression (ECMA 262) for what `parse` reads, its believable range aside.

    >>> bool(re.fullmatch(pattern(RATE), "989 TFLOP/s")), bool(re.fullmatch(pattern(RATE), "989 W"))
    (True, False)
    """
    spelled = "|".join(sorted(dimension.spellings, key=lambda unit: (-len(unit), unit)))
    return rf"^\s*[+-]?(\d+(_\d+)*\.?\d*|\.\d+)([eE][+-]?\d+)?\s*({spelled})\s*$"
