"""What can go wrong, in the words a user sees: where, what, what was expected, what to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

NEAR = 0.7  # of two words, 1 for the same; below, a suggestion misleads: 'scope' for 'nope'
NEARLY = 0.03  # how much less close a second suggestion may be
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


LISTINGS = {
    "model": "models", "hardware": "hardware", "precision": "precisions", "study": "studies", "link": "links",
    "host": "hosts",
    "grid": "grids", "training-runtime": "runtimes training",
}  # fmt: skip


def labelled(**lines: str) -> str:
    """Lines below the first of a message, each with a word or two before it; empty ones are left out.

    >>> print(labelled(did_you_mean="l4?", see_all_54=""))
    <BLANKLINE>
      did you mean  l4?
    """
    return "".join(f"\n  {label.replace('_', ' '):12}  {text}" for label, text in lines.items() if text)


def either(names: Iterable[str]) -> str:
    """Names as a choice.

    >>> either(["a", "b", "c"]), either(["a"])
    ('a, b or c', 'a')
    """
    *before, last = names
    return f"{', '.join(before)} or {last}" if before else last


class UnknownName(BitnetCostError):
    """A name that is neither in the catalogue nor a file; ``near`` are those that may be meant, likeliest first.

    ``more`` are lines by their first words, as `labelled` takes them.

    >>> print(UnknownName("hardware", "h100", ["h100-pcie", "h100-sxm", "l4"], near=["h100-sxm", "h100-pcie"]))
    no hardware is called 'h100'
      did you mean  h100-sxm or h100-pcie?
      see all 3     bitnet-cost list hardware
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, near: Iterable[str] | None = None, **more: str
    ) -> None:
        names = list(known)
        if near is None:
            close = nearest(name, names)
            near = [close] if close else []
        lines = {"did_you_mean": f"{either(near)}?" if near else "", **more}
        if names and kind in LISTINGS and not any(label.startswith("see") for label in more):
            lines[f"see_all_{len(names)}"] = f"bitnet-cost list {LISTINGS[kind]}"
        super().__init__(f"no {kind.replace('-', ' ')} is called {name!r}" + labelled(**lines))


class InvalidFile(BitnetCostError):
    """A file that cannot be read as what it should be; ``where`` is a path inside it."""

    def __init__(self, file: object, where: str, what: str) -> None:
        what = what.replace("\n", "\n  ") if where else what
        super().__init__(f"{file}: {where}\n  {what}" if where else f"{file}: {what}")


class MissingPrice(BitnetCostError):
    """A recipe needs an action that the hardware profile has no price for."""

    def __init__(self, action: str, hardware: str, precision: str, priced: Iterable[str]) -> None:
        self.action = action
        self.lacking = f"price for {action}"
        self.figures: dict[str, Any] = {}  # columns that are known without prices, where many points were asked for
        super().__init__(
            f"{hardware!r} has no price for action {action!r} (needed by precision {precision!r})"
            " and runs nothing in its place\n"
            f"  priced: {', '.join(sorted(priced))}\n"
            "  Add it to the profile, or choose another --precision."
        )


class MissingRate(MissingPrice):
    """A device that is priced by its time has no rate for products in a format."""

    def __init__(self, form: str, hardware: str, precision: str, rates: Iterable[str]) -> None:
        super().__init__(f"mac.{form}", hardware, precision, ())
        self.lacking = f"rate for {form}"
        known = sorted(rates)
        self.args = (
            f"{hardware!r} has no rate for products in {form} (needed by precision {precision!r})"
            " and runs nothing in their place\n"
            f"  rates: {', '.join(known)}\n"
            f"  Add it to the profile, or what runs in its place, as in executes: {{{form}: {known[0]}}};"
            " or choose another --precision.",
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
    close = close_to(name.lower(), {each: each for each in known}, 1)
    return close[0] if close else None


def same_family(word: str, name: str) -> bool:
    """Whether two names of models can mean one family: one slip inside its name, and the same versions.

    A first letter or a number more is another architecture: jamba is not mamba, and qwen3.5 not qwen2.5.

    >>> same_family("lama-3.1-9b", "llama-3.1-8b"), same_family("qwen3.5-27b", "qwen2.5-7b")
    (True, False)
    >>> same_family("jamba", "mamba"), same_family("qwen3_vl", "qwen3"), same_family("Qwen2-MoE", "qwen2_moe")
    (False, False, True)
    """
    mine, other = _parts(word), _parts(name)
    words, known = mine["word"], other["word"]
    first = bool(words and known) and _one_slip(words[0], known[0])
    told = (each for each in words[1:] if each not in _TUNED)
    return first and mine["version"] == other["version"] and all(any(_one_slip(w, k) for k in known) for w in told)


# a number is a version unless it counts: 7b, 8x7b, 125m, 128k
_PART = re.compile(
    r"(?P<count>\d+(?:\.\d+)?(?:x\d+(?:\.\d+)?)?[bmkt](?![a-z]))|(?P<version>\d+(?:\.\d+)?)|(?P<word>[a-z]+)"
)
_TUNED = frozenset(("base", "chat", "hf", "instruct", "it", "preview", "pt"))  # other weights of the same shape


def _parts(name: str) -> dict[str, list[str]]:
    """The words, versions and sizes in a name."""
    found: dict[str, list[str]] = {"word": [], "version": [], "count": []}
    for part in _PART.finditer(name.lower()):
        found[part.lastgroup or "word"].append(part.group())
    return found


def same_spelling(word: str, name: str) -> bool:
    """Whether a ``model_type`` is a misspelling of another: every part and number the same, but for one slip.

    >>> same_spelling("lama", "llama"), same_spelling("qwen3_vl", "qwen3"), same_spelling("qwen2-moe", "qwen2_moe")
    (True, False, True)
    """
    mine, other = (re.findall(r"\d+|[a-z]+", each.lower()) for each in (word, name))
    slips = [(a, b) for a, b in zip(mine, other, strict=False) if a != b]
    return len(mine) == len(other) and len(slips) <= 1 and all(_one_slip(a, b) for a, b in slips)


def _one_slip(word: str, known: str) -> bool:
    """Whether letters are the same, but for one inside left out, doubled or exchanged with the next."""
    if word == known or any(
        word == known[:i] + known[i + 1] + known[i] + known[i + 2 :] for i in range(1, len(known) - 1)
    ):
        return True
    short, long = sorted((word, known), key=len)
    if len(long) < 5 or len(long) != len(short) + 1 or short[0] != long[0] or short[-1] != long[-1]:
        return False
    left_out = [i for i in range(1, len(long) - 1) if long[:i] + long[i + 1 :] == short]
    return any(word == short or long[i] in (long[i - 1], long[i + 1]) for i in left_out)


def close_to(word: str, known: Mapping[str, str], most: int) -> list[str]:
    """Names whose spelling is close to a word's, the closest first, and only those that are nearly as close.

    >>> close_to("fp17", {"fp16": "fp16", "fp32": "fp32"}, 3)
    ['fp16']
    """
    import difflib  # only on the way to an error message

    close = difflib.get_close_matches(word, list(known), n=most, cutoff=NEAR)
    ratios = [difflib.SequenceMatcher(None, key, word).ratio() for key in close]
    return [known[key] for key, ratio in zip(close, ratios, strict=True) if ratio >= ratios[0] - NEARLY]
