"""What a question is asked of: hardware with its link, its host and the software that runs on it.

The catalogue's entries are put together here, with what measured rows say of the two: constants and intervals.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.hardware import Hardware, Host
from bitnet_cost.inputs.runtime import RuntimeProfile, is_of
from bitnet_cost.readers import catalog

if TYPE_CHECKING:
    from bitnet_cost.inputs.training import TrainingRuntime

SEVERAL = "megatron"  # the software that trains on several devices
_OF_A_LINK = ("interconnect", "host", "sources")

Software = TypeVar("Software", RuntimeProfile, "TrainingRuntime")


def setting(
    hardware: Hardware, asked: str | RuntimeProfile | None, offload: str | None = None, host: str | None = None
) -> tuple[Hardware, RuntimeProfile | None]:
    """Hardware and its runtime (see `runtime_of`), with the constants that measured rows gave them.

    A runtime that is given as such, or read from a file, is used as it is. With the ``host`` asked for, or its usual
    one where that keeps a part of the model.
    """
    hardware = housed(hardware, host)
    if offload is not None:
        hardware = hosted(hardware)
    software = runtime_of(hardware, asked)
    if software is not None and hardware.reached is not None and not isinstance(asked, RuntimeProfile):
        software = software.reaching(hardware.reached, hardware.sources)
    if software is None or isinstance(asked, RuntimeProfile) or (asked is not None and catalog.is_path(asked)):
        return hardware, software
    return _tuned(Same(hardware), Same(software), Same(catalog.constants()))


def trainer(hardware: Hardware, host: str | None = None) -> Hardware:
    """A device as training finds it: power as `setting` has it, its own link without what inference reaches of it.

    Its sources hold those of links, since a step of several nodes prices the bits between them.
    """
    found = setting(hardware, None, host=host)[0]
    sources = catalog.links().sources | found.sources
    return found.model_copy(update={"interconnect": hardware.interconnect, "sources": sources})


def runtime_of(hardware: Hardware, asked: str | RuntimeProfile | None) -> RuntimeProfile | None:
    """The runtime on a device: the one asked for, else the device's default; None for a technology node.

    Raises:
        BitnetCostError: a runtime asked of a technology node, or one that does not exist for the device's class or
            does not run on this device.
    """
    if hardware.device_class is None:
        _refuse_software(hardware, asked)
        return None
    if isinstance(asked, RuntimeProfile):
        return asked
    name = asked or str(hardware.runtime)
    found = catalog.runtime(name, hardware.device_class)
    if not catalog.is_path(name) and not is_of(found.families, hardware.name):
        raise BitnetCostError(
            f"runtime: {found.runtime!r} runs on devices named {' or '.join(found.families)}-..., not on "
            f"{hardware.name!r}; leave it out for {hardware.runtime}, or give a YAML file of your own"
        )
    return found


def training_software(hardware: Hardware, asked: str | None, *, several: bool) -> TrainingRuntime | None:
    """The software of training: the one asked for, else the usual one of a device, or of several; None at a node.

    Raises:
        BitnetCostError: an unknown name, or one asked of a technology node.
    """
    if not hardware.has_clock:
        _refuse_software(hardware, asked)
        return None
    software = catalog.training_runtime(asked or (SEVERAL if several else "eager"))
    return _ranged(software, software.name, hardware)


def _refuse_software(node: Hardware, asked: object) -> None:
    if asked is not None:
        raise BitnetCostError(f"runtime: {node.name!r} is a technology node; no software runs on it")


@lru_cache(maxsize=256)
def _tuned(profile: Same, runtime: Same, constants: Same) -> tuple[Hardware, RuntimeProfile]:
    device, software, known = profile.it, runtime.it, constants.it
    of_device, of_runtime = known.of_device(device.name), known.of(device, software)
    if of_device is not None:
        device = of_device.hardware_of(device)
    if of_runtime is not None:
        device, software = of_runtime.hardware_of(device), of_runtime.runtime_of(software)
    return device, _ranged(software, software.runtime, device)


def _ranged(software: Software, name: str, device: Hardware) -> Software:
    """Software with the intervals of its answers on a device."""
    spreads = catalog.ranges()
    return software if spreads is None else software.model_copy(update={"ranges": spreads.of(device.name, name)})


def is_shipped(device: Hardware, software: RuntimeProfile) -> bool:
    """Whether a device with its runtime is the catalogue's, with any link; see `setting`."""
    of_class = f"{software.runtime}-{software.device_class}"
    if not catalog.has("hardware", device.name) or not catalog.has("runtime", of_class):
        return False
    shipped, known = setting(catalog.hardware(device.name), software.runtime)
    return software == known and (
        device is shipped
        or all(getattr(device, n) == getattr(shipped, n) for n in Hardware.model_fields if n not in _OF_A_LINK)
    )


def linked(device: Hardware, name: str | None) -> Hardware:
    """A device with a link of the catalogue in place of its own; as it is where none is named.

    Raises:
        BitnetCostError: an unknown link, or a technology node.
    """
    if name is None:
        return device
    if not device.has_clock:
        raise BitnetCostError(f"link: {device.name!r} is a technology node; nothing joins it to another")
    _, found = catalog.link(name)
    return device.model_copy(update={"interconnect": found, "sources": device.sources | catalog.links().sources})


def housed(device: Hardware, name: str | None) -> Hardware:
    """A device in a server of the catalogue, whose power scope ``facility`` then holds; as it is where none is named.

    Raises:
        BitnetCostError: an unknown host, or one whose power is not known.
    """
    if name is None or not device.has_clock:
        return device
    name, found = catalog.host(name)
    if found.power is None:
        raise BitnetCostError(f"host: the power of {name!r} beside its devices is not known; see 'list hosts'")
    return device.model_copy(update={"host": found, "sources": device.sources | catalog.links().sources})


def hosted(device: Hardware) -> Hardware:
    """A device with the host of its own file, else the one that the catalogue's links list for it, else the first."""
    return device if device.host is not None or not device.has_clock else _hosted(Same(device))


@lru_cache(maxsize=256)
def _hosted(same: Same) -> Hardware:
    device: Hardware = same.it
    known = catalog.links()

    def of(host: Host) -> bool:
        return any(device.name == name or device.name.startswith(f"{name}.") for name in host.of)

    found = next(filter(of, known.hosts.values()), next(iter(known.hosts.values())))
    unpriced = found.model_copy(update={"power": None, "supply": None})  # what --offload reads; --host asks for power
    return device.model_copy(update={"host": unpriced, "sources": device.sources | known.sources})
