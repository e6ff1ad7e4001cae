"""Write how far measured figures are from modelled ones: measured/ranges.yaml, what 90 % intervals are made of.

    python -m scripts.write_ranges            # writes measured/ranges.yaml
    python -m scripts.write_ranges --check    # exit 1 if the file is not what rows and constants make of it

It takes a minute or two: devices are left out one at a time. How is in `bitnet_cost/studies/widths.py`, `spreads.py`
and `left_out.py`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from bitnet_cost.inputs.ranges import Ranges
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies.accuracy import every_point
from bitnet_cost.studies.spreads import ranges

FILE = Path(__file__).resolve().parent.parent / "measured" / "ranges.yaml"
HEAD = "# How far scored rows are from the model, each judged without its model: python -m scripts.write_ranges.\n"
SLACK = 0.02  # relative: another machine's sums move a fit where rows leave it open


def text_of(found: Ranges) -> str:
    """The file as text: one line for each set of figures."""
    return HEAD + "".join(_lines(found.model_dump(), 0))


def _lines(data: dict[str, Any], depth: int) -> list[str]:
    lines = []
    for key, value in data.items():
        inner = isinstance(value, dict) and (depth < 2 or any(isinstance(part, dict) for part in value.values()))
        lines += [f"{'  ' * depth}{key}:" + ("\n" if inner else f" {_flow(value)}\n")]
        lines += _lines(value, depth + 1) if inner else []
    return lines


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def stale(now: Ranges, before: Ranges) -> list[str]:
    """Where two sets of spreads differ by more than the last digits."""
    return [path for path, a, b in _pairs(now.model_dump(), before.model_dump(), "") if not _alike(a, b)]


def _pairs(a: Any, b: Any, path: str) -> list[tuple[str, Any, Any]]:
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return [(path, a, b)]
    return [pair for key in dict.fromkeys([*a, *b]) for pair in _pairs(a.get(key), b.get(key), f"{path}.{key}")]


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float | int):
        return abs(a - b) <= SLACK * max(1.0, abs(a))
    return bool(a == b)


def main() -> int:
    """Write the file, or compare with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file is stale")
    checking = parser.parse_args().check
    now = ranges(every_point(), measured.rows(), lambda line: print(line, file=sys.stderr))
    if checking:
        known = catalog.ranges()
        wrong = ["there is no file"] if known is None else stale(now, known)
        print("\n".join(wrong[:20] or ["measured/ranges.yaml is what the rows make of it"]), file=sys.stderr)
        return 1 if wrong else 0
    FILE.write_text(text_of(now), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
