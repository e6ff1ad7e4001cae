"""Names in the ways that people write them: which entries of the catalogue a word may mean.

``meta-llama/Llama-3.1-8B``, ``llama3.1:8b`` and ``Llama 3.1 8B`` are spellings of one name. A part that says whose
product it is or how it is configured may be left out where one entry has such a name: ``4090``, but not ``h100``.
Nothing else is guessed; what is near is suggested. Only names of files are read here: a shell completes them quickly.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import combinations
from pathlib import Path

from bitnet_cost.errors import LISTINGS, BitnetCostError, UnknownName, close_to, either, labelled, same_family
from bitnet_cost.readers.aliases import LIKELIEST, LISTED_AS, MEANINGS, OPTIONAL

FOLDERS = {
    "model": "models",
    "hardware": "hw_profiles",
    "precision": "precisions",
    "runtime": "runtimes",
    "training-runtime": "runtimes/training",
    "study": "reports",
}
SUFFIXES = (".yaml", ".yml", ".json", ".gguf", ".safetensors")
SUGGESTED = 3  # names in a suggestion
MOST_SEEN = 100  # characters of a word that can be a spelling of a name


@cache
def root(name: str) -> Path:
    """A folder of the catalogue: inside the installed package, else beside the checkout.

    Raises:
        BitnetCostError: an installation without its data.
    """
    package = Path(__file__).resolve().parent.parent
    for parent in (package, package.parent):
        found = parent / name
        if found.is_dir():
            return found
    raise BitnetCostError(f"the catalogue folder {name!r} is missing; reinstall bitnet-cost")


def names(kind: str) -> list[str]:
    """Names of a kind in the catalogue, which does not change while it is read; small before large."""
    return list(_names(root(FOLDERS[kind])))


@cache
def _names(folder: Path) -> list[str]:
    listed = os.listdir(folder)  # a third of the time that `Path.glob` takes: each command asks for some
    return sorted((name.removesuffix(".yaml") for name in listed if name.endswith(".yaml")), key=_natural)


def typed(kind: str) -> list[str]:
    """Names of a kind as they are typed: those of runtimes without the class of devices that ends them."""
    every = names(kind)
    return list(dict.fromkeys(name.rpartition("-")[0] for name in every)) if kind == "runtime" else every


def _natural(name: str) -> list[tuple[int, float, str]]:
    parts = re.split(r"(\d+(?:\.\d+)?)", name)
    return [(1, float(p), "") if i % 2 else (0, 0.0, p) for i, p in enumerate(parts)]


def is_path(name: str) -> bool:
    """Whether a word means a file rather than a name.

    >>> is_path("gpt3-175b"), is_path("my.yaml"), is_path("./folder")
    (False, True, True)
    """
    return os.sep in name or "/" in name or name.lower().endswith(SUFFIXES) or name in (".", "..")


def pieces(words: Iterable[str]) -> list[str]:
    """Names of a list with commas, one by one; a file whose own name has a comma is one.

    >>> pieces(["fp16,int8", "w4a8"])
    ['fp16', 'int8', 'w4a8']
    """
    found: list[str] = []
    for word in words:
        several = [part.strip() for part in word.split(",") if part.strip()]
        found += [word] if os.path.exists(word) or not several else several
    return found


def squeezed(word: str) -> str:
    """A word without what its writers differ in; a hyphen is kept between digits, which else would run together.

    >>> [squeezed(word) for word in ("Llama 3.1 8B", "llama3.1:8b", "LLAMA-3.1-8B", "Command R+")]
    ['llama3.1-8b', 'llama3.1-8b', 'llama3.1-8b', 'commandr+']
    """
    spaced = re.sub(r"[^0-9a-z.+\u00c0-\u024f]+", "-", word.lower()).strip("-")
    return re.sub(r"(?<![0-9])-|-(?![0-9])|(?<![0-9])\.|\.(?![0-9])", "", spaced)


def meanings(kind: str, word: str, known: Iterable[str] | None = None) -> list[str]:
    """Entries that a word means when only its spelling is doubted, likeliest first; none where it is another word.

    >>> meanings("hardware", "RTX 4090"), meanings("hardware", "h100"), meanings("precision", "half")
    (['rtx-4090'], ['h100-sxm-80gb', 'h100-pcie-80gb', 'h100-nvl-94gb'], ['fp16'])
    >>> meanings("model", "meta-llama/Llama-3.1-8B-Instruct"), meanings("model", "llama")
    (['llama-3.1-8b'], [])
    >>> meanings("grid", "Germany", ["deu", "fra"])
    ['deu']
    """
    if len(word) > MOST_SEEN:
        return []
    word, others = _without_owner(kind, word), MEANINGS.get(kind, {})
    every = tuple(names(kind) if known is None else known)
    if word in every and squeezed(word) not in others:
        return [word]
    by_key = _by_key(kind, every)
    for key in _keys_of(kind, word):
        if key in others:
            return list(others[key])
        if key in by_key:
            return list(by_key[key])
    return []


def _without_owner(kind: str, word: str) -> str:
    """A model's name without the organisation before it."""
    return word.rpartition("/")[2] if kind == "model" and word.count("/") == 1 else word


