"""Shared by all tests: a command line run in this process, and small models."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import typer.main
from hypothesis import HealthCheck, settings

from bitnet_cost import cli

# Before any test is collected: a busy machine is not a fault of the model.
settings.register_profile("bitnet-cost", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bitnet-cost")

ROOT = Path(__file__).resolve().parent.parent
# `make test` gives each of two processes a file at a time, whose fixtures are then made once; these come first, so that
# no process is left with a long one at the end.
LONG = (
    "tests/browser/test_report.py", "tests/studies/test_sweep.py", "tests/engine/test_explanation.py",
    "tests/test_hostile.py", "tests/test_wheel.py", "tests/browser/test_pages.py", "tests/test_documents.py",
    "tests/engine/test_properties.py", "tests/fuzz/test_fuzz.py", "tests/test_bad_input.py", "tests/test_api.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {ROOT / name: i for i, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.fixture(scope="session", autouse=True)
def _commands_are_built_once() -> Iterator[None]:
    """Typer makes the whole command line anew at each call, which takes longer than most commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def bitnet_cost(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """``bitnet_cost("estimate", "gpt2")`` runs the command line in this process."""

    def run(*words: object) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["bitnet-cost", *map(str, words)])
        code = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
        return Ran(code, out.getvalue(), err.getvalue())

    return run
