"""The fields of a ``config.json``, checked as they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, NoReturn

from bitnet_cost.errors import InvalidFile, nearest
from bitnet_cost.inputs.architecture import MOST_LAYERS, Activation

MOST_WIDTH = 10**7

_ACTIVATIONS: dict[str, Activation] = {
    "silu": "silu", "swish": "silu", "relu": "relu", "relu2": "relu2", "gelu": "gelu", "gelu_python": "gelu",
    "gelu_new": "gelu_tanh", "gelu_accurate": "gelu_tanh", "quick_gelu": "silu", "xielu": "xielu",
    "gelu_fast": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh",
}  # fmt: skip


class Field(NamedTuple):
    """A field of the file, by its spellings, and what the class takes where the file leaves it out."""

    names: tuple[str, ...]
    default: Any
    required: bool
    inverted: bool = False  # a flag that says what is not there

    def __call__(self, default: Any) -> Field:
        """The same field, and another default of the class: ``KV_HEADS(8)``."""
        return self._replace(default=default, required=False)


def field(*names: str, default: Any = None) -> Field:
    """A field that may be left out."""
    return Field(names, default, required=False)


def unless(*names: str, default: bool) -> Field:
    """A flag that says what is not there; it may be left out."""
    return Field(names, default, required=False, inverted=True)


def required(*names: str) -> Field:
    """A field that must be in the file."""
    return Field(names, None, required=True)


class Fields:
    """The fields of one file. A fault names the file, the field, and what it should be.

    ``assumed`` is what the class takes, by first spelling; ``known`` are names that are no misspelling of another.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        file: object,
        model_type: str,
        assumed: Mapping[str, Any],
        known: Callable[[], Collection[str]],
    ) -> None:
        self.data = data
        self.file = file
        self.model_type = model_type
        self.assumed = assumed
        self.known = known

    def refuse(self, name: str, what: str) -> NoReturn:
        """Raise the fault of one field."""
        raise InvalidFile(self.file, name, what)

    def value(self, wanted: Field) -> tuple[str, Any]:
        """The spelling found and the value, or the default. Two spellings of one field must agree."""
        found = [name for name in wanted.names if name in self.data]
        if not found:
            name = wanted.names[0]
            if name in self.assumed:
                return name, self.assumed[name]
            if wanted.required:
                spelt = "".join(f" (or {other!r})" for other in wanted.names[1:])
                known = self.known()
                close = nearest(name, [key for key in self.data if key not in known])
                hint = f"; did you mean it by {close!r}?" if close else ""
                self.refuse(name, f"is missing{spelt}; model_type {self.model_type!r} needs it{hint}")
            return name, wanted.default
        values = [self.data[name] for name in found]
        if any(value != values[0] for value in values[1:]):
            self.refuse(found[0], f"{short(values[0])} contradicts {found[1]} {short(values[1])}")
        return found[0], values[0]

    def optional(self, wanted: Field, *, least: int = 1, most: int = MOST_WIDTH) -> int | None:
        """A whole number, or None where the file says null or the class leaves it open."""
        name, value = self.value(wanted)
        if value is None and not wanted.required:
            return None
        if type(value) is not int or not least <= value <= most:
            self.refuse(name, f"{short(value)}: expected a whole number from {least} to {most}")
        return value

    def whole(self, wanted: Field, *, least: int = 1, most: int = MOST_WIDTH) -> int:
        """A whole number."""
        number = self.optional(wanted, least=least, most=most)
        if number is None:
            name = wanted.names[0]
            self.refuse(name, f"is {'null' if name in self.data else 'missing'}; expected a whole number")
        return number

    def flag(self, wanted: Field | bool) -> bool:
        """True or false; null is false, as in the classes."""
        if isinstance(wanted, bool):
            return wanted
        name, value = self.value(wanted)
        value = False if value is None else value
        if not isinstance(value, bool):
            self.refuse(name, f"{short(value)}: expected true or false")
        return value != wanted.inverted

    def numbers(self, name: str) -> list[int] | None:
        """A list of whole numbers, or None where the file gives none."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > MOST_LAYERS or any(type(i) is not int for i in value):
            self.refuse(name, f"{short(value)}: expected a list of whole numbers")
        return value

    def activation(self, wanted: Field | Activation) -> Activation:
        """An activation function by its name in the class."""
        if isinstance(wanted, str):
            return wanted
        name, value = self.value(wanted)
        value = wanted.default if value is None else value
        if not isinstance(value, str) or value not in _ACTIVATIONS:
            self.refuse(name, f"{short(value)}: expected one of {', '.join(_ACTIVATIONS)}")
        return _ACTIVATIONS[value]

    def share(self, wanted: Field) -> float:
        """A share above 0 and up to 1. Newer files hold it under ``rope_parameters``."""
        fields = self
        for group in ("rope_parameters", "rope_scaling"):
            inner = self.data.get(group)
            if isinstance(inner, dict) and any(n in inner and n not in self.data for n in wanted.names):
                fields = Fields(inner, self.file, self.model_type, {}, self.known)
                break
        name, value = fields.value(wanted)
        if type(value) not in (int, float) or not 0 < value <= 1:
            self.refuse(name, f"{short(value)}: expected a number above 0 and up to 1")
        return float(value)

    def turns_on(self, wanted: Field | None) -> bool:
        """Whether a number is set that turns a part on."""
        if wanted is None:
            return False
        name, value = self.value(wanted)
        if value is not None and (type(value) not in (int, float) or not 0 < value < math.inf):
            self.refuse(name, f"{short(value)}: expected a positive number or null")
        return value is not None


def short(value: object) -> str:
    """A value as a message shows it: never long."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return f"a number of {len(str(abs(value)))} digits"
    text = repr(value if not isinstance(value, str) else value[:60])
    return {"None": "null", "True": "true", "False": "false"}.get(text, text)
