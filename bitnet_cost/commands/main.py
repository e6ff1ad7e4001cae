"""The command ``bitnet-cost``: words in, words out. Results to stdout, everything else to stderr.

Only typer is imported here, and of the commands' modules that of the command that is called; a command imports what it
needs when it runs.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from copy import copy
from importlib import import_module
from typing import Any, TextIO, cast

import typer
from typer.models import CommandInfo

from bitnet_cost.commands import root
from bitnet_cost.commands.writing import Words, end_unwritten, fail, refuse_controls
from bitnet_cost.errors import BitnetCostError

# Typer brings a copy of the library that finds faults of a command line, or imports it; either way this is its class.
UsageError: Any = typer.BadParameter.__mro__[1]

# The commands of each module, which adds them to ``root.app``; `help` is the one command that reads all others.
MODULES: dict[str, tuple[str, ...]] = {
    "calibrate": ("calibrate",),
    "estimates": ("estimate", "compare", "eight-bit", "report", "layers", "fit"),
    "explore": ("explore",),
    "files": ("list", "version", "show", "check", "schema", "import"),
    "load": ("load",),
    "new": ("new",),
    "studies": ("validate", "explain", "break-even", "fit-law", "sweep", "plot"),
    "train": ("train",),
}


def application(words: list[str]) -> typer.Typer:
    """The command line with the command that is called; else with all, of which help shows the first lines alone."""
    called = words[0] if words else ""
    home = next((module for module, names in MODULES.items() if called in names), None)
    for module in [home] if home else MODULES:
        import_module(f"bitnet_cost.commands.{module}")
    every = root.app.registered_commands
    every.sort(key=_place)  # whichever was called, or imported, first
    found = copy(root.app)
    if home:
        found.registered_commands = [_quick(command) for command in every if root.name_of(command) == called]
        found.registered_groups = [group for group in found.registered_groups if group.name == called]
    elif called in ("-h", "--help"):
        found.registered_commands = list(map(_without_options, every))
    return found


def _place(command: CommandInfo) -> int:
    return list(MODULES).index(command.callback.__module__.rpartition(".")[2])


def _quick(command: CommandInfo) -> CommandInfo:
    quick = copy(command)
    quick.cls = root.Command
    return quick


def _without_options(command: CommandInfo) -> CommandInfo:
    def shown() -> None: ...

    shown.__name__, shown.__doc__ = root.name_of(command), getattr(command.callback, "__doc__", None)
    listed = copy(command)
    listed.callback = shown
    return listed


def __getattr__(name: str) -> Any:
    if name == "app":  # with all commands, for who looks at them
        application([])
        return root.app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> None:
    """Run the command line; turn every foreseen fault into one message and an exit code."""
    if sys.argv[1:2] != ["calibrate"]:  # which measures products of matrices; nothing else here has large ones
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that knows no µ gets \xb5
        sys.stdout.reconfigure(errors="backslashreplace")
    beside = sys.stderr
    if beside is not None:
        sys.stderr = cast(TextIO, Words(beside))
    refuse_controls(sys.argv[1:])
    words = sys.argv[1:]
    if words[:1] in (["--help"], ["-h"]) and len(words) > 1:  # meant as `help COMMAND`
        words = [*words[1:], "--help"]
    try:
        code = application(words)(args=words, prog_name="bitnet-cost", standalone_mode=False)
    except UsageError as error:
        from bitnet_cost.commands.faults import as_message

        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            raise SystemExit(error.exit_code) from None
        fail(as_message(error))
    except BitnetCostError as error:
        fail(str(error))
    except OSError as error:
        end_unwritten(error)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        sys.stderr = beside
        gc.freeze()  # a process about to end has nothing to collect: a sixth of a short run
    raise SystemExit(code or 0)
