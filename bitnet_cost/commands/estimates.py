"""What a model costs: estimate, compare, report, layers, fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bitnet_cost import questions
from bitnet_cost.commands import options
from bitnet_cost.commands.asking import ask, facility, once
from bitnet_cost.commands.options import argument, option, with_groups
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import deliver, deliver_answer, must_end, say_written, typed, watched, write
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.views.formats import Offer
from bitnet_cost.words import ComparedBy, TableForm

if TYPE_CHECKING:
    from bitnet_cost.ledger.answers import Answer
    from bitnet_cost.ledger.result import Result
    from bitnet_cost.tables import Report


@app.command()
@with_groups
def estimate(
    *,
    asked: options.Asking,
    placed: options.Deployment,
    sensitivity: Annotated[bool, option(questions.SENSITIVITY)] = False,
    draws: Annotated[int | None, option(questions.DRAWS_ADDED)] = None,
    sampling: options.Sampling,
    table: Annotated[TableForm, option(questions.TABLE)] = "verdict",
    to: options.PageWriting,
) -> None:
    """Memory by precision and energy with its saving.

    Example: bitnet-cost estimate gpt3-175b -p fp16 -p bitnet
    """
    answer = ask(asked, placed, several=True)
    from bitnet_cost.studies import ranges

    if table == "paper":
        from bitnet_cost.views.paper import paper_report as make
    else:
        from bitnet_cost.views.estimate import estimate_report as make

    answer = ranges.with_day(answer, placed.requests_per_day)
    if sensitivity or draws is not None:
        answer = answer if draws is None else ranges.with_spreads(answer, draws, *sampling, watched())
        answer = ranges.with_swings(answer) if sensitivity else answer
    deliver_answer(to, lambda: make(answer, ranges.judged(answer)), answer)


@app.command()
@with_groups
def compare(
    *,
    models: Annotated[list[str], argument(questions.MODELS)],
    asked: options.SideBySide,
    prices: options.PricesOption = None,
    sort: Annotated[str | None, option(questions.SORT)] = None,
    where: Annotated[str | None, option(questions.WHERE)] = None,
    at_equal_loss: Annotated[bool, option(questions.AT_EQUAL_LOSS)] = False,
    by: Annotated[ComparedBy, option(questions.BY)] = "energy",
    rate: Annotated[str | None, option(questions.RATE_COMPARED)] = None,
    to: options.PageWriting,
) -> None:
    """Hardware x precision side by side: fit, energy, saving, tokens/s, power, carbon, cost; ranked.

    Example: bitnet-cost compare llama-2-7b -H h100-sxm-80gb -H l4 --sort tokens
    """
    if rate is not None:
        changed = {
            "--sort": sort, "--where": where, "--prices": prices, "--by": by != "energy", "--batch":
            asked.work.batch != 1, "--at-equal-loss": at_equal_loss,
        }  # fmt: skip
        if wrong := [flag for flag, given in changed.items() if given]:
            raise BitnetCostError(f"rate: is not combined with {', '.join(wrong)}; leave it out")
        _deliver_under_load(models, rate, asked, to)
        return
    if at_equal_loss:
        refused = {"--sort": sort, "--where": where, "--prices": prices, "--by": None if by == "energy" else by}
        if wrong := [flag for flag, given in refused.items() if given is not None]:
            raise BitnetCostError(f"at-equal-loss: is not combined with {', '.join(wrong)}; leave it out")
        _deliver_at_equal_loss(models, asked, to)
        return
    answer, made = _compared(models, asked, prices, sort, where)
    if by == "quality":
        _deliver_by_quality(to, answer)
        return
    deliver_answer(to, lambda: made, answer)


def _deliver_at_equal_loss(models: list[str], asked: options.SideBySide, to: options.PageWriting) -> None:
    from bitnet_cost import api
    from bitnet_cost.studies import equal_loss_report as told

    if any(given is not None for given in asked.drafting):
        raise BitnetCostError("draft: at equal loss nothing is drafted; leave out --draft, --accept and --draft-tokens")
    if len(models) > 1:
        raise BitnetCostError(f"at-equal-loss: {len(models)} models are named; one loss is that of one model")
    found = api.equal_loss(
        models[0], asked.hardware, asked.precision, **asked.work._asdict(), scope=asked.scope, baseline=asked.baseline,
        runtime=asked.runtime, facility=facility(asked.site, options.Making()), **asked.sharing._asdict(),
    )  # fmt: skip

    def rows() -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k != "quality"} for each in found for row in each.to_records()]

    def document() -> Any:
        documents = [told.document(each) for each in found]
        return documents[0] if len(documents) == 1 else documents

    def page() -> str:
        from bitnet_cost.studies.equal_loss_page import equal_loss_page
        from bitnet_cost.views import html

        return html.as_html(equal_loss_page(found, typed()), to.plotly)

    deliver(to, Offer(lambda: [told.report(each) for each in found], document, rows, page))


def _deliver_under_load(models: list[str], rate: str, asked: options.SideBySide, to: options.PageWriting) -> None:
    from bitnet_cost.commands.load import deliver_loads
    from bitnet_cost.studies import load

    _, prompt, generate = asked.work
    work = load.load_of(rate, None, prompt=prompt, generate=128 if generate is None else generate)
    devices, parallel = asked.sharing.devices, asked.sharing.parallel
    terms = load.Terms(asked.runtime, asked.scope, asked.baseline, facility(asked.site, options.Making()),
                       "auto" if devices == 1 else devices, parallel)  # fmt: skip
    places, formats = once(asked.hardware or [load.DEVICE]), once(asked.precision or load.PRECISIONS)
    deliver_loads([load.serving(model, places, formats, work, terms) for model in once(models)], to)


def _deliver_by_quality(to: options.PageWriting, answer: Answer) -> None:
    from dataclasses import replace

    from bitnet_cost.studies import pages
    from bitnet_cost.studies.ranges import judged
    from bitnet_cost.views import by_quality, html, records

    def page() -> str:
        found = pages.of_answer(answer, made, typed())
        charts = sorted(found.charts, key=lambda c: c.name != "quality")
        if rows:  # the first screen has the chart that was asked for
            charts = [replace(c, first=c.name == "quality") for c in charts]
        return html.as_html(replace(found, charts=tuple(charts)), to.plotly)

    verdict = judged(answer)
    made = by_quality.by_quality_report(answer, verdict)
    rows = by_quality.rows(answer)
    deliver(to, Offer(
        lambda: [made], lambda: records.answer_document(answer, verdict) | {"by_quality": rows}, lambda: rows,
        page,
    ))  # fmt: skip


def _compared(
    models: list[str], asked: options.SideBySide, prices: list[str] | None = None, sort: str | None = None,
    where: str | None = None,
) -> tuple[Answer, Report]:  # fmt: skip
    from bitnet_cost import api
    from bitnet_cost.studies.ranges import judged
    from bitnet_cost.views.compare import compare_report

    answer = api.compare(
        models, asked.hardware, asked.precision, **asked.work._asdict(), scope=asked.scope, baseline=asked.baseline,
        runtime=asked.runtime, facility=facility(asked.site, options.Making()), **asked.sharing._asdict(),
        **asked.drafting._asdict(), prices=prices, sort=sort, where=where,
    )  # fmt: skip
    return answer, compare_report(answer, judged(answer))


@app.command("eight-bit")
@with_groups
def eight_bit(*, to: options.Writing) -> None:
    """Eight bits after training against one bit, by size: memory, energy, quality, training, hardware, all with source.

    Example: bitnet-cost eight-bit -f markdown -o eight-bit.md
    """
    from bitnet_cost import api
    from bitnet_cost.readers import catalog, quality
    from bitnet_cost.views import eight_bit as views

    def side(model: str, precision: str) -> dict[str, Result]:
        return {s: api.estimate(model, precision=precision, hardware=h, scope=s) for h, s in views.PLACES}

    figures = quality.every()
    answered = [
        views.Answered(
            c, side(c.model, c.eight.precision), side(c.model, c.one.precision), views.figures_of(c, figures)
        )
        for c in views.CASES
    ]
    devices = [h for h in map(catalog.hardware, catalog.names("hardware")) if h.has_clock]
    made = views.eight_bit_report(answered, devices)
    rows = views.rows(made)
    deliver(to, Offer(lambda: [made], lambda: rows, lambda: rows))


@app.command()
@with_groups
def report(
    *,
    subjects: Annotated[list[str], argument(questions.SUBJECTS)],
    output: Annotated[str | None, option(questions.REPORT_OUTPUT)] = None,
    asked: options.SideBySide,
    plotly: options.PlotlyOption = "inline",
    figure: Annotated[str | None, option(questions.FIGURE)] = None,
    open_: Annotated[bool, option(questions.OPEN)] = False,
) -> None:
    """One offline HTML file: the finding, tables, charts to choose from, assumptions, how to reproduce it.

    Without -H it holds the devices with measured rows: a page of every device is too large to mail.

    Example: bitnet-cost report bitnet-table-1 --plotly none
    """
    if figure is None:
        if output is not None and output.lower().endswith((".png", ".svg", ".pdf")):
            raise BitnetCostError(f"{output}: a picture holds one chart; name it with --figure, as --figure overview")
        must_end(output, ".html", ".htm")
    elif output in (None, "-"):
        raise BitnetCostError("--figure needs a file; add -o FILE.png, FILE.svg or FILE.pdf")
    if open_ and output in (None, "-"):
        raise BitnetCostError("--open needs a file; add -o FILE.html")
    from bitnet_cost.readers import catalog
    from bitnet_cost.studies import pages
    from bitnet_cost.views import html

    loud = watched()
    if loud:
        typer.echo("evaluating ...", err=True)
    if len(subjects) == 1 and (catalog.has("study", subjects[0]) or catalog.is_study(subjects[0])):
        page = pages.of_study(subjects[0], typed())
    else:
        measured = [name for name in catalog.devices() if name in catalog.accuracy().measured]
        answer, made = _compared(subjects, asked if asked.hardware else asked._replace(hardware=measured))
        page = pages.of_answer(answer, pages.full(answer, made), typed())
    if figure is None:
        write(html.as_html(page, plotly), output)
    else:
        from bitnet_cost.views.figures import write_image

        write_image(**page.drawn(figure), path=str(output))
        say_written(str(output))
    if open_:
        import webbrowser
        from pathlib import Path

        if not webbrowser.open(Path(str(output)).resolve().as_uri()):
            typer.echo(f"no browser found; open {output} yourself", err=True)


@app.command()
@with_groups
def layers(*, asked: options.Asking, to: options.Writing) -> None:
    """The per-operator table: MACs, actions and energy. One precision shows its MUL, ADD and special operations.

    Example: bitnet-cost layers bert-base -p int8 --scope compute
    """
    answer = ask(asked, options.Deployment(), default_hardware=("cmos-45nm",))
    from bitnet_cost.views import records
    from bitnet_cost.views.layers import layers_report

    def rows() -> list[dict[str, Any]]:
        return [
            {"precision": r.precision.name, "hardware": r.hardware.name, **row}
            for i, r in enumerate(answer.results)
            for row in records.operations(r, i)
        ]

    deliver(to, Offer(lambda: [layers_report(answer)], lambda: records.answer_document(answer), rows))


@app.command()
@with_groups
def fit(
    *,
    model: Annotated[str | None, argument(questions.MODEL_TO_FIT)] = None,
    hardware: Annotated[list[str], option(questions.HARDWARE_TO_FIT)],
    precision: Annotated[list[str] | None, option(questions.PRECISIONS_TO_FIT)] = None,
    work: options.Work,
    runtime: options.RuntimeOption = None,
    sharing: options.Sharing,
    drafting: options.Drafting,
    to: options.Writing,
) -> None:
    """What fits a device: memory used, largest batch and longest prompt by precision; without a model, which models.

    Example: bitnet-cost fit llama-2-7b -H h100-sxm-80gb
    """
    from bitnet_cost import api
    from bitnet_cost.inputs.workload import Workload
    from bitnet_cost.readers import catalog
    from bitnet_cost.studies.cells import FIT_PRECISIONS
    from bitnet_cost.views import fit as views
    from bitnet_cost.views.records import fit_rows, held_row

    models = [catalog.model(name) for name in ([model] if model is not None else catalog.names("model"))]
    precisions = [catalog.precision(p) for p in once(precision or api.with_own(FIT_PRECISIONS, models))]
    asked = api.scenarios(
        models, [catalog.hardware(h) for h in once(hardware)], precisions,
        Workload(work.batch, work.prompt, 1 if work.generate is None else work.generate), runtime=runtime,
        usual=work.generate is None, **sharing._asdict(), **drafting._asdict(),
    )  # fmt: skip
    if model is not None:
        fits = api.fitting(asked)
        rows = fit_rows(fits)
        deliver(to, Offer(lambda: [views.fit_report(fits)], lambda: rows, lambda: rows))
        return
    found = api.fitting_models(asked)
    places = [[r for r in found if r.hardware.name == name] for name in dict.fromkeys(r.hardware.name for r in found)]
    rows = [held_row(r) for r in sorted(found, key=lambda r: -r.parameters)]
    deliver(to, Offer(lambda: [views.catalogue_report(p, precisions) for p in places], lambda: rows, lambda: rows))
