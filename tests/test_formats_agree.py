"""HTML, terminal, CSV and JSON say the same numbers, to the last printed digit."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

import bitnet_cost as package
from bitnet_cost.numerals import figures_of, percent, significant, with_prefix
from tests.conftest import Ran

Rows = list[list[str]]
HARDWARE = ("-H", "h100-sxm-80gb", "-H", "l4", "-H", "apple-m1-gpu-7c", "-H", "cortex-m55-ethos-u55", "-H", "mi210")


class Tables(HTMLParser):
    """Cells of every table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[Rows] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td"):
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.tables[-1][-1][-1] += data


def of_markdown(text: str) -> list[Rows]:
    tables: list[Rows] = []
    last = False
    for line in text.splitlines():
        table = line.startswith("|")
        if table and not last:
            tables.append([])
        if table and not re.fullmatch(r"[|\s:-]+", line):
            tables[-1].append([c.strip() for c in line.split("|")[1:-1]])
        last = table
    return tables


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "llama-2-7b", *HARDWARE, "--carbon", "deu", "--price", "0.2"),
        ("estimate", "llama-2-7b", *HARDWARE, "-p", "fp16", "-p", "int4", "-p", "bitnet-b1.58"),
        ("estimate", "gpt3-175b"),
    ],
    ids=["compare", "devices", "nodes"],
)
def test_the_page_has_the_cells_of_the_terminal(words: tuple[str, ...], bitnet_cost: Callable[..., Ran]) -> None:
    page = [bare(t) for t in Tables(bitnet_cost(*words, "-f", "html", "--plotly", "none").out).tables]
    written = of_markdown(bitnet_cost(*words, "--notes", "-f", "markdown").out)
    text = bitnet_cost(*words, "--notes").out
    assert len(written) > 1
    for theirs in written:
        assert bare([*theirs[:-1], [cell.strip("*") if theirs[-1][0] == "" else cell for cell in theirs[-1]]]) in page
        for row in theirs:
            for cell in row:
                assert all(word in text for word in cell.split()), cell


def bare(rows: Rows) -> Rows:
    """Rows without the empty cells at their ends: a cell that spans the rest of its row is one."""
    found = [[cell.strip() for cell in row] for row in rows]
    for row in found:
        while row and not row[-1]:
            row.pop()
    return found


def test_records_print_as_the_terminal_does(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("compare", "llama-2-7b", *HARDWARE)
    records = json.loads(bitnet_cost(*words, "-f", "json").out)["records"]
    rows = list(csv.DictReader(io.StringIO(bitnet_cost(*words, "-f", "csv").out)))
    page = Tables(bitnet_cost(*words, "-f", "html", "--plotly", "none").out).tables
    head, *body = next(table for table in page if table[0][:2] == ["+", "hardware"])  # every column of every cell
    assert len(records) == len(rows) == len(body)
    letters = {"fp16": "", "int4": "a"}  # on the precision of most, or on another where that does not fit
    assert {record["baseline"] for record in records} == {*letters, None}
    for record, flat, cells in zip(records, rows, body, strict=True):
        shown = dict(zip((c.strip("*") for c in head), (c.strip("*^") for c in cells), strict=True))
        assert (shown["hardware"], shown["precision"]) == (record["hardware"], record["precision"])
        assert [*flat, "quality"] == list(record)  # a list, which one line of CSV does not hold
        for field in flat:
            text, value = flat[field], record[field]
            assert text == ("" if value is None else str(value).lower() if isinstance(value, bool) else str(value)), (
                field
            )
        if record["energy_j"] is None:
            assert shown["J/token"] == ("no price" if record["fits"] else "does not fit")
            continue
        assert shown["J/token"] == significant(float(flat["energy_per_token_j"]), 1.0, 4)
        assert shown["tokens/s"] == significant(float(flat["tokens_per_s"]), 1.0, 4)
        assert shown["power W"] == significant(float(flat["power_w"]), 1.0, 4)
        saving = percent(record["saving"]) + letters[record["baseline"]]
        assert shown["saving %"] == ("base" if record["precision"] == record["baseline"] else saving)


def test_the_best_of_each_device_is_that_of_the_records(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("llama-2-7b", "-H", "h100-sxm-80gb", "-H", "l4", "-p", "fp16", "-p", "int4")
    text = bitnet_cost("compare", *words, "-f", "html", "--plotly", "none").out
    best = next(t for t in Tables(text).tables if t[0][:2] == ["device", "least energy"])
    records = json.loads(bitnet_cost("compare", *words, "-f", "json").out)["records"]
    shown = {row[0].strip(): " ".join(row[1].replace("*", "").split()) for row in best[1:]}
    for name, hardware in (("H100 SXM", "h100-sxm-80gb"), ("L4", "l4")):
        least = min((r for r in records if r["hardware"] == hardware), key=lambda r: r["energy_j"])
        energy, rate = with_prefix(least["energy_per_token_j"], "J", 3), figures_of(least["tokens_per_s"])
        assert shown[name] == f"{least['precision']} {energy}, {rate}/s"


def test_a_notebook_shows_tables() -> None:
    result = package.estimate("gpt2", "l4", "int4", baseline="fp16", generate=16)
    assert "<table>" in result._repr_html_()


@pytest.mark.parametrize(
    "words",
    [
        ("gpt2", "-H", "rtx-3080", "--scope", "compute", "--prompt", "9"),
        ("gpt2", "-H", "cmos-45nm", "--scope", "compute", "--prompt", "9"),
        ("llama-2-7b", "-H", "l4", "--prompt", "30000"),
        ("gpt2", "-H", "l4", "--prompt", "9"),
    ],
    ids=["part of the energy", "no clock", "does not fit", "none"],
)
def test_a_row_of_a_sweep_has_the_reason_of_the_estimate(
    words: tuple[str, ...], bitnet_cost: Callable[..., Ran], tmp_path: Path
) -> None:
    model, *more = words
    ran = bitnet_cost("estimate", model, "-p", "fp16", "--baseline", "fp16", *more, "-f", "json")
    reason = json.loads(ran.out)["records"][0]["reason"]
    ran = bitnet_cost("sweep", "-m", model, "-p", "fp16", *more, "--batch", "1,2", "-o", tmp_path / "rows.csv")
    assert ran.code == 0, ran.err
    with (tmp_path / "rows.csv").open(encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert row["reason"] == (reason or "").partition(": needs")[0]  # by how much is in the row's own figures
