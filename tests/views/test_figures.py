"""Figures: colours by name, labels that cover nothing, one chart as a picture."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from types import ModuleType

import plotly.graph_objects as go
import pytest

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.readers import catalog
from bitnet_cost.views import figures
from bitnet_cost.views.figures import Axis, Drawing, Label, Layout, Look, log_axis, trace
from tests.conftest import Ran

BAR = trace(Look("bar", 0, colour="p1"), "bar", [1.0], [0])
DRAWN = Drawing(Layout(Axis("J"), Axis("", names=("a",))), (BAR,))


def test_precisions_of_a_family_share_a_colour_and_differ_in_shape() -> None:
    looks = figures.family_looks(catalog.precision(p) for p in catalog.names("precision"))
    for name, colour in (
        ("fp32", "p32"),
        ("bf16", "p16"),
        ("q8_0", "p8"),
        ("q4_k_m", "p4"),
        ("q2_k", "p2"),
        ("bitnet", "p1"),
    ):
        assert looks[name][0] == colour
    few = figures.family_looks(catalog.precision(p) for p in ("fp16", "bf16", "int8", "fp8"))
    assert few["fp16"] == ("p16", "square")
    assert few["bf16"] == ("p16", "square-open")
    assert len(set(few.values())) == 4


def test_every_colour_of_a_figure_is_one_of_the_page() -> None:
    for theme in figures.THEMES:
        assert "var(--" not in str(DRAWN.whole(theme))
    assert figures.THEMES["light"].keys() == figures.THEMES["dark"].keys()


@pytest.mark.parametrize("narrow", [False, True])
def test_labels_cover_neither_marks_nor_one_another(narrow: bool) -> None:
    places = [(1.0, 1.0), (1.2, 1.1), (1.4, 0.9), (8.0, 4.0), (9.0, 4.2), (9.5, 1.0)]
    x, y = [p[0] for p in places], [p[1] for p in places]
    labels = tuple(Label(a, b, f"label {i}", weak=True) for i, (a, b) in enumerate(places))
    layout = Layout(log_axis("x", x, 0.2), log_axis("y", y, 0.2), legend=False)
    figure = Drawing(layout, (trace(Look("scatter", 0, "markers"), "points", x, y),), labels=labels)
    found = figure.whole(narrow=narrow)["layout"]["annotations"]
    assert len(found) >= 4
    wide = figures.NARROW if narrow else figures.WIDE
    sized = figure.sized(narrow)
    room = sized.margins(narrow)
    boxes = []
    for each in found:
        low, high = sized.x.span or (0, 1)
        px = room["l"] + (wide - room["l"] - room["r"]) * (each["x"] - low) / (high - low) + each["xshift"]
        low, high = sized.y.span or (0, 1)
        py = sized.height - room["b"] - (sized.height - room["b"] - room["t"]) * (each["y"] - low) / (high - low)
        py -= each["yshift"]
        width = 6 * len(each["text"])
        left = px - {"left": 0, "center": width / 2, "right": width}[each["xanchor"]]
        top = py - {"top": 0, "middle": 7, "bottom": 14}[each["yanchor"]]
        boxes.append((left, top, left + width, top + 14))
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("values", [(0.9, 1.1), (0.02, 3e4), (0.5, 0.51), (3.0, 3.0), (1e-300, 1e300)])
def test_a_logarithmic_axis_has_ticks_within_its_span(values: tuple[float, float]) -> None:
    axis = log_axis("x", values)
    assert axis.span is not None
    assert 1 <= len(axis.ticks) <= 8
    assert all(10 ** axis.span[0] * 0.999 <= t <= 10 ** axis.span[1] * 1.001 for t in axis.ticks)
    assert list(axis.ticks) == sorted(set(axis.ticks))


@pytest.mark.parametrize("name", ["chart.html", "chart", "chart.jpg"])
def test_a_picture_is_png_svg_or_pdf(tmp_path: Path, name: str) -> None:
    with pytest.raises(BitnetCostError, match=r"ends in \.png, \.svg or \.pdf"):
        figures.write_image(DRAWN, str(tmp_path / name))


def test_without_kaleido_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bitnet_cost: Callable[..., Ran]
) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", None)
    ran = bitnet_cost("report", "gpt2", "-H", "l4", "--figure", "fit", "-o", str(tmp_path / "fit.svg"))
    assert ran.code == 2
    assert "pip install 'bitnet-cost[images]'" in ran.err
    assert "buttons PNG and SVG" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_picture_is_what_kaleido_makes_of_the_light_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bitnet_cost: Callable[..., Ran]
) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", ModuleType("kaleido"))
    asked: list[go.Figure] = []

    def to_image(figure: go.Figure, format: str, **size: object) -> bytes:
        asked.append(figure)
        return f"{format} {size['width']}".encode()

    monkeypatch.setattr(go.Figure, "to_image", to_image)
    bitnet_cost("report", "gpt2", "-H", "l4", "--figure", "fit", "-o", str(tmp_path / "fit.svg"))
    assert (tmp_path / "fit.svg").read_bytes() == b"svg 720"
    assert asked[0].layout.paper_bgcolor == "#ffffff"
    assert "GPT-2" in asked[0].layout.title.text
    figures.write_image(go.Figure(go.Bar(x=[1], y=[1])), str(tmp_path / "own.pdf"))
    assert (tmp_path / "own.pdf").read_bytes() == b"pdf 720"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--figure", "nope", "-o", "x.png"), "no chart 'nope'; it has overview"),
        (("--figure", "fit"), "needs a file; add -o FILE.png"),
        (("-o", "x.png"), "name it with --figure"),
        (("--figure", "fit", "-o", "x.html"), "a picture ends in"),
    ],
)
def test_what_no_picture_can_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bitnet_cost: Callable[..., Ran], words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = bitnet_cost("report", "gpt2", "-H", "l4", *words)
    assert ran.code == 2
    assert says in ran.err
    assert not list(tmp_path.iterdir())
