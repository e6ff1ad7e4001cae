"""Hardware: the energy of each action and memory level, with source and range.

A *technology node* has prices and no clock: energy of arithmetic and of memory, no latency, no static power. A *device*
has memory, rates and power as well: it answers time, energy of the whole device, and whether a model fits.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Literal, Self

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, model_validator

from bitnet_cost.errors import BitnetCostError, UnsupportedScope, nearest
from bitnet_cost.inputs.cited import (
    Bandwidth,
    Basis,
    Capacity,
    CatalogueName,
    Duration,
    Energy,
    EnergyPerBit,
    EnergyPerOperation,
    Figure,
    Input,
    Mass,
    Power,
    Price,
    Rate,
    Ratio,
    Source,
    check_figures,
    walk,
)
from bitnet_cost.inputs.composed import MacArray, PlacedMemory
from bitnet_cost.inputs.datapath import UNITS, Unit, takes, units_for
from bitnet_cost.numerals import brief
from bitnet_cost.shown import Shown
from bitnet_cost.units import OPERATIONS_PER_MAC
from bitnet_cost.words import Scope

SPECIAL = ("exp", "tanh", "erf", "div", "sqrt", "unpack", "lookup")
"""unpack: a packed weight widened before use; lookup: an entry of a unit's table read or written."""

_LEVEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # a level's reads are the action 'level.read'
TAKEN = ("mul", "add", "mac", *SPECIAL, "special", "static", "interconnect", "facility", "host", "server", "total")

DeviceClass = Literal["gpu", "igpu", "tpu", "cpu", "soc", "phone", "board", "mcu", "npu"]
GPUS: tuple[DeviceClass, ...] = ("gpu", "igpu")
_UNLESS_BY_TIME: dict[str, JsonValue] = {  # of its JSON Schema: what only a device priced by time does without
    "if": {"properties": {"priced": {"const": "time"}}, "required": ["priced"]},
    "then": {},
    "else": {
        "properties": {"actions": {"minProperties": 1}, "hierarchy": {"additionalProperties": {"required": ["read"]}}},
        "required": ["actions"],
    },
}
_POINT = re.compile(r"^[0-9a-z][0-9a-z.]*$")
_ACTION = re.compile(r"(mul|add|mac|exp|tanh|erf|div|sqrt|unpack|lookup)\.(fp|bf|int)[0-9]+|mac\.(binary|ternary)")
_NAMES: dict[str, JsonValue] = {"propertyNames": {"pattern": f"^({_ACTION.pattern})$"}}  # of its JSON Schema


class SpecialFunction(Input):
    """A special function as a stated number of multiplications and additions of its format.

    None of either: its energy is part of another figure, as of the power or of a MAC. So may be that of ``mul`` and
    ``add`` themselves.
    """

    mul: float = Field(0, ge=0, le=1000, description="multiplications")
    add: float = Field(0, ge=0, le=1000, description="additions")
    low_factor: float = Field(1, gt=0, le=1, description="lowest believable energy, as a factor")
    high_factor: float = Field(1, ge=1, le=100, description="highest believable energy, as a factor")
    basis: Basis = Field(description="how it is known")
    source: str = Field(min_length=1, description="a key of the file's sources")
    note: str = Field(default="", description="how the numbers come about")


class MemoryLevel(Input):
    """One level of the memory hierarchy."""

    capacity: Capacity | None = Field(None, description="bits that fit; left out: unbounded")
    read: EnergyPerBit | None = Field(
        None,
        description="energy of reading one bit; left out: not known, which a device priced by time does without",
    )
    write: EnergyPerBit | None = Field(None, description="energy of writing one bit; left out: as reading")
    bandwidth: Bandwidth | None = Field(
        None,
        description="bits per second; left out of an inner level: nothing waits for it; a technology node has none",
    )

    @property
    def size(self) -> float:
        """Bits that fit; infinite where the level is unbounded.  [bit]"""
        return math.inf if self.capacity is None else self.capacity.value

    @property
    def rate(self) -> float:
        """Bits per second; infinite where there is no clock.  [bit/s]"""
        return math.inf if self.bandwidth is None else self.bandwidth.value


