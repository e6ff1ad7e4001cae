"""The facility around a device: cooling and supply, carbon of its electricity, and price."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.cited import CarbonIntensity, Figure, Input, Source, Tariff, WaterIntensity, check_figures
from bitnet_cost.inputs.hardware import Host
from bitnet_cost.numerals import brief
from bitnet_cost.shown import Shown
from bitnet_cost.units import KWH
from bitnet_cost.words import Scope


class Grids(Input):
    """Carbon intensity of electricity by zone, and where they are known its price and its water."""

    name: str = Field(description="catalogue id")
    title: str = Field(description="in words")
    zones: dict[str, CarbonIntensity] = Field(min_length=1, description="by country code, in lower case")
    prices: dict[str, Tariff] = Field(default_factory=dict, description="price for businesses, by country code")
    water: dict[str, WaterIntensity] = Field(default_factory=dict, description="water of its making, by country code")
    sources: dict[str, Source] = Field(min_length=1, description="where the figures come from")

    @model_validator(mode="after")
    def _cited(self) -> Self:
        check_figures(self, self.sources)
        return self


Range = tuple[float, float, float]
"""Low, nominal, high."""


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Zone:
    """The electricity of one zone: its carbon intensity with range, where that comes from, and its water if known."""

    name: str
    figure: CarbonIntensity
    source: Source
    water: WaterIntensity | None = None


@dataclass(frozen=True, repr=False, slots=True)
class Facility(Shown):
    """What turns a device's energy into a facility's, and into emissions and money. None: not asked for.

    Args:
        pue: power usage effectiveness, facility energy / device energy, at least 1.
        carbon_g_per_j: emissions of electricity.  [g/J]
        usd_per_j: price of electricity.  [USD/J]
        grid: what the carbon intensity describes.
        zone: the zone that it is of, whose range it moves within; None: typed in, and taken as exact.
        host: the server around the devices, by its name in ``list hosts``, whose power is in scope ``facility``.
        usd_per_device_hour: rent or depreciation of one device while it works.  [USD/h]
        embodied_g: emissions of making one device, spread evenly over its lifetime of work; ``"profile"``: what the
            hardware's profile cites.  [g]
        lifetime_years: that lifetime; 3 is what ecologits takes for servers.

    Raises:
        BitnetCostError: a figure outside what it can be.
    """

    pue: float = 1.0
    carbon_g_per_j: float | None = None
    usd_per_j: float | None = None
    grid: str = ""
    usd_per_device_hour: float | None = None
    embodied_g: float | Literal["profile"] | None = None
    lifetime_years: float = 3.0
    zone: Zone | None = None
    host: str | None = None

    def __post_init__(self) -> None:
        for name in ("pue", "carbon_g_per_j", "usd_per_j", "usd_per_device_hour", "embodied_g", "lifetime_years"):
            given = getattr(self, name)
            left_out = given is None and name not in ("pue", "lifetime_years")
            if not left_out and not _is_number(given) and not (name == "embodied_g" and given == "profile"):
                raise BitnetCostError(f"{name}: {given!r} is not a number")
        if not 1 <= self.pue <= 10:
            raise BitnetCostError(f"pue: {brief(self.pue)} is not facility energy / device energy; expected 1 to 10")
        for name, value, most in (("carbon", self.carbon_g_per_j, 5e3), ("price", self.usd_per_j, 100.0)):
            if value is not None and not 0 <= value * KWH <= most:
                raise BitnetCostError(f"{name}: {brief(value * KWH)} per kWh is outside 0 to {brief(most)}")
        kilograms = self.embodied_g / 1e3 if isinstance(self.embodied_g, float | int) else None
        for name, value, most in (("device-hour", self.usd_per_device_hour, 1e5), ("embodied", kilograms, 1e6)):
            if value is not None and not 0 <= value <= most:
                raise BitnetCostError(f"{name}: {brief(value)} is outside 0 to {brief(most)}")
        if not 0.001 <= self.lifetime_years <= 100:
            raise BitnetCostError(f"lifetime: {brief(self.lifetime_years)} years is outside 0.001 to 100")

    @property
    def carbon_range(self) -> Range | None:
        """Low, nominal and high carbon intensity; one that was typed in is exact.  [g/J]"""
        value = self.carbon_g_per_j
        if value is None:
            return None
        return (value, value, value) if self.zone is None else (self.zone.figure.low, value, self.zone.figure.high)

    @property
    def paid_for(self) -> str:
        """What the money is for.

        >>> Facility(usd_per_j=5e-8).paid_for, Facility(usd_per_j=5e-8, usd_per_device_hour=2.0).paid_for
        ('electricity', 'electricity and device time')
        """
        parts = {"electricity": self.usd_per_j, "device time": self.usd_per_device_hour}
        return " and ".join(name for name, price in parts.items() if price is not None)

    @property
    def water_l_per_j(self) -> float | None:
        """Water that making the zone's electricity takes; the cooling of the site itself is not in it.  [L/J]"""
        return None if self.zone is None or self.zone.water is None else self.zone.water.value

    @property
    def usd_per_device_s(self) -> float | None:
        """What one device costs while it works.  [USD/s]"""
        return None if self.usd_per_device_hour is None else self.usd_per_device_hour / 3600

    def emitted(self, joules: Any, device_seconds: Any, profile: Figure | None) -> Any:
        """Nominal emissions of the facility's energy, and of making devices held so long; None: neither is known.  [g]

        Args:
            joules: energy of the facility.  [J]
            device_seconds: seconds of all devices; None: not known, and their making is left out.
            profile: emissions of making one device, as its profile cites them.
        """
        making = self.embodied_range(profile)
        if self.carbon_g_per_j is None and making is None:
            return None
        made = 0.0 if making is None or device_seconds is None else making[1] * device_seconds
        return joules * (self.carbon_g_per_j or 0.0) + made

    def paid(self, joules: Any, device_seconds: Any) -> Any:
        """Nominal cost of the facility's energy and of the time of devices; None: no price is known.  [USD]"""
        if self.usd_per_j is None and self.usd_per_device_s is None:
            return None
        held = 0.0 if device_seconds is None else device_seconds
        return joules * (self.usd_per_j or 0.0) + (self.usd_per_device_s or 0.0) * held

    def embodied_of(self, profile: Figure | None) -> float | None:
        """Emissions of making one device: the figure given, or that of its profile.  [g]"""
        if self.embodied_g == "profile":
            return None if profile is None else profile.value
        return self.embodied_g

    def embodied_range(self, profile: Figure | None) -> Range | None:
        """Low, nominal and high emissions of making one device, per second of its lifetime.  [g/s]

        Those of a profile have its range; a number that was given is exact.
        """
        grams = self.embodied_of(profile)
        if grams is None:
            return None
        ends = (profile.low, profile.high) if self.embodied_g == "profile" and profile else (grams, grams)
        seconds = self.lifetime_years * 365.25 * 86400
        return ends[0] / seconds, grams / seconds, ends[1] / seconds


def overhead(site: Facility | None, host: Host | None) -> Any:
    """What scope ``facility`` multiplies the energy of devices and host by; None: nothing is known of it.

    The PUE, over the share of energy that the host's power supplies pass on.
    """
    pue = None if site is None else site.pue
    if host is None or host.supply is None:
        return pue
    return (1.0 if pue is None else pue) / host.supply.value


def overhead_in(scope: Scope, site: Facility | None, host: Host | None) -> Any:
    """What a scope multiplies the energy of devices and host by: 1 but for ``facility``, see `overhead`."""
    found = overhead(site, host) if scope == "facility" else None
    return 1.0 if found is None else found
