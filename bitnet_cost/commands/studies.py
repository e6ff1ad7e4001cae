"""Answers checked, explained, and over grids: validate, explain, break-even, sweep, plot."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast, get_args

import typer

from bitnet_cost import questions
from bitnet_cost.commands import options
from bitnet_cost.commands.asking import ask, once
from bitnet_cost.commands.options import Drafting, argument, one_of, option, with_groups
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import deliver, deliver_explanation, must_end, say_written, typed, watched, write
from bitnet_cost.errors import BitnetCostError, labelled
from bitnet_cost.views.formats import Offer
from bitnet_cost.words import BreakEvenAxis, Engine, Optimizer, Recompute, Scope

if TYPE_CHECKING:
    from bitnet_cost.studies.breakeven import Draws


@app.command()
@with_groups
def validate(
    *,
    studies: Annotated[list[str] | None, argument(questions.STUDIES)] = None,
    measured: Annotated[bool, option(questions.MEASURED_ROWS)] = False,
    leave_one_out: Annotated[bool, option(questions.LEAVE_ONE_OUT)] = False,
    plot: Annotated[str | None, option(questions.PLOT)] = None,
    to: options.Writing,
) -> None:
    """Published tables against modelled ones, cell by cell. Exit code 1 if a cell leaves its stated tolerance.

    With --measured: time, energy, power and memory of measured runs, by class. Exit code 1 if one misses its target.
    With --leave-one-out too: each device as if it had never been measured.

    Example: bitnet-cost validate bitnet-table-1
    """
    must_end(plot, ".html", ".htm")
    if leave_one_out:
        if not measured:
            raise BitnetCostError("--leave-one-out is about measured rows; add --measured")
        if studies or plot is not None:
            raise BitnetCostError("--leave-one-out scores every class at once, and draws nothing: leave the rest out")
        _validate_left_out(to)
        return
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


def _validate_measured(kinds: list[str] | None, plot: str | None, to: options.Writing) -> None:
    from bitnet_cost.studies import accuracy

    found = accuracy.compare(kinds)
    deliver(to, Offer(
        lambda: [accuracy.report(found)], lambda: accuracy.document(found), lambda: accuracy.rows_of(found)
    ))  # fmt: skip
    if plot is not None:
        from bitnet_cost.views import html, parity

        made = parity.parity_page(accuracy.report(found), accuracy.rows_of(found), accuracy.document(found), typed())
        write(html.as_html(made), plot)
    missed = accuracy.missed(found)
    typer.echo(f"{len(found.rows)} figures; targets missed: {', '.join(missed) or 'none'}", err=True)
    if missed:
        raise typer.Exit(1)


def _validate_left_out(to: options.Writing) -> None:
    from bitnet_cost.readers import measured
    from bitnet_cost.studies import left_out

    loud = watched()

    def progress(line: str) -> None:
        if loud:
            typer.echo(line, err=True)

    found = left_out.summary(left_out.left_out(measured.rows(), progress))
    families = left_out.summary_of_families(left_out.families_left_out(measured.rows(), progress))
    deliver(to, Offer(
        lambda: [left_out.report(found, families)], lambda: left_out.document(found, families),
        lambda: left_out.rows_of(found, families),
    ))  # fmt: skip
    missed = left_out.missed_targets(found)
    typer.echo(f"{len(found.devices)} devices; targets missed: {', '.join(missed) or 'none'}", err=True)
    if missed:
        raise typer.Exit(1)


@app.command()
@with_groups
def explain(
    *,
    model: options.ModelArgument,
    cell: Annotated[str, option(questions.CELL)],
    hardware: Annotated[str, option(questions.HARDWARE_EXPLAINED)] = "cmos-45nm",
    precision: Annotated[str, option(questions.PRECISION_EXPLAINED)] = "bitnet",
    terms: options.Terms,
    placed: options.Deployment,
    to: options.Writing,
) -> None:
    """One number step by step: formula, counts, constants with range and source, arithmetic, conventions.

    Example: bitnet-cost explain gpt3-175b -p bitnet --cell energy_j
    """
    answer = ask(options.Asking(model, [hardware], [precision], terms), placed)
    from bitnet_cost.engine.explain import PER_DAY, explain_day
    from bitnet_cost.engine.explain import explain as explained
    from bitnet_cost.studies import ranges

    result, requests = answer.results[0], placed.requests_per_day
    ranges.check_requests(requests)
    as_they_come = cell in PER_DAY and requests is not None and result.hardware.has_clock and result.workload.batch == 1
    loads = ranges.with_day(answer, requests).loads if as_they_come else ()
    if loads:
        deliver_explanation(to, explain_day(loads[0], result, cell))
    else:
        deliver_explanation(to, explained(result, ranges.baseline_of(answer, result), cell, requests))


@app.command("break-even")
@with_groups
def break_even(
    *,
    model: options.ModelArgument,
    hardware: Annotated[str, option(questions.HARDWARE_BROKEN_EVEN)] = "h100-sxm-80gb",
    precision: Annotated[str, option(questions.PRECISION_SAVING)] = "bitnet-b1.58",
    baseline: Annotated[str | None, option(questions.SAVED_ON)] = None,
    saving: Annotated[float, option(questions.SAVING_WANTED)] = 50.0,
    axis: Annotated[
        list[str] | None,
        one_of(get_args(BreakEvenAxis), "--axis", meaning="What varies; repeat for both. Default: both."),
    ] = None,
    runtime: Annotated[list[str] | None, option(questions.RUNTIMES)] = None,
    work: options.Work,
    scope: options.ScopeOption = None,
    draws: Annotated[int, option(questions.DRAWS_OF_RANGE)] = 1000,
    sampling: options.Sampling,
    repaid: options.Repaid,
    to: options.CurveWriting,
) -> None:
    """From which batch or context, and with which shares of the energy, a precision stops saving a given amount.

    With --by served-tokens: after how many generated tokens it has paid for its training. Charts of the curves with
    -o FILE.html.

    Example: bitnet-cost break-even llama-2-7b -H h100-sxm-80gb -p w1a8
    """
    from bitnet_cost.inputs.scenario import Scenario, usual_generate
    from bitnet_cost.inputs.workload import Workload
    from bitnet_cost.readers import catalog
    from bitnet_cost.studies import breakeven
    from bitnet_cost.studies import breakeven_report as told

    drawn = breakeven.Draws(draws, *sampling)
    if repaid.by == "served-tokens":
        if axis:
            raise BitnetCostError("axis: --by served-tokens varies none; leave --axis out")
        _served(model, hardware, (precision, baseline), work, repaid, once(runtime or ()), scope, drawn, to)
        return
    changed = next((name for name, d in options.Repaid._field_defaults.items() if getattr(repaid, name) != d), None)
    if changed is not None:
        raise BitnetCostError(f"{changed.replace('_', '-')}: is of the training to be paid for; add --by served-tokens")
    architecture, profile = catalog.model(model), catalog.hardware(hardware)
    steps = usual_generate(architecture, profile) if work.generate is None else work.generate
    asked = Scenario(
        model=architecture, precision=catalog.precision(precision), hardware=profile,
        workload=Workload(work.batch, work.prompt, steps), scope=scope,
    )  # fmt: skip
    old = catalog.precision(baseline or ("fp16" if profile.has_clock else "fp32"))
    found = breakeven.find(
        asked, old, wanted=saving / 100, axes=cast("list[BreakEvenAxis]", axis) or get_args(BreakEvenAxis),
        runtimes=once(runtime or ()), draws=drawn,
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

        return html.as_html(curve.curve_page(answer, found, document, profile.runtime, typed()))

    deliver(to, Offer(lambda: [answer], lambda: document, rows, page))


class TrainingAxes(NamedTuple):
    """What a sweep over training steps asks."""

    seq: Annotated[str | None, option(questions.SWEPT_SEQ)] = None
    micro_batch: Annotated[str | None, option(questions.SWEPT_MICRO_BATCH)] = None
    global_batch: Annotated[str | None, option(questions.SWEPT_GLOBAL_BATCH)] = None
    tp: Annotated[str | None, option(questions.SWEPT_TP)] = None
    pp: Annotated[str | None, option(questions.SWEPT_PP)] = None
    cp: Annotated[str | None, option(questions.SWEPT_CP)] = None
    ep: Annotated[str | None, option(questions.SWEPT_EP)] = None
    zero: Annotated[str | None, option(questions.SWEPT_ZERO)] = None
    virtual_stages: Annotated[str | None, option(questions.SWEPT_VIRTUAL_STAGES)] = None
    recompute: Annotated[
        list[str] | None, one_of(get_args(Recompute), "--recompute", meaning=f"{questions.RECOMPUTE.help} Repeat.")
    ] = None
    optimizer: Annotated[
        list[str] | None, one_of(get_args(Optimizer), "--optimizer", meaning=f"{questions.OPTIMIZER.help} Repeat.")
    ] = None
    tokens: Annotated[str | None, option(questions.TOKENS)] = None

    def asked(self, training: bool) -> dict[str, Any] | None:
        """The axes of training; None without.

        Raises:
            BitnetCostError: an option of training where there is none.
        """
        given = {name: value for name, value in self._asdict().items() if value}
        if given and not training:
            raise BitnetCostError(f"--{next(iter(given)).replace('_', '-')} is of training; add --training")
        return given if training else None


def _served(
    model: str, hardware: str, precisions: tuple[str, str | None], work: options.Work, repaid: options.Repaid,
    runtimes: list[str], scope: Scope | None, draws: "Draws", to: options.CurveWriting,
) -> None:  # fmt: skip
    from bitnet_cost.inputs.training import tokens_of
    from bitnet_cost.studies import served
    from bitnet_cost.studies import served_report as told

    tokens = None if repaid.tokens is None else tokens_of(repaid.tokens)
    trained = served.Trained(repaid.training, tokens, repaid.train_on, repaid.training_devices)
    found = served.find(model, hardware, precisions, work, trained, runtimes=runtimes, scope=scope, draws=draws)

    def page() -> str:
        from bitnet_cost.views import html

        return html.as_html(told.page(found, typed()))

    deliver(to, Offer(lambda: [told.report(found)], lambda: told.document(found), lambda: told.rows(found), page))


@app.command("fit-law")
@with_groups
def fit_law(*, law: Annotated[str, argument(questions.FITTED_LAW)] = "bitnet-b1.58", to: options.Writing) -> None:
    """A scaling law fitted to published losses, with its error, where a paper prints points and no constants.

    Example: bitnet-cost fit-law bitnet-b1.58
    """
    from bitnet_cost.studies import law_fit

    found = law_fit.fitted(law)
    deliver(to, Offer(
        lambda: [law_fit.report(law, found)], lambda: law_fit.document(law, found), lambda: law_fit.rows(found)
    ))  # fmt: skip


@app.command()
@with_groups
def sweep(
    *,
    study: Annotated[str | None, argument(questions.SWEEP_FILE)] = None,
    model: Annotated[list[str] | None, option(questions.SWEPT_MODELS)] = None,
    hardware: Annotated[list[str] | None, option(questions.SWEPT_HARDWARE)] = None,
    precision: Annotated[list[str] | None, option(questions.SWEPT_PRECISIONS)] = None,
    runtime: Annotated[list[str] | None, option(questions.SWEPT_RUNTIMES)] = None,
    batch: Annotated[str | None, option(questions.SWEPT_BATCH)] = None,
    prompt: Annotated[str | None, option(questions.SWEPT_PROMPT)] = None,
    generate: Annotated[str | None, option(questions.SWEPT_GENERATE)] = None,
    devices: Annotated[str | None, option(questions.SWEPT_DEVICES)] = None,
    offload: Annotated[str | None, option(questions.OFFLOAD)] = None,
    drafting: Drafting,
    scope: Annotated[
        list[str] | None, one_of(get_args(Scope), "--scope", meaning="What the energy holds; repeat.")
    ] = None,
    vary: Annotated[list[str] | None, option(questions.VARY)] = None,
    rate: Annotated[str | None, option(questions.SWEPT_RATE)] = None,
    training: Annotated[bool, option(questions.TRAINING)] = False,
    steps: TrainingAxes,
    where: Annotated[list[str] | None, option(questions.SWEPT_WHERE)] = None,
    objective: Annotated[list[str] | None, option(questions.OBJECTIVE)] = None,
    pareto: Annotated[bool, option(questions.PARETO)] = False,
    top: Annotated[int | None, option(questions.TOP)] = None,
    columns: Annotated[str | None, option(questions.COLUMNS)] = None,
    limit: Annotated[int | None, option(questions.LIMIT)] = None,
    output: Annotated[str | None, option(questions.SWEEP_OUTPUT)] = None,
    resume: Annotated[bool, option(questions.RESUME)] = False,
    dry_run: Annotated[bool, option(questions.DRY_RUN)] = False,
    workers: Annotated[int | None, option(questions.WORKERS)] = None,
    engine: Annotated[Engine, option(questions.ENGINE)] = "processes",
    scheduler: Annotated[str | None, option(questions.SCHEDULER)] = None,
    engine_notes: Annotated[bool, option(questions.ENGINE_NOTES)] = False,
) -> None:
    """A grid of design points into Parquet or CSV: filtered, its Pareto front, or its best.

    Example: bitnet-cost sweep -m gemma-2b -H l4 -p fp16 --batch 1,2 --dry-run
    """
    from bitnet_cost.inputs import sweep as spec
    from bitnet_cost.studies import load_sweep, running, sweep_parts, varied
    from bitnet_cost.studies import sweep as sweeps

    update = spec.options(
        models=model, hardware=hardware, precisions=precision, runtimes=runtime, batch=batch, prompt=prompt,
        generate=generate, devices=devices, offload=offload, **drafting._asdict(), scopes=scope, vary=vary,
        training=steps.asked(training), load={} if rate is None else {"rate": rate}, where=where,
        objectives=objective, pareto=pareto or None, top=top, columns=columns, limit=limit,
    )  # fmt: skip
    if study is not None and not Path(study).suffix and not Path(study).exists():
        raise BitnetCostError(f"{study}: no such study" + labelled(write=f"sweep -m {study}, if it is a model"))
    whole = load_sweep.plan(sweeps.of_file(study, update) if study is not None else sweeps.of_options(update))
    for note in [
        *varied.bare_numbers(whole.spec.vary, whole.settings),
        *(sweep_parts.engine_notes(whole) if engine_notes else ()),
    ]:
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
    file: Annotated[str, argument(questions.PLOTTED)],
    x: Annotated[str | None, option(questions.ACROSS)] = None,
    y: Annotated[str | None, option(questions.UPWARD)] = None,
    colour: Annotated[str | None, option(questions.COLOUR)] = None,
    output: Annotated[str | None, option(questions.PLOT_OUTPUT)] = None,
) -> None:
    """A chart of a sweep with its Pareto front: one HTML file that works offline, or a picture.

    Without -o the page is written next to FILE; no existing file is replaced. Pictures need the extra 'images'.

    Example: bitnet-cost plot front.parquet -o front.html
    """
    from bitnet_cost.studies import chart
    from bitnet_cost.views import figures, html

    must_end(output, ".html", ".htm", *figures.IMAGES)
    page = chart.sweep_page(file, x, y, colour, typed())
    target = output or chart.place_beside(file)
    if target.lower().endswith(figures.IMAGES):
        figures.write_image(page.charts[0].shown[0].figure, target, page.report.sentence)
        say_written(target)
    else:
        write(html.as_html(page), target)
