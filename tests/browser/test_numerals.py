"""The page's numbers are printed as Python prints them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from bitnet_cost import numerals
from bitnet_cost.readers.catalog import folder

SCRIPT = folder("model").parent / "bitnet_cost" / "views" / "templates" / "numerals.js"


def _flat(x: float) -> list[str]:
    unit, texts = numerals.column_figures([x, x / 300, float("nan")], "B", 3)
    return [unit, *texts]


def _prefix(x: float) -> str:
    found = numerals.one_prefix([x, x / 900, x / 1100])
    return "null" if found is None else f"{found[0]},{found[1]:.0e}"


PRINTERS: dict[str, Callable[[float], str]] = {
    "significant(x)": numerals.figures_of,
    "significant(x, 1, 4)": lambda x: numerals.significant(x, 1.0, 4),
    "tick(Math.abs(x) + 1e-15)": lambda x: numerals.tick(abs(x) + 1e-15),
    "digits(x, 2)": lambda x: numerals.digits(x, 2),
    "digits(x, 3)": lambda x: numerals.digits(x, 3),
    "withPrefix(x, 'J')": lambda x: numerals.with_prefix(x, "J", 3),
    "columnFigures([x, x / 300, NaN], 'B').flat().join()": lambda x: ",".join(_flat(x)),
    "String(onePrefix([x, x / 900, x / 1100]))": _prefix,
    "wholePercent(x)": numerals.whole_percent,
    "signedChange(x)": numerals.signed_change,
    "changeWords(x)": numerals.change_words,
    "changeRange(Math.max(-1, x - Math.abs(x) / 3), Math.max(-1, x + Math.abs(x) / 7))": lambda x: (
        numerals.change_range(max(-1.0, x - abs(x) / 3), max(-1.0, x + abs(x) / 7))
    ),
}


def numbers() -> list[float]:
    """Of every size and sign, ties and round ones among them."""
    draw = random.Random(16)
    found = [draw.choice((1, -1)) * 10 ** draw.uniform(-14, 14) for _ in range(2000)]
    found += [draw.uniform(-1, 12) for _ in range(3000)]
    found += [k / 2**n for n in (1, 2, 3, 4, 5) for k in range(-64, 700, 3)]
    found += [k / 1000 for k in range(-1000, 5000, 7)] + [
        float(f"{m}e{p}") for m in (1, 9.995, 999.5) for p in range(-12, 13)
    ]
    return [*found, 0.99995, 999.95, 0.0, 0.125, 2.5, 1023.5]


def test_as_python_prints_them(browser: Any) -> None:
    page, drawn = browser.new_page(), numbers()
    try:
        page.add_script_tag(content=SCRIPT.read_text("utf-8"))
        for call, printed in PRINTERS.items():
            found = json.loads(page.evaluate(f"xs => JSON.stringify(xs.map(x => {call}))", drawn))
            differ = [
                (x, printed(x), text) for x, text in zip(drawn, found, strict=True) if not _same(printed(x), text)
            ]
            assert not differ, (call, len(differ), differ[:5])
    finally:
        page.close()


def _same(python: str, page: str) -> bool:
    if python.count(",1e") and page != python:  # a prefix: its scale is a number in either notation
        name, scale = page.split(",")
        return python == f"{name},{float(scale):.0e}"
    return python == page
