"""Hold published tables against the model, cell by cell, each within a stated tolerance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import ge, gt, le
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost.engine.activity import mac_actions
from bitnet_cost.engine.estimate import against, evaluate
from bitnet_cost.engine.fit import fit
from bitnet_cost.errors import InvalidFile
from bitnet_cost.formulas.savings import unshrinking_share
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.inputs.scenario import Scenario, usual_generate
from bitnet_cost.inputs.study import UNIT_SCALES, Options, PrintedTable, Study
from bitnet_cost.inputs.workload import Workload, usual_attention
from bitnet_cost.ledger.contract import price_of
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import digits, figures_of, fixed, with_commas
from bitnet_cost.readers import catalog, machines
from bitnet_cost.studies import training_cells
from bitnet_cost.studies.measured import bare_product
from bitnet_cost.studies.quality_gap import gap_by_law, published_gap
from bitnet_cost.tables import Column, Note, Report, Table, headed
from bitnet_cost.views import honesty

_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda modelled, printed: abs(modelled - printed) <= 1.0, ">": gt, ">=": ge, "<=": le,
}  # fmt: skip
COMPARED = "~"
_WORK = ("batch", "prompt", "generate", "attention", "logits", "counting")


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed figure beside the modelled one, both in the table's unit."""

    table: str
    row: str
    column: str
    printed: float
    modelled: float
    decimals: int | None
    tolerance: float | None  # None: a claim, judged but not held to
    relation: str = "="
    share: float | None = None  # of a claim: the share of the baseline that would have to stay
    why: str = ""
    weak: bool = False  # whether the modelled figure rests on figures that are scaled or assumed

    @property
    def error(self) -> float:
        """Modelled minus printed."""
        return self.modelled - self.printed

    @property
    def equal_digits(self) -> bool:
        """Whether the modelled figure prints as the printed one, half a unit of its last digit either way."""
        half = 0.5 * 10.0**-self.decimals if self.decimals is not None else 0.0
        return abs(self.error) <= half + 1e-9 * abs(self.printed)

    @property
    def follows(self) -> bool:
        """Whether a claim is what the model says: the same to a point of percent, more, at least, or up to it."""
        return _RELATIONS[self.relation](self.modelled, self.printed)

    @property
    def kind(self) -> str:
        """Whether it is ``held`` to a tolerance, a ``claim`` to be judged, or ``compared`` alone."""
        return "compared" if self.relation == COMPARED else "claim" if self.tolerance is None else "held"

    @property
    def ratio(self) -> float:
        """Modelled over printed."""
        return self.modelled / self.printed

    @property
    def passed(self) -> bool:
        """Whether the cell is within its tolerance; a claim is never failed."""
        return self.tolerance is None or abs(self.error) <= self.tolerance + 1e-9 * abs(self.printed)

    @property
    def verdict(self) -> str:
        """In words."""
        if self.kind == "compared":
            return "compared"
        if self.tolerance is None:
            return "follows" if self.follows else "does not"
        if self.equal_digits:
            return "equal"
        return "within" if self.passed else "OUTSIDE"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A study and its cells."""

    study: Study
    cells: tuple[Cell, ...]

    @property
    def checked(self) -> int:
        """Cells that are held to a tolerance."""
        return sum(c.tolerance is not None for c in self.cells)

    @property
    def failed(self) -> int:
        """Cells outside their tolerance."""
        return sum(not c.passed for c in self.cells)

    @property
    def passed(self) -> bool:
        """No cell is outside its tolerance."""
        return self.failed == 0


def run(names: Sequence[str] | None = None) -> list[Outcome]:
    """Evaluate studies by name or file; all of the catalogue when none is named.

    Raises:
        BitnetCostError: an unknown name, an invalid file, or a cell that asks for what cannot be computed.
    """
    return [outcome(catalog.study(name)) for name in names or catalog.names("study")]


def outcome(study: Study) -> Outcome:
    """Every printed cell of a study beside the modelled one."""
    cells = []
    for table in study.tables:
        exceptions = {(e.row, e.column): e for e in table.exceptions}
        for row in table.rows:
            for column, printed in zip(table.columns, row.printed, strict=True):
                if printed is None:
                    continue
                options = _merged(study.options, table.options, column, row)
                found = _modelled(study, table, options)
                modelled = found.value / UNIT_SCALES[table.unit]
                own = exceptions.get((row.label, column.label))
                share = unshrinking_share(printed, modelled) if table.claims and options.quantity == "saving" else None
                cells.append(
                    Cell(table.title, row.label, column.label, float(printed), modelled, table.decimals,
                         None if table.claims or table.compared
                         else own.tolerance if own else _tolerance(table, float(printed)),
                         COMPARED if table.compared else row.relation, share, own.why if own else row.why, found.weak)
                )  # fmt: skip
    return Outcome(study, tuple(cells))


def _tolerance(table: PrintedTable, printed: float) -> float:
    if table.relative is not None:
        return table.relative * abs(printed)
    if table.tolerance is not None:
        return table.tolerance
    return float(0.5 * 10.0 ** -(table.decimals or 0))  # a table that is not a claim gives one of the three


def _merged(*parts: Options) -> Options:
    values: dict[str, Any] = {}
    for part in parts:
        values |= {k: v for k in Options.model_fields if (v := getattr(part, k)) is not None}
    return Options.model_validate(values)


class Modelled(NamedTuple):
    """A figure in SI (memory in bits), and whether it rests on figures that are scaled or assumed."""

    value: float
    weak: bool


def _modelled(study: Study, table: PrintedTable, options: Options) -> Modelled:
    """The modelled figure of one cell."""
    quantity = _wanted(study, options, "quantity")
    if quantity == "price":
        action = ".".join(part for part in (options.action, options.format) if part)
        profile = catalog.hardware(_wanted(study, options, "hardware"))
        return Modelled(price_of(action, profile, study.name)[1], bool(honesty.mark_basis(profile.basis(action))))
    if quantity == "quality_gap" and options.gap is not None:
        return Modelled(*published_gap(options.gap))
    if quantity == "law_gap" and options.by_law is not None:
        wide, narrow = (catalog.precision(_wanted(study, options, name)) for name in ("baseline", "precision"))
        return Modelled(*gap_by_law(options.by_law, wide, narrow))
    found = _figure(study, options, _wanted(study, options, "precision"))
    if not table.ratio:
        return found
    base = _figure(study, options, _wanted(study, options, "baseline"))
    return Modelled(base.value / found.value, base.weak or found.weak)


def _wanted(study: Study, options: Options, name: str) -> str:
    value = getattr(options, name)
    if value is None:
        raise InvalidFile(f"study {study.name}", f"options.{name}", "is missing for one of its cells")
    return str(value)


def _added(values: Sequence[float]) -> float:
    """First to last, alike in every version of Python; see `ordered_sum`."""
    return float(ordered_sum(np.array(values), 0))


def _figure(study: Study, options: Options, precision: str) -> Modelled:
    if options.quantity == "mac_energy":  # one MAC of a long linear product: its recipe at the profile's prices
        profile, what = catalog.hardware(_wanted(study, options, "hardware")), catalog.precision(precision)
        recipe = mac_actions(what, options.accumulator or "paper", profile)
        each = [times * price_of(action, profile, what.name)[1] for action, times in recipe.items()]
        energy = _added(each)
        return Modelled(energy, any(honesty.mark_basis(profile.basis(action)) for action in recipe))
    if options.quantity in training_cells.QUANTITIES:
        _wanted(study, options, "states_of" if options.quantity in training_cells.OF_STATES else "model")
        return Modelled(*training_cells.figure(options, precision, study.shapes))
    _wanted(study, options, "model")
    if options.quantity == "largest_batch":
        _wanted(study, options, "hardware")
        asked = _scenario(options.model_copy(update={"generate": options.generate or 1, "precision": precision}))
        kept = [asked.hardware.memory.capacity, asked.runtime.workspace if asked.runtime else None]
        return Modelled(float(fit(asked).batch), any(honesty.mark_basis(figure.basis) for figure in kept if figure))
    result, quantity = _evaluated(options, precision), str(options.quantity)
    other = _evaluated(options, options.baseline) if options.baseline and quantity == "saving" else None
    value = _read(result if other is None else against(result, other), quantity)
    return Modelled(value, any(_weak(r, quantity) for r in (result, other) if r))


TIMES = ("tokens_per_s", "decode_step", "prefill", "product_time")


def _weak(result: Result, quantity: str) -> bool:
    """Whether weak figures make up a percent of an energy, or set a time; memory and counts have none."""
    if quantity in TIMES:
        return bool(honesty.mark_time(result))
    if "energy" in quantity or quantity == "saving":
        component = quantity.partition(".")[2] or None
        return bool(honesty.mark(result, component))
    return False


def _evaluated(options: Options, precision: str) -> Result:
    """What the options ask for in a precision; columns and rows that differ in what they read of it share it."""
    unread = ("quantity", "action", "format", "baseline")
    return _evaluate(options.model_copy(update={"precision": precision} | dict.fromkeys(unread)).model_dump_json())


@cache
def _evaluate(options: str) -> Result:
    return evaluate(_scenario(Options.model_validate_json(options)))


def _scenario(options: Options) -> Scenario:
    """The question that options ask; memory does not depend on the hardware, so that it may be left out."""
    model = catalog.model(str(options.model))
    if options.untied and model.lm_head is not None:
        model = model.model_copy(update={"lm_head": model.lm_head.model_copy(update={"tied": False})})
    hardware, runtime = machines.setting(
        catalog.hardware(options.hardware or "cmos-45nm"), options.runtime, options.offload
    )
    work = {name: value for name in _WORK if (value := getattr(options, name)) is not None}
    work = {"generate": usual_generate(model, hardware), "attention": usual_attention(model.kind)} | work
    return Scenario(
        model=model, precision=catalog.precision(str(options.precision)), hardware=hardware, runtime=runtime,
        workload=Workload(**work), scope=options.scope, accumulator=options.accumulator or "paper",
        devices=options.devices or 1, parallel=options.parallel or "tensor", offload=options.offload,
    )  # fmt: skip


def _read(result: Result, quantity: str) -> float:
    if quantity == "energy":
        return float(result.energy_j)
    if quantity.startswith("energy."):
        return float(result.by_component[quantity.removeprefix("energy.")][1, 0])
    if quantity in ("decode_energy_per_token", "tokens_per_s", "decode_step", "decode_energy"):
        return _decoding(result, quantity)
    if quantity == "prefill":
        if result.timing is None:
            raise InvalidFile(f"study cell of {result.architecture.name}", quantity, "needs a device")
        return float(result.timing.of_phase("prefill")[0])
    if quantity in ("product_time", "product_energy"):
        return _product(result, quantity)
    if quantity == "saving":
        return float("nan") if result.saving is None else float(result.saving[1])
    memory = result.footprint
    values = {
        "ideal_weights": memory.ideal_bits,
        "stored_weights": memory.total_weight_bits,
        "non_embedding_weights": _added(
            [bits for role, bits in memory.weight_bits.items() if role not in ("embed_tokens", "lm_head")]
        ),
        "footprint": float(memory.bits[0]),
        "parameters": float(result.parameters),
        "mac": float(result.mac),
    }
    return values[quantity]


def _decoding(result: Result, quantity: str) -> float:
    """Of the decode phase alone, as decoding benchmarks report it."""
    steps = int(result.workload.generate) - 1
    if result.timing is None or steps < 1:
        raise InvalidFile(
            f"study cell of {result.architecture.name}", quantity, "needs a device, and tokens to generate"
        )
    if "energy" in quantity:
        energy = float(result.by_operator[1, result.counts.row_of("decode")].sum()) / steps
        return energy if quantity == "decode_energy" else energy / int(result.workload.batch)
    step = float(result.timing.of_phase("decode")[0]) / steps
    return step if quantity == "decode_step" else result.tokens_per_s or 0.0


def _product(result: Result, quantity: str) -> float:
    """Of one bare product alone, its last phase, without the quantisation of its operand."""
    row = bare_product(result)
    if row is None or result.timing is None:
        raise InvalidFile(f"study cell of {result.architecture.name}", quantity, "needs a device, and a bare product")
    steps = max(1, int(result.workload.generate) - 1)
    values = result.timing.seconds if quantity == "product_time" else result.by_operator[1]
    return float(values[-1, row, 0]) / result.counts.operators[row].repeat / steps


def _printed(value: float, decimals: int | None, extra: int = 0) -> str:
    return fixed(value, decimals + extra, grouping=False) if decimals is not None else digits(value)


def report(found: Outcome) -> Report:
    """A study's tables, cell by cell, and its findings."""
    study = found.study
    tables = []
    for table in study.tables:
        cells = [c for c in found.cells if c.table == table.title]
        make = _compared_table if table.compared else _claims_table if table.claims else _cells_table
        tables.append(make(table, cells))
    held = [c for c in found.cells if c.tolerance is not None]
    equal = sum(c.equal_digits for c in held)
    compared = [c.ratio for c in found.cells if c.kind == "compared"]
    which = f"{equal} of {len(held)} cells equal" if equal else f"none of {len(held)} cells equals"
    sentence = f"{study.title}: {which} the printed digits" if held else study.title
    if found.failed:
        sentence += f", {found.failed} outside their tolerance"
    elif equal < len(held):
        worst = max(held, key=lambda c: abs(c.error) / (c.tolerance or 1.0) if not c.equal_digits else 0.0)
        sentence += (
            f", {'the others' if equal else 'all'} are within their tolerance (worst {worst.row}, {worst.column})"
        )
    if compared:
        middle, low, high = (f"{fixed(float(np.percentile(compared, at)), 2)}" for at in (50, 0, 100))
        sentence += f"{';' if held else ':'} modelled over published is {middle} in the median of {len(compared)}"
        sentence += f" figures, {low} to {high}"
    claims = [c for c in found.cells if c.kind == "claim"]
    if claims:
        follow = sum(c.follows for c in claims)
        sentence += ";" if held or compared else ":"
        sentence += f" {follow} of {len(claims)} claims follow" if follow else f" none of {len(claims)} claims follows"
    reasons = [f"{c.row}, {c.column}: {c.why}" for c in found.cells if c.why and c.kind != "compared"]
    reasons += list(dict.fromkeys(f"{c.row}: {c.why}" for c in found.cells if c.why and c.kind == "compared"))
    reasons += [f"{table.title}: {table.why}" for table in study.tables if table.why]
    reasons = [f"{reason.removesuffix('.')}." for reason in reasons]
    weak = sum(c.weak for c in found.cells)
    signs = [
        f"{honesty.MARK} rests on figures that are scaled or assumed, by a percent of its energy or more, or in"
        f" what sets its time, or what is free for it: {weak} of {len(found.cells)} cells."
    ] * (weak > 0)
    cited = [
        f"Source: {source.author}: {source.title}, {source.year}. {source.where}. ({source.seen})"
        for source in (study.sources[key] for key in study.cited)
    ]
    lines = {"signs": signs, "finding": study.findings, "reason": reasons, "source": cited}
    notes = [Note(code, text) for code, texts in lines.items() for text in texts]
    return Report(study.title, sentence + ".", tuple(tables), tuple(notes))


