"""How right the model is: errors on rows that were measured and used for nothing else."""

from typing import Literal, NamedTuple

from pydantic import Field

from bitnet_cost.inputs.cited import Input

TRAINING = "training-"
LOAD = "load-"
TUNED = "load-mlperf"  # systems that are tuned to their limit: no answer is of such
ALL = "all "  # before the name of a class, over every device and runtime


class Spread(Input):
    """Errors of one class of rows, in percent of the measured figure."""

    n: int = Field(ge=1, description="rows")
    median: float = Field(ge=0, description="median of the error's size")
    p90: float = Field(ge=0, description="nine of ten errors are smaller")
    bias: float = Field(description="median of the signed error; above 0: modelled too high")


class Accuracy(Input):
    """The committed errors: of every class, and of its rows by device and runtime."""

    classes: dict[str, Spread] = Field(description="by class")
    devices: dict[str, dict[str, dict[str, Spread]]] = Field(description="by device, runtime and class")

    @property
    def measured(self) -> frozenset[str]:
        """Devices with measured rows, those of tuned systems apart."""
        return frozenset(
            device
            for device, runtimes in self.devices.items()
            if any(not name.startswith(TUNED) for classes in runtimes.values() for name in classes)
        )

    def of(self, hardware: str, runtime: str) -> dict[str, Spread]:
        """The classes of inference that were compared with measurements on a device and runtime."""
        known = self.devices.get(hardware, {}).get(runtime, {})
        return {name: errors for name, errors in known.items() if not name.startswith((TRAINING, LOAD))}

    def of_training(self, hardware: str, runtime: str) -> dict[str, Spread]:
        """The same of training; the classes of all devices where there are none of these."""
        return self._of_kind(TRAINING, hardware, runtime)

    def of_load(self, hardware: str, runtime: str) -> dict[str, Spread]:
        """The same of servers under load, and of systems tuned to their limit on the same device and runtime."""
        own = self.devices.get(hardware, {}).get(runtime, {})
        return self._of_kind(LOAD, hardware, runtime) | {name: s for name, s in own.items() if name == TUNED}

    def _of_kind(self, kind: str, hardware: str, runtime: str) -> dict[str, Spread]:
        def of_kind(known: dict[str, Spread]) -> dict[str, Spread]:
            return {name: s for name, s in known.items() if name.startswith(kind) and not name.startswith(TUNED)}

        found = of_kind(self.devices.get(hardware, {}).get(runtime, {}))
        return found or {f"{ALL}{name}": s for name, s in of_kind(self.classes).items()}


class Group(NamedTuple):
    """Figures of one class that one source took of one model on one device with one software."""

    kind: str
    source: str
    hardware: str
    runtime: str
    what: str  # the model, or the precision of products alone

    @property
    def place(self) -> str:
        """It in words, without its class."""
        return ", ".join(self[1:])


class Reason(Input):
    """Why the model is off on some groups of figures: on all that the fields given name."""

    classes: dict[str, Literal["more", "less"]] = Field(
        min_length=1, description="what the model says beside what was measured, by class"
    )
    source: str | None = Field(None, description="a key of measured/sources.yaml; left out: any")
    hardware: str | None = Field(None, description="a device; left out: any")
    runtime: str | None = Field(None, description="a software; left out: any")
    what: list[str] | None = Field(None, description="models, or `products in` a precision; left out: any")
    why: str = Field(min_length=20, description="the reason, with the figures that show it")

    @property
    def narrow(self) -> int:
        """How many fields it names."""
        return sum(name is not None for name in (self.source, self.hardware, self.runtime, self.what))

    def names(self, group: Group) -> bool:
        """Whether a group is one of those that it is about."""
        asked = (self.source, self.hardware, self.runtime)
        placed = all(name in (None, own) for name, own in zip(asked, group[1:-1], strict=True))
        return group.kind in self.classes and placed and (self.what is None or group.what in self.what)


NOT_KNOWN = "not known"


class Reasons(Input):
    """What is known of the largest errors of each class, and what is not."""

    reasons: list[Reason] = Field(description="of groups of figures")
    unknown: dict[str, list[str]] = Field(description="what nothing tells, and the classes that it is about")

    def why(self, group: Group, bias: float) -> str:
        """The reason of a group whose errors have that median; the narrowest of several, none of the other sign."""
        says = "more" if bias > 0 else "less"
        found = [reason for reason in self.reasons if reason.names(group) and reason.classes[group.kind] == says]
        return max(found, key=lambda reason: reason.narrow).why if found else NOT_KNOWN
