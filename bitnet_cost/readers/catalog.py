"""Names and paths to inputs: the shipped catalogue, a user's YAML, or a size such as ``175B``.

The catalogue is YAML inside the installed package, else beside the checkout. A path (anything with a separator or a
known suffix) always wins over a name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import ValidationError

from bitnet_cost.errors import BitnetCostError, InvalidFile, UnknownName, either
from bitnet_cost.formulas.nodes import TABLES
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Input, explain
from bitnet_cost.inputs.hardware import Hardware, Host, Interconnect, Links
from bitnet_cost.inputs.precision import OWN, Precision, as_in_file, parse_name
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.numerals import brief
from bitnet_cost.readers import nodes, prebuilt, spelling
from bitnet_cost.readers.composed import composed
from bitnet_cost.readers.configurations import configuration
from bitnet_cost.readers.document import Document
from bitnet_cost.readers.extends import chain_of, extended, merged
from bitnet_cost.readers.hub import is_hub_id
from bitnet_cost.readers.kinds import is_gguf, refuse_weights
from bitnet_cost.readers.rates import check_rates
from bitnet_cost.readers.yaml_file import read_yaml

if TYPE_CHECKING:
    from bitnet_cost.inputs.accuracy import Accuracy
    from bitnet_cost.inputs.calibration import Constants
    from bitnet_cost.inputs.composed import Memories
    from bitnet_cost.inputs.ranges import Ranges
    from bitnet_cost.inputs.study import Study
    from bitnet_cost.inputs.training import TrainingRuntime

# Names are the matter of `spelling`; whoever reads entries finds them here too.
FOLDERS, root, is_path, names, listed = (
    spelling.FOLDERS, spelling.root, spelling.is_path, spelling.names, spelling.listed,
)  # fmt: skip
LINKS = "interconnects/links.yaml"
MEMORIES = "memories/memories.yaml"
RANGES = "measured/ranges.yaml"
CONSTANTS, ACCURACY = "measured/constants.yaml", "measured/accuracy.yaml"  # missing before the first calibration

M = TypeVar("M", bound=Input)
T = TypeVar("T")


def folder(kind: str) -> Path:
    """The folder of the catalogue that holds a kind.

    Raises:
        BitnetCostError: an installation without its data.
    """
    return root(FOLDERS[kind])


def place(name: str) -> Path:
    """A file of the catalogue by its path, which begins with its folder.

    Raises:
        BitnetCostError: an installation without its data.
    """
    first, _, file = name.partition("/")
    return root(first) / file


def shipped(name: str, model: type[M]) -> M:
    """What a file of the catalogue holds: as it was built with the package, else from YAML.

    Raises:
        BitnetCostError: an installation without its data, an invalid file.
    """
    found = prebuilt.entry(name)
    return found if isinstance(found, model) else from_yaml(name, model)


def from_yaml(name: str, model: type[M]) -> M:
    """What a file of the catalogue holds, parsed and checked.

    Raises:
        BitnetCostError: see `shipped`.
    """
    return validate(read(place(name)), model, place(name))


def devices() -> list[str]:
    """Names of the catalogue's devices: hardware that has memory and a clock."""
    return [name for name in names("hardware") if hardware(name).has_clock]


def is_study(name: str) -> bool:
    """Whether a path means a study's file: YAML with ``tables``."""
    if not is_path(name) or not name.lower().endswith((".yaml", ".yml")) or not os.path.isfile(name):
        return False
    data = read(Path(name)).data
    return isinstance(data, dict) and "tables" in data


@lru_cache(maxsize=4096)
def has(kind: str, name: str) -> bool:
    """Whether the catalogue, which does not change while it is read, has an entry of exactly this name."""
    try:
        return not is_path(name) and (folder(kind) / f"{name}.yaml").is_file()
    except (OSError, ValueError):  # too long, or no file name at all
        return False


def once(kind: str, given: Iterable[str]) -> list[str]:
    """Each name once, however it is written; files as they are."""
    return list(dict.fromkeys(name if is_path(name) else listed(kind, name) for name in given))


def is_config(name: str) -> bool:
    """Whether a path means a Hugging Face configuration, or a file of weights, rather than one of our files."""
    return name.lower().endswith((".json", ".safetensors")) or os.path.isdir(name) or is_gguf(Path(name))


