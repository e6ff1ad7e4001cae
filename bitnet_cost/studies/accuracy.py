"""Accuracy by class of measured rows: what is scored, how far it is off, and what stays out and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from bitnet_cost.errors import UnknownName
from bitnet_cost.inputs.accuracy import Accuracy, Group, Spread
from bitnet_cost.inputs.hardware import GPUS
from bitnet_cost.inputs.measurement import LoadMeasurement, Measurement, SystemMeasurement, TrainingMeasurement
from bitnet_cost.inputs.ranges import Held
from bitnet_cost.numerals import digits, fixed, with_commas
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies import measured_load, measured_systems, measured_training, savings
from bitnet_cost.studies.accuracy_classes import CLASSES, AccuracyClass
from bitnet_cost.studies.measured import ALONE, Point, is_large, points
from bitnet_cost.studies.widths import Judged, errors_of, held_of, held_ratios, judged, pairs, parameters_of
from bitnet_cost.tables import Column, Note, Report, Table, headed

WORST, FEW = 3, 3  # groups that are listed of a class, and figures of which a median is more than one of them
_TUNED = (
    "vllm", "vllm-2023", "vllm-2024", "vllm-0.6", "tensorrt-llm", "tensorrt-llm-2024", "llama.cpp", "llama.cpp-vulkan",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scored:
    """One figure of a class: a point, or the ratio of two."""

    kind: str
    id: str
    model: str
    hardware: str
    runtime: str
    precision: str
    source: str
    conditions: str
    measured: float
    modelled: float
    range: tuple[float, float] | None = None  # the 90 % interval that the row's model had no part in

    @property
    def error(self) -> float:
        """Modelled over measured, less 1."""
        return self.modelled / self.measured - 1

    @property
    def group(self) -> Group:
        """What it is scored together with inside its class; each product alone is a model, so these by precision."""
        what = f"products in {self.precision}" if self.kind.startswith("operators-") else self.model
        return Group(self.kind, self.source, self.hardware, self.runtime, what)


def class_of(point: Point) -> str:
    """The class of a measured quantity."""
    row, quantity = point.row, point.quantity
    if isinstance(row, TrainingMeasurement):
        return measured_training.kind_of(point)
    if isinstance(row, LoadMeasurement):
        return measured_load.kind_of(point)
    if isinstance(row, SystemMeasurement):
        return measured_systems.kind_of(point)
    if quantity == "memory_gb":
        return "memory"
    if row.phase in ALONE:
        if quantity == "energy_j_per_token":
            return "operators-energy" if is_large(row) else "operators-energy-small"
        return "operators-time" if quantity == "seconds" else "operators-power"
    if row.phase == "exchange":
        return "exchange-time" if quantity == "seconds" else "exchange-energy"
    if row.phase == "serving":
        if not row.source.startswith("mlenergy"):
            return "serving-step"
        kind = "moe" if any(layer.moe for layer in catalog.model(row.model).layers) else "dense"
        word = {"seconds": "rate", "power_w": "power"}.get(quantity, "energy")
        return f"serving-{word}-{kind}"
    if quantity != "seconds":
        what = "power" if quantity == "power_w" else "energy"
        return f"{what}-program" if measured.sources().sources[row.source].another_program else what
    gpu = catalog.hardware(row.hardware).device_class in GPUS
    if row.phase == "prefill":
        return "prefill" if gpu else "prefill-other"
    if row.batch == 1:
        return "decode-1" if gpu and row.runtime in _TUNED else "decode-other"
    return "decode-64" if gpu and row.batch <= 64 else "decode-other"


def scored(found: Sequence[Point], beside: Iterable[Judged] = ()) -> list[Scored]:
    """Every figure that counts: points that are neither left out nor used, and ratios of two such."""
    known = {(j.error.row.id, j.error.measured): j for j in beside}
    rows = []
    for point in found:
        if point.scored:
            row, at = _scored(point), known.get((point.row.id, point.quantity))
            rows.append(row if at is None else replace(row, range=at.ends(point.modelled)))
    return rows + _ratios([point for point in found if point.scored and point.quantity == "seconds"])


def _scored(point: Point) -> Scored:
    row = point.row
    return Scored(
        class_of(point), row.id, row.model, row.hardware, row.runtime, row.precision, row.source,
        conditions(row), point.measured, point.modelled,
    )  # fmt: skip


def conditions(row: Measurement | TrainingMeasurement | LoadMeasurement | SystemMeasurement) -> str:
    """How a row was measured, in words."""
    match row:
        case TrainingMeasurement():
            return measured_training.conditions(row)
        case LoadMeasurement():
            return measured_load.conditions(row)
        case SystemMeasurement():
            return measured_systems.conditions(row)
    prompt = "task" if row.prompt is None else str(row.prompt)
    task = f", {row.task}" if row.task else ""
    return f"{row.phase}, {row.devices} x, batch {row.batch}, {prompt} > {row.generate}{task}"


def _ratios(found: Sequence[Point]) -> list[Scored]:
    """Time in 16 bits over time in another precision, everything else alike."""
    alike: dict[tuple[object, ...], dict[str, Point]] = {}
    for p in found:
        r = p.row
        if isinstance(r, Measurement) and r.phase not in ALONE:
            key = (r.source, r.model, r.hardware, r.devices, r.runtime, r.batch, r.prompt, r.generate, r.phase, r.task)
            alike.setdefault(key, {}).setdefault(r.precision, p)
    ratios = []
    for members in alike.values():
        wide = next((members[name] for name in savings.WIDE if name in members), None)
        if wide is None:
            continue
        for name, narrow in members.items():
            if name in savings.WIDE:
                continue
            row = narrow.row
            assert isinstance(row, Measurement)
            kind = "ratio" if parameters_of(row.model) >= 2.9e9 else "ratio-small"
            ratios.append(
                Scored(
                    kind, f"{wide.row.id}/{row.id}", row.model, row.hardware, row.runtime, name, row.source,
                    f"{wide.row.precision} over {name}, {row.phase}, {row.devices} x, batch {row.batch}",
                    wide.measured / narrow.measured, wide.modelled / narrow.modelled,
                )
            )  # fmt: skip
    return ratios


def spread(rows: Sequence[Scored] | Sequence[Point]) -> Spread:
    """Median and nine-in-ten of the error's size, and the signed median, in percent to a tenth."""
    return spread_of([row.error for row in rows])


