"""How far measured figures are from modelled ones: what a 90 % interval of an answer is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bitnet_cost.inputs.accuracy import Spread
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.hardware import GPUS
from bitnet_cost.inputs.precision import Precision

RangeKind = Literal[
    "product", "host", "fp32", "server-small", "server-dense", "server-moe", "prefill", "decode-1", "decode-64",
    "decode-more", "training",
    "accelerator", "prefill-other",
]  # fmt: skip
RangedQuantity = Literal["time", "energy"]
DECODES: tuple[tuple[int, RangeKind], ...] = ((1, "decode-1"), (64, "decode-64"))  # up to which batch
MORE: RangeKind = "decode-more"
DECODE_KINDS: tuple[RangeKind, ...] = (*(kind for _, kind in DECODES), MORE)
STEPS: tuple[RangeKind, ...] = ("prefill", *DECODE_KINDS)
Below = Annotated[float, Field(gt=0, le=1)]
Above = Annotated[float, Field(ge=1, le=1000)]
SMALL = 2e10  # parameters
ANY = "all"  # runtimes and devices
Factors = Annotated[tuple[Below, Above], Field(strict=False)]
"""Factors on what is modelled: nine of ten measured figures are between the two."""


def places_of(hardware: str, runtime: str) -> tuple[str, str, str]:
    """Where a width is looked up, the narrowest first: a device with a runtime, a runtime, everywhere."""
    return f"{runtime} {hardware}", runtime, ANY


def fixed_kind(
    model: Architecture, precision: Precision, device_class: str | None, served: bool, small: bool
) -> RangeKind | None:  # fmt: skip
    """The kind of run that a question is independent of its phases and batch; None where these decide.

    A bare product, on a GPU 32 bits or a server; of small models steps are as short as what
    its host does between them.
    """
    if any(layer.product for layer in model.layers):
        return "product"
    if device_class not in GPUS:
        return None
    if precision.linear.weights.bits == 32:
        return "fp32"
    if served:
        if any(layer.moe for layer in model.layers):
            return "server-moe"
        return "server-small" if small else "server-dense"
    return None


def decode_kind(batch: float) -> RangeKind:
    """The kind of a decode by its batch.

    >>> decode_kind(1), decode_kind(2), decode_kind(65)
    ('decode-1', 'decode-64', 'decode-more')
    """
    return next((kind for most, kind in DECODES if batch <= most), MORE)


def step_kind(step: RangeKind, device_class: str | None) -> RangeKind:
    """The kind of run that a step of `STEPS` is on a class of devices.

    >>> [step_kind("decode-64", each) for each in ("gpu", "tpu", "phone")], step_kind("prefill", "phone")
    (['decode-64', 'accelerator', 'host'], 'prefill-other')
    """
    if device_class in GPUS:
        return step
    if step == "prefill":
        return "prefill-other"
    return "accelerator" if device_class == "tpu" else "host"


class Held(Input):
    """How many measured figures of a class their 90 % intervals hold, each solved without the model measured."""

    n: int = Field(ge=1, description="figures")
    held: float = Field(ge=0, le=100, description="percent of them within their interval")
    half_width: float = Field(ge=0, description="median half width of the intervals, percent")


Widths = dict[str, Factors]  # by place, see `places_of`


class RuntimeRanges(Input):
    """The 90 % intervals of one runtime on one device, as factors by kind of run."""

    own_rows: bool = Field(description="whether the device has measured rows of its own with the runtime")
    time: dict[RangeKind, Factors] = Field(description="on times")
    energy: dict[RangeKind, Factors] = Field(description="on energies of whole devices; left out: those of prices hold")
    far_time: dict[RangeKind, Factors] = Field(default_factory=dict, description="on times of weights of fewer bits")
    far_energy: dict[RangeKind, Factors] = Field(
        default_factory=dict, description="on energies of weights of fewer bits"
    )
    fewest_bits: float = Field(0.0, ge=0, description="stored bits of the narrowest weights that were measured")
    together: float = Field(0.0, ge=-1, le=1, description="correlation of the errors of time and of energy")
    shared: float = Field(0.0, ge=0, le=1, description="correlation of the errors of two precisions")
    left_out_shared: float | None = Field(
        None, ge=0, le=1, description="the same where the device has no rows, of precisions with rows elsewhere"
    )

    def common(self, weight_bits: float) -> float:
        """The part of a precision's variance that it has in common with the others; two correlate by its root of both.

        >>> known = RuntimeRanges(own_rows=False, time={}, energy={}, fewest_bits=4, shared=0.2, left_out_shared=0.9)
        >>> known.common(4), known.common(2)
        (0.9, 0.2)
        """
        if self.left_out_shared is None or weight_bits < self.fewest_bits:
            return self.shared
        return self.left_out_shared

    def of(self, quantity: RangedQuantity, weight_bits: float) -> dict[RangeKind, Factors]:
        """The factors of a quantity; of weights narrower than any that was measured those of an unmeasured device.

        >>> near, far = {"fp32": (0.9, 1.1)}, {"fp32": (0.7, 1.4)}
        >>> known = RuntimeRanges(own_rows=True, time=near, energy={}, far_time=far, fewest_bits=4)
        >>> known.of("time", 4), known.of("time", 2)
        ({'fp32': (0.9, 1.1)}, {'fp32': (0.7, 1.4)})
        """
        far = weight_bits < self.fewest_bits
        if quantity == "time":
            return self.far_time if far else self.time
        return self.far_energy if far else self.energy


class LeftOut(Input):
    """Errors on devices whose rows had no part in the constants: each left out in turn; by time, power and energy."""

    classes: dict[str, Spread] = Field(description="over all rows of all devices, of a server apart")
    devices: dict[str, dict[str, Spread]] = Field(description="of each device")


class FamiliesLeftOut(Input):
    """Errors on servers of models whose family had no part in the constants: each left out in turn."""

    classes: dict[str, Spread] = Field(description="by class of measured rows, over all families")
    families: dict[str, dict[str, Spread]] = Field(description="the same of each family, the first word of its names")


class Ranges(Input):
    """The committed spreads of errors by quantity, kind of run and place."""

    own: dict[RangedQuantity, dict[RangeKind, Widths]] = Field(description="devices with rows")
    left_out: dict[RangedQuantity, dict[RangeKind, Widths]] = Field(description="devices that were left out in turn")
    longer: dict[RangedQuantity, dict[RangeKind, float]] = Field(
        default_factory=dict,
        description="times that the intervals of a kind of run are made longer, to hold families of models left out",
    )
    held: dict[str, Held] = Field(default_factory=dict, description="figures within their intervals, by class")
    devices: dict[str, list[str]] = Field(description="devices with rows by runtime")
    fewest_bits: dict[str, float] = Field(
        default_factory=dict, description="stored bits of the narrowest weights with rows, by runtime"
    )
    together: float = Field(ge=-1, le=1, description="correlation of the errors of time and of energy")
    shared: float = Field(ge=0, le=1, description="correlation of the errors of two precisions")
    left_out_shared: float | None = Field(
        None, ge=0, le=1, description="the same on devices that were left out: what a device is off by is common to all"
    )
    errors: LeftOut = Field(description="devices left out one at a time")
    families: FamiliesLeftOut | None = Field(None, description="families of models left out one at a time, on servers")

    def of(self, hardware: str, runtime: str) -> RuntimeRanges:
        """The intervals of a runtime on a device: of its rows where there are any, else of devices left out.

        Energies of training were measured with few runtimes on one and two devices: elsewhere an energy is no surer
        than the time of a device that was left out.
        """
        own_rows = hardware in self.devices.get(runtime, ())
        places = places_of(hardware, runtime)

        def factors(
            known: dict[RangedQuantity, dict[RangeKind, Widths]], quantity: RangedQuantity
        ) -> dict[RangeKind, Factors]:
            found = {kind: next(widths[p] for p in places if p in widths) for kind, widths in known[quantity].items()}
            if quantity == "energy" and "training" in found and places[0] not in self.own["energy"]["training"]:
                (low, high), (fast, slow) = found["training"], factors(self.left_out, "time")["training"]
                found["training"] = min(low, fast), max(high, slow)
            return found

        near = self.own if own_rows else self.left_out
        return RuntimeRanges(
            own_rows=own_rows, time=factors(near, "time"), energy=factors(near, "energy"),
            far_time=factors(self.left_out, "time"), far_energy=factors(self.left_out, "energy"),
            together=self.together, shared=self.shared, left_out_shared=None if own_rows else self.left_out_shared,
            fewest_bits=self.fewest_bits.get(runtime, 0.0),
        )  # fmt: skip
