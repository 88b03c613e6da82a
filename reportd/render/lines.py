"""The lines of a table in their final spelling: rows, group headings, sums, the cut; read from the spool in turn."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from itertools import islice
from typing import Literal

from reportd.report.document import Column, Document, Format, Mark, Table
from reportd.report.formats import display, display_number, displayer, parse
from reportd.report.locales import Locale, locale_of
from reportd.report.looks import SIGNS, marker, total_text
from reportd.spool import read

LineKind = Literal["row", "group", "subtotal", "total", "cut"]

_EXACT = Context(prec=1000)
_BLANK = re.compile("[\x00-\x20\x7f\x85\u2028\u2029]+")
_TARGET = re.compile(r"(https?://|mailto:)\S+$", re.IGNORECASE)
_SCHEME = re.compile(r"^(https?://(www\.)?|mailto:)|/$", re.IGNORECASE)
_REMEMBERED_MAX = 5000
_KEEP_ROWS = 2
_KEEP_REACH = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table. `row` and sums have a text per column; `group` and `cut` one text across all of them.

    `keep`: the next line must stand on the same page. `odd`: every second row, for stripes.
    `span`: how many columns the first text of a sum reaches over, its label if it is `labelled`. `links`: where each
    text leads, empty without any.
    `marks`: which texts a condition holds for, empty without any; their sign stands in the text already.
    `repeats`: how many of the first texts the row before has too, and a page need not say again but at its top.
    """

    kind: LineKind
    cells: tuple[str, ...]
    keep: bool = False
    odd: bool = False
    span: int = 1
    links: tuple[str, ...] = ()
    marks: tuple[Mark | None, ...] = ()
    labelled: bool = False
    repeats: int = 0

    @property
    def once(self) -> tuple[str, ...]:
        """The texts without those that the row before has too."""
        return ("",) * self.repeats + self.cells[self.repeats :]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the lines of a long table come from, as often as they are asked for."""

    table: Table
    document: Document
    rows_max: int

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that the lines have a text for."""
        return columns_of(self.table)

    def row(self, values: Sequence[str | None]) -> Line:
        """The line of one spooled row."""
        return _Cells(self.columns, self.document.locale).line(values, odd=False)

    def lines(self) -> Iterator[Line]:
        """Every line of the table, all its columns; memory holds a few at a time."""
        locale = locale_of(self.document.locale)
        return kept(all_lines(self.table, columns_of(self.table), self.document, locale, rows_max=self.rows_max))


def columns_of(table: Table) -> tuple[Column, ...]:
    """The columns that stand in every line: all but those that make the groups, and the hidden ones."""
    apart = {group.index for group in table.groups}
    return tuple(column for column in table.columns if column.index not in apart and not column.hidden)


def wraps(column: Column) -> bool:
    """Whether a column's texts may take more than one line."""
    return column.align == "left" and column.format.kind in ("text", "link", "identifier")


def all_lines(
    table: Table, columns: tuple[Column, ...], document: Document, locale: Locale, *, rows_max: int
) -> Iterator[Line]:
    yield from _lines(table, columns, document, locale, rows_max=rows_max)
    if table.totals:
        yield _sum_line("total", locale.words["total"], columns, [c.total for c in columns], document.locale)


def _lines(
    table: Table, columns: tuple[Column, ...], document: Document, locale: Locale, *, rows_max: int
) -> Iterator[Line]:
    cells = _Cells(columns, document.locale)
    groups = Groups(table, columns, document.locale, locale)
    outer = [key.index for key in table.keys[:-1]]
    above: Sequence[str | None] = ()
    for number, row in enumerate(islice(read(table.rows.path), rows_max)):
        yield from groups.before(row)
        line = cells.line(row, odd=number % 2 == 1)
        yield replace(line, repeats=_alike(outer, row, above)) if above and outer else line
        above = row
    if table.rows.count > rows_max:
        left = count_text(table.rows.count - rows_max, document)
        yield Line("cut", (locale.words["cut here"].format(left=left, table=table.title or document.title),))
    else:
        yield from groups.end()


def _alike(indexes: Sequence[int], row: Sequence[str | None], above: Sequence[str | None]) -> int:
    """How many of the first values, in turn, `row` has in common with the row `above`."""
    return next((n for n, index in enumerate(indexes) if row[index] != above[index]), len(indexes))


def count_text(number: int, document: Document) -> str:
    return display_number(number, Format("integer"), document.locale)


class _Cells:
    """Turns spooled rows into the texts of a table's columns."""

    def __init__(self, columns: Sequence[Column], tag: str) -> None:
        self._columns = [
            (column.index, _Remembered(displayer(column.format, tag), wraps=wraps(column))) for column in columns
        ]
        self._links = {number for number, column in enumerate(columns) if column.format.kind == "link"}
        markers = [marker(column) for column in columns]
        self._markers = markers if any(markers) else []

    def line(self, row: Sequence[str | None], *, odd: bool) -> Line:
        texts = [shown[row[index]] for index, shown in self._columns]
        marks: tuple[Mark | None, ...] = ()
        if self._markers:
            marks = tuple(
                mark and mark(row[column[0]]) for column, mark in zip(self._columns, self._markers, strict=True)
            )
            texts = [SIGNS[mark] + text if mark else text for mark, text in zip(marks, texts, strict=True)]
        if not self._links:
            return Line("row", tuple(texts), odd=odd, marks=marks)
        targets = tuple(
            text if number in self._links and _TARGET.match(text) else "" for number, text in enumerate(texts)
        )
        shown = (_SCHEME.sub("", text) if target else text for text, target in zip(texts, targets, strict=True))
        return Line("row", tuple(shown), odd=odd, links=targets, marks=marks)