class PowerProfile(Input):
    """Power of a device."""

    static: Power = Field(description="floor while active: what an active device draws before any work")
    between: Power | None = Field(
        None, description="drawn between kernels, clocks up and nothing resident; left out: as static"
    )
    active: Power | None = Field(
        None, description="above the floor while a kernel runs and waits: for the time that it is slower than its peaks"
    )
    idle: Power | None = Field(None, description="drawn while nothing runs")
    cap: Power | None = Field(None, description="limit of the board or package")
    leaves_out: str = Field(
        "", max_length=120, description="what this power does not hold, as 'memory outside the chip'"
    )

    @property
    def resting(self) -> Power:
        """What is drawn when work has just ended, or comes soon."""
        return self.between or self.idle or self.static

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.cap is not None and self.cap.value < self.static.value:
            raise ValueError(self.no_room)
        return self

    @property
    def no_room(self) -> str | None:
        """That the limit leaves no room above what is always drawn, in words; None where it does, or there is none."""
        for name, least in (("static", self.static), ("between", self.between)):
            if self.cap is not None and least is not None and self.cap.value <= least.value:
                return f"cap {brief(self.cap.value)} W is not above {name} {brief(least.value)} W: nothing could run"
        return None


class Reached(Input):
    """What a design's own program reaches of its peaks, in place of its runtime's shares for products."""

    bandwidth: Ratio | None = Field(None, description="share of the peak bandwidth")
    compute: Ratio | None = Field(None, description="share of the peak rate of products")
    overhead: Duration | None = Field(None, description="time of one product's launch, in which nothing else runs")


class PriceSet(Input):
    """Published values for the same actions from elsewhere, whole: what it leaves out has no price with it."""

    title: str = Field(min_length=2, description="in words")
    note: str = Field(default="", description="what a reader should know before comparing")
    actions: dict[str, EnergyPerOperation] = Field(
        min_length=1, description="energy of one action", json_schema_extra=_NAMES
    )


class Interconnect(Input):
    """Link between devices of one node."""

    energy: EnergyPerBit = Field(description="energy of moving one bit to another device, both ends")
    bandwidth: Bandwidth = Field(description="bits per second out of one device, one direction")
    latency: Duration | None = Field(None, description="time of one exchange in which nothing else runs; left out: 0")
    reached: Ratio | None = Field(None, description="share of the bandwidth that long messages reach; left out: all")
    short: Ratio | None = Field(
        None, description="share that short messages reach in their protocol; left out: as long"
    )
    start: Duration | None = Field(None, description="time that the protocol of long messages takes beyond the latency")
    power: Power | None = Field(
        None, description="drawn by each device that is joined, idle links too, beyond its own floor; left out: none"
    )
    devices: int = Field(gt=1, le=100_000, description="devices that the link joins")


class HostLink(Input):
    """Link between a device and its host."""

    energy: EnergyPerBit = Field(description="energy of moving one bit, both ends")
    bandwidth: Bandwidth = Field(description="bits per second that are reached to one device, one direction")


class Host(Input):
    """What a device is plugged into: memory that its devices share, and a link to each of them."""

    title: str = Field(min_length=2, description="in words")
    memory: MemoryLevel = Field(description="its main memory; needs capacity and bandwidth")
    link: HostLink = Field(description="to each device")
    power: Power | None = Field(
        None, description="drawn beside its devices, by processors, memory, fans and network; in scope facility"
    )
    supply: Ratio | None = Field(
        None, description="share of the energy from the wall that its power supplies pass on; left out: all"
    )
    devices: int = Field(1, gt=0, le=1024, description="devices that it has, which share its power")
    of: list[str] = Field(default_factory=list, description="devices of the catalogue that have such a host")

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.memory.capacity is None or self.memory.bandwidth is None:
            raise ValueError("memory: a host's needs capacity and bandwidth")
        return self


