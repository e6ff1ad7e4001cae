"""Points and lines that come with a page, as data: the page's script draws them, and chooses how they look.

``look`` numbers a series. Each number has a colour, a dash and a sign of its own, the same in every chart of a page;
None is ink, for what all series share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

Mode = Literal["lines", "markers", "lines+markers"]
Step = Literal["linear", "hv", "vh"]


def trace(
    name: str, x: Iterable[float], y: Iterable[float | None], look: int | None, mode: Mode = "lines", *,
    words: Sequence[str] = (), listed: bool = True, step: Step = "linear",
) -> dict[str, Any]:  # fmt: skip
    """One series. ``words`` show when a point is pointed at, lines parted by newlines; ``listed``: in the legend."""
    return {
        "name": name, "x": list(x), "y": list(y), "look": look, "mode": mode, "words": list(words), "listed": listed,
        "step": step,
    }  # fmt: skip


def drawing(
    traces: Sequence[dict[str, Any]], across: str, up: str, *, logarithmic: tuple[bool, bool] = (False, False),
    level: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A chart of series between two titled axes, with a dotted line at a level."""
    axes = [{"title": title, "log": log} for title, log in zip((across, up), logarithmic, strict=True)]
    return {"traces": list(traces), "x": axes[0], "y": axes[1], "level": level}
