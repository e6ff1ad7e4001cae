"""Solve the constants of devices and runtimes from the measured rows that were set aside for it.

    python -m scripts.calibrate            # writes measured/constants.yaml
    python -m scripts.calibrate --check    # exit 1 if the file is not what the rows make of it

How they are solved is in `bitnet_cost/studies/calibration.py`; which rows are set aside is a rule on their ids
(`calibration_ids`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from bitnet_cost.readers import measured
from bitnet_cost.studies.calibration import calibrate, text_of

FILE = Path(__file__).resolve().parent.parent / "measured" / "constants.yaml"


def same(one: object, other: object) -> bool:
    """Whether two files of constants say the same: words and rows equal, numbers within 2 % (another machine's sums).

    >>> same({"a": [1.0, "x"]}, {"a": [1.01, "x"]}), same({"a": 1.0}, {"a": 1.1}), same({"a": 1.0}, {"b": 1.0})
    (True, False, False)
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return abs(one - other) <= 0.02 * abs(other)
    return one == other


def main() -> int:
    """Write the constants, or compare with the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file differs")
    checking = parser.parse_args().check
    text = text_of(calibrate(measured.rows(), lambda line: print(line, file=sys.stderr)).constants)
    if checking:
        return 0 if same(yaml.safe_load(FILE.read_text("utf-8")), yaml.safe_load(text)) else 1
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
