"""Modelled against printed figures as a drawing that needs no script: both axes logarithmic, one mark a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 80, 16, 12, 56
_STEPS = (1, 2, 5)


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round figures from ``low`` to ``high`` on a logarithmic axis: powers of ten, or 1, 2 and 5 where they are few.

    >>> ticks(0.3, 40), ticks(1, 1e6)[:3]
    ([0.5, 1.0, 2.0, 5.0, 10.0, 20.0], [1.0, 10.0, 100.0])
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    tens = [10.0**d for d in decades if low <= 10.0**d <= high]
    found = tens if len(tens) >= 4 else [s * 10.0**d for d in decades for s in _STEPS if low <= s * 10.0**d <= high]
    return found[:: math.ceil(len(found) / most)] if found else [low]


def parity_svg(points: Sequence[tuple[float, float, str, bool]], across: str, up: str) -> str:
    """The drawing as markup: a diamond for each ``(x, y, words, filled)``, and the line on which both are equal.

    Words show when a mark is pointed at. Figures are positive. Colours come from the page's style.
    """
    if not points:
        return ""
    values = [v for x, y, _, _ in points for v in (x, y)]
    low, high = min(values) / 1.3, max(values) * 1.3

    def place(value: float, start: float, stop: float) -> float:
        return round(start + (stop - start) * math.log(value / low) / math.log(high / low), 1)

    def right(value: float) -> float:
        return place(value, LEFT, WIDTH - RIGHT)

    def upward(value: float) -> float:
        return place(value, HEIGHT - BOTTOM, TOP)

    root = Element("svg", {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "class": "parity", "role": "presentation"})

    def add(tag: str, text: str = "", **attributes: object) -> Element:
        element = SubElement(root, tag, {k.rstrip("_").replace("_", "-"): str(v) for k, v in attributes.items()})
        element.text = text or None
        return element

    for tick in ticks(low, high):
        x, y, words = right(tick), upward(tick), f"{tick:g}"
        add("path", d=f"M{x} {TOP}V{HEIGHT - BOTTOM}M{LEFT} {y}H{WIDTH - RIGHT}", class_="grid")
        add("text", words, x=x, y=HEIGHT - BOTTOM + 18, text_anchor="middle")
        add("text", words, x=LEFT - 8, y=y + 4, text_anchor="end")
    add("path", d=f"M{right(low)} {upward(low)}L{right(high)} {upward(high)}", class_="equal")
    for x, y, words, filled in points:
        name = "mark" if filled else "mark hollow"
        mark = add("path", d=f"M{right(x)} {upward(y) - 6}l6 6l-6 6l-6 -6z", class_=name)
        SubElement(mark, "title").text = words
    add("text", across, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 8, text_anchor="middle")
    add("text", up, x=14, y=(TOP + HEIGHT - BOTTOM) / 2, text_anchor="middle",
        transform=f"rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2})")  # fmt: skip
    return tostring(root, encoding="unicode")
