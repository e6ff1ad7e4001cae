"""Derive the prices of hw_profiles/h100-sxm-80gb.yaml from benchmarks/device/h100_microbenchmarks.csv.

python -m scripts.derive_h100           prints each figure with the formula and the rows that it comes from
python -m scripts.derive_h100 --check   exits 1 and names the figures of the profile that differ

The measurements are the project's own: one NVIDIA H100 SXM, energy from the card's counter (NVML). Power above the
floor is charged to the work; the floor is the power of a kernel that keeps every multiprocessor resident and asleep
(`alu_NANO`). A price of memory is of the whole path, from the cells to the registers. A price of a multiply-add is
that of a large matrix product without its traffic to HBM; on-chip movement stays in it and is not to be added again.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "benchmarks" / "device" / "h100_microbenchmarks.csv"
PROFILE = ROOT / "hw_profiles" / "h100-sxm-80gb.yaml"

DIRECT = (0.90, 1.10)  # one card, one counter, one temperature: cards differ by about this much
DIFFERENCE = (0.80, 1.20)  # what is left of a difference carries the errors of both sides
GEMM = "8192x8192x8192"
TOLERANCE = 6e-4  # the profile is rounded to four digits

Rows = dict[str, dict[str, float]]


class Derived(NamedTuple):
    """One figure of the profile in SI, with its range and how it comes about."""

    value: float
    low: float
    high: float
    formula: str


def energy_per_operation(power: float, floor: float, seconds: float, operations: float) -> float:
    """Energy above the floor of one operation.  [W], [W], [s], [operation] -> [J]

    >>> f"{energy_per_operation(power=343.0, floor=143.0, seconds=0.01, operations=1e12):.3g}"
    '2e-12'
    """
    return (power - floor) * seconds / operations


def energy_per_bit(power: float, floor: float, seconds: float, size: float) -> float:
    """Energy above the floor of moving one bit.  [W], [W], [s], [byte] -> [J/bit]

    >>> f"{energy_per_bit(power=343.0, floor=143.0, seconds=0.01, size=1e12):.3g}"
    '2.5e-13'
    """
    return (power - floor) * seconds / (8 * size)


def net_energy_per_mac(energy: float, static: float, seconds: float, size: float, hbm: float, macs: float) -> float:
    """Energy of one MAC of a matrix product without static energy and HBM traffic.  [J] ... -> [J]

    ``size`` is the compulsory traffic in bytes, ``hbm`` its price.  [byte], [J/bit]

    >>> f"{net_energy_per_mac(energy=3.0, static=100.0, seconds=0.01, size=1e9, hbm=1e-11, macs=1e12):.3g}"
    '1.92e-12'
    """
    return (energy - static * seconds - 8 * size * hbm) / macs


def copy_write_energy(power: float, floor: float, seconds: float, size: float, read: float) -> float:
    """Energy of writing one bit of a copy whose other half of ``size`` bytes was read at a known price.  [J/bit]

    >>> f"{copy_write_energy(power=343.0, floor=143.0, seconds=0.01, size=1e12, read=2e-13):.3g}"
    '3e-13'
    """
    return 2 * energy_per_bit(power, floor, seconds, size) - read


def bandwidth(size: float, seconds: float) -> float:
    """Bits per second.  [byte], [s] -> [bit/s]

    >>> bandwidth(1e9, 0.5)
    16000000000.0
    """
    return 8 * size / seconds


def rate_of_macs(macs: float, seconds: float) -> float:
    """Operations per second, two per MAC.  [MAC], [s] -> [op/s]

    >>> rate_of_macs(1e9, 0.5)
    4000000000.0
    """
    return 2 * macs / seconds


def read_rows(path: Path = MEASURED) -> Rows:
    """The measured rows by name; the first of each name, empty cells left out."""
    rows: Rows = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            figures = {key: float(text) for key, text in row.items() if text and key not in ("name", "note")}
            rows.setdefault(row["name"], figures)
    return rows


def derive(rows: Rows) -> dict[str, Derived]:
    """Every derived figure of the profile, by its place in the file."""
    floor = rows["alu_NANO"]["power_w"]
    found: dict[str, Derived] = {}

    def figure(place: str, value: float, formula: str, span: tuple[float, float] = DIRECT) -> float:
        found[place] = Derived(value, span[0] * value, span[1] * value, formula)
        return value

    def alu(name: str, per_lane: float) -> float:
        row = rows[name]
        operations = per_lane * row["lane_instructions"]
        return energy_per_operation(row["power_w"], floor, row["seconds_per_launch"], operations)

    def price(name: str, formula: Callable[[float, float, float, float], float] = energy_per_bit) -> float:
        row = rows[name]
        return formula(row["power_w"], floor, row["seconds_per_launch"], row["bytes"])

    # Small kernels of benchmarks/device/kernels_h100.csv draw as little as 118 W: most multiprocessors wait.
    found["power.static"] = Derived(floor, 118.0, 1.1 * floor, "power of alu_NANO")

    for place, name, per_lane in [
        ("actions.add.fp32", "alu_FADD32", 1),
        ("actions.mul.fp32", "alu_FMUL32", 1),
        ("actions.add.fp16", "alu_HADD2", 2),
        ("actions.mul.fp16", "alu_HMUL2", 2),
        ("actions.add.int32", "alu_IADD32", 1),
        ("actions.mul.int32", "alu_IMUL32", 1),
        ("actions.mac.int32", "alu_IMAD32", 1),
    ]:
        lanes = f" {per_lane} x" if per_lane > 1 else ""
        figure(place, alu(name, per_lane), f"(power - floor) x seconds /{lanes} lane instructions of {name}")
    for name in ("add", "mul"):
        fp16 = found[f"actions.{name}.fp16"].value
        figure(f"actions.{name}.bf16", fp16, f"as {name}.fp16: the same width in the same unit", DIFFERENCE)

    read = figure("hierarchy.hbm.read", price("hbm_read_8GiB"), "(power - floor) x seconds / bits of hbm_read_8GiB")
    write = figure("hierarchy.hbm.write", price("hbm_write_4GiB"), "(power - floor) x seconds / bits of hbm_write_4GiB")
    copied = price(
        "hbm_copy_4GiB", lambda power, low, seconds, size: copy_write_energy(power, low, seconds, size, read)
    )
    found["hierarchy.hbm.write"] = found["hierarchy.hbm.write"]._replace(high=1.1 * copied)

    l2 = ["l2_read_8MiB", "l2_read_24MiB"]
    l2_read = figure(
        "hierarchy.l2.read", sum(map(price, l2)) / 2, f"(power - floor) x seconds / bits, mean of {' and '.join(l2)}"
    )
    found["hierarchy.l2.write"] = Derived(
        l2_read, l2_read * write / read, 1.2 * l2_read, "as l2.read; no write was run"
    )
    rates = [bandwidth(rows[name]["bytes"], rows[name]["seconds_per_launch"]) for name in l2]
    figure("hierarchy.l2.bandwidth", sum(rates) / 2, f"bits / seconds, mean of {' and '.join(l2)}")

    for form, name in [
        ("fp32", "float32"),
        ("fp16", "float16"),
        ("bf16", "bfloat16"),
        ("int8", "int8"),
        ("fp8", "fp8"),
    ]:
        row = rows[f"gemm_{name}_{GEMM}"]
        net = net_energy_per_mac(
            row["energy_j_per_launch"], floor, row["seconds_per_launch"], row["bytes"], read, row["macs"]
        )
        formula = f"(energy - static x seconds - HBM bits x {read * 1e12:.4g} pJ) / MACs of gemm_{name}_{GEMM}"
        figure(f"actions.mac.{form}", net, formula, DIFFERENCE)
    row = rows["alu_IMAD32"]
    figure(
        "rates.int32",
        rate_of_macs(row["lane_instructions"], row["seconds_per_launch"]),
        "2 x lane instructions / seconds of alu_IMAD32",
    )
    return found


def differences(derived: dict[str, Derived], profile: Path = PROFILE) -> list[str]:
    """What of the profile is not what the measurements give."""
    from bitnet_cost.inputs.cited import Figure
    from bitnet_cost.inputs.hardware import Hardware
    from bitnet_cost.readers import catalog

    hardware = catalog.validate(catalog.read(profile), Hardware, profile)
    assert hardware.power is not None
    faults = []
    for place, wanted in derived.items():
        room, _, name = place.partition(".")
        figure: Figure
        if room == "hierarchy":
            level, _, field = name.partition(".")
            figure = getattr(hardware.hierarchy[level], field)
        elif room == "power":
            figure = getattr(hardware.power, name)
        else:
            figure = getattr(hardware, room)[name]
        for field in ("low", "value", "high"):
            found, right = getattr(figure, field), getattr(wanted, field)
            if abs(found - right) > TOLERANCE * right:
                faults.append(f"{place}.{field}: the profile has {found:.4g}, the measurements give {right:.4g}")
    return faults


def main() -> int:
    """Print the derivation, or check the profile against it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="print nothing; exit 1 when the profile differs")
    derived = derive(read_rows())
    if not parser.parse_args().check:
        for place, figure in derived.items():
            print(f"{place:24} {figure.value:.4g}  ({figure.low:.4g} to {figure.high:.4g})  {figure.formula}")
        return 0
    faults = differences(derived)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # so that the script also runs by its path
    raise SystemExit(main())
