"""The file itself: xlsxwriter's package, copied part by part, with streamed rows in place of each data sheet's own.

A sheet's rows are deflated once, before the rest of the workbook is known, and spliced between its deflated head and
tail: raw deflate streams may be joined where one was flushed to a byte boundary, and checksums can be combined.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from reportd.errors import LimitExceeded

_LEVEL = 1
# What a size or a place in a zip file may be, less some room for the directory of parts.
_PART_MAX = 0xFFFF_FFFF - (1 << 20)
_DEFLATE = 8
_VERSION = 20
_UTF8_NAMES = 0x800
# 1980-01-01 00:00, the first moment a zip can name: the same input gives the same bytes.
_DATE, _TIME = 0x21, 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Deflated bytes that end on a byte boundary but do not end their stream: `path` holds them."""

    path: Path
    deflated: int
    bytes: int
    crc: int


class PieceWriter:
    """Deflates what it is given into a file; `close` makes the `Piece`.

    Raises LimitExceeded past 4 GiB, before they have been written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._deflater = _deflater()
        self._bytes = 0
        self._deflated = 0
        self._crc = 0

    def write(self, text: str) -> None:
        """Add `text`, as UTF-8."""
        content = text.encode()
        self._bytes += len(content)
        if self._bytes > _PART_MAX:
            raise _too_large(self._path.name, self._bytes)
        self._crc = isal_zlib.crc32(content, self._crc)
        self._deflated += self._file.write(self._deflater.compress(content))

    def close(self) -> Piece:
        """Flush to a byte boundary."""
        self._deflated += self._file.write(self._deflater.flush(isal_zlib.Z_SYNC_FLUSH))
        self._file.close()
        return Piece(self._path, self._deflated, self._bytes, self._crc)


class PackageWriter:
    """A zip file written front to back, every size known before its part is written; `close` ends it.

    Raises LimitExceeded where a part or the file would pass 4 GiB: such a workbook opens in no spreadsheet.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0
        self._directory: list[bytes] = []

    def add(self, name: str, content: bytes) -> None:
        """A part that is whole."""
        deflater = _deflater()
        deflated = deflater.compress(content) + deflater.flush()
        self._begin(name, crc=isal_zlib.crc32(content), deflated=len(deflated), size=len(content))
        self._write(deflated)

    def splice(self, name: str, head: bytes, piece: Piece, tail: bytes) -> None:
        """A part that is `head`, then what `piece` holds, then `tail`."""
        first, last = _deflater(), _deflater()
        start = first.compress(head) + first.flush(isal_zlib.Z_SYNC_FLUSH)
        end = last.compress(tail) + last.flush()
        crc = isal_zlib.crc32_combine(isal_zlib.crc32(head), piece.crc, piece.bytes)
        crc = isal_zlib.crc32_combine(crc, isal_zlib.crc32(tail), len(tail))
        deflated = len(start) + piece.deflated + len(end)
        self._begin(name, crc=crc, deflated=deflated, size=len(head) + piece.bytes + len(tail))
        self._write(start)
        with piece.path.open("rb") as source:
            shutil.copyfileobj(source, self._file, 1 << 20)
        self._position += piece.deflated
        self._write(end)

    def close(self) -> None:
        """Write the directory of parts."""
        start = self._position
        self._write_all(self._directory)
        size, count = self._position - start, len(self._directory)
        self._write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, start, 0))

    def _begin(self, name: str, *, crc: int, deflated: int, size: int) -> None:
        if max(size, self._position + deflated) > _PART_MAX:
            raise _too_large(name, size)
        encoded = name.encode()
        facts = struct.pack(
            "<5H3I2H", _VERSION, _UTF8_NAMES, _DEFLATE, _TIME, _DATE, crc, deflated, size, len(encoded), 0
        )
        self._directory.append(
            b"PK\1\2" + struct.pack("<H", _VERSION) + facts + struct.pack("<3H2I", 0, 0, 0, 0, self._position) + encoded
        )
        self._write(b"PK\3\4" + facts + encoded)

    def _write_all(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self._write(chunk)

    def _write(self, content: bytes) -> None:
        self._position += self._file.write(content)


def _too_large(part: str, size: int) -> LimitExceeded:
    return LimitExceeded(
        "The workbook would pass 4 GiB, which no spreadsheet opens: ask for CSV, or for fewer rows or columns.",
        part=part,
        bytes=size,
    )


def _deflater() -> isal_zlib.Compress:
    return isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)
