"""An architecture as the YAML that reads back as the same architecture."""

from __future__ import annotations

from typing import Any

from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.numerals import figure_text

WIDTH = 118  # of a line


def model_yaml(architecture: Architecture) -> str:
    """YAML text of an architecture: defaults left out, layers one line per part.

    >>> from bitnet_cost.inputs.architecture import Architecture
    >>> text = dict(name="tiny", source="doctest", seen="own", hidden_size=8, vocab_size=10,
    ...     layers=[dict(repeat=2, attention=dict(heads=2), ffn=dict(size=32, activation="gelu"))])
    >>> print(model_yaml(Architecture.model_validate(text)))
    name: tiny
    source: doctest
    seen: own
    hidden_size: 8
    vocab_size: 10
    layers:
      - repeat: 2
        attention: {heads: 2}
        ffn: {size: 32, activation: gelu}
    <BLANKLINE>
    """
    return yaml_text(architecture.model_dump(exclude_defaults=True))


def yaml_text(data: dict[str, Any]) -> str:
    """YAML text of plain data: a section in one line where it fits, layers one line per part.

    >>> print(yaml_text({"name": "mine", "rates": {"fp16": {"value": "165 TFLOP/s", "basis": "assumed"}}}), end="")
    name: mine
    rates: {fp16: {value: '165 TFLOP/s', basis: assumed}}
    """
    lines: list[str] = []
    for key, value in data.items():
        if key == "layers":
            lines.append("layers:")
            for layer in value:
                for i, (part, content) in enumerate(layer.items()):
                    lines.append(f"  {'- ' if i == 0 else '  '}{part}: {_inline(content)}")
        else:
            lines += _block(key, value)
    return "\n".join(lines) + "\n"


def figure_of(value: float, low: float, high: float, unit: str, **cited: str) -> dict[str, str]:
    """A figure of a file: its numbers with their unit, and what is cited for them.

    >>> figure_of(2.4e12, 2.4e12, 3.2e12, "bit/s", basis="assumed")
    {'value': '300 GB/s', 'low': '300 GB/s', 'high': '400 GB/s', 'basis': 'assumed'}
    """
    return {key: figure_text(x, unit) for key, x in (("value", value), ("low", low), ("high", high))} | cited


def rate_unit(form: str) -> str:
    """The unit in which files write the rate of a format.

    >>> rate_unit("bf16"), rate_unit("int8")
    ('FLOP/s', 'OP/s')
    """
    return "FLOP/s" if form.startswith(("fp", "bf")) else "OP/s"


def _block(key: str, value: Any, indent: str = "") -> list[str]:
    """A key with its value in one line, or with the lines of its parts where that is too long and not a figure."""
    line = f"{indent}{key}: {_inline(value)}"
    if not isinstance(value, dict) or "basis" in value or len(line) <= WIDTH:
        return [line]
    return [f"{indent}{key}:", *(line for inner, part in value.items() for line in _block(inner, part, indent + "  "))]


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if _plain(value) else "'" + value.replace("'", "''") + "'"
    return str(value)


def _plain(text: str) -> bool:
    """Whether YAML reads the bare text back as this text, in block and in flow style."""
    bare = text.replace("-", "").replace("_", "").replace(".", "")
    return bare.isalnum() and text[0].isalpha() and text.lower() not in ("true", "false", "null")