class _Remembered(dict[str | None, str]):
    """The texts of a column's values; most columns hold few, and looking one up costs a tenth of making it."""

    def __init__(self, show: Callable[[str | None], str], *, wraps: bool) -> None:
        super().__init__()
        self._show = (lambda raw: one_line(show(raw))) if wraps else show

    def __missing__(self, raw: str | None) -> str:
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        text = self[raw] = self._show(raw)
        return text


class Groups:
    """What the rows of a table change as they go by: a header where a group begins, subtotals where one has ended.

    A header names the whole path (`North › Vienna`), so that a page that begins in the middle says where it is.
    """

    def __init__(self, table: Table, columns: Sequence[Column], tag: str, locale: Locale) -> None:
        self._groups = table.groups
        self._columns = columns
        self._tag = tag
        self._word = locale.words["subtotal"]
        self._named = table.named
        self._summed = [table.columns[place] for place in _places(table.columns, table.subtotal)]
        self._sums = [_Sums(self._summed) for _ in table.groups]
        self._open: list[str | None] | None = None

    def before(self, row: Sequence[str | None]) -> Iterator[Line]:
        """The lines that come before `row`, whose values are added to the sums of its groups."""
        if not self._groups:
            return
        path = [row[group.index] for group in self._groups]
        if path != self._open:
            if self._open is not None:
                same = next(n for n, (old, new) in enumerate(zip(self._open, path, strict=True)) if old != new)
                yield from self._close(same)
            self._open = path
            yield Line("group", (self._text(len(path)),))
        for sums in self._sums:
            sums.add(row)

    def end(self) -> Iterator[Line]:
        """The lines after the last row."""
        if self._open is not None:
            yield from self._close(0)

    def _close(self, level: int) -> Iterator[Line]:
        """The subtotals of the groups from the innermost out to `level`."""
        for depth in range(len(self._groups) - 1, level - 1, -1):
            if self._summed:
                sums = self._sums[depth].values()
                label = f"{self._word} {self._text(depth + 1)}" if self._named else self._word
                shown = [sums.get(column.index) for column in self._columns]
                yield _sum_line("subtotal", label, self._columns, shown, self._tag)
            self._sums[depth] = _Sums(self._summed)

    def _text(self, depth: int) -> str:
        assert self._open is not None
        path = zip(self._groups[:depth], self._open, strict=False)
        return " › ".join(_group_text(group, raw, self._tag) for group, raw in path)


def _places(columns: Sequence[Column], wanted: Sequence[Column]) -> list[int]:
    indexes = {column.index for column in wanted}
    return [place for place, column in enumerate(columns) if column.index in indexes]


class _Sums:
    """What the summed columns of one group come to, each by its own aggregate."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._found: dict[int, list[Decimal]] = {}

    def add(self, row: Sequence[str | None]) -> None:
        for column in self._columns:
            value = parse(row[column.index], column.type)
            if not isinstance(value, int | Decimal):
                continue
            number = Decimal(value)
            known = self._found.get(column.index)
            if known is None:
                self._found[column.index] = [number, Decimal(1), number, number]
            else:
                known[0] = _EXACT.add(known[0], number)
                known[1] += 1
                known[2] = min(known[2], number)
                known[3] = max(known[3], number)

    def values(self) -> dict[int, Decimal]:
        """The value of each column, by its place in the spool."""
        found: dict[int, Decimal] = {}
        for column in self._columns:
            total, count, low, high = self._found.get(column.index, (Decimal(0), Decimal(0), None, None))
            match column.aggregate:
                case "avg" if count:
                    found[column.index] = _EXACT.divide(total, count)
                case "count":
                    found[column.index] = count
                case "min" if low is not None:
                    found[column.index] = low
                case "max" if high is not None:
                    found[column.index] = high
                case "sum" | "given":
                    found[column.index] = total
        return found


def _sum_line(
    kind: Literal["subtotal", "total"], label: str, columns: Sequence[Column], sums: Sequence[Decimal | None], tag: str
) -> Line:
    cells = [total_text(column, value, tag) for column, value in zip(columns, sums, strict=True)]
    span = next((number for number, cell in enumerate(cells) if cell), len(cells))
    if span:
        cells[0] = label
    return Line(kind, tuple(cells), span=max(span, 1), labelled=span > 0)


def _group_text(column: Column, raw: str | None, tag: str) -> str:
    shown = one_line(display(raw, column.format, tag))
    return shown if column.format.kind in ("text", "date") else f"{column.title}: {shown}"


def kept(lines: Iterable[Line]) -> Iterator[Line]:
    """`lines`, those marked that must not end a page: group headers, the row before a sum, two rows before the last."""
    waiting: deque[Line] = deque()
    for line in lines:
        waiting.append(line)
        # Only a few lines before a sum are held by it, so a few lines decide.
        if len(waiting) > _KEEP_REACH:
            yield _marked(waiting)
    while waiting:
        yield _marked(waiting)


def _marked(waiting: deque[Line]) -> Line:
    line = waiting.popleft()
    return replace(line, keep=True) if line.kind == "group" or _held(waiting) else line


def _held(following: Iterable[Line]) -> bool:
    """Whether a sum or a cut among the `following` lines wants the line before them on its page."""
    rows = 0
    for line in following:
        match line.kind:
            case "row":
                rows += 1
                if rows >= _KEEP_ROWS:
                    return False
            case "total":
                return rows < _KEEP_ROWS
            case "subtotal" | "cut":
                if rows < 1:
                    return True
            case "group":
                return False
    return False


def one_line(text: str) -> str:
    if text.isprintable() and "  " not in text:
        return text.strip()  # what nearly every text is
    return _BLANK.sub(" ", text).strip()
