"""A report as LaTeX: each table a booktabs tabular with its caption, for a paper to take in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bitnet_cost.tables import Look, Report, Table

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "µ": r"\textmu{}", "×": r"$\times$", '"': "''",
}  # fmt: skip


def escaped(text: str) -> str:
    r"""Text that LaTeX prints as it is.

    >>> escaped("q4_k_m: 50% & <1")
    'q4\\_k\\_m: 50\\% \\& \\textless{}1'
    """
    return "".join(_SPECIAL.get(char, char) for char in text).replace("--", "-{}-")  # no dash of it


def as_latex(report: Report) -> str:
    """The report as a fragment: the sentence, tables, and notes."""
    lines = ["% needs \\usepackage{booktabs}", *(f"% {line}" for line in report.title.splitlines()), ""]
    lines += [escaped(" ".join(filter(None, (report.sentence, report.also)))), ""]
    for table in report.tables:
        lines += [*_table(table), ""]
    if report.notes:
        notes = (f"  \\item {_bracketed(escaped(note.text))}" for note in report.notes)
        lines += [r"\begin{itemize}\small", *notes, r"\end{itemize}"]
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table) -> Iterator[str]:
    yield r"\begin{table}[htbp]"
    yield r"  \centering"
    if table.title:
        yield rf"  \caption{{{escaped(table.title)}}}"
    yield rf"  \begin{{tabular}}{{{''.join('r' if column.figures else 'l' for column in table.columns)}}}"
    yield r"    \toprule"
    yield _row(tuple(column.heading for column in table.columns))
    yield r"    \midrule"
    looks = table.looks or (Look(),) * len(table.rows)
    for row, look in zip(table.rows, looks, strict=True):
        yield _row(row, look.weight, len(table.columns))
    if table.footer:
        yield r"    \midrule"
        yield _row(table.footer)
    yield from (r"    \bottomrule", r"  \end{tabular}", r"\end{table}")


def _row(cells: tuple[str, ...], weight: str = "", width: int = 0) -> str:
    texts = [_cell(cell, bold=weight == "bold") for cell in cells]
    if len(cells) < width:
        several = width - len(cells) + 1
        texts[-1] = rf"\multicolumn{{{several}}}{{l}}{{{texts[-1]}}}"
    return f"    {_bracketed(' & '.join(texts))} \\\\"


def _cell(cell: str, *, bold: bool) -> str:
    """A cell: the indent of a row below a heading kept, a sign as one, the best row in bold."""
    indent = r"\quad " if cell.startswith("  ") else ""
    text = re.sub(r"(?<![\w.*])-(?=[\d.])", "$-$", escaped(cell.strip()))
    return indent + (rf"\textbf{{{text}}}" if bold and text else text)


def _bracketed(text: str) -> str:
    r"""Text whose first character LaTeX would read as an argument of what stands before it: [ and *."""
    return f"{{}}{text}" if text.startswith(("[", "*")) else text
