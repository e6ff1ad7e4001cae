"""The command ``bitnet-cost``: words in, words out. Results to stdout, everything else to stderr.

Only typer is imported here; a command imports what it needs when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, cast, get_args

import typer

from bitnet_cost import __version__
from bitnet_cost.errors import CONTROL, BitnetCostError
from bitnet_cost.options import (
    CurveWriting,
    Deployment,
    FileOption,
    Making,
    ModelArgument,
    OutputOption,
    PageWriting,
    PlotlyOption,
    PricesOption,
    Question,
    RuntimeOption,
    Sampling,
    ScopeOption,
    SideBySide,
    Site,
    Terms,
    Work,
    Writing,
    format_of,
    grouped,
    one_of,
)
from bitnet_cost.views import formats
from bitnet_cost.views.formats import Offer
from bitnet_cost.words import BreakEvenAxis, Engine, FileKind, Listing, Scope

if TYPE_CHECKING:
    from bitnet_cost.inputs.facility import Facility
    from bitnet_cost.result import Answer
    from bitnet_cost.tables import Report

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="What a language model costs in memory and energy, in FP32, FP16, INT8, 1-bit and what lies between.",
    epilog="Start with: bitnet-cost estimate gpt3-175b",
)


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


def _ask(asked: Question, placed: Deployment, default_hardware: tuple[str, ...] = ()) -> Answer:
    from bitnet_cost import api
    from bitnet_cost.inputs.workload import Workload
    from bitnet_cost.readers import catalog

    terms, (batch, prompt, generate) = asked.terms, asked.terms.work
    steps = 1 if generate is None else generate
    workload = Workload(batch, prompt, steps, terms.attention, terms.logits, terms.counting)
    names = _once(asked.hardware or default_hardware or api.CLASSIC_HARDWARE)
    named = [catalog.linked(catalog.hardware(name), placed.link) for name in names]
    profiles = [h.with_prices(name) for h in named for name in _once(placed.prices or ["own"])]
    precisions = [catalog.precision(p) for p in _once(asked.precision or api.CLASSIC_PRECISIONS)]
    return api.answer(
        [catalog.model(asked.model)], profiles, precisions, workload,
        scope=terms.scope, accumulator=terms.accumulator, runtime=terms.runtime,
        baseline=catalog.precision(terms.baseline) if terms.baseline else None,
        facility=_facility(placed.site, placed.making), **placed.sharing._asdict(),
        generate_on_devices=api.GENERATE_ON_DEVICES if generate is None else None,
    )  # fmt: skip


def _facility(site: Site, making: Making) -> Facility | None:
    if all(asked is None for asked in (*site, making.embodied)):
        return None
    from bitnet_cost.inputs.facility import Facility
    from bitnet_cost.readers import catalog

    intensity, grid, zone = catalog.carbon_intensity(site.carbon) if site.carbon is not None else (None, "", None)
    return Facility(
        1.0 if site.pue is None else site.pue, intensity, None if site.price is None else site.price / 3.6e6, grid,
        site.device_hour, _grams(making.embodied), making.lifetime, zone,
    )  # fmt: skip


def _requests(per_day: float | None) -> float | None:
    if per_day is not None and not 0 < per_day <= 1e15:
        raise BitnetCostError(f"requests-per-day: {per_day:g} is not a number above 0, up to 1e15")
    return per_day


def _grams(embodied: str | None) -> float | Literal["profile"] | None:
    if embodied is None or embodied == "profile":
        return embodied  # type: ignore[return-value]  # one of the two
    try:
        return float(embodied) * 1e3
    except ValueError:
        raise BitnetCostError(f"embodied: {embodied!r} is neither kilograms nor 'profile'") from None


def _once(names: Any) -> list[str]:
    return list(dict.fromkeys(names))


@app.command()
@grouped
def estimate(
    *,
    asked: Question,
    placed: Deployment,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Adds the figures that move energy and saving most, one at a time.")
    ] = False,
    draws: Annotated[
        int | None, typer.Option("--draws", metavar="N", help="Adds percentiles over N draws of every price.")
    ] = None,
    sampling: Sampling,
    to: PageWriting,
) -> None:
    """Memory by precision and energy with its saving.

    Example: bitnet-cost estimate gpt3-175b -p fp16 -p bitnet
    """
    answer = _ask(asked, placed)
    from bitnet_cost.views.estimate import estimate_report

    answer = replace(answer, requests_per_day=_requests(placed.requests_per_day))
    if sensitivity or draws is not None:
        from bitnet_cost.studies import ranges

        answer = answer if draws is None else ranges.with_spreads(answer, draws, *sampling, _watched())
        answer = ranges.with_swings(answer) if sensitivity else answer
    _deliver_answer(to, lambda: estimate_report(answer), answer)


@app.command()
@grouped
def compare(
    *,
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="Catalogue names, YAML files, config.json or sizes like 175B."),
    ],
    asked: SideBySide,
    prices: PricesOption = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COLUMN", help="energy, tokens, memory, saving, ... best first; -COLUMN: last."),
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", metavar="EXPR", help="Filter, as in 'fits and tokens_per_s > 20'.")
    ] = None,
    to: PageWriting,
) -> None:
    """Hardware x precision side by side: fit, energy, saving, tokens/s, power, carbon, cost; ranked.

    Example: bitnet-cost compare llama-2-7b -H h100-sxm-80gb -H l4 --sort tokens
    """
    answer, made = _compared(models, asked, prices, sort, where)
    _deliver_answer(to, lambda: made, answer)


def _compared(
    models: list[str], asked: SideBySide, prices: list[str] | None = None, sort: str | None = None,
    where: str | None = None,
) -> tuple[Answer, Report]:  # fmt: skip
    from bitnet_cost import api
    from bitnet_cost.views.compare import compare_report

    answer = api.compare(
        models, asked.hardware, asked.precision, **asked.work._asdict(), scope=asked.scope, baseline=asked.baseline,
        runtime=asked.runtime, facility=_facility(asked.site, Making()), **asked.sharing._asdict(), prices=prices,
        sort=sort, where=where,
    )  # fmt: skip
    return answer, compare_report(answer)


@app.command()
@grouped
def report(
    *,
    subjects: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...|STUDY", help="Models as for compare, or one study of the catalogue."),
    ],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE.html", help="The file. Default: stdout.")
    ] = None,
    asked: SideBySide,
    plotly: PlotlyOption = "inline",
    open_: Annotated[bool, typer.Option("--open", help="Open the written file in the browser.")] = False,
) -> None:
    """One offline HTML file: the finding, tables, charts to choose from, assumptions, how to make it again.

    Example: bitnet-cost report bitnet-table-1 --plotly none
    """
    _must_end(output, ".html", ".htm")
    if open_ and output in (None, "-"):
        raise BitnetCostError("--open needs a file; add -o FILE.html")
    from bitnet_cost.readers import catalog
    from bitnet_cost.studies import pages
    from bitnet_cost.views import html

    loud = _watched()
    if loud:
        typer.echo("evaluating ...", err=True)
    if len(subjects) == 1 and (catalog.has("study", subjects[0]) or catalog.is_study(subjects[0])):
        page = pages.of_study(subjects[0], _typed())
    else:
        answer, made = _compared(subjects, asked)
        page = pages.of_answer(answer, pages.full(answer, made), _typed())
    _write(html.as_html(page, plotly), output)
    if output not in (None, "-") and loud:
        typer.echo(f"written: {output}", err=True)
    if open_:
        import webbrowser
        from pathlib import Path

        if not webbrowser.open(Path(str(output)).resolve().as_uri()):
            typer.echo(f"no browser found; open {output} yourself", err=True)


def _typed() -> str:
    """The command as it was typed, its file names without folders."""
    import shlex

    return shlex.join(
        [
            "bitnet-cost",
            *(word if os.sep not in word else os.path.basename(word.rstrip(os.sep)) for word in sys.argv[1:]),
        ]
    )


@app.command()
@grouped
def layers(*, asked: Question, to: Writing) -> None:
    """The per-operator table: MACs, actions and energy. One precision shows its MUL, ADD and special operations.

    Example: bitnet-cost layers bert-base -p int8 --scope compute
    """
    answer = _ask(asked, Deployment(), default_hardware=("cmos-45nm",))
    from bitnet_cost.views import records
    from bitnet_cost.views.layers import layers_report

    def rows() -> list[dict[str, Any]]:
        return [
            {"precision": r.precision.name, "hardware": r.hardware.name, **row}
            for i, r in enumerate(answer.results)
            for row in records.operations(r, i)
        ]

    _deliver(to, Offer(lambda: [layers_report(answer)], lambda: records.document(answer), rows))


@app.command()
@grouped
def fit(
    *,
    model: ModelArgument,
    hardware: Annotated[
        list[str], typer.Option("--hardware", "-H", metavar="HARDWARE", help="Device; repeat for several.")
    ],
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            "-p",
            metavar="PRECISION",
            help="Name, YAML file or w<bits>a<bits>[kv<bits>]; repeat for several."
            " Default: fp32, fp16, int8, int4, bitnet-b1.58, bitnet.",
        ),
    ] = None,
    work: Work,
    runtime: RuntimeOption = None,
    to: Writing,
) -> None:
    """What fits a device: memory used, largest batch and longest context by precision.

    Example: bitnet-cost fit llama-2-7b -H h100-sxm-80gb
    """
    from bitnet_cost import api
    from bitnet_cost.inputs.workload import Workload
    from bitnet_cost.readers import catalog
    from bitnet_cost.views.fit import fit_report

    steps = api.GENERATE_ON_DEVICES if work.generate is None else work.generate
    found = api.fitting(
        catalog.model(model), [catalog.hardware(h) for h in _once(hardware)],
        [catalog.precision(p) for p in _once(precision or api.FIT_PRECISIONS)],
        Workload(work.batch, work.prompt, steps), runtime,
    )  # fmt: skip
    from bitnet_cost.views.records import fit_rows

    rows = fit_rows(found)
    _deliver(to, Offer(lambda: [fit_report(found)], lambda: rows, lambda: rows))


@app.command("list")
@grouped
def list_(*, kind: Annotated[Listing, typer.Argument(help="What to list.")], to: Writing) -> None:
    """Names in the catalogue.

    Example: bitnet-cost list models
    """
    from bitnet_cost import listing

    rows = listing.rows(kind)
    told = _table_of(rows, listing.title(kind, len(rows)))
    _deliver(to, Offer(lambda: [told], lambda: rows, lambda: rows))


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name that 'list' prints, of whatever kind, or a file.")
    ],
    form: Annotated[str, format_of("reports", "document")] = "table",
    output: OutputOption = None,
) -> None:
    """Every figure of a catalogue entry, with unit, range, basis and source.

    Example: bitnet-cost show cmos-7nm
    """
    from bitnet_cost import listing

    reports, data = listing.details(name)
    _deliver(Writing(form, output), Offer(lambda: reports, lambda: data))


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Your own YAML files.")],
) -> None:
    """Check YAML before you use it: what it is, its first fault, and what it cannot answer.

    Exit code 1 if a file has a fault, 2 if one cannot be read.

    Example: bitnet-cost check my-model.yaml
    """
    from pathlib import Path

    from bitnet_cost import checking
    from bitnet_cost.readers.yaml_file import read_text

    unreadable = []
    for file in files:
        try:
            read_text(Path(file))
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
        _write("\n".join(lines) + "\n", None)
    for fault in faults:
        typer.echo(f"error: {fault}", err=True)
    if faults:
        raise typer.Exit(1)


@app.command()
def schema(
    kind: Annotated[FileKind, typer.Argument(help="Kind of file.")],
    output: FileOption = None,
) -> None:
    """The JSON Schema of a kind of YAML file, with which an editor completes and checks it.

    Example: bitnet-cost schema hardware
    """
    from bitnet_cost.inputs.schema import json_schema
    from bitnet_cost.views.records import json_text

    _must_end(output, ".json")
    _write(json_text(json_schema(kind)), output)


@app.command("import")
def import_(
    config: Annotated[
        str,
        typer.Argument(metavar="CONFIG", help="A Hugging Face config.json, its folder, or with the extra 'hub' an id."),
    ],
    output: FileOption = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model. Default: of the file or folder.")
    ] = None,
) -> None:
    """A Hugging Face config.json into a model file.

    Example: bitnet-cost import path/to/config.json -o my-model.yaml
    """
    from bitnet_cost.readers import catalog, hub
    from bitnet_cost.views.model_yaml import model_yaml

    if hub.is_hub_id(config):
        architecture = catalog.imported(
            hub.fetch_config(config), name=config if name is None else name, source=f"{config}: config.json"
        )
    else:
        architecture = catalog.imported(config, name=name)
    _must_end(output, ".yaml", ".yml")
    _write(model_yaml(architecture), output)
    for told in architecture.left_out():
        typer.echo(told, err=True)


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
    _must_end(plot, ".html", ".htm")
    if measured:
        _validate_measured(studies, plot, to)
        return
    if plot is not None:
        raise BitnetCostError("--plot draws measured rows; add --measured")
    from bitnet_cost.studies import validation

    outcomes = validation.run(studies or None)
    _deliver(to, Offer(
        lambda: [validation.report(outcome) for outcome in outcomes], lambda: validation.document(outcomes),
        lambda: validation.cell_rows(outcomes),
    ))  # fmt: skip
    failed = [o for o in outcomes if not o.passed]
    cells = sum(o.checked for o in outcomes)
    outside = sum(o.failed for o in outcomes)
    counted = "1 study" if len(outcomes) == 1 else f"{len(outcomes)} studies"
    typer.echo(f"{counted}, {cells} cells held, {outside} outside their tolerance", err=True)
    if failed:
        raise typer.Exit(1)


def _validate_measured(kinds: list[str] | None, plot: str | None, to: Writing) -> None:
    from bitnet_cost.studies import accuracy

    found = accuracy.compare(kinds)
    _deliver(to, Offer(
        lambda: [accuracy.report(found)], lambda: accuracy.document(found), lambda: accuracy.rows_of(found)
    ))  # fmt: skip
    if plot is not None:
        from bitnet_cost.views import html, parity

        made = parity.page(accuracy.report(found), accuracy.rows_of(found), accuracy.document(found), _typed())
        _write(html.as_html(made), plot)
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
    """One number worked through: formula, counts, constants with range and source, arithmetic, conventions.

    Example: bitnet-cost explain gpt3-175b -p bitnet --cell energy_j
    """
    answer = _ask(Question(model, [hardware], [precision], terms), placed)
    from bitnet_cost.engine.explain import explain as explained
    from bitnet_cost.views import explanation

    result = answer.results[0]
    baseline_of = answer.baselines.get((result.architecture.name, result.hardware.name))
    told = explained(result, baseline_of, cell, _requests(placed.requests_per_day))
    data = explanation.as_data(told)
    offer = Offer(lambda: [], lambda: data, lambda: data["steps"])
    form = formats.chosen(to.form, to.output, offer)
    if form in formats.names("reports"):  # a text of its own: every step on one line
        _write(explanation.as_markdown(told) if form == "markdown" else explanation.as_text(told), to.output)
        return
    _deliver(to, offer)


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
    from bitnet_cost import api
    from bitnet_cost.inputs.workload import Workload
    from bitnet_cost.readers import catalog
    from bitnet_cost.studies import breakeven
    from bitnet_cost.studies import breakeven_report as told

    architecture, profile = catalog.model(model), catalog.hardware(hardware)
    many = profile.kind == "device" and architecture.kind == "decoder"
    steps = work.generate if work.generate is not None else api.GENERATE_ON_DEVICES if many else 1
    workload = Workload(work.batch, work.prompt, steps)
    new, old = catalog.precision(precision), catalog.precision(baseline)
    found = breakeven.find(
        architecture, profile, new, old, workload, wanted=saving / 100,
        axes=cast("list[BreakEvenAxis]", axis) or get_args(BreakEvenAxis), runtimes=_once(runtime or ()),
        scope=scope, draws=breakeven.Draws(draws, *sampling),
    )  # fmt: skip
    priced = scope or profile.default_scope
    answer = told.report(architecture, profile, new, old, workload, found, priced)
    document = {"schema": "bitnet-cost/break-even-1", "scope": priced, "crossings": told.rows(found)}

    def rows() -> list[dict[str, Any]]:
        from bitnet_cost.numerals import digits

        plain = [{k: v for k, v in row.items() if not isinstance(v, list)} for row in told.rows(found)]
        points = [" ".join(digits(x, 10) for x in c.at) for c in found]
        return [row | {"at": at} for row, at in zip(plain, points, strict=True)]

    def page() -> str:
        from bitnet_cost.views import curve, html

        return html.as_html(curve.page(answer, found, document, profile.runtime, _typed()))

    _deliver(to, Offer(lambda: [answer], lambda: document, rows, page))


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
        _write(text, None)
        return
    if output is None:
        raise BitnetCostError("sweep: give a file to write with -o FILE.parquet, or --dry-run")
    try:
        rows, progress = running.run(
            whole, output, resume=resume, workers=workers, engine=engine, scheduler=scheduler, watched=_watched(),
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

    Without -o it lies beside FILE, and replaces nothing that is there.

    Example: bitnet-cost plot front.parquet -o front.html
    """
    from bitnet_cost.studies import chart
    from bitnet_cost.views import html

    _must_end(output, ".html", ".htm")
    page = chart.page(file, x, y, colour, _typed())
    target = output or chart.place_beside(file)
    _write(html.as_html(page), target)
    typer.echo(f"{target}: written", err=True)


