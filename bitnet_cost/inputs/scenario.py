"""The question as one object: what is evaluated, and one lens on every figure of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, Field, ValidationError, model_validator

from bitnet_cost import questions
from bitnet_cost.errors import BitnetCostError, suggested
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import IN_USE, Figure, Input, Made, NoSuchPart, Same, explain, figures_in, put, walk
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.offload import divided
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.numerals import brief
from bitnet_cost.shown import Shown
from bitnet_cost.told import Array
from bitnet_cost.units import parse
from bitnet_cost.words import Accumulator, Counting, Logits, Parallel, Scope

GENERATE_ON_DEVICES = 128


def usual_generate(model: Architecture, hardware: Hardware) -> int:
    """Tokens generated where none are given."""
    return GENERATE_ON_DEVICES if hardware.has_clock and model.generates else 1


class Names(NamedTuple):
    """All of a scenario but its workload's numbers, its scope and its site: what is prepared once."""

    model: Same
    precision: Same
    hardware: Same
    runtime: Same
    counting: Counting
    logits: Logits
    accumulator: Accumulator
    devices: int
    parallel: Parallel
    offload: str | None
    draft: Same | None


def _resolved(given: dict[str, Any]) -> dict[str, Any]:
    """Fields of a scenario with the model's own precision in the place of ``-p file``, its layers as they are kept.

    A precision is as the hardware multiplies it.
    """
    model, precision, hardware = given.get("model"), given.get("precision"), given.get("hardware")
    if not isinstance(model, Architecture):
        return given
    if isinstance(precision, Precision):
        own = model.own(precision).of_model(model.depth)
        for end in own.cuts:
            model = model.cut_after(end)
        given = {**given, "model": model}
        given = {**given, "precision": _on(own, hardware) if isinstance(hardware, Hardware) else own}
    return {**given, "model": divided(model, given["offload"])} if given.get("offload") else given


def _on(precision: Precision, hardware: Hardware) -> Precision:
    """A precision as the hardware multiplies it, in its own format or widened."""
    return precision if precision.native is None else precision.on(hardware.multiplies_in)


