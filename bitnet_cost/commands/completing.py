"""Names that a shell completes. Called at each press of a key, so it reads the names of the catalogue's files alone."""

from __future__ import annotations

from collections.abc import Callable


def completed(kind: str) -> Callable[[str], list[str]]:
    """Names of a kind that begin as a word does; of a list with commas, the last of it."""

    def names_like(incomplete: str) -> list[str]:
        from bitnet_cost.readers import spelling

        before, comma, word = incomplete.rpartition(",")
        every = spelling.typed(kind) if kind in spelling.FOLDERS else []
        return [f"{before}{comma}{name}" for name in every if name.startswith(word.lower())]

    return names_like
