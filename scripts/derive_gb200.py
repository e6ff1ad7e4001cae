"""Solve prices of MACs on a GB200 from time, power and energy of linear layers that are never scored.

    python -m scripts.derive_gb200           # prints each price and its standard error
    python -m scripts.derive_gb200 --check   # exit 1 and name the prices of the profile that differ

`benchmarks/device/layer_powers.csv` are 1,019 rows of AIConfigurator's tables (NVIDIA, 2026), drawn by format and size,
40 of 2.5e11 MACs and more and 20 of fewer, from those that `measured/operators_2026.csv` does not have and whose run of
3,000 replays lasts a second. What their meter shows is modelled as it shows it (`formulas/meters.py`). A price holds
where it was measured, at the board's limit of power: one that is too high makes products slower than they were, so that
times count as well. Those of a B200, which servers
have measured too, are left: its rows lead to 0.68 pJ in FP8 and 0.34 in FP4, where servers and MLPerf's systems agree
with 0.58 and 0.27 that the rows set aside gave before it was known what ran before each.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from bitnet_cost.engine.estimate import priced
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.measurement import Before, Measurement
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog, machines
from bitnet_cost.studies.measured import Quantity, counted, grouped, read
from bitnet_cost.studies.solving import Fit, Vector, solve

FILE = Path(__file__).resolve().parent.parent / "benchmarks" / "device" / "layer_powers.csv"
SIGMAS: dict[Quantity, float] = {"seconds": 0.08, "power_w": 0.15, "energy_j_per_token": 0.15}
SPREAD = 0.5
DEVICE = "gb200"
START = {"mac.bf16": 0.9579, "mac.fp8": 0.583, "mac.fp4": 0.27}  # the B200's
TOLERANCE = 0.01


def layers() -> list[Measurement]:
    """The rows of a GB200."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["hardware"] == DEVICE]
    return [
        Measurement(
            id=f"layer-{i}", source="aiconfigurator-operators", model=f"linear-{row['outputs']}x{row['inputs']}",
            hardware=row["hardware"], runtime=row["runtime"], precision=row["precision"], prompt=int(row["tokens"]),
            generate=1, phase="linear", before=cast("Before", row["before"]), seconds=float(row["seconds"]),
            power_w=float(row["power_w"]), energy_j_per_token=float(row["power_w"]) * float(row["seconds"]),
        )
        for i, row in enumerate(rows)
    ]  # fmt: skip


def at(hardware: Hardware, prices: Mapping[str, float]) -> Hardware:
    """The device with these prices.  [pJ]"""
    found = {
        action: hardware.actions[action].model_copy(update=dict.fromkeys(("value", "low", "high"), value * 1e-12))
        for action, value in prices.items()
    }
    return hardware.model_copy(update={"actions": {**hardware.actions, **found}})


def derive() -> Fit:
    """The prices.  [pJ]"""
    counts: list[tuple[list[Measurement], Hardware, Result]] = []
    for group, members in grouped(layers()).items():
        hardware, software = machines.setting(catalog.hardware(DEVICE), group[3])
        counts.append((members, hardware, counted(members, hardware, software)))

    def missed(x: Vector) -> Iterator[float]:
        prices = dict(zip(START, np.exp(x).tolist(), strict=True))
        for members, hardware, result in counts:
            other = result.scenario.but(hardware=at(hardware, prices))
            for row, answer in zip(members, read(priced(replace(result, scenario=other)), members), strict=True):
                for quantity, sigma in SIGMAS.items():
                    yield float(np.log(answer[quantity] / getattr(row, quantity)) / sigma)

    return solve(lambda x: list(missed(x)), START, dict.fromkeys(START, SPREAD), rounds=8)


def faults(found: Fit) -> list[str]:
    """Prices of the profile that are not what the rows make of them."""
    there = {action: catalog.hardware(DEVICE).actions[action].value * 1e12 for action in START}
    return [
        f"{action}: the profile has {there[action]:.3g} pJ, the rows give {value:.3g}"
        for action, value in found.values.items() if abs(there[action] / value - 1) > TOLERANCE
    ]  # fmt: skip


def main() -> int:
    """Print the prices, or compare them with the profiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the profiles")
    checking = parser.parse_args().check
    found = derive()
    if checking:
        print("\n".join(wrong := faults(found)), file=sys.stderr)
        return 1 if wrong else 0
    for name, value in found.values.items():
        print(f"{name:16} {value:.3g} pJ  +- {100 * found.sigma[name]:.0f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
