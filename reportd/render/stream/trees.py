"""The trees of a PDF file that grow with its pages: pages, bookmarks, and which text belongs to which tag."""

from __future__ import annotations

from dataclasses import dataclass

import pydyf

from reportd.errors import LimitExceeded
from reportd.render.stream.objects import Objects

_LEAF = 64


def too_many_pages(limit: int) -> LimitExceeded:
    """The error of a document of more than `limit` pages."""
    return LimitExceeded(
        f"The PDF would have more than {limit:,} pages (reports.pdf_pages_max): narrow the query, show fewer columns,"
        " ask for xlsx or csv, or raise reports.pdf_pages_max",
        limit="reports.pdf_pages_max",
        value=limit,
    )


class Pages:
    """The page tree, in nodes of 64 pages below `root`; never more than `count_max` pages."""

    def __init__(self, objects: Objects, root: int, *, count_max: int) -> None:
        self._objects = objects
        self._root = root
        self._count_max = count_max
        self._nodes: list[int] = []
        self._pages: list[int] = []
        self.count = 0

    def add(self, page: int) -> int:
        """Put the object `page` next; the number of its parent. Errors: LimitExceeded."""
        if self.count == self._count_max:
            raise too_many_pages(self._count_max)
        if len(self._pages) % _LEAF == 0:
            self._flush()
            self._nodes.append(self._objects.number())
        self._pages.append(page)
        self.count += 1
        return self._nodes[-1]

    def close(self) -> tuple[bytes, int]:
        """Write the last node; the root's kids, and how many pages there are."""
        self._flush()
        return _references(self._nodes), self.count

    def _flush(self) -> None:
        if self._pages:
            data = b"<</Type/Pages/Parent %d 0 R/Count %d/Kids%b>>"
            self._objects.pack(self._nodes[-1], data % (self._root, len(self._pages), _references(self._pages)))
            self._pages.clear()


class Parents:
    """The number tree from a page's key to the tags of its texts. Keys must come in order."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._leaves: list[int] = []
        self._values: list[tuple[int, bytes]] = []

    def add(self, key: int, value: bytes) -> None:
        """Say that `key` stands for `value`, an object or a reference."""
        self._values.append((key, value))
        if len(self._values) >= _LEAF:
            self._flush()

    def close(self) -> bytes:
        """Write the last leaf; the kids of the tree's root."""
        self._flush()
        return _references(self._leaves)

    def _flush(self) -> None:
        if self._values:
            values = b" ".join(b"%d %b" % value for value in self._values)
            limits = b"%d %d" % (self._values[0][0], self._values[-1][0])
            self._leaves.append(self._objects.add(b"<</Limits[%b]/Nums[%b]>>" % (limits, values)))
            self._values.clear()


@dataclass(slots=True)
class _Mark:
    level: int
    number: int
    title: str
    place: bytes
    previous: int = 0
    first: int = 0
    last: int = 0
    count: int = 0


class Bookmarks:
    """The outline, written as it comes: only the chain down to the latest is in memory."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._open = [_Mark(0, objects.number(), "", b"")]

    def add(self, level: int, title: str, page: int, x: float, y: float) -> None:
        """A bookmark `level` deep (from 1), to `x`, `y` (points from the bottom left) on the object `page`."""
        mark = _Mark(level, self._objects.number(), title, b"[%d 0 R/XYZ %.4g %.6g 0]" % (page, x, y))
        self._close_to(level, following=mark.number)
        parent = self._open[-1]
        mark.previous, parent.last = parent.last, mark.number
        parent.first = parent.first or mark.number
        self._open.append(mark)

    def close(self) -> int:
        """Write what is left; the number of the root, 0 without any bookmark."""
        self._close_to(1, following=0)
        (root,) = self._open
        if not root.first:
            return 0
        data = b"<</Type/Outlines/First %d 0 R/Last %d 0 R/Count %d>>" % (root.first, root.last, root.count)
        self._objects.pack(root.number, data)
        return root.number

    def _close_to(self, level: int, *, following: int) -> None:
        while self._open[-1].level >= level:
            mark = self._open.pop()
            parent = self._open[-1]
            parent.count += 1 + mark.count
            data = b"<</Title %b/Parent %d 0 R/Dest%b" % (pydyf.String(mark.title).data, parent.number, mark.place)
            data += b"/Prev %d 0 R" % mark.previous if mark.previous else b""
            if parent.level < level and following:
                data += b"/Next %d 0 R" % following
            if mark.first:
                data += b"/First %d 0 R/Last %d 0 R/Count %d" % (mark.first, mark.last, mark.count)
            self._objects.pack(mark.number, data + b">>")


def _references(numbers: list[int]) -> bytes:
    return b"[" + b" ".join(b"%d 0 R" % number for number in numbers) + b"]"