def _deliver_answer(to: PageWriting, make: Callable[[], Report], answer: Answer) -> None:
    from bitnet_cost.views import records

    def page() -> str:
        from bitnet_cost.studies import pages
        from bitnet_cost.views import html

        return html.as_html(pages.of_answer(answer, make(), _typed()), to.plotly)

    _deliver(to, Offer(lambda: [make()], lambda: records.document(answer), lambda: records.rows(answer), page))


def _deliver(to: Writing | PageWriting | CurveWriting, offer: Offer) -> None:
    """Write an answer in a format; a terminal gets tables of its width, with weight and colour."""
    form, output = formats.chosen(to.form, to.output, offer), to.output
    if form == "table" and offer.reports and output is None and sys.stdout is not None and sys.stdout.isatty():
        if "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
            from bitnet_cost.views.terminal import as_terminal

            encoding = sys.stdout.encoding or "utf-8"
            _write("\n".join(as_terminal(made, encoding=encoding) for made in offer.reports()), None)
            return
        from bitnet_cost.views.table import as_text, width_of_terminal

        _write("\n".join(as_text(made, width_of_terminal()) for made in offer.reports()), None)
        return
    _write(formats.text_of(form, offer), output)


def _table_of(rows: list[dict[str, Any]], title: str) -> Report:
    from bitnet_cost.numerals import cell
    from bitnet_cost.tables import Column, Report, Table

    columns = tuple(Column(key, isinstance(rows[0][key], int | float)) for key in rows[0]) if rows else ()
    body = tuple(tuple(cell(value) for value in row.values()) for row in rows)
    return Report(title, title, (Table("", columns, body),) if rows else ())


