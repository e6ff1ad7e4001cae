"""The parts of the documentation that are made of the code: fields of files, commands, the Python API, errors."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.models import OptionInfo

from bitnet_cost import units
from bitnet_cost.commands.main import app
from bitnet_cost.inputs import cited
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.inputs.schema import KINDS
from bitnet_cost.ledger.rows import Answers, Rows
from bitnet_cost.numerals import digits
from bitnet_cost.readers import catalog, laws

FIGURES: tuple[type[cited.Figure], ...] = tuple(cited.Figure.__subclasses__())


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; bars in cells are escaped, and what would be a tag outside of code."""

    def escaped(cell: str) -> str:
        parts = [part if i % 2 else part.replace("<", "&lt;") for i, part in enumerate(cell.split("`"))]
        return "`".join(parts).replace("|", "\\|")

    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(escaped, line)) + " |" for line in lines)


# --- files -----------------------------------------------------------------------------------------------------------


def figures() -> str:
    """What a figure holds, and the units that each kind of figure takes."""
    return "\n\n".join(
        [
            _fields(cited.Figure),
            table(
                ["figure", "what", "SI unit inside", "written as", "spellings", "believable"],
                [[f"`{c.__name__}`", *_dimension(c.dimension)] for c in FIGURES],
            ),
            "### Source",
            _fields(cited.Source),
        ]
    )


def _dimension(d: units.Dimension) -> list[str]:
    spelled = ", ".join(f"`{unit}`" for unit in d.spellings)
    return [d.words, f"`{d.si}`" if d.si else "none", f"`{d.example}`", spelled, f"{d.low:g} to {d.high:g}"]


def kind(name: str) -> str:
    """The fields of a kind of file, section by section; what an earlier kind holds too stands there."""
    root, *sections = _classes(KINDS[name])
    earlier = [c for other in list(KINDS)[: list(KINDS).index(name)] for c in _classes(KINDS[other])]
    parts = [_first(root), _fields(root)]
    for section in (c for c in sections if c not in earlier):
        parts += [f"### {section.__name__}", _first(section), _fields(section)]
    return "\n\n".join(parts)


def rows() -> str:
    """The columns of a file of measured rows."""
    return _fields(Measurement)


def _classes(root: type[BaseModel]) -> list[type[BaseModel]]:
    """A class and those of its fields, each once, in their order."""
    found: list[type[BaseModel]] = []
    pending = [root]
    while pending:
        cls = pending.pop(0)
        if cls in found or cls is cited.Source or issubclass(cls, cited.Figure):  # described once, for all
            continue
        found.append(cls)
        pending += [c for f in cls.model_fields.values() for c in _models_in(f.annotation)]
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _fields(cls: type[BaseModel]) -> str:
    lines = []
    for name, field in cls.model_fields.items():
        words, unit = _type(field.annotation)
        if cls is cited.Figure and name in ("value", "low", "high"):
            words, unit = "text with a unit", "its kind's"
        lines.append([f"`{field.alias or name}`", words, unit, _default(field), field.description or ""])
    return table(["field", "type", "unit", "default", "description"], lines)


