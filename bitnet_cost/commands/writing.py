"""Where an answer goes: results to stdout or a file, everything else to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from bitnet_cost.commands.options import CurveWriting, PageWriting, Writing
from bitnet_cost.errors import CONTROL, BitnetCostError
from bitnet_cost.views import formats
from bitnet_cost.views.formats import Offer

if TYPE_CHECKING:
    from bitnet_cost.ledger.answers import Answer, Explanation
    from bitnet_cost.tables import Report


def deliver_answer(to: PageWriting, make: Callable[[], Report], answer: Answer) -> None:
    """Write an answer with its report, as a page too."""

    def page() -> str:
        from bitnet_cost.studies import pages
        from bitnet_cost.views import html

        return html.as_html(pages.of_answer(answer, make(), typed()), to.plotly)

    def document() -> dict[str, Any]:
        from bitnet_cost.studies.ranges import judged
        from bitnet_cost.views import records

        return records.answer_document(answer, judged(answer), gather=iter)

    def rows() -> Any:
        from bitnet_cost.views import records

        return records.answer_rows(answer)

    deliver(to, Offer(lambda: [make()], document, rows, page))


def deliver(to: Writing | PageWriting | CurveWriting, offer: Offer) -> None:
    """Write an answer in a format; a terminal gets tables of its width, with weight and colour."""
    form, output = formats.format_name(to.form, to.output, offer), to.output
    if (found := offer.reports) is not None:
        offer = offer._replace(reports=lambda: [made.whole if to.notes else made.brief() for made in found()])
    if offer.reports and on_terminal(form, output):
        if "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
            from bitnet_cost.views.terminal import as_terminal

            write("\n".join(map(as_terminal, offer.reports())), None)
            return
        from bitnet_cost.views.table import as_text, width_of_terminal

        write("\n".join(as_text(made, width_of_terminal()) for made in offer.reports()), None)
        return
    write(formats.text_in_format(form, offer), output)


def on_terminal(form: str, output: str | None) -> bool:
    """Whether an answer is a table that a person reads as it comes."""
    return form == "table" and output is None and sys.stdout is not None and sys.stdout.isatty()


def deliver_explanation(to: Writing | PageWriting, told: Explanation) -> None:
    """Write an explanation; its text has every step on one line, but on a terminal."""
    from bitnet_cost.views import explanation
    from bitnet_cost.views.table import width_of_terminal

    data = explanation.as_data(told)
    offer = Offer(lambda: [], lambda: data, lambda: data["steps"])
    form = formats.format_name(to.form, to.output, offer)
    if form in formats.format_names("reports"):
        text_of = {"markdown": explanation.explanation_markdown, "latex": explanation.explanation_latex}
        width = width_of_terminal() if on_terminal(form, to.output) else None
        plain = partial(explanation.explanation_text, width=width)
        write(text_of.get(form, plain)(told), to.output)
        return
    if form == "html":
        raise BitnetCostError("--format html: an explanation is text, Markdown, LaTeX, JSON or CSV")
    deliver(to, offer)


def table_of(rows: list[dict[str, Any]], title: str) -> Report:
    """Rows that are alike as a table."""
    from bitnet_cost.numerals import cell
    from bitnet_cost.tables import Column, Report, Table

    columns = tuple(Column(key, isinstance(rows[0][key], int | float)) for key in rows[0]) if rows else ()
    body = tuple(tuple(cell(value) for value in row.values()) for row in rows)
    return Report(title, title, (Table("", columns, body),) if rows else ())


def write(text: str | Iterator[str], output: str | None) -> None:
    """Print a text or the chunks of one, or write a file only when it is complete."""
    chunks = [text] if isinstance(text, str) else text
    if output is None or output == "-":
        if sys.stdout is None:
            raise BitnetCostError("cannot write: standard output is closed; give a file with -o")
        is_page = isinstance(text, str) and text.startswith("<!doctype html>")
        if output is None and is_page and sys.stdout.isatty():
            raise BitnetCostError("a page is for a browser, not for a terminal; name a file, as in -o page.html")
        try:
            sys.stdout.writelines(chunks)
            sys.stdout.flush()
        except OSError as error:
            end_unwritten(error)
        return
    from bitnet_cost.views.files import write_atomically

    write_atomically(output, chunks)
    say_written(output)


def say_written(output: str) -> None:
    """What was written, and how large it is, to stderr."""
    from bitnet_cost.numerals import with_prefix

    if sys.stderr is not None:
        sys.stderr.write(f"wrote {output}, {with_prefix(os.path.getsize(output), 'B', 3)}\n")


def must_end(output: str | None, *endings: str) -> None:
    """Refuse, before any work, a file in no folder, or whose name says it holds something else than is written."""
    from bitnet_cost.views.files import place_of

    if output not in (None, "-"):
        place_of(str(output))
    ending = os.path.splitext(output or "")[1].lower()
    if ending not in ("", *endings):
        raise BitnetCostError(f"{output}: this command writes no {ending}; end the name in {' or '.join(endings)}")


def watched() -> bool:
    """Whether somebody reads what goes to stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def typed() -> str:
    """The command as it was typed, its file names without folders."""
    import shlex

    return shlex.join(
        [
            "bitnet-cost",
            *(word if os.sep not in word else os.path.basename(word.rstrip(os.sep)) for word in sys.argv[1:]),
        ]
    )


def refuse_controls(words: list[str]) -> None:
    """Names are printed again, and a terminal obeys what it should show. Tabs and newlines may stand in a filter."""
    for number, word in enumerate(words, 1):
        control = CONTROL.search(word)
        if control:
            what = f"the control character U+{ord(control[0]):04X}"
            what = "a byte that is not UTF-8 text" if 0xDC80 <= ord(control[0]) <= 0xDCFF else what
            fail(f"argument {number}, {word[:60]!a}: contains {what}")


class Words:
    """The words beside an answer, to a stream that may be full or gone: then it is lost, and the answer stays."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, if it can be written."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def fail(message: str) -> NoReturn:
    """End with a message and the exit code of bad input."""
    if sys.stderr is not None:
        coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        sys.stderr.write(f"{chr(27) + '[1;31merror:' + chr(27) + '[0m' if coloured else 'error:'} {message}\n")
    raise SystemExit(2)


def end_unwritten(fault: OSError) -> NoReturn:
    """End without the rest of the answer: well where the reader of our pipe has seen enough, else with the fault."""
    # What waits in the buffer would be tried again at the end of the process, and fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(fault, BrokenPipeError):
        raise SystemExit(0)
    fail(f"cannot write: {fault.strerror or fault}")