def spread_of(found: Sequence[float]) -> Spread:
    """The same of errors: modelled over measured, less 1."""
    errors = np.array(found)
    size = np.abs(errors)

    def rounded(value: float) -> float:
        return round(100 * value, 1)

    return Spread(
        n=len(found),
        median=rounded(float(np.median(size))),
        p90=rounded(float(np.quantile(size, 0.9))),
        bias=rounded(float(np.median(errors))),
    )


K = TypeVar("K")


def _by(rows: Iterable[Scored], key: Callable[[Scored], K]) -> dict[K, list[Scored]]:
    groups: dict[K, list[Scored]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def spreads(rows: Iterable[Scored]) -> dict[str, Spread]:
    """Errors by class, in the order of the rows."""
    return {kind: spread(part) for kind, part in _by(rows, lambda r: r.kind).items()}


def worst_groups(rows: Iterable[Scored]) -> list[tuple[Group, Spread, str]]:
    """Of each class the groups with the largest median error, worse than the class itself, and why.

    Those of `FEW` figures and more come first: the median of fewer is any of them.
    """
    known, found = measured.reasons(), []
    for members in _by(rows, lambda r: r.kind).values():
        of_class = spread(members)
        groups = [(group, spread(part)) for group, part in _by(members, lambda r: r.group).items()]
        groups.sort(key=lambda pair: (pair[1].n < FEW, -pair[1].median, pair[0]))
        found += [(group, s, known.why(group, s.bias)) for group, s in groups[:WORST] if s.median >= of_class.median]
    return found


def accuracy(rows: Sequence[Scored]) -> Accuracy:
    """Errors by class, and by device, runtime and class."""
    of_class = spreads(rows)
    devices = {
        hardware: {runtime: spreads(part) for runtime, part in _by(members, lambda r: r.runtime).items()}
        for hardware, members in _by(rows, lambda r: r.hardware).items()
    }
    return Accuracy(classes={name: of_class[name] for name in CLASSES if name in of_class}, devices=devices)


def parity(rows: Sequence[Scored]) -> dict[str, list[tuple[float, float]]]:
    """Measured and modelled figures by class, with four digits: what a page draws."""
    of_class = _by(rows, lambda r: r.kind)
    return {
        name: [(float(digits(r.measured)), float(digits(r.modelled))) for r in of_class[name]]
        for name, known in CLASSES.items()
        if name in of_class and not known.witness
    }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All measured rows beside the model."""

    points: tuple[Point, ...]
    rows: tuple[Scored, ...]  # what is scored
    kinds: tuple[str, ...]  # the classes asked for
    judged: tuple[Judged, ...] = ()  # every figure with an interval, of all classes


RUNS = {"fp32": "time of runs in 32 bits", "ratio": "time of one precision over another's, all pairs",
        "saving": "energy of one precision over another's, all pairs"}  # held together across classes  # fmt: skip


def held(found: Sequence[Point], beside: Sequence[Judged]) -> dict[str, Held]:
    """How many measured figures of each class their intervals hold; of 32 bits and of two precisions too.

    An interval is that of any program on a device: energies of those that prices follow, and of others, are one.
    """
    classes = {(p.row.id, p.quantity): class_of(p).removesuffix("-program") for p in found}
    parts: dict[str, list[Judged]] = {}
    for j in beside:
        parts.setdefault(classes[j.error.row.id, j.error.measured], []).append(j)
    parts["fp32"] = [j for j in beside if j.error.kind == "fp32" and j.error.quantity == "time"]
    known = {name: held_of(parts[name]) for name in (*CLASSES, "fp32") if parts.get(name)}
    for name, quantity in (("ratio", "time"), ("saving", "energy")):
        ratios = held_ratios([pair for pair in pairs(beside) if pair.one.error.quantity == quantity])
        known |= {} if ratios is None else {name: ratios}
    return known


def compare(kinds: Sequence[str] | None = None) -> Comparison:
    """Evaluate every measured row of the catalogue; keep the classes asked for, all when none is named.

    A prefix names several: ``serving`` is all classes of servers.

    Raises:
        UnknownName: no such class.
    """
    chosen: list[str] = []
    for kind in kinds or CLASSES:
        matching = [name for name in CLASSES if name == kind] or [n for n in CLASSES if n.startswith(f"{kind}-")]
        if not matching:
            raise UnknownName("class of measured rows", kind, CLASSES, there_are=", ".join(CLASSES))
        chosen += matching
    found = every_point()
    known = catalog.ranges()
    beside = judged(errors_of(found), longer=known.longer if known is not None else {})
    rows = [row for row in scored(found, beside) if row.kind in chosen]
    return Comparison(tuple(found), tuple(rows), tuple(dict.fromkeys(chosen)), tuple(beside))


def every_point() -> list[Point]:
    """Every measured quantity of the catalogue beside the modelled one."""
    own = points(measured.rows(), measured.used())
    return own + measured_training.points() + measured_load.points() + measured_systems.points()


def left_out(found: Sequence[Point], kinds: Sequence[str]) -> dict[str, int]:
    """Rows that are not scored, by reason: of the classes asked for, and those that are not carried at all."""
    reasons: dict[str, set[str]] = {}
    for point in found:
        if point.left_out and class_of(point) in kinds:
            reasons.setdefault(point.left_out, set()).add(point.row.id)
    counts = {reason: len(ids) for reason, ids in reasons.items()}
    if set(kinds) == set(CLASSES):
        counts |= {part.why: part.rows for part in measured.sources().left_out}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def error_texts(s: Spread) -> tuple[str, str, str, str]:
    """How many, median, nine in ten, bias."""
    return str(s.n), fixed(s.median, 1), fixed(s.p90, 1), fixed(s.bias, 1, sign=True)


ERRORS = ("n", "median %", "p90 %", "bias %")


def report(found: Comparison, worst: int = 12) -> Report:
    """By class with its target, by device and precision, the worst groups and why, the worst rows, what is left out."""
    of_class, known, rows = spreads(found.rows), held(found.points, found.judged), []
    for name in found.kinds:
        if name in of_class:
            s, c = of_class[name], CLASSES[name]
            met = "" if c.median is None else "yes" if _met(s, c) else "NO"
            within = known.get(name)
            inside = ("", "") if within is None else (fixed(within.held, 0), fixed(within.half_width, 0))
            target = "-" if c.median is None else digits(c.median, 6) + (f" / {digits(c.p90, 6)}" if c.p90 else "")
            rows.append((name, *error_texts(s), target, met, *inside))
    heads = (*headed("class", *ERRORS, "target"), Column("met", False), Column("held %"), Column("+- %"))
    tables = [Table("Error of the model on rows not used for calibration", heads, tuple(rows))]
    for title, key in (("device", lambda r: r.hardware), ("precision", lambda r: r.precision)):
        tables.append(_split(found, title, key))
    pairs = savings.pairs(found.points) if "ratio" in found.kinds else []
    tables += [savings.table(pairs), _worst_groups(found.rows), _worst(found, worst)]
    reasons = left_out(found.points, found.kinds)
    table = tuple((str(n), why) for why, n in reasons.items())
    tables.append(Table("Left out, and why", (Column("rows"), Column("reason", False)), table))
    tables.append(_shown(found))
    held_to = [n for n in found.kinds if n in of_class and CLASSES[n].median is not None]
    good = len(held_to) - len(missed(found))
    used = len(_used())
    ids = {part for r in found.rows for part in r.id.split("/")}
    text = f"{with_commas(len(found.rows))} figures of {with_commas(len(ids))} measured rows: {good} of {len(held_to)}"
    others = "other rows" if len(found.kinds) == len(CLASSES) else "rows of all classes"
    text += f" classes meet their target; {used} {others} were used for constants."
    words = [
        f"{name}: {CLASSES[name].title}." for name in found.kinds if name in of_class
    ]  # what a class is, in the order of the table
    filled = tuple(table for table in tables if table.rows)
    return Report(
        "Compared with measurements",
        text,
        filled,
        (
            Note("classes", " ".join(words)),
            Note("split", _SPLIT_NOTE),
            *([Note("savings", savings.NOTE)] if pairs else []),
        ),
    )


def _used() -> frozenset[str]:
    """Ids of rows that constants came from, of inference and of training."""
    return measured.used() | measured_training.set_aside()


_SPLIT_NOTE = (
    "Rows that constants come from are chosen by a rule on their ids, a fifth and at least two of every source, device,"
    " runtime and precision (measured/constants.yaml); none of them is scored."
)


def _met(s: Spread, c: AccuracyClass) -> bool:
    return (c.median is None or s.median <= c.median) and (c.p90 is None or s.p90 <= c.p90)


def missed(found: Comparison) -> list[str]:
    """Classes that miss their target."""
    of_class = spreads(found.rows)
    return [name for name in found.kinds if name in of_class and not _met(of_class[name], CLASSES[name])]


def _split(found: Comparison, title: str, key: Callable[[Scored], str]) -> Table:
    rows = []
    for kind in found.kinds:
        groups = _by((r for r in found.rows if r.kind == kind), key)
        rows += [(kind, name, *error_texts(spread(members))) for name, members in sorted(groups.items())]
    return Table(f"By {title}", headed("class", title, *ERRORS, texts=2), tuple(rows))


def _shown(found: Comparison) -> Table:
    """What is evaluated and not scored: its reason, and how far off it is."""
    groups: dict[tuple[str, str, str], list[Point]] = {}
    for p in found.points:
        kind = class_of(p)
        if p.left_out and kind in found.kinds and np.isfinite(p.modelled):
            groups.setdefault((kind, p.row.hardware, p.left_out), []).append(p)
    rows = []
    for (kind, hardware, why), members in sorted(groups.items(), key=lambda item: item[0]):
        n, median, _, bias = error_texts(spread(members))
        rows.append((kind, hardware, n, median, bias, why))
    heads = (*headed("class", "device", "n", "median %", "bias %", texts=2), Column("why not scored", False))
    return Table("Shown, not scored", heads, tuple(rows))


def _worst_groups(found: Iterable[Scored]) -> Table:
    rows = []
    for group, s, why in worst_groups(found):
        n, median, _, bias = error_texts(s)
        rows.append((group.kind, group.place, n, median, bias, why))
    heads = headed("class", "source, device, runtime, what ran", "n", "median %", "bias %", texts=2)
    return Table("Worst groups, and why", (*heads, Column("why", False)), tuple(rows))


def _worst(found: Comparison, most: int) -> Table:
    worst = sorted(found.rows, key=lambda r: -abs(np.log(r.modelled / r.measured)))[:most]
    rows = tuple(
        (f"{r.model}, {r.hardware}", f"{r.runtime}, {r.precision}; {r.conditions}", fixed(100 * r.error, 0, sign=True))
        for r in worst
    )  # fmt: skip
    return Table("Worst rows (batch, prompt > generated)", headed("model, device", "run", "error %", texts=2), rows)


def rows_of(found: Comparison) -> list[dict[str, Any]]:
    """Every scored figure as a flat row."""
    return [
        {
            "class": r.kind, "id": r.id, "source": r.source, "model": r.model, "hardware": r.hardware,
            "runtime": r.runtime, "precision": r.precision, "conditions": r.conditions, "measured": r.measured,
            "modelled": r.modelled, "relative_error": r.error, "range_low": r.range and r.range[0],
            "range_high": r.range and r.range[1],
        }
        for r in found.rows
    ]  # fmt: skip


def document(found: Comparison) -> dict[str, Any]:
    """The comparison as JSON data."""
    errors = accuracy(found.rows)
    return {
        "schema": "bitnet-cost/measured-1",
        "accuracy": errors.model_dump(),
        "held": {name: part.model_dump() for name, part in held(found.points, found.judged).items()},
        "targets": {n: {"median": CLASSES[n].median, "p90": CLASSES[n].p90} for n in found.kinds},
        "rows": rows_of(found),
        "savings": savings.spreads(savings.pairs(found.points)),
        "left_out": [{"why": why, "rows": n} for why, n in left_out(found.points, found.kinds).items()],
        "used_for_constants": sorted(_used()),
    }
