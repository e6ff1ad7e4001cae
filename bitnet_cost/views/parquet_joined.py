"""Row groups that several processes have encoded, as one Parquet file.

A file's footer says at which byte each column of each row group begins. Where bytes of row groups are copied to another
file these places move, and nothing else does. Footers are structures of Thrift (Apache Parquet, parquet.thrift; Apache
Thrift, thrift-compact-protocol.md): here a structure is a dict from a field's number to its type and its value.
"""

from __future__ import annotations

import struct
from typing import Any

MAGIC = b"PAR1"
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, STRUCT = 1, 2, 3, 7, 8, 9, 12
WHOLE = (4, 5, 6)  # 16, 32 and 64 bits
ROWS, GROUPS = 3, 4  # fields of the footer
COLUMNS, FILE_OFFSET, ORDINAL = 1, 5, 7  # of a row group
META = 3  # of a column's chunk
CHUNK_PLACES, META_PLACES = (2, 4, 6), (9, 10, 11, 14)  # fields that say where something begins; 0: nowhere

Fields = dict[int, tuple[int, Any]]


class JoinedFile:
    """One file of the row groups of others with the same columns.

    Args:
        path: the file to write.
        empty: a file without rows, whose schema and metadata are those of the whole.

    Raises:
        OSError: a place that cannot be written.
    """

    def __init__(self, path: str, empty: bytes) -> None:
        self._footer, _ = _footer_of(empty)
        self._groups: list[bytes] = []  # encoded: there may be many
        self._rows = 0
        self._stream = open(path, "wb")  # noqa: SIM115  # closed by close
        self._stream.write(MAGIC)

    def add(self, encoded: bytes) -> None:
        """Append the row groups of a whole file."""
        footer, end = _footer_of(encoded)
        moved = self._stream.tell() - len(MAGIC)
        for group in footer[GROUPS][1][1]:
            group.pop(ORDINAL, None)
            _move(group, (FILE_OFFSET,), moved)
            for chunk in group[COLUMNS][1][1]:
                _move(chunk, CHUNK_PLACES, moved)
                _move(chunk[META][1], META_PLACES, moved)
            self._groups.append(_struct(group))
            self._rows += group[ROWS][1]
        self._stream.write(memoryview(encoded)[len(MAGIC) : end])

    def close(self) -> None:
        """Write the footer, and close the file."""
        try:
            footer = _struct({**self._footer, ROWS: (WHOLE[2], self._rows), GROUPS: (LIST, (STRUCT, self._groups))})
            self._stream.write(footer + struct.pack("<I", len(footer)) + MAGIC)
        finally:
            self._stream.close()


def _move(fields: Fields, places: tuple[int, ...], by: int) -> None:
    for place in places:
        if place in fields and fields[place][1]:
            fields[place] = fields[place][0], fields[place][1] + by


def _footer_of(encoded: bytes) -> tuple[Fields, int]:
    """The footer of a file, and where it begins."""
    (size,) = struct.unpack("<I", encoded[-8:-4])
    start = len(encoded) - 8 - size
    return _Reader(encoded, start).struct(), start


class _Reader:
    """What is read of Thrift's compact protocol, from some byte on."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def struct(self) -> Fields:
        """Fields up to the end of a structure."""
        found: Fields = {}
        number = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            number = number + step if step else self._whole()
            found[number] = kind, self._value(kind)
        return found

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _count(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7

    def _whole(self) -> int:
        found = self._count()
        return (found >> 1) ^ -(found & 1)

    def _bytes(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def _value(self, kind: int) -> Any:
        if kind in WHOLE:
            return self._whole()
        if kind == BINARY:
            return self._bytes(self._count())
        if kind == STRUCT:
            return self.struct()
        if kind == LIST:
            head = self._byte()
            size = head >> 4 if head < 240 else self._count()
            of = head & 15
            return of, [self._byte() if of in (TRUE, FALSE) else self._value(of) for _ in range(size)]
        if kind in (TRUE, FALSE):
            return None  # a field's type is its value
        return self._bytes(1 if kind == BYTE else 8)


def _struct(fields: Fields) -> bytes:
    found, last = bytearray(), 0
    for number, (kind, value) in sorted(fields.items()):
        step = number - last
        found += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _whole(number)
        found += _written(kind, value)
        last = number
    return bytes(found + b"\0")


def _written(kind: int, value: Any) -> bytes:
    if kind in WHOLE:
        return _whole(value)
    if kind == BINARY:
        return _count(len(value)) + bytes(value)
    if kind == STRUCT:
        return bytes(value) if isinstance(value, bytes) else _struct(value)
    if kind == LIST:
        of, each = value
        head = bytes([len(each) << 4 | of]) if len(each) < 15 else bytes([240 | of]) + _count(len(each))
        return head + b"".join(bytes([x]) if of in (TRUE, FALSE) else _written(of, x) for x in each)
    return b"" if value is None else bytes(value)


def _whole(value: int) -> bytes:
    return _count(value << 1 if value >= 0 else ~(value << 1))


def _count(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
