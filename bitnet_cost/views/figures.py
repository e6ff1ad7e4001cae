"""Charts as plotly.js draws them: one template, one palette for light and dark, one look for each series.

A page holds thousands of figures that differ in their data alone, and plotly.py takes 3 ms to check a whole one. So
looks and layouts are shared, a `Drawing` joins data to them, and plotly.py checks whole figures in the tests and where
one is handed out.
A colour is the name of one of the page's, ``var(--p1)``, which `coloured` and the page's script look up: a change of
theme is a change of colours alone. Each figure has a wide and a narrow layout; labels are placed for either.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from sys import float_info
from typing import Any, Literal, NamedTuple

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.numerals import tick, to_digits
from bitnet_cost.tables import wrap
from bitnet_cost.views.families import EIGHT, FOUR, FP32, ONE, TWO, family_of
from bitnet_cost.views.families import WIDE as WIDE_FORMATS

Theme = Literal["light", "dark"]
Mode = Literal["lines", "markers", "lines+markers"]
LineStep = Literal["linear", "hv", "vh"]
Side = Literal["", "right", "left", "above", "below"]
_FAMILIES = {FP32: "p32", WIDE_FORMATS: "p16", EIGHT: "p8", FOUR: "p4", TWO: "p2", ONE: "p1"}
THEMES: dict[Theme, dict[str, str]] = {  # the names and colours of templates/report.css
    "light": {
        "bg": "#ffffff", "ink": "#16202b", "mu": "#59646f", "line": "#dfe3e8", "soft": "#f5f6f8", "link": "#1d4f9c",
        "c1": "#5c4a0e", "c2": "#94781a", "c3": "#cdae4a", "c4": "#e8dcb2", "no": "#66717c",
        **{name: family.light.lower() for family, name in _FAMILIES.items()},
        **{f"{name}t": family.light_text.lower() for family, name in _FAMILIES.items()},
    },
    "dark": {
        "bg": "#12161b", "ink": "#e6eaee", "mu": "#9aa5b0", "line": "#2b333c", "soft": "#1a2027", "link": "#8db8f5",
        "c1": "#f3e6b8", "c2": "#d9bd62", "c3": "#a5883a", "c4": "#5a4f30", "no": "#8a95a0",
        **{name: family.dark.lower() for family, name in _FAMILIES.items()},
        **{f"{name}t": family.dark_text.lower() for family, name in _FAMILIES.items()},
    },
}  # fmt: skip
# Series that are not precisions, in colours that no precision has; 8, 7 and 5 have no common factor, so that 40 lines
# and 56 signs differ in colour or form.
COLOURS = ("#0a8f7a", "#7a5cc0", "#a8761c", "#5b7f2b", "#3f7391", "#8a6a5a", "#b04a4a", "#7d8790")
SIGNS = ("circle", "square", "diamond", "cross", "triangle-up", "star", "x")
DASHES = ("solid", "dash", "longdash", "dot", "dashdot")
FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
WIDE, NARROW = 672, 350  # px that labels are placed for
_STEPS = (1, 2, 5)
_OVER = "<br>%{xaxis.title.text}: %{x:,.4~r}<br>%{yaxis.title.text}: %{y:,.4~r}<extra></extra>"
_COLOUR = re.compile(r"var\(--(\w+)\)(\w\w)?")


def coloured(thing: Any, theme: Theme = "light") -> Any:
    """A figure, or a part of it, with the colours of a theme in place of their names.

    >>> coloured({"color": "var(--p1)", "name": ["int8"]}), coloured("var(--bg)80")
    ({'color': '#d4450c', 'name': ['int8']}, '#ffffff80')
    """
    if isinstance(thing, dict):
        return {name: coloured(part, theme) for name, part in thing.items()}
    if isinstance(thing, list | tuple):
        return [coloured(part, theme) for part in thing]
    found = _COLOUR.fullmatch(thing) if isinstance(thing, str) else None
    return thing if found is None else THEMES[theme][found[1]] + (found[2] or "")


def family_looks(precisions: Iterable[Precision]) -> dict[str, tuple[str, str]]:
    """Colour and shape of precisions by name; the second of a family is hollow, the third crossed."""
    found: dict[str, tuple[str, str]] = {}
    for precision in precisions:
        family = family_of(precision)
        before = sum(colour == _FAMILIES[family] for colour, _ in found.values())
        shape = family.shape if not before else family.shape.removesuffix("-open") + ("-open", "-cross")[before > 1]
        found[precision.name] = _FAMILIES[family], shape
    return found


class Look(NamedTuple):
    """How a series is drawn. ``number`` gives it colour, sign and dash; None is ink, for what all series share.

    ``colour`` is one of `THEMES`, in place of the number's.
    """

    kind: Literal["scatter", "bar"]
    number: int | None
    mode: Mode = "lines"
    size: int = 9
    opacity: float = 1.0
    step: LineStep = "linear"
    listed: bool = True  # in the legend
    sign: str = ""  # in place of the number's
    worded: bool = False  # its words (texts, or customdata of bars) show when it is pointed at
    colour: str = ""
    dash: str = ""  # in place of the number's
    filled: bool = False  # an area

    @property
    def paint(self) -> str:
        """Its colour, or the name of one."""
        if self.colour or self.number is None:
            return f"var(--{self.colour or 'ink'})"
        return COLOURS[self.number % 8]

    def as_plotly(self) -> dict[str, Any]:
        """The series without its data, as plotly.js reads it."""
        return _bar(self) if self.kind == "bar" else _scatter(self)


def _bar(look: Look) -> dict[str, Any]:
    shown = "%{customdata}" if look.worded else "%{fullData.name}<br>%{xaxis.title.text}: %{x:,.4~r}"
    return {
        "type": "bar", "orientation": "h", "marker": {"color": look.paint, "opacity": look.opacity},
        "hovertemplate": f"{shown}<extra></extra>", "showlegend": look.listed,
    }  # fmt: skip


def _scatter(look: Look) -> dict[str, Any]:
    sign = look.sign or SIGNS[(look.number or 0) % 7]
    marker: dict[str, Any] = {"color": look.paint, "symbol": sign, "size": look.size}
    marker["line"] = (
        {"width": 1.8, "color": look.paint} if sign.endswith("open") else {"width": 1, "color": "var(--bg)"}
    )
    dash = look.dash or ("solid" if look.number is None else DASHES[look.number % 5])
    found = {
        "type": "scatter", "mode": look.mode, "marker": marker, "opacity": look.opacity, "showlegend": look.listed,
        "line": {"color": look.paint, "dash": dash, "width": 1.4 if look.number is None else 2, "shape": look.step},
        "hovertemplate": ("%{text}" if look.worded else "%{fullData.name}") + _OVER,
    }  # fmt: skip
    if look.filled:
        found |= {"fill": "toself", "fillcolor": look.paint + "1c", "hoverinfo": "skip", "line": {"width": 0}}
        del found["hovertemplate"]
    return found


class Axis(NamedTuple):
    """An axis and its title, with the unit. Ticks or names are where they are given, names from the top at 0, 1 ..."""

    title: str
    log: bool = False
    ticks: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    span: tuple[float, float] | None = None  # of a logarithmic axis: powers of ten
    heads: tuple[int, ...] = ()  # of the names, those of groups

    def places(self, narrow: bool) -> dict[str, Any]:
        """Its ticks, names and span, as plotly.js reads them."""
        if self.names:
            end = len(self.names)
            return {"tickvals": list(range(end)), "ticktext": _names(self, narrow), "range": [end - 0.4, -0.6]}
        few = slice(None, None, 2 if narrow and len(self.ticks) > 5 else 1)
        return ({"tickvals": self.ticks[few], "ticktext": self.texts[few]} if self.ticks else {}) | (
            {"range": self.span} if self.span else {}
        )

    def as_plotly(self, narrow: bool, across: bool) -> dict[str, Any]:
        """The axis as plotly.js reads it."""
        title = {"text": escape(self.title, quote=False), "standoff": 8 if across else 6}
        named = {"showgrid": False, "ticks": "", "tickfont": {"size": 13, "color": "var(--ink)"}} if self.names else {}
        return {"title": title, **({"type": "log"} if self.log else {}), **named, **self.places(narrow)}


@lru_cache(maxsize=4096)
def _names(axis: Axis, narrow: bool) -> list[str]:
    """The names of an axis as markup, broken where there is less room."""
    each = [wrap(n, 18 if narrow else 44, break_long_words=False)[:4] or [""] for n in axis.names]
    broken = ["<br>".join(escape(line, quote=False) for line in lines) for lines in each]
    return [f"<b>{text}</b>" if i in axis.heads else text for i, text in enumerate(broken)]


class Layout(NamedTuple):
    """Two axes, and how bars of one row are placed. ``even``: the signs of the legend are of one size."""

    x: Axis
    y: Axis
    bars: Literal["stack", "group", "overlay"] = "stack"
    legend: bool = True
    even: bool = False
    top: int = 12  # px above the axes, the legend aside
    right: int = 18  # px beside them
    height: int = 0  # px; 0: as `Drawing` says
    lane: int = 0  # px of the top below the legend

    def margins(self, narrow: bool) -> dict[str, int]:
        """Room around the axes.  [px]"""
        longest = max(
            (len(part) for line in _names(self.y._replace(heads=()), narrow) for part in line.split("<br>")), default=0
        )
        left = 14 + round(6.9 * longest) if self.y.names else 66
        return {"l": max(left, 30), "r": self.right, "t": self.top, "b": 46}

    def as_plotly(self, narrow: bool = False) -> dict[str, Any]:
        """As plotly.js reads it, the template aside."""
        axes = {"xaxis": self.x.as_plotly(narrow, True), "yaxis": self.y.as_plotly(narrow, False)}
        inside = max(1, self.height - self.top - 46)
        legend: dict[str, Any] = {"legend": {"itemsizing": "constant"}} if self.even else {}
        if self.legend and self.lane:
            legend.setdefault("legend", {})["y"] = 1 + self.lane / inside
        rest: dict[str, Any] = {"barmode": self.bars, "showlegend": self.legend, "hovermode": "closest"}
        return axes | legend | rest | {"margin": self.margins(narrow), "height": self.height}


class Label(NamedTuple):
    """Words beside a mark. Without a ``side`` the first that is free, and none where none is; else there in any case.

    ``brief`` takes their place where there is less room; empty: nothing there.
    """

    x: float
    y: float
    text: str
    colour: str = "ink"
    bold: bool = False
    side: Side = ""
    brief: str | None = None
    gap: int = 9  # px from the mark
    weak: bool = False  # may be left out where no side is free


class Drawing(NamedTuple):
    """Series between two axes: each a look and its data; lines across at a ``level``, or up and down at a ``mark``."""

    layout: Layout
    traces: tuple[tuple[Look, dict[str, Any]], ...]
    level: float | None = None
    mark: float | None = None
    rem: float = 24.0  # height, the legend aside
    labels: tuple[Label, ...] = ()
    lines: tuple[dict[str, Any], ...] = ()  # further shapes
    words: tuple[dict[str, Any], ...] = ()  # further annotations
    brief: tuple[dict[str, Any], ...] | None = None  # in their place where there is less room

    @property
    def shapes(self) -> list[dict[str, Any]]:
        """The lines, as plotly.js reads them."""
        found: list[dict[str, Any]] = []
        line = {"width": 1.5, "color": "var(--ink)"}
        if self.level is not None:
            found.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": self.level, "y1": self.level,
                          "line": line})  # fmt: skip
        if self.mark is not None:
            found.append({"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": self.mark, "x1": self.mark,
                          "line": line})  # fmt: skip
        return [*found, *self.lines]

    def sized(self, narrow: bool = False) -> Layout:
        """The layout with its height, and room for the lines of a legend above."""
        names = [own["name"] for look, own in self.traces if look.listed] if self.layout.legend else []
        width = (NARROW if narrow else WIDE) - 80
        each = 46 + 7 * max(map(len, names), default=0)
        lines = 22 * math.ceil(len(names) / max(1, width // each)) if names else 0
        top = self.layout.top + lines + (6 if lines else 0)
        height = round(16 * self.rem) + lines
        if self.layout.y.names:  # room for names of several lines
            most = max(name.count("<br>") + 1 for name in _names(self.layout.y, narrow))
            height = max(height, top + 46 + (15 * most + 4) * len(self.layout.y.names))
        return self.layout._replace(top=top, height=height, lane=self.layout.top)

    def beside(self, narrow: bool = False) -> dict[str, Any]:
        """Lines and labels, as plotly.js reads them."""
        words = self.brief if narrow and self.brief is not None else self.words
        return {"shapes": self.shapes, "annotations": [*_placed(self, narrow), *words]}

    def whole(self, theme: Theme = "light", narrow: bool = False) -> dict[str, Any]:
        """The same in one piece, as plotly.py checks it and plotly.js draws it."""
        traces = [look.as_plotly() | own for look, own in self.traces]
        layout = {**self.sized(narrow).as_plotly(narrow), **self.beside(narrow), "template": template()}
        found: dict[str, Any] = coloured({"data": traces, "layout": layout}, theme)
        return found


_Box = tuple[float, float, float, float]  # left, top, right, bottom  [px]


def _placed(figure: Drawing, narrow: bool) -> list[dict[str, Any]]:
    """Labels as annotations: each on the first side on which it covers no mark and no label before it."""
    layout = figure.sized(narrow)
    room, width, height = layout.margins(narrow), NARROW if narrow else WIDE, layout.height
    axes = ((layout.x, room["l"], width - room["r"]), (layout.y, height - room["b"], room["t"]))

    def place(value: float, way: int) -> float:
        axis, start, stop = axes[way]
        low, high = axis.span or (0.0, 1.0)
        if axis.names:
            low, high = len(axis.names) - 0.4, -0.6
        value = math.log10(value) if axis.log and value > 0 else value
        return start + (stop - start) * (value - low) / ((high - low) or 1.0)

    def log(value: float, axis: Axis) -> float:
        return math.log10(value) if axis.log else value

    shown = [label for label in figure.labels if not narrow or label.brief != ""]
    marks, thin = _obstacles(figure, place) if any(not label.side for label in shown) else ([], [])
    thin += [(0.0, 0.0, room["l"] - 4.0, height)] * 3  # the words of the axis
    found = []
    for label in shown:
        text = label.text if not narrow or label.brief is None else label.brief
        if not text:
            continue
        across, up = log(label.x, layout.x), log(label.y, layout.y)
        x, y = place(label.x, 0), place(label.y, 1)
        size = (6.6 + 0.8 * label.bold) * len(text), 15.0
        if label.side:
            marks.append(_box(x, y, size, label.side, label.gap))
            found.append(_annotation(label, text, label.side, across, up))
            continue
        sides: tuple[Side, ...] = ("right", "left", "below", "above")
        tried = [(_cost(box := _box(x, y, size, side, label.gap), marks, thin, width, height), i, side, box)
                 for i, side in enumerate(sides)]  # fmt: skip
        cost, _, side, box = min(tried)
        if cost >= 10 and (label.weak or narrow):
            continue
        marks.append(box)
        found.append(_annotation(label, text, side, across, up))
    return found


def _annotation(label: Label, text: str, side: Side, x: float, y: float) -> dict[str, Any]:
    shift = {"right": (label.gap, 0), "left": (-label.gap, 0), "above": (0, label.gap), "below": (0, -label.gap)}[side]
    anchors = {"right": ("left", "middle"), "left": ("right", "middle"), "above": ("center", "bottom")}
    across, up = anchors.get(side, ("center", "top"))
    words = escape(text, quote=False)
    return {
        "x": to_digits(x, 5), "y": to_digits(y, 5), "text": f"<b>{words}</b>" if label.bold else words,
        "showarrow": False, "xanchor": across, "yanchor": up, "xshift": shift[0], "yshift": shift[1],
        "font": {"color": f"var(--{label.colour})"},
    }  # fmt: skip


def _box(x: float, y: float, size: tuple[float, float], side: str, gap: int) -> _Box:
    wide, high = size
    if side in ("right", "left"):
        left = x + gap if side == "right" else x - gap - wide
        return left, y - high / 2, left + wide, y + high / 2
    top = y - gap - high if side == "above" else y + gap
    return x - wide / 2, top, x + wide / 2, top + high


def _cost(box: _Box, marks: Sequence[_Box], thin: Sequence[_Box], width: float, height: float) -> float:
    """How much a label would cover: ten for each mark or label, one for each thin line, more beyond the edge."""

    def over(other: _Box) -> bool:
        return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]

    beyond = 100.0 * (box[0] < 2 or box[2] > width - 2 or box[1] < 0 or box[3] > height - 40)
    return beyond + 10.0 * sum(map(over, marks)) + sum(map(over, thin))


def _obstacles(figure: Drawing, place: Any) -> tuple[list[_Box], list[_Box]]:
    """Boxes of the marks, and of their whiskers."""
    marks, thin = [], []
    for look, own in figure.traces:
        if "markers" not in look.mode or look.kind == "bar":
            continue
        bars = own.get("error_y")
        for i, (x, y) in enumerate(zip(own["x"], own["y"], strict=True)):
            if x is None or y is None:
                continue
            px, py, half = place(x, 0), place(y, 1), look.size / 2
            marks.append((px - half, py - half, px + half, py + half))
            if bars:
                high, low = place(y + bars["array"][i], 1), place(max(y - bars["arrayminus"][i], y * 1e-3), 1)
                thin.append((px - 2, high, px + 2, low))
    return marks, thin


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
def template() -> dict[str, Any]:
    """What all charts share; colours by their names, as `coloured` reads them."""
    clear = "rgba(0,0,0,0)"
    small = {"size": 12, "color": "var(--mu)"}
    axis = {"gridcolor": "var(--line)", "zeroline": False, "automargin": False, "linecolor": "var(--mu)",
            "tickfont": small, "title": {"font": small}}  # fmt: skip
    return {"layout": {
        "paper_bgcolor": clear, "plot_bgcolor": clear,
        "font": {"color": "var(--ink)", "family": FONT, "size": 12.5},
        "hoverlabel": {"namelength": -1, "bgcolor": "var(--bg)", "bordercolor": "var(--mu)", "align": "left",
                       "font": {"color": "var(--ink)", "size": 13}},
        "dragmode": False,
        "legend": {"orientation": "h", "traceorder": "normal", "y": 1, "yanchor": "bottom", "x": 0,
                   "itemclick": False, "itemdoubleclick": False, "font": {"size": 13}},
        "xaxis": axis | {"showline": True, "ticks": "outside", "ticklen": 5, "tickcolor": "var(--mu)"},
        "yaxis": axis | {"ticklabelstandoff": 6},
        "annotationdefaults": {"font": {"size": 12.5}},
        "bargap": 0.28,
    }}  # fmt: skip


@cache
def _decade(steps: tuple[float, ...], power: int) -> tuple[float, ...]:
    return tuple(float(f"{step}e{power}") for step in steps)  # 1e309 is infinite, where 10**309 is a fault


def ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Round figures from ``low`` to ``high`` on a logarithmic axis: 1, 2, 5; powers of ten where those are many.

    Closer ones where there would be one or two.

    >>> ticks(0.3, 40), ticks(1, 1e6)[:3], ticks(0.72, 1.03)
    ([0.5, 1.0, 2.0, 5.0, 10.0, 20.0], [1.0, 10.0, 100.0], [0.8, 0.9, 1.0])
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        closer = [v for d in decades for v in _decade(steps, d) if low <= v <= high]
        if len(closer) > most and len(found) >= 2:
            break
        found = closer
        if len(found) >= 3 and len(steps) >= 3:
            break
    if len(found) < 3 and high < 2 * low:
        step = 10 ** math.floor(math.log10((high - low) / 2))
        step *= max(s for s in _STEPS if s * step <= (high - low) / 2)
        found = [to_digits(i * step, 6) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return found[:: math.ceil(len(found) / most)] if found else [low]


def log_axis(title: str, values: Iterable[float | None], pad: float = 0.06, suffix: str = "") -> Axis:
    """A logarithmic axis with ticks that suit some values, and a part of their span free at either end."""
    given = [v for v in values if v is not None and v > 0 and math.isfinite(v)]
    if not given:
        return Axis(title, log=True)
    low, high = math.log10(min(given)), math.log10(max(given))
    free = max(pad * (high - low), 0.04)
    first, last = 10 ** max(low - free, -300.0), 10 ** min(high + free, math.log10(float_info.max) - 0.01)
    at = tuple(ticks(first, last))
    return Axis(
        title, log=True, ticks=at, texts=tuple(tick(v) + suffix for v in at),
        span=(math.log10(first), math.log10(last)),
    )  # fmt: skip


def parity_figure(groups: dict[str, list[tuple[float, float, str]]], across: str, up: str) -> Drawing:
    """Modelled over reference figures, each ``(reference, modelled, words)``, and the line on which both are equal."""
    traces = []
    for number, (name, points) in enumerate(groups.items()):
        x, y, words = zip(*points, strict=True)
        traces.append(trace(Look("scatter", number, "markers", worded=True), name, x, y, list(map(plain, words))))
    values = [v for points in groups.values() for x, y, _ in points for v in (x, y)]
    ends = [min(values), max(values)]
    traces.append(trace(Look("scatter", None, listed=False), "equal", ends, ends))
    layout = Layout(log_axis(across, values), log_axis(up, values), legend=len(groups) > 1, even=True)
    return Drawing(layout, tuple(traces), rem=26.0)


IMAGES = (".png", ".svg", ".pdf")


def write_image(figure: Any, path: str, title: str = "") -> None:
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

    drawn = go.Figure(figure.whole()) if isinstance(figure, Drawing) else go.Figure(figure)
    if isinstance(figure, Drawing):
        drawn.update_layout(paper_bgcolor=THEMES["light"]["bg"])
    if title:
        text = "<br>".join(escape(line, quote=False) for line in wrap(title, 96))
        room = 16 + 17 * (text.count("<br>") + 1)
        height = (drawn.layout.height or 420) + room
        drawn.update_layout(
            title={"text": text, "font": {"size": 14}, "x": 0.01, "y": 1 - 8 / height, "yanchor": "top"},
            margin_t=(drawn.layout.margin.t or 0) + room, height=height,
        )  # fmt: skip
    size = {} if drawn.layout.width else {"width": 720, "height": drawn.layout.height or 420}
    try:
        made = drawn.to_image(format=ending[1:], scale=1 if ending == ".svg" else 2, **size)
    except Exception as fault:  # kaleido's own, and those of the browser that it starts
        reason = (str(fault).strip().splitlines() or [type(fault).__name__])[0]
        raise BitnetCostError(f"{path}: kaleido draws with Chrome or Chromium, and failed ({reason[:200]})") from None
    with whole_or_nothing(path) as temporary:
        Path(temporary).write_bytes(made)
