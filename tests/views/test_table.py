"""Tables on terminals, in pipes and in Markdown."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable

import pytest

from bitnet_cost import cli
from bitnet_cost.commands import estimates, files, studies, writing
from bitnet_cost.tables import Column, Note, Report, Table
from bitnet_cost.views.table import WIDTH, as_markdown, as_text, column_widths, within
from bitnet_cost.views.terminal import as_terminal
from tests.conftest import Ran

COMMANDS = [
    ["estimate", "gpt3-175b"],
    ["estimate", "gpt2", "-p", "bitnet-b1.58-ideal", "-H", "cmos-45nm", "--generate", "100", "-b", "64"],
    ["estimate", "gpt2", "-p", "w3a3", "-p", "w4a4"],
    ["layers", "bert-base", "-p", "int8", "--scope", "compute"],
    ["layers", "gpt3-175b"],
    ["list", "models"],
    ["list", "precisions"],
    ["list", "studies"],
    ["list", "runtimes"],
    ["list", "links"],
    ["list", "grids"],
    ["estimate", "llama-3.1-8b", "-H", "h100-sxm-80gb", "-p", "fp16", "--carbon", "deu", "--requests-per-day", "1e6"],
    ["show", "cmos-45nm"],
    ["show", "bitnet"],
    ["show", "bert-base"],
    ["validate"],
    ["fit", "llama-3.1-8b", "-H", "apple-m1-pro-gpu-14c", "-H", "stm32h7"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_nothing_is_wider_than_a_terminal(bitnet_cost: Callable[..., Ran], words: list[str]) -> None:
    ran = bitnet_cost(*words)
    assert ran.code == 0
    for line in ran.out.splitlines():
        # a path or a long word cannot be folded
        assert len(line) <= WIDTH or " " not in line.strip(), line
        assert line == line.rstrip()
    assert "\x1b" not in ran.out


REPORT = Report(
    "title",
    "One sentence.",
    (
        Table(
            "A table",
            (Column("name", False), Column("figure J"), Column("a long heading of words")),
            (("[bold]x[/bold]", "1.5", "2"), ("a | b", "10.25", "<0.0001")),
            ("total", "11.75", ""),
        ),
    ),
    (Note("note", "A note."),),
)


def test_terminal_and_pipe_show_the_same_cells() -> None:
    plain = as_text(REPORT)
    terminal = re.sub(r"\x1b\[[0-9;]*m", "", as_terminal(REPORT))
    for cell in ("[bold]x[/bold]", "a | b", "10.25", "<0.0001", "11.75", "One sentence.", "A note.", "A table"):
        assert cell in plain
        assert cell in terminal
    assert "\x1b[1m" in as_terminal(REPORT)


class Terminal(io.StringIO):
    """What is written to it is read by a person."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, *words: str, **environment: str) -> str:
    """What a command writes to a terminal."""
    for name, value in {"COLUMNS": "80", "TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["bitnet-cost", *words])
    with contextlib.redirect_stdout(Terminal()) as shown, pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    return shown.getvalue()


def reports_of(monkeypatch: pytest.MonkeyPatch, bitnet_cost: Callable[..., Ran], words: list[str]) -> list[Report]:
    found: list[Report] = []
    for room in (estimates, files, studies, writing):
        monkeypatch.setattr(room, "deliver", lambda to, offer: found.extend(offer.reports()))
    assert bitnet_cost(*words).code == 0
    return found


COMPARED = ["compare", "llama-2-7b", "-H", "h100-sxm-80gb", "-H", "apple-m1-pro-gpu-14c", "-p", "fp16", "-p", "q4_0"]


@pytest.mark.parametrize("words", [COMPARED, *(COMMANDS[i] for i in (0, 3, 5, -2, -1))], ids=" ".join)
def test_a_terminal_of_any_width_breaks_no_figure_and_no_name(
    words: list[str], bitnet_cost: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    for made in reports_of(monkeypatch, bitnet_cost, words):
        for width in (50, 60, 80, 100, 140):
            text = re.sub(r"\x1b\[[0-9;]*m", "", as_terminal(made, width))
            assert max(map(len, text.splitlines())) <= width
            assert not [line for line in text.splitlines() if set(line.split()) == {"to"}]  # a range in two lines
            shown, piped = (re.sub(r"[\s─-]", "", each) for each in (text, as_text(made, width)))
            assert sorted(shown) == sorted(piped)  # headings of several lines stand at the rule
            for table in (within(table, width)[0] for table in made.tables):
                for column, cells in zip(table.columns, zip(*table.full_rows, strict=True), strict=True):
                    pieces = {
                        p for cell in cells for p in (cell.split() if column.figures else re.split(r"[\s-]", cell))
                    }
                    assert {p for p in pieces if p not in text} == set()
                    assert not column.figures or pieces <= set(text.split())


def test_a_terminal_says_how_wide_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = on_terminal(monkeypatch, *COMPARED, COLUMNS="140")
    assert "\napple-m1-pro-gpu-14c\n" in wide
    assert "\x1b[1m" in wide
    narrow = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(monkeypatch, *COMPARED, COLUMNS="60"))
    assert 55 < max(map(len, narrow.splitlines())) <= 60


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_gets_plain_text(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = on_terminal(monkeypatch, "estimate", "gpt2", "-p", "fp16", COLUMNS="72", **environment)
    assert "\x1b" not in text
    assert 65 < max(map(len, text.splitlines())) <= 72


def test_steps_of_an_explanation_are_wrapped_on_a_terminal_alone(
    bitnet_cost: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["explain", "gpt2", "-p", "bitnet", "--cell", "energy_j"]
    piped, shown = bitnet_cost(*words).out, on_terminal(monkeypatch, *words, COLUMNS="60")
    assert max(map(len, shown.splitlines())) <= 60 < max(map(len, piped.splitlines()))
    assert shown.split() == piped.split()


def test_a_number_is_never_broken_whatever_the_room() -> None:
    table = Table("", (Column("a-name", False), Column("J")), (("apple-m1-pro", "1,234,567.25"),))
    for width in (1, 10, 20, 80):
        assert "1,234,567.25" in as_text(Report("t", "s", (table,)), max(width, 5))


def test_bars_give_way_to_figures() -> None:
    heads = (Column("name", False), Column("GB"), Column("", False), Column("cards"))
    drawn = Table("", heads, (("l4", "36.9", "############|#####", "2"),))
    kept, words = within(drawn, 30)
    assert [c.heading for c in kept.columns] == ["name", "GB", "cards"]
    assert not words


def test_markdown_escapes_what_would_break_a_row() -> None:
    text = as_markdown(REPORT)
    assert "a \\| b" in text
    assert "| --- | ---: | ---: |" in text
    assert "**11.75**" in text


def test_figures_align_on_the_right_and_names_on_the_left() -> None:
    lines = as_text(REPORT).splitlines()
    first = next(line for line in lines if line.startswith("[bold]"))
    second = next(line for line in lines if line.startswith("a | b"))
    assert first.index("1.5") + 3 == second.index("10.25") + 5


def test_a_long_text_column_gives_way() -> None:
    table = Table("", (Column("name", False), Column("note", False)), (("short", "word " * 60),))
    widths = column_widths(table)
    assert sum(widths) + 2 == WIDTH
    assert widths[0] == 5


def test_columns_without_room_are_left_out_and_named() -> None:
    heads = (Column("name", False), *(Column(f"figure{i}") for i in range(12)))
    wide = Table("Wide", heads, (("hopper", *["1,234.5678"] * 12),))
    text = as_text(Report("t", "s.", (wide,)))
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert "figure11; -f markdown prints every column." in " ".join(text.split())
    kept, words = within(wide)
    named = re.findall(r"figure\d+", words)
    assert named
    assert [c.heading for c in kept.columns] + named == [c.heading for c in heads]
    assert "figure11" in as_markdown(Report("t", "s.", (wide,)))
