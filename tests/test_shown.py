"""Every public object prints: one line by repr, a verdict and a table by print, in a notebook and by rich."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import bitnet_cost as package
from bitnet_cost import compare, estimate, explain, load_hardware, load_model, load_precision, sweep
from bitnet_cost.api import fitting
from bitnet_cost.engine.uncertainty import swings
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.ledger.rows import Rows
from bitnet_cost.readers import catalog
from bitnet_cost.shown import Shown

DEPTH = 5  # attributes of attributes
LONGEST_LINE = 260


@cache
def results() -> dict[str, Any]:
    """One of every kind of answer."""
    result = estimate("llama-2-7b", "l4", "int4", baseline="fp16")
    return {
        "result": result,
        "no energy": compare("llama-2-70b", ["l4"], ["fp16", "int4"]).results[0],
        "node": estimate("gpt2", "cmos-7nm", "bitnet", scope="memory"),
        "grid of results": estimate("gpt2", "l4", "fp16", batch=[1, 2, 4]),
        "facility": estimate("gpt2", "l4", facility=package.Facility(pue=1.2, carbon_g_per_j=1e-4)),
        "comparison": compare("llama-2-7b", ["l4", "cmos-7nm"], ["fp16", "int4"]),
        "sweep": sweep(models="gemma-2b", hardware="l4", precisions=["fp16", "int4"], batch=[1, 8]),
        "training": (trained := package.train("gpt2", ["h100-sxm-80gb", "cmos-7nm"], tokens="1B")),
        "training step": trained.results[0],
        "training that does not fit": package.train("llama-2-70b").results[0],
        "load": (served := package.load("gpt2", ["l4"], ["fp16", "int8"], rate=2.0)),
        "load of a precision": served.results[0],
        "loads at several rates": package.load("gpt2", "l4", "fp16", rate=[1.0, 1e6]),
        "load that does not fit": package.load("llama-2-70b", "l4", "fp16", rate=2.0, devices=1),
        "sweep of loads": sweep(models="gpt2", hardware="l4", precisions="fp16", load={"rate": [0.5, 1.0]}),
        "sweep of training": sweep(models="gpt2", hardware="l4", precisions="bf16", training={"seq": [512, 1024]}),
        "model": load_model("llama-2-7b"),
        "hardware": load_hardware("l4"),
        "precision": load_precision("bitnet"),
        "runtime": result.runtime,
        "fit": fitting([result.scenario])[0],
        "explanation": explain(result, "energy_j"),
        "swing": swings(result, None)[0],
        "accuracy": catalog.accuracy(),
    }


def reached(thing: Any, depth: int, found: dict[int, Any]) -> dict[int, Any]:
    """Everything that public attributes and entries lead to, the first of many entries."""
    if (
        id(thing) in found
        or depth < 0
        or inspect.isroutine(thing)
        or isinstance(thing, str | int | float | np.generic | np.ndarray | type | None)
    ):
        return found
    found[id(thing)] = thing
    inside: list[Any] = []
    if isinstance(thing, Mapping):
        inside = list(thing.values())[:5]
    elif isinstance(thing, list | tuple | set | frozenset):
        inside = list(thing)[:5]
    if type(thing).__module__.startswith("bitnet_cost"):
        names = [n for n in dir(type(thing)) if not n.startswith(("_", "model_"))] + list(
            getattr(thing, "__dict__", ())
        )
        for name in names:
            with suppress(BitnetCostError):  # a figure that a technology node does not have
                inside.append(getattr(thing, name))
    for each in inside:
        reached(each, depth - 1, found)
    return found


@pytest.mark.parametrize("name", results())
def test_nothing_shows_an_address_in_memory(name: str) -> None:
    for thing in reached(results()[name], DEPTH, {}).values():
        for text in (repr(thing), str(thing)):
            assert " at 0x" not in text, type(thing)
        if isinstance(thing, Shown):
            assert len(repr(thing).splitlines()) == 1, type(thing)
            assert len(repr(thing)) <= LONGEST_LINE, repr(thing)
            assert repr(thing).startswith(f"<{type(thing).__name__}")


SHOWN = [name for name, thing in results().items() if isinstance(thing, Shown)]


@pytest.mark.parametrize("name", SHOWN)
def test_print_notebook_and_rich_show_the_same_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    thing = results()[name]
    text, markup = str(thing), thing._repr_html_()
    assert len(text.splitlines()) > 2
    assert "<table" in markup
    assert "<script" not in markup
    console = Console(file=StringIO(), width=200, force_terminal=False)
    console.print(thing)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    first = text.splitlines()[0]
    assert first.split()[:4] == printed.split()[:4]


def test_every_public_class_shows_itself() -> None:
    made = {type(thing) for thing in results().values()} | {package.Workload, package.Facility}
    for name in package.__all__:
        value = getattr(package, name)
        if inspect.isclass(value) and not issubclass(value, Exception):
            assert issubclass(value, Shown), name
            assert any(issubclass(each, value) for each in made), f"{name} is among no objects of this test"


def test_a_printed_result_is_what_the_command_prints(bitnet_cost: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    found = compare("llama-2-7b", ["l4", "h100-sxm-80gb"], ["fp16", "int4"])
    done = bitnet_cost("compare", "llama-2-7b", "-H", "l4", "-H", "h100-sxm-80gb", "-p", "fp16", "-p", "int4")
    words = " ".join(str(found).split())
    assert words.replace("in report(FILE.html)", "--notes").split() == done.out.split()


# --- the ends of a saving by name -----------------------------------------------------------------------------------


def test_a_saving_has_named_ends_and_is_the_array() -> None:
    saving = results()["result"].saving
    plain = np.asarray(saving)
    assert [saving.low, saving.nominal, saving.high] == plain.tolist() == saving.tolist()
    assert saving.low < saving.nominal == saving[1] < saving.high
    assert type(1 - saving) is type(saving[:2]) is np.ndarray
    assert np.array_equal(saving, plain)
    for twin in (copy.deepcopy(saving), pickle.loads(pickle.dumps(saving))):
        assert twin.high == saving.high
    grid = estimate("gpt2", "l4", "int4", batch=[[1, 2], [4, 8]], baseline="fp16").saving
    assert grid is not None
    assert grid.low.shape == (2, 2)
    assert np.array_equal(grid.nominal, np.asarray(grid)[1])


# --- in other processes, in other scopes -----------------------------------------------------------------------------


@pytest.mark.parametrize("what", results())
def test_what_is_sent_to_another_process_is_what_arrives(what: str) -> None:
    one = results()[what]
    other = pickle.loads(pickle.dumps(one))
    assert repr(other) == repr(one)
    if isinstance(one, Rows) and what not in ("grid of results", "loads at several rates"):
        assert repr(other.to_records()) == repr(one.to_records())


def test_answers_by_a_graph_and_with_drafted_tokens_are_sent_too() -> None:
    drafted: dict[str, Any] = {"draft": "llama-3.2-1b", "accept": 0.7}
    for options in ({}, drafted):
        asked = [estimate("llama-3.1-8b", "h100-sxm-80gb", "fp8", batch=3, baseline="fp16", **options)]
        asked += [estimate("llama-3.1-8b", "h100-sxm-80gb", "fp8", batch=3, baseline="fp16") for _ in range(100)]
        for one in (asked[0], asked[-1]):
            other = pickle.loads(pickle.dumps(one))
            assert repr(other.to_records()) == repr(one.to_records())
            assert np.array_equal(other.by_operator, one.by_operator)


def arrays_in(value: Any, seen: dict[int, Any]) -> Iterator[np.ndarray]:
    """All arrays that a value leads to. ``seen`` keeps what was passed, so that no identity is given twice."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    if isinstance(value, np.ndarray):
        yield value
        return
    inner: Iterable[Any] = ()
    if isinstance(value, Mapping | list | tuple):
        inner = value.values() if isinstance(value, Mapping) else value
    elif type(value).__module__.startswith("bitnet_cost"):
        slots = [slot for each in type(value).__mro__ for slot in getattr(each, "__slots__", ())]
        inner = [*getattr(value, "__dict__", {}).values(), *(getattr(value, s) for s in slots if hasattr(value, s))]
    for part in inner:
        yield from arrays_in(part, seen)