class Scaled(Input):
    """A technology node whose energies are those of another, scaled by a rule of ``formulas/nodes.py``."""

    base: CatalogueName = Field(description="technology node of the catalogue")
    to: float = Field(gt=0, le=1000, description="the node, in nm")
    by: Literal["published-tables", "stillmaker-baas", "foundry", "dennard"] = Field(description="the rule")


class Links(Input):
    """Links between devices and hosts of devices, by name."""

    name: str = Field(description="catalogue id")
    title: str = Field(description="in words")
    links: dict[str, Interconnect] = Field(description="between devices, by name")
    hosts: dict[str, Host] = Field(
        default_factory=dict, description="of devices, by name; the first is that of devices that none lists"
    )
    sources: dict[str, Source] = Field(min_length=1, description="where the figures come from")

    @model_validator(mode="after")
    def _cited(self) -> Self:
        check_figures(self, self.sources)
        return self


def _cited_in(data: JsonValue | Mapping[str, JsonValue], place: str) -> Iterator[tuple[str, str]]:
    """The source of every figure of a document, by its place."""
    for key, value in data.items() if isinstance(data, Mapping) else ():
        if key == "source" and isinstance(value, str):
            yield place, value
        yield from _cited_in(value, f"{place}.{key}")


class Hardware(Shown, Input):
    """A hardware profile: prices of actions, and of a device memory, rates and power; SI, with range, basis, source."""

    model_config = ConfigDict(json_schema_extra=_UNLESS_BY_TIME)

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]*(@[0-9a-z.]+)?$",
        max_length=60,
        description="catalogue id, with @ and a point of it",
    )
    extends: str | None = Field(None, description="profile whose figures hold where this file gives none")
    title: str = Field(min_length=2, description="in words")
    kind: Literal["technology", "device"] = Field(
        description="technology: prices of a process node, no clock; device: memory, rates and power as well"
    )
    device_class: DeviceClass | None = Field(None, description="what runtimes it takes (devices: required)")
    runtime: CatalogueName | None = Field(None, description="the default runtime (devices: required)")
    arrays: dict[str, MacArray] = Field(
        default_factory=dict,
        description="arrays by the format of their products, as in {ternary: {macs: 4096, clock: 500 MHz}}: their "
        "rates, units and prices, on those of a technology node that the file extends",
    )
    memories: dict[str, PlacedMemory] = Field(
        default_factory=dict, description="memories by name, nearest first: the hierarchy, by the kind of each"
    )
    scaled: Scaled | None = Field(None, description="what its energies are scaled from, where it gives none of its own")
    cores: int = Field(
        1,
        ge=1,
        le=1024,
        description="parts among which tensor-parallel software divides a model as among devices",
    )
    released: int | None = Field(None, ge=1970, le=2100, description="year in which it was first sold")
    note: str = Field(default="", description="what a reader should know")
    actions: dict[str, EnergyPerOperation] = Field(
        default_factory=dict,
        description="energy of one action; only a device priced by time has none",
        json_schema_extra=_NAMES,
    )
    alternatives: dict[str, PriceSet] = Field(
        default_factory=dict, description="other published values of the actions, by name (--prices)"
    )
    special_functions: dict[str, SpecialFunction] = Field(
        default_factory=dict,
        description="special functions without a published figure; mul and add where they are part of another",
        json_schema_extra={"propertyNames": {"enum": [*SPECIAL, "mul", "add"]}},
    )
    hierarchy: dict[str, MemoryLevel] = Field(
        default_factory=dict, description="memory levels, nearest first; the last holds the model (devices: required)"
    )
    priced: Literal["actions", "time"] = Field(
        "actions", description="time: the measured package power is constant under load and includes every action"
    )
    executes: dict[str, str] = Field(
        default_factory=dict,
        description="format that runs in place of one without a unit of its own, e.g. {int4: fp16}",
    )
    rates: dict[str, Rate] = Field(
        default_factory=dict, description="peak rate of products by format (devices: required)"
    )
    units: dict[str, Unit] = Field(
        default_factory=dict,
        description="low-bit units by the format of their weights: binary, ternary, int2 to int8, fp4 to fp8",
        json_schema_extra={"propertyNames": {"enum": list(UNITS)}},
    )
    decode_rates: dict[str, Rate] = Field(
        default_factory=dict,
        description="peak rates while decoding, where another engine does that; left out: as rates",
    )
    reached: Reached | None = Field(None, description="what its program reaches of the peaks; left out: its runtime's")
    points: dict[str, dict[str, JsonValue]] = Field(
        default_factory=dict,
        description="operating points, as '0.6V': the figures that differ there; asked for as NAME@0.6V",
        json_schema_extra={"propertyNames": {"pattern": _POINT.pattern}},
    )
    multiprocessors: int | None = Field(
        None, ge=1, le=4096, description="parts that each work on a tile of a product; left out: not modelled"
    )
    power: PowerProfile | None = Field(None, description="power (devices: required)")
    interconnect: Interconnect | None = Field(None, description="link to other devices of the node")
    host: Host | None = Field(None, description="its host, which --offload reads from; left out: a usual one")
    battery: Energy | None = Field(None, description="energy of a full battery")
    embodied: Mass | None = Field(None, description="emissions of making the device")
    launch_price: Price | None = Field(None, description="price of the device when it was first sold")
    sources: dict[str, Source] = Field(min_length=1, description="where the figures come from")

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        every = [*self.actions, *(action for prices in self.alternatives.values() for action in prices.actions)]
        for action in every:
            if not _ACTION.fullmatch(action):
                stem, _, form = action.partition(".")
                close = nearest(stem, ["mul", "add", "mac", *SPECIAL])
                hint = f"; did you mean '{close}.{form}'?" if close and form else ""
                raise ValueError(
                    f"actions: {action!r} is not an action; expected mul, add, mac or a special function"
                    f" of a format, as in mul.fp16{hint}"
                )
        for name, function in self.special_functions.items():
            if name not in SPECIAL and (name not in ("mul", "add") or function.mul or function.add):
                raise ValueError(
                    f"special_functions: {name!r} is not one of {', '.join(SPECIAL)}, nor mul or add, which may only be"
                    " part of another figure (mul: 0, add: 0)"
                )
        for name in self.hierarchy:
            if name in TAKEN:
                raise ValueError(f"hierarchy: a memory level cannot be called {name!r}, as other energies are")
            if not _LEVEL.fullmatch(name):
                raise ValueError(f"hierarchy: {name!r} is no name of a memory level; take letters, digits, - and _")
        for name, unit in self.units.items():
            if name not in UNITS:
                raise ValueError(f"units: {name!r} is not one of {', '.join(UNITS)}")
            if unit.datapath is None and f"mac.{name}" not in self.actions and self.priced == "actions":
                raise ValueError(f"units.{name}: give its datapath, or its price as actions.mac.{name}")
            if self.has_clock and name not in self.rates:
                raise ValueError(f"units.{name}: its rate is missing; give rates.{name}")
        if not self.actions and self.priced == "actions":
            raise ValueError(
                "actions are missing (energy of one action); if only the power under load is known, say 'priced: time'"
            )
        for name, level in self.hierarchy.items():
            if level.read is None and (level.write is not None or self.priced == "actions"):
                raise ValueError(
                    f"hierarchy.{name}.read is missing (energy of reading one bit); leave out a level whose price is"
                    " not known, or say 'priced: time' where the power under load holds it"
                )
        for name in self.points:
            if not _POINT.fullmatch(name):
                raise ValueError(f"points: {name!r} is not a point; take small letters, digits and dots, as in 0.6v")
        self._check_device()
        others = {f"special_functions.{n}": f.source for n, f in self.special_functions.items()}
        whole = not (info.context or {}).get("in_use")
        check_figures(self, self.sources, others | dict(_cited_in(self.points, "points")), whole=whole)
        return self

    def _check_device(self) -> None:
        given = {name for name in ("device_class", "runtime", "power") if getattr(self, name) is not None}
        if not self.has_clock:
            own = (self.rates, self.decode_rates, self.interconnect, self.host, self.battery, self.reached)
            if given or any(own):
                raise ValueError("a technology node has no clock: it takes no rates, power, runtime, link or host")
            return
        for name in ("device_class", "runtime", "power"):
            if name not in given:
                raise ValueError(f"{name} is missing; a device needs it")
        if not self.rates or not self.hierarchy:
            raise ValueError("a device needs rates and a hierarchy of memory levels")
        for name, level in self.hierarchy.items():
            if level.capacity is None or (level.bandwidth is None and level is self.memory):
                raise ValueError(
                    f"hierarchy.{name}: a device's level needs capacity, and the last, which holds the model, bandwidth"
                )
        for form in self.decode_rates:
            if form not in self.rates:
                raise ValueError(f"decode_rates.{form}: rates has none for it")
        if self.priced == "actions" and self.device_power.no_room:  # a power that holds every action needs no room
            raise ValueError(f"power: {self.device_power.no_room}")
        for form, other in self.executes.items():
            if other not in self.rates:
                raise ValueError(f"executes.{form}: runs as {other!r}, which has no rate")

    @property
    def default_scope(self) -> Scope:
        """The scope that is answered when none is asked for."""
        if self.housed:
            return "facility"
        return "device" if self.has_clock else "arithmetic"

    @property
    def of_server(self) -> float:
        """The share of the server around it that a device is, whose power scope facility then holds; 0: none does."""
        return 0.0 if self.host is None or self.host.power is None else 1 / self.host.devices

    @property
    def housed(self) -> bool:
        """Whether the power of the server around it is counted."""
        return self.of_server > 0

    @property
    def has_clock(self) -> bool:
        """Whether time passes on it: a device, with memory, rates and power; not a technology node."""
        return self.kind == "device"

    @property
    def joined_at_most(self) -> int:
        """How many devices share a model at most: those that the interconnect joins, or one alone."""
        return 1 if self.interconnect is None else self.interconnect.devices

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that it can answer, each holding those before it; ``facility`` where a site is given."""
        if self.has_clock:
            whole: tuple[Scope, ...] = ("device", "facility")
            return ("arithmetic", "compute", "memory", *whole) if self.actions else whole
        return ("arithmetic", "compute", "memory") if self.hierarchy else ("arithmetic", "compute")

    def not_reached(self, scope: Scope) -> str | None:
        """What scope memory leaves out at a technology node; None elsewhere."""
        if scope != "memory" or self.has_clock or len(self.hierarchy) < 2:
            return None
        return f"what the datapath reads of {next(iter(self.hierarchy))} and its registers"

    @property
    def device_power(self) -> PowerProfile:
        """The power of a device.

        Raises:
            UnsupportedScope: a technology node has none.
        """
        if self.power is None:
            raise UnsupportedScope(f"{self.name!r} is a technology node: it has no power")
        return self.power

    @property
    def memory(self) -> MemoryLevel:
        """The level that holds the model."""
        return list(self.hierarchy.values())[-1]

    def with_prices(self, name: str) -> "Hardware":
        """The profile priced with one of its alternatives, which its name then ends with; ``own`` is itself.

        Raises:
            BitnetCostError: no alternative of that name; the message names those there are.
        """
        if name == "own":
            return self
        prices = self.alternatives.get(name)
        if prices is None:
            close = nearest(name, self.alternatives)
            hint = f" Did you mean {close!r}?" if close else ""
            there = ", ".join(["own", *self.alternatives])
            raise BitnetCostError(f"prices: {self.name!r} has no price set called {name!r}; there are {there}.{hint}")
        changed = {"name": f"{self.name}.{name}", "title": f"{self.title}; {prices.title}", "actions": prices.actions}
        return self.model_copy(update=changed)

    def unit_for(self, weights: str, activations: str) -> str | None:
        """The narrowest unit for low-bit weights that takes the inputs, by its format; None: there is none.

        A unit for binary or ternary weights is known by its rate, at a technology node by its price; of others
        ``units`` has to say what they take.
        """
        for form in units_for(weights):
            known = form in self.units or (
                form in ("binary", "ternary")
                and (form in self.rates if self.has_clock else f"mac.{form}" in self.actions)
            )
            if known and takes(self.units.get(form), form, activations):
                return form
        return None

    @property
    def has_low_bit_units(self) -> bool:
        """Whether `unit_for` finds one for any weights."""
        known = set(self.rates) if self.has_clock else {action.removeprefix("mac.") for action in self.actions}
        return bool(self.units) or not known.isdisjoint(("binary", "ternary"))

    @property
    def multiplies_in(self) -> frozenset[str]:
        """Formats of products that it prices and, where time passes on it, has a rate for."""
        stem = "mac." if self.has_clock else "mul."
        priced = {action.removeprefix(stem) for action in self.actions if action.startswith(stem)}
        return frozenset(priced & set(self.rates) if self.has_clock else priced)

    def executed(self, form: str) -> str | None:
        """The format in which a product of ``form`` runs here: itself, a substitute, or None."""
        if form in self.rates:
            return form
        return self.executes.get(form)

    def mac_rate(self, form: str) -> float:
        """Peak rate of products in a format that it has.  [MAC/s]"""
        return self.rates[form].value / OPERATIONS_PER_MAC

    def price(self, action: str) -> tuple[float, float, float] | None:
        """``(low, nominal, high)`` energy of an action, or None.  [J]

        Moving a bit at a level is an action (``hbm.read``), and so is a second of static power (``static.power``). A
        special function without a figure of its own costs its stated number of multiplications and additions at
        their nominal price, within its own range.
        """
        figure = self.figure(action)
        if figure is not None:
            return figure.low, figure.value, figure.high
        name, _, form = action.partition(".")
        function = self.special_functions.get(name)
        if function is not None and not function.mul and not function.add:
            return 0.0, 0.0, 0.0
        mul, add = self.actions.get(f"mul.{form}"), self.actions.get(f"add.{form}")
        if function is None or mul is None or add is None:
            return None
        energy = function.mul * mul.value + function.add * add.value
        return function.low_factor * energy, energy, function.high_factor * energy

    def path_of(self, action: str) -> str | None:
        """The path of the cited figure behind an action's price, if it has one of its own."""
        stem, _, part = action.partition(".")
        if action in self.actions:
            return f"actions.{action}"
        if stem == "static" and self.power is not None:
            own = {"waiting": "active", "between": "between"}.get(part, "static")
            return None if getattr(self.power, own) is None else f"power.{own}"
        if stem == "interconnect" and self.interconnect is not None:
            return "interconnect.power" if part == "power" else "interconnect.energy"
        if stem == "server":
            return None if self.host is None or self.host.power is None else "host.power"
        if stem == "host" and self.host is not None:
            return "host.link.energy" if part == "link" else f"host.memory.{part}"
        level = self.hierarchy.get(stem)
        if level is None or level.read is None:
            return None
        return f"hierarchy.{stem}.{'write' if part == 'write' and level.write is not None else 'read'}"

    def figure(self, action: str) -> Figure | None:
        """The cited figure behind an action's price, if it has one of its own."""
        if action in self.actions:
            return self.actions[action]
        path = self.path_of(action)
        found: Figure | None = None if path is None else walk(self, path)[1]
        return found

    def basis(self, action: str) -> Basis | None:
        """How an action's price is known."""
        figure = self.figure(action)
        if figure is not None:
            return figure.basis
        function = self.special_functions.get(action.partition(".")[0])
        return function.basis if function else None
