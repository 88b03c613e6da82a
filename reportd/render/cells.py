"""Draws the cells of tables onto the pages that WeasyPrint has laid out: texts, rules, stripes, and their tags.

A table goes to WeasyPrint as one column of empty rows of the right height (`slots.html`), so that it finds the page
breaks, repeats the header and keeps rows together as ever, at a tenth of the work. What stands in the rows is known
exactly: widths, sizes and line breaks are `layout`'s, the glyphs `typeface`'s. This module puts the one onto the other.

It reads `_page_box` and the `mark` of cells, which are WeasyPrint's own: `pyproject.toml` pins its version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydyf

from reportd.render.fonts import REGULAR, SEMIBOLD
from reportd.render.layout import (
    HEAD_SCALE,
    LEADING,
    LEADING_HEAD,
    PAD,
    PAD_ABOVE,
    PAD_BELOW_HEAD,
    RULE_HEAD,
    apart,
)
from reportd.render.lines import Line
from reportd.render.typeface import FontFile, Typesetter, ascent_em, descent_em, font_file
from reportd.render.view import Grid
from reportd.render.wrapping import wrap
from reportd.report.theme import Theme

PIXEL = 0.75
"""Points in one of WeasyPrint's units."""
RULE_SUM, RULE_HAIR = 0.6, 0.25


class Cells:
    """The finisher of one document: `Cells(grids, theme)(rendering, pdf)` draws what the slots of `grids` are for."""

    def __init__(self, grids: Mapping[int, Grid], theme: Theme) -> None:
        self._grids = grids
        self._theme = theme
        self._type = Typesetter()

    def __call__(self, rendering: Any, pdf: pydyf.PDF) -> None:
        if not self._grids:
            return
        pages = [pdf.objects[number] for number in pdf.pages["Kids"][::3]]
        nums = _parent_tree(pdf)
        for number, (page, laid_out) in enumerate(zip(pages, rendering.pages, strict=True)):
            rows = list(_rows(laid_out))
            if not rows:
                continue
            sheet = _Sheet(pdf, page, height=laid_out.height * PIXEL, marks=nums[2 * number + 1], type=self._type)
            begun: set[int] = set()
            for row in rows:
                self._draw(row, sheet, first=row.grid not in begun)
                if row.line is not None:
                    begun.add(row.grid)
            sheet.close()
        self._embed(pdf, pages[0])

    def _draw(self, row: _Row, sheet: _Sheet, *, first: bool) -> None:
        """Draw `row`; the `first` line of a table on a page says all."""
        grid = self._grids[row.grid]
        if row.line is None:
            _draw_head(grid, row, sheet, self._theme)
        elif (line := grid.lines[row.line]).kind in ("group", "cut"):
            row.cell.mark["A"]["ColSpan"] = len(grid.heads)
        else:
            _draw_line(grid, line, row, sheet, self._theme, texts=line.cells if first else line.once)

    def _embed(self, pdf: pydyf.PDF, page: pydyf.Dictionary) -> None:
        fonts = _resolved(pdf, _resolved(pdf, page["Resources"])["Font"])
        for name, face, used in self._type.embedded():
            fonts[name] = _font(pdf, font_file(face, used))


@dataclass(frozen=True, slots=True)
class _Row:
    """One row as it was laid out: of which grid, which of its lines (None: the header), where, and its one cell."""

    grid: int
    line: int | None
    left: float
    top: float
    height: float
    cell: Any


def _rows(page: Any) -> Iterator[_Row]:
    """The rows of slots on a page; lengths in points from its top left."""
    for box in page._page_box.descendants():
        if box.element is None or box.element_tag != "tr" or not (place := box.element.get("data-line")):
            continue
        grid, _, line = place.partition(":")
        if hasattr(box, "children") and box.children and hasattr(box.children[0], "mark"):
            yield _Row(
                int(grid),
                None if line == "head" else int(line),
                box.position_x * PIXEL,
                box.position_y * PIXEL,
                box.height * PIXEL,
                box.children[0],
            )


