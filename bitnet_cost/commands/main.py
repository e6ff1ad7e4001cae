"""The command ``bitnet-cost``: words in, words out. Results to stdout, everything else to stderr.

Only typer is imported here; a command imports what it needs when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import Any, TextIO, cast

import typer

from bitnet_cost.commands import calibrate, estimates, explore, files, load, new, studies, train
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import Words, end_unwritten, fail, refuse_controls
from bitnet_cost.errors import BitnetCostError

# Typer brings a copy of the library that finds faults of a command line, or imports it; either way this is its class.
UsageError: Any = typer.BadParameter.__mro__[1]

# The modules add their commands to ``app``.
__all__ = ["app", "calibrate", "estimates", "explore", "files", "load", "main", "new", "studies", "train"]


def main() -> None:
    """Run the command line; turn every foreseen fault into one message and an exit code."""
    # Start-up: imports make many objects and little garbage; no plugin has a say in how figures are validated.
    gc.set_threshold(100_000)
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
        code = app(args=words, prog_name="bitnet-cost", standalone_mode=False)
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
