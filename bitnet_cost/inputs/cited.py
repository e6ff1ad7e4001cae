"""Figures with their unit, range, basis and source; the strict base of every input model."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import core_schema

from bitnet_cost import numerals, units
from bitnet_cost.errors import BitnetCostError, quoted, suggested

Basis = Literal["measured", "published", "scaled", "assumed"]
WEAK: tuple[Basis, ...] = ("scaled", "assumed")  # what marks a figure that rests on it


class Input(BaseModel):
    """Base of what is read: frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True, allow_inf_nan=False)


class _Made:
    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.is_instance_schema(source)


_T = TypeVar("_T")
Made = Annotated[_T, _Made()]
"""A part that was validated where it was made: taken as it is, and, unlike with `InstanceOf`, no schema of it built."""


def _catalogue_name(text: str) -> str:
    if any(sign in text for sign in "/\\") or text.lower().endswith((".yaml", ".yml", ".json")):
        raise ValueError(f"{text!r} is a file; here stands a name of the catalogue")
    return text


CatalogueName = Annotated[str, AfterValidator(_catalogue_name)]
"""A name that a file gives. A file opens no other: what is read is what the user named."""


class Same:
    """An input that is looked up by identity; holding it keeps its identity its own."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __repr__(self) -> str:
        return f"<Same: {self.it!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.it is self.it


class Source(Input):
    """Where a figure was published."""

    author: str = Field(min_length=2, description="authors, or the organisation")
    title: str = Field(min_length=2, description="title of the publication, data sheet or file")
    year: int = Field(ge=1900, le=2100, description="year of publication")
    where: str = Field(min_length=2, description="table or figure, and DOI, arXiv number or other locator")
    seen: Literal["opened", "second-hand", "memory", "own"] = Field(
        description="opened: the text was read; second-hand: quoted elsewhere; memory: recalled, weak; own: stated here"
    )
    together: bool = Field(
        False, description="its figures are off in the same way: they share one quantile when ranges are drawn from"
    )


class Figure(Input):
    """A number in SI with its range, basis and source. Subclasses fix the dimension."""

    dimension: ClassVar[units.Dimension]

    value: float = Field(description="nominal figure")
    low: float = Field(description="lowest believable figure")
    high: float = Field(description="highest believable figure")
    basis: Basis = Field(description="how it is known")
    source: str = Field(min_length=1, description="a key of the file's sources")
    note: str = Field(default="", description="what a reader should know before relying on it")

    @field_validator("value", "low", "high", mode="before")
    @classmethod
    def _parse(cls, text: object) -> float:
        try:
            return units.parse(text, cls.dimension)
        except BitnetCostError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            figures = (numerals.figure_text(figure, self.dimension.si) for figure in (self.low, self.value, self.high))
            raise ValueError("low <= value <= high does not hold: " + ", ".join(figures))
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """In a file the three numbers are text with a unit."""
        found: dict[str, Any] = handler.resolve_ref_schema(handler(core_schema))
        text = {"type": "string", "pattern": units.pattern(cls.dimension), "examples": [cls.dimension.example]}
        for name in ("value", "low", "high"):
            found["properties"][name] = text | {"description": cls.model_fields[name].description}
        return found

    def __str__(self) -> str:
        low, value, high = (numerals.with_prefix(x, self.dimension.si) for x in (self.low, self.value, self.high))
        return f"{value} ({low} to {high}, {self.basis}, {self.source})"


class EnergyPerOperation(Figure):
    """Energy of one action.  [J]"""

    dimension = units.ENERGY_PER_OPERATION


class EnergyPerBit(Figure):
    """Energy of moving one bit.  [J/bit]"""

    dimension = units.ENERGY_PER_BIT


class Bandwidth(Figure):
    """Bits moved per second.  [bit/s]"""

    dimension = units.BANDWIDTH


class Capacity(Figure):
    """Bits that fit.  [bit]"""

    dimension = units.CAPACITY


class Rate(Figure):
    """Operations per second; a MAC is two.  [op/s]"""

    dimension = units.RATE


class Power(Figure):
    """Power.  [W]"""

    dimension = units.POWER


class Duration(Figure):
    """A time.  [s]"""

    dimension = units.TIME


class Ratio(Figure):
    """A share or a factor.  [1]"""

    dimension = units.RATIO


class Energy(Figure):
    """An amount of energy.  [J]"""

    dimension = units.ENERGY


class CarbonIntensity(Figure):
    """Emissions of electricity.  [g/J]"""

    dimension = units.CARBON

    year: int = Field(ge=1990, le=2100, description="year of the average")


class Tariff(Figure):
    """What electricity costs.  [USD/J]"""

    dimension = units.TARIFF

    year: int = Field(ge=1990, le=2100, description="year of the average")


class WaterIntensity(Figure):
    """Water that making electricity takes.  [L/J]"""

    dimension = units.WATER

    year: int = Field(ge=1990, le=2100, description="year of the average")


class Mass(Figure):
    """A mass of CO2 equivalent.  [g]"""

    dimension = units.MASS


class Price(Figure):
    """What a device costs when it is first sold.  [USD]"""

    dimension = units.MONEY


def figures_in(root: Any, above: str = "") -> Iterator[tuple[str, Figure]]:
    """Every figure of an input, by its path below ``above``: ``hierarchy.hbm.bandwidth``."""
    for name in type(root).__pydantic_fields__:
        value, here = getattr(root, name), f"{above}.{name}" if above else name
        parts = [(f"{here}.{key}", part) for key, part in value.items()] if isinstance(value, dict) else [(here, value)]
        for path, part in parts:
            if isinstance(part, Figure):
                yield path, part
            elif isinstance(part, Input):
                yield from figures_in(part, path)


def walk(root: Any, path: str) -> tuple[list[tuple[Any, str]], Any]:
    """What lies on a path below an input: each owner with the name of its part, and what is at the end.

    The only walker of paths. A key of a dictionary may hold dots, as names of actions do: the longest that is there.

    Raises:
        NoSuchPart: a part that its owner does not have.

    >>> walk({"add.int8": {"low": 3}}, "add.int8.low")[1]
    3
    """
    way, here, parts = [], root, path.split(".")
    while parts:
        known = here if isinstance(here, dict) else _fields_of(here)
        most = len(parts) if isinstance(here, dict) else 1
        taken = next((n for n in range(most, 0, -1) if ".".join(parts[:n]) in known), 0)
        if not taken:
            raise NoSuchPart(parts[0], None if here is None else [str(name) for name in known])
        key, parts = ".".join(parts[:taken]), parts[taken:]
        way.append((here, key))
        here = here[key] if isinstance(here, dict) else getattr(here, key)
    return way, here


def _fields_of(owner: Any) -> Collection[str]:
    if isinstance(owner, BaseModel):
        return type(owner).__pydantic_fields__
    return [f.name for f in fields(owner)] if is_dataclass(owner) else ()


class NoSuchPart(LookupError):
    """A part of a path that its owner, of which ``known`` are the parts, does not have; None: there is no owner."""

    def __init__(self, part: str, known: list[str] | None) -> None:
        super().__init__(part)
        self.part, self.known = part, known


Way = list[tuple[Any, str]]


def put(way: Way, part: Any) -> Any:
    """The root of a way (see `walk`) with another part at its end; nothing is checked, and nothing changed."""
    for owner, key in reversed(way):
        part = _with(owner, {key: part})
    return part


def put_each(ends: Sequence[tuple[Way, Any]]) -> Any:
    """The common root of several ways, each with another part at its end: what `put` makes one after the other.

    >>> root = {"a": {"b": 1, "c": 2}}
    >>> put_each([(walk(root, "a.b")[0], 3), (walk(root, "a.c")[0], 4)]), root
    ({'a': {'b': 3, 'c': 4}}, {'a': {'b': 1, 'c': 2}})
    """
    parts: dict[str, Any] = {}
    below: dict[str, list[tuple[Way, Any]]] = {}
    for ((_, key), *rest), part in ends:
        if rest:
            below.setdefault(key, []).append((rest, part))
        else:
            parts[key] = part
    parts |= {key: put_each(inside) for key, inside in below.items()}
    owner = ends[0][0][0][0]
    return _with(owner, parts)


def _with(owner: Any, parts: dict[str, Any]) -> Any:
    """An owner with other parts."""
    if isinstance(owner, dict):
        return {**owner, **parts}
    return owner.model_copy(update=parts) if isinstance(owner, BaseModel) else replace(owner, **parts)


IN_USE = {"in_use": True}
"""Context of validation: a profile in use may have sources of what it is joined to, or of what was replaced."""


def check_figures(
    cited: Input, sources: dict[str, Source], others: dict[str, str] | None = None, *, whole: bool = True
) -> None:
    """Every figure of an input must cite a source, and say that it is assumed where that was only recalled.

    ``others`` are ``{place: source key}`` that cite without being figures.

    Raises:
        ValueError: names the figure, or of a ``whole`` file a source that nothing cites.
    """
    figures = dict(figures_in(cited))
    check_sources(sources, {place: figure.source for place, figure in figures.items()} | (others or {}), whole=whole)
    for place, figure in figures.items():
        if sources[figure.source].seen == "memory" and figure.basis != "assumed":
            raise ValueError(
                f"{place}: source {figure.source!r} was recalled, not seen; its basis is 'assumed',"
                f" not {figure.basis!r}"
            )


def check_sources(sources: dict[str, Source], used: dict[str, str], *, whole: bool = True) -> None:
    """Every ``{place: source key}`` must name a source, and every source of a ``whole`` file must be used.

    Raises:
        ValueError: a key without an entry, or an entry without a use.
    """
    for place, key in used.items():
        if key not in sources:
            raise ValueError(
                f"{place}: source {key!r} is not among the file's sources ({', '.join(sources) or 'none'})"
            )
    for key in sources.keys() - used.values() if whole else ():
        raise ValueError(f"source {key!r} is cited by no figure")


def explain(error: Any, lines: dict[tuple[str | int, ...], int], model: type[BaseModel]) -> tuple[str, str]:
    """The first fault of a pydantic ValidationError as ``(where, what)``, in a user's words.

    Shapes: ``lines`` maps a path of the document to its line.
    """
    faults = error.errors(include_url=False)
    fault, loc = _of_alternatives(faults)
    place = tuple(p for p in loc if isinstance(p, int) or not p.startswith(("function-", "literal[")))
    depth = max((d for d in range(len(place) + 1) if place[:d] in lines), default=0)
    line = lines.get(place[:depth])
    where = ".".join(str(p) for p in place) or "the file"
    where += f" (line {line})" if line else ""
    kind, value = fault["type"], fault.get("input")
    if kind == "extra_forbidden":
        known = _fields_at(model, place[:-1])
        what = f"unknown key {place[-1]!r}{suggested(str(place[-1]), known, '; known: ' + ', '.join(known))}"
    elif kind == "missing":
        what = "is missing" + _described(model, place)
    elif kind in ("value_error", "assertion_error"):
        what = str(fault["ctx"]["error"])
    elif kind == "model_type" and (figure := _figure_at(model, place)) is not None:
        example = figure.dimension.example
        what = (
            f"{quoted(value)}: a figure has its range and source, as in"
            f" {{value: {example}, low: {example}, high: {example}, basis: published, source: data-sheet}}"
        )
    elif kind == "literal_error" and (choices := _choices(faults, loc)):
        what = f"{quoted(value)}: input should be {choices}"
    else:
        message = fault["msg"][0].lower() + fault["msg"][1:]
        what = f"{quoted(value)}: {message}"
        what += f"; write [{value}]" if kind in ("list_type", "tuple_type") and isinstance(value, int | float) else ""
    return where, what


def _of_alternatives(faults: list[Any]) -> tuple[Any, tuple[str | int, ...]]:
    """The fault to tell and its place: an unknown key, else the first.

    Of a field that may be of several forms, such as a number or a range, each form has its faults; what was meant is
    the form that was followed furthest. Its name is not part of the place.
    """
    unknown = next((f for f in faults if f["type"] == "extra_forbidden"), None)
    first = faults[0]["loc"]
    if unknown is not None or not first or first[-1] not in ("int", "float"):
        fault = unknown or faults[0]
        return fault, fault["loc"]
    field = first[:-1]
    fault = max((f for f in faults if f["loc"][: len(field)] == field), key=lambda f: len(f["loc"]))
    return fault, (*field, *fault["loc"][len(field) + 1 :])


def _choices(faults: list[Any], loc: tuple[str | int, ...]) -> str:
    """What a field that takes words of several lists may be; nothing where it is one list."""
    lists = [f["ctx"]["expected"] for f in faults if f["type"] == "literal_error" and f["loc"][:-1] == loc[:-1]]
    return " or ".join(lists) if len(lists) > 1 and str(loc[-1]).startswith("literal[") else ""


def _figure_at(model: type[BaseModel], place: tuple[str | int, ...]) -> type[Figure] | None:
    """The kind of figure at a place; None where something else is."""
    found = model_at(model, place)
    return found if found is not None and issubclass(found, Figure) else None


def _fields_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    found = model_at(model, path)
    return list(found.model_fields) if found else []


def _described(model: type[BaseModel], place: tuple[str | int, ...]) -> str:
    found = model_at(model, place[:-1])
    field = found.model_fields.get(str(place[-1])) if found else None
    return f" ({field.description})" if field and field.description else ""


def model_at(model: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The model class that a path of field names and indexes leads to."""
    from typing import get_args

    def models_in(annotation: object) -> type[BaseModel] | None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
        return next((m for a in get_args(annotation) if (m := models_in(a))), None)

    here: type[BaseModel] | None = model
    for step in path:
        if here is not None and step in here.model_fields:
            here = models_in(here.model_fields[str(step)].annotation)
    return here
