"""Charts of training steps: where time, memory and energy go, a bar for each hardware and precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.numerals import prefix_of, significant, whole_percent, with_prefix
from bitnet_cost.tables import Table, headed
from bitnet_cost.views.charts import Chart, groups, linear, short, three
from bitnet_cost.views.charts_parts import KINDS, RAMP
from bitnet_cost.views.figures import Axis, Drawing, Label, Layout, Look, plain, trace
from bitnet_cost.views.page import one_chart
from bitnet_cost.views.verdict import hardware_name, listed, precision_name

_PHASES = {"forward": "c1", "backward": "c2", "optimizer": "c3", "exchange": "c4", "bubble": "no"}
_IN_WORDS = {"forward": "the forward pass", "backward": "the backward pass", "bubble": "the bubble"}
_HELD = {"weights": "c1", "gradients": "c2", "optimizer states": "c3", "activations": "c4"}


class Stack(NamedTuple):
    """One chart: what it asks and is called, the parts of a result, their colours, the unit, how to read it."""

    name: str
    question: str
    title: str
    parts: Callable[[TrainingResult], dict[str, float]]
    colours: dict[str, str]
    unit: str
    words: str
    of: str  # what a part is a share of


def _time(r: TrainingResult) -> dict[str, float]:
    return {} if r.seconds is None else {name: float(each) for name, each in r.seconds._asdict().items()}


def _memory(r: TrainingResult) -> dict[str, float]:
    if r.capacity is None:
        return {}
    m = r.memory
    parts = {"weights": m.weights, "gradients": m.gradients, "optimizer states": m.optimizer}
    # what is left of the peak: gradients of one micro-batch appear while activations go
    rest = float(m.peak) - float(m.weights + m.optimizer + m.gradients)
    return {name: float(each) for name, each in parts.items()} | {"activations": max(rest, 0.0)}


def _energy(r: TrainingResult) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, joules in r.by_component.items():
        kind = "exchange" if name in ("interconnect", "network") else KINDS.get(name, "memory")
        found[kind] = found.get(kind, 0.0) + float(joules[1, 0])
    return found


STACKS = (
    Stack("time", "Where does the time of a step go?", "Time of one optimiser step by phase", _time, _PHASES, "s",
          "exchange: what no work hides. bubble: stages wait for the pipeline to fill and drain.", "the step"),
    Stack("memory", "What fills the memory?", "Peak memory of the device that holds most", _memory, _HELD, "B",
          "activations with logits, copies and buckets.", "the memory"),
    Stack("energy", "Where does the energy of a step go?", "Energy of one optimiser step, all devices", _energy,
          RAMP | {"exchange": "c2"}, "J", "exchange: bits between devices.", "the energy"),
)  # fmt: skip


def training_charts(results: Sequence[TrainingResult]) -> tuple[Chart, ...]:
    """The charts that some results can answer."""
    return tuple(_chart(stack, results) for stack in STACKS if any(stack.parts(r) for r in results))


def _chart(stack: Stack, results: Sequence[TrainingResult]) -> Chart:
    """Stacked bars, the finding above them and the table below."""
    found = [(r, stack.parts(r)) for r in results]
    kinds = [kind for kind in stack.colours if any(parts.get(kind) for _, parts in found)]
    prefix, scale = prefix_of(max(sum(parts.values()) for _, parts in found))
    unit = f"{prefix}{stack.unit}"
    joined = len({r.hardware.name for r in results}) > 1
    names: list[str] = []
    heads: list[int] = []
    rows: list[tuple[str, ...]] = []
    labels: list[Label] = []
    bars: dict[str, list[tuple[float, int, str]]] = {kind: [] for kind in kinds}
    seen = ""
    for r, parts in found:
        device, precision = hardware_name(r.hardware), precision_name(r.precision.name)
        if joined and r.hardware.name != seen:
            heads.append(len(names))
            names.append(device)
        seen, y, total = r.hardware.name, len(names), sum(parts.values())
        names.append(precision)
        cells = [significant(parts.get(kind), scale, 4) for kind in kinds]
        rows.append((*([r.hardware.name] * joined), r.precision.name, *cells, significant(total or None, scale, 4)))
        text = three(total / scale) if parts else "does not fit"
        labels.append(Label(total / scale, y, text, "ink" if parts else "no", side="right", gap=6))
        for kind in kinds:
            if parts.get(kind):
                bars[kind].append((parts[kind], y, f"{precision} on {device}"))
    drawn = []
    for kind, each in bars.items():
        words = [plain(f"{where}: {kind} {with_prefix(value, stack.unit, 3)}") for value, _, where in each]
        across, up = [short(value / scale) for value, *_ in each], [y for _, y, _ in each]
        look = Look("bar", 0, colour=stack.colours[kind], worded=True)
        drawn.append(trace(look, kind, across, up, customdata=words, width=0.72))
    end = 1.16 * max(sum(parts.values()) for _, parts in found) / scale
    held = {hardware_name(r.hardware): r.capacity / scale for r in results if stack.unit == "B" and r.capacity}
    lines, words_of = _capacities({name: x for name, x in held.items() if x <= end})
    axis = Axis("", names=tuple(names), heads=tuple(heads))
    top = 12 + 16 * min(3, len(words_of))
    layout = Layout(linear(unit, end or 1.0), axis, legend=len(drawn) > 1, right=24, top=top)
    figure = Drawing(layout, tuple(drawn), labels=tuple(labels), rem=5 + top / 16 + 1.4 * len(names),
                     lines=(*groups(heads), *lines), words=words_of)  # fmt: skip
    columns = headed(*["hardware"] * joined, "precision", *(f"{kind} {unit}" for kind in kinds), f"total {unit}",
                     texts=1 + joined)  # fmt: skip
    beyond = [f"{name} {three(x)}" for name, x in held.items() if x > end]
    note = " Lines: what a device holds." if lines else ""
    note += f" What devices hold is beyond the axis: {listed(beyond)}." if beyond else ""
    return one_chart(
        stack.name, stack.question, _finding(stack, found), Table(stack.title, columns, tuple(rows)), figure,
        title=stack.title, words=f"{unit}. {stack.words}{note}",
    )  # fmt: skip


def _capacities(held: dict[str, float]) -> tuple[list[dict[str, Any]], tuple[dict[str, Any], ...]]:
    """A line for what each device holds, and its words."""
    lines, words = [], []
    for level, (name, x) in enumerate(sorted(held.items(), key=lambda item: item[1])):
        lines.append({"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1,
                      "line": {"width": 1.5, "color": "var(--ink)"}})  # fmt: skip
        words.append({"x": x, "yref": "paper", "y": 1, "yshift": 4 + 15 * (level % 3), "yanchor": "bottom",
                      "text": f"<b>{plain(name)} {three(x)}</b>", "showarrow": False})  # fmt: skip
    return lines, tuple(words)


def _finding(stack: Stack, found: Sequence[tuple[TrainingResult, dict[str, float]]]) -> str:
    """What takes most, in each precision of the first hardware."""
    mine = [(r, parts) for r, parts in found if parts]
    most: dict[str, dict[str, list[str]]] = {}
    for r, parts in mine:
        if r.hardware.name == mine[0][0].hardware.name:
            kind = max(parts, key=parts.__getitem__)
            share = whole_percent(parts[kind] / sum(parts.values()))
            most.setdefault(kind, {}).setdefault(share, []).append(precision_name(r.precision.name))
    alone = sum(len(names) for shares in most.values() for names in shares.values()) == 1
    clauses = []
    for kind, shares in most.items():
        each = [share if alone else f"{share} in {listed(names)}" for share, names in shares.items()]
        verb = "take" if kind.endswith("s") else "takes"
        first = each[0].replace("%", f"% of {stack.of}", 1)
        clauses.append(f"{_IN_WORDS.get(kind, kind)} {verb} {listed([first, *each[1:]])}")
    text = listed(clauses)
    where = f" on {hardware_name(mine[0][0].hardware)}" if len({r.hardware.name for r, _ in mine}) > 1 else ""
    return f"{text[:1].upper()}{text[1:]}{where}"
