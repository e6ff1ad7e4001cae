"""An accelerator put together: arrays of MACs at a clock, and memories by kind, on the prices of a technology node."""

from pydantic import Field

from bitnet_cost.inputs.cited import Bandwidth, Capacity, EnergyPerBit, Input, Source, check_figures
from bitnet_cost.inputs.datapath import Unit

CLOCK = r"([0-9.]+) ?(k|M|G)?Hz"


class MacArray(Unit):
    """An array for products of one format: its size and clock are its rate."""

    macs: int = Field(ge=1, le=10**9, description="MACs that start each cycle")
    clock: str = Field(pattern=f"^{CLOCK}$", description="clock, as in 500 MHz")


class PlacedMemory(Input):
    """A memory of a composed accelerator; its energy follows from its kind, of SRAM from capacity and node."""

    kind: str = Field(description="sram, or a kind of memories/memories.yaml")
    capacity: Capacity = Field(description="bits that fit")
    bandwidth: Bandwidth | None = Field(None, description="bits per second; left out of an inner one: never waited for")


class MemoryKind(Input):
    """Energy of one kind of memory, with its interface."""

    title: str = Field(description="in words")
    read: EnergyPerBit = Field(description="energy of reading one bit")
    write: EnergyPerBit | None = Field(None, description="energy of writing one bit; left out: as reading")


class Memories(Input):
    """Memories by kind."""

    name: str = Field(description="catalogue id")
    title: str = Field(description="in words")
    kinds: dict[str, MemoryKind] = Field(min_length=1, description="by name")
    sources: dict[str, Source] = Field(min_length=1, description="where the figures come from")

    def model_post_init(self, _: object) -> None:
        """Every figure cites a source.

        Raises:
            ValueError: names the figure.
        """
        check_figures(self, self.sources)
