"""Answers checked, explained, and over grids: validate, explain, break-even, sweep, plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from bitnet_cost.commands.asking import ask, once, requests
from bitnet_cost.commands.options import (
    CurveWriting,
    Deployment,
    ModelArgument,
    Question,
    Sampling,
    ScopeOption,
    Terms,
    Work,
    Writing,
    grouped,
    one_of,
)
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import deliver, must_end, typed, watched, write
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.views import formats
from bitnet_cost.views.formats import Offer
from bitnet_cost.words import BreakEvenAxis, Engine, Scope

if TYPE_CHECKING:
    pass


@app.command()
@grouped
def validate(
    *,
    studies: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STUDY|CLASS]...", help="Names or YAML files; with --measured classes. Default: all."),
    ] = None,
    measured: Annotated[bool, typer.Option("--measured", help="Against rows that others measured, by class.")] = False,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE.html", help="With --measured: modelled against measured.")
    ] = None,
    to: Writing,
) -> None:
    """Published tables against modelled ones, cell by cell. Exit code 1 if a cell leaves its stated tolerance.

    With --measured: time, energy, power and memory of measured runs, by class. Exit code 1 if one misses its target.

    Example: bitnet-cost validate bitnet-table-1
    """
    must_end(plot, ".html", ".htm")
    if measured:
        _validate_measured(studies, plot, to)
        return
    if plot is not None:
        raise BitnetCostError("--plot draws measured rows; add --measured")
    from bitnet_cost.studies import validation

    outcomes = validation.run(studies or None)
    deliver(to, Offer(
        lambda: [validation.report(outcome) for outcome in outcomes], lambda: validation.document(outcomes),
        lambda: validation.cell_rows(outcomes),
    ))  # fmt: skip
    failed = [o for o in outcomes if not o.passed]
    cells = sum(o.checked for o in outcomes)
    outside = sum(o.failed for o in outcomes)
    counted = "1 study" if len(outcomes) == 1 else f"{len(outcomes)} studies"
    typer.echo(f"{counted}, {cells} cells checked, {outside} outside their tolerance", err=True)
    if failed:
        raise typer.Exit(1)


def _validate_measured(kinds: list[str] | None, plot: str | None, to: Writing) -> None:
    from bitnet_cost.studies import accuracy

    found = accuracy.compare(kinds)
    deliver(to, Offer(
        lambda: [accuracy.report(found)], lambda: accuracy.document(found), lambda: accuracy.rows_of(found)
    ))  # fmt: skip
    if plot is not None:
        from bitnet_cost.views import html, parity

        made = parity.page(accuracy.report(found), accuracy.rows_of(found), accuracy.document(found), typed())
        write(html.as_html(made), plot)
    missed = accuracy.missed(found)
    typer.echo(f"{len(found.rows)} figures; targets missed: {', '.join(missed) or 'none'}", err=True)
    if missed:
        raise typer.Exit(1)


@app.command()
@grouped
def explain(
    *,
    model: ModelArgument,
    cell: Annotated[
        str,
        typer.Option(
            "--cell",
            metavar="CELL",
            help="A column of estimate, layers, fit or compare, for a part of it as op:decode:q, seconds:q, mac:q,"
            " group:prefill:linear, component:hbm, share:component:hbm, or must_stay:80.",
        ),
    ],
    hardware: Annotated[str, typer.Option("--hardware", "-H", metavar="HARDWARE", help="One of them.")] = "cmos-45nm",
    precision: Annotated[str, typer.Option("--precision", "-p", metavar="PRECISION", help="One of them.")] = "bitnet",
    terms: Terms,
    placed: Deployment,
    to: Writing,
) -> None:
    """One number step by step: formula, counts, constants with range and source, arithmetic, conventions.

    Example: bitnet-cost explain gpt3-175b -p bitnet --cell energy_j
    """
    answer = ask(Question(model, [hardware], [precision], terms), placed)
    from bitnet_cost.engine.explain import explain as explained
    from bitnet_cost.views import explanation

    result = answer.results[0]
    baseline_of = answer.baselines.get((result.architecture.name, result.hardware.name))
    told = explained(result, baseline_of, cell, requests(placed.requests_per_day))
    data = explanation.as_data(told)
    offer = Offer(lambda: [], lambda: data, lambda: data["steps"])
    form = formats.format_name(to.form, to.output, offer)
    if form in formats.names("reports"):  # a text of its own: every step on one line
        write(explanation.as_markdown(told) if form == "markdown" else explanation.as_text(told), to.output)
        return
    deliver(to, offer)


@app.command("break-even")
@grouped
def break_even(
    *,
    model: ModelArgument,
    hardware: Annotated[str, typer.Option("--hardware", "-H", metavar="HARDWARE", help="Device or node.")],
    precision: Annotated[
        str, typer.Option("--precision", "-p", metavar="PRECISION", help="The precision that should save.")
    ] = "bitnet-b1.58",
    baseline: Annotated[str, typer.Option("--baseline", metavar="PRECISION", help="What it should save on.")] = "fp16",
    saving: Annotated[float, typer.Option("--saving", metavar="PERCENT", help="The saving wanted, or claimed.")] = 50.0,
    axis: Annotated[
        list[str] | None,
        one_of(get_args(BreakEvenAxis), "--axis", meaning="What varies; repeat for both. Default: both."),
    ] = None,
    runtime: Annotated[
        list[str] | None, typer.Option("--runtime", metavar="RUNTIME", help="Repeat for several. Default: all.")
    ] = None,
    work: Work,
    scope: ScopeOption = None,
    draws: Annotated[int, typer.Option("--draws", metavar="N", help="Draws of every price, for the range.")] = 1000,
    sampling: Sampling,
    to: CurveWriting,
) -> None:
    """From which batch or context, and with which shares of the energy, a precision stops saving a given amount.

    Charts of the curves with -o FILE.html.

    Example: bitnet-cost break-even llama-2-7b -H h100-sxm-80gb -p w1a8
    """
    from bitnet_cost.inputs.scenario import Scenario, usual_generate
    from bitnet_cost.inputs.workload import Workload
    from bitnet_cost.readers import catalog
    from bitnet_cost.studies import breakeven
    from bitnet_cost.studies import breakeven_report as told

    architecture, profile = catalog.model(model), catalog.hardware(hardware)
    steps = usual_generate(architecture, profile) if work.generate is None else work.generate
    asked = Scenario(
        model=architecture, precision=catalog.precision(precision), hardware=profile,
        workload=Workload(work.batch, work.prompt, steps), scope=scope,
    )  # fmt: skip
    old = catalog.precision(baseline)
    found = breakeven.find(
        asked, old, wanted=saving / 100, axes=cast("list[BreakEvenAxis]", axis) or get_args(BreakEvenAxis),
        runtimes=once(runtime or ()), draws=breakeven.Draws(draws, *sampling),
    )  # fmt: skip
    priced = scope or profile.default_scope
    answer = told.report(asked, old, found)
    document = {"schema": "bitnet-cost/break-even-1", "scope": priced, "crossings": told.rows(found)}

    def rows() -> list[dict[str, Any]]:
        from bitnet_cost.numerals import digits

        plain = [{k: v for k, v in row.items() if not isinstance(v, list)} for row in told.rows(found)]
        points = [" ".join(digits(x, 10) for x in c.at) for c in found]
        return [row | {"at": at} for row, at in zip(plain, points, strict=True)]

    def page() -> str:
        from bitnet_cost.views import curve, html

        return html.as_html(curve.page(answer, found, document, profile.runtime, typed()))

    deliver(to, Offer(lambda: [answer], lambda: document, rows, page))


AxisOption = "A,B,C or FIRST:LAST:POINTS[:log]."


@app.command()
def sweep(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY.yaml]", help="A sweep as YAML; options add to it.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", metavar="MODEL", help="Name, file or size; repeat for several.")
    ] = None,
    hardware: Annotated[
        list[str] | None, typer.Option("--hardware", "-H", metavar="HARDWARE", help="Name or YAML file; repeat.")
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option("--precision", "-p", metavar="PRECISION", help="Name, file or w<bits>a<bits>.")
    ] = None,
    runtime: Annotated[
        list[str] | None, typer.Option("--runtime", metavar="RUNTIME", help="Software on a device; repeat.")
    ] = None,
    batch: Annotated[str | None, typer.Option("--batch", "-b", metavar="AXIS", help=AxisOption)] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="AXIS", help=AxisOption)] = None,
    generate: Annotated[str | None, typer.Option("--generate", metavar="AXIS", help=AxisOption)] = None,
    devices: Annotated[
        str | None, typer.Option("--devices", metavar="A,B,C", help="Devices that share a model.")
    ] = None,
    scope: Annotated[
        list[str] | None, one_of(get_args(Scope), "--scope", meaning="What the energy holds; repeat.")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="PATH=AXIS",
            help="A figure of the profile with its unit, as hierarchy.hbm.bandwidth='1 TB/s:4 TB/s:7'; repeat.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="FILTER", help="As in 'fits and latency_s < 0.05'; repeat.")
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option("--objective", metavar="'min|max COLUMN'", help="For --pareto and --top; repeat."),
    ] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="Keep the Pareto front of the objectives.")] = False,
    top: Annotated[int | None, typer.Option("--top", help="Keep the best N by the first objective.")] = None,
    columns: Annotated[str | None, typer.Option("--columns", metavar="A,B,C", help="Columns. Default: all.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Only the first N points of the grid.")] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="A .parquet or .csv file, or FOLDER/ of parts.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a folder of parts.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many points, how long, how many bytes.")] = False,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes. Default: one per core.")] = None,
    engine: Annotated[Engine, typer.Option("--engine", help="Processes here, or a Dask cluster.")] = "processes",
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler. Default: a local one."),
    ] = None,
) -> None:
    """A grid of design points into Parquet or CSV: filtered, its Pareto front, or its best.

    Example: bitnet-cost sweep -m gemma-2b -H l4 -p fp16 --batch 1,2 --dry-run
    """
    from bitnet_cost.inputs.sweep import options
    from bitnet_cost.studies import running
    from bitnet_cost.studies import sweep as sweeps

    update = options(
        models=model, hardware=hardware, precisions=precision, runtimes=runtime, batch=batch, prompt=prompt,
        generate=generate, devices=devices, scopes=scope, vary=vary, where=where,
        objectives=objective, pareto=pareto or None, top=top, columns=columns, limit=limit,
    )  # fmt: skip
    whole = sweeps.plan(sweeps.of_file(study, update) if study is not None else sweeps.of_options(update))
    for note in sweeps.bare_numbers(whole):
        typer.echo(note, err=True)
    if dry_run:
        text = running.forecast_text(running.Runner(whole, workers=workers).forecast())
        write(text, None)
        return
    if output is None:
        raise BitnetCostError("sweep: give a file to write with -o FILE.parquet, or --dry-run")
    try:
        rows, progress = running.run(
            whole, output, resume=resume, workers=workers, engine=engine, scheduler=scheduler, watched=watched(),
        )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(running.interrupted_text(output), err=True)
        raise
    typer.echo(running.done_text(output, rows, progress), err=True)


@app.command()
def plot(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What a sweep wrote: .parquet, .csv or a folder.")],
    x: Annotated[str | None, typer.Option("--x", help="Column across. Default: the first objective.")] = None,
    y: Annotated[str | None, typer.Option("--y", help="Column up. Default: the second objective.")] = None,
    colour: Annotated[str | None, typer.Option("--colour", help="Column that sets the colour.")] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="HTML file. Default: FILE.html.")
    ] = None,
) -> None:
    """A chart of a sweep with its Pareto front, as one HTML file that works offline.

    Without -o the page is written next to FILE; no existing file is replaced.

    Example: bitnet-cost plot front.parquet -o front.html
    """
    from bitnet_cost.studies import chart
    from bitnet_cost.views import html

    must_end(output, ".html", ".htm")
    page = chart.page(file, x, y, colour, typed())
    target = output or chart.place_beside(file)
    write(html.as_html(page), target)
    typer.echo(f"{target}: written", err=True)
