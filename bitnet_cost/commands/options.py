"""Options that commands share: each is here once, and related ones form a group.

A group is a NamedTuple, which is made in a fifth of the time of a frozen dataclass. Its annotations are no text, as
those of other files are: it would be evaluated again for every command.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from typing import Annotated, Any, NamedTuple

import typer

from bitnet_cost import questions
from bitnet_cost.questions import Asked
from bitnet_cost.views import formats
from bitnet_cost.views.formats import Shape
from bitnet_cost.words import Accumulator, AttentionSpan, Counting, Distribution, Logits, Parallel, Plotly, Scope


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes groups of options, as typer is to see it: with the fields of each group in its place.

    Raises:
        ValueError: two groups hold options of the same name.
    """
    asked = inspect.signature(command, eval_str=True).parameters
    groups = {name: p.annotation for name, p in asked.items() if _is_group(p.annotation)}
    shown = [s for p in asked.values() for s in (_fields(p.annotation) if p.name in groups else [p])]

    @wraps(command)
    def with_groups(**given: Any) -> None:
        made = {name: _made(group, given) for name, group in groups.items()}
        command(**given, **made)

    vars(with_groups).update(__signature__=inspect.Signature(shown))
    with_groups.__annotations__ = {p.name: p.annotation for p in shown}
    return with_groups


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
    return typer.Option(*asked.flags, metavar=asked.metavar, help=asked.help)


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

    words = partial(formats.names, *shapes)
    return _option_of(words, "--format", "-f", meaning=f"Output format{more}.", callback=explicit)


def _option_of(words: Callable[[], Sequence[str]], *flags: str, meaning: str, callback: Any = None) -> Any:
    def member(word: str) -> str:
        if word not in words():
            raise typer.BadParameter(f"{word!r} is not one of {', '.join(map(repr, words()))}.")
        return word

    return typer.Option(*flags, parser=member, callback=callback, metavar=f"[{'|'.join(words())}]", help=meaning)


# --- options of several groups or commands ---------------------------------------------------------------------------

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="Catalogue name, YAML file, config.json (or its folder), or a size like 175B."
    ),
]
ScopeOption = Annotated[Scope | None, option(questions.SCOPE)]
RuntimeOption = Annotated[str | None, option(questions.RUNTIME)]
PricesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--prices", metavar="NAME",
        help="Published values of a profile to price with; repeat for several. Default: own.",
    ),
]  # fmt: skip
PlotlyOption = Annotated[
    Plotly, typer.Option("--plotly", help="HTML: charts in the file (inline), or tables alone (none).")
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="FILE",
        help="Write to a file, only when complete; its ending (.txt .json .csv .md .html) says the format.",
    ),
]  # fmt: skip
FileOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to a file, only when complete, instead of stdout."),
]


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
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="PRECISION", help="Savings are against this. Default: fp32.")
    ] = None
    attention: Annotated[AttentionSpan | None, option(questions.ATTENTION)] = None
    logits: Annotated[Logits, option(questions.LOGITS)] = questions.LOGITS.default
    counting: Annotated[Counting, option(questions.COUNTING)] = questions.COUNTING.default
    accumulator: Annotated[Accumulator, option(questions.ACCUMULATOR)] = questions.ACCUMULATOR.default
    runtime: RuntimeOption = None


class Question(NamedTuple):
    """One model on some hardware in some precisions."""

    model: ModelArgument
    hardware: Annotated[
        list[str] | None,
        typer.Option(
            "--hardware", "-H", metavar="HARDWARE",
            help="Name or YAML file; repeat for several. Default: cmos-45nm, cmos-7nm.",
        ),
    ] = None  # fmt: skip
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision", "-p", metavar="PRECISION",
            help="Name, YAML file or w<bits>a<bits>[kv<bits>]; repeat for several. Default: fp32, fp16, int8, bitnet.",
        ),
    ] = None  # fmt: skip
    terms: Terms = Terms()


class Sharing(NamedTuple):
    """How several devices share a model."""

    devices: Annotated[int, option(questions.DEVICES)] = questions.DEVICES.default
    parallel: Annotated[Parallel, option(questions.PARALLEL)] = questions.PARALLEL.default


class Site(NamedTuple):
    """What turns energy and time into emissions and money."""

    pue: Annotated[
        float | None, typer.Option("--pue", help="Facility energy / device energy, for --scope facility.")
    ] = None
    carbon: Annotated[
        str | None,
        typer.Option("--carbon", metavar="GRID|G/KWH", help="A country code such as deu, 'world', or g/kWh."),
    ] = None
    price: Annotated[float | None, typer.Option("--price", help="Price of electricity in USD per kWh.")] = None
    device_hour: Annotated[
        float | None, typer.Option("--device-hour", help="Rent or depreciation of one device in USD per hour of work.")
    ] = None


class Making(NamedTuple):
    """Emissions of making a device."""

    embodied: Annotated[
        str | None,
        typer.Option("--embodied", metavar="KG|profile", help="CO2e of making one device, spread over its lifetime."),
    ] = None
    lifetime: Annotated[float, typer.Option("--lifetime", help="Years of work of a device, for --embodied.")] = 3.0


class Deployment(NamedTuple):
    """Devices, what joins them, what is around them, and how much they are used."""

    sharing: Sharing = Sharing()
    link: Annotated[
        str | None,
        typer.Option(
            "--link", metavar="LINK", help="Between devices: nvlink-4, pcie-5, ethernet-400g ... Default: its own."
        ),
    ] = None
    site: Site = Site()
    making: Making = Making()
    requests_per_day: Annotated[
        float | None, typer.Option("--requests-per-day", help="Adds energy, carbon and cost of a day and a year.")
    ] = None
    prices: PricesOption = None


class SideBySide(NamedTuple):
    """What is compared, for any models: hardware x precision, the work, and where it is done."""

    hardware: Annotated[
        list[str] | None,
        typer.Option(
            "--hardware", "-H", metavar="HARDWARE",
            help="Name or YAML file; repeat for several. Default: every device.",
        ),
    ] = None  # fmt: skip
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision", "-p", metavar="PRECISION",
            help="Name, YAML file or w4a8kv8; repeat for several. Default: fp16, int8, int4, bitnet-b1.58.",
        ),
    ] = None  # fmt: skip
    work: Work = Work()
    scope: ScopeOption = None
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", metavar="PRECISION",
            help="Savings are against this."
            " Default, if it has an energy: fp32 where asked for, else fp16, else the widest.",
        ),
    ] = None  # fmt: skip
    runtime: RuntimeOption = None
    sharing: Sharing = Sharing()
    site: Site = Site()


class Sampling(NamedTuple):
    """How draws are made."""

    seed: Annotated[int, typer.Option("--seed", help="Seed of the draws.")] = 0
    distribution: Annotated[Distribution, typer.Option("--distribution", help="What the draws of a range follow.")] = (
        "triangular"
    )


class Writing(NamedTuple):
    """In which format an answer is written, and where."""

    form: Annotated[str, format_of("reports", "document", "rows")] = "table"
    output: OutputOption = None


class PageWriting(NamedTuple):
    """In which format an answer is written that can also be a page, and where."""

    form: Annotated[str, format_of("reports", "document", "rows", "page", more="; html: one offline page")] = "table"
    plotly: PlotlyOption = "inline"
    output: OutputOption = None


class CurveWriting(NamedTuple):
    """In which format an answer is written whose page has charts of its curves, and where."""

    form: Annotated[str, format_of("reports", "document", "rows", "page", more="; html: charts of the curves")] = (
        "table"
    )
    output: OutputOption = None
