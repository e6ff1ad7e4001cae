"""What objects look like in Python: printed, in a notebook, drawn, and as a page.

`Shown` asks here, so that ledger and inputs know no view. A look is one registered function of a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from bitnet_cost.engine.counts import NOT_COUNTED
from bitnet_cost.errors import BitnetCostError, check_word
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.offload import divided
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.ledger.answers import Answer, Comparison, Explanation, Fit
from bitnet_cost.ledger.counted import Activity, Footprint, OpCounts, Timing
from bitnet_cost.ledger.load import LoadAnswer, LoadResult
from bitnet_cost.ledger.result import Result
from bitnet_cost.ledger.rows import Rows
from bitnet_cost.ledger.training import TrainingAnswer, TrainingResult
from bitnet_cost.listing import entry_report
from bitnet_cost.numerals import change_range, change_words
from bitnet_cost.readers import catalog, machines
from bitnet_cost.shown import Shown, brief_value, named_fields
from bitnet_cost.studies import equal_loss_report
from bitnet_cost.studies.equal_loss import EqualLoss
from bitnet_cost.studies.ranges import judged
from bitnet_cost.studies.stream import Grid
from bitnet_cost.tables import Report, Table, headed, wrap
from bitnet_cost.views import parts
from bitnet_cost.views.compare import compare_report
from bitnet_cost.views.estimate import estimate_report
from bitnet_cost.views.explanation import constants_drawing, explanation_report, explanation_text
from bitnet_cost.views.fit import fit_report
from bitnet_cost.views.grid import grid_report
from bitnet_cost.views.load import report as load_report
from bitnet_cost.views.notebook import fragment
from bitnet_cost.views.table import as_text, width_of_terminal
from bitnet_cost.views.training import report as training_report

if TYPE_CHECKING:
    from plotly.graph_objects import Figure
    from rich.text import Text

    from bitnet_cost.studies.chart import DrawnSweep
    from bitnet_cost.views.charts import Chart
    from bitnet_cost.views.figures import Drawing, Theme
    from bitnet_cost.views.page import Page

    Titled = tuple[str, str, Drawing | None]  # a title, how to read it, the drawing


# --- printed, and in a notebook --------------------------------------------------------------------------------------


@singledispatch
def report_of(thing: Any) -> Report:
    """A sentence and tables; of a class that has no other, its fields."""
    rows = tuple((name, brief_value(value)) for name, value in named_fields(thing).items())
    return Report(
        "",
        f"{type(thing).__name__} of {thing._line()}",
        (Table("", headed("field", "value", texts=2), rows),) if rows else (),
    )


@report_of.register(Result)
def _(result: Result) -> Report:
    if result.shape:
        return grid_report(result)
    made = report_of(answer_of(result))
    if result.saving is None or result.baseline == result.precision.name:
        return made
    least, nominal, most = (-float(saving) for saving in result.saving)
    ends = change_range(min(least, most), max(least, most))
    than = f"{change_words(nominal)} {'as' if nominal >= 0.95 else 'than'} {result.baseline}"
    saved = f"That is {than}, range {ends}."
    return replace(made, also=f"{saved} {made.also}".strip())


report_of.register(Answer, lambda answer: estimate_report(answer, judged(answer)))
report_of.register(Comparison, lambda answer: compare_report(answer, judged(answer)))
report_of.register(Explanation, explanation_report)
report_of.register(Footprint, parts.footprint_report)
report_of.register(Timing, parts.timing_report)
report_of.register(OpCounts, parts.counts_report)
report_of.register(Activity, parts.activity_report)
report_of.register(Fit, lambda fit: fit_report([fit]))
report_of.register(EqualLoss, equal_loss_report.report)
report_of.register(Grid, Grid.outline)
report_of.register(TrainingAnswer, lambda answer: training_report(answer.results, answer.spreads))
report_of.register(LoadAnswer, lambda answer: load_report(answer.results))
report_of.register(LoadResult, lambda result: load_report([result]))
for _kind, _class in (("model", Architecture), ("hardware", Hardware), ("precision", Precision)):
    report_of.register(_class, lambda entry, kind=_kind: entry_report(kind, entry))
report_of.register(RuntimeProfile, lambda entry: entry_report("runtime", entry))


@report_of.register(TrainingResult)
def _(result: TrainingResult) -> Report:
    return training_report([result])


def answer_of(result: Result) -> Answer:
    """A single result as an answer."""
    return Answer((result,), NOT_COUNTED)


def text_of(thing: Shown) -> str:
    """What ``print`` shows, as wide as the terminal."""
    if isinstance(thing, Explanation):  # every step on one line, however long
        return explanation_text(thing).rstrip("\n")
    return as_text(_brief(thing), width_of_terminal()).rstrip("\n")


def rich_of(thing: Shown, width: int) -> Text:
    """What rich prints."""
    from rich.text import Text

    from bitnet_cost.views.terminal import as_terminal

    return Text.from_ansi(as_terminal(_brief(thing), width).rstrip("\n"))


def markup_of(thing: Shown) -> str:
    """What a notebook shows."""
    return fragment(report_of(thing))


def _brief(thing: Shown) -> Report:
    """An answer with its first notes, as the commands print it; anything else whole."""
    made = report_of(thing)
    return made.brief(rest="in report(FILE.html)") if isinstance(thing, Rows) else made


# --- drawn -----------------------------------------------------------------------------------------------------------


def figure_of(thing: Shown, theme: Theme, **asked: str | None) -> Figure:
    """A figure of plotly.

    Raises:
        BitnetCostError: an unknown theme, or nothing to draw.
    """
    from plotly.graph_objects import Figure as PlotlyFigure

    from bitnet_cost.views.figures import plain

    check_word("theme", theme, ("light", "dark"))
    title, words, drawing = drawing_of(thing, **asked)
    if drawing is None:
        raise BitnetCostError(f"{thing!r}: there is nothing to draw")
    found = PlotlyFigure(drawing.whole(theme))
    lines = wrap(words, 96)
    room = 46 + 17 * len(lines)
    head = {"text": plain(title), "x": 0, "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 12, "l": 12}}
    head["subtitle"] = {"text": "<br>".join(map(plain, lines))}
    return found.update_layout(
        title=head, margin={"t": found.layout.margin.t + room}, height=found.layout.height + room
    )


@singledispatch
def drawing_of(thing: Any, **asked: str | None) -> Titled:
    """A title, how to read it, and the drawing; None where there is nothing to draw."""
    return "", "", None


@drawing_of.register(Result)
def _(result: Result, *, x: str | None = None, y: str | None = None) -> Titled:
    if result.shape:
        records = result.to_records()
        columns = {name: [row[name] for row in records] for name in records[0]}
        return _shown(_along(columns, x, y))
    if x or y:
        raise BitnetCostError("x and y: this result is a single point; arrays of batch, prompt or generate make a grid")
    return drawing_of(answer_of(result), chart="energy")


@drawing_of.register(Grid)
def _(grid: Grid, **asked: str | None) -> Titled:
    from bitnet_cost.studies.chart import draw

    axes, colour = (asked.get("x"), asked.get("y")), asked.get("colour")
    return _shown(draw(grid.columns_of_rows(), grid.inputs, axes, colour))


@drawing_of.register(Answer)
def _(answer: Answer, *, chart: str | None = None) -> Titled:
    from bitnet_cost.studies import pages
    from bitnet_cost.views.charts import CHARTS

    opening = pages.lead(answer.results)
    data = pages.data_of(answer, opening)
    known = [name for name, each in CHARTS.items() if each.answers(data)]
    name = chart or known[0]
    check_word("chart", name, known)
    chosen = CHARTS[name].fitted(data)
    shown = chosen.make(data, {each: data["opening"][each] for each in chosen.by})
    subject = opening.architecture.title or opening.architecture.name
    if "hardware" in chosen.by or len(data["hardware"]) == 1:
        subject += f" on the {data['names'][opening.hardware.name]}" if opening.hardware.has_clock else ""
    return f"{shown.title or chosen.question}, {subject}", shown.words, shown.figure


@drawing_of.register(TrainingAnswer)
def _(answer: TrainingAnswer, *, chart: str | None = None) -> Titled:
    from bitnet_cost.views.training_charts import training_charts

    return _chosen(training_charts(answer.results), answer.results[0].model, chart)


def _chosen(charts: Sequence[Chart], model: Architecture, chart: str | None) -> Titled:
    """One of some charts, the first where none is named."""
    named = {each.name: each for each in charts}
    if not named:
        return "", "", None
    name = chart or next(iter(named))
    check_word("chart", name, list(named))
    (shown,) = named[name].shown
    return f"{shown.title}, {model.title or model.name}", shown.words, shown.figure


@drawing_of.register(LoadAnswer)
def _(answer: LoadAnswer, *, chart: str | None = None) -> Titled:
    from bitnet_cost.studies.load import curves
    from bitnet_cost.views.load_charts import load_charts

    return _chosen(load_charts(*curves(answer.results)), answer.results[0].scenario.model, chart)


@drawing_of.register(Explanation)
def _(told: Explanation) -> Titled:
    words = "Low and high of each constant over its nominal value, log scale. Full marks: measured or published."
    return f"What goes into {told.title}", words, constants_drawing(told)


def _shown(found: DrawnSweep) -> Titled:
    return found.title, found.words, found.figure


def _along(columns: dict[str, list[Any]], x: str | None, y: str | None) -> DrawnSweep:
    """A grid of workloads: a column along the axis that has most values."""
    from bitnet_cost.studies.chart import UPWARD, draw, running_input

    known = (name for name in UPWARD if any(value is not None for value in columns[name]))
    return draw(columns, {}, (x or running_input(columns), y or next(known)))


# --- as a page -------------------------------------------------------------------------------------------------------


def write_report(thing: Rows, path: str | PathLike[str]) -> None:
    """Write the page of an answer.

    Raises:
        BitnetCostError: a grid, another ending, a place that cannot be written.
    """
    from bitnet_cost.views.files import write_atomically
    from bitnet_cost.views.html import as_html

    name = fspath(path)
    if not name.lower().endswith((".html", ".htm")):
        raise BitnetCostError(f"{name}: a report is one HTML file; end the name in .html")
    if isinstance(thing, Result) and thing.shape:
        raise BitnetCostError(f"{name}: a report is of single points; plot() draws a grid, to_dataframe() holds it")
    write_atomically(name, [as_html(page_of(thing))])


@singledispatch
def page_of(thing: Any) -> Page:
    """The page of an answer, or of one of its results."""
    raise TypeError(type(thing).__name__)


@page_of.register(Answer)
def _(answer: Answer) -> Page:
    from bitnet_cost.studies import pages

    return pages.of_answer(answer, pages.full(answer, report_of(answer)), command_of(answer))


@page_of.register(TrainingAnswer)
def _(answer: TrainingAnswer) -> Page:
    from bitnet_cost.studies import pages

    return pages.of_training(answer, FROM_PYTHON)


@page_of.register(LoadAnswer)
def _(answer: LoadAnswer) -> Page:
    from bitnet_cost.studies import pages

    return pages.of_load(answer, FROM_PYTHON)


@page_of.register(Result)
def _(result: Result) -> Page:
    return page_of(answer_of(result))


@page_of.register(TrainingResult)
def _(result: TrainingResult) -> Page:
    return page_of(TrainingAnswer((result,)))


@page_of.register(LoadResult)
def _(result: LoadResult) -> Page:
    return page_of(LoadAnswer((result,)))


FROM_PYTHON = "# written from Python with inputs of its own, which the JSON below holds"


def command_of(answer: Answer) -> str:
    """What to type for the same report; a comment where a part of it has no name in the catalogue."""
    asked = [r.scenario for r in answer.results]
    first, work = asked[0], asked[0].workload
    usual = {s.hardware.name: machines.setting(s.hardware, None)[1] for s in asked}
    runtimes = {s.runtime.runtime for s in asked if s.runtime and s.runtime != usual[s.hardware.name]}
    if not all(map(_is_named, asked)) or first.facility or first.accumulator != "paper" or len(runtimes) > 1:
        return FROM_PYTHON
    words = ["bitnet-cost", "report", *dict.fromkeys(s.model.name for s in asked)]
    for option, names in (("-H", [s.hardware.name for s in asked]), ("-p", [s.precision.name for s in asked])):
        words += [word for name in dict.fromkeys(names) for word in (option, name)]
    words += ["--batch", str(work.batch), "--prompt", str(work.prompt), "--generate", str(work.generate)]
    words += ["--scope", first.scope] if first.scope else []
    words += ["--baseline", answer.asked_baseline] if answer.asked_baseline else []
    words += [word for name in runtimes for word in ("--runtime", name)]
    words += ["--devices", str(first.devices), "--parallel", first.parallel] if first.devices > 1 else []
    words += ["--offload", first.offload] if first.offload else []
    if first.draft is not None and work.speculative is not None:
        rounds = work.speculative
        draft = "mtp" if first.draft.name.endswith(".mtp") else first.draft.name
        words += ["--draft", draft, "--accept", str(rounds.accept), "--draft-tokens", str(rounds.tokens)]
    return " ".join(words)


def _is_named(asked: Scenario) -> bool:
    """Whether the parts of a question are the catalogue's of their names."""
    try:
        model, precision = asked.model, asked.precision
        same = (
            divided(catalog.model(model.name), asked.offload) == model
            and catalog.precision(precision.name) == precision
        )
        device = asked.runtime is not None and machines.is_shipped(asked.hardware, asked.runtime)
        return same and (device or catalog.hardware(asked.hardware.name) == asked.hardware)
    except BitnetCostError:
        return False
