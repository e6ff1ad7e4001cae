"""YAML read strictly: plain data, no tags, no aliases, no duplicate keys, bounded size and depth.

PyYAML's C parser yields the events, and `yaml_builder` builds data from them; both are loaded with the first file.
"""

from __future__ import annotations

from pathlib import Path

from bitnet_cost.errors import BitnetCostError, InvalidFile
from bitnet_cost.numerals import with_commas
from bitnet_cost.readers.document import TOO_DEEP, Document

MAX_BYTES = 2_000_000


def regular_size(path: Path, limit: int | None = None) -> int:
    """Bytes of a regular file; of one that is not read, nothing else is asked.  [byte]

    Raises:
        BitnetCostError: missing, a folder, not a regular file, or larger than the limit.
    """
    try:
        if path.is_dir():
            raise BitnetCostError(f"{path}: is a folder; a file is wanted here")
        if not path.exists():
            raise BitnetCostError(f"{path}: no such file")
        if not path.is_file():
            raise BitnetCostError(f"{path}: is not a regular file")
        size = path.stat().st_size
    except OSError as error:
        raise BitnetCostError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a NUL byte in the name
        raise BitnetCostError(f"{str(path)!r}: is not a file name") from error
    if limit is not None and size > limit:
        raise _too_large(path, size, limit)
    return size


def _too_large(path: Path, size: int, limit: int) -> BitnetCostError:
    most = f"a file of this kind has at most {with_commas(limit / 1e6)} MB"
    return BitnetCostError(f"{path}: has {with_commas(size / 1e6)} MB; {most}")


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """Read a small UTF-8 text file.

    Raises:
        BitnetCostError: missing, a folder, not a regular file, too large, not text, or empty.
    """
    regular_size(path, limit)
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)  # a file may grow, or hide its size as those under /proc do
    except OSError as error:
        raise BitnetCostError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > limit:
        raise _too_large(path, len(content), limit)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BitnetCostError(f"{path}: is not a UTF-8 text file (byte {error.start} is not text)") from error
    if not text.strip():
        raise BitnetCostError(f"{path}: is empty")
    return text


def read_yaml(path: Path) -> Document:
    """Read one YAML document from a file.

    Raises:
        BitnetCostError: see `read_text`; or InvalidFile with the line of what is not accepted.
    """
    return parse_yaml(read_text(path), path)


def parse_yaml(text: str, name: object = "<text>") -> Document:
    r"""Build plain data from YAML text.

    >>> parse_yaml("a: {b: [1, 2.5, yes]}").data
    {'a': {'b': [1, 2.5, 'yes']}}
    >>> parse_yaml("a: 1\na: 2")
    Traceback (most recent call last):
    ...
    bitnet_cost.errors.InvalidFile: <text>: line 2
      key 'a' appears twice
    """
    import yaml

    from bitnet_cost.readers.yaml_builder import document

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return document(yaml.parse(text, Loader=loader), name)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        if "nesting" in problem:  # a parser with a limit of its own may read ahead, and meet it before ours is reached
            raise InvalidFile(name, where, TOO_DEEP) from error
        raise InvalidFile(name, where, f"not valid YAML: {problem}") from error