def test_what_results_share_cannot_be_written_to() -> None:
    results = compare("mixtral-8x7b", ["h100-sxm-80gb", "a100-sxm-80gb"], ["bf16", "int4"], baseline="bf16").results
    holders: dict[int, set[int]] = {}
    held: dict[int, np.ndarray] = {}
    kept: dict[int, Any] = {}
    for i, one in enumerate(results):
        _ = one.energy_j, one.by_component, len(one.activity.arithmetic), one.counts["mac"], one.actions("mul")
        seen: dict[int, Any] = {}
        for array in arrays_in(one, seen):
            holders.setdefault(id(array), set()).add(i)
            held[id(array)] = array
        kept |= seen
    shared = [held[at] for at, by in holders.items() if len(by) > 1]
    assert len(shared) > 20  # fewer where what was asked before is shared in other pieces
    assert not [array for array in shared if array.flags.writeable]


def test_a_saving_is_read_in_the_scope_of_its_result() -> None:
    narrow, wide = (estimate("gpt3-175b", "cmos-45nm", "bitnet", baseline="fp16", scope=s) for s in (None, "memory"))
    inner = wide.within("arithmetic")
    assert np.array_equal(np.asarray(inner.saving), np.asarray(narrow.saving))
    assert not np.array_equal(np.asarray(inner.saving), np.asarray(wide.saving))


@pytest.mark.parametrize("scope", ["memory", "device", "all"])
def test_a_scope_that_was_not_counted_is_refused(scope: Any) -> None:
    with pytest.raises(BitnetCostError, match=f"scope '{scope}': "):
        estimate("gpt2", "cmos-45nm", "bitnet").within(scope)