def _keys_of(kind: str, word: str) -> Iterator[str]:
    """What a word may be found by: itself, then with fewer and fewer of the parts that may be left out."""
    if kind == "precision":
        word = re.sub(r"[\s_-]*bits?$", "", word.lower())
    key = squeezed(word)
    if key:
        yield key
    parts = [part for part in re.split(r"[\s_/:()-]+", word.lower()) if part]
    for kept in _shorter(kind, parts):
        yield squeezed("-".join(kept))


def _shorter(kind: str, parts: list[str]) -> Iterator[list[str]]:
    """The parts of a name without one or several of those that may be left out."""
    free = [i for i, part in enumerate(parts) if part in OPTIONAL.get(kind, ())][:6]
    for count in range(1, len(free) + 1):
        for gone in combinations(free, count):
            kept = [part for i, part in enumerate(parts) if i not in gone]
            if any(char.isdigit() for part in kept for char in part):  # "rtx" alone is no product
                yield kept


@lru_cache(maxsize=16)
def _by_key(kind: str, known: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Entries by each spelling that may mean them; a full name means nothing else."""
    full = {squeezed(name): (name,) for name in known}
    found: dict[str, list[str]] = {}
    for name in sorted(known, key=lambda name: _likeliest(kind, name)):
        for kept in _shorter(kind, name.split("-")):
            several = found.setdefault(squeezed("-".join(kept)), [])
            if name not in several:
                several.append(name)
    return {key: tuple(several) for key, several in found.items()} | full


def _likeliest(kind: str, name: str) -> tuple[int, int, list[tuple[int, float, str]]]:
    order, parts = OPTIONAL.get(kind, ()), name.split("-")
    rank = min((order.index(part) for part in parts if part in order), default=0)
    return _rank(name), rank, _natural(name)


def _rank(name: str) -> int:
    return LIKELIEST.index(name) if name in LIKELIEST else len(LIKELIEST)


def listing(word: str, kinds: Sequence[str]) -> tuple[str, str]:
    """What a word asks to list, and by what it is filtered.

    >>> kinds = ("models", "hardware", "studies")
    >>> listing("model", kinds), listing("GPUs", kinds), listing("study", kinds)
    (('models', ''), ('hardware', 'gpu'), ('studies', ''))

    Raises:
        BitnetCostError: nothing of the kind is listed.
    """
    key = word.lower()
    for kind in (key, f"{key}s"):
        if kind in kinds:
            return kind, ""
    found = LISTED_AS.get(key.removesuffix("s"))
    if found:
        return found
    close = close_to(key, {kind: kind for kind in kinds}, 1)
    held = [kind for kind in FOLDERS if meanings(kind, word) or filtered(names(kind), word)]
    lines = {"did_you_mean": f"{close[0]}?" if close else "", "it_lists": either(kinds)}
    if held and not close:
        lines["did_you_mean"] = shlex.join(["bitnet-cost", "list", *LISTINGS.get(held[0], "runtimes").split(), word])
    raise BitnetCostError(f"nothing is listed as {word!r}" + labelled(**lines))


# Where a name of another kind belongs.
_GIVEN = {
    "model": "a model; give it as MODEL: {}", "hardware": "hardware; give it with -H: {}",
    "precision": "a precision; give it with -p: {}", "runtime": "software that runs a model; it is not trained with it",
    "training-runtime": "software that trains: bitnet-cost train MODEL --runtime {}",
    "study": "a study: bitnet-cost validate {}",
}  # fmt: skip


def unknown(kind: str, word: str, known: Iterable[str] | None = None, **more: str) -> UnknownName:
    """The fault that a word names nothing of a kind, or several: with what may be meant, and what else it is."""
    every = list(names(kind) if known is None else known)
    near = [name for name in suggestions(kind, word, every) if name != word]  # known, but not one of these
    if len(near) > SUGGESTED + 1 and kind in LISTINGS:
        more[f"see_these_{len(near)}"] = shlex.join(["bitnet-cost", "list", LISTINGS[kind], _without_owner(kind, word)])
        near = near[:SUGGESTED]
    if not near:
        for other in FOLDERS:
            found = meanings(other, word, typed(other)) if other != kind else []
            if found and "that_is" not in more:
                more["that_is"] = _GIVEN[other].format(either(found))
    return UnknownName(kind, word, every, near=near, **more)


def listed(kind: str, word: str, known: Iterable[str] | None = None) -> str:
    """A name as the catalogue spells it where just one is meant; else the word as it is."""
    whole, _, point = word.rpartition("@")  # hardware at one of its operating points
    if whole and kind == "hardware":
        return f"{listed(kind, whole, known)}@{point.lower()}"
    found = meanings(kind, word, known)
    return found[0] if len(found) == 1 else word


def suggestions(kind: str, word: str, known: Iterable[str] | None = None) -> list[str]:
    """Entries that somebody may have meant who wrote a word, likeliest first.

    >>> suggestions("model", "llama-3.1-9b")[0], suggestions("hardware", "4070"), suggestions("precision", "int9")
    ('llama-3.1-8b', ['rtx-4070-ti', 'rtx-4070-super'], ['w9a8', 'w9a16'])
    """
    every = list(names(kind) if known is None else known)
    found, word = meanings(kind, word, every), _without_owner(kind, word)
    if found or len(word) > MOST_SEEN:
        return found
    bits = re.fullmatch(r"(?:int|fp|q|w|u?int)?[\s_-]*(\d+(?:\.\d+)?)[\s_-]*(?:bits?)?", word.lower())
    if kind == "precision" and bits and 1 <= float(bits[1]) <= 16:
        return [f"w{bits[1]}a8", f"w{bits[1]}a16"]
    holding = filtered(every, word)
    if holding:
        return sorted(holding, key=lambda name: (_rank(name), len(name)))
    spelt = {key: found[0] for key, found in MEANINGS.get(kind, {}).items()} | {squeezed(name): name for name in every}
    close = list(dict.fromkeys(close_to(squeezed(word), spelt, SUGGESTED)))
    return [name for name in close if same_family(word, name)] if kind == "model" else close


def filtered(known: Iterable[str], word: str) -> list[str]:
    """Names that hold every part of a word, in any order.

    >>> filtered(["llama-2-7b", "llama-3.1-8b", "gpt2"], "llama 8b")
    ['llama-3.1-8b']
    """
    parts = [part for part in map(squeezed, re.split(r"[\s_/:-]+", word)) if part]
    return [name for name in known if parts and all(_holds(squeezed(name), part) for part in parts)]


def _holds(key: str, part: str) -> bool:
    """Whether a part is in a name, a number not inside another: 8b is not in 48b. A letter alone says nothing."""
    if len(part) == 1 and part.isalpha():
        return False
    before, after = (r"(?<![0-9.])" if part[0].isdigit() else ""), (r"(?![0-9])" if part[-1].isdigit() else "")
    return bool(re.search(before + re.escape(part) + after, key))
