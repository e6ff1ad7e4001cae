"""Own files before they are used: what one is, its first fault, and what it cannot answer.

A fault is what no answer could come of: an unknown name, or what `catalog.own` refuses for every answer. What merely is
not priced is a remark, since a profile may be made for one precision alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.errors import BitnetCostError, InvalidFile, MissingPrice
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.datapath import UNITS
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.scenario import Scenario, usual_generate
from bitnet_cost.inputs.study import Options, Study
from bitnet_cost.inputs.sweep import Sweep
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.readers import catalog, machines
from bitnet_cost.readers.files import load_any
from bitnet_cost.studies import sweep

TRIED = ("fp16", "int8", "int4", "bitnet-b1.58")  # on a hardware profile
TRIED_ON = ("cmos-45nm", "cmos-7nm", "h100-sxm-80gb")  # of a precision
TRIAL = "smollm-135m"  # a decoder with every usual operator
MOST_ACTIONS = 40


def check(path: Path) -> list[str]:
    """What a file is, in words, and what is remarkable about it, when it has no fault.

    Raises:
        InvalidFile: its first fault.
    """
    kind, entry = ("model", catalog.model(str(path))) if catalog.is_config(str(path)) else load_any(path)
    return [f"{kind.replace('-', ' ')} {getattr(entry, 'name', '')}: no fault found", *_remarks(path, entry)]


def _remarks(path: Path, entry: Input) -> Iterator[str]:
    if isinstance(entry, Hardware):
        _check_runtime(path, entry)
        for point in entry.points:
            catalog.hardware(f"{path}@{point}")
        if not entry.has_clock and any(
            stem == "mac" and form not in UNITS for stem, _, form in (a.partition(".") for a in entry.actions)
        ):
            yield "no answer asks for its prices of mac: a technology node prices mul and add"
        for name in TRIED:
            missing = _missing(entry, catalog.precision(name))
            if missing:
                yield f"{name} cannot be priced: no {', '.join(missing)}"
        yield from _left_behind(entry)
    elif isinstance(entry, Precision):
        for name in TRIED_ON:
            missing = _missing(catalog.hardware(name), entry)
            if missing:
                yield f"{name} cannot price it: no {', '.join(missing)}"
    elif isinstance(entry, Study):
        _check_study(path, entry)
    elif isinstance(entry, Architecture):
        yield from entry.left_out()
    elif isinstance(entry, Sweep):
        _check_sweep(path)


def _check_runtime(path: Path, device: Hardware) -> None:
    try:
        machines.runtime_of(device, None)
    except BitnetCostError as fault:
        raise InvalidFile(path, "runtime", str(fault)) from None


def _missing(profile: Hardware, precision: Precision) -> list[str]:
    """Every action without a price: each gets one on trial, until the next is missing."""
    found: list[str] = []
    some, model = next(iter(profile.actions.values()), None), catalog.model(TRIAL)
    if some is None:  # its power holds every action
        return found
    profile, software = machines.setting(profile, None)
    work = Workload(generate=usual_generate(model, profile))
    while len(found) < MOST_ACTIONS:
        trial = profile.model_copy(update={"actions": profile.actions | dict.fromkeys(found, some)})
        try:
            evaluate(Scenario(model=model, precision=precision, hardware=trial, runtime=software, workload=work))
            return found
        except MissingPrice as fault:
            found.append(fault.action)
    return found


def _left_behind(profile: Hardware) -> Iterator[str]:
    """What measured rows gave the profile that another extends, and not the other."""
    base, known = profile.extends, catalog.constants()
    if base is None or profile.name == base or not profile.has_clock:
        return
    if known.of_device(base) or any(part.hardware == base for part in known.runtimes):
        yield f"factors from measured rows of {base} do not hold for it; they go by name, and so do measured errors"


def _check_study(path: Path, study: Study) -> None:
    shapes = {shape.name for shape in study.shapes}
    for place, options in _options(study):
        if options.model not in shapes:
            _named(path, f"{place}.model", "model", options.model)
        _named(path, f"{place}.hardware", "hardware", options.hardware)
        _named(path, f"{place}.precision", "precision", options.precision)
        _named(path, f"{place}.baseline", "precision", options.baseline)
        if options.runtime is not None:
            each = [name.rpartition("-")[0] for name in catalog.names("runtime")]
            if options.runtime not in (*each, *catalog.names("training-runtime")):
                raise InvalidFile(path, f"{place}.runtime", f"unknown runtime {options.runtime!r}")


def _options(study: Study) -> Iterator[tuple[str, Options]]:
    """Every set of options of a study, by its place."""
    yield "options", study.options
    for i, table in enumerate(study.tables):
        yield f"tables.{i}.options", table.options
        yield from ((f"tables.{i}.columns.{j}", column) for j, column in enumerate(table.columns))
        yield from ((f"tables.{i}.rows.{j}", row) for j, row in enumerate(table.rows))


def _named(path: Path, place: str, kind: str, name: str | None) -> None:
    read = {"model": catalog.model, "hardware": catalog.hardware, "precision": catalog.precision}[kind]
    if name is None:
        return
    try:
        read(name)
    except BitnetCostError as fault:
        raise InvalidFile(path, place, str(fault)) from None


def _check_sweep(path: Path) -> None:
    """Every name, axis, figure, filter and column of a sweep."""
    try:
        sweep.plan(sweep.of_file(str(path), {}))
    except InvalidFile:
        raise
    except BitnetCostError as fault:
        raise InvalidFile(path, "", str(fault)) from None