def _type(annotation: Any) -> tuple[str, str]:
    """A field's type in words, and the unit in which its figures are written."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is JsonValue:
        return "plain data", ""
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return _choice(arguments), ""
    if origin in (Union, UnionType):
        parts = [_type(a) for a in arguments if a is not type(None)]
        return " or ".join(dict.fromkeys(words for words, _ in parts)), next((u for _, u in parts if u), "")
    if origin is tuple:
        return "pair of numbers", ""
    if origin in (dict, list):
        words, unit = _type(arguments[-1])
        return (f"{words}, by name" if origin is dict else f"list of {words}"), unit
    if isinstance(annotation, type) and issubclass(annotation, cited.Figure):
        return annotation.__name__, f"`{annotation.dimension.example}`"
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    kinds = {model: kind for kind, model in KINDS.items()}  # a file's own kind is the heading of its fields
    place = kinds.get(annotation, annotation.__name__.lower())
    return plain.get(annotation) or f"[{annotation.__name__}](#{place})", ""


def _choice(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default is None or field.default == "":
        return "none"
    assert field.default is not PydanticUndefined
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _first(thing: Any) -> str:
    return _prose(inspect.getdoc(thing) or "")


# --- commands --------------------------------------------------------------------------------------------------------


def commands() -> str:
    """Every command with its arguments and options."""
    parts = []
    within = [(f"{group.name} ", command) for group in app.registered_groups
              for command in (group.typer_instance.registered_commands if group.typer_instance else ())]  # fmt: skip
    for place, command in [*(("", command) for command in app.registered_commands), *within]:
        if command.hidden:
            continue
        assert command.callback is not None
        name = place + (command.name or command.callback.__name__)
        text, _, example = (inspect.getdoc(command.callback) or "").partition("Example: ")
        parts += [f"## {name}", text.strip(), table(["option", "value", "default", "what it does"], _options(command))]
        parts += [f"```sh\n{example.strip()}\n```"] if example else []
    return "\n\n".join(parts)


def _options(command: Any) -> list[list[str]]:
    """A row for each argument and option of a command, from the annotations of its function."""
    lines = []
    hints = get_type_hints(command.callback, include_extras=True)
    for name, p in inspect.signature(command.callback).parameters.items():
        if not get_args(hints[name]):  # what the parser hands over, asked of nobody
            continue
        annotation, info = get_args(hints[name])
        words, repeated = _words(annotation)
        words = info.metavar or words
        option = isinstance(info, OptionInfo)
        flags = ", ".join([info.default, *(info.param_decls or ())]) if option else words
        default = "required" if p.default is p.empty else _value(p.default)
        lines.append([f"`{flags}`", f"{words}, repeated" if repeated else words, default, info.help or ""])
    return lines


def _words(annotation: Any) -> tuple[str, bool]:
    """A parameter's type in words, and whether it may be repeated."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is list:
        return _words(get_args(annotation)[0])[0], True
    if get_origin(annotation) is Literal:
        return _choice(get_args(annotation)), False
    return {bool: "flag", int: "whole number", float: "number", str: "text"}[annotation], False


def _value(default: object) -> str:
    return "" if default is None or default is False else f"`{default}`"


# --- Python API ------------------------------------------------------------------------------------------------------


def api() -> str:
    """Every public name of the package with its docstring."""
    import bitnet_cost

    parts = []
    for name in bitnet_cost.__all__:
        thing = getattr(bitnet_cost, name)
        parts.append(f"## {name}")
        if inspect.isclass(thing):
            parts += _class(thing)
        elif callable(thing):
            parts += [f"```text\n{_signature(name, thing)}\n```", _prose(inspect.getdoc(thing) or "")]
        else:
            parts.append(f"`{thing!r}`")
    return "\n\n".join(part for part in parts if part)


def _class(cls: type) -> list[str]:
    parts = [_prose(inspect.getdoc(cls) or "")]
    if issubclass(cls, BaseModel):
        kinds = {model: kind for kind, model in KINDS.items()}
        if cls in kinds:
            parts.append(f"Its fields are those of the file: [{kinds[cls]}](files.md#{kinds[cls]}).")
    elif dataclasses.is_dataclass(cls):
        parts.append(", ".join(f"`{f.name}`" for f in dataclasses.fields(cls) if not f.name.startswith("_")))
        parts[-1] = "Fields: " + parts[-1] + "."
    names = dict.fromkeys(name for base in cls.__mro__ if base in (cls, Answers, Rows) for name in vars(base))
    members = [(n, inspect.getattr_static(cls, n)) for n in names if not n.startswith("_")]
    members = [(n, member) for n, member in members if inspect.getdoc(member)]
    lines = []
    for name, member in members:
        if inspect.isfunction(member):
            lines.append([f"`{name}{_short(member)}`", _sentence(member)])
        elif isinstance(member, classmethod | staticmethod):
            lines.append([f"`{name}{_short(member.__func__)}`", _sentence(member.__func__)])
        elif isinstance(member, property) or hasattr(member, "func"):
            lines.append([f"`{name}`", _sentence(member)])
    return [*parts, table(["member", "what it is"], lines)] if lines else parts


def _sentence(thing: Any) -> str:
    return " ".join(_prose(inspect.getdoc(thing) or "").split("\n\n")[0].split())


def _short(function: Callable[..., Any]) -> str:
    """A method's parameters without types."""
    names = [p.name for p in inspect.signature(function).parameters.values() if p.name not in ("self", "cls")]
    return f"({', '.join(names)})"


