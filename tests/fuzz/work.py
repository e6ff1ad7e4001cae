"""How much computing something takes, as a multiple of a control in the same process.

Not in seconds, which a slow or busy machine makes more of; not in steps counted, since what a hostile file makes long
is often one step: the digits of a number, one regular expression.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

MOST = 40.0  # controls that a hostile input may take: the 2 s of CONTRIBUTING.md, a control taking about 0.05 s


def control() -> float:
    """CPU seconds of a fixed piece of the work that reading a file is."""
    start = time.process_time()
    read = json.loads("[" + '{"a": [1, 2.5, "text"]}, ' * 40_000 + "{}]")
    sum(len(str(value)) for each in read for value in each.values())
    return time.process_time() - start


def controls(run: Callable[[], object]) -> float:
    """What running something takes, in controls, of which one runs before and one after: the slower counts."""
    before, start = control(), time.process_time()
    run()
    seconds = time.process_time() - start
    return seconds / max(before, control())
