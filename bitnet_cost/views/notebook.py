"""A report in a notebook's cell: the verdict, its tables, notes to open. No script, nothing fetched, any theme."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bitnet_cost.tables import Look, Report, Table
from bitnet_cost.views.families import FAMILIES

# Lines of half transparent grey and inherited ink suit any ground; only swatches differ between light and dark.
STYLE = """
.bnc{color:inherit;font:14px/1.45 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",
Arial,sans-serif;max-width:860px;padding:4px 0 8px}
.bnc p.v{font-size:16px;font-weight:700;line-height:1.32;margin:0 0 3px}.bnc p.s{margin:0 0 8px;opacity:.75}
.bnc table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;margin:8px 0 0;color:inherit}
.bnc caption{caption-side:top;text-align:left;opacity:.75;padding:0 0 2px}
.bnc tr,.bnc td,.bnc th{background:none!important;color:inherit}
.bnc th,.bnc td{padding:4px 16px 4px 0!important;text-align:right!important;font-weight:400;border:0;
border-bottom:1px solid rgba(128,136,145,.28);vertical-align:middle}
.bnc .w{text-align:left!important}.bnc .n{white-space:nowrap}
.bnc thead th{opacity:.75;font-size:12px;border-bottom-color:rgba(128,136,145,.8);vertical-align:bottom}
.bnc .bold *{font-weight:700}.bnc .head td{font-weight:700;padding-top:10px!important}.bnc .dim td{opacity:.75}
.bnc i{display:inline-block;width:9px;height:9px;border-radius:9px;margin-right:7px;background:var(--c)}
[data-jp-theme-light=false] .bnc i,.vscode-dark .bnc i,.theme-dark .bnc i{background:var(--d)}
.bnc details{margin-top:6px;font-size:12.5px}.bnc summary{cursor:pointer;opacity:.75}
.bnc ul{margin:4px 0 0;padding-left:18px}.bnc li{margin:3px 0}
"""
LONGEST_UNBROKEN = 40  # characters of a cell that stay on one line


def fragment(report: Report) -> str:
    """The report as markup; its details and notes are folded."""
    from markupsafe import escape

    parts = [f'<p class="v">{escape(report.sentence)}</p>']
    parts += [f'<p class="s">{escape(report.also)}</p>'] if report.also else []
    parts += [_table(table) for table in report.tables]
    if report.details:
        tables = "".join(map(_table, report.details))
        parts.append(f"<details><summary>{_counted(len(report.details), 'table')}</summary>{tables}</details>")
    if report.notes:
        notes = "".join(f"<li>{escape(note.text)}</li>" for note in report.notes)
        parts.append(f"<details><summary>{_counted(len(report.notes), 'note')}</summary><ul>{notes}</ul></details>")
    return f'<div class="bnc"><style>{STYLE}</style>{"".join(parts)}</div>'


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _table(table: Table) -> str:
    from markupsafe import escape

    words = [not column.figures for column in table.columns]
    looks = table.looks or (Look(),) * len(table.rows)
    heads = "".join(
        f'<th scope="col"{_kind(word)}>{escape(column.heading)}</th>'
        for column, word in zip(table.columns, words, strict=True)
    )
    rows = [_row(cells, words, look) for cells, look in zip(table.rows, looks, strict=True)]
    rows += [_row(table.footer, words, Look("bold"))] if table.footer else []
    caption = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _kind(word: bool, text: str = "") -> str:
    names = ["w"] * word + ["n"] * (0 < len(text) <= LONGEST_UNBROKEN)
    return f' class="{" ".join(names)}"' if names else ""


def _row(cells: Sequence[str], words: Sequence[bool], look: Look) -> str:
    return f"<tr{f' class={look.weight}' if look.weight else ''}>{''.join(_cells(cells, words, look))}</tr>"


def _cells(cells: Sequence[str], words: Sequence[bool], look: Look) -> Iterator[str]:
    """The cells of a row; the last of fewer than all spans the rest."""
    from markupsafe import escape

    family = FAMILIES.get(look.colour)
    for at, (cell, word) in enumerate(zip(cells, words, strict=False)):
        last = at == len(cells) - 1
        span = f' colspan="{len(words) - at}"' if last and len(words) > at + 1 else ""
        swatch = f'<i style="--c:{family.light};--d:{family.dark}"></i>' if family and not at else ""
        yield f"<td{span}{_kind(word or bool(span), cell)}>{swatch}{escape(cell.strip())}</td>"
