"""``bitnet-cost calibrate``: your own machine, measured and put into a profile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bitnet_cost import questions
from bitnet_cost.commands.options import FileOption, argument, option
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import must_end, write
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.numerals import brief

calibrate = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Your own machine in a profile: measure it, then fit its figures."
)
app.add_typer(calibrate, name="calibrate")

Library = Literal["torch", "numpy"]


def _say(line: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{line}\n")


@calibrate.command()
def measure(
    output: FileOption = None,
    seconds: Annotated[float, option(questions.MEASURED_FOR)] = questions.MEASURED_FOR.default,
    library: Annotated[Library | None, option(questions.MEASURED_WITH)] = None,
    idle_watts: Annotated[float | None, option(questions.WALL_IDLE)] = None,
    load_watts: Annotated[float | None, option(questions.WALL_LOAD)] = None,
) -> None:
    """Short measurements of this machine: products by format and shape, launches, power at rest and at work.

    Example: bitnet-cost calibrate measure -o my.csv
    """
    from bitnet_cost.studies import benchmarking

    must_end(output, ".csv")
    if not 1 <= seconds <= 3600:
        raise BitnetCostError(f"--seconds: {brief(seconds)} is outside 1 to 3600")
    if (idle_watts is None) != (load_watts is None):
        raise BitnetCostError("give both --idle-watts and --load-watts")
    watts = None if idle_watts is None or load_watts is None else (idle_watts, load_watts)
    if watts is not None and not 0 < watts[0] < watts[1] < 1e6:
        raise BitnetCostError("--load-watts is more than --idle-watts, and both are more than 0")
    rows = benchmarking.measure(benchmarking.machine(library), seconds, _say, watts)
    write(benchmarking.csv_text(rows), output)


@calibrate.command()
def fit(
    files: Annotated[list[str], argument(questions.FITTED_FROM)],
    output: FileOption = None,
    name: Annotated[str | None, option(questions.FITTED_NAME)] = None,
    like: Annotated[str | None, option(questions.FITTED_LIKE)] = None,
    runtime: Annotated[str | None, option(questions.RUNTIME)] = None,
    model: Annotated[str | None, option(questions.FITTED_MODEL)] = None,
    precision: Annotated[str | None, option(questions.FITTED_PRECISION)] = None,
) -> None:
    """Rates, bandwidth, launches and prices of a machine from its rows, as a profile that says how sure each is.

    With -o my-gpu.yaml the launches are written beside it, to my-gpu.runtime.yaml.

    Example: bitnet-cost calibrate fit my.csv -o my-gpu.yaml
    """
    from bitnet_cost.studies import own_machine
    from bitnet_cost.views.table import as_text

    must_end(output, ".yaml", ".yml")
    asked = own_machine.asked([Path(file) for file in files], _name(name, output), like, runtime, (model, precision))
    found = own_machine.fit(asked, _say)
    _say(as_text(own_machine.report(found)).rstrip())
    write(own_machine.machine_yaml(found), output)
    if output not in (None, "-"):
        beside = Path(str(output)).with_suffix(".runtime.yaml")
        write(own_machine.runtime_yaml(found), str(beside))
        _say(f"use them:  bitnet-cost estimate MODEL -H {output} --runtime {beside}")


def _name(name: str | None, output: str | None) -> str:
    given = name or (Path(output).stem if output not in (None, "-") and output is not None else "my-machine")
    return given.lower().replace(" ", "-")