def _signature(name: str, function: Callable[..., Any]) -> str:
    lines, starred = [], False
    signature = inspect.signature(function)
    for p in signature.parameters.values():
        if p.kind is p.KEYWORD_ONLY and not starred:
            lines.append("    *,")
            starred = True
        default = "" if p.default is p.empty else f" = {p.default!r}"
        prefix = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        lines.append(f"    {prefix}{p.name}: {p.annotation}{default},")
    return "\n".join([f"{name}(", *lines, f") -> {signature.return_annotation}"])


_SECTION = re.compile(r"(Args|Raises|Returns|Shapes):[ ]*(.*)", re.DOTALL)


def _prose(text: str) -> str:
    """A docstring as Markdown: code in single backticks, examples fenced, sections in bold."""
    parts = []
    for part in text.split("\n\n"):
        section = _SECTION.fullmatch(part)
        if part.startswith(">>> "):
            parts.append(f"```python\n{part.rstrip()}\n\n```")
        elif section:
            body = inspect.cleandoc(section[2])
            if section[1] in ("Args", "Raises"):
                items = re.split(r"\n(?=\S)", body)
                body = "\n".join(f"- {' '.join(item.split())}" for item in items)
            parts.append(f"**{section[1]}**\n\n{body}")
        else:
            parts.append(part)
    return "\n\n".join(p if p.startswith("```") else p.replace("``", "`") for p in parts)


# --- accuracy and catalogue ------------------------------------------------------------------------------------------


