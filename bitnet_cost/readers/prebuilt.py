"""Entries of the shipped catalogue as objects, made when the package is built: a cold start parses and checks no YAML.

``prebuilt/`` of the package holds a file for each: checksums of what it was made of, then the validated object. It
counts only where the catalogue's files and the code that reads them still have these checksums; else, and in a
checkout in which ``python -m scripts.prebuild`` did not run, the YAML is read. A pickle may run code as a module may:
the folder is a part of the package, and no file of a user is read so.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

from bitnet_cost.readers.spelling import root

PACKAGE = Path(__file__).resolve().parent.parent
FOLDER = PACKAGE / "prebuilt"
CODE = ("units.py", "formulas/nodes.py", "inputs/*.py", "readers/*.py")  # what makes an object of a file


def path_of(name: str) -> Path:
    """Where the object of a file of the catalogue is kept; the file's name begins with its folder."""
    return FOLDER / f"{name.replace('/', '.')}.pickle"


def entry(name: str) -> Any:
    """The object of a file of the catalogue, None where there is none or something has changed since it was made."""
    try:
        with path_of(name).open("rb") as stream:
            known = pickle.load(stream)
            return pickle.load(stream) if known == checksums(known["files"]) else None
    except (OSError, EOFError, LookupError, pickle.UnpicklingError):  # none, or one that was not written whole
        return None


def checksums(files: Iterable[str]) -> dict[str, Any]:
    """Checksums of the code and of some files of the catalogue.

    Raises:
        OSError: a file is missing.
    """
    return {
        "code": _code(),
        "files": {name: crc32((root(name.partition("/")[0]).parent / name).read_bytes()) for name in files},
    }


@cache
def _code() -> int:
    found = 0
    for pattern in CODE:
        for path in sorted(PACKAGE.glob(pattern)):
            found = crc32(path.read_bytes(), found)
    return found
