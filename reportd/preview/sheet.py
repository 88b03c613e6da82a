"""A workbook's sheets as a browser shows them: the cells of the file that was made, not of the data behind it.

Read are the first rows of one sheet, so that a long one costs no more than a short one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from reportd.preview.drawings import Drawing, drawings
from reportd.preview.numbers import shown
from reportd.preview.package import RELATION, related, xml
from reportd.preview.styles import MAIN, Look, Looks, Style, looks
from reportd.report.locales import Locale

ROWS_MAX = 500
"""Rows of a sheet that are shown."""

_CHUNK_BYTES = 1 << 16
_END = b"</sheetData>"
_REFERENCE = re.compile(r"([A-Z]+)([0-9]+)")
_CHARACTERS_MAX = 400
# A sheet's own measures, in pixels: of a digit in its default font, of what stands beside the digits, of a column.
_DIGIT, _PADDING, _COLUMN = 7, 5, 64


@dataclass(frozen=True, slots=True)
class Cell:
    """`column` from 0; `text` as the sheet shows it; `style` is a place in the sheet's `styles`."""

    column: int
    text: str
    style: int


@dataclass(frozen=True, slots=True)
class Row:
    """`number` from 1; `height` in points, None for the default."""

    number: int
    height: float | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The first rows of a sheet. `widths` are pixels; `merged` (first row, column, last row, column), rows from 1.

    `frozen` counts the rows that stay in sight; `rows_count` those of the whole sheet; `drawings` lie over the cells.
    """

    name: str
    widths: tuple[int, ...]
    styles: tuple[Style, ...]
    rows: tuple[Row, ...]
    merged: tuple[tuple[int, int, int, int], ...]
    frozen: int
    has_grid: bool
    rows_count: int
    drawings: tuple[Drawing, ...]


def names(path: Path) -> tuple[str, ...]:
    """The names of the sheets in the workbook at `path`, in order."""
    with ZipFile(path) as package:
        return tuple(each.get("name", "") for each in _sheets(package))


def read(path: Path, number: int, locale: Locale) -> Sheet | None:
    """Sheet `number` (from 0) of the workbook at `path`; None: there is no such sheet. `locale` writes numbers."""
    with ZipFile(path) as package:
        sheets = _sheets(package)
        if not 0 <= number < len(sheets):
            return None
        part = related(package, "xl/workbook.xml")[sheets[number].get(f"{RELATION}id", "")]
        return _Reader(package, part, locale).sheet(sheets[number].get("name", ""))


class _Reader:
    """Reads one sheet: the head and the rows in one pass, what stands behind the rows in another."""

    def __init__(self, package: ZipFile, part: str, locale: Locale) -> None:
        self._package = package
        self._part = part
        self._locale = locale
        self._looks: Looks = looks(xml(package, "xl/styles.xml"))
        self._texts = _shared(package)
        self._styles: dict[Style, int] = {}

    def sheet(self, name: str) -> Sheet:
        tail = self._tail()
        conditions = tuple(_conditions(tail))
        widths: list[int] = []
        frozen, has_grid, last = 0, True, 0
        rows: list[Row] = []
        for element in self._elements():
            match element.tag.removeprefix(MAIN):
                case "sheetView":
                    has_grid = element.get("showGridLines") != "0"
                    pane = element.find(f"{MAIN}pane")
                    frozen = int(float(pane.get("ySplit", "0"))) if pane is not None else 0
                case "col":
                    upto = min(int(element.get("max", "1")), 300)
                    widths += [_COLUMN] * (int(element.get("min", "1")) - 1 - len(widths))
                    pixels = round(float(element.get("width", "8.43")) * _DIGIT) + _PADDING
                    widths += [0 if element.get("hidden") == "1" else pixels] * (upto - len(widths))
                case "dimension":
                    last = int(element.get("ref", "A1").rpartition(":")[2].lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ$") or 1)
                case "row":
                    rows.append(self._row(element, conditions))
        width = max((cell.column + 1 for row in rows for cell in row.cells), default=0)
        widths += [_COLUMN] * (width - len(widths))
        merged = [_area(each.get("ref", "")) for each in tail.iter(f"{MAIN}mergeCell")]
        return Sheet(
            name=name,
            widths=tuple(widths[: max(width, 1)]),
            styles=tuple(self._styles),
            rows=tuple(rows),
            merged=tuple(area for area in merged if area[0] <= ROWS_MAX),
            frozen=frozen,
            has_grid=has_grid,
            rows_count=max(last, len(rows)),
            drawings=tuple(self._drawings(tail)),
        )

    def _elements(self) -> Iterator[Element]:
        """The elements of the head, and ROWS_MAX rows at most, as they come."""
        rows = 0
        with self._package.open(self._part) as part:
            for _, element in ElementTree.iterparse(part):  # noqa: S314  our own file
                yield element
                if element.tag == f"{MAIN}row":
                    rows += 1
                    element.clear()
                    if rows == ROWS_MAX:
                        return

    def _tail(self) -> Element:
        """What stands behind the rows, as the children of one element."""
        kept = b""
        with self._package.open(self._part) as part:
            while chunk := part.read(_CHUNK_BYTES):
                kept += chunk
                if (at := kept.find(_END)) >= 0:
                    kept = kept[at + len(_END) :] + part.read()
                    break
                kept = kept[-len(_END) :]
        kept = kept.rpartition(b"</worksheet>")[0]
        spaces = f'xmlns="{MAIN[1:-1]}" xmlns:r="{RELATION[1:-1]}"'
        return ElementTree.fromstring(f"<worksheet {spaces}>{kept.decode()}</worksheet>")  # noqa: S314  our own file

    def _row(self, element: Element, conditions: Sequence[_Condition]) -> Row:
        number = int(element.get("r", "1"))
        height = element.get("ht")
        cells = tuple(self._cell(each, number, conditions) for each in element.iter(f"{MAIN}c"))
        return Row(number, float(height) if height else None, cells)

    def _cell(self, element: Element, row: int, conditions: Sequence[_Condition]) -> Cell:
        column = _column(element.get("r", "A1"))
        look = self._looks.cells[int(element.get("s", "0"))]
        kind = element.get("t", "n")
        value = element.findtext(f"{MAIN}v") or ""
        for condition in conditions:
            if condition.holds(row, column, value):
                look = self._looks.marked(look, condition.mark)
                break
        match kind:
            case "s":
                text = self._texts[int(value)]
            case "inlineStr":
                text = "".join(each.text or "" for each in element.iter(f"{MAIN}t"))
            case "str" | "e":
                text = value
            case _:
                text = shown(value, look.number, self._locale) if value else ""
        text = text if len(text) <= _CHARACTERS_MAX else f"{text[:_CHARACTERS_MAX]}…"
        return Cell(column, text, self._style(look, is_number=kind == "n" and bool(value)))

    def _style(self, look: Look, *, is_number: bool) -> int:
        style = look.style
        if style.align in (None, "general") and is_number:
            style = replace(style, align="right")
        return self._styles.setdefault(style, len(self._styles))

    def _drawings(self, tail: Element) -> Iterator[Drawing]:
        drawing = tail.find(f"{MAIN}drawing")
        if drawing is not None:
            part = related(self._package, self._part)[drawing.get(f"{RELATION}id", "")]
            yield from drawings(self._package, part, locale=self._locale.tag)


@dataclass(frozen=True, slots=True)
class _Condition:
    """A rule that compares a cell's value: where, how, with what, and the format it gives."""

    areas: tuple[tuple[int, int, int, int], ...]
    operator: str
    operand: Decimal
    mark: int

    def holds(self, row: int, column: int, value: str) -> bool:
        if not any(top <= row <= bottom and left <= column <= right for top, left, bottom, right in self.areas):
            return False
        try:
            number = Decimal(value)
        except InvalidOperation:
            return False
        match self.operator:
            case "lessThan":
                return number < self.operand
            case "lessThanOrEqual":
                return number <= self.operand
            case "greaterThan":
                return number > self.operand
            case "greaterThanOrEqual":
                return number >= self.operand
            case "equal":
                return number == self.operand
            case "notEqual":
                return number != self.operand
            case _:
                return False


