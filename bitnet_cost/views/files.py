"""Files out: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
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
        raise BitnetCostError(f"{name}: is a link that leads back to itself")
    if os.path.isdir(path):
        raise BitnetCostError(f"{name}: is a folder; give the name of a file")
    if not os.path.isdir(path.parent):
        raise BitnetCostError(f"{name}: the folder {path.parent} does not exist")
    return path


def write_atomically(name: str, text: str) -> None:
    """Write text to a file: to a temporary one beside it, then in its place.

    Raises:
        BitnetCostError: see `place_of`; or a place that cannot be written; what was there stays.
    """
    path = place_of(name)
    try:
        if path.exists() and not path.is_file():  # a device or a pipe cannot be replaced
            path.write_text(text, encoding="utf-8")
            return
        if path.exists() and not os.access(path, os.W_OK):
            raise BitnetCostError(f"{name}: cannot be written (it is read-only)")
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise BitnetCostError(f"{name}: cannot be written ({error.strerror})") from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