class Question(Shown, Input):
    """What every question has: a model in a precision on hardware, and one lens on every figure of it."""

    model: Made[Architecture] = Field(description="architecture of the model")
    precision: Made[Precision] = Field(description="formats of weights, activations and KV cache")
    hardware: Made[Hardware] = Field(description="technology node or device")
    runtime: Made[Input] | None = Field(None, description=questions.RUNTIME.description)

    @model_validator(mode="before")
    @classmethod
    def _in_own_precision(cls, given: Any) -> Any:
        return _resolved(given) if isinstance(given, dict) else given

    @classmethod
    def of(cls, **parts: Any) -> Self:
        """A question of parts that were checked before, each for itself: none is checked again."""
        made: Any = cls.model_construct(**_resolved(parts))
        return made  # type: ignore[no-any-return]

    def but(self, **changed: Any) -> Self:
        """The same question with other fields, which are taken as they are."""
        if changed.keys() & {"precision", "model", "offload"}:
            own = {name: getattr(self, name, None) for name in ("model", "precision", "hardware", "offload")}
            known = type(self).model_fields
            changed = {name: it for name, it in _resolved(own | changed).items() if name in known}
        elif "hardware" in changed:
            changed["precision"] = _on(self.precision, changed["hardware"])
        return self.model_copy(update=changed)

    def _line(self) -> str:
        return f"{self.model.name} in {self.precision.name} on {self.hardware.name}"

    @classmethod
    def _whole(cls, path: str) -> str:
        """A path from the question on: one that begins with none of its fields lies below the hardware."""
        return path if path.partition(".")[0] in cls.model_fields else f"hardware.{path}"

    # --- the lens ----------------------------------------------------------------------------------------------------

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Every cited figure of the hardware, then of the runtime, by the path that `at` takes."""
        yield from figures_in(self.hardware)
        if self.runtime is not None:
            yield from figures_in(self.runtime, "runtime")

    def lacks(self, path: str) -> bool:
        """Whether a path is of the runtime, where there is none: what is there changes nothing."""
        return self.runtime is None and path.startswith("runtime.")

    def figure(self, path: str) -> Any:
        """What is at a path, as ``hierarchy.hbm.bandwidth``, ``runtime.kernels.linear.compute``, ``workload.batch``.

        A path begins with a field of the scenario; else it lies below the hardware. None where nothing is there.
        """
        try:
            return walk(self, self._whole(path))[1]
        except NoSuchPart:
            return None

    def at(self, path: str, value: Any) -> Self:
        """The scenario with something else at a path; see `figure` for paths.

        A number in the place of a cited figure becomes an exact figure that is assumed, and is held to what a file may
        say; so may an array, one number for each point of a grid. Anything else is put there as it is.

        Raises:
            BitnetCostError: no such field, or a number outside what it can be.
        """
        try:
            way, there = walk(self, self._whole(path))
        except NoSuchPart as fault:
            raise _no_figure(fault, path) from None
        value = value.item() if isinstance(value, np.generic) else value
        number = isinstance(value, int | float | np.ndarray) and not isinstance(value, bool)
        if number and not np.all(np.isfinite(value)):
            raise BitnetCostError(f"vary: {path}: {value} is not a finite number")
        if isinstance(there, Figure | int | float) and not isinstance(there, bool):
            if not (number or isinstance(value, Figure)):
                raise BitnetCostError(f"vary: {path}: {value!r} is not a number")
            value = _exact(there, value, path) if number else value
        elif number:
            raise BitnetCostError(f"vary: {path}: is not a figure of this profile")
        found = put(way, value)
        checked = len(way) == 1 or (number and not isinstance(getattr(value, "value", value), np.ndarray))
        # An array, or a figure, is taken as it is. A number is held to what each owner of it asks, the nearest first.
        for depth in range(len(way), 0, -1) if checked else ():
            owner = way[depth - 1][0]
            if depth == 1 < len(way) or not isinstance(
                owner, BaseModel
            ):  # the scenario itself holds nothing of a figure
                continue
            changed = found if depth == 1 else walk(found, ".".join(key for _, key in way[: depth - 1]))[1]
            try:
                type(owner).model_validate(dict(changed), context=IN_USE)
            except ValidationError as error:
                raise BitnetCostError(f"vary: {path}: {explain(error, {}, type(owner))[1]}") from None
        return found  # type: ignore[no-any-return]

    def changed(self, change: str) -> Self:
        """The scenario with one figure of the hardware or the runtime as a command gives it: ``PATH=VALUE``.

        Raises:
            BitnetCostError: not of this form, no such figure, a value without its unit or outside what it can be.
        """
        path, equals, text = change.partition("=")
        if not (path and equals and text):
            raise BitnetCostError(f"set: {change!r} is not PATH=VALUE, as in hierarchy.hbm.bandwidth='4 TB/s'")
        try:
            there = self.figure(path)
            if not isinstance(there, Figure):
                self.at(path, 1.0)  # says what is wrong with the path
                raise BitnetCostError(f"{path}: is not a cited figure of this profile")
            return self.at(path, parse(text, there.dimension))
        except BitnetCostError as fault:
            words = str(fault).removeprefix("vary: ")
            raise BitnetCostError(f"set: {words if words.startswith(path) else f'{path}: {words}'}") from None


class Scenario(Question):
    """One question: a model in a precision on hardware, its workload, its scope, the devices and what is around them.

    Its parts were validated where they were made, and are taken as they are; numbers of the workload and figures of
    the hardware and the runtime may be arrays over the points of a grid.
    """

    workload: Made[Workload] = Field(default_factory=Workload, description="work, and how it is counted")
    runtime: Made[RuntimeProfile] | None = Field(None, description=questions.RUNTIME.description)
    scope: Scope | None = Field(None, description=questions.SCOPE.description)
    accumulator: Accumulator = Field(questions.ACCUMULATOR.default, description=questions.ACCUMULATOR.description)
    devices: int = Field(questions.DEVICES.default, description=questions.DEVICES.description)
    parallel: Parallel = Field(questions.PARALLEL.default, description=questions.PARALLEL.description)
    offload: str | None = Field(questions.OFFLOAD.default, description=questions.OFFLOAD.description)
    draft: Made[Architecture] | None = Field(None, description="model that drafts tokens, see the workload")
    facility: Made[Facility] | None = Field(None, description="what turns energy and time into a site's")

    @property
    def drafting(self) -> Scenario | None:
        """What the model is asked that drafts tokens; None without one."""
        work = self.workload
        if self.draft is None or work.speculative is None:
            return None
        rounds = work.speculative._replace(drafting=True)
        drafted = replace(work, speculative=rounds, logits="last").with_numbers(*work.flat())
        mixed = any(layer.moe for layer in self.draft.layers)
        way = self.parallel if mixed or self.parallel != "expert" else "tensor"
        return self.but(model=self.draft, draft=None, offload=None, workload=drafted, parallel=way)

    @property
    def plain(self) -> Scenario:
        """The same without a draft."""
        return self.but(draft=None, workload=replace(self.workload, speculative=None))

    @property
    def pads_heads(self) -> bool:
        """Whether tensor-parallel devices that do not divide the heads fill them up."""
        return self.runtime is not None and self.runtime.pads_heads

    @property
    def names(self) -> Names:
        """The scenario without its numbers."""
        work = self.workload
        return Names(
            Same(self.model), Same(self.precision), Same(self.hardware), Same(self.runtime), work.counting,
            work.logits, self.accumulator, self.devices, self.parallel, self.offload,
            None if self.draft is None else Same(self.draft),
        )  # fmt: skip


def _exact(there: Any, value: float | Array, path: str) -> Any:
    """A number in the place of what is there: of a figure the value, with no range.

    Raises:
        BitnetCostError: outside of the figure's dimension.
    """
    if not isinstance(there, Figure):
        whole = isinstance(there, int) and not isinstance(value, np.ndarray) and value == int(value)
        return int(value) if whole else value
    dimension = there.dimension
    for end in (np.min(value), np.max(value)):
        if not dimension.low <= end <= dimension.high:
            most = f"{brief(dimension.low)} to {brief(dimension.high)} {dimension.si}"
            raise BitnetCostError(f"vary: {path}: {brief(end)} is outside {most}")
    update = {"value": value, "low": value, "high": value, "basis": "assumed", "note": "another value was asked for"}
    return there.model_copy(update=update)


def _no_figure(fault: NoSuchPart, path: str) -> BitnetCostError:
    if fault.known is None:
        return BitnetCostError(f"vary: {path}: is not a figure of this profile")
    return BitnetCostError(f"vary: {path}: the profile has no {fault.part!r}{suggested(fault.part, fault.known)}")