def _draw_head(grid: Grid, row: _Row, sheet: _Sheet, theme: Theme) -> None:
    size = grid.size * HEAD_SCALE
    left = row.left
    sheet.begin_row(row)
    for head, width in zip(grid.heads, grid.widths, strict=True):
        room = (width - 2 * PAD - apart(head)) / size
        lines = wrap(head.title, room, bold=True)
        top = row.top + row.height - PAD_BELOW_HEAD - RULE_HEAD - len(lines) * size * LEADING_HEAD
        cell = _Text(
            lines, left + PAD + apart(head), left + width - PAD, top, size, size * LEADING_HEAD, head.align == "right"
        )
        sheet.cell("TH", "/Scope/Column", cell, weight=SEMIBOLD, color=theme.muted)
        left += width
    sheet.rule(row.left, left, row.top + row.height - RULE_HEAD / 2, RULE_HEAD, theme.ink)


def _draw_line(grid: Grid, line: Line, row: _Row, sheet: _Sheet, theme: Theme, *, texts: Sequence[str]) -> None:
    bold = line.kind != "row"
    right = row.left + sum(grid.widths)
    if line.kind == "row" and grid.striped and line.odd:
        sheet.stripe(row.left, right, row.top, row.height, theme.stripe)
    if line.kind == "total":
        sheet.rule(row.left, right, row.top + RULE_SUM / 2, RULE_SUM, theme.ink)
    elif line.kind == "row" and not grid.striped:
        sheet.rule(row.left, right, row.top + row.height - RULE_HAIR / 2, RULE_HAIR, theme.hairline)
    leading = grid.size * LEADING
    top = row.top + (row.height - leading - PAD_ABOVE if bold else PAD_ABOVE)
    left = row.left
    sheet.begin_row(row)
    for number, (text, head, width) in enumerate(zip(texts, grid.heads, grid.widths, strict=True)):
        spanned = bold and number < line.span
        if not spanned or not number:
            reach = sum(grid.widths[: line.span]) if spanned else width
            lines = wrap(text, (width - 2 * PAD - apart(head)) / grid.size) if head.wraps and not bold else [text]
            flush = head.align == "right" and not (spanned and line.span > 1)
            place = _Text(lines, left + PAD + apart(head), left + reach - PAD, top, grid.size, leading, flush)
            span = f"/ColSpan {line.span}" if spanned and line.span > 1 else ""
            kind = ("TH", f"/Scope/Row{span}") if spanned else ("TD", span)
            mark = line.marks[number] if line.marks else None
            weight = SEMIBOLD if bold or mark else REGULAR
            color = {"warn": theme.warn, "good": theme.good}[mark] if mark else theme.ink
            sheet.cell(*kind, place, weight=weight, color=color)
        left += width


@dataclass(frozen=True, slots=True)
class _Text:
    """The lines of one cell and the room for them: from `left` to `right`, the first line's box beginning at `top`."""

    lines: Sequence[str]
    left: float
    right: float
    top: float
    size: float
    leading: float
    flush_right: bool


class _Sheet:
    """What is added to one page: first rules and stripes, then texts with their tags."""

    def __init__(
        self, pdf: pydyf.PDF, page: pydyf.Dictionary, *, height: float, marks: pydyf.Array, type: Typesetter
    ) -> None:
        self._pdf = pdf
        self._page = page
        self._page_reference = next(r for r in pdf.page_references if pdf.objects[int(r.split()[0])] is page).decode()
        self._height = height
        self._marks = marks
        self._type = type
        self._graphics: list[str] = []
        self._texts: list[str] = []
        self._font = ""
        self._color = ""
        self._row = b""
        self._placeholder: Any = None
        self._kids: pydyf.Array = pydyf.Array()

    def stripe(self, left: float, right: float, top: float, height: float, color: str) -> None:
        self._graphics.append(
            f"{_rgb(color)} rg {left:.2f} {self._height - top - height:.2f} {right - left:.2f} {height:.2f} re f"
        )

    def rule(self, left: float, right: float, y: float, weight: float, color: str) -> None:
        # Filled, not stroked: viewers make every stroke a pixel wide at least, and a hairline as dark as a rule.
        bottom = self._height - y - weight / 2
        self._graphics.append(f"{_rgb(color)} rg {left:.2f} {bottom:.3f} {right - left:.2f} {weight} re f")

    def begin_row(self, row: _Row) -> None:
        """The cells that follow belong to `row`, whose one empty cell becomes the first of them."""
        self._placeholder = row.cell.mark
        self._row = self._placeholder["P"]
        self._kids = _resolved(self._pdf, self._row)["K"] = pydyf.Array()

    def cell(self, kind: str, attributes: str, text: _Text, *, weight: int, color: str) -> None:
        mark = len(self._marks)
        shown = any(text.lines)
        element = _Element(kind, attributes, self._row, self._page_reference, mark if shown else None)
        if self._placeholder is not None:
            self._pdf.objects[self._placeholder.number] = element
            element.number, self._placeholder = self._placeholder.number, None
        else:
            self._pdf.add_object(element)
        self._kids.append(element.reference)
        if shown:
            self._marks.append(element.reference)
            self._texts.append(f"/{kind}<</MCID {mark}>>BDC BT")
            self._write(text, weight=weight, color=color)
            self._texts.append("ET EMC")

    def _write(self, text: _Text, *, weight: int, color: str) -> None:
        if color != self._color:
            self._texts.append(f"{_rgb(color)} rg")
            self._color = color
        up, down = ascent_em(weight) * text.size, descent_em(weight) * text.size
        baseline = self._height - text.top - (text.leading - up - down) / 2 - up
        for number, line in enumerate(text.lines):
            runs = self._type.runs(line, weight=weight)
            x = text.right - sum(run.width for run in runs) * text.size if text.flush_right else text.left
            for run in runs:
                font = f"/{run.font} {text.size:.3f} Tf"
                if font != self._font:
                    self._texts.append(font)
                    self._font = font
                self._texts.append(f"1 0 0 1 {x:.2f} {baseline - number * text.leading:.2f} Tm {run.show}")
                x += run.width * text.size

    def close(self) -> None:
        """Put it all on the page, below what is there already."""
        parts = ["q /Artifact BMC", *self._graphics, "EMC", *self._texts, "Q"]
        stream = pydyf.Stream(["\n".join(parts).encode("ascii")], compress=True)
        self._pdf.add_object(stream)
        self._page["Contents"] = pydyf.Array([stream.reference, self._page["Contents"]])