def locate(kind: str, name: str) -> Path:
    """The file that a path or a catalogue name means.

    Raises:
        UnknownName: not in the catalogue; suggests the nearest.
    """
    if is_path(name):
        return Path(name)
    name = listed(kind, name)
    if has(kind, name):
        return folder(kind) / f"{name}.yaml"
    raise spelling.unknown(kind, name, **({"or_the_file": f"./{name}"} if os.path.exists(name) else {}))


def beside(file: Path, place: str, name: str) -> Path:
    """The file that another names, relative to it. Nothing outside its folder is read: a file is not to reach others.

    Raises:
        InvalidFile: a path that leads out of the folder, by itself or by a link.
    """
    found = file.parent / name
    if not Path(os.path.realpath(found)).is_relative_to(os.path.realpath(file.parent)):
        raise InvalidFile(file, place, f"{name!r} is outside the folder of this file; name a file of that folder")
    return found


def read(path: Path, chain: tuple[Path, ...] = ()) -> Document:
    """A YAML document; a profile that extends another of its kind, with what it takes from that one.

    Raises:
        BitnetCostError: see `read_yaml`; an unknown base, one outside the file's folder, or one that refers to itself.
    """
    document = read_yaml(path)
    if isinstance(document.data, dict) and (given := nodes.given(document.data)):
        node, of, nm, rule = given
        return Document(merged(_scaled(node, nm, of, rule), document.data), document.lines)
    if not isinstance(document.data, dict) or "extends" not in document.data:
        return document
    name, chain = chain_of(document, path, chain)
    base = beside(path, "extends", name) if is_path(name) else _base(path, name)
    found = read(base, chain)
    validate(found, _extendable(found.data), base)
    return _composed(extended(document, found.data, path), path)


def _composed(document: Document, path: Path) -> Document:
    """A document with what its arrays and memories make."""
    if not document.data.keys() & {"arrays", "memories"}:
        return document
    return Document(composed(document.data, path, lambda: read_yaml(place(MEMORIES)).data), document.lines)


def memories() -> Memories:
    """Memories by kind.

    Raises:
        BitnetCostError: an invalid file.
    """
    from bitnet_cost.inputs.composed import Memories

    return shipped(MEMORIES, Memories)


def _extendable(data: Any) -> type[Input]:
    """What a file describes that another extends."""
    from bitnet_cost.inputs.training import TrainingRuntime

    if not isinstance(data, dict) or "kernels" not in data:
        return Hardware
    return RuntimeProfile if "runtime" in data else TrainingRuntime


def _base(path: Path, name: str) -> Path:
    """The hardware that a file extends, or the runtime."""
    kinds = ("hardware", "training-runtime", "runtime")
    known = [kind for kind in kinds if has(kind, listed(kind, name))]
    likely = known or [kind for kind in kinds if spelling.suggestions(kind, name)] or ["hardware"]
    try:
        return locate(likely[0], name)
    except UnknownName as fault:
        raise InvalidFile(path, "extends", str(fault)) from None


def validate(document: Document, model: type[M], path: Path) -> M:
    """Build an input from a document, with one clear fault if it is not one.

    Raises:
        InvalidFile: where, what, and what was expected.
    """
    if not isinstance(document.data, dict):
        raise InvalidFile(path, "", f"contains a {type(document.data).__name__}; expected keys and values")
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        where, what = explain(error, document.lines, model)
        raise InvalidFile(path, where, what) from None
    except RecursionError:
        raise InvalidFile(path, "", "is nested too deeply") from None


@cache
def _shipped(kind: str, name: str, model: type[Input]) -> Input:
    locate(kind, name)
    return shipped(f"{FOLDERS[kind]}/{name}.yaml", model)


_WORDS = {"title", "note", "source", "seen", "extends", "checkpoint"}  # of an entry: nothing is computed from them


