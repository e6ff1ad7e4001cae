"""Writing files, each only when it is complete."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from bitnet_cost.errors import BitnetCostError

try:
    import fcntl
except ImportError:  # Windows: what a process leaves that is killed stays
    LOCKS = False
else:
    LOCKS = True


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


def write_atomically(name: str, chunks: Iterable[str]) -> None:
    """Write the chunks of a text to a file, only when complete.

    Raises:
        BitnetCostError: see `whole_or_nothing`.
    """
    path = place_of(name)
    if path.exists() and not path.is_file():  # a device or a pipe cannot be replaced
        try:
            _write(path, chunks)
        except OSError as error:
            raise BitnetCostError(f"{name}: cannot be written ({error.strerror})") from error
        return
    with whole_or_nothing(name) as temporary:
        _write(Path(temporary), chunks)


def _write(path: Path, chunks: Iterable[str]) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.writelines(chunks)


def write_first(path: Path, text: str) -> bool:
    """Write a file that is not there, whole; False where another process was first, whose file stays.

    Raises:
        BitnetCostError: a place that cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        try:
            os.link(temporary, path)  # fails where the name is taken, which a rename does not
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            with open(path, "x", encoding="utf-8") as stream:
                stream.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise BitnetCostError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)
    return True


@contextlib.contextmanager
def whole_or_nothing(name: str, after: str = "") -> Iterator[str]:
    """A temporary name beside a file, which takes its place when the block ends well, and goes when it does not.

    A process that is killed leaves its temporary file; the next that writes the same file removes it. One in use is
    locked, which also processes of other containers and machines see.

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
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=path.suffix)
        with open(handle, "rb+") as stream:
            _lock(stream)
            temporary = _shown_in_use(temporary, path)
            yield temporary
            with open(temporary, "rb+") as written:  # which may be another file of this name
                os.fsync(written.fileno())
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
    """How the names of a file's temporary files begin."""
    return f".{path.name[:40]}."


def _lock(stream: IO[bytes]) -> bool:
    """Mark a file as in use until it is closed; whether no other process does, and locks are known here."""
    if not LOCKS:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _shown_in_use(temporary: str, path: Path) -> str:
    """Give a temporary file that is locked by now the name by which it is found if its process is killed."""
    name = path.parent / f"{_hidden(path)}{os.getpid()}-{os.path.basename(temporary).removeprefix('.new-')}"
    os.rename(temporary, name)
    return str(name)


def _remove_stale(path: Path) -> None:
    """Remove temporary files of a file that no process works on."""
    pattern = re.compile(re.escape(_hidden(path)) + r"(\d+)-\w+" + re.escape(path.suffix))
    for entry in os.scandir(path.parent):
        if pattern.fullmatch(entry.name):
            with contextlib.suppress(OSError), open(entry, "rb+") as stream:
                if _lock(stream):
                    os.unlink(entry)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
