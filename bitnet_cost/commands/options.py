"""Options that commands share: each is here once, and related ones form a group.

A group is a NamedTuple, which is made in a fifth of the time of a frozen dataclass. Its annotations are no text, as
those of other files are: it would be evaluated again for every command.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial, update_wrapper
from typing import Annotated, Any, NamedTuple

import typer

from bitnet_cost import questions
from bitnet_cost.commands.completing import completed
from bitnet_cost.errors import BitnetCostError, quoted
from bitnet_cost.questions import Asked
from bitnet_cost.views import formats
from bitnet_cost.views.formats import Shape
from bitnet_cost.words import (
    Accumulator,
    AttentionSpan,
    BreakEvenBy,
    Counting,
    Distribution,
    Logits,
    PaidTraining,
    Parallel,
    Plotly,
    Scope,
)  # fmt: skip


class with_groups:  # noqa: N801  # a decorator
    """A command that takes groups of options, as typer is to see it: with the fields of each group in its place.

    Its options are looked at when typer asks for them, which it does of the command that is called.
    """

    def __init__(self, command: Callable[..., None]) -> None:
        update_wrapper(self, command, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
        self._command = command

    def __call__(self, **given: Any) -> None:
        """Run the command with its groups, made of options that are given one by one."""
        made = {name: _made(group, given) for name, group in self._groups.items()}
        self._command(**given, **made)

    @cached_property
    def _asked(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self._command, eval_str=True).parameters

    @cached_property
    def _groups(self) -> dict[str, Any]:
        return {name: p.annotation for name, p in self._asked.items() if _is_group(p.annotation)}

    @cached_property
    def __signature__(self) -> inspect.Signature:
        """The options one by one.

        Raises:
            ValueError: two groups hold options of the same name.
        """
        parts = ((_fields(p.annotation) if _is_group(p.annotation) else [p]) for p in self._asked.values())
        return inspect.Signature([shown for part in parts for shown in part])

    @cached_property
    def __annotations__(self) -> dict[str, Any]:  # type: ignore[override]  # an attribute like any other
        return {name: p.annotation for name, p in self.__signature__.parameters.items()}


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, tuple)


def _fields(group: Any) -> Iterator[inspect.Parameter]:
    """The options of a group and of the groups in it, in their order."""
    for name, annotation in group.__annotations__.items():
        if _is_group(annotation):
            yield from _fields(annotation)
        else:
            default = group._field_defaults.get(name, inspect.Parameter.empty)
            yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _made(group: Any, given: dict[str, Any]) -> Any:
    """A group of the options that are its own, which are taken out of those given."""
    kinds = group.__annotations__.items()
    return group(*(_made(kind, given) if _is_group(kind) else given.pop(name) for name, kind in kinds))


def option(asked: Asked) -> Any:
    """The option with which something is asked."""
    return typer.Option(*asked.flags, metavar=asked.metavar, help=asked.help, **_of_names(asked))


def argument(asked: Asked) -> Any:
    """The argument with which something is asked."""
    return typer.Argument(metavar=asked.metavar, help=asked.help, **_of_names(asked))


def _of_names(asked: Asked) -> dict[str, Any]:
    """What is done with names: several are one by one, also between commas, and a shell completes them."""
    return {"callback": _one_by_one, "autocompletion": completed(asked.names)} if asked.names else {}


def _one_by_one(param: typer.CallbackParam, given: list[str] | str | None) -> list[str] | str | None:
    if given is None or (isinstance(given, str) and "," not in given):
        return given
    from bitnet_cost.readers.spelling import pieces

    if isinstance(given, list):
        return pieces(given)
    if len(pieces([given])) > 1 and param.param_type_name == "option":  # `estimate` takes several models as one word
        raise BitnetCostError(f"{max(param.opts, key=len)}: {quoted(given)} are several; one is taken here")
    return given


def one_of(words: Sequence[str], *flags: str, meaning: str) -> Any:
    """An option that takes one of some words, where no type says which: typer knows Literal, but no list of it."""
    return _option_of(lambda: words, *flags, meaning=meaning)


def format_of(*shapes: Shape, more: str = "") -> Any:
    """The option of a command that offers its answer in some shapes, formats that are added later among them.

    Nothing where it is not given: the name of a file may then say it.
    """

    def explicit(ctx: typer.Context, param: typer.CallbackParam, word: str) -> str:
        source = ctx.get_parameter_source(str(param.name))
        return "" if source is None or source.name == "DEFAULT" else word

    words = partial(formats.format_names, *shapes)
    return _option_of(words, "--format", "-f", meaning=f"Output format{more}.", callback=explicit)


def _option_of(words: Callable[[], Sequence[str]], *flags: str, meaning: str, callback: Any = None) -> Any:
    def member(word: str) -> str:
        if word not in words():
            raise typer.BadParameter(f"{word!r} is not one of {', '.join(map(repr, words()))}.")
        return word

    return typer.Option(*flags, parser=member, callback=callback, metavar=f"[{'|'.join(words())}]", help=meaning)


# --- options of several groups or commands ---------------------------------------------------------------------------

ModelArgument = Annotated[str, argument(questions.MODEL)]
ScopeOption = Annotated[Scope | None, option(questions.SCOPE)]
RuntimeOption = Annotated[str | None, option(questions.RUNTIME)]
PricesOption = Annotated[list[str] | None, option(questions.PRICED_BY)]
PlotlyOption = Annotated[Plotly, option(questions.PAGE_CHARTS)]
OutputOption = Annotated[str | None, option(questions.OUTPUT)]
FileOption = Annotated[str | None, option(questions.FILE)]


# --- groups ----------------------------------------------------------------------------------------------------------


class Work(NamedTuple):
    """What the model is asked to do."""

    batch: Annotated[int, option(questions.BATCH)] = questions.BATCH.default
    prompt: Annotated[int, option(questions.PROMPT)] = questions.PROMPT.default
    generate: Annotated[int | None, option(questions.GENERATE)] = None


class Terms(NamedTuple):
    """The work, and how it is counted and priced."""

    work: Work = Work()
    scope: ScopeOption = None
    baseline: Annotated[str | None, option(questions.BASELINE)] = None
    attention: Annotated[AttentionSpan | None, option(questions.ATTENTION)] = None
    logits: Annotated[Logits, option(questions.LOGITS)] = questions.LOGITS.default
    counting: Annotated[Counting, option(questions.COUNTING)] = questions.COUNTING.default
    accumulator: Annotated[Accumulator, option(questions.ACCUMULATOR)] = questions.ACCUMULATOR.default
    runtime: RuntimeOption = None


class Asking(NamedTuple):
    """One model on some hardware in some precisions."""

    model: ModelArgument
    hardware: Annotated[list[str] | None, option(questions.HARDWARE)] = None
    precision: Annotated[list[str] | None, option(questions.PRECISIONS)] = None
    terms: Terms = Terms()


class Sharing(NamedTuple):
    """How several devices share a model, and what their host keeps of it."""

    devices: Annotated[int, option(questions.DEVICES)] = questions.DEVICES.default
    parallel: Annotated[Parallel, option(questions.PARALLEL)] = questions.PARALLEL.default
    offload: Annotated[str | None, option(questions.OFFLOAD)] = questions.OFFLOAD.default


class Drafting(NamedTuple):
    """What drafts tokens."""

    draft: Annotated[str | None, option(questions.DRAFT)] = None
    accept: Annotated[float | None, option(questions.ACCEPT)] = None
    draft_tokens: Annotated[int | None, option(questions.DRAFT_TOKENS)] = None


class Site(NamedTuple):
    """What turns energy and time into emissions and money."""

    pue: Annotated[float | None, option(questions.PUE)] = None
    carbon: Annotated[str | None, option(questions.CARBON_OF_GRID)] = None
    price: Annotated[str | None, option(questions.PRICE)] = None
    device_hour: Annotated[float | None, option(questions.DEVICE_HOUR)] = None
    host: Annotated[str | None, option(questions.HOST)] = None


class Making(NamedTuple):
    """Emissions of making a device."""

    embodied: Annotated[str | None, option(questions.EMBODIED)] = None
    lifetime: Annotated[float, option(questions.LIFETIME)] = 3.0


class Deployment(NamedTuple):
    """Devices, what joins them, what is around them, and how much they are used."""

    sharing: Sharing = Sharing()
    drafting: Drafting = Drafting()
    link: Annotated[str | None, option(questions.LINK)] = None
    site: Site = Site()
    making: Making = Making()
    requests_per_day: Annotated[float | None, option(questions.REQUESTS_PER_DAY)] = None
    prices: PricesOption = None
    node: Annotated[str | None, option(questions.NODE)] = None
    scaled_from: Annotated[str, option(questions.SCALED_FROM)] = "45nm"
    by: Annotated[list[str] | None, option(questions.SCALED_BY)] = None
    changes: Annotated[list[str] | None, option(questions.SET)] = None


class SideBySide(NamedTuple):
    """What is compared, for any models: hardware x precision, the work, and where it is done."""

    hardware: Annotated[list[str] | None, option(questions.HARDWARE_SIDE_BY_SIDE)] = None
    precision: Annotated[list[str] | None, option(questions.PRECISIONS_SIDE_BY_SIDE)] = None
    work: Work = Work()
    scope: ScopeOption = None
    baseline: Annotated[str | None, option(questions.BASELINE_SIDE_BY_SIDE)] = None
    runtime: RuntimeOption = None
    sharing: Sharing = Sharing()
    drafting: Drafting = Drafting()
    site: Site = Site()


class Sampling(NamedTuple):
    """How draws are made."""

    seed: Annotated[int, option(questions.SEED)] = 0
    distribution: Annotated[Distribution, option(questions.DISTRIBUTION)] = "triangular"


class Repaid(NamedTuple):
    """The question, and the training that use has to pay for."""

    by: Annotated[BreakEvenBy, option(questions.BROKEN_EVEN_BY)] = questions.BROKEN_EVEN_BY.default
    tokens: Annotated[str | None, option(questions.TOKENS_PAID)] = None
    training: Annotated[PaidTraining, option(questions.PAID_TRAINING)] = questions.PAID_TRAINING.default
    train_on: Annotated[str | None, option(questions.TRAINED_ON)] = None
    training_devices: Annotated[str, option(questions.DEVICES_OF_TRAINING)] = questions.DEVICES_OF_TRAINING.default


class Writing(NamedTuple):
    """In which format an answer is written, and where."""

    form: Annotated[str, format_of("reports", "document", "rows")] = "table"
    output: OutputOption = None
    notes: Annotated[bool, option(questions.NOTES)] = False


class PageWriting(NamedTuple):
    """In which format an answer is written that can also be a page, and where."""

    form: Annotated[str, format_of("reports", "document", "rows", "page", more="; html: one offline page")] = "table"
    plotly: PlotlyOption = "inline"
    output: OutputOption = None
    notes: Annotated[bool, option(questions.NOTES)] = False


class CurveWriting(NamedTuple):
    """In which format an answer is written whose page has charts of its curves, and where."""

    form: Annotated[str, format_of("reports", "document", "rows", "page", more="; html: charts of the curves")] = (
        "table"
    )
    output: OutputOption = None
    notes: Annotated[bool, option(questions.NOTES)] = False