def check_name(kind: str, own: Input, path: Path) -> None:
    """Refuse a file that gives the name of a catalogue entry to something else.

    Answers, measured errors and solved constants go by name: they would be told of what they do not hold for.

    Raises:
        InvalidFile: the name is taken.
    """
    name = getattr(own, "name", "")
    if kind not in ("model", "hardware", "precision") or not has(kind, name):
        return
    shipped = _shipped(kind, name, type(own))
    if own != shipped and own.model_dump(exclude=_WORDS) != shipped.model_dump(exclude=_WORDS):
        what = f"{name!r} is taken by the catalogue, where it means something else; give your own a name of its own"
        raise InvalidFile(path, "name", what)


def own(kind: str, document: Document, model: type[M], path: Path) -> M:
    """A user's own entry, with what `check` and every answer ask of it alike.

    Raises:
        InvalidFile: what `validate`, `check_name` and `check_rates` refuse.
    """
    found = validate(document, model, path)
    check_name(kind, found, path)
    if isinstance(found, Hardware) and found.has_clock:
        check_rates(found, path)
    return found


def entry(kind: str, name: str, model: type[M]) -> M:
    """An entry of the catalogue, or a file, as what it should be.

    Raises:
        BitnetCostError: an unknown name, an unreadable or invalid file, or one with the name of a catalogue entry.
    """
    if is_path(name):
        return own(kind, read(Path(name)), model, Path(name))
    return cast(M, _shipped(kind, listed(kind, name), model))


def model(name: str) -> Architecture:
    """A model by catalogue name, YAML file, Hugging Face ``config.json`` (or its folder), or size such as ``175B``.

    Raises:
        BitnetCostError: an unknown name, an unreadable or invalid file, an absurd size.
    """
    if not is_path(name):
        from bitnet_cost.readers.size import architecture_of_size, parse_size, single_product

        product = single_product(name)
        if product is not None:
            return product
        parameters = parse_size(name)
        if parameters is not None:
            entries = [entry for entry in names("model") if entry.startswith("gpt3-")]
            table = {parse_size(entry.removeprefix("gpt3-")) or 0: model(entry) for entry in entries}
            return architecture_of_size(name, parameters, table)
        return entry("model", name, Architecture)
    if is_hub_id(name):  # an organisation's name for a model
        found = listed("model", name)
        if found != name:
            return entry("model", found, Architecture)
        fetched = f"bitnet-cost import {name} -o my-model.yaml, from the hub with the extra bitnet-cost[hub]"
        raise spelling.unknown(
            "model", name, or_give_it="the config.json of that model, or its folder", or_fetch_it=fetched
        )
    if is_config(name):
        return configuration(name)
    if not name.lower().endswith((".yaml", ".yml")):
        refuse_weights(Path(name))
    return entry("model", name, Architecture)


def hardware(name: str) -> Hardware:
    """A hardware profile by catalogue name or YAML file, at one of its operating points where ``@`` names one.

    Raises:
        BitnetCostError: see `entry`; a point that the profile does not have.
    """
    if parts := nodes.parts_of(name.lower()):
        return _scaled_node(name.lower(), *parts)
    whole, _, point = name.rpartition("@")
    return entry("hardware", name, Hardware) if not whole or os.path.exists(name) else _at_point(whole, point.lower())


@lru_cache(maxsize=64)
def _scaled_node(name: str, nm: float, base: float, rule: str) -> Hardware:
    return validate(Document(_scaled(f"cmos-{brief(base)}nm", nm, base, rule), {}), Hardware, Path(name))


def _scaled(base: str, nm: float, of: float, rule: str) -> dict[str, Any]:
    """The document of a node scaled from one of the catalogue."""
    known, *anchors = (
        cast(dict[str, Any], read(locate("hardware", each)).data) for each in (base, *(f"cmos-{n}nm" for n in TABLES))
    )
    return nodes.scaled(known, anchors, nm, of, rule)


def _at_point(name: str, point: str) -> Hardware:
    known = hardware(name)
    path = locate("hardware", name)
    document = read(path)
    changes = known.points.get(point)
    if changes is None:
        there = ", ".join(known.points) or "none"
        raise BitnetCostError(f"hardware: {known.name!r} has no operating point {point!r}; there are: {there}")
    base = {key: value for key, value in document.data.items() if key != "points"}
    own = {"title": f"{known.title}, at {point}", **changes, "name": f"{known.name}@{point}"}
    return validate(extended(Document(own, document.lines), base, path), Hardware, path)


