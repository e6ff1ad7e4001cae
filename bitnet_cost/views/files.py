"""Writing files, each only when it is complete."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bitnet_cost.errors import BitnetCostError


def place_of(name: str) -> Path:
    """Where a file of this name is to be written, links followed.

    Raises:
        BitnetCostError: no file name, a folder, or a folder that does not exist.
    """
    try:
        path = Path(os.path.realpath(name))  # Path.resolve raises of its own where links run in a circle
    except ValueError as error:  # a NUL byte
        raise BitnetCostError(f"{name!r}: is not a file name") from error
    if os.path.islink(path):
        raise BitnetCostError(f"{name}: is a link that refers to itself")
    if os.path.isdir(path):
        raise BitnetCostError(f"{name}: is a folder; give the name of a file")
    if not os.path.isdir(path.parent):
        raise BitnetCostError(f"{name}: the folder {path.parent} does not exist")
    return path


def write_atomically(name: str, text: str) -> None:
    """Write text to a file, only when complete.

    Raises:
        BitnetCostError: see `whole_or_nothing`.
    """
    path = place_of(name)
    if path.exists() and not path.is_file():  # a device or a pipe cannot be replaced
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BitnetCostError(f"{name}: cannot be written ({error.strerror})") from error
        return
    with whole_or_nothing(name) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


@contextlib.contextmanager
def whole_or_nothing(name: str, after: str = "") -> Iterator[str]:
    """A temporary name beside a file, which takes its place when the block ends well, and goes when it does not.

    A process that is killed leaves its temporary file; the next that writes the same file removes it.

    Args:
        name: the file.
        after: ends the message where it cannot be written.

    Raises:
        BitnetCostError: see `place_of`; or a place that cannot be written; what was there stays.
    """
    path = place_of(name)
    if path.exists() and not path.is_file():
        raise BitnetCostError(f"{name}: cannot be written")
    if path.exists() and not os.access(path, os.W_OK):
        raise BitnetCostError(f"{name}: cannot be written (it is read-only)")
    temporary = None
    try:
        _remove_stale(path)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f"{_hidden(path)}{os.getpid()}-", suffix=path.suffix
        )
        os.close(handle)
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise BitnetCostError(f"{name}: cannot be written ({error.strerror or error}){after}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _hidden(path: Path) -> str:
    """How the names of a file's temporary files begin; the number of the process that writes follows."""
    return f".{path.name[:40]}."


def _remove_stale(path: Path) -> None:
    """Remove temporary files of a file whose process is gone."""
    pattern = re.compile(re.escape(_hidden(path)) + r"(\d+)-\w+" + re.escape(path.suffix))
    for entry in os.scandir(path.parent):
        found = pattern.fullmatch(entry.name)
        if found and not _lives(int(found[1])):
            with contextlib.suppress(OSError):
                os.unlink(entry)


def _lives(process: int) -> bool:
    if sys.platform == "win32":  # where signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
