"""What objects look like in Python: printed, in a notebook, drawn, and as a page.

`Shown` asks here, so that ledger and inputs know no view. A look is one registered function of a class.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from bitnet_cost.engine.counts import NOT_COUNTED
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.ledger.counted import Activity, Footprint, OpCounts, Timing
from bitnet_cost.ledger.result import Answer, Comparison, Explanation, Fit, Result
from bitnet_cost.listing import entry_report
from bitnet_cost.numerals import change_range, change_words
from bitnet_cost.shown import Shown, brief_value, named_fields
from bitnet_cost.studies.ranges import judged
from bitnet_cost.studies.stream import Grid
from bitnet_cost.tables import Report, Table, headed
from bitnet_cost.views import parts
from bitnet_cost.views.compare import compare_report
from bitnet_cost.views.estimate import estimate_report
from bitnet_cost.views.explanation import explanation_report, explanation_text
from bitnet_cost.views.fit import fit_report
from bitnet_cost.views.grid import grid_report
from bitnet_cost.views.notebook import fragment
from bitnet_cost.views.table import as_text, width_of_terminal

if TYPE_CHECKING:
    from rich.text import Text


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


@report_of.register
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
report_of.register(Grid, Grid.outline)
for _kind, _class in (("model", Architecture), ("hardware", Hardware), ("precision", Precision)):
    report_of.register(_class, lambda entry, kind=_kind: entry_report(kind, entry))
report_of.register(RuntimeProfile, lambda entry: entry_report("runtime", entry))


def answer_of(result: Result) -> Answer:
    """A single result as an answer."""
    return Answer((result,), {}, NOT_COUNTED)


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
    return made.brief(rest="in report(FILE.html)") if isinstance(thing, Answer | Result) else made