def link(name: str) -> tuple[str, Interconnect]:
    """A link of the catalogue: its name as listed, and what it is.

    Raises:
        UnknownName: no such link.
    """
    return _listed_in(links().links, "link", name)


def host(name: str) -> tuple[str, Host]:
    """A host of the catalogue, likewise.

    Raises:
        UnknownName: no such host.
    """
    return _listed_in(links().hosts, "host", name)


def _listed_in(known: Mapping[str, T], kind: str, name: str) -> tuple[str, T]:
    name = listed(kind, name, known)
    if name not in known:
        raise spelling.unknown(kind, name, known)
    return name, known[name]


@cache
def links() -> Links:
    """Links between devices and hosts of devices, by name.

    Raises:
        BitnetCostError: an invalid file.
    """
    return shipped(LINKS, Links)


def precision(name: str) -> Precision:
    """A precision by catalogue name, YAML file, a name of the grammar ``w<bits>a<bits>[kv<bits>]``, or ``file``."""
    if name.lower() == OWN:
        return as_in_file()
    if not is_path(name) and not has("precision", listed("precision", name)):
        parsed = parse_name(name)
        if parsed is not None:
            return parsed
    return entry("precision", name, Precision)


@cache
def constants() -> Constants:
    """Constants that were solved from measured rows.

    Raises:
        BitnetCostError: an invalid file.
    """
    from bitnet_cost.inputs.calibration import Constants

    return shipped(CONSTANTS, Constants) if place(CONSTANTS).is_file() else Constants(note="none")


@cache
def accuracy() -> Accuracy:
    """The committed errors on measured rows.

    Raises:
        BitnetCostError: an invalid file.
    """
    from bitnet_cost.inputs.accuracy import Accuracy

    return shipped(ACCURACY, Accuracy) if place(ACCURACY).is_file() else Accuracy(classes={}, devices={})


@cache
def ranges() -> Ranges | None:
    """The committed spreads of errors; None before there are any.

    Raises:
        BitnetCostError: an invalid file.
    """
    from bitnet_cost.inputs.ranges import Ranges

    return shipped(RANGES, Ranges) if place(RANGES).is_file() else None


def parity() -> dict[str, list[tuple[float, float]]]:
    """The committed figures of scored rows by class: measured and modelled, four digits.

    Raises:
        InvalidFile: the file is not JSON.
    """
    from bitnet_cost.readers.json_file import read_json

    path = place("measured/parity.json")
    return read_json(path) if path.is_file() else {}


def training_runtime(name: str) -> TrainingRuntime:
    """A training runtime by name or YAML file.

    Raises:
        BitnetCostError: an unknown name, or an invalid file.
    """
    from bitnet_cost.inputs.training import TrainingRuntime

    return entry("training-runtime", name, TrainingRuntime)


def study(name: str) -> Study:
    """A study by catalogue name or YAML file."""
    from bitnet_cost.inputs.study import Study

    path = locate("study", name)
    return validate(read_yaml(path), Study, path)


def runtime(name: str, device_class: str) -> RuntimeProfile:
    """A runtime on a class of devices, by name or YAML file.

    Raises:
        UnknownName: no such runtime, or none for this class; the message names those there are.
    """
    if is_path(name):
        return entry("runtime", name, RuntimeProfile)
    ending = f"-{device_class}"
    if has("runtime", name + ending):
        return cast(RuntimeProfile, _shipped("runtime", name + ending, RuntimeProfile))
    there = [n.removesuffix(ending) for n in names("runtime") if n.endswith(ending)]
    name = listed("runtime", name, there)
    if name in there:
        return entry("runtime", name + ending, RuntimeProfile)
    if not there:
        raise BitnetCostError(f"runtime: there is none yet for devices of class {device_class!r}; give a YAML file")
    others = [of for run, _, of in (n.rpartition("-") for n in names("runtime")) if run == name]
    more = {"that_is": f"software for devices of class {either(map(repr, others))}"} if others else {}
    label = "there_are" if len(there) > 1 else "there_is"
    more[label] = f"{', '.join(there)} for devices of class {device_class!r}"
    raise spelling.unknown("runtime", name, there, **more)
