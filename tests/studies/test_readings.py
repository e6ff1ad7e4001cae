"""What docs/accuracy.md says of cards and of how their meters are read is what was measured.

``benchmarks/device/cards_h200.csv`` and ``meter_h200.csv``, whose programs are beside them, and the steps of one card
more in ``steps_h200.csv``.
"""

import csv
from itertools import combinations

import numpy as np

from tests.conftest import ROOT

DEVICE = ROOT / "benchmarks/device"
PAGE = " ".join((ROOT / "docs/accuracy.md").read_text().split())


def rows(name: str) -> list[dict[str, str]]:
    with (DEVICE / name).open() as file:
        return list(csv.DictReader(file))


def test_cards_differ_as_the_page_says() -> None:
    powers: dict[tuple[str, ...], list[float]] = {}
    for row in rows("cards_h200.csv"):
        if row["phase"]:
            powers.setdefault((row["what"], row["phase"], row["batch"], row["prompt"]), []).append(
                float(row["power_w"])
            )
    assert {len(each) for each in powers.values()} == {6}
    for row in rows("steps_h200.csv"):
        key = row["precision"], row["phase"], row["batch"], row["prompt"]
        if row["model"] == "llama-3-8b" and key in powers:
            powers[key].append(float(row["power_w"]))
    off = [100 * abs(a / b - 1) for each in powers.values() for a, b in combinations(each, 2)]
    assert (
        f"within {np.median(off):.1f} % of each other in the median, {np.quantile(off, 0.9):.1f} % nine times" in PAGE
    )


def test_a_counter_read_before_and_after_a_window_is_off_as_the_page_says() -> None:
    steady: dict[tuple[str, ...], float] = {}
    off: list[float] = []
    rested: list[float] = []
    for row in rows("meter_h200.csv"):
        step, watts = (row["phase"], row["batch"], row["prompt"]), float(row["power_w"])
        if row["contents"] == "normal" and row["reading"].startswith("between"):
            steady[step] = watts
        elif row["reading"].startswith("counter"):
            off.append(100 * (watts / steady[step] - 1))
            if "1.0 s of rest, 0.0 s before" in row["reading"]:
                rested.append(-off[-1])
    size = np.abs(off)
    assert f"off by {np.median(size):.1f} % in the median and {np.quantile(size, 0.9):.1f} % nine times in ten" in PAGE
    assert f"and {min(rested):.0f} to {max(rested):.0f} % low where a card at rest" in PAGE
