"""Charts as plotly.py builds them: one theme for light and for dark, one look for each series, units on the axes.

A page holds thousands of figures that differ in their data alone, and plotly.py takes 3 ms to check a whole one. So
what they share, the looks of series and the layouts, is built by plotly.py once each, and a `Drawing` joins data to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path
from sys import float_info
from typing import Any, Literal, NamedTuple

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.numerals import tick

Theme = Literal["light", "dark"]
Mode = Literal["lines", "markers", "lines+markers"]
LineStep = Literal["linear", "hv", "vh"]
THEMES: dict[Theme, dict[str, str]] = {  # the names and colours of templates/report.css
    "light": {"paper": "#ffffff", "ink": "#1b1f24", "line": "#d0d7de"},
    "dark": {"paper": "#12161b", "ink": "#e8ecf0", "line": "#3a444e"},
}
# Colours that most colour-blind readers tell apart, patterns and signs beside them. 8, 7 and 5 have no common factor,
# so that 40 lines and 56 signs differ in colour or form.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#8c8c8c")
PATTERNS = ("", "/", "x", "-", "\\", "+", "|", ".")
SIGNS = ("circle", "square", "diamond", "cross", "triangle-up", "star", "x")
DASHES = ("solid", "dash", "longdash", "dot", "dashdot")
_STEPS = (1, 2, 5)
_OVER = "<br>%{xaxis.title.text}: %{x:,.4~r}<br>%{yaxis.title.text}: %{y:,.4~r}<extra></extra>"


class Look(NamedTuple):
    """How a series is drawn. ``number`` gives it colour, sign and dash; None is ink, for what all series share."""

    kind: Literal["scatter", "bar"]
    number: int | None
    mode: Mode = "lines"
    size: int = 9
    opacity: float = 1.0
    step: LineStep = "linear"
    listed: bool = True  # in the legend
    sign: str = ""  # in place of the number's
    worded: bool = False  # its words (texts, or customdata of bars) show when it is pointed at

    def as_plotly(self, theme: Theme) -> dict[str, Any]:
        """The series without its data, as plotly.js reads it."""
        return _bar(self) if self.kind == "bar" else _scatter(self, theme)


def _bar(look: Look) -> dict[str, Any]:
    from plotly import graph_objects as go

    number = look.number or 0
    pattern = {
        "shape": PATTERNS[number % 8], "fillmode": "overlay", "fgcolor": "#ffffff", "fgopacity": 0.55, "size": 7,
        "solidity": 0.25,
    }  # fmt: skip
    shown = "<br>%{customdata}" if look.worded else ", %{fullData.name}<br>%{xaxis.title.text}: %{x:,.4~r}"
    return dict(go.Bar(
        orientation="h", marker={"color": COLOURS[number % 8], "pattern": pattern}, textposition="inside",
        insidetextanchor="start", textfont={"color": "#000000"}, hovertemplate=f"%{{y}}{shown}<extra></extra>",
        showlegend=look.listed,
    ).to_plotly_json())  # fmt: skip


def _scatter(look: Look, theme: Theme) -> dict[str, Any]:
    from plotly import graph_objects as go

    ink, number = look.number is None, look.number or 0
    colour = THEMES[theme]["ink"] if ink else COLOURS[number % 8]
    marker: dict[str, Any] = {"color": colour, "symbol": look.sign or SIGNS[number % 7], "size": look.size}
    if look.sign.startswith("line-"):
        marker["line"] = {"width": 3, "color": colour}
    elif not look.sign.endswith("open"):
        marker["line"] = {"width": 0.5, "color": THEMES[theme]["paper"]}
    return dict(go.Scatter(
        mode=look.mode, marker=marker, opacity=look.opacity, showlegend=look.listed,
        line={"color": colour, "dash": "solid" if ink else DASHES[number % 5], "width": 1 if ink else 2,
              "shape": look.step},
        hovertemplate=("%{text}" if look.worded else "%{fullData.name}") + _OVER,
    ).to_plotly_json())  # fmt: skip


class Axis(NamedTuple):
    """An axis and its title, with the unit. Ticks or names stand where they are given, names from the top."""

    title: str
    log: bool = False
    ticks: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    span: tuple[float, float] | None = None

    @property
    def places(self) -> dict[str, Any]:
        """Its ticks, names and span, as plotly.js reads them."""
        if self.names:
            return {"categoryarray": self.names, "range": (len(self.names) - 0.4, -0.6)}
        return ({"tickvals": self.ticks, "ticktext": self.texts} if self.ticks else {}) | (
            {"range": self.span} if self.span else {}
        )


@cache
def _axis(title: str, log: bool, named: bool) -> dict[str, Any]:
    """An axis without its places, as plotly.js reads it."""
    from plotly import graph_objects as go

    kind = {"type": "log" if log else "category" if named else None}
    named_so = {"categoryorder": "array", "dtick": 1} if named else {}
    return dict(go.layout.XAxis(title={"text": escape(title, quote=False)}, **kind, **named_so).to_plotly_json())


class Layout(NamedTuple):
    """Two axes, and how bars of one row stand. ``even``: the signs of the legend are of one size, however small."""

    x: Axis
    y: Axis
    bars: Literal["stack", "group", "overlay"] = "stack"
    legend: bool = True
    even: bool = False

    def as_plotly(self) -> dict[str, Any]:
        """As plotly.js reads it, the theme aside."""
        axes = {
            f"{way}axis": _axis(axis.title, axis.log, bool(axis.names)) | axis.places
            for way, axis in (("x", self.x), ("y", self.y))
        }
        legend = {"legend": {"itemsizing": "constant"}} if self.even else {}
        return axes | legend | {"barmode": self.bars, "showlegend": self.legend, "hovermode": "closest"}


class Drawing(NamedTuple):
    """Series between two axes: each a look and its data; lines across at a ``level``, or up and down at a ``mark``."""

    layout: Layout
    traces: tuple[tuple[Look, dict[str, Any]], ...]
    level: float | None = None
    mark: float | None = None
    rem: float = 22.0  # height, the legend aside

    @property
    def shapes(self) -> dict[str, Any]:
        """The lines, as plotly.js reads them."""
        found = []
        if self.level is not None:
            found.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": self.level, "y1": self.level,
                          "line": {"dash": "dot"}})  # fmt: skip
        if self.mark is not None:
            found.append({"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": self.mark, "x1": self.mark})
        return {"shapes": found} if found else {}

    def height(self, width: float) -> float:
        """Height with all lines of the legend in a box of some width.  [px] -> [rem]"""
        names = [own["name"] for look, own in self.traces if look.listed] if self.layout.legend else []
        if not names:
            return self.rem
        each = 60 + 7 * max(map(len, names))
        return self.rem + 1.4 * math.ceil(len(names) / max(1, width // each))

    def whole(self, theme: Theme = "light") -> dict[str, Any]:
        """The same in one piece, as plotly.py checks it and plotly.js draws it."""
        traces = [look.as_plotly(theme) | own for look, own in self.traces]
        return {"data": traces, "layout": {**self.layout.as_plotly(), **self.shapes, "template": template(theme)}}


def trace(
    look: Look, name: str, x: Iterable[Any], y: Iterable[Any], text: Sequence[str] = (), **more: Any
) -> tuple[Look, dict[str, Any]]:
    """One series of a `Drawing`. Texts are markup, see `plain`."""
    own = {"name": escape(name, quote=False), "x": list(x), "y": list(y)}
    return look, own | ({"text": list(text)} if text else {}) | more


def plain(words: str) -> str:
    r"""Words as plotly.js shows them, which reads some tags.

    >>> plain("a <b>\nc")
    'a &lt;b&gt;<br>c'
    """
    return escape(words, quote=False).replace("\n", "<br>")


@cache
def template(theme: Theme) -> dict[str, Any]:
    """What all charts of a theme share."""
    from plotly import graph_objects as go

    colours = THEMES[theme]
    lines = {"gridcolor": colours["line"], "zerolinecolor": colours["line"]}
    axis = lines | {"automargin": True, "title": {"standoff": 8}}
    clear = "rgba(0,0,0,0)"
    found = go.layout.Template(
        data={"bar": [{"error_x": {"color": colours["ink"]}}]},
        layout={
            "paper_bgcolor": clear, "plot_bgcolor": clear,
            "font": {"color": colours["ink"], "family": "inherit", "size": 12},
            "margin": {"l": 16, "r": 12, "t": 12, "b": 20}, "hoverlabel": {"namelength": -1}, "dragmode": False,
            "legend": {"orientation": "h", "traceorder": "normal", "y": 1.02, "yanchor": "bottom", "x": 0,
                       "itemclick": False, "itemdoubleclick": False},
            "xaxis": axis, "yaxis": axis | {"ticklabelstandoff": 4},
            "shapedefaults": {"line": {"color": colours["ink"], "width": 1}},
        },
    )  # fmt: skip
    return dict(found.to_plotly_json())


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round figures from ``low`` to ``high`` on a logarithmic axis: powers of ten, or 1, 2 and 5 where they are few.

    >>> ticks(0.3, 40), ticks(1, 1e6)[:3]
    ([0.5, 1.0, 2.0, 5.0, 10.0, 20.0], [1.0, 10.0, 100.0])
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [(s, float(f"{s}e{d}")) for d in decades for s in _STEPS]  # 1e309 is infinite, where 10**309 is a fault
    found = [value for s, value in steps if low <= value <= high]
    tens = [value for s, value in steps if low <= value <= high and s == 1]
    found = tens if len(tens) >= 4 else found
    return found[:: math.ceil(len(found) / most)] if found else [low]


def log_axis(title: str, values: Iterable[float | None]) -> Axis:
    """A logarithmic axis with ticks that suit some values."""
    given = [v for v in values if v is not None and v > 0]
    at = tuple(ticks(min(given) / 1.2, min(max(given) * 1.2, float_info.max))) if given else ()
    return Axis(title, log=True, ticks=at, texts=tuple(map(tick, at)))


def parity_figure(groups: dict[str, list[tuple[float, float, str]]], across: str, up: str) -> Drawing:
    """Modelled over reference figures, each ``(reference, modelled, words)``, and the line on which both are equal."""
    many = sum(map(len, groups.values())) > 50
    traces = []
    for number, (name, points) in enumerate(groups.items()):
        look = Look("scatter", number, "markers", size=6 if many else 9, opacity=0.65 if many else 1.0, worded=True)
        x, y, words = zip(*points, strict=True)
        traces.append(trace(look, name, x, y, list(map(plain, words))))
    values = [v for points in groups.values() for x, y, _ in points for v in (x, y)]
    ends = [min(values), max(values)]
    traces.append(trace(Look("scatter", None, listed=False), "equal", ends, ends))
    layout = Layout(log_axis(across, values), log_axis(up, values), legend=len(groups) > 1, even=True)
    return Drawing(layout, tuple(traces), rem=26.0)


IMAGES = (".png", ".svg", ".pdf")


def write_image(figure: Any, path: str) -> None:
    """Write one chart as a picture, as its ending says; a `Drawing`, or a figure of plotly.

    Raises:
        BitnetCostError: another ending, nothing that makes pictures, a place that cannot be written.
    """
    from bitnet_cost.views.files import whole_or_nothing

    ending = Path(path).suffix.lower()
    if ending not in IMAGES:
        raise BitnetCostError(f"{path}: a picture ends in {', '.join(IMAGES[:-1])} or {IMAGES[-1]}")
    try:
        import kaleido  # noqa: F401
    except ImportError:
        own = "or save it from the page (-o FILE.html, then the buttons PNG and SVG of the chart)"
        raise BitnetCostError(f"{path}: pictures need kaleido: pip install 'bitnet-cost[images]'; {own}") from None
    from plotly import graph_objects as go

    drawn = go.Figure(figure.whole()) if isinstance(figure, Drawing) else figure
    size = {} if drawn.layout.width else {"width": 720, "height": drawn.layout.height or 420}
    try:
        made = drawn.to_image(format=ending[1:], scale=1 if ending == ".svg" else 2, **size)
    except Exception as fault:  # kaleido's own, and those of the browser that it starts
        reason = (str(fault).strip().splitlines() or [type(fault).__name__])[0]
        raise BitnetCostError(f"{path}: kaleido draws with Chrome or Chromium, and failed ({reason[:200]})") from None
    with whole_or_nothing(path) as temporary:
        Path(temporary).write_bytes(made)
