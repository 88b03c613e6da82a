"""Spooled texts to sheet XML, a column at a time.

Rows come in batches; a column's values are turned into cells by one `CellWriter`, which knows the column's letter,
style and type. A batch whose values are all regular (no NULL, no oddity) costs no Python code per cell: the writer
hands back a %-template and the values to fill it with. What Excel can't hold as a number or a date stays text, exact.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from reportd.render.xlsx.serials import Days, Moments, clock_serial
from reportd.render.xlsx.texts import TEXT_UNITS_MAX, fitting
from reportd.report.document import Column
from reportd.report.formats import canonical

LINKS_MAX = 65_530
LINK_UNITS_MAX = 2_079
DIGITS_MAX = 15

# Joins a batch of texts for one search; a value that has it is irregular itself.
_SEPARATOR = "\x1f"
_SUSPECTS = ("_x", "| ", " |")
_IRREGULAR_TEXT = re.compile("[\x00-\x08\x0b-\x1e\ufffe\uffff]|_x[0-9A-Fa-f]{4}_|\x1f[ \t\n]|[ \t\n]\x1f")
_ESCAPED = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_NUMERALS = b"0123456789.-"
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_LINK = re.compile(r"(https?://|mailto:)[^\s\"<>\\^`{|}\x00-\x1f\x7f]+", re.IGNORECASE)

Slot = tuple[str, tuple[Iterable[str], ...]]
"""A piece of a row's %-template, and the values of a batch that fill its places."""


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that opens `url` when clicked."""

    cell: str
    url: str


class CellWriter(ABC):
    """One column of one sheet. `letter` is the column's name, `style` the index of its cell format.

    After the rows: `as_text` counts values that had to stay text in a column of numbers or dates, `cut` texts that were
    too long for a cell, `unlinked` addresses that Excel would take no more of.
    """

    template = '<c r="{letter}%s" s="{style}"><v>%s</v></c>'

    def __init__(self, letter: str, style: int) -> None:
        self._letter = letter
        self._plain = self.template.format(letter=letter, style=style)
        self._text = TEXT_CELL.format(letter=letter, style=style)
        self._kept = KEPT_CELL.format(letter=letter, style=style)
        self.as_text = 0
        self.cut = 0
        self.unlinked = 0
        self._links: list[Link] = []

    def take_links(self) -> list[Link]:
        """The links since the last call."""
        taken, self._links = self._links, []
        return taken

    @abstractmethod
    def regular(self, values: Sequence[str]) -> Iterable[str] | None:
        """What goes into the template for each value, or None if one of them is not regular."""

    @abstractmethod
    def cell(self, value: str, row: str) -> str:
        """The whole cell of a value, regular or not."""

    def slot(self, values: Sequence[str | None], rows: Sequence[str]) -> Slot:
        """The cells of one batch; `rows` are the row numbers as text. A NULL makes no cell."""
        if None not in values:
            filled = self.regular(values)  # type: ignore[arg-type]
            if filled is not None:
                return self._plain, (rows, filled)
            return "%s", (map(self.cell, values, rows),)  # type: ignore[arg-type]
        present = [value for value in values if value is not None]
        filled = self.regular(present)
        if filled is None:
            cells = ["" if value is None else self.cell(value, row) for value, row in zip(values, rows, strict=True)]
        else:
            fills, (head, middle, tail) = iter(filled), self._plain.split("%s")
            cells = [
                "" if value is None else f"{head}{row}{middle}{next(fills)}{tail}"
                for value, row in zip(values, rows, strict=True)
            ]
        return "%s", (cells,)

    def text_cell(self, value: str, row: str) -> str:
        """The cell of a text, escaped, and cut with a mark where Excel can't hold it."""
        shown = fitting(value)
        self.cut += shown is not value
        value = shown
        template = self._text if value == value.strip(" \t\n") else self._kept
        return template % (row, escape(value))


TEXT_CELL = '<c r="{letter}%s" s="{style}" t="inlineStr"><is><t>%s</t></is></c>'
KEPT_CELL = '<c r="{letter}%s" s="{style}" t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>'


def escape(text: str) -> str:
    """`text` for an XML element of a sheet; what XML can't hold is written as Excel writes it: `_x0001_`."""
    return _marked_up(_ESCAPED.sub(lambda match: f"_x{ord(match[0]):04X}_", text))


