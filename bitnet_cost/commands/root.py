"""The command ``bitnet-cost`` itself, to which the modules of this room add theirs."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.models import CommandInfo

from bitnet_cost import __version__

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="What a language model costs in memory and energy, in FP32, FP16, INT8, 1-bit and formats in between.",
    epilog="Start with: bitnet-cost estimate gpt3-175b",
)


def name_of(command: CommandInfo) -> str:
    """The word that calls a command: as registered, else the name of its function."""
    return str(command.name or getattr(command.callback, "__name__", ""))


def _version(value: bool) -> None:
    if value:
        typer.echo(f"bitnet-cost {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What a language model costs in memory and energy."""
