"""What an execution may end in: an answer, or one clear error. Anything else is a finding."""

from __future__ import annotations

import contextlib
import re
import time
import traceback
import warnings
from collections.abc import Callable

from bitnet_cost.errors import BitnetCostError
from tests.fuzz import work

WATCHED_SECONDS = 0.2  # of computing, from which on an input runs again, beside a control
MOST_ERROR = 4000  # characters of one error
_NO_NUMBER = re.compile(r"(?<![\w.])(nan|inf|infinity)(?![\w.])", re.IGNORECASE)
_PACKED = re.compile(r"data-packed>[^<]*")  # base64, which may spell anything
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Finding(Exception):
    """What should not have been; ``signature`` is the same for what has the same cause."""

    def __init__(self, signature: str, detail: str) -> None:
        super().__init__(detail)
        self.signature = signature


def require(holds: bool, signature: str, detail: str) -> None:
    """Raise a finding where something does not hold."""
    if not holds:
        raise Finding(signature, detail[:1500])


def judged(run: Callable[[bytes], str], data: bytes) -> bool:
    """Run once; whether the input was accepted.

    Raises:
        Finding: an exception other than `BitnetCostError`, a warning, more computing than `work.MOST`, a number
            printed that is none, or a control character printed.
    """
    start = time.process_time()
    accepted = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            said = run(data)
    except BitnetCostError as error:
        said, accepted = str(error), False
        if not said.strip():
            raise Finding("silent", "an error without a word") from error
        if len(said) > MOST_ERROR:
            raise Finding(
                "long error " + place_of(error), f"an error of {len(said)} characters: {said[:300]!r}"
            ) from error
    except Finding:
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        raise Finding(f"{type(error).__name__} {place_of(error)}", traceback.format_exc()[-3000:]) from error
    if time.process_time() - start > WATCHED_SECONDS:
        taken = work.controls(lambda: _again(run, data))  # what the process imported the first time does not count
        if taken > work.MOST:
            raise Finding("slow", f"as much as {taken:.0f} controls")
    found = _CONTROL.search(said)
    if found:
        around = said[max(0, found.start() - 100) : found.end() + 30]
        raise Finding("control character" + (" accepted" if accepted else ""), ascii(around))
    if accepted:
        found = _NO_NUMBER.search(_PACKED.sub("", said))
        if found and not _NO_NUMBER.search(data.decode("utf-8", "replace")):
            raise Finding("no number printed", said[max(0, found.start() - 200) : found.end() + 50])
    return accepted


def _again(run: Callable[[bytes], str], data: bytes) -> None:
    with contextlib.suppress(BitnetCostError):
        run(data)


def place_of(error: BaseException) -> str:
    """The innermost line of the project that an exception came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "bitnet_cost" in f.filename and "/tests/" not in f.filename]
    return f"{ours[-1].filename.rpartition('/')[2]}:{ours[-1].name}:{ours[-1].lineno}" if ours else "outside"