def _write(text: str, output: str | None) -> None:
    """Print, or write a file whole or not at all."""
    if output is None or output == "-":
        if sys.stdout is None:
            raise BitnetCostError("cannot write: standard output is closed; give a file with -o")
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            _end_unwritten(error)
        return
    from bitnet_cost.views.files import write_atomically

    write_atomically(output, text)


def _must_end(output: str | None, *endings: str) -> None:
    """Refuse the name of a file that says it holds something else than the command writes."""
    ending = os.path.splitext(output or "")[1].lower()
    if ending not in ("", *endings):
        raise BitnetCostError(f"{output}: this command writes no {ending}; end the name in {' or '.join(endings)}")


def _watched() -> bool:
    """Whether somebody reads what goes to stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def _refuse_controls(words: list[str]) -> None:
    """Names are printed again, and a terminal obeys what it should show. Tabs and newlines may stand in a filter."""
    for number, word in enumerate(words, 1):
        control = CONTROL.search(word)
        if control:
            what = f"the control character U+{ord(control[0]):04X}"
            what = "a byte that is no UTF-8 text" if 0xDC80 <= ord(control[0]) <= 0xDCFF else what
            _fail(f"argument {number}, {word[:60]!a}: holds {what}")


def _fail(message: str) -> NoReturn:
    if sys.stderr is not None:
        sys.stderr.write(f"error: {message}\n")
    raise SystemExit(2)


def _end_unwritten(fault: OSError) -> NoReturn:
    """End without the rest of the answer: well where the reader of our pipe has seen enough, else with the fault."""
    # What waits in the buffer would be tried again at the end of the process, and fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(fault, BrokenPipeError):
        raise SystemExit(0)
    _fail(f"cannot write: {fault.strerror or fault}")


def main() -> None:
    """Run the command line; turn every foreseen fault into one message and an exit code."""
    # Start-up: imports make many objects and little garbage; no plugin has a say in how figures are validated.
    gc.set_threshold(100_000)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that knows no µ gets \xb5
        sys.stdout.reconfigure(errors="backslashreplace")
    _refuse_controls(sys.argv[1:])
    try:
        app()
    except BitnetCostError as error:
        _fail(str(error))
    except OSError as error:
        _end_unwritten(error)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        gc.freeze()  # a process about to end has nothing to collect: a sixth of a short run
