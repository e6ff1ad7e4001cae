"""Numbers as people read them: every figure that is printed is printed here.

A figure with a prefix, a column of figures in one prefix, a percentage, a count, significant digits, a range.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_once = lru_cache(maxsize=1 << 16)  # a page prints most of its figures for many choices
_STEPS = (
    ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0), ("m", 1e-3), ("µ", 1e-6), ("n", 1e-9), ("p", 1e-12),
)  # fmt: skip


_EXACT_POWERS = tuple(float(f"1e{power}") for power in range(23))  # all that a float holds exactly

_READ_AS = {
    f"{unit}/J": (f"{unit}/kWh", 3.6e6) for unit in ("g", "USD", "L")
}  # SI units that are not in use, and what is used instead


def prefix_of(value: float) -> tuple[str, float]:
    """The prefix that reads best for an SI figure, and its scale. Pico is the smallest, as in the field's tables.

    >>> prefix_of(6.99e11), prefix_of(3e-14)
    (('G', 1000000000.0), ('p', 1e-12))
    """
    if not value or not math.isfinite(value):
        return "", 1.0
    return next((step for step in _STEPS if abs(value) >= step[1] * 0.99995), _STEPS[-1])


@_once
def with_prefix(value: float, unit: str, digits: int = 4) -> str:
    """Print an SI figure with the prefix that reads best; what is per joule of electricity, per kWh.

    >>> with_prefix(3.7e-12, "J"), with_prefix(6.99e11, "B"), with_prefix(0.0, "J")
    ('3.7 pJ', '699 GB', '0 J')
    """
    if unit in _READ_AS:
        read_as, times = _READ_AS[unit]
        return f"{value * times:.{digits}g} {read_as}"
    prefix, scale = prefix_of(value)
    return f"{value / scale:.{digits}g} {prefix}{unit}"


def figure_text(value: float, unit: str) -> str:
    """Print an SI figure as files write it: bits of a capacity or a bandwidth in bytes.

    >>> figure_text(2.4e12, "bit/s"), figure_text(3e-14, "J"), figure_text(344 / 3.6e6, "g/J")
    ('300 GB/s', '0.03 pJ', '344 g/kWh')
    """
    if unit.startswith("bit"):
        return with_prefix(value / 8, unit.replace("bit", "B"))
    return with_prefix(value, unit).rstrip()


def range_of(low: float, high: float, value: float, unit: str = "") -> str:
    """Print a range in the prefix that `with_prefix` gives its nominal value.

    >>> range_of(1.8e-14, 4.8e-14, 3e-14), range_of(8e9, 8e9, 8e9)
    ('0.018 to 0.048', 'exact')
    """
    scale = 1 / _READ_AS[unit][1] if unit in _READ_AS else prefix_of(value)[1]
    return "exact" if low == high else span(low / scale, high / scale)


def digits(value: float | None, count: int = 4) -> str:
    """A figure with at most ``count`` significant digits; '-' for none.

    >>> digits(1234.56), digits(0.5), digits(None)
    ('1235', '0.5', '-')
    """
    return "-" if value is None else f"{value + 0.0:.{count}g}"  # there is no negative zero


def brief(value: float) -> str:
    """A figure in a sentence: six significant digits at most.

    >>> brief(0.5), brief(1e15)
    ('0.5', '1e+15')
    """
    return digits(value, 6)


def to_digits(value: float, count: int) -> float:
    """A figure rounded to a number of significant digits.

    >>> to_digits(1234.56, 3)
    1230.0
    """
    return float(digits(value, count))


def many_to_digits(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Figures rounded to a number of significant digits, to the bit as `to_digits` rounds each, in a tenth of its time.

    A whole number of that many digits over a power of ten that a float holds exactly is the float nearest to what is
    printed. What such a power does not reach, and what is close to a tie, is printed and read.

    >>> import numpy as np
    >>> many_to_digits(np.array([1234.56, -0.0, 2.5, 3e-30]), 3).tolist()
    [1230.0, 0.0, 2.5, 3e-30]
    """
    import numpy as np

    size = np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        behind = count - 1 - np.floor(np.log10(size))  # digits behind the point
        sure = np.abs(behind) <= 22
        shift = np.where(sure, behind, 0.0).astype(int)
        up, down = (np.array(_EXACT_POWERS)[np.maximum(way, 0)] for way in (shift, -shift))
        scaled = size * up / down
        whole = np.rint(scaled)
        sure &= (np.abs(scaled % 1.0 - 0.5) > 1e-6) & (scaled >= 10.0 ** (count - 1)) & (whole < 10.0**count)
    found = np.where(sure, np.copysign(whole / up * down, values), values)
    rest = np.flatnonzero(~sure)
    found[rest] = [to_digits(value, count) for value in values[rest].tolist()]
    return found


