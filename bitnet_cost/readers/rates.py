"""Rates of a device against its prices: one without the other is misspelt."""

from __future__ import annotations

from pathlib import Path

from bitnet_cost.errors import InvalidFile
from bitnet_cost.inputs.hardware import Hardware


def check_rates(device: Hardware, path: Path) -> None:
    """Refuse a price that no product asks for, and a rate whose products have no price: one of the two is misspelt.

    Raises:
        InvalidFile: the first of them.
    """
    if device.priced == "time" and not device.actions:
        return
    priced = [action.removeprefix("mac.") for action in device.actions if action.startswith("mac.")]
    for form in priced:
        if form not in device.rates:
            there = ", ".join(device.rates)
            raise InvalidFile(path, f"actions.mac.{form}", f"nothing runs it: rates has no {form!r}; there are {there}")
    for form in device.rates:
        if form not in priced and form not in device.units:
            raise InvalidFile(path, f"rates.{form}", f"its products have no price; give actions.mac.{form}")