def _mark(cell: Cell) -> str:
    return honesty.MARK if cell.weak else ""


def _cells_table(table: PrintedTable, cells: Sequence[Cell]) -> Table:
    unit = "" if table.unit == "1" else f" {table.unit}"
    heads = headed("row", "column", f"printed{unit}", f"modelled{unit}", "error", "allowed", texts=2)
    rows = [
        (c.row, c.column, _printed(c.printed, c.decimals), _printed(c.modelled, c.decimals, 2) + _mark(c),
         fixed(c.error, (c.decimals or 0) + 2, sign=True, grouping=False), digits(c.tolerance, 3), c.verdict)
        for c in cells
    ]  # fmt: skip
    return Table(table.title, (*heads, Column("verdict", False)), tuple(rows))


def _claims_table(table: PrintedTable, cells: Sequence[Cell]) -> Table:
    unit = "" if table.unit == "1" else f" {table.unit}"
    savings = any(c.share is not None for c in cells)
    heads = (*headed("claim", "at", f"claimed{unit}", f"modelled{unit}", texts=2), Column("verdict", False))
    rows = []
    for c in cells:
        needed = "none" if c.share is None else fixed(100 * c.share, 2)
        modelled = with_commas(float(c.modelled)) if table.unit == "1" else fixed(c.modelled, 2, grouping=False)
        claimed = f"{'' if c.relation == '=' else c.relation + ' '}{digits(c.printed, 6)}"
        row = (c.row, c.column, claimed, modelled + _mark(c), c.verdict)
        rows.append((*row, needed) if savings else row)
    return Table(table.title, (*heads, Column("must stay %")) if savings else heads, tuple(rows))


def _compared_table(table: PrintedTable, cells: Sequence[Cell]) -> Table:
    unit = "" if table.unit == "1" else f" {table.unit}"
    heads = headed("row", "column", f"printed{unit}", f"modelled{unit}", "ratio", texts=2)
    rows = [
        (c.row, c.column, figures_of(c.printed), figures_of(c.modelled) + _mark(c), fixed(c.ratio, 2)) for c in cells
    ]
    return Table(table.title, heads, tuple(rows))


def cell_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Every cell as a flat row."""
    return [
        {
            "study": o.study.name, "table": c.table, "row": c.row, "column": c.column, "printed": c.printed,
            "modelled": c.modelled, "error": c.error, "relative_error": c.error / c.printed if c.printed else None,
            "tolerance": c.tolerance, "verdict": c.verdict, "unshrinking_share": c.share, "weak": c.weak,
            "why": c.why or None,
        }
        for o in outcomes
        for c in o.cells
    ]  # fmt: skip


def document(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The outcomes as JSON data."""
    return {
        "schema": "bitnet-cost/validation-1",
        "passed": all(o.passed for o in outcomes),
        "cells": cell_rows(outcomes),
    }