def _marked_up(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class TextWriter(CellWriter):
    """Texts, and every type that Excel has no value for."""

    template = TEXT_CELL

    def regular(self, values: Sequence[str]) -> Iterable[str] | None:
        # Nearly every batch passes the first look, which is ten times quicker than the second; "|" shows outer spaces.
        joined = "|".join(("", *values, ""))
        longest = len(joined) if len(joined) <= TEXT_UNITS_MAX // 2 else max(map(len, values))
        if longest > TEXT_UNITS_MAX // 2:
            return None
        looks_plain = joined.isprintable() and not any(suspect in joined for suspect in _SUSPECTS)
        if looks_plain and not any(sign in joined for sign in "&<>"):
            return values
        joined = _SEPARATOR.join(("", *values, ""))
        if not looks_plain and (joined.count(_SEPARATOR) > len(values) + 1 or _IRREGULAR_TEXT.search(joined)):
            return None
        # Markup is escaped for the whole batch at once.
        return _marked_up(joined).split(_SEPARATOR)[1:-1]

    def cell(self, value: str, row: str) -> str:
        return self.text_cell(value, row)


class LinkWriter(TextWriter):
    """Texts of which http, https and mailto addresses can be clicked; `plain` is the style of those which can't."""

    def __init__(self, letter: str, style: int, *, plain: int) -> None:
        super().__init__(letter, plain)
        self._clickable = TEXT_CELL.format(letter=letter, style=style)

    def regular(self, values: Sequence[str]) -> Iterable[str] | None:
        return None

    def cell(self, value: str, row: str) -> str:
        if len(value) > LINK_UNITS_MAX or not _LINK.fullmatch(value):
            return self.text_cell(value, row)
        if len(self._links) == LINKS_MAX:
            self.unlinked += 1
            return self.text_cell(value, row)
        self._links.append(Link(f"{self._letter}{row}", value))
        return self._clickable % (row, escape(value))


class NumberWriter(CellWriter):
    """Numbers, exact. One whose digits a double can't hold stays text.

    Excel keeps 15 digits. A value with more is text, unless the digits past the 15th lie behind the `decimals` that
    the column shows: an average of 20 digits is a number, an account's 18 digits are not. `binary` types are doubles
    to begin with and are numbers as they are.
    """

    def __init__(self, letter: str, style: int, *, decimals: int, binary: bool) -> None:
        super().__init__(letter, style)
        self._decimals = decimals
        self._binary = binary

    def regular(self, values: Sequence[str]) -> Iterable[str] | None:
        if max(map(len, values), default=0) > DIGITS_MAX or "".join(values).encode().translate(None, _NUMERALS):
            return None
        return values

    def cell(self, value: str, row: str) -> str:
        if _NUMBER.fullmatch(value) and (self._binary or self._fits(value)):
            return self._plain % (row, value)
        self.as_text += 1
        return self.text_cell(value, row)

    def _fits(self, value: str) -> bool:
        if sum(character.isdigit() for character in value) <= DIGITS_MAX:
            return True
        try:
            return fits(Decimal(value), decimals=self._decimals)
        except InvalidOperation:
            return False


def fits(number: Decimal, *, decimals: int) -> bool:
    """Whether a sheet may hold `number` as one: it has 15 digits, or shows no more with `decimals` of a fraction."""
    if not number.is_finite():
        return False
    digits = number.normalize().as_tuple()
    significant, exponent = len(digits.digits), int(digits.exponent)
    if significant <= DIGITS_MAX:
        return True
    shown = number.adjusted() + 1 + decimals
    return exponent < -decimals and shown <= DIGITS_MAX


def decimals_of(column: Column) -> int:
    """How many digits behind the point a value of `column` has where it is shown in full: a percent, two more."""
    return column.format.decimals + (2 if column.format.kind == "percent" else 0)


class BooleanWriter(CellWriter):
    """True and false."""

    template = '<c r="{letter}%s" s="{style}" t="b"><v>%s</v></c>'

    def regular(self, values: Sequence[str]) -> Iterable[str] | None:
        signs = list(map(_TRUTH.get, values))
        return None if None in signs else signs  # type: ignore[return-value]

    def cell(self, value: str, row: str) -> str:
        sign = _TRUTH.get(value)
        return self.text_cell(value, row) if sign is None else self._plain % (row, sign)


_TRUTH = {"t": "1", "f": "0", "true": "1", "false": "0"}


class DateWriter(CellWriter):
    """Days, as Excel counts them; what lies outside its calendar stays text."""

    def __init__(self, letter: str, style: int) -> None:
        super().__init__(letter, style)
        self._serials = Days()

    def regular(self, values: Sequence[str]) -> Iterable[str] | None:
        serials = list(map(self._serials.__getitem__, values))
        return None if None in serials else serials  # type: ignore[return-value]

    def cell(self, value: str, row: str) -> str:
        serial = self._serials[value]
        if serial is None:
            self.as_text += 1
            return self.text_cell(value, row)
        return self._plain % (row, serial)


class MomentWriter(CellWriter):
    """Timestamps, in the column's zone where they carry an offset."""

    def __init__(self, letter: str, style: int, *, timezone: str | None) -> None:
        super().__init__(letter, style)
        self._serials = Moments(timezone)

    def regular(self, values: Sequence[str]) -> Iterable[str] | None:
        return self._serials.batch(values)

    def cell(self, value: str, row: str) -> str:
        serial = self._serials.serial(value)
        if serial is None:
            self.as_text += 1
            return self.text_cell(value, row)
        return self._plain % (row, serial)


class ClockWriter(CellWriter):
    """Times of day, as a share of the day."""

    def regular(self, values: Sequence[str]) -> Iterable[str] | None:
        return None

    def cell(self, value: str, row: str) -> str:
        serial = clock_serial(value)
        if serial is None:
            self.as_text += 1
            return self.text_cell(value, row)
        return self._plain % (row, serial)


_NUMERIC = {"smallint", "integer", "bigint", "oid", "numeric", "real", "double precision"}


def writer_for(column: Column, letter: str, style: int, *, plain: int) -> CellWriter:
    """The writer of `column`'s cells. `plain` is the style of a text that is no link."""
    kind = canonical(column.type)
    match column.format.kind:
        case "integer" | "number" | "percent" | "identifier" if kind in _NUMERIC:
            binary = kind in ("real", "double precision")
            return NumberWriter(letter, style, decimals=decimals_of(column), binary=binary)
        case "date" if kind == "date":
            return DateWriter(letter, style)
        case "date":
            return MomentWriter(letter, style, timezone=column.format.timezone)
        case "datetime":
            return MomentWriter(letter, style, timezone=column.format.timezone)
        case "time":
            return ClockWriter(letter, style)
        case "boolean":
            return BooleanWriter(letter, style)
        case "link":
            return LinkWriter(letter, style, plain=plain)
        case _:
            return TextWriter(letter, style)
