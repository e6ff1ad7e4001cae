"""The drawing of printed against modelled figures."""

from __future__ import annotations

from xml.etree import ElementTree

from bitnet_cost.views.figures import parity_figure
from bitnet_cost.views.scatter import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, parity_svg

HELD = [(0.02, 0.024, "a"), (1.0, 1.0, "b")]
CLAIMED = [(400.0, 380.0, "</svg><script>alert(1)</script>")]
FIGURE = parity_figure({"held": HELD, "claim": CLAIMED}, "printed", "modelled")


def test_each_figure_is_a_mark_inside_the_axes() -> None:
    root = ElementTree.fromstring(parity_svg(FIGURE, hollow="claim"))
    marks = [e for e in root if str(e.get("class")).startswith("mark")]
    assert [m.findtext("title") for m in marks] == [words for _, _, words in (*HELD, *CLAIMED)]
    assert [m.get("class") for m in marks] == ["mark", "mark", "mark hollow"]
    for mark in marks:
        x, y = (float(v) for v in str(mark.get("d")).removeprefix("M").partition("l")[0].split())
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y + 6 <= HEIGHT - BOTTOM
    assert not root.findall(".//script")


def test_equal_figures_lie_on_the_line() -> None:
    root = ElementTree.fromstring(parity_svg(FIGURE))
    line = next(e for e in root if e.get("class") == "equal")
    (x0, y0), (x1, y1) = (map(float, end.split()) for end in str(line.get("d")).removeprefix("M").split("L"))
    mark = [e for e in root if str(e.get("class")).startswith("mark")][1]
    x, y = (float(v) for v in str(mark.get("d")).removeprefix("M").partition("l")[0].split())
    assert abs((y + 6 - y0) - (x - x0) * (y1 - y0) / (x1 - x0)) < 0.5
