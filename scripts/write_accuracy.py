"""Write the committed errors on measured rows: measured/accuracy.yaml.

python -m scripts.write_accuracy            refuses where a class has become worse
python -m scripts.write_accuracy --accept   writes what there is
python -m scripts.write_accuracy --check    writes nothing; exit 1 where the file is not what the model gives
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from bitnet_cost.inputs.accuracy import Accuracy, Spread
from bitnet_cost.readers import catalog
from bitnet_cost.studies.accuracy import accuracy, compare
from bitnet_cost.studies.accuracy_classes import CLASSES

FILE = Path(__file__).resolve().parent.parent / "measured" / "accuracy.yaml"
SLACK = 0.05  # percent: half of the last digit


def worse(now: Accuracy, before: Accuracy) -> list[str]:
    """Classes whose median or nine-in-ten error has grown, in words; witnesses may."""
    found = []
    for name, old in before.classes.items():
        new = now.classes.get(name)
        if new is None:
            found.append(f"{name}: no rows any more")
            continue
        found += [
            f"{name}: {kind} {getattr(new, kind)} % instead of {getattr(old, kind)}"
            for kind in ("median", "p90")
            if not CLASSES[name].witness and getattr(new, kind) > getattr(old, kind) + SLACK
        ]
    return found


def stale(now: Accuracy, before: Accuracy) -> list[str]:
    """Classes whose rows or errors are not those of the file, but for the last digit (another machine's sums)."""
    return [
        name
        for name in now.classes.keys() | before.classes.keys()
        if (new := now.classes.get(name)) is None
        or (old := before.classes.get(name)) is None
        or new.n != old.n
        or any(abs(getattr(new, kind) - getattr(old, kind)) > 2 * SLACK + 1e-9 for kind in ("median", "p90", "bias"))
    ]


def text_of(found: Accuracy) -> str:
    """The file as text."""
    head = "# Errors in percent on measured rows that no constant was taken from: python -m scripts.write_accuracy.\n"
    lines = [head, "classes:\n"]
    lines += [f"  {name}: {_spread(s)}\n" for name, s in found.classes.items()]
    lines.append("devices:\n")
    for hardware, runtimes in sorted(found.devices.items()):
        lines.append(f"  {hardware}:\n")
        for runtime, classes in sorted(runtimes.items()):
            lines.append(f"    {runtime}:\n")
            lines += [f"      {name}: {_spread(s)}\n" for name, s in classes.items()]
    return "".join(lines)


def _spread(s: Spread) -> str:
    return yaml.safe_dump(s.model_dump(), default_flow_style=True, sort_keys=False, width=200).strip()


def main() -> int:
    """Write the file, or compare with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file is stale")
    parser.add_argument("--accept", action="store_true", help="write errors that have grown, too")
    asked = parser.parse_args()
    now = accuracy(compare().rows)
    text = text_of(now)
    if asked.check:
        return 1 if stale(now, catalog.accuracy()) else 0
    faults = worse(now, catalog.accuracy())
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults and not asked.accept:
        return 1
    FILE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
