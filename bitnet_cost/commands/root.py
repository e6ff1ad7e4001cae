"""The command ``bitnet-cost`` itself, to which the modules of this room add theirs."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import CommandInfo

from bitnet_cost import __version__
from bitnet_cost.errors import BitnetCostError


class _ConvertsLittle:
    """A command that converts only what is given and is not text.

    For each option that it converts typer makes a validator, and they took a fifth of a cold start. Typer makes the
    parameters too, so that none is of a class of ours.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # of the command that this is mixed into
        for parameter in found:
            parameter.process_value = partial(_value_of, parameter)
        return found

    def make_parser(self, ctx: Any) -> Any:
        """A parser that refuses a second piece of hardware or precision where one is taken: the first would be lost."""
        parser = super().make_parser(ctx)  # type: ignore[misc]
        parsed = parser.parse_args

        def once(args: list[str]) -> Any:
            found = parsed(args=args)
            for parameter in found[2]:
                several = parameter.multiple or parameter.nargs == -1
                if not several and {"-H", "-p"}.intersection(parameter.opts) and found[2].count(parameter) > 1:
                    raise BitnetCostError(f"{max(parameter.opts, key=len)} is given twice; {ctx.info_name} takes one")
            return found

        parser.parse_args = once
        return parser


def _value_of(parameter: Any, ctx: typer.Context, value: Any) -> Any:
    """The value of a parameter, converted unless it is a default, which is of its type, or the text that is wanted."""
    source = ctx.get_parameter_source(parameter.name)
    default = source is not None and source.name == "DEFAULT" and not parameter.required
    wanted = getattr(parameter, "type_descriptor", None)
    plain = wanted is not None and wanted.annotation is str and wanted.parameter_info.parser is None
    if not (default or (plain and isinstance(value, str))):
        return type(parameter).process_value(parameter, ctx, value)
    if value is None and (parameter.multiple or parameter.nargs == -1):
        value = ()
    return value if parameter.callback is None else parameter.callback(ctx, parameter, value)


class Command(_ConvertsLittle, TyperCommand):
    """A command of the command line."""


class Group(_ConvertsLittle, TyperGroup):
    """The command line before a command."""


app = typer.Typer(
    cls=Group,
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
