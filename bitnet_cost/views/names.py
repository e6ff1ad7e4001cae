"""Names as a sentence has them: RTX 4090, BitNet b1.58; tables and commands keep those of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision

_MAKERS = {"NVIDIA", "GeForce", "AMD", "Instinct", "Apple", "Google", "Qualcomm", "Intel", "GreenWaves", "Generation"}
_BITNET = {"bitnet": "BitNet", "bitnet-b1.58": "BitNet b1.58", "bitnet-a4.8": "BitNet a4.8"}


def device_name(hardware: Hardware) -> str:
    """A device by the name of its title, without maker and memory; a profile without a title by its own name."""
    words = [word for word in hardware.title.partition(",")[0].split() if word not in _MAKERS]
    return " ".join(words) if len(words) < 5 and words else hardware.name


def precision_name(precision: Precision) -> str:
    """BitNet by its name, any other precision as the catalogue calls it."""
    return _BITNET.get(precision.name, precision.name)


def enumeration(words: Sequence[str], last: str = " and ") -> str:
    """Words one after the other.

    >>> enumeration(["int8", "int4", "BitNet"]), enumeration(["int8"])
    ('int8, int4 and BitNet', 'int8')
    """
    return last.join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
