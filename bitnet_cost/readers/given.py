"""What a caller gives: a name, a path or what is loaded already; one of them or several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar

from bitnet_cost.errors import BitnetCostError, quoted
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.readers import catalog, machines

Name = str | os.PathLike[str]

L = TypeVar("L", Architecture, Hardware, Precision)
In = TypeVar("In", bound=Input)


def word(kind: str, name: Name) -> str:
    """A name, or a path in a form that is never taken for one.

    Raises:
        BitnetCostError: something else; the message names its kind.
    """
    if isinstance(name, str):
        return name
    try:
        path = os.fspath(name)
    except TypeError:
        hint = "; 'compare' takes several" if isinstance(name, list | tuple | set) else ""
        raise BitnetCostError(f"{kind}: {quoted(name)} is not a name or a path{hint}") from None
    if not isinstance(path, str):
        raise BitnetCostError(f"{kind}: {quoted(name)} is a path of bytes; give it as text")
    return path if catalog.is_path(path) else os.path.join(os.curdir, path)


def word_or_loaded(kind: str, one: Any) -> Any:
    """What is loaded already as it is, a name as `word` has it.

    Raises:
        BitnetCostError: neither.
    """
    return one if isinstance(one, Architecture | Hardware | Precision) else word(kind, one)


def load_model(name: Name | Architecture) -> Architecture:
    """A model: a catalogue name, a YAML file, a Hugging Face ``config.json`` or its folder, or a size such as ``175B``.

    Of a ``.gguf`` or ``.safetensors`` file, and of an index of several, the header is read, never the weights.

    Raises:
        BitnetCostError: an unknown name, an unreadable or invalid file, an absurd size.

    >>> load_model("llama-2-7b").hidden_size, load_model("175B").nominal_parameters
    (4096, 175000000000)
    """
    return name if isinstance(name, Architecture) else catalog.model(word("model", name))


def load_hardware(name: Name | Hardware, *, link: str | None = None, prices: str = "own") -> Hardware:
    """A hardware profile: a catalogue name or a YAML file. Figures are in SI and carry range, basis and source.

    Args:
        name: of the profile.
        link: what joins several devices, from the catalogue's interconnects; the profile's own if left out.
        prices: other published values of the same profile, by their name.

    Raises:
        BitnetCostError: an unknown name, link or prices, an unreadable or invalid file.

    >>> load_hardware("cmos-45nm").actions["add.int8"].value  # J; Horowitz 2014: 0.03 pJ
    3e-14
    """
    profile = name if isinstance(name, Hardware) else catalog.hardware(word("hardware", name))
    joined = None if link is None else word("link", link)
    return machines.linked(profile, joined).with_prices(word("prices", prices))


def load_precision(name: Name | Precision) -> Precision:
    """A precision: a catalogue name, a YAML file, or a name of the grammar ``w<bits>a<bits>[kv<bits>][g<group>]``.

    ``file`` is what the file of the model is stored in; each question puts its model's own in its place.

    Raises:
        BitnetCostError: an unknown name, an unreadable or invalid file.

    >>> load_precision("bitnet-b1.58").linear.weights.bits, load_precision("w4a8kv8").linear.activation_bits
    (2.0, 8.0)
    """
    return name if isinstance(name, Precision) else catalog.precision(word("precision", name))


def each_once(name: str, given: Any) -> list[Any]:
    """One or several, each once.

    Raises:
        BitnetCostError: none.
    """
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not several:
        raise BitnetCostError(f"{name}: none are given; leave it out for the usual ones, or name one")
    return list({each if isinstance(each, str) else id(each): each for each in several}.values())


def names_or_loaded(kind: str, given: Any) -> list[Any]:
    """One or several, each once, see `word_or_loaded`.

    Raises:
        BitnetCostError: none, or one that is neither.
    """
    return [word_or_loaded(kind, each) for each in each_once(kind, given)]


def loaded(name: str, given: Any, kind: type[In]) -> list[In]:
    """Several inputs that are loaded, at least one.

    Raises:
        BitnetCostError: none, or names in their place.
    """
    several = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
    wrong = next((each for each in several if not isinstance(each, kind)), None if several else given)
    if wrong is not None:
        raise BitnetCostError(
            f"{name}: {quoted(wrong)} is not a list of loaded inputs; load_model, load_hardware and load_precision "
            "load them, and 'compare' takes names"
        )
    return several


def distinct(name: str, given: list[L]) -> list[L]:
    """Inputs with one name each, the same one once: rows, notes and baselines go by name.

    Raises:
        BitnetCostError: two that differ have one name.
    """
    found: dict[str, L] = {}
    for each in given:
        if found.setdefault(each.name, each) is not each and found[each.name] != each:
            raise BitnetCostError(f"{name}: two that differ are called {each.name!r}; give each a name of its own")
    return list(found.values())