def _conditions(tail: Element) -> Iterator[_Condition]:
    """The rules about numbers, in the order in which they count."""
    for formatting in tail.iter(f"{MAIN}conditionalFormatting"):
        areas = tuple(map(_area, formatting.get("sqref", "").split()))
        for rule in sorted(formatting, key=lambda rule: int(rule.get("priority", "0"))):
            mark, operand = rule.get("dxfId"), rule.findtext(f"{MAIN}formula")
            if rule.get("type") != "cellIs" or mark is None or operand is None:
                continue
            try:
                yield _Condition(areas, rule.get("operator", ""), Decimal(operand), int(mark))
            except InvalidOperation:
                continue  # a rule about texts


def _sheets(package: ZipFile) -> list[Element]:
    return list(xml(package, "xl/workbook.xml").iter(f"{MAIN}sheet"))


def _shared(package: ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in package.namelist():
        return []
    items = xml(package, "xl/sharedStrings.xml").iter(f"{MAIN}si")
    return ["".join(text.text or "" for text in item.iter(f"{MAIN}t")) for item in items]


def _column(reference: str) -> int:
    """The column of a cell's reference, from 0."""
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - 64
    return number - 1


def _area(reference: str) -> tuple[int, int, int, int]:
    """First row, first column, last row, last column of `A1:C3`; rows from 1, columns from 0."""
    cells = [_REFERENCE.fullmatch(cell) for cell in reference.replace("$", "").split(":")]
    first, last = cells[0], cells[-1]
    if first is None or last is None:
        return 0, 0, 0, 0
    return int(first[2]), _column(first[0]), int(last[2]), _column(last[0])
