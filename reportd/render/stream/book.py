"""One file of the pages that WeasyPrint laid out and those written here: one tree of pages, of tags, of bookmarks."""

from __future__ import annotations

import io
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pydyf

from reportd.render.cells import Cells
from reportd.render.engine import OPTIONS, Engine
from reportd.render.html import printable, slot_css
from reportd.render.layout import Page
from reportd.render.stream.attachments import attach
from reportd.render.stream.geometry import BREAK, Geometry, geometry, specimen, table_number
from reportd.render.stream.objects import Objects
from reportd.render.stream.paginate import paginate
from reportd.render.stream.setting import Setting, Typesetter, colour
from reportd.render.stream.sheet import PX, Sheets
from reportd.render.stream.trees import Bookmarks, Pages, Parents
from reportd.render.view import Grid, View

_LINE_LEAST = 13.0
"""Points that a line of a table is high, at least: how many the first page can hold."""
_LINES_MORE = 10
_NO_NUMBER = " @page { @bottom-right { visibility: hidden !important } }"


@dataclass(frozen=True, slots=True)
class _Long:
    """A long table: its geometry, and how its lines are set."""

    grid: Grid
    geometry: Geometry
    setting: Setting


def write(engine: Engine, view: View, page: Page, *, css: str, path: Path, as_of_s: int, pages_max: int) -> int:
    """Write `view`, of which some tables have a source, into `path`; the number of pages.

    `css` has the rules of this document, as for `Engine.write`. What comes after a long table begins on a new page.
    Errors: LimitExceeded for more than `pages_max` pages.
    """
    typesetter = Typesetter()
    long: dict[int, _Long] = {}
    for number, part in enumerate(view.parts):
        if isinstance(part, Grid) and part.source is not None:
            long[number] = _long(engine, view, replace(part, heights=()), css, as_of_s, typesetter)
    count = int(page.height / _LINE_LEAST) + _LINES_MORE
    begun = replace(
        view, parts=tuple(_begun(long[n], count) if n in long else part for n, part in enumerate(view.parts))
    )
    rules = css + slot_css(begun) + _NO_NUMBER + _breaks(long)
    rendering = engine.render(printable(begun), css=rules, as_of_s=as_of_s)
    starts, kept = _starts(rendering, long)
    grids = {part.number: part for part in begun.parts if isinstance(part, Grid) and part.heights}
    made = 0
    with path.open("wb") as file:

        def finish(document: Any, pdf: pydyf.PDF) -> None:
            nonlocal made
            Cells(grids, view.document.theme)(document, pdf)
            book = _Book(view, document, pdf, file, typesetter, pages_max=pages_max)
            made = book.write([starts.get(number) for number in kept])

        rendering.copy([rendering.pages[number] for number in kept]).write_pdf(io.BytesIO(), finisher=finish, **OPTIONS)
    return made


def _long(engine: Engine, view: View, grid: Grid, css: str, as_of_s: int, typesetter: Typesetter) -> _Long:
    only = replace(view, parts=(specimen(grid),), banners=())
    shape = geometry(engine.render(printable(only), css=css + BREAK, as_of_s=as_of_s), grid)
    return _Long(grid, shape, Setting(grid, shape, typesetter))


def _begun(long: _Long, count: int) -> Grid:
    assert long.grid.source is not None
    return replace(long.grid, lines=long.setting.begun(islice(long.grid.source.lines(), count)), source=None)


def _breaks(long: Mapping[int, _Long]) -> str:
    """What comes after a long table on a new page, which is in no group any more."""
    return "".join(
        f' [data-of="{number}"] {{ break-after: page }}'
        f" [data-part=\"{number}\"] > tbody > tr:last-child {{ string-set: group '' }}"
        for number in long
    )


@dataclass(frozen=True, slots=True)
class _Start:
    """A long table's first page: how many of its lines stand there."""

    long: _Long
    lines: int


def _starts(rendering: Any, long: Mapping[int, _Long]) -> tuple[dict[int, _Start], list[int]]:
    """Where each long table starts, by page; and the pages to keep: all but those where one of them only goes on."""
    starts: dict[int, _Start] = {}
    kept: list[int] = []
    seen: list[Any] = []
    for number, page in enumerate(rendering.pages):
        goes_on = False
        for box in page._page_box.descendants():
            part = table_number(box)
            if part is not None and part in long:
                goes_on = any(box.element is each for each in seen)
                if not goes_on:
                    seen.append(box.element)
                    rows = [r for group in box.children if group.element_tag == "tbody" for r in group.children]
                    starts[number] = _Start(long[part], len(rows))
        if not goes_on:
            kept.append(number)
    return starts, kept


