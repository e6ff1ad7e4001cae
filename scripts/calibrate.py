"""Solve the constants of devices and runtimes from the measured rows that were set aside for it.

    python -m scripts.calibrate            # writes measured/constants.yaml
    python -m scripts.calibrate --check    # exit 1 if the file is not what the rows make of it
    python -m scripts.calibrate --prices DEVICE ...    # prices of these devices alone, times as in the file
    python -m scripts.calibrate --products    # kernels of single products alone, other times and prices as in the file
    python -m scripts.calibrate --trends   # what devices without rows take from the others, of the file's factors

How they are solved is in `bitnet_cost/studies/calibration.py`; which rows are set aside is a rule on their ids
(`calibration_ids`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bitnet_cost.inputs.calibration import Constants
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies.calibration import Calibration, calibrate, repriced, text_of, with_trends
from bitnet_cost.studies.product_calibration import product_constants, with_products

FILE = Path(__file__).resolve().parent.parent / "measured" / "constants.yaml"


WORSE = 1.03  # a misfit so much above the least: factors that rows do not determine may differ without a difference


def faults(file: Constants, found: Calibration) -> list[str]:
    """Where constants are not what the rows make of them: other rows, or times that they explain worse.

    The factors themselves are not compared: rows leave some of them open, and another machine's sums, or a formula
    that was mended, move those by a third at the same misfit.
    """
    rows = [
        {(entry.hardware, entry.runtime): entry.rows for entry in constants.runtimes}
        for constants in (file, found.constants)
    ]
    told = [] if rows[0] == rows[1] else ["rows of runtimes differ"]
    for (hardware, runtime), fit in found.times.items():
        known = fit.misfit_known
        if known is None or known > WORSE * fit.misfit + 1:
            told.append(f"{runtime} {hardware}: misfit {known} in the file, {fit.misfit:.4g} at best")
    return told


def _told(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> int:
    """Write the constants, or compare with the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file differs")
    parser.add_argument("--prices", nargs="+", metavar="DEVICE", help="solve prices of these alone")
    parser.add_argument("--products", action="store_true", help="solve kernels of single products alone")
    parser.add_argument("--trends", action="store_true", help="solve trends of the file's factors alone")
    asked = parser.parse_args()
    checking = asked.check
    before = catalog.constants()
    if asked.products:
        FILE.write_text(text_of(with_products(before, product_constants(measured.rows(), _told))))
        return 0
    if asked.prices or asked.trends:
        known = repriced(measured.rows(), before, asked.prices) if asked.prices else before
        FILE.write_text(text_of(with_trends(known)))
        return 0
    found = calibrate(measured.rows(), _told, before, product_constants(measured.rows(), _told))
    if checking:
        wrong = faults(before, found)
        print("\n".join(wrong or ["measured/constants.yaml is what the rows make of it"]), file=sys.stderr)
        return 1 if wrong else 0
    FILE.write_text(text_of(found.constants))
    return 0


if __name__ == "__main__":
    sys.exit(main())
