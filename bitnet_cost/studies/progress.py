"""How far a long run is: a bar on stderr, by rich, where somebody watches."""

from __future__ import annotations

import time
from typing import Any

from bitnet_cost.numerals import with_commas

EVERY = 0.2  # seconds between two drawings


class Progress:
    """What is done of a run: points, or draws, and the time since its start.

    ``whole`` is what the run holds with what an earlier one did.
    """

    def __init__(self, points: int, unit: str, watched: bool, whole: int | None = None) -> None:
        self._points, self._unit, self.watched = points, unit, watched
        self.whole = points if whole is None else whole
        self._start = self._last = time.monotonic()
        self._bar: Any = None
        self.done = 0

    def add(self, points: int) -> None:
        """Count points that are done."""
        self.set(self.done + points)

    def set(self, points: int) -> None:
        """Show how many points are done."""
        self.done = points
        now = time.monotonic()
        if self.watched and now - self._last > EVERY:
            self._last = now
            if self._bar is None:
                self._bar = _bar(self._points)
            rate = f"{with_commas(self.done / (now - self._start))} {self._unit}/s"
            self._bar.update(self._bar.task_ids[0], completed=self.done, rate=rate, refresh=True)

    def close(self) -> None:
        """Clear the line."""
        if self._bar is not None:
            self._bar.stop()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._start


def _bar(points: int) -> Any:
    """A bar that is drawn when it is told to: a thread that draws would not survive a fork of the workers."""
    from rich import progress
    from rich.console import Console

    columns = (progress.TaskProgressColumn(), progress.BarColumn(), progress.TextColumn("{task.fields[rate]}"))
    made = progress.Progress(
        *columns, progress.TimeRemainingColumn(), console=Console(stderr=True), auto_refresh=False, transient=True,
        redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip
    made.add_task("", total=points, rate="")
    made.start()
    return made