def accuracy(part: str = "") -> str:
    """The committed errors by class, and how much the printed ranges hold; ``gated``: of classes with a target."""
    from bitnet_cost.studies.accuracy import RUNS
    from bitnet_cost.studies.accuracy_classes import CLASSES

    known = catalog.ranges()
    held = {} if known is None else known.held
    within = {name: f"{part.held:.0f} % | {part.half_width:.0f} %" for name, part in held.items()}
    lines = ["| measured | rows | median error | nine in ten | target | range holds | half width |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for name, s in catalog.accuracy().classes.items():
        c = CLASSES[name]
        if part == "gated" and c.median is None:
            continue
        target = "" if c.median is None else f"{c.median:g}" + (f" / {c.p90:g} %" if c.p90 else " %")
        inside = "|" if name in RUNS else within.get(name, "|")
        lines.append(f"| {c.title} | {s.n} | {s.median:.1f} % | {s.p90:.1f} % | {target} | {inside} |")
    runs = {} if part == "gated" else RUNS
    lines += [f"| {title} | {held[name].n} | | | | {within[name]} |" for name, title in runs.items() if name in held]
    return "\n".join(lines)


def accuracy_by_device() -> str:
    """The committed errors by device, runtime and class."""
    found = [
        [
            *(f"`{word}`" for word in (hardware, runtime, name)),
            str(s.n), f"{s.median:.1f} %", f"{s.p90:.1f} %", f"{s.bias:+.1f} %",
        ]
        for hardware, runtimes in sorted(catalog.accuracy().devices.items())
        for runtime, classes in sorted(runtimes.items())
        for name, s in classes.items()
    ]  # fmt: skip
    return table(["device", "runtime", "class", "rows", "median error", "nine in ten", "bias"], found)


def tuned_systems() -> str:
    """Whole systems tuned to their limit beside the model, by device, runtime and how requests come."""
    from bitnet_cost.inputs.measurement import SystemMeasurement
    from bitnet_cost.studies import measured_systems
    from bitnet_cost.studies.accuracy import spread
    from bitnet_cost.studies.accuracy_classes import CLASSES
    from bitnet_cost.studies.measured import Point

    groups: dict[tuple[str, ...], list[Point]] = {}
    for point in measured_systems.points():
        assert isinstance(point.row, SystemMeasurement)
        if point.scored:
            key = (measured_systems.kind_of(point), point.row.hardware, point.row.runtime, point.row.scenario)
            groups.setdefault(key, []).append(point)
    rows = []
    for (kind, *where, scenario), members in sorted(groups.items()):
        s = spread(members)
        words = "energy per token" if kind != "load-mlperf" else "tokens/s"
        assert CLASSES[kind].witness
        rows.append([*(f"`{name}`" for name in where), scenario, words, str(s.n), f"{1 / (1 + s.bias / 100):.2f}",
                     f"{s.median:.1f} %", f"{s.p90:.1f} %", f"{s.bias:+.1f} %"])  # fmt: skip
    heads = ["device", "nearest runtime", "scenario", "figure", "results", "tuned / modelled", "median error",
             "nine in ten", "bias"]  # fmt: skip
    return table(heads, rows)


def worst_groups() -> str:
    """Of each class the groups with the largest errors and why, then what is not known of it."""
    from bitnet_cost.readers import measured
    from bitnet_cost.studies.accuracy import every_point, scored, worst_groups
    from bitnet_cost.studies.accuracy_classes import CLASSES

    rows = [
        [
            f"`{group.kind}`", ", ".join(f"`{name}`" for name in group[1:]), str(s.n), f"{s.median:.1f} %",
            f"{s.bias:+.1f} %", why,
        ]
        for group, s, why in worst_groups(scored(every_point()))
    ]  # fmt: skip
    heads = ["class", "source, device, runtime, what ran", "rows", "median error", "bias", "why"]
    unknown = measured.reasons().unknown
    lines = [f"- {', '.join(f'`{name}`' for name in CLASSES if name in classes)}: {what}"
             for what, classes in unknown.items()]  # fmt: skip
    return table(heads, rows) + "\n\nWhat is not known:\n\n" + "\n".join(lines)


def left_out() -> str:
    """The committed errors on devices that were left out of calibration one at a time."""
    from bitnet_cost.studies.left_out import TARGETS, title

    known = catalog.ranges()
    if known is None:
        return ""
    lines = ["| measured | rows | median error | nine in ten | target |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, s in known.errors.classes.items():
        target = TARGETS.get(name)
        words = "" if target is None else f"{target[0]:g} / {target[1]:g} %"
        lines.append(f"| {title(name)} | {s.n} | {s.median:.1f} % | {s.p90:.1f} % | {words} |")
    rows = [
        [f"`{device}`", title(name), str(s.n), f"{s.median:.1f} %", f"{s.p90:.1f} %", f"{s.bias:+.1f} %"]
        for device, quantities in known.errors.devices.items()
        for name, s in quantities.items()
    ]
    each = table(["device left out", "figure", "rows", "median error", "nine in ten", "bias"], rows)
    return "\n".join(lines) + "\n\n" + each


def families_left_out() -> str:
    """The committed errors on servers whose models' families were left out of calibration one at a time."""
    from bitnet_cost.studies.accuracy_classes import CLASSES

    known = catalog.ranges()
    if known is None or known.families is None:
        return ""
    committed = catalog.accuracy().classes
    rows = []
    for family, classes in {"all": known.families.classes, **known.families.families}.items():
        for name, s in classes.items():
            whole = f"{committed[name].median:.1f} / {committed[name].p90:.1f} %" if family == "all" else ""
            figures = (str(s.n), f"{s.median:.1f} %", f"{s.p90:.1f} %", f"{s.bias:+.1f} %", whole)
            rows.append([CLASSES[name].title, f"`{family}`" if family != "all" else family, *figures])
    return table(["measured", "family left out", "rows", "median error", "nine in ten", "bias", "with it"], rows)


def not_counted() -> str:
    """What every answer leaves out."""
    from bitnet_cost.engine.counts import NOT_COUNTED

    return "\n".join(f"- {what}" for what in NOT_COUNTED)


def scopes() -> str:
    """The scopes, each holding those before it."""
    from bitnet_cost.engine.estimate import SCOPES

    return table(["scope", "holds"], [[f"`{name}`", words] for name, words in SCOPES.items()])


def weak() -> str:
    """Shares of figures by basis, for each profile, the weakest first."""
    lines = []
    for name in catalog.names("hardware"):
        bases = [figure.basis for _, figure in cited.figures_in(catalog.hardware(name))]
        counts = [bases.count(b) for b in ("measured", "published", "scaled", "assumed")]
        lines.append((counts[3] / len(bases), [f"`{name}`", *map(str, counts)]))
    heads = ["hardware", "measured", "published", "scaled", "assumed"]
    return table(heads, [line for _, line in sorted(lines, key=lambda pair: -pair[0])])


def precisions() -> str:
    """The catalogue's precisions with their bits and recipes."""
    lines = []
    for name in catalog.names("precision"):
        p = catalog.precision(name)
        recipe = " + ".join(f"{times:g} {action}" for action, times in p.linear.recipe.items())
        w = p.linear.weights
        lines.append(
            [
                f"`{name}`",
                f"{w.information_bits:.4g}",
                f"{w.bits:.4g}",
                f"{p.linear.activation_bits:g}",
                recipe,
                p.title,
            ]
        )
    heads = ["name", "information bits", "stored bits", "activation bits", "per MAC of a layer", "in words"]
    return table(heads, lines)


def learning_rates() -> str:
    """Peak learning rates as published."""
    rows = [
        [
            each.model,
            digits(each.rate) + (f", then {digits(each.then)}" if each.then else ""),
            each.outcome,
            each.source,
        ]
        for each in laws.laws().learning_rates
    ]
    return table(["model", "peak learning rate", "training", "source"], rows)


def datapaths() -> str:
    """Each recipe of a ternary unit, action by action, and its energy at the published nodes, to be checked by hand."""
    from bitnet_cost.engine.activity import unit_recipe
    from bitnet_cost.inputs.datapath import Datapath, Unit

    paths = [
        Datapath(kind="add", width=16),
        Datapath(kind="table", group=4, outputs=128),
        Datapath(kind="planes", width=16),
        Datapath(kind="count", width=256),
    ]
    nodes = [catalog.hardware(name) for name in ("cmos-45nm", "cmos-7nm")]
    lines = []
    for path in paths:
        asked = ", ".join(f"{key}: {value}" for key, value in path.model_dump(exclude_defaults=True).items())
        line = [f"`{asked}`"]
        for node in nodes:
            owner = node.model_copy(update={"units": {"ternary": Unit(datapath=path)}})
            recipe = unit_recipe(owner, "ternary", "ternary", 8)
            terms = [
                (action, times, (owner.price(action) or (0, 0, 0))[1] * 1e12) for (_, action), times in recipe.items()
            ]
            if node is nodes[0]:
                line.append(" + ".join(f"{times:.4g} {action}" for action, times, _ in terms))
            products = " + ".join(f"{times:.4g} x {digits(price)}" for _, times, price in terms)
            line.append(f"{products} = {digits(sum(times * price for _, times, price in terms), 3)}")
        lines.append(line)
    return table(["datapath", "actions per MAC", "pJ at 45 nm", "pJ at 7 nm"], lines)


def memories() -> str:
    """Memories by kind, with the energy of a bit."""
    rows = [
        [f"`{name}`", kind.title, f"{digits(kind.read.value * 1e12)} ({digits(kind.read.low * 1e12)} to "
         f"{digits(kind.read.high * 1e12)})", kind.read.basis, kind.read.note]
        for name, kind in catalog.memories().kinds.items()
    ]  # fmt: skip
    return table(["kind", "memory", "pJ/bit", "basis", "note"], rows)


EXPLORERS = {  # eight H200 hold all four, FP32 among them
    "reports/explorer-175b.html": "bitnet-cost explore gpt3-175b -H h200-sxm-141gb,h100-sxm-80gb,b200,mi300x "
    "-p fp32,fp16,int8,bitnet --devices 8"
}


def explorers() -> str:
    """The explorer pages of ``reports/``, and the command that writes each."""
    rows = [
        [f"[`{name}`]({name})", f"`{command} -o {name}`"]
        for name, command in ((path.removeprefix("reports/"), command) for path, command in EXPLORERS.items())
    ]
    return table(["page", "written by"], rows)


def rendered_studies() -> str:
    """The studies of ``reports/``, each as a file, a table and a page."""
    rows = [
        [catalog.study(name).title, f"[page]({name}.html)", f"[table]({name}.md)", f"[`{name}.yaml`]({name}.yaml)"]
        for name in catalog.names("study")
    ]
    return table(["published", "opened by double click", "every cell", "as typed from its source"], rows)


PARTS: dict[str, Callable[..., str]] = {
    "memories": memories,
    "explorers": explorers,
    "rendered-studies": rendered_studies,
    "datapaths": datapaths,
    "figures": figures,
    "kind": kind,
    "rows": rows,
    "commands": commands,
    "api": api,
    "accuracy": accuracy,
    "accuracy-by-device": accuracy_by_device,
    "left-out": left_out,
    "tuned-systems": tuned_systems,
    "families-left-out": families_left_out,
    "worst-groups": worst_groups,
    "not-counted": not_counted,
    "scopes": scopes,
    "weak": weak,
    "precisions": precisions,
    "learning-rates": learning_rates,
}
