"""What can go wrong, in the words a user sees: where, what, what was expected, what to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

NEAR = 0.7  # of two words, 1 for the same; below, a suggestion misleads: 'scope' for 'nope'
LONGEST = 2000  # characters of a message: what it quotes may be a whole file

# What a terminal obeys instead of showing: C0 but tab and newline, DEL, C1, marks of direction, halves of characters.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Text with every control character as its escape.

    >>> print(printable("\x1b[31mred"))
    \x1b[31mred
    """
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class BitnetCostError(Exception):
    """Bad input. The message is complete; the command line prints it after ``error:`` and exits with 2.

    It can be printed as it is: control characters are escaped, and the middle of a very long message is left out.
    """

    def __init__(self, message: str) -> None:
        text = printable(message)
        half = LONGEST // 2
        super().__init__(text if len(text) <= LONGEST else f"{text[:half]} [...] {text[-half:]}")


class UnknownName(BitnetCostError):
    """A name that is neither in the catalogue nor a file.

    >>> str(UnknownName("model", "gpt3-175", ["gpt3-175b", "bert-base"]))
    "unknown model 'gpt3-175'. Did you mean 'gpt3-175b'? 'bitnet-cost list models' prints all 2."
    >>> str(UnknownName("hardware", "h100", ["h100-pcie", "h100-sxm", "l4"])).partition(".")[2]
    " Did you mean 'h100-pcie', 'h100-sxm'? 'bitnet-cost list hardware' prints all 3."
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        names = sorted(known)
        listing = {"hardware": "hardware", "study": "studies"}.get(kind, kind + "s")
        text = f"unknown {kind} {name!r}."
        longer = [known for known in names if len(name) > 1 and known.startswith(name.lower())]
        close = nearest(name, names)
        if longer:
            text += f" Did you mean {', '.join(map(repr, longer[:4]))}{' ...' if len(longer) > 4 else ''}?"
        elif close:
            text += f" Did you mean {close!r}?"
        if names and kind not in (
            "runtime",
            "class of measured rows",
            "column",
        ):  # those name what there is in their hint
            text += f" 'bitnet-cost list {listing}' prints all {len(names)}."
        super().__init__(text + (f" {hint}" if hint else ""))


class InvalidFile(BitnetCostError):
    """A file that cannot be read as what it should be; ``where`` is a path inside it."""

    def __init__(self, file: object, where: str, what: str) -> None:
        super().__init__(f"{file}: {where}\n  {what}" if where else f"{file}: {what}")


class MissingPrice(BitnetCostError):
    """A recipe needs an action that the hardware profile has no price for."""

    def __init__(self, action: str, hardware: str, precision: str, priced: Iterable[str]) -> None:
        self.action = action
        self.figures: dict[str, Any] = {}  # columns that are known without prices, where many points were asked for
        super().__init__(
            f"{hardware!r} has no price for action {action!r} (needed by precision {precision!r})"
            " and runs nothing in its place\n"
            f"  priced: {', '.join(sorted(priced))}\n"
            "  Add it to the profile, or choose another --precision."
        )


class UnsupportedScope(BitnetCostError):
    """A scope that this hardware cannot answer, with the reason."""


def check_word(name: str, value: object, known: Collection[str]) -> None:
    """Refuse what is not one of a few words; ``known`` are those.

    >>> check_word("parallel", "tensors", ("tensor", "pipeline"))
    Traceback (most recent call last):
    ...
    bitnet_cost.errors.BitnetCostError: parallel: 'tensors' is not known; did you mean 'tensor'?

    Raises:
        BitnetCostError: names the nearest, or all.
    """
    if isinstance(value, str) and value in known:
        return
    close = nearest(value, known) if isinstance(value, str) else None
    hint = f"did you mean {close!r}?" if close else f"choose from {', '.join(known)}"
    raise BitnetCostError(f"{name}: {value!r} is not known; {hint}")


def quoted(value: object) -> str:
    """A value as a message shows it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def suggested(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """What ends a message on an unknown name: the nearest of the known ones, or something else.

    >>> suggested("hardwear", ["hardware", "models"]), suggested("nope", ["scope"], "; there is scope")
    ("; did you mean 'hardware'?", '; there is scope')
    """
    close = nearest(name, known)
    return f"; did you mean {close!r}?" if close else otherwise


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to ``name``, or None when nothing is close.

    >>> nearest("hardwear", ["hardware", "models"]), nearest("nope", ["scope"])
    ('hardware', None)
    """
    import difflib  # only on the way to an error message

    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=NEAR)
    return matches[0] if matches else None
