"""How right the model is: errors on rows that were measured and used for nothing else."""

from pydantic import Field

from bitnet_cost.inputs.cited import Input


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
        """The classes that were compared with measurements on a device and runtime."""
        return self.devices.get(hardware, {}).get(runtime, {})