class _Element(pydyf.Object):  # type: ignore[misc]
    """A structure element of a cell. Tables have so many that a dictionary for each would take most of the time."""

    def __init__(self, kind: str, attributes: str, parent: bytes, page: str, mark: int | None) -> None:
        super().__init__()
        shown = f"/K {mark}" if mark is not None else ""
        how = f"/A<</O/Table{attributes}>>" if attributes else ""
        self._data = f"<</Type/StructElem/S/{kind}/P {parent.decode()}/Pg {page}{how}{shown}>>".encode()

    @property
    def data(self) -> bytes:
        return self._data


def _parent_tree(pdf: pydyf.PDF) -> pydyf.Array:
    root = _resolved(pdf, pdf.catalog["StructTreeRoot"])
    return _resolved(pdf, root["ParentTree"])["Nums"]


def _resolved(pdf: pydyf.PDF, reference: bytes) -> Any:
    return pdf.objects[int(reference.split()[0])]


def _font(pdf: pydyf.PDF, file: FontFile) -> bytes:
    """Add a font to `pdf`; its reference."""

    def added(thing: pydyf.Object) -> bytes:
        pdf.add_object(thing)
        reference: bytes = thing.reference
        return reference

    content = added(pydyf.Stream([file.content], pydyf.Dictionary({"Length1": len(file.content)}), compress=True))
    descriptor = pydyf.Dictionary(
        {
            "Type": "/FontDescriptor",
            "FontName": f"/{file.name}",
            "Flags": 4,
            "FontBBox": pydyf.Array(file.box),
            "ItalicAngle": 0,
            "Ascent": file.ascent,
            "Descent": file.descent,
            "CapHeight": file.ascent,
            "StemV": 80,
            "FontFile2": content,
        }
    )
    descendant = pydyf.Dictionary(
        {
            "Type": "/Font",
            "Subtype": "/CIDFontType2",
            "BaseFont": f"/{file.name}",
            "CIDSystemInfo": pydyf.Dictionary(
                {"Registry": pydyf.String("Adobe"), "Ordering": pydyf.String("Identity"), "Supplement": 0}
            ),
            "CIDToGIDMap": "/Identity",
            "W": f"[{file.widths}]",
            "FontDescriptor": added(descriptor),
        }
    )
    font = pydyf.Dictionary(
        {
            "Type": "/Font",
            "Subtype": "/Type0",
            "BaseFont": f"/{file.name}",
            "Encoding": "/Identity-H",
            "DescendantFonts": pydyf.Array([added(descendant)]),
            "ToUnicode": added(pydyf.Stream([file.to_unicode.encode("ascii")], compress=True)),
        }
    )
    return added(font)


def _rgb(color: str) -> str:
    return " ".join(f"{int(color[start : start + 2], 16) / 255:.3f}" for start in (1, 3, 5))