def tick(value: float) -> str:
    """A tick of an axis.

    >>> tick(0.05), tick(20000.0), tick(1e-5), tick(150000.0)
    ('0.05', '20,000', '1e-5', '1.5e5')
    """
    if 1e-3 <= value < 1e5:
        return grouped_digits(value, 6)
    mantissa, power = f"{value:.5e}".split("e")
    return f"{float(mantissa):g}e{int(power)}"


def grouped_digits(value: float | None, count: int = 4) -> str:
    """The same with commas between thousands.

    >>> grouped_digits(1234.56), grouped_digits(0.5)
    ('1,235', '0.5')
    """
    return "-" if value is None else f"{value:,.{count}g}"


def with_commas(value: float) -> str:
    """A count, or a figure without decimals, with commas between thousands.

    >>> with_commas(1234567), with_commas(1234.56)
    ('1,234,567', '1,235')
    """
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}"


def fixed(value: float, places: int, *, sign: bool = False, grouping: bool = True) -> str:
    """A figure with ``places`` decimals and commas between thousands; with its sign also where it is positive.

    >>> fixed(1234.567, 2), fixed(0.5, 1, sign=True)
    ('1,234.57', '+0.5')
    """
    return f"{value + 0.0:{'+' if sign else ''}{',' if grouping else ''}.{places}f}"


def span(low: float, high: float, count: int = 4) -> str:
    """A range in significant digits.

    >>> span(0.018, 0.048)
    '0.018 to 0.048'
    """
    return f"{digits(low, count)} to {digits(high, count)}"


def cell(value: object, count: int = 4) -> str:
    """A value of any kind in a table: significant digits, a count, yes or no, or words.

    >>> cell(1234.56), cell(1234567), cell(True), cell("fp16")
    ('1235', '1,234,567', 'yes', 'fp16')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return digits(value, count)
    return with_commas(value) if isinstance(value, int) else str(value)


def column_figures(values: Sequence[float | None], unit: str, digits: int = 4) -> tuple[str, list[str]]:
    """One prefix for a column: its unit, and the figures in it with ``digits`` significant ones.

    >>> column_figures([698.4e9, 21.83e9, 1e3, None], "B")
    ('GB', ['698.4', '21.83', '<0.0001', '-'])
    """
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    prefix, scale = prefix_of(largest)
    return prefix + unit, [significant(v, scale, digits) for v in values]


def in_columns(columns: Iterable[tuple[str, str, Sequence[float | None]]]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Headings with their units, and rows of cells, of columns: (heading, unit, figures), one prefix each.

    >>> in_columns([("stored", "B", [14e9, 2e9]), ("MAC", "", [3.0, 4.0])])
    (['stored GB', 'MAC'], [('14.00', '3.000'), ('2.000', '4.000')])
    """
    printed = [(heading, column_figures(values, unit)) for heading, unit, values in columns]
    headings = [f"{heading} {unit}".strip() for heading, (unit, _) in printed]
    return headings, list(zip(*(cells for _, (_, cells) in printed), strict=True))


def figures_apart(values: Sequence[float | None], unit: str) -> tuple[str, list[str]]:
    """Figures in one prefix: that of the largest, or of their middle where the smallest would lose its digits.

    >>> figures_apart([2e-6, 3e-4], "USD"), figures_apart([5000.0, 4e6], "J")
    (('µUSD', ['2.000', '300.0']), ('kJ', ['5.000', '4,000']))
    """
    given = [value for value in values if value]
    if not given or min(given) > 0.01 * prefix_of(max(given))[1]:
        return column_figures(values, unit)
    prefix, scale = prefix_of(math.sqrt(min(given)) * math.sqrt(max(given)))
    return prefix + unit, [significant(value, scale, 4) for value in values]


def one_prefix(values: Sequence[float]) -> tuple[str, float] | None:
    """The prefix of a column in which every figure keeps two digits; None where there is none.

    >>> one_prefix([133.7, 946.0]), one_prefix([1.2e-4, 946.0])
    (('', 1.0), None)
    """
    sizes = [abs(v) for v in values if v and math.isfinite(v)]
    prefix, scale = prefix_of(max(sizes, default=0.0))
    return (prefix, scale) if not sizes or min(sizes) / scale >= 0.001 else None


@_once
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


@_once
def percent(value: float | None, places: int = 2) -> str:
    """A share in percent; never rounded up to 100.

    >>> percent(0.99234), percent(0.6), percent(None), percent(0.999999)
    ('99.23', '60.00', '-', '99.99')
    """
    if value is None or not math.isfinite(value):
        return "-"
    text = f"{100 * value:.{places}f}"
    return f"{100 - 10.0**-places:.{places}f}" if value < 1 and float(text) >= 100 else text


