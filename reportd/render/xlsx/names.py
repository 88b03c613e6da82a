"""What Excel lets a sheet, a table and a column be called, and names that keep to it."""

from __future__ import annotations

import re
from collections.abc import Iterable

SHEET_UNITS_MAX = 31
HEADER_UNITS_MAX = 255
_SHEET_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f\x7f\ufffe\uffff]+")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f\ufffe\uffff]+")
# Excel's own escape. A table's description and its heading would not agree on what it means, and must agree.
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_CELL_LIKE = re.compile(r"[a-z]{1,3}\d+|r\d*|c\d*|r\d*c\d*", re.IGNORECASE)


class Names:
    """The sheet and table names of one workbook: each legal, each there once, whatever its case."""

    def __init__(self) -> None:
        # Excel keeps "History" for itself, in every language.
        self._sheets = {"history"}
        self._tables: set[str] = set()

    def sheet(self, title: str, *, part: int = 1) -> str:
        """A name for a new sheet after `title`; `part` > 1 marks a continuation: `Orders (2)`."""
        base = re.sub(r"\s+", " ", _SHEET_FORBIDDEN.sub(" ", title)).strip(" '") or "Data"
        suffix = f" ({part})" if part > 1 else ""
        return _unique(base, suffix, self._sheets, SHEET_UNITS_MAX)

    def table(self, title: str) -> str:
        """A name for a new Excel table after `title`, fit for a formula: `Orders_2026`."""
        base = re.sub(r"\W+", "_", title).strip("_") or "Rows"
        if not base[0].isalpha() or _CELL_LIKE.fullmatch(base) or base.lower().startswith("print_"):
            base = f"T_{base}"
        return _unique(base, "", self._tables, 100, joint="_")


def unique_headers(titles: Iterable[str]) -> list[str]:
    """Column headings as a table needs them: never empty, each once whatever its case, at most 255 characters."""
    taken: set[str] = set()
    return [
        _unique(
            _ESCAPE.sub("-", _UNPRINTABLE.sub(" ", title)).strip() or f"Column {number}", "", taken, HEADER_UNITS_MAX
        )
        for number, title in enumerate(titles, start=1)
    ]


def structured(table: str, header: str) -> str:
    """The formula reference of a table's column: `Orders[Amount]`; the grammar's own signs get an apostrophe."""
    escaped = re.sub(r"(['#\[\]])", r"'\1", header)
    return f"{table}[{escaped}]"


def _unique(base: str, suffix: str, taken: set[str], units_max: int, *, joint: str = " ") -> str:
    number = 1
    while True:
        tail = suffix if number == 1 else f"{joint}{number}{suffix}"
        name = clip(base, units_max - units(tail)).rstrip(" '") + tail
        if name.casefold() not in taken:
            taken.add(name.casefold())
            return name
        number += 1


def units(text: str) -> int:
    """Length as Excel counts it: UTF-16 units, so most emoji are two."""
    return len(text.encode("utf-16-le")) // 2


def clip(text: str, units_max: int) -> str:
    """The longest start of `text` that Excel counts as at most `units_max` characters."""
    if len(text) <= units_max // 2:
        return text
    # A pair that is cut in two goes.
    return text[:units_max].encode("utf-16-le")[: 2 * units_max].decode("utf-16-le", "ignore")
