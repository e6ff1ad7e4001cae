"""Files out: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from bitnet_cost.errors import BitnetCostError


def write_atomically(name: str, text: str) -> None:
    """Write text to a file: to a temporary one beside it, then in its place.

    Raises:
        BitnetCostError: a folder, or a place that cannot be written; what was there stays.
    """
    try:
        path = Path(name).resolve()
        if path.is_dir():
            raise BitnetCostError(f"{name}: is a folder; give the name of a file")
        if not path.parent.is_dir():
            raise BitnetCostError(f"{name}: the folder {path.parent} does not exist")
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
    except ValueError as error:  # a NUL byte in the name
        raise BitnetCostError(f"{name!r}: is not a file name") from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