class _Book:
    """Writes all pages in order, and what holds them together."""

    def __init__(
        self, view: View, document: Any, pdf: pydyf.PDF, file: BinaryIO, typesetter: Typesetter, *, pages_max: int
    ) -> None:
        self._view, self._document, self._pdf, self._typesetter = view, document, pdf, typesetter
        self._objects = Objects(file, first=len(pdf.objects))
        self._pages = Pages(self._objects, pdf.pages.number, count_max=pages_max)
        self._parents = Parents(self._objects)
        self._bookmarks = Bookmarks(self._objects)
        self._fonts = self._objects.number()
        self._saved = self._objects.number()
        self._objects.stream(self._saved, b"q")
        self._footers = array("Q")
        self._laid_out: set[int] = set()
        self._key = 0
        self._number: Geometry | None = None

    def write(self, starts: list[_Start | None]) -> int:
        """Write the file: WeasyPrint's pages, after each the table that it starts, if any. The number of pages."""
        tree = self._resolved(self._resolved(self._pdf.catalog["StructTreeRoot"])["ParentTree"])
        nums = tree.pop("Nums")
        for key, value in zip(nums[::2], nums[1::2], strict=True):
            self._parents.add(key, value if isinstance(value, bytes) else value.data)
        self._key = len(nums) // 2
        references = self._pdf.page_references
        for page, start, reference in zip(self._document.pages, starts, references, strict=True):
            self._keep(page, reference)
            if start is not None:
                self._stream(start, reference)
        kids = self._parents.close()
        tree["Kids"] = kids
        self._resolved(self._pdf.catalog["StructTreeRoot"])["ParentTreeNextKey"] = self._key
        self._foot()
        self._close()
        return self._pages.count

    def _keep(self, page: Any, reference: bytes) -> None:
        number = int(reference.split()[0])
        made = self._resolved(reference)
        footer = self._footer()
        self._laid_out.add(footer)
        made["Parent"] = b"%d 0 R" % self._pages.add(number)
        contents = made["Contents"]
        own = list(contents) if isinstance(contents, list) else [contents]
        made["Contents"] = pydyf.Array([b"%d 0 R" % self._saved, *own, b"%d 0 R" % footer])
        for level, label, (x, y), *_ in page.bookmarks:
            self._bookmarks.add(level, label, number, x * PX, (page.height - y) * PX)

    def _stream(self, start: _Start, reference: bytes) -> None:
        grid, shape = start.long.grid, start.long.geometry
        assert grid.source is not None
        table = self._table(reference)
        self._number = shape
        sheets = Sheets(
            grid,
            shape,
            objects=self._objects,
            typesetter=self._typesetter,
            table=table.number,
            fonts=self._fonts,
            continued=self._view.words.words["continued"],
        )
        lines = grid.source.lines()
        for sheet in paginate(lines, start.long.setting, skip=start.lines, top=shape.top, bottom=shape.bottom):
            page = self._objects.number()
            self._key = sheets.write(
                sheet,
                page=page,
                parent=self._pages.add(page),
                footer=self._footer(),
                key=self._key,
                parents=self._parents,
                bookmarks=self._bookmarks,
            )
        sheets.close()
        table["K"].extend(b"%d 0 R" % body for body in sheets.bodies)

    def _table(self, page: bytes) -> Any:
        """The tag of the table that ends on `page`, its headings said to be of columns."""
        tables = (o for o in self._pdf.objects if isinstance(o, dict) and o.get("S") == "/Table" and o["Pg"] == page)
        *_, table = tables
        for group in map(self._resolved, table["K"]):
            if group["S"] == "/THead":
                for row in map(self._resolved, group["K"]):
                    for heading in map(self._resolved, row["K"]):
                        heading["A"]["Scope"] = "/Column"
        return table

    def _footer(self) -> int:
        number = self._objects.number()
        self._footers.append(number)
        return number

    def _foot(self) -> None:
        """Write `page n of N` for every page, now that N is known."""
        assert self._number is not None
        place, height = self._number.number, self._number.height
        words, total = self._view.words.words["page"], len(self._footers)
        if place is None:  # a template has no numbers on its pages
            for footer in self._footers:
                self._objects.stream(footer, b"Q" if footer in self._laid_out else b"")
            return
        show = self._typesetter.shower(place.type)
        before = f"{PX} 0 0 -{PX} 0 {height * PX:.4f} cm BT {self._typesetter.font(place.type)} {colour(place.type)}"
        for number, footer in enumerate(self._footers, start=1):
            shown, width = show(words.format(page=number, pages=total))
            restored = "Q " if footer in self._laid_out else ""
            content = (
                f"{restored}q /Artifact<</Type/Pagination>>BDC {before}"
                f" 1 0 0 -1 {place.right - width:.3f} {place.y:.3f} Tm {shown} ET EMC Q"
            )
            self._objects.stream(footer, content.encode("latin-1"))

    def _close(self) -> None:
        pdf, catalog = self._pdf, self._pdf.catalog
        pages = next(self._resolved(reference) for reference in pdf.page_references)
        fonts = self._typesetter.write(self._objects)
        self._objects.pack(self._fonts, f"<<{fonts}>>".encode())
        laid_out = self._resolved(self._resolved(pages["Resources"])["Font"])
        names = fonts.split("/")
        for entry in names[1:]:
            name, reference = entry.strip().split(" ", 1)
            laid_out.setdefault(name, reference)
        kids, count = self._pages.close()
        pdf.pages["Kids"], pdf.pages["Count"] = kids, count
        attach(self._view.document, self._objects, catalog)
        outline = self._bookmarks.close()
        dropped = _outline(pdf)
        catalog.pop("Outlines", None)
        if outline:
            catalog["Outlines"] = b"%d 0 R" % outline
        for number, held in enumerate(pdf.objects):
            if number and number not in dropped:
                (self._objects.plain if isinstance(held, pydyf.Stream) else self._objects.pack)(number, held.data)
        self._objects.close(root=catalog.number, info=self._objects.add(pdf.info.data))

    def _resolved(self, reference: bytes) -> Any:
        return self._pdf.objects[int(reference.split()[0])]


def _outline(pdf: pydyf.PDF) -> set[int]:
    """The objects of WeasyPrint's own outline, which ours replaces."""
    held = ((number, o) for number, o in enumerate(pdf.objects) if isinstance(o, dict))
    return {number for number, o in held if ("Title" in o and "Dest" in o) or o.get("Type") == "/Outlines"}
