"""An explanation as text, Markdown or data. But on a terminal a step is one line, so that it can be read back."""

from __future__ import annotations

import dataclasses
from typing import Any

from bitnet_cost.ledger.answers import Explanation, Lever
from bitnet_cost.numerals import change_words, digits, with_prefix
from bitnet_cost.tables import Column, Report, Table, headed, wrap
from bitnet_cost.told.arithmetic import Step, number_text
from bitnet_cost.views.figures import Axis, Drawing, Layout, Look, log_axis, plain, trace
from bitnet_cost.views.honesty import mark_basis
from bitnet_cost.views.ranges import range_text

MOST_CONSTANTS = 16  # drawn


def line(step: Step) -> str:
    """A step as a line of arithmetic.

    >>> line(Step("q", "MAC", "96 x 2 x 512", 98304.0))
    'q [MAC] = 96 x 2 x 512 = 98304'
    """
    return f"{step.name} [{step.unit}] = {step.expression} = {number_text(step.value)}"


def constant(lever: Lever) -> str:
    """A constant with its range, basis and source; a mark where it is weak."""
    span = "exact" if lever.low == lever.high else range_text(lever)
    value = with_prefix(lever.nominal, lever.unit) if lever.unit else digits(lever.nominal)
    return f"{lever.name} = {value}{mark_basis(lever.basis)} ({span}; {lever.basis}, {lever.source})"


def _sections(told: Explanation) -> list[tuple[str, list[str]]]:
    weak = any(map(mark_basis, (c.basis for c in told.constants)))
    constants = [constant(c) for c in told.constants] + (["* assumed or scaled, weaker than the rest"] if weak else [])
    found = {
        "Formula": told.formula, "Constants": constants, "Arithmetic": [line(s) for s in told.steps],
        "Conventions": told.conventions, "Sources": told.sources, "Not counted": told.not_counted,
    }  # fmt: skip
    return [(head, list(lines)) for head, lines in found.items() if lines]


def _sentence(told: Explanation) -> str:
    value = "nothing" if told.value is None else digits(told.value, 6)
    unit = "" if told.unit == "1" else f" {told.unit}"
    if told.cell.startswith("saving") and told.value is not None:
        return f"{told.title}: {change_words(-told.value) if told.value else 'as much'} energy ({value})"
    return f"{told.title}: {value}{unit}"


def explanation_report(told: Explanation) -> Report:
    """The explanation as tables, one for each section."""
    steps = tuple((s.name, s.unit, s.expression, number_text(s.value)) for s in told.steps)
    heads = tuple(Column(head, head == "value") for head in ("step", "unit", "expression", "value"))
    tables = [Table(head, headed(head.lower()), tuple((text,) for text in lines)) for head, lines in _sections(told)]
    arithmetic = Table("Arithmetic", heads, steps)
    return Report(told.title, _sentence(told), tuple(arithmetic if t.title == "Arithmetic" else t for t in tables))


def constants_drawing(told: Explanation) -> Drawing | None:
    """Each constant's range over its nominal value, the widest first; None where all are exact."""
    ranged = [c for c in told.constants if 0 < c.low < c.high]
    ranged = sorted(ranged, key=lambda c: c.low / c.high)[:MOST_CONSTANTS]
    if not ranged:
        return None
    traces = []
    for basis in dict.fromkeys(c.basis for c in ranged):
        mine = [(at, c) for at, c in enumerate(ranged) if c.basis == basis]
        sign = {"scaled": "circle-open-dot", "assumed": "circle-open"}.get(basis, "circle")
        ends = {
            "type": "data", "symmetric": False, "width": 4, "thickness": 1.3, "color": "var(--mu)",
            "array": [c.high / c.nominal - 1 for _, c in mine], "arrayminus": [1 - c.low / c.nominal for _, c in mine],
        }  # fmt: skip
        look = Look("scatter", None, "markers", sign=sign, worded=True)
        words = [plain(constant(c)) for _, c in mine]
        traces.append(trace(look, basis, [1.0] * len(mine), [at for at, _ in mine], words, error_x=ends))
    spans = [value / c.nominal for c in ranged for value in (c.low, c.high)]
    layout = Layout(log_axis("times the nominal value", spans), Axis("", names=tuple(c.name for c in ranged)))
    return Drawing(layout, tuple(traces), mark=1.0, rem=8.0 + 1.8 * len(ranged))


def explanation_text(told: Explanation, width: int | None = None) -> str:
    """The explanation as plain text, sections indented by two; lines are wrapped where a ``width`` is given."""

    def laid_out(text: str, indent: str) -> list[str]:
        if width is None:
            return [indent + text]
        return wrap(text, width, initial_indent=indent, subsequent_indent=2 * indent, break_on_hyphens=False)

    blocks = [laid_out(_sentence(told), "")]
    blocks += [[head, *(line for text in lines for line in laid_out(text, "  "))] for head, lines in _sections(told)]
    return "\n\n".join(map("\n".join, blocks)) + "\n"


def explanation_markdown(told: Explanation) -> str:
    """The explanation as Markdown."""
    parts = [f"# {told.title}", "", _sentence(told)]
    for head, lines in _sections(told):
        parts += ["", f"**{head}**", "", *(f"- `{text}`" if head == "Arithmetic" else f"- {text}" for text in lines)]
    return "\n".join(parts) + "\n"


def as_data(told: Explanation) -> dict[str, Any]:
    """The explanation as JSON data."""
    return {"schema": "bitnet-cost/explanation-1", **dataclasses.asdict(told)}


def explanation_latex(told: Explanation) -> str:
    """The text as it is, in LaTeX."""
    return f"\\begin{{verbatim}}\n{explanation_text(told)}\\end{{verbatim}}\n"
