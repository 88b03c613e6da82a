"""A PDF file written object by object, in memory that does not grow with it but for some bytes per page."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import md5
from heapq import merge
from itertools import accumulate, chain
from typing import BinaryIO

from reportd.errors import LimitExceeded

_HEADER = b"%PDF-1.7\n%\xf0\x9f\x96\xa4\n"
# The next level takes a tenth longer for files that are a fiftieth smaller. ISA-L would be three times as fast, but the
# same bytes must give the same file, and once in some thousand streams it writes others.
_LEVEL = 1
# An index within an object stream then is one byte, and a reader that wants one object unpacks few others.
_PACK_MAX = 250
_FREE, _PLAIN, _PACKED = b"\0", b"\1", b"\2"
BYTES_MAX = 1 << 40
"""What five bytes of an offset in the index of objects can say; a classic index would end at ten digits already."""


class Objects:
    """Numbers and writes objects; `close` adds what a reader finds them by.

    Numbers below `first` are the caller's own. Every number handed out must be written once; one that is not becomes a
    free entry. Raises LimitExceeded where the file would pass BYTES_MAX.
    """

    def __init__(self, file: BinaryIO, *, first: int) -> None:
        self._file = file
        self._next = first
        self._position = 0
        self._digest = md5(usedforsecurity=False)
        self._plain = array("Q")  # number, offset, …
        self._runs = array("Q")  # first number, count, number of the object stream, index of the first in it, …
        self._pack: list[str] = []
        self._packed: list[range] = []
        self._put(_HEADER)

    def number(self, count: int = 1) -> int:
        """A new object's number, or the first of `count` in a row."""
        first = self._next
        self._next += count
        return first

    def add(self, data: bytes) -> int:
        """Pack a new object (no stream); its number."""
        number = self.number()
        self.pack(number, data)
        return number

    def pack(self, number: int, data: bytes) -> None:
        """Write an object that is no stream, compressed together with its neighbours."""
        self.pack_all(number, [data.decode("latin-1")])

    def pack_all(self, first: int, data: Sequence[str]) -> None:
        """`pack` objects of Latin-1 text whose numbers are `first` and those after it."""
        if len(self._pack) + len(data) > _PACK_MAX:
            self._flush()
            while len(data) > _PACK_MAX:
                self._pack, self._packed = list(data[:_PACK_MAX]), [range(first, first + _PACK_MAX)]
                self._flush()
                first, data = first + _PACK_MAX, data[_PACK_MAX:]
        after = first + len(data)
        if self._packed and self._packed[-1].stop == first:
            first = self._packed.pop().start
        self._packed.append(range(first, after))
        self._pack.extend(data)

    def plain(self, number: int, data: bytes) -> None:
        """Write an object as it is, `data` being all between `obj` and `endobj`."""
        self._plain.extend((number, self._position))
        self._put(b"%d 0 obj\n%b\nendobj\n" % (number, data))

    def stream(self, number: int, data: bytes, entries: bytes = b"") -> None:
        """Write a stream, compressed; `entries` stand in its dictionary."""
        packed = zlib.compress(data, _LEVEL)
        head = b"<<%b/Filter/FlateDecode/Length %d>>stream\n" % (entries, len(packed))
        self.plain(number, b"%b%b\nendstream" % (head, packed))

    def stream_of(self, number: int, pieces: Iterable[bytes], entries: bytes = b"") -> None:
        """Write a stream as its pieces come, compressed; `entries` stand in its dictionary."""
        length = self.number()
        self._plain.extend((number, self._position))
        self._put(b"%d 0 obj\n<<%b/Filter/FlateDecode/Length %d 0 R>>stream\n" % (number, entries, length))
        start = self._position
        packer = zlib.compressobj(_LEVEL)
        for piece in pieces:
            self._put(packer.compress(piece))
        self._put(packer.flush())
        size = self._position - start
        self._put(b"\nendstream\nendobj\n")
        self.plain(length, b"%d" % size)

    def close(self, *, root: int, info: int) -> None:
        """Write the cross-reference stream and the trailer."""
        self._flush()
        number = self.number()
        at = self._position
        self._plain.extend((number, at))
        digest = self._digest.hexdigest().encode()
        entries = (
            b"<</Type/XRef/Size %d/Root %d 0 R/Info %d 0 R/ID[(%b)(%b)]/W[1 5 1]"
            b"/DecodeParms<</Predictor 12/Columns 7>>/Filter/FlateDecode/Length %d>>stream\n"
        )
        packed = self._cross_reference()
        data = entries % (self._next, root, info, digest, digest, len(packed)) + packed + b"\nendstream"
        self._put(b"%d 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (number, data, at))

    def _put(self, data: bytes) -> None:
        if self._position + len(data) > BYTES_MAX:
            raise LimitExceeded(
                "The PDF would pass 1 TiB, past which its own index can't tell where anything is: ask for CSV, or for"
                " fewer rows or columns.",
                bytes=self._position + len(data),
            )
        self._file.write(data)
        self._digest.update(data)
        self._position += len(data)

    def _flush(self) -> None:
        if not self._pack:
            return
        number = self.number()
        offsets = accumulate([len(packed) + 1 for packed in self._pack], initial=0)
        index = zip(chain.from_iterable(self._packed), offsets, strict=False)
        head = " ".join(map(str, chain.from_iterable(index))).encode() + b"\n"
        start = 0
        for run in self._packed:
            self._runs.extend((run.start, len(run), number, start))
            start += len(run)
        entries = b"/Type/ObjStm/N %d/First %d" % (len(self._pack), len(head))
        self._pack, pack, self._packed = [], self._pack, []
        self.stream(number, head + "\n".join(pack).encode("latin-1"), entries)

    def _cross_reference(self) -> bytes:
        """An entry per number, each written as what differs from the one before: a run of packed objects is one byte
        over and over, so that millions of them take no room."""
        plain = ((number, 1, _PLAIN, offset, 0) for number, offset in _sorted(self._plain, 2))
        runs = ((number, count, _PACKED, stream, index) for number, count, stream, index in _sorted(self._runs, 4))
        packer = zlib.compressobj(6)
        packed = []
        before = bytes(7)
        expected = 0
        for number, count, kind, value, index in merge(plain, runs):
            if number > expected:
                packed.append(
                    packer.compress(_differences(before, bytes(7)) + bytes([2, *bytes(7)]) * (number - expected - 1))
                )
                before = bytes(7)
            first = kind + value.to_bytes(5, "big") + bytes([index])
            packed.append(packer.compress(_differences(before, first) + b"\2\0\0\0\0\0\0\1" * (count - 1)))
            before = first[:6] + bytes([index + count - 1])
            expected = number + count
        return b"".join(packed) + packer.flush()


def _differences(before: bytes, after: bytes) -> bytes:
    """PNG's predictor "up", with its tag."""
    return bytes([2, *((b - a) & 255 for a, b in zip(before, after, strict=True))])


def _sorted(values: array[int], size: int) -> Iterator[array[int]]:
    """Every `size` of `values`, by the first of them; made one at a time, since a long file has hundred thousands."""
    for start in sorted(range(0, len(values), size), key=values.__getitem__):
        yield values[start : start + size]