@_once
def used(share: float) -> str:
    """A share of memory: percent, or how many times it where it is far beyond.

    >>> used(0.5), used(12.34), used(7613.2)
    ('50.0', '12.3x', '7,610x')
    """
    if share < 10 or not math.isfinite(share):
        return percent(share, 1)
    times = to_digits(share, 3)
    return f"{times:,.0f}x" if times >= 100 else f"{times:g}x"


def whole_percent(share: float) -> str:
    """A share as sentences have it: whole, with one decimal from 90 to 100 and below 1 percent.

    >>> whole_percent(0.3912), whole_percent(0.94853), whole_percent(0.0042), whole_percent(10.74)
    ('39%', '94.9%', '0.4%', '1,074%')
    """
    size = abs(100 * share)
    if 90 <= size < 100:
        return f"{min(size, 99.9):.1f}%"
    return f"{size:.1f}%" if 0.05 <= size < 0.95 else f"{size:,.0f}%"


def signed_change(change: float) -> str:
    """A relative change in a table: percent with its sign, from five times on as a factor.

    >>> signed_change(-0.104), signed_change(1.02), signed_change(10.6), signed_change(-0.0), signed_change(-0.992)
    ('-10%', '+102%', 'x11.6', '0%', '-99.2%')
    """
    if change >= 4:
        return f"x{grouped_digits(1 + change, 3)}"
    text = whole_percent(change) if change < 0 else f"{abs(100 * change):.{int(0.0005 <= change < 0.0095)}f}%"
    return "0%" if text == "0%" else f"{'-' if change < 0 else '+'}{text}"


def change_range(low: float, high: float) -> str:
    """The range of a relative change, its unit once.

    >>> change_range(-0.144, -0.075), change_range(-0.08, 0.07), change_range(9.3, 11.8), change_range(0.55, 6.0)
    ('-14 to -8%', '-8 to +7%', 'x10.3 to 12.8', 'x1.55 to 7')
    """
    if high >= 4:
        return f"x{grouped_digits(1 + low, 3)} to {grouped_digits(1 + high, 3)}"
    ends = (f"{100 * end:+.{int(end < -0.99)}f}" for end in (low, high))
    return " to ".join("0" if float(end) == 0 else end for end in ends) + "%"


def change_words(change: float) -> str:
    """A relative change as an adjective of what is needed.

    >>> change_words(-0.104), change_words(0.63), change_words(1.32), change_words(0.98), change_words(10.6)
    ('10% less', '63% more', '2.3 times as much', 'twice as much', '12 times as much')
    """
    if change < 0:
        return f"{whole_percent(change)} less"
    times = digits(1 + change, 2)
    if change < 0.95:
        return f"{100 * change:,.{int(0 < change < 0.0095)}f}% more"
    return "twice as much" if times == "2" else f"{grouped_digits(float(times), 6)} times as much"


def figures_of(value: float | None) -> str:
    """A figure with three significant digits, from 1,000 on whole; '-' for none.

    >>> figures_of(0.2034), figures_of(5837.2), figures_of(16.21), figures_of(None)
    ('0.203', '5,837', '16.2', '-')
    """
    return "-" if value is None else significant(value, 1.0, 3)


def short_count(value: float) -> str:
    """A large count as the field writes it, with three significant digits.

    >>> short_count(300e9), short_count(1.4e12), short_count(6100914300.0), short_count(12)
    ('300B', '1.4T', '6.1B', '12')
    """
    prefix, scale = prefix_of(value) if value >= 1e3 else ("", 1.0)
    return f"{value / scale:.3g}" + {"k": "K", "G": "B"}.get(prefix, prefix)


_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def in_words(count: int) -> str:
    """A count in a sentence: up to ten in a word.

    >>> in_words(2), in_words(1074)
    ('two', '1,074')
    """
    return _WORDS[count] if 0 <= count < len(_WORDS) else with_commas(count)


def bar(share: float, width: int = 12) -> str:
    """A share as a bar up to the mark of the whole, and what is beyond it; ``>`` where that goes on.

    >>> bar(0.38), bar(1.43), bar(5.37)
    ('#####       |', '############|#####', '############|######>')
    """
    inside, over = round(width * min(share, 1.0)), max(round(width * (share - 1)), int(share > 1))
    more = "#" * min(over, width // 2) + (">" if over > width // 2 else "")
    return f"{'#' * inside}{' ' * (width - inside)}|{more}"
