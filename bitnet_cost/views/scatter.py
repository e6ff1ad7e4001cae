"""A figure of points between two logarithmic axes as a drawing that needs no script, for pages in a repository.

It draws what `bitnet_cost.views.figures.parity` made for plotly.js, where 1 MB of library would be too much.
"""

from __future__ import annotations

import math
from html import unescape
from xml.etree.ElementTree import Element, SubElement, tostring

from bitnet_cost.views.figures import Drawing

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 80, 16, 12, 56


def parity_svg(figure: Drawing, hollow: str = "") -> str:
    """The drawing as markup: a diamond for each point, empty in the series ``hollow``, and the line of equal figures.

    Words show when a mark is pointed at. Both axes have one range. Colours come from the page's style.
    """
    points = [
        (x, y, unescape(words), own["name"] != hollow)
        for look, own in figure.traces if look.mode == "markers"
        for x, y, words in zip(own["x"], own["y"], own["text"], strict=True)
    ]  # fmt: skip
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

    across, up = figure.layout.x, figure.layout.y
    for tick, words in zip(across.ticks, across.texts, strict=True):
        x, y = right(tick), upward(tick)
        add("path", d=f"M{x} {TOP}V{HEIGHT - BOTTOM}M{LEFT} {y}H{WIDTH - RIGHT}", class_="grid")
        add("text", words, x=x, y=HEIGHT - BOTTOM + 18, text_anchor="middle")
        add("text", words, x=LEFT - 8, y=y + 4, text_anchor="end")
    add("path", d=f"M{right(low)} {upward(low)}L{right(high)} {upward(high)}", class_="equal")
    for x, y, words, filled in points:
        name = "mark" if filled else "mark hollow"
        mark = add("path", d=f"M{right(x)} {upward(y) - 6}l6 6l-6 6l-6 -6z", class_=name)
        SubElement(mark, "title").text = words
    add("text", across.title, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 8, text_anchor="middle")
    add("text", up.title, x=14, y=(TOP + HEIGHT - BOTTOM) / 2, text_anchor="middle",
        transform=f"rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2})")  # fmt: skip
    return tostring(root, encoding="unicode")
