"""The command line, run in this process: what it printed, how it ended, and how long it computed."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import shutil
import sys
import time
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from bitnet_cost.commands import main as cli


class Ran(NamedTuple):
    """What a command left behind."""

    code: object
    out: str
    err: str
    seconds: float  # of computing


@cache
def parser() -> Any:
    """The parser of the command line, made once."""
    from typer.main import get_command

    return get_command(cli.app)


def ran(words: Sequence[str], place: Path) -> Ran:
    """Run a command in a folder; an exception that is none of its exits passes, and so does a warning, as one."""
    before, out, err = os.getcwd(), io.StringIO(), io.StringIO()
    code: object = 0
    os.chdir(place)
    start = time.process_time()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(sys, "argv", ["bitnet-cost", *words]),
            mock.patch.object(cli, "app", parser()),
        ):
            warnings.simplefilter("error")
            try:
                cli.main()
            except SystemExit as stop:
                code = stop.code or 0
    finally:
        os.chdir(before)
        gc.unfreeze()  # a command ends its process, and leaves its garbage to that
    return Ran(code, out.getvalue(), err.getvalue(), time.process_time() - start)


def emptied(place: Path) -> None:
    """Remove what is in a folder."""
    for left in place.iterdir():
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
