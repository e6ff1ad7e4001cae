"""What there is, and your own files: list, show, check, schema, import."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from bitnet_cost import questions
from bitnet_cost.commands.options import FileOption, OutputOption, Writing, argument, format_of, option, with_groups
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import deliver, must_end, table_of, write
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.views.formats import Offer
from bitnet_cost.words import FileKind, Listing


@app.command("list")
@with_groups
def list_(
    *,
    kind: Annotated[str, argument(questions.LISTED)],
    words: Annotated[list[str] | None, argument(questions.LISTED_WITH)] = None,
    device_kind: Annotated[list[str] | None, option(questions.LISTED_KIND)] = None,
    memory: Annotated[str | None, option(questions.LISTED_MEMORY)] = None,
    year: Annotated[str | None, option(questions.LISTED_YEAR)] = None,
    to: Writing,
) -> None:
    """Names in the catalogue, or those with a word.

    Example: bitnet-cost list models llama
    """
    from dataclasses import replace

    from bitnet_cost import listing
    from bitnet_cost.readers import spelling

    plural, only = spelling.listing(kind, get_args(Listing))
    asked = [*filter(None, [only]), *(words or ())]
    rows = listing.rows(plural)
    if device_kind or memory or year:
        if plural != "hardware":
            raise BitnetCostError("--kind, --memory and --year are of 'list hardware'")
        rows = listing.devices(rows, device_kind or (), memory, year)
    rows = listing.holding(rows, asked, plural) if asked else rows
    told = table_of(listing.printed(plural, rows), listing.title(plural, len(rows), asked))
    told = replace(told, notes=listing.notes(plural, rows))
    deliver(to, Offer(lambda: [told], lambda: rows, lambda: rows))


@app.command("help")
def help_(command: Annotated[str | None, argument(questions.HELPED)] = None) -> None:
    """What a command does, and its options.

    Example: bitnet-cost help estimate
    """
    app(args=[*filter(None, [command]), "--help"], prog_name="bitnet-cost", standalone_mode=False)


@app.command(hidden=True)
def version() -> None:
    """The version, as --version prints it."""
    app(args=["--version"], prog_name="bitnet-cost", standalone_mode=False)


@app.command()
def show(
    name: Annotated[str, argument(questions.ENTRY)],
    form: Annotated[str, format_of("reports", "document")] = "table",
    output: OutputOption = None,
) -> None:
    """Every figure of a catalogue entry, with unit, range, basis and source.

    Example: bitnet-cost show cmos-7nm
    """
    from bitnet_cost import listing

    reports, data = listing.details(name)
    deliver(Writing(form, output, notes=True), Offer(lambda: reports, lambda: data))  # every source


@app.command()
def check(files: Annotated[list[str], argument(questions.CHECKED)]) -> None:
    """Check YAML before you use it: what it is, its first fault, and what it cannot answer.

    Exit code 1 if a file has a fault, 2 if one cannot be read.

    Example: bitnet-cost check my-model.yaml
    """
    from pathlib import Path

    from bitnet_cost.readers.kinds import is_weights
    from bitnet_cost.readers.yaml_file import read_text, regular_size
    from bitnet_cost.studies import checking

    unreadable = []
    for file in files:
        try:
            (regular_size if is_weights(Path(file)) else read_text)(Path(file))
        except BitnetCostError as error:
            unreadable.append(str(error))
    if unreadable:  # bad input, all of it named; nothing is written then
        raise BitnetCostError("\nerror: ".join(unreadable))
    lines, faults = [], []
    for file in files:
        try:
            told, *remarks = checking.check(Path(file))
            lines += [f"{file}: {told}", *(f"  {remark}" for remark in remarks)]
        except BitnetCostError as error:
            faults.append(str(error))
    if lines:
        write("\n".join(lines) + "\n", None)
    for fault in faults:
        typer.echo(f"error: {fault}", err=True)
    if faults:
        raise typer.Exit(1)


@app.command()
def schema(kind: Annotated[FileKind, argument(questions.SCHEMA_OF)], output: FileOption = None) -> None:
    """The JSON Schema of a kind of YAML file, with which an editor completes and checks it.

    Example: bitnet-cost schema hardware
    """
    from bitnet_cost.inputs.schema import json_schema
    from bitnet_cost.views.records import json_text

    must_end(output, ".json")
    write(json_text(json_schema(kind)), output)


@app.command("import")
def import_(
    config: Annotated[str, argument(questions.CONFIG)],
    output: FileOption = None,
    name: Annotated[str | None, option(questions.MODEL_NAME)] = None,
) -> None:
    """A Hugging Face config.json into a model file.

    Example: bitnet-cost import path/to/config.json -o my-model.yaml
    """
    from bitnet_cost.readers import hub
    from bitnet_cost.readers.configurations import imported
    from bitnet_cost.views.model_yaml import model_yaml

    if hub.is_hub_id(config):
        architecture = imported(
            hub.fetch_config(config), name=config if name is None else name, source=f"{config}: config.json"
        )
    else:
        architecture = imported(config, name=name)
    must_end(output, ".yaml", ".yml")
    write(model_yaml(architecture), output)
    for told in architecture.left_out():
        typer.echo(told, err=True)
