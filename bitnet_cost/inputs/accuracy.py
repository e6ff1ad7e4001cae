"""How right the model is: errors on rows that were measured and used for nothing else."""

from pydantic import Field

from bitnet_cost.inputs.cited import Input

TRAINING = "training-"
LOAD = "load-"
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

    def of(self, hardware: str, runtime: str) -> dict[str, Spread]:
        """The classes of inference that were compared with measurements on a device and runtime."""
        known = self.devices.get(hardware, {}).get(runtime, {})
        return {name: errors for name, errors in known.items() if not name.startswith((TRAINING, LOAD))}

    def of_training(self, hardware: str, runtime: str) -> dict[str, Spread]:
        """The same of training; the classes of all devices where there are none of these."""
        return self._of_kind(TRAINING, hardware, runtime)

    def of_load(self, hardware: str, runtime: str) -> dict[str, Spread]:
        """The same of servers under load."""
        return self._of_kind(LOAD, hardware, runtime)

    def _of_kind(self, kind: str, hardware: str, runtime: str) -> dict[str, Spread]:
        known = self.devices.get(hardware, {}).get(runtime, {})
        found = {name: errors for name, errors in known.items() if name.startswith(kind)}
        return found or {f"{ALL}{name}": s for name, s in self.classes.items() if name.startswith(kind)}
