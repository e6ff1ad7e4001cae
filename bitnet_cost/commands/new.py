"""``bitnet-cost new``: a file of your own, begun by a few questions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bitnet_cost import questions
from bitnet_cost.commands.options import FileOption, argument
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import must_end, write
from bitnet_cost.errors import BitnetCostError

if TYPE_CHECKING:
    from bitnet_cost.studies.drafting import Question

Drafted = Literal["hardware", "model", "precision", "runtime"]


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def new(
    context: typer.Context, kind: Annotated[Drafted, argument(questions.DRAFTED)], output: FileOption = None
) -> None:
    """A YAML file of your own from some ten answers, with what was guessed marked.

    Each answer is an option, as --memory 24GB; on a terminal the others are questions. They are:
    hardware: name, title, class, memory, bandwidth, rates, power, like, idle, year;
    model: name, title, layers, hidden, heads, kv-heads, gated, ffn, vocabulary, tied;
    precision: name, title, weights, activations, group, kv, attention, elsewhere, embedding, head;
    runtime: name, title, class, like, bandwidth, compute, overhead, per-pass, chunk, workspace.

    Example: bitnet-cost new precision --name mine --weights 3
    """
    from bitnet_cost.studies import drafting

    must_end(output, ".yaml", ".yml")
    answers = _options(context.args)
    if sys.stdin is not None and sys.stdin.isatty():
        answers = _asked(drafting.QUESTIONS[kind], answers)
    found = drafting.draft(kind, answers)
    write(found.text, output)
    if sys.stderr is not None:
        shown = [guess for guess in found.guesses if not guess.startswith("title")]
        marked = found.text.count("note: 'GUESSED: ")
        shown += [f"{marked} figures, each marked GUESSED in the file"] if marked else []
        guessed = f"guessed: {'; '.join(shown)}" if shown else "nothing was guessed"
        sys.stderr.write("\n".join([guessed, *found.remarks]) + "\n")


def _options(words: list[str]) -> dict[str, str]:
    """Answers that were given as options: ``--memory 24GB`` or ``--memory=24GB``."""
    answers, left = {}, list(words)
    while left:
        flag, equals, value = left.pop(0).partition("=")
        if not flag.startswith("--") or flag == "--":
            raise BitnetCostError(f"new takes no further word: {flag!r}; answers are options, as in --memory 24GB")
        if not equals:
            if not left:
                raise BitnetCostError(f"{flag} needs a value")
            value = left.pop(0)
        if flag[2:] in answers:
            raise BitnetCostError(f"{flag} is given twice")
        answers[flag[2:]] = value
    return answers


def _asked(every: Sequence[Question], answers: dict[str, str]) -> dict[str, str]:
    """Answers with what a person types in for the rest; an empty line takes the guess, which stays one."""
    typed, known = dict(answers), dict(answers)
    for question in every:
        if question.key not in known:
            guess = question.guess(known) if question.guess is not None else None
            words = f"{question.key}: {question.words}"
            line = str(typer.prompt(words, default=guess, err=True, show_default=bool(guess)))
            known[question.key] = line
            if line != guess:
                typed[question.key] = line
    return typed
